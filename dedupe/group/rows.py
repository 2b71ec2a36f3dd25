"""From clusters of rows to the records of ``groups``: artworks, kept copies, verdicts, similarities, names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from dedupe.compare.verdict import SAME, VARIANT, Limits, judge
from dedupe.group.artworks import Family, kind_with_reviews, split_cluster
from dedupe.group.ids import name_groups
from dedupe.group.keep import Compare, Copy
from dedupe.group.overrides import Overrides
from dedupe.verify.pair_cache import Memory
from dedupe.verify.pairs import Pixels, Verified, measure
from index.store import Store
from schema.arrays import Ints

Policy = Sequence[tuple[str, Compare]]
Record = dict[str, object]

# Items whose facts, vectors and thumbnails are read at once.
READ_ROWS = 1024
FACTS = ["row", "item_id", "width", "height", "lossless", "border", "sharpness", "tags", "source"]


def judge_groups(
    store: Store,
    key: str,
    group: Ints,
    verified: Verified,
    memory: Memory,
    limits: Limits,
    policy: Policy,
    said: Overrides,
    threads: int,
) -> list[Record]:
    """Return the records of ``groups``, in row order. ``group`` int64 [n] is the cluster of each row, -1 for none."""
    overlays = _overlays(memory)
    inside = verified.take(np.flatnonzero(group[verified.i] == group[verified.j]))
    inside = inside.take(np.argsort(group[inside.i], kind="stable"))
    cluster_of = group[inside.i]

    def work(clusters: list[Ints]) -> tuple[list[list[Record]], dict[int, str]]:
        rows = np.unique(np.concatenate(clusters))
        facts = {record["row"]: record for record in store.take_items(rows, FACTS).to_pylist()}
        ids = {row: str(record["item_id"]) for row, record in facts.items()}
        copies = {row: _copy(record, row in overlays) for row, record in facts.items()}
        pixels = Pixels(store, threads)
        vectors = _vectors(store, key, rows)
        # Clusters come in order of their number, so this block's pairs are one range.
        first, last = np.searchsorted(cluster_of, [group[clusters[0][0]], group[clusters[-1][0]] + 1])
        same, links = _pairs_of(group, inside.take(np.arange(first, last)))

        def kind(a: int, b: int) -> str:
            return judge(measure(memory, a, b, pixels, limits), limits)

        judged = kind_with_reviews(kind, said)
        parts: list[list[Record]] = []
        for members in clusters:
            mine = same.get(int(group[members[0]]), [])
            for family in split_cluster(
                members.tolist(), mine, copies, policy, judged, said, _ties(mine, memory), links
            ):
                made = _records(family, ids, vectors, memory)
                parts.extend(made)
        return parts, ids

    parts: list[list[Record]] = []
    ids: dict[int, str] = {}
    with ThreadPoolExecutor(max(1, threads)) as pool:
        for made, own in pool.map(work, _blocks(group)):
            parts.extend(made)
            ids.update(own)
    old = _old_names(store)
    names = name_groups([[int(str(r["row"])) for r in part] for part in parts], old, ids)
    records: list[Record] = []
    for part, name in zip(parts, names, strict=True):
        for record in part:
            record["group_id"] = name
            records.append(record)
    records.sort(key=lambda record: int(str(record["row"])))
    return records


def _records(
    family: Family, ids: dict[int, str], vectors: dict[int, Any], memory: Memory
) -> list[list[Record]]:
    """One list of records per group: the main artwork with versions that have no copies, then each other artwork."""
    main = family.artworks[0]
    name = f"f{ids[min(family.rows())][:16]}"
    first: list[Record] = []
    groups = [first]
    for artwork in family.artworks:
        copies = len(artwork.rows) > 1
        own: list[Record] = first if artwork is main or not copies else []
        for row in artwork.rows:
            kept = row == artwork.kept
            if artwork is not main and not copies:
                verdict, reason, reference = VARIANT, "variant: another version of the drawing", main.kept
            else:
                verdict, reference = ("kept" if kept else SAME), artwork.kept
                reason = artwork.reasons.get(row, "kept")
            own.append(
                {
                    "row": row,
                    "item_id": ids[row],
                    "verdict": verdict,
                    "similarity": _similarity(row, reference, vectors, memory),
                    "keep": verdict != SAME,
                    "reason": reason,
                    "family": name,
                }
            )
        if own is not first:
            groups.append(own)
    if len(first) == 1:
        first[0]["reason"] = "kept"
    return groups


def _similarity(row: int, kept: int, vectors: dict[int, Any], memory: Memory) -> float:
    if row == kept:
        return 1.0
    if row in vectors and kept in vectors:
        own, its = vectors[row].astype(np.float32), vectors[kept].astype(np.float32)
        return float(own @ its)
    found = memory.get(row, kept)
    return found.agreement if found else 0.0


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


def _pairs_of(
    group: Ints, verified: Verified
) -> tuple[dict[int, list[tuple[int, int]]], dict[int, list[int]]]:
    """The pairs of the same artwork by cluster, and the confirmed partners of each row."""
    same: dict[int, list[tuple[int, int]]] = {}
    links: dict[int, list[int]] = {}
    for i, j, copies in zip(verified.i.tolist(), verified.j.tolist(), verified.same.tolist(), strict=True):
        links.setdefault(i, []).append(j)
        links.setdefault(j, []).append(i)
        if copies:
            same.setdefault(int(group[i]), []).append((i, j))
    return same, links


def _ties(same: list[tuple[int, int]], memory: Memory) -> dict[int, list[int]]:
    """The copies of each row that are one without any change of tone."""
    found: dict[int, list[int]] = {}
    for i, j in same:
        difference = memory.get(i, j)
        if difference is not None and difference.tone == "none":
            found.setdefault(i, []).append(j)
            found.setdefault(j, []).append(i)
    return found


def _overlays(memory: Memory) -> set[int]:
    """Rows on which a bar was seen."""
    i, j, measures = memory.pairs()
    return set(i[measures["overlay"] == 1].tolist()) | set(j[measures["overlay"] == 2].tolist())


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


def _old_names(store: Store) -> dict[int, str]:
    found: dict[int, str] = {}
    for batch in store.scan("groups", ["row", "group_id"]):
        found.update(zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True))
    return found


def _copy(record: dict[str, Any], overlay: bool) -> Copy:
    return Copy(
        record["row"],
        record["width"] or 0,
        record["height"] or 0,
        bool(record["lossless"]),
        record["border"] or 0.0,
        record["sharpness"] or 0.0,
        len(record["tags"] or ()),
        record["source"],
        overlay,
    )
