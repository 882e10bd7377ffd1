"""The other commands of the command line, as somebody uses them who has a model."""

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import typer

import neural
from neural import cli
from neural.cli import app, bench, plots
from neural.loggers import CSVLogger
from tests.tables_of_files import flowers, write_csv

pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def said(capsys):
    """Return a function that runs a command line and returns what it prints."""

    def run(line, code=0):
        capsys.readouterr()
        assert cli.main(line.split()) == code
        return capsys.readouterr().out

    return run


def start(*arguments, **options):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen([sys.executable, "-m", "neural", *arguments], env=environment, **options)


def test_an_export_names_its_inputs(folder, capsys):
    assert cli.main(["export", "values", "named.py"]) == 0
    assert (
        capsys.readouterr().err == "It takes 2 inputs: rooms; noise (neural inspect values says how they are made).\n"
    )
    table = flowers() | {f"n{k}": [str(j * k % 17) for j in range(120)] for k in range(3, 12)}
    write_csv(folder / "wide.csv", table)
    assert cli.main(["train", "wide.csv", "-t", "species", "-o", "wide", "-q", "--epochs", "2"]) == 0
    assert cli.main(["export", "wide", "named.py"]) == 0
    assert "; n3; n4; and 7 more (neural" in capsys.readouterr().err


# --- predict and evaluate ------------------------------------------------------------------------------------------
def test_predictions_are_csv_with_the_probability_of_each_class(said):
    rows = list(csv.DictReader(io.StringIO(said("predict run flowers.csv"))))
    assert list(rows[0]) == ["prediction", "p_daisy", "p_iris", "p_poppy"]
    assert len(rows) == 120
    for row in rows:
        p = {name: float(row[f"p_{name}"]) for name in ("daisy", "iris", "poppy")}
        assert sum(p.values()) == pytest.approx(1)
        assert row["prediction"] == max(p, key=p.get)
    truth = flowers()["species"]
    assert np.mean([row["prediction"] == name for row, name in zip(rows, truth, strict=True)]) > 0.85


def test_predicted_values(said):
    rows = list(csv.reader(io.StringIO(said("predict values houses.csv"))))
    assert rows[0] == ["prediction"]
    assert np.isfinite([float(value) for (value,) in rows[1:]]).all()


def test_keep_puts_the_table_first_as_it_was(said):
    rows = list(csv.DictReader(io.StringIO(said("predict run flowers.csv --keep"))))
    for name, values in flowers().items():
        assert [row[name] for row in rows] == values
    assert {"prediction", "p_daisy"} <= set(rows[0])


def test_a_file_holds_what_stdout_would(said, folder):
    text = said("predict run flowers.csv")
    assert said("predict run flowers.csv --out p.csv") == ""
    assert (folder / "p.csv").read_text() == text


def test_json_lines(said):
    lines = [json.loads(line) for line in said("predict run flowers.csv --json").splitlines()]
    assert len(lines) == 120
    assert lines[0]["prediction"] in lines[0]["probabilities"]
    assert [set(json.loads(line)) for line in said("predict values houses.csv --json").splitlines()] == [
        {"prediction"}
    ] * 120


def test_what_is_new_in_a_table_is_said(folder, capsys):
    table = flowers(4)
    table["colour"] = ["green", "white", "green", "red"]
    table["width"] = ["1", "", "broad", "1e6"]
    write_csv(folder / "new.csv", table)
    assert cli.main(["predict", "run", "new.csv"]) == 0
    message = capsys.readouterr().err
    assert "colour: 2 values are new, not there in training ('green')" in message
    assert "width: 1 value is no usable number ('broad')" in message
    assert "far from those of training" in message
    assert cli.main(["predict", "run", "new.csv", "-q"]) == 0
    assert capsys.readouterr().err == ""


def test_a_limit_that_is_missed_is_exit_code_1(said, capsys):
    assert "accuracy" in said("evaluate run flowers.csv --at-least accuracy=0.5 --at-most log_loss=5")
    assert cli.main(["evaluate", "run", "flowers.csv", "--at-least", "accuracy=1.01", "--at-most", "log_loss=0"]) == 1
    message = capsys.readouterr().err
    assert "and should be at least 1.01." in message
    assert "and should be at most 0." in message


