"""Train the same networks with several tools and compare their times. See README.md for what makes it fair.

    python benchmarks/bench.py                     all workloads and tools, about a quarter of an hour on two cores
    python benchmarks/bench.py --quick             a minute: W1 and W2, smaller, one round
    python benchmarks/bench.py --check             no times: do all tools come to the same loss?
    python benchmarks/bench.py --only W1 --tools neural,torch --rounds 15 --threads 1

Tables are printed; the same, a chart and every single time are written to a folder.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import sys
import time
from contextlib import ExitStack
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import results
from worker import SOURCE, Worker

sys.path.insert(0, str(SOURCE))

from tools import TOOLS
from workloads import SEED, WORKLOADS, Workload

import neural

SETTLE = 0.1  # seconds between units: BLAS threads look for work for some 30 ms before they sleep
PACKAGES = ("numpy", "torch", "jax", "jaxlib", "scikit-learn")


def main(argv: list[str] | None = None) -> int:
    """Run what the arguments say; return 1 if a tool failed or trained to something else."""
    options = parse(argv)
    run = {"date": datetime.now().astimezone().isoformat(timespec="seconds"), "size": options.size}
    run |= {"threads": options.threads, "machine": machine(), "versions": versions()}
    print("\n".join(heading(run)), "", sep="\n", flush=True)
    measured = [result for workload in options.workloads if (result := measure(workload, options)) is not None]
    if options.size != "check" and measured:
        write(run | {"workloads": measured}, options.out)
    faults = results.wrong(measured)
    print(*faults, sep="\n", end="\n" if faults else "")
    return 1 if faults or not measured else 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Return the arguments, with ``workloads``, ``names`` of tools and ``size`` worked out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=listed, help=f"some of the workloads: {', '.join(WORKLOADS)}, or W1 for both W1")
    parser.add_argument("--tools", type=listed, help=f"some of: {', '.join(TOOLS)}")
    parser.add_argument("--rounds", type=int, help="of each workload (default: 9 of the small ones, 3 of the largest)")
    parser.add_argument("--threads", type=int, default=cores(), help="of each tool (default: as many as cores)")
    parser.add_argument("--out", type=Path, default=Path("bench"), help="folder for the results (default: bench)")
    size = parser.add_mutually_exclusive_group()
    for name, what in {"quick": "one round of W1 and W2, smaller", "check": "compare losses only, no times"}.items():
        size.add_argument(f"--{name}", dest="size", action="store_const", const=name, help=what)
    options = parser.parse_args(argv)
    options.size = options.size or "full"
    options.only = options.only or (["W1", "W2"] if options.size == "quick" else ["W"])
    options.workloads = [work for name, work in WORKLOADS.items() if name.startswith(tuple(options.only))]
    options.names = options.tools or [name for name, tool in TOOLS.items() if not tool.extra]
    unknown = [part for part in options.only if not any(name.startswith(part) for name in WORKLOADS)]
    if unknown := unknown + [name for name in options.names if name not in TOOLS]:
        parser.error(f"there is no {', '.join(unknown)}")
    return options


def listed(text: str) -> list[str]:
    """Return the parts of a list with commas."""
    return [part for part in text.split(",") if part]


# --- measuring -----------------------------------------------------------------------------------------------------
def measure(workload: Workload, options: argparse.Namespace) -> results.Result | None:
    """Run one workload with all tools; None, and a line that says why, without its data."""
    workload = workload.sized(options.size)
    try:
        result: results.Result = {"name": workload.name, "about": workload.about, "optimizer": workload.optimizer}
    except (ImportError, neural.DataUnavailable) as error:  # the data is looked for when it is described
        print(f"**{workload.name}**: skipped: {error}\n")
        return None
    result["tools"] = {name: entry(name, workload) for name in options.names}
    with ExitStack() as stack:
        workers = start(result, options, stack)
        for name in [*workers]:
            if answer := ask(result, workers, name, "unit loss"):
                seconds = answer.pop("seconds")
                result["tools"][name] |= answer | {"first": seconds}
        results.judge(result)
        rounds = {"full": options.rounds or workload.rounds, "quick": options.rounds or 1, "check": 0}[options.size]
        run_rounds(result, workers, rounds)
    print("\n".join(results.table(result) if rounds else losses(result)), flush=True)
    return result


def entry(name: str, workload: Workload) -> dict[str, Any]:
    """Return what is known of a tool before it has run."""
    tool = TOOLS[name]
    return {"title": tool.title, "own_start": tool.own_start, "skipped": tool.why_not(workload), "seconds": []}


def start(result: results.Result, options: argparse.Namespace, stack: ExitStack) -> dict[str, Worker]:
    """Start a process for each tool that can take part, all at once, and wait until each has its data."""
    workers = {}
    for name, tool in result["tools"].items():
        if not tool["skipped"]:
            workers[name] = Worker(name, result["name"], options.size, options.threads)
            stack.callback(workers[name].close)
    for name in [*workers]:
        ask(result, workers, name, "")
    return workers


def ask(result: results.Result, workers: dict[str, Worker], name: str, what: str) -> dict[str, Any] | None:
    """Have a worker do ``what``, or wait until it is ready; None if it failed, and it takes no further part."""
    try:
        return workers[name].unit(what) if what else workers[name].answer()
    except RuntimeError as error:
        result["tools"][name] |= {"failed": f"failed: {error}", "seconds": [], "loss": None, "cost": None}
        del workers[name]
        return None


def run_rounds(result: results.Result, workers: dict[str, Worker], rounds: int) -> None:
    """Run one unit of each tool a round, in random order, the others asleep."""
    rng = random.Random(f"{SEED} {result['name']}")
    for number in range(rounds):
        for name in rng.sample(sorted(workers), len(workers)):
            show(f"{result['name']}: round {number + 1} of {rounds}, {name}")
            time.sleep(SETTLE)
            if answer := ask(result, workers, name, "unit"):
                result["tools"][name]["seconds"].append(answer["seconds"])
    show("")


def show(text: str) -> None:
    """Say on a terminal what is going on."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def losses(result: results.Result) -> list[str]:
    """Return one workload's lines of --check."""
    said = {True: "agrees", False: "DIFFERS", None: "not compared"}
    lines = [f"{result['name']}: {result['about']}"]
    for name, tool in result["tools"].items():
        loss = "" if tool.get("loss") is None else f", cost {tool['cost']:.6f}, loss {tool['loss']:.6f}"
        what = f"skipped: {tool['skipped']}" if tool["skipped"] else tool.get("failed") or said[tool["agrees"]] + loss
        lines.append(f"    {name}: {what}")
    return lines


