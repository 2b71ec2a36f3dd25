"""Stores that the code of an earlier commit wrote: opened, brought to today's form, nothing that people said lost.

``tests/data/stores/`` holds the packs and beside each what must be found in it; its README says how they were made.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from index.reviews.effective import effective_reviews
from index.reviews.records import read_record
from index.reviews.replay import export_reviews, replay_reviews
from index.store import Store
from index.store.runs import Runs
from schema.settings import load_settings
from schema.tags.conflicts import Conflict
from ui import flow

NAMES = ("local", "bucket", "interrupted")
LABELLED = ("local", "bucket")
PACKS = Path(__file__).resolve().parent.parent.parent / "data" / "stores"
MOST_BYTES = 400_000
FLOATS = 1e-6


@pytest.fixture
def unpack(tmp_path: Path) -> Callable[[str], str]:
    """Unpacks a store into a folder of the test and returns where it opens."""

    def make(name: str) -> str:
        with tarfile.open(PACKS / f"{name}.tar.xz") as tar:
            tar.extractall(tmp_path / name, filter="data")
        folder = tmp_path / name / "store"
        # What a bucket holds, read through the same code as one: a table of reviews, no folder, no lock.
        return f"file-object-store://{folder}" if name == "bucket" else str(folder)

    return make


@pytest.fixture
def found() -> Callable[[str], dict[str, Any]]:
    """Returns what must be found in a store."""
    return lambda name: json.loads((PACKS / f"{name}.json").read_text(encoding="utf-8"))


def records(store: Store, table: str) -> Iterator[dict[str, Any]]:
    for batch in store.scan(table):
        yield from batch.to_pylist()


def label_as_today(label: dict[str, Any], columns: list[str]) -> dict[str, Any]:
    """Return what was written of one item in today's words: one source for all that nobody stated."""
    attributes = {}
    for attribute, values in label["attributes"].items():
        parts = dict(zip(columns, values, strict=False))
        for part in ("_source", "_sources"):
            if part in parts:
                parts[part] = _today(parts[part])
        attributes[attribute] = parts
    return label | {"attributes": attributes}


def _today(source: Any) -> Any:
    if isinstance(source, list):
        return [_today(each) for each in source]
    return "model" if source in ("fused", "vote", "probe", "prompt") else source


def conflicts_as_said(records: list[dict[str, Any]] | None) -> list[str]:
    """Return conflicts as sentences of the store's time; how one was resolved is a sentence of its own."""
    said = []
    for record in records or []:
        if record["values"] or record["evidence"]:
            conflict = Conflict(
                record["attribute"], record["kind"], tuple(record["values"]), tuple(record["evidence"])
            )
            said.append(f"{conflict.attribute}: {conflict}")
        if record["resolved"]:
            said.append(
                f"{record['attribute']}: the neighbours say {record['resolved']} ({record['confidence']:.2f})"
            )
    return said


def by_id(store: Store, table: str) -> dict[str, dict[str, Any]]:
    return {record["item_id"]: record for record in records(store, table)}


def same(value: Any, expected: Any) -> bool:
    if isinstance(expected, float):
        return value == pytest.approx(expected, abs=FLOATS)
    if isinstance(expected, list) and expected and isinstance(expected[0], float):
        return value == pytest.approx(expected, abs=FLOATS)
    return value == expected or (value in (None, []) and expected in (None, []))


def test_packs_are_small() -> None:
    assert sum(path.stat().st_size for path in PACKS.iterdir() if path.suffix == ".xz") <= MOST_BYTES


@pytest.mark.parametrize("name", NAMES)
def test_no_pack_holds_a_picture(name: str, unpack: Callable[[str], str]) -> None:
    with Store.open(unpack(name), write=True) as store:
        thumbnails = [record["thumbnail"] for record in records(store, "thumbnails")]
        for sketch in records(store, "sketches"):
            assert not any(sketch["views"])
            assert not any(sketch["colours"])
    assert thumbnails
    assert len(set(thumbnails)) == 1
    assert len(thumbnails[0]) < 100
    with tarfile.open(PACKS / f"{name}.tar.xz") as tar:
        endings = {Path(member.name).suffix for member in tar.getmembers() if member.isfile()}
    assert endings <= {".lance", ".manifest", ".txn", ".json", ".jsonl", ".sqlite3", ".parquet", ".toml"}


