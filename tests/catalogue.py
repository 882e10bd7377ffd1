"""The page of all rows of all tables, from their docstrings and signatures.

python -m tests.catalogue > docs/catalogue.md
"""

import inspect

import neural
from neural import callbacks, loggers
from neural.activations import ACTIVATIONS, SYNONYMS
from neural.averages import AVERAGES
from neural.initializers import INITIALIZERS
from neural.layers import LAYERS
from neural.losses import LOSSES
from neural.metrics import METRICS
from neural.optimizers import OPTIMIZERS
from neural.schedules import SCHEDULES

HEAD = """# Catalogue

Every row of every table of the package, as `python -m tests.catalogue` writes it from their docstrings.
`help(neural.Adam)` and the like say more: units, sources, an example. The formulas are worked out in
[derivations.md](derivations.md).
"""
ROOTS = (callbacks.Callback, callbacks.Monitor, callbacks.EachEpoch, callbacks.Cancelled)


def family(names):
    """Return the public subclasses of Callback among these names."""
    found = {name: kind for name, kind in names.items() if isinstance(kind, type) and name[0] != "_"}
    return {k: v for k, v in found.items() if issubclass(v, callbacks.Callback) and v not in ROOTS}


FUNCTIONS = {name: row.function for name, row in METRICS.items()}
SECTIONS = {  # title -> what is said of it, its rows by name
    "Activations": ("By name, class or object: `DenseLayer(5, 25, 'relu')`.", {**ACTIVATIONS, **SYNONYMS}),
    "Layers": ("", LAYERS),
    "Starts": ("By name or object: `DenseLayer(5, 25, init='he')`; n_in and n_out are the layer's.", INITIALIZERS),
    "Losses": ("By name, class or object: `net.use_loss('mse')`.", LOSSES),
    "Optimizers": ("`fit(optimizer='adam')`; all but L-BFGS also take `clip_norm` and `clip_value`.", OPTIMIZERS),
    "Schedules": ("`fit(schedule='cosine')`; each is a factor of `learning_rate`.", SCHEDULES),
    "Averages": ("`fit(average='ema')`.", AVERAGES),
    "Metrics": ("`fit(metrics='f1')`, and functions; for their options see [metrics.md](metrics.md).", FUNCTIONS),
    "Callbacks": ("Objects in `fit(callbacks=[...])`.", family(vars(neural) | vars(callbacks))),
    "Loggers": ("Callbacks too, in `neural.loggers`.", family(vars(loggers))),
}


def summary(row):
    """Return the first paragraph of a docstring, in one cell of a table."""
    first = inspect.getdoc(row if not _is_object(row) else type(row)).split("\n\n")[0]
    first = first.removeprefix("Return ").replace("``", "`").replace(":func:", "")
    return " ".join(first.split()).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def call(row):
    """Return how a row is called, without types."""
    kind = type(row) if _is_object(row) else row
    if not isinstance(kind, type):
        name, parameters = kind.__name__, inspect.signature(kind).parameters.values()
    else:
        name, parameters = kind.__name__, list(inspect.signature(kind.__init__).parameters.values())[1:]
    named = [p for p in parameters if p.name not in ("clip_norm", "clip_value")]
    bare = [p.replace(annotation=p.empty) for p in named if kind.__init__ is not object.__init__ or p.kind < 2]
    return f"{name}{inspect.Signature(bare)}".replace("|", "\\|")


def _is_object(row):
    return not inspect.isfunction(row) and not isinstance(row, type)


def by_row(table):
    """Return (row, its names), in the order of the table."""
    found = []
    for name, row in table.items():
        same = [names for other, names in found if other is row]
        same[0].append(name) if same else found.append((row, [name]))
    return found


def section(title, about, table):
    lines = [f"\n## {title}\n", *([about, ""] if about else []), "| name | what | call |", "|---|---|---|"]
    for row, names in by_row(table):
        lines.append(f"| {', '.join(f'`{name}`' for name in names)} | {summary(row)} | `{call(row)}` |")
    return "\n".join(lines)


def catalogue():
    """Return the text of the page."""
    return "\n".join([HEAD.rstrip(), *(section(title, *about) for title, about in SECTIONS.items())])


if __name__ == "__main__":
    print(catalogue())
