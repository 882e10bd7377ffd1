"""Networks saved and loaded: everything survives, whatever of ours it is made of; the user's own only if handed in."""

import copy
import json
import os
import stat

import numpy as np
import pytest

import neural
from neural import (
    ActivationLayer,
    AverageLayer,
    BatchNorm,
    BinaryCrossentropy,
    DenseLayer,
    DropoutLayer,
    Embedding,
    EnsembleDense,
    GaussianNoise,
    LayerNorm,
    MeanOfMembers,
    ModelFileError,
    NeuralNetwork,
    OnColumns,
    PeriodicEmbedding,
    PiecewiseEmbedding,
    PReLU,
    Quantile,
    Residual,
    Scaling,
    initializers,
    model_file,
)
from neural.activations import ACTIVATIONS
from neural.averages import AVERAGES
from neural.config import FAMILIES, STARTS, to_config
from neural.initializers import INITIALIZERS
from neural.layers import LAYERS
from neural.losses import LOSSES
from neural.optimizers import OPTIMIZERS
from neural.schedules import SCHEDULES
from neural.tables import Category, Columns, Number
from tests.model_files import changed, loaded, network, saved, take_apart, through_json
from tests.networks import draw

X = np.random.default_rng(5).normal(size=(7, 4))


# --- every row of every table --------------------------------------------------------------------------------------
BUILT = {  # with settings that are not the defaults
    "DenseLayer": lambda: DenseLayer(
        2, 3, "silu", l1=0.1, l2=0.2, bias=False, init="orthogonal", max_norm=3, non_negative=True
    ),
    "ActivationLayer": lambda: ActivationLayer(neural.ELU(0.5)),
    "DropoutLayer": lambda: DropoutLayer(0.25),
    "GaussianNoise": lambda: GaussianNoise(0.1),
    "PReLU": lambda: PReLU(0.125),
    "BatchNorm": lambda: BatchNorm(0.3, 1e-3),
    "LayerNorm": lambda: LayerNorm(1e-3),
    "Scaling": lambda: Scaling([0.5, 2.0], centre=0.25),
    "PeriodicEmbedding": lambda: PeriodicEmbedding(3, frequencies=5, sigma=0.2, form="plr"),
    "PiecewiseEmbedding": lambda: PiecewiseEmbedding([[0.1, 0.5, 3], [-1, 2]]),
    "Embedding": lambda: Embedding([2, 3, 40], [2, 3, 4], one_hot_up_to=2),
    "OnColumns": lambda: OnColumns([Scaling(), Embedding([3], 2)], last=1),
    "EnsembleDense": lambda: EnsembleDense(3, 4, "silu", first=True, init="lecun_normal", l1=0.5, l2=0.25),
    "MeanOfMembers": lambda: MeanOfMembers(4, "softmax"),
    "Residual": lambda: Residual([LayerNorm(), Residual([DenseLayer(2, 2, "mish")])]),
    "AverageLayer": lambda: AverageLayer([[LayerNorm()], [AverageLayer([[DenseLayer(2, 2, "mish")]])]]),
}
SET = {  # settings of rows that have some, besides the defaults
    "leaky_relu": {"slope": 0.2}, "elu": {"alpha": 0.5},
    "categorical_crossentropy": {"label_smoothing": 0.1, "l2": 0.5}, "binary_crossentropy": {"label_smoothing": 0.1},
    "categorical_focal": {"gamma": 1, "alpha": [1, 2, 3]}, "binary_focal": {"gamma": 1, "alpha": 0.25},
    "huber": {"delta": 2}, "quantile": {"quantiles": [0.1, 0.9]},
    "sgd": {"momentum": 0.9, "nesterov": True, "clip_norm": 1.0}, "adam": {"beta1": 0.8, "clip_value": 2.0},
    "ema": {"decay": 0.9}, "swa": {"start": 0.5},
    "step": {"drop": 0.5, "every": 3}, "warmup": {"steps": 5, "then": neural.Cosine(0.1)},
}  # fmt: skip


TABLES = {"f": ACTIVATIONS, "loss": LOSSES, "optimizer": OPTIMIZERS, "schedule": SCHEDULES, "average": AVERAGES}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_row_goes_through_json(table):
    for name, kind in table.items():
        for made in (kind(), kind(**SET.get(name, {}))):
            again = through_json(made)
            assert type(again) is type(made)
            assert again == made


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_goes_through_json(name):
    layer, frozen = BUILT[name](), BUILT[name]()
    frozen.rate_factor = 0.0
    for made in (layer, frozen):
        again = through_json(made)
        assert again == made
        assert again.rate_factor == made.rate_factor
        assert to_config(again) == to_config(made)


def test_every_start_goes_through_json():
    for name in INITIALIZERS:
        assert through_json(DenseLayer(2, 3, init=name)).init == name
    for start in (kind() for name, kind in STARTS.items() if name not in ("constant", "given")):
        assert through_json(DenseLayer(2, 3, init=start)).init == start
    for given in (initializers.Constant(0.5), np.arange(6.0).reshape(3, 2)):
        layer = DenseLayer(2, 3, init=given)
        assert through_json(layer).init == layer.init
    assert set(FAMILIES) == {"layer", "activation", "loss", "optimizer", "average", "schedule", "start", "function"}


