"""Tables from files, as pandas data frames: CSV, TSV, Parquet, NumPy.

Text is read as text: what a column is, is for guessing.py and tables.py to say, from the whole of it. A file is refused
in one sentence if it is not UTF-8, if a line has too many fields or is too long, or if the columns have no names of
their own.
"""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

import numpy as np

from neural.errors import sentence, show

LONGEST_LINE = 1 << 24  # bytes: a table has lines, and a file without them shall not fill the memory
CHUNK = 1 << 18
SEPARATORS = ",;\t|"
MISSING = ("", "?", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "#N/A", "<NA>", "-nan")


def read_table(path: str | os.PathLike[str], stdin: IO[bytes] | None = None) -> Any:
    """Return the table in a file as a data frame, by its suffix: .parquet, .npz, .npy, and text for any other.

    "-" is the standard input, as text. The separator of text is the one of comma, semicolon, tab and bar that the first
    line has most of; the first line holds the names. Raises OSError where there is no such file, ValueError for what is
    no table, ImportError without pandas.

    >>> import io
    >>> read_table("-", io.BytesIO(b"width,colour" + chr(10).encode() + b"1.5,red")).columns.tolist()
    ['width', 'colour']
    """
    name = os.fspath(path)
    if name == "-":
        if stdin is None and sys.stdin is None:
            raise ValueError("the standard input must be open to be read from. It is closed.")
        return _from_text("the standard input", stdin or sys.stdin.buffer)
    if os.path.isdir(name):
        raise ValueError(sentence("a table", "a file", name, "It is a folder: name the file in it."))
    if not os.path.exists(name):
        raise FileNotFoundError(f"There is no file {show(name)}.")
    read = BY_SUFFIX.get(os.path.splitext(name)[1].lower(), _from_text)
    with open(name, "rb") as file:
        return read(name, file)


# --- text ----------------------------------------------------------------------------------------------------------
class Text:
    """The bytes of a file as text for pandas, checked on the way: UTF-8, without NUL, and in lines."""

    def __init__(self, name: str, file: IO[bytes], longest: int | None = None) -> None:
        self.name, self.file, self.longest = name, file, LONGEST_LINE if longest is None else longest
        self.decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder("utf-8-sig")(), translate=True)
        self.line, self.length, self.kept, self.skipped = 1, 0, "", 0

    def read(self, size: int = -1) -> str:
        """Return more text: what was put back first; "" at the end."""
        if self.kept:
            text, self.kept = self.kept, ""
            return text
        while data := self.file.read(CHUNK):
            if text := self._checked(data):
                return text
        return self._checked(b"", last=True)

    def __iter__(self) -> Iterator[str]:
        return iter(self.read, "")

    def first_line(self) -> str:
        """Return the first line that is not blank, and read from the next one on."""
        text = self.read()
        while text:
            line, end, rest = text.partition("\n")
            if not end and (more := self.read()):
                text += more
            elif line.strip():
                self.kept, self.skipped = rest, self.skipped + 1
                return line
            else:
                text, self.skipped = rest, self.skipped + 1
        return ""

    def _checked(self, data: bytes, last: bool = False) -> str:
        try:
            text = self.decoder.decode(data, last)
        except UnicodeDecodeError as error:
            line = self.line + error.object[: error.start].count(b"\n")
            found = f"the byte 0x{error.object[error.start]:02x} in or near line {line}"
            step = "Save it as UTF-8; a spreadsheet as 'CSV UTF-8'."
            raise ValueError(f"{self.name} must be text in UTF-8. Got {found}. {step}") from None
        if "\0" in text:
            raise ValueError(f"{self.name} must be text. Got a NUL byte in or near line {self.line}: it is binary.")
        self._count(data)
        return text

    def _count(self, data: bytes) -> None:
        lines = data.replace(b"\r", b"\n").split(b"\n")
        lengths = [self.length + len(lines[0]), *map(len, lines[1:])]
        if max(lengths) > self.longest:
            line = self.line + next(k for k, length in enumerate(lengths) if length > self.longest)
            rule = f"made of lines of at most {self.longest:,} bytes"
            raise ValueError(f"{self.name} must be {rule}. Line {line} is longer: it is no table of rows.")
        self.line, self.length = self.line + data.count(b"\n"), lengths[-1]


def _from_text(name: str, file: IO[bytes]) -> Any:
    import pandas

    text = Text(name, file)
    head = text.first_line()
    if not head.strip():
        raise ValueError(f"{name} must hold a table: names in the first line, then rows. It is empty.")
    separator = max(SEPARATORS, key=head.count)
    names = column_names(name, next(csv.reader([head], delimiter=separator, skipinitialspace=True)))
    options: dict[str, Any] = {"sep": separator, "header": None, "names": names, "index_col": False, "dtype": str}
    options |= {"skipinitialspace": True, "keep_default_na": False, "na_values": list(MISSING)}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pandas.errors.ParserWarning)
            frame = pandas.read_csv(text, **options)
    except pandas.errors.EmptyDataError:
        frame = pandas.DataFrame(columns=names)
    except (pandas.errors.ParserError, pandas.errors.ParserWarning, csv.Error) as error:
        rule = f"rows of {len(names)} fields, as its first line has"
        raise ValueError(f"{name} must hold {rule}. {_reason(str(error), text.skipped)}") from None
    return _with_rows(name, _decimal_points(frame) if separator == ";" else frame)


