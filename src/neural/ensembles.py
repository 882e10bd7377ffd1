"""Many networks in one that share their weight matrices, and the mean of what they say (Gorishniy et al., 2024: TabM).

What the members make lies side by side, all of one member's together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from neural import activations, initializers
from neural.activation import Activation
from neural.activation_layer import ActivationLayer
from neural.errors import check_number, sentence
from neural.frozen import Frozen
from neural.layer import Layer, Mode
from neural.parameters import Own, Shapes


class EnsembleDense(Layer):
    """A dense layer for each member, all with the same W: y_i = s_i * (W (r_i * x_i)) + b_i (Wen et al., 2020).

    In the first one all members get the same x, and r starts with random signs, which is what makes them differ; else r
    and s start as ones (Gorishniy et al., 2024). With g_i = s_i * dy_i and u_i = W^T g_i, sums over the batch:
    dW = sum over i of g_i (r_i * x_i)^T, ds_i = dy_i * (W (r_i * x_i)), db_i = dy_i, dr_i = u_i * x_i. Each member's dx
    is r_i * u_i; the first layer adds those up.

    Parameters
    ----------
    n_out : units of each member.
    members : how many there are.
    activation : as in a DenseLayer; no softmax, which is over a row: ``MeanOfMembers`` has it.
    first : whether this is the first one.
    init : the start of W, as in a DenseLayer. l1, l2 : penalties on W.

    >>> from neural import NeuralNetwork
    >>> layers = [EnsembleDense(8, 4, "relu", first=True), EnsembleDense(3, 4), MeanOfMembers(4, "softmax")]
    >>> net = NeuralNetwork(layers, "categorical_crossentropy", random_state=0).build(5)
    >>> [layer.width_after(width) for layer, width in zip(net.layers, (5, 32, 12))]
    [32, 12, 3]
    """

    penalized = ("weights",)
    keeps_width = False

    def __init__(
        self,
        n_out: int,
        members: int,
        activation: Any = None,
        *,
        first: bool = False,
        init: Any = "auto",
        l1: float = 0,
        l2: float = 0,
    ) -> None:
        self.units: int = check_number("n_out", n_out, low=1, whole=True)
        self.members: int = check_number("members", members, low=1, whole=True)
        self.function = activations.resolve(activation)
        if isinstance(self.function, activations.Softmax):
            step = "End the network with MeanOfMembers(members, 'softmax')."
            raise ValueError(sentence("the activation of EnsembleDense", "one of each number alone", "softmax", step))
        if not isinstance(first, bool | np.bool_):
            raise TypeError(sentence("first", "True or False", first))
        self.first = bool(first)
        self.init = initializers.plain("init", init)
        self.l1, self.l2 = check_number("l1", l1, low=0), check_number("l2", l2, low=0)

    def settings(self) -> dict[str, Any]:
        found = super().settings()
        return {"n_out": found.pop("units"), **found}

    @property
    def inputs(self) -> int:
        """The inputs of each member."""
        (width,) = self.per_feature("inputs")["inputs"]
        return int(width if self.first else width // self.members)

    def shapes(self) -> Shapes:
        n, k, units = self.inputs, self.members, self.units
        return {"weights": (units, n), "scale_in": (k, n), "scale_out": (k, units), "biases": (k, units)}

    def initialize(self, name: str, shape: tuple[int, ...], rng: np.random.Generator) -> Any:
        if name == "weights":
            return initializers.resolve(name, self.init, self.function.start)(rng, shape, shape[1], shape[0])
        if name == "scale_in" and self.first:
            return rng.choice((-1.0, 1.0), shape)
        return np.zeros(shape) if name == "biases" else np.ones(shape)

    def width_after(self, width: int) -> int:
        if not self.first and width % self.members:
            step = "The first of them is told so: EnsembleDense(..., first=True)."
            raise ValueError(sentence(f"the input of {self.describe()}", f"a multiple of {self.members}", width, step))
        return self.members * self.units

    def forward(self, x: np.ndarray, own: Own, mode: Mode) -> tuple[np.ndarray, Any]:
        m, k, n = len(x), self.members, own.scale_in.shape[1]
        each = x[:, None] if self.first else x.reshape(m, k, n)
        scaled = np.multiply(each, own.scale_in, out=own.array("scaled", (m, k, n)))
        products = np.matmul(scaled.reshape(m * k, n), own.weights.T).reshape(m, k, self.units)
        y = np.multiply(products, own.scale_out, out=own.array("y", products.shape))
        y += own.biases
        return y.reshape(m, -1), (each, scaled, products)

    def backward(self, dy: np.ndarray, cache: Any, own: Own, grads: Own) -> np.ndarray:
        each, scaled, products = cache
        (m, k, n), units = scaled.shape, self.units
        d = dy.reshape(m, k, units)
        grads.biases[...], grads.scale_out[...] = d.sum(axis=0), (d * products).sum(axis=0)
        g = np.multiply(d, own.scale_out, out=own.array("g", d.shape)).reshape(m * k, units)
        np.matmul(g.T, scaled.reshape(m * k, n), out=grads.weights)
        u = np.matmul(g, own.weights).reshape(m, k, n)
        grads.scale_in[...] = (u * each).sum(axis=0)
        dx = np.multiply(u, own.scale_in, out=u)
        return np.asarray(dx.sum(axis=1) if self.first else dx.reshape(m, k * n))

    def expanded(self) -> list[Layer]:
        return [self] if type(self.function) is activations.Linear else [self, ActivationLayer(self.function)]

    def describe(self) -> str:
        return f"EnsembleDense of {self.members} members"


class MeanOfMembers(Layer):
    """y = the mean over the members of f(z_i): the network's prediction, from what EnsembleDense made.

    As the last layer, with f the loss's own link, it is left out in training: each member has its own loss, and J is
    the mean of those (Gorishniy et al., 2024). dz_i = f'(z_i) dy / members.

    Parameters
    ----------
    members : how many there are, side by side.
    activation : f: "softmax" over each member's outputs, "sigmoid", or None in regression.

    >>> MeanOfMembers(2).forward_propagation([[1.0], [2.0], [3.0], [8.0]]).T
    array([[2., 5.]])
    """

    keeps_width = False

    def __init__(self, members: int, activation: Any = None) -> None:
        self.members: int = check_number("members", members, low=1, whole=True)
        self.function: Activation = activations.resolve(activation)

    def width_after(self, width: int) -> int:
        if width % self.members:
            raise ValueError(sentence(f"the input of {self.describe()}", f"a multiple of {self.members}", width))
        return width // self.members

    def forward(self, x: np.ndarray, own: Own, mode: Mode) -> tuple[np.ndarray, Any]:
        z = x.reshape(len(x) * self.members, -1)
        a = self.function.forward(z, own.array("a", z.shape))
        return a.reshape(len(x), self.members, -1).mean(axis=1), (z, a)

    def backward(self, dy: np.ndarray, cache: Any, own: Own, grads: Own) -> np.ndarray:
        z, a = cache
        da = np.repeat(dy / self.members, self.members, axis=0)
        return self.function.backward(da, z, a, own.array("dz", z.shape)).reshape(len(dy), -1)

    def kink_distance(self, x: np.ndarray, own: Own) -> float:
        return min((float(np.abs(x - kink).min()) for kink in self.function.kinks), default=np.inf)

    def describe(self) -> str:
        return f"MeanOfMembers of {self.members}"


@dataclass(frozen=True, repr=False, eq=False)
class OfMembers(Frozen):
    """A form of a loss for members side by side: the mean of what it is for each of them."""

    cost: Callable[..., np.ndarray]
    members: int

    @property
    def __name__(self) -> str:
        return self.cost.__name__

    @property
    def __self__(self) -> Any:
        return getattr(self.cost, "__self__", self.cost)

    def spread(self, z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return scores and targets with a row for each member."""
        return z.reshape(len(z) * self.members, -1), np.repeat(y, self.members, axis=0)

    def __call__(self, z: np.ndarray, y: np.ndarray, d: np.ndarray, own: Own) -> np.ndarray:
        losses = self.cost(*self.spread(z, y), d.reshape(len(d) * self.members, -1), own)
        np.divide(d, self.members, out=d)
        return np.asarray(losses.reshape(len(z), -1).mean(axis=1))
