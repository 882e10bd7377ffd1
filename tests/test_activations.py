"""Activations: known values and limits typed from the definitions, derivatives, purity, and a user's own."""

import math
import pickle

import numpy as np
import pytest

from neural import (
    ELU,
    SELU,
    ActivationLayer,
    CustomActivation,
    DenseLayer,
    LeakyReLU,
    NeuralNetwork,
    ReLU,
    SiLU,
    Softmax,
)
from neural.activations import ACTIVATIONS, resolve
from neural.smooth import bell, tail_over_bell

INF, NAN = math.inf, math.nan
TINY = 1e-38
ELEMENTWISE = sorted(set(ACTIVATIONS) - {"softmax"})

# z -> f(z), f'(z), typed from the definitions
KNOWN = {
    "linear": {
        0: (0, 1), TINY: (TINY, 1), -TINY: (-TINY, 1), 88: (88, 1), -1e4: (-1e4, 1), INF: (INF, 1), -INF: (-INF, 1),
    },
    "relu": {
        0: (0, 0), TINY: (TINY, 1), -TINY: (0, 0), 88: (88, 1), -88: (0, 0), 1e4: (1e4, 1), -1e4: (0, 0),
        INF: (INF, 1), -INF: (0, 0),
    },
    "tanh": {
        0: (0, 1), TINY: (TINY, 1), -TINY: (-TINY, 1), 0.5: (0.46211715726000975, 0.7864477329659274),
        88: (1, 0), -88: (-1, 0), 1e4: (1, 0), -1e4: (-1, 0), INF: (1, 0), -INF: (-1, 0),
    },
    "sigmoid": {
        0: (0.5, 0.25), TINY: (0.5, 0.25), 1: (0.7310585786300049, 0.19661193324148185), 88: (1, 0),
        -88: (6.054601895401186e-39, 6.054601895401186e-39), 1e4: (1, 0), -1e4: (0, 0), INF: (1, 0), -INF: (0, 0),
    },
    "hard_sigmoid": {
        0: (0.5, 0.2), TINY: (0.5, 0.2), 1: (0.7, 0.2), -1: (0.3, 0.2), 2.5: (1, 0), -2.5: (0, 0), 88: (1, 0),
        -88: (0, 0), 1e4: (1, 0), -1e4: (0, 0), INF: (1, 0), -INF: (0, 0),
    },
    "exponential": {
        0: (1, 1), TINY: (1, 1), 1: (2.718281828459045, 2.718281828459045), -1e4: (0, 0), INF: (INF, INF), -INF: (0, 0),
        -2: (0.1353352832366127, 0.1353352832366127),
    },
    "leaky_relu": {
        0: (0, 0.01), TINY: (TINY, 1), -TINY: (-1e-40, 0.01), 2: (2, 1), -2: (-0.02, 0.01), 1e4: (1e4, 1),
        -1e4: (-100, 0.01), INF: (INF, 1), -INF: (-INF, 0.01),
    },
    "relu6": {
        0: (0, 0), TINY: (TINY, 1), -TINY: (0, 0), 5.5: (5.5, 1), 6: (6, 0), 88: (6, 0), -88: (0, 0), 1e4: (6, 0),
        -1e4: (0, 0), INF: (6, 0), -INF: (0, 0),
    },
    "elu": {
        0: (0, 1), TINY: (TINY, 1), -TINY: (-TINY, 1), 3: (3, 1), -0.5: (-0.3934693402873666, 0.6065306597126334),
        -1: (-0.6321205588285577, 0.36787944117144233), 88: (88, 1), -88: (-1, 0), 1e4: (1e4, 1), -1e4: (-1, 0),
        INF: (INF, 1), -INF: (-1, 0),
    },
    "selu": {
        0: (0, 1.7580993408473768), 1: (1.0507009873554805, 1.0507009873554805),
        -1: (-1.1113307378125628, 0.6467686030348141), -1e4: (-1.7580993408473768, 0), INF: (INF, 1.0507009873554805),
        -INF: (-1.7580993408473768, 0),
    },
    "hard_swish": {
        0: (0, 0.5), TINY: (TINY / 2, 0.5), 1: (2 / 3, 5 / 6), -1: (-1 / 3, 1 / 6), 3: (3, 1), -3: (0, 0), 88: (88, 1),
        -88: (0, 0), 1e4: (1e4, 1), -1e4: (0, 0), INF: (INF, 1), -INF: (0, 0),
    },
    "softplus": {
        0: (0.6931471805599453, 0.5), TINY: (0.6931471805599453, 0.5), 1: (1.3132616875182228, 0.7310585786300049),
        -3: (0.04858735157374206, 0.04742587317756678), 88: (88, 1),
        -88: (6.054601895401186e-39, 6.054601895401186e-39),
        1e4: (1e4, 1), -1e4: (0, 0), INF: (INF, 1), -INF: (0, 0),
    },
    "smooth_clip": {
        0: (0, 1), TINY: (TINY, 1), -TINY: (-TINY, 1), 4: (2.4, 0.216), -4: (-2.4, 0.216),
        1e4: (2.9999998650000093, 2.6999996355000404e-11), INF: (3, 0), -INF: (-3, 0),
    },
    "softsign": {
        0: (0, 1), TINY: (TINY, 1), -TINY: (-TINY, 1), 3: (0.75, 0.0625), -3: (-0.75, 0.0625),
        1e4: (1e4 / 10001, 1 / 10001**2), -1e4: (-1e4 / 10001, 1 / 10001**2), INF: (1, 0), -INF: (-1, 0),
    },
    "gelu": {
        0: (0, 0.5), TINY: (TINY / 2, 0.5), 0.5: (0.34573123063700656, 0.8674951246561629),
        -0.5: (-0.15426876936299344, 0.13250487534383715), 1: (0.8413447460685429, 1.0833154705876864), 88: (88, 1),
        -88: (0, 0), 1e4: (1e4, 1), -1e4: (0, 0), INF: (INF, 1), -INF: (0, 0),
    },
    "gelu_tanh": {
        0: (0, 0.5), TINY: (TINY / 2, 0.5), 0.5: (0.34571400982514394, 0.8673699035346423),
        -0.5: (-0.15428599017485609, 0.1326300964653577), 1: (0.8411919906082767, 1.0829640838457826), 88: (88, 1),
        -88: (0, 0), 1e4: (1e4, 1), -1e4: (0, 0), INF: (INF, 1), -INF: (0, 0),
    },
    "silu": {
        0: (0, 0.5), TINY: (TINY / 2, 0.5), 1: (0.7310585786300049, 0.9276705118714867),
        -1: (-0.2689414213699951, 0.07232948812851327), 88: (88, 1), 1e4: (1e4, 1), -1e4: (0, 0), INF: (INF, 1),
        -INF: (0, 0),
    },
    "mish": {
        0: (0, 0.6), TINY: (0.6 * TINY, 0.6), 1: (0.8650983882673103, 1.0490362200997922),
        -0.5: (-0.22074377465173, 0.2895106779135122), 88: (88, 1), 1e4: (1e4, 1), -1e4: (0, 0), INF: (INF, 1),
        -INF: (0, 0),
    },
    "log": {
        0: (-87.33654475055310, 0), TINY: (-87.33654475055310, 0), -1: (-87.33654475055310, 0), 1: (0, 1),
        0.5: (-0.6931471805599453, 2), 1e4: (9.210340371976184, 1e-4), INF: (INF, 0), -INF: (-87.33654475055310, 0),
    },
    "logit": {
        0: (-87.33654475055310, 0), TINY: (-87.33654475055310, 0), 0.5: (0, 4), 0.25: (-1.0986122886681098, 16 / 3),
        0.75: (1.0986122886681098, 16 / 3), 1: (87.33654475055310, 0), 88: (87.33654475055310, 0),
        -88: (-87.33654475055310, 0), INF: (87.33654475055310, 0), -INF: (-87.33654475055310, 0),
    },
}  # fmt: skip


