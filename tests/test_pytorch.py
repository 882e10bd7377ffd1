"""Parity with PyTorch, in float64: every activation, layer, loss and optimizer of the tables.

Each table below has a line for every row of ours; a new row fails until it is told what it is in PyTorch. Where
PyTorch has nothing of the kind, the line is the formula in PyTorch's words, whose derivative autograd then takes, and
says so; where it has something else under the same name, the line says what differs.
"""

import itertools
import math

import numpy as np
import pytest

from neural import BatchNorm, DenseLayer, NeuralNetwork
from neural.activations import ACTIVATIONS
from neural.layers import LAYERS
from neural.losses import LOSSES
from neural.optimizers import OPTIMIZERS, SGD, Adagrad, Adam, AdamW, Muon, NAdam, RMSProp
from neural.parameters import Own, lay_out
from neural.schedules import SCHEDULES, Cosine, CosineRestarts, ExponentialDecay, OneCycle, Polynomial, Step, Warmup
from neural.streams import kept, normals
from tests.networks import TARGETS, draw, with_settings

torch = pytest.importorskip("torch")
F = torch.nn.functional
torch.set_num_threads(1)  # which on a busy machine wait for one another
EXACT = 1e-11


@pytest.fixture(autouse=True)
def _in_float64(monkeypatch):
    """PyTorch with float64 throughout, also in the product of NAdam's momenta and in what Muon orthogonalizes."""
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.double)
    yield
    torch.set_default_dtype(default)


def equal(got, want, rtol=EXACT):
    want = want.detach().numpy() if isinstance(want, torch.Tensor) else want
    np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol)


def leaf(a):
    return torch.tensor(np.asarray(a), dtype=torch.float64, requires_grad=True)


def test_every_row_of_every_table_is_compared_or_has_a_reason():
    assert ACTIVATION.keys() == ACTIVATIONS.keys()
    assert LAYER.keys() == LAYERS.keys()
    assert LOSS.keys() == LOSSES.keys()
    assert {type(ours) for ours, _, _ in OPTIMIZER} | set(NO_OPTIMIZER) == set(OPTIMIZERS.values())
    assert {type(ours) for ours, _, _ in SCHEDULE} | set(NO_SCHEDULE) == {type(kind()) for kind in SCHEDULES.values()}


# --- activations: of an object of ours and a tensor ----------------------------------------------------------------
ACTIVATION = {
    "linear": lambda f, z: z,
    "relu": lambda f, z: F.relu(z),
    "leaky_relu": lambda f, z: F.leaky_relu(z, f.slope),
    "relu6": lambda f, z: F.relu6(z),
    "elu": lambda f, z: F.elu(z, f.alpha),
    "selu": lambda f, z: F.selu(z),
    "hard_swish": lambda f, z: F.hardswish(z),
    "softplus": lambda f, z: F.softplus(z, threshold=40),  # theirs is z from 20 on, which leaves out e^-20 = 2e-9
    "gelu": lambda f, z: F.gelu(z),
    "gelu_tanh": lambda f, z: F.gelu(z, approximate="tanh"),
    "silu": lambda f, z: F.silu(z),
    "mish": lambda f, z: F.mish(z),
    "tanh": lambda f, z: torch.tanh(z),
    "softsign": lambda f, z: F.softsign(z),
    "smooth_clip": lambda f, z: z / torch.sqrt(1 + (z / 3) ** 2),  # theirs has none
    "sigmoid": lambda f, z: torch.sigmoid(z),
    "hard_sigmoid": lambda f, z: torch.clamp(z / 5 + 0.5, 0, 1),  # as in ONNX; theirs is z/6 + 1/2
    "exponential": lambda f, z: torch.exp(z),
    "log": lambda f, z: torch.log(torch.clamp(z, min=TINY)),  # theirs is -inf at 0, and NaN below
    "logit": lambda f, z: torch.log(torch.clamp(z, TINY, 1) / torch.clamp(1 - z, TINY, 1)),  # theirs has an eps
    "softmax": lambda f, z: F.softmax(z, dim=1),
}
OF_ACTIVATION = {"leaky_relu": [{}, {"slope": 0.3}], "elu": [{}, {"alpha": 0.5}]}
TINY = 2.0**-126
FAR = [-700.0, -60.0, -25.0, 19.5, 25.0, 60.0]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    rng = np.random.default_rng(0)
    z = rng.normal(0, 4, (60, 6))
    z[:6, 0] = FAR
    dy = rng.normal(size=z.shape)
    for settings in OF_ACTIVATION.get(name, [{}]):
        f, theirs = ACTIVATIONS[name](**settings), leaf(z)
        with np.errstate(all="ignore"):
            a = f.forward(z, np.empty_like(z))
            dz = f.backward(dy, z, a, np.empty_like(z))
        want = ACTIVATION[name](f, theirs)
        want.backward(torch.tensor(dy))
        equal(a, want, rtol=1e-12)
        equal(dz, theirs.grad, rtol=1e-12)


