"""Estimators for tables: what they learn, what they keep, what they refuse."""

import copy
import pickle

import numpy as np
import pandas
import polars
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import estimator_checks_generator

import neural
from neural import TabularClassifier, TabularRegressor

RNG = np.random.default_rng(0)


def mixed(n=240, seed=0):
    """A table of two numbers with values missing and two categories, one of many levels."""
    rng = np.random.default_rng(seed)
    table = pandas.DataFrame(
        {
            "size": rng.lognormal(3, 1, n),
            "age": np.where(rng.random(n) < 0.2, np.nan, rng.normal(40, 9, n)),
            "heating": rng.choice(["gas", "oil", "wood"], n),
            "place": rng.choice([f"p{k}" for k in range(12)], n),
        }
    )
    signal = np.log(table["size"]) - 3 + (table["heating"] == "gas") * 1.5 + table["age"].isna() - 0.5
    return table, signal.to_numpy(), np.where(signal > 0.7, "dear", "cheap")


@pytest.fixture(scope="module")
def table():
    return mixed()


@pytest.fixture(scope="module")
def classifier(table):
    X, _, labels = table
    return TabularClassifier("fast", random_state=0).fit(X, labels)


@pytest.fixture(scope="module")
def regressor(table):
    X, values, _ = table
    return TabularRegressor("fast", random_state=0).fit(X, values)


# --- what it learns ------------------------------------------------------------------------------------------------
def test_a_mixed_table_is_learned_as_it_is(classifier, regressor):
    X, values, labels = mixed(seed=1)
    assert classifier.score(X, labels) > 0.85
    assert regressor.score(X, values) > 0.7
    assert classifier.classes_.tolist() == ["cheap", "dear"]
    p = classifier.predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)


def test_real_tables_beat_a_plain_guess_by_far():
    X, y = load_iris(return_X_y=True)
    assert cross_val_score(TabularClassifier("fast", random_state=0), X, y, cv=3).mean() > 0.93
    X, y = load_diabetes(return_X_y=True)
    assert cross_val_score(TabularRegressor("fast", random_state=0), X, y, cv=3).mean() > 0.4


def test_units_change_nothing(table, regressor):
    X, values, _ = table
    moved = X.assign(size=X["size"] * 1e-6, age=X["age"] * 1e5 + 3e6)
    other = TabularRegressor("fast", random_state=0).fit(moved, values * 1e4 - 5)
    np.testing.assert_allclose((other.predict(moved) + 5) / 1e4, regressor.predict(X), atol=0.15)


@pytest.mark.parametrize(("factor", "shift"), [(1e-6, -1e6), (1e6, 1e6), (3e3, 17.0)])
def test_columns_far_from_zero_in_any_unit_give_the_same_predictions(table, regressor, factor, shift):
    X, values, _ = table
    numbers = X[["size", "age"]]
    moved = X.assign(**(factor * (numbers + shift * numbers.std())))
    other = TabularRegressor("fast", random_state=0).fit(moved, values)
    np.testing.assert_allclose(other.predict(moved), regressor.predict(X), atol=1e-4)


def test_what_was_never_seen_is_as_missing(classifier, table):
    X = table[0].head(3)
    new = classifier.predict_proba(X.assign(heating="peat"))
    np.testing.assert_array_equal(new, classifier.predict_proba(X.assign(heating=None)))


def test_numbers_can_be_categories():
    code = np.random.default_rng(0).permutation(8)
    X = np.random.default_rng(1).integers(0, 8, (400, 1)).astype(float)
    model = TabularRegressor("fast", categorical_features=[0], random_state=0).fit(X, code[X[:, 0].astype(int)])
    assert model.score(X, code[X[:, 0].astype(int)]) > 0.95
    assert model.network_.columns_.columns[0].values[0] == "0"


def test_an_array_answers_like_the_frame_it_was_fitted_to(classifier, table):
    X = table[0]
    with pytest.warns(UserWarning, match="feature names"):
        p = classifier.predict_proba(X.to_numpy())
    np.testing.assert_array_equal(p, classifier.predict_proba(X))


