"""What benchmarks/tabular.py has found, as files: results of each model, the page in docs/benchmarks and its chart."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

import page as speed_page
import tabular_scores as scores
from results import markdown, number
from tabular_models import MODELS

NAME = "tabular"
REFERENCE = "lightgbm"
HEAD = """\
# Tables: errors beside those of other models

This page, its chart and [{name}.json]({name}.json), which has every single result, are written by
`python benchmarks/tabular.py --publish`, nothing by hand. The sets, the models and what makes it fair are in
[benchmarks/README.md](../../benchmarks/README.md).

![Errors by set and model]({name}.svg)
"""
NOTE = """\
The error is 1 - accuracy, or the root mean squared error over the standard deviation of the target; of a set it is the
mean over the splits. `mean rank`: 1 is the best. `error`: exp(mean(log(error + {shift}))) - {shift} over the sets.
`against LightGBM`: on how many sets it has less, the same and more error. `worst`: the greatest ratio of the errors,
each + {shift}, to the best other model that is not of this package. Log loss and calibration error (ECE, {bins} bins):
means over the sets of classes. Seconds of the processor: medians over the sets of medians over the splits.
"""

Results = dict[str, dict[str, Any]]  # of each model what tabular.py keeps


# --- files ---------------------------------------------------------------------------------------------------------
def read(folder: Path) -> Results:
    """Return what is in the folder, in the order of MODELS."""
    files = {name: folder / f"{name}.json" for name in MODELS}
    return {name: json.loads(file.read_text(encoding="utf-8")) for name, file in files.items() if file.is_file()}


def publish(results: Results, folder: Path = speed_page.PUBLISHED) -> Path:
    """Write the page, its chart and its results; return the page's path. ImportError without matplotlib."""
    import tabular_chart

    tabular_chart.draw(errors(results, list(results)), full(results), folder / f"{NAME}.svg")
    (folder / f"{NAME}.json").write_text(dumped(results), encoding="utf-8")
    (folder / f"{NAME}.md").write_text(page(results), encoding="utf-8")
    return folder / f"{NAME}.md"


def dumped(found: Any) -> str:
    """Return JSON with one result on a line, numbers to six digits."""
    text = json.dumps(_rounded(found), indent=1)
    return re.sub(r"\{([^][{}]*)\}", lambda inner: "{" + " ".join(inner[1].split()) + "}", text) + "\n"


def _rounded(found: Any) -> Any:
    if isinstance(found, dict):
        return {name: _rounded(value) for name, value in found.items()}
    if isinstance(found, list):
        return [_rounded(value) for value in found]
    return float(f"{found:.6g}") if isinstance(found, float) else found


def version(package: str) -> str:
    """Return the version of a package; of this one with the commit."""
    if package == "neural-dense":
        return speed_page.versions()["neural"]
    return metadata.version(package)


# --- what is compared ----------------------------------------------------------------------------------------------
def splits(results: Results, models: Iterable[str]) -> dict[str, list[int]]:
    """Return of each set the splits on which all of the models have been, if there are any."""
    models = list(models)
    names = results[models[0]]["sets"] if models else {}
    there = {
        name: set.intersection(*({r["split"] for r in results[model]["sets"].get(name, [])} for model in models))
        for name in names
    }
    return {name: sorted(numbers) for name, numbers in there.items() if numbers}


def full(results: Results) -> list[str]:
    """Return the models that have been on every split on which any has been."""
    been = {model: _pairs(found) for model, found in results.items()}
    every = set().union(*been.values())
    return [model for model, pairs in been.items() if pairs == every]


def _pairs(found: dict[str, Any]) -> set[tuple[str, int]]:
    return {(name, record["split"]) for name, records in found["sets"].items() for record in records}


def values(results: Results, model: str, name: str, what: str, of: list[int] | None = None) -> list[float]:
    """Return a number of a model on the splits of a set, or on some; empty where it has none."""
    records = results[model]["sets"].get(name, [])
    return [r[what] for r in records if what in r and (of is None or r["split"] in of)]


def errors(results: Results, models: list[str], of: dict[str, list[int]] | None = None) -> dict[str, dict[str, float]]:
    """Return the mean error of each set and model over the splits of ``of``; over its own if that is None."""
    names = list(of if of is not None else dict.fromkeys(name for found in results.values() for name in found["sets"]))
    found = {
        name: {m: values(results, m, name, "error", None if of is None else of[name]) for m in models} for name in names
    }
    return {name: {m: mean(each) for m, each in row.items() if each} for name, row in found.items()}


# --- words ---------------------------------------------------------------------------------------------------------
def told(record: dict[str, Any]) -> str:
    """Return one result in words."""
    return ", ".join(f"{what} {number(value, 4)}" for what, value in record.items() if isinstance(value, float))


def page(results: Results) -> str:
    """Return the text of the page."""
    whole = full(results)
    partly = [model for model in results if model not in whole]
    note = NOTE.format(shift=scores.SHIFT, bins=scores.BINS)
    lines = [HEAD.format(name=NAME), *machines(results), "", note, "## All sets", "", *summary(results, whole)]
    for model in partly:
        lines += [f"## Where {results[model]['title']} has been", "", *summary(results, [*whole, model])]
    return "\n".join([*lines, *by_set(results), *participants(results)]).rstrip() + "\n"