# --- layers: of a layer of ours, a tensor, its parameters as tensors, and (seed, number of the layer) ---------------
def dense(layer, x, p, place):
    return ACTIVATION[layer.function.name](layer.function, F.linear(x, p["weights"], p.get("biases")))


def dropped(layer, x, p, place):
    """PyTorch's Dropout draws other numbers: here it gets ours."""
    mask = kept(*place, 0, tuple(x.shape), layer.dropout_rate)
    return x * torch.tensor(mask) / (1 - layer.dropout_rate)


def noisy(layer, x, p, place):
    """PyTorch has no such layer."""
    return x + layer.std * torch.tensor(normals(*place, 0, tuple(x.shape)))


def batch_norm(layer, x, p, place):
    if len(x) == 1:  # theirs refuses a batch of one row; ours gives the offset
        return x * 0 + p["offset"]
    running = (p[name].detach().clone() for name in layer.untrained)
    return F.batch_norm(x, *running, p["gain"], p["offset"], True, layer.momentum, layer.epsilon)


def scaled(layer, x, p, place):
    return (x - p.get("centre", 0)) * p["scale"]


def periodic(layer, x, p, place):
    """Column by column, by torch's linear; PyTorch has no such layer."""
    found, units = [], len(p["biases"]) // x.shape[1]
    for j in range(x.shape[1]):
        z, part = 2 * math.pi * x[:, j : j + 1] * p["frequencies"][j], slice(j * units, (j + 1) * units)
        waves = torch.cos(z + p["phases"][j]) if "phases" in p else torch.cat([torch.cos(z), torch.sin(z)], dim=1)
        found += [x[:, j : j + 1]] if "phases" in p else []
        found.append(F.linear(waves, p["weights"][part], p["biases"][part]))
    return torch.cat(found, dim=1)


def piecewise(layer, x, p, place):
    """Bin by bin; PyTorch has no such layer."""
    found = []
    for j, edges in enumerate(layer.edges):
        for t, (low, high) in enumerate(itertools.pairwise(edges)):
            y = (x[:, j] - low) / (high - low)
            y = torch.where(y < 0, 0, y) if t > 0 else y
            found.append(torch.where(y > 1, 1, y) if t < len(edges) - 2 else y)
    return torch.stack(found, dim=1)


def embedded(layer, x, p, place):
    """By torch's embedding, of codes with a row of zeros behind the others."""
    found = []
    for j, n in enumerate(layer.levels):
        table = torch.eye(n) if n != 2 else torch.tensor([[-1.0], [1.0]])
        table = p.get(f"table_{j}", table)
        table = torch.cat([table, torch.zeros(1, table.shape[1])])
        code = torch.floor(x[:, j].detach() + 0.5)
        found.append(F.embedding(torch.where((code >= 0) & (code < n), code, n).long(), table))
    return torch.cat(found, dim=1)


def on_columns(layer, x, p, place):
    start = 0 if layer.last is None else x.shape[1] - layer.last
    stop = start + (layer.first or layer.last)
    return torch.cat([x[:, :start], chain(layer.layers, x[:, start:stop], p, place), x[:, stop:]], dim=1)


def ensemble(layer, x, p, place):
    """Member by member, by torch's linear."""
    found, n = [], p["scale_in"].shape[1]
    for i in range(layer.members):
        part = x if layer.first else x[:, i * n : (i + 1) * n]
        found.append(F.linear(part * p["scale_in"][i], p["weights"]) * p["scale_out"][i] + p["biases"][i])
    return ACTIVATION[layer.function.name](layer.function, torch.cat(found, dim=1))