@pytest.mark.parametrize("preset", ["default", "best"])
def test_the_presets_are_trained_to_their_end(preset):
    X, y = load_breast_cancer(return_X_y=True)
    model = TabularClassifier(preset, time_limit=1.0, random_state=0).fit(X[:300], y[:300])
    assert model.score(X[300:], y[300:]) > 0.9


def test_the_fast_preset_holds_out_two_of_five_folds(classifier, regressor, table):
    found = {model: [member.kind for member in model._result.members] for model in (classifier, regressor)}
    assert list(found.values()) == [["quick"] * 2, ["quick"] * 2 + ["linear"] * 2]
    for model in found:
        held = np.concatenate([member.held_out for member in model._result.members[:2]])
        assert len(np.unique(held)) == len(held) == len(model._result.targets) == 2 * len(table[0]) // 5


# --- promises ------------------------------------------------------------------------------------------------------
def test_the_same_seed_gives_the_same_bits_whatever_the_threads(table, regressor):
    X, values, _ = table
    again = TabularRegressor("fast", random_state=0, n_threads=1).fit(X, values)
    np.testing.assert_array_equal(again.predict(X), regressor.predict(X))
    other = TabularRegressor("fast", random_state=1).fit(X, values)
    assert (other.predict(X) != regressor.predict(X)).any()


def test_the_one_network_says_what_its_members_say_together(table, regressor):
    X = table[0]
    found = regressor._result
    rows = regressor._scaled.scaled(regressor.rows(X))
    each = [member.weight * member.network.predict(rows)[:, 0] for member in found.members]
    expected = np.sum(each, axis=0) * found.spread + found.centre
    np.testing.assert_allclose(regressor.predict(X), expected, rtol=1e-4, atol=1e-4)


def test_sets_and_intervals_hold_what_they_promise(classifier, regressor):
    X, values, labels = mixed(600, seed=2)
    inside = regressor.predict_interval(X, 0.9)
    assert 0.8 < ((inside[:, 0] <= values) & (values <= inside[:, 1])).mean() <= 1
    sets = classifier.predict_set(X, 0.9)
    codes = np.searchsorted(classifier.classes_, labels)
    assert 0.8 < sets[np.arange(len(codes)), codes].mean() <= 1


def test_too_few_rows_promise_nothing():
    X = np.arange(6.0)[:, None]
    assert np.isinf(TabularRegressor("fast", random_state=0).fit(X, X[:, 0]).predict_interval(X)).all()
    assert TabularClassifier("fast", random_state=0).fit(X, X[:, 0] > 2).predict_set(X).all()


@pytest.mark.parametrize(("factor", "level"), [(1e-300, 0), (1e-40, 0), (1e40, 0), (1, 1e8), (1e-3, -1.7e9)])
def test_values_may_be_of_any_unit(factor, level, regressor, table):
    """Moments as seconds since 1970 differ by less than float32 tells apart at their size."""
    X, values, _ = table
    found = TabularRegressor("fast", random_state=0).fit(X, values * factor + level).predict(X)
    np.testing.assert_allclose((found - level) / factor, regressor.predict(X), rtol=0, atol=5e-3)


def test_probabilities_are_calibrated(classifier):
    X, _, labels = mixed(1500, seed=3)
    assert neural.metrics.expected_calibration_error(labels, classifier.predict_proba(X)) < 0.06


@pytest.mark.parametrize(("factor", "level"), [(1e-99, 0), (1e-40, 0), (1e40, 0), (1e90, 1e99)])
def test_columns_may_be_of_any_unit(factor, level):
    rows = np.random.default_rng(0).normal(size=(100, 2))
    found, expected = (
        TabularRegressor("fast", random_state=0).fit(each, rows[:, 0]).predict(each)
        for each in (rows * factor + level, rows)
    )
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3)


def test_columns_that_say_nothing_leave_the_mean():
    for nothing in (np.nan, 7.0):
        rows = np.full((60, 2), nothing)
        assert np.ptp(TabularRegressor("fast", random_state=0).fit(rows, np.arange(60.0)).predict(rows)) == 0


