"""Dumps with one post a line, as of Danbooru and of gallery-dl: they describe pictures by id, hash and name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any

from embed.sources.base import SourceOptions
from embed.sources.fields.reader import FieldReader
from embed.sources.fields.sites import site_of
from embed.sources.records import records
from embed.sources.sidecars.base import Entry, Sidecar, SidecarFile
from schema.errors import SourceError

_PEEK = 5


class PostsFile(Sidecar):
    """Posts of a site, each with the id, hash or name of its picture."""

    patterns = ("*.jsonl", "*.ndjson", "*.json")
    many = True

    def __init__(self, options: SourceOptions) -> None:
        super().__init__(options)
        self.reader = FieldReader(taken=options.taken)

    def entries(self, file: SidecarFile) -> Iterator[Entry] | None:
        """Return an entry a line; None where the lines are no posts of a site."""
        if not _several_lines(file.path):
            return None
        try:
            lines = records(Path(file.path), self.options.encoding)
            first = list(islice(lines, _PEEK))
        except SourceError:
            return None
        if not first or not all(_is_post(line.fields) for line in first):
            return None
        return self._entries(chain(first, lines))

    def _entries(self, lines: Iterator[Any]) -> Iterator[Entry]:
        for line in lines:
            if line.reason:
                yield Entry("", self.reader.annotate({}), line.reason)
                continue
            said = self.reader.annotate(line.fields)
            names = tuple(_names(line.fields))
            if names:
                yield Entry(names[0], said, also=names[1:])


def _is_post(record: Mapping[str, Any]) -> bool:
    named = bool(site_of(record).name) or {"id", "rating"} <= record.keys()
    return named and any(True for _ in _names(record))


def _names(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the picture of a post may be called: its hash, its file's name, its id."""
    md5 = record.get("md5")
    if isinstance(md5, str) and re.fullmatch(r"[0-9a-fA-F]{32}", md5):
        yield f"id:{md5.lower()}"
    name, ending = record.get("filename"), record.get("extension") or record.get("file_ext")
    if isinstance(name, str) and isinstance(ending, str) and name:
        yield f"name:{name}.{ending}"
    for key in ("id", "post_id", "tweet_id"):
        if (
            isinstance(record.get(key), (int, str))
            and not isinstance(record.get(key), bool)
            and str(record[key])
        ):
            yield f"id:{str(record[key]).lower()}"
            return


def _several_lines(path: str) -> bool:
    """Tell by its first line whether a file holds one object a line; a post alone is no dump."""
    try:
        with open(path, "rb") as file:
            first, second = file.readline(2**20), file.readline(2**20)
    except OSError:
        return False
    ending = path.lower().endswith(".json")
    try:
        return isinstance(json.loads(first), dict) and (not ending or second.lstrip()[:1] == b"{")
    except (ValueError, RecursionError):
        return False
