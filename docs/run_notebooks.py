"""Run the chapters of the course and the notebooks, and write them as .ipynb files with their outputs.

python docs/run_notebooks.py notebooks
"""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).parent


def main(folder: Path) -> None:
    """Write them all into a folder."""
    import hooks  # both need the extra `docs`, which whoever only collects tests has not
    import jupytext

    folder.mkdir(parents=True, exist_ok=True)
    for page in sorted([*DOCS.glob("course/[0-9]*.md"), *DOCS.glob("notebooks/*.md")]):
        place = folder / f"{page.stem}.ipynb"
        jupytext.write(hooks.executed(page.read_text()), place)
        print(place, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
