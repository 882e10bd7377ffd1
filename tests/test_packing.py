"""Chains side by side in one network, and many networks packed into one that predicts their mean."""

import copy
import functools
import itertools
import pickle
import re

import numpy as np
import pytest

import neural
from neural import (
    ActivationLayer,
    AverageLayer,
    BatchNorm,
    DenseLayer,
    DropoutLayer,
    GaussianNoise,
    LayerNorm,
    NeuralNetwork,
    Residual,
    ensemble,
    explain,
)
from neural.gradcheck import check_gradient
from neural.losses import LOSSES
from neural.tables import Columns, Number
from tests.engines import ENGINES, needs_core, threads_change_no_bit, trained_alike
from tests.networks import PAIRS, TARGETS, with_settings

RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(90, 6)), RNG.integers(0, 3, 90)


def nested(engine="auto", dtype="float64"):
    """Return a network of chains that have in them all that may be: chains, ways round, dropout, normalization."""
    inner = AverageLayer([
        [DenseLayer(7, 7, "tanh"), BatchNorm()], [DropoutLayer(0.2)], [Residual([DenseLayer(7, 7)])],
    ])  # fmt: skip
    chains = [
        [DenseLayer(6, 7, "relu"), inner, DenseLayer(7, 3, "softmax")],
        [BatchNorm(), DenseLayer(6, 3, "softmax")],
        [AverageLayer([[DenseLayer(6, 4, "gelu")], [DenseLayer(6, 4)]]), LayerNorm(), DenseLayer(4, 3, "softmax")],
    ]
    layers = [GaussianNoise(0.1), AverageLayer(chains), ActivationLayer("log"), ActivationLayer("softmax")]
    return NeuralNetwork(layers, "categorical_crossentropy", engine=engine, dtype=dtype, random_state=1)


# --- the layer -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("training", [False, True])
def test_gradients_of_chains_in_chains(training):
    assert check_gradient(nested(), X[:20], y[:20], training=training).error < 1e-7


def test_it_is_the_mean_of_its_chains_by_hand_too():
    chains = [[DenseLayer(6, 4, "tanh"), DenseLayer(4, 2)], [DenseLayer(6, 2)], [DenseLayer(6, 2, "sigmoid")]]
    net = NeuralNetwork([AverageLayer(copy.deepcopy(chains))], "mse", dtype="float64", random_state=0).build()
    alone = [copy.deepcopy(list(chain)) for chain in net.layers[0].chains]
    want = np.mean([NeuralNetwork(layers, dtype="float64").predict(X) for layers in alone], axis=0)
    np.testing.assert_allclose(net.predict(X), want, rtol=1e-13)
    layer = copy.deepcopy(net.layers[0])
    np.testing.assert_allclose(layer.forward_propagation(X.T).T, want, rtol=1e-13)
    seed = RNG.normal(size=want.shape)
    by_hand = layer.backward_propagation(seed.T, 0.0).T
    of_chains = [NeuralNetwork(layers, dtype="float64") for layers in copy.deepcopy(alone)]
    parts = []
    for part in of_chains:
        (one,) = [AverageLayer([copy.deepcopy(part.layers)])]
        one.forward_propagation(X.T)
        parts.append(one.backward_propagation(seed.T, 0.0).T)
    np.testing.assert_allclose(by_hand, np.mean(parts, axis=0), rtol=1e-12)


@needs_core
def test_engines_agree_and_threads_change_no_bit():
    nets = trained_alike(nested, X, y, epochs=10, batch_size=20, learning_rate=0.02, optimizer="adam")
    for ours, theirs in zip(nets[0].loss_and_gradient(X, y), nets[1].loss_and_gradient(X, y), strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=1e-9, atol=1e-12)
    for dtype, optimizer in itertools.product(["float32", "float64"], [neural.SGD(clip_norm=1.0), "adam"]):
        make = functools.partial(nested, "core", dtype)
        threads_change_no_bit(make, X, y, epochs=3, batch_size=25, optimizer=optimizer)


def test_it_is_copied_pickled_saved_and_shown(tmp_path):
    net = nested()
    net.fit(X, y, epochs=2, verbose=0)
    net.save(tmp_path / "net")
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net)), neural.load(tmp_path / "net")):
        assert np.array_equal(twin.predict(X), net.predict(X))
        assert repr(twin) == repr(net)
        twin.fit(X, y, epochs=1, verbose=0)
    assert str(net).count("Turn") == 5
    assert f"Total params {net.layers[1].trainable_params}" in str(net)
    assert net.layers[1].describe() == "AverageLayer of 3 chains"


