"""A user's own layer, loss or activation with a slip is refused in a sentence, and never trains silently."""

import sys

import numpy as np
import pytest

from neural import Activation, DenseLayer, EngineUnavailable, Layer, Loss, NeuralNetwork
from neural.gradcheck import GradientCheck, check_gradient

X = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
Y = X[:, :3]


class Pass(Layer):
    def forward(self, x, own, mode):
        return x, None

    def backward(self, dy, cache, own, grads):
        return dy


class NoPair(Pass):
    def forward(self, x, own, mode):
        return x


class Narrow(Pass):
    def forward(self, x, own, mode):
        return x[:, :2], None


class Down(Pass):
    def backward(self, dy, cache, own, grads):
        pass


class NoneOut(Activation):
    def forward(self, z, out):
        out[...] = z


class Scalar(Loss):
    def of_outputs(self, a, y, da, own):
        da[...] = a - y
        return np.mean((a - y) ** 2)


class Wide(Loss):
    def of_outputs(self, a, y, da, own):
        da[...] = a - y
        return (a - y) ** 2


class Unwritten(Loss):
    def of_outputs(self, a, y, da, own):
        da = a - y
        return (da**2).sum(axis=1)


class HalfWritten(Loss):
    def of_outputs(self, a, y, da, own):
        da[:, 0] = 1
        return (a**2).sum(axis=1)


SLIPS = [
    (NoPair(), "mse", TypeError, r"NoPair.forward returns must be a pair"),
    (Narrow(), "mse", ValueError, r"Narrow.forward returns must be of shape \(6, 3\)"),
    (Down(), "mse", TypeError, r"Down.backward returns must be an array. Got None"),
    (DenseLayer(None, 3, NoneOut()), "mse", TypeError, r"NoneOut.forward returns must be an array. Got None"),
    (Pass(), Scalar(), TypeError, r"Scalar.of_outputs returns must be an array"),
    (Pass(), Wide(), ValueError, r"Wide.of_outputs returns must be one loss a row, of shape \(6,\)"),
    (Pass(), Unwritten(), ValueError, r"Unwritten.of_outputs must write"),
    (Pass(), HalfWritten(), ValueError, r"HalfWritten.of_outputs must write"),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("door", ["fit", "evaluate", "loss_and_gradient"])
@pytest.mark.parametrize(("layer", "loss", "exception", "words"), SLIPS, ids=[row[3].split(" ")[0] for row in SLIPS])
def test_a_slip_is_named(layer, loss, exception, words, door, dtype):
    layer = type(layer)() if type(layer) is not DenseLayer else DenseLayer(None, 3, NoneOut())
    net = NeuralNetwork([DenseLayer(4, 3), layer], loss, dtype=dtype, random_state=0)
    before = net.params.copy()
    if isinstance(layer, Down) and door == "evaluate":
        return  # has no way back
    with pytest.raises(exception, match=words):
        getattr(net, door)(X, Y)
    assert np.array_equal(net.params, before)


def test_no_layer_writes_into_the_users_rows():
    class Greedy(Pass):
        def forward(self, x, own, mode):
            x *= 2
            return x, None

    net, given = NeuralNetwork([Greedy(), DenseLayer(4, 3)], "mse", random_state=0), X.copy()
    for call in (lambda: net.predict(given), lambda: net.evaluate(given, Y), lambda: net.loss_and_gradient(given, Y)):
        with pytest.raises(ValueError, match="read-only"):
            call()
    assert np.array_equal(given, X)
    assert given.flags.writeable


def test_threads_without_threadpoolctl_change_nothing(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    net = NeuralNetwork([DenseLayer(None, 3)], "mse", engine="numpy", random_state=0)
    with pytest.raises(EngineUnavailable, match="threadpoolctl"):
        net.fit(X, Y, n_threads=1, verbose=0)
    assert (net.layers[0].n_in, net.engine_, net.state.optimizer) == (None, None, None)


def test_a_cost_that_rose_far_is_not_silent(capsys):
    net = NeuralNetwork([DenseLayer(4, 3)], "mse", random_state=0)
    with pytest.warns(UserWarning, match=r"The cost rose from .* to .*e\+.* at learning rate 4.") as caught:
        net.fit(X, Y, epochs=12, learning_rate=4.0, batch_size=6)
    assert caught[0].filename == __file__
    assert "e+" in capsys.readouterr().out.splitlines()[-1]


def test_every_epoch_shows_validation_and_metrics(capsys):
    net = NeuralNetwork([DenseLayer(4, 3)], "mse", random_state=0)
    history = net.fit(X, Y, epochs=1, validation_data=(X, Y), metrics="mae", verbose=2)
    line = capsys.readouterr().out.strip()
    shown = ", ".join(f"{name}: {history[name][0]:.4f}" for name in ("mae", "val_loss", "val_mae"))
    assert line == f"Epoch 1-1 =========> cost: {history[0]:.4f}, {shown}"
    assert "val_loss" in history
    assert "val_los" not in history
    assert list(history.history) == history.keys()


def test_a_wrong_gradient_is_placed():
    class Double(Pass):
        def backward(self, dy, cache, own, grads):
            return 2 * dy

    layers = [DenseLayer(4, 3, "tanh"), Double(), DenseLayer(3, 3)]
    wrong = check_gradient(NeuralNetwork(layers, "mse", random_state=0), X, Y)
    assert (wrong.ok, wrong.worst in ("inputs", "weights of layer 1")) == (False, True)
    assert str(wrong).startswith("wrong")
    assert wrong.worst in repr(wrong)
    right = check_gradient(NeuralNetwork([DenseLayer(4, 3, "tanh")], "mse", random_state=0), X, Y)
    assert right.ok
    assert str(right).startswith("right")
    assert not GradientCheck(float("nan"), 1.0, 1.0).ok
