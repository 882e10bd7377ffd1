"""What is read of a table: numbers and texts of any kind of frame, and what is learned of its columns."""

import numpy as np
import pandas
import polars
import pyarrow
import pytest

from neural.frames import columns_of
from neural.tabular_columns import categorical_names, edges_of, learned

NUMBERS, TEXTS = [1.0, None, 3.0, 3.0], ["gas", "oil", None, "gas"]


def same(found):
    assert list(found) == ["rooms", "heating", "sold"]
    assert found["rooms"].dtype == np.float64
    np.testing.assert_array_equal(found["rooms"], [1, np.nan, 3, 3])
    assert found["heating"].tolist() == TEXTS
    np.testing.assert_array_equal(found["sold"], [1, 0, 0, 1])


FRAMES = {
    "pandas": lambda d: pandas.DataFrame(d),
    "pandas category": lambda d: pandas.DataFrame(d).astype({"heating": "category"}),
    "pandas nullable": lambda d: pandas.DataFrame(d).convert_dtypes(),
    "polars": lambda d: polars.DataFrame(d),
    "polars categorical": lambda d: polars.DataFrame(d).with_columns(polars.col("heating").cast(polars.Categorical)),
    "pyarrow": lambda d: pyarrow.table(d),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_every_frame_is_read_alike(kind):
    same(columns_of(FRAMES[kind]({"rooms": NUMBERS, "heating": TEXTS, "sold": [True, False, False, True]})))


def test_an_array_of_objects_is_read_like_a_frame():
    rows = np.array([*zip(NUMBERS, TEXTS, [True, False, False, True], strict=True)], dtype=object)
    found = columns_of(rows)
    same(dict(zip(["rooms", "heating", "sold"], found.values(), strict=True)))


def test_pandas_and_numpy_give_the_same_inputs():
    frame = pandas.DataFrame({"rooms": NUMBERS, "heating": TEXTS})
    arrays = columns_of(frame)
    columns = learned(arrays, (), "y", "values").columns
    np.testing.assert_array_equal(columns.fill(arrays), columns.encode(frame).rows)


BAD = {
    "dates": (pandas.DataFrame({"day": pandas.to_datetime(["2026-01-01"])}), "day.*year and the month"),
    "infinity": (np.array([[np.inf]]), "x0.*finite"),
    "beyond": (np.array([[1e200]]), "x0.*1e\\+100"),
    "complex": (np.array([[1j]]), "x0.*numbers or texts"),
    "lists": (np.array([[[1, 2]], [None]], dtype=object)[:, :1], "x0.*numbers or texts"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_neither_number_nor_text_is_refused(name):
    table, message = BAD[name]
    if name == "lists":
        table = np.empty((1, 1), dtype=object)
        table[0, 0] = [1, 2]
    with pytest.raises((ValueError, TypeError), match=message):
        columns_of(table)


def test_numbers_come_first_and_constant_columns_are_left_out():
    arrays = {
        "c": np.array(["a", "b", "a"], object),
        "one": np.ones(3),
        "x": np.arange(3.0),
        "none": np.full(3, np.nan),
    }
    found = learned(arrays, (), "y", "values")
    assert found.columns.inputs == ["x", "c"]
    assert found.levels == (2,)


def test_a_table_that_says_nothing_still_has_an_input():
    assert learned({"one": np.ones(3)}, (), "y", "values").columns.inputs == ["one"]


def test_scales_do_not_see_units_or_wild_values():
    rng = np.random.default_rng(0)
    x = rng.normal(size=1000)
    plain = learned({"x": x}, (), "y", "values")
    moved = learned({"x": 1e-5 * x + 3}, (), "y", "values")
    np.testing.assert_allclose(plain.scaled(x[:, None]), moved.scaled(1e-5 * x[:, None] + 3), rtol=1e-4, atol=1e-5)
    wild = np.where(np.arange(1000) < 3, 1e9, x)
    assert np.abs(learned({"x": wild}, (), "y", "values").factor / plain.factor - 1)[0] < 0.02


def test_a_column_of_mostly_one_value_is_scaled_by_its_ends():
    values = np.array([0.0] * 9 + [4.0])
    assert learned({"x": values}, (), "y", "values").factor.tolist() == [0.5]


def test_numbers_can_be_categories():
    arrays = {"code": np.array([3.0, 10.0, np.nan, 3.0])}
    found = learned(arrays, ("code",), "y", "values")
    assert found.columns.columns[0].values == ("10", "3")
    assert found.levels == (2,)


NAMES = {"by name": ["b"], "by number": [1], "by mask": [False, True]}


@pytest.mark.parametrize("given", NAMES.values(), ids=NAMES)
def test_categories_are_named_in_three_ways(given):
    assert categorical_names(None, ["a", "b"], given) == ("b",)


@pytest.mark.parametrize("given", [["c"], [2], [True], [[0]], [-1]])
def test_categories_that_are_not_there(given):
    with pytest.raises(ValueError, match="categorical_features"):
        categorical_names(None, ["a", "b"], given)


def test_edges_are_quantiles_each_once():
    edges = edges_of(np.array([[0, 7], [1, 7], [2, 7], [3, 7], [4, 7]], float), 2)
    assert [e.tolist() for e in edges] == [[0, 2, 4], [7, 8]]
