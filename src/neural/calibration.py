"""Do probabilities mean what they say? The diagram that shows it, and the temperature that mends it.

Both take rows that the network was not trained on: on its own rows it is nearly always too sure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from neural import canvas, inputs, row_weights
from neural.errors import check_number, sentence
from neural.intervals import Interval, Options
from neural.layers import ActivationLayer
from neural.metric_inputs import probabilities
from neural.models import classes_of, judged, network_of, outputs_of
from neural.nn import NeuralNetwork
from neural.passes import Passes, without_last_activation
from neural.probability_metrics import expected_calibration_error, log_loss
from neural.significance import wilson_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray[Any, Any]
COLDEST, HOTTEST = 1e-3, 1e3  # temperatures that are looked at


# Reliability ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reliability:
    """What :func:`reliability` returns, of the bins that have rows: all (bins,).

    ``confidence``, the mean probability of the chosen class; ``accuracy`` with its Wilson interval ``low``, ``high``;
    ``counts``; and ``error``, the expected calibration error with its interval.
    """

    confidence: Array
    accuracy: Array
    low: Array
    high: Array
    counts: Array
    error: Interval
    n_bins: int

    @canvas.style()
    def plot(self, ax: Axes | None = None) -> Figure:
        """Draw accuracy over confidence: on the line probabilities are right, below it the network is too sure."""
        figure, axes = canvas.panel(ax, 4.6, 4.4)
        axes.plot([0, 1], [0, 1], color="0.6", linewidth=1, dashes=(4, 3), label="as it should be")
        axes.vlines(self.confidence, self.low, self.high, color=canvas.COLOURS[0], linewidth=1.5)
        size = 12 + 120 * self.counts / self.counts.max()
        axes.scatter(self.confidence, self.accuracy, s=size, color=canvas.COLOURS[0], zorder=3, label="rows of a bin")
        axes.set(xlabel="Mean confidence", ylabel="Accuracy, 95% interval", xlim=(0, 1.02), ylim=(0, 1.02))
        axes.set_title(f"Calibration error {self.error.value:.3f} ({self.error.low:.3f} to {self.error.high:.3f})")
        axes.legend(loc="lower right")
        return figure


def reliability(
    y_true: Any, y_pred: Any, *, n_bins: int = 15, labels: Any = None, random_state: Any = None
) -> Reliability:
    """Return how often the chosen class is right among rows of about one confidence, in ``n_bins`` of equal width.

    Arguments as :func:`neural.metrics.expected_calibration_error` has them; its note on the interval holds.
    Source: M. DeGroot and S. Fienberg, The Statistician 32 (1983), 12-22.

    >>> found = reliability([1, 1, 0, 1], [0.75, 0.75, 0.75, 0.75], random_state=0)
    >>> found.confidence, found.accuracy, found.counts
    (array([0.75]), array([0.75]), array([4]))
    """
    n_bins = check_number("n_bins", n_bins, low=1, whole=True)
    true, p, _, _ = probabilities(y_true, y_pred, labels)
    options: Options = {"interval": True, "random_state": random_state}
    error: Any = expected_calibration_error(y_true, y_pred, n_bins=n_bins, labels=labels, **options)
    confidence, right = p.max(axis=1), p.argmax(axis=1) == true
    bins = np.searchsorted(np.arange(1, n_bins) / n_bins, confidence)
    counts = np.bincount(bins, minlength=n_bins)
    held = counts > 0
    hits, sums = (np.bincount(bins, values, n_bins)[held] for values in (right, confidence))
    ends = np.array([wilson_interval(int(k), int(n)) for k, n in zip(hits, counts[held], strict=True)])
    return Reliability(sums / counts[held], hits / counts[held], ends[:, 0], ends[:, 1], counts[held], error, n_bins)


# Temperature ----------------------------------------------------------------------------------------------------------


class Calibrated:
    """A model whose scores are divided by a ``temperature`` before they become probabilities: see :func:`calibrate`.

    Above 1 it was too sure, below 1 not sure enough. Which class is largest does not change. ``before`` and ``after``
    are the log losses of the rows it was made with.
    """

    def __init__(self, model: Any, temperature: float, before: float = np.nan, after: float = np.nan) -> None:
        self.model = model
        self.temperature: float = check_number("temperature", temperature, low=0, strict=True)
        self.before, self.after = before, after

    @property
    def classes_(self) -> Array | None:
        """The class of each column, as the model has them."""
        return classes_of(self.model)

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class, float64 (n, K)."""
        return softmax(scores_of(self.model, X) / self.temperature)

    def predict(self, X: Any) -> Array:
        """Return probabilities in the form that a network does: (n, K), or (n, 1) of the second of two classes."""
        p = self.predict_proba(X)
        return p[:, 1:] if p.shape[1] == 2 and self._one_output() else p

    def _one_output(self) -> bool:
        return isinstance(self.model, NeuralNetwork) and self.model.n_outputs() == 1

    def __repr__(self) -> str:
        return f"Calibrated({type(self.model).__name__}, temperature={self.temperature:.4g})"


