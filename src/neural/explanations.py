"""Why a network said what it said: how much of one output is due to each input, from the network's own derivatives.

``explain(net, X, method)``, with f the explained output, x a row, b a baseline row:

    gradient            df/dx
    gradient_x_input    x df/dx                                  (Shrikumar, Greenside and Kundaje, 2017, section 2)
    integrated          (x - b) times the mean of df/dx on the way from b to x           (Sundararajan et al., 2017)
    expected            the mean of that over rows b of a background, one point of each way      (Erion et al., 2021)
    deeplift            each activation's slope is (a - a_b) / (z - z_b): the rescale rule  (Shrikumar et al., 2017)

The last three divide f(x) - f(b) among the inputs; what they miss of it is reported as ``gap``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from neural import attribution_plots, inputs, preprocessing
from neural.engine import Program
from neural.errors import check_number, look_up, one_of, sentence
from neural.layer import Layer, Mode
from neural.layers import ActivationLayer, PReLU
from neural.models import classes_of, columns_of, last_step, network_of
from neural.nn import NeuralNetwork
from neural.parameters import Own
from neural.passes import Passes, blocks, derivative, layer_is_softmax, without_last_activation
from neural.streams import seed_from

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray[Any, Any]
MOST_LINES = 10  # of an explanation as text


@dataclass(frozen=True, repr=False)
class Explanation:
    """What :func:`explain` returns, for n rows and their features.

    ``values`` (n, features); ``outputs`` (n,), the explained output of each row; ``base_values`` (n,), that of the
    baseline, None for methods without one; ``data`` (n, features), the rows; ``feature_names``; ``targets`` (n,), the
    columns that were explained.
    """

    values: Array
    outputs: Array
    base_values: Array | None
    data: Array
    feature_names: tuple[str, ...]
    targets: Array
    method: str

    def __len__(self) -> int:
        return len(self.values)

    @property
    def gap(self) -> Array | None:
        """What the values miss of outputs - base_values, (n,): 0 but for rounding where the method is exact."""
        if self.base_values is None:
            return None
        return np.asarray(self.outputs - self.base_values - self.values.sum(axis=1, dtype=np.float64))

    def table(self, row: int = 0, n: int = 10) -> list[tuple[str, Any, float]]:
        """Return (feature, its number, its value) of one row, the largest values first, ``n`` at most."""
        order = np.argsort(-np.abs(self.values[row]), kind="stable")[:n]
        data, values = self.data[row].tolist(), self.values[row].tolist()
        return [(self.feature_names[k], data[k], values[k]) for k in order]

    def __str__(self) -> str:
        sizes = np.abs(self.values).mean(axis=0)
        order = np.argsort(-sizes, kind="stable")[:MOST_LINES]
        width = max(len(self.feature_names[k]) for k in order)
        lines = [f"{self.feature_names[k]:{width}}  {sizes[k]:.4g}" for k in order]
        more = [f"and {len(sizes) - MOST_LINES} more"] if len(sizes) > MOST_LINES else []
        rows = f"{len(self)} row{'s' if len(self) > 1 else ''}"
        return "\n".join([f"{self.method} of {rows}, mean size of the values:", *lines, *more])

    __repr__ = __str__

    def to_shap(self) -> Any:
        """Return a ``shap.Explanation``, for that package's plots; ImportError without it."""
        try:
            import shap
        except ImportError:
            raise ImportError("to_shap needs shap: pip install shap") from None
        base = np.zeros(len(self)) if self.base_values is None else self.base_values
        return shap.Explanation(self.values, base, self.data, feature_names=list(self.feature_names))

    def plot(self, row: int | None = None, *, n: int = 10, ax: Axes | None = None) -> Figure:
        """Draw the values of one row as bars, or of all rows as their mean size, the ``n`` largest."""
        return attribution_plots.bars(self, row, n, ax)

    def plot_images(self, image_shape: tuple[int, int], n: int = 5, titles: Any = None) -> Figure:
        """Draw the first ``n`` rows as pictures with their values over them: red speaks for, blue against."""
        return attribution_plots.overlays(self, image_shape, n, titles)


# What is asked --------------------------------------------------------------------------------------------------------


