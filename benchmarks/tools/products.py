"""The matrix products of the training steps and nothing else, in NumPy: what NumPy's other work is measured against.

No rows are gathered, nothing is activated or updated. The first layer's error is of no use, so it is left out.
"""

from __future__ import annotations

import numpy as np
from workloads import Workload


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
