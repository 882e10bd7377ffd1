"""Attacks that were published against loaders of models, pickle, npz and archives, tried on ours.

Whatever the bytes: ModelFileError in words, at once, with little memory, no import, no process, no other file.
"""

import atexit
import io
import json
import os
import pickle
import shutil
import tempfile
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

import neural
from neural import ModelFileError, NeuralNetwork, container
from neural.container import HEAD, MOST_HEADER
from tests.model_files import changed, dumps, loaded, network, put_together, saved, seal, take_apart, text_of
from tests.processes import in_a_process

MARK = os.path.join(tempfile.mkdtemp(prefix="neural-attack-"), "mark")  # what an attack that works would leave
atexit.register(shutil.rmtree, os.path.dirname(MARK), ignore_errors=True)


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    return saved(network(), tmp_path_factory.mktemp("model"))


class Evil:
    def __reduce__(self):
        return os.system, (f"touch {MARK}",)


def layer(**described):
    return lambda header: header["__metadata__"]["network"]["layers"].__setitem__(0, described)


def settings(**new):
    return lambda header: header["__metadata__"]["network"]["layers"][0]["settings"].update(new)


def npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def zipped(names):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in names.items():
            archive.writestr(name, text)
    return file.getvalue()


def nested(depth, opened=b"[", closed=b"]"):
    return HEAD + b"0" * 64 + b'"},"x":' + opened * depth + closed * depth + b"}"


LAMBDA = "4wEAAAAAAAAAAAAAAAQAAAADAAAA8wgAAAB0AGQBgwFTACkC"  # marshalled code, as Keras kept it
FILES = {  # what the whole file is
    "empty": b"",
    "pickle": pickle.dumps(Evil()),
    "pickle protocol 0": pickle.dumps(Evil(), 0),
    "pickle under our first bytes": (64).to_bytes(8, "little") + pickle.dumps(Evil()),
    "npz of pickled objects": npz(weights=np.array([Evil()], dtype=object)),
    "npy of an object": b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,)}" + b" " * 60,
    "keras archive with a lambda layer": zipped({"config.json": dumps({"class_name": "Lambda", "config": LAMBDA})}),
    "skops archive": zipped({"schema.json": dumps({"__class__": "system", "__module__": "os"})}),
    "path traversal in a zip": zipped({"../../etc/cron.d/x": "* * * * * root true"}),
    "zip bomb": zipped({"weights.npy": b"\0" * 20_000_000}),
    "zlib bomb": zlib.compress(b"\0" * 20_000_000),
    "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(2000),
    "yaml": b"!!python/object/apply:os.system ['true']\n" * 20,
    "length of the header 2^64 - 1": b"\xff" * 8 + HEAD + bytes(100),
    "length of the header 2^63": (2**63).to_bytes(8, "little") + HEAD + bytes(100),
    "length of the header 100 MB": (100_000_000 - 8).to_bytes(8, "little") + HEAD + bytes(1000),
    "header of 1 MiB of lists": put_together(nested(0, b"[" + b"[]," * 340_000 + b"0]", b"")[:-1] + b"}", b""),
    "nesting of 500,000": put_together(nested(500_000), b""),
    "nesting of 90,000 objects": put_together(nested(90_000, b'{"a":', b"}"), b""),
    "one number of a million digits": put_together(HEAD + b"0" * 64 + b'"},"x":' + b"9" * 1_000_000 + b"}", b""),
    "a million spaces": put_together(HEAD + b"0" * 64 + b'"}}' + b" " * 1_000_000, b""),
    "two headers": put_together(HEAD + b"0" * 64 + b'"}}{"__metadata__":{}}', b""),
    "no metadata but the checksum": put_together(HEAD + b"0" * 64 + b'"}}', b""),
    "a byte order mark": b"\xef\xbb\xbf" + HEAD,
}  # fmt: skip
OBJECTS = {  # a change of a good file, which is then sealed again
    "keras: lambda with code": layer(kind="layer", name="Lambda", settings={"function": LAMBDA}),
    "keras: module and class (CVE-2025-1550)": layer(
        module="os", class_name="system", config={"command": "true"}, registered_name=None
    ),
    "keras: a function as a layer": layer(kind="layer", name="keras.utils.get_file", settings={"origin": "http://x"}),
    "keras: safe mode off in the file (CVE-2025-9906)": lambda h: h["__metadata__"].update(safe_mode="false"),
    "dotted name": layer(kind="layer", name="neural.datasets.load_csv", settings={}),
    "dunder name": layer(kind="layer", name="__import__", settings={"name": "os"}),
    "a file path as a name": layer(kind="layer", name="../../../tmp/evil", settings={}),
    "skops: shown type is not the executed one": layer(kind="layer", name="ReLU", own=True, settings={}),
    "own class of ours": layer(kind="layer", name="DenseLayer", own=True, settings={"n_out": 3}),
    "a lambda as activation": settings(activation="lambda z: __import__('os').system('true')"),
    "an expression as a number": settings(n_out="__import__('os').getpid()"),
    "an initializer by path": settings(init="os.path.join"),
    "attributes by settings": settings(__class__="Evil", _flat=[1.0], forward="evil"),
    "positional smuggling": settings(also_bias=[True, False]),
    "shape bomb": lambda h: h["layer1.weights"].update(shape=[2**40, 2**40]),
    "shapes whose product overflows 64 bits": lambda h: h["layer1.weights"].update(shape=[2**32, 2**32 + 1]),
    "a layer of a billion units": settings(n_out=10**9),
    "a layer of 10^18 units": settings(n_out=10**18),
    "negative shape": lambda h: h["layer1.weights"].update(shape=[-5, -4]),
    "overlapping tensors": lambda h: h["layer1.biases"].update(data_offsets=[0, 20]),
    "offsets beyond the file": lambda h: h["layer1.weights"].update(data_offsets=[0, 2**50]),
    "offsets backwards": lambda h: h["layer1.weights"].update(data_offsets=[80, 0]),
    "a hole for another format": lambda h: h["layer1.weights"].update(data_offsets=[64, 144]),
    "dtype object": lambda h: h["layer1.weights"].update(dtype="O"),
    "labels that grow": lambda h: h["__metadata__"].update(
        classes=dumps({"dtype": "str200000", "labels": ["a" * 200_000] + ["b"] * 5000})
    ),
    "labels that are objects": lambda h: h["__metadata__"].update(classes=dumps({"dtype": "object", "labels": [{}]})),
    "residuals in residuals": lambda h: h["__metadata__"]["network"]["layers"].__setitem__(
        2, deep(h["__metadata__"]["network"]["layers"][2], 40)
    ),
    "averages in averages": lambda h: h["__metadata__"]["network"]["layers"].__setitem__(
        2, deep_averages(h["__metadata__"]["network"]["layers"][2], 40)
    ),
}


