"""Duplicates among pictures without a store: what is found, what stays, and other thresholds without measuring."""

from __future__ import annotations

import gc
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import likeness
from dedupe.compare import difference
from likeness.duplicates import Duplicates
from schema.errors import InputError, SettingsError

Make = Callable[..., Image.Image]


@pytest.fixture
def folder(tmp_path: Path, picture: Make) -> Path:
    """Six pictures: one, its smaller JPEG, its exact copy, two strangers, a broken file."""
    where = tmp_path / "pictures"
    where.mkdir()
    first = picture(1, 256, 256)
    first.save(where / "a.png")
    first.resize((160, 160)).save(where / "b.jpg", quality=90)
    (where / "c.png").write_bytes((where / "a.png").read_bytes())
    picture(2, 256, 256).save(where / "d.png")
    picture(3, 256, 256).save(where / "e.png")
    (where / "f.png").write_bytes(b"not a picture")
    return where


def test_a_folder(folder: Path) -> None:
    found = likeness.find_duplicates(folder)
    assert found.names == ["a.png", "b.jpg", "c.png", "d.png", "e.png", "f.png"]
    (group,) = found.groups
    assert {member.name: member.verdict for member in group.members} == {
        "a.png": "kept",
        "b.jpg": "same artwork",
        "c.png": "same file",
    }
    assert group.kept.name == "a.png"
    assert found.keep.tolist() == [True, False, False, True, True, True]
    assert found.kept == ["a.png", "d.png", "e.png", "f.png"]
    assert list(found.failures) == ["f.png"]
    assert all(member.reason for member in group.members)
    assert repr(found) == "6 pictures, 1 group, 2 copies set aside, 1 could not be read"


def test_pictures_in_every_form_in_their_order(folder: Path) -> None:
    paths = sorted(folder.iterdir())
    given = [
        np.asarray(Image.open(paths[3])),
        paths[1],
        str(paths[0]),
        Image.open(paths[4]),
        paths[5].read_bytes(),
        str(paths[0]),
        "nowhere.png",
    ]
    found = likeness.find_duplicates(given)
    assert found.names == ["0", str(paths[1]), str(paths[0]), "3", "4", str(paths[0]), "nowhere.png"]
    assert set(found.failures) == {"4", "nowhere.png"}
    (group,) = found.groups
    assert sorted(member.index for member in group.members) == [1, 2, 5]
    assert group.kept.index == 2
    assert found.keep.tolist() == [True, False, True, True, True, False, True]


def test_other_thresholds_measure_no_pair_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = likeness.find_duplicates(folder, drawing=0.8)

    def measured(*_: object) -> None:
        raise AssertionError("a pair was measured again")

    monkeypatch.setattr(difference, "compare", measured)
    strict = found.rethreshold(drawing=0.9999999, shared=1.0)
    assert len(strict.groups) <= len(found.groups)
    again = strict.rethreshold(drawing=0.8, shared=0.9)
    assert again.to_arrow().equals(found.to_arrow())
    assert repr(found) == repr(again)


def test_tables(folder: Path) -> None:
    table = likeness.find_duplicates(folder).to_arrow()
    assert table.column_names == ["group", "index", "name", "verdict", "keep", "similarity", "reason"]
    assert table.num_rows == 3
    nothing = likeness.find_duplicates([folder / "d.png", folder / "e.png"])
    assert nothing.to_arrow().num_rows == 0
    assert nothing.keep.all()


def test_nothing_stays_behind(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(work))
    before = sorted(folder.iterdir())
    found: Duplicates | None = likeness.find_duplicates(folder)
    assert found is not None
    assert list(work.iterdir())
    del found
    gc.collect()
    assert not list(work.iterdir())
    assert sorted(folder.iterdir()) == before


def test_what_cannot_be_compared(folder: Path) -> None:
    with pytest.raises(InputError, match="not a folder"):
        likeness.find_duplicates(folder / "a.png")
    with pytest.raises(InputError, match="no pictures"):
        likeness.find_duplicates([])
    with pytest.raises(InputError, match="uint8"):
        likeness.find_duplicates([np.zeros((2, 2))])
    with pytest.raises(SettingsError, match="did you mean drawing"):
        likeness.find_duplicates(folder, drawin=0.9)


def test_a_picture_in_memory_is_not_changed(picture: Make) -> None:
    image = picture(5, 200, 200)
    before = image.tobytes()
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=95)
    found = likeness.find_duplicates([image, buffer.getvalue()])
    assert len(found.groups) == 1
    assert image.tobytes() == before