def test_every_activation_has_known_values():
    assert set(KNOWN) == set(ELEMENTWISE)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_known_values_and_limits(name, dtype):
    kind, table = ACTIVATIONS[name], KNOWN[name]
    z = np.array([list(table)], dtype=dtype)
    for got, k in ((kind.activation(z), 0), (kind.activation_prime(z), 1)):
        want = np.array([[pair[k] for pair in table.values()]])
        assert got.dtype == dtype
        np.testing.assert_allclose(got, want, rtol=4 * np.finfo(dtype).eps, atol=1e-38)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_nan_stays_nan(name):
    z = np.array([[NAN, 1.0]])
    assert np.isnan(ACTIVATIONS[name].activation(z)).tolist() == [[True, False]]
    if name != "linear":  # whose derivative is 1 whatever z is
        assert np.isnan(ACTIVATIONS[name].activation_prime(z)).tolist() == [[True, False]]


def test_softmax_known_values_and_limits():
    column = np.array([[0.0], [math.log(3)]])
    np.testing.assert_allclose(Softmax.activation(column), [[0.25], [0.75]], rtol=1e-15)
    for big in (88, 1e4, 3e38):
        np.testing.assert_allclose(Softmax.activation([[big], [-big]]), [[1], [0]], atol=1e-38)
        np.testing.assert_array_equal(Softmax.activation([[big], [big]]), [[0.5], [0.5]])
    np.testing.assert_array_equal(Softmax.activation([[TINY], [-TINY]]), [[0.5], [0.5]])
    assert np.isnan(Softmax.activation([[NAN], [0.0]])).all()
    np.testing.assert_array_equal(Softmax.activation([[-INF], [0.0]]), [[0], [1]])
    np.testing.assert_array_equal(Softmax.activation_prime(column), np.ones((2, 1)))  # by hand, as loss_prime is dJ/dZ


