"""Programs as the source document's readers wrote them, both halves: the notebook's classes, and the package."""

import io
from contextlib import redirect_stdout

import numpy as np
import pandas as pd
import pytest

from neural.activations import HardSigmoid, Linear, ReLU, Sigmoid, Softmax, Tanh
from neural.datasets import make_moons, quadratic_features
from neural.layers import ActivationLayer, DenseLayer, DropoutLayer
from neural.losses import MSE, BinaryCrossentropy, CategoricalCrossEntropy, CategoricalCrossentropy, Loss
from neural.metrics import Accuracy, F1Score, Metrics, Precision, Recall
from neural.nn import Network, NeuralNetwork


def images(n=300, seed=0):
    """Return rows that look like Fashion-MNIST's: pixels / 255 and one-hot labels as get_dummies makes them."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 10
    pixels = np.clip(rng.normal(80, 60, (n, 784)) + 120 * (np.arange(784) % 10 == labels[:, None]), 0, 255).astype(int)
    frame = pd.DataFrame(pixels, columns=[f"pixel{k}" for k in range(1, 785)])
    frame.insert(0, "label", labels)
    return frame


# --- the notebook's classes ----------------------------------------------------------------------------------------
def test_the_notebook():
    df = images()
    X, y = df.drop("label", axis=1) / 255, pd.get_dummies(df["label"])
    nn_sigmoid = Network(
        layers=[
            DenseLayer(784, 25, 0.1),
            ActivationLayer(Sigmoid),
            DenseLayer(25, 10, 0.1, True),
            ActivationLayer(Softmax),
        ],
        use_loss=CategoricalCrossentropy(l2=0.1),
    )
    losses = nn_sigmoid.fit(X.values, y.values, epochs=31, learning_rate=0.1, batch_size=128, verbose=0)
    assert isinstance(losses, list)
    assert len(losses) == 31
    assert losses[-1] < losses[0]

    weights, biases = [], []
    for layer in nn_sigmoid.layers:
        if layer.__class__.__name__ == "DenseLayer":
            weights.append(layer.weights)
            biases.append(layer.biases)
    assert [w.shape for w in weights] == [(25, 784), (10, 25)]
    assert [b.shape for b in biases] == [(25, 1), (10, 1)]

    predicted = nn_sigmoid.predict(X.values)
    assert predicted.shape == (300, 10)
    np.testing.assert_allclose(predicted.sum(axis=1), 1, rtol=1e-5)
    assert Accuracy(y.values, predicted) == np.mean(predicted.argmax(axis=1) == df["label"])


def test_attributes_of_the_layers():
    dense = DenseLayer(784, 25, 0.1)
    assert (dense.n_in, dense.n_out, dense.l2, dense.bias) == (784, 25, 0.1, True)
    assert dense.nuerons == dense.neurons == 25
    assert dense.weights.shape == (25, 784)
    assert dense.biases.shape == (25, 1)
    assert dense.trainable_params == 19625
    assert DenseLayer(n_l_1=784, n_l=25).weights.shape == (25, 784)
    assert DenseLayer(3, 2, 0.5, False).biases == 0
    for layer in (DenseLayer(784, 25, activation=ReLU), ActivationLayer(ReLU)):
        assert layer.activation_name == "relu"
        np.testing.assert_array_equal(layer.activation(np.array([[-1.0, 2.0]])), [[0, 2]])
    np.testing.assert_array_equal(ActivationLayer(ReLU).activation_prime(np.array([[-1.0, 2.0]])), [[0, 1]])
    assert DropoutLayer(0.2).dropout_rate == 0.2
    for kind in (Tanh, ReLU, Linear, Sigmoid, HardSigmoid, Softmax):
        assert kind.activation(np.zeros((2, 3))).shape == (2, 3)


@pytest.mark.parametrize("last", ["softmax", "sigmoid"])
@pytest.mark.parametrize("l2", [0.0, 0.3])
def test_a_training_loop_by_hand_takes_the_step_that_finite_differences_say(last, l2):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4, 6))  # samples in columns
    if last == "softmax":
        loss, y = CategoricalCrossentropy(), np.eye(3)[:, rng.integers(0, 3, 6)]
    else:
        loss, y = MSE(), rng.random((3, 6))
    layers = [DenseLayer(4, 5, l2=l2), ActivationLayer(Tanh), DenseLayer(5, 3, l2=l2), ActivationLayer(last)]
    dense = [layers[0], layers[2]]

    def cost():
        A = X
        for layer in layers:
            A = layer.forward_propagation(A)
        ws = sum(np.sum(layer.weights**2) for layer in dense)
        return type(loss)(l2=l2).loss(y, A, ws), A

    numeric = []
    for layer in dense:
        for values in (layer.weights, layer.biases):
            gradient = np.zeros(values.shape)
            for k in np.ndindex(values.shape):
                before = values[k]
                values[k] = before + 1e-6
                up = cost()[0]
                values[k] = before - 1e-6
                gradient[k] = (up - cost()[0]) / 2e-6
                values[k] = before
            numeric.append(gradient)

    before = [values.copy() for layer in dense for values in (layer.weights, layer.biases)]
    _, A = cost()
    error = loss.loss_prime(y, A)
    for layer in reversed(layers):
        error = layer.backward_propagation(error, 0.1)
    assert error.shape == X.shape
    after = [values for layer in dense for values in (layer.weights, layer.biases)]
    for old, new, gradient in zip(before, after, numeric, strict=True):
        np.testing.assert_allclose((old - new) / 0.1, gradient, rtol=1e-6, atol=1e-9)


def test_by_hand_input_and_output_are_kept_and_fit_and_predict_leave_them_alone():
    layer = DenseLayer(3, 2)
    A = np.arange(6.0).reshape(3, 2)
    Z = layer.forward_propagation(A)
    np.testing.assert_array_equal(layer.input, A)
    np.testing.assert_array_equal(layer.output, Z)
    np.testing.assert_allclose(Z, layer.weights @ A + layer.biases)
    net = NeuralNetwork([DenseLayer(3, 1)], MSE)
    net.fit(np.ones((4, 3)), np.ones(4), epochs=1, verbose=0)
    net.predict(np.ones((4, 3)))
    assert net.layers[0].input is None
    assert net.layers[0].output is None


def test_the_error_of_the_inputs_is_that_of_the_weights_before_the_step():
    layer = DenseLayer(2, 2)
    W = layer.weights.copy()
    layer.forward_propagation(np.ones((2, 1)))
    error = layer.backward_propagation(np.ones((2, 1)), 0.5)
    np.testing.assert_allclose(error, W.T @ np.ones((2, 1)))
    assert not np.array_equal(layer.weights, W)


def test_dropout_by_hand_drops_and_predict_does_not():
    layer = DropoutLayer(0.5)
    once, twice = (layer.forward_propagation(np.ones((50, 40))) for _ in range(2))
    assert set(np.unique(once)) == {0.0, 2.0}
    assert not np.array_equal(once, twice)
    np.testing.assert_array_equal(layer.backward_propagation(np.ones((50, 40)), 0.1), twice)
    net = NeuralNetwork([DropoutLayer(0.5), DenseLayer(2, 1)], MSE, random_state=0)
    np.testing.assert_array_equal(net.predict([[1.0, 2.0]]), net.predict([[1.0, 2.0]]))


def test_the_first_classes_take_instances_classes_and_names():
    for activation in (ReLU, ReLU(), "relu"):
        net = Network([DenseLayer(2, 3, activation), DenseLayer(3, 2, Softmax)], use_loss=CategoricalCrossEntropy)
        assert net.layers[0].activation_name == "relu"


# --- the package ---------------------------------------------------------------------------------------------------
SUMMARY = """
Summary of the Neural Network
Layer (type) Neurons # Input Shape Output Shape Weights shape Bias shape Param # Activation
Input 784 (784, None) 0
DenseLayer 25 (784, None) (25, None) (25, 784) (25, 1) 19625 relu
DenseLayer 10 (25, None) (10, None) (10, 25) (10, 1) 260 softmax
Total params 19885
"""


def squeezed(text):
    lines = (" ".join(line.split()) for line in text.splitlines())
    return [line for line in lines if line.strip("=")]


def test_the_golden_summary():
    net = NeuralNetwork()
    net.add(DenseLayer(784, 25, activation=ReLU)).add(DenseLayer(25, 10, activation=Softmax))
    printed = io.StringIO()
    with redirect_stdout(printed):
        assert net.summary() is None
    assert squeezed(printed.getvalue()) == squeezed(SUMMARY)
    assert str(net) == printed.getvalue().rstrip("\n")
    assert "<td>19625</td>" in net._repr_html_()


def test_the_packages_example_with_its_callback():
    df = images(200)
    X, y = df.drop("label", axis=1).values / 255.0, pd.get_dummies(df["label"]).values
    seen = {"precision": [], "accuracy": [], "recall": [], "f1": [], "epoch": [], "loss": []}

    def callback(true, predicted, loss, epoch):
        classes = Metrics.predict_classes(predicted)
        assert true.shape == (200,)
        assert predicted.shape == (200, 10)
        seen["precision"].append(Metrics.precision(true, classes))
        seen["accuracy"].append(Metrics.accuracy(true, classes))
        seen["recall"].append(Metrics.recall(true, classes))
        seen["f1"].append(Metrics.f1_score(true, classes))
        seen["epoch"].append(epoch)
        seen["loss"].append(loss)

    net = NeuralNetwork()
    net.add(DenseLayer(784, 25, activation="relu"))
    net.add(DenseLayer(25, 10, activation="softmax"))
    net.use_loss(CategoricalCrossentropy())
    history = net.fit(X, y, epochs=12, learning_rate=0.1, batch_size=128, verbose=0, callback=callback)
    assert seen["epoch"] == list(range(1, 13))
    assert seen["loss"] == history
    classes = net.predict(X).argmax(axis=1)  # the callback came after the epoch's last update
    assert seen["accuracy"][-1] == np.mean(classes == df["label"])
    for metric, name in ((Accuracy, "accuracy"), (Precision, "precision"), (Recall, "recall"), (F1Score, "f1")):
        assert metric(df["label"], classes) == seen[name][-1]


def test_the_moons():
    X, y = make_moons(500, noise=0.30, random_state=0)
    net = NeuralNetwork(
        [DenseLayer(5, 25, ReLU), DenseLayer(25, 25, ReLU), DenseLayer(25, 1, Sigmoid)],
        BinaryCrossentropy(l2=0.1),
        random_state=0,
    )
    history = net.fit(quadratic_features(X), y, epochs=100, learning_rate=0.1, batch_size=64, verbose=0)
    assert net.predict(quadratic_features(X)).shape == (500, 1)
    assert Metrics.accuracy(y, Metrics.predict_classes(net.predict(quadratic_features(X)))) > 0.88
    assert history["data_loss"][-1] < 0.3 < history["data_loss"][0]


def progress(epochs, **settings):
    net = NeuralNetwork([DenseLayer(2, 1)], MSE, random_state=0)
    printed = io.StringIO()
    with redirect_stdout(printed):
        history = net.fit(np.ones((4, 2)), np.ones(4), epochs=epochs, **settings)
    return printed.getvalue().splitlines(), history


def test_progress_as_the_package_prints_it():
    lines, history = progress(25)
    assert lines == [f"Epoch {e}-25 =========> cost: {history[e - 1]:.4f}" for e in (1, 11, 21, 25)]
    assert progress(25, verbose=0)[0] == []
    assert len(progress(25, verbose=2)[0]) == 25


def test_a_history_plots():
    figure = pytest.importorskip("matplotlib.figure").Figure()
    _, history = progress(5, verbose=0)
    (line,) = figure.add_subplot().plot(history)
    assert line.get_ydata().tolist() == list(history)
    assert history.plot("loss", "data_loss").savefig


def two_layers(loss):
    layers = [DenseLayer(3, 4, "tanh"), DenseLayer(4, 2, "softmax")]
    return NeuralNetwork(layers, loss, dtype="float64", random_state=1)


def test_the_penalty_is_in_cost_and_gradient_alike():
    """One full batch: the printed J is the one whose gradient was stepped along, biases not penalised."""
    rng = np.random.default_rng(0)
    X, y, l2 = rng.normal(size=(20, 3)), rng.integers(0, 2, 20), 0.7
    net, plain = (two_layers(CategoricalCrossentropy(l2=value)).build() for value in (l2, 0))
    before = [w.copy() for w in net.weights]
    with_penalty, without = (n.fit(X, y, epochs=1, learning_rate=0.1, batch_size=None, verbose=0) for n in (net, plain))
    penalty = l2 / (2 * 20) * sum(np.sum(w**2) for w in before)
    assert with_penalty["penalty"][0] == pytest.approx(penalty, rel=1e-12)
    assert with_penalty[0] == pytest.approx(without[0] + penalty, rel=1e-12)
    assert with_penalty["data_loss"][0] == pytest.approx(without["data_loss"][0], rel=1e-12)
    for k, w in enumerate(before):
        np.testing.assert_allclose(net.weights[k], plain.weights[k] - 0.1 * l2 / 20 * w, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(net.biases[k], plain.biases[k], rtol=1e-12, atol=1e-15)


def test_every_row_is_used_and_the_cost_is_the_mean_over_samples():
    """500 rows by 64: the last 52 count. At rate 0 the epoch's cost is the cost of all rows."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(500, 3)), rng.normal(size=500)
    net = NeuralNetwork([DenseLayer(3, 1)], MSE, dtype="float64", random_state=0)
    history = net.fit(X, y, epochs=1, learning_rate=0.0, batch_size=64, verbose=0)
    assert history[0] == pytest.approx(np.mean((net.predict(X)[:, 0] - y) ** 2), rel=1e-12)
    assert net.state.step == 8


