"""The fields of a record by meaning: which are tags, text, ids, rating, score; the others are kept as extras.

One table of names serves metadata files, listings, Parquet columns, JSON in tars and what downloaders write, so that
a field means the same wherever it stands.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from embed.sources.annotation import Annotation, annotation_of_tags, clean
from embed.sources.fields.sites import Site, adult_letter, post_address, site_of
from embed.sources.fields.values import (
    CATEGORY_NAMES,
    READ,
    as_extra,
    holds_tags,
    is_empty,
    parsed,
    plain,
    tags_of,
    text_of,
)
from schema.source_metadata import Extra, SourceMetadata, extra_name, typed
from schema.tags.parsing import Tags, read_caption, read_tags

IMAGE_NAMES = (
    "file_name", "image", "image_path", "filename", "filepath", "file_path", "file", "path", "img",
    "jpg", "png", "webp", "images", "file_names",
)  # fmt: skip
TAG_NAMES = (
    "tags", "tag_string", "tag_string_general", "tags_general", "tag_list", "booru_tags", "general_tags", "hashtags",
)  # fmt: skip
TEXT_NAMES = (
    "text", "description", "caption", "captions", "prompt", "txt", "content", "selftext", "alt_text", "alt",
    "comment_text", "summary",
)  # fmt: skip
# A column of captions may hold tags or a description, whichever the trainer used.
CAPTION_NAMES = frozenset({"caption", "captions", "txt", "prompt"})
KEY_NAMES = ("id", "key", "item_id", "image_id", "post_id", "illust_id", "tweet_id", "__key__")

_NAMES: dict[str, tuple[str, ...]] = {
    "rating": ("rating", "safety", "source_rating", "content_rating", "age_rating"),
    "score": ("score", "total_score", "source_score", "ups", "upvotes"),
    "favourites": (
        "fav_count", "favorite_count", "favourite_count", "favorites_count", "favourites_count", "favourites",
        "favorites", "faves", "favs", "bookmark_count", "total_bookmarks", "bookmarks", "like_count", "likes_count",
        "likecount", "likes", "num_favorites",
    ),
    "source_url": ("source", "source_url", "sources", "source_urls", "original_url", "url", "urls", "image_url"),
    "post_url": ("post_url", "permalink", "page_url", "webpage_url", "post_link", "tweet_url"),
    "posted": (
        "created_at", "create_date", "created", "createdat", "published", "published_at", "published_time", "posted",
        "posted_at", "post_date", "date", "created_utc", "upload_date", "timestamp", "timestamp_posted",
    ),
    "collection": ("collection", "concept", "subreddit", "album", "board", "pool", "gallery_name"),
    "repeats": ("repeats", "num_repeats"),
    "licence": ("licence", "license", "license_name"),
    "title": ("title",),
    "status": ("status",),
    "error": ("error_message",),
}  # fmt: skip
_MEANING = {name: meaning for meaning, names in _NAMES.items() for name in names}
_CATEGORY = {name: category for category, names in CATEGORY_NAMES.items() for name in names}
# img2dataset writes one of these for every row; other tables have a status of their own.
_FAILED_STATUS = frozenset({"failed_to_download", "failed_to_resize"})


@dataclass(slots=True)
class FieldReader:
    """Reads records of one file: its columns by meaning, those of the settings first.

    ``taken`` are the column names of ours, which no extra may have. ``cells``: values are the texts of a CSV, of which
    extras get types. ``left_out`` counts fields that no table column can hold (bytes, long lists of numbers) by name.
    """

    tags: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    key: str = ""
    identity: str = ""
    taken: frozenset[str] = frozenset()
    only_tags: bool = False
    text_as_tags: frozenset[str] = frozenset()
    keep_text: frozenset[str] = frozenset()
    cells: bool = False
    left_out: Counter[str] = field(default_factory=Counter)
    _names: dict[str, str] = field(default_factory=dict)

    def annotate(self, record: Mapping[str, Any], skip: Iterable[str] = ()) -> Annotation:
        """Return what one record says; fields in ``skip``, such as the picture's own, are not read."""
        skipped = set(skip)
        fields = {
            str(name): value for name, value in record.items() if name not in skipped and not is_empty(value)
        }
        nested = fields.pop("json", None)
        if isinstance(nested, str):
            nested = parsed(nested)
        if isinstance(nested, Mapping):
            # The json column beside jpg and txt of a tar that became a table.
            fields.update({str(name): value for name, value in nested.items() if not is_empty(value)})
        elif nested is not None:
            fields["json"] = nested
        lower = {name.lower(): name for name in reversed(fields)}
        site = site_of(fields)
        used: set[str] = set()
        tags = self._tags(fields, lower, used)
        said = self._facts(fields, lower, used, tags, site)
        texts, caption_tags = self._texts(fields, lower, used, site)
        tags.update(caption_tags)
        keys = self._keys(fields, lower, used)
        identity = plain(self._value(fields, self.identity, used)) if self.identity else ""
        reason = _failure(fields, lower, used)
        extras = self._extras(fields, used)
        post_url = said.post_url or post_address(site, fields, keys[0] if keys else "")
        metadata = SourceMetadata(post_url=post_url, extras=extras).filled(said)
        found = annotation_of_tags(tags, "\n".join(texts), metadata)
        return Annotation(keys, found.tags, found.text, identity, found.metadata, reason)

    # ---- parts

    def _value(self, fields: Mapping[str, Any], name: str, used: set[str]) -> Any:
        """Return a configured column's value; ``meta.tags`` names a field inside another."""
        if name in fields:
            used.add(name)
            return fields[name]
        value: Any = fields
        for part in name.split("."):
            value = parsed(value) if isinstance(value, str) else value
            value = value.get(part) if isinstance(value, Mapping) else None
        if value is not None:
            used.add(name.partition(".")[0])
        return value

    def _tags(self, fields: Mapping[str, Any], lower: Mapping[str, str], used: set[str]) -> Tags:
        found = Tags()
        for name in self.tags:
            found.update(tags_of(self._value(fields, name, used)))
        for name in () if self.only_tags else TAG_NAMES:
            if name in lower and holds_tags(fields[lower[name]]):
                used.add(lower[name])
                found.update(tags_of(fields[lower[name]]))
        for name, category in _CATEGORY.items():
            column = lower.get(name)
            if column is not None and column not in used and holds_tags(fields[column]):
                used.add(column)
                found.update(tags_of(fields[column], category))
        for name in self.text_as_tags:
            if isinstance(fields.get(name), str):
                used.add(name)
                found.update(read_tags(fields[name]))
        return found

    def _facts(
        self, fields: Mapping[str, Any], lower: Mapping[str, str], used: set[str], tags: Tags, site: Site
    ) -> SourceMetadata:
        facts: dict[str, Any] = {}
        for name, meaning in _MEANING.items():
            column = lower.get(name)
            if (
                column is None
                or column in used
                or meaning in facts
                or meaning in ("title", "status", "error")
            ):
                continue
            value = READ[meaning](fields[column], site)
            if value is not None and value != "":
                facts[meaning] = value
                used.add(column)
        if not facts.get("rating"):
            facts["rating"] = adult_letter(site, fields, tags.tags)
        if site.author_draws and (name := _author(fields)):
            facts["artists"] = (name,)
        if isinstance(facts.get("favourites"), float):
            facts["favourites"] = int(facts["favourites"])
        if isinstance(facts.get("repeats"), float):
            facts["repeats"] = int(facts["repeats"])
        return SourceMetadata(**facts)

    def _texts(
        self, fields: Mapping[str, Any], lower: Mapping[str, str], used: set[str], site: Site
    ) -> tuple[list[str], Tags]:
        tags = Tags()
        names = self.text or tuple(lower[name] for name in (*TEXT_NAMES, "title") if name in lower)
        for name in names:
            value = self._value(fields, name, used) if self.text else fields[name]
            if name in used and not self.text:
                continue
            text = text_of(value)
            if not text:
                continue
            used.add(name)
            # What people write below a post is never a list of tags, however short it is.
            if name.lower() in CAPTION_NAMES and not site.name and name not in self.keep_text:
                found, text = read_caption(text)
                tags.update(found)
                if not text and not self.text:
                    continue
            if name.lower() == "title":
                used.discard(name)  # a title is also kept as what it is
            return [text] if text else [], tags
        return [], tags

    def _keys(self, fields: Mapping[str, Any], lower: Mapping[str, str], used: set[str]) -> tuple[str, ...]:
        if self.key:
            key = plain(self._value(fields, self.key, used))
            return (key,) if key else ()
        for name in KEY_NAMES:
            column = lower.get(name)
            if column is not None and not isinstance(fields[column], (Mapping, list, tuple)):
                used.add(column)
                return (plain(fields[column]),)
        return ()

    def _extras(self, fields: Mapping[str, Any], used: set[str]) -> dict[str, Extra]:
        extras: dict[str, Extra] = {}
        for name, value in fields.items():
            if name in used:
                continue
            inner = (
                {f"{name}_{part}": one for part, one in value.items()} if isinstance(value, Mapping) else {}
            )
            for column, one in inner.items() if inner else ((name, value),):
                kept = typed(one) if self.cells and isinstance(one, str) else as_extra(one)
                if kept is not None:
                    extras.setdefault(self._column(column), kept)
                elif not is_empty(one):
                    self.left_out[column] += 1
        return extras

    def _column(self, name: str) -> str:
        column = self._names.get(name)
        if column is None:
            column = self._names[name] = extra_name(clean(name), self.taken)
        return column


def _author(fields: Mapping[str, Any]) -> str:
    """Return the name of who made a post, as a tag."""
    for name in ("author", "user", "account", "artist"):
        value = fields.get(name)
        if isinstance(value, Mapping):
            value = value.get("name") or value.get("username") or value.get("handle") or value.get("account")
        if isinstance(value, str) and value.strip():
            return clean(re.sub(r"\s+", "_", value.strip().lower()))
    return ""


def _failure(fields: Mapping[str, Any], lower: Mapping[str, str], used: set[str]) -> str:
    """Return why a downloader has no picture for this row, or an empty string where it has."""
    status = fields.get(lower.get("status", ""))
    if not isinstance(status, str) or (status not in _FAILED_STATUS and status != "success"):
        return ""
    error = plain(fields.get(lower.get("error_message", "")))
    used.update(lower[name] for name in ("status", "error_message") if name in lower)
    return "" if status == "success" else f"{status.replace('_', ' ')}: {error or 'no reason given'}"


def all_names() -> tuple[str, ...]:
    """Return every name of a field that has a meaning, in lower case."""
    return (*IMAGE_NAMES, *TAG_NAMES, *TEXT_NAMES, *KEY_NAMES, *_MEANING, *_CATEGORY, "json")
