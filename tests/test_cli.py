"""The command: arguments, exit codes, and one sentence where it refuses."""

import re
import subprocess
import sys

import pytest

import neural
from neural import cli, datasets, experiments, report, speed
from neural.errors import DataUnavailable
from neural.experiments import Checked
from tests.small_demo import full_results, quick_results, small_images


@pytest.fixture
def stage(monkeypatch):
    """Replace data, training and writing; return what they were called with."""
    calls = {}

    def run_all(table, images, seed, quick):
        calls.update(table=table, seed=seed, quick=quick)
        return quick_results()

    def write(results, images, out, speeds):
        calls.update(out=out, speeds=speeds)
        return f"{out}/index.html"

    monkeypatch.setattr(datasets, "fashion_mnist", lambda folder: calls.update(data=folder) or small_images())
    monkeypatch.setattr(experiments, "run_all", run_all)
    monkeypatch.setattr(speed, "measure", lambda table, images, seed: ("speed of", table, seed))
    monkeypatch.setattr(report, "write", write)
    return calls


def test_the_arguments_arrive(stage, tmp_path, capsys):
    out = str(tmp_path / "page")
    assert cli.main(["demo", "--quick", "--out", out, "--data", "here", "--seed", "5"]) == 0
    assert (stage["quick"], stage["seed"], stage["out"], stage["data"]) == (True, 5, out, "here")
    assert stage["table"] == experiments.experiments(quick=True)
    assert stage["speeds"] == ("speed of", stage["table"], 5)
    assert f"Open {out}/index.html" in capsys.readouterr().out


def test_without_arguments_it_is_the_full_run_from_seed_0(stage, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["demo"]) == 0
    assert (stage["quick"], stage["seed"], stage["out"], stage["data"]) == (False, 0, "report", None)
    assert stage["table"] == experiments.TABLE


@pytest.mark.parametrize("argv", [[], ["dmo"], ["demo", "--seed", "x"], ["demo", "--seed", "-1"], ["demo", "--fast"]])
def test_bad_arguments_end_with_2(argv, capsys):
    assert cli.main(argv) == 2
    assert "neural" in capsys.readouterr().err


def test_missing_data_is_one_sentence_and_2(stage, monkeypatch, tmp_path, capsys):
    def refuse(folder):
        raise DataUnavailable("Fashion-MNIST is not to be had.")

    monkeypatch.setattr(datasets, "fashion_mnist", refuse)
    assert cli.main(["demo", "--out", str(tmp_path / "page")]) == 2
    assert capsys.readouterr().err == "neural: Fashion-MNIST is not to be had.\n"


def test_a_folder_without_the_data_is_named_by_its_option(tmp_path, capsys):
    assert cli.main(["demo", "--out", str(tmp_path / "page"), "--data", str(tmp_path / "none")]) == 2
    message = capsys.readouterr().err
    assert "leave --data out" in message
    assert "leave folder out" not in message


def test_a_place_that_is_taken_is_refused_before_the_data_is_read(stage, tmp_path, capsys):
    file = tmp_path / "report"
    file.write_text("a file")
    assert cli.main(["demo", "--out", str(file)]) == 2
    assert "out must be a folder" in capsys.readouterr().err
    assert stage == {}


def test_a_mistake_of_the_package_itself_is_not_hidden(stage, monkeypatch, tmp_path):
    monkeypatch.setattr(experiments, "run_all", lambda *a, **k: int("no number"))
    with pytest.raises(ValueError, match="no number"):
        cli.main(["demo", "--out", str(tmp_path)])


def test_ctrl_c_ends_with_130_and_a_message(stage, monkeypatch, tmp_path, capsys):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(experiments, "run_all", interrupt)
    assert cli.main(["demo", "--out", str(tmp_path)]) == 130
    assert "Stopped." in capsys.readouterr().err


def test_a_missed_check_ends_with_1_and_is_named(stage, monkeypatch, tmp_path, capsys):
    from dataclasses import replace

    first = full_results().checks[0].check
    for passed, code in ((True, 0), (False, 1)):
        results = replace(full_results(), checks=(Checked(first, 0.4, passed),))
        monkeypatch.setattr(experiments, "run_all", lambda *a, results=results, **k: results)
        assert cli.main(["demo", "--out", str(tmp_path)]) == code
    assert capsys.readouterr().err == "Check missed: relu, last cost\n"


def test_the_version_comes_from_the_package_also_as_a_module(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"neural {neural.__version__}\n"
    done = subprocess.run([sys.executable, "-m", "neural", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"neural {neural.__version__}\n"


def test_verify_says_what_it_measured_and_ends_with_1_where_an_export_differs(tmp_path, capsys):
    net = neural.NeuralNetwork([neural.DenseLayer(2, 2, "tanh")], random_state=0)
    path = tmp_path / "model.py"
    net.export(path)
    assert cli.main(["verify", str(path)]) == 0
    assert re.search(
        r"model.py: largest difference \S+ from the network in 8 rows, .*Passed.$", capsys.readouterr().out
    )
    path.write_text(path.read_text().replace("np.tanh(z)", "np.sin(z)"))
    assert cli.main(["verify", str(path)]) == 1
    assert "FAILED" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "words"),
    [("none.py", "There is no file"), ("a.txt", "must be one of"), ("bad.py", "carries no test rows")],
)
def test_verify_refuses_in_one_sentence_and_ends_with_2(name, words, tmp_path, capsys):
    (tmp_path / "a.txt").touch()
    (tmp_path / "bad.py").touch()
    assert cli.main(["verify", str(tmp_path / name)]) == 2
    assert words in capsys.readouterr().err