def test_chains_of_different_widths_and_empty_ones_are_refused():
    wrong = AverageLayer([[DenseLayer(6, 2)], [DenseLayer(6, 3)]])
    with pytest.raises(ValueError, match=r"layer 1: the chains of an AverageLayer must be equally wide .* Got '2, 3'"):
        NeuralNetwork([wrong], "mse").build(6)
    with pytest.raises(ValueError, match=r"must be of width 5. Got 6"):
        NeuralNetwork([AverageLayer([[DenseLayer(6, 2)], [DenseLayer(5, 2)]])], "mse").build(6)
    for chains in ([], [[]], [[DenseLayer(2, 2)], []], [DenseLayer(2, 2)], 3, None, [["relu"]]):
        with pytest.raises(TypeError, match="chains must be a list of lists of layers"):
            AverageLayer(chains)
    dense = DenseLayer(6, 2)
    with pytest.raises(ValueError, match="in one network, once"):
        NeuralNetwork([AverageLayer([[dense], [dense]])], "mse")


def test_averages_that_lie_deep_in_one_another_are_taken_apart_at_once():
    layer = DenseLayer(2, 2)
    for _ in range(40):
        layer = AverageLayer([[Residual([layer])]])
    assert NeuralNetwork([layer], "mse", random_state=0).predict([[1.0, 2.0]]).shape == (1, 2)


# --- many networks as one --------------------------------------------------------------------------------------------
def members(last, loss, k, dtype, n=3):
    layers = [[DenseLayer(6, 5 + i, "tanh"), DenseLayer(5 + i, k, last, bias_init="random")] for i in range(n)]
    chosen = with_settings(np.random.default_rng(1), loss, k)
    return [
        NeuralNetwork(part, chosen, dtype=dtype, random_state=i, input_scale=0.5).build()
        for i, part in enumerate(layers)
    ]


@pytest.mark.parametrize(("last", "loss"), [pair for pair in PAIRS if pair[0] != "exponential" or pair[1] != "mse"])
def test_it_predicts_the_mean_whatever_the_end(last, loss):
    k = 4
    for dtype, rtol in (("float32", 2e-5), ("float64", 1e-12)):
        nets = members(last, loss, k, dtype)
        one = ensemble(nets)
        want = np.mean([net.predict(X).astype(np.float64) for net in nets], axis=0)
        got = one.predict(X)
        np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol / 10 * np.abs(want).max())
        rng = np.random.default_rng(2)
        targets = TARGETS[loss](rng, len(X), one._loss.n_targets(k))
        ends = {"poisson", "gamma"} if last != "exponential" else set()
        if loss in ends or (loss == "gaussian_nll" and last in ("log", "logit")):
            continue  # rates of exactly 0, and variances of e^-87, have no finite cost in the members neither
        assert np.isfinite(one.fit(X, targets, epochs=1, learning_rate=1e-4, verbose=0)[-1])


def test_all_losses_are_there():
    assert {loss for _, loss in PAIRS} == set(LOSSES)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("last", "loss", "k"), [("softmax", "cross_entropy", 3), ("sigmoid", "bce", 1)])
def test_probabilities_of_0_and_1_come_back(last, loss, k, engine):
    start = np.outer([1, -1, 0][:k], np.ones(2)) * 500
    nets = [
        NeuralNetwork([DenseLayer(2, k, last, init=sign * start)], loss, engine=engine, random_state=0).build()
        for sign in (1, 1, -1)
    ]
    rows = np.array([[1.0, 1.0], [-1.0, -1.0], [0.0, 0.0]])
    for some in (nets[:1], nets[:2], nets):
        want = np.mean([net.predict(rows) for net in some], axis=0)
        np.testing.assert_allclose(ensemble(some).predict(rows), want, rtol=1e-6, atol=1e-37)


def test_what_the_members_are_goes_along_and_they_stay_as_they_are(tmp_path):
    nets = [
        NeuralNetwork([DenseLayer(6, 3, "softmax")], "cross_entropy", input_scale=2.0, random_state=k) for k in range(3)
    ]
    columns = Columns("target", "classes", tuple(Number(f"x{k}", 0.0, -1.0, 1.0, False) for k in range(6)))
    for net in nets:
        net.fit(X, np.array(["a", "b", "c"])[y], epochs=2, verbose=0)
        net.columns_ = columns
    before = [net.params.copy() for net in nets]
    one = ensemble(iter(nets))
    assert one.classes_.tolist() == ["a", "b", "c"]
    assert (one.columns_, one.input_scale, one.seed, one.dtype) == (columns, 2.0, nets[0].seed, nets[0].dtype)
    one.fit(X, np.array(["a", "b", "c"])[y], epochs=3, verbose=0)
    assert all(np.array_equal(net.params, params) for net, params in zip(nets, before, strict=True))
    one.save(tmp_path / "one")
    assert np.array_equal(neural.load(tmp_path / "one").predict(X), one.predict(X))
    again = ensemble([one, nets[0]])  # of ensembles too
    np.testing.assert_allclose(again.predict(X), (one.predict(X) + nets[0].predict(X)) / 2, rtol=1e-5)


