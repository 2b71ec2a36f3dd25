"""Text in a picture: where it is, what it says, and whether it is a watermark, a signature, speech or something else.

What one picture shows is told here; that the same text recurs in many pictures of one artist or source, by which
watermarks are known above all, is told after each run (curate/watermarks.py, table measures_watermark).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from curate.measures.base import Measure
from curate.models.ocr import Line, Ocr, missing_ocr
from curate.watermarks import update_watermarks
from index.images.decode import Picture
from index.images.facts import fit
from index.stages.row_plugin import Batch, Results
from index.store import Store
from schema.arrays import Bools, Bytes, Floats32
from schema.plugins import Options
from schema.settings import Settings

KINDS = ("watermark", "signature", "speech", "other")

TEXT_BOX = pa.struct(
    [
        pa.field("kind", pa.string()),
        pa.field("text", pa.string()),
        pa.field("score", pa.float32()),
        *(pa.field(side, pa.float32()) for side in ("x0", "y0", "x1", "y1")),
        pa.field("contrast", pa.float32()),
    ]
)
"""A line of text; corners in pixels of the file, upright; contrast in grey levels between its ink and its ground."""

# A line that says of itself where the picture comes from.
_ADDRESS = re.compile(
    r"(https?:|www\.|\.(com|net|org|jp|io|co|tv|me|art)\b|@\w{2,}|©|\(c\)|copyright|patreon|pixiv|fanbox|deviantart"
    r"|gumroad|subscribestar|twitter|instagram|tumblr|weibo|bilibili|do not (repost|copy)|sample|preview|watermark)",
    re.IGNORECASE,
)
_WATERMARK_TAGS = frozenset(
    "watermark sample_watermark web_address patreon_username twitter_username".split()
)
_SIGNATURE_TAGS = frozenset("signature artist_name dated signed artist_logo".split())
_SPEECH_TAGS = frozenset(
    "speech_bubble thought_bubble text_focus comic dialogue english_text japanese_text".split()
)
# Shares of the side: what lies this near to the edge stands in the margin; signatures are at most so tall.
_MARGIN, _SMALL = 0.16, 0.06
# Grey levels: pale ink over a picture; a bubble is lighter than this all around its words.
_PALE, _BUBBLE = 70.0, 215.0


class TextOptions(Options):
    """``[measure.text]``."""

    score: float = Field(0.6, ge=0, le=1, description="Least score of a line that counts as text.")
    side: int = Field(
        1280, ge=64, description="Long side at which pictures are read; larger finds smaller letters."
    )
    letters: int = Field(2, ge=1, description="Lines of fewer letters or digits are no text.")
    recurring: int = Field(
        3, ge=2, description="Items of one artist or source in which a watermark recurs at least."
    )
    threads: int = Field(0, ge=0, description="Threads of one picture; 0 leaves it to onnxruntime.")


@dataclass(frozen=True, slots=True)
class _Page:
    rgb: Bytes
    scale: tuple[float, float]


class Text(Measure):
    """Text in a picture.

    - ``text_area``: share of the area in boxes of text; ``text_lines``: number of them;
    - ``text_watermark``, ``text_signature``, ``text_speech``: there is a box of that kind;
    - ``text_said``: all lines, joined by newlines; ``text_boxes``: every line with its box.
    """

    name = "text"
    costly = True
    needs: ClassVar = ("tags",)
    gives: ClassVar = {
        "text_lines": pa.int32(),
        "text_area": pa.float32(),
        **dict.fromkeys(("text_watermark", "text_signature", "text_speech"), pa.bool_()),
        "text_said": pa.string(),
        "text_boxes": pa.list_(TEXT_BOX),
    }
    Options = TextOptions

    @classmethod
    def missing(cls, settings: Settings) -> str:  # noqa: ARG003
        """Return that the extra is not installed."""
        return missing_ocr()

    @property
    def side(self) -> int:
        """Return the long side at which pictures are read."""
        return int(self.options.side)

    def identity(self) -> dict[str, str]:
        """Return the version of the package that brings the models."""
        from importlib import metadata

        return super().identity() | {"rapidocr": "" if missing_ocr() else metadata.version("rapidocr")}

    def load(self) -> None:
        """Load the models."""
        self._ocr = Ocr(self.options.threads)

    def prepare(self, picture: Picture) -> _Page:
        """See RowPlugin."""
        image = fit(picture.image, self.side)
        return _Page(np.asarray(image), (picture.width / image.width, picture.height / image.height))

    def compute(self, batch: Batch) -> Results:
        """See RowPlugin."""
        tags = batch.items.column("tags").to_pylist()
        rows = [self._row(*each) for each in zip(batch.pictures, tags, strict=True)]
        return Results({name: [row[name] for row in rows] for name in self.gives})

    def finish(self, store: Store) -> list[str]:
        """Tell which texts recur, over all items."""
        return update_watermarks(store, self.options.recurring)

    def _row(self, page: _Page, tags: Sequence[str] | None) -> dict[str, Any]:
        lines = [line for line in self._ocr.read(page.rgb, self.options.score) if self._counts(line)]
        grey: Floats32 = np.asarray(page.rgb @ np.array([0.299, 0.587, 0.114]), np.float32)
        words = {tag.lower().replace(" ", "_") for tag in tags or ()}
        boxes = []
        covered: Bools = np.zeros(grey.shape, bool)
        for line in lines:
            x0, y0, x1, y1 = line.corners
            covered[int(y0) : int(np.ceil(y1)), int(x0) : int(np.ceil(x1))] = True
            contrast = contrast_of(grey, line.corners)
            kind = kind_of_line(line, contrast, grey, words)
            corners = line.corners * np.array(page.scale * 2, np.float32)
            sides = {
                side: float(value) for side, value in zip(("x0", "y0", "x1", "y1"), corners, strict=True)
            }
            boxes.append(
                {"kind": kind, "text": line.text, "score": line.score, **sides, "contrast": contrast}
            )
        kinds = {box["kind"] for box in boxes}
        return {
            "text_lines": len(boxes),
            "text_area": float(covered.mean()),
            **{f"text_{kind}": kind in kinds for kind in ("watermark", "signature", "speech")},
            "text_said": "\n".join(line.text for line in lines),
            "text_boxes": boxes,
        }

    def _counts(self, line: Line) -> bool:
        return sum(letter.isalnum() for letter in line.text) >= int(self.options.letters)


def kind_of_line(line: Line, contrast: float, grey: Floats32, tags: set[str]) -> str:
    """Return the kind of a line by what it says, its place and contrast, and the item's tags."""
    tall, wide = grey.shape
    x0, y0, x1, y1 = (float(value) for value in line.corners)
    if _ADDRESS.search(line.text):
        return "watermark"
    # Near to a side and to the upper or lower edge: where signatures and stamps stand.
    near_side = min(x0, wide - x1) < _MARGIN * wide
    near_edge = min(y0, tall - y1) < _MARGIN * tall
    small = y1 - y0 < _SMALL * tall
    if _in_bubble(grey, line.corners) and not (near_edge and near_side and small):
        return "speech" if tags & _SPEECH_TAGS or not near_edge else "other"
    if contrast < _PALE and not tags & _SPEECH_TAGS:
        return "watermark"
    if near_edge and near_side and small:
        if tags & _WATERMARK_TAGS and not tags & _SIGNATURE_TAGS:
            return "watermark"
        return "signature"
    if tags & _WATERMARK_TAGS and near_edge:
        return "watermark"
    return "other"


