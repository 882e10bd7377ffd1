"""Networks from scikit-learn's MLPClassifier and MLPRegressor. Nothing of scikit-learn is imported."""

from __future__ import annotations

from typing import Any

import numpy as np

from neural import losses
from neural.errors import look_up, sentence
from neural.imports.parts import dense, network
from neural.nn import NeuralNetwork

ACTIVATIONS = {
    "identity": "linear",
    "logistic": "sigmoid",
    "tanh": "tanh",
    "relu": "relu",
    "softmax": "softmax",
    "exp": "exponential",
}
LOSS = {"log_loss": "categorical_crossentropy", "binary_log_loss": "binary_crossentropy", "poisson": "poisson"}


def from_sklearn(mlp: Any) -> NeuralNetwork:
    """Return the network of a fitted ``MLPClassifier`` or ``MLPRegressor``, with its classes and its alpha as l2.

    ``predict`` gives probabilities where ``predict_proba`` does, one column for two classes, and a column for a
    regression of one target. Raises ValueError for an estimator that is not fitted or of another kind.

    >>> from types import SimpleNamespace
    >>> mlp = SimpleNamespace(activation="relu", out_activation_="identity", coefs_=[np.ones((2, 1))],
    ...                       intercepts_=[np.zeros(1)], alpha=0.0, loss="squared_error")
    >>> from_sklearn(mlp).predict([[1.0, 2.0]])
    array([[3.]])
    """
    if not hasattr(mlp, "coefs_"):
        raise ValueError(sentence("mlp", "a fitted MLPClassifier or MLPRegressor", mlp, "Call its fit first."))
    hidden = look_up("the activation of mlp", mlp.activation, ACTIVATIONS)
    last = look_up("out_activation_ of mlp", mlp.out_activation_, ACTIVATIONS)
    names = [hidden] * (len(mlp.coefs_) - 1) + [last]
    parts = [dense(W.T, b, name) for W, b, name in zip(mlp.coefs_, mlp.intercepts_, names, strict=True)]
    name = "binary_log_loss" if last == "sigmoid" else mlp.loss
    loss = losses.resolve(LOSS.get(name, "mse"))
    loss.l2 = float(mlp.alpha)
    net = network(parts, np.result_type(*mlp.coefs_), loss=loss)
    classes = getattr(mlp, "classes_", None)
    net.classes_ = None if classes is None or isinstance(classes, list) else np.asarray(classes)
    return net