def test_metrics_as_json(said):
    found = json.loads(said("evaluate values houses.csv --json"))
    assert found["rows"] == 120
    assert set(found["metrics"]) == {"r2_score", "rmse", "mae"}
    for numbers in found["metrics"].values():
        assert numbers["low"] <= numbers["value"] <= numbers["high"]


def test_labels_that_are_new_are_left_out_and_counted(folder, said):
    table = flowers(30)
    table["species"][:3] = ["rose", "rose", ""]
    write_csv(folder / "roses.csv", table)
    assert "27 rows. 2 rows with a target that was not there in training left out." in said("evaluate run roses.csv")


def test_rows_of_one_class_have_the_metrics_that_are_defined(folder, said):
    table = flowers()
    daisies = [k for k, name in enumerate(table["species"]) if name == "daisy"]
    write_csv(folder / "daisies.csv", {name: [values[k] for k in daisies] for name, values in table.items()})
    found = json.loads(said("evaluate run daisies.csv --json"))["metrics"]
    assert {"accuracy", "log_loss"} <= set(found)
    assert "roc_auc" not in found


# --- inspect, export, plot, bench ----------------------------------------------------------------------------------
def test_inspect_tells_what_is_in_the_file(said):
    text = said("inspect run")
    for words in (
        "daisy, iris, poppy",
        "Predicts species (classes) from:",
        "colour  category: blue, red, white",
        "accuracy",
    ):
        assert words in text
    found = json.loads(said("inspect run/model.neural --json"))
    assert found["input_names"][:2] == ["length", "length is missing"]
    inputs = len(found["input_names"])
    assert found["parameters"] == 16 * (inputs + 1) + 3 * (16 + 1)
    assert f"{inputs} inputs, {found['epochs']} epochs, loss categorical_crossentropy" in text


def test_inspect_tells_of_a_single_output(said):
    assert re.search(r"DenseLayer +n_in 16, n_out 1\b", said("inspect values"))


def test_inspect_runs_no_code_and_needs_none(said):
    assert "<lambda>" in said("inspect own_code.neural")
    assert "Predicts" not in said("inspect no_columns.neural")


def test_an_export_takes_the_tables_own_numbers(folder, said):
    assert "largest difference" in said("export values price.py")
    assert "Passed" in said("verify price.py")
    code = "import price, numpy; print(price.predict(numpy.array([[3.0, 0.5]])).item())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder)
    expected = neural.load("values/model.neural").predict([[3.0, 0.5]]).item()
    assert float(done.stdout) == pytest.approx(expected, rel=1e-9)
    assert json.loads(said("verify price.py --json"))["passed"] is True


def test_an_export_that_was_changed_fails_its_proof(folder, said):
    said("export values changed.py")
    text = (folder / "changed.py").read_text()
    other = "def predict(x):\n    return 0 * original(x)\n\n\ndef original("
    (folder / "changed.py").write_text(text.replace("def predict(", other, 1))
    assert "FAILED" in said("verify changed.py", code=1)


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_curves(folder, said, suffix):
    assert said(f"plot run --out curves.{suffix} --log").strip() == f"curves.{suffix}"
    assert (folder / f"curves.{suffix}").stat().st_size > 2000


def test_the_axes_of_curves_are_named_as_those_of_a_history():
    (axes,) = plots.curves("run", log=True).axes
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_yscale()) == ("Epochs", "Loss", "log")


def test_mistakes_on_a_table(folder, said):
    said("plot run --data flowers.csv")
    assert (folder / "mistakes.png").read_bytes()[:4] == b"\x89PNG"
    said("plot values --data houses.csv --out against.png")
    assert (folder / "against.png").exists()


def test_a_history_of_csvlogger_is_drawn_too(folder, said):
    net = neural.NeuralNetwork([neural.DenseLayer(1, 1)], "mse", random_state=0)
    net.fit([[0.0], [1.0]], [0.0, 1.0], epochs=3, callbacks=CSVLogger(folder / "log.csv"), verbose=0)
    said("plot log.csv --out log.png")


