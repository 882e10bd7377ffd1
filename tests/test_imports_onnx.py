"""Networks from ONNX files give what the original gives; what cannot be imported is named, with the next step."""

import numpy as np
import pytest

from neural import (
    AverageLayer,
    BatchNorm,
    DenseLayer,
    Embedding,
    EnsembleDense,
    LayerNorm,
    MeanOfMembers,
    NeuralNetwork,
    OnColumns,
    PeriodicEmbedding,
    PiecewiseEmbedding,
    Residual,
    Scaling,
)
from neural.branches import Branch
from neural.columns import Split
from neural.errors import ModelFileError
from neural.imports import from_onnx
from neural.imports.onnx import OPERATORS
from tests.exported import networks, write
from tests.test_imports import KERAS, X4, close, names_of

rng = np.random.default_rng(1)
GRAPHS = PeriodicEmbedding | PiecewiseEmbedding | Embedding | Split | EnsembleDense | Branch  # of operators in no chain


def test_every_network_goes_to_onnx_and_comes_back(tmp_path):
    for net, X, expected in networks(51):
        if net.dtype != np.float32:
            continue
        path = write(net, tmp_path / "a.onnx")
        if names_of(net) & {"log", "logit", "smooth_clip"} or any(isinstance(leaf, GRAPHS) for leaf in net.leaves):
            with pytest.raises(ValueError, match=r"Node '\w+_\d+/\w+' of the ONNX graph: .* must be"):  # no way back
                from_onnx(path)
        else:
            close(from_onnx(path).predict(X), expected, 3e-6)


@pytest.mark.parametrize(
    "layers",
    [
        [PeriodicEmbedding(2)],
        [PiecewiseEmbedding([[0.0, 1.0, 2.0]] * 4)],
        [Embedding([3] * 4)],
        [OnColumns([DenseLayer(2, 3)], first=2)],
        [EnsembleDense(3, 2, first=True)],
        [MeanOfMembers(2, "softmax")],
        [AverageLayer([[DenseLayer(4, 4)], [DenseLayer(4, 4)]])],
    ],
    ids=lambda layers: type(layers[0]).__name__,
)
def test_a_layer_that_onnx_does_not_hold_is_named_with_the_next_step(layers, tmp_path):
    net = NeuralNetwork([DenseLayer(4, 4), *layers, DenseLayer(None, 1)], random_state=0).build()
    name = type(layers[0]).__name__
    with pytest.raises(ValueError, match=rf"^Node '{name}_2/\w+' of the ONNX graph: .* load the network's own file"):
        from_onnx(write(net, tmp_path / "a.onnx"))


def test_a_scaling_comes_back_as_a_batch_norm(tmp_path):
    net = NeuralNetwork([Scaling(0.7), DenseLayer(4, 1)], random_state=0).build(4)
    net.params[:] = rng.normal(size=net.params.size)
    back = from_onnx(write(net, tmp_path / "a.onnx"))
    close(back.predict(X4), net.predict(X4))
    assert [type(layer) for layer in back.layers] == [BatchNorm, DenseLayer]


@pytest.mark.parametrize("dtype", ["float32", "float64"])  # where there is a Clip, or Max and Min
def test_relu6_comes_back_as_it_was(dtype, tmp_path):
    net = NeuralNetwork([DenseLayer(4, 5, "relu6"), DenseLayer(5, 1)], dtype=dtype, random_state=0).build()
    net.params[:] *= 20
    back = from_onnx(write(net, tmp_path / "a.onnx"))
    close(back.predict(X4), net.predict(X4))
    assert "relu6" in names_of(back)


