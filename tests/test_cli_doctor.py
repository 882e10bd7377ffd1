"""neural doctor: a model and its table, judged as the training saw them."""

import json
import shutil

import numpy as np
import pytest

import neural
from neural import DenseLayer, NeuralNetwork, cli, doctor
from neural.cli.doctor import as_trained, history_beside, rows_of
from neural.table_files import read_table
from tests.tables_of_files import flowers, write_csv

pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def said(capsys):
    """Return a function that runs the command and returns its exit code, what it prints, and what it says beside."""

    def run(*arguments):
        capsys.readouterr()
        code = cli.main(["doctor", *arguments])
        return code, *capsys.readouterr()

    return run


def grown(folder, factor):
    """Train on flowers in a unit of which there are ``factor`` times as many; return the names of table and run."""
    table = flowers(300)
    for name in ("length", "width"):
        table[name] = [str(float(x) * factor) if x else "" for x in table[name]]
    write_csv(folder / f"grown{factor}.csv", table)
    if not (folder / f"grown{factor}").exists():
        line = f"train grown{factor}.csv -t species -o grown{factor} -q --epochs 30"
        assert cli.main(line.split()) == 0
    return f"grown{factor}.csv", f"grown{factor}"


def test_the_unit_of_a_column_is_no_fault(here, said):
    for factor in (1, 100_000):
        table, run = grown(here, factor)
        code, out, _ = said(run, table)
        assert (code == 0) == ("Nothing found." in out)
        assert "unscaled inputs" not in out
        assert "Trained on: 211 rows. Not trained on: 44 rows kept to judge by." in out
    net, rows = neural.load(f"{run}/model.neural"), read_table(table)
    X, y = net.columns_.encode(rows).rows, rows["species"].to_numpy().astype(str)
    assert "unscaled inputs" in doctor(net, X, y).names  # as the file has it, it would misfire


@pytest.mark.parametrize(("run", "table"), [("run", "flowers.csv"), ("values", "houses.csv")])
def test_the_scales_are_taken_out_of_the_network_and_the_rows_alike(run, table):
    net = neural.load(f"{run}/model.neural")
    rows = rows_of(net, read_table(table), table)
    before = net.predict(rows.X)
    scaled, X, y = as_trained(net, rows, None)
    numbers = [k for k, name in enumerate(net.columns_.inputs) if name in ("length", "width", "rooms", "noise")]
    np.testing.assert_allclose(X[:, numbers].mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(X[:, numbers].std(axis=0), 1)
    after = scaled.predict(X)
    if run == "values":
        assert (y.mean(), y.std()) == (pytest.approx(0, abs=1e-9), pytest.approx(1))
        after = after * rows.y.std() + rows.y.mean()
    np.testing.assert_allclose(after, before, rtol=1e-9)


def test_a_finding_names_the_column_and_is_exit_code_1(here, said):
    table = flowers(300)
    table["told"] = [{"daisy": "1", "iris": "2", "poppy": "3"}[name] for name in table["species"]]
    del table["length"]  # which tells them nearly as well
    write_csv(here / "leaks.csv", table)
    line = "train leaks.csv -t species -o leaks -q --epochs 10 --number told"
    assert cli.main(line.split()) == 0
    code, out, _ = said("leaks", "leaks.csv")
    assert code == 1
    assert "leaking column: column 'told' alone tells" in out
    code, out, _ = said("leaks", "leaks.csv", "--json")
    found = json.loads(out)
    assert code == 1
    assert found["trained_on"] == 211
    assert found["tested_on"] == 44
    assert {"name", "found", "number", "cause", "next_step"} == set(found["findings"][0])


def test_another_table_counts_as_trained_on(here, said):
    write_csv(here / "more.csv", flowers(200, seed=5))
    _, out, message = said("run", "more.csv")
    assert "Trained on: 200 rows of more.csv. Not trained on: none, so less can be seen." in out
    assert "--test TABLE" in message
    odd = flowers(50, seed=6)
    odd["colour"][0] = "mauve"
    write_csv(here / "odd.csv", odd)
    assert "colour: 1 value is new" in said("run", "flowers.csv", "--test", "odd.csv")[2]
    _, out, _ = said("run", "flowers.csv", "--test", "flowers.csv")
    assert "duplicate rows" in out
    code, out, _ = said("run", "flowers.csv", "--test", "more.csv", "--claim", "0.001")
    assert code == 1
    assert "test set too small: to show a difference of 0.001" in out


def test_a_model_away_from_its_run_is_judged_by_all_rows(here, said):
    (here / "alone").mkdir()
    shutil.copy("run/model.neural", "alone/model.neural")
    _, out, _ = said("alone", "flowers.csv")
    assert "Trained on: 120 rows of flowers.csv." in out
    shutil.copy("values/run.toml", "alone/run.toml")  # of another model
    assert said("alone", "houses.csv")[0] == 2
    assert "Trained on: 120 rows of flowers.csv." in said("alone", "flowers.csv")[1]


def test_the_history_beside_a_model_is_looked_at(here, said):
    assert history_beside("run/model.neural") == pytest.approx(neural.History(map(float, history_beside("run/x"))))
    shutil.copytree("run", "jumps")
    lines = [f"{k},{0.5 + 0.4 * (k % 2)},0.1,0.1" for k in range(1, 20)]
    (here / "jumps" / "history.csv").write_text("\n".join(["epoch,loss,val_loss,learning_rate", *lines]))
    assert "learning rate too high" in said("jumps", "flowers.csv")[1]
    (here / "jumps" / "history.csv").write_text("epoch,loss\n1,nan\n")
    assert said("jumps", "flowers.csv")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "no_target.csv"), "The table must have the target 'species'"),
        (("run", "other_species.csv"), "other_species.csv must have rows whose 'species' the model knows. Got none."),
        (("run", "no_length.csv"), "It lacks 'length'"),
        (("run", "flowers.csv", "--test", "nowhere.csv"), "nowhere.csv"),
        (("run", "flowers.csv", "--claim", "2"), "claim must be"),
        (("nowhere", "flowers.csv"), "There is no model 'nowhere'"),
    ],
)
def test_what_it_refuses(said, arguments, message):
    code, _, error = said(*arguments)
    assert code == 2
    assert message in error
    assert "Traceback" not in error


def test_a_network_that_knows_no_table(here, said):
    NeuralNetwork([DenseLayer(2, 1)], "mse", random_state=0).save("plain.neural")
    code, _, error = said("plain.neural", "flowers.csv")
    assert code == 2
    assert "neural train has written" in error
