"""An activation as a layer of its own, which others make part of theirs."""

from __future__ import annotations

from typing import Any

import numpy as np

from neural import activations
from neural.layer import Layer, Mode
from neural.parameters import Own


class ActivationLayer(Layer):
    """A = f(Z), element by element; softmax over the features of each sample.

    dz = dy * f'(z). By hand, softmax passes the error on as it is, since the cross-entropy's ``loss_prime`` is dJ/dZ.

    Attributes: ``activation`` and ``activation_prime`` (functions), ``activation_name``.

    >>> ActivationLayer("relu").forward_propagation([[-1.0, 2.0]])
    array([[0., 2.]])
    """

    def __init__(self, activation: Any) -> None:
        self.function = activations.resolve(activation)

    def forward(self, x: np.ndarray, own: Own, mode: Mode) -> tuple[np.ndarray, Any]:
        a = self.function.forward(x, own.array("a", x.shape))
        return a, (x, a)

    def backward(self, dy: np.ndarray, cache: Any, own: Own, grads: Own) -> np.ndarray:
        z, a = cache
        return self.function.backward(dy, z, a, own.array("dz", z.shape))

    def backward_by_hand(self, dy: np.ndarray, cache: Any, own: Own, grads: Own) -> np.ndarray:
        z, _ = cache
        return dy * np.asarray(self.function.activation_prime(z.T)).T

    def kink_distance(self, x: np.ndarray, own: Own) -> float:
        return min((float(np.abs(x - kink).min()) for kink in self.function.kinks), default=np.inf)

    def describe(self) -> str:
        return f"ActivationLayer {self.function.name}"

    @property
    def activation(self) -> Any:
        """f, a function of z."""
        return self.function.activation

    @property
    def activation_prime(self) -> Any:
        """f', a function of z."""
        return self.function.activation_prime

    @property
    def activation_name(self) -> str:
        """The activation's name."""
        return self.function.name
