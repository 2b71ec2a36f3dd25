"""Edits are seen: captions, pictures, files that go and come back, folders that move; a kill changes nothing of it."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from curate.export.stage import run_export
from embed.ingest.stage import run_ingest
from index.filters import matching_rows, passing
from index.store import Store
from index.store.database import Database
from schema.records import Summary
from schema.settings import load_settings

Ingest = Callable[..., Summary]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store", create=True, write=True) as opened:
        yield opened


@pytest.fixture
def ingest(store: Store) -> Ingest:
    def run(*sources: Path, **overrides: str) -> Summary:
        return run_ingest(
            store,
            load_settings(None, [f"ingest.{name}={value}" for name, value in overrides.items()]),
            [str(source) for source in sources],
        )

    return run


@pytest.fixture
def source(tmp_path: Path, picture: Callable[[int], Any]) -> Path:
    """Four pictures, three of them with a caption."""
    folder = tmp_path / "set"
    folder.mkdir()
    for number in range(4):
        picture(number).save(folder / f"{number}.png")
    for number, hair in enumerate(("blonde", "black", "red")):
        (folder / f"{number}.txt").write_text(f"1girl, {hair} hair")
    return folder


def later(path: Path) -> None:
    """Give a file a new time of change, whatever the clock's resolution."""
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 10**9))


def current(store: Store) -> dict[str, dict[str, Any]]:
    """The items that a source has, by their first key."""
    found = [record for batch in store.items() for record in batch.to_pylist()]
    return {record["keys"][0]: record for record in found if record["status"] in ("ok", "text")}


def exported(store: Store, out: Path) -> dict[str, dict[str, Any]]:
    run_export(store, load_settings(), out, format="jsonl", everything=True)
    lines = [
        json.loads(line) for path in sorted(out.glob("*.jsonl")) for line in path.read_text().splitlines()
    ]
    return {line["keys"][0]: line for line in lines}


def test_edits_are_seen_and_counted(
    store: Store, ingest: Ingest, source: Path, tmp_path: Path, picture: Callable[[int], Any]
) -> None:
    ingest(source)
    old = current(store)
    (source / "1.txt").write_text("1girl, blue hair")
    (source / "3.txt").write_text("1girl, green hair")
    picture(90).save(source / "0.png")
    (source / "2.png").unlink()
    (source / "2.txt").unlink()
    picture(91).save(source / "4.png")
    summary = ingest(source)
    assert {name: summary.counts[name] for name in ("items", "replaced", "edited", "missing", "known")} == {
        "items": 2, "replaced": 1, "edited": 2, "missing": 1, "known": 0,
    }  # fmt: skip
    assert [note.split(" ", 1)[0] for note in summary.warnings] == ["2", "1", "1"]
    now = current(store)
    assert sorted(now) == ["0.png", "1.png", "3.png", "4.png"]
    assert now["1.png"]["tags"] == ["1girl", "blue_hair"]
    assert now["3.png"]["tags"] == ["1girl", "green_hair"]
    assert now["0.png"]["item_id"] != old["0.png"]["item_id"]
    assert now["0.png"]["tags"] == ["1girl", "blonde_hair"]
    out = exported(store, tmp_path / "out")
    assert sorted(out) == ["0.png", "1.png", "3.png", "4.png"]
    assert out["0.png"]["item_id"] == now["0.png"]["item_id"]
    assert ingest(source).counts == {"items": 0, "copies": 0, "texts": 0, "failed": 0, "known": 4}


def test_filters_and_counts_know_the_present(
    store: Store, ingest: Ingest, source: Path, picture: Callable[[int], Any]
) -> None:
    ingest(source)
    (source / "1.txt").write_text("1girl, blue hair")
    (source / "2.png").unlink()
    ingest(source)

    def keys(where: str) -> list[str]:
        rows = matching_rows(store, where)
        every = store.rows("items")
        assert every[passing(store, where, every)].tolist() == rows.tolist()
        return [found[0] for found in store.take_items(rows, ["keys"]).column(0).to_pylist()]

    assert keys("tags = 'blue_hair'") == ["1.png"]
    assert keys("tags = 'black_hair'") == []
    assert keys("tags != 'blonde_hair'") == ["1.png", "2.png", "3.png"]
    assert keys("status = 'missing'") == ["2.png"]
    assert keys("status = 'ok' AND tags = 'red_hair'") == []
    assert store.count("items", "status = 'ok'") == 3
    assert store.count("items") == 4
    taken = store.take("items", [2, 1, 1, 0], ["status", "tags"]).to_pylist()
    assert [record["status"] for record in taken] == ["missing", "ok", "ok", "ok"]
    assert taken[1]["tags"] == ["1girl", "blue_hair"]


