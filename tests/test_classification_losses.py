"""Losses of classes: focal, hinge, smoothed labels; against other people's, and targets that do not suit."""

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.metrics import hinge_loss

from neural import (
    BinaryCrossentropy,
    BinaryFocal,
    CategoricalCrossentropy,
    CategoricalFocal,
    CategoricalHinge,
    DenseLayer,
    Hinge,
    NeuralNetwork,
    metrics,
)
from tests.test_losses import rows

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(50, 3)) * 3
LABELS = RNG.integers(0, 3, 50)
YES = RNG.integers(0, 2, (50, 3)).astype(float)
SIGNS = 2 * YES - 1


# --- values --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("gamma", [0, 0.5, 2, 5])
def test_focal_losses_by_definition(gamma):
    p = softmax(Z, axis=1)[np.arange(50), LABELS]
    alpha = [0.2, 1.0, 3.0]
    want = -np.take(alpha, LABELS) * (1 - p) ** gamma * np.log(p)
    np.testing.assert_allclose(rows(CategoricalFocal(gamma, alpha), Z, LABELS)[0], want, rtol=1e-11)
    p = np.where(YES == 1, expit(Z), expit(-Z))
    want = -(np.where(YES == 1, 0.25, 0.75) * (1 - p) ** gamma * np.log(p)).sum(axis=1)
    np.testing.assert_allclose(rows(BinaryFocal(gamma, 0.25), Z, YES)[0], want, rtol=1e-11)


