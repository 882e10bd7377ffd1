"""What comes in at the door: arrays of numbers, checked once and never changed.

float32, float64 and uint8 rows that lie in order are used where they are; anything else is copied once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from neural.errors import sentence

BLOCK = 1 << 16  # elements looked at at a time: what the check makes stays in the cache
RESHAPE = {
    1: "Reshape one sample with X.reshape(1, -1), one feature with X.reshape(-1, 1).",
    3: "Flatten images with X.reshape(len(X), -1).",
}
Names = tuple[Any, ...]  # of the columns of a data frame
DIRECT = (np.dtype(np.uint8), np.dtype(np.float32), np.dtype(np.float64))


def refuse_lazy(what: str, value: Any) -> None:
    """Raise TypeError for a table that is still to be read; its columns are not asked for, which may take long."""
    if hasattr(type(value), "collect"):
        raise TypeError(sentence(what, "a table in memory", type(value).__name__, "Call its method collect first."))


def array(what: str, value: Any) -> np.ndarray:
    """Return ``value`` as an array of numbers or of text, in the machine's byte order.

    Raises TypeError for anything else (objects are read as numbers if they all are), ValueError for ragged lists and
    masked values.

    >>> array("y", ["a", "b"]).dtype.kind
    'U'
    """
    refuse_lazy(what, value)
    if hasattr(value, "toarray"):
        raise TypeError(sentence(what, "an array, not sparse", value, "Convert it with its method toarray."))
    if isinstance(value, np.ma.MaskedArray) and np.ma.getmaskarray(value).any():
        raise ValueError(sentence(what, "free of masked values", value, _place(np.argwhere(value.mask)[0])))
    try:
        found = np.asarray(value)
        if found.dtype.kind == "U" and isinstance(value, list | tuple):  # NumPy itself turns ["a", 1] into text
            found = np.asarray(value, dtype=object)
    except ValueError:
        raise ValueError(sentence(what, "an array whose rows are of one length", value)) from None
    if found.dtype.kind in "OT":
        found = _from_objects(what, found, column_names(value))
    if found.dtype.kind == "S":
        found = np.char.decode(found, "utf-8", "backslashreplace")
    if found.dtype.kind not in "biufU":
        raise TypeError(sentence(what, "an array of numbers", found))
    return found if found.dtype.isnative else found.astype(found.dtype.newbyteorder("="))


def _from_objects(what: str, found: np.ndarray, names: Names) -> np.ndarray:
    texts = [isinstance(item, str) for item in found.flat]
    if texts and all(texts):
        return found.astype(np.str_)
    try:
        if not any(texts) and not any(item is None for item in found.flat):  # NumPy reads None as NaN
            return found.astype(np.float64)
    except OverflowError:
        largest = max(found.flat, key=abs)
        raise ValueError(sentence(what, "within the range of float64", largest)) from None
    except (TypeError, ValueError):
        pass
    wanted = str if texts[0] else int | float | np.number | np.bool_
    odd = next((k for k, item in enumerate(found.flat) if not isinstance(item, wanted)), 0)
    place = _place(np.unravel_index(odd, found.shape), names)
    raise TypeError(sentence(what, "all numbers or all text", found.flat[odd], place))


def column_names(value: Any) -> Names:
    """Return what the columns of a data frame are called; nothing for anything else.

    >>> column_names(np.zeros((2, 3)))
    ()
    """
    return tuple(getattr(value, "columns", ()))


def numeric(what: str, value: Any) -> np.ndarray:
    """Return ``value`` as an array of numbers, which may be NaN; TypeError for text and the like."""
    found = array(what, value)
    if found.dtype.kind == "U":
        raise TypeError(sentence(what, "numbers", found.flat[0].item() if found.size else found, "Encode text first."))
    return found


def numbers(what: str, value: Any) -> np.ndarray:
    """Return ``value`` as an array of finite numbers.

    >>> numbers("y", [1.0, float("nan")])
    Traceback (most recent call last):
    ValueError: y must be finite. Got nan. See row 1.
    """
    found = numeric(what, value)
    check_finite(what, found, found.dtype, column_names(value))
    return found


def rows(what: str, value: Any, dtype: Any, width: int | None = None) -> np.ndarray:
    """Return samples (n, features) ready to be gathered: finite in ``dtype``, one of three types, rows in order."""
    found = numeric(what, value)
    if found.ndim != 2 or 0 in found.shape:
        rule = "of shape (samples, features)" + (", neither of them 0" if 0 in found.shape else "")
        raise ValueError(sentence(what, rule, found, RESHAPE.get(min(found.ndim, 3), "")))
    if width is not None and found.shape[1] != width:
        raise ValueError(sentence(what, f"of shape (n, {width}), as the first layer takes {width} features", found))
    if found.dtype not in DIRECT:
        with np.errstate(all="ignore"):  # what becomes infinite is refused below
            found = found.astype(np.float64 if found.dtype.kind in "iu" and found.dtype.itemsize > 2 else dtype)
    found = np.ascontiguousarray(found)
    check_finite(what, found, dtype, column_names(value))
    return found


def check_finite(what: str, values: np.ndarray, dtype: Any, names: Names = ()) -> None:
    """Raise ValueError for the first value that is NaN, infinite, or beyond the range of ``dtype``.

    The message says where it is; with ``names`` it calls the columns by them.
    """
    if values.dtype.kind != "f":
        return
    flat, dtype = values.reshape(-1), np.dtype(dtype)
    for start in range(0, flat.size, BLOCK):
        block = flat[start : start + BLOCK]
        with np.errstate(all="ignore"):
            fine = np.isfinite(block.astype(dtype, copy=False))
        if not fine.all():
            where = np.unravel_index(start + int(np.argmin(fine)), values.shape)
            _refuse(what, values[where].item(), _place(where, names), dtype)


def _refuse(what: str, value: float, place: str, dtype: np.dtype) -> None:
    if np.isfinite(value):
        rule = f"within the range of {dtype}, {np.finfo(dtype).max:.3g}"
        raise ValueError(sentence(what, rule, value, f"{place} Scale it, or use dtype='float64'."))
    raise ValueError(sentence(what, "finite", value, place))


def _place(where: Any, names: Names = ()) -> str:
    """Return the next step that names the place of a value in an array, its column by name if that is known."""
    numbers = [str(number) for number in where]
    if names and len(numbers) == 2:
        numbers[1] = repr(names[where[1]])
    axes = zip(("row", "column", "then"), numbers, strict=False)
    return f"See {', '.join(f'{axis} {number}' for axis, number in axes)}." if numbers else ""


def broadcast(what: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return what a user's function gave as an array of ``shape``: numbers of that shape, or one for all."""
    found = numeric(what, value)
    try:
        return np.broadcast_to(found, shape)
    except ValueError:
        raise ValueError(sentence(what, f"of shape {shape}, or one number", found)) from None


