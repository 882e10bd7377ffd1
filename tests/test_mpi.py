"""Synchronous training over MPI, under ``mpirun`` where there is one: several ranks make the updates of one."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

from neural import Adam, BatchNorm, DenseLayer, EarlyStopping, NeuralNetwork
from neural.mpi import fit
from tests.small_network import LABELS, X, network
from tests.small_network import fit as fit_alone

SETTINGS = {"epochs": 3, "learning_rate": 0.05, "batch_size": 16, "verbose": 0}
OF_ALL = """
import numpy as np
import neural
from mpi4py import MPI
from neural.mpi import fit
comm = MPI.COMM_WORLD
def tell(*words):
    lines = comm.gather(" ".join(map(str, words)))
    if lines:  # rank 0 writes for all, as the lines of two would run into one another
        print(*lines, sep="\\n", flush=True)
rng = np.random.default_rng(0)
X, y = rng.normal(size=(240, 4)), np.array(["ash", "birch", "cedar"])[np.arange(240) % 3]
"""


def mpirun(code, ranks=2):
    """Return what each rank prints, and whether all ended well; a rank that does not come back is an error."""
    pytest.importorskip("mpi4py")
    if shutil.which("mpirun") is None:
        pytest.skip("there is no mpirun")
    allowed = ["OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1", "OMP_NUM_THREADS=1"]
    command = ["env", *allowed, f"PYTHONPATH={':'.join(sys.path)}", "mpirun", "--oversubscribe", "-n", str(ranks)]
    done = subprocess.run(
        [*command, sys.executable, "-m", "mpi4py", "-c", OF_ALL + code], capture_output=True, text=True, timeout=100
    )
    return done.stdout.splitlines(), done


class Alone:
    """A communicator of one rank."""

    rank, size = 0, 1

    def allgather(self, value):
        return [value]

    def bcast(self, value, root):
        return value

    def Allreduce(self, into, out):
        pass

    def Bcast(self, values, root):
        pass


@pytest.mark.parametrize("engine", ["numpy", "auto"])
def test_one_rank_is_fit_but_for_rounding(engine):
    net, other = network(dtype="float64", engine=engine), network(dtype="float64", engine=engine)
    history = fit(net, X, LABELS, comm=Alone(), optimizer=Adam(clip_norm=0.5), **SETTINGS)
    expected = fit_alone(other, epochs=3, learning_rate=0.05, optimizer=Adam(clip_norm=0.5))
    np.testing.assert_allclose(net.params, other.params, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(history, expected, rtol=1e-9)
    assert net.engine_ == other.engine_


def test_a_fit_goes_on_where_it_was(tmp_path):
    class Stop(Exception):
        pass

    def stops(epoch):
        def at(training):
            if training.epoch == epoch:
                raise Stop

        return type("Stops", (), {"on_epoch_end": staticmethod(at)})()

    nets = [network(), network(), network()]
    fit(nets[0], X, LABELS, comm=Alone(), optimizer="adam", **SETTINGS)
    given = {"comm": Alone(), "optimizer": "adam", "checkpoint": tmp_path / "run", "resume": True}
    with pytest.raises(Stop):
        fit(nets[1], X, LABELS, callbacks=stops(2), **given, **SETTINGS)
    fit(nets[2], X, LABELS, callbacks=stops(-1), **given, **SETTINGS)
    assert np.array_equal(nets[0].params, nets[2].params)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"optimizer": "lbfgs"}, ValueError, "one that goes update by update"),
        ({"metrics": "accuracy"}, ValueError, "metrics must be left out without validation_data"),
        ({"callbacks": lambda *_: None}, TypeError, "objects with hooks where rows are elsewhere"),
        ({"save_every": 0.5}, TypeError, "save_every must be a whole number"),
        ({"n_threads": 0}, ValueError, "n_threads must be"),
    ],
)
def test_bad_settings_are_refused(given, error, message):
    with pytest.raises(error, match=message):
        fit(network(), X, LABELS, comm=Alone(), **{**SETTINGS, **given})


def test_batch_normalization_is_refused():
    net = NeuralNetwork([DenseLayer(4, 3), BatchNorm(), DenseLayer(3, 1)], "mse")
    with pytest.raises(ValueError, match="without BatchNorm"):
        fit(net, X, LABELS, comm=Alone())


def test_rank_0_measures_and_stops():
    stop = EarlyStopping("val_loss", patience=1)
    settings = {**SETTINGS, "epochs": 60, "learning_rate": 2.0}
    history = fit(
        network(), X, LABELS, comm=Alone(), metrics="accuracy", validation_data=(X, LABELS), callbacks=stop, **settings
    )
    assert len(history) < 60
    assert {"val_loss", "val_accuracy"} < set(history.keys())


def test_two_ranks_make_the_updates_of_one_with_twice_the_batch():
    """Rank k of n has every n-th block of a batch's rows, so that both go through the same rows together."""
    code = """
def made(loss):
    layers = [neural.DenseLayer(4, 9, "relu", max_norm=2.0), neural.DenseLayer(9, 3, "softmax")]
    return neural.NeuralNetwork(layers, loss, dtype="float64", random_state=0)
worst = 0.0
weights = rng.uniform(0.5, 2, size=240)
for optimizer in ("sgd", neural.AdamW(weight_decay=0.1, clip_norm=0.5), "muon"):
    given = dict(epochs=3, learning_rate=0.05, optimizer=optimizer, schedule="cosine", shuffle=False, verbose=0)
    loss = neural.CategoricalCrossentropy(l2=0.1)
    mine = np.arange(240).reshape(-1, comm.size, 12)[:, comm.rank].ravel()
    both, one = made(loss), made(loss)
    history = fit(both, X[mine], y[mine], batch_size=12, sample_weight=weights[mine], **given)
    expected = one.fit(X, y, batch_size=24, sample_weight=weights, **given)
    worst = max(worst, np.abs(both.params - one.params).max(), np.abs(np.subtract(history, expected)).max())
    assert both.classes_.tolist() == one.classes_.tolist() and len(history) == 3
tell(comm.rank, comm.size, worst < 1e-6)
"""
    lines, done = mpirun(code)
    assert lines == ["0 2 True", "1 2 True"], done.stdout + done.stderr


