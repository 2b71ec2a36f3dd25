"""Everything about one item."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ui.review.history import of_item
from ui.review.item import item_details, large_picture, source_facts
from ui.review.workspace import Workspace


def test_item_details_hold_everything(small_workspace: Workspace, decide: Callable[..., str]) -> None:
    decide(small_workspace, [3], "set", "red")
    found = item_details(small_workspace, 3)
    assert found.item.name == "03.png"
    assert len(found.neighbours) == 8
    assert found.group.tolist() == [2, 3]
    assert [line.decision for line in of_item(small_workspace, 3)] == ["Hair color: red"]
    picture = large_picture(small_workspace, 3)
    assert picture and picture[:4] == b"RIFF"


def test_large_picture_falls_back_to_the_thumbnail(small_workspace: Workspace) -> None:
    uri = small_workspace.store.take("items", [5], ["uri"])["uri"][0].as_py()
    data = Path(uri).read_bytes()
    Path(uri).unlink()
    try:
        assert large_picture(small_workspace, 5) == small_workspace.thumbnails([5])[5]
    finally:
        Path(uri).write_bytes(data)


def test_facts_and_columns_of_a_source_are_words() -> None:
    record = {
        "item_id": "0", "tags": ["hat"], "text": "A hat.", "source_rating": "q", "source_score": 12.0,
        "artists": ["a", "b"],
 "copyrights": [], "posted": None, "post_url": "https://x.example/1", "repeats": 10, "year": 2011, "sold": True,
        "prompt": "1girl", "prompt_source": "png parameters", "has_prompt": True,
    }  # fmt: skip
    assert source_facts(record) == {
        "source rating": "questionable", "source score": "12", "artists": "a, b", "post url": "https://x.example/1",
        "repeats": "10", "year": "2011", "sold": "true", "prompt": "1girl", "prompt source": "png parameters",
    }  # fmt: skip
