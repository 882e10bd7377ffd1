"""The core where things go wrong: memory at an end, Ctrl-C, no core at all; and the stub that describes it."""

import ast
import copy
import ctypes
import gc
import itertools
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from neural import Adam, DenseLayer, DropoutLayer, NeuralNetwork, activations, core, set_threads
from neural.engine import Data, Run
from neural.layer import Mode
from tests.processes import in_a_process
from tests.stub import stub

HERE = Path(__file__).parent
needs_core = pytest.mark.skipif(core._core is None, reason="this installation has no compiled core")


# --- memory at an end ----------------------------------------------------------------------------------------------
X = np.random.default_rng(0).normal(size=(150, 6)).astype(np.float32)
LABELS = np.random.default_rng(1).integers(0, 3, 150)


def network(dtype="float32", engine="core"):
    layers = [
        DenseLayer(6, 20, "relu"),
        DropoutLayer(0.3),
        DenseLayer(20, 8, "tanh", l2=0.1),
        DenseLayer(8, 3, "softmax"),
    ]
    return NeuralNetwork(layers, "categorical_crossentropy", dtype=dtype, engine=engine, random_state=0).build()


CALLS = {
    "fit": lambda net: net.fit(X, LABELS, epochs=2, optimizer="adam", verbose=0),
    "gradient": lambda net: net.loss_and_gradient(X, LABELS)[1],
    "predict": lambda net: net.predict(X),
    "evaluate": lambda net: net.evaluate(X, LABELS),
}


@pytest.fixture(scope="module")
def counting(tmp_path_factory):
    """Return the environment of a process whose allocations are counted."""
    compiler = shutil.which("c++") or shutil.which("g++")
    if sys.platform != "linux" or compiler is None:
        pytest.skip("counting allocations needs Linux and a C++ compiler")
    library = tmp_path_factory.mktemp("counting") / "allocations.so"
    others = os.environ.get("LD_PRELOAD", "")  # a sanitizer's, which otherwise wants to be first
    command = [compiler, "-std=c++17", "-shared", "-fPIC", "-o", library, HERE / "allocations.cpp"]
    subprocess.run(command, check=True, env=os.environ | {"LD_PRELOAD": ""})
    asan = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
    return {"LD_PRELOAD": f"{library} {others}".strip(), "ASAN_OPTIONS": asan, "NEURAL_FLOPS_FOR_THREADS": "0"}


def counter():
    """Return the library that counts, told where the core is."""
    library = ctypes.CDLL(None)
    library.watch(ctypes.cast(ctypes.CDLL(core._core.__file__).PyInit__core, ctypes.c_void_p))
    return library


def threads_left_over(before):
    """Return how many threads there are now that were not before; a joined one may be listed a moment longer."""
    for _ in range(1000):
        if set(os.listdir("/proc/self/task")) <= before:
            return 0
        time.sleep(0.001)
    return len(set(os.listdir("/proc/self/task")) - before)


def numbers(net):
    """Return all that a fit changes, as bytes."""
    state = net.state
    return net.params.tobytes(), state.epoch, state.step, state.updates, [m.tobytes() for m in state.memory.values()]


def starve(dtype, threads):
    """Let memory end at each of a call's allocations in turn; print how many there are and how many calls failed."""
    library, reference = counter(), network(dtype)
    set_threads(threads)
    CALLS["fit"](reference)  # so that the optimizer remembers something
    gc.freeze()  # so that collecting is quick
    for call in CALLS.values():
        call(copy.deepcopy(reference))  # nanobind allocates some things once
        start, twin = library.allocations(), copy.deepcopy(reference)
        want = repr(call(twin))
        total = library.allocations() - start
        print(total, sum(starved(library, call, reference, n, (want, numbers(twin))) for n in range(total)))


def starved(library, call, reference, n, want):
    """Return whether a call fails if memory ends after n allocations; raise unless all is well after it."""
    gc.collect()
    unfreed, before, net, failed = (
        library.unfreed(),
        set(os.listdir("/proc/self/task")),
        copy.deepcopy(reference),
        False,
    )
    library.allow(n, -1)
    try:
        got = repr(call(net))
    except MemoryError:
        failed = True
    library.allow(-1, -1)
    if failed:
        assert numbers(net) == numbers(reference), n
        got = repr(call(net))
    assert (got, numbers(net)) == want, n
    del net
    gc.collect()
    assert (library.unfreed(), threads_left_over(before)) == (unfreed, 0), n
    return failed


