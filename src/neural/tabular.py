"""Estimators for tables that are good without settings: mixed columns, missing values, any scale.

An estimator reads the table, learns its columns, has networks trained on parts of the rows, and keeps them as one
network, which predicts, explains itself, and goes into a file. tabular_training.py says what is trained.
"""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_feature_names,
    _check_n_features,
    check_array,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from neural import frames, row_weights
from neural.checkpoints import check_resume, say_how_to_go_on
from neural.conformal import ConformalIntervals, ConformalSets
from neural.data import by_row
from neural.errors import sentence, show
from neural.tabular_columns import Scaled, alike, categorical_names, learned
from neural.tabular_saving import Folder, asked_for
from neural.tabular_training import PRESETS, Result, train

Array = np.ndarray[Any, Any]
FEW = 8  # rows: the core takes fewer by other sums


class BaseTabular(BaseEstimator):
    """What TabularClassifier and TabularRegressor share; not to be used itself."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "preset": [StrOptions(set(PRESETS))],
        "categorical_features": ["array-like", None],
        "time_limit": [Interval(Real, 0, None, closed="neither"), None],
        "random_state": ["random_state"],
        "n_threads": [Interval(Integral, 1, None, closed="left"), None],
        "verbose": ["verbose"],
    }
    _task: ClassVar[Literal["classes", "values"]]

    def __init__(
        self, preset: str = "default", *, categorical_features: Any = None, time_limit: float | None = None,
        random_state: Any = None, n_threads: int | None = None, verbose: bool = False,
    ) -> None:  # fmt: skip
        self.preset = preset
        self.categorical_features = categorical_features
        self.time_limit = time_limit
        self.random_state = random_state
        self.n_threads = n_threads
        self.verbose = verbose

    # --- the table ----------------------------------------------------------------------------------------------------
    def _read(self, X: Any, *, reset: bool) -> dict[str, Array]:
        """Return the columns of X by name; of an array, under the names of the data frame of the fit."""
        if frames.is_frame(X):
            _check_feature_names(self, X, reset=reset)
            _check_n_features(self, X, reset=reset)
            found = frames.columns_of(X)
            if not found or not len(next(iter(found.values()))):
                check_array(np.zeros((len(X), len(found))))  # which says what is missing, in scikit-learn's words
            return found
        X = validate_data(self, frames.unmasked(X), dtype=None, ensure_all_finite="allow-nan", reset=reset)
        found = frames.columns_of(X)
        names = getattr(self, "feature_names_in_", None)
        return found if names is None or reset else dict(zip(map(str, names), found.values(), strict=True))

    def rows(self, X: Any) -> Array:
        """Return the rows of a table as ``network_`` takes them, (n, inputs): numbers, then codes of categories."""
        check_is_fitted(self)
        return self._scaled.fill(self._read(X, reset=False))

    def _outputs(self, X: Any) -> Array:
        """Return what the network says of each row; few rows are repeated, so that a row alone has the same bits."""
        rows = self.rows(X)
        filled = rows[np.arange(max(len(rows), FEW)) % len(rows)]
        return np.asarray(self.network_.predict(filled)[: len(rows)], dtype=np.float64)

    @property
    def before_(self) -> _ToRows:
        """What ``network_`` needs before it: ``before_.transform(X)`` is ``rows(X)``."""
        check_is_fitted(self)
        return _ToRows(self)

    def _target_name(self, y: Any, names: Any) -> str:
        """Return what the target is called in a model file: as the series is, or the frame's column, if no other is."""
        named = [y.columns[0]] if getattr(y, "ndim", 1) == 2 and hasattr(y, "columns") else []
        name = str([*named, getattr(y, "name", None) or "target"][0])
        while name in names:
            name += "_"
        return name

    # --- fit ----------------------------------------------------------------------------------------------------------
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *,
        X_val: Any = None, y_val: Any = None, sample_weight_val: Any = None,
        checkpoint: Any = None, every: int = 10, resume: bool = False,
    ) -> Self:  # fmt: skip
        """Learn from a table X (n, columns) and its targets y (n,); return the estimator.

        Parameters
        ----------
        X : an array or a data frame (pandas, polars, PyArrow), of numbers and texts, with NaN or None where a value is
            missing. Columns of texts, and those named in ``categorical_features``, are categories.
        y : labels, or values.
        sample_weight : (n,), none below 0: a row that weighs 2 is as two, one that weighs 0 is left out. By them go the
            loss of the networks (a batch's is the weighted mean of its rows), the epochs at which they stop, what each
            kind is worth, the temperature, how often sets and intervals hold the truth, and what is learnt of columns:
            medians, quartiles, bins, the rarest values, mean and deviation of y. Rows are divided into folds, and
            updates counted, one by one, whatever they weigh. A new row weighs 1; weights whose mean is below 1 cannot
            be numbers of rows, and are multiplied until it is 1.
            ValueError for weights that are below 0, not finite, all 0, or too far apart.
        X_val, y_val, sample_weight_val : rows of one's own in place of folds, of the same columns and classes: one
            network of each kind, or two with "best", is trained on all of X, and these rows say when it stops, what its
            kind is worth, the temperature, and the sizes of sets and intervals. No column is learnt from them.
        checkpoint, every, resume : a folder in which each network is kept every so many epochs, and when it is done;
            with ``resume`` the fit goes on from there, if there is anything. The same call again then makes up for one
            that was killed, stopped by Ctrl-C or cut by ``time_limit``, to the same bits. ValueError if the folder is
            of another fit.
        """
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        check_resume(checkpoint, resume)
        folder = None if checkpoint is None else Folder(checkpoint, every, resume)
        part, n_fitted = self._parts((X, y, sample_weight), (X_val, y_val, sample_weight_val))
        is_fitted = np.arange(len(part.targets)) < n_fitted
        weights = self._with_classes(part.weights, part.targets)
        if weights is not None:
            kept = weights > 0
            part, is_fitted, weights = part.of_rows(kept), is_fitted[kept], weights[kept]
        given, weights = row_weights.as_counts(part.weights), row_weights.as_counts(weights)
        targets, classes = self._encoded(part.targets)
        chosen = categorical_names(X, part.arrays, self.categorical_features)
        fitted, name = part.of_rows(is_fitted).arrays, self._target_name(y, part.arrays)
        scaled = learned(fitted, chosen, name, self._task, row_weights.of_rows(weights, is_fitted))
        filled = scaled.fill(part.arrays)
        n_held_out = int((~is_fitted).sum())
        if X_val is not None and not n_held_out:
            raise ValueError(sentence("class_weight", "above 0 for a class in y_val", self.class_weight))
        seed = check_random_state(self.random_state).randint(2**31)
        if folder is not None:
            seed = folder.seed if folder.seed is not None and self.random_state is None else int(seed)
            folder.begin(asked_for(scaled, filled, targets, weights, n_held_out, self.preset, self.random_state, seed))
        try:
            result = train(
                scaled, scaled.scaled(filled), targets, weights, n_held_out, len(classes), PRESETS[self.preset],
                seed, self.time_limit, self.n_threads, bool(self.verbose), folder,
            )  # fmt: skip
        except KeyboardInterrupt as error:
            if folder is not None:
                say_how_to_go_on(error, folder.place)
            raise
        counts = row_weights.of_rows(given, result.held_out)
        self._take(scaled, result, classes, counts)  # all at once: a fit that ends in an error leaves what there was
        return self

    def _parts(self, data: tuple[Any, Any, Any], validation: tuple[Any, Any, Any]) -> tuple[_Part, int]:
        """Return the rows to train on, then those to validate on, if any, and how many are to train on."""
        X_val, y_val, weights_val = validation
        if (X_val is None) != (y_val is None) or (X_val is None and weights_val is not None):
            raise ValueError("X_val and y_val must be given both or not at all. Got one of them, or weights alone.")
        found = self._part(*data, reset=True)
        if X_val is None:
            return found, len(found.targets)
        try:
            return found.joined(self._part(*validation, reset=False), self._task), len(found.targets)
        except (TypeError, ValueError) as error:
            raise type(error)(f"X_val, y_val: {error}") from None

    def _part(self, X: Any, y: Any, sample_weight: Any, *, reset: bool) -> _Part:
        """Return the rows of a table that weigh more than 0."""
        arrays = self._read(X, reset=reset)
        targets = self._checked(y, len(next(iter(arrays.values()))))
        weights = row_weights.checked(sample_weight, len(targets))
        found = _Part(arrays, targets, weights)
        return found if weights is None else found.of_rows(weights > 0)

    def _checked(self, y: Any, rows: int) -> Array:
        """Return the targets of so many rows as an array (n,)."""
        raise NotImplementedError

    def _with_classes(self, weights: Array | None, y: Array) -> Array | None:
        """Return the weights of rows multiplied by those of their classes."""
        return weights

    def _encoded(self, y: Array) -> tuple[Array, Array]:
        """Return targets as the networks take them, and the classes, none for values."""
        raise NotImplementedError

    def _take(self, scaled: Scaled, result: Result, classes: Array, counts: Array | None) -> None:
        """Become what a training has come to; ``counts`` are the weights of the rows held out, without classes'."""
        self._scaled, self._result, self._counts, self.network_ = scaled, result, counts, result.network(scaled)


