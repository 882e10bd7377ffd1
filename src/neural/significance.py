"""Is one model better than another, or was the test set too small to say?

Intervals and exact tests for counts of right and wrong predictions, and for scores over folds and data sets. All
p-values are two-sided.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neural.errors import check_number, sentence

EXACT_RANKS = 200  # differences up to which the distribution of the signed ranks is worked out


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
    z = _z(inside("confidence", confidence))
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
    z, u = _z(inside("confidence", confidence)), NormalDist().inv_cdf(inside("power", power))
    q = (p_a + p_b) / 2
    spread = z * math.sqrt(2 * q * (1 - q)) + u * math.sqrt(p_a * (1 - p_a) + p_b * (1 - p_b))
    return math.ceil((spread / (p_a - p_b)) ** 2)


def rows_needed_paired(only_a: float, only_b: float, power: float = 0.8, confidence: float = 0.95) -> int:
    """Return the test rows, shared by two models, at which McNemar's test would tell them apart.

    ``only_a`` and ``only_b`` are the shares of rows that one of them alone has right. With s their sum, d their
    difference, z and u as in :func:`rows_needed`: n = (z sqrt(s) + u sqrt(s - d^2))^2 / d^2, rounded up.
    Source: R. J. Connor, Biometrics 43 (1987), 207-211.

    >>> rows_needed_paired(0.05, 0.08)
    1132
    """
    a, b = (check_number(what, p, low=0, high=1) for what, p in (("only_a", only_a), ("only_b", only_b)))
    if a == b or a + b > 1:
        rule = "different from only_a, and both together at most 1"
        raise ValueError(sentence("only_b", rule, b, "No test set shows a difference of zero." if a == b else ""))
    z, u = _z(inside("confidence", confidence)), NormalDist().inv_cdf(inside("power", power))
    s, d = a + b, b - a
    return math.ceil(((z * math.sqrt(s) + u * math.sqrt(s - d * d)) / d) ** 2)


# Intervals of a difference --------------------------------------------------------------------------------------------


def paired_interval(only_a: int, only_b: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return an interval of the accuracy of b less that of a, on the same ``n`` rows.

    Half a row is added to each of the four counts (both right, a alone, b alone, both wrong), then
    d = (b - a) / n and d +- z sqrt(a + b - (b - a)^2 / n) / n, cut at -1 and 1.
    Source: A. Agresti and Y. Min, Stat. Med. 24 (2005), 729-740.

    >>> low, high = paired_interval(1, 3, 30)
    >>> round(low, 3), round(high, 3)
    (-0.073, 0.198)
    """
    n = check_number("n", n, low=1, whole=True)
    a, b = (check_number(f"only_{c}", count, low=0, high=n, whole=True) for c, count in (("a", only_a), ("b", only_b)))
    a, b, n = a + 0.5, b + 0.5, n + 2
    half = _z(inside("confidence", confidence)) * math.sqrt(a + b - (b - a) ** 2 / n) / n
    return max(-1.0, (b - a) / n - half), min(1.0, (b - a) / n + half)


