"""What happens between epochs: the history, what a monitored number decides, progress, and a user's own hooks.

A callback is any object with one or more of these methods; each gets the :class:`Training` in progress:

    on_train_begin   on_epoch_begin   on_batch_end   on_epoch_end   on_train_end

A plain function is called at the end of each epoch as ``f(true, predicted, loss, epoch)``. What writes each epoch down
is in loggers.py.
"""

from __future__ import annotations

import io
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from neural import atomic, notebook
from neural.errors import ModelFileError, check_number, guess, one_of, sentence
from neural.inputs import check_finite, numbers

ALWAYS = ("loss", "data_loss", "penalty", "learning_rate", "seconds")  # numbers of each epoch, whatever is asked for
ORDINARY = 1e6  # costs below it are written with four decimals, larger ones with an exponent
HOOKS = ("on_train_begin", "on_epoch_begin", "on_batch_end", "on_epoch_end", "on_train_end")


def cost_text(cost: float) -> str:
    """Return a cost as text.

    >>> cost_text(0.73162), cost_text(7.254e33)
    ('0.7316', '7.25e+33')
    """
    return f"{cost:.2e}" if ORDINARY <= abs(cost) < np.inf else f"{cost:.4f}"


class History(list[float]):
    """The cost J of each epoch, as a list; every number by its name, as ``history["val_loss"]``.

    Names: ``loss`` (J), ``data_loss`` and ``penalty`` (its two parts), ``learning_rate``, ``seconds``, the metrics, and
    with validation data the same metrics and ``val_loss`` (without penalty). ``stopped`` says why the fit ended before
    its last epoch, "" if it did not.

    >>> history = History()
    >>> history.record({"loss": 0.5, "val_loss": 0.6})
    >>> history, history["val_loss"]
    ([0.5], [0.6])
    """

    def __init__(self, values: Iterable[float] = ()) -> None:
        super().__init__(values)
        self.history: dict[str, list[float]] = {"loss": list(values)}
        self.stopped = ""

    def record(self, numbers: dict[str, float]) -> None:
        """Add one epoch."""
        self.record_all({name: [value] for name, value in numbers.items()})

    def record_all(self, columns: Mapping[str, Sequence[float]]) -> None:
        """Add some epochs, as many as each column has numbers."""
        for name, values in columns.items():
            self.history.setdefault(name, []).extend(values)
        self.extend(columns["loss"])

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            if key not in self.history:
                raise KeyError(sentence("a name in this history", one_of(self.history), key))
            return self.history[key]
        return super().__getitem__(key)

    def keys(self) -> list[str]:
        """Return the names."""
        return list(self.history)

    def __contains__(self, key: object) -> bool:
        return key in self.history if isinstance(key, str) else super().__contains__(key)

    def __reduce__(self) -> Any:
        return type(self), (list(self),), {"history": self.history, "stopped": self.stopped}

    def _repr_html_(self) -> str:
        """Show the cost as a curve, and for each name its ends, its least, its most and its course."""
        if not self:
            return "<p>No epoch yet.</p>"
        costs: dict[str, list[float]] = {n: self[n] for n in ("loss", "val_loss") if n in self.history}
        seconds = f", {sum(self.history['seconds']):.3g} s" if "seconds" in self.history else ""
        stopped = f"; stopped: {self.stopped}" if self.stopped else ""
        caption = f"{len(self)} epoch{'s' * (len(self) != 1)}{seconds}{stopped}"
        rows = [
            [name, *map(notebook.number, (v[0], v[-1], np.nanmin(v), np.nanmax(v))), notebook.spark(v)]
            for name, v in self.history.items()
            if name != "seconds" and not np.isnan(v).all()
        ]
        return notebook.chart(costs) + notebook.table(caption, ["", "first", "last", "least", "most", ""], rows)

    def plot(self, *names: str, **options: Any) -> Any:
        """Return a figure with a curve for each name, ``loss`` if none is given."""
        from neural.canvas import axis_name
        from neural.plotting import plot_history

        names = names or ("loss",)
        return plot_history({name: self[name] for name in names}, **{"ylabel": axis_name(names), **options})


