"""Losses of classes: one of K, or each output yes or no; from scores under their link, from outputs of any other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from neural import activations
from neural.errors import check_number, sentence
from neural.inputs import array, numbers
from neural.loss import Loss
from neural.parameters import Own
from neural.targets import (
    Classes,
    column_numbers,
    columns,
    distributions,
    label_numbers,
    names_of_columns,
    one_column,
    one_hot,
    subtract_targets,
)

SIGMOID = activations.Sigmoid()


class Categorical(Loss):
    """The root of losses of one class out of K.

    Targets are one-hot (n, K) (bool too), probabilities (n, K), column numbers (n,), or text labels (n,), which are
    sorted.
    """

    link = "softmax"
    range: tuple[float, float] | None = (0.0, 1.0)

    def encode(self, y: Any, n_out: int, classes: Classes = None) -> tuple[np.ndarray, Classes]:
        y = array("y", y)
        if y.ndim == 2 and y.shape[1] == n_out > 1:
            return distributions(numbers("y", y), type(self).__name__), names_of_columns(n_out, classes)
        flat = one_column("y", y, n_out)
        if flat.dtype.kind == "U":
            return label_numbers(flat, n_out, classes)
        return column_numbers(numbers("y", flat), n_out), names_of_columns(n_out, classes)

    def labels(self, targets: np.ndarray) -> np.ndarray:
        return targets if targets.ndim == 1 else np.argmax(targets, axis=1)


class Binary(Loss):
    """The root of losses whose outputs are each yes or no; they are summed.

    Targets are (n,) or (n, 1) for one output, (n, K) for K; two text labels are sorted.
    """

    link = "sigmoid"
    range: tuple[float, float] | None = (0.0, 1.0)

    def check_output(self, activation: activations.Activation | None) -> None:
        if activation is not None and activation.name == "softmax":
            raise ValueError(
                f"{type(self).__name__} takes each output alone, and softmax makes them sum to 1. Got softmax last. "
                "Use CategoricalCrossentropy, or end the network with sigmoid."
            )
        super().check_output(activation)

    def encode(self, y: Any, n_out: int, classes: Classes = None) -> tuple[np.ndarray, Classes]:
        y = array("y", y)
        if y.dtype.kind == "U":
            if n_out != 1:
                raise ValueError(sentence("y", f"numbers from 0 to 1 for {n_out} outputs", y))
            y, classes = label_numbers(one_column("y", y, 2), 2, classes)
        targets = self.checked(columns("y", numbers("y", y), n_out))
        return targets, names_of_columns(2, classes)

    def checked(self, y: np.ndarray) -> np.ndarray:
        bad = y[(y < 0) | (y > 1)]
        if bad.size:
            step = "Write two classes as 0 and 1; for more, end with softmax and use CategoricalCrossentropy."
            raise ValueError(sentence("y", f"from 0 to 1 for {type(self).__name__}", bad[0].item(), step))
        return y

    def labels(self, targets: np.ndarray) -> np.ndarray:
        return super().labels((targets > 0.5).astype(np.int64))


class Smoothed(Loss):
    """The root of losses whose targets can be moved towards chance: ``label_smoothing``, from 0 to 1."""

    label_smoothing: float = 0.0

    def __init__(self, l2: float = 0, label_smoothing: float = 0) -> None:
        super().__init__(l2)
        self.label_smoothing = check_number("label_smoothing", label_smoothing, low=0, high=1)

    def constants(self, n_out: int) -> list[float]:
        return [self.label_smoothing]


class CategoricalCrossentropy(Smoothed, Categorical):
    """loss_i = -sum_k y_k log p_k, one of K classes.

    Under softmax, from the scores: log sum_k e^(z_k) - sum_k y_k z_k, and dz = p - y (Bishop, 2006, eq. 4.109). After
    sigmoid or hard_sigmoid: dp = -y / p, with p held at least float precision above 0 in both.

    ``label_smoothing`` e, from 0 to 1, takes (1 - e) y + e / K in place of y (Szegedy et al., 2016). Targets are
    one-hot (n, K) (bool too), probabilities (n, K), column numbers (n,), or text labels (n,), which are sorted. By
    hand, ``loss_prime`` is (p - y)/m: dJ/dZ under a softmax.

    >>> CategoricalCrossentropy().loss_prime([[1.0], [0.0]], [[0.75], [0.25]])
    array([[-0.25],
           [ 0.25]])
    """

    name = "categorical_crossentropy"

    def _smooth(self, y: np.ndarray, a: np.ndarray) -> np.ndarray:
        e = self.label_smoothing
        return y if e == 0 else one_hot(y, a) * (1 - e) + e / a.shape[1]

    def of_scores(self, z: np.ndarray, y: np.ndarray, dz: np.ndarray, own: Own) -> np.ndarray:
        y = self._smooth(y, z)
        np.subtract(z, np.maximum.reduce(z, axis=1, keepdims=True), out=dz)
        of_truth = dz[np.arange(len(y)), y] if y.ndim == 1 else np.einsum("ij,ij->i", dz, y)
        np.exp(dz, out=dz)
        total = np.add.reduce(dz, axis=1, keepdims=True)
        np.divide(dz, total, out=dz)
        subtract_targets(dz, y)
        return np.log(total[:, 0]) - of_truth

    def of_outputs(self, a: np.ndarray, y: np.ndarray, da: np.ndarray, own: Own) -> np.ndarray:
        y = self._smooth(y, a)
        p = np.maximum(a, np.finfo(a.dtype).eps)
        da[...] = 0
        subtract_targets(da, y)
        of_truth = np.log(p[np.arange(len(y)), y]) if y.ndim == 1 else np.einsum("ij,ij->i", np.log(p), y)
        np.divide(da, p, out=da)
        return -of_truth

    def loss_prime(self, y_true: Any, y_pred: Any) -> np.ndarray:
        """Return (p - y)/m: dJ/dZ when ``y_pred`` comes out of a softmax."""
        y, a = self.by_hand(y_true, y_pred)
        return (self.factor * (a - self._smooth(y, a)) / len(a)).T.reshape(np.shape(y_pred))


class BinaryCrossentropy(Smoothed, Binary):
    """loss_i = -sum_k (y_k log p_k + (1 - y_k) log(1 - p_k)), each output yes or no.

    Under sigmoid, from the scores: max(z, 0) - z y + log(1 + e^-|z|), and dz = p - y, finite for every finite score.
    Alone: dp = (p - y) / (p (1 - p)), with p held float precision away from 0 and 1 in both. Outputs are summed.

    ``label_smoothing`` e, from 0 to 1, takes (1 - e) y + e / 2 in place of y. Targets are (n,) or (n, 1) for one
    output, (n, K) for K, from 0 to 1; two text labels are sorted.

    >>> BinaryCrossentropy().loss([[1.0, 0.0]], [[0.5, 0.5]])
    0.6931471805599453
    """

    name = "binary_crossentropy"

    def _smooth(self, y: np.ndarray) -> np.ndarray:
        return y if self.label_smoothing == 0 else y + self.label_smoothing * (0.5 - y)

    def of_scores(self, z: np.ndarray, y: np.ndarray, dz: np.ndarray, own: Own) -> np.ndarray:
        y = self._smooth(y)
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
        y = self._smooth(y)
        eps = np.finfo(a.dtype).eps
        p = np.minimum(np.maximum(a, eps), 1 - eps)
        np.divide(p - y, p * (1 - p), out=da)
        return -np.add.reduce(y * np.log(p) + (1 - y) * np.log1p(-p), axis=1)


class CategoricalFocal(Categorical):
    """loss_i = -sum_k alpha_k y_k (1 - p_k)^gamma log p_k, one of K classes (Lin et al., 2017, eq. 5).

    Examples that are right already count little, and the less the larger ``gamma``; 0 is cross-entropy. ``alpha``:
    None, or one factor for each class. With q = 1 - p and c_k = alpha_k y_k q_k^gamma (gamma p_k log(p_k) / q_k - 1):
    under softmax dz = c - p sum c; alone dp = c / p, with p held at least float precision above 0.

    Targets as in CategoricalCrossentropy. By hand, ``loss_prime`` is dJ/dZ under a softmax.

    >>> CategoricalFocal(gamma=2).loss([[1.0, 1.0], [0.0, 0.0]], [[0.5, 1.0], [0.5, 0.0]])  # log(2) / 4 / 2
    0.08664339756999316
    """

    name = "categorical_focal"

    def __init__(self, gamma: float = 2.0, alpha: Sequence[float] | None = None, *, l2: float = 0) -> None:
        self.gamma = check_number("gamma", gamma, low=0)
        if alpha is not None:
            if not isinstance(alpha, Sequence | np.ndarray) or isinstance(alpha, str):
                raise TypeError(sentence("alpha", "None or a list of one factor for each class", alpha))
            alpha = [check_number("alpha", factor, low=0) for factor in alpha]
        self.alpha = alpha
        super().__init__(l2)

    def constants(self, n_out: int) -> list[float]:
        return [self.gamma, *([1.0] * n_out if self.alpha is None else self.alpha)]

    def encode(self, y: Any, n_out: int, classes: Classes = None) -> tuple[np.ndarray, Classes]:
        if self.alpha is not None and len(self.alpha) != n_out:
            raise ValueError(sentence("alpha", f"of one factor for each of {n_out} classes", self.alpha))
        return super().encode(y, n_out, classes)

    def _parts(self, p: np.ndarray, log: np.ndarray, q: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the loss of each row and c, given p, log p and 1 - p, each as exact as it can be had."""
        y, alpha = one_hot(y, p), np.array(self.constants(p.shape[1])[1:], p.dtype)
        truth = y != 0
        slope = np.divide(log, q, out=np.full_like(p, -1), where=q > 0)  # log(p) / (1 - p), which is -1 at p = 1
        factor = alpha * y * np.power(q, self.gamma)
        c = np.where(truth, factor * (self.gamma * p * slope - 1), 0)
        return -np.add.reduce(np.where(truth, factor * log, 0), axis=1), c

    def of_scores(self, z: np.ndarray, y: np.ndarray, dz: np.ndarray, own: Own) -> np.ndarray:
        log = z - np.maximum.reduce(z, axis=1, keepdims=True)
        log -= np.log(np.add.reduce(np.exp(log), axis=1, keepdims=True))
        p = np.exp(log)
        rows, c = self._parts(p, log, -np.expm1(log), y)
        np.subtract(c, p * np.add.reduce(c, axis=1, keepdims=True), out=dz)
        return rows

    def of_outputs(self, a: np.ndarray, y: np.ndarray, da: np.ndarray, own: Own) -> np.ndarray:
        p = np.maximum(a, np.finfo(a.dtype).eps)
        rows, c = self._parts(p, np.log(p), 1 - p, y)
        np.divide(c, p, out=da)
        return rows

    def loss_prime(self, y_true: Any, y_pred: Any) -> np.ndarray:
        """Return dJ/dZ when ``y_pred`` comes out of a softmax."""
        y, a = self.by_hand(y_true, y_pred)
        p = np.maximum(a, np.finfo(a.dtype).eps)
        _, c = self._parts(p, np.log(p), 1 - p, y)
        return ((c - a * np.add.reduce(c, axis=1, keepdims=True)) / len(a)).T.reshape(np.shape(y_pred))


