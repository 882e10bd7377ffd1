"""The data of the playground: toys, two columns of a CSV file that was handed in, a part of Fashion-MNIST."""

from __future__ import annotations

import csv
import functools
import io
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neural import datasets
from neural.datasets import ImageData, fashion_mnist, train_test_split
from neural.errors import DataUnavailable, NeuralError, sentence
from neural.playground.settings import Settings

MOST_BYTES = 2 << 20  # of a CSV file
MOST_ROWS, MOST_COLUMNS = 20000, 200
MOST_CLASSES, FEWEST_OF_A_CLASS = 10, 5
CIRCLE_FACTOR = 0.5
TEST_IMAGES = 1000
MARGIN = 0.15  # of the picture's extent, round the points


@dataclass
class CsvTable:
    """A CSV file as it was handed in: its text, and its cells by column."""

    name: str
    text: str
    delimiter: str
    columns: dict[str, list[str]] = field(repr=False)

    @classmethod
    def read(cls, name: str, content: bytes) -> CsvTable:
        r"""Return the table of a file with a line of names; ValueError that says what is wrong with it.

        >>> CsvTable.read("a.csv", b"x;y\n1;2\n").columns
        {'x': ['1'], 'y': ['2']}
        """
        if len(content) > MOST_BYTES:
            raise ValueError(sentence(name, f"a file of at most {MOST_BYTES >> 20} MB", f"{len(content)} bytes"))
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ValueError(f"{name} must be text in UTF-8. Got another byte at place {error.start}.") from None
        first = text.partition("\n")[0]
        delimiter = max(",;\t", key=first.count)
        try:
            rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True) if row]
        except csv.Error as error:
            raise ValueError(f"{name} must be a CSV file. Got what is none: {error}.") from None
        return cls(name, text, delimiter, _columns(name, rows))

    def numbers(self, column: str) -> np.ndarray:
        """Return a column's numbers, NaN for what is none."""
        return np.array([_number(cell) for cell in self.columns[column]])

    def describe(self) -> dict[str, Any]:
        """Return which columns are numbers for the most part, and which may be classes."""
        known = {name: np.isfinite(self.numbers(name)) for name in self.columns}
        numeric = [name for name, found in known.items() if found.mean() >= 0.5]
        classes = [name for name, cells in self.columns.items() if 2 <= len(_classes(cells)) <= MOST_CLASSES]
        rows = len(next(iter(self.columns.values())))
        return {"name": self.name, "rows": rows, "numeric": numeric, "classes": classes}


def _columns(name: str, rows: list[list[str]]) -> dict[str, list[str]]:
    if len(rows) < 2:
        raise ValueError(sentence(name, "a line of column names, and rows below it", f"{len(rows)} lines"))
    if len(rows) - 1 > MOST_ROWS or len(rows[0]) > MOST_COLUMNS:
        rule = f"of at most {MOST_ROWS} rows and {MOST_COLUMNS} columns"
        raise ValueError(sentence(name, rule, f"{len(rows) - 1} and {len(rows[0])}"))
    names = [cell.strip() for cell in rows[0]]
    if len(set(names)) < len(names) or "" in names:
        raise ValueError(sentence(f"line 1 of {name}", "a different name for each column", names))
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(names):
            raise ValueError(sentence(f"row {number} of {name}", f"{len(names)} cells", len(row)))
    return {column: [row[k].strip() for row in rows[1:]] for k, column in enumerate(names)}


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return math.nan


def _classes(cells: list[str]) -> list[str]:
    return sorted(set(cells) - {""})


@dataclass
class Points:
    """Rows to train on and rows to test on, with what the page has to know to draw them.

    X is (n, 2) float64, standardized where it comes from a file, or (n, 784) uint8; y is the class's number.
    """

    X_train: np.ndarray
    y_train: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    classes: tuple[str, ...]
    axes: tuple[str, str] = ("x1", "x2")
    image_shape: tuple[int, int] | None = None
    note: str = ""

    @property
    def extent(self) -> list[float]:
        """Return left, right, bottom and top of the picture."""
        if self.image_shape is not None:
            return [0.0, 1.0, 0.0, 1.0]
        rows = np.concatenate([self.X_train, self.X_test])
        low, high = rows.min(axis=0), rows.max(axis=0)
        room = MARGIN * np.maximum(high - low, 1e-6)
        return [v for pair in zip((low - room).tolist(), (high + room).tolist(), strict=True) for v in pair]