def graph(tmp_path, nodes, outputs=("y",), dtype=np.float32, **constants):
    """Write a graph with the input x (n, 4) by the package onnx, and return its path."""
    onnx = pytest.importorskip("onnx")
    kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    made = onnx.helper.make_graph(
        [onnx.helper.make_node(op, inputs, [out], **attributes) for op, inputs, out, attributes in nodes],
        "g",
        [onnx.helper.make_tensor_value_info("x", kind, ["n", 4])],
        [onnx.helper.make_tensor_value_info(name, kind, None) for name in outputs],
        [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    path = tmp_path / "graph.onnx"
    opset = [onnx.helper.make_opsetid("", 21)]
    onnx.save(onnx.helper.make_model(made, opset_imports=opset, ir_version=10), path)
    return path


def runs_alike(path, dtype=np.float32, output=None):
    onnxruntime = pytest.importorskip("onnxruntime")
    X = X4.astype(dtype)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (expected,) = session.run([output] if output else None, {"x": X})
    net = from_onnx(path, output)
    close(net.predict(X), expected)
    return net


W, b = rng.normal(size=(4, 3)), rng.normal(size=3)


def f32(*arrays):
    return [array.astype(np.float32) for array in arrays]


def test_matmul_add_and_scaling_as_of_a_pipeline(tmp_path):
    weights, biases, mean, spread = f32(W, b, np.arange(4.0), np.arange(1.0, 5.0))
    nodes = [
        ("Sub", ["x", "mean"], "centred", {}),
        ("Div", ["centred", "spread"], "scaled", {}),
        ("Cast", ["scaled"], "cast", {"to": 1}),
        ("MatMul", ["cast", "W"], "z", {}),
        ("Add", ["b", "z"], "a", {}),
        ("Tanh", ["a"], "t", {}),
        ("MatMul", ["t", "V"], "s", {}),
        ("Softmax", ["s"], "y", {"axis": 1}),
        ("ArgMax", ["y"], "k", {}),
        ("Cast", ["k"], "label", {"to": 1}),
    ]
    more = {"W": weights, "b": biases, "mean": mean, "spread": spread, "V": weights[:3]}
    net = runs_alike(graph(tmp_path, nodes, ("y", "label"), **more), output="y")
    assert [type(layer).__name__ for layer in net.layers][:2] == ["BatchNorm", "DenseLayer"]
    with pytest.raises(ValueError, match=r"output must be one of \['y', 'label'\]. Got None"):
        from_onnx(tmp_path / "graph.onnx")
    with pytest.raises(ValueError, match=r"an ONNX operator must be one of .* Got 'ArgMax'"):
        from_onnx(tmp_path / "graph.onnx", "label")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gemm_with_all_its_attributes(tmp_path, dtype):
    nodes = [("Gemm", ["x", "W", "b"], "y", {"alpha": 0.5, "beta": 2.0, "transB": 1})]
    net = runs_alike(graph(tmp_path, nodes, dtype=dtype, W=W.T.astype(dtype), b=b.astype(dtype)), dtype)
    assert net.dtype == dtype


def test_a_way_round_and_a_product_that_is_used_twice(tmp_path):
    square, gain = f32(rng.normal(size=(4, 4)), rng.normal(size=4))
    nodes = [
        ("Mul", ["x", "half"], "h", {}),
        ("Mul", ["h", "gain"], "g", {}),
        ("Mul", ["g", "gain"], "k", {}),
        ("Add", ["k", "g"], "r", {}),
        ("MatMul", ["r", "W"], "z", {}),
        ("Sigmoid", ["z"], "s", {}),
        ("Mul", ["s", "z"], "silu", {}),
        ("Add", ["silu", "r"], "y", {}),
    ]
    net = runs_alike(graph(tmp_path, nodes, W=square, gain=gain, half=np.float32(0.5)))
    assert net.input_scale == 0.5
    assert [type(layer).__name__ for layer in net.layers] == ["BatchNorm", "Residual", "Residual"]


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ([("Conv", ["x", "W"], "y", {})], "Node 'y' of the ONNX graph: an ONNX operator must be one of .* Got 'Conv'"),
        ([("Clip", ["x", "low"], "y", {})], "the ONNX operator Clip must be from 0, or from 0 to 6. Got '0.5 to None'"),
        ([("Max", ["x", "low"], "y", {})], "the ONNX operator Max must be of the chain and 0"),
        ([("Max", ["x", "zeros"], "y", {})], "the ONNX operator Max must be of the chain and 0"),
        ([("Max", ["x", "zero", "low"], "y", {})], "the ONNX operator Max must be of the chain and 0"),
        ([("Min", ["x", "low"], "y", {})], "the ONNX operator Min must be of 6 and what is at least 0"),
        ([("Relu", ["x"], "r", {}), ("Min", ["r", "six", "low"], "y", {})], "the ONNX operator Min must be of 6"),
        (
            [
                ("Relu", ["x"], "r", {}),
                ("Identity", ["r"], "i", {}),
                ("Min", ["i", "six"], "m", {}),
                ("Add", ["m", "r"], "y", {}),  # as it was before Min
            ],
            "the ONNX operator Min must be of 6 and what is at least 0",
        ),
        ([("HardSigmoid", ["x"], "y", {"alpha": 0.1})], "the ONNX operator HardSigmoid must be with"),
        ([("Softmax", ["x"], "y", {"axis": 0})], "axis of the ONNX operator Softmax must be -1 or 1"),
        ([("Gemm", ["W", "x"], "y", {})], "Gemm must be rows times a constant matrix"),
        ([("Gemm", ["x", "x"], "y", {})], "input 1 of the ONNX operator Gemm must be a constant"),
        ([("Mul", ["x", "x"], "y", {})], "Mul must be by a constant"),
        ([("Sub", ["low", "x"], "y", {})], "Sub must be the chain minus a constant"),
        ([("Div", ["low", "x"], "y", {})], "Div must be the chain over a constant"),
        ([("Tanh", ["x"], "t", {}), ("Relu", ["x"], "y", {})], "Relu must be fed by 't'|chain"),
        ([("MatMul", ["x", "bad"], "y", {})], "weights must be finite"),
        ([("Add", ["x", "table"], "y", {})], "the same for all rows"),
        ([("MatMul", ["x", "vector"], "y", {})], "weights of a dense layer must be of shape"),
        ([("Reshape", ["x", "pairs"], "y", {})], r"Reshape must be to rows, two sizes. Got \[-1, 2, 2\]. Leave it out"),
        ([("Flatten", ["x"], "y", {"axis": 0})], "axis of the ONNX operator Flatten must be 1. Got 0"),
    ],
)
def test_what_cannot_come_from_onnx_is_named(nodes, words, tmp_path):
    (weights,) = f32(W)
    more = {"zero": np.float32(0), "six": np.float32(6), "zeros": np.zeros(4, np.float32)}
    more |= {"W": weights, "low": np.float32(0.5), "bad": weights * np.nan, "table": np.ones((2, 4), np.float32)}
    path = graph(tmp_path, nodes, **more, vector=np.ones(4, np.float32), pairs=np.array([-1, 2, 2]))
    if nodes[0][0] == "Tanh":  # the second node alone leads to the output
        assert from_onnx(path).layers[0].activation_name == "relu"
        return
    with pytest.raises(ValueError, match=words):
        from_onnx(path)


def test_every_operator_that_is_written_is_read():
    from neural.export import onnx

    kinds = {row[0] for row in onnx.EACH.values()}
    assert kinds <= set(OPERATORS)


def test_damaged_files_of_onnx_are_refused_or_read_as_something_else(tmp_path):
    """No crash, and no error but ours: 1,000 files cut off, or with bytes changed."""
    layers = [
        DenseLayer(3, 4, "relu"),
        BatchNorm(),
        Residual([LayerNorm(), DenseLayer(4, 4, "silu")]),
        DenseLayer(4, 2),
    ]
    net = NeuralNetwork(layers, random_state=0).build()
    data = write(net, tmp_path / "a.onnx").read_bytes()
    draws, path, refused = np.random.default_rng(0), tmp_path / "b.onnx", 0
    for k in range(1000):
        changed = bytearray(data[: draws.integers(len(data))] if k % 5 == 0 else data)
        for place in draws.integers(0, len(changed), 3) if changed else ():
            changed[place] = draws.integers(256)
        path.write_bytes(changed)
        try:
            from_onnx(path)
        except (ModelFileError, ValueError):
            refused += 1
    assert 300 < refused < 1000
    with pytest.raises(ModelFileError):
        from_onnx(KERAS / "chain.h5")
