"""Fits by L-BFGS: SciPy looks for the minimum of the cost of all rows, and an epoch is one of its iterations."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from neural import sources
from neural.callbacks import cost_text
from neural.engine import Workspace
from neural.errors import EngineUnavailable, TrainingDiverged, sentence
from neural.layer import Layer, Mode
from neural.normalization import BatchNorm
from neural.training import Settings, Training

UNITS = 10  # in the last place of the cost: what changes less has come to rest
REASONS = {  # SciPy's number for why it ended
    0: "the cost, {}, is at a minimum as far as tol and dtype can tell",
    1: "max_fun evaluations of the cost, now {}",
    2: "the line search found no cost below {}",
}


def is_noisy(layer: Layer) -> bool:
    """Return whether a layer is another at each update, or learns from them besides the gradient."""
    rate = getattr(layer, "dropout_rate", 0) or getattr(layer, "std", 0)
    return rate > 0 or (isinstance(layer, BatchNorm) and layer.rate_factor != 0)


def training_for(settings: Settings, network: Any, sampling: Any = None) -> type[Training]:
    """Return what runs a fit with these settings; raise, before anything is touched, if L-BFGS cannot."""
    if not settings.optimizer.whole:
        return Training
    chain = network._formulas()
    if any(is_noisy(layer) for _, layer in chain):
        rule = "one that bears noise, such as 'adam', in a network with dropout, noise or batch normalization"
        step = "Its cost would change from one evaluation to the next: take these layers out, or set their rate to 0."
        raise ValueError(sentence("optimizer", rule, settings.optimizer, step))
    for what, given in {"average": settings.average, "augment": settings.augment, "sampling": sampling}.items():
        if given is not None:
            raise ValueError(
                sentence(what, f"None with {settings.optimizer}, which takes the same rows each time", given)
            )
    bounded = any(getattr(layer, "max_norm", None) or getattr(layer, "non_negative", False) for _, layer in chain)
    if bounded or settings.optimizer.clip_norm or settings.optimizer.clip_value:
        rule = "one that goes step by step, such as 'adam', where gradients are clipped or weights constrained"
        raise ValueError(sentence("optimizer", rule, settings.optimizer))
    try:
        import scipy.optimize  # noqa: F401
    except ImportError:
        raise EngineUnavailable(
            "optimizer='lbfgs' needs SciPy. Install it: pip install \"neural-dense[lbfgs]\", or use 'adam'."
        ) from None
    return Minimization


def _one_blas_thread() -> AbstractContextManager[Any]:
    """Hold the BLAS that SciPy has to one thread: its vectors are short, and threads would wait for one another."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return nullcontext()
    limits: AbstractContextManager[Any] = threadpool_limits(1, user_api="blas")
    return limits


class Minimization(Training):
    """One call of ``fit`` with L-BFGS, as callbacks see it.

    As :class:`Training`, but a cost in the history is that after its iteration; ``rate`` is 1, the step that each
    line search tries first; there is no ``on_batch_end``. ``found`` is SciPy's own account, once it has ended.
    """

    def _run_epochs(self) -> None:
        from scipy.optimize import minimize

        params, settings = self.program.params, self._search
        self.rate, self._between, self._kept = 1.0, True, params.copy()
        self._mode = Mode(training=True, seed=self.state.seed, step=self.state.step)
        options = {
            "maxiter": self.epochs,
            "maxfun": settings.max_fun,
            "maxcor": settings.pairs,
            "gtol": settings.tol,
            "ftol": UNITS * float(np.finfo(params.dtype).eps) if settings.ftol is None else settings.ftol,
        }
        try:
            with _one_blas_thread():
                self.found = found = minimize(
                    self._cost,
                    params.astype(np.float64),
                    jac=True,
                    method="L-BFGS-B",
                    callback=self._ended,
                    options=options,
                )
            if not self.history:  # nothing was to be gained: an iteration that changes nothing
                self._record(found.fun)
        finally:  # not at a point that was only tried, whatever happened
            params[:] = self._kept
        self.epoch = len(self.history)
        if not self.stopped and self.epoch < self.epochs:
            self.stop(REASONS[found.status].format(cost_text(self.numbers["loss"])))

    @property
    def _search(self) -> Any:
        return self.settings.optimizer

    def _cost(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Return J and its gradient at x."""
        if self._between:
            self._between, self._started = False, time.perf_counter()
            self.epoch += 1
            self._call("on_epoch_begin")
        with np.errstate(over="ignore"):  # x is float64
            self.program.params[:] = x
        cost, gradient = sources.gradient(self.engine, self.program, self.data, self._mode)
        if not (np.isfinite(cost) and np.isfinite(gradient).all()):
            where = self.engine.first_nonfinite(self.program, sources.first_block(self.data), self._mode)
            raise TrainingDiverged(self.epoch, 1, where, self.rate, "the cost or its gradient became infinite or NaN")
        trained = np.zeros(len(gradient))
        for part, _ in self.program.rates:
            trained[part] = gradient[part]
        return cost, trained

    def _ended(self, intermediate_result: Any) -> None:  # the name by which SciPy knows what to call it with
        """Note the end of an iteration, at the point that its line search chose."""
        self.program.params[:] = intermediate_result.x
        self._kept[:] = self.program.params
        self.state.updates += 1
        self._record(intermediate_result.fun)
        self._between = True
        if self.stopped:
            raise StopIteration

    def _record(self, cost: float) -> None:
        penalty, seconds = 0.0, time.perf_counter() - self._started
        if self.program.penalties:
            penalty = Workspace(self.program, np.zeros_like(self.program.params)).penalize()
        self.done += 1
        self._end_epoch(float(cost) - penalty, penalty, seconds)
        self._time_slice(seconds)
