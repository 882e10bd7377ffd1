"""More rows than memory: ``fit``, ``predict`` and ``evaluate`` take these in the place of X and y.

    from neural import stream
    rows = stream.parquet("rows-*.parquet", target="y")
    net.fit(rows, epochs=5, batch_size=128)

What is where: docs/streaming.md. The rows are read chunk after chunk, a window ahead of the network, by a thread.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from neural import ahead as reading
from neural.batches import Batches
from neural.checkpoints import digest
from neural.engine import Data
from neural.errors import check_number, sentence
from neural.inputs import array, numeric, same_length
from neural.stream_cache import CachedRows
from neural.stream_csv import CSVRows
from neural.stream_parquet import ParquetRows
from neural.windows import CHUNKS, Piece, Stream

WINDOW = 100_000
PIECE_ROWS = 1 << 14


def parquet(
    files: Any,
    target: str | Sequence[str] | None = None,
    *,
    columns: Sequence[str] | None = None,
    sample_weight: str | None = None,
    window: int = WINDOW,
    classes: Sequence[Any] | None = None,
) -> ParquetRows:
    """Return the rows of Parquet files as a stream. Needs pyarrow: ``pip install "neural-dense[stream]"``.

    Footers are read now, and the target if it is text, to find its classes. A chunk is a row group: an epoch takes the
    row groups in a random order, and shuffles the rows of each window.

    Parameters
    ----------
    files : a path, a pattern such as "rows-*.parquet", or a list of them, with the same columns.
    target : the column of the targets, numbers or text; or several, of numbers, for as many outputs; None to predict.
    columns : the features, in order; None for all others. Numbers without missing values.
    sample_weight : the column of the rows' weights.
    window : rows that are in memory together and shuffled; ``fit`` rounds it up to whole batches. Another window is
        read meanwhile, so that memory is about 8 * window * (features + 4) bytes.
    classes : all labels of the target, where they are known, or where they are numbers other than 0, 1, 2 and so on.

    Raises FileNotFoundError where there is no such file, ValueError for what is no table, for other columns than in the
    first file, and for names that are not there; TypeError for features that are no numbers.

    >>> import os, tempfile, pyarrow, pyarrow.parquet
    >>> from neural import DenseLayer, NeuralNetwork
    >>> path = os.path.join(tempfile.mkdtemp(), "line.parquet")
    >>> pyarrow.parquet.write_table(pyarrow.table({"x": [0.0, 1.0, 2.0], "y": [1.0, 3.0, 5.0]}), path)
    >>> rows = parquet(path, "y")
    >>> rows
    <Parquet: 3 rows of 1 features in 1 chunks>
    >>> net = NeuralNetwork([DenseLayer(1, 1)], "mse", random_state=0)
    >>> net.fit(rows, epochs=200, learning_rate=0.1, verbose=0)[-1] < 1e-3
    True
    """
    return ParquetRows(files, target, columns, sample_weight, window, classes)


def csv(
    files: Any,
    target: str | Sequence[str] | None = None,
    *,
    columns: Sequence[str] | None = None,
    sample_weight: str | None = None,
    window: int = WINDOW,
    classes: Sequence[Any] | None = None,
    separator: str | None = None,
    decimal: str = ".",
) -> CSVRows:
    """Return the rows of CSV files as a stream. Needs pyarrow: ``pip install "neural-dense[stream]"``.

    The files are gone through once now, for the ends of their lines; and once more if the target is text, for its
    classes. The first line holds the names of the columns, and any other line is a row. A chunk is so many lines that a
    window has about 16. Numbers are parsed in every epoch, several times as slowly as Parquet's are decoded: for more
    than one epoch give the stream to :func:`cached`.

    Parameters
    ----------
    files, target, columns, sample_weight, window, classes : as in ``parquet``.
    separator : one character; None for that of comma, semicolon, tab and bar that the first line has most of.
    decimal : "," for numbers such as 1,5.

    Raises what ``parquet`` does; what is wrong with a value is said with file, line and column when it is read.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "animals.csv")
    >>> with open(path, "w") as file:
    ...     print("legs,wings,name", "6,2,bee", "4,0,cat", "6,0,ant", sep=chr(10), file=file)
    >>> rows = csv(path, "name")
    >>> rows.names, rows.classes.tolist(), len(rows)
    (('legs', 'wings'), ['ant', 'bee', 'cat'], 3)
    """
    given = files, target, columns, sample_weight, window, classes
    return CSVRows(*given, separator=separator, decimal=decimal)


class ArrayRows(Stream):
    """The rows of arrays, such as memory-mapped files; see :func:`arrays`."""

    what = "arrays"

    def __init__(self, X: Any, y: Any, sample_weight: Any, window: Any) -> None:
        self.window = check_number("window", window, low=1, whole=True)
        self.X = numeric("X", X)
        if self.X.ndim != 2 or 0 in self.X.shape:
            raise ValueError(sentence("X", "of shape (samples, features), neither of them 0", self.X))
        self.y, self.weights = None if y is None else array("y", y), None
        self.names, n = tuple(range(self.X.shape[1])), len(self.X)
        self.dtypes = {"X": np.uint8 if self.X.dtype == np.uint8 else None}
        self.target = ()
        if self.y is not None:
            if self.y.ndim not in (1, 2):
                raise ValueError(sentence("y", "of shape (n,) or (n, outputs)", self.y))
            same_length(X=self.X, y=self.y)
            if self.y.ndim == 2 and self.y.shape[1] == 1:
                self.y = self.y[:, 0]
            self._prepare_targets()
        if sample_weight is not None:
            self.weights = numeric("sample_weight", sample_weight)
            if self.weights.shape != (n,):
                raise ValueError(sentence("sample_weight", f"of shape ({n},)", self.weights))
            self.dtypes["weights"] = np.float64
        size = max(1, min(self.window, n) // CHUNKS)
        self._starts = np.arange(0, n, size)
        self.counts = np.diff(self._starts, append=n)

    def _prepare_targets(self) -> None:
        assert self.y is not None
        self.target = tuple(range(self.y.shape[1])) if self.y.ndim == 2 else (0,)
        self.dtypes["y"] = self.y.dtype
        if self.y.dtype.kind == "U":
            if self.y.ndim == 2:
                raise ValueError(sentence("y", "one column where it is text", self.y))
            found: set[str] = set()
            for start in range(0, len(self.y), PIECE_ROWS):
                found.update(np.unique(self.y[start : start + PIECE_ROWS]).tolist())
            self.classes, self.dtypes["y"] = np.array(sorted(found)), np.dtype(np.int64)

    def read(self, chunk: int, start: int) -> Iterator[Piece]:
        begin, stop = int(self._starts[chunk]) + start, int(self._starts[chunk] + self.counts[chunk])
        for first in range(begin, stop, PIECE_ROWS):
            rows = slice(first, min(first + PIECE_ROWS, stop))
            y = None if self.y is None else self.y[rows]
            if y is not None and self.classes is not None:
                y = np.searchsorted(self.classes, y)
            yield Piece(self.X[rows], y, None if self.weights is None else self.weights[rows])

    def where(self, chunk: int, row: int) -> str:
        return f"row {int(self._starts[chunk]) + row}"

    def digest(self) -> str:
        y = np.empty(len(self)) if self.y is None else self.y
        return hashlib.sha256(f"{digest(Data(self.X, y, self.weights))} {self.window}".encode()).hexdigest()[:16]


def arrays(X: Any, y: Any = None, sample_weight: Any = None, *, window: int = WINDOW) -> ArrayRows:
    """Return the rows of arrays as a stream: of files that are mapped into memory, and larger than it.

    ``fit(X, y)`` takes such arrays as well, reads them in a random order row by row, and is as fast only as long as the
    file stays in the memory of the operating system. A stream reads stretches of a sixteenth of a window.

    Parameters
    ----------
    X : (n, features), numbers of any kind, such as np.load(path, mmap_mode="r") or np.memmap.
    y : (n,) or (n, outputs), numbers; or text, (n,); None to predict.
    sample_weight : (n,).
    window : as in ``parquet``.

    >>> arrays(np.zeros((1000, 3)), np.zeros(1000), window=160)
    <arrays: 1,000 rows of 3 features in 100 chunks>
    """
    return ArrayRows(X, y, sample_weight, window)


def cached(rows: Stream, folder: Any, *, dtype: str = "float32") -> CachedRows:
    """Return the same rows as a stream of plain arrays in a folder, which are written now if they are not there yet.

    Parsing is done once, and not in every epoch: worth it for CSV, and for small networks, which are trained on a row
    in less time than it takes to decode it. It takes (features + 2) * 4 bytes a row on the disk. A fit has the same
    bits, and may go on from a checkpoint that was made without. Files that have changed are written again, beside the
    old ones; to be rid of either, remove the folder.

    Parameters
    ----------
    rows : a stream of files.
    folder : where they are to be; it is made if need be.
    dtype : "float32", or "float64" for a network of that dtype.

    Raises OSError where the disk will not, ValueError for values that are not finite; nothing half-written is used.

    >>> import tempfile
    >>> cached(arrays(np.zeros((1000, 3)), np.zeros(1000)), tempfile.mkdtemp())
    <cached: 1,000 rows of 3 features in 17 chunks>
    """
    return CachedRows(rows, folder, dtype)


class Ahead:
    """Batches that a thread gets ready while others are trained on; see :func:`ahead`."""

    def __init__(self, batches: Any, count: int) -> None:
        if not isinstance(batches, Iterable) and not callable(batches):
            raise TypeError(sentence("batches", "a loader, or a function that returns an iterator", batches))
        self.count, self._given, self._number = check_number("count", count, low=1, whole=True), batches, 0
        self._source = Batches(batches)
        if self._source.is_told:
            self.set_epoch = self._be_told

    def _be_told(self, number: int) -> None:
        self._number = number

    def __iter__(self) -> Iterator[Any]:
        return reading.ahead(self._source.epoch(self._number), self.count)

    def __len__(self) -> int:
        return len(self._given)


def ahead(batches: Any, count: int = 2) -> Ahead:
    """Return a loader of batches that a thread reads ahead, ``count`` of them, for ``fit``.

    Raises in ``fit`` what the loader raises in the thread, which ends with the epoch, an error or Ctrl-C.

    >>> list(ahead([1, 2, 3]))
    [1, 2, 3]
    """
    return Ahead(batches, count)
