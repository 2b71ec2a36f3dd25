"""Zero-shot prompts: the vocabulary's sentences through the text tower, into the small table ``prompts_KEY``.

The label stage reads the vectors and never loads a model. A value's vector is the mean of its sentences' vectors.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from embed.encoders import Encoder
from embed.encoders.shipped_prompts import sentences_key
from index.store import Store
from schema import tables
from schema.arrays import Floats32
from schema.vocabulary import Vocabulary


def write_prompts(store: Store, key: str, encoder: Encoder, vocabulary: Vocabulary) -> int:
    """Write the vectors of all values that have prompts and return how many; EncoderError without a text tower."""
    named = [(each.name, value) for each in vocabulary.attributes for value in each.values if value.prompts]
    if not named:
        return 0
    means = value_vectors(encoder, [value.prompts for _, value in named], encoder.shipped_prompts())
    schema = tables.prompts(means.shape[1])
    records = {
        "attribute": [name for name, _ in named],
        "value": [value.name for _, value in named],
        "vector": pa.FixedSizeListArray.from_arrays(
            pa.array(means.astype(np.float32).ravel()), means.shape[1]
        ),
    }
    store.replace(f"prompts_{key}", pa.table(records, schema=schema), schema)
    return len(named)


def value_vectors(
    encoder: Encoder, sentences: Sequence[Sequence[str]], shipped: Mapping[str, Floats32]
) -> Floats32:
    """Return for each value the mean of its sentences' vectors, unit length, float32 [n, dim].

    Those in ``shipped`` are taken from there, under their ``sentences_key``; the text tower makes the others.
    """
    known = [shipped.get(sentences_key(own)) for own in sentences]
    asked = [own for own, vector in zip(sentences, known, strict=True) if vector is None]
    if asked:
        made = encoder.encode_texts([sentence for own in asked for sentence in own])
        ends = np.cumsum([len(own) for own in asked])
        means = iter([part.mean(axis=0) for part in np.split(made, ends[:-1])])
        known = [next(means) if vector is None else vector for vector in known]
    found = np.stack([vector for vector in known if vector is not None]).astype(np.float32)
    found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)
    return found


def write_texts(store: Store, key: str, encoder: Encoder, texts: Sequence[str]) -> int:
    """Write the vectors of these texts and return how many; EncoderError without a text tower."""
    if not texts:
        return 0
    vectors = np.asarray(encoder.encode_texts(list(texts)), np.float32)
    schema = tables.texts(vectors.shape[1])
    values = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
    store.replace(f"texts_{key}", pa.table({"text": list(texts), "vector": values}, schema=schema), schema)
    return len(texts)


def digest(vocabulary: Vocabulary) -> str:
    """Return a short digest of all prompts: other prompts are work for the embed stage."""
    said = {each.name: {value.name: value.prompts for value in each.values} for each in vocabulary.attributes}
    return hashlib.blake2b(json.dumps(said, sort_keys=True).encode(), digest_size=8).hexdigest()
