"""What is learned of a table before the training: its columns, how they are centred and scaled, the bins of each.

Numbers are moved by their median and scaled by the distance of their quartiles, so that neither the unit of a column
nor a few wild values in it matter (robust scaling; Holzmüller, Grinsztajn and Steinwart, Better by default, NeurIPS
2024, section 3). The network bends what is still far from 0.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from neural.errors import sentence
from neural.row_weights import of_rows, quantiles
from neural.tables import Code, Column, Columns, Number, text

Array = np.ndarray[Any, Any]
MOST_LEVELS = 1000  # of a category: the rarest are as unknown ones


@dataclass(frozen=True)
class Scaled:
    """Columns, numbers first, and for each input what is taken off it and what the rest is multiplied by.

    ``levels`` are the numbers of different values of the last inputs, which are codes and stay as they are.
    """

    columns: Columns
    centre: Array
    factor: Array
    levels: tuple[int, ...]

    def fill(self, arrays: Mapping[str, Array]) -> Array:
        """Return the rows of a table (n, inputs), none missing, and codes for categories; numbers are not scaled.

        ValueError for texts in a column that had numbers.
        """
        columns = self.columns.columns
        return self.columns.fill({c.name: alike(c.name, arrays[c.name], not isinstance(c, Number)) for c in columns})

    def scaled(self, rows: Array) -> Array:
        """Return filled rows as networks are trained on them, float32: numbers scaled, then codes."""
        return ((rows - self.centre) * self.factor).astype(np.float32)


def learned(
    arrays: Mapping[str, Array], categorical: Collection[str], target: str, task: Literal["classes", "values"],
    weights: Array | None = None,
) -> Scaled:  # fmt: skip
    """Return the columns of a table by name, those that say something, and their scales.

    Arrays are float64 with NaN, or texts with None; ``categorical`` names those of numbers that are categories too.
    ``weights`` (n,) above 0 say how often each row counts, in medians, quartiles, and in which values are the rarest.

    >>> arrays = {"a": np.array([1.0, 2.0, 3.0, np.nan]), "b": np.array(["x", "y", "x", None])}
    >>> found = learned(arrays, (), "y", "values")
    >>> found.columns.inputs, found.centre, found.factor, found.levels
    (['a', 'a is missing', 'b'], array([2., 0., 0.]), array([1., 1., 1.]), (2,))
    """
    numbers, codes = list[Column](), list[Column]()
    for name, values in arrays.items():
        if values.dtype == object or name in categorical:
            codes += _code(name, values, weights)
        else:
            numbers += _number(name, values, weights)
    found = [*numbers, *codes]
    if not found:  # nothing tells the rows apart: one input that is always the same
        name = next(iter(arrays))
        found = [Number(name, 0.0, 0.0, 0.0)]
    columns = Columns(target, task, tuple(found))
    centre, factor = np.zeros(len(columns.inputs)), np.ones(len(columns.inputs))
    place = 0
    for column in found:
        if isinstance(column, Number) and column.name in arrays:
            centre[place], factor[place] = column.mean, _factor(*_there(arrays[column.name], weights))
        place += len(column.inputs)
    return Scaled(columns, centre, factor, tuple(len(c.values) for c in found if isinstance(c, Code)))


def _there(values: Array, weights: Array | None) -> tuple[Array, Array | None]:
    """Return the numbers that are not missing, and their weights."""
    there = ~np.isnan(values)
    return values[there], of_rows(weights, there)


def _number(name: str, values: Array, weights: Array | None) -> list[Column]:
    gone = np.isnan(values)
    if gone.all() or (not gone.any() and (values == values[0]).all()):
        return []
    there, weights = _there(values, weights)
    middle = np.median(there) if weights is None else quantiles(there, 0.5, weights)
    return [Number(name, float(middle), float(there.min()), float(there.max()), bool(gone.any()))]


def _code(name: str, values: Array, weights: Array | None) -> list[Column]:
    texts = values if values.dtype == object else texts_of_numbers(values)
    there = texts != None  # noqa: E711
    kinds, codes = np.unique(texts[there].astype(str), return_inverse=True)
    counts = np.bincount(codes, of_rows(weights, there))
    if len(kinds) < 2 and there.all():
        return []
    kept = np.sort(kinds[np.argsort(-counts, kind="stable")[:MOST_LEVELS]])
    return [Code(name, tuple(map(str, kept)))] if len(kept) else []


def alike(name: str, values: Array, texts: bool) -> Array:
    """Return a column of a table as the same column of another is: as texts, or as numbers.

    ValueError for texts in a column of numbers.
    """
    if texts:
        return values if values.dtype == object else texts_of_numbers(values)
    if values.dtype != object:
        return values
    if not all(value is None for value in values):
        raise ValueError(sentence(f"the column {name}", "of numbers, as in the fit", values))
    return np.full(len(values), np.nan)


def texts_of_numbers(values: Array) -> Array:
    """Return numbers as the texts of categories: whole ones as their digits, None for NaN."""
    return np.array([None if value != value else text(value) for value in values.tolist()], dtype=object)


def _factor(there: Array, weights: Array | None) -> float:
    """Return 1 over the distance of the quartiles, or 2 over that of the ends where half of the values are the same."""
    if not len(there):
        return 1.0
    low, high = quantiles(there, [0.25, 0.75], weights)
    if high > low:
        return float(1 / (high - low))
    low, high = there.min(), there.max()
    return float(2 / (high - low)) if high > low else 1.0


def edges_of(rows: Array, bins: int, weights: Array | None = None) -> list[Array]:
    """Return for each column of numbers the edges of at most so many bins: quantiles, each once.

    >>> edges_of(np.array([[0.0], [1.0], [1.0], [1.0], [2.0]]), 4)
    [array([0., 1., 2.])]
    """
    found = [np.unique(quantiles(column, np.linspace(0, 1, bins + 1), weights)) for column in rows.T]
    return [edges if len(edges) > 1 else np.array([edges[0], edges[0] + 1]) for edges in found]


def categorical_names(X: Any, names: Collection[str], given: Any) -> tuple[str, ...]:
    """Return the columns of numbers that are to be categories: by name, by number, or by one True or False for each."""
    if given is None:
        return ()
    names = list(names)
    rule = "names of columns, their numbers, or True or False for each"
    try:
        found = np.asarray(given)
    except ValueError:  # lists of different lengths
        raise ValueError(sentence("categorical_features", rule, given)) from None
    if found.ndim != 1:
        raise ValueError(sentence("categorical_features", rule, given))
    if found.dtype == bool and len(found) == len(names):
        return tuple(name for name, chosen in zip(names, found, strict=True) if chosen)
    if found.dtype.kind in "iu" and ((found >= 0) & (found < len(names))).all():
        return tuple(names[k] for k in found)
    unknown = [name for name in found.tolist() if name not in names]
    if unknown or found.dtype.kind in "iub":
        raise ValueError(sentence("categorical_features", rule, given, f"There are {len(names)} columns."))
    return tuple(found.tolist())
