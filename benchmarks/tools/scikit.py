"""scikit-learn's MLPClassifier. It draws start and orders itself; two classes get one output instead of two."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from workloads import Weights, Workload

from tools.base import OneByOne, Predictor

ACTIVATIONS = {"relu": "relu", "sigmoid": "logistic"}


class Scikit:
    def prepare(self, workload: Workload) -> None:
        warnings.simplefilter("ignore", ConvergenceWarning)  # all epochs are wanted, converged or not
        self.work, self.X = workload, workload.floats()

    def reset(self) -> None:
        work = self.work
        self.net = MLPClassifier(
            work.widths[1:-1], ACTIVATIONS[work.activation], solver=work.optimizer, alpha=0, batch_size=work.batch,
            learning_rate="constant", learning_rate_init=work.rate, max_iter=work.epochs, random_state=work.seed, tol=0,
            momentum=0, nesterovs_momentum=False, n_iter_no_change=np.inf,
        )  # fmt: skip

    def unit(self) -> list[float]:
        self.net.fit(self.X, self.work.y)
        return list(self.net.loss_curve_)

    def weights(self) -> Weights:
        weights = [(W.T, b) for W, b in zip(self.net.coefs_, self.net.intercepts_, strict=True)]
        W, b = weights[-1]
        if len(b) < self.work.widths[-1]:  # a score z alone is the softmax of 0 and z
            weights[-1] = np.vstack([0 * W, W]), np.concatenate([0 * b, b])
        return weights


class Many(OneByOne):
    one = Scikit


class Predict(Predictor):
    def build(self, work: Workload, weights: Weights) -> None:
        classes = np.arange(work.widths[-1])
        net = MLPClassifier(work.widths[1:-1], ACTIVATIONS[work.activation])
        net.partial_fit(work.floats(len(classes)), classes, classes=classes)  # makes the arrays, which are replaced
        net.coefs_, net.intercepts_ = [W.T.copy() for W, _ in weights], [b for _, b in weights]
        self.predict = net.predict_proba
