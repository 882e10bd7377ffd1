"""Streams of CSV files: a chunk is a number of lines, found once by their ends, and parsed when it is wanted."""

from __future__ import annotations

import csv
import hashlib
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from neural.errors import sentence, show
from neural.stream_files import Files, arrow, first_line
from neural.table_files import LONGEST_LINE, MISSING, SEPARATORS, column_names
from neural.windows import CHUNKS, Piece

CHUNK_BYTES = (1 << 16, 1 << 22)  # least and most
PACKED = {b"\x1f\x8b": "gzip", b"PK": "zip", b"BZ": "bzip2", b"\xfd7": "xz", b"(\xb5": "zstd"}


class CSVRows(Files):
    """The rows of CSV files; see :func:`neural.stream.csv`."""

    what = "CSV"

    def __init__(self, *arguments: Any, separator: str | None, decimal: str) -> None:
        super().__init__(*arguments)
        arrow()
        if separator is not None and (not isinstance(separator, str) or len(separator) != 1):
            raise ValueError(sentence("separator", "None or one character", separator))
        if decimal not in (".", ","):
            raise ValueError(sentence("decimal", "'.' or ','", decimal))
        self.separator, self.decimal = separator, decimal
        self._chunks: list[tuple[int, int, int, int]] = []  # file, first byte, bytes, lines before
        self._columns: list[list[str]] = []  # of each file
        counts: list[int] = []
        self._sums: list[tuple[int, int]] = []  # bytes and checksum of each file
        for number, file in enumerate(self.files):
            with open(file, "rb") as opened:
                names, begin, skipped = self._header(file, opened)
                if number == 0:
                    self.choose(names)
                self.check_columns(file, names)
                self._columns.append(names)
                counts += self._indexed(number, opened, begin, skipped)
        self.counts = np.array(counts)
        self.dtypes = {"X": None}
        self._table(0, list(self.names), ())  # for text among numbers
        if self.weight is not None:
            self.dtypes["weights"] = np.float64
        if self.target:
            self.find_classes(self._target_is_text())
            self.dtypes["y"] = np.float64 if self.classes is None else np.int64

    # --- the index ---------------------------------------------------------------------------------------------------
    def _header(self, file: str, opened: Any) -> tuple[list[str], int, int]:
        """Return the names of the columns, where the rows begin, and how many lines are before them."""
        line, skipped = b"", 0
        while not line.strip():
            line, skipped = opened.readline(LONGEST_LINE), skipped + 1
            if not line:
                raise ValueError(sentence(file, "a table: names in the first line, then rows", "blank lines alone"))
        packed = next((name for magic, name in PACKED.items() if line.startswith(magic)), None)
        if packed or b"\0" in line or not line.endswith(b"\n"):
            rule, step = "text in lines, names in the first and then rows", "Unpack it first." if packed else ""
            raise ValueError(sentence(file, rule, packed or line[:40], step))
        try:
            text = line.decode("utf-8-sig").strip()
        except UnicodeDecodeError:
            raise ValueError(sentence(file, "text in UTF-8", line[:40])) from None
        if self.separator is None:
            self.separator = max(SEPARATORS, key=text.count)
        fields = next(csv.reader([text], delimiter=self.separator, skipinitialspace=True))
        return column_names(file, fields), opened.tell(), skipped

    def _indexed(self, number: int, opened: Any, begin: int, line: int) -> list[int]:
        """Take down the chunks of a file; return the rows of each."""
        file, size, counts = self.files[number], self._chunk_bytes(opened, begin), []
        checksum, total = 0, begin
        while block := opened.read(size):
            block += opened.readline(LONGEST_LINE)
            if len(block) == size + LONGEST_LINE and not block.endswith(b"\n"):
                raise ValueError(f"{file} must be made of lines. One from line {line + 1} on is longer than 16 MB.")
            if b"\0" in block:
                raise ValueError(f"{file} must be text. Got a NUL byte after line {line}: it is binary.")
            lines = block.count(b"\n") + (not block.endswith(b"\n"))
            if rows := lines - _blank(block):
                self._chunks.append((number, total, len(block), line))
                counts.append(rows)
            checksum = zlib.crc32(block, checksum)
            total, line = total + len(block), line + lines
        if not counts:
            raise ValueError(sentence(file, "a table with rows below the names of its columns", "none"))
        self._sums.append((total, checksum))
        return counts

    def _chunk_bytes(self, opened: Any, begin: int) -> int:
        """Return how many bytes a chunk has: so few that a window has several."""
        start = opened.read(CHUNK_BYTES[0])
        opened.seek(begin)
        per_line = len(start) / max(start.count(b"\n"), 1)
        return int(min(max(per_line * self.window / CHUNKS, CHUNK_BYTES[0]), CHUNK_BYTES[1]))

    # --- reading -----------------------------------------------------------------------------------------------------
    def _bytes(self, chunk: int) -> bytes:
        number, begin, length, _ = self._chunks[chunk]
        with open(self.files[number], "rb") as opened:
            opened.seek(begin)
            found = opened.read(length)
        if len(found) != length:
            rule, step = f"as it was: {length} bytes from byte {begin} on", "Make the stream anew."
            raise ValueError(sentence(self.files[number], rule, len(found), step))
        return found

    def _table(self, chunk: int, used: list[str], texts: tuple[str, ...]) -> Any:
        pa = arrow()
        from pyarrow import csv as reader

        data, assured = self._bytes(chunk), {name: pa.string() if name in texts else pa.float64() for name in used}
        try:
            table = reader.read_csv(
                pa.BufferReader(data),
                read_options=reader.ReadOptions(
                    use_threads=False, block_size=len(data) + 1, column_names=self._columns[self._chunks[chunk][0]]
                ),
                parse_options=reader.ParseOptions(delimiter=self.separator),
                convert_options=reader.ConvertOptions(
                    column_types=assured,
                    include_columns=used,
                    strings_can_be_null=True,
                    null_values=list(MISSING),
                    decimal_point=self.decimal,
                ),
            )
        except ValueError as error:
            self._explain(chunk, data, texts, error)
        return {name: table.column(name).combine_chunks() for name in used}

    def read(self, chunk: int, start: int) -> Iterator[Piece]:
        texts = self.target if self.classes is not None else ()
        columns = self._table(chunk, self.used, texts)
        n = len(columns[self.used[0]])
        if start < n:
            yield self.piece({name: column.slice(start) for name, column in columns.items()}, chunk, start)

    def target_columns(self) -> Iterator[Any]:
        for chunk in range(len(self.counts)):
            yield self._table(chunk, [self.target[0]], self.target)[self.target[0]]

    def texts(self, column: Any) -> Any:
        return arrow().compute.utf8_trim_whitespace(super().texts(column))

    def _target_is_text(self) -> bool:
        """Return whether a single target is text, by the first lines."""
        first = self._table(0, [self.target[0]], (self.target[0],))[self.target[0]]
        return len(self.target) == 1 and not all(self._is_number(text) for text in first.drop_null().to_pylist())

    def _is_number(self, text: str) -> bool:
        try:
            float(text.strip().replace(self.decimal, "."))
        except ValueError:
            return False
        return "_" not in text

    # --- what is wrong -----------------------------------------------------------------------------------------------
    def _lines(self, chunk: int, data: bytes) -> Iterator[tuple[int, str]]:
        """Yield the number and the text of each row's line."""
        before = self._chunks[chunk][3]
        for number, line in enumerate(data.split(b"\n"), before + 1):
            if line.strip(b"\r"):
                yield number, line.decode("utf-8", "replace")

    def _explain(self, chunk: int, data: bytes, texts: tuple[str, ...], error: Exception) -> None:
        """Raise ValueError for the first line that Arrow could not read."""
        number = self._chunks[chunk][0]
        file, names = self.files[number], self._columns[number]
        for line, text in self._lines(chunk, data):
            where = f"{file}, line {line}"
            if "\ufffd" in text:
                raise ValueError(f"{where} must be text in UTF-8. {first_line(error)}") from None
            fields = next(csv.reader([text], delimiter=self.separator or ","), [])
            if len(fields) != len(names):
                step = "A line is a row, also where there are quotation marks." if '"' in text else ""
                raise ValueError(
                    sentence(where, f"of {len(names)} fields, as the first line", len(fields), step)
                ) from None
            for name, field in zip(names, fields, strict=True):
                if name in self.used and name not in texts and not self._is_number(field) and field not in MISSING:
                    step = "Leave the column out: columns=[...]."
                    if name in self.target:
                        step = "If these are labels, name them all: classes=[...]."
                    raise ValueError(sentence(f"{where}: column {show(name)}", "a number", field, step)) from None
        raise ValueError(f"{file} must be a table. {first_line(error)}") from None

    def where(self, chunk: int, row: int) -> str:
        lines = list(self._lines(chunk, self._bytes(chunk)))
        return f"{self.files[self._chunks[chunk][0]]}, line {lines[min(row, len(lines) - 1)][0]}"

    def digest(self) -> str:
        found = repr((self.used, self.labels, self.window, self._sums, self.separator, self.decimal))
        return hashlib.sha256(found.encode()).hexdigest()[:16]


def _blank(block: bytes) -> int:
    """Return how many lines of a block are empty."""
    if not (block.startswith((b"\n", b"\r\n")) or b"\n\n" in block or b"\n\r\n" in block):
        return 0
    lines = block.split(b"\n")
    return sum(not line.strip(b"\r") for line in (lines if lines[-1] else lines[:-1]))
