"""Every kind of source lists what lies there, in a fixed order, and hostile rows become reasons."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from embed.sources import SOURCES, SourceOptions, SourceRecord, kind_of, open_source
from index.images.reader import Reader, ReadError, file_uri, row_uri
from schema.errors import SourceError
from schema.settings import IngestSettings

TAKEN = frozenset({"tags", "text", "width", "height", "source", "status", "gender", "similarity"})


def nothing(*_: object) -> bool:
    return False


def listed(path: Path, encoding: str = "", **settings: str) -> list[SourceRecord]:
    return told(path, encoding, **settings)[0]


def told(path: Path, encoding: str = "", **settings: str) -> tuple[list[SourceRecord], list[str]]:
    """What a source lists, and its notes afterwards."""
    _, source = open_source(path, SourceOptions(IngestSettings(**settings), encoding, TAKEN))
    return list(source.records(nothing)), source.notes()


@pytest.fixture
def png() -> Callable[[str], bytes]:
    def make(colour: str) -> bytes:
        buffer = io.BytesIO()
        Image.new("RGB", (8, 6), colour).save(buffer, "PNG")
        return buffer.getvalue()

    return make


@pytest.fixture
def tree(tmp_path: Path, png: Callable[[str], bytes]) -> Path:
    (tmp_path / "b").mkdir()
    for name, colour in (("b/2.png", "red"), ("b/10.png", "blue"), ("a.png", "green"), ("noending", "white")):
        (tmp_path / name).write_bytes(png(colour))
    (tmp_path / "truth.csv").write_text("file_name,tags\na.png,wrong\n")
    (tmp_path / "vectors.npy").write_bytes(b"\x93NUMPY")
    (tmp_path / "README.md").write_text("# read me")
    return tmp_path


def test_a_plain_tree_is_listed_in_sorted_order_and_other_files_are_left_alone(tree: Path) -> None:
    (tree / "a.txt").write_text("1girl, Blue Eyes, (smile:1.2)")
    (tree / "b/2.txt").write_text("a girl with long hair, smiling")
    found = listed(tree)
    assert [s.key for s in found] == ["a.png", "noending", "b/10.png", "b/2.png"]
    assert found[0].annotation.tags == ("1girl", "blue_eyes", "smile")
    assert (found[3].annotation.tags, found[3].annotation.text) == ((), "a girl with long hair, smiling")


@pytest.mark.parametrize("name", ["metadata.jsonl", "metadata.csv"])
def test_metadata_rows_come_first_and_in_their_order(tree: Path, name: str) -> None:
    rows = [
        {"file_name": "b/2.png", "id": "x2", "tags": "1boy, hat", "text": "A boy."},
        {"file_name": "../../etc/passwd", "id": "evil", "tags": "", "text": ""},
        {"file_name": "a.png", "id": "x1", "tags": "1girl solo long_hair", "text": ""},
        {"file_name": "", "id": "t1", "tags": "", "text": "Only words."},
        {"file_name": "", "id": "t2", "tags": "", "text": ""},
    ]
    if name.endswith("csv"):
        text = "file_name,id,tags,text\n" + "".join(
            ",".join(f'"{row[c]}"' for c in ("file_name", "id", "tags", "text")) + "\n" for row in rows
        )
    else:
        text = "\n".join(map(json.dumps, rows)) + "\n{not json\n"
    (tree / name).write_text(text)
    found = listed(tree)
    assert [s.key for s in found][:5] == ["b/2.png", "../../etc/passwd", "a.png", "t1", "t2"]
    assert found[0].annotation.keys == ("x2",)
    assert found[0].annotation.tags == ("1boy", "hat")
    assert found[0].annotation.text == "A boy."
    assert found[1].reason == "lies outside the source folder"
    assert found[2].annotation.tags == ("1girl", "solo", "long_hair")
    assert (found[3].uri, found[3].annotation.text) == ("", "Only words.")
    assert found[4].reason == "row has neither a picture nor a text"
    assert [s.key for s in found][-2:] == ["noending", "b/10.png"]
    assert ("line 6 is not JSON" in found[5].reason) == name.endswith("jsonl")


def test_kohya_tags_with_and_without_ending_join_the_captions(tree: Path) -> None:
    (tree / "a.txt").write_text("solo")
    names = {"a": "1girl, hat", "b/2.png": "1boy", "/elsewhere/b/10.png": "cat", "gone": "x"}
    said = {name: {"tags": tags} for name, tags in names.items()}
    (tree / "meta_lat.json").write_text(json.dumps(said))
    found = {s.key: s for s in listed(tree)}
    assert found["a.png"].annotation.tags == ("solo", "1girl", "hat")
    assert found["b/2.png"].annotation.tags == ("1boy",)
    assert found["b/10.png"].annotation.tags == ("cat",)
    assert "no such file" in found["gone"].reason


def test_other_json_is_left_alone(tree: Path) -> None:
    (tree / "settings.json").write_text(json.dumps({"zzz": {"tags": "x"}, "tags": "y"}))
    (tree / "list.json").write_text("[1, 2]")
    assert len(listed(tree)) == 4


def test_hostile_names_and_links(tree: Path, png: Callable[[str], bytes]) -> None:
    raw = os.fsencode(tree) + b"/b/\xff-\n-x.png"
    with open(raw, "wb") as file:
        file.write(png("black"))
    (tree / "-rf#row=1.png").write_bytes(png("gray"))
    (tree / "loop").symlink_to(tree)
    (tree / "b" / "self").symlink_to(tree / "b")
    os.mkfifo(tree / "pipe.png")
    found = {s.key: s for s in listed(tree)}
    assert len(found) == 7
    reader = Reader()
    assert reader.read(found["b/\\xff-\n-x.png"].uri) == png("black")
    assert reader.read(found["-rf#row=1.png"].uri) == png("gray")
    with pytest.raises(ReadError, match="not a regular file"):
        reader.read(found["pipe.png"].uri)


def test_listings_of_paths(tree: Path) -> None:
    (tree / "rows.jsonl").write_text(
        '{"image": "a.png", "post": 7, "tags": ["Long Hair", "smile"], "who": "Miku"}\n{"text": "Words."}\n[]\n'
    )
    found = listed(tree / "rows.jsonl", key_column="post", identity_column="who")
    assert found[0].annotation.keys == ("7",)
    assert (found[0].annotation.tags, found[0].annotation.identity) == (("long_hair", "smile"), "Miku")
    assert found[1].annotation.text == "Words."
    assert found[2].reason == "line 3 is not a JSON object"
    assert Reader().read(found[0].uri) == (tree / "a.png").read_bytes()
    (tree / "rows.csv").write_text("path,tag_string\na.png,1girl long_hair\n../x.png,\n")
    found = listed(tree / "rows.csv")
    assert found[0].annotation.tags == ("1girl", "long_hair")
    assert found[1].reason == "lies outside the source folder"


def test_a_configured_column_that_is_missing_is_named(tree: Path) -> None:
    (tree / "rows.csv").write_text("path,tags\na.png,x\n")
    with pytest.raises(SourceError, match="no column 'words'"):
        listed(tree / "rows.csv", tags_column="words")


@pytest.mark.parametrize("shape", ["path", "bytes", "struct"])
def test_parquet_listings(tree: Path, png: Callable[[str], bytes], shape: str) -> None:
    pictures = [png(colour) for colour in ("red", "green", "blue")]
    if shape == "path":
        column: pa.Array = pa.array(["a.png", "b/2.png", "b/10.png"])
        pictures = [(tree / name).read_bytes() for name in ("a.png", "b/2.png", "b/10.png")]
    elif shape == "bytes":
        column = pa.array(pictures, pa.binary())
    else:
        column = pa.array([{"bytes": data, "path": f"{n}.png"} for n, data in enumerate(pictures)])
    table = pa.table({"image": column, "id": [5, 6, 7], "tags": [["Hat"], None, ["cat", "dog"]]})
    pq.write_table(table, tree / "rows.parquet", row_group_size=2)
    found = listed(tree / "rows.parquet")
    reader = Reader()
    assert [reader.read(s.uri) for s in reversed(found)] == pictures[::-1]
    assert [s.annotation.tags for s in found] == [("hat",), (), ("cat", "dog")]
    assert [s.annotation.keys[0] for s in found] == ["5", "6", "7"]


def test_tars(tmp_path: Path, png: Callable[[str], bytes]) -> None:
    path = tmp_path / "shard.tar"
    members = [
        ("d/001.png", png("red")),
        ("d/001.txt", b"1girl, hat"),
        ("d/001.json", b'{"id": 99, "caption": "A girl in a hat."}'),
        ("d/002.jpg", b"no picture"),
        ("d/003.txt", b"A text and no picture."),
    ]
    with tarfile.open(path, "w") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    found = listed(path)
    assert [s.key for s in found] == ["shard.tar/d/001.png", "shard.tar/d/002.jpg", "shard.tar/d/003"]
    assert found[0].annotation.keys == ("d/001", "99")
    assert (found[0].annotation.tags, found[0].annotation.text) == (("1girl", "hat"), "A girl in a hat.")
    assert Reader().read(found[0].uri) == png("red")
    assert found[2].annotation.text == "A text and no picture."
    torn = tmp_path / "torn.tar"
    torn.write_bytes(path.read_bytes()[:2300])
    assert "damaged tar" in listed(torn)[-1].reason


def test_kinds_are_told_from_paths(tree: Path) -> None:
    assert kind_of(tree) == "folder"
    with pytest.raises(SourceError, match="cannot read the source"):
        kind_of(tree / "missing")
    with pytest.raises(SourceError, match="neither a folder nor a listing"):
        kind_of(tree / "README.md")
    (tree / "x.tar.gz").write_bytes(b"")
    with pytest.raises(SourceError, match="compressed"):
        kind_of(tree / "x.tar.gz")
    assert set(SOURCES) == {"folder", "listing", "parquet", "tar"}


def test_uris_of_odd_paths_read_back(tmp_path: Path) -> None:
    for name in ("a#b.png", "ä b%20.png", "c\nd.png", "e#offset=1&size=2"):
        path = tmp_path / name
        path.write_bytes(name.encode())
        assert Reader().read(file_uri(path)) == name.encode()
    with pytest.raises(ReadError, match="no such file"):
        Reader().read(str(tmp_path / "gone.png"))
    with pytest.raises(ReadError, match="no such file"):
        Reader().read(row_uri(tmp_path / "gone.parquet", 1, "image"))
    (tmp_path / "big").write_bytes(b"12345")
    with pytest.raises(ReadError, match="more than the limit"):
        Reader(max_bytes=4).read(str(tmp_path / "big"))
