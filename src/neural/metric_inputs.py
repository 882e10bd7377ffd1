"""What metrics are given: classes, scores of classes, or values, as arrays of which every row is checked."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neural.errors import sentence
from neural.inputs import array, check_finite, column_names

Array = NDArray[Any]
ROUNDED = 1e-3  # what float16 leaves of a sum of probabilities, and far from a row with two classes or none


def checked(what: str, y: ArrayLike) -> Array:
    """Return ``y``, (n,) or (n, k), as an array of bool, int, float or str without missing values."""
    values = array(what, y)
    if values.ndim not in (1, 2) or values.size == 0:
        raise ValueError(sentence(what, "an array of shape (n,) or (n, k) with at least one row", values))
    check_finite(what, values, values.dtype, column_names(y))
    return values


def _check_rows(true: Array, predicted: Array) -> None:
    if len(true) != len(predicted):
        rule = f"as long as y_true, {len(true)} rows"
        raise ValueError(sentence("y_pred", rule, predicted, "Both take samples in rows."))


def _check_numbers(what: str, values: Array) -> None:
    if values.dtype.kind == "U":
        raise TypeError(sentence(what, "made of numbers", values))


# Classes --------------------------------------------------------------------------------------------------------------


def flat_labels(what: str, values: Array) -> Array:
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


def _wide(values: Array) -> bool:
    return values.ndim == 2 and values.shape[1] > 1


def _true_labels(values: Array) -> Array:
    if not _wide(values):
        return flat_labels("y_true", values)
    labels = _best_column("y_true", values)
    if values.min() < 0 or values.max() > 1 + ROUNDED or np.abs(values.sum(axis=1) - 1).max() > ROUNDED:
        next_step = "Several classes in one row (multilabel) are not supported; for real values use r2_score."
        raise ValueError(sentence("y_true", "one-hot: every row sums to 1", values, next_step))
    return labels


def _predicted_labels(values: Array, true: Array) -> Array:
    if _wide(values):
        return _best_column("y_pred", values)
    if values.dtype.kind != "f" or _whole(values):
        return flat_labels("y_pred", values)
    if true.dtype.kind == "U" or true.min() < 0 or true.max() > 1:
        rule = "labels, or (where y_true is 0 and 1) probabilities of class 1"
        raise ValueError(sentence("y_pred", rule, values, "For real-valued targets use r2_score."))
    return predict_classes(values)


class Classes(NamedTuple):
    """What rows belong to and what they were given to."""

    true: Array  # (n,), int64 or str
    predicted: Array  # (n,), of the same kind
    columns: int  # the K of a one-hot or probability array, 0 where both are labels


def classes(y_true: ArrayLike, y_pred: ArrayLike) -> Classes:
    """Return the labels of both, whatever forms they come in."""
    true_values, predicted_values = checked("y_true", y_true), checked("y_pred", y_pred)
    _check_rows(true_values, predicted_values)
    true = _true_labels(true_values)
    predicted = _predicted_labels(predicted_values, true)
    if true.dtype.kind != predicted.dtype.kind:
        next_step = "Name the classes first: classes[predict_classes(y_pred)]."
        raise ValueError(sentence("y_pred", f"of the kind of y_true ({true.dtype})", predicted, next_step))
    columns = max(values.shape[1] if values.ndim == 2 else 1 for values in (true_values, predicted_values))
    return Classes(true, predicted, columns if columns > 1 else 0)


def predict_classes(y_pred: ArrayLike) -> NDArray[np.int64]:
    """Return the class number of every row, int64 (n,), of what ``predict`` returns.

    (n, K) with K > 1: the largest column, the first of equals. Floats (n,) or (n, 1): 1 where above 0.5, so that 0.5 is
    class 0 like the tie (0.5, 0.5) of two columns. Whole-number types and booleans, (n,) or (n, 1), are labels already.

    >>> predict_classes([[0.1, 0.7, 0.2], [0.8, 0.1, 0.1]])
    array([1, 0])
    >>> predict_classes([[0.3], [0.5], [0.9]])
    array([0, 0, 1])
    """
    values = checked("y_pred", y_pred)
    _check_numbers("y_pred", values)
    if _wide(values):
        values = values.argmax(axis=1)
    elif values.dtype.kind == "f":
        values = values > 0.5
    return values.ravel().astype(np.int64)


def chosen_labels(labels: ArrayLike, true: Array) -> Array:
    """Return the labels that a caller chose, in the caller's order."""
    names = flat_labels("labels", checked("labels", labels))
    if names.dtype.kind != true.dtype.kind:
        raise ValueError(sentence("labels", f"of the kind of y_true ({true.dtype})", names))
    if len(np.unique(names)) < len(names):
        raise ValueError(sentence("labels", "different from one another", names.tolist()))
    if not np.isin(names, true).any():
        raise ValueError(sentence("labels", "labels of which at least one is in y_true", names.tolist()))
    return names