# --- what ran where ------------------------------------------------------------------------------------------------
def machine() -> dict[str, Any]:
    """Return what the times depend on besides the programs."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = os.getloadavg()[0]
    return {"cpu": model, "cores": cores(), "ram_gib": round(memory, 1), "system": platform.platform(), "load": load}


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def versions() -> dict[str, str]:
    """Return the versions of everything that is installed of what is compared."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    found = {"python": platform.python_version(), "neural": neural.__version__}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found | {"numpy's BLAS": f"{blas['name']} {blas['version']}"}


def heading(run: dict[str, Any]) -> list[str]:
    """Return the lines over the tables."""
    m = run["machine"]
    busy = " (it is BUSY: trust no time)" if m["load"] > 0.5 else ""
    return [
        f"Date: {run['date']}; size: {run['size']}; threads of each tool: {run['threads']}",
        f"Machine: {m['cpu']}, {m['cores']} cores, {m['ram_gib']} GiB, {m['system']}",
        f"Load before: {m['load']:.2f}{busy}",
        "Versions: " + ", ".join(f"{name} {version}" for name, version in run["versions"].items()),
    ]


def write(run: dict[str, Any], folder: Path) -> None:
    """Write results.json, results.md and, with matplotlib, the chart; print the goals and where the files are."""
    folder.mkdir(parents=True, exist_ok=True)
    goals = results.goals(run["workloads"]) if run["size"] == "full" else []
    lines = [*heading(run), "", *[line for result in run["workloads"] for line in results.table(result)]]
    note = "Ratios are medians of the ratios within a round. Goals:"
    lines += [note, "", *[f"- {goal}" for goal in goals or ["not in this run"]]]
    (folder / "results.json").write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")
    (folder / "results.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    try:
        title = f"{run['machine']['cpu']}, {run['threads']} threads; {run['size']} size; {run['date'][:10]}"
        results.chart(run["workloads"], title, [folder / "results.svg", folder / "results.png"])
    except ImportError:
        print("no chart: matplotlib is not installed")
    print(*lines[lines.index(note) :], "", f"Written to {folder}: results.json, .md, .svg, .png", sep="\n")


if __name__ == "__main__":
    sys.exit(main())
