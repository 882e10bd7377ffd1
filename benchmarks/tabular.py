"""Compare models of tables, untuned, on real data: rows of numbers and categories. README.md says what makes it fair.

    python benchmarks/tabular.py                          every model that is installed, on all sets, 5 splits
    python benchmarks/tabular.py --models neural,lightgbm --sets vowel,meats --splits 2
    python benchmarks/tabular.py --again neural-default   its results are measured anew
    python benchmarks/tabular.py --rescale --models neural-fast   and with columns in other units: what does it change?
    python benchmarks/tabular.py --render --publish       no run: the page in docs/benchmarks of what there is

What a model came to on a split of a set is kept in the folder --out as it comes, so that a run that was stopped goes
on where it was, and models may be run at different times.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import traceback
import warnings
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from worker import HERE, SOURCE, environment

sys.path.insert(0, str(SOURCE))

import page
import tabular_data
import tabular_page
import tabular_scores
from tabular_models import MODELS, Model

from neural import DataUnavailable, atomic

SPLITS = 5
RESCALED = "rescaled"  # the folder of what is measured with --rescale

Found = dict[str, Any]  # of a model: what it is, machine, date, threads; "sets": of each set a list, a dict a split


def main(argv: list[str] | None = None) -> int:
    """Run what the arguments say; return 1 if a model failed, or if there is nothing to show."""
    options = parse(argv)
    if options.worker:
        return measure(options.models[0], options)
    passes = [False, True] if options.rescale else [False]
    failed = [name for moved in passes for name in options.models if not (options.render or run(name, options, moved))]
    results = tabular_page.read(options.out)
    if options.rescale:
        print(*tabular_page.compared(results, tabular_page.read(options.out / RESCALED)), sep="\n")
    elif results:
        print(tabular_page.page(results))
    if options.publish and results:
        print(f"Published in {tabular_page.publish(results)}")
    print(*[f"{name} FAILED" for name in failed], sep="\n", end="\n" if failed else "")
    return 1 if failed or not results else 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Return the arguments, with sets and models as lists of whole names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known: dict[str, dict[str, Any]] = {"models": MODELS, "sets": tabular_data.SETS}
    for what, table in known.items():
        parser.add_argument(f"--{what}", default="", help=f"some of: {', '.join(table)}; neural is all that begin so")
    parser.add_argument("--again", default="", help="models whose results are measured anew")
    parser.add_argument("--splits", type=int, default=SPLITS, help=f"of each set (default: {SPLITS})")
    parser.add_argument("--threads", type=int, default=1, help="of each model (default: 1)")
    parser.add_argument("--out", type=Path, default=Path("bench/tabular"), help="folder (default: bench/tabular)")
    parser.add_argument(
        "--publish", action="store_true", help="write the page in docs/benchmarks, its chart and results"
    )
    parser.add_argument(
        "--rescale", action="store_true", help=f"measure them in other units too, kept in {RESCALED}, and compare"
    )
    parser.add_argument("--render", action="store_true", help="measure nothing")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    try:
        options.again = chosen(options.again, MODELS) if options.again else []
        options.models = options.again if options.again and not options.models else chosen(options.models, MODELS)
        options.sets = chosen(options.sets, tabular_data.SETS)
    except ValueError as error:
        parser.error(str(error))
    return options


def chosen(text: str, known: dict[str, Any]) -> list[str]:
    """Return the names that are asked for, a name or how some begin, or all; ValueError if there is none of a part."""
    names = []
    for part in text.split(",") if text else [""]:
        found = [part] if part in known else [name for name in known if name.startswith(part)]
        if not found:
            raise ValueError(f"there is no {part}")
        names += [name for name in found if name not in names]
    return names


def run(name: str, options: argparse.Namespace, moved: bool = False) -> bool:
    """Have a process of its own measure a model, apart from other libraries' threads; return whether it did.

    If ``moved``, on columns that are multiplied and shifted.
    """
    out = options.out / RESCALED if moved else options.out
    if why := MODELS[name].why_not():
        print(f"{name}: skipped, {why} is not installed", flush=True)
        return True
    if name in options.again:
        (out / f"{name}.json").unlink(missing_ok=True)
    command = [sys.executable, str(HERE / "tabular.py"), "--worker", "--models", name, "--sets", ",".join(options.sets)]
    command += ["--splits", str(options.splits), "--threads", str(options.threads), "--out", str(out)]
    command += ["--rescale"] if moved else []
    return subprocess.run(command, env=environment(options.threads), check=False).returncode == 0


# --- in the process of a model -------------------------------------------------------------------------------------
def measure(name: str, options: argparse.Namespace) -> int:
    """Measure a model on every split that is not there yet, the first of all sets first; return 1 if any failed."""
    warnings.filterwarnings(
        "ignore"
    )  # of convergence, of names of columns: what a model does by default is the question
    options.out.mkdir(parents=True, exist_ok=True)
    path, model, failed = options.out / f"{name}.json", MODELS[name], 0
    found: Found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"sets": {}}
    found |= {"title": model.title, "categories": model.categories, "threads": options.threads}
    found |= {"machine": page.machine(), "date": datetime.now().astimezone().isoformat(timespec="seconds")}
    version = tabular_page.version(model.package)
    tables = {table.name: table for table in map(there, options.sets) if table is not None}
    for split in range(options.splits):
        for table in tables.values():
            records = found["sets"].setdefault(table.name, [])
            if any(record["split"] == split for record in records):
                continue
            try:
                record = {
                    "split": split,
                    "version": version,
                    **measured(model, table, split, options.threads, options.rescale),
                }
            except Exception:  # whatever a library does: the other sets are still measured
                traceback.print_exc()
                failed = 1
                continue
            records.append(record)
            atomic.write(path, [tabular_page.dumped(found).encode()])
            print(f"{name}, {table.name}: {tabular_page.told(record)}", flush=True)
    return failed


def there(name: str) -> tabular_data.Table | None:
    """Return a set; None, and a line that says why, if it is not to be had."""
    try:
        return tabular_data.table(name)
    except (ImportError, DataUnavailable) as error:
        print(f"{name}: skipped, {error}", flush=True)
        return None


def measured(
    model: Model, table: tabular_data.Table, split: int, threads: int, moved: bool = False
) -> dict[str, float]:
    """Return what a model comes to on one split: the scores of its predictions, the seconds to fit and to predict.

    They are seconds of the processor, of all threads together, which a machine that does other work changes little.
    """
    train, test = tabular_data.split(table.y, table.task, split)
    X = tabular_data.rescaled(table.X, split) if moved else table.X
    X_train, X_test = (X.iloc[rows].reset_index(drop=True) for rows in (train, test))
    estimator = model.build(table.task, split, threads)
    started = time.process_time()
    estimator.fit(X_train, table.y[train])
    fitted = time.process_time()
    predicted = np.asarray(estimator.predict_proba(X_test) if table.classes else estimator.predict(X_test))
    done = time.process_time()
    scores = tabular_scores.of_classes if table.classes else tabular_scores.of_numbers
    return {**scores(table.y[test], predicted), "fit": fitted - started, "predict": done - fitted}


if __name__ == "__main__":
    sys.exit(main())
