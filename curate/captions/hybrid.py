"""Captions of a sentence and tags together, in the forms that kohya's trainers read.

``kept`` puts the sentence before the separator, where no shuffling cuts it at its commas:
'1girl, solo, A woman with long hair. ||| smile, outdoors ||| general'. ``line`` gives the tags a line and every
sentence another, of which a trainer draws one (``enable_wildcard``).
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from curate.captions.base import Caption, LabelCaptioner
from curate.captions.from_labels import NOTHING, FromLabels
from curate.captions.sayable import Sayable
from curate.captions.tags import TagCaption, fixed_and_loose
from schema.plugins import Options


class HybridOptions(Options):
    """Options of ``[caption.hybrid]``; those of the sentence and of the tags are their captioners' own."""

    sentence: str = Field(
        "from_labels", description="Captioner of the sentence; others than from_labels run before."
    )
    place: Literal["kept", "line"] = Field(
        "kept", description="The sentence among the kept tags, or on a line."
    )
    separator: str = Field(
        "|||", min_length=1, description="What ends the kept tags and begins the kept end."
    )
    end: bool = Field(True, description="Keep meta, year and rating at the end, behind a second separator.")


class Hybrid(LabelCaptioner):
    """A sentence, ordered tags and a keep-separator."""

    name = "hybrid"
    Options: ClassVar[type[Options]] = HybridOptions
    options: HybridOptions

    def load(self) -> None:
        """See RowPlugin."""
        self._tags = TagCaption(self.settings)
        self._tags.load()
        self._sentences = FromLabels(self.settings)
        self._sentences.load()

    @property
    def sentence(self) -> str:
        """See LabelCaptioner."""
        return self.options.sentence

    def identity(self) -> dict[str, str]:
        """See LabelCaptioner."""
        parts = (TagCaption(self.settings), FromLabels(self.settings))
        return {part.name: part.key for part in parts}

    def caption(self, item: Sayable) -> Caption:
        """See LabelCaptioner."""
        options = self.options
        lines = self._said(item)
        parts = self._tags.parts(item)
        front, loose, end = fixed_and_loose(parts, self._tags.options.categories)
        front = [*self._tags.first(), *front]
        if not options.end:
            loose, end = [*loose, *end], []
        if options.place == "kept" and lines:
            front.append(lines[0])
        sections = [", ".join(front), ", ".join(loose)] + ([", ".join(end)] if end else [])
        if not any(sections) and not lines:
            return Caption(reason=NOTHING)
        # The separator tells kept tags from others: where one side is empty it has nothing to tell.
        text = f" {options.separator} ".join(sections) if any(sections[1:]) and sections[0] else ""
        text = text or ", ".join(section for section in sections if section)
        if options.place == "line":
            text = "\n".join([text] * bool(text) + lines)
        flags = () if lines else ("no sentence",)
        return Caption(text, flags=flags)

    def _said(self, item: Sayable) -> list[str]:
        if self.options.sentence != FromLabels.name:
            return [
                line for line in item.sentences.get(self.options.sentence, "").splitlines() if line.strip()
            ]
        reviewed = item.sentences.get(FromLabels.name) if FromLabels.name in item.edited else None
        return (
            reviewed.splitlines()
            if reviewed
            else self._sentences.lines(item, self._sentences.options.sentences)
        )
