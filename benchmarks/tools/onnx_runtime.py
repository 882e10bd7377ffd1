"""ONNX Runtime: predictions from a graph of Gemm, activation and Softmax nodes. It trains nothing."""

from __future__ import annotations

import os

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from workloads import Weights, Workload

from tools.base import Predictor

ACTIVATIONS = {"relu": "Relu", "sigmoid": "Sigmoid"}


class Predict(Predictor):
    def build(self, work: Workload, weights: Weights) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ["OMP_NUM_THREADS"])
        model = graph(work, weights).SerializeToString()
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.session.run(None, {"x": x})[0]


def graph(work: Workload, weights: Weights) -> onnx.ModelProto:
    """Return the network as a model from x (rows, n_in) to y (rows, n_out)."""
    names = [ACTIVATIONS[work.activation]] * (len(weights) - 1) + ["Softmax"]
    nodes, arrays, x = [], [], "x"
    for k, ((W, b), name) in enumerate(zip(weights, names, strict=True)):
        arrays += [numpy_helper.from_array(W, f"W{k}"), numpy_helper.from_array(b, f"b{k}")]
        y = "y" if k == len(weights) - 1 else f"a{k}"
        nodes += [helper.make_node("Gemm", [x, f"W{k}", f"b{k}"], [f"z{k}"], transB=1)]
        nodes += [helper.make_node(name, [f"z{k}"], [y])]
        x = y
    ends = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["rows", width])
        for name, width in (("x", work.widths[0]), ("y", work.widths[-1]))
    ]
    made = helper.make_graph(nodes, work.name, ends[:1], ends[1:], arrays)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
