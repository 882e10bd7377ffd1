"""neural train: what it writes, and that it repeats itself."""

import csv
import io
import json
import sys
import tomllib

import numpy as np
import pytest

import neural
from neural import cli
from neural.cli import report, train
from neural.cli.fitting import divide
from neural.cli.recipe import Recipe
from tests.tables_of_files import flowers, write_csv

pytestmark = pytest.mark.usefixtures("here")
FILES = {"model.neural", "history.csv", "report.html", "run.toml"}


def rows_of(path):
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


def run(line, code=0):
    assert cli.main(line.split()) == code


def test_a_table_becomes_a_model_that_knows_it(folder, capsys):
    run("train flowers.csv --target species --out whole")
    said = capsys.readouterr().out
    for words in (
        "species  target    classes: text with 3",
        "id       left out  numbers the rows",
        "colour   category",
    ):
        assert words in said
    assert {path.name for path in (folder / "whole").iterdir()} == FILES
    net = neural.load("whole/model.neural")
    assert net.classes_.tolist() == ["daisy", "iris", "poppy"]
    assert [column.name for column in net.columns_.columns] == ["length", "width", "colour"]
    run("evaluate whole flowers.csv --at-least accuracy=0.9")


def test_values_are_learned_in_their_own_units(folder):
    net = neural.load("values/model.neural")
    table = rows_of(folder / "houses.csv")
    X = np.array([[float(row["rooms"]), float(row["noise"])] for row in table])
    price = np.array([float(row["price"]) for row in table])
    assert np.abs(net.predict(X)[:, 0] - price).mean() < 20 < price.std()


def test_a_run_repeats_itself_to_the_last_bit(folder):
    first = {name: (folder / "run" / name).read_bytes() for name in FILES}
    run("train run/run.toml -q --out again")
    assert {name: (folder / "again" / name).read_bytes() for name in FILES} == first
    run("train again/run.toml -q --out other --seed 1")
    assert (folder / "other" / "model.neural").read_bytes() != first["model.neural"]


def test_the_settings_written_leave_nothing_to_guess(folder):
    settings = tomllib.loads((folder / "run" / "run.toml").read_text())
    assert settings["task"] == "classes"
    assert (settings["drop"], settings["category"]) == (["id", "seen"], ["colour"])
    assert settings["number"] == ["length", "width"]
    assert settings["hidden"] == [16]
    assert settings["data"] == "../flowers.csv"


def test_other_data_than_those_repeated_are_noticed(folder, capsys):
    write_csv(folder / "shrinks.csv", flowers(60))
    run("train shrinks.csv -t species -o shrunk -q --epochs 2")
    write_csv(folder / "shrinks.csv", flowers(61))
    capsys.readouterr()
    run("train shrunk/run.toml -o shrunk2 --epochs 2")
    assert "has changed since the run" in capsys.readouterr().err


def test_json_is_one_document_and_nothing_else(capsys):
    run("train flowers.csv -t species --out j --json --epochs 5")
    out, message = capsys.readouterr()
    found = json.loads(out)
    assert message == ""
    assert found["task"] == "classes"
    assert found["classes"] == ["daisy", "iris", "poppy"]
    assert found["rows"] == {"train": 84, "validation": 18, "test": 18}
    assert found["metrics"]["accuracy"]["low"] <= found["metrics"]["accuracy"]["value"]
    assert {file.rpartition("/")[2] for file in found["files"].values()} == FILES
    assert {column["kind"] for column in found["columns"]} == {"target", "number", "category", "left out"}


def test_quiet_says_nothing(capfd):
    run("train flowers.csv -t species --out q --quiet --epochs 2")
    assert capfd.readouterr() == ("", "")


def test_a_table_may_come_by_pipe(folder, monkeypatch, capsys):
    content = (folder / "flowers.csv").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    run("train - -t species -o piped --epochs 40 -q")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    run("predict piped -")
    by_pipe = capsys.readouterr().out
    run("predict run flowers.csv")
    assert by_pipe == capsys.readouterr().out


def test_options_reach_the_network():
    run("train houses.csv -t price -o o -q --epochs 3 --hidden 7,5 --activation tanh --dropout 0.1 --optimizer sgd")
    layers = neural.load("o/model.neural").layers
    assert [layer.n_out for layer in layers if hasattr(layer, "n_out")] == [7, 5, 1]
    assert [type(layer).__name__ for layer in layers].count("DropoutLayer") == 2
    run("train houses.csv -t price -o o -q --epochs 3 --hidden 0 --drop noise")
    assert [layer.weights.shape for layer in neural.load("o/model.neural").layers] == [(1, 1)]


def test_without_rows_to_judge_by_it_says_so(capsys):
    run("train flowers.csv -t species -o t0 --test 0 --epochs 2")
    assert "stopped by, so rather too good" in capsys.readouterr().out