def machines(results: Results) -> list[str]:
    """Return a line for each machine, with the models that were measured there and when the last of them was."""
    seen: dict[str, list[str]] = {}
    for found in results.values():
        m = found["machine"]
        what = (
            f"{m['cpu']}, {m['cores']} cores, {m['ram_gib']} GiB, {m['system']}; {found['threads']} thread(s) a model"
        )
        seen.setdefault(what, []).append(f"{found['title']} ({found['date'][:10]}, load {m['load']:.1f})")
    return [f"- {what}: {', '.join(models)}" for what, models in seen.items()]


def summary(results: Results, models: list[str]) -> list[str]:
    """Return the table over all sets, for models on the splits on which all of them have been."""
    of = splits(results, models)
    if not of:
        return ["There is no split on which all of them have been.", ""]
    table = errors(results, models, of)
    baselines = [model for model in models if MODELS[model].baseline]
    rank = scores.mean_ranks(table)
    rows = [_row(results, model, table, rank, baselines, of) for model in sorted(models, key=lambda m: rank[m])]
    head = ["", "mean rank", "error", "against LightGBM", "worst", "log loss", "ECE", "fit s", "predict s"]
    where = f"Over {sum(map(len, of.values()))} splits of {len(of)} sets, on which all of these have been."
    return [where, "", *markdown(head, rows)]


def _row(
    results: Results, model: str, table: scores.Errors, rank: dict[str, float], baselines: list[str], of: Any
) -> list[str]:
    def over_sets(what: str, inner: Any, outer: Any) -> str:
        found = [inner(each) for name, few in of.items() if (each := values(results, model, name, what, few))]
        return number(outer(found), 3) if found else ""

    against = scores.against(table, model, REFERENCE)
    worst = scores.worst(table, model, baselines)
    return [
        results[model]["title"],
        f"{rank[model]:.2f}",
        f"{scores.shifted_geometric_mean([row[model] for row in table.values()]):.4f}",
        "" if model == REFERENCE or REFERENCE not in rank else "–".join(map(str, against.values())),
        f"{worst[0]:.2f} ({worst[1]})" if worst else "",
        over_sets("logloss", mean, mean),
        over_sets("ece", mean, mean),
        over_sets("fit", median, median),
        over_sets("predict", median, median),
    ]


def compared(results: Results, moved: Results) -> list[str]:
    """Return a table for each model of its errors, and of those on the same splits with columns in other units."""
    lines = []
    for model in (name for name in results if name in moved):
        rows, names = [], [name for name in results[model]["sets"] if moved[model]["sets"].get(name)]
        for name in names:
            shared = splits({"plain": results[model], "moved": moved[model]}, ["plain", "moved"])[name]
            before, after = (values(found, model, name, "error", shared) for found in (results, moved))
            grown = scores.in_standard_errors(before, after)
            rows.append([name, str(len(shared)), _mean_and_spread(before), _mean_and_spread(after), f"{grown:+.2f}"])
        head = ["", "splits", "error", "in other units", "difference in standard errors"]
        lines += [f"## {results[model]['title']}: columns multiplied and shifted", "", *markdown(head, rows), ""]
    return lines


def by_set(results: Results) -> list[str]:
    """Return the tables with a row for each set: errors, log losses and seconds of each model on all of its splits."""
    names = list(dict.fromkeys(name for found in results.values() for name in found["sets"]))
    parts = {
        "Errors: mean ± standard deviation over the splits": ("error", _mean_and_spread),
        "Log loss: mean ± standard deviation": ("logloss", _mean_and_spread),
        "Seconds of the processor to fit: median, least to greatest": ("fit", _median_and_range),
        "Seconds of the processor to predict a quarter of the rows: median, least to greatest": (
            "predict",
            _median_and_range,
        ),
    }
    lines = []
    for title, (what, shown) in parts.items():
        cells = [[name, *(shown(values(results, model, name, what)) for model in results)] for name in names]
        rows = [row for row in cells if any(row[1:])]
        lines += [f"## {title}", "", *markdown(["", *results], rows)]
    return lines


def _mean_and_spread(each: list[float]) -> str:
    if not each:
        return ""
    return f"{mean(each):.4f} ± {stdev(each):.4f}" if len(each) > 1 else f"{mean(each):.4f}, one split"


def _median_and_range(each: list[float]) -> str:
    return f"{number(median(each), 2)}, {number(min(each), 2)}–{number(max(each), 2)}" if each else ""


def participants(results: Results) -> list[str]:
    """Return the table of the models: their package's versions, and what becomes of categories."""
    rows = []
    for model, found in results.items():
        by = sorted({record["version"] for records in found["sets"].values() for record in records})
        package = MODELS[model].package if model in MODELS else ""
        rows.append([f"`{model}`", found["title"], f"{package} {', '.join(by)}", found["categories"]])
    return ["## The models", "", *markdown(["", "", "measured with", "categories and missing values"], rows)]
