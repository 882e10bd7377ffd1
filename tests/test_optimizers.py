"""Optimizers: by hand, and where a class is the user's own."""

import itertools
from dataclasses import dataclass
from unittest.mock import patch

import numpy as np
import pytest

from neural import (
    Adagrad,
    Adam,
    AdamW,
    DenseLayer,
    EngineUnavailable,
    Lion,
    Muon,
    NAdam,
    NeuralNetwork,
    RMSProp,
)
from neural.optimizers import OPTIMIZERS, _orthogonal
from tests.engines import ENGINES, needs_core

rng = np.random.default_rng(0)
X, LABELS = rng.normal(size=(40, 4)), rng.integers(0, 3, 40)


# --- by hand -------------------------------------------------------------------------------------------------------
def two_updates(optimizer, rate=0.1):
    """Return w after gradients 1 and 3, from w = 1."""
    w = np.ones(1)
    memory = list(optimizer.fresh_memory(w).values())
    points = []
    for t, g in enumerate((1.0, 3.0), 1):
        optimizer.update(w, np.array([g]), rate, t, *memory)
        points.append(w[0])
    return points


def test_rmsprop_by_hand():
    """s = 1/4, then 3/16 + 9/4 = 39/16."""
    first, second = 1 / 0.25**0.5, 3 / (39 / 16) ** 0.5
    assert two_updates(RMSProp(0.75, 1e-12)) == pytest.approx([1 - 0.1 * first, 1 - 0.1 * (first + second)])
    with_momentum = [1 - 0.1 * first, 1 - 0.1 * (first + 0.5 * first + second)]
    assert two_updates(RMSProp(0.75, 1e-12, momentum=0.5)) == pytest.approx(with_momentum)


def test_adagrad_by_hand():
    assert two_updates(Adagrad()) == pytest.approx([0.9, 0.9 - 0.1 * 3 / 10**0.5])


def test_nadam_by_hand():
    """b1 = 1/2 and a decay so fast that u_1 = u_2 = u_3 = 1/2; b2 = 3/4: v' is as in Adam's test."""
    first = (0.5 * 1 / 0.5 + 0.5 * 0.5 / 0.75) / 1
    second = (0.5 * 3 / 0.75 + 0.5 * 1.75 / 0.875) / ((0.1875 + 2.25) / 0.4375) ** 0.5
    optimizer = NAdam(0.5, 0.75, 1e-12, momentum_decay=1e4)
    assert two_updates(optimizer) == pytest.approx([1 - 0.1 * first, 1 - 0.1 * (first + second)])


def test_the_products_in_nadam_are_those_of_their_factors():
    """As many as there are, however slowly or fast u rises; numbers of one update and of many are the same."""
    for beta1, decay in ((0.9, 0.004), (0.999, 0.3), (0.9999, 1.0), (0.5, 0.0), (0.0, 0.004)):
        t = np.arange(1, 6001)
        u = beta1 * (1 - 0.5 * 0.96 ** (t * decay))
        want = (1 - u) / (1 - np.cumprod(u))
        optimizer = NAdam(beta1, momentum_decay=decay)
        many = np.array(np.broadcast_arrays(*optimizer.constants(np.ones(6000), t)))
        np.testing.assert_allclose(many[1], want, rtol=1e-11)
        for k in (0, 1, 2499, 2500, 5999):
            np.testing.assert_allclose(many[:, k], optimizer.constants(1.0, int(t[k])), rtol=1e-15)


def test_after_many_updates_adams_numbers_are_those_of_powers_written_out():
    """Powers too small to count are not worked out, in one update or in many."""
    t = np.array([1, 2, 10, 400, 420, 421, 422, 500, 43_000, 44_000, 45_000, 10**6])
    for beta1, beta2 in ((0.9, 0.999), (0.0, 0.0), (1e-300, 0.5), (1 - 1e-12, 1 - 2**-53)):
        rates = np.linspace(0.1, 1, len(t))
        many = Adam(beta1, beta2).constants(rates, t)
        np.testing.assert_array_equal(many[0], rates / (1 - beta1**t))
        np.testing.assert_array_equal(many[1], (1 - beta2**t) ** -0.5)
        one = [Adam(beta1, beta2).constants(float(rate), int(k)) for rate, k in zip(rates, t, strict=True)]
        np.testing.assert_allclose(many[0], [numbers[0] for numbers in one], rtol=1e-15)


