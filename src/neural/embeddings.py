"""Layers that turn each column of a table into several: numbers by waves or by bins, codes of categories by tables.

The columns of the result lie side by side, all of one column's together. Among other columns these layers stand in
``OnColumns``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from neural.errors import check_number, one_of, sentence
from neural.inputs import check_finite, numbers
from neural.layer import Layer, Mode
from neural.parameters import Own, Shapes

FORMS = ("pbld", "plr")
MOST_LEVELS = 2**24  # codes up to it are exact in float32
TURN = 2 * np.pi


class PeriodicEmbedding(Layer):
    """Each number x as linear functions of waves of it, whose frequencies are trained; each column has its own.

    "pbld": y = [x, W cos(2 pi c x + b) + d], as in RealMLP (Holzmüller et al., 2024). "plr": y = W [cos(2 pi c x),
    sin(2 pi c x)] + d, as in Gorishniy, Rubachev and Babenko, 2022, where a ReLU follows: ActivationLayer("relu").

    With dz = dy W, v the waves and v' their slopes: dW = dy^T v, dd = dy, db = dz v', dc = 2 pi x dz v', summed over
    the batch, and dx = 2 pi sum c dz v' (and the dy of x itself). ``layer.rate_factor`` 0.1 is RealMLP's.

    Parameters
    ----------
    width : columns for each column; with "pbld" x itself is the first of them.
    frequencies : how many for each column.
    sigma : c starts normal with this deviation, b uniform within -pi to pi, and W and d uniform within 1 / sqrt(waves)
        of 0. Numbers should be centred and scaled: waves of a start that are far longer than they spread say little.
    form : "pbld" or "plr".

    >>> layer = PeriodicEmbedding(2, frequencies=1)
    >>> for name, value in {"frequencies": 0.5, "phases": 0, "weights": 10, "biases": 1}.items():
    ...     layer.connect(1) or layer.assign(name, [[value]] if name != "biases" else [value])
    >>> layer.forward_propagation([[0.0, 1.0, 2.0]]).T
    array([[ 0., 11.],
           [ 1., -9.],
           [ 2., 11.]])
    """

    keeps_width = False

    def __init__(self, width: int = 4, *, frequencies: int = 16, sigma: float = 0.1, form: str = "pbld") -> None:
        if form not in FORMS:
            raise ValueError(sentence("form", one_of(FORMS), form))
        self.form = form
        self.width: int = check_number("width", width, low=2 if form == "pbld" else 1, whole=True)
        self.frequencies: int = check_number("frequencies", frequencies, low=1, whole=True)
        self.sigma: float = check_number("sigma", sigma, low=0, strict=True)

    @property
    def plain(self) -> int:
        """How many of the columns are x itself: 1 with "pbld", 0 with "plr"."""
        return int(self.form == "pbld")

    def shapes(self) -> Shapes:
        (n,) = self.per_feature("columns")["columns"]
        units, waves = n * (self.width - self.plain), self.frequencies * (2 - self.plain)
        found = {"frequencies": (n, self.frequencies), "weights": (units, waves), "biases": (units,)}
        return {**found, "phases": (n, self.frequencies)} if self.plain else found

    def initialize(self, name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        if name == "frequencies":
            return rng.normal(0, self.sigma, shape)
        bound = np.pi if name == "phases" else (self.frequencies * (2 - self.plain)) ** -0.5
        return rng.uniform(-bound, bound, shape)

    def width_after(self, width: int) -> int:
        return width * self.width

    def forward(self, x: np.ndarray, own: Own, mode: Mode) -> tuple[np.ndarray, Any]:
        (m, n), k = x.shape, self.frequencies
        z = x.T[:, :, None] * own.frequencies[:, None] * own.dtype.type(TURN)  # (n, m, k): column by column
        if self.plain:
            z += own.phases[:, None]
        cos, sin = np.cos(z), np.sin(z)
        waves = cos if self.plain else np.concatenate([cos, sin], axis=2)
        y = own.array("y", (m, n, self.width))
        linear = np.matmul(waves, own.weights.reshape(n, -1, k * (2 - self.plain)).transpose(0, 2, 1))
        y[:, :, self.plain :] = linear.transpose(1, 0, 2) + own.biases.reshape(n, -1)
        if self.plain:
            y[:, :, 0] = x
        return y.reshape(m, n * self.width), (x, cos, sin, waves)

    def backward(self, dy: np.ndarray, cache: Any, own: Own, grads: Own) -> np.ndarray:
        x, cos, sin, waves = cache
        (m, n), k = x.shape, self.frequencies
        each = dy.reshape(m, n, self.width)
        d = each[:, :, self.plain :].transpose(1, 0, 2)  # (n, m, units)
        grads.weights[...] = np.matmul(d.transpose(0, 2, 1), waves).reshape(grads.weights.shape)
        grads.biases[...] = d.sum(axis=1).reshape(-1)
        d_waves = np.matmul(d, own.weights.reshape(n, self.width - self.plain, -1))
        dz = -d_waves[:, :, :k] * sin
        if not self.plain:
            dz += d_waves[:, :, k:] * cos
        else:
            grads.phases[...] = dz.sum(axis=1)
        turn = own.dtype.type(TURN)
        grads.frequencies[...] = turn * np.matmul(x.T[:, None], dz)[:, 0]
        dx = turn * np.matmul(dz, own.frequencies[:, :, None])[:, :, 0].T
        return np.asarray(dx + each[:, :, 0] if self.plain else dx)

    def describe(self) -> str:
        return f"PeriodicEmbedding of {self.width} columns each"


class PiecewiseEmbedding(Layer):
    """Each number x by the bins between edges e_0 < e_1 < ... < e_T of its column: y_t = (x - e_t) / (e_t+1 - e_t).

    It is held at 0 below and at 1 above its bin, but the first bin has no lower end and the last no upper one
    (Gorishniy, Rubachev and Babenko, 2022). Nothing is trained. dx = the sum of dy_t / (e_t+1 - e_t) over the bins that
    are not held.

    Parameters
    ----------
    edges : for each column its edges, two at least, rising: such as quantiles of the training rows without repetitions.

    >>> PiecewiseEmbedding([[0, 1, 3]]).forward_propagation([[-0.5, 0.5, 2.0, 5.0]]).T
    array([[-0.5,  0. ],
           [ 0.5,  0. ],
           [ 1. ,  0.5],
           [ 1. ,  2. ]])
    """

    keeps_width = False
    untrained = ("starts", "factors")

    def __init__(self, edges: Iterable[Any]) -> None:
        found = [numbers(f"edges[{j}]", row) for j, row in enumerate(edges)] if isinstance(edges, Iterable) else []
        if not found:
            raise TypeError(sentence("edges", "a list with the edges of each column", edges))
        for j, row in enumerate(found):
            check_finite(f"edges[{j}]", row, np.float64)
            if row.ndim != 1 or len(row) < 2 or not (np.diff(row) > 0).all():
                raise ValueError(sentence(f"edges[{j}]", "two numbers at least, each above the one before it", row))
        self.edges = tuple(tuple(row.astype(float).tolist()) for row in found)  # plain: for files, and to compare

    @property
    def bins(self) -> list[int]:
        """The number of bins of each column."""
        return [len(row) - 1 for row in self.edges]

    def shapes(self) -> Shapes:
        return dict.fromkeys(self.untrained, (sum(self.bins),))

    def initialize(self, name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        if name == "starts":
            return np.concatenate([row[:-1] for row in self.edges])
        return np.concatenate([1 / np.diff(row) for row in self.edges])

    def width_after(self, width: int) -> int:
        if width != len(self.edges):
            raise ValueError(sentence(f"the input of {self.describe()}", f"of width {len(self.edges)}", width))
        return sum(self.bins)

    def bounds(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return of each bin its column, and where it is held below and above."""
        bins = np.array(self.bins)
        last = np.cumsum(bins) - 1
        low, high = np.zeros(bins.sum()), np.ones(bins.sum())
        low[last - bins + 1], high[last] = -np.inf, np.inf
        return np.repeat(np.arange(len(bins)), bins), low, high

    def forward(self, x: np.ndarray, own: Own, mode: Mode) -> tuple[np.ndarray, Any]:
        column, low, high = self.bounds()
        y = own.array("y", (len(x), len(column)))
        np.multiply(x[:, column] - own.starts, own.factors, out=y)
        free = (y >= low) & (y <= high)
        return np.clip(y, low.astype(y.dtype), high.astype(y.dtype), out=y), free

    def backward(self, dy: np.ndarray, cache: Any, own: Own, grads: Own) -> np.ndarray:
        free = cache
        begin = np.cumsum([0, *self.bins[:-1]])
        return np.asarray(np.add.reduceat(dy * own.factors * free, begin, axis=1))

    def kink_distance(self, x: np.ndarray, own: Own) -> float:
        inner = [(x[:, j, None] - row[1:-1]).ravel() for j, row in enumerate(self.edges) if len(row) > 2]
        return min((float(np.abs(distances).min()) for distances in inner), default=np.inf)

    def describe(self) -> str:
        return f"PiecewiseEmbedding of {len(self.edges)} columns"


