"""Optimizers: gradients in, parameters updated, most of them element by element on the network's flat vector.

An optimizer object holds settings; what it remembers lies in named vectors as long as the parameters, which the caller
keeps. The learning rate comes from ``fit`` and its schedule.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import numpy as np

from neural.errors import check_number, look_up, one_of, sentence
from neural.frozen import Frozen
from neural.parameters import Place

CHUNK = 1 << 15  # elements updated at a time: parameters, gradients and memory of so many stay in a core's own cache


@dataclass(frozen=True, repr=False, eq=False)
class Optimizer(Frozen):
    """The root of optimizers, for a user's own: name the vectors it remembers, and give it ``update``.

    ``clip_norm`` c: a gradient g, of all trained parameters together, whose norm is above c is multiplied by c / |g|
    (Pascanu, Mikolov and Bengio, 2013). ``clip_value`` c: each number of g is held within -c and c. The penalty's part
    is in g. Every optimizer but L-BFGS takes them: ``Adam(clip_norm=1.0)``.
    """

    elementwise: ClassVar[bool] = True  # no number's update looks at another
    clip_norm: float | None = field(default=None, kw_only=True)
    clip_value: float | None = field(default=None, kw_only=True)

    remembers: ClassVar[tuple[str, ...]] = ()
    weight_decay = 0.0  # a field in those that have it; with a type it would be the first of their fields
    formula: ClassVar[str] = ""  # its row in the core's table, "" if it has none
    whole: ClassVar[bool] = False  # takes all rows as one batch

    def __post_init__(self) -> None:
        for name in ("clip_norm", "clip_value"):
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name), low=0, strict=True)

    def __repr__(self) -> str:
        by_place = [field for field in fields(self) if not field.kw_only]
        set_by_name = [field for field in fields(self) if field.kw_only and getattr(self, field.name) != field.default]
        shown = (f"{field.name}={getattr(self, field.name)!r}" for field in (*by_place, *set_by_name))
        return f"{type(self).__name__}({', '.join(shown)})"

    def constants(self, rate: Any, t: Any) -> tuple[Any, ...]:
        """Return the numbers of update ``t`` that the formula takes, as its struct in the core lists them.

        ``rate`` and ``t`` may be arrays, of many updates.
        """
        raise NotImplementedError(f"{type(self).__name__} has no constants(rate, t), and so no row in the core")

    def update(self, w: np.ndarray, g: np.ndarray, rate: float, t: int, *memory: np.ndarray) -> None:
        """Change ``w`` and the memory in place, at update ``t`` (from 1); ``g`` is free to be written over."""
        raise NotImplementedError(f"{type(self).__name__} needs a method update(w, g, rate, t, *memory)")

    def step(
        self,
        params: np.ndarray,
        grads: np.ndarray,
        memory: dict[str, np.ndarray],
        rate: float,
        t: int,
        weights: Sequence[Place] = (),
    ) -> None:
        """Update the whole vector, a piece at a time; ``weights`` are the places of the weight matrices in it."""
        vectors = [memory[name] for name in self.remembers]
        for start in range(0, len(params), CHUNK):
            piece = slice(start, start + CHUNK)
            self.update(params[piece], grads[piece], rate, t, *(vector[piece] for vector in vectors))

    def fresh_memory(self, params: np.ndarray) -> dict[str, np.ndarray]:
        """Return the vectors to start with: zeros."""
        return {name: np.zeros_like(params) for name in self.remembers}


@dataclass(frozen=True, repr=False, eq=False)
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
        super().__post_init__()
        _check_shares(self, "momentum")
        if not isinstance(self.nesterov, bool):
            raise TypeError(sentence("nesterov", "True or False", self.nesterov))
        if self.nesterov and self.momentum == 0:
            raise ValueError(sentence("momentum", "above 0 with nesterov=True", self.momentum))

    @property
    def remembers(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("velocity",) if self.momentum else ()

    @property
    def formula(self) -> str:  # type: ignore[override]
        return "nesterov" if self.nesterov else "momentum" if self.momentum else "sgd"

    def constants(self, rate: Any, t: Any) -> tuple[Any, ...]:
        return rate, self.momentum

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


@dataclass(frozen=True, repr=False, eq=False)
class RMSProp(Optimizer):
    """s = rho s + (1 - rho) g^2; w = w - rate g / (sqrt(s) + epsilon) (Tieleman and Hinton, 2012, lecture 6.5).

    With momentum, v = momentum v + g / (sqrt(s) + epsilon); w = w - rate v, in the form of PyTorch.

    >>> w, g = np.array([1.0]), np.array([0.5])
    >>> RMSProp(rho=0.75).update(w, g, 0.1, 1, np.zeros(1)); w.round(6)
    array([0.8])
    """

    rho: float = 0.9
    epsilon: float = 1e-8
    momentum: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_shares(self, "rho", "momentum")
        check_number("epsilon", self.epsilon, low=0, strict=True)

    @property
    def remembers(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("squares", "velocity") if self.momentum else ("squares",)

    @property
    def formula(self) -> str:  # type: ignore[override]
        return "rmsprop_momentum" if self.momentum else "rmsprop"

    def constants(self, rate: Any, t: Any) -> tuple[Any, ...]:
        return rate, self.rho, self.epsilon, self.momentum

    def update(self, w: np.ndarray, g: np.ndarray, rate: float, t: int, *memory: np.ndarray) -> None:
        s, *velocity = memory
        s *= self.rho
        s += (1 - self.rho) * (g * g)
        g /= np.sqrt(s) + self.epsilon
        for v in velocity:
            v *= self.momentum
            v += g
            g[...] = v
        w -= rate * g


@dataclass(frozen=True, repr=False, eq=False)
class Adagrad(Optimizer):
    """s = s + g^2; w = w - rate g / (sqrt(s) + epsilon) (Duchi, Hazan and Singer, 2011, with diagonal matrices).

    >>> w, g = np.array([1.0]), np.array([0.5])
    >>> Adagrad().update(w, g, 0.1, 1, np.zeros(1)); w.round(6)
    array([0.9])
    """

    remembers = ("squares",)
    formula = "adagrad"

    epsilon: float = 1e-10

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("epsilon", self.epsilon, low=0, strict=True)

    def constants(self, rate: Any, t: Any) -> tuple[Any, ...]:
        return rate, self.epsilon

    def update(self, w: np.ndarray, g: np.ndarray, rate: float, t: int, *memory: np.ndarray) -> None:
        (s,) = memory
        s += g * g
        w -= rate * g / (np.sqrt(s) + self.epsilon)


@dataclass(frozen=True, repr=False, eq=False)
class Adam(Optimizer):
    """m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; w = w - rate m' / (sqrt(v') + epsilon).

    m' = m / (1 - b1^t) and v' = v / (1 - b2^t) undo the start at 0 (Kingma and Ba, 2015, algorithm 1). With
    ``epsilon_first`` epsilon is added before that, rate m' / ((sqrt(v) + epsilon) / sqrt(1 - b2^t)), as in the order of
    the end of their section 2.

    >>> w, g = np.array([1.0]), np.array([0.5])
    >>> Adam().update(w, g, 0.1, 1, np.zeros(1), np.zeros(1)); w.round(6)
    array([0.9])
    """

    remembers = ("mean", "variance")
    formula = "adam"

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    epsilon_first: bool = field(default=False, kw_only=True, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_shares(self, "beta1", "beta2")
        check_number("epsilon", self.epsilon, low=0, strict=True)

    def constants(self, rate: Any, t: Any) -> tuple[Any, ...]:
        root_scale = (1 - _power(self.beta2, t)) ** -0.5
        epsilon = self.epsilon * root_scale if self.epsilon_first else self.epsilon
        return rate / (1 - _power(self.beta1, t)), root_scale, self.beta1, self.beta2, epsilon

    def update(self, w: np.ndarray, g: np.ndarray, rate: float, t: int, *memory: np.ndarray) -> None:
        m, v = memory
        mean_scale, root_scale, _, _, epsilon, *_ = self.constants(rate, t)
        np.subtract(m, g, out=m)  # b1 (m - g) + g: the formula without an array for (1 - b1) g
        np.multiply(m, self.beta1, out=m)
        np.add(m, g, out=m)
        np.multiply(v, self.beta2, out=v)
        np.multiply(g, g, out=g)
        np.multiply(g, 1 - self.beta2, out=g)
        np.add(v, g, out=v)
        np.sqrt(v, out=g)
        np.multiply(g, root_scale, out=g)
        np.add(g, epsilon, out=g)
        np.divide(m, g, out=g)
        np.multiply(g, mean_scale, out=g)
        np.subtract(w, g, out=w)


@dataclass(frozen=True, repr=False, eq=False)
class AdamW(Adam):
    """Adam, after w = w - rate weight_decay w on the weights but not the biases (Loshchilov and Hutter, 2019).

    The engine takes the first of these two steps, as it knows which values are weights; ``update`` is Adam's.

    >>> AdamW().weight_decay
    0.01
    """

    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("weight_decay", self.weight_decay, low=0)


@dataclass(frozen=True, repr=False, eq=False)
class NAdam(Adam):
    """Adam with Nesterov's look ahead: w = w - rate m' / (sqrt(v') + epsilon) (Dozat, 2016, in the form of PyTorch).

    m' = (1 - u_t) g / (1 - u_1 ... u_t) + u_t+1 m / (1 - u_1 ... u_t+1), u_t = b1 (1 - 0.96^(t momentum_decay) / 2);
    m, v and v' are Adam's.

    >>> w, g = np.array([1.0]), np.array([0.5])
    >>> NAdam(beta1=0.5, momentum_decay=0).update(w, g, 0.1, 1, np.zeros(1), np.zeros(1)); w.round(6)
    array([0.886667])
    """

    formula = "nadam"

    momentum_decay: float = 0.004

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.epsilon_first:
            raise ValueError(sentence("epsilon_first", "False for NAdam", True))
        check_number("momentum_decay", self.momentum_decay, low=0)

    def constants(self, rate: Any, t: Any) -> tuple[Any, ...]:
        halved = _halved(self.momentum_decay)
        now, ahead = (self.beta1 * (1 - 0.5 * 0.96 ** (n * self.momentum_decay)) for n in (t, t + 1))
        product, product_ahead = (_power(self.beta1, n) * halved[np.minimum(n, len(halved)) - 1] for n in (t, t + 1))
        mean_scale, gradient_scale = rate * ahead / (1 - product_ahead), rate * (1 - now) / (1 - product)
        return mean_scale, gradient_scale, *super().constants(rate, t)[1:]

    def update(self, w: np.ndarray, g: np.ndarray, rate: float, t: int, *memory: np.ndarray) -> None:
        m, v = memory
        mean_scale, gradient_scale, root_scale, *_ = map(float, self.constants(rate, t))
        m += (1 - self.beta1) * (g - m)
        v *= self.beta2
        v += (1 - self.beta2) * (g * g)
        w -= (mean_scale * m + gradient_scale * g) / (root_scale * np.sqrt(v) + self.epsilon)


def _power(beta: float, t: Any) -> Any:
    """Return beta^t, or a number below 2^-64 in its place: 1 less it is 1, and powers near 0 take ten times as long.

    >>> _power(0.9, np.array([1, 2, 10**6])).round(2)
    array([0.9 , 0.81, 0.  ])
    """
    return beta ** np.minimum(t, 64 * math.log(2) / -math.log(beta) if beta else 1)


@functools.lru_cache(maxsize=16)
def _halved(decay: float) -> np.ndarray:
    """Return the products of 1 - 0.96^(i decay) / 2 over i = 1..t, up to where they stay or are below 2^-53."""
    return np.cumprod(1 - 0.5 * 0.96 ** (np.arange(1, 2501) * decay))


@dataclass(frozen=True, repr=False, eq=False)
class Lion(Optimizer):
    """w = w - rate (sign(b1 m + (1 - b1) g) + weight_decay w), then m = b2 m + (1 - b2) g (Chen et al., 2023).

    Each step is ``rate`` long in every weight, so it needs a learning rate three to ten times smaller than Adam's, and
    a weight decay larger by as much. Decay is on the weights but not the biases, and the engine's, as in AdamW.

    >>> w, g = np.array([1.0, 1.0]), np.array([0.5, -1e-3])
    >>> Lion().update(w, g, 0.1, 1, np.zeros(2)); w
    array([0.9, 1.1])
    """

    remembers = ("mean",)
    formula = "lion"

    beta1: float = 0.9
    beta2: float = 0.99
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_shares(self, "beta1", "beta2")
        check_number("weight_decay", self.weight_decay, low=0)

    def constants(self, rate: Any, t: Any) -> tuple[Any, ...]:
        return rate, self.beta1, self.beta2

    def update(self, w: np.ndarray, g: np.ndarray, rate: float, t: int, *memory: np.ndarray) -> None:
        (m,) = memory
        w -= rate * np.sign(self.beta1 * (m - g) + g)
        m += (1 - self.beta2) * (g - m)


@dataclass(frozen=True, repr=False, eq=False)
class Muon(AdamW):
    """v = momentum v + g; W = W - rate 0.2 sqrt(max(n_out, n_in)) O(g + momentum v) (Jordan et al., 2024).

    O(M) is near U V' for M = U S V': each direction counts alike. So go the weight matrices of hidden layers, which are
    all but the first and the last; everything else goes by AdamW, and so does a network of fewer than three matrices.
    0.2 sqrt(max) makes the steps as long as AdamW's, so that one rate does for both (Liu et al., 2025).

    >>> W, g, place = np.zeros((16, 16)), np.diag([4.0, 2.0] + [0.0] * 14), Place(0, "weights", (16, 16), 0)
    >>> Muon().step(W.reshape(-1), g.reshape(-1), Muon().fresh_memory(W.reshape(-1)), 0.1, 1, (place,) * 3)
    >>> W.diagonal()[:3].round(1)
    array([-0.1, -0.1,  0. ])
    """

    formula = "muon"

    elementwise = False  # it takes matrices as wholes

    momentum: float = 0.95

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_shares(self, "momentum")

    def constants(self, rate: Any, t: Any) -> tuple[Any, ...]:
        return *super().constants(rate, t), rate, self.momentum

    def step(
        self,
        params: np.ndarray,
        grads: np.ndarray,
        memory: dict[str, np.ndarray],
        rate: float,
        t: int,
        weights: Sequence[Place] = (),
    ) -> None:
        hidden = [place for place in weights if len(place.shape) == 2][1:-1]
        for place in hidden:
            W, g, v = (place.view(flat) for flat in (params, grads, memory["mean"]))
            v *= self.momentum
            v += g
            W -= rate * 0.2 * max(place.shape) ** 0.5 * _orthogonal(g + self.momentum * v)
        edges = [0, *(edge for place in hidden for edge in (place.start, place.stop)), len(params)]
        for start, stop in zip(edges[::2], edges[1::2], strict=True):
            rest = slice(start, stop)
            remembered = {name: vector[rest] for name, vector in memory.items()}
            super().step(params[rest], grads[rest], remembered, rate, t)


def _orthogonal(M: np.ndarray) -> np.ndarray:
    """Return M with its singular values near 1 but for those below a thousandth of it, by five Newton-Schulz steps."""
    X = M / max(float(np.linalg.norm(M)), 1e-7)  # 0 stays 0
    if X.shape[0] > X.shape[1]:
        X = X.T
    for _ in range(5):
        A = X @ X.T
        X = 3.4445 * X + (-4.7750 * A + 2.0315 * A @ A) @ X
    return X if X.shape == M.shape else X.T


@dataclass(frozen=True, repr=False, eq=False)
class LBFGS(Optimizer):
    """w = w - a H g: H, near the inverse Hessian, of the last ``pairs`` steps; a by line search (Byrd et al., 1995).

    SciPy does it, on all rows at once: an epoch is an iteration, and ``fit`` uses neither batch size nor learning rate
    nor schedule. Ends after ``epochs`` iterations, or ``max_fun`` evaluations of the cost, or where no component of its
    gradient is above ``tol``, or where the cost changes by less than ``ftol`` of it (None: not any more in the
    network's dtype; float64 leads further). Fitting again begins without H. Not with dropout. Needs
    ``neural-dense[lbfgs]``.

    >>> LBFGS(tol=1e-8)
    LBFGS(pairs=10, tol=1e-08, max_fun=15000)
    """

    whole = True

    pairs: int = 10
    tol: float = 1e-5
    max_fun: int = 15000
    ftol: float | None = field(default=None, kw_only=True, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.ftol is not None:
            check_number("ftol", self.ftol, low=0)
        check_number("pairs", self.pairs, low=1, whole=True)
        check_number("tol", self.tol, low=0)
        check_number("max_fun", self.max_fun, low=1, whole=True)


def _check_shares(optimizer: Optimizer, *names: str) -> None:
    for name in names:
        if check_number(name, getattr(optimizer, name), low=0) >= 1:
            raise ValueError(sentence(name, "at least 0 and below 1", getattr(optimizer, name)))


def resolve(spec: Any) -> Optimizer:
    """Return the optimizer that a name, a class or an object stands for.

    >>> resolve("sgd") == resolve(SGD) == SGD()
    True
    """
    if isinstance(spec, str):
        return look_up("optimizer", spec, OPTIMIZERS)()
    chosen = spec() if isinstance(spec, type) and issubclass(spec, Optimizer) else spec
    if not isinstance(chosen, Optimizer):
        raise TypeError(sentence("optimizer", f"{one_of(OPTIMIZERS)}, or an Optimizer", spec))
    Optimizer.__post_init__(chosen)  # which a user's own may have left out
    return chosen


def stepwise(spec: Any) -> Optimizer:
    """Return the optimizer that ``spec`` stands for; ValueError for one that takes all rows at once, such as L-BFGS."""
    chosen = resolve(spec)
    if chosen.whole:
        raise ValueError(sentence("optimizer", "one that goes update by update, such as 'adam'", chosen, "Or use fit."))
    return chosen


OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "rmsprop": RMSProp,
    "adagrad": Adagrad,
    "adam": Adam,
    "adamw": AdamW,
    "nadam": NAdam,
    "lion": Lion,
    "muon": Muon,
    "lbfgs": LBFGS,
}