def test_a_batch_of_none_or_more_than_there_are_is_all_rows():
    X, y = np.ones((10, 2)), np.ones(10)
    for batch_size in (None, 10, 1000):
        net = NeuralNetwork([DenseLayer(2, 1)], MSE, random_state=0)
        net.fit(X, y, epochs=3, batch_size=batch_size, verbose=0)
        assert net.state.step == 3


def test_without_bias_there_is_none():
    net = NeuralNetwork([DenseLayer(3, 2, bias=False), DenseLayer(2, 1, bias=False)], MSE, random_state=0)
    net.fit(np.ones((8, 3)), np.ones(8), epochs=3, verbose=0)
    assert net.biases == [0, 0]
    np.testing.assert_array_equal(net.predict(np.zeros((1, 3))), [[0]])
    assert [layer.trainable_params for layer in net.layers] == [6, 2]
    assert "Total params 8" in str(net)


def test_nothing_is_mutated():
    rng = np.random.default_rng(0)
    X, y, w = rng.normal(size=(30, 3)), np.eye(2)[rng.integers(0, 2, 30)], rng.random(30)
    kept = [a.copy() for a in (X, y, w)]
    net = NeuralNetwork([DenseLayer(3, 4, ReLU), DenseLayer(4, 2, Softmax)], CategoricalCrossentropy(l2=0.1))
    net.fit(X, y, epochs=2, sample_weight=w, callback=lambda *args: None, verbose=0)
    net.predict(X)
    for now, then in zip((X, y, w), kept, strict=True):
        np.testing.assert_array_equal(now, then)


