"""Layers for the columns of tables: known values, both engines, any threads, files, and what is refused."""

import copy
import pickle

import numpy as np
import pytest

import neural
from neural import (
    ActivationLayer,
    Adam,
    DenseLayer,
    DropoutLayer,
    Embedding,
    NeuralNetwork,
    OnColumns,
    PeriodicEmbedding,
    PiecewiseEmbedding,
    Residual,
    Scaling,
)
from neural.gradcheck import check_gradient
from tests.engines import ENGINES, needs_core, threads_change_no_bit, trained_alike

RNG = np.random.default_rng(0)
N = 101
X = np.c_[RNG.normal(size=(N, 3)), RNG.integers(0, 2, N), RNG.integers(-1, 5, N), RNG.integers(0, 9, N)]
Y = RNG.integers(0, 2, N)


def table(dtype="float64", form="pbld", engine="auto", frequencies=5):
    """Return a network for three numbers and three codes, of 2, 4 and 9 levels; some codes of X are in no table."""
    step = Scaling([0.5, 1.0, 2.0], [0.1, -0.2, 0.3])
    step.rate_factor = 0.0
    numbers = [step, ActivationLayer("smooth_clip"), PeriodicEmbedding(3, frequencies=frequencies, form=form)]
    layers = [
        OnColumns(numbers, first=3),
        OnColumns([Embedding([2, 4, 9], [8, 3, 2], one_hot_up_to=2)], last=3),
        Scaling(centre=0.1),
        DenseLayer(None, 6, "relu"),
        DenseLayer(6, 2, "softmax"),
    ]
    return NeuralNetwork(layers, "categorical_crossentropy", dtype=dtype, engine=engine, random_state=0)


@pytest.mark.parametrize("form", ["pbld", "plr"])
def test_a_network_for_a_table_has_the_right_gradient(form):
    assert check_gradient(table(form=form).build(6), X[:20], Y[:20]).error < 1e-6


@needs_core
@pytest.mark.parametrize("frequencies", [1, 16, 20])
@pytest.mark.parametrize("form", ["pbld", "plr"])
@pytest.mark.parametrize("clip", [None, 0.1])  # by both ways of the core to an update
def test_the_engines_train_it_alike(form, clip, frequencies):
    def make(engine):
        return table(form=form, engine=engine, frequencies=frequencies)

    trained_alike(make, X, Y, epochs=5, batch_size=8, optimizer=Adam(clip_norm=clip), average="ema")


@needs_core
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("form", ["pbld", "plr"])
@pytest.mark.parametrize("clip", [None, 0.1])
def test_threads_change_no_bit_and_padding_stays_0(dtype, form, clip):
    optimizer = Adam(clip_norm=clip)
    threads_change_no_bit(lambda: table(dtype, form, "core"), X, Y, epochs=4, batch_size=25, optimizer=optimizer)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_row_is_as_among_many(dtype, engine):
    net = table(dtype, engine=engine).build(6)
    rows = np.vstack([net.predict(row[None]) for row in X])
    np.testing.assert_allclose(rows, net.predict(X), rtol=1e-5 if dtype == "float32" else 1e-12)
    assert np.isfinite(net.fit(X[:1], Y[:1], epochs=1, verbose=0)[-1])


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_frozen_or_has_no_parameters_stays(engine):
    edges = [[-1, 0, 1], [-2, 2], [0, 0.5, 1, 3]]
    net = NeuralNetwork(
        [OnColumns([Scaling(0.5, 0.25), PiecewiseEmbedding(edges)], first=3), DenseLayer(None, 1)],
        "mse",
        dtype="float64",
        engine=engine,
        random_state=0,
    ).build(6)
    step, bins = net.layers[0].layers
    step.rate_factor = 0.0
    net.fit(X, X[:, 0], epochs=3, optimizer="lion", verbose=0)
    assert step.parameter("scale").tolist() == [0.5, 0.5, 0.5]
    assert step.parameter("centre").tolist() == [0.25, 0.25, 0.25]
    np.testing.assert_array_equal(bins.parameter("starts"), [-1, 0, -2, 0, 0.5, 1])
    np.testing.assert_array_equal(bins.parameter("factors"), [1, 1, 0.25, 2, 2, 0.5])


