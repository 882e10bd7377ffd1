"""Partial dependence, curves of rows, permutation importance and prototypes against plain loops and scikit-learn."""

import numpy as np
import pytest

from neural import (
    ActivationLayer,
    AverageLayer,
    DenseLayer,
    EnsembleDense,
    MeanOfMembers,
    NeuralNetwork,
    ensemble,
    partial_dependence,
    permutation_importance,
    prototypes,
)
from neural.nearest import hidden_values, last_dense
from tests.patients import blobs, fitted

X = np.random.default_rng(0).normal(size=(40, 3))


class Sum:
    """f = x0 squared + x0 x1; x2 does nothing."""

    def predict(self, X):
        X = np.asarray(X, dtype=float)
        return X[:, 0] ** 2 + X[:, 0] * X[:, 1]


def test_curves_are_predictions_with_one_column_replaced():
    found = partial_dependence(Sum(), X, 0, grid=[-1.0, 0.5, 2.0])
    for k, value in enumerate(found.grid):
        moved = X.copy()
        moved[:, 0] = value
        np.testing.assert_allclose(found.curves[:, k], Sum().predict(moved))
    np.testing.assert_allclose(found.mean, found.curves.mean(axis=0))
    assert np.ptp(partial_dependence(Sum(), X, 2).curves, axis=1).max() == 0


def test_it_is_scikit_learns():
    inspection = pytest.importorskip("sklearn.inspection")
    from sklearn.linear_model import LogisticRegression

    y = (X[:, 0] + X[:, 1] > 0).astype(int)
    model = LogisticRegression().fit(X, y)
    theirs = inspection.partial_dependence(model, X, [1], kind="both", grid_resolution=10)
    found = partial_dependence(model, X, 1, grid=theirs["grid_values"][0])
    np.testing.assert_allclose(found.curves, theirs["individual"][0])
    np.testing.assert_allclose(found.mean, theirs["average"][0])
    np.testing.assert_allclose(partial_dependence(model, X, 1, target=0, grid=found.grid).mean, 1 - found.mean)


def test_data_frames_keep_their_kinds():
    pandas = pytest.importorskip("pandas")

    class Model:
        classes_ = np.array(["no", "yes"])

        def predict_proba(self, frame):
            p = np.where(frame["colour"] == "red", 0.9, 0.1) * (frame["age"] > 30)
            return np.column_stack([1 - p, p])

    frame = pandas.DataFrame({"age": [20.0, 40.0, 60.0], "colour": ["red", "blue", "red"]})
    found = partial_dependence(Model(), frame, "colour")
    assert found.grid.tolist() == ["blue", "red"]
    assert (found.feature, found.output) == ("colour", "Probability of yes")
    np.testing.assert_allclose(found.mean, [0.2 / 3, 1.8 / 3])
    with pytest.raises(ValueError, match="feature must be a column of X"):
        partial_dependence(Model(), frame, "size")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((3,), "feature must be"), ((0, [1.0, np.nan]), "grid must be finite"), ((0, 1), "grid must be")],
)
def test_what_it_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        partial_dependence(Sum(), X, arguments[0], grid=arguments[1] if len(arguments) > 1 else 5)


def test_several_outputs_need_a_target():
    net, rows, *_ = fitted("iris")
    with pytest.raises(ValueError, match="target must be given where there are 3 outputs"):
        partial_dependence(net, rows, 0)
    curves = [partial_dependence(net, rows, 0, target=k).mean for k in range(3)]
    np.testing.assert_allclose(sum(curves), 1, atol=1e-5)
    with pytest.raises(ValueError, match=r"target must be one of \[0, 1, 2\]"):
        partial_dependence(net, rows, 0, target=3)


# Permutation importance -----------------------------------------------------------------------------------------------


def test_importance_of_what_matters_and_what_does_not():
    found = permutation_importance(Sum(), X, Sum().predict(X), repeats=5, random_state=0)
    assert found.score == 1
    assert (found.losses[2] == 0).all()
    assert found.mean[0] > found.mean[1] > 0.2
    again = permutation_importance(Sum(), X, Sum().predict(X), repeats=5, random_state=0)
    np.testing.assert_array_equal(found.losses, again.losses)


def test_importance_is_a_plain_loop_over_permutations():
    net, _, _, rows, y = fitted("cancer")
    found = permutation_importance(net, rows, y, "log_loss", repeats=2, random_state=3)
    rng, before = np.random.default_rng(np.random.SeedSequence(3).generate_state(1, np.uint64)[0]), rows.copy()

    def loss(X):
        p = net.predict(X)[:, 0].astype(float)
        eps = np.finfo(np.float64).eps
        return -np.mean(np.log(np.where(y == 1, p, 1 - p).clip(eps)))

    assert found.score == pytest.approx(loss(rows), rel=1e-6)
    for column in range(3):
        for k in range(2):
            moved = rows.copy()
            moved[:, column] = rows[rng.permutation(len(rows)), column]
            assert found.losses[column, k] == pytest.approx(loss(moved) - loss(rows), abs=1e-6)
    np.testing.assert_array_equal(rows, before)


# Prototypes -----------------------------------------------------------------------------------------------------------


