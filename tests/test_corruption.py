"""Files damaged at random: nothing loads that is not what was saved, and nothing but ModelFileError is raised."""

import json
import signal

import numpy as np
import pytest

from neural import ModelFileError, model_file
from neural.config import to_config
from neural.losses import LOSSES
from tests.model_files import dumps, loaded, network, put_together, saved, seal, take_apart, text_of

SECONDS = 30  # for one file that takes a millisecond; on a busy machine a process may stand still for some


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    return saved(network(), tmp_path_factory.mktemp("model"))


@pytest.fixture(autouse=True)
def _no_file_hangs():
    def too_long(*_):
        raise AssertionError("a file took too long")

    before = signal.signal(signal.SIGALRM, too_long)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


# --- damage, as disks and networks do it ---------------------------------------------------------------------------
def flip(rng, b):
    for _ in range(rng.integers(1, 4)):
        b[rng.integers(len(b))] ^= 1 << rng.integers(8)


def overwrite(rng, b):
    start, n = rng.integers(len(b)), rng.integers(1, 64)
    b[start : start + n] = rng.bytes(len(b[start : start + n]))


def blank(rng, b):
    start = rng.integers(len(b))
    b[start : start + 512] = bytes(len(b[start : start + 512]))


def truncate(rng, b):
    del b[rng.integers(len(b)) :]


def delete(rng, b):
    start = rng.integers(len(b))
    del b[start : start + rng.integers(1, 32)]


def insert(rng, b):
    start = rng.integers(len(b))
    b[start:start] = rng.bytes(rng.integers(1, 32))


def twice(rng, b):
    start, n = rng.integers(len(b)), rng.integers(1, 200)
    b[start:start] = b[start : start + n]


def swap(rng, b):
    i, j = sorted(rng.integers(len(b), size=2))
    n = min(8, j - i, len(b) - j)
    b[i : i + n], b[j : j + n] = b[j : j + n], b[i : i + n]


DAMAGE = (flip, overwrite, blank, truncate, delete, insert, twice, swap)


def is_refused(content):
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    with pytest.raises(ModelFileError):
        loaded(content)
    signal.setitimer(signal.ITIMER_REAL, 0)


def damaged(content, count, seed):
    rng, n = np.random.default_rng(seed), 0
    while n < count:
        b = bytearray(content)
        DAMAGE[n % len(DAMAGE)](rng, b)
        if b != content:
            is_refused(bytes(b))
            n += 1


def test_damage_never_loads(content):
    damaged(content, 16_000, 0)


# --- changes by somebody who knows the format, and seals the file again --------------------------------------------
VALUES = [
    None, True, False, 0, 1, -1, 2, 3.5, -0.0, 1e308, 2**31, 2**53, 2**63, 10**40, "", "a", "relu", "DenseLayer", "\0",
    "../../etc/passwd", "os.system", [], [[]], {}, {"float": "inf"}, {"array": 0}, {"array": 7}, {"kind": "layer"},
    to_config(network().layers[0].function), "x" * 3000, list(range(50)),
]  # fmt: skip


def places(value, path=()):
    """Return the paths to everything in a JSON value."""
    found = [path]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += places(item, (*path, key))
    return found


def at(value, path):
    for key in path:
        value = value[key]
    return value


def restructured(rng, header):
    """Change one thing in a header: another value, a key removed, renamed, or a part put somewhere else."""
    *above, key = [p for p in places(header) if p][rng.integers(len(places(header)) - 1)]
    held = at(header, above)
    action = rng.integers(5)
    if action == 0 and isinstance(held, dict):
        held[f"{key}_"] = held.pop(key)
    elif action == 1:
        held.pop(key)
    elif action == 2:
        other = [p for p in places(header) if p]
        held[key] = json.loads(dumps(at(header, other[rng.integers(len(other))])))
    elif action == 3 and isinstance(held, list):
        held.append(json.loads(dumps(held[key])))
    else:
        held[key] = json.loads(dumps(VALUES[rng.integers(len(VALUES))]))


def says_what_it_is(content):
    """Load a file under a seal that is right: it is refused, or the network is what the file says."""
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        net = loaded(content)
    except ModelFileError:
        return 0
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    said = take_apart(content)[0]["__metadata__"]["network"]
    described = model_file.describe(net, [])
    for key in ("dtype", "input_scale", "n_inputs", "seed", "epoch", "step"):
        assert described[key] == said[key]
    assert is_part(said["layers"], described["layers"])
    loss = said["loss"]
    if isinstance(loss, str):  # a name stands for the loss with its usual settings
        assert described["loss"] == to_config(LOSSES[loss]())
    else:
        assert is_part(loss, described["loss"])
    assert np.isfinite(net.params).all()
    return 1


def is_part(given, made):
    """Return whether a network is all that a file says; what it leaves out, or leaves open, is as by default."""
    if isinstance(given, dict) and list(given) == ["array"]:  # which are counted anew
        return list(made) == ["array"]
    if isinstance(given, dict):
        return given.keys() <= made.keys() and all(key == "n_in" or is_part(given[key], made[key]) for key in given)
    if isinstance(given, list):
        return len(given) == len(made) and all(map(is_part, given, made))
    return given == made and isinstance(given, bool) == isinstance(made, bool)


def tampered(content, count, seed):
    rng, took = np.random.default_rng(seed), 0
    header, data = take_apart(content)
    text = dumps(header)
    for n in range(count):
        changed = json.loads(text)
        for _ in range(rng.integers(1, 3)):
            restructured(rng, changed)
        meta = changed.get("__metadata__")
        whole = isinstance(meta, dict) and list(meta)[:1] == ["checksum"] and isinstance(meta["checksum"], str)
        if n % 4 == 3:  # of the text, or of the numbers
            b = bytearray(content)
            DAMAGE[rng.integers(len(DAMAGE))](rng, b)
            took += 0 if is_unreadable(seal(bytes(b))) else says_what_it_is(seal(bytes(b)))
        else:
            new = text_of(changed) if whole else dumps(changed)
            took += says_what_it_is(put_together(new.encode(), data))
    return took


def is_unreadable(content):
    """Return whether a header is no JSON, so that what it says cannot be compared: then it has to be refused."""
    try:
        take_apart(content)[0]["__metadata__"]["network"]["layers"]
    except (ValueError, KeyError, TypeError, RecursionError, AttributeError):
        is_refused(content)
        return True
    return False


def test_tampering_never_does_more_than_it_says(content):
    took = tampered(content, 2_000, 1)
    assert 25 < took < 1_000  # such as another rate, or another number of epochs


@pytest.mark.nightly
def test_a_million_files(content):
    for seed in range(70):
        damaged(content, 10_000, 10 + seed)
    for seed in range(30):
        tampered(content, 10_000, 100 + seed)
