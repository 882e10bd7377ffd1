"""The core against the NumPy engine: every row of every table, awkward numbers, whole networks, any threads."""

import contextlib
import copy
import itertools

import numpy as np
import pytest

from neural import (
    LBFGS,
    SGD,
    ActivationLayer,
    Adagrad,
    Adam,
    AdamW,
    DenseLayer,
    DropoutLayer,
    EngineUnavailable,
    Layer,
    Lion,
    Muon,
    NAdam,
    NeuralNetwork,
    RMSProp,
    core,
)
from neural.activations import ACTIVATIONS
from neural.losses import LOSSES
from neural.optimizers import OPTIMIZERS
from tests.networks import TARGETS, draw, with_settings
from tests.processes import in_a_process

pytestmark = pytest.mark.skipif(core._core is None, reason="this installation has no compiled core")

GRID = [0.0, -0.0, 1e-38, -1e-38, 1e-3, -0.7, 2.5, -2.5, 20, -20, 88, -88, 1e4, -1e4, np.inf, -np.inf, np.nan]
TYPES = {np.float32: "Network32", np.float64: "Network64"}
LOOSER = {
    "softmax": 4,  # adds up to a thousand terms, in another order
    "gelu_tanh": 12,  # e^-2u of rounded u: down to 1e-37 its last bit is up to 88 of the result's
}
ACCURACY = {np.float32: 8 * np.finfo(np.float32).eps, np.float64: 1e-12}


# --- the tables ----------------------------------------------------------------------------------------------------
def test_every_row_has_its_twin():
    assert set(core.FAMILIES[0]) == set(ACTIVATIONS)
    assert set(core.FAMILIES[1]) == set(LOSSES)
    assert set(core.FAMILIES[2]) == {rule.formula for rule in RULES}
    assert set(OPTIMIZERS.values()) - {type(rule) for rule in RULES} == {LBFGS}


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
@pytest.mark.parametrize("shape", [(1, 1), (1, 17), (3, 5), (7, 33), (2, 1000)])
def test_activations_on_awkward_numbers(name, dtype, shape):
    rng = np.random.default_rng(0)
    z = (rng.normal(size=shape) * 10).astype(dtype)
    if name != "softmax":  # one NaN would fill a row
        z.flat[: len(GRID)] = GRID[: z.size]
    da = rng.normal(size=shape).astype(dtype)
    native, k = getattr(core._core, TYPES[dtype]), core.FAMILIES[0].index(name)
    a, dz, twin = np.empty_like(z), np.empty_like(z), ACTIVATIONS[name]()
    setting = core.setting_of(twin)
    native.activation(k, setting, z, a)
    assert core._core.needs_z(k) == twin.needs_z
    with np.errstate(all="ignore"):
        want = twin.forward(z, np.empty_like(z))
        native.activation_backward(k, setting, da, z if twin.needs_z else want, want, dz)  # else z is overwritten by a
        want_dz = twin.backward(da, z, want, np.empty_like(z))
    rtol = ACCURACY[dtype] * LOOSER.get(name, 1)
    atol = 2 * np.finfo(dtype).eps if name in ("hard_sigmoid", "logit") else 1e-37  # which cancel where they are 0
    np.testing.assert_allclose(a, want, rtol=rtol, atol=atol)
    np.testing.assert_allclose(dz, want_dz, rtol=ACCURACY[dtype], atol=ACCURACY[dtype])


def test_softmax_of_extremes():
    rows = np.array([[1e4, -1e4, 0], [np.inf, 0, 0], [np.nan, 0, 0], [-np.inf, 0, 0], [88, -88, 0]], dtype=np.float32)
    a = np.empty_like(rows)
    core._core.Network32.activation(core.FAMILIES[0].index("softmax"), 0.0, rows, a)
    with np.errstate(all="ignore"):
        want = ACTIVATIONS["softmax"]().forward(rows, np.empty_like(rows))
    np.testing.assert_allclose(a, want, rtol=1e-6, atol=1e-37)