class MyLoss(Loss):
    def loss(self, y_true, y_pred):
        assert y_true.shape == y_pred.shape == (1, len(y_true.T))  # samples in columns
        return np.mean(np.abs(y_pred - y_true))

    def loss_prime(self, y_true, y_pred):
        return np.sign(y_pred - y_true) / y_true.shape[1]


class MyActivation:
    def activation(z):
        return np.where(z > 0, z, 0.1 * z)

    def activation_prime(z):
        return np.where(z > 0, 1, 0.1)


def test_the_users_own_activation_and_loss():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    net = NeuralNetwork([DenseLayer(2, 8, MyActivation), DenseLayer(8, 1)], use_loss=MyLoss, random_state=0)
    history = net.fit(X, X[:, 0] - X[:, 1], epochs=40, learning_rate=0.1, batch_size=16, verbose=0)
    assert history[-1] < history[0] / 3
    assert isinstance(net.loss_, MyLoss)


# --- what is inherited from ours and changed by hand -----------------------------------------------------------------
def test_a_users_activation_class_works_as_a_class_and_with_its_setting():
    from neural import Activation

    class LeakyReLU(Activation):
        def __init__(self, slope=0.1):
            self.slope = slope

        def activation(self, z):
            return np.where(z > 0, z, self.slope * z)

        def activation_prime(self, z):
            return np.where(z > 0, 1, self.slope)

    z = np.array([[-1.0, 2.0]])
    np.testing.assert_array_equal(LeakyReLU.activation(z), [[-0.1, 2]])
    np.testing.assert_array_equal(LeakyReLU(0.2).activation(z), [[-0.2, 2]])
    np.testing.assert_array_equal(DenseLayer(1, 1, LeakyReLU(0.2), init="ones").forward_propagation(z), [[-0.2, 2]])


