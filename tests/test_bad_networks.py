"""Networks that cannot be trained, a user's own bad functions, and odd sequences of calls: nothing is half-changed."""

import contextlib
import copy
import functools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from neural import (
    ActivationLayer,
    Adam,
    AdamW,
    DenseLayer,
    DropoutLayer,
    Layer,
    Loss,
    NeuralNetwork,
    losses,
)
from neural.activations import CustomActivation
from neural.callbacks import Callback
from neural.errors import TrainingDiverged
from neural.optimizers import SGD, Adagrad, Lion, Muon, NAdam, RMSProp
from neural.schedules import Schedule
from tests.refusals import (
    BITS,
    INF,
    KINDS,
    LABELS,
    LATE,
    NAN,
    ONE_HOT,
    TEXT,
    VALUES,
    X,
    chain,
    fit,
    network,
    plain,
    refuses,
    snapshot,
    trained,
)


# --- networks that cannot be trained as they are ---------------------------------------------------------------------
def mse(net):
    net.use_loss("mse")


def with_attribute(name, value):
    def make():
        net = chain(DenseLayer(None, 3), loss="mse")()
        setattr(net.loss_ if name == "loss l2" else net.layers[0], name.split()[-1], value)
        return net

    def repair(net):
        setattr(net.loss_ if name == "loss l2" else net.layers[0], name.split()[-1], 0)

    return make, repair


def with_layer(layer):
    def make():
        net = chain(DenseLayer(None, 3), loss="mse")()
        net.layers.append(net.layers[0] if layer == "twice" else layer)
        return net

    return make, lambda net: net.layers.pop()


def from_start(start):
    def repair(net):
        net.layers[1].init = "he"

    return chain(DenseLayer(None, 5), DenseLayer(None, 3, init=start), loss="mse"), repair


STRUCTURES = [  # a network, how it is made good for MSE, and what fit, evaluate and loss_and_gradient say
    ("no layers", (chain(loss="mse"), lambda net: net.add(DenseLayer(None, 3))), ValueError, ["layer", "none"]),
    ("no loss", (chain(DenseLayer(None, 3), loss=None), mse), ValueError, ["no loss", "use_loss('mse')"]),
    ("no loss of two classes", (chain(DenseLayer(None, 3, "sigmoid"), loss=None), mse), ValueError,
     ["use_loss('binary_crossentropy')"]),
    ("no loss of classes", (chain(DenseLayer(None, 3, "softmax"), loss=None), mse), ValueError,
     ["use_loss('categorical_crossentropy')"]),
    ("categorical after tanh", (chain(DenseLayer(4, 3, "tanh")), mse), ValueError,
     ["CategoricalCrossentropy", "from 0 to 1", "tanh", "softmax"]),
    ("categorical after relu", (chain(DenseLayer(4, 3, "relu")), mse), ValueError,
     ["CategoricalCrossentropy", "from 0 to 1", "relu", "softmax"]),
    ("categorical after linear", (chain(DenseLayer(4, 3), ActivationLayer("linear")), mse), ValueError,
     ["CategoricalCrossentropy", "from 0 to 1", "linear", "softmax"]),
    ("categorical after nothing", (chain(DenseLayer(4, 3)), mse), ValueError,
     ["CategoricalCrossentropy", "from 0 to 1", "no activation", "softmax"]),
    ("categorical after dropout", (chain(DenseLayer(4, 3, "softmax"), DropoutLayer(0.5)), mse), ValueError,
     ["CategoricalCrossentropy", "no activation", "softmax"]),
    ("binary after tanh", (chain(DenseLayer(4, 3, "tanh"), loss="binary_crossentropy"), mse), ValueError,
     ["BinaryCrossentropy", "from 0 to 1", "tanh", "sigmoid"]),
    ("binary after softmax", (chain(DenseLayer(4, 3, "softmax"), loss="binary_crossentropy"), mse), ValueError,
     ["BinaryCrossentropy", "softmax", "CategoricalCrossentropy"]),
    ("layers that do not fit", with_layer(DenseLayer(6, 3)), ValueError, ["layer 2", "width 6", "Got 3"]),
    ("a layer twice", with_layer("twice"), ValueError, ["layer", "once", "this network already"]),
    ("a layer of another", with_layer(LATE), ValueError, ["layer", "once", "another network"]),
    ("a text among layers", with_layer("relu"), TypeError, ["layer", "DenseLayer(784, 25)", "'relu'"]),
    ("l2 nan", with_attribute("l2", NAN), ValueError, ["l2 of DenseLayer of 3 units", "nan"]),
    ("l1 -1", with_attribute("l1", -1), ValueError, ["l1 of DenseLayer of 3 units", "at least 0", "-1"]),
    ("loss l2 text", with_attribute("loss l2", "x"), TypeError, ["l2 of the loss", "'x'"]),
    ("start of another shape", from_start(lambda *given: np.ones(2)), ValueError, ["weights", "(3, 5)", "(2,)"]),
    ("start with nan", from_start(lambda *given: np.full((3, 5), NAN)), ValueError, ["weights", "finite", "nan"]),
    ("start of text", from_start(lambda *given: "he"), TypeError, ["weights", "numbers", "'he'"]),
    ("start beyond float32", from_start(lambda *given: np.full((3, 5), 1e300)), ValueError,
     ["of 3 units", "float32", "1e+300"]),
]  # fmt: skip


