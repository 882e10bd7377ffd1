"""scikit-learn's two neural networks, on this package's engine: every argument of theirs, and what they do not have."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse
from sklearn.base import ClassifierMixin, RegressorMixin, _fit_context
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call,
    check_classification_targets,
    type_of_target,
    unique_labels,
)

from neural import architecture as shape
from neural import data as prepare
from neural import losses
from neural.errors import sentence
from neural.perceptron import BaseMLP, available_if_stochastic

OWN_LOSS = [losses.Loss, HasMethods(["loss", "loss_prime"])]
PROBABLE = ("softmax", "sigmoid")  # links whose outputs are probabilities


def _says_probabilities(estimator: Any) -> bool:
    link = shape.loss_of_classes(estimator, True).link
    if link not in PROBABLE:
        raise AttributeError(f"probabilities are not what a network trained with loss={estimator.loss!r} gives.")
    return True


def _says_scores(estimator: Any) -> bool:
    if shape.loss_of_classes(estimator, True).link in PROBABLE:
        raise AttributeError(
            f"decision_function is for losses such as 'hinge'; with {estimator.loss!r}, predict_proba."
        )
    return True


class MLPClassifier(ClassifierMixin, BaseMLP):
    """A dense neural network that tells classes apart, with the interface of scikit-learn's class of the same name.

    Parameters
    ----------
    hidden_layer_sizes : widths of the hidden layers; or layers, as in ``[DenseLayer(None, 64, "gelu"), BatchNorm()]``.
    activation : of the hidden layers: 'identity', 'logistic', 'tanh', 'relu', any other of this package, an object, a
        function, or a list with one for each layer.
    solver : 'lbfgs', 'sgd', 'adam', any other optimizer's name, or an optimizer object.
    alpha : the penalty alpha/2 sum W^2, divided by the rows of a batch, or by what they weigh.
    batch_size : rows an update; 'auto' is min(200, n).
    learning_rate : for 'sgd', 'constant', 'invscaling' (learning_rate_init / (t + 1)^power_t after t rows), 'adaptive'
        (a fifth whenever ``n_iter_no_change`` epochs brought nothing); or a schedule, its name or a function.
    learning_rate_init, power_t, momentum, nesterovs_momentum, beta_1, beta_2, epsilon, max_fun : of the solvers.
    max_iter, tol, n_iter_no_change : epochs at most; the fit ends when so many brought less than ``tol``.
    shuffle, random_state, verbose, warm_start : as everywhere in scikit-learn. ``random_state`` gives the start, the
        split and the order of the rows that it gives there.
    early_stopping, validation_fraction : go by the score of rows that are held out, and bring back the best weights.
    loss : 'log_loss', 'focal', 'hinge', another loss's name, or an object.
    dropout, input_dropout : fractions of hidden units (one, or a list) and of inputs that are dropped.
    batch_norm, layer_norm, residual : in each hidden block; residual where a layer is as wide as what it takes.
    label_smoothing, class_weight : as in the losses, and 'balanced' or {class: weight}.
    scoring : a scorer or its name, for early stopping and ``validation_scores_``; None is accuracy.
    callbacks : this package's, or functions; ``set_callbacks`` takes scikit-learn's.
    ema : None, the decay of an exponential mean of the weights, such as 0.99, or another average, as in ``fit``.
    time_limit, n_threads, input_scale, engine : seconds; the core's threads; a factor of X; 'auto', 'numpy', 'core'.

    Attributes: ``classes_``, ``coefs_`` (n_in, n_out) and ``intercepts_``, ``loss_``, ``best_loss_``, ``loss_curve_``,
    ``validation_scores_``, ``best_validation_score_``, ``n_iter_``, ``t_``, ``n_layers_``, ``n_outputs_``,
    ``out_activation_``, ``n_features_in_``, ``feature_names_in_``, and ``history_``, all numbers of the last fit.

    >>> from neural.datasets import make_moons
    >>> X, y = make_moons(200, noise=0.1, random_state=0)
    >>> network = MLPClassifier((16, 16), solver="lbfgs", dropout=0, random_state=0).fit(X, y)
    >>> network.score(X, y), network.predict_proba(X[:1]).shape
    (1.0, (1, 2))
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseMLP._parameter_constraints,
        "loss": [StrOptions({*shape.OF_CLASSES, *losses.LOSSES}), *OWN_LOSS],
        "label_smoothing": [Interval(Real, 0, 1, closed="both")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self, hidden_layer_sizes: Any = (100,), activation: Any = "relu", *,
        solver: Any = "adam", alpha: float = 0.0001, batch_size: Any = "auto", learning_rate: Any = "constant",
        learning_rate_init: float = 0.001, power_t: float = 0.5, max_iter: int = 200, shuffle: bool = True,
        random_state: Any = None, tol: float = 1e-4, verbose: bool = False, warm_start: bool = False,
        momentum: float = 0.9, nesterovs_momentum: bool = True, early_stopping: bool = False,
        validation_fraction: float = 0.1, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8,
        n_iter_no_change: float = 10, max_fun: int = 15000,
        loss: Any = "log_loss", dropout: Any = 0.0, input_dropout: float = 0.0, batch_norm: bool = False,
        layer_norm: bool = False, residual: bool = False, label_smoothing: float = 0.0, class_weight: Any = None,
        scoring: Any = None, callbacks: Any = None, time_limit: float | None = None, n_threads: int | None = None,
        ema: Any = None, input_scale: float | None = None, engine: str = "auto",
    ) -> None:  # fmt: skip
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.loss = loss
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.batch_norm = batch_norm
        self.layer_norm = layer_norm
        self.residual = residual
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight
        self.scoring = scoring
        self.callbacks = callbacks
        self.time_limit = time_limit
        self.n_threads = n_threads
        self.ema = ema
        self.input_scale = input_scale
        self.engine = engine

    # --- targets ------------------------------------------------------------------------------------------------------
    def _encoded(self, y: Any, first: bool, incremental: bool) -> np.ndarray:
        again = hasattr(self, "classes_") and (self.warm_start or incremental)
        if not again or not hasattr(self, "_multilabel"):
            check_classification_targets(y)
            kind = type_of_target(y)
            if "multioutput" in kind:
                raise ValueError("Multioutput target data is not supported with label binarization")
            self._multilabel = kind == "multilabel-indicator"
        if again:
            self._check_classes(unique_labels(y))
        else:
            self.classes_ = unique_labels(y)
        return self._codes(y)

    def _check_classes(self, found: np.ndarray) -> None:
        if self.warm_start:
            if set(found) != set(self.classes_):
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                    f"Previously got {self.classes_}, `y` has {found}"
                )
        elif len(np.setdiff1d(found, self.classes_, assume_unique=True)):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. 'y' has {found}."
            )

    def _codes(self, y: Any) -> np.ndarray:
        """Return labels as column numbers (n,), or several of them as 0 and 1, (n, n_classes)."""
        if self._multilabel:
            y = y.toarray() if scipy.sparse.issparse(y) else y
            if y.ndim != 2 or y.shape[1] != len(self.classes_):
                raise ValueError(sentence("y", f"of shape (n, {len(self.classes_)}), a column for each class", y))
            return np.asarray(y != 0, dtype=np.int64)
        if y.ndim != 1:
            raise ValueError(sentence("y", "labels (n,), as in the fit before", y))
        return np.searchsorted(self.classes_, y).astype(np.int64)

    def _make_loss(self, targets: np.ndarray) -> tuple[losses.Loss, int, float]:
        many = not self._multilabel and len(self.classes_) > 2
        loss = shape.loss_of_classes(self, many)
        categorical = loss.link == "softmax" or loss.name == "categorical_hinge"
        if loss.outputs_per_target > 1:
            raise ValueError(sentence("loss", "one of classes", self.loss, "MLPRegressor takes losses of values."))
        if categorical and self._multilabel:
            raise ValueError(sentence("loss", "one of yes and no for several labels a row", self.loss))
        if many and loss.name in ("binary_crossentropy", "binary_focal", "hinge", "squared_hinge"):
            step = "Use 'log_loss', 'focal' or 'hinge'."
            raise ValueError(sentence("loss", f"one of classes for {len(self.classes_)} of them", self.loss, step))
        many_outputs = self._multilabel or many or (categorical and len(self.classes_) > 1)
        return loss, len(self.classes_) if many_outputs else 1, 1.0

    def _targets(self, codes: np.ndarray) -> np.ndarray:
        """Return what the network's loss makes of codes."""
        net = self._network
        y: np.ndarray = net._loss.encode(codes, self.n_outputs_)[0]  # type: ignore[union-attr]
        return y if y.dtype == np.int64 and y.ndim == 1 else y.astype(net.dtype)

    def _class_weights(self, targets: np.ndarray, weights: Any, incremental: bool) -> Any:
        if self.class_weight is None:
            return weights
        if incremental and isinstance(self.class_weight, str):
            step = "Give a dictionary: one batch does not tell how many rows of each class there are."
            raise ValueError(sentence("class_weight", "no word in partial_fit", self.class_weight, step))
        found = prepare.by_row(self.class_weight, targets, self.classes_, "several labels a row")
        found = found if weights is None else found * weights
        if not found.any():
            raise ValueError(sentence("class_weight", "above 0 for one row at least", self.class_weight))
        return found

    def _strata(self, targets: np.ndarray) -> Any:
        return (
            targets.astype(bool)[:, None] if self.n_outputs_ == 1 else None
        )  # of its shape there, and so of its words

    def _score_of(self, y: np.ndarray, outputs: np.ndarray, weights: Any) -> float:
        return float(accuracy_score(y, self._decoded(outputs), sample_weight=weights))

    # --- predictions --------------------------------------------------------------------------------------------------
    def _decoded(self, outputs: np.ndarray) -> np.ndarray:
        middle = 0.5 if self.out_activation_ in ("logistic", "softmax") else 0.0
        if self._multilabel:
            return (outputs > middle).astype(int)
        if len(self.classes_) == 1:
            return np.repeat(self.classes_, len(outputs))
        codes = (outputs[:, 0] > middle).astype(int) if self.n_outputs_ == 1 else outputs.argmax(axis=1)
        return np.asarray(self.classes_[codes])

    def predict(self, X: Any) -> np.ndarray:
        """Return the class of each row, (n,), or several labels as 0 and 1, (n, n_classes)."""
        outputs = self._outputs(X)
        return self._decoded(outputs)

    @available_if(_says_probabilities)
    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class, (n, n_classes), in the order of ``classes_``."""
        outputs = self._outputs(X)
        if self._multilabel or self.n_outputs_ > 1:
            return outputs
        if len(self.classes_) == 1:
            return np.ones_like(outputs)
        return np.hstack([1 - outputs, outputs])

    @available_if(_says_probabilities)
    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return the logarithm of ``predict_proba``."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    @available_if(_says_scores)
    def decision_function(self, X: Any) -> np.ndarray:
        """Return the scores that a margin loss is about: (n,) for two classes, above 0 for the second, or (n, K)."""
        outputs = self._outputs(X)
        return outputs[:, 0] if self.n_outputs_ == 1 else outputs

    @available_if_stochastic
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Train for one epoch over these rows; the first call needs all ``classes``. Calls go on as ``fit`` would."""
        if _check_partial_fit_first_call(self, classes):
            self.__dict__.pop("_multilabel", None)
        return self._partial_fit(X, y, sample_weight)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class MLPRegressor(RegressorMixin, BaseMLP):
    """A dense neural network for values, with the interface of scikit-learn's class of the same name.

    Parameters are those of :class:`MLPClassifier`, but for ``label_smoothing`` and ``class_weight``; and
    ``loss`` : 'squared_error' (half of it, summed over the targets), 'poisson', another loss's name, or an object: with
    ``Quantile([0.05, 0.5, 0.95])`` the network gives three numbers for each target, which ``predict_outputs`` shows.

    >>> X = np.linspace(-2, 2, 100)[:, None]
    >>> network = MLPRegressor(hidden_layer_sizes=20, solver="lbfgs", max_iter=500, random_state=0).fit(X, X[:, 0] ** 2)
    >>> network.score(X, X[:, 0] ** 2) > 0.99
    True
    """

    _y_numeric = True
    _targets_before: int
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseMLP._parameter_constraints,
        "loss": [StrOptions({"squared_error", *losses.LOSSES}), *OWN_LOSS],
    }

    def __init__(
        self, loss: Any = "squared_error", hidden_layer_sizes: Any = (100,), activation: Any = "relu", *,
        solver: Any = "adam", alpha: float = 0.0001, batch_size: Any = "auto", learning_rate: Any = "constant",
        learning_rate_init: float = 0.001, power_t: float = 0.5, max_iter: int = 200, shuffle: bool = True,
        random_state: Any = None, tol: float = 1e-4, verbose: bool = False, warm_start: bool = False,
        momentum: float = 0.9, nesterovs_momentum: bool = True, early_stopping: bool = False,
        validation_fraction: float = 0.1, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8,
        n_iter_no_change: float = 10, max_fun: int = 15000,
        dropout: Any = 0.0, input_dropout: float = 0.0, batch_norm: bool = False, layer_norm: bool = False,
        residual: bool = False, scoring: Any = None, callbacks: Any = None, time_limit: float | None = None,
        n_threads: int | None = None, ema: Any = None, input_scale: float | None = None, engine: str = "auto",
    ) -> None:  # fmt: skip
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.batch_norm = batch_norm
        self.layer_norm = layer_norm
        self.residual = residual
        self.scoring = scoring
        self.callbacks = callbacks
        self.time_limit = time_limit
        self.n_threads = n_threads
        self.ema = ema
        self.input_scale = input_scale
        self.engine = engine

    def _encoded(self, y: Any, first: bool, incremental: bool) -> np.ndarray:
        self._n_targets = 1 if y.ndim == 1 else y.shape[1]
        if not first and hasattr(self, "_network") and self._n_targets != self._targets_before:
            raise ValueError(sentence("y", f"of {self._targets_before} targets, as in the fit before", y))
        self._targets_before = self._n_targets
        return self._codes(y)

    def _codes(self, y: Any) -> np.ndarray:
        return np.asarray(y)

    def _make_loss(self, targets: np.ndarray) -> tuple[losses.Loss, int, float]:
        loss = shape.loss_of_values(self, self._n_targets)
        scale = float(self._n_targets) if loss.name == "mse" and loss.factor != 1 else 1.0
        return loss, self._n_targets * loss.outputs_per_target, scale

    def _targets(self, values: np.ndarray) -> np.ndarray:
        return self._network._loss.encode(values, self.n_outputs_)[0].astype(self._network.dtype)  # type: ignore[union-attr]

    def _score_of(self, y: np.ndarray, outputs: np.ndarray, weights: Any) -> float:
        return float(r2_score(y, self._estimates(outputs), sample_weight=weights))

    # --- predictions --------------------------------------------------------------------------------------------------
    def _estimates(self, outputs: np.ndarray) -> np.ndarray:
        found: np.ndarray = self._network._loss.estimates(outputs)  # type: ignore[union-attr]
        return found[:, 0] if found.shape[1] == 1 else found

    def predict(self, X: Any) -> np.ndarray:
        """Return a value for each row, (n,), or (n, n_targets): of several quantiles, that nearest to the median."""
        outputs = self._outputs(X)
        return self._estimates(outputs)

    def predict_outputs(self, X: Any) -> np.ndarray:
        """Return all that the network says of each row, (n, n_outputs_): each quantile, or mean and log variance."""
        return self._outputs(X)

    @available_if_stochastic
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one epoch over these rows. Calls go on as ``fit`` would."""
        return self._partial_fit(X, y, sample_weight)