def test_a_model_that_is_no_better_than_guessing_alike_is_doubted(folder, capsys):
    rng = np.random.default_rng(0)
    columns = {"x": rng.normal(size=300).round(3), "y": rng.normal(size=300).round(3)}
    columns["k"] = np.where(rng.random(300) < 0.5, "no", "yes")
    write_csv(folder / "noise.csv", columns)
    for target, alike in (("y", "always the mean"), ("k", "always the most frequent")):
        run(f"train noise.csv -t {target} -o noise --epochs 5")
        doubt = f"No metric is surely better than {alike}: these columns may not tell '{target}'"
        assert f"neural: {doubt}" in (message := capsys.readouterr().err)
        assert "Ask: neural doctor noise noise.csv" in message
        assert doubt.replace("'", "&#x27;") in (folder / "noise" / "report.html").read_text()
    run("train flowers.csv -t species -o fine --json --epochs 40")
    out, message = capsys.readouterr()
    assert (json.loads(out)["doubt"], message) == ("", "")


def test_rows_without_a_target_are_left_out_and_counted(folder, capsys):
    table = flowers()
    table["species"][:7] = [""] * 7
    write_csv(folder / "gaps.csv", table)
    run("train gaps.csv -t species -o gaps --epochs 2")
    assert "7 rows without a target left out." in capsys.readouterr().out


def test_the_history_reads_back_and_the_best_is_kept(folder):
    rows = rows_of(folder / "run" / "history.csv")
    assert [int(row["epoch"]) for row in rows] == list(range(1, len(rows) + 1))
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])


def test_the_report_stands_alone(folder):
    page = (folder / "run" / "report.html").read_text()
    for words in (
        "data:image/png;base64",
        "numbers the rows",
        "balanced_accuracy",
        "confidence intervals",
        "[&quot;id&quot;, &quot;seen&quot;]",
        "species, learned from flowers.csv",
    ):
        assert words in page
    assert "http" not in page.replace("http://www.w3.org", "")
    assert "<script" not in page


def test_a_single_row_to_judge_by_has_no_interval(folder, capsys):
    (folder / "one.csv").write_text("".join((folder / "houses.csv").read_text().splitlines(keepends=True)[:2]))
    run("evaluate values one.csv")
    said = capsys.readouterr().out
    assert said.count("none: all rows are alike") == 3, said
    run("evaluate values one.csv --json")
    metrics = json.loads(capsys.readouterr().out)["metrics"]
    assert all((metric["low"], metric["high"]) == (None, None) for metric in metrics.values())


def weighted(name, weights, keep=lambda k: True):
    """Write the table of flowers with a column of weights, or of those rows alone that are kept."""
    table = flowers() | {"times": weights}
    kept = [k for k in range(len(weights)) if keep(k)]
    write_csv(name, {column: [values[k] for k in kept] for column, values in table.items()})


def test_rows_that_weigh_nothing_are_as_if_they_were_not_there(folder, capsys):
    n = len(flowers()["id"])
    weighted("some.csv", [k % 4 for k in range(n)])
    weighted("rest.csv", [k % 4 for k in range(n)], keep=lambda k: k % 4)
    for name in ("some", "rest"):
        run(f"train {name}.csv -t species --drop id --weight times --epochs 3 -o {name}")
        said = capsys.readouterr().out
        assert "times    weight    as you said" in said
        assert ", weighted by 'times':" in said
        assert (f"{(n + 3) // 4} rows that weigh 0 left out." in said) == (name == "some")
    assert (folder / "some" / "model.neural").read_bytes() == (folder / "rest" / "model.neural").read_bytes()
    assert "times" not in neural.load("some/model.neural").columns_.inputs
    assert tomllib.loads((folder / "some" / "run.toml").read_text())["weight"] == "times"
    run("train some/run.toml -q -o some_again")
    assert (folder / "some" / "model.neural").read_bytes() == (folder / "some_again" / "model.neural").read_bytes()


