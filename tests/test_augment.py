"""Images changed at random: against a plain loop, alike on both engines, and in training only."""

import itertools

import numpy as np
import pytest

from neural import Augment, BatchNorm, Callback, DenseLayer, NeuralNetwork, TrainingDiverged
from neural.streams import epoch_order, philox
from tests.engines import ENGINES, needs_core

each_engine = pytest.mark.parametrize("engine", ENGINES)
RNG = np.random.default_rng(0)


def plain(augment, X, seed, step):
    """Return what ``of`` does, pixel by pixel."""
    shape = augment.image_shape
    found = np.empty_like(X)
    for i, row in enumerate(X):
        draws = philox(seed, "augment", 0, step).random_raw(4 * len(X))[4 * i : 4 * i + 4].tolist()
        low, high = [word % 2**32 for word in draws], [word >> 32 for word in draws]
        image = row.reshape(shape) if len(shape) == 3 else row.reshape(*shape, 1)
        image = np.moveaxis(image, 0, -1) if augment.channels == "first" and len(shape) == 3 else image
        H, W, _ = image.shape
        if augment.flip and low[0] >= 2**31:
            image = image[:, ::-1]
        s, t = augment.shift if isinstance(augment.shift, tuple) else (augment.shift, augment.shift)
        down, right = (high[0] * (2 * s + 1) >> 32) - s, (low[1] * (2 * t + 1) >> 32) - t
        new = np.empty_like(image)
        for y, x in itertools.product(range(H), range(W)):
            inside = 0 <= y - down < H and 0 <= x - right < W
            if inside or augment.fill == "edge":
                new[y, x] = image[min(max(y - down, 0), H - 1), min(max(x - right, 0), W - 1)]
            else:
                new[y, x] = augment.fill
            top, left = (high[1] * H >> 32) - augment.cutout // 2, (low[2] * W >> 32) - augment.cutout // 2
            if top <= y < top + augment.cutout and left <= x < left + augment.cutout:
                new[y, x] = 0 if augment.fill == "edge" else augment.fill
        found[i] = (np.moveaxis(new, -1, 0) if augment.channels == "first" and len(shape) == 3 else new).reshape(-1)
    return found


CASES = [
    Augment((4, 6)),
    Augment((4, 6), flip=True),
    Augment((4, 6), flip=True, shift=2),
    Augment((4, 6), shift=(3, 0), fill=7),
    Augment((4, 6), flip=True, shift=(1, 5), fill="edge"),
    Augment((4, 6), cutout=1),
    Augment((4, 6), cutout=3, fill=9),
    Augment((4, 6), flip=True, shift=3, cutout=12, fill="edge"),
    Augment((2, 4, 3), flip=True, shift=1, cutout=2),
    Augment((2, 4, 3), flip=True, shift=1, fill="edge"),
    Augment((3, 2, 4), flip=True, shift=1, cutout=2, fill=3, channels="first"),
    Augment((3, 2, 4), flip=True, shift=(1, 3), fill="edge", channels="first"),
    Augment((1, 24), flip=True, shift=(0, 23)),
]


@pytest.mark.parametrize("augment", CASES, ids=str)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_every_pixel_is_as_drawn(augment, dtype):
    X = RNG.integers(0, 256, (20, 24)).astype(dtype)
    for step in (0, 5):
        found = augment.of(X, 3, step)
        assert found.dtype == X.dtype
        np.testing.assert_array_equal(found, plain(augment, X, 3, step))


def test_flips_are_half_and_shifts_alike_likely():
    X = np.tile(np.arange(1, 10.0), (4000, 1))
    found = Augment((1, 9), flip=True, shift=(0, 1)).of(X, 0, 0)
    _, counts = np.unique(found, axis=0, return_counts=True)
    assert len(counts) == 6
    assert np.abs(counts - 4000 / 6).max() < 4 * (4000 / 6) ** 0.5
    holes = (Augment((1, 9), cutout=1).of(X, 0, 0) == 0).sum(axis=0)
    assert np.abs(holes - 4000 / 9).max() < 4 * (4000 / 9) ** 0.5


def test_each_update_draws_anew():
    X = RNG.normal(size=(50, 24))
    augment = Augment((4, 6), shift=2)
    assert not np.array_equal(augment.of(X, 0, 1), augment.of(X, 0, 2))
    assert not np.array_equal(augment.of(X, 0, 1), augment.of(X, 1, 1))
    assert np.array_equal(augment.of(X, 0, 1), augment.of(X, 0, 1))


# --- in fit ----------------------------------------------------------------------------------------------------------
def linear(engine, dtype="float64", **settings):
    layer = DenseLayer(24, 1, init="zeros", bias=False)
    return NeuralNetwork([layer], "mse", dtype=dtype, engine=engine, random_state=0, **settings)


@each_engine
@pytest.mark.parametrize("augment", CASES, ids=str)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_an_update_sees_the_rows_as_augmented(engine, augment, dtype):
    """To the bit, as whole pixels, a scale and shares that are powers of two make no rounding."""
    X = RNG.integers(0, 256, (4, 24)).astype(dtype)
    for step in (0, 5):
        net = linear(engine, input_scale=1 / 256)
        net.state.step = step
        share = 0.5 ** np.arange(1, 5)
        net.fit(X, -2 * share, epochs=1, learning_rate=1.0, augment=augment, verbose=0)
        rows = epoch_order(net.seed, 0, 4)
        want = -share[rows] @ augment.of(X[rows], net.seed, step).astype(np.float64) / 256
        assert np.array_equal(net.weights[0][0], want)


