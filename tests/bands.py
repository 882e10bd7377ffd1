"""Images that are learnt in a moment, in place of Fashion-MNIST: class k is a bright band at a height of its own."""

import numpy as np

from neural.datasets import FASHION_CLASSES, ImageData


def rows_of(k):
    """Return the rows of pixels that are bright in class k."""
    return slice(1 + round(2.6 * k), 4 + round(2.6 * k))


def images(n, seed):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 10
    X = rng.integers(0, 40, (n, 28, 28)).astype(np.uint8)
    for image, k in zip(X, y, strict=True):
        image[rows_of(k), 3:25] = 250
    return X.reshape(n, -1), y


def data():
    return ImageData(*images(1200, 0), *images(300, 1), FASHION_CLASSES, (28, 28))
