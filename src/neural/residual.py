"""What layers made of others have in common; and a block of layers with a way round it: y = x + f(x)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from neural.errors import sentence
from neural.layer import Layer, Mode
from neural.parameters import Own


class Fork(Layer):
    """Where the way round begins: y = x; the error that went round is added to the block's."""

    def forward(self, x: np.ndarray, own: Own, mode: Mode) -> tuple[np.ndarray, Any]:
        own.round[id(self)] = x
        return x, None

    def backward(self, dy: np.ndarray, cache: Any, own: Own, grads: Own) -> np.ndarray:
        return np.add(dy, own.round.pop((id(self), "error")), out=own.array("dx", dy.shape))


class Join(Layer):
    """Where the way round ends: y = f(x) + x."""

    def __init__(self, fork: Fork) -> None:
        self._fork = fork

    def forward(self, x: np.ndarray, own: Own, mode: Mode) -> tuple[np.ndarray, Any]:
        return np.add(x, own.round.pop(id(self._fork)), out=own.array("y", x.shape)), None

    def backward(self, dy: np.ndarray, cache: Any, own: Own, grads: Own) -> np.ndarray:
        own.round[id(self._fork), "error"] = dy
        return dy


class Block(Layer):
    """The root of layers made of others: the last of their leaves ends as wide as it begins, and so do they."""

    def expanded(self) -> list[Layer]:
        return [part for leaf in self.leaves() for part in leaf.expanded()]

    def width_after(self, width: int) -> int:
        return self.widths(width)[-1]


def widths_along(layers: Iterable[Layer], width: int) -> tuple[list[int], int]:
    """Return the number of inputs of each leaf of the layers, and the width at their end."""
    found: list[int] = []
    for layer in layers:
        inside = layer.widths(width)
        found += inside
        width = inside[-1] if isinstance(layer, Block) else layer.width_after(width)  # once each, however deep
    return found, width


class Residual(Block):
    """y = x + f(x), f being layers that end as wide as they began (He, Zhang, Ren and Sun, 2016); dx = dy + f'(x) dy.

    >>> from neural import DenseLayer, NeuralNetwork
    >>> block = Residual([DenseLayer(4, 16, "relu"), DenseLayer(16, 4, init="zeros")])
    >>> block.forward_propagation([[1.0], [2.0], [3.0], [4.0]]).T  # f is 0 at first
    array([[1., 2., 3., 4.]])
    """

    def __init__(self, layers: Iterable[Layer]) -> None:
        self.layers = tuple(layers) if isinstance(layers, Iterable) else ()  # and so it stays
        if not self.layers or not all(isinstance(layer, Layer) for layer in self.layers):
            raise TypeError(sentence("layers", "a list of layers, at least one", layers))
        self._fork = Fork()
        self._join = Join(self._fork)

    def leaves(self) -> list[Layer]:
        return [self._fork, *(leaf for layer in self.layers for leaf in layer.leaves()), self._join]

    def widths(self, width: int) -> list[int]:
        inside, after = widths_along(self.layers, width)
        if after != width:
            raise ValueError(sentence("a Residual's last layer", f"as wide as its input, {width}", after))
        return [width, *inside, width]

    def describe(self) -> str:
        return f"Residual of {len(self.layers)} layers"