class _Part(NamedTuple):
    """Rows of a table: columns by name, targets (n,), and weights (n,) or None."""

    arrays: dict[str, Array]
    targets: Array
    weights: Array | None

    def of_rows(self, rows: Array) -> _Part:
        """Return some of them, by their numbers or a mask."""
        arrays = {name: values[rows] for name, values in self.arrays.items()}
        return _Part(arrays, self.targets[rows], row_weights.of_rows(self.weights, rows))

    def joined(self, other: _Part, task: str) -> _Part:
        """Return these rows, then others of the same columns; ValueError for other classes, or other kinds of values.

        Weights are numbers of rows by then, in both: shares of 1 here and none there would make a row there many.
        """
        known = set(self.targets.tolist())
        if task == "classes" and (unknown := [label for label in other.targets.tolist() if label not in known]):
            raise ValueError(sentence("y", "of the classes that are trained on", unknown[0]))
        arrays = {
            name: np.concatenate([values, alike(name, other.arrays[name], values.dtype == object)])
            for name, values in self.arrays.items()
        }
        targets = np.concatenate([self.targets, other.targets.astype(self.targets.dtype)])
        if self.weights is None and other.weights is None:
            return _Part(arrays, targets, None)
        counts = [row_weights.as_counts(part.weights) for part in (self, other)]
        both = [np.ones(len(p.targets)) if c is None else c for p, c in zip((self, other), counts, strict=True)]
        weights = np.concatenate(both)
        row_weights.check_range("sample_weight, then sample_weight_val,", weights)
        return _Part(arrays, targets, weights)