@dataclass
class Question:
    """A network, rows and the outputs to explain, in arrays that the methods work on."""

    program: Program
    X: Array  # in the dtype of the network, as it takes them
    seeds: Array  # (n, n_out): 1 at the explained output
    baseline: Array  # (b, features)
    steps: int
    rng: np.random.Generator

    def explained(self, scores: Array, seeds: Array) -> Array:
        """Return the explained output of rows, float64 (n,)."""
        return np.asarray((scores * seeds).sum(axis=1, dtype=np.float64))


Answer = tuple[Array, Array | None]  # values (n, features), base values (n,) or None


def explain(
    model: Any,
    X: Any,
    method: str = "integrated",
    *,
    target: Any = None,
    of: str = "score",
    baseline: Any = None,
    steps: int = 32,
    feature_names: Any = None,
    random_state: Any = None,
) -> Explanation:
    """Return how much of one output of a network is due to each input, for every row of X.

    Parameters
    ----------
    model : a network; an estimator with one in ``network_``; a pipeline that ends so. Then X and baseline are the
        pipeline's own inputs, and values of columns that it made of one input are added up (not for the gradients).
    method : "gradient", "gradient_x_input", "integrated", "expected" or "deeplift".
    target : the output to explain: a class label or column number, one for all rows or (n,) of them; None is the class
        that each row is given.
    of : "score", before the softmax or sigmoid at the end, or "output", what ``predict`` returns. Slopes of an output
        near 0 or 1 vanish; scores have no such end.
    baseline : b, one row or a number for all features; None is zeros. For "expected" the background rows, needed there.
    steps : points on the way from b to x, at those of Gauss and Legendre; for "expected" the draws.
    feature_names : None takes the columns of a data frame, or x0, x1 and so on.

    >>> from neural import DenseLayer, NeuralNetwork
    >>> net = NeuralNetwork([DenseLayer(2, 1, init=[[2.0, -1.0]], bias_init=[0.5])], "mse", dtype="float64")
    >>> found = explain(net, [[3.0, 4.0]], feature_names=["rooms", "noise"])
    >>> [(name, x, round(value, 9)) for name, x, value in found.table()], found.base_values.tolist()
    ([('rooms', 3.0, 6.0), ('noise', 4.0, -4.0)], [0.5])
    >>> bool(abs(found.gap[0]) < 1e-12)
    True
    """
    if not isinstance(method, str):
        raise TypeError(sentence("method", one_of(METHODS), method))
    run = look_up("method", method, METHODS)
    if of not in ("score", "output"):
        raise ValueError(sentence("of", one_of(("score", "output")), of))
    (net, before), (last, _) = network_of(model), last_step(model)
    steps = check_number("steps", steps, low=1, whole=True)
    rng = np.random.default_rng(seed_from(random_state))
    if before is not None:
        inner = net if hasattr(last, "before_") else last  # whose own step is in ``before``
        return preprocessing.explained(before, X, baseline, method, feature_names, lambda rows, background: explain(
            inner, rows, method, target=target, of=of, baseline=background, steps=steps, random_state=rng
        ))  # fmt: skip
    if target is not None:
        target = _column_of_class(target, classes_of(last), net)
    question, targets, rows = _asked(net, X, target, of, baseline, steps, method, rng)
    with np.errstate(all="ignore"):
        values, base = run(question)
        outputs = _outputs(question)
    inputs.check_finite("the explanation", values, values.dtype)
    names = preprocessing.names_of(X, rows.shape[1], feature_names)
    return Explanation(values, outputs, base, rows, names, targets, method)


def _asked(
    net: NeuralNetwork, X: Any, target: Any, of: str, baseline: Any, steps: int, method: str, rng: np.random.Generator
) -> tuple[Question, Array, Array]:
    rows = inputs.rows("X", X, net.dtype, net.n_inputs)
    program = net.build(rows.shape[1]).as_predicted()
    n_out = net.n_outputs()
    targets = _columns(net, target, rows, n_out)
    seeds = (targets[:, None] == np.arange(n_out)).astype(net.dtype)
    if method == "deeplift" and of == "output" and layer_is_softmax(program.chain[-1][1]):
        raise ValueError(sentence("of", "'score' for deeplift under a softmax, which is no function of one z", of))
    program = program if of == "output" else without_last_activation(program)
    background = _background(net, baseline, method, rows.shape[1])
    return Question(program, rows.astype(net.dtype), seeds, background, steps, rng), targets, rows


