"""What is trained for the records on Fashion-MNIST, and what else was tried."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from neural import (
    ActivationLayer,
    Augment,
    BatchNorm,
    CategoricalCrossentropy,
    DenseLayer,
    DropoutLayer,
    Layer,
    LayerNorm,
    NeuralNetwork,
)
from neural.optimizers import AdamW
from neural.schedules import OneCycle, Polynomial

SIDE, CLASSES = 28, 10


@dataclass(frozen=True)
class Recipe:
    """A network and a fit: AdamW under one cycle, smoothed labels.

    ``flip``, ``shift`` and ``cutout`` are Augment's; ``first`` is the norm of the inputs, ``norm`` that of the hidden
    layers; ``mix`` is the most of the next row that a row is mixed with, 0 for none. ``more`` epochs follow on images
    nearer to those of the test, as they are or, with ``more_flip``, mirrored; their rate falls from ``more_rate`` to 0
    in a straight line.
    """

    hidden: tuple[int, ...]
    epochs: int
    rate: float
    batch: int
    decay: float
    smoothing: float
    flip: bool = False
    shift: int = 0
    cutout: int = 0
    mix: float = 0.0
    dropout: float = 0.0
    first: str = "none"
    norm: str = "batch"
    activation: str = "relu"
    more: int = 0
    more_rate: float = 0.001
    more_flip: bool = False

    def network(self, seed: int) -> NeuralNetwork:
        """Return it before training: norms have biases of their own, so dense layers before them have none."""
        layers, n_in = _norm(self.first), SIDE**2
        for n_out in self.hidden:
            layers += [DenseLayer(n_in, n_out, bias=self.norm == "none"), *_norm(self.norm)]
            layers += [ActivationLayer(self.activation), *([DropoutLayer(self.dropout)] if self.dropout else [])]
            n_in = n_out
        layers += [DenseLayer(n_in, CLASSES, "softmax")]
        loss = CategoricalCrossentropy(label_smoothing=self.smoothing)
        return NeuralNetwork(layers, loss, input_scale=1 / 255, random_state=seed)

    def trained(self, seed: int, X: np.ndarray, y: np.ndarray, threads: int) -> NeuralNetwork:
        """Return it after training on images (n, 784) of uint8 and their labels (n,)."""
        net, augment = self.network(seed), None
        rule: dict[str, Any] = {"optimizer": AdamW(weight_decay=self.decay), "n_threads": threads, "verbose": 0}
        if self.flip or self.shift or self.cutout:
            augment = Augment((SIDE, SIDE), flip=self.flip, shift=self.shift, cutout=self.cutout)
        rows = {"X": X, "y": y, "batch_size": self.batch, "augment": augment}
        if self.mix:
            rows = {"X": Mixed(X, y, self.batch, self.mix, augment, seed)}
        net.fit(**rows, epochs=self.epochs, learning_rate=self.rate, schedule=OneCycle(), **rule)
        if self.more:
            mirrored = Augment((SIDE, SIDE), flip=True) if self.more_flip else None
            net.fit(X, y, self.more, self.more_rate, self.batch, schedule=Polynomial(), augment=mirrored, **rule)
        return net

    def plain(self) -> dict[str, Any]:
        """Return it as JSON gives it back."""
        return dict(json.loads(json.dumps(asdict(self))))

    @staticmethod
    def of(plain: dict[str, Any]) -> Recipe:
        """Return what ``plain`` is of."""
        return Recipe(**plain | {"hidden": tuple(plain["hidden"])})


def _norm(name: str) -> list[Layer]:
    return [] if name == "none" else [{"batch": BatchNorm, "layer": LayerNorm}[name]()]


class Mixed:
    """Batches of images, each mixed with the next: x = (1 - u) x_i + u x_j, y likewise, u from 0 to ``mix`` at random.

    (Zhang et al., mixup, 2018, where u follows a beta distribution; from 0 to 1 it is their alpha = 1.)
    """

    def __init__(
        self, X: np.ndarray, y: np.ndarray, batch: int, mix: float, augment: Augment | None, seed: int
    ) -> None:
        self.X, self.Y, self.batch, self.mix, self.augment = (
            X,
            np.eye(CLASSES, dtype=np.float32)[y],
            batch,
            mix,
            augment,
        )
        self.seed, self.step, self.rng = seed, 0, np.random.default_rng(seed)

    def __len__(self) -> int:
        return -(-len(self.X) // self.batch)

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        order = self.rng.permutation(len(self.X))
        for start in range(0, len(order), self.batch):
            rows = order[start : start + self.batch]
            x = self.X[rows] if self.augment is None else self.augment.of(self.X[rows], self.seed, self.step)
            self.step += 1
            u = self.rng.random((len(rows), 1), dtype=np.float32) * self.mix
            yield tuple((1 - u) * a + u * np.roll(a, 1, axis=0) for a in (x.astype(np.float32), self.Y[rows]))


RECIPES = {
    "time": Recipe((256, 256), epochs=10, rate=0.008, batch=256, decay=0.1, smoothing=0.05),
    "network": Recipe(
        (512, 512), epochs=75, rate=0.006, batch=256, decay=0.1, smoothing=0.1, flip=True, shift=1, dropout=0.1,
        more=8, more_flip=True,
    ),
}  # fmt: skip

# Changes of the recipes, tried on the validation rows, in an order in which one may stop at any time.
SMALL: dict[str, Any] = {"epochs": 30, "rate": 0.003, "dropout": 0.0, "more": 0}
TRIED: dict[str, list[dict[str, Any]]] = {
    "time": [
        {},
        {"epochs": 7},
        {"rate": 0.003},
        {"rate": 0.016},
        {"decay": 0.4},
        {"batch": 512, "rate": 0.006},
        {"hidden": (256, 256, 256), "epochs": 8},
        {"hidden": (512,)},
        {"hidden": (512, 512), "epochs": 5, "rate": 0.003},
        {"hidden": (512, 512), "epochs": 5, "rate": 0.003, "batch": 128},
        {"hidden": (512, 512), "epochs": 5, "rate": 0.003, "dropout": 0.1},
        {"hidden": (512, 512), "epochs": 5, "rate": 0.003, "flip": True},
        {"hidden": (512, 512), "epochs": 5, "rate": 0.003, "norm": "layer"},
        {"hidden": (512, 512), "epochs": 5, "rate": 0.003, "norm": "none"},
        {"first": "batch"},
        {"first": "layer"},
        {"activation": "gelu"},
    ],
    "network": [
        SMALL,
        SMALL | {"more": 3, "more_rate": 0.0003, "more_flip": False},
        SMALL | {"more": 6, "more_flip": False},
        SMALL | {"more": 6},
        SMALL | {"shift": 0},
        SMALL | {"shift": 2},
        SMALL | {"flip": False, "shift": 0},
        SMALL | {"mix": 0.5},
        SMALL | {"shift": 0, "cutout": 8},
        SMALL | {"shift": 0, "dropout": 0.2},
        SMALL | {"hidden": (512, 512, 512)},
        SMALL | {"rate": 0.008},
        {"more": 0},
        {"more_flip": False},
        {"epochs": 120, "more": 12},
        {"hidden": (768, 768), "epochs": 65, "more": 12},
        {"hidden": (1024, 1024), "epochs": 25},
        {"hidden": (512, 512, 512)},
        {"dropout": 0.2},
        {},
    ],
}


def changed(name: str, changes: dict[str, Any]) -> Recipe:
    """Return a record's recipe with these changes."""
    return replace(RECIPES[name], **changes)


def changes_of(name: str, plain: dict[str, Any]) -> str:
    """Return what a recipe has other than the record's, as ``--with`` takes it; "" if it is the same."""
    usual = RECIPES[name].plain()
    return " ".join(f"{key}={_said(value)}" for key, value in plain.items() if value != usual[key])


def _said(value: Any) -> str:
    return "".join(f"{each}," for each in value) if isinstance(value, list) else str(value)
