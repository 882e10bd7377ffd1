"""Streams of Parquet files: a chunk is a row group, and is read some thousand rows at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from neural.errors import sentence, show
from neural.stream_files import Files, arrow, first_line
from neural.windows import Piece

PIECE_ROWS = 1 << 14  # read at a time
BUFFER = 1 << 18  # bytes of a column that are read ahead, in place of all that a row group has of it


class ParquetRows(Files):
    """The rows of Parquet files; see :func:`neural.stream.parquet`."""

    what = "Parquet"

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._footers, places, counts, kinds = [], [], [], list[dict[str, Any]]()
        for number, file in enumerate(self.files):
            footer, types = self._looked_at(file)
            if number == 0:
                self.choose(list(types))
            self.check_columns(file, list(types))
            if footer.num_rows == 0:
                raise ValueError(sentence(file, "a table of rows", "none"))
            kinds.append({name: self._kind(file, name, types[name]) for name in self.used})
            self._footers.append(footer)
            start = 0
            for group in range(footer.num_row_groups):
                n = footer.row_group(group).num_rows
                if n:
                    places.append((number, group, start))
                    counts.append(n)
                start += n
        self._places, self.counts = places, np.array(counts)
        self.dtypes = self._dtypes(kinds)
        self.find_classes(bool(self.target) and any(kind[self.target[0]] == "text" for kind in kinds))

    def _looked_at(self, file: str) -> tuple[Any, dict[str, Any]]:
        """Return a file's footer, and the types of its columns."""
        arrow()
        from pyarrow import parquet

        try:
            with parquet.ParquetFile(file) as opened:
                footer, schema = opened.metadata, opened.schema_arrow
        except (OSError, ValueError) as error:
            raise _refused(file, "a Parquet file", error) from None
        twice = next((name for name in schema.names if schema.names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(sentence(file, "of columns with different names", twice, "It comes twice."))
        return footer, {field.name: field.type for field in schema}

    def _kind(self, file: str, name: str, kind: Any) -> Any:
        """Return the NumPy type of a column, "text" for a text target; TypeError for what is no number."""
        types = arrow().types
        if types.is_integer(kind) or types.is_floating(kind):
            return np.dtype(kind.to_pandas_dtype())
        if types.is_boolean(kind) or types.is_decimal(kind):
            return np.dtype(np.bool_ if types.is_boolean(kind) else np.float64)
        texts = kind.value_type if types.is_dictionary(kind) else kind
        if name in self.target and len(self.target) == 1 and _is_text(types, texts):
            return "text"
        step = "Leave it out: columns=[...]." if name in self.names else ""
        raise TypeError(sentence(f"{file}: column {show(name)}", "of numbers", str(kind), step))

    def _dtypes(self, kinds: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the types of windows: bytes where all features are, whole targets as such."""
        features = {kind[name] for kind in kinds for name in self.names}
        found: dict[str, Any] = {"X": np.uint8 if features == {np.dtype(np.uint8)} else None}
        if self.target:
            of = {kind[name] for kind in kinds for name in self.target}
            fractions = any(kind != "text" and not np.can_cast(kind, np.int64) for kind in of)  # or beyond int64
            if "text" in of and len(of) > 1:
                raise TypeError(sentence("the target", "text in all files or in none", self.target[0]))
            found["y"] = np.float64 if fractions and self.labels is None else np.int64
        if self.weight is not None:
            found["weights"] = np.float64
        return found

    def _batches(self, chunk: int, columns: list[str]) -> Iterator[Any]:
        from pyarrow import parquet

        number, group, _ = self._places[chunk]
        file = self.files[number]
        try:
            with parquet.ParquetFile(file, metadata=self._footers[number], buffer_size=BUFFER) as opened:
                yield from opened.iter_batches(PIECE_ROWS, row_groups=[group], columns=columns, use_threads=False)
        except (OSError, ValueError) as error:
            raise _refused(f"{file}, row group {group}", "as it was when the stream was made", error) from None

    def read(self, chunk: int, start: int) -> Iterator[Piece]:
        row = 0
        for batch in self._batches(chunk, self.used):
            n = batch.num_rows
            if row + n > start:
                first = max(start - row, 0)
                part = batch.slice(first) if first else batch
                columns = dict(zip(part.schema.names, part.columns, strict=True))
                yield self.piece(columns, chunk, row + first)
            row += n

    def target_columns(self) -> Iterator[Any]:
        for chunk in range(len(self.counts)):
            for batch in self._batches(chunk, [self.target[0]]):
                yield batch.column(0)

    def where(self, chunk: int, row: int) -> str:
        number, group, start = self._places[chunk]
        return f"{self.files[number]}, row {start + row} (row group {group})"

    def digest(self) -> str:
        found = hashlib.sha256(repr((self.used, self.labels, self.window)).encode())
        for footer in self._footers:
            found.update(repr(footer.to_dict()).encode())
        return found.hexdigest()[:16]


def _is_text(types: Any, kind: Any) -> bool:
    return bool(types.is_string(kind) or types.is_large_string(kind) or str(kind) == "string_view")


def _refused(what: str, rule: str, error: Exception) -> Exception:
    if isinstance(error, OSError) and error.errno is not None:
        return error
    return ValueError(f"{what} must be {rule}. {first_line(error)}")
