"""Why an item is in or out, in words."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest

from curate.select.stage import run_select
from curate.why import why
from index.reviews.open import open_log
from index.store import Store
from index.store.keys import row_of
from schema import tables
from schema.errors import StoreError
from schema.ids import content_id
from schema.records import Decision
from schema.settings import Settings

GATES = (
    "[[gate]]\nname = 'border'\nwhere = 'frame_border >= 0.8'\nreason = 'more frame than picture'\n"
    "[[gate]]\nname = 'wide'\nwhere = \"width > 14 and has(tags, 't2')\"\naction = 'flag'\n"
    "[select]\nby = 'hair_color'\nbudget = 'equal'\ntop = 4\nrank = 'width'\n"
)


def test_what_decided(screened: Store, settings_of: Callable[..., Settings]) -> None:
    settings = settings_of(GATES)
    assert "nothing is selected yet" in why(screened, settings, 0)[0]
    groups = [
        {"row": 4, "item_id": "4", "verdict": "kept", "keep": True},
        {"row": 6, "item_id": "6", "verdict": "same artwork", "keep": False},
    ]
    groups = [{**group, "group_id": "g", "reason": "smaller"} for group in groups]
    screened.replace("groups", pa.Table.from_pylist(groups, tables.GROUPS), tables.GROUPS)
    log = open_log(screened)
    log.append([Decision(9, content_id(b"9"), "gate", "border", "pass")], "Ann")
    log.close()
    run_select(screened, settings)
    lines = why(screened, settings, 8)
    assert lines[0] == f"k'8 (row 8, {content_id(b'8')}): not in the data set, gate: border"
    assert lines[1:3] == ["Protected gate: passes", "Duplicates: none"]
    assert "Gate border: out; frame_border 0.8 (limit: frame_border >= 0.8): more frame than picture" in lines
    assert "Gate border: let through, by a reviewer; frame_border 0.9" in "\n".join(
        why(screened, settings, 9)
    )
    assert "Gate border: passes, not known; frame_border not known" in "\n".join(why(screened, settings, 3))
    assert "Gate border: passes; frame_border 0.5" in "\n".join(why(screened, settings, 5))
    assert "Gate wide: flagged; width 15, tags t2 (limit: width > 14 and has(tags, 't2'))" in "\n".join(
        why(screened, settings, 5)
    )
    copy = "\n".join(why(screened, settings, 6))
    assert "same artwork of k'4, set aside: smaller (group g)" in copy and "duplicates set aside" in copy
    chosen = "\n".join(why(screened, settings, 7))
    assert "Rank: " in chosen and "Class: hair_color red, " in chosen
    assert why(screened, settings, 11)[1] == "Reading: failed, broken"


def test_a_decision_since_the_run_is_told(screened: Store, settings_of: Callable[..., Settings]) -> None:
    settings = settings_of(GATES)
    run_select(screened, settings)
    log = open_log(screened)
    log.append([Decision(8, content_id(b"8"), "gate", "border", "pass")], "Ann")
    log.close()
    assert "a reviewer has said pass since" in "\n".join(why(screened, settings, 8))


def test_an_item_goes_by_row_id_key_and_path(screened: Store) -> None:
    for given in ("5", content_id(b"5"), "k'5", "/nowhere/5.png"):
        assert row_of(screened, given) == 5
    with pytest.raises(StoreError, match="no item"):
        row_of(screened, "/nowhere/55.png")
