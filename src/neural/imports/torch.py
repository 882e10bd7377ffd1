"""Networks from PyTorch: a Sequential, or the state of one. Nothing of PyTorch is imported."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from neural.columns import OnColumns
from neural.embeddings import Embedding, PeriodicEmbedding, PiecewiseEmbedding
from neural.ensembles import EnsembleDense, MeanOfMembers
from neural.errors import sentence
from neural.imports.parts import Part, average, batch_norm, dense, layer_norm, network, residual, row
from neural.layers import ActivationLayer, DropoutLayer, GaussianNoise, PReLU
from neural.nn import NeuralNetwork
from neural.normalization import Scaling
from neural.rectifiers import ELU, LeakyReLU


def _array(tensor: Any) -> np.ndarray | None:
    """Return a tensor's numbers; float16 and bfloat16 become float32."""
    if tensor is None or isinstance(tensor, np.ndarray):
        return tensor
    tensor = tensor.detach().cpu()
    return np.asarray((tensor if tensor.element_size() >= 4 else tensor.float()).numpy())


def _activation(name: Any) -> Callable[[Any], list[Part]]:
    return lambda module: [Part(ActivationLayer(name))]


def _must(holds: bool, module: Any, rule: str) -> None:
    if not holds:
        raise ValueError(sentence(type(module).__name__, rule, module))


def _batch_norm(module: Any) -> list[Part]:
    _must(module.running_mean is not None, module, "one with running means, to be imported")
    _must(module.momentum is not None, module, "one with a momentum, to be imported")
    running = _array(module.running_mean), _array(module.running_var)
    return [batch_norm(*running, _array(module.weight), _array(module.bias), module.eps, module.momentum)]


def _layer_norm(module: Any) -> list[Part]:
    _must(len(module.normalized_shape) == 1, module, "over one dimension, to be imported")
    return [layer_norm(_array(module.weight), _array(getattr(module, "bias", None)), module.eps)]


def _softmax(module: Any) -> list[Part]:
    _must(module.dim in (-1, 1), module, "over the features, dim=-1, to be imported")
    return [Part(ActivationLayer("softmax"))]


def _softplus(module: Any) -> list[Part]:
    _must(module.beta == 1, module, "one with beta=1, to be imported")
    return [Part(ActivationLayer("softplus"))]


def _gelu(module: Any) -> list[Part]:
    return [Part(ActivationLayer("gelu_tanh" if module.approximate == "tanh" else "gelu"))]


def _flatten(module: Any) -> list[Part]:
    _must((module.start_dim, module.end_dim) == (1, -1), module, "one of rows, start_dim=1 and end_dim=-1")
    return []


def _sequence(module: Any) -> list[Part]:
    return [part for child in module for part in _of(child)]


def _named(module: Any, *names: str) -> dict[str, Any]:
    """Return tensors of a module of ours, where it has them, by the names that they have here, too."""
    return {name: _array(getattr(module, name)) for name in names if getattr(module, name) is not None}


def _on_columns(module: Any) -> list[Part]:
    inner = _sequence(module)
    where = {"last" if module.at_end else "first": module.n}
    return [Part(OnColumns([part.layer for part in inner], **where), inner=inner)]


def _scaling(module: Any) -> list[Part]:
    return [Part(Scaling(1.0, None if module.centre is None else 0.0), _named(module, "scale", "centre"))]


def _periodic(module: Any) -> list[Part]:
    values = _named(module, "frequencies", "phases", "weights", "biases")
    (n, frequencies), plain = values["frequencies"].shape, module.phases is not None
    width, form = len(values["biases"]) // n + plain, "pbld" if plain else "plr"
    return [Part(PeriodicEmbedding(width, frequencies=frequencies, form=form), values)]


def _embedding(module: Any) -> list[Part]:
    rule = "one that to_torch made, as PyTorch's own gives a tensor of three dimensions"
    _must(hasattr(module, "fixed"), module, rule)
    tables: list[Any] = [_array(getattr(module, f"table_{j}")) for j in range(module.n)]
    one_hot = [len(table) for table, stays in zip(tables, module.fixed, strict=True) if stays]
    levels, widths = [len(table) for table in tables], [table.shape[1] for table in tables]
    own = {f"table_{j}": table for j, table in enumerate(tables) if not module.fixed[j]}
    return [Part(Embedding(levels, widths, one_hot_up_to=max(one_hot, default=0)), own)]


def _ensemble(module: Any) -> list[Part]:
    values = _named(module, "weights", "scale_in", "scale_out", "biases")
    members, units = values["scale_out"].shape
    return [Part(EnsembleDense(units, members, first=module.first), values)]


def _mean_of_members(module: Any) -> list[Part]:
    functions = [
        part.layer.function for part in _sequence(module.activation) if isinstance(part.layer, ActivationLayer)
    ]
    return [Part(MeanOfMembers(module.members, functions[0] if functions else None))]


