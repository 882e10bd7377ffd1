"""Fits to batches that come one after the other, from a loader or a generator, and need not all be in memory."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from typing import Any

import numpy as np

from neural.callbacks import EachEpoch
from neural.engine import Data, Program
from neural.errors import sentence
from neural.training import Settings, Training
from neural.updates import Snapshot

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

    A loader with a method ``set_epoch``, and a function with an argument, are told the number of the epoch, from 0.

    >>> source = Batches([([[0.0]], [1.0]), ([[2.0]], [3.0])])
    >>> len(source.first_batch()), source.length, [y for _, y in source.epoch(0)], [y for _, y in source.epoch(1)]
    (2, 2, [[1.0], [3.0]], [[1.0], [3.0]])
    """

    def __init__(self, given: Any, epoch: int = 0) -> None:
        self._given, self._number = given, epoch
        self.once = hasattr(given, "__next__")
        self.length = _length(given)
        self.is_told = hasattr(given, "set_epoch") or (not isinstance(given, Iterable) and _takes_a_number(given))
        self._begun: tuple[Any, Iterator[Any]] | None = None

    def first_batch(self) -> Any:
        """Return the first batch of the next epoch, which will have it all the same."""
        iterator = self._start(self._number)
        for batch in iterator:
            self._begun = batch, iterator
            return batch
        raise ValueError(sentence("the batches", "one at least", "none"))

    def epoch(self, number: int) -> Iterator[Any]:
        """Yield the batches of an epoch."""
        if self._begun is None:
            yield from self._start(number)
        else:
            (batch, iterator), self._begun = self._begun, None
            yield batch
            yield from iterator

    def go_on(self, passes: int) -> None:
        """Come to where a fit was that has gone through the batches so many times: what counts along counts again."""
        if self.is_told or isinstance(self._given, list | tuple):
            self._begun = None
            return
        for _ in range(passes):
            for _ in self.epoch(0):
                pass

    def _start(self, number: int) -> Iterator[Any]:
        if hasattr(self._given, "set_epoch"):
            self._given.set_epoch(number)
        given = self._given if isinstance(self._given, Iterable) else self._given(*([number] if self.is_told else []))
        if not isinstance(given, Iterable):
            raise TypeError(sentence("what the function of batches returns", "an iterator over (X, y)", given))
        return iter(given)

    # --- for the network ---------------------------------------------------------------------------------------------
    def refuse(self, settings: Settings, **given: Any) -> None:
        """Raise, before anything is touched, for what needs all rows, or a second pass where there is none."""
        for what, value in given.items():
            if value is not None:
                step = "A batch may be (X, y, sample_weight)." if "weight" in what else ""
                raise ValueError(
                    sentence(what, "left out where batches are given, as it is about all rows", value, step)
                )
        if settings.shuffle is not True:
            step = "The order is the loader's own."
            raise ValueError(sentence("shuffle", "left out where batches are given", settings.shuffle, step))
        if settings.optimizer.whole:
            rule = "one that goes update by update, such as 'adam', where batches are given"
            raise ValueError(sentence("optimizer", rule, settings.optimizer))
        looks_again = settings.metrics or any(isinstance(callback, EachEpoch) for callback in settings.callbacks)
        if self.once and (settings.epochs > 1 or looks_again):
            why = (
                "metrics of the training rows take a second pass" if settings.epochs == 1 else "each epoch takes a pass"
            )
            raise TypeError(sentence("batches", f"there more than once, as {why}", self._given, AGAIN))
        if self.length is None:
            self._refuse_what_counts(settings)

    def _refuse_what_counts(self, settings: Settings) -> None:
        rule = "one that need not know how many updates an epoch has, as these batches have no len()"
        for what, spec in {"schedule": settings.schedule, "average": settings.average}.items():
            if spec is not None and spec.by_epoch:
                raise ValueError(sentence(what, rule, spec))
        if settings.saving is not None and settings.saving.every < 1:
            raise ValueError(
                sentence("every", "a number of epochs, as these batches have no len()", settings.saving.every)
            )

    def first(self, take: Take, loss: Any) -> Data:
        """Return the first batch as ``take`` has it."""
        return taken(self.first_batch(), take, "batch 1 of epoch 1")

    def batch_size(self, settings: Settings) -> int | None:
        """Return how many rows an update has, if that is known without the first batch."""
        return None

    def per_epoch(self, settings: Settings) -> int:
        """Return how many updates an epoch has, 1 where nobody knows."""
        return self.length or 1

    def training(
        self, network: Any, program: Program, first: Data, validation: Any, settings: Settings, engine: Any, take: Take
    ) -> Training:
        """Return the fit."""
        return Streaming(network, program, first, validation, settings, engine, source=self, take=take)