class BinaryFocal(Binary):
    """loss_i = sum_k of -alpha y (1 - p)^gamma log p - (1 - alpha) (1 - y) p^gamma log(1 - p) (Lin et al., 2017).

    Examples that are right already count little, and the less the larger ``gamma``; 0 is cross-entropy. ``alpha``, from
    0 to 1, is the weight of yes, and 1 - alpha of no; None is 1 for both. Under sigmoid, from the scores, with s(z) =
    log(1 + e^z): the first term is alpha y e^(-gamma s(z)) s(-z), the second its mirror image. Alone, p is held float
    precision away from 0 and 1. Outputs are summed. Targets as in BinaryCrossentropy.

    >>> BinaryFocal(gamma=2).loss([[1.0, 0.0]], [[0.5, 0.5]])  # log(2) / 4
    0.17328679513998632
    """

    name = "binary_focal"

    def __init__(self, gamma: float = 2.0, alpha: float | None = None, *, l2: float = 0) -> None:
        self.gamma = check_number("gamma", gamma, low=0)
        self.alpha = None if alpha is None else check_number("alpha", alpha, low=0, high=1)
        super().__init__(l2)

    def constants(self, n_out: int) -> list[float]:
        return [self.gamma, *((1.0, 1.0) if self.alpha is None else (self.alpha, 1 - self.alpha))]

    def of_scores(self, z: np.ndarray, y: np.ndarray, dz: np.ndarray, own: Own) -> np.ndarray:
        gamma, yes, no = self.constants(1)
        small = np.exp(-np.abs(z))
        log = np.log1p(small)
        up, down = np.maximum(z, 0) + log, np.maximum(-z, 0) + log  # -log(1 - p), -log p
        p, q = np.where(z < 0, small, 1) / (1 + small), np.where(z < 0, 1, small) / (1 + small)
        of_yes, of_no = yes * y * np.exp(-gamma * up), no * (1 - y) * np.exp(-gamma * down)
        np.subtract(of_no * (gamma * q * up + p), of_yes * (gamma * p * down + q), out=dz)
        return np.add.reduce(of_yes * down + of_no * up, axis=1)

    def of_outputs(self, a: np.ndarray, y: np.ndarray, da: np.ndarray, own: Own) -> np.ndarray:
        gamma, yes, no = self.constants(1)
        eps = np.finfo(a.dtype).eps
        p = np.minimum(np.maximum(a, eps), 1 - eps)
        q, up, down = 1 - p, -np.log1p(-p), -np.log(p)
        of_yes, of_no = yes * y * np.power(q, gamma), no * (1 - y) * np.power(p, gamma)
        np.subtract(of_no * (gamma * up / p + 1 / q), of_yes * (gamma * down / q + 1 / p), out=da)
        return np.add.reduce(of_yes * down + of_no * up, axis=1)


