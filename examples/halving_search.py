"""Twenty-seven settings of a network, halved by how they do after a few epochs until the best are left.

python examples/halving_search.py [figure.png]
"""

import sys
import warnings

import matplotlib

matplotlib.use("Agg")
import numpy as np
from matplotlib import pyplot as plt
from scipy.stats import loguniform
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import HalvingRandomSearchCV, train_test_split

from neural import MLPClassifier


def main(path: str = "halving_search.png") -> None:
    """Search, print what was found, and draw the scores of all settings, round by round."""
    X, y = load_digits(return_X_y=True)
    train, test, train_y, test_y = train_test_split((X / 16).astype(np.float32), y, random_state=0)
    choices = {
        "hidden_layer_sizes": [(32,), (64,), (64, 64)],
        "activation": ["relu", "gelu", "tanh"],
        "dropout": [0.0, 0.1, 0.3],
        "learning_rate_init": loguniform(1e-4, 1e-1),
    }
    search = HalvingRandomSearchCV(
        MLPClassifier(random_state=0), choices, n_candidates=27, resource="max_iter", min_resources=3,
        max_resources=27, factor=3, cv=2, random_state=0,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a few epochs are all that the first rounds are given
        search.fit(train, train_y)
    print(f"best of {len(search.cv_results_['params'])} fits: {search.best_params_}")
    print(f"accuracy on digits it has not seen: {search.score(test, test_y):.3f}")
    rounds, scores = search.cv_results_["iter"], search.cv_results_["mean_test_score"]
    epochs = search.n_resources_
    plt.figure(figsize=(6, 3.2))
    plt.scatter(rounds + np.random.default_rng(0).uniform(-0.12, 0.12, len(rounds)), scores, s=14, alpha=0.7)
    plt.plot(range(len(epochs)), [scores[rounds == k].max() for k in range(len(epochs))], color="C1", label="the best")
    plt.xticks(range(len(epochs)), [f"{n} x {e} epochs" for n, e in zip(search.n_candidates_, epochs, strict=True)])
    plt.xlim(-0.5, len(epochs) - 0.5)
    plt.ylabel("accuracy in cross-validation")
    plt.legend(loc="lower right")
    plt.tight_layout()
    plt.savefig(path, dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:])
