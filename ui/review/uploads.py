"""A picture that a browser sends to search with: limited in size, checked before it is unpacked."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from index.images.decode import BadImage, decode

LARGEST = 16 * 2**20
"""Bytes of the largest picture taken: in base64 it has to fit into one message of Streamlit's 25 MB."""
MOST_PIXELS = 50_000_000
"""A few KB can stand for any number of pixels; these take some 350 MB, one picture at a time."""
SESSION_BYTES = 256 * 2**20
"""Bytes of all pictures that one session may send."""


@dataclass(frozen=True, slots=True)
class Upload:
    """What a browser sent: the picture's bytes and name, empty where there is none; or what was wrong with it."""

    data: bytes = b""
    name: str = ""
    problem: str = ""


def read_upload(told: Mapping[str, Any], sent_before: int, max_pixels: int = MOST_PIXELS) -> Upload:
    """Return the picture in a message of the picture box; it is not trusted to be one.

    ``sent_before`` are the bytes that the session has sent so far. The size that the header claims is checked before
    any pixel is decoded.
    """
    encoded = told.get("data", "")
    if not isinstance(encoded, str) or not encoded:
        return Upload()
    length = len(encoded) * 3 // 4
    if length > LARGEST:
        return Upload(problem=f"This file is larger than {LARGEST // 2**20} MB.")
    if sent_before + length > SESSION_BYTES:
        return Upload(
            problem=f"{SESSION_BYTES // 2**20} MB of pictures were sent, and a session can send no more."
        )
    try:
        data = base64.b64decode(encoded, validate=True)
        decode(data, target=64, max_pixels=min(max_pixels, MOST_PIXELS))
    except ValueError:  # of base64; letters beyond ASCII, too
        return Upload(problem="The picture did not arrive whole.")
    except BadImage as error:
        return Upload(problem=f"This picture cannot be used: {error}.")
    return Upload(data, str(told.get("name", ""))[:200] or "picture")
