"""A loss of one's own: log(1 + error^2), which hardly minds an outlier, against the squared error.

python examples/custom_loss.py [figure.png]
"""

import sys

import matplotlib

matplotlib.use("Agg")
import numpy as np
from matplotlib import pyplot as plt

from neural import Loss, MLPRegressor


class Cauchy(Loss):
    """loss_i = sum of log(1 + ((a - y) / scale)^2), the negative log-likelihood of a Cauchy distribution."""

    def __init__(self, scale: float = 0.2, l2: float = 0.0) -> None:
        super().__init__(l2)
        self.scale = scale

    def of_outputs(self, a, y, da, own):  # one loss a row, and its derivative by the outputs into da
        u = (a - y) / self.scale
        da[...] = 2 * u / (1 + u**2) / self.scale
        return np.log1p(u**2).sum(axis=1)


def main(path: str = "custom_loss.png") -> None:
    """Fit both, print how far each is from the truth, and draw them."""
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(-3, 3, 300))
    truth = np.sin(2 * x)
    y = truth + rng.normal(scale=0.1, size=len(x))
    wrong = rng.random(len(x)) < 0.15
    y[wrong] += rng.uniform(2, 5, wrong.sum())
    plt.figure(figsize=(6, 3.2))
    plt.scatter(x, y, s=6, color="0.6")
    plt.plot(x, truth, "k--", linewidth=1, label="truth")
    for name, loss in {"squared error": "squared_error", "of one's own": Cauchy()}.items():
        network = MLPRegressor(
            loss, (32, 32), "tanh", max_iter=3000, n_iter_no_change=30, learning_rate_init=0.005, random_state=0
        )
        found = network.fit(x[:, None], y).predict(x[:, None])
        print(f"{name}: {np.sqrt(np.mean((found - truth) ** 2)):.3f} from the truth")
        plt.plot(x, found, label=name)
    plt.ylim(top=6.5)
    plt.legend(loc="upper left", ncols=3, fontsize=8)
    plt.tight_layout()
    plt.savefig(path, dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:])