def deep_averages(described, depth):
    for _ in range(depth):
        settings = {"chains": [[described]]}
        described = {"kind": "layer", "name": "AverageLayer", "settings": settings}
    return described


def deep(described, depth):
    for _ in range(depth):
        described = {"kind": "layer", "name": "Residual", "settings": {"layers": [described]}}
    return described


def refuse(content):
    """Return the words in which the bytes are refused, with at most 64 MB of memory besides them."""
    tracemalloc.start()
    try:
        with pytest.raises(ModelFileError) as caught:
            loaded(content)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < len(content) + 64 * 2**20
    assert len(str(caught.value)) < 2000
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_kind(name):
    assert refuse(FILES[name]).startswith("a file: ")


@pytest.mark.parametrize("name", OBJECTS)
def test_a_file_with_a_payload(name, content):
    attack = changed(content, OBJECTS[name])
    assert attack != content
    assert refuse(attack).startswith("a file: ")


def test_nothing_was_run():
    assert not Path(MARK).exists()


def test_keys_given_twice(content):
    """The first says one thing to a scanner, the last another to the loader."""
    header, data = take_apart(content)
    text = text_of(header)
    for key in ('"layer1.biases":', '"__metadata__":'):
        entry = dumps(header[key[1:-2]]) if key[1] == "l" else '{"checksum":"' + "0" * 64 + '"}'
        assert "given twice" in refuse(put_together((text[:-1] + f",{key}{entry}}}").encode(), data))
    twice = header["__metadata__"] | {"network": '{"dtype":"float32",' + dumps(header["__metadata__"]["network"])[1:]}
    assert "given twice" in refuse(put_together({**header, "__metadata__": twice}, data))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_numbers_that_json_does_not_have(number, content):
    header, data = take_apart(content)
    described = dumps(header["__metadata__"]["network"]).replace('"l1":0.0', f'"l1":{number}', 1)
    wrong = {**header, "__metadata__": header["__metadata__"] | {"network": described}}
    assert "network must be JSON" in refuse(put_together(wrong, data))