def position(values: Array, names: Array) -> Array:
    """Return where each value stands in ``names``, -1 for those that do not."""
    order = np.argsort(names)
    found = order[np.searchsorted(names, values, sorter=order).clip(max=len(names) - 1)]
    return np.where(names[found] == values, found, -1)


# Scores of classes ----------------------------------------------------------------------------------------------------


class Scores(NamedTuple):
    """The column of the class of each row, and a score for every class."""

    true: Array  # (n,), int64, from 0 to K - 1
    scores: Array  # (n, K), or (n, 1) for the second of two classes; float64
    k: int
    eps: float  # the precision with which the scores came


def scores(y_true: ArrayLike, y_pred: ArrayLike, labels: ArrayLike | None = None) -> Scores:
    """Return scores of any size, (n, K), or (n,) and (n, 1) for the second of two classes."""
    true, predicted = checked("y_true", y_true), checked("y_pred", y_pred)
    _check_numbers("y_pred", predicted)
    _check_rows(true, predicted)
    columns = predicted.reshape(len(predicted), -1)
    k = max(columns.shape[1], 2)
    eps = np.finfo(columns.dtype if columns.dtype.kind == "f" else np.float64).eps
    return Scores(_columns_of(true, k, labels), columns.astype(np.float64), k, float(eps))


def probabilities(y_true: ArrayLike, y_pred: ArrayLike, labels: ArrayLike | None = None) -> Scores:
    """Return probabilities (n, K), those of one column with what is left to 1 before them."""
    found = scores(y_true, y_pred, labels)
    p = found.scores
    if p.shape[1] == 1:
        p = np.hstack([1 - p, p])
    if p.min() < 0 or p.max() > 1 + ROUNDED:
        worst = p.min() if p.min() < 0 else p.max()
        raise ValueError(sentence("y_pred", "probabilities, from 0 to 1", float(worst), "Scores go to roc_auc."))
    sums = p.sum(axis=1)
    odd = np.abs(sums - 1).argmax()
    if abs(sums[odd] - 1) > ROUNDED:
        rule = "probabilities: every row sums to 1"
        raise ValueError(sentence("y_pred", rule, float(sums[odd]), f"See row {odd}."))
    return found._replace(scores=p)


def _columns_of(values: Array, k: int, labels: ArrayLike | None) -> Array:
    """Return the number of the column that stands for the class of each row."""
    true = _true_labels(values)
    if _wide(values):
        if values.shape[1] != k:
            raise ValueError(sentence("y_true", f"one-hot with {k} columns, as many as y_pred has classes", values))
        return true
    if labels is not None:
        names = chosen_labels(labels, true)
    elif true.dtype.kind != "U" and true.min() >= 0 and true.max() < k:
        return true
    else:
        names = np.unique(true)
    if len(names) != k:
        rule = f"the classes of the {k} columns of y_pred (one column is for two), in their order"
        raise ValueError(sentence("labels", rule, names.tolist(), "" if labels is not None else "Pass labels=..."))
    found = position(true, names)
    if found.min() < 0:
        odd = true[found.argmin()].item()
        raise ValueError(sentence("y_true", f"made of the labels {names.tolist()}", odd, f"See row {found.argmin()}."))
    return found


# Values ---------------------------------------------------------------------------------------------------------------


def values(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[Array, Array]:
    """Return both as float64 (n, k)."""
    true, predicted = checked("y_true", y_true), checked("y_pred", y_pred)
    _check_numbers("y_true", true)
    _check_numbers("y_pred", predicted)
    _check_rows(true, predicted)
    true, predicted = (found.reshape(len(found), -1).astype(np.float64) for found in (true, predicted))
    if true.shape != predicted.shape:
        rule = f"as wide as y_true, {true.shape[1]} columns"
        raise ValueError(sentence("y_pred", rule, predicted, "Class numbers against outputs? Make them one-hot first."))
    return true, predicted
