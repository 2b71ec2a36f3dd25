"""The texts that say what a collection is for: the embed stage makes their vectors, a measure compares them."""

from __future__ import annotations

import hashlib
import json

from pydantic import Field

from schema.plugins import Options, options_of
from schema.settings import Settings


class RelevanceOptions(Options):
    """``[measure.relevance]``."""

    wanted: tuple[str, ...] = Field(
        (
            "a portrait of one character",
            "a drawing of a person",
            "an anime character",
            "a full body picture of a character",
        ),
        min_length=1,
        description="What a picture should be like.",
    )
    unwanted: tuple[str, ...] = Field(
        (
            "a manga page with several panels",
            "a landscape without people",
            "a page of text",
            "a calendar cover",
            "a logo",
            "a photo of an object",
        ),
        description="What it should not be like.",
    )


class _Named:
    """Stands for the measure where its class cannot be imported."""

    name = "relevance"
    Options = RelevanceOptions


def relevance_options(settings: Settings) -> RelevanceOptions:
    """Return the options of a run; raises SettingsError for a bad one."""
    found: RelevanceOptions = options_of(_Named, settings.measure.plugins, "relevance", "measure")
    return found


def texts_of(settings: Settings) -> list[str]:
    """Return the texts whose vectors a run needs, each once, in their order."""
    options = relevance_options(settings)
    return list(dict.fromkeys((*options.wanted, *options.unwanted)))


def asked_texts(settings: Settings) -> list[str]:
    """Return the texts whose vectors the embed stage makes: none where nothing in the settings asks for the measure."""
    asked = "relevance" in settings.measure.names or "relevance" in settings.measure.plugins
    return texts_of(settings) if asked else []


def asks_item_texts(settings: Settings) -> bool:
    """Tell whether the embed stage makes vectors of the items' own texts, which the measure alignment compares."""
    return "alignment" in settings.measure.names or "alignment" in settings.measure.plugins


def texts_digest(settings: Settings) -> str:
    """Return a short digest of the texts: other texts are work for the embed stage."""
    return hashlib.blake2b(json.dumps(asked_texts(settings)).encode(), digest_size=8).hexdigest()
