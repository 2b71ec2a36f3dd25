"""The encoders, by the name that encoder.kind takes. A new one is a class and a line here."""

from __future__ import annotations

import hashlib
import json
import re

from embed.encoders.base import Batch, Encoder, normalise
from schema.errors import EncoderError
from schema.plugins import Seam
from schema.settings import Settings

ENCODERS = {
    "open_clip": "embed.encoders.open_clip:OpenClip",
    "precomputed": "embed.encoders.precomputed:Precomputed",
    "timm": "embed.encoders.timm:Timm",
}

SEAM = Seam(ENCODERS, "encoder", "encoder.kind", "likeness.encoders", Encoder, EncoderError)

__all__ = [
    "ENCODERS",
    "SEAM",
    "Batch",
    "Encoder",
    "encoder_class",
    "encoder_key",
    "load_encoder",
    "normalise",
]


def encoder_class(kind: str) -> type[Encoder]:
    """Return the class of an entry of ENCODERS; raises EncoderError that lists the entries."""
    found: type[Encoder] = SEAM.load(kind)
    return found


def load_encoder(settings: Settings) -> Encoder:
    """Build the encoder that the settings name. Raises EncoderError or DownloadError that say what to change."""
    return encoder_class(settings.encoder.kind)(settings)


def encoder_key(settings: Settings) -> str:
    """Return the KEY of the vectors that these settings make, such as likeness_avatar_1a2b3c4d; loads no model.

    Batch, device and precision are left out: they change a vector by rounding only, and a run may move between devices.
    """
    name, facts = encoder_class(settings.encoder.kind).identity(settings)
    readable = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:40] or "encoder"
    text = json.dumps({"kind": settings.encoder.kind, **facts}, sort_keys=True)
    return f"{readable}_{hashlib.blake2b(text.encode(), digest_size=4).hexdigest()}"
