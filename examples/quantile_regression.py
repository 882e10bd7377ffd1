"""Intervals from one network: it learns the 5th, 50th and 95th percentile of what may come, side by side.

python examples/quantile_regression.py [figure.png]
"""

import sys

import matplotlib

matplotlib.use("Agg")
import numpy as np
from matplotlib import pyplot as plt

from neural import MLPRegressor, Quantile


def drawn(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return x, and values whose spread grows with x."""
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(0, 6, n))
    return x, np.sin(x) + (0.05 + 0.12 * x) * rng.standard_normal(n)


def main(path: str = "quantile_regression.png") -> None:
    """Fit, print how many new values lie within the interval, and draw it."""
    x, y = drawn(2000, seed=0)
    network = MLPRegressor(
        loss=Quantile([0.05, 0.5, 0.95]), hidden_layer_sizes=(32, 32), activation="tanh", learning_rate_init=0.005,
        max_iter=300, early_stopping=True, n_iter_no_change=40, scoring="neg_mean_absolute_error", random_state=0,
    ).fit(x[:, None], y)  # fmt: skip
    new_x, new_y = drawn(2000, seed=1)
    low, middle, high = network.predict_outputs(new_x[:, None]).T
    within = np.mean((low <= new_y) & (new_y <= high))
    print(f"{100 * within:.1f} % of 2,000 new values lie within the interval that was asked for 90 %")
    print(
        f"its width: {np.mean((high - low)[new_x < 1]):.2f} for x < 1, {np.mean((high - low)[new_x > 5]):.2f} for x > 5"
    )
    plt.figure(figsize=(6, 3.2))
    plt.scatter(new_x, new_y, s=3, color="0.6")
    plt.fill_between(new_x, low, high, alpha=0.3, label="5 % to 95 %")
    plt.plot(new_x, middle, label="median")
    plt.legend(loc="lower left")
    plt.tight_layout()
    plt.savefig(path, dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:])
