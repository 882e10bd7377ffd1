"""PyTorch: the plain loop, and the same loop at its best. The rows are float32 tensors made beforehand."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from workloads import Weights, Workload

from tools.base import OneByOne, Predictor

ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid}
OPTIMIZERS: dict[str, Any] = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}


def sequential(workload: Workload) -> nn.Sequential:
    layers: list[nn.Module] = []
    for n_in, n_out in zip(workload.widths[:-1], workload.widths[1:], strict=True):
        layers += [nn.Linear(n_in, n_out), ACTIVATIONS[workload.activation]()]
    return nn.Sequential(*layers[:-1])


def linear(model: nn.Sequential) -> list[nn.Linear]:
    return [layer for layer in model if isinstance(layer, nn.Linear)]


@torch.no_grad()
def copy(weights: Weights, model: nn.Sequential) -> None:
    for layer, (W, b) in zip(linear(model), weights, strict=True):
        layer.weight.copy_(torch.from_numpy(W))
        layer.bias.copy_(torch.from_numpy(b))


class Eager:
    """The plainest loop there is: no DataLoader, which costs several times as much."""

    fused: bool | None = None

    def prepare(self, workload: Workload) -> None:
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        self.work, self.X = workload, torch.from_numpy(workload.floats())
        self.orders = list(torch.from_numpy(workload.orders()))
        one_column = workload.link == "sigmoid"
        self.y = torch.from_numpy(workload.y)[:, None].float() if one_column else torch.from_numpy(workload.y)
        self.loss: nn.Module = nn.BCEWithLogitsLoss() if one_column else nn.CrossEntropyLoss()
        self.model = sequential(workload)  # the loss takes raw scores
        self.cost = self.cost_of()

    def cost_of(self) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
        return lambda x, y: self.loss(self.model(x), y)

    def reset(self) -> None:
        copy(self.work.start(), self.model)
        kind = OPTIMIZERS[self.work.optimizer]
        self.optimizer = kind(self.model.parameters(), lr=self.work.rate, fused=self.fused)

    def unit(self) -> list[float]:
        costs = []
        for order in self.orders:
            total = torch.zeros(())
            for rows in order.split(self.work.batch):
                self.optimizer.zero_grad()
                cost = self.cost(self.X[rows], self.y[rows])
                cost.backward()
                self.optimizer.step()
                total += cost.detach() * len(rows)
            costs.append(total.item() / len(order))
        return costs

    def weights(self) -> Weights:
        return [(layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in linear(self.model)]


class Fused(Eager):
    """With the optimizer that updates all parameters in one call."""

    fused = True


class Compiled(Fused):
    """With network and loss, forward and backward, compiled besides; once for whole batches, once for the short one."""

    def cost_of(self) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
        return torch.compile(super().cost_of(), dynamic=False)


class Many(OneByOne):
    one = Eager


class Predict(Predictor):
    def build(self, work: Workload, weights: Weights) -> None:
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        self.model = sequential(work)
        copy(weights, self.model)

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.model(torch.from_numpy(x)).softmax(1).numpy()

    @torch.no_grad()  # once for all calls: it costs microseconds
    def unit(self) -> list[float]:
        return super().unit()

    @torch.no_grad()
    def outputs(self) -> np.ndarray:
        return super().outputs()