@needs_core
@pytest.mark.parametrize("augment", CASES, ids=str)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_engines_agree_and_threads_change_no_bit(augment, dtype, monkeypatch):
    monkeypatch.setenv("NEURAL_FLOPS_FOR_THREADS", "0")
    X, y = RNG.integers(0, 256, (90, 24)).astype(dtype), RNG.integers(0, 3, 90)

    def fitted(engine, threads, net_dtype):
        layers = [DenseLayer(24, 20, "relu"), BatchNorm(), DenseLayer(20, 3, "softmax")]
        net = NeuralNetwork(
            layers, "categorical_crossentropy", engine=engine, dtype=net_dtype, input_scale=1 / 255, random_state=0
        )
        return net, net.fit(X, y, 4, 0.05, 16, augment=augment, n_threads=threads, verbose=0)

    ours, theirs = fitted("numpy", None, "float64"), fitted("core", 1, "float64")
    np.testing.assert_allclose(theirs[1], ours[1], rtol=1e-9)
    np.testing.assert_allclose(theirs[0].params, ours[0].params, rtol=1e-8, atol=1e-10)
    assert len({fitted("core", threads, "float32")[0].params.tobytes() for threads in (1, 2, 3)}) == 1


@each_engine
def test_two_fits_are_one_and_nothing_but_training_is_augmented(engine):
    X, y = RNG.integers(0, 256, (40, 24)).astype(np.uint8), RNG.normal(size=40)
    one, two = linear(engine, "float32", input_scale=1 / 255), linear(engine, "float32", input_scale=1 / 255)
    settings = {"batch_size": 16, "augment": CASES[2], "verbose": 0}
    history = one.fit(X, y, 4, validation_data=(X, y), **settings)
    two.fit(X, y, 2, **settings)
    two.fit(X, y, 2, **settings)
    assert one.params.tobytes() == two.params.tobytes()
    assert history["val_loss"][-1] == pytest.approx(one.evaluate(X, y)["loss"])
    assert history["val_loss"][-1] != pytest.approx(history["data_loss"][-1])


@each_engine
def test_a_fit_that_is_replayed_draws_the_same(engine):
    """What is not finite is found again, update by update, in the same batch."""

    class Each(Callback):
        def on_batch_end(self, training):
            pass

    X, y = RNG.integers(0, 256, (90, 24)).astype(np.float64), RNG.normal(size=90)
    places = []
    for callbacks in ((), Each()):
        net = linear(engine)
        with pytest.raises(TrainingDiverged) as caught:
            net.fit(X, y, 50, 0.1, 16, augment=CASES[2], callbacks=callbacks, verbose=0)
        places.append((caught.value.epoch, caught.value.batch, net.params.tobytes()))
    assert places[0] == places[1]


@each_engine
def test_settings_may_be_numpys_own(engine):
    odd = Augment([np.int64(4), 6], shift=[np.int8(1), 2], fill=np.uint8(9))
    assert odd == Augment((4, 6), shift=(1, 2), fill=9)
    assert hash(odd) == hash(Augment((4, 6), shift=(1, 2), fill=9.0))
    linear(engine).fit(np.ones((5, 24), np.uint8), np.ones(5), 1, augment=odd, verbose=0)


def test_rows_are_left_as_they_are():
    X, y = RNG.integers(0, 256, (40, 24)).astype(np.float32), RNG.normal(size=40)
    before = X.copy()
    for engine in ENGINES:
        linear(engine, "float32", input_scale=1 / 255).fit(X, y, 2, augment=CASES[7], verbose=0)
    assert np.array_equal(X, before)


# --- what is refused -------------------------------------------------------------------------------------------------
def fits(augment, dtype=np.float64, **settings):
    return lambda: linear("numpy").fit(np.ones((9, 24), dtype), np.ones(9), augment=augment, verbose=0, **settings)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Augment(28), TypeError, "image_shape must be"),
        (lambda: Augment((784,)), TypeError, "image_shape must be"),
        (lambda: Augment((28, 0)), ValueError, "image_shape must be a whole number of at least 1"),
        (lambda: Augment((28, 28.0)), TypeError, "image_shape must be"),
        (lambda: Augment((4, 6), flip=1), TypeError, "flip must be True or False"),
        (lambda: Augment((4, 6), shift=4), ValueError, "shift must be .* at most 3"),
        (lambda: Augment((4, 6), shift=-1), ValueError, "shift must be"),
        (lambda: Augment((4, 6), shift=1.5), TypeError, "shift must be"),
        (lambda: Augment((4, 6), shift=(1, 2, 3)), ValueError, r"shift must be .*\(vertical, horizontal\)"),
        (lambda: Augment((4, 6), cutout=-1), ValueError, "cutout must be"),
        (lambda: Augment((4, 6), fill=float("nan")), ValueError, "fill must be"),
        (lambda: Augment((4, 6), fill="edges"), ValueError, "fill must be a finite number, or 'edge'"),
        (lambda: Augment((4, 6, 3), channels="middle"), ValueError, "channels must be"),
        (fits(Augment((5, 5))), ValueError, "image_shape must be of 24 numbers"),
        (fits(Augment((4, 6), fill=0.5), np.uint8), ValueError, "fill must be a whole number from 0 to 255"),
        (fits(Augment((4, 6), fill=-1), np.uint8), ValueError, "fill must be a whole number from 0 to 255"),
        (fits(Augment((4, 6), fill=1e39), np.float32), ValueError, "fill must be within the range of float32"),
        (fits((4, 6)), TypeError, "augment must be None, or an Augment"),
        (fits(Augment((4, 6)), optimizer="lbfgs"), ValueError, "augment must be None with LBFGS"),
    ],
)
def test_what_makes_no_sense_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()
