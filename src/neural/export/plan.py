"""A network as a list of plain operations on rows of numbers: what every exporter reads.

Dropout and noise do nothing in prediction, so they are not in it. BatchNorm is (x - centre) factor + shift there, with
the factor worked out in float64; it stays three numbers, as x factor + (shift - centre factor) loses digits where the
centre is far from 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from neural.activations import ACTIVATIONS, Linear, Softmax
from neural.branches import Branch, Meet, Turn
from neural.columns import Splice, Split
from neural.embeddings import Embedding, PeriodicEmbedding, PiecewiseEmbedding
from neural.ensembles import EnsembleDense, MeanOfMembers
from neural.errors import one_of, sentence
from neural.inputs import check_finite
from neural.layer import Layer
from neural.layers import ActivationLayer, DenseLayer, DropoutLayer, GaussianNoise, PReLU
from neural.normalization import BatchNorm, LayerNorm, Scaling
from neural.residual import Fork, Join

KINDS = (
    *("scale", "dense", "affine", "layer_norm", "prelu", "activation", "keep", "swap", "add"),
    *("periodic", "piecewise", "embedding", "split", "splice", "members", "member_softmax", "mean"),
)


@dataclass(frozen=True)
class Operation:
    """One step: its kind, how wide its result is, its arrays and numbers by name, and the activation's name.

    ``scale`` multiplies by ``numbers["factor"]``; ``keep`` puts a copy of x aside, ``add`` adds the one that was put
    aside last, ``swap`` puts x in its place and goes on with it: ``width`` is then that of the one that comes back.
    ``split`` puts x aside, too, and goes on with the columns from ``start`` to ``stop`` - 1; ``splice`` puts x in their
    place into what was put aside. ``members`` is a dense layer for each of the members, all of the same x if it is
    ``shared``; ``member_softmax`` and ``mean`` are of what they give, side by side.
    ``layer`` is the layer of the network that it is a step of, such as "DenseLayer_1".
    """

    kind: str
    width: int
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    numbers: dict[str, float] = field(default_factory=dict)
    name: str = ""
    layer: str = ""


@dataclass(frozen=True)
class Plan:
    """A network: its operations, widths, type of numbers, and class names if it has any."""

    operations: tuple[Operation, ...]
    n_in: int
    n_out: int
    dtype: np.dtype
    classes: tuple[Any, ...] | None

    def activations(self) -> list[Operation]:
        """Return one operation for each name of an activation that occurs, in order."""
        return list({o.name: o for o in self.operations if o.kind == "activation"}.values())

    def kinds(self) -> set[str]:
        """Return the kinds that occur."""
        return {o.kind for o in self.operations}


Values = dict[str, np.ndarray]  # a layer's parameters, in float64


def _dense(layer: Any, width: int, own: Values) -> list[Operation]:
    return [Operation("dense", layer.n_out, own)]


def _activation(layer: Any, width: int, own: Values) -> list[Operation]:
    function = layer.function
    if type(function) is not ACTIVATIONS.get(function.name, type(function)):
        step = "Give your own a name of its own."
        raise ValueError(sentence(f"the activation {function.name} of an export", "the package's", function, step))
    numbers = {name: float(value) for name, value in function.settings().items() if isinstance(value, int | float)}
    return [Operation("activation", width, numbers=numbers, name=function.name)]


def _affine(layer: Any, width: int, own: Values) -> list[Operation]:
    factor = own["gain"] / np.sqrt(own["running_variance"] + layer.epsilon)
    return [Operation("affine", width, {"centre": own["running_mean"], "factor": factor, "shift": own["offset"]})]


def _layer_norm(layer: Any, width: int, own: Values) -> list[Operation]:
    return [Operation("layer_norm", width, own, {"epsilon": layer.epsilon})]


def _scaling(layer: Any, width: int, own: Values) -> list[Operation]:
    nothing = np.zeros(width)
    arrays = {"centre": own.get("centre", nothing), "factor": own["scale"], "shift": nothing}
    return [Operation("affine", width, arrays)]


def _periodic(layer: Any, width: int, own: Values) -> list[Operation]:
    arrays = {"phases": np.zeros_like(own["frequencies"]), **own}
    arrays = {name: arrays[name] for name in ("frequencies", "weights", "biases", "phases")}
    return [Operation("periodic", layer.width_after(width), arrays, {"plain": layer.plain})]


def _piecewise(layer: Any, width: int, own: Values) -> list[Operation]:
    return [Operation("piecewise", layer.width_after(width), {"bins": np.array(layer.bins, np.int32), **own})]


def _embedding(layer: Any, width: int, own: Values) -> list[Operation]:
    tables = [layer.table(j, own, np.float64) for j in range(width)]
    arrays = {"levels": np.array(layer.levels, np.int32), "widths": np.array([t.shape[1] for t in tables], np.int32)}
    return [Operation("embedding", layer.width_after(width), {**arrays, "tables": np.concatenate(tables, axis=None)})]


def _ensemble(layer: Any, width: int, own: Values) -> list[Operation]:
    weights = own["scale_out"][:, :, None] * own["weights"] * own["scale_in"][:, None]  # (members, units, inputs)
    arrays = {"weights": weights.reshape(-1, layer.inputs), "biases": own["biases"].reshape(-1)}
    numbers = {"members": layer.members, "shared": int(layer.first)}
    return [Operation("members", layer.width_after(width), arrays, numbers)]


def _mean(layer: Any, width: int, own: Values) -> list[Operation]:
    members: dict[str, float] = {"members": layer.members}
    acts = [Operation("member_softmax", width, numbers=members)]
    if not isinstance(layer.function, Softmax):
        acts = [] if isinstance(layer.function, Linear) else _activation(layer, width, own)
    return [*acts, Operation("mean", layer.width_after(width), numbers=members)]


def _split(layer: Any, width: int, own: Values) -> list[Operation]:
    part = layer.part(width)
    return [Operation("split", part.stop - part.start, numbers={"start": part.start, "stop": part.stop})]


def _splice(layer: Any, width: int, own: Values) -> list[Operation]:
    part = layer._split.part(layer._split._width)
    return [Operation("splice", layer.width_after(width), numbers={"start": part.start, "stop": part.stop})]


def _swap(layer: Any, width: int, own: Values) -> list[Operation]:
    swap = Operation("swap", layer.width_after(width))
    return [swap] if layer.is_last else [swap, Operation("keep", swap.width)]  # for the chains that are still to come


def _meet(layer: Any, width: int, own: Values) -> list[Operation]:
    sums = [Operation("add", width)] * (layer.chains - 1)
    return [*sums, Operation("scale", width, numbers={"factor": 1 / layer.chains})]


def _nothing(layer: Any, width: int, own: Values) -> list[Operation]:
    return []


ROWS: dict[type[Layer], Callable[[Any, int, Values], list[Operation]]] = {
    DenseLayer: _dense,
    ActivationLayer: _activation,
    BatchNorm: _affine,
    LayerNorm: _layer_norm,
    PReLU: lambda layer, width, own: [Operation("prelu", width, own)],
    Fork: lambda layer, width, own: [Operation("keep", width)],
    Join: lambda layer, width, own: [Operation("add", width)],
    Scaling: _scaling,
    PeriodicEmbedding: _periodic,
    PiecewiseEmbedding: _piecewise,
    Embedding: _embedding,
    EnsembleDense: _ensemble,
    MeanOfMembers: _mean,
    Split: _split,
    Splice: _splice,
    Branch: lambda layer, width, own: [Operation("keep", width)] if layer.chains > 1 else [],
    Turn: _swap,
    Meet: _meet,
    DropoutLayer: _nothing,
    GaussianNoise: _nothing,
}
MARKS = (Fork, Join, Split, Splice, Branch, Turn, Meet)  # which nobody puts into a network by hand


def plan_of(net: Any) -> Plan:
    """Return the plan of a network; ValueError for one that is not built, and for layers of one's own.

    >>> from neural import DenseLayer, NeuralNetwork
    >>> plan = plan_of(NeuralNetwork([DenseLayer(2, 3, "relu"), DenseLayer(3, 1)], random_state=0))
    >>> [(operation.kind, operation.width) for operation in plan.operations]
    [('dense', 3), ('activation', 3), ('dense', 1)]
    """
    if not net._is_built() and net.n_inputs is None:
        raise ValueError("The network must be built to be exported: its number of inputs is not known. Fit it first.")
    net.build(net.n_inputs)
    check_finite("the parameters", net.params, net.dtype)
    width, values = net._widths()[0], net.views(net.params)
    operations = []
    if net.input_scale is not None:
        operations.append(Operation("scale", width, numbers={"factor": net.input_scale}, layer="input_scale"))
    layers = [f"{type(layer).__name__}_{k}" for k, layer in enumerate(net.layers, 1) for _ in layer.leaves()]
    for number, leaf in enumerate(net.leaves):
        for part in leaf.expanded():
            row = ROWS.get(type(part))
            if row is None:
                raise ValueError(_own(number, part))
            own = {} if part is not leaf else {k: v.astype(np.float64) for k, v in values[number].items()}
            found = row(part, width, own)
            operations += [replace(step, layer=layers[number]) for step in found]
            width = found[-1].width if found else width
    classes = None if net.classes_ is None else tuple(net.classes_.tolist())
    return Plan(tuple(operations), net._widths()[0], width, net.dtype, classes)


def _own(number: int, layer: Layer) -> str:
    ours = {kind.__name__ for kind in ROWS if kind not in MARKS} | {"Residual", "OnColumns", "AverageLayer"}
    step = "Make it of those layers, or leave it in Python."
    return sentence(f"layer {number + 1} of an export", one_of(ours), layer, step)


def row_of(operation: Operation, table: dict[str, Any], target: str) -> Any:
    """Return an activation's row in a target's table; ValueError, which says where to write one, if it has none."""
    if operation.name in table:
        return table[operation.name]
    step = f"Write its formula under that name into {target}."
    raise ValueError(sentence("an activation of an export", one_of(table), operation.name, step))
