"""Captions as trainers write them: a.txt, a.caption, a.png.txt beside a.png; a list of tags, a description, or both."""

from __future__ import annotations

from collections.abc import Iterator

from embed.sources.annotation import annotation_of_tags
from embed.sources.sidecars.base import Entry, Sidecar, SidecarFile
from schema.tags.parsing import read_caption

LOST = "{lost} parts are in an encoding that cannot be told, and are left out; tags.encoding names it"


class CaptionFile(Sidecar):
    """One caption; what is no Unicode text is read in the encoding of its folder."""

    patterns = ("{stem}.txt", "{stem}.caption", "{name}.txt", "{name}.caption", "{stem}.tags", "{stem}.cap")

    def entries(self, file: SidecarFile) -> Iterator[Entry]:
        """Yield what the caption says; of a doubtful text its ASCII parts, with the reason."""
        said = file.text()
        tags, text = read_caption(said.text)
        reason = LOST.format(lost=said.lost) if said.doubtful else ""
        yield Entry("", annotation_of_tags(tags, text), reason)
