"""The algorithm as a course has it written: layer objects that remember, samples in columns, float64, plain steps."""

from __future__ import annotations

import numpy as np
from workloads import Weights, Workload

from neural.course import Course


class Document:
    def prepare(self, workload: Workload) -> None:
        self.work, self.orders = workload, workload.orders()
        self.X = workload.floats().astype(np.float64)
        one_column = workload.link == "sigmoid"
        self.Y = workload.y[:, None].astype(np.float64) if one_column else np.eye(workload.widths[-1])[workload.y]

    def reset(self) -> None:
        weights, biases = zip(*self.work.start(), strict=True)
        names = [self.work.activation] * (len(weights) - 1) + [self.work.link]
        self.net = Course(weights, biases, names)

    def unit(self) -> list[float]:
        return [self.net.epoch(self.X, self.Y, order, self.work.batch, self.work.rate) for order in self.orders]

    def weights(self) -> Weights:
        return [(W, b[:, 0]) for W, b in zip(self.net.weights, self.net.biases, strict=True)]
