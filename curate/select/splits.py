"""Splits without leaks, in each class near the shares asked for, that hardly move when the collection grows.

A unit is what must not straddle two splits: all copies and versions of a drawing. A hash of its oldest item draws it,
so that neither new items nor a new name of its group moves it. Within a class the draw stands as long as its share is
within TOLERANCE of what is asked; only what is beyond that is moved, in the order of the hash.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from index.store import Store
from schema.arrays import Bools, Floats64, Hashes, Ints, Ints8, Rows
from schema.numbers.hashing import mix64

TRAIN, VAL, TEST = SPLITS = ("train", "val", "test")
TOLERANCE = 0.02
"""How far the share of a class may be from the one asked for before items are moved."""
SMALL = 100
"""Classes of fewer items are drawn as one: two items of theirs are more than the tolerance, and corrections for one or
two items in each of many classes would move more than one item in a hundred when a tenth is added."""

_NIBBLES = np.zeros(256, np.uint64)
_NIBBLES[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16, dtype=np.uint64)


def item_hashes(store: Store) -> Hashes:
    """Return 64 bits of the content's hash of each item, uint64 [n] by row."""
    found = np.zeros(store.n_items(), np.uint64)
    for batch in store.scan("items", ["row", "item_id"]):
        found[batch.column(0).to_numpy()] = id_bits(batch.column(1))
    return found


def id_bits(ids: pa.Array) -> Hashes:
    """Return the first 64 bits of item ids, uint64 [n]; ids of another form are hashed by their bytes."""
    texts = ids.cast(pa.large_binary())
    offsets = np.frombuffer(texts.buffers()[1], np.int64)[texts.offset : texts.offset + len(texts) + 1]
    if len(texts) and (np.diff(offsets) == 32).all():
        letters = np.frombuffer(texts.buffers()[2], np.uint8)[offsets[0] : offsets[-1]].reshape(-1, 32)[
            :, :16
        ]
        powers = np.uint64(1) << np.arange(60, -1, -4, dtype=np.uint64)
        bits: Hashes = (_NIBBLES[letters] * powers).sum(axis=1, dtype=np.uint64)
        return bits
    return np.array(
        [int.from_bytes(text[:8].ljust(8, b"\0"), "big") for text in texts.to_pylist()], np.uint64
    )


def units(store: Store) -> Rows:
    """Return for each item the oldest item of its unit, int64 [n] by row."""
    n = store.n_items()
    oldest = np.arange(n)
    if not store.has("groups"):
        return oldest
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    names = [name for name in ("group_id", "family") if name in store.schema("groups").names]
    groups = store.read("groups", ["row", *names])
    rows: Ints = groups.column("row").to_numpy().astype(np.int64)
    ends: list[Ints] = []
    starts: list[Ints] = []
    first = n
    for name in names:
        encoded = groups.column(name).combine_chunks().dictionary_encode()
        codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        member = (codes >= 0) & (rows < n)
        starts.append(rows[member])
        ends.append(first + codes[member])
        first += len(encoded.dictionary)
    start, end = np.concatenate(starts), np.concatenate(ends)
    links = coo_matrix((np.ones(len(start), np.int8), (start, end)), shape=(first, first))
    component = connected_components(links, directed=False)[1][:n]
    lowest = np.full(first, n, np.int64)
    np.minimum.at(lowest, component, oldest)
    found: Rows = lowest[component]
    return found


def split_units(
    share: Floats64, sizes: Ints, classes: Ints, val: float, test: float, tolerance: float = TOLERANCE
) -> Ints8:
    """Return the split of each unit as a place in SPLITS, int8 [u].

    ``share`` is where in [0, 1) the hash puts a unit, ``sizes`` how many selected items it has, ``classes`` its class.
    """
    found = np.full(len(share), SPLITS.index(TRAIN), np.int8)
    total = np.bincount(classes, sizes, minlength=int(classes.max(initial=-1)) + 1)
    classes = np.where(total[classes] < SMALL, len(total), classes)
    total = np.bincount(classes, sizes, minlength=int(classes.max(initial=-1)) + 1)
    free = np.ones(len(share), bool)
    order = np.lexsort((share, classes))
    for split, part, below in ((TEST, test, test), (VAL, val, test + val)):
        if not part:
            continue
        most = np.maximum((part + tolerance) * total, np.ceil(part * total))[classes]
        least = np.minimum((part - tolerance) * total, np.floor(part * total))[classes]
        # A unit that alone is more than the part of its class may hold stays in train.
        open_ = free & (sizes <= most)
        reached = _running(order, np.where(open_, sizes, 0), classes)
        chosen = open_ & (share < below) & (reached <= most)
        # Where the draw gave too few, the next ones follow that do not overshoot.
        got = np.bincount(classes, np.where(chosen, sizes, 0), minlength=len(total))[classes]
        more = open_ & ~chosen & (sizes <= np.maximum(most - least, 1))
        reached = got + _running(order, np.where(more, sizes, 0), classes)
        chosen |= more & (reached - sizes < least) & (reached <= most)
        found[chosen] = SPLITS.index(split)
        free &= ~chosen
    return found


def _running(order: Ints, sizes: Ints, classes: Ints) -> Ints:
    """Return for each unit how many items its class has up to and with it, in this order."""
    running = np.cumsum(sizes[order])
    sorted_classes = classes[order]
    begins: Bools = np.r_[True, sorted_classes[1:] != sorted_classes[:-1]][: len(order)]
    before = np.where(begins, running - sizes[order], 0)
    found = np.empty(len(order), np.int64)
    found[order] = running - np.maximum.accumulate(before)
    return found


def drawn(hashes: Hashes, seed: int) -> Floats64:
    """Return where in [0, 1) a seed puts each hash, float64 [n]."""
    mixed = mix64((hashes ^ mix64(np.array([seed], np.int64))).view(np.int64))
    return (mixed >> np.uint64(11)).astype(np.float64) / 2**53
