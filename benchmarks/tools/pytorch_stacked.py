"""Many networks in PyTorch at once: their weights stacked in one array a layer, one Adam over all of them."""

from __future__ import annotations

import os

import torch
from torch import nn
from workloads import Weights, Workload


class Stacked:
    """The networks are independent: the sum of their costs has, for each, the gradient of its own."""

    fused: bool | None = None

    def prepare(self, workload: Workload) -> None:
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        self.work, self.members = workload, workload.members()
        self.X, self.y = torch.from_numpy(workload.floats()), torch.from_numpy(workload.y)
        orders = [torch.from_numpy(member.orders()) for member in self.members]
        self.orders = list(torch.stack(orders, dim=1))  # of each epoch, (networks, n)

    def reset(self) -> None:
        layers = zip(*[member.start() for member in self.members], strict=True)
        self.layers = []
        for layer in layers:
            W, b = (torch.stack([torch.from_numpy(array) for array in arrays]) for arrays in zip(*layer, strict=True))
            self.layers.append((nn.Parameter(W), nn.Parameter(b[:, None])))
        params = [array for layer in self.layers for array in layer]
        self.optimizer = torch.optim.Adam(params, lr=self.work.rate, fused=self.fused)

    def costs(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Return the mean cost of each network, (networks,), for x (networks, batch, n_in) and y (networks, batch)."""
        for number, (W, b) in enumerate(self.layers):
            x = torch.baddbmm(b, x.relu() if number else x, W.mT)
        return nn.functional.cross_entropy(x.flatten(0, 1), y.flatten(), reduction="none").view_as(y).mean(1)

    def unit(self) -> list[list[float]]:
        epochs = []
        for order in self.orders:
            total = torch.zeros(len(self.members))
            for rows in order.split(self.work.batch, dim=1):
                self.optimizer.zero_grad()
                costs = self.costs(self.X[rows], self.y[rows])
                costs.sum().backward()
                self.optimizer.step()
                total += costs.detach() * rows.shape[1]
            epochs.append((total / order.shape[1]).tolist())
        return epochs

    def weights(self) -> list[Weights]:
        layers = [(W.detach().numpy(), b.detach().numpy()[:, 0]) for W, b in self.layers]
        return [[(W[k], b[k]) for W, b in layers] for k in range(len(self.members))]


class Fused(Stacked):
    """With the optimizer that updates all parameters in one call."""

    fused = True
