"""The benchmark runs, notices a tool that comes to something else, and counts rightly. No time is tested."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import bound  # noqa: E402
import goals  # noqa: E402
import load  # noqa: E402
import page  # noqa: E402
import process  # noqa: E402
import results  # noqa: E402
import scale  # noqa: E402
import scaling  # noqa: E402
from tools import TOOLS, Row  # noqa: E402
from tools.base import OneByOne, Predictor  # noqa: E402
from worker import Worker  # noqa: E402
from workloads import ALL, PREDICTIONS, WORKLOADS, decoded, encoded  # noqa: E402

CHECKED = ("W1-relu", "W1-sigmoid", "W2", "W3")
HERE = "neural,document,matmul,numpy"  # the tools that need NumPy alone


def run(*arguments):
    command = [sys.executable, str(BENCHMARKS / "bench.py"), "--threads", "1", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def result(optimizer="sgd", name="W1-relu", **tools):
    """Return a result of training; each tool is (cost, seconds of each round), and the loss is equal to the cost."""
    known = {
        name.replace("_", "-"): {"title": name, "own_start": name == "sklearn", "skipped": "", "first": 1.0}
        | {"loss": loss, "cost": loss, "seconds": seconds}
        for name, (loss, seconds) in tools.items()
    }
    limits = {"cost": {"sgd": 1e-3, "adam": 2e-2}[optimizer], "loss": {"sgd": 1e-2, "adam": 0.2}[optimizer]}
    found = {"name": name, "about": "", "task": "train", "shown": ["s", 1.0], "limits": limits, "tools": known}
    results.judge(found)
    return found


# --- it runs -------------------------------------------------------------------------------------------------------
def test_tools_come_to_the_same_loss():
    done = run("--check", "--only", "W1,W2,W3", "--tools", HERE)
    assert done.returncode == 0, done.stdout + done.stderr
    parts = {name: done.stdout.split(f"\n{name}: ")[1].split("\nW")[0] for name in CHECKED}
    for name in CHECKED:
        compared = WORKLOADS[name].optimizer == "sgd"  # with Adam there is nobody here to compare with
        assert f"neural: {'agrees, cost' if compared else 'not compared, cost'}" in parts[name]
        assert f"document: {'agrees, cost' if compared else 'skipped: it has no adam'}" in parts[name]
        assert "matmul: not compared" in parts[name]


def test_tools_predict_the_same():
    done = run("--check", "--only", "W6-row", "--tools", HERE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("    neural: agrees, off ") == done.stdout.count("    numpy: agrees, off ") == 4


def test_many_networks_are_trained():
    pytest.importorskip("neural._core")
    done = run("--check", "--only", "W7", "--tools", "neural,neural-core")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "W7: 4 times 30-64-64-2" in done.stdout
    assert "    neural-core: agrees, cost " in done.stdout


def test_process_load_and_scaling_run():
    pytest.importorskip("neural._core")
    done = run("--check", "--only", "process,load,scaling", "--tools", "neural-core")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line for line in done.stdout.splitlines() if line.endswith(": ran")] == [
        "process: ran", "load: ran", "scaling: ran",
    ]  # fmt: skip


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


def test_the_published_page_is_what_the_script_makes_of_its_results():
    published = json.loads((page.PUBLISHED / "results.json").read_text(encoding="utf-8"))
    assert (page.PUBLISHED / "README.md").read_text(encoding="utf-8") == page.page(published)
    assert page.dumped(published) == (page.PUBLISHED / "results.json").read_text(encoding="utf-8")
    assert page.wrong(published) == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--only", "W9", "--tools", "neural,abacus"], "there is no W9, abacus"),
        (["--quick", "--publish"], "what is published is a run at full size"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(arguments, complaint):
    done = run(*arguments)
    assert done.returncode == 2
    assert complaint in done.stderr


def test_tools_of_another_task_are_skipped():
    done = run("--check", "--only", "W2", "--tools", "onnx")
    assert done.returncode == 1
    assert "**W2**: skipped: it is about other tools" in done.stdout


def test_a_worker_that_dies_says_why():
    worker = Worker("train", "abacus", 1)
    try:
        worker.ask("prepare", encoded(WORKLOADS["W2"]))
        with pytest.raises(RuntimeError, match="abacus"):
            worker.answer()
    finally:
        worker.close()


# --- workloads and tools -------------------------------------------------------------------------------------------
def test_a_tool_that_is_not_installed_is_skipped_by_name():
    row = Row("Abacus", "abacus:Abacus", needs="numpy no_such_module")
    assert row.why_not(WORKLOADS["W2"]) == row.why_not(PREDICTIONS["W6-row-W1"]) == "no_such_module is not installed"


@pytest.mark.parametrize("work", ALL.values(), ids=ALL)
def test_a_workload_goes_through_a_pipe(work):
    assert decoded(json.loads(json.dumps(encoded(work)))) == work


@pytest.mark.parametrize("name", ["W5-cancer", "W5-digits"])
def test_data_of_scikit_learn_is_standardised(name):
    pytest.importorskip("sklearn")
    X = WORKLOADS[name].X
    assert X.shape[1] == WORKLOADS[name].widths[0]
    assert abs(X.mean(axis=0)).max() < 1e-5
    assert set(X.std(axis=0).round(3)) <= {0.0, 1.0}


def test_the_networks_of_many_differ_in_start_and_orders():
    many = WORKLOADS["W7"].sized("check")
    members = many.members()
    assert len(members) == 4
    assert len({member.start()[0][0].tobytes() for member in members}) == 4
    assert len({member.orders().tobytes() for member in members}) == 4
    assert np.shares_memory(members[0].X, members[3].X)


def test_one_by_one_returns_the_costs_of_each_epoch():
    class Counting:
        def prepare(self, workload):
            self.seed = workload.seed

        def reset(self):
            self.cost = 10.0 * self.seed

        def unit(self):
            return [self.cost + epoch for epoch in range(3)]

    class Many(OneByOne):
        one = Counting

    many = Many()
    many.prepare(WORKLOADS["W7"].sized("check"))
    many.reset()
    assert many.unit() == [[0, 10, 20, 30], [1, 11, 21, 31], [2, 12, 22, 32]]


@pytest.mark.parametrize(("shift", "agrees"), [(0.0, True), (4e-5, True), (6e-5, False)])
def test_predictions_are_compared_with_float64(shift, agrees):
    work = PREDICTIONS["W6-row-W1"].sized("check")
    exact = TOOLS["predict"]["numpy"].load()
    exact.prepare(work)

    class Shifted(Predictor):
        def build(self, network, weights):
            self.predict = lambda x: exact.predict(x) + np.float32(shift)

    tool = Shifted()
    tool.prepare(work)
    assert len(tool.calls) == 2
    assert tool.calls[0].shape == (1, 784)
    found = result(numpy=(None, [1.0])) | {"task": "predict", "limits": work.limits}
    found["tools"]["numpy"] |= work.check(tool)
    results.judge(found)
    assert found["tools"]["numpy"]["agrees"] is agrees


def test_a_prediction_of_another_shape_differs():
    work = PREDICTIONS["W6-row-W1"].sized("check")
    tool = type("Tool", (), {"outputs": lambda self: np.zeros((1, 10))})()
    assert work.check(tool) == {"error": np.inf}


def test_rows_and_orders_are_read_from_a_folder(tmp_path):
    work = WORKLOADS["W1-relu"].sized("check")
    stored = work.save(tmp_path)
    assert stored.folder
    assert all(np.array_equal(a, b) for a, b in ((stored.X, work.X), (stored.y, work.y)))
    assert np.array_equal(stored.orders(), work.orders())
    assert stored.X.dtype == np.uint8


# --- what is concluded ---------------------------------------------------------------------------------------------
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


@pytest.mark.parametrize(
    ("costs", "agrees"), [([0.5, 0.7], True), ([0.5, 0.702], False), ([0.7, 0.5], False), ([0.5], False)]
)
def test_each_of_many_networks_is_compared(costs, agrees):
    found = result(neural=(costs, [1.0]), torch_stacked=([0.5, 0.7], [1.0]))
    assert found["tools"]["neural"]["agrees"] is agrees


def test_a_loss_alone_is_not_compared():
    assert result(neural=(0.5, [1.0]))["tools"]["neural"]["agrees"] is None


def test_ratios_are_medians_within_rounds():
    found = result(neural=(0.5, [1.0, 2.0, 9.0]), torch=(0.5, [2.0, 8.0, 10.0]))  # ratio of medians: 0.25
    assert results.ratio(found, "neural", "torch") == 0.5
    assert results.ratio(found, "neural", "jax") is None


@pytest.mark.parametrize(
    ("value", "digits", "text"), [(1234.5, 3, "1,234"), (999.4, 3, "999"), (0.12345, 3, "0.123"), (5.0, 4, "5")]
)
def test_numbers_have_no_exponents(value, digits, text):
    assert results.number(value, digits) == text


@pytest.mark.parametrize(("seconds", "verdict"), [(0.9, ": met"), (0.91, "NOT met")])
def test_goals_as_ratios(seconds, verdict):
    (line,) = goals.of_workloads([result(neural=(0.5, [seconds]), torch=(0.5, [2.0]))])
    assert line.endswith(verdict)
    assert goals.of_workloads([result(neural=(0.5, [seconds]))]) == []


def test_goals_are_against_both_peers_that_train():
    tools = {"neural_core": (0.5, [0.3]), "torch": (0.5, [2.0]), "jax": (0.5, [1.0])}
    assert goals.of_workloads([result(name="W3", **tools)]) == [
        "W3, neural-core: 0.15 of torch, goal 0.28: met",
        "W3, neural-core: 0.3 of jax, goal 0.5: met",
    ]


@pytest.mark.parametrize(("seconds", "verdict"), [(0.015, "3 µs a call, goal 3: met"), (0.016, "3.2 µs a call")])
def test_goals_as_times(seconds, verdict):
    work = PREDICTIONS["W6-row-W1"]
    found = result(name=work.name, neural_core=(None, [seconds])) | {"task": work.task, "shown": work.shown}
    (line,) = goals.of_workloads([found])
    assert verdict in line


def test_goals_name_workloads_and_tools_that_exist():
    for tool, name, _, of in goals._OF_WORKLOADS:
        tools = TOOLS[ALL[name].task]
        assert tool in tools
        assert of in tools or of == ALL[name].shown[0]


def test_import_times_are_differences_within_rounds():
    libraries = {
        "numpy": {"title": "NumPy", "import": {"seconds": [0.1, 0.2, 0.1]}},
        "neural": {"title": "neural", "import": {"seconds": [0.13, 0.25, 0.5]}, "cold": {"seconds": [0.6], "cost": [1]}}
        | {"installed": 2_000_000, "with needs": 60_000_000},
        "torch": {"title": "PyTorch", "cold": {"seconds": [3.0], "cost": [1.1], "memory": [None]}},
    }
    part = {"about": "", "libraries": libraries, "wheel": {"name": "a.whl", "bytes": 2_500_000}}
    assert process.over(part, "neural") == pytest.approx(0.05)
    assert process.over(part, "numpy") is None
    assert process.wrong(part) == ["process, torch: DIFFERS, cost 1.1"]
    assert [line.rsplit(" ", 2)[1:] for line in process.reached(part)][1:] == [["0.7:", "met"], ["NOT", "met"]]
    assert "| 2.0 " in "".join(process.table(part))


def test_sizes_are_those_of_the_files():
    with_needs = process.with_needs("pytest-xdist")
    assert {"pytest-xdist", "pytest", "execnet", "pluggy"} <= set(with_needs)
    assert 10_000 < process.size("pytest-xdist") < 1_000_000
    assert 100_000 < process.size("neural-dense") < 20_000_000
    assert process.with_needs("neural-dense") == ["neural-dense", "numpy"]


def test_load_is_two_threads_over_one():
    def tools(one, two):
        found = result(neural_core=(0.5, one))["tools"]["neural-core"] | {"name": "neural-core"}
        return {
            load.key("neural-core", 1): found | {"threads": 1, "seconds": one},
            load.key("neural-core", 2): found | {"threads": 2, "seconds": two},
        }

    quiet, loaded = result() | {"tools": tools([1.0], [0.5])}, result() | {"tools": tools([2.0, 2.0], [2.4, 2.8])}
    part = {"about": "", "quiet": {"W3": quiet}, "loaded": {"W3": loaded}}
    assert "| 0.50 " in load.table(part)[-2]
    assert "| 1.30 " in load.table(part)[-2]
    (line,) = load.reached(part)
    assert line.endswith("1.3 of one thread, goal 1.2: NOT met")


def test_curves_count_rows_and_steps():
    for curve in scaling.curves(2):
        assert list(curve.at) == sorted(set(curve.at))
        for n in curve.at:
            work = curve.workload(n)
            steps = work.epochs * -(-work.rows // work.batch)
            assert work.rows * work.widths[0] <= 60_000 * 784
            assert scaling.STEPS[0] <= steps <= 600
    curve = {"times": [1e6, 2e6], "seconds": {"neural": [[1.0, 3.0, 2.0], []]}}
    assert scaling.values(curve, "neural") == [2e6, None]


# --- the simulation of scale.py ------------------------------------------------------------------------------------
FREE = {"base": 0.0, "task": 0.0, "step": 1e-3, "bytes": 0.0}


def test_what_costs_nothing_scales_but_for_stragglers(monkeypatch):
    monkeypatch.setattr(scale, "SPREAD", 0.0)
    monkeypatch.setattr(scale, "RARE", 0.0)
    for way in (scale.in_steps, lambda *given: scale.in_rounds(8, *given)):
        assert [way(n, FREE, 1e9, 0.0, 5) for n in (1, 2, 100)] == pytest.approx([1, 2, 100])
    monkeypatch.setattr(scale, "RARE", 0.01)
    assert scale.in_steps(1000, FREE, 1e9, 0.0, 5) == pytest.approx(1000 / scale.SLOW)


def test_a_scheduler_that_hands_out_tasks_one_by_one_is_the_limit():
    busy = FREE | {"task": 1e-3}
    speeds = [scale.in_rounds(8, n, busy, 1e9, 0.0, 50) for n in (1, 4, 1000)]
    assert speeds[0] < speeds[1] < speeds[2] < 8  # 8 ms of updates to a task of 1 ms
    assert scale.in_rounds(800, 1000, busy, 1e9, 0.0, 50) > 10 * speeds[2]


def test_what_scale_leaves_out_is_said():
    command = [sys.executable, str(BENCHMARKS / "scale.py"), "--only", "simulation"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "Not run: it takes what `rounds` measures." in done.stdout


# --- what arithmetic alone would take ------------------------------------------------------------------------------
def test_operations_of_a_row_and_threads_of_a_step(monkeypatch):
    monkeypatch.delenv("NEURAL_FLOPS_FOR_THREADS", raising=False)
    assert bound.operations(WORKLOADS["W5-digits"]) == 2 * (64 * 128 * 2 + 128 * 10 * 3)
    assert [bound.threads_of(WORKLOADS[name], 2) for name in ("W1-relu", "W2")] == [2, 1]


def test_bounds_stand_beside_the_goals(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bound, "measure", lambda threads, numbers: (64, threads * 1e9, numbers / 1e11))
    run = {"size": "full", "threads": 2, "date": "2026-01-01T00:00:00", "machine": {"cpu": "any"}}
    path = tmp_path / "results.json"
    found = result(name="W2", neural_core=(0.1, [0.22, 0.33]), jax=(0.1, [0.44, 0.44]))
    row = {**result(name="W6-row-W4", neural_core=(0.1, [0.02, 0.03])), "task": "predict"}
    path.write_text(json.dumps({**run, "workloads": [row, found]}))
    bound.main(str(path))
    # 2 (3 (125 + 625 + 25) - 125) operations a row, 500 rows, 100 epochs, 1e9 a second: half of JAX's least
    *_, table, _, read = capsys.readouterr().out.splitlines()
    assert table == "| W2 | 1 | 220 | 0.50 | 0.2 | 0.62 |"
    # 784 1024 + 1024 1024 + 1024 10 weights, 1e11 a second; 500 calls in 0.02 s
    assert read == "W6-row-W4: to read its weights takes 19 µs, the core at least 40 µs"
    path.write_text(json.dumps({**run, "size": "quick", "workloads": []}))
    with pytest.raises(SystemExit, match="must hold a full run"):
        bound.main(str(path))
