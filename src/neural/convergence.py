"""How a fit of an estimator goes, epoch by epoch: its curves, when it has converged, its learning rate, who is told."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from neural.architecture import published
from neural.callbacks import Callback

SMALLEST_RATE = 1e-6  # an adaptive rate that is no larger ends the fit


class Shuffles:
    """Orders of epochs as scikit-learn draws them: each is a shuffle of the one before, by one RandomState.

    >>> orders = Shuffles(np.random.RandomState(0))
    >>> np.array_equal(np.sort(orders(0, 5)), np.arange(5)), orders(0, 5) is orders(0, 5)
    (True, True)
    """

    def __init__(self, random_state: Any) -> None:
        self.random_state, self.last = random_state, np.arange(0)
        self.drawn: dict[int, np.ndarray] = {}  # of epochs that are not over

    def __call__(self, epoch: int, n: int) -> np.ndarray:
        """Return the order of an epoch of ``n`` rows; the same one if it is asked for again."""
        if epoch not in self.drawn:
            places = np.arange(n)
            self.random_state.shuffle(places)
            self.last = places if len(self.last) != n else self.last[places]
            self.drawn[epoch] = self.last
        return self.drawn[epoch]

    def over(self, epoch: int) -> None:
        """Forget the order of this epoch. It is told of one after the other, of which thousands may have been drawn."""
        self.drawn.pop(epoch, None)


class Convergence(Callback):
    """Writes each epoch down in the estimator, and ends the fit when scikit-learn's would end.

    ``score`` gives the validation score after each epoch, None where nothing is validated. ``task`` tells
    scikit-learn's callbacks, None where there are none.
    """

    def __init__(self, estimator: Any, *, incremental: bool = False, score: Any = None, task: Any = None) -> None:
        self.estimator, self.incremental, self.score, self.task = estimator, incremental, score, task
        self.stops_by_score = bool(estimator.early_stopping)
        self.best_params: np.ndarray | None = None
        self.numbers_only = score is None and task is None  # others look at the network, with its averaged weights

    def epochs_alone(self) -> float:
        e = self.estimator
        if self.score is not None or self.task is not None or e.learning_rate == "invscaling":
            return 1
        return max(1, e.n_iter_no_change + 1 - e._no_improvement_count)

    def on_train_begin(self, training: Any) -> None:
        training.rate_factor = self.estimator._rate_factor

    def on_epoch_begin(self, training: Any) -> None:
        if self.task is not None:
            self.task.begin()

    def on_epoch_end(self, training: Any) -> None:
        e, numbers = self.estimator, training.numbers
        e._shuffles.over(training.before + training.epoch - 1)
        self.record(training, numbers["data_loss"] / e._loss_scale + numbers["penalty"])
        if training.settings.optimizer.whole:
            self._tell(training)
            return
        e.t_ += len(training.data)
        self.follow_rate(training)
        if e._no_improvement_count > e.n_iter_no_change:
            self.converged(training)
        self._tell(training)

    def record(self, training: Any, loss: float) -> None:
        """Add an epoch to the curves, and count those that brought nothing."""
        e = self.estimator
        e.n_iter_, e.loss_ = e.n_iter_ + 1, loss
        e.loss_curve_.append(loss)
        if e.verbose:
            print(f"Iteration {e.n_iter_}, loss = {loss:.8f}")
        score = None if self.score is None else self.score()
        if score is not None:
            e.validation_scores_.append(score)
            if e.verbose:
                print(f"Validation score: {score:f}")
        if self.stops_by_score and score is not None:
            worse = score < e.best_validation_score_ + e.tol
        else:
            best = np.inf if e.best_loss_ is None else e.best_loss_
            worse, e.best_loss_ = loss > best - e.tol, min(loss, best)
        e._no_improvement_count = e._no_improvement_count + 1 if worse else 0
        if score is not None and score > e.best_validation_score_:
            e.best_validation_score_ = score
            if self.stops_by_score:
                self.best_params = training.network.params.copy()

    def follow_rate(self, training: Any) -> None:
        """Set the next epoch's learning rate, if it scales with the rows that were seen."""
        e = self.estimator
        if e.learning_rate == "invscaling" and e.solver != "adam":
            self.set_rate(training, float(e.t_ + 1) ** -e.power_t)

    def set_rate(self, training: Any, factor: float) -> None:
        """Multiply the rates to come by ``factor`` in all; the velocity keeps its size in steps.

        There it is a sum of steps. Here it is a sum of gradients, which the rate multiplies.
        """
        velocity = training.state.memory.get("velocity")
        if velocity is not None and self.estimator.solver == "sgd":
            velocity *= self.estimator._rate_factor / factor
        self.estimator._rate_factor = training.rate_factor = factor

    def converged(self, training: Any) -> None:
        """End the fit, or go on with a fifth of the rate if it is adaptive."""
        e = self.estimator
        what = "Validation score" if self.stops_by_score else "Training loss"
        reason = f"{what} did not improve more than tol={e.tol:f} for {e.n_iter_no_change} consecutive epochs."
        rate = e.learning_rate_init * training.rate_factor
        if e.learning_rate != "adaptive" or e.solver == "adam":
            end = " Stopping."
        elif rate <= SMALLEST_RATE:
            end = " Learning rate too small. Stopping."
        else:
            end = f" Setting learning rate to {rate / 5:f}"
            self.set_rate(training, training.rate_factor / 5)
            e._no_improvement_count = 0
        if e.verbose:
            print(reason + end)
        if end.endswith("Stopping."):
            training.stop(reason)

    def diverged(self) -> None:
        """Write down an epoch that came to nothing."""
        e = self.estimator
        e.n_iter_ += 1
        e.loss_ = float("nan")
        e.loss_curve_.append(e.loss_)
        e.validation_scores_.append(e.loss_)

    def _tell(self, training: Any) -> None:
        if self.task is not None and self.task.end():
            training.stop("a callback of scikit-learn asked for it")


class Task:
    """The epochs of a fit, as scikit-learn's callbacks are told of them: each is a subtask of the fit."""

    def __init__(self, estimator: Any, given: tuple[Any, Any, Any]) -> None:
        self.estimator, (X, y, weights) = estimator, given
        self.given = {"X": X, "y": y, "metadata": None if weights is None else {"sample_weight": weights}}
        self.heard = bool(getattr(estimator, "_skl_callbacks", None))
        self.whole = estimator._init_callback_context(max_subtasks=estimator.max_iter)
        self.whole.call_on_fit_task_begin(estimator=estimator, **self.given)
        self.part: Any = None

    def begin(self) -> None:
        """Before an epoch."""
        self.part = self.whole.subcontext(task_name="epoch")
        self.part.call_on_fit_task_begin(estimator=self.estimator, **self.given)

    def end(self) -> bool:
        """After an epoch; whether a callback wants no more of them."""
        part, self.part = self.part, None
        return bool(self._end(part))

    def over(self) -> None:
        """After the fit."""
        if self.part is not None:  # an iteration that came to nothing
            self.part.call_on_fit_task_end(estimator=self.estimator)
        self._end(self.whole)

    def _end(self, context: Any) -> Any:
        return context.call_on_fit_task_end(
            estimator=self.estimator,
            **self.given,
            reconstruction_attributes=lambda: published(copy.deepcopy(self.estimator._network)),
        )
