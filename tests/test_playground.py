"""The playground without a browser: its protocol, what it saves, and a network's own file."""

import json

import numpy as np
import pytest

import neural
from neural.errors import NeuralError
from neural.playground import pictures, points, saving, settings
from neural.playground.session import Session
from neural.playground.settings import Settings
from tests import bands
from tests.playground_client import CSV, HOME, ask, door, run

pytestmark = pytest.mark.usefixtures("time_enough")


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
