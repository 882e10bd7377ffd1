"""What is trained for a table: kinds of networks, some of each on parts of the rows, and what they are worth together.

Each network is trained without one fold of the rows, by which its best epoch is found (bagging over folds). Where it
has not seen a row its prediction is out of fold: by these the kinds are weighed (Caruana et al., Ensemble selection
from libraries of models, ICML 2004) and the probabilities calibrated. The numeric part follows RealMLP (Holzmüller,
Grinsztajn and Steinwart, Better by default, NeurIPS 2024): robust scales, smooth clipping, waves of each number, strong
decay of weights; the bins are those of Gorishniy, Rubachev and Babenko, NeurIPS 2022.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neural import many, threads
from neural.branches import AverageLayer
from neural.calibration import softmax, temperature_of
from neural.callbacks import EarlyStopping
from neural.columns import OnColumns
from neural.embeddings import Embedding, PeriodicEmbedding, PiecewiseEmbedding
from neural.errors import NeuralError
from neural.layer import Layer
from neural.layers import ActivationLayer, DenseLayer, DropoutLayer
from neural.losses import CategoricalCrossentropy
from neural.nn import NeuralNetwork
from neural.normalization import Scaling
from neural.optimizers import AdamW
from neural.row_weights import deviation, mean, of_rows
from neural.tabular_columns import Scaled, edges_of
from neural.tabular_saving import Folder

Array = np.ndarray[Any, Any]
PICKS = 20  # of ensemble selection: weights are multiples of 1 / 20
FEWEST_HELD_OUT = 2  # rows of a fold; with fewer no epoch is chosen
FAR = 1e3  # medians so many times as large as the quartiles are apart are taken off in float64
HUGE = 1e30  # units so large, or so small as 1 over it, are none of float32
TINY = 1e-100
RIDGES = tuple(10.0**k for k in range(-4, 5))
ONE_HOT = 8  # levels of a category up to which it is one-hot


@dataclass(frozen=True)
class Kind:
    """One way to make a network for a table and to train it.

    ``numbers`` says what becomes of a number before the dense layers: "waves", "bins" or "plain". ``steps`` are updates
    in all, about: few rows have many epochs, many rows few.
    """

    numbers: str
    hidden: tuple[int, ...] = (128, 128, 128)
    activation: str = "silu"
    dropout: float = 0.1
    label_smoothing: float = 0.05
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    batch_size: int = 128
    steps: int = 3000
    epochs: tuple[int, int] = (20, 150)  # the fewest and the most


KINDS = {
    "waves": Kind("waves"),
    "bins": Kind("bins"),
    "plain": Kind("plain", steps=6000, epochs=(20, 400)),
    "linear": Kind("plain", hidden=(), dropout=0.0, label_smoothing=0.0),
    "quick": Kind("waves", hidden=(64, 64, 64), learning_rate=5e-3, batch_size=64, steps=2500, epochs=(10, 60)),
}


@dataclass(frozen=True)
class Preset:
    """Which kinds are trained, and how many folds the rows are divided into, once or a few times.

    ``solved`` are kinds for values alone, for which there is a closed form. Of the folds all, or the first ``held``,
    are held out by a network of each kind.
    """

    kinds: tuple[str, ...]
    folds: int = 5
    repeats: int = 1
    solved: tuple[str, ...] = ()
    held: int | None = None


PRESETS = {
    "fast": Preset(("quick",), solved=("linear",), held=2),
    "default": Preset(("waves", "bins", "linear")),
    "best": Preset(("waves", "bins", "plain", "linear"), folds=8, repeats=2),
}


# --- networks ------------------------------------------------------------------------------------------------------
def layers_of(
    kind: Kind, scaled: Scaled, rows: Array, n_out: int, link: str, row_weights: Array | None = None
) -> list[Layer]:
    """Return the layers of a network for scaled rows."""
    n_codes = len(scaled.levels)
    n_numbers = rows.shape[1] - n_codes
    layers = list[Layer]()
    if n_numbers:
        numeric: list[Layer] = [ActivationLayer("smooth_clip")]
        if kind.numbers == "waves":
            numeric.append(PeriodicEmbedding(4))
            numeric[-1].rate_factor = 0.1
        elif kind.numbers == "bins":
            clipped = rows[:, :n_numbers] / np.sqrt(1 + (rows[:, :n_numbers] / 3.0) ** 2)
            numeric.append(PiecewiseEmbedding(edges_of(clipped, 16, row_weights)))
        layers += [OnColumns(numeric, first=n_numbers)] if n_codes else numeric
    if n_codes:
        codes = Embedding(scaled.levels, 8, one_hot_up_to=ONE_HOT if kind.hidden else max(scaled.levels))
        layers.append(OnColumns([codes], last=n_codes) if n_numbers else codes)
    layers.append(Scaling())
    layers[-1].rate_factor = 6.0
    for width in kind.hidden:
        layers.append(DenseLayer(None, width, kind.activation))
        if kind.dropout:
            layers.append(DropoutLayer(kind.dropout))
    return [*layers, DenseLayer(None, n_out, link)]


def network_of(
    kind: Kind, scaled: Scaled, rows: Array, n_classes: int, seed: int, row_weights: Array | None = None
) -> NeuralNetwork:
    """Return a network for scaled rows and ``n_classes``, or for a value where that is 0."""
    if not n_classes:
        return NeuralNetwork(layers_of(kind, scaled, rows, 1, "linear", row_weights), "mse", random_state=seed)
    loss = CategoricalCrossentropy(label_smoothing=kind.label_smoothing)
    return NeuralNetwork(layers_of(kind, scaled, rows, n_classes, "softmax", row_weights), loss, random_state=seed)


# --- training ------------------------------------------------------------------------------------------------------
@dataclass
class Member:
    """A network, its kind, and the rows that it has not seen."""

    network: NeuralNetwork
    kind: str
    held_out: Array
    weight: float = 1.0


@dataclass
class Result:
    """What a training gives: members with weights, and what they say together of rows they have not seen.

    ``outputs`` (n, n_out) are calibrated probabilities, or values, for the rows ``held_out``, bool (n_rows,), whose
    targets are ``targets``: those of the folds that were held out, none where there were too few rows for that;
    ``centre`` and ``spread`` are those of the values.
    """

    members: list[Member]
    held_out: Array
    targets: Array
    outputs: Array
    temperature: float = 1.0
    centre: float = 0.0
    spread: float = 1.0

    def network(self, scaled: Scaled) -> NeuralNetwork:
        """Return all members as one network, which takes filled rows of the table, not scaled."""
        members = [member for member in self.members if member.weight]
        branches = [self._branch(member, scaled) for member in members]
        if self.outputs.shape[1] == 1:
            loss, after = "mse", list[Layer]()
        else:
            loss = "categorical_crossentropy"
            after = [ActivationLayer("log"), _frozen(Scaling(1 / self.temperature)), ActivationLayer("softmax")]
        far = np.abs(scaled.centre * scaled.factor).max() > FAR or abs(self.centre) > FAR * self.spread
        sizes = np.abs([self.spread, *scaled.factor])
        odd = max(sizes.max(), 1 / sizes.min(), np.abs(scaled.centre).max()) > HUGE
        dtype = "float64" if far or odd else "float32"  # or digits of x - centre, or of values, are lost
        net = NeuralNetwork([AverageLayer(branches), *after], loss, dtype=dtype, random_state=0).build(
            len(scaled.centre)
        )
        net.columns_ = scaled.columns
        if self.outputs.shape[1] == 1:
            for member, branch in zip(members, branches, strict=True):
                self._unscale(branch[-1], member)
        return net

    def _branch(self, member: Member, scaled: Scaled) -> list[Layer]:
        """Return a member's layers, with the scales before them and, of classes, its weight after them."""
        layers = [layer for layer in copy.deepcopy(member.network.layers) if not isinstance(layer, DropoutLayer)]
        n_numbers = len(scaled.centre) - len(scaled.levels)
        if n_numbers:
            scale = Scaling(scaled.factor[:n_numbers], scaled.centre[:n_numbers])
            layers.insert(0, _frozen(OnColumns([scale], first=n_numbers)) if scaled.levels else _frozen(scale))
        share = self._share(member)
        return [*layers, _frozen(Scaling(share))] if share != 1 and self.outputs.shape[1] > 1 else layers

    def _share(self, member: Member) -> float:
        """Return a member's weight in an average of equals."""
        return member.weight * sum(other.weight > 0 for other in self.members)

    def _unscale(self, last: Any, member: Member) -> None:
        """Have the last layer of a branch give values as they were; in the network's dtype, which may be float64."""
        share = self._share(member)
        last.weights = last.weights * self.spread * share
        last.biases = (last.biases[:, 0] * self.spread + self.centre) * share


