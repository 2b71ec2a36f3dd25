"""What a correction changes at once: only items around it, only where no person spoke, and back again after undo."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from index.neighbours.around import around as touched
from index.store import Store
from index.store.runs import Runs
from label.update import preview
from schema import tables
from schema.settings import load_settings
from ui import flow
from ui.review import actions
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


def test_touched_are_the_items_around(labelled_workspace: Workspace) -> None:
    graph = labelled_workspace.store.graph(KEY)
    rows = [0, 7]
    around = touched(labelled_workspace.store, rows).rows
    listed = set(graph.ids[rows].ravel().tolist()) - set(rows)
    listing = set(np.flatnonzero(np.isin(graph.ids, rows).any(axis=1)).tolist()) - set(rows)
    assert listed <= set(around.tolist())
    assert len(listing - set(around.tolist())) <= len(listing) // 4
    assert not set(rows) & set(around.tolist())
    assert len(touched(labelled_workspace.store, []).rows) == 0


def test_donors_raise_the_chance_of_their_value(labelled_workspace: Workspace) -> None:
    hair = labelled_workspace.attribute("hair_color")
    learned = labelled_workspace.models()
    assert learned is not None
    model = learned.models["hair_color"]
    between = [n for n in range(N) if n % 3 == 2]
    vectors = labelled_workspace.store.vectors(KEY).data[between].astype(np.float32)
    code = model.values.index("blonde")
    target = np.zeros((len(between) - 5, model.benches[0].which.electorate.targets.shape[1]), np.float32)
    target[:, code] = 1
    plain = learned.features.plain(vectors[5:])
    grown = preview._with(model, np.array(between[5:]), plain, target)
    before = preview._accepted(learned, model, vectors[:5])[1]
    after = preview._accepted(learned, grown, vectors[:5])[1]
    assert (after[:, code] >= before[:, code] - 1e-9).all()
    assert (after[:, code] > before[:, code]).any()
    assert hair.kind == "one"


def test_corrections_are_felt_and_undo_takes_them_back(labelled_workspace: Workspace) -> None:
    workspace = labelled_workspace
    hair = workspace.attribute("hair_color")
    between = [n for n in range(N) if n % 3 == 2]
    stated = {
        i.row for i in workspace.items(range(N), ["hair_color"]) if i.labels["hair_color"].source == "tag"
    }
    text = actions.preview_text(workspace, between[5:], hair, "set", "blonde")
    assert "votes move" in text
    assert workspace.log.position() == 0
    made = actions.label_decisions(workspace.items(between[5:]), hair, "set", "blonde")
    done = actions.write(workspace, made, "Ann", 0, "")
    changed = workspace.revoted("hair_color")
    assert not set(changed) & (stated | set(between[5:])), "people are never overruled"
    assert f"{len(changed)} more" in text or not changed
    for row, label in changed.items():
        assert workspace.items([row], ["hair_color"])[0].labels["hair_color"] == label
    workspace.log.undo(done.batch, "Ann")
    assert workspace.revoted("hair_color") == {}


def test_without_models_nothing_ripples(small_workspace: Workspace) -> None:
    hair = small_workspace.attribute("hair_color")
    items = small_workspace.items([1], ["hair_color"])
    actions.write(small_workspace, actions.label_decisions(items, hair, "set", "red"), "Ann", None, "")
    assert small_workspace.revoted("hair_color") == {}


def test_voters_are_those_of_the_explanation(labelled: Store) -> None:
    from label.predict.evidence import LEAST, vote
    from label.predict.explain import explain

    workspace = Workspace(labelled, SETTINGS)
    for row in (0, 1, 2):
        models = workspace.models()
        assert models is not None
        said = vote(labelled, models, workspace.vocabulary, row, "hair_color")
        told = explain(labelled, SETTINGS, row, "hair_color")
        assert said is not None
        assert [(c.value, pytest.approx(c.chance)) for c in said.chances] == [
            (v, c) for v, c, _, _ in told.chances
        ]
        heavy = [v for v in told.voters if v.weight >= LEAST]
        count = min(len(heavy), len(said.rows))
        assert count
        assert sorted(said.shares[:count].tolist()) == pytest.approx(sorted(v.weight for v in heavy)[-count:])
        assert set(said.rows[said.shares > 2 * LEAST].tolist()) <= {v.row for v in told.voters} | set(
            said.rows[len(told.voters) :].tolist()
        )
    assert vote(labelled, models, workspace.vocabulary, 0, "eye_color") is None


def test_a_picture_from_outside_gets_the_labels_its_like_in_the_store_have(labelled: Store) -> None:
    from ui.review.search import Hits, predicted_labels

    workspace = Workspace(labelled, SETTINGS)
    for at, value in ((0, "black"), (1, "blonde")):
        outside = np.zeros(8, np.float32)
        outside[at] = 1
        hits = Hits(np.array([0]), {0: 1.0}, True, outside)
        assert [
            (o.value, o.sure) for o in predicted_labels(workspace, hits) if o.attribute == "hair_color"
        ] == [(value, True)]
    # The oracle: what the label run gave to untagged items, judged by the same judges.
    folds = {r["row"]: r["fold"] for r in labelled.read("label_state", ["row", "fold"]).to_pylist()}
    untagged = {r["row"] for r in labelled.read("items", ["row", "tags"]).to_pylist() if not r["tags"]}
    rows = sorted(row for row in untagged if folds[row] == 0)
    assert rows
    vectors = labelled.take(f"vectors_{KEY}", rows, ["vector"])["vector"].to_pylist()
    for item, vector in zip(workspace.items(rows, ["hair_color"], machine=True), vectors, strict=True):
        found = predicted_labels(workspace, Hits(np.array([0]), {0: 1.0}, True, np.array(vector, np.float32)))
        given = [o.value for o in found if o.attribute == "hair_color" and o.sure]
        assert given == list(item.labels["hair_color"].values)
    assert predicted_labels(workspace, Hits(np.array([0]))) == []
