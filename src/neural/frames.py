"""Any table as columns: arrays of numbers, or of texts, by name. NumPy alone; data frames of any kind by narwhals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from neural.errors import sentence
from neural.inputs import refuse_lazy
from neural.tables import LARGEST_VALUE, count, text

Array = np.ndarray[Any, Any]


def columns_of(X: Any) -> dict[str, Array]:
    """Return each column by name: float64 (n,) with NaN where one is missing, or texts (n,) with None.

    A data frame's columns are numbers or categories by their types: true and false are 1 and 0. The columns of an array
    are called x0, x1 and so on; of one of objects, a column is numbers if all of its values are. ValueError for
    dates and the like, and for what is not finite but not missing.

    >>> columns_of(np.array([[1, "gas"], [None, "oil"]], dtype=object))
    {'x0': array([ 1., nan]), 'x1': array(['gas', 'oil'], dtype=object)}
    """
    if isinstance(X, np.ndarray):
        return {f"x{k}": _of_array(f"x{k}", X[:, k]) for k in range(X.shape[1])}
    import narwhals

    frame = narwhals.from_native(X, eager_only=True)
    return {str(series.name): _of_series(str(series.name), series) for series in frame.iter_columns()}


def is_frame(X: Any) -> bool:
    """Return whether X is a data frame: something with named columns. TypeError for one that is still to be read."""
    refuse_lazy("X", X)
    return hasattr(X, "columns") or hasattr(X, "column_names")


def _of_array(name: str, values: Array) -> Array:
    if values.dtype.kind in "biuf":
        return checked(name, values.astype(np.float64))
    if values.dtype.kind not in "OUS":
        raise ValueError(sentence(f"the column {name}", "numbers or texts", values))
    plain = [None if is_missing(value) else value for value in values.tolist()]
    if all(value is None or isinstance(value, int | float | np.number) for value in plain):
        return checked(name, np.array([np.nan if value is None else float(value) for value in plain]))
    _refuse_odd(name, plain)
    return np.array([None if value is None else text(value) for value in plain], dtype=object)


def _of_series(name: str, series: Any) -> Array:
    kind = series.dtype
    if kind.is_numeric() or str(kind) == "Boolean":
        found = series.to_numpy() if not series.null_count() else [_or_nan(value) for value in series.to_list()]
        return checked(name, np.asarray(found, dtype=np.float64))
    if kind.is_temporal():
        step = "Give numbers, such as the year and the month."
        raise ValueError(sentence(f"the column {name}", "numbers or categories", f"dates ({kind})", step))
    return _of_array(name, np.array(series.to_list(), dtype=object))


def is_missing(value: Any) -> bool:
    """Return whether a value of any frame stands for none: None, NaN, or one of pandas' own."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):  # two of pandas
        return True
    return not isinstance(value, np.ndarray) and bool(value != value)


def unmasked(given: Any) -> Any:
    """Return a masked array of NumPy with None where it is masked, which would be lost on the way; others as they are.

    >>> unmasked(np.ma.masked_less([1, 2], 2))
    array([None, 2], dtype=object)
    """
    return np.where(np.ma.getmaskarray(given), None, given) if np.ma.is_masked(given) else given


def _or_nan(value: Any) -> Any:
    return np.nan if is_missing(value) else value


def _refuse_odd(name: str, plain: list[Any]) -> None:
    odd = next((value for value in plain if isinstance(value, dict | list | tuple | set | complex)), None)
    if odd is not None:
        raise TypeError(sentence(f"the column {name}", "numbers or texts", odd))


def labels_of(y: Any) -> Array:
    """Return labels as an array. ValueError if one is missing, or if objects are something else than texts.

    >>> labels_of(["a", "b"]), labels_of(np.array([True, None]))
    Traceback (most recent call last):
    ValueError: y must be labels, none missing. Got none in 1 row, the first of them row 1. Leave such rows out.
    """
    found = _targets(y, None)
    if found.ndim != 1 or found.dtype.kind not in "Of":
        return found
    labels = found.tolist()
    _refuse_missing("labels", [row for row, label in enumerate(labels) if is_missing(label)])
    if found.dtype.kind == "f":
        return found
    kinds = sorted({type(label).__name__ for label in labels if not isinstance(label, str)})
    if kinds and kinds != ["bytes"]:  # which scikit-learn refuses in its own words
        step = "Convert y, as by y.astype(str), or int, or bool."
        raise ValueError(f"Unknown label type: objects of {', '.join(kinds)}. {step}")  # as scikit-learn begins
    return found


def values_of(y: Any) -> Array:
    """Return targets as float64. ValueError for the first that is no number, missing, masked, or not finite.

    >>> values_of([3, True, None])
    Traceback (most recent call last):
    ValueError: y must be finite numbers, none missing. Got none in 1 row, the first of them row 2. Leave such rows out.
    """
    found = _targets(y, object if isinstance(y, list | tuple) else None)
    if found.dtype.kind not in "biufOUS":
        step = "Of dates give numbers, such as days." if found.dtype.kind in "mM" else ""
        raise ValueError(sentence("y", "numbers", found, step))
    if found.dtype.kind in "OUS":
        flat = [_value(row, value) for row, value in enumerate(found.ravel().tolist())]
        found = np.array(flat, dtype=np.float64).reshape(found.shape)
    with np.errstate(invalid="ignore", over="ignore"):
        found = found.astype(np.float64)
        odd = np.flatnonzero(~(np.abs(found.ravel()) <= LARGEST_VALUE))
    _refuse_missing("finite numbers", np.flatnonzero(np.isnan(found.ravel())))
    if len(odd):
        rule = f"finite and at most {LARGEST_VALUE:g} in size"
        raise ValueError(sentence("y", rule, float(found.ravel()[odd[0]]), f"See row {odd[0]}."))
    return found


def _targets(y: Any, dtype: Any) -> Array:
    """Return targets as an array of one dimension at least; TypeError for a sparse one, and for what is no array."""
    if hasattr(y, "toarray"):
        raise TypeError(sentence("y", "an array, not sparse", y, "Convert it with its method toarray."))
    found = np.asarray(unmasked(y), dtype=dtype)
    if not found.ndim:
        raise TypeError(sentence("y", "targets, one for each row", y))
    return found


def _refuse_missing(what: str, rows: Sequence[int] | Array) -> None:
    """Raise ValueError if targets are missing in any rows, whose numbers these are."""
    if len(rows):
        first = f"Got none in {count(len(rows), 'row')}, the first of them row {rows[0]}."
        raise ValueError(f"y must be {what}, none missing. {first} Leave such rows out.")


def _value(row: int, value: Any) -> float:
    if is_missing(value):
        return math.nan
    try:
        if isinstance(value, str | bytes):  # "1" would do, but then so would labels
            raise TypeError
        return float(value)
    except (TypeError, ValueError, OverflowError):
        step = f"See row {row}. For labels take TabularClassifier."
        raise ValueError(sentence("y", "numbers", value, step)) from None


def checked(name: str, values: Array) -> Array:
    """Return numbers; ValueError for infinity, and for what is so large that nothing can be computed with it."""
    with np.errstate(invalid="ignore"):
        odd = np.flatnonzero(np.abs(values) > LARGEST_VALUE)
    if len(odd):
        rule = f"finite and at most {LARGEST_VALUE:g} in size, or NaN where missing"
        raise ValueError(sentence(f"the column {name}", rule, f"infinity or a value too large, {values[odd[0]]:g}"))
    return values
