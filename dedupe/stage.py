"""The stage: candidates, pixel check, groups, which copy stays; one row in ``groups`` per item of a group.

A pair that the pixels refute is no edge, so groups hold together by verified pairs, and every member is judged
against the kept one. What was measured stays in ``pairs``: a second run, or one after new items came, measures only
what is new. ``groups`` is derived and written anew; reviews outrank it.
"""

from __future__ import annotations

import csv
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from dedupe.against.run import release as run_release
from dedupe.against.run import run_against
from dedupe.candidates.find import find_candidates
from dedupe.compare.verdict import SAME, VARIANT, Limits
from dedupe.direction.cache import DirectionCache
from dedupe.direction.subjects import FileLimits
from dedupe.group.clusters import Edges, cluster_edges
from dedupe.group.keep import KeepPolicy, columns_of
from dedupe.group.rows import Grouping, judge_groups
from dedupe.group.sentences import KINDS
from dedupe.verify.pair_cache import Memory
from dedupe.verify.pairs import PairCheck, Verified, confirmed_before
from index.reviews.effective import effective_reviews
from index.reviews.group_overrides import named_items, read_overrides
from index.reviews.log import Review
from index.stages.progress import progress
from index.store import Store
from index.store.items.revisions import WITHDRAWN
from index.store.keys import rows_of_ids
from index.store.runs import Runs
from schema import tables
from schema.arrays import Ints
from schema.errors import SettingsError, StoreError
from schema.ids import settings_hash
from schema.records import Summary
from schema.settings import DedupeSettings, Settings
from schema.version import __version__

# Verified pairs as distances for HDBSCAN: copies lie closer than any two versions.
SAME_SIMILARITY = 0.999
# Counts of copies by what spoke most against them.
KEPT_OVER = "kept_over_"


def run_dedupe(
    store: Store,
    settings: Settings,
    dry_run: Path | None = None,
    against: str | None = None,
    release: str | None = None,
) -> Summary:
    """Group duplicates of all items, judge each against the one that stays, and write ``groups``.

    With ``dry_run`` the groups go into that CSV file instead, and what the store says of its items stays as it is.
    ``against`` names a store or a folder: what it has as well is set aside afterwards; ``release`` takes that back.
    """
    if dry_run is not None and (against or release):
        raise SettingsError("--dry-run goes with neither --against nor --release", "Leave one of them out.")
    beside = []
    if release:
        beside.append(run_release(store, release))
    grouped = _group(store, settings, dry_run)
    if against:
        beside.append(run_against(store, settings, against))
    for each in beside:
        grouped = _joined(grouped, each)
    return grouped


def _joined(first: Summary, second: Summary) -> Summary:
    """One summary of the grouping and of what was done beside it."""
    return replace(
        first,
        counts={**first.counts, **second.counts},
        notes=(*first.notes, *second.notes),
        failures={**first.failures, **second.failures},
        warnings=(*first.warnings, *second.warnings),
        seconds=first.seconds + second.seconds,
        skipped=False,
    )


def _group(store: Store, settings: Settings, dry_run: Path | None) -> Summary:
    runs = Runs(store)
    options = settings.dedupe
    policy = KeepPolicy.resolve(options.keep, options.sources, columns_of(store, store.tables()))
    key = _key(store)
    reviews = effective_reviews(store)
    inputs = ["items", "copies", "thumbnails"] + ([f"vectors_{key}", f"neighbours_{key}"] if key else [])
    inputs += sorted({each.table for each in policy.criteria} - set(inputs))
    plain = options.model_dump(exclude={"threads"})
    # Reviews live in their own log; their position makes a later decision new work.
    asked = {**plain, "reviews": len(reviews.groups), "last": _last(reviews.groups)}
    if dry_run is not None:
        begun, counts = time.monotonic(), Counter[str]()
        records = find_groups(store, settings, key, reviews.groups, _since(runs, key, plain), counts)
        write_plan(store, records, dry_run)
        notes = (f"dry run: what would be kept is in {dry_run}", *_notes(counts, options.hamming))
        return Summary("dedupe", dict(counts), notes, seconds=time.monotonic() - begun)
    if runs.up_to_date("dedupe", asked, inputs):
        return Summary("dedupe", notes=("up to date",), skipped=True)
    with runs.start("dedupe", asked, inputs) as run:
        rows = store.n_items()
        records = find_groups(store, settings, key, reviews.groups, _since(runs, key, plain), run.counts)
        store.replace("groups", pa.Table.from_pylist(records, tables.GROUPS), tables.GROUPS)
        run.outputs += ["groups", "pairs"] if store.has("pairs") else ["groups"]
        run.facts |= {"key": key, "rows": rows, "options": settings_hash(plain)}
        return Summary("dedupe", dict(run.counts), _notes(run.counts, options.hamming), seconds=run.seconds)


