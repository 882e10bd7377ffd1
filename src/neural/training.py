"""The one epoch loop.

    validate -> build -> for each epoch: order -> engine.run, slice by slice -> watch -> metrics -> history, callbacks

What outlives an epoch is in :class:`TrainingState`, which the network keeps: fitting twice is going on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neural import callbacks as hooks
from neural import metrics, optimizers, schedules
from neural.engine import Data, Program, Run
from neural.errors import TrainingDiverged, check_number, sentence
from neural.layer import Mode
from neural.optimizers import Optimizer
from neural.streams import epoch_order, stream

SLICE_SECONDS = 0.5  # aimed at for one crossing to the engine, so that progress and Ctrl-C stay prompt
FIRST_SLICE = 32  # updates in the first crossing, which measures how long one takes


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
    step: int
    updates: int

    @classmethod
    def take(cls, params: np.ndarray, state: TrainingState) -> Snapshot:
        memory = {name: vector.copy() for name, vector in state.memory.items()}
        return cls(params.copy(), memory, state.step, state.updates)

    def restore(self, params: np.ndarray, state: TrainingState) -> None:
        params[:] = self.params
        for name, vector in self.memory.items():
            state.memory[name][:] = vector
        state.step, state.updates = self.step, self.updates


@dataclass
class Settings:
    """The arguments of ``fit`` that are not data, checked and resolved."""

    epochs: int
    learning_rate: float
    batch_size: int | None
    optimizer: Optimizer
    schedule: schedules.Schedule
    metrics: list[metrics.Metric]
    callbacks: list[Any]

    @classmethod
    def of(
        cls,
        epochs: Any,
        learning_rate: Any,
        batch_size: Any,
        optimizer: Any,
        schedule: Any,
        wanted: Any,
        callbacks: Any,
        callback: Any,
        verbose: Any,
    ) -> Settings:
        """Check every argument before anything is touched."""
        if batch_size is not None:
            batch_size = check_number("batch_size", batch_size, low=1, whole=True)
        if isinstance(wanted, str) or callable(wanted):
            wanted = (wanted,)
        found = hooks.resolve(callbacks, callback)
        if verbose not in (0, 1, 2):
            raise ValueError(sentence("verbose", "0, 1 (every tenth epoch) or 2 (every epoch)", verbose))
        return cls(
            check_number("epochs", epochs, low=1, whole=True),
            check_number("learning_rate", learning_rate, low=0),
            batch_size,
            optimizers.resolve(optimizer),
            schedules.resolve(schedule),
            [metrics.resolve(metric) for metric in wanted],
            [*found, *([hooks.Progress(every=10 if verbose == 1 else 1)] if verbose else [])],
        )


class Training:
    """One call of ``fit``, as callbacks see it.

    ``network``; ``epoch`` (from 1) of ``epochs``; ``numbers`` of the last epoch and ``names`` of them all; ``history``;
    ``rate``, the learning rate of the last update; ``losses`` of its rows; ``true`` and ``predicted()``;
    ``stop(reason)``; ``stopped``, the reason; ``error`` that ended it.
    """

    def __init__(
        self, network: Any, program: Program, data: Data, validation: Data | None, settings: Settings, engine: Any
    ) -> None:
        self.network, self.program, self.data, self.validation = network, program, data, validation
        self.settings, self.engine = settings, engine
        self.state: TrainingState = network.state
        self.callbacks, self.epochs, self.epoch = settings.callbacks, settings.epochs, 0
        self.batch_size = min(settings.batch_size or len(data), len(data))
        self.per_epoch = -(-len(data) // self.batch_size)
        self.history, self.numbers = hooks.History(), dict[str, float]()
        self.rate, self.stopped = settings.learning_rate, ""
        self.error: BaseException | None = None
        self.done = 0  # updates of this fit
        self._slice = FIRST_SLICE
        self._outputs: np.ndarray | None = None

    @property
    def names(self) -> list[str]:
        """The names of an epoch's numbers, known from the start."""
        wanted = [metric.name for metric in self.settings.metrics]
        of_validation = [f"val_{name}" for name in ("loss", *wanted)] if self.validation is not None else []
        return ["loss", "data_loss", "penalty", "learning_rate", "seconds", *wanted, *of_validation]

    @property
    def true(self) -> np.ndarray:
        """The training targets as a person calls them: class labels as column numbers, or values."""
        return labels(self.program, self.data.y)

    @property
    def fraction(self) -> float:
        """How much of this fit is done, from 0 to 1."""
        return self.done / (self.per_epoch * self.epochs)

    def predicted(self) -> np.ndarray:
        """Return the network's outputs for the training rows; computed once an epoch, if anybody asks."""
        if self._outputs is None:
            self._outputs = self.engine.predict(self.program, self.data.X)
        return self._outputs

    def stop(self, reason: str) -> None:
        """End the fit after this epoch."""
        self.stopped = reason

    # --- the loop --------------------------------------------------------------------------------------------------
    def run(self) -> hooks.History:
        """Run all epochs; the history so far is on the network whatever happens."""
        self.network.history_ = self.history
        self._call("on_train_begin")
        try:
            while self.epoch < self.epochs and not self.stopped:
                self.epoch += 1
                self._run_epoch()
        except BaseException as error:
            self.error = error
            raise
        finally:
            self._call("on_train_end")
        return self.history

    def _run_epoch(self) -> None:
        started = time.perf_counter()
        self._call("on_epoch_begin")
        order = epoch_order(self.state.seed, self.state.epoch, len(self.data))
        losses, penalties = np.empty(len(order)), np.empty(self.per_epoch)
        first = 0
        while first < self.per_epoch:
            n = 1 if self._wants_batches else min(self._slice, self.per_epoch - first)
            rows = slice(first * self.batch_size, (first + n) * self.batch_size)
            losses[rows], penalties[first : first + n] = self._run_slice(order[rows], first, n)
            first += n
        self.state.epoch += 1
        self._outputs = None
        self.numbers = self._measure(losses, order, penalties)
        self.numbers["seconds"] = time.perf_counter() - started
        self.history.record(self.numbers)
        self._call("on_epoch_end")

    def _run_slice(self, order: np.ndarray, first: int, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Cross to the engine for ``n`` updates; whatever goes wrong in there, the network is as it was before."""
        before = Snapshot.take(self.program.params, self.state)
        rates = self._rates(n)
        started = time.perf_counter()
        try:
            losses, penalties = self.engine.run(self.program, self.data, self._request(order, rates))
            fine = np.isfinite(losses).all() and np.isfinite(self.program.params).all()
        except BaseException:
            before.restore(self.program.params, self.state)
            raise
        self._advance(n, rates)
        if not fine:
            before.restore(self.program.params, self.state)
            self._replay(order, first, rates)
        seconds = (time.perf_counter() - started) / n
        self._slice = max(1, int(SLICE_SECONDS / max(seconds, 1e-9)))
        self.done += n
        self.losses = losses
        if n == 1:
            self._call("on_batch_end")
        for callback in self.callbacks:
            if isinstance(callback, hooks.Progress):
                callback.on_progress(self, self.fraction)
        return losses, penalties

    def _rates(self, n: int) -> np.ndarray:
        steps = np.arange(self.done, self.done + n)
        factors = self.settings.schedule.factors(steps, self.per_epoch * self.epochs, self.per_epoch)
        return self.settings.learning_rate * np.asarray(factors, dtype=np.float64)

    def _request(self, order: np.ndarray, rates: np.ndarray) -> Run:
        state = self.state
        mode = Mode(training=True, seed=state.seed, step=state.step)
        return Run(order, self.batch_size, rates, self.settings.optimizer, state.memory, state.updates, mode)

    def _advance(self, n: int, rates: np.ndarray) -> None:
        self.state.step += n
        self.state.updates += n
        self.rate = float(rates[-1])

    def _replay(self, order: np.ndarray, first: int, rates: np.ndarray) -> None:
        """Take the updates of a slice again, one at a time, up to the one that is not finite; say where it happened."""
        for k in range(len(rates)):
            rows, before = (
                order[k * self.batch_size : (k + 1) * self.batch_size],
                Snapshot.take(self.program.params, self.state),
            )
            mode = Mode(training=True, seed=self.state.seed, step=self.state.step)
            losses, _ = self.engine.run(self.program, self.data, self._request(rows, rates[k : k + 1]))
            if np.isfinite(losses).all() and np.isfinite(self.program.params).all():
                self._advance(1, rates[k : k + 1])
                continue
            before.restore(self.program.params, self.state)
            cause = (
                "the weights became infinite or NaN" if np.isfinite(losses).all() else "the cost became infinite or NaN"
            )
            weights = None if self.data.weights is None else self.data.weights[rows]
            where = self.engine.first_nonfinite(self.program, Data(self.data.X[rows], self.data.y[rows], weights), mode)
            raise TrainingDiverged(self.epoch, first + k + 1, where, float(rates[k]), cause)

    def _measure(self, losses: np.ndarray, order: np.ndarray, penalties: np.ndarray) -> dict[str, float]:
        """Return the numbers of an epoch: the cost as it was met on the way, metrics as the network is now."""
        weights = self.data.weights
        counts = None if weights is None else weights[order].astype(np.float64)
        total = len(order) if counts is None else counts.sum()
        starts = np.arange(0, len(order), self.batch_size)
        shares = np.diff([*starts, len(order)]) if counts is None else np.add.reduceat(counts, starts)
        data_loss, penalty = float(losses.sum() / total), float(np.dot(penalties, shares) / total)
        numbers = {"loss": data_loss + penalty, "data_loss": data_loss, "penalty": penalty, "learning_rate": self.rate}
        wanted = self.settings.metrics
        if wanted:
            numbers |= measure(wanted, self.program, self.data.y, self.predicted())
        if self.validation is not None:
            numbers["val_loss"], outputs = self.engine.evaluate(self.program, self.validation)
            found = measure(wanted, self.program, self.validation.y, outputs)
            numbers |= {f"val_{name}": value for name, value in found.items()}
        return numbers

    # --- callbacks -------------------------------------------------------------------------------------------------
    @property
    def _wants_batches(self) -> bool:
        return any(
            getattr(type(callback), "on_batch_end", hooks.Callback.on_batch_end) is not hooks.Callback.on_batch_end
            for callback in self.callbacks
        )

    def _call(self, hook: str) -> None:
        for callback in self.callbacks:
            method = getattr(callback, hook, None)
            if method is not None:
                method(self)


def labels(program: Program, y: np.ndarray) -> np.ndarray:
    """Return encoded targets as a person calls them: class labels as column numbers, or values."""
    return y if program.loss is None else program.loss.labels(y)


def measure(wanted: list[metrics.Metric], program: Program, y: np.ndarray, outputs: np.ndarray) -> dict[str, float]:
    """Return each metric of outputs (n, n_out) against encoded targets."""
    truth = labels(program, y)
    predicted: dict[str, Callable[[], np.ndarray]] = {
        "labels": lambda: outputs if outputs.shape[1] > 1 else metrics.predict_classes(outputs),
        "values": lambda: outputs if outputs.shape[1] > 1 else outputs[:, 0],
        "outputs": lambda: outputs,
    }
    return {metric.name: float(metric.function(truth, predicted[metric.takes]())) for metric in wanted}


def split_off(data: Data, fraction: float, seed: int) -> tuple[Data, Data | None]:
    """Return rows to train on and rows to validate on, drawn at random; the same rows for the same seed and length."""
    fraction = check_number("validation_split", fraction, low=0)
    if fraction == 0:
        return data, None
    n = round(len(data) * fraction)
    if fraction >= 1 or not 0 < n < len(data):
        raise ValueError(
            sentence("validation_split", f"a fraction that leaves rows on both sides of {len(data)}", fraction)
        )
    order = stream(seed, "split").permutation(len(data))
    return _take(data, np.sort(order[n:])), _take(data, np.sort(order[:n]))


def _take(data: Data, rows: np.ndarray) -> Data:
    return Data(data.X[rows], data.y[rows], None if data.weights is None else data.weights[rows])
