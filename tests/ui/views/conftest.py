"""The page served on the small store, and a Chromium to look at it."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture
def served(ui_store: Path, root: Path, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Starts the page on the small store and returns its address; ``served.started`` are the processes."""
    started: list[subprocess.Popen[bytes]] = []

    def serve(*options: str) -> str:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        words = [
            sys.executable,
            "-m",
            "ui.main",
            "review",
            "--store",
            str(ui_store),
            "--port",
            str(port),
            *options,
        ]
        environment = {k: v for k, v in os.environ.items() if k != "USER"} | {"USER": "ann"}
        with (tmp_path / "page.log").open("wb") as log:
            started.append(subprocess.Popen(words, cwd=root, env=environment, stdout=log, stderr=log))
        until = time.monotonic() + 240
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return f"http://127.0.0.1:{port}"
            assert started[-1].poll() is None, (tmp_path / "page.log").read_text()
            time.sleep(0.1)
        pytest.fail("the page did not start: " + (tmp_path / "page.log").read_text())

    serve.started = started  # type: ignore[attr-defined]
    yield serve
    for process in started:
        process.terminate()
        process.wait(30)


@pytest.fixture
def browser(chromium: str) -> Iterator[Any]:
    """A headless Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield started
        started.close()


class Visitor:
    """One visitor in a browser of their own, who waits as long as it takes."""

    PATIENCE = 180_000

    def __init__(
        self, browser: Any, address: str, *, size: tuple[int, int] = (1440, 900), scheme: str = "light"
    ) -> None:
        view = {"width": size[0], "height": size[1]}
        self.context = browser.new_context(viewport=view, color_scheme=scheme)
        self.page = self.context.new_page()
        self.page.set_default_timeout(self.PATIENCE)
        self.address = address
        self.wrong: list[str] = []
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("dialog", lambda dialog: self.wrong.append(f"dialog: {dialog.message}"))

    def open(self, path: str, wait: str = ".tile") -> None:
        """Open a page of the review and wait until it stands still."""
        self.page.goto(f"{self.address}/{path}")
        if wait:
            self.page.locator(wait).first.wait_for()
        self.quiet()

    def quiet(self) -> None:
        """Wait until the page stands still and its pictures are there."""
        self.page.wait_for_selector("[data-testid=stMain]")
        self.page.wait_for_function("!document.querySelector('.stApp[data-test-script-state=running]')")
        self.page.wait_for_function(
            """() => [...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')].every(host =>
                [...(host.shadowRoot?.querySelectorAll('img') ?? [])].every(image =>
                    image.complete || image.getBoundingClientRect().top > innerHeight))"""
        )

    def says(self, pattern: str) -> str:
        """Wait until the first chooser's line says something, and return it."""
        line = self.page.locator(".preview").first
        until = time.monotonic() + self.PATIENCE / 1000
        text = ""
        while time.monotonic() < until:
            text = str(line.inner_text())
            if re.search(pattern, text):
                return text
            self.page.wait_for_timeout(100)
        pytest.fail(f"the line says {text!r} and not {pattern!r}")

    def until(self, expression: str, expected: Any) -> None:
        """Wait until an expression in the browser has a value."""
        until = time.monotonic() + self.PATIENCE / 1000
        found = None
        while time.monotonic() < until:
            found = self.page.evaluate(expression)
            if found == expected:
                return
            self.page.wait_for_timeout(100)
        pytest.fail(f"{expression} is {found!r} and not {expected!r}")

    def where(self) -> str:
        """Return the path and query of the address."""
        return str(
            self.page.evaluate("decodeURIComponent(location.pathname + location.search).replaceAll('+', ' ')")
        )

    def press(self, *keys: str) -> None:
        """Press keys one after the other."""
        for key in keys:
            self.page.keyboard.press(key)


@pytest.fixture
def visitor(browser: Any) -> Callable[..., Visitor]:
    """Makes a visitor of an address."""

    def make(address: str, **options: Any) -> Visitor:
        return Visitor(browser, address, **options)

    return make