@needs_core
@pytest.mark.parametrize(("dtype", "threads"), [("float32", 1), ("float64", 3)])
def test_memory_may_end_anywhere(dtype, threads, counting):
    code = f"from tests.test_core import starve; starve({dtype!r}, {threads})"
    for line in in_a_process(code, **counting).splitlines():
        total, failed = map(int, line.split())
        assert total > 20
        assert failed == total - (threads - 1)  # for want of a thread's memory it goes on with fewer


def starve_of_threads():
    library, nets = counter(), [network() for _ in range(5)]
    set_threads(4)
    for net, n in zip(nets, (-1, 0, 1, 2, 3), strict=True):
        library.allow(-1, n)
        CALLS["fit"](net)
        library.allow(-1, -1)
    print(len({net.params.tobytes() for net in nets}))


@needs_core
def test_where_there_are_no_more_threads_fewer_will_do(counting):
    assert in_a_process("from tests.test_core import starve_of_threads; starve_of_threads()", **counting) == "1"


def allocations_of_runs(threads):
    """Print what crossings of 10 and of 1,000 updates allocate."""
    library, net, engine = counter(), network(), core.CoreEngine(threads)
    program = net.program(15)
    for updates in (1, 10, 1000):
        order, rates = np.arange(15 * updates) % 150, np.full(updates, 0.01)
        memory = Adam().fresh_memory(program.params)
        run = Run(order, 15, len(order), rates, Adam(), memory, 0, Mode(training=True, seed=0, step=0))
        start = library.allocations()
        engine.run(program, Data(X, LABELS), run)
        print(library.allocations() - start)


@needs_core
@pytest.mark.parametrize("threads", [1, 3])
def test_nothing_is_allocated_between_updates(threads, counting):
    code = f"from tests.test_core import allocations_of_runs; allocations_of_runs({threads})"
    _, ten, thousand = map(int, in_a_process(code, **counting).split())  # the first describes the program as well
    assert thousand == ten > 5


# --- Ctrl-C --------------------------------------------------------------------------------------------------------
LARGE = (1024, 3000, 3000, 10)
LONG = {  # each takes many seconds, a batch of all rows too
    "many batches": ("fit", LARGE, 5000, 64, 1),
    "matrices as wholes": ("fit by muon", (8, *LARGE), 64, 64, 1),
    "one batch, two threads": ("fit", LARGE, 5000, None, 2),
    "one batch of narrow layers": ("fit", (20,) * 5, 800_000, None, 1),
    "a prediction": ("predict", LARGE, 40_000, None, 2),
    "a gradient": ("loss_and_gradient", LARGE, 5000, None, 1),
}


