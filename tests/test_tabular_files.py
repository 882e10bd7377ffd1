"""Models of tables in files: with any labels, on the command line, before the doctor."""

import csv
import io
import json

import numpy as np
import pandas
import polars
import pytest

import neural
from neural import TabularClassifier, TabularRegressor, cli
from tests.test_tabular import mixed

X, VALUES, KINDS = mixed(120)
DEAR = KINDS == "dear"
LABELS = {
    "objects": (pandas.Series(KINDS, dtype=object), ["cheap", "dear"]),
    "texts": (pandas.Series(KINDS, dtype="str"), ["cheap", "dear"]),
    "texts of Arrow": (pandas.Series(KINDS, dtype="string[pyarrow]"), ["cheap", "dear"]),
    "categories": (pandas.Series(KINDS, dtype="category"), ["cheap", "dear"]),
    "truths": (pandas.Series(DEAR), [False, True]),
    "nullable truths": (pandas.Series(DEAR, dtype="boolean"), [False, True]),
    "nullable numbers": (pandas.Series(DEAR + 3, dtype="Int64"), [3, 4]),
    "whole fractions": (pandas.Series(DEAR * 2.0), [0.0, 2.0]),
    "polars": (polars.Series(KINDS.tolist()), ["cheap", "dear"]),
    "categories of polars": (polars.Series(KINDS.tolist(), dtype=polars.Categorical), ["cheap", "dear"]),
    "a list": (KINDS.tolist(), ["cheap", "dear"]),
    "ends in a blank": (np.where(DEAR, "dear ", "cheap"), ["cheap", "dear "]),
}


@pytest.fixture
def said(capsys, tmp_path, monkeypatch):
    """Return a function that runs a command line in a folder of its own, and returns what it says."""
    monkeypatch.chdir(tmp_path)

    def run(line, code=0):
        capsys.readouterr()
        assert cli.main(line.split()) == code
        return capsys.readouterr()

    return run


@pytest.mark.parametrize("name", LABELS)
def test_labels_of_any_kind_go_into_a_file_and_come_back(name, said):
    y, classes = LABELS[name]
    model = TabularClassifier("fast", random_state=0, time_limit=0.2).fit(X, y)
    model.network_.save("model.safetensors")
    loaded = neural.load("model.safetensors")
    assert loaded.classes_.tolist() == model.classes_.tolist() == classes
    X.assign(target=np.asarray(y)).to_csv("rows.csv", index=False)
    assert said("evaluate model.safetensors rows.csv").out.startswith("120 rows.\n")
    rows = csv.DictReader(io.StringIO(said("predict model.safetensors rows.csv").out))
    assert [row["prediction"] for row in rows] == [str(label) for label in model.predict(X)]


@pytest.mark.parametrize("labels", [[None, "a"], [float("nan"), "a"], [pandas.NA, True]])
def test_labels_that_are_missing_are_refused(labels):
    with pytest.raises(ValueError, match=r"none missing\. Got none in 60 rows, the first of them row 0"):
        TabularClassifier("fast").fit(X, np.array(labels * 60, dtype=object))


@pytest.mark.parametrize("labels", [[True, False], [1, 2], [1, "a"]])
def test_objects_that_are_not_texts_are_refused(labels):
    with pytest.raises(ValueError, match=r"Unknown label type: objects of (int|bool).*astype"):
        TabularClassifier("fast").fit(X, pandas.Series(labels * 60, dtype=object))


def test_a_frame_of_targets_gives_the_target_its_name():
    with pytest.warns(UserWarning, match="column-vector"):
        model = TabularRegressor("fast", random_state=0, time_limit=0.2).fit(X, pandas.DataFrame({"price": VALUES}))
    assert model.network_.columns_.target == "price"


@pytest.fixture(scope="module")
def model():
    return TabularRegressor("fast", random_state=0).fit(X, pandas.Series(VALUES, name="price"))


def test_the_command_line_takes_the_columns_as_they_are(model, said):
    model.network_.save("model.safetensors")
    new, values, _ = mixed(50, seed=3)
    new.assign(price=values, note="not known").to_csv("new.csv", index=False)
    rows = csv.DictReader(io.StringIO(said("predict model.safetensors new.csv").out))
    np.testing.assert_array_equal([float(row["prediction"]) for row in rows], model.predict(new))
    assert "r2_score" in said("evaluate model.safetensors new.csv").out
    told = said("inspect model.safetensors").out
    assert "Predicts price (values) from:" in told
    assert "place    category, as a number: 0 for p0, 1 for p1" in told
    assert "[3 x OnColumns, Scaling, 4 x DenseLayer]" in told
    assert "inputs, loss mse" in told  # it was made of the networks that were fitted: 0 epochs would be no truth
    assert json.loads(said("inspect model.safetensors --json").out)["epochs"] is None


def test_whole_numbers_of_a_file_are_categories_with_or_without_a_point(said):
    rng = np.random.default_rng(0)
    codes = np.where(rng.random(120) < 0.1, np.nan, rng.integers(1, 6, 120))
    table = pandas.DataFrame({"code": codes, "x": rng.normal(size=120)})  # pandas writes 3.0
    model = TabularRegressor("fast", categorical_features=["code"], time_limit=0.2).fit(table, codes == 3)
    model.network_.save("model.safetensors")
    table.to_csv("new.csv", index=False)
    answer = said("predict model.safetensors new.csv")
    assert answer.err == ""
    rows = csv.DictReader(io.StringIO(answer.out))
    np.testing.assert_array_equal([float(row["prediction"]) for row in rows], model.predict(table))


# --- the doctor ----------------------------------------------------------------------------------------------------
def test_the_doctor_knows_that_a_table_is_scaled_within(model, said):
    assert neural.doctor(model, X, VALUES).names == []
    model.network_.save("model.safetensors")
    X.assign(price=VALUES).to_csv("old.csv", index=False)
    assert "Nothing found" in said("doctor model.safetensors old.csv").out


def test_the_doctor_calls_columns_by_their_names(model):
    found = neural.doctor(model, X.assign(age=3.0), VALUES)
    assert any("'age" in finding.found for finding in found if finding.name == "constant inputs")


def test_the_doctor_still_sees_unscaled_inputs_before_layers_that_do_not_scale():
    rows = np.random.default_rng(0).normal(size=(50, 2)) * 1000
    for first in (neural.DenseLayer(2, 3, "tanh"), neural.Scaling(), neural.DropoutLayer(0.1)):
        net = neural.NeuralNetwork([first, neural.DenseLayer(None, 1)], "mse", random_state=0)
        assert "unscaled inputs" in neural.doctor(net, rows, rows[:, 0]).names
    net = neural.NeuralNetwork([neural.Scaling(1e-3, 0.0), neural.DenseLayer(None, 1)], "mse", random_state=0)
    assert "unscaled inputs" not in neural.doctor(net, rows, rows[:, 0]).names


def test_texts_are_no_values():
    with pytest.raises(ValueError, match=r"Got 'low'\. See row 0. For labels take TabularClassifier"):
        TabularRegressor("fast").fit(np.ones((6, 1)), ["low"] * 6)
