"""The one epoch loop.

    validate -> build -> for each epoch: order -> engine.run, slice by slice -> watch -> metrics -> history, callbacks

What outlives an epoch is in :class:`neural.updates.TrainingState`, which the network keeps: fitting twice is going on.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from neural import augment as augments
from neural import averages, optimizers, schedules, sources
from neural import callbacks as hooks
from neural.augment import Augment
from neural.averages import Average
from neural.engine import Data, Program
from neural.errors import TrainingDiverged, check_number, sentence, warn
from neural.measuring import measure, resolve_metrics
from neural.optimizers import Optimizer
from neural.sources import Parts
from neural.updates import Snapshot, TrainingState, Updates, check_shuffle, order_of

if TYPE_CHECKING:
    from neural.checkpoints import Saving
    from neural.metrics import Metric

SLICE_SECONDS = 0.25  # aimed at for one crossing to the engine, so that progress and Ctrl-C stay prompt
NUMBERS = hooks.ALWAYS
RISEN = 1000  # times the first cost: no training, though still finite
MANY_ROWS = 2**20  # of all epochs in one crossing: their order and their losses take 16 bytes each


@dataclass(repr=False, eq=False)
class Settings:
    """The arguments of ``fit`` that are not data, checked and resolved."""

    epochs: int
    learning_rate: float
    batch_size: int | None
    optimizer: Optimizer
    schedule: schedules.Schedule
    metrics: list[Metric]
    callbacks: list[Any]
    time_limit: float | None
    average: Average | None
    augment: Augment | None
    factors: schedules.Factors = field(init=False)
    sampler: Any = None  # draws the rows of each epoch, if not each once
    saving: Saving | None = None
    shuffle: Any = True  # or False, or a function (epoch, n) of the order
    penalty_by_batch: bool = False  # over what each batch weighs itself

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
        time_limit: Any,
        average: Any,
        augment: Any,
        shuffle: Any = True,
    ) -> Self:
        """Check every argument before anything is touched."""
        if batch_size is not None:
            batch_size = check_number("batch_size", batch_size, low=1, whole=True)
        chosen = optimizers.resolve(optimizer)
        found = hooks.resolve(callbacks, callback)
        if not isinstance(verbose, int) or verbose not in (0, 1, 2):
            raise ValueError(sentence("verbose", "0, 1 (every tenth epoch) or 2 (every epoch)", verbose))
        if time_limit is not None:
            time_limit = check_number("time_limit", time_limit, low=0, strict=True)
        return cls(
            check_number("epochs", epochs, low=1, whole=True),
            check_number("learning_rate", learning_rate, low=0),
            None if chosen.whole else batch_size,
            chosen,
            schedules.resolve(schedule),
            resolve_metrics(wanted),
            [*found, *([hooks.Progress(every=10 if verbose == 1 else 1)] if verbose else [])],
            time_limit,
            averages.resolve(average),
            augments.resolve(augment),
            shuffle=check_shuffle(shuffle),
        )

    def names(self, validated: bool) -> list[str]:
        """Return the names of an epoch's numbers."""
        wanted = [metric.name for metric in self.metrics]
        return [*NUMBERS, *wanted, *(f"val_{name}" for name in ("loss", *wanted) if validated)]

    def check(
        self, loss: Any, n_out: int, data: Data, validation: Data | Parts | None, per_epoch: int | None = None
    ) -> None:
        """Refuse, before anything is touched, metrics that do not suit the targets, callbacks, and schedules.

        Of batches ``data`` is the first, and ``per_epoch`` their number, 1 where it is not known.
        """
        parts = [data] if validation is None else [data, sources.first_block(validation)]
        known = [metric for metric in self.metrics if metric.takes != "outputs"]  # a user's own has its turn later
        if self.augment is not None:
            self.augment.check(data.X)
        for part in parts if known else ():
            measure(known, loss, part.y, np.full((len(part), n_out), 1 / max(n_out, 2)))
        for callback in self.callbacks:
            if isinstance(callback, hooks.Callback):
                callback.check(self.names(validation is not None))
        updates = per_epoch or -(-len(data) // min(self.batch_size or len(data), len(data)))
        self.factors = schedules.Factors(self.schedule, updates * self.epochs, updates)


class Training:
    """One call of ``fit``, as callbacks see it.

    ``network``; ``epoch`` (from 1) of ``epochs``; ``before``, the epochs of earlier fits; ``numbers`` of the last epoch
    and ``names`` of them all; ``history``; ``rate``, the learning rate of the last update; ``rate_factor``, which a
    callback may set: it multiplies all rates from the next update on; ``losses`` of the last update's rows; ``true``
    and ``predicted()``; ``stop(reason)``; ``stopped``, the reason; ``error`` that ended it.
    """

    def __init__(
        self,
        network: Any,
        program: Program,
        data: Data,
        validation: Data | Parts | None,
        settings: Settings,
        engine: Any,
    ) -> None:
        self.network, self.program, self.data, self.validation = network, program, data, validation
        self.settings, self.engine = settings, engine
        self.state: TrainingState = network.state
        self._loss: Any = program.loss
        self.callbacks, self.epochs, self.epoch = settings.callbacks, settings.epochs, 0
        self.batch_size = min(settings.batch_size or len(data), len(data))
        self.per_epoch = -(-len(data) // self.batch_size)
        self.history, self.numbers = hooks.History(), dict[str, float]()
        self.rate, self.rate_factor, self.before = settings.learning_rate, 1.0, self.state.epoch
        self.error: BaseException | None = None
        self.done = 0  # updates of this fit
        self.passes = 0  # through batches that are given one by one
        self._updates = Updates(
            engine, program, data, self.state, settings.optimizer, self.batch_size, settings.augment
        )
        self._updates.by_batch = settings.penalty_by_batch
        self.saving = settings.saving
        self.resumed = self.saving is not None and self.saving.contents is not None
        self._begun: tuple[int, np.ndarray, np.ndarray] | None = None  # of an epoch: updates made, losses, penalties
        self._is_late = False
        self._outputs: np.ndarray | None = None

    @property
    def names(self) -> list[str]:
        """The names of an epoch's numbers, known from the start."""
        return self.settings.names(self.validation is not None)

    @property
    def true(self) -> np.ndarray:
        """The training targets as a person calls them, a copy: class labels as column numbers, or values."""
        return np.array(self._loss.labels(self._targets))

    @property
    def _targets(self) -> np.ndarray:
        """The targets of all training rows, as the loss encoded them."""
        return self.data.y

    @property
    def place(self) -> tuple[int, int]:
        """The network's seed and its epochs so far: a callback that finds the place where it left off may go on."""
        return self.state.seed, self.state.epoch

    @property
    def fraction(self) -> float:
        """How much of this fit is done, from 0 to 1."""
        return self.done / (self.per_epoch * self.epochs)

    def predicted(self) -> np.ndarray:
        """Return the network's outputs for the training rows, a copy; computed once an epoch, if anybody asks."""
        if self._outputs is None:
            self._outputs = sources.predict(self.engine, self.program, self.data.X)
        return self._outputs.copy()

    def stop(self, reason: str) -> None:
        """End the fit after this epoch."""
        self.history.stopped, self._is_late = reason, False

    def interrupt(self, reason: str) -> None:
        """End this call of ``fit`` after this epoch, but not what its checkpoint goes on with, if it has one."""
        if not self.stopped:
            self.history.stopped, self._is_late = reason, True

    @property
    def stopped(self) -> str:
        """Why the fit ends before its last epoch; "" if it does not."""
        return self.history.stopped

    # --- the loop --------------------------------------------------------------------------------------------------
    def run(self) -> hooks.History:
        """Run all epochs; the history so far is on the network whatever happens."""
        self.network.history_, self._started = self.history, time.perf_counter()
        self._slice = self._slice_of(self.engine.update_seconds(self.program, self.batch_size))
        self._call("on_train_begin")
        try:
            self._updates.begin(self.settings.average, self.per_epoch * self.epochs, self.per_epoch)
            self._resume()
            self._run_epochs()
        except BaseException as error:
            self.error = error
            if self.saving is not None:
                self.saving.say_how_to_go_on(error)
            raise
        finally:
            self._updates.show()
            self._call("on_train_end")
        if self.saving is not None and not self._is_late:  # as the fit leaves it, such as with its best weights
            self._save()
        self._warn_if_risen()
        return self.history

    def _run_epochs(self) -> None:
        while self.epoch < self.epochs and not self.stopped:
            if not self._run_many():
                self.epoch += 1
                self._run_epoch()
            if self.saving is not None and (self._is_late or self.saving.is_due(self.epoch)):
                self._save()

    # --- checkpoints -----------------------------------------------------------------------------------------------
    def _resume(self) -> None:
        """Go on from the checkpoint, if there is one; else write the first, to see that it can be written."""
        if self.saving is None:
            return
        if not self.resumed:
            return self._save()
        fit = self.saving.restore(self)
        self._updates.go_on(self.state.step - self.done, self.before)
        if fit["first"]:
            self.epoch, self._begun = self.epoch - 1, (fit["first"], fit["losses"], fit["penalties"])

    def _save(self, first: int = 0, losses: Any = (), penalties: Any = ()) -> None:
        """Write all that this fit is: after an epoch, or after ``first`` updates of one."""
        assert self.saving is not None
        place = {"first": first, "losses": np.asarray(losses), "penalties": np.asarray(penalties)}
        stopped = "" if self._is_late else self.stopped
        self.saving.save(self, {"stopped": stopped, **place})

    def _warn_if_risen(self) -> None:
        first, last = self.history[0], self.history[-1]
        if last > RISEN * first > 0:
            warn(
                f"The cost rose from {hooks.cost_text(first)} to {hooks.cost_text(last)} at learning rate "
                f"{self.settings.learning_rate:g}. Make the network anew with a smaller learning_rate, or scale inputs "
                "and targets."
            )

    def _run_epoch(self) -> None:
        started, begun = time.perf_counter(), self._updates.snapshot()
        self._call("on_epoch_begin")
        try:
            cost = self._pass(begun)
            self.state.epoch += 1
        except TrainingDiverged:
            raise
        except BaseException:  # Ctrl-C, no memory, an error in a layer or a loader: as after the last whole epoch
            self._updates.restore(begun)
            raise
        self._end_epoch(*cost, time.perf_counter() - started)

    def _pass(self, begun: Snapshot) -> tuple[float, float]:
        """Make the updates of an epoch that begins like this; return its mean loss and its mean penalty."""
        order = self._orders(1)
        losses, penalties = np.empty(len(order)), np.empty(self.per_epoch)
        for first, n in self._crossings(self._where_it_was_left(losses, penalties), self.per_epoch):
            rows = slice(first * self.batch_size, (first + n) * self.batch_size)
            before = self._updates.snapshot() if first else begun
            losses[rows], penalties[first : first + n] = self._run_slice(order[rows], first, n, before)
            if self._is_saved_after(first + n):
                self._save(first + n, losses[: rows.stop], penalties[: first + n])
        data_losses, penalties = self._costs(losses, order, penalties)
        return float(data_losses[0]), float(penalties[0])

    def _crossings(self, first: int, stop: int) -> Iterator[tuple[int, int]]:
        """Yield the first update, counted in the epoch, and the number of updates of each crossing up to ``stop``."""
        ends = self._ends()
        while first < stop:
            end = min(next(end for end in ends if end > first), stop)
            n = 1 if self._wants_batches else min(self._slice, end - first)
            yield first, n
            first += n

    def _is_saved_after(self, updates: int) -> bool:
        """Return whether the fit is saved after so many updates of an epoch, and not at its end."""
        return updates < self.per_epoch and updates in self._ends()

    def _ends(self) -> range:
        """Return the updates of an epoch after which it is saved; the last of them is its end, or beyond it."""
        step = None if self.saving is None else self.saving.updates(self.per_epoch)
        return range(step or self.per_epoch, self.per_epoch + (step or 1), step or 1)

    def _where_it_was_left(self, losses: np.ndarray, penalties: np.ndarray) -> int:
        """Return how many updates of this epoch were made before the fit went on, and fill in what they cost."""
        if self._begun is None:
            return 0
        (first, before, paid), self._begun = self._begun, None
        losses[: len(before)], penalties[:first] = before, paid
        return first

    def _end_epoch(self, data_loss: float, penalty: float, seconds: float) -> None:
        """Measure, record and tell of an epoch, with the averaged weights in place if somebody looks at them."""
        self._outputs = None
        if self.epoch == self.state.epoch - self.before < self.epochs and self._left <= 0:
            self.interrupt(f"the time limit of {self.settings.time_limit:g} s is over")
        listened_to = self._listened_to
        if listened_to:
            self._updates.show()
        self.numbers = {
            "loss": data_loss + penalty, "data_loss": data_loss, "penalty": penalty, "learning_rate": self.rate,
            **self._measured(), "seconds": seconds,
        }  # fmt: skip
        self.history.record(self.numbers)
        self._call("on_epoch_end")
        if listened_to:
            self._updates.hide()

    def _run_many(self) -> bool:
        """Run as many epochs as one crossing has time for, if more than one and nobody listens in between.

        If that ends in something that is not finite, nothing has happened, and they are to be run one by one.
        """
        alone = 1 if self._listened_to else min((c.epochs_alone() for c in self.callbacks), default=self.epochs)
        most = min(self._slice // self.per_epoch, MANY_ROWS // len(self.data))
        count = int(min(most, self.epochs - self.epoch, alone))
        if self.saving is not None:
            count = 1 if self.saving.every < 1 or self._begun else min(count, self.saving.epochs_left(self.epoch))
        if count < 2:
            return False
        started, begun = time.perf_counter(), self._updates.snapshot()
        orders = self._orders(count)
        rates = self._rates(count * self.per_epoch)
        try:
            found = self._updates.run(orders, rates, begun)
            if found is not None:
                self.state.epoch += count
        except BaseException:
            self._updates.restore(begun)
            raise
        if found is None:
            self._slice = self.per_epoch
            return False
        losses, penalties = found
        seconds = (time.perf_counter() - started) / count
        epochs = np.array([*self._costs(losses, orders, penalties), rates[self.per_epoch - 1 :: self.per_epoch]])
        untold = 0 if self.callbacks else count - 1
        self._record_untold(epochs[:, :untold], seconds)
        for data_loss, penalty, self.rate in epochs[:, untold:].T.tolist():
            self.epoch += 1
            self.done += self.per_epoch
            self._end_epoch(data_loss, penalty, seconds)
        self._time_slice(seconds / self.per_epoch)
        return True

    def _record_untold(self, epochs: np.ndarray, seconds: float) -> None:
        """Record epochs at whose end there is nothing to measure and nobody to tell, all at once."""
        count = epochs.shape[1]
        columns = (epochs[0] + epochs[1], *epochs, np.full(count, seconds))
        self.history.record_all({name: column.tolist() for name, column in zip(NUMBERS, columns, strict=True)})
        self.epoch += count
        self.done += count * self.per_epoch

    @property
    def _listened_to(self) -> bool:
        return (
            bool(self.settings.metrics)
            or self.validation is not None
            or not all(isinstance(callback, hooks.Callback) and callback.numbers_only for callback in self.callbacks)
        )

    @property
    def _left(self) -> float:
        """The seconds of the time limit that are left."""
        limit = self.settings.time_limit
        return np.inf if limit is None else self._started + limit - time.perf_counter()

    def _time_slice(self, seconds: float) -> None:
        """Fix the length of the next crossing by what an update took; show how far the fit is."""
        self._slice = self._slice_of(seconds)
        for callback in self.callbacks:
            if isinstance(callback, hooks.Progress):
                callback.on_progress(self, self.fraction)

    def _slice_of(self, seconds: float) -> int:
        """Return how many updates a crossing has time for, if one takes so many seconds."""
        return max(1, int(min(SLICE_SECONDS, self._left) / max(seconds, 1e-9)))

    def _run_slice(self, order: np.ndarray, first: int, n: int, before: Snapshot) -> tuple[np.ndarray, np.ndarray]:
        """Cross to the engine for ``n`` updates, from update ``first`` of the epoch on."""
        rates, started = self._rates(n), time.perf_counter()
        found = self._updates.run(order, rates, before)
        if found is None:
            k, where, cause = self._updates.trace(order, rates)
            raise TrainingDiverged(self.epoch, first + k + 1, where, float(rates[k]), cause)
        losses, penalties = found
        self.done += n
        self.rate, self.losses = float(rates[-1]), losses
        if self._wants_batches:
            self._call("on_batch_end")
        self._time_slice((time.perf_counter() - started) / n)
        return losses, penalties

    def _orders(self, count: int) -> np.ndarray:
        """Return the rows of the next ``count`` epochs, one epoch after the other."""
        seed, epoch, n, shuffle = self.state.seed, self.state.epoch, len(self.data), self.settings.shuffle
        if self.settings.sampler is not None:
            return self.settings.sampler.orders(seed, epoch, count)
        if callable(shuffle):
            return np.concatenate([order_of(shuffle, number, n) for number in range(epoch, epoch + count)])
        return self.engine.orders(seed, epoch, count, n) if shuffle else np.arange(count * n) % n

    def _rates(self, n: int) -> np.ndarray:
        """Return the learning rates of the next ``n`` updates."""
        factor = check_number("training.rate_factor", self.rate_factor, low=0)
        return self.settings.learning_rate * self.settings.factors.of(self.done, n) * factor

    def _costs(self, losses: np.ndarray, order: np.ndarray, penalties: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean loss and the mean penalty of each of these epochs, as they were met on the way."""
        n, weights = len(self.data), self.data.weights
        counts = np.ones((1, n)) if weights is None else weights[order].astype(np.float64).reshape(-1, n)
        if self.settings.penalty_by_batch:
            return self._costs_by_batch(losses.reshape(-1, n), counts, penalties)
        totals, data_loss = counts.sum(axis=1), losses.reshape(-1, n).sum(axis=1)
        penalty = np.zeros(len(data_loss))
        if self.program.penalties:  # the mean over the samples, as that of the losses is
            shares = np.add.reduceat(counts, np.arange(0, n, self.batch_size), axis=1)
            penalty = (penalties.reshape(len(penalty), -1) * shares).sum(axis=1) / totals
        return data_loss / totals, penalty

    def _costs_by_batch(self, losses: Any, counts: Any, penalties: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the same where each batch has a J of its own: the mean of them, by their numbers of rows."""
        starts, n = np.arange(0, len(self.data), self.batch_size), len(self.data)
        weights, shares = np.add.reduceat(counts, starts, axis=1), np.diff(starts, append=n) / n
        means = np.add.reduceat(losses, starts, axis=1) / np.where(weights > 0, weights, 1)
        return means @ shares, penalties.reshape(len(means), -1) @ shares

    def _measured(self) -> dict[str, float]:
        """Return the metrics of the network as it is now, and the validation's."""
        numbers, wanted = self._measured_in_training(), self.settings.metrics
        if self.validation is not None:
            cost, y, outputs = sources.evaluate(self.engine, self.program, self.validation, bool(wanted))
            numbers["val_loss"] = cost
            if not np.isfinite(numbers["val_loss"]):
                warn(f"val_loss is {numbers['val_loss']} in epoch {self.epoch}.")
            measured = measure(wanted, self._loss, y, outputs)
            numbers |= {f"val_{name}": value for name, value in measured.items()}
        return numbers

    def _measured_in_training(self) -> dict[str, float]:
        """Return the metrics of the training rows."""
        wanted = self.settings.metrics
        return measure(wanted, self._loss, self._targets, self.predicted()) if wanted else {}

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