@pytest.mark.parametrize("engine", ENGINES)
def test_piecewise_is_that_of_the_paper(engine):
    """As its equation 1, worked out bin by bin."""
    edges = [[-1.0, 0.0, 0.5, 2.0], [-1.0, 1.0]]
    net = NeuralNetwork([PiecewiseEmbedding(edges)], "mse", dtype="float64", engine=engine).build(2)
    x = RNG.normal(size=(50, 2)) * 2
    want = []
    for j, row in enumerate(edges):
        for t in range(1, len(row)):
            y = (x[:, j] - row[t - 1]) / (row[t] - row[t - 1])
            y = np.where((x[:, j] < row[t - 1]) & (t > 1), 0, y)
            want.append(np.where((x[:, j] >= row[t]) & (t < len(row) - 1), 1, y))
    np.testing.assert_allclose(net.predict(x), np.array(want).T, atol=1e-15)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_codes_are_rounded_and_those_in_no_table_are_zeros(dtype, engine):
    layers = [Embedding([2, 3, 3], 2, one_hot_up_to=2), DenseLayer(5, 5, init=np.eye(5))]
    net = NeuralNetwork(layers, "mse", dtype=dtype, engine=engine, random_state=0).build(3)
    layers[0].assign("table_1", [[1, 2], [3, 4], [5, 6]])
    layers[0].assign("table_2", [[7, 8], [9, 10], [11, 12]])
    codes = [[0, 0, 0], [1, 1, 2], [0.49, 1.51, -0.49], [-0.51, 2.5, 3], [-1, -1e9, 1e30]]
    want = [[-1, 1, 2, 7, 8], [1, 3, 4, 11, 12], [-1, 5, 6, 7, 8], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]]
    np.testing.assert_array_equal(net.predict(codes), want)
    net.input_scale = 1 / 255  # the product is not always whole
    np.testing.assert_array_equal(net.predict(np.array(codes[:2]) * 255), want[:2])


@pytest.mark.parametrize("engine", ENGINES)
def test_the_rows_of_codes_that_do_not_come_stay(engine):
    net = NeuralNetwork([Embedding([5, 3], 2), DenseLayer(4, 1)], "mse", engine=engine, random_state=0).build(2)
    before = [net.layers[0].parameter(name).copy() for name in ("table_0", "table_1")]
    net.fit([[1.0, -1.0], [3.0, 7.0]], [1.0, 2.0], epochs=1, verbose=0)
    moved = [
        (net.layers[0].parameter(name) != old).any(axis=1)
        for name, old in zip(("table_0", "table_1"), before, strict=True)
    ]
    assert moved[0].tolist() == [False, True, False, True, False]
    assert not moved[1].any()


@pytest.mark.parametrize("engine", ENGINES)
def test_columns_go_round_in_every_place(engine):
    """Within one another, within a Residual, and around dropout; first and last, and all of them."""
    inner = OnColumns([DenseLayer(2, 5, "tanh"), OnColumns([Scaling(2.0)], last=2), DenseLayer(5, 1)], last=2)
    layers = [
        Residual([OnColumns([DropoutLayer(0.3), DenseLayer(2, 2)], first=2)]),
        OnColumns([Scaling(3.0), inner], first=4),
        OnColumns([ActivationLayer("tanh")], last=5),
        DenseLayer(5, 1),
    ]
    net = NeuralNetwork(layers, "mse", dtype="float64", engine=engine, random_state=0).build(6)
    assert net._widths()[-1] == 5
    x, y = X[:7], X[:7, 0]
    cost, gradient, dx = net.loss_and_gradient(x, y, training=True)
    assert check_gradient(net, x, y, training=True).error < 1e-6
    net.engine = "numpy"
    again = net.loss_and_gradient(x, y, training=True)
    assert cost == pytest.approx(again[0], rel=1e-12)
    np.testing.assert_allclose(gradient, again[1], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(dx, again[2], rtol=1e-9, atol=1e-12)


def test_large_arguments_of_waves_are_waves_still():
    """Far out float32 knows no fraction of a turn: what comes is no number above 1, and infinity is seen."""
    for engine in ENGINES:
        layer = PeriodicEmbedding(2, frequencies=1)
        net = NeuralNetwork([layer, DenseLayer(2, 2, init=np.eye(2))], "mse", engine=engine, random_state=0).build(1)
        for name, value in {"frequencies": [[1.0]], "phases": [[0.0]], "weights": [[1.0]], "biases": [0.0]}.items():
            layer.assign(name, value)
        far = np.array([[1e3], [12345.678], [1e6], [1e9], [-1e30]], np.float32)
        found = net.predict(far)
        assert (np.abs(found[:, 1]) <= 1.000001).all()
        np.testing.assert_allclose(found[:1, 1], np.cos(2 * np.pi * far[:1, 0].astype(float)), atol=1e-3)


def test_it_is_copied_pickled_saved_and_shown(tmp_path):
    net = table()
    assert "Total params" in str(net)
    net.fit(X, Y, epochs=1, verbose=0)
    net.save(tmp_path / "table.neural")
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net)), neural.load(tmp_path / "table.neural")):
        assert np.array_equal(twin.predict(X), net.predict(X))
        assert twin.layers == net.layers
        assert [leaf.rate_factor for leaf in twin.leaves] == [leaf.rate_factor for leaf in net.leaves]
    assert "OnColumns" in repr(net)
    assert net.layers[0].trainable_params == 3 * 2 + 3 * (5 * 2 + 2 * 5 + 2)
    assert net.layers[1].trainable_params == 4 * 3 + 9 * 2
    assert net.n_inputs == 6


