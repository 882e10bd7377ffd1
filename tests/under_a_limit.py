"""Trains on a file under a limit of memory, as a process of its own: python -m tests.under_a_limit FILE MEGABYTES.

The limit is on what can be written to (RLIMIT_DATA: heap, stacks, copies), beyond what the process has once everything
is imported and a tiny file of the same kind was read, so that the pools and threads of Arrow are there.
"""

import os
import resource
import sys
import tempfile

import numpy as np

import neural
from neural import stream

WINDOW = 1 << 13
WIDTH = 20


def write(path, n, seed=0):
    """Write n rows of a linear problem in some thousand at a time: X and its last column y, float32."""
    rng, names = np.random.default_rng(seed), [*(f"x{k}" for k in range(WIDTH)), "y"]
    suffix, sink = os.path.splitext(path)[1], None
    for start in range(0, n, 50_000):
        X = rng.integers(-99, 100, size=(min(50_000, n - start), WIDTH)).astype(np.float32) / 64
        block = np.hstack([X, X[:, :1] - X[:, 1:2]])
        if suffix == ".npy":
            sink = np.lib.format.open_memmap(path, "w+", np.float32, (n, WIDTH + 1)) if sink is None else sink
            sink[start : start + len(block)] = block
            continue
        import pyarrow as pa
        from pyarrow import csv, parquet

        table = pa.table(dict(zip(names, block.T.copy(), strict=True)))
        if sink is None:
            sink = (parquet.ParquetWriter if suffix == ".parquet" else csv.CSVWriter)(path, table.schema)
        sink.write_table(table)
    if suffix != ".npy":
        sink.close()


def rows_of(path):
    """Return the rows of a file by its suffix."""
    if path.endswith(".npy"):
        mapped = np.load(path, mmap_mode="r")
        return stream.arrays(mapped[:, :-1], mapped[:, -1], window=WINDOW)
    return {".parquet": stream.parquet, ".csv": stream.csv}[os.path.splitext(path)[1]](path, "y", window=WINDOW)


def fit(path, epochs):
    """Return the costs of a fit to a file, and the loss of its network in the end."""
    rows = rows_of(path)
    layers = [neural.DenseLayer(WIDTH, 4, "tanh"), neural.DenseLayer(4, 1)]
    net = neural.NeuralNetwork(layers, "mse", random_state=0)
    history = net.fit(rows, epochs=epochs, batch_size=256, learning_rate=0.05, verbose=0, n_threads=1)
    return [*history, net.evaluate(rows)["loss"]]


def data_bytes():
    """Return what this process has of memory that can be written to, as the kernel counts it for RLIMIT_DATA."""
    with open("/proc/self/status") as status:
        return int(next(line.split()[1] for line in status if line.startswith("VmData"))) * 1024


def main(path, megabytes):
    """Print the costs of a fit under the limit, and whether an array of that many rows is refused."""
    with tempfile.TemporaryDirectory() as folder:
        small = os.path.join(folder, "small" + os.path.splitext(path)[1])
        write(small, 1000)
        fit(small, 1)
    resource.setrlimit(resource.RLIMIT_DATA, (data_bytes() + (megabytes << 20),) * 2)
    costs = fit(path, 2)
    try:
        np.ones((len(rows_of(path)), WIDTH), np.float32)  # half of it is enough, where the file is text
        refused = False
    except MemoryError:
        refused = True
    print(*costs, refused)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