@pytest.mark.parametrize("door", ["fit", "evaluate", "loss_and_gradient"])
@pytest.mark.parametrize(
    ("network", "exception", "words"), [pytest.param(*row, id=label) for label, *row in STRUCTURES]
)
def test_bad_networks(network, exception, words, door):
    make, repair = network
    tried, fresh = make(), make()
    before = snapshot(tried)
    refuses(lambda: getattr(tried, door)(X, X[:, :3]), exception, words)
    assert snapshot(tried) == before
    for net in (tried, fresh):
        repair(net)
        net.fit(X, X[:, :3], epochs=2, verbose=0)
    assert tried.params.tobytes() == fresh.params.tobytes()


# --- odd sequences ---------------------------------------------------------------------------------------------------
class Passing(Layer):
    """Passes everything on, and calls ``at`` with the number of the batch while training."""

    def __init__(self, at):
        self.at, self.batches = at, 0

    def forward(self, x, own, mode):
        self.batches += mode.training
        self.at(self.batches)
        return x, None

    def backward(self, dy, cache, own, grads):
        return dy


class Interrupt:
    """Raises at the n-th call."""

    def __init__(self, n):
        self.n = n

    def __call__(self, *given):
        self.n -= 1
        if self.n == 0:
            raise KeyboardInterrupt
        return 0.0


def hook(name, n):
    interrupt = Interrupt(n)
    return {"callbacks": type("Mine", (Callback,), {name: lambda self, training: interrupt()})()}


INTERRUPTS = {  # what is given to fit, and how many of its epochs of three batches are left
    "function": (lambda: {"callback": Interrupt(2)}, 2),
    "metric": (lambda: {"metrics": Interrupt(2)}, 2),
    "on_train_begin": (lambda: hook("on_train_begin", 1), 0),
    "on_epoch_begin": (lambda: hook("on_epoch_begin", 2), 1),
    "on_batch_end": (lambda: hook("on_batch_end", 5), 1),
    "on_epoch_end": (lambda: hook("on_epoch_end", 2), 2),
    "on_train_end": (lambda: hook("on_train_end", 1), 4),
    "layer": (dict, 1),
}


@pytest.mark.parametrize("name", INTERRUPTS)
def test_an_interrupted_fit_leaves_whole_epochs(name):
    given, epochs = INTERRUPTS[name]
    make = chain(DenseLayer(None, 5, "relu"), Passing(Interrupt(-1)), DenseLayer(None, 3, "softmax"))
    net, reference = make(), make()
    if name == "layer":
        net.layers[1].at = Interrupt(5)
    with pytest.raises(KeyboardInterrupt):
        fit(net, "softmax", **{"epochs": 4, **given()})
    if name == "layer":  # epochs that ran in one crossing with the interrupted one are undone with it
        epochs = len(net.history_)
    if epochs:
        fit(reference, "softmax", epochs=epochs)
    assert net.params.tobytes() == reference.build(4).params.tobytes()
    net.layers[1].at = Interrupt(-1)
    for either in (net, reference):
        fit(either, "softmax", epochs=1)
    assert plain(net.state.memory) == plain(reference.state.memory)
    assert net.params.tobytes() == reference.params.tobytes()


