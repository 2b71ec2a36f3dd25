"""The whole flow under faults: SIGKILL, full disks, files that change, torn tables; nothing lost, nothing double."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from index.store import Store
from index.store.runs import Runs
from schema.catalogue import describe
from ui.flow import STAGES, Stage
from ui.terminal.summary import numbers_line

KILLS = 5
COMMANDS = [stage for stage in STAGES if stage.in_run and stage.command]

# Whole runs: seconds each on an idle machine, a minute on a busy one.
pytestmark = pytest.mark.timeout(900)

Ask = Callable[..., dict[str, Any]]


def contents(folder: Path | str) -> dict[str, list[dict[str, Any]]]:
    """All tables by row, without what tells one run from another."""
    found = {}
    with Store.open(folder) as store:
        for table in store.tables():
            if table == "runs":
                continue
            rows = store.read(table).to_pylist()
            for record in rows:
                record.pop("commit", None)
            found[table] = rows
    return found


def versions(folder: Path | str) -> dict[str, int]:
    with Store.open(folder) as store:
        return {table: store.version(table) for table in store.tables()}


def same(folder: Path | str, other: Path | str) -> None:
    found, expected = contents(folder), contents(other)
    assert found.keys() == expected.keys()
    for table, rows in expected.items():
        assert len(found[table]) == len(rows), table
        apart = [
            (table, number, name, mine[name], value)
            for number, (mine, other) in enumerate(zip(found[table], rows, strict=True))
            for name, value in other.items()
            # A measure that does not apply is NaN, which equals nothing.
            if mine[name] != value and not (mine[name] != mine[name] and value != value)
        ]
        assert not apart, apart[:10]


def test_the_flow_makes_what_it_should(undisturbed: tuple[Path, float]) -> None:
    tables = contents(undisturbed[0])
    status = [record["status"] for record in tables["items"]]
    assert (len(status), status.count("failed")) == (28, 1)
    assert [record["keys"] for record in tables["copies"]] == [["copy.png"]]
    (vectors,) = [rows for name, rows in tables.items() if name.startswith("vectors_")]
    assert len(vectors) == 27
    assert len(tables["labels"]) == 28
    assert {record["row"] for record in tables["groups"]} >= {4}


def test_killed_at_random_moments_and_started_again_it_ends_the_same(
    ask: Ask, flow: Any, undisturbed: tuple[Path, float], tmp_path: Path
) -> None:
    draw = random.Random(20)
    whole = undisturbed[1]
    kills = rounds = 0
    while kills < KILLS:
        folder = tmp_path / f"store{rounds}"
        for _ in range(200):
            # Short waits hit ingest and embed again and again, long ones the later stages.
            done = ask(*flow(folder, "first"), kill=draw.uniform(0.02, 0.7) * whole)
            kills += done["killed"]
            assert done["killed"] or done["code"] == 0, done["err"]
            if done["code"] == 0 or kills == KILLS:
                break
        rounds += 1
        done = ask(*flow(folder, "first"))
        assert done["code"] == 0, done["err"]
        same(folder, undisturbed[0])


@pytest.fixture(scope="module")
def steps(ask: Ask, flow: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The store as each stage finds it, by the name of the stage; 'export' finds the finished one."""
    folder = tmp_path_factory.mktemp("steps")
    found = {}
    store = folder / "store"
    for stage in COMMANDS:
        found[stage.name] = folder / f"before {stage.name}"
        if store.exists():
            shutil.copytree(store, found[stage.name])
        sources = ["first"] if "sources" in stage.options else []
        done = ask(*flow(store, *sources, stage=stage.name))
        assert done["code"] == 0, done["err"]
    return found


