"""Layers for some of the columns: the others go round them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from neural.errors import check_number, sentence
from neural.layer import Layer, Mode
from neural.parameters import Own


class Split(Layer):
    """Where the way of the chosen columns begins: y = x[:, start:stop]; the error that went round comes back here."""

    keeps_width = False

    def __init__(self, columns: int, at_end: bool) -> None:
        self._columns, self._at_end = columns, at_end

    def part(self, width: int) -> slice:
        """Return which of ``width`` columns are chosen."""
        start = width - self._columns if self._at_end else 0
        return slice(start, start + self._columns)

    def width_after(self, width: int) -> int:
        if width < self._columns:
            rule = f"of at least {self._columns} columns, as OnColumns says"
            raise ValueError(sentence("its input", rule, f"{width} columns"))
        return self._columns

    def forward(self, x: np.ndarray, own: Own, mode: Mode) -> tuple[np.ndarray, Any]:
        own.round[id(self)] = x
        y = own.array("y", (len(x), self._columns), x.dtype)
        y[...] = x[:, self.part(x.shape[1])]
        return y, None

    def backward(self, dy: np.ndarray, cache: Any, own: Own, grads: Own) -> np.ndarray:
        error = own.round.pop((id(self), "error"))
        width = error.shape[1] - own.round.pop((id(self), "after")) + self._columns
        dx = own.array("dx", (len(dy), width))
        part, rest = self.part(width), width - self._columns
        dx[:, part] = dy
        dx[:, : part.start], dx[:, part.stop :] = error[:, : part.start], error[:, error.shape[1] - rest + part.start :]
        return dx


class Splice(Layer):
    """Where that way ends: its columns lie again where they were, among those that went round."""

    keeps_width = False

    def __init__(self, split: Split) -> None:
        self._split = split

    @property
    def start(self) -> int:
        """The first of its columns."""
        return self._split.part(self._split._width or 0).start

    def width_after(self, width: int) -> int:
        if self._split._width is None:
            raise ValueError("OnColumns: its width is not known yet. Build or fit the network first.")
        return width + self._split._width - self._split._columns

    def forward(self, x: np.ndarray, own: Own, mode: Mode) -> tuple[np.ndarray, Any]:
        whole = own.round.pop(id(self._split))
        part, after = self._split.part(whole.shape[1]), x.shape[1]
        y = own.array("y", (len(x), whole.shape[1] - self._split._columns + after))
        y[:, : part.start], y[:, part.start + after :] = whole[:, : part.start], whole[:, part.stop :]
        y[:, part.start : part.start + after] = x
        return y, (part.start, after)

    def backward(self, dy: np.ndarray, cache: Any, own: Own, grads: Own) -> np.ndarray:
        start, after = cache
        own.round[id(self._split), "error"], own.round[id(self._split), "after"] = dy, after
        dx = own.array("dx", (len(dy), after))
        dx[...] = dy[:, start : start + after]
        return dx


class OnColumns(Layer):
    """Layers for the first, or the last, of the columns; the others go round them: y = [f(x_1), x_2], or [x_1, f(x_2)].

    What numbers and codes of categories need before a dense layer takes them together. The layers may end narrower or
    wider than they began. Backward, dx = [f'(x_1) dy_1, dy_2].

    Parameters
    ----------
    layers : the layers, in order.
    first, last : how many columns they are for; one of the two.

    A network for a table with two numbers and two categories, of 3 and 5 levels, as codes:

    >>> from neural import DenseLayer, Embedding, NeuralNetwork, PeriodicEmbedding, Scaling
    >>> net = NeuralNetwork(use_loss="categorical_crossentropy", random_state=0)
    >>> net = net.add(OnColumns([PeriodicEmbedding(4)], first=2)).add(OnColumns([Embedding([3, 5], 2)], last=2))
    >>> net = net.add(Scaling()).add(DenseLayer(None, 8, "relu")).add(DenseLayer(8, 2, "softmax"))
    >>> net.predict([[0.5, -1.0, 2, 4]]).shape
    (1, 2)

    And by hand:

    >>> from neural import ActivationLayer
    >>> OnColumns([ActivationLayer("relu")], first=2).forward_propagation([[-1.0], [2.0], [-3.0]]).T
    array([[ 0.,  2., -3.]])
    """

    keeps_width = False

    def __init__(self, layers: Iterable[Layer], *, first: int | None = None, last: int | None = None) -> None:
        self.layers = tuple(layers) if isinstance(layers, Iterable) else ()  # and so it stays
        if not self.layers or not all(isinstance(layer, Layer) for layer in self.layers):
            raise TypeError(sentence("layers", "a list of layers, at least one", layers))
        if (first is None) == (last is None):
            raise ValueError(sentence("one of first and last", "given, and the other not", f"{first} and {last}"))
        self.first = None if first is None else check_number("first", first, low=1, whole=True)
        self.last = None if last is None else check_number("last", last, low=1, whole=True)
        self._split = Split(self.first or self.last or 0, first is None)
        self._splice = Splice(self._split)

    def leaves(self) -> list[Layer]:
        return [self._split, *(leaf for layer in self.layers for leaf in layer.leaves()), self._splice]

    def expanded(self) -> list[Layer]:
        return [part for leaf in self.leaves() for part in leaf.expanded()]

    def _walk(self, width: int) -> list[int]:
        found, inner = [width], self._split.width_after(width)
        for layer in self.layers:
            found += layer.widths(inner)
            inner = layer.width_after(inner)
        return [*found, inner]

    def widths(self, width: int) -> list[int]:
        return self._walk(width)

    def width_after(self, width: int) -> int:
        return self._walk(width)[-1] + width - self._split._columns

    def describe(self) -> str:
        where = f"last {self.last}" if self.first is None else f"first {self.first}"
        return f"OnColumns of the {where} columns"
