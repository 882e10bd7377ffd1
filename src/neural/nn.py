"""The network: layers, one flat vector of parameters with a view for each, and the methods a user calls."""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from operator import is_
from typing import Any

import numpy as np

from neural import activations, core, inputs, lbfgs, losses, optimizers, summary, training
from neural import chain as chains
from neural import data as prepare
from neural.callbacks import History
from neural.engine import Data, NumpyEngine, Program
from neural.errors import check_number, sentence
from neural.layer import Layer, Mode
from neural.layers import ActivationLayer, DenseLayer
from neural.loss import Loss
from neural.optimizers import Optimizer
from neural.parameters import Place, aligned_zeros, lay_out
from neural.streams import seed_from
from neural.training import Settings
from neural.updates import TrainingState, Updates

BUILDING = threading.RLock()  # one for all networks: building is short, and a lock of its own would not pickle
if hasattr(os, "register_at_fork"):  # a fork waits for it: in the child nobody would ever let it go
    os.register_at_fork(before=BUILDING.acquire, after_in_parent=BUILDING.release, after_in_child=BUILDING.release)


class NeuralNetwork:
    """A chain of layers and a loss. X is (n, features), samples in rows; ``predict`` gives (n, n_out).

    Parameters
    ----------
    layers : the layers, in order; more with ``add``.
    use_loss : a loss object, class or name; also by the method of the same name.
    dtype : "float32" or "float64", of all parameters and arithmetic.
    engine : "auto", "numpy" or "core". ``engine_`` says which one ran.
    input_scale : a factor for X, such as 1/255 for images; applied a batch at a time, also in ``predict``.
    random_state : None, a whole number or a generator: start, order of the rows and dropout all follow from it.

    Attributes: ``layers``, ``loss_``, ``weights``, ``biases`` (lists of views), ``params`` (the flat vector),
    ``history_``, ``classes_``, ``engine_``.

    >>> layers = [DenseLayer(2, 8, "relu"), DenseLayer(8, 2, "softmax")]
    >>> net = NeuralNetwork(layers, "categorical_crossentropy", random_state=0)
    >>> X, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    >>> history = net.fit(X, y, epochs=200, learning_rate=0.5, batch_size=4, verbose=0)
    >>> net.predict(X).argmax(axis=1)
    array([0, 1, 1, 0])
    """

    def __init__(
        self,
        layers: Iterable[Layer] | None = None,
        use_loss: Any = None,
        *,
        dtype: Any = "float32",
        engine: str = "auto",
        input_scale: float | None = None,
        random_state: Any = None,
    ) -> None:
        if dtype not in ("float32", "float64", np.float32, np.float64):
            raise ValueError(sentence("dtype", "'float32' or 'float64'", dtype))
        self.dtype = np.dtype(dtype)
        self.engine = core.check_name(engine)
        self.input_scale = None if input_scale is None else check_number("input_scale", input_scale)
        self.seed = seed_from(random_state)
        self.layers: list[Layer] = []
        self.loss_: Any = None
        self._loss: Loss | None = None
        self._adopted = 0  # layers so far: the number of the next one's stream
        self._params: np.ndarray | None = None
        self._places: list[Place] = []
        self._built: tuple[Layer, ...] | None = None  # the layers that are views into _params
        self.state = TrainingState(self.seed)
        self.history_ = History()
        self.classes_: np.ndarray | None = None
        self.engine_: str | None = None
        self._fitting = False
        # Of the last prediction: what it depended on, where to look whether it has changed, the short way to it.
        self._ready: tuple[list[Any], list[Any], Callable[[Any], np.ndarray | None]] | None = None
        if use_loss is not None:
            self.use_loss(use_loss)
        if not isinstance(layers, Iterable | None):
            raise TypeError(sentence("layers", "a list of layers", layers))
        found = list(layers or ())
        if found:
            chains.check_layers(found, self)  # all of them, before one is adopted by a network that may not come to be
            chains.check_widths(found)
        for layer in found:
            self.add(layer)

    # --- building --------------------------------------------------------------------------------------------------
    def add(self, layer: Layer) -> NeuralNetwork:
        """Append a layer and return the network. A layer is in one network at most, and once.

        A layer that cannot take what the last one gives is refused, and the network stays as it was.
        """
        chains.check_layers([*self.layers, layer], self)
        chains.check_widths([*self.layers, layer])
        for leaf in layer.leaves():
            self._adopt(leaf)
        self.layers.append(layer)
        return self

    def use_loss(self, loss: Any) -> NeuralNetwork:
        """Set the loss, a name, class or object, and return the network."""
        self._loss = losses.resolve(loss)
        self.loss_ = self._loss.own_loss if isinstance(self._loss, losses.CustomLoss) else self._loss
        return self

    def _adopt(self, layer: Layer) -> None:
        layer._owner, layer._start = self, (self.seed, self._adopted)
        self._adopted += 1  # by place in the list, a layer taken out and another put in would start alike

    def build(self, n_inputs: int | None = None) -> NeuralNetwork:
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
            self.state.optimizer = None
        self._places, self._params, self._built = places, params, tuple(self.leaves)

    @property
    def leaves(self) -> list[Layer]:
        """The layers, with what a Residual is made of in its place: they are numbered by it."""
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
        return leaves[0]._width if leaves else None

    def n_outputs(self, n_inputs: int | None = None) -> int:
        """Return the width of the last layer."""
        return self.layers[-1].width_after(self._widths(n_inputs)[-1])

    # --- as an engine sees it --------------------------------------------------------------------------------------
    def _chain(self) -> tuple[list[tuple[int, Layer]], Layer | None, Any]:
        """Return the chain of formulas, the link left out of it, and the form of the loss that fits its end.

        Here, and nowhere else, it is seen that the last activation is the link of the loss.
        """
        if self._loss is None:
            raise ValueError("The network has no loss. Give it one: net.use_loss('categorical_crossentropy').")
        for what, rated in [("the loss", self._loss), *((layer.describe(), layer) for layer in self.leaves)]:
            for name in ("l1", "l2", "rate_factor"):  # plain attributes, which anybody may have set since
                check_number(f"{name} of {what}", getattr(rated, name, 0), low=0)
        chain = self._formulas()
        last = chain[-1][1]
        activation = last.function if isinstance(last, ActivationLayer) else None
        self._loss.check_output(activation)
        link = activations.ACTIVATIONS[self._loss.link]
        if type(activation) is link:
            return chain[:-1], last, self._loss.of_scores
        if activation is None and link is activations.Linear:
            return chain, None, self._loss.of_scores
        return chain, None, self._loss.of_outputs

    def _formulas(self) -> list[tuple[int, Layer]]:
        return [(number, part) for number, leaf in enumerate(self.leaves) for part in leaf.expanded()]

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

    def _engine_for(self, optimizer: Optimizer | None = None, n_threads: int | None = None) -> NumpyEngine:
        return core.choose(self.engine, self._chain()[0], self._loss, optimizer, n_threads)

    def _using(self, engine: NumpyEngine) -> NumpyEngine:
        self.engine_ = engine.name
        return engine

    # --- training and prediction -----------------------------------------------------------------------------------
    def fit(
        self,
        X: Any,
        y: Any = None,
        epochs: int = 30,
        learning_rate: float = 0.01,
        batch_size: int | None = 64,
        *,
        optimizer: Any = "sgd",
        schedule: Any = None,
        validation_data: Any = None,
        validation_split: float = 0.0,
        metrics: Any = (),
        callbacks: Any = (),
        callback: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        time_limit: float | None = None,
        verbose: int = 1,
        n_threads: int | None = None,
    ) -> History:
        """Train for ``epochs`` passes over all rows, in a new order each time; return the history of costs.

        Fitting again goes on: weights, the optimizer's memory and the random streams are kept. On bad input, ValueError
        or TypeError, and nothing has changed; on a cost that is no longer finite, TrainingDiverged, and the weights are
        those before it happened. ``history_`` holds this fit alone.

        Parameters
        ----------
        X : (n, n_in), numbers of any kind; uint8 stays uint8, and a memory-mapped file of float32, float64 or uint8 is
            read where it is (but for ``validation_split``, which copies rows: give ``validation_data``).
        y : targets as the loss takes them: labels (n,), one-hot (n, K), values (n,) or (n, n_out).
        batch_size : rows an update; None, or more than there are, is all of them. A last short batch is used too. To
            accumulate the gradients of k batches is ``batch_size * k``, so there is no argument for that.
        optimizer, schedule : names, classes or objects; a schedule may be a function of the update's number, which
            gives a factor. ``learning_rate`` is the rate, whatever the optimizer; but "lbfgs" takes
            all rows at once and ``epochs`` iterations at most, and uses no batch size, rate or schedule.
        validation_data, validation_split : (X, y) or (X, y, sample_weight), or a fraction of the rows, drawn at random.
        metrics : names or functions of (y_true, y_pred), for the history; each costs a forward pass an epoch.
        callbacks, callback : objects with hooks, or functions (true, predicted, loss, epoch).
        sample_weight : (n,): a batch's J is the weighted mean of its rows; in a full batch, weight 2 is the row twice.
        class_weight : "balanced" or {class: weight}: multiplies the weights of the rows of a class, in training only.
        time_limit : seconds; the fit ends with the epoch in which they are over, as if it had been asked for so many
            epochs, and ``history.stopped`` says so. A schedule has then gone a part of its way.
        verbose : 0 silent, 1 a line every tenth epoch (a live bar on a terminal), 2 a line every epoch.
        n_threads : at most so many; no number changes a bit on the core; on NumPy it limits BLAS.
        """
        self._check_free()
        prepare.refuse_batches(X, y)
        settings = Settings.of(
            epochs, learning_rate, batch_size, optimizer, schedule, metrics, callbacks, callback, verbose, time_limit
        )
        if n_threads is not None:
            check_number("n_threads", n_threads, low=1, whole=True)
        if validation_data is not None and validation_split:
            raise ValueError("validation_data and validation_split must not be given both. Got both. Leave one out.")
        chains.check_rates(self.leaves, settings.optimizer)
        rows = self._rows(X)
        engine = self._engine_for(settings.optimizer, n_threads)
        kind = lbfgs.training_for(settings, self._chain()[0])
        data, classes = self._data(rows, y, sample_weight)
        data, validation = prepare.split_off(data, validation_split, self.seed)
        data = prepare.class_weighted(data, class_weight, classes, self._loss, self.dtype)
        if validation_data is not None:
            validation = self._validation(validation_data, rows.shape[1], classes)
        settings.check(self._loss, self.n_outputs(rows.shape[1]), data, validation)
        self.build(rows.shape[1])
        program = self.program(min(settings.batch_size or len(data), len(data)))
        self.state.use(settings.optimizer, self.params)
        self.classes_ = classes
        with self._being_fitted():
            return kind(self, program, data, validation, settings, self._using(engine)).run()

    def train_on_batch(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        learning_rate: float = 0.01,
        optimizer: Any = "sgd",
        batch_size: int | None = None,
        n_threads: int | None = None,
    ) -> float:
        """Make one update with all rows as its batch, and return their J before it.

        It is the update that ``fit`` makes: it goes on with the optimizer's memory and the stream of dropout, and a
        loop over the batches of an epoch gives the bits of that epoch. If something is not finite after it, nothing has
        happened, and TrainingDiverged says in which layer. It counts no epoch, and leaves ``history_`` alone.

        Parameters
        ----------
        X, y, sample_weight : as in ``fit``; text labels have to be all there in the first batch.
        learning_rate, optimizer : as in ``fit``; another optimizer, or other settings, begins with a fresh memory.
        batch_size : the m of the penalty, len(X) unless given: the usual number of rows, for a batch that is short.
        n_threads : as in ``fit``; for one update 1 may be the fastest, as threads are made anew for each call.

        >>> net = NeuralNetwork([DenseLayer(1, 1)], "mse", random_state=0)
        >>> costs = [net.train_on_batch([[0.0], [1.0]], [1.0, 3.0], learning_rate=0.3) for _ in range(100)]
        >>> costs[-1] < 1e-6, net.predict([[2.0]]).round(2)
        (True, array([[5.]], dtype=float32))
        """
        self._check_free()
        rate, rule = check_number("learning_rate", learning_rate, low=0), optimizers.stepwise(optimizer)
        if n_threads is not None:
            check_number("n_threads", n_threads, low=1, whole=True)
        chains.check_rates(self.leaves, rule)
        rows = self._rows(X)
        engine = self._engine_for(rule, n_threads)
        data, classes = self._data(rows, y, sample_weight)
        m = len(data) if batch_size is None else check_number("batch_size", batch_size, low=len(data), whole=True)
        self.build(rows.shape[1])
        program = self.program(m)
        self.state.use(rule, self.params)
        self.classes_ = classes
        with self._being_fitted():
            updates = Updates(self._using(engine), program, data, self.state, rule, len(data))
            return training.one_update(updates, rate)

    def _check_free(self) -> None:
        if self._fitting:
            raise RuntimeError("A network must be fitted by one fit at a time. Copy it first: copy.deepcopy(net).")

    @contextmanager
    def _being_fitted(self) -> Iterator[None]:
        self._fitting = True
        try:
            yield
        finally:
            self._fitting = False

    def _rows(self, X: Any) -> np.ndarray:
        """Return rows of X checked, for a network with layers."""
        if not self._is_built():
            chains.check_layers(self.layers, self)
        return inputs.rows("X", X, self.dtype, self.n_inputs)

    def _data(self, X: np.ndarray, y: Any, sample_weight: Any, classes: Any = None) -> tuple[Data, Any]:
        """Return rows, targets and weights checked and encoded, and the class labels."""
        assert self._loss is not None
        known = self.classes_ if classes is None else classes
        return prepare.encoded(X, y, sample_weight, self._loss, self.n_outputs(X.shape[1]), self.dtype, known)

    def _validation(self, given: Any, width: int, classes: Any) -> Data:
        def take(X: Any, y: Any, sample_weight: Any = None) -> Data:
            return self._data(inputs.rows("X", X, self.dtype, width), y, sample_weight, classes)[0]

        return prepare.for_validation(given, take)

    def predict(self, X: Any) -> np.ndarray:
        """Return the outputs (n, n_out) for X (n, n_in): probabilities after softmax or sigmoid.

        Trains nothing. Before a fit these are the outputs of random weights, and an open ``n_in`` is fixed by X.
        """
        if self._ready is not None:
            before, watched, at_once = self._ready
            parts = [self.engine, self.input_scale, self._params, *self.layers, *[getattr(*pair) for pair in watched]]
            if len(parts) == len(before) and all(map(is_, parts, before)):
                outputs = at_once(X)
                if outputs is not None:
                    return outputs
        rows = self._rows(X)
        self.build(rows.shape[1])
        program = Program(self._formulas(), self._places, self.params, scale=self.input_scale)
        engine = core.choose(self.engine, program.chain)
        outputs = engine.predict(program, rows)
        inputs.check_finite("the network's outputs", outputs, self.dtype)
        if isinstance(engine, core.CoreEngine):
            watched = chains.what_predict_depends_on(self.leaves)
            parts = [self.engine, self.input_scale, self._params, *self.layers, *[getattr(*pair) for pair in watched]]
            self._ready = parts, watched, engine.at_once(program)
        return outputs

    def evaluate(self, X: Any, y: Any, metrics: Any = (), *, sample_weight: Any = None) -> dict[str, float]:
        """Return ``loss``, the mean loss without penalty, and the metrics, for rows that need not be training rows."""
        wanted = training.resolve_metrics(metrics)
        program, data = self.prepared(X, y, sample_weight)
        loss, outputs = self._using(self._engine_for()).evaluate(program, data)
        inputs.check_finite("the network's outputs", outputs, self.dtype)
        inputs.check_finite("the loss", np.asarray(loss), np.float64)
        return {"loss": loss, **training.measure(wanted, program.loss, data.y, outputs)}

    def loss_and_gradient(
        self, X: Any, y: Any, sample_weight: Any = None, *, training: bool = False
    ) -> tuple[float, np.ndarray, np.ndarray]:
        """Return J with its penalty, dJ/dparameters as a flat vector like ``params``, and dJ/dX, all rows one batch.

        Nothing changes. With ``training`` dropout drops, as it would at the next update. ``views(gradient)`` splits the
        vector by layer and name.
        """
        program, data = self.prepared(X, y, sample_weight)
        mode = Mode(training, self.seed, self.state.step)
        loss, gradient, dx = self._using(self._engine_for()).gradient(program, data, mode)
        for what, numbers in {"the loss": np.asarray(loss), "the gradient": gradient, "dJ/dX": dx}.items():
            inputs.check_finite(what, numbers, numbers.dtype)
        return loss, gradient, dx

    def prepared(self, X: Any, y: Any, sample_weight: Any = None) -> tuple[Program, Data]:
        """Return the network and all rows, checked, as an engine takes them: one batch."""
        rows = self._rows(X)
        self._chain()
        data, _ = self._data(rows, y, sample_weight)
        self.build(rows.shape[1])
        return self.program(len(data)), data

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
    def __copy__(self) -> NeuralNetwork:
        return copy.deepcopy(self)  # a layer is in one network, so there is no other kind of copy

    def __getstate__(self) -> dict[str, Any]:
        # The layers carry the numbers.
        state = {**vars(self), "_ready": None, "_params": None, "_places": [], "_built": None, "_fitting": False}
        return {**state, "was_built": self._is_built()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        was_built = state.pop("was_built")
        vars(self).update(state)
        for layer in self.leaves:
            layer._owner = self
        if was_built:
            self.build()


Network = NeuralNetwork
