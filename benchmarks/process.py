"""What a whole process costs: imports, a cold start, memory, and what is on the disk."""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

import goals
import tools
from data import SEED
from results import markdown
from rounds import show
from worker import HERE, environment
from workloads import TOLERANCE, WORKLOADS, Workload

import neural

LIBRARIES = {  # the tool: its name here, what a program imports, what is installed
    "numpy": ("NumPy", "numpy", "numpy"),
    "neural-core": ("neural", "neural", "neural-dense"),
    "neural": ("neural without its core", "neural", "neural-dense"),
    "torch": ("PyTorch", "torch", "torch"),
    "jax": ("JAX", "jax", "jax"),
    "sklearn": ("scikit-learn", "sklearn.neural_network", "scikit-learn"),
}
TOOLS = tuple(LIBRARIES)
ROUNDS = {"full": 5, "quick": 1, "check": 1}
IMPORT = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"
MB = 1e6

Part = dict[str, Any]  # libraries, each with title and lists of seconds; wheel; about


def measure(options: argparse.Namespace) -> Part:
    """Measure all libraries that are installed; a first round is not counted, it fills the system's cache of files."""
    libraries = {name: {"title": LIBRARIES[name][0]} for name in chosen(options.tools)}
    rounds = options.rounds or ROUNDS[options.size]
    workload = replace(WORKLOADS["W1-relu"].sized(options.size), epochs=1)
    about = f"a process trains W1-relu once (an epoch of {len(workload.y):,} rows)"
    part: Part = {"about": about, "threads": options.threads, "libraries": libraries}
    collect(libraries, "import", rounds, lambda name: {"seconds": imported(name, options.threads)})
    with tempfile.TemporaryDirectory() as folder:
        trained = workload.save(Path(folder))
        training = {name: library for name, library in libraries.items() if name in tools.TOOLS["train"]}
        collect(training, "cold", rounds, lambda name: started(name, trained, options.threads))
    if options.size == "full":
        for name, library in libraries.items():
            library |= sizes(LIBRARIES[name][2])
        wheels = sorted((HERE.parent / "dist").glob("*.whl"), key=lambda path: path.stat().st_size)  # with core: last
        part["wheel"] = {"name": wheels[-1].name, "bytes": wheels[-1].stat().st_size} if wheels else None
    return part


def chosen(names: list[str]) -> list[str]:
    """Return the libraries that are wanted and there; neural's core stands for neural, where it was built."""
    wanted = dict.fromkeys(("numpy", *names))
    there = [name for name in wanted if name == "numpy" or not tools.TOOLS["train"][name].why_not(None)]
    return [name for name in there if name != "neural" or "neural-core" not in there]


def collect(libraries: Part, what: str, rounds: int, once: Callable[[str], dict[str, Any]]) -> None:
    """Run each once a round, in random order, and append what it answers to lists under ``what``."""
    rng = random.Random(f"{SEED} {what}")
    for number in range(rounds + 1):
        for name in rng.sample(sorted(libraries), len(libraries)):
            show(f"process, {what}: round {number} of {rounds}, {name}")
            library = libraries[name]
            try:
                found = once(name)
            except RuntimeError as error:
                library["failed"] = f"failed: {error}"
                continue
            for key, value in found.items() if number else ():
                library.setdefault(what, {}).setdefault(key, []).append(value)
    show("")


def imported(name: str, threads: int) -> float:
    """Return how long an import takes in an interpreter that has just started."""
    return float(run([sys.executable, "-c", IMPORT.format(LIBRARIES[name][1])], threads)[0])


def started(name: str, workload: Workload, threads: int) -> dict[str, Any]:
    """Return the seconds from the start of a process until it has trained, and what it says then."""
    line, seconds = run([sys.executable, str(HERE / "cold.py"), name, workload.folder], threads)
    return {"seconds": seconds, **json.loads(line)}


def run(command: list[str], threads: int) -> tuple[str, float]:
    """Return the line that a process answers, and the seconds until then; RuntimeError with its complaint if none."""
    begun = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(threads)
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        seconds = time.perf_counter() - begun
        _, errors = process.communicate()
    if not line:
        raise RuntimeError((errors.strip().splitlines() or [f"it ended with {process.returncode}"])[-1])
    return line, seconds


# --- on the disk ---------------------------------------------------------------------------------------------------
def sizes(name: str) -> dict[str, int | None]:
    """Return the bytes of a distribution, alone and with all it needs; bytecode is not counted."""
    try:
        all_of_it = {need: size(need) for need in with_needs(name)}
    except ImportError:  # packaging, which reads requirements, is not there
        return {"installed": size(name), "with needs": None}
    return {"installed": all_of_it[name], "with needs": sum(all_of_it.values())}


