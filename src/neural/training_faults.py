"""What may be wrong with a network and with how it was fitted: each check its limits above it."""

from __future__ import annotations

import numpy as np

from neural.checkup import ENOUGH_EPOCHS, Case, Finding, Findings
from neural.layers import ActivationLayer

# The network ----------------------------------------------------------------------------------------------------------

FLAT = 0.01  # of an activation's largest slope
ALWAYS = 0.99  # of the rows
MANY = 0.4  # of a layer's units


def stuck_units(case: Case) -> Findings:
    """Units whose activation is flat for nearly every row, so that no error passes: dead, or saturated."""
    for where, layer, slopes in case.slopes:
        steepest = float(np.abs(layer.function.activation_prime(np.linspace(-3, 3, 61))).max())
        stuck = (np.abs(slopes) < FLAT * steepest).mean(axis=0) >= ALWAYS
        count = int(stuck.sum())
        if count < max(2, MANY * len(stuck)):
            continue
        dead = layer.function.relu_like or (layer.function.range[0] == 0 and layer.function.range[1] == np.inf)
        name, effect = ("dead units", "give 0") if dead else ("saturated units", "are at an end of their range")
        found = f"{where}: {count} of {len(stuck)} units {effect} for at least {ALWAYS:.0%} of the rows."
        cause = (
            "Their inputs are far out: a learning rate that was too high, large inputs, or a start with large weights."
        )
        step = "Scale the inputs, start anew with init='auto' and a third of the learning rate" + (
            ", or use 'leaky_relu' or 'elu'." if dead else ", or use 'relu' in hidden layers."
        )
        yield Finding(name, found, count / len(stuck), cause, step)


VANISHED, EXPLODED = 1e-4, 1e3  # of the error of the last layer, in the first


def gradients_by_layer(case: Case) -> Findings:
    """Errors that die out or grow on their way back."""
    if len(case.errors) < 2:
        return
    (first, size), (last, end) = case.errors[0], case.errors[-1]
    ratio = size / end if end else 1.0
    if VANISHED <= ratio <= EXPLODED:
        return
    vanishing = ratio < VANISHED
    found = f"the error dJ/dz of {first} is {ratio:.2g} times that of {last}."
    slopes = "small weights or flat activations" if vanishing else "large weights"
    effect = "shrinks" if vanishing else "grows"
    cause = f"On its way back it is multiplied by W and f'(z) of each layer; with {slopes} it {effect}."
    step = "Use 'relu' with init='auto', BatchNorm or Residual, or fewer layers."
    step = step if vanishing else "Start with init='auto', and hold it with Adam(clip_norm=1) or BatchNorm."
    yield Finding(f"{'vanishing' if vanishing else 'exploding'} gradients", found, ratio, cause, step)


VALUE_LOSSES = ("mse", "mae", "huber", "log_cosh")


def unsuitable_loss(case: Case) -> Findings:
    """A loss or an output that does not suit the targets."""
    last = case.net._formulas()[-1][1]
    function = last.function if isinstance(last, ActivationLayer) else None
    y, n_out = case.prepared[1].y, case.net.n_outputs()
    name = "none" if function is None else function.name
    if name == "softmax" and n_out == 1:
        step = "Use 'sigmoid' with BinaryCrossentropy, or two units."
        yield Finding(
            "unsuitable output",
            "the last layer is a softmax of one unit, which is always 1.",
            1.0,
            "A softmax shares 1 among its units.",
            step,
        )
    if case.loss.name not in VALUE_LOSSES:
        return
    binary = bool(np.isin(y, (0, 1)).all())
    low, high = (-np.inf, np.inf) if function is None else function.range
    outside = float(np.mean((y < low) | (y > high)))
    if outside > 0:
        found = f"{outside:.1%} of the targets lie outside {low:g} to {high:g}, all that {name} can give."
        step = "End the network without an activation, or scale the targets into that range."
        yield Finding("unsuitable output", found, outside, f"The last layer is {name}.", step)
    elif binary and len(np.unique(y)) == 2 and (name in ("softmax", "sigmoid") or n_out == 1):
        entropy = "CategoricalCrossentropy" if n_out > 1 else "BinaryCrossentropy"
        found = f"all targets are 0 or 1, and the loss is {case.loss.describe()}."
        cause = "They are classes: such errors are no likelihood of them, and hardly move what is surely wrong."
        link = "softmax" if n_out > 1 else "sigmoid"
        yield Finding("unsuitable loss", found, 1.0, cause, f"Use {entropy}, with '{link}' at the end.")


