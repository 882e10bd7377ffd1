"""One tool trains W1 once in a process that begins here; process.py times it from outside.

    python cold.py TOOL FOLDER

FOLDER holds the rows and their order. A line of JSON is the answer: the mean cost, and the memory that training added.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

from tools import TOOLS
from workloads import WORKLOADS

STATUS, FORGET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def main(name: str, folder: str) -> None:
    """Import the tool, read the rows, train, and answer."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    tool = TOOLS["train"][name].load()
    workload = replace(WORKLOADS["W1-relu"], folder=folder)
    workload.load()
    before = resident("VmRSS")
    if before is not None:
        FORGET.write_text("5")  # the greatest so far counts from here
    tool.prepare(workload)
    tool.reset()
    cost = tool.unit()[-1]
    after = resident("VmHWM")
    added = None if before is None or after is None else after - before
    print(json.dumps({"cost": cost, "memory": added}), file=answers, flush=True)


def resident(what: str) -> int | None:
    """Return the bytes of memory this process has (VmRSS) or had at most (VmHWM); None where Linux does not say."""
    if not STATUS.exists():
        return None
    (line,) = [line for line in STATUS.read_text().splitlines() if line.startswith(what)]
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
