"""Every format is read by the reader that its users have: kohya's rules, webdataset, wids, datasets, mlcroissant."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from curate.captions.stage import run_caption
from curate.export.manifest import Request
from curate.export.stage import run_export, write_export
from index.store import Store
from schema.settings import Settings, load_settings

# Rows of each split under the default seed are not known here: large shares fill all of them.
SPLITS = ["export.val=0.3", "export.test=0.3"]
COUNT = 12


@pytest.fixture
def pictures(picture_store: Callable[..., tuple[Store, list[Path]]]) -> tuple[Store, list[Path]]:
    """A store of twelve PNGs with captions."""
    store, paths = picture_store(COUNT)
    from schema import tables

    items = store.read("items").to_pylist()
    for row, item in enumerate(items):
        item |= {
            "width": 24 + row % 5 * 16,
            "height": 40,
            "format": "png",
            "tags": ["1girl", "wlop", f"tag_{row}"],
        }
        item |= {
            "collection": "My: concept",
            "repeats": 3 if row % 2 else None,
            "licence": "cc0",
            "artists": ["wlop"],
        }
    import pyarrow as pa

    store.replace("items", pa.Table.from_pylist(items, tables.ITEMS), tables.ITEMS)
    run_caption(store, Settings(), ["tags"])
    return store, paths


def export(store: Store, out: Path, format: str, *options: str) -> Path:
    run_export(store, load_settings(None, [*SPLITS, *options]), out, format=format)
    return out


def items_of(store: Store) -> dict[str, bytes]:
    return {each["item_id"]: Path(each["uri"]).read_bytes() for each in store.read("items").to_pylist()}


def kohya_samples(folder: Path) -> list[tuple[int, str, bytes, str]]:
    """Read a folder by the rules of kohya's DreamBooth sets: N_NAME below it, captions beside the pictures."""
    found = []
    for place in sorted(folder.iterdir()):
        if not place.is_dir():
            continue
        match = re.fullmatch(r"(\d+)_(.+)", place.name)
        if match is None:
            continue
        for picture in sorted(place.iterdir()):
            if picture.suffix.lower() in (".png", ".jpg", ".jpeg", ".webp", ".bmp"):
                caption = picture.with_suffix(".txt").read_text(encoding="utf-8").strip()
                assert caption, "kohya takes the folder's name where a caption is empty"
                found.append((int(match.group(1)), match.group(2), picture.read_bytes(), caption))
    return found


def test_kohya_reads_the_folder(pictures: tuple[Store, list[Path]], tmp_path: Path) -> None:
    store, _ = pictures
    out = export(store, tmp_path / "out", "folder", "export.folder.kohya=true", "export.folder.meta=true")
    samples = [sample for split in ("train", "val", "test") for sample in kohya_samples(out / split)]
    assert sorted(data for _, _, data, _ in samples) == sorted(items_of(store).values())
    assert {(repeats, name) for repeats, name, _, _ in samples} == {(1, "My_ concept"), (3, "My_ concept")}
    assert all(re.fullmatch(r"1girl, wlop, tag \d+", caption) for *_, caption in samples)
    meta = json.loads((out / "train" / "meta.json").read_text(encoding="utf-8"))
    lines = [json.loads(line) for line in (out / "train" / "metadata.jsonl").read_text().splitlines()]
    assert set(meta) == {line["file_name"].removesuffix(".png") for line in lines}
    for key, entry in meta.items():
        assert (out / "train" / f"{key}.png").is_file()
        assert entry["caption"] == (out / "train" / f"{key}.txt").read_text().strip()
    assert all((line["licence"], line["artists"]) == ("cc0", ["wlop"]) for line in lines)


