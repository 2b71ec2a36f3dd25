"""The vector of one query: a picture's bytes or a text, through the encoder that made the store's vectors."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from embed.encoders import Batch, encoder_key, normalise
from embed.vectors.encoder_rows import EncoderRows
from embed.vectors.stage import embed_stage
from index.images.decode import BadImage
from index.stages.row_stage import RowStage
from index.store import Store
from index.store.keys import row_of_bytes
from schema.arrays import Floats32
from schema.errors import EncoderError
from schema.settings import Settings


def query_vector(store: Store, settings: Settings, query: bytes | str) -> Floats32:
    """Return the unit vector of a picture (its bytes) or a text; a picture that the store holds has one already.

    Raises what ``embed_query`` raises, StoreError when the store has no vectors.
    """
    table = f"vectors_{store.encoder_key()}"
    row = row_of_bytes(store, query) if isinstance(query, bytes) else None
    if row is not None:
        stored = store.take(table, [row], ["vector"])
        if stored.num_rows:
            return np.array(stored["vector"].to_pylist()[0], np.float32)
    return embed_query(settings, query)


def embed_query(settings: Settings, query: bytes | str) -> Floats32:
    """Return the unit vector of a picture (its bytes) or a text, float32 [dim]; the encoder is kept for the next one.

    Raises EncoderError when the bytes are not a picture, or the encoder takes no such query.
    """
    stage = _stage(encoder_key(settings), settings.model_dump_json())
    (plugin,) = stage.plugins
    assert isinstance(plugin, EncoderRows)
    encoder = plugin.encoder
    if isinstance(query, str):
        vectors = encoder.encode_texts([query])
    elif not encoder.reads_images:
        raise EncoderError(
            "precomputed vectors cannot embed a new picture",
            "Query by an item of the store, or choose an open_clip model.",
        )
    else:
        try:
            pixels = plugin.prepare(stage.decode(query, [plugin]))
        except BadImage as error:
            raise EncoderError(f"the query picture cannot be used: {error}") from error
        vectors = encoder.encode(Batch(np.array(pixels[None])))
    unit, wrong = normalise(vectors)
    if wrong[0] is not None:
        raise EncoderError(f"the query has no usable vector: {wrong[0]}")
    vector: Floats32 = unit[0].astype(np.float32)
    return vector


@lru_cache(maxsize=2)
def _stage(_key: str, settings: str) -> RowStage:
    """Return the encoder of these settings, one per process and key: the key changes when a checkpoint file does."""
    stage = embed_stage(Settings.model_validate_json(settings))
    stage.load()
    return stage
