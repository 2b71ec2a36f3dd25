"""Where a reviewer was is found again: by back, reload, the menu, and from a link that was sent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]
Serve = Callable[..., str]
Visit = Callable[..., Any]

SCROLL = "Math.round(document.querySelector('[data-testid=stMain]').scrollTop)"
CURSOR = """[...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')]
    .flatMap(host => [...(host.shadowRoot?.querySelectorAll('.tile.cursor') ?? [])])
    .map(tile => tile.dataset.row)[0]"""


def choose(page: Any, label: str, option: str) -> None:
    """Choose from a list by its name."""
    page.get_by_role("combobox", name=label).click()
    page.get_by_role("option", name=option, exact=True).click()


def test_a_place_in_a_list_is_found_again(served: Serve, visitor: Visit) -> None:
    ann = visitor(served("--set", "review.page_items=12"), size=(1000, 430))
    page = ann.page
    ann.open("search?attribute=Hair+color")
    ann.press("n")
    page.get_by_text("pictures 13 to 24 of 29").wait_for()
    ann.quiet()
    ann.press("ArrowRight", "ArrowRight", "ArrowDown", "ArrowRight")
    row = page.evaluate(CURSOR)
    page.mouse.move(300, 380)
    page.mouse.wheel(0, 90)
    ann.until(f"{SCROLL} > 60", True)
    page.wait_for_timeout(400)
    scroll, where = page.evaluate(SCROLL), ann.where()
    assert "after=11" in where

    # Into an item and back: page, scroll and cursor.
    ann.press("o")
    page.get_by_label("Labels of this picture").wait_for()
    assert ann.where() == f"/item?row={row}"
    page.go_back()
    ann.until(CURSOR, row)
    assert ann.where() == where
    ann.until(SCROLL, scroll)

    # Reload.
    page.reload()
    ann.until(CURSOR, row)
    ann.until(SCROLL, scroll)
    page.get_by_text("pictures 13 to 24 of 29").wait_for()

    # The menu leads to History and back to where the list was left; one step back is one page back.
    page.get_by_role("link", name="History").click()
    page.get_by_text("No decision yet").wait_for()
    page.get_by_role("link", name="Search").click()
    ann.until(CURSOR, row)
    assert ann.where() == where
    ann.until(SCROLL, scroll)
    page.go_back()
    page.get_by_text("No decision yet").wait_for()

    # One page back in the list is at its top.
    page.go_back()
    ann.until(CURSOR, row)
    ann.press("p")
    page.get_by_text("pictures 1 to 12 of 29").wait_for()
    assert "after" not in ann.where()
    assert not ann.wrong


def test_choices_stand_in_the_address_and_can_be_sent(served: Serve, visitor: Visit) -> None:
    address = served()
    ann = visitor(address)
    page = ann.page
    ann.open("queue")
    choose(page, "Queue", "Lowest confidence")
    ann.until("location.search.includes('Lowest')", True)
    choose(page, "Attribute", "Dress")
    page.get_by_text("Nothing is left to review here").wait_for()
    assert ann.where() == "/queue?attribute=Dress&queue=Lowest confidence"
    page.go_back()
    page.locator(".tile").first.wait_for()
    assert "Dress" not in ann.where()
    assert page.get_by_role("combobox", name="Queue").input_value() == "Lowest confidence"
    rows = page.locator(".tile").count()

    bob = visitor(address)
    bob.page.goto(page.url)
    bob.page.locator(".tile").first.wait_for()
    assert bob.page.get_by_role("combobox", name="Queue").input_value() == "Lowest confidence"
    assert bob.page.locator(".tile").count() == rows
    assert not ann.wrong and not bob.wrong


def test_a_picture_searched_for_is_found_again(served: Serve, visitor: Visit, ui_store: Path) -> None:
    address = served()
    ann = visitor(address)
    ann.open("search")
    ann.page.locator("input[type=file]").set_input_files(str(ui_store / "pictures" / "06.png"))
    ann.page.get_by_text("the most similar first").wait_for()
    ann.page.reload()
    ann.page.get_by_text("the most similar first").wait_for()
    ann.page.locator(".badge", has_text="1.000").first.wait_for()
    bob = visitor(address)
    bob.page.goto(ann.page.url)
    bob.page.locator(".badge", has_text="1.000").first.wait_for()


def test_the_name_stays_with_the_browser(served: Serve, visitor: Visit) -> None:
    ann = visitor(served())
    ann.open("queue")
    name = ann.page.get_by_label("Reviewer")
    assert name.input_value() == "ann"
    name.fill("Ann Example")
    name.press("Enter")
    ann.quiet()
    ann.page.reload()
    ann.until(
        """[...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')]
            .flatMap(host => [...(host.shadowRoot?.querySelectorAll('.shell input') ?? [])])
            .map(box => box.value)[0]""",
        "Ann Example",
    )
    name.fill("")
    name.press("Enter")
    ann.says("Enter your name at the top right")
