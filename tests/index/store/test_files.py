"""Files that are there whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from index.store.files import replace_file, replace_text


def test_a_killed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"old")

    def torn(partial: Path) -> None:
        partial.write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace_file(path, torn)
    assert path.read_bytes() == b"old"
    replace_file(path, lambda partial: partial.write_bytes(b"new"))
    assert path.read_bytes() == b"new"
    assert [each.name for each in tmp_path.iterdir()] == ["model.safetensors"]


def test_a_file_of_text_is_made_under_another_name(tmp_path: Path) -> None:
    (tmp_path / "staging").mkdir()
    replace_text(tmp_path / "facts.json", "sch\u00f6n\n", tmp_path / "staging" / "facts.json")
    assert (tmp_path / "facts.json").read_bytes() == "sch\u00f6n\n".encode()
    assert not list((tmp_path / "staging").iterdir())


def test_a_folder_that_is_not_there_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        replace_text(tmp_path / "none" / "facts.json", "x")
