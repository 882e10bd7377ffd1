"""The compiled core as an engine, and the choice among engines: only this file knows that C++ exists.

``_core`` is compiled from csrc/, whose tables have a row for each of the package's own activations, losses and
optimizers; what a user wrote in Python runs on the NumPy engine, and :func:`why_not` says so.
"""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from neural import (
    activations,
    branches,
    columns,
    embeddings,
    ensembles,
    layers,
    losses,
    normalization,
    optimizers,
    residual,
    streams,
    threads,
)
from neural.augment import Augment
from neural.engine import Data, NumpyEngine, Program, Run
from neural.errors import EngineUnavailable, EngineWarning, one_of, sentence
from neural.layer import Layer, Mode
from neural.loss import Loss
from neural.optimizers import Optimizer
from neural.threads import n_threads

try:
    import neural._core as _core
except ImportError as error:  # built without a compiler, or for another machine
    _core, WHY_NO_CORE = None, str(error)  # type: ignore[assignment]
else:
    threads.watch_for_threadpoolctl()

ENGINES = ("auto", "numpy", "core")
FLOPS_FOR_THREADS = 4e6  # of a step, below which a second thread does not pay for its barriers
SLOW_UPDATE, SLOW_FLOP = 1e-4, 1e-10  # seconds of an update and of each of its flops, on a slow machine
FEW_UPDATES = 8  # in a call: for fewer it hardly pays to make threads
FEW_ROWS = 64  # predicted by one thread without asking whether a second would pay
CONSTANTS = 8  # numbers of an update; as in core.hpp
MOST_THREADS = 255  # that the team's plan can count
KINDS: dict[type, int] = {  # as in core.hpp
    kind: number
    for number, kind in enumerate(
        (
            layers.DenseLayer, layers.ActivationLayer, layers.DropoutLayer, layers.GaussianNoise, layers.PReLU,
            normalization.BatchNorm, normalization.LayerNorm, residual.Fork, residual.Join, normalization.Scaling,
            embeddings.PeriodicEmbedding, embeddings.PiecewiseEmbedding, embeddings.Embedding, columns.Split,
            columns.Splice, ensembles.EnsembleDense, ensembles.MeanOfMembers,
            branches.Branch, branches.Turn, branches.Meet,
        )
    )
}  # fmt: skip
WITHOUT_OUTPUTS = (KINDS[layers.DenseLayer], KINDS[ensembles.EnsembleDense])  # their way back
FAMILIES = () if _core is None else tuple(_core.names(family) for family in range(3))
Chain = list[tuple[int, Layer]]


def why_not(chain: Chain, loss: Loss | None = None, optimizer: Optimizer | None = None) -> str:
    """Return why the core cannot run these formulas, "" if it can."""
    if _core is None:
        return "this installation has no compiled core"
    for _, layer in chain:
        if type(layer) not in KINDS:
            return f"{type(layer).__name__} is written in Python"
        function = layer.function if isinstance(layer, layers.ActivationLayer | ensembles.MeanOfMembers) else None
        if function is not None and not _has(0, function, activations.ACTIVATIONS):
            return f"the activation {function.name} is written in Python"
    if loss is not None and not _has(1, loss, losses.LOSSES):
        return f"the loss {loss.name or type(loss).__name__} is written in Python"
    if optimizer is not None and not _knows(optimizer):
        return f"the optimizer {type(optimizer).__name__} is written in Python"
    together = any(isinstance(layer, ensembles.EnsembleDense) for _, layer in chain)
    if optimizer is not None and not optimizer.elementwise and together:
        return f"{type(optimizer).__name__} of an EnsembleDense is written in Python"
    return ""


def _has(family: int, found: Any, table: Mapping[str, type]) -> bool:
    """Return whether the core has the twin of an activation or a loss, which is the table's own."""
    return found.name in FAMILIES[family] and type(found) is table.get(found.name)