class Callback:
    """A root for a user's own callbacks, with every hook doing nothing; not required.

    One that looks at nothing but each epoch's number and ``training.numbers`` may set ``numbers_only = True``: then the
    core may run several short epochs in one crossing, and its ``on_epoch_end`` is called for each of them afterwards.
    """

    numbers_only: bool = False

    def epochs_alone(self) -> float:
        """Return for how many epochs one with ``numbers_only`` need not be asked: it stops no fit before them."""
        return np.inf

    def check(self, names: list[str]) -> None:
        """Raise ValueError if this does not suit a fit whose numbers have these names; asked before it begins."""

    def on_train_begin(self, training: Any) -> None:
        """Before the first epoch."""

    def on_epoch_begin(self, training: Any) -> None:
        """Before each epoch."""

    def on_batch_end(self, training: Any) -> None:
        """After each update; a callback that has it is slower, since every update is then a crossing of its own."""

    def on_epoch_end(self, training: Any) -> None:
        """After each epoch: ``training.numbers`` holds its loss and metrics; ``training.stop("why")`` ends the fit."""

    def on_train_end(self, training: Any) -> None:
        """After the last epoch, or when an error ends the fit: then ``training.error`` is set."""

    def state(self) -> dict[str, Any]:
        """Return what a fit that goes on from a checkpoint has to know: numbers, text, lists and arrays by name."""
        return {}

    def restore_state(self, state: dict[str, Any]) -> None:
        """Take back what ``state`` returned, after ``on_train_begin``; as it stands, into attributes."""
        vars(self).update(state)


class EachEpoch(Callback):
    """Calls ``f(true, predicted, loss, epoch)`` after each epoch, counted from 1.

    ``true`` is class labels (column numbers) where the targets are classes, ``predicted`` the network's outputs for the
    whole training set: one more forward pass an epoch.
    """

    def __init__(self, function: Any) -> None:
        self.function = function

    def on_epoch_end(self, training: Any) -> None:
        self.function(training.true, training.predicted(), training.numbers["loss"], training.epoch)


class Monitor(Callback):
    """The root of what follows one number of the history: has it improved by more than ``min_delta``?

    ``mode`` is "min" or "max", or "auto", which knows losses and the metrics that have a name. ``best`` is the best
    number so far and ``best_epoch`` its epoch, 0 before the first.

    >>> Monitor("val_accuracy").mode
    'max'
    """

    remembers: ClassVar[tuple[str, ...]] = ("best", "best_epoch", "epochs")

    def __init__(self, monitor: str = "val_loss", *, min_delta: float = 0.0, mode: str = "auto") -> None:
        if not isinstance(monitor, str):
            raise TypeError(sentence("monitor", "a name in the history, such as 'val_loss'", monitor))
        self.monitor = monitor
        self.min_delta = check_number("min_delta", min_delta, low=0)
        if mode not in ("auto", "min", "max"):
            raise ValueError(sentence("mode", one_of(("auto", "min", "max")), mode))
        self.mode = self._direction(monitor) if mode == "auto" else mode
        self.forget()

    @staticmethod
    def _direction(monitor: str) -> str:
        name = monitor.removeprefix("val_")
        if name in ("loss", "data_loss", "penalty"):
            return "min"
        from neural.metrics import METRICS

        if name in METRICS:
            return "max" if METRICS[name].higher_is_better else "min"
        raise ValueError(sentence("mode", "'min' or 'max' for a monitor that is not known by name", monitor))

    def forget(self) -> None:
        """Begin anew: nothing has been seen."""
        self.best, self.best_epoch = np.inf if self.mode == "min" else -np.inf, 0
        self.epochs = 0  # watched
        self._place: tuple[int, int] | None = None  # where the last fit ended

    def check(self, names: list[str]) -> None:
        if self.monitor not in names:
            of_validation = self.monitor.startswith("val_") and "val_loss" not in names
            step = "Give fit validation_data or validation_split." if of_validation else guess(self.monitor, names)
            raise ValueError(sentence("monitor", one_of(names), self.monitor, step))

    def improved(self, training: Any) -> bool:
        """Take in this epoch's number; return whether it is the best."""
        self.epochs += 1
        value = training.numbers[self.monitor]
        gain = self.best - value if self.mode == "min" else value - self.best
        if gain > self.min_delta:
            self.best, self.best_epoch = value, self.epochs
        return bool(gain > self.min_delta)

    def go_on(self, training: Any) -> None:
        """Forget, unless this fit begins where the last one that was watched ended: two fits are then as one."""
        if self._place != training.place:
            self.forget()

    def on_train_end(self, training: Any) -> None:
        self._place = training.place

    def state(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name in self.remembers}


