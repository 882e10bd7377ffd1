"""A folder of files for the command line: a table that can be learned, a model of it, and all that is wrong."""

import csv
import json

import numpy as np

import neural
from neural import DenseLayer, NeuralNetwork, cli

ROWS = 120


def flowers(rows=ROWS, seed=0):
    """Return columns of a table: numbers with gaps, a category, a date, a row's number, and the species they tell."""
    rng = np.random.default_rng(seed)
    species = rng.integers(0, 3, rows)
    length = 1.5 * species + rng.normal(0, 0.3, rows) + 2
    gone = rng.random(rows) < 0.1
    return {
        "id": [str(k) for k in range(1, rows + 1)],
        "length": ["" if lost else f"{x:.2f}" for x, lost in zip(length, gone, strict=True)],
        "width": [f"{x:.2f}" for x in rng.normal(3, 1, rows)],
        "colour": [["white", "blue", "red"][k] for k in np.where(rng.random(rows) < 0.7, species, 0)],
        "seen": [f"2024-{1 + k % 12:02}-{1 + k % 28:02}" for k in range(rows)],
        "species": [["daisy", "iris", "poppy"][k] for k in species],
    }


def write_csv(path, columns, **options):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n", **options)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def ran(*arguments):
    """Run the command line here, and complain unless it ends well."""
    assert cli.main([str(argument) for argument in arguments]) == 0


def make(folder):
    """Fill a folder: flowers.csv, houses.csv, run (a model of the first), values (of the second), and the rest."""
    table = flowers()
    write_csv(folder / "flowers.csv", table)
    rng = np.random.default_rng(1)
    rooms = rng.integers(1, 8, ROWS)
    price = 50 * rooms + rng.normal(0, 10, ROWS)
    write_csv(folder / "houses.csv", {"rooms": rooms, "noise": rng.normal(size=ROWS).round(3), "price": price.round(2)})
    quick = ("--epochs", "40", "--quiet")
    ran("train", folder / "flowers.csv", "-t", "species", "-o", folder / "run", *quick)
    ran("train", folder / "houses.csv", "-t", "price", "-o", folder / "values", *quick)
    _bad_texts(folder, table)
    _bad_arrays(folder)
    _bad_models(folder)
    _bad_settings(folder)
    return folder


