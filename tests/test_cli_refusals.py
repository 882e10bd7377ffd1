"""Bad command lines and bad files: exit code 2, one sentence that helps, nothing written, and never a traceback."""

import os
import re

import pytest

from neural import cli, table_files

TRAIN = "train flowers.csv -t species "
OPTIONS = [  # of neural train, with a word of the refusal
    ("--epochs 0", "epochs must be"),
    ("--epochs -1", "epochs must be"),
    ("--epochs many", "--epochs"),
    ("--epochs 1.5", "--epochs"),
    ("--epochs 99999999999", "epochs must be"),
    ("--batch-size 0", "batch_size must be"),
    ("--learning-rate 0", "learning_rate must be"),
    ("--learning-rate -1", "learning_rate must be"),
    ("--learning-rate nan", "learning_rate must be"),
    ("--learning-rate inf", "learning_rate must be"),
    ("--learning-rate fast", "--learning-rate"),
    ("--dropout 1", "dropout must be"),
    ("--dropout nan", "dropout must be"),
    ("--patience -1", "patience must be"),
    ("--validation 0", "validation must be"),
    ("--validation 0.6", "validation must be"),
    ("--validation nan", "validation must be"),
    ("--validation 0.001", "Give a larger one"),
    ("--test -0.1", "test must be"),
    ("--test 0.4 --validation 0.4", "at most 0.5"),
    ("--seed -1", "seed must be"),
    ("--seed 99999999999", "seed must be"),
    ("--seed x", "--seed"),
    ("--activation rely", "Did you mean 'relu'"),
    ("--activation softmax", "activation must be one of"),
    ("--optimizer adma", "Did you mean"),
    ("--optimizer lbfgs", "optimizer must be one of"),
    ("--task guess", "'classes', 'values'"),
    ("--task values", "Choose the task 'classes'"),
    ("--hidden x", "such as 64,32"),
    ("--hidden -3", "such as 64,32"),
    ("--hidden 3,", "such as 64,32"),
    ("--hidden 3,0", "a width in hidden"),
    ("--hidden 10001", "a width in hidden"),
    ("--hidden ٣", "such as 64,32"),
    ("--hidden " + ",".join(["2"] * 21), "at most 20"),
    ("--drop colur", "Did you mean 'colour'"),
    ("--drop species", "named once"),
    ("--weight lenght", "Did you mean 'length'"),
    ("--weight species", "another than the target"),
    ("--weight colour", "the column of weights 'colour' must be numbers, none missing"),
    ("--weight id --drop id", "named once"),
    ("--drop id --number id", "named once"),
    ("--category seasons", "must be a column of the table"),
    ("--number colour", "one of numbers"),
    ("--drop id --drop length --drop width --drop colour", "a column to learn from"),
    ("--out flowers.csv", "--out must be a folder"),
    ("--out flowers.csv/run", "--out must be a folder"),
    ("--out /dev/null/run", "--out must be a folder"),
    ("--out=", "out must be text"),
    ("--epoch", "No such option"),
    ("--tset 3", "No such option"),
    ("houses.csv", "unexpected extra argument"),
]
COMMANDS = [
    ("trian", "No such command"),
    ("--verbose", "No such option"),
    ("train", "Missing argument"),
    ("train flowers.csv", "Its columns are id, length"),
    ("train gone.csv", "There is no file 'gone.csv'"),
    ("train gone.csv -t y", "There is no file 'gone.csv'"),
    ("train flowers.csv -t", "requires an argument"),
    ("train flowers.csv -t specis", "Did you mean 'species'"),
    ("train flowers.csv --target=", "target must be text"),
    ("train folder.csv -t y", "It is a folder"),
    ("train . -t y", "It is a folder"),
    ("train empty.csv -t y", "It is empty"),
    ("train blank.csv -t y", "It is empty"),
    ("train header.csv -t species", "rows below the names"),
    ("train one_column.csv -t species", "there is no other column"),
    ("train free.csv -t y", "a name or free text"),
    ("train missing.csv -t y", "no values"),
    ("train lost_target.csv -t y", "Every row of it is missing"),
    ("train free_target.csv -t y", "two rows for each class"),
    ("train constant.csv -t species", "All are 'daisy'"),
    ("train few.csv -t species", "at least 10 rows"),
    ("train twice.csv -t species", "'length' twice"),
    ("train no_header.csv -t y", "Got numbers: 5.1"),
    ("train ragged.csv -t species", "rows of 6 fields.*Line 6 has 9"),
    ("train ragged_first.csv -t species", "rows of 6 fields.*Line 2 has more"),
    ("train quote.csv -t species", "rows of 6 fields.*never closed"),
    ("train latin.csv -t species", "0xe2 in or near line [0-9]+. Save it as UTF-8"),
    ("train utf16.csv -t species", "UTF-8"),
    ("train nul.csv -t species", "NUL byte"),
    ("train picture.csv -t species", "UTF-8"),
    ("train sheet.xlsx -t species", "must be text"),
    ("train long.csv -t b", "Line 3 is longer"),
    ("train long_header.csv -t b", "Line 1 is longer"),
    ("train infinite.csv -t y --task values", "'inf'|number"),
    ("train bad.parquet -t y", "must be a Parquet file"),
    ("train bad.npz -t y", "must be a NumPy file"),
    ("train bad.npy -t y", "must be a NumPy file"),
    ("train cut.npy -t 0", "must be a NumPy file"),
    ("train objects.npy -t 0", "must be a NumPy file"),
    ("train cube.npy -t 0", "of one axis or two"),
    ("train number.npy -t 0", "of one axis or two"),
    ("train no_rows.npy -t 0", "rows below"),
    ("train lengths.npz -t y", "arrays of one length"),
    ("train nothing.npz -t y", "rows below|no array"),
    ("train list.json -t y", "rows below|column of the table"),
    ("train gone.toml", "gone.csv"),
    ("train none.toml", "none.toml"),
    ("train syntax.toml", "must be a TOML file"),
    ("train twice.toml", "must be a TOML file"),
    ("train latin.toml", "must be a TOML file"),
    ("train large.toml", "larger than"),
    ("train deep.toml", "TOML|deep"),
    ("train empty.toml", "what data and target are"),
    ("train unknown.toml", "Did you mean 'epochs'"),
    ("train no_target.toml", "what target is"),
    ("train no_data.toml", "what data is"),
    ("train text_epochs.toml", "epochs must be"),
    ("train true_epochs.toml", "epochs must be"),
    ("train text_drop.toml", "drop must be a list"),
    ("train hidden.toml", "a width in hidden"),
    ("train number_data.toml", "data must be text"),
    ("train table.toml", "data must be text"),
    ("train date.toml", "target must be text"),
    ("train nan.toml", "learning_rate must be"),
    ("predict", "Missing argument"),
    ("predict run", "Missing argument"),
    ("predict gone flowers.csv", "There is no model 'gone'"),
    ("predict empty_run flowers.csv", "no model model.neural in the folder 'empty_run'"),
    ("predict cut.neural flowers.csv", "cut short"),
    ("predict flipped.neural flowers.csv", "checksum|damaged"),
    ("predict longer.neural flowers.csv", "checksum|damaged|length"),
    ("predict nothing.neural flowers.csv", "model file"),
    ("predict huge_header.neural flowers.csv", "model file"),
    ("predict flowers.csv flowers.csv", "model file"),
    ("predict no_columns.neural flowers.csv", "neural train has written"),
    ("predict own_code.neural flowers.csv", "own_code.neural"),
    ("predict run gone.csv", "There is no file"),
    ("predict run empty.csv", "It is empty"),
    ("predict run no_length.csv", "It lacks 'length'"),
    ("predict run houses.csv", "It lacks"),
    ("predict run flowers.csv --out folder.csv", "path must be a file"),
    ("predict run flowers.csv --out none/p.csv", "path must be a file"),
    ("predict run prediction.csv --keep", "Leave out --keep"),
    ("predict run prediction.csv --keep --out p.csv", "Leave out --keep"),
    ("evaluate run no_target.csv", "must have the target 'species'"),
    ("evaluate run other_species.csv", "the model knows"),
    ("evaluate run flowers.csv --at-least", "requires an argument"),
    ("evaluate run flowers.csv --at-least accuracy", "accuracy=0.9"),
    ("evaluate run flowers.csv --at-least accuracy=high", "accuracy=0.9"),
    ("evaluate run flowers.csv --at-least accuracy=nan", "accuracy=0.9"),
    ("evaluate run flowers.csv --at-least acuracy=1", "Did you mean 'accuracy'"),
    ("evaluate run flowers.csv --at-most rmse=1", "rmse on these rows"),
    ("evaluate values flowers.csv", "must have the target 'price'"),
    ("inspect", "Missing argument"),
    ("inspect gone", "There is no model"),
    ("inspect cut.neural", "cut short"),
    ("inspect flipped.neural", "checksum|damaged"),
    ("inspect flowers.csv", "model file"),
    ("export run", "Missing argument"),
    ("export gone model.c", "There is no model"),
    ("export run model.exe", "suffix of an export"),
    ("export run model", "suffix of an export"),
    ("export run none/model.c", "path must be a file"),
    ("export cut.neural model.c", "cut short"),
    ("verify gone.c", "There is no file"),
    ("verify flowers.csv", "suffix of an exported file"),
    ("verify notes.c", "no test rows"),
    ("verify notes.py", "no test rows"),
    ("plot gone", "There is no file"),
    ("plot empty_run", "There is no file"),
    ("plot no_loss.csv", "with a column loss"),
    ("plot odd_loss.csv", "finite numbers in the column loss"),
    ("plot run --out curves.gif", "suffix of a picture"),
    ("plot run --out none/curves.png", "path must be a file"),
    ("plot run --data no_target.csv", "must have the target"),
    ("plot run --data gone.csv", "There is no file"),
    ("bench --repeats 0", "--repeats"),
    ("bench --repeats x", "--repeats"),
    ("demo --seed x", "seed"),
]
CASES = [(TRAIN + options, words) for options, words in OPTIONS] + COMMANDS


