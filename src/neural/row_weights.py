"""Weights of rows: a row that weighs 2 is as the same row twice, one that weighs 0 as none.

What is said of weighted rows here, their mean and their quantiles, is what is said of rows that are repeated, and goes
on between whole numbers. Without weights, None, it is NumPy's own, to the bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from neural import inputs
from neural.errors import sentence
from neural.tables import LARGEST_VALUE

Array = np.ndarray[Any, Any]
FARTHEST = 1e30  # between two weights; beyond it float32 makes 0 of one, which is to be said with a 0


def checked(weights: Any, n: int) -> Array | None:
    """Return the argument ``sample_weight`` as float64 (n,), a copy; None stays None.

    ValueError for weights below 0, not finite, above 1e100 or more than 1e30 times another that is not 0, all 0, or not
    one for each of n rows; TypeError for what is not numbers.

    >>> checked([1, -2], 2)
    Traceback (most recent call last):
    ValueError: sample_weight must be at least 0. Got -2. See row 1.
    >>> checked([0, 0], 2)
    Traceback (most recent call last):
    ValueError: sample_weight must be above zero for one row at least. Got zero for every row.
    """
    if weights is None:
        return None
    found = inputs.weights(weights, n, np.float64, all_zero=True)
    assert found is not None
    if not found.any():
        raise ValueError("sample_weight must be above zero for one row at least. Got zero for every row.")
    check_range("sample_weight", found)
    return found.copy()


def check_range(what: str, weights: Array) -> None:
    """Raise ValueError unless weights, one of them above 0, are near enough to one another to be reckoned with."""
    low, high = float(weights[weights > 0].min()), float(weights.max())
    if high > LARGEST_VALUE:
        raise ValueError(sentence(what, f"at most {LARGEST_VALUE:g}", high, f"See row {weights.argmax()}."))
    if high / FARTHEST > low:
        row = np.flatnonzero(weights == low)[0]
        rule = f"at most {FARTHEST:g} times as large for one row as for another"
        raise ValueError(sentence(what, rule, f"{high:g} and {low:g}", f"Set it to 0 for row {row}, or larger."))


def as_counts(weights: Array | None) -> Array | None:
    """Return weights above 0 as numbers of rows: their mean brought up to 1 where it is less; None for all 1.

    Weights with a mean below 1, such as shares of 1, cannot count rows. As they are, ten thousand rows would be one.

    >>> as_counts(np.array([1.0, 3.0])), as_counts(np.array([0.1, 0.3])), as_counts(np.array([0.2, 0.2]))
    (array([1., 3.]), array([0.5, 1.5]), None)
    """
    if weights is None:
        return None
    found = weights / min(1.0, float(weights.mean()))
    return None if np.allclose(found, 1, rtol=1e-12, atol=0) else found


def of_rows(weights: Array | None, rows: Any) -> Array | None:
    """Return the weights of some of the rows, which are numbers of them or a mask."""
    return None if weights is None else weights[rows]


def mean(values: Array, weights: Array | None) -> float:
    """Return sum w x / sum w over the rows, of values (n,).

    >>> mean(np.array([1.0, 5.0]), np.array([3.0, 1.0]))
    2.0
    """
    return float(values.mean() if weights is None else np.average(values, weights=weights))


def deviation(values: Array, weights: Array | None) -> float:
    """Return the square root of the mean of (x - mean)^2."""
    if weights is None:
        return float(values.std())
    return float(np.sqrt(mean(np.square(values - mean(values, weights)), weights)))


def quantiles(values: Array, q: Any, weights: Array | None) -> Array:
    """Return quantiles of values (n,), between neighbours by a line: ``np.quantile`` of the values, each so many times.

    The sorted values stand on a line: one that weighs w takes w - 1 of it, or none if w < 1, and neighbours that weigh
    v and w are (min(v, 1) + min(w, 1)) / 2 apart. So repeated values stand, at 0, 1, 2 and so on.

    >>> quantiles(np.array([7.0, 1.0]), [0.25, 0.5], np.array([2.0, 1.0])), np.quantile([1, 7, 7], [0.25, 0.5])
    (array([4., 7.]), array([4., 7.]))
    """
    if weights is None:
        return np.asarray(np.quantile(values, q))
    order = np.argsort(values, kind="stable")
    values, weights = values[order], weights[order]
    single = np.minimum(weights, 1)
    flat = weights - single
    starts = np.append(0, np.cumsum(flat[:-1] + (single[:-1] + single[1:]) / 2))
    places = np.column_stack([starts, starts + flat]).reshape(-1)
    return np.interp(np.asarray(q) * places[-1], places, np.repeat(values, 2))
