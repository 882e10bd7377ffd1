"""The file formats, the toys, and what prepares data."""

from __future__ import annotations

import contextlib
import gzip
import struct

import numpy as np
import pandas as pd
import pytest
import sklearn.datasets
from hypothesis import given, settings
from hypothesis import strategies as st

from neural import datasets
from neural.datasets import one_hot, quadratic_features, read_csv_images, read_idx, train_test_split
from neural.errors import ModelFileError
from tests.idx import IDX_CODES, idx_bytes

# --- IDX ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", IDX_CODES)
def test_idx_round_trip(tmp_path, kind, packed):
    array = np.array([[[1, -2 if kind[0] != "u" else 254], [100, 0]]], dtype=kind)
    data = idx_bytes(array)
    (tmp_path / "a").write_bytes(gzip.compress(data, mtime=0) if packed else data)
    got = read_idx(tmp_path / "a")
    assert got.dtype == array.dtype
    assert got.dtype.isnative
    assert np.array_equal(got, array)


GOOD = idx_bytes(np.arange(36, dtype=np.uint8).reshape(6, 2, 3))
TERABYTES = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2**32 - 1, 2**32 - 1, 2**32 - 1) + b"abc"


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "an IDX file"),
        (b"\0\0\x08", "an IDX file"),
        (b"\0\1" + GOOD[2:], "an IDX file"),
        (b"\0\0\x0a" + GOOD[3:], "an IDX file"),
        (b"\0\0\x08\0", "1 to 32 dimensions"),
        (b"\0\0\x08\x21" + bytes(200), "1 to 32 dimensions"),
        (GOOD[:9], "must name 3 dimensions"),
        (b"\0\0\x08\1" + bytes(4), "without a 0"),
        (GOOD[:-1], r"must hold 52 bytes, as its shape \(6, 2, 3\) says. Got 51 bytes"),
        (GOOD + b"\0", "Got more"),
        (TERABYTES, "Got 19 bytes"),
        (gzip.compress(TERABYTES, mtime=0), "Got 19 bytes"),
        (gzip.compress(GOOD, mtime=0)[:-5], "cannot be unpacked"),
        (gzip.compress(GOOD, mtime=0)[:-8] + bytes(8), "cannot be unpacked"),
        (gzip.compress(GOOD, mtime=0)[:20] + b"\xff" * 20, "cannot be unpacked"),
        (b"\x1f\x8b", "cannot be unpacked"),
    ],
)
def test_idx_refuses(tmp_path, data, complaint):
    (tmp_path / "a.idx").write_bytes(data)
    with pytest.raises(ModelFileError, match=complaint) as caught:
        read_idx(tmp_path / "a.idx")
    assert "a.idx" in str(caught.value)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.integers(0, len(GOOD) - 1), st.binary(max_size=6), st.booleans())
def test_idx_reads_or_refuses_whatever_it_gets(tmp_path_factory, at, patch, packed):
    data = gzip.compress(GOOD, mtime=0) if packed else GOOD
    path = tmp_path_factory.getbasetemp() / "patched.idx"
    path.write_bytes(data[:at] + patch + data[at + len(patch) :])
    with contextlib.suppress(ModelFileError):
        assert read_idx(path).size


def test_idx_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "none")


# --- CSV ---------------------------------------------------------------------------------------------------------


CSV = "label,pixel1,pixel2\n9,0,255\n2,30,4\n"


