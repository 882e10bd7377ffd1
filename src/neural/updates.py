"""The updates of a fit: run in slices, undone where they end in something that is not finite, and that place found.

A slice is looked at as a whole. Only if a cost, a weight or the optimizer's memory is not finite after it is it run
again from where it began, one update at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from neural.augment import Augment
from neural.averages import Average, Averaging
from neural.engine import Data, Program, Run, batch_bounds
from neural.errors import TrainingDiverged, sentence
from neural.inputs import numbers
from neural.layer import Mode
from neural.optimizers import Optimizer
from neural.parameters import Place
from neural.sources import Source, block_rows, parts


@dataclass(repr=False, eq=False)
class TrainingState:
    """What a network remembers between epochs and fits, besides its weights."""

    seed: int
    epoch: int = 0  # epochs begun: the place in the stream of orders
    step: int = 0  # updates made: the place in the stream of dropout
    optimizer: Optimizer | None = None
    updates: int = 0  # made by this optimizer
    memory: dict[str, np.ndarray] = field(default_factory=dict)
    average: Average | None = None
    averaged: int = 0  # updates whose weights have entered the mean
    mean: np.ndarray | None = None  # of the parameters
    raw: np.ndarray | None = None  # the parameters themselves while the mean is in their place

    def use(self, optimizer: Optimizer, params: np.ndarray, average: Average | None = None) -> None:
        """Go on with this optimizer's memory and this average, or start anew what is another one or set otherwise.

        The average also starts anew if somebody has changed the parameters since: then they are what counts.
        """
        if optimizer != self.optimizer or any(len(v) != len(params) for v in self.memory.values()):
            self.optimizer, self.updates, self.memory = optimizer, 0, optimizer.fresh_memory(params)
        if average is None or average != self.average or self.mean is None or self._changed(params):
            self.average, self.averaged, self.raw = average, 0, None
            self.mean = None if average is None else params.copy()

    def own(self) -> None:
        """Copy vectors that cannot be written to, as those of a file that is mapped into memory."""
        self.memory = {name: np.require(vector, requirements="W") for name, vector in self.memory.items()}
        self.mean, self.raw = (v if v is None else np.require(v, requirements="W") for v in (self.mean, self.raw))

    def _changed(self, params: np.ndarray) -> bool:
        return self.raw is not None and self.mean is not None and not np.array_equal(params, self.mean)

    def show(self, params: np.ndarray) -> None:
        """Put the mean in the place of the parameters, as everybody outside of updates sees them."""
        if self.averaged and self.raw is None and self.mean is not None:
            self.raw = params.copy()
            params[:] = self.mean

    def hide(self, params: np.ndarray, frozen: tuple[Place, ...]) -> None:
        """Put the raw parameters back, but where they are frozen; unless somebody has changed those shown."""
        if self.raw is not None and self.mean is not None:
            if not self._changed(params):
                for place in frozen:
                    place.view(self.raw)[...] = place.view(self.mean)
                params[:] = self.raw
            else:
                self.averaged = 0
            self.raw = None
        if self.mean is not None and not self.averaged:
            self.mean[:] = params


@dataclass(repr=False, eq=False)
class Snapshot:
    """A network's numbers at one moment, to go back to."""

    params: np.ndarray
    memory: dict[str, np.ndarray]
    epoch: int
    step: int
    updates: int
    averaged: int
    mean: np.ndarray | None

    @classmethod
    def take(cls, params: np.ndarray, state: TrainingState) -> Snapshot:
        memory = {name: vector.copy() for name, vector in state.memory.items()}
        mean = None if state.mean is None else state.mean.copy()
        return cls(params.copy(), memory, state.epoch, state.step, state.updates, state.averaged, mean)

    def restore(self, params: np.ndarray, state: TrainingState) -> None:
        params[:] = self.params
        for name, vector in self.memory.items():
            state.memory[name][:] = vector
        if state.mean is not None:
            state.mean[:] = self.mean
        state.epoch, state.step, state.updates = self.epoch, self.step, self.updates
        state.averaged = self.averaged


