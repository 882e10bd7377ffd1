"""What a table's columns are, guessed from their values, with the reason for each guess: a person may overrule it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neural.errors import guess as nearest
from neural.errors import look_up, sentence, show
from neural.tables import MOST_VALUES, TASKS, count, has_comma, numbers_of, texts_of

Array = np.ndarray[Any, Any]
MOST_CLASSES = 20  # different whole numbers that are taken for classes
MOST_LABELS = 1000  # classes of any kind
STRAY = 0.1  # the share of texts that may lie among numbers: they count as missing
DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T]\d{1,2}:\d{2}.*)?")
ROW_NUMBER = re.compile(r"(.*[_ -])?(id|ID|Id|index|key|uuid|row|nr|no)|Unnamed.*|column 1")
LEFT_OUT, NUMBER, CATEGORY = "left out", "number", "category"
SAID = "as you said"


@dataclass(frozen=True)
class Guess:
    """What a column is taken for ("number", "category", "left out", "target"), and why."""

    name: str
    kind: str
    why: str


# --- the target ----------------------------------------------------------------------------------------------------
def guess_task(table: Any, target: str, task: str | None = None) -> tuple[str, str]:
    """Return "classes" or "values" for the target, and why; ValueError for one that cannot be learned.

    >>> import pandas
    >>> guess_task(pandas.DataFrame({"y": ["yes", "no", "no"]}), "y")
    ('classes', 'text with 2 different values')
    """
    check_column(table, target, "target")
    series = table[target].dropna()
    if not len(series):
        raise ValueError(sentence("the target", "a column with values", target, "Every row of it is missing."))
    values = numbers_of(series)
    found, why = _task_of(series, values)
    if task is not None and task != found:
        look_up("the task", task, dict.fromkeys(TASKS))
        found, why = task, SAID
    _check_target(target, series, values, found)
    return found, why


def _task_of(series: Any, values: Array) -> tuple[str, str]:
    different = series.nunique()
    if np.isnan(values).any():
        return "classes", f"text with {different} different values{_commas(texts_of(series))}"
    if different <= 2 and _is_truth(series):
        return "classes", "true or false"
    if different <= MOST_CLASSES and (values == np.floor(values)).all() and different <= max(2, len(values) // 4):
        return "classes", f"whole numbers with {different} different values"
    return "values", f"numbers with {different} different values"


def _check_target(target: str, series: Any, values: Array, task: str) -> None:
    different = series.nunique()
    if different < 2:
        value = texts_of(series.iloc[:1]).iloc[0]
        raise ValueError(
            sentence("the target", "a column with two different values at least", target, f"All are {value!r}.")
        )
    if task == "values" and np.isnan(values).any():
        odd = texts_of(series).iloc[int(np.isnan(values).argmax())]
        raise ValueError(sentence("the target", "numbers for the task 'values'", odd, "Choose the task 'classes'."))
    commas = _commas(texts_of(series)).removeprefix("; ")
    if task == "classes" and (different > MOST_LABELS or different > max(2, len(series) // 2)):
        step = "Is it free text or a number of the row? Choose another target, or the task 'values' for numbers."
        rule = f"two rows for each class, and at most {MOST_LABELS} classes"
        found = f"{different} classes in {count(len(series), 'row')}"
        step = f"They are {commas}." if commas else step
        raise ValueError(f"The target {target!r} must have {rule}. Got {found}. {step}")


def _is_truth(series: Any) -> bool:
    return set(texts_of(series).str.lower()) <= {"true", "false"}


def _commas(texts: Any) -> str:
    """Return what to say of texts that are numbers, but for their commas; nothing of others."""
    some = texts.dropna().iloc[:100].tolist()
    if not some or not all(map(has_comma, some)):
        return ""
    return f"; numbers written with a comma, {some[0]!r}: write them as in 1234.5"


def check_column(table: Any, name: str, what: str) -> None:
    """Raise ValueError, which names the one that may be meant, unless the table has this column."""
    if name not in table.columns:
        names = [str(column) for column in table.columns]
        shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
        raise ValueError(
            f"the {what} must be a column of the table: {shown}. Got {show(name)}. {nearest(name, names)}".rstrip()
        )


# --- the columns ---------------------------------------------------------------------------------------------------
def guess_columns(
    table: Any, target: str, drop: Iterable[str] = (), category: Iterable[str] = (), number: Iterable[str] = ()
) -> list[Guess]:
    """Return a guess for each column but the target; ``drop``, ``category`` and ``number`` name those that are known.

    >>> import pandas
    >>> table = pandas.DataFrame({"id": range(6), "size": [3, 1, 2, 2, 5, 1], "y": [0, 1, 0, 1, 0, 1]})
    >>> for found in guess_columns(table, "y"):
    ...     print(found.name, found.kind, found.why, sep=": ")
    id: left out: numbers the rows
    size: number: 4 different values
    """
    said = _said(table, target, {LEFT_OUT: drop, CATEGORY: category, NUMBER: number})
    found = [_guess(table[name], str(name), said.get(name)) for name in table.columns if name != target]
    if all(guess.kind == LEFT_OUT for guess in found):
        reasons = "; ".join(f"{guess.name}: {guess.why}" for guess in found[:5]) or "there is no other column"
        raise ValueError(f"The table must have a column to learn from besides the target. Got none ({reasons}).")
    return found


def _said(table: Any, target: str, named: Mapping[str, Iterable[str]]) -> dict[str, str]:
    said: dict[str, str] = {}
    for kind, names in named.items():
        for name in names:
            check_column(table, name, {LEFT_OUT: "column to drop"}.get(kind, f"column of kind {kind}"))
            if name == target or name in said:
                raise ValueError(sentence("a column", "named once: as target, dropped, category or number", name))
            said[name] = kind
    return said


def _guess(series: Any, name: str, said: str | None) -> Guess:
    if said == NUMBER and np.isnan(numbers_of(series)).all():
        texts = texts_of(series).dropna()
        step = "Write them without a comma, as in 1234.5." if _commas(texts) else ""
        raise ValueError(sentence(f"the column {name!r}", "one of numbers", texts.iloc[:1].tolist(), step))
    kind, why = next(verdict for verdict in (rule(series, name) for rule in RULES) if verdict[0])
    return Guess(name, kind, why) if said in (None, kind) else Guess(name, str(said), SAID)


Verdict = tuple[str, str]
NONE = ("", "")


def _empty(series: Any, name: str) -> Verdict:
    return (LEFT_OUT, "no values") if series.isna().all() else NONE


def _constant(series: Any, name: str) -> Verdict:
    alone = series.nunique() == 1 and not series.isna().any()
    return (LEFT_OUT, f"always {texts_of(series.iloc[:1]).iloc[0]!r}") if alone else NONE


def _date(series: Any, name: str) -> Verdict:
    if series.dtype.kind in "mM":
        return LEFT_OUT, "dates: give numbers, such as year and month"
    some = texts_of(series.dropna().iloc[:100])
    return (LEFT_OUT, "dates: give numbers, such as year and month") if some.str.fullmatch(DATE).all() else NONE


def _number(series: Any, name: str) -> Verdict:
    values = numbers_of(series)
    fine = values[~np.isnan(values)]
    stray = int(series.notna().sum()) - len(fine)
    if not len(fine) or stray > STRAY * (len(fine) + stray):
        return NONE
    if _numbers_rows(fine, name, len(series)):
        return LEFT_OUT, "numbers the rows"
    different = len(np.unique(fine))
    truth = different <= 2 and _is_truth(series.dropna())
    parts = ["true or false" if truth else count(different, "different value")]
    parts += [f"{count(stray, 'text')} among them count as missing"] if stray else []
    gone = int(series.isna().sum())
    return NUMBER, ", ".join([*parts, *([f"{gone:,} missing"] if gone else [])])


def _numbers_rows(values: Array, name: str, rows: int) -> bool:
    """Return whether these are whole numbers, a new one for each row, that count them or are called so."""
    if len(values) < rows or rows < 3 or (values != np.floor(values)).any() or len(np.unique(values)) < rows:
        return False
    return bool((np.diff(values) == 1).all()) or ROW_NUMBER.fullmatch(name) is not None


def _text(series: Any, name: str) -> Verdict:
    texts = texts_of(series)
    different, filled = texts.nunique(), int(texts.notna().sum())
    if different > max(2, filled // 2):
        what = _commas(texts).removeprefix("; ") or "a name or free text"
        return LEFT_OUT, f"nearly every value is another ({different:,} in {count(filled, 'row')}): {what}"
    more = f", the most frequent {MOST_VALUES} used" if different > MOST_VALUES else ""
    gone = len(texts) - filled
    lost = f", {gone:,} missing" if gone else ""
    return CATEGORY, f"text with {count(different, 'different value')}{more}{lost}{_commas(texts)}"


RULES: Sequence[Callable[[Any, str], Verdict]] = (_empty, _constant, _date, _number, _text)