def _knows(optimizer: Optimizer) -> bool:
    """Return whether the core has this optimizer's own formula, and not one that a user's class has inherited."""
    own = type(optimizer).__module__ == optimizers.__name__
    return optimizer.whole or (own and optimizer.formula in FAMILIES[2])  # the former asks for gradients alone


def constants(optimizer: Optimizer, rates: np.ndarray, before: int) -> np.ndarray:
    """Return the numbers of each update, (n, CONSTANTS): what decay leaves of a weight, then the optimizer's own."""
    numbers = np.zeros((len(rates), CONSTANTS))
    with np.errstate(all="ignore"):  # what is not finite is seen after the updates
        columns = (
            1 - rates * optimizer.weight_decay,
            *optimizer.constants(rates, np.arange(before + 1, before + len(rates) + 1)),
        )
        for k, column in enumerate(columns):
            numbers[:, k] = column
    return numbers


def setting_of(function: activations.Activation) -> float:
    """Return the number that an activation is made with, 0 if it has none."""
    return float(next(iter(function.settings().values()), 0.0))


@dataclass(repr=False, eq=False)
class Stage:
    """One formula as the core takes it: the fields of ``Stage`` in core.hpp, in its order."""

    kind: int
    function: int = 0
    n_in: int = 0
    n_out: int = 0
    row: int = 0
    weights: int = -1
    biases: int = -1
    l1: float = 0.0
    l2: float = 0.0
    in_place: bool = False
    rate: float = 0.0
    layer: int = 0
    setting: float = 0.0
    constants: int = 0
    partner: int = 0
    running_mean: int = -1
    running_variance: int = -1
    max_norm: float = 0.0
    non_negative: bool = False
    more: Any = None  # how many parts, those as (start, row, n, rows), and sizes: int64


if _core is not None and (not hasattr(_core, "stage_fields") or _core.stage_fields() != len(fields(Stage))):
    raise ImportError("The compiled core is of another version than neural. Install neural again: pip install .")


def factors(program: Program) -> list[float]:
    """Return the different factors of the learning rate among the layers that are trained: [1.0] usually."""
    trained = {place.layer for place in program.places}
    found = dict.fromkeys(layer.rate_factor for number, layer in program.chain if number in trained)
    return [factor for factor in found if factor] or [1.0]


