"""A network as torch.nn.Sequential: the same parameters and predictions, by torch's modules where it has them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from neural.activations import ACTIVATIONS
from neural.errors import one_of, sentence
from neural.inputs import check_finite
from neural.layers import LAYERS
from neural.logarithms import TINY

ACTIVATION: dict[str, Callable[..., Any]] = {  # (modules, settings by name)
    "linear": lambda m: m.nn.Identity(),
    "relu": lambda m: m.nn.ReLU(),
    "leaky_relu": lambda m, slope: m.nn.LeakyReLU(slope),
    "relu6": lambda m: m.nn.ReLU6(),
    "elu": lambda m, alpha: m.nn.ELU(alpha),
    "selu": lambda m: m.nn.SELU(),
    "hard_swish": lambda m: m.nn.Hardswish(),
    "softplus": lambda m: m.nn.Softplus(threshold=40),  # from there on z itself, to the last bit of float64
    "gelu": lambda m: m.nn.GELU(),
    "gelu_tanh": lambda m: m.nn.GELU(approximate="tanh"),
    "silu": lambda m: m.nn.SiLU(),
    "mish": lambda m: m.nn.Mish(),
    "tanh": lambda m: m.nn.Tanh(),
    "softsign": lambda m: m.nn.Softsign(),
    "smooth_clip": lambda m: m.Formula("smooth_clip", lambda z: z / (1 + (z / 3) ** 2).sqrt()),
    "sigmoid": lambda m: m.nn.Sigmoid(),
    "hard_sigmoid": lambda m: m.Formula("hard_sigmoid", lambda z: (0.2 * z + 0.5).clamp(0, 1)),  # torch's is z / 6
    "exponential": lambda m: m.Formula("exponential", lambda z: z.exp()),
    "log": lambda m: m.Formula("log", lambda z: z.clamp(min=TINY).log()),
    "logit": lambda m: m.Formula("logit", lambda z: (z.clamp(TINY, 1) / (1 - z).clamp(TINY, 1)).log()),
    "softmax": lambda m: m.nn.Softmax(dim=-1),
}


def to_torch(net: Any) -> Any:
    """Return a network as ``torch.nn.Sequential``; ImportError without torch, ValueError for layers of one's own."""
    m = _modules()
    if not net._is_built() and net.n_inputs is None:
        raise ValueError("The network must be built to become torch's: its number of inputs is open. Fit it first.")
    net.build(net.n_inputs)
    check_finite("the parameters", net.params, net.dtype)
    first = [] if net.input_scale is None else [m.Scale(net.input_scale)]
    made = m.nn.Sequential(*first, *[module for layer in net.layers for module in _of(m, layer)])
    made.n_in = net.n_inputs  # for from_torch, where no module says so
    return made.to(getattr(m.torch, net.dtype.name)).eval()


