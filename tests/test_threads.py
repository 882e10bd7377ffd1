"""Threads: how many, the same bits for any number of them and in any kind of pool, and forks."""

import contextlib
import hashlib
import itertools
import multiprocessing
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import neural
from neural import Adam, BatchNorm, Callback, DenseLayer, DropoutLayer, NeuralNetwork, assembly, core
from neural.losses import LOSSES
from tests.networks import TARGETS, with_settings
from tests.processes import in_a_process, printed, start

needs_core = pytest.mark.skipif(core._core is None, reason="this installation has no compiled core")
needs_cores = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2, reason="there is one core, or no Linux"
)
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


# --- how many ------------------------------------------------------------------------------------------------------
@pytest.fixture(autouse=True)
def as_before():
    yield
    neural.set_threads(None)


def test_what_is_set_goes_before_the_environment(monkeypatch):
    neural.set_threads(3)
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert neural.n_threads() == 3
    neural.set_threads(None)
    assert neural.n_threads() == 5
    with pytest.raises(ValueError, match="n must be a whole number of at least 1"):
        neural.set_threads(0)


@pytest.mark.parametrize(("given", "threads"), [("2", 2), ("3,1", 3), (" 4 ", 4), ("0", 1), ("", None), ("many", None)])
def test_omp_num_threads(given, threads, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    cores = neural.n_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", given)
    assert neural.n_threads() == (threads or cores)


@needs_core
def test_the_core_takes_as_many_as_were_set():
    neural.set_threads(3)
    net = NeuralNetwork([DenseLayer(700, 500)], "mse", random_state=0).build()
    assert core.CoreEngine()._threads_for(net.program(), 64) == 3
    assert core.CoreEngine(2)._threads_for(net.program(), 64) == 2  # fit(n_threads=2)
    assert core.CoreEngine(2)._threads_for(net.program(), 1) == 1  # which does not pay


LIMITED = """
{}
cores = neural.n_threads()
with threadpoolctl.threadpool_limits(cores + 2):
    inside = neural.n_threads()
    with threadpoolctl.threadpool_limits({{"neural": 1}}):
        further = neural.n_threads()
info = [row for row in threadpoolctl.threadpool_info() if row["user_api"] == "neural"]
print(inside - cores, further, neural.n_threads() - cores, neural.threads._threads)
print(len(info), info[0]["num_threads"] - cores)
"""


@needs_core
@pytest.mark.parametrize("imports", ["import neural, threadpoolctl", "import threadpoolctl, neural"])
def test_threadpoolctl_limits_the_core_whichever_is_imported_first(imports):
    pytest.importorskip("threadpoolctl")
    assert in_a_process(LIMITED.format(imports)) == "2 1 0 None\n1 0"


def test_waiting_for_threadpoolctl_leaves_other_imports_alone():
    code = "import importlib.util, sys, neural; {}; print(len(sys.meta_path), 'threadpoolctl' in sys.modules)"
    waiting = in_a_process(code.format("importlib.util.find_spec('threadpoolctl'); import wave"))
    bare = in_a_process(code.replace(", neural", "").format("pass"))
    assert int(waiting.split()[0]) <= int(bare.split()[0]) + 1
    assert waiting.endswith("False")


# --- the same bits -------------------------------------------------------------------------------------------------
SHAPES = (
    (1, 2),
    (6, 3),
    (3, 1, 2),
    (5, 25, 25, 2),
    (7, 16, 3),
    (6, 700, 3),
    (128, 10),
    (130, 17, 3),
    (784, 25, 10),
    (64, 300, 33, 5),
    (300, 700, 203, 7),  # weights that no thread reads all of
    (2, 9, 9, 9, 9, 2),
)


def digest(shapes=SHAPES, threads=None):
    """Return one SHA-256 of the weights of networks of these shapes, fitted in both dtypes with many threads or one."""
    found, rng = hashlib.sha256(), np.random.default_rng(0)
    for sizes, dtype in itertools.product(shapes, ("float32", "float64")):
        X, y = rng.normal(size=(130, sizes[0])), rng.integers(0, sizes[-1], 130)
        layers = [DenseLayer(i, o, "relu", l1=1e-4) for i, o in itertools.pairwise(sizes[:-1])]
        layers += [DropoutLayer(0.1), DenseLayer(sizes[-2], sizes[-1], "softmax")]
        net = NeuralNetwork(layers, "categorical_crossentropy", dtype=dtype, engine="core", random_state=0)
        for optimizer in ("sgd", "adam"):
            costs = net.fit(X, y, epochs=1, batch_size=50, optimizer=optimizer, n_threads=threads, verbose=0)
            found.update(np.array(costs).tobytes())
        found.update(net.params.tobytes())
        found.update(net.predict(X).tobytes())
    return found.hexdigest()


@pytest.fixture
def any_work_pays(monkeypatch):
    """Threads also for networks too small for them to pay."""
    monkeypatch.setenv("NEURAL_FLOPS_FOR_THREADS", "0")


@needs_core
@pytest.mark.usefixtures("any_work_pays")
def test_the_bits_depend_on_neither_threads_nor_process():
    code = "from tests.test_threads import digest; print(digest())"
    numbers = ("1", "2", "3", "4", "8")
    found = [printed(start(code, OMP_NUM_THREADS=n)) for n in numbers]
    assert set(found) == {digest()}


def of_many_rows(dtype, threads):
    """Return the weights of a network whose batches are so large that its gradients are summed in halves."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(1003, 64)), rng.integers(0, 10, 1003)
    layers = [DenseLayer(64, 101), BatchNorm(), DenseLayer(101, 40, "tanh", bias=False), DenseLayer(40, 40)]
    layers[-1].rate_factor = 0
    layers.append(DenseLayer(40, 10, "softmax"))
    net = NeuralNetwork(layers, "categorical_crossentropy", dtype=dtype, engine="core", random_state=0)
    for optimizer in (Adam(), Adam(clip_norm=0.1)):
        net.fit(X, y, epochs=2, batch_size=401, optimizer=optimizer, n_threads=threads, verbose=0)
    return net.params.tobytes()


@needs_core
@pytest.mark.usefixtures("any_work_pays")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nor_do_those_of_sums_in_halves(dtype):
    assert len({of_many_rows(dtype, threads) for threads in (1, 2, 3, 4, 8)}) == 1


@needs_core
@pytest.mark.usefixtures("any_work_pays")
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_one_row_has_no_halves(threads):
    """A last batch of one row, in a network so large that two rows are enough for them: nothing of the batch before."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(5, 900)), rng.normal(size=(5, 1))

    def fitted(engine, n_threads):
        layers = [DenseLayer(900, 800, "tanh"), DenseLayer(800, 1, "tanh"), DenseLayer(1, 1)]
        net = NeuralNetwork(layers, "mse", dtype="float64", engine=engine, random_state=0)
        net.fit(X, y, epochs=2, batch_size=4, n_threads=n_threads, verbose=0)
        return net.params

    np.testing.assert_allclose(fitted("core", threads), fitted("numpy", None), rtol=1e-10, atol=1e-13)


@needs_core
def test_nor_do_those_of_halves_in_pieces():
    """Of a step so large that Ctrl-C is looked for between pieces of rows; they add up to what NumPy finds."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30_011, 300)).astype(np.float32), rng.integers(0, 2, 30_011)
    layers = [DenseLayer(300, 290, "tanh"), DenseLayer(290, 2, "softmax")]
    net = NeuralNetwork(layers, "categorical_crossentropy", dtype="float32", engine="core", random_state=0)
    found = []
    for threads in (1, 2, 3):
        neural.set_threads(threads)
        found.append(net.loss_and_gradient(X, y)[1])
    net.engine = "numpy"
    np.testing.assert_allclose(found[0], net.loss_and_gradient(X, y)[1], atol=1e-6)
    assert len({gradient.tobytes() for gradient in found}) == 1


@needs_core
@pytest.mark.usefixtures("any_work_pays")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", sorted(LOSSES))
def test_nor_do_those_of_any_loss(name, dtype):
    """Rows go through a loss side by side, and compilers do not round what stands first as they do what stands last."""
    rng = np.random.default_rng(0)
    for width, _ in itertools.product((2, 10, 40), range(3)):
        loss = with_settings(rng, name, width)
        layers = [DenseLayer(width, width, loss.link or "softplus", init="he")]
        net = NeuralNetwork(layers, loss, dtype=dtype, random_state=0)
        X, y = rng.normal(size=(70, width)), TARGETS[name](rng, 70, loss.n_targets(width))
        found = set()
        for threads in (1, 3, 5, 7):
            neural.set_threads(threads)
            found.add(b"".join(np.asarray(numbers).tobytes() for numbers in net.loss_and_gradient(X, y)))
        assert len(found) == 1


FEW = SHAPES[3:9]


@needs_core
@pytest.mark.usefixtures("any_work_pays")
def test_nor_on_a_pool_of_threads():
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda threads: digest(FEW, threads), [1, 2, 3, 2])) == {digest(FEW)}


@needs_core
@pytest.mark.usefixtures("any_work_pays")
@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_nor_on_joblib(backend):
    joblib = pytest.importorskip("joblib")
    jobs = [joblib.delayed(digest)(FEW, threads) for threads in (1, 2, 3)]
    assert set(joblib.Parallel(n_jobs=2, backend=backend)(jobs)) == {digest(FEW)}


@needs_core
def test_a_large_update_in_pieces_has_the_same_bits():
    X = np.random.default_rng(0).random((4100, 1000), np.float32)  # 8 GFLOP for each of the three products
    weights = []
    for threads in (1, 3):
        net = NeuralNetwork([DenseLayer(1000, 1000, "tanh"), DenseLayer(1000, 1)], "mse", random_state=0)
        net.fit(X, X[:, 0], epochs=1, batch_size=None, n_threads=threads, verbose=0)
        weights.append(net.params.tobytes())
    assert weights[0] == weights[1]


# --- where they begin ----------------------------------------------------------------------------------------------
@needs_core
@needs_cores
def test_threads_are_sent_elsewhere_and_then_free():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(2_000, 300)), rng.normal(size=(2_000, 10))
    net = NeuralNetwork([DenseLayer(300, 200, "relu"), DenseLayer(200, 10)], "mse", random_state=0)
    allowed, sent, last, enough = os.sched_getaffinity(0), set(), {}, threading.Event()

    class UntilEnough(Callback):
        def on_epoch_end(self, training):
            if enough.is_set():
                training.stop("enough")

    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()  # its thread is there
        mine = set(os.listdir("/proc/self/task"))
        fit = pool.submit(
            net.fit, X, Y, epochs=5_000, batch_size=100, n_threads=2, callbacks=[UntilEnough()], verbose=0
        )
        try:
            while not (fit.done() or (sent and len(last) > 100)):  # each crossing makes a thread
                for task in set(os.listdir("/proc/self/task")) - mine:
                    with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
                        last[task] = os.sched_getaffinity(int(task))
                        if last[task] < allowed:
                            sent.add(task)
        finally:
            enough.set()
    assert sent
    assert np.mean([mask == allowed for mask in last.values()]) > 0.5  # then free, if they were seen so late
    assert os.sched_getaffinity(0) == allowed


@needs_core
@needs_cores
@pytest.mark.usefixtures("any_work_pays")
def test_many_threads_on_one_core_have_the_same_bits():
    code = """import os
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from tests.test_threads import digest
print(digest(threads=3))"""
    assert printed(start(code)) == digest()


# --- forks ---------------------------------------------------------------------------------------------------------
def in_a_child(function):
    """Return what a function prints, or rather would, in a fork of this process."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(into, function().encode())
        finally:
            os._exit(0)
    os.close(into)
    with os.fdopen(out) as lines:
        found = lines.read()
    os.waitpid(child, 0)
    return found


class Until(Callback):
    """Ends a fit when told, and tells when it has begun."""

    def __init__(self):
        self.begun, self.over = threading.Event(), threading.Event()

    def on_epoch_end(self, training):
        self.begun.set()
        if self.over.is_set():
            training.stop("told")


def fork_while_others_fit():
    """Print what children make of a fit, forked while two threads of the parent are in the core."""
    want, until = digest(FEW, 2), [Until(), Until()]
    nets = [NeuralNetwork([DenseLayer(100, 100, "tanh"), DenseLayer(100, 1)], "mse", engine="core") for _ in until]
    X = np.random.default_rng(0).normal(size=(3000, 100))
    fits = [
        threading.Thread(
            target=net.fit, args=(X, X[:, 0], 10**6), kwargs={"callbacks": u, "verbose": 0, "n_threads": 2}
        )
        for net, u in zip(nets, until, strict=True)
    ]
    for fit, u in zip(fits, until, strict=True):
        fit.start()
        u.begun.wait()
    print(*{in_a_child(lambda: digest(FEW, 2)) == want for _ in range(5)})
    for fit, u in zip(fits, until, strict=True):
        u.over.set()
        fit.join()


def fork_after_a_fit():
    """Print whether fits in children, made in three ways, are those of the parent."""
    want = digest(FEW, 2)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        found = pool.starmap(digest, [(FEW, 2), (FEW, 1)])
    found.append(in_a_child(lambda: digest(FEW, 3)))
    found.append(in_a_child(lambda: in_a_child(lambda: digest(FEW, 2))))
    print(*{one == want for one in found})


def fork_while_others_build():
    """Print whether a child can build a network, forked while a thread of the parent does."""
    holding = threading.Event()

    def build():
        with assembly.BUILDING:
            holding.set()
            threading.Event().wait(0.2)

    thread = threading.Thread(target=build)
    thread.start()
    holding.wait()
    print(in_a_child(lambda: str(NeuralNetwork([DenseLayer(2, 1)], "mse").params.size)))
    thread.join()


@needs_core
@needs_fork
@pytest.mark.parametrize("when", [fork_after_a_fit, fork_while_others_fit, fork_while_others_build])
def test_a_child_can_fit(when):
    code = f"from tests.test_threads import {when.__name__} as forks; forks()"
    found = in_a_process(code, NEURAL_FLOPS_FOR_THREADS="0")
    assert found == ("32" if when is fork_while_others_build else "True")
