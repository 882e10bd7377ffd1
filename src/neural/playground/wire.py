"""Messages with bytes: four bytes with the length of a line of JSON, that line, then the bytes it speaks of.

The JSON of what the server sends lists its arrays as ``arrays``: [name, dtype, shape, where it begins]. Numbers are
little-endian, and each array begins at a multiple of eight bytes of the message, so that the page may view it in place.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from neural.errors import sentence

ALIGNED = 8
DTYPES = {"u1": "<u1", "f4": "<f4"}


def pack(header: Mapping[str, Any], arrays: Mapping[str, np.ndarray] | None = None, payload: bytes = b"") -> bytes:
    """Return a message of plain values and arrays, uint8 or anything that becomes float32.

    >>> header, payload = unpack(pack({"epoch": 3}, {"grid": np.array([[0, 255]], np.uint8)}))
    >>> header, len(payload)
    ({'epoch': 3, 'arrays': [['grid', 'u1', [1, 2], 0]]}, 8)
    """
    listed, blocks, start = [], [], 0
    for name, array in (arrays or {}).items():
        kind = "u1" if array.dtype == np.uint8 else "f4"
        block = np.ascontiguousarray(array, DTYPES[kind]).tobytes()
        block += bytes(-len(block) % ALIGNED)
        listed.append([name, kind, list(array.shape), start])
        blocks.append(block)
        start += len(block)
    text = json.dumps({**header, **({"arrays": listed} if listed else {})}, allow_nan=False).encode()
    text += b" " * (-(len(text) + 4) % ALIGNED)
    return b"".join([len(text).to_bytes(4, "little"), text, *blocks, payload])


def unpack(message: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the values of a message, and its bytes; ValueError for what is none.

    >>> unpack(b"abc")
    Traceback (most recent call last):
    ValueError: the message must be a length, JSON and bytes. Got b'abc'.
    """
    end = 4 + int.from_bytes(message[:4], "little")
    if len(message) < 4 or end > len(message):
        raise ValueError(sentence("the message", "a length, JSON and bytes", message))
    return parse(message[4:end]), message[end:]


def parse(text: str | bytes) -> dict[str, Any]:
    """Return the object of a text of JSON; NaN and infinities are none.

    >>> parse('{"rate": NaN}')
    Traceback (most recent call last):
    ValueError: the message must be JSON of finite numbers. Got 'NaN'.
    """

    def refuse(value: str) -> Any:
        raise ValueError(sentence("the message", "JSON of finite numbers", value))

    try:
        found = json.loads(text, parse_constant=refuse)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(sentence("the message", "JSON", text, f"{str(error)[:80]}.")) from None
    if not isinstance(found, dict):
        raise ValueError(sentence("the message", "a JSON object", found))
    return found
