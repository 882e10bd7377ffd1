"""Activations that are bounded or linear, a user's own, and the table of all names.

What every activation is stands in activation.py. Those that let the positive side through are in rectifiers.py and
smooth.py; logarithms are in logarithms.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from neural.activation import Activation as Activation
from neural.activation import floating as floating
from neural.activation import newer as newer
from neural.activation import of_class_or_instance
from neural.errors import look_up, one_of, sentence, warn
from neural.inputs import broadcast
from neural.logarithms import Log, Logit
from neural.rectifiers import ELU, SELU, HardSwish, LeakyReLU, ReLU, ReLU6
from neural.smooth import GELU, GELUTanh, Mish, SiLU, Softplus

Function = Callable[[np.ndarray], Any]


class Linear(Activation):
    """f(z) = z, f' = 1.

    >>> Linear.activation([[-1.0, 2.0]])
    array([[-1.,  2.]])
    """

    name = "linear"

    def forward(self, z: np.ndarray, out: np.ndarray) -> np.ndarray:
        out[...] = z
        return out

    def backward(self, da: np.ndarray, z: np.ndarray, a: np.ndarray, out: np.ndarray) -> np.ndarray:
        out[...] = da
        return out


class Tanh(Activation):
    """f(z) = tanh z, f' = 1 - f^2.

    >>> Tanh.activation_prime([[0.0]])
    array([[1.]])
    """

    name = "tanh"
    range = (-1.0, 1.0)

    def forward(self, z: np.ndarray, out: np.ndarray) -> np.ndarray:
        return np.tanh(z, out=out)

    def backward(self, da: np.ndarray, z: np.ndarray, a: np.ndarray, out: np.ndarray) -> np.ndarray:
        np.multiply(a, a, out=out)
        np.subtract(1, out, out=out)
        return np.multiply(out, da, out=out)


class SmoothClip(Activation):
    """f(z) = z / sqrt(1 + (z/3)^2), between -3 and 3, f' = (1 + (z/3)^2)^(-3/2) (Holzmüller et al., 2024).

    Near 0 it is z itself: after centring and scaling, columns of a table keep their shape and lose their outliers.

    >>> SmoothClip.activation([[-np.inf, 0.3, 4.0]])
    array([[-3.        ,  0.29851116,  2.4       ]])
    """

    FAR = 1e15  # from there on f is 3 to the last bit, and infinity over infinity would be NaN

    name = "smooth_clip"
    range = (-3.0, 3.0)
    needs_z = True

    def forward(self, z: np.ndarray, out: np.ndarray) -> np.ndarray:
        held = np.clip(z, -self.FAR, self.FAR, out=out)
        return np.divide(held, np.sqrt(np.square(held / 3) + 1), out=out)

    def backward(self, da: np.ndarray, z: np.ndarray, a: np.ndarray, out: np.ndarray) -> np.ndarray:
        share = 1 / (np.square(z / 3) + 1)
        return np.multiply(share * np.sqrt(share), da, out=out)


class Sigmoid(Activation):
    """f(z) = 1 / (1 + e^-z), f' = f (1 - f).

    Stable on both sides: where e^-z overflows to infinity, f is 0 as it should be.

    >>> Sigmoid.activation([[-1e4, 0.0, 1e4]])
    array([[0. , 0.5, 1. ]])
    """

    name = "sigmoid"
    range = (0.0, 1.0)

    def forward(self, z: np.ndarray, out: np.ndarray) -> np.ndarray:
        np.negative(z, out=out)
        np.exp(out, out=out)
        np.add(out, 1, out=out)
        return np.divide(1, out, out=out)

    def backward(self, da: np.ndarray, z: np.ndarray, a: np.ndarray, out: np.ndarray) -> np.ndarray:
        np.subtract(1, a, out=out)
        np.multiply(out, a, out=out)
        return np.multiply(out, da, out=out)


class HardSigmoid(Activation):
    """f(z) = 0 below -2.5, z/5 + 1/2 between, 1 above 2.5; f' = 1/5 between and 0 elsewhere.

    This slope is ONNX's default; Keras 3 has z/6 + 1/2.

    >>> HardSigmoid.activation([[-3.0, 1.0, 3.0]])
    array([[0. , 0.7, 1. ]])
    """

    name = "hard_sigmoid"
    range = (0.0, 1.0)
    kinks = (-2.5, 2.5)

    def forward(self, z: np.ndarray, out: np.ndarray) -> np.ndarray:
        np.multiply(z, 0.2, out=out)
        np.add(out, 0.5, out=out)
        np.maximum(out, 0, out=out)
        return np.minimum(out, 1, out=out)

    def backward(self, da: np.ndarray, z: np.ndarray, a: np.ndarray, out: np.ndarray) -> np.ndarray:
        np.subtract(1, a, out=out)
        np.multiply(out, a, out=out)  # above 0 between the kinks, 0 outside them
        np.sign(out, out=out)
        np.multiply(out, 0.2, out=out)
        return np.multiply(out, da, out=out)


class Softsign(Activation):
    """f(z) = z / (1 + |z|), f' = 1 / (1 + |z|)^2 (Bergstra et al., 2009).

    >>> Softsign.activation([[-3.0, 0.0, np.inf]])
    array([[-0.75,  0.  ,  1.  ]])
    """

    FAR = 1e30  # beyond it f is 1 to the last bit; infinity / infinity is NaN

    name = "softsign"
    range = (-1.0, 1.0)
    kinks = (0.0,)  # of f''
    needs_z = True  # far out 1 - |f| has lost digits that count: f' falls like 1 / z^2

    def forward(self, z: np.ndarray, out: np.ndarray) -> np.ndarray:
        np.clip(z, -self.FAR, self.FAR, out=out)
        return np.divide(out, 1 + np.abs(out), out=out)

    def backward(self, da: np.ndarray, z: np.ndarray, a: np.ndarray, out: np.ndarray) -> np.ndarray:
        np.abs(z, out=out)
        np.add(out, 1, out=out)
        np.divide(1, out, out=out)
        np.multiply(out, out, out=out)
        return np.multiply(out, da, out=out)


class Softmax(Activation):
    """f(z)_k = e^(z_k - max z) / sum_j e^(z_j - max z), over the features of each sample.

    ``backward`` is the exact product with the Jacobian diag(a) - a a^T: dZ = a * (dA - sum_k a_k dA_k). By hand,
    ``activation_prime`` is 1, because the cross-entropy's ``loss_prime`` then already is dJ/dZ.

    >>> Softmax.activation([[0.0, 1000.0], [0.0, 1000.0]])
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """

    name = "softmax"
    range = (0.0, 1.0)

    def forward(self, z: np.ndarray, out: np.ndarray) -> np.ndarray:
        np.subtract(z, np.maximum.reduce(z, axis=-1, keepdims=True), out=out)
        np.exp(out, out=out)
        return np.divide(out, np.add.reduce(out, axis=-1, keepdims=True), out=out)

    def backward(self, da: np.ndarray, z: np.ndarray, a: np.ndarray, out: np.ndarray) -> np.ndarray:
        np.multiply(a, da, out=out)
        np.subtract(da, np.add.reduce(out, axis=-1, keepdims=True), out=out)
        return np.multiply(out, a, out=out)

    @of_class_or_instance
    def activation_prime(self, z: Any) -> np.ndarray:
        """Return ones: under a softmax ``CategoricalCrossentropy.loss_prime`` is dJ/dZ."""
        return np.ones_like(floating(z))


class Exponential(Activation):
    """f(z) = e^z, f' = f: for outputs that are rates or sizes, whose logarithm is then the score.

    >>> Exponential.activation([[-1e4, 0.0, 1.0]]).round(4)
    array([[0.    , 1.    , 2.7183]])
    """

    name = "exponential"
    range = (0.0, np.inf)

    def forward(self, z: np.ndarray, out: np.ndarray) -> np.ndarray:
        return np.exp(z, out=out)

    def backward(self, da: np.ndarray, z: np.ndarray, a: np.ndarray, out: np.ndarray) -> np.ndarray:
        return np.multiply(da, a, out=out)


class CustomActivation(Activation):
    """A user's own f and f', element by element. They get (features, batch), and a copy; a scalar result is broadcast.

    Without ``prime`` the derivative is taken numerically, (f(z + h) - f(z - h)) / 2h in float64, with a warning.

    Raises ValueError when f is not a function of each element alone, as f' then is not all of its derivative.

    >>> cube = CustomActivation(lambda z: z**3, lambda z: 3 * z**2, name="cube")
    >>> cube.activation_prime([[2.0]])
    array([[12.]])
    """

    STEP = 6e-6  # the cube root of float64's precision: truncation and rounding then weigh the same

    def __init__(self, function: Function, prime: Function | None = None, *, name: str = "") -> None:
        self.function, self.prime = function, prime
        self.name = name or getattr(function, "__name__", "custom")
        self.range = self._probe()

    def _probe(self) -> tuple[float, float]:
        """Try f on a grid: each output must depend on its own element alone; return the bounds of what came out."""
        grid = np.linspace(-5.0, 5.0, 42).reshape(6, 7)
        try:
            with np.errstate(all="ignore"):
                values = self.call(self.function, grid)
                alone = [self.call(self.function, z.reshape(1, 1)).item() for z in grid.flat]
                far = self.call(self.function, 10 * grid)
        except Exception as error:
            if self.prime is None:
                rule = "a function of arrays of any shape where it has no derivative"
                raise ValueError(sentence(f"activation {self.name}", rule, self.function, str(error))) from error
            return -np.inf, np.inf  # made for one shape, such as a slope for each unit
        if not np.allclose(values, np.reshape(alone, grid.shape), equal_nan=True):
            step = "For a softmax use 'softmax'; write anything else as a Layer with forward and backward."
            raise ValueError(
                sentence(f"activation {self.name}", "a function of each element alone", self.function, step)
            )
        if self.prime is None:
            warn(
                f"activation {self.name} has no derivative: a numeric one is used, slower and less exact. "
                "Give a pair (f, f_prime), or a class with activation and activation_prime."
            )
        if np.isnan([values, far]).all():
            raise ValueError(sentence(f"activation {self.name}", "a number somewhere from -50 to 50", np.nan))
        return float(np.nanmin([values, far])), float(np.nanmax([values, far]))

    def call(self, function: Function, z: np.ndarray) -> np.ndarray:
        """Return ``function`` of a copy of ``z``, broadcast to its shape."""
        found = broadcast(f"what activation {self.name} returns", function(np.array(z)), z.shape)
        return found.astype(z.dtype, copy=False)

    def slope(self, z: np.ndarray) -> np.ndarray:
        """Return f'(z), (features, batch)."""
        if self.prime is not None:
            return self.call(self.prime, z)
        wide = z.astype(np.float64)
        h = self.STEP * np.maximum(1.0, np.abs(wide))
        return (self.call(self.function, wide + h) - self.call(self.function, wide - h)) / (2 * h)

    def forward(self, z: np.ndarray, out: np.ndarray) -> np.ndarray:
        out.T[...] = self.call(self.function, z.T)
        return out

    def backward(self, da: np.ndarray, z: np.ndarray, a: np.ndarray, out: np.ndarray) -> np.ndarray:
        return np.multiply(da, self.slope(z.T).T, out=out, casting="same_kind")

    @of_class_or_instance
    def activation_prime(self, z: Any) -> np.ndarray:
        """Return f'(z) in the dtype of ``z``."""
        z = floating(z)
        return self.slope(z).astype(z.dtype)

    def __repr__(self) -> str:
        return f"CustomActivation({self.name})"


