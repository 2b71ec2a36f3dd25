"""A small finished store, made from the table schemas alone: no stage runs, so the page's tests are quick."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from index.store import Store
from index.store.runs import Runs
from schema import tables
from schema.ids import content_id
from schema.vocabulary import load_vocabulary
from ui.review.workspace import Workspace

ITEMS = 30
KEY = "test_0"
HAIR = ("black", "blonde", "red", "blue")


@pytest.fixture(scope="session")
def store_template(tmp_path_factory: pytest.TempPathFactory, picture: Callable[..., Image.Image]) -> Path:
    """A store of thirty items: four hair colours, some unlabelled, two groups, one broken file, a graph."""
    folder = tmp_path_factory.mktemp("ui") / "store"
    with Store.open(folder, create=True, write=True) as store:
        fill(store, picture)
    return folder


def fill(store: Store, picture: Callable[..., Image.Image]) -> None:
    names, ids, thumbs = [], [], []
    (store.folder / "pictures").mkdir()
    for row in range(ITEMS):
        buffer = io.BytesIO()
        picture(row // 2 if row < 8 else row, 64, 64).save(buffer, "PNG", compress_level=1, pnginfo=None)
        data = buffer.getvalue() + bytes([row])  # trailing bytes: copies of one picture are different files
        (store.folder / "pictures" / f"{row:02}.png").write_bytes(data)
        names.append(f"{row:02}.png")
        ids.append(content_id(data))
        small = io.BytesIO()
        Image.open(io.BytesIO(data)).save(small, "WEBP")
        thumbs.append(small.getvalue())
    failed = ITEMS - 1
    names[1] = "<img src=x onerror=alert(1)> *bold* [link](http://example.org) :red[x].png"
    items = [
        {
            **dict.fromkeys(tables.ITEMS.names),
            "row": row,
            "item_id": ids[row],
            "source": 0,
            "ordinal": row,
            "keys": [names[row]],
            "uri": str(store.folder / "pictures" / f"{row:02}.png"),
            "width": 64,
            "height": 64,
            "format": "png",
            "tags": [f"{HAIR[row % 4]}_hair", "1girl"] if row % 3 else [],
            "text": "",
            "status": "failed" if row == failed else "ok",
            "reason": "truncated file" if row == failed else "",
            "commit": 0,
        }
        for row in range(ITEMS)
    ]
    store.append("items", pa.Table.from_pylist(items, tables.ITEMS), tables.ITEMS)
    pictures = [{"row": r, "thumbnail": thumbs[r], "commit": 0} for r in range(failed)]
    store.append("thumbnails", pa.Table.from_pylist(pictures, tables.THUMBNAILS), tables.THUMBNAILS)
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(failed, 16)) * 0.3 + np.eye(16)[np.arange(failed) % 4]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    schema = tables.vectors(16)
    body = [{"row": r, "item_id": ids[r], "vector": vectors[r].astype(np.float16)} for r in range(failed)]
    store.append(f"vectors_{KEY}", pa.Table.from_pylist(body, schema), schema)
    close = vectors @ vectors.T
    np.fill_diagonal(close, -2)
    order = np.argsort(-close, axis=1)[:, :8]
    schema = tables.neighbours(8)
    graph = [
        {"row": r, "ids": order[r].tolist(), "similarity": close[r, order[r]].tolist()} for r in range(failed)
    ]
    store.append(f"neighbours_{KEY}", pa.Table.from_pylist(graph, schema), schema)
    vocabulary = load_vocabulary()
    schema = tables.labels([(a.name, a.kind) for a in vocabulary.attributes])
    labels = []
    for row in range(ITEMS):
        record = dict.fromkeys(schema.names)
        record.update(row=row, item_id=ids[row], ambiguous=row == 20, conflicts=[])
        if row == 20:
            record["ambiguous_reason"] = "tag 2girls"
        if row % 3 and row != failed:
            record.update(
                hair_color=HAIR[row % 4],
                hair_color_confidence=0.98,
                hair_color_source="tag",
                hair_color_support=0,
            )
        elif row % 2 and row != failed:
            record.update(
                hair_color=HAIR[row % 4],
                hair_color_confidence=0.7 + row / 100,
                hair_color_source="model",
                hair_color_support=5,
            )
        if row % 5 == 0:
            record.update(dress=["green yukata"], dress_confidence=0.9, dress_source="tag", dress_support=0,
                          dress_confidences=[0.9], dress_sources=["tag"])  # fmt: skip
        labels.append(record)
    store.replace("labels", pa.Table.from_pylist(labels, schema), schema)
    groups = []
    for first in (0, 2):
        for row in (first, first + 1):
            groups.append(
                {
                    "row": row,
                    "item_id": ids[row],
                    "group_id": f"{first:032x}",
                    "verdict": "kept" if row == first else "same artwork",
                    "similarity": 1.0 if row == first else 0.99,
                    "keep": row == first,
                    "reason": "larger" if row == first else "a copy",
                }
            )
    store.replace("groups", pa.Table.from_pylist(groups, tables.GROUPS), tables.GROUPS)
    with Runs(store).start("embed", {}) as run:
        run.facts["key"] = KEY
    for stage in ("dedupe", "label"):
        with Runs(store).start(stage, {}) as run:
            run.counts["items"] = ITEMS


@pytest.fixture
def ui_store(store_template: Path, tmp_path: Path) -> Path:
    """A fresh copy of the small store."""
    import shutil

    folder = tmp_path / "store"
    shutil.copytree(store_template, folder)
    return folder


@pytest.fixture
def small_workspace(ui_store: Path) -> Iterator[Workspace]:
    """The review workspace over a fresh small store."""
    from schema.settings import Settings

    with Store.open(ui_store) as store:
        yield Workspace(store, Settings())


@pytest.fixture
def chromium() -> str:
    """The path of a Chromium; the test is skipped where there is none."""
    import shutil

    found = (
        os.environ.get("LIKENESS_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    )
    if not found:
        pytest.skip("no Chromium on this machine; LIKENESS_CHROMIUM names one")
    return found