def _column_of_class(target: Any, classes: Array | None, net: NeuralNetwork) -> Array:
    """Return a class as its column; the second of two is the one output of a network that has one."""
    found = columns_of("target", target, classes)
    if classes is None or len(classes) != 2 or net.n_outputs() != 1:
        return found
    if found.dtype.kind not in "iu" or (found != 1).any():
        step = "For the other class, turn the signs."
        raise ValueError(sentence("target", f"{classes[1]}, as the one output is about it", target, step))
    return found - 1


def _columns(net: NeuralNetwork, target: Any, rows: Array, n_out: int) -> Array:
    """Return the column of the output that is explained of each row."""
    if target is None:
        return net.predict(rows).argmax(axis=1)
    found = inputs.array("target", target)
    if found.ndim > 1 or (found.ndim == 1 and len(found) != len(rows)):
        raise ValueError(sentence("target", f"one label, or one for each of the {len(rows)} rows", found))
    if found.dtype.kind not in "iu" or found.size == 0 or found.min() < 0 or found.max() >= n_out:
        raise ValueError(sentence("target", f"a class label, or a column of the output from 0 to {n_out - 1}", target))
    return np.broadcast_to(found, len(rows)).astype(np.int64)


def _background(net: NeuralNetwork, baseline: Any, method: str, width: int) -> Array:
    if baseline is None and method == "expected":
        raise ValueError(
            sentence("baseline", "rows to compare with for method='expected'", None, "Pass training rows.")
        )
    found = np.asarray(inputs.numbers("baseline", 0.0 if baseline is None else baseline))
    if found.ndim < 2:
        found = np.broadcast_to(found, (1, width)) if found.ndim == 0 or len(found) == width else found
    if found.ndim != 2 or found.shape[1] != width or (len(found) != 1 and method != "expected") or len(found) == 0:
        rule = f"rows (b, {width})" if method == "expected" else f"one row of {width} numbers, or a number"
        step = "" if method == "expected" else "method='expected' takes many."
        raise ValueError(sentence("baseline", rule, found, step))
    inputs.check_finite("baseline", found, net.dtype)
    return found.astype(net.dtype)


def _outputs(question: Question) -> Array:
    passes = Passes(question.program)
    parts = [
        question.explained(passes.forward(passes.work.load(question.X[part]))[0], question.seeds[part])
        for part in blocks(len(question.X))
    ]
    return np.concatenate(parts)


# The methods ----------------------------------------------------------------------------------------------------------


def gradient(question: Question) -> Answer:
    """Return df/dx."""
    passes, values = Passes(question.program), np.empty_like(question.X)
    for part in blocks(len(values)):
        _, caches = passes.forward(passes.work.load(question.X[part]))
        values[part] = passes.backward(question.seeds[part], caches)
    return _scaled(values, question.program), None


def gradient_x_input(question: Question) -> Answer:
    """Return x df/dx."""
    values, _ = gradient(question)
    return values * question.X, None


def integrated(question: Question) -> Answer:
    """Return (x - b) times the mean of df/dx over the way, at the points and with the weights of Gauss and Legendre."""
    points, weights = np.polynomial.legendre.leggauss(question.steps)
    return _along_lines(question, [(question.baseline, (points + 1) / 2, weights / 2)])


