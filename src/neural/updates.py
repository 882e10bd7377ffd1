"""The updates of a fit: run in slices, undone where they end in something that is not finite, and that place found.

A slice is looked at as a whole. Only if a cost, a weight or the optimizer's memory is not finite after it is it run
again from where it began, one update at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neural.engine import Data, Program, Run, batch_bounds
from neural.layer import Mode
from neural.optimizers import Optimizer
from neural.sources import Source, block_rows, parts


@dataclass
class TrainingState:
    """What a network remembers between epochs and fits, besides its weights."""

    seed: int
    epoch: int = 0  # epochs begun: the place in the stream of orders
    step: int = 0  # updates made: the place in the stream of dropout
    optimizer: Optimizer | None = None
    updates: int = 0  # made by this optimizer
    memory: dict[str, np.ndarray] = field(default_factory=dict)

    def use(self, optimizer: Optimizer, params: np.ndarray) -> None:
        """Go on with this optimizer's memory, or start anew if it is another one or has other settings."""
        if optimizer != self.optimizer or any(len(v) != len(params) for v in self.memory.values()):
            self.optimizer, self.updates, self.memory = optimizer, 0, optimizer.fresh_memory(params)


@dataclass
class Snapshot:
    """A network's numbers at one moment, to go back to."""

    params: np.ndarray
    memory: dict[str, np.ndarray]
    epoch: int
    step: int
    updates: int

    @classmethod
    def take(cls, params: np.ndarray, state: TrainingState) -> Snapshot:
        memory = {name: vector.copy() for name, vector in state.memory.items()}
        return cls(params.copy(), memory, state.epoch, state.step, state.updates)

    def restore(self, params: np.ndarray, state: TrainingState) -> None:
        params[:] = self.params
        for name, vector in self.memory.items():
            state.memory[name][:] = vector
        state.epoch, state.step, state.updates = self.epoch, self.step, self.updates


@dataclass
class Updates:
    """Makes the updates of one fit on ``engine``, and counts them in ``state``."""

    engine: Any
    program: Program
    data: Data
    state: TrainingState
    optimizer: Optimizer
    batch_size: int
    by_batch: bool = False  # the penalty is over what each batch weighs itself, not over batch_size
    past: tuple[Snapshot, np.ndarray, np.ndarray] | None = None  # start, order and rates of the slice before

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
        mode = Mode(training=True, seed=self.state.seed, step=self.state.step)
        where = self.engine.first_nonfinite(self.program, batch, mode)
        if not cost_was_finite:  # so the update before was the one that went too far
            if earlier is None and self.past is not None:
                self.restore(self.past[0])
                earlier = self._replay(*self.past[1:])[3]
            self.restore(earlier or here)
        return k, where, f"the {'weights' if cost_was_finite else 'cost'} became infinite or NaN"

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
        losses, penalties = self.engine.run(self.program, data, request)
        return losses, penalties

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
        self.state.step += n
        self.state.updates += n

    def _finite(self, losses: np.ndarray) -> bool:
        vectors = losses, self.program.params, *self.state.memory.values()
        return all(np.isfinite(vector).all() for vector in vectors)

    def _batch(self, order: np.ndarray, k: int) -> np.ndarray:
        n = len(self.data)
        epoch, place = divmod(k, -(-n // self.batch_size))  # no batch reaches over the end of an epoch
        start, end = epoch * n + place * self.batch_size, (epoch + 1) * n
        return order[start : min(start + self.batch_size, end)]
