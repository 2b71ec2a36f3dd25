"""Small pictures inside the page, as many as fit into a report that can be mailed."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable

from PIL import Image

from dedupe.verify.pairs import read_thumbnails
from index.store import Store

SIDE = 112
MOST_BYTES = 3_300_000
"""Of all pictures together, as they stand in the page: the whole page stays below 5 MB."""


class Pictures:
    """Thumbnails by row as addresses that hold the picture; ``left_out`` counts those beyond the limit."""

    def __init__(self, store: Store, most: int = MOST_BYTES) -> None:
        self._store = store
        self._left = most
        self._made: dict[int, str] = {}
        self.left_out = 0

    def fetch(self, rows: Iterable[int]) -> None:
        """Make the pictures of these rows, drawn anew: nothing of a file's own bytes gets into the page."""
        wanted = [row for row in dict.fromkeys(rows) if row not in self._made]
        for row, data in read_thumbnails(self._store, wanted).items() if wanted else ():
            if not data:
                continue
            address = _address(data)
            if len(address) > self._left:
                self.left_out += 1
                continue
            self._left -= len(address)
            self._made[row] = address

    def get(self, row: int) -> str:
        """Return the address of a row's picture, or an empty string where there is none."""
        return self._made.get(row, "")


def _address(data: bytes) -> str:
    with Image.open(io.BytesIO(data)) as opened:
        picture = opened.convert("RGB")
    picture.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=72, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
