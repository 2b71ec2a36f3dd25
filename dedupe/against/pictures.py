"""The pictures of another store or of a folder, as far as they are needed to be held against those of a store."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dedupe.candidates.find import read_hashes
from dedupe.candidates.outline_hash import COUNT, line_hashes
from dedupe.compare.image import load
from dedupe.verify.pairs import read_thumbnails
from index.images.decode import BadImage, decode, to_rgb
from index.images.facts import WORKING_SIDE, measure
from index.images.formats import looks_like_image
from index.images.reader import Reader, file_uri
from index.stages.parallel import in_order
from index.stages.progress import progress
from index.store import Store
from schema.arrays import Hashes, Ints
from schema.errors import LikenessError, StoreError
from schema.ids import content_id
from schema.settings import IngestSettings

READ_ROWS = 2048
HEAD = 64
"""Bytes by which a picture is told from other files."""


@dataclass(slots=True)
class OtherPictures:
    """Pictures to be held against those of a store, by number.

    ``keys`` and ``item_ids`` name them, ``words`` uint64 [n] are their perceptual hashes, ``outlines`` uint64 [n,
    COUNT] the hashes of their lines. Thumbnails are in ``stored``, or in a store at the rows ``rows``.
    """

    keys: list[str]
    item_ids: list[str]
    words: Hashes
    outlines: Hashes
    stored: list[bytes]
    store: Store | None = None
    rows: Ints | None = None

    def __len__(self) -> int:
        return len(self.keys)

    def thumbnails(self, numbers: Ints) -> dict[int, bytes]:
        """Return the thumbnails of pictures by number; pictures without one are left out."""
        if self.store is None or self.rows is None:
            return {int(number): self.stored[int(number)] for number in numbers}
        found = read_thumbnails(self.store, self.rows[numbers])
        return {int(number): found[row] for number in numbers if (row := int(self.rows[number])) in found}


@contextmanager
def other_pictures(
    path: str, ingest: IngestSettings, threads: int, problems: Counter[str]
) -> Iterator[OtherPictures]:
    """Open the pictures at ``path``, a store or a folder; counts in ``problems`` why files could not be read.

    Raises StoreError where there is neither.
    """
    folder = Path(path).expanduser()
    if "://" in path or (folder / "store.json").exists():
        with Store.open(path if "://" in path else str(folder)) as store:
            yield of_store(store, threads)
    elif folder.is_dir():
        yield of_folder(folder, ingest, threads, problems)
    else:
        raise StoreError(f"{path} is neither a store nor a folder", "Name what the store is held against.")


def of_store(store: Store, threads: int) -> OtherPictures:
    """Return the pictures of a store; their thumbnails stay there until they are asked for."""
    rows, words = read_hashes(store)
    keys: list[str] = []
    item_ids: list[str] = []
    outlines = np.zeros((len(rows), COUNT), np.uint64)
    with ThreadPoolExecutor(max(1, threads)) as pool, progress(len(rows), "against", unit="picture") as bar:
        for start in range(0, len(rows), READ_ROWS):
            part = rows[start : start + READ_ROWS]
            for record in store.take_items(part, ["row", "item_id", "keys"]).to_pylist():
                keys.append((record["keys"] or [record["item_id"]])[0])
                item_ids.append(record["item_id"])
            small = read_thumbnails(store, part)
            found = pool.map(_outlines, [small.get(int(row), b"") for row in part])
            outlines[start : start + len(part)] = list(found)
            bar.add(len(part))
    return OtherPictures(keys, item_ids, words, outlines, [], store, rows)


def of_folder(folder: Path, ingest: IngestSettings, threads: int, problems: Counter[str]) -> OtherPictures:
    """Return the pictures in a folder and those below it, in the order of their paths; files that are none are passed
    over."""
    paths = sorted(
        Path(parent) / name for parent, _, names in os.walk(folder) for name in names if name[:1] != "."
    )
    reader = Reader(ingest.max_bytes)

    def read(path: Path) -> tuple[str, str, int, Hashes, bytes] | str:
        try:
            with path.open("rb") as file:
                if not looks_like_image(file.read(HEAD)):
                    return ""
            data = reader.read(file_uri(path))
            picture = decode(
                data,
                target=WORKING_SIDE,
                background=to_rgb(ingest.background),
                max_pixels=ingest.max_pixels,
            )
        except (BadImage, LikenessError, OSError) as error:
            return str(error) or type(error).__name__
        facts = measure(picture.image, ingest.thumbnail)
        key = path.relative_to(folder).as_posix()
        return key, content_id(data), facts.phash, _outlines(facts.thumbnail), facts.thumbnail

    found = []
    with progress(len(paths), "against", unit="file") as bar:
        for each in in_order(read, paths, threads):
            bar.add(1)
            if isinstance(each, str):
                problems[each] += bool(each)
            else:
                found.append(each)
    reader.close()
    return OtherPictures(
        [each[0] for each in found],
        [each[1] for each in found],
        np.asarray([each[2] for each in found], np.int64).view(np.uint64),
        np.asarray([each[3] for each in found], np.uint64).reshape(len(found), COUNT),
        [each[4] for each in found],
    )


def _outlines(thumbnail: bytes) -> Hashes:
    try:
        return line_hashes(load(thumbnail))
    except (OSError, ValueError, SyntaxError):
        return np.zeros(COUNT, np.uint64)
