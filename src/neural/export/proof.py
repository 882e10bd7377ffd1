"""What shows that an export is right: rows with the network's outputs, and how far from them a file may be."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np

from neural.engine import NumpyEngine, Program
from neural.errors import sentence
from neural.inputs import rows

N_ROWS = 8
CLOSE = {"float32": 1e-6, "float64": 1e-12}  # of the largest output
SLACK = 8  # times the network's own rounding, where that is larger


@dataclass(frozen=True)
class Vectors:
    """Rows X, the network's outputs for them, and the largest difference that is allowed."""

    X: np.ndarray
    outputs: np.ndarray
    allowed: float


@dataclass(frozen=True)
class Proof:
    """What a file gave for its test rows: the largest difference from the network, what is allowed, what ran it.

    ``largest_difference`` is None where nothing here could run it.
    """

    path: str
    n_rows: int
    largest_difference: float | None
    allowed: float
    by: str

    @property
    def passed(self) -> bool:
        """Whether it was measured, and is no larger than allowed; NaN is not."""
        return self.largest_difference is not None and self.largest_difference <= self.allowed

    def __str__(self) -> str:
        by = " ".join(self.by.split()).replace("*/", "* /")[:300]  # it goes into a comment
        if self.largest_difference is None:
            return f"not measured where it was written ({by})"
        found = f"{self.largest_difference:.3g} from the network in {self.n_rows} rows, allowed {self.allowed:.3g}"
        return f"largest difference {found} ({by})"


def vectors_of(net: Any, X: Any = None) -> Vectors:
    """Return test rows for a network: normal ones, with X of the mean, deviation and bounds of each of its columns.

    The allowed difference is 1e-6 of the largest output in float32 and 1e-12 in float64. Where the network's own
    rounding, seen by running it in float64, is more than that, it is eight times this rounding.
    """
    rng, shape = np.random.default_rng(0), (N_ROWS, net.n_inputs)
    if X is None:
        drawn = rng.normal(size=shape) / (net.input_scale or 1)
    else:
        given = rows("X", X, net.dtype, net.n_inputs)
        drawn = rng.normal(given.mean(axis=0, dtype=np.float64), given.std(axis=0, dtype=np.float64), shape)
        drawn = np.clip(drawn, given.min(axis=0), given.max(axis=0))
    drawn = drawn.astype(net.dtype)
    try:
        outputs = net.predict(drawn)
    except ValueError as error:
        if "finite" not in str(error):
            raise
        step = "Give rows like those that it is for: X=."
        raise ValueError(sentence("the network's outputs for the test rows", "finite", str(error), step)) from None
    exact = NumpyEngine().predict(in_float64(net), drawn)
    largest = float(np.abs(outputs).max())
    rounding = float(np.abs(exact - outputs).max())
    return Vectors(drawn, outputs, max(CLOSE[net.dtype.name] * largest, SLACK * rounding, 1e-30))


def in_float64(net: Any) -> Program:
    """Return the network with the same parameters, computed in float64."""
    return Program(net._formulas(), net._places, net.params.astype(np.float64), scale=net.input_scale)


def base64_lines(values: np.ndarray) -> str:
    """Return the bytes of an array, lowest first, as lines of base64."""
    plain = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    text = base64.b64encode(plain.tobytes()).decode()
    return "\n".join(text[start : start + 116] for start in range(0, len(text), 116))