def test_what_weighs_more_is_learned(folder, capsys):
    labels = ["rare", "often"] * 60  # of the same inputs
    table = {
        "x": [k // 2 % 7 for k in range(120)],
        "kind": labels,
        "times": [9 if k % 2 == 0 else 1 for k in range(120)],
    }
    write_csv("doubtful.csv", table)
    metrics = []
    for option in ("", " --weight times"):
        run(f"train doubtful.csv -t kind --number x{option or ' --drop times'} -q --hidden 0 -o doubtful")
        net = neural.load("doubtful/model.neural")
        metrics.append(net.predict([[3.0]])[0, net.classes_.tolist().index("rare")])
    assert metrics == pytest.approx([0.5, 0.9], abs=0.08)
    capsys.readouterr()
    run("evaluate doubtful doubtful.csv --weight times --json")
    assert json.loads(capsys.readouterr().out)["metrics"]["accuracy"]["value"] == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (-1, "the column of weights 'times': sample_weight must be at least 0. Got -1.0. See row 5."),
        ("", "the column of weights 'times' must be numbers, none missing. Got nan. See row 5,"),
        ("two", "the column of weights 'times' must be numbers, none missing. Got 'two'. See row 5,"),
        ("1e200", "the column of weights 'times' must be numbers, none missing."),
        ("1e50", "at most 1e+30 times as large for one row as for another"),
    ],
)
def test_weights_that_are_none_are_refused(folder, capsys, bad, words):
    weights = [1.0] * len(flowers()["id"])
    weighted("bad.csv", [*weights[:5], bad, *weights[6:]])
    run("train bad.csv -t species --weight times -o bad", code=2)
    assert words in capsys.readouterr().err
    assert not (folder / "bad").exists()
    weighted("bad.csv", [0] * len(weights))
    run("train bad.csv -t species --weight times -o bad", code=2)
    assert "above zero for one row at least" in capsys.readouterr().err


def test_names_with_markup_are_shown_as_they_are(folder):
    table = flowers()
    table['<b>&"width'] = table.pop("width")
    table["spe<cies"] = table.pop("species")
    write_csv(folder / "markup.csv", table)
    assert cli.main(["train", "markup.csv", "-t", "spe<cies", "-o", "markup", "-q", "--epochs", "2"]) == 0
    page = (folder / "markup" / "report.html").read_text()
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    assert cli.main(["train", "markup/run.toml", "-q", "-o", "markup2"]) == 0


# --- interrupted, full disks ---------------------------------------------------------------------------------------
class Stops:
    """Presses Ctrl-C at the end of an epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_end(self, training):
        if training.epoch == self.epoch:
            raise KeyboardInterrupt


def test_ctrl_c_keeps_the_best_so_far_and_that_repeats_too(folder, monkeypatch, capsys):
    monkeypatch.setattr(train, "_callbacks", lambda answer: [Stops(5)])
    run("train flowers.csv -t species -o cut", code=130)
    out, message = capsys.readouterr()
    assert "Ctrl-C ended it" in out
    assert "what was best so far is kept. To train to the end, anew: neural train cut/run.toml --epochs 500" in message
    assert {path.name for path in (folder / "cut").iterdir()} == FILES
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    run("train cut/run.toml -q -o cut_again")
    assert (folder / "cut" / "model.neural").read_bytes() == (folder / "cut_again" / "model.neural").read_bytes()


def test_ctrl_c_before_there_is_anything(folder, monkeypatch, capsys):
    def interrupt(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "plan_of", interrupt)
    run("train flowers.csv -t species -o never", code=130)
    assert capsys.readouterr().err == "neural: Stopped. Nothing was written.\n"
    assert not (folder / "never").exists()


def test_a_disk_that_fails_leaves_the_old_files(folder, monkeypatch, capsys):
    run("train flowers.csv -t species -o disk -q --epochs 2")
    before = {path: path.read_bytes() for path in (folder / "disk").iterdir()}

    def full(*given):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(report, "page", full)
    run("train flowers.csv -t species -o disk -q --epochs 3", code=2)
    assert capsys.readouterr().err == "neural: No space left on device.\n"
    assert {path: path.read_bytes() for path in (folder / "disk").iterdir()} == before


# --- the parts -----------------------------------------------------------------------------------------------------
def test_every_class_is_in_every_part_in_proportion():
    codes = np.repeat([0, 1, 2], [100, 40, 1])
    parts = divide(codes, Recipe("data.csv", "y"))
    counts = [np.bincount(codes[part], minlength=3).tolist() for part in parts]
    assert counts == [[70, 28, 1], [15, 6, 0], [15, 6, 0]]
    assert sorted(np.concatenate(parts)) == list(range(141))


def test_another_seed_divides_otherwise():
    codes = np.zeros(50, int)
    parts = [divide(codes, Recipe("data.csv", "y", seed=seed))[2].tolist() for seed in (0, 0, 1)]
    assert parts[0] == parts[1] != parts[2]


@pytest.mark.parametrize(
    "text", ["plain", "with space", 'quo"te', "back\\slash", "ünï", "line\nbreak", "tab\t\x7f\x01", "🌼"]
)
def test_any_name_survives_the_settings_file(text):
    recipe = Recipe("data.csv", text, drop=(text,), hidden=(3,))
    assert tomllib.loads(recipe.to_toml("."))["target"] == text
    assert tomllib.loads(recipe.to_toml("."))["drop"] == [text]


def test_a_name_that_is_not_utf_8_is_refused_before_the_training():
    with pytest.raises(ValueError, match="data must be text in UTF-8"):
        Recipe("caf\udce9.csv", "y")
