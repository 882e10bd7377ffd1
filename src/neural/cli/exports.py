"""``neural export`` and ``neural verify``: a model for another program, and the proof that it agrees."""

from __future__ import annotations

from typing import Annotated

import typer

from neural import atomic
from neural.cli.answers import DONE, FAILED, Answer, Json, Quiet
from neural.cli.models import Model, load
from neural.tables import count

MOST_NAMES = 8


def export(
    model: Model,
    out: Annotated[str, typer.Argument(help="Where to: .onnx, .c, .py, .js or .mjs.")],
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Write a model for another program.

    ONNX, C, Python with NumPy alone, JavaScript, by the suffix. The file takes the numbers of the table as they are:
    neural inspect lists its inputs in order. It carries test rows, which are run here where that can be done.
    """
    answer = Answer(as_json, quiet)
    net = load(model)
    atomic.file_path(out)
    proof = net.export(out, X=None if net.columns_ is None else net.columns_.ends)
    answer.document({"file": out, **_document(proof)})
    answer.text(f"{out}: {proof}.")
    columns = net.columns_
    if columns is not None and not as_json:
        more = len(columns.inputs) - MOST_NAMES
        names = "; ".join([*columns.inputs[:MOST_NAMES], *([f"and {more} more"] if more > 0 else [])])
        n = count(len(columns.inputs), "input")
        answer.note(f"It takes {n}: {names} (neural inspect {model} says how they are made).")
    return DONE


def verify(
    file: Annotated[str, typer.Argument(help="An exported file: .c, .js, .mjs, .onnx or .py.")],
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Run the test rows of an exported file.

    It runs the file (give only files that you trust) and compares with the network's own outputs; exit code 1 if they
    differ.
    """
    from neural.export import verify as run

    proof = run(file)
    answer = Answer(as_json, quiet)
    answer.document({"file": file, **_document(proof)})
    answer.text(f"{proof.path}: {proof}. {'Passed' if proof.passed else 'FAILED'}.")
    return DONE if proof.passed else FAILED


def _document(proof: object) -> dict[str, object]:
    names = ("n_rows", "largest_difference", "allowed", "by", "passed")
    return {name: getattr(proof, name) for name in names}