@pytest.mark.parametrize("stage", COMMANDS, ids=lambda stage: stage.name)
def test_a_stage_writes_the_tables_that_it_names(
    ask: Ask, flow: Any, steps: dict[str, Path], tmp_path: Path, stage: Stage
) -> None:
    folder = tmp_path / "store"
    if steps[stage.name].exists():
        shutil.copytree(steps[stage.name], folder)
    before = versions(folder) if folder.exists() else {}
    assert (
        ask(*flow(folder, *(["first"] if "sources" in stage.options else []), stage=stage.name))["code"] == 0
    )
    after = versions(folder)
    written = {name for name, number in after.items() if before.get(name) != number} - {"runs"}
    assert {entry.name if (entry := describe(name)) else name for name in written} <= set(stage.writes)
    with Store.open(folder) as store:
        last = Runs(store).last(stage.name)
    assert last is not None
    assert set(last["inputs"]) <= {
        *after,
        *(name for name in stage.reads if "KEY" not in name),
    }, "a stage reads what it names"
    assert "nothing" not in numbers_line(stage.name, last["counts"]), "its line of output has numbers"


@pytest.mark.parametrize("stage", COMMANDS, ids=lambda stage: stage.name)
def test_a_stage_killed_around_a_write_ends_the_same(
    ask: Ask, flow: Any, undisturbed: tuple[Path, float], steps: dict[str, Path], tmp_path: Path, stage: Stage
) -> None:
    sources = ["first"] if "sources" in stage.options else []
    kills = 0
    for number, before in ((0, True), (1, False)):
        folder = tmp_path / f"store{number}{before}"
        if steps[stage.name].exists():
            shutil.copytree(steps[stage.name], folder)
        kills += ask(*flow(folder, *sources, stage=stage.name), at_write=number, before=before)["killed"]
        done = ask(*flow(folder, "first"))
        assert done["code"] == 0, done["err"]
        same(folder, undisturbed[0])
    assert kills


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_killed_around_every_write_it_ends_the_same(
    ask: Ask, flow: Any, undisturbed: tuple[Path, float], tmp_path: Path, before: bool
) -> None:
    kills = 0
    for number in range(200):
        folder = tmp_path / f"store{number}"
        if not ask(*flow(folder, "first"), at_write=number, before=before)["killed"]:
            break
        kills += 1
        done = ask(*flow(folder, "first"))
        assert done["code"] == 0, (number, done["err"])
        same(folder, undisturbed[0])
        shutil.rmtree(folder)
    assert kills > 30


def test_run_twice_changes_nothing_and_a_second_folder_is_only_new_work(
    ask: Ask, flow: Any, undisturbed: tuple[Path, float], tmp_path: Path
) -> None:
    folder = tmp_path / "store"
    shutil.copytree(undisturbed[0], folder)
    before = versions(folder)
    assert ask(*flow(folder, "first"))["code"] == 0
    after = versions(folder)
    assert {name: number for name, number in after.items() if name != "runs"} == {
        name: number for name, number in before.items() if name != "runs"
    }
    old = contents(folder)
    assert ask(*flow(folder, "first", "second"))["code"] == 0
    new = contents(folder)
    with Store.open(folder) as store:
        counts = Runs(store).last("embed")["counts"]
    assert counts["embedded"] == 8
    for table, rows in old.items():
        if table.startswith(("items", "vectors_", "thumbnails", "copies")):
            assert new[table][: len(rows)] == rows, table
    assert len(new["items"]) == 36
    assert [record["keys"] for record in new["copies"]] == [["copy.png"], ["again.png"]]


def test_a_full_disk_is_said_and_nothing_is_lost(
    ask: Ask, flow: Any, undisturbed: tuple[Path, float], tmp_path: Path
) -> None:
    folder = tmp_path / "store"
    done = ask(*flow(folder, "first"), file_size=3000)
    assert done["code"] == 1, done
    assert done["err"].startswith("likeness: ") and "Traceback" not in done["err"]
    assert "too large" in done["err"] or "full" in done["err"]
    done = ask(*flow(folder, "first"))
    assert done["code"] == 0, done["err"]
    same(folder, undisturbed[0])