def _bad_texts(folder, table):
    good = (folder / "flowers.csv").read_text()
    lines = good.splitlines()
    texts = {
        "empty.csv": "",
        "blank.csv": " \n\n  \n",
        "header.csv": lines[0] + "\n",
        "one_column.csv": "\n".join(["species", *table["species"]]),
        "twice.csv": good.replace("width", "length", 1),
        "no_header.csv": "\n".join(["5.1,3.5,1", "4.9,3.0,0", "4.7,3.2,1"]),
        "ragged.csv": "\n".join([*lines[:5], lines[5] + ",9,9,9", *lines[6:]]),
        "ragged_first.csv": "\n".join([lines[0], lines[1] + ",9", *lines[2:]]),
        "quote.csv": good.replace("daisy", '"daisy', 1),
        "few.csv": "\n".join(lines[:6]),
        "constant.csv": good.replace("iris", "daisy").replace("poppy", "daisy"),
        "long.csv": "a,b\n1,2\n" + "3" * 4096 + ",4\n",
        "long_header.csv": "a" * 4096,
        "no_target.csv": "\n".join(",".join(line.split(",")[:5]) for line in lines),
        "no_length.csv": good.replace("length", "height", 1),
        "other_species.csv": good.replace("daisy", "rose").replace("iris", "tulip").replace("poppy", "lily"),
        "prediction.csv": good.replace("seen", "prediction", 1),
        "no_loss.csv": "epoch,cost\n1,0.5\n2,0.4\n",
        "odd_loss.csv": "epoch,loss\n1,0.5\n2,nan\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "latin.csv").write_bytes(good.replace("daisy", "p\xe2querette").encode("latin-1"))
    (folder / "utf16.csv").write_bytes(good.encode("utf-16"))
    (folder / "nul.csv").write_bytes(good.replace("daisy", "da\0sy", 1).encode())
    (folder / "picture.csv").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    (folder / "sheet.xlsx").write_bytes(b"PK\x03\x04" + bytes(100))
    names = [f"n{k}" for k in range(30)]
    write_csv(folder / "free.csv", {"a": names, "b": names[::-1], "y": ["u", "v"] * 15})
    write_csv(folder / "missing.csv", {"a": [""] * 30, "b": ["NA"] * 30, "y": ["u", "v"] * 15})
    write_csv(folder / "lost_target.csv", {"a": range(30), "y": [""] * 30})
    write_csv(folder / "free_target.csv", {"a": [k % 7 for k in range(30)], "y": names})
    write_csv(folder / "infinite.csv", {"a": [k % 7 for k in range(30)], "y": ["inf", "-inf", "1.5"] * 10})
    (folder / "folder.csv").mkdir()


def _bad_arrays(folder):
    rng = np.random.default_rng(0)
    (folder / "bad.parquet").write_bytes(b"PAR1 and then nothing")
    (folder / "bad.npz").write_bytes(b"PK\x03\x04 no archive")
    (folder / "bad.npy").write_bytes(b"\x93NUMPY\x01\x00")
    np.save(folder / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    np.save(folder / "cube.npy", rng.normal(size=(3, 3, 3)))
    np.save(folder / "number.npy", np.float64(3))
    np.save(folder / "no_rows.npy", np.zeros((0, 3)))
    np.savez(folder / "lengths.npz", X=rng.normal(size=(20, 2)), y=np.arange(19))
    np.savez(folder / "nothing.npz")
    cut = folder / "cut.npy"
    np.save(cut, rng.normal(size=(100, 3)))
    cut.write_bytes(cut.read_bytes()[:500])


def _bad_models(folder):
    model = (folder / "run" / "model.neural").read_bytes()
    middle = len(model) // 2
    bad = {
        "cut.neural": model[:middle],
        "flipped.neural": model[:middle] + bytes([model[middle] ^ 1]) + model[middle + 1 :],
        "longer.neural": model + b" ",
        "nothing.neural": b"",
        "huge_header.neural": (2**63).to_bytes(8, "little") + model[8:],
    }
    for name, content in bad.items():
        (folder / name).write_bytes(content)
    NeuralNetwork([DenseLayer(2, 1)], "mse").save(folder / "no_columns.neural")
    own = NeuralNetwork([DenseLayer(2, 2, (lambda z: z, np.ones_like))], "mse")
    own.save(folder / "own_code.neural")
    assert neural.load(folder / "no_columns.neural").columns_ is None
    (folder / "empty_run").mkdir()


def _bad_settings(folder):
    texts = {
        "syntax.toml": "data = \n",
        "twice.toml": 'data = "flowers.csv"\ndata = "flowers.csv"\n',
        "unknown.toml": 'data = "flowers.csv"\ntarget = "species"\nepoch = 3\n',
        "no_target.toml": 'data = "flowers.csv"\n',
        "no_data.toml": 'target = "species"\n',
        "text_epochs.toml": 'data = "flowers.csv"\ntarget = "species"\nepochs = "many"\n',
        "true_epochs.toml": 'data = "flowers.csv"\ntarget = "species"\nepochs = true\n',
        "text_drop.toml": 'data = "flowers.csv"\ntarget = "species"\ndrop = "id"\n',
        "hidden.toml": 'data = "flowers.csv"\ntarget = "species"\nhidden = [[3]]\n',
        "number_data.toml": 'data = 3\ntarget = "species"\n',
        "table.toml": 'target = "species"\n[data]\nfile = "flowers.csv"\n',
        "date.toml": 'data = "flowers.csv"\ntarget = 2024-01-01\n',
        "gone.toml": 'data = "gone.csv"\ntarget = "species"\n',
        "nan.toml": 'data = "flowers.csv"\ntarget = "species"\nlearning_rate = nan\n',
        "empty.toml": "",
        "deep.toml": 'data = "flowers.csv"\ntarget = "species"\nhidden = ' + "[" * 5000 + "]" * 5000 + "\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    (folder / "latin.toml").write_bytes('data = "\xe9.csv"'.encode("latin-1"))
    (folder / "large.toml").write_bytes(b"#" * ((1 << 20) + 1))
    (folder / "notes.c").write_text("int main(void) { return 0; }\n")
    (folder / "notes.py").write_text("print('no test rows')\n")
    (folder / "list.json").write_text(json.dumps([1]))