def calibrate(model: Any, X: Any, y: Any) -> Calibrated:
    """Return the model with the temperature T that makes the log loss of these rows least: p = softmax(z / T).

    ``X`` and ``y`` are rows it was not trained on; a few hundred will do for one number. z are a network's scores, and
    of any other model the logarithms of its probabilities. Source: Guo, Pleiss, Sun and Weinberger, On calibration of
    modern neural networks, ICML 2017, section 4.2; :func:`temperature_of` says what is added to it.

    >>> class TooSure:
    ...     def predict_proba(self, X):
    ...         return np.tile([0.01, 0.99], (len(X), 1))
    >>> calibrated = calibrate(TooSure(), np.zeros((4000, 1)), [1, 1, 1, 0] * 1000)
    >>> calibrated.predict_proba([[0.0]]).round(3)
    array([[0.25, 0.75]])
    """
    found = judged(model, X, y)
    if not found.classifies:
        raise ValueError(sentence("model", "a classifier: temperatures are for probabilities", model))
    z = scores_of(model, X)
    temperature = temperature_of(z, found.truth)
    before, after = (float(log_loss(found.truth, softmax(z / t))) for t in (1.0, temperature))
    return Calibrated(model, temperature, before, after)


def temperature_of(z: Array, truth: Array, weights: Array | None = None) -> float:
    """Return the T at which d/ds mean(log sum e^(s z) - s t z), s = 1/T, is 0: it rises with s, so by bisection.

    The mean is over the rows, weighted if ``weights`` (n,) are given. Of each row one part in n + 2 counts for the
    class that comes second, or first in its place, as Laplace's rule of succession has it after n rows: those that are
    all right would otherwise ask for probabilities of 0 and 1. Platt (1999) mends his fit so, class by class.
    """
    each = np.arange(len(z))
    own, others = z[each, truth], z.copy()
    others[each, truth] = -np.inf
    aim = own + (others.max(axis=1) - own) / ((len(z) if weights is None else weights.sum()) + 2)

    def slope(s: float) -> float:
        return row_weights.mean((softmax(s * z) * z).sum(axis=1) - aim, weights)

    low, high = np.log(1 / HOTTEST), np.log(1 / COLDEST)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if slope(np.exp(middle)) > 0 else (middle, high)
    return float(np.exp(-(low + high) / 2))


def scores_of(model: Any, X: Any) -> Array:
    """Return what a softmax over the classes makes probabilities of, float64 (n, K): scores, or log p."""
    if isinstance(model, NeuralNetwork):
        net, _ = network_of(model)
        program = net.build().as_predicted()
        last = program.chain[-1][1]
        if isinstance(last, ActivationLayer) and last.function.name in ("softmax", "sigmoid"):
            rows = inputs.rows("X", X, net.dtype, net.n_inputs)
            short = without_last_activation(program)
            z = np.concatenate(list(Passes(short).hidden(rows, len(short.chain)))).astype(np.float64)
            return np.hstack([np.zeros_like(z), z]) if z.shape[1] == 1 else z
    p = outputs_of(model, X)
    if p.ndim == 1 or p.min() < 0 or p.max() > 1 + 1e-3:
        raise ValueError(sentence("what the model predicts", "probabilities, from 0 to 1", p))
    p = np.hstack([1 - p, p]) if p.shape[1] == 1 else p
    return np.log(np.maximum(p, np.finfo(np.float32).tiny))


def softmax(z: Array) -> Array:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))
