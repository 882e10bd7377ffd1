"""Prototypes: the training rows that a network sees as most like a row, by what its last hidden layer makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from neural import canvas, inputs
from neural.branches import Branch, Meet, Turn
from neural.ensembles import EnsembleDense
from neural.errors import check_number, sentence
from neural.layer import Layer
from neural.layers import DenseLayer
from neural.models import network_of
from neural.nn import NeuralNetwork
from neural.passes import Passes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = np.ndarray[Any, Any]
BLOCK = 1 << 24  # distances worked out at a time


@dataclass(frozen=True)
class Prototypes:
    """What :func:`prototypes` returns: ``rows`` (n, k), numbers of training rows, nearest first, and ``distances``."""

    rows: Array
    distances: Array
    data: Array
    training: Array

    @canvas.style()
    def plot_images(self, image_shape: tuple[int, int], n: int = 5, labels: Any = None) -> Figure:
        """Draw each of the first ``n`` rows in a line of its own, and its prototypes after it.

        ``labels`` are those of the training rows.
        """
        canvas.check_image_shape(image_shape, self.data.shape[1])
        n, k = canvas.tile_count(n, len(self.rows), self.rows.shape[1] + 1), self.rows.shape[1]
        if labels is not None and len(labels) != len(self.training):
            raise ValueError(sentence("labels", f"one for each of the {len(self.training)} training rows", labels))
        near = [["" if labels is None else str(labels[row]) for row in found] for found in self.rows[:n]]
        titles = [text for row, found in enumerate(near) for text in (f"row {row}", *found)]
        figure, places = canvas.tiles(n * (k + 1), k + 1, image_shape, titles, above=0.25)
        images = np.concatenate([np.concatenate([self.data[[i]], self.training[self.rows[i]]]) for i in range(n)])
        for axes, image, title in zip(places, images, titles, strict=True):
            axes.imshow(image.reshape(image_shape), **canvas.gray(images))
            axes.set_title(title, fontsize=9, pad=4)
        for axes in places[:: k + 1]:
            axes.spines[:].set(color=canvas.COLOURS[0], linewidth=2.5)
        return figure


def prototypes(model: Any, training: Any, X: Any, k: int = 5) -> Prototypes:
    """Return for each row of X the ``k`` training rows nearest to it in the last hidden layer, by Euclidean distance.

    Without a hidden layer, nearest in the inputs. Of an ensemble, the last hidden layers of all members count, side by
    side. Source: N. Papernot and P. McDaniel, Deep k-nearest neighbors (2018).

    >>> from neural import NeuralNetwork
    >>> net = NeuralNetwork([DenseLayer(2, 3, "relu", init="ones"), DenseLayer(3, 1)], "mse")
    >>> prototypes(net, [[0.0, 0.0], [5.0, 5.0], [1.0, 2.0]], [[2.0, 1.5]], k=2).rows
    array([[2, 0]])
    """
    net, before = network_of(model)
    if before is not None:
        training, X = before.transform(training), before.transform(X)
    rows, others = (
        inputs.rows(what, given, net.dtype, net.n_inputs) for what, given in (("X", X), ("training", training))
    )
    if rows.shape[1] != others.shape[1]:
        raise ValueError(sentence("training", f"as wide as X, {rows.shape[1]} features", others))
    k = check_number("k", k, low=1, high=len(others), whole=True)
    near, far = hidden_values(net, rows), hidden_values(net, others)
    size = max(1, BLOCK // len(far))
    found = [_nearest(near[start : start + size], far, k) for start in range(0, len(near), size)]
    chosen, distances = (np.concatenate(part) for part in zip(*found, strict=True))
    return Prototypes(chosen, distances, rows, others)


def hidden_values(net: NeuralNetwork, X: Array) -> Array:
    """Return what goes into the last dense layer, of each member in an ensemble, float64 (n, width)."""
    program = net.build(X.shape[1]).as_predicted()
    places = last_dense([layer for _, layer in program.chain])
    found = np.concatenate(list(Passes(program).hidden(X, *places))).astype(np.float64)
    inputs.check_finite("the hidden values", found, net.dtype)
    return found


def last_dense(chain: list[Layer]) -> list[int]:
    """Return where the last dense layer is, one place for each chain of an AverageLayer after which there is none.

    Without one, 0: the inputs.

    >>> last_dense([DenseLayer(2, 3), DenseLayer(3, 1)])
    [1]
    """
    here, before, ends = [0], list[list[int]](), list[list[int]]()  # before, ends: of the blocks that are open
    for k, layer in enumerate(chain):
        if isinstance(layer, DenseLayer | EnsembleDense):
            here = [k]
        elif isinstance(layer, Branch):
            before.append(here)
            ends.append([])
        elif isinstance(layer, Turn):
            ends[-1] += here
            here = before[-1]
        elif isinstance(layer, Meet):
            before.pop()
            here = sorted({*ends.pop(), *here})
    return here


def _nearest(rows: Array, others: Array, k: int) -> tuple[Array, Array]:
    """Return the numbers and distances of the k nearest."""
    squares = np.square(others).sum(axis=1) - 2 * rows @ others.T  # |r|^2 is the same for all
    chosen = np.argpartition(squares, k - 1, axis=1)[:, :k]
    exact = np.sqrt(np.square(rows[:, None] - others[chosen]).sum(axis=2))
    order = np.lexsort((chosen, exact), axis=1)
    return np.take_along_axis(chosen, order, axis=1), np.take_along_axis(exact, order, axis=1)