def size(name: str) -> int:
    """Return the bytes of the files of a distribution."""
    if name == "neural-dense":  # its record, if it is a checkout, holds a pointer to this folder alone
        paths: Iterable[Path] = ours()
    else:
        paths = [Path(str(file.locate())) for file in metadata.files(name) or ()]
    return sum(path.stat().st_size for path in paths if path.suffix != ".pyc" and path.is_file())


def ours() -> set[Path]:
    """Return the files of the package, and of its core wherever that was built."""
    folder, core = Path(neural.__file__).resolve().parent, getattr(neural.core._core, "__file__", None)
    files = {path for path in folder.rglob("*") if not any(part[0] == "." for part in path.relative_to(folder).parts)}
    return files | ({Path(core).resolve()} if core else set())


def with_needs(name: str) -> list[str]:
    """Return a distribution and all that it needs, and what that needs, as far as it is installed."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    found, todo = {name: True}, [name]
    while todo:
        for line in requirements(todo.pop()):
            need = Requirement(line)
            known = canonicalize_name(need.name)
            if known not in found and (need.marker is None or need.marker.evaluate({"extra": ""})):
                found[known] = is_there(known)
                todo += [known] if found[known] else []
    return [name for name, there in found.items() if there]


def requirements(name: str) -> list[str]:
    """Return a distribution's lines of requirements; ours are those of a checkout if it is not installed."""
    return (metadata.requires(name) or []) if is_there(name) else ["numpy"]


def is_there(name: str) -> bool:
    """Whether a distribution is installed."""
    try:
        return bool(metadata.version(name))
    except metadata.PackageNotFoundError:
        return False


# --- what it says --------------------------------------------------------------------------------------------------
def over(part: Part, name: str, base: str = "numpy") -> float | None:
    """Return the median, over the rounds, of one import's seconds less those of the other."""
    ours, theirs = (part["libraries"].get(one, {}).get("import", {}).get("seconds") for one in (name, base))
    if name == base or not (ours and theirs):
        return None
    return median(a - b for a, b in zip(ours, theirs, strict=True))


def middle(library: dict[str, Any], what: str, key: str) -> float | None:
    """Return the median of one of the lists; None if it is not there."""
    values = library.get(what, {}).get(key, [])
    return None if not values or None in values else median(values)


def wrong(part: Part) -> list[str]:
    """Return a line for each library that failed, or whose cost is not that of the first one."""
    lines = [f"process, {n}: {lib['failed']}" for n, lib in part["libraries"].items() if lib.get("failed")]
    costs = {name: cost for name, lib in part["libraries"].items() if (cost := middle(lib, "cold", "cost")) is not None}
    costs.pop("sklearn", None)  # draws its own start
    first = next(iter(costs.values()), 0.0)
    near = TOLERANCE["sgd"] * abs(first)
    return lines + [f"process, {n}: DIFFERS, cost {c:.6g}" for n, c in costs.items() if not abs(c - first) <= near]


def table(part: Part) -> list[str]:
    """Return the lines of Markdown."""
    head = [
        "",
        "import s",
        "over NumPy's s",
        "start to trained s",
        "memory MB",
        "installed MB",
        "with its needs MB",
        "",
    ]
    rows = []
    for name, lib in part["libraries"].items():
        memory = middle(lib, "cold", "memory")
        bytes_of = [None if (found := lib.get(key)) is None else found / MB for key in ("installed", "with needs")]
        seconds = [middle(lib, "import", "seconds"), over(part, name), middle(lib, "cold", "seconds")]
        cells = ["" if value is None else f"{value:.3f}" for value in seconds]
        cells += ["" if value is None else f"{value:.1f}" for value in (memory and memory / MB, *bytes_of)]
        rows.append([lib["title"], *cells, lib.get("failed", "")])
    return [
        f"**process**: {part['about']}; medians; memory is the most over what it is after the import, with the rows in",
        "", *markdown(head, rows), *wheel(part),
    ]  # fmt: skip


def wheel(part: Part) -> list[str]:
    """Return the line about the wheel, if there is one."""
    found = part.get("wheel")
    return [f"The wheel {found['name']} has {found['bytes'] / MB:.2f} MB.", ""] if found else []


def reached(part: Part) -> list[str]:
    """Return a line for each goal."""
    name = "neural-core" if "neural-core" in part["libraries"] else "neural"
    library, found = part["libraries"].get(name, {}), part.get("wheel")
    memory = middle(library, "cold", "memory")
    return [
        *goals.of_part("import", "import of neural, over NumPy's", over(part, name)),
        *goals.of_part("cold start", "process start to trained W1", middle(library, "cold", "seconds")),
        *goals.of_part("memory", "memory to train W1, over its rows", None if memory is None else memory / MB),
        *goals.of_part("wheel", "the wheel", found["bytes"] / MB if found else None),
    ]
