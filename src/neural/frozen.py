"""What settings, which are frozen dataclasses, share: their repr, == and hash.

``@dataclass`` would write and compile these for each class, at every import (docs/decisions/0033). A class of settings
is ``@dataclass(frozen=True, repr=False, eq=False)``; for one of a user's own plain ``@dataclass(frozen=True)`` does.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any


class Frozen:
    """The repr, == and hash of a frozen dataclass: of its fields, as ``@dataclass`` would write them.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True, repr=False, eq=False)
    ... class Point(Frozen):
    ...     x: float
    ...     y: float = 0.0
    >>> Point(1.0), Point(1.0) == Point(1.0, 0.0), len({Point(1.0), Point(1.0), Point(2.0)})
    (Point(x=1.0, y=0.0), True, 2)
    """

    def __repr__(self) -> str:
        found: Any = self  # whose class is a dataclass; this one is not
        shown = (f"{field.name}={getattr(self, field.name)!r}" for field in fields(found) if field.repr)
        return f"{type(self).__qualname__}({', '.join(shown)})"

    def __eq__(self, other: object) -> bool:
        return _compared(self) == _compared(other) if type(self) is type(other) else NotImplemented

    def __hash__(self) -> int:
        return hash(_compared(self))


def _compared(value: Any) -> tuple[Any, ...]:
    return tuple(getattr(value, field.name) for field in fields(value) if field.compare)
