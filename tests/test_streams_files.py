"""Streams of Parquet and CSV files: their rows, classes, what is refused, and where a bad value is said to be."""

import copy
import gzip
import os
import pickle

import numpy as np
import pytest

from neural import BinaryCrossentropy, CategoricalCrossentropy, DenseLayer, NeuralNetwork, stream

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

N, K = 700, 3
rng = np.random.default_rng(1)
X = rng.integers(-99, 100, (N, K)) / 8
LABELS = (X.sum(axis=1) > 3).astype(int) + (X[:, 0] > 5)
NAMES = np.array(["ant", "bee", "cat"])[LABELS]
WEIGHTS = rng.integers(1, 9, N) / 4
COLUMNS = {f"x{k}": X[:, k] for k in range(K)} | {"name": NAMES, "label": LABELS, "weight": WEIGHTS}
FEATURES = ["x0", "x1", "x2"]
KINDS = ("parquet", "csv")
each_kind = pytest.mark.parametrize("kind", KINDS)


def write(path, columns, group=100, separator=","):
    """Write columns by the suffix of the path; a CSV as a person might, None as nothing."""
    if str(path).endswith(".parquet"):
        pq.write_table(pa.table(columns), path, row_group_size=group)
    else:
        rows = zip(*(list(values) for values in columns.values()), strict=True)
        lines = [separator.join("" if value is None else str(value) for value in row) for row in rows]
        path.write_text("\n".join([separator.join(columns), *lines, ""]), newline="")
    return str(path)


def opened(kind, path, target="label", **settings):
    return {"parquet": stream.parquet, "csv": stream.csv}[kind](path, target, **{"columns": FEATURES} | settings)


def all_rows(rows, size=64):
    windows = list(rows.windows(np.arange(len(rows.counts)), size, np.float64))
    assert max(map(len, windows)) <= size
    return [None if part is None else np.concatenate([vars(w)[name] for w in windows])
            for name, part in vars(windows[0]).items() if name != "places"]  # fmt: skip


def network(seed=0):
    return NeuralNetwork(
        [DenseLayer(K, 8, "tanh"), DenseLayer(8, 3, "softmax")], CategoricalCrossentropy(), random_state=seed
    )


def fit(net, *rows, **settings):
    given = {"epochs": 3, "learning_rate": 0.1, "batch_size": 32, "verbose": 0}
    return net.fit(*rows, **given | settings)


@pytest.fixture
def files(tmp_path):
    """Return a function that writes the rows into three files of a kind, the columns of one in another order."""

    def make(kind, columns=COLUMNS):
        for number, part in enumerate((slice(0, 250), slice(250, 260), slice(260, N))):
            own = {name: values[part] for name, values in columns.items()}
            write(tmp_path / f"part{number}.{kind}", dict(reversed(own.items())) if number == 1 else own)
        return str(tmp_path / f"part*.{kind}")

    return make


# --- what is read ----------------------------------------------------------------------------------------------------
@each_kind
def test_the_rows_are_those_of_the_files(kind, files):
    rows = opened(kind, files(kind), sample_weight="weight")
    got_X, got_y, got_weights = all_rows(rows)
    assert (got_X == X).all()
    assert (got_y == LABELS).all()
    assert (got_weights == WEIGHTS).all()
    assert (len(rows), rows.shape, rows.names) == (N, (N, K), tuple(FEATURES))
    for first in (0, 1, 249, 250, 255, 600, N - 1):  # from any row on
        windows = rows.windows(np.arange(len(rows.counts)), 50, np.float64, first)
        assert (np.concatenate([window.X for window in windows]) == X[first:]).all()


@each_kind
@pytest.mark.parametrize("target", ["label", "name"])
def test_a_fit_has_the_bits_of_one_in_memory(kind, target, files):
    one, other = network(), network()
    history = fit(one, X, COLUMNS[target], sample_weight=WEIGHTS)
    rows = opened(kind, files(kind), target, sample_weight="weight")
    got = fit(other, rows)
    assert one.params.tobytes() == other.params.tobytes()
    np.testing.assert_allclose(list(got), list(history), rtol=1e-6)
    assert other.classes_.tolist() == one.classes_.tolist()
    np.testing.assert_allclose(other.predict(rows), one.predict(X), rtol=1e-5)
    assert other.evaluate(rows, metrics="accuracy") == pytest.approx(
        one.evaluate(X, COLUMNS[target], "accuracy", sample_weight=WEIGHTS)
    )


