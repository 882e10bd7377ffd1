"""A stream that was read once and lies as plain arrays on the disk, from where it is read at the speed of memory."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np

from neural import atomic
from neural.errors import one_of, sentence
from neural.inputs import check_finite
from neural.windows import Array, Piece, Stream

PIECE_ROWS = 1 << 14
DTYPES = ("float32", "float64")


class CachedRows(Stream):
    """The rows of another stream, from files of its own; see :func:`neural.stream.cached`."""

    what = "cached"

    def __init__(self, rows: Stream, folder: Any, dtype: Any) -> None:
        if not isinstance(rows, Stream):
            raise TypeError(sentence("rows", "a stream", rows))
        if str(dtype) not in DTYPES:
            raise ValueError(sentence("dtype", one_of(DTYPES), dtype))
        folder = atomic.place_of("folder", folder)
        if os.path.exists(folder) and not os.path.isdir(folder):
            raise NotADirectoryError(sentence("folder", "a folder, or a name that is not taken", folder))
        self.rows, self.names, self.target, self.classes = rows, rows.names, rows.target, rows.classes
        self.counts, self.window, self.dtypes = rows.counts, rows.window, rows.dtypes
        self._starts = np.append(0, np.cumsum(self.counts))
        self._maps: dict[str, Array] = {}
        self.folder = os.path.join(os.path.abspath(folder), f"{rows.digest()}-{dtype}")
        if not os.path.isdir(self.folder):
            self._write(np.dtype(str(dtype)))

    def _write(self, dtype: np.dtype) -> None:
        """Write the arrays into a folder that has its name only when all of them are whole."""
        rows, files = self.rows, dict[str, Any]()
        unfinished = f"{self.folder}.{os.getpid()}-{os.urandom(4).hex()}.tmp"
        os.makedirs(unfinished)
        try:
            with ExitStack() as stack:
                for window in rows.windows(np.arange(len(rows.counts)), min(rows.window, len(rows)), dtype):
                    rows.taken(window, lambda X, *_: check_finite("X", X, X.dtype))
                    for name, part in vars(window).items():
                        if isinstance(part, np.ndarray):
                            if name not in files:
                                files[name] = stack.enter_context(open(_path(unfinished, name), "wb"))
                                _write_head(files[name], part, len(rows))
                            files[name].write(np.ascontiguousarray(part).data)
                for file in files.values():
                    file.flush()
                    os.fsync(file.fileno())
            if not os.path.isdir(self.folder):  # or another process was faster
                os.rename(unfinished, self.folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def read(self, chunk: int, start: int) -> Iterator[Piece]:
        X, y, weights = (self._mapped(name) for name in ("X", "y", "weights"))
        begin, stop = int(self._starts[chunk]) + start, int(self._starts[chunk + 1])
        for first in range(begin, stop, PIECE_ROWS):
            part = slice(first, min(first + PIECE_ROWS, stop))
            assert X is not None
            yield Piece(X[part], None if y is None else y[part], None if weights is None else weights[part])

    def _mapped(self, name: str) -> Array | None:
        if name != "X" and name not in self.dtypes:
            return None
        if name not in self._maps:  # once: to map a file anew is to have all of its pages looked up anew
            self._maps[name] = self._loaded(name)
        return self._maps[name]

    def _loaded(self, name: str) -> Array:
        path = _path(self.folder, name)
        try:
            found: Array = np.load(path, mmap_mode="r", allow_pickle=False)
        except (ValueError, EOFError):
            raise ValueError(f"{path} must be as it was written. It is damaged: remove {self.folder}.") from None
        return found

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_maps": {}}  # or they would be copied into memory

    def where(self, chunk: int, row: int) -> str:
        return self.rows.where(chunk, row)

    def digest(self) -> str:
        return self.rows.digest()


def _path(folder: str, name: str) -> str:
    return os.path.join(folder, f"{name}.npy")


def _write_head(file: Any, part: Array, n: int) -> None:
    """Begin a .npy file of n rows like those of an array."""
    head = {"descr": np.lib.format.dtype_to_descr(part.dtype), "fortran_order": False, "shape": (n, *part.shape[1:])}
    np.lib.format.write_array_header_1_0(file, head)
