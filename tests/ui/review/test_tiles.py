"""What the gallery is given: plain data, fixed number keys."""

from __future__ import annotations

import json
from collections.abc import Callable

from schema.vocabulary import load_vocabulary
from ui.review.tiles import GalleryState, Section, gallery_data, tile, value_buttons, words
from ui.review.workspace import Workspace


def test_gallery_data_is_plain(small_workspace: Workspace) -> None:
    hair = small_workspace.attribute("hair_color")
    sections = [Section("Group 1", "2 pictures", [0, 1], [20])]
    state = GalleryState("p", 0, hair, sections=sections, notes={0: "0.91"}, status="3 pictures left")
    data = gallery_data(small_workspace.items([0, 1, 20]), lambda _: None, state)
    assert json.loads(json.dumps(data)) == data
    assert data["items"][0]["badge"] == "0.91"
    assert data["items"][1]["name"].startswith("<img")
    assert data["items"][2]["badge"] == "several characters"
    assert data["sections"][0]["hidden"] == [20]
    assert data["attribute"] == {"name": "hair_color", "title": "Hair color"}
    assert tile(small_workspace.items([3])[0], hair, "/x")["how"].startswith("votes 0.73")


def test_what_is_read_aloud_says_something(small_workspace: Workspace) -> None:
    hair = small_workspace.attribute("hair_color")
    items = small_workspace.items([1, 3, 0])
    assert tile(items[0], hair, None)["alt"] == "Hair color: blonde, tag 0.98"
    assert tile(items[1], hair, None)["alt"] == "Hair color: blue, votes 0.73 · 5 reference items"
    assert tile(items[2], hair, None)["alt"] == "Hair color: unknown"
    assert tile(items[1], None, None)["alt"] == "same artwork, blue, 64 x 64"


def test_number_keys_do_not_move(small_workspace: Workspace, decide: Callable[..., str]) -> None:
    hair = small_workspace.attribute("hair_color")
    before = value_buttons(hair)
    decide(small_workspace, list(range(20)), "set", "purple")
    assert value_buttons(hair) == before == value_buttons(load_vocabulary().attribute("hair_color"))
    assert [b["key"] for b in before] == list("123456789")[: len(before)]
    assert "green yukata" in words(small_workspace.attribute("dress"))
