"""Queries use the encoder that made the store's vectors, and never another one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from embed.encoders import encoder_key
from embed.vectors.query import LONGEST_TEXT, embed_query, joint_vector, query_vector, store_settings
from embed.vectors.stage import run_embed
from index.store import Store
from schema.errors import EncoderError, StoreError
from schema.settings import Settings, load_settings

MakeStore = Callable[..., tuple[Store, list[Path]]]
MakeSettings = Callable[..., Settings]


def test_a_query_uses_what_the_store_was_made_with(
    picture_store: MakeStore, tiny_settings: MakeSettings
) -> None:
    store, paths = picture_store(6)
    made = tiny_settings("encoder.fit=crop", "ingest.background=#102030")
    run_embed(store, made)
    asked = load_settings(None, ["encoder.device=cpu", "encoder.precision=fp32"])
    assert encoder_key(asked) != store.encoder_key()
    found = store_settings(store, asked)
    assert encoder_key(found) == store.encoder_key()
    assert (found.encoder.device, found.encoder.precision) == ("cpu", "fp32"), "how it is run stays as asked"
    for query in ("a girl", paths[0].read_bytes() + b"trailing"):
        np.testing.assert_allclose(query_vector(store, asked, query), embed_query(made, query), atol=5e-3)


def test_a_checkpoint_that_moved_can_be_named(
    picture_store: MakeStore, tiny_settings: MakeSettings, tiny_config: Path, tmp_path: Path
) -> None:
    store, _ = picture_store(3)
    old = tmp_path / "old" / "tiny.json"
    old.parent.mkdir()
    shutil.copy(tiny_config, old)
    run_embed(store, tiny_settings(f"encoder.model={old}"))
    old.parent.rename(tmp_path / "new")
    with pytest.raises(EncoderError, match="is not here") as told:
        query_vector(store, Settings(), "a girl")
    assert str(old) in str(told.value) and "encoder.pretrained=random" in told.value.hint
    moved = tiny_settings(f"encoder.model={tmp_path / 'new' / 'tiny.json'}")
    np.testing.assert_allclose(query_vector(store, moved, "a girl"), embed_query(moved, "a girl"), atol=1e-6)
    # Under the old name lies another model now: its vectors have nothing to do with these.
    old.parent.mkdir()
    old.write_text((tmp_path / "new" / "tiny.json").read_text().replace('"layers": 1', '"layers": 2'))
    with pytest.raises(EncoderError, match="makes other ones than"):
        query_vector(store, Settings(), "a girl")


def test_vectors_from_elsewhere_answer_stored_pictures_alone(
    picture_store: MakeStore, tmp_path: Path
) -> None:
    store, paths = picture_store(4)
    vectors = np.random.default_rng(0).normal(size=(4, 16)).astype(np.float32)
    np.save(tmp_path / "v.npy", vectors)
    run_embed(store, load_settings(None, ["encoder.kind=precomputed", f"encoder.path={tmp_path / 'v.npy'}"]))
    stored = query_vector(store, Settings(), paths[2].read_bytes())
    np.testing.assert_allclose(stored, vectors[2] / np.linalg.norm(vectors[2]), atol=2e-3)
    for query in ("a girl", paths[2].read_bytes() + b"x"):
        with pytest.raises(EncoderError, match="made elsewhere") as told:
            query_vector(store, Settings(), query)
        assert "v.npy" in told.value.message and "a picture that the store holds" in told.value.hint


def test_several_queries_and_what_they_should_not_be(
    picture_store: MakeStore, tiny_settings: MakeSettings
) -> None:
    store, paths = picture_store(5)
    run_embed(store, tiny_settings())
    picture, text = paths[1].read_bytes(), "a witch"
    one, two, other = (query_vector(store, Settings(), q) for q in (picture, text, "a hat"))
    both = joint_vector(store, Settings(), [picture, text])
    np.testing.assert_allclose(both, (one + two) / np.linalg.norm(one + two), atol=1e-5)
    away = joint_vector(store, Settings(), [picture, text], ["a hat"])
    expected = (one + two) / 2 - other / 2
    np.testing.assert_allclose(away, expected / np.linalg.norm(expected), atol=1e-5)
    assert away @ other < both @ other


@pytest.mark.parametrize(
    ("text", "words"), [("a" * (LONGEST_TEXT + 1), "at most 2,000 letters"), ("a \udcff girl", "no UTF-8")]
)
def test_texts_that_are_none(
    picture_store: MakeStore, tiny_settings: MakeSettings, text: str, words: str
) -> None:
    store, _ = picture_store(2)
    run_embed(store, tiny_settings())
    with pytest.raises(EncoderError, match=words):
        query_vector(store, Settings(), text)


def test_a_store_without_vectors_says_so(picture_store: MakeStore) -> None:
    store, paths = picture_store(1)
    with pytest.raises(StoreError, match="no vectors yet"):
        query_vector(store, Settings(), paths[0].read_bytes())
