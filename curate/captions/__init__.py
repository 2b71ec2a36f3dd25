"""The captioners, by name: what writes a caption for each item, a table for each. A new one is a class and a line."""

from __future__ import annotations

from curate.captions.base import Captioner
from schema.plugins import Seam

CAPTIONERS = {
    "from_labels": "curate.captions.from_labels:FromLabels",
    "tags": "curate.captions.tags:TagCaption",
    "hybrid": "curate.captions.hybrid:Hybrid",
    "vlm": "curate.captions.vlm:VlmCaption",
}

SEAM = Seam(CAPTIONERS, "captioner", "caption.names", "likeness.captioners", Captioner)

__all__ = ["CAPTIONERS", "SEAM", "Captioner", "captioner_class"]


def captioner_class(name: str) -> type[Captioner]:
    """Return the class of an entry of CAPTIONERS; raises SettingsError that lists the entries."""
    found: type[Captioner] = SEAM.load(name)
    return found