def content_of(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_there_are_more_than_a_hundred():
    assert len({line for line, _ in CASES}) == len(CASES) > 150


@pytest.mark.parametrize(("line", "words"), CASES, ids=[line for line, _ in CASES])
def test_refused_in_a_sentence(folder, monkeypatch, capfd, line, words):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(table_files, "LONGEST_LINE", 2048)
    before = content_of(folder)
    code = cli.main(line.split(" "))
    out, message = capfd.readouterr()
    assert code == 2, (out, message)
    assert "Traceback" not in message
    assert out == ""
    if not line.startswith("demo"):  # argparse shows its usage above the message
        assert message.startswith("neural: ")
        assert message.count("\n") == 1
        assert len(message) < 1000
    assert re.search(words, message), message
    assert content_of(folder) == before


def test_no_arguments_show_the_commands(capfd):
    assert cli.main([]) == 2
    assert "evaluate" in capfd.readouterr().err


def test_a_folder_that_is_not_to_be_written_to(folder, monkeypatch, capfd):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    place = folder / "locked"
    place.mkdir(mode=0o500)
    monkeypatch.chdir(folder)
    assert cli.main(["train", "flowers.csv", "-t", "species", "--out", "locked/run"]) == 2
    assert "Permission denied" in capfd.readouterr().err
