"""Runs the commands of docs/command-line.md, and writes what they print below them.

python -m tests.command_line_page > new.md    (then look at it, and put it into its place)
"""

import contextlib
import io
import os
import re
import tempfile
from pathlib import Path

from neural import cli

PAGE = Path(__file__).parents[1] / "docs" / "command-line.md"


def printed(line):
    """Return what a command prints; complain unless it ends well."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = cli.main(line.split()[1:])
    assert code == 0, f"{line}: {out.getvalue()}"
    return "".join(text.rstrip() + "\n" for text in out.getvalue().splitlines())


def with_outputs(page):
    """Return the page with its Python run, and its commands followed by what they print, in the present folder."""

    def block(found):
        kind, text = found.groups()
        if kind == "py":
            exec(text, {})
            return found[0]
        commands = [line for line in text.splitlines() if line.startswith("$ ")]
        return "```console\n" + "".join(f"{line}\n{printed(line[2:])}" for line in commands) + "```\n"

    return re.sub(r"```(py|console)\n(.*?)```\n", block, page, flags=re.DOTALL)


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        print(with_outputs(text), end="")
