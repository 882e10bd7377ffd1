"""What the worker asks of a tool, and what the tools for many networks and for predictions have in common."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle, islice
from typing import Any, Protocol

import numpy as np
from workloads import Prediction, Weights, Workload


class Tool(Protocol):
    """What is asked of a tool that trains, in this order; only ``unit`` is timed."""

    def prepare(self, workload: Workload) -> None:
        """Bring data and orders into the form that suits the tool best. Once, before the clock starts."""

    def reset(self) -> None:
        """Go back to the start weights, so that every unit is the same work."""

    def unit(self) -> list[Any]:
        """Train for the unit's epochs and return the mean cost of each: of many networks, a list of their costs."""

    def weights(self) -> Any:
        """Return the weights as they are now, or a list of weights; None if the tool does not train."""


class OneByOne:
    """Many networks, one after another, each as the tool ``one`` trains it."""

    one: Callable[[], Tool]

    def prepare(self, workload: Workload) -> None:
        self.tools = [self.one() for _ in range(workload.networks)]
        for tool, member in zip(self.tools, workload.members(), strict=True):
            tool.prepare(member)

    def reset(self) -> None:
        for tool in self.tools:
            tool.reset()

    def unit(self) -> list[list[float]]:
        costs = [tool.unit() for tool in self.tools]
        return [list(epoch) for epoch in zip(*costs, strict=True)]

    def weights(self) -> list[Weights]:
        return [tool.weights() for tool in self.tools]


class Predictor:
    """Calls of ``predict``, which ``build`` sets: a function of (rows, n_in) that returns the outputs, both NumPy's."""

    predict: Callable[[np.ndarray], np.ndarray]

    def prepare(self, workload: Prediction) -> None:
        self.inputs = workload.inputs()
        self.calls = list(islice(cycle(self.inputs), workload.calls))
        self.build(workload.network, workload.weights())

    def build(self, network: Workload, weights: Weights) -> None:
        raise NotImplementedError

    def reset(self) -> None:
        pass

    def unit(self) -> list[float]:
        predict = self.predict
        for x in self.calls:
            predict(x)
        return []

    def outputs(self) -> np.ndarray:
        return np.concatenate([self.predict(x) for x in self.inputs])
