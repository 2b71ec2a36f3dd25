"""What sources say of pictures is in typed columns: filterable, exported, and folded from every copy."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL.PngImagePlugin import PngInfo

from curate.export.stage import run_export
from embed.ingest.stage import run_ingest
from index.filters import matching_rows
from index.store import Store
from schema.errors import SettingsError
from schema.records import Summary
from schema.settings import load_settings

CATALOGUE = """id,gender,articleType,year,price
1,Men,Shirts,2011,10
2,Men,Jeans,2013,12.5
3,Women,Watches,2016,
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store", create=True, write=True) as opened:
        yield opened


@pytest.fixture
def ingest(store: Store) -> Callable[..., Summary]:
    return lambda source, *overrides: run_ingest(store, load_settings(None, overrides), [str(source)])


@pytest.fixture
def folder(tmp_path: Path, picture: Callable[[int], Any]) -> Callable[..., Path]:
    """Writes pictures, and files beside them, into a folder."""

    def make(files: dict[str, str | int], name: str = "set") -> Path:
        for file, content in files.items():
            path = tmp_path / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, int):
                picture(content).save(path)
            else:
                path.write_text(content)
        return tmp_path / name

    return make


def keys(store: Store, where: str) -> list[str]:
    return [key[0] for key in store.take_items(matching_rows(store, where), ["keys"]).column(0).to_pylist()]


def post(**fields: Any) -> str:
    return json.dumps({"category": "danbooru", "tag_string": "1girl", **fields})


def test_a_booru_folder_can_be_filtered_by_its_facts(
    store: Store, ingest: Callable[..., Summary], folder: Callable[..., Path]
) -> None:
    ingest(
        folder(
            {
                "a.png": 1, "a.png.json": post(id=11, rating="g", score=30, tag_string_artist="painter"),
                "b.png": 2, "b.png.json": post(id=12, rating="s", score=50, fav_count=7),
                "c.png": 3, "c.png.json": post(id=13, rating="g", score=10, created_at="2024-05-31T12:00:00Z"),
            }
        )
    )  # fmt: skip
    assert keys(store, "source_rating = 'general' and source_score > 20") == ["a.png"]
    assert keys(store, "source_rating = 's'") == ["b.png"]
    assert keys(store, "artists = 'painter'") == ["a.png"]
    assert keys(store, "posted > '2024'") == ["c.png"]
    assert keys(store, "keys = '12'") == ["b.png"]
    assert keys(store, "favourites >= 7") == ["b.png"]


def test_a_catalogue_can_be_filtered_and_exported(
    store: Store, ingest: Callable[..., Summary], folder: Callable[..., Path], tmp_path: Path
) -> None:
    place = folder({"images/1.png": 1, "images/2.png": 2, "images/3.png": 3, "styles.csv": CATALOGUE})
    ingest(place / "styles.csv")
    assert keys(store, "source_gender = 'Men' and year > 2012") == ["images/2.png"]
    schema = store.schema("items")
    assert schema.field("year").type == pa.int64()
    assert schema.field("price").type == pa.float64()
    assert schema.field("source_gender").type == pa.string()
    run_export(store, load_settings(), tmp_path / "out", everything=True)
    table = pq.read_table(tmp_path / "out" / "part-00000.parquet")
    assert table.column("articleType").to_pylist() == ["Shirts", "Jeans", "Watches"]
    assert table.column("price").to_pylist() == [10.0, 12.5, None]
    run_export(store, load_settings(), tmp_path / "lines", format="jsonl", everything=True)
    line = json.loads((tmp_path / "lines" / "part-00000.jsonl").read_text().splitlines()[0])
    assert (line["source_gender"], line["year"]) == ("Men", 2011)


def test_columns_grow_and_widen_from_source_to_source(
    store: Store, ingest: Callable[..., Summary], folder: Callable[..., Path]
) -> None:
    for number, value in enumerate(("7", "7.5", "seven", "true")):
        ingest(
            folder(
                {f"{number}.png": number, "metadata.csv": f"file_name,size\n{number}.png,{value}\n"},
                f"s{number}",
            )
        )
    found = [record for batch in store.items(["size"]) for record in batch.column(0).to_pylist()]
    assert found == ["7.0", "7.5", "seven", "true"]
    assert store.schema("items").field("size").type == pa.string()


def test_what_a_copy_says_is_said_of_the_item(
    store: Store, ingest: Callable[..., Summary], folder: Callable[..., Path]
) -> None:
    ingest(folder({"a.png": 1, "a.png.json": post(id=1, score=5)}, "one"))
    ingest(folder({"b.png": 1, "b.png.json": post(id=2, rating="e", own=3)}, "two"))
    (record,) = [record for batch in store.items() for record in batch.to_pylist()]
    assert record["keys"] == ["a.png", "1", "b.png", "2"]
    assert (record["source_score"], record["source_rating"]) == (5.0, "e")
    assert keys(store, "source_rating = 'explicit'") == ["a.png"]


def test_columns_beyond_the_limit_are_kept_together(
    store: Store, ingest: Callable[..., Summary], folder: Callable[..., Path]
) -> None:
    place = folder({"a.png": 1, "a.png.json": json.dumps({"x1": 1, "x2": 2, "x3": "three"})})
    summary = ingest(place, "ingest.extra_columns=2")
    (record,) = [record for batch in store.items() for record in batch.to_pylist()]
    assert (record["x1"], record["x2"]) == (1, 2)
    assert json.loads(record["source_other"]) == {"x3": "three"}
    assert any("1 columns of the sources beyond ingest.extra_columns" in note for note in summary.warnings)


def test_what_is_not_read_is_told(
    store: Store, ingest: Callable[..., Summary], folder: Callable[..., Path]
) -> None:
    summary = ingest(folder({"a.png": 1, "metadata_v2.jsonl": "{}", "old.bak": "x"}))
    assert any("2 other files were not read" in note for note in summary.warnings)
    assert summary.counts["items"] == 1


def test_an_unreadable_caption_costs_no_entry(
    store: Store, ingest: Callable[..., Summary], folder: Callable[..., Path]
) -> None:
    place = folder({"a.png": 1, "b.png": 2})
    (place / "a.txt").write_bytes("hat, 初音".encode("cp932"))
    summary = ingest(place)
    assert (summary.counts["items"], summary.counts["failed"]) == (2, 1)
    (source,) = [record for batch in store.scan("sources") for record in batch.to_pylist()]
    assert source["listed"] == 2


def test_an_encoding_that_there_is_not(ingest: Callable[..., Summary], folder: Callable[..., Path]) -> None:
    with pytest.raises(SettingsError, match=r"tags\.encoding"):
        ingest(folder({"a.png": 1}), "tags.encoding=shift-jizz")


def test_prompts_of_generators_are_kept_apart_from_descriptions(
    store: Store, ingest: Callable[..., Summary], tmp_path: Path, picture: Callable[[int], Any]
) -> None:
    info = PngInfo()
    info.add_text("parameters", "1girl, red hair\nSteps: 20, Sampler: Euler a")
    (tmp_path / "set").mkdir()
    picture(1).save(tmp_path / "set" / "a.png", pnginfo=info)
    picture(2).save(tmp_path / "set" / "b.png")
    ingest(tmp_path / "set")
    assert keys(store, "has_prompt") == ["a.png"]
    (first, second) = [record for batch in store.items() for record in batch.to_pylist()]
    assert first["prompt"].startswith("1girl, red hair")
    assert (first["prompt_source"], first["text"], first["tags"]) == ("png parameters", "", [])
    assert (second["prompt"], second["has_prompt"]) == (None, False)