@cache
def _modules() -> SimpleNamespace:
    """Return torch, its modules, and those that it does not have."""
    try:
        import torch
    except ImportError:
        raise ImportError("to_torch needs PyTorch. Install it: pip install torch.") from None

    class Residual(torch.nn.Sequential):
        """y = x + f(x)."""

        def forward(self, x: Any) -> Any:
            block: Any = super().forward
            return x + block(x)

    class Average(torch.nn.ModuleList):
        """The mean of what the modules make of x."""

        def forward(self, x: Any) -> Any:
            return sum(chain(x) for chain in self) / len(self)

    class Scale(torch.nn.Module):
        """y = factor x."""

        def __init__(self, factor: float) -> None:
            super().__init__()
            self.factor = factor

        def forward(self, x: Any) -> Any:
            return self.factor * x

    class Noise(torch.nn.Module):
        """While training, x + noise of standard deviation ``std``."""

        def __init__(self, std: float) -> None:
            super().__init__()
            self.std = std

        def forward(self, x: Any) -> Any:
            return x + self.std * torch.randn_like(x) if self.training else x

    class Formula(torch.nn.Module):
        """A formula without parameters."""

        def __init__(self, name: str, formula: Callable[[Any], Any]) -> None:
            super().__init__()
            self.name, self.formula = name, formula

        def forward(self, x: Any) -> Any:
            return self.formula(x)

        def extra_repr(self) -> str:
            return str(self.name)

    class OnColumns(torch.nn.Sequential):
        """The layers for the columns from ``start`` on, ``n`` of them; the others go round."""

        def __init__(self, modules: Any, n: int, at_end: bool) -> None:
            super().__init__(*modules)
            self.n, self.at_end = n, at_end

        def forward(self, x: Any) -> Any:
            block: Any = super().forward
            start = x.shape[1] - self.n if self.at_end else 0
            part = block(x[:, start : start + self.n])
            return torch.cat([x[:, :start], part, x[:, start + self.n :]], dim=1)

    class Scaling(torch.nn.Module):
        """y = scale (x - centre)."""

        def __init__(self, n: int, centred: bool) -> None:
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(n))
            self.centre = torch.nn.Parameter(torch.zeros(n)) if centred else None

        def forward(self, x: Any) -> Any:
            return (x if self.centre is None else x - self.centre) * self.scale

    class PeriodicEmbedding(torch.nn.Module):
        """Of each column linear functions of cos(2 pi c x + b), and x itself; or of the cosines and sines without b."""

        def __init__(self, n: int, frequencies: int, units: int, plain: bool) -> None:
            super().__init__()
            waves = frequencies if plain else 2 * frequencies
            self.n = n
            self.frequencies = torch.nn.Parameter(torch.empty(n, frequencies))
            self.phases = torch.nn.Parameter(torch.empty(n, frequencies)) if plain else None
            self.weights = torch.nn.Parameter(torch.empty(n * units, waves))
            self.biases = torch.nn.Parameter(torch.empty(n * units))

        def forward(self, x: Any) -> Any:
            z = x[:, :, None] * self.frequencies * (2 * torch.pi)
            waves = torch.cat([z.cos(), z.sin()], dim=2) if self.phases is None else (z + self.phases).cos()
            weights = self.weights.reshape(self.n, -1, waves.shape[2])
            y = torch.einsum("mnk,nuk->mnu", waves, weights) + self.biases.reshape(self.n, -1)
            y = y if self.phases is None else torch.cat([x[:, :, None], y], dim=2)
            return y.reshape(len(x), -1)

    class PiecewiseEmbedding(torch.nn.Module):
        """Each column by the bins between its edges, the first and the last of them open."""

        def __init__(self, edges: Any) -> None:
            super().__init__()
            self.edges, n = edges, sum(len(row) - 1 for row in edges)
            for name in ("starts", "factors"):
                self.register_buffer(name, torch.empty(n))

        def forward(self, x: Any) -> Any:
            starts, factors = self.get_buffer("starts"), self.get_buffer("factors")
            found, begin = [], 0
            for j, row in enumerate(self.edges):
                bins = slice(begin, begin + len(row) - 1)
                y = (x[:, j : j + 1] - starts[bins]) * factors[bins]
                low, high = torch.zeros_like(y[0]), torch.ones_like(y[0])
                low[0], high[-1] = -torch.inf, torch.inf
                found.append(y.clamp(low, high))
                begin = bins.stop
            return torch.cat(found, dim=1)

    class Embedding(torch.nn.Module):
        """The row of its table for each code; zeros for one that is in none."""

        def __init__(self, tables: Any, fixed: Any) -> None:
            super().__init__()
            for j, (table, stays) in enumerate(zip(tables, fixed, strict=True)):
                values = torch.from_numpy(table)
                if stays:
                    self.register_buffer(f"table_{j}", values)
                else:
                    self.register_parameter(f"table_{j}", torch.nn.Parameter(values))
            self.n, self.fixed = len(tables), list(fixed)

        def forward(self, x: Any) -> Any:
            found = []
            for j in range(self.n):
                table, code = getattr(self, f"table_{j}"), (x[:, j] + 0.5).floor()
                known = (code >= 0) & (code < len(table))
                rows = torch.nn.functional.embedding(torch.where(known, code, 0).long(), table)
                found.append(torch.where(known[:, None], rows, 0 * x[:, j : j + 1]))
            return torch.cat(found, dim=1)

    class EnsembleDense(torch.nn.Module):
        """A dense layer for each member with the same weights: scale_out (W (scale_in x)) + biases."""

        def __init__(self, members: int, inputs: int, units: int, first: bool) -> None:
            super().__init__()
            self.first = first
            self.weights = torch.nn.Parameter(torch.empty(units, inputs))
            self.scale_in = torch.nn.Parameter(torch.empty(members, inputs))
            self.scale_out = torch.nn.Parameter(torch.empty(members, units))
            self.biases = torch.nn.Parameter(torch.empty(members, units))

        def forward(self, x: Any) -> Any:
            each = x[:, None] if self.first else x.reshape(len(x), *self.scale_in.shape)
            y = (each * self.scale_in) @ self.weights.T * self.scale_out + self.biases
            return y.reshape(len(x), -1)

    class MeanOfMembers(torch.nn.Module):
        """The mean over the members of an activation of each one's outputs."""

        def __init__(self, members: int, activation: Any) -> None:
            super().__init__()
            self.members, self.activation = members, torch.nn.Sequential(*activation)

        def forward(self, x: Any) -> Any:
            return self.activation(x.reshape(len(x), self.members, -1)).mean(dim=1)

    kinds = (
        EnsembleDense,
        MeanOfMembers,
        Residual,
        Average,
        Scale,
        Noise,
        Formula,
        OnColumns,
        Scaling,
        PeriodicEmbedding,
        PiecewiseEmbedding,
        Embedding,
    )
    return SimpleNamespace(torch=torch, nn=torch.nn, **{kind.__name__: kind for kind in kinds})


