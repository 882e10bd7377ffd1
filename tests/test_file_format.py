"""docs/file-format.md, clause by clause: a file that breaks one is refused, in words that say which."""

import ast
import inspect
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

import neural
from neural import ModelFileError, atomic, config, container, model_file
from neural.container import HEAD, MOST_HEADER, START
from tests.model_files import (
    changed,
    dumps,
    header_of,
    layer,
    loaded,
    meta,
    net,
    network,
    put_together,
    refused,
    saved,
    seal,
    settings,
    take_apart,
    tensor,
    text_of,
    with_text,
)  # fmt: skip
from tests.processes import in_a_process

GOLDEN = Path(__file__).parent / "golden"
PAGE = Path(__file__).parents[1] / "docs" / "file-format.md"


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    return saved(network(), tmp_path_factory.mktemp("model"))


def test_every_clause_has_a_test_and_every_test_a_clause():
    clauses = re.findall(r"^\*\*(F\d+)\.\*\*", PAGE.read_text(), re.MULTILINE)
    tests = {name.split("_")[1].upper() for name in globals() if re.match(r"test_f\d+_", name)}
    assert clauses == [f"F{n}" for n in range(1, len(clauses) + 1)]
    assert tests == set(clauses)


def test_the_file_itself_is_taken(content):
    header, data = take_apart(content)
    assert put_together(header, data) == content
    assert loaded(content).predict(np.ones((1, 4))).shape == (1, 3)


# --- the file ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("length", [0, 56, MOST_HEADER + 56, 2**63, 2**64 - 1, 2**64 - 8])
def test_f1_the_length_of_the_header(content, length):
    refused(seal(length.to_bytes(8, "little") + content[8:]), "the file|length")


def test_f1_a_length_that_is_no_multiple_of_64_or_beyond_the_file(content):
    length = int.from_bytes(content[:8], "little")
    for wrong in (length - 1, length + 1, length - 64, len(content) // 64 * 64 + 56):
        refused(seal(wrong.to_bytes(8, "little") + content[8:]), "model file|cut short|JSON")
    for stop in (0, 1, 7, 8, 36, 100, length, length + 8, len(content) - 1):
        refused(content[:stop], "model file|cut short|checksum")


def test_f2_the_header_begins_with_the_checksum(content):
    for wrong in (b" " + content[8:-1], content[8:].replace(b'"checksum":"', b'"checksum": "', 1)):
        refused(content[:8] + wrong, "model file")
    digits = content[START : START + 64]
    refused(content.replace(digits, digits.upper(), 1), "checksum")


def test_f3_any_flipped_bit_is_found(content):
    for place in range(len(content)):
        for bit in range(8):
            flipped = bytearray(content)
            flipped[place] ^= 1 << bit
            with pytest.raises(ModelFileError):
                container.parse(bytes(flipped), "")


@pytest.mark.parametrize("more", [b"\0", b" ", b"more", bytes(64)])
def test_f3_nor_may_anything_follow(content, more):
    refused(content + more, "checksum")
    refused(seal(content + more), "the file's length")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b'"shape":[5,4]', b'"shape":[5, 4]'),
        lambda text: text.replace(b'"shape":[5,4]', b'"shape":[5,4.0]'),
        lambda text: text.replace(b'"shape":[5,4]', b'"shape":[5,04]'),
        lambda text: text.replace(b'"dtype":"F32"', b'"dtype":"F32","dtype":"F32"', 1),
        lambda text: text.replace(b'"dtype":"F32"', b'"dtype":"\\u004632"', 1),
        lambda text: text.replace(b'"shape":[5,4]', b'"shape":[NaN,4]'),
        lambda text: text.replace(b'"shape":[5,4]', b'"shape":[1e999,4]'),
        lambda text: text.replace(b'"shape":[5,4]', b'"shape":[' + b"9" * 5000 + b",4]"),
        lambda text: text[:-1],
        lambda text: text + b"}",
        lambda text: text + b" " * 64,
        lambda text: text.replace(b"ant", "änt".encode()),
        lambda text: text.replace(b"ant", b"an\0"),
        lambda text: text.replace(b"layer1.weights", b"layer1.\xff"),
    ],
)
def test_f4_one_form_of_json_in_ascii(content, change):
    wrong = with_text(content, change)
    assert wrong != content
    refused(wrong, "the header must be|the dtype|the shape|classes must be")


