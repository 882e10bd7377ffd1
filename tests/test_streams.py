"""Random numbers as functions of their place: values that must never change, and the rules that made them."""

import numpy as np
import pytest

from neural.layer import Mode
from neural.layers import DropoutLayer
from neural.parameters import Own
from neural.streams import PURPOSES, kept, philox, seed_from

SEED, LAYER, STEP, DROP = 7, 1, 900, 0.4
MASK = [[0, 1, 1, 0, 0], [0, 0, 0, 0, 1], [1, 1, 0, 0, 1]]  # of 3 rows and 5 units at this place


def test_purposes_have_their_numbers_for_good():
    names = "start shuffle dropout split noise sample augment worker chunks"
    assert dict(zip(names.split(), range(9), strict=True)) == PURPOSES


def test_seeds_of_whole_numbers():
    assert (seed_from(0), seed_from(7)) == (15793235383387715774, 16920295385781661272)


def test_the_mask_of_a_place_never_changes():
    assert kept(SEED, LAYER, STEP, (3, 5), DROP).astype(int).tolist() == MASK


def test_the_mask_is_made_of_32_bit_numbers_low_half_first():
    words = np.random.Philox(key=[SEED, 2], counter=[0, LAYER, STEP, 0]).random_raw(8)
    halves = [half for word in map(int, words) for half in (word % 2**32, word // 2**32)]
    assert [int(half >= DROP * 2**32) for half in halves[:15]] == np.ravel(MASK).tolist()


@pytest.mark.parametrize("place", [(SEED + 1, LAYER, STEP), (SEED, LAYER + 1, STEP), (SEED, LAYER, STEP + 1)])
def test_another_place_has_another_mask(place):
    assert kept(*place, (3, 5), DROP).astype(int).tolist() != MASK


def test_a_dropout_layer_drops_by_the_mask_of_its_place_and_scales_the_rest():
    x, own, mode = np.full((3, 5), 3.0), Own(LAYER, np.float64), Mode(training=True, seed=SEED, step=STEP)
    layer = DropoutLayer(DROP)
    y, cache = layer.forward(x, own, mode)
    np.testing.assert_allclose(y, 3 / (1 - DROP) * np.array(MASK), rtol=1e-15)
    np.testing.assert_allclose(layer.backward(x, cache, own, own), y, rtol=1e-15)
    assert layer.forward(x, own, Mode(seed=SEED, step=STEP))[0] is x


def test_streams_of_different_purposes_are_different():
    assert len({int(philox(SEED, purpose, 0, 0).random_raw()) for purpose in PURPOSES}) == len(PURPOSES)
