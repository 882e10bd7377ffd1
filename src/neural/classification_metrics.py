"""Metrics of classes: accuracy, precision, recall, F1, the confusion matrix, and agreement beyond chance.

y_true and y_pred as in :mod:`neural.metrics`. Classes are the labels that occur in either, sorted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Unpack

import numpy as np
from numpy.typing import ArrayLike

from neural.errors import look_up, one_of, sentence
from neural.inputs import weights as row_weights
from neural.intervals import Array, Number, Options, estimate, estimate_proportion, ratio, sums
from neural.metric_inputs import chosen_labels, classes, position


def accuracy(y_true: ArrayLike, y_pred: ArrayLike, **options: Unpack[Options]) -> Number:
    """Return the fraction of rows whose predicted class is the true one. Its interval is Wilson's.

    >>> accuracy([0, 1, 2, 2], [[0.9, 0.1, 0], [0.2, 0.3, 0.5], [0, 0, 1], [0.1, 0.2, 0.7]])
    0.75
    >>> accuracy([0, 1, 2, 2], [0, 2, 2, 2], interval=True).low.__round__(3)
    0.301
    """
    true, predicted, _ = classes(y_true, y_pred)
    hits = (true == predicted).astype(np.float64)
    return estimate_proportion(lambda weights: (weights @ hits, weights.sum(axis=1)), len(true), **options)


def precision(
    y_true: ArrayLike, y_pred: ArrayLike, *, average: str | None = "auto", **options: Unpack[Options]
) -> Number:
    """Return TP / (TP + FP): of the rows given to a class, the fraction that belongs to it.

    ``average``, with labels as in scikit-learn and its ``zero_division=0``:

    * ``"binary"``: the positive class alone. It is the larger of two labels; where only 0 (or -1) occurs, it is 1, and
      the ratio is undefined, so 0; any other lone label is itself positive.
    * ``"macro"``: the plain mean over the classes; ``"weighted"``: their mean weighted by true rows.
    * ``"micro"``: one ratio of the counts of all classes together.
    * ``None``: an array, one number a class, in sorted order of the labels.
    * ``"auto"``: binary for two classes, macro for more. Arrays (n, K) have K classes, even where fewer occur; labels
      have as many as occur.

    The interval is Wilson's, given the rows below the line, but for means over classes, which are bootstrapped.

    >>> precision([0, 1, 1, 0], [0, 1, 1, 1])
    0.6666666666666666
    >>> precision(["cat", "dog", "cow"], ["cat", "cow", "cow"], average=None)
    array([1. , 0.5, 0. ])
    """
    return _averaged(y_true, y_pred, average, lambda count: (count.hit, count.predicted), options)


def recall(y_true: ArrayLike, y_pred: ArrayLike, *, average: str | None = "auto", **options: Unpack[Options]) -> Number:
    """Return TP / (TP + FN): of the rows of a class, the fraction that was found.

    ``average`` and the interval are as in :func:`precision`.

    >>> recall([0, 1, 1, 0], [0, 1, 0, 0])
    0.5
    """
    return _averaged(y_true, y_pred, average, lambda count: (count.hit, count.true), options)


def f1_score(
    y_true: ArrayLike, y_pred: ArrayLike, *, average: str | None = "auto", **options: Unpack[Options]
) -> Number:
    """Return 2 TP / (2 TP + FP + FN), the harmonic mean of precision and recall. ``average`` as in :func:`precision`.

    >>> f1_score([0, 1, 1, 0], [0, 1, 0, 0])
    0.6666666666666666
    """
    # Precision and recall share rows above the line: F1 is no proportion of any rows.
    return _averaged(
        y_true, y_pred, average, lambda count: (2 * count.hit, count.true + count.predicted), options, plain=False
    )


def confusion_matrix(
    y_true: ArrayLike, y_pred: ArrayLike, labels: ArrayLike | None = None, *, sample_weight: Any = None
) -> Array:
    """Return the count of every pair of classes, (c, c): rows are true, columns predicted.

    int64, or with ``sample_weight`` sums of weights, float64. ``labels`` chooses the classes and their order; rows with
    another label, true or predicted, are left out. For every one of K classes, also those that never occur, pass
    ``range(K)``.

    >>> confusion_matrix([0, 1, 1, 2], [0, 1, 2, 2])
    array([[1, 0, 0],
           [0, 1, 1],
           [0, 0, 1]])
    """
    true, predicted, _ = classes(y_true, y_pred)
    names = np.union1d(true, predicted) if labels is None else chosen_labels(labels, true)
    row, column = position(true, names), position(predicted, names)
    kept = (row >= 0) & (column >= 0)
    n = len(names)
    weights = row_weights(sample_weight, len(true), np.float64)
    counts = np.bincount(n * row[kept] + column[kept], None if weights is None else weights[kept], n * n)
    return counts.reshape(n, n).astype(np.int64 if weights is None else np.float64, copy=False)


# Counts of each class, and means over classes -------------------------------------------------------------------------


class _Count(NamedTuple):
    """The weight (b, c) of three kinds of rows of each class."""

    hit: Array  # rows of the class that were given to it
    true: Array  # rows of the class
    predicted: Array  # rows given to the class


Parts = Callable[[_Count], tuple[Array, Array]]


class _Counter:
    """Counts the rows of each class under weights."""

    def __init__(self, y_true: ArrayLike, y_pred: ArrayLike) -> None:
        true, predicted, self.columns = classes(y_true, y_pred)
        self.labels, self.n = np.union1d(true, predicted), len(true)
        self._true, self._predicted = np.searchsorted(self.labels, true), np.searchsorted(self.labels, predicted)
        self._same = true == predicted

    def __call__(self, weights: Array) -> _Count:
        k = len(self.labels)
        hit = sums(weights * self._same, self._true, k)
        return _Count(hit, sums(weights, self._true, k), sums(weights, self._predicted, k))

    def average(self, wanted: str | None) -> str | None:
        """Return the average that is meant, one of the two tables'."""
        if wanted is not None and not isinstance(wanted, str):
            raise TypeError(sentence("average", f"{one_of(AVERAGES)} or None", wanted))
        key = None if wanted is None else look_up("average", wanted, AVERAGES)
        if key == "auto":
            key = "binary" if self.columns <= 2 and len(self.labels) <= 2 else "macro"
        if key == "binary" and len(self.labels) > 2:
            rule, step = (
                f"other than 'binary' for {len(self.labels)} classes",
                "Use 'macro', 'micro', 'weighted' or None.",
            )
            raise ValueError(sentence("average", rule, wanted, step))
        if key == "binary" and len(self.labels) == 1 and self.labels[0] in (0, -1):
            return "absent"
        return key