def _length(given: Any) -> int | None:
    try:
        return len(given)
    except TypeError:  # a loader of a stream has the method, but no length
        return None


def _takes_a_number(function: Callable[..., Any]) -> bool:
    """Return whether a function has to be given one argument."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # a builtin
        return False
    wanted = [p for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return len(wanted) == 1


class InPasses(Training):
    """One call of ``fit`` with rows that are not all in memory: ``true`` and ``predicted()`` take another pass."""

    _seen: np.ndarray  # targets of the last pass

    def predicted(self) -> np.ndarray:
        self._look_again()
        return super().predicted()

    @property
    def _targets(self) -> np.ndarray:
        self._look_again()
        return self._seen

    def _look_again(self) -> None:
        """Fill in the targets and outputs of all rows, unless it has been done since the last update."""
        raise NotImplementedError(f"{type(self).__name__} needs a method _look_again()")

    def _run_many(self) -> bool:
        return False


class Streaming(InPasses):
    """One call of ``fit`` with batches, as callbacks see it.

    As :class:`Training`, but every batch is a crossing of its own; ``true`` and ``predicted()`` take another pass.
    """

    def __init__(self, *of_training: Any, source: Batches, take: Take) -> None:
        super().__init__(*of_training)
        self._source, self._take = source, take
        self.per_epoch = source.length or 0  # 0: not known before the end of the first epoch

    @property
    def fraction(self) -> float:
        return self.done / (self.per_epoch * self.epochs) if self.per_epoch else 0.0

    def _look_again(self) -> None:
        """Go through the batches for their targets and the outputs, unless it has been done since the last update."""
        if self._outputs is None:
            if self._source.once:
                raise TypeError(sentence("batches", "there more than once for predictions", self._source._given, AGAIN))
            with closing(self._batches()) as batches:
                pairs = [(data.y, self.engine.predict(self.program, data.X)) for data in batches]
            self._seen, self._outputs = (np.concatenate(parts) for parts in zip(*pairs, strict=True))

    def _batches(self) -> Generator[Data, None, None]:
        """Yield the batches of one pass, checked and encoded."""
        for number, batch in enumerate(self._source.epoch(self.state.epoch), 1):
            yield taken(batch, self._take, f"batch {number} of epoch {self.epoch}")
        self.passes += 1

    def _resume(self) -> None:
        super()._resume()
        if self.resumed:
            self._source.go_on(self.passes)

    def _pass(self, begun: Snapshot) -> tuple[float, float]:
        sums, made, count = np.zeros(3), 0, 0
        if self._begun is not None:
            (made, sums, _), self._begun = self._begun, None
        with closing(self._batches()) as batches:
            for data in batches:
                count += 1
                if count <= made:  # before the fit went on
                    continue
                sums = sums + self._update(data, count - 1)
                if self._is_saved_after(count):
                    self._save(count, sums)
        self._check_count(count)
        if sums[0] == 0:
            rule = "above 0 for one sample of an epoch at least"
            raise ValueError(sentence("the weights of the batches", rule, 0))
        weight, loss, penalty = sums.tolist()
        self.per_epoch = count
        return loss / weight, penalty / weight

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
