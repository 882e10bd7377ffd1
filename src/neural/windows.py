"""Rows that are read chunk after chunk, and windows of them: all that is in memory at a time.

A stream has chunks, each a number of rows that lie together. An epoch goes through the chunks in an order of its own,
and through the rows of each window, which are those of some chunks, in another. Both orders are functions of
(seed, purpose, place), as in streams.py, so that an epoch can be entered at any window.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neural.errors import sentence, show
from neural.streams import stream

Array = np.ndarray[Any, Any]
COLUMN_ROWS = 2048  # of columns that are laid side by side at a time, so that they stay in the cache
MOST_CLASSES = 10_000
HEAD = 1024  # rows that are looked at before a fit
CHUNKS = 16  # of a window, about, where it is free how long they are


@dataclass(repr=False, eq=False)
class Piece:
    """Rows of one chunk: columns, or an array (n, features); targets (n,) or (n, outputs), and weights, or None."""

    X: list[Array] | Array
    y: Array | None = None
    weights: Array | None = None

    def __len__(self) -> int:
        return len(self.X if isinstance(self.X, np.ndarray) else self.X[0])


@dataclass(repr=False, eq=False)
class Window:
    """Rows that are in memory together, and where they come from: (row here, chunk, row there) for each piece."""

    X: Array
    y: Array | None
    weights: Array | None
    places: list[tuple[int, int, int]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.X)

    def part(self, rows: slice) -> tuple[Any, ...]:
        """Return X, targets and weights of some rows."""
        return tuple(None if each is None else each[rows] for each in (self.X, self.y, self.weights))


class Stream:
    """The root of rows that need not fit in memory; docs/streaming.md. Made by ``parquet``, ``csv`` and ``arrays``.

    Attributes: ``names`` of the features; ``classes``, the text labels, sorted, or None; ``counts``, the rows of each
    chunk; ``window``. ``len(rows)`` is their number.
    """

    what: str  # it is, in an error
    names: tuple[Any, ...]
    target: tuple[Any, ...]  # its columns
    classes: Array | None = None
    counts: Array
    window: int
    dtypes: dict[str, Any]  # of "X", or None for that of the network; of "y" and "weights", where there are any

    def read(self, chunk: int, start: int) -> Iterator[Piece]:
        """Yield the rows of a chunk from row ``start`` on, in pieces."""
        raise NotImplementedError(f"{type(self).__name__} needs a method read(chunk, start)")

    def where(self, chunk: int, row: int) -> str:
        """Return what a person calls the place of a row."""
        raise NotImplementedError(f"{type(self).__name__} needs a method where(chunk, row)")

    def digest(self) -> str:
        """Return a few digits that tell this stream from others, its chunks and window included."""
        raise NotImplementedError(f"{type(self).__name__} needs a method digest()")

    def raw(self, chunk: int, row: int, column: int) -> Any:
        """Return a feature as it was read, before it was brought to the dtype of the network."""
        piece = next(self.read(chunk, row))
        values = piece.X[:, column] if isinstance(piece.X, np.ndarray) else piece.X[column]
        return values[0].item()

    def __len__(self) -> int:
        return int(self.counts.sum())

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, features), as of an array."""
        return len(self), len(self.names)

    def __repr__(self) -> str:
        return f"<{self.what}: {len(self):,} rows of {len(self.names)} features in {len(self.counts):,} chunks>"

    # --- orders ----------------------------------------------------------------------------------------------------
    def rows_at_once(self, batch_size: int) -> int:
        """Return the rows of a window: those asked for, rounded up to whole batches."""
        return min(-(-self.window // batch_size) * batch_size, len(self))

    def chunk_order(self, seed: int, epoch: int, size: int, shuffle: bool = True) -> Array:
        """Return in which order an epoch goes through the chunks: as they lie, where one window has all rows."""
        count = len(self.counts)
        if not shuffle or size >= len(self):
            return np.arange(count)
        return stream(seed, "chunks", epoch).permutation(count)

    def windows(
        self, order: Array, size: int, dtype: Any, first: int = 0, stopped: Callable[[], bool] = lambda: False
    ) -> Iterator[Window]:
        """Yield the rows of the chunks in this order, ``size`` at a time, from row ``first`` of them all on.

        The last window comes when it is known that there are no more rows than there were.
        """
        ends = np.cumsum(self.counts[order])
        begin = int(np.searchsorted(ends, first, side="right"))
        skip = first - int(ends[begin - 1] if begin else 0)
        left, filled = len(self) - first, 0
        window = self._empty(min(size, left), dtype)
        for chunk in order[begin:].tolist():
            row = skip
            for piece in self.read(chunk, skip):
                taken = 0
                while taken < len(piece):
                    if stopped():
                        return
                    n = min(len(window) - filled, len(piece) - taken)
                    if n == 0:  # more rows than there were
                        break
                    _fill(window, filled, piece, slice(taken, taken + n))
                    window.places.append((filled, chunk, row + taken))
                    taken, filled = taken + n, filled + n
                    if filled == len(window) < left:
                        yield window
                        left -= filled
                        window, filled = self._empty(min(size, left), dtype), 0
                row += len(piece)
            self._check_count(chunk, row)
            skip = 0
        if filled:
            yield window

    def _empty(self, n: int, dtype: Any) -> Window:
        kinds = self.dtypes
        X = np.empty((n, len(self.names)), kinds["X"] or dtype)
        shape = (n,) if len(self.target) < 2 else (n, len(self.target))
        y = np.empty(shape, kinds["y"]) if "y" in kinds else None
        return Window(X, y, np.empty(n, kinds["weights"]) if "weights" in kinds else None)

    def _check_count(self, chunk: int, found: int) -> None:
        if found != self.counts[chunk]:
            rule = f"as it was: {self.counts[chunk]} rows in this place"
            step = "Something has changed it. Make the stream anew."
            raise ValueError(sentence(self.where(chunk, 0), rule, found, step))

    def head(self, dtype: Any) -> Window:
        """Return the first rows, for what has to be known before a fit."""
        return next(self.windows(np.arange(len(self.counts)), min(HEAD, len(self)), dtype))

    # --- what is wrong ---------------------------------------------------------------------------------------------
    def taken(self, window: Window, take: Callable[..., Any]) -> Any:
        """Return what ``take(X, y, weights)`` makes of a window; what it says of bad rows is said with their place."""
        try:
            return take(*window.part(slice(None)))
        except (TypeError, ValueError) as error:
            self._blame_feature(window)
            row = _first_refused(window, take)
            if row is None:
                raise
            said = re.sub(r" See row \d+[^.]*\.", "", str(_refusal(window, take, slice(row, row + 1)) or error))
            raise type(error)(f"{self.place(window, row)}: {said}") from None

    def place(self, window: Window, row: int) -> str:
        """Return what a person calls the place of a row of a window."""
        return self.where(*self._origin(window, row))

    def _origin(self, window: Window, row: int) -> tuple[int, int]:
        start, chunk, there = max(place for place in window.places if place[0] <= row)
        return chunk, there + row - start

    def _blame_feature(self, window: Window) -> None:
        """Raise ValueError for the first feature that is not finite, by its place and its column's name."""
        if window.X.dtype.kind != "f":
            return
        odd = ~np.isfinite(window.X)
        if not odd.any():
            return
        row, column = np.unravel_index(int(odd.argmax()), odd.shape)
        chunk, there = self._origin(window, int(row))
        value = self.raw(chunk, there, int(column))
        what = f"{self.where(chunk, there)}: column {show(self.names[int(column)])}"
        if np.isfinite(value):
            rule = f"within the range of {window.X.dtype}, {np.finfo(window.X.dtype).max:.3g}"
            raise ValueError(sentence(what, rule, value, "Scale it, or use dtype='float64'."))
        raise ValueError(sentence(what, "finite", value, "Fill in what is missing, or leave the row or column out."))


def _fill(window: Window, at: int, piece: Piece, rows: slice) -> None:
    """Put rows of a piece into a window, from row ``at`` of it on."""
    n = rows.stop - rows.start
    with np.errstate(all="ignore"):  # what becomes infinite is refused when it is looked at
        if isinstance(piece.X, np.ndarray):
            window.X[at : at + n] = piece.X[rows]
        else:
            beside = np.empty((len(piece.X), COLUMN_ROWS), window.X.dtype)
            for start in range(0, n, COLUMN_ROWS):
                m = min(COLUMN_ROWS, n - start)
                for line, column in zip(beside, piece.X, strict=True):
                    line[:m] = column[rows.start + start : rows.start + start + m]
                window.X[at + start : at + start + m] = beside[:, :m].T
        for own, given in ((window.y, piece.y), (window.weights, piece.weights)):
            if own is not None and given is not None:
                own[at : at + n] = given[rows]


def _refusal(window: Window, take: Callable[..., Any], rows: slice) -> Exception | None:
    try:
        take(*window.part(rows))
    except (TypeError, ValueError) as error:
        return error
    return None


def _first_refused(window: Window, take: Callable[..., Any]) -> int | None:
    """Return the first row that is refused: the least number of rows with which all of them are, less one."""
    fine, bad = 0, len(window)
    while bad - fine > 1:
        middle = (fine + bad) // 2
        fine, bad = (fine, middle) if _refusal(window, take, slice(0, middle)) else (middle, bad)
    return bad - 1 if _refusal(window, take, slice(bad - 1, bad)) else None


def window_order(seed: int, epoch: int, window: int, n: int, shuffle: bool = True) -> Array:
    """Return in which order an epoch visits the n rows of a window, int64; of window 0 it is that of a fit in memory.

    >>> from neural.streams import epoch_order
    >>> bool((window_order(7, 3, 0, 100) == epoch_order(7, 3, 100)).all())
    True
    """
    return stream(seed, "shuffle", epoch, window).permutation(n) if shuffle else np.arange(n)
