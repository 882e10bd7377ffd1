"""The tools that are compared: one row each, and one small class each in the files beside this one."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any


@dataclass(frozen=True)
class Row:
    """What is known of a tool before it is loaded."""

    title: str
    place: str  # module:class
    needs: str = "numpy"  # the modules that must be installed, with spaces between
    optimizers: tuple[str, ...] = ("sgd", "adam")
    own_start: bool = False  # draws its own weights and orders, so that what it comes to is not to be compared
    extra: bool = False  # only when asked for by name

    def why_not(self, workload: Any) -> str:
        """Return why the tool cannot take this workload; empty if it can."""
        missing = [name for name in self.needs.split() if find_spec(name) is None]
        if missing:
            return f"{missing[0]} is not installed"
        optimizer = getattr(workload, "optimizer", None)  # a prediction has none
        return f"it has no {optimizer}" if optimizer and optimizer not in self.optimizers else ""

    def load(self) -> Any:
        """Import the tool, and with it what it needs."""
        module, name = self.place.split(":")
        return getattr(importlib.import_module(f"tools.{module}"), name)()


# By task: one network is trained, many are, or outputs are computed. What the classes have is in base.py.
TOOLS = {
    "train": {
        "neural": Row("neural, NumPy engine", "ours:Neural"),
        "neural-core": Row("neural, core", "ours:Core", "neural._core"),
        "torch": Row("PyTorch eager", "pytorch:Eager", "torch"),
        "torch-fused": Row("PyTorch, fused optimizer", "pytorch:Fused", "torch"),
        "torch-compile": Row("PyTorch, compiled, fused optimizer", "pytorch:Compiled", "torch", extra=True),
        "jax": Row("JAX, whole fit in one jit", "jax_scan:Scan", "jax"),
        "sklearn": Row("scikit-learn MLP", "scikit:Scikit", "sklearn", own_start=True),
        "document": Row("the course's algorithm", "document:Document", optimizers=("sgd",)),
        "matmul": Row("the matrix products alone", "products:Products"),
    },
    "many": {
        "neural": Row("neural, NumPy engine, one by one", "ours:Many", extra=True),
        "neural-core": Row("neural, core, in a thread pool", "ours:ManyCore", "neural._core"),
        "torch": Row("PyTorch eager, one by one", "pytorch:Many", "torch", extra=True),
        "torch-stacked": Row("PyTorch, stacked", "pytorch_stacked:Stacked", "torch"),
        "torch-stacked-fused": Row("PyTorch, stacked, fused optimizer", "pytorch_stacked:Fused", "torch"),
        "jax": Row("JAX, vmap of the whole fit", "jax_scan:Many", "jax"),
        "sklearn": Row("scikit-learn MLP, one by one", "scikit:Many", "sklearn", own_start=True, extra=True),
    },
    "predict": {
        "neural": Row("neural, NumPy engine", "ours:Predict"),
        "neural-core": Row("neural, core", "ours:PredictCore", "neural._core"),
        "torch": Row("PyTorch eager", "pytorch:Predict", "torch"),
        "jax": Row("JAX, jit", "jax_scan:Predict", "jax"),
        "sklearn": Row("scikit-learn MLP", "scikit:Predict", "sklearn"),
        "onnx": Row("ONNX Runtime", "onnx_runtime:Predict", "onnx onnxruntime"),
        "numpy": Row("plain NumPy", "products:Predict"),
    },
}
NAMES = tuple(dict.fromkeys(name for tools in TOOLS.values() for name in tools))


def default(task: str) -> list[str]:
    """Return the tools that take part in a task if none are named."""
    return [name for name, row in TOOLS[task].items() if not row.extra]
