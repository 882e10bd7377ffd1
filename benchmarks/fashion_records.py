"""Fashion-MNIST with dense layers alone, on two cores: the least time to 90 %, the best network, the best ensemble.

    python benchmarks/fashion_records.py time        # 90.0 % in the fewest seconds, from the start of a process
    python benchmarks/fashion_records.py network     # the best of one network, trained for ten minutes at most
    python benchmarks/fashion_records.py ensemble    # the best of several of these, for ten minutes all together
    python benchmarks/fashion_records.py NAME --validate    # on the 10,000 training rows that the choices were made on
    python benchmarks/fashion_records.py network --validate --runs 1 --with epochs=30 dropout=0.2    # another recipe
    python benchmarks/fashion_records.py --try       # all that was tried, half an hour, on those rows
    python benchmarks/fashion_records.py --publish   # docs/benchmarks/fashion.md, of the runs so far

Each record is the mean of five runs, a process and a seed each. A run is kept in docs/benchmarks/fashion.json, and its
predictions in bench/fashion; what is kept of the same recipe, seed and threads is not run again, unless with --again.
The ensembles are made of these five networks: each leaves out one, so they are far from independent.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

import numpy as np
from fashion_recipes import RECIPES, SIDE, TRIED, Recipe, changed, changes_of

from neural import atomic
from neural.datasets import fashion_mnist

ROOT = Path(__file__).resolve().parent.parent
PAGE, PREDICTIONS = ROOT / "docs" / "benchmarks" / "fashion.md", ROOT / "bench" / "fashion"
RUNS = PAGE.with_suffix(".json")
HELD_OUT = 10_000  # training rows, to choose by
THREADS = 2
MEMBERS = 4  # of an ensemble
GOALS = {  # seconds of a run, and the mean accuracy in %, on test rows
    "time": (10, 90.0),
    "network": (600, 91.0),
    "ensemble": (600, 91.5),
}

Run = dict[str, Any]  # record, recipe, seed, threads, validation; accuracy, mirrored, seconds, training; machine


# --- one run, in a process of its own ------------------------------------------------------------------------------
def age() -> float:
    """Return the seconds since this process was made; where Linux does not say, its seconds of computing."""
    try:
        started = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        return time.clock_gettime(time.CLOCK_BOOTTIME) - started / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError):
        return time.process_time()


def run(wanted: Run) -> dict[str, float]:
    """Train, predict rows that were not trained on, and return what came of it; keep the predictions."""
    X, y, X_new, y_new = fashion_mnist(progress=False)[:4]
    if wanted["validation"]:
        X, X_new, y, y_new = X[:-HELD_OUT], X[-HELD_OUT:], y[:-HELD_OUT], y[-HELD_OUT:]
    before = age()
    net = Recipe.of(wanted["recipe"]).trained(wanted["seed"], X, y, wanted["threads"])
    after = age()
    p = net.predict(X_new)
    found = {"accuracy": accuracy(p, y_new), "seconds": age(), "training": after - before}
    mirrored = net.predict(X_new.reshape(-1, SIDE, SIDE)[:, :, ::-1].reshape(len(X_new), -1))
    PREDICTIONS.mkdir(parents=True, exist_ok=True)
    np.save(predictions(wanted), [p, mirrored])
    return found | {"mirrored": accuracy(p + mirrored, y_new)}


def accuracy(p: np.ndarray, y: np.ndarray) -> float:
    """Return the accuracy in %."""
    return 100 * float(np.mean(p.argmax(axis=1) == y))


def predictions(asked: Run) -> Path:
    """Return the file of a run's predictions, named by all that they depend on."""
    known = json.dumps([asked[key] for key in ("recipe", "seed", "validation")], sort_keys=True)
    return PREDICTIONS / f"{hashlib.sha256(known.encode()).hexdigest()[:16]}.npy"


# --- all runs of a record --------------------------------------------------------------------------------------------
def measure(name: str, options: argparse.Namespace) -> list[Run]:
    """Return a record's runs, those made that are not there yet, each in a process."""
    if name == "ensemble":
        return [keep(each) for each in ensembles(measure("network", options))]
    recipe = changed(name, dict(options.changed))
    return [found(request(name, recipe, seed, options), options.again) for seed in range(options.runs)]


def try_all(options: argparse.Namespace) -> None:
    """Make a run on the validation rows of each recipe that was tried, if it is not there yet."""
    for name, list_of_changes in TRIED.items():
        for changes in list_of_changes:
            print(f"with {changes_of(name, changed(name, changes).plain()) or 'nothing changed'}: ", end="", flush=True)
            found(request(name, changed(name, changes), 0, options), options.again)


