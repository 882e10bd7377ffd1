"""A table of numbers and words in one pipeline, and which of its columns the network goes by.

    python examples/mixed_columns.py [figure.png]

Prices of made-up flats: the size counts for most, the district by name, the floor only where there is no lift.
"""

import sys

import matplotlib

matplotlib.use("Agg")
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.inspection import permutation_importance
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from neural import MLPRegressor

DISTRICTS = {"centre": 1.6, "harbour": 1.3, "hill": 1.1, "works": 0.8}


def flats(n: int = 1500, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Return a table of flats, and their prices in thousands."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "size": rng.uniform(25, 140, n).round(),
            "floor": rng.integers(0, 7, n),
            "age": rng.uniform(0, 90, n).round(),
            "district": rng.choice(list(DISTRICTS), n),
            "lift": rng.choice(["yes", "no"], n),
        }
    )
    stairs = np.where(table["lift"] == "no", 1 - 0.06 * table["floor"], 1.0)
    price = 3 * table["size"] * table["district"].map(DISTRICTS) * stairs * (1 - 0.003 * table["age"])
    return table, price.to_numpy() * rng.lognormal(sigma=0.05, size=n)


def main(path: str = "mixed_columns.png") -> None:
    """Fit, print the scores, and draw what each column is worth."""
    table, price = flats()
    train, test, train_price, test_price = train_test_split(table, price, random_state=0)
    columns = ColumnTransformer(
        [
            ("numbers", StandardScaler(), ["size", "floor", "age"]),
            ("words", OneHotEncoder(handle_unknown="ignore"), ["district", "lift"]),
        ]
    )
    network = MLPRegressor(
        hidden_layer_sizes=(48, 48), activation="gelu", early_stopping=True, learning_rate_init=0.01, random_state=0
    )
    model = TransformedTargetRegressor(make_pipeline(columns, network), func=np.log, inverse_func=np.exp)
    model.fit(train, train_price)
    error = np.mean(np.abs(model.predict(test) / test_price - 1))
    print(f"R2 of flats it has not seen: {model.score(test, test_price):.3f}; error of a price: {100 * error:.1f} %")
    worth = permutation_importance(model, test, test_price, n_repeats=5, random_state=0)
    order = np.argsort(worth.importances_mean)
    plt.figure(figsize=(6, 3))
    plt.barh(np.array(table.columns)[order], worth.importances_mean[order], xerr=worth.importances_std[order])
    plt.xlabel("R2 lost when the column is shuffled")
    plt.tight_layout()
    plt.savefig(path, dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:])
