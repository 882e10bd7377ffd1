"""Random numbers: one seed, a stream for each purpose, and no state to keep.

Every draw is a function of (seed, purpose, place): the start of layer 2, the order of epoch 7, the dropout mask of
layer 1 at step 900. Two fits of five epochs are one of ten because nothing but the place is remembered. The generator
is Philox4x64-10 (Salmon et al., Parallel random numbers: as easy as 1, 2, 3, 2011): counter-based, so any place is
reached at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from neural.errors import sentence

NAMES = ("start", "shuffle", "dropout", "split", "noise", "sample", "augment", "worker", "chunks")  # in order, for good
PURPOSES = {name: number for number, name in enumerate(NAMES)}


def seed_from(random_state: Any) -> int:
    """Return 64 bits of seed from None (fresh entropy), a whole number, or a generator (which is advanced).

    >>> seed_from(0) == seed_from(0), seed_from(0) == seed_from(1)
    (True, False)
    """
    if random_state is None or (isinstance(random_state, int | np.integer) and not isinstance(random_state, bool)):
        if random_state is not None and random_state < 0:
            raise ValueError(sentence("random_state", "a whole number of at least 0", random_state))
        entropy = None if random_state is None else int(random_state)
        return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0])
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**64, dtype=np.uint64))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**64, dtype=np.uint64))
    raise TypeError(sentence("random_state", "None, a whole number or a NumPy generator", random_state))


def philox(seed: int, purpose: str, *place: int) -> np.random.Philox:
    """Return the bit generator of one place: ``place`` is up to three whole numbers, such as (layer, step)."""
    key = np.array([seed, PURPOSES[purpose]], dtype=np.uint64)
    counter = np.zeros(4, dtype=np.uint64)  # word 0 counts the blocks of four numbers drawn there
    counter[1 : 1 + len(place)] = place
    return np.random.Philox(key=key, counter=counter)


def stream(seed: int, purpose: str, *place: int) -> np.random.Generator:
    """Return NumPy's Generator over :func:`philox`.

    >>> stream(7, "start", 0).random() == stream(7, "start", 0).random()
    True
    """
    return np.random.Generator(philox(seed, purpose, *place))


def epoch_order(seed: int, epoch: int, n: int) -> np.ndarray:
    """Return the order in which an epoch visits its ``n`` rows, int64."""
    return stream(seed, "shuffle", epoch).permutation(n)


def balanced_order(seed: int, epoch: int, rows: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return as many of ``rows`` as there are, drawn one by one: a group, all alike likely, then a row of it.

    ``rows`` lie group by group, group k up to ``ends[k]``. Draw i takes the i-th 64-bit word of the stream: of K groups
    number (low half * K) >> 32, and of the n rows of the group number (high half * n) >> 32.

    >>> balanced_order(seed=0, epoch=0, rows=np.arange(8), ends=np.array([7, 8])).tolist()
    [4, 7, 2, 0, 7, 7, 7, 6]
    """
    words = philox(seed, "sample", epoch).random_raw(len(rows))
    starts = np.append(0, ends[:-1])
    group = (words & 0xFFFFFFFF) * np.uint64(len(ends)) >> np.uint64(32)
    within = (words >> np.uint64(32)) * (ends - starts).astype(np.uint64)[group] >> np.uint64(32)
    return rows[starts[group] + within.astype(np.int64)]


def kept(seed: int, layer: int, step: int, shape: tuple[int, int], drop: float) -> np.ndarray:
    """Return dropout's mask: True with probability 1 - ``drop``, for each (row, unit) of a batch.

    Element i = row * width + unit is kept when the i-th 32-bit number of the stream (low half of each 64-bit word
    first) is at least drop * 2**32.
    """
    n = shape[0] * shape[1]
    words = philox(seed, "dropout", layer, step).random_raw((n + 1) // 2)
    halves = words.astype("<u8", copy=False).view("<u4")[:n]
    return np.greater_equal(halves, np.uint32(drop * 2.0**32)).reshape(shape)


def normals(seed: int, layer: int, step: int, shape: tuple[int, int]) -> np.ndarray:
    """Return noise of mean 0 and variance 1 for each (row, unit) of a batch, float64.

    Element i is made of the i-th 64-bit word of the stream: sqrt(-2 log u) cos(2 pi v), with u = (low half + 1/2) /
    2^32 and v = high half / 2^32 (Box and Muller, 1958).
    """
    words = philox(seed, "noise", layer, step).random_raw(shape[0] * shape[1]).reshape(shape)
    u, v = ((words & 0xFFFFFFFF) + 0.5) * 2.0**-32, (words >> 32) * 2.0**-32
    return np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * v)
