"""Fashion-MNIST with dense layers alone, on two cores: the least time to 90 %, the best network, the best ensemble.

    python benchmarks/fashion_records.py time        # 90.0 % in the fewest seconds, from the start of a process
    python benchmarks/fashion_records.py network     # the best of one network, trained for ten minutes at most
    python benchmarks/fashion_records.py ensemble    # the best of several of these, for ten minutes all together
    python benchmarks/fashion_records.py NAME --validate    # on the 10,000 training rows that the choices were made on
    python benchmarks/fashion_records.py network --validate --runs 1 --with epochs=30 dropout=0.2    # another recipe
    python benchmarks/fashion_records.py --publish   # docs/benchmarks/fashion.md, of the runs so far

Each record is the mean of five runs, a process and a seed each. A run is kept in docs/benchmarks/fashion.json, and its
predictions in bench/fashion; what is kept of the same recipe, seed and threads is not run again, unless with --again.
The ensembles are made of these five networks: each leaves out two neighbours, so they are not independent.
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
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

import numpy as np

import neural
from neural import (
    ActivationLayer,
    Augment,
    BatchNorm,
    CategoricalCrossentropy,
    DenseLayer,
    DropoutLayer,
    LayerNorm,
    NeuralNetwork,
    atomic,
)  # fmt: skip
from neural.datasets import fashion_mnist
from neural.optimizers import AdamW
from neural.schedules import OneCycle

ROOT = Path(__file__).resolve().parent.parent
PAGE, PREDICTIONS = ROOT / "docs" / "benchmarks" / "fashion.md", ROOT / "bench" / "fashion"
RUNS = PAGE.with_suffix(".json")
HELD_OUT, SIDE = 10_000, 28
THREADS = 2
MEMBERS = 3  # of an ensemble
GOALS = {  # seconds of a run, and the mean accuracy in %, on test rows
    "time": (10, 90.0),
    "network": (600, 91.0),
    "ensemble": (600, 91.5),
}

Run = dict[str, Any]  # record, recipe, seed, threads, validation; accuracy, mirrored, seconds, training; machine


@dataclass(frozen=True)
class Recipe:
    """What is trained, and how."""

    hidden: tuple[int, ...]
    epochs: int
    rate: float
    batch: int
    decay: float
    smoothing: float
    flip: bool = False
    shift: int = 0
    cutout: int = 0
    dropout: float = 0.0
    norm: str | None = "batch"

    def network(self, seed: int) -> NeuralNetwork:
        """Return it before training: hidden layers, each normalized, which has biases of its own, then ReLU."""
        layers: list[neural.Layer] = []
        for n_in, n_out in zip((SIDE**2, *self.hidden), self.hidden, strict=False):
            normalized = [] if self.norm is None else [{"batch": BatchNorm, "layer": LayerNorm}[self.norm]()]
            layers += [DenseLayer(n_in, n_out, bias=self.norm is None), *normalized, ActivationLayer("relu")]
            layers += [DropoutLayer(self.dropout)] if self.dropout else []
        layers += [DenseLayer(self.hidden[-1], 10, "softmax")]
        loss = CategoricalCrossentropy(label_smoothing=self.smoothing)
        return NeuralNetwork(layers, loss, input_scale=1 / 255, random_state=seed)

    def trained(self, seed: int, X: np.ndarray, y: np.ndarray, threads: int) -> NeuralNetwork:
        """Return it after training."""
        augment = Augment((SIDE, SIDE), flip=self.flip, shift=self.shift, cutout=self.cutout)
        net = self.network(seed)
        net.fit(
            X, y, self.epochs, self.rate, self.batch, optimizer=AdamW(weight_decay=self.decay), schedule=OneCycle(),
            augment=augment if self.flip or self.shift or self.cutout else None, n_threads=threads, verbose=0,
        )  # fmt: skip
        return net


# What else was tried is in docs/experiments.md.
RECIPES = {
    "time": Recipe((256, 256), epochs=10, rate=0.003, batch=256, decay=0.1, smoothing=0.05),
    "network": Recipe((512, 512), epochs=30, rate=0.003, batch=256, decay=0.1, smoothing=0.1, flip=True, shift=1),
}


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
    net = Recipe(**wanted["recipe"]).trained(wanted["seed"], X, y, wanted["threads"])
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
    recipe = plain(replace(RECIPES[name], **dict(options.changed)))
    wanted = {"record": name, "recipe": recipe, "threads": options.threads, "validation": options.validate}
    return [found(wanted | {"seed": seed}, options.again) for seed in range(options.runs)]


def found(wanted: Run, again: bool) -> Run:
    """Return a run that is there, or make it."""
    there = [each for each in kept() if wanted == {key: each[key] for key in wanted}]
    if there and not again and predictions(wanted).exists():
        return there[-1]
    before = {"load": round(os.getloadavg()[0], 2), **surroundings()}
    environment = os.environ | {"OPENBLAS_NUM_THREADS": str(wanted["threads"])}
    command = [sys.executable, __file__, "--run", json.dumps(wanted)]
    answer = json.loads(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout)
    return keep(wanted | {key: round(value, 3) for key, value in answer.items()} | before)


def ensembles(runs: Sequence[Run]) -> list[Run]:
    """Return the ensembles of neighbouring seeds: the mean of their predictions, and their seconds together."""
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
    """Append a run to the file, unless it is there; say what it came to, and return it."""
    print(f"{done['record']}, seed {done['seed']}: {done['accuracy']:.2f} % after {done['seconds']:.2f} s", flush=True)
    if done not in (runs := kept()):
        lines = ",\n".join(json.dumps(each) for each in [*runs, done])
        atomic.write(RUNS, [f"[\n{lines}\n]\n".encode()])
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


def of_recipe(name: str, validation: bool) -> list[Run]:
    """Return the last kept run of each seed of a record as it is now, with all threads, in the order of the seeds."""
    wanted = {"record": name, "recipe": plain(recipe_of(name)), "threads": THREADS, "validation": validation}
    runs = [each for each in kept() if wanted == {key: each[key] for key in wanted}]
    return sorted({str(each["seed"]): each for each in runs}.values(), key=lambda each: str(each["seed"]))


def recipe_of(name: str) -> Recipe:
    """Return what a record's networks are trained by; an ensemble's are those of the record of one."""
    return RECIPES["network" if name == "ensemble" else name]


def plain(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe as JSON gives it back."""
    return dict(json.loads(json.dumps(asdict(recipe))))


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
            about = {f"{r['machine']}; {r['versions']}" for runs in found.values() for r in runs}
            load = max(r["load"] for runs in found.values() for r in runs)
            lines += [f"- {each}" for each in sorted(about)] + [f"- Load before a run: {load:g} at most", ""]
    lines += ["**The recipes**", ""]
    lines += [f"- {name}: `{recipe}`" for name, recipe in RECIPES.items()]
    return [*lines, f"- ensemble: the mean of {MEMBERS} networks' predictions"]


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
    parser.add_argument("--publish", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    parser.add_argument("--with", dest="changed", nargs="+", type=change, default=[], help="NAME=VALUE of the recipe")
    parser.add_argument("--run", type=json.loads, help=argparse.SUPPRESS)  # one, in this process
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
        print(*dict.fromkeys(f"{each['machine']}; {each['versions']}; load {each['load']}" for each in runs), sep="\n")
    elif not options.publish:
        parser.error("name a record, or --publish")
    if options.publish:
        publish()


if __name__ == "__main__":
    main()