@each_kind
def test_columns_are_all_others_or_those_chosen_in_their_order(kind, tmp_path):
    path = write(tmp_path / f"a.{kind}", {"b": X[:, 1], "y": X[:, 0], "a": X[:, 2], "w": WEIGHTS})
    assert opened(kind, path, "y", columns=None).names == ("b", "a", "w")
    assert opened(kind, path, "y", columns=None, sample_weight="w").names == ("b", "a")
    assert opened(kind, path, None, columns=None).names == ("b", "y", "a", "w")
    chosen = opened(kind, path, ["y", "w"], columns=["a", "b"])
    got_X, got_y, _ = all_rows(chosen)
    assert (got_X == X[:, [2, 1]]).all()
    assert (got_y == np.stack([X[:, 0], WEIGHTS], 1)).all()
    net = NeuralNetwork([DenseLayer(2, 2)], "mse", random_state=0)
    assert fit(net, chosen, learning_rate=1e-4)[-1] > 0
    assert net.predict(opened(kind, path, None, columns=["a", "b"])).shape == (N, 2)


@each_kind
def test_labels_that_are_numbers_are_named(kind, tmp_path):
    """By their names as text, sorted as text, as everywhere."""
    path = write(tmp_path / f"a.{kind}", COLUMNS | {"y": np.array([3, 7, 10])[LABELS]})
    rows = opened(kind, path, "y", classes=[3, 7, 10])
    assert rows.classes.tolist() == ["10", "3", "7"]
    one, other = network(), network()
    fit(one, X, np.array(["3", "7", "10"])[LABELS])
    fit(other, rows)
    assert one.params.tobytes() == other.params.tobytes()
    with pytest.raises(ValueError, match=r"column 'y' must be one of its classes\. Got '10'"):
        fit(network(), opened(kind, path, "y", classes=[3, 7, 11]))
    with pytest.raises(ValueError, match="y must be class numbers from 0 to 2"):
        fit(network(), opened(kind, path, "y"))


def test_types_of_parquet(tmp_path):
    from decimal import Decimal

    columns = {
        "bytes": pa.array([1, 2, 255], pa.uint8()),
        "half": pa.array(np.array([1, 2, 3], np.float16)),
        "truth": pa.array([True, False, True]),
        "exact": pa.array([Decimal("1.25"), Decimal("2.50"), Decimal("3.75")]),
        "wide": pa.array([1, 2, 2**40], pa.int64()),
        "y": pa.array(["no", "yes", "no"]).dictionary_encode(),
    }
    path = write(tmp_path / "a.parquet", columns)
    rows = stream.parquet(path, "y")
    got, y, _ = all_rows(rows)
    assert got.tolist() == [[1, 1, 1, 1.25, 1], [2, 2, 0, 2.5, 2], [255, 3, 1, 3.75, 2**40]]
    assert y.tolist() == [0, 1, 0]
    bytes_alone = next(stream.parquet(path, "y", columns=["bytes"]).windows(np.arange(1), 3, np.float32))
    assert bytes_alone.X.dtype == np.uint8
    net = NeuralNetwork([DenseLayer(1, 1, "sigmoid")], BinaryCrossentropy(), random_state=0)
    fit(net, stream.parquet(path, "truth", columns=["half"]))  # true and false are 1 and 0