class EarlyStopping(Monitor):
    """Stops when ``monitor`` has not improved by more than ``min_delta`` for ``patience`` epochs; the best comes back.

    ``mode`` is "min" or "max", or "auto", which knows losses and the metrics that have a name. Attributes after a fit:
    ``best``, ``best_epoch``, ``stopped_epoch`` (None if it ran to the end). Each fit is watched by itself.

    >>> EarlyStopping("val_accuracy").mode
    'max'
    """

    remembers = (*Monitor.remembers, "stopped_epoch", "best_params")

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 10,
        *,
        min_delta: float = 0.0,
        mode: str = "auto",
        restore_best: bool = True,
    ) -> None:
        super().__init__(monitor, min_delta=min_delta, mode=mode)
        self.patience = check_number("patience", patience, low=0, whole=True)
        self.restore_best = restore_best

    def on_train_begin(self, training: Any) -> None:
        self.forget()
        self.stopped_epoch = None
        self.best_params = training.network.params.copy()

    def on_epoch_end(self, training: Any) -> None:
        if self.improved(training):
            self.best_params[:] = training.network.params
        elif training.epoch - self.best_epoch >= self.patience:
            self.stopped_epoch = training.epoch
            training.stop(f"{self.monitor} has not improved since epoch {self.best_epoch}, {self.best:.4g}")

    def on_train_end(self, training: Any) -> None:
        if self.restore_best and self.best_epoch and training.error is None:
            training.network.params[:] = self.best_params


class ReduceOnPlateau(Monitor):
    """Multiplies the learning rate by ``drop`` each time ``monitor`` has not improved for ``patience`` epochs.

    (As in He et al., Deep residual learning, 2016, section 3.4, where an eye on the curve did it.) The rate of the
    schedule is multiplied by ``factor``, which is not dropped below ``end``. ``reduced`` lists the epochs after which
    it fell. Given to the next fit of the same network, it goes on where it was.

    >>> ReduceOnPlateau("val_loss", drop=0.5, patience=5).factor
    1.0
    """

    remembers = (*Monitor.remembers, "factor", "waited", "reduced")

    def __init__(
        self,
        monitor: str = "val_loss",
        drop: float = 0.1,
        patience: int = 5,
        *,
        end: float = 0.0,
        min_delta: float = 0.0,
        mode: str = "auto",
    ) -> None:
        self.drop = check_number("drop", drop, low=0, strict=True, high=1)
        self.patience = check_number("patience", patience, low=1, whole=True)
        self.end = check_number("end", end, low=0, high=1)
        super().__init__(monitor, min_delta=min_delta, mode=mode)

    def forget(self) -> None:
        super().forget()
        self.factor, self.waited = 1.0, 0
        self.reduced: list[int] = []

    def on_train_begin(self, training: Any) -> None:
        self.go_on(training)
        training.rate_factor *= self.factor

    def on_epoch_end(self, training: Any) -> None:
        self.waited = 0 if self.improved(training) else self.waited + 1
        if self.waited < self.patience:
            return
        self.waited = 0
        if self.factor * self.drop >= self.end:
            self.factor *= self.drop
            training.rate_factor *= self.drop
            self.reduced.append(self.epochs)


