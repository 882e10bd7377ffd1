"""Fits to batches that come one after the other, from a loader or a generator, and need not all be in memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from neural.callbacks import EachEpoch
from neural.engine import Data, Program
from neural.errors import TrainingDiverged, sentence
from neural.training import Settings, Training

Take = Callable[..., Data]  # what the network makes of a batch's X, y and sample_weight
AGAIN = "Give a function that returns a new iterator each time, or a loader that can be gone through again."


def are_batches(X: Any, y: Any) -> bool:
    """Return whether ``fit`` is given batches in place of rows; TypeError for a generator beside targets."""
    if y is not None:
        if hasattr(X, "__next__"):
            step = "For batches, let it give pairs (X, y), and leave y out."
            raise TypeError(sentence("X", "an array of numbers with all rows, where y are their targets", X, step))
        return False
    if hasattr(X, "shape") or hasattr(X, "__array__") or isinstance(X, str | bytes):
        return False
    if isinstance(X, list | tuple):
        return len(X) > 0 and isinstance(X[0], tuple)
    return (callable(X) or isinstance(X, Iterable)) and not isinstance(X, type)


class Batches:
    """The batches of each epoch: ``given`` is gone through once for each, or called for an iterator where it can be.

    >>> source = Batches([([[0.0]], [1.0]), ([[2.0]], [3.0])])
    >>> len(source.first()), source.length, [y for _, y in source.epoch()], [y for _, y in source.epoch()]
    (2, 2, [[1.0], [3.0]], [[1.0], [3.0]])
    """

    def __init__(self, given: Any) -> None:
        self._given = given
        self.once = hasattr(given, "__next__")
        self.length = _length(given)
        self._begun: tuple[Any, Iterator[Any]] | None = None

    def first(self) -> Any:
        """Return the first batch of the next epoch, which will have it all the same."""
        iterator = self._start()
        for batch in iterator:
            self._begun = batch, iterator
            return batch
        raise ValueError(sentence("the batches", "one at least", "none"))

    def epoch(self) -> Iterator[Any]:
        """Yield the batches of an epoch."""
        if self._begun is None:
            yield from self._start()
        else:
            (batch, iterator), self._begun = self._begun, None
            yield batch
            yield from iterator

    def _start(self) -> Iterator[Any]:
        given = self._given if isinstance(self._given, Iterable) else self._given()
        if not isinstance(given, Iterable):
            raise TypeError(sentence("what the function of batches returns", "an iterator over (X, y)", given))
        return iter(given)


def _length(given: Any) -> int | None:
    try:
        return len(given)
    except TypeError:  # a loader of a stream has the method, but no length
        return None


def refuse(settings: Settings, source: Batches, **given: Any) -> None:
    """Raise, before anything is touched, for what needs all rows, or a second pass where there is none."""
    for what, value in given.items():
        if value is not None:
            step = "A batch may be (X, y, sample_weight)." if "weight" in what else ""
            raise ValueError(sentence(what, "left out where batches are given, as it is about all rows", value, step))
    if settings.optimizer.whole:
        rule = "one that goes update by update, such as 'adam', where batches are given"
        raise ValueError(sentence("optimizer", rule, settings.optimizer))
    looks_again = settings.metrics or any(isinstance(callback, EachEpoch) for callback in settings.callbacks)
    if source.once and (settings.epochs > 1 or looks_again):
        why = "metrics of the training rows take a second pass" if settings.epochs == 1 else "each epoch takes a pass"
        raise TypeError(sentence("batches", f"there more than once, as {why}", source._given, AGAIN))
    if source.length is None:
        for what, spec in {"schedule": settings.schedule, "average": settings.average}.items():
            if spec is not None and spec.by_epoch:
                rule = "one that need not know how many updates an epoch has, as these batches have no len()"
                raise ValueError(sentence(what, rule, spec))


class Streaming(Training):
    """One call of ``fit`` with batches, as callbacks see it.

    As :class:`Training`, but every batch is a crossing of its own; ``true`` and ``predicted()`` take another pass.
    """

    def __init__(
        self,
        network: Any,
        program: Program,
        first: Data,
        validation: Data | None,
        settings: Settings,
        engine: Any,
        source: Batches,
        take: Take,
    ) -> None:
        super().__init__(network, program, first, validation, settings, engine)
        self._source, self._take = source, take
        self.per_epoch = source.length or 0  # 0: not known before the end of the first epoch

    @property
    def fraction(self) -> float:
        return self.done / (self.per_epoch * self.epochs) if self.per_epoch else 0.0

    def predicted(self) -> np.ndarray:
        self._look_again()
        return super().predicted()

    @property
    def _targets(self) -> np.ndarray:
        self._look_again()
        return self._seen

    def _look_again(self) -> None:
        """Go through the batches for their targets and the outputs, unless it has been done since the last update."""
        if self._outputs is None:
            if self._source.once:
                raise TypeError(sentence("batches", "there more than once for predictions", self._source._given, AGAIN))
            pairs = [(data.y, self.engine.predict(self.program, data.X)) for data in self._batches()]
            self._seen, self._outputs = (np.concatenate(parts) for parts in zip(*pairs, strict=True))

    def _batches(self) -> Iterator[Data]:
        """Yield the batches of one pass, checked and encoded."""
        for number, batch in enumerate(self._source.epoch(), 1):
            yield taken(batch, self._take, f"batch {number} of epoch {self.epoch}")

    def _run_many(self) -> bool:
        return False

    def _run_epoch(self) -> None:
        started, begun = time.perf_counter(), self._updates.snapshot()
        self._call("on_epoch_begin")
        sums, count = np.zeros(3), 0
        try:
            for data in self._batches():
                sums += self._update(data, count)
                count += 1
            self._check_count(count)
            if sums[0] == 0:
                rule = "above 0 for one sample of an epoch at least"
                raise ValueError(sentence("the weights of the batches", rule, 0))
            self.state.epoch += 1
        except TrainingDiverged:
            raise
        except BaseException:  # an error in a loader too: the network is as after its last whole epoch
            self._updates.restore(begun)
            raise
        weight, loss, penalty = sums.tolist()
        self.per_epoch = count
        self._end_epoch(loss / weight, penalty / weight, time.perf_counter() - started)

    def _update(self, data: Data, number: int) -> np.ndarray:
        """Make the update of a batch; return the sums of its weights and losses, and its penalty times the former."""
        self._updates.data, self._updates.batch_size, self._outputs = data, len(data), None
        losses, penalties = self._run_slice(np.arange(len(data)), number, 1, self._updates.snapshot())
        weight = float(len(data)) if data.weights is None else float(data.weights.sum(dtype=np.float64))
        return np.array([weight, losses.sum(), weight * penalties[0]])

    def _check_count(self, count: int) -> None:
        if count == 0:
            raise ValueError(sentence(f"the batches of epoch {self.epoch}", "one at least", "none", AGAIN))
        wanted = self._source.length
        if wanted is not None and count != wanted:
            raise ValueError(sentence("the batches of an epoch", f"as many as their len() says, {wanted}", count))


def taken(batch: Any, take: Take, what: str) -> Data:
    """Return a batch as an engine takes it; what is wrong with it is said to be wrong with that batch."""
    if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
        kind = ValueError if isinstance(batch, tuple | list) else TypeError
        raise kind(sentence(what, "(X, y) or (X, y, sample_weight)", batch))
    try:
        return take(*batch)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{what}: {error}") from None
