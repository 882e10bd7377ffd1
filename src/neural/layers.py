"""The layers: for each a forward, a backward, and the derivation between them. In docs/derivations.md step by step.

Samples in rows here: x is (batch, n_in), so Z = W A + b, with samples in columns, reads z = x W^T + b.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from neural import activations, initializers
from neural.activation_layer import ActivationLayer as ActivationLayer
from neural.branches import AverageLayer
from neural.columns import OnColumns
from neural.embeddings import Embedding, PeriodicEmbedding, PiecewiseEmbedding
from neural.ensembles import EnsembleDense, MeanOfMembers
from neural.errors import check_number, sentence, warn
from neural.inputs import numbers
from neural.layer import Layer, Mode
from neural.normalization import BatchNorm, LayerNorm, Scaling
from neural.parameters import Own, Shapes
from neural.residual import Residual
from neural.streams import kept, normals, seed_from


def _one(what: str, value: Any, also: Any) -> Any:
    """Return the one of two spellings of an argument that was given."""
    if value is not None and also is not None:
        raise TypeError(sentence(what, "given once", f"{value} and {also}"))
    return also if value is None else value


class DenseLayer(Layer):
    """Z = W A + b, every input to every unit; then the activation, if there is one.

    In rows: z = x W^T + b. With dz = dJ/dz: dW = dz^T x, db = the sum of dz over the batch, dx = dz W.

    Parameters
    ----------
    n_in, n_out : the widths, also as ``n_l_1`` and ``n_l``; ``n_in=None`` is found out at the first fit.
    activation : a name, class, object or function. A number in its place is ``l2``; one more is then ``bias``.
    l1, l2 : the penalty (l1 sum |W| + l2/2 sum W^2) / m on the weights, m the nominal batch size, also for a last short
        batch; 0 leaves it to the loss.
    bias : whether there is a b. Without one, ``biases`` is 0.
    init, bias_init : "auto", a name from initializers.py ("he", "xavier", "orthogonal", "zeros" ...), a function
        (rng, shape) or (rng, shape, n_in, n_out), or the values themselves, (n_out, n_in) and (n_out,). "auto" is he
        under ReLU-like activations, lecun_normal under SELU and xavier otherwise; zeros for b.
    max_norm, non_negative : |w| <= max_norm for the weights of each unit (Srebro and Shraibman, 2005), or W >= 0: by
        the nearest such W after each update.
    random_state : seeds a layer that stands alone; in a network the network's seed decides.

    Attributes: ``weights`` (n_out, n_in), ``biases`` (n_out, 1), ``neurons``, ``trainable_params``.

    >>> layer = DenseLayer(3, 2, bias_init="ones")
    >>> layer.weights = [[1, 0, 0], [0, 1, 0]]
    >>> layer.forward_propagation([[1.0], [2.0], [3.0]])
    array([[2.],
           [3.]])
    """

    penalized = ("weights",)

    def __init__(
        self,
        n_in: int | None = None,
        n_out: int | None = None,
        activation: Any = None,
        *also_bias: bool,
        l1: float = 0,
        l2: float = 0,
        bias: bool = True,
        init: Any = "auto",
        bias_init: Any = "zeros",
        max_norm: float | None = None,
        non_negative: bool = False,
        random_state: Any = None,
        n_l_1: int | None = None,
        n_l: int | None = None,
    ) -> None:
        by_number = isinstance(activation, int | float | np.number)
        if len(also_bias) > (1 if by_number else 0):
            raise TypeError("DenseLayer takes what follows the activation by keyword: l1, l2, bias, init, bias_init.")
        if by_number:
            activation, l2 = None, _one("l2", activation, l2 or None)
            bias = also_bias[0] if also_bias else bias
        n_in, n_out = _one("n_in", n_in, n_l_1), _one("n_out", n_out, n_l)
        if isinstance(n_out, str):
            step = f"Name the activation: DenseLayer(n_out={n_in}, activation={n_out!r})."
            raise TypeError(sentence("n_out", "a whole number of at least 1", n_out, step))
        self.n_in = None if n_in is None else check_number("n_in", n_in, low=1, whole=True)
        self.n_out: int = check_number("n_out", n_out, low=1, whole=True)
        self.function = activations.resolve(activation)
        self.l1, self.l2 = check_number("l1", l1, low=0), check_number("l2", l2, low=0)
        if not isinstance(bias, bool | np.bool_):
            raise TypeError(sentence("bias", "True or False", bias))
        self.bias = bool(bias)
        self.init, self.bias_init = initializers.plain("init", init), initializers.plain("bias_init", bias_init)
        self.max_norm = None if max_norm is None else check_number("max_norm", max_norm, low=0, strict=True)
        if not isinstance(non_negative, bool | np.bool_):
            raise TypeError(sentence("non_negative", "True or False", non_negative))
        self.non_negative = bool(non_negative)
        if random_state is not None:
            self._start = (seed_from(random_state), 0)

    def forward(self, x: np.ndarray, own: Own, mode: Mode) -> tuple[np.ndarray, Any]:
        z = np.matmul(x, own.weights.T, out=own.array("z", (len(x), self.n_out)))
        if self.bias:
            np.add(z, own.biases, out=z)
        return z, x

    def backward(self, dy: np.ndarray, cache: Any, own: Own, grads: Own) -> np.ndarray:
        x = cache
        np.matmul(dy.T, x, out=grads.weights)
        if self.bias:
            np.matmul(own.ones(len(dy)), dy, out=grads.biases)  # the sum over the batch, the quickest way to it
        if not own.needs_dx:  # nothing below the first layer is trained
            return x
        return np.matmul(dy, own.weights, out=own.array("dx", x.shape))

    def shapes(self) -> Shapes:
        if self.n_in is None:
            raise ValueError(f"{self.describe()}: n_in is not known yet. Give it, or fit the network first.")
        weights = {"weights": (self.n_out, self.n_in)}
        return {**weights, "biases": (self.n_out,)} if self.bias else weights

    def initialize(self, name: str, shape: tuple[int, ...], rng: np.random.Generator) -> Any:
        assert self.n_in is not None
        spec, auto = self.bias_init, "zeros"
        if name == "weights":
            spec, auto = self.init, self._activation_behind().start
        return initializers.resolve(name, spec, auto)(rng, shape, self.n_in, self.n_out)

    def _activation_behind(self) -> activations.Activation:
        """Return the layer's activation, or that of the ActivationLayer behind it in the network."""
        layers = [] if self._owner is None else self._owner.leaves
        behind = [after for layer, after in itertools.pairwise(layers) if layer is self]
        if type(self.function) is activations.Linear and behind and isinstance(behind[0], ActivationLayer):
            return behind[0].function
        return self.function

    def expanded(self) -> list[Layer]:
        return [self] if type(self.function) is activations.Linear else [self, ActivationLayer(self.function)]

    def width_after(self, width: int) -> int:
        if self.n_in not in (None, width):
            raise ValueError(sentence(f"the input of {self.describe()}", f"of width {self.n_in}", width))
        return self.n_out

    def connect(self, width: int) -> None:
        self.n_in = self._width = width

    def describe(self) -> str:
        return f"DenseLayer of {self.n_out} unit{'s' * (self.n_out != 1)}"

    def warn_if_equal(self) -> None:
        """Warn where a hidden layer is about to start with equal units: equal gradients keep them equal."""
        if isinstance(self.init, str) and self.init in ("zeros", "ones") and self.n_out > 1 and self._flat is None:
            warn(
                f"init={self.init!r} makes all units of the hidden {self.describe()} equal, and equal they will stay. "
                "Use 'auto', 'he' or 'xavier'."
            )

    @property
    def weights(self) -> np.ndarray:
        """W, (n_out, n_in), a view. What is assigned is copied into it."""
        return self.parameter("weights")

    @weights.setter
    def weights(self, value: Any) -> None:
        self.assign("weights", value)

    @property
    def biases(self) -> Any:
        """Return b, (n_out, 1), a view; 0 without a bias."""
        return self.parameter("biases").reshape(-1, 1) if self.bias else 0

    @biases.setter
    def biases(self, value: Any) -> None:
        if not self.bias:
            raise ValueError(f"{self.describe()} has bias=False: there are no biases to assign.")
        value = numbers("biases", value)
        if value.shape not in ((self.n_out, 1), (self.n_out,)):
            raise ValueError(sentence("biases", f"of shape {(self.n_out, 1)}", value))
        self.assign("biases", value.reshape(-1))

    @property
    def neurons(self) -> int:
        """The number of units, n_out; also under its old spelling ``nuerons``."""
        return self.n_out

    nuerons = neurons

    @property
    def activation(self) -> activations.Activation:
        """The activation object, which is callable."""
        return self.function

    @property
    def activation_name(self) -> str:
        """The activation's name."""
        return self.function.name


