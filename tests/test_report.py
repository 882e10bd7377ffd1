"""The report: that it is whole, says the run's own numbers, needs nothing else, and leaves an old one alone."""

import base64
import json
import re
from collections import defaultdict
from dataclasses import replace
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest

from neural import figures, page, report
from neural.experiments import Checked
from neural.speed import MEASURED, Speed
from tests.small_demo import full_results, quick_results, small_images

VOID = {"meta", "img"}
SPEEDS = tuple(
    Speed(e, 12_345, (0.41, 0.4, 0.42), 1, 0.98765, (0.05, 0.08, 0.07), "core", 2, 0.98766)
    for e in quick_results().table
    if e.name in MEASURED
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo") / "new" / "report"
    assert report.write(quick_results(), small_images(), out, SPEEDS) == out / "index.html"
    return out


class Reader(HTMLParser):
    """Checks that tags nest, and gathers links, pictures and text."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def html(folder):
    reader = Reader()
    reader.feed((folder / "index.html").read_text(encoding="utf-8"))
    assert reader.open == []
    return reader


def test_everything_is_there(folder):
    names = {path.name for path in folder.iterdir()}
    assert {"index.html", "report.md", "results.json", "weights", "metrics.png"} <= names
    assert {"0101.png", "0102.png", "0103.png", "0201.png", "0202.png"} <= names
    assert {"confusion_relu.png", "mistakes_relu.png", "weights_relu.png"} <= names
    assert not [name for name in names if name.startswith(".")], "nothing unfinished is left"
    for path in folder.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")


def test_the_page_needs_no_other_file(html):
    for tag, attributes in html.tags:
        assert tag not in ("script", "link", "iframe")
        for name in ("src", "href"):
            assert attributes.get(name, "#").startswith(("data:image/png;base64,", "#"))


def test_every_picture_is_embedded_with_words_for_it(html, folder):
    images = [attributes for tag, attributes in html.tags if tag == "img"]
    embedded = {base64.b64decode(image["src"].partition(",")[2]) for image in images}
    assert embedded == {path.read_bytes() for path in folder.glob("*.png")}
    assert all(len(image["alt"]) > 20 for image in images)


def test_the_contents_lead_to_headings(html):
    anchors = {attributes["id"] for tag, attributes in html.tags if tag in ("h2", "h3")}
    links = [attributes["href"][1:] for tag, attributes in html.tags if tag == "a"]
    assert len(links) >= 8
    assert set(links) <= anchors


def test_light_and_dark_and_phones_are_cared_for(folder):
    text = (folder / "index.html").read_text(encoding="utf-8")
    for part in ("prefers-color-scheme: dark", 'name="viewport"', "overflow-x: auto", "$"):
        assert (part in text) == (part != "$")


def test_both_forms_say_the_numbers_of_the_run(html, folder):
    results = quick_results()
    markdown = (folder / "report.md").read_text(encoding="utf-8")
    for run in map(results.middle, results.runs):
        for text in (html.text, markdown):
            assert f"{run.test.accuracy:.4f}" in text
            assert f"{run.test.cost:.4f}" in text
            assert f"{run.train.cost:.4f}" in text
            assert f"{run.test.low:.3f} to {run.test.high:.3f}" in text
            assert f"{run.history['loss'][-1]:.4f}" in text
    for text in (html.text, markdown):
        for figure in ("1.768", "0.2224", "0.9283", "0.8333", "1.224", "0.1653", "0.9419", "0.347", "0.2477"):
            assert figure in text


def test_a_quick_run_says_so(html, folder):
    assert "This is a quick run: 10,000 training rows at most and 4 epochs" in html.text
    assert "do not apply" in html.text
    assert json.loads((folder / "results.json").read_text())["quick"] is True


def test_the_page_says_how_fast_it_trained(html, folder):
    assert "That is not reached: Sigmoid 5.8, ReLU 5.8, Moons 5.8 times." in html.text
    markdown = (folder / "report.md").read_text(encoding="utf-8")
    for row in ("12,345 | 0.41 | 0.07 | 5.8 | 5.0, 8.2", "1 | 0.98765 | core | 2 | 0.98766"):
        assert f"| ReLU | {row} |" in markdown
    assert "Seconds an epoch, medians of 3 turns" in markdown
    saved = json.loads((folder / "results.json").read_text(encoding="utf-8"))["speed"]
    assert [each["experiment"]["name"] for each in saved] == ["sigmoid", "relu", "moons"]
    assert (saved[1]["course"], saved[1]["ratio"]) == ([0.41, 0.4, 0.42], SPEEDS[1].ratio)


def test_without_times_the_page_says_nothing_of_speed():
    blocks = list(report.compose(quick_results(), small_images(), defaultdict(list), {}))
    assert not [block for block in blocks if isinstance(block, page.Heading) and "fast" in block.text]


def test_markdown_links_to_every_picture(folder):
    linked = re.findall(r"\]\(([^)]*)\)", (folder / "report.md").read_text(encoding="utf-8"))
    assert sorted(linked) == sorted(path.name for path in folder.glob("*.png"))


def test_json_holds_every_number(folder):
    data = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    results = quick_results()
    assert set(data["runs"]) == set(results.runs)
    for name, runs in results.runs.items():
        for run, saved in zip(runs, data["runs"][name], strict=True):
            assert saved["seed"] == run.seed
            assert saved["settings"]["learning_rate"] == run.experiment.learning_rate
            assert saved["test"]["accuracy"] == run.test.accuracy
            assert saved["history"]["loss"] == pytest.approx(run.history["loss"], rel=1e-5)
            assert saved["settings"]["optimizer"] == "sgd"
    assert data["middle_seeds"] == {name: results.middle(name).seed for name in results.runs}
    assert len(data["comparisons"]) == len(results.comparisons)
    assert {"neural", "numpy", "python", "processor", "cores"} <= set(data["machine"])
    assert data["data"]["train_counts"] == [80, 80, 80]


def test_weights_can_be_read_back_without_pickle(folder):
    for name in quick_results().runs:
        with np.load(folder / "weights" / f"{name}.npz", allow_pickle=False) as saved:
            net = quick_results().middle(name).net
            assert sorted(saved) == sorted(
                f"{kind}{k + 1}" for kind in ("biases", "weights") for k in range(len(net.weights))
            )
            for k, (weights, biases) in enumerate(zip(net.weights, net.biases, strict=True), 1):
                np.testing.assert_array_equal(saved[f"weights{k}"], weights)
                np.testing.assert_array_equal(saved[f"biases{k}"], biases)


def test_a_crash_leaves_the_old_report_as_it_was(tmp_path, monkeypatch):
    (tmp_path / "index.html").write_text("old")
    (tmp_path / "mine.txt").write_text("mine")
    monkeypatch.setattr(report, "_write_pictures", lambda *arguments: defaultdict(list))
    monkeypatch.setattr(report, "to_html", lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        report.write(quick_results(), small_images(), tmp_path)
    assert (tmp_path / "index.html").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index.html", "mine.txt"]


def test_a_place_that_cannot_be_written_to_is_refused_before_any_training(tmp_path):
    file = tmp_path / "report"
    file.write_text("a file")
    with pytest.raises(NotADirectoryError, match="out must be a folder"):
        report.prepare(file)
    with pytest.raises(OSError, match=r"[Nn]ot a directory"):
        report.prepare(file / "below")


def test_checks_of_a_full_run_are_shown():
    results = full_results()
    pictures = defaultdict(list)
    first = results.checks[0]
    for passed, outcome in ((True, "passed"), (False, "failed")):
        checks = (Checked(first.check, 0.25, passed),)
        blocks = list(report.compose(replace(results, checks=checks), small_images(), pictures, {"cores": 2}))
        tables = {block.caption: block for block in blocks if isinstance(block, page.Table)}
        assert list(tables["Checks of the full run"].rows) == [["ReLU: last cost at most 0.3", "0.2500", outcome]]
        assert not any(isinstance(block, page.Text) and block.mark for block in blocks)
    assert len(tables["Settings, Fashion-MNIST"].rows) == len(results.table) - 1


def test_settings_that_all_share_are_said_once(html):
    assert "Fashion-MNIST: rows 10,000, epochs 4, batch size 128, optimizer sgd." in html.text
    assert "Moons: activation relu, hidden 25-25," in html.text
    assert "plain gradient descent (sgd)" in html.text


def test_the_page_says_whether_blas_was_held_to_one_thread():
    for held, words in ((True, "was held to one thread"), (False, "as many threads as it liked")):
        blocks = report.compose(replace(quick_results(), one_thread=held), small_images(), defaultdict(list), {})
        assert any(words in block.text for block in blocks if isinstance(block, page.Text))


def test_texts_are_shown_as_they_are(tmp_path):
    blocks = [page.Heading("a < b"), page.Text("<script> & *stars*"), page.Table("c", ["h", "k"], [["x|y", "<1"]])]
    text = page.to_html("t <", "s", blocks, tmp_path)
    assert "&lt;script&gt; &amp; *stars*" in text
    assert "<td>&lt;1</td>" in text
    assert "<script>" not in text
    markdown = page.to_markdown("t", "s", blocks)
    assert r"\<script\> & \*stars\*" in markdown
    assert r"| x\|y | \<1 |" in markdown


def test_bullets_folds_and_pictures_in_both_forms(folder):
    picture = page.Picture("0102.png", "curves", "two curves")
    blocks = [page.Fold("more", [page.Bullets(["one", "two"]), picture]), page.Text("loud", strong=True)]
    text = page.to_html("t", "s", blocks, folder)
    assert "<details><summary>more</summary>" in text
    assert "<li>one</li><li>two</li>" in text
    assert "<strong>loud</strong>" in text
    markdown = page.to_markdown("t", "s", blocks)
    for part in ("**more**", "- one\n- two", "![curves](0102.png)", "**loud**"):
        assert part in markdown


def test_captions_name_the_commonest_mistake_and_units_without_weights():
    run, images = quick_results().middle("relu"), small_images()
    rows = np.flatnonzero(images.y_test == 2)
    outputs = np.eye(3)[images.y_test]
    outputs[rows[:7]] = np.eye(3)[1]
    caption = figures._most_confused(replace(run, outputs=outputs), images)
    assert caption == "The commonest mistake, 7 times: three taken for two."
    assert figures._idle(run) == ""
    weights = run.net.weights[0].copy()
    weights[[3, 5]] *= 1e-6
    net = SimpleNamespace(weights=[weights])
    assert figures._idle(replace(run, net=net)) == f" Of the {len(weights)} units, 2 lost their weights to the penalty."
