"""Ingest ends in the same tables however often it is killed, and every listed thing is an item or a reason."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import index.images.decode
from embed.ingest.digests import Digests
from embed.ingest.stage import run_ingest
from index.images.reader import Reader
from index.store import Store
from schema.errors import SettingsError, SourceError
from schema.records import Summary
from schema.settings import load_settings

Picture = Callable[..., Image.Image]
Ingest = Callable[..., Summary]

SCRIPT = """
import sys
from embed.ingest.stage import run_ingest
from index.store import Store
from schema.settings import load_settings
with Store.open(sys.argv[1], create=True, write=True) as store:
    run_ingest(store, load_settings(None, ["ingest.commit_rows=5", "ingest.workers=2"]), sys.argv[2:])
"""


@pytest.fixture
def ingest(tmp_path: Path) -> Ingest:
    def run(*sources: Path, store: str = "store", overrides: tuple[str, ...] = ()) -> Summary:
        with Store.open(tmp_path / store, create=True, write=True) as opened:
            return run_ingest(opened, load_settings(None, overrides), [str(source) for source in sources])

    return run


@pytest.fixture
def collection(tmp_path: Path, picture: Picture) -> Path:
    folder = tmp_path / "pictures"
    (folder / "sub").mkdir(parents=True)
    for seed in range(17):
        picture(seed, 40, 30).save(folder / f"{seed:02}.png")
    shutil.copy(folder / "03.png", folder / "sub" / "again.png")
    (folder / "03.txt").write_text("1girl, hat")
    (folder / "sub" / "again.txt").write_text("hat, smile")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 and then nothing")
    (folder / "page.png").write_text("<!doctype html><html></html>")
    rows = [
        {"file_name": "05.png", "id": "five", "tags": "1boy"},
        {"file_name": "missing.png", "id": "six"},
        {"text": "Only a text.", "id": "seven"},
    ]
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def tables(
    folder: Path, names: tuple[str, ...] = ("items", "copies", "thumbnails", "ingests", "sources")
) -> Any:
    with Store.open(folder) as store:
        return {name: [r for batch in store.scan(name) for r in batch.to_pylist()] for name in names}


def test_every_listed_thing_is_an_item_or_a_reason(ingest: Ingest, collection: Path, tmp_path: Path) -> None:
    summary = ingest(collection)
    assert summary.counts == {"items": 17, "copies": 1, "texts": 1, "failed": 3, "known": 0}
    assert sum(summary.failures.values()) == 3
    found = tables(tmp_path / "store")
    items = found["items"]
    assert [item["row"] for item in items] == list(range(21))
    assert items[0]["keys"] == ["05.png", "five"]
    assert items[0]["tags"] == ["1boy"]
    assert (items[1]["status"], items[1]["reason"]) == ("failed", "no such file")
    assert (items[2]["status"], items[2]["text"], items[2]["uri"]) == ("text", "Only a text.", "")
    reasons = {item["reason"] for item in items if item["status"] == "failed"}
    assert reasons > {"no such file", "not a picture but a web page"}
    assert len(found["thumbnails"]) == 17
    reader = Reader()
    for item in items:
        if item["status"] == "ok":
            assert len(reader.read(item["uri"])) == item["bytes"]
            assert (item["width"], item["height"], item["format"], item["lossless"]) == (40, 30, "png", True)
    with Store.open(tmp_path / "store") as store:
        folded = [r for batch in store.items() for r in batch.to_pylist() if "03.png" in r["keys"]]
    assert folded[0]["keys"] == ["03.png", "sub/again.png"]
    assert folded[0]["tags"] == ["1girl", "hat", "smile"]


def test_again_changes_nothing_and_a_second_source_does_only_new_work(
    ingest: Ingest, collection: Path, tmp_path: Path, picture: Picture
) -> None:
    ingest(collection)
    before = tables(tmp_path / "store")
    with Store.open(tmp_path / "store") as store:
        versions = [store.version(name) for name in ("items", "copies", "thumbnails", "ingests", "sources")]
    assert ingest(collection).counts == {"items": 0, "copies": 0, "texts": 0, "failed": 0, "known": 22}
    with Store.open(tmp_path / "store") as store:
        assert versions == [
            store.version(name) for name in ("items", "copies", "thumbnails", "ingests", "sources")
        ]
    assert tables(tmp_path / "store") == before
    second = tmp_path / "second"
    second.mkdir()
    picture(99).save(second / "new.png")
    shutil.copy(collection / "00.png", second / "old.png")
    summary = ingest(collection, second)
    assert (summary.counts["items"], summary.counts["copies"], summary.counts["known"]) == (1, 1, 22)
    after = tables(tmp_path / "store")
    assert after["items"][:21] == before["items"]
    assert [(s["source"], s["listed"]) for s in after["sources"]] == [(0, 22), (1, 2)]


def test_known_files_are_not_opened_again(ingest: Ingest, collection: Path) -> None:
    ingest(collection)
    for path in collection.glob("*.png"):
        path.write_bytes(b"changed, and nobody looks")
    assert ingest(collection, overrides=("ingest.refresh=never",)).counts["known"] == 22


@pytest.mark.parametrize("table", ["thumbnails", "copies", "items", "source_stamps", "ingests"])
def test_killed_and_started_again_gives_the_same_tables(
    ingest: Ingest, collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    commits = ("ingest.commit_rows=5",)
    ingest(collection, store="whole", overrides=commits)
    append, writes = Store.append, 0

    def torn(self: Store, name: str, *arguments: object) -> None:
        # A kill between two of the appends of a commit, the third or, of the rare ones, the first.
        nonlocal writes
        writes += name == table
        if name == table and writes == (1 if table == "copies" else 3):
            raise KeyboardInterrupt
        append(self, name, *arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Store, "append", torn)
        with pytest.raises(KeyboardInterrupt):
            ingest(collection, store="torn", overrides=commits)
    ingest(collection, store="torn", overrides=commits)
    assert tables(tmp_path / "torn") == tables(tmp_path / "whole")


def test_sigkill_at_a_random_moment(ingest: Ingest, collection: Path, tmp_path: Path, root: Path) -> None:
    ingest(collection, store="whole", overrides=("ingest.commit_rows=5",))
    chance = random.Random()
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "killed"), str(collection)]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    for _ in range(1):
        process = subprocess.Popen(command, cwd=root, env=environment, stderr=subprocess.DEVNULL)
        seen = tmp_path / "killed" / "sources.lance"
        while process.poll() is None and not seen.exists():
            time.sleep(0.005)
        time.sleep(chance.random() * 0.1)
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run(command, cwd=root, env=environment, check=True)
    assert tables(tmp_path / "killed") == tables(tmp_path / "whole")


def test_a_poisoned_picture_stops_nothing(
    ingest: Ingest, collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    errors = iter([MemoryError(), RecursionError(), ValueError("x"), KeyError("y"), OSError(5, "I/O")])

    def poisoned(*_: object) -> None:
        raise next(errors, ZeroDivisionError())

    monkeypatch.setattr(index.images.decode, "_decode", poisoned)
    summary = ingest(collection)
    assert (summary.counts["items"], summary.counts["failed"]) == (0, 20)
    assert all(item["reason"] for item in tables(tmp_path / "store")["items"] if item["status"] == "failed")


def test_failed_keys_can_be_tried_again(ingest: Ingest, collection: Path, picture: Picture) -> None:
    ingest(collection)
    picture(50).save(collection / "missing.png")
    never = "ingest.refresh=never"
    assert ingest(collection, overrides=(never,)).counts["items"] == 0
    assert ingest(collection, overrides=(never, "ingest.retry_failed=true")).counts["items"] == 1


def test_bad_sources_and_settings_are_errors(ingest: Ingest, tmp_path: Path, collection: Path) -> None:
    with pytest.raises(SourceError, match="cannot read the source"):
        ingest(tmp_path / "nowhere")
    with pytest.raises(SettingsError, match="background"):
        ingest(collection, overrides=("ingest.background=white",))


def test_limits_are_failures(ingest: Ingest, collection: Path) -> None:
    summary = ingest(collection, overrides=("ingest.max_pixels=100",))
    assert summary.counts["items"] == 0
    assert sum(count for reason, count in summary.failures.items() if "larger than the limit" in reason) == 17


@given(st.lists(st.binary(min_size=16, max_size=16), unique=True, max_size=60), st.integers(0, 60))
def test_digests_are_a_map(digests: list[bytes], split: int) -> None:
    known = Digests()
    known.update((digest, number) for number, digest in enumerate(digests[:split]))
    for number, digest in enumerate(digests[split:], len(digests[:split])):
        assert digest not in known
        known.add(digest, number)
    assert [known.get(digest) for digest in digests] == list(range(len(digests)))
    assert known.get(b"\xab" * 16) is None or b"\xab" * 16 in digests