@pytest.mark.parametrize("name", NAMES)
def test_every_table_opens_with_its_rows(
    name: str, unpack: Callable[[str], str], found: Callable[[str], dict[str, Any]]
) -> None:
    with Store.open(unpack(name), write=True) as store:
        counted = {table: store.count(table) for table in store.tables()}
        assert all(sum(1 for _ in records(store, table)) == rows for table, rows in counted.items())
    # The migration is a run of its own.
    counted["runs"] -= 1
    assert counted == found(name)["tables"]


@pytest.mark.parametrize("name", NAMES)
def test_items_and_failures_are_found(
    name: str, unpack: Callable[[str], str], found: Callable[[str], dict[str, Any]]
) -> None:
    wanted = found(name)
    with Store.open(unpack(name), write=True) as store:
        items = {record["item_id"]: record for batch in store.items() for record in batch.to_pylist()}
        failures = list(records(store, "failures"))
    assert set(items) == set(wanted["items"])
    for item_id, expected in wanted["items"].items():
        for column, value in expected.items():
            assert same(items[item_id][column], value), (item_id, column)
    assert failures == wanted["failures"]


@pytest.mark.parametrize("name", LABELLED)
def test_every_label_is_found(
    name: str, unpack: Callable[[str], str], found: Callable[[str], dict[str, Any]]
) -> None:
    wanted = found(name)
    parts = wanted["label columns"]
    with Store.open(unpack(name), write=True) as store:
        labels = by_id(store, "labels")
    assert set(labels) == set(wanted["labels"])
    stated = 0
    for item_id, expected in wanted["labels"].items():
        label = labels[item_id]
        expected = label_as_today(expected, parts)
        attributes = expected.pop("attributes")
        assert sorted(conflicts_as_said(label["conflicts"])) == sorted(expected.pop("conflicts") or [])
        for column, value in expected.items():
            assert same(label[column], value), (item_id, column)
        for attribute, values in attributes.items():
            for part, value in values.items():
                assert same(label[attribute + part], value), (item_id, attribute, part)
                stated += 1
        # What the store is silent about stays silent.
        named = {key.removesuffix("_confidence") for key in label if key.endswith("_confidence")}
        assert not any(label[attribute] for attribute in named - set(attributes)), item_id
    assert stated > 500


@pytest.mark.parametrize("name", LABELLED)
def test_every_group_is_found(
    name: str, unpack: Callable[[str], str], found: Callable[[str], dict[str, Any]]
) -> None:
    wanted = found(name)["groups"]
    with Store.open(unpack(name), write=True) as store:
        groups = by_id(store, "groups")
    assert set(groups) == set(wanted)
    for item_id, expected in wanted.items():
        for column, value in expected.items():
            assert same(groups[item_id][column], value), (item_id, column)
    kept = [group["group_id"] for group in groups.values() if group["verdict"] == "kept"]
    assert sorted(kept) == sorted({group["group_id"] for group in groups.values()})


@pytest.mark.parametrize("name", LABELLED)
def test_every_review_is_found_in_order(
    name: str, unpack: Callable[[str], str], found: Callable[[str], dict[str, Any]], tmp_path: Path
) -> None:
    wanted = found(name)
    uri = unpack(name)
    with Store.open(uri, write=True):
        pass
    exported = tmp_path / "exported.jsonl"
    assert export_reviews(uri, exported) == len(wanted["reviews"])
    lines = [json.loads(line) for line in exported.read_text(encoding="utf-8").splitlines()]
    for line, expected in zip(lines, wanted["reviews"], strict=True):
        # Several ids and the audit queue have columns now; whoever reads a log finds them whatever wrote it.
        before = read_record(dict(zip(wanted["review columns"], expected, strict=True)))
        assert read_record(line) == before
        assert bool(line["others"]) == bool(before.others)
    kinds = {(line["kind"], line["value"] if line["kind"] == "group" else line["action"]) for line in lines}
    said = {"keep", "split", "merge", "not_duplicate", "variant", "same_artwork"}
    assert {value for kind, value in kinds if kind == "group"} == said
    assert {value for kind, value in kinds if kind == "label"} == {"set", "add", "remove", "reject"}
    assert {"subjects", "undo"} <= {kind for kind, _ in kinds}


@pytest.mark.parametrize("name", LABELLED)
def test_reviews_have_the_effect_that_they_had(
    name: str, unpack: Callable[[str], str], found: Callable[[str], dict[str, Any]]
) -> None:
    wanted = found(name)["effective"]
    uri = unpack(name)
    with Store.open(uri, write=True) as store:
        effect = effective_reviews(store)
    assert effect.position == wanted["position"]
    assert {str(row): value for row, value in effect.subjects.items()} == wanted["subjects"]
    assert [review.decision for review in effect.groups] == wanted["groups"]
    made = {(label.item_id, label.attribute): label for label in effect.labels.values()}
    assert set(made) == {(label["item_id"], label["attribute"]) for label in wanted["labels"]}
    for expected in wanted["labels"]:
        label = made[expected["item_id"], expected["attribute"]]
        assert list(label.values) == expected["values"]
        assert list(label.rejected) == expected["rejected"]
        assert (label.exact, label.reviewer) == (expected["exact"], expected["reviewer"])


