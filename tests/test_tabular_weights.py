"""Weights of rows and of classes in the estimators for tables: in all that is trained, chosen, calibrated, promised."""

import copy
import dataclasses
import pickle

import numpy as np
import pandas
import polars
import pytest
import sklearn
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, check_cv, cross_validate
from sklearn.pipeline import make_pipeline

from neural import TabularClassifier, TabularRegressor, tabular_training

RNG = np.random.default_rng(0)
N = 48
X = RNG.normal(size=(N, 3)) * [1, 100, 1e-3]
Y = X[:, 0] + X[:, 1] / 100 + RNG.normal(size=N) * 0.3
LABELS = np.where(Y > 0.8, "high", np.where(Y > -0.5, "mid", "low"))
COUNTS = RNG.integers(1, 4, N)
KINDS = {TabularClassifier: LABELS, TabularRegressor: Y}
BOTH = pytest.mark.parametrize("kind", KINDS)


def fitted(kind, weights=None, rows=slice(None), preset="fast", **settings):
    return kind(preset, random_state=0, **settings).fit(X[rows], KINDS[kind][rows], weights)


def all_said(model, rows=X):
    """All that a model says of rows: predictions, then sets or intervals."""
    if isinstance(model, TabularRegressor):
        return np.column_stack([model.predict(rows), model.predict_interval(rows, 0.7)])
    return np.column_stack([model.predict_proba(rows), model.predict_set(rows, 0.7)])


# --- what is as if rows were repeated --------------------------------------------------------------------------------
@BOTH
def test_a_row_that_weighs_nothing_is_as_one_left_out(kind):
    weights = np.where(np.arange(N) % 4 == 1, 0.0, 1.0)
    np.testing.assert_array_equal(all_said(fitted(kind, weights)), all_said(fitted(kind, rows=weights > 0)))


@BOTH
@pytest.mark.parametrize("weights", [1.0, 0.25])
def test_weights_that_are_all_one_or_less_are_as_none(kind, weights):
    np.testing.assert_array_equal(all_said(fitted(kind, np.full(N, weights))), all_said(fitted(kind)))


@BOTH
@pytest.mark.parametrize("preset", tabular_training.PRESETS)
def test_but_for_folds_and_dropout_a_fit_is_that_of_repeated_rows(kind, preset, monkeypatch):
    repeated = np.repeat(np.arange(N), COUNTS)
    kinds = {
        name: dataclasses.replace(found, dropout=0.0, batch_size=1000, steps=10, epochs=(10, 10))
        for name, found in tabular_training.KINDS.items()
    }
    monkeypatch.setattr(tabular_training, "KINDS", kinds)
    plain = tabular_training.folds

    def folds(targets, count, seed):
        found = plain(KINDS[kind][:N], count, seed)
        return [np.flatnonzero(np.isin(repeated, fold)) if len(targets) > N else fold for fold in found]

    monkeypatch.setattr(tabular_training, "folds", folds)
    weighted, doubled, unweighted = (
        fitted(kind, COUNTS, preset=preset),
        fitted(kind, rows=repeated, preset=preset),
        fitted(kind, preset=preset),
    )
    np.testing.assert_allclose(all_said(weighted), all_said(doubled), atol=2e-3)
    assert np.abs(all_said(unweighted) - all_said(doubled)).max() > 2e-2
    found, expected = weighted._result, doubled._result
    assert found.temperature == pytest.approx(expected.temperature, rel=1e-2)
    assert (found.centre, found.spread) == pytest.approx((expected.centre, expected.spread), rel=1e-9)
    assert [member.weight for member in found.members] == [member.weight for member in expected.members]
    for one, other in zip(found.members, expected.members, strict=True):
        if one.network.history_:
            for name in ("loss", "val_loss"):
                np.testing.assert_allclose(one.network.history_[name], other.network.history_[name], rtol=1e-2)


@BOTH
def test_one_scale_of_weights_below_one_is_as_another(kind):
    weights = RNG.exponential(size=N) / N
    np.testing.assert_allclose(all_said(fitted(kind, weights)), all_said(fitted(kind, weights / 8)), atol=1e-3)


# --- what it is for --------------------------------------------------------------------------------------------------
def contradictory(n=400):
    """Rows of two kinds, mixed, that nothing tells apart but their weights: one kind's y is x, the other's is -x."""
    rng = np.random.default_rng(1)
    x, first = rng.normal(size=(n, 1)), rng.random(n) < 0.5
    return x, np.where(first, x[:, 0], -x[:, 0]), first


@pytest.mark.parametrize("preset", ["fast", "default"])
def test_the_rows_that_weigh_are_those_that_are_learned(preset):
    x, y, first = contradictory(400 if preset == "fast" else 100)
    for chosen in (first, ~first):
        weights = np.where(chosen, 10.0, 0.1)
        model = TabularRegressor(preset, random_state=0).fit(x, y, sample_weight=weights)
        assert model.score(x[chosen], y[chosen]) > 0.9
        assert model.score(x, y, sample_weight=weights) > model.score(x, y)
        labels = np.where(y > 0, "up", "down")
        classifier = TabularClassifier(preset, random_state=0).fit(x, labels, weights)
        assert classifier.score(x[chosen], labels[chosen]) > 0.9
        assert classifier.score(x, labels, weights) > classifier.score(x, labels)


