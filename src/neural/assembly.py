"""Layers put together: one flat vector of parameters with a view for each, and the program that an engine runs."""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Iterable
from operator import is_
from typing import Any, Self

import numpy as np

from neural import activations, losses, summary
from neural import chain as chains
from neural.engine import Program
from neural.ensembles import MeanOfMembers, OfMembers
from neural.errors import check_number, sentence
from neural.layer import Layer
from neural.layers import ActivationLayer, DenseLayer
from neural.loss import Loss
from neural.parameters import Place, aligned_zeros, lay_out
from neural.streams import seed_from
from neural.updates import TrainingState

BUILDING = threading.RLock()  # one for all networks: building is short, and a lock of its own would not pickle
if hasattr(os, "register_at_fork"):  # a fork waits for it: in the child nobody would ever let it go
    os.register_at_fork(before=BUILDING.acquire, after_in_parent=BUILDING.release, after_in_child=BUILDING.release)


class Assembly:
    """A chain of layers and a loss, as they are put together, looked at and copied; ``NeuralNetwork`` runs it."""

    def __init__(self, layers: Any, loss: Any, dtype: Any, input_scale: float | None, random_state: Any) -> None:
        if dtype not in ("float32", "float64", np.float32, np.float64):
            raise ValueError(sentence("dtype", "'float32' or 'float64'", dtype))
        self.dtype = np.dtype(dtype)
        self.input_scale = None if input_scale is None else check_number("input_scale", input_scale)
        self.seed, self.seed_is_given = seed_from(random_state), random_state is not None
        self.layers: list[Layer] = []
        self.loss_: Any = None
        self._loss: Loss | None = None
        self._adopted = 0  # layers so far: the number of the next one's stream
        self._params: np.ndarray | None = None
        self._places: list[Place] = []
        self._built: tuple[Layer, ...] | None = None  # the layers that are views into _params
        self.state = TrainingState(self.seed)
        self._fitting = False
        self._ready: Any = None  # the short way of ``predict``
        if loss is not None:
            self.use_loss(loss)
        if not isinstance(layers, Iterable | None):
            raise TypeError(sentence("layers", "a list of layers", layers))
        found = list(layers or ())
        if found:
            chains.check_layers(found, self)  # all of them, before one is adopted by a network that may not come to be
            chains.check_widths(found)
        for layer in found:
            self.add(layer)

    # --- building --------------------------------------------------------------------------------------------------
    def add(self, layer: Layer) -> Self:
        """Append a layer and return the network. A layer is in one network at most, and once.

        A layer that cannot take what the last one gives is refused, and the network stays as it was.
        """
        chains.check_layers([*self.layers, layer], self)
        chains.check_widths([*self.layers, layer])
        for leaf in layer.leaves():
            self._adopt(leaf)
        self.layers.append(layer)
        return self

    def use_loss(self, loss: Any) -> Self:
        """Set the loss, a name, class or object, and return the network."""
        self._loss = losses.resolve(loss)
        self.loss_ = self._loss.own_loss if isinstance(self._loss, losses.CustomLoss) else self._loss
        return self

    def _adopt(self, layer: Layer) -> None:
        layer._owner, layer._start = self, (self.seed, self._adopted)
        self._adopted += 1  # by place in the list, a layer taken out and another put in would start alike

    def build(self, n_inputs: int | None = None) -> Self:
        """Fix all widths, draw what has not been drawn, and move all parameters into one vector. ``fit`` does it."""
        with BUILDING:
            if not self._is_built():
                if self._fitting:
                    raise RuntimeError("The layers must stay as they are while fit runs. Change them after it.")
                before = [vars(layer).copy() for layer in self.leaves]
                try:
                    self._build(n_inputs)
                except BaseException:  # such as an initializer's own: all layers are as they were
                    for layer, attributes in zip(self.leaves, before, strict=True):
                        vars(layer).clear()
                        vars(layer).update(attributes)
                    raise
        return self

    def _build(self, n_inputs: int | None) -> None:
        widths = self._widths(n_inputs)
        if self._loss is not None:
            self._chain()
        for layer in self.leaves:
            if layer._owner is not self:  # put into the list by hand
                self._adopt(layer)
        for layer, width in zip(self.leaves, widths, strict=True):
            layer.connect(width)
        dense = [layer for layer in self.leaves if isinstance(layer, DenseLayer)]
        for layer in dense[:-1]:
            layer.warn_if_equal()
        for layer in self.leaves:
            if layer._flat is None:
                layer.draw()
        places = lay_out([layer.shapes() for layer in self.leaves])
        params = aligned_zeros(places[-1].stop if places else 0, self.dtype)
        for number, layer in enumerate(self.leaves):
            layer.settle([place for place in places if place.layer == number], params)
        if self._built is not None:  # other layers than before: the optimizer's memory was of those
            self.state.optimizer = self.state.average = None
        self._places, self._params, self._built = places, params, tuple(self.leaves)

    @property
    def leaves(self) -> list[Layer]:
        """The layers, with what a Residual or AverageLayer is made of in its place: they are numbered by it."""
        return chains.leaves_of(self.layers)

    def _is_built(self) -> bool:
        built, leaves = self._built, self.leaves
        return built is not None and len(built) == len(leaves) and all(map(is_, built, leaves))

    def _widths(self, n_inputs: int | None = None) -> list[int]:
        """Return the number of inputs of each layer; ValueError where two layers do not fit. Changes nothing."""
        chains.check_layers(self.layers, self)
        return chains.widths_of(self.layers, self.n_inputs if n_inputs is None else n_inputs)

    @property
    def n_inputs(self) -> int | None:
        """The number of features; None until it is known."""
        leaves = self.leaves
        for layer in leaves:
            if isinstance(layer, DenseLayer):
                return layer.n_in
            if not layer.keeps_width:
                break
        return leaves[0]._width if leaves else None

    def n_outputs(self, n_inputs: int | None = None) -> int:
        """Return the width of the last layer."""
        widths = self._widths(n_inputs)
        return self.leaves[-1].width_after(widths[-1])

    def _next_loss(self) -> str:
        """Return how to give the network the loss that is usual for the activation it ends with."""
        last = self._formulas()[-1][1] if self.layers else None
        name = last.function.name if isinstance(last, ActivationLayer) else "linear"
        usual = {"softmax": "categorical_crossentropy", "sigmoid": "binary_crossentropy"}.get(name, "mse")
        return f"net.use_loss({usual!r})."

    # --- as an engine sees it --------------------------------------------------------------------------------------
    def _chain(self) -> tuple[list[tuple[int, Layer]], Layer | None, Any]:
        """Return the chain of formulas, the link left out of it, and the form of the loss that fits its end.

        Here, and nowhere else, it is seen that the last activation is the link of the loss.
        """
        if self._loss is None:
            raise ValueError(f"The network has no loss. Give it one: {self._next_loss()}")
        rated: Any
        for rated in (self._loss, *self.leaves):
            for name in ("l1", "l2", "rate_factor"):  # plain attributes, which anybody may have set since
                value = getattr(rated, name, 0.0)
                if not (type(value) is float and 0 <= value < np.inf):  # no text is made for what is fine
                    what = "the loss" if rated is self._loss else rated.describe()
                    check_number(f"{name} of {what}", value, low=0)
        chain = self._formulas()
        last = chain[-1][1]
        activation = last.function if isinstance(last, ActivationLayer | MeanOfMembers) else None
        self._loss.check_output(activation)
        link = activations.ACTIVATIONS[self._loss.link]
        if isinstance(last, MeanOfMembers):
            if type(activation) is not link:
                rule = f"{self._loss.link!r}, with which {type(self._loss).__name__} is of each member"
                raise ValueError(sentence("the activation of MeanOfMembers", rule, activation))
            return chain[:-1], last, OfMembers(self._loss.of_scores, last.members)
        if type(activation) is link:
            return chain[:-1], last, self._loss.of_scores
        if activation is None and link is activations.Linear:
            return chain, None, self._loss.of_scores
        return chain, None, self._loss.of_outputs

    def _formulas(self) -> list[tuple[int, Layer]]:
        return [(number, part) for number, leaf in enumerate(self.leaves) for part in leaf.expanded()]

    def as_predicted(self) -> Program:
        """Return the network as an engine predicts with it, up to its outputs; it needs no loss."""
        return Program(self._formulas(), self._places, self.params, scale=self.input_scale)

    def program(self, batch_size: int = 1) -> Program:
        """Return the network as an engine trains it, its penalties over ``batch_size``."""
        chain, link, cost = self._chain()
        self.build()
        assert self._loss is not None
        leaves = self.leaves
        weights = tuple(place for place in self._places if place.name in leaves[place.layer].penalized)
        pairs = [(p, leaves[p.layer].l1, leaves[p.layer].l2 or self._loss.l2) for p in weights]
        penalties = tuple((p, l1 / batch_size, l2 / batch_size) for p, l1, l2 in pairs if l1 or l2)
        scale, rates = self.input_scale, chains.trained_stretches(leaves, self._places)
        bounds = chains.constraints_of(leaves, self._places)
        return Program(
            chain, self._places, self.params, self._loss, cost, link, scale, penalties, weights, rates, bounds
        )

    # --- parameters ------------------------------------------------------------------------------------------------
    @property
    def params(self) -> np.ndarray:
        """All parameters, with padding that is 0: one vector, into which everything else is a view."""
        self.build()
        assert self._params is not None
        return self._params

    def views(self, flat: np.ndarray) -> list[dict[str, np.ndarray]]:
        """Return a vector like ``params`` as one dictionary of views for each layer."""
        self.build()
        return [
            {place.name: place.view(flat) for place in self._places if place.layer == number}
            for number in range(len(self.leaves))
        ]

    @property
    def weights(self) -> list[np.ndarray]:
        """W of each DenseLayer, (n_out, n_in), as views."""
        return [layer.weights for layer in self.leaves if isinstance(layer, DenseLayer)]

    @property
    def biases(self) -> list[Any]:
        """Return b of each DenseLayer, (n_out, 1), as views; 0 where there is none."""
        return [layer.biases for layer in self.leaves if isinstance(layer, DenseLayer)]

    # --- for people ------------------------------------------------------------------------------------------------
    def summary(self) -> None:
        """Print the table of layers, shapes and numbers of parameters."""
        print(self)

    def __str__(self) -> str:
        return summary.text(self.leaves)

    def _repr_html_(self) -> str:
        return summary.html(self.leaves)

    def __repr__(self) -> str:
        loss = "" if self._loss is None else f", {self._loss!r}"
        return f"{type(self).__name__}({self.layers!r}{loss}, dtype={self.dtype.name!r})"

    # --- copies ----------------------------------------------------------------------------------------------------
    def __copy__(self) -> Self:
        return copy.deepcopy(self)  # a layer is in one network, so there is no other kind of copy

    def __getstate__(self) -> dict[str, Any]:
        # The layers carry the numbers.
        state = {**vars(self), "_ready": None, "_params": None, "_places": [], "_built": None, "_fitting": False}
        return {**state, "was_built": self._is_built()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        was_built = state.pop("was_built")
        vars(self).update(state)
        self.state.own()
        for layer in self.leaves:
            layer._owner = self
        if was_built:
            self.build()
