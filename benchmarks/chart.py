"""The charts. matplotlib is imported here alone, so that everything else runs without it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure
from results import BASES, Result, number, ratio
from scaling import values

OURS, OTHERS, BOUND = "#d1495b", "#8d99ae", "#d9dde5"
COLOURS = {"neural": OURS, "neural-core": OURS, "matmul": BOUND, "numpy": BOUND}
LINES = {"neural-core": (OURS, "-"), "neural": (OURS, "--"), "torch": ("#33415c", "-")}


def bars(results: list[Result], title: str, paths: Iterable[Path]) -> None:
    """Draw a panel for each workload, a bar for each tool: the median, and from the least to the most."""
    n_rows = -(-len(results) // 2)
    figure = Figure(figsize=(12, 0.7 + 2.3 * n_rows), layout="constrained")
    axes = figure.subplots(n_rows, 2, squeeze=False).ravel()
    for ax, result in zip(axes, results, strict=False):
        _bars(ax, result)
    for ax in axes[len(results) :]:
        ax.set_visible(False)
    save(figure, title, paths)


def _bars(ax: Any, result: Result) -> None:
    tools = {name: tool for name, tool in result["tools"].items() if tool.get("seconds")}
    base, of = next(iter(BASES[result["task"]].items()))
    unit, times = result["shown"]
    for place, (name, tool) in enumerate(tools.items()):
        low, middle, high = (times * which(tool["seconds"]) for which in (min, median, max))
        share = ratio(result, name, base)
        ax.barh(place, middle, color=COLOURS.get(name, OTHERS))
        ax.plot([low, high], [place, place], color="black", lw=1)
        text = f"{number(middle, 3)} {unit.split()[0]}"
        text += "" if share is None or name == base else f", {number(share, 2)} {of}"
        text += ", DIFFERS" if tool["agrees"] is False else ""
        ax.annotate(text, (high, place), (4, 0), textcoords="offset points", va="center", fontsize=7)
    ax.set_yticks(range(len(tools)), [tool["title"] for tool in tools.values()], fontsize=7)
    ax.invert_yaxis()
    ax.margins(x=0.6)  # room for the text beside the longest bar
    ax.set_xlim(left=0)
    ax.tick_params(axis="x", labelsize=7)
    ax.set_title(f"{result['name']}: {unit}", fontsize=8, loc="left")
    ax.spines[["top", "right"]].set_visible(False)


def curves(curves: list[dict[str, Any]], title: str, paths: Iterable[Path]) -> None:
    """Draw a panel for each curve of scaling.py, a line for each tool."""
    n_rows = -(-len(curves) // 3)
    figure = Figure(figsize=(12, 0.7 + 3 * n_rows), layout="constrained")
    axes = figure.subplots(n_rows, 3, squeeze=False).ravel()
    for ax, curve in zip(axes, curves, strict=False):
        for name, label in curve["titles"].items():
            colour, style = LINES[name]
            ys = [float("nan") if y is None else y for y in values(curve, name)]
            ax.plot(curve["at"], ys, style, color=colour, marker=".", label=label)
        ax.set_xscale("log", base=2)
        ax.set_yscale("log")
        ax.set_xticks(curve["at"], [f"{x:,}" for x in curve["at"]], fontsize=6)
        ax.set_xticks([], minor=True)
        ax.tick_params(axis="y", which="both", labelsize=7)
        ax.set_title(f"{curve['unit']} by {curve['by']}\n{curve['about']}", fontsize=7, loc="left")
        ax.spines[["top", "right"]].set_visible(False)
    for ax in axes[len(curves) :]:
        ax.set_visible(False)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8)
    save(figure, title, paths)


def save(figure: Figure, title: str, paths: Iterable[Path]) -> None:
    """Write a chart with its title to each path."""
    figure.suptitle(title, fontsize=10)
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "neural"}):  # text stays text: a fifth of the size
        for path in paths:
            figure.savefig(path, dpi=120, metadata={"Date": None} if path.suffix == ".svg" else None)
