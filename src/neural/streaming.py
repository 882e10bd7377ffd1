"""Fits to streams: window after window, each a crossing or a few to the engine, while a thread reads the next."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from typing import Any

import numpy as np

from neural.ahead import ahead
from neural.batches import InPasses, Take
from neural.callbacks import History
from neural.engine import Data, Program
from neural.errors import sentence
from neural.sources import Parts, evaluate
from neural.training import Settings, Training
from neural.updates import Snapshot
from neural.windows import Array, Stream, Window, window_order


class Streamed(Parts):
    """A stream as a network takes it: its windows checked and encoded by ``take(X, y, sample_weight)``."""

    once = False

    def __init__(self, rows: Stream, dtype: Any) -> None:
        self.rows, self.dtype = rows, dtype
        self._labels: Array | None = None
        if not rows.target:
            raise ValueError(sentence("target", "given where targets are needed, as a column's name or as y", None))

    def __len__(self) -> int:
        return len(self.rows)

    def first(self, take: Take, loss: Any) -> Data:
        """Return the first rows as ``take`` has them, and have text labels known before."""
        self._take = take
        if self.rows.classes is not None:
            asked = np.zeros((len(self.rows.classes), len(self.rows.names)), self.dtype)
            try:
                self._labels = loss.labels(take(asked, self.rows.classes).y).astype(np.int64)
            except (TypeError, ValueError) as error:
                raise type(error)(f"the target {self.rows.target[0]!r}: {error}") from None
        return self.head()

    def head(self) -> Data:
        return self._encoded(self.rows.head(self.dtype))

    def pieces(self) -> Generator[Data, None, None]:
        rows = self.rows
        return self.windows([np.arange(len(rows.counts))], min(rows.window, len(rows)))

    def windows(self, orders: Iterable[Array], size: int, first: int = 0) -> Generator[Data, None, None]:
        """Yield the rows of the chunks in each of these orders, ``size`` at a time, read ahead.

        Of the first of them it is the rows from ``first`` on.
        """
        stopped = threading.Event()

        def windows() -> Iterator[Data]:
            begin = first
            for order in orders:
                if stopped.is_set():
                    return
                for window in self.rows.windows(order, size, self.dtype, begin, stopped.is_set):
                    yield self._encoded(window)
                begin = 0

        return ahead(windows(), 1, stopped)

    def _encoded(self, window: Window) -> Data:
        found: Data = self.rows.taken(window, self._from_columns)
        return found

    def _from_columns(self, X: Array, y: Array, weights: Array | None = None) -> Data:
        """Return rows as the network takes them; weights may all be 0 in a window."""
        nothing = weights is not None and not weights.any()
        data = self._take(X, y if self._labels is None else self._labels[y], None if nothing else weights)
        y = data.y
        if y.ndim == 1 and len(self.rows.target) > 1:  # one-hot in this window, and perhaps not in others
            y = np.eye(len(self.rows.target), dtype=self.dtype)[y]
        return Data(data.X, y, np.zeros(len(data), self.dtype) if nothing else data.weights)

    def digest(self) -> str:
        return self.rows.digest()

    # --- in place of batches -----------------------------------------------------------------------------------------
    def refuse(self, settings: Settings, **given: Any) -> None:
        """Raise, before anything is touched, for what needs all rows in memory."""
        for what, value in given.items():
            if value is not None:
                step = "Name a column of weights: sample_weight=..." if "weight" in what else ""
                step = "Give validation_data, which may be a stream." if "split" in what else step
                raise ValueError(
                    sentence(what, "left out where rows are streamed, as it is about all rows", value, step)
                )
        if settings.optimizer.whole:
            rule = "one that goes update by update, such as 'adam', where rows are streamed"
            raise ValueError(sentence("optimizer", rule, settings.optimizer))
        if callable(settings.shuffle):
            rule = "True or False where rows are streamed"
            raise ValueError(sentence("shuffle", rule, settings.shuffle))
        if self.batch_size(settings) > max(self.rows.window, 1):
            rule = f"at most the window of the stream, {self.rows.window} rows"
            raise ValueError(sentence("batch_size", rule, settings.batch_size, "Give the stream a larger window."))

    def batch_size(self, settings: Settings) -> int:
        """Return how many rows an update has."""
        return min(settings.batch_size or len(self), len(self))

    def per_epoch(self, settings: Settings) -> int:
        """Return how many updates an epoch has."""
        return -(-len(self) // self.batch_size(settings))

    def training(
        self, network: Any, program: Program, first: Data, validation: Any, settings: Settings, engine: Any, take: Take
    ) -> Training:
        """Return the fit."""
        return Windowed(network, program, first, validation, settings, engine, streamed=self)


class Windowed(InPasses):
    """One call of ``fit`` with a stream, as callbacks see it.

    As :class:`Training`, but ``data`` is what is in memory; ``true`` and ``predicted()`` take another pass, and hold
    the targets and outputs of all rows.
    """

    def __init__(self, *of_training: Any, streamed: Streamed) -> None:
        super().__init__(*of_training)
        settings = self.settings
        self._streamed = streamed
        self.batch_size, self.per_epoch = streamed.batch_size(settings), streamed.per_epoch(settings)
        self._updates.batch_size = self.batch_size
        self._size = streamed.rows.rows_at_once(self.batch_size)
        self._coming: Generator[Data, None, None] | None = None

    def _look_again(self) -> None:
        """Read all rows for their targets and the outputs, unless it has been done since the last update."""
        if self._outputs is None:
            _, self._seen, self._outputs = evaluate(self.engine, self.program, self._streamed, keep=True)

    def run(self) -> History:
        """Run all epochs; the thread that reads ends with them."""
        try:
            return super().run()
        finally:
            if self._coming is not None:
                self._coming.close()

    def _read(self, first: int) -> Generator[Data, None, None]:
        """Yield the windows of this epoch, from row ``first`` on, and of those to come: read across their ends."""
        rows, shuffle, seed, epoch = self._streamed.rows, bool(self.settings.shuffle), self.state.seed, self.state.epoch
        epochs = range(epoch, epoch + self.epochs - self.epoch + 1)
        orders = (rows.chunk_order(seed, number, self._size, shuffle) for number in epochs)
        return self._streamed.windows(orders, self._size, first)

    def _pass(self, begun: Snapshot) -> tuple[float, float]:
        sums, first = np.zeros(3), 0  # of weights, of losses, of penalties by weight
        if self._begun is not None:
            (first, sums, _), self._begun = self._begun, None
        shuffle, per_window = bool(self.settings.shuffle), -(-self._size // self.batch_size)
        seed, epoch, begin = self.state.seed, self.state.epoch, first // per_window
        if self._coming is None:
            self._coming = self._read(begin * self._size)
        for number in range(begin, -(-len(self._streamed) // self._size)):
            data = next(self._coming)
            order = window_order(seed, epoch, number, len(data), shuffle)
            self._updates.data, self._outputs = data, None
            sums = self._window(order, number * per_window, max(first, number * per_window), sums, begun)
        weight, loss, penalty = sums.tolist()
        if not weight:
            raise ValueError(sentence("sample_weight", "above 0 for one sample at least", 0.0))
        return loss / weight, penalty / weight

    def _window(self, order: Array, begin: int, first: int, sums: Array, begun: Snapshot) -> Array:
        """Make the updates of a window, whose first has number ``begin``, from ``first`` on; return the new sums."""
        size, stop = self.batch_size, begin - (-len(order) // self.batch_size)
        last = max(first, stop - 1)  # a crossing of its own: what was before it is kept, its rows may be gone
        for part in ((first, last), (last, stop)):
            for at, n in self._crossings(*part):
                rows = order[(at - begin) * size : (at - begin + n) * size]
                before = self._updates.snapshot() if at else begun
                sums = self._summed(sums, rows, *self._run_slice(rows, at, n, before))
                if self._is_saved_after(at + n):
                    self._save(at + n, sums)
        return sums

    def _summed(self, sums: Array, rows: Array, losses: Array, penalties: Array) -> Array:
        """Add the sums of each batch, one after the other: the same bits, however many are added at a time."""
        weights, starts = self._updates.data.weights, np.arange(0, len(rows), self.batch_size)
        counts = np.ones(len(rows)) if weights is None else weights[rows].astype(np.float64)
        weight, loss = np.add.reduceat(counts, starts), np.add.reduceat(losses, starts)
        found: Array = np.cumsum(np.vstack([sums, np.stack([weight, loss, weight * penalties], axis=1)]), axis=0)[-1]
        return found


def predict(engine: Any, program: Program, rows: Stream, dtype: Any, check: Any) -> np.ndarray:
    """Return the outputs for all rows of a stream, in order; ``check(X)`` returns X or says what is wrong with it."""
    stopped = threading.Event()
    found = rows.windows(np.arange(len(rows.counts)), min(rows.window, len(rows)), dtype, 0, stopped.is_set)
    with closing(ahead((rows.taken(window, lambda X, *_: check(X)) for window in found), 1, stopped)) as windows:
        return np.concatenate([engine.predict(program, X) for X in windows])