def _macro(count: _Count, parts: Parts) -> Array:
    """Return the mean over the classes that occur: a resample may lack some."""
    occur = (count.true + count.predicted > 0).sum(axis=1)
    return ratio(ratio(*parts(count)).sum(axis=1), occur, np.nan)


def _weighted(count: _Count, parts: Parts) -> Array:
    return ratio((ratio(*parts(count)) * count.true).sum(axis=1), count.true.sum(axis=1), np.nan)


def _nothing(count: _Count, parts: Parts) -> tuple[Array, Array]:
    """Return no trials: the positive class, 1, never occurred."""
    none = np.zeros(len(count.hit))
    return none, none


PROPORTIONS: dict[str | None, Callable[[_Count, Parts], tuple[Array, Array]]] = {
    "binary": lambda count, parts: (parts(count)[0][:, -1], parts(count)[1][:, -1]),
    "absent": _nothing,
    "micro": lambda count, parts: (parts(count)[0].sum(axis=1), parts(count)[1].sum(axis=1)),
    None: lambda count, parts: parts(count),
}
MEANS: dict[str | None, Callable[[_Count, Parts], Array]] = {"macro": _macro, "weighted": _weighted}
AVERAGES = {name: name for name in ("auto", "binary", "macro", "micro", "weighted")}


def _averaged(
    y_true: ArrayLike, y_pred: ArrayLike, average: str | None, parts: Parts, options: Options, plain: bool = True
) -> Number:
    counter = _Counter(y_true, y_pred)
    key = counter.average(average)
    if key in MEANS:
        return estimate(lambda weights: MEANS[key](counter(weights), parts), counter.n, **options)
    proportion = PROPORTIONS[key]
    if plain:
        return estimate_proportion(lambda weights: proportion(counter(weights), parts), counter.n, **options)
    return estimate(lambda weights: ratio(*proportion(counter(weights), parts)), counter.n, **options)


# Agreement beyond chance ----------------------------------------------------------------------------------------------


