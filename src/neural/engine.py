"""Engines run a network: steps of training, predictions. This one, in NumPy, is the definition of what is right.

An engine gets a :class:`Program`, the network as a chain of formulas over one flat vector, and :class:`Data`. It knows
neither epochs nor class labels. core.py has the compiled one, and chooses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from neural import checks
from neural.augment import Augment
from neural.errors import EngineUnavailable
from neural.layer import Layer, Mode
from neural.loss import Loss
from neural.optimizers import Optimizer
from neural.parameters import Own, Place
from neural.streams import epoch_order

PREDICT_ROWS = 1024  # rows predicted at a time: bounds the memory, and keeps small networks within the cache


@dataclass(repr=False, eq=False)
class Program:
    """A network as an engine sees it: which formula follows which, and where the numbers are.

    ``chain`` goes up to what ``cost``, one of the two forms of the loss, takes: raw scores where the loss has the link
    inside; ``link`` turns them into outputs.
    ``penalties`` lists (place, l1, l2) of the penalized weights, both already divided by the batch size; ``weights``
    the places that weight decay is about.
    """

    chain: list[tuple[int, Layer]]
    places: list[Place]
    params: np.ndarray
    loss: Loss | None = None
    cost: Callable[..., np.ndarray] | None = None
    link: Layer | None = None
    scale: float | None = None
    penalties: tuple[tuple[Place, float, float], ...] = ()
    weights: tuple[Place, ...] = ()
    rates: tuple[tuple[slice, float], ...] = ()  # of stretches of params: factors of the learning rate
    constraints: tuple[tuple[Place, float | None, bool], ...] = ()  # (weights, max_norm, non_negative)

    @property
    def dtype(self) -> np.dtype:
        return self.params.dtype

    def rate_of(self, place: Place) -> float:
        """Return what the learning rate is multiplied by for a parameter; 0 where it is not trained."""
        return next((factor for part, factor in self.rates if part.start <= place.start < part.stop), 0.0)

    @property
    def stretches(self) -> tuple[tuple[slice, float], ...]:
        """What an optimizer is to work on, one after the other: everything at once where all rates are one.

        What a layer itself keeps up to date has no gradient, and does no harm.
        """
        if all(layer.rate_factor == 1 for _, layer in self.chain):
            return ((slice(0, len(self.params)), 1.0),)
        return self.rates

    @property
    def frozen(self) -> tuple[Place, ...]:
        """The parameters of layers whose rate is 0: nothing moves them, a running mean included."""
        layers = {number for number, layer in self.chain if layer.rate_factor == 0}
        return tuple(place for place in self.places if place.layer in layers)

    def own(self, number: int, flat: np.ndarray) -> Own:
        """Return one layer's share of a flat vector."""
        return Own(number, self.dtype, **{p.name: p.view(flat) for p in self.places if p.layer == number})


@dataclass(repr=False, eq=False)
class Data:
    """Rows to train on: X as it came (uint8 stays uint8), targets as the loss encoded them, weights or None.

    Engines take X as an array; a fit may hold a Source in its place, and give them blocks of it.
    """

    X: Any
    y: np.ndarray
    weights: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.X)

    def blocks(self, size: int) -> Iterator[Data]:
        """Yield the rows in order, ``size`` at a time, as views."""
        for start in range(0, len(self), size):
            part = slice(start, start + size)
            yield Data(self.X[part], self.y[part], None if self.weights is None else self.weights[part])


def batch_bounds(n: int, epoch_rows: int, batch_size: int) -> np.ndarray:
    """Return where each batch of ``n`` rows begins and the last one ends; none reaches over an epoch's end.

    >>> batch_bounds(10, epoch_rows=5, batch_size=2)
    array([ 0,  2,  4,  5,  7,  9, 10])
    """
    starts, epochs = np.arange(0, epoch_rows, batch_size), np.arange(0, n, epoch_rows)
    bounds = (epochs[:, None] + starts).reshape(-1)
    return np.append(bounds[bounds < n], n)


@dataclass(repr=False, eq=False)
class Run:
    """Consecutive updates that an engine is asked for: a part of an epoch, or whole epochs one after the other."""

    order: np.ndarray
    batch_size: int
    epoch_rows: int
    rates: np.ndarray
    optimizer: Optimizer
    memory: dict[str, np.ndarray]
    updates: int  # that the optimizer has made before
    mode: Mode  # its step counts on through the run
    penalty: np.ndarray | None = None  # what l1 and l2 are multiplied by in each update
    mean: np.ndarray | None = None  # of the parameters,
    shares: np.ndarray | None = None  # into which the weights after each update enter by so much
    augment: Augment | None = None  # what changes the rows while they are gathered

    def bounds(self) -> np.ndarray:
        """Return where each batch begins in the order and the last one ends."""
        return batch_bounds(len(self.order), self.epoch_rows, self.batch_size)


