"""The real tables of benchmarks/tabular.py, and how their rows are split."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

TEST_SHARE = 0.25


def split(y: NDArray[Any], task: str, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows to train on and those to test on, a quarter, in random order and the same for a seed.

    For ``task`` "cls" a quarter of each class, at least one row of each that has two; for "reg" a quarter of all.
    """
    rng = np.random.default_rng(seed)
    groups = [np.flatnonzero(y == label) for label in np.unique(y)] if task == "cls" else [np.arange(len(y))]
    train, test = [], []
    for rows in map(rng.permutation, groups):
        n_test = max(1, round(TEST_SHARE * len(rows))) if len(rows) > 1 else 0
        test.append(rows[:n_test])
        train.append(rows[n_test:])
    return rng.permutation(np.concatenate(train)), rng.permutation(np.concatenate(test))
