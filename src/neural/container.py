"""Tensors and text in one file, in the layout of safetensors, under a seal: what model files are made of.

Eight bytes, the length of the header; the header, JSON in ASCII; the tensors, one after the other. The header begins
with ``{"__metadata__":{"checksum":"`` and 64 digits: SHA-256 of the whole file with zeros in their place. Nothing of a
file is believed before that is right, and not much after it. docs/file-format.md says it clause by clause.
"""

from __future__ import annotations

import json
import math
import os
import stat
from typing import Any, NoReturn

import numpy as np

from neural import atomic
from neural.errors import ModelFileError, show

Tensors = dict[str, np.ndarray]

DTYPES = {"F32": np.dtype("<f4"), "F64": np.dtype("<f8"), "I64": np.dtype("<i8")}
HEAD = b'{"__metadata__":{"checksum":"'
START = 8 + len(HEAD)  # of the checksum
DIGITS = 64
ALIGNMENT = 64  # bytes: the tensors begin on a cache line, wherever the file is mapped
MOST_HEADER = 1 << 20  # bytes; JSON of that size takes some 30 MB to read, whatever is in it
MOST_AXES = 8
MOST_DEPTH = 64  # of lists in lists


# --- writing -------------------------------------------------------------------------------------------------------
def write(path: Any, metadata: dict[str, str], tensors: Tensors) -> None:
    """Write a file, whole or not at all. ValueError for more metadata than a header holds."""
    blocks = {name: _copied(values) for name, values in tensors.items()}
    header = _header(metadata, blocks)
    parts = [header, *(block.data.cast("B") for block in blocks.values() if block.size)]
    digest = _digest(parts)
    parts[0] = header.replace(b"0" * DIGITS, digest.encode(), 1)
    atomic.write(path, parts)


def _copied(values: np.ndarray) -> np.ndarray:
    """Return a copy, row after row: what is summed up and then written must not change in between, as in a fit."""
    return np.array(values, dtype=values.dtype.newbyteorder("<"), order="C")


def _header(metadata: dict[str, str], blocks: Tensors) -> bytes:
    """Return the length and the header, with zeros for the checksum."""
    entries: dict[str, Any] = {"__metadata__": {"checksum": "0" * DIGITS, **metadata}}
    names, start = {dtype: name for name, dtype in DTYPES.items()}, 0
    for name, block in blocks.items():
        stop = start + block.nbytes
        entries[name] = {"dtype": names[block.dtype], "shape": list(block.shape), "data_offsets": [start, stop]}
        start = stop
    text = canonical(entries).encode("ascii")
    text += b" " * (-(8 + len(text)) % ALIGNMENT)
    if len(text) > MOST_HEADER:
        raise ValueError(
            f"What describes the network must fit into {MOST_HEADER} bytes. Got {len(text)}. It has too many layers, "
            "classes or settings for a model file."
        )
    return len(text).to_bytes(8, "little") + text


def canonical(value: Any) -> str:
    """Return the one JSON text of a value that files hold: no spaces, ASCII, keys in their order, no NaN."""
    if _depth(value) > MOST_DEPTH:
        raise ValueError(f"What is written must be at most {MOST_DEPTH} deep, lists in lists. Got {_depth(value)}.")
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _digest(parts: list[Any]) -> str:
    import hashlib  # only files want it

    found = hashlib.sha256()
    for part in parts:
        found.update(part)
    return found.hexdigest()


# --- reading -------------------------------------------------------------------------------------------------------
def read(path: Any) -> tuple[dict[str, str], Tensors]:
    """Return metadata and tensors; ModelFileError for a file that is not as ``write`` leaves it, in words.

    The tensors are read-only views of the bytes that were read. OSError where there is no file to be read.
    """
    wait = getattr(os, "O_NONBLOCK", 0)  # a pipe that nobody writes to would be waited for
    number = os.open(atomic.place_of("path", path), os.O_RDONLY | wait | getattr(os, "O_BINARY", 0))
    try:
        about = os.fstat(number)
        if not stat.S_ISREG(about.st_mode):
            step = "It is a folder: name a file in it." if stat.S_ISDIR(about.st_mode) else ""
            refuse(path, "the path", "that of a file", os.fspath(path), step)
        content = _contents(path, number, about.st_size)
    finally:
        os.close(number)
    return parse(content, path)


def _contents(path: Any, number: int, size: int) -> memoryview:
    """Return the bytes of an open file, if it begins like one of ours: before a gigabyte of something else is read."""
    with open(number, "rb", buffering=0, closefd=False) as file:
        begun = file.read(START)
        _check_begun(path, begun, size)
        content = bytearray(size)
        content[: len(begun)] = begun
        end = len(begun)
        while end < size and (more := file.readinto(memoryview(content)[end:])):
            end += more
    return memoryview(content)[:end].toreadonly()


def parse(content: memoryview | bytes, path: Any) -> tuple[dict[str, str], Tensors]:
    """Return metadata and tensors of a file's bytes; ``path`` is for the errors."""
    stop = _check_begun(path, content[:START], len(content))
    _check_seal(path, content)
    entries = _entries(path, bytes(content[8:stop]))
    metadata = entries.pop("__metadata__")
    if not all(isinstance(text, str) for text in metadata.values()):
        refuse(path, "the metadata", "text", metadata)
    return metadata, _tensors(path, entries, content, stop)


