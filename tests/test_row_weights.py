"""Weights of rows: what is said of them is what is said of rows that are repeated."""

import numpy as np
import pytest

from neural import row_weights
from neural.calibration import softmax, temperature_of
from neural.conformal import ConformalIntervals, ConformalSets
from neural.data import by_row
from neural.tabular_columns import edges_of, learned
from neural.tabular_training import selected

RNG = np.random.default_rng(0)
N = 40
COUNTS = RNG.integers(1, 5, N)
VALUES = np.round(RNG.normal(size=N), 1)  # some of them twice
Q = np.linspace(0, 1, 33)


def repeated(values):
    return np.repeat(values, COUNTS, axis=0)


def test_mean_and_deviation_are_those_of_repeated_rows():
    assert row_weights.mean(VALUES, COUNTS) == pytest.approx(repeated(VALUES).mean(), rel=1e-12)
    assert row_weights.deviation(VALUES, COUNTS) == pytest.approx(repeated(VALUES).std(), rel=1e-12)
    assert row_weights.mean(VALUES, None) == VALUES.mean()


def test_quantiles_are_those_of_repeated_rows():
    found = row_weights.quantiles(VALUES, Q, COUNTS.astype(float))
    np.testing.assert_allclose(found, np.quantile(repeated(VALUES), Q), atol=1e-12)


@pytest.mark.parametrize("weight", [1e-3, 0.5, 1.0])
def test_quantiles_of_rows_that_weigh_alike_are_the_plain_ones(weight):
    found = row_weights.quantiles(VALUES, Q, np.full(N, weight))
    np.testing.assert_allclose(found, np.quantile(VALUES, Q), atol=1e-12)


def test_quantiles_do_not_care_for_signs_or_order():
    values, weights, order = RNG.normal(size=N), RNG.exponential(size=N), RNG.permutation(N)
    found = row_weights.quantiles(values, Q, weights)
    np.testing.assert_allclose(found, -row_weights.quantiles(-values, 1 - Q, weights), atol=1e-9)
    np.testing.assert_allclose(found, row_weights.quantiles(values[order], Q, weights[order]), atol=1e-9)
    assert (np.diff(found) >= 0).all()


def test_quantiles_go_where_the_weight_is():
    weights = np.where(np.arange(9) == 7, 1e6, 1e-6)
    np.testing.assert_allclose(row_weights.quantiles(np.arange(9.0), [0.1, 0.5, 0.9], weights), 7)
    assert row_weights.quantiles(np.array([4.0]), [0.0, 0.5, 1.0], np.array([3.0])).tolist() == [4, 4, 4]


def test_columns_are_those_of_repeated_rows():
    arrays = {
        "size": np.where(RNG.random(N) < 0.2, np.nan, VALUES),
        "mostly": np.where(np.arange(N) < 4, 1.0, 0.0),
        "place": np.array([*"abcd" * 9, None, "a", "b", "b"], dtype=object),
    }
    weighted = learned(arrays, (), "y", "values", COUNTS.astype(float))
    plain = learned({name: repeated(values) for name, values in arrays.items()}, (), "y", "values")
    assert weighted.columns.columns[2] == plain.columns.columns[2]
    np.testing.assert_allclose(weighted.centre, plain.centre, atol=1e-12)
    np.testing.assert_allclose(weighted.factor, plain.factor, atol=1e-12)
    assert (learned(arrays, (), "y", "values").factor != plain.factor).any()


def test_the_rarest_values_are_those_of_the_least_weight(monkeypatch):
    monkeypatch.setattr("neural.tabular_columns.MOST_LEVELS", 2)
    arrays = {"place": np.array(["a", "a", "a", "b", "b", "c"], dtype=object)}
    assert learned(arrays, (), "y", "values").columns.columns[0].values == ("a", "b")
    weighted = learned(arrays, (), "y", "values", np.array([1.0, 1, 1, 1, 1, 9]))
    assert weighted.columns.columns[0].values == ("a", "c")


def test_bins_are_those_of_repeated_rows():
    found, expected = edges_of(VALUES[:, None], 8, COUNTS.astype(float)), edges_of(repeated(VALUES)[:, None], 8)
    np.testing.assert_allclose(found[0], expected[0], atol=1e-12)


def test_a_temperature_is_that_of_repeated_rows():
    scores = RNG.normal(size=(N, 3))
    truth = (scores + RNG.normal(size=(N, 3))).argmax(axis=1)
    found = temperature_of(scores, truth, COUNTS)
    assert found == pytest.approx(temperature_of(repeated(scores), repeated(truth)), rel=1e-9)
    assert found != pytest.approx(temperature_of(scores, truth), rel=1e-3)


def test_the_choice_of_models_is_that_of_repeated_rows():
    each = [VALUES[:, None] + RNG.normal(size=(N, 1)) * wild for wild in (0.5, 0.6, 0.9)]
    found = selected(each, VALUES, False, COUNTS)
    assert found == selected([repeated(outputs) for outputs in each], repeated(VALUES), False)
    assert sum(found) == pytest.approx(1)


class Values:
    def predict(self, X):
        return X[:, 0]


class Classes:
    classes_ = np.arange(3)

    def predict_proba(self, X):
        return softmax(X)


MODELS = {ConformalSets: Classes(), ConformalIntervals: Values()}


@pytest.mark.parametrize("level", [0.05, 0.5, 0.8, 0.9, 0.999])
@pytest.mark.parametrize("kind", MODELS)
def test_sets_and_intervals_are_those_of_repeated_rows(kind, level):
    X, scores = RNG.normal(size=(20, 3)), np.abs(VALUES) / 3
    weighted = kind(level).known(MODELS[kind], scores, COUNTS)
    plain = kind(level).known(MODELS[kind], repeated(scores))
    np.testing.assert_array_equal(weighted.predict(X), plain.predict(X))


def test_weights_of_scores_are_forgotten_with_them():
    X, y = RNG.normal(size=(20, 1)), RNG.normal(size=20)
    once = ConformalIntervals(0.8).split(Values(), X, y)
    again = ConformalIntervals(0.8).known(Values(), np.abs(VALUES), COUNTS).split(Values(), X, y)
    np.testing.assert_array_equal(again.predict(X), once.predict(X))


def test_balanced_classes_are_those_of_repeated_rows():
    labels, classes = np.arange(N) % 3 // 2, np.array(["a", "b"])
    found = by_row("balanced", labels, classes, "", COUNTS)
    np.testing.assert_allclose(repeated(found), by_row("balanced", repeated(labels), classes, ""))
    half = by_row("balanced", labels, classes, "", COUNTS * 0.01)  # of less than a row
    np.testing.assert_allclose(half, found)


def test_weights_below_one_on_average_are_made_numbers_of_rows():
    np.testing.assert_allclose(row_weights.as_counts(COUNTS / COUNTS.sum()), COUNTS / COUNTS.mean())
    np.testing.assert_array_equal(row_weights.as_counts(COUNTS), COUNTS)
    assert row_weights.as_counts(np.full(7, 0.3)) is None
    assert row_weights.as_counts(None) is None
