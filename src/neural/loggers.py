"""Callbacks that write each epoch's numbers down: CSV, JSON Lines, TensorBoard, MLflow.

Epochs are counted over the life of the network, so a second fit goes on in the file where the first one ended. Short
epochs may come in bursts of up to a quarter of a second, as the core may run several of them at once.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
from typing import Any

from neural import atomic
from neural.callbacks import Callback
from neural.errors import sentence


class _Lines(Callback):
    """The root of files of lines: a line is one write, without a buffer, so a run that is killed leaves whole lines."""

    numbers_only = True

    def __init__(self, path: Any, *, append: bool = False) -> None:
        self.path, self.append = atomic.place_of("path", path), append
        self._place: tuple[int, int] | None = None  # where the last fit ended

    def check(self, names: list[str]) -> None:
        if not os.path.isdir(os.path.dirname(self.path) or "."):
            raise ValueError(sentence("path", "a file in a folder that is there", self.path))

    def on_train_begin(self, training: Any) -> None:
        goes_on = self.append or self._place == training.place or training.resumed
        begun = goes_on and os.path.exists(self.path) and os.path.getsize(self.path) > 0
        if begun:
            self._check_begun(training.names)
        with open(self.path, "ab" if begun else "wb"):  # as it is, or empty
            pass
        if not begun:
            self._begin(training.names)

    def on_train_end(self, training: Any) -> None:
        self._place = training.place

    def state(self) -> dict[str, Any]:
        return {"size": os.path.getsize(self.path)}

    def restore_state(self, state: dict[str, Any]) -> None:
        if os.path.getsize(self.path) > state["size"]:  # epochs that come again
            os.truncate(self.path, state["size"])

    def _begin(self, names: list[str]) -> None:
        """Write what stands above the epochs."""

    def _check_begun(self, names: list[str]) -> None:
        """Raise ValueError if these names cannot go on in the file."""

    def _write(self, line: str) -> None:
        with open(self.path, "ab", buffering=0) as file:
            file.write(line.encode())


class CSVLogger(_Lines):
    """A row of a CSV file for each epoch: its number, then the history's names, in as many digits as read back equal.

    A file that is there is written anew, but with ``append``, or where the same object goes on with the same network.

    >>> import tempfile, neural
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp(), "run.csv")
    >>> net = neural.NeuralNetwork([neural.DenseLayer(1, 1)], "mse", random_state=0)
    >>> history = net.fit([[0.0], [1.0]], [0.0, 1.0], epochs=3, callbacks=CSVLogger(path), verbose=0)
    >>> rows = path.read_text().splitlines()
    >>> rows[0], float(rows[3].split(",")[1]) == history[2]
    ('epoch,loss,data_loss,penalty,learning_rate,seconds', True)
    """

    def on_epoch_end(self, training: Any) -> None:
        values = [training.numbers[name] for name in training.names]
        self._write(_row([training.before + training.epoch, *values]))

    def _begin(self, names: list[str]) -> None:
        self._write(_row(["epoch", *names]))

    def _check_begun(self, names: list[str]) -> None:
        with open(self.path, newline="", encoding="utf-8") as file:
            first = next(csv.reader(file), [])
        if first != ["epoch", *names]:
            raise ValueError(sentence(f"the columns of {self.path}", f"epoch, {', '.join(names)}", ", ".join(first)))


def _row(values: list[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()


class JSONLogger(_Lines):
    """A line of JSON for each epoch, ``{"epoch": 1, "loss": 0.5, ...}``; null for what is not finite.

    A file that is there is written anew, but with ``append``, or where the same object goes on with the same network.

    >>> import tempfile, neural
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp(), "run.jsonl")
    >>> net = neural.NeuralNetwork([neural.DenseLayer(1, 1)], "mse", random_state=0)
    >>> history = net.fit([[0.0], [1.0]], [0.0, 1.0], epochs=3, callbacks=JSONLogger(path), verbose=0)
    >>> [json.loads(line)["loss"] for line in path.read_text().splitlines()] == history
    True
    """

    def on_epoch_end(self, training: Any) -> None:
        numbers = {name: training.numbers[name] for name in training.names}
        finite = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
        self._write(json.dumps({"epoch": training.before + training.epoch, **finite}) + "\n")


class TensorBoardLogger(Callback):
    """A curve in TensorBoard for each of the history's names, written to ``folder`` after each epoch.

    Needs tensorboardX, ``pip install "neural-dense[tensorboard]"``; to look at them, TensorBoard itself.
    """

    numbers_only = True

    def __init__(self, folder: Any) -> None:
        self.folder = atomic.place_of("folder", folder)

    def check(self, names: list[str]) -> None:
        _tensorboard()

    def on_train_begin(self, training: Any) -> None:
        self._writer = _tensorboard().SummaryWriter(self.folder)

    def on_epoch_end(self, training: Any) -> None:
        for name in training.names:
            self._writer.add_scalar(name, training.numbers[name], training.before + training.epoch)
        self._writer.flush()

    def on_train_end(self, training: Any) -> None:
        self._writer.close()
        del self._writer  # it has a thread, and could not be copied


class MLflowLogger(Callback):
    """The history's numbers as metrics of an MLflow run: the one that is active, or else one of its own.

    A run of its own, called ``run_name``, also has the settings of the fit as its parameters, and ends with it:
    FINISHED, KILLED after Ctrl-C, FAILED after any other error. Needs mlflow, ``pip install "neural-dense[mlflow]"``.
    """

    numbers_only = True

    def __init__(self, run_name: str | None = None) -> None:
        self.run_name = run_name

    def check(self, names: list[str]) -> None:
        _mlflow()

    def on_train_begin(self, training: Any) -> None:
        mlflow, settings = _mlflow(), training.settings
        self._own = mlflow.active_run() is None
        if self._own:
            mlflow.start_run(run_name=self.run_name)
            chosen = ("epochs", "learning_rate", "optimizer", "schedule", "time_limit")
            parameters = {name: getattr(settings, name) for name in chosen}
            mlflow.log_params({**parameters, "batch_size": training.batch_size, "seed": training.state.seed})

    def on_epoch_end(self, training: Any) -> None:
        numbers = {name: float(training.numbers[name]) for name in training.names}
        _mlflow().log_metrics(numbers, step=training.before + training.epoch)

    def on_train_end(self, training: Any) -> None:
        if self._own:
            killed = isinstance(training.error, KeyboardInterrupt)
            _mlflow().end_run("FINISHED" if training.error is None else "KILLED" if killed else "FAILED")


def _tensorboard() -> Any:
    try:
        import tensorboardX
    except ImportError as error:
        raise ImportError('TensorBoardLogger needs tensorboardX: pip install "neural-dense[tensorboard]"') from error
    return tensorboardX


def _mlflow() -> Any:
    try:
        import mlflow
    except ImportError as error:
        raise ImportError('MLflowLogger needs mlflow: pip install "neural-dense[mlflow]"') from error
    return mlflow
