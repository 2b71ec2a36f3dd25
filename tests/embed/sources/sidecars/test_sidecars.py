"""Every sidecar format, as its program writes it; and what nobody claims is counted."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embed.sources import SourceOptions, SourceRecord
from embed.sources.sidecars import SIDECARS, load_sidecars

Told = Callable[..., tuple[list[SourceRecord], list[str]]]
Fill = Callable[..., Path]
POST = {
    "category": "danbooru", "id": 5000, "rating": "s", "score": 9, "tag_string": "1girl blonde_hair samus_aran",
    "tag_string_general": "1girl blonde_hair", "tag_string_character": "samus_aran", "uploader": {"id": 1, "name": "x"},
    "extension": "png",
}  # fmt: skip


def pictures(records: list[SourceRecord]) -> dict[str, SourceRecord]:
    return {record.key: record for record in records if record.uri and not record.reason}


@pytest.mark.parametrize("name", SIDECARS)
def test_every_format_says_which_names_are_its_own(name: str) -> None:
    sidecar = load_sidecars(SourceOptions())[name]
    assert sidecar.patterns
    assert sidecar.many == (not any("{" in pattern for pattern in sidecar.patterns))


@pytest.mark.parametrize("name", ["a.png.json", "a.json", "A.JSON"])
def test_posts_of_gallery_dl(told: Told, fill: Fill, name: str) -> None:
    records, notes = told(fill({"a.png": None, name: json.dumps(POST, indent=4)}))
    (record,) = records
    assert record.annotation.tags == ("1girl", "blonde_hair", "samus_aran")
    assert record.annotation.keys == ("5000",)
    assert record.annotation.metadata.characters == ("samus_aran",)
    assert (record.annotation.metadata.rating, record.annotation.metadata.score) == ("s", 9.0)
    assert record.annotation.metadata.extras["uploader_name"] == "x"
    assert notes == []


def test_waifuc(told: Told, fill: Fill) -> None:
    meta = {
        "filename": "a.png", "tags": {"1girl": 0.99, "blonde_hair": 0.97}, "group_id": 3,
        "danbooru": {key: POST[key] for key in POST if key != "category"}, "url": "https://x.example/a.png",
    }  # fmt: skip
    records, notes = told(fill({"a.png": None, ".a_meta.json": json.dumps(meta)}))
    said = records[0].annotation
    assert said.tags == ("1girl", "blonde_hair", "samus_aran")
    assert (said.metadata.rating, said.metadata.source_url) == ("s", "https://x.example/a.png")
    assert said.metadata.post_url == "https://danbooru.donmai.us/posts/5000"
    assert notes == []


def test_hydrus_texts(told: Told, fill: Fill) -> None:
    text = (
        "1girl\nblonde hair\ncharacter:samus aran\ncreator:some body\nrating:explicit\nhttps://x.example/1\n"
    )
    records, _ = told(fill({"a.png": None, "a.png.txt": text}))
    said = records[0].annotation
    assert said.tags == ("1girl", "blonde_hair", "samus_aran", "some_body")
    assert (said.metadata.characters, said.metadata.artists) == (("samus_aran",), ("some_body",))
    assert (said.metadata.rating, said.metadata.source_url) == ("e", "https://x.example/1")


@pytest.mark.parametrize(
    "data",
    [
        ["1girl", "character:samus aran"],
        {"tags": ["1girl", "character:samus aran"], "urls": []},
        {"my tags": ["1girl"], "public tags": ["character:samus aran"]},
    ],
)
def test_hydrus_json(told: Told, fill: Fill, data: Any) -> None:
    records, _ = told(fill({"a.png": None, "a.png.json": json.dumps(data)}))
    assert records[0].annotation.tags == ("1girl", "samus_aran")
    assert records[0].annotation.metadata.characters == ("samus_aran",)


@pytest.mark.parametrize("name", ["a.txt", "a.caption", "a.png.txt", "a.tags", "A.TXT"])
def test_captions(told: Told, fill: Fill, name: str) -> None:
    records, _ = told(fill({"a.png": None, name: "1girl, blonde hair\nA girl stands by the sea."}))
    assert records[0].annotation.tags == ("1girl", "blonde_hair")
    assert records[0].annotation.text == "A girl stands by the sea."


def test_what_several_files_say_is_joined(told: Told, fill: Fill) -> None:
    files = {"a.png": None, "a.txt": "hat, smile", "a.png.json": json.dumps(POST)}
    records, _ = told(fill(files))
    assert records[0].annotation.tags == ("hat", "smile", "1girl", "blonde_hair", "samus_aran")


def test_pictures_that_share_a_stem_share_its_caption(told: Told, fill: Fill) -> None:
    records, _ = told(fill({"a.png": None, "a.webp": None, "a.txt": "hat", "a.png.txt": "smile, cat"}))
    assert {record.key: record.annotation.tags for record in records} == {
        "a.png": ("hat", "smile", "cat"), "a.webp": ("hat",),
    }  # fmt: skip


def test_names_of_both_cases_are_kept_apart(told: Told, fill: Fill) -> None:
    records, _ = told(fill({"A.png": None, "a.png": None, "A.txt": "hat", "a.txt": "cat"}))
    assert {record.key: record.annotation.tags for record in records} == {
        "A.png": ("hat",),
        "a.png": ("cat",),
    }


@pytest.mark.parametrize("name", ["posts.jsonl", "data.jsonl", "posts000000000000.json"])
def test_dumps_of_one_post_a_line(told: Told, fill: Fill, name: str) -> None:
    lines = [{**POST, "id": 5000 + n, "md5": f"{n:032x}", "tag_string": f"1girl tag_{n}"} for n in range(4)]
    files = {
        "5000.png": None, f"x_{1:032x}.png": None, "danbooru_5002_title.png": None, "2020_5003.png": None,
        name: "\n".join(map(json.dumps, lines)),
    }  # fmt: skip
    records, notes = told(fill(files))
    assert {record.key: record.annotation.tags[:2] for record in records} == {
        "5000.png": ("1girl", "tag_0"), f"x_{1:032x}.png": ("1girl", "tag_1"),
        "danbooru_5002_title.png": ("1girl", "tag_2"), "2020_5003.png": (),
    }  # fmt: skip
    assert notes == [f"1 of 4 entries of {name} name no picture here (such as id:{3:032x})"]


def test_kohya_paths_of_other_machines(told: Told, fill: Fill) -> None:
    said = {
        "D:\\train\\10_a\\1.png": {"tags": "hat"}, "/home/u/train/10_b/1.png": {"caption": "cat, smile"},
        "/home/u/train/10_b/2": {"tags": "dog", "train_resolution": [1, 2]},
    }  # fmt: skip
    files = {"10_a/1.png": None, "10_b/1.png": None, "10_b/2.png": None, "meta_lat.json": json.dumps(said)}
    found = pictures(told(fill(files))[0])
    assert {key: record.annotation.tags for key, record in found.items()} == {
        "10_a/1.png": ("hat",), "10_b/1.png": ("cat", "smile"), "10_b/2.png": ("dog",),
    }  # fmt: skip


def test_kohya_paths_that_fit_two_pictures_are_told(told: Told, fill: Fill) -> None:
    files = {"a/1.png": None, "b/1.png": None, "meta.json": json.dumps({"/old/1.png": {"tags": "hat"}})}
    records, notes = told(fill(files))
    assert [record.annotation.tags for record in records] == [(), ()]
    assert any("1 entries of meta.json fit several pictures" in note for note in notes)


def test_kohya_folders_give_repeats_and_concept(told: Told, fill: Fill) -> None:
    files = {"10_samus aran/a.png": None, "2023_photos/b.png": None, "c.png": None}
    facts = {key: record.annotation.metadata for key, record in pictures(told(fill(files))[0]).items()}
    assert (facts["10_samus aran/a.png"].repeats, facts["10_samus aran/a.png"].collection) == (
        10,
        "samus aran",
    )
    assert [facts[key].repeats for key in ("2023_photos/b.png", "c.png")] == [None, None]
    (record,), _ = told(fill({"a.png": None}, folder="5_concept"))
    assert (record.annotation.metadata.repeats, record.annotation.metadata.collection) == (5, "concept")


def test_img2dataset_tables_and_their_failures(told: Told, fill: Fill) -> None:
    folder = fill({"00000/000000000.jpg": None, "00000/000000000.txt": "A cat."})
    rows = [
        {"url": "https://x.example/0", "caption": "A cat.", "key": "000000000", "status": "success",
         "error_message": None},
        {"url": "https://x.example/1", "caption": "A dog.", "key": "000000001", "status": "failed_to_download",
         "error_message": "HTTP Error 404: Not Found"},
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), folder / "00000.parquet")
    (folder / "00000" / "x.parquet").write_bytes(b"")
    pq.write_table(pa.Table.from_pylist(rows), folder / "00000" / "00000.parquet")
    (folder / "00000.parquet").unlink()
    records, notes = told(folder)
    found = pictures(records)
    assert found["00000/000000000.jpg"].annotation.metadata.source_url == "https://x.example/0"
    failed = [record for record in records if record.reason]
    assert [(record.key, record.reason) for record in failed] == [
        ("00000/00000.parquet/000000001", "failed to download: HTTP Error 404: Not Found")
    ]
    assert notes == ["1 other files were not read: 1 .parquet (00000/x.parquet)"]


def test_what_nobody_claims_is_counted_by_kind(told: Told, fill: Fill) -> None:
    files = {
        "a.png": None, "metadata_v2.jsonl": json.dumps({"file_name": "a.png", "tags": "hat"}), "notes.txt": "x",
        "b.txt": "1girl, lost", "settings.json": "{}", "a.json": "[1, 2]", "clip.mp4": b"x", "README.md": "# about",
        "truth.csv": "file_name,tags\na.png,wrong\n", "noending": "x",
    }  # fmt: skip
    records, notes = told(fill(files))
    assert records[0].annotation.tags == ()
    (note,) = notes
    assert note.startswith("8 other files were not read: ")
    for part in (
        "2 .json (",
        "2 .txt (",
        "1 .csv (truth.csv)",
        "1 .jsonl (metadata_v2.jsonl)",
        "1 .mp4",
        "1 no ending",
    ):
        assert part in note


def test_sidecars_that_cannot_be_read_are_failures(told: Told, fill: Fill) -> None:
    files = {
        "a.png": None,
        "a.png.json": '{"tags": "hat"',
        "b.png": None,
        "b.txt": "hat, 初音ミク".encode("cp932"),
    }
    records, _ = told(fill(files))
    failed = {record.key: record.reason for record in records if record.reason}
    assert failed["a.png.json"].startswith("not readable JSON")
    assert "encoding that cannot be told" in failed["b.txt"]
    assert pictures(records)["b.png"].annotation.tags == ("hat",)
    assert pictures(records)["b.png"].said_stamp == 0


def test_one_encoding_for_a_folder(told: Told, fill: Fill) -> None:
    words = ["初音ミク", "女の子", "とても可愛い", "青い空", "セーラー服", "魔法少女"]
    files: dict[str, bytes | None] = {}
    for number, word in enumerate(words):
        files[f"{number}.png"] = None
        files[f"{number}.txt"] = f"1girl, {word}, smile".encode("cp932")
    records, _ = told(fill(files))
    assert [record.annotation.tags for record in records] == [("1girl", word, "smile") for word in words]
    one = fill({"a.png": None, "a.txt": "1girl, 初音ミク".encode("cp932")}, folder="one")
    assert told(one, encoding="cp932")[0][0].annotation.tags == ("1girl", "初音ミク")


def test_unicode_forms_and_cases_of_names_meet(told: Told, fill: Fill) -> None:
    composed, decomposed = "\u00e9clair \u304c", "e\u0301clair \u304b\u3099"
    rows = [{"file_name": f"sub/{composed}.png", "tags": "hat"}, {"file_name": "b.jpg", "tags": "cat"}]
    files = {
        f"sub/{decomposed}.png": None, "b.JPG": None, f"{composed}.png": None, f"{decomposed}.txt": "dog",
        "metadata.jsonl": "\n".join(map(json.dumps, rows)),
    }  # fmt: skip
    found = pictures(told(fill(files))[0])
    assert {key: record.annotation.tags for key, record in found.items()} == {
        f"sub/{decomposed}.png": ("hat",), "b.JPG": ("cat",), f"{composed}.png": ("dog",),
    }  # fmt: skip


def test_a_picture_named_twice_is_told(told: Told, fill: Fill) -> None:
    rows = [{"file_name": "a.png", "tags": "hat"}, {"file_name": "a.png", "tags": "cat"}]
    records, notes = told(fill({"a.png": None, "metadata.jsonl": "\n".join(map(json.dumps, rows))}))
    assert [(record.annotation.tags, record.repeated) for record in records] == [
        (("hat",), False),
        ((), True),
    ]
    assert "1 rows name a picture that an earlier row named, and were left out" in notes


def test_folders_may_name_columns(told: Told, fill: Fill) -> None:
    folder = fill({"alice/blue/1.png": None, "bob/2.png": None, "3.png": None})
    records, _ = told(folder, folder_columns=("character", "team"))
    found = {record.key: record.annotation for record in records}
    assert found["alice/blue/1.png"].tags == ("alice",)
    assert found["alice/blue/1.png"].metadata.characters == ("alice",)
    assert found["alice/blue/1.png"].metadata.extras == {"team": "blue"}
    assert found["bob/2.png"].metadata.characters == ("bob",)
    assert found["3.png"].tags == ()


def test_folders_that_cannot_be_listed_are_failures(
    told: Told, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    folder = fill({"a.png": None, "shut/b.png": None, "open/c.png": None})
    scandir = os.scandir

    def refuse(path: Any) -> Any:
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    records, _ = told(folder)
    assert {record.key: record.reason for record in records} == {
        "a.png": "", "open/c.png": "", "shut/": "the folder cannot be listed: Permission denied",
    }  # fmt: skip


def test_paths_that_are_too_long_are_failures(told: Told, fill: Fill) -> None:
    import os

    folder = fill({"a.png": None})
    here = os.open(folder, os.O_RDONLY)
    deep = 0
    try:
        while deep < 20:
            os.mkdir("d" * 250, dir_fd=here)
            inner = os.open("d" * 250, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here, deep = inner, deep + 1
    finally:
        os.close(here)
    try:
        records, _ = told(folder)
    finally:
        # What clears temporary folders away cannot go so deep.
        subprocess.run(["rm", "-rf", str(folder)], check=True)
    assert records[0].key == "a.png"
    assert [record.reason for record in records[1:]] == ["the folder cannot be listed: File name too long"]