def mean_of_members(layer, x, p, place):
    parts = torch.chunk(x, layer.members, dim=1)
    return sum(ACTIVATION[layer.function.name](layer.function, z) for z in parts) / layer.members


LAYER = {
    "EnsembleDense": ensemble,
    "MeanOfMembers": mean_of_members,
    "Scaling": scaled,
    "PeriodicEmbedding": periodic,
    "PiecewiseEmbedding": piecewise,
    "Embedding": embedded,
    "OnColumns": on_columns,
    "DenseLayer": dense,
    "ActivationLayer": lambda layer, x, p, place: ACTIVATION[layer.function.name](layer.function, x),
    "DropoutLayer": dropped,
    "GaussianNoise": noisy,
    "PReLU": lambda layer, x, p, place: torch.where(x == 0, x, F.prelu(x, p["slopes"])),  # at 0 theirs has slope s
    "BatchNorm": batch_norm,
    "LayerNorm": lambda layer, x, p, place: F.layer_norm(x, x.shape[1:], p["gain"], p["offset"], layer.epsilon),
    "Residual": lambda layer, x, p, place: x + chain(layer.layers, x, p, place),  # by its layers alone
    "AverageLayer": lambda layer, x, p, place: (
        sum(chain(inner, x, p, place) for inner in layer.chains) / len(layer.chains)
    ),
}
BLOCKS = {"Residual", "OnColumns", "AverageLayer"}


def chain(layers, x, parameters, places):
    """Return what the layers make of ``x`` in PyTorch; the last two arguments are dictionaries by ``id``."""
    for layer in layers:
        inner = type(layer).__name__ in BLOCKS
        p, place = (parameters, places) if inner else (parameters[id(layer)], places[id(layer)])
        x = LAYER[type(layer).__name__](layer, x, p, place)
    return x


# --- losses: of an object of ours, scores, and targets as ours encodes them; the mean over the rows -----------------
def focal(loss, z, y):
    """PyTorch has none."""
    hot, log = one_hot(z, y), F.log_softmax(z, dim=1)
    alpha = torch.ones(z.shape[1]) if loss.alpha is None else torch.tensor(loss.alpha)
    return -(alpha * hot * (1 - log.exp()) ** loss.gamma * log).sum(dim=1).mean()


def binary_focal(loss, z, y):
    """PyTorch has none (torchvision's is this one)."""
    yes, no = (1.0, 1.0) if loss.alpha is None else (loss.alpha, 1 - loss.alpha)
    p, gamma = torch.sigmoid(z), loss.gamma
    of_yes, of_no = (1 - p) ** gamma * F.logsigmoid(z), p**gamma * F.logsigmoid(-z)
    return -(yes * y * of_yes + no * (1 - y) * of_no).sum(dim=1).mean()


def categorical_hinge(loss, z, y):
    """PyTorch's multi_margin_loss takes the mean over the wrong classes, ours the worst of them."""
    others = z.masked_fill(one_hot(z, y) == 1, -math.inf)
    return torch.relu(1 + others.max(dim=1).values - z[torch.arange(len(z)), y]).mean()


def quantile(loss, z, y):
    """PyTorch has none."""
    q, e = torch.tensor(loss.constants(z.shape[1])), y - z
    return torch.maximum(q * e, (q - 1) * e).mean()


def gamma(loss, z, y):
    """PyTorch has none."""
    return (z - y.log() + y * torch.exp(-z) - 1).mean()


def one_hot(z, y):
    return F.one_hot(y, z.shape[1]).double() if y.ndim == 1 else y