def find_groups(
    store: Store,
    settings: Settings,
    key: str,
    reviews: Sequence[Review],
    since: int,
    counts: Counter[str],
) -> list[dict[str, object]]:
    """Return the records of ``groups``; pairs of rows below ``since`` were all checked before. Fills ``counts``."""
    options = settings.dedupe
    n = store.n_items()
    shortlist, facts = find_candidates(store, key, options, since)
    counts.update(facts)
    said = read_overrides(reviews, rows_of_ids(store, named_items(reviews)))
    limits = Limits.of(options)
    memory = Memory.of(store)
    settled = confirmed_before(memory, since, limits)
    threads = options.threads or os.cpu_count() or 1
    with progress(len(shortlist), "dedupe", unit="pair") as bar:
        check = PairCheck(store, memory, limits, options.patience, threads)
        verified, checked = check.run(shortlist, settled, n, bar)
    counts.update(checked)
    verified = _still_there(store, verified.joined(settled))
    verified = _with_reviews(verified, said.together, said.apart)
    group = cluster_verified(n, verified, options)
    directions = DirectionCache.of(store) if options.originals else None
    grouping = Grouping(
        store,
        key,
        memory,
        directions,
        limits,
        KeepPolicy.resolve(options.keep, options.sources, columns_of(store, store.tables())),
        said,
        FileLimits(settings.ingest, options.full_pixels),
        threads,
    )
    records, problems = judge_groups(grouping, group, verified)
    counts["new_pairs"] = memory.measured
    memory.save(store)
    if directions is not None:
        counts["new_directions"] = directions.measured
        directions.save(store)
    counts["not_read_again"] = problems.total()
    counts.update(_counted(records))
    return records


def _still_there(store: Store, pairs: Verified) -> Verified:
    """Return the pairs of items that a source still has: one that is gone must not be the copy that stays."""
    gone = np.zeros(store.n_items(), dtype=bool)
    for status in WITHDRAWN:
        for batch in store.scan("items", ["row"], f"status = '{status}'"):
            gone[batch.column(0).to_numpy()] = True
    return pairs.take(np.flatnonzero(~(gone[pairs.i] | gone[pairs.j]))) if gone.any() else pairs


def write_plan(store: Store, records: Sequence[Mapping[str, object]], path: Path) -> None:
    """Write what each item of a group would become, with its first key, as CSV."""
    rows = np.asarray([record["row"] for record in records], dtype=np.int64)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["group_id", "keep", "verdict", "reason", "key", "row", "item_id"])
        for start in range(0, len(rows), 4096):
            found = store.take_items(rows[start : start + 4096], ["row", "keys"]).to_pylist()
            keys = {each["row"]: (each["keys"] or [""])[0] for each in found}
            for record in records[start : start + 4096]:
                told = [record[name] for name in ("group_id", "keep", "verdict", "reason")]
                writer.writerow([*told, keys.get(record["row"], ""), record["row"], record["item_id"]])


def _since(runs: Runs, key: str, plain: Mapping[str, object]) -> int:
    """How many rows the last run checked against each other under these settings and vectors; 0 when there is none."""
    last = runs.last("dedupe")
    if last is None or last["code_version"] != __version__ or runs.has_lost_output("dedupe"):
        return 0
    facts = last["facts"]
    if facts.get("key") != key or facts.get("options") != settings_hash(plain):
        return 0
    return int(facts.get("rows", 0))


