"""scikit-learn's own tests of its networks, loaded with our two classes in the place of its own."""

import importlib.util
from unittest.mock import patch

import sklearn.neural_network

import neural

PRIVATE = {  # tests of what is not public, and why ours do not have it
    "test_gradient": "calls _loss_grad_lbfgs: tests/test_gradients.py checks the gradients of the same networks",
    "test_learning_rate_warmstart": "reads _optimizer: here optimizers are settings, and the fit knows the rate",
    "test_adaptive_learning_rate": "reads _optimizer, as above; test_estimators.py looks at the rate by verbose",
}


def load():
    """Return the tests by name."""
    spec = importlib.util.find_spec("sklearn.neural_network.tests.test_mlp")
    module = importlib.util.module_from_spec(spec)
    ours = {name: getattr(neural, name) for name in ("MLPClassifier", "MLPRegressor")}
    with patch.multiple(sklearn.neural_network, **ours):  # while its decorators and imports look
        spec.loader.exec_module(module)
    assert module.MLPClassifier is neural.MLPClassifier
    return {name: value for name, value in vars(module).items() if name.startswith("test_")}
