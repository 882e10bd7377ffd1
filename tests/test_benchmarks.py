"""The benchmark runs, notices a tool that trains to something else, and counts rightly. No time is tested."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import results  # noqa: E402
from tools import Row  # noqa: E402
from worker import Worker  # noqa: E402
from workloads import WORKLOADS  # noqa: E402

CHECKED = ("W1-relu", "W1-sigmoid", "W2", "W3")
HERE = "neural,document,matmul"  # the tools that need NumPy alone


def run(*arguments):
    command = [sys.executable, str(BENCHMARKS / "bench.py"), "--threads", "1", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def result(optimizer="sgd", **tools):
    """Return a result of W1-relu; each tool is (cost, seconds of each round), and the loss is equal to the cost."""
    known = {
        name: {"title": name, "own_start": name == "sklearn", "skipped": "", "first": 1.0}
        | {"loss": loss, "cost": loss, "seconds": seconds}
        for name, (loss, seconds) in tools.items()
    }
    found = {"name": "W1-relu", "about": "", "optimizer": optimizer, "tools": known}
    results.judge(found)
    return found


def test_tools_come_to_the_same_loss():
    done = run("--check", "--only", "W1,W2,W3", "--tools", HERE)
    assert done.returncode == 0, done.stdout + done.stderr
    parts = {name: done.stdout.split(f"\n{name}: ")[1].split("\nW")[0] for name in CHECKED}
    for name in CHECKED:
        compared = WORKLOADS[name].optimizer == "sgd"  # with Adam there is nobody here to compare with
        assert f"neural: {'agrees, cost' if compared else 'not compared, cost'}" in parts[name]
        assert f"document: {'agrees, cost' if compared else 'skipped: it has no adam'}" in parts[name]
        assert "matmul: not compared" in parts[name]


def test_results_are_printed_and_written(tmp_path):
    done = run("--quick", "--only", "W2", "--tools", "neural,matmul", "--rounds", "2", "--out", str(tmp_path / "new"))
    assert done.returncode == 0, done.stdout + done.stderr
    written = json.loads((tmp_path / "new" / "results.json").read_text(encoding="utf-8"))
    (found,) = written["workloads"]
    assert [len(found["tools"][name]["seconds"]) for name in ("neural", "matmul")] == [2, 2]
    assert written["threads"] == 1
    assert {"numpy", "neural", "torch"} <= written["versions"].keys()
    for text in (done.stdout, (tmp_path / "new" / "results.md").read_text(encoding="utf-8")):
        assert "Machine: " in text
        assert "| neural, NumPy engine" in text
    assert (tmp_path / "new" / "results.svg").read_text(encoding="utf-8").startswith("<?xml")


def test_unknown_names_are_refused():
    done = run("--only", "W9", "--tools", "neural,abacus")
    assert done.returncode == 2
    assert "there is no W9, abacus" in done.stderr


def test_a_worker_that_dies_says_why():
    worker = Worker("neural", "W9", "check", 1)
    try:
        with pytest.raises(RuntimeError, match="W9"):
            worker.answer()
    finally:
        worker.close()


def test_a_tool_that_is_not_installed_is_skipped_by_name():
    row = Row("Abacus", "abacus:Abacus", needs="no_such_module")
    assert row.why_not(WORKLOADS["W2"]) == "no_such_module is not installed"


@pytest.mark.parametrize(
    ("optimizer", "loss", "agrees"),
    [
        ("sgd", 0.5004, True),
        ("sgd", 0.501, False),
        ("adam", 0.509, True),
        ("adam", 0.511, False),
        ("sgd", float("nan"), False),
    ],
)
def test_a_loss_that_differs_is_marked(optimizer, loss, agrees):
    found = result(optimizer, neural=(loss, [1.0]), torch=(0.5, [1.0]), sklearn=(0.7, [1.0]), matmul=(None, [1.0]))
    assert [tool["agrees"] for tool in found["tools"].values()] == [agrees, True, None, None]
    assert ("DIFFERS" in "".join(results.table(found))) is not agrees
    assert bool(results.wrong([found])) is not agrees


@pytest.mark.parametrize(("loss", "agrees"), [(0.504, True), (0.506, False)])
def test_the_loss_after_the_last_step_may_differ_by_more(loss, agrees):
    found = result(neural=(0.5, [1.0]), torch=(0.5, [1.0]))
    found["tools"]["neural"]["loss"] = loss
    results.judge(found)
    assert found["tools"]["neural"]["agrees"] is agrees


def test_a_loss_alone_is_not_compared():
    assert result(neural=(0.5, [1.0]))["tools"]["neural"]["agrees"] is None


def test_ratios_are_medians_within_rounds():
    found = result(neural=(0.5, [1.0, 2.0, 9.0]), torch=(0.5, [2.0, 8.0, 10.0]))  # ratio of medians: 0.25
    assert results.ratio(found, "neural", "torch") == 0.5
    assert results.ratio(found, "neural", "jax") is None


@pytest.mark.parametrize(("seconds", "verdict"), [(0.9, ": met"), (0.91, "NOT met")])
def test_goals(seconds, verdict):
    (line,) = results.goals([result(neural=(0.5, [seconds]), torch=(0.5, [2.0]))])
    assert line.endswith(verdict)
    assert results.goals([result(neural=(0.5, [seconds]))]) == []


@pytest.mark.parametrize("name", ["W5-cancer", "W5-digits"])
def test_data_of_scikit_learn_is_standardised(name):
    pytest.importorskip("sklearn")
    X = WORKLOADS[name].X
    assert X.shape[1] == WORKLOADS[name].widths[0]
    assert abs(X.mean(axis=0)).max() < 1e-5
    assert set(X.std(axis=0).round(3)) <= {0.0, 1.0}
