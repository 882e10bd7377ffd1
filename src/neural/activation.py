"""What every activation is: f, f', and both by hand.

Each class is used as a class, as an instance or by its name. Two pairs of functions:

- ``activation(z)`` and ``activation_prime(z)``: by hand, samples in columns (features, batch), nothing changed;
- ``forward(z, out)`` and ``backward(da, z, a, out)``: the library's own path, samples in rows (batch, features);
  both write into ``out``, and ``backward`` gives dZ = dA * f'(Z), for softmax the whole Jacobian's product.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import MethodType
from typing import Any, ClassVar

import numpy as np

from neural.inputs import numeric


class of_class_or_instance:
    """A method that works on the class too, where it gets an instance with the default settings."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.__doc__ = function.__doc__

    def __get__(self, instance: Any, owner: type) -> MethodType:
        return MethodType(self.function, owner() if instance is None else instance)


def floating(z: Any, what: str = "z") -> np.ndarray:
    """Return ``z`` as an array of floats: float32 and float64 as they are, anything else as float64."""
    z = numeric(what, z)
    return z if z.dtype in (np.float32, np.float64) else z.astype(np.float64)


def newer(kind: type, some: tuple[str, ...], others: tuple[str, ...]) -> bool:
    """Return whether a class or its nearest ancestors define one of ``some`` before any of ``others``."""
    for ancestor in kind.__mro__:
        if any(name in vars(ancestor) for name in others):
            return False
        if any(name in vars(ancestor) for name in some):
            return True
    return False


class Activation:
    """The root of activations. ``range`` bounds the outputs; ``kinks`` lists where f' or f'' jumps."""

    name: str = ""
    range: tuple[float, float] = (-np.inf, np.inf)
    kinks: ClassVar[tuple[float, ...]] = ()
    relu_like: ClassVar[bool] = False  # wants He's start
    needs_z: ClassVar[bool] = False  # the backward reads z; where it makes do with a, the core keeps a alone

    @property
    def start(self) -> str:
        """The start of the weights before it that "auto" stands for."""
        return "he" if self.relu_like else "xavier"

    def __init_subclass__(cls) -> None:
        """Let a user's own ``activation(self, z)`` work on the class too, as ours do."""
        for name in ("activation", "activation_prime"):
            function = vars(cls).get(name)
            if inspect.isfunction(function) and len(inspect.signature(function).parameters) > 1:
                setattr(cls, name, of_class_or_instance(function))

    def forward(self, z: np.ndarray, out: np.ndarray) -> np.ndarray:
        """Write f(z) into ``out``, both (batch, features), and return it."""
        raise NotImplementedError(f"{type(self).__name__} needs a method forward(z, out)")

    def backward(self, da: np.ndarray, z: np.ndarray, a: np.ndarray, out: np.ndarray) -> np.ndarray:
        """Write dZ = dA * f'(z) into ``out``, where a = f(z), and return it."""
        raise NotImplementedError(f"{type(self).__name__} needs a method backward(da, z, a, out)")

    @of_class_or_instance
    def activation(self, z: Any) -> np.ndarray:
        """Return f(z) in the dtype of ``z``, (features, batch) or a vector of features."""
        z = floating(z)
        with np.errstate(all="ignore"):
            return np.asarray(self.forward(z.T, np.empty_like(z.T)).T)

    @of_class_or_instance
    def activation_prime(self, z: Any) -> np.ndarray:
        """Return f'(z) in the dtype of ``z``."""
        z = floating(z)
        with np.errstate(all="ignore"):
            a = self.forward(z, np.empty_like(z))
            return self.backward(np.ones_like(z), z, a, np.empty_like(z))

    def __call__(self, z: Any) -> np.ndarray:
        return np.asarray(self.activation(z))

    def settings(self) -> dict[str, Any]:
        """Return what tells this object from another of its class, as plain values."""
        return dict(vars(self))

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), *sorted(map(str, vars(self).items()))))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.settings().items())})"
