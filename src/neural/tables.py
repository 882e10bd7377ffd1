"""A table as a network takes it: which columns, and how each becomes numbers.

A number stays as it is; where it is missing stands the mean of the training rows, and a 1 in a column of its own if
some were missing there. A category is a 1 in the column of its value: one-hot; or a code, the number of its value,
which a layer looks up. ``Columns`` lies in the model file as plain values (docs/file-format.md), so that what predicts
does exactly what training did.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from neural.errors import one_of, sentence

Array = np.ndarray[Any, Any]
LARGEST_VALUE = 1e100  # beyond it no deviation can be computed: such a value counts as missing
MOST_VALUES = 50  # of a category; the rest, the rarest, are as unknown ones: zeros
WHOLE = re.compile(r"^([-+]?\d+)\.0+$")
WITH_COMMA = re.compile(r"\s*[-+]?(\d[\d.]*,\d+|\d{1,3}(,\d{3})+(\.\d+)?)\s*")  # 1.234,5 and 1,234.5
TRUTHS = {"true": 1.0, "True": 1.0, "TRUE": 1.0, "false": 0.0, "False": 0.0, "FALSE": 0.0}
KEYS = ("target", "task", "columns")
NUMBER = ("name", "kind", "mean", "low", "high", "missing")
CATEGORY = ("name", "kind", "values")
TASKS = ("classes", "values")


@dataclass(frozen=True)
class Number:
    """A column of numbers: ``mean``, ``low``, ``high`` in training, and whether an input says what is ``missing``."""

    name: str
    mean: float
    low: float
    high: float
    missing: bool = False

    @property
    def inputs(self) -> list[str]:
        """What the inputs are called that come of this column."""
        return [self.name, f"{self.name} is missing"] if self.missing else [self.name]

    @property
    def spans(self) -> list[tuple[float, float]]:
        """The least and the largest value of each input in training."""
        return [(self.low, self.high), *([(0.0, 1.0)] if self.missing else [])]


@dataclass(frozen=True)
class Category:
    """A column of categories, and the values that have an input each."""

    name: str
    values: tuple[str, ...]

    @property
    def inputs(self) -> list[str]:
        """What the inputs are called that come of this column."""
        return [f"{self.name} = {value}" for value in self.values]

    @property
    def spans(self) -> list[tuple[float, float]]:
        """The least and the largest value of each input."""
        return [(0.0, 1.0)] * len(self.values)


@dataclass(frozen=True)
class Code:
    """A column of categories as the number of its value, from 0 on: -1 where it is missing, or new since training."""

    name: str
    values: tuple[str, ...]

    @property
    def inputs(self) -> list[str]:
        """What the input is called that comes of this column."""
        return [self.name]

    @property
    def spans(self) -> list[tuple[float, float]]:
        """The least and the largest code."""
        return [(0.0, len(self.values) - 1.0)]


Column = Number | Category | Code


@dataclass
class Encoded:
    """A table as rows (n, inputs), and what had to be made up: sentences for the user."""

    rows: Array
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Columns:
    """The target, the task ("classes" or "values"), and the columns that the network takes, in order.

    >>> import pandas
    >>> rooms, heating = Number("rooms", 3.5, 1.0, 9.0, True), Category("heating", ("gas", "oil"))
    >>> columns = Columns("price", "values", (rooms, heating))
    >>> columns.inputs
    ['rooms', 'rooms is missing', 'heating = gas', 'heating = oil']
    >>> table = pandas.DataFrame({"heating": ["oil", "wood"], "rooms": [2, None]})
    >>> columns.encode(table).rows
    array([[2. , 0. , 0. , 1. ],
           [3.5, 1. , 0. , 0. ]])
    >>> columns.encode(table).remarks
    ["heating: 1 value is new, not there in training ('wood'): taken as none."]
    """

    target: str
    task: Literal["classes", "values"]
    columns: tuple[Column, ...]

    @property
    def inputs(self) -> list[str]:
        """What the network's inputs are called, in order."""
        return [name for column in self.columns for name in column.inputs]

    @property
    def ends(self) -> Array:
        """Two rows of inputs, the least and the largest of training."""
        return np.array([span for column in self.columns for span in column.spans], np.float64).T

    def fill(self, arrays: Mapping[str, Array]) -> Array:
        """Return the network's inputs for columns as arrays (n,): float64 with NaN, or texts and None.

        >>> columns = Columns("y", "values", (Code("heating", ("gas", "oil")),))
        >>> columns.fill({"heating": np.array(["oil", None, "wood"])})
        array([[ 1.],
               [-1.],
               [-1.]])
        """
        rows = np.zeros((len(arrays[self.columns[0].name]), len(self.inputs)))
        for column, out in self._parts(rows):
            FILL[type(column)](column, arrays[column.name], out)
        return rows

    def _parts(self, rows: Array) -> Iterator[tuple[Column, Array]]:
        """Yield each column with its inputs of the rows."""
        start = 0
        for column in self.columns:
            stop = start + len(column.inputs)
            yield column, rows[:, start:stop]
            start = stop

    def encode(self, table: Any) -> Encoded:
        """Return the network's inputs for a data frame; other columns in it are left alone, ValueError if one lacks."""
        self._check_there(table)
        found = Encoded(np.zeros((len(table), len(self.inputs))))
        for column, out in self._parts(found.rows):
            remark = ENCODE[type(column)](column, table[column.name], out)
            found.remarks += [f"{column.name}: {remark}."] if remark else []
        return found

    def _check_there(self, table: Any) -> None:
        lacking = [column.name for column in self.columns if column.name not in table.columns]
        if lacking:
            wanted = ", ".join(column.name for column in self.columns)
            shown = ", ".join(map(repr, lacking[:5])) + (" and others" if len(lacking) > 5 else "")
            raise ValueError(
                f"The table must have the columns that the model was trained on: {wanted}. It lacks {shown}."
            )

    def to_plain(self) -> dict[str, Any]:
        """Return this as what JSON can hold."""
        return dict(zip(KEYS, (self.target, self.task, list(map(_plain, self.columns))), strict=True))

    @classmethod
    def from_plain(cls, plain: Any) -> Columns:
        """Return what ``to_plain`` has described; ValueError for anything that it would not have written.

        >>> Columns.from_plain({"target": "y", "task": "guess", "columns": []})
        Traceback (most recent call last):
        ValueError: the task of columns must be one of 'classes', 'values'. Got 'guess'.
        """
        _check("columns", "an object of " + ", ".join(KEYS), plain, isinstance(plain, dict) and tuple(plain) == KEYS)
        target, task, columns = plain.values()
        _check("the target of columns", "text", target, isinstance(target, str))
        _check("the task of columns", one_of(TASKS), task, isinstance(task, str) and task in TASKS)
        _check("the list of columns", "a list that is not empty", columns, isinstance(columns, list) and columns != [])
        found = tuple(map(_column, columns))
        names = [column.name for column in found]
        _check(
            "the names of columns", "different, and none the target's", names, len({target, *names}) == 1 + len(names)
        )
        return cls(target, task, found)


