"""The algorithm as a course writes it: layer objects that remember, samples in columns, float64, one step a line.

The package's own speed is held against it (:mod:`neural.speed`); nothing else in the package uses it. It does the same
arithmetic as ``fit`` with plain gradient descent and no penalty, so both come to the same costs. Mistakes that a course
may have are left out: no row is dropped, no argument is written to, and the derivatives are right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
TINY = 1e-10  # keeps the logarithms finite


class Dense:
    """Z = W A + b, and a step of gradient descent on the way back."""

    def __init__(self, weights: Array, biases: Array) -> None:
        self.weights = np.array(weights, dtype=np.float64)
        self.biases = np.array(biases, dtype=np.float64).reshape(-1, 1)

    def forward(self, A: Array) -> Array:
        """Return Z (n_out, batch), and remember both."""
        self.input = A
        self.output = np.dot(self.weights, A) + self.biases
        return self.output

    def backward(self, error: Array, learning_rate: float) -> Array:
        """Return dJ/dA of the inputs, then take the step."""
        input_error: Array = np.dot(self.weights.T, error)
        self.weights = self.weights - learning_rate * np.dot(error, self.input.T)
        self.biases = self.biases - learning_rate * np.sum(error, axis=1, keepdims=True)
        return input_error


class Activation:
    """A = f(Z), element by element or over the column of a sample."""

    def __init__(self, name: str) -> None:
        self.function, self.prime = ACTIVATIONS[name]

    def forward(self, Z: Array) -> Array:
        """Return A, and remember both."""
        self.input = Z
        self.output: Array = self.function(Z)
        return self.output

    def backward(self, error: Array, learning_rate: float) -> Array:
        """Return dJ/dZ."""
        dZ: Array = error * self.prime(self.input)
        return dZ


def relu(Z: Array) -> Any:
    """max(0, z)."""
    return np.maximum(Z, 0)


def relu_prime(Z: Array) -> Any:
    """1 above 0, 0 elsewhere."""
    return np.where(Z > 0, 1.0, 0.0)


def sigmoid(Z: Array) -> Any:
    """1 / (1 + e^-z)."""
    return 1 / (1 + np.exp(-Z))


def sigmoid_prime(Z: Array) -> Any:
    """Return f (1 - f), with f computed again."""
    return sigmoid(Z) * (1 - sigmoid(Z))


def softmax(Z: Array) -> Any:
    """e^z over its sum in each column."""
    powers = np.exp(Z - np.max(Z, axis=0))
    return powers / np.sum(powers, axis=0)


def one(Z: Array) -> Any:
    """1: the derivative of the cross-entropy under softmax already is dJ/dZ."""
    return 1.0


def categorical(Y: Array, P: Array) -> float:
    """Return the mean over the samples of -sum_k y_k log p_k."""
    return -float(np.sum(Y * np.log(P + TINY))) / Y.shape[1]


def categorical_prime(Y: Array, P: Array) -> Any:
    """(p - y) / m, dJ/dZ under softmax."""
    return (P - Y) / Y.shape[1]


def binary(Y: Array, P: Array) -> float:
    """Return the mean of -y log p - (1 - y) log(1 - p), for one output."""
    return -float(np.mean(Y * np.log(P + TINY) + (1 - Y) * np.log(1 - P + TINY)))


def binary_prime(Y: Array, P: Array) -> Any:
    """(p - y) / (p (1 - p)) / m, dJ/dA."""
    return (P - Y) / (P * (1 - P) + TINY) / Y.shape[1]


Function = Callable[[Array], Any]
ACTIVATIONS: dict[str, tuple[Function, Function]] = {
    "relu": (relu, relu_prime),
    "sigmoid": (sigmoid, sigmoid_prime),
    "softmax": (softmax, one),
}
LOSSES: dict[str, tuple[Callable[[Array, Array], float], Callable[[Array, Array], Any]]] = {
    "softmax": (categorical, categorical_prime),
    "sigmoid": (binary, binary_prime),
}


class Course:
    """A network from its start: W (n_out, n_in) and b of each layer, and the name of its activation.

    The last activation decides the loss: categorical cross-entropy after softmax, binary after sigmoid.

    >>> net = Course([np.zeros((2, 3))], [np.zeros(2)], ["softmax"])
    >>> cost = net.epoch(np.eye(3), np.array([[1, 0], [0, 1], [1, 0]]), np.arange(3), batch_size=3, learning_rate=0.3)
    >>> round(cost, 4), net.weights[0]
    (0.6931, array([[ 0.05, -0.05,  0.05],
           [-0.05,  0.05, -0.05]]))
    """

    def __init__(self, weights: Sequence[Array], biases: Sequence[Array], activations: Sequence[str]) -> None:
        self.loss, self.loss_prime = LOSSES[activations[-1]]
        self.layers: list[Dense | Activation] = []
        for W, b, name in zip(weights, biases, activations, strict=True):
            self.layers += [Dense(W, b), Activation(name)]

    @property
    def weights(self) -> list[Array]:
        """W of each layer, (n_out, n_in)."""
        return [layer.weights for layer in self.layers if isinstance(layer, Dense)]

    @property
    def biases(self) -> list[Array]:
        """Return b of each layer, (n_out, 1)."""
        return [layer.biases for layer in self.layers if isinstance(layer, Dense)]

    def epoch(self, X: Array, Y: Array, order: Array, batch_size: int, learning_rate: float) -> float:
        """Train for one pass over X (n, n_in) and Y (n, n_out) in this order; return the mean cost of the samples."""
        X, Y, total = X[order], Y[order], 0.0
        for first in range(0, len(X), batch_size):
            A, truth = X[first : first + batch_size].T, Y[first : first + batch_size].T
            for layer in self.layers:
                A = layer.forward(A)
            total += self.loss(truth, A) * truth.shape[1]
            error = self.loss_prime(truth, A)
            for layer in reversed(self.layers):
                error = layer.backward(error, learning_rate)
        return total / len(X)
