"""What every encoder keeps, as checks to run over one: in our tests, and in those of packages that bring their own.

    from likeness.embed.encoders.conformance import CHECKS

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_my_encoder(check, tmp_path):
        check(load_settings(None, ["encoder.kind=my_package.my_module:MyEncoder"]), tmp_path)

Each check raises AssertionError with a sentence on what does not hold. The settings should name a small model.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pyarrow as pa
from PIL import Image

from embed.encoders import encoder_class, encoder_key, load_encoder
from embed.vectors.stage import embed_stage
from schema.arrays import Floats32
from schema.errors import EncoderError
from schema.ids import content_id
from schema.settings import Settings

Check: TypeAlias = Callable[[Settings, Path], None]

COUNT = 11
# Batches are multiplied in another order: float16 vectors of unit length agree to some thousandths.
TOLERANCE = 2e-3


def the_key_is_readable_and_known_without_a_model(settings: Settings, folder: Path) -> None:
    """The key is a readable name and 8 hexadecimal digits, the same every time, and no matter of batch or threads."""
    key = encoder_key(settings)
    assert re.fullmatch(r"[a-z0-9_]+_[0-9a-f]{8}", key), f"{key!r} is not NAME_12345678"
    other = settings.encoder.model_copy(update={"batch": 3, "workers": 1, "commit_rows": 7})
    assert key == encoder_key(settings.model_copy(update={"encoder": other})), "the key depends on the batch"


def vectors_have_unit_length_whatever_the_batch_and_order(settings: Settings, folder: Path) -> None:
    """Vectors are float16 of unit length; batch size and order do not change them; pictures differ."""
    items = make_items(folder)
    vectors = vectors_of(settings, items)
    assert vectors.shape[0] == COUNT
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=TOLERANCE)
    smaller = settings.encoder.model_copy(update={"batch": 3})
    again = vectors_of(settings.model_copy(update={"encoder": smaller}), items)
    np.testing.assert_allclose(vectors, again, atol=TOLERANCE, err_msg="the batch changes the vectors")
    back = vectors_of(settings, items.take(np.arange(COUNT)[::-1]))[::-1]
    np.testing.assert_allclose(vectors, back, atol=TOLERANCE, err_msg="the order changes the vectors")
    assert np.abs(vectors[0] - vectors[1]).max() > 0.01, "two different pictures have one vector"


def the_width_is_that_of_the_vectors(settings: Settings, folder: Path) -> None:
    """``dim`` is the width of what ``encode`` gives."""
    assert vectors_of(settings, make_items(folder)).shape[1] == load_encoder(settings).dim


def pictures_are_prepared_as_the_encoder_says(settings: Settings, folder: Path) -> None:
    """A prepared picture is uint8 [height, width, 3] of ``image_size``, whatever its shape; a buffer can hold it."""
    if not encoder_class(settings.encoder.kind).reads_images:
        return
    encoder = load_encoder(settings)
    for size in ((30, 50), (50, 30), (1, 7), (400, 300)):
        pixels = encoder.prepare(Image.new("RGB", size, "teal"))
        assert pixels.shape == (*encoder.image_size, 3), f"{size} became {pixels.shape}"
        assert pixels.dtype == np.uint8
        encoder.buffer(2)[1] = pixels


def an_empty_table_gives_an_empty_table(settings: Settings, folder: Path) -> None:
    """No items, no vectors, no error."""
    stage = embed_stage(settings)
    try:
        assert stage(make_items(folder).slice(0, 0)).num_rows == 0
    finally:
        stage.close()


def a_broken_picture_is_a_row_with_a_reason(settings: Settings, folder: Path) -> None:
    """What cannot be read gets a reason, and costs no other item its vector."""
    if not encoder_class(settings.encoder.kind).reads_images:
        return
    items = make_items(folder)
    whole = vectors_of(settings, items)
    Path(items.column("uri")[4].as_py()).unlink()
    stage = embed_stage(settings)
    try:
        result = stage(items)
    finally:
        stage.close()
    reasons = result.column("reason").to_pylist()
    assert [reason is not None for reason in reasons] == [row == 4 for row in range(COUNT)], reasons
    assert result.column("vector")[4].as_py() is None
    others = [row for row in range(COUNT) if row != 4]
    vectors = np.array([result.column("vector")[row].as_py() for row in others], dtype=np.float32)
    np.testing.assert_allclose(vectors, whole[others], atol=TOLERANCE)


def texts_have_vectors_or_are_refused(settings: Settings, folder: Path) -> None:
    """With a text tower texts get unit vectors of the same width; without one EncoderError says so."""
    encoder = load_encoder(settings)
    if not encoder.has_text:
        try:
            encoder.encode_texts(["red hair"])
        except EncoderError:
            return
        raise AssertionError("an encoder without a text tower gave vectors of texts")
    vectors = encoder.encode_texts(["red hair", "a blue dress, on the beach", ""])
    assert vectors.shape == (3, encoder.dim)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=TOLERANCE)
    assert np.abs(vectors[0] - vectors[1]).max() > 1e-3, "two texts have one vector"


def only_the_settings_travel(settings: Settings, folder: Path) -> None:
    """A stage that was loaded pickles to its settings, and what comes out has the same table."""
    stage = embed_stage(settings)
    try:
        stage.load()
        travelled = pickle.dumps(stage)
    finally:
        stage.close()
    assert len(travelled) < 20_000, f"{len(travelled)} bytes travel to each worker"
    (plugin,) = pickle.loads(travelled).plugins  # noqa: S301 - what was pickled two lines above
    assert plugin.table == f"vectors_{encoder_key(settings)}"


def a_run_can_say_how_it_encoded(settings: Settings, folder: Path) -> None:
    """``facts`` and ``preprocessing`` are short texts."""
    encoder = load_encoder(settings)
    facts = {"preprocessing": encoder.preprocessing, **encoder.facts()}
    assert all(isinstance(value, str) and len(value) < 300 for value in facts.values()), facts


CHECKS: tuple[Check, ...] = (
    the_key_is_readable_and_known_without_a_model,
    vectors_have_unit_length_whatever_the_batch_and_order,
    the_width_is_that_of_the_vectors,
    pictures_are_prepared_as_the_encoder_says,
    an_empty_table_gives_an_empty_table,
    a_broken_picture_is_a_row_with_a_reason,
    texts_have_vectors_or_are_refused,
    only_the_settings_travel,
    a_run_can_say_how_it_encoded,
)


def make_items(folder: Path, count: int = COUNT) -> pa.Table:
    """Write pictures of different shapes and return them as items: row, item_id, uri, status, text, keys, places."""
    rng = np.random.default_rng(5)
    records = []
    for row in range(count):
        path = folder / f"{row}.png"
        coarse = Image.fromarray(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8))
        coarse.resize((30 + row, 50), Image.Resampling.BICUBIC).save(path)
        item_id = content_id(path.read_bytes())
        records.append(
            {"row": row, "item_id": item_id, "uri": str(path), "status": "ok", "text": None}
            | {"keys": [f"key-{row}"], "places": [row]}
        )
    fields = {"row": pa.int64(), "item_id": pa.string(), "uri": pa.string(), "status": pa.string()}
    fields |= {"text": pa.string(), "keys": pa.list_(pa.string()), "places": pa.list_(pa.int64())}
    return pa.Table.from_pylist(records, pa.schema(list(fields.items())))


def vectors_of(settings: Settings, items: pa.Table) -> Floats32:
    """Return the vectors of items, float32 [n, dim]; AssertionError where one has none."""
    stage = embed_stage(settings)
    try:
        result = stage(items)
    finally:
        stage.close()
    reasons = [reason for reason in result.column("reason").to_pylist() if reason]
    assert not reasons, f"no vector: {reasons[0]}"
    assert result.column("row").to_pylist() == items.column("row").to_pylist()
    assert pa.types.is_float16(result.schema.field("vector").type.value_type)
    return np.array(result.column("vector").to_pylist(), dtype=np.float32)
