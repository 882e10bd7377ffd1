"""Rows that are no array in memory: they are taken a block at a time, and are dense only then.

An engine takes dense arrays alone. Whoever holds a :class:`Source` hands it blocks: the rows of some updates, in the
order in which they are wanted.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Any

import numpy as np

from neural.engine import Data, Program
from neural.layer import Mode

BLOCK_BYTES = 1 << 25  # of dense rows at a time


class Source:
    """The root of what stands for rows (n, features): a shape, a dtype, and ``source[rows]``, a dense array of them.

    ``rows`` is a slice or an array of row numbers.
    """

    shape: tuple[int, int]
    dtype: np.dtype

    def __getitem__(self, rows: Any) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} needs a method __getitem__(rows)")

    def __len__(self) -> int:
        return self.shape[0]


class SparseRows(Source):
    """The rows of a SciPy matrix or array in CSR form.

    >>> from scipy.sparse import csr_array
    >>> SparseRows(csr_array([[0.0, 1.0], [2.0, 0.0], [0.0, 0.0]]))[np.array([1, 0])]
    array([[2., 0.],
           [0., 1.]])
    """

    def __init__(self, matrix: Any) -> None:
        self.matrix, self.shape, self.dtype = matrix, matrix.shape, matrix.dtype

    def __getitem__(self, rows: Any) -> np.ndarray:
        found: np.ndarray = self.matrix[rows].toarray(order="C")
        return found


class Parts:
    """The root of checked and encoded rows that are never all in memory, for what is measured on them."""

    def head(self) -> Data:
        """Return the first rows."""
        raise NotImplementedError(f"{type(self).__name__} needs a method head()")

    def pieces(self) -> Generator[Data, None, None]:
        """Yield all rows, in order."""
        raise NotImplementedError(f"{type(self).__name__} needs a method pieces()")

    def digest(self) -> str:
        """Return a few digits that tell these rows from others."""
        raise NotImplementedError(f"{type(self).__name__} needs a method digest()")


def block_rows(X: Source) -> int:
    """Return how many rows are made dense at a time."""
    return max(1, BLOCK_BYTES // (X.shape[1] * X.dtype.itemsize))


def parts(bounds: np.ndarray, per_epoch: int, most: int) -> Iterator[tuple[int, int]]:
    """Yield runs of updates, (first, end), each within an epoch, of ``most`` rows at most if it is more than one.

    Update k has the rows from ``bounds[k]`` to ``bounds[k + 1] - 1``.

    >>> list(parts(np.array([0, 2, 4, 5, 7, 9, 10]), per_epoch=3, most=4))
    [(0, 2), (2, 3), (3, 5), (5, 6)]
    """
    first, count = 0, len(bounds) - 1
    while first < count:
        fits = int(np.searchsorted(bounds, bounds[first] + most, side="right")) - 1
        end = min(max(fits, first + 1), (first // per_epoch + 1) * per_epoch, count)
        yield first, end
        first = end


def predict(engine: Any, program: Program, X: Any) -> np.ndarray:
    """Return the outputs for all rows of an array or a source."""
    if not isinstance(X, Source):
        found: np.ndarray = engine.predict(program, X)
        return found
    size = block_rows(X)
    return np.concatenate([engine.predict(program, X[start : start + size]) for start in range(0, len(X), size)])


def evaluate(engine: Any, program: Program, data: Data | Parts, keep: bool) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the weighted mean loss, without penalty, the targets and the outputs; of parts only with ``keep``."""
    if isinstance(data, Data):
        loss, outputs = engine.evaluate(program, data)
        return loss, data.y, outputs
    total, weight, kept = 0.0, 0.0, list[tuple[np.ndarray, np.ndarray]]()
    with closing(data.pieces()) as pieces:
        for part in pieces:
            own = float(len(part) if part.weights is None else part.weights.sum(dtype=np.float64))
            loss, outputs = engine.evaluate(program, part) if own else (0.0, engine.predict(program, part.X))
            total, weight = total + own * loss, weight + own
            if keep or not kept:
                kept.append((part.y, outputs))
    y, outputs = (np.concatenate(each) for each in zip(*kept, strict=True))
    return total / weight if weight else np.nan, y, outputs


def gradient(engine: Any, program: Program, data: Data, mode: Mode) -> tuple[float, np.ndarray]:
    """Return J and its gradient for all rows as one batch: the mean of those of the blocks, by what they weigh."""
    if not isinstance(data.X, Source):
        cost, found, _ = engine.gradient(program, data, mode, input_gradient=False)
        return cost, found
    total, cost, found = 0.0, 0.0, np.zeros(len(program.params))
    for block in data.blocks(block_rows(data.X)):
        weight = float(len(block) if block.weights is None else block.weights.sum(dtype=np.float64))
        if weight:
            of_block, gradients, _ = engine.gradient(program, block, mode, input_gradient=False)
            total, cost = total + weight, cost + weight * of_block
            found += weight * gradients
    return cost / total, found / total


def first_block(data: Data | Parts) -> Data:
    """Return all rows of an array, or the first of what is not in memory."""
    if isinstance(data, Parts):
        return data.head()
    return next(data.blocks(block_rows(data.X))) if isinstance(data.X, Source) else data
