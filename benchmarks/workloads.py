"""What every tool is given: the same rows, start weights and order of the rows in each epoch.

Widths, batch and optimizer are those of the table in README.md. Weights are (n_out, n_in), samples are in rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import data
import numpy as np
from data import SEED

LOSS_ROWS = 10_000  # on which the loss after the first unit is measured: a second at most for the largest network
CHECK_ROWS, CHECK_EPOCHS, CHECK_NETWORKS = 300, 2, 4  # of --check; 300 leaves a last short batch of every size here
QUICK = 10  # --quick takes a tenth of the images, of the calls, or of the epochs where there are many
ONE_BY_ONE = 500  # different rows, when they are predicted one by one
TOLERANCE = {"sgd": 1e-3, "adam": 2e-2}  # of the cost, relative; Adam divides by small numbers, so rounding grows
LOOSER = 10  # times, for the loss after the last step: it follows the rounding of every step, the epoch's mean does not
OFF = 5e-5  # of each output, from float64: two tools are then within 1e-4 of each other

Weights = list[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Workload:
    """A network, its data and how it is trained. A unit is ``epochs`` passes over all rows from the start."""

    name: str
    data: str  # a row of DATA
    widths: tuple[int, ...]
    optimizer: str = "sgd"
    batch: int = 128
    epochs: int = 1
    rate: float = 0.1
    activation: str = "relu"
    link: str = "softmax"  # of the outputs, and with it the loss: categorical or binary cross-entropy
    rounds: int = 5
    rows: int | None = None  # the first so many
    made_up: bool = False  # rows of noise of the same shape, which need no files
    networks: int = 1  # each with a start and orders of its own, all on the same rows
    seed: int = SEED  # of the start and the orders
    folder: str = ""  # where ``save`` has put rows and orders, if they are to be read from there

    def sized(self, size: str) -> Workload:
        """Return the workload as it is ("full"), or smaller ("quick", "check")."""
        if size == "check":
            networks = min(self.networks, CHECK_NETWORKS)
            return replace(self, rows=CHECK_ROWS, epochs=CHECK_EPOCHS, made_up=True, networks=networks)
        if size == "quick":
            return replace(self, rows=60_000 // QUICK, epochs=max(1, self.epochs // QUICK))
        return self

    @property
    def task(self) -> str:
        """The row of TOOLS with what can do it."""
        return "train" if self.networks == 1 else "many"

    @property
    def steps(self) -> int:
        """How many updates a unit has, of each network."""
        return self.epochs * -(-len(self.y) // self.batch)

    @property
    def about(self) -> str:
        """One line for people."""
        net, number = "-".join(map(str, self.widths)), "" if self.networks == 1 else f"{self.networks} times "
        unit = f"{self.epochs} epoch{'s' * (self.epochs > 1)}"
        rows = f"made up like {self.data}" if self.made_up else self.data
        return (
            f"{number}{net} {self.activation}, {self.link}; {rows}, {len(self.y):,} rows; batch {self.batch}, "
            f"{self.optimizer}, rate {self.rate:g}; a unit is {unit} = {self.steps:,} steps"
        )

    @property
    def shown(self) -> tuple[str, float]:
        """What the tables show: its unit, and by what the seconds of a unit are multiplied."""
        return "s", 1.0

    @property
    def limits(self) -> dict[str, float]:
        """How far what ``check`` returns may be from PyTorch's, relatively."""
        return {"cost": TOLERANCE[self.optimizer], "loss": LOOSER * TOLERANCE[self.optimizer]}

    # --- the rows --------------------------------------------------------------------------------------------------
    @cached_property
    def _rows(self) -> data.Rows:
        if self.folder:
            return np.load(f"{self.folder}/X.npy"), np.load(f"{self.folder}/y.npy")
        if self.made_up:
            return data.made_up(self.data, self.rows or CHECK_ROWS, self.widths[0], max(2, self.widths[-1]))
        X, y = data.real(self.data)
        return X[: self.rows], y[: self.rows]

    def load(self) -> None:
        """Read or make the rows now; ImportError or DataUnavailable if they are not there."""
        _ = self._rows

    def save(self, folder: Path) -> Workload:
        """Write rows and orders to a folder, and return the workload that reads them from there."""
        for name, array in {"X": self.X, "y": self.y, "orders": self.orders()}.items():
            np.save(folder / f"{name}.npy", array)
        return replace(self, folder=str(folder))

    @property
    def X(self) -> np.ndarray:
        """The rows as they come: uint8 for images, float32 otherwise."""
        return self._rows[0]

    @property
    def y(self) -> np.ndarray:
        """Class numbers, int64 (n,)."""
        return self._rows[1]

    @property
    def scale(self) -> float | None:
        """What X is to be multiplied by."""
        return 1 / 255 if self.X.dtype == np.uint8 else None

    def floats(self, n: int | None = None) -> np.ndarray:
        """Return (the first ``n`` rows of) X in float32, scaled."""
        X = self.X[:n].astype(np.float32)
        if self.scale is not None:
            X *= np.float32(self.scale)
        return X

    # --- where training starts, and what it comes to ---------------------------------------------------------------
    def start(self) -> Weights:
        """Return the weights to start from, float32: He's under ReLU and Xavier's otherwise; biases 0."""
        rng, weights = np.random.default_rng(self.seed), []
        for n_in, n_out in zip(self.widths[:-1], self.widths[1:], strict=True):
            variance = 2 / n_in if self.activation == "relu" else 2 / (n_in + n_out)
            W = rng.standard_normal((n_out, n_in)) * np.sqrt(variance)
            weights.append((W.astype(np.float32), np.zeros(n_out, np.float32)))
        return weights

    def orders(self) -> np.ndarray:
        """Return the order of the rows in each epoch, (epochs, n): those that ``fit`` draws for this seed."""
        if self.folder:
            return np.asarray(np.load(f"{self.folder}/orders.npy"))
        from neural import streams

        seed = streams.seed_from(self.seed)
        return np.stack([streams.epoch_order(seed, epoch, len(self.y)) for epoch in range(self.epochs)])

    def members(self) -> list[Workload]:
        """Return each of the networks as a workload of its own, with a seed of its own."""
        return [replace(self, networks=1, seed=self.seed + number) for number in range(self.networks)]

    def scores(self, weights: Weights, X: np.ndarray) -> np.ndarray:
        """Return what the last layer has before its link; the last layer in float64, the others as X is."""
        z = X
        for W, b in weights[:-1]:
            z = z @ W.T.astype(X.dtype) + b.astype(X.dtype)
            z = np.maximum(z, 0) if self.activation == "relu" else 1 / (1 + np.exp(-z))
        W, b = weights[-1]
        return np.asarray(z.astype(np.float64) @ W.T + b)

    def loss(self, weights: Weights) -> float:
        """Return the mean cross-entropy of a network with these weights, computed alike for every tool."""
        z, y = self.scores(weights, self.floats(LOSS_ROWS)), self.y[:LOSS_ROWS]
        if self.link == "sigmoid":
            return float(np.mean(np.logaddexp(0, z[:, 0]) - z[:, 0] * y))
        return float(np.mean(np.logaddexp.reduce(z, axis=1) - z[np.arange(len(y)), y]))

    def check(self, tool: Any) -> dict[str, Any]:
        """Return what is compared besides the cost: the loss after the unit, of each network if there are many."""
        weights = tool.weights()
        if weights is None:
            return {"loss": None}
        return {"loss": self.loss(weights) if self.networks == 1 else [self.loss(each) for each in weights]}


