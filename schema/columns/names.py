"""The table of names: for characters and for works the name, how sure it is, who says so, and what is doubted."""

from __future__ import annotations

import pyarrow as pa

CHARACTER, COPYRIGHT = "character", "copyright"
NAMED = {CHARACTER: "characters", COPYRIGHT: "copyrights"}
"""The attributes whose values are names, which come from the data, and the column of items that states each."""


MODEL = "model"
"""The source of a name that was inferred."""
DOUBTFUL = 0.5
"""A stated name that is more likely wrong than right is doubtful."""


def _columns(attribute: str) -> list[pa.Field]:
    return [
        pa.field(attribute, pa.list_(pa.string())),
        pa.field(f"{attribute}_confidence", pa.float32()),
        pa.field(f"{attribute}_source", pa.string()),
        pa.field(f"{attribute}_doubt", pa.float32()),
        pa.field(f"{attribute}_suggested", pa.string()),
    ]


NAMES = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("item_id", pa.string(), nullable=False),
        *_columns(CHARACTER),
        pa.field("unknown_character", pa.string()),
        *_columns(COPYRIGHT),
    ]
)
"""``_doubt`` is the probability that a stated name is wrong, with the name ``_suggested`` for it; ``_source`` is
review, source, text or model. ``unknown_character`` groups look-alikes whom nobody has named."""
