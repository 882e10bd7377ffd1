"""A grid search over our MLPClassifier: one fit after the other, in processes, and in threads by `neural.searching`.

    python benchmarks/searches.py [--jobs 2] [--rounds 5]

64 candidates, 3 folds, on breast cancer: 192 fits of a 30-64-64-2 network, adam, batches of 32, 20 epochs. The three
ways take turns; the scores must be equal to the last bit. Processes are started before they are timed.
"""

from __future__ import annotations

import argparse
import platform
import time
import warnings
from collections.abc import Callable
from typing import Any

import joblib
import numpy as np
import page
import sklearn
from data import real
from results import markdown
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler

import neural
from neural import MLPClassifier, searching

CHOICES = {"alpha": np.logspace(-5, 0, 8).tolist(), "learning_rate_init": np.logspace(-4, -1.5, 8).tolist()}


def ways(jobs: int) -> dict[str, Callable[[], Any]]:
    """Return each way to search, as a function that returns the mean scores of the candidates."""
    X, y = real("breast cancer")
    X = StandardScaler().fit_transform(X)
    network = MLPClassifier((64, 64), batch_size=32, max_iter=20, n_iter_no_change=20, random_state=0)

    def search(n_jobs: int | None = None) -> np.ndarray:
        found = GridSearchCV(network, CHOICES, cv=3, n_jobs=n_jobs, refit=False).fit(X, y)
        return np.array(found.cv_results_["mean_test_score"])

    def in_threads() -> np.ndarray:
        with searching(jobs):
            return search()

    return {"n_jobs=None": search, f"n_jobs={jobs}": lambda: search(jobs), f"searching({jobs})": in_threads}


def main() -> None:
    """Time all three and print them, medians with the least and the most, and the ratio to one after the other."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # that the epochs are over before it has converged is as asked for
    where = page.machine()
    print(f"neural {neural.__version__}, scikit-learn {sklearn.__version__}, joblib {joblib.__version__}", end=", ")
    print(
        f"NumPy {np.__version__}, Python {platform.python_version()}; {where['cpu']}, {where['cores']} cores", end=", "
    )
    print(f"load {where['load']:.1f}; {options.rounds} rounds\n")
    found = ways(options.jobs)
    scores = [search() for search in found.values()]
    assert all(np.array_equal(scores[0], other) for other in scores), "the scores differ"
    seconds: dict[str, list[float]] = {name: [] for name in found}
    of_cpu: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(options.rounds):
        for name, search in found.items():
            started, begun = time.perf_counter(), time.process_time()
            search()
            seconds[name].append(time.perf_counter() - started)
            of_cpu[name].append(time.process_time() - begun)
    base, rows = seconds["n_jobs=None"], []
    for name, times in seconds.items():
        ratios = [one / other for one, other in zip(base, times, strict=True)]
        spread = f"{min(times):.2f} to {max(times):.2f}"
        ratio = f"{np.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        rows.append([name, f"{np.median(times):.2f}", spread, f"{np.median(of_cpu[name]):.2f}", ratio])
    print(*markdown(["way", "seconds", "spread", "CPU seconds of this process", "times as fast"], rows), sep="\n")


if __name__ == "__main__":
    main()
