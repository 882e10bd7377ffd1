"""The matrix products and little else, in NumPy: what other work is measured against.

In training no rows are gathered, nothing is activated or updated; the first layer's error is of no use, so it is left
out. A prediction is the formula as it is written, with nothing checked.
"""

from __future__ import annotations

import numpy as np
from workloads import Weights, Workload

from tools.base import Predictor

ACTIVATIONS = {"relu": lambda z: np.maximum(z, 0, out=z), "sigmoid": lambda z: 1 / (1 + np.exp(-z))}


class Products:
    def prepare(self, workload: Workload) -> None:
        self.epochs = workload.epochs
        self.Ws = [W for W, _ in workload.start()]
        self.dWs = [np.empty_like(W) for W in self.Ws]
        X, batch = workload.floats(), workload.batch
        self.batches = [X[first : first + batch] for first in range(0, len(X), batch)]
        self.arrays = {
            len(x): [np.empty((len(x), width), np.float32) for width in workload.widths[1:]] for x in self.batches
        }
        self.errors = {m: [np.empty_like(z) for z in arrays] for m, arrays in self.arrays.items()}

    def reset(self) -> None:
        pass

    def unit(self) -> list[float]:
        for _ in range(self.epochs):
            for x in self.batches:
                self._step(x, self.arrays[len(x)], self.errors[len(x)])
        return []

    def _step(self, x: np.ndarray, outputs: list[np.ndarray], errors: list[np.ndarray]) -> None:
        inputs = [x, *outputs[:-1]]
        for a, W, z in zip(inputs, self.Ws, outputs, strict=True):
            np.matmul(a, W.T, out=z)
        d = outputs[-1]
        for k in range(len(self.Ws) - 1, -1, -1):
            np.matmul(d.T, inputs[k], out=self.dWs[k])
            if k:
                d = np.matmul(d, self.Ws[k], out=errors[k - 1])

    def weights(self) -> None:
        return None


class Predict(Predictor):
    def build(self, work: Workload, weights: Weights) -> None:
        self.hidden, (self.W, self.b) = [(W.T, b) for W, b in weights[:-1]], weights[-1]
        self.activation = ACTIVATIONS[work.activation]

    def predict(self, x: np.ndarray) -> np.ndarray:
        for W, b in self.hidden:
            x = x @ W
            x += b
            x = self.activation(x)
        x = x @ self.W.T
        x += self.b
        x -= x.max(axis=1, keepdims=True)
        np.exp(x, out=x)
        x /= x.sum(axis=1, keepdims=True)
        return x
