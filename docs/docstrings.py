"""Docstrings of the package as Markdown, for the reference: examples fenced, parameters listed, names without roles."""

from __future__ import annotations

import re
from typing import Any

try:
    from griffe import Extension
except ImportError:  # nothing of this is needed to run the examples below
    Extension = object

ROLE = re.compile(r":(?:class|func|meth|mod):`~?(?:[\w.]*\.)?(\w+)`")
SECTION = re.compile(r"^(Parameters)\n-+\n", re.MULTILINE)


class Docstrings(Extension):  # type: ignore[misc]
    """Rewrites every docstring before the reference is made of it."""

    def on_object(self, *, obj: Any, **kwargs: Any) -> None:
        """Rewrite one."""
        if obj.docstring is not None:
            obj.docstring.value = markdown(obj.docstring.value)


def markdown(text: str) -> str:
    r"""Return a docstring as Markdown.

    >>> markdown("One.\n\n>>> 1 + 1\n2").split("\n")
    ['One.', '', '```pycon', '>>> 1 + 1', '2', '```']
    >>> markdown("As :func:`neural.losses.resolve`, ``loss``.")
    'As `resolve`, `loss`.'
    """
    text = ROLE.sub(r"`\1`", text.replace("``", "`"))
    head, *sections = SECTION.split(text)
    if sections:
        text = head + "".join(_section(body) for body in sections[1::2])
    blocks = re.split(r"\n\n+", text.rstrip())
    return "\n\n".join(f"```pycon\n{block}\n```" if block.startswith(">>>") else block for block in blocks)


def _section(body: str) -> str:
    """Return ``a, b : text`` with indented lines under it as a list; what follows a blank line stays as it is."""
    items, *rest = body.split("\n\n", 1)
    lines = re.sub(r"\n {2,}", " ", items).split("\n")
    listed = (re.sub(r"^([^:]+?) : ", lambda m: f"**{m[1]}**: ", line) for line in lines)
    return "**Parameters**\n\n" + "\n".join(f"- {line}" for line in listed) + "".join(f"\n\n{part}" for part in rest)
