"""A bar for somebody who looks on: epochs, rate, cost, validation, and the most time that is left."""

from __future__ import annotations

from typing import Any

from neural.callbacks import Callback, cost_text


class Bar(Callback):
    """A line on stderr that follows a fit."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        parts = (
            TextColumn("epoch {task.completed:.0f} of at most {task.total:.0f}"),
            *(BarColumn(bar_width=20), TextColumn("{task.description}")),
            *(TimeElapsedColumn(), TextColumn("at most"), TimeRemainingColumn(), TextColumn("left")),
        )
        self.progress = Progress(*parts, console=Console(stderr=True), transient=True)

    def on_train_begin(self, training: Any) -> None:
        self.progress.start()
        self.task = self.progress.add_task("", total=training.epochs)

    def on_epoch_end(self, training: Any) -> None:
        self.progress.update(self.task, completed=training.epoch, description=described(training))

    def on_train_end(self, training: Any) -> None:
        self.progress.stop()


def described(training: Any) -> str:
    """Return what an epoch has brought: cost, validation, learning rate, rows a second."""
    numbers = training.numbers
    speed = len(training.data) / max(numbers["seconds"], 1e-9)
    costs = f"cost {cost_text(numbers['loss'])}, validation {cost_text(numbers['val_loss'])}"
    return f"{costs}, rate {numbers['learning_rate']:.2g}, {speed:,.0f} rows/s"
