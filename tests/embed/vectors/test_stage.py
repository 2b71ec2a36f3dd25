"""The embed stage over a store: done once, a kill changes nothing, a bad file is a row with a reason."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from embed.encoders import encoder_key
from embed.vectors.query import embed_query
from embed.vectors.stage import embed_stage, run_embed
from index.store import Store
from schema.errors import EncoderError
from schema.ids import content_id
from schema.settings import Settings

MakeStore = Callable[..., tuple[Store, list[Path]]]
MakeSettings = Callable[..., Settings]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several chunks and commits within a few pictures."""
    monkeypatch.setattr("index.stages.rowwise.CHUNK_ROWS", 8)


def contents(store: Store, key: str) -> tuple[list[int], np.ndarray, list[tuple[int, str]]]:
    found = store.vectors(key)
    failures = sorted((r["row"], r["reason"]) for b in store.scan("failures") for r in b.to_pylist())
    return found.rows.tolist(), found.data, failures


def test_texts_and_pictures_are_embedded_and_a_second_run_does_nothing(
    picture_store: MakeStore, tiny_settings: MakeSettings
) -> None:
    store, paths = picture_store(20, ("a girl with red hair", "an old man"))
    settings = tiny_settings()
    first = run_embed(store, settings)
    key = store.encoder_key()
    assert key == encoder_key(settings)
    assert first.counts["embedded"] == 22 and first.counts["failed"] == 0
    rows, data, _ = contents(store, key)
    assert rows == list(range(22))
    np.testing.assert_allclose(data[3], embed_query(settings, paths[3].read_bytes()), atol=2e-3)
    np.testing.assert_allclose(data[21], embed_query(settings, "an old man"), atol=2e-3)
    version = store.version(f"vectors_{key}")
    assert run_embed(store, settings).skipped
    assert store.version(f"vectors_{key}") == version


def test_a_kill_at_any_commit_gives_the_same_table(
    picture_store: MakeStore, tiny_settings: MakeSettings, kill_at_every_commit: Callable[..., None]
) -> None:
    settings = tiny_settings("encoder.commit_rows=8")

    def make(name: str) -> Store:
        store, paths = picture_store(30, name=name)
        paths[4].unlink()
        return store

    kill_at_every_commit(
        make,
        lambda store: run_embed(store, settings),
        lambda store: contents(store, encoder_key(settings)),
    )


def test_bad_files_are_rows_with_a_reason_and_can_be_tried_again(
    picture_store: MakeStore, tiny_settings: MakeSettings, picture: Callable[..., Image.Image]
) -> None:
    store, paths = picture_store(20)
    kept = paths[2].read_bytes()
    paths[2].unlink()
    paths[9].write_bytes(b"not what it was")
    summary = run_embed(store, tiny_settings())
    key = store.encoder_key()
    rows, _, failures = contents(store, key)
    assert rows == [row for row in range(20) if row not in (2, 9)]
    assert failures == [(2, "no such file"), (9, "the file changed since it was ingested")]
    assert summary.failures == {"no such file": 1, "the file changed since it was ingested": 1}
    assert store.read("failures", ["key"]).column("key").to_pylist() == ["key-2", "key-9"]

    paths[2].write_bytes(kept)
    again = run_embed(store, tiny_settings("encoder.retry_failed=true"))
    assert again.counts["recovered"] == 1
    rows, data, failures = contents(store, key)
    assert rows == [row for row in range(20) if row != 9]
    assert failures == [(9, "the file changed since it was ingested")]
    np.testing.assert_allclose(data[2], embed_query(tiny_settings(), kept), atol=2e-3)


def test_two_settings_never_share_a_table(picture_store: MakeStore, tiny_settings: MakeSettings) -> None:
    store, _ = picture_store(6)
    run_embed(store, tiny_settings())
    run_embed(store, tiny_settings("encoder.fit=crop"))
    keys = {encoder_key(tiny_settings()), encoder_key(tiny_settings("encoder.fit=crop"))}
    assert {name for name in store.tables() if name.startswith("vectors_")} == {
        f"vectors_{key}" for key in keys
    }
    assert store.encoder_key() == encoder_key(tiny_settings("encoder.fit=crop"))


