"""Metrics of what a classifier returns before a class is chosen: ranking, probabilities, calibration.

``y_pred`` is (n, K), a column a class, or (n,) or (n, 1) for the second of two classes. ``y_true`` is one-hot, or the
numbers 0 to K - 1 of the columns. Other labels stand for the columns in sorted order if there are K of them; if some
may be missing, ``labels`` names the columns, in their order.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike

from neural.errors import check_number, look_up, one_of, sentence
from neural.intervals import Array, Number, Options, estimate, estimate_proportion, mean, ratio, sums
from neural.metric_inputs import Scores, predict_classes, probabilities, scores

Labels = ArrayLike | None


def log_loss(y_true: ArrayLike, y_pred: ArrayLike, *, labels: Labels = None, **options: Unpack[Options]) -> Number:
    """Return the mean of -log p of the true class, natural logarithm; p is held float precision away from 0 and 1.

    Source: I. J. Good, J. R. Stat. Soc. B 14 (1952), 107-114.

    >>> log_loss([0, 1], [[0.5, 0.5], [0.5, 0.5]])
    0.6931471805599453
    """
    true, p, _, eps = probabilities(y_true, y_pred, labels)
    rows = -np.log(p[np.arange(len(true)), true].clip(eps, 1 - eps))
    return estimate(lambda weights: mean(weights, rows), len(true), **options)


def brier_score(y_true: ArrayLike, y_pred: ArrayLike, *, labels: Labels = None, **options: Unpack[Options]) -> Number:
    """Return the mean over rows of sum_k (y_k - p_k)^2, from 0 to 2; for two classes half of it, which is (y - p)^2.

    Source: G. W. Brier, Mon. Weather Rev. 78 (1950), 1-3.

    >>> brier_score([0, 1], [0.5, 1.0]), brier_score([0, 2], [[1, 0, 0], [1, 0, 0]])
    (0.125, 1.0)
    """
    true, p, k, _ = probabilities(y_true, y_pred, labels)
    rows = np.square(np.eye(k)[true] - p).sum(axis=1) / (2 if k == 2 else 1)
    return estimate(lambda weights: mean(weights, rows), len(true), **options)


def expected_calibration_error(
    y_true: ArrayLike, y_pred: ArrayLike, *, n_bins: int = 15, labels: Labels = None, **options: Unpack[Options]
) -> Number:
    """Return sum_m |B_m| / n |accuracy of B_m - mean confidence of B_m|.

    A row's confidence is its largest probability; bin B_m, of ``n_bins``, holds the rows whose confidence is above
    (m - 1) / n_bins and at most m / n_bins. Noise alone makes it positive, and a resample adds to that: its interval
    lies high where there are few rows to a bin.
    Source: Guo, Pleiss, Sun and Weinberger, On calibration of modern neural networks, ICML 2017, eq. 3.

    >>> round(expected_calibration_error([1, 1, 0, 1], [0.75, 0.75, 0.75, 0.75]), 12)
    0.0
    >>> round(expected_calibration_error([1, 0, 0, 0], [0.75, 0.75, 0.75, 0.75]), 12)
    0.5
    """
    n_bins = check_number("n_bins", n_bins, low=1, whole=True)
    true, p, _, _ = probabilities(y_true, y_pred, labels)
    confidence = p.max(axis=1)
    gaps = (p.argmax(axis=1) == true) - confidence
    bins = np.searchsorted(np.arange(1, n_bins) / n_bins, confidence)
    return estimate(
        lambda weights: ratio(np.abs(sums(weights * gaps, bins, n_bins)).sum(axis=1), weights.sum(axis=1), np.nan),
        len(true),
        **options,
    )


def top_k_accuracy(
    y_true: ArrayLike, y_pred: ArrayLike, *, k: int = 2, labels: Labels = None, **options: Unpack[Options]
) -> Number:
    """Return the fraction of rows whose true class is among the ``k`` largest scores. Its interval is Wilson's.

    Of equal scores the later column counts as larger, as in scikit-learn (:func:`accuracy` takes the earlier). ``k`` is
    below the number of classes: beyond, every row would be right.

    >>> top_k_accuracy([0, 1, 2], [[0.5, 0.3, 0.2], [0.5, 0.3, 0.2], [0.5, 0.3, 0.2]], k=2)
    0.6666666666666666
    """
    k = check_number("k", k, low=1, whole=True)
    true, found, n_classes, _ = scores(y_true, y_pred, labels)
    if k >= n_classes:
        raise ValueError(sentence("k", f"below the number of classes, {n_classes}", k))
    if found.shape[1] == 1:
        hits = (predict_classes(probabilities(y_true, y_pred, labels).scores[:, 1]) == true).astype(np.float64)
    else:
        own = found[np.arange(len(true)), true][:, None]
        ahead = (found > own) | ((found == own) & (np.arange(n_classes) > true[:, None]))
        hits = (ahead.sum(axis=1) < k).astype(np.float64)
    return estimate_proportion(lambda weights: (weights @ hits, weights.sum(axis=1)), len(true), **options)


# Ranking --------------------------------------------------------------------------------------------------------------


def roc_auc(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    multi_class: str = "ovr",
    average: str | None = "macro",
    labels: Labels = None,
    **options: Unpack[Options],
) -> Number:
    """Return the probability that a row of the positive class has a larger score than another; a tie counts half.

    It is the area under the ROC curve. The positive one of two classes is the second. For more, ``multi_class``:

    * ``"ovr"``: each class against all others. ``average``: "macro", the plain mean; "weighted" by true rows; None, an
      array, one number a class.
    * ``"ovo"``: each pair of classes that occur, by the scores of the one and of the other; "macro", or "weighted" by
      the rows of the pair.

    ValueError where a class has no rows, or all: there is nothing to rank. Scores may be of any size.
    Source: J. A. Hanley and B. J. McNeil, Radiology 143 (1982), 29-36; "ovo": D. J. Hand and R. J. Till, Mach. Learn.
    45 (2001), 171-186.

    >>> roc_auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    >>> p = [[0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.3, 0.4, 0.3], [0.1, 0.2, 0.7]]
    >>> roc_auc([0, 1, 2, 1], p), round(roc_auc([0, 1, 2, 1], p, multi_class="ovo"), 6)
    (0.75, 0.791667)
    """
    found = scores(y_true, y_pred, labels)
    kinds = {"ovr": _one_against_rest, "ovo": _one_against_one}
    make = look_up("multi_class", multi_class, kinds)
    return _ranked(make(found, _area, average), found, options)


def average_precision(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    average: str | None = "macro",
    labels: Labels = None,
    **options: Unpack[Options],
) -> Number:
    """Return sum (R_i - R_(i-1)) P_i over the distinct scores, largest first: recall and precision of the rows so far.

    It is the area under the precision-recall curve, in steps. Classes and ``average`` as :func:`roc_auc` has them one
    against the rest. ValueError where a class has no rows.
    Source: M. Zhu, Recall, precision and average precision, University of Waterloo, working paper 2004-09.

    >>> average_precision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.8333333333333333
    """
    found = scores(y_true, y_pred, labels)
    return _ranked(_one_against_rest(found, _steps, average), found, options)


OfGroups = Callable[[Array, Array], Array]  # weights of positives and others (b, groups), best first -> (b,)
OfWeights = Callable[[Array], Array]


def _ranked(number: OfWeights, found: Scores, options: Options) -> Number:
    held = np.unique(found.true).tolist()
    step = "average='weighted' passes over classes without rows." if found.k > 2 else ""
    undefined = sentence("y_true", f"of rows of each of the {found.k} classes, with weight above 0", held, step)
    return estimate(number, len(found.true), undefined, **options)


def _area(up: Array, down: Array) -> Array:
    below = down * (np.cumsum(up, axis=1) - up / 2)
    return ratio(below.sum(axis=1), up.sum(axis=1) * down.sum(axis=1), np.nan)


def _steps(up: Array, down: Array) -> Array:
    precision = ratio(np.cumsum(up, axis=1), np.cumsum(up + down, axis=1))
    return ratio((up * precision).sum(axis=1), up.sum(axis=1), np.nan)


def _ranking(score: Array, positive: Array, of_groups: OfGroups) -> OfWeights:
    """Return the number of one class against others, with rows of equal score in one group."""
    order = np.argsort(-score, kind="stable")
    score, up = score[order], positive[order]
    starts = np.flatnonzero(np.r_[True, score[1:] != score[:-1]])

    def number(weights: Array) -> Array:
        ordered = weights[:, order]
        groups = (np.add.reduceat(ordered * part, starts, axis=1) for part in (up, ~up))
        return of_groups(*groups)

    return number


def _one_against_rest(found: Scores, of_groups: OfGroups, average: str | None) -> OfWeights:
    combined = _average(average, {"macro": _plain_mean, "weighted": _mean_of_defined, None: lambda each, shares: each})
    if found.k == 2:
        return _ranking(found.scores[:, -1], found.true == 1, of_groups)
    each = [_ranking(found.scores[:, k], found.true == k, of_groups) for k in range(found.k)]

    def number(weights: Array) -> Array:
        return combined(np.stack([of(weights) for of in each], axis=1), sums(weights, found.true, found.k))

    return number


def _one_against_one(found: Scores, of_groups: OfGroups, average: str | None) -> OfWeights:
    combined = _average(average, {"macro": lambda each, shares: _mean_of_defined(each), "weighted": _mean_of_defined})
    if found.k == 2:
        return _ranking(found.scores[:, -1], found.true == 1, of_groups)
    pairs = []
    for a, b in combinations(range(found.k), 2):
        rows = np.flatnonzero((found.true == a) | (found.true == b))
        if 0 < np.count_nonzero(found.true == a) < len(rows):
            true, score = found.true[rows], found.scores[rows]
            pairs.append((rows, [_ranking(score[:, k], true == k, of_groups) for k in (a, b)]))

    def number(weights: Array) -> Array:
        each = [sum(of(weights[:, rows]) for of in both) / 2 for rows, both in pairs]
        shares = [weights[:, rows].sum(axis=1) for rows, _ in pairs]
        nothing = np.empty((len(weights), 0))
        return combined(*(np.stack(part, axis=1) if pairs else nothing for part in (each, shares)))

    return number


Average = Callable[[Array, Array], Array]  # numbers and weights of classes or pairs (b, c) -> (b,) or (b, c)


def _average(wanted: Any, table: dict[str | None, Average]) -> Average:
    names = {name: row for name, row in table.items() if name is not None}
    if isinstance(wanted, str):
        return look_up("average", wanted, names)
    if wanted is None and None in table:
        return table[None]
    raise TypeError(sentence("average", one_of(names) + (" or None" if None in table else ""), wanted))


def _plain_mean(each: Array, shares: Array) -> Array:
    return each.mean(axis=1)


def _mean_of_defined(each: Array, shares: Array | float = 1.0) -> Array:
    """Return the mean over those that are defined: those that are not have no rows to speak of."""
    known = ~np.isnan(each)
    return ratio((np.where(known, each, 0) * shares).sum(axis=1), (known * shares).sum(axis=1), np.nan)
