"""What the two estimators share: an estimator validates, encodes, delegates to the network, and decodes.

scikit-learn calls the whole of this a multilayer perceptron. Its checks, its mixins and its words are used wherever it
has them, so that both behave as its own do.
"""

from __future__ import annotations

from numbers import Integral, Real
from operator import is_
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator, _fit_context
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring, get_scorer_names
from sklearn.metrics._scorer import _BaseScorer
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, Options, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.optimize import _check_optimize_result
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, column_or_1d, validate_data

from neural import activations, averages, callbacks, core, lbfgs, losses, optimizers, schedules, sources, threads
from neural import architecture as shape
from neural.convergence import Convergence, Shuffles, Task
from neural.engine import Data
from neural.errors import TrainingDiverged, sentence, warn
from neural.layer import Layer
from neural.nn import NeuralNetwork
from neural.training import Settings

NONFINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and need to be preprocessed."
)
UNCONVERGED = "Stochastic Optimizer: Maximum iterations (%d) reached and the optimization hasn't converged yet."
ACTIVATIONS = {*shape.ACTIVATIONS, *activations.ACTIVATIONS, *activations.SYNONYMS}


class BaseMLP(CallbackSupportMixin, BaseEstimator):
    """What MLPClassifier and MLPRegressor share; not to be used itself."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(ACTIVATIONS), list, tuple, activations.Activation, callable],
        "solver": [StrOptions({"lbfgs", "sgd", "adam", *optimizers.OPTIMIZERS}), optimizers.Optimizer],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({*shape.RATES, *schedules.SCHEDULES}), schedules.Schedule, callable],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        # what scikit-learn's own do not have
        "loss": [
            StrOptions({*losses.LOSSES}), losses.Loss, HasMethods(["loss", "loss_prime"]),
        ],
        "dropout": [Interval(Real, 0, 1, closed="left"), list, tuple],
        "input_dropout": [Interval(Real, 0, 1, closed="left")],
        "batch_norm": ["boolean"],
        "layer_norm": ["boolean"],
        "residual": ["boolean"],
        "scoring": [StrOptions(set(get_scorer_names())), callable, None],
        "callbacks": "no_validation",
        "time_limit": [Interval(Real, 0, None, closed="neither"), None],
        "n_threads": [Interval(Integral, 1, None, closed="left"), None],
        "ema": [Interval(Real, 0, 1, closed="neither"), StrOptions({*averages.AVERAGES}), averages.Average, None],
        "input_scale": [Interval(Real, None, None, closed="neither"), None],
        "engine": [StrOptions(set(core.ENGINES))],
    }  # fmt: skip

    _y_numeric = False
    coefs_: list[Any]
    intercepts_: list[Any]
    validation_scores_: list[float] | None
    best_validation_score_: float | None
    best_loss_: float | None
    n_iter_: int

    # --- what a subclass says -----------------------------------------------------------------------------------------
    def _encoded(self, y: Any, first: bool, incremental: bool) -> np.ndarray:
        """Return targets as numbers, and learn what there is to know of them."""
        raise NotImplementedError

    def _make_loss(self, targets: np.ndarray) -> tuple[losses.Loss, int, float]:
        """Return the loss, the number of outputs, and what a loss is divided by when it is reported."""
        raise NotImplementedError

    def _codes(self, y: Any) -> np.ndarray:
        """Return targets as numbers, for an estimator that knows what there is to know of them."""
        raise NotImplementedError

    def _targets(self, encoded: np.ndarray) -> np.ndarray:
        """Return encoded targets as the engine takes them."""
        raise NotImplementedError

    def _class_weights(self, targets: np.ndarray, weights: Any, incremental: bool) -> Any:
        """Return sample weights multiplied by those of the classes."""
        return weights

    def _score_of(self, y: np.ndarray, outputs: np.ndarray, weights: Any) -> float:
        """Return the score of outputs by which early stopping goes if it is given no other."""
        raise NotImplementedError

    # --- fit ----------------------------------------------------------------------------------------------------------
    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *,
        X_val: Any = None, y_val: Any = None, sample_weight_val: Any = None,
    ) -> Self:  # fmt: skip
        """Fit the network to rows X (n, n_features) and targets y (n,) or (n, n_outputs); return the estimator.

        X is an array, a data frame or a sparse matrix; ``sample_weight`` (n,) is at least 0. ``X_val``, ``y_val``
        and ``sample_weight_val`` are scored after each epoch: ``validation_scores_``; early stopping goes by them in
        place of a fraction of the rows.
        """
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val must be given both or not at all. Got one of them.")
        given = (X, y, sample_weight)
        X, y = as_numpy(X), as_numpy(y)
        return self._fit(X, y, sample_weight, given=given, validation=(X_val, y_val, sample_weight_val))

    @property
    def network_(self) -> NeuralNetwork:
        """The fitted network, to be explained, saved or exported; there once the estimator is fitted."""
        if not hasattr(self, "_network"):
            raise AttributeError(f"{type(self).__name__} has no network_ before it is fitted. Call fit first.")
        return self._network

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any) -> Self:
        if self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        return self._fit(as_numpy(X), as_numpy(y), sample_weight, incremental=True)

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, *,
        incremental: bool = False, given: Any = None, validation: Any = (None, None, None),
    ) -> Self:  # fmt: skip
        for check in (shape.optimizer_of, shape.schedule_of, lambda e: callbacks.resolve(e.callbacks)):
            check(self)  # refused before anything is touched
        shape.hidden_sizes(self.hidden_layer_sizes)
        if hasattr(self, "_network"):
            self._network._check_free()
        first = not hasattr(self, "coefs_") or (not self.warm_start and not incremental)
        X, y = self._checked(X, y, reset=first)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        targets = self._encoded(y, first, incremental)
        random_state = self._random_state_for(first, incremental)
        if first:
            self._begin(X, targets, random_state)
        elif not hasattr(self, "_network"):
            self._take_up(X, targets)
        else:
            self._go_on(X, targets)
        self._adopt()
        weights = self._class_weights(targets, sample_weight, incremental)
        if weights is not None:
            weights = weights.astype(self._network.dtype, copy=False)
        data = Data(rows_of(X), targets, weights)
        train, held_out = self._split(data, y, random_state, validation)
        train.y = self._targets(train.y)
        self._optimize(train, held_out, incremental, given)
        return self

    def _checked(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Any]:
        X, y = validate_data(
            self, X, y, accept_sparse="csr", multi_output=True, dtype=(np.float64, np.float32, np.uint8), order="C",
            reset=reset, y_numeric=self._y_numeric,
        )  # fmt: skip
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y.toarray() if scipy.sparse.issparse(y) else y, warn=True)
        return X, y

    def _random_state_for(self, first: bool, incremental: bool) -> Any:
        """Return the generator of this fit; ``partial_fit`` goes on with the one it has."""
        if first or not incremental or not hasattr(self, "_shuffles"):
            self._shuffles = Shuffles(check_random_state(self.random_state))
        return self._shuffles.random_state

    def _begin(self, X: Any, targets: np.ndarray, random_state: Any) -> None:
        """Make the network, and all curves empty."""
        dtype = np.float32 if X.dtype == np.float32 else np.float64
        loss, n_out, self._loss_scale = self._make_loss(targets)
        self._network = shape.network(self, loss, X.shape[1], n_out, dtype, random_state).build(X.shape[1])
        self.__dict__.update(shape.published(self._network))
        self.n_outputs_, self.n_layers_ = n_out, len(self.coefs_) + 1
        self.out_activation_ = shape.LINKS.get(loss.link, loss.link)
        self.n_iter_ = self.t_ = 0
        self.loss_curve_, self._no_improvement_count, self._rate_factor = list[float](), 0, 1.0
        self.best_loss_, self.validation_scores_, self.best_validation_score_ = None, None, None

    def _go_on(self, X: Any, targets: np.ndarray) -> None:
        """Give the network the loss as it is now; refuse other layers."""
        loss, n_out, self._loss_scale = self._make_loss(targets)
        sizes = shape.hidden_sizes(self.hidden_layer_sizes)
        plain = not any(isinstance(size, Layer) for size in sizes)
        if n_out != self.n_outputs_ or (plain and shape.hidden_layers(self, X.shape[1]) != self._network.layers[:-1]):
            rule = "as in the fit before, where its weights are used again"
            raise ValueError(sentence("the network's layers", rule, f"hidden_layer_sizes={sizes}, {n_out} outputs"))
        self._network.use_loss(loss)

    def _take_up(self, X: Any, targets: np.ndarray) -> None:
        """Make a network for weights that somebody has assigned to an estimator that was never fitted."""
        coefs, intercepts, known = self.coefs_, self.intercepts_, self.__dict__.copy()
        self._begin(X, targets, np.random.RandomState(0))
        self.__dict__.update({**known, "_views": self._views, "_network": self._network})
        self.coefs_, self.intercepts_ = coefs, intercepts

    def _adopt(self) -> None:
        """Copy weights that somebody has put into ``coefs_`` or ``intercepts_`` into the network."""
        named = {"coefs_": self.coefs_, "intercepts_": self.intercepts_}
        pairs = [*zip(named.values(), self._views, strict=True)]
        if all(len(given) == len(views) and all(map(is_, given, views)) for given, views in pairs):
            return
        for (name, all_given), views in zip(named.items(), self._views, strict=True):
            if len(all_given) != len(views):
                raise ValueError(sentence(name, f"a list of {len(views)}, as there are dense layers", all_given))
            for view, value in zip(views, all_given, strict=True):
                if np.shape(value) != view.shape or not np.isfinite(value).all():
                    raise ValueError(sentence(f"an array in {name}", f"finite and of shape {view.shape}", value))
                view[...] = value
        self.__dict__.update(shape.published(self._network))

    # --- validation ---------------------------------------------------------------------------------------------------
    def _split(
        self, data: Data, y: np.ndarray, random_state: Any, validation: Any
    ) -> tuple[Data, tuple[Any, Any, Any] | None]:
        """Return what is trained on, and (X, y, weights) to score, if anything is."""
        X_val, y_val, weights_val = validation
        if X_val is not None:
            X_val, y_val = self._checked(as_numpy(X_val), as_numpy(y_val), reset=False)
            if weights_val is not None:
                weights_val = _check_sample_weight(weights_val, X_val, ensure_non_negative=True)
            return data, (rows_of(X_val), y_val, weights_val)
        if not self.early_stopping or self._optimizer_of().whole:
            return data, None
        rows = np.arange(len(data))
        train, held_out = train_test_split(
            rows, random_state=random_state, test_size=self.validation_fraction, stratify=self._strata(data.y)
        )
        if len(held_out) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            )
        taken = [Data(taken_of(data.X, part), data.y[part], None if data.weights is None else data.weights[part])
                 for part in (train, held_out)]  # fmt: skip
        return taken[0], (taken[1].X, y[held_out], taken[1].weights)

    def _strata(self, targets: np.ndarray) -> Any:
        return None

    def _scorer(self, held_out: tuple[Any, Any, Any] | None) -> Any:
        """Return a function that scores the network as it is now, None where there is nothing to score."""
        if held_out is None:
            return None
        X, y, weights = held_out
        if self.scoring is None:
            return lambda: self._own_score(X, y, weights)
        scorer = check_scoring(self, self.scoring)
        options = {"sample_weight": weights} if weights is not None and isinstance(scorer, _BaseScorer) else {}
        return lambda: float(scorer(self, X, y, **options))

    def _own_score(self, X: Any, y: np.ndarray, weights: Any) -> float:
        try:
            outputs = self._network_outputs(X)
        except ValueError:  # not finite
            return float("nan")
        return self._score_of(y, outputs, weights)

    # --- the run ------------------------------------------------------------------------------------------------------
    def _optimizer_of(self) -> optimizers.Optimizer:
        return shape.optimizer_of(self)

    def _batch_size(self, n: int, whole: bool) -> int:
        if whole:
            return n
        if isinstance(self.batch_size, str):
            return min(200, n)
        if self.batch_size > n:
            warn("Got `batch_size` less than 1 or larger than sample size. It is going to be clipped")
        return int(min(self.batch_size, n))

    def _optimize(self, data: Data, held_out: Any, incremental: bool, given: Any) -> None:
        net, optimizer, told = self._network, self._optimizer_of(), threads.told()
        score = self._scorer(held_out)
        if score is not None and self.validation_scores_ is None:
            self.validation_scores_, self.best_validation_score_ = [], -np.inf
        if not incremental:  # scikit-learn's optimizers begin anew with each fit
            net.state.optimizer, net.state.average, self._rate_factor = None, None, 1.0
        task = Task(self, given) if given is not None else None
        watch = Convergence(self, incremental=incremental, score=score, task=task if task and task.heard else None)
        batch = self._batch_size(len(data), optimizer.whole)
        settings = Settings(
            epochs=1 if incremental else int(self.max_iter),
            learning_rate=float(self.learning_rate_init),
            batch_size=batch,
            optimizer=optimizer,
            schedule=shape.schedule_of(self),
            metrics=[],
            callbacks=[watch, *callbacks.resolve(self.callbacks), *([callbacks.Cancelled(told)] if told else [])],
            time_limit=None if self.time_limit is None else float(self.time_limit),
            average=shape.average_of(self),
            augment=None,
            shuffle=self._shuffles if self.shuffle else False,
            penalty_by_batch=True,
        )
        self.n_iter_ = 0
        if self.scoring is not None and held_out is not None:
            self._known = held_out[0]  # a scorer predicts for rows that have been checked
        try:
            training = self._run(net, data, self._watched(held_out), settings, watch)
        finally:
            self.__dict__.pop("_known", None)
            if not incremental:
                self._shuffles = Shuffles(self._shuffles.random_state)
        if told and told.is_set():
            raise KeyboardInterrupt  # the search of which this is a part
        if watch.best_params is not None:
            net.params[:] = watch.best_params
        if self.early_stopping and score is not None:
            self.best_loss_ = None
        self._warn(training, incremental, optimizer)
        if task is not None:
            task.over()

    def _watched(self, held_out: Any) -> Data | None:
        """Return what is scored as this package's callbacks see it: then there is a val_loss."""
        if held_out is None or not self.callbacks or isinstance(held_out[0], sources.Source):
            return None
        X, y, weights = held_out
        return Data(X, self._targets(self._codes(y)), weights)

    def _run(
        self, net: NeuralNetwork, data: Data, validation: Data | None, settings: Settings, watch: Convergence
    ) -> Any:
        """Run the epochs; what ends them without an error is put down as scikit-learn does."""
        weight = float(len(data) if data.weights is None else data.weights.sum(dtype=np.float64))
        program = net.program(weight if settings.optimizer.whole else settings.batch_size)  # type: ignore[arg-type]
        engine = net._using(
            net._engine_for(settings.optimizer, None if self.n_threads is None else int(self.n_threads))
        )
        kind = lbfgs.training_for(settings, net)
        settings.check(program.loss, self.n_outputs_, data, validation)
        net.state.use(settings.optimizer, net.params, settings.average)
        training = kind(net, program, data, validation, settings, engine)
        try:
            with net._being_fitted():
                training.run()
        except KeyboardInterrupt:
            warn("Training interrupted by user.")
        except TrainingDiverged as error:
            if not watch.stops_by_score or watch.score is None:
                raise ValueError(f"{NONFINITE} ({error})") from error
            watch.diverged()
            warn(str(error), ConvergenceWarning)
        self.history_ = training.history
        return training

    def _warn(self, training: Any, incremental: bool, optimizer: optimizers.Optimizer) -> None:
        if optimizer.whole:
            found = getattr(training, "found", None)
            if found is not None:
                self.n_iter_ = _check_optimize_result("lbfgs", found, self.max_iter)
        elif self.n_iter_ == self.max_iter and not incremental and not training.stopped:
            warn(UNCONVERGED % self.max_iter, ConvergenceWarning)

    def _check_solver(self) -> bool:
        if shape.optimizer_of(self).whole:
            name = self.solver if isinstance(self.solver, str) else type(self.solver).__name__
            raise AttributeError(f"partial_fit is only available for stochastic optimizers. {name} is not stochastic.")
        return True

    # --- predictions --------------------------------------------------------------------------------------------------
    def _outputs(self, X: Any) -> np.ndarray:
        """Return the network's outputs (n, n_outputs) for rows as a user has them."""
        check_is_fitted(self)
        if not isinstance(X, sources.Source) and X is not getattr(self, "_known", None):
            X = rows_of(validate_data(
                self, as_numpy(X), accept_sparse="csr", dtype=(np.float64, np.float32, np.uint8), order="C", reset=False
            ))  # fmt: skip
        self._adopt()
        return self._network_outputs(X)

    def _network_outputs(self, X: Any) -> np.ndarray:
        if not isinstance(X, sources.Source):
            return self._network.predict(X)
        size = sources.block_rows(X)
        return np.concatenate([self._network.predict(X[at : at + size]) for at in range(0, len(X), size)])

    # --- copies -------------------------------------------------------------------------------------------------------
    def __getstate__(self) -> dict[str, Any]:
        if hasattr(self, "_network"):
            self._adopt()
        state = super().__getstate__()
        if "_network" not in state:
            return state
        return {name: value for name, value in state.items() if name not in ("coefs_", "intercepts_", "_views")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "_network" in state:
            self.__dict__.update(shape.published(self._network))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def as_numpy(value: Any) -> Any:
    """Return an array of another library, such as a tensor, as one of NumPy; anything else as it is."""
    if isinstance(value, np.ndarray) or not hasattr(value, "__dlpack__"):
        return value
    try:
        return np.asarray(value)
    except (TypeError, RuntimeError, ValueError, BufferError):
        return np.from_dlpack(value)


def rows_of(X: Any) -> Any:
    """Return validated rows as they are, sparse ones to be taken a block at a time."""
    return sources.SparseRows(X) if scipy.sparse.issparse(X) else X


def taken_of(X: Any, rows: np.ndarray) -> Any:
    """Return some of the rows, sparse ones still sparse."""
    return sources.SparseRows(X.matrix[rows]) if isinstance(X, sources.SparseRows) else X[rows]


available_if_stochastic = available_if(lambda estimator: estimator._check_solver())