def test_intervals_hold_the_share_of_weight_that_is_promised():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(2000, 1))
    noisy = rng.random(2000) < 0.5
    y = x[:, 0] + rng.normal(size=2000) * np.where(noisy, 1.0, 0.05)
    weights = np.where(noisy, 4.0, 0.5)
    ends = TabularRegressor("fast", random_state=0).fit(x[:1000], y[:1000], weights[:1000]).predict_interval(x, 0.8)
    inside = ((ends[:, 0] < y) & (y < ends[:, 1]))[1000:]
    assert np.average(inside, weights=weights[1000:]) == pytest.approx(0.8, abs=0.05)
    assert inside.mean() > 0.85


# --- weights of classes ----------------------------------------------------------------------------------------------
def rare(n=400):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(n, 2))
    return x, np.where(x[:, 0] + rng.normal(size=n) > 1.8, "yes", "no")


def test_balanced_classes_find_more_of_the_rare_one():
    x, y = rare()
    plain, balanced = (TabularClassifier("fast", class_weight=w, random_state=0).fit(x, y) for w in (None, "balanced"))
    found = [(model.predict(x)[y == "yes"] == "yes").mean() for model in (plain, balanced)]
    assert found[1] > found[0] + 0.2
    assert balanced.predict_proba(x).mean(axis=0)[1] > 2 * plain.predict_proba(x).mean(axis=0)[1]


@pytest.mark.parametrize("class_weight", [{"high": 3, "low": 0.5}, "balanced"])
def test_weights_of_classes_multiply_those_of_rows(class_weight):
    counts = {label: COUNTS[label == LABELS].sum() for label in np.unique(LABELS)}
    each = class_weight if isinstance(class_weight, dict) else {k: sum(COUNTS) / 3 / n for k, n in counts.items()}
    by_class = np.array([each.get(label, 1) for label in LABELS])
    found = fitted(TabularClassifier, COUNTS, class_weight=class_weight).predict_proba(X)
    np.testing.assert_allclose(found, fitted(TabularClassifier, COUNTS * by_class).predict_proba(X), atol=1e-3)


def test_sets_are_about_rows_as_they_come():
    x, y = rare(1500)
    model = TabularClassifier("fast", class_weight={"yes": 30}, random_state=0).fit(x[:750], y[:750])
    codes = np.searchsorted(model.classes_, y[750:])
    assert model.predict_set(x[750:], 0.9)[np.arange(750), codes].mean() == pytest.approx(0.9, abs=0.04)


def test_a_class_that_weighs_nothing_is_left_out():
    found = fitted(TabularClassifier, class_weight={"mid": 0})
    assert found.classes_.tolist() == ["high", "low"]
    np.testing.assert_array_equal(
        found.predict_proba(X), fitted(TabularClassifier, rows=LABELS != "mid").predict_proba(X)
    )
    assert fitted(TabularClassifier, LABELS != "low").classes_.tolist() == ["high", "mid"]


# --- what travels ----------------------------------------------------------------------------------------------------
@BOTH
def test_weights_are_taken_of_any_kind_and_left_alone(kind):
    expected, given = all_said(fitted(kind, COUNTS)), COUNTS.astype(float)
    same = [COUNTS.tolist(), pandas.Series(COUNTS, index=range(100, 100 + N)), polars.Series(COUNTS), given]
    for weights in same:
        np.testing.assert_array_equal(all_said(fitted(kind, weights)), expected)
    np.testing.assert_array_equal(given, COUNTS)


@BOTH
def test_a_weighted_model_is_copied_pickled_and_cloned(kind):
    model = fitted(kind, COUNTS)
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), fitted(kind, COUNTS, n_threads=1)):
        np.testing.assert_array_equal(all_said(other), all_said(model))
    assert not hasattr(clone(model), "network_")
    assert clone(TabularClassifier(class_weight={"a": 2})).class_weight == {"a": 2}


def test_weighted_fits_in_other_processes_give_the_same_bits():
    found = Parallel(2)(delayed(fitted)(kind, COUNTS) for kind in KINDS)
    for model, kind in zip(found, KINDS, strict=True):
        np.testing.assert_array_equal(all_said(model), all_said(fitted(kind, COUNTS)))


@BOTH
def test_weights_are_routed_by_searches_and_pipelines(kind):
    with sklearn.config_context(enable_metadata_routing=True):
        model = kind("fast", random_state=0).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        found = cross_validate(model, X, KINDS[kind], cv=2, params={"sample_weight": COUNTS}, return_estimator=True)
        rows = np.setdiff1d(np.arange(N), held_out_first(kind))
        direct = fitted(kind, COUNTS[rows], rows)
        np.testing.assert_array_equal(all_said(found["estimator"][0]), all_said(direct))
        search = GridSearchCV(model, {"preset": ["fast"]}, cv=2).fit(X, KINDS[kind], sample_weight=COUNTS)
        np.testing.assert_array_equal(all_said(search.best_estimator_), all_said(fitted(kind, COUNTS)))
        pipeline = make_pipeline(model).fit(X, KINDS[kind], sample_weight=COUNTS)
        np.testing.assert_array_equal(pipeline.predict(X), fitted(kind, COUNTS).predict(X))


