"""Fits on a Dask cluster that go wrong: what is refused, schedulers that are not there, workers that die."""

import os
import random
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

pytest.importorskip("distributed")

import dask
import dask.array as da
import dask.dataframe as dd
import pandas as pd
from distributed import Client, LocalCluster

from neural import Callback, NeuralError
from neural.distributed import fit
from tests.cluster import LABELS, NAMES, QUIET, SETTINGS, StopsAt, X, network, same, trained


@pytest.fixture(scope="module")
def client():
    with Client(processes=False, **QUIET) as client:
        yield client


# --- what is refused -----------------------------------------------------------------------------------------------
def spoiled(row, column, value):
    bad = X.copy()
    bad[row, column] = value
    return bad


FRAME = pd.DataFrame(X, columns=list("abcd")).assign(kind=LABELS)


@pytest.mark.parametrize(
    ("given", "targets", "message"),
    [
        (lambda: [X[:100], X[100:, :3]], lambda: [LABELS[:100], LABELS[100:]],
         "partition 1: X must be 4 columns wide. Got 3"),
        (lambda: [FRAME.iloc[:90, :4], FRAME.iloc[90:, :4].rename(columns={"a": "z"})],
         lambda: [LABELS[:90], LABELS[90:]], "partition 1: the columns of X must be .*'a'.*. Got .*'z'"),
        (lambda: X, lambda: [LABELS], "y must be in as many partitions as X, 3. Got 1"),
        (lambda: da.from_array(X, chunks=(50, 4)), lambda: da.from_array(LABELS, chunks=((50, 40, 60, 50, 3),)),
         "partition 1: X and y must be of one length. Got 50 and 40 rows"),
        (lambda: da.from_array(spoiled(120, 1, np.nan), chunks=(50, 4)), lambda: da.from_array(LABELS, chunks=50),
         "partition 2: X must be finite. Got nan. See row 20, column 1"),
        (lambda: dd.from_pandas(FRAME.assign(b=spoiled(150, 1, np.inf)[:, 1]), npartitions=2), lambda: "kind",
         "partition 1: X must be finite. Got inf. See row 48, column 'b'"),
        (lambda: dd.from_pandas(FRAME, npartitions=2), lambda: "knid", "y must be one of 'a', 'b', .*. Got 'knid'"),
        (lambda: da.from_array(X, chunks=(50, 4)), lambda: "kind", "targets, as X has no columns with names"),
        (lambda: da.from_array(X, chunks=(50, 4)), lambda: da.from_array(LABELS + 1, chunks=50),
         "partition 0: y must be class numbers from 0 to 2"),
        (lambda: [X[:0], X[:0]], lambda: [LABELS[:0], LABELS[:0]], "X must be of one row at least. Got '2 partitions"),
        (lambda: X[:0], lambda: LABELS[:0], "X must be of one row at least"),
        (lambda: da.from_array(X.reshape(203, 2, 2), chunks=50), lambda: LABELS, "X must be of rows and columns"),
        (lambda: X[:2], lambda: LABELS[:2], "workers must be at most the number of rows, 2. Got 3"),
        (lambda: X, lambda: np.where(NAMES == "ash", "birch", NAMES), "y must be of 3 different labels"),
        (lambda: da.from_array(X, chunks=2)[da.from_array(X[:, 0] > 0, chunks=2)], lambda: LABELS,
         "X must be of known chunk sizes where its columns are in several chunks"),
    ],
)  # fmt: skip
def test_bad_rows_are_refused_by_partition_and_nothing_changes(client, given, targets, message):
    net = network().build(4)
    before = net.params.copy()
    with pytest.raises(ValueError, match=message):
        trained(client, given(), targets(), net=net)
    assert np.array_equal(net.params, before)
    assert net.classes_ is None
    assert net.state.optimizer is None


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"workers": 0}, ValueError, "workers must be a whole number of at least 1. Got 0"),
        ({"every": 0}, ValueError, "every must be a whole number of at least 1. Got 0"),
        ({"outer_momentum": 1}, ValueError, "outer_momentum must be below 1"),
        ({"outer_rate": 0}, ValueError, "outer_rate must be a finite number above 0"),
        ({"optimizer": "lbfgs"}, ValueError, "one that goes update by update"),
        ({"metrics": "accuracy"}, ValueError, "metrics must be left out without validation_data"),
        ({"callbacks": lambda *_: None}, TypeError, "objects with hooks where rows are elsewhere"),
        ({"timeout": 0}, ValueError, "timeout must be a finite number above 0"),
        ({"network": 7}, TypeError, "network must be a NeuralNetwork. Got 7"),
        ({"X": dask.delayed(X)}, TypeError, "X must be a Dask array or frame, an array, or a list of arrays"),
        ({"client": 7}, TypeError, "client must be a distributed.Client"),
    ],
)
def test_bad_settings_are_refused(client, settings, error, message):
    with pytest.raises(error, match=message):
        fit(**{"network": network(), "X": X, "y": LABELS, "client": client, **SETTINGS, **settings})


