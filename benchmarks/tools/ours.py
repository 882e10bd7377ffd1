"""The package itself: one call of ``fit``, its checks of the input included. It draws the orders inside the unit."""

from __future__ import annotations

from workloads import SEED, Weights, Workload

from neural import DenseLayer, NeuralNetwork

LOSSES = {"softmax": "categorical_crossentropy", "sigmoid": "binary_crossentropy"}


class Neural:
    engine = "numpy"

    def prepare(self, workload: Workload) -> None:
        self.work = workload

    def reset(self) -> None:
        work = self.work
        activations = [work.activation] * (len(work.widths) - 2) + [work.link]
        shapes = zip(work.widths[:-1], work.widths[1:], activations, strict=True)
        layers = [DenseLayer(n_in, n_out, activation) for n_in, n_out, activation in shapes]
        self.net = NeuralNetwork(
            layers, LOSSES[work.link], engine=self.engine, input_scale=work.scale, random_state=SEED
        )
        for layer, (W, b) in zip(layers, work.start(), strict=True):
            layer.weights, layer.biases = W, b

    def unit(self) -> list[float]:
        work = self.work
        return list(
            self.net.fit(work.X, work.y, work.epochs, work.rate, work.batch, optimizer=work.optimizer, verbose=0)
        )

    def weights(self) -> Weights:
        return [(W, b[:, 0]) for W, b in zip(self.net.weights, self.net.biases, strict=True)]


class Core(Neural):
    engine = "core"