class DropoutLayer(Layer):
    """While training, each value is 0 with probability r and otherwise divided by 1 - r; in predict, nothing is done.

    y = x * k, where k is 0 or 1/(1 - r), so that the mean of y is x (Srivastava et al., 2014, section 10); dx = dy * k.
    By hand it drops, as training does.

    >>> DropoutLayer(0.0).forward_propagation([[1.0, 2.0]])
    array([[1., 2.]])
    """

    def __init__(self, dropout_rate: float) -> None:
        self.dropout_rate: float = check_number("dropout_rate", dropout_rate, low=0)
        if self.dropout_rate >= 1:
            raise ValueError(sentence("dropout_rate", "at least 0 and below 1", dropout_rate))

    def forward(self, x: np.ndarray, own: Own, mode: Mode) -> tuple[np.ndarray, Any]:
        if not mode.training or self.dropout_rate == 0:
            return x, None
        k = own.array("k", x.shape)
        np.multiply(
            kept(mode.seed, own.layer, mode.step, x.shape, self.dropout_rate), 1 / (1 - self.dropout_rate), out=k
        )
        return np.multiply(x, k, out=own.array("y", x.shape)), k

    def backward(self, dy: np.ndarray, cache: Any, own: Own, grads: Own) -> np.ndarray:
        k = cache
        return dy if k is None else np.multiply(dy, k, out=own.array("dx", dy.shape))

    def describe(self) -> str:
        return f"DropoutLayer {self.dropout_rate:g}"