class Hinge(Binary):
    """loss_i = sum_k max(0, 1 - y_k z_k), each output a score that says yes above 0 (Cortes and Vapnik, 1995).

    dz = -y where y z < 1, else 0. The network ends without an activation; the class is ``predict(X) > 0``. Inside, y is
    -1 or 1. Targets are -1 and 1, or 0 and 1, (n,) or (n, 1) for one output, (n, K) for K; two text labels are sorted.

    >>> Hinge().loss([[1, 1, -1]], [[2.0, 0.5, 0.5]])  # (0 + 0.5 + 1.5) / 3
    0.6666666666666666
    """

    name = "hinge"
    link = "linear"
    range = None
    kinks = (0.0,)  # y z = 1, which is z = y

    def check_output(self, activation: activations.Activation | None) -> None:
        if activation is not None and activation.range[0] >= 0:
            raise ValueError(
                f"{type(self).__name__} needs scores on both sides of 0. Got {activation.name} last. End the network "
                "with no activation."
            )

    def checked(self, y: np.ndarray) -> np.ndarray:
        bad = y[(y != 1) & (y != (-1 if y.size and y.min() < 0 else 0))]
        if bad.size:
            raise ValueError(sentence("y", f"-1 and 1, or 0 and 1, for {type(self).__name__}", bad[0].item()))
        return np.where(y > 0, 1.0, -1.0)

    def estimates(self, outputs: np.ndarray) -> np.ndarray:
        return outputs if outputs.shape[1] > 1 else (outputs > 0).astype(np.int64)

    def of_outputs(self, a: np.ndarray, y: np.ndarray, da: np.ndarray, own: Own) -> np.ndarray:
        short = np.maximum(1 - y * a, 0)
        np.multiply(np.sign(short), -y, out=da, casting="same_kind")
        return np.add.reduce(short, axis=1)


