"""One batch taken apart: what every dense layer is given, makes, and is told on the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from neural.engine import Program, Workspace
from neural.layer import Mode
from neural.layers import ActivationLayer, DenseLayer


@dataclass
class Seen:
    """The numbers of one dense layer and its activation, samples in rows.

    ``a_in`` (m, n_in), ``z`` = W a_in + b and ``a`` = f(z), both (m, n_out); ``dz`` = dJ/dz of each sample, None on the
    way up.
    """

    layer: DenseLayer
    a_in: np.ndarray
    z: np.ndarray
    a: np.ndarray
    dz: np.ndarray | None = None


def forward(program: Program, X: np.ndarray, mode: Mode | None = None) -> list[Seen]:
    """Return what each dense layer makes of the rows of X: NumPy's formulas, as the engine of that name runs them."""
    work = Workspace(program)
    return _up(work, work.load(X), mode or Mode())[0]


def both_ways(program: Program, X: np.ndarray, y: np.ndarray, mode: Mode, m: int) -> list[Seen]:
    """Return what each dense layer sees of the first rows of a batch of ``m``, forward and backward.

    y is as the loss encodes it. What dropout drops in a row hangs on the row's place in the batch alone, so the first
    rows are as they are within all of them.
    """
    work = Workspace(program, np.zeros_like(program.params))
    seen, scores, caches = _up(work, work.load(X), mode)
    d = np.empty_like(scores)
    work.costs(scores, y, d)
    d /= m
    left = list(seen)
    for (layer, own), grads, cache in reversed(list(zip(work.layers, work.grads, caches, strict=True))):
        if isinstance(layer, DenseLayer):
            left.pop().dz = d.copy()
        d = layer.backward(d, cache, own, grads)
    return seen


def _up(work: Workspace, x: np.ndarray, mode: Mode) -> tuple[list[Seen], np.ndarray, list[Any]]:
    seen: list[Seen] = []
    caches = []
    for layer, own in work.layers:
        given, (x, cache) = x, layer.forward(x, own, mode)
        caches.append(cache)
        if isinstance(layer, DenseLayer):
            seen.append(Seen(layer, given, x, x))
        elif isinstance(layer, ActivationLayer):
            seen[-1].a = x
    seen[-1].a = work.outputs(x)
    return seen, x, caches