def be_interrupted(what, sizes, rows, batch, threads):
    """Print how many seconds of work come after Ctrl-C, and whether the network is as it was."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell may have switched off
    set_threads(threads)
    layers = [DenseLayer(n_in, n_out, "relu") for n_in, n_out in itertools.pairwise(sizes[:-1])]
    layers.append(DenseLayer(sizes[-2], sizes[-1], "softmax"))
    net = NeuralNetwork(layers, "categorical_crossentropy", random_state=0).build()
    X, y = np.zeros((rows, sizes[0]), np.float32), np.zeros(rows, np.int64)
    before, sent = net.params.copy(), []
    calls = {
        "fit": lambda: net.fit(X, y, epochs=1000, batch_size=batch, verbose=0),
        "fit by muon": lambda: net.fit(X, y, epochs=1000, batch_size=batch, optimizer="muon", verbose=0),
        "predict": lambda: net.predict(X),
        "loss_and_gradient": lambda: net.loss_and_gradient(X, y),
    }

    def interrupt():
        sent.append(time.process_time())  # not by the clock: a busy machine may stop for longer than that
        os.kill(os.getpid(), signal.SIGINT)

    try:
        threading.Timer(0.4, interrupt).start()
        calls[what]()
    except KeyboardInterrupt:
        print(time.process_time() - sent[0], net.state.step, net.state.epoch, np.array_equal(net.params, before))


@needs_core
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to send")
@pytest.mark.parametrize("case", LONG.values(), ids=LONG)
def test_ctrl_c_is_answered_soon_and_leaves_the_network_as_it_was(case):
    seconds, state = in_a_process(f"from tests.test_core import be_interrupted; be_interrupted(*{case!r})").split(
        " ", 1
    )
    assert state == "0 0 True"
    assert float(seconds) < 3


def fit_with_ctrl_c_after(seconds, net):
    threading.Timer(seconds, signal.raise_signal, [signal.SIGINT]).start()
    net.fit(X, LABELS, epochs=10**6, verbose=0)


@needs_core
def test_after_ctrl_c_the_network_is_as_after_its_last_whole_epoch():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell may have switched off
    try:
        for seconds in (0.4, 4, 20):  # a busy machine may not end an epoch as soon as that
            net, twin = network(), network()
            with pytest.raises(KeyboardInterrupt):
                fit_with_ctrl_c_after(seconds, net)
            if net.state.epoch:
                break
    finally:
        signal.signal(signal.SIGINT, before)
    assert net.state.epoch > 0
    twin.fit(X, LABELS, epochs=net.state.epoch, verbose=0)
    assert numbers(net) == numbers(twin)


@needs_core
def test_many_rows_are_not_ordered_for_many_epochs_at_once(monkeypatch):
    """It takes 16 bytes for each, and no Ctrl-C is seen in it."""
    net, twin, counts, orders = network(), network(), [], core.CoreEngine.orders
    twin.fit(X, LABELS, epochs=9, batch_size=None, verbose=0)

    def counted(self, seed, first, count, n):
        counts.append(count)
        return orders(self, seed, first, count, n)

    monkeypatch.setattr(core.CoreEngine, "orders", counted)
    monkeypatch.setattr("neural.training.MANY_ROWS", 3 * len(X) + 1)
    net.fit(X, LABELS, epochs=9, batch_size=None, verbose=0)
    assert sum(counts) == 9
    assert max(counts) <= 3
    assert numbers(net) == numbers(twin)


@needs_core
def test_a_signal_that_is_answered_without_an_error_ends_nothing():
    asked, net = [], network()
    before = signal.signal(signal.SIGUSR1, lambda *args: asked.append(args))
    timer = threading.Timer(0.2, signal.raise_signal, [signal.SIGUSR1])
    try:
        timer.start()
        net.fit(X, LABELS, epochs=8000, verbose=0)
        timer.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert asked
    assert net.state.epoch == 8000


# --- no core -------------------------------------------------------------------------------------------------------
def without_a_core(engine):
    """Print each warning of two fits and a prediction; the core must be hidden before this is imported."""
    import warnings

    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        for _ in range(2):
            net = network(engine=engine)
            net.fit(X, LABELS, epochs=1, verbose=0)
            net.predict(X)
    print(net.engine_, *(f"{w.category.__name__} {Path(w.filename).name}: {w.message}" for w in found), sep="\n")


@pytest.mark.parametrize(("engine", "chosen"), [("auto", ""), ("numpy", ""), ("auto", "numpy")])
def test_an_installation_without_a_core_says_so_once(engine, chosen):
    hidden = "import sys; sys.modules['neural._core'] = None; "
    code = f"{hidden}from tests.test_core import without_a_core; without_a_core({engine!r})"
    ran, *warned = in_a_process(code, NEURAL_ENGINE=chosen or "auto").splitlines()
    assert ran == "numpy"
    if engine == "numpy" or chosen:
        assert warned == []
    else:
        (text,) = warned
        assert text.startswith("EngineWarning test_core.py: Networks run on NumPy")
        assert "install neural-dense again where there is a C++20 compiler" in text


# --- what the core offers ------------------------------------------------------------------------------------------
@needs_core
def test_the_stub_is_what_the_core_says_of_itself():
    kept = Path(core.__file__).with_name("_core.pyi").read_text()
    assert ast.unparse(ast.parse(kept)) == ast.unparse(ast.parse(stub())), "run: python -m tests.stub"


@needs_core
def test_an_activation_without_a_twin_runs_on_numpy(monkeypatch):
    class Cube(activations.Activation):
        name = "cube"

        def forward(self, z, out):
            return np.power(z, 3, out=out)

        def backward(self, da, z, a, out):
            return np.multiply(da, 3 * z * z, out=out)

    monkeypatch.setitem(activations.ACTIVATIONS, "cube", Cube)
    net = NeuralNetwork([DenseLayer(2, 3, "cube"), DenseLayer(3, 1)], "mse", random_state=0)
    net.fit(np.eye(2), np.ones(2), epochs=1, verbose=0)
    assert net.engine_ == "numpy"
    assert net.predict(np.eye(2)).shape == (2, 1)
