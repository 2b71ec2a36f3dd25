"""Entries of files about many pictures reach the right picture, or none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from embed.sources.annotation import Annotation, from_json, to_json
from embed.sources.sidecars.base import Entry
from embed.sources.sidecars.index import SidecarIndex
from schema.source_metadata import SourceMetadata

ROOT = "/data/set"


@pytest.fixture
def index() -> Iterator[SidecarIndex]:
    index = SidecarIndex(ROOT)
    yield index
    index.close()


def fill(
    index: SidecarIndex, subjects: list[str], pictures: list[str], file: str = f"{ROOT}/meta.json"
) -> None:
    index.start(file)
    for subject in subjects:
        index.add(Entry(subject, Annotation(tags=(subject,))))
    index.resolve(pictures)


def said(index: SidecarIndex, path: str, exact: bool = False) -> list[str]:
    return [tag for found in index.find(path, exact) for tag in found.tags]


@pytest.mark.parametrize(
    ("subject", "picture"),
    [
        ("a.png", "a.png"),
        ("a", "a.png"),
        ("./b/2.png", "b/2.png"),
        ("b\\2.png", "b/2.png"),
        ("/data/set/b/2.png", "b/2.png"),
        ("/home/else/train/b/2.png", "b/2.png"),
        ("D:\\train\\b\\2.png", "b/2.png"),
        ("\\\\server\\share\\b\\2", "b/2.png"),
        ("../train/b/2.png", "b/2.png"),
        ("A.PNG", "a.png"),
        ("e\u0301.png", "\u00e9.png"),
        ("name:2.png", "b/2.png"),
        ("stem:b/2", "b/2.png"),
        ("id:2", "b/2.png"),
    ],
)
def test_every_form_of_a_name(index: SidecarIndex, subject: str, picture: str) -> None:
    pictures = ["a.png", "b/2.png", "c/3.png", "\u00e9.png"]
    fill(index, [subject], pictures)
    assert [path for path in pictures if said(index, path)] == [picture]
    assert not list(index.unused())


def test_the_longest_common_end_wins(index: SidecarIndex) -> None:
    pictures = ["train/a/1.png", "val/a/1.png", "1.png"]
    fill(index, ["/other/val/a/1.png", "C:\\x\\train\\a\\1.png"], pictures)
    assert [said(index, path) for path in pictures] == [
        ["C:\\x\\train\\a\\1.png"],
        ["/other/val/a/1.png"],
        [],
    ]


def test_of_two_equally_near_pictures_neither_is_taken(index: SidecarIndex) -> None:
    pictures = ["train/a/1.png", "val/a/1.png"]
    fill(index, ["/other/a/1.png"], pictures)
    assert [said(index, path) for path in pictures] == [[], []]
    assert index.ambiguous == {0: 1}
    assert not list(index.unused())


def test_of_two_entries_that_fit_one_picture_equally_well_neither_is_taken(index: SidecarIndex) -> None:
    fill(index, ["/x/train/1.png", "/x/val/1.png"], ["1.png"])
    assert said(index, "1.png") == []
    assert index.ambiguous == {0: 2}


def test_of_two_entries_the_nearer_one_is_taken(index: SidecarIndex) -> None:
    fill(index, ["/x/train/1.png", "/x/val/1.png"], ["val/1.png"])
    assert said(index, "val/1.png") == ["/x/val/1.png"]


def test_capital_letters_matter_where_both_files_exist(index: SidecarIndex) -> None:
    fill(index, ["A.png"], [])
    assert (said(index, "A.png", True), said(index, "a.png", True)) == (["A.png"], [])


@pytest.mark.parametrize(
    ("subject", "stem", "fits"),
    [
        ("id:5000", "5000", True), ("id:5000", "danbooru_5000_title", True), ("id:5000", "5000_p0", True),
        ("id:5000", "2024_5000", False), ("id:5000", "50001", False), ("id:" + "ab" * 16, "x_" + "ab" * 16, True),
        ("id:" + "ab" * 16, "AB" * 16, True), ("id:2024", "2024-05-31 photo", False),
    ],
)  # fmt: skip
def test_ids_are_taken_only_where_they_can_be_nothing_else(
    index: SidecarIndex, subject: str, stem: str, fits: bool
) -> None:
    fill(index, [subject], [])
    assert bool(said(index, f"x/{stem}.png")) == fits


def test_what_found_no_picture_is_told(index: SidecarIndex) -> None:
    fill(index, ["a.png", "gone.png", "gone too.png"], [])
    index.find("a.png")
    assert list(index.unused()) == [(f"{ROOT}/meta.json", 2, 3, "gone.png")]
    assert list(index.unused_names(f"{ROOT}/meta.json")) == ["gone.png", "gone too.png"]


def test_annotations_pass_through_json() -> None:
    facts = SourceMetadata(rating="e", score=1.5, artists=("a",), extras={"x": 1, "y": ("b", "c"), "z": True})
    whole = Annotation(("1",), ("hat",), "Text.", "Miku", facts, "why")
    assert from_json(json.loads(json.dumps(to_json(whole)))) == whole
    assert from_json(json.loads(json.dumps(to_json(Annotation())))) == Annotation()


def test_folders_of_files_count(index: SidecarIndex, tmp_path: Path) -> None:
    fill(index, ["1.png"], [], file=f"{ROOT}/deep/er/meta.json")
    assert said(index, "deep/er/1.png") == ["1.png"]
    assert said(index, "1.png") == []