SCORES = [0.0, 1e-3, -1e-3, 0.7, -0.7, 3, -3, 20, -20, 60, -60, 88, -88, 300, -300, 1e4, -1e4]
AFTER = {  # an activation that is not the link, before which each loss takes outputs; each of its forms by itself
    **dict.fromkeys(["categorical_crossentropy", "categorical_focal"], "sigmoid"),
    **dict.fromkeys(["binary_crossentropy", "binary_focal"], "hard_sigmoid"),
    **dict.fromkeys(["poisson", "gamma"], "relu"),
}


def row_by_row(loss, last, dtype, scores, y):
    """Return each engine's losses and derivatives by the scores, of rows alone; NaN where it refused one."""
    k = scores.shape[1]
    layer = DenseLayer(k, k, last, bias=False)
    layer.weights = np.eye(k)
    found = []
    for net in both(NeuralNetwork([layer], loss, dtype=dtype)):
        rows = np.full((len(scores), k + 1), np.nan)
        for i, (x, truth) in enumerate(zip(scores, y, strict=True)):
            with contextlib.suppress(ValueError):  # beyond the range of the dtype
                cost, _, dx = net.loss_and_gradient(x[None], truth[None])
                rows[i] = [cost, *dx[0]]
        assert net.engine_ == net.engine
        found.append(rows)
    return found


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("link", [True, False])
@pytest.mark.parametrize("name", sorted(LOSSES))
def test_losses_on_awkward_scores(name, link, dtype):
    """Row by row, far and near: where one engine has a number, so has the other, and the same."""
    rng = np.random.default_rng(0)
    for k in (2, 4):
        loss = with_settings(rng, name, k)
        last = loss.link if link else AFTER.get(name)
        scores = np.array(list(itertools.product(SCORES, SCORES)))[:: k - 1]  # of four, each third pair
        scores = np.hstack([scores, rng.uniform(-2, 2, (len(scores), k - 2))])
        y = TARGETS[name](rng, len(scores), loss.n_targets(k))
        ours, theirs = row_by_row(loss, last, dtype, scores, y)
        np.testing.assert_array_equal(np.isnan(theirs), np.isnan(ours))
        eps = (100 if name == "gaussian_nll" else 40) * np.finfo(dtype).eps  # it has e^x of sums up to 88, rounded
        with np.errstate(invalid="ignore"):
            scale = np.abs(ours).max(axis=1, keepdims=True)
        np.testing.assert_array_less((np.abs(theirs - ours) / np.maximum(scale, 1))[~np.isnan(ours)], eps)


# --- whole networks ------------------------------------------------------------------------------------------------
def both(net):
    """Return the network on NumPy and on the core."""
    twins = {name: copy.deepcopy(net) for name in ("numpy", "core")}
    for name, twin in twins.items():
        twin.engine = name
    return twins["numpy"], twins["core"]


@pytest.mark.parametrize("part", range(8))
def test_gradients_of_random_networks(part):
    for seed in range(part * 50, part * 50 + 50):
        net, X, y, weights = draw(seed)
        for dtype, rtol in (("float64", 1e-12), ("float32", 1e-5)):
            net.dtype, net._built = np.dtype(dtype), None
            ours, theirs = both(net)
            J, g, dx = ours.loss_and_gradient(X, y, weights, training=True)
            J2, g2, dx2 = theirs.loss_and_gradient(X, y, weights, training=True)
            assert theirs.engine_ == "core"
            assert pytest.approx(J, rel=rtol, abs=rtol) == J2
            size = np.linalg.norm(g) + np.linalg.norm(dx)
            assert np.linalg.norm(g - g2) + np.linalg.norm(dx - dx2) <= rtol * max(size, 1)


