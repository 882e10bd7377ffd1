"""The learning-rate range test: a short run whose rate rises at each update, to see at which rates the cost falls."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from neural import notebook, optimizers
from neural.errors import check_number, sentence
from neural.updates import Updates

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MEMORY = 0.9  # of the running mean of the costs
RISEN = 4  # times the lowest running mean: the run has blown up, and ends
BELOW = 10  # the suggestion is so many times below the rate at which the running mean is lowest


@dataclass(frozen=True)
class RateRange:
    """What a range test met: ``rates`` and ``losses`` (J of each batch before its update), both (updates,)."""

    rates: np.ndarray
    losses: np.ndarray

    @property
    def smoothed(self) -> np.ndarray:
        """The running mean m = 0.9 m + 0.1 J, divided by 1 - 0.9^k to undo its start at 0."""
        means, mean = np.empty(len(self.losses)), 0.0
        for k, loss in enumerate(self.losses):
            mean = MEMORY * mean + (1 - MEMORY) * float(loss)
            means[k] = mean / (1 - MEMORY ** (k + 1))
        return means

    @property
    def suggestion(self) -> float:
        """A tenth of the rate at which the running mean is lowest; ValueError if the costs fell nowhere."""
        lowest = int(self.smoothed.argmin())
        if lowest == 0:
            rule = f"rates at which the cost falls, from {self.rates[0]:g} to {self.rates[-1]:g}"
            raise ValueError(sentence("the range", rule, "none", "Try a lower low, scaled inputs, or more steps."))
        return float(self.rates[lowest] / BELOW)

    def _repr_html_(self) -> str:
        """Show the costs and their running mean over the rates, and the suggestion if there is one."""
        found = self.suggestion if self.smoothed.argmin() > 0 else None
        top = self.smoothed.max() if found is None else 2 * self.smoothed[0] - self.smoothed.min()
        both = {"each batch": self.losses, "running mean": self.smoothed}  # a leap at the end would flatten the rest
        curves = {name: values.clip(max=top).tolist() for name, values in both.items()}
        picture = notebook.chart(curves, self.rates.tolist(), log=True, x_name="Learning rate", mark=found)
        said = "No suggestion: the cost fell nowhere." if found is None else f"Suggestion: {notebook.number(found)}"
        return f"{picture}<p>{said}</p>"

    def plot(self, ax: Any = None) -> Figure:
        """Return a figure of the costs and their running mean over the rates, and of the suggestion if there is one."""
        from neural import canvas

        with canvas.style():
            figure, axes = canvas.panel(ax, 5.5, 3.6)
            axes.plot(self.rates, self.losses, color="0.75", linewidth=1, label="each batch")
            axes.plot(self.rates, self.smoothed, color=canvas.COLOURS[0], label="running mean")
            if self.smoothed.argmin() > 0:
                label = f"suggestion: {self.suggestion:.2g}"
                axes.axvline(self.suggestion, color=canvas.VERMILLION, linestyle="--", label=label)
            axes.set_xscale("log")
            axes.set_xlabel("Learning rate")
            axes.set_ylabel("Loss")
            axes.legend()
        return figure


def lr_range_test(
    net: Any,
    X: Any,
    y: Any,
    low: float = 1e-6,
    high: float = 10.0,
    steps: int = 100,
    *,
    batch_size: int | None = 64,
    optimizer: Any = "sgd",
    sample_weight: Any = None,
) -> RateRange:
    """Train a copy of the network for ``steps`` updates at rates from ``low`` to ``high``; the network stays as it is.

    The rate of update k is low (high / low)^(k / (steps - 1)) (Smith, Cyclical learning rates, 2017, section 3.3, on a
    logarithmic scale). The run goes on from the network's weights and the optimizer's memory, in the batches that
    ``fit`` would take, and ends early once the running mean of the cost is four times its lowest, or not finite. X, y
    and the rest are as in ``fit``.

    >>> from neural import DenseLayer, NeuralNetwork
    >>> from neural.datasets import make_moons
    >>> X, y = make_moons(400, noise=0.2, random_state=0)
    >>> net = NeuralNetwork([DenseLayer(2, 16, "relu"), DenseLayer(16, 1, "sigmoid")], "binary_crossentropy",
    ...                     random_state=0)
    >>> found = lr_range_test(net, X, y)
    >>> 0.03 < found.suggestion < 3
    True
    """
    check_number("low", low, low=0, strict=True)
    if check_number("high", high) <= low:
        raise ValueError(sentence("high", f"above low, {low:g}", high))
    check_number("steps", steps, low=2, whole=True)
    if batch_size is not None:
        check_number("batch_size", batch_size, low=1, whole=True)
    updates = _of_a_copy(net, X, y, sample_weight, batch_size, optimizers.stepwise(optimizer))
    rates, losses = np.geomspace(low, high, steps), []
    for rate, rows in zip(rates, _batches(updates, steps), strict=True):
        loss = updates.one(rows, float(rate))
        if loss is None:
            break
        losses.append(loss)
        if _blown_up(losses):
            break
    if len(losses) < 2:
        raise ValueError(sentence("low", "a rate at which the cost stays finite", low, "Scale inputs and targets."))
    return RateRange(rates[: len(losses)], np.array(losses))


def _of_a_copy(net: Any, X: Any, y: Any, sample_weight: Any, batch_size: int | None, optimizer: Any) -> Updates:
    """Return the updates of a copy of the network, ready to be made."""
    twin = copy.deepcopy(net)
    _, data = twin.prepared(X, y, sample_weight)
    size = min(batch_size or len(data), len(data))
    twin.state.use(optimizer, twin.params)
    return Updates(twin._engine_for(optimizer), twin.program(size), data, twin.state, optimizer, size)


def _batches(updates: Updates, steps: int) -> list[np.ndarray]:
    """Return the rows of so many batches, epoch after epoch, in the order of ``fit``."""
    n, state = len(updates.data), updates.state
    per_epoch = -(-n // updates.batch_size)
    orders = updates.engine.orders(state.seed, state.epoch, -(-steps // per_epoch), n).reshape(-1, n)
    starts = range(0, n, updates.batch_size)
    return [order[start : start + updates.batch_size] for order in orders for start in starts][:steps]


def _blown_up(losses: list[float]) -> bool:
    means = RateRange(np.empty(0), np.array(losses)).smoothed
    return bool(means[-1] > RISEN * means.min() > 0)