# --- networks ------------------------------------------------------------------------------------------------------
def test_a_network_comes_back_with_all_that_it_is(tmp_path):
    net = network()
    net.save(tmp_path / "net.safetensors")
    again = neural.load(tmp_path / "net.safetensors")
    assert repr(again) == repr(net)
    assert again.params.tobytes() == net.params.tobytes()
    assert again.predict(X).tobytes() == net.predict(X).tobytes()
    assert again.input_scale == 0.5
    assert (again.classes_ == net.classes_).all()
    assert (again.seed, again.state.epoch, again.state.step) == (net.seed, 2, net.state.step)
    assert saved(again, tmp_path, "again") != b""
    before, after = take_apart(saved(net, tmp_path))[0], take_apart(saved(again, tmp_path))[0]
    assert before["__metadata__"]["network"] == after["__metadata__"]["network"]


def test_a_loaded_network_goes_on_like_the_one_that_was_saved(tmp_path):
    """With an optimizer that remembers nothing: the streams of orders and dropout go on."""
    net = network()
    net.save(tmp_path / "net")
    again = neural.load(tmp_path / "net")
    y = np.array(["ant", "bee", "cicada"])[np.arange(7) % 3]
    for each in (net, again):
        each.fit(X, y, epochs=3, batch_size=2, verbose=0)
    assert again.params.tobytes() == net.params.tobytes()


def test_random_networks_of_all_rows(tmp_path):
    for seed in range(60):
        net, rows, _, _ = draw(seed)
        again = loaded(saved(net, tmp_path))
        assert again.layers == net.layers
        assert again.loss_ == net.loss_
        assert again.params.tobytes() == net.params.tobytes()
        assert again.predict(rows).tobytes() == net.predict(rows).tobytes()


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_is_saved_with_its_settings(loss, tmp_path):
    made = LOSSES[loss](**SET.get(loss, {}))
    net = NeuralNetwork([DenseLayer(4, 6, made.link)], made, random_state=0)
    assert loaded(saved(net, tmp_path)).loss_ == made


def test_the_same_network_is_the_same_bytes(tmp_path):
    net = network()
    assert saved(net, tmp_path) == saved(copy.deepcopy(net), tmp_path, "other")


def test_without_loss_and_before_any_fit(tmp_path):
    net = NeuralNetwork([DenseLayer(4, 2, "tanh"), GaussianNoise(0.1)], random_state=1)
    again = loaded(saved(net, tmp_path))
    assert again.loss_ is None
    assert again.predict(X).tobytes() == net.predict(X).tobytes()


def test_widths_that_no_dense_layer_tells(tmp_path):
    net = NeuralNetwork([BatchNorm(), PReLU()], "mse", random_state=0).build(4)
    assert loaded(saved(net, tmp_path)).predict(X).tobytes() == net.predict(X).tobytes()


def test_a_network_with_an_open_width_is_refused(tmp_path):
    with pytest.raises(ValueError, match="not known yet"):
        NeuralNetwork([DenseLayer(None, 2)], "mse").save(tmp_path / "net")
    assert list(tmp_path.iterdir()) == []


LABELS = [
    np.array(["no", "yes"]),
    np.array(["", "ümlaut", "二", "\U0001f41c", 'quote"and\\']),
    *(np.arange(3, dtype=f"{kind}{bits}") for kind in ("int", "uint") for bits in (8, 16, 32, 64)),
    *(np.arange(3, dtype=kind) for kind in ("float32", "float64")),
    np.array([False, True]),
    np.array([-(2**63), 2**63 - 1]),
    np.array([0.1, -0.0, 1e-320]),
]  # fmt: skip


@pytest.mark.parametrize("labels", LABELS, ids=[f"{labels.dtype}{k}" for k, labels in enumerate(LABELS)])
def test_labels_of_any_dtype(labels, tmp_path):
    net = NeuralNetwork([DenseLayer(4, 2)], "mse", random_state=0)
    net.classes_ = labels
    again = loaded(saved(net, tmp_path)).classes_
    assert again.dtype == labels.dtype
    assert again.tobytes() == labels.tobytes()
    assert type(again[0]) is type(labels[0])


def test_labels_that_a_fit_has_found(tmp_path):
    for y in (np.array(["a", "b"])[np.arange(7) % 2], ["a" if k % 2 else "b" for k in range(7)], np.arange(7) % 2):
        net = NeuralNetwork([DenseLayer(4, 2, "softmax")], "categorical_crossentropy", random_state=0)
        net.fit(X, y, epochs=1, verbose=0)
        again = loaded(saved(net, tmp_path))
        assert again.classes_.tolist() == net.classes_.tolist()
        again.fit(X, y, epochs=1, verbose=0)


