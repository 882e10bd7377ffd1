"""More than one machine: accuracy of local SGD, what a round and a step cost, and a simulation of up to 1,000 workers.

    python benchmarks/scale.py [--quick] [--only accuracy,rounds,mpi,simulation] [--out docs/benchmarks/scale.md]

All is measured on this machine, workers being processes of it; what a network between machines would cost is the
bandwidth and latency in ``LINKS``, which are assumptions, and are called so. Times are medians, with quartiles.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from statistics import mean, median, quantiles

import numpy as np

from neural import Callback, CategoricalCrossentropy, DenseLayer, NeuralNetwork
from neural.datasets import fashion_mnist
from neural.engine import Data
from neural.optimizers import SGD
from neural.rounds import Plan, Round

PARTS = ("accuracy", "rounds", "mpi", "simulation")
LINKS = {"1 Gbit/s": (125e6, 100e-6), "10 Gbit/s": (1250e6, 50e-6)}  # bytes a second, seconds of a message: assumed
SIZES = {"small": (32, 10), "middle": (784, 100, 10), "large": (784, 512, 512, 10)}
SPREAD, RARE, SLOW = 0.1, 0.001, 10.0  # of a worker's time in a round: log-normal; how often, how many times as long
ALONE = "one machine (`net.fit`)"
AT_ONCE = 16  # outcomes that one task averages, as in neural.distributed
BATCH = 64
Seconds = list[float]


def main() -> None:
    """Measure what is asked for, and print a page in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few rows and rounds: to see that it runs")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas in between")
    parser.add_argument("--out", type=Path, help="a file for the page")
    parser.add_argument("--rank", action="store_true", help=argparse.SUPPRESS)  # started by mpirun, below
    options = parser.parse_args()
    if options.rank:
        return steps_of_a_rank(options.quick)
    wanted = options.only.split(",")
    if set(wanted) - set(PARTS):
        parser.error(f"--only is of {', '.join(PARTS)}")
    lines = ["# Scale: a run of `benchmarks/scale.py`", "", machine(), ""]
    found: dict[str, float] = {}
    for part in PARTS:
        if part in wanted:
            print(f"{part} ...", file=sys.stderr)
            lines += {"accuracy": accuracy, "rounds": rounds, "mpi": mpi, "simulation": simulation}[part](
                options.quick, found
            )
    text = "\n".join(lines).rstrip() + "\n"
    print(text)
    if options.out:
        options.out.write_text(text, encoding="utf-8")


def machine() -> str:
    """Return what the figures were taken on."""
    from importlib import metadata

    cpu = Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in cpu.read_text().splitlines() if line.startswith("model name")]
    there = [name for name in ("dask", "distributed", "mpi4py", "numpy") if _installed(name)]
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in there)
    load = f"load {os.getloadavg()[0]:.1f} when it began"
    cpu = names[0] if names else platform.machine()
    return f"{cpu}, {os.cpu_count()} cores, {load}; {versions}, Python {platform.python_version()}."


def _installed(name: str) -> bool:
    from importlib.util import find_spec

    return find_spec(name) is not None


def spread(seconds: Seconds) -> str:
    """Return a median in milliseconds, and the quartiles around it."""
    low, _, high = quantiles(seconds, n=4)
    return f"{1e3 * median(seconds):.2f} ({1e3 * low:.2f} to {1e3 * high:.2f})"


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """Return the lines of a table."""
    return ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)] + [""]


def network(widths: tuple[int, ...], seed: int = 0, scale: float | None = None) -> NeuralNetwork:
    """Return a network of these widths: relu, softmax at the end."""
    layers = [DenseLayer(a, b, "relu") for a, b in itertools.pairwise(widths[:-1])]
    layers.append(DenseLayer(widths[-2], widths[-1], "softmax"))
    return NeuralNetwork(layers, CategoricalCrossentropy(), input_scale=scale, random_state=seed)


