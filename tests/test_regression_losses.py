"""Losses of values: against other people's, settings, layouts of outputs, targets that do not suit."""

import numpy as np
import pytest
from scipy.special import huber as scipy_huber
from sklearn.metrics import mean_gamma_deviance, mean_pinball_loss, mean_poisson_deviance

from neural import DenseLayer, Gamma, GaussianNLL, Huber, LogCosh, NeuralNetwork, Poisson, Quantile
from neural.losses import LOSSES
from tests.test_losses import rows

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(40, 2)) * 3
Y = RNG.normal(size=(40, 2)) * 3
COUNTS = RNG.poisson(3, (40, 2))
SIZES = RNG.gamma(2, size=(40, 2))


@pytest.mark.parametrize("delta", [0.5, 1, 3])
def test_huber_is_scipys(delta):
    value, _ = rows(Huber(delta), Z, Y)
    np.testing.assert_allclose(value, scipy_huber(delta, Z - Y).mean(axis=1), rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_log_cosh_is_exact_for_errors_tiny_and_huge(dtype):
    e = np.array([[1e-8], [1e-3], [0.1], [0.999], [1.001], [5], [80], [1e30]], dtype)
    value, da = rows(LogCosh(), e, np.zeros_like(e), dtype=dtype)
    wide = e.astype(np.longdouble)[:, 0]
    small = wide[:-1] / 2
    want = np.append(np.log1p(2 * np.sinh(small) ** 2), wide[-1] - np.log(np.longdouble(2)))
    np.testing.assert_allclose(value, want.astype(float), rtol=8 * np.finfo(dtype).eps)
    np.testing.assert_allclose(da, np.tanh(e), rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("q", [0.1, 0.5, 0.9])
def test_quantile_is_sklearns_pinball_loss(q):
    assert rows(Quantile(q), Z, Y)[0].mean() == pytest.approx(mean_pinball_loss(Y, Z, alpha=q))


def test_poisson_and_gamma_are_half_of_sklearns_deviances():
    for loss, y, deviance in ((Poisson(), COUNTS, mean_poisson_deviance), (Gamma(), SIZES, mean_gamma_deviance)):
        for form, given in (("of_scores", Z), ("of_outputs", np.exp(Z))):
            value, _ = rows(loss, given, y, form)
            wanted = deviance(y.ravel(), np.exp(Z).ravel()) / 2
            assert value.mean() == pytest.approx(wanted, rel=1e-12)


def test_a_right_rate_costs_nothing_however_large():
    y = np.array([[1e-30, 1.0, 1e6, 1e12]], np.float32)
    assert abs(rows(Poisson(), np.log(y), y, dtype=np.float32)[0][0]) < 10  # e^z itself is off by 1e6 of 1e12
    assert rows(Poisson(), y[:, 1:], y[:, 1:], "of_outputs", np.float32)[0][0] == pytest.approx(0, abs=1e-5)
    assert rows(Gamma(), np.log(y), y, dtype=np.float32)[0][0] == pytest.approx(0, abs=1e-10)


# --- several outputs for one target --------------------------------------------------------------------------------
def test_several_quantiles_share_their_target():
    loss = Quantile([0.1, 0.5, 0.9])
    targets, classes = loss.encode([[1, 2], [3, 4]], 6)
    assert classes is None
    assert targets.tolist() == [[1, 1, 1, 2, 2, 2], [3, 3, 3, 4, 4, 4]]
    assert loss.encode([5, 6], 3)[0].tolist() == [[5, 5, 5], [6, 6, 6]]
    assert loss.labels(targets).tolist() == [[1, 2], [3, 4]]
    assert loss.estimates(np.arange(12).reshape(2, 6)).tolist() == [[1, 4], [7, 10]]
    z = RNG.normal(size=(2, 6))
    alone = [rows(Quantile(q), z[:, i::3], targets[:, ::3])[0] for i, q in enumerate([0.1, 0.5, 0.9])]
    np.testing.assert_allclose(rows(loss, z, targets)[0], np.mean(alone, axis=0), rtol=1e-14)
    by_hand = loss.loss(np.array([[1, 3], [2, 4]]), z.T), loss.loss(targets.T, z.T)
    assert by_hand[0] == by_hand[1]


def test_learnt_quantiles_are_those_of_the_data():
    y = np.random.default_rng(1).exponential(size=4000)
    net = NeuralNetwork([DenseLayer(1, 3)], Quantile([0.1, 0.5, 0.9]), dtype="float64", random_state=0)
    net.fit(np.zeros((4000, 1)), y, epochs=60, learning_rate=0.5, batch_size=100, schedule="cosine", verbose=0)
    below = (y[:, None] < net.predict(np.zeros((1, 1)))).mean(axis=0)
    np.testing.assert_allclose(below, [0.1, 0.5, 0.9], atol=0.01)
    median = net.predict(np.zeros((4000, 1)))[:, 1]
    assert net.evaluate(np.zeros((4000, 1)), y, "mae")["mae"] == pytest.approx(np.abs(y - median).mean())


def test_a_gaussian_learns_mean_and_spread():
    y = np.random.default_rng(1).normal(5, 0.5, (2000, 1)) * [1, 0.5]
    X = np.zeros((2000, 1))
    net = NeuralNetwork([DenseLayer(1, 4)], "gaussian_nll", dtype="float64", random_state=0)
    net.fit(X, y, epochs=60, learning_rate=0.05, optimizer="adam", schedule="cosine", verbose=0)
    mean, std = GaussianNLL.mean_and_std(net.predict(X[:1]))
    np.testing.assert_allclose(mean[0], y.mean(axis=0), rtol=0.01)
    np.testing.assert_allclose(std[0], y.std(axis=0), rtol=0.02)
    assert net.evaluate(X, y, "r2")["r2"] == pytest.approx(0, abs=0.01)


def test_a_gaussian_is_finite_where_the_variance_is_beyond_float32():
    value, da = rows(GaussianNLL(), [[2.0, -300.0], [2.0, 300.0]], [[2.0, 2.0], [0.0, 0.0]], dtype=np.float32)
    np.testing.assert_allclose(value, [-150, 150])
    np.testing.assert_allclose(da, [[0, 0.5], [0, 0.5]], atol=1e-30)


def test_poisson_learns_rates():
    X = np.random.default_rng(2).normal(size=(2000, 1))
    y = np.random.default_rng(3).poisson(np.exp(0.5 * X[:, 0] + 1))
    net = NeuralNetwork([DenseLayer(1, 1, "exponential")], "poisson", dtype="float64", random_state=0)
    net.fit(X, y, epochs=40, learning_rate=0.05, schedule="cosine", verbose=0)
    np.testing.assert_allclose([net.weights[0].item(), net.biases[0].item()], [0.5, 1], atol=0.05)
    assert net.predict(X).min() > 0


def one_unit(last, loss):
    return NeuralNetwork([DenseLayer(1, 1, last)], loss).loss_and_gradient([[1.0]], [1])


# --- refusals ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Huber(0), ["delta", "above 0", "0"]),
        (lambda: Quantile(1), ["quantiles", "between 0 and 1", "1"]),
        (lambda: Quantile([0.5, 0]), ["quantiles", "between 0 and 1", "0"]),
        (lambda: Quantile([]), ["quantiles", "one number or more", "[]"]),
        (lambda: Quantile([0.1, 0.9]).encode([1.0], 3), ["number of outputs", "multiple of 2", "3"]),
        (lambda: GaussianNLL().encode([1.0], 1), ["number of outputs", "multiple of 2", "1"]),
        (lambda: GaussianNLL().loss([[1.0]], [[1.0]]), ["number of outputs", "multiple of 2", "1"]),
        (lambda: Poisson().encode([1, -2], 1), ["y", "at least 0", "-2"]),
        (lambda: Poisson().loss([[-2.0]], [[1.0]]), ["y", "at least 0", "-2"]),
        (lambda: Gamma().encode([1, 0], 1), ["y", "above 0", "Got 0"]),
        (lambda: Gamma().encode([1, 1e-60], 1), ["y", "above 0", "1e-60"]),
        (lambda: one_unit(None, "poisson"), ["0 to inf", "exponential"]),
        (lambda: one_unit("tanh", "gamma"), ["0 to inf", "tanh"]),
    ],
)  # fmt: skip
def test_refusals(make, words):
    with pytest.raises(ValueError, match=words[0]) as caught:
        make()
    assert [word for word in words if word not in str(caught.value)] == []


def test_text_for_a_setting_is_refused():
    for kind in (Huber, Quantile):
        with pytest.raises(TypeError, match="'x'"):
            kind("x")
    with pytest.raises(ValueError, match="Did you mean 'huber'"):
        NeuralNetwork([DenseLayer(1, 1)], "hubert")
    assert {"huber", "log_cosh", "quantile", "poisson", "gamma", "gaussian_nll"} < set(LOSSES)
