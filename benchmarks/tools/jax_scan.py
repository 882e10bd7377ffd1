"""JAX at its best: the whole unit is one compiled function, a scan over the batches inside a scan over the epochs.

Scan wants batches of one size, so the last short batch is a step of its own at the end of each epoch.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from workloads import Weights, Workload

from tools.base import Predictor

ACTIVATIONS = {"relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid}


def categorical(z: jax.Array, y: jax.Array) -> jax.Array:
    of_truth = jnp.take_along_axis(z, y[:, None], axis=1)[:, 0]
    return jnp.mean(jax.nn.logsumexp(z, axis=1) - of_truth)


def binary(z: jax.Array, y: jax.Array) -> jax.Array:
    return jnp.mean(jax.nn.softplus(z[:, 0]) - z[:, 0] * y)


LOSSES = {"softmax": categorical, "sigmoid": binary}


def sgd(state: Any, grads: Any, rate: float) -> Any:
    params, memory = state
    return jax.tree.map(lambda w, g: w - rate * g, params, grads), memory


def adam(state: Any, grads: Any, rate: float) -> Any:
    params, (m, v, t) = state
    t = t + 1
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, grads)
    down = rate / -jnp.expm1(t * np.log(0.9))  # 1 - 0.9^t without the cancellation, which float32 would show
    root = jnp.sqrt(-jnp.expm1(t * np.log(0.999)))
    params = jax.tree.map(lambda w, m, v: w - down * m / (jnp.sqrt(v) / root + 1e-8), params, m, v)
    return params, (m, v, t)


OPTIMIZERS = {"sgd": sgd, "adam": adam}


def scores(params: Any, x: jax.Array, activation: Any) -> jax.Array:
    for W, b in params[:-1]:
        x = activation(x @ W.T + b)
    W, b = params[-1]
    return x @ W.T + b


class Scan:
    def prepare(self, workload: Workload) -> None:
        y = workload.y.astype(np.float32 if workload.link == "sigmoid" else np.int32)
        self.data = [jnp.asarray(array) for array in (workload.floats(), y, workload.orders().astype(np.int32))]
        params = jax.tree.map(jnp.asarray, workload.start())
        zeros = jax.tree.map(jnp.zeros_like, params)
        self.start = (params, (zeros, zeros, jnp.float32(0)) if workload.optimizer == "adam" else ())
        self.fit = jax.jit(whole_fit(workload))
        jax.block_until_ready((self.data, self.start))

    def reset(self) -> None:
        self.state: Any = self.start

    def unit(self) -> list[float]:
        self.state, costs = jax.block_until_ready(self.fit(self.start, *self.data))
        return [float(cost) for cost in costs]

    def weights(self) -> Weights:
        return [(np.asarray(W), np.asarray(b)) for W, b in self.state[0]]


def whole_fit(workload: Workload) -> Any:
    """Return the function (state, X, y, orders) -> (state, mean cost of each epoch)."""
    activation, loss = ACTIVATIONS[workload.activation], LOSSES[workload.link]
    update, rate, batch, n = OPTIMIZERS[workload.optimizer], workload.rate, workload.batch, len(workload.y)
    whole = n // batch * batch

    def cost(params: Any, x: jax.Array, y: jax.Array) -> jax.Array:
        return loss(scores(params, x, activation), y)

    def fit(state: Any, X: jax.Array, y: jax.Array, orders: jax.Array) -> Any:
        def step(state: Any, rows: jax.Array) -> Any:
            x, truth = (array.at[rows].get(mode="promise_in_bounds") for array in (X, y))
            value, grads = jax.value_and_grad(cost)(state[0], x, truth)
            return update(state, grads, rate), value

        def epoch(state: Any, order: jax.Array) -> Any:
            state, costs = lax.scan(step, state, order[:whole].reshape(-1, batch))
            total = costs.sum() * batch
            if whole < n:
                state, last = step(state, order[whole:])
                total += last * (n - whole)
            return state, total / n

        return lax.scan(epoch, state, orders)

    return fit


class Many(Scan):
    """All networks in one pass: the whole fit mapped over starts and orders."""

    def prepare(self, workload: Workload) -> None:
        members = workload.members()
        X, y = jnp.asarray(workload.floats()), jnp.asarray(workload.y.astype(np.int32))
        orders = jnp.asarray(np.stack([member.orders() for member in members]).astype(np.int32))
        params = jax.tree.map(lambda *each: jnp.stack(each), *[member.start() for member in members])
        zeros = jax.tree.map(jnp.zeros_like, params)
        self.data, self.start = [X, y, orders], (params, (zeros, zeros, jnp.zeros(len(members))))
        self.fit = jax.jit(jax.vmap(whole_fit(workload), in_axes=(0, None, None, 0)))
        jax.block_until_ready((self.data, self.start))

    def unit(self) -> list[Any]:
        self.state, costs = jax.block_until_ready(self.fit(self.start, *self.data))
        return np.asarray(costs).T.tolist()

    def weights(self) -> list[Weights]:
        layers = [(np.asarray(W), np.asarray(b)) for W, b in self.state[0]]
        return [[(W[k], b[k]) for W, b in layers] for k in range(len(layers[0][0]))]


class Predict(Predictor):
    def build(self, work: Workload, weights: Weights) -> None:
        activation = ACTIVATIONS[work.activation]
        self.outputs_of = jax.jit(lambda params, x: jax.nn.softmax(scores(params, x, activation)))
        self.params = jax.tree.map(jnp.asarray, weights)

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(self.outputs_of(self.params, x))