class SquaredHinge(Hinge):
    """loss_i = sum_k max(0, 1 - y_k z_k)^2; dz = -2 y max(0, 1 - y z): no corner at the margin. Else as Hinge.

    >>> SquaredHinge().loss([[1, 1, -1]], [[2.0, 0.5, 0.5]])  # (0 + 0.25 + 2.25) / 3
    0.8333333333333334
    """

    name = "squared_hinge"

    def of_outputs(self, a: np.ndarray, y: np.ndarray, da: np.ndarray, own: Own) -> np.ndarray:
        short = np.maximum(1 - y * a, 0)
        np.multiply(short, -2 * y, out=da, casting="same_kind")
        return np.add.reduce(short * short, axis=1)


class CategoricalHinge(Categorical):
    """loss_i = max(0, 1 + max_(k != t) z_k - z_t), t the true class out of K (Crammer and Singer, 2001).

    Where it is above 0, dz is 1 for the best wrong class, the first of equals, and -1 for t. The network ends without
    an activation; the class is the largest score. Targets are one-hot (n, K), column numbers (n,), or text labels (n,).

    >>> CategoricalHinge().loss([[1], [0], [0]], [[2.0], [1.5], [-3.0]])
    0.5
    """

    name = "categorical_hinge"
    link = "linear"
    range = None

    def encode(self, y: Any, n_out: int, classes: Classes = None) -> tuple[np.ndarray, Classes]:
        if n_out < 2:
            step = "For one output use Hinge."
            raise ValueError(sentence("the number of outputs", "2 at least for CategoricalHinge", n_out, step))
        targets, classes = super().encode(y, n_out, classes)
        if targets.ndim == 2:
            raise ValueError(sentence("y", "one-hot or labels for CategoricalHinge", array("y", y)))
        return targets, classes

    def _rivals(self, a: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the true class of each row, and the scores without it."""
        truth, others = self.labels(y), a.copy()
        others[np.arange(len(a)), truth] = -np.inf
        return truth, others

    def kink_distance(self, a: np.ndarray, y: np.ndarray) -> float:
        truth, others = self._rivals(a, y)
        first, *second = np.sort(others, axis=1).T[::-1][:2]
        margin = 1 + first - a[np.arange(len(a)), truth]
        return float(min(np.abs(margin).min(), *((first - best).min() for best in second)))

    def of_outputs(self, a: np.ndarray, y: np.ndarray, da: np.ndarray, own: Own) -> np.ndarray:
        truth, others = self._rivals(a, y)
        rows, rival = np.arange(len(a)), np.argmax(others, axis=1)
        short = np.maximum(1 + (others[rows, rival] - a[rows, truth]), 0)
        da[...] = 0
        da[rows, rival] = np.sign(short)
        da[rows, truth] = -np.sign(short)
        return short