def same_length(**named: np.ndarray) -> None:
    """Raise ValueError unless all arrays have as many rows.

    >>> same_length(X=np.zeros((3, 2)), y=np.zeros(4))
    Traceback (most recent call last):
    ValueError: X and y must be of one length. Got 3 and 4 rows.
    """
    lengths = [len(value) for value in named.values()]
    if len(set(lengths)) > 1:
        raise ValueError(f"{' and '.join(named)} must be of one length. Got {' and '.join(map(str, lengths))} rows.")


def weights(value: Any, n: int, dtype: Any, *, all_zero: bool = False) -> np.ndarray | None:
    """Return sample weights (n,): finite, none below 0, not all 0 unless that may be; None stays None."""
    if value is None:
        return None
    found = numbers("sample_weight", value)
    if found.shape != (n,):
        raise ValueError(sentence("sample_weight", f"of shape ({n},)", found))
    if found.min() < 0:
        raise ValueError(sentence("sample_weight", "at least 0", found.min().item(), f"See row {found.argmin()}."))
    check_finite("sample_weight", found, dtype)
    with np.errstate(all="ignore"):
        cast, total = found.astype(dtype), float(found.sum(dtype=np.float64))
    if not all_zero and not cast.any():
        rule = f"above 0 in {np.dtype(dtype)} for one sample at least"
        raise ValueError(sentence("sample_weight", rule, found.max().item()))
    if total > float(np.finfo(dtype).max):
        raise ValueError(sentence("the sum of sample_weight", f"within the range of {np.dtype(dtype)}", total))
    return cast
