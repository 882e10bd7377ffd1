"""How long explanations take: 10,000 rows of a 784-25-10 network, by each method. Prints a table.

python benchmarks/explain.py
"""

import time

import numpy as np

from neural import DenseLayer, NeuralNetwork, explain
from neural.explanations import METHODS

ROWS, STEPS, TIMES = 10_000, 32, 5


def main() -> None:
    """Print the least time of several for each method."""
    rng = np.random.default_rng(0)
    X, y = rng.random((ROWS, 784), dtype=np.float32), rng.integers(0, 10, ROWS)
    layers = [DenseLayer(784, 25, "relu"), DenseLayer(25, 10, "softmax")]
    net = NeuralNetwork(layers, "categorical_crossentropy", random_state=0)
    net.fit(X, y, epochs=1, verbose=0)
    for method in METHODS:
        baseline = X[:100] if method == "expected" else None
        seconds, gap = [], None
        for _ in range(TIMES):
            started = time.perf_counter()
            gap = explain(net, X, method, baseline=baseline, steps=STEPS, random_state=0).gap
            seconds.append(time.perf_counter() - started)
        missed = "" if gap is None else f"largest gap {np.abs(gap).max():.2g}"
        print(f"{method:18} {min(seconds):6.2f} s  {missed}")


if __name__ == "__main__":
    main()
