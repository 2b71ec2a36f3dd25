"""Collections of any size with known answers: identities, near-duplicates and tags planted in a mixture of vectors.

    python -m benchmarks.synthetic STORE --items 100000 --dim 512

Vectors lie in a cone, as those of CLIP do, around a mean; characters differ in 24 directions, their labels in a few
more, and little noise fills the rest: neighbours exist, which isotropic noise would deny every index. Rows are
written as ingest and embed write them; a chunk is drawn from its own seed, so that memory does not follow the size.
"""

from __future__ import annotations

import argparse
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dedupe.candidates.outline_hash import COUNT, SKETCHES
from dedupe.candidates.prefilter import COLOUR_BYTES, VIEW_BYTES
from index.store import Store
from index.store.runs import Runs
from schema import tables
from schema.ids import content_id
from schema.vocabulary import load_vocabulary

KEY = "synthetic"
CHUNK = 65_536
COMMIT = 1_048_576
INTRINSIC = 24
ATTRIBUTES = ("age", "gender", "hair_color", "eye_color", "expression")
DUPLICATES = 0.08
# Copies so badly encoded that a glance does not tell them.
SPOILT = 1 / 8
TAGGED = 0.5
# Long side of the pictures; at 64 pixels one takes 60 microseconds to draw and 2 KB, at 256 ten times that.
SIDE = 64

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Plan:
    """What the rows of a chunk are: arrays by row; ``values`` holds one value number per attribute."""

    rows: npt.NDArray[np.int64]
    artwork: npt.NDArray[np.int64]
    identity: npt.NDArray[np.int64]
    copy: npt.NDArray[np.bool_]
    values: npt.NDArray[np.int64]


