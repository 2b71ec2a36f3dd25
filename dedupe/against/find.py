"""Which pictures of a store show the same artwork as one of another set: bytes, then hashes, then pixels.

Whoever shows a picture of the other set takes the copies in its own group along: a copy of a test picture is one.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from dedupe.against.pictures import OtherPictures
from dedupe.candidates.find import MIRROR, hash_radius, read_hashes
from dedupe.candidates.outline_hash import COUNT, WHOLE, make_sketches, radius_for, read_sketches
from dedupe.compare.difference import compare
from dedupe.compare.image import Picture, load
from dedupe.compare.verdict import Limits, judge
from dedupe.verify.pairs import Pixels
from index.duplicates.copies import Copies
from index.neighbours.hamming import hamming_pairs
from index.store import Store
from schema.arrays import Hashes, Ints
from schema.records import SAME_ARTWORK, SAME_FILE
from schema.settings import DedupeSettings

# Pictures of the other set that one picture is compared with, the closest hashes first, and of one hash.
MOST, OF_ONE_HASH = 12, 8
# Own pictures that are read and compared together.
BLOCK = 512
ALL = list(range(COUNT))


@dataclass(frozen=True, slots=True)
class Match:
    """A picture of the store, by row, that shows what the picture ``number`` of the other set shows."""

    row: int
    number: int
    verdict: str
    similarity: float


def find_matches(
    store: Store, other: OtherPictures, options: DedupeSettings, threads: int, counts: Counter[str]
) -> list[Match]:
    """Return the pictures of a store that are also in another set, one match each, by row. Fills ``counts``."""
    found = _same_files(store, other)
    rows, numbers, bits = _candidates(store, other, options, threads)
    open_ = ~np.isin(rows, np.fromiter(found, np.int64, len(found)))
    rows, numbers, bits = rows[open_], numbers[open_], bits[open_]
    order = np.lexsort((numbers, bits, rows))
    rows, numbers = rows[order], numbers[order]
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    rank = np.arange(len(rows)) - np.repeat(starts, np.diff(np.append(starts, len(rows))))
    counts["not_compared"] += int((rank >= MOST).sum())
    rows, numbers = rows[rank < MOST], numbers[rank < MOST]
    limits = Limits.of(options)

    def work(part: tuple[Ints, Ints]) -> list[Match]:
        return _compared(store, other, part[0], part[1], limits)

    with ThreadPoolExecutor(max(1, threads)) as pool:
        for matches in pool.map(work, _blocks(rows, numbers)):
            found.update({match.row: match for match in matches})
    counts["compared"] += len(rows)
    counts["same_file"] += sum(match.verdict == SAME_FILE for match in found.values())
    counts["same_artwork"] += sum(match.verdict == SAME_ARTWORK for match in found.values())
    with_copies = _with_copies(store, found)
    counts["copies_of_these"] += len(with_copies) - len(found)
    return [with_copies[row] for row in sorted(with_copies)]


def _same_files(store: Store, other: OtherPictures) -> dict[int, Match]:
    numbers = {item_id: number for number, item_id in reversed(list(enumerate(other.item_ids)))}
    found: dict[int, Match] = {}
    for batch in store.scan("items", ["row", "item_id"]):
        for row, item_id in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            if item_id in numbers:
                found[row] = Match(row, numbers[item_id], SAME_FILE, 1.0)
    return found


def _candidates(
    store: Store, other: OtherPictures, options: DedupeSettings, threads: int
) -> tuple[Ints, Ints, Ints]:
    """Return (row, number, bits apart) of pairs of close hashes, each pair once."""
    rows, words = read_hashes(store)
    numbers = np.arange(len(other))
    radius = hash_radius(len(rows) + len(other), options.hamming)
    parts = [
        _close(words, rows, other.words ^ mask, numbers, radius, threads) for mask in (np.uint64(0), MIRROR)
    ]
    make_sketches(store, threads)
    if options.outlines:
        drawn_rows, outlines = read_sketches(store)
        own, theirs = _drawn(outlines, drawn_rows), _drawn(other.outlines, numbers)
        reach = radius_for(len(rows) + len(other))
        for mask in (np.uint64(0), MIRROR):
            # Every part of one against the frame and the content box of the other, either way round.
            parts.append(_close(*_flat(own), *_flat((theirs[0][:, WHOLE] ^ mask, theirs[1])), reach, threads))
            parts.append(
                _close(
                    *_flat((own[0][:, WHOLE], own[1])), *_flat((theirs[0] ^ mask, theirs[1])), reach, threads
                )
            )
    row, number, bits = (np.concatenate(each) for each in zip(*parts, strict=True))
    order = np.lexsort((bits, number, row))
    row, number, bits = row[order], number[order], bits[order]
    fresh = (
        np.concatenate([[True], (row[1:] != row[:-1]) | (number[1:] != number[:-1])]) if len(row) else row > 0
    )
    return row[fresh], number[fresh], bits[fresh]


def _drawn(outlines: Hashes, owners: Ints) -> tuple[Hashes, Ints]:
    drawn = (outlines != 0).all(axis=1) if len(outlines) else np.zeros(0, dtype=bool)
    return outlines[drawn], owners[drawn]


def _flat(hashes: tuple[Hashes, Ints]) -> tuple[Hashes, Ints]:
    words, owners = hashes
    return words.ravel(), np.repeat(owners, words.shape[1])


def _close(
    words: Hashes, owners: Ints, others: Hashes, their_owners: Ints, radius: int, threads: int
) -> tuple[Ints, Ints, Ints]:
    """Return (owner, their owner, bits) of words at most ``radius`` bits apart, up to OF_ONE_HASH owners of a word."""
    none = np.empty(0, np.int64)
    if not len(words) or not len(others):
        return none, none, none
    own, own_first, own_count, owners = _grouped(words, owners)
    their, their_first, their_count, their_owners = _grouped(others, their_owners)
    i, j, bits = hamming_pairs(own, radius, their, threads)
    found = []
    for a in range(OF_ONE_HASH):
        for b in range(OF_ONE_HASH):
            has = (own_count[i] > a) & (their_count[j] > b)
            if has.any():
                found.append(
                    (owners[own_first[i[has]] + a], their_owners[their_first[j[has]] + b], bits[has])
                )
    if not found:
        return none, none, none
    row, number, apart = (np.concatenate(each) for each in zip(*found, strict=True))
    return row, number, apart


def _grouped(words: Hashes, owners: Ints) -> tuple[Hashes, Ints, Ints, Ints]:
    order = np.lexsort((owners, words))
    unique, first, count = np.unique(words[order], return_index=True, return_counts=True)
    return unique, first, count, owners[order]


def _blocks(rows: Ints, numbers: Ints) -> list[tuple[Ints, Ints]]:
    """Cut pairs into blocks of whole rows."""
    starts = np.flatnonzero(np.diff(rows, prepend=-1))[::BLOCK]
    cuts = np.append(starts, len(rows))
    return [(rows[a:b], numbers[a:b]) for a, b in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True)]


def _compared(store: Store, other: OtherPictures, rows: Ints, numbers: Ints, limits: Limits) -> list[Match]:
    pixels = Pixels(store)
    pixels.fetch(np.unique(rows).tolist())
    thumbnails = other.thumbnails(np.unique(numbers))
    theirs: dict[int, Picture | None] = {}
    found: dict[int, Match] = {}
    for row, number in zip(rows.tolist(), numbers.tolist(), strict=True):
        if row in found or number not in thumbnails:
            continue
        if number not in theirs:
            try:
                theirs[number] = load(thumbnails[number])
            except (OSError, ValueError, SyntaxError):
                theirs[number] = None
        own, its = pixels.get(row), theirs[number]
        if own is None or its is None:
            continue
        difference = compare(own, its, limits)
        if judge(difference, limits) == SAME_ARTWORK:
            found[row] = Match(row, number, SAME_ARTWORK, float(difference.agreement))
    return list(found.values())


def _with_copies(store: Store, found: dict[int, Match]) -> dict[int, Match]:
    """Add the other members of the groups of what was found: kept items and their copies show one artwork."""
    copies = Copies.of(store)
    everything = dict(found)
    for row, match in sorted(found.items()):
        own = np.asarray([row], np.int64)
        kept = copies.kept_for(own) if copies.set_aside(own).any() else own
        for mate in [*kept.tolist(), *copies.members(kept).tolist()]:
            everything.setdefault(mate, Match(mate, match.number, SAME_ARTWORK, match.similarity))
    return everything
