"""Names on the page: groups are named in one gesture, doubtful names judged, conflicts told."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from index.store import Store
from schema import tables
from schema.errors import ReviewConflict
from ui.review.naming.characters import doubtful_names, give_name, known_names, unknown_groups, unlike_rest
from ui.review.workspace import Workspace


def add_names(uri: Path) -> None:
    """Rin in rows 0 to 9 (8 is doubtful), and two groups of look-alikes without a name."""
    with Store.open(uri, write=True) as store:
        ids = store.read("items", ["item_id"])["item_id"].to_pylist()
        records = [
            dict.fromkeys(tables.NAMES.names) | {"row": row, "item_id": name} for row, name in enumerate(ids)
        ]
        for row in range(10):
            records[row] |= {"character": ["Rin"], "character_source": "source", "character_doubt": 0.1}
        records[8] |= {"character_doubt": 0.9, "character_suggested": "Saber"}
        for row in range(12, 18):
            records[row]["unknown_character"] = "unknown a" if row < 16 else "unknown b"
        store.replace("names", [pa.RecordBatch.from_pylist(records, tables.NAMES)], tables.NAMES)


def test_groups_are_named_and_leave_the_list(small_workspace: Workspace) -> None:
    workspace = small_workspace
    add_names(workspace.store.folder)
    assert [(each.group, each.rows.tolist()) for each in unknown_groups(workspace)] == [
        ("unknown a", [12, 13, 14, 15]),
        ("unknown b", [16, 17]),
    ]
    position = workspace.reviewed().position
    written = give_name(workspace, [12, 13, 14, 15], " Newcomer ", "ann", position)
    assert written.text == "Newcomer for 4 pictures"
    assert [each.group for each in unknown_groups(workspace)] == ["unknown b"]
    assert known_names(workspace) == ["Rin", "Newcomer"]
    with pytest.raises(ReviewConflict):
        give_name(workspace, [12], "Somebody", "bob", position)
    workspace.log.undo(written.batch, "ann")
    assert len(unknown_groups(workspace)) == 2
    give_name(workspace, [16, 17], None, "ann", workspace.reviewed().position)
    assert [each.group for each in unknown_groups(workspace)] == ["unknown a"]


def test_doubtful_names_wait_for_a_word(small_workspace: Workspace) -> None:
    workspace = small_workspace
    add_names(workspace.store.folder)
    (each,) = doubtful_names(workspace)
    assert (each.row, each.names, each.suggested) == (8, ("Rin",), "Saber")
    give_name(workspace, [8], "Rin", "ann", workspace.reviewed().position)
    assert doubtful_names(workspace) == []
    assert all(each.name == "Rin" for each in unlike_rest(workspace))


def test_a_filter_sees_names_that_came_later(small_workspace: Workspace) -> None:
    workspace = small_workspace
    add_names(workspace.store.folder)
    assert len(workspace.rows("character = 'Rin'")) == 10
    with Store.open(workspace.store.folder, write=True) as store:
        kept = store.read("names").slice(5)
        store.replace("names", kept.to_batches(), tables.NAMES)
    assert len(workspace.rows("character = 'Rin'")) == 5
