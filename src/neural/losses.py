"""Losses: raw scores -> value and gradient, and the link (softmax, sigmoid, identity) that turns scores into outputs.

J = sum of w_i loss_i / sum of w_i over the batch, plus the penalty l2/(2m) sum W^2, m the nominal batch size. Two
forms of each loss:

- ``of_scores(z, y, dz, own)`` and ``of_outputs(a, y, da, own)``: the library's own path, samples in rows; each returns
  loss_i for each row i and writes d loss_i / dz (or da) into its third argument. The first takes what goes into the
  link, the second what has come out of any activation.
- ``loss(y_true, y_pred, ws)`` and ``loss_prime(y_true, y_pred)``: by hand, samples in columns, y_pred after the link.
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from neural import activations
from neural.activations import floating, newer
from neural.errors import check_number, look_up, one_of, sentence
from neural.inputs import array, broadcast, numbers
from neural.parameters import Own

Classes = np.ndarray | None
SIGMOID = activations.Sigmoid()


class Loss:
    """The root of losses, and of a user's own.

    A user's own gives ``loss(y_true, y_pred)`` and ``loss_prime(y_true, y_pred)``, samples in columns; its
    ``loss_prime`` means dJ/dA, unless ``link = "softmax"`` or the like says that it is dJ/dZ before that link. (Or it
    gives ``of_outputs``, one value a row, and then takes sample weights as well.)

    >>> class Cubic(Loss):
    ...     def loss(self, y_true, y_pred): return np.mean(np.abs(y_pred - y_true) ** 3)
    ...     def loss_prime(self, y_true, y_pred):
    ...         return 3 * np.sign(y_pred - y_true) * (y_pred - y_true) ** 2 / y_true.size
    >>> type(resolve(Cubic)).__name__
    'CustomLoss'
    """

    name: str = ""
    link: str = "linear"
    range: tuple[float, float] | None = None  # what the outputs must lie in
    kinks: tuple[float, ...] = ()  # where the derivative jumps, in outputs minus targets
    l2: float = 0.0

    def __init__(self, l2: float = 0) -> None:
        self.l2 = check_number("l2", l2, low=0)

    # --- the library's own path, (batch, n_out) --------------------------------------------------------------------
    def of_outputs(self, a: np.ndarray, y: np.ndarray, da: np.ndarray, own: Own) -> np.ndarray:
        """Return the loss of each row, and write its derivative by the outputs ``a`` into ``da``."""
        raise NotImplementedError(f"{type(self).__name__} needs loss and loss_prime, or of_outputs")

    def of_scores(self, z: np.ndarray, y: np.ndarray, dz: np.ndarray, own: Own) -> np.ndarray:
        """Return the loss of each row, and write its derivative by the raw scores ``z`` into ``dz``."""
        return self.of_outputs(z, y, dz, own)

    def check_output(self, activation: activations.Activation | None) -> None:
        """Raise ValueError if the loss has no meaning after this activation (None: none)."""
        low, high = (-np.inf, np.inf) if activation is None else activation.range
        if self.range is not None and not self.range[0] <= low <= high <= self.range[1]:
            name = "no activation" if activation is None else activation.name
            raise ValueError(
                f"{type(self).__name__} needs outputs from {self.range[0]:g} to {self.range[1]:g}, as it takes their "
                f"logarithm. Got {name} last. End the network with {self.link}."
            )

    def encode(self, y: Any, n_out: int, classes: Classes = None) -> tuple[np.ndarray, Classes]:
        """Return the targets as the two functions above take them, and the class labels in order, if there are any."""
        y = numbers("y", y)
        return columns("y", y, n_out), None

    def labels(self, targets: np.ndarray) -> np.ndarray:
        """Return what a person calls the truth: class labels as column numbers, or the values themselves."""
        return targets[:, 0] if targets.ndim == 2 and targets.shape[1] == 1 else targets

    def constants(self, n_out: int) -> list[float]:
        """Return the numbers that the loss is made with, besides l2, for a network with ``n_out`` outputs."""
        return [float(value) for name, value in self.settings().items() if name != "l2"]

    def describe(self) -> str:
        """Return a name for errors."""
        return type(self).__name__

    # --- by hand, (n_out, batch) -----------------------------------------------------------------------------------
    def loss(self, y_true: Any, y_pred: Any, ws: float = 0) -> float:
        """Return J = mean loss + l2/(2m) ws, with ``ws`` the sum of squared weights and m the number of columns."""
        y, a = by_hand(y_true, y_pred)
        check_number("ws", ws, low=0)
        rows = self.of_outputs(a, y, np.empty_like(a), Own(0, a.dtype))
        return float(np.mean(rows, dtype=np.float64) + self.l2 / (2 * len(a)) * ws)

    def loss_prime(self, y_true: Any, y_pred: Any) -> np.ndarray:
        """Return dJ/dA for the outputs ``y_pred``, of the same shape."""
        y, a = by_hand(y_true, y_pred)
        da = np.empty_like(a)
        self.of_outputs(a, y, da, Own(0, a.dtype))
        return (da / len(a)).T.reshape(np.shape(y_pred))

    def settings(self) -> dict[str, Any]:
        """Return what tells this object from another of its class, as plain values."""
        return dict(vars(self))

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.settings().items())})"


class CategoricalCrossentropy(Loss):
    """loss_i = -sum_k y_k log p_k, one of K classes.

    Under softmax, from the scores: log sum_k e^(z_k) - sum_k y_k z_k, and dz = p - y (Bishop, 2006, eq. 4.109). After
    sigmoid or hard_sigmoid: dp = -y / p, with p held at least float precision above 0 in both.

    Targets are one-hot (n, K) (bool too), probabilities (n, K), column numbers (n,), or text labels (n,), which are
    sorted. By hand, ``loss_prime`` is (p - y)/m: dJ/dZ under a softmax.

    >>> CategoricalCrossentropy().loss_prime([[1.0], [0.0]], [[0.75], [0.25]])
    array([[-0.25],
           [ 0.25]])
    """

    name = "categorical_crossentropy"
    link = "softmax"
    range = (0.0, 1.0)

    def of_scores(self, z: np.ndarray, y: np.ndarray, dz: np.ndarray, own: Own) -> np.ndarray:
        np.subtract(z, np.maximum.reduce(z, axis=1, keepdims=True), out=dz)
        of_truth = dz[np.arange(len(y)), y] if y.ndim == 1 else np.einsum("ij,ij->i", dz, y)
        np.exp(dz, out=dz)
        total = np.add.reduce(dz, axis=1, keepdims=True)
        np.divide(dz, total, out=dz)
        _subtract_targets(dz, y)
        return np.log(total[:, 0]) - of_truth

    def of_outputs(self, a: np.ndarray, y: np.ndarray, da: np.ndarray, own: Own) -> np.ndarray:
        p = np.maximum(a, np.finfo(a.dtype).eps)
        da[...] = 0
        _subtract_targets(da, y)
        of_truth = np.log(p[np.arange(len(y)), y]) if y.ndim == 1 else np.einsum("ij,ij->i", np.log(p), y)
        np.divide(da, p, out=da)
        return -of_truth

    def encode(self, y: Any, n_out: int, classes: Classes = None) -> tuple[np.ndarray, Classes]:
        y = array("y", y)
        if y.ndim == 2 and y.shape[1] == n_out > 1:
            return _distributions(numbers("y", y)), names_of_columns(n_out, classes)
        flat = one_column("y", y, n_out)
        if flat.dtype.kind == "U":
            return label_numbers(flat, n_out, classes)
        return column_numbers(numbers("y", flat), n_out), names_of_columns(n_out, classes)

    def labels(self, targets: np.ndarray) -> np.ndarray:
        return targets if targets.ndim == 1 else np.argmax(targets, axis=1)

    def loss_prime(self, y_true: Any, y_pred: Any) -> np.ndarray:
        """Return (p - y)/m: dJ/dZ when ``y_pred`` comes out of a softmax."""
        y, a = by_hand(y_true, y_pred)
        return ((a - y) / len(a)).T.reshape(np.shape(y_pred))


class BinaryCrossentropy(Loss):
    """loss_i = -sum_k (y_k log p_k + (1 - y_k) log(1 - p_k)), each output yes or no.

    Under sigmoid, from the scores: max(z, 0) - z y + log(1 + e^-|z|), and dz = p - y, finite for every finite score.
    Alone: dp = (p - y) / (p (1 - p)), with p held float precision away from 0 and 1 in both. Outputs are summed.

    Targets are (n,) or (n, 1) for one output, (n, K) for K, from 0 to 1; two text labels are sorted.

    >>> BinaryCrossentropy().loss([[1.0, 0.0]], [[0.5, 0.5]])
    0.6931471805599453
    """

    name = "binary_crossentropy"
    link = "sigmoid"
    range = (0.0, 1.0)

    def of_scores(self, z: np.ndarray, y: np.ndarray, dz: np.ndarray, own: Own) -> np.ndarray:
        loss, part = own.array("loss", z.shape), dz
        np.maximum(z, 0, out=loss)
        np.multiply(z, y, out=part)
        np.subtract(loss, part, out=loss)  # the large terms first: what is left of them is exact where they cancel
        np.abs(z, out=part)
        np.negative(part, out=part)
        np.exp(part, out=part)
        np.log1p(part, out=part)
        np.add(loss, part, out=loss)
        SIGMOID.forward(z, dz)
        np.subtract(dz, y, out=dz)
        return np.add.reduce(loss, axis=1)

    def of_outputs(self, a: np.ndarray, y: np.ndarray, da: np.ndarray, own: Own) -> np.ndarray:
        eps = np.finfo(a.dtype).eps
        p = np.minimum(np.maximum(a, eps), 1 - eps)
        np.divide(p - y, p * (1 - p), out=da)
        return -np.add.reduce(y * np.log(p) + (1 - y) * np.log1p(-p), axis=1)

    def check_output(self, activation: activations.Activation | None) -> None:
        if activation is not None and activation.name == "softmax":
            raise ValueError(
                "BinaryCrossentropy takes each output alone, and softmax makes them sum to 1. Got softmax last. "
                "Use CategoricalCrossentropy, or end the network with sigmoid."
            )
        super().check_output(activation)

    def encode(self, y: Any, n_out: int, classes: Classes = None) -> tuple[np.ndarray, Classes]:
        y = array("y", y)
        if y.dtype.kind == "U":
            if n_out != 1:
                raise ValueError(sentence("y", f"numbers from 0 to 1 for {n_out} outputs", y))
            y, classes = label_numbers(one_column("y", y, 2), 2, classes)
        targets = columns("y", numbers("y", y), n_out)
        bad = targets[(targets < 0) | (targets > 1)]
        if bad.size:
            step = "Write two classes as 0 and 1; for more, end with softmax and use CategoricalCrossentropy."
            raise ValueError(sentence("y", "from 0 to 1 for BinaryCrossentropy", bad[0].item(), step))
        return targets, names_of_columns(2, classes)

    def labels(self, targets: np.ndarray) -> np.ndarray:
        return super().labels((targets > 0.5).astype(np.int64))


class MSE(Loss):
    """loss_i = mean over the outputs of (a - y)^2; da = 2 (a - y) / n_out, so by hand 2 (p - y) / (m n_out).

    Targets are (n,) or (n, 1) for one output, (n, K) for K.

    >>> MSE().loss_prime([[1.0, 2.0]], [[2.0, 2.0]])
    array([[1., 0.]])
    """

    name = "mse"

    def of_outputs(self, a: np.ndarray, y: np.ndarray, da: np.ndarray, own: Own) -> np.ndarray:
        np.subtract(a, y, out=da)
        rows = np.einsum("ij,ij->i", da, da) / a.shape[1]
        np.multiply(da, 2 / a.shape[1], out=da)
        return rows


class MAE(Loss):
    """loss_i = mean over the outputs of |a - y|; da = sign(a - y) / n_out, 0 at equality.

    Targets are (n,) or (n, 1) for one output, (n, K) for K.

    >>> MAE().loss([[1.0, 2.0]], [[2.0, 2.0]])
    0.5
    """

    name = "mae"
    kinks = (0.0,)

    def of_outputs(self, a: np.ndarray, y: np.ndarray, da: np.ndarray, own: Own) -> np.ndarray:
        np.subtract(a, y, out=da)
        rows = np.add.reduce(np.abs(da), axis=1) / a.shape[1]
        np.sign(da, out=da)
        np.divide(da, a.shape[1], out=da)
        return rows


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


# --- targets at the door -------------------------------------------------------------------------------------------
def columns(what: str, y: np.ndarray, n_out: int) -> np.ndarray:
    """Return ``y`` as (n, n_out); (n,) will do for one output."""
    if y.ndim == 1 and n_out == 1:
        y = y[:, None]
    if y.ndim != 2 or y.shape[1] != n_out:
        rule = f"of shape (n, {n_out}){' or (n,)' if n_out == 1 else ''} for a network with {n_out} outputs"
        raise ValueError(sentence(what, rule, y))
    return y


def one_column(what: str, y: np.ndarray, n_out: int) -> np.ndarray:
    """Return labels (n,) or (n, 1) as (n,)."""
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise ValueError(sentence(what, f"labels (n,) or one-hot (n, {n_out}) for {n_out} outputs", y))
    return y


def column_numbers(y: np.ndarray, n_out: int) -> np.ndarray:
    """Return labels as int64 column numbers, all from 0 to n_out - 1."""
    bad = y[(y < 0) | (y >= n_out) | (y != np.floor(y))] if y.dtype.kind != "b" else y[:0]
    if bad.size:
        rule = f"class numbers from 0 to {n_out - 1} for a network with {n_out} output{'s' * (n_out > 1)}"
        step = "One output is BinaryCrossentropy's, or end with two units and softmax." if n_out == 1 else ""
        if bad[0] == n_out > 1:
            step = "Subtract 1 if the classes count from 1, or give the last layer one more unit."
        raise ValueError(sentence("y", rule, bad[0].item(), step))
    return y.astype(np.int64)


def names_of_columns(n_classes: int, classes: Classes) -> np.ndarray:
    """Return the text labels that the classes had before, if there are as many, and else their numbers.

    Numbers as targets are column numbers, so they leave the names of the columns as they are.
    """
    named = classes is not None and classes.dtype.kind == "U" and len(classes) == n_classes
    return np.asarray(classes) if named else np.arange(n_classes)


def label_numbers(y: np.ndarray, n_classes: int, classes: Classes) -> tuple[np.ndarray, Classes]:
    """Return text labels as column numbers in sorted order, and the sorted labels."""
    found, classes = np.unique(y), names_of_columns(n_classes, classes)
    if classes.dtype.kind != "U":
        classes = found
        if len(found) != n_classes:
            rule = f"of {n_classes} different labels for this network"
            raise ValueError(sentence("y", rule, f"{len(found)}: {', '.join(found[:12])}"))
    unknown = np.setdiff1d(found, classes)
    if unknown.size:
        raise ValueError(sentence("y", f"one of the labels {', '.join(classes)}", str(unknown[0])))
    return np.searchsorted(classes, y).astype(np.int64), classes


def _distributions(y: np.ndarray) -> np.ndarray:
    """Return one-hot rows as column numbers, other probabilities made to sum to 1 exactly."""
    sums = y.sum(axis=1, dtype=np.float64)
    bad = np.flatnonzero((np.abs(sums - 1) > 1e-3) | (y.min(axis=1) < 0))
    if bad.size:
        rule = "one-hot, or probabilities that sum to 1 in each row, for CategoricalCrossentropy"
        raise ValueError(sentence("y", rule, y[bad[0]].tolist(), f"See row {bad[0]}."))
    one_hot = bool(np.all((y == 0) | (y == 1)))
    return np.argmax(y, axis=1).astype(np.int64) if one_hot else y / sums[:, None]


def _subtract_targets(d: np.ndarray, y: np.ndarray) -> None:
    """D -= y, with y as column numbers or as (n, K)."""
    if y.ndim == 1:
        d[np.arange(len(y)), y] -= 1
    else:
        np.subtract(d, y, out=d)


def by_hand(y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return both arguments of a by-hand function as (batch, n_out), in the dtype of ``y_pred``."""
    a, y = floating(y_pred, "y_pred"), numbers("y_true", y_true)
    if a.ndim not in (1, 2) or a.size == 0:
        raise ValueError(sentence("y_pred", "(n_out, batch), samples in columns, and not empty", a))
    y = y.astype(a.dtype)
    if y.shape != a.shape and not (y.ndim and y.size == a.size == max(y.shape) == max(a.shape)):
        raise ValueError(sentence("y_true", f"of the shape of y_pred, {a.shape}", y))
    rows = a.reshape(1, -1).T if a.ndim == 1 else a.T
    return y.reshape(a.shape).reshape(rows.T.shape).T, rows


def resolve(spec: Any) -> Loss:
    """Return the loss that a name, a class, or an object stands for; a user's own is wrapped.

    >>> resolve("mse")
    MSE(l2=0.0)
    """
    if isinstance(spec, str):
        return look_up("loss", spec, LOSSES)()
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

LOSSES: dict[str, type[Loss]] = {kind.name: kind for kind in (CategoricalCrossentropy, BinaryCrossentropy, MSE, MAE)}