def test_lion_by_hand():
    """c = 1/2, m = 1/4; then c = 1/8 - 3/2 < 0 and m = 3/16 - 3/4, so that a small gradient does not turn it."""
    w, m = np.ones(1), np.zeros(1)
    for t, (g, want, mean) in enumerate([(1, 0.9, 0.25), (-3, 1.0, -0.5625), (0.5, 1.1, -0.296875)], 1):
        Lion(0.5, 0.75).update(w, np.array([float(g)]), 0.1, t, m)
        assert (w[0], m[0]) == pytest.approx((want, mean))


@pytest.mark.parametrize("optimizer", [RMSProp(), RMSProp(momentum=0.5), Adagrad(), NAdam(), Lion()], ids=str)
def test_where_nothing_pulls_nothing_moves_and_nan_stays(optimizer):
    w = np.zeros(2)
    memory = list(optimizer.fresh_memory(w).values())
    optimizer.update(w, np.array([0.0, np.nan]), 0.1, 1, *memory)
    assert w[0] == 0
    assert all(vector[0] == 0 for vector in memory)
    assert np.isnan(w[1])


def test_settings_come_in_the_order_of_the_papers():
    assert AdamW(0.5, 0.75) == AdamW(beta1=0.5, beta2=0.75, weight_decay=0.01)
    assert Lion(0.5, 0.75) == Lion(beta1=0.5, beta2=0.75, weight_decay=0.0)


# --- Muon ----------------------------------------------------------------------------------------------------------
def pressed(M):
    """Return what Muon makes of a matrix, by its singular values: each goes through the polynomial on its own."""
    U, s, V = np.linalg.svd(M, full_matrices=False)
    s = s / max(np.linalg.norm(s), 1e-7)
    for _ in range(5):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    return (U * s) @ V, s


def four_layers(engine="auto"):
    sizes = [(4, 7), (7, 9), (9, 5), (5, 3)]
    layers = [DenseLayer(i, o, "softmax" if o == 3 else "tanh") for i, o in sizes]
    return NeuralNetwork(layers, "categorical_crossentropy", dtype="float64", engine=engine, random_state=0)


@pytest.mark.parametrize("engine", ENGINES)
def test_muon_by_singular_values(engine):
    """Two updates of a whole network, the hidden matrices worked out anew; the rest beside AdamW with its gradients."""
    net, rate, velocity = four_layers(engine), 0.01, [0, 0]
    rest = four_layers().build()
    memory = AdamW().fresh_memory(rest.params)
    for t in (1, 2):
        _, gradient, _ = net.loss_and_gradient(X, LABELS)
        before, g = [W.copy() for W in net.weights], [views["weights"] for views in net.views(gradient)]
        rest.params[:] = net.params
        for W in rest.weights:
            W *= 1 - rate * 0.01
        AdamW().step(rest.params, gradient.copy(), memory, rate, t)
        net.fit(X, LABELS, epochs=1, learning_rate=rate, batch_size=None, optimizer="muon", verbose=0)
        for k, scale in ((1, 0.2 * 9**0.5), (2, 0.2 * 9**0.5)):
            velocity[k - 1] = 0.95 * velocity[k - 1] + g[k]
            step, s = pressed(g[k] + 0.95 * velocity[k - 1])
            want = before[k] * (1 - rate * 0.01) - rate * scale * step
            np.testing.assert_allclose(net.weights[k], want, rtol=1e-10, atol=1e-13)
            assert s.max() < 1.3
        for k in (0, 3):
            np.testing.assert_allclose(net.weights[k], rest.weights[k], rtol=1e-12)
        np.testing.assert_allclose(np.vstack(net.biases), np.vstack(rest.biases), rtol=1e-10)
    assert net.engine_ == engine


