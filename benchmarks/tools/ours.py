"""The package itself: one call of ``fit``, its checks of the input included. It draws the orders inside the unit."""

from __future__ import annotations

from workloads import Weights, Workload

from neural import DenseLayer, NeuralNetwork
from neural.many import train
from tools.base import OneByOne, Predictor

LOSSES = {"softmax": "categorical_crossentropy", "sigmoid": "binary_crossentropy"}


def network(work: Workload, weights: Weights, engine: str, scale: float | None) -> NeuralNetwork:
    activations = [work.activation] * (len(work.widths) - 2) + [work.link]
    shapes = zip(work.widths[:-1], work.widths[1:], activations, strict=True)
    layers = [DenseLayer(n_in, n_out, activation) for n_in, n_out, activation in shapes]
    net = NeuralNetwork(layers, LOSSES[work.link], engine=engine, input_scale=scale, random_state=work.seed)
    for layer, (W, b) in zip(layers, weights, strict=True):
        layer.weights, layer.biases = W, b
    return net


class Neural:
    engine = "numpy"

    def prepare(self, workload: Workload) -> None:
        self.work = workload

    def reset(self) -> None:
        self.net = network(self.work, self.work.start(), self.engine, self.work.scale)

    def unit(self) -> list[float]:
        work = self.work
        return list(
            self.net.fit(work.X, work.y, work.epochs, work.rate, work.batch, optimizer=work.optimizer, verbose=0)
        )

    def weights(self) -> Weights:
        return [(W, b[:, 0]) for W, b in zip(self.net.weights, self.net.biases, strict=True)]


class Core(Neural):
    engine = "core"


class Many(OneByOne):
    one = Neural


class ManyCore(OneByOne):
    """As many at a time as there are threads."""

    one = Core

    def unit(self) -> list[list[float]]:
        work = self.tools[0].work
        same = {
            "epochs": work.epochs,
            "learning_rate": work.rate,
            "batch_size": work.batch,
            "optimizer": work.optimizer,
        }
        runs = train([tool.net for tool in self.tools], work.X, work.y, **same)
        return [list(epoch) for epoch in zip(*[run.history for run in runs], strict=True)]


class Predict(Predictor):
    engine = "numpy"

    def build(self, work: Workload, weights: Weights) -> None:
        self.predict = network(work, weights, self.engine, None).predict


class PredictCore(Predict):
    engine = "core"
