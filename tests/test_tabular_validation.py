"""Rows of one's own to validate on, in the estimators for tables: they take the place of the folds."""

import copy
import dataclasses
import pickle

import numpy as np
import pandas
import pytest
import sklearn
from sklearn.pipeline import make_pipeline

from neural import TabularClassifier, TabularRegressor, tabular_training
from neural.tabular_columns import learned

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 3)) * [1, 100, 1e-3]
Y = X[:, 0] + X[:, 1] / 100 + RNG.normal(size=90) * 0.3
LABELS = np.where(Y > 0.8, "high", np.where(Y > -0.5, "mid", "low"))
OURS, THEIRS = slice(0, 60), slice(60, 90)
KINDS = {TabularClassifier: LABELS, TabularRegressor: Y}
BOTH = pytest.mark.parametrize("kind", KINDS)


def fitted(kind, preset="fast", rows=OURS, held=THEIRS, weights=None, weights_val=None, X=X, fit=None, **settings):
    model, y = kind(preset, random_state=0, **settings), KINDS[kind]
    return model.fit(
        X[rows], y[rows], weights, X_val=X[held], y_val=y[held], sample_weight_val=weights_val, **(fit or {})
    )


def all_said(model, rows=X):
    """All that a model says of rows: predictions, then sets or intervals."""
    if isinstance(model, TabularRegressor):
        return np.column_stack([model.predict(rows), model.predict_interval(rows, 0.7)])
    return np.column_stack([model.predict_proba(rows), model.predict_set(rows, 0.7)])


@BOTH
@pytest.mark.parametrize(("preset", "networks"), [("fast", 1), ("default", 3), ("best", 8)])
def test_each_kind_is_trained_on_all_rows_and_judged_by_those_given(kind, preset, networks, monkeypatch):
    kinds = {name: dataclasses.replace(found, steps=10, epochs=(3, 3))
             for name, found in tabular_training.KINDS.items()}  # fmt: skip
    monkeypatch.setattr(tabular_training, "KINDS", kinds)
    found = fitted(kind, preset)._result
    solved = len(tabular_training.PRESETS[preset].solved) if kind is TabularRegressor else 0
    assert len(found.members) == networks + solved
    for member in found.members:
        assert member.held_out.tolist() == list(range(60, 90))
    assert found.held_out.tolist() == [False] * 60 + [True] * 30
    assert len(found.outputs) == 30


def test_columns_and_the_unit_of_values_are_learned_from_the_others():
    model, far = fitted(TabularRegressor), X.copy()
    far[THEIRS] += 1000
    other = fitted(TabularRegressor, X=far)
    alone = learned({f"x{k}": X[OURS, k] for k in range(3)}, (), "target", "values")
    for each in (model, other):
        np.testing.assert_array_equal(each._scaled.centre, alone.centre)
        np.testing.assert_array_equal(each._scaled.factor, alone.factor)
        assert each._result.centre == Y[OURS].mean()
        assert each._result.spread == Y[OURS].std()


def test_the_rows_given_choose_when_to_stop_and_size_the_intervals():
    x = np.random.default_rng(1).normal(size=(400, 1))
    y, wild = x[:, 0] + 0.05 * np.random.default_rng(2).normal(size=400), np.random.default_rng(3).normal(size=400)
    width = []
    for y_val in (y[300:], y[300:] + wild[300:]):
        model = TabularRegressor("fast", random_state=0).fit(x[:300], y[:300], X_val=x[300:], y_val=y_val)
        inside = model.predict_interval(x[300:], 0.8)
        assert ((inside[:, 0] <= y_val) & (y_val <= inside[:, 1])).mean() == pytest.approx(0.81, abs=0.011)
        width.append(np.diff(inside, axis=1).mean())
    assert width[1] > 5 * width[0]


@BOTH
def test_weights_of_both(kind):
    ours, theirs = RNG.integers(1, 4, 60), RNG.integers(0, 3, 30)
    found = all_said(fitted(kind, weights=ours, weights_val=theirs))
    kept = np.flatnonzero(theirs > 0)
    without = fitted(kind, held=kept + 60, weights=ours, weights_val=theirs[kept])
    np.testing.assert_array_equal(found, all_said(without))
    assert np.abs(found - all_said(fitted(kind, weights=ours))).max() > 1e-3
    assert np.abs(found - all_said(fitted(kind, weights_val=theirs))).max() > 1e-3
    plain = all_said(fitted(kind, weights=np.full(60, 0.2), weights_val=np.full(30, 3e-4)))
    np.testing.assert_array_equal(plain, all_said(fitted(kind)))


