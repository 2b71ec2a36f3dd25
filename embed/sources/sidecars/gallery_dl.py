"""What gallery-dl --write-metadata leaves: a.png.json, or a.json, with the post of one picture."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from embed.sources.base import SourceOptions
from embed.sources.fields.reader import FieldReader
from embed.sources.sidecars.base import Entry, Sidecar, SidecarFile

UNREADABLE = "not readable JSON: {error}"


class GalleryDlFile(Sidecar):
    """The post of one picture, of any site: Danbooru, Gelbooru, e621, Moebooru, Pixiv, Reddit, X and the others."""

    patterns = ("{name}.json", "{stem}.json", "{stem}.info.json")

    def __init__(self, options: SourceOptions) -> None:
        super().__init__(options)
        self.reader = FieldReader(taken=options.taken)

    def entries(self, file: SidecarFile) -> Iterator[Entry] | None:
        """Return the one entry; None where the file holds no object."""
        post, reason = json_object(file)
        if reason:
            return iter([Entry("", self.reader.annotate({}), reason)])
        return None if post is None else iter([Entry("", self.reader.annotate(post))])


def json_object(file: SidecarFile) -> tuple[Mapping[str, Any] | None, str]:
    """Return (the object in a JSON file or None, why it cannot be read)."""
    said = file.text()
    if said.doubtful:
        return None, "its encoding cannot be told; tags.encoding names it"
    try:
        data = json.loads(said.text)
    except (ValueError, RecursionError) as error:
        return None, UNREADABLE.format(error=str(error)[:120])
    if isinstance(data, list) and len(data) == 1:
        data = data[0]
    return (data, "") if isinstance(data, Mapping) and data else (None, "")