def noise(widths: tuple[int, ...], n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and labels that have nothing to do with one another."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, widths[0])).astype(np.float32), rng.integers(widths[-1], size=n)


def cluster(workers: int, threads: int = 1):
    """Return a client of processes of this machine."""
    from distributed import Client

    return Client(n_workers=workers, threads_per_worker=threads, processes=True, dashboard_address=":0")


# --- accuracy ------------------------------------------------------------------------------------------------------
def accuracy(quick: bool, found: dict[str, float]) -> list[str]:
    """Train on Fashion-MNIST alone and with two and four workers, and compare what they get right of the test rows."""
    from neural import distributed

    X, y, X_test, y_test, _, _ = fashion_mnist(progress=False)
    X, y = (X[:3000], y[:3000]) if quick else (X, y)
    epochs, seeds = (1, 2) if quick else (20, 3)
    given = {"epochs": epochs, "learning_rate": 1e-3, "batch_size": BATCH, "optimizer": "adam", "verbose": 0}
    got: dict[str, list[float]] = {}
    spent: dict[str, Seconds] = {}

    def run(name: str, seed: int, train) -> None:
        net, began = network(SIZES["middle"], seed, 1 / 255), time.perf_counter()
        train(net)
        spent.setdefault(name, []).append(time.perf_counter() - began)
        got.setdefault(name, []).append(100 * net.evaluate(X_test, y_test, "accuracy")["accuracy"])

    variants: dict[str, dict] = {"": {}, ", outer momentum 0.5": {"outer_momentum": 0.5}}
    with cluster(4) as client:
        for seed in range(seeds):
            run(ALONE, seed, lambda net: net.fit(X, y, **given))
            for workers, (name, more) in itertools.product((2, 4), variants.items()):
                more = {**given, **more, "workers": workers, "client": client}
                run(f"{workers} workers{name}", seed, lambda net, more=more: distributed.fit(net, X, y, **more))
    alone = mean(got[ALONE])
    body = [
        [name, f"{mean(values):.2f}", f"{min(values):.2f} to {max(values):.2f}", f"{mean(values) - alone:+.2f}",
         f"{median(spent[name]):.1f}"]
        for name, values in got.items()
    ]  # fmt: skip
    worst = min(mean(got[f"{workers} workers, outer momentum 0.5"]) for workers in (2, 4)) - alone
    return [
        f"## Accuracy on Fashion-MNIST, {epochs} epochs, {seeds} seeds",
        "",
        f"784-100-10, Adam at 0.001, {BATCH} rows an update of each worker, `every=64` unless it is said; workers are "
        "processes of this machine.",
        "",
        *table(["", "test accuracy, %, mean", "of the seeds", "less one machine", "s, median"], body),
        "Goal: two and four workers, with outer momentum, at most 0.3 points below one machine: "
        f"{'reached' if worst >= -0.3 else 'MISSED'}, {worst:+.2f}.",
        "",
    ]


# --- rounds --------------------------------------------------------------------------------------------------------
class Clock(Callback):
    """Notes when each round ends."""

    def __init__(self) -> None:
        self.times: Seconds = []

    def on_batch_end(self, training) -> None:
        self.times.append(time.perf_counter())

    @property
    def seconds(self) -> Seconds:
        """What each round took but for the first three."""
        return [after - before for before, after in itertools.pairwise(self.times)][2:]


def step_seconds(widths: tuple[int, ...], number: int) -> float:
    """Return what an update takes within a round of 200, on one thread; ``number`` tells tasks apart."""
    net, (X, y) = network(widths).build(), noise(widths, 200 * BATCH)
    plan, data = Plan(net, SGD(), BATCH), Data(X, y.astype(np.int64))
    given = Round(net.params[None].copy(), np.full(200, 0.01), 0, 0, 0, 0, 0)
    began = time.perf_counter()
    plan.run(data, 0, given)
    return (time.perf_counter() - began) / 200


def round_seconds(client, widths: tuple[int, ...], workers: int, every: int, count: int) -> Seconds:
    """Return what rounds take on a cluster."""
    from neural import distributed

    X, y = noise(widths, workers * every * BATCH)
    clock = Clock()
    given = {"workers": workers, "every": every, "callbacks": clock, "verbose": 0}
    distributed.fit(network(widths), X, y, count + 3, 0.01, BATCH, client=client, **given)
    return clock.seconds


def rounds(quick: bool, found: dict[str, float]) -> list[str]:
    """Measure updates and rounds, fit the cost model to some of them, and hold it against the others."""
    count, cores = 4 if quick else 30, os.cpu_count() or 1
    size = {name: network(widths).build().params.nbytes for name, widths in SIZES.items()}
    fitted = [("small", 2, 1), ("small", 16, 1), ("middle", 2, 1), ("large", 2, 1), ("large", 4, 1)]
    checked = [("middle", 4, 1), ("middle", 2, 64), ("middle", 2, 256), ("middle", 4, 256), ("large", 2, 16)]
    steps: dict[str, Seconds] = {name: [] for name in SIZES}
    times: dict[tuple[str, int, int], Seconds] = {case: [] for case in fitted + checked}
    with cluster(2, 8) as client:
        for _, case in itertools.product(range(1 if quick else 3), times):  # in turn, so that all have the same noise
            times[case] += round_seconds(client, SIZES[case[0]], case[1], case[2], count)
            for name, widths in SIZES.items():  # on both processes at once, as in a round
                steps[name] += client.gather(client.map(step_seconds, [widths] * 2, range(2), pure=False))

    def computing(case: tuple[str, int, int]) -> float:
        return case[2] * median(steps[case[0]]) * max(1, case[1] / cores)

    terms = np.array([[1, workers, size[name] * workers] for name, workers, _ in fitted], dtype=float)
    over = np.array([max(median(times[case]) - computing(case), 0) for case in fitted])
    weights = 1 / np.array([median(times[case]) for case in fitted])  # relative errors count
    base, task, byte = np.linalg.lstsq(terms * weights[:, None], over * weights, rcond=None)[0].clip(0).tolist()
    found.update(base=base, task=task, step=median(steps["middle"]), bytes=size["middle"], byte=byte)
    lines = ["## What a round costs", "", "An update of one worker on one thread, while another works beside it:", ""]
    lines += table(
        ["network", "parameters, KB", "ms, median and quartiles"],
        [["-".join(map(str, SIZES[name])), f"{size[name] / 1e3:.0f}", spread(steps[name])] for name in SIZES],
    )
    lines += [
        "The model: a round of k updates takes k t max(1, workers / cores) + base + workers (a + b bytes), with t the "
        "update's time and bytes those of the parameters (SGD). From the rounds marked with a star: "
        f"base {1e3 * base:.1f} ms, a {1e3 * task:.2f} ms a worker, b {1e9 * byte:.2f} ms a MB a worker.",
        "",
    ]
    rows = []
    for case in times:
        name, workers, every = case
        told = computing(case) + base + workers * (task + byte * size[name])
        rows.append(
            [f"{name}{' *' if case in fitted else ''}", str(workers), str(every), spread(times[case]),
             f"{1e3 * told:.2f}", f"{told / median(times[case]):.2f}"]
        )  # fmt: skip
    return lines + table(["network", "workers", "every", "ms a round", "the model's", "ratio"], rows)


# --- MPI -----------------------------------------------------------------------------------------------------------
def mpi(quick: bool, found: dict[str, float]) -> list[str]:
    """Time steps on one and two ranks, and the sum over ranks alone."""
    head = ["## What a step over MPI costs", ""]
    if shutil.which("mpirun") is None or not _installed("mpi4py"):
        return [*head, "Not measured: mpirun or mpi4py is not there.", ""]
    rows = []
    for ranks in (1, 2):
        command = ["mpirun", "--oversubscribe", "-n", str(ranks), sys.executable, "-m", "mpi4py", __file__, "--rank"]
        environment = os.environ | {
            "OMP_NUM_THREADS": "1",
            "OMPI_ALLOW_RUN_AS_ROOT": "1",
            "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        }
        done = subprocess.run(
            [*command, *["--quick"] * quick], capture_output=True, text=True, env=environment, check=True
        )
        for line in done.stdout.splitlines():
            name, batch, step, total = line.split(";")
            rows.append([name, batch, str(ranks), step, total])
            found[f"{name} {ranks}"] = float(step.split()[0]) / 1e3
            found[f"{name} sum"] = float(total.split()[0]) / 1e3
    return head + table(["network", "rows a rank", "ranks", "ms a step", "of which the sum over ranks"], rows)


def steps_of_a_rank(quick: bool) -> None:
    """Run under mpirun: print lines of network; rows; time of a step; time of the sum."""
    from mpi4py import MPI

    from neural.mpi import fit

    comm = MPI.COMM_WORLD
    for name, widths in SIZES.items():
        X, y = noise(widths, BATCH * (10 if quick else 100))
        clock, sums = Clock(), []
        net = network(widths)
        fit(net, X, y, 1, 0.01, BATCH, comm=comm, callbacks=clock, verbose=0)
        values = net.params.copy()
        for _ in range(20 if quick else 200):
            comm.Barrier()
            began = time.perf_counter()
            comm.Allreduce(net.params, values)
            sums.append(time.perf_counter() - began)
        if comm.rank == 0:
            print(name, BATCH, spread(clock.seconds), spread(sums), sep=";", flush=True)


# --- simulation ----------------------------------------------------------------------------------------------------
def simulation(quick: bool, found: dict[str, float]) -> list[str]:
    """Let up to 1,000 workers with stragglers run rounds and steps, with the times that were measured here."""
    if "step" not in found:
        return ["## Simulation", "", "Not run: it takes what `rounds` measures.", ""]
    counts = (1, 2, 4, 16, 64, 256, 1000)
    lines = [
        "## Simulation of up to 1,000 workers",
        "",
        f"784-100-10, {BATCH} rows an update, {1e3 * found['step']:.2f} ms. A worker's time in a round or step is "
        f"log-normal with deviation {SPREAD:g}; once in {1 / RARE:.0f} it takes {SLOW:g} times as long. The scheduler "
        f"hands out a task in {1e3 * found['task']:.2f} ms, one after the other; averages go up a tree of {AT_ONCE}. "
        "Links are assumed, not measured. Numbers are rows a second against one worker alone, in brackets the share of "
        "the workers' time that is spent on updates.",
        "",
    ]
    head, rows, count = ["", *[f"{n:,}" for n in counts]], [], 20 if quick else 300
    for link, (bandwidth, latency) in LINKS.items():
        ways = {f"Dask, every={every}": partial(in_rounds, every) for every in (16, 64, 1024)}
        for name, way in (ways | {"MPI, every update": in_steps}).items():
            speeds = {n: way(n, found, bandwidth, latency, count) for n in counts}
            rows.append([f"{name}, {link}", *[f"{speed:.1f} ({speed / n:.0%})" for n, speed in speeds.items()]])
    lines += table(head, rows)
    least = []
    for link, (bandwidth, latency) in LINKS.items():
        over = found["base"] + 2 * found["task"] + 4 * (found["bytes"] / bandwidth + latency)
        least.append([link, f"{1e3 * over:.1f}", f"{over / found['step']:.0f}"])
    lines += ["A second worker pays once k t is longer than what a round costs besides, for the same network:", ""]
    return lines + table(["link", "ms of a round besides updates", "so every above"], least)


def slowed(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Return by how much each worker is slower than the median, each time."""
    return np.exp(SPREAD * rng.normal(size=shape)) * np.where(rng.random(shape) < RARE, SLOW, 1.0)


def in_rounds(every: int, workers: int, found: dict[str, float], bandwidth: float, latency: float, count: int) -> float:
    """Return how many times as fast so many workers are as one alone, in rounds under a scheduler."""
    rng = np.random.default_rng(0)
    send, alone = found["bytes"] / bandwidth + latency, every * found["step"]
    if workers == 1:
        return 1 / mean((slowed(rng, count)).tolist())
    total = 0.0
    for slow in slowed(rng, count, workers):
        hops = np.ceil(np.log2(np.arange(workers) + 2))  # who has the parameters hands them on
        ends = found["base"] + found["task"] * np.arange(1, workers + 1) + hops * send + alone * slow
        while len(ends) > 1:
            groups = [ends[k : k + AT_ONCE] for k in range(0, len(ends), AT_ONCE)]
            ends = np.array([max(group) + len(group) * send + found["task"] for group in groups])
        total += ends[0]
    return workers * alone * count / total


def in_steps(workers: int, found: dict[str, float], bandwidth: float, latency: float, count: int) -> float:
    """Return the same where all add up their gradients after each update, around a ring (Patarasuk and Yuan, 2009)."""
    rng = np.random.default_rng(0)
    ring = 2 * (workers - 1) / workers * found["bytes"] / bandwidth + 2 * np.ceil(np.log2(workers)) * latency
    if workers == 1:
        return 1 / mean((slowed(rng, count)).tolist())
    return workers * found["step"] * count / sum(found["step"] * slowed(rng, count, workers).max(axis=1) + ring)


if __name__ == "__main__":
    main()
