"""The metrics of values against scikit-learn: several outputs, weights, constants; and by hand."""

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st

from neural import metrics

FOUND = settings(derandomize=True, deadline=None, max_examples=60)
TWINS = {
    "mean_squared_error": "mean_squared_error",
    "root_mean_squared_error": "root_mean_squared_error",
    "mean_absolute_error": "mean_absolute_error",
    "median_absolute_error": "median_absolute_error",
    "pinball_loss": "mean_pinball_loss",
    "r2_score": "r2_score",
    "explained_variance": "explained_variance_score",
}


@st.composite
def outputs(draw):
    """Return y and p, (n,) or (n, k), and weights or None: ties, constant columns, exact predictions."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, shape = draw(st.integers(2, 30)), draw(st.sampled_from([(), (1,), (3,)]))
    y = rng.integers(-3, 4, (n, *shape)).astype(float)
    p = np.where(rng.random(y.shape) < 0.5, y, y + rng.integers(-2, 3, y.shape) / 2)
    if draw(st.booleans()):
        y[..., 0] = 2
    if draw(st.booleans()):
        p[:] = p[0]
    # Sixteenths: under weights whose sum is rounded, scikit-learn takes a constant column for one that varies by 1e-16.
    kinds = {"none": None, "sixteenths": rng.integers(1, 17, n) / 16, "counts": np.r_[1, rng.integers(0, 3, n - 1)]}
    return y, p, kinds[draw(st.sampled_from(sorted(kinds)))]


@pytest.mark.parametrize("name", TWINS)
@FOUND
@given(data=outputs())
def test_equal_to_scikit_learn(name, data):
    y, p, w = data
    k = 1 if y.ndim == 1 else y.shape[1]
    ours, theirs = getattr(metrics, name), getattr(sk, TWINS[name])
    for multioutput in ("uniform_average", "raw_values", *([[1, 2, 4.5]] if k == 3 else [])):
        given = {"multioutput": multioutput, "sample_weight": w}
        expected = theirs(y, p, **given)
        np.testing.assert_allclose(ours(y, p, **given), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", TWINS)
def test_equal_to_scikit_learn_under_any_weights(name):
    rng = np.random.default_rng(0)
    for shape in ((50,), (50, 4)):
        y, p, w = 1e3 + rng.normal(size=shape), 1e3 + rng.normal(size=shape), rng.random(50)
        expected = getattr(sk, TWINS[name])(y, p, sample_weight=w)
        assert getattr(metrics, name)(y, p, sample_weight=w) == pytest.approx(expected, rel=1e-12)


@FOUND
@given(outputs(), st.sampled_from([0, 0.1, 0.9, 1]))
def test_pinball_loss_at_other_quantiles_equals_scikit_learn(data, alpha):
    y, p, w = data
    expected = sk.mean_pinball_loss(y, p, alpha=alpha, sample_weight=w)
    assert metrics.pinball_loss(y, p, alpha=alpha, sample_weight=w) == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_known_values():
    y, p = [0.0, 0, 0, 0], [1.0, -1, 3, -5]
    assert metrics.root_mean_squared_error(y, p) == 3.0
    assert metrics.median_absolute_error(y, p) == 2.0
    assert metrics.median_absolute_error(y, p, sample_weight=[0, 0, 1, 2]) == 5.0
    assert metrics.pinball_loss([1, 0], [0, 1], alpha=0.9) == pytest.approx((0.9 + 0.1) / 2)
    assert metrics.explained_variance([0.1] * 3, [0.2] * 3) == 1.0  # constant, and so is the error
    assert metrics.explained_variance([1.0, 1, 1], [1.0, 2, 3]) == 0.0
    assert metrics.root_mean_squared_error([[0, 0]], [[3, 4]], multioutput="raw_values").tolist() == [3.0, 4.0]


def test_weights_of_tenths_add_up_to_half():
    assert metrics.median_absolute_error([0] * 10, range(10), sample_weight=[0.1] * 10) == 4.5


def test_a_constant_stays_constant_under_weights():
    w = np.random.default_rng(0).random(7)
    assert metrics.r2_score([0.1] * 7, [0.2] * 7, sample_weight=w) == 0.0
    assert metrics.r2_score([0.1] * 7 + [5], [0.1] * 8, sample_weight=[*w, 0]) == 1.0


@pytest.mark.parametrize("name", TWINS)
def test_refusals(name):
    function = getattr(metrics, name)
    with pytest.raises(ValueError, match=r"2 weights, none below 0 and not all 0. Got \[1\]"):
        function(np.eye(2), np.eye(2), multioutput=[1])
    with pytest.raises(ValueError, match="none below 0"):
        function(np.eye(2), np.eye(2), multioutput=[2, -1])
    with pytest.raises(ValueError, match="multioutput must be one of 'raw_values', 'uniform_average'"):
        function(np.eye(2), np.eye(2), multioutput="raw")
    with pytest.raises(ValueError, match="y_pred must be finite"):
        function([1, 2], [1, np.inf])
    with pytest.raises(ValueError, match="as wide as y_true"):
        function([1, 2], np.eye(2))


@pytest.mark.parametrize("alpha", [-0.1, 1.1])
def test_a_quantile_is_from_0_to_1(alpha):
    with pytest.raises(ValueError, match="alpha must be a finite number of at least 0 and of at most 1"):
        metrics.pinball_loss([1, 2], [1, 2], alpha=alpha)