class Embedding(Layer):
    """Each code of a category, 0, 1, 2 ..., as a row of its column's table, which is trained.

    Backward, the row of each code gets its dy, summed over the batch; codes have no derivative, so dx is 0. A code is
    rounded to the nearest whole number; one that is in no table, such as -1 for what is missing or was never seen, has
    a row of zeros that stays so.

    Parameters
    ----------
    levels : the number of codes of each column; there is one for each input.
    width : columns for each column, or a list of them.
    one_hot_up_to : columns with at most so many levels are one-hot instead, with nothing to train: as many columns as
        levels, 1 at the code; of two levels one column, -1 and 1. 0 has none.

    Tables start standard normal. They are ``parameter("table_0")`` and so on, by the number of the column.

    >>> layer = Embedding([2, 3], 2, one_hot_up_to=2)
    >>> layer.assign("table_1", [[1, 2], [3, 4], [5, 6]])
    >>> layer.forward_propagation([[0, 1, -1], [0, 2, 9]]).T
    array([[-1.,  1.,  2.],
           [ 1.,  5.,  6.],
           [ 0.,  0.,  0.]])
    """

    keeps_width = False

    def __init__(self, levels: Sequence[int], width: Any = 8, *, one_hot_up_to: int = 0) -> None:
        found = list(levels) if isinstance(levels, Iterable) and not isinstance(levels, str) else []
        if not found:
            raise TypeError(sentence("levels", "a list with the number of codes of each column", levels))
        self.levels = tuple(
            check_number(f"levels[{j}]", n, low=1, high=MOST_LEVELS, whole=True) for j, n in enumerate(found)
        )
        wide = list(width) if isinstance(width, Iterable) and not isinstance(width, str) else [width] * len(found)
        if len(wide) != len(found):
            raise ValueError(sentence("width", f"a number, or one for each of {len(found)} columns", width))
        widths = [check_number("width", n, low=1, whole=True) for n in wide]
        self.width = widths[0] if len(set(widths)) == 1 else tuple(widths)
        self.one_hot_up_to: int = check_number("one_hot_up_to", one_hot_up_to, low=0, whole=True)
        self._widths = tuple(
            w if n > self.one_hot_up_to else 1 if n == 2 else n for n, w in zip(self.levels, widths, strict=True)
        )

    def is_one_hot(self, column: int) -> bool:
        """Return whether a column has no table of its own."""
        return self.levels[column] <= self.one_hot_up_to

    def sizes(self) -> list[int]:
        """Return of each column its levels, its place in the result, its width, and the number of its table or -1."""
        starts, tables = np.cumsum([0, *self._widths]).tolist(), list(self.shapes())
        numbers = [-1 if self.is_one_hot(j) else tables.index(f"table_{j}") for j in range(len(self.levels))]
        rows = zip(self.levels, starts[:-1], self._widths, numbers, strict=True)
        return [number for row in rows for number in row]

    def shapes(self) -> Shapes:
        sizes = enumerate(zip(self.levels, self._widths, strict=True))
        return {f"table_{j}": size for j, size in sizes if not self.is_one_hot(j)}

    def initialize(self, name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return rng.normal(size=shape)

    def width_after(self, width: int) -> int:
        if width != len(self.levels):
            raise ValueError(sentence(f"the input of {self.describe()}", f"of width {len(self.levels)}", width))
        return sum(self._widths)

    def table(self, column: int, tables: Any, dtype: Any) -> np.ndarray:
        """Return the table of a column, (levels, width); ``tables`` has those that are trained, by name."""
        if not self.is_one_hot(column):
            return np.asarray(tables[f"table_{column}"])
        n = self.levels[column]
        return np.array([[-1], [1]], dtype) if n == 2 else np.eye(n, dtype=dtype)

    def forward(self, x: np.ndarray, own: Own, mode: Mode) -> tuple[np.ndarray, Any]:
        y, codes, start = own.array("y", (len(x), sum(self._widths))), [], 0
        for j, (n, width) in enumerate(zip(self.levels, self._widths, strict=True)):
            rounded = np.floor(x[:, j] + x.dtype.type(0.5))
            known = (rounded >= 0) & (rounded < n)
            code = np.where(known, rounded, 0).astype(np.int64)
            none = np.abs(x[:, j]) * 0  # NaN of NaN
            y[:, start : start + width] = np.where(
                known[:, None], self.table(j, vars(own), own.dtype)[code], none[:, None]
            )
            codes.append((code, known))
            start += width
        return y, codes

    def backward(self, dy: np.ndarray, cache: Any, own: Own, grads: Own) -> np.ndarray:
        start = 0
        for j, (code, known) in enumerate(cache):
            width = self._widths[j]
            if not self.is_one_hot(j):
                table = getattr(grads, f"table_{j}")
                table[...] = 0
                np.add.at(table, code[known], dy[known, start : start + width])
            start += width
        dx = own.array("dx", (len(dy), len(self.levels)))
        dx[...] = 0
        return dx

    def kink_distance(self, x: np.ndarray, own: Own) -> float:
        return float(np.abs(x - np.floor(x) - 0.5).min())  # from where another row begins

    def describe(self) -> str:
        return f"Embedding of {len(self.levels)} columns"
