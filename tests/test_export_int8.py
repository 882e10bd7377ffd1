"""Exports in int8: their size, their error, and inputs far from their calibration."""

import re
import subprocess

import numpy as np
import pytest

from neural import (
    DenseLayer,
    NeuralNetwork,
)
from tests import exported
from tests.exported import needs


@needs("cc")
def test_int8_is_a_quarter_of_the_size_and_its_error_is_measured(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 40))
    y = (X[:, :3] @ rng.normal(size=(3, 4))).argmax(axis=1)
    net = NeuralNetwork([DenseLayer(40, 60, "gelu"), DenseLayer(60, 4, "softmax")], "categorical_crossentropy")
    net.fit(X, y, epochs=20, optimizer="adam", verbose=0)
    proof = net.export(tmp_path / "model.c", quantize="int8", X=X)
    assert proof.passed
    text = " ".join((tmp_path / "model.c").read_text().split())
    rows, error, share = re.search(r"On (\d+) calibration rows: largest error (\S+), .* ([\d.]+)% with", text).groups()
    found = compiled(net, X, tmp_path)
    exact = net.predict(X)
    assert int(rows) == 500
    assert float(error) == pytest.approx(np.abs(found - exact).max(), rel=0.01)
    assert 1e-4 < float(error) < 0.1
    assert float(share) == pytest.approx(100 * np.mean(found.argmax(axis=1) == exact.argmax(axis=1)), abs=0.2)
    assert float(share) > 97
    constants = int(re.search(r"Constants: (\d+) bytes", text)[1])
    assert constants == 40 * 60 + 60 * 4 + 2 * 4 * (60 + 4)
    assert net.export(tmp_path / "again.c").largest_difference < 1e-6


def compiled(net, X, folder):
    """Return what model.c in a folder gives for rows, compiled under sanitizers."""
    X.astype(np.float32).tofile(folder / "n0.x")
    fields = {"k": 0, "type": "float", "n_in": X.shape[1], "n_out": net.n_outputs()}
    text = exported.MAIN % {"includes": '#include "model.h"\n', "runs": exported.RUN % fields}
    (folder / "main.c").write_text(text.replace("n0_predict", "model_predict"))
    flags = [*exported.STRICT, "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    subprocess.run(["cc", *flags, "main.c", "model.c", "-lm", "-o", "main"], cwd=folder, check=True)
    subprocess.run(["./main"], cwd=folder, check=True)
    return np.fromfile(folder / "n0.y", np.float32).reshape(len(X), -1)


@needs("cc")
def test_int8_far_from_its_calibration_and_for_nan_is_no_undefined_behaviour(tmp_path):
    net = NeuralNetwork([DenseLayer(3, 4, "relu"), DenseLayer(4, 2)], random_state=0)
    net.export(tmp_path / "model.c", quantize="int8", X=np.eye(3))
    found = compiled(net, np.array([[1e30, -1e30, 0], [np.nan, 0, 0], [np.inf, 0, 0], [0, 0, 0]]), tmp_path)
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1]).all()
    assert np.isfinite(found[3]).all()


@needs("cc")
def test_int8_of_zeros_and_of_one_sided_inputs(tmp_path):
    net = NeuralNetwork([DenseLayer(3, 4, init=np.zeros((4, 3))), DenseLayer(4, 2, init="zeros")], random_state=0)
    assert net.export(tmp_path / "zero.c", quantize="int8", X=np.zeros((2, 3))).largest_difference == 0
    net = NeuralNetwork([DenseLayer(3, 4, "sigmoid"), DenseLayer(4, 2)], random_state=0)
    X = np.random.default_rng(0).uniform(100, 101, (50, 3))
    assert net.export(tmp_path / "high.c", quantize="int8", X=X).passed
    assert net.export(tmp_path / "low.c", quantize="int8", X=-X).passed