def test_a_loss_or_activation_that_changes_one_of_ours_by_hand_is_obeyed():
    class Steep(MSE):
        def loss_prime(self, y_true, y_pred):
            return 100 * super().loss_prime(y_true, y_pred)

    class Doubled(ReLU):
        def activation(self, z):
            return 2 * np.maximum(z, 0)

    steep, plain = (NeuralNetwork([DenseLayer(2, 1)], loss, random_state=0) for loss in (Steep, MSE))
    g, h = (net.loss_and_gradient(np.ones((3, 2)), np.ones(3))[1] for net in (steep, plain))
    np.testing.assert_allclose(g, 100 * h, rtol=1e-5)
    net = NeuralNetwork([DenseLayer(1, 1, Doubled, init="ones")], MSE)
    np.testing.assert_array_equal(net.predict([[3.0]]), [[6]])


def test_auto_is_he_under_relu_however_it_is_written():
    for layers in ([DenseLayer(200, 300, "relu")], [DenseLayer(200, 300), ActivationLayer(ReLU)]):
        net = NeuralNetwork(layers, MSE, random_state=0)
        assert net.layers[0].weights.std() == pytest.approx((2 / 200) ** 0.5, rel=0.02)
    for layers in (
        [DenseLayer(200, 300, "tanh")],
        [DenseLayer(200, 300), ActivationLayer(Tanh)],
        [DenseLayer(200, 300)],
    ):
        net = NeuralNetwork(layers, MSE, random_state=0)
        assert np.abs(net.layers[0].weights).max() == pytest.approx((6 / 500) ** 0.5, rel=0.01)


def test_what_cannot_be_is_refused_when_the_network_is_built():
    with pytest.raises(ValueError, match="Got relu as its last layer"):
        NeuralNetwork([DenseLayer(3, 3, "relu")], "categorical_crossentropy").build()
