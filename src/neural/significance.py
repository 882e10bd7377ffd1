"""Is one model better than another, or was the test set too small to say?

Intervals and exact tests for counts of right and wrong predictions. All p-values are two-sided.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neural.errors import check_number, sentence


def wilson_interval(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the Wilson score interval (low, high) of a proportion, ``successes`` out of ``n``.

    With p = successes / n and z the normal quantile of (1 + confidence) / 2:
    (p + z^2/2n +- z sqrt(p (1 - p)/n + z^2/4n^2)) / (1 + z^2/n). It never leaves [0, 1] and holds for small n.
    Source: E. B. Wilson, J. Am. Stat. Assoc. 22 (1927), 209-212.

    >>> low, high = wilson_interval(25, 30)
    >>> round(low, 3), round(high, 3)
    (0.664, 0.927)
    """
    n = check_number("n", n, low=1, whole=True)
    successes = check_number("successes", successes, low=0, high=n, whole=True)
    z = _z(_inside("confidence", confidence))
    p, scale = successes / n, 1 + z * z / n
    middle = (p + z * z / (2 * n)) / scale
    half = z * math.sqrt(p * (1 - p) / n + (z / (2 * n)) ** 2) / scale
    # At the ends the formula gives 0 and 1 but for rounding.
    return (0.0 if successes == 0 else middle - half, 1.0 if successes == n else middle + half)


class McNemar(NamedTuple):
    """What :func:`mcnemar` returns: the rows that one model alone has right, and the p-value."""

    only_a: int
    only_b: int
    p_value: float


def mcnemar(correct_a: ArrayLike, correct_b: ArrayLike) -> McNemar:
    """Compare two models on the same rows; ``correct_a`` and ``correct_b`` say of each row whether it is right, (n,).

    Only the rows on which they differ tell: were the models equally good, each would fall either way like a coin. The
    p-value is the exact binomial one, P(a split at least as uneven); 1 if there is no such row.
    Source: Q. McNemar, Psychometrika 12 (1947), 153-157.

    >>> mcnemar([1, 1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0, 0])
    McNemar(only_a=6, only_b=0, p_value=0.03125)
    """
    a, b = _truths("correct_a", correct_a), _truths("correct_b", correct_b)
    if len(a) != len(b):
        raise ValueError(sentence("correct_b", f"as long as correct_a, {len(a)} rows", b))
    only_a, only_b = int(np.count_nonzero(a & ~b)), int(np.count_nonzero(b & ~a))
    return McNemar(only_a, only_b, _coin_p(min(only_a, only_b), only_a + only_b))


def _coin_p(k: int, n: int) -> float:
    """Return 2 P(X <= k) for X binomial(n, 1/2) and k <= n/2, at most 1."""
    # P(X = k) from whole numbers, exactly; each term below it is the last times i / (n - i + 1).
    i = np.arange(k, 0, -1)
    tail = math.comb(n, k) / 2**n * (1 + np.cumprod(i / (n - i + 1)).sum())
    return float(min(1.0, 2 * tail))


def fisher_exact(a: int, b: int, c: int, d: int) -> float:
    """Return the p-value of Fisher's exact test of the table [[a, b], [c, d]].

    For two models on rows of their own: a right and b wrong of the one, c right and d wrong of the other. It sums the
    probabilities, given the margins, of all tables no likelier than this one. On the same rows use :func:`mcnemar`.
    Source: R. A. Fisher, Statistical Methods for Research Workers (1934), section 21.02.

    >>> round(fisher_exact(25, 5, 27, 3), 2)
    0.71
    """
    a, b, c, d = (
        check_number(what, count, low=0, whole=True) for what, count in zip("abcd", (a, b, c, d), strict=True)
    )
    low, high = max(0, a - d), min(a + b, a + c)  # what the first cell can be
    x = np.arange(low, high, dtype=float)
    ratio = (a + b - x) * (a + c - x) / ((x + 1) * (d - a + x + 1))  # P(x + 1) / P(x), falling in x
    # Products outwards from the likeliest table: all at most 1, so nothing overflows.
    top = np.count_nonzero(ratio > 1)
    below, above = np.cumprod(1 / ratio[:top][::-1])[::-1], np.cumprod(ratio[top:])
    weight = np.concatenate([below, [1.0], above])
    # 1e-9: tables as likely as this one must count in spite of rounding, about 1e-16 a step.
    extreme = weight <= weight[a - low] * (1 + 1e-9)
    return float(weight[extreme].sum() / weight.sum())


def rows_needed(p_a: float, p_b: float, power: float = 0.8, confidence: float = 0.95) -> int:
    """Return the test rows for each of two models at which their accuracies ``p_a`` and ``p_b`` would be told apart.

    That is, a two-sided test at level 1 - confidence would find the difference with probability ``power``. With q the
    mean of the two, z of the confidence and u the normal quantile of power:
    n = (z sqrt(2 q (1 - q)) + u sqrt(p_a (1 - p_a) + p_b (1 - p_b)))^2 / (p_a - p_b)^2, rounded up; no continuity
    correction. For separate test sets: models that share their rows (:func:`mcnemar`) mostly need fewer.
    Source: Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions (2003), section 4.2.

    >>> rows_needed(25 / 30, 27 / 30)
    407
    """
    p_a, p_b = check_number("p_a", p_a, low=0, high=1), check_number("p_b", p_b, low=0, high=1)
    if p_a == p_b:
        raise ValueError(sentence("p_b", "different from p_a", p_b, "No test set shows a difference of zero."))
    z, u = _z(_inside("confidence", confidence)), NormalDist().inv_cdf(_inside("power", power))
    q = (p_a + p_b) / 2
    spread = z * math.sqrt(2 * q * (1 - q)) + u * math.sqrt(p_a * (1 - p_a) + p_b * (1 - p_b))
    return math.ceil((spread / (p_a - p_b)) ** 2)


def _z(confidence: float) -> float:
    """Return the z for which a standard normal lies in (-z, z) with this probability."""
    return -NormalDist().inv_cdf((1 - confidence) / 2)


def _inside(what: str, value: float) -> float:
    number: float = check_number(what, value)
    if not 0 < number < 1:
        raise ValueError(sentence(what, "a number between 0 and 1, both excluded", value))
    return number


def _truths(what: str, values: ArrayLike) -> NDArray[np.bool_]:
    array = np.asarray(values)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(sentence(what, "an array of shape (n,) with at least one row", array))
    if array.dtype.kind not in "biuf" or not np.isin(array, (0, 1)).all():
        raise ValueError(sentence(what, "true or false for each row, for example y_true == y_pred", array))
    return array.astype(bool)
