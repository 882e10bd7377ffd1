"""The records' script trains, keeps, combines and tells rightly, on a made-up set. No time and no record is tested."""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))

import fashion_recipes as recipes
import fashion_records as records

from neural.datasets import FASHION_CLASSES, ImageData

OPTIONS = argparse.Namespace(runs=3, threads=2, validate=False, again=False, changed=[])


def images():
    """Return 60 and 30 images, each class with a bright row of its own."""
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 100, (90, 28, 28)).astype(np.uint8), np.arange(90) % 10
    X[np.arange(90), 2 * y + 4] += 120
    X = X.reshape(90, -1)
    return ImageData(X[:60], y[:60], X[60:], y[60:], FASHION_CLASSES, (28, 28))


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Everything that is written goes to a folder, and all recipes are small."""
    small = recipes.Recipe((8,), epochs=60, rate=0.01, batch=10, decay=0.1, smoothing=0.1, flip=True)
    for name in list(recipes.RECIPES):
        monkeypatch.setitem(recipes.RECIPES, name, small)
    monkeypatch.setattr(records, "HELD_OUT", 20)
    monkeypatch.setattr(records, "MEMBERS", 3)
    monkeypatch.setattr(records, "fashion_mnist", lambda **_: images())
    for name, path in {"PAGE": "fashion.md", "RUNS": "fashion.json", "PREDICTIONS": "kept"}.items():
        monkeypatch.setattr(records, name, tmp_path / path)
    return tmp_path


@pytest.fixture
def at_once(place, monkeypatch):
    """Runs are made in this process; their arguments are listed."""
    made = []

    def process(command, **_):
        wanted = json.loads(command[-1])
        made.append((wanted["record"], wanted["seed"]))
        return argparse.Namespace(stdout=json.dumps(records.run(wanted)))

    monkeypatch.setattr(records.subprocess, "run", process)
    monkeypatch.setattr(records, "surroundings", lambda: {"date": "", "machine": "M", "versions": "V"})
    return made


@pytest.mark.parametrize(("validation", "rows"), [(False, 30), (True, 20)])
def test_a_run_is_scored_on_rows_that_were_not_trained_on(place, validation, rows):
    wanted = {"recipe": recipes.RECIPES["time"].plain(), "seed": 0, "threads": 1, "validation": validation}
    answer = records.run(wanted)
    p, mirrored = np.load(records.predictions(wanted))
    assert p.shape == mirrored.shape == (rows, 10)
    y = images().y_train[-20:] if validation else images().y_test
    assert answer["accuracy"] == 100 * np.mean(p.argmax(axis=1) == y) > 80
    assert 0 < answer["training"] < answer["seconds"]


def test_what_is_kept_is_not_run_again(at_once):
    first = records.measure("network", OPTIONS)
    assert at_once == [("network", 0), ("network", 1), ("network", 2)]
    assert records.measure("network", OPTIONS) == first == records.kept()
    assert len(at_once) == 3
    records.measure("network", argparse.Namespace(**vars(OPTIONS) | {"again": True, "runs": 1}))
    assert at_once[3:] == [("network", 0)]
    records.predictions(first[1]).unlink()  # which an ensemble would miss
    records.measure("network", OPTIONS)
    assert at_once[4:] == [("network", 1)]


def test_ensembles_are_of_neighbouring_networks(at_once):
    runs = records.measure("ensemble", argparse.Namespace(**vars(OPTIONS) | {"runs": 4}))
    assert [run["seed"] for run in runs] == [[0, 1, 2], [1, 2, 3], [2, 3, 0], [3, 0, 1]]
    networks = {run["seed"]: run for run in records.kept() if run["record"] == "network"}
    assert records.of_recipe("ensemble", False) == runs
    p = {seed: np.load(records.predictions(run))[0] for seed, run in networks.items()}
    expected = np.argmax(p[1] + p[2] + p[3], axis=1) == images().y_test
    assert runs[1]["accuracy"] == 100 * expected.mean()
    assert runs[1]["seconds"] == pytest.approx(sum(networks[seed]["seconds"] for seed in (1, 2, 3)))


def test_the_page_has_all_records_and_says_what_is_not_met(at_once):
    for name in records.GOALS:
        records.measure(name, OPTIONS)
    records.measure("time", argparse.Namespace(**vars(OPTIONS) | {"validate": True}))
    records.publish()
    page = records.PAGE.read_text()
    test, validation = page.split("**On 10,000 training rows")
    for name, (seconds, goal) in records.GOALS.items():
        assert f"| {name} " in test
        assert f"{goal:g} % in {seconds:g} s" in test
    assert "| time " in validation
    assert "| network " not in validation
    slow = [run | {"seconds": 1e6} for run in records.of_recipe("time", False)]
    assert records.summary("time", slow)[-1].endswith("NOT met")


def test_the_age_of_the_process_grows():
    first = records.age()
    sum(range(10**6))
    assert 0 < first <= records.age()


def test_another_recipe_is_kept_apart(at_once):
    (plain,) = records.measure("network", argparse.Namespace(**vars(OPTIONS) | {"runs": 1, "validate": True}))
    changed = [records.change("norm=layer"), records.change("hidden=(4, 4)"), records.change("dropout=0.1")]
    asked = argparse.Namespace(**vars(OPTIONS) | {"runs": 1, "validate": True, "changed": changed})
    (other,) = records.measure("network", asked)
    assert (other["recipe"]["norm"], other["recipe"]["hidden"], other["recipe"]["dropout"]) == ("layer", [4, 4], 0.1)
    assert records.of_recipe("network", True) == [plain]
    assert records.predictions(plain) != records.predictions(other)
    with pytest.raises(argparse.ArgumentTypeError, match="'width=4': a recipe has hidden, epochs"):
        records.change("width=4")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["network", "--with", "epochs=2"], "--with is for time and network"),
        (["ensemble", "--validate", "--with", "batch=2"], "--with is for time and network"),
        (["ensemble", "--runs", "2"], f"an ensemble is of {records.MEMBERS} networks"),
        ([], "name a record"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, told, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["fashion_records.py", *arguments])
    with pytest.raises(SystemExit):
        records.main()
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "changes"), [(name, changes) for name, tried in recipes.TRIED.items() for changes in tried]
)
def test_what_was_tried_is_a_network_and_an_option_of_the_command(name, changes):
    recipe = recipes.changed(name, changes)
    assert recipe.network(0).build(784).n_outputs(784) == 10
    told = recipes.changes_of(name, recipe.plain()).split()
    assert recipes.changed(name, dict(records.change(each) for each in told)) == recipe
    assert recipes.Recipe.of(recipe.plain()) == recipe


def test_all_recipes_are_tried_once(at_once, monkeypatch):
    monkeypatch.setitem(recipes.TRIED, "time", [{}, {"mix": 0.5}])
    monkeypatch.setitem(recipes.TRIED, "network", [{"dropout": 0.1}])
    for _ in range(2):
        monkeypatch.setattr(sys, "argv", ["fashion_records.py", "--try", "--publish"])
        records.main()
    assert at_once == [("time", 0), ("time", 0), ("network", 0)]
    assert all(run["validation"] for run in records.kept())
    assert "| network | `--with dropout=0.1` |" in records.PAGE.read_text()
    assert "| as chosen " in records.PAGE.read_text()


def test_rows_are_mixed_with_the_next_and_so_are_their_targets():
    X, y = np.repeat(np.arange(10, dtype=np.uint8)[:, None] * 20, 784, axis=1), np.arange(10)
    batches = recipes.Mixed(X, y, 4, 0.5, None, seed=0)
    assert len(batches) == len(list(batches)) == 3
    x, Y = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    assert Y.shape == (10, 10)
    np.testing.assert_allclose(Y.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(x[:, 0], Y @ (20.0 * y), rtol=1e-5)
    assert np.sort(Y.max(axis=1))[0] >= 0.5
    assert Y.max(axis=1).min() < 0.95
    again = recipes.Mixed(X, y, 4, 0.5, None, seed=0)
    list(again)
    np.testing.assert_array_equal(np.concatenate([mixed for mixed, _ in again]), x)
