"""Metrics of values: y_true and y_pred, (n,) or (n, k) alike, in units of y unless a line says otherwise.

For several outputs ``multioutput`` is "uniform_average" (the plain mean of the k numbers), "raw_values" (all of them),
or k weights of a mean.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike

from neural import metric_inputs
from neural.errors import check_number, look_up, sentence
from neural.inputs import numbers
from neural.intervals import Array, Number, Options, estimate, mean, ratio

OfOutput = Callable[[Array, Array, Array], Array]  # weights (b, n), y and p (n,) -> (b,)
UNIFORM = "uniform_average"


def mean_squared_error(
    y_true: ArrayLike, y_pred: ArrayLike, *, multioutput: Any = UNIFORM, **options: Unpack[Options]
) -> Number:
    """Return the mean of (y - p)^2 over rows and outputs, in squared units of y.

    >>> mean_squared_error([1, 2, 3], [1, 2, 5])
    1.3333333333333333
    """
    return _of_outputs(_squares, y_true, y_pred, multioutput, options)


def root_mean_squared_error(
    y_true: ArrayLike, y_pred: ArrayLike, *, multioutput: Any = UNIFORM, **options: Unpack[Options]
) -> Number:
    """Return the root of the mean of (y - p)^2 over the rows; of several outputs the mean of the roots.

    >>> root_mean_squared_error([1, 2, 3, 4], [1, 2, 3, 6])
    1.0
    """
    return _of_outputs(lambda w, y, p: np.sqrt(_squares(w, y, p)), y_true, y_pred, multioutput, options)


def mean_absolute_error(
    y_true: ArrayLike, y_pred: ArrayLike, *, multioutput: Any = UNIFORM, **options: Unpack[Options]
) -> Number:
    """Return the mean of |y - p| over rows and outputs.

    >>> mean_absolute_error([1, 2, 3], [1, 2, 6])
    1.0
    """
    return _of_outputs(lambda w, y, p: mean(w, np.abs(y - p)), y_true, y_pred, multioutput, options)


def median_absolute_error(
    y_true: ArrayLike, y_pred: ArrayLike, *, multioutput: Any = UNIFORM, **options: Unpack[Options]
) -> Number:
    """Return the median of |y - p|: half the weight of the rows is below it; between two rows, their mean.

    >>> median_absolute_error([1, 2, 3, 4], [1, 3, 6, 40])
    2.0
    """
    return _of_outputs(_median, y_true, y_pred, multioutput, options)


def pinball_loss(
    y_true: ArrayLike, y_pred: ArrayLike, *, alpha: float = 0.5, multioutput: Any = UNIFORM, **options: Unpack[Options]
) -> Number:
    """Return the mean of max(alpha (y - p), (alpha - 1) (y - p)), which is least where p is the alpha-quantile of y.

    ``alpha`` is from 0 to 1; 0.5 gives half the mean absolute error.
    Source: R. Koenker and G. Bassett, Econometrica 46 (1978), 33-50.

    >>> pinball_loss([1, 2, 3], [2, 2, 2], alpha=0.75)
    0.3333333333333333
    """
    alpha = check_number("alpha", alpha, low=0, high=1)

    def losses(weights: Array, y: Array, p: Array) -> Array:
        return mean(weights, np.maximum(alpha * (y - p), (alpha - 1) * (y - p)))

    return _of_outputs(losses, y_true, y_pred, multioutput, options)


def r2_score(y_true: ArrayLike, y_pred: ArrayLike, *, multioutput: Any = UNIFORM, **options: Unpack[Options]) -> Number:
    """Return 1 - sum (y - p)^2 / sum (y - mean y)^2, a pure number.

    1 is perfect, 0 is no better than the mean of y. An output whose y_true is constant (as a single row is) counts 1
    if predicted exactly and 0 otherwise.

    >>> r2_score([1, 2, 3], [1, 2, 2])
    0.5
    """
    return _of_outputs(_r2, y_true, y_pred, multioutput, options)


def explained_variance(
    y_true: ArrayLike, y_pred: ArrayLike, *, multioutput: Any = UNIFORM, **options: Unpack[Options]
) -> Number:
    """Return 1 - variance of (y - p) / variance of y: R2, except that a constant error costs nothing.

    An output whose y_true is constant counts 1 if the error is constant too, and 0 otherwise.

    >>> explained_variance([1, 2, 3], [2, 3, 4]), r2_score([1, 2, 3], [2, 3, 4])
    (1.0, -0.5)
    """
    return _of_outputs(_explained_variance, y_true, y_pred, multioutput, options)


# Of one output: weights (b, n), y and p (n,) -> (b,) ------------------------------------------------------------------


def _squares(weights: Array, y: Array, p: Array) -> Array:
    return mean(weights, np.square(y - p))


def _median(weights: Array, y: Array, p: Array) -> Array:
    errors = np.abs(y - p)
    order = np.argsort(errors)
    reached = np.cumsum(weights[:, order], axis=1)
    # Sums of weights are rounded; 1e-12 of all the weight is far more than that and far less than a row.
    half, slack = reached[:, -1:] / 2, 1e-12 * reached[:, -1:]
    low, high = (reached < half - slack).sum(axis=1), (reached <= half + slack).sum(axis=1)
    middle = (errors[order[low]] + errors[order[high.clip(max=len(y) - 1)]]) / 2
    return np.where(reached[:, -1] > 0, middle, np.nan)


def _variance(weights: Array, values: Array) -> Array:
    """Return the mean of (values - their mean)^2; 0 where those with weight are equal, though their mean is rounded."""
    apart = np.square(values - mean(weights, values)[:, None])
    spread = ratio(np.einsum("bn,bn->b", weights, apart), weights.sum(axis=1), np.nan)
    largest = np.where(weights > 0, values, -np.inf).max(axis=1)
    smallest = np.where(weights > 0, values, np.inf).min(axis=1)
    return np.where(largest == smallest, 0.0, spread)


def _r2(weights: Array, y: Array, p: Array) -> Array:
    return _explained(_squares(weights, y, p), _variance(weights, y))


def _explained_variance(weights: Array, y: Array, p: Array) -> Array:
    return _explained(_variance(weights, y - p), _variance(weights, y))


def _explained(rest: Array, whole: Array) -> Array:
    """Return 1 - rest / whole; of nothing, 1 if nothing is left and 0 otherwise."""
    return np.where(whole == 0, rest == 0, 1 - rest / np.where(whole == 0, 1, whole))


# Of several outputs ---------------------------------------------------------------------------------------------------

MULTIOUTPUT: dict[str, Callable[[Array], Array]] = {
    UNIFORM: lambda found: found.mean(axis=1),
    "raw_values": lambda found: found,
}


def _of_outputs(
    of_output: OfOutput, y_true: ArrayLike, y_pred: ArrayLike, multioutput: Any, options: Options
) -> Number:
    true, predicted = metric_inputs.values(y_true, y_pred)
    combined = _combination(multioutput, true.shape[1])

    def number(weights: Array) -> Array:
        pairs = zip(true.T, predicted.T, strict=True)
        return combined(np.stack([of_output(weights, y, p) for y, p in pairs], axis=1))

    return estimate(number, len(true), **options)


def _combination(multioutput: Any, k: int) -> Callable[[Array], Array]:
    if isinstance(multioutput, str):
        return look_up("multioutput", multioutput, MULTIOUTPUT)
    shares = numbers("multioutput", multioutput).astype(np.float64)
    if shares.shape != (k,) or shares.min() < 0 or not shares.any():
        rule = f"'uniform_average', 'raw_values' or {k} weights, none below 0 and not all 0"
        raise ValueError(sentence("multioutput", rule, multioutput))
    return lambda found: found @ (shares / shares.sum())