def test_metrics_are_those_of_the_last_epoch_or_given(tmp_path):
    net = network()
    saved(net, tmp_path)
    assert model_file.read(tmp_path / "net.safetensors").metrics["loss"] == net.history_[-1]
    net.save(tmp_path / "net.safetensors", metrics={"accuracy": np.float32(0.5), "rows": 3})
    assert model_file.read(tmp_path / "net.safetensors").metrics == {"accuracy": 0.5, "rows": 3}
    for bad, error in (({"accuracy": float("nan")}, ValueError), ({"accuracy": "high"}, TypeError), (3, TypeError)):
        with pytest.raises(error, match="metrics"):
            net.save(tmp_path / "net.safetensors", metrics=bad)


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    net = network()
    content = saved(net, tmp_path)
    net.params[0] = np.nan
    with pytest.raises(ValueError, match="parameters"):
        net.save(tmp_path / "net.safetensors")
    assert (tmp_path / "net.safetensors").read_bytes() == content


def test_the_package_safetensors_reads_the_tensors(tmp_path):
    safetensors = pytest.importorskip("safetensors")
    from safetensors.numpy import load_file

    net = network()
    saved(net, tmp_path)
    path = tmp_path / "net.safetensors"
    found, named = load_file(path), model_file.named(net, net.params)
    assert {name: values.tobytes() for name, values in found.items() if name[:5] == "layer"} == {
        name: values.tobytes() for name, values in named.items()
    }
    with safetensors.safe_open(path, "np") as file:
        assert json.loads(file.metadata()["network"])["dtype"] == "float32"


# --- the file system -----------------------------------------------------------------------------------------------
def test_a_path_that_cannot_be_a_file_is_refused(tmp_path):
    net = network()
    for path in (tmp_path, tmp_path / "not there" / "net"):
        with pytest.raises(ValueError, match="path must be a file in a folder that is there"):
            net.save(path)
    for path in (3, None, b"net", [tmp_path]):
        with pytest.raises(TypeError, match="path must be text or a Path"):
            net.save(path)


def test_more_than_a_header_holds_is_refused(tmp_path):
    net = network()
    net.classes_ = np.array([f"class number {n}" for n in range(100_000)])
    with pytest.raises(ValueError, match="must fit into 1048576 bytes"):
        net.save(tmp_path / "net")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_is_an_oserror(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing here"):
        neural.load(tmp_path / "nothing here")


def test_text_and_path_and_the_folder_one_is_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    network().save("net")
    assert neural.load("net").predict(X).shape == neural.load(tmp_path / "net").predict(X).shape


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path):
    (tmp_path / "models").mkdir()
    os.symlink(tmp_path / "models" / "net", tmp_path / "latest")
    net = network()
    net.save(tmp_path / "latest")
    assert (tmp_path / "latest").is_symlink()
    assert neural.load(tmp_path / "models" / "net").predict(X).shape == (7, 3)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["latest", "models", "net"]


def test_the_mode_of_the_file_follows_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        saved(network(), tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "net.safetensors").stat().st_mode) == 0o640


def test_a_save_in_a_callback_sees_whole_epochs(tmp_path):
    class Saves(neural.Callback):
        def on_epoch_end(self, training):
            training.network.save(tmp_path / f"{training.epoch}")

    net = NeuralNetwork([DenseLayer(4, 2)], Quantile([0.1, 0.9]), random_state=0)
    net.fit(X, X[:, 0], epochs=3, verbose=0, callbacks=Saves())
    assert neural.load(tmp_path / "3").params.tobytes() == net.params.tobytes()
    assert neural.load(tmp_path / "1").params.tobytes() != net.params.tobytes()


def test_a_loss_that_does_not_fit_the_last_layer_is_refused(tmp_path):
    net = NeuralNetwork([DenseLayer(4, 2)], "mse", random_state=0)
    to_bce = changed(
        saved(net, tmp_path), lambda h: h["__metadata__"]["network"].update(loss=to_config(BinaryCrossentropy()))
    )
    with pytest.raises(ModelFileError, match="BinaryCrossentropy"):
        loaded(to_bce).build()


def test_the_columns_of_a_table_come_back(tmp_path):
    columns = Columns("y", "classes", (Number("a", 0.5, 0.0, 1.0, True), Category("b", ("x", "y"))))
    net = network()
    net.columns_ = columns
    net.save(tmp_path / "net.safetensors")
    assert neural.load(tmp_path / "net.safetensors").columns_ == columns
    assert copy.deepcopy(net).columns_ == columns


@pytest.mark.parametrize("columns", [{"target": "y"}, Columns("y", "classes", (Number("a", 0.5, 0.0, 1.0),))])
def test_columns_of_another_network_are_not_written(tmp_path, columns):
    net = network()
    net.columns_ = columns
    with pytest.raises((TypeError, ValueError), match="columns_ must be"):
        net.save(tmp_path / "net.safetensors")
    assert list(tmp_path.iterdir()) == []