def test_focal_with_gamma_0_is_cross_entropy():
    pairs = [
        (CategoricalFocal(0), CategoricalCrossentropy(), LABELS, softmax(Z, axis=1)),
        (CategoricalFocal(0), CategoricalCrossentropy(), softmax(Z[::-1], axis=1), softmax(Z, axis=1)),
        (BinaryFocal(0), BinaryCrossentropy(), YES, expit(Z)),
        (BinaryFocal(0), BinaryCrossentropy(), expit(Z[::-1]), expit(Z)),
    ]
    for focal, plain, y, p in pairs:
        for form, given in (("of_scores", Z), ("of_outputs", p)):
            for a, b in zip(rows(focal, given, y, form), rows(plain, given, y, form), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("gamma", [0, 0.5, 1, 2])
def test_focal_at_certainty_has_no_nan(gamma):
    far = np.array([[200.0, 0.0], [-200.0, 0.0]], np.float32)
    for loss, y in ((CategoricalFocal(gamma), np.array([0, 0])), (BinaryFocal(gamma), np.array([[1.0, 1.0]] * 2))):
        value, dz = rows(loss, far, y, dtype=np.float32)
        assert np.isfinite(value).all()
        assert np.isfinite(dz).all()
        assert dz[0, 0] == pytest.approx(0, abs=1e-30)
        assert dz[1, 0] == pytest.approx(-1)
        value, da = rows(loss, [[1.0, 0.0], [0.0, 1.0]], y, "of_outputs", np.float32)
        assert np.isfinite([value, *da.T]).all()


def test_by_hand_categorical_focal_prime_is_that_of_the_scores():
    loss, y = CategoricalFocal(1.5, [1, 2, 0.5]), np.eye(3)[LABELS]
    _, dz = rows(loss, Z, LABELS)
    np.testing.assert_allclose(loss.loss_prime(y.T, softmax(Z, axis=1).T), dz.T / 50, rtol=1e-9, atol=1e-14)


def test_hinges_are_sklearns():
    assert rows(Hinge(), Z[:, :1], SIGNS[:, :1])[0].mean() == pytest.approx(hinge_loss(YES[:, 0], Z[:, 0]))
    assert rows(CategoricalHinge(), Z, LABELS)[0].mean() == pytest.approx(hinge_loss(LABELS, Z, labels=[0, 1, 2]))


def test_categorical_hinge_moves_the_truth_and_its_best_rival():
    value, dz = rows(CategoricalHinge(), [[1.0, 0.5, 3.0], [4.0, 1.0, 2.0]], [0, 0])
    assert value.tolist() == [3, 0]
    assert dz.tolist() == [[-1, 0, 1], [0, 0, 0]]
    assert CategoricalHinge().kink_distance(np.array([[1.0, 0.5, 3.0]]), np.array([0])) == 2.5
    assert CategoricalHinge().kink_distance(np.array([[1.0, 0.25]]), np.array([0])) == 0.25


# --- smoothed labels -----------------------------------------------------------------------------------------------
def test_smoothed_labels_are_mixed_with_equal_shares():
    loss, plain = CategoricalCrossentropy(label_smoothing=0.3), CategoricalCrossentropy()
    soft = np.eye(3)[LABELS] * 0.7 + 0.1
    p = softmax(Z, axis=1)
    for form, given in (("of_scores", Z), ("of_outputs", p)):
        for a, b in zip(rows(loss, given, LABELS, form), rows(plain, given, soft, form), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
    hard, p = np.eye(3)[LABELS].T, p.T
    assert loss.loss(hard, p) == pytest.approx(plain.loss(soft.T, p))
    np.testing.assert_allclose(loss.loss_prime(hard, p), (p - soft.T) / 50, atol=1e-15)
    binary = BinaryCrossentropy(label_smoothing=0.3).loss(YES.T, p)
    assert binary == pytest.approx(BinaryCrossentropy().loss(YES.T * 0.7 + 0.15, p))


def test_smoothing_leaves_labels_and_metrics_alone():
    net = NeuralNetwork([DenseLayer(3, 3, "softmax")], CategoricalCrossentropy(label_smoothing=0.2), random_state=0)
    net.fit(Z, LABELS, epochs=2, metrics="accuracy", verbose=0)
    want = metrics.accuracy(LABELS, net.predict(Z))
    assert net.evaluate(Z, LABELS, "accuracy")["accuracy"] == net.history_["accuracy"][-1] == want


# --- targets -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "y", [[0, 1, 1], [-1, 1, 1], [False, True, True], [[-1.0], [1.0], [1.0]], ["no", "yes", "yes"]]
)
def test_hinge_takes_two_classes_in_every_form(y):
    loss = Hinge()
    targets, classes = loss.encode(y, 1)
    assert targets.tolist() == [[-1], [1], [1]]
    assert loss.labels(targets).tolist() == [0, 1, 1]
    assert classes.tolist() in ([0, 1], ["no", "yes"])
    assert loss.estimates(np.array([[-2.0], [0.2], [3.0]])).tolist() == [[0], [1], [1]]


def test_metrics_of_a_hinge_are_of_its_classes():
    X = RNG.normal(size=(60, 2))
    y = np.where(X[:, 0] > 0, 1, -1)
    net = NeuralNetwork([DenseLayer(2, 1)], "hinge", random_state=0)
    history = net.fit(X, y, epochs=100, learning_rate=0.1, metrics="accuracy", verbose=0)
    assert history["accuracy"][-1] == np.mean((net.predict(X)[:, 0] > 0) == (y > 0)) > 0.9


REFUSED = [
    (lambda: Hinge().encode([0.5, 1], 1), ["-1 and 1, or 0 and 1", "0.5"]),
    (lambda: Hinge().encode([-1, 0, 1], 1), ["-1 and 1, or 0 and 1", "Got 0"]),
    (lambda: Hinge().loss([[2.0]], [[1.0]]), ["-1 and 1", "2.0"]),
    (lambda: BinaryFocal().encode([0, 2], 1), ["from 0 to 1 for BinaryFocal", "2"]),
    (lambda: CategoricalHinge().encode([[0.5, 0.5]], 2), ["one-hot or labels"]),
    (lambda: CategoricalHinge().encode([0], 1), ["outputs", "2 at least", "1", "Hinge"]),
    (lambda: CategoricalFocal(alpha=[1, 2]).encode([0], 3), ["alpha", "each of 3 classes", "[1.0, 2.0]"]),
    (lambda: CategoricalFocal(gamma=-1), ["gamma", "at least 0", "-1"]),
    (lambda: BinaryFocal(alpha=2), ["alpha", "at most 1", "2"]),
    (lambda: CategoricalCrossentropy(label_smoothing=1.5), ["label_smoothing", "at most 1", "1.5"]),
    (lambda: NeuralNetwork([DenseLayer(1, 1, "sigmoid")], "hinge").loss_and_gradient([[1.0]], [1]),
     ["Hinge", "sigmoid"]),
    (lambda: NeuralNetwork([DenseLayer(1, 2, "softmax")], "binary_focal").loss_and_gradient([[1.0]], [[1, 0]]),
     ["BinaryFocal", "softmax"]),
    (lambda: NeuralNetwork([DenseLayer(1, 2)], "categorical_focal").loss_and_gradient([[1.0]], [0]),
     ["CategoricalFocal", "End the network with softmax"]),
]  # fmt: skip


@pytest.mark.parametrize(("make", "words"), REFUSED)
def test_refusals(make, words):
    with pytest.raises(ValueError, match=words[0]) as caught:
        make()
    assert [word for word in words if word not in str(caught.value)] == []


def test_one_number_is_no_alpha_of_several_classes():
    with pytest.raises(TypeError, match="one factor for each class"):
        CategoricalFocal(alpha=0.25)