@pytest.mark.parametrize("deep", [70, 900, 100_000])
def test_f5_not_too_deep(content, deep):
    for opened, closed in ((b"[", b"]"), (b'{"a":', b"}")):
        nested = opened * deep + b"1" + closed * deep
        refused(
            with_text(content, lambda text, nested=nested: text[:-1] + b',"x":' + nested + b"}"), "64 deep|length|file"
        )
    inner = "[" * deep + "]" * deep
    if deep < 1000:
        refused(changed(content, meta("metrics", inner)), "64 deep")
        refused(changed(content, meta("network", inner)), "64 deep")


def test_f5_nor_is_anything_so_deep_written(tmp_path):
    block = neural.DenseLayer(2, 2)
    for _ in range(30):
        block = neural.Residual([block])
    with pytest.raises(ValueError, match="64 deep"):
        neural.NeuralNetwork([block], "mse").save(tmp_path / "net")
    assert list(tmp_path.iterdir()) == []


# --- the tensors ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.update(dtype="F16"), "dtype of layer1.weights"),
        (lambda t: t.update(dtype="object"), "dtype"),
        (lambda t: t.update(dtype=["F32"]), "dtype"),
        (lambda t: t.update(shape=[5, -4]), "shape"),
        (lambda t: t.update(shape=[5, True]), "shape"),
        (lambda t: t.update(shape=[5, "4"]), "shape"),
        (lambda t: t.update(shape=20), "shape"),
        (lambda t: t.update(shape=[2**53]), "shape"),
        (lambda t: t.update(shape=[0, 2**52]), "shape"),
        (lambda t: t.update(shape=[1] * 9), "shape"),
        (lambda t: t.update(data_offsets=[0]), "data_offsets"),
        (lambda t: t.update(data_offsets=[0, 80.5]), "data_offsets"),
        (lambda t: t.update(data_offsets=[-80, 0]), "data_offsets"),
        (lambda t: t.update(data_offsets=None), "data_offsets"),
        (lambda t: t.update(more=1), "described by"),
        (lambda t: t.pop("shape"), "described by"),
        (lambda t: t.clear(), "described by"),
    ],
)
def test_f6_what_a_tensor_is(content, change, words):
    refused(changed(content, tensor(change)), words)


@pytest.mark.parametrize("value", [None, 3, "F32", []])
def test_f6_a_tensor_is_an_object(content, value):
    refused(changed(content, lambda header: header.update({"layer1.weights": value})), "described by")


@pytest.mark.parametrize("offsets", [[4, 84], [0, 84], [0, 76], [80, 160], [0, 2**53 - 1], [80, 0]])
def test_f7_one_after_the_other(content, offsets):
    refused(changed(content, tensor(lambda t: t.update(data_offsets=offsets))), "the tensor layer1.weights")


@pytest.mark.parametrize("shape", [[5, 5], [], [2**31, 2**31], [2**52] * 8])
def test_f7_as_long_as_the_shape_says(content, shape):
    refused(changed(content, tensor(lambda t: t.update(shape=shape))), "as long as its shape says")


def test_f7_no_overlap_and_no_gap(content):
    header, data = take_apart(content)
    first, second = header["layer1.weights"], header["layer1.biases"]
    second["data_offsets"] = [first["data_offsets"][0], first["data_offsets"][0] + 20]
    refused(put_together(header, data), "the tensor layer1.biases")
    header, data = take_apart(content)
    refused(put_together(header, data + bytes(4)), "the file's length")
    del header["array0"]  # the last one: its numbers are left over
    refused(put_together(header, data), "the file's length")


# --- the metadata --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("key", ["format", "network", "classes", "metrics", "versions"])
def test_f8_no_key_is_missing(content, key):
    refused(changed(content, lambda header: header["__metadata__"].pop(key)), "metadata|format")


def test_f8_nor_one_too_many_nor_in_another_order(content):
    refused(changed(content, meta("more", "1")), "the metadata")
    refused(changed(content, lambda h: meta("format", h["__metadata__"].pop("format"))(h)), "the metadata")
    text = text_of(header_of(content)).encode()
    start = text.index(b'"version":"1"')
    for value in (b"1", b"null", b'{"a":1}', b"[]"):
        wrong = text[:start] + b'"version":' + value + text[start + len(b'"version":"1"') :]
        refused(put_together(wrong, take_apart(content)[1]), "the metadata must be text")
    refused(put_together(HEAD + b'0" }', b""), "model file|the header")


@pytest.mark.parametrize("part", ["network", "metrics", "versions"])
@pytest.mark.parametrize("text", ["", "null", "[]", "1", "{", '{"a": 1}', '{"a":1,"a":1}', '{"a":NaN}', '{"a":1e400}'])
def test_f8_the_parts_are_json(content, part, text):
    refused(changed(content, meta(part, text)), part)


