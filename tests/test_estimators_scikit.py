"""What scikit-learn asks of an estimator: its checks, and its own tests of the classes that ours replace."""

import os
import subprocess
import sys

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from neural import MLPClassifier, MLPRegressor
from tests import scikit_mlp

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
THEIRS = scikit_mlp.load()
globals().update({name: test for name, test in THEIRS.items() if name not in scikit_mlp.PRIVATE})


@pytest.fixture
def global_random_seed():
    return 42


def test_scikit_learns_tests_are_all_there_but_those_of_what_is_private():
    assert set(scikit_mlp.PRIVATE) <= set(THEIRS)
    assert len(scikit_mlp.PRIVATE) <= 6
    assert len(THEIRS) >= 40


@pytest.mark.parametrize(("kind", "least"), [(MLPClassifier, 67), (MLPRegressor, 60)])
def test_as_many_checks_as_for_scikit_learns_own(kind, least):
    assert len(list(estimator_checks_generator(kind()))) >= least


@parametrize_with_checks([MLPClassifier(max_iter=100), MLPRegressor(max_iter=100)])
def test_checks(estimator, check):
    check(estimator)


@pytest.mark.skipif("SCIPY_ARRAY_API" in os.environ, reason="this is that run")
def test_checks_with_the_array_api():
    path = os.pathsep.join(p for p in sys.path if p)
    environment = {**os.environ, "SCIPY_ARRAY_API": "1", "PYTHONPATH": path}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", "-k", "test_checks", __file__]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout[-3000:]
    assert "failed" not in found.stdout
    assert "xfailed" not in found.stdout
