"""Single values of records as tags, text, numbers, addresses and extras, whatever form a site gives them."""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from embed.sources.annotation import clean
from embed.sources.fields.sites import Site
from schema.source_metadata import Extra, number, rating_letter, utc_time
from schema.tags.parsing import Tags, read_tags

CATEGORY_NAMES = {
    "artist": ("tag_string_artist", "tags_artist", "artist", "artists", "artist_tags", "creators"),
    "character": (
        "tag_string_character", "tags_character", "tags_characters", "character", "characters", "character_tags",
    ),
    "copyright": (
        "tag_string_copyright", "tags_copyright", "copyright", "copyrights", "series_tags", "copyright_tags", "parody",
    ),
    "meta": ("tag_string_meta", "tags_meta", "tags_metadata", "meta_tags", "tags_medium"),
    "general": ("tags_species", "tags_lore", "tags_genre", "tags_style"),
}  # fmt: skip
"""Category of tags to the fields that hold such tags."""

_OTHER_CATEGORIES = {
    "mangaka": "artist", "creator": "artist", "series": "copyright", "game": "copyright", "metadata": "meta",
    "1": "artist", "3": "copyright", "4": "character", "5": "meta",
}  # fmt: skip
# A longer list of numbers is an embedding or a mask, and no fact to filter on.
_LONGEST_NUMBERS = 16


def as_extra(value: Any) -> Extra | None:
    """Return a value as an extra: scalars as they are, short lists as texts, nested ones as JSON; None for the rest."""
    if isinstance(value, (bool, int, float)):
        return None if isinstance(value, float) and math.isnan(value) else value
    if isinstance(value, str):
        return clean(value.strip()) or None
    if isinstance(value, (bytes, bytearray, memoryview)):
        return None
    if isinstance(value, Mapping) or (
        isinstance(value, (list, tuple)) and any(isinstance(part, (Mapping, list, tuple)) for part in value)
    ):
        return clean(json.dumps(value, ensure_ascii=False, default=str))
    if isinstance(value, (list, tuple)):
        if len(value) > _LONGEST_NUMBERS and all(isinstance(part, (int, float)) for part in value):
            return None
        return tuple(clean(str(part)) for part in value if part is not None) or None
    return clean(str(value)) if value is not None else None


def tags_of(value: Any, category: str = "") -> Tags:
    """Return the tags of a field: a string, a list of strings or objects, tag -> score, or category -> tags."""
    found = Tags()
    if isinstance(value, Mapping):
        if any(isinstance(part, (list, tuple, str)) for part in value.values()):
            for name, part in value.items():
                found.update(tags_of(part, category_named(str(name))))
        else:
            found.update(read_tags([str(name) for name in value], category))
    elif isinstance(value, (list, tuple)):
        for part in value:
            if isinstance(part, Mapping):
                name = part.get("name") or part.get("tag") or part.get("names") or part.get("name_en") or ""
                name = name[0] if isinstance(name, (list, tuple)) and name else name
                own = category_named(str(part.get("category") or part.get("type") or ""))
                found.update(read_tags([str(name)], own or category))
            elif part is not None:
                found.update(read_tags([str(part)], category))
    elif isinstance(value, str):
        found.update(read_tags(value, category))
    return found


def text_of(value: Any) -> str:
    """Return a field as text: lists line by line, HTML as what it shows."""
    if isinstance(value, (list, tuple)):
        return "\n".join(filter(None, (text_of(part) for part in value if not isinstance(part, Mapping))))
    if isinstance(value, Mapping):
        return ""
    text = plain(value)
    if re.search(r"<(br|p|a|strong|b|i|em|span|div)\b[^>]*>", text):
        text = re.sub(r"<(br\s*/?|/p|/div)>", "\n", text)
        text = html.unescape(re.sub(r"<[^<>]*>", "", text))
        text = "\n".join(filter(None, (line.strip() for line in text.splitlines())))
    return text


def plain(value: Any) -> str:
    """Return a scalar as clean text: nothing blank at its sides, whole numbers without a point, '' for None."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    return "" if value is None else clean(str(value)).strip()


def is_empty(value: Any) -> bool:
    """Tell whether a field says nothing: None, or text, list or object without content."""
    return value is None or (isinstance(value, (str, list, tuple, dict, bytes)) and not len(value))


def parsed(text: str) -> Any:
    """Return what a JSON text holds, or None for what is no JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def holds_tags(value: Any) -> bool:
    """Tell whether a field's form is one of those that tags come in."""
    return isinstance(value, (str, list, tuple, Mapping))


def category_named(name: str) -> str:
    """Return the category that a site's word or number for it means, or an empty string for a general tag."""
    name = name.lower().removeprefix("tag_type_")
    for category, names in CATEGORY_NAMES.items():
        if name == category or name in names:
            return category
    return _OTHER_CATEGORIES.get(name, "")


def _rating(value: Any, site: Site) -> str:
    word = str(value).strip().lower() if isinstance(value, str) else ""
    return (
        site.safe
        if word in ("s", "safe") and site.name
        else rating_letter(value, site.safe if site.name else "g")
    )


def _score(value: Any, _: Site) -> float | None:
    return number(value.get("total")) if isinstance(value, Mapping) else number(value)


def _whole(value: Any, _: Site) -> float | None:
    found = number(value)
    return found if found is not None and abs(found) < 2**53 else None


def _address(value: Any, site: Site) -> str:
    """Return an address; of several the first. On a booru a source may be any text, such as a book's title."""
    if isinstance(value, (list, tuple)):
        return next((found for part in value if (found := _address(part, site))), "")
    text = plain(value)
    return text if re.match(r"(https?|ftp|file)://\S+$", text) else ""


def _name(value: Any, _: Site) -> str:
    if isinstance(value, Mapping):
        value = value.get("name") or value.get("title") or ""
    return "" if isinstance(value, (list, tuple, bool, float)) else plain(value)


READ: Mapping[str, Callable[[Any, Site], Any]] = {
    "rating": _rating,
    "score": _score,
    "favourites": _whole,
    "source_url": _address,
    "post_url": _address,
    "posted": lambda value, _: utc_time(value),
    "collection": _name,
    "repeats": _whole,
    "licence": _name,
}
"""Name of a fact to what reads it from a value of a site; None or an empty text comes back for what does not fit."""
