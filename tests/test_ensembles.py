"""Members that share their weights: each has its own loss, and the network says the mean of what they say."""

import copy

import numpy as np
import pytest

import neural
from neural import (
    Adam,
    DenseLayer,
    DropoutLayer,
    EnsembleDense,
    MeanOfMembers,
    Muon,
    NeuralNetwork,
)
from neural.gradcheck import check_gradient, kink_distance
from tests.engines import ENGINES, needs_core, threads_change_no_bit, trained_alike

RNG = np.random.default_rng(0)
X = RNG.normal(size=(70, 5))
Y = (X[:, 0] > 0).astype(int) + (X[:, 1] * X[:, 2] > 0)


def classes(engine="auto", dtype="float64", members=4):
    layers = [
        EnsembleDense(8, members, "tanh", first=True),
        DropoutLayer(0.2),
        EnsembleDense(17, members, "relu", l1=0.01, l2=0.1),
        EnsembleDense(3, members),
        MeanOfMembers(members, "softmax"),
    ]
    return NeuralNetwork(layers, "categorical_crossentropy", dtype=dtype, engine=engine, random_state=0)


def numbers(engine="auto", dtype="float64"):
    layers = [DenseLayer(5, 20, "tanh"), EnsembleDense(6, 3, "gelu", first=True), EnsembleDense(2, 3), MeanOfMembers(3)]
    return NeuralNetwork(layers, "mse", dtype=dtype, engine=engine, random_state=0)


def answers(engine="auto", dtype="float64"):
    layers = [EnsembleDense(130, 2, "selu", first=True), EnsembleDense(1, 2), MeanOfMembers(2, "sigmoid")]
    return NeuralNetwork(layers, "binary_crossentropy", dtype=dtype, engine=engine, random_state=0)


def in_the_middle(engine="auto", dtype="float64"):
    layers = [
        *(EnsembleDense(9, 5, "silu", first=True), EnsembleDense(4, 5), MeanOfMembers(5, "softmax")),
        DenseLayer(4, 3, "softmax"),
    ]
    return NeuralNetwork(layers, "categorical_crossentropy", dtype=dtype, engine=engine, random_state=0)


CASES = {
    "classes": (classes, Y),
    "numbers": (numbers, X[:, :2]),
    "answers": (answers, Y > 0),
    "middle": (in_the_middle, Y),
}


@pytest.mark.parametrize("case", CASES)
def test_the_gradient_is_right(case):
    make, y = CASES[case]
    net = make().build(5)
    assert kink_distance(net, X[:9], y[:9], training=True) > 1e-5
    assert check_gradient(net, X[:9], y[:9], sample_weight=RNG.random(9), training=True).error < 1e-6


@needs_core
@pytest.mark.parametrize("clip", [None, 0.1])  # by both ways of the core to an update
@pytest.mark.parametrize("case", CASES)
def test_the_engines_train_it_alike(case, clip):
    make, y = CASES[case]
    weights, optimizer = np.random.default_rng(1).random(len(X)), Adam(clip_norm=clip)
    nets = trained_alike(
        make, X, y, 1e-8, epochs=4, batch_size=16, optimizer=optimizer, sample_weight=weights, average="ema"
    )
    np.testing.assert_allclose(nets[1].predict(X[:1]), nets[0].predict(X)[:1], rtol=1e-9)
    assert nets[1].evaluate(X, y)["loss"] == pytest.approx(nets[0].evaluate(X, y)["loss"], rel=1e-9)


