"""Sets of classes and intervals of values that hold the truth as often as promised, whatever the model.

The promise is about new rows drawn as the calibration rows were, on average over all of them: P(truth inside) >= level
with a split, and in practice about that with cross-fitting, which promises 2 level - 1. It is not about any one row.

Sources: V. Vovk, A. Gammerman and G. Shafer, Algorithmic Learning in a Random World (2005); R. F. Barber, E. J. Candes,
A. Ramdas and R. J. Tibshirani, Ann. Stat. 49 (2021), 486-507, for CV+; Y. Romano, M. Sesia and E. J. Candes, NeurIPS
2020, for sets of it and for the score "aps"; M. Sadinle, J. Lei and L. Wasserman, J. Am. Stat. Assoc. 114 (2019),
223-234, for "least"; Y. Romano, E. Patterson and E. J. Candes, NeurIPS 2019, for quantiles.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Self

import numpy as np

from neural import inputs
from neural.errors import look_up, sentence
from neural.inputs import numbers
from neural.many import folds_of
from neural.models import classes_of, judged, outputs_of
from neural.significance import inside
from neural.streams import seed_from

Array = np.ndarray[Any, Any]
Make = Callable[[Any, Any], Any]  # (X, y) -> a fitted model
BLOCK = 1 << 22  # ends of intervals worked out at a time


class Conformal:
    """What sets and intervals share: models, and the score of each calibration row under one that has not seen it."""

    def __init__(self, level: float = 0.9) -> None:
        self.level = inside("level", level)
        self.models: list[Any] = []
        self.scores: list[Array] = []  # of the calibration rows of each model
        self._counts: Array | None = None  # how many rows each of the scores and those before it stand for

    def split(self, model: Any, X: Any, y: Any) -> Self:
        """Calibrate a fitted model on rows that it was not trained on, and return self."""
        self.models, self.scores, self._counts = [model], [self._scores(model, X, y)], None
        return self

    def cross(self, make: Make, X: Any, y: Any, *, folds: int = 10, random_state: Any = None) -> Self:
        """Fit ``folds`` models by ``make(X, y)``, each on all rows but its own fold's, and return self.

        No row is set aside, at the price of as many fits (CV+).
        """
        X, y = np.asarray(X), np.asarray(y)
        models, scores = [], []
        for mine in folds_of(y, folds, seed_from(random_state)):
            others = np.setdiff1d(np.arange(len(y)), mine)
            model = make(X[others], y[others])
            models.append(model)
            scores.append(self._scores(model, X[mine], y[mine]))
        self.models, self.scores, self._counts = models, scores, None
        return self

    def known(self, model: Any, scores: Any, weights: Any = None) -> Self:
        """Take a fitted model and the scores of rows that it was not trained on, worked out before; return self.

        The scores (n,) are as those of ``split``: of values |y - prediction| for one output, of classes what ``score``
        says of the true one, such as 1 - p for "least". ``weights`` (n,) say of how many rows each score is: 2 is as
        two rows of the same score.

        TypeError for what is not numbers, ValueError for scores that are not finite, and for weights below 0, all 0, or
        not one for each score.

        >>> class Twice:
        ...     def predict(self, X):
        ...         return 2 * X
        >>> ConformalIntervals(0.8).known(Twice(), [3, 1, 2, 4]).predict(np.array([[10.0]]))
        array([[16., 24.]])
        """
        found = numbers("scores", scores).astype(np.float64).reshape(-1)
        order = np.argsort(found, kind="stable")
        given = inputs.weights(weights, len(found), np.float64) if len(found) else None
        self._counts = None if given is None else np.cumsum(given[order])
        self.models, self.scores = [model], [found[order]]
        return self

    def _scores(self, model: Any, X: Any, y: Any) -> Array:
        raise NotImplementedError

    def _check_ready(self) -> None:
        if not self.models:
            raise RuntimeError(f"{type(self).__name__} must be calibrated first: call split or cross.")

    @property
    def rank(self) -> int:
        """Which of the n sorted scores bounds what is inside: ceil(level (n + 1)); beyond n there is no bound.

        With weights the first by which there are level (sum w + 1) rows, those before it counted.
        """
        if self._counts is not None:
            enough = self.level * (self._counts[-1] + 1) - 1e-9
            return 1 + int(np.searchsorted(self._counts, enough))
        n = sum(map(len, self.scores))
        return math.ceil(self.level * (n + 1) - 1e-9)


# Classes --------------------------------------------------------------------------------------------------------------


def _least(p: Array, u: Array) -> Array:
    """1 - p_k: the smallest sets on average."""
    return 1 - p


def _aps(p: Array, u: Array) -> Array:
    """What all likelier classes have together, and a random share of the class's own: sets that adapt to the row."""
    order = np.argsort(-p, axis=1, kind="stable")
    falling = np.take_along_axis(p, order, axis=1)
    found = np.empty_like(p)
    np.put_along_axis(found, order, np.cumsum(falling, axis=1) - falling * (1 - u), axis=1)
    return found


