"""One update at a time: the bits of fit, whoever calls for them, and nothing half done."""

import numpy as np
import pytest

from neural import SGD, CategoricalCrossentropy, DenseLayer, NeuralNetwork, TrainingDiverged
from neural.streams import epoch_order
from tests.small_network import LABELS, X, fit, network

WEIGHTS = np.random.default_rng(3).uniform(0.5, 2, 90)
ENGINES = pytest.mark.parametrize("engine", ["auto", "numpy"])


def batches(net, epochs, first=0):
    """Yield the rows of each batch in the order of ``fit``, the last of an epoch a short one."""
    for epoch in range(first, first + epochs):
        order = epoch_order(net.seed, epoch, 90)
        yield from (order[start : start + 16] for start in range(0, 90, 16))


def loop(net, epochs, first=0, weights=None, **settings):
    return [
        net.train_on_batch(
            X[rows], LABELS[rows], None if weights is None else weights[rows],
            learning_rate=0.1, batch_size=16, **settings,
        )
        for rows in batches(net, epochs, first)
    ]  # fmt: skip


@ENGINES
@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("optimizer", ["sgd", SGD(0.9, nesterov=True), "adam", "adamw"])
def test_a_loop_over_the_batches_of_fit_is_fit(engine, optimizer, weights):
    """With dropout, a penalty, and a last batch that is short."""
    one, other = network(engine=engine), network(engine=engine)
    history = fit(one, 3, optimizer=optimizer, sample_weight=weights)
    costs = loop(other, 3, weights=weights, optimizer=optimizer)
    assert one.params.tobytes() == other.params.tobytes()
    assert (one.state.step, one.state.updates) == (other.state.step, other.state.updates) == (18, 18)
    assert {name: v.tobytes() for name, v in one.state.memory.items()} == {
        name: v.tobytes() for name, v in other.state.memory.items()
    }
    assert other.engine_ == one.engine_
    share = np.ones(90) if weights is None else weights
    for k, cost in enumerate(history):
        parts = [share[rows].sum() for rows in batches(other, 1, k)]
        assert np.average(costs[6 * k : 6 * k + 6], weights=parts) == pytest.approx(cost, rel=1e-6)


@ENGINES
def test_fit_goes_on_where_batches_ended_and_the_other_way_round(engine):
    mixed, whole = network(engine=engine), network(engine=engine)
    fit(mixed, 2, optimizer="adam")
    loop(mixed, 1, first=2, optimizer="adam")
    fit(whole, 3, optimizer="adam")
    assert mixed.params.tobytes() == whole.params.tobytes()
    assert (mixed.state.epoch, whole.state.epoch) == (2, 3)  # a batch is no epoch


def test_the_cost_is_that_of_the_batch_before_its_update():
    net = NeuralNetwork([DenseLayer(4, 3, "softmax")], CategoricalCrossentropy(l2=0.3), dtype="float64", random_state=0)
    want = net.loss_and_gradient(X, LABELS, WEIGHTS)[0]
    assert net.train_on_batch(X, LABELS, WEIGHTS) == pytest.approx(want, rel=1e-12)
    assert net.loss_and_gradient(X, LABELS, WEIGHTS)[0] < want
    assert list(net.history_) == []


def test_text_labels_keep_their_order():
    names, net, numbers = np.array(["ant", "bee", "cat"]), network(), network()
    net.train_on_batch(X, names[LABELS])
    numbers.train_on_batch(X, LABELS)
    net.train_on_batch(X[:1], names[LABELS[:1]])
    numbers.train_on_batch(X[:1], LABELS[:1])
    assert net.params.tobytes() == numbers.params.tobytes()
    assert net.classes_.tolist() == ["ant", "bee", "cat"]


@ENGINES
def test_an_update_that_breaks_is_undone(engine):
    net = NeuralNetwork([DenseLayer(4, 3)], "mse", random_state=0, engine=engine)
    y = X[:, :3]
    net.train_on_batch(X, y, optimizer=SGD(0.9))
    before = net.params.tobytes(), net.state.memory["velocity"].tobytes(), net.state.step
    with pytest.raises(TrainingDiverged, match=r"the weights became infinite or NaN .* at learning rate 1e\+300"):
        net.train_on_batch(X, y, optimizer=SGD(0.9), learning_rate=1e300)
    assert (net.params.tobytes(), net.state.memory["velocity"].tobytes(), net.state.step) == before
    net.train_on_batch(X, y, optimizer=SGD(0.9))


class Interrupting(SGD):
    calm = True

    def update(self, w, g, rate, t, *memory):
        super().update(w, g, rate, t, *memory)
        if not self.calm:
            raise KeyboardInterrupt


def test_an_update_that_is_interrupted_is_undone(monkeypatch):
    net, rule = network(), Interrupting(0.9)
    net.train_on_batch(X, LABELS, optimizer=rule)
    before = net.params.tobytes(), net.state.memory["velocity"].tobytes(), net.state.step
    monkeypatch.setattr(Interrupting, "calm", False)
    with pytest.raises(KeyboardInterrupt):
        net.train_on_batch(X, LABELS, optimizer=rule)
    assert (net.params.tobytes(), net.state.memory["velocity"].tobytes(), net.state.step) == before
    monkeypatch.setattr(Interrupting, "calm", True)
    net.train_on_batch(X, LABELS, optimizer=rule)
    assert net.params.tobytes() != before[0]


REFUSED = [
    ({"learning_rate": -1}, ValueError, "learning_rate must be"),
    ({"learning_rate": None}, TypeError, "learning_rate must be"),
    ({"optimizer": "adm"}, ValueError, "Did you mean 'adam'"),
    ({"batch_size": 89}, ValueError, "batch_size must be a whole number of at least 90. Got 89"),
    ({"batch_size": 90.0}, TypeError, "batch_size"),
    ({"n_threads": 0}, ValueError, "n_threads"),
    ({"sample_weight": np.zeros(90)}, ValueError, "sample_weight must be above 0"),
    ({"y": LABELS[:5]}, ValueError, "X and y must be of one length"),
    ({"y": LABELS + 5}, ValueError, "y must be class numbers"),
    ({"X": np.full((90, 4), np.nan)}, ValueError, "X must be finite"),
]


@pytest.mark.parametrize(("given", "error", "words"), REFUSED)
def test_bad_arguments_change_nothing(given, error, words):
    net = network()
    with pytest.raises(error, match=words):
        net.train_on_batch(**{"X": X, "y": LABELS} | given)
    assert (net.state.step, net.engine_) == (0, None)
    assert net.params.tobytes() == network().params.tobytes()


def test_a_network_in_a_fit_takes_no_batch():
    net = network()
    with pytest.raises(RuntimeError, match="one fit at a time"):
        fit(net, callback=lambda *given: net.train_on_batch(X, LABELS))
