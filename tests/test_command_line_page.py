import re

from tests.command_line_page import PAGE, with_outputs


def masked(text):
    """Return a page without the numbers of its outputs, which depend on the machine; and with single spaces."""
    return re.sub(r"[ -]+", " ", re.sub(r"\d+(\.\d+)*(e-\d+)?", "#", text))


def test_the_page_shows_what_the_commands_print(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = PAGE.read_text(encoding="utf-8")
    assert masked(with_outputs(page)) == masked(page), "run: python -m tests.command_line_page"
    assert {"predicted.csv", "curves.png", "mistakes.png", "model.py", "run"} <= {
        path.name for path in tmp_path.iterdir()
    }
