"""Training and prediction on the workers of a Dask cluster: local SGD in rounds, and outputs chunk by chunk.

A worker of a fit is a share of the rows and a number, not a process: Dask runs each round of each share wherever there
is room, beside the rows if it can. All that a round needs is in its arguments, so nothing is lost with a process.
"""

from __future__ import annotations

import hashlib
import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from neural import chain as chains
from neural import partitions
from neural.callbacks import History
from neural.checkpoints import Saving
from neural.engine import Data
from neural.errors import EngineUnavailable, NeuralError, check_number, sentence, warn
from neural.nn import NeuralNetwork
from neural.rounds import Elsewhere, Outcome, Outer, Plan, Round, Rounds, RoundSettings, mean
from neural.sources import first_block

AT_ONCE = 16  # outcomes that one task averages
EVERY = 64  # updates between two averages, unless told otherwise


def fit(
    network: NeuralNetwork,
    X: Any,
    y: Any,
    epochs: int = 30,
    learning_rate: float = 0.01,
    batch_size: int | None = 64,
    *,
    client: Any = None,
    workers: int | None = None,
    every: int | None = EVERY,
    outer_momentum: float = 0.0,
    outer_rate: float = 1.0,
    optimizer: Any = "sgd",
    schedule: Any = None,
    sample_weight: Any = None,
    validation_data: Any = None,
    metrics: Any = (),
    callbacks: Any = (),
    time_limit: float | None = None,
    checkpoint: Any = None,
    save_every: float = 1,
    resume: bool = False,
    verbose: int = 1,
    timeout: float = 10.0,
) -> History:
    """Train ``network`` on rows that are on a cluster; return the history of costs.

    Each of ``workers`` has an equal share of the rows, in their order, and trains on it alone for ``every`` updates;
    then all go on from the mean of their parameters and of what their optimizers remember (local SGD, Stich 2019; Lin
    et al. 2020). The same seed, rows and number of workers give the same bits, whatever becomes of processes on the
    way; one worker gives those of ``network.fit``. On bad input, ValueError or TypeError, and nothing has changed.

    Parameters
    ----------
    X, y : Dask arrays or frames, with the same partitions; y may be the name of a column of the frame X. Or lists of
        arrays or Delayed, each a partition; or plain arrays, which then go through the scheduler's memory. (n, n_in),
        and targets as ``NeuralNetwork.fit`` takes them. Empty partitions are passed over; text labels are those of all
        partitions. Sorted rows would give a worker some of the classes alone: shuffle them first.
    batch_size : rows of an update of one worker; so an update of all has ``workers * batch_size``.
    client : a ``distributed.Client``, the address of a scheduler, or None for the client that there is.
    workers : how many shares; None is as many as the cluster has threads now.
    every : updates between two averages; None is one a worker's epoch. Rounds end with epochs.
    outer_momentum, outer_rate : of the step from one average to the next: :class:`neural.rounds.Outer`. 0 and 1 is the
        average itself; 0.9 and 0.7 are those of DiLoCo (Douillard et al. 2023), for few averages of many updates.
    sample_weight : None, or weights in partitions as those of X.
    validation_data, metrics : (X, y) or (X, y, sample_weight) in the memory of this process, or Dask collections, which
        are brought there; and what is measured on them after each epoch.
    checkpoint, save_every, resume : as ``checkpoint``, ``every`` and ``resume`` of ``NeuralNetwork.fit``.
    timeout : seconds that a scheduler has to answer, and to have a worker.

    The others are as in ``NeuralNetwork.fit``. ConnectionError where there is no scheduler or no worker; NeuralError
    if the cluster goes away, and the network is as after its last whole epoch.

    >>> from distributed import Client
    >>> from neural import DenseLayer
    >>> net = NeuralNetwork([DenseLayer(1, 1)], "mse", random_state=0)
    >>> with Client(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0") as client:
    ...     history = fit(net, [[0.0], [1.0]] * 8, [1.0, 3.0] * 8, 100, 0.3, client=client, every=1, verbose=0)
    >>> net.predict([[2.0]]).round(2)
    array([[5.]], dtype=float32)
    """
    if not isinstance(network, NeuralNetwork):
        raise TypeError(sentence("network", "a NeuralNetwork", network))
    network._check_free()
    settings = RoundSettings.of(
        epochs, learning_rate, batch_size, optimizer, schedule, metrics, callbacks, None, verbose, time_limit, None,
        None,
    )  # fmt: skip
    settings.check_elsewhere(validation_data is not None)
    settings.use_rounds(every, Outer(outer_rate, outer_momentum))
    if workers is not None:
        workers = check_number("workers", workers, low=1, whole=True)
    chains.check_layers(network.layers, network)
    network._chain()
    with connected(client, timeout) as cluster:
        threads = sum(cluster.client.nthreads().values())
        rows = Shares(cluster, network, partitions.together(X, y, sample_weight, workers or threads), workers, threads)
        settings.workers = len(rows.shares)
        engine = network._engine_for(settings.optimizer, None)
        validation = None
        if validation_data is not None:
            here = tuple(v.compute() if partitions.is_collection(v) else v for v in validation_data)
            validation = network._validation(here, rows.width, rows.classes)
        longest = -(-rows.most // min(settings.batch_size or rows.most, rows.most))
        stand_ins = Data(np.zeros((1, rows.width)), np.zeros(1))
        sample = stand_ins if validation is None else first_block(validation)  # metrics are of validation alone
        settings.check(network._loss, network.n_outputs(rows.width), sample, validation, longest)
        saving = settings.saving = Saving.from_arguments(checkpoint, save_every, resume)
        network.build(rows.width)
        stand_in: Any = Elsewhere(rows.most, rows.digest)
        plan = Plan(partitions.skeleton(network), settings.optimizer, min(settings.batch_size or rows.most, rows.most))
        program = network.program(plan.batch_size)
        if saving:
            saving.check(network, settings, stand_in, validation)
        network.state.use(settings.optimizer, network.params)
        network.classes_ = rows.classes
        with network._being_fitted():
            using = network._using(engine)
            run = cluster.rounds(plan, rows.shares)
            return Rounds(network, program, stand_in, validation, settings, using, run_round=run).run()


def predict(network: NeuralNetwork, X: Any) -> Any:
    """Return the outputs of ``network`` for a Dask array or frame, as one: lazily, chunk by chunk.

    For an array (n, n_in) an array (n, n_out) in the same chunks of rows; for a frame a frame with its index, and the
    names of the classes for columns where there are as many, else their numbers. The network is copied now, and sent
    once to each worker. A chunk that has a fault is named when it is computed.

    >>> import dask.array as da
    >>> from neural import DenseLayer
    >>> net = NeuralNetwork([DenseLayer(2, 1, init="ones")], "mse")
    >>> outputs = predict(net, da.ones((6, 2), chunks=(4, 2)))
    >>> outputs.chunks, outputs.compute().ravel()
    (((4, 2), (1,)), array([2., 2., 2., 2., 2., 2.], dtype=float32))
    """
    from dask import delayed

    if not isinstance(network, NeuralNetwork):
        raise TypeError(sentence("network", "a NeuralNetwork", network))
    is_frame = partitions.is_frame(X)
    if not is_frame and not partitions.is_array(X):
        raise TypeError(sentence("X", "a Dask array or frame", X, "For rows in memory there is net.predict."))
    if X.ndim != 2:
        raise ValueError(sentence("X", "of shape (samples, features)", X))
    width = X.shape[1]
    if np.isnan(width):
        raise ValueError(sentence("X", "of a known number of columns", X, "Call X.compute_chunk_sizes() first."))
    if network.n_inputs not in (None, width):
        rule = f"of shape (n, {network.n_inputs}), as the first layer takes {network.n_inputs} features"
        raise ValueError(sentence("X", rule, X.columns.tolist() if is_frame else X))
    network.build(width)
    sent, n_out = delayed(partitions.skeleton(network), name=f"network-{uuid.uuid4().hex}"), network.n_outputs(width)
    if is_frame:
        named = network.classes_ is not None and len(network.classes_) == n_out
        columns = network.classes_.tolist() if named else list(range(n_out))  # type: ignore[union-attr]
        import pandas as pd

        meta = pd.DataFrame(np.zeros((0, n_out), network.dtype), index=X._meta.index, columns=columns)
        return X.map_partitions(_of_frame, sent, columns, list(X.columns), meta=meta)
    rows = partitions.one_chunk_wide("X", X)
    empty = np.zeros((0, 0), network.dtype)
    return rows.map_blocks(_of_chunk, sent, dtype=network.dtype, chunks=(rows.chunks[0], (n_out,)), meta=empty)


def _of_chunk(X: Any, network: NeuralNetwork, block_id: tuple[int, ...] = (0, 0)) -> np.ndarray:
    """Return the outputs for a chunk; what is wrong with it is said to be wrong with that chunk."""
    if not len(X):
        return np.zeros((0, network.n_outputs(X.shape[1])), network.dtype)
    try:
        return network.predict(X)
    except (TypeError, ValueError) as error:
        raise type(error)(f"chunk {block_id[0]}: {error}") from None


def _of_frame(X: Any, network: NeuralNetwork, columns: list[Any], names: list[Any], partition_info: Any = None) -> Any:
    """Return the outputs for a partition of a frame, under its index."""
    number = (partition_info or {}).get("number", 0)
    if list(X.columns) != names:
        raise ValueError(sentence(f"chunk {number}: the columns of X", str(names), list(X.columns)))
    return type(X)(_of_chunk(X, network, (number,)), index=X.index, columns=columns)


# --- the cluster -----------------------------------------------------------------------------------------------------
@contextmanager
def connected(client: Any, timeout: float) -> Iterator[Cluster]:
    """Give the cluster of a client, of a scheduler's address, or of the client that there is."""
    try:
        import distributed
    except ImportError:
        raise EngineUnavailable(
            'neural.distributed needs Dask. Install it: pip install "neural-dense[dask]".'
        ) from None
    timeout = check_number("timeout", timeout, low=0, strict=True)
    how = "Start one with its workers: dask scheduler, dask worker ADDRESS; or distributed.Client() for this machine."
    opened = None
    if isinstance(client, str):
        try:
            _reach(client, timeout)  # first, as a Client that found nobody complains once more when it is collected
            client = opened = distributed.Client(client, timeout=timeout, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ConnectionError(
                f"client must be the address of a scheduler that answers within {timeout:g} s. Got {client!r}: "
                f"{type(error).__name__}. {how}"
            ) from None
    elif client is None:
        try:
            client = distributed.default_client()
        except ValueError:
            rule = "a distributed.Client, or the address of a scheduler, where none is open"
            raise ValueError(sentence("client", rule, None, how)) from None
    if not isinstance(client, distributed.Client) or client.asynchronous:
        raise TypeError(sentence("client", "a distributed.Client that is not asynchronous, or an address", client))
    try:
        yield Cluster(client, timeout)
    finally:
        if opened is not None:
            opened.close()


def _reach(address: str, timeout: float) -> None:
    """Raise OSError unless somebody listens there; ValueError for what is no address."""
    from distributed.comm import get_address_host_port

    if not address.startswith("inproc://"):
        socket.create_connection(get_address_host_port(address), timeout).close()


class Cluster:
    """A client's cluster, and the tasks of one fit on it."""

    def __init__(self, client: Any, timeout: float) -> None:
        self.client, self._timeout = client, timeout
        self._fit, self._count, self._warned = f"neural-{uuid.uuid4().hex[:12]}", 0, False
        if client.status not in ("running", "connecting"):
            raise ConnectionError(f"client must be connected to a scheduler. Got one that is {client.status}.")
        try:
            client.wait_for_workers(1, timeout=timeout)
        except TimeoutError:
            where = client.scheduler.address if client.scheduler else "?"
            raise ConnectionError(
                f"the scheduler at {where} must have a worker within {timeout:g} s. Got none. Start one: dask worker "
                f"{where}."
            ) from None

    def map(self, function: Callable[..., Any], *values: Any, **same: Any) -> list[Any]:
        """Return a future for each of the values: of keys of this fit, so that no other is taken for it."""
        self._count += 1
        key = f"{self._fit}-{function.__name__.strip('_')}-{self._count}"
        keys = [f"{key}-{number}" for number in range(len(values[0]))]
        with self._asking():
            return list(self.client.map(function, *values, key=keys, pure=False, **same))

    def compute(self, tasks: list[Any]) -> list[Any]:
        """Return a future for each task."""
        with self._asking():
            return list(self.client.compute(tasks))

    def result(self, futures: Any) -> Any:
        """Return what futures come to; warn once if there has been no worker for a while, and wait for one."""
        with self._asking():
            while not self._are_done(futures):
                if not self._warned and not self.client.nthreads():
                    self._warned = True
                    where = self.client.scheduler.address
                    warn(f"The scheduler has no worker any more. The fit waits until there is one: dask worker {where}")
            return self.client.gather(futures)

    def _are_done(self, futures: Any) -> bool:
        from distributed import wait

        with self.client.as_current():  # which is what it waits with
            try:
                wait(futures, timeout=self._timeout)
            except TimeoutError:
                return False
        return True

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Have Dask take arguments of any size, as they are meant; NeuralError, with what to do, if it is gone."""
        import dask
        from distributed import CancelledError, KilledWorker
        from distributed.client import ClosedClientError
        from distributed.comm import CommClosedError

        try:
            with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"}):
                yield
        except KilledWorker as error:
            raise NeuralError(
                f"Each worker that tried the task {error.task} of this fit died. Most often it is memory: use smaller "
                "partitions, or more workers. The network is as after its last whole epoch."
            ) from None
        except (CancelledError, ClosedClientError, CommClosedError) as error:
            raise NeuralError(
                f"The scheduler is gone ({type(error).__name__}). The network is as after its last whole epoch; with "
                "checkpoint= and resume=True the same call goes on from there."
            ) from None

    def rounds(self, plan: Plan, shares: list[Any]) -> Callable[[Round], Outcome]:
        """Return what has all workers make a round.

        What they begin with is a task of its own, with the numbers inside: it goes from here to the scheduler once, and
        workers fetch it from one another. Outcomes are averaged on the workers, some at a time, in their order.
        """
        (sent,) = self.map(_given, [plan])

        def run(given: Round) -> Outcome:
            (begin,) = self.map(_given, [given])
            level = self.map(_round, shares, range(len(shares)), plan=sent, given=begin)
            while len(level) > 1:
                level = self.map(mean, [level[k : k + AT_ONCE] for k in range(0, len(level), AT_ONCE)])
            found: Outcome = self.result(level[0])
            return found

        return run


def _given(value: Any) -> Any:
    return value


def _round(share: Data, worker: int, plan: Plan, given: Round) -> Outcome:
    return plan.run(share, worker, given)


class Shares:
    """All rows of a fit, checked and encoded on the cluster, and dealt out.

    ``shares`` are futures; ``most`` is how many rows the largest has, ``width`` their columns, ``classes`` all labels,
    ``digest`` tells these rows from others.
    """

    def __init__(
        self, cluster: Cluster, network: NeuralNetwork, tasks: list[Any], workers: int | None, threads: int
    ) -> None:
        parts = cluster.compute(tasks)
        rows, self.width, labels = partitions.agreed(cluster.result(cluster.map(partitions.look, parts)))
        n_out, loss, known = network.n_outputs(self.width), network._loss, network.classes_
        classes = None if labels is None or loss is None else loss.encode(labels, n_out, known)[1]
        (sent,) = cluster.map(_given, [partitions.skeleton(network)])
        read = cluster.map(partitions.encoded, parts, network=sent, width=self.width, classes=classes)
        found = cluster.result(cluster.map(partitions.summary, read))
        partitions.check(found)
        self.classes = next((one for one in found if one is not None), None)
        workers = min(threads, sum(rows)) if workers is None else workers
        if workers > sum(rows):
            raise ValueError(sentence("workers", f"at most the number of rows, {sum(rows)}", workers))
        dealt = partitions.shares(rows, workers)
        pieces = [[read[number] for number, _, _ in share] for share in dealt]
        self.shares = cluster.map(partitions.joined, pieces, [[piece[1:] for piece in share] for share in dealt])
        known_of_all = cluster.result(cluster.map(partitions.about, self.shares))
        self.most = -(-sum(rows) // workers)
        self.digest = hashlib.sha256("".join(digest for digest, _ in known_of_all).encode()).hexdigest()[:16]
        missing = [worker for worker, (_, present) in enumerate(known_of_all) if 0 < present < 2]
        if missing and workers > 1 and n_out > 1:
            warn(f"All rows of worker {missing[0]} are of one class. Shuffle the rows first: see docs/scale.md.")