def test_how_a_csv_may_be_written(tmp_path):
    texts = {
        "plain": "a,b,y\n1,2,x\n3,4,y\n",
        "no last end": "a,b,y\n1,2,x\n3,4,y",
        "windows": "\ufeffa,b,y\r\n1,2,x\r\n3,4,y\r\n",
        "blanks": "\n\na,b,y\n\n1,2,x\n\n\n3,4,y\n\n",
        "blank windows": "a,b,y\r\n\r\n1,2,x\r\n\r\n3,4,y\r\n\r\n",
        "quoted": '"a","b","y"\n"1","2","x"\n3,4,"y"\n',
        "spaces": "a, b, y\n1, 2, x\n3, 4, y\n",
        "semicolons": "a;b;y\n1;2;x\n3;4;y\n",
        "tabs": "a\tb\ty\n1\t2\tx\n3\t4\ty\n",
        "decimals": "a,b,y\n1.0,2e0,x\n+3,4.,y\n",
    }
    for name, text in texts.items():
        path = tmp_path / f"{name}.csv"
        path.write_text(text, encoding="utf-8", newline="")
        rows = stream.csv(path, "y")
        got, y, _ = all_rows(rows)
        assert (name, got.tolist(), y.tolist()) == (name, [[1, 2], [3, 4]], [0, 1])
        assert (rows.names, rows.classes.tolist()) == (("a", "b"), ["x", "y"])
    (tmp_path / "comma.csv").write_text("a;y\n1,5;2\n")
    assert all_rows(stream.csv(tmp_path / "comma.csv", "y", decimal=","))[0].tolist() == [[1.5]]
    (tmp_path / "bar.csv").write_text("a,b|y\n1|2\n")
    assert stream.csv(tmp_path / "bar.csv", "y", separator="|").names == ("a,b",)


def test_chunks_of_a_csv_are_stretches_of_lines(tmp_path, monkeypatch):
    monkeypatch.setattr("neural.stream_csv.CHUNK_BYTES", (50, 200))
    path = write(tmp_path / "a.csv", COLUMNS)
    rows = stream.csv(path, "label", columns=FEATURES, window=64)
    assert len(rows.counts) > 50
    got, y, _ = all_rows(rows)
    assert (got == X).all()
    assert (y == LABELS).all()
    for chunk, row in ((0, 0), (3, 2), (len(rows.counts) - 1, 0)):
        line = int(rows.where(chunk, row).rpartition(" ")[2])
        assert line == 2 + rows.counts[:chunk].sum() + row


@each_kind
@pytest.mark.parametrize("every", [1, 0.1])
def test_a_fit_goes_on_to_the_same_bits(kind, every, files, tmp_path):
    from tests.test_streams_fit import Stop, StopsAt

    rows, straight = opened(kind, files(kind), "name", window=96), network()
    history = fit(straight, rows, callbacks=StopsAt())
    saving = {"checkpoint": tmp_path / "run", "every": every, "resume": True}
    for stop in (30, 13):
        with pytest.raises(Stop):
            fit(network(), opened(kind, files(kind), "name", window=96), callbacks=StopsAt(stop), **saving)
    net = network()
    again = fit(net, rows, callbacks=StopsAt(), **saving)
    assert net.params.tobytes() == straight.params.tobytes()
    assert list(again) == list(history)
    with pytest.raises(ValueError, match="the training data must be as in the fit that goes on"):
        fit(network(), opened(kind, files(kind, COLUMNS | {"x0": X[:, 0] + 1}), "name", window=96), callbacks=StopsAt(),
            **saving)  # fmt: skip


@each_kind
def test_cached_rows_have_the_same_bits(kind, files, tmp_path):
    rows, folder = opened(kind, files(kind), "name", sample_weight="weight", window=96), tmp_path / "cache" / "deep"
    again = stream.cached(rows, folder)
    (inside,) = os.listdir(folder)
    assert sorted(os.listdir(folder / inside)) == ["X.npy", "weights.npy", "y.npy"]
    written = os.stat(folder / inside / "X.npy").st_mtime_ns
    one, other = network(), network()
    fit(one, rows)
    for net, given in ((other, again), (network(), stream.cached(rows, folder))):
        fit(net, given)
        assert one.params.tobytes() == net.params.tobytes()
    assert os.stat(folder / inside / "X.npy").st_mtime_ns == written
    stream.cached(opened(kind, files(kind, COLUMNS | {"x0": X[:, 0] + 1}), "name"), folder)
    assert len(os.listdir(folder)) == 2
    for copied in (copy.deepcopy(again), pickle.loads(pickle.dumps(again))):
        assert (all_rows(copied)[0] == X).all()


