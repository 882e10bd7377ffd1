"""Where numbers live: one flat vector a network, and views into it.

Rows of two-dimensional parameters are padded to whole vectors of 16 elements. Padding is zero and stays zero, so that
arithmetic may run over the flat vector unharmed, and compiled code needs no special case at the end of a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from neural.frozen import Frozen

LANE = 16  # elements; 64 bytes of float32: one cache line, one AVX-512 register
ALIGNMENT = 64  # bytes

Shapes = Mapping[str, tuple[int, ...]]


def padded(n: int) -> int:
    """Return ``n`` rounded up to whole lanes.

    >>> padded(25), padded(32)
    (32, 32)
    """
    return -(-n // LANE) * LANE


def row_length(n_in: int) -> int:
    """Return the distance between the rows of a matrix with ``n_in`` columns, in elements.

    Wide rows whose length is a multiple of 64 get one lane more: their starts would collide in the sets of the cache.

    >>> row_length(784), row_length(1024)
    (784, 1040)
    """
    n = padded(n_in)
    return n + LANE if n >= 128 and n % 64 == 0 else n


@dataclass(frozen=True, repr=False, eq=False)
class Place(Frozen):
    """Where one parameter of one layer lies in the flat vector."""

    layer: int
    name: str
    shape: tuple[int, ...]
    start: int

    @property
    def row(self) -> int:
        return row_length(self.shape[1]) if len(self.shape) == 2 else padded(self.shape[0])

    @property
    def stop(self) -> int:
        return self.start + self.row * (self.shape[0] if len(self.shape) == 2 else 1)

    def view(self, flat: np.ndarray) -> np.ndarray:
        """Return the parameter as a view into ``flat``, without its padding."""
        rows = flat[self.start : self.stop].reshape(-1, self.row)[:, : self.shape[-1]]
        return rows if len(self.shape) == 2 else rows[0]


def lay_out(shapes: Iterable[Shapes]) -> list[Place]:
    """Return the places of all parameters, layer after layer, each starting on a whole lane.

    >>> [p.start for p in lay_out([{"weights": (2, 3), "biases": (2,)}])]
    [0, 32]
    """
    places: list[Place] = []
    start = 0
    for layer, named in enumerate(shapes):
        for name, shape in named.items():
            if None in shape:
                raise ValueError(f"{name}: its shape {shape} is not known yet. Build or fit the network first.")
            places.append(Place(layer, name, tuple(shape), start))
            start = places[-1].stop
    return places


def aligned_zeros(n: int, dtype: Any) -> np.ndarray:
    """Return ``n`` zeros whose first lies on a cache line."""
    dtype = np.dtype(dtype)
    block = np.zeros(n * dtype.itemsize + ALIGNMENT, dtype=np.uint8)
    skip = -block.ctypes.data % ALIGNMENT
    return block[skip : skip + n * dtype.itemsize].view(dtype)


class Own(SimpleNamespace):
    """A layer's share of a run: its parameters by name, its number, and arrays to work in.

    The arrays belong to one run in one thread and are used again batch after batch, so a layer never keeps them.
    """

    def __init__(self, layer: int, dtype: Any, **parameters: np.ndarray) -> None:
        super().__init__(layer=layer, dtype=np.dtype(dtype), needs_dx=True, **parameters)
        self.round: dict[Any, Any] = {}  # what takes a way round some layers, shared by all of a run
        self._arrays: dict[tuple[str, tuple[int, ...]], np.ndarray] = {}
        self._ones: dict[int, np.ndarray] = {}

    def array(self, name: str, shape: tuple[int, ...], dtype: Any = None) -> np.ndarray:
        """Return the working array of that name and shape, made at the first request."""
        found = self._arrays.get((name, shape))
        if found is None:
            found = self._arrays[name, shape] = np.empty(shape, dtype or self.dtype)
        return found

    def ones(self, n: int) -> np.ndarray:
        """Return n ones, not to be written to."""
        found = self._ones.get(n)
        if found is None:
            found = self._ones[n] = np.ones(n, self.dtype)
        return found