SCORES: dict[str, Callable[[Array, Array], Array]] = {"least": _least, "aps": _aps}


class ConformalSets(Conformal):
    """Sets of classes that hold the true one with probability ``level``, from a classifier's probabilities.

    ``score`` is "least", for the smallest sets, or "aps", for sets that are large where the row is hard; "aps" draws
    random numbers, from ``random_state``.

    >>> class Guess:
    ...     classes_ = np.array(["cat", "dog"])
    ...     def predict_proba(self, X):
    ...         return np.column_stack([X[:, 0], 1 - X[:, 0]])
    >>> X = np.linspace(0.05, 0.95, 19)[:, None]
    >>> sets = ConformalSets(0.9).split(Guess(), X, np.where(X[:, 0] > 0.4, "cat", "dog"))
    >>> sets.predict(np.array([[0.9], [0.5]])), sets.labels(np.array([[0.9]]))
    (array([[ True, False],
           [ True,  True]]), [['cat']])
    """

    def __init__(self, level: float = 0.9, *, score: str = "least", random_state: Any = None) -> None:
        super().__init__(level)
        self.score, self._of = score, look_up("score", str(score), SCORES)
        self._rng = np.random.default_rng(seed_from(random_state))

    def _of_classes(self, p: Array) -> Array:
        p = np.hstack([1 - p, p]) if p.shape[1] == 1 else p
        return self._of(p, self._rng.random((len(p), 1)))

    def _scores(self, model: Any, X: Any, y: Any) -> Array:
        found = judged(model, X, y)
        if not found.classifies:
            raise ValueError(sentence("model", "a classifier, or use ConformalIntervals", model))
        return np.sort(self._of_classes(found.outputs)[np.arange(len(found.truth)), found.truth])

    def predict(self, X: Any) -> Array:
        """Return which classes are in each row's set, bool (n, K); a set may be empty or hold all."""
        self._check_ready()
        below: Any = 0
        for model, scores in zip(self.models, self.scores, strict=True):
            below = below + np.searchsorted(scores, self._of_classes(outputs_of(model, X)), side="left")
        return np.asarray(below < self.rank)

    def labels(self, X: Any) -> list[list[Any]]:
        """Return the classes of each row's set."""
        inside = self.predict(X)
        classes = classes_of(self.models[0])
        names = np.arange(inside.shape[1]) if classes is None else classes
        return [names[row].tolist() for row in inside]


# Values ---------------------------------------------------------------------------------------------------------------


class ConformalIntervals(Conformal):
    """Intervals that hold the true value with probability ``level``.

    Of a model with one output, all of about one width: it is moved up and down by as much as calibration rows were
    missed. Of a model with two, a low and a high quantile (loss ``Quantile``), as wide as these say and then widened.

    >>> class Twice:
    ...     def predict(self, X):
    ...         return 2 * X
    >>> X, error = np.arange(9.0)[:, None], np.array([1, -2, 3, -4, 5, -6, 7, -8, 9.0])
    >>> ConformalIntervals(0.8).split(Twice(), X, 2 * X[:, 0] + error).predict(np.array([[10.0]]))
    array([[12., 28.]])
    """

    def _ends(self, model: Any, X: Any) -> Array:
        found = numbers("what the model predicts", outputs_of(model, X))
        if found.ndim != 2 or found.shape[1] > 2:
            raise ValueError(sentence("what the model predicts", "one value, or a low and a high quantile", found))
        return np.sort(np.hstack([found, found]) if found.shape[1] == 1 else found, axis=1)

    def _scores(self, model: Any, X: Any, y: Any) -> Array:
        y, ends = numbers("y", y).astype(np.float64).reshape(-1), self._ends(model, X)
        if len(y) != len(ends):
            raise ValueError(sentence("y", f"one value for each of {len(ends)} rows", y))
        return np.maximum(ends[:, 0] - y, y - ends[:, 1])

    def predict(self, X: Any) -> Array:
        """Return the interval of each row, (n, 2); without bounds where there are too few calibration rows."""
        self._check_ready()
        n = sum(map(len, self.scores))
        ends = [self._ends(model, X) for model in self.models]
        out = np.tile([-np.inf, np.inf], (len(ends[0]), 1))
        if self.rank > n:
            return out
        for start in range(0, len(out), size := max(1, BLOCK // n)):
            part = slice(start, start + size)
            for side, sign in ((0, -1), (1, 1)):
                reach = [sign * each[part, side, None] + scores for each, scores in zip(ends, self.scores, strict=True)]
                out[part, side] = sign * np.partition(np.hstack(reach), self.rank - 1, axis=1)[:, self.rank - 1]
        return np.sort(out, axis=1)  # where all scores are below 0 the ends may have crossed
