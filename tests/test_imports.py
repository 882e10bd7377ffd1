"""Networks from elsewhere give what the original gives; what cannot be imported is named."""

import json
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from neural import (
    BatchNorm,
    DenseLayer,
    DropoutLayer,
    GaussianNoise,
    NeuralNetwork,
    PReLU,
    Residual,
)
from neural.errors import ModelFileError
from neural.export import pytorch
from neural.imports import from_keras, from_sklearn, from_torch, hdf5
from neural.layers import LAYERS
from tests.exported import networks, shares
from tests.test_export import Cube, Double, dense

KERAS = Path(__file__).parent / "golden" / "keras"
rng = np.random.default_rng(0)
X4 = rng.normal(size=(200, 4))


@pytest.fixture(scope="module")
def nets():
    return networks(51)


def close(found, expected, most=1e-6):
    np.testing.assert_allclose(found, expected, rtol=0, atol=most * np.abs(expected).max())


# --- scikit-learn ----------------------------------------------------------------------------------------------------
CLASSES = {
    "two": rng.integers(0, 2, 200) + 5,
    "three": np.array(["a", "b", "c"])[rng.integers(0, 3, 200)],
    "several at once": rng.integers(0, 2, (200, 3)),
}


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("name", CLASSES)
def test_classifiers_of_scikit_learn(name, activation):
    neural_network = pytest.importorskip("sklearn.neural_network")
    mlp = neural_network.MLPClassifier((6, 5), activation=activation, max_iter=3, random_state=0, alpha=0.5)
    mlp.fit(X4, CLASSES[name])
    net = from_sklearn(mlp)
    expected = mlp.predict_proba(X4)
    close(net.predict(X4), expected[:, 1:] if name == "two" else expected, 1e-12)
    assert net.loss_.l2 == 0.5
    if name != "several at once":
        np.testing.assert_array_equal(net.classes_, mlp.classes_)
        cost = net.evaluate(X4, np.searchsorted(mlp.classes_, CLASSES[name]))["loss"]
        truth = np.searchsorted(mlp.classes_, CLASSES[name])
        assert cost == pytest.approx(-np.log(expected[np.arange(200), truth]).mean())


@pytest.mark.parametrize("targets", [1, 2])
def test_regressors_of_scikit_learn(targets):
    neural_network = pytest.importorskip("sklearn.neural_network")
    mlp = neural_network.MLPRegressor(hidden_layer_sizes=(6,), max_iter=3, random_state=0).fit(
        X4, np.squeeze(X4[:, :targets])
    )
    close(from_sklearn(mlp).predict(X4), mlp.predict(X4).reshape(200, targets), 1e-12)


def test_a_poisson_regressor_of_scikit_learn():
    neural_network = pytest.importorskip("sklearn.neural_network")
    try:
        mlp = neural_network.MLPRegressor(hidden_layer_sizes=(6,), loss="poisson", max_iter=3, random_state=0).fit(
            X4, np.abs(X4[:, 0])
        )
    except TypeError:
        pytest.skip("this scikit-learn has no such loss")
    net = from_sklearn(mlp)
    close(net.predict(X4)[:, 0], mlp.predict(X4), 1e-12)
    assert net.loss_.name == "poisson"


def test_what_is_not_fitted_or_not_an_mlp_is_refused():
    with pytest.raises(ValueError, match=r"mlp must be a fitted MLPClassifier or MLPRegressor. Got 'no'"):
        from_sklearn("no")
    odd = SimpleNamespace(activation="cube", out_activation_="identity", coefs_=[np.ones((1, 1))], intercepts_=[[0.0]])
    with pytest.raises(ValueError, match=r"the activation of mlp must be one of .* Got 'cube'"):
        from_sklearn(odd)


# --- PyTorch ---------------------------------------------------------------------------------------------------------
def names_of(net):
    return {part.function.name for _, part in net._formulas() if hasattr(part, "function")}


def test_every_network_goes_to_torch_and_comes_back(nets):
    torch = pytest.importorskip("torch")
    for net, X, expected in nets:
        module = net.to_torch()
        with torch.no_grad():
            found = module(torch.from_numpy(X)).numpy()
        assert found.dtype == net.dtype
        assert shares(net, X, found, expected) <= 2
        back = from_torch(module)
        assert back.input_scale == net.input_scale
        np.testing.assert_array_equal(back.predict(X), expected)


def test_every_row_of_the_registries_goes_to_torch():
    from neural.activations import ACTIVATIONS

    assert set(pytorch.ACTIVATION) == set(ACTIVATIONS)
    assert set(pytorch.LAYER) == set(LAYERS)


