"""Many networks as one: its prediction is the mean of theirs."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import numpy as np

from neural.branches import AverageLayer
from neural.errors import one_of, sentence
from neural.layers import ActivationLayer
from neural.loss import Loss
from neural.nn import NeuralNetwork

UNDONE = {"softmax": "log", "sigmoid": "logit", "exponential": "log"}  # a last activation, and what takes it back
ENDS = {(0.0, 1.0): "sigmoid", (0.0, np.inf): "exponential"}  # for a loss of outputs that must lie there


def ensemble(networks: Iterable[NeuralNetwork]) -> NeuralNetwork:
    """Return one network whose ``predict`` is the mean of the predictions of all of these, to rounding.

    They are the chains of an :class:`AverageLayer`, copied: what happens to the one leaves the others alone. Networks
    that end with softmax, sigmoid or exponential are averaged as outputs, not as scores, and the whole ends with the
    same activation: ``log`` or ``logit`` before it takes the mean back to scores. So the loss is theirs, and the
    network may be fitted further, saved, exported and explained like any other. ``classes_``, ``columns_`` and
    ``input_scale`` are theirs; seed and engine are the first one's. Several networks that differ by their seeds alone,
    and the mean of their probabilities, are "deep ensembles" (Lakshminarayanan, Pritzel and Blundell, 2017).

    ValueError for no networks, for one that is not built, and where two differ in what they take, give or mean: inputs,
    outputs, loss, dtype, classes, columns, ``input_scale``.

    >>> from neural import DenseLayer
    >>> X = np.array([[0.0, 1.0], [2.0, -1.0]])
    >>> nets = [NeuralNetwork([DenseLayer(2, 8, "relu"), DenseLayer(8, 3, "softmax")], "categorical_crossentropy",
    ...                       random_state=seed).build() for seed in range(3)]
    >>> one = ensemble(nets)
    >>> [layer.describe() for layer in one.layers]
    ['AverageLayer of 3 chains', 'ActivationLayer log', 'ActivationLayer softmax']
    >>> bool(np.allclose(one.predict(X), np.mean([net.predict(X) for net in nets], axis=0), rtol=1e-5))
    True
    """
    found = list(networks) if isinstance(networks, Iterable) and not isinstance(networks, NeuralNetwork) else networks
    if not isinstance(found, list):
        raise TypeError(sentence("networks", "a list of networks", networks))
    if not found:
        raise ValueError(sentence("networks", "at least one", found))
    for number, net in enumerate(found):
        _check(f"networks[{number}]", net, found[0])
    first = found[0]
    chains = [copy.deepcopy(net.layers) for net in found]  # copies are in no network
    end = _end(found)
    back = [] if end is None else [ActivationLayer(UNDONE[end]), ActivationLayer(end)]
    made = NeuralNetwork(
        [AverageLayer(chains), *back],
        copy.deepcopy(first._loss),
        dtype=first.dtype.name,
        engine=first.engine,
        input_scale=first.input_scale,
        random_state=0,
    )
    made.seed = made.state.seed = first.seed
    made.classes_, made.columns_ = copy.deepcopy((first.classes_, first.columns_))
    return made.build(first.n_inputs)


def _check(what: str, net: Any, first: NeuralNetwork) -> None:
    """Raise unless this is a built network that takes and gives what the first one does."""
    if not isinstance(net, NeuralNetwork):
        step = "Of an estimator, give its network_." if hasattr(net, "network_") else ""
        raise TypeError(sentence(what, "a NeuralNetwork", net, step))
    if not net._is_built():
        raise ValueError(sentence(what, "fitted, or built", net, "Fit it first, or call its build."))
    for name, (own, others) in {
        "inputs": (net.n_inputs, first.n_inputs),
        "outputs": (net.n_outputs(), first.n_outputs()),
        "loss": (_loss_of(net), _loss_of(first)),
        "dtype": (net.dtype.name, first.dtype.name),
        "input_scale": (net.input_scale, first.input_scale),
        "classes_": (_plain(net.classes_), _plain(first.classes_)),
        "columns_": (net.columns_, first.columns_),
    }.items():
        if own != others:
            raise ValueError(sentence(f"{name} of {what}", f"that of networks[0], {others!r}", own))


def _plain(classes: np.ndarray | None) -> Any:
    return None if classes is None else classes.tolist()


def _loss_of(net: NeuralNetwork) -> Any:
    """Return what tells a loss from others: one's own by its class and settings, as two objects may be alike."""
    own = net.loss_
    return own if isinstance(own, type | Loss | None) else (type(own), repr(getattr(own, "__dict__", None)))


def _end(networks: list[NeuralNetwork]) -> str | None:
    """Return the activation that the mean of the outputs must end with again; None where it may stand as it is."""
    parts = [net._formulas()[-1][1] for net in networks]
    last = {part.function.name if isinstance(part, ActivationLayer) else "linear" for part in parts}
    loss = networks[0]._loss
    if len(last) == 1 and (name := next(iter(last))) in UNDONE:
        return name
    if loss is None or loss.range is None:
        return None
    if loss.range not in ENDS:
        step = "End the networks with softmax, sigmoid or exponential."
        raise ValueError(sentence(f"the range of {loss.describe()}", one_of(map(str, ENDS)), loss.range, step))
    return ENDS[loss.range]
