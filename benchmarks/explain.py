"""How long explanations take: 10,000 rows of a 784-25-10 network, by each method. Prints a table.

python benchmarks/explain.py
"""

import time

import numpy as np

from neural import DenseLayer, NeuralNetwork, explain
from neural.explanations import METHODS

ROWS, STEPS, TIMES = 10_000, 32, 5


def main() -> None:
    """Print the least time of several rounds for each method, and how many times that of integrated gradients it is."""
    rng = np.random.default_rng(0)
    X, y = rng.random((ROWS, 784), dtype=np.float32), rng.integers(0, 10, ROWS)
    layers = [DenseLayer(784, 25, "relu"), DenseLayer(25, 10, "softmax")]
    net = NeuralNetwork(layers, "categorical_crossentropy", random_state=0)
    net.fit(X, y, epochs=1, verbose=0)
    seconds: dict[str, list[float]] = {method: [] for method in METHODS}
    gaps = {}
    for _ in range(TIMES):  # in turn, so that what else the machine does falls on all of them
        for method, found in seconds.items():
            baseline = X[:100] if method == "expected" else None
            started = time.perf_counter()
            gaps[method] = explain(net, X, method, baseline=baseline, steps=STEPS, random_state=0).gap
            found.append(time.perf_counter() - started)
    for method, found in seconds.items():
        gap, ratio = gaps[method], min(found) / min(seconds["integrated"])
        missed = "" if gap is None else f"largest gap {np.abs(gap).max():.2g}"
        print(f"{method:18} {min(found):6.2f} s  {ratio:5.2f} x  {missed}")


if __name__ == "__main__":
    main()
