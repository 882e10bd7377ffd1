"""Train and predict with the same networks in several tools, and compare their times. README.md: what makes it fair.

    python benchmarks/bench.py                     everything, some twenty minutes on two cores
    python benchmarks/bench.py --quick             a minute: some of it, smaller, one round
    python benchmarks/bench.py --check             no times: do all tools come to the same?
    python benchmarks/bench.py --only W1 --tools neural,torch --rounds 15 --threads 1
    python benchmarks/bench.py --publish           everything, and the page in docs/benchmarks made of it
    python benchmarks/bench.py --render bench/results.json    no run: tables and charts of one that was made

Tables are printed; the same, charts and every single time are written to a folder.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from worker import SOURCE

sys.path.insert(0, str(SOURCE))

import page
import results
import rounds
from page import PARTS
from tools import NAMES, TOOLS, default
from workloads import ALL

import neural

QUICK = ("W1-relu", "W2", "W6-row-W1", "process", "load", "scaling")


def main(argv: list[str] | None = None) -> int:
    """Run what the arguments say; return 1 if a tool failed or came to something else."""
    options = parse(argv)
    run = json.loads(options.render.read_text(encoding="utf-8")) if options.render else measured(options)
    faults = page.wrong(run)
    empty = not run["workloads"] and not any(name in run for name in PARTS)
    if run["size"] != "check" and not empty:
        files = page.write(run, options.out)
        print(*page.verdicts(run), "", f"Written to {options.out}: {', '.join(files)}", sep="\n")
    if options.publish:
        good = run["size"] == "full" and not (faults or empty)
        if good:
            page.publish(run)
        print(f"Published in {page.PUBLISHED}" if good else "Not published: only a run of full size without faults is")
    print(*faults, sep="\n", end="\n" if faults else "")
    return 1 if faults or empty else 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Return the arguments, with ``only`` as whole names, ``cores`` and ``size`` worked out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = (*ALL, *PARTS)
    parser.add_argument("--only", type=listed, help=f"some of: {', '.join(known)}; W1 is all whose names begin so")
    parser.add_argument("--tools", type=listed, help=f"some of: {', '.join(NAMES)}")
    parser.add_argument("--rounds", type=int, help="of each (default: 9 of the small ones, 3 of the largest)")
    parser.add_argument("--threads", type=int, default=page.cores(), help="of each tool (default: as many as cores)")
    parser.add_argument("--out", type=Path, default=Path("bench"), help="folder for the results (default: bench)")
    parser.add_argument("--publish", action="store_true", help="make the page in docs/benchmarks of this run")
    size = parser.add_mutually_exclusive_group()
    for name, what in {"quick": "some of it, smaller, one round", "check": "compare only, no times"}.items():
        size.add_argument(f"--{name}", dest="size", action="store_const", const=name, help=what)
    size.add_argument("--render", type=Path, metavar="FILE", help="show the results.json of an earlier run")
    options = parser.parse_args(argv)
    options.size, options.cores, options.command = options.size or "full", page.cores(), command(argv)
    asked = options.only or {"full": known, "quick": QUICK, "check": ("W",)}[options.size]
    unknown = [part for part in asked if not any(name.startswith(part) for name in known)]
    if unknown := unknown + [name for name in options.tools or [] if name not in NAMES]:
        parser.error(f"there is no {', '.join(unknown)}")
    if options.publish and options.size != "full":
        parser.error("what is published is a run at full size")
    options.only = [name for name in known if name.startswith(tuple(asked))]
    return options


def listed(text: str) -> list[str]:
    """Return the parts of a list with commas."""
    return [part for part in text.split(",") if part]


def command(argv: list[str] | None) -> str:
    """Return the command that this is."""
    return " ".join(["python benchmarks/bench.py", *(sys.argv[1:] if argv is None else argv)])


def measured(options: argparse.Namespace) -> page.Run:
    """Run everything that is asked for, print it as it comes, and return it."""
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    run: page.Run = {"command": options.command, "date": now, "size": options.size, "threads": options.threads}
    run |= {"machine": page.machine(), "versions": page.versions(), "workloads": []}
    print(*page.heading(run), sep="\n", flush=True)
    for name in options.only:
        settings = argparse.Namespace(**vars(options) | {"tools": tools_of(name, options.tools)})
        if (found := attempt(name, settings)) is not None:
            if name in PARTS:
                run[name], lines = found, PARTS[name].table(found)
            else:
                run["workloads"].append(found)
                lines = results.table(found)
            if options.size == "check":
                lines = [f"{name}: ran"] if name in PARTS else results.said(found)
            print(*lines, sep="\n", flush=True)
    return run


def tools_of(name: str, asked: list[str] | None) -> list[str]:
    """Return the tools that take part in a workload or another measurement."""
    there = PARTS[name].TOOLS if name in PARTS else TOOLS[ALL[name].task]
    usual = there if name in PARTS else default(ALL[name].task)
    return [tool for tool in there if tool in (asked or usual)]


def attempt(name: str, settings: argparse.Namespace) -> Any:
    """Return what was measured; None, and a line that says why, where nothing can be."""
    why = "" if settings.tools else "it is about other tools"
    try:
        if settings.tools:
            return PARTS[name].measure(settings) if name in PARTS else rounds.measure(ALL[name], settings)
    except (ImportError, neural.DataUnavailable) as error:
        why = str(error)
    print(f"**{name}**: skipped: {why}\n", flush=True)
    return None


if __name__ == "__main__":
    sys.exit(main())
