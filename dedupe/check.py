"""The pixel check of candidate pairs, component by component, remembered in the table ``pairs``.

Pairs are taken from the most similar down. A pair inside one verified cluster needs no check, two clusters get two
tries, and an item that pixels refute ``patience`` times in a row is left alone, so the work follows the groups and
not the pairs. What was measured is kept: thresholds move, and runs resume, without measuring again.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dedupe.candidates import Shortlist
from dedupe.groups import Edges, components
from dedupe.picture import Picture, load
from dedupe.verdict import SAME, VARIANT, Difference, Limits, compare, judge
from index.progress import Bar
from index.store import Store

Ints = npt.NDArray[np.int64]
Pair = tuple[int, int]

# Tries between two clusters: the most similar pair, and one more in case that one was an odd copy.
TRIES = 2
# Pictures ready for comparison held by all threads together; one is some 0.7 MB, twice that with its mirror.
READY = 1500
# Rows whose thumbnails are read at once: some 15 KB each.
READ_ROWS = 2048

PAIRS = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("other", pa.int64(), nullable=False),
        pa.field("agreement", pa.float32(), nullable=False),
        pa.field("mirrored", pa.bool_(), nullable=False),
        pa.field("tone", pa.string(), nullable=False),
        pa.field("area", pa.float32(), nullable=False),
        pa.field("tint", pa.float32(), nullable=False),
        pa.field("detail", pa.float32(), nullable=False),
        pa.field("peak", pa.float32(), nullable=False),
        pa.field("usual", pa.float32(), nullable=False),
        pa.field("overlay", pa.int32(), nullable=False),
        pa.field("ground", pa.bool_(), nullable=False),
        pa.field("seen", pa.float32(), nullable=False),
        pa.field("shared", pa.float32(), nullable=False),
    ]
)
_NAMES = [f.name for f in fields(Difference)]


class Pixels:
    """Pictures by row, read from the stored thumbnails, the last few kept ready."""

    def __init__(self, thumbnails: dict[int, bytes], threads: int = 1) -> None:
        self._bytes = thumbnails
        self._most = max(200, READY // threads)
        self._ready: OrderedDict[int, Picture | None] = OrderedDict()

    def get(self, row: int) -> Picture | None:
        """Return the picture of a row, or None where there is none to see."""
        if row in self._ready:
            self._ready.move_to_end(row)
            return self._ready[row]
        data = self._bytes.get(row)
        picture = None
        if data:
            try:
                picture = load(data)
            except (OSError, ValueError, SyntaxError):
                picture = None
        self._ready[row] = picture
        if len(self._ready) > self._most:
            self._ready.popitem(last=False)
        return picture


def read_thumbnails(store: Store, rows: Iterable[int]) -> dict[int, bytes]:
    """Return the stored thumbnails of rows; rows without one are left out."""
    wanted = np.unique(np.fromiter(rows, dtype=np.int64))
    found: dict[int, bytes] = {}
    if not store.has("thumbnails"):
        return found
    for start in range(0, len(wanted), READ_ROWS):
        table = store.take("thumbnails", wanted[start : start + READ_ROWS], ["row", "thumbnail"])
        found.update(zip(table.column("row").to_pylist(), table.column("thumbnail").to_pylist(), strict=True))
    return found


@dataclass(slots=True)
class Memory:
    """Measured pairs: those of earlier runs and those of this one, by (row, other) with row < other."""

    known: dict[Pair, Difference] = field(default_factory=dict)
    fresh: dict[Pair, Difference] = field(default_factory=dict)

    @classmethod
    def of(cls, store: Store) -> Memory:
        """Return what earlier runs measured."""
        known: dict[Pair, Difference] = {}
        for batch in store.scan("pairs"):
            for record in batch.to_pylist():
                known[record["row"], record["other"]] = Difference(**{name: record[name] for name in _NAMES})
        return cls(known)

    def measure(self, a: int, b: int, pixels: Pixels, limits: Limits) -> Difference:
        """Return the difference of two rows, measured at most once; the lower row is the reference."""
        pair = (min(a, b), max(a, b))
        found = self.known.get(pair) or self.fresh.get(pair)
        if found is None:
            first, second = pixels.get(pair[0]), pixels.get(pair[1])
            found = Difference(0.0) if first is None or second is None else compare(first, second, limits)
            self.fresh[pair] = found
        return found

    def save(self, store: Store) -> None:
        """Append what this run measured."""
        if not self.fresh:
            return
        pairs = sorted(self.fresh)
        columns: dict[str, Any] = {"row": [p[0] for p in pairs], "other": [p[1] for p in pairs]}
        for name in _NAMES:
            columns[name] = [getattr(self.fresh[p], name) for p in pairs]
        store.append("pairs", pa.table(columns, schema=PAIRS), PAIRS)
        self.known.update(self.fresh)
        self.fresh.clear()


@dataclass(frozen=True, slots=True)
class Verified:
    """Confirmed pairs: ``i`` < ``j`` int64 [m], ``same`` where the same artwork, ``agreement`` of lines."""

    i: Ints
    j: Ints
    same: npt.NDArray[np.bool_]
    agreement: npt.NDArray[np.float32]


def check_pairs(
    store: Store,
    shortlist: Shortlist,
    n: int,
    memory: Memory,
    limits: Limits,
    patience: int,
    threads: int,
    bar: Bar,
) -> tuple[Verified, Counter[str]]:
    """Return the confirmed ones of pairs of ``n`` rows, and counts of what was measured and left out."""
    counts: Counter[str] = Counter()
    found: list[tuple[int, int, bool, float]] = []
    with ThreadPoolExecutor(max_workers=max(1, threads)) as pool:

        def work(block: list[Shortlist]) -> tuple[list[tuple[int, int, bool, float]], Counter[str], int]:
            rows = np.unique(np.concatenate([np.concatenate([part.i, part.j]) for part in block]))
            pixels = Pixels(read_thumbnails(store, rows.tolist()), threads)
            out: list[tuple[int, int, bool, float]] = []
            tally: Counter[str] = Counter()
            for part in block:
                out.extend(check_component(part, pixels, memory, limits, patience, tally))
            return out, tally, sum(len(part) for part in block)

        for confirmed, tally, size in pool.map(work, blocks_of(shortlist, n)):
            found.extend(confirmed)
            counts.update(tally)
            bar.add(size)
    found.sort()
    return (
        Verified(
            np.asarray([f[0] for f in found], dtype=np.int64),
            np.asarray([f[1] for f in found], dtype=np.int64),
            np.asarray([f[2] for f in found], dtype=bool),
            np.asarray([f[3] for f in found], dtype=np.float32),
        ),
        counts,
    )


def blocks_of(shortlist: Shortlist, n: int) -> Iterator[list[Shortlist]]:
    """Yield whole components of the pairs, in order of their smallest row, some READ_ROWS rows at a time; in each, the
    best pairs first."""
    if not len(shortlist):
        return
    component = components(n, Edges(shortlist.i, shortlist.j, shortlist.score))[shortlist.i]
    order = np.lexsort((shortlist.j, shortlist.i, -shortlist.score, component))
    shortlist, component = shortlist.take(order), component[order]
    cuts = [0, *(np.flatnonzero(np.diff(component)) + 1).tolist(), len(order)]
    block: list[Shortlist] = []
    size = 0
    for start, stop in pairwise(cuts):
        block.append(shortlist.take(np.arange(start, stop)))
        size += stop - start + 1
        if size >= READ_ROWS:
            yield block
            block, size = [], 0
    if block:
        yield block


class Linked:
    """Sets of rows that were joined, and how often two sets were tried and not joined."""

    def __init__(self) -> None:
        self._chief: dict[int, int] = {}
        self._tries: dict[int, Counter[int]] = {}

    def top(self, row: int) -> int:
        """Return the row that stands for the set of a row."""
        chief = self._chief
        while chief.get(row, row) != row:
            chief[row] = row = chief.get(chief[row], chief[row])
        return row

    def tried(self, a: int, b: int) -> int:
        """Return how often the sets of two tops were tried."""
        return self._tries[a][b] if a in self._tries else 0

    def miss(self, a: int, b: int) -> None:
        """Count a try of two tops that failed."""
        self._tries.setdefault(a, Counter())[b] += 1
        self._tries.setdefault(b, Counter())[a] += 1

    def join(self, a: int, b: int) -> None:
        """Make one set of those of two tops."""
        low, high = min(a, b), max(a, b)
        self._chief[high] = low
        for other, count in self._tries.pop(high, Counter()).items():
            self._tries.setdefault(low, Counter())[other] += count
            self._tries.setdefault(other, Counter())[low] += count


def check_component(
    pairs: Shortlist, pixels: Pixels, memory: Memory, limits: Limits, patience: int, tally: Counter[str]
) -> Iterator[tuple[int, int, bool, float]]:
    """Yield (i, j, same, agreement) of the confirmed pairs of one component; the best pairs come first."""
    artworks, families = Linked(), Linked()
    # How often in a row a row was held against others and was no copy of them, no version of them.
    strange: Counter[int] = Counter()
    alone: Counter[int] = Counter()
    columns = (pairs.i.tolist(), pairs.j.tolist(), pairs.copy.tolist(), pairs.version.tolist())
    for i, j, copy, version in zip(*columns, strict=True):
        a, b = artworks.top(i), artworks.top(j)
        if a == b:
            tally["implied"] += 1
            continue
        c, d = families.top(i), families.top(j)
        # Known to be of one family, or tried often enough: only a copy would be news.
        copy &= artworks.tried(a, b) < TRIES
        version &= c != d and families.tried(c, d) < TRIES
        if not (copy or version):
            tally["implied"] += 1
            continue
        copy &= strange[i] < patience and strange[j] < patience
        version &= alone[i] < patience or alone[j] < patience
        if not (copy or version):
            tally["left_out"] += 1
            continue
        tally["measured"] += 1
        difference = memory.measure(i, j, pixels, limits)
        kind = judge(difference, limits)
        if kind in (SAME, VARIANT):
            alone[i] = alone[j] = 0
            yield i, j, kind == SAME, difference.agreement
            if c != d:
                families.join(c, d)
        else:
            alone[i] += 1
            alone[j] += 1
            if c != d:
                families.miss(c, d)
        if kind == SAME:
            strange[i] = strange[j] = 0
            artworks.join(a, b)
        else:
            strange[i] += 1
            strange[j] += 1
            artworks.miss(a, b)