@needs_core
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("clip", [None, 0.1])
def test_threads_change_no_bit_and_padding_stays_0(dtype, clip):
    optimizer = Adam(clip_norm=clip)
    threads_change_no_bit(lambda: classes("core", dtype), X, Y, epochs=3, batch_size=32, optimizer=optimizer)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_loss_is_the_mean_of_the_members_and_the_prediction_the_mean_of_theirs(engine):
    net = classes(engine).build(5)
    first, _, second, last, _ = net.layers
    losses, predictions = [], []
    for i in range(4):
        a = X
        for layer, act in ((first, np.tanh), (second, lambda z: np.maximum(z, 0)), (last, lambda z: z)):
            r, s, b = (layer.parameter(name)[i] for name in ("scale_in", "scale_out", "biases"))
            a = act((a * r) @ layer.parameter("weights").T * s + b)
        p = np.exp(a) / np.exp(a).sum(axis=1, keepdims=True)
        losses.append(-np.log(p[np.arange(len(X)), Y]).mean())
        predictions.append(p)
    np.testing.assert_allclose(net.predict(X), np.mean(predictions, axis=0), rtol=1e-12)
    assert net.evaluate(X, Y)["loss"] == pytest.approx(np.mean(losses), rel=1e-12)
    assert not np.allclose(predictions[0], predictions[1])


@pytest.mark.parametrize("engine", ENGINES)
def test_it_learns(engine):
    net = classes(engine, "float32")
    net.layers[2].l1 = net.layers[2].l2 = 0.0
    net.fit(X, Y, epochs=150, learning_rate=0.02, optimizer="adam", metrics=["accuracy"], verbose=0)
    assert net.evaluate(X, Y, ["accuracy"])["accuracy"] > 0.9
    np.testing.assert_allclose(net.predict(X).sum(axis=1), 1, rtol=1e-5)


def test_the_random_signs_are_of_the_first_layer():
    first, _, second, _, _ = classes().build(5).layers
    assert set(first.parameter("scale_in").ravel().tolist()) == {-1.0, 1.0}
    assert set(second.parameter("scale_in").ravel().tolist()) == {1.0}


def test_it_is_saved_copied_explained_and_shown(tmp_path):
    net = classes("auto", "float32")
    net.fit(X, Y, epochs=1, verbose=0)
    net.save(tmp_path / "members")
    for twin in (copy.deepcopy(net), neural.load(tmp_path / "members")):
        assert np.array_equal(twin.predict(X), net.predict(X))
    assert np.abs(neural.explain(net, X[:5], of="output", target=1).gap).max() < 0.02
    assert np.abs(neural.explain(net, X[:5], "deeplift", target=1).gap).max() < 1e-4
    assert "EnsembleDense" in str(net)
    assert net.layers[0].trainable_params == 8 * 5 + 4 * (5 + 8 + 8)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("suffix", [".py", ".onnx"])
def test_it_is_exported(suffix, case, tmp_path):
    if suffix == ".onnx":
        pytest.importorskip("onnxruntime")
    make, y = CASES[case]
    net = make("auto", "float32")
    net.fit(X, y, epochs=1, verbose=0)
    assert net.export(tmp_path / f"model{suffix}").passed


def test_an_optimizer_of_matrices_runs_on_numpy():
    net = classes()
    net.fit(X, Y, epochs=1, optimizer=Muon(), verbose=0)
    assert net.engine_ == "numpy"


REFUSED = {
    "members must be": lambda: EnsembleDense(3, 0),
    "n_out must be": lambda: EnsembleDense(0, 3),
    "first must be True or False": lambda: EnsembleDense(3, 3, first=1),
    "one of each number alone": lambda: EnsembleDense(3, 3, "softmax"),
    "a multiple of 3": lambda: NeuralNetwork([EnsembleDense(2, 3)], "mse").build(4),
    "of MeanOfMembers of 3 must be a multiple": lambda: NeuralNetwork([MeanOfMembers(3)], "mse").build(4),
    "activation of MeanOfMembers must be 'linear'": lambda: NeuralNetwork(
        [EnsembleDense(2, 3, first=True), MeanOfMembers(3, "tanh")], "mse"
    ).fit(X, Y, verbose=0),
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_is_refused(words):
    with pytest.raises((ValueError, TypeError), match=words):
        REFUSED[words]()