def test_facts_are_never_rewritten(store: Store, ingest: Ingest, source: Path) -> None:
    ingest(source)
    first = [batch.to_pylist() for batch in Database.scan(store, "items")]
    (source / "1.txt").write_text("1girl, blue hair")
    ingest(source)
    assert [batch.to_pylist() for batch in Database.scan(store, "items")] == first
    events = [record for batch in store.scan("copies") for record in batch.to_pylist()]
    assert [(record["event"], record["keys"][0], record["tags"]) for record in events] == [
        ("edited", "1.png", ["1girl", "blue_hair"])
    ]


def test_files_that_were_only_touched_are_read_once(store: Store, ingest: Ingest, source: Path) -> None:
    ingest(source)
    for path in source.iterdir():
        later(path)
    assert ingest(source).counts["known"] == 4
    assert store.count("copies") == 0
    versions = {table: store.version(table) for table in store.tables() if table != "runs"}
    assert ingest(source).counts["known"] == 4
    assert {table: store.version(table) for table in store.tables() if table != "runs"} == versions


def test_an_edit_that_keeps_size_and_time_is_seen_by_full_alone(
    store: Store, ingest: Ingest, source: Path
) -> None:
    ingest(source)
    path = source / "1.txt"
    status = path.stat()
    path.write_text("1girl, brown hair"[: status.st_size])
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert "edited" not in ingest(source).counts
    assert ingest(source, refresh="full").counts["edited"] == 1
    assert current(store)["1.png"]["tags"] != ["1girl", "black_hair"]


def test_never_looks_at_nothing(
    store: Store, ingest: Ingest, source: Path, picture: Callable[[int], Any]
) -> None:
    ingest(source)
    (source / "1.txt").write_text("1girl, blue hair")
    (source / "2.png").unlink()
    picture(90).save(source / "0.png")
    picture(91).save(source / "9.png")
    summary = ingest(source, refresh="never")
    assert summary.counts == {"items": 1, "copies": 0, "texts": 0, "failed": 0, "known": 3}
    assert ingest(source).counts["edited"] == 1


def test_files_that_are_gone_can_be_kept_and_come_back(
    store: Store, ingest: Ingest, source: Path, tmp_path: Path
) -> None:
    ingest(source)
    whole = (source / "2.png").read_bytes()
    (source / "2.png").unlink()
    ingest(source, keep_missing="true")
    assert "2.png" in current(store)
    assert ingest(source).counts["missing"] == 1
    assert "2.png" not in exported(store, tmp_path / "one")
    assert ingest(source, keep_missing="true").counts["found"] == 1
    assert exported(store, tmp_path / "two")["2.png"]["tags"] == ["1girl", "red_hair"]
    assert ingest(source).counts["missing"] == 1
    (source / "2.png").write_bytes(whole)
    assert ingest(source).counts["found"] == 1
    assert current(store)["2.png"]["tags"] == ["1girl", "red_hair"]


def test_a_picture_that_comes_back_under_its_name(
    store: Store, ingest: Ingest, source: Path, picture: Callable[[int], Any]
) -> None:
    ingest(source)
    first = current(store)["0.png"]["item_id"]
    picture(90).save(source / "0.png")
    ingest(source)
    picture(0).save(source / "0.png")
    ingest(source)
    now = current(store)
    assert now["0.png"]["item_id"] == first
    assert len(now) == 4


def test_renamed_files_are_moved_and_not_lost(
    store: Store, ingest: Ingest, source: Path, tmp_path: Path
) -> None:
    ingest(source)
    (source / "0.png").rename(source / "zero.png")
    (source / "0.txt").rename(source / "zero.txt")
    summary = ingest(source)
    assert (summary.counts["copies"], summary.counts["moved"], "missing" in summary.counts) == (1, 1, False)
    found = current(store)["zero.png"]
    assert found["uri"] == str(source / "zero.png")
    assert found["tags"] == ["1girl", "blonde_hair"]


def test_a_folder_that_moved_is_read_at_its_new_place(
    store: Store, ingest: Ingest, source: Path, tmp_path: Path
) -> None:
    ingest(source)
    moved = tmp_path / "elsewhere"
    source.rename(moved)
    summary = ingest(moved)
    assert (summary.counts["copies"], summary.counts["moved"]) == (4, 4)
    assert {record["uri"] for record in current(store).values()} == {
        str(moved / f"{n}.png") for n in range(4)
    }
    copied = tmp_path / "again"
    shutil.copytree(moved, copied)
    assert "moved" not in ingest(copied).counts
    assert {Path(record["uri"]).parent for record in current(store).values()} == {moved}


