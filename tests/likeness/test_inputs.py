"""What callers hand over is checked, and what is wrong is said in a sentence."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from likeness.inputs import group_numbers, is_missing, picture_bytes, unit_vectors
from schema.errors import InputError, LikenessError


@given(
    arrays.arrays(
        np.float32, st.tuples(st.integers(1, 5), st.integers(1, 6)), elements=st.floats(0.5, 100, width=32)
    )
)
def test_vectors_come_out_at_unit_length(vectors: np.ndarray) -> None:
    found = unit_vectors(vectors)
    assert found.dtype == np.float16
    assert np.linalg.norm(found.astype(np.float32), axis=1) == pytest.approx(np.ones(len(vectors)), abs=2e-3)


@pytest.mark.parametrize(
    ("vectors", "words"),
    [
        ([1.0, 2.0], "shape"),
        (np.empty((0, 4)), "shape"),
        ([[1.0, 2.0], [1.0]], "not of one length"),
        ([["a", "b"]], "numbers are needed"),
        ([[1.0, 2.0], [np.nan, 1.0]], "row 1 holds a value that is not a finite number"),
        ([[1.0, np.inf]], "row 0"),
        ([[1.0, 2.0], [0.0, 0.0]], "row 1 is all zeros"),
    ],
)
def test_vectors_that_are_none(vectors: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        unit_vectors(vectors)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=words):
        unit_vectors(vectors)  # type: ignore[arg-type]


def test_groups_are_numbered_as_they_come() -> None:
    assert group_numbers(None, 3).tolist() == [-1, -1, -1]
    assert group_numbers(["b", None, "a", "b", float("nan"), -1], 6).tolist() == [0, -1, 1, 0, -1, -1]
    with pytest.raises(InputError, match="one entry for each of 3"):
        group_numbers([1], 3)


def test_what_stands_for_nothing() -> None:
    pandas = pytest.importorskip("pandas")
    assert all(is_missing(each) for each in (None, float("nan"), np.float64("nan"), pandas.NA))
    assert not any(is_missing(each) for each in (0, "", [], False, "nan"))


def test_pictures_in_every_form(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 255, (8, 6, 3), dtype=np.uint8)
    picture = Image.fromarray(array)
    picture.save(tmp_path / "a.png")
    forms = (tmp_path / "a.png", str(tmp_path / "a.png"), (tmp_path / "a.png").read_bytes(), picture, array)
    for form in forms:
        again = np.asarray(Image.open(io.BytesIO(picture_bytes(form))))
        assert np.array_equal(again, array)
    for grey in (array[..., 0], array[..., :1]):
        assert Image.open(io.BytesIO(picture_bytes(grey))).mode == "L"
    assert Image.open(io.BytesIO(picture_bytes(picture.convert("CMYK")))).mode == "RGB"


@pytest.mark.parametrize(
    "picture",
    [3, None, np.zeros((2, 2)), np.zeros((2, 2, 7), np.uint8), np.zeros((0, 2, 3), np.uint8), "/nowhere.png"],
)
def test_what_is_no_picture(picture: object) -> None:
    with pytest.raises(LikenessError):
        picture_bytes(picture)  # type: ignore[arg-type]
