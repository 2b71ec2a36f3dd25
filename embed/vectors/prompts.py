"""Zero-shot prompts: the vocabulary's sentences through the text tower, into the small table ``prompts_KEY``.

The label stage reads the vectors and never loads a model. A value's vector is the mean of its sentences' vectors.
"""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pyarrow as pa

from embed.encoders import Encoder
from index.store import Store
from schema import tables
from schema.vocabulary import Vocabulary


def write_prompts(store: Store, key: str, encoder: Encoder, vocabulary: Vocabulary) -> int:
    """Write the vectors of all values that have prompts and return how many; EncoderError without a text tower."""
    named = [(each.name, value) for each in vocabulary.attributes for value in each.values if value.prompts]
    sentences = [sentence for _, value in named for sentence in value.prompts]
    if not sentences:
        return 0
    vectors = encoder.encode_texts(sentences)
    ends = np.cumsum([len(value.prompts) for _, value in named])
    means = np.stack([part.mean(axis=0) for part in np.split(vectors, ends[:-1])])
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
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


def digest(vocabulary: Vocabulary) -> str:
    """Return a short digest of all prompts: other prompts are work for the embed stage."""
    said = {each.name: {value.name: value.prompts for value in each.values} for each in vocabulary.attributes}
    return hashlib.blake2b(json.dumps(said, sort_keys=True).encode(), digest_size=8).hexdigest()
