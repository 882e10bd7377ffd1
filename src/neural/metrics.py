"""Numbers for people: how good predictions are, by name or as functions. Never differentiated.

Whatever says which class a row belongs to is taken, and y_true and y_pred need not come in the same form:

* labels, (n,) or (n, 1): whole numbers, booleans or strings, also as a pandas Series;
* one column a class, (n, K) with K > 1: one-hot or probabilities; the class is the number of the largest column;
* ``y_pred`` alone, where y_true is 0 and 1: probabilities of class 1, (n,) or (n, 1), cut at 0.5.

Classes are the labels that occur in y_true or y_pred, sorted. Undefined ratios (0 / 0) are 0, but for areas, kappa and
whatever else would be said of nothing: those raise ValueError.

Every function takes ``sample_weight``, and returns (value, low, high) with ``interval=True``; see
:class:`neural.intervals.Options`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from neural.classification_metrics import (
    accuracy,
    balanced_accuracy,
    cohen_kappa,
    confusion_matrix,
    f1_score,
    matthews_correlation,
    precision,
    recall,
)
from neural.errors import look_up, sentence
from neural.metric_inputs import predict_classes
from neural.probability_metrics import (
    average_precision,
    brier_score,
    expected_calibration_error,
    log_loss,
    roc_auc,
    top_k_accuracy,
)
from neural.regression_metrics import (
    explained_variance,
    mean_absolute_error,
    mean_squared_error,
    median_absolute_error,
    pinball_loss,
    r2_score,
    root_mean_squared_error,
)

__all__ = [
    "ALIASES",
    "METRICS",
    "Accuracy",
    "F1Score",
    "Metric",
    "Metrics",
    "Precision",
    "Recall",
    "accuracy",
    "average_precision",
    "balanced_accuracy",
    "brier_score",
    "cohen_kappa",
    "confusion_matrix",
    "expected_calibration_error",
    "explained_variance",
    "f1_score",
    "log_loss",
    "matthews_correlation",
    "mean_absolute_error",
    "mean_squared_error",
    "median_absolute_error",
    "pinball_loss",
    "precision",
    "predict_classes",
    "r2_score",
    "recall",
    "resolve",
    "roc_auc",
    "root_mean_squared_error",
    "top_k_accuracy",
]

# The names of the first version of the package ------------------------------------------------------------------------

Accuracy, Precision, Recall, F1Score = accuracy, precision, recall, f1_score


class Metrics:
    """The functions of this module under one name.

    >>> Metrics.accuracy([0, 1], [0, 1])
    1.0
    """

    accuracy = staticmethod(accuracy)
    precision = staticmethod(precision)
    recall = staticmethod(recall)
    f1_score = staticmethod(f1_score)
    confusion_matrix = staticmethod(confusion_matrix)
    predict_classes = staticmethod(predict_classes)
    balanced_accuracy = staticmethod(balanced_accuracy)
    matthews_correlation = staticmethod(matthews_correlation)
    cohen_kappa = staticmethod(cohen_kappa)
    log_loss = staticmethod(log_loss)
    brier_score = staticmethod(brier_score)
    expected_calibration_error = staticmethod(expected_calibration_error)
    roc_auc = staticmethod(roc_auc)
    average_precision = staticmethod(average_precision)
    top_k_accuracy = staticmethod(top_k_accuracy)
    r2_score = staticmethod(r2_score)
    explained_variance = staticmethod(explained_variance)
    mean_squared_error = staticmethod(mean_squared_error)
    root_mean_squared_error = staticmethod(root_mean_squared_error)
    mean_absolute_error = staticmethod(mean_absolute_error)
    median_absolute_error = staticmethod(median_absolute_error)
    pinball_loss = staticmethod(pinball_loss)


# The table ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Metric:
    """A row of METRICS: ``function(y_true, y_pred)`` returns the number that ``name`` heads in the history.

    ``takes`` says what the function wants: ``"labels"``: classes (or anything that names them, such as (n, K)
    probabilities); ``"probabilities"``: classes and how likely each is; ``"values"``: targets and outputs of one shape,
    (n, k); ``"outputs"``: y_true and, untouched, what ``predict`` returns, as a user's own does. ``higher_is_better``
    is None where nobody said.

    >>> from functools import partial
    >>> Metric("f1_macro", partial(f1_score, average="macro"), "labels").function([0, 1, 1], [0, 1, 1])
    1.0
    """

    name: str
    function: Callable[..., Any]
    takes: Literal["labels", "probabilities", "values", "outputs"] = "outputs"
    higher_is_better: bool | None = None


METRICS: dict[str, Metric] = {
    row.name: row
    for row in (
        Metric("accuracy", accuracy, "labels", True),
        Metric("precision", precision, "labels", True),
        Metric("recall", recall, "labels", True),
        Metric("f1_score", f1_score, "labels", True),
        Metric("balanced_accuracy", balanced_accuracy, "labels", True),
        Metric("matthews_correlation", matthews_correlation, "labels", True),
        Metric("cohen_kappa", cohen_kappa, "labels", True),
        Metric("log_loss", log_loss, "probabilities", False),
        Metric("brier_score", brier_score, "probabilities", False),
        Metric("expected_calibration_error", expected_calibration_error, "probabilities", False),
        Metric("roc_auc", roc_auc, "probabilities", True),
        Metric("average_precision", average_precision, "probabilities", True),
        Metric("top_k_accuracy", top_k_accuracy, "probabilities", True),
        Metric("r2_score", r2_score, "values", True),
        Metric("explained_variance", explained_variance, "values", True),
        Metric("mse", mean_squared_error, "values", False),
        Metric("rmse", root_mean_squared_error, "values", False),
        Metric("mae", mean_absolute_error, "values", False),
        Metric("median_absolute_error", median_absolute_error, "values", False),
        Metric("pinball_loss", pinball_loss, "values", False),
    )
}
ALIASES = {
    "f1": "f1_score",
    "balanced_accuracy_score": "balanced_accuracy",
    "mcc": "matthews_correlation",
    "matthews_corrcoef": "matthews_correlation",
    "kappa": "cohen_kappa",
    "cohen_kappa_score": "cohen_kappa",
    "logloss": "log_loss",
    "brier": "brier_score",
    "brier_score_loss": "brier_score",
    "ece": "expected_calibration_error",
    "auc": "roc_auc",
    "roc_auc_score": "roc_auc",
    "ap": "average_precision",
    "average_precision_score": "average_precision",
    "top_k": "top_k_accuracy",
    "top_k_accuracy_score": "top_k_accuracy",
    "r2": "r2_score",
    "explained_variance_score": "explained_variance",
    "mean_squared_error": "mse",
    "root_mean_squared_error": "rmse",
    "mean_absolute_error": "mae",
    "median_ae": "median_absolute_error",
    "medae": "median_absolute_error",
    "pinball": "pinball_loss",
    "mean_pinball_loss": "pinball_loss",
    "quantile_loss": "pinball_loss",
}
METRICS |= {alias: replace(METRICS[name], name=alias) for alias, name in ALIASES.items()}


def resolve(spec: str | Metric | Callable[..., Any]) -> Metric:
    """Return the row meant by a name, a row, a function of this module, or any ``f(y_true, y_pred)``.

    A number is in the history under the name by which it was asked for: "f1" under "f1", "f1_score" under "f1_score".
    Raises ValueError for an unknown name and TypeError for what cannot be called.

    >>> resolve("f1").name, resolve(Accuracy).name, resolve(max).takes
    ('f1', 'accuracy', 'outputs')
    """
    if isinstance(spec, Metric):
        return spec
    if isinstance(spec, str):
        return look_up("metric", spec, METRICS)
    if not callable(spec):
        raise TypeError(sentence("metric", "a name, or a function of y_true and y_pred", spec))
    known = (row for row in METRICS.values() if row.function is spec)
    return next(known, Metric(getattr(spec, "__name__", type(spec).__name__), spec))