def test_a_scheduler_that_is_not_there_is_known_within_its_time():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens there
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        began = time.perf_counter()
        with pytest.raises(ConnectionError, match=r"a scheduler that answers within 0.3 s. Got 'tcp://127.0.0.1"):
            trained(address, timeout=0.3)
    assert time.perf_counter() - began < 10


def test_a_scheduler_without_workers_is_known_too():
    cluster = LocalCluster(processes=False, **{**QUIET, "n_workers": 0})
    none = "must have a worker within 0.2 s. Got none. Start one: dask worker"
    with cluster, Client(cluster, set_as_default=False) as alone, pytest.raises(ConnectionError, match=none):
        trained(alone, timeout=0.2)
    with pytest.raises(ConnectionError, match=r"Got one that is closed"):
        trained(alone)


def test_a_cluster_that_goes_away_ends_the_fit_in_a_sentence():
    class Leaves(Callback):
        def on_epoch_end(self, training):
            if training.epoch == 2:
                client.close()

    with Client(processes=False, set_as_default=False, **QUIET) as client:
        net = network()
        with pytest.raises(NeuralError, match=r"The scheduler is gone .*The network is as after its last whole epoch"):
            trained(client, net=net, callbacks=Leaves())
    assert net.state.epoch == 2


def test_a_fit_waits_for_a_worker_and_says_so():
    class Leave(Callback):
        def on_epoch_end(self, training):
            if training.epoch == 1:
                cluster.scale(0)
                threading.Timer(1.0, cluster.scale, (1,)).start()

    cluster = LocalCluster(processes=False, **{**QUIET, "n_workers": 1})
    said = "The scheduler has no worker any more. The fit waits until there is one"
    with cluster, Client(cluster, set_as_default=False) as alone:
        expected, _ = trained(alone, callbacks=StopsAt(-1))
        with pytest.warns(UserWarning, match=said):
            net, _ = trained(alone, callbacks=Leave(), timeout=0.3)
    assert same(net, expected)


# --- workers that die ----------------------------------------------------------------------------------------------
class Kills(Callback):
    """Kills one of the workers now and then, between rounds or within one, and starts another in its place."""

    def __init__(self, address, times, seed):
        self.random, self.left, self.killed = random.Random(seed), times, 0
        self.command = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny"]
        self.workers = [self.start() for _ in range(2)]
        self.timers, self.one_at_a_time = [], threading.Lock()

    def start(self):
        paths = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen([*self.command, "--no-dashboard", "--death-timeout", "60"], env=paths, **quiet)

    def on_batch_end(self, training):
        if self.left and self.random.random() < 0.3:
            self.left -= 1
            timer = threading.Timer(self.random.uniform(0, 0.05), self.kill)
            timer.start()
            self.timers.append(timer)
            if self.left % 2:
                timer.join()

    def kill(self):
        with self.one_at_a_time:
            number = self.random.randrange(2)
            self.workers[number].kill()
            self.workers[number].wait()
            self.workers[number] = self.start()
            self.killed += 1

    def end(self):
        for timer in self.timers:
            timer.join()
        for worker in self.workers:
            worker.kill()
            worker.wait()


def survived(times, epochs, seed):
    """Return what a fit comes to on processes of which some are killed, and how many were."""
    cluster = LocalCluster(processes=True, **{**QUIET, "n_workers": 0})
    with cluster, Client(cluster, set_as_default=False) as client:
        kills = Kills(cluster.scheduler_address, times, seed)
        try:
            net, history = trained(client, epochs=epochs, every=1, callbacks=kills, timeout=60)
        finally:
            kills.end()
    return net, history, kills


def expected_of(client, epochs):
    return trained(client, epochs=epochs, every=1, callbacks=StopsAt(-1))


@pytest.mark.parametrize(("times", "epochs"), [(1, 4), pytest.param(20, 20, marks=pytest.mark.nightly)])
def test_workers_that_are_killed_lose_nothing(times, epochs, client):
    net, history, kills = survived(times, epochs, seed=0)
    assert kills.killed == times
    expected, before = expected_of(client, epochs)
    assert same(net, expected)
    assert history == before
