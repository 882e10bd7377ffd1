"""What every tool is given: the same rows, start weights and order of the rows in each epoch.

Widths, batch and optimizer are those of the table in README.md. Weights are (n_out, n_in), samples are in rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from neural import datasets, streams

SEED = 0
LOSS_ROWS = 10_000  # on which the loss after the first unit is measured: a second at most for the largest network
CHECK_ROWS, CHECK_EPOCHS = 300, 2  # of --check; 300 leaves a last short batch of every size used here
QUICK = 10  # --quick takes a tenth of the images, or of the epochs where there are many
DARK = 64  # grey values of made-up images: noise of full brightness makes the first steps jump, and rounding grow

Weights = list[tuple[np.ndarray, np.ndarray]]
Rows = tuple[np.ndarray, np.ndarray]


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

    def sized(self, size: str) -> Workload:
        """Return the workload as it is ("full"), or smaller ("quick", "check")."""
        if size == "check":
            return replace(self, rows=CHECK_ROWS, epochs=CHECK_EPOCHS, made_up=True)
        if size == "quick":
            return replace(self, rows=60_000 // QUICK, epochs=max(1, self.epochs // QUICK))
        return self

    @property
    def about(self) -> str:
        """One line for people."""
        net = "-".join(map(str, self.widths))
        unit = f"{self.epochs} epoch{'s' * (self.epochs > 1)}"
        data = f"made up like {self.data}" if self.made_up else self.data
        steps = self.epochs * -(-len(self.y) // self.batch)
        return (
            f"{net} {self.activation}, {self.link}; {data}, {len(self.y):,} rows; batch {self.batch}, "
            f"{self.optimizer}, rate {self.rate:g}; a unit is {unit} = {steps:,} steps"
        )

    @cached_property
    def _rows(self) -> Rows:
        X, y = _made_up(self) if self.made_up else DATA[self.data]()
        return X[: self.rows], y[: self.rows]

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
        return X if self.scale is None else X * np.float32(self.scale)

    def start(self) -> Weights:
        """Return the weights to start from, float32: He's under ReLU and Xavier's otherwise; biases 0."""
        rng, weights = np.random.default_rng(SEED), []
        for n_in, n_out in zip(self.widths[:-1], self.widths[1:], strict=True):
            variance = 2 / n_in if self.activation == "relu" else 2 / (n_in + n_out)
            W = rng.standard_normal((n_out, n_in)) * np.sqrt(variance)
            weights.append((W.astype(np.float32), np.zeros(n_out, np.float32)))
        return weights

    def orders(self) -> np.ndarray:
        """Return the order of the rows in each epoch, (epochs, n): those that ``fit`` draws for random_state=SEED."""
        seed = streams.seed_from(SEED)
        return np.stack([streams.epoch_order(seed, epoch, len(self.y)) for epoch in range(self.epochs)])

    def loss(self, weights: Weights) -> float:
        """Return the mean cross-entropy of a network with these weights, computed alike for every tool."""
        z, y = self.floats(LOSS_ROWS), self.y[:LOSS_ROWS]
        for W, b in weights[:-1]:
            z = z @ W.T.astype(np.float32) + b.astype(np.float32)
            z = np.maximum(z, 0) if self.activation == "relu" else 1 / (1 + np.exp(-z))
        W, b = weights[-1]
        z = z.astype(np.float64) @ W.T + b
        if self.link == "sigmoid":
            return float(np.mean(np.logaddexp(0, z[:, 0]) - z[:, 0] * y))
        return float(np.mean(np.logaddexp.reduce(z, axis=1) - z[np.arange(len(y)), y]))


def _fashion() -> Rows:
    data: Any = datasets.fashion_mnist()
    return data.X_train, data.y_train


def _moons() -> Rows:
    X, y = datasets.make_moons(500, noise=0.3, random_state=SEED)
    return datasets.quadratic_features(X).astype(np.float32), y


def _scikit(name: str) -> Rows:
    import sklearn.datasets

    X, y = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
    spread = X.std(axis=0)
    X = (X - X.mean(axis=0)) / np.where(spread > 0, spread, 1)  # some pixels of the digits are always 0
    return X.astype(np.float32), y.astype(np.int64)


def _made_up(workload: Workload) -> Rows:
    rng, n = np.random.default_rng(SEED), workload.rows or CHECK_ROWS
    n_classes = max(2, workload.widths[-1])
    y = rng.integers(n_classes, size=n)
    if workload.data == "Fashion-MNIST":
        return rng.integers(DARK, size=(n, workload.widths[0]), dtype=np.uint8), y
    return rng.standard_normal((n, workload.widths[0]), dtype=np.float32), y


DATA = {
    "Fashion-MNIST": _fashion,
    "moons": _moons,
    "breast cancer": lambda: _scikit("breast_cancer"),
    "digits": lambda: _scikit("digits"),
}

_ROWS = (
    Workload("W1-relu", "Fashion-MNIST", (784, 25, 10), rounds=9),
    Workload("W1-sigmoid", "Fashion-MNIST", (784, 25, 10), activation="sigmoid", rounds=9),
    Workload("W2", "moons", (5, 25, 25, 1), batch=64, epochs=100, link="sigmoid", rounds=9),
    Workload("W3", "Fashion-MNIST", (784, 256, 128, 10), "adam", rate=0.001),
    Workload("W4-sgd", "Fashion-MNIST", (784, 1024, 1024, 10), rounds=3),
    Workload("W4-adam", "Fashion-MNIST", (784, 1024, 1024, 10), "adam", rate=0.001, rounds=3),
    Workload("W5-cancer", "breast cancer", (30, 64, 64, 2), "adam", 32, 50, 0.001),
    Workload("W5-digits", "digits", (64, 128, 10), "adam", 32, 50, 0.001),
)
WORKLOADS = {workload.name: workload for workload in _ROWS}