@pytest.mark.parametrize("name", NAMES)
def test_vectors_and_graph_are_what_they_were(
    name: str, unpack: Callable[[str], str], found: Callable[[str], dict[str, Any]]
) -> None:
    from hashlib import sha256

    wanted = found(name)
    with Store.open(unpack(name), write=True) as store:
        for table, digest in wanted["vectors"].items():
            assert sha256(store.column(table, "vector").tobytes()).hexdigest() == digest
        for table, digest in wanted["neighbours"].items():
            assert sha256(store.column(table, "ids").tobytes()).hexdigest() == digest


@pytest.mark.parametrize("name", NAMES)
def test_the_history_of_runs_is_found(
    name: str, unpack: Callable[[str], str], found: Callable[[str], dict[str, Any]]
) -> None:
    with Store.open(unpack(name), write=True) as store:
        runs = [[run["stage"], run["counts"]] for run in Runs(store).all() if run["stage"] != "migrate"]
    assert runs == found(name)["runs"]


def test_exported_reviews_go_into_a_store_that_has_none_of_them(
    unpack: Callable[[str], str], found: Callable[[str], dict[str, Any]], tmp_path: Path
) -> None:
    """The JSONL that was exported then is read now, and what is there already is not written twice."""
    uri = unpack("bucket")
    exported = tmp_path / "bucket" / "reviews.jsonl"
    with Store.open(uri, write=True) as store:
        before = effective_reviews(store)
        replayed = replay_reviews(store, exported)
        assert (replayed.written, replayed.missing) == (0, 0)
        items, schema = store.read("items"), store.schema("items")
    with Store.open(tmp_path / "new", create=True, write=True) as store:
        store.append("items", items, schema)
        replayed = replay_reviews(store, exported)
        assert (replayed.written, replayed.missing) == (len(found("bucket")["reviews"]), 0)
        after = effective_reviews(store)
    assert after.subjects == before.subjects
    assert {key: (label.values, label.rejected) for key, label in after.labels.items()} == {
        key: (label.values, label.rejected) for key, label in before.labels.items()
    }


@pytest.mark.parametrize("name", LABELLED)
def test_the_next_label_run_keeps_what_reviewers_said(
    name: str, unpack: Callable[[str], str], found: Callable[[str], dict[str, Any]], tmp_path: Path
) -> None:
    """Decisions that no run had read when the store was packed are read, too."""
    own = tmp_path / name / "vocabulary.toml"
    uri = unpack(name)
    asked = [*found(name)["settings"], *([f"tags.vocabulary={own}"] if own.exists() else [])]
    with Store.open(uri, write=True) as store:
        flow.run_stage("label", store, load_settings(None, asked))
        labels = by_id(store, "labels")
    exact = [label for label in found(name)["effective"]["labels"] if label["exact"]]
    assert len(exact) > 10
    for said in exact:
        value = labels[said["item_id"]][said["attribute"]]
        assert (value if isinstance(value, list) else [value] if value else []) == said["values"]
    for said in found(name)["effective"]["labels"]:
        value = labels[said["item_id"]][said["attribute"]] or []
        assert not set(said["rejected"]) & set(value if isinstance(value, list) else [value])


def test_an_embedding_that_was_cut_goes_on(
    unpack: Callable[[str], str], found: Callable[[str], dict[str, Any]], tmp_path: Path
) -> None:
    wanted = found("interrupted")
    uri = unpack("interrupted")
    vectors = tmp_path / "interrupted" / "vectors.parquet"
    (table, _), *_ = wanted["vectors"].items()
    with Store.open(uri, write=True) as store:
        done = {record["item_id"]: record["vector"] for record in records(store, table)}
        flow.run_stage("embed", store, load_settings(None, [*wanted["settings"], f"encoder.path={vectors}"]))
        after = {record["item_id"]: record["vector"] for record in records(store, table)}
        failed = {record["item_id"] for record in records(store, "failures")}
    assert {item_id: after[item_id] for item_id in done} == done
    pictures = {item_id for item_id, item in wanted["items"].items() if item["status"] == "ok"}
    assert set(after) | failed == pictures
    assert failed == {failure["item_id"] for failure in wanted["failures"]}
