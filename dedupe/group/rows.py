"""From clusters of rows to the records of ``groups``: artworks, kept copies, verdicts, similarities, stable ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from dedupe.compare.verdict import SAME, VARIANT, Limits, judge
from dedupe.direction.cache import DirectionCache
from dedupe.direction.findings import Facts
from dedupe.direction.measure import measure_direction
from dedupe.direction.record import Direction
from dedupe.direction.subjects import FileLimits, Subjects
from dedupe.group.artworks import Artwork, Judges, VariantSet, split_cluster
from dedupe.group.ids import stable_ids
from dedupe.group.keep import KeepPolicy
from dedupe.group.originals import Originals, Reason
from dedupe.group.sentences import kept_sentence, sentence
from dedupe.verify.pair_cache import Memory
from dedupe.verify.pairs import Pixels, Verified, measure
from index.images.reader import Reader
from index.reviews.group_overrides import Overrides
from index.store import Store
from schema.arrays import Ints

Record = dict[str, object]
Edges = dict[int, list[int]]

# Items whose facts, vectors and thumbnails are read at once.
READ_ROWS = 1024
FACTS = ["row", "item_id", "width", "height", "lossless", "alpha", "uri"]
CENSORED = {"cover", "pixelation"}
# A bar this near to a side of the picture is a banner and covers nothing in particular.
RIM = 0.12


@dataclass(frozen=True, slots=True)
class Grouping:
    """What groups are judged with: the ``store``, the ``key`` of its vectors ('' for none), what is known of
    ``pairs`` and their ``directions`` (None where originals are not looked for), ``limits`` of the pixels, the
    ``policy`` of what stays, reviewers' ``overrides``, and how ``files`` are read again."""

    store: Store
    key: str
    pairs: Memory
    directions: DirectionCache | None
    limits: Limits
    policy: KeepPolicy
    overrides: Overrides
    files: FileLimits
    threads: int = 1


def judge_groups(grouping: Grouping, group: Ints, verified: Verified) -> tuple[list[Record], Counter[str]]:
    """Return the records of ``groups``, in row order, and why files could not be read again, with how many.

    ``group`` int64 [n] is the cluster of each row, -1 for none.
    """
    inside = verified.take(np.flatnonzero(group[verified.i] == group[verified.j]))
    inside = inside.take(np.argsort(group[inside.i], kind="stable"))
    cluster_of = group[inside.i]
    reader = Reader(grouping.files.ingest.max_bytes)

    def work(clusters: list[Ints]) -> tuple[list[list[Record]], dict[int, str], Counter[str]]:
        # Clusters come in order of their number, so this block's pairs are one range.
        first, last = np.searchsorted(cluster_of, [group[clusters[0][0]], group[clusters[-1][0]] + 1])
        same, linked = _pairs_of(group, inside.take(np.arange(first, last)))
        block = _Block(grouping, clusters, reader)
        for members in clusters:
            block.judge(members.tolist(), same.get(int(group[members[0]]), []), linked)
        # Not the block: it holds hundreds of pictures.
        return block.records, block.item_ids, block.problems

    parts: list[list[Record]] = []
    ids: dict[int, str] = {}
    problems: Counter[str] = Counter()
    with ThreadPoolExecutor(max(1, grouping.threads)) as pool:
        for judged, item_ids, unread in pool.map(work, _blocks(group)):
            parts.extend(judged)
            ids.update(item_ids)
            problems.update(unread)
    reader.close()
    named = stable_ids([[int(str(r["row"])) for r in part] for part in parts], _old_ids(grouping.store), ids)
    records: list[Record] = []
    for part, group_id in zip(parts, named, strict=True):
        for record in part:
            record["group_id"] = group_id
            records.append(record)
    records.sort(key=lambda record: int(str(record["row"])))
    return records, problems