LOSS = {
    "categorical_crossentropy": lambda loss, z, y: F.cross_entropy(z, y, label_smoothing=loss.label_smoothing),
    "categorical_focal": focal,
    "categorical_hinge": categorical_hinge,
    # the sum over the outputs, where theirs is the mean; theirs has no smoothing
    "binary_crossentropy": lambda loss, z, y: (
        z.shape[1] * F.binary_cross_entropy_with_logits(z, y + loss.label_smoothing * (0.5 - y))
    ),
    "binary_focal": binary_focal,
    # of yes and no; PyTorch's hinge_embedding_loss is of distances
    "hinge": lambda loss, z, y: torch.relu(1 - y * z).sum(dim=1).mean(),
    "squared_hinge": lambda loss, z, y: (torch.relu(1 - y * z) ** 2).sum(dim=1).mean(),
    "mse": lambda loss, z, y: F.mse_loss(z, y),
    "mae": lambda loss, z, y: F.l1_loss(z, y),
    "huber": lambda loss, z, y: F.huber_loss(z, y, delta=loss.delta),
    "log_cosh": lambda loss, z, y: torch.log(torch.cosh(z - y)).mean(),  # PyTorch has none
    "quantile": quantile,
    # theirs leaves out y - y log y, by which a perfect rate has a loss of 0
    "poisson": lambda loss, z, y: F.poisson_nll_loss(z, y) + (torch.special.xlogy(y, y) - y).mean(),
    "gamma": gamma,
    # theirs takes variances, not their logarithms, and holds them above eps
    "gaussian_nll": lambda loss, z, y: F.gaussian_nll_loss(z[:, 0::2], y[:, 0::2], z[:, 1::2].exp(), eps=1e-300),
}
SCORES_OF = {  # what outputs a were before the link
    "softmax": torch.log,
    "sigmoid": torch.logit,
    "exponential": torch.log,
    "linear": lambda a: a,
}


def encoded(loss, y, n_out):
    y, _ = loss.encode(y, n_out)
    return y, torch.tensor(y if y.ndim == 1 else y.astype(float))


@pytest.mark.parametrize("name", LOSSES)
def test_losses_from_scores_and_from_outputs(name):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        loss = with_settings(rng, name, 4)
        z = rng.normal(0, 3, (30, 4))
        y, theirs = encoded(loss, TARGETS[name](rng, 30, loss.n_targets(4)), 4)
        scores, dz = leaf(z), np.empty_like(z)
        want = LOSS[name](loss, scores, theirs)
        want.backward()
        equal(loss.of_scores(z, y, dz, Own(0, z.dtype)).mean(), want)
        equal(dz / 30, scores.grad)
        link = ACTIVATION[loss.link](None, torch.tensor(z / 4)).detach()  # no output within rounding of 0 or 1
        outputs, da = leaf(link), np.empty_like(z)
        want = LOSS[name](loss, SCORES_OF[loss.link](outputs), theirs)
        want.backward()
        equal(loss.of_outputs(link.numpy(), y, da, Own(0, z.dtype)).mean(), want)
        # of outputs that need not sum to 1, d log p is taken of each alone; a softmax of logs divides by their sum
        if loss.link == "softmax":
            da -= (da * link.numpy()).sum(axis=1, keepdims=True)
        equal(da / 30, outputs.grad)


# --- whole networks ------------------------------------------------------------------------------------------------
def in_torch(net, X, y, weights):
    """Return J, dJ/dX and dJ/dparameters of each leaf, by autograd."""
    x, values = leaf(X), [{k: leaf(v) for k, v in named.items()} for named in net.views(net.params)]
    parameters = {id(layer): named for layer, named in zip(net.leaves, values, strict=True)}
    places = {id(layer): (net.seed, number) for number, layer in enumerate(net.leaves)}
    loss, last = net._loss, net.layers[-1].function
    _, targets = encoded(loss, y, net.n_outputs())
    outputs = chain(net.layers, x, parameters, places)
    scores = outputs
    if loss.link != "linear":  # those of the last layer, if its activation is the link
        before, p = chain(net.layers[:-1], x, parameters, places), parameters[id(net.layers[-1])]
        linked = last.name == loss.link
        scores = F.linear(before, p["weights"], p.get("biases")) if linked else SCORES_OF[loss.link](outputs)
    w = torch.ones(len(X)) if weights is None else torch.tensor(weights)
    rows = torch.stack([LOSS[loss.name](loss, scores[i : i + 1], targets[i : i + 1]) for i in range(len(X))])
    penalty = sum(
        layer.l1 * W.abs().sum() + (layer.l2 or loss.l2) / 2 * (W**2).sum()
        for layer, W in ((a, p["weights"]) for a, p in zip(net.leaves, values, strict=True) if "weights" in a.penalized)
    )
    cost = (w * rows).sum() / w.sum() + penalty / len(X)
    cost.backward()
    return cost, x.grad, values