MODULES: dict[str, Callable[[Any], list[Part]]] = {
    "Average": lambda module: [average([_sequence(chain) for chain in module])],
    "BatchNorm1d": _batch_norm,
    "Dropout": lambda module: [Part(DropoutLayer(module.p))],
    "EnsembleDense": _ensemble,
    "ELU": lambda module: [Part(ActivationLayer(ELU(module.alpha)))],
    "Embedding": _embedding,
    "Flatten": _flatten,
    "Formula": lambda module: [Part(ActivationLayer(module.name))],
    "GELU": _gelu,
    "Hardswish": _activation("hard_swish"),
    "Identity": lambda module: [],
    "LayerNorm": _layer_norm,
    "LeakyReLU": lambda module: [Part(ActivationLayer(LeakyReLU(module.negative_slope)))],
    "Linear": lambda module: [dense(_array(module.weight), _array(module.bias))],
    "MeanOfMembers": _mean_of_members,
    "Mish": _activation("mish"),
    "Noise": lambda module: [Part(GaussianNoise(module.std))],
    "OnColumns": _on_columns,
    "PeriodicEmbedding": _periodic,
    "PiecewiseEmbedding": lambda module: [Part(PiecewiseEmbedding(module.edges), _named(module, "starts", "factors"))],
    "PReLU": lambda module: [Part(PReLU(), {"slopes": _array(module.weight)})],
    "ReLU": _activation("relu"),
    "ReLU6": _activation("relu6"),
    "Residual": lambda module: [residual(_sequence(module))],
    "Scaling": _scaling,
    "SELU": _activation("selu"),
    "Sequential": _sequence,
    "SiLU": _activation("silu"),
    "Sigmoid": _activation("sigmoid"),
    "Softmax": _softmax,
    "Softplus": _softplus,
    "Softsign": _activation("softsign"),
    "Tanh": _activation("tanh"),
}
THEIRS = ("torch.nn.", "neural.export.pytorch")  # where classes of these names are what they seem


def from_torch(model: Any, activations: Iterable[Any] = ()) -> NeuralNetwork:
    """Return the network of a ``torch.nn.Sequential``, or of the state of one.

    Parameters
    ----------
    model : a Sequential of the modules in ``MODULES``, also nested, or what ``state_dict()`` gives, whose keys are
        "0.weight", "0.bias", "2.weight" and so on.
    activations : of a state alone, which does not hold them: one for each number that is missing in its keys, in order,
        then any that come after the last; None for a number that does nothing in prediction, such as dropout.

    Raises ValueError that names a module that cannot be imported.

    >>> state = {"0.weight": np.ones((1, 2)), "0.bias": np.zeros(1)}
    >>> from_torch(state, ["sigmoid"]).predict([[0.0, 0.0]])
    array([[0.5]])
    """
    if isinstance(model, Mapping):
        tensors = {str(name): _array(tensor) for name, tensor in model.items()}
        return network(_of_state(tensors, list(activations)), _dtype(tensors.values()))
    if type(model).__name__ not in ("Sequential", "Residual"):
        raise ValueError(sentence("model", "a torch.nn.Sequential or its state_dict", type(model)))
    modules = list(model)
    scale = float(modules.pop(0).factor) if modules and type(modules[0]).__name__ == "Scale" else None
    parts = [part for module in modules for part in _of(module)]
    dtype = _dtype(map(_array, model.state_dict().values()))
    return network(parts, dtype, getattr(model, "n_in", None), scale)


def _dtype(arrays: Iterable[Any]) -> np.dtype:
    return np.result_type(np.float32, *[array for array in arrays if array is not None and array.dtype.kind == "f"])


def _of(module: Any) -> list[Part]:
    """Return the parts of a module."""
    kind = type(module)
    name = kind.__name__ if f"{kind.__module__}.".startswith(THEIRS) else f"{kind.__module__}.{kind.__name__}"
    return row("a module to import", name, MODULES)(module)


def _of_state(tensors: dict[str, Any], activations: list[Any]) -> list[Part]:
    """Return the parts of a state: what each number in its keys is shows in the tensors that it has."""
    numbered: dict[int, dict[str, Any]] = {}
    for key, tensor in tensors.items():
        found = re.fullmatch(r"(\d+)\.(\w+)", key)
        if found is None:
            raise ValueError(sentence("a key of the state", "a number, a point and a name, such as 0.weight", key))
        numbered.setdefault(int(found[1]), {})[found[2]] = tensor
    parts, given = list[Part](), iter(activations)
    for number in range(max(numbered, default=-1) + 1):
        if number in numbered:
            parts.append(_of_tensors(number, numbered[number]))
            continue
        try:
            name = next(given)
        except StopIteration:
            step = "Give one for each number that is missing in the keys; None for dropout."
            raise ValueError(sentence("activations", f"given for number {number}", activations, step)) from None
        parts += [] if name is None else [Part(ActivationLayer(name))]
    return parts + [Part(ActivationLayer(name)) for name in given if name is not None]


def _of_tensors(number: int, own: dict[str, Any]) -> Part:
    weight, bias = own.get("weight"), own.get("bias")
    if weight is not None and weight.ndim == 2:
        return dense(weight, bias)
    if "running_mean" in own:
        return batch_norm(own["running_mean"], own["running_var"], weight, bias, 1e-5)
    if weight is not None and weight.ndim == 1:
        return Part(PReLU(), {"slopes": weight}) if bias is None else layer_norm(weight, bias, 1e-5)
    rule = "a Linear, BatchNorm1d, LayerNorm or PReLU"
    raise ValueError(sentence(f"number {number} of the state", rule, {name: t.shape for name, t in own.items()}))
