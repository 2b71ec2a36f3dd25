"""The queues: who stands in them, in which order, and who leaves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from index.store import Store
from schema import tables
from schema.records import Decision
from ui.review import actions, queues
from ui.review.actions import Action
from ui.review.items import Label
from ui.review.workspace import Workspace


@pytest.mark.parametrize("name", list(queues.QUEUES))
def test_queues_shrink_as_items_are_decided(
    small_workspace: Workspace, name: str, decide: Callable[..., str]
) -> None:
    hair = small_workspace.attribute("hair_color")
    rows = queues.queue(small_workspace, name, hair)
    assert len(set(rows.tolist())) == len(rows)
    if len(rows):
        decide(small_workspace, [int(rows[0])], "set", "red")
        assert queues.queue(small_workspace, name, hair).tolist() == rows[1:].tolist()


def test_queue_orders(small_workspace: Workspace) -> None:
    hair = small_workspace.attribute("hair_color")
    voted = [r for r in range(29) if r % 3 == 0 and r % 2]
    assert queues.queue(small_workspace, "Lowest confidence", hair).tolist() == voted
    assert sorted(queues.queue(small_workspace, "Audit", hair).tolist()) == voted
    assert set(queues.queue(small_workspace, "Unlabelled, most useful first", hair).tolist()) == {
        r for r in range(29) if r % 3 == 0 and r % 2 == 0
    }, "a refused file has nothing to look at"
    assert sorted(queues.queue(small_workspace, "Duplicates that disagree", hair).tolist()) == [2, 3]


def test_doubtful_tags_come_with_suggestions(small_workspace: Workspace, shown: Callable[..., Label]) -> None:
    def doubt(row: int, kind: str, rank: int, suggestion: str | None):
        item = small_workspace.items([row], ["hair_color"])[0]
        return {
            "row": row, "item_id": item.item_id, "attribute": "hair_color", "value": "red", "kind": kind,
            "rank": rank, "score": 0.9, "suggestion": suggestion, "probability": 0.8,
        }  # fmt: skip

    records = [
        doubt(7, "contradicted", 1, "green"),
        doubt(4, "contradicted", 2, None),
        doubt(9, "missing", 1, "blonde"),
    ]
    with Store.open(small_workspace.store.uri, write=True) as store:
        store.replace("label_noise", pa.Table.from_pylist(records, tables.LABEL_NOISE), tables.LABEL_NOISE)
    hair = small_workspace.attribute("hair_color")
    assert queues.queue(small_workspace, "Contradicted tags", hair).tolist() == [7, 4]
    assert queues.queue(small_workspace, "Missing tags", hair).tolist() == [9]
    assert queues.suggestions(small_workspace, "Lowest confidence", hair) == {}
    found = queues.suggestions(small_workspace, "Contradicted tags", hair)
    assert {row: each.value for row, each in found.items()} == {7: "green"}
    taken = {row: each.value for row, each in found.items()}
    suggested = Action("suggested")
    text = actions.preview(small_workspace, [7, 4], hair, suggested, taken).text
    assert text == "1 picture gets the suggested value, 1 without a suggestion left out"
    made = actions.label_decisions(small_workspace.items([7, 4]), hair, suggested, taken)
    actions.write(small_workspace, made, "Ann", small_workspace.log.position(), "as suggested")
    assert shown(small_workspace, 7).values == ("green",)
    assert shown(small_workspace, 4).source == "tag"
    assert queues.queue(small_workspace, "Contradicted tags", hair).tolist() == [4]


def test_useful_items_lie_among_labelled_ones(small_workspace: Workspace) -> None:
    hair = small_workspace.attribute("hair_color")
    column = queues.column_of(small_workspace, hair)
    rows = np.flatnonzero(column.codes < 0)
    useful = queues.usefulness(small_workspace, column, column.rows[rows])
    graph = small_workspace.store.graph(small_workspace.store.encoder_key())
    # The oracle: the formula of the docstring, item by item.
    state = dict(zip(column.rows.tolist(), column.codes.tolist(), strict=True))
    applicability = {
        row: (sum(state[j] >= 0 for j in graph.ids[row]) + 1) / (len(graph.ids[row]) + 2)
        for row in column.rows[rows].tolist()
        if row < len(graph.ids)
    }
    reach = {j: sum(applicability[i] for i in applicability if j in graph.ids[i]) for j in range(30)}
    for row, value in zip(column.rows[rows].tolist(), useful.tolist(), strict=True):
        if row in applicability:
            rivals = sum(j in applicability and reach[j] > reach[row] + 1e-6 for j in graph.ids[row].tolist())
            assert value == pytest.approx(applicability[row] + reach[row] / 8 * 0.5**rivals, abs=1e-4)


def test_variants_may_differ(small_workspace: Workspace) -> None:
    hair = small_workspace.attribute("hair_color")
    assert sorted(queues.queue(small_workspace, "Duplicates that disagree", hair).tolist()) == [2, 3]
    item = small_workspace.items([3], [])[0]
    made = [Decision(3, item.item_id, "group", None, "variant", "set", item.group_id)]
    small_workspace.log.append(made, "Ann")
    fresh = Workspace(small_workspace.store, small_workspace.settings)
    assert not len(queues.queue(fresh, "Duplicates that disagree", hair))
