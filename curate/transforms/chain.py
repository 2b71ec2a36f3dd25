"""The transforms of a run, one after the other, from the bytes of a file to the bytes that are exported."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curate.transforms import SEAM, Transform
from curate.transforms.base import Box, Frame
from index.images.decode import decode, to_rgb
from schema.errors import SettingsError
from schema.settings import Settings

ENDINGS = {"png": "png", "jpeg": "jpg", "webp": "webp"}


@dataclass(frozen=True, slots=True)
class Transformed:
    """A finished picture: its bytes, ending and size, and as JSON what was done to it and where the boxes lie now."""

    data: bytes
    ending: str
    width: int
    height: int
    record: str


class Chain:
    """The transforms that ``[[transform]]`` names, in their order. Sources are read and never written.

    Every picture is first upright, in sRGB, on ``ingest.background`` and of 8 bits.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._background = to_rgb(settings.ingest.background)
        self.transforms = [_made(given) for given in settings.transform]

    @property
    def boxes(self) -> tuple[str, ...]:
        """The measures whose boxes are needed."""
        return tuple(dict.fromkeys(name for each in self.transforms for name in each.boxes))

    def apply(self, item_id: str, data: bytes, boxes: Sequence[Box]) -> Transformed:
        """Return the picture after all transforms. Raises BadImage or CannotTransform with the reason."""
        picture = decode(data, background=self._background, max_pixels=self._settings.ingest.max_pixels)
        frame = Frame(item_id, picture.image.convert("RGB"), tuple(boxes))
        for each in self.transforms:
            frame = each.apply(frame)
        buffer = io.BytesIO()
        kind, quality = self._settings.export.encode, self._settings.export.quality
        options: dict[str, Any] = {
            "jpeg": {"quality": quality, "subsampling": 0},
            "webp": {"quality": quality},
        }.get(kind, {"compress_level": 4})
        frame.image.save(buffer, kind.upper(), **options)
        record = {
            "steps": list(frame.done),
            "boxes": [
                {"label": box.label, "box": [round(side, 2) for side in (box.x0, box.y0, box.x1, box.y1)]}
                for box in frame.boxes
            ],
        }
        text = json.dumps(record, sort_keys=True)
        return Transformed(buffer.getvalue(), ENDINGS[kind], frame.image.width, frame.image.height, text)


def _made(given: Mapping[str, Any]) -> Transform:
    name = given.get("use")
    if not isinstance(name, str):
        raise SettingsError("a [[transform]] has no use", f"Transforms: {', '.join(SEAM.names)}")
    made: Transform = SEAM.load(name)({key: value for key, value in given.items() if key != "use"})
    return made


def stored_boxes(records: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Box]:
    """Return boxes as the measures store them: of people by their label, of text all as 'text'."""
    found = []
    for measure, boxes in records.items():
        for box in boxes:
            label = "text" if measure == "text" else str(box.get("label") or measure)
            found.append(Box(label, box["x0"], box["y0"], box["x1"], box["y1"]))
    return found
