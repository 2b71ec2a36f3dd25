"""``make prompts``: the vectors of the vocabulary's prompts beside the bundled encoder, written anew."""

from __future__ import annotations

import sys

from embed.encoders.checkpoints import find_checkpoint
from embed.encoders.open_clip import OpenClip
from embed.encoders.shipped_prompts import sentences_key, ship
from embed.vectors.prompts import value_vectors
from schema.settings import load_settings
from schema.vocabulary import load_vocabulary


def main() -> None:
    """Write the prompt vectors of the bundled encoder for the vocabulary that comes with it."""
    settings = load_settings(None, ["encoder.precision=fp32", "encoder.device=cpu"])
    checkpoint = find_checkpoint(settings.encoder)
    assert checkpoint.weights is not None
    sentences = [
        value.prompts for each in load_vocabulary().attributes for value in each.values if value.prompts
    ]
    vectors = value_vectors(OpenClip(settings), sentences, {})
    kept = dict(zip(map(sentences_key, sentences), vectors, strict=True))
    path = ship(checkpoint.weights, checkpoint.facts()["weights"], kept)
    sys.stdout.write(f"wrote {path}: {len(kept)} vectors\n")


if __name__ == "__main__":
    main()
