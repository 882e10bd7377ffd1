"""The doctor: what is wrong with a network, in plain words, each finding with its number, its cause and the next step.

A check is a function of a :class:`~neural.checkup.Case` that yields findings, and a row of CHECKS. Where all is well it
yields nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from neural import input_faults, notebook, result_faults, training_faults
from neural.checkup import Case, Finding, Findings, case_of
from neural.errors import check_number, sentence
from neural.models import classes_of, columns_of, last_step, network_of


class Diagnosis(list[Finding]):
    """The findings, in the order of CHECKS; empty where all is well. ``names``: what they are called."""

    @property
    def names(self) -> list[str]:
        """The names of the findings."""
        return [finding.name for finding in self]

    def _repr_html_(self) -> str:
        return notebook.as_printed(str(self), wrap=True)

    def __str__(self) -> str:
        return "\n".join(map(str, self)) or f"Nothing found. {len(CHECKS)} checks were made."

    __repr__ = __str__


CHECKS: dict[str, Callable[[Case], Findings]] = {
    row.__name__: row
    for row in (
        input_faults.unscaled_inputs, input_faults.constant_inputs, input_faults.duplicate_rows,
        input_faults.leaking_column, input_faults.imbalance,
        training_faults.stuck_units, training_faults.gradients_by_layer, training_faults.unsuitable_loss,
        training_faults.rate_too_high, training_faults.rate_too_low, training_faults.penalty_without_effect,
        result_faults.underfitting, result_faults.overfitting, result_faults.calibration, result_faults.small_test,
    )
}  # fmt: skip


def _alpha_of(estimator: Any) -> tuple[float, bool] | None:
    """Return an estimator's alpha, and whether it is another than the default; None for what has none."""
    parameter = inspect.signature(type(estimator)).parameters.get("alpha")
    alpha = getattr(estimator, "alpha", None)
    if parameter is None or not isinstance(alpha, int | float | np.number):
        return None
    return float(alpha), bool(alpha != parameter.default)


def doctor(
    model: Any,
    X: Any,
    y: Any,
    X_test: Any = None,
    y_test: Any = None,
    *,
    history: Any = None,
    claim: float | None = None,
    feature_names: Any = None,
) -> Diagnosis:
    """Return what is wrong with a network: findings in plain words, none where all is well. It changes nothing.

    Parameters
    ----------
    model : a network with a loss, or an estimator or pipeline with one inside.
    X, y : the rows it was trained on; ``X_test, y_test`` rows it was not, for what cannot be seen without them.
    history : what ``fit`` returned; None takes ``net.history_``, the last fit alone.
    claim : a difference in accuracy that the test rows are to show.
    feature_names : what the network's inputs are called; None takes the columns of a data frame, or their numbers.

    >>> from neural import DenseLayer, NeuralNetwork
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 3)) * [1, 1, 5000]
    >>> net = NeuralNetwork([DenseLayer(3, 8, "relu"), DenseLayer(8, 1)], "mse", random_state=0)
    >>> doctor(net, X, X[:, 0] + X[:, 1]).names
    ['unscaled inputs', 'underfitting']
    """
    (net, before), (last, _) = network_of(model), last_step(model)
    if net._loss is None:
        raise ValueError(sentence("model", "a network with a loss", model, net._next_loss()))
    if (X_test is None) != (y_test is None):
        raise ValueError(sentence("X_test and y_test", "given both or neither", (X_test, y_test)))
    if claim is not None:
        claim = check_number("claim", claim, low=0, high=1, strict=True)
    if before is not None:
        feature_names = net.columns_.inputs if feature_names is None and net.columns_ is not None else feature_names
        X, X_test = before.transform(X), None if X_test is None else before.transform(X_test)
    if last is not net:  # an estimator, whose classes are its own, and whose network knows columns
        y, y_test = (each if each is None else columns_of("y", each, classes_of(last)) for each in (y, y_test))
        history = getattr(last, "history_", None) if history is None else history
    case = case_of(net, X, y, X_test, y_test, history, claim, feature_names)
    case.alpha = _alpha_of(last)
    with np.errstate(all="ignore"):
        return Diagnosis(finding for check in CHECKS.values() for finding in check(case))
