"""What the place that a picture comes from says of it, in typed columns: rating, score, artists, addresses, extras.

One dataclass in Python, one list of Arrow fields in the tables. Columns that have no meaning of their own here are
kept under their names as *extras*, each with the narrowest type that holds its values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, TypeAlias

import pyarrow as pa

Extra: TypeAlias = "bool | int | float | str | tuple[str, ...]"

RATINGS = {"g": "general", "s": "sensitive", "q": "questionable", "e": "explicit"}
"""Stored letter to its name, Danbooru's four levels from harmless to explicit."""

_SPELLINGS = {
    "g": "g general safe sfw everyone all_ages all-ages allages pg",
    "s": "s sensitive suggestive teen r13 r-13 pg13 pg-13",
    "q": "q questionable mature r15 r-15 r16 r-16 ecchi borderline",
    "e": "e explicit adult nsfw r18 r-18 r18g r-18g x xxx unsafe hentai porn 18+",
}
_LETTER = {word: letter for letter, words in _SPELLINGS.items() for word in words.split()}


@dataclass(frozen=True, slots=True)
class SourceMetadata:
    """Facts of a post as its site states them; empty where it states nothing.

    ``rating`` is one of ``RATINGS``, ``posted`` a UTC time such as 2024-05-31T12:00:00Z, ``repeats`` kohya's number of
    repeats, ``collection`` a concept folder, subreddit or album. The tag lists repeat what is among the item's tags.
    """

    rating: str = ""
    score: float | None = None
    favourites: int | None = None
    artists: tuple[str, ...] = ()
    copyrights: tuple[str, ...] = ()
    characters: tuple[str, ...] = ()
    meta_tags: tuple[str, ...] = ()
    source_url: str = ""
    post_url: str = ""
    posted: str = ""
    collection: str = ""
    repeats: int | None = None
    licence: str = ""
    extras: Mapping[str, Extra] = field(default_factory=dict)

    def columns(self) -> dict[str, Any]:
        """Return the values by column, None where nothing is stated; extras are columns of their own."""
        found: dict[str, Any] = {}
        for name, column in COLUMN_OF.items():
            value = getattr(self, name)
            found[column] = list(value) if isinstance(value, tuple) else (None if value == "" else value)
        found.update(self.extras)
        return found

    def filled(self, other: SourceMetadata) -> SourceMetadata:
        """Return this with the other's facts where this one states nothing; lists are joined, order kept."""
        values: dict[str, Any] = {}
        for each in fields(self):
            mine, theirs = getattr(self, each.name), getattr(other, each.name)
            if isinstance(mine, tuple):
                values[each.name] = tuple(dict.fromkeys((*mine, *theirs)))
            elif each.name == "extras":
                values[each.name] = {**theirs, **mine}
            else:
                values[each.name] = theirs if mine is None or mine == "" else mine
        return SourceMetadata(**values)


COLUMN_OF = {
    each.name: {"rating": "source_rating", "score": "source_score"}.get(each.name, each.name)
    for each in fields(SourceMetadata)
    if each.name != "extras"
}
"""Name of a fact to its column."""

_TYPES: dict[str, pa.DataType] = {
    "source_score": pa.float64(),
    "favourites": pa.int64(),
    "repeats": pa.int32(),
    **dict.fromkeys(("artists", "copyrights", "characters", "meta_tags"), pa.list_(pa.string())),
}
FIELDS: tuple[pa.Field, ...] = tuple(
    pa.field(column, _TYPES.get(column, pa.string())) for column in COLUMN_OF.values()
)
"""The Arrow fields of the facts, in their order; extras follow them in a table."""

CATEGORY_FACTS = {
    "artist": "artists",
    "copyright": "copyrights",
    "character": "characters",
    "meta": "meta_tags",
}
"""Category of a tag to the fact that lists such tags."""


def rating_letter(value: object, safe: str = "g") -> str:
    """Return g, s, q or e for a rating in any usual spelling, or an empty string for none that is known.

    ``safe`` is what the site means by 'safe': g on most boorus, s on Danbooru, which had only that word before 2022.
    """
    if value is None or isinstance(value, bool):
        return ""
    word = str(value).strip().lower()
    word = re.sub(r"^(rating|safety)\s*[:=_]\s*", "", word).replace(" ", "_").strip("_")
    return safe if word == "safe" else _LETTER.get(word, "")


