"""Captions on the item page: an edit stands over what the machine writes, and can be taken back."""

from __future__ import annotations

from pathlib import Path

import pytest

from curate.captions.stage import run_caption
from index.reviews.effective import effective_reviews
from index.store import Store
from schema.errors import ReviewError
from schema.settings import Settings
from ui.review.captions import item_captions, write_caption
from ui.review.workspace import Workspace


def test_an_edit_stands_over_runs_and_undo_takes_it_back(ui_store: Path) -> None:
    with Store.open(ui_store, write=True) as store:
        run_caption(store, Settings(), ["tags"])
        workspace = Workspace(store, Settings())
        item = workspace.items([3])[0]
        (before,) = item_captions(workspace, 3)
        assert before.text == before.written and not before.edited
        batch = write_caption(workspace, 3, item.item_id, "tags", " 1girl, a red scarf ", "Ann").batch
        run_caption(store, Settings(), ["tags"])
        (edited,) = item_captions(workspace, 3)
        assert (edited.text, edited.written, edited.reviewer) == ("1girl, a red scarf", before.text, "Ann")
        with pytest.raises(ReviewError, match="as it was"):
            write_caption(workspace, 3, item.item_id, "tags", "1girl, a red scarf", "Ann")
        with pytest.raises(ReviewError, match="1 to 20,000 letters"):
            write_caption(workspace, 3, item.item_id, "tags", "  ", "Ann")
        workspace.log.undo(batch, "Bob")
        assert item_captions(workspace, 3) == [before]
        write_caption(workspace, 3, item.item_id, "tags", "other words", "Ann")
        write_caption(workspace, 3, item.item_id, "tags", None, "Ann")
        assert effective_reviews(store).captions == {}