@pytest.mark.parametrize("rate", [1e3, 1e10, 1e38, 1e300])
@pytest.mark.parametrize(
    "optimizer",
    [SGD(), SGD(0.9), SGD(0.9, nesterov=True), RMSProp(), Adagrad(), Adam(), AdamW(), NAdam(), Lion(), Muon()],
    ids=str,
)
def test_far_too_large_rates_are_not_silent(optimizer, rate):
    net = KINDS["linear"][0]()
    with contextlib.suppress(TrainingDiverged):
        fit(net, "linear", epochs=20, learning_rate=rate, optimizer=optimizer)
    assert np.isfinite(net.history_).all()
    assert all(np.isfinite(vector).all() for vector in (net.params, *net.state.memory.values()))
    assert np.isfinite(net.predict(X)).all()
    assert np.isfinite(net.evaluate(X, VALUES)["loss"])


@pytest.mark.parametrize("value", [NAN, INF])
def test_a_weight_spoilt_through_its_view_is_not_silent(value):
    net = KINDS["softmax"][0]()
    fit(net, "softmax")
    net.weights[0][:] = value
    for call in (
        net.predict,
        *(functools.partial(method, y=LABELS) for method in (net.evaluate, net.loss_and_gradient)),
    ):
        refuses(functools.partial(call, X), ValueError, ["finite", "nan"])
    with pytest.raises(TrainingDiverged):
        fit(net, "softmax")


def own_loss(loss, prime):
    return type("Own", (), {"loss": staticmethod(loss), "loss_prime": staticmethod(prime)})


OWN = [  # a loss or an activation of the user's own, and what fit says of it
    ("loss of rows", own_loss(lambda t, p: np.ones(3), lambda t, p: p - t), ValueError, ["Own.loss", "(3,)"]),
    ("loss of None", own_loss(lambda t, p: None, lambda t, p: p - t), TypeError, ["Own.loss", "None"]),
    ("loss of nan", own_loss(lambda t, p: NAN, lambda t, p: p - t), TrainingDiverged, ["the cost", "batch 1"]),
    ("loss_prime transposed", own_loss(lambda t, p: 0, lambda t, p: (p - t).T), ValueError,
     ["Own.loss_prime", "(3, 12)", "(12, 3)"]),
    ("loss_prime of text", own_loss(lambda t, p: 0, lambda t, p: "x"), TypeError, ["Own.loss_prime", "'x'"]),
    ("loss_prime of nan", own_loss(lambda t, p: 0, lambda t, p: p * NAN), TrainingDiverged, ["gradient of layer 1"]),
    ("activation of two rows", (lambda z: z[:2], lambda z: z), ValueError, ["activation", "(3, 12)", "(2, 12)"]),
    ("activation of text", (lambda z: "x", lambda z: z), TypeError, ["activation", "'x'"]),
    ("activation of nan for some", (lambda z: np.where(z > 0.1, NAN, z), lambda z: z), TrainingDiverged, ["layer 1"]),
    ("derivative of two rows", (lambda z: z, lambda z: np.ones((2, 12))), ValueError, ["(3, 12)", "(2, 12)"]),
    ("derivative of None", (lambda z: z, lambda z: None), TypeError, ["activation", "None"]),
    ("derivative of nan", (lambda z: z, lambda z: z * NAN), TrainingDiverged, ["the gradient of layer 1"]),
]  # fmt: skip


@pytest.mark.parametrize(("own", "exception", "words"), [pytest.param(*row, id=label) for label, *row in OWN])
def test_bad_functions_of_the_users_own(own, exception, words):
    activation, loss = (own, "mse") if isinstance(own, tuple) else (None, own)
    net = NeuralNetwork([DenseLayer(4, 3, activation)], loss, random_state=0)
    before = net.params.tobytes()
    refuses(lambda: fit(net, "softmax", y=ONE_HOT, batch_size=None), exception, words)
    assert net.params.tobytes() == before
    assert (net.state.epoch, net.state.step, net.state.updates) == (0, 0, 0)