@pytest.mark.parametrize(
    "text",
    [
        CSV,
        CSV.rstrip(),
        CSV.replace("\n", "\r\n"),
        "\ufeff" + CSV,
        CSV.replace("\n", "\n\n")[:-1],
        "pixel1,label,pixel2\n0,9,255\n30,2,4\n",
        '"label","pixel1","pixel2"\n"9","0","255"\n2, 30,4\n',
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_csv(tmp_path, text, packed):
    data = text.encode()
    (tmp_path / "a.csv").write_bytes(gzip.compress(data, mtime=0) if packed else data)
    X, y = read_csv_images(tmp_path / "a.csv")
    assert X.tolist() == [[0, 255], [30, 4]]
    assert y.tolist() == [9, 2]
    assert (X.dtype, y.dtype) == (np.uint8, np.int64)


def test_csv_of_many_chunks_and_another_label(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "CSV_ROWS", 3)
    table = np.random.default_rng(0).integers(0, 256, (10, 5))
    table[:, 2] = np.arange(10) - 2**40
    pd.DataFrame(table, columns=list("abcde")).to_csv(tmp_path / "a.csv", index=False)
    X, y = read_csv_images(tmp_path / "a.csv", label="c")
    assert np.array_equal(X, table[:, [0, 1, 3, 4]])
    assert np.array_equal(y, table[:, 2])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "line 1 must be a line of column names"),
        ("9,0,255\n", "line 1 must be a line of column names, one of them 'label'"),
        ("label\n1\n", "line 1 "),
        ("label,label,a\n1,1,1\n", "line 1 "),
        (",label,pixel1\n0,1,1\n", "line 1 "),
        ("label,pixel1\n", "a line for each image"),
        ("label,pixel1\n\n\n", "a line for each image"),
        (CSV + "1,2\n", r"line 4 must be 3 numbers with commas between\. Got 2\."),
        (CSV + "1,2,3,4\n1,2,3\n", r"line 4 must be 3 numbers"),
        ("label,a,b\n1,2\n", r"line 2 must be 3 numbers"),
        (CSV + "\n1,2,256\n", r"line 5, column 'pixel2' must be a whole number from 0 to 255\. Got '256'\."),
        (CSV + "1,-1,0\n", r"line 4, column 'pixel1' must be .* Got '-1'\."),
        (CSV + "1,2.0,0\n", r"line 4, column 'pixel1' must be .* Got '2\.0'\."),
        (CSV + "1,,0\n", r"line 4, column 'pixel1' must be .* Got ''\."),
        (CSV + "Sneaker,0,0\n", r"line 4, column 'label' must be a whole number .* Got 'Sneaker'\."),
        (CSV + f"{2**63},0,0\n", r"line 4, column 'label' must be"),
        (CSV + "1,\udcff,0\n", r"line 4, column 'pixel1'"),
        (CSV + "1,nan,0\n", r"line 4, column 'pixel1'"),
        (CSV + '1,"2,0\n1,3",0\n', r"line 4, column 'pixel1' must be"),
        (CSV + '1,2,"0\n', r"line 4, column 'pixel2' must be"),
        (CSV + "  \n", r"line 4 must be 3 numbers"),
        (CSV + "1,2,3#4\n", r"line 4, column 'pixel2'"),
        (CSV + "#,2,0\n", r"line 4, column 'label'"),
    ],
)
@pytest.mark.parametrize("rows", [1, 2, 4096])
def test_csv_names_file_line_and_column(tmp_path, monkeypatch, text, complaint, rows):
    monkeypatch.setattr(datasets, "CSV_ROWS", rows)
    path = tmp_path / "bad.csv"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ModelFileError, match=complaint) as caught:
        read_csv_images(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.filterwarnings("error")
@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.text('0123456789,,,\n\n" -+.x#\x00\r\xa0\u0661'))
def test_csv_reads_or_refuses_whatever_it_gets(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_text("label,pixel1\n1,2\n" + text, encoding="utf-8")
    with contextlib.suppress(ModelFileError):
        X, y = read_csv_images(path)
        assert X.shape == (len(y), 1)


def test_csv_cut_inside_gzip(tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(CSV.encode(), mtime=0)[:-6])
    with pytest.raises(ModelFileError, match="cannot be unpacked"):
        read_csv_images(tmp_path / "a.csv.gz")


# --- toys --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["make_moons", "make_circles"])
@pytest.mark.parametrize("n_samples", [1, 2, 7, 500, (3, 8), (0, 4)])
@pytest.mark.parametrize(
    "options", [{}, {"noise": 0.3}, {"noise": 0}, {"shuffle": False}, {"shuffle": False, "noise": 1.5}]
)
@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_toys_equal_to_scikit_learn(name, n_samples, options, seed):
    X, y = getattr(datasets, name)(n_samples, random_state=seed, **options)
    X_expected, y_expected = getattr(sklearn.datasets, name)(n_samples, random_state=seed, **options)
    assert np.array_equal(X, X_expected)
    assert np.array_equal(y, y_expected)
    assert (X.dtype, y.dtype) == (np.float64, np.int64)


def test_circles_with_a_factor_and_a_generator_equal_to_scikit_learn():
    ours, theirs = np.random.RandomState(3), np.random.RandomState(3)
    for _ in range(2):  # the generator moves on by the same draws
        X, _ = datasets.make_circles(9, factor=0.3, noise=0.1, random_state=ours)
        X_expected, _ = sklearn.datasets.make_circles(9, factor=0.3, noise=0.1, random_state=theirs)
        assert np.array_equal(X, X_expected)


@pytest.mark.parametrize("name", ["make_moons", "make_circles", "make_spirals", "make_xor"])
def test_every_toy_is_repeatable_and_takes_noise(name):
    make = getattr(datasets, name)
    X, y = make(50, noise=0.1, random_state=1)
    again, _ = make(50, noise=0.1, random_state=1)
    other, _ = make(50, noise=0.1, random_state=2)
    assert np.array_equal(X, again)
    assert not np.array_equal(X, other)
    assert (X.shape, y.shape, X.dtype, y.dtype) == ((50, 2), (50,), np.float64, np.int64)
    assert not np.array_equal(make(50)[0], make(50)[0])  # None: another draw each time
    assert make(50, random_state=np.random.default_rng(0))[0].shape == (50, 2)


@pytest.mark.parametrize("name", ["make_moons", "make_circles", "make_spirals", "make_xor"])
@pytest.mark.parametrize("wrong", [{"n_samples": 0}, {"noise": -1}, {"noise": np.nan}, {"random_state": -1}])
def test_every_toy_refuses(name, wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be"):
        getattr(datasets, name)(**wrong)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("make_moons", {"n_samples": (1, -1)}), ("make_circles", {"factor": 1}), ("make_circles", {"factor": -0.1}),
     ("make_spirals", {"classes": 0}), ("make_spirals", {"n_samples": 2, "classes": 3})],
)  # fmt: skip
def test_toy_refuses(name, wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be"):
        getattr(datasets, name)(**wrong)


@pytest.mark.parametrize("wrong", [{"n_samples": 2.5}, {"n_samples": (1, 2, 3)}, {"random_state": "0"}])
def test_toy_refuses_types(wrong):
    with pytest.raises(TypeError, match=f"{next(iter(wrong))} must be"):
        datasets.make_moons(**wrong)


def test_spirals_lie_on_their_curves():
    X, y = datasets.make_spirals(31, turns=2, classes=3, random_state=0)
    r = np.hypot(*X.T)
    turned = np.arctan2(X[:, 1], X[:, 0]) / (2 * np.pi) - 2 * r - y / 3
    assert np.abs(turned - turned.round()).max() < 1e-12
    assert sorted(r[y == 2].round(12)) == (np.arange(1, 11) / 10).tolist()
    assert np.bincount(y).tolist() == [11, 10, 10]


def test_xor():
    X, y = datasets.make_xor(400, random_state=0)
    assert np.array_equal(y == 1, np.sign(X[:, 0]) != np.sign(X[:, 1]))
    assert np.abs(X).max() <= 1
    assert 150 < y.sum() < 250
    noisy, same = datasets.make_xor(400, noise=0.5, random_state=0)
    assert np.array_equal(y, same)
    assert 0.4 < (noisy - X).std() < 0.6


# --- what prepares data ------------------------------------------------------------------------------------------


def test_quadratic_features():
    X = np.random.default_rng(0).normal(size=(7, 2))
    a, b = X.T
    assert np.array_equal(quadratic_features(X), np.array([a, b, a * a, b * b, a * b]).T)
    assert quadratic_features(X.astype(np.float32)).dtype == np.float32
    assert quadratic_features(np.array([[200, 100]], np.uint8)).tolist() == [[200, 100, 40_000, 10_000, 20_000]]
    assert np.array_equal(quadratic_features(pd.DataFrame(X)), quadratic_features(X))


@pytest.mark.parametrize("shape", [(2,), (3, 3), (1, 2, 2)])
def test_quadratic_features_refuse(shape):
    with pytest.raises(ValueError, match=r"X must be of shape \(n, 2\)\. Got an array of float64 with shape"):
        quadratic_features(np.zeros(shape))


@settings(derandomize=True, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=4, max_size=60), st.floats(0.2, 0.8), st.booleans(), st.integers(0, 99))
def test_split_is_a_partition_with_shares(labels, fraction, stratified, seed):
    y, rows = np.array(labels), np.arange(len(labels))
    stratify = labels if stratified else None
    parts = train_test_split(rows, y, test_fraction=fraction, random_state=seed, stratify=stratify)
    rows_train, rows_test, y_train, y_test = parts
    assert sorted([*rows_train, *rows_test]) == rows.tolist()
    assert len(rows_test) == round(fraction * len(y))
    assert np.array_equal(y[rows_train], y_train)
    assert np.array_equal(y[rows_test], y_test)
    if stratified:
        share = np.bincount(y) * len(y_test) / len(y)
        assert np.abs(np.bincount(y_test, minlength=len(share)) - share).max() < 1 + 1e-9


