"""The learning-rate range test: what it runs is fit's own updates, on a copy; what it says of known runs."""

import copy
import pickle

import numpy as np
import pytest

from neural import DenseLayer, NeuralNetwork
from neural.rate_range import RateRange, lr_range_test
from neural.streams import epoch_order
from tests.small_network import LABELS, X, fit, network


def everything(net):
    return pickle.dumps((net.params, net.state, net.history_, net.engine_, net.classes_))


@pytest.mark.parametrize("engine", ["auto", "numpy"])
@pytest.mark.parametrize("trained", [False, True])
def test_the_network_stays_as_it_was_and_the_updates_are_those_of_fit(trained, engine):
    net, weights = network(engine=engine), np.random.default_rng(1).uniform(0.5, 2, 90)
    if trained:
        fit(net, 2, optimizer="adam")
    twin, before = copy.deepcopy(net), everything(net.build())
    found = lr_range_test(net, X, LABELS, 1e-4, 1e-2, steps=12, batch_size=16, optimizer="adam", sample_weight=weights)
    assert everything(net) == before
    np.testing.assert_allclose(found.rates, np.geomspace(1e-4, 1e-2, 12), rtol=1e-12)

    orders = [epoch_order(twin.seed, twin.state.epoch + k, 90) for k in range(2)]
    rows = [order[start : start + 16] for order in orders for start in range(0, 90, 16)]
    settings = {"optimizer": "adam", "batch_size": 16}
    assert found.losses.tolist() == [
        twin.train_on_batch(X[k], LABELS[k], weights[k], learning_rate=rate, **settings)
        for k, rate in zip(rows, found.rates, strict=True)
    ]


def test_the_costs_are_those_of_the_batches():
    net = NeuralNetwork([DenseLayer(4, 3, "softmax")], "categorical_crossentropy", random_state=0, dtype="float64")
    twin = copy.deepcopy(net)
    found = lr_range_test(net, X, LABELS, 1e-3, 1.0, steps=5, batch_size=None)
    assert found.losses == pytest.approx([twin.train_on_batch(X, LABELS, learning_rate=r) for r in found.rates])


def test_a_run_that_blows_up_ends_early():
    net = NeuralNetwork([DenseLayer(4, 8, "relu"), DenseLayer(8, 1)], "mse", random_state=0)
    found = lr_range_test(net, X * 10, X[:, 0], high=1e9, steps=150)
    assert 10 < len(found.rates) == len(found.losses) < 150
    assert np.isfinite(found.losses).all()


def test_the_suggestion_is_a_tenth_of_the_rate_with_the_lowest_mean():
    rates = np.geomspace(1e-5, 10, 7)
    found = RateRange(rates, np.array([1.0, 1.0, 0.9, 0.5, 0.1, 0.2, 30.0]))
    np.testing.assert_allclose(found.smoothed[:2], [1.0, 1.0], rtol=1e-12)
    assert found.smoothed[2] == pytest.approx((0.81 + 0.9 + 0.9) / (0.81 + 0.9 + 1), rel=1e-12)
    assert found.smoothed.argmin() == 5
    assert found.suggestion == rates[5] / 10


def test_no_suggestion_where_the_costs_fell_nowhere():
    found = RateRange(np.array([1.0, 10.0]), np.array([1.0, 2.0]))
    with pytest.raises(ValueError, match="rates at which the cost falls, from 1 to 10"):
        found.suggestion  # noqa: B018
    assert len(found.plot().axes[0].lines) == 2


def test_the_plot_has_the_costs_their_mean_and_the_suggestion():
    found = lr_range_test(network(), X, LABELS, steps=60)
    axes = found.plot().axes[0]
    assert axes.get_xscale() == "log"
    assert [line.get_label() for line in axes.lines] == [
        "each batch", "running mean", f"suggestion: {found.suggestion:.2g}"
    ]  # fmt: skip
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), found.losses)


REFUSED = [
    ({"low": 0}, ValueError, "low must be a finite number above 0"),
    ({"low": 1, "high": 0.5}, ValueError, "high must be above low, 1. Got 0.5"),
    ({"high": float("nan")}, ValueError, "high must be a finite number"),
    ({"steps": 1}, ValueError, "steps must be a whole number of at least 2"),
    ({"batch_size": 0}, ValueError, "batch_size"),
    ({"optimizer": "adm"}, ValueError, "Did you mean 'adam'"),
    ({"low": 1e30, "high": 1e32}, ValueError, "low must be a rate at which the cost stays finite"),
]


@pytest.mark.parametrize(("given", "error", "words"), REFUSED)
def test_bad_arguments_are_refused(given, error, words):
    net = NeuralNetwork([DenseLayer(4, 1)], "mse", random_state=0)
    with pytest.raises(error, match=words):
        lr_range_test(net, X, X[:, 0], **given)
