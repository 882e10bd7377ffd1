"""What a run has found, as files: results.json, tables, charts, and the page in docs/benchmarks."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import goals
import load
import numpy as np
import process
import results
import scaling
from worker import HERE

import neural

PARTS: dict[str, Any] = {"process": process, "load": load, "scaling": scaling}
PACKAGES = ("numpy", "torch", "jax", "jaxlib", "scikit-learn", "onnx", "onnxruntime")
PUBLISHED = HERE.parent / "docs" / "benchmarks"
BUSY = 0.5  # of load average, above which times are not to be trusted
HEAD = """\
# One run of the benchmark

Measured by `{command}`.

This page and its charts are written by `benchmarks/bench.py --publish`, nothing by hand; [results.json](results.json)
has every single time. The workloads, the tools and what makes it fair are in
[benchmarks/README.md](../../benchmarks/README.md).
"""

Run = dict[str, Any]  # command, date, size, threads, machine, versions; workloads; process, load, scaling


# --- what ran where ------------------------------------------------------------------------------------------------
def machine() -> dict[str, Any]:
    """Return what the times depend on besides the programs."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    average = os.getloadavg()[0]
    return {"cpu": model, "cores": cores(), "ram_gib": round(memory, 1), "system": platform.platform(), "load": average}


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def versions() -> dict[str, str]:
    """Return the versions of everything that is installed of what is compared."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    found = {"python": platform.python_version(), "neural": f"{neural.__version__}{commit()}"}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found | {"numpy's BLAS": f"{blas['name']} {blas['version']}"}


def commit() -> str:
    """Return which commit the checkout is at, in brackets, and whether the package is as it was there."""
    command = ["git", "describe", "--always", "--exclude=*", "--abbrev=10"]
    changed = ["git", "status", "--porcelain", "src", "csrc", "CMakeLists.txt"]
    try:
        found, changes = (
            subprocess.run(each, cwd=HERE.parent, capture_output=True, text=True, check=True).stdout.strip()
            for each in (command, changed)
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f" ({found}{', changed since' if changes else ''})"


# --- words ---------------------------------------------------------------------------------------------------------
def heading(run: Run) -> list[str]:
    """Return the lines over the tables."""
    m = run["machine"]
    busy = " (it is BUSY: trust no time)" if m["load"] > BUSY else ""
    lines = [
        f"Date: {run['date']}; size: {run['size']}; threads of each tool: {run['threads']}",
        f"Machine: {m['cpu']}, {m['cores']} cores, {m['ram_gib']} GiB, {m['system']}",
        f"Load before: {m['load']:.2f}{busy}",
        "Versions: " + ", ".join(f"{name} {version}" for name, version in run["versions"].items()),
    ]
    return [f"- {line}" for line in lines] + [""]


def body(run: Run) -> list[str]:
    """Return the tables and the goals."""
    parts = [line for name, part in PARTS.items() if name in run for line in part.table(run[name])]
    return [*[line for result in run["workloads"] for line in results.table(result)], *parts, *verdicts(run)]


def verdicts(run: Run) -> list[str]:
    """Return the lines about the goals."""
    lines = goals.of_workloads(run["workloads"]) if run["size"] == "full" else []
    for name, part in PARTS.items():
        lines += part.reached(run[name]) if name in run and run["size"] == "full" else []
    note = "Ratios are medians of the ratios within a round. Goals:"
    return [note, "", *[f"- {line}" for line in lines or ["not in this run"]]]


def wrong(run: Run) -> list[str]:
    """Return a line for each tool that failed or came to something else than the others."""
    return results.wrong(run["workloads"]) + [
        line for name, part in PARTS.items() if name in run for line in part.wrong(run[name])
    ]


# --- files ---------------------------------------------------------------------------------------------------------
def write(run: Run, folder: Path) -> list[str]:
    """Write results.json, results.md and, with matplotlib, the charts; return their names."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(dumped(run), encoding="utf-8")
    (folder / "results.md").write_text("\n".join([*heading(run), *body(run)]) + "\n", encoding="utf-8")
    names = ["results.json", "results.md"]
    try:
        return names + charts(run, folder, ("svg", "png"))
    except ImportError:
        return [*names, "no charts, for matplotlib is not installed"]


def publish(run: Run, folder: Path = PUBLISHED) -> None:
    """Write the page, its charts and its results to docs/benchmarks."""
    charts(run, folder, ("svg",))
    (folder / "results.json").write_text(dumped(run), encoding="utf-8")
    (folder / "README.md").write_text(page(run), encoding="utf-8")


def page(run: Run) -> str:
    """Return the text of the page."""
    pictures = {"results": "Times for each workload and tool", "scaling": "Times by size"}
    shown = [f"![{what}]({name}.svg)\n" for name, what in pictures.items() if name in drawn(run)]
    return "\n".join([HEAD.format(command=run["command"]), *shown, *heading(run), *body(run)]) + "\n"


def dumped(run: Run) -> str:
    """Return JSON with a list of numbers on one line."""
    text = json.dumps(run, indent=1)
    return re.sub(r"\[([^][{}\"]*)\]", lambda numbers: f"[{' '.join(numbers[1].split())}]", text) + "\n"


def drawn(run: Run) -> list[str]:
    """Return the names of the charts that a run has."""
    return [name for name, there in {"results": run["workloads"], "scaling": "scaling" in run}.items() if there]


def charts(run: Run, folder: Path, kinds: tuple[str, ...]) -> list[str]:
    """Draw what there is; return the files' names. ImportError without matplotlib."""
    import chart

    title = f"{run['machine']['cpu']}, {run['threads']} threads; {run['size']} size; {run['date'][:10]}"
    for name in drawn(run):
        paths = [folder / f"{name}.{kind}" for kind in kinds]
        if name == "results":
            chart.bars(run["workloads"], title, paths)
        else:
            chart.curves(run["scaling"]["curves"], title, paths)
    return [f"{name}.{kind}" for name in drawn(run) for kind in kinds]
