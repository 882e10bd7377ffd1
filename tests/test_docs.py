"""The documentation: chapters run, tables of migration run, every public name has its place, every page is found."""

import doctest
import re
import sys
from pathlib import Path

import pytest
import yaml

import neural

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
CHAPTERS = sorted([*DOCS.glob("course/[0-9]*.md"), *DOCS.glob("notebooks/*.md")])
MIGRATION = sorted(set(DOCS.glob("migration/*.md")) - {DOCS / "migration/index.md"})
PAGES = [*DOCS.glob("**/*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "benchmarks/README.md"]
CELL = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


class Loader(yaml.SafeLoader):
    """Reads mkdocs.yml, whose tags are of no interest here."""


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_runs(path, tmp_path, monkeypatch):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    monkeypatch.chdir(tmp_path)
    page = {"__name__": "__main__"}
    for number, cell in enumerate(CELL.findall(path.read_text()), 1):
        exec(compile(cell, f"{path.name}, cell {number}", "exec"), page)
    pyplot.close("all")
    assert number >= 5


def test_a_chapter_without_fashion_mnist_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("NEURAL_DATA", raising=False)
    monkeypatch.setattr("neural.fashion.DEBIAN_FOLDER", tmp_path)
    cell = CELL.findall((DOCS / "course/4-images.md").read_text())[0]
    page = {}
    exec(compile(cell, "4-images.md", "exec"), page)
    assert "not on this machine" in capsys.readouterr().out
    assert page["images"].X_train.shape == (3000, 784)


@pytest.mark.parametrize("path", MIGRATION, ids=lambda path: path.stem)
def test_the_right_column_runs(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = {}
    for example in doctest.DocTestParser().get_examples(path.read_text()):
        exec(example.source, page)
    rows = re.findall(r"^\|.*\| (`.*`) \|$", path.read_text(), re.MULTILINE)
    assert len(rows) > 15
    for row in rows:
        for code in re.findall(r"`([^`]+)`", row):
            exec(compile(code, code, "exec"), page)


def test_every_block_of_python_is_run():
    """A page's blocks have prompts, so that they are doctests; the cells of a chapter have none, and run above."""
    bare = [
        f"{path.name}: {block[:40]}"
        for path in PAGES
        for block in CELL.findall(path.read_text())
        if path not in CHAPTERS and not block.startswith(">>>")
    ]
    assert bare == []


def test_every_public_name_has_its_place_in_the_reference():
    found = set(re.findall(r"^::: neural\.(.*)$", "\n".join(p.read_text() for p in DOCS.glob("reference/*.md")), re.M))
    tail = {name.split(".")[-1] for name in found}
    same = {"Network", "CategoricalCrossEntropy", "BinaryCrossEntropy", "Accuracy", "Precision", "Recall", "F1Score"}
    assert set(neural.__all__) - tail - same == set(), "put `::: neural.Name` into a page of docs/reference"


def test_every_page_is_found():
    config = yaml.load((ROOT / "mkdocs.yml").read_text(), Loader)
    hooks = _module("hooks")

    def leaves(nav):
        for item in nav:
            values = item.values() if isinstance(item, dict) else [item]
            for value in values:
                yield from leaves(value) if isinstance(value, list) else [value]

    listed = set(leaves(config["nav"]))
    there = {path.relative_to(DOCS).as_posix() for path in DOCS.glob("**/*.md")} | set(hooks.OUTSIDE.values())
    assert {page for page in there ^ listed if not page.startswith("decisions/0")} == set()


def test_commands_that_the_pages_name_are_there():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        (path.name, target)
        for path in PAGES
        for target in re.findall(r"(?:^|`)make ([a-z][\w-]*)", path.read_text(), re.MULTILINE)
    }
    assert {(page, target) for page, target in named if target not in targets} == set()


def _module(name):
    sys.path.insert(0, str(DOCS))
    try:
        return __import__(name)
    finally:
        sys.path.remove(str(DOCS))