def test_split_is_random_even_and_repeatable():
    rows = np.arange(40)
    first = [train_test_split(rows, random_state=seed)[1] for seed in range(2000)]
    counts = np.bincount(np.concatenate(first), minlength=40)
    assert np.abs(counts - 500).max() < 5 * np.sqrt(2000 * 0.25 * 0.75)  # five standard deviations
    assert np.array_equal(first[5], train_test_split(rows, random_state=5)[1])
    _, test = train_test_split(rows, random_state=0, stratify=rows // 20)
    assert (np.diff(test // 20) < 0).any()  # not left in the order of the labels


def test_split_keeps_data_frames_and_takes_lists():
    frame = pd.DataFrame({"a": range(8)}, index=list("stuvwxyz"))
    train, test, list_train, _ = train_test_split(frame, list(range(8)), random_state=0)
    assert isinstance(train, pd.DataFrame)
    assert list_train.tolist() == train["a"].tolist()
    assert len(test) == 2


@pytest.mark.parametrize(
    ("arrays", "options", "complaint"),
    [
        ([], {}, "arrays must be one or more"),
        ([[1, 2, 3], [1, 2]], {}, r"of the same length. Got \[3, 2\]"),
        ([[1, 2, 3]], {"stratify": [1, 2]}, r"of the same length. Got \[3, 2\]"),
        ([[1, 2, 3]], {"stratify": [[1], [2], [1]]}, r"stratify must be of shape \(n,\)"),
        ([[1, 2, 3]], {"test_fraction": 0.1}, "test_fraction must be such that 3 rows"),
        ([[1, 2, 3]], {"test_fraction": 1}, "test_fraction must be such that 3 rows"),
        ([[1, 2, 3]], {"test_fraction": 1.5}, "test_fraction must be a finite number"),
        ([[]], {}, "test_fraction must be such that 0 rows"),
    ],
)
def test_split_refuses(arrays, options, complaint):
    with pytest.raises(ValueError, match=complaint):
        train_test_split(*arrays, **options)


def test_one_hot():
    assert one_hot([1, 0], 3).tolist() == [[0, 1, 0], [1, 0, 0]]
    assert one_hot(np.array([True, False])).tolist() == [[0, 1], [1, 0]]
    assert one_hot(np.array([2], np.uint8)).shape == (1, 3)
    assert one_hot(np.array([], int), 4).shape == (0, 4)
    assert one_hot(pd.Series([1, 0], index=[7, 8])).dtype == np.float64


@pytest.mark.parametrize(
    ("y", "n_classes", "error", "complaint"),
    [
        ([0, -1], None, ValueError, r"y must be labels from 0 to 0\. Got -1\."),
        ([0, 3], 3, ValueError, r"y must be labels from 0 to 2\. Got 3\."),
        ([[0, 1]], None, ValueError, r"y must be of shape \(n,\)"),
        (np.array([], int), None, ValueError, "n_classes must be"),
        ([0.0, 1.0], None, TypeError, "y must be whole numbers"),
        (["a", "b"], None, TypeError, "np.unique"),
        ([0], 2.0, TypeError, "n_classes must be a whole number"),
    ],
)
def test_one_hot_refuses(y, n_classes, error, complaint):
    with pytest.raises(error, match=complaint):
        one_hot(y, n_classes)