def _frozen(layer: Layer) -> Layer:
    for leaf in layer.leaves():
        leaf.rate_factor = 0.0
    return layer


def train(
    scaled: Scaled, rows: Array, targets: Array, row_weights: Array | None, n_held_out: int, n_classes: int,
    preset: Preset, seed: int, time_limit: float | None, n_threads: int | None, verbose: bool,
    folder: Folder | None = None,
) -> Result:  # fmt: skip
    """Train the networks of a preset on scaled rows (n, inputs) and targets (n,), codes of classes or values.

    ``row_weights`` (n,), above 0, say how often each row counts, None for once. The last ``n_held_out`` rows, if any,
    take the place of the folds: all networks are trained on the others. What takes long is saved in ``folder``;
    solutions in closed form, weights and the temperature are computed again.
    """
    fitted = slice(len(rows) - n_held_out)
    own = [np.arange(len(rows))[fitted.stop :]] if n_held_out else []
    counts = of_rows(row_weights, fitted)
    centre, spread = (0.0, 1.0) if n_classes else centre_and_spread(targets[fitted], counts)
    goals = targets if n_classes else ((targets - centre) / spread).astype(np.float32)
    members = list[Member]()
    for repeat in range(preset.repeats):
        for held_out in own or folds(targets, preset.folds, seed + repeat)[: preset.held] or [np.array([], int)]:
            for name in preset.kinds if n_classes else (*preset.kinds, *preset.solved):
                net = network_of(KINDS[name], scaled, rows[fitted], n_classes, seed + 1000 * len(members), counts)
                members.append(Member(net, name, held_out))
    solved = [m for m in members if not (n_classes or KINDS[m.kind].hidden)]
    for member in solved:
        _solve(member, rows, goals, row_weights)
    trained = [member for member in members if member not in solved]
    each = [_fit_arguments(KINDS[member.kind], member.held_out, len(rows)) for member in trained]
    for number, arguments in enumerate(each):
        if time_limit is not None:
            arguments["time_limit"] = time_limit * _workers(n_threads, len(trained)) / len(trained)
        if folder is not None:
            arguments |= folder.arguments(number)
    weighted = {} if row_weights is None else {"sample_weight": row_weights / row_weights.max()}
    runs = many.train([member.network for member in trained], rows, goals, each, n_threads=n_threads, **weighted)
    members = [*[member for member, run in zip(trained, runs, strict=True) if run.error is None], *solved]
    if verbose:
        print(runs)
    if not members:
        raise NeuralError(f"Every network of the {len(runs)} diverged. The first said: {runs[0].error}")
    return _together(members, rows, targets, row_weights, n_classes, centre, spread)


