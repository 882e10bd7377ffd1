"""What the package is to reach, and what a run says about it."""

from __future__ import annotations

from collections.abc import Iterable

from results import Result, ratio, shown

# At most so much: of another tool's time, or of the unit that the table shows.
_OF_WORKLOADS = (
    # tool, workload, goal, of what
    ("neural", "W1-relu", 0.45, "torch"),
    ("neural", "W1-sigmoid", 0.45, "torch"),
    ("neural", "W2", 0.2, "torch"),
    ("neural-core", "W1-relu", 0.14, "torch"),
    ("neural-core", "W1-relu", 0.35, "jax"),
    ("neural-core", "W1-sigmoid", 0.14, "torch"),
    ("neural-core", "W1-sigmoid", 0.35, "jax"),
    ("neural-core", "W2", 0.015, "torch"),
    ("neural-core", "W2", 0.2, "jax"),
    ("neural-core", "W3", 0.28, "torch"),
    ("neural-core", "W3", 0.5, "jax"),
    ("neural-core", "W4-sgd", 0.62, "torch"),
    ("neural-core", "W4-sgd", 0.65, "jax"),
    ("neural-core", "W4-adam", 0.52, "torch"),
    ("neural-core", "W4-adam", 0.8, "jax"),
    ("neural-core", "W5-cancer", 0.022, "torch"),
    ("neural-core", "W5-cancer", 0.38, "jax"),
    ("neural-core", "W5-digits", 0.022, "torch"),
    ("neural-core", "W5-digits", 0.38, "jax"),
    ("neural-core", "W6-row-W1", 3, "µs a call"),
    ("neural-core", "W6-rows-W1", 1, "onnx"),
    ("neural-core", "W6-rows-W4", 1, "onnx"),
    ("neural-core", "W7", 0.28, "torch-stacked"),
)
_OF_PARTS = {  # of process.py and load.py: at most so much, of what
    "import": (0.05, "s"),
    "cold start": (0.7, "s"),
    "memory": (20, "MB"),
    "wheel": (2, "MB"),
    "load": (1.2, "of one thread"),
}


def of_jax(name: str) -> float:
    """Return the goal of the core in a workload, as a share of JAX's time."""
    return next(
        goal for tool, of_name, goal, of in _OF_WORKLOADS if (tool, of_name, of) == ("neural-core", name, "jax")
    )


def of_workloads(results: Iterable[Result]) -> list[str]:
    """Return a line for each goal that these results can speak about."""
    lines = []
    for result in results:
        for tool, name, goal, of in _OF_WORKLOADS:
            absolute = of == result["shown"][0]
            got = shown(result, tool) if absolute else ratio(result, tool, of)
            if name == result["name"] and got is not None:
                unit = of if absolute else f"of {result['tools'][of]['title']}"
                lines.append(_line(f"{name}, {tool}", got, goal, unit))
    return lines


def of_part(name: str, what: str, got: float | None) -> list[str]:
    """Return the line of one goal of the other measurements; none if it was not measured."""
    goal, unit = _OF_PARTS[name]
    return [] if got is None else [_line(what, got, goal, unit)]


def _line(what: str, got: float, goal: float, unit: str) -> str:
    return f"{what}: {got:.3g} {unit}, goal {goal:g}: {'met' if got <= goal else 'NOT met'}"
