"""The network, and the methods a user calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from operator import is_
from typing import TYPE_CHECKING, Any

import numpy as np

from neural import batches, core, inputs, lbfgs, measuring, optimizers, sources, streaming
from neural import chain as chains
from neural import data as prepare
from neural.assembly import Assembly
from neural.callbacks import History
from neural.engine import Data, NumpyEngine, Program
from neural.errors import check_number, sentence
from neural.layer import Layer, Mode
from neural.optimizers import Optimizer
from neural.streaming import Streamed
from neural.training import Settings
from neural.updates import Updates, one_update
from neural.windows import Stream

if TYPE_CHECKING:
    from neural.export.proof import Proof
    from neural.tables import Columns


class NeuralNetwork(Assembly):
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
    ``history_``, ``classes_``, ``engine_``; ``columns_``, where it was trained on a table (neural.tables.Columns).

    >>> from neural import DenseLayer
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
        self.engine = core.check_name(engine)
        self.engine_: str | None = None
        self.history_ = History()
        self.classes_: np.ndarray | None = None
        self.columns_: Columns | None = None
        super().__init__(layers, use_loss, dtype, input_scale, random_state)
        # Of the last prediction: what it depended on, where to look whether it has changed, the short way to it.
        self._ready: tuple[list[Any], list[Any], Callable[[Any], np.ndarray | None]] | None = None

    def _engine_for(self, optimizer: Optimizer | None = None, n_threads: int | None = None) -> NumpyEngine:
        if optimizer is not None:
            chains.check_rates(self.leaves, optimizer)
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
        sampling: str | None = None,
        time_limit: float | None = None,
        average: Any = None,
        augment: Any = None,
        checkpoint: Any = None,
        every: float = 1,
        resume: bool = False,
        shuffle: Any = True,
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
            read where it is (but for ``validation_split``, which copies rows: give ``validation_data``). Or a stream of
            rows that need not fit in memory, with its targets and weights, and no y: docs/streaming.md. Or batches, and
            no y: a loader that gives (X, y) or (X, y, sample_weight), or a function that returns an iterator over them,
            and may take the epoch's number. Each epoch goes through it once, an update a batch, and once more for
            metrics of the training rows. The first batch has all text labels, and its number of rows is the m of the
            penalty. The weights of a batch may all be 0, as they may be of the rows of an update.
        y : targets as the loss takes them: labels (n,), one-hot (n, K), values (n,) or (n, n_out).
        batch_size : rows an update; None, or more than there are, is all of them. A last short batch is used too. To
            accumulate the gradients of k batches is ``batch_size * k``, so there is no argument for that.
        optimizer, schedule : names, classes or objects; a schedule may be a function of the update's number, which
            gives a factor. ``learning_rate`` is the rate, whatever the optimizer; but "lbfgs" takes
            all rows at once and ``epochs`` iterations at most, and uses no batch size, rate or schedule.
        validation_data, validation_split : (X, y), (X, y, sample_weight) or a stream; or a fraction of the rows, at
            random.
        metrics : names or functions of (y_true, y_pred), for the history; each costs a forward pass an epoch.
        callbacks, callback : objects with hooks, or functions (true, predicted, loss, epoch).
        sample_weight : (n,): a batch's J is the weighted mean of its rows; in a full batch, weight 2 is the row twice.
        class_weight : "balanced" or {class: weight}: multiplies the weights of the rows of a class, in training only.
        sampling : "balanced": an epoch's rows are drawn with replacement, every class as likely as any other.
        time_limit : seconds; the fit ends with the epoch in which they are over, as if it had been asked for so many
            epochs, and ``history.stopped`` says so. A schedule has then gone a part of its way.
        average : None, "ema", "swa", or an object such as EMA(decay=0.99): what is measured and kept, at each epoch's
            end and after the fit, are averaged weights. Fitting again with the same average goes on from the raw ones.
        augment : None, or an Augment: rows are images, changed at random at each update that they are in.
        checkpoint, every, resume : a file into which the fit is written each ``every`` epochs, or with a fraction such
            as 0.1 that part of an epoch, and at its end; with ``resume`` it goes on from that file, if it is there. The
            same call again then makes up for a run that was killed, to the same bits: docs/checkpoints.md.
        shuffle : True for a new random order each epoch, False for that of the rows, or a function (epoch, n) of it.
        verbose : 0 silent, 1 a line every tenth epoch (a live bar on a terminal), 2 a line every epoch.
        n_threads : at most so many; no number changes a bit on the core; on NumPy it limits BLAS.
        """
        self._check_free()
        settings = Settings.of(
            epochs, learning_rate, batch_size, optimizer, schedule, metrics, callbacks, callback, verbose, time_limit,
            average, augment, shuffle,
        )  # fmt: skip
        if n_threads is not None:
            check_number("n_threads", n_threads, low=1, whole=True)
        if validation_data is not None and validation_split:
            raise ValueError("validation_data and validation_split must not be given both. Got both. Leave one out.")
        if checkpoint is not None or resume is not False:
            from neural.checkpoints import Saving

            settings.saving = Saving.from_arguments(checkpoint, every, resume)
        saving = settings.saving
        if isinstance(X, Stream) or batches.are_batches(X, y):
            about_rows = {"validation_split": validation_split or None, "sampling": sampling}
            about_rows |= {"sample_weight": sample_weight} | ({"y": y} if isinstance(X, Stream) else {})
            source: batches.Batches | Streamed
            source = batches.Batches(X, self.state.epoch) if not isinstance(X, Stream) else self._streamed(X)
            return self._fit_batches(source, settings, validation_data, class_weight, about_rows, n_threads)
        rows = self._rows(X)
        engine = self._engine_for(settings.optimizer, n_threads)
        kind = lbfgs.training_for(settings, self, sampling)
        data, classes = self._data(rows, y, sample_weight)
        validation: Data | Streamed | None
        data, validation = prepare.split_off(data, validation_split, saving.seed(self.seed) if saving else self.seed)
        if sampling is not None and settings.shuffle is not True:
            raise ValueError(
                "sampling and shuffle must not be given both: each says which rows come when. Leave one out."
            )
        settings.sampler = prepare.sampler(sampling, class_weight, data, classes, self._loss)
        data = prepare.class_weighted(data, class_weight, classes, self._loss, self.dtype)
        if validation_data is not None:
            validation = self._validation(validation_data, rows.shape[1], classes)
        settings.check(self._loss, self.n_outputs(rows.shape[1]), data, validation)
        self.build(rows.shape[1])
        program = self.program(min(settings.batch_size or len(data), len(data)))
        if saving:
            saving.check(self, settings, data, validation)
        self.state.use(settings.optimizer, self.params, settings.average)
        self.classes_ = classes
        with self._being_fitted():
            return kind(self, program, data, validation, settings, self._using(engine)).run()

    def _fit_batches(
        self,
        source: batches.Batches | Streamed,
        settings: Settings,
        validation_data: Any,
        class_weight: Any,
        about_rows: dict[str, Any],
        n_threads: int | None,
    ) -> History:
        """Fit to rows that come one after the other; the first ones say what the network has to know."""
        balanced = class_weight if isinstance(class_weight, str) and class_weight == "balanced" else None
        source.refuse(settings, **about_rows, class_weight=balanced)
        classes: Any = None

        def take(X: Any, y: Any, sample_weight: Any = None) -> Data:
            nonlocal classes
            data, classes = self._data(self._rows(X), y, sample_weight, classes, part=True)
            return prepare.class_weighted(data, class_weight, classes, self._loss, self.dtype, part=True)

        if not self._is_built():
            chains.check_layers(self.layers, self)
        engine = self._engine_for(settings.optimizer, n_threads)
        first = source.first(take, self._loss)
        width, validation = first.X.shape[1], None
        if validation_data is not None:
            validation = self._validation(validation_data, width, classes)
        settings.check(self._loss, self.n_outputs(width), first, validation, source.per_epoch(settings))
        self.build(width)
        program = self.program(source.batch_size(settings) or len(first))
        if settings.saving is not None:
            settings.saving.check(self, settings, source if isinstance(source, Streamed) else first, validation)
        self.state.use(settings.optimizer, self.params, settings.average)
        self.classes_ = classes
        with self._being_fitted():
            engine = self._using(engine)
            return source.training(self, program, first, validation, settings, engine, take).run()

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
        loop over the batches of an epoch gives the bits of that epoch. An average of weights ends with it. If something
        is not finite after it, nothing has happened, and TrainingDiverged says in which layer. It counts no epoch, and
        leaves ``history_`` alone.

        Parameters
        ----------
        X, y, sample_weight : as in ``fit``; text labels have to be all there in the first batch.
        learning_rate, optimizer : as in ``fit``; another optimizer, or other settings, begins with a fresh memory.
        batch_size : the m of the penalty, len(X) unless given: the usual number of rows, for a batch that is short.
        n_threads : as in ``fit``; for one update 1 may be the fastest, as threads are made anew for each call.

        >>> from neural import DenseLayer
        >>> net = NeuralNetwork([DenseLayer(1, 1)], "mse", random_state=0)
        >>> costs = [net.train_on_batch([[0.0], [1.0]], [1.0, 3.0], learning_rate=0.3) for _ in range(100)]
        >>> costs[-1] < 1e-6, net.predict([[2.0]]).round(2)
        (True, array([[5.]], dtype=float32))
        """
        self._check_free()
        rate, rule = check_number("learning_rate", learning_rate, low=0), optimizers.stepwise(optimizer)
        if n_threads is not None:
            check_number("n_threads", n_threads, low=1, whole=True)
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
            return one_update(updates, rate)

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

    def _data(
        self, X: np.ndarray, y: Any, sample_weight: Any, classes: Any = None, part: bool = False
    ) -> tuple[Data, Any]:
        """Return rows, targets and weights checked and encoded, and the class labels."""
        assert self._loss is not None
        known = self.classes_ if classes is None else classes
        n_out = self.n_outputs(X.shape[1])
        return prepare.encoded(X, y, sample_weight, self._loss, n_out, self.dtype, known, part=part)

    def _validation(self, given: Any, width: int, classes: Any) -> Data | Streamed:
        def take(X: Any, y: Any, sample_weight: Any = None) -> Data:
            return self._data(inputs.rows("X", X, self.dtype, width), y, sample_weight, classes)[0]

        if isinstance(given, Stream):
            return self._first_of("validation_data", self._streamed(given), take)
        return prepare.for_validation(given, take)

    def _streamed(self, rows: Stream) -> Streamed:
        return Streamed(self._of_width(rows), self.dtype)

    def _of_width(self, rows: Stream) -> Stream:
        """Return a stream if it has as many features as the first layer takes."""
        if not self._is_built():
            chains.check_layers(self.layers, self)
        if self.n_inputs not in (None, len(rows.names)):
            raise ValueError(sentence("a stream", f"of {self.n_inputs} features, as the first layer takes", rows))
        return rows

    def _first_of(self, what: str, rows: Streamed, take: batches.Take) -> Streamed:
        try:
            rows.first(take, self._loss)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{what}: {error}") from None
        return rows

    def predict(self, X: Any) -> np.ndarray:
        """Return the outputs (n, n_out) for X (n, n_in): probabilities after softmax or sigmoid.

        Trains nothing. Before a fit these are the outputs of random weights, and an open ``n_in`` is fixed by X, which
        may be a stream.
        """
        if self._ready is not None:
            before, watched, at_once = self._ready
            parts = self._parts(watched)
            if len(parts) == len(before) and all(map(is_, parts, before)):
                outputs = at_once(X)
                if outputs is not None:
                    return outputs
        rows = self._of_width(X) if isinstance(X, Stream) else self._rows(X)
        self.build(rows.shape[1])
        program = self.as_predicted()
        engine = core.choose(self.engine, program.chain)
        if isinstance(rows, Stream):
            outputs = streaming.predict(engine, program, rows, self.dtype, self._rows)
        else:
            outputs = engine.predict(program, rows)
        inputs.check_finite("the network's outputs", outputs, self.dtype)
        if isinstance(engine, core.CoreEngine):
            watched = chains.what_predict_depends_on(self.leaves)
            self._ready = self._parts(watched), watched, engine.at_once(program)
        return outputs

    def _parts(self, watched: list[Any]) -> list[Any]:
        """Return all that a prediction depends on, to be compared by identity."""
        return [self.engine, self.input_scale, self._params, *self.layers, *[getattr(*pair) for pair in watched]]

    def evaluate(self, X: Any, y: Any = None, metrics: Any = (), *, sample_weight: Any = None) -> dict[str, float]:
        """Return ``loss``, the mean loss without penalty, and the metrics, for rows that need not be training rows.

        X may be a stream, with its targets and weights; metrics take the targets and outputs of all rows in memory.
        """
        wanted = measuring.resolve_metrics(metrics)
        prepare_rows = self._prepared_stream if isinstance(X, Stream) else self.prepared
        program, data = prepare_rows(X, y, sample_weight)
        engine = self._using(self._engine_for())
        loss, truth, outputs = sources.evaluate(engine, program, data, bool(wanted))
        inputs.check_finite("the network's outputs", outputs, self.dtype)
        inputs.check_finite("the loss", np.asarray(loss), np.float64)
        return {"loss": loss, **measuring.measure(wanted, program.loss, truth, outputs)}

    def _prepared_stream(self, X: Stream, y: Any, sample_weight: Any) -> tuple[Program, Streamed]:
        """Return the network and a stream, of which it has seen the first rows."""
        if y is not None or sample_weight is not None:
            raise ValueError(sentence("y and sample_weight", "columns of the stream, so left out here", y))
        self._chain()
        streamed = self._streamed(X)
        streamed.first(lambda X, y, weights=None: self._data(self._rows(X), y, weights)[0], self._loss)
        self.build(len(X.names))
        return self.program(len(X)), streamed

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

    def save(self, path: Any, metrics: Mapping[str, float] | None = None) -> None:
        """Write the network to the file ``path``, whole or not at all; ``neural.load`` reads it.

        Layers, loss, weights, ``input_scale``, ``classes_``, ``columns_``, the place of the random streams, and
        ``metrics``: a dictionary, or else the last numbers of the last fit. Any reader of safetensors opens the
        weights; the optimizer's memory is not kept. docs/file-format.md says what is in it. Raises OSError where the
        disk will not, TypeError for settings that are not plain, ValueError for weights that are not finite; the old
        file is then as it was.

        >>> import tempfile, pathlib, neural
        >>> path = pathlib.Path(tempfile.mkdtemp(), "line.safetensors")
        >>> net = NeuralNetwork([neural.DenseLayer(1, 1, init="ones")], "mse")
        >>> net.save(path)
        >>> neural.load(path).predict([[3.0]])
        array([[3.]], dtype=float32)
        """
        from neural import model_file

        model_file.save(self, path, metrics)

    def export(self, path: Any, *, quantize: str | None = None, X: Any = None) -> Proof:
        """Write the network for somebody else, as what the suffix says, and return how far that is from this network.

        ``.onnx``; ``.c`` with its ``.h``, C99 that needs math.h alone; ``.py``, which needs NumPy alone; ``.js`` or
        ``.mjs``, a module. Preprocessing and class names go along, and 8 test rows, which ``neural verify FILE`` runs.
        ValueError for a network that is not built and for layers of your own; NeuralError, and no file, if what was
        written does not agree with the network when it is run here.

        Parameters
        ----------
        quantize : "int8" for whole numbers of eight bits in the dense layers of a .c file.
        X : rows like those to come, (n, n_in): int8 is calibrated and measured on them; test rows are drawn with the
            mean, deviation and bounds of their columns, and else standard normal. None of X's rows is written down.

        >>> import tempfile
        >>> from neural import DenseLayer
        >>> net = NeuralNetwork([DenseLayer(2, 8, "relu"), DenseLayer(8, 1)], "mse", random_state=0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     net.export(folder + "/model.py").largest_difference < 1e-6
        True
        """
        from neural.export import export

        return export(self, path, quantize=quantize, X=X)

    def to_torch(self) -> Any:
        """Return the network as a ``torch.nn.Sequential`` with the same parameters, for rows (n, n_in).

        It stands apart from this network: training one leaves the other alone. Needs torch.
        """
        from neural.export.pytorch import to_torch

        return to_torch(self)

    def prepared(self, X: Any, y: Any, sample_weight: Any = None) -> tuple[Program, Data]:
        """Return the network and all rows, checked, as an engine takes them: one batch."""
        if isinstance(X, Stream):
            step = "fit, predict and evaluate take a stream."
            raise TypeError(sentence("X", "rows in memory", X, step))
        rows = self._rows(X)
        self._chain()
        data, _ = self._data(rows, y, sample_weight)
        self.build(rows.shape[1])
        return self.program(len(data)), data


Network = NeuralNetwork


def load(path: Any, custom: Mapping[str, Any] | None = None) -> NeuralNetwork:
    """Return the network that ``save`` wrote to the file ``path``.

    A file is data: loading it opens this one file, and imports, evaluates and unpickles nothing. Layers, activations
    and losses of your own, and in a checkpoint optimizers and averages, are ``custom``, a dictionary from the names in
    the file to classes and functions; what is not handed in is refused. Raises ModelFileError for a file that is
    damaged, of another kind or of a newer version; OSError where there is none.

    >>> import os, tempfile
    >>> from neural import DenseLayer
    >>> path = os.path.join(tempfile.mkdtemp(), "moons.safetensors")
    >>> NeuralNetwork([DenseLayer(2, 3, "relu"), DenseLayer(3, 1)], "mse").save(path)
    >>> load(path)  # doctest: +ELLIPSIS
    NeuralNetwork([DenseLayer(n_in=2, n_out=3, ... activation='linear')], MSE(l2=0.0), dtype='float32')
    """
    from neural import checkpoints, model_file

    contents = model_file.read(path)
    network: NeuralNetwork = model_file.made(NeuralNetwork, contents, custom)
    if contents.training:
        checkpoints.recall(network, contents, custom)
    return network