def test_the_width_of_the_inputs_is_not_that_of_a_dense_layer_behind():
    net = NeuralNetwork([OnColumns([Embedding([3], 4)], last=1), DenseLayer(5, 1)], "mse", random_state=0)
    assert net.n_inputs is None
    with pytest.raises(ValueError, match="not known yet"):
        net.build()
    assert net.build(2).n_inputs == 2


def test_the_derivative_by_a_code_is_0_and_its_part_is_the_gap():
    net = table().build(6)
    found = neural.explain(net, X[:5], "integrated", target=0)
    assert (found.values[:, 3:] == 0).all()
    assert np.abs(found.gap).max() > 1e-6


def test_it_goes_to_torch_and_comes_back():
    torch = pytest.importorskip("torch")
    from neural.imports import from_torch

    net = NeuralNetwork([OnColumns([PiecewiseEmbedding([[-1, 0.1, 1]])], first=1), DenseLayer(7, 2)], "mse")
    for made in (net.build(6), table("float32").build(6)):
        module = made.to_torch()
        found = module(torch.from_numpy(X.astype(np.float32))).detach().numpy()
        np.testing.assert_allclose(found, made.predict(X), atol=1e-6)
        np.testing.assert_array_equal(from_torch(module).predict(X), made.predict(X))
    with pytest.raises(ValueError, match="Embedding must be one that to_torch made"):
        from_torch(torch.nn.Sequential(torch.nn.Embedding(3, 2)))


@pytest.mark.parametrize("suffix", [".py", ".onnx"])
def test_it_is_exported(suffix, tmp_path):
    if suffix == ".onnx":
        pytest.importorskip("onnxruntime")
    net = table("float32")
    net.fit(X, Y, epochs=2, verbose=0)
    assert net.export(tmp_path / f"model{suffix}").passed


REFUSED = {
    "levels must be a list": lambda: Embedding(3),
    "levels must be a list with": lambda: Embedding([]),
    r"levels\[1\] must be": lambda: Embedding([3, 0]),
    r"levels\[0\] must be a whole": lambda: Embedding([2.5]),
    "width must be a number, or one for each of 2": lambda: Embedding([3, 3], [1]),
    "edges must be": lambda: PiecewiseEmbedding([]),
    r"edges\[0\] must be two numbers at least": lambda: PiecewiseEmbedding([[1, 1]]),
    r"edges\[1\] must be two": lambda: PiecewiseEmbedding([[0, 1], [2]]),
    r"edges\[0\] must be finite": lambda: PiecewiseEmbedding([[0, np.nan, 1]]),
    "form must be one of": lambda: PeriodicEmbedding(form="pld"),
    "width must be": lambda: PeriodicEmbedding(1),
    "sigma must be": lambda: PeriodicEmbedding(sigma=0),
    "frequencies must be": lambda: PeriodicEmbedding(frequencies=0),
    "scale must be": lambda: Scaling([[1.0]]),
    "scale must be finite": lambda: Scaling([1.0, np.inf]),
    "centre must be": lambda: Scaling(1, "no"),
    "layers must be a list of layers": lambda: OnColumns([], first=1),
    "one of first and last must be given": lambda: OnColumns([Scaling()]),
    "one of first and last must": lambda: OnColumns([Scaling()], first=1, last=1),
    "first must be": lambda: OnColumns([Scaling()], first=0),
    "of width 2": lambda: NeuralNetwork([Scaling([1.0, 2.0])], "mse").build(3),
    "input of Embedding of 1 columns must be of width 1": lambda: NeuralNetwork([Embedding([3])], "mse").build(2),
    "input of PiecewiseEmbedding": lambda: NeuralNetwork([PiecewiseEmbedding([[0, 1]])], "mse").build(2),
    "at least 3 columns": lambda: NeuralNetwork([OnColumns([Scaling()], first=3)], "mse").build(2),
    "must be finite": lambda: NeuralNetwork([Embedding([3])], "mse").build(1).predict([[np.nan]]),
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_is_refused(words):
    with pytest.raises((ValueError, TypeError), match=words):
        REFUSED[words]()
