"""The demo on data so small that it runs in a second: three classes of 6 by 6 images."""

import functools
from dataclasses import replace

import numpy as np

from neural.datasets import ImageData
from neural.experiments import TABLE, experiments, run_all


def small_images(n_train=240, n_test=90):
    """Return images like Fashion-MNIST's: a pattern for each class, and noise that makes some of them hard."""
    rng = np.random.default_rng(0)
    patterns = rng.integers(0, 256, size=(3, 36))

    def draw(n):
        y = np.arange(n) % 3
        X = 0.35 * patterns[y] + 0.65 * rng.integers(0, 256, size=(n, 36))
        return X.astype(np.uint8), y.astype(np.int64)

    return ImageData(*draw(n_train), *draw(n_test), ("one", "two", "three"), (6, 6))


def shortened(table, epochs, pictures=("relu",)):
    """Return a table of fewer epochs, with pictures for these networks alone."""
    return tuple(replace(e, epochs=epochs, pictures=e.name in pictures) for e in table)


@functools.cache
def quick_results():
    """Return the results of a quick run; the same ones each time."""
    return run_all(shortened(experiments(quick=True), 4), small_images(), quick=True, tell=None)


@functools.cache
def full_results():
    """Return the results of a full run of one epoch; the same ones each time."""
    return run_all(shortened(TABLE, 1), small_images(), tell=None)