@pytest.mark.parametrize("files", ["link", "hardlink"])
def test_links_point_at_the_sources_and_an_export_replaces_them(
    pictures: tuple[Store, list[Path]], tmp_path: Path, files: str
) -> None:
    store, paths = pictures
    out = export(store, tmp_path / "out", "folder", f"export.folder.files={files}")
    written = sorted(out.glob("*/*.png"))
    assert len(written) == COUNT
    for place in written:
        assert place.is_symlink() == (files == "link")
        assert any(os.path.samefile(place, path) for path in paths)
    export(store, out, "folder")
    assert not any(place.is_symlink() for place in out.glob("*/*.png"))
    assert all(path.is_file() for path in paths)
    paths[0].write_bytes(b"other")
    with Image.open(io.BytesIO(items_of(store).popitem()[1])):
        pass


def test_an_export_takes_no_link_of_others_away(pictures: tuple[Store, list[Path]], tmp_path: Path) -> None:
    store, paths = pictures
    out = export(store, tmp_path / "out", "folder", "export.folder.files=link")
    place = sorted(out.glob("*/*.png"))[0]
    place.unlink()
    place.symlink_to(tmp_path)
    from schema.errors import ExportError

    with pytest.raises(ExportError, match="was changed"):
        export(store, out, "folder")
    assert place.is_symlink() and all(path.is_file() for path in paths)


