"""The whole review walked in a real browser: select, relabel by keyboard, undo, search, overturn, export, read back."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from index.reviews.effective import effective_reviews
from index.reviews.open import open_log
from index.store import Store
from schema.records import Decision

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]
PASTE = """data => {
    const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
    const clipboardData = new DataTransfer();
    clipboardData.items.add(new File([bytes], "pasted.png", { type: "image/png" }));
    document.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
}"""
GALLERIES = ("clusters", "queue", "search")
PAGES = ("", "clusters", "queue", "search", "item?row=3", "history", "export")


def test_the_whole_story(served: Callable[..., str], visitor: Callable[..., Any], ui_store: Path) -> None:
    ann = visitor(served())
    page, says, quiet = ann.page, ann.says, ann.quiet

    # Open and filter.
    ann.open("search")
    assert page.locator(".tile").count() == 29
    page.get_by_label("Filter by").click()
    page.get_by_role("option", name="Hair color").click()
    page.keyboard.press("Escape")
    quiet()
    page.get_by_label("Hair color", exact=True).last.click()
    page.get_by_role("option", name="blonde", exact=True).click()
    page.keyboard.press("Escape")
    page.wait_for_function(
        "() => [...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')]"
        ".some(host => host.shadowRoot?.querySelectorAll('.tile').length === 7)",
    )
    quiet()

    # A range by shift-click; a value by its number key; the preview before, the change after.
    tiles = page.locator(".tile")
    tiles.nth(2).click()
    tiles.nth(5).click(modifiers=["Shift"])
    assert page.locator(".count").inner_text() == "4 of 7 selected"
    page.keyboard.press("/")
    page.keyboard.type("purple")
    page.keyboard.press("Enter")
    says("^Hair color: purple for 4 pictures")
    page.keyboard.press("Enter")
    says("purple for 4 pictures · u takes it back")
    with Store.open(ui_store) as store:
        relabelled = {
            row for (row, _), label in effective_reviews(store).labels.items() if label.values == ("purple",)
        }
    assert len(relabelled) == 4

    # Undo, and do it again.
    page.keyboard.press("u")
    says("undone: 4 pictures")
    with Store.open(ui_store) as store:
        assert not effective_reviews(store).labels
    tiles.nth(2).click()
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    assert page.locator(".count").inner_text() == "4 of 7 selected"
    page.keyboard.press("/")
    page.keyboard.press("Enter")
    says("purple for 4 pictures$")
    page.keyboard.press("Enter")
    says("purple for 4 pictures · u takes it back")

    # Another reviewer is quicker: nothing is overwritten, and the page says so and shows the new state.
    tiles.nth(0).click()
    page.keyboard.press("/")
    page.keyboard.press("Control+a")
    page.keyboard.type("green")
    page.keyboard.press("Enter")
    says("green for 1 picture$")
    with Store.open(ui_store) as store:
        first = store.take("items", [1], ["item_id"])["item_id"][0].as_py()
        open_log(store).append([Decision(1, first, "label", "hair_color", "red")], "Bob")
    page.keyboard.press("Enter")
    alert = page.locator(".alert", has_text="changed while you looked")
    alert.wait_for()
    assert "Bob" in alert.inner_text()
    with Store.open(ui_store) as store:
        assert effective_reviews(store).labels[1, "hair_color"].values == ("red",)
        last = store.take("items", [25], ["item_id"])["item_id"][0].as_py()
        open_log(store).append([Decision(25, last, "label", "hair_color", "white")], "Bob")
    page.keyboard.press("Escape")
    page.locator(".alert", has_text="just decided by Bob").wait_for()

    # Keys are listed, and the list goes away.
    page.keyboard.press("?")
    page.locator(".help").wait_for()
    page.keyboard.press("Escape")
    assert page.locator(".help").count() == 0

    # Search by an uploaded picture.
    ann.open("search")
    page.locator("input[type=file]").set_input_files(str(ui_store / "pictures" / "06.png"))
    page.get_by_text("the most similar first").wait_for()
    page.locator(".badge", has_text="1.000").first.wait_for()
    page.get_by_text("The labels this picture would get").wait_for()
    page.get_by_text("It is in the store").wait_for()
    quiet()

    # Take it away, and paste another one.
    page.locator(".away").click()
    page.wait_for_function("() => !document.body.innerText.includes('the most similar first')")
    pasted = base64.b64encode((ui_store / "pictures" / "10.png").read_bytes()).decode()
    page.evaluate(PASTE, pasted)
    page.get_by_text("the most similar first").wait_for()
    page.locator(".tile", has_text="red").first.wait_for()
    page.get_by_text("It is in the store").wait_for()

    # Overturn a duplicate.
    ann.open("clusters")
    page.locator(".tile", has_text="03.png").click()
    page.keyboard.press("d")
    says("1 picture will no longer count as a duplicate")
    page.keyboard.press("Enter")
    says("takes it back")
    with Store.open(ui_store) as store:
        assert [(r.row, r.value) for r in effective_reviews(store).groups] == [(3, "not_duplicate")]

    # Export, and find the corrections in the Parquet.
    ann.open("export", "")
    page.get_by_role("button", name="Export", exact=True).click()
    page.get_by_text("Written to").wait_for()
    files = sorted((ui_store / "exports" / "dataset").rglob("*.parquet"))
    found = {r["item_id"]: r for file in files for r in pq.read_table(file).to_pylist()}
    with Store.open(ui_store) as store:
        ids = {r["row"]: r["item_id"] for r in store.read("items", ["row", "item_id"]).to_pylist()}
    for row in relabelled:
        assert found[ids[row]]["hair_color"] == "purple"
        assert found[ids[row]]["hair_color_source"] == "review"
    assert ids[3] in found, "what is not a duplicate goes out"

    # Everything stands in the history.
    ann.open("history", "")
    page.get_by_text("undo of").first.wait_for()
    assert not ann.wrong


@pytest.mark.parametrize(
    ("scheme", "width", "height"),
    [
        pytest.param("light", 1440, 900, id="light-wide"),
        pytest.param("dark", 1024, 768, id="dark-middle"),
        pytest.param("light", 390, 844, id="light-phone"),
        pytest.param("dark", 1440, 900, id="dark-wide", marks=pytest.mark.slow),
        pytest.param("light", 1024, 768, id="light-middle", marks=pytest.mark.slow),
        pytest.param("dark", 390, 844, id="dark-phone", marks=pytest.mark.slow),
    ],
)
def test_every_page_is_drawn(
    served: Callable[..., str], visitor: Callable[..., Any], root: Path, scheme: str, width: int, height: int
) -> None:
    """Writes a screenshot of each page to screenshots/, which is not kept."""
    folder = root / "screenshots"
    folder.mkdir(exist_ok=True)
    guest = visitor(served("--readonly"), size=(width, height), scheme=scheme)
    for name in PAGES:
        guest.open(name, ".tile" if name in GALLERIES else "")
        guest.page.screenshot(path=folder / f"{name.split('?')[0] or 'overview'}_{scheme}_{width}.png")
        assert guest.page.locator("[data-testid=stException]").count() == 0
        # While widgets are still being drawn a page may be wider for a moment; what counts is where it comes to rest.
        guest.page.wait_for_function(
            "width => document.querySelector('[data-testid=stMain]').scrollWidth <= width", arg=width
        )
    assert not guest.wrong
