"""What callers hand over, checked: vectors, group numbers and pictures. What is wrong is said in a sentence."""

from __future__ import annotations

import io
import os
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from schema.arrays import Floats16, Ints
from schema.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

Picture: TypeAlias = "str | os.PathLike[str] | bytes | Image | npt.NDArray[np.uint8]"
"""A picture: a path, the bytes of an image file, a PIL image, or uint8 [height, width, 3] (or [height, width])."""


def unit_vectors(vectors: npt.ArrayLike, what: str = "vectors") -> Floats16:
    """Return vectors [n, d] at unit length, float16 as in a store.

    Raises InputError where they are not a matrix of finite numbers, or where one of them is zero.
    """
    try:
        given = np.asarray(vectors)
    except ValueError as error:
        raise InputError(f"{what}: the rows are not of one length") from error
    if given.ndim != 2 or not given.size:
        raise InputError(f"{what}: an array of shape [items, dimensions] is needed, got {list(given.shape)}")
    if given.dtype.kind not in "fiu":
        raise InputError(f"{what}: numbers are needed, got {given.dtype}")
    found = np.empty(given.shape, dtype=np.float16)
    for start in range(
        0, len(given), 65_536
    ):  # in parts: float32 copies of all vectors could be twice the input
        part = given[start : start + 65_536].astype(np.float32)
        finite = np.isfinite(part).all(axis=1)
        if not finite.all():
            row = start + int(np.flatnonzero(~finite)[0])
            raise InputError(f"{what}: row {row} holds a value that is not a finite number")
        length = np.linalg.norm(part, axis=1, keepdims=True)
        if not length.all():
            row = start + int(np.flatnonzero(length[:, 0] == 0)[0])
            raise InputError(f"{what}: row {row} is all zeros, which has no direction")
        found[start : start + 65_536] = part / length
    return found


def group_numbers(groups: Sequence[Hashable] | npt.NDArray[Any] | None, n: int) -> Ints:
    """Return the group of each of n items, int64 [n], -1 for none; None and -1 both mean that an item is in none.

    Raises InputError where there is not one entry for each item.
    """
    if groups is None:
        return np.full(n, -1, dtype=np.int64)
    entries = list(groups)
    if len(entries) != n:
        raise InputError(f"groups: one entry for each of {n} vectors is needed, got {len(entries)}")
    numbers: dict[Hashable, int] = {}
    found = np.full(n, -1, dtype=np.int64)
    for place, entry in enumerate(entries):
        if not is_missing(entry) and entry != -1:
            found[place] = numbers.setdefault(entry, len(numbers))
    return found


def is_missing(value: object) -> bool:
    """Tell whether an entry stands for nothing: None, NaN, pandas' NA."""
    return value is None or type(value).__name__ == "NAType" or (isinstance(value, float) and value != value)


def picture_bytes(picture: Picture) -> bytes:
    """Return a picture as the bytes of an image file; a picture in memory becomes a PNG.

    Raises InputError for what is no picture, or a path that cannot be read.
    """
    from PIL import Image

    if isinstance(picture, bytes):
        return picture
    if isinstance(picture, str | os.PathLike):
        try:
            return Path(picture).expanduser().read_bytes()
        except OSError as error:
            raise InputError(f"cannot read the picture {picture}: {error.strerror or error}") from error
    if isinstance(picture, np.ndarray):
        picture = _drawn(picture)
    if not isinstance(picture, Image.Image):
        raise InputError(f"a picture is a path, bytes, a PIL image or an array, got {type(picture).__name__}")
    buffer = io.BytesIO()
    try:
        picture.save(buffer, "PNG")
    except OSError:  # a mode that PNG does not have
        picture.convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def _drawn(array: npt.NDArray[Any]) -> Image:
    from PIL import Image

    colours = array.shape[2] if array.ndim == 3 else 1
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or colours not in (1, 3, 4) or not array.size:
        given = f"{array.dtype} {list(array.shape)}"
        raise InputError(f"a picture is uint8 [height, width, 3] or [height, width], got {given}")
    return Image.fromarray(array[..., 0] if array.ndim == 3 and colours == 1 else array)
