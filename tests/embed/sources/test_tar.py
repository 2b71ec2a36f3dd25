"""Captions never change places in a tar, however its members are named and ordered."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embed.sources import SourceRecord

Told = Callable[..., tuple[list[SourceRecord], list[str]]]
Pack = Callable[..., Path]


def said(records: list[SourceRecord]) -> dict[str, tuple[str, ...]]:
    return {record.key.removeprefix("shard.tar/"): record.annotation.tags for record in records}


def test_stems_with_dots(told: Told, pack: Pack) -> None:
    path = pack([("22.05.png", None), ("22.05.txt", "hat"), ("22.06.png", None), ("22.06.txt", "cat")])
    records, _ = told(path)
    assert said(records) == {"22.05.png": ("hat",), "22.06.png": ("cat",)}
    assert [record.annotation.keys for record in records] == [("22",), ("22",)]


def test_a_caption_without_its_picture_goes_to_no_other(told: Told, pack: Pack) -> None:
    path = pack([("22.05.png", None), ("22.05.txt", "hat"), ("22.06.png", None), ("22.07.txt", "cat, dog")])
    found = said(told(path)[0])
    assert found == {"22.05.png": ("hat",), "22.06.png": (), "22": ("cat", "dog")}
    alone = pack([("22.05.png", None), ("22.06.png", None), ("22.07.txt", "cat, dog")])
    assert said(told(alone)[0]) == {"22.05.png": (), "22.06.png": (), "22": ("cat", "dog")}


def test_members_of_a_sample_may_lie_apart(told: Told, pack: Pack) -> None:
    names = [f"d/{number:03}" for number in range(4)]
    members = [(f"{name}.png", None) for name in names]
    members += [(f"{name}.txt", f"tag_{name[-1]}, hat") for name in reversed(names)]
    members += [(f"{name}.json", json.dumps({"id": name, "rating": "e"})) for name in names]
    records, _ = told(pack(members))
    assert [record.annotation.tags[0] for record in records] == [f"tag_{number}" for number in range(4)]
    assert [record.annotation.keys[0] for record in records] == names
    assert {record.annotation.metadata.rating for record in records} == {"e"}


def test_parts_of_a_sample_have_names(told: Told, pack: Pack) -> None:
    members = [
        ("s0.input.jpg", None),
        ("s0.outputs.txt", "1girl, hat"),
        ("s0.cls", "7"),
        ("s1.input.jpg", None),
    ]
    members += [
        ("s1.outputs.txt", "1boy, cat"),
        ("t.left.jpg", None),
        ("t.right.jpg", None),
        ("t.txt", "dog, sky"),
    ]
    records, _ = told(pack(members))
    assert said(records) == {
        "s0.input.jpg": ("1girl", "hat"), "s1.input.jpg": ("1boy", "cat"),
        "t.left.jpg": ("dog", "sky"), "t.right.jpg": ("dog", "sky"),
    }  # fmt: skip
    assert records[0].annotation.metadata.extras == {"cls": 7}


def test_posts_in_json_members(told: Told, pack: Pack) -> None:
    post = {
        "id": 5000,
        "tag_string_general": "1girl",
        "tag_string_artist": "painter",
        "rating": "q",
        "score": 3,
    }
    (record,), _ = told(pack([("5000.webp", None), ("5000.json", json.dumps(post))]))
    assert record.annotation.metadata.artists == ("painter",)
    assert (record.annotation.metadata.rating, record.annotation.metadata.score) == ("q", 3.0)


def test_members_that_nobody_reads_are_counted(told: Told, pack: Pack) -> None:
    records, notes = told(
        pack([("a.png", None), ("a.npy", b"\x93NUMPY"), ("a.mp3", b"x"), ("b.npy", b"x"), ("a.json", "{")])
    )
    assert notes == ["3 members of tars were not read: 2 .npy, 1 .mp3"]
    assert [record.key for record in records if record.reason] == ["shard.tar/a.json"]


def test_one_encoding_for_a_tar(told: Told, pack: Pack) -> None:
    words = ["初音ミク", "女の子", "とても可愛い", "青い空", "セーラー服", "魔法少女"]
    members: list[tuple[str, bytes | None]] = [(f"{number}.png", None) for number in range(len(words))]
    members += [(f"{number}.txt", f"hat, {word}".encode("cp932")) for number, word in enumerate(words)]
    records, _ = told(pack(members))
    assert [record.annotation.tags for record in records] == [("hat", word) for word in words]


def test_tables_beside_shards_name_what_failed(told: Told, pack: Pack, tmp_path: Path) -> None:
    pack([("0000.jpg", None), ("0000.txt", "A cat.")], "out/00000.tar") if (
        tmp_path / "out"
    ).mkdir() is None else None
    rows = [
        {"url": "u", "key": "0000", "status": "success", "error_message": None},
        {"url": "v", "key": "0001", "status": "failed_to_download", "error_message": "timed out"},
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "out" / "00000.parquet")
    (tmp_path / "out" / "00000_stats.json").write_text("{}")
    (tmp_path / "out" / "extra.bin").write_bytes(b"x")
    records, notes = told(tmp_path / "out")
    assert [(record.key, record.reason) for record in records] == [
        ("00000.tar/0000.jpg", ""), ("00000.tar/0001", "failed to download: timed out"),
    ]  # fmt: skip
    assert notes == ["1 other files were not read: 1 .bin (extra.bin)"]


@pytest.mark.parametrize("size", [2300, 900])
def test_torn_tars_give_what_is_whole(told: Told, pack: Pack, size: int) -> None:
    path = pack([("1.png", None), ("1.txt", "hat, cat"), ("2.png", None)])
    whole = path.read_bytes()
    path.write_bytes(whole[:size])
    records, _ = told(path)
    assert records[0].key == "shard.tar/1.png"
    assert "damaged tar" in records[-1].reason
