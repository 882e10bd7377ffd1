"""How parameters start: each is a function of (rng, shape, n_in, n_out) that returns a float64 array of that shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from neural.errors import look_up, one_of, sentence

Initializer = Callable[["np.random.Generator", tuple[int, ...], int, int], np.ndarray]  # quoted: not imported yet


def he(rng: np.random.Generator, shape: tuple[int, ...], n_in: int, n_out: int) -> np.ndarray:
    """Normal with variance 2 / n_in: keeps the size of signals under ReLU (He et al., 2015, eq. 10).

    >>> round(float(he(np.random.default_rng(0), (500, 200), 200, 500).std()), 2)
    0.1
    """
    return rng.standard_normal(shape) * np.sqrt(2.0 / n_in)


def xavier(rng: np.random.Generator, shape: tuple[int, ...], n_in: int, n_out: int) -> np.ndarray:
    """Uniform within sqrt(6 / (n_in + n_out)): keeps signals and gradients (Glorot and Bengio, 2010, eq. 16).

    >>> bool(np.abs(xavier(np.random.default_rng(0), (25, 125), 125, 25)).max() <= 0.2)
    True
    """
    bound = np.sqrt(6.0 / (n_in + n_out))
    return rng.uniform(-bound, bound, shape)


def random(rng: np.random.Generator, shape: tuple[int, ...], n_in: int, n_out: int) -> np.ndarray:
    """Uniform from -1 to 1, whatever the width."""
    return rng.uniform(-1.0, 1.0, shape)


def zeros(rng: np.random.Generator, shape: tuple[int, ...], n_in: int, n_out: int) -> np.ndarray:
    """All 0: right for biases; weights that start equal stay equal."""
    return np.zeros(shape)


def ones(rng: np.random.Generator, shape: tuple[int, ...], n_in: int, n_out: int) -> np.ndarray:
    """All 1."""
    return np.ones(shape)


def resolve(what: str, spec: Any, auto: str = "xavier") -> Initializer:
    """Return the initializer that a name or a function stands for; "auto" is what the layer says of it.

    >>> resolve("init", "auto", "he") is he, resolve("init", "glorot") is xavier
    (True, True)
    """
    names = {"auto": INITIALIZERS[auto], **INITIALIZERS}
    if isinstance(spec, str):
        return look_up(what, spec, names)
    if callable(spec):
        return spec
    raise TypeError(sentence(what, f"{one_of(names)} or a function (rng, shape, n_in, n_out)", spec))


INITIALIZERS: dict[str, Initializer] = {f.__name__: f for f in (he, xavier, random, zeros, ones)}
INITIALIZERS["glorot"] = xavier  # Glorot is the family name, Xavier the first
