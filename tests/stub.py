"""The type stub of the compiled core, from the signatures that nanobind writes into its docstrings.

python -m tests.stub > src/neural/_core.pyi && ruff format src/neural/_core.pyi
"""

import inspect
import re

from neural import core

HEAD = '''"""The compiled core's door, csrc/bindings.cpp, as `python -m tests.stub` writes it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
'''


def signature(function):
    """Return the first line of a docstring in Python's own terms."""
    text = re.sub(r"ndarray\[dtype=(\w+),[^]]*\]", r"NDArray[np.\1]", function.__doc__.splitlines()[0])
    return re.sub(r"ndarray\[[^]]*\]", "NDArray[Any]", text)


def member(name, value):
    if isinstance(value, property):
        return f"    @property\n    def {name}{signature(value)}: ..."
    text = signature(value)
    static = "" if text.startswith(f"{name}(self") else "    @staticmethod\n"
    return f"{static}    def {text}: ..."


def stub():
    """Return the text of the stub, unformatted."""
    lines = [HEAD]
    for name, value in vars(core._core).items():
        if name.startswith("_"):
            continue
        if inspect.isclass(value):
            members = {k: v for k, v in vars(value).items() if k == "__init__" or not k.startswith("_")}
            lines += [f"class {name}:", *(member(k, v) for k, v in members.items())]
        else:
            lines.append(f"def {signature(value)}: ...")
    return "\n".join(lines)


if __name__ == "__main__":
    print(stub())