def test_softmax_backward_is_the_product_with_the_jacobian():
    rng = np.random.default_rng(0)
    z, da = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    a = Softmax().forward(z, np.empty_like(z))
    got = Softmax().backward(da, z, a, np.empty_like(z))
    want = [(np.diag(p) - np.outer(p, p)) @ d for p, d in zip(a, da, strict=True)]
    np.testing.assert_allclose(got, want, rtol=1e-13)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_by_class_by_instance_and_by_name_are_one(name):
    kind, z = ACTIVATIONS[name], np.array([[-1.0, 0.5], [2.0, 0.25]])
    assert resolve(name) == resolve(kind) == resolve(kind()) == kind()
    assert hash(kind()) == hash(resolve(name))
    for f in ("activation", "activation_prime"):
        np.testing.assert_array_equal(getattr(kind, f)(z), getattr(kind(), f)(z))
    np.testing.assert_array_equal(kind()(z), kind.activation(z))
    assert pickle.loads(pickle.dumps(kind())) == kind()


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_arguments_are_never_changed(name):
    z = np.array([[-1.0, 0.0], [2.0, 0.25]])
    z.flags.writeable = False
    before = z.copy()
    ACTIVATIONS[name].activation(z)
    ACTIVATIONS[name].activation_prime(z)
    layer = ActivationLayer(name)
    output = layer.forward_propagation(z).copy()
    layer.backward_propagation(np.ones((2, 2)), 0.1)
    np.testing.assert_array_equal(layer.output, output)
    np.testing.assert_array_equal(z, before)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_whole_numbers_are_computed_as_float64(name):
    assert ACTIVATIONS[name].activation([[1, 2]]).dtype == np.float64


def test_no_warning_at_the_far_ends(recwarn):
    for name in ACTIVATIONS:
        z = np.array([[-1e4, -800, 800, 1e4]], dtype=np.float32)
        ACTIVATIONS[name].activation(z)
        ACTIVATIONS[name].activation_prime(z)
    assert [str(w.message) for w in recwarn] == []