class Collection:
    """A synthetic collection of ``items`` vectors of ``dim`` dimensions, the same for the same seed."""

    def __init__(self, items: int, dim: int, seed: int = 0) -> None:
        self.items, self.dim, self.seed = items, dim, seed
        vocabulary = load_vocabulary()
        known = [each for each in vocabulary.attributes if each.name in ATTRIBUTES]
        self.tags = [[str(value.tags[0]) for value in each.values if value.tags][:12] for each in known]
        rng = np.random.default_rng(seed)
        self.mean = _unit(rng.standard_normal((1, dim)))
        self.basis = _unit(rng.standard_normal((INTRINSIC, dim)))
        self.directions = [_unit(rng.standard_normal((len(tags), dim))) for tags in self.tags]
        self.identities = max(1, items // 12)

    def chunks(self, first: int = 0, last: int | None = None) -> Iterator[Plan]:
        """Yield the plan of the rows from ``first`` to ``last``."""
        for start in range(first, self.items if last is None else last, CHUNK):
            yield self.plan(start, min(self.items if last is None else last, start + CHUNK))

    def plan(self, start: int, stop: int) -> Plan:
        """Return what the rows of one chunk are."""
        rng = np.random.default_rng((self.seed, 1, start))
        rows = np.arange(start, stop)
        # Some characters are drawn often and most seldom.
        identity = (self.identities * rng.random(len(rows)) ** 2).astype(np.int64)
        artwork = rows.copy()
        copy = rng.random(len(rows)) < DUPLICATES
        copy[0] = False
        originals = np.flatnonzero(~copy)
        source = originals[np.searchsorted(originals, np.flatnonzero(copy)) - 1]
        artwork[copy], identity[copy] = rows[source], identity[source]
        values = np.stack(
            [_mixed(identity, number) % len(tags) for number, tags in enumerate(self.tags)], axis=1
        )
        return Plan(rows, artwork, identity, copy, values)

    def vectors(self, plan: Plan) -> npt.NDArray[np.float16]:
        """Return the unit vectors of a chunk, float16 [n, d]."""
        latent = _normal(plan.identity, INTRINSIC, 11) * 0.16 + _normal(plan.artwork, INTRINSIC, 12) * 0.10
        data = 0.7 * self.mean + latent @ self.basis
        for number, directions in enumerate(self.directions):
            data += 0.22 * directions[plan.values[:, number]]
        rng = np.random.default_rng((self.seed, 2, int(plan.rows[0])))
        noise = rng.standard_normal(data.shape, dtype=np.float32)
        data += noise * np.where(plan.copy, 0.0015, 0.003)[:, None].astype(np.float32)
        return _unit(data).astype(np.float16)

    def item_batch(self, plan: Plan) -> pa.RecordBatch:
        """Return the items of a chunk."""
        rng = np.random.default_rng((self.seed, 3, int(plan.rows[0])))
        n = len(plan.rows)
        tagged = rng.random((n, len(self.tags))) < TAGGED
        names = [np.array(tags, dtype=object) for tags in self.tags]
        words = np.stack([names[at][plan.values[:, at]] for at in range(len(names))], axis=1)
        tags = [["1girl", *row[mask]] if mask.any() else [] for row, mask in zip(words, tagged, strict=True)]
        # A copy is stored smaller, its hash some bits off.
        flips = np.left_shift(np.int64(1), rng.integers(0, 63, n)) * plan.copy
        side = np.where(plan.copy, 384, 512).astype(np.int32)
        columns = {
            "row": plan.rows,
            "item_id": [content_id(b"%d" % row) for row in plan.rows],
            "source": np.zeros(n, np.int32),
            "ordinal": plan.rows,
            "keys": [[f"{row:09}.png"] for row in plan.rows],
            "uri": [f"/synthetic/{row:09}.png" for row in plan.rows],
            "width": side,
            "height": side,
            "format": ["png"] * n,
            "frames": np.ones(n, np.int32),
            "bytes": side.astype(np.int64) * 500,
            "lossless": np.ones(n, bool),
            "alpha": np.zeros(n, bool),
            "phash": _mixed(plan.artwork, 99) ^ flips,
            "sharpness": np.where(plan.copy, 0.4, 0.5).astype(np.float32),
            "border": np.zeros(n, np.float32),
            "tags": tags,
            "text": [""] * n,
            "identity": [None] * n,
            "status": ["ok"] * n,
            "reason": [None] * n,
            "commit": np.ones(n, np.int64),
        }
        return pa.RecordBatch.from_arrays(
            [pa.array(columns[field.name], field.type) for field in tables.ITEMS], schema=tables.ITEMS
        )

    def thumbnail_batch(self, plan: Plan) -> pa.RecordBatch:
        """Return the thumbnails of a chunk: one drawing per artwork, copies encoded anew, some of them badly."""
        start = int(plan.rows[0])
        rng = np.random.default_rng((self.seed, 4, start))
        ground = rng.integers(0, 256, (len(plan.rows), 6, 6, 3), dtype=np.uint8)
        lines = rng.integers(0, SIDE, (len(plan.rows), 4, 5, 2), dtype=np.int32)
        own = (plan.artwork - start).tolist()
        spoilt = plan.copy & (rng.random(len(plan.rows)) < SPOILT)
        quality = np.where(spoilt, 45, np.where(plan.copy, 88, 92)).tolist()
        found = [drawn(ground[at], lines[at], value) for at, value in zip(own, quality, strict=True)]
        arrays = [
            pa.array(plan.rows),
            pa.array(found, pa.large_binary()),
            pa.array(np.ones(len(found), np.int64)),
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=tables.THUMBNAILS)

    def sketch_batch(self, plan: Plan) -> pa.RecordBatch:
        """Return sketches of a chunk as dedupe stores them, planted and not drawn: those of a copy are a bit off."""
        start, n = int(plan.rows[0]), len(plan.rows)
        rng = np.random.default_rng((self.seed, 5, start))
        own = plan.artwork - start
        words = rng.integers(-(2**63), 2**63 - 1, (n, COUNT), dtype=np.int64)[own]
        words ^= np.left_shift(np.int64(1), rng.integers(0, 63, (n, COUNT))) * plan.copy[:, None]
        views = rng.integers(0, 256, (n, VIEW_BYTES), dtype=np.uint8)[own]
        # Every fourth byte is the share of plain ground, and there is none.
        colours = rng.integers(0, 256, (n, COLOUR_BYTES), dtype=np.uint8)
        colours[:, 3::4] = 0
        parts = ((words, COUNT), (views, VIEW_BYTES), (colours[own], COLOUR_BYTES))
        arrays = [pa.FixedSizeListArray.from_arrays(pa.array(part.ravel()), width) for part, width in parts]
        return pa.RecordBatch.from_arrays([pa.array(plan.rows), *arrays], schema=SKETCHES)

    def vector_batch(self, plan: Plan) -> pa.RecordBatch:
        """Return the vectors of a chunk as a batch of the vectors table."""
        data = pa.FixedSizeListArray.from_arrays(pa.array(self.vectors(plan).ravel()), self.dim)
        names = pa.array([content_id(b"%d" % row) for row in plan.rows])
        return pa.record_batch([pa.array(plan.rows), names, data], schema=tables.vectors(self.dim))

    def fill(self, store: Store, planted: bool = False) -> None:
        """Write items, thumbnails and vectors, and the runs that say so; goes on where an earlier call was stopped.

        With ``planted`` the sketches of the pictures are written, too, which dedupe would otherwise make of each.
        """
        runs = Runs(store)
        if runs.last("ingest") is None:
            with runs.start("ingest", {"synthetic": self.items}) as run:
                self._append(store, "thumbnails", self.thumbnail_batch, tables.THUMBNAILS)
                self._append(store, "items", self.item_batch, tables.ITEMS)
                marker = {"commit": 1, "source": 0, "items": self.items, "copies": 0, "failed": 0}
                store.append("ingests", pa.Table.from_pylist([marker], tables.INGESTS), tables.INGESTS)
                listed = {"source": 0, "path": "/synthetic", "kind": "folder", "listed": self.items}
                store.append("sources", pa.Table.from_pylist([listed], tables.SOURCES), tables.SOURCES)
                run.counts["items"] = self.items
        if planted:
            self._append(store, "sketches", self.sketch_batch, SKETCHES)
        if runs.last("embed") is None:
            with runs.start("embed", {"key": KEY}, ["items"]) as run:
                run.facts.update(key=KEY, dim=self.dim)
                self._append(store, f"vectors_{KEY}", self.vector_batch, tables.vectors(self.dim))

    def _append(
        self, store: Store, table: str, make: Callable[[Plan], pa.RecordBatch], schema: pa.Schema
    ) -> None:
        """Append what ``make`` makes of each chunk, two at a time: drawing and encoding leave Python free."""
        with ThreadPoolExecutor(2) as pool:
            for first in range(store.count(table), self.items, COMMIT):
                plans = list(self.chunks(first, min(self.items, first + COMMIT)))
                store.append(table, _ahead(pool, make, plans), schema)


def _ahead(
    pool: ThreadPoolExecutor, make: Callable[[Plan], pa.RecordBatch], plans: list[Plan]
) -> Iterator[pa.RecordBatch]:
    """Yield batches in order, made two chunks ahead of the writer."""
    waiting: deque[Future[pa.RecordBatch]] = deque()
    for plan in plans:
        waiting.append(pool.submit(make, plan))
        if len(waiting) > 2:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def drawn(ground: npt.NDArray[np.uint8], lines: npt.NDArray[np.int32], quality: int) -> bytes:
    """Return a JPEG of soft colours uint8 [6, 6, 3] crossed by dark lines, their corners int32 [4, 5, 2]."""
    picture = cv2.resize(ground, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    cv2.polylines(picture, list(lines), False, (30, 20, 20), 2, cv2.LINE_AA)
    return bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])


