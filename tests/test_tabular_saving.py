"""Fits of tables that are stopped, killed or cut by a time limit, and go on to the same bits."""

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from neural import TabularClassifier, TabularRegressor, checkpoints
from neural.errors import ModelFileError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = X[:, 0] + X[:, 1] ** 2
LABELS = np.where(Y > 0.7, "high", "low")


def fitted(**settings):
    return TabularRegressor("fast", random_state=0, n_threads=settings.pop("n_threads", 1)).fit(X, Y, **settings)


@pytest.fixture(scope="module")
def straight():
    return fitted().predict(X)


@pytest.fixture
def folder(tmp_path):
    """The folder of a fit that is done."""
    fitted(checkpoint=tmp_path / "run")
    return tmp_path / "run"


def stop_after(monkeypatch, writes):
    """Have so many states written until Ctrl-C comes."""
    save, left = checkpoints.Saving.save, itertools.count(writes, -1)

    def stopping(*arguments):
        if next(left) == 0:
            raise KeyboardInterrupt
        save(*arguments)

    monkeypatch.setattr(checkpoints.Saving, "save", stopping)


# --- the same bits -------------------------------------------------------------------------------------------------
def test_a_fit_that_is_saved_is_the_fit_that_is_not(straight, tmp_path):
    for n_threads in (1, 2):
        model = fitted(checkpoint=tmp_path / "run", resume=True, n_threads=n_threads)
        np.testing.assert_array_equal(model.predict(X), straight)
    assert sorted(os.listdir(tmp_path / "run")) == [*(f"network-0{k}.run" for k in range(2)), "table.json"]


@pytest.mark.parametrize("writes", [0, 1, 4, 13])
def test_it_goes_on_wherever_it_was_stopped(writes, straight, tmp_path, monkeypatch):
    stopped = 0
    while True:
        with monkeypatch.context() as patch:
            stop_after(patch, writes + stopped)
            try:
                model = fitted(checkpoint=tmp_path / "run", resume=True)
                break
            except KeyboardInterrupt:
                stopped += 1
    assert stopped
    np.testing.assert_array_equal(model.predict(X), straight)


def test_a_second_call_trains_nothing(folder, straight, monkeypatch):
    monkeypatch.setattr("neural.training.Training._run_epoch", lambda self: pytest.fail("it was trained"))
    monkeypatch.setattr("neural.training.Training._run_many", lambda self: pytest.fail("it was trained"))
    np.testing.assert_array_equal(fitted(checkpoint=folder, resume=True).predict(X), straight)


def test_a_time_limit_ends_a_call_and_not_the_fit(straight, tmp_path):
    hasty = TabularRegressor("fast", random_state=0, time_limit=1e-9).fit(X, Y, checkpoint=tmp_path / "run")
    assert (hasty.predict(X) != straight).any()
    np.testing.assert_array_equal(fitted(checkpoint=tmp_path / "run", resume=True).predict(X), straight)


def test_classes_of_the_default_preset_go_on(tmp_path, monkeypatch):
    def fit(**saved):
        return TabularClassifier(random_state=0, n_threads=2).fit(X, LABELS, **saved)

    with monkeypatch.context() as patch:
        stop_after(patch, 40)
        with pytest.raises(KeyboardInterrupt) as found:
            fit(checkpoint=tmp_path / "run")
        assert "resume=True goes on" in found.value.__notes__[0]
    assert 1 < len(os.listdir(tmp_path / "run")) < 16
    np.testing.assert_array_equal(
        fit(checkpoint=tmp_path / "run", resume=True).predict_proba(X), fit().predict_proba(X)
    )


