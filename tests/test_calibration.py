"""Reliability against plain counts, temperatures against a search, and coverage as promised, by simulation."""

import copy
import pickle

import numpy as np
import pytest

from neural import (
    ConformalIntervals,
    ConformalSets,
    DenseLayer,
    NeuralNetwork,
    Quantile,
    calibrate,
    reliability,
)
from neural.calibration import Calibrated, temperature_of
from neural.metrics import expected_calibration_error, log_loss
from tests.patients import blobs, chain, fitted, split

# Reliability ----------------------------------------------------------------------------------------------------------


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def drawn(n=3000, k=3, sharper=1.0, seed=0):
    """Return probabilities, made ``sharper`` than those by which the classes were drawn, and the classes."""
    rng = np.random.default_rng(seed)
    z = 2 * rng.normal(size=(n, k))
    p = softmax(z)
    y = (p.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    return softmax(sharper * z), np.minimum(y, k - 1), sharper * z


def test_bins_are_plain_counts():
    p, y, _ = drawn()
    found = reliability(y, p, n_bins=10, random_state=0)
    confidence, right = p.max(axis=1), p.argmax(axis=1) == y
    k = 0
    for m in range(10):
        mine = (confidence > m / 10) & (confidence <= (m + 1) / 10)
        if not mine.any():
            continue
        assert found.counts[k] == mine.sum()
        assert found.accuracy[k] == pytest.approx(right[mine].mean())
        assert found.confidence[k] == pytest.approx(confidence[mine].mean())
        assert found.low[k] <= found.accuracy[k] <= found.high[k]
        k += 1
    assert k == len(found.counts)
    assert found.error.value == pytest.approx(expected_calibration_error(y, p, n_bins=10))
    error = np.abs(found.accuracy - found.confidence) @ found.counts / len(y)
    assert found.error.value == pytest.approx(error)


def test_the_intervals_of_bins_cover_where_probabilities_are_right():
    inside = []
    for seed in range(60):
        p, y, _ = drawn(500, seed=seed)
        found = reliability(y, p, n_bins=10, random_state=0)
        inside += ((found.low <= found.confidence) & (found.confidence <= found.high)).tolist()
    assert 0.92 < np.mean(inside) <= 0.985


def test_the_diagram():
    pytest.importorskip("matplotlib")
    p, y, _ = drawn()
    found = reliability(y, p, random_state=0)
    axes = found.plot().axes[0]
    points = axes.collections[-1].get_offsets()
    np.testing.assert_allclose(points, np.column_stack([found.confidence, found.accuracy]))
    assert f"{found.error.value:.3f}" in axes.get_title()


# Temperature ----------------------------------------------------------------------------------------------------------


class Fixed:
    def __init__(self, p):
        self.p = p

    def predict_proba(self, X):
        return self.p


@pytest.mark.parametrize("sharper", [0.4, 1.0, 3.0])
def test_the_temperature_is_found_back(sharper):
    p, y, z = drawn(10_000, sharper=sharper)
    found = calibrate(Fixed(p), np.zeros((len(y), 1)), y)
    assert found.temperature == pytest.approx(sharper, rel=0.07)
    losses = [log_loss(y, softmax(z / t)) for t in np.exp(np.linspace(-2, 2, 41))]
    assert found.after <= min(losses) + 1e-6
    assert found.after <= found.before + 1e-6


@pytest.mark.parametrize("name", ["digits", "circles"])
def test_a_networks_scores_are_divided(name):
    net, X, _, X_test, y_test = fitted(name)
    net.layers[-1].weights *= 6
    net.layers[-1].biases *= 6
    found = calibrate(net, X_test, y_test)
    assert found.temperature > 1.5
    assert found.after < found.before
    assert found.before == pytest.approx(log_loss(y_test, Calibrated(net, 1.0).predict(X_test)))
    p = found.predict(X_test)
    assert p.shape == net.predict(X_test).shape
    same = found.predict_proba(X_test).argmax(axis=1)
    np.testing.assert_array_equal(same, Calibrated(net, 1.0).predict_proba(X_test).argmax(axis=1))
    np.testing.assert_allclose(Calibrated(net, 1.0).predict(X), net.predict(X), atol=1e-5)
    assert found.classes_.tolist() == net.classes_.tolist()


def test_copies_and_pickles():
    net, _, _, X, y = fitted("circles")
    found = calibrate(net, X, y)
    for twin in (copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
        np.testing.assert_array_equal(twin.predict(X), found.predict(X))


@pytest.mark.parametrize("n", [1, 5, 1000])
def test_a_model_that_is_always_right_is_as_sure_as_so_many_rows_allow(n):
    found = calibrate(Fixed(np.tile([0.2, 0.8], (n, 1))), np.zeros((n, 1)), np.ones(n, dtype=int))
    np.testing.assert_allclose(found.predict_proba(np.zeros((n, 1)))[0], [1 / (n + 2), (n + 1) / (n + 2)], rtol=1e-9)


def test_what_a_row_may_yet_be_goes_to_the_class_that_comes_second():
    z = np.array([[4.0, 3.0, -50.0], [3.0, 4.0, -60.0]])
    p = softmax(z / temperature_of(z, np.array([0, 1])))
    np.testing.assert_allclose(p[:, :2], [[3 / 4, 1 / 4], [1 / 4, 3 / 4]], rtol=1e-9)


def test_what_it_refuses():
    net, X, y, *_ = fitted("waves")
    with pytest.raises(ValueError, match="model must be a classifier"):
        calibrate(net, X, y)
    net, X, y, *_ = fitted("hinge")
    with pytest.raises(ValueError, match="probabilities, from 0 to 1"):
        calibrate(net, X, y)
    with pytest.raises(ValueError, match="temperature must be"):
        Calibrated(net, 0.0)


# Conformal sets -------------------------------------------------------------------------------------------------------


def network_of_blobs(X, y):
    net = chain(0, (X.shape[1], 8, 4), "relu", "softmax", "categorical_crossentropy")
    net.fit(X, y, epochs=15, batch_size=32, learning_rate=0.1, verbose=0)
    return net


@pytest.mark.parametrize("score", ["least", "aps"])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_sets_hold_the_truth_as_often_as_promised(score, level):
    X, y = blobs(500, spread=2.0)
    net = network_of_blobs(X, y)
    covered = []
    for seed in range(40):
        X, y = fresh(np.random.default_rng(seed + 1), 600)
        sets = ConformalSets(level, score=score, random_state=seed).split(net, X[:200], y[:200])
        inside = sets.predict(X[200:])
        covered.append(inside[np.arange(400), y[200:]].mean())
    promised = np.ceil(level * 201) / 201  # the mean over calibration sets, where there are no ties
    assert np.mean(covered) == pytest.approx(promised, abs=0.015)


def fresh(rng, n):
    """Return new rows of the blobs that ``blobs(seed=0)`` are of."""
    centres = 1.6 * np.random.default_rng(0).normal(size=(4, 6))
    y = rng.integers(0, 4, n)
    return centres[y] + 2.0 * rng.normal(size=(n, 6)), y


@pytest.mark.parametrize("score", ["least", "aps"])
def test_cross_fitted_sets_cover(score):
    covered = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        X, y = fresh(rng, 150)
        sets = ConformalSets(0.9, score=score, random_state=seed).cross(network_of_blobs, X, y, folds=5, random_state=0)
        X, y = fresh(rng, 800)
        covered.append(sets.predict(X)[np.arange(800), y].mean())
    assert 0.87 < np.mean(covered) < 0.97


def test_a_wider_level_holds_the_narrower_set():
    X, y = fresh(np.random.default_rng(0), 400)
    net = network_of_blobs(X, y)
    small, large = (ConformalSets(level).split(net, X, y).predict(X) for level in (0.7, 0.95))
    assert (large | ~small).all()
    assert large.sum() > small.sum()


def test_too_few_rows_give_all_classes():
    X, y = fresh(np.random.default_rng(0), 200)
    net = network_of_blobs(X, y)
    assert ConformalSets(0.95).split(net, X[:10], y[:10]).predict(X).all()


def test_labels_and_one_output():
    net, _, _, X, y = fitted("moons")
    sets = ConformalSets(0.9).split(net, X, y)
    assert sets.predict(X).shape == (len(X), 2)
    assert {tuple(found) for found in sets.labels(X)} <= {(0,), (1,), (0, 1), ()}


# Conformal intervals --------------------------------------------------------------------------------------------------


def line(rng, n):
    X = rng.uniform(-2, 2, (n, 1))
    return X, 2 * X[:, 0] + (0.3 + 0.5 * np.abs(X[:, 0])) * rng.normal(size=n)


def straight_line(X, y):
    net = NeuralNetwork([DenseLayer(1, 1)], "mse", random_state=0)
    net.fit(X, y, epochs=20, batch_size=16, learning_rate=0.1, verbose=0)
    return net


def quantiles(X, y):
    net = NeuralNetwork([DenseLayer(1, 8, "relu"), DenseLayer(8, 2)], Quantile([0.05, 0.95]), random_state=0)
    net.fit(X, y, epochs=60, batch_size=32, optimizer="adam", verbose=0)
    return net


@pytest.mark.parametrize("make", [straight_line, quantiles])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_intervals_hold_the_truth_as_often_as_promised(make, level):
    model, covered = make(*line(np.random.default_rng(0), 400)), []
    for seed in range(40):
        X, y = line(np.random.default_rng(seed + 1), 600)
        ends = ConformalIntervals(level).split(model, X[:200], y[:200]).predict(X[200:])
        covered.append(((ends[:, 0] <= y[200:]) & (y[200:] <= ends[:, 1])).mean())
    assert np.mean(covered) == pytest.approx(np.ceil(level * 201) / 201, abs=0.012)


def test_quantiles_make_intervals_as_wide_as_the_row_is_uncertain():
    X, y = line(np.random.default_rng(0), 800)
    ends = ConformalIntervals(0.9).split(quantiles(X[:400], y[:400]), X[400:], y[400:]).predict([[0.0], [2.0]])
    widths = np.diff(ends, axis=1)[:, 0]
    assert widths[1] > 1.5 * widths[0]


def test_cross_fitted_intervals_cover():
    covered = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        found = ConformalIntervals(0.9).cross(straight_line, *line(rng, 80), folds=8, random_state=0)
        X, y = line(rng, 1000)
        ends = found.predict(X)
        covered.append(((ends[:, 0] <= y) & (y <= ends[:, 1])).mean())
    assert 0.87 < np.mean(covered) < 0.95


def test_cross_with_one_fold_left_out_is_the_jackknife_by_hand():
    X, y = line(np.random.default_rng(0), 12)
    found = ConformalIntervals(0.8).cross(straight_line, X, y, folds=12, random_state=0)
    low, high = [], []
    for k in range(12):
        model = straight_line(np.delete(X, k, axis=0), np.delete(y, k))
        missed = abs(y[k] - model.predict(X[[k]])[0, 0])
        low.append(model.predict([[1.0]])[0, 0] - missed)
        high.append(model.predict([[1.0]])[0, 0] + missed)
    rank = int(np.ceil(0.8 * 13))
    want = [np.sort(low)[12 - rank], np.sort(high)[rank - 1]]
    np.testing.assert_allclose(found.predict([[1.0]])[0], want, atol=0.02)  # other orders of the rows


def test_too_few_rows_have_no_bounds():
    X, y = line(np.random.default_rng(0), 30)
    model = straight_line(X, y)
    assert np.isinf(ConformalIntervals(0.95).split(model, X[:18], y[:18]).predict(X)).all()
    assert np.isfinite(ConformalIntervals(0.95).split(model, X[:19], y[:19]).predict(X)).all()


@pytest.mark.nightly
@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_coverage_over_many_calibration_sets(level):
    model, covered = straight_line(*line(np.random.default_rng(0), 400)), []
    for seed in range(1000):
        X, y = line(np.random.default_rng(seed + 1), 700)
        ends = ConformalIntervals(level).split(model, X[:200], y[:200]).predict(X[200:])
        covered.append(((ends[:, 0] <= y[200:]) & (y[200:] <= ends[:, 1])).mean())
    assert np.mean(covered) == pytest.approx(np.ceil(level * 201) / 201, abs=0.003)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ConformalSets(1.0), ValueError, "level must be"),
        (lambda: ConformalSets(score="raps"), ValueError, "score must be one of 'aps', 'least'"),
        (lambda: ConformalSets().predict([[1.0]]), RuntimeError, "must be calibrated first"),
        (lambda: ConformalIntervals().cross(straight_line, [[1.0]], [1.0]), ValueError, "folds must be"),
        (lambda: ConformalSets().split(fitted("waves")[0], *fitted("waves")[1:3]), ValueError, "a classifier"),
        (lambda: ConformalIntervals().split(fitted("iris")[0], *fitted("iris")[1:3]), ValueError, "one value, or"),
        (
            lambda: ConformalIntervals().split(fitted("waves")[0], fitted("waves")[1], [1.0]),
            ValueError,
            "one value for",
        ),
    ],
)
def test_what_conformal_refuses(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_split_of_one_data_set_trains_calibrates_and_covers():
    X, X_test, y, y_test = split(*blobs(1200, spread=1.5))
    net = network_of_blobs(X[:500], y[:500])
    sets = ConformalSets(0.9).split(net, X[500:], y[500:])
    assert sets.predict(X_test)[np.arange(len(y_test)), y_test].mean() > 0.85
