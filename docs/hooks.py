"""What `mkdocs build` does besides building: pages from outside docs/, links among them, chapters run, prompts marked.

On GitHub the same files are read as they are, so links in them are those of the repository.
"""

from __future__ import annotations

import base64
import posixpath
import re
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
OUTSIDE = {  # file of the repository: its page
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/README.md": "benchmarks/how.md",
}
HOME = {"README.md": "index.md", "LICENSE": None}  # read elsewhere, or not at all
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)#:\s]*)(#[^)\s]*)?\)")
FENCED = re.compile(r"^(```.*?^```[^\n]*$)", re.MULTILINE | re.DOTALL)
PROMPT = re.compile(r"^```python\n(?=>>>)", re.MULTILINE)
CHAPTER = re.compile(r"(course/\d|notebooks/).*\.md")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that lie outside docs/."""
    from mkdocs.structure.files import File

    for source, page in OUTSIDE.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text()))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Return a page with its links leading to pages, its chapters run and its prompts marked as such."""
    uri = page.file.src_uri
    if CHAPTER.fullmatch(uri):
        markdown = chapter(ROOT / "docs" / uri)
    return PROMPT.sub("```pycon\n", relinked(markdown, uri))


# --- links -----------------------------------------------------------------------------------------------------------
def relinked(markdown: str, uri: str) -> str:
    """Return a page with links between files of the repository turned into links between pages.

    >>> relinked("[how](../benchmarks/README.md#fair)", "limits.md")
    '[how](benchmarks/how.md#fair)'
    >>> relinked("[goals](goals.py)", "benchmarks/how.md"), relinked("[table](howto/table.md)", "index.md")
    ('`benchmarks/goals.py`', '[table](howto/table.md)')
    """
    parts = FENCED.split(markdown)
    return "".join(part if part.startswith("```") else LINK.sub(lambda m: _link(m, uri), part) for part in parts)


def _link(match: re.Match[str], uri: str) -> str:
    text, path, anchor = match[1], match[2], match[3] or ""
    if not path:
        return match[0]
    source = {page: file for file, page in OUTSIDE.items()}.get(uri, f"docs/{uri}")
    target = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
    target += "/README.md" if (ROOT / target).is_dir() else ""
    inside = target.startswith("docs/") and target.endswith((".md", ".svg", ".png", ".json"))
    page = target.removeprefix("docs/") if inside else {**OUTSIDE, **HOME}.get(target)
    if page is None:  # a file that is no page: it is named
        return f"{text} (`{target}`)" if text.strip("`") not in target else f"`{target}`"
    return f"[{text}]({posixpath.relpath(page, posixpath.dirname(uri) or '.')}{anchor})"


# --- chapters --------------------------------------------------------------------------------------------------------
_run: dict[str, str] = {}  # by text: `make docs-serve` runs what has changed


def chapter(path: Path) -> str:
    """Return a chapter with the outputs of its cells; an error in a cell ends the build."""
    text = path.read_text()
    if text not in _run:
        _run[text] = "\n\n".join(map(_cell, executed(text).cells))
    return _run[text]


def executed(text: str) -> Any:
    """Return the notebook of a chapter's text, all its cells run in an empty folder."""
    import jupytext
    from nbclient import NotebookClient

    notebook = jupytext.reads(text, fmt="md")
    with tempfile.TemporaryDirectory() as folder:
        options: Any = {"resources": {"metadata": {"path": folder}}, "extra_arguments": ["--log-level=ERROR"]}
        NotebookClient(notebook, timeout=120, coalesce_streams=True, **options).execute()
    return notebook


def _cell(cell: Any) -> str:
    if cell.cell_type == "markdown":
        return str(cell.source)
    return "\n\n".join([f"```python\n{cell.source}\n```", *map(_output, cell.outputs)])


def _output(output: Any) -> str:
    """Return an output as Markdown: of its forms the one to be looked at."""
    if output.output_type == "stream":
        return _text(output.text)
    data = output.data
    if "text/html" in data:
        return _shown(data["text/html"])
    if "image/png" in data:
        picture = data["image/png"].replace("\n", "")
        assert base64.b64decode(picture)
        return _shown(f'<img alt="What the cell above draws" src="data:image/png;base64,{picture}">')
    return _text(data["text/plain"])


def _text(text: str) -> str:
    return f"``` {{ .text .output }}\n{text.rstrip()}\n```"


def _shown(html: str) -> str:
    r"""Return HTML as one block of Markdown, which an empty line would end.

    >>> _shown("<p>\n  a</p><pre>b\n\n  c</pre>")
    '<div class="output"><p> a</p><pre>b&#10;&#10;  c</pre></div>'
    """
    html = re.sub(r"<pre.*?</pre>", lambda found: found[0].replace("\n", "&#10;"), html, flags=re.DOTALL)
    return '<div class="output">' + re.sub(r"\n\s*", " ", html) + "</div>"
