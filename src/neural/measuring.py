"""The metrics of a fit or an evaluation: which are meant, and their numbers for a network's outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from neural.callbacks import ALWAYS
from neural.errors import sentence

if TYPE_CHECKING:
    from neural.metrics import Metric


def resolve_metrics(wanted: Any) -> list[Metric]:
    """Return what a name, a function, or several of them stand for, each under a name of its own in the history."""
    if wanted is None or (isinstance(wanted, tuple | list) and not wanted):
        return []
    from neural import metrics

    if isinstance(wanted, str | metrics.Metric) or callable(wanted):
        wanted = (wanted,)
    if not isinstance(wanted, Iterable):
        raise TypeError(sentence("metrics", "a name, a function, or a list of them", wanted))
    found: dict[str, Any] = dict.fromkeys(ALWAYS)
    for metric in map(metrics.resolve, wanted):
        if found.setdefault(metric.name, metric) != metric:
            raise ValueError(sentence("metrics", "of different names, and none of them of the cost's", metric.name))
    return [metric for metric in found.values() if metric is not None]


def measure(wanted: list[Metric], loss: Any, y: np.ndarray, outputs: np.ndarray) -> dict[str, float]:
    """Return each metric of outputs (n, n_out) against encoded targets."""
    return {
        metric.name: _number(
            metric,
            np.array(loss.labels(y)),
            loss.estimates(outputs) if metric.takes in ("labels", "values") else outputs,
        )
        for metric in wanted
    }


def _classes(truth: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Return probabilities (n, n_out) as they are, and one output as classes 0 and 1, if the truth is such."""
    if outputs.shape[1] > 1:
        return outputs
    odd = truth[(truth != 0) & (truth != 1)]
    if odd.size:
        rule, step = "0 or 1 for a metric of classes and one output", "For real values use r2_score, mse or mae."
        raise ValueError(sentence("y", rule, odd[0].item(), step))
    from neural.metric_inputs import predict_classes

    return predict_classes(outputs)


PREDICTED: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {  # what a metric takes, of truth and outputs
    "labels": _classes,
    "values": lambda truth, outputs: outputs if outputs.shape[1] > 1 else outputs[:, 0],
    "probabilities": lambda truth, outputs: outputs.copy(),
    "outputs": lambda truth, outputs: outputs.copy(),
}


def _number(metric: Metric, truth: np.ndarray, outputs: np.ndarray) -> float:
    try:
        value = metric.function(truth, PREDICTED[metric.takes](truth, outputs))
    except (TypeError, ValueError) as error:
        if metric.takes == "outputs":  # a user's own error stays as it is
            raise
        raise type(error)(f"metric {metric.name}: {error}") from None
    if np.ndim(value) or not isinstance(value, int | float | np.number | np.ndarray):
        raise TypeError(sentence(f"metric {metric.name}", "a function that returns a number", value))
    return float(value)
