"""The tools that are compared: one row each, and one small class each in the files beside this one."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Protocol

from workloads import Weights, Workload


class Tool(Protocol):
    """What the worker asks of a tool, in this order; only ``unit`` is timed."""

    def prepare(self, workload: Workload) -> None:
        """Bring data and orders into the form that suits the tool best. Once, before the clock starts."""

    def reset(self) -> None:
        """Go back to the start weights, so that every unit is the same work."""

    def unit(self) -> list[float]:
        """Train for the unit's epochs and return the mean cost of each."""

    def weights(self) -> Weights | None:
        """Return the weights as they are now, or None if the tool does not train."""


@dataclass(frozen=True)
class Row:
    """What is known of a tool before it is loaded."""

    title: str
    place: str  # module:class
    needs: str = "numpy"  # the module that must be installed
    optimizers: tuple[str, ...] = ("sgd", "adam")
    own_start: bool = False  # draws its own weights and orders, so that its loss is not to be compared
    extra: bool = False  # only when asked for by name

    def why_not(self, workload: Workload) -> str:
        """Return why the tool cannot take this workload; empty if it can."""
        if find_spec(self.needs) is None:
            return f"{self.needs} is not installed"
        if workload.optimizer not in self.optimizers:
            return f"it has no {workload.optimizer}"
        return ""

    def load(self) -> Tool:
        """Import the tool, and with it what it needs."""
        module, name = self.place.split(":")
        tool: Tool = getattr(importlib.import_module(f"tools.{module}"), name)()
        return tool


TOOLS = {
    "neural": Row("neural, NumPy engine", "ours:Neural"),
    "neural-core": Row("neural, core", "ours:Core", "neural._core"),
    "torch": Row("PyTorch eager", "pytorch:Eager", "torch"),
    "torch-fused": Row("PyTorch, fused optimizer", "pytorch:Fused", "torch"),
    "torch-compile": Row("PyTorch, compiled, fused optimizer", "pytorch:Compiled", "torch", extra=True),
    "jax": Row("JAX, whole fit in one jit", "jax_scan:Scan", "jax"),
    "sklearn": Row("scikit-learn MLP", "scikit:Scikit", "sklearn", own_start=True),
    "document": Row("the course's algorithm", "document:Document", optimizers=("sgd",)),
    "matmul": Row("the matrix products alone", "products:Products"),
}
