"""What every layer is: a description, a handle on its parameters, and the methods for use by hand.

The formulas are in layers.py. Parameters are views into a flat vector: the network's, or one of the layer's own while
it stands alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from neural.activations import floating, plain
from neural.errors import check_number, sentence
from neural.inputs import check_finite, numbers
from neural.parameters import Own, Place, Shapes, aligned_zeros, lay_out
from neural.streams import seed_from, stream


@dataclass
class Mode:
    """What a layer may want to know of the batch: is it training, and at which place of the random streams."""

    training: bool = False
    seed: int = 0
    step: int = 0
    learning: bool = False  # an update is under way, so running means may move


class Layer:
    """The root of layers, and of a user's own: two functions, and a table of shapes if there are parameters.

    ``forward(x, own, mode) -> (y, cache)`` and ``backward(dy, cache, own, grads) -> dx`` take samples in rows, write
    neither into ``x`` nor ``dy``, and keep nothing on ``self``: parameters are attributes of ``own``, what the backward
    needs is in ``cache``, gradients are written into the attributes of ``grads``. ``own.array(name, shape)`` lends an
    array that is used again at the next batch.
    """

    l1: float = 0.0
    l2: float = 0.0
    penalized: ClassVar[tuple[str, ...]] = ()  # the parameters that l1 and l2 are about
    untrained: ClassVar[tuple[str, ...]] = ()  # parameters that the layer itself keeps up to date
    keeps_width: ClassVar[bool] = True  # whether its outputs are as many as its inputs; of dense layers nobody asks
    rate_factor: float = 1.0  # the learning rate is multiplied by it; 0 freezes the layer

    input: Any = None  # of the last call by hand, (features, batch)
    output: Any = None

    # --- what a layer says of itself -------------------------------------------------------------------------------
    def shapes(self) -> Shapes:
        """Return the shape of each parameter by name; matrices are (n_out, n_in)."""
        return {}

    def per_feature(self, *names: str) -> Shapes:
        """Return the shapes of parameters with a value for each input, whose number must be known."""
        if self._width is None:
            raise ValueError(f"{self.describe()}: its width is not known yet. Build or fit the network first.")
        return dict.fromkeys(names, (self._width,))

    def initialize(self, name: str, shape: tuple[int, ...], rng: np.random.Generator) -> Any:
        """Return the first value of the parameter ``name``."""
        raise NotImplementedError(f"{type(self).__name__} has parameters: give it initialize(name, shape, rng)")

    def forward(self, x: np.ndarray, own: Own, mode: Mode) -> tuple[np.ndarray, Any]:
        """Return the outputs (batch, n_out) and whatever ``backward`` needs."""
        raise NotImplementedError(f"{type(self).__name__} needs a method forward(x, own, mode)")

    def backward(self, dy: np.ndarray, cache: Any, own: Own, grads: Own) -> np.ndarray:
        """Write dJ/dparameter into ``grads`` and return dJ/dx (batch, n_in)."""
        raise NotImplementedError(f"{type(self).__name__} needs a method backward(dy, cache, own, grads)")

    def expanded(self) -> list[Layer]:
        """Return the chain of formulas that this layer stands for."""
        return [self]

    def leaves(self) -> list[Layer]:
        """Return the layers that this one is made of, in order: itself, if it is not made of others."""
        return [self]

    def widths(self, width: int) -> list[int]:
        """Return the number of inputs of each of the leaves, for ``width`` inputs."""
        return [width]

    def width_after(self, width: int) -> int:
        """Return the number of outputs for ``width`` inputs; ValueError if the layer cannot take so many."""
        return width

    def connect(self, width: int) -> None:
        """Learn the number of inputs."""
        self._width = width

    def kink_distance(self, x: np.ndarray, own: Own) -> float:
        """Return how near an input comes to where a derivative jumps; infinite without kinks."""
        return np.inf

    def describe(self) -> str:
        """Return a name for tables and errors, such as ``DenseLayer of 25 units``."""
        return type(self).__name__

    _width: int | None = None

    # --- parameters ------------------------------------------------------------------------------------------------
    _flat: np.ndarray | None = None
    _places: tuple[Place, ...] = ()
    _start: tuple[int, int] | None = None  # the seed, and the layer's number in the stream of first values
    _owner: Any = None  # the network that the layer is in

    def parameter(self, name: str) -> np.ndarray:
        """Return a parameter, as a view; the first read draws all of the layer's, and nothing draws them again."""
        if self._flat is None:
            self.draw()
        assert self._flat is not None
        return next(place for place in self._places if place.name == name).view(self._flat)

    def assign(self, name: str, value: Any) -> None:
        """Copy ``value`` into a parameter: numbers of the same shape, all finite."""
        view = self.parameter(name)
        view[...] = fitting(name, value, view.shape, view.dtype)

    def draw(self) -> None:
        """Draw the first values from the stream of the network, or of the layer itself while it is alone."""
        seed, number = self._place_in_streams()
        rng, places = stream(seed, "start", number), lay_out([self.shapes()])
        values = [
            fitting(p.name, self.initialize(p.name, p.shape, rng), p.shape, np.float64) for p in places
        ]  # all of them before anything is kept
        self.settle(places, None)
        for place, value in zip(places, values, strict=True):
            self.parameter(place.name)[...] = value

    def _place_in_streams(self) -> tuple[int, int]:
        if self._start is None:
            self._start = (seed_from(None), 0)
        return self._start

    def settle(self, places: list[Place], flat: np.ndarray | None) -> None:
        """Move to ``places`` in ``flat`` (a vector of its own if None), taking along the values that there are."""
        if flat is None:
            dtype = np.float64 if self._flat is None else self._flat.dtype
            flat = aligned_zeros(places[-1].stop if places else 0, dtype)
        if self._flat is not None:
            check_finite(f"the parameters of {self.describe()}", self._flat, flat.dtype)
            for place, before in zip(places, self._places, strict=True):
                place.view(flat)[...] = before.view(self._flat)
        self._flat, self._places = flat, tuple(places)

    @property
    def trainable_params(self) -> int:
        """The number of trained values."""
        trained = [
            shape for leaf in self.leaves() for name, shape in leaf.shapes().items() if name not in leaf.untrained
        ]
        return sum(int(np.prod(shape)) for shape in trained)

    # --- by hand, samples in columns -------------------------------------------------------------------------------
    _tape: tuple[tuple[Layer, Own, Any], ...] = ()  # of the last call by hand, for its way back
    _calls = 0

    def forward_propagation(self, A: Any) -> np.ndarray:
        """Return the outputs (n_out, batch) for ``A`` (n_in, batch), in its dtype, and keep both on the layer."""
        A = floating(A, f"the input of {self.describe()}")
        if A.ndim != 2:
            raise ValueError(sentence(f"the input of {self.describe()}", "(features, batch), samples in columns", A))
        self.width_after(A.shape[0])
        for leaf, width in zip(self.leaves(), self.widths(A.shape[0]), strict=True):
            if leaf._width is None:
                leaf.connect(width)
        self._calls += 1
        seed, number = self._place_in_streams()
        mode = Mode(training=True, seed=seed, step=self._calls)
        x, tape, way_round = A.T, [], dict[Any, Any]()
        with np.errstate(all="ignore"):
            for layer in self.expanded():
                own = Own(number, A.dtype, **{name: layer.parameter(name).astype(A.dtype) for name in layer.shapes()})
                own.round = way_round
                x, cache = layer.forward(x, own, mode)
                tape.append((layer, own, cache))
        self.input, self.output, self._tape = A, x.T, tuple(tape)
        return self.output

    def backward_propagation(self, output_error: Any, learning_rate: float) -> np.ndarray:
        """Return dJ/dA of the inputs (n_in, batch), then take one step of gradient descent.

        ``output_error`` is dJ/dA of the outputs (n_out, batch) of the last ``forward_propagation``. The layer's own l1
        and l2 belong to the step: W - learning_rate (dW + (l1 sign W + l2 W) / batch).
        """
        check_number("learning_rate", learning_rate, low=0)
        error = floating(output_error, "output_error")
        if self.output is None:
            raise ValueError(f"{self.describe()}: call forward_propagation before backward_propagation.")
        if error.shape != self.output.shape:
            raise ValueError(sentence("output_error", f"of shape {self.output.shape}", error))
        check_finite("output_error", error, self.output.dtype)
        dx, steps = error.T.astype(self.output.dtype), []
        with np.errstate(all="ignore"):
            for layer, own, cache in reversed(self._tape):
                grads = Own(0, dx.dtype, **{name: np.zeros(shape, dx.dtype) for name, shape in layer.shapes().items()})
                dx = layer.backward_by_hand(dx, cache, own, grads)
                steps += layer._descended(grads, learning_rate, len(error.T))
        for values, lower in steps:
            values[...] = lower
        return dx.T

    def backward_by_hand(self, dy: np.ndarray, cache: Any, own: Own, grads: Own) -> np.ndarray:
        """Like ``backward``; a layer that means something else by hand says so here."""
        return self.backward(dy, cache, own, grads)

    def _descended(self, grads: Own, learning_rate: float, batch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield each parameter with what it will be after the step: checked, and not yet written."""
        for name in self.shapes():
            values, gradient = self.parameter(name), getattr(grads, name)
            if name in self.penalized:
                gradient += (self.l1 * np.sign(values) + self.l2 * values) / batch
            lower = values.copy()
            lower -= learning_rate * gradient
            check_finite(f"{name} after the step, at learning_rate {learning_rate:g},", lower, lower.dtype)
            yield values, lower

    # --- plain values ----------------------------------------------------------------------------------------------
    def settings(self) -> dict[str, Any]:
        """Return the description as plain values: neither parameters nor anything of a batch."""
        found = {name: value for name, value in vars(self).items() if name[0] != "_" and name not in BY_HAND}
        if "function" in found:
            found["activation"] = plain(found.pop("function"))  # under the name of the argument
        return found

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.settings() == other.settings()

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.settings().items())})"

    def __getstate__(self) -> dict[str, Any]:
        left_out = (*BY_HAND, "_tape", "_flat", "_places", "_owner")
        state = {name: value for name, value in vars(self).items() if name not in left_out}
        if self._flat is not None:
            state["_values"] = {place.name: place.view(self._flat).copy() for place in self._places}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        values = state.get("_values")
        vars(self).update({name: value for name, value in state.items() if name != "_values"})
        if values is not None:
            places = lay_out([{name: value.shape for name, value in values.items()}])
            dtype = next(iter(values.values())).dtype if values else np.float64
            self.settle(places, aligned_zeros(places[-1].stop if places else 0, dtype))
            for name, value in values.items():
                self.parameter(name)[...] = value


def fitting(name: str, value: Any, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return ``value`` as numbers of this shape, finite in ``dtype``."""
    found = numbers(name, value)
    if found.shape != tuple(shape):
        raise ValueError(sentence(name, f"of shape {tuple(shape)}", found))
    check_finite(name, found, dtype)
    return found


BY_HAND = ("input", "output")
