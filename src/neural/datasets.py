"""Data to train on: Fashion-MNIST, images in CSV files, two-dimensional toys, and what prepares them.

The toys return X as float64 of shape (n, 2) and y as int64 of shape (n,). A whole number as ``random_state`` makes them
repeatable; for `make_moons` and `make_circles` it gives the very values that scikit-learn gives for it.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, TextIO, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neural.errors import ModelFileError, check_number, sentence
from neural.fashion import FASHION_CLASSES, ImageData, fashion_mnist, open_unpacked, read_idx

__all__ = [
    "FASHION_CLASSES",
    "ImageData",
    "fashion_mnist",
    "make_circles",
    "make_moons",
    "make_spirals",
    "make_xor",
    "one_hot",
    "quadratic_features",
    "read_csv_images",
    "read_idx",
    "train_test_split",
]

Random: TypeAlias = np.random.RandomState | np.random.Generator
RandomState: TypeAlias = int | Random | None
Toy: TypeAlias = tuple[NDArray[np.float64], NDArray[np.int64]]

CSV_ROWS = 4096  # read at a time: 26 MB as int64, where the whole training set would be 377 MB
CSV_LINE = 2**20  # characters of the line of names that are read: 60,000 pixels
WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
QUOTED = re.compile(r'"([^",\n]*)"')
INT64 = np.iinfo(np.int64)


# --- images in CSV files -----------------------------------------------------------------------------------------


def read_csv_images(path: str | os.PathLike[str], label: str = "label") -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    r"""Return ``(X, y)`` of a CSV file of images, packed with gzip or not: X uint8 (n, pixels), y int64 (n,).

    The first line names the columns: one is ``label``, all others are pixels, whole numbers from 0 to 255. The order of
    the pixels is that of the columns. Sixty thousand images take about two seconds.

    Raises ModelFileError that names the file, the line and the column of the first fault.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "images.csv")
    ...     _ = path.write_text("label,pixel1,pixel2\n9,0,255\n2,30,4\n")
    ...     read_csv_images(path)
    (array([[  0, 255],
           [ 30,   4]], dtype=uint8), array([9, 2]))
    """
    with _open_csv(path) as lines:
        names = _csv_names(path, lines, label)
        column = names.index(label)
        images, labels = [], []
        for start in itertools.count(2, CSV_ROWS):  # line 1 holds the names
            if not (chunk := list(itertools.islice(lines, CSV_ROWS))):
                break
            table = _whole_numbers(chunk, len(names))
            pixels = np.delete(table, column, axis=1)
            if len(table) < len(chunk) - chunk.count("\n") or pixels.min(initial=0) < 0 or pixels.max(initial=0) > 255:
                raise ModelFileError(f"{path}, line {_csv_fault(chunk, start, names, label)}")
            images.append(pixels.astype(np.uint8))
            labels.append(table[:, column])
    if not sum(map(len, labels)):
        raise ModelFileError(f"{path} must hold a line for each image. Got none after the line of names.")
    return np.concatenate(images), np.concatenate(labels)


@contextlib.contextmanager
def _open_csv(path: str | os.PathLike[str]) -> Iterator[TextIO]:
    with open_unpacked(path) as stream:  # bytes that are not UTF-8 become a cell that is not a number
        yield io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace")


def _csv_names(path: str | os.PathLike[str], lines: TextIO, label: str) -> list[str]:
    first = lines.readline(CSV_LINE)
    names = _cells(first)
    if names.count(label) != 1 or len(names) < 2 or "" in names:
        rule = f"a line of column names, one of them {label!r}, the others of the pixels"
        raise ModelFileError(sentence(f"{path}, line 1", rule, first))
    return names


def _whole_numbers(lines: list[str], width: int) -> NDArray[np.int64]:
    """Return the table of the lines that are not empty; no row at all if there is a fault in any."""
    lines = [QUOTED.sub(r"\1", line) if '"' in line else line for line in lines if line != "\n"]
    empty = np.empty((0, width), np.int64)
    if not lines:
        return empty
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # NumPy 1 reads 2.7 as 2, with this warning
        try:
            table = np.loadtxt(lines, np.int64, comments=None, delimiter=",", ndmin=2)
        except (ValueError, OverflowError, DeprecationWarning):
            return empty
    return table if table.shape[1] == width else empty


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in QUOTED.sub(r"\1", line).split(",")]


def _csv_fault(lines: list[str], start: int, names: list[str], label: str) -> str:
    """Return what is wrong with the first faulty line: read slowly, for the message only."""
    for number, line in enumerate(lines, start):
        cells = _cells(line)
        if line != "\n" and len(cells) != len(names):
            return sentence(str(number), f"{len(names)} numbers with commas between", len(cells))
        for name, cell in zip(names, cells, strict=False):
            low, high = (INT64.min, INT64.max) if name == label else (0, 255)
            if line != "\n" and not (WHOLE.fullmatch(cell) and low <= int(cell) <= high):
                return sentence(f"{number}, column {name!r}", f"a whole number from {low} to {high}", cell)
    return f"{start} or one of the next {len(lines)} must be numbers with commas between. Got what cannot be read."


# --- toys --------------------------------------------------------------------------------------------------------


def make_moons(
    n_samples: int | tuple[int, int] = 100,
    *,
    shuffle: bool = True,
    noise: float | None = None,
    random_state: RandomState = None,
) -> Toy:
    """Return two half circles that reach into each other, the upper one class 0.

    ``n_samples`` is their sum, or the pair of their numbers; ``noise`` the standard deviation of what is added to both
    coordinates. Equal to ``sklearn.datasets.make_moons`` for the same whole number.

    >>> X, y = make_moons(4, noise=0.1, random_state=0)
    >>> X.shape, y.tolist()
    ((4, 2), [1, 1, 0, 0])
    """
    n_upper, n_lower = _halves(n_samples)
    upper, lower = np.linspace(0, np.pi, n_upper), np.linspace(0, np.pi, n_lower)
    points = [_points(np.cos(upper), np.sin(upper)), _points(1 - np.cos(lower), 1 - np.sin(lower) - 0.5)]
    return _toy(points, shuffle, noise, random_state)


def make_circles(
    n_samples: int | tuple[int, int] = 100,
    *,
    shuffle: bool = True,
    noise: float | None = None,
    random_state: RandomState = None,
    factor: float = 0.8,
) -> Toy:
    """Return two circles about the origin: class 0 of radius 1, class 1 of radius ``factor``, from 0 to below 1.

    The rest is as in :func:`make_moons`, and equal to ``sklearn.datasets.make_circles``.

    >>> X, y = make_circles(200, factor=0.5, random_state=0)
    >>> np.unique(np.hypot(*X.T).round(12))
    array([0.5, 1. ])
    """
    factor = check_number("factor", factor, low=0, high=np.nextafter(1, 0))
    n_outer, n_inner = _halves(n_samples)
    outer, inner = (np.linspace(0, 2 * np.pi, n, endpoint=False) for n in (n_outer, n_inner))
    points = [_points(np.cos(outer), np.sin(outer)), _points(np.cos(inner) * factor, np.sin(inner) * factor)]
    return _toy(points, shuffle, noise, random_state)


def make_spirals(
    n_samples: int = 100,
    *,
    turns: float = 1.5,
    classes: int = 2,
    noise: float | None = None,
    random_state: RandomState = None,
) -> Toy:
    """Return spirals wound into each other, one a class, in the unit circle, in random order.

    Class k is r (cos a, sin a) with a = 2 pi (turns r + k / classes), for r in equal steps up to 1.

    >>> X, y = make_spirals(7, classes=3, random_state=0)
    >>> np.bincount(y), np.allclose(np.hypot(*X.T).max(), 1)
    (array([3, 2, 2]), True)
    """
    classes = check_number("classes", classes, low=1, whole=True)
    n_samples = check_number("n_samples", n_samples, low=classes, whole=True)
    turns = check_number("turns", turns)
    points = []
    for k in range(classes):
        n = (n_samples + classes - 1 - k) // classes  # the first classes take what does not divide
        r = np.arange(1, n + 1) / n
        angle = 2 * np.pi * (turns * r + k / classes)
        points.append(_points(r * np.cos(angle), r * np.sin(angle)))
    return _toy(points, True, noise, random_state)


def make_xor(n_samples: int = 100, *, noise: float | None = None, random_state: RandomState = None) -> Toy:
    """Return points spread evenly over the square from -1 to 1: class 1 where the signs of x1 and x2 differ.

    ``noise`` is added after the class was given, so that some points cross the axes.

    >>> X, y = make_xor(200, random_state=0)
    >>> np.array_equal(y, X[:, 0] * X[:, 1] < 0)
    True
    """
    rng = _random(random_state)
    X = rng.uniform(-1, 1, size=(check_number("n_samples", n_samples, low=1, whole=True), 2))
    y = ((X[:, 0] < 0) != (X[:, 1] < 0)).astype(np.int64)
    return _add_noise(X, noise, rng), y


def _random(random_state: RandomState) -> Random:
    if isinstance(random_state, np.random.RandomState | np.random.Generator):
        return random_state
    if random_state is None:
        return np.random.RandomState()
    return np.random.RandomState(check_number("random_state", random_state, low=0, high=2**32 - 1, whole=True))


def _halves(n_samples: int | tuple[int, int]) -> tuple[int, int]:
    if isinstance(n_samples, tuple) and len(n_samples) == 2:
        first, second = (check_number("n_samples", n, low=0, whole=True) for n in n_samples)
        return first, second
    n = check_number("n_samples", n_samples, low=1, whole=True)
    return n // 2, n - n // 2


def _points(x1: NDArray[np.float64], x2: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([x1, x2], axis=1)


def _toy(classes: Sequence[NDArray[np.float64]], shuffle: bool, noise: float | None, random_state: RandomState) -> Toy:
    rng = _random(random_state)
    X = np.concatenate(classes)
    y = np.repeat(np.arange(len(classes), dtype=np.int64), [len(points) for points in classes])
    if shuffle:  # before the noise: the order of the draws is scikit-learn's
        order = np.arange(len(X))
        rng.shuffle(order)
        X, y = X[order], y[order]
    return _add_noise(X, noise, rng), y


def _add_noise(X: NDArray[np.float64], noise: float | None, rng: Random) -> NDArray[np.float64]:
    if noise is None:
        return X
    return X + rng.normal(scale=check_number("noise", noise, low=0), size=X.shape)


# --- what prepares data ------------------------------------------------------------------------------------------


def quadratic_features(X: ArrayLike) -> NDArray[np.floating[Any]]:
    """Return the columns x1, x2, x1^2, x2^2, x1 x2 of ``X`` (n, 2), as (n, 5); float32 stays float32.

    >>> quadratic_features([[2.0, 3.0]])
    array([[2., 3., 4., 9., 6.]])
    """
    table = np.asarray(X)
    if table.ndim != 2 or table.shape[1] != 2:
        raise ValueError(sentence("X", "of shape (n, 2)", table))
    if not np.issubdtype(table.dtype, np.floating):
        table = table.astype(np.float64)
    x1, x2 = table.T
    return np.stack([x1, x2, x1**2, x2**2, x1 * x2], axis=1)


def train_test_split(
    *arrays: Any, test_fraction: float = 0.25, random_state: RandomState = None, stratify: ArrayLike | None = None
) -> list[Any]:
    """Return each array cut in two at random rows, the same for all: ``[X_train, X_test, y_train, y_test, ...]``.

    The test part has ``test_fraction`` (by its name) of the rows, rounded. With ``stratify``, one label a row, each
    label has its share in both parts, to within one row. Data frames and series stay what they are.

    >>> X, y = np.eye(8), np.array(list("aaaabbbb"))
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
    >>> X_train.shape, X_test.shape, sorted(y_test.tolist())
    ((6, 8), (2, 8), ['a', 'b'])
    """
    check_number("test_fraction", test_fraction, low=0, high=1)
    for array in arrays:
        if not hasattr(array, "__len__") or getattr(array, "ndim", 1) == 0:
            step = f"The size goes by its name: test_fraction={array!r}." if isinstance(array, int | float) else ""
            raise TypeError(sentence("arrays", "arrays, lists or data frames", array, step))
    lengths = [len(array) for array in (*arrays, *([] if stratify is None else [stratify]))]
    if not arrays or len(set(lengths)) > 1:
        raise ValueError(sentence("arrays", "one or more, all (and stratify) of the same length", lengths))
    n = lengths[0]
    n_test = round(test_fraction * n)
    if not 0 < n_test < n:
        raise ValueError(sentence("test_fraction", f"such that {n} rows leave some for both parts", test_fraction))
    rng = _random(random_state)
    order = rng.permutation(n)
    if stratify is not None:
        order = order[np.argsort(_labels("stratify", stratify)[order], kind="stable")]
    # Of rows sorted by label, take n_test at equal distances: so each label gives its share.
    place = np.arange(n)
    in_test = (place + 1) * n_test // n > place * n_test // n
    parts = [rng.permutation(order[~in_test]), rng.permutation(order[in_test])]
    return [take(array, rows) for array in arrays for rows in parts]


def take(array: Any, rows: NDArray[np.int64]) -> Any:
    return array.iloc[rows] if hasattr(array, "iloc") else np.asarray(array)[rows]


def _labels(what: str, y: ArrayLike) -> NDArray[Any]:
    labels = np.asarray(y)
    if labels.ndim != 1:
        raise ValueError(sentence(what, "of shape (n,)", labels))
    return labels


def one_hot(y: ArrayLike, n_classes: int | None = None) -> NDArray[np.float64]:
    """Return labels 0, 1, ... (n,) as rows of zeros with a one in the label's column, float64 (n, n_classes).

    ``n_classes`` is one more than the largest label if it is not given.

    >>> one_hot([2, 0])
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    labels = _labels("y", y)
    if labels.dtype.kind not in "biu":
        raise TypeError(
            sentence("y", "whole numbers", labels, "Number other labels with np.unique(y, return_inverse=True).")
        )
    columns: NDArray[np.int64] = labels.astype(np.int64)
    width = int(columns.max(initial=-1)) + 1 if n_classes is None else n_classes
    check_number("n_classes", width, low=1, whole=True)
    outside = columns[(columns < 0) | (columns >= width)]
    if len(outside):
        raise ValueError(sentence("y", f"labels from 0 to {width - 1}", int(outside[0])))
    return np.eye(width)[columns]
