"""The playground without a browser: what may be chosen, the bits of its training, its protocol, its doors."""

import json
import socket
import threading
import warnings
from dataclasses import replace

import numpy as np
import pytest

import neural
from neural import TrainingDiverged, cli
from neural.errors import NeuralError
from neural.gradcheck import check_gradient
from neural.playground import messages, pictures, points, saving, script, settings, trace, wire
from neural.playground import session as session_module
from neural.playground.points import Table
from neural.playground.session import Session
from neural.playground.settings import Hidden, Settings
from neural.playground.trainer import Trainer
from tests import bands

pytest.importorskip("starlette", reason="needs neural-dense[playground]")
pytest.importorskip("httpx", reason="starlette's test client needs it")
pytest.importorskip("websockets", reason="needs neural-dense[playground]")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of what it would rather be built on
    from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from neural.playground import server

PORT = 8765
HOME = f"http://127.0.0.1:{PORT}"
CSV = b"length,width,kind\n" + b"".join(b"%d,%d,%s\n" % (k, k % 7, b"ab"[k % 2 :][:1]) for k in range(40))


def door(client, **headers):
    return client.websocket_connect(f"ws://127.0.0.1:{PORT}/session", headers=headers)


@pytest.fixture(autouse=True)
def time_enough(monkeypatch):
    """Let every picture have the updates it was asked for, however busy the machine is."""
    monkeypatch.setattr(session_module, "FRAME_SECONDS", 1e9)


@pytest.fixture
def client():
    return TestClient(server.application(PORT), base_url=HOME)


@pytest.fixture
def page(client):
    with door(client, origin=HOME) as found:
        yield found


@pytest.fixture
def banded(monkeypatch):
    monkeypatch.setattr(points, "_fashion", bands.data)


def ask(page, payload=None, **fields):
    """Return the header of a reply, and its arrays."""
    if payload is None:
        page.send_text(json.dumps(fields))
    else:
        page.send_bytes(wire.pack(fields, payload=payload))
    message = page.receive()
    if message.get("text") is not None:
        return json.loads(message["text"])
    header, body = wire.unpack(message["bytes"])
    kinds = {"u1": (np.uint8, 1), "f4": (np.float32, 4)}
    arrays = {}
    for name, kind, shape, start in header.pop("arrays", []):
        dtype, size = kinds[kind]
        arrays[name] = np.frombuffer(body[start : start + size * int(np.prod(shape))], dtype).reshape(shape)
    return header | {"payload": body, "arrays": arrays}


def trainer(**changes):
    chosen = replace(Settings(samples=60, batch_size=16), **changes)
    return Trainer(chosen, points.load(chosen, None))


# --- the bits of fit -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("optimizer", settings.CHOICES["optimizer"])
def test_the_script_makes_the_network_to_the_bit(optimizer):
    found = trainer(optimizer=optimizer, schedule="cosine", epochs=9, dropout=0.2, l1=0.01, l2=0.02)
    found.advance(2)  # a few updates of an epoch, then the rest of it
    found.advance(5)
    found.use(replace(found.settings, learning_rate=0.02, schedule="constant", l2=0.0))
    found.advance(10)
    found.use(replace(found.settings, batch_size=7, optimizer="sgd"))
    found.advance(3)
    assert run(script.write(found.settings, found, None)).params.tobytes() == found.net.params.tobytes()


def run(code):
    names = {}
    exec(code, names)
    return names["net"]


def test_a_fit_that_is_over_and_gone_on_with_is_two_fits_in_the_script():
    found = trainer(epochs=3, schedule="one_cycle", hidden=(Hidden(3, "relu"),))
    while not found.finished:
        found.advance(1)
    found.advance(4)
    code = script.write(found.settings, found, None)
    assert code.count("net.fit(") == 2
    assert run(code).params.tobytes() == found.net.params.tobytes()


def test_an_untrained_network_has_a_script_too(capsys):
    found = trainer(hidden=())
    assert run(script.write(found.settings, found, None)).params.tobytes() == found.net.params.tobytes()


@pytest.mark.parametrize("data", settings.TOYS)
def test_the_script_makes_the_data(data):
    found = trainer(data=data, noise=0.05, data_seed=3)
    names = {}
    exec(script.write(found.settings, found, None), names)
    np.testing.assert_array_equal(names["X_train"], found.points.X_train)
    np.testing.assert_array_equal(names["y_test"], found.points.y_test)


