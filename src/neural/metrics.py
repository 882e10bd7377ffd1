"""Numbers for people: accuracy, precision, recall, F1, the confusion matrix, R2. Never differentiated.

Whatever says which class a row belongs to is taken, and y_true and y_pred need not come in the same form:

* labels, (n,) or (n, 1): whole numbers, booleans or strings, also as a pandas Series;
* one column a class, (n, K) with K > 1: one-hot or probabilities; the class is the number of the largest column;
* ``y_pred`` alone, where y_true is 0 and 1: probabilities of class 1, (n,) or (n, 1), cut at 0.5.

Classes are the labels that occur in y_true or y_pred, sorted. Undefined ratios (0 / 0) are 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neural.errors import look_up, one_of, sentence
from neural.inputs import array, check_finite, column_names

Array = NDArray[Any]


# What the caller passes, as arrays ------------------------------------------------------------------------------------


def _array(what: str, y: ArrayLike) -> Array:
    """Return ``y``, (n,) or (n, k), as an array of bool, int, float or str without missing values."""
    values = array(what, y)
    if values.ndim not in (1, 2) or values.size == 0:
        raise ValueError(sentence(what, "an array of shape (n,) or (n, k) with at least one row", values))
    check_finite(what, values, values.dtype, column_names(y))
    return values


def _flat_labels(what: str, values: Array) -> Array:
    """Return labels (n,) or (n, 1) as (n,), of int64 or str."""
    labels = values.ravel()
    if labels.dtype.kind == "U":
        return labels
    # Above 2**53 floats no longer tell neighbouring whole numbers apart.
    if labels.dtype.kind == "f" and not (_whole(labels) and float(np.abs(labels).max()) <= 2**53):
        next_step = "Class metrics do not take real-valued targets; r2_score does."
        raise ValueError(sentence(what, "labels: whole numbers or strings", values, next_step))
    return labels.astype(np.int64, copy=False)


def _whole(values: Array) -> bool:
    return bool((values == np.floor(values)).all())


def _best_column(what: str, values: Array) -> Array:
    if values.dtype.kind == "U":
        raise ValueError(sentence(what, "a single column when it holds strings", values))
    columns: Array = values.argmax(axis=1)
    return columns


def _true_labels(values: Array) -> Array:
    if values.ndim == 1 or values.shape[1] == 1:
        return _flat_labels("y_true", values)
    labels = _best_column("y_true", values)
    # 1e-3: what float16 leaves of a sum of probabilities, and far from any row with two classes or none.
    if values.min() < 0 or values.max() > 1.001 or np.abs(values.sum(axis=1) - 1).max() > 1e-3:
        next_step = "Several classes in one row (multilabel) are not supported; for real values use r2_score."
        raise ValueError(sentence("y_true", "one-hot: every row sums to 1", values, next_step))
    return labels


def _predicted_labels(values: Array, true: Array) -> Array:
    if values.ndim == 2 and values.shape[1] > 1:
        return _best_column("y_pred", values)
    if values.dtype.kind != "f" or _whole(values):
        return _flat_labels("y_pred", values)
    if true.dtype.kind == "U" or true.min() < 0 or true.max() > 1:
        rule = "labels, or (where y_true is 0 and 1) probabilities of class 1"
        raise ValueError(sentence("y_pred", rule, values, "For real-valued targets use r2_score."))
    return predict_classes(values)


class _Classes(NamedTuple):
    true: Array  # (n,), int64 or str
    predicted: Array  # (n,), of the same kind
    columns: int  # the K of a one-hot or probability array, 0 where both are labels


def _classes(y_true: ArrayLike, y_pred: ArrayLike) -> _Classes:
    true_values, predicted_values = _array("y_true", y_true), _array("y_pred", y_pred)
    _check_rows(true_values, predicted_values)
    true = _true_labels(true_values)
    predicted = _predicted_labels(predicted_values, true)
    if true.dtype.kind != predicted.dtype.kind:
        next_step = "Name the classes first: classes[predict_classes(y_pred)]."
        raise ValueError(sentence("y_pred", f"of the kind of y_true ({true.dtype})", predicted, next_step))
    columns = max(values.shape[1] if values.ndim == 2 else 1 for values in (true_values, predicted_values))
    return _Classes(true, predicted, columns if columns > 1 else 0)


def _check_rows(true: Array, predicted: Array) -> None:
    if len(true) != len(predicted):
        rule = f"as long as y_true, {len(true)} rows"
        raise ValueError(sentence("y_pred", rule, predicted, "Both take samples in rows."))


# Classes --------------------------------------------------------------------------------------------------------------


def predict_classes(y_pred: ArrayLike) -> NDArray[np.int64]:
    """Return the class number of every row, int64 (n,), of what ``predict`` returns.

    (n, K) with K > 1: the largest column, the first of equals. Floats (n,) or (n, 1): 1 where above 0.5, so that 0.5 is
    class 0 like the tie (0.5, 0.5) of two columns. Whole-number types and booleans, (n,) or (n, 1), are labels already.

    >>> predict_classes([[0.1, 0.7, 0.2], [0.8, 0.1, 0.1]])
    array([1, 0])
    >>> predict_classes([[0.3], [0.5], [0.9]])
    array([0, 0, 1])
    """
    values = _array("y_pred", y_pred)
    if values.dtype.kind == "U":
        raise TypeError(sentence("y_pred", "made of numbers", values))
    if values.ndim == 2 and values.shape[1] > 1:
        values = values.argmax(axis=1)
    elif values.dtype.kind == "f":
        values = values > 0.5
    return values.ravel().astype(np.int64)


def accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """Return the fraction of rows whose predicted class is the true one.

    >>> accuracy([0, 1, 2, 2], [[0.9, 0.1, 0], [0.2, 0.3, 0.5], [0, 0, 1], [0.1, 0.2, 0.7]])
    0.75
    """
    true, predicted, _ = _classes(y_true, y_pred)
    return float(np.count_nonzero(true == predicted) / len(true))


def precision(y_true: ArrayLike, y_pred: ArrayLike, *, average: str | None = "auto") -> float | Array:
    """Return TP / (TP + FP): of the rows given to a class, the fraction that belongs to it.

    ``average``, with labels as in scikit-learn and its ``zero_division=0``:

    * ``"binary"``: the positive class alone. It is the larger of two labels; where only 0 (or -1) occurs, it is 1, and
      the ratio is undefined, so 0; any other lone label is itself positive.
    * ``"macro"``: the plain mean over the classes; ``"weighted"``: their mean weighted by true rows.
    * ``"micro"``: one ratio of the counts of all classes together.
    * ``None``: an array, one number a class, in sorted order of the labels.
    * ``"auto"``: binary for two classes, macro for more. Arrays (n, K) have K classes, even where fewer occur; labels
      have as many as occur.

    >>> precision([0, 1, 1, 0], [0, 1, 1, 1])
    0.6666666666666666
    >>> precision(["cat", "dog", "cow"], ["cat", "cow", "cow"], average=None)
    array([1. , 0.5, 0. ])
    """
    return _average(_count(y_true, y_pred), average, lambda count: (count.hit, count.predicted))


def recall(y_true: ArrayLike, y_pred: ArrayLike, *, average: str | None = "auto") -> float | Array:
    """Return TP / (TP + FN): of the rows of a class, the fraction that was found. ``average`` as in :func:`precision`.

    >>> recall([0, 1, 1, 0], [0, 1, 0, 0])
    0.5
    """
    return _average(_count(y_true, y_pred), average, lambda count: (count.hit, count.true))


def f1_score(y_true: ArrayLike, y_pred: ArrayLike, *, average: str | None = "auto") -> float | Array:
    """Return 2 TP / (2 TP + FP + FN), the harmonic mean of precision and recall. ``average`` as in :func:`precision`.

    >>> f1_score([0, 1, 1, 0], [0, 1, 0, 0])
    0.6666666666666666
    """
    return _average(_count(y_true, y_pred), average, lambda count: (2 * count.hit, count.true + count.predicted))


class _Count(NamedTuple):
    labels: Array  # (c,), sorted
    hit: Array  # (c,), rows of the class that were given to it
    true: Array  # (c,), rows of the class
    predicted: Array  # (c,), rows given to the class
    columns: int


def _count(y_true: ArrayLike, y_pred: ArrayLike) -> _Count:
    true, predicted, columns = _classes(y_true, y_pred)
    labels = np.union1d(true, predicted)
    rows = (true[true == predicted], true, predicted)
    hit, n_true, n_pred = (np.bincount(np.searchsorted(labels, row), minlength=len(labels)) for row in rows)
    return _Count(labels, hit, n_true, n_pred, columns)


Fraction = Callable[[_Count], tuple[Array, Array]]


def _ratio(top: ArrayLike, bottom: ArrayLike) -> Array:
    """Return top / bottom, and 0 where bottom is 0."""
    out = np.zeros(np.shape(top))
    return np.divide(top, bottom, out=out, where=np.asarray(bottom) != 0)


def _binary(count: _Count, fraction: Fraction) -> Any:
    labels = count.labels
    if len(labels) > 2:
        next_step = "Use average='macro', 'micro', 'weighted' or None."
        raise ValueError(sentence("average", f"other than 'binary' for {len(labels)} classes", "binary", next_step))
    if len(labels) == 1 and labels[0] in (0, -1):  # the positive class, 1, never occurred
        return 0.0
    return _ratio(*fraction(count))[-1]


def _auto(count: _Count, fraction: Fraction) -> Any:
    two = count.columns <= 2 and len(count.labels) <= 2
    return AVERAGES["binary" if two else "macro"](count, fraction)


def _micro(count: _Count, fraction: Fraction) -> Any:
    top, bottom = fraction(count)
    return _ratio(top.sum(), bottom.sum())


AVERAGES: dict[str, Callable[[_Count, Fraction], Any]] = {
    "auto": _auto,
    "binary": _binary,
    "macro": lambda count, fraction: _ratio(*fraction(count)).mean(),
    "micro": _micro,
    "weighted": lambda count, fraction: np.average(_ratio(*fraction(count)), weights=count.true),
}


def _average(count: _Count, average: str | None, fraction: Fraction) -> float | Array:
    if average is None:
        return _ratio(*fraction(count))
    if not isinstance(average, str):
        raise TypeError(sentence("average", f"{one_of(AVERAGES)} or None", average))
    return float(look_up("average", average, AVERAGES)(count, fraction))


def confusion_matrix(y_true: ArrayLike, y_pred: ArrayLike, labels: ArrayLike | None = None) -> NDArray[np.int64]:
    """Return the count of every pair of classes, int64 (c, c): rows are true, columns predicted.

    ``labels`` chooses the classes and their order; rows with another label, true or predicted, are left out. For every
    one of K classes, also those that never occur, pass ``range(K)``.

    >>> confusion_matrix([0, 1, 1, 2], [0, 1, 2, 2])
    array([[1, 0, 0],
           [0, 1, 1],
           [0, 0, 1]])
    """
    true, predicted, _ = _classes(y_true, y_pred)
    names = np.union1d(true, predicted) if labels is None else _chosen(labels, true)
    row, column = _position(true, names), _position(predicted, names)
    kept = (row >= 0) & (column >= 0)
    n = len(names)
    counts = np.bincount(n * row[kept] + column[kept], minlength=n * n)
    return counts.reshape(n, n).astype(np.int64, copy=False)


def _chosen(labels: ArrayLike, true: Array) -> Array:
    names = _flat_labels("labels", _array("labels", labels))
    if names.dtype.kind != true.dtype.kind:
        raise ValueError(sentence("labels", f"of the kind of y_true ({true.dtype})", names))
    if len(np.unique(names)) < len(names):
        raise ValueError(sentence("labels", "different from one another", names.tolist()))
    if not np.isin(names, true).any():
        raise ValueError(sentence("labels", "labels of which at least one is in y_true", names.tolist()))
    return names


def _position(values: Array, names: Array) -> Array:
    """Return where each value stands in ``names``, -1 for those that do not."""
    order = np.argsort(names)
    found = order[np.searchsorted(names, values, sorter=order).clip(max=len(names) - 1)]
    return np.where(names[found] == values, found, -1)


# Values ---------------------------------------------------------------------------------------------------------------


def _values(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[Array, Array]:
    """Return both as float64 (n, k)."""
    true, predicted = _array("y_true", y_true), _array("y_pred", y_pred)
    for what, values in (("y_true", true), ("y_pred", predicted)):
        if values.dtype.kind == "U":
            raise TypeError(sentence(what, "made of numbers", values))
    _check_rows(true, predicted)
    true, predicted = (values.reshape(len(values), -1).astype(np.float64) for values in (true, predicted))
    if true.shape != predicted.shape:
        rule = f"as wide as y_true, {true.shape[1]} columns"
        raise ValueError(sentence("y_pred", rule, predicted, "Class numbers against outputs? Make them one-hot first."))
    return true, predicted


def mean_squared_error(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """Return the mean of (y_true - y_pred)^2 over rows and outputs; (n,) or (n, k), in squared units of y.

    >>> mean_squared_error([1, 2, 3], [1, 2, 5])
    1.3333333333333333
    """
    true, predicted = _values(y_true, y_pred)
    return float(np.square(true - predicted).mean())


def mean_absolute_error(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """Return the mean of |y_true - y_pred| over rows and outputs; (n,) or (n, k), in units of y.

    >>> mean_absolute_error([1, 2, 3], [1, 2, 6])
    1.0
    """
    true, predicted = _values(y_true, y_pred)
    return float(np.abs(true - predicted).mean())


def r2_score(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """Return 1 - sum (y - p)^2 / sum (y - mean y)^2, the mean over outputs; (n,) or (n, k).

    1 is perfect, 0 is no better than the mean of y. An output whose y_true is constant (as a single row is) counts 1
    if predicted exactly and 0 otherwise.

    >>> r2_score([1, 2, 3], [1, 2, 2])
    0.5
    """
    true, predicted = _values(y_true, y_pred)
    residual = np.square(true - predicted).sum(axis=0)
    total = np.square(true - true.mean(axis=0)).sum(axis=0)
    constant = np.ptp(true, axis=0) == 0  # its total need not be exactly 0: the mean is rounded
    score = 1 - residual / np.where(constant, 1, total)
    return float(np.where(constant, residual == 0, score).mean())


# The names of the first version of the package ------------------------------------------------------------------------

Accuracy, Precision, Recall, F1Score = accuracy, precision, recall, f1_score


class Metrics:
    """The functions of this module under one name.

    >>> Metrics.accuracy([0, 1], [0, 1])
    1.0
    """

    accuracy = staticmethod(accuracy)
    precision = staticmethod(precision)
    recall = staticmethod(recall)
    f1_score = staticmethod(f1_score)
    r2_score = staticmethod(r2_score)
    confusion_matrix = staticmethod(confusion_matrix)
    predict_classes = staticmethod(predict_classes)
    mean_squared_error = staticmethod(mean_squared_error)
    mean_absolute_error = staticmethod(mean_absolute_error)


# The table ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Metric:
    """A row of METRICS: ``function(y_true, y_pred)`` returns the number that ``name`` heads in the history.

    ``takes`` says what the function wants: ``"labels"``: classes (or anything that names them, such as (n, K)
    probabilities); ``"values"``: targets and outputs of one shape, (n, k); ``"outputs"``: a user's own, which gets
    y_true and, untouched, what ``predict`` returns. ``higher_is_better`` is None where nobody said.

    >>> from functools import partial
    >>> Metric("f1_macro", partial(f1_score, average="macro"), "labels").function([0, 1, 1], [0, 1, 1])
    1.0
    """

    name: str
    function: Callable[..., Any]
    takes: Literal["labels", "values", "outputs"] = "outputs"
    higher_is_better: bool | None = None


METRICS: dict[str, Metric] = {
    "accuracy": Metric("accuracy", accuracy, "labels", True),
    "precision": Metric("precision", precision, "labels", True),
    "recall": Metric("recall", recall, "labels", True),
    "f1_score": Metric("f1_score", f1_score, "labels", True),
    "r2_score": Metric("r2_score", r2_score, "values", True),
    "mse": Metric("mse", mean_squared_error, "values", False),
    "mae": Metric("mae", mean_absolute_error, "values", False),
}
METRICS |= {short: replace(METRICS[name], name=short) for short, name in {"f1": "f1_score", "r2": "r2_score"}.items()}


def resolve(spec: str | Metric | Callable[..., Any]) -> Metric:
    """Return the row meant by a name, a row, a function of this module, or any ``f(y_true, y_pred)``.

    A number is in the history under the name by which it was asked for: "f1" under "f1", "f1_score" under "f1_score".
    Raises ValueError for an unknown name and TypeError for what cannot be called.

    >>> resolve("f1").name, resolve(Accuracy).name, resolve(max).takes
    ('f1', 'accuracy', 'outputs')
    """
    if isinstance(spec, Metric):
        return spec
    if isinstance(spec, str):
        return look_up("metric", spec, METRICS)
    if not callable(spec):
        raise TypeError(sentence("metric", "a name, or a function of y_true and y_pred", spec))
    known = (row for row in METRICS.values() if row.function is spec)
    return next(known, Metric(getattr(spec, "__name__", type(spec).__name__), spec))
