"""Captions of tags in the order that anime models are trained with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from curate.captions.base import Caption, LabelCaptioner
from curate.captions.sayable import Sayable
from curate.captions.tag_line import CATEGORIES, RATINGS, TagLine, spelled
from schema.near import did_you_mean
from schema.plugins import Options
from schema.tags.values import TagReader
from schema.vocabulary import load_vocabulary


class TagOptions(Options):
    """Options of ``[caption.tags]``."""

    categories: tuple[str, ...] = Field(
        CATEGORIES,
        description="Categories in the order in which they are written; what is not named is left out.",
    )
    underscores: bool = Field(
        False, description="Keep underscores; else blanks, except in faces such as ^_^."
    )
    escape: bool = Field(
        False, description="Write brackets as \\( and \\), as prompts of some interfaces need."
    )
    implied: bool = Field(False, description="Keep tags that another tag of the item implies.")
    labels: bool = Field(True, description="Add accepted labels as tags.")
    first: tuple[str, ...] = Field(
        (), description="Tags that every caption begins with, such as a trigger word."
    )
    exclude: tuple[str, ...] = Field((), description="Tags that are never written.")
    rating: Literal["danbooru", "animagine"] = Field(
        "danbooru", description="Words of the rating: general ... explicit, or safe ... nsfw."
    )
    quality: dict[str, float] = Field(
        default_factory=dict,
        description="Quality tags with the lowest score of the source for each; the best that is reached is written.",
    )

    @field_validator("categories")
    @classmethod
    def _known(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for name in given:
            if name not in CATEGORIES:
                raise ValueError(
                    f"there is no category {name!r}{did_you_mean(name, CATEGORIES)}; there are: {', '.join(CATEGORIES)}"
                )
        return given

    @field_validator("first", "exclude")
    @classmethod
    def _plain(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        return tuple("_".join(tag.split()) for tag in given if tag.strip())


class TagCaption(LabelCaptioner):
    """'1girl, solo, hatsune miku, vocaloid, ..., year 2023, general'."""

    name = "tags"
    Options: ClassVar[type[Options]] = TagOptions
    options: TagOptions

    def load(self) -> None:
        """See RowPlugin."""
        tags = self.settings.tags
        vocabulary = load_vocabulary(tags.vocabulary or None)
        self._line = TagLine(TagReader.from_files(vocabulary, tags.aliases, tags.implications))

    def identity(self) -> dict[str, str]:
        """See LabelCaptioner."""
        tags = self.settings.tags
        return {"aliases": " ".join(tags.aliases), "implications": " ".join(tags.implications)}

    def caption(self, item: Sayable) -> Caption:
        """See LabelCaptioner."""
        parts = self.parts(item)
        text = ", ".join(
            [*self.first(), *(tag for category in self.options.categories for tag in parts[category])]
        )
        return Caption(text) if text else Caption(reason="it has no tags and no accepted labels")

    def first(self) -> list[str]:
        """Return the tags that every caption begins with."""
        return [self._spelled(tag) for tag in self.options.first]

    def parts(self, item: Sayable) -> dict[str, list[str]]:
        """Return the tags of each category as they are written; categories that are left out are empty."""
        options = self.options
        found = self._line.by_category(item, options.labels, options.implied)
        found["quality"] = self._quality(item) + found["quality"]
        found["year"] = [f"year {posted[:4]}"] if (posted := item.source.get("posted")) else []
        rating = RATINGS[options.rating].get(item.source.get("source_rating") or "")
        found["rating"] = rating.split(", ") if rating else []
        left_out = {*options.exclude, *options.first}
        return {
            category: [self._spelled(tag) for tag in tags if tag not in left_out]
            if category in options.categories
            else []
            for category, tags in found.items()
        }

    def _quality(self, item: Sayable) -> list[str]:
        score = item.source.get("source_score")
        if score is None:
            return []
        reached = [(limit, word) for word, limit in self.options.quality.items() if score >= limit]
        return [max(reached)[1]] if reached else []

    def _spelled(self, tag: str) -> str:
        return spelled(tag, self.options.underscores, self.options.escape)


def fixed_and_loose(
    parts: dict[str, list[str]], order: Sequence[str]
) -> tuple[list[str], list[str], list[str]]:
    """Return the tags that stay in front, those that a trainer may shuffle, and those that stay at the end."""
    front = [tag for category in order if category in FRONT for tag in parts[category]]
    loose = [tag for category in order if category == "general" for tag in parts[category]]
    end = [
        tag
        for category in order
        if category not in FRONT and category != "general"
        for tag in parts[category]
    ]
    return front, loose, end


FRONT = ("count", "character", "copyright", "artist")
