"""Vectors of the items' own texts, for pictures that have one: the table ``text_vectors_KEY``.

Made only where the settings ask for it, since a text tower reads every text. Written in row order, so that a run that
was killed goes on behind the last row.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from embed.vectors.encoder_rows import EncoderRows
from index.store import Store
from schema import tables

_AT_ONCE, _COMMIT = 256, 16_384


def write_item_texts(store: Store, key: str, plugin: EncoderRows) -> int:
    """Write the vectors of texts that have none yet and return how many; EncoderError without a text tower."""
    table = f"text_vectors_{key}"
    last = int(store.rows(table)[-1]) if store.has(table) and store.count(table) else -1
    written = 0
    for rows, ids, texts in _chunks(store, last):
        plugin.load()
        parts = [
            plugin.encoder.encode_texts(texts[at : at + _AT_ONCE]) for at in range(0, len(texts), _AT_ONCE)
        ]
        vectors = np.concatenate(parts).astype(np.float16)
        schema = tables.vectors(vectors.shape[1])
        values = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
        batch = pa.record_batch(
            [pa.array(rows, pa.int64()), pa.array(ids, pa.string()), values], schema=schema
        )
        store.append(table, [batch], schema)
        written += len(rows)
    return written


def _chunks(store: Store, last: int) -> Iterator[tuple[list[int], list[str], list[str]]]:
    """Yield row, id and text of pictures with a text behind a row, at most a commit at a time."""
    rows: list[int] = []
    ids: list[str] = []
    texts: list[str] = []
    for batch in store.items(["row", "item_id", "text"], f"status = 'ok' AND row > {last}"):
        for record in batch.to_pylist():
            if record["text"] and record["text"].strip():
                rows.append(record["row"])
                ids.append(record["item_id"])
                texts.append(record["text"].strip())
            if len(rows) >= _COMMIT:
                yield rows, ids, texts
                rows, ids, texts = [], [], []
    if rows:
        yield rows, ids, texts
