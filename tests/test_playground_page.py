"""The playground in a browser: what a person does with the pointer, by keyboard, on a phone, in the dark."""

import json
import re
import shutil
import threading
import time

import numpy as np
import pytest

import neural
from neural.playground import points
from tests import bands

pytest.importorskip("starlette", reason="needs neural-dense[playground]")
pytest.importorskip("websockets", reason="needs neural-dense[playground]")
playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright, and Chromium on the machine")
from neural.playground import server  # noqa: E402

expect = playwright.expect
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
PATIENCE = 30_000  # milliseconds, on a machine that is busy


@pytest.fixture(scope="module")
def address():
    kept = points._fashion
    points._fashion = bands.data
    with server.listen(0) as found:
        running = server.server_for(found)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [found]})
        thread.start()
        yield f"http://127.0.0.1:{found.getsockname()[1]}/"
        running.should_exit = True
        thread.join(timeout=30)
    points._fashion = kept


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as tool:
        found = tool.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield found
        found.close()


@pytest.fixture
def opened(browser, address):
    """Return a function that opens the page; at the end nothing may have been complained of, or asked of another."""
    contexts, complaints, asked = [], [], []

    def open_page(**options):
        context = browser.new_context(viewport={"width": 1366, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        page.locator(".output .node").first.wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
    assert all(url.startswith((address, "blob:")) for url in asked)


@pytest.fixture
def page(opened):
    return opened()


def accuracy(page, which="test_accuracy"):
    return float(page.locator(f"#{which}").inner_text().split()[0])


def until(condition, what):
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE / 1000
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def train_to(page, percent):
    page.locator("#play").click()
    until(lambda: accuracy(page) >= percent, f"{percent} % were not reached, but {accuracy(page)}")
    page.locator("#play").click()
    expect(page.locator("#play")).to_have_text("Train")


def picture_of(page, selector):
    """Return the pixels of a canvas as a number that tells pictures apart."""
    return page.evaluate(
        """(selector) => {
            const canvas = document.querySelector(selector), context = canvas.getContext("2d");
            return context.getImageData(0, 0, canvas.width, canvas.height).data.reduce((a, b) => (a * 31 + b) | 0, 7);
        }""",
        selector,
    )


# --- training ------------------------------------------------------------------------------------------------------
def test_moons_are_learnt_to_95_percent_and_everything_moves(page):
    canvases = ("#plane", "#links", "#costs", ".hidden .node canvas", ".output .node canvas")
    before = [picture_of(page, canvas) for canvas in canvases]
    train_to(page, 95)
    assert int(page.locator("#epoch").inner_text().split()[0]) > 5
    assert not set(before) & {picture_of(page, canvas) for canvas in canvases}
    assert float(page.locator("#cost").inner_text()) < 0.6
    expect(page.locator("#live")).to_contain_text("test accuracy")


def test_one_batch_is_stepped_through_forward_backward_update(page):
    step, value = page.locator("#step"), page.locator(".hidden .node .value").first
    expect(step).to_have_text("Forward")
    expect(value).to_be_empty()
    step.click()
    expect(step).to_have_text("Backward")
    expect(value).to_have_text(re.compile(r"^−?\d"))
    expect(page.locator("#of-what")).to_contain_text("row 1 of the 16")
    forward, lines = value.inner_text(), picture_of(page, "#links")
    step.click()
    expect(step).to_have_text("Update")
    expect(page.locator("#key-lines")).to_contain_text("dJ/dw")
    assert value.inner_text() != forward
    assert picture_of(page, "#links") != lines
    expect(page.locator("#formulas-body")).to_contain_text("a sum over the batch")
    step.click()
    expect(step).to_have_text("Forward")
    expect(page.locator("#epoch")).to_have_text("0 + 1/15")
    expect(page.locator("#live")).to_contain_text("one batch is done")


def test_restart_brings_back_the_first_weights(page):
    first = picture_of(page, "#plane")
    page.locator("#step").click(click_count=3)
    page.locator("#restart").click()
    expect(page.locator("#epoch")).to_have_text("0")
    until(lambda: picture_of(page, "#plane") == first, "the picture is another")


def test_the_network_is_put_together(page):
    page.locator("#more").click()
    expect(page.locator("#layers-out")).to_have_text("3 hidden layers")
    page.get_by_label("Hidden layer 3: one unit more").click()
    expect(page.locator(".hidden").nth(2).locator(".node")).to_have_count(5)
    page.get_by_label("Hidden layer 1: activation").select_option("relu")
    expect(page.locator(".hidden").first).to_have_attribute("aria-label", "Hidden layer 1, 6 units, relu")
    for _ in range(3):
        page.locator("#fewer").click()
    expect(page.locator("#layers-out")).to_have_text("No hidden layers")
    expect(page.locator("#params")).to_have_text("6 parameters")
    page.get_by_text("Circles").click()
    page.locator("#play").click()
    until(lambda: not page.locator("#epoch").inner_text().startswith("0"), "it does not train")


def test_the_numbers_of_the_unit_under_the_pointer_stand_in_its_formulas(page):
    page.locator(".hidden").nth(1).locator(".node").nth(2).hover()
    expect(page.locator("#formulas-title")).to_have_text("Layer 2, unit 3")
    expect(page.locator("#formulas-body")).to_contain_text("(4, 16) = (4, 6) (6, 16) + (4, 1)")
    page.locator("#plane").click(position={"x": 40, "y": 40})
    expect(page.locator("#of-what")).to_contain_text("the point (")
    page.locator(".output .node").first.hover()
    expect(page.locator("#formulas-title")).to_have_text("Output layer, unit 1")
    expect(page.locator("#formulas-body")).to_contain_text("Cost")
    before = picture_of(page, "#plane")
    page.get_by_role("radio", name="This unit").check()
    until(lambda: picture_of(page, "#plane") != before, "the picture does not change")


def test_a_bad_number_is_answered_by_a_sentence_and_training_goes_on(page):
    page.locator("#learning_rate").fill("-3")
    page.locator("#learning_rate").press("Enter")
    expect(page.locator("#message")).to_contain_text("learning_rate must be a finite number of at least 0")
    expect(page.locator("#learning_rate")).to_have_value("0.01")
    page.get_by_label("Close this message").click()
    expect(page.locator("#message")).to_be_hidden()
    train_to(page, 80)


# --- data ----------------------------------------------------------------------------------------------------------
def test_a_csv_file_is_trained_on(page, tmp_path):
    rng = np.random.default_rng(0)
    rows = [f"{x:.3f},{y:.3f},{'hill' if x + y > 0 else 'vale'}" for x, y in rng.normal(size=(120, 2))]
    (tmp_path / "land.csv").write_text("\n".join(["east,north,kind", *rows]))
    page.get_by_text("Your CSV", exact=True).click()
    page.locator("#csv-file").set_input_files(tmp_path / "land.csv")
    expect(page.locator("#classes")).to_contain_text("hill")
    expect(page.locator("#axis-0")).to_have_text("east")
    train_to(page, 90)
    (tmp_path / "bad.csv").write_bytes(b"\xff\xfe")
    page.locator("#csv-file").set_input_files(tmp_path / "bad.csv")
    expect(page.locator("#message")).to_contain_text("bad.csv must be text in UTF-8")


def test_an_image_is_drawn_and_classified(page):
    page.get_by_text("Images").click()
    expect(page.locator("#answer-title")).to_have_text("Draw something")
    train_to(page, 95)
    page.locator("#clear").click()
    box = page.locator("#drawing").bounding_box()
    rows = bands.rows_of(6)
    for height in np.arange(rows.start + 0.5, rows.stop, 1.0):
        y = box["y"] + box["height"] * height / 28
        page.mouse.move(box["x"] + box["width"] * 3.5 / 28, y)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 24.5 / 28, y, steps=4)
        page.mouse.up()
    expect(page.locator("#guesses")).to_have_attribute("data-first", "Shirt")
    page.locator("#clear").click()
    page.locator("#drawing").focus()
    page.keyboard.press("Space")
    beside = "() => document.querySelector('#drawing').getContext('2d').getImageData(15, 14, 1, 1).data[0]"
    until(lambda: page.evaluate(beside) > 200, "the space bar does not draw")


# --- keeping -------------------------------------------------------------------------------------------------------
def test_a_session_is_saved_and_opened_in_another_page(page, opened, tmp_path):
    page.locator("#more").click()
    train_to(page, 85)
    epoch, cost = page.locator("#epoch").inner_text(), page.locator("#cost").inner_text()
    with page.expect_download() as download:
        page.locator("#save").click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    assert json.loads(path.read_text())["format"] == "neural playground"
    other = opened()
    other.locator("#open").set_input_files(path)
    expect(other.locator("#epoch")).to_have_text(epoch)
    expect(other.locator("#cost")).to_have_text(cost)
    expect(other.locator("#layers-out")).to_have_text("3 hidden layers")
    path.write_text("{}")
    other.locator("#open").set_input_files(path)
    expect(other.locator("#message")).to_contain_text("must be one that this playground has saved")
    expect(other.locator("#epoch")).to_have_text(epoch)


def test_a_networks_file_is_saved_and_opened(page, opened, tmp_path):
    train_to(page, 85)
    cost = page.locator("#cost").inner_text()
    with page.expect_download() as download:
        page.locator("#save-network").click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    assert neural.load(path).weights[0].shape == (6, 2)
    other = opened()
    other.locator("#open").set_input_files(path)
    expect(other.locator("#cost")).to_have_text(cost)
    other.get_by_text("Images").click()
    expect(other.locator("#answer-title")).to_have_text("Draw something")
    other.locator("#open").set_input_files(path)
    expect(other.locator("#message")).to_contain_text("network.safetensors, with this data, must be dense layers")


def test_the_python_code_makes_what_is_seen(page):
    for _ in range(2):
        page.locator("#step").click(click_count=3)
    train_to(page, 80)
    cost = page.locator("#test_cost").inner_text()
    page.locator("#code").click()
    expect(page.locator("#code-dialog")).to_be_visible()
    code = page.locator("#code-text").inner_text()
    names = {}
    exec(code, names)
    assert names["net"].evaluate(names["X_test"], names["y_test"])["loss"] == pytest.approx(float(cost), abs=6e-4)
    page.locator("#code-close").click()
    expect(page.locator("#code-dialog")).to_be_hidden()


# --- for everybody -------------------------------------------------------------------------------------------------
def test_everything_is_done_by_keyboard_alone(page):
    def tab_to(selector):
        for _ in range(80):
            if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not lead to {selector}")

    tab_to("input[name=set]")
    page.keyboard.press("ArrowRight")
    expect(page.locator("input[value=circles]")).to_be_checked()
    tab_to("#noise")
    page.keyboard.press("Home")
    expect(page.locator("#noise-out")).to_have_text("0.00")
    tab_to("#more")
    page.keyboard.press("Enter")
    expect(page.locator("#layers-out")).to_have_text("3 hidden layers")
    tab_to("[data-control=more-0]")
    page.keyboard.press("Enter")
    expect(page.locator(".hidden").first.locator(".node")).to_have_count(7)
    until(lambda: page.evaluate("() => document.activeElement.matches('[data-control=more-0]')"), "the focus is lost")
    page.locator("body").focus()
    tab_to(".output .node")
    expect(page.locator("#formulas-title")).to_have_text("Output layer, unit 1")
    tab_to("#plane")
    page.keyboard.press("ArrowUp")
    expect(page.locator("#of-what")).to_contain_text("the point (")
    page.keyboard.press("Escape")
    expect(page.locator("#of-what")).to_contain_text("the first test row")
    for _ in range(80):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("() => document.activeElement.id === 'play'"):
            break
    page.keyboard.press("Enter")
    until(lambda: accuracy(page) >= 95, "circles are not learnt")
    page.keyboard.press("Enter")
    expect(page.locator("#play")).to_have_text("Train")


def test_every_control_has_a_name(page):
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, canvas[tabindex], [role=img], [role=region]")]
            .filter((e) => e.offsetParent && !(e.ariaLabel || e.labels?.[0]?.innerText.trim() || e.innerText?.trim()))
            .map((e) => e.outerHTML.slice(0, 120))"""
    )
    assert nameless == []
    assert page.locator("main h2").count() >= 6
    assert page.locator("h1").count() == 1


@pytest.mark.parametrize("data", ["Moons", "Images"])
def test_a_phone_shows_all_of_it_without_scrolling_sideways(opened, data):
    page = opened(has_touch=True, is_mobile=True)
    page.set_viewport_size({"width": 375, "height": 720})
    page.locator("#data summary").click() if not page.locator("#sets").is_visible() else None
    page.get_by_text(data, exact=True).click()
    page.locator("#play").tap()
    until(lambda: not page.locator("#epoch").inner_text().startswith("0"), "it does not train")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 375
    small = page.evaluate(
        """() => [...document.querySelectorAll("button, select")].filter((e) => e.offsetParent)
            .filter((e) => e.getBoundingClientRect().height < 24 || e.getBoundingClientRect().width < 24)
            .map((e) => e.outerHTML.slice(0, 80))"""
    )
    assert small == []


def background(page):
    return page.evaluate("() => getComputedStyle(document.body).backgroundColor")


def test_dark_as_the_system_is_and_by_the_switch(opened):
    light, dark = opened(color_scheme="light"), opened(color_scheme="dark")
    assert background(light) != background(dark)
    expect(dark.locator("#theme")).to_have_attribute("aria-pressed", "true")
    before = picture_of(light, "#plane")
    light.locator("#theme").click()
    assert background(light) == background(dark)
    assert picture_of(light, "#plane") != before
    light.reload()
    assert background(light) == background(dark)  # it is remembered


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_what_is_behind_them(opened, scheme):
    page = opened(color_scheme=scheme)
    pairs = page.evaluate(
        """() => ["--ink", "--soft", "--accent"].map((name) => {
            const mark = document.createElement("span");
            mark.style.color = `var(${name})`;
            mark.style.backgroundColor = "var(--paper)";
            document.body.append(mark);
            const style = getComputedStyle(mark);
            return [style.color, style.backgroundColor];
        })"""
    )
    for pair in pairs:
        light, dark = sorted((luminance(colour) for colour in pair), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5


def luminance(colour):
    """Return the relative luminance of a colour as CSS writes it (WCAG 2.2)."""
    parts = np.array([int(part) for part in re.findall(r"\d+", colour)[:3]]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def test_nothing_moves_for_those_who_asked_for_less_motion(opened):
    page = opened(reduced_motion="reduce")
    moving = page.evaluate(
        """() => [...document.querySelectorAll("*")]
            .filter((e) => parseFloat(getComputedStyle(e).transitionDuration) > 0
                || getComputedStyle(e).animationName !== "none").map((e) => e.outerHTML.slice(0, 80))"""
    )
    assert moving == []


def test_a_page_of_another_site_cannot_drive_it(browser, address):
    context = browser.new_context()
    page = context.new_page()
    page.goto("data:text/html,<p>another site")
    outcome = page.evaluate(
        """(address) => new Promise((resolve) => {
            const socket = new WebSocket(address.replace("http", "ws") + "session");
            socket.onopen = () => resolve("open");
            socket.onerror = () => resolve("refused");
        })""",
        address,
    )
    assert outcome == "refused"
    context.close()