class GaussianNoise(Layer):
    """While training, y = x + noise of mean 0 and standard deviation ``std``; in predict, nothing. dx = dy.

    >>> GaussianNoise(0.0).forward_propagation([[1.0, 2.0]])
    array([[1., 2.]])
    """

    def __init__(self, std: float) -> None:
        self.std: float = check_number("std", std, low=0)

    def forward(self, x: np.ndarray, own: Own, mode: Mode) -> tuple[np.ndarray, Any]:
        if not mode.training or self.std == 0:
            return x, None
        noise = normals(mode.seed, own.layer, mode.step, x.shape) * self.std
        return np.add(x, noise.astype(x.dtype), out=own.array("y", x.shape)), None

    def backward(self, dy: np.ndarray, cache: Any, own: Own, grads: Own) -> np.ndarray:
        return dy

    def describe(self) -> str:
        return f"GaussianNoise {self.std:g}"


class PReLU(Layer):
    """A = z above 0 and slope z below, with a slope for each feature that is trained (He, Zhang, Ren and Sun, 2015).

    dz = dA above 0 and slope dA below; dslope = sum over the batch of dA min(z, 0).

    >>> PReLU().forward_propagation([[-1.0, 2.0]])
    array([[-0.25,  2.  ]])
    """

    def __init__(self, slope: float = 0.25) -> None:
        self.slope: float = check_number("slope", slope)

    def shapes(self) -> Shapes:
        return self.per_feature("slopes")

    def initialize(self, name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return np.full(shape, self.slope)

    def kink_distance(self, x: np.ndarray, own: Own) -> float:
        return float(np.abs(x).min())

    def forward(self, x: np.ndarray, own: Own, mode: Mode) -> tuple[np.ndarray, Any]:
        return np.where(x < 0, own.slopes * x, x), x

    def backward(self, dy: np.ndarray, cache: Any, own: Own, grads: Own) -> np.ndarray:
        x = cache
        np.sum(dy * np.minimum(x, 0), axis=0, out=grads.slopes)
        return np.where(x < 0, own.slopes * dy, dy)


KINDS = (
    *(DenseLayer, ActivationLayer, DropoutLayer, GaussianNoise, PReLU, BatchNorm, LayerNorm, Residual),
    *(Scaling, PeriodicEmbedding, PiecewiseEmbedding, Embedding, OnColumns, EnsembleDense, MeanOfMembers, AverageLayer),
)
LAYERS: dict[str, type[Layer]] = {kind.__name__: kind for kind in KINDS}