def test_the_script_reads_a_file_as_the_playground_did(tmp_path, monkeypatch):
    content = b"length;width;kind\r\n" + CSV.partition(b"\n")[2].replace(b",", b";") + b"x;1;a\r\n3;;b\r\n4;5;\r\n"
    (tmp_path / "my data.csv").write_bytes(content)
    monkeypatch.chdir(tmp_path)
    chosen = Settings(data="csv", columns=("length", "width"), target="kind")
    table = Table.read("my data.csv", content)
    found = Trainer(chosen, points.load(chosen, table))
    assert found.points.note.startswith("3 rows")
    found.advance(5)
    assert run(script.write(chosen, found, table)).params.tobytes() == found.net.params.tobytes()


def test_the_script_of_images_names_the_part_of_them(banded):
    chosen = Settings(data="fashion", samples=200, hidden=(Hidden(4, "relu"),))
    code = script.write(chosen, Trainer(chosen, points.load(chosen, None)), None)
    assert "images.X_train[:200]" in code
    assert "input_scale=1 / 255" in code
    compile(code, "script", "exec")


def test_a_diverging_fit_says_so_and_leaves_finite_weights():
    found = trainer(learning_rate=100.0, optimizer="sgd", hidden=(Hidden(8, "relu"), Hidden(8, "relu")))
    found.use(replace(found.settings, l2=100.0))
    with pytest.raises(TrainingDiverged):
        found.advance(1000)
    assert np.isfinite(found.net.params).all()
    assert found.diverged
    assert found.advance(5) == 0
    found.use(replace(found.settings, learning_rate=0.01))
    assert found.advance(5) == 0  # its weights are far off: Restart makes it anew


def test_without_time_an_update_is_made_and_what_was_made_is_said():
    found = trainer()
    assert found.advance(1000, seconds=0) == 1
    assert found.batch == 1


