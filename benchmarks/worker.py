"""One tool in a process of its own, and the pipe on which it is told to run.

    python worker.py TASK TOOL

A line of JSON in is a request: {"prepare": a workload}, or {"unit": whether what it came to is wanted too}. A line
out answers. Between two lines the process sleeps.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent / "src"  # the checkout is measured, installed or not


class Worker:
    """The other end of the pipe: starts the process, asks, and says why if it died."""

    def __init__(self, task: str, tool: str, threads: int) -> None:
        self.errors = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 (closed by close)
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), task, tool],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True, env=environment(threads),
        )  # fmt: skip

    def ask(self, what: str, given: Any) -> None:
        """Send a request."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has died, and the answer says of what
            print(json.dumps({what: given}), file=self.process.stdin, flush=True)

    def answer(self) -> dict[str, Any]:
        """Return the next answer; RuntimeError with the last line of complaint if there is none."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if line:
            return dict(json.loads(line))
        self.process.wait()
        self.errors.seek(0)
        complaint = self.errors.read().strip().splitlines() or [f"it ended with {self.process.returncode}"]
        raise RuntimeError(complaint[-1])

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()
        self.errors.close()


def environment(threads: int) -> dict[str, str]:
    """Return the environment that holds every library to so many threads, which sleep when there is nothing to do."""
    numbers = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NPROC")
    one_thread = {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"} if threads == 1 else {}
    given = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {  # modules are kept compiled, as an installation has them
        **given, **dict.fromkeys(numbers, str(threads)), **one_thread,
        "OMP_WAIT_POLICY": "passive", "JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": "",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(SOURCE), os.environ.get("PYTHONPATH")])),
    }  # fmt: skip


def serve(task: str, name: str) -> None:
    """Answer until the pipe is closed."""
    from tools import TOOLS
    from workloads import decoded

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not get between the answers
    workload: Any = None
    tool: Any = None
    for line in sys.stdin:
        request, answer = json.loads(line), {}
        if "prepare" in request:
            workload, tool = decoded(request["prepare"]), TOOLS[task][name].load()
            tool.prepare(workload)
        else:
            answer = unit(tool)
            answer |= workload.check(tool) if request["unit"] else {}
        print(json.dumps(answer), file=answers, flush=True)


def unit(tool: Any) -> dict[str, Any]:
    """Run one unit; return its seconds and the cost of the last epoch, if there is one."""
    tool.reset()
    started = time.perf_counter()
    costs = tool.unit()
    return {"seconds": time.perf_counter() - started, "cost": costs[-1] if costs else None}


if __name__ == "__main__":
    serve(*sys.argv[1:])
