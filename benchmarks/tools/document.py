"""The algorithm as a course has it written: layer objects that remember, samples in columns, float64, plain steps."""

from __future__ import annotations

import numpy as np
from workloads import Weights, Workload


class Dense:
    def __init__(self, weights: np.ndarray, biases: np.ndarray) -> None:
        self.weights, self.biases = weights, biases

    def forward(self, A: np.ndarray) -> np.ndarray:
        self.input = A
        self.output = np.dot(self.weights, A) + self.biases
        return self.output

    def backward(self, error: np.ndarray, rate: float) -> np.ndarray:
        input_error = np.dot(self.weights.T, error)
        self.weights = self.weights - rate * np.dot(error, self.input.T)
        self.biases = self.biases - rate * np.sum(error, axis=1, keepdims=True)
        return input_error


class Activation:
    def __init__(self, name: str) -> None:
        self.function, self.prime = ACTIVATIONS[name]

    def forward(self, Z: np.ndarray) -> np.ndarray:
        self.input = Z
        self.output = self.function(Z)
        return self.output

    def backward(self, error: np.ndarray, rate: float) -> np.ndarray:
        return error * self.prime(self.input)


def relu(Z: np.ndarray) -> np.ndarray:
    return np.maximum(Z, 0)


def relu_prime(Z: np.ndarray) -> np.ndarray:
    return np.where(Z > 0, 1.0, 0.0)


def sigmoid(Z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-Z))


def sigmoid_prime(Z: np.ndarray) -> np.ndarray:
    return sigmoid(Z) * (1 - sigmoid(Z))


def softmax(Z: np.ndarray) -> np.ndarray:
    powers = np.exp(Z - np.max(Z, axis=0))
    return powers / np.sum(powers, axis=0)


def one(Z: np.ndarray) -> float:
    return 1.0  # the loss gives the derivative by the scores


ACTIVATIONS = {"relu": (relu, relu_prime), "sigmoid": (sigmoid, sigmoid_prime), "softmax": (softmax, one)}

TINY = 1e-10  # keeps the logarithms finite


def categorical(Y: np.ndarray, P: np.ndarray) -> float:
    return -float(np.sum(Y * np.log(P + TINY))) / Y.shape[1]


def categorical_prime(Y: np.ndarray, P: np.ndarray) -> np.ndarray:
    return (P - Y) / Y.shape[1]


def binary(Y: np.ndarray, P: np.ndarray) -> float:
    return -float(np.mean(Y * np.log(P + TINY) + (1 - Y) * np.log(1 - P + TINY)))


def binary_prime(Y: np.ndarray, P: np.ndarray) -> np.ndarray:
    return (P - Y) / (P * (1 - P) + TINY) / Y.shape[1]


LOSSES = {"softmax": (categorical, categorical_prime), "sigmoid": (binary, binary_prime)}


class Document:
    def prepare(self, workload: Workload) -> None:
        self.work, self.orders = workload, workload.orders()
        self.loss, self.loss_prime = LOSSES[workload.link]
        self.X = workload.floats().astype(np.float64)
        one_column = workload.link == "sigmoid"
        self.Y = workload.y[:, None].astype(np.float64) if one_column else np.eye(workload.widths[-1])[workload.y]

    def reset(self) -> None:
        start = self.work.start()
        names = [self.work.activation] * (len(start) - 1) + [self.work.link]
        self.layers: list[Dense | Activation] = []
        for (W, b), name in zip(start, names, strict=True):
            self.layers += [Dense(W.astype(np.float64), b[:, None].astype(np.float64)), Activation(name)]

    def unit(self) -> list[float]:
        costs = []
        for order in self.orders:
            X, Y, total = self.X[order], self.Y[order], 0.0
            for first in range(0, len(X), self.work.batch):
                A, truth = X[first : first + self.work.batch].T, Y[first : first + self.work.batch].T
                for layer in self.layers:
                    A = layer.forward(A)
                total += self.loss(truth, A) * truth.shape[1]
                error = self.loss_prime(truth, A)
                for layer in reversed(self.layers):
                    error = layer.backward(error, self.work.rate)
            costs.append(total / len(X))
        return costs

    def weights(self) -> Weights:
        return [(layer.weights, layer.biases[:, 0]) for layer in self.layers if isinstance(layer, Dense)]