@dataclass(repr=False, eq=False)
class Updates:
    """Makes the updates of one fit on ``engine``, and counts them in ``state``."""

    engine: Any
    program: Program
    data: Data
    state: TrainingState
    optimizer: Optimizer
    batch_size: int
    augment: Augment | None = None
    averaging: Averaging | None = None
    by_batch: bool = False  # the penalty is over what each batch weighs itself, not over batch_size
    past: tuple[Snapshot, np.ndarray, np.ndarray] | None = None  # start, order and rates of the slice before

    def begin(self, average: Average | None, steps: int, per_epoch: int) -> None:
        """Begin a fit of so many updates: with the raw weights, and the average laid out over it."""
        self.hide()
        if average is not None:
            self.averaging = Averaging(average, self.state.step, self.state.epoch, steps, per_epoch)
            if average.of_one_fit:
                self.state.averaged = 0
                self.hide()

    def go_on(self, first: int, before: int) -> None:
        """Go on with a fit that began after ``first`` updates and ``before`` epochs."""
        self.hide()
        if self.averaging is not None:
            self.averaging = replace(self.averaging, first=first, before=before)

    def show(self) -> None:
        """Put the averaged weights in place, if there are any: for whoever looks between epochs, and after the fit."""
        self.state.show(self.program.params)

    def hide(self) -> None:
        """Go on with the raw weights, or with what somebody has put in the place of the averaged ones."""
        self.state.hide(self.program.params, self.program.frozen)

    def snapshot(self) -> Snapshot:
        """Return the network's numbers as they are now."""
        return Snapshot.take(self.program.params, self.state)

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot."""
        snapshot.restore(self.program.params, self.state)

    def run(self, order: np.ndarray, rates: np.ndarray, before: Snapshot) -> tuple[np.ndarray, np.ndarray] | None:
        """Make an update for each rate; return each row's loss and each update's penalty.

        None if something is not finite after them: then nothing has happened. ``before`` is how things are now.
        """
        losses, penalties = self._cross(order, rates)
        if not self._finite(losses):
            self.restore(before)
            return None
        self._count(len(rates))
        self.past = before, order, rates
        return losses, penalties

    def one(self, rows: np.ndarray, rate: float) -> float | None:
        """Make one update with these rows as its batch; return their J before it, None if nothing has happened."""
        found = self.run(rows, np.array([rate]), self.snapshot())
        if found is None:
            return None
        (losses, penalties), weights = found, self.data.weights
        total = len(rows) if weights is None else float(weights[rows].sum(dtype=np.float64)) or 1.0
        return float(losses.sum()) / total + float(penalties[0])

    def trace(self, order: np.ndarray, rates: np.ndarray) -> tuple[int, str, str]:
        """Return which update of a slice that came to nothing broke (from 0), in which layer first, and what broke.

        Leaves the network in the last state whose weights and cost were finite.
        """
        k, cost_was_finite, earlier, here = self._replay(order, rates)
        self.restore(here)
        batch = self._taken(self._batch(order, k))
        if self.augment is not None:
            batch.X = self.augment.of(batch.X, self.state.seed, self.state.step)
        mode = Mode(training=True, seed=self.state.seed, step=self.state.step)
        where = self.engine.first_nonfinite(self.program, batch, mode)
        if not cost_was_finite:  # so the update before was the one that went too far
            if earlier is None and self.past is not None:
                earlier = self._before_the_last(*self.past)
            self.restore(earlier or here)
        return k, where, f"the {'weights' if cost_was_finite else 'cost'} became infinite or NaN"

    def _before_the_last(self, before: Snapshot, order: np.ndarray, rates: np.ndarray) -> Snapshot:
        """Return the state before the last update of a slice that began with ``before``."""
        if len(rates) == 1:  # of rows that may be gone, where batches come one by one
            return before
        self.restore(before)
        return self._replay(order, rates)[3]

    def _replay(self, order: np.ndarray, rates: np.ndarray) -> tuple[int, bool, Snapshot | None, Snapshot]:
        """Take updates of a slice again, one at a time, up to one that is not finite, or to the last.

        Return its number, whether its cost was finite, and the states before the update before it and before it.
        """
        earlier, here = None, self.snapshot()
        for k in range(len(rates)):
            earlier, here = here if k else None, self.snapshot()
            losses, _ = self._cross(self._batch(order, k), rates[k : k + 1])
            if not self._finite(losses) or k == len(rates) - 1:
                break
            self._count(1)
        return k, bool(np.isfinite(losses).all()), earlier, here

    def _cross(self, order: np.ndarray, rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Have the engine make the updates, one for each rate."""
        if not isinstance(self.data.X, Source):
            return self._run(self.data, order, order, rates, 0)
        bounds, found = self._bounds(order), []
        for first, end in parts(bounds, -(-len(self.data) // self.batch_size), block_rows(self.data.X)):
            rows = order[bounds[first] : bounds[end]]
            found.append(self._run(self._taken(rows), np.arange(len(rows)), rows, rates[first:end], first))
        losses, penalties = zip(*found, strict=True)
        return np.concatenate(losses), np.concatenate(penalties)

    def _run(
        self, data: Data, order: np.ndarray, rows: np.ndarray, rates: np.ndarray, done: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Make updates after ``done`` others: ``order`` is of the rows of ``data``, which are ``rows`` of all."""
        state = self.state
        request = Run(
            order, self.batch_size, len(self.data), rates, self.optimizer, state.memory, state.updates + done,
            Mode(training=True, seed=state.seed, step=state.step + done), self._penalty(rows),
        )  # fmt: skip
        request.augment = self.augment
        if self.averaging is not None:
            request.mean, request.shares = state.mean, self._shares(done + len(rates))[done:]
        losses, penalties = self.engine.run(self.program, data, request)
        return losses, penalties

    def _shares(self, n: int) -> np.ndarray:
        """Return the share of the mean that the weights after each of the next ``n`` updates have."""
        assert self.averaging is not None
        return self.averaging.shares(self.state.step, n, self.state.averaged)

    def _penalty(self, rows: np.ndarray) -> np.ndarray | None:
        """Return what the penalty of each of the updates with these rows is multiplied by."""
        if not (self.by_batch and self.program.penalties):
            return None
        bounds, weights = self._bounds(rows), self.data.weights
        counts = np.diff(bounds) if weights is None else np.add.reduceat(weights[rows].astype(float), bounds[:-1])
        return np.where(counts > 0, self.batch_size / np.where(counts > 0, counts, 1), 0.0)

    def _bounds(self, order: np.ndarray) -> np.ndarray:
        return batch_bounds(len(order), len(self.data), self.batch_size)

    def _taken(self, rows: np.ndarray) -> Data:
        data = self.data
        return Data(data.X[rows], data.y[rows], None if data.weights is None else data.weights[rows])

    def _count(self, n: int) -> None:
        if self.averaging is not None:
            self.state.averaged += int(np.count_nonzero(self._shares(n)))
        self.state.step += n
        self.state.updates += n

    def _finite(self, losses: np.ndarray) -> bool:
        vectors = [losses, self.program.params, *self.state.memory.values()]
        if self.state.mean is not None:
            vectors.append(self.state.mean)
        return all(np.isfinite(vector).all() for vector in vectors)

    def _batch(self, order: np.ndarray, k: int) -> np.ndarray:
        n = len(self.data)
        epoch, place = divmod(k, -(-n // self.batch_size))  # no batch reaches over the end of an epoch
        start, end = epoch * n + place * self.batch_size, (epoch + 1) * n
        return order[start : min(start + self.batch_size, end)]


def one_update(updates: Updates, rate: float) -> float:
    """Make one update with all rows as its batch; return their J before it. What goes wrong is undone."""
    rows, before = np.arange(len(updates.data)), updates.snapshot()
    try:
        cost = updates.one(rows, rate)
    except BaseException:
        updates.restore(before)
        raise
    if cost is None:
        _, where, cause = updates.trace(rows, np.array([rate]))
        raise TrainingDiverged(1, 1, where, rate, cause)
    return cost


def check_shuffle(shuffle: Any) -> Any:
    """Return the argument ``shuffle`` if it is one."""
    if not isinstance(shuffle, bool | np.bool_) and not callable(shuffle):
        raise TypeError(sentence("shuffle", "True, False, or a function (epoch, n) of the order", shuffle))
    return shuffle


def order_of(function: Callable[[int, int], Any], epoch: int, n: int) -> np.ndarray:
    """Return what a user's function gives as the order of an epoch: n row numbers, some perhaps more than once."""
    order = numbers("the order that shuffle gives", function(epoch, n))
    if order.shape != (n,) or order.dtype.kind not in "iu" or order.min() < 0 or order.max() >= n:
        raise ValueError(sentence("the order that shuffle gives", f"{n} row numbers from 0 to {n - 1}", order))
    return order.astype(np.int64, copy=False)
