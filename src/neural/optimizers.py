"""Optimizers: gradients in, parameters updated, element by element on the network's flat vector.

An optimizer object holds settings; what it remembers lies in named vectors as long as the parameters, which the caller
keeps. The learning rate comes from ``fit`` and its schedule.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from neural.errors import check_number, look_up, one_of, sentence

CHUNK = 1 << 15  # elements updated at a time: parameters, gradients and memory of so many stay in a core's own cache


@dataclass(frozen=True)
class Optimizer:
    """The root of optimizers, for a user's own: name the vectors it remembers, and give it ``update``."""

    remembers: ClassVar[tuple[str, ...]] = ()
    weight_decay: ClassVar[float] = 0.0  # a field in those that have it

    def update(self, w: np.ndarray, g: np.ndarray, rate: float, t: int, *memory: np.ndarray) -> None:
        """Change ``w`` and the memory in place, at update ``t`` (from 1); ``g`` is free to be written over."""
        raise NotImplementedError(f"{type(self).__name__} needs a method update(w, g, rate, t, *memory)")

    def step(self, params: np.ndarray, grads: np.ndarray, memory: dict[str, np.ndarray], rate: float, t: int) -> None:
        """Update the whole vector, a piece at a time."""
        vectors = [memory[name] for name in self.remembers]
        for start in range(0, len(params), CHUNK):
            piece = slice(start, start + CHUNK)
            self.update(params[piece], grads[piece], rate, t, *(vector[piece] for vector in vectors))

    def fresh_memory(self, params: np.ndarray) -> dict[str, np.ndarray]:
        """Return the vectors to start with: zeros."""
        return {name: np.zeros_like(params) for name in self.remembers}


@dataclass(frozen=True)
class SGD(Optimizer):
    """v = momentum v + g; w = w - rate v, or with Nesterov's look ahead w - rate (g + momentum v).

    (Sutskever et al., 2013, in the form of PyTorch, where the rate multiplies v.)

    >>> w, g = np.array([1.0]), np.array([0.5])
    >>> SGD().update(w, g, 0.1, 1); w
    array([0.95])
    """

    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        if check_number("momentum", self.momentum, low=0) >= 1:
            raise ValueError(sentence("momentum", "at least 0 and below 1", self.momentum))
        if not isinstance(self.nesterov, bool):
            raise TypeError(sentence("nesterov", "True or False", self.nesterov))
        if self.nesterov and self.momentum == 0:
            raise ValueError(sentence("momentum", "above 0 with nesterov=True", self.momentum))

    @property
    def remembers(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("velocity",) if self.momentum else ()

    def update(self, w: np.ndarray, g: np.ndarray, rate: float, t: int, *memory: np.ndarray) -> None:
        if memory:
            (v,) = memory
            np.multiply(v, self.momentum, out=v)
            np.add(v, g, out=v)
            if self.nesterov:
                g += self.momentum * v
            else:
                g[...] = v
        np.multiply(g, rate, out=g)
        np.subtract(w, g, out=w)


@dataclass(frozen=True)
class Adam(Optimizer):
    """m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; w = w - rate m' / (sqrt(v') + epsilon).

    m' = m / (1 - b1^t) and v' = v / (1 - b2^t) undo the start at 0 (Kingma and Ba, 2015, algorithm 1).

    >>> w, g = np.array([1.0]), np.array([0.5])
    >>> Adam().update(w, g, 0.1, 1, np.zeros(1), np.zeros(1)); w.round(6)
    array([0.9])
    """

    remembers = ("mean", "variance")

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        for name in ("beta1", "beta2"):
            if check_number(name, getattr(self, name), low=0) >= 1:
                raise ValueError(sentence(name, "at least 0 and below 1", getattr(self, name)))
        check_number("epsilon", self.epsilon, low=0, strict=True)

    def update(self, w: np.ndarray, g: np.ndarray, rate: float, t: int, *memory: np.ndarray) -> None:
        m, v = memory
        np.subtract(m, g, out=m)  # b1 (m - g) + g: the formula without an array for (1 - b1) g
        np.multiply(m, self.beta1, out=m)
        np.add(m, g, out=m)
        np.multiply(v, self.beta2, out=v)
        np.multiply(g, g, out=g)
        np.multiply(g, 1 - self.beta2, out=g)
        np.add(v, g, out=v)
        np.sqrt(v, out=g)
        np.multiply(g, (1 - self.beta2**t) ** -0.5, out=g)
        np.add(g, self.epsilon, out=g)
        np.divide(m, g, out=g)
        np.multiply(g, rate / (1 - self.beta1**t), out=g)
        np.subtract(w, g, out=w)


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam, after w = w - rate weight_decay w on the weights but not the biases (Loshchilov and Hutter, 2019).

    The engine takes the first of these two steps, as it knows which values are weights; ``update`` is Adam's.

    >>> AdamW().weight_decay
    0.01
    """

    weight_decay: float = 0.01  # type: ignore[misc]

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("weight_decay", self.weight_decay, low=0)


def resolve(spec: Any) -> Optimizer:
    """Return the optimizer that a name, a class or an object stands for.

    >>> resolve("sgd") == resolve(SGD) == SGD()
    True
    """
    if isinstance(spec, str):
        return look_up("optimizer", spec, OPTIMIZERS)()
    if isinstance(spec, type) and issubclass(spec, Optimizer):
        return spec()
    if isinstance(spec, Optimizer):
        return spec
    raise TypeError(sentence("optimizer", f"{one_of(OPTIMIZERS)}, or an Optimizer", spec))


OPTIMIZERS: dict[str, type[Optimizer]] = {"sgd": SGD, "adam": Adam, "adamw": AdamW}
