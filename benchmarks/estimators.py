"""fit of MLPClassifier, ours beside scikit-learn's: the same rows, settings and random_state, taken in turns.

    python benchmarks/estimators.py [--rounds 7] [--threads 1] [--only digits]

Before anything is timed both are fitted once, and their curves must agree: they do the same arithmetic.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

REST = 0.2  # seconds before each fit: for so long the threads of a BLAS may look for work, in the way of others


@dataclass
class Case:
    """What is trained on, and how."""

    data: str
    batch: int
    epochs: int
    hidden: tuple[int, ...] = (100,)
    dtype: str = "float64"
    activation: str = "relu"
    goal: float = 5.0  # times as fast as scikit-learn


CASES = [
    Case("digits", 200, 60),
    Case("digits", 32, 30),
    Case("breast cancer", 200, 200),
    Case("breast cancer", 32, 100),
    Case("digits", 200, 60, activation="tanh"),
    Case("digits", 200, 60, dtype="float32"),
    Case("digits", 32, 60, dtype="float32"),
    Case("Fashion-MNIST", 200, 2, dtype="float32", goal=3.0),
]


def fitted(kind: type, case: Case, X: np.ndarray, y: np.ndarray) -> tuple[float, list[float]]:
    """Return the seconds of one fit, and its curve."""
    network = kind(
        case.hidden,
        case.activation,
        batch_size=case.batch,
        max_iter=case.epochs,
        tol=0,
        n_iter_no_change=np.inf,
        random_state=0,
    )
    started = time.perf_counter()
    network.fit(X, y)
    return time.perf_counter() - started, network.loss_curve_


def seconds(case: Case, rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each round, both in turns."""
    from benchmarks.data import real
    from sklearn.neural_network import MLPClassifier as Theirs

    from neural import MLPClassifier

    X, y = real(case.data)
    X = X.astype(case.dtype) / (255 if case.data == "Fashion-MNIST" else 1)
    kinds = {"scikit-learn": Theirs, "neural": MLPClassifier}
    curves = [fitted(kind, case, X, y)[1] for kind in kinds.values()]
    np.testing.assert_allclose(*curves, rtol=1e-9 if case.dtype == "float64" else 1e-2)
    times: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(rounds):
        for name, kind in kinds.items():
            time.sleep(REST)
            times[name].append(fitted(kind, case, X, y)[0])
    return times


def machine() -> str:
    """Return versions and processor in one line."""
    import scipy
    import sklearn

    import neural
    from neural.record import describe_machine

    try:
        found = describe_machine()
        kind = f"{found['processor']}, {found['cores']} cores, Python {found['python']}"
    except ImportError:  # it looks at matplotlib as well
        kind = f"{os.cpu_count()} cores, Python {sys.version.split()[0]}"
    versions = f"neural {neural.__version__}, scikit-learn {sklearn.__version__}, NumPy {np.__version__}"
    return f"{versions}, SciPy {scipy.__version__}; {kind}"


def main() -> None:
    """Time all cases and print them, medians with the least and the most."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, help="for BLAS and for the core; as many as there are unless given")
    parser.add_argument("--only", help="a part of the data's name")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # that the epochs are over before it has converged is as asked for
    from threadpoolctl import threadpool_limits

    print(machine() + f"; threads: {options.threads or 'all'}")
    with threadpool_limits(options.threads):
        for case in CASES:
            if options.only and options.only not in case.data:
                continue
            times = seconds(case, options.rounds)
            middle = {name: float(np.median(found)) for name, found in times.items()}
            ratio = middle["scikit-learn"] / middle["neural"]
            parts = [
                f"{name} {middle[name]:.3f} s ({min(found):.3f} to {max(found):.3f})" for name, found in times.items()
            ]
            name = f"{case.data}, {case.activation}, {case.dtype}, batch {case.batch}, {case.epochs} epochs"
            print(f"{name}: {'; '.join(parts)}; {ratio:.1f} times (goal {case.goal:g})")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main()
