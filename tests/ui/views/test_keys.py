"""Keys: one gallery owns them, they come back after a choice from a list, and all is said to who cannot see it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from index.reviews.effective import effective_reviews
from index.reviews.open import open_log
from index.store import Store

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]
Serve = Callable[..., str]
Visit = Callable[..., Any]


def decisions(store: Path) -> list[tuple[int, str | None, str | None]]:
    """All decisions of the log: row, attribute, value."""
    return [(r.row, r.attribute, r.value) for r in open_log(store, readonly=True).scan()]


def test_one_of_several_galleries_owns_the_keys(served: Serve, visitor: Visit, ui_store: Path) -> None:
    ann = visitor(served(), size=(1440, 1600))
    page = ann.page
    ann.open("item?row=0")
    owners = page.locator(".lk.owner")
    assert owners.count() == 1
    assert owners.get_attribute("aria-label") == "Labels of this picture"
    ann.press("2")
    ann.says("Hair color: brown for 1 picture")
    ann.press("Enter")
    ann.says("takes it back")
    assert decisions(ui_store) == [(0, "hair_color", "brown")]

    # A click hands them to another gallery, and only its selection is changed.
    page.locator(".lk", has=page.get_by_role("listbox", name="Pictures")).last.locator(".tile").first.click()
    assert owners.count() == 1
    assert owners.get_attribute("aria-label") == "Pictures"
    row = int(owners.locator(".tile.on").get_attribute("data-row"))
    ann.press("4")
    owners.get_by_text("Hair color: red for 1 picture").wait_for()
    ann.press("Enter")
    owners.get_by_text("takes it back").wait_for()
    assert decisions(ui_store)[1:] == [(row, "hair_color", "red")]
    assert not ann.wrong


def test_every_attribute_of_every_item_can_be_edited(served: Serve, visitor: Visit, ui_store: Path) -> None:
    ann = visitor(served())
    page = ann.page
    ann.open("item?row=9", ".line")
    page.get_by_role("option", name=re.compile("^Gender: unknown")).click()
    ann.until("location.search.includes('attribute=gender')", True)
    ann.press("1")
    ann.says("^Gender: .* for 1 picture")
    ann.press("Enter")
    ann.says("takes it back")
    ann.press("ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown")
    page.locator(".count", has_text="Eye color").first.wait_for()
    ann.press("/")
    page.keyboard.type("blue")
    ann.press("Enter")
    ann.says("^Eye color: blue for 1 picture")
    ann.press("Enter")
    ann.says("takes it back")
    with Store.open(ui_store) as store:
        labels = effective_reviews(store).labels
    assert {name for _, name in labels} == {"gender", "eye_color"}
    assert labels[9, "eye_color"].values == ("blue",)
    page.get_by_role("option", name=re.compile("^Eye color: blue, review")).wait_for()
    ann.press("u")
    ann.says("undone: 1 picture")
    assert not ann.wrong


def test_keys_work_after_a_choice_from_a_list(served: Serve, visitor: Visit) -> None:
    ann = visitor(served())
    page = ann.page
    ann.open("queue")
    page.get_by_role("combobox", name="Queue").click()
    page.get_by_role("option", name="Lowest confidence", exact=True).click()
    ann.until("location.search.includes('Lowest')", True)
    ann.quiet()
    page.wait_for_timeout(300)
    ann.press("a")
    page.locator(".count", has_text=re.compile(r"^([1-9]\d*) of \1 selected")).wait_for()


def test_what_is_not_possible_cannot_be_applied(served: Serve, visitor: Visit, ui_store: Path) -> None:
    ann = visitor(served())
    page = ann.page
    ann.open("search")
    apply = page.get_by_role("button", name="Apply")
    page.locator(".tile").nth(1).click()
    ann.press("/")
    page.keyboard.type("blond")
    ann.press("Enter")
    assert "blonde" in ann.says("has no value 'blond'")
    assert apply.is_disabled()
    ann.press("Enter")
    page.wait_for_timeout(500)
    assert decisions(ui_store) == []
    ann.open("clusters")
    page.locator(".tile").nth(0).click()
    page.locator(".tile").nth(1).click()
    ann.press("k")
    ann.says("only one picture of a group")
    assert apply.is_disabled()


def test_duplicate_groups_are_finished_by_keys_alone(served: Serve, visitor: Visit, ui_store: Path) -> None:
    ann = visitor(served())
    page = ann.page
    ann.open("clusters")
    numbers = page.locator(".numbers")
    assert numbers.inner_text() == "2 groups, 0 done"
    ann.press("c")
    ann.says("1 group confirmed: 1 picture kept, 1 set aside")
    ann.press("Enter")
    page.locator(".numbers", has_text="2 groups, 1 done").wait_for()
    page.get_by_text("Group 1").wait_for(state="detached")
    ann.press("ArrowRight", " ", "d")
    ann.says("1 picture will no longer count as a duplicate")
    ann.press("Enter")
    page.locator(".numbers", has_text="1 groups, 1 done").wait_for()
    page.get_by_text("No group matches").wait_for()
    ann.press("u")
    page.locator(".numbers", has_text="2 groups, 1 done").wait_for()
    page.get_by_role("checkbox", name="Show done").check(force=True)
    page.get_by_text("done", exact=False).first.wait_for()
    assert not ann.wrong


def test_a_list_is_walked_and_heard_without_seeing_it(served: Serve, visitor: Visit, ui_store: Path) -> None:
    ann = visitor(served())
    page = ann.page
    ann.open("search")
    options = page.get_by_role("option")
    blonde = page.get_by_role("option", name=re.compile("^Hair color: blonde, tag 0.98; same artwork"))
    assert blonde.count() == 1
    assert page.get_by_role("img", name="Hair color: blonde, tag 0.98").count() > 0
    first = options.first
    first.focus()
    ann.press("ArrowRight")
    assert blonde.evaluate("node => node.getRootNode().activeElement === node")
    assert blonde.get_attribute("tabindex") == "0"
    assert first.get_attribute("tabindex") == "-1"
    ann.press(" ")
    assert blonde.get_attribute("aria-selected") == "true"
    ann.press("4")
    page.get_by_role("status").filter(has_text="Hair color: red for 1 picture").wait_for()
    assert page.get_by_role("button", name="red", pressed=True).count() == 1
    ann.press("Enter")
    page.get_by_role("status").filter(has_text="takes it back").wait_for()
    assert decisions(ui_store) == [(1, "hair_color", "red")]
    assert page.get_by_role("option", name=re.compile("^Hair color: red, review")).evaluate(
        "node => node.getRootNode().activeElement === node"
    ), "the focus stays where it was"


def test_number_keys_can_be_given_to_other_values(served: Serve, visitor: Visit) -> None:
    ann = visitor(served())
    page = ann.page
    ann.open("search?attribute=Hair+color")
    ann.press("?")
    box = page.get_by_role("dialog", name="Keys").get_by_label("1", exact=True)
    assert box.input_value() == "black"
    box.fill("octarine")
    page.get_by_role("button", name="Save keys").click()
    assert "wrong" in (box.get_attribute("class") or "")
    box.fill("silver")
    if page.get_by_role("button", name="Save keys").count():
        box.fill("green")
        page.get_by_role("button", name="Save keys").click()
    page.get_by_role("dialog", name="Keys").wait_for(state="detached")
    page.reload()
    page.locator(".tile").first.click()
    ann.press("1")
    ann.says("Hair color: green for 1 picture")


def test_a_dead_server_is_explained(served: Serve, visitor: Visit) -> None:
    ann = visitor(served())
    ann.open("queue")
    for process in served.started:  # type: ignore[attr-defined]
        process.terminate()
    ann.page.get_by_text("has no connection to its server").wait_for()
    words = ann.page.locator("body").inner_text()
    assert "likeness review --store" in words
    assert "streamlit run" not in words
