"""The report of ``neural demo``: a page, its pictures, the weights, and all numbers as JSON; from the results alone."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import neural
from neural import atomic, canvas, figures, findings
from neural.datasets import ImageData
from neural.errors import sentence
from neural.experiments import (
    CHECKS,
    DOCUMENT,
    DOCUMENT_TEST_ROWS,
    FIRST_ROWS,
    MEASURES,
    SETTINGS,
    Checked,
    Collector,
    Experiment,
    Results,
    Run,
    middle,
    typical,
)
from neural.page import Block, Bullets, Fold, Heading, Picture, Table, Text, to_html, to_markdown
from neural.record import as_json, describe_data, describe_machine
from neural.significance import wilson_interval
from neural.speed import Speed

TITLE = "Fashion-MNIST and moons, trained with neural"
PAGE = "index.html"  # moved to its place last: whoever sees it, sees all it belongs to
Pictures = dict[str, list[Picture]]  # by part: see figures.Drawing


# Writing --------------------------------------------------------------------------------------------------------------


def prepare(out: str | os.PathLike[str]) -> Path:
    """Return the folder of the report, made if need be; an error now is better than one after the training.

    Raises OSError if ``out`` is a file or cannot be written to, ImportError without matplotlib.
    """
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(sentence("out", "a folder, or a name that is not taken", str(out)))
    folder.mkdir(parents=True, exist_ok=True)
    atomic.check_folder(folder)
    with canvas.style():
        return folder


def write(results: Results, images: ImageData, out: str | os.PathLike[str], speeds: Sequence[Speed] = ()) -> Path:
    """Write the report into the folder ``out`` and return the path of its page.

    index.html (all in one file), report.md, results.json, the pictures, and weights/ with a file for each network. All
    is written elsewhere first and then moved: a crash on the way leaves an old report as it was.
    """
    folder = prepare(out)
    with atomic.together(folder, last=PAGE) as scratch:
        pictures = _write_pictures(results, images, scratch)
        _write_weights(results, scratch / "weights")
        machine = describe_machine()
        blocks = list(compose(results, images, pictures, machine, speeds))
        numbers = json.dumps(as_json(results, images, machine, speeds), indent=1)
        (scratch / "results.json").write_text(numbers, encoding="utf-8")
        (scratch / "report.md").write_text(to_markdown(TITLE, subtitle(results), blocks), encoding="utf-8")
        (scratch / PAGE).write_text(to_html(TITLE, subtitle(results), blocks, scratch), encoding="utf-8")
    return folder / PAGE


def _write_pictures(results: Results, images: ImageData, folder: Path) -> Pictures:
    pictures: Pictures = {}
    for drawing in figures.draw(results, images):
        figures.save(drawing.figure, folder / drawing.picture.file)
        pictures.setdefault(drawing.part, []).append(drawing.picture)
    return pictures


def _write_weights(results: Results, folder: Path) -> None:
    """Write W and b of each layer as weights1, biases1, ... of a NumPy file for each network, of its middle start."""
    folder.mkdir()
    for name in results.runs:
        net = results.middle(name).net
        arrays: dict[str, Any] = {f"weights{k}": weights for k, weights in enumerate(net.weights, 1)}
        arrays |= {f"biases{k}": biases for k, biases in enumerate(net.biases, 1)}
        np.savez(folder / f"{name}.npz", **arrays)


# The page -------------------------------------------------------------------------------------------------------------


def subtitle(results: Results) -> str:
    """Return when, how long, and from which seed."""
    kind = "A quick run" if results.quick else "A full run"
    took = f"{results.seconds / 60:.0f} minutes" if results.seconds >= 120 else f"{results.seconds:.0f} seconds"
    return f"{kind} of {results.started}, {took} in all, seed {results.seed}, neural {neural.__version__}."


def compose(
    results: Results, images: ImageData, pictures: Pictures, machine: dict[str, Any], speeds: Sequence[Speed] = ()
) -> Iterator[Block]:
    """Yield the blocks of the page."""
    yield Text(
        "The package grew from the solution of a course assignment, called the document here. This page repeats its "
        "experiments. Every number comes from this run, except those marked as the document's. All networks are "
        "trained by plain gradient descent (sgd) on mini-batches. Where one was trained from several starts, that is "
        "from several seeds, the page shows the start with the median test accuracy; results.json has them all."
    )
    if results.quick:
        yield Text(_quick_note(results), mark=True)
    yield from _in_short(results, speeds)
    yield from _beside_document(results)
    yield from _conclusions(results)
    yield from _data(images, pictures)
    yield from _networks(results, pictures)
    yield from _pictures(results, pictures)
    yield from _moons(results, pictures)
    yield from _package(results, pictures)
    if speeds:
        yield from _speed(speeds, results, machine)
    yield from _how(results, machine)


def _quick_note(results: Results) -> str:
    most = [e for e in results.table if e.data == "fashion"]
    rows, epochs = max(e.rows or 0 for e in most), max(e.epochs for e in most)
    return (
        f"This is a quick run: {rows:,} training rows at most and {epochs} epochs in place of all rows and 500, and "
        "fewer starts; networks that this makes the same are trained once. It shows that every part works; costs are "
        "higher and accuracies lower than in the full run, and they say nothing of the document's figures. The full "
        "run is make demo, or neural demo without --quick."
    )


def _in_short(results: Results, speeds: Sequence[Speed]) -> Iterator[Block]:
    yield Heading("In short")
    lines = [findings.accuracy(results.runs[name]) for name in OPEN if name in results.runs]
    for setting, question in findings.QUESTIONS.items():
        if verdict := findings.verdict(setting, results):
            lines.append(f"{question} {verdict}")
    lines += findings.moons_short(results)
    lines.append(f"The document's own test accuracies of sigmoid and ReLU: {findings.document_verdict()}")
    if speeds:
        lines.append(findings.speed_verdict(speeds))
    if results.checks:
        passed = sum(each.passed for each in results.checks)
        lines.append(f"{passed} of the {len(results.checks)} checks of the full run passed.")
    yield Bullets(lines)


def _beside_document(results: Results) -> Iterator[Block]:
    yield Heading("The document's figures beside ours")
    yield Text(
        "Costs are cross-entropies without penalty, means over an epoch. The document's l2 had no effect and its rows "
        "were most likely 10,000, so the networks to hold against it are those with 10,000 rows and no "
        "penalty; those with l2 and all rows are what it set out to do. Where there were several starts, costs are "
        "their medians and accuracies those of the start in the middle."
    )
    head = ["Network", "Rows", "First cost", "Last cost", "Training accuracy", "Test accuracy", "95 % interval",
            "Test rows"]  # fmt: skip
    rows = [row for name in DOCUMENT for row in _document_rows(name, results)]
    yield Table("The document and this run; ? marks what is inferred", head, rows)
    near = findings.reproduction(results)
    if near:
        yield Bullets(near)
    yield Heading("What the document's test accuracies can carry", 3)
    yield Bullets(findings.document_test())


def _document_rows(name: str, results: Results) -> Iterator[list[str]]:
    row, n = DOCUMENT[name], DOCUMENT_TEST_ROWS
    rows = "500" if name == "moons" else f"{FIRST_ROWS:,}?"
    last = f"{row.last_cost:.4f}" + (f" (epoch {row.epoch})" if row.epoch else "")
    test = ["–", "–", "–"]
    if row.test_accuracy is not None:
        span = findings.interval(*wilson_interval(round(row.test_accuracy * n), n))
        test = [f"{row.test_accuracy:.4f}", f"{span}?", f"{n}?"]
    yield [f"Document: {row.title}", rows, f"{row.first_cost:.3f}", last, f"{row.train_accuracy:.4f}", *test]
    for runs in results.runs.values():
        if runs[0].experiment.document == name:
            cost = median(run.cost(row.epoch) for run in runs)
            train, test_score = middle(runs).train, middle(runs).test
            yield [
                _ours(runs[0].experiment), f"{train.rows:,}", f"{typical(runs, 'first cost'):.3f}", f"{cost:.4f}",
                f"{train.accuracy:.4f}", f"{test_score.accuracy:.4f}",
                findings.interval(test_score.low, test_score.high), f"{test_score.rows:,}",
            ]  # fmt: skip


def _ours(experiment: Experiment) -> str:
    many = f", median of {experiment.starts} starts" if experiment.starts > 1 else ""
    penalty = f", l2 = {experiment.l2:g}" if experiment.l2 else ""
    return f"Ours: {experiment.title}{penalty}{many}"


def _conclusions(results: Results) -> Iterator[Block]:
    yield Heading("What can and cannot be concluded")
    yield Text(
        f"Two networks are compared on the same test rows with McNemar's exact test, in which only the rows count "
        f"that one of them alone has right. A difference counts as shown if p is below {findings.level(results):.2g} "
        f"({findings.LEVEL} shared among {len(results.comparisons)} comparisons) and if it is more than the seed's "
        "doing: the same way round in every start or, where one of the two has only one, more than the "
        "widest range that the starts of one network with the activation of either have on this page."
    )
    for setting, question in findings.QUESTIONS.items():
        found = findings.compared(setting, results)
        if not found:
            continue
        yield Heading(question, 3)
        if setting == "l2":
            yield Text("In the document l2 changed neither the gradient nor the cost, so it could do nothing.")
        yield Text(findings.verdict(setting, results), strong=True)
        yield Bullets([findings.meaning(each, results) for each in found])
        rows = [findings.comparison_row(each, results) for each in found]
        yield Table(
            f"The numbers. Of two in one cell the first is with {findings.sides(found[0], results)[0]}; over-fit is "
            "training less test accuracy.",
            findings.comparison_head(setting, results),
            rows,
        )
    yield Heading("What one seed cannot show", 3)
    yield _starts_table(results)
    yield Bullets(findings.limits(results))


def _starts_table(results: Results) -> Table:
    rows = []
    for runs in results.runs.values():
        if len(runs) > 1:
            cells = [_span([MEASURES[name](run) for run in runs]) for name in ("last cost", "test accuracy")]
            rows.append([runs[0].experiment.title, str(len(runs)), *cells])
    head = ["Network", "Starts", "Last cost: least, median, most", "Test accuracy: least, median, most"]
    return Table("The same network from starts that differ in the seed alone", head, rows)


def _span(values: Sequence[float]) -> str:
    return f"{min(values):.4f}, {median(values):.4f}, {max(values):.4f}"


def _data(images: ImageData, pictures: Pictures) -> Iterator[Block]:
    facts = describe_data(images)
    low, high = facts["range"]
    height, width = images.image_shape
    yield Heading("The data")
    yield Text(
        f"Fashion-MNIST: {len(images.X_train):,} training and {len(images.X_test):,} test images of {height} by "
        f"{width} grey values as {facts['dtype']} from {low} to {high}, mean {facts['mean']:.1f}; X_train is "
        f"{tuple(facts['X_train'])}. The networks see them divided by 255. "
        f"{_class_sizes(facts)}"
    )
    yield from pictures["data"]


def _class_sizes(facts: dict[str, Any]) -> str:
    kinds = ("training", facts["train_counts"]), ("test", facts["test_counts"])
    sizes = [f"{min(counts):,}" + (f" to {max(counts):,}" if len(set(counts)) > 1 else "") for _, counts in kinds]
    each = " and ".join(f"{size} {kind} images" for size, (kind, _) in zip(sizes, kinds, strict=True))
    return f"Each of the {len(facts['classes'])} classes has {each}."


def _networks(results: Results, pictures: Pictures) -> Iterator[Block]:
    yield Heading("The networks, costs and accuracies")
    middles = [results.middle(e.name) for e in results.table]
    yield Text(
        "Each row is one trained network, of several starts the middle one; its weights are in the folder weights. "
        "Costs and accuracies of the first table are those of the final weights, on the training rows and on the test "
        "rows; those of the second are means over an epoch, while the weights change."
    )
    yield Table(
        "Accuracies, and costs without penalty",
        [
            "Network",
            "Rows",
            "Training accuracy",
            "Test accuracy",
            "95 % interval",
            "Training cost",
            "Test cost",
            "Seconds",
        ],
        [_accuracy_row(run) for run in middles],
    )
    yield Table(
        "Costs: J is the cross-entropy and the penalty together",
        ["Network", "First J", "cross-entropy", "penalty", "Last J", "cross-entropy", "penalty"],
        [_cost_row(run) for run in middles],
    )
    yield from pictures.get("costs", [])


def _accuracy_row(run: Run) -> list[str]:
    return [
        run.experiment.title, f"{run.train.rows:,}", f"{run.train.accuracy:.4f}", f"{run.test.accuracy:.4f}",
        findings.interval(run.test.low, run.test.high), f"{run.train.cost:.4f}", f"{run.test.cost:.4f}",
        f"{run.seconds:.1f}",
    ]  # fmt: skip


def _cost_row(run: Run) -> list[str]:
    ends = [f"{run.history[name][k]:.4f}" for k in (0, -1) for name in ("loss", "data_loss", "penalty")]
    return [run.experiment.title, *ends]


def _pictures(results: Results, pictures: Pictures) -> Iterator[Block]:
    yield Heading("What the networks see and say")
    for experiment in results.table:
        found = [p for p in pictures.get(experiment.name, []) if experiment.data == "fashion" and p.file != METRICS]
        if found and experiment.name in OPEN:
            yield Heading(experiment.title, 3)
            yield from found
        elif found:
            yield Fold(f"{experiment.title}: predictions, confusion matrix, worst mistakes, weights", found)


METRICS = figures.file_name("metrics")
OPEN = ("sigmoid", "relu")  # the networks whose pictures are shown at once


def _moons(results: Results, pictures: Pictures) -> Iterator[Block]:
    yield Heading("Moons")
    yield Text(
        "Two interleaved half circles with noise; the network gets x1, x2, their squares and their product. It is "
        "trained on all points, as in the document, and tried on fresh ones."
    )
    yield Bullets(findings.moons(results))
    yield from pictures.get("moons", [])


def _package(results: Results, pictures: Pictures) -> Iterator[Block]:
    for name in results.runs:
        run = results.middle(name)
        if run.experiment.collect:
            yield Heading("The package's own example")
            yield Text(
                f"{findings.layers(run)}, learning rate {run.experiment.learning_rate:g}, {run.train.rows:,} rows: a "
                "callback gathers precision, accuracy, recall and F1 (means over the classes) of all training rows "
                "after each epoch."
            )
            rows = [
                [figures.METRIC_TITLES[key], *(f"{run.history[key][k]:.4f}" for k in (0, -1))]
                for key in Collector.FUNCTIONS
            ]
            yield Table("Metrics of the training rows", ["Metric", "First epoch", "Last epoch"], rows)
            yield from [picture for picture in pictures[name] if picture.file == METRICS]


def _speed(speeds: Sequence[Speed], results: Results, machine: dict[str, Any]) -> Iterator[Block]:
    yield Heading("How fast it trains")
    yield Text(
        "The course's algorithm is the document's way of training: layer objects that remember their inputs, samples "
        "in columns, float64, plain NumPy steps (course.py in the package). fit is the call that trains all networks "
        "of this page. Both were timed in turn, before the training, from the same start with the same rows in the "
        "same order, at the settings below but without the penalty, which did nothing in the document. The course's "
        "algorithm had its data in float64 and divided by 255 before the clock started, and as many BLAS threads as "
        f"suited it best. Processor: {machine.get('processor', 'unknown')}, cores {machine.get('cores', 'unknown')}."
    )
    yield Table(
        f"Seconds an epoch, medians of {len(speeds[0].ours)} turns",
        ["Network", "Rows", "Course's algorithm", "fit", "Times as fast", "Least and most of a turn"],
        [_times_row(each) for each in speeds],
    )
    yield Table(
        "What both ran on, and the cost to which they came",
        ["Network", "Course's: BLAS threads", "cost", "fit: engine", "threads at most", "cost"],
        [_ran_row(each) for each in speeds],
    )
    yield Text(findings.speed_verdict(speeds), strong=True)
    yield Bullets(findings.speed_notes(speeds, results))


def _times_row(each: Speed) -> list[str]:
    return [
        each.experiment.title, f"{each.rows:,}", f"{each.course_seconds:.3g}", f"{each.our_seconds:.3g}",
        findings.times(each.ratio), f"{findings.times(min(each.ratios))}, {findings.times(max(each.ratios))}",
    ]  # fmt: skip


def _ran_row(each: Speed) -> list[str]:
    course_threads, threads = (str(n or "not known") for n in (each.course_threads, each.threads))
    return [
        each.experiment.title, course_threads, f"{each.course_cost:.5f}", each.engine, threads, f"{each.cost:.5f}",
    ]  # fmt: skip


def _how(results: Results, machine: dict[str, Any]) -> Iterator[Block]:
    yield Heading("How it was run")
    for data, name in DATA_NAMES.items():
        yield from _settings(name, [e for e in results.table if e.data == data])
    yield Text(
        "The optimizer sgd is plain gradient descent: weights less learning rate times gradient, batch by batch. init "
        "and bias init say how weights and biases start: random is even from -1 to 1, as in the document; auto is the "
        "package's choice, He under ReLU and Xavier elsewhere; zeros is 0."
    )
    if results.checks:
        head = ["Check, of the median over the starts", "Value", "Outcome"]
        yield Table("Checks of the full run", head, [_check_row(each, results) for each in results.checks])
    else:
        yield Text(f"The {len(CHECKS)} checks of the full run do not apply to a quick one.")
    yield Text("; ".join(f"{name} {value}" for name, value in machine.items()) + ".")
    threads = "was held to one thread" if results.one_thread else "used as many threads as it liked (no threadpoolctl)"
    yield Text(
        f"Starts have the seeds {results.seed}, {results.seed + 1} and so on. BLAS {threads}. results.json holds every "
        "number, with the history of each epoch; report.md is this page with the pictures as files."
    )


DATA_NAMES = {"fashion": "Fashion-MNIST", "moons": "Moons"}


def _settings(name: str, group: Sequence[Experiment]) -> Iterator[Block]:
    """Yield what all these networks have in common as a sentence, and the rest as a table."""
    values = {setting: [_setting(e, setting) for e in group] for setting in (*SETTINGS[1:], "starts")}
    common = [f"{setting.replace('_', ' ')} {row[0]}" for setting, row in values.items() if len(set(row)) == 1]
    if common:
        yield Text(f"{name}: {', '.join(common)}.")
    varied = {setting: row for setting, row in values.items() if len(set(row)) > 1}
    if varied:
        head = ["Network", *(setting.replace("_", " ") for setting in varied)]
        rows = [[e.title, *cells] for e, *cells in zip(group, *varied.values(), strict=True)]
        yield Table(f"Settings, {name}", head, rows)


def _setting(experiment: Experiment, name: str) -> str:
    value = getattr(experiment, name)
    if name == "hidden":
        return "-".join(map(str, value))
    if name == "rows":
        return f"{value:,}" if value else "all"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _check_row(each: Checked, results: Results) -> list[str]:
    check = each.check
    bounds = [f"at least {check.low:.4g}"] if check.low is not None else []
    bounds += [f"at most {check.high:.4g}"] if check.high is not None else []
    title = results.middle(check.run).experiment.title
    what = f"{title}: {check.measure} {' and '.join(bounds)}"
    theirs = DOCUMENT[results.middle(check.run).experiment.document].last_cost
    what += f" (within 15 % of the document's {theirs:.4f})" if len(bounds) == 2 else ""
    return [what, f"{each.value:.4f}", "passed" if each.passed else "failed"]
