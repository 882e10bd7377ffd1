"""Networks with layers, activations, losses and functions of the user's own: in a file they come back if handed in."""

import numpy as np
import pytest

import neural
from neural import (
    Activation,
    CustomActivation,
    DenseLayer,
    Layer,
    Loss,
    ModelFileError,
    NeuralNetwork,
    Warmup,
)
from neural.optimizers import SGD, Optimizer
from neural.schedules import Schedule
from tests.model_files import loaded, network, saved, through_json

X = np.random.default_rng(5).normal(size=(7, 4))


class Scale(Layer):
    """y = gain * x, times a factor."""

    def __init__(self, factor=1.0):
        self.factor = factor
        self.twice = 2 * factor  # of which a file knows nothing

    def shapes(self):
        return self.per_feature("gain")

    def initialize(self, name, shape, rng):
        return rng.normal(size=shape)

    def forward(self, x, own, mode):
        return x * own.gain * self.factor, x

    def backward(self, dy, cache, own, grads):
        grads.gain[...] = (dy * cache).sum(axis=0) * self.factor
        return dy * own.gain * self.factor


class Bent(Activation):
    name = "bent"

    def forward(self, z, out):
        return np.sqrt(1 + z * z, out=out)

    def backward(self, da, z, a, out):
        return np.multiply(da, z / a, out=out)


class Cubic(Loss):
    def __init__(self, power=3, l2=0):
        self.power = power
        super().__init__(l2)

    def loss(self, y_true, y_pred):
        return np.mean(np.abs(y_pred - y_true) ** self.power)

    def loss_prime(self, y_true, y_pred):
        return self.power * np.sign(y_pred - y_true) * (y_pred - y_true) ** (self.power - 1) / y_true.size


def cube(z):
    return z**3


def cube_prime(z):
    return 3 * z**2


def tenths(rng, shape):
    return np.full(shape, 0.1)


OWN = {"Scale": Scale, "Bent": Bent, "Cubic": Cubic, "cube": (cube, cube_prime), "tenths": tenths}


def own_network():
    layers = [DenseLayer(4, 3, Bent, init=tenths), Scale(2.0), DenseLayer(3, 2, (cube, cube_prime))]
    net = NeuralNetwork(layers, Cubic(4, l2=0.5), random_state=0)
    net.fit(X, X[:, :2], epochs=1, learning_rate=1e-9, verbose=0)
    return net


def test_what_is_handed_in_comes_back(tmp_path):
    net = own_network()
    again = loaded(saved(net, tmp_path), OWN)
    assert again.predict(X).tobytes() == net.predict(X).tobytes()
    assert again.layers[1].factor == 2.0
    assert vars(again.loss_) == vars(net.loss_)


@pytest.mark.parametrize("name", OWN)
def test_what_is_not_handed_in_is_refused_and_named(name, tmp_path):
    content = saved(own_network(), tmp_path)
    rest = {other: given for other, given in OWN.items() if other != name}
    with pytest.raises(ModelFileError, match=rf"custom={{'{name}': \.\.\.}}"):
        loaded(content, rest)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("Scale", Bent),
        ("Scale", 3),
        ("Scale", Scale(2.0)),
        ("Bent", 7),
        ("Cubic", Scale),
        ("tenths", "he"),
        ("cube", 1),
    ],
)
def test_something_else_handed_in_is_refused(name, given, tmp_path):
    with pytest.raises(ModelFileError):
        loaded(saved(own_network(), tmp_path), OWN | {name: given})


@pytest.mark.parametrize("custom", [[Scale], "Scale", Scale])
def test_custom_is_a_dictionary(custom, tmp_path):
    content = saved(own_network(), tmp_path)
    with pytest.raises(TypeError, match="custom must be a dictionary"):
        loaded(content, custom)


def test_a_name_of_ours_never_means_something_handed_in(tmp_path):
    class Trap(DenseLayer):
        def __init__(self, *args, **kwargs):
            raise AssertionError

    assert loaded(saved(network(), tmp_path), {"DenseLayer": Trap, "relu": Trap, "mse": Trap})


def test_a_class_of_the_users_under_a_name_of_ours_is_not_ours(tmp_path):
    own = type("DenseLayer", (DenseLayer,), {})
    net = NeuralNetwork([own(4, 2)], "mse", random_state=0)
    content = saved(net, tmp_path)
    with pytest.raises(ModelFileError, match="handed in"):
        loaded(content)
    assert type(loaded(content, {"DenseLayer": own}).layers[0]) is own


def test_own_optimizers_and_schedules_go_through_json():
    own = type("Plain", (SGD,), {"__doc__": "SGD."})
    assert type(through_json(own(0.5), {"Plain": own})) is own
    assert isinstance(through_json(own(0.5), {"Plain": own}), Optimizer)
    schedule = neural.schedules.resolve(cube)
    assert through_json(Warmup(2, then=schedule), {"cube": cube}).then == schedule
    assert isinstance(through_json(schedule, {"cube": cube}), Schedule)


def test_a_named_function_keeps_its_name():
    pair = CustomActivation(cube, cube_prime, name="my cube")
    assert through_json(pair, {"my cube": (cube, cube_prime)}).name == "my cube"


def test_settings_that_a_file_cannot_hold_are_refused(tmp_path):
    class Holds(Layer):
        def __init__(self, what):
            self.what = what

        def forward(self, x, own, mode):
            return x, None

    for what in ({1: 2}, object(), 1j, {3, 4}, b"bytes"):
        net = NeuralNetwork([Holds(what), DenseLayer(4, 1)], "mse")
        with pytest.raises(TypeError, match="a setting must be"):
            net.save(tmp_path / "net")

    class Hides(Holds):
        def __init__(self, what):
            self._what = what

    with pytest.raises(TypeError, match="its __init__ takes what"):
        NeuralNetwork([Hides(1), DenseLayer(4, 1)], "mse").save(tmp_path / "net")
    assert list(tmp_path.iterdir()) == []
