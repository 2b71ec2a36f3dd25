"""What a correction changes at once: only items around it, only where no person spoke, and back again after undo."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from index.store import Store
from index.store.runs import Runs
from schema import tables
from schema.settings import load_settings
from ui import flow
from ui.review import actions
from ui.review.actions import Action
from ui.review.workspace import Workspace

KEY = "test_0"
N = 150
SETTINGS = load_settings(None, ["label.min_support=5", "label.precision=0.8", "encoder.kind=precomputed"])


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Two clouds of tagged items, black and blonde, a third of each untagged, and untagged items between them."""
    rng = np.random.default_rng(3)
    folder = tmp_path_factory.mktemp("feedback") / "store"
    side = np.arange(N) % 3
    centre = np.array([[1.0, 0, 0], [0, 1.0, 0], [0.7, 0.7, 0.2]])[side]
    vectors = np.concatenate([centre, np.zeros((N, 5))], axis=1) + rng.normal(size=(N, 8)) * 0.12
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    tagged = (side < 2) & (rng.random(N) < 0.67)
    ids = [f"{n:032x}" for n in range(N)]
    with Store.open(folder, create=True, write=True) as store:
        items = [
            dict.fromkeys(tables.ITEMS.names)
            | {
                "row": n,
                "item_id": ids[n],
                "source": 0,
                "ordinal": n,
                "keys": [f"{n}.png"],
                "status": "ok",
                "commit": 0,
            }
            | {"tags": ["solo", ("black_hair", "blonde_hair")[side[n]]] if tagged[n] else []}
            for n in range(N)
        ]
        store.append("items", pa.Table.from_pylist(items, tables.ITEMS), tables.ITEMS)
        schema = tables.vectors(8)
        body = [{"row": n, "item_id": ids[n], "vector": vectors[n].astype(np.float16)} for n in range(N)]
        store.append(f"vectors_{KEY}", pa.Table.from_pylist(body, schema), schema)
        close = vectors @ vectors.T
        np.fill_diagonal(close, -2)
        order = np.argsort(-close, axis=1)[:, :10]
        schema = tables.neighbours(10)
        graph = [
            {"row": n, "ids": order[n].tolist(), "similarity": close[n, order[n]].tolist()} for n in range(N)
        ]
        store.append(f"neighbours_{KEY}", pa.Table.from_pylist(graph, schema), schema)
        with Runs(store).start("embed", {}) as run:
            run.facts["key"] = KEY
        flow.run_stage("label", store, SETTINGS)
        yield store


@pytest.fixture
def labelled_workspace(labelled: Store) -> Workspace:
    return Workspace(labelled, SETTINGS)


def test_corrections_are_felt_and_undo_takes_them_back(labelled_workspace: Workspace) -> None:
    workspace = labelled_workspace
    hair = workspace.attribute("hair_color")
    between = [n for n in range(N) if n % 3 == 2]
    stated = {
        i.row for i in workspace.items(range(N), ["hair_color"]) if i.labels["hair_color"].source == "tag"
    }
    text = actions.preview(workspace, between[5:], hair, Action("set", "blonde")).text
    assert "other label" in text
    assert workspace.log.position() == 0
    made = actions.label_decisions(workspace.items(between[5:]), hair, Action("set", "blonde"))
    done = actions.write(workspace, made, "Ann", 0, "")
    changed = workspace.revoted("hair_color")
    assert not set(changed) & (stated | set(between[5:])), "people are never overruled"
    assert f"{len(changed)} other" in text or not changed
    for row, label in changed.items():
        assert workspace.items([row], ["hair_color"])[0].labels["hair_color"] == label
    workspace.log.undo(done.batch, "Ann")
    assert workspace.revoted("hair_color") == {}


def test_what_was_supposed_comes_true_when_it_is_written(labelled_workspace: Workspace) -> None:
    workspace = labelled_workspace
    hair = workspace.attribute("hair_color")
    between = [n for n in range(N) if n % 3 == 2][:12]
    made = actions.label_decisions(workspace.items(between), hair, Action("set", "blonde"))
    supposed = workspace.suppose(made, "hair_color")
    assert supposed.looked_at > 0 and supposed.left_out == 0
    assert workspace.revoted("hair_color") == {}
    done = actions.write(workspace, made, "Ann", None, "")
    written = workspace.revoted("hair_color")
    assert written == supposed.labels["hair_color"]
    assert not set(written) & set(between)
    undo = workspace.log.undo(done.batch, "Ann")
    assert workspace.revoted("hair_color") == {}
    workspace.log.undo(undo, "Ann")
    assert workspace.revoted("hair_color") == written
    workspace.log.undo(done.batch, "Ann")


def test_several_characters_close_all_attributes_of_an_item(labelled_workspace: Workspace) -> None:
    workspace = labelled_workspace
    hair = workspace.attribute("hair_color")
    given = [
        item
        for item in workspace.items(range(N), ["hair_color"])
        if item.labels["hair_color"].source == "model"
    ]
    assert given
    made = actions.label_decisions(given[:1], hair, Action(actions.SEVERAL))
    done = actions.write(workspace, made, "Ann", None, "")
    assert workspace.revoted("hair_color")[given[0].row].values == ()
    workspace.log.undo(done.batch, "Ann")
    assert workspace.revoted("hair_color") == {}


def test_without_models_nothing_is_voted_on_again(small_workspace: Workspace) -> None:
    hair = small_workspace.attribute("hair_color")
    items = small_workspace.items([1], ["hair_color"])
    actions.write(
        small_workspace, actions.label_decisions(items, hair, Action("set", "red")), "Ann", None, ""
    )
    assert small_workspace.revoted("hair_color") == {}


def test_a_picture_from_outside_gets_the_labels_its_like_in_the_store_have(labelled: Store) -> None:
    from ui.review.search import Hits, predicted_labels

    workspace = Workspace(labelled, SETTINGS)
    for at, value in ((0, "black"), (1, "blonde")):
        outside = np.zeros(8, np.float32)
        outside[at] = 1
        hits = Hits(np.array([0]), {0: 1.0}, True, outside)
        assert [
            (o.value, o.accepted) for o in predicted_labels(workspace, hits) if o.attribute == "hair_color"
        ] == [(value, True)]
    # The oracle: what the label run gave to untagged items, judged by the same judges.
    folds = {r["row"]: r["fold"] for r in labelled.read("label_state", ["row", "fold"]).to_pylist()}
    untagged = {r["row"] for r in labelled.read("items", ["row", "tags"]).to_pylist() if not r["tags"]}
    rows = sorted(row for row in untagged if folds[row] == 0)
    assert rows
    vectors = labelled.take(f"vectors_{KEY}", rows, ["vector"])["vector"].to_pylist()
    for item, vector in zip(workspace.items(rows, ["hair_color"], machine=True), vectors, strict=True):
        found = predicted_labels(workspace, Hits(np.array([0]), {0: 1.0}, True, np.array(vector, np.float32)))
        given = [o.value for o in found if o.attribute == "hair_color" and o.accepted]
        assert given == list(item.labels["hair_color"].values)
    assert predicted_labels(workspace, Hits(np.array([0]))) == []