def test_a_polyglot_with_an_archive_behind_it(content):
    assert "checksum" in refuse(content + zipped({"data.pkl": pickle.dumps(Evil())}))
    assert "length" in refuse(seal(content + zipped({"data.pkl": pickle.dumps(Evil())})))


def test_the_largest_header_that_is_read_is_one_mebibyte():
    text = HEAD + b"0" * 64 + b'","x":"' + b"a" * (MOST_HEADER - 200) + b'"}}'
    assert "format" in refuse(put_together(text, b""))
    assert "model file" in refuse(put_together(text[:-3] + b"a" * 300 + b'"}}', b""))


# --- where the file lies -------------------------------------------------------------------------------------------
def test_a_link_put_where_the_unfinished_file_would_be(tmp_path, monkeypatch):
    """Its name cannot be guessed; and if it could, a link there is not written through."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    monkeypatch.setattr("os.urandom", bytes)
    os.symlink(victim, tmp_path / f"net.{os.getpid()}-00000000.tmp")
    with pytest.raises(FileExistsError):
        network().save(tmp_path / "net")
    assert victim.read_text() == "precious"


def test_a_link_to_a_device_or_in_a_circle(tmp_path):
    os.symlink("/dev/zero", tmp_path / "zero")
    with pytest.raises(ModelFileError, match="that of a file"):
        neural.load(tmp_path / "zero")
    os.symlink(tmp_path / "b", tmp_path / "a")
    os.symlink(tmp_path / "a", tmp_path / "b")
    with pytest.raises(OSError, match="a"):
        neural.load(tmp_path / "a")


def test_a_sparse_terabyte_is_not_read(tmp_path):
    with open(tmp_path / "huge", "wb") as file:
        file.truncate(2**40)
    with pytest.raises(ModelFileError, match="a model file"):
        neural.load(tmp_path / "huge")


def test_a_file_that_is_cut_while_it_is_read(content, tmp_path, monkeypatch):
    path = tmp_path / "net"
    path.write_bytes(content)
    real = container._check_begun

    def cut(*args):
        os.truncate(path, 2000)
        return real(*args)

    monkeypatch.setattr(container, "_check_begun", cut)
    with pytest.raises(ModelFileError):
        neural.load(path)


AUDIT = """
import sys, pathlib, neural, difflib
from neural import ModelFileError
folder = pathlib.Path({folder!r})
files = sorted(folder.iterdir())
neural.load(files.pop(0))  # whatever NumPy itself loads once
events, seen = set(), []
sys.addaudithook(lambda event, args: seen.append((event, str(args[0]) if args else "")))
for path in files:
    seen.clear()
    try:
        neural.load(path)
        events.add("loaded")
    except ModelFileError:
        pass
    events |= {{event for event, what in seen if event != "open"}}
    opened = {{what for event, what in seen if event == "open" and not what.isdigit()}}
    events |= {{f"open {{what}}" for what in opened - {{str(path)}}}}
print(sorted(events))
"""


def test_an_audit_hook_sees_one_file_opened_and_nothing_else(content, tmp_path):
    attacks = [*FILES.values(), *(changed(content, change) for change in OBJECTS.values())]
    for number, attack in enumerate([content, *attacks]):
        (tmp_path / f"{number:03}").write_bytes(attack)
    found = json.loads(in_a_process(AUDIT.format(folder=str(tmp_path))).replace("'", '"'))
    assert set(found) <= {"object.__getattr__", "builtins.id"}
    assert not Path(MARK).exists()


def test_what_a_caller_hands_in_is_asked_for_by_its_own_name_alone(content):
    """Even then a file can only choose among what was handed in."""
    called = []

    class Own(neural.Layer):
        def __init__(self, **anything):
            called.append(anything)

    for name in ("own", "Own.__init__", "__main__.Own", "Own "):
        attack = changed(content, layer(kind="layer", name=name, own=True, settings={"a": 1}))
        with pytest.raises(ModelFileError, match="handed in"):
            loaded(attack, {"Own": Own}, NeuralNetwork)
    assert called == []
