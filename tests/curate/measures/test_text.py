"""Text in pictures: kinds of lines, masks, what recurs; with a reader of the test's own, and with the real one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image, ImageDraw

from curate.measures.conformance import CHECKS, Check, make_store
from curate.measures.text import Text, contrast_of, kind_of_line, mask_of
from curate.models.ocr import Line, Ocr
from curate.stage import run_measure
from curate.watermarks import recurring
from embed.avatars import draw, random_avatar
from index.filters import matching_rows
from index.images.decode import Picture
from index.stages.row_plugin import Batch
from schema.errors import MissingExtra
from schema.settings import Settings


class FakeOcr:
    """Reads one line in the lower right corner: the first letters of what the mean of the picture gives."""

    def __init__(self, threads: int = 0) -> None:
        pass

    def read(self, rgb: Any, least: float) -> list[Line]:
        tall, wide = rgb.shape[:2]
        text = "stamp" if rgb.mean() < 128 else f"light {int(rgb.mean())}"
        return [Line(np.array([wide * 0.7, tall * 0.9, wide, tall], np.float32), text, 0.9)]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_it_keeps_what_measures_keep(check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curate.measures.text.Ocr", FakeOcr)
    monkeypatch.setattr(Text, "missing", classmethod(lambda cls, settings: ""))
    check("text", Settings(), tmp_path)


def test_what_recurs_is_a_watermark_of_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curate.measures.text.Ocr", FakeOcr)
    with make_store(tmp_path) as store:
        summary = run_measure(store, Settings(), ["text"])
        said = store.read("measures_text", ["row", "text_said"]).to_pylist()
        stamped = [record["row"] for record in said if record["text_said"] == "stamp"]
        assert len(stamped) >= 3
        rows = store.read("measures_watermark").to_pylist()
        assert [row["row"] for row in rows if row["watermark"]] == stamped
        marked = next(row for row in rows if row["watermark"])
        assert (marked["watermark_text"], marked["watermark_items"]) == ("stamp", len(stamped))
        assert marked["watermark_of"] == "source 0"
        assert matching_rows(store, "watermark").tolist() == stamped
        assert any("a text that recurs" in note for note in summary.notes)


def test_recurring_counts_items_and_not_lines() -> None:
    lines = pa.table(
        {"row": [0, 0, 1, 2, 3, 4], "text": ["My Mark", "my mark!", "MY MARK", "other", "other", "ok"]}
    )
    groups = pa.table({"row": [0, 1, 2, 3, 4], "group": ["a", "a", "a", "b", "b"]})
    assert recurring(lines, groups, 3).num_rows == 0
    found = recurring(lines, groups, 2).sort_by("row").to_pylist()
    assert [(each["row"], each["text"], each["items"]) for each in found] == [
        (0, "mymark", 2),
        (1, "mymark", 2),
    ]
    assert recurring(lines.slice(0, 0), groups, 2).num_rows == 0


def line(text: str, box: Sequence[float]) -> Line:
    return Line(np.array(box, np.float32), text, 0.9)


def kind(image: Image.Image, found: Line, tags: set[str] | None = None) -> str:
    grey = np.asarray(image.convert("L"), np.float32)
    return kind_of_line(found, contrast_of(grey, found.corners), grey, tags or set())


def test_kinds_by_words_place_contrast_and_tags() -> None:
    page = Image.new("RGB", (400, 400), (120, 90, 140))
    pencil = ImageDraw.Draw(page)
    pencil.text((300, 380), "Ann B", fill="white", font_size=14)
    pencil.text((120, 180), "PREVUE", fill=(140, 110, 160), font_size=40)
    pencil.ellipse((40, 40, 220, 150), fill="white", outline="black")
    pencil.text((70, 80), "hello you", fill="black", font_size=24)
    pencil.text((200, 300), "SHOP", fill="black", font_size=40)
    corner, pale = line("Ann B", (300, 378, 345, 396)), line("PREVUE", (118, 180, 280, 224))
    bubble, sign = line("hello you", (68, 80, 180, 106)), line("SHOP", (198, 300, 320, 345))
    assert kind(page, corner) == "signature"
    assert kind(page, corner, {"watermark"}) == "watermark"
    assert kind(page, pale) == "watermark"
    assert kind(page, bubble) == "speech"
    assert kind(page, sign) == "other"
    for words in ("www.site.example", "@someone", "© 2024 Ann", "patreon.com/ann"):
        assert kind(page, line(words, (198, 300, 320, 345))) == "watermark"


def test_a_mask_leaves_the_text_out() -> None:
    mask = mask_of([{"x0": 10.0, "y0": 20.0, "x1": 30.0, "y1": 30.0}], 50, 40, margin=0.2)
    assert mask.shape == (40, 50) and mask.dtype == np.uint8
    assert (mask[18:32, 8:32] == 0).all() and (mask == 0).sum() == 14 * 24
    assert (mask_of([], 5, 4) == 255).all()


def test_without_the_extra_its_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "likeness-curation[ocr]" in Text.missing(Settings())
    with pytest.raises(MissingExtra, match=r"likeness-curation\[ocr\]"):
        Ocr()


def test_the_real_reader_finds_watermarks_and_takes_no_face_for_text() -> None:
    pytest.importorskip("rapidocr", reason="the extra ocr is not installed")
    text = Text(Settings())
    text.load()
    plain = draw(*random_avatar(3))
    marked = plain.copy()
    ImageDraw.Draw(marked).text((30, 225), "SAMPLE WATERMARK", fill=(235, 235, 235), font_size=22)
    pictures = [Picture(image, 512, 512, "png", 1, True, False, "") for image in (plain, marked)]
    items = pa.table({"tags": pa.array([[], []], pa.list_(pa.string()))})
    columns = text.compute(Batch(items, [text.prepare(picture) for picture in pictures])).columns
    assert columns["text_lines"][0] == 0 and columns["text_area"][0] == 0
    assert columns["text_watermark"] == [False, True]
    (box,) = columns["text_boxes"][1]
    assert box["text"].replace(" ", "") == "SAMPLEWATERMARK"
    # In pixels of the file, which is twice as large as what was decoded.
    assert box["x0"] == pytest.approx(60, abs=14) and box["y1"] == pytest.approx(494, abs=16)
