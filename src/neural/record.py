"""The numbers of a run of the experiments, as JSON can hold them: results, data, machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import neural
from neural.datasets import ImageData
from neural.experiments import DOCUMENT, DOCUMENT_TEST_ROWS, Results, Run
from neural.speed import Speed


def describe_machine() -> dict[str, Any]:
    """Return versions and the kind of machine; nothing that says whose it is."""
    import matplotlib

    return {
        "neural": neural.__version__,
        "numpy": np.__version__,
        "matplotlib": matplotlib.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def as_json(
    results: Results, images: ImageData, machine: dict[str, Any], speeds: Sequence[Speed] = ()
) -> dict[str, Any]:
    """Return all numbers of the report as what JSON can hold."""
    return {
        "quick": results.quick,
        "seed": results.seed,
        "started": results.started,
        "seconds": round(results.seconds, 1),
        "one_thread": results.one_thread,
        "machine": machine,
        "data": describe_data(images),
        "runs": {name: [_run_json(run) for run in runs] for name, runs in results.runs.items()},
        "middle_seeds": {name: results.middle(name).seed for name in results.runs},
        "comparisons": [asdict(each) for each in results.comparisons],
        "checks": [{**asdict(each.check), "value": each.value, "passed": each.passed} for each in results.checks],
        "best_moons": results.best_moons,
        "speed": [{**asdict(each), "ratio": each.ratio} for each in speeds],
        "document": {name: asdict(row) for name, row in DOCUMENT.items()},
        "document_test_rows_inferred": DOCUMENT_TEST_ROWS,
    }


def _run_json(run: Run) -> dict[str, Any]:
    return {
        "settings": asdict(run.experiment),
        "seed": run.seed,
        "seconds": round(run.seconds, 2),
        "train": asdict(run.train),
        "test": asdict(run.test),
        "history": {name: [float(f"{value:.6g}") for value in series] for name, series in run.history.items()},
    }


def describe_data(images: ImageData) -> dict[str, Any]:
    """Return shapes, types, counts and the range of values of the images."""
    n = len(images.class_names)
    return {
        "X_train": list(images.X_train.shape),
        "X_test": list(images.X_test.shape),
        "dtype": str(images.X_train.dtype),
        "range": [int(images.X_train.min()), int(images.X_train.max())],
        "mean": round(float(images.X_train.mean()), 3),
        "classes": list(images.class_names),
        "train_counts": np.bincount(images.y_train, minlength=n).tolist(),
        "test_counts": np.bincount(images.y_test, minlength=n).tolist(),
    }
