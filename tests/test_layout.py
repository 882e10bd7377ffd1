"""The house: which file may import which, what is public, how long things are, what a bare import loads."""

import ast
import inspect
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import neural
from neural.activations import ACTIVATIONS
from neural.averages import AVERAGES
from neural.initializers import INITIALIZERS
from neural.layers import LAYERS
from neural.losses import LOSSES
from neural.metrics import METRICS
from neural.optimizers import OPTIMIZERS
from neural.schedules import SCHEDULES
from tests.catalogue import catalogue

SOURCE = Path(neural.__file__).parent
LEVELS = (
    ("errors", "frozen"),
    ("atomic",),
    (
        "inputs",
        "parameters",
        "significance",
        "streams",
        "fashion",
        "canvas",
        "course",
        "ahead",
        "threads",
        "notebook",
        "export.expressions",
        "export.protobuf",
    ),
    (
        "activation",
        "augment",
        "averages",
        "initializers",
        "datasets",
        "intervals",
        "metric_inputs",
        "optimizers",
        "plot_inputs",
        "schedules",
        "table_files",
        "tables",
    ),
    (
        "attribution_plots",
        "container",
        "frames",
        "guessing",
        "logarithms",
        "preprocessing",
        "rectifiers",
        "row_weights",
        "smooth",
        "windows",
    ),
    ("tabular_columns",),
    ("stream_cache", "stream_files"),
    ("stream_csv", "stream_parquet"),
    ("activations",),
    ("layer", "targets", "classification_metrics", "probability_metrics", "regression_metrics"),
    ("metrics", "normalization", "residual", "columns", "embeddings", "activation_layer", "loss"),
    ("branches", "ensembles"),
    ("layers", "classification_losses", "regression_losses"),
    ("chain", "checks", "losses"),
    ("engine", "export.plan", "export.pytorch", "summary", "config", "folding"),
    ("core", "export.proof", "model_file", "passes", "sources"),
    ("export.c", "export.int8", "export.javascript", "export.onnx", "export.python"),
    ("export.verify",),
    ("callbacks", "data", "updates"),
    ("checkpoints", "loggers", "measuring"),
    ("tabular_saving", "training"),
    ("batches", "lbfgs", "rounds"),
    ("stream", "streaming"),
    ("assembly",),
    ("nn",),
    ("many_inputs",),
    (
        "architecture",
        "packing",
        "gradcheck",
        "imports.hdf5",
        "imports.parts",
        "many",
        "mpi",
        "partitions",
        "models",
        "plotting",
        "rate_range",
    ),
    ("calibration", "distributed", "checkup", "comparison", "conformal", "dependence", "explanations", "nearest"),
    ("input_faults", "result_faults", "training_faults"),
    ("diagnosis",),
    ("imports.keras", "imports.onnx", "imports.sklearn", "imports.torch"),
    ("imports",),
    ("convergence",),
    ("perceptron", "tabular_training"),
    ("estimators", "searches", "tabular"),
    ("__init__",),
    ("experiments", "export", "page"),
    ("speed",),
    ("figures", "findings", "record"),
    ("report",),
    ("playground.settings", "playground.trace", "playground.wire"),
    ("playground.points",),
    ("playground.trainer",),
    ("playground.network_file", "playground.pictures", "playground.saving", "playground.script"),
    ("playground.session",),
    ("playground.messages",),
    ("playground.server",),
    ("playground",),
    ("cli.answers", "cli.demo", "cli.recipe", "cli.scores", "cli.progress"),
    ("cli.bench", "cli.fitting", "cli.models"),
    ("cli.exports", "cli.look"),
    ("cli.predict", "cli.telling"),
    ("cli.report",),
    ("cli.doctor", "cli.plots", "cli.train"),
    ("cli.app",),
    ("cli",),
    ("__main__",),
)
LEVEL = {name: level for level, names in enumerate(LEVELS) for name in names}
LAZY = {  # imported inside a function: History.plot, export, to_torch; the last for its type alone
    ("callbacks", "plotting"),
    *(("nn", name) for name in ("export", "export.pytorch", "export.proof")),
}


def files():
    """Return every file of the package with its name in LEVELS: export/plan.py is export.plan."""
    named = {path: ".".join(path.relative_to(SOURCE).with_suffix("").parts) for path in sorted(SOURCE.rglob("*.py"))}
    return {path: name.removesuffix(".__init__") for path, name in named.items()}


def imports(path):
    """Return the modules of the package that a file imports."""
    found, known = set(), set(files().values())
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "neural":
            package = node.module.partition(".")[2]
            inner = {".".join(filter(None, (package, alias.name))) for alias in node.names}
            found |= {name if name in known else package or "__init__" for name in inner}
    return found


def test_every_file_has_a_level():
    assert set(files().values()) == set(LEVEL)


def test_imports_point_one_way():
    wrong = [
        f"{own} imports {name}"
        for path, own in files().items()
        for name in imports(path)
        if LEVEL[name] >= LEVEL[own] and (own, name) not in LAZY
    ]
    assert wrong == []


