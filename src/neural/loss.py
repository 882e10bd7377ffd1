"""What every loss is: raw scores -> value and gradient, and the link that turns scores into outputs.

J = sum of w_i loss_i / sum of w_i over the batch, plus the penalty l2/(2m) sum W^2, m the nominal batch size. Two
forms of each loss:

- ``of_scores(z, y, dz, own)`` and ``of_outputs(a, y, da, own)``: the library's own path, samples in rows; each returns
  loss_i for each row i and writes d loss_i / dz (or da) into its third argument. The first takes what goes into the
  link, the second what has come out of any activation.
- ``loss(y_true, y_pred, ws)`` and ``loss_prime(y_true, y_pred)``: by hand, samples in columns, y_pred after the link.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from neural import activations
from neural.errors import check_number, sentence
from neural.inputs import numbers
from neural.parameters import Own
from neural.targets import Classes, by_hand, columns


class Loss:
    """The root of losses, and of a user's own.

    A user's own gives ``loss(y_true, y_pred)`` and ``loss_prime(y_true, y_pred)``, samples in columns; its
    ``loss_prime`` means dJ/dA, unless ``link = "softmax"`` or the like says that it is dJ/dZ before that link. (Or it
    gives ``of_outputs``, one value a row, and then takes sample weights as well.)

    >>> from neural.losses import resolve
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
    kinks: tuple[float, ...] = ()  # where the derivative or its slope jumps, in outputs minus targets
    outputs_per_target: int = 1  # side by side: what the loss asks the network to say of each target
    l2: float = 0.0
    factor: float = 1.0  # the loss and its derivative are multiplied by it: 0.5 makes half the squared error of MSE

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
                f"logarithm. Got {name} as its last layer. End the network with {self.link}."
            )

    def encode(self, y: Any, n_out: int, classes: Classes = None) -> tuple[np.ndarray, Classes]:
        """Return the targets as the two functions above take them, and the class labels in order, if there are any."""
        y = self.checked(columns("y", numbers("y", y), self.n_targets(n_out)))
        return (y if y.shape[1] == n_out else np.repeat(y, self.outputs_per_target, axis=1)), None

    def checked(self, y: np.ndarray) -> np.ndarray:
        """Return targets as the formulas take them; ValueError for a value that they do not."""
        return y

    def n_targets(self, n_out: int) -> int:
        """Return how many targets a row has in a network with ``n_out`` outputs."""
        per = self.outputs_per_target
        if n_out % per:
            step = f"It needs {per} outputs for each target."
            raise ValueError(sentence("the number of outputs", f"a multiple of {per} for {self!r}", n_out, step))
        return n_out // per

    def labels(self, targets: np.ndarray) -> np.ndarray:
        """Return what a person calls the truth: class labels as column numbers, or the values themselves."""
        if targets.ndim == 2:
            targets = targets[:, :: self.outputs_per_target]
        return targets[:, 0] if targets.ndim == 2 and targets.shape[1] == 1 else targets

    def estimates(self, outputs: np.ndarray) -> np.ndarray:
        """Return what metrics compare with ``labels``: the outputs, or those of them that stand for the target."""
        return outputs

    def kink_distance(self, a: np.ndarray, y: np.ndarray) -> float:
        """Return how near scores or outputs ``a`` come to a kink; infinite without one."""
        return min((float(np.abs(a - y - kink).min()) for kink in self.kinks), default=np.inf)

    def constants(self, n_out: int) -> list[float]:
        """Return the numbers that the loss is made with, besides l2, for a network with ``n_out`` outputs."""
        return [float(value) for name, value in self.settings().items() if name not in ("l2", "factor")]

    def describe(self) -> str:
        """Return a name for errors."""
        return type(self).__name__

    # --- by hand, (n_out, batch) -----------------------------------------------------------------------------------
    def loss(self, y_true: Any, y_pred: Any, ws: float = 0) -> float:
        """Return J = mean loss + l2/(2m) ws, with ``ws`` the sum of squared weights and m the number of columns."""
        y, a = self.by_hand(y_true, y_pred)
        check_number("ws", ws, low=0)
        rows = self.of_outputs(a, y, np.empty_like(a), Own(0, a.dtype))
        return float(self.factor * np.mean(rows, dtype=np.float64) + self.l2 / (2 * len(a)) * ws)

    def loss_prime(self, y_true: Any, y_pred: Any) -> np.ndarray:
        """Return dJ/dA for the outputs ``y_pred``, of the same shape."""
        y, a = self.by_hand(y_true, y_pred)
        da = np.empty_like(a)
        self.of_outputs(a, y, da, Own(0, a.dtype))
        return (self.factor * da / len(a)).T.reshape(np.shape(y_pred))

    def by_hand(self, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return both arguments as the formulas take them, (batch, n_out); a target may stand once for its outputs."""
        y, a = by_hand(y_true, y_pred, self.outputs_per_target)
        self.n_targets(a.shape[1])
        return self.checked(y), a

    def settings(self) -> dict[str, Any]:
        """Return what tells this object from another of its class, as plain values."""
        return dict(vars(self))

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.settings().items())})"