class _Block:
    """Some clusters whose rows are read together, and the records that they become."""

    def __init__(self, grouping: Grouping, clusters: list[Ints], reader: Reader) -> None:
        self._grouping = grouping
        rows = np.unique(np.concatenate(clusters))
        items = {record["row"]: record for record in grouping.store.take_items(rows, FACTS).to_pylist()}
        self.item_ids = {row: str(record["item_id"]) for row, record in items.items()}
        self.records: list[list[Record]] = []
        self._vectors = _vectors(grouping.store, grouping.key, rows)
        self._pixels = Pixels(grouping.store, grouping.threads)
        self._subjects = Subjects(items, self._pixels.get, reader, grouping.files)
        self.problems = self._subjects.problems
        self._originals = Originals(
            {row: _facts(record) for row, record in items.items()},
            grouping.policy.ranks(grouping.store, rows),
            grouping.policy,
            self._direction,
        )

    def judge(self, members: list[int], same: list[tuple[int, int]], linked: Edges) -> None:
        """Judge one cluster with its pairs of the same artwork and its confirmed partners."""
        judges = Judges(self._verdict, self._originals, self._grouping.overrides, self._support(same), linked)
        for versions in split_cluster(members, same, judges):
            self.records.extend(self._recorded(versions))

    def _verdict(self, a: int, b: int) -> str:
        limits = self._grouping.limits
        return judge(measure(self._grouping.pairs, a, b, self._pixels, limits), limits)

    def _direction(self, row: int, other: int) -> Direction | None:
        cache = self._grouping.directions
        if cache is None:
            return None
        found = cache.get(row, other)
        if found is None:
            subjects = self._subjects.get(row), self._subjects.get(other)
            if subjects[0] is None or subjects[1] is None:
                return None
            found = cache.add(row, other, measure_direction(subjects[0], subjects[1]))
        return found

    def _support(self, same: list[tuple[int, int]]) -> Edges:
        """The copies of each row that are one without any change of tone."""
        found: Edges = {}
        for i, j in same:
            difference = self._grouping.pairs.get(i, j)
            if difference is not None and difference.tone == "none":
                found.setdefault(i, []).append(j)
                found.setdefault(j, []).append(i)
        return found

    def _recorded(self, versions: VariantSet) -> list[list[Record]]:
        """One list of records per group: the main artwork with versions that have no copies, then each other
        artwork."""
        main = versions.artworks[0]
        name = f"f{self.item_ids[min(versions.rows())][:16]}"
        first: list[Record] = []
        groups = [first]
        for artwork in versions.artworks:
            copies = len(artwork.rows) > 1
            own = first if artwork is main or not copies else []
            for row in artwork.rows:
                lone = artwork is not main and not copies
                record = self._record(row, artwork, main.kept if lone else artwork.kept)
                if lone:
                    record |= {
                        "verdict": VARIANT,
                        "keep": True,
                        "reason": "variant: another version of the drawing",
                    }
                own.append(record | {"family": name})
            if own is not first:
                groups.append(own)
        if len(first) == 1:
            first[0]["reason"] = "kept"
        return groups

    def _record(self, row: int, artwork: Artwork, reference: int) -> Record:
        kept = row == artwork.kept
        reason = artwork.reasons.get(row)
        text = kept_sentence(artwork.reasons.values()) if kept else sentence(reason) if reason else ""
        if artwork.reviewer:
            text = (
                f"review: kept by {artwork.reviewer}"
                if kept
                else f"review: {artwork.reviewer} kept another copy"
            )
        return {
            "row": row,
            "item_id": self.item_ids[row],
            "verdict": "kept" if kept else SAME,
            "similarity": self._similarity(row, reference),
            "keep": kept,
            "reason": text,
            "criterion": reason.criterion if reason else None,
            "value": _number(reason.value) if reason else None,
            "kept_value": _number(reason.kept_value) if reason else None,
            "faults": list(reason.found) if reason else None,
            "undecided": any(each.undecided for each in artwork.reasons.values())
            if kept
            else bool(reason and reason.undecided),
            "censored": bool(reason and _censored(reason)),
            "proposed": row == artwork.proposed or len(artwork.rows) == 1,
            "reviewer": artwork.reviewer or None,
        }

    def _similarity(self, row: int, kept: int) -> float:
        if row == kept:
            return 1.0
        if row in self._vectors and kept in self._vectors:
            own, its = self._vectors[row].astype(np.float32), self._vectors[kept].astype(np.float32)
            return float(own @ its)
        found = self._grouping.pairs.get(row, kept)
        return found.agreement if found else 0.0


def _censored(reason: Reason) -> bool:
    """Tell whether something of the drawing is hidden: by a mosaic, a blur, or a bar that is no banner at the rim."""
    if not CENSORED.intersection((reason.criterion, *reason.found)):
        return False
    at_rim = min(reason.x, reason.y, 1 - reason.x, 1 - reason.y) < RIM
    return "pixelation" in reason.found or reason.criterion == "pixelation" or not at_rim


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _blocks(group: Ints) -> Iterator[list[Ints]]:
    """Yield clusters of at least two rows, some READ_ROWS rows at a time, in order of their smallest row."""
    rows = np.flatnonzero(group >= 0)
    rows = rows[np.argsort(group[rows], kind="stable")]
    if not len(rows):
        return
    block: list[Ints] = []
    size = 0
    for members in np.split(rows, np.flatnonzero(np.diff(group[rows])) + 1):
        if len(members) > 1:
            block.append(members)
            size += len(members)
        if size >= READ_ROWS:
            yield block
            block, size = [], 0
    if block:
        yield block


def _pairs_of(group: Ints, verified: Verified) -> tuple[dict[int, list[tuple[int, int]]], Edges]:
    """The pairs of the same artwork by cluster, and the confirmed partners of each row."""
    same: dict[int, list[tuple[int, int]]] = {}
    linked: Edges = {}
    for i, j, copies in zip(verified.i.tolist(), verified.j.tolist(), verified.same.tolist(), strict=True):
        linked.setdefault(i, []).append(j)
        linked.setdefault(j, []).append(i)
        if copies:
            same.setdefault(int(group[i]), []).append((i, j))
    return same, linked


def _vectors(store: Store, key: str, rows: Ints) -> dict[int, Any]:
    table = f"vectors_{key}"
    if not key or not store.has(table):
        return {}
    found = store.take(table, rows, ["row", "vector"]).combine_chunks()
    if not found.num_rows:
        return {}
    column = found.column("vector").combine_chunks()
    data = column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), -1)
    return dict(zip(found.column("row").to_pylist(), data, strict=True))


def _old_ids(store: Store) -> dict[int, str]:
    found: dict[int, str] = {}
    for batch in store.scan("groups", ["row", "group_id"]):
        found.update(zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True))
    return found


def _facts(record: dict[str, Any]) -> Facts:
    return Facts(bool(record["lossless"]), bool(record["alpha"]), record["width"] or 0, record["height"] or 0)