def held_out_first(kind):
    """Return the rows of the first fold that scikit-learn holds out."""
    return next(check_cv(2, KINDS[kind], classifier=kind is TabularClassifier).split(X, KINDS[kind]))[1]


@BOTH
def test_a_weighted_fit_goes_on_to_the_same_bits(kind, tmp_path):
    kind("fast", random_state=0, time_limit=1e-9).fit(X, KINDS[kind], COUNTS, checkpoint=tmp_path / "run")
    model = kind("fast", random_state=0).fit(X, KINDS[kind], COUNTS, checkpoint=tmp_path / "run", resume=True)
    np.testing.assert_array_equal(all_said(model), all_said(fitted(kind, COUNTS)))


def test_too_few_rows_promise_nothing_with_weights_either():
    rows = np.arange(6.0)[:, None]
    model = TabularRegressor("fast", random_state=0).fit(rows, rows[:, 0], [1, 2, 3, 1, 2, 3])
    assert np.isinf(model.predict_interval(rows)).all()
    assert np.isfinite(model.predict(rows)).all()


def test_weights_far_apart_are_still_told_apart():
    weights = np.where(np.arange(N) == 3, 1e29, 1.0)
    model = fitted(TabularRegressor, weights)
    assert model.predict(X)[3] == pytest.approx(Y[3], abs=0.5)
    assert np.isfinite(all_said(model)[:, 0]).all()


# --- bad input -------------------------------------------------------------------------------------------------------
BAD = {
    "below 0": (
        np.where(np.arange(N) == 5, -2.0, 1),
        ValueError,
        "sample_weight must be at least 0. Got -2.0. See row 5",
    ),
    "nan": (np.where(np.arange(N) == 5, np.nan, 1), ValueError, "sample_weight must be finite. Got nan. See row 5"),
    "infinity": (
        np.where(np.arange(N) == 5, np.inf, 1),
        ValueError,
        "sample_weight must be finite. Got inf. See row 5",
    ),
    "all 0": (np.zeros(N), ValueError, "sample_weight must be above zero for one row at least"),
    "too short": (np.ones(N - 1), ValueError, r"sample_weight must be of shape \(48,\)"),
    "a column": (np.ones((N, 1)), ValueError, r"sample_weight must be of shape \(48,\)"),
    "a number": (1.0, ValueError, r"sample_weight must be of shape \(48,\)"),
    "empty": ([], ValueError, r"sample_weight must be of shape \(48,\)"),
    "text": (["much"] * N, TypeError, "sample_weight must be numbers. Got 'much'"),
    "None among them": ([None] + [1.0] * (N - 1), TypeError, "sample_weight must be"),
    "complex": (np.ones(N) * 1j, (TypeError, ValueError), "sample_weight must be"),
    "too large": (np.full(N, 1e200), ValueError, r"sample_weight must be at most 1e\+100"),
    "too far apart": (np.where(np.arange(N) == 5, 1e-40, 1), ValueError, "Set it to 0 for row 5, or larger"),
}


@BOTH
@pytest.mark.parametrize("name", BAD)
def test_bad_weights_are_refused_and_leave_nothing(kind, name, tmp_path):
    weights, error, message = BAD[name]
    model = kind("fast")
    with pytest.raises(error, match=message):
        model.fit(X, KINDS[kind], weights, checkpoint=tmp_path / "run")
    assert not hasattr(model, "network_")
    assert not (tmp_path / "run").exists()


BAD_CLASSES = {
    "a word": ("even", "class_weight"),
    "a number": (3, "class_weight"),
    "no such class": ({"hihg": 2.0}, "a class in class_weight must be one of 'high', 'low', 'mid'"),
    "below 0": ({"high": -1.0}, "class_weight of 'high' must be a finite number of at least 0"),
    "nan": ({"high": np.nan}, "class_weight of 'high' must be a finite number"),
    "text": ({"high": "much"}, "class_weight of 'high' must be a finite number"),
    "all 0": (dict.fromkeys(["high", "low", "mid"], 0), "class_weight must be above 0 for one row at least"),
    "one left": ({"high": 0, "low": 0}, "y must be of two classes at least. Got one class, .mid.*Rows that weigh 0"),
    "too far apart": ({"high": 1e-40}, "class_weight times sample_weight must be at most"),
}


@pytest.mark.parametrize("name", BAD_CLASSES)
def test_bad_weights_of_classes_are_refused(name):
    class_weight, message = BAD_CLASSES[name]
    with pytest.raises((ValueError, TypeError), match=message):
        fitted(TabularClassifier, class_weight=class_weight)