def describe(program: Program) -> list[tuple[Any, ...]]:
    """Return the chain as rows of plain values."""
    width: Any = program.chain[0][1]._width
    penalties = {place.start: (l1, l2) for place, l1, l2 in program.penalties}
    stages: list[Stage] = []
    own_rates = factors(program)
    forks: dict[int, int] = {}  # by identity: layers with the same settings are equal
    turns: dict[int, list[Stage]] = {}
    for number, layer in program.chain:
        places = {p.name: p for p in program.places if p.layer == number}
        stage = Stage(KINDS[type(layer)], n_in=width, n_out=width, layer=number)
        parts: list[Any] = []
        sizes: list[int] = []
        if places:
            stage.constants = own_rates.index(layer.rate_factor) if layer.rate_factor else -1
        match layer:
            case layers.DenseLayer():
                weights = places["weights"]
                stage.n_out, stage.row, stage.weights = layer.n_out, weights.row, weights.start
                stage.biases = places["biases"].start if layer.bias else -1
                stage.l1, stage.l2 = penalties.get(weights.start, (0.0, 0.0))
                for place, most, positive in program.constraints:
                    if place is weights:
                        stage.max_norm, stage.non_negative = most or 0.0, positive
            case layers.ActivationLayer():
                stage.function, stage.setting = FAMILIES[0].index(layer.function.name), setting_of(layer.function)
                after_dense = (
                    bool(stages) and stages[-1].kind in WITHOUT_OUTPUTS
                )  # whose backward does not need what came out of it
                stage.in_place = after_dense and not layer.function.needs_z
            case layers.DropoutLayer():
                stage.function, stage.rate = streams.PURPOSES["dropout"], layer.dropout_rate
            case layers.GaussianNoise():
                stage.function, stage.rate = streams.PURPOSES["noise"], layer.std
            case layers.PReLU():
                stage.weights = places["slopes"].start
            case normalization.BatchNorm() | normalization.LayerNorm():
                stage.weights, stage.biases, stage.setting = places["gain"].start, places["offset"].start, layer.epsilon
                if isinstance(layer, normalization.BatchNorm):
                    stage.rate = layer.momentum
                    stage.running_mean = places["running_mean"].start
                    stage.running_variance = places["running_variance"].start
            case residual.Fork():
                stage.in_place, forks[id(layer)] = True, len(stages)
            case residual.Join():
                begin = forks[id(layer._fork)]
                stage.partner, stages[begin].partner = begin, len(stages) + 1
            case normalization.Scaling():
                stage.weights = places["scale"].start
                stage.biases = places["centre"].start if "centre" in places else -1
            case embeddings.PeriodicEmbedding():
                stage.n_out, parts = layer.width_after(width), list(places.values())
            case embeddings.PiecewiseEmbedding():
                stage.n_out, sizes = layer.width_after(width), np.cumsum([0, *layer.bins]).tolist()
                stage.running_mean, stage.running_variance = (places[name].start for name in layer.untrained)
            case embeddings.Embedding():
                stage.n_out, parts, sizes = layer.width_after(width), list(places.values()), layer.sizes()
            case ensembles.EnsembleDense():
                weights = places["weights"]
                stage.n_out, stage.row, stage.weights = layer.width_after(width), weights.row, weights.start
                stage.l1, stage.l2 = penalties.get(weights.start, (0.0, 0.0))
                parts, sizes = list(places.values()), [layer.members, int(layer.first), layer.inputs, layer.units]
            case ensembles.MeanOfMembers():
                stage.n_out, sizes = layer.width_after(width), [layer.members, groups_of(layer)]
                stage.function, stage.setting = FAMILIES[0].index(layer.function.name), setting_of(layer.function)
            case columns.Split():
                stage.n_out, sizes, forks[id(layer)] = layer.width_after(width), [layer.part(width).start], len(stages)
            case columns.Splice():
                begin = forks[id(layer._split)]
                stage.n_out, sizes = width + stages[begin].n_in - stages[begin].n_out, [layer.start]
                stage.partner, stages[begin].partner = begin, len(stages) + 1
            case branches.Branch():
                stage.in_place, forks[id(layer)], turns[id(layer)] = True, len(stages), []
            case branches.Turn():
                stage.n_out = stages[forks[id(layer._split)]].n_in
                turns[id(layer._split)].append(stage)
            case branches.Meet():
                begin = forks[id(layer._split)]
                stage.partner, stage.setting = begin, layer.chains
                for other in (stages[begin], *turns[id(layer._split)]):
                    other.partner = len(stages) + 1
        found = [(p.start, p.row, p.shape[-1], p.shape[0] if len(p.shape) == 2 else 1) for p in parts]
        stage.more = np.array([len(parts), *(number for part in found for number in part), *sizes], np.int64)
        stages.append(stage)
        width = stage.n_out
    return [tuple(vars(stage).values()) for stage in stages]  # in the order of the fields


def flops(program: Program, batch: int) -> float:
    """Return about how many multiplications and additions an update with so many rows takes: six for each weight.

    Two on the way forward, two for its gradient and two for that of what it multiplies.
    """
    members = {number: getattr(layer, "members", 1) for number, layer in reversed(program.chain)}
    sizes = [members[p.layer] * p.shape[0] * p.shape[1] for p in program.places if p.name == "weights"]
    return 6.0 * batch * sum(sizes)


def groups_of(layer: ensembles.MeanOfMembers) -> int:
    """Return in how many groups its activation takes a row: softmax is of each member alone."""
    return layer.members if isinstance(layer.function, activations.Softmax) else 1


