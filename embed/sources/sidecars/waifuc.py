"""What waifuc's exporter leaves beside a.png: .a_meta.json, a hidden file with tags and the posts of their sites."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from embed.sources.annotation import joined
from embed.sources.base import SourceOptions
from embed.sources.fields.reader import FieldReader
from embed.sources.fields.sites import is_site
from embed.sources.sidecars.base import Entry, Sidecar, SidecarFile
from embed.sources.sidecars.gallery_dl import json_object

# What waifuc notes of its own work and not of the picture.
_OWN = ("filename", "group_id", "crop", "begin", "url")


class WaifucFile(Sidecar):
    """Tags with their scores, and under the name of a site the post as that site gave it."""

    patterns = (".{stem}_meta.json", "{stem}_meta.json", ".{name}_meta.json")

    def __init__(self, options: SourceOptions) -> None:
        super().__init__(options)
        self.reader = FieldReader(taken=options.taken)

    def entries(self, file: SidecarFile) -> Iterator[Entry] | None:
        """Return the one entry; None where the file holds no object."""
        record, reason = json_object(file)
        if reason:
            return iter([Entry("", self.reader.annotate({}), reason)])
        if record is None:
            return None
        posts = {name: part for name, part in record.items() if isinstance(part, Mapping) and is_site(name)}
        own = {name: part for name, part in record.items() if name not in posts and name not in _OWN}
        if isinstance(record.get("url"), str):
            own["source_url"] = record["url"]
        said = [self.reader.annotate({"category": name, **post}) for name, post in posts.items()]
        return iter([Entry("", joined([self.reader.annotate(own), *said]))])
