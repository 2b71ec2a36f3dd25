"""A tiny open_clip model with random weights, and stores of small pictures to embed with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from PIL import Image

from index.store import Store
from schema import tables
from schema.ids import content_id, text_id
from schema.settings import Settings, load_settings

TINY = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "patch_size": 8, "head_width": 16},
    "text_cfg": {"context_length": 12, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


@pytest.fixture(scope="session")
def tiny_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration of an open_clip model small enough for a test."""
    path = tmp_path_factory.mktemp("model") / "tiny.json"
    path.write_text(json.dumps(TINY), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def tiny_settings(tiny_config: Path) -> Callable[..., Settings]:
    """Settings of the tiny model with random weights, and overrides."""

    def make(*overrides: str) -> Settings:
        base = (
            f"encoder.model={tiny_config}",
            "encoder.pretrained=random",
            "encoder.batch=8",
            "encoder.device=cpu",
        )
        return load_settings(None, [*base, *overrides])

    return make


@pytest.fixture
def picture_store(
    tmp_path: Path, picture: Callable[..., Image.Image]
) -> Iterator[Callable[..., tuple[Store, list[Path]]]]:
    """Makes a store of ``count`` ingested pictures and ``texts``, and the files behind it."""
    opened: list[Store] = []

    def make(count: int = 20, texts: tuple[str, ...] = (), name: str = "store") -> tuple[Store, list[Path]]:
        folder = tmp_path / f"{name}_files"
        folder.mkdir()
        records: list[dict[str, object]] = []
        paths = []
        for row in range(count):
            path = folder / f"{row:03}.png"
            picture(row, 24 + row % 5 * 16, 40).save(path)
            paths.append(path)
            data = path.read_bytes()
            records.append(
                {"item_id": content_id(data), "keys": [f"key-{row}"], "uri": str(path), "status": "ok"}
            )
        records += [
            {"item_id": text_id(text), "keys": [f"text-{at}"], "uri": "", "status": "text", "text": text}
            for at, text in enumerate(texts)
        ]
        for row, record in enumerate(records):
            record |= {"row": row, "source": 0, "ordinal": row, "commit": 0}
        store = Store.open(tmp_path / name, create=True, write=True)
        opened.append(store)
        store.append("items", pa.Table.from_pylist(records, tables.ITEMS), tables.ITEMS)
        listed = [{"source": 0, "path": str(folder), "kind": "folder", "listed": len(records)}]
        store.append("sources", pa.Table.from_pylist(listed, tables.SOURCES), tables.SOURCES)
        return store, paths

    yield make
    for store in opened:
        store.close()