def test_what_is_masked_is_missing():
    rows = np.ma.masked_less(np.random.default_rng(0).normal(size=(60, 2)), -1)
    y = rows.data[:, 0]
    models = [TabularRegressor("fast", random_state=0).fit(X, y) for X in (rows, rows.filled(np.nan))]
    found = [model.predict(X) for X in (rows, rows.filled(np.nan)) for model in models]
    for each in found:
        np.testing.assert_array_equal(each, found[0])


# --- what travels --------------------------------------------------------------------------------------------------
def test_a_file_holds_the_whole_of_it(classifier, table, tmp_path):
    X = table[0]
    classifier.network_.save(tmp_path / "m.safetensors")
    loaded = neural.load(tmp_path / "m.safetensors")
    rows = loaded.columns_.encode(X).rows
    np.testing.assert_array_equal(loaded.predict(rows), classifier.network_.predict(classifier.rows(X)))
    np.testing.assert_allclose(loaded.predict(rows), classifier.predict_proba(X), rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(classifier.predict_proba(X).sum(axis=1), 1, rtol=1e-15)
    assert loaded.classes_.tolist() == classifier.classes_.tolist()


@pytest.mark.parametrize("suffix", ["onnx", "c", "py", "mjs"])
def test_every_export_says_the_same(classifier, tmp_path, suffix):
    proof = classifier.network_.export(tmp_path / f"model.{suffix}", X=classifier.network_.columns_.ends)
    assert proof.passed or proof.largest_difference is None


def test_it_is_copied_pickled_and_cloned(classifier, table):
    X = table[0]
    for other in (pickle.loads(pickle.dumps(classifier)), copy.deepcopy(classifier)):
        np.testing.assert_array_equal(other.predict_proba(X), classifier.predict_proba(X))
    assert not hasattr(clone(classifier), "network_")


def test_it_is_explained_by_the_columns_of_the_table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3)) * [1, 100, 1]
    model = TabularRegressor("fast", random_state=0).fit(X, X[:, 1] / 100)
    found = neural.explain(model, X[:20], method="integrated", baseline=X[:1])
    assert found.values.shape == (20, 3)
    assert np.abs(found.values).mean(axis=0).argmax() == 1


def test_it_stands_in_a_pipeline(table):
    X, values, _ = table
    pipeline = make_pipeline(FunctionTransformer(lambda t: t.drop(columns="place")), TabularRegressor("fast"))
    assert pipeline.fit(X, values).predict(X).shape == (len(X),)