RATES = [
    ("nan", lambda step: step * NAN, ValueError, ["schedule", "finite", "nan"]),
    ("below 0", lambda step: -np.ones(len(step)), ValueError, ["schedule", "at least 0", "-1.0"]),
    ("one", lambda step: 0.5, ValueError, ["schedule", "factors", "0.5"]),
    ("too many", lambda step: np.ones(77), ValueError, ["schedule", "factors", "1.0, 1.0"]),
    ("text", lambda step: "x", TypeError, ["schedule", "'x'"]),
]


@pytest.mark.parametrize(("rates", "exception", "words"), [pytest.param(*row, id=label) for label, *row in RATES])
def test_bad_schedules_of_the_users_own(rates, exception, words):
    net = KINDS["four"][0]()
    before = net.params.tobytes()
    own = type("Own", (Schedule,), {"factors": lambda self, step, steps, per_epoch: rates(step)})()
    refuses(lambda: fit(net, "four", schedule=own), exception, words)
    assert net.params.tobytes() == before


def test_one_fit_at_a_time_and_layers_stay():
    def again(true, predicted, loss, epoch):
        refuses(lambda: fit(net, "softmax"), RuntimeError, ["one fit at a time"])
        net.add(DenseLayer(3, 3))
        refuses(lambda: net.params, RuntimeError, ["layers", "fit"])
        net.layers.pop()
        fit(copy.deepcopy(net), "softmax")

    net = KINDS["softmax"][0]()
    fit(net, "softmax", callback=again)
    assert net.params.tobytes() == trained("softmax", 1)
    fit(net, "softmax")
    assert net.params.tobytes() == trained("softmax", 2)


def test_a_layer_put_in_the_place_of_another_is_trained():
    net = chain(DenseLayer(4, 5, "relu"), DenseLayer(5, 3, "softmax"))()
    fit(net, "softmax")
    for _ in range(5):  # a new layer may lie where the old one lay in memory
        net.layers.pop()
        net.layers.append(DenseLayer(5, 3, "softmax"))
        start = net.build().layers[1].weights.copy()
        fit(net, "softmax")
        assert np.shares_memory(net.params, net.layers[1].weights)
        assert not np.array_equal(net.layers[1].weights, start)
        assert net.state.updates == 6  # the optimizer began anew


def test_a_layer_taken_out_is_free():
    net = chain(DenseLayer(4, 5, "relu"), DenseLayer(5, 3, "softmax"))()
    fit(net, "softmax")
    layer = net.layers.pop()
    values = layer.weights.copy()
    other = NeuralNetwork([DenseLayer(4, 5), layer], "categorical_crossentropy")
    assert np.array_equal(other.weights[1], values)
    assert np.shares_memory(other.params, layer.weights)
    refuses(lambda: net.add(layer), ValueError, ["layer", "another network"])


def test_a_plain_copy_is_a_deep_one():
    net = KINDS["softmax"][0]()
    fit(net, "softmax")
    other = copy.copy(net)
    fit(other, "softmax")
    assert net.params.tobytes() == trained("softmax", 1)
    assert other.params.tobytes() == trained("softmax", 2)


def test_other_text_labels_for_another_width():
    net = KINDS["text"][0]()
    fit(net, "text")
    fit(net.add(DenseLayer(3, 2, "softmax")), "text", y=np.array(["ant", "bee"])[BITS])
    assert net.classes_.tolist() == ["ant", "bee"]
    refuses(lambda: fit(net, "text", y=TEXT), ValueError, ["y", "ant, bee", "cow"])


@pytest.mark.parametrize("numbers", [LABELS, LABELS * 1.0, ONE_HOT], ids=["labels", "floats", "one-hot"])
def test_numbers_after_text_labels_are_columns_and_leave_the_names(numbers):
    net, twin = KINDS["text"][0](), KINDS["text"][0]()
    for y in (TEXT, numbers, TEXT):
        fit(net, "text", y=y)
        fit(twin, "text", y=TEXT)
        assert net.classes_.tolist() == ["cow", "dog", "eel"]
    assert net.params.tobytes() == twin.params.tobytes()
    fit(net, "text", y=numbers)
    assert net.evaluate(X[:1], TEXT[:1]) == net.evaluate(X[:1], numbers[:1])  # a part of the labels will do
    refuses(lambda: fit(net, "text", y=LABELS + 1), ValueError, ["y", "0 to 2", "Got 3"])


