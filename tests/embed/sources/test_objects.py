"""Pictures in an object store, against an S3 server on this machine: what a folder of the same files would give."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

pytest.importorskip("obstore", reason="pip install 'likeness-curation[objects]'")

from embed.ingest.stage import run_ingest
from embed.sources import SourceOptions, open_source
from index.images.objects import Objects, is_address, object_address, split_address
from index.images.reader import Reader, ReadError, is_there
from index.store import Store
from schema.errors import SourceError
from schema.settings import Settings

READ = ("keys", "tags", "text", "width", "status", "item_id")


@pytest.fixture
def bucket(object_store: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Objects:
    for name, value in object_store.items():
        monkeypatch.setenv(name, value)
    return Objects("s3")


@pytest.fixture
def upload(bucket: Objects) -> Callable[[Path, str], str]:
    """Puts the files of a folder below a prefix, and returns its address."""

    def put(folder: Path, prefix: str) -> str:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                bucket.write(f"likeness/{prefix}/{path.relative_to(folder).as_posix()}", path.read_bytes())
        return f"s3://likeness/{prefix}"

    return put


def ingested(store: Store, source: str | Path) -> tuple[list[dict[str, Any]], list[str], Any]:
    summary = run_ingest(store, Settings(), [str(source)])
    table = store.take_items(range(store.n_items()), [*READ, "uri"]).to_pylist()
    uris = [record.pop("uri") for record in table]
    return table, uris, summary


def test_a_prefix_gives_what_the_folder_gives(
    small_images: Path,
    upload: Callable[[Path, str], str],
    tmp_path: Path,
    picture: Callable[..., Image.Image],
) -> None:
    odd = small_images / "10_set" / "a #1 100% 日本.png"
    odd.parent.mkdir()
    picture(50).save(odd)
    odd.with_suffix(".txt").write_text("1girl, pink hair", encoding="utf-8")
    (small_images / "10_set" / "no_ending").write_bytes((small_images / "00.png").read_bytes() + b"x")
    (small_images / "notes.pdf").write_bytes(b"%PDF")
    address = upload(small_images, "folder/here")
    with Store.open(tmp_path / "one", create=True, write=True) as store:
        local, _, _ = ingested(store, small_images)
    with Store.open(tmp_path / "two", create=True, write=True) as store:
        remote, uris, _ = ingested(store, address + "/")
        assert remote == local and len(remote) == 14 and all(each["status"] == "ok" for each in remote)
        assert all(uri.startswith("s3://likeness/folder/here/") for uri in uris)
        reader = Reader()
        assert {reader.read(uri) for uri in uris if "10_set/a" in uri} == {odd.read_bytes()}
        again = run_ingest(store, Settings(), [address])
        assert again.counts["known"] == 14 and not again.counts["items"]
        assert not [name for name in again.counts if name in ("edited", "replaced", "moved", "missing")]


def test_what_changes_in_the_bucket_is_seen(
    small_images: Path, upload: Callable[[Path, str], str], bucket: Objects, tmp_path: Path,
    picture: Callable[..., Image.Image],
) -> None:  # fmt: skip
    address = upload(small_images, "changing")
    with Store.open(tmp_path / "store", create=True, write=True) as store:
        ingested(store, address)
        bucket.write("likeness/changing/00.txt", b"1girl, white hair")
        bucket.remove("likeness/changing/01.png")
        data = io.BytesIO()
        picture(77).save(data, "PNG")
        bucket.write("likeness/changing/02.png", data.getvalue())
        summary = run_ingest(store, Settings(), [address])
        assert (summary.counts["edited"], summary.counts["missing"]) == (1, 1), summary.counts
        assert summary.counts["replaced"] == 1
        assert "white_hair" in store.take_items([0], ["tags"])["tags"][0].as_py()
    assert not is_there("s3://likeness/changing/01.png") and is_there("s3://likeness/changing/00.png")


def test_tars_are_listed_by_their_headers_and_pictures_read_by_their_place(
    small_images: Path, bucket: Objects, tmp_path: Path
) -> None:
    shard = tmp_path / "00000.tar"
    with tarfile.open(shard, "w") as tar:
        for path in sorted(small_images.iterdir()):
            tar.add(path, path.name)
    bucket.upload(str(shard), "likeness/tars/00000.tar")
    with Store.open(tmp_path / "one", create=True, write=True) as store:
        local, _, _ = ingested(store, shard)
    for number, address in enumerate(("s3://likeness/tars/00000.tar", "s3://likeness/tars")):
        with Store.open(tmp_path / f"r{number}", create=True, write=True) as store:
            remote, uris, _ = ingested(store, address)
        assert remote == local and len(remote) == 12
        assert all(uri.startswith("s3://likeness/tars/00000.tar#offset=") for uri in uris)


def test_parquet_and_listings_name_their_pictures(
    small_images: Path, bucket: Objects, tmp_path: Path, upload: Callable[[Path, str], str]
) -> None:
    names = sorted(small_images.glob("*.png"))
    images = [{"bytes": path.read_bytes(), "path": path.name} for path in names]
    table = pa.table({"image": images, "tags": ["1girl blue_hair"] * len(names)})
    pq.write_table(table, tmp_path / "part.parquet")
    bucket.upload(str(tmp_path / "part.parquet"), "likeness/tables/part.parquet")
    with Store.open(tmp_path / "p", create=True, write=True) as store:
        rows, uris, summary = ingested(store, "s3://likeness/tables/part.parquet")
        assert len(rows) == 12 and all("blue_hair" in row["tags"] for row in rows)
        assert uris[3].startswith("s3://likeness/tables/part.parquet#row=3&column=image")
        assert any("Parquet" in note for note in summary.warnings)
        assert Reader().read(uris[3]) == names[3].read_bytes()
    upload(small_images, "listed/pics")
    lines = "".join(f'{{"image": "pics/{path.name}", "tags": "1girl"}}\n' for path in names)
    bucket.write("likeness/listed/list.jsonl", lines.encode())
    with Store.open(tmp_path / "l", create=True, write=True) as store:
        rows, uris, _ = ingested(store, "s3://likeness/listed/list.jsonl")
    assert [row["status"] for row in rows] == ["ok"] * 12
    assert uris[0] == "s3://likeness/listed/pics/00.png"


def test_places_that_are_not_there_are_said(bucket: Objects) -> None:
    with pytest.raises(SourceError, match="there is nothing at s3://likeness/nothing"):
        open_source("s3://likeness/nothing", SourceOptions())
    with pytest.raises(SourceError, match="cannot reach s3://no-such-bucket/x"):
        open_source("s3://no-such-bucket/x", SourceOptions())
    with pytest.raises(ReadError, match="no such file"):
        Reader().read("s3://likeness/nothing.png")
    bucket.write("likeness/large.png", bytes(2000))
    with pytest.raises(ReadError, match="more than the limit"):
        Reader(1000).read("s3://likeness/large.png")
    with pytest.raises(SourceError, match="is an address, not a path"):
        open_source("https://example.org/a", SourceOptions())


def test_addresses_hold_any_name() -> None:
    for name in ("bucket/a b#1%20.png", "bucket/日本/x&y=1", "bucket/line\nend"):
        assert split_address(object_address("s3", name)) == ("s3", name)
    assert is_address("hf://datasets/a/b") and not is_address("/data/s3://x") and not is_address("s3")