def _check(what: str, rule: str, value: Any, fine: bool) -> None:
    if not fine:
        raise ValueError(sentence(what, rule, value))


def _plain(column: Column) -> dict[str, Any]:
    if isinstance(column, Number):
        numbers = map(float, (column.mean, column.low, column.high))
        return dict(zip(NUMBER, (column.name, "number", *numbers, column.missing), strict=True))
    kind = "code" if isinstance(column, Code) else "category"
    return dict(zip(CATEGORY, (column.name, kind, list(column.values)), strict=True))


def _column(plain: Any) -> Column:
    rule = f"an object of {', '.join(NUMBER)} or {', '.join(CATEGORY)}"
    kind = str(plain.get("kind")) if isinstance(plain, dict) else ""
    keys = {"number": NUMBER, "category": CATEGORY, "code": CATEGORY}.get(kind)
    _check("a column", rule, plain, keys is not None and tuple(plain) == keys and isinstance(plain["name"], str))
    if keys == NUMBER:
        low, mean, high = numbers = [plain[name] for name in ("low", "mean", "high")]
        fine = all(type(x) is float and math.isfinite(x) for x in numbers) and low <= mean <= high
        _check("low, mean and high of a column", "finite numbers in this order, written with a point", numbers, fine)
        _check("missing of a column", "true or false", plain["missing"], isinstance(plain["missing"], bool))
        return Number(plain["name"], mean, low, high, plain["missing"])
    values = plain["values"]
    fine = isinstance(values, list) and all(isinstance(v, str) for v in values) and len(set(values)) == len(values) > 0
    _check("the values of a column", "different texts", values, fine)
    return (Code if kind == "code" else Category)(plain["name"], tuple(values))


