"""What an update may be told: the order of the rows, a factor of the loss, what the penalty is over."""

import numpy as np
import pytest
from scipy import sparse

from neural import LBFGS, MSE, Adam, BinaryCrossentropy, CategoricalCrossentropy, DenseLayer, NAdam, NeuralNetwork
from neural.callbacks import Callback
from neural.engine import Data, Run, Workspace
from neural.gradcheck import check_gradient
from neural.layer import Mode
from neural.sources import BLOCK_BYTES, SparseRows, block_rows, first_block, gradient, parts, predict
from neural.updates import TrainingState, Updates

rng = np.random.default_rng(0)
X, y = rng.standard_normal((23, 4)), rng.standard_normal((23, 2))
ENGINES = pytest.mark.parametrize("engine", ["core", "numpy"])


def net(loss="mse", engine="auto"):
    return NeuralNetwork(
        [DenseLayer(4, 6, "tanh"), DenseLayer(6, 2)], loss, dtype="float64", engine=engine, random_state=0
    )


# --- orders --------------------------------------------------------------------------------------------------------
@ENGINES
def test_rows_in_order_are_the_updates_by_hand(engine):
    fitted, by_hand = net(engine=engine), net(engine=engine)
    fitted.fit(X, y, 3, 0.1, 5, shuffle=False, verbose=0)
    for _ in range(3):
        for start in range(0, 23, 5):
            by_hand.train_on_batch(X[start : start + 5], y[start : start + 5], learning_rate=0.1, batch_size=5)
    np.testing.assert_array_equal(fitted.params, by_hand.params)


def test_a_function_of_the_epoch_gives_the_order_and_may_repeat_rows():
    asked = []

    def order(epoch, n):
        asked.append((epoch, n))
        return np.arange(n)[::-1]

    backwards, turned = net(), net()
    backwards.fit(X, y, 3, 0.1, 5, shuffle=order, verbose=0)
    turned.fit(X[::-1], y[::-1], 3, 0.1, 5, shuffle=False, verbose=0)
    np.testing.assert_array_equal(backwards.params, turned.params)
    assert asked == [(0, 23), (1, 23), (2, 23)]
    assert net().fit(X, y, 2, 0.1, 5, shuffle=lambda epoch, n: np.zeros(n, int), verbose=0)[-1] > 0


BAD = (lambda e, n: range(n - 1), lambda e, n: np.arange(n) + 1, lambda e, n: np.arange(n) * 1.0, lambda e, n: [-1] * n)


@pytest.mark.parametrize("order", BAD)
def test_bad_orders(order):
    with pytest.raises(ValueError, match="the order that shuffle gives must be 23 row numbers from 0 to 22"):
        net().fit(X, y, 2, shuffle=order, verbose=0)


def test_bad_shuffle():
    with pytest.raises(ValueError, match="sampling and shuffle must not be given both"):
        net("categorical_hinge").fit(X, np.arange(23) % 2, 2, sampling="balanced", shuffle=False, verbose=0)
    with pytest.raises(ValueError, match="shuffle must be left out where batches are given"):
        net().fit([(X, y)], epochs=2, shuffle=False, verbose=0)
    with pytest.raises(TypeError, match="shuffle must be True, False, or a function"):
        net().fit(X, y, 2, shuffle="no", verbose=0)


# --- epochs that nobody need be asked between ----------------------------------------------------------------------
class StopsAt(Callback):
    """Stops after an epoch that it says beforehand."""

    numbers_only = True

    def __init__(self, last):
        self.last, self.seen = last, 0

    def epochs_alone(self):
        return max(1, self.last - self.seen)

    def on_epoch_end(self, training):
        self.seen += 1
        if self.seen == self.last:
            training.stop("as it said")


def test_a_callback_that_knows_when_it_will_stop_is_heard_in_time(monkeypatch):
    crossings, run = [], Updates.run
    monkeypatch.setattr(Updates, "run", lambda self, *given: crossings.append(len(given[1])) or run(self, *given))
    stopped, alone = net(), net()
    history = stopped.fit(X, y, 100, 0.1, 23, callbacks=StopsAt(7), verbose=0)
    assert crossings == [7]
    alone.fit(X, y, 7, 0.1, 23, verbose=0)
    assert len(history) == 7
    np.testing.assert_array_equal(stopped.params, alone.params)


# --- a factor of the loss ------------------------------------------------------------------------------------------
@ENGINES
@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_a_factor_multiplies_loss_and_gradient(engine, factor):
    plain, scaled = net(engine=engine), net(MSE(), engine)
    scaled.loss_.factor = factor
    for given in ((X, y), (X, y, 1.0 + np.arange(23))):
        one, other = plain.loss_and_gradient(*given), scaled.loss_and_gradient(*given)
        for a, b in zip(one, other, strict=True):
            np.testing.assert_allclose(b, factor * np.asarray(a), rtol=1e-12)
    assert scaled.evaluate(X, y)["loss"] == pytest.approx(factor * plain.evaluate(X, y)["loss"])
    assert check_gradient(scaled, X, y).ok
    plain.fit(X, y, 3, factor * 0.1, 5, verbose=0)
    scaled.fit(X, y, 3, 0.1, 5, verbose=0)
    np.testing.assert_allclose(scaled.params, plain.params, rtol=1e-9)