SHAPES = [
    (1, 1),
    (3, 2),
    (5, 25, 25, 1),
    (30, 64, 64, 2),
    (7, 1, 9, 3),
    (128, 10),
    (130, 17, 3),
    (784, 25, 10),
    (64, 300, 33, 5),
    (300, 700, 203, 5),  # weights that no thread reads all of
]


@pytest.mark.parametrize("batch", [1, 7, 8, 33, 200, 1001])  # the last: gradients are summed in halves
@pytest.mark.parametrize("sizes", SHAPES, ids=str)
def test_shapes_odd_and_wide(sizes, batch):
    rng = np.random.default_rng(1)
    layers = [DenseLayer(i, o, "tanh", init="xavier") for i, o in itertools.pairwise(sizes)]
    net = NeuralNetwork(layers, "mse", dtype="float64", random_state=0)
    X, y = rng.normal(size=(batch, sizes[0])), rng.normal(size=(batch, sizes[-1]))
    ours, theirs = both(net.build())
    for a, b in zip(ours.loss_and_gradient(X, y), theirs.loss_and_gradient(X, y), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(theirs.predict(X), ours.predict(X), rtol=1e-12, atol=1e-14)


RULES = [
    SGD(),
    SGD(0.9),
    SGD(0.9, nesterov=True),
    RMSProp(),
    RMSProp(0.5, 1e-4, momentum=0.75),
    Adagrad(),
    Adam(),
    Adam(0.5, 0.75, 1e-4),
    AdamW(weight_decay=0.1),
    NAdam(),
    NAdam(0.5, 0.75, 1e-4, momentum_decay=2.0),
    Lion(),
    Lion(0.5, 0.75, weight_decay=0.1),
    Muon(),
]
X = np.random.default_rng(2).normal(size=(90, 6))
LABELS = np.random.default_rng(3).integers(0, 3, 90)


def network(dtype="float64", seed=0, l1=0.0, l2=0.01):
    layers = [
        DenseLayer(6, 20, "relu", l1=l1),
        DropoutLayer(0.3),
        DenseLayer(20, 8, "tanh", bias=False),
        DenseLayer(8, 3, "softmax"),
    ]
    return NeuralNetwork(layers, LOSSES["categorical_crossentropy"](l2=l2), dtype=dtype, random_state=seed)


@pytest.mark.parametrize("optimizer", RULES, ids=str)
def test_float64_trajectories_of_fifty_updates(optimizer):
    ours, theirs = both(network(l1=0.001))
    settings = {
        "epochs": 9,
        "learning_rate": 0.02,
        "batch_size": 16,
        "schedule": "cosine",
        "verbose": 0,
        "optimizer": optimizer,
    }
    weights = np.random.default_rng(4).random(90)
    a, b = (net.fit(X, LABELS, sample_weight=weights, **settings) for net in (ours, theirs))
    assert ours.state.step == theirs.state.step == 54
    assert (ours.engine_, theirs.engine_) == ("numpy", "core")
    for name in ("data_loss", "penalty", "loss"):
        np.testing.assert_allclose(b[name], a[name], rtol=1e-10)
    np.testing.assert_allclose(theirs.params, ours.params, rtol=1e-10, atol=1e-12)
    for name, vector in ours.state.memory.items():
        np.testing.assert_allclose(theirs.state.memory[name], vector, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("given", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_kind_of_input(given, dtype):
    pixels = np.random.default_rng(5).integers(0, 256, (50, 6)).astype(given)
    layers = [DenseLayer(6, 5, "sigmoid"), DenseLayer(5, 2)]
    ours, theirs = both(NeuralNetwork(layers, "mae", dtype=dtype, input_scale=1 / 255, random_state=0))
    y = np.random.default_rng(6).normal(size=(50, 2))
    a, b = (net.fit(pixels, y, epochs=2, batch_size=16, verbose=0) for net in (ours, theirs))
    np.testing.assert_allclose(b, a, rtol=1e-5)
    np.testing.assert_allclose(theirs.predict(pixels), ours.predict(pixels), rtol=2e-5, atol=1e-6)
    assert theirs.evaluate(pixels, y)["loss"] == pytest.approx(ours.evaluate(pixels, y)["loss"], rel=1e-5)


def test_dropout_draws_the_same_bits():
    net = NeuralNetwork([DropoutLayer(0.3), DenseLayer(37, 1, init="ones")], "mse", dtype="float64", random_state=3)
    ours, theirs = both(net)
    ones = np.ones((11, 37))
    for _ in range(3):
        gradients = [n.loss_and_gradient(ones, np.zeros(11), training=True)[2] for n in (ours, theirs)]
        np.testing.assert_array_equal(gradients[0] == 0, gradients[1] == 0)
        ours.state.step = theirs.state.step = ours.state.step + 1


def test_activation_and_dropout_layers_in_any_order():
    layers = [
        ActivationLayer("tanh"),
        DropoutLayer(0.2),
        DenseLayer(6, 4),
        ActivationLayer("relu"),
        ActivationLayer("sigmoid"),
    ]
    ours, theirs = both(
        NeuralNetwork(
            [*layers, DenseLayer(4, 2), ActivationLayer("hard_sigmoid")], "mse", dtype="float64", random_state=0
        )
    )
    a, b = (net.fit(X, X[:, :2], epochs=3, verbose=0) for net in (ours, theirs))
    np.testing.assert_allclose(b, a, rtol=1e-12)


def test_nan_and_divergence_are_seen_as_on_numpy():
    from neural import TrainingDiverged

    places = []
    for net in both(
        NeuralNetwork([DenseLayer(6, 8, "relu"), DenseLayer(8, 1)], "mse", dtype="float64", random_state=0)
    ):
        with pytest.raises(TrainingDiverged) as caught:
            net.fit(X * 100, X[:, 0], epochs=50, learning_rate=1e6, verbose=0)
        places.append((caught.value.epoch, caught.value.batch, caught.value.layer))
        assert np.isfinite(net.params).all()
    assert places[0] == places[1]


# --- which engine --------------------------------------------------------------------------------------------------
class Python(Layer):
    def forward(self, x, own, mode):
        return x, None

    def backward(self, dy, cache, own, grads):
        return dy


@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        ([Python(), DenseLayer(6, 1)], "Python is written"),
        ([DenseLayer(6, 1, (np.sin, np.cos))], "activation sin is written"),
    ],
)
def test_what_is_written_in_python_runs_on_numpy_and_the_core_says_so(layers, reason):
    net = NeuralNetwork(copy.deepcopy(layers), "mse", random_state=0)
    net.fit(X, X[:, 0], epochs=1, verbose=0)
    assert net.engine_ == "numpy"
    with pytest.raises(EngineUnavailable, match=reason):
        NeuralNetwork(copy.deepcopy(layers), "mse", engine="core").fit(X, X[:, 0], verbose=0)


def test_the_environment_chooses(monkeypatch):
    monkeypatch.setenv("NEURAL_ENGINE", "numpy")
    net = network()
    net.fit(X, LABELS, epochs=1, verbose=0)
    assert net.engine_ == "numpy"


# --- instruction sets ----------------------------------------------------------------------------------------------
def test_instruction_sets_agree():
    code = (
        "from neural import core; import numpy as np; from tests.test_mirror import network, X, LABELS; "
        "n = network('float32'); h = n.fit(X, LABELS, epochs=2, verbose=0); print(core._core.instructions(), h[-1])"
    )
    costs = {}
    for asked in ("base", "avx2", "avx512"):
        name, cost = in_a_process(code, NEURAL_INSTRUCTIONS=asked).split()
        costs[name] = float(cost)
    assert max(costs.values()) == pytest.approx(min(costs.values()), rel=1e-5)
    assert "base" in costs
