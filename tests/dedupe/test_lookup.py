"""One picture against the store, line hashes, and the report."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from dedupe.candidates.outline_hash import line_hashes, radius_for, sketch_edges
from dedupe.compare.image import prepare
from dedupe.lookup import duplicates_of
from dedupe.report import borderline, example_groups, figures
from dedupe.stage import run_dedupe
from embed.ingest.stage import run_ingest
from index.store import Store
from schema.errors import EncoderError
from schema.settings import load_settings

SETTINGS = load_settings(None, ["dedupe.threads=1"])


def data_of(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def test_crops_and_rims_meet_in_their_line_hashes(face: Callable[..., Image.Image]) -> None:
    whole = face(0)
    pictures = [whole, whole.crop((32, 32, 288, 288)), ImageOps.expand(whole, 40, "white"), face(1), face(2)]
    words = np.stack([line_hashes(prepare(np.asarray(each))) for each in pictures])
    edges = sketch_edges(np.arange(5), words)
    found = set(zip(edges.i.tolist(), edges.j.tolist(), strict=True))
    assert {(0, 1), (0, 2)} <= found
    assert radius_for(10) >= radius_for(10**5) >= radius_for(10**7)


def test_blank_pictures_have_no_line_hash() -> None:
    blank = prepare(np.full((50, 50, 3), 255, dtype=np.uint8))
    words = np.stack([line_hashes(blank)] * 4)
    assert not words.any()
    assert not len(sketch_edges(np.arange(4), words))


def test_one_picture_and_the_report(
    tmp_path: Path, collection: Path, face: Callable[..., Image.Image]
) -> None:
    with Store.open(tmp_path / "store", create=True, write=True) as store:
        run_ingest(store, SETTINGS, [str(collection)])
        run_dedupe(store, SETTINGS)
        found = duplicates_of(store, SETTINGS, (collection / "0.png").read_bytes())
        assert found[0].verdict == "same file"
        assert {each.verdict for each in found} == {"same file", "same artwork", "variant"}
        small = duplicates_of(store, SETTINGS, data_of(face(1).resize((90, 90))))
        assert [each.verdict for each in small] == ["same artwork"]
        assert duplicates_of(store, SETTINGS, data_of(face(7))) == []
        with pytest.raises(EncoderError):
            duplicates_of(store, SETTINGS, b"no picture")
        clear = face(1).convert("RGBA")
        clear.putdata(
            [(*pixel[:3], 0) if min(pixel[:3]) > 240 else pixel for pixel in clear.get_flattened_data()]
        )
        through = duplicates_of(store, SETTINGS, data_of(clear))
        assert [each.verdict for each in through] == ["same artwork"], (
            "laid on the background that ingest takes"
        )
        facts = json.loads(json.dumps(figures(store, SETTINGS)))
        assert facts["groups"] == 1
        assert facts["members by verdict"]["variant"] == 1
        (members,) = example_groups(store.read("groups").to_pylist(), 5)
        assert members[0]["verdict"] == "kept"
        assert {each.title for each in borderline(store, SETTINGS)} >= {"just the same artwork"}
