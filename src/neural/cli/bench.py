"""``neural bench``: how fast networks train and predict on this machine, on each engine."""

from __future__ import annotations

import copy
import itertools
import time
from statistics import median
from typing import Annotated, Any

import numpy as np
import typer

from neural import DenseLayer, NeuralNetwork, core, n_threads
from neural.cli.answers import Answer, Json, Quiet, table

# name, widths, rows, batch
SIZES: tuple[tuple[str, tuple[int, ...], int, int], ...] = (
    ("a small table", (20, 32, 32, 3), 2000, 32),
    ("small images", (784, 128, 10), 2000, 128),
)
ENGINES = ("core", "numpy")


def bench(
    repeats: Annotated[int, typer.Option(min=1, max=1000, help="Measurements of each; their median is shown.")] = 7,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure how fast this machine trains.

    An epoch of training and a prediction of one row, on the core and on NumPy, in turn.
    """
    answer = Answer(as_json, quiet)
    engines = [name for name in ENGINES if name != "core" or core.FAMILIES]
    if "core" not in engines:
        answer.note("neural: The core was not built here; NumPy alone is measured.")
    found = [measure(*size, engines, repeats) for size in SIZES]
    machine = _machine()
    answer.document({"machine": machine, "repeats": repeats, "results": found})
    head = ("", "engine", "epoch, ms", "rows/s", "one row, µs", "fastest to slowest epoch, ms")
    answer.text(", ".join(f"{name} {value}" for name, value in machine.items()))
    answer.text(table([head, *(row for result in found for row in _rows(result))]))
    answer.text(f"Medians of {repeats}, the engines in turn; float32, Adam.")


def measure(
    name: str, widths: tuple[int, ...], rows: int, batch: int, engines: list[str], repeats: int
) -> dict[str, Any]:
    """Return the seconds of epochs and predictions of one network on each engine, one after the other in turn."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(rows, widths[0])).astype(np.float32), rng.integers(0, widths[-1], rows)
    nets = {engine: _network(widths, engine).build() for engine in engines}
    epochs: dict[str, list[float]] = {engine: [] for engine in engines}
    predictions: dict[str, list[float]] = {engine: [] for engine in engines}
    options: dict[str, Any] = {"epochs": 1, "batch_size": batch, "optimizer": "adam", "verbose": 0}
    for _ in range(repeats + 1):
        for engine, net in nets.items():
            twin = copy.deepcopy(net)
            epochs[engine].append(_seconds(lambda twin=twin: twin.fit(X, y, **options)))
            predictions[engine].append(_seconds(lambda net=net: [net.predict(X[:1]) for _ in range(100)]) / 100)
    return {
        "network": name,
        "widths": list(widths),
        "rows": rows,
        "batch_size": batch,
        "epoch_seconds": {engine: times[1:] for engine, times in epochs.items()},  # the first touches the memory
        "predict_seconds": {engine: times[1:] for engine, times in predictions.items()},
    }


def _network(widths: tuple[int, ...], engine: str) -> NeuralNetwork:
    hidden = [DenseLayer(n_in, n_out, "relu") for n_in, n_out in itertools.pairwise(widths[:-1])]
    last = DenseLayer(widths[-2], widths[-1], "softmax")
    return NeuralNetwork([*hidden, last], "categorical_crossentropy", engine=engine, random_state=0)


def _seconds(function: Any) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def _rows(result: dict[str, Any]) -> list[tuple[str, ...]]:
    about = f"{result['network']}, {' - '.join(map(str, result['widths']))}, batch {result['batch_size']}"
    rows: list[tuple[str, ...]] = []
    for engine, times in result["epoch_seconds"].items():
        middle, one = median(times), median(result["predict_seconds"][engine])
        spread = f"{min(times) * 1e3:.2f} to {max(times) * 1e3:.2f}"
        rows.append(
            (about, engine, f"{middle * 1e3:.2f}", f"{result['rows'] / middle:,.0f}", f"{one * 1e6:.1f}", spread)
        )
        about = ""
    return rows


def _machine() -> dict[str, Any]:
    from neural.record import describe_machine

    return {**describe_machine(), "threads": n_threads()}
