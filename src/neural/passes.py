"""Forward and back through a chain of formulas with what a caller asks for: scores, hidden values, derivatives.

In NumPy, as the engine of that name runs it, a block of rows at a time. Formulas that are affine and come first, above
all W x + b, are run once however many points of a straight line are asked for: what they make of the line is a line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from neural import activations, ensembles, layers, normalization
from neural.engine import PREDICT_ROWS, Program, Workspace
from neural.layer import Layer, Mode
from neural.parameters import Own

Array = np.ndarray[Any, Any]
Rule = Callable[[int, Layer, Array, Any, Own, Own], Array]  # what goes back through formula k
AFFINE = (layers.DenseLayer, layers.DropoutLayer, layers.GaussianNoise, normalization.BatchNorm)  # in prediction


def without_last_activation(program: Program) -> Program:
    """Return the program up to its raw scores: without the activation it ends with, if it ends with one."""
    number, last = program.chain[-1]
    if isinstance(last, ensembles.MeanOfMembers):  # the mean of their scores
        return replace(program, chain=[*program.chain[:-1], (number, ensembles.MeanOfMembers(last.members))])
    ends = isinstance(program.chain[-1][1], layers.ActivationLayer) and len(program.chain) > 1
    return replace(program, chain=program.chain[:-1]) if ends else program


def layer_is_softmax(layer: Layer) -> bool:
    """Return whether the layer is an activation that is no function of one number alone."""
    return isinstance(layer, layers.ActivationLayer) and isinstance(layer.function, activations.Softmax)


def blocks(n: int) -> Iterator[slice]:
    """Yield the rows 0 to n - 1 in pieces."""
    for start in range(0, n, PREDICT_ROWS):
        yield slice(start, min(start + PREDICT_ROWS, n))


def derivative(number: int, layer: Layer, dy: Array, cache: Any, own: Own, grads: Own) -> Array:
    """Return dJ/dx of one formula, from dJ/dy: its own backward, of a dense layer without dJ/dW."""
    return np.matmul(dy, own.weights) if type(layer) is layers.DenseLayer else layer.backward(dy, cache, own, grads)


class Passes:
    """One program's formulas, run in parts. What a pass returns lies in arrays that the next pass writes over."""

    def __init__(self, program: Program) -> None:
        self.work = Workspace(program, np.zeros_like(program.params), input_gradient=True)
        self.end = len(program.chain)
        kinds = [type(layer) in AFFINE for _, layer in program.chain]
        self.affine = kinds.index(False) if False in kinds else self.end  # so many come first

    def forward(self, x: Array, first: int = 0, last: int | None = None) -> tuple[Array, list[Any]]:
        """Return what formulas ``first`` to ``last`` - 1 make of x, and their caches."""
        caches = []
        for layer, own in self.work.layers[first : self.end if last is None else last]:
            x, cache = layer.forward(x, own, Mode())
            caches.append(cache)
        return x, caches

    def backward(self, d: Array, caches: list[Any], first: int = 0, rule: Rule = derivative) -> Array:
        """Return the derivative by what went into formula ``first``, from that by what came out of the last one."""
        for k in range(first + len(caches) - 1, first - 1, -1):
            layer, own = self.work.layers[k]
            d = rule(k, layer, d, caches[k - first], own, self.work.grads[k])
        return d

    def hidden(self, X: Array, *places: int) -> Iterator[Array]:
        """Yield what goes into the formulas at ``places``, in order, side by side: a block of rows at a time."""
        with np.errstate(all="ignore"):
            for part in blocks(len(X)):
                x, found = self.work.load(X[part]), []
                for start, stop in pairwise((0, *places)):
                    x, _ = self.forward(x, start, stop)
                    found.append(np.array(x))
                yield np.concatenate(found, axis=1)