def _unit(data: npt.NDArray[np.floating]) -> Floats:
    return (data / np.linalg.norm(data, axis=1, keepdims=True)).astype(np.float32)


def _mixed(numbers: npt.NDArray[np.int64], salt: int) -> npt.NDArray[np.int64]:
    """Return numbers below 2^62 that look random and depend on the input alone (the finaliser of splitmix64)."""
    with np.errstate(over="ignore"):
        mixed = numbers.astype(np.uint64) + np.uint64((salt + 1) * 0x9E3779B97F4A7C15 % 2**64)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(2)).astype(np.int64)


def _normal(numbers: npt.NDArray[np.int64], width: int, salt: int) -> Floats:
    """Return near-normal values [n, width] that depend on the input alone: sums of four uniform ones."""
    out = np.empty((len(numbers), width), dtype=np.float32)
    for column in range(width):
        bits = _mixed(numbers, salt * 1000 + column)
        parts = [(bits >> np.int64(shift)) & np.int64(0x7FFF) for shift in (0, 15, 30, 45)]
        out[:, column] = (sum(parts) / 0x7FFF - 2.0) * np.sqrt(3.0)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("store")
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    with Store.open(chosen.store, create=True, write=True) as store:
        Collection(chosen.items, chosen.dim, chosen.seed).fill(store)


if __name__ == "__main__":
    main()