def described(augment: Augment) -> tuple[Any, ...]:
    """Return an augmentation as the core takes it: the fields of ``Augment`` in core.hpp, in their order."""
    edge = augment.fill == "edge"
    numbers = *augment.sides, *augment.shifts, augment.cutout, 0.0 if edge else float(augment.fill)
    return *numbers, augment.channels == "first", augment.flip, edge, streams.PURPOSES["augment"]


class CoreEngine(NumpyEngine):
    """Runs a network in compiled code; in words and in results the same as its parent."""

    name = "core"

    def __init__(self, n_threads: int | None = None) -> None:
        super().__init__(None)
        self.most = n_threads
        self._native: tuple[Program, _core.Network32 | _core.Network64] | None = None

    def native(self, program: Program) -> _core.Network32 | _core.Network64:
        """Return the program as the core has it, described once."""
        if self._native is None or self._native[0] is not program:
            kind = _core.Network32 if program.dtype == np.float32 else _core.Network64
            loss = 0 if program.loss is None else FAMILIES[1].index(program.loss.name)
            link: Any = program.link
            row, setting = (
                (-1, 0.0) if link is None else (FAMILIES[0].index(link.function.name), setting_of(link.function))
            )
            stages = describe(program)
            together = isinstance(link, ensembles.MeanOfMembers)
            members, groups = (link.members, groups_of(link)) if together else (1, 1)
            n_out = stages[-1][3] // members
            settings = np.array([] if program.loss is None else program.loss.constants(n_out), program.dtype)
            scale = 1.0 if program.scale is None else program.scale
            factor = 1.0 if program.loss is None else program.loss.factor
            of_outputs = program.cost is not None and program.cost.__name__ == "of_outputs"
            self._native = (
                program,
                kind(stages, row, setting, members, groups, loss, of_outputs, settings, factor, scale),
            )
        return self._native[1]

    def update_seconds(self, program: Program, batch: int) -> float:
        return SLOW_UPDATE + SLOW_FLOP * flops(program, batch)

    def _threads_for(self, program: Program, batch: int, updates: int = FEW_UPDATES) -> int:
        """Return how many threads pay for batches of this size, so many of them; no result depends on it."""
        work = flops(program, batch) * min(updates / FEW_UPDATES, 1)
        enough = float(os.environ.get("NEURAL_FLOPS_FOR_THREADS", FLOPS_FOR_THREADS))
        return 1 if work < enough else min(self.most or n_threads(), MOST_THREADS)

    def _given(self, program: Program, data: Data, batch: int, updates: int = FEW_UPDATES) -> dict[str, Any]:
        labels = data.y.ndim == 1
        return {
            "X": data.X,
            "labels": data.y if labels else None,
            "targets": None if labels else np.ascontiguousarray(data.y),
            "weights": data.weights,
            "threads": self._threads_for(program, batch, updates),
        }

    def orders(self, seed: int, first: int, count: int, n: int) -> np.ndarray:
        out = np.empty(count * n, np.int64)
        _core.orders(seed, streams.PURPOSES["shuffle"], first, n, out)
        return out

    def run(self, program: Program, data: Data, run: Run) -> tuple[np.ndarray, np.ndarray]:
        losses, penalties = np.empty(len(run.order)), np.zeros(len(run.rates))
        self.native(program).fit(
            program.params,
            [run.memory[name] for name in run.optimizer.remembers],
            order=run.order,
            bounds=run.bounds(),
            rule=FAMILIES[2].index(run.optimizer.formula),
            constants=np.hstack([constants(run.optimizer, run.rates * f, run.updates) for f in factors(program)]),
            clip_norm=run.optimizer.clip_norm or 0.0,
            clip_value=run.optimizer.clip_value or 0.0,
            penalty=run.penalty,
            seed=run.mode.seed,
            step=run.mode.step,
            losses=losses,
            penalties=penalties,
            mean=run.mean,
            shares=run.shares,
            augment=None if run.augment is None else described(run.augment),
            **self._given(program, data, min(run.batch_size, len(run.order)), len(run.rates)),
        )
        return losses, penalties

    def gradient(
        self, program: Program, data: Data, mode: Mode, *, input_gradient: bool = True
    ) -> tuple[float, np.ndarray, np.ndarray]:
        dx = np.empty(data.X.shape if input_gradient else (0, 0), program.dtype)
        grads = np.zeros_like(program.params)
        where: dict[str, Any] = {"training": mode.training, "seed": mode.seed, "step": mode.step}
        cost = self.native(program).gradient(
            program.params, grads, dx, **where, **self._given(program, data, len(data), 1)
        )
        return cost, grads, dx

    def evaluate(self, program: Program, data: Data) -> tuple[float, np.ndarray]:
        native = self.native(program)
        outputs, losses = np.empty((len(data), native.n_out), program.dtype), np.empty(len(data))
        native.evaluate(program.params, outputs=outputs, losses=losses, **self._given(program, data, len(data), 1))
        total = len(data) if data.weights is None else float(data.weights.sum(dtype=np.float64))
        return float(losses.sum()) / total, outputs

    def predict(self, program: Program, X: np.ndarray) -> np.ndarray:
        native = self.native(program)
        outputs = np.empty((len(X), native.n_out), program.dtype)
        native.predict(program.params, X, outputs, self._threads_for(program, len(X), 1))
        return outputs

    def at_once(self, program: Program) -> Callable[[Any], np.ndarray | None]:
        """Return a function of X as it comes; None where something is amiss, and the long way is to say what.

        The core itself sees whether X fits, and whether numbers are finite, while it has them in hand.
        """
        native, params = self.native(program), program.params
        n_out, dtype = native.n_out, params.dtype

        def predict(X: Any) -> np.ndarray | None:
            if type(X) is not np.ndarray or X.ndim != 2:
                return None
            n = len(X)
            outputs = np.empty((n, n_out), dtype)
            threads = 1 if n <= FEW_ROWS else self._threads_for(program, n, 1)
            try:
                fine = n > 0 and native.predict(params, X, outputs, threads)
            except (TypeError, ValueError):
                return None
            return outputs if fine else None

        return predict