def test_it_is_explained_and_exported_like_any_network(tmp_path):
    nets = members("softmax", "categorical_crossentropy", 3, "float64")
    one = ensemble(nets)
    found = explain(one, X[:5], "gradient", of="output", target=1)
    want = np.mean([explain(net, X[:5], "gradient", of="output", target=1).values for net in nets], axis=0)
    np.testing.assert_allclose(found.values, want, rtol=1e-9, atol=1e-14)
    assert np.abs(explain(one, X[:5], steps=64).gap).max() < 1e-6
    values = members("linear", "mse", 2, "float64")
    found = explain(ensemble(values), X[:5], "deeplift", target=0)
    want = np.mean([explain(net, X[:5], "deeplift", target=0).values for net in values], axis=0)
    np.testing.assert_allclose(found.values, want, rtol=1e-9, atol=1e-14)
    assert np.abs(found.gap).max() < 1e-12
    for suffix in (".py", ".c", ".js"):
        proof = one.export(tmp_path / f"one{suffix}")
        assert proof.passed or "there is no" in proof.by
    text = ensemble(members("softmax", "categorical_crossentropy", 3, "float32")).export(
        tmp_path / "whole.c", quantize="int8", X=X
    )
    assert text.passed or "there is no" in text.by


def test_in_torch_it_is_the_mean_too():
    torch = pytest.importorskip("torch")
    one = ensemble(members("sigmoid", "binary_crossentropy", 2, "float64"))
    np.testing.assert_allclose(one.to_torch()(torch.tensor(X)).detach().numpy(), one.predict(X), rtol=1e-12)


def test_networks_that_do_not_fit_are_refused_in_words():
    def net(n_in=6, n_out=3, loss="cross_entropy", **options):
        return NeuralNetwork([DenseLayer(n_in, n_out, "softmax")], loss, **options).build()

    first, named, table = net(), net(), net()
    named.classes_ = np.array(["a", "b", "c"])
    table.columns_ = Columns("target", "classes", tuple(Number(f"x{k}", 0.0, -1.0, 1.0, False) for k in range(6)))
    refused = {
        "inputs of networks[1]": net(n_in=5),
        "outputs of networks[1]": net(n_out=4),
        "loss of networks[1]": net(loss="mse"),
        "dtype of networks[1]": net(dtype="float64"),
        "input_scale of networks[1]": net(input_scale=0.5),
        "classes_ of networks[1]": named,
        "columns_ of networks[1]": table,
        "networks[1] must be fitted, or built": NeuralNetwork([DenseLayer(6, 3, "softmax")], "cross_entropy"),
    }
    for words, other in refused.items():
        with pytest.raises(ValueError, match=re.escape(words)) as caught:
            ensemble([first, other])
        assert str(caught.value).startswith(words)
    with pytest.raises(ValueError, match="networks must be at least one"):
        ensemble([])
    for wrong in (first, 3, None):
        with pytest.raises(TypeError, match="networks must be a list of networks"):
            ensemble(wrong)
    with pytest.raises(TypeError, match=r"networks\[1\] must be a NeuralNetwork"):
        ensemble([first, "net"])


def test_losses_of_ones_own_are_compared_by_what_they_are():
    class Cubic(neural.Loss):
        def loss(self, y_true, y_pred):
            return np.mean(np.abs(y_pred - y_true) ** 3)

        def loss_prime(self, y_true, y_pred):
            return 3 * np.sign(y_pred - y_true) * (y_pred - y_true) ** 2 / y_true.size

    nets = [NeuralNetwork([DenseLayer(6, 2)], Cubic(), random_state=k).build() for k in range(2)]
    one = ensemble(nets)
    np.testing.assert_allclose(one.predict(X), (nets[0].predict(X) + nets[1].predict(X)) / 2, rtol=1e-5)
    one.fit(X, X[:, :2], epochs=1, learning_rate=1e-4, verbose=0)
