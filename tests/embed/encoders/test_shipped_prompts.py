"""Prompt vectors beside a checkpoint: those of these very weights and sentences are taken, all others computed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from embed.encoders.checkpoints import find_checkpoint
from embed.encoders.shipped_prompts import sentences_key, ship, shipped_vectors
from embed.vectors.prompts import value_vectors
from schema.arrays import Floats32
from schema.settings import load_settings
from schema.vocabulary import load_vocabulary


class Texts:
    """An encoder that counts the sentences it is given."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode_texts(self, texts: Sequence[str]) -> Floats32:
        self.asked += texts
        rows = [[len(text), text.count("a") + 1.0, 1.0] for text in texts]
        found: Floats32 = np.array(rows, np.float32)
        return found / np.linalg.norm(found, axis=1, keepdims=True)


def test_the_bundled_encoder_ships_the_prompts_of_the_vocabulary() -> None:
    checkpoint = find_checkpoint(load_settings(None).encoder)
    shipped = shipped_vectors(checkpoint.weights, checkpoint.facts()["weights"])
    values = [
        value.prompts for each in load_vocabulary().attributes for value in each.values if value.prompts
    ]
    missing = [sentences for sentences in values if sentences_key(sentences) not in shipped]
    assert not missing, "run: make prompts"
    assert all(abs(float(np.linalg.norm(vector)) - 1) < 1e-5 for vector in shipped.values())


def test_only_what_is_not_shipped_is_computed() -> None:
    encoder: Any = Texts()
    sentences = [("a cat", "cats"), ("a dog",), ("a bird", "birds", "a sparrow")]
    whole = value_vectors(encoder, sentences, {})
    encoder.asked.clear()
    shipped = {sentences_key(sentences[1]): whole[1]}
    np.testing.assert_allclose(value_vectors(encoder, sentences, shipped), whole, atol=1e-6)
    assert encoder.asked == [*sentences[0], *sentences[2]]
    encoder.asked.clear()
    value_vectors(encoder, sentences[1:2], shipped)
    assert not encoder.asked


def test_vectors_of_other_weights_or_a_damaged_file_are_none(tmp_path: Path) -> None:
    weights = tmp_path / "model.v2.safetensors"
    path = ship(weights, "digest", {"key": np.ones(3, np.float32)})
    assert path.name == "model.v2.prompts.npz"
    assert shipped_vectors(weights, "digest").keys() == {"key"}
    assert not shipped_vectors(weights, "another")
    path.write_bytes(path.read_bytes()[:40])
    assert not shipped_vectors(weights, "digest")
    assert not shipped_vectors(tmp_path / "none.pt", "digest")
    assert not shipped_vectors(None, "")
