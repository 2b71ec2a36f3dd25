"""The caption of each row of an export: of the captioner that is asked for, as reviewers left it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pyarrow as pa

from curate.aligned import Aligned
from index.reviews.effective import EffectiveReviews
from index.store import Store
from schema.arrays import Rows
from schema.errors import ExportError
from schema.near import did_you_mean
from schema.tags.parsing import canonical_tag

PREFIX = "captions_"
PREFERRED = ("hybrid", "tags", "vlm", "from_labels")
NONE = "none"
_SEPARATOR = re.compile(r"(\s*\|\|\|\s*|,\s+|\n)")


def chosen_captioner(store: Store, asked: str) -> str:
    """Return the captioner whose captions are exported; without one asked for, the first of PREFERRED that has any.

    Raises ExportError that names those of the store for one that has written none; empty where there is none.
    """
    if asked == NONE:
        return ""
    present = [name.removeprefix(PREFIX) for name in store.tables() if name.startswith(PREFIX)]
    if not asked:
        return next((name for name in (*PREFERRED, *present) if name in present), "")
    if asked not in present:
        raise ExportError(
            f"the store has no captions of {asked!r}{did_you_mean(asked, present)}",
            f"Write them with: likeness caption {asked} --store ...  There are: {', '.join(present) or 'none'}",
        )
    return asked


class ExportCaptions:
    """The captions of one captioner, with edits of reviewers in their place."""

    def __init__(self, store: Store, captioner: str, reviews: EffectiveReviews) -> None:
        self._store = store
        self._name = captioner
        self._edits = {row: text for (row, name), text in reviews.captions.items() if name == captioner}

    def of(self, rows: Rows) -> pa.Array:
        """Return the captions of rows, ascending; null where there is none."""
        if not self._name:
            return pa.nulls(len(rows), pa.string())
        column = f"caption_{self._name}"
        stored = Aligned(self._store, PREFIX + self._name, rows, [column]).column(column)
        texts = stored.to_pylist() if stored is not None else [None] * len(rows)
        if self._edits:
            texts = [self._edits.get(row, text) for row, text in zip(rows.tolist(), texts, strict=True)]
        return pa.array(texts, pa.string())


def caption_text(record: Mapping[str, Any]) -> str:
    """Return what stands beside a picture: its caption, or else its description, or else its tags."""
    caption: str | None = record.get("caption")
    if caption:
        return caption
    return record["text"] or ", ".join(tag.replace("_", " ") for tag in record["tags"] or ())


def without_names(
    captions: Sequence[str | None], names: Sequence[Collection[str] | None]
) -> list[str | None]:
    """Return captions less the tags that are these names, by row; sentences stay as they are."""
    found: list[str | None] = []
    for caption, hidden in zip(captions, names, strict=True):
        if not caption or not hidden:
            found.append(caption)
            continue
        parts = _SEPARATOR.split(caption)
        words, gaps = parts[::2], [*parts[1::2], ""]
        kept = [
            (word, gap)
            for word, gap in zip(words, gaps, strict=True)
            if canonical_tag(word) not in hidden or "|" in gap or "\n" in gap
        ]
        text = "".join(("" if canonical_tag(word) in hidden else word) + gap for word, gap in kept)
        found.append(re.sub(r",\s+(?=\||\n|$)", "", text).strip(" ,") or None)
    return found
