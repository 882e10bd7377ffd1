"""Synchronous training over MPI: every rank takes the gradient of its own batch, and all make one update with the mean.

The program is started once for each rank (``mpirun -n 4 python -m mpi4py train.py``), and each calls :func:`fit` with
rows of its own. An update is that of one process with all these batches as one.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from neural import chain as chains
from neural import checkpoints
from neural.callbacks import History
from neural.checkpoints import Saving
from neural.engine import Data, Workspace
from neural.errors import EngineUnavailable, NeuralError, TrainingDiverged, check_number, sentence
from neural.inputs import array
from neural.layer import Mode
from neural.nn import NeuralNetwork
from neural.normalization import BatchNorm
from neural.rounds import Elsewhere, RoundSettings, Spread, order_of, seed_of
from neural.sources import Parts, first_block

Found = TypeVar("Found")


def fit(
    network: NeuralNetwork,
    X: Any,
    y: Any,
    epochs: int = 30,
    learning_rate: float = 0.01,
    batch_size: int | None = 64,
    *,
    comm: Any = None,
    optimizer: Any = "sgd",
    schedule: Any = None,
    sample_weight: Any = None,
    validation_data: Any = None,
    metrics: Any = (),
    callbacks: Any = (),
    time_limit: float | None = None,
    checkpoint: Any = None,
    save_every: int = 1,
    resume: bool = False,
    shuffle: bool = True,
    verbose: int = 1,
    n_threads: int | None = None,
) -> History:
    """Train ``network`` on the rows of all ranks, the same call on each; return the history, and all end up alike.

    J is the weighted mean over the batches of all ranks together, so two ranks with batches of b rows make the updates
    of one with batches of 2 b, but for rounding. All begin with the network of rank 0. Bad input on one rank raises on
    all, and nothing has changed; for errors on the way start Python with ``-m mpi4py``, which ends all ranks.

    Parameters
    ----------
    X, y : the rows of this rank, as ``NeuralNetwork.fit`` takes them; text labels are those of all ranks. Ranks may
        have more rows or fewer: who is through them waits for the others' epoch to end.
    batch_size : rows of an update of one rank; None is all of them.
    comm : an mpi4py communicator; None is ``MPI.COMM_WORLD``.
    validation_data, metrics, callbacks, time_limit, verbose : as in ``NeuralNetwork.fit``, of rank 0 alone; metrics are
        of the validation data.
    checkpoint, save_every, resume : as ``checkpoint``, ``every`` and ``resume`` there, whole epochs; rank 0 has the
        file.
    shuffle : a new random order each epoch, of its own on each rank; or that of the rows.

    Not with ``BatchNorm``, whose means would be those of one rank, nor L-BFGS: ValueError. EngineUnavailable where
    there is no mpi4py.

    >>> from neural import DenseLayer
    >>> class Alone:  # as mpi4py's communicator, of one rank
    ...     rank, size = 0, 1
    ...     def allgather(self, value): return [value]
    ...     def bcast(self, value, root): return value
    ...     def Allreduce(self, into, out): pass
    ...     def Bcast(self, values, root): pass
    >>> net = NeuralNetwork([DenseLayer(1, 1)], "mse", random_state=0)
    >>> history = fit(net, [[0.0], [1.0]], [1.0, 3.0], 100, 0.3, comm=Alone(), verbose=0)
    >>> net.predict([[2.0]]).round(2)
    array([[5.]], dtype=float32)
    """
    if not isinstance(network, NeuralNetwork):
        raise TypeError(sentence("network", "a NeuralNetwork", network))
    ranks = Ranks(comm)
    is_root = ranks.rank == 0

    def prepared() -> tuple[RoundSettings, Any, np.ndarray]:
        network._check_free()
        settings = RoundSettings.of(
            epochs, learning_rate, batch_size, optimizer, schedule, metrics if is_root else (),
            callbacks if is_root else (), None, verbose if is_root else 0, time_limit if is_root else None, None, None,
            bool(shuffle),
        )  # fmt: skip
        settings.check_elsewhere(validation_data is not None)
        if n_threads is not None:
            check_number("n_threads", n_threads, low=1, whole=True)
        check_number("save_every", save_every, low=1, whole=True)
        chains.check_layers(network.layers, network)
        if any(isinstance(layer, BatchNorm) and layer.rate_factor for layer in network.leaves):
            step = "Use LayerNorm, or rate_factor=0 for one whose means are to stay."
            raise ValueError(sentence("layers", "without BatchNorm, whose means are of one rank's rows", "one", step))
        labels = array("y", y)
        texts = np.unique(labels) if labels.dtype.kind == "U" else np.empty(0, "U1")
        return settings, network._engine_for(settings.optimizer, n_threads), texts

    settings, engine, labels = ranks.agree(prepared)
    everywhere = np.unique(np.concatenate(ranks.comm.allgather(labels)))

    def read() -> tuple[Data, Any, Data | Parts | None]:
        assert network._loss is not None
        rows = network._rows(X)
        n_out = network.n_outputs(rows.shape[1])
        known = network._loss.encode(everywhere, n_out, network.classes_)[1] if len(everywhere) else None
        data, classes = network._data(rows, y, sample_weight, known)
        held_out = is_root and validation_data is not None
        return data, classes, network._validation(validation_data, rows.shape[1], classes) if held_out else None

    data, classes, validation = ranks.agree(read)
    lengths, widths = zip(*ranks.comm.allgather(data.X.shape), strict=True)
    if len(set(widths)) > 1:
        raise ValueError(f"X must have as many columns on every rank. Got {', '.join(map(str, widths))}.")
    size = min(settings.batch_size or max(lengths), max(lengths))
    per_epoch = -(-max(lengths) // size)
    digests = "".join(ranks.comm.allgather(checkpoints.digest(data)))
    everything: Any = Elsewhere(max(lengths), hashlib.sha256(digests.encode()).hexdigest()[:16])

    def begun() -> None:
        sample = Data(data.X[:1], data.y[:1]) if validation is None else first_block(validation)
        settings.check(network._loss, network.n_outputs(widths[0]), sample, validation, per_epoch)
        saving = settings.saving = Saving.from_arguments(checkpoint, save_every, resume) if is_root else None
        settings.workers = ranks.size
        network.build(widths[0])
        if saving:
            saving.check(network, settings, everything, validation)

    ranks.agree(begun)
    network.params[:], network.state = ranks.comm.bcast((network.params, network.state), root=0)
    network.state.use(settings.optimizer, network.params)
    network.classes_ = classes
    program = network.program(sum(min(size, n) for n in lengths))
    with network._being_fitted():
        using = network._using(engine)
        return Synchronous(network, program, data, validation, settings, using, ranks, size, per_epoch).run()


class Ranks:
    """The ranks of a communicator."""

    def __init__(self, comm: Any) -> None:
        if comm is None:
            try:
                from mpi4py import MPI
            except (ImportError, RuntimeError) as error:  # the latter where there is no MPI to load
                raise EngineUnavailable(
                    f"neural.mpi needs mpi4py and an MPI ({error}). Install them: apt install libopenmpi-dev, then pip "
                    'install "neural-dense[mpi]".'
                ) from None
            comm = MPI.COMM_WORLD
        self.comm, self.rank, self.size = comm, int(comm.rank), int(comm.size)

    def agree(self, function: Callable[[], Found]) -> Found:
        """Return what ``function`` returns on this rank; if it raises on one, it raises on all."""
        found, own = None, None
        try:
            found = function()
        except Exception as error:
            own = error
        errors = self.comm.allgather(None if own is None else f"{type(own).__name__}: {own}")
        if own is not None:
            raise own
        for rank, text in enumerate(errors):
            if text is not None:
                raise NeuralError(f"rank {rank} refused its part: {text}")
        return found  # type: ignore[return-value]

    def add(self, values: np.ndarray) -> np.ndarray:
        """Return the sum of an array over all ranks."""
        total = values.copy()
        self.comm.Allreduce(values, total)
        return total


class Synchronous(Spread):
    """One call of :func:`fit` on one rank, as callbacks of rank 0 see it.

    As :class:`neural.rounds.Spread`.
    """

    def __init__(self, *given: Any) -> None:
        *usual, self._ranks, size, per_epoch = given
        super().__init__(*usual)
        self.batch_size, self.per_epoch = size, per_epoch
        self._work = Workspace(self.program, np.zeros_like(self.program.params))
        self._bare = replace(self.program, penalties=())  # whose gradient each rank takes; the penalty is added once
        self._seed = seed_of(self.state.seed, self._ranks.rank)

    def run(self) -> History:
        """Run all epochs; at the end all ranks have the parameters of rank 0."""
        history = super().run()
        self._ranks.comm.Bcast(self.program.params, root=0)
        return history

    def _resume(self) -> None:
        super()._resume()
        names = (*checkpoints.COUNTS, "history", "state", "resumed")
        told = self._ranks.comm.bcast([getattr(self, name) for name in names] + [self.program.params], root=0)
        if told[-2] and self._ranks.rank:
            self.program.params[:] = told[-1]
            for name, value in zip(names, told, strict=False):
                setattr(self, name, value)
            self.network.state = self._updates.state = self.state
            self.network.seed, self.network.history_ = self.state.seed, self.history
        self._seed = seed_of(self.state.seed, self._ranks.rank)

    def _run_epoch(self) -> None:
        started, begun = time.perf_counter(), self._updates.snapshot()
        self._call("on_epoch_begin")
        n, sums = len(self.data), np.zeros(3)  # of weights, losses, weights times penalties
        order = order_of(self._seed, self.state.epoch, n) if self.settings.shuffle else np.arange(n)
        try:
            for number in range(self.per_epoch):
                sums += self._update(order[number * self.batch_size : (number + 1) * self.batch_size], number)
            self.state.epoch += 1
        except TrainingDiverged:
            raise
        except BaseException:
            self._updates.restore(begun)
            raise
        weight, loss, penalty = self._ranks.add(sums).tolist()
        self._end_epoch(loss / weight, penalty / weight, time.perf_counter() - started)
        told = self._ranks.comm.bcast((self.stopped, self.rate_factor), root=0)
        self.history.stopped, self.rate_factor = told

    def _update(self, rows: np.ndarray, number: int) -> np.ndarray:
        """Make an update with the rows of this rank and those of the others; return what the former come to."""
        state, work, before = self.state, self._work, self._updates.snapshot()
        (rate,), weight, cost = self._rates(1).tolist(), 0.0, 0.0
        both = np.zeros(len(self.program.params) + 1, self.program.dtype)  # the gradient times its weight, the weight
        if len(rows):
            weights = None if self.data.weights is None else self.data.weights[rows]
            batch = Data(self.data.X[rows], self.data.y[rows], weights)
            mode = Mode(training=True, seed=self._seed, step=state.step)
            weight = float(len(rows)) if weights is None else float(weights.sum(dtype=np.float64))
            if weight:
                cost, gradient, _ = self.engine.gradient(self._bare, batch, mode, input_gradient=False)
                np.multiply(gradient, weight, out=both[:-1])
                both[-1] = weight
        both = self._ranks.add(both)
        with np.errstate(all="ignore"):
            np.divide(both[:-1], both[-1] or 1, out=work.flat_grads)
            penalty = work.penalize()
            work.update(self.settings.optimizer, state.memory, rate, state.updates + 1)
        if not all(np.isfinite(vector).all() for vector in (both, self.program.params, *state.memory.values())):
            self._updates.restore(before)
            cause = "a gradient or a weight became infinite or NaN"
            raise TrainingDiverged(self.epoch, number + 1, "the mean over ranks", rate, cause)
        state.step, state.updates, self.done, self.rate = state.step + 1, state.updates + 1, self.done + 1, rate
        if self._wants_batches:
            self._call("on_batch_end")
        return np.array([weight, weight * cost, weight * penalty])