@pytest.mark.parametrize("shape", [(20, 20), (64, 10), (10, 64), (1, 5)])
def test_matrices_become_nearly_orthogonal(shape):
    _, s = pressed(np.random.default_rng(1).normal(size=shape))
    found = np.linalg.svd(_orthogonal(np.random.default_rng(1).normal(size=shape)), compute_uv=False)
    np.testing.assert_allclose(np.sort(found), np.sort(s), rtol=1e-9)
    assert 0.5 < found.min() <= found.max() < 1.3


def sized(sizes, engine, dtype="float64", **settings):
    layers = [DenseLayer(i, o, "tanh", l2=0.1, **settings) for i, o in itertools.pairwise(sizes)]
    return NeuralNetwork(layers, "mse", dtype=dtype, engine=engine, random_state=0)


SIZES = [(4, 3), (4, 5, 3), (4, 30, 1, 17, 3), (4, 16, 16, 3), (4, 70, 300, 270, 3)]


@needs_core
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize(
    ("optimizer", "settings"),
    [
        (Muon(), {}),
        (Muon(momentum=0.5, weight_decay=0.1, clip_norm=0.5), {"max_norm": 0.7}),
        (Muon(clip_value=0.01), {"non_negative": True}),
    ],
    ids=str,
)
def test_muon_is_the_same_on_the_core(sizes, optimizer, settings):
    nets = [sized(sizes, engine, **settings) for engine in ENGINES]
    for net in nets:
        net.fit(X, X[:, :3], 3, 0.01, 16, optimizer=optimizer, average="ema", verbose=0)
        assert net.engine_ == net.engine
    for found, want in zip((nets[1].params, nets[1].state.raw), (nets[0].params, nets[0].state.raw), strict=True):
        np.testing.assert_allclose(found, want, rtol=1e-8, atol=1e-10)
    for name, vector in nets[0].state.memory.items():
        np.testing.assert_allclose(nets[1].state.memory[name], vector, rtol=1e-8, atol=1e-11)


@needs_core
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", SIZES[2:], ids=str)
def test_threads_change_no_bit_of_muon(dtype, sizes, monkeypatch):
    monkeypatch.setenv("NEURAL_FLOPS_FOR_THREADS", "0")
    found = set()
    for threads in (1, 2, 3):
        net = sized(sizes, "core", dtype)
        net.fit(X, X[:, :3], 2, 0.01, 16, optimizer="muon", n_threads=threads, verbose=0)
        found.add(net.params.tobytes())
    assert len(found) == 1


@needs_core
def test_muon_of_ones_own_runs_on_numpy():
    @dataclass(frozen=True)
    class Mine(Muon):
        pass

    with pytest.raises(EngineUnavailable, match="the optimizer Mine is written in Python"):
        four_layers("core").fit(X, LABELS, optimizer=Mine(), verbose=0)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_gradient_of_zero_leaves_muons_weights(engine):
    layers = [DenseLayer(4, 6, bias=False), DenseLayer(6, 6, bias=False), DenseLayer(6, 2)]
    net = NeuralNetwork(layers, "mse", engine=engine, random_state=0).build()
    before = net.weights[1].copy()
    net.fit(np.zeros_like(X), X[:, :2], 2, 0.1, optimizer=Muon(weight_decay=0), verbose=0)
    assert np.array_equal(net.weights[1], before)


# --- all of them ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_cost_falls(name):
    if name == "lbfgs":
        pytest.importorskip("scipy")
    history = four_layers("auto").fit(X, LABELS, epochs=60, learning_rate=0.01, optimizer=name, verbose=0)
    assert history[-1] < 0.99 * history[0]


# --- a user's own --------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Still(Adam):
    """Inherits the name of Adam's formula, and has another."""

    def update(self, w, g, rate, t, *memory):
        pass


def test_a_users_class_is_run_as_it_is_written_though_it_is_in_the_table():
    net = NeuralNetwork([DenseLayer(4, 3, "softmax")], "categorical_crossentropy", random_state=0).build()
    before = net.params.copy()
    with patch.dict(OPTIMIZERS, still=Still):
        net.fit(X, LABELS, epochs=2, optimizer="still", verbose=0)
    assert net.engine_ == "numpy"
    np.testing.assert_array_equal(net.params, before)
