"""The rows that are trained on. The package is imported where it is used: some processes measure what imports cost."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

SEED = 0
DARK = 64  # grey values of made-up images: noise of full brightness makes the first steps jump, and rounding grow

Rows = tuple[np.ndarray, np.ndarray]


def _fashion() -> Rows:
    from neural import datasets

    data: Any = datasets.fashion_mnist()
    return data.X_train, data.y_train


def _moons() -> Rows:
    from neural import datasets

    X, y = datasets.make_moons(500, noise=0.3, random_state=SEED)
    return datasets.quadratic_features(X).astype(np.float32), y


def _scikit(name: str) -> Rows:
    import sklearn.datasets

    X, y = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
    spread = X.std(axis=0)
    X = (X - X.mean(axis=0)) / np.where(spread > 0, spread, 1)  # some pixels of the digits are always 0
    return X.astype(np.float32), y.astype(np.int64)


DATA: dict[str, Callable[[], Rows]] = {
    "Fashion-MNIST": _fashion,
    "moons": _moons,
    "breast cancer": lambda: _scikit("breast_cancer"),
    "digits": lambda: _scikit("digits"),
}


@cache
def real(name: str) -> Rows:
    """Return all rows of a table in DATA; asked for again, the same arrays."""
    return DATA[name]()


@cache
def made_up(name: str, rows: int, width: int, n_classes: int) -> Rows:
    """Return noise of the same shape and type, which needs no files."""
    rng = np.random.default_rng(SEED)
    y = rng.integers(n_classes, size=rows)
    if name == "Fashion-MNIST":
        return rng.integers(DARK, size=(rows, width), dtype=np.uint8), y
    return rng.standard_normal((rows, width), dtype=np.float32), y