def number(value: object) -> float | None:
    """Return a finite number that a value is or spells, or None."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, (int, float)):
        return float(value) if abs(value) < 1e300 else None
    text = str(value).strip().replace("\u202f", "").replace("\u00a0", "")
    if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", text):
        text = text.replace(",", "")
    if not re.fullmatch(r"[+-]?(\d{1,18}(\.\d*)?|\.\d+)([eE][+-]?\d{1,2})?", text):
        return None
    return float(text)


def utc_time(value: object) -> str:
    """Return a time as 2024-05-31T12:00:00Z, a date as 2024-05-31, or an empty string for what is neither.

    Read are ISO 8601, seconds since 1970 (also as text, also in milliseconds), ``Sat May 31 12:00:00 +0200 2024`` and
    RFC 2822; without a zone UTC is meant.
    """
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(
        value, Mapping
    ):  # Sankaku and old Moebooru: {"json_class": "Time", "s": 1400000000, "n": 0}
        value = value.get("s")
    if isinstance(value, datetime):
        return _written(value)
    seconds = number(value)
    try:
        if seconds is not None:
            if not 1e8 <= seconds < 5e12:
                return ""
            return _written(datetime.fromtimestamp(seconds / (1000 if seconds > 1e11 else 1), UTC))
        text = str(value).strip()
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return datetime.fromisoformat(text).date().isoformat()
        return _written(_parsed(text))
    except (ValueError, OverflowError, OSError, TypeError, IndexError):
        return ""


def _parsed(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text.replace(" UTC", "+00:00"))
    except ValueError:
        pass
    for form in ("%a %b %d %H:%M:%S %z %Y", "%Y/%m/%d %H:%M", "%Y/%m/%d", "%Y%m%d"):
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - a zone is set where there is none
        except ValueError:
            continue
    from email.utils import parsedate_to_datetime

    return parsedate_to_datetime(text)


def _written(time: datetime) -> str:
    time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


# ---- extras


def extra_name(name: str, taken: Iterable[str]) -> str:
    """Return the column under which an extra is kept: its own name, with ``source_`` before it where that is taken.

    What is no letter, digit or underscore becomes an underscore, so that filters can name it unquoted.
    """
    plain = re.sub(r"\W+", "_", name.strip()).strip("_") or "column"
    if plain[0].isdigit():
        plain = f"column_{plain}"
    ours = {each.lower() for each in taken}
    if plain.lower() not in ours:
        return plain
    named = f"source_{plain}"
    # source_score itself is ours: a score that is no number is kept beside it.
    return f"{named}_as_given" if named.lower() in ours else named


def extra_type(values: Iterable[Extra | None]) -> pa.DataType | None:
    """Return the narrowest type of bool, int64, float64, list of text and text that holds all values; None for none."""
    found: pa.DataType | None = None
    for value in values:
        if value is not None:
            found = wider(found, _type_of(value))
    return found


def wider(one: pa.DataType | None, other: pa.DataType) -> pa.DataType:
    """Return the type that holds the values of both: int64 and float64 give float64, else different ones give text."""
    if one is None or one == other:
        return other
    if {one, other} == {pa.int64(), pa.float64()}:
        return pa.float64()
    return pa.string()


def _type_of(value: Extra) -> pa.DataType:
    if isinstance(value, bool):
        return pa.bool_()
    if isinstance(value, int):
        return pa.int64() if -(2**63) <= value < 2**63 else pa.string()
    if isinstance(value, float):
        return pa.float64()
    return pa.list_(pa.string()) if isinstance(value, tuple) else pa.string()


def as_type(value: Extra | None, kind: pa.DataType) -> Any:
    """Return a value in the form that a column of this type takes."""
    if value is None:
        return None
    if pa.types.is_list(kind):
        return list(value) if isinstance(value, tuple) else [as_text(value)]
    if pa.types.is_string(kind):
        return as_text(value)
    if pa.types.is_floating(kind) and not isinstance(value, (str, tuple)):
        return float(value)
    return value


def as_text(value: Extra) -> str:
    """Return a value as text: numbers as Python writes them, booleans as true and false, lists joined by commas."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def typed(text: str) -> Extra | None:
    """Return what a cell of a CSV spells: a number, true or false, text; None for an empty one.

    A number with leading zeros is a name, and stays text.
    """
    plain = text.strip()
    if not plain:
        return None
    if re.fullmatch(r"-?(0|[1-9]\d{0,17})", plain):
        return int(plain)
    if re.fullmatch(r"-?(0|[1-9]\d*)\.\d+([eE][+-]?\d+)?|-?\d(\.\d+)?[eE][+-]?\d{1,2}", plain):
        return float(plain)
    if plain.lower() in ("true", "false"):
        return plain.lower() == "true"
    return text