def test_a_cache_that_cannot_be_written_is_not_there(tmp_path):
    bad = X.copy()
    bad[600, 1] = np.nan
    with pytest.raises(ValueError, match="row 600: column 1 must be finite"):
        stream.cached(stream.arrays(bad, LABELS, window=96), tmp_path / "cache")
    assert os.listdir(tmp_path / "cache") == []
    for arguments, error in (((X, tmp_path), TypeError), ((stream.arrays(X), 3), TypeError)):
        with pytest.raises(error):
            stream.cached(*arguments)
    with pytest.raises(ValueError, match="dtype"):
        stream.cached(stream.arrays(X), tmp_path, dtype="float16")


# --- what is refused -------------------------------------------------------------------------------------------------
@each_kind
@pytest.mark.parametrize(
    ("target", "settings", "error", "words"),
    [
        ("lable", {}, ValueError, "target must be of the columns 'x0'.*Got 'lable'. Did you mean 'label'"),
        ("label", {"columns": ["x0", "x9"]}, ValueError, "columns must be of the columns.*Got 'x9'"),
        ("label", {"columns": "x0"}, TypeError, "columns must be names of columns"),
        ("label", {"columns": []}, ValueError, "columns must be one column at least"),
        ("label", {"columns": ["x0", "x0"]}, ValueError, "different columns.*twice"),
        ("label", {"columns": ["x0", "label"]}, ValueError, "different columns from those of target"),
        ("label", {"sample_weight": "label"}, ValueError, "different columns from those of target"),
        ("label", {"sample_weight": "wieght"}, ValueError, "sample_weight must be of.*Did you mean 'weight'"),
        (["x0", "x0"], {"columns": ["x1"]}, ValueError, "twice"),
        (3, {}, TypeError, "target must be names of columns"),
        ("label", {"window": 0}, ValueError, "window must be"),
        ("label", {"classes": "abc"}, TypeError, "classes must be a list"),
        ("label", {"classes": [1, 1]}, ValueError, "classes must be two or more different labels"),
        (None, {"classes": [0, 1, 2]}, ValueError, "classes must be None unless there is one target"),
        (["name", "label"], {}, (TypeError, ValueError), "column 'name' must be"),
    ],
)  # fmt: skip
def test_bad_names(kind, target, settings, error, words, tmp_path):
    path = write(tmp_path / f"a.{kind}", COLUMNS)
    with pytest.raises(error, match=words):
        fit(network(), opened(kind, path, target, **settings))


@each_kind
def test_bad_files(kind, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / f"empty.{kind}").write_bytes(b"")
    (tmp_path / f"binary.{kind}").write_bytes(bytes(range(256)) * 40)
    path = write(tmp_path / f"a.{kind}", COLUMNS)
    none = write(tmp_path / f"none.{kind}", {name: values[:0] for name, values in COLUMNS.items()})
    fewer = write(tmp_path / f"fewer.{kind}", {name: values for name, values in COLUMNS.items() if name != "x1"})
    more = write(tmp_path / f"more.{kind}", COLUMNS | {"x3": X[:, 0]})
    plain = write(tmp_path / f"plain.{kind}", {name: values for name, values in COLUMNS.items() if name != "name"})
    for given, settings, error, words in (
        (tmp_path / "nowhere", {}, FileNotFoundError, "There is no file"),
        (tmp_path / f"*.{kind}s", {}, FileNotFoundError, "There is no file"),
        (folder, {}, ValueError, "files must be files, not folders"),
        ([], {}, ValueError, "files must be one at least"),
        ([path, path], {}, ValueError, "different.*twice"),
        (3, {}, TypeError, "files must be a path"),
        (b"a", {}, TypeError, "files must be a path"),
        (tmp_path / f"empty.{kind}", {}, ValueError, "an empty file"),
        (tmp_path / f"binary.{kind}", {}, ValueError, "must be"),
        (none, {}, ValueError, "rows"),
        ([path, fewer], {}, ValueError, f"fewer.{kind} must be of the columns of .*a.{kind}. It has no 'x1'"),
        ([plain, more], {"columns": None}, ValueError, "It has 'name' as well. Name those that are wanted"),
    ):
        with pytest.raises(error, match=words):
            opened(kind, given, **settings)
    assert len(opened(kind, [path, more])) == 2 * N  # a column that nobody asked for


