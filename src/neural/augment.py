"""Images changed at random while a batch is gathered: mirrored, shifted, with a square left out.

What is drawn for a row is a function of (seed, update, row of the batch), as dropout's masks are, so both engines make
the same images, and a batch can be made a second time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from neural.errors import check_number, sentence
from neural.frozen import Frozen
from neural.streams import philox

HALF = np.uint64(32)  # bits
WORDS = 4  # of 64 bits, drawn for each image; half of the third and the fourth are not used


@dataclass(frozen=True, repr=False, eq=False)
class Augment(Frozen):
    """Rows of X as images (height, width) or (height, width, channels), each new in every epoch; in training only.

    Parameters
    ----------
    image_shape : what a row is as an array, ``X[0].reshape(image_shape)``.
    flip : mirror every second image, drawn at random, left to right.
    shift : up to so many pixels up or down and left or right, each number of them as likely; or (vertical, horizontal).
    cutout : side of a square to leave out, whose centre is any pixel (DeVries and Taylor, 2017). 0 for none.
    fill : a number in the units of X for what comes in at the border and for the square, or "edge": the border's own
        pixels go on; the square is then 0.
    channels : "last", or "first" for a ``image_shape`` of (channels, height, width).

    >>> X = np.arange(9, dtype=np.uint8)[None]
    >>> Augment((3, 3), flip=True, shift=1).of(X, seed=0, step=4).reshape(3, 3)
    array([[1, 0, 0],
           [4, 3, 0],
           [7, 6, 0]], dtype=uint8)
    """

    image_shape: tuple[int, ...]
    flip: bool = False
    shift: int | tuple[int, int] = 0
    cutout: int = 0
    fill: float | str = 0.0
    channels: str = "last"

    def __post_init__(self) -> None:
        if self.channels not in ("last", "first"):
            raise ValueError(sentence("channels", "'last' or 'first'", self.channels))
        if not isinstance(self.image_shape, tuple | list) or len(self.image_shape) not in (2, 3):
            raise TypeError(sentence("image_shape", "(height, width) or (height, width, channels)", self.image_shape))
        sides = tuple(check_number("a number in image_shape", side, low=1, whole=True) for side in self.image_shape)
        object.__setattr__(self, "image_shape", sides)
        if not isinstance(self.flip, bool):
            raise TypeError(sentence("flip", "True or False", self.flip))
        height, width, _ = self.sides
        pairs = zip(self.shifts, (height, width), strict=True)
        shifts = tuple(check_number("shift", most, low=0, high=side - 1, whole=True) for most, side in pairs)
        object.__setattr__(self, "shift", shifts if isinstance(self.shift, tuple | list) else shifts[0])
        check_number("cutout", self.cutout, low=0, high=2 * max(height, width), whole=True)
        if isinstance(self.fill, str) and self.fill != "edge":
            raise ValueError(sentence("fill", "a finite number, or 'edge'", self.fill))
        if not isinstance(self.fill, str):
            object.__setattr__(self, "fill", check_number("fill", self.fill))

    @property
    def sides(self) -> tuple[int, int, int]:
        """Height, width and the number of channels."""
        if len(self.image_shape) == 2:
            return (*self.image_shape, 1)
        a, b, c = self.image_shape
        return (b, c, a) if self.channels == "first" else (a, b, c)

    @property
    def shifts(self) -> tuple[int, int]:
        """The most pixels of a shift, up or down and left or right."""
        if not isinstance(self.shift, tuple | list):
            return self.shift, self.shift
        if len(self.shift) != 2:
            raise ValueError(sentence("shift", "a whole number, or (vertical, horizontal)", self.shift))
        return self.shift[0], self.shift[1]

    def check(self, X: np.ndarray) -> None:
        """Raise ValueError unless rows of X are such images, and can hold what is filled in."""
        if X.shape[1] != np.prod(self.image_shape):
            raise ValueError(sentence("image_shape", f"of {X.shape[1]} numbers, as many as X has", self.image_shape))
        if X.dtype == np.uint8 and self.fill not in ("edge", *range(256)):
            raise ValueError(sentence("fill", "a whole number from 0 to 255, as X is of uint8", self.fill))
        if self.fill != "edge" and abs(self.fill) > float(np.finfo(np.float32).max):  # type: ignore[arg-type]
            raise ValueError(sentence("fill", "within the range of float32", self.fill))

    def of(self, X: np.ndarray, seed: int, step: int) -> np.ndarray:
        """Return the rows of X (m, n_in) as the batch of update ``step`` has them.

        Row i has the 64-bit words 4i to 4i + 3 of the stream. The low half of the first mirrors if it is 2^31 or more;
        its high half shifts down by (half * (2 s + 1) >> 32) - s, the second's low half to the right; the second's high
        half and the third's low half are row and column of the square's centre.
        """
        height, width, _ = self.sides
        words = philox(seed, "augment", 0, step).random_raw(WORDS * len(X)).reshape(-1, WORDS)
        down, right = (_drawn(words, k, 2 * most + 1) - most for k, most in zip((1, 2), self.shifts, strict=True))
        y, x = np.arange(height) - down[:, None], np.arange(width) - right[:, None]
        outside = ((y < 0) | (y >= height))[:, :, None] | ((x < 0) | (x >= width))[:, None]
        y, x = y.clip(0, height - 1), x.clip(0, width - 1)
        if self.flip:
            x = np.where(_drawn(words, 0, 2)[:, None] == 1, width - 1 - x, x)
        pixel = y[:, :, None] * width + x[:, None]  # (m, height, width): which one comes there
        found = self._numbers(X, pixel.reshape(len(X), -1))
        axis = 1 if self.channels == "first" else 2
        if self.fill != "edge":
            np.copyto(found, self.fill, where=np.expand_dims(outside.reshape(len(X), -1), axis), casting="unsafe")
        if self.cutout:
            square, blank = self._square(words).reshape(len(X), -1), 0 if self.fill == "edge" else self.fill
            np.copyto(found, blank, where=np.expand_dims(square, axis), casting="unsafe")
        return found.reshape(len(X), -1)

    def _numbers(self, X: np.ndarray, pixel: np.ndarray) -> np.ndarray:
        """Return the numbers of these pixels (m, pixels) of each row: (m, pixels, channels), or channels first."""
        height, width, channels = self.sides
        rows = np.arange(len(X))[:, None, None] * X.shape[1]
        if self.channels == "first":
            places = rows + np.arange(channels)[:, None] * (height * width) + pixel[:, None]
        else:
            places = rows + pixel[:, :, None] * channels + np.arange(channels)
        return X.reshape(-1).take(places)

    def _square(self, words: np.ndarray) -> np.ndarray:
        """Return whether each pixel (m, height, width) is in its image's square."""
        height, width, _ = self.sides
        centres = (_drawn(words, k, side) for k, side in zip((3, 4), (height, width), strict=True))
        first = [centre[:, None] - self.cutout // 2 for centre in centres]
        rows, columns = (
            (np.arange(side) >= start) & (np.arange(side) < start + self.cutout)
            for side, start in zip((height, width), first, strict=True)
        )
        return rows[:, :, None] & columns[:, None]


def _drawn(words: np.ndarray, half: int, n: int) -> np.ndarray:
    """Return a number from 0 to n - 1 for each row of words (m, 4), from half number ``half`` of its eight."""
    word = words[:, half // 2]
    bits = word >> HALF if half % 2 else word & np.uint64(0xFFFFFFFF)
    return (bits * np.uint64(n) >> HALF).astype(np.int64)


def resolve(spec: Any) -> Augment | None:
    """Return the augmentation, None if there is none; TypeError for anything else."""
    if spec is not None and not isinstance(spec, Augment):
        raise TypeError(sentence("augment", "None, or an Augment such as Augment((28, 28), flip=True)", spec))
    return spec
