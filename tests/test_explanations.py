"""Explanations: finite differences, captum on the same weights, the axioms they are meant to keep, and pipelines."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neural import (
    ActivationLayer,
    BatchNorm,
    DenseLayer,
    DropoutLayer,
    LayerNorm,
    NeuralNetwork,
    PReLU,
    Residual,
    explain,
    explanations,
)
from neural.explanations import METHODS
from neural.streams import seed_from
from tests.networks import draw

FOUND = settings(derandomize=True, deadline=None, max_examples=25)
CCE = "categorical_crossentropy"
SMOOTH = ("tanh", "silu", "softplus")


def network(hidden="tanh", last="softmax", n_out=3, seed=0, width=7, **options):
    layers = [DenseLayer(4, width, hidden), DenseLayer(width, 5, hidden), DenseLayer(5, n_out, last)]
    net = NeuralNetwork(layers, CCE if last == "softmax" else "mse", dtype="float64", random_state=seed, **options)
    rng = np.random.default_rng(seed)
    for layer in net.build().layers:
        layer.biases = 0.3 * rng.normal(size=layer.biases.shape)
    return net


def rows(n=6, width=4, seed=1):
    return np.random.default_rng(seed).normal(size=(n, width))


# Against finite differences -------------------------------------------------------------------------------------------


def differences(net, X, target, step=1e-5):
    """Return the slope of one output by each input, by central differences."""
    found = np.empty(X.shape)
    for k in range(X.shape[1]):
        up, down = X.copy(), X.copy()
        up[:, k] += step
        down[:, k] -= step
        found[:, k] = (net.predict(up) - net.predict(down))[:, target] / (2 * step)
    return found


@pytest.mark.parametrize("part", range(4))
def test_gradients_of_random_networks_are_finite_differences(part):
    for seed in range(part * 40, part * 40 + 40):
        net, X, _, _ = draw(seed)
        found = explain(net, X, "gradient", target=0, of="output").values
        want = differences(net, X, 0)
        np.testing.assert_allclose(found, want, rtol=1e-4, atol=1e-4 * max(1, np.abs(want).max()))


def test_input_scale_belongs_to_the_derivative():
    net = network(input_scale=0.1)
    X = 10 * rows()
    np.testing.assert_allclose(
        explain(net, X, "gradient", target=1, of="output").values, differences(net, X, 1), atol=1e-8
    )
    found = explain(net, X, "integrated")
    assert np.abs(found.gap).max() < 1e-9


# Against captum, on the same weights ----------------------------------------------------------------------------------


def in_torch(net, scores=True):
    torch = pytest.importorskip("torch")
    kinds = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU, "sigmoid": torch.nn.Sigmoid, "elu": torch.nn.ELU}
    parts = []
    for k, layer in enumerate(net.layers):
        linear = torch.nn.Linear(layer.n_in, layer.n_out, dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(layer.weights))
            linear.bias.copy_(torch.tensor(layer.biases[:, 0]))
        parts.append(linear)
        if k < len(net.layers) - 1:
            parts.append(kinds[layer.activation_name]())
        elif not scores:
            parts.append(torch.nn.Softmax(dim=1))
    return torch, torch.nn.Sequential(*parts)


@pytest.mark.filterwarnings("ignore::UserWarning")  # captum's, about its own hooks
@pytest.mark.parametrize("hidden", ["tanh", "relu", "sigmoid", "elu"])
@pytest.mark.parametrize("of", ["score", "output"])
def test_they_are_captums(hidden, of):
    attr = pytest.importorskip("captum.attr")
    net, X, b = network(hidden, seed=3), rows(8), rows(1, seed=5)
    targets = net.predict(X).argmax(axis=1)
    torch, model = in_torch(net, of == "score")
    x, base, target = (torch.tensor(a) for a in (X, b, targets))
    theirs = {
        "gradient": attr.Saliency(model).attribute(x.clone(), target, abs=False),
        "gradient_x_input": attr.InputXGradient(model).attribute(x.clone(), target),
        "integrated": attr.IntegratedGradients(model).attribute(x.clone(), base, target, n_steps=32),
    }
    if of == "score":
        theirs["deeplift"] = attr.DeepLift(model).attribute(x.clone(), base, target)
    for method, want in theirs.items():
        found = explain(net, X, method, baseline=b, of=of)
        np.testing.assert_array_equal(found.targets, targets)
        np.testing.assert_allclose(found.values, want.detach().numpy(), atol=1e-9)


def test_they_are_captums_in_single_precision():
    attr = pytest.importorskip("captum.attr")
    net, X = network("relu", seed=3), rows(50).astype(np.float32)
    _, model = in_torch(net)
    torch = pytest.importorskip("torch")
    single = NeuralNetwork([DenseLayer(4, 7, "relu"), DenseLayer(7, 5, "relu"), DenseLayer(5, 3, "softmax")], CCE)
    for layer, other in zip(single.build().layers, net.layers, strict=True):
        layer.weights, layer.biases = other.weights, other.biases
    x, target = torch.tensor(X), torch.tensor(single.predict(X).argmax(axis=1))
    want = attr.IntegratedGradients(model.float()).attribute(x, torch.zeros(1, 4), target, n_steps=32)
    np.testing.assert_allclose(explain(single, X).values, want.detach().numpy(), atol=1e-5)


# Axioms ---------------------------------------------------------------------------------------------------------------


@FOUND
@given(st.integers(0, 10_000), st.sampled_from(SMOOTH), st.sampled_from(["score", "output"]))
def test_integrated_gradients_are_complete(seed, hidden, of):
    net = network(hidden, seed=seed)
    found = explain(net, rows(seed=seed), baseline=rows(1, seed=seed + 1), steps=64, of=of)
    assert np.abs(found.gap).max() < 1e-6
    if of == "output":
        np.testing.assert_allclose(found.outputs, net.predict(rows(seed=seed)).max(axis=1))


@FOUND
@given(st.integers(0, 10_000), st.sampled_from(["relu", "elu", "tanh", "leaky_relu"]))
def test_deeplift_is_complete_to_rounding(seed, hidden):
    found = explain(network(hidden, seed=seed), rows(seed=seed), "deeplift", baseline=rows(1, seed=seed + 1))
    assert np.abs(found.gap).max() < 1e-12


def test_deeplift_is_complete_through_prelu_batchnorm_dropout_and_a_way_round():
    block = Residual([DenseLayer(8, 8, "relu"), DenseLayer(8, 8)])
    layers = [
        DenseLayer(4, 8),
        BatchNorm(),
        PReLU(),
        DropoutLayer(0.5),
        block,
        ActivationLayer("tanh"),
        DenseLayer(8, 2),
    ]
    net = NeuralNetwork(layers, "mse", dtype="float64", random_state=0)
    net.fit(rows(50), rows(50, 2), epochs=3, verbose=0)
    for method in ("deeplift", "integrated"):
        found = explain(net, rows(), method, baseline=0.1, steps=300, target=1)
        assert np.abs(found.gap).max() < (1e-12 if method == "deeplift" else 0.01)


def test_a_layer_that_is_no_function_of_one_number_leaves_a_gap_and_says_so():
    net = NeuralNetwork([DenseLayer(4, 8), LayerNorm(), DenseLayer(8, 1)], "mse", dtype="float64", random_state=0)
    assert np.abs(explain(net, rows(), "deeplift", baseline=0.1).gap).max() > 1e-3
    assert np.abs(explain(net, rows(), "integrated", baseline=0.1, steps=256).gap).max() < 1e-6


@pytest.mark.parametrize("method", METHODS)
@FOUND
@given(seed=st.integers(0, 10_000))
def test_an_input_that_does_nothing_gets_nothing(method, seed):
    net = network("tanh", seed=seed)
    net.layers[0].weights[:, 2] = 0
    found = explain(net, rows(seed=seed), method, baseline=rows(5, seed=9) if method == "expected" else None)
    assert (found.values[:, 2] == 0).all()
    assert (found.values[:, 0] != 0).any()


@pytest.mark.parametrize("method", METHODS)
@FOUND
@given(seed=st.integers(0, 10_000))
def test_inputs_that_do_the_same_get_the_same(method, seed):
    net = network("tanh", seed=seed)
    net.layers[0].weights[:, 1] = net.layers[0].weights[:, 0]
    X, b = rows(seed=seed), rows(5 if method == "expected" else 1, seed=9)
    X[:, 1], b[:, 1] = X[:, 0], b[:, 0]
    found = explain(net, X, method, baseline=b, random_state=0).values
    np.testing.assert_allclose(found[:, 0], found[:, 1], atol=1e-12)


@FOUND
@given(seed=st.integers(0, 10_000))
def test_a_linear_network_is_explained_by_its_weights(seed):
    net = NeuralNetwork([DenseLayer(4, 1)], "mse", dtype="float64", random_state=seed)
    X, b = rows(seed=seed), rows(1, seed=seed + 1)
    for method in ("integrated", "deeplift"):
        np.testing.assert_allclose(explain(net, X, method, baseline=b).values, (X - b) * net.weights[0], atol=1e-12)
    many = rows(7, seed=3)
    found = explain(net, X, "expected", baseline=many, steps=14, random_state=0)
    np.testing.assert_allclose(found.values, (X - many.mean(axis=0)) * net.weights[0], atol=1e-12)
    assert np.abs(found.gap).max() < 1e-12


def test_expected_gradients_come_nearer_with_more_draws():
    net, background = network("tanh", seed=2), rows(40, seed=3)
    gaps = [np.abs(explain(net, rows(), "expected", baseline=background, steps=n, random_state=0).gap).mean()
            for n in (20, 2000)]  # fmt: skip
    assert gaps[1] < 0.3 * gaps[0]
    assert gaps[1] < 0.02


@pytest.mark.parametrize("most", [1, 100, 1 << 24])
@pytest.mark.parametrize(
    "first", [(DenseLayer(4, 5), BatchNorm()), (ActivationLayer("tanh"), DenseLayer(4, 5))], ids=["affine", "not"]
)
def test_expected_gradients_are_the_mean_over_the_draws(first, most, monkeypatch):
    """However many ways are gone at once, and far from 0, where x - b is small beside x."""
    monkeypatch.setattr(explanations, "MOST_AT_ONCE", most)
    layers = [*copy.deepcopy(first), ActivationLayer("tanh"), DenseLayer(5, 2)]
    net = NeuralNetwork(layers, "mse", dtype="float64", random_state=0, input_scale=0.5)
    X, background = rows() + 3, rows(5, seed=9) + 3
    found = explain(net, X, "expected", baseline=background, steps=7, target=1, random_state=0)
    rng = np.random.default_rng(seed_from(0))
    chosen = np.concatenate([rng.permutation(5) for _ in range(2)])[:7]
    points = (rng.permutation(7) + rng.random(7)) / 7
    each = [(X - b) * explain(net, b + t * (X - b), "gradient", target=1).values
            for b, t in zip(background[chosen], points, strict=True)]  # fmt: skip
    np.testing.assert_allclose(found.values, np.mean(each, axis=0), rtol=1e-11, atol=1e-13)


def test_as_text_it_is_a_table_the_largest_first():
    net = NeuralNetwork([DenseLayer(12, 1, init=[np.arange(12.0)])], "mse", dtype="float64")
    found = explain(net, np.ones((2, 12)))
    first, *lines = str(found).splitlines()
    assert first == "integrated of 2 rows, mean size of the values:"
    assert [line.split() for line in lines[:2]] == [["x11", "11"], ["x10", "10"]]
    assert lines[10:] == ["and 2 more"]
    assert repr(found) == str(found)


def test_affine_layers_that_come_first_are_run_once_and_nothing_changes():
    """What goes in after an activation has no such short way: the values are those of the plain formula."""
    net, X, b = network("tanh", seed=4), rows(), rows(1, seed=5)
    points, weights = np.polynomial.legendre.leggauss(8)
    slopes = sum(
        w / 2 * explain(net, b + (p + 1) / 2 * (X - b), "gradient", target=1).values
        for p, w in zip(points, weights, strict=True)
    )
    np.testing.assert_allclose(explain(net, X, baseline=b, steps=8, target=1).values, (X - b) * slopes, atol=1e-12)


# What is asked and what comes back ------------------------------------------------------------------------------------


def test_targets_by_label_by_column_and_by_row():
    X, y = rows(60), np.array(["cat", "cow", "dog"])[np.arange(60) % 3]
    net = network()
    net.fit(X, y, epochs=2, verbose=0)
    by_label = explain(net, X, target="dog").values
    np.testing.assert_array_equal(by_label, explain(net, X, target=2).values)
    several = explain(net, X[:3], target=["cat", "dog", "dog"])
    assert several.targets.tolist() == [0, 2, 2]
    np.testing.assert_allclose(several.values[1:], by_label[1:3], atol=1e-14)


def test_the_one_output_is_about_the_second_class():
    net = NeuralNetwork([DenseLayer(4, 3, "tanh"), DenseLayer(3, 1, "sigmoid")], "binary_crossentropy", random_state=0)
    net.fit(rows(20), np.where(rows(20)[:, 0] > 0, "yes", "no"), epochs=2, verbose=0)
    by_label = explain(net, rows(), target="yes")
    np.testing.assert_array_equal(by_label.values, explain(net, rows()).values)
    assert by_label.targets.tolist() == [0] * 6
    with pytest.raises(ValueError, match="target must be yes, as the one output is about it"):
        explain(net, rows(), target="no")


def test_names_tables_and_copies():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(rows(), columns=["age", "pay", "rooms", "noise"])
    found = explain(network(), frame)
    assert found.feature_names == ("age", "pay", "rooms", "noise")
    table = found.table(row=2, n=3)
    assert len(table) == 3
    assert [abs(value) for _, _, value in table] == sorted((abs(value) for _, _, value in table), reverse=True)
    assert table[0][1] == frame.loc[2, table[0][0]]
    for twin in (copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
        np.testing.assert_array_equal(twin.values, found.values)


def test_shap_takes_it_over():
    shap = pytest.importorskip("shap")
    found = explain(network(), rows())
    theirs = found.to_shap()
    assert isinstance(theirs, shap.Explanation)
    np.testing.assert_array_equal(theirs.values, found.values)
    np.testing.assert_array_equal(theirs.base_values, found.base_values)


def test_nothing_of_the_network_or_the_rows_changes():
    net, X = network(), rows()
    params, before = net.params.copy(), X.copy()
    X.flags.writeable = False
    for method in METHODS:
        explain(net, X, method, baseline=rows(1, seed=2))
    np.testing.assert_array_equal(net.params, params)
    np.testing.assert_array_equal(X, before)


def test_many_rows_are_each_row_by_itself():
    net, X = network("relu"), rows(2500)
    for method in METHODS:
        whole = explain(net, X, method, baseline=rows(1, seed=2), target=0, random_state=0).values
        some = explain(net, X[1020:1030], method, baseline=rows(1, seed=2), target=0, random_state=0).values
        np.testing.assert_allclose(whole[1020:1030], some, atol=1e-12)


def test_whole_number_pixels_and_a_network_without_a_loss():
    net = NeuralNetwork([DenseLayer(4, 3, "relu"), DenseLayer(3, 1)], input_scale=1 / 255, random_state=0)
    pixels = np.array([[0, 255, 3, 7], [9, 8, 7, 255]], dtype=np.uint8)
    found = explain(net, pixels, "deeplift")
    assert found.data.dtype == np.uint8
    assert np.abs(found.gap).max() < 1e-6


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"method": "saliency"}, ValueError, "method must be one of 'deeplift', 'expected', 'gradient'"),
        ({"method": None}, TypeError, "method must be one of"),
        ({"of": "loss"}, ValueError, "of must be one of 'output', 'score'"),
        (
            {"target": 3},
            ValueError,
            "target must be a class label, or a column of the output",
        ),
        ({"target": [0, 1]}, ValueError, "one for each of the 6 rows"),
        ({"target": "dog"}, ValueError, "target must be"),
        ({"target": 0.5}, ValueError, "target must be"),
        ({"baseline": [1.0, 2.0]}, ValueError, "baseline must be one row of 4 numbers"),
        ({"baseline": np.full(4, np.nan)}, ValueError, "baseline must be finite"),
        ({"baseline": np.zeros((2, 4))}, ValueError, "method='expected' takes many"),
        ({"method": "expected"}, ValueError, "rows to compare with"),
        ({"method": "expected", "baseline": np.zeros((0, 4))}, ValueError, "baseline must be"),
        ({"method": "deeplift", "of": "output"}, ValueError, "'score' for deeplift under a softmax"),
        ({"steps": 0}, ValueError, "steps must be"),
        ({"feature_names": ["a"]}, ValueError, "feature_names must be a list of 4"),
    ],
)
def test_what_it_refuses(arguments, error, message):
    with pytest.raises(error, match=message):
        explain(network(), rows(), **arguments)


def test_rows_and_models_that_it_refuses():
    with pytest.raises(ValueError, match="X must be of shape"):
        explain(network(), np.zeros((0, 4)))
    with pytest.raises(ValueError, match="X must be finite"):
        explain(network(), np.full((2, 4), np.nan))
    with pytest.raises(TypeError, match="a NeuralNetwork, or an estimator or pipeline"):
        explain(object(), rows())


# Through preprocessing ------------------------------------------------------------------------------------------------


class Estimator:
    """As much of an estimator as explanations use."""

    def __init__(self, network_):
        self.network_ = network_


def pipeline():
    """A scaler for two columns and one-hot for text, then a network that was fitted on what they make."""
    pandas = pytest.importorskip("pandas")
    compose = pytest.importorskip("sklearn.compose")
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    rng = np.random.default_rng(0)
    frame = pandas.DataFrame({
        "colour": rng.choice(["red", "green", "blue"], 200),
        "age": rng.normal(40, 10, 200),
        "pay": rng.normal(3000, 500, 200),
    })  # fmt: skip
    y = (frame["age"] > 40) ^ (frame["colour"] == "red")
    before = compose.ColumnTransformer(
        [("text", OneHotEncoder(), ["colour"]), ("scale", StandardScaler(), ["age", "pay"])]
    )
    net = NeuralNetwork([DenseLayer(5, 8, "tanh"), DenseLayer(8, 1, "sigmoid")], "binary_crossentropy",
                        dtype="float64", random_state=0)  # fmt: skip
    net.fit(before.fit_transform(frame), y, epochs=20, learning_rate=0.02, optimizer="adam", verbose=0)
    return Pipeline([("before", before), ("net", Estimator(net))]), frame, before, net


def test_columns_made_of_one_input_are_added_up():
    model, frame, before, net = pipeline()
    found = explain(model, frame[:9], baseline=frame[20:21], feature_names=["Colour", "Age", "Pay"])
    inside = explain(net, before.transform(frame[:9]), baseline=before.transform(frame[20:21]))
    assert found.values.shape == (9, 3)
    np.testing.assert_allclose(found.values[:, 0], inside.values[:, :3].sum(axis=1))
    np.testing.assert_allclose(found.values[:, 1:], inside.values[:, 3:])
    assert np.abs(found.gap).max() < 1e-6
    assert found.table(0, 1)[0][0] in ("Colour", "Age", "Pay")
    many = explain(model, frame[:9], "expected", baseline=frame[50:150], steps=100, random_state=0)
    assert many.values.shape == (9, 3)


def test_what_goes_through_no_pipeline():
    model, frame, _, _ = pipeline()
    with pytest.raises(ValueError, match="method must be one of integrated, expected, deeplift through a pipeline"):
        explain(model, frame, "gradient", baseline=frame[:1])
    with pytest.raises(ValueError, match="baseline must be given through a pipeline"):
        explain(model, frame)


def test_columns_made_of_two_inputs_are_refused():
    decomposition = pytest.importorskip("sklearn.decomposition")
    from sklearn.pipeline import make_pipeline

    X = rows(30)
    pca = decomposition.PCA(2).fit(X)
    net = NeuralNetwork([DenseLayer(2, 1)], "mse", random_state=0)
    with pytest.raises(ValueError, match="made of one input alone"):
        explain(make_pipeline(pca, Estimator(net)), X, baseline=X[:1])


def test_an_estimator_is_its_network_with_classes_of_its_own():
    net = network()
    model = Estimator(net)
    np.testing.assert_array_equal(explain(model, rows()).values, explain(net, rows()).values)
    model.classes_ = np.array([10, 20, 30])
    found = explain(model, rows(), target=[10, 20, 30, 10, 20, 30])
    assert found.targets.tolist() == [0, 1, 2, 0, 1, 2]
    with pytest.raises(ValueError, match=r"target must be one of the classes \[10, 20, 30\]. Got 1."):
        explain(model, rows(), target=1)


# Pictures -------------------------------------------------------------------------------------------------------------


def test_bars_of_a_row_and_of_all_rows():
    pytest.importorskip("matplotlib")
    found = explain(network(), rows(), feature_names=["age", "pay", "rooms", "noise"])
    figure = found.plot(1, n=3)
    assert len(figure.axes[0].patches) == 3
    name, value, size = found.table(1)[0]
    assert figure.axes[0].get_yticklabels()[-1].get_text() == f"{name} = {value:.3g}"
    assert figure.axes[0].patches[-1].get_width() == size
    widths = [bar.get_width() for bar in found.plot().axes[0].patches]
    assert widths == sorted(np.abs(found.values).mean(axis=0))
    with pytest.raises(ValueError, match="row must be"):
        found.plot(6)


def test_overlays_of_images():
    pytest.importorskip("matplotlib")
    found = explain(network(), rows())
    figure = found.plot_images((2, 2), 3, ["a", "b", "c"])
    assert [axes.get_title() for axes in figure.axes] == ["a", "b", "c"]
    np.testing.assert_array_equal(figure.axes[1].images[1].get_array(), found.values[1].reshape(2, 2))
    with pytest.raises(ValueError, match="image_shape"):
        found.plot_images((3, 3))
