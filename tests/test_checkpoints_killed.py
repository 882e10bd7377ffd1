"""Fits that are killed, again and again, and go on: they end in the bits of one that was not."""

import os
import random
import signal
import time

import pytest

import neural
from neural import (
    Callback,
    model_file,
)
from tests.small_fit import fit, network, watched

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


class Reports(Callback):
    """Writes a byte for each epoch, before it is saved."""

    def __init__(self, pipe):
        self.pipe = pipe

    def on_epoch_end(self, training):
        os.write(self.pipe, bytes([training.epoch]))


EPOCHS = 50


def long_fit(path, pipe, every):
    net = network()
    fit(
        net,
        Reports(pipe),
        *watched()[1:2],
        epochs=EPOCHS,
        validation_split=0.2,
        checkpoint=path,
        every=every,
        resume=True,
    )
    return net


def killed_once(path, every, rng):
    """Let a child fit, and kill it some way on; return the epochs that it said it had made, none if it finished."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read)
            long_fit(path, write, every)
            os.write(write, b"\xff")
        finally:
            os._exit(0)
    os.close(write)
    made = b""
    for _ in range(rng.randrange(4)):
        made += os.read(read, 1)
    time.sleep(rng.random() * 0.004)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while more := os.read(read, 4096):
        made += more
    os.close(read)
    return made


def kill(folder, times, seed):
    rng = random.Random(seed)
    sink = os.open(os.devnull, os.O_WRONLY)
    kills = runs = 0
    while kills < times:
        every, path = rng.choice([1, 1, 3, 0.5]), folder / f"run{runs}"
        straight = long_fit(folder / "straight", sink, 1)
        os.remove(folder / "straight")
        while kills < times:
            made = killed_once(path, every, rng)
            if made.endswith(b"\xff"):
                break
            kills += 1
            if path.exists():  # whole, and not more than an interval behind
                kept = model_file.read(path).network["epoch"]
                assert kept >= (made[-1] if made else 0) - max(1, every)
                assert neural.load(path).n_inputs == 4
        net = long_fit(path, sink, every)
        assert net.params.tobytes() == straight.params.tobytes()
        assert sorted(os.listdir(folder)) == sorted(f"run{n}" for n in range(runs + 1))  # no litter
        runs += 1
    os.close(sink)


@needs_fork
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_killed_thirty_times_it_ends_in_the_same_bits(tmp_path):
    kill(tmp_path, 30, 0)


@needs_fork
@pytest.mark.nightly
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_killed_five_hundred_times(tmp_path):
    kill(tmp_path, 500, 1)


@needs_fork
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_killed_while_saving_the_old_or_the_new_model_is_whole(tmp_path):
    rng = random.Random(2)
    path, nets = tmp_path / "net", [network(seed).build() for seed in range(2)]
    wanted = []
    for net in nets:
        net.save(path)
        wanted.append(path.read_bytes())
    for _ in range(20):
        child = os.fork()
        if child == 0:
            while True:
                for net in nets:
                    net.save(path)
        time.sleep(rng.random() * 0.02)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert path.read_bytes() in wanted
    fit(nets[0], epochs=1, checkpoint=path)
    assert os.listdir(tmp_path) == ["net"]
