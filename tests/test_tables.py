import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neural import table_files
from neural.guessing import guess_columns, guess_task
from neural.table_files import Text, read_table
from neural.tables import Category, Columns, Number, measured, numbers_of, texts_of

NAN = float("nan")


# --- columns as numbers --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("values", "numbers"),
    [
        ([1, 2], [1, 2]),
        ([1.5, NAN], [1.5, NAN]),
        ([True, False], [1, 0]),
        (["1", " 2.5", "-3e2"], [1, 2.5, -300]),
        (["true", "False", None, "TRUE"], [1, 0, NAN, 1]),
        (["x", "1_000", "1,5", "", "0x10"], [NAN] * 5),
        ([np.inf, -np.inf, 1e300, 1e100], [NAN, NAN, NAN, 1e100]),
        (["inf", "-Infinity", "nan", "1e400"], [NAN] * 4),
        (pd.array([1, None], dtype="Int64"), [1, NAN]),
        (pd.array([True, None], dtype="boolean"), [1, NAN]),
        (pd.Categorical(["3", "4"]), [3, 4]),
        ([None, 7, "8"], [NAN, 7, 8]),
    ],
)
def test_numbers(values, numbers):
    found = numbers_of(pd.Series(values))
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, numbers)


def test_numbers_are_a_copy():
    series = pd.Series([1.0, np.inf])
    numbers_of(series)
    assert np.isinf(series.iloc[1])


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([1, 2], ["1", "2"]),
        ([1.0, 2.5, NAN], ["1", "2.5", None]),
        ([True, False], ["True", "False"]),
        (["01", " b ", None], ["01", "b", None]),
        (pd.array([1, None], dtype="Int64"), ["1", None]),
        (pd.Categorical(["u", None]), ["u", None]),
        ([b"caf\xc3\xa9"], ["café"]),
    ],
)
def test_texts(values, texts):
    assert texts_of(pd.Series(values)).tolist() == texts


def columns():
    return Columns("y", "classes", (Number("a", 2.0, 1.0, 4.0, True), Category("b", ("u", "v")), Number("c", 0, 0, 1)))


def test_other_columns_and_another_order_change_nothing():
    table = pd.DataFrame({"more": [1, 2], "c": [0.5, 1], "b": ["v", None], "a": ["4", "x"]})
    np.testing.assert_array_equal(columns().encode(table).rows, [[4, 0, 0, 1, 0.5], [2, 1, 0, 0, 1]])


@pytest.mark.parametrize(
    ("table", "remarks"),
    [
        ([[1, None], ["u", None], [0, 1]], []),
        ([["1", "x"], ["u", "v"], [0, 1]], ["a: 1 value is no usable number ('x'): taken as missing."]),
        ([["1,5", 1], ["u", "v"], [0, 1]],
         ["a: 1 value is no usable number ('1,5', written with a comma): taken as missing."]),
        ([[1, 1], ["w", "z"], [0, 1]], ["b: 2 values are new, not there in training ('w'): taken as none."]),
        ([[1, 1], ["u", "v"], [None, 1]], ["c: 1 value is missing, as none was in training: the mean, 0, is taken."]),
        ([[7, 99], ["u", "v"], [0, -1]], ["a: 1 value is far from those of training, 1 to 4 (99)."]),
    ],
)  # fmt: skip
def test_what_is_made_up_is_said(table, remarks):
    encoded = columns().encode(pd.DataFrame(dict(zip("abc", table, strict=True))))
    assert encoded.remarks == remarks
    assert np.isfinite(encoded.rows).all()


def test_plain_values_come_back():
    assert Columns.from_plain(columns().to_plain()) == columns()


def test_the_ends_are_rows_of_inputs():
    np.testing.assert_array_equal(columns().ends, [[1, 0, 0, 0, 0], [4, 1, 1, 1, 1]])


def test_what_is_measured_is_of_these_rows_alone():
    table = pd.DataFrame({"a": [1.0, 3.0, 100.0], "b": ["u", "v", "w"]})
    found = measured(table.iloc[:2], "y", "values", [("a", "number"), ("b", "category")])
    assert found.columns == (Number("a", 2.0, 1.0, 3.0), Category("b", ("u", "v")))