def test_nothing_listed_marks_nothing_missing(store: Store, ingest: Ingest, source: Path) -> None:
    ingest(source)
    for path in source.iterdir():
        path.unlink()
    summary = ingest(source)
    assert "missing" not in summary.counts
    assert any("4 known entries were not marked as missing" in note for note in summary.warnings)


def test_folders_that_cannot_be_listed_are_not_missing(
    store: Store, ingest: Ingest, source: Path, picture: Callable[[int], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    (source / "shut").mkdir()
    picture(7).save(source / "shut" / "7.png")
    ingest(source)
    scandir = os.scandir

    def refuse(path: Any) -> Any:
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    summary = ingest(source)
    assert "missing" not in summary.counts
    assert summary.counts["failed"] == 1
    assert "shut/7.png" in current(store)


def test_rows_of_tables_change_texts_and_columns(
    store: Store, ingest: Ingest, tmp_path: Path, source: Path
) -> None:
    table = source / "list.csv"
    table.write_text("file_name,tags,year\n0.png,hat,2011\n1.png,cat,2012\n,only words,\n")
    ingest(table)
    table.write_text("file_name,tags,year\n0.png,hat,2013\n1.png,cat,2012\n,other words,\n")
    summary = ingest(table)
    assert (summary.counts["edited"], summary.counts["replaced"], summary.counts["known"]) == (1, 1, 1)
    assert [key for key in current(store) if current(store)[key]["year"] == 2013] == ["0.png"]
    texts = [record["text"] for record in current(store).values() if record["status"] == "text"]
    assert texts == ["other words"]


def test_members_of_a_tar_that_was_written_again(
    store: Store, ingest: Ingest, source: Path, tmp_path: Path
) -> None:
    path = tmp_path / "shard.tar"

    def pack(names: list[str]) -> None:
        with tarfile.open(path, "w") as tar:
            for name in names:
                tar.add(source / name, name)

    pack(["0.png", "0.txt", "1.png", "1.txt"])
    ingest(path)
    pack(["1.png", "1.txt", "0.png", "0.txt"])
    later(path)
    assert ingest(path).counts["moved"] == 2
    from index.images.reader import Reader

    for key, record in current(store).items():
        assert Reader().read(record["uri"]) == (source / Path(key).name).read_bytes()
    pack(["0.png", "0.txt"])
    later(path)
    assert ingest(path).counts["missing"] == 1


def test_a_store_without_stamps_is_compared_by_sizes_and_words(
    store: Store, ingest: Ingest, source: Path, picture: Callable[[int], Any]
) -> None:
    ingest(source)
    store.drop("source_stamps")
    assert ingest(source).counts["known"] == 4
    assert store.count("source_stamps") == 4
    store.drop("source_stamps")
    (source / "1.txt").write_text("1girl, blue hair")
    picture(90).save(source / "0.png", compress_level=0)
    summary = ingest(source)
    assert (summary.counts["edited"], summary.counts["replaced"]) == (1, 1)


@pytest.mark.parametrize("cut", ["copies", "source_stamps", "ingests", "revised_items"])
def test_what_a_kill_leaves_of_an_edit_is_finished(
    store: Store, ingest: Ingest, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    ingest(source)
    (source / "1.txt").write_text("1girl, blue hair")
    (source / "2.png").unlink()
    store.close()
    shutil.copytree(tmp_path / "store", tmp_path / "torn")
    with Store.open(tmp_path / "store", write=True) as whole:
        run_ingest(whole, load_settings(), [str(source)])
        wanted = [record for batch in whole.items() for record in batch.to_pylist()]
    append, replace = Store.append, Store.replace

    def torn(write: Any) -> Any:
        def run(self: Store, name: str, *arguments: Any) -> None:
            if name == cut:
                raise KeyboardInterrupt
            write(self, name, *arguments)

        return run

    with Store.open(tmp_path / "torn", write=True) as killed, monkeypatch.context() as patch:
        patch.setattr(Store, "append", torn(append))
        patch.setattr(Store, "replace", torn(replace))
        with pytest.raises(KeyboardInterrupt):
            run_ingest(killed, load_settings(), [str(source)])
    with Store.open(tmp_path / "torn", write=True) as again:
        run_ingest(again, load_settings(), [str(source)])
        assert [record for batch in again.items() for record in batch.to_pylist()] == wanted