def expected(question: Question) -> Answer:
    """Return the mean of (x - b) df/dx over rows b of the background, at a point of each way.

    All rows of X share the draws, the points are spread evenly, and no row of the background comes up twice before all
    have come up once.
    """
    steps, b, rng = question.steps, len(question.baseline), question.rng
    chosen = np.concatenate([rng.permutation(b) for _ in range(-(-steps // b))])[:steps]
    points, weight = (rng.permutation(steps) + rng.random(steps)) / steps, np.array([1 / steps])
    ways = [(question.baseline[[k]], point[None], weight) for k, point in zip(chosen, points, strict=True)]
    return _along_lines(question, ways)


def _along_lines(question: Question, ways: list[tuple[Array, Array, Array]]) -> Answer:
    """Return the sum over ways (b, points, weights) of (x - b) sum_k weight_k df/dx at b + point_k (x - b).

    The affine formulas that come first make of a line a line, so they run once for each way, not for each point.
    """
    passes, values = Passes(question.program), np.zeros_like(question.X)
    first, back = passes.affine, _back_through_affine(passes, question.X[:1])
    begins = [np.array(passes.forward(passes.work.load(b), 0, first)[0]) for b, _, _ in ways]
    centre = np.mean([b[0] for b, _, _ in ways], axis=0, dtype=np.float64).astype(values.dtype)
    for part in blocks(len(values)):
        x, seeds = question.X[part], question.seeds[part]
        ends = np.array(passes.forward(passes.work.load(x), 0, first)[0])
        whole, at_once = np.zeros_like(ends), max(1, MOST_AT_ONCE // (ends.shape[1] * max(x.shape)))
        for k in range(0, len(ways), at_once):
            group = ways[k : k + at_once]
            totals = np.zeros((len(group), *ends.shape), ends.dtype)
            for total, begin, (_, points, weights) in zip(totals, begins[k:], group, strict=False):
                for point, weight in zip(points.astype(x.dtype), weights.astype(x.dtype), strict=True):
                    _, caches = passes.forward(begin + point * (ends - begin), first)
                    total += weight * passes.backward(seeds, caches, first)
                whole += total
            if len(ways) > 1:
                values[part] -= _sum_of_products(totals, back, np.concatenate([b for b, _, _ in group]) - centre)
        values[part] += (whole if back is None else whole @ back) * (x - centre)
    return _scaled(values, question.program), _base(question)


MOST_AT_ONCE = 1 << 24  # numbers in the arrays of several ways


def _back_through_affine(passes: Passes, row: Array) -> Array | None:
    """Return the matrix (h, features) by which derivatives go back through the affine formulas; None without any."""
    if passes.affine == 0:
        return None
    h = passes.forward(passes.work.load(row), 0, passes.affine)[0].shape[1]
    _, caches = passes.forward(passes.work.load(np.repeat(row, h, axis=0)), 0, passes.affine)
    return np.array(passes.backward(np.eye(h, dtype=row.dtype), caches))


def _sum_of_products(totals: Array, back: Array | None, b: Array) -> Array:
    """Return sum_k b_k (t_k M) for t (k, n, h), M (h, features), b (k, features): one product of matrices, not k."""
    if back is None:
        return np.asarray(np.einsum("kif,kf->if", totals, b))
    k, n, h = totals.shape
    return totals.transpose(1, 0, 2).reshape(n, k * h) @ (b[:, None] * back).reshape(k * h, -1)


def _scaled(values: Array, program: Program) -> Array:
    return values if program.scale is None else values * values.dtype.type(program.scale)


def _base(question: Question) -> Array:
    """Return the mean of each row's explained output over the baseline rows."""
    passes = Passes(question.program)
    scores, _ = passes.forward(passes.work.load(question.baseline))
    return np.asarray(question.seeds @ scores.mean(axis=0, dtype=np.float64))


def deeplift(question: Question) -> Answer:
    """Return (x - b) times the product of slopes, an activation's slope being its mean one between b and x.

    Where z and z_b are the same, that is f'(z). Layers that work on several numbers at once, such as LayerNorm, have
    their derivative at x, and then there may be a gap.
    """
    passes, beside = Passes(question.program), Passes(question.program)
    values = np.empty_like(question.X)
    _, others = beside.forward(beside.work.load(question.baseline))

    def rule(k: int, layer: Layer, dy: Array, cache: Any, own: Own, grads: Own) -> Array:
        slopes = derivative(k, layer, dy, cache, own, grads)
        if not isinstance(layer, ActivationLayer | PReLU) or layer_is_softmax(layer):
            return slopes
        (z, a), (z_b, a_b) = _through(layer, cache, own), _through(layer, others[k], own)
        dz = z - z_b
        near = np.abs(dz) <= np.sqrt(np.finfo(dz.dtype).eps) * np.abs(z)  # a ratio would be all rounding
        return np.where(near, slopes, dy * (a - a_b) / np.where(near, 1, dz))

    for part in blocks(len(values)):
        _, caches = passes.forward(passes.work.load(question.X[part]))
        values[part] = passes.backward(question.seeds[part], caches, rule=rule) * (question.X[part] - question.baseline)
    return _scaled(values, question.program), _base(question)


def _through(layer: Layer, cache: Any, own: Own) -> tuple[Array, Array]:
    """Return what an activation was given and what it made of it."""
    return cache if isinstance(layer, ActivationLayer) else (cache, layer.forward(cache, own, Mode())[0])


METHODS: dict[str, Callable[[Question], Answer]] = {
    row.__name__: row for row in (gradient, gradient_x_input, integrated, expected, deeplift)
}
