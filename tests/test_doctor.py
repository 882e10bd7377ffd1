"""The doctor: silent on healthy networks, and each planted fault found and named."""

import copy

import numpy as np
import pytest

from neural import DenseLayer, History, NeuralNetwork
from neural.diagnosis import CHECKS, doctor
from tests import patients
from tests.patients import BCE, CCE, HEALTHY, blobs, chain, fitted, layers, split, waves


@pytest.mark.parametrize("name", HEALTHY)
def test_silent_on_a_healthy_network(name):
    found = doctor(*fitted(name))
    assert found.names == []
    assert str(found) == f"Nothing found. {len(CHECKS)} checks were made."


@pytest.mark.nightly
def test_false_alarms_are_rare_over_many_starts():
    cases = [(name, seed) for name in HEALTHY for seed in range(1, 11)]
    alarms = [(name, seed, names) for name, seed in cases if (names := doctor(*fitted(name, seed)).names)]
    assert len(alarms) <= 0.03 * len(cases), alarms


# Planted faults -------------------------------------------------------------------------------------------------------


def fit(net, X, y, **settings):
    net.fit(X, y, **{"epochs": 30, "batch_size": 32, "learning_rate": 0.05, "verbose": 0, **settings})
    return net


def unscaled():
    X, X_test, y, y_test = split(*blobs(k=2))
    factors = [1, 1, 1, 1, 1, 300]
    return fit(chain(0, (6, 8, 1), "tanh", "sigmoid", BCE), X * factors, y), X * factors, y, X_test * factors, y_test


def uneven():
    X, X_test, y, y_test = split(*blobs(k=2))
    factors = [1, 1, 1, 1, 1e-4, 1]
    return fit(chain(0, (6, 8, 1), "tanh", "sigmoid", BCE), X * factors, y), X * factors, y, X_test * factors, y_test


def constant():
    _, X, y, X_test, y_test = fitted("wine")
    X, X_test = X.copy(), X_test.copy()
    X[:, 4] = X_test[:, 4] = 0.5
    return fit(chain(0, (13, 8, 3), "relu", "softmax", CCE), X, y), X, y, X_test, y_test


def duplicates():
    net, X, y, X_test, y_test = fitted("waves")
    return net, X, y, np.concatenate([X_test[10:], X[:10]]), np.concatenate([y_test[10:], y[:10]])


def leak():
    X, y = patients.sklearn_data("breast_cancer")
    X = np.column_stack([X[:, :4], y * 3.0 + np.random.default_rng(0).uniform(0, 1, len(y))])
    X, X_test, y, y_test = split(X, y)
    return fit(chain(0, (5, 8, 1), "relu", "sigmoid", BCE), X, y), X, y, X_test, y_test


def leak_of_values():
    X, y = waves()
    X, X_test, y, y_test = split(np.column_stack([X, 2 * y + 1]), y)
    return fit(chain(0, (3, 8, 1), "relu", None, "mse"), X, y), X, y, X_test, y_test


def imbalanced():
    X, y = blobs(2000, 2, 3, 2.0, shares=[0.97, 0.03])
    X, X_test, y, y_test = split(X, y)
    return fit(chain(0, (3, 8, 1), "relu", "sigmoid", BCE), X, y), X, y, X_test, y_test


def dead():
    net, *rows = fitted("moons")
    net.layers[0].biases[:8] = -50
    return net, *rows


def saturated():
    net, *rows = fitted("sigmoid")
    net.layers[0].weights *= 200
    return net, *rows


def deep(hidden, init):
    X, X_test, y, y_test = split(*blobs(k=2))
    net = NeuralNetwork([*(DenseLayer(6 if k == 0 else 12, 12, hidden, init=init) for k in range(12)),
                         DenseLayer(12, 1, "sigmoid")], BCE, random_state=0)  # fmt: skip
    return net.build(), X, y, X_test, y_test


def vanishing():
    return deep("sigmoid", "auto")


def exploding():
    return deep("relu", lambda rng, shape: 2 * rng.normal(size=shape))