@pytest.mark.parametrize("kind", [MSE, BinaryCrossentropy, CategoricalCrossentropy])
def test_by_hand_too(kind):
    loss, p, t = kind(), np.array([[0.2, 0.7], [0.8, 0.3]]), np.array([[0.0, 1.0], [1.0, 0.0]])
    value, slope = loss.loss(t, p), loss.loss_prime(t, p)
    loss.factor = 2.0
    assert loss.loss(t, p) == pytest.approx(2 * value)
    np.testing.assert_allclose(loss.loss_prime(t, p), 2 * slope)
    assert loss != kind()


# --- what the penalty is over --------------------------------------------------------------------------------------
@ENGINES
@pytest.mark.parametrize("weights", [None, np.arange(23) % 3])
def test_a_penalty_over_what_each_batch_weighs(engine, weights):
    """Each batch is as one network's whole data, with a penalty over its own weight."""
    network = net(MSE(l2=3.0), engine)
    network.build()
    data = Data(X, y, None if weights is None else weights.astype(float))
    updates = Updates(network._engine_for(), network.program(5), data, TrainingState(0), Adam(), 5, by_batch=True)
    updates.state.use(Adam(), network.params)
    order, start = np.arange(23), network.params.copy()
    _, penalties = updates.run(order, np.full(5, 0.01), updates.snapshot())
    found = network.params.copy()
    network.params[:], wanted = start, []
    updates.state.use(NAdam(), network.params)
    updates.state.use(Adam(), network.params)
    for first in range(0, 23, 5):
        part = slice(first, first + 5)
        total = len(X[part]) if weights is None else weights[part].sum()
        alone = Data(X[part], y[part], None if weights is None else data.weights[part])
        program = network.program(total)
        wanted.append(Workspace(program, np.zeros_like(network.params)).penalize())
        mode = Mode(True, 0, updates.state.step)
        run = Run(np.arange(len(alone)), 5, 5, np.array([0.01]), Adam(), updates.state.memory, first // 5, mode)
        network._engine_for().run(program, alone, run)
    np.testing.assert_allclose(penalties, wanted, rtol=1e-12)
    np.testing.assert_allclose(found, network.params, rtol=1e-9, atol=1e-12)


# --- optimizers ----------------------------------------------------------------------------------------------------
def test_epsilon_before_the_correction_by_hand():
    w, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
    Adam(epsilon=0.1, epsilon_first=True).update(w, np.array([0.5]), 0.1, 1, m, v)
    root = np.sqrt(0.001 * 0.25)
    assert w[0] == pytest.approx(1 - 0.1 * np.sqrt(1 - 0.999) / (1 - 0.9) * 0.05 / (root + 0.1))
    one, other = net(engine="core"), net(engine="numpy")
    for network in (one, other):
        network.fit(X, y, 5, 0.1, 5, optimizer=Adam(epsilon=0.1, epsilon_first=True), verbose=0)
    np.testing.assert_allclose(one.params, other.params, rtol=1e-9, atol=1e-12)
    with pytest.raises(ValueError, match="epsilon_first must be False for NAdam"):
        NAdam(epsilon_first=True)


def test_lbfgs_rests_where_it_is_told():
    early = net().fit(X, y, 500, optimizer=LBFGS(tol=0, ftol=1e-3), verbose=0)
    late = net().fit(X, y, 500, optimizer=LBFGS(tol=0), verbose=0)
    assert len(early) < len(late)
    assert early[-1] > late[-1]
    with pytest.raises(ValueError, match="ftol must be"):
        LBFGS(ftol=-1.0)


# --- rows that are not in memory -----------------------------------------------------------------------------------
def test_sources_give_what_arrays_give():
    thin, network = SparseRows(sparse.csr_array(X)), net(MSE(l2=1.0))
    engine, program = network._engine_for(), network.build().program(23)
    np.testing.assert_array_equal(thin[[3, 1]], X[[3, 1]])
    assert (len(thin), thin.shape, block_rows(thin)) == (23, X.shape, BLOCK_BYTES // (4 * 8))
    np.testing.assert_array_equal(predict(engine, program, thin), predict(engine, program, X))
    weights = 1.0 + np.arange(23)
    for data in (None, weights):
        dense, found = (gradient(engine, program, Data(rows, y, data), Mode(True)) for rows in (X, thin))
        assert found[0] == pytest.approx(dense[0])
        np.testing.assert_allclose(found[1], dense[1], atol=1e-12)
    assert len(first_block(Data(thin, y))) == 23


@pytest.mark.parametrize("most", [1, 5, 9, 12, 100])
def test_parts_cover_all_updates_within_epochs(most):
    bounds = np.concatenate([np.arange(0, 23, 5), 23 + np.arange(0, 23, 5), [46]])
    found = list(parts(bounds, 5, most))
    assert [k for first, end in found for k in range(first, end)] == list(range(10))
    assert all(first // 5 == (end - 1) // 5 for first, end in found)
    assert all(bounds[end] - bounds[first] <= max(most, 5) for first, end in found)
