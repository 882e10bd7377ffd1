"""How far a metric can be trusted: Wilson's interval for proportions, the percentile bootstrap for the rest.

A metric is written as a function of row weights (b, n) that returns b numbers, so that b resamples are taken at once:
a row that was drawn twice has weight 2, one that was not has 0. The value itself is that of weights 1, or of the
caller's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypedDict, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neural.errors import check_number, sentence
from neural.inputs import weights as row_weights
from neural.streams import seed_from

Array = NDArray[Any]
Number = float | Any  # a float; with interval=True an Interval, and arrays where several numbers were asked for
OfWeights = Callable[[Array], Array]  # weights (b, n) -> (b,) or (b, k), NaN where undefined
PartsOfWeights = Callable[[Array], tuple[Array, Array]]  # the same, as successes and trials
BLOCK = 1 << 18  # weights made at a time, 2 MB


class Interval(NamedTuple):
    """What a metric returns with ``interval=True``."""

    value: Any
    low: Any
    high: Any


class Options(TypedDict, total=False):
    """What every metric takes besides.

    ``sample_weight``: (n,), none below 0; weight 2 is the row twice. ``interval``: return (value, low, high). ``level``
    of the interval: 0.95. For the bootstrap, ``n_resamples``: 1000, and ``random_state``: None, a whole number or a
    generator.
    """

    sample_weight: Any
    interval: bool
    level: float
    n_resamples: int
    random_state: Any


def ratio(top: ArrayLike, bottom: ArrayLike, undefined: float = 0.0) -> Array:
    """Return top / bottom, and ``undefined`` where bottom is 0."""
    out = np.full(np.broadcast_shapes(np.shape(top), np.shape(bottom)), undefined)
    return np.divide(top, bottom, out=out, where=np.asarray(bottom) != 0)


def mean(weights: Array, rows: Array) -> Array:
    """Return the mean of ``rows`` (n,) under each of the weights (b, n)."""
    return ratio(weights @ rows, weights.sum(axis=1), np.nan)


def sums(weights: Array, codes: Array, k: int) -> Array:
    """Return the weight (b, k) of each of the codes 0 to k - 1, of which every row has one."""
    b = len(weights)
    places = codes + k * np.arange(b)[:, None]
    return np.bincount(places.ravel(), weights.ravel(), minlength=b * k).reshape(b, k)


def estimate(
    number: OfWeights,
    n: int,
    undefined: str = "",
    *,
    sample_weight: Any = None,
    interval: bool = False,
    level: float = 0.95,
    n_resamples: int = 1000,
    random_state: Any = None,
) -> Number:
    """Return the number for ``n`` rows, with its percentile bootstrap interval if that is asked for.

    The interval reaches from the (1 - level) / 2 to the (1 + level) / 2 quantile of the numbers of ``n_resamples``
    draws of n rows with replacement. Draws in which the number is undefined are left out. ``undefined`` is the error
    where the number itself is. Source: B. Efron and R. Tibshirani, An Introduction to the Bootstrap (1993), section
    13.3.

    >>> found = estimate(lambda weights: mean(weights, np.arange(100.0)), 100, interval=True, random_state=0)
    >>> found.value, bool(found.low < 49.5 < found.high)
    (49.5, True)
    """
    given = row_weights(sample_weight, n, np.float64)
    weights = np.ones(n) if given is None else given
    value = number(weights[None])[0]
    if np.isnan(value).any():
        raise ValueError(undefined)
    if not interval:
        return _plain(value)
    tail = (1 - _level(level)) / 2
    found = _resampled(number, weights, check_number("n_resamples", n_resamples, low=1, whole=True), random_state)
    if np.isnan(found).all(axis=0).any():
        raise ValueError(undefined)
    low, high = np.nanquantile(found, [tail, 1 - tail], axis=0)
    return Interval(_plain(value), _plain(low), _plain(high))


def _resampled(number: OfWeights, weights: Array, n_resamples: int, random_state: Any) -> Array:
    """Return the numbers, (n_resamples,) or (n_resamples, k), of that many draws of rows."""
    n, rng = len(weights), np.random.default_rng(seed_from(random_state))
    found = []
    for first in range(0, n_resamples, size := max(1, BLOCK // n)):
        b = min(size, n_resamples - first)
        drawn = rng.integers(n, size=(b, n)) + n * np.arange(b)[:, None]
        found.append(number(np.bincount(drawn.ravel(), minlength=b * n).reshape(b, n) * weights))
    return np.concatenate(found)


def estimate_proportion(parts: PartsOfWeights, n: int, **options: Unpack[Options]) -> Number:
    """Return successes / trials, 0 where there are no trials, with Wilson's score interval if that is asked for.

    Of no trials the interval is (0, 1). With sample weights it is no plain proportion, and bootstrapped.

    >>> hits = np.array([1.0] * 25 + [0.0] * 5)
    >>> found = estimate_proportion(lambda w: (w @ hits, w.sum(axis=1)), 30, interval=True)
    >>> round(found.low, 3), round(found.high, 3)
    (0.664, 0.927)
    """
    if options.get("sample_weight") is not None or not options.get("interval"):
        return estimate(lambda weights: ratio(*parts(weights)), n, **options)
    value = estimate(lambda weights: ratio(*parts(weights)), n)
    successes, trials = (part[0] for part in parts(np.ones((1, n))))
    low, high = np.vectorize(_wilson, otypes=[float, float])(successes, trials, _level(options.get("level", 0.95)))
    return Interval(value, _plain(low), _plain(high))


def _wilson(successes: float, trials: float, level: float) -> tuple[float, float]:
    from neural.significance import wilson_interval  # what it imports would slow every start of the package

    return wilson_interval(round(successes), round(trials), level) if trials else (0.0, 1.0)


def _level(level: Any) -> float:
    if not 0 < check_number("level", level) < 1:
        raise ValueError(sentence("level", "a number between 0 and 1, both excluded", level))
    return float(level)


def _plain(value: Any) -> Any:
    """Return one number as a float, several as they are."""
    return value if np.ndim(value) else float(value)
