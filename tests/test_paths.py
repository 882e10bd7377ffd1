"""Paths that no file can have, that are taken, or where nothing can be written: whatever is given one names it."""

import os
from pathlib import Path

import numpy as np
import pytest

import neural
from neural import Checkpoint, DenseLayer, NeuralNetwork, TabularRegressor, stream
from neural.imports import from_keras, from_onnx
from neural.loggers import CSVLogger

X = np.random.default_rng(0).normal(size=(8, 2))
NET = NeuralNetwork([DenseLayer(2, 1)], "mse", random_state=0).build()


def fit(**settings):
    return NeuralNetwork([DenseLayer(2, 1)], "mse", random_state=0).fit(X, X[:, 0], 1, verbose=0, **settings)


TAKES = {  # what is given a path, and whether that is of a folder
    "save": (NET.save, False),
    "load": (neural.load, False),
    "export": (lambda path: NET.export(path if isinstance(path, int) else f"{os.fspath(path)}.py"), False),
    "checkpoint": (lambda path: fit(checkpoint=path), False),
    "Checkpoint": (lambda path: fit(callbacks=Checkpoint("loss", path)), False),
    "CSVLogger": (lambda path: fit(callbacks=CSVLogger(path)), False),
    "from_onnx": (from_onnx, False),
    "from_keras": (from_keras, False),
    "TabularRegressor": (lambda path: TabularRegressor("fast").fit(X, X[:, 0], checkpoint=path), True),
    "cached": (lambda path: stream.cached(stream.arrays(X, X[:, 0]), path), True),
}
ODD = {
    "NUL": ("a\0b", ValueError, r"must be free of NUL, .*Got 'a\\x00b"),
    "half a character": ("a\ud800", ValueError, r"in characters that files may have .*Got 'a\\ud800"),
    "too long": ("x" * 300, OSError, r"File name too long.*'\S*xxx"),
    "in a file": ("file/below", (OSError, ValueError), "file/below|below.py"),
    "no path": (3, TypeError, "Got 3"),
    "empty": ("", ValueError, "must be a path that is not empty. Got ''|suffix of an export .*Got ''"),
}


@pytest.mark.parametrize("path", ODD)
@pytest.mark.parametrize("name", TAKES)
def test_a_path_that_cannot_be_is_named(name, path, tmp_path, monkeypatch):
    if name == "from_keras":
        pytest.importorskip("h5py")
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    given, kinds, words = ODD[path]
    with pytest.raises(kinds, match=words):
        TAKES[name][0](given)
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("name", TAKES)
def test_a_folder_for_a_file_and_a_file_for_a_folder(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    take, of_folder = TAKES[name]
    place = Path("taken.py" if name == "export" else "taken")
    place.touch() if of_folder else place.mkdir()
    with pytest.raises(
        (ValueError, OSError, neural.ModelFileError), match=r"folder.*taken|taken.*folder|Is a directory: 'taken'"
    ):
        take("taken")
    assert os.listdir(tmp_path) == [place.name]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_or_a_device_is_not_replaced_by_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", os.devnull):
        with pytest.raises(ValueError, match=r"path must be of a file, .* and not of a device or a pipe"):
            NET.save(path)
    assert (tmp_path / "pipe").is_fifo()
