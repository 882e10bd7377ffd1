"""A page made of a few kinds of blocks, written as one HTML file or as Markdown.

Texts are plain: whatever they hold is shown as it is. Pictures are files beside the page; the HTML holds them within.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

SCREEN_DOTS, PICTURE_DOTS = 96, 120  # an inch: of a browser, and of the pictures
WIDE = 900  # from so many pixels on a picture is not shrunk to a phone's width but scrolled


@dataclass(frozen=True)
class Heading:
    """A heading of level 2 or 3; those of level 2 are in the table of contents."""

    text: str
    level: int = 2

    @property
    def anchor(self) -> str:
        """The name to link to."""
        return re.sub(r"[^a-z0-9]+", "-", self.text.lower()).strip("-")


@dataclass(frozen=True)
class Text:
    """A paragraph; ``mark`` sets it apart as a note, ``strong`` makes it bold."""

    text: str
    mark: bool = False
    strong: bool = False


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    items: Sequence[str]


@dataclass(frozen=True)
class Table:
    """Rows of texts under a head; the first column names the row."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Picture:
    """A PNG file with what it shows, for those who do not see it, and a caption."""

    file: str
    alt: str
    caption: str


@dataclass(frozen=True)
class Fold:
    """Blocks that are shown on a click."""

    summary: str
    blocks: Sequence[Block]


Block = Heading | Text | Bullets | Table | Picture | Fold
Blocks = Sequence[Block]


# HTML -----------------------------------------------------------------------------------------------------------------


def to_html(title: str, subtitle: str, blocks: Blocks, folder: Path) -> str:
    """Return the page as one HTML file that needs nothing else; pictures are read from ``folder``."""
    contents = "".join(
        f'<li><a href="#{block.anchor}">{html.escape(block.text)}</a></li>'
        for block in blocks
        if isinstance(block, Heading) and block.level == 2
    )
    template = Template(files("neural").joinpath("page.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=html.escape(title),
        subtitle=html.escape(subtitle),
        contents=contents,
        body="\n".join(_html(block, folder) for block in blocks),
    )


def _html(block: Block, folder: Path) -> str:
    return HTML[type(block)](block, folder)


def _html_heading(block: Heading, folder: Path) -> str:
    return f'<h{block.level} id="{block.anchor}">{html.escape(block.text)}</h{block.level}>'


def _html_text(block: Text, folder: Path) -> str:
    mark = ' class="note"' if block.mark else ""
    text = html.escape(block.text)
    return f"<p{mark}><strong>{text}</strong></p>" if block.strong else f"<p{mark}>{text}</p>"


def _html_bullets(block: Bullets, folder: Path) -> str:
    return "<ul>" + "".join(f"<li>{html.escape(item)}</li>" for item in block.items) + "</ul>"


def _html_table(block: Table, folder: Path) -> str:
    head = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in block.head)
    rows = "".join(
        f'<tr><th scope="row">{html.escape(row[0])}</th>'
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in block.rows
    )
    caption = html.escape(block.caption)
    return (
        f'<figure><figcaption>{caption}</figcaption><div class="table" tabindex="0" role="region" '
        f'aria-label="{caption}"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></figure>'
    )


def _html_picture(block: Picture, folder: Path) -> str:
    data = (folder / block.file).read_bytes()
    width, height = png_size(data)
    scrolled, wide = (' tabindex="0"', ' class="wide"') if width > WIDE else ("", "")
    scale = SCREEN_DOTS / PICTURE_DOTS
    return (
        f'<figure><div class="plate"{scrolled}><img{wide} alt="{html.escape(block.alt)}" '
        f'width="{width * scale:.0f}" height="{height * scale:.0f}" '
        f'src="data:image/png;base64,{base64.b64encode(data).decode()}"></div>'
        f"<figcaption>{html.escape(block.caption)}</figcaption></figure>"
    )


def _html_fold(block: Fold, folder: Path) -> str:
    inner = "\n".join(_html(each, folder) for each in block.blocks)
    return f"<details><summary>{html.escape(block.summary)}</summary>\n{inner}\n</details>"


def png_size(data: bytes) -> tuple[int, int]:
    """Return width and height of a PNG file from its first chunk."""
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


HTML: dict[type, Callable[[Any, Path], str]] = {
    Heading: _html_heading,
    Text: _html_text,
    Bullets: _html_bullets,
    Table: _html_table,
    Picture: _html_picture,
    Fold: _html_fold,
}


# Markdown -------------------------------------------------------------------------------------------------------------


def to_markdown(title: str, subtitle: str, blocks: Blocks) -> str:
    """Return the page as Markdown that links to the pictures."""
    return "\n\n".join([f"# {_plain(title)}", _plain(subtitle), *map(_markdown, blocks)]) + "\n"


def _markdown(block: Block) -> str:
    return MARKDOWN[type(block)](block)


def _plain(text: str) -> str:
    """Keep Markdown from reading anything into a text."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", text)


def _markdown_table(block: Table) -> str:
    lines = [block.head, [":--", *["--:"] * (len(block.head) - 1)]]
    table = ["| " + " | ".join(map(_plain, line) if i != 1 else line) + " |" for i, line in enumerate(lines)]
    table += ["| " + " | ".join(map(_plain, row)) + " |" for row in block.rows]
    return f"*{_plain(block.caption)}*\n\n" + "\n".join(table)


MARKDOWN: dict[type, Callable[[Any], str]] = {
    Heading: lambda block: f"{'#' * block.level} {_plain(block.text)}",
    Text: lambda block: ("> " if block.mark else "") + ("**{}**" if block.strong else "{}").format(_plain(block.text)),
    Bullets: lambda block: "\n".join(f"- {_plain(item)}" for item in block.items),
    Table: _markdown_table,
    Picture: lambda block: f"![{_plain(block.alt)}]({block.file})\n\n*{_plain(block.caption)}*",
    Fold: lambda block: "\n\n".join([f"**{_plain(block.summary)}**", *map(_markdown, block.blocks)]),
}