# --- settings, other names, other libraries ------------------------------------------------------------------------
@pytest.mark.parametrize("shape", [(1,), (4, 3)])
def test_the_slope_below_0_is_a_setting(shape):
    z, ones = np.full(shape, -2.0), np.ones(shape)
    np.testing.assert_allclose(LeakyReLU(0.2).activation(z), -0.4 * ones)
    np.testing.assert_allclose(LeakyReLU(0.2).activation_prime(z), 0.2 * ones)
    np.testing.assert_allclose(ELU(3.0).activation(z), 3 * (math.exp(-2) - 1) * ones)
    np.testing.assert_allclose(ELU(3.0).activation_prime(z), 3 * math.exp(-2) * ones)
    np.testing.assert_array_equal(ELU(3.0).activation_prime(-z), ones)


def test_settings_are_part_of_what_an_activation_is():
    assert LeakyReLU() == LeakyReLU(0.01) != LeakyReLU(0.2)
    assert repr(ELU(2.0)) == "ELU(alpha=2.0)"
    assert ELU(2.0).range == (-2.0, INF)
    assert pickle.loads(pickle.dumps(ELU(2.0))) == ELU(2.0)
    assert resolve(ELU(2.0)) == ELU(2.0) != resolve("elu")


@pytest.mark.parametrize("wrong", [0, -0.1, 1.5, NAN])
def test_a_slope_that_would_turn_the_sign_is_refused(wrong):
    with pytest.raises(ValueError, match="slope must be a finite number above 0"):
        LeakyReLU(wrong)
    if not wrong > 1:
        with pytest.raises(ValueError, match="alpha must be a finite number above 0"):
            ELU(wrong)


def test_a_network_with_settings_learns_on_both_engines():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    y = np.abs(X).sum(axis=1)
    for hidden in (LeakyReLU(0.3), ELU(0.5)):
        costs = []
        for engine in ("auto", "numpy"):
            net = NeuralNetwork([DenseLayer(3, 8, hidden), DenseLayer(8, 1)], "mse", random_state=0, dtype="float64")
            net.engine = engine
            costs.append(net.fit(X, y, epochs=20, learning_rate=0.05, verbose=0))
        assert costs[0][-1] < costs[0][0] / 2
        np.testing.assert_allclose(costs[0], costs[1], rtol=1e-9)


def test_swish_is_silu():
    assert type(resolve("swish")) is type(resolve("SiLU")) is SiLU


def test_the_tail_of_the_normal_distribution():
    t = np.linspace(0, 38, 200_001)
    got = bell(t) * tail_over_bell(t)
    want = np.array([math.erfc(x / math.sqrt(2)) / 2 for x in t])
    assert np.abs(got - want).max() < 3e-16
    relative = np.abs(got / want - 1)
    assert relative[t <= 3].max() < 2e-14
    assert relative[t <= 7].max() < 3e-9


def test_selu_keeps_mean_0_and_variance_1():
    z, weights = np.polynomial.hermite_e.hermegauss(200)  # sums over the normal distribution
    weights /= weights.sum()
    a = SELU.activation(z)
    assert abs((weights * a).sum()) < 1e-3
    assert (weights * a**2).sum() == pytest.approx(1, abs=1e-3)


# --- a user's own --------------------------------------------------------------------------------------------------
class OwnReLU:
    """As a course would write it: no @staticmethod, and a derivative that writes into its argument."""

    def activation(z):
        return np.maximum(z, 0)

    def activation_prime(z):
        z[z <= 0] = 0
        z[z > 0] = 1
        return z


class Doubled:
    @staticmethod
    def activation(z):
        return 2 * z

    @staticmethod
    def activation_prime(z):
        return 2


class Power:
    def __init__(self, k):
        self.k = k

    def activation(self, z):
        return z**self.k

    def activation_prime(self, z):
        return self.k * z ** (self.k - 1)


