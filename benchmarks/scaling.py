"""Curves: time by batch, width, depth, rows and threads, each alone, on rows of noise."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median
from typing import Any

import results
import rounds
from results import Result, markdown, number
from worker import Worker
from workloads import WORKLOADS, Workload

TOOLS = ("neural-core", "neural", "torch")
ROUNDS = {"full": 3, "quick": 1, "check": 1}
FLOPS, STEPS, ROWS = 1e10, (20, 400), 16_384  # of a unit: about so many; steps from, to; rows at most, in some epochs
SMALL = Workload("scaling", "noise", (64, 64, 64, 10), batch=64, made_up=True)
IMAGES = replace(WORKLOADS["W1-relu"], name="scaling", made_up=True)
LARGE = replace(WORKLOADS["W3"], name="scaling", made_up=True, rows=6_000)

Part = dict[str, Any]  # curves; faults


@dataclass(frozen=True)
class Curve:
    """What changes, and what is shown of a unit: seconds for each row, or for each step."""

    by: str
    about: str
    per: str
    at: tuple[int, ...]
    workload: Callable[[int], Workload]  # what is trained there


def noise(widths: tuple[int, ...], batch: int = 64) -> Workload:
    """Return a workload of these widths with as many steps as make about FLOPS."""
    flops = 6 * batch * sum(a * b for a, b in pairwise(widths))
    steps = min(max(round(FLOPS / flops), STEPS[0]), STEPS[1])
    rows = min(steps, ROWS // batch) * batch
    return replace(SMALL, widths=widths, batch=batch, rows=rows, epochs=max(1, steps * batch // rows))


def curves(cores: int) -> list[Curve]:
    """Return all curves; that of the threads ends with the machine's cores."""
    threads = (*[n for n in (1, 2, 4, 8, 16, 32, 64, 128) if n < cores], cores)
    return [
        Curve("batch", "64-64-64-10, SGD", "row", (1, 4, 16, 64, 256, 1024), lambda n: noise(SMALL.widths, n)),
        Curve("width", "64-n-n-10, batch 64, SGD", "step", (8, 16, 32, 64, 128, 256, 512, 1024),
              lambda n: noise((64, n, n, 10))),
        Curve("depth", "hidden layers of 64, batch 64, SGD", "step", (1, 2, 3, 4, 6, 8),
              lambda n: noise((64, *(64,) * n, 10))),
        Curve("rows", "W1's network, batch 128, SGD", "row", (500, 2_000, 8_000, 30_000, 60_000),
              lambda n: replace(IMAGES, rows=n, epochs=max(1, ROWS // n))),
        Curve("threads", "W3's network, batch 128, Adam", "step", threads, lambda n: LARGE),
    ]  # fmt: skip


def measure(options: argparse.Namespace) -> Part:
    """Measure all points of all curves; one process for each tool serves all but the curve of threads."""
    part: Part = {"about": f"{options.threads} threads but where they are counted", "curves": [], "faults": []}
    with ExitStack() as stack:
        shared = rounds.started(rounds.described(SMALL, options.tools), options.threads, stack)
        for curve in curves(options.cores):
            points = [point(curve, n, shared, options) for n in ends(curve.at, options.size)]
            part["faults"] += results.wrong(points)
            part["curves"].append(kept(curve, points))
    return part


def ends(at: tuple[int, ...], size: str) -> tuple[int, ...]:
    """Return all points, the first and last, or the first."""
    return {"full": at, "quick": tuple(dict.fromkeys((at[0], at[-1]))), "check": at[:1]}[size]


def point(curve: Curve, n: int, shared: dict[str, Worker], options: argparse.Namespace) -> Result:
    """Measure one point: all tools in turn, once uncounted, then in rounds."""
    workload = curve.workload(n) if options.size == "full" else curve.workload(n).sized("check")
    result = {**rounds.described(workload, options.tools), "name": f"scaling, {curve.by} {n}", "at": n}
    result["shown"] = f"µs a {curve.per}", 1e6 / workload.steps
    if curve.per == "row":
        result["shown"] = f"µs a {curve.per}", 1e6 / (workload.epochs * len(workload.y))
    with ExitStack() as own:
        workers = rounds.started(result, n, own) if curve.by == "threads" else shared
        rounds.begin(result, workload, workers)
        rounds.run(result, workers, options.rounds or ROUNDS[options.size])
    return result


def kept(curve: Curve, points: list[Result]) -> dict[str, Any]:
    """Return what is written of a curve: every single time, and what it is multiplied by."""
    tools = {name: tool["title"] for name, tool in points[0]["tools"].items() if not tool["skipped"]}
    return {
        "by": curve.by, "about": curve.about, "titles": tools, "unit": points[0]["shown"][0],
        "at": [point["at"] for point in points], "times": [point["shown"][1] for point in points],
        "seconds": {name: [point["tools"][name]["seconds"] for point in points] for name in tools},
    }  # fmt: skip


# --- what it says --------------------------------------------------------------------------------------------------
def values(curve: dict[str, Any], name: str) -> list[float | None]:
    """Return a tool's medians in the curve's unit; None where it was not measured."""
    pairs = zip(curve["times"], curve["seconds"][name], strict=True)
    return [times * median(seconds) if seconds else None for times, seconds in pairs]


def table(part: Part) -> list[str]:
    """Return the lines of Markdown: a table for each curve."""
    lines = [f"**scaling**: {part['about']}; medians", ""]
    for curve in part["curves"]:
        head = [f"{curve['unit']}, by {curve['by']} ({curve['about']})", *[f"{n:,}" for n in curve["at"]]]
        rows = [
            [title, *["" if value is None else number(value, 3) for value in values(curve, name)]]
            for name, title in curve["titles"].items()
        ]
        lines += markdown(head, rows)
    return lines


def reached(part: Part) -> list[str]:
    """No goals are set for the curves."""
    return []


def wrong(part: Part) -> list[str]:
    """Return a line for each tool that failed or came to something else."""
    return list(part["faults"])