def request(name: str, recipe: Recipe, seed: int, options: argparse.Namespace) -> Run:
    """Return what a run is known by."""
    asked = {"record": name, "recipe": recipe.plain(), "seed": seed}
    return asked | {"threads": options.threads, "validation": options.validate}


def found(wanted: Run, again: bool) -> Run:
    """Return a run that is there, or make it."""
    there = [each for each in kept() if wanted == {key: each[key] for key in wanted}]
    if there and not again and predictions(wanted).exists():
        return told(there[-1])
    before = {"load": round(os.getloadavg()[0], 2), **surroundings()}
    environment = os.environ | {"OPENBLAS_NUM_THREADS": str(wanted["threads"])}
    command = [sys.executable, __file__, "--run", json.dumps(wanted)]
    answer = json.loads(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout)
    return keep(wanted | {key: round(value, 3) for key, value in answer.items()} | before)


def ensembles(runs: Sequence[Run]) -> list[Run]:
    """Return an ensemble that begins with each seed: the mean of its predictions, and its seconds together."""
    images = fashion_mnist(progress=False)
    y = images.y_train[-HELD_OUT:] if runs[0]["validation"] else images.y_test
    p = {each["seed"]: np.load(predictions(each)) for each in runs}
    return [together([runs[(first + k) % len(runs)] for k in range(MEMBERS)], p, y) for first in range(len(runs))]


def together(members: list[Run], p: dict[int, np.ndarray], y: np.ndarray) -> Run:
    """Return one ensemble as a run."""
    plain, mirrored = np.sum([p[each["seed"]] for each in members], axis=0)
    seconds = {key: round(sum(each[key] for each in members), 3) for key in ("seconds", "training")}
    both = {"accuracy": accuracy(plain, y), "mirrored": accuracy(plain + mirrored, y)}
    return members[0] | {"record": "ensemble", "seed": [each["seed"] for each in members]} | both | seconds


# --- what is kept, and said ------------------------------------------------------------------------------------------
def kept() -> list[Run]:
    """Return all runs so far."""
    return list(json.loads(RUNS.read_text(encoding="utf-8"))) if RUNS.exists() else []


def keep(done: Run) -> Run:
    """Append a run to the file, unless it is there."""
    if done not in (runs := kept()):
        lines = ",\n".join(json.dumps(each) for each in [*runs, done])
        atomic.write(RUNS, [f"[\n{lines}\n]\n".encode()])
    return told(done)


def told(done: Run) -> Run:
    """Say what a run came to, and return it."""
    print(f"{done['record']}, seed {done['seed']}: {done['accuracy']:.2f} % after {done['seconds']:.2f} s", flush=True)
    return done


def surroundings() -> dict[str, Any]:
    """Return date, machine and versions."""
    import page  # which imports more than a run is to wait for

    machine, versions = page.machine(), page.versions()
    names = ("python", "neural", "numpy")
    about = f"{machine['cpu']}, {machine['cores']} cores, {machine['ram_gib']} GiB, {machine['system']}"
    date = datetime.now(UTC).isoformat(timespec="minutes")
    return {"date": date, "machine": about, "versions": ", ".join(f"{name} {versions[name]}" for name in names)}


def summary(name: str, runs: Sequence[Run]) -> list[str]:
    """Return the cells of a record's row."""
    within, goal = GOALS[name]
    numbers = {key: [each[key] for each in runs] for key in ("accuracy", "mirrored", "seconds", "training")}
    spread = f"{stdev(numbers['accuracy']):.2f}" if len(runs) > 1 else ""
    met = "met" if mean(numbers["accuracy"]) >= goal and median(numbers["seconds"]) <= within else "NOT met"
    return [
        name,
        f"{mean(numbers['accuracy']):.2f}",
        spread,
        f"{min(numbers['accuracy']):.2f}–{max(numbers['accuracy']):.2f}",
        f"{mean(numbers['mirrored']):.2f}",
        f"{median(numbers['seconds']):.1f}",
        f"{min(numbers['seconds']):.1f}–{max(numbers['seconds']):.1f}",
        f"{median(numbers['training']):.1f}",
        str(len(runs)),
        "" if runs[0]["validation"] else f"{goal:g} % in {within:g} s: {met}",
    ]


def where(runs: Sequence[Run]) -> list[str]:
    """Return lines about the machines, versions and loads of runs."""
    about = sorted({f"{each['machine']}; {each['versions']}" for each in runs})
    return [f"- {each}" for each in [*about, f"Load before a run: {max(each['load'] for each in runs):g} at most"]]


def of_recipe(name: str, validation: bool) -> list[Run]:
    """Return the last kept run of each seed of a record as it is now, with all threads, in the order of the seeds."""
    recipe = RECIPES["network" if name == "ensemble" else name]  # whose networks it is made of
    wanted = {"record": name, "recipe": recipe.plain(), "threads": THREADS, "validation": validation}
    runs = [each for each in kept() if wanted == {key: each[key] for key in wanted}]
    return sorted({str(each["seed"]): each for each in runs}.values(), key=lambda each: str(each["seed"]))