def test_a_users_class_is_used_as_a_class():
    own, z = resolve(OwnReLU), np.array([[-1.0, 2.0]])
    for f in ("activation", "activation_prime"):
        np.testing.assert_array_equal(getattr(own, f)(z), getattr(ReLU, f)(z))
    np.testing.assert_array_equal(z, [[-1.0, 2.0]])
    assert own.name == "OwnReLU"


def test_a_scalar_derivative_is_broadcast():
    np.testing.assert_array_equal(resolve(Doubled).activation_prime([[1.0, 2.0]]), [[2, 2]])


def test_a_users_object_keeps_its_settings():
    np.testing.assert_array_equal(resolve(Power(3)).activation_prime([[2.0]]), [[12]])


def test_a_pair_of_functions():
    np.testing.assert_array_equal(resolve((np.sin, np.cos)).activation_prime([[0.0]]), [[1]])


def test_a_function_alone_gets_a_numeric_derivative_and_a_warning():
    with pytest.warns(UserWarning, match="has no derivative"):
        own = resolve(np.arctan)
    z = np.linspace(-3, 3, 7).reshape(1, -1)
    np.testing.assert_allclose(own.activation_prime(z), 1 / (1 + z**2), rtol=1e-8)


def test_a_function_that_mixes_elements_needs_its_derivative():
    with pytest.raises(ValueError, match="each element alone"):
        resolve(lambda z: z / (1 + np.abs(z).sum()))


def test_users_functions_get_columns():
    seen = []

    def look(z):
        seen.append(z.shape)
        return z

    ActivationLayer((look, lambda z: 1)).forward_propagation(np.ones((3, 5)))
    assert seen[-1] == (3, 5)


def test_the_range_of_a_users_own_is_measured():
    assert CustomActivation(lambda z: 1 / (1 + np.exp(-z)), lambda z: 0).range[1] <= 1
    assert CustomActivation(np.abs, np.sign).range[1] > 1


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_outputs_fill_the_stated_range(name):
    kind, z = ACTIVATIONS[name], np.linspace(-20, 20, 200_001).reshape(1, -1)  # near enough to every minimum
    a = kind.activation(np.concatenate([z, -z]))
    (low, high), least, most = kind().range, a.min(), a.max()
    assert low <= least <= most <= high
    assert least == pytest.approx(low, abs=0.05) if low > -INF else least < -0.1
    top = {"exponential": np.exp(20), "log": np.log(20)}.get(name, 20)
    assert most == pytest.approx(high, abs=0.05) if high < INF else most == pytest.approx(top, rel=0.06)


def test_a_users_own_is_known_by_what_it_is_not_by_its_name():
    def linear(z):
        return 2 * z

    net = NeuralNetwork([DenseLayer(1, 1, (linear, lambda z: 2), init="ones")], "mse")
    assert net.predict([[3.0]]) == 6

    def sigmoid(z):
        return np.clip(z / 8 + 0.5, 0.1, 0.9)

    own = CustomActivation(sigmoid, lambda z: np.where(np.abs(z) < 3.2, 0.125, 0.0))
    net = NeuralNetwork([DenseLayer(1, 1, own, init="ones")], "binary_crossentropy", dtype="float64")
    assert net.evaluate([[0.8]], [1])["loss"] == pytest.approx(-math.log(0.6))


def test_a_users_softmax_is_refused_as_its_derivative_cannot_be_told():
    class CourseSoftmax:
        def activation(z):
            return np.exp(z) / np.exp(z).sum(axis=0)

        def activation_prime(z):
            return 1

    with pytest.raises(ValueError, match="For a softmax use 'softmax'"):
        DenseLayer(2, 2, CourseSoftmax)


def test_a_slope_for_each_unit():
    slopes = np.array([[0.1], [0.2], [0.3]])
    own = resolve((lambda z: np.maximum(z, slopes * z), lambda z: np.where(z > 0, 1, slopes)))
    np.testing.assert_allclose(own.activation(-np.ones((3, 2))), -slopes * np.ones((1, 2)))
