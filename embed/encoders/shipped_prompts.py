"""Prompt vectors that lie beside a checkpoint, so that a first run does not put 300 sentences through the text tower.

``NAME.prompts.npz`` beside ``NAME.safetensors`` holds a vector for the sentences of each value, under a hash of them
and of the checkpoint: a value whose sentences or weights are others is computed. ``make prompts`` writes the file of
the bundled encoder anew, in float32.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from schema.arrays import Floats32


def shipped_vectors(weights: Path | None, digest: str) -> Mapping[str, Floats32]:
    """Return the unit vectors beside a checkpoint by ``sentences_key``; {} where there are none of these weights."""
    if weights is None:
        return {}
    try:
        with np.load(io.BytesIO(_file(weights).read_bytes()), allow_pickle=False) as stored:
            if str(stored["weights"]) != digest:
                return {}
            return dict(zip(stored["keys"].tolist(), stored["vectors"].astype(np.float32), strict=True))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return {}


def sentences_key(sentences: Sequence[str]) -> str:
    """Return the hash under which the vector of a value's sentences is kept."""
    return hashlib.blake2b("\n".join(sentences).encode(), digest_size=12).hexdigest()


def ship(weights: Path, digest: str, vectors: Mapping[str, Floats32]) -> Path:
    """Write the vectors of a checkpoint beside it and return the path."""
    path = _file(weights)
    keys = sorted(vectors)
    np.savez_compressed(
        path, weights=np.array(digest), keys=np.array(keys), vectors=np.stack([vectors[key] for key in keys])
    )
    return path


def _file(weights: Path) -> Path:
    return weights.with_name(weights.name.removesuffix(weights.suffix) + ".prompts.npz")