def _filled(m: SimpleNamespace, layer: Any, module: Any, **names: str) -> list[Any]:
    """Copy a layer's parameters into the tensors of a module that they are named for."""
    module.double()
    with m.torch.no_grad():
        for tensor, name in names.items():
            getattr(module, tensor).copy_(m.torch.from_numpy(layer.parameter(name).astype(np.float64)))
    return [module]


def _activation(m: SimpleNamespace, function: Any) -> list[Any]:
    if type(function) is not ACTIVATIONS.get(function.name) or function.name not in ACTIVATION:
        raise ValueError(sentence("an activation of to_torch", one_of(ACTIVATION), function, "Set your own in torch."))
    if function.name == "linear":
        return []
    return [ACTIVATION[function.name](m, **function.settings())]


def _dense(m: SimpleNamespace, layer: Any) -> list[Any]:
    names = {"weight": "weights", **({"bias": "biases"} if layer.bias else {})}
    linear = m.nn.Linear(layer.n_in, layer.n_out, bias=layer.bias)
    return _filled(m, layer, linear, **names) + _activation(m, layer.function)


def _batch_norm(m: SimpleNamespace, layer: Any) -> list[Any]:
    norm = m.nn.BatchNorm1d(layer._width, eps=layer.epsilon, momentum=layer.momentum)
    running = {"running_mean": "running_mean", "running_var": "running_variance"}
    return _filled(m, layer, norm, weight="gain", bias="offset", **running)


def _layer_norm(m: SimpleNamespace, layer: Any) -> list[Any]:
    return _filled(m, layer, m.nn.LayerNorm(layer._width, eps=layer.epsilon), weight="gain", bias="offset")


def _residual(m: SimpleNamespace, layer: Any) -> list[Any]:
    return [m.Residual(*[module for inner in layer.layers for module in _of(m, inner)])]


def _scaling(m: SimpleNamespace, layer: Any) -> list[Any]:
    return _filled(
        m, layer, m.Scaling(layer._width, layer.centre is not None), **{name: name for name in layer.shapes()}
    )


def _periodic(m: SimpleNamespace, layer: Any) -> list[Any]:
    sizes = layer._width, layer.frequencies, layer.width - layer.plain, bool(layer.plain)
    return _filled(m, layer, m.PeriodicEmbedding(*sizes), **{name: name for name in layer.shapes()})


def _embedding(m: SimpleNamespace, layer: Any) -> list[Any]:
    own = {name: layer.parameter(name) for name in layer.shapes()}
    columns = range(len(layer.levels))
    tables = [layer.table(j, own, np.float64).astype(np.float64) for j in columns]
    return [m.Embedding(tables, [layer.is_one_hot(j) for j in columns])]


def _on_columns(m: SimpleNamespace, layer: Any) -> list[Any]:
    modules = [module for inner in layer.layers for module in _of(m, inner)]
    return [m.OnColumns(modules, layer.first or layer.last, layer.first is None)]


def _ensemble(m: SimpleNamespace, layer: Any) -> list[Any]:
    module = m.EnsembleDense(layer.members, layer.inputs, layer.units, layer.first)
    return _filled(m, layer, module, **{name: name for name in layer.shapes()}) + _activation(m, layer.function)


def _average(m: SimpleNamespace, layer: Any) -> list[Any]:
    chains = [m.nn.Sequential(*[module for inner in chain for module in _of(m, inner)]) for chain in layer.chains]
    return [m.Average(chains)]


LAYER: dict[str, Callable[[Any, Any], list[Any]]] = {
    "DenseLayer": _dense,
    "ActivationLayer": lambda m, layer: _activation(m, layer.function),
    "DropoutLayer": lambda m, layer: [m.nn.Dropout(layer.dropout_rate)],
    "GaussianNoise": lambda m, layer: [m.Noise(layer.std)],
    "PReLU": lambda m, layer: _filled(m, layer, m.nn.PReLU(layer._width), weight="slopes"),
    "BatchNorm": _batch_norm,
    "LayerNorm": _layer_norm,
    "Residual": _residual,
    "Scaling": _scaling,
    "PeriodicEmbedding": _periodic,
    "PiecewiseEmbedding": lambda m, layer: _filled(
        m, layer, m.PiecewiseEmbedding(layer.edges), starts="starts", factors="factors"
    ),
    "Embedding": _embedding,
    "OnColumns": _on_columns,
    "EnsembleDense": _ensemble,
    "MeanOfMembers": lambda m, layer: [m.MeanOfMembers(layer.members, _activation(m, layer.function))],
    "AverageLayer": _average,
}


def _of(m: SimpleNamespace, layer: Any) -> list[Any]:
    """Return the modules of a layer."""
    name = type(layer).__name__
    if name not in LAYER or type(layer) is not LAYERS[name]:
        raise ValueError(sentence("a layer of to_torch", one_of(LAYER), layer, "Write your own as a torch.nn.Module."))
    return LAYER[name](m, layer)
