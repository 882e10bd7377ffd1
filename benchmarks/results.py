"""From seconds to medians, ratios, verdicts and tables. Knows nothing of how the seconds were measured."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import Any

import numpy as np

BASES = {  # what the others are divided by: the plainest first
    "train": {"torch": "of PyTorch", "jax": "of JAX"},
    "many": {"torch-stacked": "of stacked PyTorch", "jax": "of JAX"},
    "predict": {"torch": "of PyTorch", "onnx": "of ONNX Runtime"},
}
COMPARED = {"cost": "cost", "loss": "loss after", "error": "off by"}  # what a tool comes to, and its column

Result = dict[str, Any]  # of one workload: name, about, task, shown, limits, tools; of each tool: seconds, cost, ...


def ratio(result: Result, tool: str, base: str) -> float | None:
    """Return the median of the ratios within a round; None if one of the two was not measured."""
    ours, theirs = (result["tools"].get(name, {}).get("seconds") for name in (tool, base))
    return median(a / b for a, b in zip(ours, theirs, strict=True)) if ours and theirs else None


def shown(result: Result, tool: str) -> float | None:
    """Return the median of a tool in the unit that the tables show; None if it was not measured."""
    seconds = result["tools"].get(tool, {}).get("seconds")
    return median(seconds) * result["shown"][1] if seconds else None


# --- did all do the same? ------------------------------------------------------------------------------------------
def judge(result: Result) -> None:
    """Write into each tool's ``agrees`` whether it came to the cost, and the loss, that the first of them came to.

    True, False, or None where there is nothing to compare: no training, a start of its own, or nobody else. Predictions
    are compared with those computed in float64.
    """
    tools, limits = result["tools"], result["limits"]
    for tool in tools.values():
        tool["agrees"] = None
    if "error" in limits:
        for tool in tools.values():
            if tool.get("error") is not None:
                tool["agrees"] = tool["error"] <= limits["error"]
        return
    comparable = [name for name, tool in tools.items() if tool.get("loss") is not None and not tool["own_start"]]
    comparable.sort(key=lambda name: not name.startswith("torch"))  # the others are compared with PyTorch, if there
    if len(comparable) > 1:
        for name in comparable:
            tools[name]["agrees"] = _near(tools[name], tools[comparable[0]], limits)


def _near(tool: Result, reference: Result, limits: dict[str, float]) -> bool:
    """Whether the numbers, one or one for each of many networks, are all near."""
    pairs = [(np.ravel(tool[what]), np.ravel(reference[what]), limit) for what, limit in limits.items()]
    return all(len(a) == len(b) and bool(np.all(np.abs(a - b) <= limit * np.abs(b))) for a, b, limit in pairs)


def wrong(results: Iterable[Result]) -> list[str]:
    """Return a line for each tool that failed, or came to something else than the others."""
    lines = []
    for result in results:
        for name, tool in result["tools"].items():
            if tool.get("failed"):
                lines.append(f"{result['name']}, {name}: {tool['failed']}")
            elif tool.get("agrees") is False:
                lines.append(f"{result['name']}, {name}: DIFFERS, {came_to(tool)}")
    return lines


def came_to(tool: Result) -> str:
    """Return what a tool came to, as words: the mean, if of many networks."""
    found = {what: tool[what] for what in COMPARED if tool.get(what) is not None}
    return ", ".join(f"{COMPARED[what].split()[0]} {np.mean(value):.6g}" for what, value in found.items())


# --- the tables ----------------------------------------------------------------------------------------------------
def markdown(head: list[str], rows: list[list[str]]) -> list[str]:
    """Return the lines of a table in Markdown, and an empty one."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    cells = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in (head, *rows)]
    lines = ["| " + " | ".join(row) + " |" for row in cells]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:], ""]


def number(value: float, digits: int) -> str:
    """Return a number with so many digits, and with all those before the point."""
    return f"{value:,.0f}" if abs(value) >= 10**digits else f"{value:.{digits}g}"


def table(result: Result) -> list[str]:
    """Return one workload's lines of Markdown."""
    unit, bases = result["shown"][0], BASES[result["task"]]
    compared = [COMPARED[what] for what in result["limits"]]
    head = ["", f"median {unit}", "min–max", *bases.values(), "first unit s", *compared, ""]
    rows = [_row(result, name, tool, len(head)) for name, tool in result["tools"].items()]
    return [f"**{result['name']}**: {result['about']}", "", *markdown(head, rows)]


def _row(result: Result, name: str, tool: Result, n_columns: int) -> list[str]:
    seconds = tool.get("seconds")
    if not seconds:
        return [tool["title"], *[""] * (n_columns - 2), tool.get("failed") or f"skipped: {tool['skipped']}"]
    low, middle, high = (number(result["shown"][1] * which(seconds), 4) for which in (min, median, max))
    ratios = [ratio(result, name, base) for base in BASES[result["task"]]]
    note = {True: "", False: "DIFFERS", None: "own start" if tool["own_start"] else ""}[tool["agrees"]]
    return [
        tool["title"], middle, f"{low}–{high}", *["" if r is None else number(r, 3) for r in ratios],
        number(tool["first"], 3), *[_compared(what, tool.get(what)) for what in result["limits"]], note,
    ]  # fmt: skip


def _compared(what: str, value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.0e}" if what == "error" else f"{np.mean(value):.5f}"


def said(result: Result) -> list[str]:
    """Return one workload's lines of --check."""
    verdicts = {True: "agrees", False: "DIFFERS", None: "not compared"}
    lines = [f"{result['name']}: {result['about']}"]
    for name, tool in result["tools"].items():
        done = ", ".join(filter(None, (verdicts[tool["agrees"]], came_to(tool))))
        lines.append(
            f"    {name}: " + (f"skipped: {tool['skipped']}" if tool["skipped"] else tool.get("failed") or done)
        )
    return lines