# --- the choice ----------------------------------------------------------------------------------------------------
def check_name(name: Any) -> str:
    """Return ``name`` if there is such an engine; EngineUnavailable for the core where it was not built."""
    if name not in ENGINES:
        raise ValueError(sentence("engine", one_of(ENGINES), name))
    if name == "core" and _core is None:
        raise EngineUnavailable(
            "engine='core' needs the compiled core: install neural again with a C++ compiler. Or use 'auto'."
        )
    return str(name)


def choose(
    name: str,
    chain: Chain,
    loss: Loss | None = None,
    optimizer: Optimizer | None = None,
    n_threads: int | None = None,
) -> NumpyEngine:
    """Return the engine of that name for these formulas; "auto" is the core wherever it can run them.

    The environment's NEURAL_ENGINE, "numpy" or "core", stands for "auto" if it is set. Raises EngineUnavailable, with
    the reason, for a core that cannot. Warns once, with EngineWarning, of "auto" where there is no core.
    """
    if name == "auto":
        name = check_name(os.environ.get("NEURAL_ENGINE", "auto"))
    if name == "auto" and _core is None:
        _warn_of_no_core()
    reason = "" if name == "numpy" else why_not(chain, loss, optimizer)
    if name == "core" and reason:
        raise EngineUnavailable(f"engine='core' cannot run this network: {reason}. Use 'auto'.")
    return NumpyEngine(n_threads) if name == "numpy" or reason else CoreEngine(n_threads)


@functools.cache  # once
def _warn_of_no_core() -> None:
    warnings.warn(
        f"Networks run on NumPy, which is slower: neural has no compiled core here ({WHY_NO_CORE}). To get it, install "
        "neural-dense again where there is a C++20 compiler. To do without it and this warning, use engine='numpy' or "
        "NEURAL_ENGINE=numpy.",
        EngineWarning,
        stacklevel=5,  # whoever called fit
    )
