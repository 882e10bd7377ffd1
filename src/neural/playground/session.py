"""One page's session: its settings, data and network, and the picture of them that the page is sent."""

from __future__ import annotations

from typing import Any

import numpy as np

from neural.errors import NeuralError, check_number, sentence
from neural.playground import network_file, pictures, saving, script, trace, wire
from neural.playground.pictures import View
from neural.playground.points import CsvTable, Points, load
from neural.playground.settings import MOST_TEXT, Settings
from neural.playground.trainer import Trainer

PHASES = ("ready", "forward", "backward", "update")  # of a batch taken step by step; after the last comes the second
FRAME_SECONDS = 0.012  # of training for one picture, at most
MOST_UPDATES = 1_000_000
EDGE = 1e6  # beyond it no point of the plane is looked at


class Session:
    """What is behind one open page. Each method that changes something returns the header and arrays of a picture."""

    def __init__(self) -> None:
        self.table: CsvTable | None = None
        self.view, self.phase = View(), PHASES[0]
        self.settings = Settings()
        self.points: Points = load(self.settings, None)
        self.trainer = Trainer(self.settings, self.points)
        self.fresh = True  # the page does not have the data yet

    # --- what the page asks for ------------------------------------------------------------------------------------
    def configure(self, given: Any) -> bytes:
        """Take other settings: those of the training at once, all others with a new network."""
        settings = Settings.of(given)
        if settings.same_network(self.settings):
            self.settings = settings
            self.trainer.use(settings)
            self.phase = PHASES[0]
        else:
            self._start(settings)
        return self.picture()

    def restart(self) -> bytes:
        """Begin again with the first weights."""
        self._start(self.settings)
        return self.picture()

    def _start(self, settings: Settings) -> None:
        points = load(settings, self.table)
        self._go_on_with(Trainer(settings, points))  # all of it, before anything is replaced

    def open_network(self, name: Any, content: bytes) -> bytes:
        """Take the network of a file that ``net.save`` has written, for the data that there is."""
        self._go_on_with(network_file.opened(_file_name(name), content, self.settings, self.points))
        return self.picture()

    def _go_on_with(self, trainer: Trainer) -> None:
        self.settings, self.points, self.trainer = trainer.settings, trainer.points, trainer
        self.fresh, self.phase = True, PHASES[0]
        self._keep_view_inside()

    def train(self, updates: Any = None, epochs: Any = None) -> bytes:
        """Train so many updates, or epochs, or as far as one picture has time for."""
        if updates is None:
            epochs = check_number("epochs", 1 if epochs is None else epochs, low=1, high=MOST_UPDATES, whole=True)
            updates = epochs * self.trainer.per_epoch - self.trainer.batch
        n = check_number("updates", updates, low=1, high=MOST_UPDATES * MOST_UPDATES, whole=True)
        self.phase = PHASES[0]
        made = self.trainer.advance(n, FRAME_SECONDS)
        return self.picture(made=made)

    def step(self) -> bytes:
        """Go one step with the next batch: its way up, its way down, its update."""
        phase = PHASES[PHASES.index(self.phase) + 1] if self.phase != PHASES[-1] else PHASES[1]
        made = self.trainer.advance(1) if phase == PHASES[-1] else 0
        self.phase = phase
        return self.picture(made=made)

    def inspect(self, layer: Any, unit: Any, point: Any = None) -> bytes:
        """Look at another unit, or at another point of the plane."""
        sizes = [len(biases) for biases in self.trainer.net.biases]
        layer = check_number("layer", layer, low=0, high=len(sizes) - 1, whole=True)
        unit = check_number("unit", unit, low=0, high=sizes[layer] - 1, whole=True)
        self.view = View(layer, unit, self._point(point))
        return self.picture()

    def _point(self, given: Any) -> tuple[float, float] | None:
        if given is None or self.points.image_shape is not None:
            return None
        if not isinstance(given, list) or len(given) != 2:
            raise TypeError(sentence("point", "two numbers, or null", given))
        x, y = (check_number("a number of point", value, low=-EDGE, high=EDGE) for value in given)
        return x, y

    def _keep_view_inside(self) -> None:
        sizes = [len(biases) for biases in self.trainer.net.biases]
        layer = min(self.view.layer, len(sizes) - 1)
        self.view = View(layer, min(self.view.unit, sizes[layer] - 1))

    def read_csv(self, name: Any, content: bytes) -> dict[str, Any]:
        """Take a CSV file, and say which columns it has; the data is not changed yet."""
        self.table = CsvTable.read(_file_name(name) or "data.csv", content)
        return self.table.describe()

    def classify(self, pixels: bytes) -> list[float | None]:
        """Return the probability of each class for an image of grey values."""
        return pictures.short(self.trainer.net.predict(self._image(pixels))[0])

    def _image(self, pixels: bytes) -> np.ndarray:
        shape = self.points.image_shape
        if shape is None:
            raise NeuralError("Only images can be drawn. Choose the images as data first.")
        if len(pixels) != shape[0] * shape[1]:
            raise ValueError(sentence("the image", f"{shape[0]} x {shape[1]} bytes", f"{len(pixels)} bytes"))
        return np.frombuffer(pixels, np.uint8).reshape(1, -1)

    def test_image(self, number: Any) -> dict[str, Any]:
        """Return the pixels of a test image, and its class."""
        if self.points.image_shape is None:
            raise NeuralError("Only images can be shown. Choose the images as data first.")
        row = check_number("number", number, low=0, whole=True) % len(self.points.X_test)
        label = self.points.classes[int(self.points.y_test[row])]
        return {"pixels": self.points.X_test[row].tolist(), "label": label}

    def script(self) -> str:
        """Return the Python code that makes this network."""
        return script.write(self.settings, self.trainer, self.table)

    # --- the picture -----------------------------------------------------------------------------------------------
    def picture(self, **header: Any) -> bytes:
        """Return everything that there is to see, as a message."""
        with np.errstate(all="ignore"):  # what a network has come to, it is to be seen
            return self._picture(header)

    def _picture(self, header: dict[str, Any]) -> bytes:
        trainer, points = self.trainer, self.points
        batch = trainer.next_batch()
        stepping = self.phase in ("forward", "backward")
        seen = batch.seen if stepping and self.view.point is None else self._example()
        image = points.image_shape is not None
        drawn = (
            pictures.of_images(trainer, points) if image else pictures.of_plane(trainer, pictures.plane(points.extent))
        )
        arrays = {**drawn, **pictures.links(batch, image), **pictures.example(seen, image)}
        measured = {name: pictures.one(value) for name, value in trainer.measure().items()}
        header |= {
            "kind": "picture", "phase": self.phase, "stepping": stepping, "epoch": trainer.epoch,
            "batch": trainer.batch, "per_epoch": trainer.per_epoch, "rate": pictures.one(trainer.rate),
            "finished": trainer.finished, "diverged": trainer.diverged, "engine": trainer.engine.name, **measured,
            "penalized": bool(self.settings.l1 or self.settings.l2), "batch_cost": pictures.one(batch.cost),
            "numbers": pictures.numbers_of(seen, batch, self.view, len(trainer.rows)),
        }  # fmt: skip
        if stepping:
            header["rows"] = trainer.rows.tolist()
        if self.fresh:
            data, more = self._data()
            header["data"], arrays, self.fresh = data, arrays | more, False
        return wire.pack(header, arrays)

    def _example(self) -> list[trace.Seen]:
        """Return what the layers make of the point that is looked at, or of the first test row."""
        point = self.view.point
        X = self.points.X_test[:1] if point is None else np.array([point], np.float32)
        return trace.forward(self.trainer.program, X.astype(self.trainer.train.X.dtype, copy=False))

    def _data(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        points = self.points
        header = {
            "classes": points.classes, "axes": points.axes, "extent": points.extent, "image": points.image_shape,
            "train": len(points.X_train), "test": len(points.X_test), "note": points.note,
            "settings": self.settings.plain(), "sizes": [len(biases) for biases in self.trainer.net.biases],
            "params": sum(layer.trainable_params for layer in self.trainer.net.layers),
        }  # fmt: skip
        if points.image_shape is not None:
            return header, {}
        labels = {"y_train": points.y_train.astype(np.uint8), "y_test": points.y_test.astype(np.uint8)}
        return header, {"X_train": points.X_train, "X_test": points.X_test, **labels}

    def save(self) -> dict[str, Any]:
        """Return the session as plain values: settings, what was done, and all numbers, to the bit."""
        return saving.to_plain(self)

    def load(self, saved: Any) -> bytes:
        """Go on from what ``save`` returned; ValueError, and nothing has changed, for anything else."""
        saving.check(saved)
        other = Session.__new__(Session)
        other.table, other.view = None, View()
        if saved["csv"] is not None:
            other.read_csv(saved["csv"]["name"], saved["csv"]["text"].encode())
        other._start(Settings.of(saved["settings"]))
        saving.fill(other.trainer, saved)
        vars(self).update(vars(other))
        return self.picture()


def _file_name(name: Any) -> str:
    if not isinstance(name, str) or len(name) > MOST_TEXT:
        raise TypeError(sentence("name", "the name of a file", name))
    return name
