"""The vector of a query: pictures' bytes and texts, through the encoder that made the store's vectors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from embed.encoders import Batch, encoder_key, normalise
from embed.vectors.encoder_rows import EncoderRows
from embed.vectors.stage import embed_stage
from index.images.decode import BadImage
from index.stages.row_stage import RowStage
from index.store import Store
from index.store.keys import row_of_bytes
from index.store.runs import Runs
from schema.arrays import Floats32
from schema.errors import EncoderError, LikenessError
from schema.settings import Settings

AWAY = 0.5
"""The weight of what a query should not be beside what it should be."""
LONGEST_TEXT = 2000
"""Letters of a description; encoders read some seventy words of it."""
_RECORDED = ("kind", "model", "pretrained", "path", "fit")


def query_vector(store: Store, settings: Settings, query: bytes | str) -> Floats32:
    """Return the unit vector of a picture (its bytes) or a text; a picture that the store holds has one already.

    Raises what ``embed_query`` and ``store_settings`` raise, StoreError when the store has no vectors.
    """
    table = f"vectors_{store.encoder_key()}"
    row = row_of_bytes(store, query) if isinstance(query, bytes) else None
    if row is not None and store.has(table):
        stored = store.take(table, [row], ["vector"])
        if stored.num_rows:
            return np.array(stored["vector"].to_pylist()[0], np.float32)
    return embed_query(store_settings(store, settings), query)


def joint_vector(
    store: Store, settings: Settings, wanted: Sequence[bytes | str], unwanted: Sequence[bytes | str] = ()
) -> Floats32:
    """Return the unit vector of several pictures and texts together, away from the ``unwanted`` ones, float32 [dim].

    The mean of the unit vectors, less half of the mean of the unwanted ones (Rocchio 1971). Raises as
    ``query_vector`` does, and EncoderError where nothing is left.
    """
    vector = np.mean([query_vector(store, settings, query) for query in wanted], axis=0)
    if unwanted:
        vector -= AWAY * np.mean([query_vector(store, settings, query) for query in unwanted], axis=0)
    length = float(np.linalg.norm(vector))
    if length < 1e-6:
        raise EncoderError("what is searched for and what it should not be cancel each other out")
    unit: Floats32 = (vector / length).astype(np.float32)
    return unit


def store_settings(store: Store, settings: Settings) -> Settings:
    """Return settings with the encoder that made the store's vectors, whatever encoder these settings name.

    It is what the last embed run recorded, or what the settings name where the recorded files are gone: the key tells
    whether it is the one. Raises EncoderError, with what to name, when neither is: a similarity across two models
    means nothing.
    """
    key = store.encoder_key()
    runs = [run for run in Runs(store).of("embed") if run["facts"].get("key") == key]
    recorded = runs[-1]["settings"] if runs else {}
    if recorded.get("kind") == "precomputed":
        raise EncoderError(
            f"the vectors of this store were made elsewhere and read from {recorded.get('path') or 'a file'}: nothing "
            "here can make one of a new picture or a text",
            "Search with a picture that the store holds, or with --where alone.",
        )
    named = {name: recorded[name] for name in _RECORDED if name in recorded}
    ingest = {"background": recorded["background"]} if "background" in recorded else {}
    own = settings.model_copy(
        update={
            "encoder": settings.encoder.model_copy(update=named),
            "ingest": settings.ingest.model_copy(update=ingest),
        }
    )
    reason = ""
    for each in (own, settings):
        try:
            if encoder_key(each) == key:
                return each
        except LikenessError as error:
            reason = reason or error.message
    was = ", ".join(
        f"encoder.{name}={recorded[name]}" for name in ("model", "pretrained") if recorded.get(name)
    )
    raise EncoderError(
        "the encoder that made the vectors of this store is not here"
        + (f" ({reason})" if reason else f": what is here under its name makes other ones than {key}"),
        f"It was {was or 'not recorded'}. Name where it is now with --set encoder.model=..., --set "
        "encoder.pretrained=...; or search with a picture that the store holds, or with --where alone.",
    )


def embed_query(settings: Settings, query: bytes | str) -> Floats32:
    """Return the unit vector of a picture (its bytes) or a text, float32 [dim]; the encoder is kept for the next one.

    Raises EncoderError when the bytes are not a picture, or the encoder takes no such query.
    """
    if isinstance(query, str):
        _check_text(query)
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


def _check_text(text: str) -> None:
    if len(text) > LONGEST_TEXT:
        raise EncoderError(f"a description has at most {LONGEST_TEXT:,} letters, this one has {len(text):,}")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise EncoderError("the description is no UTF-8") from error


@lru_cache(maxsize=2)
def _stage(_key: str, settings: str) -> RowStage:
    """Return the encoder of these settings, one per process and key: the key changes when a checkpoint file does."""
    stage = embed_stage(Settings.model_validate_json(settings))
    stage.load()
    return stage
