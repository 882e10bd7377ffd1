"""What the doctor measures, and how it says it: a network on its training rows, on test rows, the curve of its fit."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from neural import inputs
from neural.callbacks import History
from neural.engine import Data, Program
from neural.errors import TrainingDiverged, sentence
from neural.layer import Layer
from neural.layers import ActivationLayer, DenseLayer
from neural.loss import Loss
from neural.models import Judged, judged
from neural.nn import NeuralNetwork
from neural.parameters import Own
from neural.passes import Passes, derivative
from neural.preprocessing import names_of
from neural.streams import stream

Array = np.ndarray[Any, Any]
ROWS = 2000  # looked at where all would take long
ENOUGH_EPOCHS = 6  # for a curve to be read
BATCH = 64  # of the update that is tried on a copy


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: its ``name``, what was found, the ``number`` that says so, why, and what to do."""

    name: str
    found: str
    number: float
    cause: str
    next_step: str

    def __str__(self) -> str:
        return f"{self.name}: {self.found}\n    Cause: {self.cause}\n    Next: {self.next_step}"


Findings = Iterator[Finding]


@dataclass
class Case:
    """A network and the rows to judge it by; everything else is worked out when it is asked for."""

    net: NeuralNetwork
    X: Array
    y: Array
    X_test: Array | None
    y_test: Array | None
    history: History
    claim: float | None
    names: tuple[str, ...] | None = None
    alpha: tuple[float, bool] | None = None  # of an estimator: its penalty, and whether somebody has set it

    def column(self, k: int) -> str:
        """Return what to call a column: by its name where it has one."""
        return f"column {k if self.names is None else repr(self.names[k])}"

    @cached_property
    def sample(self) -> Array:
        """Numbers of training rows, ROWS at most."""
        return np.sort(stream(0, "split").permutation(len(self.X))[:ROWS])

    @cached_property
    def prepared(self) -> tuple[Program, Data]:
        """The network and the sample, as an engine takes them."""
        return self.net.prepared(self.X[self.sample], self.y[self.sample])

    @property
    def loss(self) -> Loss:
        """The loss of the network."""
        loss = self.prepared[0].loss
        assert loss is not None
        return loss

    @cached_property
    def features(self) -> Array:
        """The training rows as the first layer sees them, scaled."""
        return self.X * (1.0 if self.net.input_scale is None else self.net.input_scale)

    @cached_property
    def train(self) -> Judged:
        """What the network says of the training rows."""
        return judged(self.net, self.X, self.y)

    @cached_property
    def test(self) -> Judged | None:
        """What it says of the test rows, if there are any."""
        return None if self.X_test is None else judged(self.net, self.X_test, self.y_test)

    @cached_property
    def slopes(self) -> list[tuple[str, ActivationLayer, Array]]:
        """For each hidden activation: where it is, itself, and f'(z) of the sampled rows, (rows, units)."""
        program, data = self.prepared
        passes = Passes(self.net.as_predicted())
        x, found = passes.work.load(data.X), []
        dense = [k for k, (_, layer) in enumerate(program.chain) if isinstance(layer, DenseLayer)]
        for k, (number, layer) in enumerate(program.chain[: dense[-1] if dense else 0]):
            with np.errstate(all="ignore"):
                y, _ = passes.forward(x, k, k + 1)
                if isinstance(layer, ActivationLayer) and layer.function.name != "softmax":
                    slope = layer.function.backward(np.ones_like(x), x, y, np.empty_like(x))
                    found.append((f"layer {number + 1} ({self.net.leaves[number].describe()})", layer, slope))
            x = np.array(y)
        return found

    @cached_property
    def errors(self) -> list[tuple[str, float]]:
        """For each dense layer where it is, and the root mean square of dJ/dz over the sampled rows."""
        program, data = self.prepared
        passes, found = Passes(program), []

        def rule(k: int, layer: Layer, dy: Array, cache: Any, own: Own, grads: Own) -> Array:
            if isinstance(layer, DenseLayer):
                number = program.chain[k][0]
                name = f"layer {number + 1} ({layer.describe()})"
                found.append((name, float(np.sqrt(np.square(dy, dtype=np.float64).mean()))))
            return derivative(k, layer, dy, cache, own, grads)

        with np.errstate(all="ignore"):
            scores, caches = passes.forward(passes.work.load(data.X))
            d = np.zeros_like(scores)
            passes.work.costs(scores, data.y, d)
            passes.backward(d, caches, rule=rule)
        return found[::-1]

    @cached_property
    def update_ratio(self) -> float | None:
        """|change of W| / |W| of the next update, the largest of all layers, tried on a copy; None if never fitted."""
        optimizer, rates = self.net.state.optimizer, self.history.history.get("learning_rate")
        if optimizer is None or optimizer.whole or not rates:
            return None
        twin = copy.deepcopy(self.net)
        before = [weights.copy() for weights in twin.weights]
        try:
            twin.train_on_batch(self.X[:BATCH], self.y[:BATCH], learning_rate=rates[-1], optimizer=optimizer)
        except TrainingDiverged:
            return np.inf
        tiny = float(np.finfo(np.float32).tiny)
        ratios = [
            float(np.linalg.norm(after - old)) / max(float(np.linalg.norm(old)), tiny)
            for old, after in zip(before, twin.weights, strict=True)
        ]
        return max(ratios, default=0.0)

    @property
    def labels(self) -> Array:
        """The column number of each training row's class."""
        return self.train.truth

    def epochs(self, name: str) -> Array:
        """Return a series of the history, empty if it is not there."""
        return np.asarray(self.history.history.get(name, []), dtype=float)


def case_of(
    net: NeuralNetwork, X: Any, y: Any, X_test: Any, y_test: Any, history: Any, claim: float | None, names: Any = None
) -> Case:
    """Return the case with all rows checked."""
    if not isinstance(history, History | None):
        raise TypeError(sentence("history", "what fit returned, or None for that of the last fit", history))
    rows, y = inputs.rows("X", X, net.dtype, net.n_inputs), inputs.array("y", y)
    inputs.same_length(X=rows, y=y)
    names = names_of(X, rows.shape[1], names) if names is not None or inputs.column_names(X) else None
    if X_test is not None:
        X_test, y_test = inputs.rows("X_test", X_test, net.dtype, rows.shape[1]), inputs.array("y_test", y_test)
        inputs.same_length(X_test=X_test, y_test=y_test)
    return Case(net, rows, y, X_test, y_test, net.history_ if history is None else history, claim, names)
