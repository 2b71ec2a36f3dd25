"""What is written of the pictures: captions, and the data set."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schema.sections.base import PluginSection


class CaptionSettings(PluginSection):
    """What is written about each picture."""

    names: tuple[str, ...] = Field(
        (), description="Captions that likeness run writes; entries of the table of captioners."
    )
    workers: int = Field(
        0, ge=0, description="Decoding threads of captioners that read pictures; 0: one per core."
    )
    commit_rows: int = Field(50_000, ge=1, description="Captions per commit.")
    retry_failed: bool = Field(False, description="Write again what failed in an earlier run.")
    recurring: int = Field(
        20, ge=2, description="A model's caption that so many pictures have is flagged as recurring."
    )


class ExportSettings(PluginSection):
    """What goes out and how it is split."""

    val: float = Field(0.05, ge=0, lt=1, description="Share of the validation split.")
    test: float = Field(0.05, ge=0, lt=1, description="Share of the test split.")
    seed: int = Field(0, description="Seed of the split.")
    rows_per_file: int = Field(1_000_000, ge=1, description="Rows per Parquet or JSONL file.")
    images_per_tar: int = Field(10_000, ge=1, description="Images per WebDataset tar.")
    threads: int = Field(4, ge=1, description="Threads that read pictures.")
    caption: str = Field(
        "", description="Captioner whose captions go out; empty takes the best there is, 'none' none."
    )
    encode: Literal["png", "jpeg", "webp"] = Field(
        "png", description="Format of pictures that were transformed; others keep their bytes."
    )
    quality: int = Field(
        95, ge=1, le=100, description="Quality of JPEG and WebP where pictures were transformed."
    )
    leave_out: tuple[str, ...] = Field(
        (), description="Columns left out; 'artists' takes the tags that name an artist with it."
    )
    ledger: bool = Field(
        True,
        description="Write why each item is in or out beside the export of a selection: _ledger.parquet.",
    )
    attributes: bool = Field(
        False, description='JSON rows also hold \'attributes\': {"Hair Color": "Blonde"}, in title case.'
    )
