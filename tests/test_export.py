"""Exports give the network's own outputs, in each language, over all tables; and say so truly."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from neural import (
    Activation,
    ActivationLayer,
    AverageLayer,
    BatchNorm,
    DenseLayer,
    DropoutLayer,
    Layer,
    LayerNorm,
    NeuralNetwork,
    OnColumns,
    PReLU,
    Residual,
)
from neural.activations import ACTIVATIONS
from neural.errors import NeuralError
from neural.export import TARGETS, c, expressions, javascript, onnx, python, verify
from neural.export.plan import KINDS, ROWS, plan_of
from neural.layers import LAYERS
from tests import exported
from tests.exported import needs, networks, shares

NETWORKS = 55  # each activation last in float32 and float64, each loss once


@pytest.fixture(scope="module")
def nets():
    return networks(NETWORKS)


def compare(nets, found):
    for (net, X, expected), outputs in zip(nets, found, strict=True):
        assert shares(net, X, outputs, expected) <= 1, repr(net)


def parts(nets):
    return [net for net, _, _ in nets], [X for _, X, _ in nets]


@pytest.mark.parametrize("compiler", [pytest.param(name, marks=needs(name)) for name in ("gcc", "clang")])
def test_c_gives_the_networks_outputs(compiler, nets, tmp_path):
    compare(nets, exported.run_c(*parts(nets), tmp_path, [compiler], "-O0"))


@needs("gcc")
def test_c_gives_them_under_sanitizers(nets, tmp_path):
    nets = nets[::3]
    flags = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    compare(nets, exported.run_c(*parts(nets), tmp_path, ["gcc"], *flags))


@needs("node")
def test_javascript_gives_the_networks_outputs(nets, tmp_path):
    nets = [each for each in nets if each[0].dtype == np.float32]  # it computes in float64 in any case
    compare(nets, exported.run_javascript(*parts(nets), tmp_path))


def test_python_gives_the_networks_outputs(nets, tmp_path):
    compare(nets, exported.run_python(*parts(nets), tmp_path))


def test_onnx_gives_the_networks_outputs(nets, tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    compare(nets, exported.run_onnx(*parts(nets), tmp_path))


@pytest.mark.nightly
@pytest.mark.parametrize("turn", range(1, 21))
@needs("gcc")
@needs("node")
def test_a_thousand_networks_in_all_languages(turn, tmp_path):
    pytest.importorskip("onnxruntime")
    nets = networks(NETWORKS, turn * NETWORKS)
    for name in ("c", "js", "py", "onnx"):
        (tmp_path / name).mkdir()
    compare(nets, exported.run_c(*parts(nets), tmp_path / "c", ["gcc"], "-O2"))
    compare(nets, exported.run_javascript(*parts(nets), tmp_path / "js"))
    compare(nets, exported.run_python(*parts(nets), tmp_path / "py"))
    compare(nets, exported.run_onnx(*parts(nets), tmp_path / "onnx"))


def test_a_steep_logarithm_may_differ_where_it_is_steep_alone():
    net = NeuralNetwork([ActivationLayer("log")], dtype="float64").build(2)
    z = np.array([[1e-9, 1.0]])
    assert 0.5 < shares(net, z, np.log(z + 5e-13), np.log(z)) < 1
    for too_far in ([5e-12, 0], [0, 5e-12], [1e-9, 0], [0, np.nan]):
        assert not shares(net, z, np.log(z + too_far), np.log(z)) <= 1


def test_onnx_has_a_relu_before_each_activation_in_float64(tmp_path):
    pytest.importorskip("onnxruntime")
    X = np.array([[-1.0, 0.3, 0.7, 9.0], [0.5, np.nan, 2.0, -3.0]])
    for name in ACTIVATIONS:
        net = NeuralNetwork([ActivationLayer("relu"), ActivationLayer(name)], dtype="float64").build(4)
        with np.errstate(invalid="ignore"):
            expected = ACTIVATIONS[name]().forward(np.maximum(X, 0), np.empty_like(X))
        np.testing.assert_allclose(*exported.run_onnx([net], [X], tmp_path), expected, rtol=1e-12, err_msg=name)


def test_every_row_of_the_registries_can_be_exported():
    elementwise = set(ACTIVATIONS) - {"softmax"}
    assert set(expressions.EACH) == elementwise
    assert set(python.EACH) == {*onnx.EACH, *onnx.COMPOSED} == set(ACTIVATIONS)
    leaves = {type(leaf) for kind in LAYERS.values() for leaf in made(kind).leaves()}
    assert set(ROWS) == leaves
    in_all = set(KINDS) - {"activation", "keep", "swap", "split", "splice"}  # which C has by copies
    assert in_all <= set(c.FUNCTIONS)
    assert in_all <= set(javascript.FUNCTIONS)
    assert set(KINDS) - {"activation"} == set(python.LINES)
    assert set(KINDS) == set(onnx.NODES)


def made(kind):
    arguments = {"DenseLayer": (2, 3), "ActivationLayer": ("relu",), "DropoutLayer": (0.1,), "GaussianNoise": (0.1,)}
    arguments |= {"EnsembleDense": (3, 2), "MeanOfMembers": (2,)}
    arguments |= {"PiecewiseEmbedding": ([[0, 1]],), "Embedding": ([3],), "Residual": ([DenseLayer(2, 2)],)}
    arguments |= {"AverageLayer": ([[DenseLayer(2, 2)], [DenseLayer(2, 2)]],)}
    if kind is OnColumns:
        return OnColumns([DenseLayer(2, 2)], first=2)
    return kind(*arguments.get(kind.__name__, ()))


# --- far out ---------------------------------------------------------------------------------------------------------
FAR = (0.0, 1e-30, 1e-6, 0.5, 1.0, 2.4, 2.6, 5.0, 17.0, 19.0, 30.0, 40.5, 80.0, 88.0, 104.0, 800.5, 1e4, 1e30)
GRID = np.array([[sign * z for z in FAR for sign in (-1, 1)]], np.float32)


def far_out(name):
    """Return a network of one activation for a grid of 36 values, and the right outputs, infinite where they are."""
    net = NeuralNetwork([ActivationLayer(name)]).build(GRID.shape[1])
    with np.errstate(all="ignore"):
        return net, ACTIVATIONS[name]().forward(GRID, np.empty_like(GRID))


def check_far_out(run, folder, nan=True):
    names = list(ACTIVATIONS)
    nets, expected = zip(*[far_out(name) for name in names], strict=True)
    rows = np.concatenate([GRID, np.full_like(GRID, np.nan)]) if nan else GRID
    for name, right, outputs in zip(names, expected, run(nets, [rows] * len(nets), folder), strict=True):
        finite = right <= np.finfo(np.float32).max
        np.testing.assert_allclose(outputs[:1][finite], right[finite], rtol=1e-6, atol=1e-6, err_msg=name)
        assert not np.isnan(outputs[0]).any(), name
        assert np.isnan(outputs[1:]).all(), name


@needs("gcc")
def test_far_out_and_nan_in_c(tmp_path):
    check_far_out(lambda *arguments: exported.run_c(*arguments, ["gcc"], "-fsanitize=undefined"), tmp_path)


@needs("node")
def test_far_out_and_nan_in_javascript(tmp_path):
    check_far_out(exported.run_javascript, tmp_path)


def test_far_out_and_nan_in_python(tmp_path):
    check_far_out(exported.run_python, tmp_path)


def test_far_out_in_onnx(tmp_path):
    pytest.importorskip("onnxruntime")
    check_far_out(exported.run_onnx, tmp_path, nan=False)  # what NaN is to each operator is the runtime's affair


# --- the proof -------------------------------------------------------------------------------------------------------
@pytest.fixture
def net():
    layers = [DenseLayer(4, 8, "relu"), BatchNorm(), DropoutLayer(0.2), DenseLayer(8, 3, "softmax")]
    net = NeuralNetwork(layers, "categorical_crossentropy", input_scale=0.1, random_state=0)
    X = np.random.default_rng(0).normal(size=(60, 4)) * 10
    net.fit(X, np.array(["a", 'b"?', "ü"])[np.arange(60) % 3], epochs=3, verbose=0)
    return net


TOOLS = {".c": "cc", ".js": "node", ".mjs": "node", ".onnx": None, ".py": None}


@pytest.mark.parametrize("suffix", [pytest.param(s, marks=[needs(t)] if t else []) for s, t in TOOLS.items()])
def test_an_export_says_what_was_measured_and_verify_measures_it_again(net, tmp_path, suffix):
    if suffix == ".onnx":
        pytest.importorskip("onnxruntime")
    path = tmp_path / f"my model{suffix}"
    proof = net.export(path)
    assert proof.passed
    assert 0 < proof.largest_difference <= proof.allowed <= 1e-6
    assert f"{proof.largest_difference:.3g}".encode() in path.read_bytes()
    assert verify(path) == proof
    assert {p.name for p in tmp_path.iterdir()} == {path.name} | ({"my model.h"} if suffix == ".c" else set())


def test_all_targets_are_tried():
    assert set(TOOLS) == set(TARGETS)


def damaged(path):
    """Change one number of the parameters in a file."""
    data = path.read_bytes()
    old, new = {
        ".c": (rb"(biases_1\[8\] = \{\n  )", rb"\g<1>1 + "),
        ".js": (rb"(const biases_4 = numbers\(`\n)....", rb"\g<1>AAAA"),
        ".py": (rb'(biases_4 = numbers\("""\n)....', rb"\g<1>AAAA"),
    }[path.suffix]
    changed = re.sub(old, new, data)
    assert changed != data
    path.write_bytes(changed)


