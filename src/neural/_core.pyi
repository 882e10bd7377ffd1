"""The compiled core's door, csrc/bindings.cpp, as `python -m tests.stub` writes it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

class Network32:
    def __init__(
        self,
        stages: list[
            tuple[
                int,
                int,
                int,
                int,
                int,
                int,
                int,
                float,
                float,
                bool,
                float,
                int,
                float,
                int,
                int,
                int,
                int,
                float,
                bool,
                NDArray[np.int64],
            ]
        ],
        link: int,
        link_setting: float,
        members: int,
        link_groups: int,
        loss: int,
        from_outputs: bool,
        settings: NDArray[np.float32],
        factor: float,
        scale: float,
    ) -> None: ...
    @property
    def n_out(self) -> int: ...
    def fit(
        self,
        params: NDArray[np.float32],
        memory: list[NDArray[np.float32]],
        X: NDArray[Any],
        labels: NDArray[np.int64] | None,
        targets: NDArray[np.float32] | None,
        weights: NDArray[np.float32] | None,
        order: NDArray[np.int64],
        bounds: NDArray[np.int64],
        rule: int,
        constants: NDArray[np.float64],
        clip_norm: float,
        clip_value: float,
        penalty: NDArray[np.float64] | None,
        seed: int,
        step: int,
        losses: NDArray[np.float64],
        penalties: NDArray[np.float64],
        mean: NDArray[np.float32] | None,
        shares: NDArray[np.float64] | None,
        augment: tuple[int, int, int, int, int, int, float, bool, bool, bool, int] | None,
        threads: int,
    ) -> None: ...
    def gradient(
        self,
        params: NDArray[np.float32],
        grads: NDArray[np.float32],
        dx: NDArray[np.float32],
        X: NDArray[Any],
        labels: NDArray[np.int64] | None,
        targets: NDArray[np.float32] | None,
        weights: NDArray[np.float32] | None,
        training: bool,
        seed: int,
        step: int,
        threads: int,
    ) -> float: ...
    def predict(
        self, params: NDArray[np.float32], X: NDArray[Any], outputs: NDArray[np.float32], threads: int
    ) -> bool: ...
    def evaluate(
        self,
        params: NDArray[np.float32],
        X: NDArray[Any],
        labels: NDArray[np.int64] | None,
        targets: NDArray[np.float32] | None,
        weights: NDArray[np.float32] | None,
        outputs: NDArray[np.float32],
        losses: NDArray[np.float64],
        threads: int,
    ) -> bool: ...
    @staticmethod
    def activation(arg0: int, arg1: float, arg2: NDArray[np.float32], arg3: NDArray[np.float32], /) -> None: ...
    @staticmethod
    def activation_backward(
        arg0: int,
        arg1: float,
        arg2: NDArray[np.float32],
        arg3: NDArray[np.float32],
        arg4: NDArray[np.float32],
        arg5: NDArray[np.float32],
        /,
    ) -> None: ...

class Network64:
    def __init__(
        self,
        stages: list[
            tuple[
                int,
                int,
                int,
                int,
                int,
                int,
                int,
                float,
                float,
                bool,
                float,
                int,
                float,
                int,
                int,
                int,
                int,
                float,
                bool,
                NDArray[np.int64],
            ]
        ],
        link: int,
        link_setting: float,
        members: int,
        link_groups: int,
        loss: int,
        from_outputs: bool,
        settings: NDArray[np.float64],
        factor: float,
        scale: float,
    ) -> None: ...
    @property
    def n_out(self) -> int: ...
    def fit(
        self,
        params: NDArray[np.float64],
        memory: list[NDArray[np.float64]],
        X: NDArray[Any],
        labels: NDArray[np.int64] | None,
        targets: NDArray[np.float64] | None,
        weights: NDArray[np.float64] | None,
        order: NDArray[np.int64],
        bounds: NDArray[np.int64],
        rule: int,
        constants: NDArray[np.float64],
        clip_norm: float,
        clip_value: float,
        penalty: NDArray[np.float64] | None,
        seed: int,
        step: int,
        losses: NDArray[np.float64],
        penalties: NDArray[np.float64],
        mean: NDArray[np.float64] | None,
        shares: NDArray[np.float64] | None,
        augment: tuple[int, int, int, int, int, int, float, bool, bool, bool, int] | None,
        threads: int,
    ) -> None: ...
    def gradient(
        self,
        params: NDArray[np.float64],
        grads: NDArray[np.float64],
        dx: NDArray[np.float64],
        X: NDArray[Any],
        labels: NDArray[np.int64] | None,
        targets: NDArray[np.float64] | None,
        weights: NDArray[np.float64] | None,
        training: bool,
        seed: int,
        step: int,
        threads: int,
    ) -> float: ...
    def predict(
        self, params: NDArray[np.float64], X: NDArray[Any], outputs: NDArray[np.float64], threads: int
    ) -> bool: ...
    def evaluate(
        self,
        params: NDArray[np.float64],
        X: NDArray[Any],
        labels: NDArray[np.int64] | None,
        targets: NDArray[np.float64] | None,
        weights: NDArray[np.float64] | None,
        outputs: NDArray[np.float64],
        losses: NDArray[np.float64],
        threads: int,
    ) -> bool: ...
    @staticmethod
    def activation(arg0: int, arg1: float, arg2: NDArray[np.float64], arg3: NDArray[np.float64], /) -> None: ...
    @staticmethod
    def activation_backward(
        arg0: int,
        arg1: float,
        arg2: NDArray[np.float64],
        arg3: NDArray[np.float64],
        arg4: NDArray[np.float64],
        arg5: NDArray[np.float64],
        /,
    ) -> None: ...

def names(arg: int, /) -> list[str]: ...
def stage_fields() -> int: ...
def needs_z(arg: int, /) -> bool: ...
def orders(seed: int, purpose: int, first: int, n: int, out: NDArray[np.int64]) -> None: ...
def instructions() -> str: ...
