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
    return made.to(getattr(m.torch, net.dtype.name)).eval()


@cache
def _modules() -> SimpleNamespace:
    """Return torch, its modules, and five that it does not have."""
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

    return SimpleNamespace(
        torch=torch, nn=torch.nn, **{kind.__name__: kind for kind in (Residual, Average, Scale, Noise, Formula)}
    )


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
    "AverageLayer": _average,
}


def _of(m: SimpleNamespace, layer: Any) -> list[Any]:
    """Return the modules of a layer."""
    name = type(layer).__name__
    if name not in LAYER or type(layer) is not LAYERS[name]:
        raise ValueError(sentence("a layer of to_torch", one_of(LAYER), layer, "Write your own as a torch.nn.Module."))
    return LAYER[name](m, layer)
