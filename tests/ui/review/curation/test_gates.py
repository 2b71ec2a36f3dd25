"""Gates on the page: distributions, limits, decisions that the next run takes in, sentences of an item."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from curate.select.stage import run_select
from index.store import Store
from schema import tables
from schema.errors import ReviewError
from schema.settings import Settings, load_settings
from ui.review import history
from ui.review.curation.audit import answer, audit_queue, auditable, findings
from ui.review.curation.gates import (
    decide,
    distribution,
    funnel_rows,
    gate_rows,
    gates_of,
    item_lines,
    limits,
)
from ui.review.workspace import Workspace

TEXT = (
    "[[gate]]\nname = 'border'\nwhere = 'frame_border >= 0.5'\n[[gate]]\nname = 'red'\nwhere = \"hair_color = 'red'\"\n"
    "action = 'review'\n[select]\naudit = 5\n"
)


@pytest.fixture
def screened(ui_store: Path, tmp_path: Path) -> Iterator[tuple[Store, Settings]]:
    """The small store with borders of row / 20 for the first twenty pictures, gates and a selection."""
    file = tmp_path / "gates.toml"
    file.write_text(TEXT, encoding="utf-8")
    settings = load_settings(file)
    with Store.open(ui_store, write=True) as store:
        schema = tables.measures([pa.field("frame_border", pa.float32())], "key")
        measured = {
            "row": range(20),
            "item_id": map(str, range(20)),
            "frame_border": [row / 20 for row in range(20)],
        }
        store.append(
            "measures_frame", pa.table({k: list(v) for k, v in measured.items()}, schema=schema), schema
        )
        run_select(store, settings)
        yield store, settings


def test_a_distribution_is_that_of_the_column(screened: tuple[Store, Settings]) -> None:
    workspace = Workspace(screened[0], Settings())
    found = distribution(workspace, "frame_border")
    assert found.unknown == len(workspace.rows()) - 20
    assert found.counts(0.5) == (10, 10)
    below, above = found.beside(0.5, 3)
    assert (below.tolist(), above.tolist()) == ([9, 8, 7], [10, 11, 12])
    assert found.value_of(np.array([9, 10])) == pytest.approx([0.45, 0.5])
    edges, counts = found.histogram(10)
    assert counts.sum() == 20 and len(edges) == 10 and edges[0] == 0
    assert distribution(workspace, "frame_border") is found


def test_limits_of_gates_come_first(screened: tuple[Store, Settings]) -> None:
    workspace = Workspace(screened[0], Settings())
    assert [gate.name for gate in gates_of(workspace)] == ["border", "red"]  # of the last run
    first, *others = limits(workspace)
    assert (first.title, first.value) == ("gate border: frame_border", 0.5)
    assert "frame_border" in [limit.column for limit in others] and "width" in [
        limit.column for limit in others
    ]
    assert [row["Out alone"] for row in gate_rows(workspace)] == [
        10,
        len(workspace.rows("hair_color = 'red'")),
    ]
    assert funnel_rows(workspace)[0]["Left"] == 30


def test_a_decision_is_taken_in_by_the_next_run_and_shown(screened: tuple[Store, Settings]) -> None:
    store, settings = screened
    workspace = Workspace(store, settings)
    assert "Gate border: out; frame_border 0.6" in "\n".join(item_lines(workspace, 12))
    batch = decide(workspace, "border", [12], "pass", "Ann")
    assert "a reviewer has said pass since" in "\n".join(item_lines(workspace, 12))
    run_select(store, settings)
    assert "Gate border: let through, by a reviewer" in "\n".join(item_lines(workspace, 12))
    assert history.batches(workspace)[0].text == "1 picture: let through the gate border"
    workspace.log.undo(batch, "Ann")
    run_select(store, settings)
    assert "Gate border: out" in "\n".join(item_lines(workspace, 12))
    with pytest.raises(ReviewError, match="did you mean border"):
        decide(workspace, "bordr", [12], "pass", "Ann")


def test_an_audit_goes_through_its_sample(screened: tuple[Store, Settings]) -> None:
    workspace = Workspace(screened[0], Settings())
    assert auditable(workspace) == ["selection", "border", "red"]
    queue = audit_queue(workspace, "border").tolist()
    assert len(queue) == 5 and set(queue) <= set(range(10, 20))
    answer(workspace, "border", queue[:2], "good", "Ann")
    answer(workspace, "border", queue[2:3], "bad", "Ann")
    assert audit_queue(workspace, "border").tolist() == queue[3:]
    (found,) = findings(workspace)
    assert found.answers == {"good": 2, "doubtful": 0, "bad": 1}
    with pytest.raises(ReviewError, match="no audit of"):
        answer(workspace, "everything", [1], "good", "Ann")
