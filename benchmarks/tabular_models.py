"""Who takes part in benchmarks/tabular.py: a table of models, each built by one function.

All get the same DataFrame, unscaled: numbers as float64, NaN where missing, categories as pandas' ``category``.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any


@dataclass(frozen=True)
class Model:
    """A row of MODELS. ``build(task, seed, threads)`` returns an estimator; ``needs`` are the modules it imports."""

    title: str
    build: Callable[[str, int, int], Any]
    needs: str
    package: str  # whose version is told
    categories: str  # what becomes of them, and of missing values
    baseline: bool = True

    def why_not(self) -> str:
        """Return what is missing for this model here; empty if nothing is."""
        return ", ".join(name for name in self.needs.split() if not found(name))


def found(name: str) -> bool:
    """Whether a module can be imported."""
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # the package that it is in is not there
        return False


# --- what is done to the columns -----------------------------------------------------------------------------------
def columns(model: Any, scale: bool, impute: bool = True) -> Any:
    """Return ``model`` behind one-hot categories; numbers with the median where missing, standardised if asked."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    steps = [*([SimpleImputer(strategy="median")] if impute else []), *([StandardScaler()] if scale else [])]
    numbers, categories = (make_column_selector(dtype_include=kind) for kind in ("number", "category"))
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)  # missing is a category of its own
    each = make_pipeline(*steps) if steps else "passthrough"
    return make_pipeline(make_column_transformer((each, numbers), (one_hot, categories)), model)


def imputed(model: Any) -> Any:
    """Return ``model`` behind the median for missing numbers; what it gets is still a DataFrame."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline

    medians = (SimpleImputer(strategy="median"), make_column_selector(dtype_include="number"))
    filled = make_column_transformer(medians, remainder="passthrough", verbose_feature_names_out=False)
    return make_pipeline(filled.set_output(transform="pandas"), model)


def scaled_target(model: Any, task: str) -> Any:
    """Return ``model`` that learns a standardised target, if it is a number."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.preprocessing import StandardScaler

    return model if task == "cls" else TransformedTargetRegressor(model, transformer=StandardScaler())


# --- peers ---------------------------------------------------------------------------------------------------------
def _of(module: str, task: str, stem: str) -> Any:
    return getattr(importlib.import_module(module), stem + {"cls": "Classifier", "reg": "Regressor"}[task])


def _lightgbm(task: str, seed: int, threads: int, **settings: Any) -> Any:
    return _of("lightgbm", task, "LGBM")(random_state=seed, n_jobs=threads, verbose=-1, **settings)


def _xgboost(task: str, seed: int, threads: int) -> Any:
    return _of("xgboost", task, "XGB")(random_state=seed, n_jobs=threads, enable_categorical=True)


def _forest(task: str, seed: int, threads: int) -> Any:
    model = _of("sklearn.ensemble", task, "RandomForest")(random_state=seed, n_jobs=threads)
    return columns(model, scale=False, impute=False)


def _linear(task: str, seed: int, threads: int) -> Any:
    from sklearn.linear_model import LogisticRegression, Ridge

    return columns(LogisticRegression(max_iter=1000) if task == "cls" else Ridge(), scale=True)


def _scikit_mlp(task: str, seed: int, threads: int) -> Any:
    return columns(_of("sklearn.neural_network", task, "MLP")(random_state=seed), scale=False)


def _scikit_mlp_scaled(task: str, seed: int, threads: int) -> Any:
    model = _of("sklearn.neural_network", task, "MLP")(random_state=seed)
    return scaled_target(columns(model, scale=True), task)


def _pytabkit(stem: str) -> Callable[[str, int, int], Any]:
    def build(task: str, seed: int, threads: int) -> Any:
        return imputed(_of("pytabkit", task, stem)(random_state=seed, n_threads=threads, device="cpu", verbosity=0))

    return build


# --- this package --------------------------------------------------------------------------------------------------
def _ours(preset: str) -> Callable[[str, int, int], Any]:
    def build(task: str, seed: int, threads: int) -> Any:
        return _of("neural", task, "Tabular")(preset=preset, random_state=seed, n_threads=threads)

    return build


PRESETS = ("fast", "default", "best")
ONE_HOT = "one-hot; missing numbers: the median"
BY_DTYPE = "its own, by pandas' category dtype"
MEDIAN = "its own; missing numbers: the median"
OURS = {
    f"neural-{preset}": Model(f"neural, {preset}", _ours(preset), "neural.tabular", "neural-dense", "its own", False)
    for preset in PRESETS
}
MODELS: dict[str, Model] = OURS | {
    "lightgbm": Model("LightGBM", _lightgbm, "lightgbm sklearn", "lightgbm", BY_DTYPE),
    "lightgbm-child": Model(
        "LightGBM, min_child_weight=1",
        partial(_lightgbm, min_child_weight=1.0),
        "lightgbm sklearn",
        "lightgbm",
        BY_DTYPE,
    ),
    "xgboost": Model("XGBoost", _xgboost, "xgboost sklearn", "xgboost", "its own, enable_categorical=True"),
    "forest": Model("random forest", _forest, "sklearn", "scikit-learn", "one-hot; missing numbers: its own"),
    "linear": Model("logistic regression, ridge, scaled", _linear, "sklearn", "scikit-learn", ONE_HOT),
    "sklearn-mlp": Model("scikit-learn's MLP, unscaled", _scikit_mlp, "sklearn", "scikit-learn", ONE_HOT),
    "sklearn-mlp-scaled": Model("scikit-learn's MLP, scaled", _scikit_mlp_scaled, "sklearn", "scikit-learn", ONE_HOT),
    "realmlp": Model("RealMLP", _pytabkit("RealMLP_TD_"), "pytabkit torch", "pytabkit", MEDIAN),
    "tabm": Model("TabM", _pytabkit("TabM_D_"), "pytabkit torch", "pytabkit", MEDIAN),
}
