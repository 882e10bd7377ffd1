"""What the playground trains is what fit trains: the bits, the script that makes them, a step worked out."""

from dataclasses import replace

import numpy as np
import pytest

from neural import TrainingDiverged
from neural.gradcheck import check_gradient
from neural.playground import points, script, settings, trace
from neural.playground.points import CsvTable
from neural.playground.settings import Hidden, Settings
from neural.playground.trainer import Trainer
from tests.playground_client import CSV, run, trainer

pytestmark = pytest.mark.usefixtures("time_enough")


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
    table = CsvTable.read("my data.csv", content)
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
