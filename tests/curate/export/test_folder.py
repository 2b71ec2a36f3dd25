"""An export touches only what an export made: other people's files, links and neighbours of the folder stay."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from curate.export.folder import MANIFEST, PARTIAL, ExportFolder, written_files
from schema.errors import ExportError


def export(out: Path | str, *names: str, text: str = "new", **facts: Any) -> None:
    """Writes an export of these files."""
    with ExportFolder(out) as target:
        for name in names:
            place = target.staging / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        files = [{"name": name, "bytes": p.stat().st_size} for name, p in written_files(target.staging)]
        target.publish({"likeness": "1", "files": files, **facts})


def names(folder: Path) -> list[str]:
    return sorted(
        p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() or p.is_symlink()
    )


def test_a_new_folder_and_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("new", "empty", "deep/er"):
        export(tmp_path / name, "a.txt", "train/b.txt")
        assert names(tmp_path / name) == [MANIFEST, "a.txt", "train/b.txt"]


def test_files_of_the_last_export_go_and_those_of_others_stay(tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(out, "a.txt", "b.txt", "train/c.txt", text="old")
    (out / "notes.md").write_text("mine")
    (out / "train" / "mine.txt").write_text("mine")
    export(out, "a.txt")
    assert names(out) == [MANIFEST, "a.txt", "notes.md", "train/mine.txt"]
    assert (out / "a.txt").read_text() == "new"


def test_neighbours_of_the_folder_stay(tmp_path: Path) -> None:
    for name in ("out.old", "out.partial"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "thesis.txt").write_text("mine")
    export(tmp_path / "out", "a.txt")
    export(tmp_path / "out", "a.txt")
    assert (tmp_path / "out.old" / "thesis.txt").read_text() == "mine"
    assert (tmp_path / "out.partial" / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize("manifest", [None, "[]", "{}", "not json", '{"likeness": "1"}'])
def test_a_folder_of_something_else_is_refused(tmp_path: Path, manifest: str | None) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    if manifest is not None:
        (tmp_path / MANIFEST).write_text(manifest)
    before = names(tmp_path)
    with pytest.raises(ExportError, match="not an export"):
        export(tmp_path, "a.txt")
    assert names(tmp_path) == before


@pytest.mark.parametrize("name", ["../victim.txt", "/victim.txt", "sub/../../victim.txt", PARTIAL])
def test_a_manifest_that_names_files_elsewhere_is_not_believed(tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    export(out, "a.txt")
    (tmp_path / "victim.txt").write_text("mine")
    given = str(tmp_path / "victim.txt") if name.startswith("/") else name
    (out / MANIFEST).write_text(json.dumps({"likeness": "1", "files": [{"name": given, "bytes": 4}]}))
    with pytest.raises(ExportError, match="not an export"):
        export(out, "b.txt")
    assert (tmp_path / "victim.txt").read_text() == "mine"


def test_links_are_left_as_they_are(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "link").symlink_to(real, target_is_directory=True)
    export(tmp_path / "link", "a.txt")
    assert (tmp_path / "link").is_symlink()
    assert names(real) == [MANIFEST, "a.txt"]
    # A file of the export that somebody replaced by a link, a folder of it that now leads elsewhere.
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a.txt").write_text("new")
    (real / "a.txt").unlink()
    (real / "a.txt").symlink_to(elsewhere / "a.txt")
    with pytest.raises(ExportError, match="changed since it was exported"):
        export(real, "a.txt")
    assert (elsewhere / "a.txt").read_text() == "new"


def test_a_folder_of_the_export_that_leads_elsewhere_now(tmp_path: Path) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    export(out, "train/a.txt")
    (out / "train" / "a.txt").unlink()
    (out / "train").rmdir()
    elsewhere.mkdir()
    (elsewhere / "a.txt").write_text("new")
    (out / "train").symlink_to(elsewhere, target_is_directory=True)
    with pytest.raises(ExportError, match="changed since it was exported"):
        export(out, "b.txt")
    assert (elsewhere / "a.txt").read_text() == "new"


def test_a_file_that_was_edited_is_not_replaced(tmp_path: Path) -> None:
    export(tmp_path / "out", "a.txt", text="old")
    (tmp_path / "out" / "a.txt").write_text("old, and what I wrote")
    with pytest.raises(ExportError, match=r"a\.txt was changed since"):
        export(tmp_path / "out", "a.txt")
    assert (tmp_path / "out" / "a.txt").read_text() == "old, and what I wrote"


def test_a_file_in_the_way_stops_the_export_before_anything_moves(tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(out, "a.txt", text="old")
    (out / "b.txt").write_text("mine")
    before = (out / MANIFEST).read_bytes()
    with pytest.raises(ExportError, match=r"b\.txt is in the way"):
        export(out, "a.txt", "b.txt")
    assert (out / "a.txt").read_text() == "old"
    assert (out / "b.txt").read_text() == "mine"
    assert (out / MANIFEST).read_bytes() == before
    assert not (out / PARTIAL).exists()


def test_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    export(".", "a.txt")
    assert names(tmp_path) == [MANIFEST, "a.txt"]
    (tmp_path / "thesis.txt").write_text("mine")
    (tmp_path / MANIFEST).unlink()
    with pytest.raises(ExportError, match="not an export"):
        export(".", "a.txt")
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_an_empty_folder_is_not_removed_when_the_export_fails(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("empty", "new"):
        with pytest.raises(RuntimeError), ExportFolder(tmp_path / name):
            raise RuntimeError
    assert names(tmp_path) == []
    assert (tmp_path / "empty").is_dir()
    assert not (tmp_path / "new").exists()


def test_a_second_export_to_the_same_folder_has_to_wait(tmp_path: Path) -> None:
    with ExportFolder(tmp_path / "out"), pytest.raises(ExportError, match="another export"):
        ExportFolder(tmp_path / "out")
    export(tmp_path / "out", "a.txt")


def test_a_folder_named_like_ours_is_not_cleared(tmp_path: Path) -> None:
    (tmp_path / PARTIAL).mkdir()
    (tmp_path / PARTIAL / "thesis.txt").write_text("mine")
    with pytest.raises(ExportError, match="not a folder of ours"):
        export(tmp_path, "a.txt")
    assert (tmp_path / PARTIAL / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize("moves", range(5))
def test_a_kill_at_any_moment_leaves_a_folder_that_the_next_export_clears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    out = tmp_path / "out"
    export(out, "a.txt", "gone.txt", text="old")
    (out / "notes.md").write_text("mine")
    replace, count = os.replace, iter(range(100))

    def dying(source: Any, target: Any) -> None:
        if next(count) >= moves:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", dying)
    monkeypatch.setattr(ExportFolder, "__exit__", lambda self, *_: self._lock.release())
    try:
        export(out, "a.txt", "b.txt", "c.txt")
    except KeyboardInterrupt:
        manifest = json.loads((out / MANIFEST).read_text())
        assert moves == 0 or manifest["unfinished"]
    monkeypatch.undo()
    export(out, "d.txt")
    assert names(out) == [MANIFEST, "d.txt", "notes.md"]
    assert "unfinished" not in json.loads((out / MANIFEST).read_text())


def test_an_address_and_a_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="is an address"):
        ExportFolder("s3://bucket/out")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ExportError, match="is a file"):
        ExportFolder(tmp_path / "file")
