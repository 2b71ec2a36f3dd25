"""What the outputs of a tagger mean: selected_tags.csv as WD taggers have it, tag_mapping.json, its own thresholds."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.models.preprocessing import read_json
from schema.errors import ModelError

GENERAL, ARTIST, COPYRIGHT, CHARACTER, META, RATING, YEAR, QUALITY, MODEL = (
    "general", "artist", "copyright", "character", "meta", "rating", "year", "quality", "model",
)  # fmt: skip
_NUMBERS = {0: GENERAL, 1: ARTIST, 3: COPYRIGHT, 4: CHARACTER, 5: META, 9: RATING, 10: YEAR}
"""Categories of Danbooru, which selected_tags.csv goes by; taggers add 9 for the rating and 10 for the year."""
FILES = ("selected_tags.csv", "tag_mapping.json", "thresholds.csv", "threshold.json")


@dataclass(frozen=True, slots=True)
class TaggerTag:
    """One output of a tagger: the tag, its category, and the threshold that its makers give; 0 where none."""

    name: str
    category: str
    threshold: float = 0.0


def tagger_tags(model: Path) -> list[TaggerTag]:
    """Return the meaning of each output of the tagger in a folder, in order.

    Raises ModelError where no file says it, or one cannot be read.
    """
    folder = model.parent
    if (folder / "selected_tags.csv").is_file():
        tags = _selected(folder / "selected_tags.csv")
    elif (folder / "tag_mapping.json").is_file():
        tags = _mapping(folder / "tag_mapping.json")
    else:
        raise ModelError(
            f"{folder} does not say what its tags are",
            f"A tagger has selected_tags.csv or {FILES[1]} beside it.",
        )
    if not tags:
        raise ModelError(f"{folder}: the file of tags is empty")
    return _with_thresholds(tags, folder)


def _selected(path: Path) -> list[TaggerTag]:
    try:
        rows = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
        return [TaggerTag(row["name"], _NUMBERS.get(int(row["category"]), META)) for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"cannot read {path}: it has no columns name and category ({error})") from error


def _mapping(path: Path) -> list[TaggerTag]:
    """Read {"0": {"tag": ..., "category": "General"}} or {"idx_to_tag": {...}, "tag_to_category": {...}}."""
    given: Mapping[str, Any] = read_json(path)
    given = given.get("dataset_info", {}).get("tag_mapping", given) if isinstance(given, dict) else given
    try:
        if "idx_to_tag" in given:
            categories = given.get("tag_to_category", {})
            pairs = {int(at): (tag, categories.get(tag, GENERAL)) for at, tag in given["idx_to_tag"].items()}
        else:
            pairs = {int(at): (entry["tag"], entry.get("category", GENERAL)) for at, entry in given.items()}
        return [TaggerTag(pairs[at][0], str(pairs[at][1]).lower()) for at in range(len(pairs))]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{path} does not map numbers to tags: {error}") from error


def _with_thresholds(tags: list[TaggerTag], folder: Path) -> list[TaggerTag]:
    """Add thresholds: a number for all, by category, or by tag."""
    limits: dict[str, float] = {}
    if (folder / "threshold.json").is_file():
        try:
            given = json.loads((folder / "threshold.json").read_text(encoding="utf-8"))
            limits = {"": float(given)} if isinstance(given, int | float) else {
                str(name).lower(): float(value) for name, value in given.items()
            }  # fmt: skip
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise ModelError(f"cannot read {folder / 'threshold.json'}: {error}") from error
    elif (folder / "thresholds.csv").is_file():
        try:
            rows = csv.DictReader((folder / "thresholds.csv").read_text(encoding="utf-8-sig").splitlines())
            for row in rows:
                name = row.get("name") or _NUMBERS.get(int(row.get("category") or -1), "")
                limits[str(name).lower()] = float(row["threshold"])
        except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
            raise ModelError(f"cannot read {folder / 'thresholds.csv'}: {error}") from error
    if not limits:
        return tags
    return [
        TaggerTag(
            tag.name,
            tag.category,
            limits.get(tag.name.lower(), limits.get(tag.category, limits.get("", 0.0))),
        )
        for tag in tags
    ]