def balanced_accuracy(
    y_true: ArrayLike, y_pred: ArrayLike, *, adjusted: bool = False, **options: Unpack[Options]
) -> Number:
    """Return the mean over the classes of y_true of their recall.

    ``adjusted``: (mean - 1/c) / (1 - 1/c) for c classes, so that guessing is 0; it needs two classes in y_true.
    Source: Brodersen, Ong, Stephan and Buhmann, The balanced accuracy and its posterior distribution, ICPR 2010.

    >>> balanced_accuracy([0, 0, 0, 1], [0, 0, 0, 0])
    0.5
    """
    counter = _Counter(y_true, y_pred)

    def number(weights: Array) -> Array:
        count = counter(weights)
        c = (count.true > 0).sum(axis=1)
        score = ratio(ratio(count.hit, count.true).sum(axis=1), c, np.nan)
        return ratio(score * c - 1, c - 1, np.nan) if adjusted else score

    undefined = sentence("y_true", "of at least two classes for adjusted=True", counter.labels.tolist())
    return estimate(number, counter.n, undefined, **options)


def matthews_correlation(y_true: ArrayLike, y_pred: ArrayLike, **options: Unpack[Options]) -> Number:
    """Return the correlation of true and predicted classes, from -1 to 1; 0 is what guessing gives.

    (n s - sum t_k p_k) / sqrt((n^2 - sum t_k^2) (n^2 - sum p_k^2)) with s rows right, t_k rows of class k and p_k given
    to it; 0 where y_true or y_pred is of one class. Source: B. W. Matthews, Biochim. Biophys. Acta 405 (1975), 442-451;
    for several classes J. Gorodkin, Comput. Biol. Chem. 28 (2004), 367-374.

    >>> matthews_correlation([1, 1, 1, 0], [1, 0, 1, 1])
    -0.3333333333333333
    """
    counter = _Counter(y_true, y_pred)

    def number(weights: Array) -> Array:
        hit, true, predicted = counter(weights)
        covariance = hit.sum(axis=1) * true.sum(axis=1) - (true * predicted).sum(axis=1)
        return ratio(covariance, np.sqrt(_spread(true) * _spread(predicted)))

    return estimate(number, counter.n, **options)


def _spread(counts: Array) -> Array:
    """Return n^2 - sum of squares, exactly 0 for a single class."""
    return (counts * (counts.sum(axis=1, keepdims=True) - counts)).sum(axis=1)


DISAGREEMENT: dict[str, Callable[[Array], Array]] = {"linear": np.abs, "quadratic": np.square}


def _disagreement(weights: Any) -> Callable[[Array], Array]:
    if weights is None:
        return lambda gap: gap != 0
    if not isinstance(weights, str):
        raise TypeError(sentence("weights", f"{one_of(DISAGREEMENT)} or None", weights))
    return look_up("weights", weights, DISAGREEMENT)


def cohen_kappa(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    weights: str | None = None,
    labels: ArrayLike | None = None,
    **options: Unpack[Options],
) -> Number:
    """Return 1 - observed / expected disagreement: 1 is perfect, 0 what chance gives, less is worse than chance.

    Expected is that of independent rows with the same classes on both sides. A disagreement counts 1; with ``weights``
    "linear" |i - j|, with "quadratic" (i - j)^2, i and j the places of the two classes among ``labels``: by default
    those that occur, sorted, and 0 to K - 1 for arrays (n, K). Rows with another label are left out. ValueError where
    all rows are of one class on both sides, which leaves 0 / 0.
    Source: J. Cohen, Psychol. Bull. 70 (1968), 213-220.

    >>> cohen_kappa([0, 1, 2, 2], [0, 1, 1, 2]), cohen_kappa([0, 1, 2, 2], [0, 1, 1, 2], weights="quadratic")
    (0.6363636363636364, 0.8)
    """
    true, predicted, columns = classes(y_true, y_pred)
    cost = _disagreement(weights)
    names = _scale(true, predicted, columns) if labels is None else chosen_labels(labels, true)
    i, j, k = position(true, names), position(predicted, names), len(names)
    kept = (i >= 0) & (j >= 0)
    i, j = i.clip(min=0), j.clip(min=0)
    each, table = cost(i - j).astype(float), cost(np.subtract.outer(np.arange(k), np.arange(k))).astype(float)

    def number(weights: Array) -> Array:
        within = weights * kept
        true, predicted = sums(within, i, k), sums(within, j, k)
        expected = ratio((true @ table * predicted).sum(axis=1), within.sum(axis=1))
        return 1 - ratio(within @ each, expected, np.nan)

    undefined = sentence("y_true and y_pred", "of at least two classes between them", names.tolist())
    return estimate(number, len(true), undefined, **options)


def _scale(true: Array, predicted: Array, columns: int) -> Array:
    names = np.union1d(true, predicted)
    return names if true.dtype.kind == "U" else np.union1d(names, np.arange(columns))
