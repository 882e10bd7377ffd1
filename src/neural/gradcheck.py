"""Is a gradient right? Compared with finite differences in float64, for any network, a user's own layers included.

The derivative along v is taken as (8 (J(p + h v) - J(p - h v)) - (J(p + 2h v) - J(p - 2h v))) / 12h, whose error is of
order h^4 (Abramowitz and Stegun, 25.3.21), so that h need not be so small that rounding spoils it. Every parameter and
input alone where there are few, else random directions. Norms are compared, |g - n| / (|g| + |n|): element by element,
right networks fail by cancellation.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from neural.engine import Data, NumpyEngine, Program, Workspace
from neural.ensembles import OfMembers
from neural.errors import NeuralError
from neural.layer import Mode
from neural.streams import seed_from

RIGHT = 1e-6  # the relative error of a right gradient is below it
STEP = 1e-5  # h: truncation is then far below rounding, and 2h stays within the distance kept from kinks
STENCIL = ((1, 8 / 12), (-1, -8 / 12), (2, -1 / 12), (-2, 1 / 12))
ZERO = 1e-9  # of J: what rounding leaves of a numeric gradient that is 0, 1e-16 J / h a direction
FEW = 500  # parameters checked one by one
DIRECTIONS = 100  # tried where there are more
KINK = 1e-4  # no pre-activation may lie nearer to a kink, where the derivative jumps


class GradientCheck(NamedTuple):
    """The relative error, below 1e-6 in a right network, and the norms of our gradient and of the numeric one.

    ``worst`` says where the two differ most: a parameter of a layer, or the inputs; nothing where there are too many
    parameters to try each alone.

    >>> print(GradientCheck(0.5, 1.0, 2.0, "weights of layer 1"))
    wrong: relative error 0.5 (right is below 1e-06), norm 1, numeric norm 2, most in weights of layer 1
    """

    error: float
    norm: float
    numeric_norm: float
    worst: str = ""

    @property
    def ok(self) -> bool:
        """Whether the gradient is right: the error is at most 1e-6."""
        return self.error <= RIGHT

    def __str__(self) -> str:
        where = f", most in {self.worst}" if self.worst and not self.ok else ""
        return (
            f"{'right' if self.ok else 'wrong'}: relative error {self.error:.3g} (right is below {RIGHT:g}), "
            f"norm {self.norm:.6g}, numeric norm {self.numeric_norm:.6g}{where}"
        )

    def __repr__(self) -> str:
        return str(self)


def check_gradient(
    network: Any,
    X: Any,
    y: Any,
    sample_weight: Any = None,
    *,
    training: bool = False,
    random_state: Any = 0,
    tolerance: float | None = None,
) -> GradientCheck:
    """Compare a network's gradient of J by parameters and by inputs with finite differences; change nothing.

    With ``training`` dropout drops, at each evaluation the same. With ``tolerance`` an error above it raises
    NeuralError with both norms.

    >>> from neural import DenseLayer, NeuralNetwork
    >>> net = NeuralNetwork([DenseLayer(3, 4, "tanh"), DenseLayer(4, 1)], "mse", dtype="float64", random_state=0)
    >>> check_gradient(net, [[0.1, 0.2, 0.3]], [0.5]).error < 1e-6
    True
    """
    program, data = in_float64(network, X).prepared(X, y, sample_weight)
    data.X = np.array(data.X, dtype=np.float64)
    mode = Mode(training)
    at_start, gradient, dx = NumpyEngine().gradient(program, data, mode)
    cost = _cost(program, data, mode)
    rng = np.random.default_rng(seed_from(random_state))
    places = np.arange(len(program.params))
    used = np.concatenate(
        [place.view(places).ravel() for place in program.places if _trained(program, place)] or [places[:0]]
    )
    with np.errstate(all="ignore"):  # as engines do
        of_parameters = _compare(program.params, gradient, used, cost, rng)
        of_inputs = _compare(data.X.reshape(-1), dx.reshape(-1), np.arange(data.X.size), cost, rng)
    ours, numeric = np.concatenate([of_parameters, of_inputs], axis=1)
    norm, numeric_norm = float(np.linalg.norm(ours)), float(np.linalg.norm(numeric))
    size = norm + numeric_norm
    error = 0.0 if size < ZERO * max(1.0, abs(at_start)) else float(np.linalg.norm(ours - numeric)) / size
    check = GradientCheck(error, norm, numeric_norm, _worst(program, used, of_parameters, of_inputs))
    if tolerance is not None and not check.error <= tolerance:
        raise NeuralError(
            f"The gradient must agree with finite differences to {tolerance:g}. Got {check}. "
            "Check each backward, and with kink_distance that no value lies at a kink."
        )
    return check


def _cost(program: Program, data: Data, mode: Mode) -> Callable[[], float]:
    """Return what works J out, of the parameters and inputs as they are then, in the same arrays each time."""
    work = Workspace(program, np.zeros_like(program.params))
    work.tried = True  # by the engine

    def cost() -> float:
        scores, _ = work.forward(work.load(data.X), mode)
        losses = work.costs(scores, data.y, work.shared.array("d", scores.shape))
        return float(np.average(losses, weights=data.weights)) + work.penalize()

    return cost


def _trained(program: Any, place: Any) -> bool:
    """Return whether a parameter has a gradient, as all have but those that a layer itself keeps up to date."""
    return all(place.name not in layer.untrained for number, layer in program.chain if number == place.layer)


def _worst(program: Any, used: np.ndarray, of_parameters: np.ndarray, of_inputs: np.ndarray) -> str:
    """Return the parameter whose derivatives are most off, or "inputs"; nothing if directions were drawn."""
    if len(used) > FEW:
        return ""
    off = np.zeros(len(program.params))
    off[used] = of_parameters[0] - of_parameters[1]
    found = {f"{p.name} of layer {p.layer + 1}": np.linalg.norm(p.view(off)) for p in program.places}
    found["inputs"] = np.linalg.norm(of_inputs[0] - of_inputs[1])
    return max(found, key=lambda name: float(found[name]))


def kink_distance(network: Any, X: Any, y: Any, *, training: bool = False) -> float:
    """Return how near any value comes to where a derivative jumps, in activations, loss or l1; infinite without kinks.

    Below ``KINK``, finite differences may step over the edge: draw X or the weights again.
    """
    program, data = in_float64(network, X).prepared(X, y)
    work, near = Workspace(program), [np.inf]
    x = work.load(data.X)
    for layer, own in work.layers:
        near.append(layer.kink_distance(x, own))
        with np.errstate(all="ignore"):  # as engines do
            x, _ = layer.forward(x, own, Mode(training))
    if program.loss is not None:
        if isinstance(program.cost, OfMembers):
            x, data.y = program.cost.spread(x, data.y)
        near.append(program.loss.kink_distance(x, data.y))
    near += [np.abs(place.view(program.params)).min() for place, l1, _ in program.penalties if l1]
    return float(min(near))


def in_float64(network: Any, X: Any) -> Any:
    """Return a copy of the network whose parameters and arithmetic are float64."""
    wide = copy.deepcopy(network)
    wide.dtype, wide._built = np.dtype(np.float64), None
    return wide.build(np.shape(X)[1])


def _compare(
    values: np.ndarray, gradient: np.ndarray, used: np.ndarray, cost: Any, rng: np.random.Generator
) -> np.ndarray:
    """Return our derivative and the numeric one along each direction, (2, directions)."""
    pairs, start = [], values.copy()
    for direction in _directions(used, len(values), rng):
        numeric = 0.0
        for steps, factor in STENCIL:
            values[:] = start + steps * STEP * direction
            numeric += factor * cost() / STEP
        values[:] = start
        pairs.append((float(direction @ gradient), numeric))
    return np.array(pairs).reshape(-1, 2).T


def _directions(used: np.ndarray, size: int, rng: np.random.Generator) -> Any:
    alone = len(used) <= FEW
    for k in range(len(used) if alone else DIRECTIONS):
        direction = np.zeros(size)
        direction[used[k] if alone else used] = 1.0 if alone else rng.choice((-1.0, 1.0), len(used))
        yield direction
