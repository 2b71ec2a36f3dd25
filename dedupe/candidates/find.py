"""Which pairs are worth a look: graph edges above a similarity, and perceptual hashes a few bits apart.

Hashes are searched as they are and mirrored; the search is exact within its radius (index/neighbours/hamming.py).
A neighbour list that is full may hide further duplicates: such lists are counted, and the parts they fall into are
bridged.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from dedupe.candidates.outline_hash import make_sketches, radius_for, read_sketches, sketch_edges
from dedupe.candidates.prefilter import LIKELY, VERSION, allowed, meet, repainted, unit_views
from dedupe.group.clusters import Edges, components, unique_edges
from index.neighbours.hamming import hamming_pairs
from index.store import Store
from index.store.arrays import Graph
from schema.arrays import Bools, Bytes, Floats32, Hashes, Ints
from schema.settings import DedupeSettings

# A mirror negates every odd horizontal frequency of the 8x8 hash; the bit of a frequency near the median of zero
# then turns. Row by row, most significant bit first.
MIRROR = np.uint64(0x5555555555555555)
# Bits that the mirrored hash may be further off: the median moves a little when half the signs turn.
MIRROR_SLACK = 2
# Largest radius of hashes by the number of pictures, and beyond.
HASH_RADII = ((500_000, 16), (2_000_000, 6))
SMALLEST_HASH_RADIUS = 5
# Order of checks: a picture with all cells recoloured comes after one whose lines agree by half less.
COLOUR_WEIGHT = 0.5
# Copies differ by less than this in a quarter of the cells; the COPIES best pairs of each picture get all cells.
COARSE = 0.5
COPIES = 12
# Pairs looked at together: their rows' colours are at most 260 MB.
SCREENED = 32_768


@dataclass(frozen=True, slots=True)
class Shortlist:
    """Pairs worth the pixel check: ``i`` < ``j`` int64 [m], ``score`` float32 [m], higher first; ``copy`` where colours
    allow the same artwork, ``version`` where lines allow versions of one drawing."""

    i: Ints
    j: Ints
    score: Floats32
    copy: Bools
    version: Bools

    def __len__(self) -> int:
        return len(self.i)

    def take(self, at: Ints) -> Shortlist:
        """Return the pairs at these places."""
        return Shortlist(self.i[at], self.j[at], self.score[at], self.copy[at], self.version[at])


def find_candidates(
    store: Store, key: str, options: DedupeSettings, since: int = 0
) -> tuple[Shortlist, dict[str, int]]:
    """Return the pairs worth the pixel check that have a row from ``since`` on, and counts of candidates by origin.

    ``key`` is the encoder's, or empty for hashes alone.
    """
    rows, words = read_hashes(store)
    low, high, similarity = [], [], []
    counts: dict[str, int] = {}
    threads = options.threads or os.cpu_count() or 1
    radius = hash_radius(len(rows), options.hamming)
    counts["hash_bits"] = radius
    found, hashed = hash_edges(rows, words, radius, threads)
    low.append(found.i)
    high.append(found.j)
    similarity.append(found.similarity)
    counts["hash_pairs"] = hashed
    make_sketches(store, threads)
    if options.outlines:
        found = sketch_edges(*read_sketches(store), threads)
        low.append(found.i)
        high.append(found.j)
        similarity.append(found.similarity)
        counts["outline_pairs"] = len(found)
    if key:
        graph = store.graph(key)
        near, full = graph_edges(graph, options.similarity)
        low.append(near.i)
        high.append(near.j)
        similarity.append(near.similarity)
        counts["graph_pairs"] = len(near)
        counts["full_lists"] = len(full)
        if len(full):
            wide = bridge(store, key, near, full, store.n_items(), options.similarity)
            counts["widened"] = len(wide)
            low.append(wide.i)
            high.append(wide.j)
            similarity.append(wide.similarity)
    edges = unique_edges(np.concatenate(low), np.concatenate(high), np.concatenate(similarity))
    seen = np.zeros(store.n_items(), dtype=bool)
    seen[store.rows("sketches") if store.has("sketches") else rows[:0]] = True
    edges = edges.where(seen[edges.i] & seen[edges.j] & (edges.j >= since))
    counts["candidates"] = len(edges)
    likely = screen_edges(store, edges)
    counts["likely"] = len(likely)
    return likely, counts


def screen_edges(store: Store, edges: Edges) -> Shortlist:
    """Return the pairs that may be copies or versions at a glance."""
    lines, off = np.full(len(edges), -1.0, np.float32), np.ones(len(edges), np.float32)
    meeting = np.zeros(len(edges), dtype=np.int64)
    for part in _parts(np.arange(len(edges))):
        views, i, j = _pictured(store, "views", edges, part)
        lines[part], meeting[part] = meet(unit_views(views), i, j)
    version = lines >= VERSION
    for part in _parts(np.flatnonzero(lines >= LIKELY)):
        colours, i, j = _pictured(store, "colours", edges, part)
        off[part] = repainted(colours, i, j, meeting[part], fine=False)
    chosen = _best_of_each(edges, lines - COLOUR_WEIGHT * off, (lines >= LIKELY) & (off <= COARSE), COPIES)
    for part in _parts(chosen):
        colours, i, j = _pictured(store, "colours", edges, part)
        off[part] = repainted(colours, i, j, meeting[part], fine=True)
    copy = np.zeros(len(edges), dtype=bool)
    copy[chosen] = off[chosen] <= allowed(lines[chosen])
    kept = np.flatnonzero(copy | version)
    score = lines - COLOUR_WEIGHT * off
    return Shortlist(edges.i[kept], edges.j[kept], score[kept], copy[kept], version[kept])


def _parts(places: Ints) -> list[Ints]:
    return [places[start : start + SCREENED] for start in range(0, len(places), SCREENED)]


def _pictured(store: Store, column: str, edges: Edges, part: Ints) -> tuple[Bytes, Ints, Ints]:
    """One column of the sketches of these pairs, and the places of their two rows in it."""
    i, j = edges.i[part], edges.j[part]
    table = store.take("sketches", np.unique(np.concatenate([i, j])), ["row", column])
    rows = table.column("row").to_numpy()
    data = table.column(column).combine_chunks().flatten().to_numpy().reshape(len(rows), -1)
    return data, np.searchsorted(rows, i), np.searchsorted(rows, j)


def _best_of_each(edges: Edges, score: Floats32, mask: Bools, count: int) -> Ints:
    """Places, ascending, of the masked pairs that are among the ``count`` best of either row."""
    at = np.flatnonzero(mask)
    if not len(at):
        return at
    row, place = np.concatenate([edges.i[at], edges.j[at]]), np.concatenate([at, at])
    order = np.lexsort((place, -score[place], row))
    row, place = row[order], place[order]
    start = np.flatnonzero(np.concatenate([[True], row[1:] != row[:-1]]))
    rank = np.arange(len(row)) - np.repeat(start, np.diff(np.append(start, len(row))))
    found: Ints = np.unique(place[rank < count])
    return found


def read_hashes(store: Store) -> tuple[Ints, Hashes]:
    """Return rows and perceptual hashes of all pictures that were decoded."""
    rows, words = [], []
    for batch in store.scan("items", ["row", "phash"], "status = 'ok' AND phash IS NOT NULL"):
        rows.append(batch.column(0).to_numpy())
        words.append(batch.column(1).to_numpy())
    if not rows:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint64)
    return np.concatenate(rows), np.concatenate(words).view(np.uint64)


def hash_radius(count: int, asked: int) -> int:
    """Return how many bits hashes may differ in a store of this many pictures, at most ``asked``.

    Strangers within a radius grow with the square of the store; its copies are found by vectors and outlines as well.
    """
    return min(asked, radius_for(count, HASH_RADII, SMALLEST_HASH_RADIUS))


def hash_edges(rows: Ints, words: Hashes, radius: int, threads: int = 1) -> tuple[Edges, int]:
    """Return pairs of rows whose hashes, or one and the other's mirror image, are at most ``radius`` bits apart.

    The rows of one hash are joined as a star around the first, so that a thousand equal ones are a thousand pairs;
    the similarity of a hash pair is 1 less a hundredth per bit, which only orders the pairs.
    """
    unique, first, back = np.unique(words, return_index=True, return_inverse=True)
    centre = rows[first]
    low, high, bits = [centre[back]], [rows], [np.zeros(len(rows), dtype=np.int64)]
    i, j, distance = hamming_pairs(unique, radius, threads=threads)
    low.append(centre[i])
    high.append(centre[j])
    bits.append(distance)
    mirrored = unique ^ MIRROR
    order = np.argsort(mirrored)
    slack = MIRROR_SLACK if len(unique) <= HASH_RADII[0][0] else 0
    i, j, distance = hamming_pairs(unique, min(radius + slack, 11), mirrored[order], threads)
    low.append(centre[i])
    high.append(centre[order[j]])
    bits.append(distance)
    a, b = np.concatenate(low), np.concatenate(high)
    similarity = (1.0 - 0.01 * np.concatenate(bits)).astype(np.float32)
    found = unique_edges(np.minimum(a, b), np.maximum(a, b), similarity)
    return found, len(found)


def bridge(store: Store, key: str, near: Edges, full: Ints, n: int, similarity: float) -> Edges:
    """Return edges between the parts that full neighbour lists fall into: one member of each against all of them.

    A crowd of near-equal pictures larger than a list falls into parts of its own; one exact search over the
    first row of each part finds the ties that no list had room for.
    """
    none = np.empty(0, dtype=np.int64)
    part = components(n, near)[full]
    names, first = np.unique(part, return_index=True)
    # m parts x f rows x d: bounded to about a minute of arithmetic on two cores.
    if len(names) < 2 or len(names) * len(full) > 2e10 / 512:
        return Edges(none, none, np.empty(0, dtype=np.float32))
    table = store.take(f"vectors_{key}", full, ["vector"]).combine_chunks()
    data = table.column(0).combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(len(full), -1)
    data = data.astype(np.float32)
    low, high, cosine = [], [], []
    for start in range(0, len(first), 256):
        own = first[start : start + 256]
        scores = data[own] @ data.T
        at, other = np.nonzero((scores >= similarity) & (part[own][:, None] != part[None]))
        low.append(np.minimum(full[own[at]], full[other]))
        high.append(np.maximum(full[own[at]], full[other]))
        cosine.append(scores[at, other])
    return unique_edges(np.concatenate(low), np.concatenate(high), np.concatenate(cosine).astype(np.float32))


def graph_edges(graph: Graph, similarity: float, chunk: int = 262_144) -> tuple[Edges, Ints]:
    """Return the edges of a kNN graph at or above a similarity, each pair once, and the rows whose list is full.

    A full list (even its last neighbour is above the similarity) may hide further duplicates.
    """
    low, high, cosine = [], [], []
    full = graph.rows[graph.similarity[:, -1] >= similarity] if graph.similarity.shape[1] else graph.rows[:0]
    for start in range(0, len(graph.rows), chunk):
        ids, sims = graph.ids[start : start + chunk], graph.similarity[start : start + chunk]
        at, column = np.nonzero((sims >= similarity) & (ids >= 0))
        own, other = graph.rows[start + at], ids[at, column].astype(np.int64)
        low.append(np.minimum(own, other))
        high.append(np.maximum(own, other))
        cosine.append(sims[at, column])
    if not low:
        none = np.empty(0, dtype=np.int64)
        return Edges(none, none, np.empty(0, dtype=np.float32)), full
    return unique_edges(np.concatenate(low), np.concatenate(high), np.concatenate(cosine)), full
