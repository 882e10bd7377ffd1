"""A network trained by as many updates as are asked for: the updates of ``fit``, with its bits, in pieces of any size.

What was done is kept as segments, each of them a call of ``fit``: script.py writes them down.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from neural import core, inputs, optimizers, schedules
from neural.engine import Data
from neural.errors import TrainingDiverged
from neural.layer import Mode
from neural.layers import DenseLayer, DropoutLayer
from neural.nn import NeuralNetwork
from neural.playground import trace
from neural.playground.points import Points
from neural.playground.settings import Settings
from neural.updates import Updates

LOSS = "categorical_crossentropy"
MEASURED_ROWS = 1000  # of the training rows, at most, whose cost is worked out for each picture
MOST_AT_ONCE = 4096  # updates, after which the clock is looked at in any case
LOOKED_INTO = 8  # rows of a batch, whose numbers are written out
IMAGE_SCALE = 1 / 255


@dataclass
class Segment:
    """One call of ``fit``: its settings, the epochs of it that were run, and updates of one that was not finished."""

    settings: Settings
    epochs: int = 0
    batches: int = 0


@dataclass
class Batch:
    """The next update: its first rows through every dense layer, and all rows' dJ/dparameters and J, penalty included.

    ``gradients`` has a dictionary of ``weights`` and ``biases`` for each dense layer.
    """

    seen: list[trace.Seen]
    gradients: list[dict[str, np.ndarray]]
    cost: float


def network(settings: Settings, n_in: int, n_out: int, image: bool) -> NeuralNetwork:
    """Return the network of these settings, untrained.

    >>> network(Settings(), 2, 2, image=False).weights[0].shape
    (6, 2)
    """
    layers: list[Any] = []
    l1, l2 = settings.l1, settings.l2
    width = n_in
    for hidden in settings.hidden:
        layers.append(DenseLayer(width, hidden.units, hidden.activation, l1=l1, l2=l2))
        if settings.dropout:
            layers.append(DropoutLayer(settings.dropout))
        width = hidden.units
    layers.append(DenseLayer(width, n_out, "softmax", l1=l1, l2=l2))
    scale = IMAGE_SCALE if image else None
    return NeuralNetwork(layers, LOSS, input_scale=scale, random_state=settings.seed).build()


class Trainer:
    """A network and its data, trained update by update.

    ``finished`` says why it goes no further, "" while it does; ``segments`` what was done; ``opened`` the name of the
    file that ``net`` was read from, "" for one that is made of the settings.
    """

    def __init__(self, settings: Settings, points: Points, net: NeuralNetwork | None = None, opened: str = "") -> None:
        self.points, self.opened = points, opened
        n_in, image = points.X_train.shape[1], points.image_shape is not None
        self.net = network(settings, n_in, len(points.classes), image) if net is None else net
        self.net.classes_ = np.arange(len(points.classes))
        self.train, self.test = self._data(points.X_train, points.y_train), self._data(points.X_test, points.y_test)
        self.segments: list[Segment] = []
        self.finished, self.diverged = "", False
        self.use(settings)

    def _data(self, X: np.ndarray, y: np.ndarray) -> Data:
        return Data(inputs.rows("X", X, self.net.dtype), y.astype(np.int64))

    def use(self, settings: Settings) -> None:
        """Go on under these settings: a new segment begins with the next update, and a schedule anew.

        Of an epoch that was begun the rest is not run; the next one has its order.
        """
        self.settings = settings
        for layer in self.net.layers:
            layer.l1, layer.l2 = settings.l1, settings.l2
        self.optimizer = optimizers.resolve(settings.optimizer)
        self.schedule = schedules.resolve(settings.schedule)
        self.batch_size = min(settings.batch_size, len(self.train))
        self.per_epoch = -(-len(self.train) // self.batch_size)
        self.program = self.net.program(self.batch_size)
        self.engine = core.choose(self.net.engine, self.program.chain, self.program.loss, self.optimizer)
        self.net.engine_ = self.engine.name
        self.batch = 0  # updates made of the epoch under way
        self.segment: Segment | None = None
        self._order: np.ndarray | None = None
        self._pace: float | None = None  # seconds an update
        self._begin()

    def _begin(self) -> None:
        if not self.diverged:
            self.finished = ""
        self._updates: Updates | None = None

    @property
    def epoch(self) -> int:
        """The epochs that were run, of all segments."""
        return self.net.state.epoch

    @property
    def order(self) -> np.ndarray:
        """The order of the rows in the epoch under way."""
        if self._order is None:
            self._order = self.engine.orders(self.net.state.seed, self.net.state.epoch, 1, len(self.train))
        return self._order

    @property
    def rows(self) -> np.ndarray:
        """Which rows the next update is made of."""
        return self.order[self.batch * self.batch_size : (self.batch + 1) * self.batch_size]

    @property
    def rate(self) -> float:
        """The learning rate of the next update."""
        return float(self._rates(1)[0])

    def advance(self, updates: int, seconds: float = np.inf) -> int:
        """Make so many updates, or as many as there is time for, and return how many; fewer where the fit ends.

        Raises TrainingDiverged; the network is then as it was when everything was finite, and goes no further.
        """
        if self.finished and not self.diverged:  # asked to go on: another call of fit
            self.segment = None
            self._begin()
        until, made = time.perf_counter() + seconds, 0
        while made < updates and not self.finished and (made == 0 or time.perf_counter() < until):
            began = time.perf_counter()
            fit_in = 1 if self._pace is None else max(1, int(min((until - began) / self._pace, MOST_AT_ONCE)))
            n = min(updates - made, self.per_epoch - self.batch, fit_in)
            self._cross(n)
            self._pace = (time.perf_counter() - began) / n
            made += n
        return made

    def _cross(self, n: int) -> None:
        if self._updates is None:
            self.net.state.use(self.optimizer, self.net.params)
            parts = self.engine, self.program, self.train, self.net.state, self.optimizer, self.batch_size
            self._updates = Updates(*parts)
        rows, rates = self.order[self.batch * self.batch_size : (self.batch + n) * self.batch_size], self._rates(n)
        if self._updates.run(rows, rates, self._updates.snapshot()) is None:
            k, where, cause = self._updates.trace(rows, rates)
            error = TrainingDiverged(self.epoch + 1, self.batch + k + 1, where, float(rates[k]), cause)
            self.finished, self.diverged = str(error), True
            raise error
        if self.segment is None:
            self.segment = Segment(self.settings)
            self.segments.append(self.segment)
        self._count(self.segment, n)

    def _count(self, segment: Segment, n: int) -> None:
        self.batch += n
        segment.batches = self.batch
        if self.batch == self.per_epoch:
            self.batch, self._order, segment.batches = 0, None, 0
            segment.epochs += 1
            self.net.state.epoch += 1
        if segment.epochs == self.settings.epochs:
            self.finished = f"All {segment.epochs} epochs are done."

    def _rates(self, n: int) -> np.ndarray:
        steps = self.per_epoch * self.settings.epochs
        over = bool(self.finished) or self.segment is None  # the next update is then a segment's first
        done = 0 if over or self.segment is None else self.segment.epochs * self.per_epoch + self.batch
        factors = self.schedule.factors(np.arange(done, done + n), steps, self.per_epoch)
        return self.settings.learning_rate * factors.astype(np.float64)

    # --- what there is to see --------------------------------------------------------------------------------------
    def measure(self) -> dict[str, float]:
        """Return cost, without penalty, and accuracy of the training rows (at most 1,000 of them) and the test rows."""
        some = Data(self.train.X[:MEASURED_ROWS], self.train.y[:MEASURED_ROWS])
        found = {}
        for prefix, data in (("", some), ("test_", self.test)):
            cost, outputs = self.engine.evaluate(self.program, data)
            found[f"{prefix}cost"] = cost
            found[f"{prefix}accuracy"] = float((outputs.argmax(axis=1) == data.y).mean())
        return found

    def next_batch(self) -> Batch:
        """Return what there is to see of the next update, dropout included."""
        mode = Mode(training=True, seed=self.net.state.seed, step=self.net.state.step)
        X, y = self.train.X[self.rows], self.train.y[self.rows]
        cost, flat, _ = self.engine.gradient(self.program, Data(X, y), mode)
        seen = trace.both_ways(self.program, X[:LOOKED_INTO], y[:LOOKED_INTO], mode, len(X))
        return Batch(seen, [views for views in self.net.views(flat) if views], cost)
