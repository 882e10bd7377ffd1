"""What changes nothing: other names of labels, columns and rows in another order, a row twice instead of weight 2."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neural import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
CLOSE = {"rtol": 1e-7, "atol": 1e-9}
SEEDS = st.integers(0, 2**16)
KINDS = st.sampled_from((MLPClassifier, MLPRegressor))
SOLVERS = st.sampled_from(({}, {"solver": "sgd", "learning_rate_init": 0.05}, {"activation": "tanh", "alpha": 0.5}))
quick = settings(derandomize=True, deadline=None, max_examples=15)


def drawn(seed):
    """Return rows, classes of them and a generator."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((24, 4))
    return X, np.concatenate([np.arange(3), rng.integers(0, 3, 21)]), rng


def network(kind=MLPClassifier, **arguments):
    return kind(**{"hidden_layer_sizes": 5, "max_iter": 6, "random_state": 0, **arguments})


def fitted_from(X, y, coefs, intercepts, **arguments):
    """Return a network fitted from these weights on."""
    found = network(**{**arguments, "warm_start": True, "max_iter": 1, "learning_rate_init": 1e-300}).fit(X, y)
    found.coefs_, found.intercepts_ = coefs, intercepts
    return found.set_params(**{"max_iter": 6, "learning_rate_init": 0.01, **arguments}).fit(X, y)


@quick
@given(SEEDS, SOLVERS)
def test_names_of_labels(seed, more):
    X, y, _ = drawn(seed)
    by_number = network(**more).fit(X, y)
    for names in (
        np.array(["a", "b", "c"]),
        np.array(["a", "b", "c"], dtype=object),
        np.array([-7, 0, 40]),
        np.array([0.0, 1.0, 2.0]),
    ):
        by_name = network(**more).fit(X, names[y])
        np.testing.assert_array_equal(by_name.predict_proba(X), by_number.predict_proba(X))
        np.testing.assert_array_equal(by_name.predict(X), names[by_number.predict(X)])


@quick
@given(SEEDS, SOLVERS)
def test_the_order_of_classes(seed, more):
    X, y, rng = drawn(seed)
    start, places = network().fit(X, y), rng.permutation(3)  # class k is called places[k]
    columns = np.argsort(places)
    one = fitted_from(X, y, [c.copy() for c in start.coefs_], [b.copy() for b in start.intercepts_], **more)
    other = fitted_from(
        X,
        places[y],
        [start.coefs_[0], start.coefs_[1][:, columns]],
        [start.intercepts_[0], start.intercepts_[1][columns]],
        **more,
    )
    np.testing.assert_allclose(other.predict_proba(X)[:, places], one.predict_proba(X), **CLOSE)


@quick
@given(SEEDS, SOLVERS)
def test_the_order_of_features(seed, more):
    X, y, rng = drawn(seed)
    start, columns = network().fit(X, y), rng.permutation(4)
    one = fitted_from(X, y, [c.copy() for c in start.coefs_], start.intercepts_, **more)
    other = fitted_from(X[:, columns], y, [start.coefs_[0][columns], start.coefs_[1]], start.intercepts_, **more)
    np.testing.assert_allclose(other.predict_proba(X[:, columns]), one.predict_proba(X), **CLOSE)


@quick
@given(SEEDS, KINDS, SOLVERS)
def test_the_order_of_rows_in_one_batch(seed, kind, more):
    X, y, rng = drawn(seed)
    order = rng.permutation(24)
    one, other = network(kind, **more).fit(X, y), network(kind, **more).fit(X[order], y[order])
    np.testing.assert_allclose(other._outputs(X), one._outputs(X), **CLOSE)


@quick
@given(SEEDS, KINDS, SOLVERS)
def test_a_row_twice_is_weight_two_and_weight_nothing_is_no_row(seed, kind, more):
    X, y, rng = drawn(seed)
    weights = np.concatenate([np.ones(3, int), rng.integers(0, 4, 21)])
    one = network(kind, **more).fit(X, y, sample_weight=weights)
    other = network(kind, **more).fit(X.repeat(weights, axis=0), y.repeat(weights))
    np.testing.assert_allclose(other._outputs(X), one._outputs(X), **CLOSE)


@quick
@given(SEEDS, KINDS, st.floats(0.01, 100))
def test_the_scale_of_weights_is_that_of_the_penalty_alone(seed, kind, scale):
    X, y, rng = drawn(seed)
    weights = rng.uniform(0.5, 2, 24)
    one = network(kind, alpha=0.1).fit(X, y, sample_weight=weights)
    other = network(kind, alpha=0.1 * scale).fit(X, y, sample_weight=scale * weights)
    np.testing.assert_allclose(other._outputs(X), one._outputs(X), rtol=1e-5, atol=1e-7)
