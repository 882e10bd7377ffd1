"""Local SGD: workers train on their own rows for some updates, then go on from the mean of their parameters.

A round is a function of what all workers begin with, of a worker's rows and of its number; nothing is kept on a worker
in between. So a round that is lost with its worker is run again anywhere, to the same bits. Who runs it is told to
:class:`Rounds` as a function: distributed.py has Dask do it, a test a plain loop.

Stich, Local SGD converges fast and communicates little, 2019. What an optimizer remembers is averaged as well, after
Yu, Jin and Yang, On the linear speedup analysis of communication efficient momentum SGD, 2019; for SGD with or without
momentum a round of one update is then an update with the batches of all workers together.
"""

from __future__ import annotations

import copy
import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neural import core, streams
from neural.callbacks import Callback, EachEpoch
from neural.engine import Data, Program, Workspace
from neural.errors import NeuralError, TrainingDiverged, check_number, sentence
from neural.optimizers import Optimizer
from neural.training import Settings, Training
from neural.updates import TrainingState, Updates


@dataclass(frozen=True)
class Round:
    """What all workers begin with, and which updates they make.

    ``vectors`` is (1 + memory, parameters): the parameters, then what the optimizer remembers. ``rates`` has a learning
    rate for each update; ``epoch``, ``step``, ``updates`` and ``seed`` are those of a network's state, and ``first`` is
    the round's first update within the epoch.
    """

    vectors: np.ndarray
    rates: np.ndarray
    seed: int
    epoch: int
    step: int
    updates: int
    first: int


@dataclass(frozen=True)
class Outcome:
    """What one worker, or several together, made of a round.

    ``vectors`` as in :class:`Round`, the mean where there are several; ``weight`` is what the rows of the updates
    weigh, ``loss`` the sum of their weighted losses, ``penalty`` the sum over updates of weight times penalty.
    """

    weight: float
    vectors: np.ndarray
    loss: float
    penalty: float
    error: TrainingDiverged | None = None


