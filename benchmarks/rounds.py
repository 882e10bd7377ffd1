"""Measuring: a process for each tool, their units in rounds, what they come to compared before."""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import results
from data import SEED
from results import Result
from tools import TOOLS
from worker import Worker
from workloads import Work, encoded

SETTLE = 0.1  # seconds between units: BLAS threads look for work for some 30 ms before they sleep


def measure(workload: Work, options: argparse.Namespace) -> Result:
    """Run one workload with all tools."""
    workload = workload.sized(options.size)
    workload.load()  # or say now that it is not there
    result = described(workload, options.tools)
    with ExitStack() as stack:
        workers = started(result, options.threads, stack)
        begin(result, workload, workers)
        number = {"full": options.rounds or workload.rounds, "quick": options.rounds or 1, "check": 0}[options.size]
        run(result, workers, number)
    return result


def described(workload: Work, names: Sequence[str]) -> Result:
    """Return what is known of a workload before any of the tools named has run."""
    rows = TOOLS[workload.task]
    return {
        "name": workload.name, "about": workload.about, "task": workload.task,
        "shown": list(workload.shown), "limits": workload.limits,
        "tools": {
            name: {"title": row.title, "own_start": row.own_start, "skipped": row.why_not(workload), "seconds": []}
            for name, row in rows.items() if name in names
        },
    }  # fmt: skip


def started(result: Result, threads: int, stack: ExitStack) -> dict[str, Worker]:
    """Start a process for each tool that can take part."""
    workers = {}
    for name, tool in result["tools"].items():
        if not tool["skipped"]:
            workers[name] = Worker(result["task"], name, threads)
            stack.callback(workers[name].close)
    return workers


def begin(result: Result, workload: Work, workers: dict[str, Worker]) -> None:
    """Give the workload to all at once; have each run a unit that is not counted, and compare what they came to."""
    for worker in workers.values():
        worker.ask("prepare", encoded(workload))
    for name in [*workers]:
        answer(result, workers, name)
    for name in [*workers]:
        show(f"{result['name']}: first unit, {name}")
        workers[name].ask("unit", True)
        if found := answer(result, workers, name):
            result["tools"][name] |= {"first": found.pop("seconds"), **found}
    results.judge(result)


def run(result: Result, workers: dict[str, Worker], rounds: int) -> None:
    """Run one unit of each tool a round, in random order, the others asleep."""
    rng = random.Random(f"{SEED} {result['name']}")
    for number in range(rounds):
        for name in rng.sample(sorted(workers), len(workers)):
            show(f"{result['name']}: round {number + 1} of {rounds}, {name}")
            time.sleep(SETTLE)
            workers[name].ask("unit", False)
            if found := answer(result, workers, name):
                result["tools"][name]["seconds"].append(found["seconds"])
    show("")


def answer(result: Result, workers: dict[str, Worker], name: str) -> dict[str, Any] | None:
    """Wait for a worker's answer; None if it failed, and it takes no further part."""
    try:
        return workers[name].answer()
    except RuntimeError as error:
        nothing: dict[str, Any] = dict.fromkeys(result["limits"])
        result["tools"][name] |= {"failed": f"failed: {error}", "seconds": [], **nothing}
        del workers[name]
        return None


def show(text: str) -> None:
    """Say on a terminal what is going on."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