def unpaired_interval(right_a: int, n_a: int, right_b: int, n_b: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return an interval of the accuracy of b less that of a, each on rows of its own.

    From Wilson's intervals (l, h) of both: d - sqrt((b - l_b)^2 + (h_a - a)^2) to d + sqrt((h_b - b)^2 + (a - l_a)^2).
    Source: R. G. Newcombe, Stat. Med. 17 (1998), 873-890, method 10.

    >>> low, high = unpaired_interval(25, 30, 27, 30)
    >>> round(low, 3), round(high, 3)
    (-0.115, 0.248)
    """
    (low_a, high_a), (low_b, high_b) = (wilson_interval(k, n, confidence) for k, n in ((right_a, n_a), (right_b, n_b)))
    a, b = right_a / n_a, right_b / n_b
    return b - a - math.hypot(b - low_b, high_a - a), b - a + math.hypot(high_b - b, a - low_a)


# Folds and data sets --------------------------------------------------------------------------------------------------


class ResampledT(NamedTuple):
    """What :func:`corrected_resampled_t` returns: the mean difference, its 95 % interval, and the p-value."""

    difference: float
    low: float
    high: float
    p_value: float


def corrected_resampled_t(differences: ArrayLike, test_share: float, confidence: float = 0.95) -> ResampledT:
    """Compare two ways of making models by their scores on k random splits or folds of the same rows.

    ``differences`` (k,) are score of b less score of a in each, ``test_share`` is test rows / training rows (1/9 for
    ten folds). The splits share training rows, so the plain t-test finds far too much; with s^2 the variance of the
    differences, t = mean / sqrt((1/k + test_share) s^2) on k - 1 degrees of freedom.
    Source: C. Nadeau and Y. Bengio, Mach. Learn. 52 (2003), 239-281.

    >>> found = corrected_resampled_t([0.01, 0.03, 0.02, 0.04, 0.0], 1 / 4)
    >>> round(found.difference, 3), round(found.p_value, 3)
    (0.02, 0.132)
    """
    d = _differences("differences", differences, 2)
    share, confidence = check_number("test_share", test_share, low=0, strict=True), inside("confidence", confidence)
    mean, spread = float(d.mean()), math.sqrt((1 / len(d) + share) * float(d.var(ddof=1)))
    p_value = student_p(mean / spread, len(d) - 1) if spread else float(mean == 0)
    half = _student_quantile(1 - confidence, len(d) - 1) * spread
    return ResampledT(mean, mean - half, mean + half, p_value)


def student_p(t: float, degrees: int) -> float:
    """Return P(|T| > |t|) for Student's t with a whole number of degrees of freedom.

    By the finite sums of Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 26.7.3 and 26.7.4.

    >>> round(student_p(2.262, 9), 4)
    0.05
    """
    degrees = check_number("degrees", degrees, low=1, whole=True)
    angle = math.atan(abs(t) / math.sqrt(degrees))
    cosine, odd = math.cos(angle), degrees % 2
    k = np.arange(2 + odd, degrees, 2.0)  # the terms after the first: each is the last times (k - 1) / k cos^2
    terms = np.cumprod(np.r_[1.0, (k - 1) / k * cosine**2]) if degrees > 1 else np.zeros(1)
    within = math.sin(angle) * float(terms.sum()) * (cosine if odd else 1)
    return max(0.0, 1 - (2 / math.pi * (angle + within) if odd else within))


def _student_quantile(p_value: float, degrees: int) -> float:
    """Return the t at which :func:`student_p` is ``p_value``, by bisection."""
    low, high = 0.0, 1.0
    while student_p(high, degrees) > p_value:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if student_p(middle, degrees) > p_value else (low, middle)
    return high


class Wilcoxon(NamedTuple):
    """What :func:`wilcoxon` returns: the sum of ranks of the positive differences, those that count, the p-value."""

    rank_sum: float
    n: int
    p_value: float


def wilcoxon(differences: ArrayLike) -> Wilcoxon:
    """Compare two ways of making models by a score for each of several data sets: the signed-rank test.

    ``differences`` (n,) are score of b less score of a on each set. Zeros are left out, equal sizes share their mean
    rank. Exact for 200 differences at most, then by the normal distribution.
    Source: F. Wilcoxon, Biometrics Bulletin 1 (1945), 80-83; for models J. Demsar, J. Mach. Learn. Res. 7 (2006), 1-30.

    >>> wilcoxon([0.02, 0.01, 0.03, 0.04, 0.05, 0.07, -0.001])
    Wilcoxon(rank_sum=27.0, n=7, p_value=0.03125)
    """
    d = _differences("differences", differences, 1)
    d = d[d != 0]
    _, where, counts = np.unique(np.abs(d), return_inverse=True, return_counts=True)
    twice = (2 * np.cumsum(counts) - counts + 1)[where]  # two times the rank: whole numbers
    found = int(twice[d > 0].sum())
    return Wilcoxon(found / 2, len(d), _signed_rank_p(found, twice) if len(d) else 1.0)


def _signed_rank_p(found: int, twice: NDArray[np.int_]) -> float:
    total = int(twice.sum())
    far = min(found, total - found)  # the distribution is symmetric
    if len(twice) > EXACT_RANKS:
        z = (far - total / 2) / math.sqrt(float(np.square(twice, dtype=float).sum()) / 4)
        return 2 * NormalDist().cdf(z)
    chances = np.zeros(total + 1)
    chances[0] = 1.0
    for rank in twice:
        chances[rank:] = (chances[rank:] + chances[:-rank]) / 2
        chances[:rank] /= 2
    return min(1.0, 2 * float(chances[: far + 1].sum()))


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Return p-values that may each be held against the level that all of them together are to keep.

    The k-th smallest of n is multiplied by n - k + 1, and none is smaller than the one before it.
    Source: S. Holm, Scand. J. Stat. 6 (1979), 65-70.

    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    out = np.empty_like(p)
    out[order] = np.maximum.accumulate(np.minimum(1, p[order] * np.arange(len(p), 0, -1)))
    return out


def _differences(what: str, values: ArrayLike, least: int) -> NDArray[np.float64]:
    found = np.asarray(values)
    if found.dtype.kind not in "biuf":
        raise TypeError(sentence(what, "numbers", found))
    if found.ndim != 1 or len(found) < least or not np.isfinite(found).all():
        raise ValueError(sentence(what, f"an array of shape (n,) with at least {least} numbers, all finite", found))
    return found.astype(np.float64)


def _z(confidence: float) -> float:
    """Return the z for which a standard normal lies in (-z, z) with this probability."""
    return -NormalDist().inv_cdf((1 - confidence) / 2)


def inside(what: str, value: float) -> float:
    """Return a level or share if it is between 0 and 1, both excluded; ValueError or TypeError for anything else."""
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