def cluster_verified(n: int, verified: Verified, options: DedupeSettings) -> Ints:
    """Return the cluster of every row, -1 for none, by HDBSCAN over verified pairs.

    Copies are never split; versions of one drawing only where their lines agree less than half the way from the
    threshold to full agreement.
    """
    similarity = np.where(
        verified.same, SAME_SIMILARITY, np.minimum(verified.agreement, SAME_SIMILARITY - 0.004)
    )
    edges = Edges(verified.i, verified.j, similarity.astype(np.float32))
    lowest = min(options.drawing - 0.01, float(similarity.min()) if len(similarity) else 1.0)
    return cluster_edges(
        n, edges, threshold=lowest, min_samples=options.min_samples, epsilon=Limits.of(options).firm
    )


def _with_reviews(
    verified: Verified, together: set[tuple[int, int]], apart: set[tuple[int, int]]
) -> Verified:
    if not together and not apart:
        return verified
    pairs = {
        (i, j): (same, agreement)
        for i, j, same, agreement in zip(
            verified.i.tolist(),
            verified.j.tolist(),
            verified.same.tolist(),
            verified.agreement.tolist(),
            strict=True,
        )
        if (i, j) not in apart
    }
    for pair in together:
        pairs.setdefault(pair, (False, 0.99))
    ordered = sorted(pairs)
    return Verified(
        np.asarray([p[0] for p in ordered], dtype=np.int64),
        np.asarray([p[1] for p in ordered], dtype=np.int64),
        np.asarray([pairs[p][0] for p in ordered], dtype=bool),
        np.asarray([pairs[p][1] for p in ordered], dtype=np.float32),
    )


def _key(store: Store) -> str:
    try:
        key = store.encoder_key()
    except StoreError:
        return ""
    return key if store.has(f"neighbours_{key}") else ""


def _last(reviews: tuple[object, ...]) -> int:
    return int(getattr(reviews[-1], "decision", 0)) if reviews else 0


def _counted(records: list[dict[str, object]]) -> dict[str, int]:
    verdicts = Counter(str(record["verdict"]) for record in records)
    copies = [record for record in records if record["verdict"] == SAME]
    kinds = Counter(str(each["criterion"]) for each in copies if not each["undecided"])
    return {
        "groups": len({record["group_id"] for record in records}),
        "same_artwork": verdicts[SAME],
        "variants": verdicts[VARIANT],
        "dropped": sum(not record["keep"] for record in records),
        "undecided": sum(bool(each["undecided"]) for each in copies),
        "censored": sum(bool(each["censored"]) for each in copies),
        **{f"{KEPT_OVER}{kind}": count for kind, count in kinds.most_common()},
    }


def _notes(counts: Counter[str], asked: int) -> tuple[str, ...]:
    notes = []
    kinds = {
        name.removeprefix(KEPT_OVER): n for name, n in counts.items() if name.startswith(KEPT_OVER) and n
    }
    if kinds or counts["undecided"]:
        told = [f"{count} {KINDS.get(kind, kind)}" for kind, count in kinds.items()]
        told += [f"{counts['undecided']} that the pixels do not tell apart"] if counts["undecided"] else []
        notes.append(f"originals kept over copies: {', '.join(told)}")
    if counts["not_read_again"]:
        notes.append(
            f"{counts['not_read_again']} files could not be read again: their copies are told apart by thumbnails"
        )
    if "hash_bits" in counts and counts["hash_bits"] < asked:
        notes.append(
            f"hashes up to {counts['hash_bits']} bits apart were compared, not {asked}: the store is large"
        )
    if counts["full_lists"]:
        notes.append(
            f"{counts['full_lists']} neighbour lists were full; bridged by {counts['widened']} more pairs"
        )
    if counts["left_out"]:
        notes.append(
            f"{counts['left_out']} pairs not measured: items refuted too often in a row (dedupe.patience)"
        )
    return tuple(notes)
