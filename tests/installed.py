"""Run by packaging.sh in an environment that has an installed `neural` and no source: does it work, and as promised?

python -I installed.py core|numpy [doctests]
"""

import doctest
import importlib
import pkgutil
import subprocess
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import neural
from neural import DenseLayer, EngineUnavailable, EngineWarning, NeuralNetwork
from neural.datasets import make_moons
from neural.gradcheck import check_gradient

place = Path(neural.__file__).parent


def check(what: str, true: bool) -> None:
    """Say what holds, or end."""
    print(f"  {'ok  ' if true else 'FAIL'} {what}")
    if not true:
        sys.exit(1)


def network(engine: str = "auto") -> NeuralNetwork:
    """Return a small network."""
    layers = [DenseLayer(2, 16, "relu"), DenseLayer(16, 1, "sigmoid")]
    return NeuralNetwork(layers, "binary_crossentropy", engine=engine, random_state=0)


def smoke(engine: str) -> None:
    """Train, predict, check, with NumPy alone."""
    check("installed, not found in a checkout", Path(sys.prefix) in place.parents)
    check("the version is that of the distribution", neural.__version__ == version("neural-dense"))
    check("typed, by a file that says so", (place / "py.typed").exists())
    check("no C++ among the files", not list(place.rglob("*.hpp")))
    check(f"{'a' if engine == 'core' else 'no'} core", bool(list(place.glob("_core*.*[od]"))) == (engine == "core"))
    X, y = make_moons(500, noise=0.2, random_state=0)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        net = network()
        net.fit(X, y, epochs=100, learning_rate=0.3, verbose=0)
        network().fit(X, y, epochs=1, verbose=0)
    check("trained", net.evaluate(X, y, ["accuracy"])["accuracy"] > 0.95)
    check(f"on {engine}", net.engine_ == engine)
    expected = [] if engine == "core" else [EngineWarning]
    check("a word about a missing core, once", [each.category for each in said] == expected)
    check("gradients", check_gradient(net, X, y).ok)
    if engine == "numpy":
        try:
            network("core").fit(X, y, verbose=0)
            check("a refusal of the core", False)
        except EngineUnavailable as error:
            check(f"a refusal of the core: {error}", True)
    for command in ([str(Path(sys.executable).with_name("neural"))], [sys.executable, "-m", "neural"]):
        found = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True).stdout
        check(f"{Path(command[0]).name}: {found.strip()}", found.strip() == f"neural {neural.__version__}")


def doctests() -> None:
    """Run the examples of every module."""
    tried = failed = 0
    for module in pkgutil.walk_packages(neural.__path__, "neural."):
        if module.name.rpartition(".")[2] not in ("_core", "__main__"):
            found = doctest.testmod(importlib.import_module(module.name))
            tried, failed = tried + found.attempted, failed + found.failed
    check(f"{tried} examples, {failed} wrong", tried > 100 and not failed)


if __name__ == "__main__":
    doctests() if "doctests" in sys.argv else smoke(sys.argv[1])