# --- columns as arrays ---------------------------------------------------------------------------------------------
def numbers_of(series: Any) -> Array:
    """Return a column as float64, NaN where there is none, or none that is finite and below 1e100; true is 1."""
    import pandas

    if series.dtype.kind in "biuf" and isinstance(series.dtype, np.dtype):
        found = series.to_numpy(np.float64, copy=True)
    else:
        found = pandas.to_numeric(series, errors="coerce").to_numpy(np.float64, na_value=np.nan, copy=True)
        odd = np.flatnonzero(np.isnan(found) & series.notna().to_numpy())
        found[odd] = [TRUTHS.get(text, np.nan) for text in texts_of(series.iloc[odd])]
    with np.errstate(invalid="ignore"):
        found[~(np.abs(found) <= LARGEST_VALUE)] = np.nan
    return found


def texts_of(series: Any) -> Any:
    """Return a column as a series of texts and None; a whole number as its digits, also where others have fractions."""
    import pandas

    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "biufSU":
        values = [None if value != value else text(value) for value in series.tolist()]
    else:
        absent = series.isna().to_numpy()
        values = [None if gone else text(value) for value, gone in zip(series.tolist(), absent, strict=True)]
    return pandas.Series(values, index=series.index, dtype=object)


def text(value: Any) -> str:
    """Return a value as the text that stands for it among categories: a whole number as its digits.

    >>> text(2.0), text(" gas "), text(b"oil")
    ('2', 'gas', 'oil')
    """
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value).strip()


def _fill_number(column: Number, values: Array, out: Array) -> None:
    gone = np.isnan(values)
    out[:, 0] = np.where(gone, column.mean, values)
    if column.missing:
        out[:, 1] = gone


def _fill_category(column: Category, texts: Array, out: Array) -> None:
    places = codes_of(column.values, texts)
    known = np.flatnonzero(places >= 0)
    out[known, places[known]] = 1


def _fill_code(column: Code, texts: Array, out: Array) -> None:
    out[:, 0] = codes_of(column.values, texts)


def codes_of(values: Sequence[str], texts: Iterable[Any]) -> Array:
    """Return the number of each text among the values, -1 for others and None; 3.0 of a file may stand for 3.

    >>> codes_of(["2", "3", "gas"], ["3", "3.0", " gas", "oil", None])
    array([ 1,  1,  2, -1, -1])
    """
    place = {value: number for number, value in enumerate(values)}
    alike = {plain(value): number for value, number in reversed(place.items())}
    texts = list(texts)
    odd = {t for t in set(texts) - place.keys() if isinstance(t, str)}
    place |= {t: alike.get(plain(t), -1) for t in odd}
    return np.array([place.get(t, -1) for t in texts], dtype=np.int64)


def plain(value: str) -> str:
    """Return a text without blanks around it, and a whole number without zeros behind a point.

    >>> plain("3.0"), plain("3.05"), plain(" gas")
    ('3', '3.05', 'gas')
    """
    return WHOLE.sub(r"\1", value.strip())