def test_training_in_torch_is_training():
    torch = pytest.importorskip("torch")
    layers = [DenseLayer(4, 8, "relu"), BatchNorm(), DropoutLayer(0.5), GaussianNoise(0.1), PReLU(), DenseLayer(8, 1)]
    net = NeuralNetwork(layers, "mse", random_state=0).build()
    before, module = net.params.copy(), net.to_torch()
    assert not module.training
    module.train()
    X = torch.from_numpy(X4.astype(np.float32))
    assert not torch.equal(module(X), module(X))  # dropout and noise
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        module(X).square().mean().backward()
        optimizer.step()
    assert np.array_equal(net.params, before)
    trained = from_torch(module.eval())
    close(trained.predict(X4), module(X).detach().numpy())
    assert [type(layer) for layer in trained.leaves if not hasattr(layer, "function")] == [
        *(BatchNorm, DropoutLayer, GaussianNoise, PReLU)
    ]


def sequential(torch):
    nn = torch.nn
    model = nn.Sequential(
        *(nn.Flatten(), nn.Linear(4, 6), nn.BatchNorm1d(6, affine=False), nn.ReLU(), nn.Dropout(0.2)),
        *(nn.Sequential(nn.Linear(6, 5, bias=False), nn.LayerNorm(5), nn.LeakyReLU(0.3)), nn.Identity()),
        *(nn.Linear(5, 4), nn.PReLU(), nn.GELU(), nn.Linear(4, 3), nn.Softmax(dim=1)),
    )
    model(torch.randn(64, 4))  # moves the running means
    return model.eval()


def test_a_sequential_of_torch():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    model = sequential(torch)
    with torch.no_grad():
        expected = model(torch.from_numpy(X4.astype(np.float32))).numpy()
    net = from_torch(model)
    close(net.predict(X4), expected)
    assert net.loss_.name == "categorical_crossentropy"
    close(from_torch(model.to(torch.bfloat16)).predict(X4), expected, 0.1)


def test_the_state_of_a_sequential():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    nn = torch.nn
    model = nn.Sequential(
        *(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.2), nn.Linear(6, 5, bias=False)),
        *(nn.LayerNorm(5), nn.PReLU(5), nn.Linear(5, 3), nn.Softmax(dim=-1)),
    ).eval()
    state = model.state_dict()
    with torch.no_grad():
        expected = model(torch.from_numpy(X4.astype(np.float32))).numpy()
    close(from_torch(state, ["relu", None, "softmax"]).predict(X4), expected)
    with pytest.raises(ValueError, match=r"activations must be given for number 3. Got .* None for dropout."):
        from_torch(state, ["relu"])


def test_what_cannot_come_from_torch_is_named():
    torch = pytest.importorskip("torch")
    nn = torch.nn

    class Linear(nn.Linear):
        pass

    refused = {
        "Got 'torch.nn.modules.conv.Conv1d'|Got 'Conv1d'": nn.Conv1d(1, 1, 1),
        r"Got 'tests.test_imports.+Linear'": Linear(4, 2),
        "Softmax must be over the features": nn.Softmax(dim=0),
        "Softplus must be one with beta=1": nn.Softplus(beta=2.0),
        "BatchNorm1d must be one with running means": nn.BatchNorm1d(4, track_running_stats=False),
        "LayerNorm must be over one dimension": nn.LayerNorm((2, 2)),
        "Flatten must be one of rows": nn.Flatten(0),
        "model must be a torch.nn.Sequential": None,
    }
    with pytest.raises(ValueError, match="must have a layer at least"):
        from_torch(nn.Sequential())
    for words, module in refused.items():
        with pytest.raises(ValueError, match=words):
            from_torch(nn.Linear(4, 2) if module is None else nn.Sequential(nn.Linear(4, 4), module))
    for state, words in [
        ({"weight": torch.ones(2, 2)}, "a key of the state must be a number, a point"),
        ({"0.weight": torch.ones(2, 2, 2)}, "number 0 of the state must be a Linear"),
        ({}, "must have a layer at least"),
        ({"0.weight": torch.full((1, 1), torch.nan)}, "weights must be finite"),
    ]:
        with pytest.raises(ValueError, match=words):
            from_torch(state)


@pytest.mark.parametrize("net", [dense(Double()), dense(PReLU(), Residual([Double()])), dense()])
def test_what_cannot_go_to_torch_is_named(net):
    pytest.importorskip("torch")
    if net.layers[1:]:
        with pytest.raises(ValueError, match=r"a layer of to_torch must be one of .* Got Double\(\)"):
            net.to_torch()
    else:
        net.layers[0].function = Cube()
        with pytest.raises(ValueError, match=r"an activation of to_torch must be one of .* Got Cube\(\)"):
            net.to_torch()


# --- Keras -----------------------------------------------------------------------------------------------------------
@pytest.fixture
def h5py():
    return pytest.importorskip("h5py")