@pytest.mark.parametrize("l2", [0.0, 0.5])
def test_a_step_is_worked_out_as_the_update_will_be(l2):
    found = trainer(dropout=0.3, batch_size=8, l2=l2)
    found.advance(7)
    batch = found.next_batch()
    for layer, gradient in zip(batch.seen, batch.gradients, strict=True):
        weights = layer.layer.weights
        dW = layer.dz.T @ layer.a_in + l2 / 8 * weights
        np.testing.assert_allclose(gradient["weights"], dW, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(gradient["biases"], layer.dz.sum(axis=0), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(layer.z, layer.a_in @ weights.T + layer.layer.biases.T, atol=1e-6)
    before = [layer.layer.weights.copy() for layer in batch.seen]
    found.use(replace(found.settings, optimizer="sgd", learning_rate=0.1))
    batch = found.next_batch()
    found.advance(1)
    for start, layer, gradient in zip(before, batch.seen, batch.gradients, strict=True):
        np.testing.assert_allclose(layer.layer.weights, start - 0.1 * gradient["weights"], atol=1e-6)


def test_the_first_rows_of_a_batch_are_as_within_all_of_it():
    found = trainer(dropout=0.5, batch_size=30)
    few = found.next_batch().seen
    mode = trace.Mode(training=True, seed=found.net.state.seed, step=found.net.state.step)
    X, y = found.train.X[found.rows], found.train.y[found.rows]
    for some, whole in zip(few, trace.both_ways(found.program, X, y, mode, 30), strict=True):
        np.testing.assert_allclose(some.a_in, whole.a_in[:8], atol=1e-6)
        np.testing.assert_allclose(some.dz, whole.dz[:8], atol=1e-7)


def test_its_networks_pass_the_gradient_check():
    chosen = Settings(hidden=(Hidden(3, "tanh"), Hidden(2, "gelu")))
    X, y = np.random.default_rng(0).normal(size=(6, 2)), np.arange(6) % 2
    net = points_network(chosen)
    assert check_gradient(net, X, y).error < 1e-6


def points_network(chosen):
    from neural import NeuralNetwork
    from neural.playground.trainer import LOSS, network

    layers = network(chosen, 2, 2, image=False).layers
    for layer in layers:
        layer._owner = None
    return NeuralNetwork(layers, LOSS, dtype="float64", random_state=0)


# --- the protocol --------------------------------------------------------------------------------------------------
def test_hello_says_what_may_be_chosen(page):
    hello = ask(page, do="hello")
    assert hello["kind"] == "hello"
    assert set(hello["choices"]["data"]) == set(settings.DATA)
    assert Settings.of(hello["settings"]) == Settings()


def test_a_picture_has_all_that_is_drawn(page):
    found = ask(page, do="configure", settings={"hidden": [{"units": 20, "activation": "relu"}]})
    side = pictures.GRID // pictures.EVERY
    shapes = {name: array.shape for name, array in found["arrays"].items()}
    assert shapes["winner"] == shapes["sure"] == (pictures.GRID, pictures.GRID)
    assert shapes["tiles0"] == (12, side, side)
    assert shapes["tiles1"] == (2, side, side)
    assert (shapes["weights0"], shapes["weights1"]) == ((12, 2), (2, 12))
    assert (shapes["gradients0"], shapes["biases1"]) == ((12, 2), (2,))
    assert shapes["X_train"] == (225, 2)
    assert found["data"]["sizes"] == [20, 2]
    assert "data" not in ask(page, do="train")  # it is sent once


def test_training_goes_on_epoch_by_epoch_and_the_plane_is_the_networks_own(page):
    for epoch in range(1, 4):
        found = ask(page, do="train", epochs=1)
        assert (found["epoch"], found["batch"]) == (epoch, 0)
    many = ask(page, do="train", updates=7)
    assert (many["epoch"], many["batch"], many["made"]) == (3, 7, 7)
    assert ask(page, do="train", epochs=1)["epoch"] == 4


def test_moons_are_learnt(page):
    for _ in range(60):
        found = ask(page, do="train", epochs=10)
    assert found["test_accuracy"] > 0.95
    assert found["cost"] < 0.2


def test_the_plane_is_what_predict_says():
    session = Session()
    session.train(epochs=5)
    grid = pictures.plane(session.points.extent)
    probabilities = session.trainer.net.predict(grid)
    drawn = pictures.of_plane(session.trainer, grid)
    np.testing.assert_array_equal(drawn["winner"].ravel(), probabilities.argmax(axis=1))
    np.testing.assert_allclose(drawn["sure"].ravel() / 255, 2 * probabilities.max(axis=1) - 1, atol=0.01)


def test_step_by_step_is_an_update_like_any_other(page, client):
    phases = [ask(page, do="step")["phase"] for _ in range(7)]
    assert phases == ["forward", "backward", "update", "forward", "backward", "update", "forward"]
    stepped = ask(page, do="step")
    assert len(stepped["rows"]) == 16
    assert (stepped["batch"], "errors0" in stepped["arrays"]) == (2, True)
    assert {"dz", "unit_dw", "unit_db"} <= set(stepped["numbers"])
    with door(client, origin=HOME) as other:
        trained = ask(other, do="train", updates=2)
    np.testing.assert_array_equal(stepped["arrays"]["weights0"], trained["arrays"]["weights0"])


def test_the_numbers_of_a_unit_add_up(page):
    found = ask(page, do="inspect", layer=1, unit=2, point=[0.5, -0.25])["numbers"]
    assert (found["layer"], found["unit"], found["n_in"], found["n_out"]) == (1, 2, 6, 4)
    total = np.dot(found["unit_w"], found["a_in"]) + found["unit_b"]
    assert total == pytest.approx(found["unit_z"], abs=1e-3)
    assert np.tanh(found["unit_z"]) == pytest.approx(found["unit_a"], abs=1e-4)


def test_rates_and_the_like_change_without_a_new_network(page):
    before = ask(page, do="train", epochs=2)
    after = ask(page, do="configure", settings={"learning_rate": 0.5, "optimizer": "sgd"})
    assert (after["epoch"], after["rate"]) == (2, 0.5)
    np.testing.assert_array_equal(before["arrays"]["weights0"], after["arrays"]["weights0"])
    assert ask(page, do="configure", settings={"seed": 1, "learning_rate": 0.5})["epoch"] == 0
    ask(page, do="train")
    assert ask(page, do="restart")["epoch"] == 0


def test_a_file_is_read_and_trained_on(page):
    assert "no CSV file yet" in ask(page, do="configure", settings={"data": "csv"})["message"]
    columns = ask(page, CSV, do="csv", name="plants.csv")
    assert columns == {"kind": "csv", "name": "plants.csv", "rows": 40, "numeric": ["length", "width"],
                       "classes": ["width", "kind"]}  # fmt: skip
    chosen = {"data": "csv", "columns": ["length", "width"], "target": "kind"}
    data = ask(page, do="configure", settings=chosen)["data"]
    assert (data["classes"], data["axes"]) == (["a", "b"], ["length", "width"])
    assert "'length'" in str(ask(page, do="configure", settings={**chosen, "columns": ["length", "length"]}))
    assert "plants.csv" in ask(page, do="script")["text"]


def test_images_are_drawn_and_classified(page, banded):
    chosen = {"data": "fashion", "samples": 1000, "hidden": [{"units": 16, "activation": "relu"}]}
    found = ask(page, do="configure", settings=chosen)
    assert found["arrays"]["tiles0"].shape == (12, 28, 28)
    assert found["arrays"]["weights0"].shape == (12, 1)
    while found["test_accuracy"] < 0.95:
        found = ask(page, do="train", epochs=1)
        assert found["epoch"] < 50
    drawing = np.zeros((28, 28), np.uint8)
    drawing[bands.rows_of(7), 3:25] = 250
    answer = ask(page, drawing.tobytes(), do="classify")
    assert np.argmax(answer["probabilities"]) == 7
    shown = ask(page, do="test_image", number=13)
    assert (len(shown["pixels"]), shown["label"]) == (784, "Dress")
    numbers = ask(page, do="train")["numbers"]
    assert (numbers["n_in"], np.shape(numbers["W"])) == (784, (8, 8))  # the corner that is written out
    assert "28 x 28" in ask(page, b"abc", do="classify")["message"]


def test_without_images_on_the_machine_it_says_what_to_do(page, monkeypatch):
    def missing():
        raise NeuralError("no")

    monkeypatch.setattr(points, "_fashion", missing)
    assert "neural demo" in ask(page, do="hello")["missing"]["fashion"]
    assert "neural demo" in ask(page, do="configure", settings={"data": "fashion"})["message"]
    assert "Only images" in ask(page, b"", do="classify")["message"]
    assert "Only images" in ask(page, do="test_image", number=1)["message"]


# --- saving --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("updates", [0, 3, 15, 40])
def test_a_saved_session_goes_on_to_the_bit(client, updates):
    chosen = {"settings": {"dropout": 0.2, "schedule": "cosine", "epochs": 50}}
    with door(client, origin=HOME) as page:
        ask(page, do="configure", **chosen)
        if updates:
            ask(page, do="train", updates=updates)
        saved = ask(page, do="save")["payload"]
        went_on = ask(page, do="train", updates=20)
        code = ask(page, do="script")["text"]
    with door(client, origin=HOME) as page:
        opened = ask(page, saved, do="load")
        assert (opened["epoch"], opened["batch"]) == divmod(updates, 15)
        again = ask(page, do="train", updates=20)
        assert ask(page, do="script")["text"] == code
    for name, array in went_on["arrays"].items():
        np.testing.assert_array_equal(array, again["arrays"][name])


def test_a_saved_session_has_its_file_in_it(page):
    ask(page, CSV, do="csv", name="plants.csv")
    ask(page, do="configure", settings={"data": "csv", "columns": ["length", "width"], "target": "kind"})
    saved = ask(page, do="save")["payload"]
    ask(page, do="configure", settings={})
    assert ask(page, saved, do="load")["data"]["classes"] == ["a", "b"]


# --- a network's own file ------------------------------------------------------------------------------------------
def test_a_networks_file_is_opened_and_the_script_goes_on_from_it(page, client, tmp_path, monkeypatch):
    chosen = {"hidden": [{"units": 5, "activation": "relu"}], "dropout": 0.1, "l2": 0.01}
    ask(page, do="configure", settings=chosen)
    before = ask(page, do="train", updates=20)
    content = ask(page, do="save_network")["payload"]
    (tmp_path / "network.safetensors").write_bytes(content)
    assert neural.load(tmp_path / "network.safetensors").layers[0].n_out == 5
    monkeypatch.chdir(tmp_path)
    with door(client, origin=HOME) as other:
        opened = ask(other, content, do="open_network", name="network.safetensors")
        assert opened["data"]["settings"]["hidden"] == chosen["hidden"]
        assert (opened["data"]["settings"]["dropout"], opened["data"]["settings"]["l2"]) == (0.1, 0.01)
        assert opened["cost"] == before["cost"]
        ask(other, do="train", updates=20)
        saved = ask(other, do="save")["payload"]
        code = ask(other, do="script")["text"]
    with door(client, origin=HOME) as third:
        ask(third, saved, do="load")
        assert ask(third, do="script")["text"] == code
        params = saving.decoded("weights", json.loads(saved)["weights"], run(code).params)
    np.testing.assert_array_equal(run(code).params, params)


def other_networks():
    from neural import DenseLayer, DropoutLayer, LayerNorm, NeuralNetwork

    loss = "categorical_crossentropy"
    yield NeuralNetwork([DenseLayer(3, 2, "softmax")], loss)
    yield NeuralNetwork([DenseLayer(2, 3, "softmax")], loss)
    yield NeuralNetwork([DenseLayer(2, 2)], "mse")
    yield NeuralNetwork([DenseLayer(2, 4, "exponential"), DenseLayer(4, 2, "softmax")], loss)
    yield NeuralNetwork([DenseLayer(2, 400, "tanh"), DenseLayer(400, 2, "softmax")], loss)
    yield NeuralNetwork([DenseLayer(2, 4, "tanh"), LayerNorm(), DenseLayer(4, 2, "softmax")], loss)
    yield NeuralNetwork([DropoutLayer(0.1), DenseLayer(2, 4, "tanh"), DenseLayer(4, 2, "softmax")], loss)
    yield NeuralNetwork([DenseLayer(2, 4, l2=1), DenseLayer(4, 2, "softmax")], loss)
    yield NeuralNetwork([DenseLayer(2, 2, "softmax")], loss, dtype="float64")
    yield NeuralNetwork([DenseLayer(2, 2, "softmax")], loss, input_scale=0.5)
    yield NeuralNetwork([LayerNorm(), DenseLayer(2, 2, "softmax")], loss)


@pytest.mark.parametrize("net", list(other_networks()), ids=repr)
def test_a_network_that_does_not_suit_the_page_or_the_data_is_refused(page, net, tmp_path):
    net.build(net.n_inputs or 2)
    net.save(tmp_path / "net.safetensors")
    refused = ask(page, (tmp_path / "net.safetensors").read_bytes(), do="open_network", name="net.safetensors")
    assert refused["kind"] == "error"
    assert refused["message"].startswith("net.safetensors, with this data, must be dense layers")
    assert ask(page, do="train")["epoch"] == 1


@pytest.mark.parametrize("content", [b"", b"{}", b"\x08" + bytes(7) + b"{}      ", bytes(1000)], ids=repr)
def test_a_file_that_is_no_network_is_refused_by_its_name(page, content):
    refused = ask(page, content, do="open_network", name="../net.safetensors")
    assert refused["kind"] == "error"
    assert refused["message"].startswith("net.safetensors")
    assert ask(page, do="train")["epoch"] == 1


def spoilt():
    session = Session()
    session.train(epochs=1)
    good = session.save()
    weights = good["weights"]
    yield "another format", {**good, "format": "other"}
    yield "another version", {**good, "version": 2}
    yield "no weights", {key: value for key, value in good.items() if key != "weights"}
    yield "too few weights", {**good, "weights": weights[: len(weights) // 2 // 4 * 4]}
    yield "no base64", {**good, "weights": "***"}
    yield "weights that are no text", {**good, "weights": 7}
    nan = np.full(len(session.trainer.net.params), np.nan, "<f4")
    yield "NaN", {**good, "weights": saving.encoded(nan)}
    yield "wide", {**good, "settings": {**good["settings"], "hidden": [{"units": 10**9, "activation": "tanh"}]}}
    yield "no state", {**good, "state": {}}
    yield "a negative state", {**good, "state": {**good["state"], "step": -1}}
    yield "a state that is no number", {**good, "state": {**good["state"], "epoch": "x"}}
    yield "segments of another network", {**good, "segments": [{"settings": {"seed": 5}, "epochs": 1, "batches": 0}]}
    yield "segments that are none", {**good, "segments": [1]}
    yield "a segment too long", {**good, "segments": [{"settings": {}, "epochs": 10**12, "batches": 0}]}
    yield "a batch beyond the epoch", {**good, "batch": 15}
    yield "no memory", {**good, "memory": {}}
    yield "memory that is none", {**good, "memory": []}
    yield "csv that is none", {**good, "csv": 3}
    yield "a list", [good]


@pytest.mark.parametrize(("what", "saved"), list(spoilt()), ids=lambda v: v if isinstance(v, str) else "")
def test_a_spoilt_file_is_refused_and_nothing_changes(page, what, saved):
    before = ask(page, do="train", epochs=2)
    refused = ask(page, json.dumps(saved).encode(), do="load")
    assert refused["kind"] == "error"
    assert "mistake" not in refused["message"]
    after = ask(page, do="inspect", layer=0, unit=0)
    assert after["epoch"] == 2
    np.testing.assert_array_equal(before["arrays"]["weights1"], after["arrays"]["weights1"])


# --- mistakes ------------------------------------------------------------------------------------------------------
BAD = [
    {}, {"do": 3}, {"do": "dance"}, {"do": "train", "epochs": 0}, {"do": "train", "epochs": 1.5},
    {"do": "train", "rows": 2},
    {"do": "train", "updates": -1}, {"do": "train", "updates": "many"}, {"do": "train", "updates": 10**30},
    {"do": "inspect"}, {"do": "inspect", "layer": 9, "unit": 0}, {"do": "inspect", "layer": 0, "unit": 99},
    {"do": "inspect", "layer": True, "unit": 0}, {"do": "inspect", "layer": 0, "unit": 0, "point": [1]},
    {"do": "inspect", "layer": 0, "unit": 0, "point": [1, 1e300]},
    {"do": "inspect", "layer": 0, "unit": 0, "point": "x"},
    {"do": "configure"}, {"do": "configure", "settings": []}, {"do": "configure", "settings": {"widths": 3}},
    *({"do": "configure", "settings": {"hidden": value}} for value in (
        3, "tanh", [3], [{}], [{"units": 10**9, "activation": "tanh"}], [{"units": 0, "activation": "tanh"}],
        [{"units": 2.5, "activation": "tanh"}], [{"units": 2, "activation": "softmax"}],
        [{"units": 2, "activation": 7}],
        [{"units": 2, "activation": "__class__"}], [{"units": 2, "activation": "tanh"}] * 7)),
    *({"do": "configure", "settings": {"learning_rate": value}} for value in (
        -1, "fast", None, [], 1e9, 10**400, True)),
    *({"do": "configure", "settings": value} for value in (
        {"data": "mnist"}, {"data": None}, {"samples": 10**9}, {"samples": 1}, {"noise": -1}, {"test_fraction": 1},
        {"data_seed": -1}, {"seed": 2**64}, {"dropout": 1}, {"optimizer": "lbfgs"}, {"optimizer": ["sgd"]},
        {"schedule": "never"}, {"epochs": 0}, {"batch_size": 0}, {"l1": -1}, {"l2": "a"}, {"columns": ["a"]},
        {"columns": [1, 2]}, {"target": "x" * 1000}, {"data": "csv", "columns": ["a", "b"], "target": "c"})),
    {"do": "csv", "name": "x"}, {"do": "csv", "name": 3}, {"do": "classify"}, {"do": "test_image", "number": 1},
    {"do": "load"}, {"do": "restart", "now": True},
]  # fmt: skip


@pytest.mark.parametrize("message", BAD, ids=lambda message: json.dumps(message)[:70])
def test_a_bad_message_is_answered_by_a_sentence_and_the_session_lives(page, message):
    assert ask(page, do="train", epochs=1)["epoch"] == 1
    refused = ask(page, **message)
    assert refused["kind"] == "error"
    assert refused["message"].endswith((".", "?"))
    assert "mistake" not in refused["message"]
    found = ask(page, do="train", epochs=1)
    assert (found["epoch"], found["rate"]) == (2, 0.01)


@pytest.mark.parametrize(
    "raw",
    ["", "x", "[]", "3", '{"do": "train", "epochs": NaN}',
     '{"do": "configure", "settings": {"learning_rate": Infinity}}',
     "[" * 100000, '{"do": ' + "9" * 5000 + "}", b"", b"abc", b"\xff\xff\xff\xff{}", b"\x02\x00\x00\x00{}",
     b"\x03\x00\x00\x00\xff\xfe\xfd", b"\x02\x00\x00\x00[]"],
    ids=lambda raw: repr(raw)[:40],
)  # fmt: skip
def test_what_is_no_message_is_refused_too(page, raw):
    (page.send_text if isinstance(raw, str) else page.send_bytes)(raw)
    assert json.loads(page.receive()["text"])["kind"] == "error"
    assert ask(page, do="train", epochs=1)["epoch"] == 1


FILES = {
    "empty": b"", "a line": b"a,b,c\n", "not UTF-8": b"a,b\n\xff\xfe,1\n",
    "ragged": b"a,b\n1,2\n3\n", "names twice": b"a,a\n1,2\n", "no name": b"a,\n1,2\n", "an open quote": b'a,b\n"1,2\n',
    "too many columns": b",".join(b"c%d" % k for k in range(300)) + b"\n" + b",".join([b"1"] * 300),
    "too many rows": b"a,b\n" + b"1,2\n" * 20001, "too large": b"a,b\n" + b"1" * (3 << 20),
    "a long cell": b"a,b\n" + b"1" * 200000,
}  # fmt: skip


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_a_file_that_is_none_is_refused_with_its_name(page, content):
    refused = ask(page, content, do="csv", name="bad.csv")
    assert refused["kind"] == "error"
    assert "bad.csv" in refused["message"]


@pytest.mark.parametrize(
    ("rows", "rule"),
    [
        ("1,2,a\n" * 30, "2 to 10"),
        ("".join(f"{k},{k},{k}\n" for k in range(30)), "2 to 10"),
        ("1,2,a\n" * 30 + "2,3,b\n", "at least 5 rows"),
        ("".join(f"1,{k},{'ab'[k % 2]}\n" for k in range(30)), "'x'"),
        ("".join(f"{k}e300,{k},{'ab'[k % 2]}\n" for k in range(30)), "'x'"),
        ("".join(f"nan,{k},{'ab'[k % 2]}\n" for k in range(30)), "2 to 10"),
    ],
)
def test_columns_that_cannot_be_learnt_are_refused(page, rows, rule):
    ask(page, b"x,y,kind\n" + rows.encode(), do="csv", name="bad.csv")
    chosen = {"data": "csv", "columns": ["x", "y"], "target": "kind"}
    refused = ask(page, do="configure", settings=chosen)
    assert refused["kind"] == "error"
    assert rule in refused["message"]
    assert ask(page, do="train")["epoch"] == 1


def test_divergence_is_told_and_restart_gets_over_it(page):
    layers = [{"units": 8, "activation": "relu"}] * 3
    ask(page, do="configure", settings={"hidden": layers, "learning_rate": 100, "optimizer": "sgd", "l2": 100})
    for _ in range(100):
        found = ask(page, do="train", epochs=10)
        if found["kind"] == "error":
            break
    assert "diverged" in found["message"]
    assert ask(page, do="train")["diverged"] is True
    assert ask(page, do="configure", settings={"hidden": layers})["diverged"] is True
    assert ask(page, do="restart")["diverged"] is False
    assert ask(page, do="train")["epoch"] == 1


def test_a_mistake_of_the_playground_itself_does_not_end_the_session(page, monkeypatch, capsys):
    def broken(session, payload):
        raise RuntimeError("oh")

    monkeypatch.setitem(messages.ANSWERS, "step", broken)
    assert "RuntimeError: oh" in ask(page, do="step")["message"]
    assert "Traceback" in capsys.readouterr().err
    assert ask(page, do="train")["epoch"] == 1


# --- the doors -----------------------------------------------------------------------------------------------------
def test_every_file_of_the_page_is_served_under_a_strict_policy_and_is_light(client):
    total = 0
    for path in server.FILES:
        answer = client.get(path)
        assert answer.status_code == 200
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        total += len(answer.content)
    assert total < 300_000
    assert "/" in server.FILES


def test_the_page_names_no_other_place(client):
    for path in server.FILES:
        text = client.get(path).text.replace("http://www.w3.org/", "")
        assert "https:" not in text
        assert "http:" not in text
        assert "innerHTML" not in text


@pytest.mark.parametrize("path", ["/page/index.html", "/../server.py", "/%2e%2e/server.py", "/etc/passwd", "/session"])
def test_nothing_else_is_served(client, path):
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("headers", [
    {"host": "evil.example:8765"}, {"host": "127.0.0.1:80"}, {"host": "127.0.0.1"}, {"host": ""},
    {"host": "[::1]:8765"},
    {"origin": "https://evil.example"}, {"origin": "null"}, {"origin": f"https://127.0.0.1:{PORT}"},
    {"origin": "http://127.0.0.1:9999"}, {"origin": f"http://localhost:{PORT}"}, {"origin": f"{HOME}.evil.example"},
], ids=str)  # fmt: skip
def test_pages_of_others_are_turned_away(client, headers):
    assert client.get("/", headers=headers).status_code == 403
    with (
        pytest.raises(WebSocketDisconnect),
        door(client, **{"origin": HOME, **headers}),
    ):
        pass


def test_a_websocket_needs_an_origin_and_both_names_do(client):
    with pytest.raises(WebSocketDisconnect), door(client):
        pass
    local = {"host": f"localhost:{PORT}", "origin": f"http://localhost:{PORT}"}
    with door(client, **local) as page:
        assert ask(page, do="hello")["kind"] == "hello"


def test_only_so_many_pages_are_open_at_a_time(client, monkeypatch):
    monkeypatch.setattr(server, "MOST_PAGES", 1)
    with door(client, origin=HOME) as page:
        with pytest.raises(WebSocketDisconnect), door(client, origin=HOME):
            pass
        assert ask(page, do="train")["epoch"] == 1
    with door(client, origin=HOME) as page:
        assert ask(page, do="train")["epoch"] == 1


def test_it_listens_on_this_machine_alone_and_says_when_a_port_is_taken():
    with server.listen(0) as found:
        address, port = found.getsockname()
        assert address == "127.0.0.1"
        with pytest.raises(NeuralError, match=f"Port {port} cannot be had"):
            server.listen(port)
    for bad in (-1, 70000, "http"):
        with pytest.raises((ValueError, TypeError)):
            server.listen(bad)


def test_it_serves_and_ends(monkeypatch):
    with server.listen(0) as found:
        running = server.server_for(found)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [found]})
        thread.start()
        try:
            port = found.getsockname()[1]
            with socket.create_connection(("127.0.0.1", port), timeout=10) as door:
                door.sendall(f"GET / HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
                assert b"200 OK" in door.recv(1000)
        finally:
            running.should_exit = True
            thread.join(timeout=20)
        assert not thread.is_alive()


# --- the command ---------------------------------------------------------------------------------------------------
def test_the_command_says_where_it_is(monkeypatch, capsys):
    class Ended:
        def run(self, sockets):
            raise KeyboardInterrupt

    opened = []
    monkeypatch.setattr(server, "server_for", lambda found: Ended())
    monkeypatch.setattr(server.webbrowser, "open", opened.append)
    assert cli.main(["playground", "--port", "0", "--no-browser"]) == 0
    assert "http://127.0.0.1:" in capsys.readouterr().out
    assert opened == []


def test_the_command_without_its_extra_says_how_to_get_it(monkeypatch, capsys):
    import sys

    import neural.playground

    monkeypatch.delattr(neural.playground, "server", raising=False)
    monkeypatch.delitem(sys.modules, "neural.playground.server", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert cli.main(["playground"]) == 2
    assert 'pip install "neural-dense[playground]"' in capsys.readouterr().err


@pytest.mark.parametrize("port", ["70000", "-1", "x", "8 0", ""])
def test_a_port_that_is_none_ends_the_command_with_2(port, capsys):
    assert cli.main(["playground", "--port", port]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_port_that_is_taken_ends_the_command_with_2(capsys):
    with server.listen(0) as found:
        assert cli.main(["playground", "--no-browser", "--port", str(found.getsockname()[1])]) == 2
    assert "cannot be had" in capsys.readouterr().err