FILL: Mapping[type, Callable[[Any, Array, Array], None]] = {
    Number: _fill_number,
    Category: _fill_category,
    Code: _fill_code,
}


def _encode_number(column: Number, series: Any, out: Array) -> str:
    values = numbers_of(series)
    gone = np.isnan(values)
    _fill_number(column, values, out)
    odd = _not_numbers(series, gone)
    width = column.high - column.low
    far = np.flatnonzero((values < column.low - width) | (values > column.high + width))
    remarks = []
    if odd is not None:
        comma = ", written with a comma" if has_comma(odd[1]) else ""
        remarks.append(f"{_are(odd[0])} no usable number ({odd[1]!r}{comma}): taken as missing")
    elif gone.any() and not column.missing:
        remarks.append(
            f"{_are(int(gone.sum()))} missing, as none was in training: the mean, {column.mean:.6g}, is taken"
        )
    if len(far):
        seen = f"{column.low:.6g} to {column.high:.6g}"
        remarks.append(f"{_are(len(far))} far from those of training, {seen} ({values[far[0]]:.6g})")
    return "; ".join(remarks)


def _are(n: int) -> str:
    return f"{count(n, 'value')} {'is' if n == 1 else 'are'}"


def has_comma(value: Any) -> bool:
    """Return whether this is a number with a comma: in place of the point, or between thousands.

    >>> has_comma("-1.234,5"), has_comma("1,234.5"), has_comma("1,a"), has_comma("1.5")
    (True, True, False, False)
    """
    return isinstance(value, str) and WITH_COMMA.fullmatch(value) is not None


def _not_numbers(series: Any, gone: Array) -> tuple[int, Any] | None:
    """Return how many values there are that are no numbers, and the first of them."""
    odd = np.flatnonzero(gone & ~series.isna().to_numpy())
    return (len(odd), series.iloc[odd[0]]) if len(odd) else None


def _encode_category(column: Category | Code, series: Any, out: Array) -> str:
    texts = texts_of(series)
    FILL[type(column)](column, texts.to_numpy(), out)
    odd = np.flatnonzero(texts.notna().to_numpy() & (codes_of(column.values, texts.to_numpy()) < 0))
    if not len(odd):
        return ""
    return f"{_are(len(odd))} new, not there in training ({texts.iloc[odd[0]]!r}): taken as none"


ENCODE: Mapping[type, Any] = {Number: _encode_number, Category: _encode_category, Code: _encode_category}


def count(n: int, noun: str) -> str:
    """Return the number and its noun.

    >>> count(1, "row"), count(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def measured(table: Any, target: str, task: Any, kinds: Sequence[tuple[str, str]]) -> Columns:
    """Return the columns of these names and kinds, "number" or "category", as the rows of a table have them.

    ``table`` is the rows to train on alone: means and values of others are not to be known.

    >>> import pandas
    >>> table = pandas.DataFrame({"a": ["1", None, "4"], "b": ["x", "y", "x"]})
    >>> measured(table, "y", "classes", [("a", "number"), ("b", "category")]).columns
    (Number(name='a', mean=2.5, low=1.0, high=4.0, missing=True), Category(name='b', values=('x', 'y')))
    """
    found: list[Column] = []
    for name, kind in kinds:
        if kind == "number":
            values = numbers_of(table[name])
            gone = np.isnan(values)
            there = np.zeros(1) if gone.all() else values[~gone]
            low, high = float(there.min()), float(there.max())
            found.append(Number(name, float(np.clip(there.mean(), low, high)), low, high, bool(gone.any())))
        else:
            counts = texts_of(table[name]).value_counts()
            kept = sorted(counts.index[:MOST_VALUES])
            found += [Category(name, tuple(kept))] if kept else []
    return Columns(target, task, tuple(found))
