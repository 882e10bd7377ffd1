"""Disks that are full, folders that take nothing, Ctrl-C, and death at every step of a save: the file stays whole."""

import builtins
import errno
import os
import resource
import shutil
import signal
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest

import neural
from neural import Callback, atomic
from tests.model_files import network
from tests.processes import in_a_process
from tests.small_network import fit
from tests.small_network import network as small

OLD, NEW = network(0), network(1)


class Faulty:
    """Stands for ``open`` and ``os`` in atomic.py; at its ``fails``-th step something happens instead."""

    def __init__(self, fails, happens):
        self.fails, self.happens, self.steps = fails, happens, []

    def step(self, name):
        self.steps.append(name)
        if len(self.steps) == self.fails:
            self.happens()

    def open(self, path, mode):
        self.step("open")
        return FaultyFile(builtins.open(path, mode), self)

    def __getattr__(self, name):
        found = getattr(os, name)
        if name not in ("fsync", "replace", "open", "close"):
            return found

        def call(*args):
            self.step(name)
            return found(*args)

        return call


class FaultyFile:
    def __init__(self, file, faulty):
        self.file, self.faulty = file, faulty

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def write(self, chunk):
        self.file.write(bytes(chunk)[: len(chunk) // 2])  # half of it, as disks do when they run full
        self.file.flush()
        self.faulty.step("write")
        self.file.write(bytes(chunk)[len(chunk) // 2 :])

    def flush(self):
        self.faulty.step("flush")
        self.file.flush()

    def fileno(self):
        return self.file.fileno()


def faulty_os(faulty):
    class Faulted:
        open = staticmethod(lambda *args: (faulty.step("open folder"), os.open(*args))[1])
        __getattr__ = staticmethod(faulty.__getattr__)

    return Faulted()


def save_with(faulty, monkeypatch, path):
    with monkeypatch.context() as patch:
        patch.setattr(atomic, "open", faulty.open, raising=False)
        patch.setattr(atomic, "os", faulty_os(faulty))
        NEW.save(path)


def contents(net, folder):
    net.save(folder / "once")
    found = (folder / "once").read_bytes()
    os.remove(folder / "once")
    return found


@pytest.fixture
def place(tmp_path):
    """Return a path at which there is a model already, its bytes, and those of the new one."""
    old, new = contents(OLD, tmp_path), contents(NEW, tmp_path)
    (tmp_path / "net").write_bytes(old)
    return tmp_path / "net", old, new


def raiser(error):
    def happens():
        raise error

    return happens


def steps_of(monkeypatch, path):
    """Return the steps of a save in which nothing happens."""
    faulty = Faulty(0, None)
    save_with(faulty, monkeypatch, path)
    return faulty.steps


def test_the_steps_of_a_save(place, monkeypatch):
    steps = steps_of(monkeypatch, place[0])
    assert steps[0] == "open"
    assert steps.count("write") == 1 + len(neural.load(place[0]).layers[0].shapes()) + 9
    assert steps[-6:] == ["flush", "fsync", "replace", "open folder", "fsync", "close"]


ERRORS = [
    OSError(errno.ENOSPC, "no space left"),
    OSError(errno.EIO, "input/output error"),
    KeyboardInterrupt(),
    MemoryError(),
]


@pytest.mark.parametrize("error", ERRORS, ids=["full", "broken", "Ctrl-C", "no memory"])
def test_a_fault_at_every_step_leaves_the_old_file_or_the_new_one(error, place, monkeypatch):
    path, old, new = place
    steps = steps_of(monkeypatch, path)
    for number, step in enumerate(steps, 1):
        path.write_bytes(old)
        with pytest.raises(type(error)):
            save_with(Faulty(number, raiser(error)), monkeypatch, path)
        assert path.read_bytes() == (old if number <= steps.index("replace") + 1 else new), step
        assert os.listdir(path.parent) == ["net"], step


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_death_at_every_step_leaves_the_old_file_or_the_new_one(place, monkeypatch):
    path, old, new = place
    steps = steps_of(monkeypatch, path)
    for number in range(1, len(steps) + 1):
        path.write_bytes(old)
        child = os.fork()
        if child == 0:
            try:
                save_with(Faulty(number, lambda: os.kill(os.getpid(), signal.SIGKILL)), monkeypatch, path)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        assert path.read_bytes() == (old if number <= steps.index("replace") + 1 else new)
        assert len(os.listdir(path.parent)) <= 2
        atomic.sweep(path)
        assert os.listdir(path.parent) == ["net"]


def test_what_is_left_of_living_processes_and_of_others_stays(place):
    path, _, _ = place
    mine = [f"net.{os.getpid()}-00000000.tmp", "net.tmp", "net.x-00000000.tmp", "other.999999999-00000000.tmp"]
    for name in [*mine, "net.999999999-00000000.tmp"]:
        (path.parent / name).write_text("")
    atomic.sweep(path)
    assert sorted(os.listdir(path.parent)) == sorted(["net", *mine])


LIMIT = """
import os, resource, signal, sys, neural
from tests.model_files import network
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
net = network(1)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    net.save({path!r})
except OSError as error:
    print(error.errno)
"""


def test_a_disk_that_takes_no_more(place):
    """The kernel's own refusal, of files above a thousand bytes."""
    path, old, _ = place
    assert in_a_process(LIMIT.format(path=str(path))) == str(errno.EFBIG)
    assert path.read_bytes() == old
    assert os.listdir(path.parent) == ["net"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 1000


NOBODY = """
import os, neural
from tests.model_files import network
net = network(1)
if os.geteuid() == 0:
    os.setuid(65534)
try:
    net.save({path!r})
except OSError as error:
    print(type(error).__name__)
"""


def test_a_folder_that_takes_nothing():
    folder = Path(tempfile.mkdtemp())
    try:
        OLD.save(folder / "net")
        before = (folder / "net").read_bytes()
        folder.chmod(0o555)
        assert in_a_process(NOBODY.format(path=str(folder / "net"))) == "PermissionError"
        assert (folder / "net").read_bytes() == before
        assert os.listdir(folder) == ["net"]
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


# --- within a fit --------------------------------------------------------------------------------------------------
class BreaksAt(Callback):
    """Lets the disk refuse from some epoch on."""

    def __init__(self, epoch, monkeypatch, error):
        self.epoch, self.monkeypatch, self.error = epoch, monkeypatch, error

    def on_epoch_end(self, training):
        if training.epoch == self.epoch:
            self.monkeypatch.setattr(atomic, "os", faulty_os(Faulty(1, raiser(self.error))))


@pytest.mark.parametrize("every", [1, 0.5])
@pytest.mark.parametrize("error", ERRORS, ids=["full", "broken", "Ctrl-C", "no memory"])
def test_a_disk_that_fills_up_in_a_fit_leaves_whole_epochs_and_the_last_file(error, every, tmp_path, monkeypatch):
    net, straight = small(), small()
    with monkeypatch.context() as patch, pytest.raises(type(error)):
        fit(net, epochs=6, callbacks=[BreaksAt(3, patch, error)], checkpoint=tmp_path / "run", every=every)
    fit(straight, epochs=3)
    assert net.params.tobytes() == straight.params.tobytes()
    assert net.state.epoch == 3
    kept = neural.load(tmp_path / "run")
    assert kept.state.epoch == 2
    assert os.listdir(tmp_path) == ["run"]
    again = small()
    again_history = fit(again, epochs=6, callbacks=[BreaksAt(9, monkeypatch, error)], checkpoint=tmp_path / "run",
                        every=every, resume=True)  # fmt: skip
    fit(straight, epochs=3)
    assert again.params.tobytes() == straight.params.tobytes()
    assert len(again_history) == 6


def test_a_path_that_cannot_be_written_is_known_before_the_first_epoch(tmp_path, monkeypatch):
    net = small()
    monkeypatch.setattr(atomic, "os", faulty_os(Faulty(1, raiser(ERRORS[0]))))
    with pytest.raises(OSError, match="no space"):
        fit(net, checkpoint=tmp_path / "run")
    assert net.state.epoch == 0
    assert os.listdir(tmp_path) == []


# --- over and over -------------------------------------------------------------------------------------------------
THREADS = """
import threading
import numpy as np
from neural import DenseLayer, NeuralNetwork
rng = np.random.default_rng(0)
net = NeuralNetwork([DenseLayer(6, 16, "relu"), DenseLayer(16, 3, "softmax")], "categorical_crossentropy",
                    engine={engine!r}, random_state=0)
rows = [rng.normal(size=(int(n), 6)) for n in rng.integers(1, 9, 1000)]
serial = [net.predict(X).tobytes() for X in rows]
found = [None] * 8
def all_of_them(k):
    found[k] = [net.predict(rows[(i + 125 * k) % 1000]).tobytes() for i in range(1000)]
threads = [threading.Thread(target=all_of_them, args=(k,)) for k in range(8)]
[thread.start() for thread in threads], [thread.join() for thread in threads]
print(all(found[k][i] == serial[(i + 125 * k) % 1000] for k in range(8) for i in range(1000)))
"""


@pytest.mark.parametrize("engine", ["auto", "numpy"])
def test_a_thousand_predictions_in_each_of_eight_threads(engine):
    assert in_a_process(THREADS.format(engine=engine)) == "True"


def test_a_save_while_another_thread_fits_is_under_its_own_seal(tmp_path):
    net, over = small(), threading.Event()
    fit(net, epochs=1)

    def fits():
        while not over.is_set():
            fit(net, epochs=20)

    thread = threading.Thread(target=fits)
    thread.start()
    try:
        for _ in range(60):
            net.save(tmp_path / "net")
            neural.load(tmp_path / "net")
    finally:
        over.set()
        thread.join()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_hundred_forks_after_predictions():
    net, X = small(), np.random.default_rng(0).normal(size=(500, 4))
    wanted = net.predict(X)
    for _ in range(100):
        child = os.fork()
        if child == 0:
            os._exit(0 if (net.predict(X) == wanted).all() else 1)
        assert os.waitpid(child, 0)[1] == 0


GROWTH = """
import gc
import numpy as np
from neural import DenseLayer, NeuralNetwork
X, y = np.ones((4, 3), np.float32), np.ones(4)
def fits(n):
    for _ in range(n):
        NeuralNetwork([DenseLayer(3, 4, "relu"), DenseLayer(4, 1)], "mse", random_state=0).fit(X, y, 1, verbose=0)
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
before = fits(500)
print(fits({n}) - before)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="no /proc here")
@pytest.mark.parametrize("n", [500, pytest.param(10_000, marks=pytest.mark.nightly)])
def test_fits_leave_no_memory_behind(n):
    assert int(in_a_process(GROWTH.format(n=n))) < 1_000_000


FILES = """
import neural
from neural import DenseLayer, NeuralNetwork
net = NeuralNetwork([DenseLayer(50, 50)], "mse", random_state=0)
def often(n):
    for _ in range(n):
        net.save({path!r})
        neural.load({path!r})
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
before = often(40)
print(often(80) - before)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="no /proc here")
def test_nor_do_files(tmp_path):
    assert int(in_a_process(FILES.format(path=str(tmp_path / "net")))) < 1_000_000