def contrast_of(grey: Floats32, corners: Floats32) -> float:
    """Return how many grey levels lie between the ink of a box and its ground: its 5th and 95th hundredth."""
    patch = _patch(grey, corners, 0.0)
    low, high = np.percentile(patch, (5, 95)) if patch.size else (0.0, 0.0)
    return float(high - low)


def _in_bubble(grey: Floats32, corners: Floats32) -> bool:
    """Tell whether a box stands on light, even ground on all sides, within a larger picture."""
    patch = _patch(grey, corners, 0.35)
    inner = _patch(grey, corners, 0.0)
    if not patch.size or patch.size >= 0.6 * grey.size:
        return False
    light = float(np.median(patch)) > _BUBBLE and float(np.percentile(inner, 5)) < _BUBBLE - 90
    # A whole page as light is paper, not a bubble.
    return light and float((grey > _BUBBLE).mean()) < 0.9


def _patch(grey: Floats32, corners: Floats32, margin: float) -> Floats32:
    x0, y0, x1, y1 = (float(value) for value in corners)
    edge = margin * (y1 - y0)
    top, bottom = max(0, int(y0 - edge)), int(np.ceil(y1 + edge))
    left, right = max(0, int(x0 - edge)), int(np.ceil(x1 + edge))
    return grey[top:bottom, left:right]


def mask_of(boxes: Sequence[dict[str, Any]], width: int, height: int, margin: float = 0.15) -> Bytes:
    """Return the mask of text boxes, uint8 [height, width]: 0 where there is text, with a margin, and 255 elsewhere.

    255 is what is learned from: the convention of masks beside pictures in trainers.
    """
    mask = np.full((height, width), 255, np.uint8)
    for box in boxes:
        edge = margin * (box["y1"] - box["y0"])
        left, top = max(0, int(box["x0"] - edge)), max(0, int(box["y0"] - edge))
        mask[top : int(np.ceil(box["y1"] + edge)), left : int(np.ceil(box["x1"] + edge))] = 0
    return mask
