"""The table of losses, a user's own among them, and what a name stands for."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from neural import activations
from neural.activations import newer
from neural.classification_losses import (
    BinaryCrossentropy,
    BinaryFocal,
    CategoricalCrossentropy,
    CategoricalFocal,
    CategoricalHinge,
    Hinge,
    SquaredHinge,
)
from neural.errors import check_number, look_up, one_of, sentence
from neural.inputs import broadcast, numbers
from neural.loss import Loss
from neural.parameters import Own
from neural.regression_losses import MAE, MSE, Gamma, GaussianNLL, Huber, LogCosh, Poisson, Quantile
from neural.targets import Classes, column_numbers, columns

__all__ = [
    "LOSSES",
    "MAE",
    "MSE",
    "BinaryCrossEntropy",
    "BinaryCrossentropy",
    "BinaryFocal",
    "CategoricalCrossEntropy",
    "CategoricalCrossentropy",
    "CategoricalFocal",
    "CategoricalHinge",
    "CustomLoss",
    "Gamma",
    "GaussianNLL",
    "Hinge",
    "Huber",
    "LogCosh",
    "Loss",
    "Poisson",
    "Quantile",
    "SquaredHinge",
    "resolve",
]


class CustomLoss(Loss):
    """A user's own loss: ``loss`` gives the mean of the batch, so every row gets that mean. It takes copies."""

    def __init__(self, own_loss: Any) -> None:
        self.own_loss = own_loss
        self.name = type(own_loss).__name__ if not isinstance(own_loss, type) else own_loss.__name__
        self.link = getattr(own_loss, "link", "linear")
        look_up("link", self.link, activations.ACTIVATIONS)
        self.range, self.kinks = getattr(own_loss, "range", None), getattr(own_loss, "kinks", ())
        check_number("l2", self.l2, low=0)
        wanted = inspect.signature(own_loss.loss).parameters.values()
        self.extra = (0,) if sum(p.default is p.empty and p.kind == p.POSITIONAL_OR_KEYWORD for p in wanted) > 2 else ()

    @property
    def l2(self) -> float:  # type: ignore[override]
        """The user's own, as it is now."""
        return getattr(self.own_loss, "l2", 0.0)

    def of_outputs(self, a: np.ndarray, y: np.ndarray, da: np.ndarray, own: Own) -> np.ndarray:
        value = broadcast(f"{self.name}.loss", self.own_loss.loss(y.T.copy(), a.T.copy(), *self.extra), ())
        prime = broadcast(f"{self.name}.loss_prime", self.own_loss.loss_prime(y.T.copy(), a.T.copy()), a.T.shape)
        da[...] = prime.T * len(a)  # from dJ/da to the row's own derivative
        return np.full(len(a), value.item())

    def describe(self) -> str:
        return self.name

    def check_output(self, activation: activations.Activation | None) -> None:
        if self.link != "linear" and type(activation) is not activations.ACTIVATIONS[self.link]:
            got = "no activation" if activation is None else activation.name
            raise ValueError(
                f"{self.name} has link = {self.link!r} and must follow it, as its loss_prime is dJ/dZ. Got {got}."
            )
        super().check_output(activation)

    def of_scores(self, z: np.ndarray, y: np.ndarray, dz: np.ndarray, own: Own) -> np.ndarray:
        link = activations.resolve(self.link)
        return self.of_outputs(link.forward(z, own.array("p", z.shape)), y, dz, own)

    def encode(self, y: Any, n_out: int, classes: Classes = None) -> tuple[np.ndarray, Classes]:
        y = numbers("y", y)
        if y.ndim == 1 and n_out > 1:
            return np.eye(n_out)[column_numbers(y, n_out)], np.arange(n_out)
        return columns("y", y, n_out), None

    def labels(self, targets: np.ndarray) -> np.ndarray:
        one_hot = targets.ndim == 2 and targets.shape[1] > 1 and np.all((targets == 0) | (targets == 1))
        return np.argmax(targets, axis=1) if one_hot else super().labels(targets)


def resolve(spec: Any) -> Loss:
    """Return the loss that a name, a class, or an object stands for; a user's own is wrapped.

    >>> resolve("mse")
    MSE(l2=0.0)
    """
    if isinstance(spec, str):
        return look_up("loss", spec, {**LOSSES, **SYNONYMS})()
    if isinstance(spec, type) and (issubclass(spec, Loss) or callable(getattr(spec, "loss", None))):
        spec = spec()
    if isinstance(spec, Loss) and type(spec).of_outputs is not Loss.of_outputs:
        by_hand_is_newer = newer(type(spec), ("loss", "loss_prime"), ("of_outputs", "of_scores"))
        return CustomLoss(spec) if by_hand_is_newer else spec
    if callable(getattr(spec, "loss", None)) and callable(getattr(spec, "loss_prime", None)):
        return CustomLoss(spec)
    raise TypeError(sentence("loss", f"{one_of(LOSSES)}, or have loss and loss_prime", spec))


CategoricalCrossEntropy = CategoricalCrossentropy
BinaryCrossEntropy = BinaryCrossentropy

LOSSES: dict[str, type[Loss]] = {
    kind.name: kind
    for kind in (
        *(CategoricalCrossentropy, CategoricalFocal, CategoricalHinge),
        *(BinaryCrossentropy, BinaryFocal, Hinge, SquaredHinge),
        *(MSE, MAE, Huber, LogCosh, Quantile, Poisson, Gamma, GaussianNLL),
    )
}
SYNONYMS: dict[str, type[Loss]] = {
    "sparse_categorical_crossentropy": CategoricalCrossentropy,
    "cross_entropy": CategoricalCrossentropy,
    "bce": BinaryCrossentropy,
    "mean_squared_error": MSE,
    "mean_absolute_error": MAE,
}