def outputs_in_training(net, X):
    values = [{k: torch.tensor(v) for k, v in named.items()} for named in net.views(net.params)]
    parameters = {id(layer): named for layer, named in zip(net.leaves, values, strict=True)}
    places = {id(layer): (net.seed, number) for number, layer in enumerate(net.leaves)}
    with torch.no_grad():
        return chain(net.layers, torch.tensor(X), parameters, places).numpy()


def comparable(net, outputs):
    """Return whether PyTorch has the loss of these outputs, where they do not come out of its link.

    Its cross-entropy of classes supposes that outputs sum to 1; and it gives no direction at 0 and 1 themselves, where
    ours holds outputs float precision away from them.
    """
    link = net._loss.link
    if net.layers[-1].function.name == link or link == "linear":
        return True
    low, high = {"sigmoid": (1e-9, 1 - 1e-9), "exponential": (1e-9, np.inf)}.get(link, (np.inf, -np.inf))
    return bool(low < outputs.min() and outputs.max() < high)


@pytest.mark.parametrize("engine", ["numpy", "core"])
def test_random_networks_of_all_rows(engine):
    """Values and gradients of whole networks: depth, dropout, penalties, sample weights and residuals included."""
    if engine == "core":
        pytest.importorskip("neural._core")
    compared, networks = set(), 0
    for seed in range(300):
        net, X, y, weights = draw(seed)
        net.engine = engine
        if not comparable(net, outputs_in_training(net, X)):
            continue
        cost, gradient, dx = net.loss_and_gradient(X, y, weights, training=True)
        want, want_dx, values = in_torch(net, X, y, weights)
        size = 1 + max(np.abs(gradient).max(initial=0), np.abs(dx).max())
        equal(cost, want)
        equal(dx / size, want_dx / size)
        for layer, ours, theirs in zip(net.leaves, net.views(gradient), values, strict=True):
            compared.add(type(layer).__name__)
            for name in set(ours) - set(layer.untrained):
                there = theirs[name].grad
                equal(ours[name] / size, torch.zeros(ours[name].shape) if there is None else there / size)
        networks += 1
    assert set(LAYERS) - compared == BLOCKS  # which are there as their parts
    assert networks > 200


def test_running_means_and_predictions_after_batch_norm():
    rng = np.random.default_rng(0)
    X = rng.normal(3, 2, (12, 5))
    ours, theirs = BatchNorm(momentum=0.3, epsilon=1e-3), torch.nn.BatchNorm1d(5, 1e-3, 0.3).double()
    net = NeuralNetwork([ours, DenseLayer(5, 1)], "mse", dtype="float64", engine="numpy", random_state=0)
    for _ in range(3):
        net.train_on_batch(X, X[:, 0], learning_rate=0)
        theirs(torch.tensor(X))
    equal(ours.parameter("running_mean"), theirs.running_mean)
    equal(ours.parameter("running_variance"), theirs.running_var)
    equal(net.predict(X), F.linear(theirs.eval()(torch.tensor(X)), *map(torch.tensor, (net.layers[1].weights,))))


