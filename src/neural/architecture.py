"""What the arguments of an estimator stand for: layers and how they start, loss, optimizer, schedule."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np

from neural import activations, averages, losses, optimizers, schedules
from neural.errors import check_number, sentence
from neural.layer import Layer
from neural.layers import ActivationLayer, DenseLayer, DropoutLayer
from neural.loss import Loss
from neural.nn import NeuralNetwork
from neural.normalization import BatchNorm, LayerNorm
from neural.optimizers import LBFGS, SGD, Adam, Optimizer
from neural.parameters import lay_out
from neural.residual import Residual

ACTIVATIONS = {"identity": "linear", "logistic": "sigmoid", "tanh": "tanh", "relu": "relu"}  # by scikit-learn's names
LINKS = {"linear": "identity", "sigmoid": "logistic", "softmax": "softmax", "exponential": "exp"}  # and back
RATES = ("constant", "invscaling", "adaptive")
SCIPY_FTOL = 2.220446049250313e-09  # what L-BFGS-B takes if it is told nothing
OF_CLASSES = {  # names of losses: for one class of K, and for yes or no
    "log_loss": ("categorical_crossentropy", "binary_crossentropy"),
    "focal": ("categorical_focal", "binary_focal"),
    "hinge": ("categorical_hinge", "hinge"),
}


# --- layers --------------------------------------------------------------------------------------------------------
def hidden_sizes(given: Any) -> list[Any]:
    """Return the widths of the hidden layers, or the layers that were given in their place."""
    sizes = list(given) if isinstance(given, Iterable) else [given]
    if any(isinstance(size, Layer) for size in sizes):
        if not all(isinstance(size, Layer) for size in sizes):
            raise ValueError(sentence("hidden_layer_sizes", "all numbers or all layers", sizes))
        return sizes
    found = [check_number("hidden_layer_sizes", size, whole=True) for size in sizes]
    if any(size <= 0 for size in found):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return found


def for_each(what: str, given: Any, count: int, one: type | tuple[type, ...]) -> list[Any]:
    """Return one value for each hidden layer: those of a list, or the same for all."""
    if isinstance(given, one) or not isinstance(given, list | tuple | np.ndarray):
        return [given] * count
    if len(given) != count:
        raise ValueError(sentence(what, f"one, or a list of {count}, as there are hidden layers", given))
    return list(given)


def activation_of(given: Any) -> activations.Activation:
    """Return an activation by scikit-learn's name or by one of ours."""
    return activations.resolve(ACTIVATIONS.get(given, given) if isinstance(given, str) else given)


def hidden_layers(estimator: Any, n_in: int) -> list[Layer]:
    """Return the layers before the last, each with its normalization, activation and dropout."""
    sizes = hidden_sizes(estimator.hidden_layer_sizes)
    first = [DropoutLayer(estimator.input_dropout)] if estimator.input_dropout else []
    if any(isinstance(size, Layer) for size in sizes):
        _refuse_blocks(estimator)
        return [*first, *copy.deepcopy(sizes)]
    functions = for_each("activation", estimator.activation, len(sizes), str)
    rates = for_each("dropout", estimator.dropout, len(sizes), ())
    blocks, width = list[Layer](first), n_in
    skipped = 0
    for size, function, rate in zip(sizes, functions, rates, strict=True):
        block = [*_block(estimator, width, size, activation_of(function)), *([DropoutLayer(rate)] if rate else [])]
        as_wide = estimator.residual and size == width
        blocks += [Residual(block)] if as_wide else block
        skipped, width = skipped + as_wide, size
    if estimator.residual and not skipped:
        step = "Give two hidden layers of one width, one after the other."
        raise ValueError(sentence("residual", "False where no hidden layer is as wide as what it takes", True, step))
    return blocks


def _block(estimator: Any, n_in: int, n_out: int, function: activations.Activation) -> list[Layer]:
    norms = [kind() for kind, asked in ((BatchNorm, estimator.batch_norm), (LayerNorm, estimator.layer_norm)) if asked]
    if not norms:
        return [DenseLayer(n_in, n_out, function)]
    return [DenseLayer(n_in, n_out), *norms, ActivationLayer(function)]


def _refuse_blocks(estimator: Any) -> None:
    for name in ("dropout", "batch_norm", "layer_norm", "residual"):
        if getattr(estimator, name):
            step = "Put such layers into the list."
            raise ValueError(
                sentence(name, "left out where hidden_layer_sizes is layers", getattr(estimator, name), step)
            )


def network(estimator: Any, loss: Loss, n_in: int, n_out: int, dtype: Any, random_state: Any) -> NeuralNetwork:
    """Return the network, not yet built, its first values drawn from ``random_state`` if they are scikit-learn's."""
    seed = copy.deepcopy(random_state)  # of dropout and the like, so that the draws below are scikit-learn's own
    layers = hidden_layers(estimator, n_in)
    link = activations.ACTIVATIONS[loss.link]()
    width = n_in
    for layer in layers:
        width = layer.width_after(width)
    layers.append(DenseLayer(width, n_out, link))
    net = NeuralNetwork(
        layers, loss, dtype=dtype, engine=estimator.engine, input_scale=estimator.input_scale, random_state=seed
    )
    if _starts_as_there(estimator):
        _draw(net, estimator.activation, random_state)
    return net


