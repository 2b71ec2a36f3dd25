"""Listings and Parquet: columns by name and by a first look, catalogues with ids, hub folders, lists of pictures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embed.sources import SourceOptions, SourceRecord, kind_of, open_source
from index.images.reader import Reader
from schema.errors import SourceError

Told = Callable[..., tuple[list[SourceRecord], list[str]]]
Fill = Callable[..., Path]
TAGS = ["1girl, blonde hair", "1girl, black hair", "1girl, red hair"]
STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])

CATALOGUE = """id,gender,masterCategory,articleType,season,year,usage,productDisplayName
15970,Men,Apparel,Shirts,Fall,2011,Casual,Turtle Check Men Navy Blue Shirt
39386,Men,Apparel,Jeans,Summer,2012,Casual,"Peter England Men Party Blue Jeans"
59263,Women,Accessories,Watches,,2016,,Titan Women Silver Watch
00001,Men,Apparel,Belts,Fall,n/a,Casual,A belt without a picture
"""


def test_a_catalogue_with_ids_beside_a_folder(told: Told, fill: Fill) -> None:
    pictures: dict[str, str | None] = {
        f"images/{name}.jpg": None for name in ("15970", "39386", "59263", "70000")
    }
    folder = fill({**pictures, "styles.csv": CATALOGUE})
    records, notes = told(folder / "styles.csv")
    assert [(record.key, record.reason) for record in records] == [
        ("images/15970.jpg", ""), ("images/39386.jpg", ""), ("images/59263.jpg", ""),
        ("images/00001", "no picture images/00001.*"),
    ]  # fmt: skip
    assert records[0].annotation.keys == ("15970",)
    assert records[0].annotation.metadata.extras == {
        "source_gender": "Men", "masterCategory": "Apparel", "articleType": "Shirts", "season": "Fall", "year": 2011,
        "usage": "Casual", "productDisplayName": "Turtle Check Men Navy Blue Shirt",
    }  # fmt: skip
    assert records[2].annotation.metadata.extras["year"] == 2016
    assert "season" not in records[2].annotation.metadata.extras
    assert "pictures were found as images/ID.* by the column 'id'" in notes
    assert "1 rows have no picture in images/" in notes
    assert "1 pictures in images/ are in no row and were left alone" in notes
    _, whole = told(folder)
    assert whole == ["1 other files were not read: 1 .csv (styles.csv)"]


def test_a_parquet_catalogue_with_ids(told: Told, fill: Fill) -> None:
    folder = fill({f"pics/{number}.png": None for number in range(3)})
    pq.write_table(pa.table({"sku": [0, 1, 2], "price": [1.5, 2.5, None]}), folder / "items.parquet")
    records, _ = told(folder / "items.parquet")
    assert [record.key for record in records] == ["pics/0.png", "pics/1.png", "pics/2.png"]
    assert records[0].annotation.metadata.extras == {"sku": 0, "price": 1.5}


def test_hub_folders_are_sources_as_they_stand(told: Told, fill: Fill, png: Callable[[str], bytes]) -> None:
    folder = fill({"README.md": "# Set", ".gitattributes": "x", "data/extra.bin": "x"})
    for split in ("test", "train"):
        rows = pa.table(
            {"image": pa.array([{"bytes": png("red"), "path": f"{split}.png"}], STRUCT), "tags": ["hat, cat"]}
        )
        pq.write_table(rows, folder / "data" / f"{split}-00000-of-00001.parquet")
    assert kind_of(folder) == "parquet"
    records, notes = told(folder)
    assert [record.key for record in records] == [
        f"data/{split}-00000-of-00001.parquet#0" for split in ("test", "train")
    ]
    assert records[0].annotation.keys == ("test.png",)
    assert notes == ["1 other files were not read: 1 .bin (data/extra.bin)"]


@pytest.mark.parametrize("shape", ["struct", "bytes", "path"])
def test_lists_of_pictures_give_one_item_each(
    told: Told, tmp_path: Path, png: Callable[[str], bytes], shape: str
) -> None:
    colours = [["red", "green"], [], ["blue"]]
    data = [[png(colour) for colour in row] for row in colours]
    for row in colours:
        for colour in row:
            (tmp_path / f"{colour}.png").write_bytes(png(colour))
    values = {
        "struct": pa.array(
            [[{"bytes": b, "path": f"{n}.png"} for n, b in enumerate(row)] for row in data], pa.list_(STRUCT)
        ),
        "bytes": pa.array(data, pa.list_(pa.binary())),
        "path": pa.array([[f"{colour}.png" for colour in row] for row in colours], pa.list_(pa.string())),
    }[shape]
    name = "images" if shape != "path" else "image"
    pq.write_table(pa.table({name: values, "tags": TAGS}), tmp_path / "x.parquet")
    records, _ = told(tmp_path / "x.parquet")
    pictures = [record for record in records if record.uri]
    if shape != "path":
        assert [record.key for record in pictures] == ["x.parquet#0.0", "x.parquet#0.1", "x.parquet#2.0"]
    reader = Reader()
    assert [reader.read(record.uri) for record in pictures] == [
        png(colour) for colour in ("red", "green", "blue")
    ]
    assert [record.annotation.tags for record in pictures] == [("1girl", "blonde_hair")] * 2 + [
        ("1girl", "red_hair")
    ]
    (text,) = [record for record in records if not record.uri]
    assert text.annotation.tags == ("1girl", "black_hair")


@pytest.mark.parametrize(
    "column",
    [
        pa.array(TAGS).dictionary_encode(),
        pa.array(TAGS, pa.large_string()),
        pa.array([tags.split(", ") for tags in TAGS]),
        pa.array([str(tags.split(", ")) for tags in TAGS]),
        pa.array([json.dumps(tags.split(", ")) for tags in TAGS]),
    ],
    ids=["dictionary", "large", "list", "python", "json"],
)
def test_tags_in_every_type(
    told: Told, tmp_path: Path, png: Callable[[str], bytes], column: pa.Array
) -> None:
    images = pa.array([png(colour) for colour in ("red", "green", "blue")], pa.large_binary())
    pq.write_table(pa.table({"image": images, "tags": column}), tmp_path / "x.parquet")
    records, _ = told(tmp_path / "x.parquet")
    assert [record.annotation.tags[1] for record in records] == ["blonde_hair", "black_hair", "red_hair"]


def test_flattened_and_nested_columns(told: Told, tmp_path: Path, png: Callable[[str], bytes]) -> None:
    images = [png(colour) for colour in ("red", "green", "blue")]
    flat = {"image.bytes": images, "image.path": ["0.png", "1.png", "2.png"], "tags": TAGS}
    pq.write_table(pa.table(flat), tmp_path / "flat.parquet")
    records, _ = told(tmp_path / "flat.parquet")
    assert Reader().read(records[2].uri) == images[2]
    nested = {"jpg": pa.array(images, pa.binary()), "json": [{"tags": tags, "id": 7} for tags in TAGS]}
    pq.write_table(pa.table(nested), tmp_path / "nested.parquet")
    records, _ = told(tmp_path / "nested.parquet")
    assert [record.annotation.tags[1] for record in records] == ["blonde_hair", "black_hair", "red_hair"]
    assert records[0].annotation.keys == ("7",)


def test_oddly_named_tag_columns_are_told_with_their_setting(
    told: Told, tmp_path: Path, png: Callable[[str], bytes]
) -> None:
    images = [png("red")] * 3
    odd = {
        "img": images,
        "wd_words": TAGS,
        "meta": [{"tag_list": tags.split(", "), "n": 1} for tags in TAGS],
        "label": [0, 1, 2],
    }
    pq.write_table(pa.table(odd), tmp_path / "odd.parquet")
    records, notes = told(tmp_path / "odd.parquet")
    assert records[0].annotation.tags == ()
    assert records[0].annotation.metadata.extras["label"] == 0
    assert any("'wd_words'" in note and "--set ingest.tags_column=wd_words" in note for note in notes)
    assert any("--set ingest.tags_column=meta.tag_list" in note for note in notes)
    for column in ("wd_words", "meta.tag_list"):
        named, _ = told(tmp_path / "odd.parquet", tags_column=column)
        assert named[0].annotation.tags == ("1girl", "blonde_hair")


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_text_column_of_tag_lists_is_read_as_tags(told: Told, fill: Fill, ending: str) -> None:
    folder = fill({f"{number}.png": None for number in range(3)})
    rows = [{"file_name": f"{number}.png", "text": tags} for number, tags in enumerate(TAGS)]
    path = folder / f"list.{ending}"
    if ending == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif ending == "csv":
        path.write_text("file_name,text\n" + "".join(f'{row["file_name"]},"{row["text"]}"\n' for row in rows))
    else:
        path.write_text("\n".join(map(json.dumps, rows)))
    records, notes = told(path)
    assert [record.annotation.tags[1] for record in records] == ["blonde_hair", "black_hair", "red_hair"]
    assert all(not record.annotation.text for record in records)
    assert any("'text'" in note and "is read as tags" in note for note in notes)
    kept, _ = told(path, text_column="text")
    assert kept[0].annotation.text == TAGS[0]
    assert kept[0].annotation.tags == ()


def test_descriptions_stay_text(told: Told, fill: Fill) -> None:
    folder = fill({f"{number}.png": None for number in range(3)})
    said = ["A girl with blonde hair, smiling.", "Portrait, dark", "The sea at night, with a boat on it."]
    rows = [{"file_name": f"{number}.png", "text": text} for number, text in enumerate(said)]
    (folder / "list.jsonl").write_text("\n".join(map(json.dumps, rows)))
    records, notes = told(folder / "list.jsonl")
    assert [record.annotation.text for record in records] == said
    assert notes == []


def test_web_addresses_are_refused_with_a_downloader(told: Told, fill: Fill) -> None:
    folder = fill(
        {"a.png": None, "list.jsonl": json.dumps({"file_name": "https://x.example/a.png", "tags": "hat"})}
    )
    (record,), _ = told(folder / "list.jsonl")
    assert "img2dataset or gallery-dl" in record.reason
    with pytest.raises(SourceError, match="is an address") as error:
        open_source("https://x.example/set", SourceOptions())
    assert "gallery-dl" in error.value.hint


def test_rows_that_a_downloader_could_not_fetch(told: Told, fill: Fill) -> None:
    rows = [{"file_name": "a.png", "status": "success", "error_message": None},
            {"file_name": "b.png", "status": "failed_to_download", "error_message": "HTTP Error 404"}]  # fmt: skip
    folder = fill({"a.png": None, "list.jsonl": "\n".join(map(json.dumps, rows))})
    records, _ = told(folder / "list.jsonl")
    assert [record.reason for record in records] == ["", "failed to download: HTTP Error 404"]


def test_relative_sources_work_like_absolute_ones(
    told: Told, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fill({"a.png": None, "list.csv": "file_name,tags\na.png,hat\n", "sub/x": ""})
    monkeypatch.chdir(folder / "sub")
    wanted = told(folder / "list.csv")[0]
    assert told("../list.csv")[0] == wanted
    assert told("../../set/sub/../list.csv")[0] == wanted
    assert told("..")[0] == told(folder)[0]


@pytest.mark.parametrize("separator", [";", "\t"])
def test_metadata_of_european_spreadsheets(told: Told, fill: Fill, separator: str) -> None:
    text = f"file_name{separator}tags\r\n0.png{separator}1girl, blonde hair\r\n"
    (record,), _ = told(fill({"0.png": None, "metadata.csv": text.encode("utf-16")}))
    assert record.annotation.tags == ("1girl", "blonde_hair")


def test_lists_of_paths_in_a_listing(told: Told, fill: Fill) -> None:
    folder = fill(
        {
            "a.png": None,
            "b.png": None,
            "l.jsonl": json.dumps({"images": ["a.png", "b.png"], "tags": "hat, cat"}),
        }
    )
    records, _ = told(folder / "l.jsonl")
    assert [(record.key, record.annotation.tags) for record in records] == [
        ("a.png", ("hat", "cat")), ("b.png", ("hat", "cat")),
    ]  # fmt: skip


def test_fields_that_no_column_can_hold_are_told(
    told: Told, tmp_path: Path, png: Callable[[str], bytes]
) -> None:
    table = pa.table(
        {
            "image": [png("red")],
            "mask": [b"x"],
            "vector": pa.array([[0.5] * 8], pa.list_(pa.float32())),
            "n": [1],
        }
    )
    pq.write_table(table, tmp_path / "x.parquet")
    records, notes = told(tmp_path / "x.parquet")
    assert records[0].annotation.metadata.extras == {"n": 1}
    assert notes == [
        "columns of x.parquet that hold bytes or long lists of numbers were left out: mask, vector"
    ]
