"""The workspace over the small store: items with labels and groups, decisions laid over them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from index.reviews.effective import effect_of
from index.store import Store
from schema.errors import ReviewError, StoreError
from schema.settings import Settings
from ui.review import actions
from ui.review.search import filter_expression
from ui.review.workspace import Workspace


def test_items_come_in_the_asked_order_with_labels(small_workspace: Workspace) -> None:
    items = small_workspace.items([7, 2, 20])
    assert [i.row for i in items] == [7, 2, 20]
    assert items[0].labels["hair_color"].values == ("blue",)
    assert items[1].group_id and items[1].keep
    assert items[2].ambiguous == "tag 2girls"
    assert small_workspace.items([]) == []


def test_what_counts_is_the_same_step_by_step_and_at_once(
    small_workspace: Workspace, decide: Callable[..., str]
) -> None:

    rng = np.random.default_rng(5)
    made: list[str] = []
    for step in range(40):
        rows = rng.choice(20, 3, replace=False).tolist()
        if step % 5 == 4:
            actions.undo_last(small_workspace, "Ann", [made.pop(int(rng.integers(len(made))))])
        elif step % 7 == 3:
            made.append(decide(small_workspace, rows, "several"))
        elif step % 3:
            made.append(decide(small_workspace, rows, "set", ("red", "blue", "green")[step % 3]))
        else:
            made.append(decide(small_workspace, rows, "set", "hoodie", "dress"))
        got, whole = small_workspace.reviewed(), effect_of(list(small_workspace.log.scan()))
        assert got == whole
    assert small_workspace.reviewed().labels


def test_no_labels_yet_says_what_to_run(tmp_path: Path) -> None:

    with Store.open(tmp_path / "s", create=True) as store:
        workspace = Workspace(store, Settings())
        with pytest.raises(StoreError, match="empty"):
            workspace.rows()
        with pytest.raises(StoreError, match="labels"):
            filter_expression(workspace, {"hair_color": ["red"]})


def test_readonly_desk_refuses(ui_store: Path, decide: Callable[..., str]) -> None:

    with Store.open(ui_store) as store:
        workspace = Workspace(store, Settings(), readonly=True)
        with pytest.raises(ReviewError, match="reading only"):
            decide(workspace, [1], "set", "red")


def test_thumbnails_come_by_row(small_workspace: Workspace) -> None:
    found = small_workspace.thumbnails([3, 1, 29])
    assert set(found) == {1, 3}
    assert np.all([data[:4] == b"RIFF" for data in found.values()])