def _starts_as_there(estimator: Any) -> bool:
    return isinstance(estimator.activation, str) and estimator.activation in ACTIVATIONS and not any(
        isinstance(size, Layer) for size in hidden_sizes(estimator.hidden_layer_sizes)
    )  # fmt: skip


def _draw(net: NeuralNetwork, activation: str, random_state: Any) -> None:
    """Draw weights and biases as scikit-learn does, uniform within sqrt(factor / (n_in + n_out))."""
    factor = 2.0 if activation == "logistic" else 6.0
    for layer in net.leaves:
        if isinstance(layer, DenseLayer):
            n_in, n_out = layer.n_in or 0, layer.n_out
            bound = np.sqrt(factor / (n_in + n_out))
            layer.settle(lay_out([layer.shapes()]), None)
            layer.parameter("weights")[...] = random_state.uniform(-bound, bound, (n_in, n_out)).T
            layer.parameter("biases")[...] = random_state.uniform(-bound, bound, n_out)


def published(network: NeuralNetwork) -> dict[str, Any]:
    """Return the attributes of an estimator that show its network: weights (n_in, n_out) and biases, as views."""
    dense = [layer for layer in network.leaves if isinstance(layer, DenseLayer)]
    coefs = [layer.weights.T for layer in dense]
    intercepts = [layer.parameter("biases") if layer.bias else np.zeros(layer.n_out, network.dtype) for layer in dense]
    return {
        "_network": network, "_views": (coefs, intercepts), "coefs_": list(coefs), "intercepts_": list(intercepts),
    }  # fmt: skip


# --- losses --------------------------------------------------------------------------------------------------------
def loss_of_classes(estimator: Any, one_of_many: bool) -> Loss:
    """Return the loss of a classifier: ``one_of_many`` classes, or yes and no."""
    given = estimator.loss
    if isinstance(given, str) and given in OF_CLASSES:
        given = OF_CLASSES[given][0 if one_of_many else 1]
    loss = copy.copy(losses.resolve(given))
    if estimator.label_smoothing:
        if not hasattr(loss, "label_smoothing"):
            rule = f"0 for {loss.describe()}, which cannot smooth labels"
            raise ValueError(sentence("label_smoothing", rule, estimator.label_smoothing))
        loss.label_smoothing = float(estimator.label_smoothing)
    return _penalized(loss, estimator.alpha)


def loss_of_values(estimator: Any, n_targets: int) -> Loss:
    """Return the loss of a regressor; those of scikit-learn's names descend the sum over the targets."""
    if isinstance(estimator.loss, str) and estimator.loss in ("squared_error", "poisson"):
        loss: Loss = losses.MSE() if estimator.loss == "squared_error" else losses.Poisson()
        loss.factor = n_targets / 2 if estimator.loss == "squared_error" else float(n_targets)
    else:
        loss = copy.copy(losses.resolve(estimator.loss))
    return _penalized(loss, estimator.alpha)


def _penalized(loss: Loss, alpha: float) -> Loss:
    if isinstance(loss, losses.CustomLoss):
        loss.own_loss = copy.copy(loss.own_loss)
        loss.own_loss.l2 = float(alpha)
    else:
        loss.l2 = float(alpha)
    return loss


# --- optimizers ----------------------------------------------------------------------------------------------------
def optimizer_of(estimator: Any) -> Optimizer:
    """Return what an estimator's solver stands for; the names of scikit-learn take its settings."""
    e = estimator
    if e.solver == "lbfgs":
        noisy = next((name for name in ("dropout", "input_dropout", "batch_norm") if np.any(getattr(e, name))), None)
        if noisy:
            raise ValueError(sentence("solver", f"one that bears noise, such as 'adam', with {noisy}", e.solver))
        return LBFGS(tol=float(e.tol), max_fun=int(e.max_fun), ftol=SCIPY_FTOL)
    if e.solver == "sgd":
        return SGD(float(e.momentum), bool(e.nesterovs_momentum and e.momentum))
    if e.solver == "adam":
        return Adam(float(e.beta_1), float(e.beta_2), float(e.epsilon), epsilon_first=True)
    return optimizers.resolve(e.solver)


def average_of(estimator: Any) -> averages.Average | None:
    """Return how the weights are averaged: a number is the decay of an exponential mean."""
    ema = estimator.ema
    return averages.EMA(float(ema)) if isinstance(ema, Real) else averages.resolve(ema)


def schedule_of(estimator: Any) -> schedules.Schedule:
    """Return the schedule of the learning rate; what scikit-learn's names mean follows the course of training."""
    rate = estimator.learning_rate
    return schedules.resolve(None if isinstance(rate, str) and rate in RATES else rate)
