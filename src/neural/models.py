"""What a model is asked: anything with ``predict_proba`` or ``predict``, a network, or predictions made before."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from neural import plot_inputs as take
from neural.errors import sentence
from neural.inputs import array, numbers
from neural.measuring import PREDICTED
from neural.metric_inputs import position
from neural.metrics import Metric
from neural.nn import NeuralNetwork

Array = np.ndarray[Any, Any]


class Judged(NamedTuple):
    """Answers beside the truth, in the form that metrics take."""

    truth: Array  # column numbers (n,), or values (n,) or (n, k)
    outputs: Array  # probabilities (n, K), those of the second of two classes (n, 1), or values (n, k)
    classifies: bool

    def score(self, metric: Metric, outputs: Array | None = None) -> float:
        """Return the metric of these outputs, or of others in their place."""
        function = PREDICTED[metric.takes]
        return float(metric.function(self.truth, function(self.truth, self.outputs if outputs is None else outputs)))

    def of_two_columns(self) -> Judged:
        """Return the same with the probability of the first of two classes as well, where it is left out."""
        if not self.classifies or self.outputs.shape[1] > 1:
            return self
        return self._replace(outputs=np.hstack([1 - self.outputs, self.outputs]))

    @property
    def right(self) -> Array:
        """Whether each row's class is right, (n,)."""
        return np.asarray(self.chosen == self.truth)

    @property
    def chosen(self) -> Array:
        """The column number of the class that each row is given."""
        if self.outputs.shape[1] == 1:
            return np.asarray(self.outputs[:, 0] > 0.5).astype(np.int64)
        return np.asarray(self.outputs.argmax(axis=1))


def last_step(model: Any) -> tuple[Any, Any]:
    """Return the last step of a pipeline and the steps before it; any other model, and None."""
    steps: Any = () if isinstance(model, NeuralNetwork) else getattr(model, "steps", ())
    if len(steps) == 0:
        return model, None
    return steps[-1][1], model[:-1] if len(steps) > 1 else None


def network_of(model: Any) -> tuple[NeuralNetwork, Any]:
    """Return the network inside a model, and the steps before it: of a pipeline all but its last, else None.

    A model is a network, an estimator that keeps one in ``network_`` or ``_network``, or a pipeline that ends in such.
    An estimator whose network takes other rows than itself makes them by ``before_.transform``.
    """
    last, before = last_step(model)
    if hasattr(last, "before_"):
        before = last.before_ if before is None else _InTurn(before, last.before_)
    found = next((getattr(last, name) for name in ("network_", "_network") if hasattr(last, name)), last)
    if not isinstance(found, NeuralNetwork):
        raise TypeError(sentence("model", "a NeuralNetwork, or an estimator or pipeline with one inside", model))
    return found, before


class _InTurn(NamedTuple):
    """Two steps, one after the other."""

    first: Any
    second: Any

    def transform(self, X: Any) -> Any:
        return self.second.transform(self.first.transform(X))


def classes_of(model: Any) -> Array | None:
    """Return the class of each column of what a model predicts, None where it names none."""
    found = getattr(model, "classes_", None)
    return None if found is None else np.asarray(found)


def columns_of(what: str, y: Any, classes: Array | None) -> Array:
    """Return labels as the numbers of their columns; as they are where there are no classes, or where they are numbers.

    Whole numbers are columns where the classes are text.
    """
    found = array(what, y)
    if classes is None or (classes.dtype.kind == "U" and found.dtype.kind in "iu"):
        return found
    columns = position(found.ravel(), classes)
    if columns.size and columns.min() < 0:
        odd = found.ravel()[columns.argmin()].item()
        raise ValueError(sentence(what, f"one of the classes {classes.tolist()}", odd))
    return columns.reshape(found.shape)


def outputs_of(model: Any, X: Any) -> Array:
    """Return what a model says of X, as float64: probabilities or values (n, k); labels as they come, (n,)."""
    found = array("what the model predicts", take.predictor(model, "predict_proba", "predict")(X))
    if take.are_labels(found) and (found.dtype.kind == "U" or classes_of(model) is not None):
        return found.ravel()
    found = numbers("what the model predicts", found).astype(np.float64)
    return found.reshape(len(found), -1)


def classifies(model: Any, y: Array) -> bool:
    """Return whether the answers are classes: as the model says, or as the truth looks where it says nothing."""
    if isinstance(model, NeuralNetwork) or classes_of(model) is not None or hasattr(model, "predict_proba"):
        return classes_of(model) is not None or hasattr(model, "predict_proba")
    if getattr(model, "_estimator_type", "") == "regressor" or (y.dtype.kind == "f" and (y != np.floor(y)).any()):
        return False
    return y.dtype.kind in "Ub" or len(np.unique(y)) <= 100


def judged(model: Any, X: Any, y: Any) -> Judged:
    """Ask a model about X, and hold what it says beside y. In place of a model, its predictions may be given."""
    truth = array("y", y)
    if truth.ndim not in (1, 2) or len(truth) == 0:
        raise ValueError(sentence("y", "of one entry for each row, and not empty", truth))
    asked = callable(getattr(model, "predict", None)) or callable(getattr(model, "predict_proba", None))
    if asked and X is None:
        raise TypeError(sentence("X", "rows for the models to predict", None, "None is for predictions alone."))
    outputs = outputs_of(model, X) if asked else array("predictions", model)
    if outputs.ndim == 0 or len(outputs) != len(truth):
        raise ValueError(sentence("y", f"as long as what the model predicts, {outputs.shape}", truth))
    if not classifies(model, truth):
        return Judged(_values("y", truth), _values("predictions", outputs), False)
    return _classified(truth, outputs, classes_of(model))


def _values(what: str, values: Array) -> Array:
    found = numbers(what, values).astype(np.float64)
    return found.reshape(len(found), -1)


def _classified(given: Array, outputs: Array, classes: Array | None) -> Judged:
    truth = take.labels(given)
    # Targets that are column numbers, where the model has names for its columns.
    numbered = classes is not None and (
        (given.ndim == 2 and given.shape[1] > 1) or (classes.dtype.kind == "U" and truth.dtype.kind in "iu")
    )
    if take.are_labels(outputs):
        labels = take.labels(outputs, "predictions")
        classes = np.union1d(truth, labels) if classes is None else classes
        outputs = (labels[:, None] == classes).astype(np.float64)
    else:
        outputs = _values("predictions", outputs)
        n_classes = max(outputs.shape[1], 2)
        classes = take.classes(truth, n_classes) if classes is None else classes
    found = position(truth, np.arange(len(classes)) if numbered else classes)
    if found.min() < 0:
        odd = truth[found.argmin()].item()
        raise ValueError(sentence("y", f"made of the model's classes {classes.tolist()}", odd))
    return Judged(found, outputs, True)
