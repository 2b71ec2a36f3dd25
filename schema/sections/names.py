"""Settings of names: characters and works."""

from __future__ import annotations

from pydantic import Field

from schema.sections.base import Section


class NamesSettings(Section):
    """Which character and work a picture shows."""

    columns: tuple[str, ...] = Field(
        ("characters",),
        description="Columns of items that name characters, such as characters, collection or identity.",
    )
    title_rule: str = Field(
        "",
        description="Expression whose group 'name' finds the character in a description without tags for it.",
    )
    aliases: str = Field("", description="CSV of alias,name: other names of a character or work.")
    precision: float = Field(0.95, gt=0.5, lt=1, description="Share of inferred names that are to be right.")
    confidence: float = Field(
        0.9, gt=0.5, lt=1, description="How sure the precision must be on held-out pictures."
    )
    strangers: float = Field(
        0.3, ge=0, lt=1, description="Expected share of pictures without a name that show nobody known."
    )
    stranger_rate: float = Field(
        0.02, gt=0, lt=1, description="Share of those that may be given a name at most."
    )
    seed: int = Field(0, description="Seed of the folds.")