# Training -------------------------------------------------------------------------------------------------------------

RESTLESS = 0.03  # of the first cost: mean change from epoch to epoch in the second half
HUGE_STEP = 0.5  # of |W| in one update
STILL = 0.01  # of the first cost: what it has moved in all
TINY_STEP = 1e-4
STEADY = 0.4  # of the fall in the first half of the epochs, in the second


def rate_too_high(case: Case) -> Findings:
    """A cost that jumps or ends higher than it began, or updates as large as the weights."""
    costs = case.epochs("loss")
    if len(costs) < ENOUGH_EPOCHS or costs[0] <= 0:
        return
    late = costs[len(costs) // 2 :]
    turns = np.diff(np.sign(np.diff(late)))
    jumps = float(np.abs(np.diff(late)).mean() / costs[0]) if (turns != 0).sum() >= 2 else 0.0
    step, reasons = case.update_ratio, []
    if jumps > RESTLESS:
        reasons.append(f"from epoch to epoch the cost jumps by {jumps:.1%} of the first one, on and on")
    if costs[-1] > costs[0]:
        reasons.append(f"the cost has risen from {costs[0]:.4g} to {costs[-1]:.4g}")
    if step is not None and step > HUGE_STEP:
        reasons.append(f"one update changes a layer's weights by {step:.0%}")
    if reasons:
        number = max(jumps, float(costs[-1] / costs[0]) if costs[-1] > costs[0] else 0.0, step or 0.0)
        cause = "Each step goes beyond the place it is meant for."
        advice = "Divide the learning rate by 3 to 10; neural.rate_range.lr_range_test finds one."
        yield Finding("learning rate too high", f"{'; '.join(reasons)}.", number, cause, advice)


def rate_too_low(case: Case) -> Findings:
    """A cost that has hardly moved, or still falls as at the start."""
    costs = case.epochs("loss")
    if len(costs) < ENOUGH_EPOCHS or costs[0] <= 0:
        return
    middle = len(costs) // 2
    early, late = costs[0] - costs[middle], costs[middle] - costs[-1]
    moved, step = float((costs[0] - costs.min()) / costs[0]), case.update_ratio
    if moved < STILL and step is not None and step < TINY_STEP:
        found = f"the cost moved by {moved:.2%} in {len(costs)} epochs; no update changes a layer by {step:.1g}."
    elif 0 < STEADY * early < late and late > STILL * costs[0]:
        found = f"the cost is still falling: by {early:.3g} in the first half of the epochs, {late:.3g} in the second."
    else:
        return
    step_on = "Try 3 to 10 times the learning rate (neural.rate_range.lr_range_test), or fit on for more epochs."
    yield Finding("learning rate too low", found, moved, "The steps are too small, or too few.", step_on)


WITHOUT_EFFECT = 1e-3  # of the cost


def penalty_without_effect(case: Case) -> Findings:
    """An l1 or l2 that is set and changes next to nothing."""
    penalties = [
        (name, float(getattr(each, name, 0)))
        for each in (case.loss, *case.net.leaves)
        for name in ("l1", "l2")
        if getattr(each, name, 0)
    ]
    if case.alpha is not None:  # an estimator, where it goes by that name, and the default is nobody's wish
        value, is_set = case.alpha
        penalties = [("alpha", value)] if is_set and value else []
    costs, parts = case.epochs("loss"), case.epochs("penalty")
    if not penalties or not len(costs) or not len(parts) or costs[-1] <= 0:
        return
    share = float(parts[-1] / costs[-1])
    if share < WITHOUT_EFFECT:
        name, value = penalties[0]
        found = f"{name} = {value:g} makes {share:.2g} of the cost at the end."
        cause = "The penalty is divided by the rows of a batch: (l1 sum |W| + l2/2 sum W^2) / m."
        yield Finding(
            "penalty without effect",
            found,
            share,
            cause,
            f"Try {name} = {value * 0.03 / max(share, 3e-8):.1g}, or leave it out.",
        )