@dataclass(frozen=True)
class Prediction:
    """The outputs of a network, for NumPy's float32 rows in and NumPy out. A unit is ``calls`` calls."""

    name: str
    of: str  # the workload whose network and data it has
    rows: int  # in a call
    calls: int
    rounds: int = 9
    made_up: bool = False
    task = "predict"
    limits = {"error": OFF}  # noqa: RUF012 (no field: the same for all)

    def sized(self, size: str) -> Prediction:
        """Return the workload as it is ("full"), or smaller ("quick", "check")."""
        if size == "check":
            return replace(self, rows=min(self.rows, CHECK_ROWS), calls=2, made_up=True)
        if size == "quick":
            return replace(self, rows=max(1, self.rows // QUICK), calls=max(1, self.calls // QUICK))
        return self

    @cached_property
    def network(self) -> Workload:
        """The network, with the rows that are predicted."""
        return replace(WORKLOADS[self.of], rows=max(self.rows, ONE_BY_ONE), made_up=self.made_up)

    @property
    def about(self) -> str:
        """One line for people."""
        net, rows = self.network, "one row" if self.rows == 1 else f"{self.rows:,} rows"
        calls = f"{self.calls:,} call{'s' * (self.calls > 1)}"
        return f"predict {rows} with {'-'.join(map(str, net.widths))} {net.activation}, {net.link}; a unit is {calls}"

    @property
    def shown(self) -> tuple[str, float]:
        """What the tables show: its unit, and by what the seconds of a unit are multiplied."""
        return ("µs a call", 1e6 / self.calls) if self.rows == 1 else ("ms a call", 1e3 / self.calls)

    def load(self) -> None:
        """Read or make the rows now; DataUnavailable if they are not there."""
        self.network.load()

    def weights(self) -> Weights:
        """Return the weights to predict with: the start, and biases that are not 0."""
        rng = np.random.default_rng(SEED)
        return [(W, 0.1 * rng.standard_normal(len(b), dtype=np.float32)) for W, b in self.network.start()]

    def inputs(self) -> list[np.ndarray]:
        """Return what the calls are given, (rows, n_in) each, all of them different."""
        X = self.network.floats()
        return [X[first : first + self.rows] for first in range(0, len(X) - self.rows + 1, self.rows)]

    def check(self, tool: Any) -> dict[str, Any]:
        """Return how far the outputs are from those computed in float64, at most."""
        X, outputs = np.concatenate(self.inputs()).astype(np.float64), tool.outputs()
        powers = np.exp((z := self.network.scores(self.weights(), X)) - z.max(axis=1, keepdims=True))
        expected = powers / powers.sum(axis=1, keepdims=True)
        return {"error": float(np.abs(outputs - expected).max()) if outputs.shape == expected.shape else np.inf}


Work = Workload | Prediction


def encoded(work: Work) -> dict[str, Any]:
    """Return a workload as it goes through a pipe."""
    return {"task": work.task, **asdict(work)}


def decoded(given: dict[str, Any]) -> Work:
    """Return the workload that was encoded."""
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    return Prediction(**fields) if fields.pop("task") == "predict" else Workload(**fields)


def table(rows: Sequence[Any]) -> dict[str, Any]:
    """Return the rows by name."""
    return {row.name: row for row in rows}


WORKLOADS: dict[str, Workload] = table((
    Workload("W1-relu", "Fashion-MNIST", (784, 25, 10), rounds=9),
    Workload("W1-sigmoid", "Fashion-MNIST", (784, 25, 10), activation="sigmoid", rounds=9),
    Workload("W2", "moons", (5, 25, 25, 1), batch=64, epochs=100, link="sigmoid", rounds=9),
    Workload("W3", "Fashion-MNIST", (784, 256, 128, 10), "adam", rate=0.001),
    Workload("W4-sgd", "Fashion-MNIST", (784, 1024, 1024, 10), rounds=3),
    Workload("W4-adam", "Fashion-MNIST", (784, 1024, 1024, 10), "adam", rate=0.001, rounds=3),
    Workload("W5-cancer", "breast cancer", (30, 64, 64, 2), "adam", 32, 50, 0.001),
    Workload("W5-digits", "digits", (64, 128, 10), "adam", 32, 50, 0.001),
    Workload("W7", "breast cancer", (30, 64, 64, 2), "adam", 32, 50, 0.001, networks=64, rounds=3),
))  # fmt: skip
PREDICTIONS: dict[str, Prediction] = table((
    Prediction("W6-row-W1", "W1-relu", rows=1, calls=5_000),
    Prediction("W6-rows-W1", "W1-relu", rows=10_000, calls=10),
    Prediction("W6-row-W4", "W4-sgd", rows=1, calls=500),
    Prediction("W6-rows-W4", "W4-sgd", rows=10_000, calls=1, rounds=5),
))  # fmt: skip
ALL: dict[str, Work] = {name: (WORKLOADS | PREDICTIONS)[name] for name in sorted(WORKLOADS | PREDICTIONS)}
