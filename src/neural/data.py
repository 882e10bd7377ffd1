"""From what a user gives to what an engine takes: rows, targets as the loss has them, weights, validation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from neural import inputs
from neural.engine import Data
from neural.errors import check_number, guess, one_of, sentence
from neural.losses import CustomLoss, Loss
from neural.streams import balanced_order, stream

Classes = np.ndarray | None


def encoded(
    X: np.ndarray,
    y: Any,
    sample_weight: Any,
    loss: Loss,
    n_out: int,
    dtype: Any,
    known: Classes,
    *,
    part: bool = False,
) -> tuple[Data, Classes]:
    """Return checked rows with their targets and weights, checked and encoded, and the class labels.

    Of rows that are a ``part`` of all, the weights may all be 0.
    """
    y, classes = loss.encode(y, n_out, known)
    inputs.same_length(X=X, y=y)
    inputs.check_finite("y", y, dtype)
    y = y if y.dtype == np.int64 and y.ndim == 1 else y.astype(dtype)
    return Data(X, y, _weights("sample_weight", sample_weight, len(X), loss, dtype, part)), classes


def _weights(what: str, value: Any, n: int, loss: Loss, dtype: Any, part: bool) -> np.ndarray | None:
    weights = inputs.weights(value, n, dtype, all_zero=part)
    if weights is not None and isinstance(loss, CustomLoss):
        raise ValueError(
            f"{what} needs a loss with a value a row. Got {loss.name}, which gives the batch's mean. "
            "Give it of_outputs(a, y, da, own) in place of loss and loss_prime."
        )
    return weights


# --- validation ----------------------------------------------------------------------------------------------------
def for_validation(given: Any, take: Callable[..., Data]) -> Data:
    """Return what ``take(X, y, sample_weight)`` makes of the argument ``validation_data``."""
    if not isinstance(given, tuple | list) or len(given) not in (2, 3):
        kind = ValueError if isinstance(given, tuple | list) else TypeError
        raise kind(sentence("validation_data", "(X, y) or (X, y, sample_weight)", given))
    try:
        return take(*given)
    except (TypeError, ValueError) as error:
        raise type(error)(f"validation_data: {error}") from None


def split_off(data: Data, fraction: float, seed: int) -> tuple[Data, Data | None]:
    """Return rows to train on and rows to validate on, drawn at random; the same rows for the same seed and length."""
    if check_number("validation_split", fraction, low=0) == 0:
        return data, None
    n = round(len(data) * fraction)
    if fraction >= 1 or not 0 < n < len(data):
        raise ValueError(
            sentence("validation_split", f"a fraction that leaves rows on both sides of {len(data)}", fraction)
        )
    order = stream(seed, "split").permutation(len(data))
    parts = _take(data, np.sort(order[n:])), _take(data, np.sort(order[:n]))
    if any(part.weights is not None and not part.weights.any() for part in parts):
        rule = "above 0 for one sample at least on both sides of validation_split"
        raise ValueError(sentence("sample_weight", rule, data.weights))
    return parts


def _take(data: Data, rows: np.ndarray) -> Data:
    return Data(data.X[rows], data.y[rows], None if data.weights is None else data.weights[rows])


# --- weights of classes --------------------------------------------------------------------------------------------
def class_weighted(
    data: Data, class_weight: Any, classes: Classes, loss: Loss | None, dtype: Any, *, part: bool = False
) -> Data:
    """Return the data with each row's weight multiplied by that of its class; with None, as it is."""
    if class_weight is None or loss is None:
        return data
    weights = by_row(class_weight, loss.labels(data.y), classes, loss.describe())
    if data.weights is not None:
        weights = weights * data.weights
    return Data(data.X, data.y, _weights("class_weight", weights, len(data), loss, dtype, part))


def by_row(class_weight: Any, labels: np.ndarray, classes: Classes, loss: str, weights: Any = None) -> np.ndarray:
    """Return the weight of each row's class, float64 (n,); ``labels`` are the column numbers of ``classes``.

    ``class_weight`` is "balanced", n / (number of classes there are * rows of the class), as scikit-learn has it (King
    and Zeng, Logistic regression in rare events data, 2001); or a dictionary from labels to numbers of at least 0, in
    which a class that is left out has 1. ``classes`` is None if the targets are no classes: ValueError. With
    ``weights`` (n,) "balanced" counts a row as so many.

    >>> by_row("balanced", np.array([0, 1, 1, 1]), np.array(["no", "yes"]), "a loss")
    array([2.        , 0.66666667, 0.66666667, 0.66666667])
    >>> by_row({"yes": 3}, np.array([0, 1]), np.array(["no", "yes"]), "a loss")
    array([1., 3.])
    """
    classes = _checked_classes("class_weight", class_weight, labels, classes, loss)
    if isinstance(class_weight, Mapping):
        return _given(class_weight, classes)[labels]
    if not isinstance(class_weight, str) or class_weight != "balanced":
        kind = ValueError if isinstance(class_weight, str) else TypeError
        raise kind(sentence("class_weight", "None, 'balanced', or a dictionary from classes to weights", class_weight))
    counts = np.bincount(labels, weights, minlength=len(classes))
    return (counts.sum() / (np.count_nonzero(counts) * np.where(counts > 0, counts, 1)))[labels]


def _checked_classes(what: str, value: Any, labels: np.ndarray, classes: Classes, loss: str) -> np.ndarray:
    if classes is None or labels.ndim != 1:
        rule = f"None for {loss} here, as its targets are not one class a row"
        raise ValueError(sentence(what, rule, value, "Give sample_weight, a number a row."))
    return classes


def _given(weights: Mapping[Any, Any], classes: np.ndarray) -> np.ndarray:
    known = classes.tolist()
    for label in weights:
        if label not in known:
            raise ValueError(sentence("a class in class_weight", one_of(known), label))
    return np.array([check_number(f"class_weight of {label!r}", weights.get(label, 1), low=0) for label in known])


# --- which rows an epoch takes ---------------------------------------------------------------------------------------
@dataclass(repr=False, eq=False)
class Balanced:
    """Orders in which every class is as likely as every other: rows are drawn with replacement."""

    rows: np.ndarray  # class by class
    ends: np.ndarray  # of each class that has rows, among them

    def orders(self, seed: int, first: int, count: int) -> np.ndarray:
        """Return the rows of ``count`` epochs from number ``first`` on, as many in each as there are."""
        found = [balanced_order(seed, epoch, self.rows, self.ends) for epoch in range(first, first + count)]
        return np.concatenate(found)


def sampler(sampling: Any, class_weight: Any, data: Data, classes: Classes, loss: Loss | None) -> Balanced | None:
    """Return what draws the rows of each epoch; with None, nothing: each row once."""
    if sampling is None or loss is None:
        return None
    if not isinstance(sampling, str):
        raise TypeError(sentence("sampling", "None or 'balanced'", sampling))
    if sampling != "balanced":
        raise ValueError(sentence("sampling", "None or 'balanced'", sampling, guess(sampling, ["balanced"])))
    if class_weight is not None:
        raise ValueError("sampling and class_weight must not be given both: each evens out the classes. Leave one out.")
    labels = loss.labels(data.y)
    _checked_classes("sampling", sampling, labels, classes, loss.describe())
    counts = np.bincount(labels)
    return Balanced(np.argsort(labels, kind="stable"), np.cumsum(counts[counts > 0]))
