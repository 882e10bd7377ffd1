"""Rows drawn class by class: how often, the same on both engines, and how fits go on."""

import numpy as np
import pytest

from neural import DenseLayer, NeuralNetwork
from neural.data import Balanced, sampler
from neural.engine import Data
from neural.losses import CategoricalCrossentropy
from neural.streams import balanced_order, philox
from tests.engines import ENGINES, needs_core
from tests.small_network import LABELS, X, fit, network

ROWS, ENDS = np.array([4, 2, 0, 1, 3]), np.array([3, 4, 5])  # three rows of one class, one of each of two others


def test_draws_are_as_their_words_say():
    words = philox(9, "sample", 4).random_raw(5).tolist()
    found = []
    for word in words:
        group = (word % 2**32) * 3 >> 32
        start = [0, 3, 4][group]
        found.append(ROWS[start + ((word >> 32) * [3, 1, 1][group] >> 32)])
    assert balanced_order(9, 4, ROWS, ENDS).tolist() == found


def test_classes_are_alike_likely_and_so_are_the_rows_of_each():
    drawn = np.bincount(Balanced(ROWS, ENDS).orders(0, 0, 6000), minlength=5)
    want = np.array([10, 30, 10, 30, 10])[[4, 1, 2, 3, 0]] * 1000 / 3
    want = np.where(np.isin(np.arange(5), ROWS[:3]), 10000 / 3, 10000)
    assert np.abs(drawn - want).max() < 4 * 10000**0.5


def test_epochs_are_drawn_each_by_itself():
    both = Balanced(ROWS, ENDS).orders(3, 5, 2)
    assert np.array_equal(both, [*balanced_order(3, 5, ROWS, ENDS), *balanced_order(3, 6, ROWS, ENDS)])


def test_a_class_without_rows_is_left_out():
    labels = np.array([0, 2, 2, 0, 2])
    found = sampler("balanced", None, Data(X[:5], labels), np.arange(3), CategoricalCrossentropy())
    assert found.rows.tolist() == [0, 3, 1, 2, 4]
    assert found.ends.tolist() == [2, 5]


@needs_core
@pytest.mark.parametrize("batch_size", [16, None])
def test_engines_agree(batch_size):
    nets = [network(engine=engine, dtype="float64") for engine in ENGINES]
    weights = np.random.default_rng(0).uniform(0.5, 2, 90)
    histories = [fit(net, sampling="balanced", batch_size=batch_size, sample_weight=weights) for net in nets]
    np.testing.assert_allclose(histories[1], histories[0], rtol=1e-10)
    np.testing.assert_allclose(nets[1].params, nets[0].params, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_two_fits_are_one(engine):
    one, two = network(engine=engine), network(engine=engine)
    history = fit(one, 6, sampling="balanced")
    first, then = fit(two, 3, sampling="balanced"), fit(two, 3, sampling="balanced")
    assert one.params.tobytes() == two.params.tobytes()
    assert list(history) == [*first, *then]


def test_the_rare_class_is_learned():
    rng = np.random.default_rng(0)
    rare = (np.arange(1000) % 50 == 0).astype(int)
    rows = rng.normal(size=(1000, 2)) + rare[:, None]
    shares = []
    for sampling in (None, "balanced"):
        net = NeuralNetwork([DenseLayer(2, 1, "sigmoid")], "binary_crossentropy", random_state=0)
        net.fit(rows, rare, 30, 0.1, sampling=sampling, verbose=0)
        shares.append(net.predict(rows).mean())
    assert shares[0] < 0.1
    assert 0.25 < shares[1] < 0.5


def test_what_is_split_off_is_not_drawn():
    net = network()
    history = fit(net, 3, sampling="balanced", validation_split=0.2, metrics="accuracy")
    assert len(history["val_accuracy"]) == 3


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"sampling": "balance"}, ValueError, "sampling must be None or 'balanced'.*Did you mean 'balanced'"),
        ({"sampling": True}, TypeError, "sampling must be None or 'balanced'"),
        ({"sampling": "balanced", "class_weight": "balanced"}, ValueError, "must not be given both"),
    ],
)
def test_what_makes_no_sense_is_refused(settings, error, words):
    net = network()
    with pytest.raises(error, match=words):
        fit(net, **settings)
    assert net.params.tobytes() == network().params.tobytes()


def test_lbfgs_takes_the_same_rows_each_time():
    net = NeuralNetwork([DenseLayer(4, 3, "softmax")], "categorical_crossentropy", random_state=0)
    with pytest.raises(ValueError, match="sampling must be None with LBFGS"):
        fit(net, sampling="balanced", optimizer="lbfgs")


def test_values_have_no_classes():
    net = NeuralNetwork([DenseLayer(4, 1)], "mse", random_state=0)
    with pytest.raises(ValueError, match=r"sampling must be None for MSE here, as its targets are not one class a row"):
        net.fit(X, LABELS, sampling="balanced", verbose=0)