# --- bad input -----------------------------------------------------------------------------------------------------
X, Y, C = RNG.normal(size=(30, 2)), RNG.normal(size=30), np.tile([0, 1], 15)
BAD_FITS = {
    "a preset nobody knows": (TabularClassifier("great"), X, C, "preset"),
    "no time": (TabularRegressor(time_limit=0), X, Y, "time_limit"),
    "no threads": (TabularRegressor(n_threads=0), X, Y, "n_threads"),
    "infinity": (TabularRegressor(), np.where(X > 1, np.inf, X), Y, "infinity"),
    "no rows": (TabularRegressor(), X[:0], Y[:0], "0 sample"),
    "no columns": (TabularRegressor(), X[:, :0], Y, "0 feature"),
    "one class": (
        TabularClassifier(),
        X,
        C * 0,
        "y must be of two classes at least. Got one class, 0. Is it the right",
    ),
    "one text": (TabularClassifier(), X, np.full(30, "a"), "Got one class, 'a'. Is it the right column"),
    "values for classes": (TabularClassifier(), X, Y, "label type|continuous"),
    "labels missing": (
        TabularClassifier(),
        X,
        np.where(C, 1, np.nan),
        "y must be labels, none missing. Got none in 15",
    ),
    "labels masked": (TabularClassifier(), X, np.ma.masked_where(Y > 1, C), "y must be labels, none missing. Got none"),
    "no targets": (TabularRegressor(), X, 3, "y must be targets, one for each row. Got 3"),
    "a generator": (TabularClassifier(), X, (k % 2 for k in range(30)), "y must be targets, one for each row"),
    "sparse values": (TabularRegressor(), X, sparse.csr_matrix(Y[:, None]), "y must be an array, not sparse"),
    "a table that is not read": (TabularRegressor(), polars.DataFrame(X).lazy(), Y, "Call its method collect first"),
    "a value missing": (
        TabularRegressor(),
        X,
        [*Y[:7], np.nan, *Y[8:]],
        "y must be finite numbers, none missing. Got none in 1 row, the first of them row 7. Leave such rows out.",
    ),
    "a value masked": (TabularRegressor(), X, np.ma.masked_less(Y, np.sort(Y)[2]), "Got none in 2 rows"),
    "no value": (TabularRegressor(), X, pandas.Series([*Y[:-1], None], dtype="Float64"), "the first of them row 29"),
    "an infinite value": (TabularRegressor(), X, [*Y[:-1], np.inf], "y must be finite and .* Got inf. See row 29"),
    "too large a value": (TabularRegressor(), X, Y * 1e150, "y must be finite and at most 1e.100 in size"),
    "a text among values": (
        TabularRegressor(),
        X,
        [*Y[:4], "a", *Y[5:]],
        "y must be numbers. Got 'a'. See row 4. For la",
    ),
    "texts as values": (TabularRegressor(), X, C.astype(str).astype("<U3") + "a", "y must be numbers"),
    "dates as values": (
        TabularRegressor(),
        X,
        np.full(30, "2026", "M8[ns]"),
        "y must be numbers.*Of dates give numbers",
    ),
    "complex values": (TabularRegressor(), X, Y * 1j, "y must be numbers"),
    "lists as values": (TabularRegressor(), X, [[1], *Y[1:]], r"y must be numbers. Got \[1\]. See row 0"),
    "rows that differ": (TabularRegressor(), X, Y[:-1], "inconsistent"),
    "one dimension": (TabularRegressor(), X[:, 0], Y, "2D"),
    "a column that is not there": (TabularRegressor(categorical_features=["z"]), X, Y, "categorical_features"),
    "dates": (TabularRegressor(), pandas.DataFrame({"d": pandas.date_range("2026", periods=30)}), Y, "d.*dates"),
}


@pytest.mark.parametrize("name", BAD_FITS)
def test_a_bad_fit_is_refused_and_leaves_nothing(name):
    model, rows, targets, message = BAD_FITS[name]
    model = clone(model)
    with pytest.raises((ValueError, TypeError), match=message):
        model.fit(rows, targets)
    assert not hasattr(model, "network_")


def test_a_bad_table_to_predict_is_refused(classifier, table):
    X = table[0]
    with pytest.raises(ValueError, match="feature names"):
        classifier.predict(X.rename(columns={"age": "years"}))
    with pytest.raises(ValueError, match="age"):
        classifier.predict(X.assign(age="old"))
    with pytest.raises(ValueError, match=r"size.*finite"):
        classifier.predict(X.assign(size=np.inf))
    with pytest.raises(ValueError, match="level"):
        classifier.predict_set(X, 1.5)


# Not to be had: rows that are repeated lie in several folds, drawn by their place. What holds instead is in
# test_tabular_weights.py.
NOT_ASKED = "check_sample_weight_equivalence_on_dense_data"
ESTIMATORS = TabularClassifier("fast"), TabularRegressor("fast")
CHECKS = [pair for estimator in ESTIMATORS for pair in estimator_checks_generator(estimator)]


@pytest.mark.parametrize(
    ("estimator", "check"),
    [pair for pair in CHECKS if pair[1].func.__name__ != NOT_ASKED],
    ids=lambda part: getattr(part, "func", type(part)).__name__,
)
def test_checks_of_scikit_learn(estimator, check):
    check(clone(estimator))


def test_all_checks_but_one_are_asked():
    assert [check.func.__name__ for _, check in CHECKS].count(NOT_ASKED) == 2
    assert len(CHECKS) > 110