@dataclass(frozen=True)
class Plan:
    """What is the same in every round of a fit: the network, its optimizer, the rows of an update."""

    network: Any
    optimizer: Optimizer
    batch_size: int

    def run(self, data: Data, worker: int, given: Round) -> Outcome:
        """Return what worker number ``worker`` with the rows ``data`` makes of a round; changes nothing."""
        network = copy.deepcopy(self.network)  # which other threads of this process may be at
        program, seed = network.program(self.batch_size), seed_of(given.seed, worker)
        program.params[:] = given.vectors[0]
        memory = dict(zip(self.optimizer.remembers, given.vectors[1:].copy(), strict=True))
        state = TrainingState(seed, given.epoch, given.step, self.optimizer, given.updates, memory)
        engine = core.choose(network.engine, program.chain, program.loss, self.optimizer)
        updates = Updates(engine, program, data, state, self.optimizer, self.batch_size)
        start = given.first * self.batch_size
        order = order_of(seed, given.epoch, len(data))[start : start + len(given.rates) * self.batch_size]
        rates = given.rates[: -(-len(order) // self.batch_size)]  # the shorter shares are over an update earlier
        if not len(rates):
            return Outcome(0.0, given.vectors, 0.0, 0.0)
        found = updates.run(order, rates, updates.snapshot())
        if found is None:
            k, where, cause = updates.trace(order, rates)
            batch = given.first + k + 1
            error = TrainingDiverged(given.epoch, batch, f"{where}, on worker {worker}", float(rates[k]), cause)
            return Outcome(0.0, given.vectors, 0.0, 0.0, error)
        (losses, penalties), vectors = found, np.stack([program.params, *state.memory.values()])
        weights = np.ones(len(order)) if data.weights is None else data.weights[order].astype(np.float64)
        of_updates = np.add.reduceat(weights, np.arange(0, len(order), self.batch_size))
        return Outcome(float(weights.sum()), vectors, float(losses.sum()), float(penalties @ of_updates))


def mean(outcomes: Sequence[Outcome]) -> Outcome:
    """Return several outcomes as one: vectors averaged by what the rows weigh, in the order in which they are given.

    Written as a + sum of w_k (v_k - a) / W, so that numbers on which all agree, such as those of a frozen layer, stay
    as they are to the last bit.

    >>> parts = [Outcome(1.0, np.array([[2.0]]), 0.5, 0.0), Outcome(3.0, np.array([[4.0]]), 1.5, 0.0)]
    >>> mean(parts)
    Outcome(weight=4.0, vectors=array([[3.5]]), loss=2.0, penalty=0.0, error=None)
    """
    first, *others = outcomes
    total = sum(outcome.weight for outcome in outcomes)
    moved = np.zeros(first.vectors.shape)
    with np.errstate(all="ignore"):  # what is not finite is seen by whoever takes the mean
        for other in others:
            moved += (other.weight / (total or 1)) * (other.vectors.astype(np.float64) - first.vectors)
        vectors = (first.vectors + moved).astype(first.vectors.dtype) if others else first.vectors
    error = next((outcome.error for outcome in outcomes if outcome.error is not None), None)
    loss, penalty = (sum(getattr(outcome, name) for outcome in outcomes) for name in ("loss", "penalty"))
    return Outcome(total, vectors, loss, penalty, error)


def seed_of(seed: int, worker: int) -> int:
    """Return the seed of a worker's own order, dropout and noise; that of worker 0 is the network's.

    >>> seed_of(7, 0), len({seed_of(7, worker) for worker in range(100)})
    (7, 100)
    """
    return int(streams.philox(seed, "worker", worker).random_raw()) if worker else seed


@functools.lru_cache(maxsize=16)  # the rounds of an epoch all take their part of one order
def order_of(seed: int, epoch: int, n: int) -> np.ndarray:
    """Return the order in which a worker visits its ``n`` rows in an epoch."""
    order = streams.epoch_order(seed, epoch, n)
    order.flags.writeable = False
    return order


class Outer(Callback):
    """The step from the parameters before a round to those after it, and what it remembers between rounds.

    d = before - mean of the workers; v = momentum v + d; after = before - rate (d + momentum v): Nesterov's momentum on
    what the workers have moved by (Wang et al., SlowMo, 2020; in this form Douillard et al., DiLoCo, 2023). With rate 1
    and momentum 0 it is the mean itself. What is not trained, such as a running mean, is averaged; weights that are
    bounded are brought back.
    """

    numbers_only = True

    def __init__(self, rate: float = 1.0, momentum: float = 0.0) -> None:
        self.rate = check_number("outer_rate", rate, low=0, strict=True)
        self.momentum = check_number("outer_momentum", momentum, low=0, high=1)
        if self.momentum == 1:
            raise ValueError(sentence("outer_momentum", "below 1", momentum))
        self.velocity: np.ndarray | None = None

    def on_train_begin(self, training: Any) -> None:
        self.velocity = None

    def state(self) -> dict[str, Any]:
        return {} if self.velocity is None else {"velocity": self.velocity}

    def step(self, program: Program, found: np.ndarray) -> None:
        """Move the parameters, given the mean of those of the workers."""
        before = program.params.copy()
        program.params[:] = found
        if self.rate == 1 and self.momentum == 0:
            return
        moved = before.astype(np.float64) - found
        self.velocity = moved if self.velocity is None else self.momentum * self.velocity + moved
        after = before - self.rate * (moved + self.momentum * self.velocity)
        for part, _ in program.rates:
            program.params[part] = after[part]
        Workspace(program).constrain()


@dataclass
class Elsewhere:
    """Rows that are on workers: as many as the largest share has, and digits that tell them from others."""

    rows: int
    digest: str

    def __len__(self) -> int:
        return self.rows


@dataclass
class RoundSettings(Settings):
    """The arguments of a fit whose rows are elsewhere: with ``workers`` of them, which meet after so many updates."""

    workers: int = 1
    sync_every: int | None = 1
    outer: Outer = field(default_factory=Outer)

    def names(self, validated: bool) -> list[str]:
        """Return the names of an epoch's numbers: metrics are of the validation data alone."""
        wanted = [metric.name for metric in self.metrics]
        return [name for name in super().names(validated) if name not in wanted]

    def use_rounds(self, every: Any, outer: Outer) -> None:
        """Take what is about rounds."""
        self.sync_every = None if every is None else check_number("every", every, low=1, whole=True)
        self.outer = outer
        self.callbacks = [outer, *self.callbacks]

    def check_elsewhere(self, validated: bool) -> None:
        """Refuse what cannot be had where rows are elsewhere."""
        if self.optimizer.whole:
            rule = "one that goes update by update, such as 'adam', where several train one network"
            raise ValueError(sentence("optimizer", rule, self.optimizer))
        if self.metrics and not validated:
            step = "Give validation_data: training rows are elsewhere, and are not gone through again."
            raise ValueError(sentence("metrics", "left out without validation_data", list(self.metrics), step))
        for callback in self.callbacks:
            if isinstance(callback, EachEpoch):
                step = "Give an object with on_epoch_end(training), which finds numbers in training.numbers."
                raise TypeError(
                    sentence("callbacks", "objects with hooks where rows are elsewhere", callback.function, step)
                )


class Spread(Training):
    """A fit whose rows are in several places, as callbacks see it: without ``true`` and ``predicted()``."""

    settings: RoundSettings

    def predicted(self) -> np.ndarray:
        raise NeuralError("Predictions for the training rows are not there, as the rows are elsewhere. Give none.")

    true = property(predicted)

    def _run_many(self) -> bool:
        return False

    def _measured_in_training(self) -> dict[str, float]:
        return {}


class Rounds(Spread):
    """One call of ``neural.distributed.fit``, as callbacks see it: ``on_batch_end`` comes after each round."""

    def __init__(self, *given: Any, run_round: Callable[[Round], Outcome]) -> None:
        super().__init__(*given)
        self._do = run_round

    def _run_epoch(self) -> None:
        started, begun = time.perf_counter(), self._updates.snapshot()
        self._call("on_epoch_begin")
        (first, sums, _), self._begun = self._begun or (0, np.zeros(3), np.zeros(0)), None
        ends = self._ends()
        try:
            while first < self.per_epoch:
                n = min(self.settings.sync_every or self.per_epoch, self.per_epoch - first)
                sums = sums + self._run_round(first, n)
                is_due = any(first < end <= first + n for end in ends)
                first += n
                if is_due and first < self.per_epoch:
                    self._save(first, sums)
            self.state.epoch += 1
        except TrainingDiverged:
            raise
        except BaseException:  # a cluster that is gone too: the network is as after its last whole epoch
            self._updates.restore(begun)
            raise
        weight, loss, penalty = sums.tolist()
        self._end_epoch(loss / weight, penalty / weight, time.perf_counter() - started)

    def _run_round(self, first: int, n: int) -> np.ndarray:
        """Have all workers make a round of ``n`` updates; return the sums of weights, losses and penalties."""
        state, rates, started = self.state, self._rates(n), time.perf_counter()
        vectors = np.stack([self.program.params, *state.memory.values()])
        found = self._do(Round(vectors, rates, state.seed, state.epoch, state.step, state.updates, first))
        if found.error is not None:
            raise replace_epoch(found.error, self.epoch)
        before = self._updates.snapshot()
        with np.errstate(all="ignore"):
            self.settings.outer.step(self.program, found.vectors[0])
        for vector, averaged in zip(state.memory.values(), found.vectors[1:], strict=True):
            vector[:] = averaged
        vectors = np.stack([self.program.params, *state.memory.values()])
        if not (np.isfinite(vectors).all() and np.isfinite(found.loss)):
            self._updates.restore(before)
            cause = "the mean of the workers became infinite or NaN"
            raise TrainingDiverged(self.epoch, first + n, "the round's end", float(rates[-1]), cause)
        state.step, state.updates, self.done = state.step + n, state.updates + n, self.done + n
        self.rate = float(rates[-1])
        if self._wants_batches:
            self._call("on_batch_end")
        self._time_slice((time.perf_counter() - started) / n)
        return np.array([found.weight, found.loss, found.penalty])


def replace_epoch(error: TrainingDiverged, epoch: int) -> TrainingDiverged:
    """Return the error of a worker, which counts epochs from the network's start, with the fit's own count."""
    return TrainingDiverged(epoch, error.batch, error.layer, error.learning_rate, error.cause)