@pytest.mark.parametrize(
    ("key", "value"), [("format", "pt"), ("format", ""), ("version", "2"), ("version", "0"), ("version", "1.0")]
)
def test_f9_format_and_version(content, key, value):
    step = "Another version of the package wrote it" if key == "version" else "must be of format 'neural'"
    refused(changed(content, meta(key, value)), step)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("dtype", "float16", "dtype"), ("dtype", None, "dtype"), ("dtype", ["float32"], "dtype"),
        ("input_scale", "half", "input_scale"), ("input_scale", True, "input_scale"),
        ("n_inputs", 0, "n_inputs"), ("n_inputs", 4.0, "n_inputs"),
        ("n_inputs", 5, "width"), ("n_inputs", 10**30, "width"),
        ("seed", -1, "seed"), ("seed", 2**64, "seed"), ("seed", None, "seed"),
        ("epoch", -1, "epoch"), ("step", 1.5, "step"),
        ("layers", None, "layer"), ("layers", [], "layer"), ("layers", "relu", "layer"), ("layers", [None], "layer"),
        ("loss", "mse2", "loss"), ("loss", 3, "loss"), ("loss", [], "loss"),
        ("more", 1, "described by"),
    ],
)  # fmt: skip
def test_f10_the_network(content, key, value, words):
    refused(changed(content, net(key, value)), words)


@pytest.mark.parametrize(
    "classes",
    [
        [], {}, {"dtype": "str6"}, {"labels": ["a"], "dtype": "str1"}, {"dtype": "str6", "labels": []},
        {"dtype": "str6", "labels": "ant"}, {"dtype": "str6", "labels": ["ant", 3]},
        {"dtype": "str2", "labels": ["ant"]}, {"dtype": "str3", "labels": ["ant\0"]},
        {"dtype": "str9999999", "labels": ["ant"]}, {"dtype": "str0", "labels": [""]},
        {"dtype": "object", "labels": ["ant"]}, {"dtype": "O", "labels": [None]}, {"dtype": "<U3", "labels": ["ant"]},
        {"dtype": "int8", "labels": [200]}, {"dtype": "int64", "labels": [2**63]}, {"dtype": "uint8", "labels": [-1]},
        {"dtype": "int64", "labels": [1.0]}, {"dtype": "int64", "labels": [True]}, {"dtype": "bool", "labels": [1, 0]},
        {"dtype": "float64", "labels": [1]}, {"dtype": "float32", "labels": [0.1]},
        {"dtype": "datetime64", "labels": [1]},
        {"dtype": "int64", "labels": [[1]]}, {"dtype": None, "labels": [1]}, {"dtype": "", "labels": [1]},
    ],
)  # fmt: skip
def test_f11_the_classes(content, classes):
    refused(changed(content, meta("classes", dumps(classes))), "classes|labels|bounds|range")


def test_f12_metrics_and_versions(content):
    for part, value in (
        ("metrics", {"a": "1"}),
        ("metrics", {"a": True}),
        ("metrics", {"a": None}),
        ("versions", {"a": 1}),
    ):
        refused(changed(content, meta(part, dumps(value))), part)
    free = changed(changed(content, meta("metrics", "{}")), meta("versions", '{"other":"9.9"}'))
    assert loaded(free).params.tobytes() == loaded(content).params.tobytes()


# --- the objects ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.update(name="Lambda"), "the name of a layer"),
        (lambda d: d.update(name="os.system"), "the name of a layer"),
        (lambda d: d.update(name="neural.layers.DenseLayer"), "the name of a layer"),
        (lambda d: d.update(name="__class__"), "the name of a layer"),
        (lambda d: d.update(name=None), "name"),
        (lambda d: d.update(name=["DenseLayer"]), "name"),
        (lambda d: d.update(kind="module"), "kind"),
        (lambda d: d.update(kind=[]), "kind"),
        (lambda d: d.update(kind="activation", name="relu", settings={}), "layer"),
        (lambda d: d.update(settings=[]), "settings"),
        (lambda d: d.update(more=1), "described by"),
        (lambda d: d.pop("kind"), "described by"),
    ],
)
def test_f13_names_come_from_the_tables(content, change, words):
    refused(changed(content, layer(change)), words)


