"""How good a model is on some rows: metrics with their intervals, and what a guess without a model would reach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from neural import metrics

Array = np.ndarray[Any, Any]
NO_INTERVAL = "none: all rows are alike"
WORK = 3_000_000  # rows times resamples of the bootstrap; between 200 and 1000 of these


@dataclass(frozen=True)
class MetricScore:
    """A metric on some rows with its 95 % interval, and what guessing alike for every row reaches, if that is one.

    ``low`` and ``high`` are None where all rows are alike, such as one alone: then nothing is known of chance.
    """

    name: str
    value: float
    low: float | None
    high: float | None
    baseline: float | None = None

    @property
    def texts(self) -> tuple[str, str, str, str]:
        """The name, the value, the interval and the baseline, with or without powers of ten alike.

        >>> MetricScore("rmse", 12345.6, 9876.5, 15000.0, baseline=2e5).texts
        ('rmse', '12346', '9876 to 15000', '200000')
        >>> MetricScore("rmse", 1e-5, 9e-6, 2e-5, baseline=0.12).texts
        ('rmse', '1.000e-05', '9.000e-06 to 2.000e-05', '1.200e-01')
        """
        sizes = [abs(number) for number in (self.value, self.baseline) if number]
        write = _decimal if all(1e-4 <= size < 1e7 for size in sizes) else "{:.3e}".format
        between = NO_INTERVAL if self.low is None or self.high is None else f"{write(self.low)} to {write(self.high)}"
        return self.name, write(self.value), between, "" if self.baseline is None else write(self.baseline)

    @property
    def is_better(self) -> bool:
        """Whether the whole interval is better than what guessing alike reaches; no for a metric without such a number.

        >>> MetricScore("rmse", 2.0, 1.5, 2.5, baseline=3.0).is_better
        True
        >>> MetricScore("accuracy", 0.9, 0.7, 1.0, baseline=0.8).is_better
        False
        """
        if self.baseline is None or self.low is None or self.high is None:
            return False
        return self.high < self.baseline if self.name in LESS_IS_BETTER else self.low > self.baseline


def _decimal(number: float) -> str:
    """Return a number without a power of ten: all digits before the point, four that count behind."""
    if abs(number) >= 1e4:
        return f"{number:.0f}"
    return np.format_float_positional(float(f"{number:.4g}"), trim="-")


Function = Callable[..., Any]
OF_CLASSES: tuple[tuple[str, Function, str], ...] = (
    ("accuracy", metrics.accuracy, "labels"),
    ("balanced_accuracy", metrics.balanced_accuracy, "labels"),
    ("f1_macro", partial(metrics.f1_score, average="macro"), "labels"),
    ("log_loss", metrics.log_loss, "probabilities"),
    ("roc_auc", metrics.roc_auc, "probabilities"),
)
OF_VALUES: tuple[tuple[str, Function, str], ...] = (
    ("r2_score", metrics.r2_score, "values"),
    ("rmse", metrics.root_mean_squared_error, "values"),
    ("mae", metrics.mean_absolute_error, "values"),
)
LESS_IS_BETTER = ("rmse", "mae")  # of those that have a baseline
NAMES = tuple(name for name, _, _ in (*OF_CLASSES, *OF_VALUES))


def scores(
    task: str, truth: Array, outputs: Array, typical: float | None = None, weights: Array | None = None
) -> list[MetricScore]:
    """Return the metrics of outputs (n, k) against truth (n,): column numbers of classes, or values.

    ``typical`` is what a guess without a model would say: the most frequent class in training, or the mean. ``weights``
    (n,) are those of the rows. A metric that these rows do not define is left out.
    """
    found = []
    for name, function, takes in OF_CLASSES if task == "classes" else OF_VALUES:
        of = _argument(takes, outputs)
        baseline = None if typical is None or takes == "probabilities" else _alike(function, truth, typical, weights)
        options: dict[str, Any] = {"sample_weight": weights}
        options |= {"labels": np.arange(outputs.shape[1])} if takes == "probabilities" else {}
        score = _score(name, partial(function, **options), truth, of, baseline)
        found += [score] if score is not None else []
    return found


def _argument(takes: str, outputs: Array) -> Array:
    if takes == "labels":
        return np.asarray(outputs.argmax(axis=1))
    return outputs[:, 0] if takes == "values" or (takes == "probabilities" and outputs.shape[1] == 1) else outputs


def _score(name: str, function: Function, truth: Array, of: Array, baseline: float | None) -> MetricScore | None:
    options = {"interval": True, "random_state": 0, "n_resamples": int(np.clip(WORK // len(truth), 200, 1000))}
    try:
        value, low, high = function(truth, of, **options)
    except ValueError:  # such as a ranking of rows that are all of one class
        return None
    numbers = float(value), float(low), float(high)
    if not np.isfinite(numbers).all():
        return None
    return MetricScore(name, *numbers, baseline) if low < high else MetricScore(name, numbers[0], None, None, baseline)


def _alike(function: Function, truth: Array, typical: float, weights: Array | None) -> float | None:
    try:
        value = float(function(truth, np.full(len(truth), typical, truth.dtype), sample_weight=weights))
    except ValueError:
        return None
    return value if np.isfinite(value) else None