class _ToRows(NamedTuple):
    model: BaseTabular

    def transform(self, X: Any) -> Array:
        return self.model.rows(X)


class TabularClassifier(ClassifierMixin, BaseTabular):
    """Networks for the classes of a table's rows, good without settings.

    Columns are numbers or categories, of any scale, with values missing. Several networks of each kind are trained,
    each without one part of the rows, by which its best epoch is found; the kinds are weighed by how they do on rows
    they have not seen, the probabilities are calibrated there (temperature scaling), and all become one network.

    Parameters
    ----------
    preset : "fast", "default" or "best": how many networks of which kinds, in tabular_training.PRESETS.
    categorical_features : columns of numbers that are categories: names, numbers, or True or False for each.
    time_limit : seconds for all of the training, about.
    random_state : None, a whole number or a generator; the same number gives the same bits.
    n_threads : at most so many.
    verbose : whether to say how each network does.
    class_weight : None, "balanced", or a dictionary from classes to weights, 1 for those that are not in it: what the
        weights of a class's rows are multiplied by, in all but ``predict_set``, whose promise is about rows as they
        come. Probabilities are then of rows of which each class has its weight. A class that weighs 0 is left out.

    Attributes: ``classes_``, of the rows that weigh more than 0; ``network_``, one NeuralNetwork that takes
    ``rows(X)``, to be explained, saved and exported; ``n_features_in_``, ``feature_names_in_``.

    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 3)) * [1e-3, 1, 1e3]
    >>> y = np.where(X[:, 0] * 1e3 + X[:, 2] / 1e3 > 0, "yes", "no")
    >>> model = TabularClassifier("fast", random_state=0).fit(X, y)
    >>> model.score(X, y) > 0.9
    True
    """

    _task = "classes"
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseTabular._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self, preset: str = "default", *, categorical_features: Any = None, time_limit: float | None = None,
        random_state: Any = None, n_threads: int | None = None, verbose: bool = False, class_weight: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            preset, categorical_features=categorical_features, time_limit=time_limit, random_state=random_state,
            n_threads=n_threads, verbose=verbose,
        )  # fmt: skip
        self.class_weight = class_weight

    def _checked(self, y: Any, rows: int) -> Array:
        y = column_or_1d(frames.labels_of(y), warn=True)
        check_consistent_length(np.empty(rows), y)
        check_classification_targets(y)
        return np.asarray(y)

    def _with_classes(self, weights: Array | None, y: Array) -> Array | None:
        if self.class_weight is None:
            return weights
        there = np.ones(len(y), dtype=bool) if weights is None else weights > 0
        classes, codes = np.unique(y[there], return_inverse=True)
        counts = np.ones(len(codes)) if weights is None else weights[there]
        found = np.zeros(len(y))
        found[there] = counts * by_row(self.class_weight, codes, classes, "these targets", counts)
        if not found.any():
            raise ValueError(sentence("class_weight", "above 0 for one row at least", self.class_weight))
        row_weights.check_range("class_weight times sample_weight", found)
        return found

    def _encoded(self, y: Array) -> tuple[Array, Array]:
        classes, codes = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            only = show(classes.tolist()[0])
            step = "Is it the right column? Rows that weigh 0 do not count."
            raise ValueError(f"y must be of two classes at least. Got one class, {only}. {step}")
        return codes.astype(np.int64), classes

    def _take(self, scaled: Scaled, result: Result, classes: Array, counts: Array | None) -> None:
        super()._take(scaled, result, classes, counts)
        self.classes_ = classes
        texts = all(isinstance(label, str) for label in classes)  # of a data frame: objects, which no file holds
        self.network_.classes_ = classes.astype(np.str_) if texts else classes.copy()

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class, (n, n_classes), in the order of ``classes_``."""
        p = self._outputs(X)
        return p / p.sum(axis=1, keepdims=True)  # which float32 has to seven digits

    def predict(self, X: Any) -> Array:
        """Return the most likely class of each row, (n,)."""
        chosen = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[chosen])

    def predict_set(self, X: Any, level: float = 0.9) -> Array:
        """Return which classes are in each row's set, bool (n, n_classes): the true one is with probability ``level``.

        By split conformal prediction on the predictions for rows out of each network's fold (neural.ConformalSets).
        The set may be empty, and holds all classes where the rows were too few to tell.

        NotFittedError before ``fit``; TypeError or ValueError for a ``level`` that is not between 0 and 1, and for a
        table that ``predict`` would not take.

        >>> X = np.random.default_rng(0).normal(size=(300, 2))
        >>> y = np.where(X[:, 0] > 0, "yes", "no")
        >>> model = TabularClassifier("fast", random_state=0).fit(X, y)
        >>> model.predict_set([[-2.0, 0.0], [2.0, 0.0]], level=0.95)
        array([[ True, False],
               [False,  True]])
        """
        rows, found = self.rows(X), self._result
        scores = 1 - found.outputs[np.arange(len(found.targets)), found.targets]
        return ConformalSets(level).known(self.network_, scores, self._counts).predict(rows)

    def __sklearn_tags__(self) -> Any:
        return _tagged(super().__sklearn_tags__())


class TabularRegressor(RegressorMixin, BaseTabular):
    """Networks for a value of each of a table's rows, good without settings.

    As :class:`TabularClassifier`, with the squared error in place of the logarithmic loss.

    >>> X = np.linspace(0, 1, 300)[:, None]
    >>> model = TabularRegressor("fast", random_state=0).fit(X, np.sin(6 * X[:, 0]))
    >>> model.score(X, np.sin(6 * X[:, 0])) > 0.95
    True
    """

    _task = "values"

    def _checked(self, y: Any, rows: int) -> Array:
        y = column_or_1d(frames.values_of(y), warn=True)
        check_consistent_length(np.empty(rows), y)
        return np.asarray(y)

    def _encoded(self, y: Array) -> tuple[Array, Array]:
        return y, np.array([])

    def predict(self, X: Any) -> Array:
        """Return a value for each row, (n,)."""
        return self._outputs(X)[:, 0]

    def predict_interval(self, X: Any, level: float = 0.9) -> Array:
        """Return an interval for each row, (n, 2), that holds the true value with probability ``level``.

        By split conformal prediction on the predictions for rows out of each network's fold (ConformalIntervals).
        Without bounds, from -inf to inf, where the rows were too few for the ``level``. All are of one width.

        NotFittedError before ``fit``; TypeError or ValueError for a ``level`` that is not between 0 and 1, and for a
        table that ``predict`` would not take.

        >>> rng = np.random.default_rng(0)
        >>> X = rng.uniform(size=(300, 1))
        >>> model = TabularRegressor("fast", random_state=0).fit(X, 10 * X[:, 0] + rng.normal(size=300))
        >>> low, high = model.predict_interval([[0.5]], level=0.9)[0]
        >>> bool(low < 5 < high), bool(2 < high - low < 5)  # of normal errors of deviation 1 it is 3.3
        (True, True)
        """
        rows, found = self.rows(X), self._result
        scores = np.abs(found.targets - found.outputs[:, 0])
        return ConformalIntervals(level).known(self.network_, scores, self._counts).predict(rows)

    def __sklearn_tags__(self) -> Any:
        return _tagged(super().__sklearn_tags__())


def _tagged(tags: Any) -> Any:
    tags.input_tags.allow_nan = tags.input_tags.categorical = tags.input_tags.string = True
    tags.non_deterministic = False
    return tags