class Checkpoint(Monitor):
    """Keeps the parameters of the best epoch by ``monitor``, in memory and, given ``path``, in a .npz file as well.

    The file holds an array for each parameter, ``layer1.weights`` (n_out, n_in) and so on. It is written beside its
    place and then put there in one step, so that a run that is killed leaves the old file or the new one. Attributes:
    ``best``, ``best_epoch``, ``best_params`` (None before the first). Given to the next fit of the same network, it
    goes on. The optimizer's memory is not kept.

    >>> import neural
    >>> net = neural.NeuralNetwork([neural.DenseLayer(1, 1)], "mse", random_state=0)
    >>> checkpoint = Checkpoint("loss")
    >>> history = net.fit([[0.0], [1.0]], [0.0, 1.0], 20, 0.1, callbacks=checkpoint, verbose=0)
    >>> checkpoint.best == min(history), checkpoint.restore(net) is net
    (True, True)
    """

    remembers = (*Monitor.remembers, "best_params")

    def __init__(
        self, monitor: str = "val_loss", path: Any = None, *, min_delta: float = 0.0, mode: str = "auto"
    ) -> None:
        super().__init__(monitor, min_delta=min_delta, mode=mode)
        self.path = None if path is None else atomic.place_of("path", path)

    def forget(self) -> None:
        super().forget()
        self.best_params: np.ndarray | None = None

    def check(self, names: list[str]) -> None:
        super().check(names)
        if self.path is not None:
            atomic.file_path(self.path)

    def on_train_begin(self, training: Any) -> None:
        self.go_on(training)

    def on_epoch_end(self, training: Any) -> None:
        if self.improved(training):
            self.best_params = training.network.params.copy()
            if self.path is not None:
                self._write(training.network)

    def _write(self, network: Any) -> None:
        content = io.BytesIO()
        np.savez(content, **_parameters(network))
        atomic.write(self.path, [content.getbuffer()])

    def restore(self, network: Any) -> Any:
        """Copy the best parameters into the network, from memory or else from the file, and return it.

        Raises ValueError if there are none or they are of another shape, ModelFileError for a damaged file, OSError
        for one that is not there; the network is then as it was.
        """
        if self.best_params is None and self.path is not None:
            views, found = _parameters(network), _read(self.path)
            wanted = {name: values.shape for name, values in views.items()}
            if {name: values.shape for name, values in found.items()} != wanted:
                raise ValueError(sentence(f"the parameters in {self.path}", f"the network's, {wanted}", list(found)))
            for name, values in found.items():
                check_finite(f"{name} in {self.path}", values, network.dtype)
            for name, values in views.items():
                values[...] = found[name]
            return network
        if self.best_params is None or self.best_params.shape != network.params.shape:
            rule = "those of a fit of this network"
            raise ValueError(sentence("the checkpoint's parameters", rule, self.best_params, "Fit with it first."))
        network.params[:] = self.best_params
        return network


def _parameters(network: Any) -> dict[str, Any]:
    """Return the network's parameters as views, under their names in files."""
    from neural.model_file import named

    return named(network, network.params)


def _read(path: str) -> dict[str, np.ndarray]:
    from zipfile import BadZipFile

    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: numbers(name, file[name]) for name in file.files}
    except (ValueError, TypeError, EOFError, AttributeError, BadZipFile) as error:
        raise ModelFileError(f"{path} is no .npz file of parameters: {error}") from None