def squared_error_of_classes():
    X, X_test, y, y_test = split(*blobs(k=2))
    return fit(chain(0, (6, 8, 1), "relu", "sigmoid", "mse"), X, y, learning_rate=0.5), X, y, X_test, y_test


def targets_out_of_reach():
    _, X, y, X_test, y_test = fitted("waves")
    return fit(chain(0, (2, 24, 1), "tanh", "relu", "mse"), X, y), X, y, X_test, y_test


def rate_far_too_high():
    _, X, y, X_test, y_test = fitted("moons")
    return fit(chain(0, (2, 16, 1), "tanh", "sigmoid", BCE), X, y, learning_rate=15), X, y, X_test, y_test


def rate_far_too_low():
    _, X, y, X_test, y_test = fitted("moons")
    return fit(chain(0, (2, 16, 1), "relu", "sigmoid", BCE), X, y, learning_rate=1e-7), X, y, X_test, y_test


def rate_rather_low():
    _, X, y, X_test, y_test = fitted("waves")
    return fit(chain(0, (2, 24, 1), "tanh", None, "mse"), X, y, learning_rate=3e-4), X, y, X_test, y_test


def idle_penalty():
    X, X_test, y, y_test = split(*blobs())
    net = chain(0, (6, 16, 4), "relu", "softmax", CCE)
    net.use_loss(type(net.loss_)(l2=1e-6))
    return fit(net, X, y), X, y, X_test, y_test


def noise_for_labels():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(800, 4)), rng.integers(0, 2, 800)
    X, X_test, y, y_test = split(X, y)
    return fit(chain(0, (4, 2, 1), "tanh", "sigmoid", BCE), X, y), X, y, X_test, y_test


def learned_by_heart():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, 20)), rng.integers(0, 2, 400)
    X, X_test, y, y_test = split(X, y)
    net = chain(0, (20, 100, 1), "relu", "sigmoid", BCE)
    return fit(net, X, y, epochs=200, optimizer="adam", learning_rate=0.01), X, y, X_test, y_test


def validation_turned():
    _, X, y, X_test, y_test = learned_by_heart()
    net = chain(0, (20, 100, 1), "relu", "sigmoid", BCE)
    fit(net, X, y, epochs=80, optimizer="adam", learning_rate=0.01, validation_data=(X_test, y_test))
    return net, X, y


def too_sure():
    net, *rows = fitted("circles")
    net.layers[-1].weights *= 20
    net.layers[-1].biases *= 20
    return net, *rows


def thirty_test_rows():
    X, y = blobs(900, 2, 3, 2.5)
    X, X_test, y, y_test = split(X, y)
    return fit(chain(0, (3, 8, 1), "relu", "sigmoid", BCE), X, y), X, y, X_test[:30], y_test[:30]


PLANTED = {
    unscaled: "unscaled inputs", uneven: "unscaled inputs", constant: "constant inputs", duplicates: "duplicate rows",
    leak: "leaking column", leak_of_values: "leaking column", imbalanced: "imbalance", dead: "dead units",
    saturated: "saturated units", vanishing: "vanishing gradients", exploding: "exploding gradients",
    squared_error_of_classes: "unsuitable loss", targets_out_of_reach: "unsuitable output",
    rate_far_too_high: "learning rate too high", rate_far_too_low: "learning rate too low",
    rate_rather_low: "learning rate too low", idle_penalty: "penalty without effect", noise_for_labels: "underfitting",
    learned_by_heart: "overfitting", validation_turned: "overfitting", too_sure: "calibration",
    thirty_test_rows: "test set too small",
}  # fmt: skip


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_fault_is_found_and_named(plant):
    found = doctor(*plant())
    assert PLANTED[plant] in found.names
    finding = next(each for each in found if each.name == PLANTED[plant])
    assert np.isfinite(finding.number)
    assert all(text[0] != " " and text.rstrip().endswith((".", ").")) for text in (finding.found, finding.cause))
    assert finding.next_step in str(found)


def test_every_check_has_a_planted_fault():
    assert len(set(PLANTED.values())) >= len(CHECKS)


