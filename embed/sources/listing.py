"""A listing file, JSONL, JSON or CSV: one row per picture or text, with columns found or named in the settings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from embed.sources.columns import Columns, Words, find_columns, plain, words_of
from embed.sources.records import records
from embed.sources.sighting import Known, Sighting, Source, clean, readable
from index.images.reader import file_uri
from schema.errors import SourceError
from schema.settings import IngestSettings


class ListingSource(Source):
    """Lists the rows of one file; relative paths are looked up beside it, absolute ones are taken as they are."""

    def __init__(self, path: Path, settings: IngestSettings) -> None:
        self._path = path
        self._settings = settings

    def sightings(self, known: Known) -> Iterator[Sighting]:
        """Yield one sighting per row, in the file's order; a row that cannot be parsed is a failed one."""
        columns: Columns | None = None
        seen: list[str] = []
        for number, record, reason in records(self._path):
            place = f"{readable(self._path.name)}#{number}"
            if reason:
                yield Sighting(place, reason=clean(reason))
                continue
            new = [name for name in record if name not in seen]
            if new or columns is None:
                # JSON rows may leave columns out, so one that is missing in the first may come in a later one.
                seen += new
                columns = find_columns(seen, self._present(seen), str(self._path))
            name = str(record.get(columns.image) or "").strip() if columns.image else ""
            words = words_of(record, columns)
            yield self._picture(name, words) if name else text_row(place, words)
        if columns is None:
            return
        find_columns(seen, self._settings, str(self._path))
        if not columns.image and not columns.text and not columns.tags:
            raise SourceError(
                f"{self._path} has no column of pictures, tags or texts; it has: {', '.join(seen)}",
                "Name them: ingest.image_column, ingest.tags_column, ingest.text_column.",
            )

    def _present(self, seen: list[str]) -> IngestSettings:
        if self._path.suffix.lower() in (".csv", ".tsv"):
            return self._settings
        names = ("image_column", "tags_column", "text_column", "key_column", "identity_column")
        return self._settings.model_copy(
            update={n: "" for n in names if getattr(self._settings, n) not in seen}
        )

    def _picture(self, name: str, words: Words) -> Sighting:
        key = readable(name)
        if "\0" in name:
            return Sighting(key, key, words.keys, reason="no such file")
        try:
            path = resolve(self._path.parent, name)
        except ValueError as error:
            return Sighting(key, key, words.keys, words.tags, words.text, words.identity, str(error))
        return Sighting(key, file_uri(path), words.keys, words.tags, words.text, words.identity)


def resolve(folder: Path, name: str) -> str:
    """Return the path that a listing in ``folder`` means by ``name``; ValueError with the reason when it may not."""
    if "://" in name and not name.startswith("file://"):
        raise ValueError("is a web address; download it and list the file")
    name = name.removeprefix("file://")
    full = os.path.normpath(os.path.join(folder, name))
    if not os.path.isabs(name) and not full.startswith(os.path.join(folder, "")):
        raise ValueError("lies outside the source folder")
    return full


def text_row(place: str, words: Words) -> Sighting:
    """Return the sighting of a row without a picture: its text, else its tags as a text, else a failed row."""
    key = words.keys[0] if words.keys else place
    text = words.text or ", ".join(tag.replace("_", " ") for tag in words.tags)
    if not text:
        return Sighting(key, reason="row has neither a picture nor a text")
    return Sighting(key, "", (), words.tags, plain(text), words.identity)
