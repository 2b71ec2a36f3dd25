"""The pixel check of candidate pairs, component by component, remembered in the table ``pairs``.

Pairs are taken from the most similar down. A pair inside one verified cluster needs no check, two clusters get two
tries, and an item that pixels refute ``patience`` times in a row is left alone, so the work follows the groups and
not the pairs. What was measured is kept: thresholds move, and runs resume, without measuring again.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from dedupe.candidates.find import Shortlist
from dedupe.compare.difference import compare
from dedupe.compare.image import Picture, decode, prepare
from dedupe.compare.near_identical import Small, alike, small
from dedupe.compare.verdict import DIFFERENT, SAME, VARIANT, Difference, Limits, judge, judge_all, settles
from dedupe.group.clusters import Edges, components
from dedupe.verify.pair_cache import COMMIT, Memory
from index.stages.progress import Bar
from index.store import Store
from schema.arrays import Bools, Bytes, Floats32, Ints

Confirmed = tuple[int, int, bool, float]

# Tries between two clusters: the most similar pair, and one more in case that one was an odd copy.
TRIES = 2
# Pictures ready for comparison held by all threads together; one is some 0.4 MB, twice that with its mirror.
READY = 1200
# Thumbnails held per thread: some 15 KB each.
HELD = 20_000
# Pairs for which thumbnails are read together.
WINDOW = 1024
# Rows whose thumbnails are read at once: some 15 KB each.
READ_ROWS = 2048


class Pixels:
    """Pictures by row: thumbnails are read from the store some at a time, the last used pictures are kept ready."""

    def __init__(self, store: Store, threads: int = 1) -> None:
        self._store = store
        self._most = max(200, READY // threads)
        self._bytes: OrderedDict[int, bytes] = OrderedDict()
        self._ready: OrderedDict[int, Picture | None] = OrderedDict()
        self._small: OrderedDict[int, Small | None] = OrderedDict()

    def fetch(self, rows: Iterable[int]) -> None:
        """Read the thumbnails of rows that are not at hand; those read longest ago go."""
        wanted = [row for row in rows if row not in self._bytes]
        if wanted:
            self._bytes.update(read_thumbnails(self._store, wanted))
            while len(self._bytes) > HELD:
                self._bytes.popitem(last=False)

    def small(self, row: int) -> Small | None:
        """Return the picture of a row at a glance, or None where there is none to see."""
        if row in self._small:
            self._small.move_to_end(row)
            return self._small[row]
        image = self._decoded(row)
        self._small[row] = found = None if image is None else small(image)
        if len(self._small) > 4 * self._most:
            self._small.popitem(last=False)
        return found

    def get(self, row: int) -> Picture | None:
        """Return the picture of a row, or None where there is none to see."""
        if row in self._ready:
            self._ready.move_to_end(row)
            return self._ready[row]
        image = self._decoded(row)
        self._ready[row] = found = None if image is None else prepare(image)
        if len(self._ready) > self._most:
            self._ready.popitem(last=False)
        return found

    def _decoded(self, row: int) -> Bytes | None:
        if row not in self._bytes:
            self.fetch([row])
        return decode(self._bytes.get(row, b""))


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


def measure(memory: Memory, a: int, b: int, pixels: Pixels, limits: Limits) -> Difference:
    """Return the difference of two rows, measured at most once; the lower row is the reference."""
    found = memory.get(a, b)
    if found is None or not settles(found, limits):
        found = difference_of(min(a, b), max(a, b), pixels, limits).rounded()
        memory.add(a, b, found)
    return found


def difference_of(a: int, b: int, pixels: Pixels, limits: Limits) -> Difference:
    """Return the difference of two rows, measured anew; ``a`` is the reference."""
    own, its = pixels.small(a), pixels.small(b)
    found = alike(own, its) if own and its else None
    if found is not None:
        return found
    first, second = pixels.get(a), pixels.get(b)
    return Difference(0.0) if first is None or second is None else compare(first, second, limits)


@dataclass(frozen=True, slots=True)
class Verified:
    """Confirmed pairs: ``i`` < ``j`` int64 [m], ``same`` where the same artwork, ``agreement`` of lines."""

    i: Ints
    j: Ints
    same: Bools
    agreement: Floats32

    def __len__(self) -> int:
        return len(self.i)

    def take(self, at: Ints) -> Verified:
        """Return the pairs at these places."""
        return Verified(self.i[at], self.j[at], self.same[at], self.agreement[at])

    def joined(self, other: Verified) -> Verified:
        """Return these pairs and others, in order; no pair may be in both."""
        i, j = np.concatenate([self.i, other.i]), np.concatenate([self.j, other.j])
        both = Verified(
            i,
            j,
            np.concatenate([self.same, other.same]),
            np.concatenate([self.agreement, other.agreement]),
        )
        return both.take(np.lexsort((j, i)))


def confirmed_before(memory: Memory, rows: int, limits: Limits) -> Verified:
    """Return the confirmed pairs among the first ``rows`` rows that earlier runs measured."""
    i, j, measures = memory.pairs()
    kinds = judge_all(measures, limits)
    at = np.flatnonzero((j < rows) & (kinds != DIFFERENT))
    return Verified(i[at], j[at], kinds[at] == SAME, measures["agreement"][at])


def blocks_of(shortlist: Shortlist, settled: Verified, n: int) -> Iterator[list[tuple[Shortlist, Verified]]]:
    """Yield whole components of the pairs with what is settled in them, in order of their smallest row, some READ_ROWS
    rows at a time; in each, the best pairs come first."""
    if not len(shortlist):
        return
    i, j = np.concatenate([shortlist.i, settled.i]), np.concatenate([shortlist.j, settled.j])
    label = components(n, Edges(i, j, np.ones(len(i), dtype=np.float32)))
    component, known = label[shortlist.i], label[settled.i]
    order = np.lexsort((shortlist.j, shortlist.i, -shortlist.score, component))
    shortlist, component = shortlist.take(order), component[order]
    order = np.lexsort((settled.j, settled.i, known))
    settled, known = settled.take(order), known[order]
    cuts = [0, *(np.flatnonzero(np.diff(component)) + 1).tolist(), len(component)]
    block: list[tuple[Shortlist, Verified]] = []
    size = 0
    for start, stop in pairwise(cuts):
        first, last = np.searchsorted(known, [component[start], component[start] + 1])
        block.append((shortlist.take(np.arange(start, stop)), settled.take(np.arange(first, last))))
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


class Component:
    """One component of the shortlist under way: which rows are one artwork, which one family, who was tried in vain."""

    def __init__(self, patience: int, firm: float) -> None:
        self._patience = patience
        self._firm = firm
        self._artworks, self._families = Linked(), Linked()
        # How often in a row a row was held against others and was no copy of them, no version of them.
        self._strange: Counter[int] = Counter()
        self._alone: Counter[int] = Counter()

    def news(self, i: int, j: int, copy: bool, version: bool) -> str:
        """Return 'measured' when this pair can tell something new, else the reason why it is passed over."""
        a, b = self._artworks.top(i), self._artworks.top(j)
        if a == b:
            return "implied"
        c, d = self._families.top(i), self._families.top(j)
        # Known to be of one family, or tried often enough: only a copy would be news.
        copy &= self._artworks.tried(a, b) < TRIES
        version &= c != d and self._families.tried(c, d) < TRIES
        if not (copy or version):
            return "implied"
        most = self._patience
        copy &= self._strange[i] < most and self._strange[j] < most
        version &= self._alone[i] < most or self._alone[j] < most
        return "measured" if copy or version else "left_out"

    def learn(self, i: int, j: int, kind: str, agreement: float) -> None:
        """Take in what the pixels said of a pair.

        Versions whose lines agree less than ``firm`` may be parted again by HDBSCAN: such a pair does not settle that
        two families are one, and better pairs between them are still tried.
        """
        a, b = self._artworks.top(i), self._artworks.top(j)
        c, d = self._families.top(i), self._families.top(j)
        if kind in (SAME, VARIANT):
            self._alone[i] = self._alone[j] = 0
            if c != d and (kind == SAME or agreement >= self._firm):
                self._families.join(c, d)
            elif c != d:
                self._families.miss(c, d)
        else:
            self._alone[i] += 1
            self._alone[j] += 1
            if c != d:
                self._families.miss(c, d)
        if a == b:
            return
        if kind == SAME:
            self._strange[i] = self._strange[j] = 0
            self._artworks.join(a, b)
        else:
            self._strange[i] += 1
            self._strange[j] += 1
            self._artworks.miss(a, b)


@dataclass(frozen=True, slots=True)
class PairCheck:
    """The pixel check of one run: where pictures come from, what was measured before, and the limits.

    An item that pixels refute ``patience`` times in a row is left alone.
    """

    store: Store
    memory: Memory
    limits: Limits
    patience: int
    threads: int

    def run(self, shortlist: Shortlist, settled: Verified, n: int, bar: Bar) -> tuple[Verified, Counter[str]]:
        """Return the confirmed ones of pairs of ``n`` rows, and counts of what was measured and left out.

        ``settled`` are pairs confirmed before, none of them in the shortlist; they are not returned again.
        """
        counts: Counter[str] = Counter()
        found: list[Confirmed] = []
        with ThreadPoolExecutor(max_workers=max(1, self.threads)) as pool:
            for confirmed, tally, size in pool.map(self._check_block, blocks_of(shortlist, settled, n)):
                found.extend(confirmed)
                counts.update(tally)
                self.memory.save(self.store, COMMIT)
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

    def _check_block(
        self, block: list[tuple[Shortlist, Verified]]
    ) -> tuple[list[Confirmed], Counter[str], int]:
        pixels = Pixels(self.store, self.threads)
        size = sum(len(pairs) for pairs, _ in block)
        # One read for many small components; the pairs of a large one are read as they come.
        if size < 2 * READ_ROWS:
            rows = np.concatenate([rows for pairs, _ in block for rows in (pairs.i, pairs.j)])
            pixels.fetch(np.unique(rows).tolist())
        confirmed: list[Confirmed] = []
        tally: Counter[str] = Counter()
        for pairs, known in block:
            confirmed.extend(self._check_component(pairs, known, pixels, tally))
        return confirmed, tally, size

    def _check_component(
        self, pairs: Shortlist, settled: Verified, pixels: Pixels, tally: Counter[str]
    ) -> Iterator[Confirmed]:
        """Yield (i, j, same, agreement) of the confirmed pairs of one component; the best pairs come first."""
        state = Component(self.patience, self.limits.firm)
        for i, j, same, agreement in zip(
            settled.i.tolist(),
            settled.j.tolist(),
            settled.same.tolist(),
            settled.agreement.tolist(),
            strict=True,
        ):
            state.learn(i, j, SAME if same else VARIANT, agreement)
        for start in range(0, len(pairs), WINDOW):
            part = slice(start, start + WINDOW)
            columns = (pairs.i[part], pairs.j[part], pairs.copy[part], pairs.version[part])
            window = list(zip(*(column.tolist() for column in columns), strict=True))
            wanted = [
                pair[:2]
                for pair in window
                if state.news(*pair) == "measured" and not self.memory.get(*pair[:2])
            ]
            pixels.fetch(dict.fromkeys(row for pair in wanted for row in pair))
            for i, j, copy, version in window:
                news = state.news(i, j, copy, version)
                tally[news] += 1
                if news != "measured":
                    continue
                difference = measure(self.memory, i, j, pixels, self.limits)
                kind = judge(difference, self.limits)
                if kind in (SAME, VARIANT):
                    yield i, j, kind == SAME, difference.agreement
                state.learn(i, j, kind, difference.agreement)