def test_f13_nothing_on_the_way_looks_a_name_up_elsewhere():
    """The three files of the way in have neither imports by name nor attributes by a name from outside."""
    banned = {
        "eval",
        "exec",
        "compile",
        "__import__",
        "globals",
        "locals",
        "vars_of",
        "import_module",
        "pickle",
        "marshal",
    }
    for module in (container, config, model_file):
        tree = ast.parse(inspect.getsource(module))
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        assert names & banned == set()


def own(value):
    def change(described):
        settings = described.pop("settings")
        described.update(own=value, settings=settings)

    return layer(change)


def test_f14_what_is_not_ours_is_handed_in(content):
    wrong = changed(content, own(True))
    refused(wrong, "handed in")
    with pytest.raises(ModelFileError, match="handed in"):
        loaded(wrong, {"denselayer": neural.DenseLayer})
    for value in (False, 1, None, "true"):
        refused(changed(content, own(value)), "described by")


def test_f14_a_name_of_ours_is_ours(content):
    assert type(loaded(content, {"DenseLayer": dict}).layers[0]) is neural.DenseLayer


@pytest.mark.parametrize(
    "new",
    [
        {"more": 1}, {"random_state": 3}, {"n_l": 5}, {"also_bias": [True]}, {"self": 1}, {"__class__": "a"},
        {"l1": True}, {"l1": "0"}, {"l1": -1}, {"l1": {"float": "inf"}}, {"l1": {"float": "nan"}},
        {"l1": {"float": "1"}},
        {"bias": 1}, {"bias": "no"}, {"n_out": 5.0}, {"n_in": 7}, {"n_out": 0}, {"n_out": 10**9},
        {"activation": 7}, {"activation": ["relu"]}, {"activation": "os.system"}, {"activation": {"kind": "layer"}},
        {"init": "eval"}, {"init": {"array": 1}}, {"init": {"array": -1}}, {"init": {"array": True}}, {"init": [[1]]},
        {"max_norm": 0}, {"non_negative": None}, {"rate_factor": -1}, {"rate_factor": True}, {"rate_factor": "1"},
    ],
)  # fmt: skip
def test_f15_settings_are_such_as_the_object_takes(content, new):
    refused(changed(content, settings(**new)), ".")


def test_f15_what_is_left_out_has_its_default(content):
    again = loaded(changed(content, layer(lambda d: [d["settings"].pop(k) for k in ("l1", "max_norm", "bias_init")])))
    assert again.layers == loaded(content).layers


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_f16_finite_numbers(content, bad):
    header, data = take_apart(content)
    wrong = np.float32(bad).tobytes() + data[4:]
    refused(put_together(header, wrong), "layer1.weights")


def test_f16_a_tensor_for_each_parameter_and_no_others(content):
    def rename(header, old, new):
        for name in list(header):
            header[new if name == old else name] = header.pop(name)

    for old, new in (("layer1.biases", "layer1.bias"), ("layer1.biases", "layer9.biases"), ("array0", "array1"),
                     ("array0", "training.x")):  # fmt: skip
        refused(changed(content, lambda h, old=old, new=new: rename(h, old, new)), "tensors|array")
    refused(changed(content, tensor(lambda t: t.update(shape=[4, 5]))), "layer1.weights")
    refused(changed(content, tensor(lambda t: t.update(shape=[20]))), "layer1.weights")
    refused(changed(content, net("dtype", "float64")), "layer1.weights")
    header, data = take_apart(content)
    header["more"] = {"dtype": "F32", "shape": [1], "data_offsets": [len(data), len(data) + 4]}
    refused(put_together(header, data + bytes(4)), "tensors")


# --- readers and writers -------------------------------------------------------------------------------------------
AUDIT = """
import sys, neural
events = []
neural.load({path!r})  # whatever Python itself loads once
sys.addaudithook(lambda event, args: events.append((event, str(args[0]) if args else "")))
net = neural.load({path!r})
print(events)
"""


def test_f17_loading_opens_one_file_and_imports_nothing(content, tmp_path):
    path = tmp_path / "net.safetensors"
    path.write_bytes(content)
    found = ast.literal_eval(in_a_process(AUDIT.format(path=str(path))))
    opened = [what for event, what in found if event == "open"]
    assert [what for what in opened if not what.isdigit()] == [str(path)]  # the other is its number
    assert {event for event, _ in found} <= {"open", "object.__getattr__", "builtins.id"}


def test_f17_only_a_regular_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", "/dev/zero", "/dev/null"):
        with pytest.raises(ModelFileError, match="the path must be that of a file"):
            neural.load(path)


