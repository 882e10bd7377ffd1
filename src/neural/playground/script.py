"""The Python code that makes and trains the network of a session, with its bits."""

from __future__ import annotations

import json
from typing import Any

from neural.playground.points import CIRCLE_FACTOR, TEST_IMAGES, CsvTable
from neural.playground.settings import OF_TRAINING, Settings
from neural.playground.trainer import Segment, Trainer
from neural.schedules import SCHEDULES

STOP = '''
class StopAfter(Callback):
    """Ends a fit early: its schedule has then gone a part of its way."""

    def __init__(self, epochs):
        self.epochs = epochs

    def on_epoch_end(self, training):
        if training.epoch == self.epochs:
            training.stop(f"after {self.epochs} epochs")
'''
CSV = """
def number(cell):
    try:
        return float(cell)
    except ValueError:
        return np.nan


with open({name!r}, encoding="utf-8-sig", newline="") as file:
    lines = csv.reader(file, delimiter={delimiter!r})
    names = [cell.strip() for cell in next(lines)]
    rows = [[cell.strip() for cell in line] for line in lines if line]
first, second, target = (names.index(name) for name in ({columns[0]!r}, {columns[1]!r}, {target!r}))
X = np.array([[number(row[first]), number(row[second])] for row in rows])
y = np.array([row[target] for row in rows])
kept = np.isfinite(X).all(axis=1) & (y != "")
X, (classes, y) = X[kept], np.unique(y[kept], return_inverse=True)
"""
SPLIT = """X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_fraction={test_fraction!r}, random_state={data_seed!r}, stratify=y
)
"""
SCALED = """mean, scale = X_train.mean(axis=0), X_train.std(axis=0)
X_train, X_test = (X_train - mean) / scale, (X_test - mean) / scale
"""
IMAGES = """images = fashion_mnist()
X_train, y_train = images.X_train[:{samples}], images.y_train[:{samples}]
X_test, y_test = images.X_test[:{test}], images.y_test[:{test}]
"""
SOME_BATCHES = """
# The first {n} updates of the next epoch, one batch at a time.
order = epoch_order(net.seed, net.state.epoch, len(X_train))
factors = {schedule}().factors(np.arange({done}, {last}), {steps}, {per_epoch})
for k, rate in enumerate({learning_rate!r} * factors):
    rows = order[{batch_size} * k : {batch_size} * (k + 1)]
    net.train_on_batch(
        X_train[rows], y_train[rows], learning_rate=rate, optimizer={optimizer!r}, batch_size={batch_size}
    )
"""


def write(settings: Settings, trainer: Trainer, table: CsvTable | None) -> str:
    """Return a script that makes the data and the network, and trains it as it was trained so far."""
    segments = trainer.segments
    parts = [*_data(settings, table), *_network(segments[0].settings if segments else settings, trainer)]
    last: Settings | None = segments[0].settings if segments else None
    for segment in segments:
        parts.append(_fit(segment, trainer, last))
        last = segment.settings
    parts.append('\nprint(net.evaluate(X_test, y_test, ["accuracy"]))\n')
    text = "".join(parts)
    return _imports(text) + text


def _imports(text: str) -> str:
    """Return the imports of what the script uses."""
    top = [name for name in ("Callback", "DenseLayer", "DropoutLayer", "NeuralNetwork", "load") if f"{name}(" in text]
    top += sorted({kind.__name__ for kind in SCHEDULES.values() if f"{kind.__name__}()" in text})
    top += ["Callback"] * ("(Callback)" in text)
    data = ["fashion_mnist", *(f"make_{name}" for name in ("moons", "circles", "spirals", "xor")), "train_test_split"]
    used = [name for name in data if f"{name}(" in text]
    lines = ["import csv\n"] * ("csv.reader" in text) + ["\n"] * ("csv.reader" in text)
    lines += ["import numpy as np\n\n"] * ("np." in text)
    lines.append(f"from neural import {', '.join(sorted(set(top)))}\n")
    lines.append(f"from neural.datasets import {', '.join(sorted(used))}\n")
    lines += ["from neural.streams import epoch_order\n"] * ("epoch_order(" in text)
    return "".join(lines)


