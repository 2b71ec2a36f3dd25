"""What a caption may say: labels as reviewers left them, tags of set-aside copies, a state that follows the tables."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from curate.captions.sayable import Sayable, SayableItems, sayable_of
from index.reviews.open import open_log
from index.store import Store
from schema import tables
from schema.ids import content_id
from schema.records import Decision
from schema.settings import Settings


def said(store: Store) -> list[Sayable]:
    batches = SayableItems(store, Settings()).batches(["row", "item_id"])
    return [item for batch in batches for item in sayable_of(pa.Table.from_batches([batch]))]


def decide(store: Store, row: int, attribute: str, value: str | None, action: str = "set") -> str:
    log = open_log(store)
    item = content_id(str(row).encode())
    batch = log.append([Decision(row, item, "label", attribute, value, action)], "ann")
    log.close()
    return batch


def test_accepted_labels_rejections_and_what_reviewers_said_since(
    store: Store, add_items: Callable[..., None], write_labels: Callable[..., None]
) -> None:
    add_items(store, 4)
    write_labels(store, {0: {"hair_color": "blonde", "dress": ["kimono", "boots"]}, 1: {"hair_color": "red"}})
    decide(store, 0, "dress", "kimono", "reject")
    decide(store, 1, "hair_color", "blue")
    decide(store, 2, "age", "elderly")
    first, second, third, fourth = said(store)
    assert first.labels == {"hair_color": ("blonde",), "dress": ("boots",)}
    assert first.rejected == {"dress": ("kimono",)}
    assert second.labels == {"hair_color": ("blue",)}
    assert third.labels == {"age": ("elderly",)}
    assert (first.judged, third.judged, fourth.labels) == (True, False, {})


def test_known_to_be_unknown_is_not_said(
    store: Store, add_items: Callable[..., None], write_labels: Callable[..., None]
) -> None:
    add_items(store, 1)
    write_labels(store, {0: {"hair_color": "blonde"}})
    decide(store, 0, "hair_color", None)
    assert said(store)[0].labels == {}


def test_tags_and_artists_of_set_aside_copies_are_the_kept_ones_too(
    store: Store, add_items: Callable[..., None]
) -> None:
    add_items(store, 2)
    add_items(store, 1, first=2, tags=["smile"])
    base = {"group_id": "g", "reason": "r", "similarity": 1.0}
    groups = [
        base | {"row": 1, "item_id": "1", "verdict": "kept", "keep": True},
        base | {"row": 2, "item_id": "2", "verdict": "same artwork", "keep": False},
    ]
    store.replace("groups", pa.Table.from_pylist(groups, tables.GROUPS), tables.GROUPS)
    assert said(store)[1].tags == ("t1", "smile")


def test_the_state_follows_labels_and_decisions_and_nothing_else(
    store: Store, add_items: Callable[..., None], write_labels: Callable[..., None]
) -> None:
    add_items(store, 2)

    def state() -> str:
        return SayableItems(store, Settings()).state()

    before = state()
    assert state() == before
    write_labels(store, {0: {"hair_color": "blonde"}})
    after = state()
    assert after != before
    batch = decide(store, 0, "hair_color", "red")
    assert state() != after
    log = open_log(store)
    log.undo(batch, "ann")
    log.append([Decision(0, content_id(b"0"), "caption", "tags", "a girl")], "ann")
    log.close()
    assert state() == after
