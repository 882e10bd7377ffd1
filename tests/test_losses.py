"""Losses: known values, extremes, targets at the door, by hand against the library's path, and a user's own."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, log_expit, log_softmax

from neural import MAE, MSE, BinaryCrossentropy, CategoricalCrossentropy, DenseLayer, Loss, NeuralNetwork, losses
from neural.losses import LOSSES
from neural.parameters import Own
from tests.networks import TARGETS, with_settings

EXTREME = [0, 1e-38, -1e-38, 88, -88, 1e4, -1e4]


def rows(loss, z, y, form="of_scores", dtype=float):
    z = np.asarray(z, dtype=dtype)
    dz = np.empty_like(z)
    with np.errstate(all="ignore"):
        return getattr(loss, form)(z, np.asarray(y), dz, Own(0, z.dtype)), dz


def test_softmax_cross_entropy_from_scores():
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(6, 4)) * 5, rng.integers(0, 4, 6)
    value, dz = rows(CategoricalCrossentropy(), z, y)
    np.testing.assert_allclose(value, -log_softmax(z, axis=1)[np.arange(6), y], rtol=1e-13)
    np.testing.assert_allclose(dz, np.exp(log_softmax(z, axis=1)) - np.eye(4)[y], atol=1e-15)
    soft, dsoft = rows(CategoricalCrossentropy(), z, np.eye(4)[y])
    np.testing.assert_allclose(soft, value, rtol=1e-13)
    np.testing.assert_allclose(dsoft, dz, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_binary_cross_entropy_from_scores(dtype):
    """Exact to rounding, also where the loss is tiny."""
    z = np.linspace(-30, 30, 61).reshape(-1, 1).astype(dtype)
    for truth in (0.0, 1.0):
        value, dz = rows(BinaryCrossentropy(), z, np.full(z.shape, truth), dtype=dtype)
        want = -log_expit(z.astype(float) if truth else -z.astype(float))[:, 0]
        np.testing.assert_allclose(value, want, rtol=8 * np.finfo(dtype).eps)
        np.testing.assert_allclose(dz, expit(z) - truth, atol=2 * np.finfo(dtype).eps)


@pytest.mark.parametrize("truth", [0.0, 1.0])
@pytest.mark.parametrize("score", [*EXTREME, 3e38, -3e38])
def test_binary_cross_entropy_is_finite_for_every_finite_score(score, truth):
    value, dz = rows(BinaryCrossentropy(), [[score]], [[truth]])
    assert np.isfinite(value).all()
    assert dz[0, 0] == pytest.approx(expit(score) - truth, abs=1e-15)


@pytest.mark.parametrize("score", EXTREME)
def test_softmax_cross_entropy_is_finite_for_every_finite_score(score):
    value, dz = rows(CategoricalCrossentropy(), [[score, -score, 0]], [1])
    assert np.isfinite(value).all()
    assert dz.sum() == pytest.approx(0, abs=1e-15)
    assert value[0] == pytest.approx(-log_softmax([score, -score, 0])[1], rel=1e-12)


@pytest.mark.parametrize(("p", "y", "slope"), [(1.0, 0.0, 1e15), (0.0, 1.0, -1e15), (1.0, 1.0, -1), (0.0, 0.0, 1)])
def test_binary_cross_entropy_alone_is_finite_and_points_the_right_way(p, y, slope):
    loss = BinaryCrossentropy()
    value, prime = loss.loss([[y]], [[p]]), loss.loss_prime([[y]], [[p]])
    assert math.isfinite(value)
    assert np.isfinite(prime).all()
    assert np.sign(prime[0, 0]) == np.sign(slope)
    assert abs(slope) <= abs(prime[0, 0]) * (1 + 1e-12)
    assert (value > 30) == (p != y)


def test_mse_and_mae_average_over_samples_and_outputs():
    true, predicted = np.array([[1.0, 2.0], [3.0, 5.0]]), np.array([[2.0, 2.0], [3.0, 1.0]])
    assert MSE().loss(true, predicted) == (1 + 0 + 0 + 16) / 4
    np.testing.assert_array_equal(MSE().loss_prime(true, predicted), 2 * (predicted - true) / 4)
    assert MAE().loss(true, predicted) == (1 + 0 + 0 + 4) / 4
    np.testing.assert_array_equal(MAE().loss_prime(true, predicted), np.array([[1, 0], [0, -1]]) / 4)


BY_HAND = {  # targets and outputs in columns, where 0 and 1, two outputs and three samples, will not do
    **dict.fromkeys(["categorical_crossentropy", "categorical_focal", "categorical_hinge"], np.eye(2)[:, [0, 1, 1]]),
    "gamma": np.array([[1.0, 0.5, 2.0], [0.3, 0.2, 1.0]]),
    "gaussian_nll": np.array([[1.0, 0.5, 2.0]]),
}
FUSED = {"categorical_crossentropy", "categorical_focal"}  # whose loss_prime is dJ/dZ


def by_hand(name):
    rng = np.random.default_rng(0)
    return BY_HAND.get(name, rng.integers(0, 2, (2, 3)).astype(float)), rng.uniform(0.1, 0.9, (2, 3))


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_by_hand_the_penalty_is_l2_over_2m_times_the_sum_of_squares(name):
    (true, predicted), kind = by_hand(name), LOSSES[name]
    assert kind(l2=0.4).loss(true, predicted, 10.0) == pytest.approx(kind().loss(true, predicted) + 0.4 / 6 * 10)


@pytest.mark.parametrize("name", sorted(set(LOSSES) - FUSED))
def test_by_hand_loss_prime_is_the_derivative_of_loss(name):
    (y, p), loss = by_hand(name), LOSSES[name]()
    for k in np.ndindex(p.shape):
        step = np.zeros_like(p)
        step[k] = 1e-6
        numeric = (loss.loss(y, p + step) - loss.loss(y, p - step)) / 2e-6
        assert loss.loss_prime(y, p)[k] == pytest.approx(numeric, rel=1e-6, abs=1e-9)


def test_by_hand_categorical_prime_is_that_of_the_scores():
    y, p = np.eye(3)[:, [0, 2]], np.array([[0.2, 0.1], [0.3, 0.2], [0.5, 0.7]])
    np.testing.assert_allclose(CategoricalCrossentropy().loss_prime(y, p), (p - y) / 2)


def test_by_hand_in_the_dtype_of_the_argument():
    for name, kind in LOSSES.items():
        y, p = by_hand(name)
        assert kind().loss_prime(y, p.astype(np.float32)).dtype == np.float32


def test_both_names_are_one_class():
    assert losses.CategoricalCrossEntropy is CategoricalCrossentropy
    assert losses.BinaryCrossEntropy is BinaryCrossentropy


# --- every row of the table, far out -------------------------------------------------------------------------------
FAR = [0.0, 1e-3, 0.7, 3, 20, 60, 88, 300, 1e4, 1e30]
FAR = [*FAR, *(-z for z in FAR[1:])]
FITS = np.finfo(np.float32).max / 16  # also what is summed before it is divided


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_in_float32_finite_and_exact_wherever_the_truth_fits(name):
    rng = np.random.default_rng(0)
    loss, z = with_settings(rng, name, 2), np.array(list(itertools.product(FAR, FAR)), np.float32)
    y, _ = loss.encode(TARGETS[name](rng, len(z), loss.n_targets(2)), 2)
    y = y if y.ndim == 1 else y.astype(np.float32)
    wide = y if y.ndim == 1 else y.astype(float)
    value, dz = rows(loss, z, y, dtype=np.float32)
    true_value, true_dz = rows(loss, z, wide)
    for got, want in ((value[:, None], true_value[:, None]), (dz, true_dz)):
        size = np.abs(want).max(axis=1)
        fits = size < FITS
        assert fits.sum() > len(z) / 2
        error = np.abs(got[fits] - want[fits]).max(axis=1) / np.maximum(size[fits], 1)
        assert error.max() < 2e-5  # NaN is not


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_nan_in_a_score_is_nan_in_the_loss(name):
    loss, rng = LOSSES[name](), np.random.default_rng(0)
    y, _ = loss.encode(TARGETS[name](rng, 2, loss.n_targets(2)), 2)
    value, _ = rows(loss, [[math.nan, 0.0], [0.0, math.nan]], y)
    assert np.isnan(value).all()


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_settings_make_the_loss_again(name):
    loss = with_settings(np.random.default_rng(1), name, 2, l2=0.5)
    again = LOSSES[name](**loss.settings())
    assert again == loss
    assert repr(again) == repr(loss)
    assert again.constants(2) == loss.constants(2)
    assert losses.resolve(name) == LOSSES[name]()


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_weight_two_is_the_row_twice(name):
    rng = np.random.default_rng(3)
    loss, X = LOSSES[name](), rng.normal(size=(3, 2))
    net = NeuralNetwork([DenseLayer(2, 2, loss.link)], loss, dtype="float64", random_state=0)
    y = TARGETS[name](rng, 3, loss.n_targets(2))
    once, gradient, _ = net.loss_and_gradient(X, y, [1, 2, 1])
    twice, same, _ = net.loss_and_gradient(X[[0, 1, 1, 2]], y[[0, 1, 1, 2]])
    assert once == pytest.approx(twice)
    np.testing.assert_allclose(gradient, same, rtol=1e-12, atol=1e-15)


# --- targets at the door -------------------------------------------------------------------------------------------
def encode(name, y, n_out, classes=None):
    return LOSSES[name]().encode(y, n_out, classes)


@pytest.mark.parametrize(
    "y",
    [
        [0, 2, 1],
        [[0], [2], [1]],
        [0.0, 2.0, 1.0],
        [[1, 0, 0], [0, 0, 1], [0, 1, 0]],
        [[True, False, False], [False, False, True], [False, True, False]],
        pd.Series([0, 2, 1]),
        pd.get_dummies(pd.Series(["a", "c", "b"])),
        ["a", "c", "b"],
        np.array(["a", "c", "b"], dtype=object),
        pd.Series(["a", "c", "b"]),
    ],
)
def test_classes_in_every_form_become_column_numbers(y):
    targets, classes = encode("categorical_crossentropy", y, 3)
    assert targets.tolist() == [0, 2, 1]
    assert targets.dtype == np.int64
    assert len(classes) == 3


def test_probabilities_stay_probabilities():
    targets, _ = encode("categorical_crossentropy", [[0.25, 0.75], [1, 0]], 2)
    assert targets.tolist() == [[0.25, 0.75], [1, 0]]


def test_text_labels_are_sorted_and_later_fits_keep_the_order():
    _, classes = encode("categorical_crossentropy", ["dog", "cat", "eel"], 3)
    assert classes.tolist() == ["cat", "dog", "eel"]
    targets, _ = encode("categorical_crossentropy", ["eel", "eel"], 3, classes)
    assert targets.tolist() == [2, 2]


def test_binary_targets():
    for y in ([0, 1], [[0], [1]], [False, True], ["no", "yes"]):
        targets, _ = encode("binary_crossentropy", y, 1)
        assert targets.tolist() == [[0], [1]]
    assert encode("binary_crossentropy", [[0, 1], [1, 1]], 2)[0].tolist() == [[0, 1], [1, 1]]


# --- a user's own --------------------------------------------------------------------------------------------------
class OwnMSE:
    """Not even a Loss; as the course wrote its losses, with ws."""

    def loss(self, y_true, y_pred, ws):
        return np.mean((y_pred - y_true) ** 2)

    def loss_prime(self, y_true, y_pred):
        return 2 * (y_pred - y_true) / y_true.size


class OwnFused(Loss):
    """loss_prime is dJ/dZ: fused with its link."""

    link = "softmax"

    def loss(self, y_true, y_pred, ws=0):
        return -np.mean(np.sum(y_true * np.log(y_pred), axis=0))

    def loss_prime(self, y_true, y_pred):
        return (y_pred - y_true) / y_true.shape[1]


def trained(loss, last, n_out, y, **settings):
    X = np.random.default_rng(1).normal(size=(30, 2))
    net = NeuralNetwork([DenseLayer(2, 6, "tanh"), DenseLayer(6, n_out, last)], loss, dtype="float64", random_state=0)
    return net.fit(X, y, epochs=5, learning_rate=0.1, batch_size=8, verbose=0, **settings), net.params


def test_a_users_loss_trains_as_ours_does():
    y = np.random.default_rng(2).normal(size=30)
    ours, params = trained("mse", None, 1, y)
    theirs, same = trained(OwnMSE, None, 1, y)
    np.testing.assert_allclose(theirs, ours, rtol=1e-12)
    np.testing.assert_allclose(same, params, rtol=1e-10, atol=1e-14)


def test_a_users_loss_that_is_fused_with_its_link():
    y = np.random.default_rng(2).integers(0, 3, 30)
    ours, params = trained("categorical_crossentropy", "softmax", 3, y)
    theirs, same = trained(OwnFused(), "softmax", 3, y)
    np.testing.assert_allclose(theirs, ours, rtol=1e-12)
    np.testing.assert_allclose(same, params, rtol=1e-10, atol=1e-14)


class RowWise(Loss):
    name = "rowwise"

    def of_outputs(self, a, y, da, own):
        np.tanh(a - y, out=da)
        return np.log(np.cosh(a - y)).sum(axis=1)


def test_a_users_loss_with_a_value_a_row_takes_sample_weights():
    y = np.random.default_rng(2).normal(size=30)
    history, _ = trained(RowWise(), None, 1, y, sample_weight=np.linspace(0, 1, 30))
    assert history[-1] < history[0]


def test_a_fused_loss_of_a_users_own_must_follow_its_link():
    with pytest.raises(ValueError, match="must follow it"):
        trained(OwnFused(), "sigmoid", 3, np.zeros(30, dtype=int))
