"""The engines of this installation, and what is asked of both: the same training, and the same bits on any threads."""

import os
from unittest.mock import patch

import numpy as np
import pytest

from neural import core

ENGINES = ["numpy"] + ["core"] * (core._core is not None)
needs_core = pytest.mark.skipif(core._core is None, reason="this installation has no compiled core")


def trained_alike(make, X, y, rtol=1e-9, **settings):
    """Fit what ``make(engine)`` returns on each engine, see that they agree, and return both."""
    nets = [make(engine) for engine in ENGINES]
    for net in nets:
        net.fit(X, y, verbose=0, **settings)
    assert [net.engine_ for net in nets] == ENGINES
    np.testing.assert_allclose(nets[1].params, nets[0].params, rtol=rtol, atol=1e-10)
    np.testing.assert_allclose(nets[1].predict(X), nets[0].predict(X), rtol=1e-9)
    return nets


def threads_change_no_bit(make, X, y, **settings):
    """See that ``make()``, fitted by one thread or several, has the same parameters, and zeros between them."""
    nets = [make() for _ in range(4)]
    with patch.dict(os.environ, NEURAL_FLOPS_FOR_THREADS="0"):
        for net, threads in zip(nets, (1, 2, 3, 5), strict=True):
            net.fit(X, y, verbose=0, n_threads=threads, **settings)
            np.testing.assert_array_equal(net.params, nets[0].params)
    used = np.zeros(len(net.params), bool)
    for place in net._places:
        place.view(used)[...] = True
    assert (net.params[~used] == 0).all()