def test_ranks_end_alike_with_different_rows_and_a_bad_one_ends_all(tmp_path):
    """Unequal shares, names that only one rank has, a stop by rank 0, a checkpoint; then NaN on rank 1."""
    code = f"""
path = {str(tmp_path / "run")!r}
def made():
    layers = [neural.DenseLayer(4, 9, "relu"), neural.DropoutLayer(0.2), neural.DenseLayer(9, 3, "softmax")]
    return neural.NeuralNetwork(layers, "categorical_crossentropy", random_state=comm.rank)
mine = np.flatnonzero(y != "cedar") if comm.rank else np.flatnonzero(y != "ash")[:33]
def fitted():
    net, stop = made(), neural.EarlyStopping("val_loss", patience=2)
    given = dict(batch_size=16, optimizer="adam", checkpoint=path, resume=True, verbose=0)
    return net, fit(net, X[mine], y[mine], 50, 0.05, validation_data=(X, y), callbacks=stop, **given)
net, history = fitted()
again, found = fitted()
params = comm.allgather(net.params.tobytes())
alike = params[0] == params[1] == again.params.tobytes() and len(history) == len(found) < 50
bad = X[mine] * (np.nan if comm.rank else 1)
try:
    fit(made(), bad, y[mine], verbose=0)
except (ValueError, neural.NeuralError) as error:
    text = f"{{type(error).__name__}}: {{error}}"
tell(comm.rank, alike, text)
"""
    lines, done = mpirun(code)
    refused = "ValueError: X must be finite. Got nan. See row 0, column 0."
    assert lines == [f"0 True NeuralError: rank 1 refused its part: {refused}", f"1 True {refused}"], done.stderr