def test_a_store_of_failures_alone_has_an_empty_table(
    picture_store: MakeStore, tiny_settings: MakeSettings
) -> None:
    store, paths = picture_store(3)
    for path in paths:
        path.unlink()
    assert run_embed(store, tiny_settings()).counts["failed"] == 3
    assert store.vectors(store.encoder_key()).data.shape == (0, 24)


def test_a_stage_travels_as_its_settings(tiny_settings: MakeSettings) -> None:
    stage = embed_stage(tiny_settings())
    stage.load()
    assert stage.plugins[0].columns[0].type.list_size == 24
    travelled = pickle.dumps(stage)
    assert len(travelled) < 10_000
    assert pickle.loads(travelled).plugins[0].table == stage.plugins[0].table
    stage.close()


def test_a_query_that_is_no_picture_is_refused(tiny_settings: MakeSettings) -> None:
    with pytest.raises(EncoderError, match="cannot be used"):
        embed_query(tiny_settings(), b"no picture")


def test_prompts_of_the_vocabulary_get_vectors_once(
    picture_store: MakeStore, tiny_settings: MakeSettings, tmp_path: Path
) -> None:
    store, _ = picture_store(2)
    words = tmp_path / "words.toml"
    words.write_text(
        '[mood]\nkind = "single-label"\n[mood.values]\ncalm = { prompts = "a calm face" }\nwild = { tags = "wild" }\n'
    )
    settings = tiny_settings(f"tags.vocabulary={words}")
    assert run_embed(store, settings).counts["prompts"] == 2
    table = f"prompts_{store.encoder_key()}"
    found = store.read(table).to_pylist()
    assert [(each["attribute"], each["value"]) for each in found] == [("mood", "calm"), ("mood", "wild")]
    said = embed_query(settings, "a drawing of a character with a calm face")
    np.testing.assert_allclose(found[0]["vector"], said, atol=2e-3)
    assert run_embed(store, settings).skipped
    words.write_text(words.read_text().replace("a calm face", "a still face"))
    again = run_embed(store, settings)
    assert (again.counts["embedded"], again.counts["prompts"]) == (0, 2)
    assert store.read(table).to_pylist()[0]["vector"] != found[0]["vector"]


def test_texts_of_the_settings_get_vectors_for_measures(
    picture_store: MakeStore, tiny_settings: MakeSettings
) -> None:
    store, _ = picture_store(2)
    settings = tiny_settings(
        'measure.relevance.wanted=["a cat"]', 'measure.relevance.unwanted=["a car", "a cat"]'
    )
    run_embed(store, settings)
    table = f"texts_{store.encoder_key()}"
    found = {row["text"]: row["vector"] for row in store.read(table).to_pylist()}
    assert list(found) == ["a cat", "a car"]
    np.testing.assert_allclose(found["a cat"], embed_query(settings, "a cat"), atol=2e-3)
    assert run_embed(store, settings).skipped
    other = tiny_settings('measure.relevance.wanted=["a dog"]', "measure.relevance.unwanted=[]")
    assert run_embed(store, other).counts["embedded"] == 0
    assert store.read(table).column("text").to_pylist() == ["a dog"]


def test_texts_of_items_get_vectors_where_alignment_asks_for_them(
    picture_store: MakeStore, tiny_settings: MakeSettings, add_items: Callable[..., None]
) -> None:
    store, paths = picture_store(3)
    run_embed(store, tiny_settings())
    assert not store.has(f"text_vectors_{store.encoder_key()}")
    data = paths[0].read_bytes() + b" "
    paths[0].with_name("more.png").write_bytes(data)
    more = {"uri": str(paths[0].with_name("more.png")), "item_id": content_id(data), "text": "a cat"}
    add_items(store, 1, first=3, **more)
    settings = tiny_settings('measure.names=["alignment"]')
    assert run_embed(store, settings).counts["texts"] == 1
    (row,) = store.read(f"text_vectors_{store.encoder_key()}").to_pylist()
    assert row["row"] == 3
    np.testing.assert_allclose(row["vector"], embed_query(settings, "a cat"), atol=2e-3)
    assert run_embed(store, settings).skipped