def test_ctrl_c_says_how_to_go_on(tmp_path, monkeypatch):
    def stopped(*given, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("neural.many.wait", stopped)  # where the thread of Ctrl-C is
    with pytest.raises(KeyboardInterrupt) as found:
        fitted(checkpoint=tmp_path / "run")
    said = f"The fit is saved in {str(tmp_path / 'run')!r}: the same call with resume=True goes on from there."
    assert found.value.__notes__ == [said]
    with pytest.raises(KeyboardInterrupt) as found:
        fitted()
    assert not hasattr(found.value, "__notes__")


def test_a_seed_that_was_drawn_is_in_the_folder(tmp_path, monkeypatch):
    first = TabularRegressor("fast").fit(X, Y, checkpoint=tmp_path / "run")
    again = TabularRegressor("fast").fit(X, Y, checkpoint=tmp_path / "run", resume=True)
    np.testing.assert_array_equal(again.predict(X), first.predict(X))


KILLED = """
import sys
from tests.test_tabular_saving import fitted
fitted(checkpoint=sys.argv[1], every=1, resume=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
def test_a_process_that_is_killed_loses_nothing(straight, tmp_path):
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / "run")])
    end = time.monotonic() + 60
    while not (tmp_path / "run/network-00.run").exists() and time.monotonic() < end:
        assert child.poll() is None
        time.sleep(0.002)
    child.kill()
    assert child.wait() == -signal.SIGKILL
    assert not (tmp_path / "run/network-01.run").exists()
    np.testing.assert_array_equal(fitted(checkpoint=tmp_path / "run", every=1, resume=True).predict(X), straight)
    assert not [name for name in os.listdir(tmp_path / "run") if name.endswith(".tmp")]


# --- another fit ---------------------------------------------------------------------------------------------------
FAST = TabularRegressor("fast", random_state=0)
OTHERWISE = {
    "rows": (FAST, X * [1, 3, 1], Y, "data must be as in the fit that goes on. Got other values in 'x1'."),
    "targets": (FAST, X, Y + (np.arange(60) == 7), "Got other targets."),
    "weights": (FAST, X, Y, ". Got other weights of rows, by sample_weight or class_weight.", np.arange(60) + 1),
    "both": (FAST, X * 2, -Y, "Got other values in 'x0', 'x1', 'x2', other targets."),
    "fewer rows": (FAST, X[:50], Y[:50], "the number of rows must be as in the fit that goes on, 60. Got 50."),
    "no column": (FAST, X[:, :2], Y, "Got no 'x2', or one value alone in it."),
    "a column more": (FAST, np.c_[X, Y], Y, "Got 'x3', which was not there."),
    "categories": (
        TabularRegressor("fast", random_state=0, categorical_features=[1]), X, Y, "another kind of values in 'x1'.",
    ),
    "a preset": (TabularRegressor(random_state=0), X, Y, "preset must be as in the fit that goes on, 'fast'. Got 'def"),
    "a seed": (
        TabularRegressor("fast", random_state=1), X, Y,
        "random_state must be as in the fit that goes on, 0. Got 1. To begin anew, set resume=False or name another",
    ),
    "a seed drawn": (
        TabularRegressor("fast", random_state=np.random.RandomState(1)), X, Y, "goes on, 0. Got the seed 1791095845.",
    ),
    "a task": (TabularClassifier("fast", random_state=0), X, LABELS, "the task must be as in the fit that goes on, 'v"),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERWISE)
def test_another_fit_is_refused_and_the_folder_stays(name, folder):
    model, rows, targets, message, *weights = OTHERWISE[name]
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ValueError, match=re.escape(message)):
        model.fit(rows, targets, *weights, checkpoint=folder, resume=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_columns_in_another_order_are_refused(tmp_path):
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(X, columns=["a", "b", "c"])
    FAST.fit(table, Y, checkpoint=tmp_path / "run")
    with pytest.raises(ValueError, match=r"Got the columns in another order\."):
        FAST.fit(table[["b", "a", "c"]], Y, checkpoint=tmp_path / "run", resume=True)


@pytest.mark.parametrize("n", [1, 3, 60])
def test_a_network_of_another_seed_is_refused_however_few_the_rows(n, tmp_path):
    """Of three rows none is held out, so that nothing but the seed tells the networks apart."""
    for seed in range(2):
        TabularRegressor("fast", random_state=seed).fit(X[:n], Y[:n], checkpoint=tmp_path / str(seed))
    (tmp_path / "1/network-00.run").replace(tmp_path / "0/network-00.run")
    with pytest.raises(ValueError, match="must be as in the fit that goes on"):
        FAST.fit(X[:n], Y[:n], checkpoint=tmp_path / "0", resume=True)


def test_another_version_is_refused(folder, monkeypatch):
    monkeypatch.setattr("neural.__version__", "0.0.1")
    with pytest.raises(ValueError, match=r"the version of the package must be .*Got '0\.0\.1'"):
        fitted(checkpoint=folder, resume=True)


def test_without_resume_it_begins_anew_and_leaves_other_files_alone(folder):
    (folder / "network-07.run").write_text("of a fit of more networks")
    (folder / "notes.txt").write_text("mine")
    other = TabularRegressor("fast", random_state=3).fit(X[:40], Y[:40], checkpoint=folder)
    again = TabularRegressor("fast", random_state=3).fit(X[:40], Y[:40], checkpoint=folder, resume=True)
    np.testing.assert_array_equal(again.predict(X), other.predict(X))
    assert (folder / "notes.txt").read_text() == "mine"
    assert not (folder / "network-07.run").exists()


def test_a_refused_fit_leaves_the_model_as_it_was(folder, straight):
    model = fitted()
    with pytest.raises(ValueError, match="the training data"):
        model.fit(X * 2, Y, checkpoint=folder, resume=True)
    np.testing.assert_array_equal(model.predict(X), straight)


# --- bad input -----------------------------------------------------------------------------------------------------
BAD = {
    "no path": ({"checkpoint": 3}, TypeError, "checkpoint"),
    "an empty path": ({"checkpoint": ""}, ValueError, "checkpoint must be a path that is not empty"),
    "a file": ({"checkpoint": __file__}, ValueError, "checkpoint must be a folder"),
    "nowhere": ({"checkpoint": "nowhere/run"}, ValueError, "Make the folder"),
    "part of an epoch": ({"checkpoint": "run", "every": 0.5}, TypeError, "every"),
    "never": ({"checkpoint": "run", "every": 0}, ValueError, "every"),
    "going on from nothing": ({"resume": True}, ValueError, "resume must be False without a checkpoint"),
    "perhaps": ({"checkpoint": "run", "resume": "yes"}, TypeError, "resume"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_saved_is_refused_at_once(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments, error, message = BAD[name]
    with pytest.raises(error, match=message):
        fitted(**arguments)
    assert not os.listdir(tmp_path)


DAMAGE = {
    "nothing": lambda told: "",
    "other text": lambda told: "[]",
    "cut": lambda told: json.dumps(told)[:-9],
    "no seed": lambda told: json.dumps({name: value for name, value in told.items() if name != "the seed"}),
    "no number": lambda told: json.dumps(told | {"the seed": True}),
    "no columns": lambda told: json.dumps(told | {"the columns: name, kind and digest of each": [["x0", 1, "a"]]}),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_folder_is_refused(name, folder):
    place = folder / "table.json"
    place.write_text(DAMAGE[name](json.loads(place.read_text())))
    with pytest.raises(ModelFileError, match=r"table\.json must be of the fit of a table"):
        fitted(checkpoint=folder, resume=True)


def test_a_damaged_network_is_refused(folder):
    with open(folder / "network-01.run", "r+b") as file:
        file.seek(5000)
        file.write(b"mouse")
    with pytest.raises(ModelFileError, match=r"network-01\.run"):
        fitted(checkpoint=folder, resume=True)


def test_what_says_of_which_fit_it_is_can_be_read(folder):
    assert json.loads((folder / "table.json").read_text())["preset"] == "fast"
