"""A second thread while other work wants the cores: what it gains, and that it never loses much."""

from __future__ import annotations

import argparse
import copy
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from statistics import median
from typing import Any

import goals
import results
import rounds
from results import Result, markdown, ratio
from worker import Worker
from workloads import WORKLOADS, Workload

BUSY = 2  # processes that count for ever
THREADS = (1, 2)
TOOLS = ("neural-core", "torch")
RUNS = {"W1-relu": ("neural-core", "torch"), "W3": ("neural-core",)}
ROUNDS = {"full": 5, "quick": 1, "check": 1}

Part = dict[str, Any]  # about, quiet and loaded: results by workload, whose tools are "name, threads"


def measure(options: argparse.Namespace) -> Part:
    """Measure each workload without and with the load, by the same processes."""
    part: Part = {"about": f"{BUSY} busy processes beside it, on {options.cores} cores", "quiet": {}, "loaded": {}}
    for name, tools in RUNS.items() if options.size != "quick" else [("W1-relu", ("neural-core",))]:
        wanted = [tool for tool in tools if tool in options.tools]
        workload = WORKLOADS[name].sized(options.size)
        part["quiet"][name], part["loaded"][name] = both(workload, wanted, options.rounds or ROUNDS[options.size])
    return part


def both(workload: Workload, tools: list[str], number: int) -> tuple[Result, Result]:
    """Return the results of so many rounds without the load, and with it."""
    result = described(workload, tools)
    with ExitStack() as stack:
        workers: dict[str, Worker] = {}
        for name, tool in result["tools"].items():
            if not tool["skipped"]:
                workers[name] = Worker("train", tool["name"], tool["threads"])
                stack.callback(workers[name].close)
        rounds.begin(result, workload, workers)
        loaded = copy.deepcopy(result)
        rounds.run(result, workers, number)
        with busy(BUSY):
            rounds.run(loaded, workers, number)
    return result, loaded


def described(workload: Workload, names: list[str]) -> Result:
    """Return a result whose tools are each tool with each number of threads."""
    result = rounds.described(workload, names)
    result["tools"] = {
        key(name, threads): {**tool, "name": name, "threads": threads, "seconds": []}
        for name, tool in result["tools"].items() for threads in THREADS
    }  # fmt: skip
    return result


def key(name: str, threads: int) -> str:
    """Return a tool with a number of threads, as one name."""
    return f"{name}, {threads} thread{'s' * (threads > 1)}"


@contextmanager
def busy(number: int) -> Iterator[None]:
    """Have so many processes count."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        time.sleep(0.5)  # until they have started
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


# --- what it says --------------------------------------------------------------------------------------------------
def pairs(part: Part) -> list[tuple[str, str, str]]:
    """Return (workload, tool, its title) for each that was measured."""
    return [
        (workload, tool["name"], tool["title"])
        for workload, result in part["loaded"].items()
        for tool in result["tools"].values() if tool["threads"] == THREADS[0] and tool["seconds"]
    ]  # fmt: skip


def table(part: Part) -> list[str]:
    """Return the lines of Markdown."""
    head = ["", "", *[f"{n} thr. {when} s" for when in ("alone", "beside") for n in THREADS]]
    head += ["2 over 1, alone", "2 over 1, beside"]
    rows = []
    for workload, name, title in pairs(part):
        both = (part["quiet"][workload], part["loaded"][workload])
        seconds = [result["tools"][key(name, threads)]["seconds"] for result in both for threads in THREADS]
        ratios = [ratio(result, key(name, 2), key(name, 1)) for result in both]
        cells = [f"{median(each):.4g}" if each else "failed" for each in seconds]
        rows.append([workload, title, *cells, *["" if r is None else f"{r:.2f}" for r in ratios]])
    return [f"**load**: {part['about']}; medians", "", *(markdown(head, rows) if rows else ["nothing measured", ""])]


def reached(part: Part) -> list[str]:
    """Return a line for each goal."""
    lines = []
    for workload, name, _ in pairs(part):
        if name == "neural-core":
            got = ratio(part["loaded"][workload], key(name, 2), key(name, 1))
            lines += goals.of_part("load", f"{workload} with two threads under load, {name}", got)
    return lines


def wrong(part: Part) -> list[str]:
    """Return a line for each tool that failed or came to something else."""
    lines = results.wrong([*part["quiet"].values(), *part["loaded"].values()])
    return [f"load, {line}" for line in dict.fromkeys(lines)]