def _data(settings: Settings, table: CsvTable | None) -> list[str]:
    plain = settings.plain()
    if settings.data == "fashion":
        return ["\n", IMAGES.format(test=TEST_IMAGES, **plain)]
    if settings.data == "csv" and table is not None:
        return ["\n", CSV.format(name=table.name, delimiter=table.delimiter, **plain), SPLIT.format(**plain), SCALED]
    factor = f", factor={CIRCLE_FACTOR}" if settings.data == "circles" else ""
    size = f"{settings.samples}, noise={settings.noise!r}, random_state={settings.data_seed}{factor}"
    return ["\n", f"X, y = make_{settings.data}({size})\n", SPLIT.format(**plain)]


def _network(settings: Settings, trainer: Trainer) -> list[str]:
    if trainer.opened:
        return [f"\nnet = load({json.dumps(trainer.opened)})\n"]
    penalties = "".join(f", {name}={value!r}" for name in ("l1", "l2") if (value := getattr(settings, name)))
    widths = [trainer.points.X_train.shape[1], *(hidden.units for hidden in settings.hidden)]
    lines = ["\nlayers = [\n"]
    for n_in, hidden in zip(widths, settings.hidden, strict=False):
        lines.append(f'    DenseLayer({n_in}, {hidden.units}, "{hidden.activation}"{penalties}),\n')
        if settings.dropout:
            lines.append(f"    DropoutLayer({settings.dropout!r}),\n")
    lines.append(f'    DenseLayer({widths[-1]}, {len(trainer.points.classes)}, "softmax"{penalties}),\n]\n')
    scale = ", input_scale=1 / 255" if trainer.points.image_shape else ""
    lines.append(f'net = NeuralNetwork(layers, "categorical_crossentropy"{scale}, random_state={settings.seed})\n')
    return lines


def _fit(segment: Segment, trainer: Trainer, last: Settings | None) -> str:
    """Return the calls that stand for one segment."""
    settings, text = segment.settings, ""
    if last is not None and (last.l1, last.l2) != (settings.l1, settings.l2):
        text += f"\nfor layer in net.layers:\n    layer.l1, layer.l2 = {settings.l1!r}, {settings.l2!r}\n"
    if segment.epochs:
        text += _whole_epochs(segment)
    if segment.batches:
        text += _some_batches(segment, len(trainer.train))
    return text


def _whole_epochs(segment: Segment) -> str:
    settings, done = segment.settings, segment.epochs
    asked: dict[str, Any] = {name: getattr(settings, name) for name in OF_TRAINING if name not in ("l1", "l2")}
    early = settings.schedule != "constant" and (done < settings.epochs)
    asked["epochs"] = settings.epochs if early else done
    if settings.schedule == "constant":
        del asked["schedule"]
    lines = [f"    {name}={value!r},\n".replace("'", '"') for name, value in asked.items()]
    lines += [f"    callbacks=[StopAfter({done})],\n"] * early
    return f"{STOP if early else ''}\nnet.fit(\n    X_train,\n    y_train,\n{''.join(lines)}    verbose=0,\n)\n"


def _some_batches(segment: Segment, rows: int) -> str:
    settings = segment.settings
    size = min(settings.batch_size, rows)
    per_epoch = -(-rows // size)
    done = segment.epochs * per_epoch
    text = SOME_BATCHES.format(
        n=segment.batches, done=done, last=done + segment.batches, steps=per_epoch * settings.epochs,
        per_epoch=per_epoch, schedule=SCHEDULES[settings.schedule].__name__, learning_rate=settings.learning_rate,
        optimizer=settings.optimizer, batch_size=size,
    )  # fmt: skip
    return text.replace("'", '"')