@pytest.mark.parametrize("name", [path.name for path in sorted(KERAS.iterdir()) if path.with_suffix(".npz").exists()])
def test_files_of_keras(name, h5py):
    if name.endswith(".npz"):
        return
    golden = np.load((KERAS / name).with_suffix(".npz"))
    net = from_keras(KERAS / name)
    close(net.predict(golden["X"]), golden["outputs"])
    assert net.input_scale == (0.5 if name.startswith("layers") else None)


def test_a_model_of_keras_in_memory(h5py):
    """A model is asked for its configuration and each layer's weights; here a file plays it."""
    file = h5py.File(KERAS / "layers.h5", "r")

    class Sequential:
        def get_config(self):
            return json.loads(file.attrs["model_config"])["config"]

        def get_layer(self, name):
            own = file[f"model_weights/{name}"]
            return SimpleNamespace(get_weights=lambda: [own[each][()] for each in own.attrs["weight_names"]])

    golden = np.load(KERAS / "layers.npz")
    close(from_keras(Sequential()).predict(golden["X"]), golden["outputs"])


@pytest.mark.parametrize(
    ("name", "words", "error"),
    [
        ("branches.keras", "a Keras layer must be one of .* Got 'Add'", ValueError),
        ("hard_sigmoid.keras", "a Keras activation must be one of .* Got 'hard_sigmoid'", ValueError),
        ("only.weights.h5", "It has weights alone", ModelFileError),
    ],
)
def test_what_cannot_come_from_keras_is_named(name, words, error, h5py):
    with pytest.raises(error, match=words):
        from_keras(KERAS / name)


def changed(tmp_path, change):
    """Return a copy of a .keras file with its configuration changed."""
    path = tmp_path / "changed.keras"
    with zipfile.ZipFile(KERAS / "chain.keras") as old, zipfile.ZipFile(path, "w") as new:
        new.writestr("model.weights.h5", old.read("model.weights.h5"))
        new.writestr("config.json", change(json.loads(old.read("config.json"))))
    return path


def test_damaged_files_of_keras_are_refused(tmp_path, h5py):
    (tmp_path / "text.keras").write_text("hello")
    (tmp_path / "half.keras").write_bytes((KERAS / "chain.keras").read_bytes()[:9000])
    paths = [tmp_path / "text.keras", tmp_path / "half.keras"]
    for change in (lambda c: "[]", lambda c: "{", lambda c: "[" * 100_000, lambda c: json.dumps({**c, "config": {}})):
        paths.append(changed(tmp_path, change))
        with pytest.raises(ModelFileError):
            from_keras(paths[-1])
    for path in paths[:2]:
        with pytest.raises(ModelFileError):
            from_keras(path)
    with pytest.raises(FileNotFoundError):
        from_keras(tmp_path / "none.keras")
    with pytest.raises(TypeError, match="model must be a Keras model, or a path to one"):
        from_keras(3)


def test_a_link_out_of_a_file_of_keras_is_not_followed(tmp_path, h5py):
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["kernel"] = np.ones((6, 4))
    weights = tmp_path / "model.weights.h5"
    with h5py.File(weights, "w") as file:
        file["layers/dense/vars/0"] = h5py.ExternalLink(str(secret), "kernel")
        file["layers/dense/vars/1"] = np.ones(4)
    path = tmp_path / "link.keras"
    with zipfile.ZipFile(KERAS / "chain.keras") as old, zipfile.ZipFile(path, "w") as new:
        new.writestr("config.json", old.read("config.json"))
        new.write(weights, "model.weights.h5")
    with pytest.raises(ModelFileError, match="has no array /layers/dense/vars/0"):
        from_keras(path)


def test_hdf5_that_hangs_or_crashes_the_library_is_a_damaged_file(tmp_path, h5py, monkeypatch):
    path = KERAS / "chain.h5"
    for code, words in (("import time; time.sleep(60)", "could not be read"), ("import os; os._exit(139)", "code 139")):
        (tmp_path / "program.py").write_text(code)
        monkeypatch.setattr(hdf5, "__file__", str(tmp_path / "program.py"))
        monkeypatch.setattr(hdf5, "SECONDS", 0.5)
        with pytest.raises(ModelFileError, match=words):
            from_keras(path)


def test_changed_bytes_in_a_file_of_keras_are_refused(tmp_path, h5py):
    """The .zip has checksums: 30 files with bytes changed, none read as something else but for its date."""
    data, draws, path = (KERAS / "chain.keras").read_bytes(), np.random.default_rng(0), tmp_path / "a.keras"
    golden, refused = np.load(KERAS / "chain.npz"), 0
    for _ in range(30):
        changed = bytearray(data)
        changed[draws.integers(len(data))] ^= 1 << draws.integers(8)
        path.write_bytes(changed)
        try:
            close(from_keras(path).predict(golden["X"]), golden["outputs"])
        except ModelFileError:
            refused += 1
    assert refused > 20