def test_bench_measures_what_it_says(said, monkeypatch):
    monkeypatch.setattr(bench, "SIZES", (("tiny", (4, 5, 2), 60, 16),))
    found = json.loads(said("bench --repeats 2 --json"))
    (result,) = found["results"]
    assert found["machine"]["cores"] == os.cpu_count()
    assert all(len(times) == 2 and min(times) > 0 for times in result["epoch_seconds"].values())
    assert "numpy" in said("bench --repeats 1")


# --- the command itself --------------------------------------------------------------------------------------------
def commands():
    return typer.main.get_command(app.app).commands


@pytest.mark.parametrize("name", [name for name in commands() if name not in ("demo", "playground")])
def test_help_has_examples_whose_options_are_there(name, said):
    text = said(f"{name} --help")
    assert "Examples:" in text
    known = {option for parameter in commands()[name].params for option in parameter.opts}
    lines = [line.split("|")[-1].split("&&")[0] for line in text.partition("Examples:")[2].splitlines()]
    for line in lines:
        words = line.split()
        if words[:2] == ["neural", name]:
            assert {word for word in words if word.startswith("-") and word != "-"} <= known, line


def test_all_commands_are_listed(said):
    text = said("--help")
    for name in ("train", "predict", "evaluate", "inspect", "export", "verify", "plot", "bench", "demo"):
        assert f"  {name} " in text
    assert "..." not in text.partition("Commands:")[2].replace("[ARGS]...", "")


def test_demo_help_is_that_of_demo(said):
    assert "--quick" in said("demo --help")


def test_completion():
    environment = {"_NEURAL_COMPLETE": "complete_bash", "COMP_WORDS": "neural tra", "COMP_CWORD": "1"}
    environment |= os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-m", "neural"], env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == "train"


WITHOUT = """
import sys
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("typer", "rich", "pandas", "click"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Nothing())
from neural import cli
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("arguments", "code"), [(["train", "x.csv"], 2), ([], 2), (["demo", "--help"], 0), (["--version"], 0)]
)
def test_without_the_extra_it_says_how_to_get_it_and_demo_works(arguments, code):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", WITHOUT, *arguments], env=environment, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    if code:
        assert done.stderr.count("\n") == 1
        assert 'pip install "neural-dense[cli]"' in done.stderr


@pytest.mark.skipif(not hasattr(signal, "SIGPIPE"), reason="no such pipes")
@pytest.mark.parametrize(
    "arguments", [("predict", "run", "many.csv", "--keep"), ("predict", "run", "many.csv", "--json")]
)
def test_a_pipe_that_is_closed_is_no_mistake(folder, arguments):
    write_csv(folder / "many.csv", flowers(20_000))
    process = start(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder)
    process.stdout.readline()
    process.stdout.close()
    message = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 0
    assert message == b""


@pytest.mark.skipif(shutil.which("env") is None, reason="no env")
def test_any_encoding_of_stdout_will_do(folder):
    table = flowers()
    table["species"] = [name.replace("daisy", "pâquerette 🌼") for name in table["species"]]
    write_csv(folder / "french.csv", table)
    assert cli.main(["train", "french.csv", "-t", "species", "-o", "french", "-q", "--epochs", "2"]) == 0
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "neural", "predict", "french", "french.csv"]
    done = subprocess.run(command, env=environment, capture_output=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "p_pâquerette 🌼" in done.stdout.decode("utf-8")


@pytest.mark.skipif(shutil.which("sh") is None, reason="no sh")
@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("train flowers.csv -t species -o closed -q --epochs 2 >&-", 0, ""),
        ("inspect run 2>&- >&-", 0, ""),
        ("predict run - <&-", 2, "the standard input must be open"),
        ("predict run - < /dev/null", 2, "It is empty"),
    ],
)
def test_streams_that_are_closed(folder, line, code, words):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = ["sh", "-c", f"{sys.executable} -m neural {line}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=folder)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