def _reason(said: str, skipped: int) -> str:
    """Return what pandas said of a file whose first lines it has not seen."""
    fields = re.search(r"in line (\d+), saw (\d+)", said)
    if fields:
        return f"Line {int(fields[1]) + skipped} has {fields[2]}."
    quote = re.search(r"EOF inside string starting at row (\d+)", said)
    if quote:
        return f"A quotation mark in or near row {int(quote[1]) + 1} below it is never closed."
    return f"Line {1 + skipped} has more." if "Length of header" in said else " ".join(said.split())


def _decimal_points(frame: Any) -> Any:
    """Return the frame with 1.5 for 1,5 in columns of such numbers: a file with semicolons may have commas in them."""
    for name in frame.columns:
        texts = frame[name].dropna()
        if len(texts) and texts.str.fullmatch(r"[-+]?\d+(,\d+)?([eE][-+]?\d+)?").all():
            frame[name] = frame[name].str.replace(",", ".", regex=False)
    return frame


def column_names(what: str, found: Sequence[str]) -> list[str]:
    """Return the names of columns; ValueError if one comes twice, or if they are the first row's numbers."""
    names = [name.strip() or f"column {k}" for k, name in enumerate(found, 1)]
    twice = next((name for k, name in enumerate(names) if name in names[:k]), None)
    if twice is not None:
        raise ValueError(f"{what} must have columns of different names in its first line. Got {twice!r} twice.")
    if any(_is_fraction(name) for name in names):
        shown = ", ".join(names[:4])
        raise ValueError(f"{what} must have the names of its columns in its first line. Got numbers: {shown}.")
    return names


def _is_fraction(text: str) -> bool:
    try:
        return not float(text).is_integer()
    except (ValueError, OverflowError):
        return False


def _with_rows(name: str, frame: Any) -> Any:
    if not len(frame):
        raise ValueError(f"{name} must have rows below the names of its columns. Got none.")
    return frame


# --- Parquet and NumPy ---------------------------------------------------------------------------------------------
def _from_parquet(name: str, file: IO[bytes]) -> Any:
    import pandas

    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise ImportError("Parquet files need pyarrow: pip install pyarrow") from None
    try:
        frame = pandas.read_parquet(file, engine="pyarrow")
    except (ValueError, OSError, KeyError) as error:
        raise ValueError(f"{name} must be a Parquet file. {_first_line(error)}") from None
    frame.columns = column_names(name, [str(column) for column in frame.columns])
    for column in frame.columns[[dtype == "object" for dtype in frame.dtypes]]:  # lists and the like are text
        plain = frame[column].map(lambda value: value is None or isinstance(value, str | bytes | int | float))
        if not plain.all():
            frame[column] = frame[column].map(str, na_action="ignore")
    return _with_rows(name, frame)


def _first_line(error: Exception) -> str:
    text = str(error).strip().partition("\n")[0]
    return text if len(text) < 200 else text[:197] + "..."


def _from_numpy(name: str, file: IO[bytes]) -> Any:
    """Return the arrays of a file: one with two axes is as many columns, X0, X1 and so on for an array X."""
    import pandas

    try:
        found = np.load(file, allow_pickle=False)
        arrays = {"": found} if isinstance(found, np.ndarray) else {key: found[key] for key in found.files}
    except (ValueError, OSError, EOFError, KeyError, MemoryError, zipfile.BadZipFile) as error:
        raise ValueError(f"{name} must be a NumPy file of numbers or text. {_first_line(error)}") from None
    columns: dict[str, Any] = {}
    for key, values in arrays.items():
        columns |= _columns_of(name, key, values)
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise ValueError(f"{name} must hold arrays of one length. Got lengths {sorted(lengths)}.")
    return _with_rows(name, pandas.DataFrame(columns))


def _columns_of(name: str, key: str, values: np.ndarray) -> dict[str, Any]:
    if values.dtype.names:
        return {field: values[field].reshape(-1) for field in values.dtype.names}
    if values.ndim == 1:
        return {key or "0": values}
    if values.ndim != 2:
        raise ValueError(sentence(f"an array in {name}", "of one axis or two", values))
    return {f"{key}{k}": values[:, k] for k in range(values.shape[1])}


BY_SUFFIX: dict[str, Callable[[str, IO[bytes]], Any]] = {
    ".parquet": _from_parquet,
    ".npz": _from_numpy,
    ".npy": _from_numpy,
}