def resolve(spec: Any) -> Activation:
    """Return the activation meant by None, a name, a class, an object, a function, or a pair (f, f_prime).

    A class of the user's own with ``activation`` and ``activation_prime`` is used as a class, never instantiated.

    >>> resolve("relu") == ReLU() == resolve(ReLU)
    True
    """
    if spec is None:
        return Linear()
    if isinstance(spec, str):
        if spec.lower() == "prelu":
            step = "It has parameters, so it is a layer of its own: net.add(PReLU())."
            raise ValueError(sentence("activation", one_of(ACTIVATIONS), spec, step))
        return look_up("activation", spec, {**ACTIVATIONS, **SYNONYMS})()
    if isinstance(spec, type) and issubclass(spec, Activation):
        spec = spec()
    if isinstance(spec, Activation):
        by_hand_is_newer = newer(type(spec), ("activation", "activation_prime"), ("forward", "backward"))
        return CustomActivation(spec.activation, spec.activation_prime, name=spec.name) if by_hand_is_newer else spec
    if callable(getattr(spec, "activation", None)) and callable(getattr(spec, "activation_prime", None)):
        name = getattr(spec, "__name__", type(spec).__name__)
        return CustomActivation(spec.activation, spec.activation_prime, name=name)
    if isinstance(spec, tuple) and len(spec) == 2 and all(map(callable, spec)):
        return CustomActivation(*spec)
    if callable(spec) and not isinstance(spec, type):
        return CustomActivation(spec)
    rule = f"{one_of(ACTIVATIONS)}, a function, a pair (f, f_prime), or have activation and activation_prime"
    raise TypeError(sentence("activation", rule, spec))


def plain(activation: Activation) -> Any:
    """Return the name of one of ours that has no settings, and any other activation as it is."""
    ours = type(activation) is ACTIVATIONS.get(activation.name) and not activation.settings()
    return activation.name if ours else activation


ACTIVATIONS: dict[str, type[Activation]] = {
    kind.name: kind
    for kind in (
        *(Linear, ReLU, LeakyReLU, ReLU6, ELU, SELU, HardSwish),
        *(Softplus, GELU, GELUTanh, SiLU, Mish),
        *(Tanh, Softsign, SmoothClip, Sigmoid, HardSigmoid, Exponential, Softmax, Log, Logit),
    )
}
SYNONYMS: dict[str, type[Activation]] = {"swish": SiLU}
