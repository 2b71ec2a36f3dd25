"""What hydrus and gallery-dl's --write-tags leave: a.png.txt with one tag a line, a.png.json with lists of tags."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from embed.sources.annotation import Annotation, annotation_of_tags, joined
from embed.sources.sidecars.base import Entry, Sidecar, SidecarFile
from embed.sources.sidecars.caption import LOST
from schema.source_metadata import SourceMetadata
from schema.tags.namespaces import split_namespace
from schema.tags.parsing import read_tags

_ADDRESS = re.compile(r"https?://\S+$")


class HydrusFile(Sidecar):
    """Tags by line or as a JSON list, with namespaces; addresses among them are those of the picture."""

    patterns = ("{name}.txt", "{stem}.txt", "{name}.json", "{name}.tags.txt", "{name}.urls.txt")

    def entries(self, file: SidecarFile) -> Iterator[Entry] | None:
        """Return the one entry; None for a caption, and for JSON that is an object of another kind."""
        said = file.text()
        if file.name.lower().endswith(".json"):
            lines = _listed(said.text)
        else:
            lines = [line.strip() for line in said.text.splitlines() if line.strip()]
            if not _one_a_line(lines):
                return None
        if lines is None:
            return None
        reason = LOST.format(lost=said.lost) if said.doubtful else ""
        return iter([Entry("", _annotation(lines), reason)])


def _one_a_line(lines: list[str]) -> bool:
    """Tell tags by line from a caption: no commas, no sentences, and several lines or a namespace."""
    if any("," in line or len(line) > 120 or re.search(r"[a-z]{3}[.!?]$", line) for line in lines):
        return False
    return len(lines) > 2 or any(split_namespace(line)[0] or _ADDRESS.match(line) for line in lines)


def _listed(text: str) -> list[str] | None:
    try:
        data: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(data, Mapping):
        # {"tags": [...], "urls": [...]}, or one list for each tag service.
        lists = [part for part in data.values() if isinstance(part, list)]
        if len(lists) != len(data) or not lists:
            return None
        data = [entry for part in lists for entry in part]
    if not isinstance(data, list) or not all(isinstance(entry, str) for entry in data):
        return None
    return [entry for entry in data if entry.strip()]


def _annotation(lines: list[str]) -> Annotation:
    addresses = [line for line in lines if _ADDRESS.match(line)]
    # Every line is one tag, so commas and spaces in it are its own.
    tags = read_tags([line.replace(",", " ") for line in lines if line not in addresses])
    found = annotation_of_tags(tags)
    if not addresses:
        return found
    return joined([found, Annotation(metadata=SourceMetadata(source_url=addresses[0]))])