def publish() -> None:
    """Write the page."""
    from results import markdown

    PAGE.write_text("\n".join(page_lines(markdown)).rstrip() + "\n", encoding="utf-8")


def page_lines(markdown: Any) -> list[str]:
    """Return the lines of the page."""
    lines = [PREFACE]
    for validation, rows in ((False, "the 10,000 test rows"), (True, "10,000 training rows, trained on the others")):
        found = {name: of_recipe(name, validation) for name in GOALS}
        if any(found.values()):
            table = markdown(HEAD, [summary(name, runs) for name, runs in found.items() if runs])
            lines += [f"**On {rows}**", "", *table]
            lines += [*where([each for runs in found.values() for each in runs]), ""]
    lines += ["**The recipes**", ""]
    lines += [f"- {name}: `{recipe}`" for name, recipe in RECIPES.items()]
    return [*lines, f"- ensemble: the mean of {MEMBERS} networks' predictions", "", *tried(markdown)]


def tried(markdown: Any) -> list[str]:
    """Return the lines about recipes that were not chosen, the best of each record first, and that which was."""
    rows = []
    for name in RECIPES:
        runs = [each for each in kept() if each["record"] == name and each["validation"] and each["seed"] == 0]
        last = {json.dumps(each["recipe"]): each for each in runs}.values()
        for each in sorted(last, key=lambda run: -run["accuracy"]):
            with_what = changes_of(name, each["recipe"])
            what = f"`--with {with_what}`" if with_what else "as chosen"
            rows.append([name, what, f"{each['accuracy']:.2f}", f"{each['mirrored']:.2f}"])
    if not rows:
        return []
    return ["**What was tried on the validation rows, seed 0**", "", *markdown(["", "", "%", "with mirrored %"], rows)]


PREFACE = """\
# Fashion-MNIST with dense layers

Written by `python benchmarks/fashion_records.py --publish` from [fashion.json](fashion.json), which has every run;
`python benchmarks/fashion_records.py time` (or `network`, or `ensemble`) makes them again: two threads, a process and a
seed for each. Seconds are from the start of the process until its predictions are scored, with the files on the disk;
of an ensemble, those of its networks together. "With mirrored" is the mean of the predictions for an image and its
mirror image; the other columns are without. The deviation is between runs; that of a proportion of 10,000 rows comes
on top of it, some 0.28. Ensembles share networks, so theirs says little. All choices were made on the validation rows
([what was tried](../experiments.md)).
"""
HEAD = ["", "mean %", "deviation", "min–max", "with mirrored %", "median s", "min–max", "in fit s", "runs", "goal"]


def change(text: str) -> tuple[str, Any]:
    """Return the field of a recipe that ``text`` names, and its value; what is no literal of Python is text."""
    name, _, value = text.partition("=")
    if name not in (field.name for field in fields(Recipe)):
        raise argparse.ArgumentTypeError(f"{text!r}: a recipe has {', '.join(field.name for field in fields(Recipe))}")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("record", nargs="?", choices=GOALS)
    parser.add_argument("--runs", type=int, default=5, help="seeds 0, 1, ...")
    parser.add_argument("--threads", type=int, default=THREADS)
    parser.add_argument("--validate", action="store_true", help="train on 50,000 rows, measure on the other 10,000")
    parser.add_argument("--again", action="store_true", help="run what was run before")
    parser.add_argument("--publish", action="store_true", help=f"write docs/benchmarks/{PAGE.name}")
    parser.add_argument("--with", dest="changed", nargs="+", type=change, default=[], help="NAME=VALUE of the recipe")
    parser.add_argument("--run", type=json.loads, help=argparse.SUPPRESS)  # one, in this process
    parser.add_argument("--try", dest="try_all", action="store_true", help="all recipes that were tried")
    options = parser.parse_args()
    if options.changed and not (options.validate and options.record in RECIPES):
        parser.error(f"--with is for {' and '.join(RECIPES)}, with --validate: test rows are not to choose by")
    if options.record == "ensemble" and options.runs < MEMBERS:
        parser.error(f"an ensemble is of {MEMBERS} networks: --runs {MEMBERS} or more")
    if options.run:
        print(json.dumps(run(options.run)))
    elif options.record:
        from results import markdown

        runs = measure(options.record, options)
        print(*markdown(HEAD, [summary(options.record, runs)]), sep="\n")
        print(*where(runs), sep="\n")
    elif options.try_all:
        options.validate = True
        try_all(options)
    elif not options.publish:
        parser.error("name a record, --try or --publish")
    if options.publish:
        publish()


if __name__ == "__main__":
    main()