def centre_and_spread(values: Array, row_weights: Array | None = None) -> tuple[float, float]:
    """Return the mean of values and their standard deviation, 1 where they are all the same.

    >>> centre_and_spread(np.array([1e-300, 3e-300]))
    (2e-300, 1e-300)
    """
    centre = mean(values, row_weights)
    largest = float(np.abs(values - centre).max())
    if 0 < largest < TINY:  # their squares are 0
        return centre, largest * deviation(values / largest, row_weights)
    return centre, deviation(values, row_weights) or 1.0


def folds(targets: Array, count: int, seed: int) -> list[Array]:
    """Return the rows of each fold, classes alike; none where the rows are too few."""
    count = min(count, len(targets) // FEWEST_HELD_OUT // 2)
    return many.folds_of(targets, count, seed) if count > 1 else []


def _fit_arguments(kind: Kind, held_out: Array, n: int) -> dict[str, Any]:
    """Return what ``fit`` is given for one network, but for the data."""
    n_fitted = n - len(held_out)
    updates = -(-n_fitted // kind.batch_size)
    epochs = int(np.clip(kind.steps // updates, *kind.epochs))
    found: dict[str, Any] = {
        "epochs": epochs, "batch_size": kind.batch_size, "learning_rate": kind.learning_rate, "schedule": "cosine",
        "optimizer": AdamW(weight_decay=kind.weight_decay, beta2=0.95),
    }  # fmt: skip
    if len(held_out):
        found["rows"], found["validation_rows"] = np.setdiff1d(np.arange(n), held_out), held_out
        found["callbacks"] = [EarlyStopping("val_loss", patience=max(20, epochs // 3))]
    return found


def _solve(member: Member, rows: Array, goals: Array, row_weights: Array | None) -> None:
    """Give a network without hidden layers the weights of a ridge regression, in closed form.

    w = V diag(s / (s^2 + ridge)) U^T y, with U, s and V of the centred inputs; of ``RIDGES`` the one that does best on
    the rows held out. Rows that weigh r are centred by the weighted mean, and they and y multiplied by the root of r.
    """
    before = NeuralNetwork(copy.deepcopy(member.network.layers[:-1]), random_state=0).build(rows.shape[1])
    features = before.predict(rows).astype(np.float64)
    fitted = np.setdiff1d(np.arange(len(rows)), member.held_out)
    counts = of_rows(row_weights, fitted)
    middle, level = np.average(features[fitted], axis=0, weights=counts), mean(goals[fitted], counts)
    root = 1.0 if counts is None else np.sqrt(counts)[:, None]
    u, s, vt = np.linalg.svd((features[fitted] - middle) * root, full_matrices=False)
    share = u.T @ ((goals[fitted] - level) * np.ravel(root))
    ridges = RIDGES if len(member.held_out) else (1.0,)
    weights = [vt.T @ (s / (s**2 + ridge) * share) for ridge in ridges]
    errors = [((features - middle)[member.held_out] @ w + level - goals[member.held_out]) for w in weights]
    each = 1.0 if row_weights is None else row_weights[member.held_out]
    best = weights[int(np.argmin([(np.square(error) * each).sum() for error in errors]))]
    last: Any = member.network.build(rows.shape[1]).layers[-1]
    last.weights, last.biases = best[None], [level - middle @ best]


def _workers(n_threads: int | None, jobs: int) -> int:
    return min(threads.n_threads() if n_threads is None else n_threads, jobs)


# --- all together --------------------------------------------------------------------------------------------------
def _together(
    members: list[Member], rows: Array, targets: Array, row_weights: Array | None,
    n_classes: int, centre: float, spread: float,
) -> Result:  # fmt: skip
    """Return the members weighed by their predictions for rows that they have not seen, and calibrated there."""
    kinds = list(dict.fromkeys(member.kind for member in members))
    unseen = {kind: _unseen([m for m in members if m.kind == kind], rows, n_classes or 1) for kind in kinds}
    known = np.all([~np.isnan(outputs[:, 0]) for outputs in unseen.values()], axis=0)
    held = known.copy()
    if not known.any():  # too few rows to hold any out: what is said of the rows of the training has to do for weights
        unseen = {m.kind: m.network.predict(rows).astype(np.float64) for m in members}
        held[:] = True
    goals = targets if n_classes else (targets - centre) / spread
    weights = selected([unseen[kind][held] for kind in kinds], goals[held], n_classes > 0, of_rows(row_weights, held))
    for member in members:
        count = sum(other.kind == member.kind for other in members)
        member.weight = weights[kinds.index(member.kind)] / count
    outputs = sum(w * unseen[kind] for w, kind in zip(weights, kinds, strict=True))
    if not n_classes:
        values = np.asarray(outputs * spread + centre)
        return Result(members, known, targets[known], values[known], centre=centre, spread=spread)
    scores = np.log(np.maximum(outputs, np.finfo(np.float32).tiny))
    temperature = temperature_of(scores[known], targets[known], of_rows(row_weights, known)) if known.any() else 1.0
    return Result(members, known, targets[known], softmax(scores[known] / temperature), temperature)


def _unseen(members: Sequence[Member], rows: Array, width: int) -> Array:
    """Return the mean prediction for each row by the members that have not seen it, NaN where there is none."""
    total, count = np.zeros((len(rows), width)), np.zeros((len(rows), 1))
    for member in members:
        if len(member.held_out):
            total[member.held_out] += member.network.predict(rows[member.held_out])
            count[member.held_out] += 1
    with np.errstate(invalid="ignore"):
        return total / count


def selected(outputs: Sequence[Array], targets: Array, classes: bool, row_weights: Array | None = None) -> list[float]:
    """Return the weight of each model: one at a time is added to the mean, with repetition, that lowers the loss most.

    The loss is the logarithmic one of probabilities (n, K), or the squared error of values (n, 1), its mean over rows
    that may have weights.

    >>> y = np.array([0.0, 1.0, 2.0])
    >>> selected([y[:, None] + 1, y[:, None] - 1, 5 * y[:, None]], y, classes=False)
    [0.5, 0.5, 0.0]
    """
    loss = _log_loss if classes else _squared_error
    picked, total = np.zeros(len(outputs)), np.zeros_like(outputs[0])
    for n in range(1, PICKS + 1):
        best = int(np.argmin([mean(loss((total + each) / n, targets), row_weights) for each in outputs]))
        picked[best] += 1
        total += outputs[best]
    return (picked / PICKS).tolist()


def _log_loss(p: Array, truth: Array) -> Array:
    return np.asarray(-np.log(np.maximum(p[np.arange(len(truth)), truth], 1e-12)))


def _squared_error(outputs: Array, truth: Array) -> Array:
    return np.asarray((outputs[:, 0] - truth) ** 2)