def test_f18_the_order_of_writing(content, tmp_path, monkeypatch):
    """tests/test_faults.py lets each of these fail in turn."""
    done = []
    real = {name: getattr(os, name) for name in ("fsync", "replace")}
    monkeypatch.setattr(os, "fsync", lambda n: done.append(f"flush {Path(os.readlink(f'/proc/self/fd/{n}')).suffix}"))
    monkeypatch.setattr(os, "replace", lambda a, b: (done.append("replace"), real["replace"](a, b)))
    atomic.write(tmp_path / "net", [content])
    assert done == ["flush .tmp", "replace", "flush "]


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.safetensors")), ids=lambda path: path.stem)
def test_f19_golden_files_load_for_ever(path):
    """Predictions of ``exact`` are the same on any machine: its arithmetic is exact. Those of others are near."""
    wanted = json.loads(path.with_suffix(".json").read_text())
    net = neural.load(path)
    rows = np.array([[float.fromhex(value) for value in row] for row in wanted["X"]])
    outputs = np.array([[float.fromhex(value) for value in row] for row in wanted["outputs"]])
    if "exact" in path.stem:
        assert (net.predict(rows) == outputs).all()
    np.testing.assert_allclose(net.predict(rows), outputs, rtol=1e-5 if net.dtype == np.float32 else 1e-12)
    assert [layer.describe() for layer in net.layers] == wanted["layers"]
    assert (None if net.classes_ is None else net.classes_.tolist()) == wanted["classes"]


def test_f19_a_golden_checkpoint_goes_on():
    net = neural.load(GOLDEN / "0.1.0-checkpoint.safetensors")
    assert net.state.optimizer == neural.Adam()
    assert (net.state.epoch, net.state.updates, sorted(net.state.memory)) == (4, 4, ["mean", "variance"])
    X = np.ones((4, 4))
    net.fit(X, [0, 1, 0, 1], 1, optimizer="adam", average="ema", verbose=0)
    assert net.state.updates == 5


def test_f19_there_are_golden_files_of_every_layer():
    nets = [neural.load(path) for path in GOLDEN.glob("*.safetensors")]
    kinds = {type(layer).__name__ for net in nets for layer in [*net.layers, *net.leaves]}
    assert set(neural.layers.LAYERS) <= kinds


# --- tables --------------------------------------------------------------------------------------------------------
COLUMNS = {
    "target": "insect",
    "task": "classes",
    "columns": [
        {"name": "size", "kind": "number", "mean": 1.5, "low": 1.0, "high": 2.0, "missing": True},
        {"name": "colour", "kind": "category", "values": ["black", "red"]},
    ],
}


def of_a_table(columns):
    """Return a change that puts columns into a file's metadata, in their place at the end."""
    return lambda header: header["__metadata__"].update(columns=dumps(columns))


def column(number, **changes):
    columns = [{**c, **changes} if k == number else c for k, c in enumerate(COLUMNS["columns"])]
    return {**COLUMNS, "columns": columns}


def test_f20_columns_load(content):
    net = loaded(changed(content, of_a_table(COLUMNS)))
    assert net.columns_.to_plain() == COLUMNS
    assert net.columns_.inputs == ["size", "size is missing", "colour = black", "colour = red"]


@pytest.mark.parametrize(
    "columns",
    [
        *([], None, 1, {}, {**COLUMNS, "more": 1}, dict(reversed(COLUMNS.items()))),
        *({**COLUMNS, "target": None}, {**COLUMNS, "task": "both"}, {**COLUMNS, "task": ["classes"]}),
        *({**COLUMNS, "columns": []}, {**COLUMNS, "columns": {}}, {**COLUMNS, "columns": [1, 2]}),
        *({**COLUMNS, "target": "size"}, {**COLUMNS, "columns": COLUMNS["columns"][:1] * 2}),
        *(column(0, name=1), column(0, kind="text"), column(0, kind=["number"]), column(0, more=1)),
        *(column(0, mean="1"), column(0, mean=True), column(0, mean=1), column(0, mean={"float": "nan"})),
        *(column(0, low=1.75), column(0, high=1.25), column(0, missing=1), column(0, missing=None)),
        *(column(1, values=[]), column(1, values="black"), column(1, values=["red", "red"]), column(1, values=[1, 2])),
        *(column(0, missing=False), column(1, values=["a", "b", "c"])),  # not as many inputs as the network has
    ],
)
def test_f20_other_columns_are_refused(content, columns):
    refused(changed(content, of_a_table(columns)), "column")


def test_f20_columns_stand_before_the_training(content):
    def behind(header):
        header["__metadata__"].update(training="{}", columns=dumps(COLUMNS))

    refused(changed(content, behind), "metadata must be of")