def with_value(name, row, value):
    values = list(COLUMNS[name])
    values[row] = value
    return COLUMNS | {name: values}


@pytest.mark.parametrize(
    ("columns", "target", "words"),
    [
        (with_value("x1", 333, float("nan")), "label", r"row 333 \(row group 3\): column 'x1' must be finite. Got nan"),
        (with_value("x1", 699, float("-inf")), "label", r"row 699 \(row group 6\): column 'x1' must be finite"),
        (with_value("x0", 5, 1e300), "label", r"row 5 \(row group 0\): column 'x0' must be within the range of"),
        (with_value("x2", 250, None), "label", r"row 250 \(row group 2\): column 'x2' must be a number. Got None"),
        (with_value("label", 251, None), "label", r"row 251 \(row group 2\): column 'label' must be there. Got None"),
        (with_value("name", 252, None), "name", r"row 252 \(row group 2\): column 'name' must be there. Got None"),
        (with_value("label", 253, 7), "label", r"row 253 \(row group 2\): y must be class numbers from 0 to 2"),
        (with_value("weight", 254, -1.0), "label", r"row 254 \(row group 2\): sample_weight must be at least 0"),
    ],
)  # fmt: skip
def test_a_bad_value_of_parquet_is_named(columns, target, words, tmp_path):
    refused("parquet", columns, target, words, tmp_path)


def refused(kind, columns, target, words, folder):
    """See that a fit to a file with a bad value is refused, and the network stays."""
    path = write(folder / f"a.{kind}", columns)
    net = network().build()
    before = net.params.tobytes()
    with pytest.raises(ValueError, match=rf"a\.{kind}, {words}"):
        fit(net, opened(kind, path, target, sample_weight="weight", window=96))
    assert net.params.tobytes() == before


@pytest.mark.parametrize(
    ("columns", "target", "words"),
    [
        (with_value("x1", 333, "nan"), "label", r"line 335: column 'x1' must be a number. Got None"),
        (with_value("x1", 333, "-inf"), "label", r"line 335: column 'x1' must be finite. Got -inf"),
        (with_value("x1", 333, None), "label", r"line 335: column 'x1' must be a number. Got None"),
        (with_value("x1", 699, "much"), "label", r"line 701: column 'x1' must be a number. Got 'much'. Leave"),
        (with_value("x0", 5, 1e300), "label", r"line 7: column 'x0' must be within the range of float32.*Got 1e\+300"),
        (with_value("label", 251, "bee"), "label", r"line 253: column 'label' must be a number. Got 'bee'. If"),
        (with_value("name", 252, None), "name", r"line 254: column 'name' must be there"),
        (with_value("label", 253, 7), "label", r"line 255: y must be class numbers from 0 to 2"),
        (with_value("x2", 17, "1,2"), "label", r"line 19 must be of 6 fields, as the first line. Got 7"),
        (with_value("x2", 18, '"1\n2"'), "label", r"line 20 must be of 6 fields.*A line is a row"),
        (with_value("x2", 19, "1_000"), "label", r"line 21: column 'x2' must be a number. Got '1_000'"),
        (with_value("weight", 254, -1.0), "label", r"line 256: sample_weight must be at least 0"),
    ],
)  # fmt: skip
def test_a_bad_value_of_csv_is_named(columns, target, words, tmp_path, monkeypatch):
    monkeypatch.setattr("neural.stream_csv.CHUNK_BYTES", (500, 2000))
    refused("csv", columns, target, words, tmp_path)