# --- optimizers: ours, their name, their settings ------------------------------------------------------------------
LIKE_ADAMW = {"adjust_lr_fn": "match_rms_adamw"}
OPTIMIZER = [
    (SGD(), "SGD", {}),
    (SGD(0.9), "SGD", {"momentum": 0.9}),
    (SGD(0.9, nesterov=True), "SGD", {"momentum": 0.9, "nesterov": True}),
    (RMSProp(), "RMSprop", {"alpha": 0.9}),  # theirs has 0.99 by default; ours the 0.9 of the lecture
    (RMSProp(0.75, 1e-3, momentum=0.5), "RMSprop", {"alpha": 0.75, "eps": 1e-3, "momentum": 0.5}),
    (Adagrad(), "Adagrad", {}),
    (Adam(), "Adam", {}),
    (Adam(0.5, 0.75, 1e-4), "Adam", {"betas": (0.5, 0.75), "eps": 1e-4}),
    (AdamW(), "AdamW", {}),  # theirs decays whatever it is given, ours the weights and not the biases
    (AdamW(weight_decay=0.1), "AdamW", {"weight_decay": 0.1}),
    (NAdam(), "NAdam", {}),
    (NAdam(0.5, 0.75, 1e-4, momentum_decay=3.0), "NAdam", {"betas": (0.5, 0.75), "eps": 1e-4, "momentum_decay": 3.0}),
    # hidden matrices; theirs is told which, takes the factor of its first version by default, and works in bfloat16
    (Muon(), "Muon", {"weight_decay": 0.01, **LIKE_ADAMW}),
    (Muon(momentum=0.5, weight_decay=0), "Muon", {"weight_decay": 0, "momentum": 0.5, **LIKE_ADAMW}),
]
NO_OPTIMIZER = {
    OPTIMIZERS["lion"]: "PyTorch has none; tests/test_optimizers.py has it by hand",
    OPTIMIZERS["lbfgs"]: "SciPy's line search, another than theirs; tests/test_lbfgs.py compares it with SciPy itself",
}
rng = np.random.default_rng(0)
ROOT, LINEAR = rng.normal(size=(6, 6)), rng.normal(size=(6, 4))
SQUARE = ROOT @ ROOT.T + np.eye(6)
PLACE = lay_out([{"weights": LINEAR.shape}])[0]


def gradient(W):
    """Return the gradient of tr(W' A W) / 2 - tr(B' W)."""
    return SQUARE @ W - LINEAR


def path(optimizer, updates, rate=0.02):
    """Yield the gradient of each update on the optimizer's way from 1, and the weights after it."""
    flat = np.zeros(PLACE.stop)
    W, g = PLACE.view(flat), np.zeros_like(flat)
    W[...] = 1
    memory = optimizer.fresh_memory(flat)
    for t in range(1, updates + 1):
        given = PLACE.view(g)[...] = gradient(W)
        W *= 1 - rate * optimizer.weight_decay
        optimizer.step(flat, g, memory, rate, t, (PLACE,) * 3)  # the second of three is a hidden one
        yield given, W


@pytest.mark.parametrize(("optimizer", "name", "settings"), OPTIMIZER, ids=[str(peer[0]) for peer in OPTIMIZER])
def test_fifty_updates(optimizer, name, settings):
    theirs = torch.ones(LINEAR.shape, requires_grad=True)
    peer = getattr(torch.optim, name)([theirs], lr=0.02, **settings)
    for given, ours in path(optimizer, 50):
        theirs.grad = torch.from_numpy(given)
        peer.step()
        np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=0, atol=1e-10)


# --- schedules: ours, theirs of an optimizer and an epoch's updates; 40 updates, 4 an epoch -------------------------
lr = torch.optim.lr_scheduler
SCHEDULE = [
    (Step(0.5, every=2), lambda o: lr.StepLR(o, 8, 0.5), 40),
    (ExponentialDecay(0.8), lambda o: lr.ExponentialLR(o, 0.8**0.25), 40),
    (Polynomial(2.0), lambda o: lr.PolynomialLR(o, 40, 2.0), 40),
    (Cosine(0.1), lambda o: lr.CosineAnnealingLR(o, 40, 0.1), 40),
    (CosineRestarts(2, 2, 0.1), lambda o: lr.CosineAnnealingWarmRestarts(o, 8, 2, 0.1), 40),
    # theirs ends at the last update, where ours would begin the next; and moves its momentum too, unless told not to
    (
        OneCycle(0.04, 0.0001, 0.3),
        lambda o: lr.OneCycleLR(o, 1, 41, pct_start=13 / 41, div_factor=25, final_div_factor=400, cycle_momentum=False),
        40,
    ),
    (Warmup(4), lambda o: lr.LinearLR(o, 0.2, 1.0, 4), 40),
]
NO_SCHEDULE = {
    SCHEDULES["constant"]: "the rate itself",
    SCHEDULES["inverse_scaling"]: "PyTorch has none but a function of one's own",
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("ours", "theirs", "steps"), SCHEDULE, ids=[str(peer[0]) for peer in SCHEDULE])
def test_schedules(ours, theirs, steps):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule, rates = theirs(optimizer), []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    equal(ours.factors(np.arange(steps), 40, 4), np.array(rates))