class Progress(Callback):
    """Prints ``Epoch 11-500 =========> cost: 0.7316`` every tenth epoch and at the last; on a terminal, a live bar.

    In a notebook it is a bar as well, with the curve of the cost.
    """

    numbers_only = True
    WIDTH = 24
    REFRESH = 0.1  # seconds between two drawings of the bar

    def __init__(self, every: int = 10, file: Any = None) -> None:
        self.every = every
        self.file = file

    def on_train_begin(self, training: Any) -> None:
        self.out = sys.stdout if self.file is None else self.file
        self.page = notebook.place() if self.file is None else None
        self.live = self.page is not None or bool(getattr(self.out, "isatty", lambda: False)())
        self.started = self.drawn = time.perf_counter()

    def on_epoch_end(self, training: Any) -> None:
        if self.live:
            return
        if (training.epoch - 1) % self.every == 0 or training.epoch == training.epochs or training.stopped:
            line = f"Epoch {training.epoch}-{training.epochs} =========> cost: {cost_text(training.numbers['loss'])}"
            shown = [name for name in training.names if name not in ALWAYS] if self.every == 1 else []
            print(", ".join([line, *(f"{name}: {cost_text(training.numbers[name])}" for name in shown)]), file=self.out)

    def on_progress(self, training: Any, fraction: float) -> None:
        """Draw the bar, if it is time; ``fraction`` of the whole training is done."""
        now = time.perf_counter()
        if not self.live or (now - self.drawn < self.REFRESH and fraction < 1):
            return
        self.drawn = now
        left = (now - self.started) * (1 - fraction) / max(fraction, 1e-9)
        cost = training.numbers.get("loss", np.nan)
        place = f"Epoch {training.epoch}-{training.epochs}"
        state = f"cost: {cost_text(cost)}, rate {training.rate:.3g}, {left:.0f} s left"
        if self.page is not None:
            bar = f'<progress value="{fraction:.3f}" max="1"></progress>'
            self.page.update(f"<div>{place} {bar} {state}</div>" + notebook.chart({"loss": training.history}))
            return
        filled = int(fraction * self.WIDTH)
        bar = "#" * filled + "." * (self.WIDTH - filled)
        print("\r" + f"{place} [{bar}] {state}".ljust(90), end="", file=self.out, flush=True)

    def on_train_end(self, training: Any) -> None:
        if self.live:
            self.drawn = 0.0
            self.on_progress(training, 1.0 if training.error is None else training.fraction)
            if self.page is None:
                print(file=self.out)
        if training.stopped:
            print(f"Stopped after epoch {training.epoch}: {training.stopped}.", file=self.out)


class Cancelled(Callback):
    """Ends a fit after its epoch once ``told`` is set: it is one of many, which are all to end."""

    numbers_only = True

    def __init__(self, told: threading.Event) -> None:
        self.told = told

    def on_epoch_end(self, training: Any) -> None:
        if self.told.is_set():
            training.interrupt("cancelled")


def resolve(callbacks: Any, callback: Any = None) -> list[Any]:
    """Return the callbacks as objects; classes are made into objects, functions called at the end of each epoch."""
    if callable(callbacks) or any(hasattr(callbacks, hook) for hook in HOOKS):
        callbacks = (callbacks,)
    if isinstance(callbacks, str) or not isinstance(callbacks, Iterable | None):
        raise TypeError(sentence("callbacks", "a callback, or a list of them", callbacks))
    return [_one(item) for item in (*(callbacks or ()), *(() if callback is None else (callback,)))]


def _one(item: Any) -> Any:
    if isinstance(item, type) and any(hasattr(item, hook) for hook in HOOKS):
        item = item()
    if any(callable(getattr(item, hook, None)) for hook in HOOKS):
        return item
    if callable(item) and not isinstance(item, type):
        return EachEpoch(item)
    raise TypeError(sentence("callback", f"a function (true, predicted, loss, epoch) or have one of {HOOKS}", item))
