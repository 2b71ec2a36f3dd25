"""Which stored items show the same picture as one file: bytes, then hashes and neighbours, then pixels.

The one place for this question: the query command, the review page and whatever else asks it come here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dedupe.candidates.find import MIRROR, read_hashes
from dedupe.compare.difference import compare
from dedupe.compare.image import load
from dedupe.compare.verdict import DIFFERENT, Limits, judge
from dedupe.verify.pairs import Pixels
from index.images.decode import BadImage, decode, to_rgb
from index.images.facts import WORKING_SIDE, measure
from index.store import Store
from index.store.encoder_key import known_encoder_key
from index.store.keys import row_of_bytes, sql_text
from schema.errors import EncoderError
from schema.records import SAME_FILE
from schema.settings import Settings

MOST = 48
"""Stored pictures that are compared pixel by pixel with the one asked for: some 30 ms each."""
FURTHER_BITS = 8
"""Hashes may differ by so many bits more than in a run: one picture has few strangers."""
MIRRORED_COST = 2
"""Bits that a mirrored match counts as further away."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A stored item that shows the picture: its ``row``, ``verdict`` and the ``similarity`` of lines, 1 for bytes."""

    row: int
    verdict: str
    similarity: float


def duplicates_of(store: Store, settings: Settings, data: bytes, near: Sequence[int] = ()) -> list[Duplicate]:
    """Return the stored items that show the picture in these bytes, best first.

    ``near`` are rows of similar items that the caller has found by vectors; without them, hashes find the candidates.
    Raises EncoderError when the bytes are no picture.
    """
    options = settings.ingest
    try:
        picture = decode(
            data,
            target=WORKING_SIDE,
            background=to_rgb(options.background),
            max_pixels=options.max_pixels,
        )
    except BadImage as error:
        raise EncoderError(f"the file is no picture that can be read: {error}") from error
    facts = measure(picture.image, options.thumbnail)
    same = row_of_bytes(store, data)
    found = [] if same is None else [Duplicate(same, SAME_FILE, 1.0)]
    # Compared as the store holds its own pictures: small, and packed with the same losses.
    asked = load(facts.thumbnail)
    limits = Limits.of(settings.dedupe)
    candidates = [*nearest(store, facts.phash, settings, MOST // 2), *near]
    rows = [row for row in dict.fromkeys(candidates) if row != same]
    rows = list(dict.fromkeys([*rows, *_around(store, rows[:6])]))[:MOST]
    pixels = Pixels(store)
    pixels.fetch(rows)
    for row in rows:
        stored = pixels.get(row)
        if row == same or stored is None:
            continue
        difference = compare(stored, asked, limits)
        verdict = judge(difference, limits)
        if verdict != DIFFERENT:
            found.append(Duplicate(row, verdict, float(difference.agreement)))
    found.sort(key=lambda each: (each.verdict != SAME_FILE, each.verdict, -each.similarity, each.row))
    return found


def nearest(store: Store, phash: int, settings: Settings, most: int) -> list[int]:
    """Return the rows of the pictures whose hashes are close to this one, mirrored or not, the closest first."""
    rows, words = read_hashes(store)
    if not len(rows):
        return []
    word = np.int64(phash).view(np.uint64)
    own, mirrored = np.bitwise_count(words ^ word), np.bitwise_count(words ^ (word ^ MIRROR))
    distance = np.minimum(own, mirrored.astype(np.int64) + MIRRORED_COST)
    reach = np.flatnonzero(distance <= settings.dedupe.hamming + FURTHER_BITS)
    closest: list[int] = rows[reach[np.argsort(distance[reach], kind="stable")][:most]].tolist()
    return closest


def _around(store: Store, rows: Sequence[int]) -> list[int]:
    """Return members of the groups of these rows, and their nearest neighbours in the graph."""
    found: list[int] = []
    if not rows:
        return found
    if store.has("groups"):
        names = store.take("groups", np.asarray(rows), ["group_id"]).column("group_id").to_pylist()
        for name in dict.fromkeys(names):
            found += store.read("groups", ["row"], f"group_id = {sql_text(name)}").column("row").to_pylist()
    table = f"neighbours_{known_encoder_key(store)}"
    if store.has(table):
        for ids in store.take(table, np.asarray(rows), ["ids"]).column("ids").to_pylist():
            found += [row for row in ids[:8] if row >= 0]
    return found