@pytest.mark.parametrize("suffix", [".c", ".js", ".py"])
def test_verify_sees_a_changed_parameter(net, tmp_path, suffix):
    if TOOLS[suffix] and shutil.which(TOOLS[suffix]) is None:
        pytest.skip(f"there is no {TOOLS[suffix]}")
    path = tmp_path / f"model{suffix}"
    net.layers[-1].biases = [3.0, -2.0, 1.0]
    net.export(path)
    damaged(path)
    assert not verify(path).passed


def test_nothing_is_written_if_what_was_written_disagrees(net, tmp_path, monkeypatch):
    path = tmp_path / "model.py"
    path.write_text("the old one")
    monkeypatch.setitem(python.EACH, "relu", "np.minimum(z, 0)")
    with pytest.raises(NeuralError, match=r"^The export must agree with the network. Got largest difference 0"):
        net.export(path)
    assert path.read_text() == "the old one"
    assert os.listdir(tmp_path) == ["model.py"]


def test_without_the_tool_it_is_written_and_says_that_it_was_not_measured(net, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    proof = net.export(tmp_path / "model.c")
    assert proof.largest_difference is None
    assert not proof.passed
    assert "there is no C compiler" in str(proof)
    text = " ".join((tmp_path / "model.c").read_text().split())
    assert "Proof: not measured where it was written (there is no C compiler" in text
    for suffix in (".c", ".js"):
        (tmp_path / f"model{suffix}").touch()
        with pytest.raises(NeuralError, match="there is no"):
            verify(tmp_path / f"model{suffix}")


def test_a_compiler_that_cannot_is_no_reason_not_to_export(net, tmp_path, monkeypatch):
    monkeypatch.setenv("CC", "false --target=board")
    proof = net.export(tmp_path / "model.c")
    assert proof.largest_difference is None
    assert "false cannot run model.c" in str(proof)


# --- what is in the files --------------------------------------------------------------------------------------------
@needs("cc")
def test_c_needs_math_alone_and_its_own_header(net, tmp_path):
    net.export(tmp_path / "2 nets-ü.c")
    text, header = (tmp_path / "2 nets-ü.c").read_text(), (tmp_path / "2 nets-ü.h").read_text()
    model = text.partition("#ifdef NEURAL_TEST")[0]
    assert re.findall(r"#include (\S+)", model) == ['"2', "<math.h>", "<stdint.h>"]
    assert not re.search(r"malloc|printf|memcpy|string", model)
    assert "#define NET_2_NETS___INPUTS 4\n" in header
    assert 'net_2_nets___classes[3] = {"a", "b\\042\\077", "\\303\\274"}' in text
    constants = 4 * (4 * 8 + 8 + 3 * 8 + 8 * 3 + 3)
    assert f"Constants: {constants} bytes of flash" in " ".join(header.split())
    assert "RAM: 48 bytes of stack" in " ".join(header.split())  # four inputs and eight hidden values
    user = '#include "2 nets-ü.h"\nint main(void) { return net_2_nets___classes[2][0] == 0; }\n'
    (tmp_path / "user.c").write_text(user)
    (tmp_path / "user.cpp").write_text(user)
    subprocess.run(["cc", *exported.STRICT, "-c", "2 nets-ü.c"], cwd=tmp_path, check=True)
    for source in ("user.c", "user.cpp"):  # of a program in C, and in C++
        if source == "user.c" or shutil.which("g++"):
            subprocess.run(["cc", source, "2 nets-ü.o", "-lm"], cwd=tmp_path, check=True)
            subprocess.run(["./a.out"], cwd=tmp_path, check=True)


@needs("cc")
def test_a_header_of_another_export_does_not_compile(net, tmp_path):
    net.export(tmp_path / "model.c")
    old = (tmp_path / "model.h").read_bytes()
    net.layers[0].weights *= 1.01
    net.export(tmp_path / "model.c")
    (tmp_path / "model.h").write_bytes(old)
    done = subprocess.run(["cc", "-c", "model.c"], cwd=tmp_path, capture_output=True, text=True)
    assert "the header is of another export" in done.stderr


def test_class_names_go_along(net, tmp_path):
    net.export(tmp_path / "model.py")
    names = exported.runpy.run_path(str(tmp_path / "model.py"))
    assert names["CLASSES"] == ("a", 'b"?', "ü")
    with pytest.raises(ValueError, match="X must be of shape"):
        names["predict"](np.zeros((2, 3)))


def test_layers_that_do_nothing_in_prediction_vanish(tmp_path):
    net = NeuralNetwork([DropoutLayer(0.5), DenseLayer(2, 2)], random_state=0).build()
    assert [o.kind for o in plan_of(net).operations] == ["dense"]


@needs("cc")
def test_networks_of_unusual_form(tmp_path):
    forms = {
        "nothing": [DropoutLayer(0.5)],
        "activation": [ActivationLayer("tanh")],
        "in_place": [BatchNorm(), ActivationLayer("softmax")],
        "residual_of_nothing": [Residual([DropoutLayer(0.5)]), Residual([ActivationLayer("tanh")])],
        "nested": [
            Residual([DenseLayer(3, 3), Residual([DenseLayer(3, 4), DenseLayer(4, 3)]), Residual([BatchNorm()])])
        ],
        "average_of_nothing": [AverageLayer([[DropoutLayer(0.5)]]), AverageLayer([[DropoutLayer(0.5)], [BatchNorm()]])],
        "averages": [
            AverageLayer(
                [
                    [DenseLayer(3, 9), AverageLayer([[DenseLayer(9, 2)], [BatchNorm(), DenseLayer(9, 2)]])],
                    [
                        Residual([AverageLayer([[DenseLayer(3, 3)], [ActivationLayer("tanh")]])]),
                        DenseLayer(3, 2, "softmax"),
                    ],
                    [AverageLayer([[LayerNorm()], [DenseLayer(3, 1), DenseLayer(1, 3)], [PReLU()]]), DenseLayer(3, 2)],
                ]
            ),
            Residual([AverageLayer([[DenseLayer(2, 2)], [ActivationLayer("tanh")], [DropoutLayer(0.1)]])]),
        ],
        "narrow": [DenseLayer(3, 1), DenseLayer(1, 50), DenseLayer(50, 2)],
    }
    for name, layers in forms.items():
        net = NeuralNetwork(layers, random_state=0).build(3)
        for suffix in (".c", ".js", ".onnx", ".py"):
            proof = net.export(tmp_path / f"{name}{suffix}")
            assert proof.passed or "there is no" in proof.by


GUIDE = Path(__file__).parents[1] / "docs" / "export.md"
BOARD = """
#include <cstdio>
#include <cstdlib>
enum { A0, A1 };
int analogRead(int pin) { return pin == A0 ? 512 : 100; }
void delay(int) { std::exit(0); }
struct { void begin(int) {} void println(float y, int n) { std::printf("%.*f", n, y); } } Serial;
"""


def snippet(language):
    """Return the code of a language in the guide."""
    return re.search(rf"```{language}\n(.*?)```", GUIDE.read_text(), re.DOTALL)[1]


@needs("g++")
def test_the_sketch_in_the_guide_runs(tmp_path):
    net = NeuralNetwork([DenseLayer(2, 4, "gelu"), DenseLayer(4, 1, "sigmoid")], random_state=0)
    net.export(tmp_path / "model.c")
    text = f"{BOARD}{snippet('cpp')}int main() {{ setup(); for (;;) loop(); }}"
    (tmp_path / "sketch.cpp").write_text(text)
    subprocess.run(["gcc", "-c", "model.c"], cwd=tmp_path, check=True)
    subprocess.run(["g++", "sketch.cpp", "model.o", "-lm", "-o", "sketch"], cwd=tmp_path, check=True)
    printed = subprocess.run(["./sketch"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert float(printed) == pytest.approx(net.predict([[512 / 1023, 100 / 1023]]).item(), abs=1e-4)


@needs("node")
def test_the_page_in_the_guide_runs(tmp_path):
    net = NeuralNetwork([DenseLayer(2, 4, "gelu"), DenseLayer(4, 1, "sigmoid")], random_state=0)
    net.export(tmp_path / "model.js")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    script = re.search(r"<script type=\"module\">(.*?)</script>", snippet("html"), re.DOTALL)[1]
    page = "const page = { a: { valueAsNumber: 0.5 }, b: { valueAsNumber: -0.25 }, out: {} };\n"
    page += "globalThis.document = { getElementById: (id) => page[id] };\n"
    (tmp_path / "page.js").write_text(f"{script}\nconsole.log(page.out.value);")
    (tmp_path / "main.js").write_text(f"{page}globalThis.page = page;\nawait import('./page.js');")
    done = subprocess.run(["node", "main.js"], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert float(done.stdout) == pytest.approx(net.predict([[0.5, -0.25]]).item(), abs=1e-3)


@pytest.mark.parametrize("name", ['a"b.c', "a\\b.c", "a\nb.c"])
def test_names_that_cannot_be_included_are_refused(name, net, tmp_path):
    with pytest.raises(ValueError, match="the name of a C file must be without quotes"):
        net.export(tmp_path / name)


def test_what_a_tool_says_cannot_leave_the_comment(net, tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    for tool in ("cc", "node"):
        (tmp_path / "bin" / tool).write_text("#!/bin/sh\necho '*/ first' >&2\necho second >&2\nexit 3\n")
        (tmp_path / "bin" / tool).chmod(0o755)
    path = os.environ["PATH"]
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{path}")
    for name in ("a.c", "a.js"):
        assert "* / first second" in str(net.export(tmp_path / name))
    monkeypatch.setenv("PATH", path)
    for name, tool in (("a.c", "cc"), ("a.js", "node")):
        if shutil.which(tool):
            assert verify(tmp_path / name).passed


# --- refusals --------------------------------------------------------------------------------------------------------
class Double(Layer):
    def forward(self, x, own, mode):
        return 2 * x, None


class Cube(Activation):
    name = "cube"

    def forward(self, z, out):
        return np.power(z, 3, out=out)


class NotReLU(Cube):
    name = "relu"


def dense(*layers):
    return NeuralNetwork([DenseLayer(2, 3), *layers], random_state=0)


REFUSED = {
    "own layer": (
        dense(Double()),
        "a.py",
        {},
        r"layer 2 of an export must be one of .*'Residual', 'Scaling'. Got Double\(\)",
    ),
    "own activation": (dense(ActivationLayer(Cube())), "a.c", {}, r"Got 'cube'. Write its formula .*expressions.EACH"),
    "own function": (dense(ActivationLayer((np.sin, np.cos))), "a.py", {}, r"Got 'sin'. Write .*export.python.EACH"),
    "our name": (
        dense(ActivationLayer(NotReLU())),
        "a.py",
        {},
        r"the activation relu of an export must be the package's",
    ),
    "not built": (NeuralNetwork([DenseLayer(None, 3)]), "a.py", {}, "^The network must be built to be exported"),
    "no layers": (NeuralNetwork(), "a.py", {}, "^The network must "),
    "suffix": (dense(), "a.txt", {}, r"the suffix of an export must be one of '.c', .*Got '.txt'"),
    "no folder": (dense(), "none/m.c", {}, r"Got '.*m.c'. Make the folder '.*none' first"),
    "no suffix": (dense(), "a", {}, r"the suffix of an export"),
    "int4": (dense(), "a.c", {"quantize": "int4"}, "quantize must be None or 'int8'. Got 'int4'"),
    "int8 of py": (dense(), "a.py", {"quantize": "int8", "X": [[1, 2]]}, r"int8 must be a .c file"),
    "int8 without X": (dense(), "a.c", {"quantize": "int8"}, "^X must be given for int8"),
    "X of another width": (dense(), "a.c", {"X": [[1.0]]}, r"X must be of shape \(n, 2\)"),
    "NaN in X": (dense(), "a.c", {"X": [[1.0, np.nan]]}, "X must be finite"),
    "no rows": (dense(), "a.c", {"X": np.zeros((0, 2))}, "X must be of shape"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_exported_is_refused_in_words_and_nothing_is_written(name, tmp_path):
    net, path, options, words = REFUSED[name]
    with pytest.raises(ValueError, match=words):
        net.export(tmp_path / path, **options)
    assert os.listdir(tmp_path) == []


def test_parameters_and_outputs_that_are_not_finite_are_refused(tmp_path):
    net = dense().build()
    net.params[0] = np.nan
    with pytest.raises(ValueError, match="the parameters must be finite"):
        net.export(tmp_path / "a.py")
    net = NeuralNetwork([DenseLayer(2, 3, "exponential", init=np.full((3, 2), 1e3))]).build()
    with pytest.raises(ValueError, match=r"test rows must be finite. .* Give rows like those that it is for: X=."):
        net.export(tmp_path / "a.py")
    net.export(tmp_path / "a.py", X=[[0.001, 0.01]])


def test_a_formula_of_ones_own_can_be_added(tmp_path, monkeypatch):
    monkeypatch.setitem(python.EACH, "cube", "z * z * z")
    assert dense(ActivationLayer(Cube())).export(tmp_path / "a.py").passed


def test_verify_refuses_what_is_not_there_or_of_no_known_kind(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no file"):
        verify(tmp_path / "a.py")
    (tmp_path / "a.txt").touch()
    with pytest.raises(ValueError, match="the suffix of an exported file"):
        verify(tmp_path / "a.txt")
    (tmp_path / "a.py").write_text("print('hello')")
    with pytest.raises(NeuralError, match="carries no test rows"):
        verify(tmp_path / "a.py")


@pytest.fixture(autouse=True)
def _no_compiler_of_the_users(monkeypatch):
    monkeypatch.delenv("CC", raising=False)
