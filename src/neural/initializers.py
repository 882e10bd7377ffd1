"""How parameters start: each is a function of (rng, shape, n_in, n_out) that returns a float64 array of that shape.

A sum of n_in signals keeps their size if the weights have variance 1 / n_in: LeCun's. He's is twice that, as a ReLU
halves the mean square. On the way back the sum is of n_out; Xavier's 2 / (n_in + n_out) lies between. A uniform
distribution within b has variance b^2 / 3.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from neural.errors import check_number, look_up, one_of, sentence
from neural.frozen import Frozen
from neural.inputs import numbers

Initializer = Callable[["np.random.Generator", tuple[int, ...], int, int], np.ndarray]  # quoted: not imported yet


def normal(rng: np.random.Generator, shape: tuple[int, ...], variance: float) -> np.ndarray:
    """Return draws from the normal distribution of mean 0."""
    return rng.standard_normal(shape) * np.sqrt(variance)


def uniform(rng: np.random.Generator, shape: tuple[int, ...], variance: float) -> np.ndarray:
    """Return draws from the uniform distribution of mean 0."""
    bound = np.sqrt(3.0 * variance)
    return rng.uniform(-bound, bound, shape)


def he(rng: np.random.Generator, shape: tuple[int, ...], n_in: int, n_out: int) -> np.ndarray:
    """Normal with variance 2 / n_in: keeps the size of signals under ReLU (He et al., 2015, eq. 10).

    >>> round(float(he(np.random.default_rng(0), (500, 200), 200, 500).std()), 2)
    0.1
    """
    return normal(rng, shape, 2.0 / n_in)


def he_uniform(rng: np.random.Generator, shape: tuple[int, ...], n_in: int, n_out: int) -> np.ndarray:
    """Uniform within sqrt(6 / n_in), whose variance is He's.

    >>> bool(np.abs(he_uniform(np.random.default_rng(0), (25, 150), 150, 25)).max() <= 0.2)
    True
    """
    return uniform(rng, shape, 2.0 / n_in)


def xavier(rng: np.random.Generator, shape: tuple[int, ...], n_in: int, n_out: int) -> np.ndarray:
    """Uniform within sqrt(6 / (n_in + n_out)): keeps signals and gradients (Glorot and Bengio, 2010, eq. 16).

    >>> bool(np.abs(xavier(np.random.default_rng(0), (25, 125), 125, 25)).max() <= 0.2)
    True
    """
    return uniform(rng, shape, 2.0 / (n_in + n_out))


def xavier_normal(rng: np.random.Generator, shape: tuple[int, ...], n_in: int, n_out: int) -> np.ndarray:
    """Normal with Xavier's variance, 2 / (n_in + n_out).

    >>> round(float(xavier_normal(np.random.default_rng(0), (500, 300), 300, 500).std()), 2)
    0.05
    """
    return normal(rng, shape, 2.0 / (n_in + n_out))


def lecun_normal(rng: np.random.Generator, shape: tuple[int, ...], n_in: int, n_out: int) -> np.ndarray:
    """Normal with variance 1 / n_in: what SELU asks for (LeCun et al., 1998, section 4.6).

    >>> round(float(lecun_normal(np.random.default_rng(0), (500, 400), 400, 500).std()), 2)
    0.05
    """
    return normal(rng, shape, 1.0 / n_in)


def lecun_uniform(rng: np.random.Generator, shape: tuple[int, ...], n_in: int, n_out: int) -> np.ndarray:
    """Uniform within sqrt(3 / n_in), whose variance is LeCun's.

    >>> bool(np.abs(lecun_uniform(np.random.default_rng(0), (25, 75), 75, 25)).max() <= 0.2)
    True
    """
    return uniform(rng, shape, 1.0 / n_in)


def random(rng: np.random.Generator, shape: tuple[int, ...], n_in: int, n_out: int) -> np.ndarray:
    """Uniform from -1 to 1, whatever the width."""
    return rng.uniform(-1.0, 1.0, shape)


def zeros(rng: np.random.Generator, shape: tuple[int, ...], n_in: int, n_out: int) -> np.ndarray:
    """All 0: right for biases; weights that start equal stay equal."""
    return np.zeros(shape)


def ones(rng: np.random.Generator, shape: tuple[int, ...], n_in: int, n_out: int) -> np.ndarray:
    """All 1."""
    return np.ones(shape)


# --- with a setting -------------------------------------------------------------------------------------------------
@dataclass(frozen=True, repr=False, eq=False)
class Constant(Frozen):
    """All the same value, such as a bias a little above 0 under ReLU.

    >>> Constant(0.1)(np.random.default_rng(0), (2,), 3, 2)
    array([0.1, 0.1])
    """

    value: float

    def __post_init__(self) -> None:
        check_number("value", self.value)

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...], n_in: int, n_out: int) -> np.ndarray:
        return np.full(shape, float(self.value))


@dataclass(frozen=True, repr=False, eq=False)
class TruncatedNormal(Frozen):
    """Normal with standard deviation ``std``, drawn again while beyond ``cut`` of them; with cut 2, 0.88 std is left.

    >>> float(np.abs(TruncatedNormal(0.1)(np.random.default_rng(0), (50, 40), 40, 50)).max()) <= 0.2
    True
    """

    std: float = 0.05
    cut: float = 2.0

    def __post_init__(self) -> None:
        check_number("std", self.std, low=0, strict=True)
        check_number("cut", self.cut, low=0.1)  # nearer to 0 most draws are in vain

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...], n_in: int, n_out: int) -> np.ndarray:
        drawn = rng.standard_normal(shape)
        while (beyond := np.abs(drawn) > self.cut).any():
            drawn[beyond] = rng.standard_normal(int(beyond.sum()))
        return drawn * self.std


@dataclass(frozen=True, repr=False, eq=False)
class Orthogonal(Frozen):
    """``gain`` times a matrix with orthonormal rows or columns, whichever are fewer (Saxe et al., 2014).

    It is the Q of a normal matrix A = QR, its signs such that the diagonal of R is positive: only then are all
    orthogonal matrices equally likely (Mezzadri, 2007).

    >>> W = Orthogonal()(np.random.default_rng(0), (3, 5), 5, 3)
    >>> np.allclose(W @ W.T, np.eye(3))
    True
    """

    gain: float = 1.0

    def __post_init__(self) -> None:
        check_number("gain", self.gain, low=0, strict=True)

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...], n_in: int, n_out: int) -> np.ndarray:
        if len(shape) != 2:
            raise ValueError(sentence("an orthogonal start", "of a matrix", shape, "For biases use 'zeros'."))
        q, r = np.linalg.qr(rng.standard_normal((max(shape), min(shape))))
        q *= np.where(np.diag(r) < 0, -1.0, 1.0)
        return self.gain * (q if shape[0] >= shape[1] else q.T)


@dataclass(frozen=True, repr=False, eq=False)
class Given(Frozen):
    """The values themselves, copied.

    >>> Given([[1, 2], [3, 4]])(np.random.default_rng(0), (2, 2), 2, 2)
    array([[1., 2.],
           [3., 4.]])
    """

    values: Any

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", np.array(numbers("init", self.values), dtype=np.float64))

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...], n_in: int, n_out: int) -> np.ndarray:
        as_shown = self.values.shape == (*shape, 1)  # biases
        return self.values.reshape(shape) if as_shown else self.values

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Given) and np.array_equal(self.values, other.values)

    def __hash__(self) -> int:
        return hash(self.values.tobytes())


@dataclass(frozen=True, repr=False, eq=False)
class OfShape(Frozen):
    """A function (rng, shape) as one that is told the widths too."""

    function: Callable[..., np.ndarray]

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...], n_in: int, n_out: int) -> np.ndarray:
        return self.function(rng, shape)


# --- by name --------------------------------------------------------------------------------------------------------
def resolve(what: str, spec: Any, auto: str = "xavier") -> Initializer:
    """Return the initializer that a name, a function or an array stands for; "auto" is what the layer says of it.

    >>> resolve("init", "auto", "he") is he, resolve("init", "glorot") is xavier
    (True, True)
    """
    names = {"auto": INITIALIZERS[auto], **INITIALIZERS}
    if isinstance(spec, str):
        return look_up(what, spec, names)
    if isinstance(spec, np.ndarray | list):
        return Given(numbers(what, spec))
    if callable(spec):
        return spec if takes(spec, 4) or not takes(spec, 2) else OfShape(spec)
    rule = f"{one_of(names)}, a function (rng, shape) or (rng, shape, n_in, n_out), or an array"
    raise TypeError(sentence(what, rule, spec))


def takes(function: Callable[..., Any], count: int) -> bool:
    """Return whether a function can be called with so many arguments."""
    try:
        inspect.signature(function).bind(*range(count))
    except (TypeError, ValueError):  # ValueError: it does not say what it takes
        return False
    return True


def plain(what: str, spec: Any) -> Any:
    """Return ``spec`` as a layer keeps it, once it is known to stand for something: an array as its own copy."""
    found = resolve(what, spec)
    return found if isinstance(found, Given) else spec


INITIALIZERS: dict[str, Initializer] = {
    f.__name__: f for f in (he, he_uniform, xavier, xavier_normal, lecun_normal, lecun_uniform, random, zeros, ones)
}
INITIALIZERS["orthogonal"], INITIALIZERS["truncated_normal"] = Orthogonal(), TruncatedNormal()
INITIALIZERS["he_normal"], INITIALIZERS["xavier_uniform"] = he, xavier
INITIALIZERS["glorot"] = INITIALIZERS["glorot_uniform"] = xavier  # Glorot is the family name, Xavier the first
INITIALIZERS["glorot_normal"] = xavier_normal
INITIALIZERS["kaiming_normal"], INITIALIZERS["kaiming_uniform"] = he, he_uniform  # Kaiming is He's first name
