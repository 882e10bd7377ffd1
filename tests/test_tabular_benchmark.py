"""The benchmark of tables counts rightly, splits fairly, knows its sets again and goes on where it was stopped."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pd = pytest.importorskip("pandas")
pytest.importorskip("sklearn")

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import page as speed_page  # noqa: E402
import tabular  # noqa: E402
import tabular_data  # noqa: E402
import tabular_page  # noqa: E402
import tabular_scores as scores  # noqa: E402
from tabular_models import MODELS, imputed  # noqa: E402

from neural import DataUnavailable  # noqa: E402

TOY = tabular_data.Set("cls", "toy", "toys", "toy", "kind", "", drop=("note",))


def run(*arguments):
    command = [sys.executable, str(BENCHMARKS / "tabular.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def toy():
    """Return a table as packages have them: texts, whole numbers, row names, a target that is missing once."""
    return pd.DataFrame(
        {
            "rownames": [1, 2, 3, 4, 5],
            "note": ["v", "w", "x", "y", "z"],
            "size": [3, 1, 2, 5, 9],
            "yes": ["yes", None, "no", "no", None],
            "town": ["Ulm", "Bonn", None, "Trier", "Aachen"],
            "kind": ["late", "early", "late", "early", None],
        }
    )


def results(**errors):
    """Return what is kept of models: of each the errors on the splits of set "a", and of set "b"."""
    machine = {"cpu": "abacus", "cores": 1, "ram_gib": 1.0, "system": "wood", "load": 0.0}
    found = {}
    for name, sets in errors.items():
        records = {
            key: [{"split": i, "version": "1", "error": e, "fit": 1.0, "predict": 0.5} for i, e in enumerate(each)]
            for key, each in sets.items()
        }
        found[name] = {"title": MODELS[name].title, "categories": "", "threads": 1, "machine": machine}
        found[name] |= {"date": "2026-01-01", "sets": records}
    return found


# --- splits --------------------------------------------------------------------------------------------------------
def test_a_split_has_every_row_once_and_a_quarter_of_each_class():
    y = np.repeat([0, 1, 2, 3, 4], [40, 13, 4, 2, 1])
    train, test = tabular_data.split(y, "cls", 0)
    assert sorted([*train, *test]) == list(range(60))
    assert np.bincount(y[test], minlength=5).tolist() == [10, 3, 1, 1, 0]
    assert not np.array_equal(train, np.sort(train))


def test_a_split_of_numbers_is_a_quarter_of_the_rows():
    train, test = tabular_data.split(np.linspace(0, 1, 10), "reg", 3)
    assert (len(train), len(test)) == (8, 2)
    assert sorted([*train, *test]) == list(range(10))


def test_splits_are_the_same_for_a_seed_and_others_for_others():
    y = np.arange(100) % 3
    splits = [tabular_data.split(y, "cls", seed)[1].tolist() for seed in (0, 0, 1)]
    assert splits[0] == splits[1] != splits[2]


# --- scores --------------------------------------------------------------------------------------------------------
def test_scores_of_classes():
    y = np.array([0, 1, 1, 0])
    p = np.array([[0.75, 0.25], [0.25, 0.75], [0.75, 0.25], [1.0, 0.0]])
    found = scores.of_classes(y, p)
    assert found["error"] == 0.25
    assert found["logloss"] == pytest.approx(-(2 * np.log(0.75) + np.log(0.25)) / 4, rel=1e-6)
    # In the bin of 0.75 there are three rows, two of them right; the row of probability 1 is right.
    assert found["ece"] == pytest.approx(abs(2 - 3 * 0.75) / 4, abs=1e-6)


def test_a_probability_of_0_for_the_truth_costs_much_but_not_all():
    assert scores.of_classes(np.array([0]), np.array([[0.0, 1.0]]))["logloss"] == pytest.approx(15.94, abs=0.01)


def test_the_mean_as_prediction_has_error_1():
    y = np.array([1.0, 2.0, 6.0])
    assert scores.of_numbers(y, np.full((3, 1), 3.0)) == {"error": pytest.approx(1.0)}
    assert scores.of_numbers(y, y) == {"error": 0.0}


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_predictions_that_are_not_numbers_are_refused(bad):
    with pytest.raises(ValueError, match=r"finite\. Got 1 of 2 that are not"):
        scores.of_numbers(np.array([1.0, 2.0]), np.array([1.0, bad]))
    with pytest.raises(ValueError, match="finite"):
        scores.of_classes(np.array([0]), np.array([[bad, 0.5]]))


def test_the_shifted_geometric_mean():
    assert scores.shifted_geometric_mean([0.03, 0.0], shift=0.01) == pytest.approx(0.01)  # sqrt(0.04 * 0.01) - 0.01
    assert scores.shifted_geometric_mean([0.2, 0.2, 0.2]) == pytest.approx(0.2)
    assert scores.shifted_geometric_mean([0.1, 0.9]) < 0.5


def test_equal_errors_share_their_ranks():
    assert scores.ranks({"a": 0.2, "b": 0.1, "c": 0.2, "d": 0.3}) == {"a": 2.5, "b": 1.0, "c": 2.5, "d": 4.0}
    assert scores.mean_ranks({"x": {"a": 1.0, "b": 2.0}, "y": {"a": 1.0, "b": 1.0}}) == {"a": 1.25, "b": 1.75}


def test_wins_ties_and_losses_are_counted_where_both_have_been():
    errors = {"w": {"a": 1, "b": 2}, "x": {"a": 2, "b": 2}, "y": {"a": 3, "b": 2}, "z": {"a": 0}, "v": {"a": 0, "b": 1}}
    assert scores.against(errors, "a", "b") == {"wins": 2, "ties": 1, "losses": 1}


def test_the_worst_ratio_names_its_set():
    errors = {"x": {"a": 0.03, "b": 0.01, "c": 0.07}, "y": {"a": 0.1, "b": 0.2}}
    assert scores.worst(errors, "a", ["b", "c"]) == (pytest.approx(2.0), "x")
    assert scores.worst(errors, "b", ["b", "c"]) == (pytest.approx(0.25), "x")  # itself is no baseline
    assert scores.worst(errors, "c", ["c"]) is None


# --- sets ----------------------------------------------------------------------------------------------------------
def test_a_table_is_tidied():
    frame = tabular_data.tidy(toy(), TOY)
    assert list(frame) == ["size", "yes", "town", "kind"]
    assert frame["size"].tolist() == [3.0, 1.0, 2.0, 5.0]
    assert frame["size"].dtype == np.float64
    np.testing.assert_array_equal(frame["yes"], [1.0, np.nan, 0.0, 0.0])
    assert list(frame["town"].cat.codes) == [2, 0, -1, 1]
    assert list(frame["town"].cat.categories) == ["Bonn", "Trier", "Ulm"]
    assert list(frame["kind"].cat.codes) == [1, 0, 1, 0]


@pytest.mark.parametrize(
    "change",
    [
        {"size": [3, 1, 4, 5, 9]},
        {"town": ["Ulm", "Bonn", "Ulm", "Trier", None]},
        {"town": ["Ulm", "Bern", None, "Trier", None]},
        {"kind": ["early", "late", "early", "late", None]},
    ],
)
def test_a_digest_notices_a_change(change):
    before = tabular_data.digest(tabular_data.tidy(toy(), TOY))
    assert before == tabular_data.digest(tabular_data.tidy(toy(), TOY))
    assert tabular_data.digest(tabular_data.tidy(toy().assign(**change), TOY)) != before
    assert tabular_data.digest(tabular_data.tidy(toy().rename(columns={"size": "length"}), TOY)) != before


def test_a_digest_takes_any_nan_and_no_last_bit():
    frame = tabular_data.tidy(toy(), TOY)
    before = tabular_data.digest(frame)
    other_nan = np.array([0x7FF80000000007A2], np.uint64).view(np.float64)[0]  # R's NA
    frame["yes"] = np.where(frame["yes"].isna(), other_nan, frame["yes"])
    frame["size"] = np.nextafter(frame["size"], 10)
    assert tabular_data.digest(frame) == before


@pytest.mark.parametrize(("name", "rows", "features"), [("breast_cancer", 569, 30), ("diabetes", 442, 10)])
def test_sets_of_scikit_learn_are_there(name, rows, features):
    table = tabular_data.table(name)
    assert table.X.shape == (rows, features)
    assert set(table.X.dtypes.map(str)) == {"float64"}
    assert len(table.y) == rows
    assert table.classes == {"cls": ["0", "1"], "reg": []}[table.task]


def test_a_table_with_another_digest_is_refused(monkeypatch):
    monkeypatch.setitem(tabular_data.SETS, "toy", TOY)
    monkeypatch.setitem(tabular_data.SOURCES, "toy", lambda package, name: toy())
    with pytest.raises(DataUnavailable, match="toy must be the table with the digest "):
        tabular_data.table("toy")


def test_a_price_is_learnt_as_its_logarithm(monkeypatch):
    row = tabular_data.Set("reg", "toy", "toys", "toy", "size", "", log=True, drop=("note", "kind"))
    row = replace(row, digest=tabular_data.digest(tabular_data.tidy(toy(), row)))
    monkeypatch.setitem(tabular_data.SETS, "toy", row)
    monkeypatch.setitem(tabular_data.SOURCES, "toy", lambda package, name: toy())
    table = tabular_data.table("toy")
    np.testing.assert_allclose(table.y, np.log([3, 1, 2, 5, 9]))
    assert "size" not in table.X


def test_a_package_is_fetched_once_and_only_what_is_needed_is_kept(monkeypatch, tmp_path):
    fetched = []

    def unpack(package, scratch):
        fetched.append(package)
        data = scratch / tabular_data.R_FOLDER / "mlbench" / "data"
        data.mkdir(parents=True)
        for name in ("Vehicle", "Vowel", "Shuttle", "Zoo"):
            (data / f"{name}.rda").write_text(name)
        return scratch

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(tabular_data, "unpack_debian", unpack)
    paths = [tabular_data.fetched("r-cran-mlbench", name) for name in ("Vehicle", "Vowel")]
    assert [path.read_text() for path in paths] == ["Vehicle", "Vowel"]
    assert fetched == ["r-cran-mlbench"]
    assert len(list(tabular_data.folder().iterdir())) == 3


def test_without_debian_it_is_said_what_to_do(monkeypatch, tmp_path):
    def unpack(package, scratch):
        raise OSError("there is no apt-get on this machine")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(tabular_data, "unpack_debian", unpack)
    with pytest.raises(
        DataUnavailable, match=r"there is no apt-get on this machine.*musk\.rda from R's package kernlab"
    ):
        tabular_data.fetched("r-cran-kernlab", "musk")


def test_a_damaged_file_is_named(monkeypatch, tmp_path):
    pytest.importorskip("rdata")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = tabular_data.folder() / "r-cran-kernlab-musk.rda"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"RDX3 and then nothing of use")
    with pytest.raises(DataUnavailable, match=r"musk\.rda cannot be read: .* Remove it"):
        tabular_data.table("musk1")


def test_a_set_that_is_not_to_be_had_is_skipped_once(monkeypatch, tmp_path, capsys):
    def unavailable(package, name):
        raise DataUnavailable("no way to it")

    monkeypatch.setitem(tabular_data.SOURCES, "debian", unavailable)
    options = ["--models", "linear", "--sets", "vowel,diabetes", "--splits", "3", "--worker", "--out", str(tmp_path)]
    assert tabular.main(options) == 0
    out = capsys.readouterr().out
    assert [out.count("vowel: skipped, no way to it"), out.count("linear, diabetes: ")] == [1, 3]


# --- the run -------------------------------------------------------------------------------------------------------
def test_it_runs_and_goes_on_where_it_was(tmp_path, capsys):
    arguments = ["--models", "linear", "--sets", "breast_cancer,diabetes", "--out", str(tmp_path)]
    first = run(*arguments, "--splits", "1")
    assert first.returncode == 0, first.stdout + first.stderr
    assert tabular.main([*arguments, "--splits", "2", "--worker"]) == 0  # in this process
    for out in (first.stdout, capsys.readouterr().out):  # each measures one split of each set
        assert [out.count(f"linear, {name}: error ") for name in ("breast_cancer", "diabetes")] == [1, 1]
    kept = json.loads((tmp_path / "linear.json").read_text(encoding="utf-8"))["sets"]
    assert [record["split"] for record in kept["diabetes"]] == [0, 1]
    assert 0 < kept["breast_cancer"][0]["error"] < 0.06
    assert 0.5 < kept["diabetes"][0]["error"] < 0.9
    assert tabular.main(["--render", "--out", str(tmp_path)]) == 0
    assert "Over 4 splits of 2 sets" in capsys.readouterr().out


def test_with_nothing_to_show_it_fails(tmp_path):
    assert tabular.main(["--render", "--out", str(tmp_path / "none")]) == 1


def test_numbers_are_filled_in_and_categories_stay():
    class Keeps:
        def fit(self, X, y):
            self.X = X
            return self

    frame = tabular_data.tidy(toy(), TOY).drop(columns="kind")
    kept = imputed(Keeps()).fit(frame, None)[-1].X
    assert kept["yes"].tolist() == [1.0, 0.0, 0.0, 0.0]
    assert list(kept["town"].cat.codes) == [2, 0, -1, 1]


def test_a_model_that_is_not_there_is_refused(capsys):
    with pytest.raises(SystemExit):
        tabular.parse(["--models", "linear,abacus"])
    assert "there is no abacus" in capsys.readouterr().err


def test_names_may_be_short():
    assert tabular.chosen("linear,sklearn", MODELS) == ["linear", "sklearn-mlp", "sklearn-mlp-scaled"]
    assert tabular.chosen("", {"a": 1, "b": 2}) == ["a", "b"]
    assert tabular.parse(["--again", "tabm"]).models == ["tabm"]


def test_a_model_that_fails_does_not_stop_the_rest(tmp_path, monkeypatch, capsys):
    class Broken:
        def fit(self, X, y):
            if len(y) > 400:
                raise RuntimeError("too many rows")
            return self

        def predict(self, X):
            return np.zeros(len(X))

    row = tabular.Model("Broken", lambda task, seed, threads: Broken(), "", "numpy", "none")
    monkeypatch.setitem(MODELS, "broken", row)
    options = ["--models", "broken", "--sets", "breast_cancer,diabetes", "--splits", "1", "--worker"]
    assert tabular.main([*options, "--out", str(tmp_path)]) == 1
    assert "too many rows" in capsys.readouterr().err
    kept = json.loads((tmp_path / "broken.json").read_text(encoding="utf-8"))["sets"]
    assert [len(kept[name]) for name in ("breast_cancer", "diabetes")] == [0, 1]


# --- the page ------------------------------------------------------------------------------------------------------
def test_models_are_compared_where_all_have_been():
    found = results(
        lightgbm={"a": [0.2, 0.4], "b": [0.1]}, linear={"a": [0.3, 0.5], "b": [0.3]}, realmlp={"a": [0.1], "b": []}
    )
    assert tabular_page.full(found) == ["lightgbm", "linear"]
    assert tabular_page.splits(found, found) == {"a": [0]}
    assert tabular_page.errors(found, list(found), {"a": [0]}) == {
        "a": {"lightgbm": 0.2, "linear": 0.3, "realmlp": 0.1}
    }
    text = tabular_page.page(found)
    assert "Over 3 splits of 2 sets" in text.split("## Where RealMLP has been")[0]
    assert "Over 1 splits of 1 sets" in text.split("## Where RealMLP has been")[1]


def test_the_summary_has_the_best_first():
    found = results(linear={"a": [0.3], "b": [0.1]}, lightgbm={"a": [0.2], "b": [0.05]})
    rows = [line.split("|")[1:6] for line in tabular_page.summary(found, list(found)) if line.startswith("| L")]
    rows += [line.split("|")[1:6] for line in tabular_page.summary(found, list(found)) if line.startswith("| logistic")]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["LightGBM", "1.00", "0.1022", "", "0.68 (a)"],
        ["logistic regression, ridge, scaled", "2.00", "0.1747", "0–0–2", "1.83 (b)"],
    ]


def test_the_published_page_is_what_the_script_makes_of_its_results():
    published = json.loads((speed_page.PUBLISHED / "tabular.json").read_text(encoding="utf-8"))
    assert (speed_page.PUBLISHED / "tabular.md").read_text(encoding="utf-8") == tabular_page.page(published)
    assert tabular_page.dumped(published) == (speed_page.PUBLISHED / "tabular.json").read_text(encoding="utf-8")


def test_the_page_and_its_chart_are_written(tmp_path):
    pytest.importorskip("matplotlib")
    found = results(lightgbm={"a": [0.2, 0.4], "b": [0.1]}, linear={"a": [0.3, 0.5], "b": [0.3]}, tabm={"a": [0.1]})
    assert tabular_page.publish(found, tmp_path) == tmp_path / "tabular.md"
    assert (tmp_path / "tabular.svg").read_text(encoding="utf-8").startswith("<?xml")
    assert json.loads((tmp_path / "tabular.json").read_text(encoding="utf-8")) == found


# --- other units ---------------------------------------------------------------------------------------------------
def test_columns_in_other_units_say_the_same():
    frame = tabular_data.tidy(toy(), TOY).drop(columns="kind")
    moved = tabular_data.rescaled(frame, 3)
    assert list(moved["town"]) == list(frame["town"])
    assert (moved["yes"].isna() == frame["yes"].isna()).all()
    back = np.polyfit(moved["size"] - moved["size"][0], frame["size"] - frame["size"][0], 1)
    np.testing.assert_allclose(np.polyval(back, moved["size"] - moved["size"][0]), frame["size"] - 3, atol=1e-6)
    assert abs(moved["size"].mean() / moved["size"].std()) > 100
    assert not (tabular_data.rescaled(frame, 4)["size"] == moved["size"]).any()
    assert frame["size"].tolist() == [3, 1, 2, 5]


def test_a_difference_is_told_in_standard_errors():
    assert scores.in_standard_errors([1.0, 3.0], [2.0, 4.0]) == pytest.approx(1.0)
    assert scores.in_standard_errors([1.0, 1.0], [1.0, 1.0]) == 0
    assert scores.in_standard_errors([1.0, 1.0], [1.0, 2.0]) == np.inf
    assert np.isnan(scores.in_standard_errors([1.0], [1.0]))


def test_a_model_is_measured_in_other_units_beside_its_own(tmp_path):
    ran = run("--rescale", "--models", "linear", "--sets", "diabetes", "--splits", "2", "--out", tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "diabetes | 2" in ran.stdout
    plain, moved = (json.loads((folder / "linear.json").read_text()) for folder in (tmp_path, tmp_path / "rescaled"))
    assert plain["sets"]["diabetes"][0]["error"] == pytest.approx(moved["sets"]["diabetes"][0]["error"], rel=1e-3)