def test_webdataset_reads_the_tars_and_the_index_of_wids_fits_them(
    pictures: tuple[Store, list[Path]], tmp_path: Path
) -> None:
    pytest.importorskip("webdataset", reason="the extra readers is not installed")
    store, _ = pictures
    out = export(store, tmp_path / "out", "webdataset", "export.images_per_tar=2")
    expected = items_of(store)
    tars = sorted(out.glob("*.tar"))
    assert len(tars) >= 6
    # In a process of its own: the library leaves its files to the collector.
    program = (
        "import sys, json, hashlib, webdataset\n"
        "found = webdataset.WebDataset(sys.argv[1:], shardshuffle=False, empty_check=False)\n"
        "print(json.dumps([[s['__key__'], hashlib.sha256(s['png']).hexdigest(), s['txt'].decode(),\n"
        "    sorted(n for n in s if not n.startswith('__'))] for s in found]))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, *map(str, tars)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    samples = json.loads(ran.stdout.splitlines()[-1])
    digests = {item: hashlib.sha256(data).hexdigest() for item, data in expected.items()}
    assert {key: digest for key, digest, *_ in samples} == digests
    assert all(members == ["json", "png", "txt"] for *_, members in samples)
    assert all(re.fullmatch(r"1girl, wlop, tag \d+", text) for _, _, text, _ in samples)
    sizes = json.loads((out / "sizes.json").read_text())
    assert set(sizes) == {tar.name for tar in tars} and sum(sizes.values()) == COUNT
    keys: list[str] = []
    for split in ("train", "val", "test"):
        index = json.loads((out / f"{split}.json").read_text())
        for shard in index["shardlist"]:
            assert (out / shard["url"]).stat().st_size == shard["filesize"]
            rows = pq.read_table(out / shard["url"].replace(".tar", ".parquet"))
            assert rows.num_rows == shard["nsamples"]
            # As wids finds a sample: by its number among those of the shards, and by the names of a tar's members.
            with tarfile.open(out / shard["url"]) as tar:
                names = [member.name.split(".")[0] for member in tar.getmembers()]
            assert len(names) == 3 * shard["nsamples"]
            keys += names[::3]
        assert index["__kind__"] == "wids-shard-index-v1" and index["wids_version"] == 1
    assert sorted(keys) == sorted(expected)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("layout", ["imagefolder", pytest.param("parquet", marks=pytest.mark.slow)])
def test_datasets_loads_the_hugging_face_export_offline(
    pictures: tuple[Store, list[Path]], tmp_path: Path, layout: str
) -> None:
    pytest.importorskip("datasets", reason="the extra readers is not installed")
    store, _ = pictures
    out = export(
        store, tmp_path / "out", "huggingface", f"export.huggingface.layout={layout}",
        "export.huggingface.pictures_per_folder=3",
    )  # fmt: skip
    # In a process of its own: the library starts threads and changes the state of others.
    program = (
        "import sys, json, hashlib, datasets\n"
        "found = datasets.load_dataset(sys.argv[1])\n"
        "rows = [[split, row['item_id'], list(row['image'].size), row['caption'], row['hair_color'], row['artists']]\n"
        "        for split in found for row in found[split]]\n"
        "print(json.dumps(rows))\n"
    )
    environment = {
        **os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(tmp_path / "cache"),
        "HF_HOME": str(tmp_path / "home"), "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    }  # fmt: skip
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, str(out)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-3000:]
    rows = json.loads(ran.stdout.splitlines()[-1])
    sizes = {each["item_id"]: [each["width"], each["height"]] for each in store.read("items").to_pylist()}
    assert {item: size for _, item, size, *_ in rows} == sizes
    assert {split for split, *_ in rows} <= {"train", "validation", "test"}
    assert all(caption.startswith("1girl, wlop") for *_, caption, _, _ in rows)
    jsonl = export(store, tmp_path / "lines", "huggingface", "export.huggingface.metadata=jsonl")
    lines = [line for path in jsonl.glob("data/*/*/metadata.jsonl") for line in path.read_text().splitlines()]
    assert len(lines) == COUNT and all(json.loads(line)["file_name"].endswith(".png") for line in lines)
    assert all(colour is None and artists == ["wlop"] for *_, colour, artists in rows)


@pytest.mark.filterwarnings("ignore")
def test_croissant_is_valid_and_gives_the_rows(pictures: tuple[Store, list[Path]], tmp_path: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant", reason="the extra readers is not installed")
    store, _ = pictures
    out = export(store, tmp_path / "out", "huggingface")
    dataset = mlcroissant.Dataset(jsonld=str(out / "croissant.json"))
    assert not dataset.metadata.issues.errors
    found = [record for each in dataset.metadata.record_sets for record in dataset.records(each.id)]
    ids = [value for record in found for name, value in record.items() if name.endswith("/item_id")]
    assert sorted(each.decode() if isinstance(each, bytes) else each for each in ids) == sorted(
        items_of(store)
    )


def test_parquet_holds_the_pictures_on_request(pictures: tuple[Store, list[Path]], tmp_path: Path) -> None:
    store, _ = pictures
    out = export(
        store, tmp_path / "out", "parquet", "export.parquet.images=true", "export.parquet.images_per_file=5"
    )
    assert len(list(out.glob("*.parquet"))) == 3
    rows = pq.read_table(out).to_pylist()
    assert {row["item_id"]: row["image"]["bytes"] for row in rows} == items_of(store)
    assert all(row["image"]["path"] == f"{row['item_id']}.png" for row in rows)


@pytest.mark.parametrize("format", ["webdataset", "folder", "huggingface", "parquet"])
def test_a_killed_export_goes_on_with_its_finished_shards(
    pictures: tuple[Store, list[Path]], tmp_path: Path, format: str
) -> None:
    store, _ = pictures
    options = [
        *SPLITS, "export.images_per_tar=2", "export.folder.pictures_per_part=2", "export.threads=1",
        "export.huggingface.pictures_per_folder=2", "export.parquet.images=true", "export.parquet.images_per_file=2",
    ]  # fmt: skip
    settings = load_settings(None, options)
    whole = tmp_path / "whole"
    run_export(store, settings, whole, format=format)
    read: list[str] = []

    def stopping(uri: str) -> bytes:
        if len(read) >= 9:
            raise KeyboardInterrupt
        read.append(uri)
        return Path(uri).read_bytes()

    with pytest.raises(KeyboardInterrupt):
        write_export(store, settings, tmp_path / "out", Request(format), read=stopping)
    again: list[str] = []

    def counting(uri: str) -> bytes:
        again.append(uri)
        return Path(uri).read_bytes()

    write_export(store, settings, tmp_path / "out", Request(format), read=counting)
    assert len(again) < COUNT
    for path in whole.rglob("*"):
        if path.is_file():
            assert (tmp_path / "out" / path.relative_to(whole)).read_bytes() == path.read_bytes(), path
    assert not (tmp_path / "out" / "_partial").exists()


def test_what_an_export_says_of_itself(pictures: tuple[Store, list[Path]], tmp_path: Path) -> None:
    store, paths = pictures
    paths[2].unlink()
    jsonschema = pytest.importorskip("jsonschema")
    out = export(store, tmp_path / "out", "jsonl")
    about = out / "_about"
    schema = json.loads((about / "schema.json").read_text())
    for line in (out / "part-00000.jsonl").read_text().splitlines():
        jsonschema.validate(json.loads(line), schema)
    ids = dict(line.split("\t") for line in (about / "ids.txt").read_text().splitlines())
    assert set(ids) == {each["item_id"] for each in store.read("items").to_pylist()}
    figures = json.loads((about / "statistics.json").read_text())
    assert sum(split["items"] for split in figures["splits"].values()) == COUNT
    assert sum(figures["columns"]["artists"]["values"]["wlop"].values()) == COUNT
    for line in (about / "checksums.sha256").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest
    tars = export(store, tmp_path / "tars", "webdataset")
    assert len((tars / "_about" / "ids.txt").read_text().splitlines()) == COUNT - 1


def test_a_dry_run_counts_and_writes_nothing(pictures: tuple[Store, list[Path]], tmp_path: Path) -> None:
    store, _ = pictures
    settings = load_settings(None, SPLITS)
    real = run_export(store, settings, tmp_path / "out", where="width > 30").counts
    dry = run_export(store, settings, tmp_path / "dry", where="width > 30", counts_only=True)
    assert {name: count for name, count in real.items() if count} == {
        name: count for name, count in dry.counts.items() if count
    }
    assert not (tmp_path / "dry").exists()


def test_artists_left_out_are_in_no_caption(pictures: tuple[Store, list[Path]], tmp_path: Path) -> None:
    store, _ = pictures
    out = export(store, tmp_path / "out", "folder", "export.leave_out=artists")
    captions = [path.read_text() for split in ("train", "val", "test") for path in out.glob(f"{split}/*.txt")]
    assert len(captions) == COUNT
    assert all(re.fullmatch(r"1girl, tag \d+\n", caption) for caption in captions)


def test_transforms_are_applied_and_said_and_sources_stay(
    pictures: tuple[Store, list[Path]], tmp_path: Path
) -> None:
    store, paths = pictures
    before = [path.read_bytes() for path in paths]
    given = {
        "transform": [{"use": "random_crop"}, {"use": "resize", "side": 20}],
        "export": {"encode": "webp"},
    }
    for name in ("a", "b"):
        run_export(store, Settings.model_validate(given), tmp_path / name, format="folder")
    lines = [
        json.loads(line)
        for path in (tmp_path / "a").glob("*/metadata.jsonl")
        for line in path.read_text().splitlines()
    ]
    assert len(lines) == COUNT
    for line in lines:
        (place,) = (tmp_path / "a").glob(f"*/{line['file_name']}")
        with Image.open(place) as image:
            assert image.format == "WEBP" and image.size == (line["width"], line["height"])
            assert max(image.size) == 20
        assert [step["use"] for step in json.loads(line["transforms"])["steps"]] == ["random_crop", "resize"]
        assert (tmp_path / "b" / place.relative_to(tmp_path / "a")).read_bytes() == place.read_bytes()
    assert [path.read_bytes() for path in paths] == before
    from schema.errors import ExportError

    crop = Settings.model_validate({"transform": [{"use": "crop"}]})
    with pytest.raises(ExportError, match="needs the boxes of the measure people"):
        run_export(store, crop, tmp_path / "c", format="folder")