@pytest.mark.parametrize("megabytes", [1, 2])
def test_a_full_file_system_is_said_and_nothing_is_lost(
    ask: Ask, flow: Any, undisturbed: tuple[Path, float], tmp_path: Path, megabytes: int
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes * 128}k", "tmpfs", str(disk)]
    if (
        os.geteuid() != 0
        or shutil.which("mount") is None
        or subprocess.run(mount, capture_output=True).returncode
    ):
        pytest.skip("no right to mount a small tmpfs")
    try:
        done = ask(*flow(disk / "store", "first"))
        assert done["code"] == 1, done
        assert "the disk is full" in done["err"] and "Traceback" not in done["err"]
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        done = ask(*flow(disk / "store", "first"))
        assert done["code"] == 0, done["err"]
        same(disk / "store", undisturbed[0])
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_the_whole_flow_works_behind_a_uri(
    ask: Ask,
    flow: Any,
    undisturbed: tuple[Path, float],
    object_store: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = ask(*flow("s3://likeness/flow", "first"), env=object_store)
    assert done["code"] == 0, done["err"]
    for name, value in object_store.items():
        monkeypatch.setenv(name, value)
    same("s3://likeness/flow", undisturbed[0])


@pytest.mark.parametrize("change", ["vanishes", "changes", "breaks"])
def test_a_file_that_changes_while_it_is_read_is_one_row_at_most(
    ask: Ask, flow: Any, pictures: Path, tmp_path: Path, change: str
) -> None:
    source = tmp_path / "source"
    shutil.copytree(pictures / "first", source)
    contents_of = {
        "vanishes": None,
        "changes": str(pictures / "second" / "30.png"),
        "breaks": str(pictures / "tiny.json"),
    }
    done = ask(
        *flow(tmp_path / "store", source), disturb=str(source / "25.png"), contents=contents_of[change]
    )
    assert done["code"] == 0, done["err"]
    tables = contents(tmp_path / "store")
    (vectors,) = [rows for name, rows in tables.items() if name.startswith("vectors_")]
    with Store.open(tmp_path / "store") as store:
        failures = store.read("failures").to_pylist() if store.has("failures") else []
    # A picture of which nothing is known gets no caption, whatever happened to it.
    failures = [record for record in failures if not record["stage"].startswith("caption")]
    failed = sum(record["status"] == "failed" for record in tables["items"])
    # Listing, reading and embedding are three moments: whichever the change falls between, no row is without an end.
    assert len(vectors) + len(failures) + failed == len(tables["items"]) == len(tables["labels"]) == 28
    assert failed + len(failures) <= 2


def test_a_torn_commit_is_not_seen_and_a_damaged_table_is_named(
    ask: Ask, flow: Any, undisturbed: tuple[Path, float], tmp_path: Path
) -> None:
    folder = tmp_path / "store"
    shutil.copytree(undisturbed[0], folder)
    # What a kill in the middle of a commit leaves: data without a manifest that names it.
    data = next((folder / "items.lance" / "data").iterdir())
    (data.parent / ("0" * 20 + data.name)).write_bytes(data.read_bytes()[:100])
    assert ask(*flow(folder, "first"))["code"] == 0
    same(folder, undisturbed[0])
    newest = sorted((folder / "items.lance" / "_versions").glob("*.manifest"))[0]
    newest.write_bytes(newest.read_bytes()[:20])
    done = ask(*flow(folder, "first"))
    assert done["code"] == 1, done
    assert "items" in done["err"] and "damaged" in done["err"] and "Traceback" not in done["err"]


def test_a_second_run_on_one_store_says_who_is_there(
    ask: Ask, flow: Any, undisturbed: tuple[Path, float], tmp_path: Path
) -> None:
    folder = tmp_path / "store"
    shutil.copytree(undisturbed[0], folder)
    with Store.open(folder, write=True):
        done = ask(*flow(folder, "first"))
    assert done["code"] == 1
    assert f"process {os.getpid()}" in done["err"]
    assert ask(*flow(folder, "first"))["code"] == 0