def test_a_claim_is_held_against_the_test_rows():
    case = fitted("cancer")
    assert doctor(*case).names == []
    found = doctor(*case, claim=0.01)
    assert found.names == ["test set too small"]
    assert found[0].number > len(case[3])
    assert doctor(*case, claim=0.4).names == []


def test_it_changes_nothing():
    net, *rows = fitted("dropout")
    before, state = net.params.copy(), copy.deepcopy(net.state)
    doctor(net, *rows)
    np.testing.assert_array_equal(net.params, before)
    assert (net.state.step, net.state.updates, net.state.epoch) == (state.step, state.updates, state.epoch)
    for name, vector in net.state.memory.items():
        np.testing.assert_array_equal(vector, state.memory[name])


def test_a_history_may_be_given():
    net, *rows = fitted("moons")
    history = History()
    for loss in (0.7, 0.9, 0.5, 0.9, 0.5, 0.9, 0.5, 0.9):
        history.record({"loss": loss, "learning_rate": 0.1})
    assert doctor(net, *rows, history=history).names == ["learning rate too high"]


def test_a_network_that_was_never_fitted_can_be_looked_at():
    X, y = waves()
    assert doctor(chain(0, (2, 24, 1), "tanh", None, "mse"), X, y).names == ["underfitting"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (lambda net, X, y: (net, X, y, X), "X_test and y_test must be given both or neither"),
        (lambda net, X, y: (net, X[:5], y), "X and y must be of one length"),
        (lambda net, X, y: (net, X[:0], y[:0]), "neither of them 0"),
        (lambda net, X, y: (net, np.where(X > 0, np.nan, X), y), "X must be finite"),
        (lambda net, X, y: (NeuralNetwork(layers((2, 1), None, None)), X, y), "a network with a loss"),
    ],
)
def test_what_it_refuses(arguments, message):
    net, X, y, *_ = fitted("waves")
    with pytest.raises(ValueError, match=message):
        doctor(*arguments(net, X, y))


def test_an_estimator_has_classes_and_a_history_of_its_own():
    class Estimator:
        classes_ = np.array(["a", "b", "c"])

    net, X, y, X_test, y_test = fitted("iris")
    model, names = Estimator(), np.array(["a", "b", "c"])
    model._network, model.history_ = net, net.history_
    assert doctor(model, X, names[y], X_test, names[y_test]).names == []
    with pytest.raises(ValueError, match="y must be one of the classes"):
        doctor(model, X, np.where(y == 0, "d", "a"))


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_a_penalty_that_nobody_has_set_is_no_fault_and_goes_by_its_name():
    pytest.importorskip("sklearn")
    from neural import MLPClassifier

    _, X, y, *_ = fitted("iris")
    for settings, names in (({}, False), ({"alpha": 0}, False), ({"alpha": 1e-6}, True)):
        model = MLPClassifier((8,), max_iter=40, random_state=0, learning_rate_init=0.01, **settings).fit(X, y)
        found = doctor(model, X, y)
        assert ("penalty without effect" in found.names) == names
    finding = found[found.names.index("penalty without effect")]
    assert finding.found.startswith("alpha = 1e-06 makes")
    assert finding.next_step.startswith("Try alpha = ")


def test_columns_go_by_the_names_of_a_data_frame():
    pandas = pytest.importorskip("pandas")
    net, X, y, *_ = fitted("waves")
    frame = pandas.DataFrame(X * [1, 1000], columns=["width", "height"])
    assert "column 'height' has a typical size" in str(doctor(net, frame, y))
    assert "column 'b' has" in str(doctor(net, X * [1, 1000], y, feature_names=["a", "b"]))
    assert "column 1 has" in str(doctor(net, X * [1, 1000], y))
    with pytest.raises(ValueError, match="feature_names must be a list of 2"):
        doctor(net, X, y, feature_names=["a"])


def test_a_history_that_is_none():
    with pytest.raises(TypeError, match="history must be what fit returned"):
        doctor(*fitted("waves"), history=[1.0, 2.0])


def test_it_takes_no_model_without_a_network():
    with pytest.raises(TypeError, match="a NeuralNetwork, or an estimator or pipeline"):
        doctor(object(), [[1.0]], [1])
