"""A block of chains side by side: y is the mean of what they make of the same x.

Engines run one chain of formulas, so the chains of a block stand one after the other, with marks between them: `Branch`
puts x aside, `Turn` puts aside what a chain has made and goes back to x, and `Meet` takes the mean.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from neural.errors import sentence
from neural.layer import Layer, Mode
from neural.parameters import Own
from neural.residual import Block, widths_along


class Branch(Layer):
    """Where the first of ``chains`` chains begins: y = x; dx is the sum of the errors of all of them."""

    def __init__(self, chains: int) -> None:
        self.chains = chains

    def forward(self, x: np.ndarray, own: Own, mode: Mode) -> tuple[np.ndarray, Any]:
        own.round[id(self)] = x
        own.round[id(self), "made"] = []
        return x, None

    def backward(self, dy: np.ndarray, cache: Any, own: Own, grads: Own) -> np.ndarray:
        own.round.pop((id(self), "error"))
        return _sum([dy, *reversed(own.round.pop((id(self), "errors")))], own.array("dx", dy.shape))


class Turn(Layer):
    """Between two chains: what the one has made is put aside, and the other, perhaps the last, gets x."""

    def __init__(self, split: Branch, is_last: bool) -> None:
        self._split, self.is_last = split, is_last

    def forward(self, x: np.ndarray, own: Own, mode: Mode) -> tuple[np.ndarray, Any]:
        own.round[id(self._split), "made"].append(x)
        return own.round[id(self._split)], None

    def backward(self, dy: np.ndarray, cache: Any, own: Own, grads: Own) -> np.ndarray:
        own.round[id(self._split), "errors"].append(dy)
        error: np.ndarray = own.round[id(self._split), "error"]
        return error

    def width_after(self, width: int) -> int:
        return self._split._width  # type: ignore[return-value]  # None, in a summary, as long as it is not known


class Meet(Layer):
    """Where the last chain ends: y is the mean of what all have made; dy / n is the error of each."""

    def __init__(self, split: Branch, chains: int) -> None:
        self._split, self.chains = split, chains

    def forward(self, x: np.ndarray, own: Own, mode: Mode) -> tuple[np.ndarray, Any]:
        own.round.pop(id(self._split))
        y = _sum([*own.round.pop((id(self._split), "made")), x], own.array("y", x.shape))
        return np.multiply(y, 1 / self.chains, out=y), None

    def backward(self, dy: np.ndarray, cache: Any, own: Own, grads: Own) -> np.ndarray:
        error = np.multiply(dy, 1 / self.chains, out=own.array("dx", dy.shape))
        own.round[id(self._split), "error"], own.round[id(self._split), "errors"] = error, []
        return error


def _sum(parts: list[np.ndarray], out: np.ndarray) -> np.ndarray:
    """Return the sum of the arrays, in order, in ``out``."""
    np.copyto(out, parts[0])
    for part in parts[1:]:
        np.add(out, part, out=out)
    return out


class AverageLayer(Block):
    """y = (f_1(x) + ... + f_n(x)) / n, each f a chain of layers, all as wide at the end; dx = sum_k f_k'(x) dy / n.

    ``chains`` is a list of lists of layers of any kind. ``neural.ensemble`` makes one of networks that are there.

    >>> from neural import ActivationLayer
    >>> AverageLayer([[ActivationLayer("relu")], [ActivationLayer("linear")]]).forward_propagation([[-2.0, 2.0]])
    array([[-1.,  2.]])
    """

    def __init__(self, chains: Iterable[Iterable[Layer]]) -> None:
        given = list(chains) if isinstance(chains, Iterable) else []
        found = [tuple(chain) if isinstance(chain, Iterable) else () for chain in given]
        if not found or not all(chain and all(isinstance(part, Layer) for part in chain) for chain in found):
            step = "Write AverageLayer([[DenseLayer(4, 3)], [DenseLayer(4, 3)]])."
            raise TypeError(sentence("chains", "a list of lists of layers, none of them empty", chains, step))
        self.chains = tuple(found)  # and so it stays
        n = len(found)
        self._split = Branch(n)
        self._turns = [Turn(self._split, k == n - 1) for k in range(1, n)]
        self._meet = Meet(self._split, n)

    def leaves(self) -> list[Layer]:
        made: list[Layer] = []
        for mark, chain in zip([self._split, *self._turns], self.chains, strict=True):
            made += [mark, *(leaf for layer in chain for leaf in layer.leaves())]
        return [*made, self._meet]

    def widths(self, width: int) -> list[int]:
        found, ends = list[int](), list[int]()
        for chain in self.chains:
            inside, end = widths_along(chain, width)
            found += [ends[-1] if ends else width, *inside]
            ends.append(end)
        if len(set(ends)) > 1:
            rule = "equally wide at their ends"
            raise ValueError(sentence("the chains of an AverageLayer", rule, ", ".join(map(str, ends))))
        return [*found, ends[-1]]

    def describe(self) -> str:
        return f"AverageLayer of {len(self.chains)} chain{'s' * (len(self.chains) != 1)}"
