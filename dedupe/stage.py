"""The stage: candidates, pixel check, groups, which copy stays; one row in ``groups`` per item of a group.

A pair that the pixels refute is no edge, so groups hold together by verified pairs; every member is then judged
against the kept one. Derived data: the table is written anew and reviews outrank it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dedupe.candidates import graph_edges, unique_edges
from dedupe.groups import Edges, cluster_edges
from dedupe.keep import Compare, Copy, choose, criteria
from dedupe.verdict import DIFFERENT, SAME, VARIANT, compare, load
from index.hamming import hamming_pairs
from index.progress import progress
from index.runs import Runs
from index.store import Store
from schema import tables
from schema.errors import StoreError
from schema.records import Summary
from schema.settings import Settings

Ints = npt.NDArray[np.int64]


@dataclass(slots=True)
class Facts:
    """What is known of all items, arrays indexed by row."""

    ids: list[str]
    ok: npt.NDArray[np.bool_]
    width: Ints
    height: Ints
    lossless: npt.NDArray[np.bool_]
    phash: npt.NDArray[np.uint64]
    sharpness: npt.NDArray[np.float32]
    border: npt.NDArray[np.float32]
    source: Ints
    tags: Ints


def run_dedupe(store: Store, settings: Settings) -> Summary:
    """Group duplicates of all items, judge each against the one that stays, and write ``groups``."""
    runs = Runs(store)
    options = settings.dedupe.model_dump()
    policy = criteria(settings.dedupe.keep, settings.dedupe.sources)
    try:
        key = store.encoder_key()
    except StoreError:
        key = ""
    inputs = ["items", "thumbnails", "copies"] + ([f"neighbours_{key}"] if key else [])
    if runs.up_to_date("dedupe", options, inputs):
        return Summary("dedupe", notes=("up to date",), skipped=True)
    with runs.start("dedupe", options, inputs) as run:
        facts = _facts(store)
        n = len(facts.ids)
        edges, full = _candidates(store, key, facts, settings)
        run.counts["candidates"] = len(edges)
        run.counts["full_lists"] = full
        verified, kinds = _verify(store, edges, settings)
        group = cluster_edges(n, verified, threshold=0.0, min_samples=settings.dedupe.min_samples)
        records = _judge(store, facts, group, verified, kinds, policy)
        store.replace("groups", pa.Table.from_pylist(records, tables.GROUPS), tables.GROUPS)
        verdicts = Counter(record["verdict"] for record in records)
        run.counts.update(
            {
                "groups": len({record["group_id"] for record in records}),
                "same_artwork": verdicts[SAME],
                "variants": verdicts[VARIANT],
                "dropped": sum(not record["keep"] for record in records),
            }
        )
        run.outputs.append("groups")
        return Summary("dedupe", counts=dict(run.counts), seconds=run.seconds)


def _facts(store: Store) -> Facts:
    columns = [
        "item_id",
        "status",
        "width",
        "height",
        "lossless",
        "phash",
        "sharpness",
        "border",
        "source",
        "tags",
    ]
    parts: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in columns[1:]}
    ids: list[str] = []
    for batch in store.items(columns):
        ids.extend(batch.column("item_id").to_pylist())
        parts["status"].append(np.asarray(batch.column("status").to_pylist()) == "ok")
        parts["tags"].append(np.asarray([len(tags or ()) for tags in batch.column("tags").to_pylist()]))
        for name in ("width", "height", "phash", "sharpness", "border", "source"):
            parts[name].append(batch.column(name).fill_null(0).to_numpy(zero_copy_only=False))
        parts["lossless"].append(batch.column("lossless").fill_null(False).to_numpy(zero_copy_only=False))

    def whole(name: str, kind: type) -> npt.NDArray[Any]:
        return np.concatenate(parts[name]).astype(kind) if parts[name] else np.empty(0, dtype=kind)

    return Facts(
        ids,
        whole("status", np.bool_),
        whole("width", np.int64),
        whole("height", np.int64),
        whole("lossless", np.bool_),
        whole("phash", np.int64).view(np.uint64),
        whole("sharpness", np.float32),
        whole("border", np.float32),
        whole("source", np.int64),
        whole("tags", np.int64),
    )


def _candidates(store: Store, key: str, facts: Facts, settings: Settings) -> tuple[Edges, int]:
    low, high, similarity = [], [], []
    full = 0
    if key and store.has(f"neighbours_{key}"):
        found, lists = graph_edges(store.graph(key), settings.dedupe.similarity)
        full = len(lists)
        low.append(found.i)
        high.append(found.j)
        similarity.append(found.similarity)
    pictures = np.flatnonzero(facts.ok)
    words, first, back = np.unique(facts.phash[pictures], return_index=True, return_inverse=True)
    # Equal hashes: a star on the first of them, so that a thousand equal pictures are a thousand pairs.
    star = pictures[first[back]]
    low.append(np.minimum(star, pictures))
    high.append(np.maximum(star, pictures))
    similarity.append(np.zeros(len(pictures), dtype=np.float32))
    i, j, _ = hamming_pairs(words, settings.dedupe.hamming)
    low.append(np.minimum(pictures[first[i]], pictures[first[j]]))
    high.append(np.maximum(pictures[first[i]], pictures[first[j]]))
    similarity.append(np.zeros(len(i), dtype=np.float32))
    edges = unique_edges(np.concatenate(low), np.concatenate(high), np.concatenate(similarity))
    return edges.where(facts.ok[edges.i] & facts.ok[edges.j]), full


def _pixels(store: Store, rows: Ints) -> dict[int, npt.NDArray[np.uint8]]:
    found = {}
    for start in range(0, len(rows), 4096):
        table = store.take("thumbnails", rows[start : start + 4096], ["row", "thumbnail"])
        for row, data in zip(
            table.column("row").to_pylist(), table.column("thumbnail").to_pylist(), strict=True
        ):
            if data:
                found[row] = load(data)
    return found


def _verify(store: Store, edges: Edges, settings: Settings) -> tuple[Edges, list[str]]:
    """Return the edges that the pixels confirm, their score as similarity, and the kind of each."""
    at, kinds, scores = [], [], []
    with progress(len(edges), "dedupe", unit="pair") as bar:
        for start in range(0, len(edges), 8192):
            part = slice(start, start + 8192)
            pixels = _pixels(store, np.unique(np.concatenate([edges.i[part], edges.j[part]])))
            for number, (i, j) in enumerate(zip(edges.i[part].tolist(), edges.j[part].tolist(), strict=True)):
                if i in pixels and j in pixels:
                    verdict = compare(pixels[i], pixels[j], settings.dedupe.same, settings.dedupe.variant)
                    if verdict.kind != DIFFERENT:
                        at.append(start + number)
                        kinds.append(verdict.kind)
                        scores.append(1.0 if verdict.kind == SAME else 0.9 * verdict.structure)
            bar.add(len(edges.i[part]))
    chosen = np.asarray(at, dtype=np.int64)
    return Edges(edges.i[chosen], edges.j[chosen], np.asarray(scores, dtype=np.float32)), kinds


def _judge(
    store: Store,
    facts: Facts,
    group: Ints,
    edges: Edges,
    kinds: list[str],
    policy: list[tuple[str, Compare]],
) -> list[dict[str, object]]:
    kind_of = {(i, j): k for i, j, k in zip(edges.i.tolist(), edges.j.tolist(), kinds, strict=True)}
    rows = np.flatnonzero(group >= 0)
    rows = rows[np.argsort(group[rows], kind="stable")]
    records: list[dict[str, object]] = []
    for members in np.split(rows, np.flatnonzero(np.diff(group[rows])) + 1):
        if len(members) < 2:
            continue
        copies = [_copy(facts, int(row)) for row in members]
        kept, _ = choose(copies, policy)
        pixels = _pixels(store, members)
        group_id = "g" + facts.ids[int(members[0])][:16]
        same = [kept]
        for copy in copies:
            if copy.row == kept.row:
                continue
            pair = (min(copy.row, kept.row), max(copy.row, kept.row))
            kind = kind_of.get(pair) or compare(pixels[kept.row], pixels[copy.row]).kind
            if kind == SAME:
                same.append(copy)
            else:
                records.append(
                    _record(facts, copy.row, group_id, VARIANT, 0.5, True, "another version of the drawing")
                )
        _, reasons = choose(same, policy)
        for copy in same:
            stays = copy.row == kept.row
            verdict = "kept" if stays else SAME
            records.append(
                _record(facts, copy.row, group_id, verdict, 1.0, stays, reasons.get(copy.row, "kept"))
            )
    records.sort(key=lambda record: int(str(record["row"])))
    return records


def _record(
    facts: Facts, row: int, group_id: str, verdict: str, similarity: float, keep: bool, reason: str
) -> dict[str, object]:
    return {
        "row": row,
        "item_id": facts.ids[row],
        "group_id": group_id,
        "verdict": verdict,
        "similarity": similarity,
        "keep": keep,
        "reason": reason,
    }


def _copy(facts: Facts, row: int) -> Copy:
    return Copy(
        row,
        int(facts.width[row]),
        int(facts.height[row]),
        bool(facts.lossless[row]),
        float(facts.border[row]),
        float(facts.sharpness[row]),
        int(facts.tags[row]),
        int(facts.source[row]),
    )