def test_text_among_numbers(tmp_path):
    path = write(tmp_path / "a.parquet", COLUMNS)
    with pytest.raises(TypeError, match=r"a\.parquet: column 'name' must be of numbers. Got 'string'. Leave it out"):
        stream.parquet(path, "label")
    path = write(tmp_path / "a.csv", COLUMNS)
    with pytest.raises(ValueError, match=r"a\.csv, line 2: column 'name' must be a number. Got .*Leave the column out"):
        stream.csv(path, "label")
    for kind in (pa.timestamp("s"), pa.list_(pa.float32())):
        odd = COLUMNS | {"x1": pa.nulls(N, kind)}
        with pytest.raises(TypeError, match="column 'x1' must be of numbers"):
            opened("parquet", write(tmp_path / "odd.parquet", odd))
    both = [write(tmp_path / f"{k}.parquet", COLUMNS | {"y": values}) for k, values in enumerate((NAMES, LABELS))]
    with pytest.raises(TypeError, match="the target must be text in all files or in none"):
        opened("parquet", both, "y")


@each_kind
def test_too_many_classes(kind, tmp_path, monkeypatch):
    monkeypatch.setattr("neural.stream_files.MOST_CLASSES", 50)
    path = write(tmp_path / f"a.{kind}", COLUMNS | {"y": [f"id{k}" for k in range(N)]})
    with pytest.raises(ValueError, match="the target 'y' must be numbers, or texts of at most 50 different values"):
        opened(kind, path, "y")


def test_odd_csv_files(tmp_path):
    for content, words in (
        (gzip.compress(b"a,y\n1,2\n"), "Got 'gzip'. Unpack it first"),
        ("a,y\n1,2\n".encode("utf-16"), "text in lines"),
        (b"a,y\n1,2", None),
        (b"a,y\n", "rows below the names"),
        (b"a,y", "text in lines"),
        (b"\n\n", "blank lines alone"),
        (b"a,a\n1,2\n", "'a' twice"),
        (b"1.5,2.5\n1,2\n", "names of its columns in its first line"),
        (b"\xe4,y\n1,2\n", "text in UTF-8"),
        (b"a,y\n1,\0\n", "NUL"),
        (b"a,y\n1,\xe4\n", "line 2 must be text in UTF-8|line 2: column 'y'"),
        (b"a,y\r1,2\r", "text in lines"),
    ):
        path = tmp_path / "odd.csv"
        path.write_bytes(content)
        if words is None:
            assert len(stream.csv(path, "y")) == 1
            continue
        with pytest.raises(ValueError, match=words):
            list(stream.csv(path, "y").windows(np.arange(1), 9, np.float32))
    for settings in ({"separator": ",,"}, {"separator": 3}, {"decimal": ";"}):
        with pytest.raises(ValueError, match="must be"):
            stream.csv(write(tmp_path / "a.csv", COLUMNS), "label", **settings)


@each_kind
def test_a_file_that_changes_or_goes_meanwhile(kind, files, tmp_path):
    rows, net = opened(kind, files(kind)), network().build()
    last, before = tmp_path / f"part2.{kind}", net.params.tobytes()
    content = last.read_bytes()
    last.write_bytes(content[: len(content) // 2])
    with pytest.raises((ValueError, OSError), match=r"part2|as it was"):
        fit(net, rows)
    last.unlink()
    with pytest.raises(FileNotFoundError, match="part2"):
        fit(net, rows)
    assert net.params.tobytes() == before
    last.write_bytes(content)
    fit(net, rows)


@each_kind
def test_streams_are_copied_and_pickled(kind, files):
    rows = opened(kind, files(kind), "name")
    for again in (copy.deepcopy(rows), pickle.loads(pickle.dumps(rows))):
        assert (all_rows(again)[0] == X).all()
        assert again.digest() == rows.digest()


def test_without_pyarrow_it_is_said_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    for kind in KINDS:
        (tmp_path / f"a.{kind}").write_text("a,y\n1,2\n")
        with pytest.raises(ImportError, match=r"neural-dense\[stream\]"):
            opened(kind, tmp_path / f"a.{kind}")
