"""What it costs to train on rows from a file beside the same rows in memory: the time per row of each, and the ratio.

python benchmarks/streaming.py [--rows 400000] [--rounds 7] [--epochs 3]

Each round fits some epochs to each kind of rows in turn; the first round is not counted. Streams have a window of
50,000 rows. The file is in the cache of the system: the reading of a disk is not measured, the reading of a file is.
Parquet is written as PyArrow does unless told otherwise, and without dictionaries.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import tempfile
import time
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np
import page
import pyarrow
from pyarrow import csv, parquet
from results import markdown

import neural
from neural import DenseLayer, NeuralNetwork, stream
from neural.windows import Stream

WINDOW, GROUP = 50_000, 25_000  # rows of a window, and of a row group
KINDS = ("npy", "parquet", "plain.parquet", "csv")
NETWORKS = {"20-64-1": (20, 64, 1), "20-64-32-1": (20, 64, 32, 1), "100-128-64-1": (100, 128, 64, 1)}


def written(folder: str, X: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """Return the rows as each kind of stream of a file in the folder."""
    table = pyarrow.table({f"x{k}": column for k, column in enumerate(X.T)} | {"y": y})
    paths = {kind: os.path.join(folder, f"rows{X.shape[1]}.{kind}") for kind in KINDS}
    np.save(paths["npy"], X)
    parquet.write_table(table, paths["parquet"], row_group_size=GROUP)
    parquet.write_table(table, paths["plain.parquet"], row_group_size=GROUP, use_dictionary=False)
    csv.write_csv(table, paths["csv"])
    found = {
        "arrays, mapped": stream.arrays(np.load(paths["npy"], mmap_mode="r"), y, window=WINDOW),
        "Parquet": stream.parquet(paths["parquet"], "y", window=WINDOW),
        "Parquet, no dictionaries": stream.parquet(paths["plain.parquet"], "y", window=WINDOW),
        "CSV": stream.csv(paths["csv"], "y", window=WINDOW),
    }
    return found | {f"{kind}, cached": stream.cached(found[kind], folder) for kind in ("Parquet", "CSV")}


def network(widths: tuple[int, ...]) -> NeuralNetwork:
    """Return a network of ReLU units with one output."""
    hidden = [DenseLayer(n, m, "relu") for n, m in pairwise(widths[:-1])]
    return NeuralNetwork([*hidden, DenseLayer(widths[-2], 1)], "mse", random_state=0)


def measured(widths: tuple[int, ...], kinds: dict[str, Any], rounds: int, epochs: int) -> dict[str, list[float]]:
    """Return the seconds of an epoch in each round's fit, for each kind of rows."""
    nets, seconds = {name: network(widths) for name in kinds}, {name: list[float]() for name in kinds}
    for _ in range(rounds + 1):
        for name, given in kinds.items():
            started = time.perf_counter()
            nets[name].fit(*given, epochs=epochs, batch_size=128, learning_rate=0.01, verbose=0)
            seconds[name].append((time.perf_counter() - started) / epochs)
    return {name: found[1:] for name, found in seconds.items()}


def of_reading(rows: Any) -> float:
    """Return the seconds of the processor to read all windows, the least of three; 0.0 for rows in memory."""
    found = [math.inf if isinstance(rows, Stream) else 0.0]
    for _ in range(3 * isinstance(rows, Stream)):
        started = time.process_time()
        for _window in rows.windows(np.arange(len(rows.counts)), WINDOW, np.float32):
            pass
        found.append(time.process_time() - started)
    return min(found)


def main() -> None:
    """Print a table for each network."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=400_000)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--epochs", type=int, default=3)
    given = options.parse_args()
    print(f"neural {neural.__version__}, PyArrow {pyarrow.__version__}, NumPy {np.__version__}, Python", end=" ")
    found = page.machine()
    print(f"{platform.python_version()}; {found['cpu']}, {found['cores']} cores, load {found['load']}", end="; ")
    print(f"{given.rows:,} rows, batches of 128, {given.epochs} epochs a fit, {given.rounds} rounds\n")
    rng, files = np.random.default_rng(0), dict[int, dict[str, Any]]()
    with tempfile.TemporaryDirectory() as folder:
        for name, widths in NETWORKS.items():
            X = rng.normal(size=(given.rows, widths[0])).astype(np.float32)
            y = np.tanh(X[:, 0]) * X[:, 1]
            if widths[0] not in files:
                files[widths[0]] = written(folder, X, y)
            kinds = {"in memory": (X, y)} | {kind: (rows,) for kind, rows in files[widths[0]].items()}
            seconds = measured(widths, kinds, given.rounds, given.epochs)
            base, rows = seconds["in memory"], []
            for kind, found in seconds.items():
                ratios = sorted(mine / other for mine, other in zip(found, base, strict=True))
                spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
                reading = f"{of_reading(kinds[kind][0]) / given.rows * 1e6:.2f}"
                rows.append([kind, f"{median(found) / given.rows * 1e6:.2f}", f"{median(ratios):.2f}", spread, reading])
            heads = [name, "us per row", "times in memory", "spread", "us of CPU to read it"]
            print(*markdown(heads, rows), "", sep="\n", flush=True)


if __name__ == "__main__":
    main()