def test_the_rarest_of_many_values_have_no_input():
    table = pd.DataFrame({"a": [f"v{k % 60:02}" for k in range(60 * 3 - 20)]})
    (column,) = measured(table, "y", "values", [("a", "category")]).columns
    assert column.values == tuple(f"v{k:02}" for k in range(40)) + column.values[40:]
    assert len(column.values) == 50


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.one_of(st.none(), st.floats(), st.text(max_size=5), st.booleans(), st.integers()), min_size=1))
def test_any_values_encode_to_finite_numbers(values):
    series = pd.Series(values, dtype=object)
    for kind in ("number", "category"):
        found = measured(pd.DataFrame({"a": series}), "y", "values", [("a", kind)])
        assert np.isfinite(found.encode(pd.DataFrame({"a": series})).rows).all()
        if found.columns:
            assert Columns.from_plain(found.to_plain()) == found


# --- guesses -------------------------------------------------------------------------------------------------------
N = 40
GUESSES = [  # name, values, kind, a part of the reason
    ("age", [20 + k % 30 for k in range(N)], "number", "30 different"),
    ("half", [k / 2 for k in range(N)], "number", "40 different"),
    ("gaps", [None if k % 4 == 0 else k % 9 for k in range(N)], "number", "10 missing"),
    ("stray", ["?!" if k == 3 else str(k % 9) for k in range(N)], "number", "1 text among them"),
    ("member", ["true", "false"] * (N // 2), "number", "true or false"),
    ("flag", [True, False] * (N // 2), "number", "true or false"),
    ("colour", ["red", "blue"] * (N // 2), "category", "text with 2"),
    ("gappy", ["red", None] * (N // 2), "category", "20 missing"),
    ("codes", ["1", "A"] * (N // 2), "category", "text with 2"),
    ("id", [(k * 37) % 101 for k in range(N)], "left out", "numbers the rows"),
    ("order", list(range(N)), "left out", "numbers the rows"),
    ("customer_id", [1000 + (k * 37) % 101 for k in range(N)], "left out", "numbers the rows"),
    ("amount", [(k * 37) % 101 for k in range(N)], "number", "40 different"),
    ("name", [f"n{k}" for k in range(N)], "left out", "a name or free text"),
    ("empty", [None] * N, "left out", "no values"),
    ("one", [7] * N, "left out", "always '7'"),
    ("land", ["BE"] * N, "left out", "always 'BE'"),
    ("day", [f"2024-01-{1 + k % 28:02}" for k in range(N)], "left out", "dates"),
    ("stamp", pd.date_range("2024-01-01", periods=N), "left out", "dates"),
    ("european", [f"{1 + k % 28}.1.2024" for k in range(N)], "left out", "dates"),
]


@pytest.mark.parametrize(("name", "values", "kind", "why"), GUESSES, ids=[case[0] for case in GUESSES])
def test_guesses(name, values, kind, why):
    table = pd.DataFrame({name: values, "other": [k % 3 / 2 for k in range(N)], "y": [0, 1] * (N // 2)})
    found = guess_columns(table, "y")
    assert found[0].kind == kind
    assert why in found[0].why


def test_said_is_said():
    table = pd.DataFrame({"a": range(N), "b": [k % 3 for k in range(N)], "c": ["u", "v"] * 20, "y": [0, 1] * 20})
    found = guess_columns(table, "y", drop=["c"], category=["b"], number=["a"])
    assert [(guess.kind, guess.why) for guess in found] == [
        ("number", "as you said"),
        ("category", "as you said"),
        ("left out", "as you said"),
    ]


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["yes", "no"], "classes"),
        ([True, False], "classes"),
        ([0, 1], "classes"),
        ([3, 4, 5, 9], "classes"),
        (["1", "2"], "classes"),
        ([0.5, 1.5], "values"),
        (list(range(40)), "values"),
        (list(range(15)), "values"),  # too many whole numbers for the rows
        ([1.5, 2, 3, 4, 7], "values"),
    ],
)
def test_tasks(values, task):
    assert guess_task(pd.DataFrame({"y": (values * 40)[:40]}), "y")[0] == task


# --- files ---------------------------------------------------------------------------------------------------------
def read(content):
    return read_table("-", io.BytesIO(content))


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\n1,x\n2,y\n",
        b"a,b\n1,x\n2,y",
        b"a;b\n1;x\n2;y\n",
        b"a\tb\n1\tx\n2\ty\n",
        b"a|b\r\n1|x\r\n2|y\r\n",
        b"a,b\r1,x\r2,y\r",
        b"\xef\xbb\xbfa,b\n1,x\n2,y\n",
        b"\n \n a , b \n1, x\n2, y\n\n",
        b'"a","b"\n"1","x"\n2,"y"\n',
    ],
)
def test_text_of_many_habits_is_one_table(content):
    table = read(content)
    assert table.columns.tolist() == ["a", "b"]
    assert table["a"].tolist() == ["1", "2"]
    assert table["b"].str.strip().tolist() == ["x", "y"]


def test_numbers_with_a_comma_are_called_so():
    few, many = ["1,5", "2,5", "-1.000,25"] * 4, [f"{k},234.5" for k in range(1, 13)]
    table = pd.DataFrame({"few": few, "many": many, "tags": ["1,2,3", "4"] * 6, "y": [0.5 * k for k in range(12)]})
    said = {guess.name: (guess.kind, guess.why) for guess in guess_columns(table, "y")}
    assert said["few"] == ("category", "text with 3 different values; numbers written with a comma, '1,5': "
                                       "write them as in 1234.5")  # fmt: skip
    assert said["many"] == ("left out", "nearly every value is another (12 in 12 rows): numbers written with a comma, "
                                        "'1,234.5': write them as in 1234.5")  # fmt: skip
    assert "comma" not in said["tags"][1]
    assert guess_task(table, "few")[1] == said["few"][1]
    with pytest.raises(ValueError, match=r"two rows for each class.* They are numbers written with a comma, '1,234.5'"):
        guess_task(table, "many")
    with pytest.raises(ValueError, match=r"one of numbers\. Got \['1,5'\]\. Write them without a comma"):
        guess_columns(table, "y", number=["few"])


def test_decimal_commas_where_semicolons_part():
    table = read(b"a;b\n1,5;1,5\n-2;x\n")
    assert table["a"].tolist() == ["1.5", "-2"]
    assert table["b"].tolist() == ["1,5", "x"]


def test_what_stands_for_missing():
    assert read(b"a,b\n?,1\nNA,2\n,3\nnull,4\n-,5\n")["a"].isna().tolist() == [True, True, True, True, False]


def test_short_rows_are_missing_at_the_end():
    assert read(b"a,b\n1\n2,y\n")["b"].isna().tolist() == [True, False]


def test_a_line_without_end_is_refused_before_it_fills_the_memory(monkeypatch):
    monkeypatch.setattr(table_files, "LONGEST_LINE", 1 << 20)

    class Endless:
        read_so_far = 0

        def read(self, size):
            Endless.read_so_far += size
            return b"a,b\n1,2\n" if Endless.read_so_far == size else b"9" * size

    with pytest.raises(ValueError, match="Line 3 is longer"):
        read_table("-", Endless())
    assert Endless.read_so_far < 4 << 20


def test_a_character_may_lie_across_two_reads(monkeypatch):
    monkeypatch.setattr(table_files, "CHUNK", 5)
    content = "näme,wért\n1,ö\r\n2,ß\n".encode()
    assert read(content)["wért"].tolist() == ["ö", "ß"]
    assert "".join(Text("it", io.BytesIO(content))) == "näme,wért\n1,ö\n2,ß\n"


@pytest.mark.parametrize(("line", "content"), [(1, b"\xff,b\n1,2\n"), (3, b"a,b\n1,2\n\xff,4\n")])
def test_the_line_of_a_byte_that_is_no_text(line, content):
    with pytest.raises(ValueError, match=f"0xff in or near line {line}"):
        read(content)


def test_numpy_files(tmp_path):
    X, y = np.arange(6.0).reshape(3, 2), np.array(["u", "v", "u"])
    np.savez(tmp_path / "two.npz", X=X, y=y)
    np.save(tmp_path / "one.npy", X)
    np.save(tmp_path / "fields.npy", np.array([(1, 2.5)], dtype=[("a", int), ("b", float)]))
    assert read_table(tmp_path / "two.npz").columns.tolist() == ["X0", "X1", "y"]
    assert read_table(tmp_path / "one.npy").columns.tolist() == ["0", "1"]
    assert read_table(tmp_path / "fields.npy").to_dict("list") == {"a": [1], "b": [2.5]}


def test_parquet(tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    table = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    table.to_parquet(tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet").equals(table)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(ImportError, match="pip install pyarrow"):
        read_table(tmp_path / "t.parquet")
