"""The part of protobuf's wire format that ONNX files use: numbers, floats and bytes, each behind its field's number.

https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

import struct
from typing import Any

from neural.errors import ModelFileError

VARINT, EIGHT, BYTES, FOUR = 0, 1, 2, 5  # wire types


def message(*fields: tuple[int, Any]) -> bytes:
    r"""Return the bytes of a message: pairs of a field's number and a whole number, float, text or bytes.

    >>> message((1, 150), (2, "testing"))
    b'\x08\x96\x01\x12\x07testing'
    """
    found = bytearray()
    for number, value in fields:
        if isinstance(value, float):
            found += _varint(number << 3 | FOUR) + struct.pack("<f", value)
        elif isinstance(value, int):
            found += _varint(number << 3 | VARINT) + _varint(value % 2**64)
        else:
            data = value.encode() if isinstance(value, str) else bytes(value)
            found += _varint(number << 3 | BYTES) + _varint(len(data)) + data
    return bytes(found)


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def fields(data: memoryview | bytes) -> dict[int, list[Any]]:
    r"""Return the values of each field of a message, in order: whole numbers, and bytes as views for all else.

    ModelFileError for what is cut off or of no known type.

    >>> fields(b"\x08\x96\x01\x08\x05")
    {1: [150, 5]}
    """
    data, place, found = memoryview(data), 0, dict[int, list[Any]]()
    while place < len(data):
        key, place = _read_varint(data, place)
        values, kind = found.setdefault(key >> 3, []), key & 7
        if kind in (VARINT, BYTES):
            size, place = _read_varint(data, place)
        else:
            size = {EIGHT: 8, FOUR: 4}.get(kind, len(data))
        if kind == VARINT:
            values.append(size)
        elif place + size > len(data):
            raise ModelFileError(f"This is not a whole protobuf message: it breaks at byte {place}.")
        else:
            values.append(data[place : place + size])
            place += size
    return found


def _read_varint(data: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            break
        byte, place = data[place], place + 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
    raise ModelFileError(f"This is not a whole protobuf message: it breaks at byte {place}.")


def whole_numbers(values: list[Any]) -> list[int]:
    """Return the whole numbers of a repeated field, 64 bits with a sign, written one by one or packed together."""
    found = list[int]()
    for value in values:
        if isinstance(value, int):
            found.append(value)
            continue
        data, place = memoryview(value), 0
        while place < len(data):
            number, place = _read_varint(data, place)
            found.append(number)
    return [number - 2**64 if number >= 2**63 else number for number in found]
