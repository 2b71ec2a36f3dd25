"""Migrations: an older store opens, a kill at any write is made good, stages see nothing new, readers are told."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import lancedb
import pyarrow as pa
import pytest

from index.filters import matching_rows
from index.store import Store, migrations
from index.store import format as store_format
from index.store.database import Database
from index.store.migrate_labels import conflicts_of
from index.store.runs import Runs
from schema import tables
from schema.errors import FilterError, StoreError
from schema.source_metadata import FIELDS

PACKS = Path(__file__).resolve().parents[2] / "data" / "stores"


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def old(tmp_path: Path) -> Callable[[str], str]:
    """Unpacks a store of format 1 and returns where it opens; each call gives a fresh one."""

    def make(name: str) -> str:
        folder = tmp_path / name
        shutil.rmtree(folder, ignore_errors=True)
        with tarfile.open(PACKS / f"{name}.tar.xz") as tar:
            tar.extractall(folder, filter="data")
        return f"file-object-store://{folder / 'store'}" if name == "bucket" else str(folder / "store")

    return make


@contextmanager
def killed_at(number: int, monkeypatch: pytest.MonkeyPatch, *, after: bool) -> Iterator[list[str]]:
    """Let the writer die at its write of that number, before or after the write took place; yields those made."""
    made: list[str] = []

    def watch(owner: type, name: str) -> None:
        own = getattr(owner, name)

        def call(*arguments: Any, **named: Any) -> Any:
            if len(made) == number and not after:
                raise Killed
            made.append(name)
            result = own(*arguments, **named)
            if len(made) == number + 1 and after:
                raise Killed
            return result

        patch.setattr(owner, name, call)

    with monkeypatch.context() as patch:
        for name in ("add", "add_columns", "drop_columns", "alter_columns"):
            watch(lancedb.table.LanceTable, name)
        watch(lancedb.db.LanceDBConnection, "create_table")
        watch(store_format.FormatFile, "write")
        yield made


def state(store: Store) -> dict[str, Any]:
    """Return what a migration must leave the same however it was interrupted."""
    record = (
        store_format.FormatTable(store) if store.folder is None else store_format.FormatFile(store.folder)
    )
    return {
        # Counts are kept when a writer closes the store, not by a migration.
        "format": replace(record.read(), rows={}),
        "schemas": {name: store.schema(name) for name in store.tables()},
        "rows": {name: store.count(name) for name in store.tables() if name != "runs"},
        "known": Runs(store).known_versions([name for name in store.tables() if name != "runs"]),
    }


@pytest.mark.parametrize("name", ["local", "bucket", "interrupted"])
def test_items_and_copies_get_the_columns_of_their_sources(name: str, old: Callable[[str], str]) -> None:
    uri = old(name)
    # As it lies there: a reader would be told to have it brought up to date.
    database = Database(uri)
    before = Runs(database).known_versions(database.tables())
    items = database.read("items")
    with Store.open(uri, write=True) as store:
        assert state(store)["format"] == store_format.StoreFormat(tables.FORMAT_VERSION)
        for table in [each for each in ("items", "copies") if store.has(each)]:
            schema = store.schema(table)
            assert [schema.field(field.name) for field in FIELDS] == list(FIELDS)
        assert store.read("items").select(items.schema.names) == items
        # No stage takes its input for new.
        del before["runs"]
        assert Runs(store).known_versions(before) == before
        runs = store.count("runs")
    with Store.open(uri, write=True) as store:
        assert store.count("runs") == runs


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("name", ["interrupted", "bucket"])
def test_a_kill_at_any_write_is_made_good_by_the_next_writer(
    name: str, after: bool, old: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store.open(old(name), write=True) as store:
        undisturbed = state(store)
    number = 0
    while True:
        uri = old(name)
        with killed_at(number, monkeypatch, after=after) as made:
            try:
                Store.open(uri, write=True).close()
            except Killed:
                pass
            else:
                break
        assert Database(uri).count("items") == undisturbed["rows"]["items"]
        with Store.open(uri, write=True) as store:
            assert state(store) == undisturbed, f"killed at write {number}: {made}"
        number += 1
    assert number >= 5


def test_a_reader_of_an_older_store_finds_new_columns_empty(
    old: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = old("local")
    # The step that adds columns can wait; the one after it cannot.
    monkeypatch.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:1])
    with Store.open(uri) as store:
        (batch,) = store.items(["source_rating", "row", "artists"])
        assert batch.schema.names == ["source_rating", "row", "artists"]
        assert batch.column(0).null_count == batch.num_rows == store.n_items()
        taken = store.take_items([3, 1], ["row", "favourites"])
        assert taken.to_pylist() == [{"row": 3, "favourites": None}, {"row": 1, "favourites": None}]
        with pytest.raises(StoreError, match="no column hieght"):
            list(store.items(["hieght"]))
        with pytest.raises(FilterError, match="older than the column source_rating") as told:
            matching_rows(store, "source_rating = 's'")
        assert "likeness run --store" in told.value.hint
    with Store.open(uri, write=True) as store:
        assert not len(matching_rows(store, "source_rating = 's'"))


def test_a_reader_is_told_when_it_cannot_do_without_a_migration(
    old: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = old("interrupted")
    step = migrations.Migration(2, "everything is elsewhere", lambda database: None)
    monkeypatch.setattr(migrations, "MIGRATIONS", (step,))
    with pytest.raises(StoreError, match="the store has format 1") as told:
        Store.open(uri)
    assert "likeness run --store" in told.value.hint
    Store.open(uri, write=True).close()
    Store.open(uri).close()


@pytest.mark.parametrize("name", ["local", "bucket"])
def test_labels_of_an_older_store_are_not_read_in_todays_words(name: str, old: Callable[[str], str]) -> None:
    uri = old(name)
    before = Database(uri).read("labels").to_pylist()
    noise = Database(uri).read("label_noise").to_pylist()
    with pytest.raises(StoreError, match="the store has format 1"):
        Store.open(uri)
    with Store.open(uri, write=True) as store:
        assert store.schema("labels").field("conflicts").type == pa.list_(tables.CONFLICT)
        after = store.read("labels").to_pylist()
        assert store.schema("label_noise") == tables.LABEL_NOISE
        renamed = store.read("label_noise").to_pylist()
    columns = [name for name in after[0] if name.endswith("_source")]
    sources = {record[name] for record in after for name in columns}
    assert sources <= {None, "tag", "text", "detector", "review", "model"} and "model" in sources
    for old_record, record in zip(before, after, strict=True):
        assert record["hair_color"] == old_record["hair_color"]
        assert len(record["conflicts"] or ()) == len(old_record["conflicts"] or ())
    assert [record["probability"] for record in renamed] == [record["chance"] for record in noise]
    assert {record["kind"] for record in renamed} <= {"contradicted", "missing"}


def test_sentences_on_conflicts_become_records() -> None:
    assert conflicts_of(["hair_color: red (red_hair) or blue", "hair_color: the neighbours say red (0.97)"]) == [
        {
            "attribute": "hair_color", "kind": "disagree", "values": ["red", "blue"],
            "evidence": ["red_hair", ""], "resolved": "red", "confidence": 0.97,
        }
    ]  # fmt: skip
    kinds = [
        (record["kind"], record["values"], record["evidence"])
        for record in conflicts_of(["accessories: hat (hat), yet denied", "subjects: 1girl, 2girls"])
    ]
    assert kinds == [("denied", ["hat"], ["hat"]), ("count", [], ["1girl", "2girls"])]
    (alone,) = conflicts_of(["eye_color: the neighbours say green (0.99)"])
    assert (alone["resolved"], alone["values"]) == ("green", [])


def test_what_a_migration_renews_is_new_to_the_stages(
    old: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def touch(database: Database) -> None:
        database.ensure_columns("items", [pa.field("extra", pa.string())])

    uri = old("interrupted")
    step = migrations.Migration(2, "items mean something else", touch, True, frozenset({"items"}))
    monkeypatch.setattr(migrations, "MIGRATIONS", (step,))
    with Store.open(uri) as store:
        before = Runs(store).known_versions(["items", "thumbnails"])
    with Store.open(uri, write=True) as store:
        after = Runs(store).known_versions(["items", "thumbnails"])
    assert after["thumbnails"] == before["thumbnails"]
    assert after["items"] > before["items"]


def test_the_last_migration_is_the_format() -> None:
    numbers = [step.number for step in migrations.MIGRATIONS]
    assert numbers == list(range(2, tables.FORMAT_VERSION + 1))


def test_a_new_store_has_nothing_to_migrate(tmp_path: Path) -> None:
    with Store.open(tmp_path / "new", create=True, write=True) as store:
        assert store.tables() == []
    uri = f"file-object-store://{tmp_path / 'bucket'}"
    with Store.open(uri, create=True, write=True) as store:
        assert store.tables() == []
        assert store_format.FormatTable(store).read() == store_format.StoreFormat()
    with Store.open(uri) as store:
        assert store.n_items() == 0


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_column_is_widened_whatever_kills_it(
    after: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = pa.schema(
        [pa.field("row", pa.int64()), pa.field("year", pa.int64()), pa.field("cast", pa.list_(pa.string()))]
    )
    records = [{"row": 0, "year": 1999, "cast": ["a", "b"]}, {"row": 1, "year": None, "cast": None}]
    wanted = [pa.field("year", pa.float64()), pa.field("cast", pa.string()), pa.field("new", pa.bool_())]
    number, finished = 0, False
    while not finished:
        uri = tmp_path / f"store{number}"
        with Store.open(uri, create=True, write=True) as store:
            store.append("items", pa.Table.from_pylist(records, schema), schema)
            with killed_at(number, monkeypatch, after=after):
                try:
                    store.ensure_columns("items", wanted)
                    finished = True
                except Killed:
                    pass
        with Store.open(uri, write=True) as store:
            assert set(store.schema("items").names) <= {"row", "year", "cast", "new"}
            got = store.ensure_columns("items", wanted)
            assert [got.field(field.name).type for field in wanted] == [field.type for field in wanted]
            assert store.read("items", ["year", "cast", "new"]).to_pylist() == [
                {"year": 1999.0, "cast": "a, b", "new": None},
                {"year": None, "cast": None, "new": None},
            ]
        number += 1
    assert number >= 7