def test_shares_of_one_do_not_make_a_row_many():
    weights = RNG.exponential(size=60)
    models = [fitted(TabularRegressor, weights=weights * scale) for scale in (1 / weights.mean(), 1e-6)]
    np.testing.assert_allclose(*(model.predict_interval(X, 0.9) for model in models), atol=1e-3)


def test_a_class_that_weighs_nothing_is_left_out_of_both():
    rows, held = (np.arange(90)[part][LABELS[part] != "mid"] for part in (OURS, THEIRS))
    found = fitted(TabularClassifier, class_weight={"mid": 0})
    np.testing.assert_array_equal(all_said(found), all_said(fitted(TabularClassifier, rows=rows, held=held)))
    only = np.flatnonzero(LABELS == "mid")[-5:]
    with pytest.raises(ValueError, match="class_weight must be above 0 for a class in y_val"):
        fitted(TabularClassifier, rows=np.arange(80), held=only, class_weight={"mid": 0})


@BOTH
def test_frames_with_categories_and_values_missing_or_new_among_the_rows_given(kind):
    table = pandas.DataFrame(X, columns=["a", "b", "c"]).assign(place=np.where(X[:, 0] > 0, "x", "y"))
    late = table[THEIRS].assign(a=np.nan, place=[None, "new"] * 15)
    model = kind("fast", random_state=0)
    model.fit(table[OURS], KINDS[kind][OURS], X_val=late, y_val=KINDS[kind][THEIRS])
    assert np.isfinite(all_said(model, table)).all()
    assert [column.name for column in model._scaled.columns.columns] == ["a", "b", "c", "place"]
    assert model._scaled.columns.columns[3].values == ("x", "y")


@BOTH
def test_a_fit_with_rows_given_goes_on_and_is_told_from_others(kind, tmp_path):
    expected, run = fitted(kind), tmp_path / "run"
    fitted(kind, time_limit=1e-9, fit={"checkpoint": run})
    found = fitted(kind, fit={"checkpoint": run, "resume": True})
    for model in (found, pickle.loads(pickle.dumps(found)), copy.deepcopy(found), fitted(kind, n_threads=1)):
        np.testing.assert_array_equal(all_said(model), all_said(expected))
    with pytest.raises(ValueError, match=r"the number of rows to validate on must be .* 30. Got 0"):
        kind("fast", random_state=0).fit(X, KINDS[kind], checkpoint=run, resume=True)


def test_rows_are_routed_by_pipelines():
    with sklearn.config_context(enable_metadata_routing=True):
        model = TabularRegressor("fast", random_state=0).set_fit_request(X_val=True, y_val=True)
        found = make_pipeline(model).fit(X[OURS], Y[OURS], X_val=X[THEIRS], y_val=Y[THEIRS])
    np.testing.assert_array_equal(found.predict(X), fitted(TabularRegressor).predict(X))


BAD = {
    "rows alone": ({"X_val": X}, "X_val and y_val must be given both"),
    "targets alone": ({"y_val": Y}, "X_val and y_val must be given both"),
    "weights alone": ({"sample_weight_val": Y}, "X_val and y_val must be given both"),
    "other columns": ({"X_val": X[:, :2], "y_val": Y}, "^X_val, y_val: X has 2 features"),
    "fewer targets": ({"X_val": X, "y_val": Y[:5]}, "^X_val, y_val: .*inconsistent"),
    "no rows": ({"X_val": X[:0], "y_val": Y[:0]}, "^X_val, y_val: .*0 sample"),
    "a target missing": ({"X_val": X[:2], "y_val": [1, np.nan]}, "^X_val, y_val: y must be finite numbers, none miss"),
    "texts": ({"X_val": np.full((2, 3), "a", object), "y_val": Y[:2]}, "^X_val, y_val: the column x0 must be of numb"),
    "weights far apart": (
        {"sample_weight": np.full(90, 1e90), "X_val": X, "y_val": Y},
        "^X_val, y_val: sample_weight, then sample_weight_val, must be at most 1e.30 times",
    ),
    "all weigh 0": ({"X_val": X, "y_val": Y, "sample_weight_val": Y * 0}, "^X_val, y_val: sample_weight must be above"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_rows_are_refused_and_leave_nothing(name, tmp_path):
    settings, message = BAD[name]
    model = TabularRegressor("fast")
    with pytest.raises(ValueError, match=message):
        model.fit(X, Y, **settings, checkpoint=tmp_path / "run")
    assert not hasattr(model, "network_")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("label", ["none such, and long", 3])
def test_a_class_that_was_not_trained_on_is_refused(label):
    message = f"^X_val, y_val: y must be of the classes that are trained on. Got {label!r}"
    with pytest.raises(ValueError, match=message):
        TabularClassifier("fast").fit(X, LABELS, X_val=X[:2], y_val=[label, label])