def test_numbers_after_text_labels_for_yes_or_no():
    net = KINDS["sigmoid"][0]()
    fit(net, "sigmoid", y=np.where(BITS, "yes", "no"))
    fit(net, "sigmoid")
    assert net.classes_.tolist() == ["no", "yes"]
    fit(net.use_loss("mse"), "sigmoid")
    assert net.classes_ is None
    fit(net.use_loss("binary_crossentropy"), "sigmoid")
    assert net.classes_.tolist() == [0, 1]


def test_text_labels_after_numbers_are_named():
    net = KINDS["softmax"][0]()
    fit(net, "softmax")
    assert net.classes_.tolist() == [0, 1, 2]
    fit(net, "softmax", y=TEXT)
    assert net.classes_.tolist() == ["cow", "dog", "eel"]
    assert net.params.tobytes() == trained("softmax", 2)


def test_numbers_for_another_width_are_numbers():
    net = KINDS["text"][0]()
    fit(net, "text")
    fit(net.add(DenseLayer(3, 2, "softmax")), "text", y=BITS)
    assert net.classes_.tolist() == [0, 1]


def test_l2_may_change_between_fits():
    class Own(Loss):
        def loss(self, y_true, y_pred):
            return np.mean((y_pred - y_true) ** 2) / 2

        def loss_prime(self, y_true, y_pred):
            return (y_pred - y_true) / y_true.size

    for loss in (losses.MSE(), Own()):
        net = network(1, "linear", loss)
        assert fit(net, "linear")["penalty"] == [0, 0]
        net.loss_.l2 = 0.5
        assert min(fit(net, "linear")["penalty"]) > 0


def test_an_infinite_validation_loss_is_not_silent():
    net = KINDS["linear"][0]()
    with pytest.warns(UserWarning, match="val_loss is inf in epoch 1"):
        fit(net, "linear", validation_data=(X * np.float32(1e25), VALUES), epochs=1)


def test_first_predictions_from_many_threads():
    net = NeuralNetwork([DenseLayer(None, 30, "relu"), DenseLayer(None, 3, "softmax")], random_state=0)
    expected = copy.deepcopy(net).predict(X)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: net.predict(X), range(32)))
    assert all(np.array_equal(outputs, expected) for outputs in found)
    assert np.shares_memory(net.params, net.weights[0])


def odd(z):
    return z + np.sin(z)


WARNINGS = {  # what warns of what
    "numeric derivative in DenseLayer": (lambda: DenseLayer(4, 3, odd), "has no derivative"),
    "numeric derivative in ActivationLayer": (lambda: ActivationLayer(odd), "has no derivative"),
    "numeric derivative alone": (lambda: CustomActivation(odd), "has no derivative"),
    "equal units": (
        lambda: NeuralNetwork([DenseLayer(4, 3, init="ones"), DenseLayer(3, 1)]).build(),
        "makes all units",
    ),
    "a cost that rose": (lambda: RISES.fit(X, VALUES, epochs=9, learning_rate=0.3, batch_size=None, verbose=0), "rose"),
    "infinite val_loss": (lambda: STAYS.fit(X, VALUES, epochs=1, validation_data=FAR, verbose=0), "val_loss is inf"),
}
FAR = X * np.float32(1e25), VALUES
RISES, STAYS = (NeuralNetwork([DenseLayer(4, 1)], "mse", random_state=0) for _ in range(2))


@pytest.mark.parametrize("name", WARNINGS)
def test_a_warning_names_the_users_own_line(name):
    call, words = WARNINGS[name]
    with pytest.warns(UserWarning, match=words) as caught:
        call()
    (found,) = caught
    assert (found.filename, found.lineno) == (__file__, pytest.approx(call.__code__.co_firstlineno, abs=1))