def load(settings: Settings, table: CsvTable | None) -> Points:
    """Return the data of these settings; ValueError or NeuralError where there is none."""
    if settings.data == "fashion":
        return _images(settings)
    if settings.data == "csv":
        return _from_table(settings, table)
    X, y = _toy(settings)
    return Points(*_split(X, y, settings), classes=("class 0", "class 1"))


def _toy(settings: Settings) -> datasets.Toy:
    make: Any = getattr(datasets, f"make_{settings.data}")
    extra = {"factor": CIRCLE_FACTOR} if settings.data == "circles" else {}
    return make(settings.samples, noise=settings.noise, random_state=settings.data_seed, **extra)


def _split(X: np.ndarray, y: np.ndarray, settings: Settings) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    fraction, seed = settings.test_fraction, settings.data_seed
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_fraction=fraction, random_state=seed, stratify=y)
    return X_train, y_train, X_test, y_test


def _from_table(settings: Settings, table: CsvTable | None) -> Points:
    if table is None:
        raise NeuralError("There is no CSV file yet. Choose one, with a line of column names.")
    for name in (*settings.columns, settings.target):
        if name not in table.columns:
            raise ValueError(sentence("a column", f"one of those of {table.name}", name))
    if len(set(settings.columns)) != 2:
        raise ValueError(sentence("columns", "the names of two different columns", list(settings.columns)))
    X = np.stack([table.numbers(name) for name in settings.columns], axis=1)
    labels = np.array(table.columns[settings.target])
    kept = np.isfinite(X).all(axis=1) & (labels != "")
    X, labels = X[kept], labels[kept]
    names, y = np.unique(labels, return_inverse=True)
    _check_classes(settings.target, y, len(names))
    X_train, y_train, X_test, y_test = _split(X, y, settings)
    with np.errstate(over="ignore", invalid="ignore"):  # such columns are refused below
        mean, scale = X_train.mean(axis=0), X_train.std(axis=0)
    for name, deviation in zip(settings.columns, scale, strict=True):
        if not 0 < deviation < np.inf:
            raise ValueError(sentence(f"column {name!r}", "numbers that differ, and not by too much", float(deviation)))
    left_out = int(np.sum(~kept))
    note = f"{left_out} rows without a number or a class are left out." if left_out else ""
    parts = (X_train - mean) / scale, y_train, (X_test - mean) / scale, y_test
    first, second = settings.columns
    return Points(*parts, classes=tuple(names.tolist()), axes=(first, second), note=note)


def _check_classes(target: str, y: np.ndarray, n: int) -> None:
    if not 2 <= n <= MOST_CLASSES:
        rule = f"a column of 2 to {MOST_CLASSES} different values, the classes, beside numbers"
        raise ValueError(sentence(f"the target {target!r}", rule, f"{n} of them"))
    if np.bincount(y).min() < FEWEST_OF_A_CLASS:
        rule = f"a column with at least {FEWEST_OF_A_CLASS} rows of each class"
        raise ValueError(sentence(f"the target {target!r}", rule, f"{np.bincount(y).min()} of one"))


@functools.cache
def _fashion() -> ImageData:
    return fashion_mnist(download=False)


def why_no_images() -> str:
    """Return "" if Fashion-MNIST is on this machine, otherwise what to do about it."""
    try:
        _fashion()
    except (DataUnavailable, NeuralError, OSError):
        return "Fashion-MNIST is not on this machine. neural demo --quick fetches it (31 MB)."
    return ""


def _images(settings: Settings) -> Points:
    missing = why_no_images()
    if missing:
        raise NeuralError(missing)
    data, n = _fashion(), settings.samples
    parts = data.X_train[:n], data.y_train[:n], data.X_test[:TEST_IMAGES], data.y_test[:TEST_IMAGES]
    return Points(*parts, classes=data.class_names, image_shape=data.image_shape)
