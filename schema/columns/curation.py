"""The tables of gates and of the selection."""

from __future__ import annotations

import pyarrow as pa

GATE_VALUE = pa.struct(
    [pa.field("column", pa.string()), pa.field("number", pa.float64()), pa.field("text", pa.string())]
)
"""What an item has in a column that a gate's condition names: a number, else a text; both null where nothing is."""

GATES = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("gate", pa.string(), nullable=False),
        pa.field("outcome", pa.string(), nullable=False),
        pa.field("decided_by", pa.string(), nullable=False),
        pa.field("values", pa.list_(GATE_VALUE), nullable=False),
        pa.field("limit", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
    ]
)
"""A row for each item on which a gate acts, ordered by gate and row. ``outcome`` is drop, flag, review (out until a
reviewer lets it in) or pass (a reviewer let it through); ``decided_by`` is condition, unknown or review."""

SELECTION = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("selected", pa.bool_(), nullable=False),
        pa.field("left_out", pa.string()),
        pa.field("rank", pa.int64()),
        pa.field("score", pa.float64()),
        pa.field("class", pa.string()),
        pa.field("split", pa.string()),
        pa.field("flags", pa.list_(pa.string())),
    ]
)
"""``left_out`` is the first reason why an item is not selected; ``rank`` counts from 1 among the candidates, which are
those that only a quota can leave out; ``flags`` are the gates that flagged the item."""