def test_prototypes_are_the_nearest_in_the_last_hidden_layer():
    net, rows, y, rows_test, y_test = fitted("digits")
    found = prototypes(net, rows, rows_test[:20], k=4)
    W, b = net.weights[0], net.biases[0][:, 0]
    near, far = (np.maximum(each / 16 @ W.T + b, 0) for each in (rows_test[:20], rows))
    distances = np.sqrt(np.square(near[:, None] - far[None]).sum(axis=2))
    np.testing.assert_allclose(found.distances, np.sort(distances, axis=1)[:, :4], rtol=1e-3)
    assert (np.diff(found.distances, axis=1) >= 0).all()
    assert (y[found.rows] == y_test[:20, None]).mean() > 0.8


def test_a_training_row_is_its_own_prototype():
    net, rows, *_ = fitted("moons")
    found = prototypes(net, rows, rows[7:9], k=1)
    assert found.rows.tolist() == [[7], [8]]
    assert found.distances.max() == 0


def test_without_a_hidden_layer_inputs_are_compared():
    net = NeuralNetwork([DenseLayer(6, 2, "softmax")], "categorical_crossentropy", random_state=0)
    rows, _ = blobs(50)
    assert prototypes(net, rows, rows[3:4] + 1e-4, k=1).rows.tolist() == [[3]]
    with pytest.raises(ValueError, match="k must be"):
        prototypes(net, rows, rows, k=51)
    with pytest.raises(ValueError, match="X must be of shape"):
        prototypes(net, rows, rows[:0])


def test_prototypes_of_an_ensemble_are_the_nearest_to_all_its_members():
    net, rows, _, rows_test, _ = fitted("digits")
    other = NeuralNetwork([DenseLayer(64, 9, "tanh"), DenseLayer(9, 10, "softmax")], net.loss_, input_scale=1 / 16)
    other.build().classes_ = net.classes_
    found = prototypes(ensemble([net, other]), rows, rows_test[:20], k=3)
    reversed_members = prototypes(ensemble([other, net]), rows, rows_test[:20], k=3)
    near, far = (np.hstack([hidden_values(each, X) for each in (net, other)]) for X in (rows_test[:20], rows))
    distances = np.sqrt(np.square(near[:, None] - far[None]).sum(axis=2))
    np.testing.assert_allclose(found.distances, np.sort(distances, axis=1)[:, :3], rtol=1e-4)
    np.testing.assert_allclose(found.distances, reversed_members.distances, rtol=1e-4)
    assert not np.allclose(found.distances, prototypes(net, rows, rows_test[:20], k=3).distances, rtol=0.1)


def test_prototypes_of_members_that_share_their_weights_are_the_nearest_to_all():
    layers = [EnsembleDense(5, 3, "relu", first=True), EnsembleDense(2, 3), MeanOfMembers(3, "softmax")]
    net = NeuralNetwork(layers, "categorical_crossentropy", random_state=0)
    rows, _ = blobs(50)
    found, hidden = prototypes(net, rows, rows[:4], k=2), net.build(6).layers[0]
    made = np.maximum(hidden.forward_propagation(rows.T).T, 0)
    assert made.shape == (50, 15)
    distances = np.sqrt(np.square(made[:4, None] - made).sum(axis=2))
    np.testing.assert_allclose(found.distances, np.sort(distances, axis=1)[:, :2], rtol=1e-4, atol=1e-5)


def test_the_last_dense_layer_of_each_chain():
    dense, relu = DenseLayer(2, 2), ActivationLayer("relu")

    def places(*layers):
        return last_dense([part for layer in layers for leaf in layer.leaves() for part in leaf.expanded()])

    assert places(relu) == [0]
    assert places(dense, relu, dense) == [2]
    assert places(dense, AverageLayer([[relu, dense], [dense, relu]])) == [3, 5]  # marks at 1, 4, 7
    assert places(dense, AverageLayer([[relu], [dense]])) == [0, 4]  # one chain begins at what went into the first
    assert places(AverageLayer([[dense], [dense]]), dense) == [5]
    assert places(AverageLayer([[AverageLayer([[dense], [dense]])], [dense]])) == [2, 4, 7]


def test_importance_is_shown_as_a_table_the_most_important_first():
    found = permutation_importance(Sum(), X, Sum().predict(X), feature_names=["age", "pay", "noise"], random_state=0)
    first, *lines = str(found).splitlines()
    assert first == "r2_score is 1; with a column dealt out anew it is worse by"
    assert [line.split()[0] for line in lines] == ["age", "pay", "noise"]
    assert repr(found) == str(found)


# Pictures -------------------------------------------------------------------------------------------------------------


def test_pictures_show_what_was_found():
    pytest.importorskip("matplotlib")
    found = partial_dependence(Sum(), X, 0, grid=5, feature_names=["age", "pay", "noise"])
    axes = found.plot().axes[0]
    np.testing.assert_allclose(axes.lines[len(X)].get_ydata(), found.mean)
    assert axes.get_xlabel() == "age"
    centred = found.plot(centred=True).axes[0].lines[len(X)].get_ydata()
    assert centred[0] == 0
    importance = permutation_importance(Sum(), X, Sum().predict(X), random_state=0)
    bars = importance.plot(2).axes[0]
    assert [text.get_text() for text in bars.get_yticklabels()] == ["x1", "x0"]
    net, rows, y, *_ = fitted("digits")
    figure = prototypes(net, rows, rows[:2], k=3).plot_images((8, 8), labels=y)
    assert [axes.get_title() for axes in figure.axes][:2] == ["row 0", str(y[0])]
