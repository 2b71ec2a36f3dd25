"""The whole review walked in a real browser: select, relabel by keyboard, undo, search, overturn, export, read back."""

from __future__ import annotations

import base64
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from index.reviews.effective import effective_reviews
from index.reviews.open import open_log
from index.store import Store
from schema.records import Decision

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]
PATIENCE = 180_000
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
PASTE = """data => {
    const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
    const clipboardData = new DataTransfer();
    clipboardData.items.add(new File([bytes], "pasted.png", { type: "image/png" }));
    document.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
}"""
GALLERIES = ("clusters", "queue", "search")
PAGES = ("", "clusters", "queue", "search", "item?row=3", "history", "export")


@pytest.fixture
def served(ui_store: Path, root: Path, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Starts the page on the small store and returns its address."""
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


def quiet(page: Any) -> None:
    """Wait until the page stands still and its pictures are there."""
    page.wait_for_selector("h1", timeout=PATIENCE)
    page.wait_for_function(
        "!document.querySelector('.stApp[data-test-script-state=running]')", timeout=PATIENCE
    )
    page.wait_for_function(
        """() => [...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')].every(host =>
            [...(host.shadowRoot?.querySelectorAll('img') ?? [])].every(image =>
                image.complete || image.getBoundingClientRect().top > innerHeight))""",
        timeout=PATIENCE,
    )


def says(page: Any, pattern: str) -> str:
    """Wait until the gallery's line says something, and return it."""
    line = page.locator(".preview").first
    until = time.monotonic() + PATIENCE / 1000
    text = ""
    while time.monotonic() < until:
        text = str(line.inner_text())
        if re.search(pattern, text):
            return text
        page.wait_for_timeout(100)
    told = [page.locator(part).first.inner_text() for part in (".count", ".alert")]
    pytest.fail(f"the line says {text!r} and not {pattern!r}; beside it {told}")


def test_the_whole_story(served: Callable[..., str], browser: Any, ui_store: Path) -> None:
    address = served()
    page = browser.new_context(viewport={"width": 1360, "height": 1000}, color_scheme="light").new_page()
    page.set_default_timeout(PATIENCE)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: wrong.append(f"dialog: {dialog.message}"))

    # Open and filter.
    page.goto(f"{address}/search")
    page.wait_for_selector(".tile", timeout=PATIENCE)
    quiet(page)
    assert page.locator(".tile").count() == 29
    page.get_by_label("Filter by").click()
    page.get_by_role("option", name="Hair Color").click()
    page.keyboard.press("Escape")
    quiet(page)
    page.get_by_label("Hair Color", exact=True).last.click()
    page.get_by_role("option", name="blonde", exact=True).click()
    page.keyboard.press("Escape")
    page.wait_for_function(
        "() => [...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')]"
        ".some(host => host.shadowRoot.querySelectorAll('.tile').length === 7)",
        timeout=PATIENCE,
    )
    quiet(page)

    # A range by shift-click; a value by its number key; the preview before, the change after.
    tiles = page.locator(".tile")
    tiles.nth(2).click()
    tiles.nth(5).click(modifiers=["Shift"])
    assert page.locator(".count").inner_text() == "4 of 7 selected"
    page.keyboard.press("/")
    page.keyboard.type("purple")
    page.keyboard.press("Enter")
    preview = says(page, "relabelled as purple")
    assert preview.startswith("4 items relabelled as purple")
    assert "votes move" in preview
    page.keyboard.press("Enter")
    says(page, "4 items now purple")
    with Store.open(ui_store) as store:
        relabelled = {
            row for (row, _), label in effective_reviews(store).labels.items() if label.values == ("purple",)
        }
    assert len(relabelled) == 4

    # Undo, and do it again.
    page.keyboard.press("u")
    says(page, "undone: 4 items")
    with Store.open(ui_store) as store:
        assert not effective_reviews(store).labels
    tiles.nth(2).click()
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    assert page.locator(".count").inner_text() == "4 of 7 selected"
    page.keyboard.press("/")
    page.keyboard.press("Enter")
    says(page, "relabelled as purple")
    page.keyboard.press("Enter")
    says(page, "4 items now purple")

    # Another reviewer is quicker: nothing is overwritten, and the page says so and shows the new state.
    tiles.nth(0).click()
    page.keyboard.press("/")
    page.keyboard.press("Control+a")
    page.keyboard.type("green")
    page.keyboard.press("Enter")
    says(page, "relabelled as green")
    with Store.open(ui_store) as store:
        first = store.take("items", [1], ["item_id"])["item_id"][0].as_py()
        open_log(store).append([Decision(1, first, "label", "hair_color", "red")], "Bob")
    page.keyboard.press("Enter")
    alert = page.locator(".alert", has_text="changed while you looked")
    alert.wait_for(timeout=PATIENCE)
    assert "Bob" in alert.inner_text()
    with Store.open(ui_store) as store:
        assert effective_reviews(store).labels[1, "hair_color"].values == ("red",)
        last = store.take("items", [25], ["item_id"])["item_id"][0].as_py()
        open_log(store).append([Decision(25, last, "label", "hair_color", "white")], "Bob")
    page.keyboard.press("Escape")
    page.locator(".alert", has_text="just decided by Bob").wait_for(timeout=PATIENCE)

    # Keys are listed, and the list goes away.
    page.keyboard.press("?")
    page.locator(".help").wait_for(timeout=PATIENCE)
    page.keyboard.press("Escape")
    assert page.locator(".help").count() == 0

    # Search by an uploaded picture.
    page.goto(f"{address}/search")
    page.wait_for_selector(".tile", timeout=PATIENCE)
    page.locator("input[type=file]").set_input_files(str(ui_store / "pictures" / "06.png"))
    page.get_by_text("closest first").wait_for(timeout=PATIENCE)
    page.locator(".badge", has_text="1.000").first.wait_for(timeout=PATIENCE)
    page.get_by_text("The labels this picture would get").wait_for(timeout=PATIENCE)
    page.get_by_role("button", name="It is in the store").wait_for(timeout=PATIENCE)
    quiet(page)

    # Take it away, and paste another one.
    page.locator(".away").click()
    page.wait_for_function("() => !document.body.innerText.includes('closest first')", timeout=PATIENCE)
    pasted = base64.b64encode((ui_store / "pictures" / "10.png").read_bytes()).decode()
    page.evaluate(PASTE, pasted)
    page.get_by_text("closest first").wait_for(timeout=PATIENCE)
    page.locator(".tile", has_text="red").first.wait_for(timeout=PATIENCE)
    page.get_by_role("button", name="It is in the store").wait_for(timeout=PATIENCE)

    # Overturn a duplicate.
    page.goto(f"{address}/clusters")
    page.wait_for_selector(".tile", timeout=PATIENCE)
    quiet(page)
    page.locator(".tile", has_text="03.png").click()
    page.keyboard.press("d")
    says(page, "1 item leave")
    page.keyboard.press("Enter")
    says(page, "takes it back")
    with Store.open(ui_store) as store:
        assert [(r.row, r.value) for r in effective_reviews(store).groups] == [(3, "not_duplicate")]

    # Export, and find the corrections in the Parquet.
    page.goto(f"{address}/export")
    quiet(page)
    page.get_by_role("button", name="Write it").click()
    page.get_by_text("Written to").wait_for(timeout=PATIENCE)
    files = sorted((ui_store / "exports" / "dataset").rglob("*.parquet"))
    found = {r["item_id"]: r for file in files for r in pq.read_table(file).to_pylist()}
    with Store.open(ui_store) as store:
        ids = {r["row"]: r["item_id"] for r in store.read("items", ["row", "item_id"]).to_pylist()}
    for row in relabelled:
        assert found[ids[row]]["hair_color"] == "purple"
        assert found[ids[row]]["hair_color_source"] == "review"
    assert ids[3] in found, "what is not a duplicate goes out"

    # Everything stands in the history.
    page.goto(f"{address}/history")
    page.get_by_text("undo of").first.wait_for(timeout=PATIENCE)
    assert not wrong


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_drawn(served: Callable[..., str], browser: Any, root: Path, scheme: str) -> None:
    """Writes a screenshot of each page to screenshots/, which is not kept."""
    address = served("--readonly")
    folder = root / "screenshots"
    folder.mkdir(exist_ok=True)
    page = browser.new_context(viewport={"width": 1360, "height": 900}, color_scheme=scheme).new_page()
    page.set_default_timeout(PATIENCE)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: wrong.append(f"dialog: {dialog.message}"))
    for name in PAGES:
        page.goto(f"{address}/{name}")
        if name in GALLERIES:
            page.locator(".tile").first.wait_for(timeout=PATIENCE)
        quiet(page)
        page.screenshot(path=folder / f"{name.split('?')[0] or 'overview'}_{scheme}.png")
        assert page.locator("[data-testid=stException]").count() == 0
    assert not wrong