def _check_begun(path: Any, begun: memoryview | bytes, size: int) -> int:
    """Return where the header ends, if a file of ``size`` bytes may begin like this."""
    stop = 8 + int.from_bytes(begun[:8], "little")
    if len(begun) < START or begun[8:] != HEAD or stop % ALIGNMENT or not START + DIGITS < stop <= 8 + MOST_HEADER:
        step = "It is of another kind, or damaged."
        refuse(path, "the file", f"a model file: a length, then {HEAD.decode()}", bytes(begun[:16]), step)
    if stop > size:
        refuse(path, "the file's length", f"{stop} bytes at least", size, "It is cut short: fetch or save it again.")
    return stop


def _check_seal(path: Any, content: memoryview | bytes) -> None:
    found = _digest([content[:START], b"0" * DIGITS, content[START + DIGITS :]])
    kept = bytes(content[START : START + DIGITS])
    if found.encode() != kept:
        step = "The file was damaged or changed after it was written: fetch or save it again."
        refuse(path, "the checksum", found, kept, step)


def _entries(path: Any, header: bytes) -> dict[str, Any]:
    """Return the header as a dictionary, if it is JSON in its one form."""
    try:
        text = header.decode("ascii")
    except UnicodeDecodeError as error:
        refuse(path, "the header", "ASCII", str(error))
    entries = parse_json(path, "the header", text.rstrip(" "))
    spaces = len(text) - len(text.rstrip(" "))
    if spaces >= ALIGNMENT:
        refuse(path, "the header", f"filled up with fewer than {ALIGNMENT} spaces", spaces)
    if not isinstance(entries, dict) or not isinstance(entries.get("__metadata__"), dict):
        refuse(path, "the header", "an object with __metadata__", entries)
    return entries


def parse_json(path: Any, what: str, text: str) -> Any:
    """Return what JSON says, if its text is the one that :func:`canonical` writes.

    So there are no keys given twice, no NaN, no number too large to be one, and nothing that two readers may read
    differently.
    """
    try:
        found = json.loads(text)
        same = canonical(found) == text
    except (ValueError, RecursionError) as error:
        refuse(path, what, f"JSON, at most {MOST_DEPTH} deep", str(error) or type(error).__name__)
    if not same:
        refuse(path, what, "JSON in its one form: without spaces, NaN, or a key given twice", text)
    return found


def _depth(value: Any) -> int:
    """Return how deep lists and objects lie in one another; without recursion, as that is what it guards."""
    deep, level = 0, [value]
    while level:
        level = [
            item
            for held in level
            if isinstance(held, dict | list)
            for item in (held.values() if isinstance(held, dict) else held)
        ]
        deep += 1
    return deep


def _tensors(path: Any, entries: dict[str, Any], content: memoryview | bytes, start: int) -> Tensors:
    """Return the tensors, which lie one after the other without a gap."""
    found, end = Tensors(), 0
    for name, entry in entries.items():
        dtype, shape, begin, stop = _entry(path, name, entry)
        if begin != end or stop - begin != math.prod(shape) * dtype.itemsize or start + stop > len(content):
            rule = f"from {end} on within the file, as long as its shape says"
            refuse(path, f"the tensor {name}", rule, entry["data_offsets"])
        found[name] = np.frombuffer(content, dtype, math.prod(shape), start + begin).reshape(shape)
        end = stop
    if start + end != len(content):
        refuse(path, "the file's length", f"{start + end} bytes, as its header says", len(content))
    return found


def _entry(path: Any, name: str, entry: Any) -> tuple[np.dtype, list[int], int, int]:
    if not isinstance(entry, dict) or list(entry) != ["dtype", "shape", "data_offsets"]:
        refuse(path, f"the tensor {name}", "described by dtype, shape and data_offsets", entry)
    dtype, shape, offsets = entry.values()
    if not isinstance(dtype, str) or dtype not in DTYPES:
        refuse(path, f"the dtype of {name}", f"one of {', '.join(DTYPES)}", dtype)
    if not _are_counts(shape) or len(shape) > MOST_AXES or 0 in shape:
        refuse(path, f"the shape of {name}", f"at most {MOST_AXES} whole numbers of at least 1", shape)
    if not _are_counts(offsets) or len(offsets) != 2:
        refuse(path, f"the data_offsets of {name}", "two whole numbers", offsets)
    return DTYPES[dtype], shape, *offsets


def _are_counts(value: Any) -> bool:
    return isinstance(value, list) and all(type(n) is int and 0 <= n < 2**53 for n in value)


def refuse(path: Any, what: str, rule: str, value: Any, step: str = "") -> NoReturn:
    """Raise ModelFileError."""
    text = value if isinstance(value, str) else show(value)
    text = text if len(text) <= 120 else text[:117] + "..."
    raise ModelFileError(f"{os.fspath(path)}: {what} must be {rule}. Got {text}. {step}".rstrip())