def test_the_public_names_are_those_imported():
    names = {name for name, value in vars(neural).items() if name[0] != "_" and not inspect.ismodule(value)}
    names = (names | set(neural._LATER)) - {"Any", "TYPE_CHECKING"}
    assert sorted(names) == sorted(neural.__all__)
    assert all(inspect.getdoc(getattr(neural, name)) for name in neural.__all__)


def test_readers_of_types_and_the_site_see_the_names_that_come_later():
    source = Path(neural.__file__).read_text()
    later = neural._LATER | neural._ON_SCIKIT_LEARN
    assert set(re.findall(r"^    from neural\.(\w+) import (\w+) as \2$", source, re.MULTILINE)) == {
        (module, name) for name, module in later.items()
    }


def test_every_row_of_every_table_is_documented_with_an_example():
    tables = (ACTIVATIONS, AVERAGES, INITIALIZERS, LAYERS, LOSSES, OPTIMIZERS, SCHEDULES)
    rows = [row for table in tables for row in table.values()] + [row.function for row in METRICS.values()]
    bare = [row.__name__ for row in rows if ">>>" not in (row.__doc__ or "")]
    assert bare in ([], ["random", "zeros", "ones"])


def test_the_catalogue_is_what_the_tables_say():
    kept = (SOURCE.parents[1] / "docs" / "catalogue.md").read_text()
    assert kept == catalogue() + "\n", "run: python -m tests.catalogue > docs/catalogue.md"


def test_loops_of_the_core_are_marked_for_every_compiler():
    bare = [path.name for path in SOURCE.parents[1].glob("csrc/*") if "#pragma GCC" in path.read_text()]
    assert bare == [], "write INDEPENDENT (vec.hpp), which clang knows as well"


@pytest.mark.skipif(shutil.which("clang++") is None, reason="there is no clang")
@pytest.mark.parametrize("flags", [[], ["-mavx512f"]], ids=["plain", "avx512"])  # as CXXFLAGS may have it for all sets
@pytest.mark.parametrize("bytes_", [16, 32, 64])
def test_clang_finds_no_fault_in_the_core_either(bytes_, flags):
    if flags and platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip("this machine has no such instructions")
    sets = ["-DSET=any", "-DINSTRUCTION_SET=0", f"-DVECTOR_BYTES={bytes_}", *flags]
    warnings = ["-Wall", "-Wextra", "-Werror", "-Wno-pass-failed"]  # as in CMakeLists.txt
    kernels = SOURCE.parents[1] / "csrc" / "kernels.cpp"
    subprocess.run(["clang++", "-std=c++20", "-fsyntax-only", *sets, *warnings, kernels], check=True)


def test_files_and_functions_are_short():
    long_files = {p.stem: n for p in files() if (n := len(p.read_text().splitlines())) > 500}
    assert long_files == {}
    lengths = [
        node.end_lineno - node.lineno + 1
        for path in files()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    ]
    assert np.median(lengths) < 10
    assert np.quantile(lengths, 0.9) <= 35


def test_every_link_between_documents_leads_somewhere():
    root = SOURCE.parents[1]
    pages = (*root.glob("*.md"), *root.glob("docs/**/*.md"), *root.glob("benchmarks/*.md"))
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text())]
    assert len(links) > 20
    assert [f"{page.name}: {link}" for page, link in links if not (page.parent / link).exists()] == []


def test_a_bare_import_loads_numpy_and_nothing_else_that_is_heavy():
    code = "import sys, neural; print(sorted({name.split('.')[0] for name in sys.modules}))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "'numpy'" in found
    assert not [
        name for name in ("dask", "matplotlib", "pandas", "scipy", "sklearn", "threadpoolctl") if f"'{name}'" in found
    ]


ONLY_FILES_AND_STREAMS = {"hashlib", "json", "pathlib", "queue", "secrets", "tempfile"}
PLAIN_FIT = """
import sys, numpy
before = set(sys.modules)
import neural
print(*set(sys.modules) - before)
net = neural.NeuralNetwork([neural.DenseLayer(1, 2, "relu"), neural.DenseLayer(2, 1)], "mse")
net.fit([[0.0], [1.0]], [0.0, 1.0], epochs=2)
net.predict([[2.0]])
print(*(name for name in neural._MODULES if f"neural.{name}" in sys.modules))
print(*(getattr(neural, name).__name__ for name in neural._MODULES))
"""


def test_what_a_plain_fit_does_without_comes_with_the_call_that_wants_it():
    found = subprocess.run([sys.executable, "-c", PLAIN_FIT], capture_output=True, text=True, check=True).stdout
    imported, *_, fitted, asked = found.split("\n")[:-1]
    assert {"neural.nn", "neural.training"} <= set(imported.split())
    assert set(imported.split()) & ONLY_FILES_AND_STREAMS == set()
    assert fitted == ""
    assert asked.split() == [f"neural.{name}" for name in neural._MODULES]
