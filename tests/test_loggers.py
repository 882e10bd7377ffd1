"""Loggers: what the history has, line for line; a second fit goes on; a run that is killed leaves whole lines."""

import csv
import json
import os
import pickle
import signal
import subprocess
import sys
import types

import numpy as np
import pytest

from neural import Callback
from neural.loggers import CSVLogger, JSONLogger, MLflowLogger, TensorBoardLogger
from tests.small_network import LABELS, X, fit, network

WATCHED = {"validation_data": (X[:30], LABELS[:30]), "metrics": ["accuracy"]}


def rows_of(path):
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    return [json.loads(line) for line in path.read_text().splitlines()]


KINDS = pytest.mark.parametrize(("kind", "name"), [(CSVLogger, "run.csv"), (JSONLogger, "run.jsonl")])


@KINDS
def test_every_number_of_every_epoch_is_in_the_file(kind, name, tmp_path):
    path = tmp_path / name
    path.write_text("of an older run\n")
    history = fit(network(), 4, callbacks=kind(path), **WATCHED)
    rows = rows_of(path)
    assert [row.pop("epoch") for row in rows] == [1, 2, 3, 4]
    assert {name: [row[name] for row in rows] for name in rows[0]} == history.history
    assert "val_accuracy" in rows[0]


@KINDS
def test_a_second_fit_goes_on_and_that_of_another_network_begins_anew(kind, name, tmp_path):
    once, twice = tmp_path / f"once_{name}", tmp_path / f"twice_{name}"
    fit(network(), 5, callbacks=kind(once))
    net, logger = network(), kind(twice)
    fit(net, 2, callbacks=logger)
    fit(net, 2, callbacks=pickle.loads(pickle.dumps(logger)))
    fit(net, 1, callbacks=kind(twice, append=True))
    assert [{**row, "seconds": 0} for row in rows_of(twice)] == [{**row, "seconds": 0} for row in rows_of(once)]
    fit(network(), 1, callbacks=logger)
    assert len(rows_of(twice)) == 1


def test_other_columns_are_not_appended(tmp_path):
    path, net = tmp_path / "run.csv", network()
    fit(net, 2, callbacks=CSVLogger(path))
    before = path.read_bytes(), net.params.tobytes()
    with pytest.raises(
        ValueError, match=r"the columns of .*run.csv must be epoch, loss, .*accuracy.* Got 'epoch, loss"
    ):
        fit(net, 2, callbacks=CSVLogger(path, append=True), **WATCHED)
    assert (path.read_bytes(), net.params.tobytes()) == before


@KINDS
def test_a_folder_that_is_not_there_is_refused(kind, name, tmp_path):
    with pytest.raises(ValueError, match="path must be a file in a folder that is there"):
        fit(network(), callbacks=kind(tmp_path / "nowhere" / name))


def test_what_is_not_finite_is_null_in_json(tmp_path):
    path = tmp_path / "run.jsonl"
    fit(network(), 1, metrics=[lambda true, predicted: np.inf], callbacks=JSONLogger(path))
    assert rows_of(path)[0]["<lambda>"] is None


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system has no SIGKILL")
@KINDS
def test_a_run_that_is_killed_leaves_whole_lines(kind, name, tmp_path):
    path = tmp_path / name
    code = (
        "import os, signal\nfrom tests.small_network import fit, network\n"
        f"from neural.loggers import {kind.__name__} as Kind\n"
        "end = lambda true, predicted, loss, epoch: os.kill(os.getpid(), signal.SIGKILL) if epoch == 3 else None\n"
        f"fit(network(), 9, callbacks=[Kind({str(path)!r}), end])"
    )
    found = subprocess.run([sys.executable, "-c", code], check=False)
    assert found.returncode == -signal.SIGKILL
    assert path.read_text().endswith("\n")
    assert [row["epoch"] for row in rows_of(path)] == [1, 2, 3]


def test_tensorboard_reads_what_was_written(tmp_path):
    pytest.importorskip("tensorboardX")
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.record_writer import masked_crc32c

    logger = TensorBoardLogger(tmp_path)
    history = fit(network(), 3, callbacks=logger, **WATCHED)
    pickle.dumps(logger)
    (path,) = tmp_path.iterdir()
    found, data = {}, path.read_bytes()
    while data:  # length, its checksum, an event, its checksum
        n = int.from_bytes(data[:8], "little")
        assert int.from_bytes(data[12 + n : 16 + n], "little") == masked_crc32c(data[12 : 12 + n])
        event, data = Event.FromString(data[12 : 12 + n]), data[16 + n :]
        for value in event.summary.value:
            found.setdefault(value.tag, []).append((event.step, value.simple_value))
    assert found.keys() == history.history.keys()
    for name, series in history.history.items():
        assert found[name] == [(epoch, pytest.approx(value, rel=1e-6)) for epoch, value in enumerate(series, 1)]


class FakeMLflow(types.ModuleType):
    """Stands for the module mlflow: the five functions that are called, with the arguments that they take there."""

    def __init__(self, active=None):
        super().__init__("mlflow")
        self.active, self.calls = active, []

    def active_run(self):
        return self.active

    def start_run(self, run_id=None, experiment_id=None, run_name=None):
        self.active = run_name
        self.calls.append(("start", run_name))

    def log_params(self, params):
        self.calls.append(("params", params))

    def log_metrics(self, metrics, step=None):
        self.calls.append((step, metrics))

    def end_run(self, status="FINISHED"):
        self.active = None
        self.calls.append(("end", status))


def test_mlflow_gets_a_run_of_its_own(monkeypatch):
    mlflow = FakeMLflow()
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    history = fit(network(), 2, optimizer="adam", callbacks=MLflowLogger("first"))
    (start, (_, parameters), *epochs, end) = mlflow.calls
    assert (start, end) == (("start", "first"), ("end", "FINISHED"))
    assert (parameters["batch_size"], parameters["epochs"], parameters["learning_rate"]) == (16, 2, 0.1)
    assert "Adam" in str(parameters["optimizer"])
    assert [step for step, _ in epochs] == [1, 2]
    assert [numbers["loss"] for _, numbers in epochs] == history


def test_mlflow_run_that_is_active_is_used_and_left_open(monkeypatch):
    mlflow = FakeMLflow(active="mine")
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    net = network()
    fit(net, 2, callbacks=MLflowLogger())
    fit(net, 1, callbacks=MLflowLogger())
    assert [what for what, _ in mlflow.calls] == [1, 2, 3]
    assert mlflow.active == "mine"


@pytest.mark.parametrize(("error", "status"), [(KeyboardInterrupt, "KILLED"), (ZeroDivisionError, "FAILED")])
def test_mlflow_is_told_how_a_run_ended(monkeypatch, error, status):
    class Raising(Callback):
        def on_epoch_end(self, training):
            raise error

    mlflow = FakeMLflow()
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    with pytest.raises(error):
        fit(network(), 2, callbacks=[MLflowLogger(), Raising()])
    assert mlflow.calls[-1] == ("end", status)


@pytest.mark.parametrize(
    ("logger", "package"), [(TensorBoardLogger("runs"), "tensorboardX"), (MLflowLogger(), "mlflow")]
)
def test_a_package_that_is_missing_is_named_before_anything_happens(logger, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    net = network()
    with pytest.raises(ImportError, match=rf"needs {package}: pip install \"neural-dense\["):
        fit(net, callbacks=logger)
    assert net.params.tobytes() == network().params.tobytes()
    assert not os.path.exists("runs")
