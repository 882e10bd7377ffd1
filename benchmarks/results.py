"""From seconds to medians, ratios, verdicts, a table and a chart. Knows nothing of how the seconds were measured."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

BASES = {"torch": "of PyTorch", "jax": "of JAX"}  # what the others are divided by
TOLERANCE = {"sgd": 1e-3, "adam": 2e-2}  # of the cost, relative; Adam divides by small numbers, so rounding grows
LOOSER = 10  # times, for the loss after the last step: it follows the rounding of every step, the epoch's mean does not
GOALS = {  # of each engine: at most so much of PyTorch eager's time
    "neural": {"W1-relu": 0.45, "W1-sigmoid": 0.45, "W2": 0.2},
    "neural-core": {
        "W1-relu": 0.14, "W1-sigmoid": 0.14, "W2": 0.015, "W3": 0.28, "W4-sgd": 0.62, "W4-adam": 0.52,
        "W5-cancer": 0.022, "W5-digits": 0.022,
    },
}  # fmt: skip

Result = dict[str, Any]  # of one workload: name, about, optimizer, tools; of each tool: seconds, first, loss, ...


def ratio(result: Result, tool: str, base: str) -> float | None:
    """Return the median of the ratios within a round; None if one of the two was not measured."""
    ours, theirs = (result["tools"].get(name, {}).get("seconds") for name in (tool, base))
    return median(a / b for a, b in zip(ours, theirs, strict=True)) if ours and theirs else None


def judge(result: Result) -> None:
    """Write into each tool's ``agrees`` whether it came to the cost, and the loss, that the first of them came to.

    True, False, or None where there is nothing to compare: no training, a start of its own, or nobody else.
    """
    tools = result["tools"]
    comparable = [name for name, tool in tools.items() if tool.get("loss") is not None and not tool["own_start"]]
    comparable.sort(key=lambda name: name != "torch")  # PyTorch is what the others are compared with, if it is there
    for tool in tools.values():
        tool["agrees"] = None
    if len(comparable) > 1:
        for name in comparable:
            tools[name]["agrees"] = _near(tools[name], tools[comparable[0]], TOLERANCE[result["optimizer"]])


def _near(tool: Result, reference: Result, tolerance: float) -> bool:
    limits = {"cost": tolerance, "loss": LOOSER * tolerance}
    return all(abs(tool[what] - reference[what]) <= limit * abs(reference[what]) for what, limit in limits.items())


def wrong(results: Iterable[Result]) -> list[str]:
    """Return a line for each tool that failed, or trained to something else than the others."""
    lines = []
    for result in results:
        for name, tool in result["tools"].items():
            if tool.get("failed"):
                lines.append(f"{result['name']}, {name}: {tool['failed']}")
            elif tool.get("agrees") is False:
                lines.append(f"{result['name']}, {name}: DIFFERS, cost {tool['cost']:.6g}, loss {tool['loss']:.6g}")
    return lines


def goals(results: Iterable[Result]) -> list[str]:
    """Return a line for each goal that this run can speak about."""
    lines = []
    for result in results:
        for tool, of_tool in GOALS.items():
            goal, got = of_tool.get(result["name"]), ratio(result, tool, "torch")
            if goal is not None and got is not None:
                verdict = "met" if got <= goal else "NOT met"
                lines.append(f"{result['name']}, {tool}: {got:.3f} of PyTorch eager, goal {goal:g}: {verdict}")
    return lines


# --- the table -----------------------------------------------------------------------------------------------------
def table(result: Result) -> list[str]:
    """Return one workload's lines of Markdown."""
    head = ["", "median s", "min–max s", *BASES.values(), "first unit s", "cost", "loss after", ""]
    rows = [_row(result, name, tool) for name, tool in result["tools"].items()]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    cells = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in (head, *rows)]
    lines = ["| " + " | ".join(row) + " |" for row in cells]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return [f"**{result['name']}**: {result['about']}", "", lines[0], rule, *lines[1:], ""]


def _row(result: Result, name: str, tool: Result) -> list[str]:
    seconds = tool.get("seconds")
    if not seconds:
        return [tool["title"], *[""] * 7, tool.get("failed") or f"skipped: {tool['skipped']}"]
    ratios = [ratio(result, name, base) for base in BASES]
    losses = ["" if tool[what] is None else f"{tool[what]:.5f}" for what in ("cost", "loss")]
    note = {True: "", False: "DIFFERS", None: "own start" if tool["own_start"] else ""}[tool["agrees"]]
    return [
        tool["title"], f"{median(seconds):.4g}", f"{min(seconds):.4g}–{max(seconds):.4g}",
        *["" if r is None else f"{r:.3g}" for r in ratios], f"{tool['first']:.3g}", *losses, note,
    ]  # fmt: skip


# --- the chart -----------------------------------------------------------------------------------------------------
OURS, OTHERS, BOUND = "#d1495b", "#8d99ae", "#d9dde5"


def chart(results: list[Result], title: str, paths: Iterable[Path]) -> None:
    """Draw a panel for each workload, a bar for each tool: the median, and from the least to the most."""
    from matplotlib.figure import Figure

    n_rows = -(-len(results) // 2)
    figure = Figure(figsize=(12, 0.7 + 2.3 * n_rows), layout="constrained")
    axes = figure.subplots(n_rows, 2, squeeze=False).ravel()
    for ax, result in zip(axes, results, strict=False):
        _panel(ax, result)
    for ax in axes[len(results) :]:
        ax.set_visible(False)
    figure.suptitle(title, fontsize=10)
    for path in paths:
        figure.savefig(path, dpi=120)


def _panel(ax: Any, result: Result) -> None:
    tools = {name: tool for name, tool in result["tools"].items() if tool.get("seconds")}
    for place, (name, tool) in enumerate(tools.items()):
        seconds = tool["seconds"]
        middle, share = median(seconds), ratio(result, name, "torch")
        ax.barh(place, middle, color={"neural": OURS, "neural-core": OURS, "matmul": BOUND}.get(name, OTHERS))
        ax.plot([min(seconds), max(seconds)], [place, place], color="black", lw=1)
        text = f"{middle:.3g} s" + ("" if share is None or name == "torch" else f", {share:.2g} of PyTorch eager")
        text += ", DIFFERS" if tool["agrees"] is False else ""
        ax.annotate(text, (max(seconds), place), (4, 0), textcoords="offset points", va="center", fontsize=7)
    ax.set_yticks(range(len(tools)), [tool["title"] for tool in tools.values()], fontsize=7)
    ax.invert_yaxis()
    ax.margins(x=0.6)  # room for the text beside the longest bar
    ax.set_xlim(left=0)
    ax.tick_params(axis="x", labelsize=7)
    ax.set_title(f"{result['name']}: seconds a unit", fontsize=8, loc="left")
    ax.spines[["top", "right"]].set_visible(False)
