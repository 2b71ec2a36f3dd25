"""kohya's metadata JSON, path -> {"tags": ..., "caption": ...}, read piece by piece: it may describe millions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from embed.sources.annotation import Annotation, annotation_of_tags, clean, joined
from embed.sources.base import SourceOptions
from embed.sources.encodings import unicode_text
from embed.sources.fields.reader import FieldReader
from embed.sources.sidecars.base import Entry, Sidecar, SidecarFile
from schema.tags.parsing import read_caption, read_tags

_CHUNK = 1 << 20
_START = re.compile(r'\s*\{\s*"(?:[^"\\]|\\.)*"\s*:\s*[{"]')
# name of a picture -> its tags, without an object around them
_NAMED = re.compile(r'\s*\{\s*"[^"]*\.(png|jpe?g|webp|gif|avif|bmp|tiff?)"\s*:\s*["{]', re.IGNORECASE)
_SPACE = re.compile(r"[\s,]*")
_OWN = ("tags", "caption", "train_resolution", "latents", "image_size")


class KohyaFile(Sidecar):
    """Tags and captions by path, of this machine or another, with or without the picture's ending."""

    patterns = ("*.json",)
    many = True

    def __init__(self, options: SourceOptions) -> None:
        super().__init__(options)
        self.reader = FieldReader(taken=options.taken)

    def entries(self, file: SidecarFile) -> Iterator[Entry] | None:
        """Return an entry for each path; None for JSON of another kind."""
        return self._entries(file.path) if self.belongs(file.path) else None

    @staticmethod
    def belongs(path: str) -> bool:
        """Tell whether a file is of this format."""
        return path.lower().endswith(".json") and looks_like_kohya(path)

    def _entries(self, path: str) -> Iterator[Entry]:
        try:
            for name, value in _members(path):
                said = value if isinstance(value, Mapping) else {"caption": value}
                if said.keys() & {"tags", "caption"}:
                    yield Entry(name, self._annotation(said))
        except (OSError, ValueError, RecursionError) as error:
            yield Entry("", Annotation(), clean(f"damaged metadata file, read up to the damage: {error}"))

    def _annotation(self, said: Mapping[str, Any]) -> Annotation:
        tags = said.get("tags")
        found = read_tags(tags if isinstance(tags, (str, list)) else None)
        text = ""
        if isinstance(said.get("caption"), str):
            more, text = read_caption(said["caption"])
            found.update(more)
        others = {name: value for name, value in said.items() if name not in _OWN}
        own = annotation_of_tags(found, text)
        return joined([own, self.reader.annotate(others)]) if others else own


def looks_like_kohya(path: str) -> bool:
    """Tell from its first bytes whether a JSON file maps names to objects or captions with tags in them."""
    try:
        with open(path, "rb") as file:
            decoded = unicode_text(file.read(65536))
    except OSError:
        return False
    head = decoded.text if decoded else ""
    if not _START.match(head):
        return False
    if _NAMED.match(head):
        return True
    found = re.search(r':\s*\{[^{}]*?"(tags|caption)"\s*:', head)
    end = head.find("}")
    return found is not None and (end < 0 or found.start() < end)


def _members(path: str) -> Iterator[tuple[str, Any]]:
    """Yield the members of one JSON object without holding the file."""
    decoder = json.JSONDecoder()
    with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
        buffer = file.read(_CHUNK).lstrip()
        if not buffer.startswith("{"):
            raise ValueError("not a JSON object")
        at, ended = 1, False
        while True:
            try:
                at = _skip(buffer, at)
                if buffer[at : at + 1] == "}":
                    return
                name, after = decoder.raw_decode(buffer, at)
                colon = buffer.index(":", after)
                value, after = decoder.raw_decode(buffer, _skip(buffer, colon + 1))
                if not isinstance(name, str):
                    raise ValueError("a key is not a string")
            except (ValueError, IndexError) as error:
                if ended:
                    raise ValueError(str(error)) from error
                more = file.read(max(_CHUNK, len(buffer)))
                ended = not more
                buffer, at = buffer[at:] + more, 0
                continue
            yield name, value
            at = after


def _skip(buffer: str, at: int) -> int:
    space = _SPACE.match(buffer, at)
    return space.end() if space else at
