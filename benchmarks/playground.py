"""How many pictures a second the playground makes, with the default network on moons, an epoch for each picture.

    python benchmarks/playground.py [--seconds 10] [--picture docs/playground.png]

Three figures, each the median over windows of a second, with the least: training and drawing up in Python alone; with
the server and a websocket between; and drawn by headless Chromium on the whole page, where no more than the screen's
60 a second are asked for. The picture needs Pillow. The server has a process of its own, as it has in use.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import numpy as np

import neural
from neural.playground.session import Session

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
WARM_UP = 2.0  # seconds
SIZE = {"width": 1280, "height": 800}
PICTURE_EPOCHS = 300
COLOURS = 160


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=10, help="windows of a second for each figure (default: 10)")
    parser.add_argument(
        "--picture", metavar="FILE", help="write a picture of the page to this file, and measure nothing"
    )
    arguments = parser.parse_args()
    with served() as address:
        if arguments.picture:
            picture(address, Path(arguments.picture))
            return
        print(machine())
        show("in Python alone", alone(arguments.seconds))
        show("with server and websocket", over_the_wire(address, arguments.seconds))
        if CHROMIUM is None:
            print("drawn by Chromium: there is none on this machine")
        else:
            show("drawn by Chromium", drawn(address, arguments.seconds))


def machine() -> str:
    """Return a line about what this was measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "starlette", "uvicorn", "websockets"))
    engine = Session().trainer.engine.name
    browser = subprocess.run([CHROMIUM, "--version"], capture_output=True, text=True).stdout.strip() if CHROMIUM else ""
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"{model}, {os.cpu_count()} cores, {load}; neural {neural.__version__} ({engine}), Python "
        f"{platform.python_version()}, {packages}; {browser}"
    )


def show(what: str, rates: list[float]) -> None:
    """Print one figure."""
    print(f"{what}: {np.median(rates):.0f} pictures a second (least {min(rates):.0f})")


@contextmanager
def served() -> Iterator[str]:
    """Run the command on a free port, and give its address."""
    command = [sys.executable, "-m", "neural", "playground", "--port", "0", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield next(word for word in process.stdout.readline().split() if word.startswith("http"))
        finally:
            process.terminate()


def windows(one: Callable[[], object], seconds: int) -> list[float]:
    """Return how often a second something was done, for each of so many seconds."""
    run_for(one, WARM_UP)
    return [run_for(one, 1.0) for _ in range(seconds)]


def run_for(one: Callable[[], object], seconds: float) -> float:
    """Return how often a second something was done."""
    count, began = 0, time.perf_counter()
    while (passed := time.perf_counter() - began) < seconds:
        one()
        count += 1
    return count / passed


def alone(seconds: int) -> list[float]:
    """Train and draw up in this process."""
    session = Session()
    return windows(lambda: session.train(epochs=1), seconds)


def over_the_wire(address: str, seconds: int) -> list[float]:
    """Ask for pictures as the page does, and do nothing with them."""
    from websockets.sync.client import connect

    place = address.replace("http", "ws") + "session"
    with connect(place, origin=address.rstrip("/"), compression=None, max_size=None) as page:

        def one() -> None:
            page.send(json.dumps({"do": "train", "epochs": 1}))
            page.recv()

        return windows(one, seconds)


@contextmanager
def opened(address: str):
    """Open the page in Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        page.goto(address)
        page.locator(".output .node").first.wait_for()
        yield page
        browser.close()


def drawn(address: str, seconds: int) -> list[float]:
    """Let the page train, and count what it has drawn."""
    with opened(address) as page:
        page.locator("#play").click()
        time.sleep(WARM_UP)
        rates = []
        for _ in range(seconds):
            before, began = page.evaluate("() => pictures"), time.perf_counter()
            time.sleep(1.0)
            rates.append((page.evaluate("() => pictures") - before) / (time.perf_counter() - began))
            if page.locator("#play").inner_text() == "Train":  # all its epochs are done
                page.locator("#play").click()
        return rates


def picture(address: str, file: Path) -> None:
    """Train for a while, stop, and photograph the page."""
    from PIL import Image

    with opened(address) as page:
        page.locator("#epochs").fill(str(PICTURE_EPOCHS))
        page.locator("#epochs").press("Enter")
        page.locator("#play").click()
        page.locator("#message", has_text="epochs are done").wait_for()
        page.get_by_label("Close this message").click()
        page.mouse.move(0, 0)
        page.screenshot(path=file)
        with Image.open(file) as whole:  # flat colours: a palette shows them as well, in a third of the bytes
            whole.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)
        print(f"{file}: {file.stat().st_size >> 10} KB")


if __name__ == "__main__":
    main()