class Workspace:
    """The arrays of one thread's run of one program: each layer's share, its gradients, its working arrays."""

    def __init__(self, program: Program, grads: np.ndarray | None = None, *, input_gradient: bool = False) -> None:
        self.program = program
        self.flat_grads: Any = grads
        self.decayed = [(place.view(program.params), program.rate_of(place)) for place in program.weights]
        self.shared = Own(-1, program.dtype)
        self.cost: Any = program.cost
        self.factor = 1.0 if program.loss is None else program.loss.factor
        self.layers = [(layer, program.own(number, program.params)) for number, layer in program.chain]
        for _, own in self.layers:
            own.round = self.shared.round
        self.tried = False  # the first batch is looked at closely
        self.grads = [] if grads is None else [program.own(number, grads) for number, _ in program.chain]
        self.trained_grads = [] if grads is None else [grads[part] for part, _ in program.rates]
        self.penalties = [
            (place.view(program.params), place.view(grads), l1, l2)
            for place, l1, l2 in program.penalties
            if grads is not None
        ]
        self.constraints = [
            (place.view(program.params), most, positive) for place, most, positive in program.constraints
        ]
        if self.layers:
            self.layers[0][1].needs_dx = input_gradient

    def load(self, X: np.ndarray, rows: np.ndarray | None = None, run: Run | None = None, step: int = 0) -> np.ndarray:
        """Return rows of X, scaled, in the dtype of the network: all of them, or those numbered in ``rows``.

        For update ``step`` of a run that augments images, as augmented.
        """
        scale, dtype = self.program.scale, self.program.dtype
        if rows is not None:
            raw = self.shared.array("raw", (len(rows), X.shape[1]), X.dtype)
            X = X.take(rows, axis=0, out=raw, mode="clip")  # any other mode copies twice
            if run is not None and run.augment is not None:
                X = run.augment.of(X, run.mode.seed, step)
        if X.dtype == dtype and scale is None:
            if rows is None:  # the user's own, which no layer may change
                X = X.view()
                X.flags.writeable = False
            return X
        x = self.shared.array("x", X.shape)
        np.copyto(x, X, casting="same_kind" if X.dtype.kind == "f" else "safe")
        return x if scale is None else np.multiply(x, scale, out=x)

    def forward(self, x: np.ndarray, mode: Mode) -> tuple[np.ndarray, list[Any]]:
        """Return what the chain makes of ``x`` and the caches for the way back."""
        caches = []
        for layer, own in self.layers:
            given = layer.forward(x, own, mode)
            if not self.tried:
                checks.forward(layer, x, given)
            x, cache = given
            caches.append(cache)
        return x, caches

    def costs(self, scores: np.ndarray, y: np.ndarray, d: np.ndarray) -> np.ndarray:
        """Return the loss of each row, and write its derivative into ``d``."""
        if not self.tried:
            checks.mark(d)
        losses = self.cost(scores, y, d, self.shared)
        if not self.tried:
            checks.losses(self.cost, losses, d)
        if self.factor != 1:
            losses = losses * self.factor
            np.multiply(d, self.factor, out=d)
        return losses

    def outputs(self, scores: np.ndarray) -> np.ndarray:
        """Return the outputs of the network for what the chain has made."""
        link = self.program.link
        return scores if link is None else link.forward(scores, self.shared, Mode())[0]

    def gradient(
        self, x: np.ndarray, y: np.ndarray, weights: np.ndarray | None, mode: Mode
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the weighted loss of each row and dJ/dx (if asked for), and leave dJ/dparameters in ``grads``.

        J is the weighted mean over the batch: each row's derivative is multiplied by w_i / sum w, or 1 / m.
        """
        scores, caches = self.forward(x, mode)
        d = self.shared.array("d", scores.shape)
        losses = self.costs(scores, y, d)
        if weights is None:
            np.multiply(d, 1 / len(x), out=d)
        else:
            losses = losses * weights
            np.multiply(d, (weights / (weights.sum() or 1))[:, None], out=d)
        for (layer, own), grads, cache in zip(
            reversed(self.layers), reversed(self.grads), reversed(caches), strict=True
        ):
            before, d = d, layer.backward(d, cache, own, grads)
            if not self.tried and own.needs_dx:
                checks.backward(layer, before, d)
        self.tried = True
        return losses, d

    def penalize(self, factor: float = 1.0) -> float:
        """Return the penalty, factor * sum of l1 |W| + l2/2 W^2, and add its derivative to the gradients."""
        total = 0.0
        for W, dW, l1, l2 in self.penalties:
            l1, l2 = l1 * factor, l2 * factor
            if l2:
                total += l2 / 2 * float(np.vdot(W, W))
                dW += l2 * W
            if l1:
                total += l1 * float(np.abs(W).sum(dtype=np.float64))
                dW += l1 * np.sign(W)
        return total

    def clip(self, optimizer: Optimizer) -> None:
        """Hold the gradients within what the optimizer allows: each of them, or their norm."""
        g, most = self.flat_grads, optimizer.clip_norm
        if optimizer.clip_value is not None:
            np.clip(g, -optimizer.clip_value, optimizer.clip_value, out=g)
        if most is not None:
            wide = [part.astype(np.float64) for part in self.trained_grads]
            norm = sum(float(np.vdot(part, part)) for part in wide) ** 0.5
            if norm > most:
                np.multiply(g, most / norm, out=g)

    def update(self, optimizer: Optimizer, memory: dict[str, np.ndarray], rate: float, t: int) -> None:
        """Make update ``t`` of the optimizer (from 1) with the gradients that are there, the penalty's part in them."""
        program = self.program
        self.clip(optimizer)
        for view, factor in self.decayed if optimizer.weight_decay else ():
            view *= 1 - rate * factor * optimizer.weight_decay
        for part, factor in program.stretches:
            own = {name: vector[part] for name, vector in memory.items()}
            optimizer.step(program.params[part], self.flat_grads[part], own, rate * factor, t, program.weights)
        self.constrain()

    def constrain(self) -> None:
        """Bring weights back to where they are allowed: none below 0, no unit's norm above its most."""
        for W, most, positive in self.constraints:
            if positive:
                np.maximum(W, 0, out=W)
            if most is not None:
                norms = np.sqrt(np.einsum("ij,ij->i", W, W, dtype=np.float64))
                W *= (most / np.maximum(norms, most))[:, None].astype(W.dtype)

    def enter(self, mean: np.ndarray, share: float) -> None:
        """Move the mean of the parameters towards them: mean + share (w - mean)."""
        w, step = self.program.params, self.shared.array("step", mean.shape)
        if share == 1:
            mean[:] = w
        elif share:
            np.subtract(w, mean, out=step)
            np.multiply(step, share, out=step)
            np.add(mean, step, out=mean)


class NumpyEngine:
    """Runs a network formula by formula in NumPy; what it works in is sized once and used again."""

    name = "numpy"

    def __init__(self, n_threads: int | None = None) -> None:
        if n_threads is not None:
            _threadpool_limits()  # or EngineUnavailable, before anything is touched
        self.n_threads = n_threads
        self._work: Workspace | None = None  # of the program that is being trained

    def update_seconds(self, program: Program, batch: int) -> float:
        """Return what to count on for an update before one has been timed: much, as a layer may be anybody's."""
        return 1 / 128  # 32 of them in the first slice

    def orders(self, seed: int, first: int, count: int, n: int) -> np.ndarray:
        """Return the orders in which ``count`` epochs, from number ``first`` on, visit ``n`` rows: (count * n,)."""
        return np.concatenate([epoch_order(seed, epoch, n) for epoch in range(first, first + count)])

    def run(self, program: Program, data: Data, run: Run) -> tuple[np.ndarray, np.ndarray]:
        """Take one update for each rate, in place; return each row's weighted loss and each update's penalty."""
        if self._work is None or self._work.program is not program:
            self._work = Workspace(program, np.zeros_like(program.params))
        work = self._work
        losses, penalties = np.empty(len(run.order)), np.zeros(len(run.rates))
        mode = Mode(run.mode.training, run.mode.seed, run.mode.step, learning=True)
        bounds = run.bounds().tolist()
        with _quiet(self.n_threads):
            for k, rate in enumerate(run.rates.tolist()):
                part = slice(bounds[k], bounds[k + 1])
                rows = run.order[part]
                y = data.y.take(rows, axis=0)
                weights = None if data.weights is None else data.weights[rows]
                losses[part], _ = work.gradient(work.load(data.X, rows, run, mode.step), y, weights, mode)
                penalties[k] = work.penalize(1.0 if run.penalty is None else run.penalty[k])
                work.update(run.optimizer, run.memory, rate, run.updates + k + 1)
                if run.mean is not None and run.shares is not None:
                    work.enter(run.mean, float(run.shares[k]))
                mode.step += 1
        return losses, penalties

    def gradient(
        self, program: Program, data: Data, mode: Mode, *, input_gradient: bool = True
    ) -> tuple[float, np.ndarray, np.ndarray]:
        """Return J with its penalty, dJ/dparameters as a flat vector, and dJ/dX, for all rows as one batch.

        Without ``input_gradient`` dJ/dX is not worked out, and what stands in its place is of no use.
        """
        grads = np.zeros_like(program.params)
        work = Workspace(program, grads, input_gradient=input_gradient)
        with _quiet(self.n_threads):
            losses, dx = work.gradient(work.load(data.X), data.y, data.weights, mode)
            total = len(data) if data.weights is None else float(data.weights.sum(dtype=np.float64))
            cost = float(losses.sum(dtype=np.float64)) / total + work.penalize()
        return cost, grads, dx * program.scale if input_gradient and program.scale is not None else dx

    def evaluate(self, program: Program, data: Data) -> tuple[float, np.ndarray]:
        """Return the weighted mean loss, without penalty, and the outputs, as in prediction."""
        work, total, count, outputs = Workspace(program), 0.0, 0.0, []
        with _quiet(self.n_threads):
            for part in data.blocks(PREDICT_ROWS):
                scores, _ = work.forward(work.load(part.X), Mode())
                losses = work.costs(scores, part.y, np.empty_like(scores))
                work.tried = True
                weights = np.ones(len(part)) if part.weights is None else part.weights
                total += float(np.dot(losses.astype(np.float64), weights))
                count += float(weights.sum(dtype=np.float64))
                outputs.append(work.outputs(scores).copy())
        return total / count, np.concatenate(outputs)

    def predict(self, program: Program, X: np.ndarray) -> np.ndarray:
        """Return the outputs for rows of X; safe from several threads, since each call has a workspace of its own."""
        work, outputs = Workspace(program), []
        with _quiet(self.n_threads):
            for start in range(0, len(X), PREDICT_ROWS):
                scores, _ = work.forward(work.load(X[start : start + PREDICT_ROWS]), Mode())
                outputs.append(np.array(work.outputs(scores)))
        return outputs[0] if len(outputs) == 1 else np.concatenate(outputs)

    def first_nonfinite(self, program: Program, data: Data, mode: Mode) -> str:
        """Return which layer first makes a value that is not finite, on the way up or down, for rows as one batch."""
        work = Workspace(program, np.zeros_like(program.params))
        with _quiet(self.n_threads):
            x = work.load(data.X)
            for (number, layer), (_, own) in zip(program.chain, work.layers, strict=True):
                x, _ = layer.forward(x, own, mode)
                if not np.isfinite(x).all():
                    return f"layer {number + 1} ({layer.describe()})"
            losses, _ = work.gradient(work.load(data.X), data.y, data.weights, mode)
            if not np.isfinite(losses).all():
                return f"the loss ({'' if program.loss is None else program.loss.describe()})"
            for (number, layer), grads in zip(reversed(program.chain), reversed(work.grads), strict=True):
                if not all(np.isfinite(getattr(grads, name)).all() for name in layer.shapes()):
                    return f"the gradient of layer {number + 1} ({layer.describe()})"
        return "the update of the weights"


class _quiet:
    """Overflow and NaN are watched for by the caller, not warned about; BLAS is held to ``n_threads`` if given."""

    def __init__(self, n_threads: int | None) -> None:
        self.errors = np.errstate(all="ignore")
        self.threads = nullcontext() if n_threads is None else _threadpool_limits()(n_threads)

    def __enter__(self) -> None:
        self.errors.__enter__()
        self.threads.__enter__()

    def __exit__(self, *error: Any) -> None:
        self.threads.__exit__(*error)
        self.errors.__exit__(*error)


def _threadpool_limits() -> Any:
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        raise EngineUnavailable(
            'n_threads on the NumPy engine needs threadpoolctl. Install it: pip install "neural-dense[threads]", '
            "or set OPENBLAS_NUM_THREADS before Python starts."
        ) from None
    return threadpool_limits
