"""What a person needs to trust the groups: counts, space saved, examples, and the pairs nearest to every threshold.

Made from the stored measures of pairs alone, so moved thresholds show at once and nothing is measured again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dedupe.compare.verdict import DIFFERENT, SAME, VARIANT, Difference, Limits, judge_all
from dedupe.group.sentences import KINDS
from dedupe.verify.pair_cache import Memory, Pair
from index.store import Store
from schema.settings import Settings

PAIRS_SHOWN = 12
OF_A_KIND = 3
"""Groups shown of each kind of copy."""


@dataclass(frozen=True, slots=True)
class Borderline:
    """The pairs nearest to one threshold, on one side of it, the nearest first."""

    title: str
    pairs: tuple[tuple[Pair, Difference], ...]


def figures(store: Store, settings: Settings) -> dict[str, Any]:
    """Return the counts of a store's groups; {} before duplicates were looked for."""
    if not store.has("groups"):
        return {}
    records = store.read("groups").to_pylist()
    return count(store, records, Memory.of(store), Limits.of(settings.dedupe))


def borderline(store: Store, settings: Settings) -> list[Borderline]:
    """Return the pairs that another threshold would have judged otherwise, nearest first."""
    limits, memory = Limits.of(settings.dedupe), Memory.of(store)
    asked: tuple[tuple[str, str, bool], ...] = (
        ("just the same artwork", "area", True),
        ("just not the same artwork", "area", False),
        ("just a variant", "agreement", True),
        ("just no variant", "agreement", False),
    )
    found = [
        Borderline(title, tuple(nearest(memory, limits, measure, inside))) for title, measure, inside in asked
    ]
    return [each for each in found if each.pairs]


def example_groups(records: Sequence[dict[str, Any]], most: int) -> list[list[dict[str, Any]]]:
    """Return at most ``most`` groups, the kept copy of each first: some of every kind of copy, then the largest."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        groups.setdefault(record["group_id"], []).append(record)
    for members in groups.values():
        members.sort(key=lambda record: (record["verdict"] != "kept", record["keep"], record["row"]))
    ordered = sorted(groups.values(), key=lambda members: (-len(members), members[0]["row"]))
    kinds: Counter[str] = Counter()
    chosen = []
    for members in ordered:
        own = {record["criterion"] or record["verdict"] for record in members if record["verdict"] != "kept"}
        if any(kinds[kind] < OF_A_KIND for kind in own):
            kinds.update(own)
            chosen.append(members)
    chosen += [members for members in ordered if members not in chosen]
    return sorted(chosen[:most], key=lambda members: (-len(members), members[0]["row"]))


def count(store: Store, records: list[dict[str, Any]], memory: Memory, limits: Limits) -> dict[str, Any]:
    """Return groups by size, members by verdict, bytes saved, and the lowest similarity inside a group."""
    sizes = Counter(Counter(record["group_id"] for record in records).values())
    dropped = [record["row"] for record in records if not record["keep"]]
    saved = 0
    for start in range(0, len(dropped), 4096):
        saved += sum(
            b or 0 for b in store.take("items", dropped[start : start + 4096], ["bytes"])["bytes"].to_pylist()
        )
    copies = [record["similarity"] for record in records if record["verdict"] == "same artwork"]
    versions = [record["similarity"] for record in records if record["verdict"] == "variant"]
    return {
        "groups": sum(sizes.values()),
        "families": len({record["family"] for record in records}),
        "groups by size": {str(size): sizes[size] for size in sorted(sizes)},
        "members by verdict": dict(Counter(record["verdict"] for record in records)),
        "set aside": len(dropped),
        "set aside by what speaks against the copy": _faults(records),
        "copies that the pixels do not tell from the kept one": sum(
            bool(record.get("undecided")) for record in records if not record["keep"]
        ),
        "censored copies": sum(bool(record.get("censored")) for record in records),
        "kept copies that reviewers chose": disagreements(records),
        "bytes saved": saved,
        "lowest similarity of a copy to the kept one": min(copies, default=None),
        "lowest similarity of a variant to the kept one": min(versions, default=None),
        "pairs measured": len(memory),
        "pairs by verdict": _tally(judge_all(memory.pairs()[2], limits)),
    }


def disagreements(records: list[dict[str, Any]]) -> dict[str, int]:
    """Return in how many groups a reviewer chose which copy stays, and in how many of these another one than dedupe."""
    chosen = [record for record in records if record["verdict"] == "kept" and record.get("reviewer")]
    return {"chosen": len(chosen), "against dedupe": sum(not record.get("proposed") for record in chosen)}


def _faults(records: list[dict[str, Any]]) -> dict[str, int]:
    kinds = Counter(
        record["criterion"] for record in records if record.get("criterion") and not record.get("undecided")
    )
    return {KINDS.get(kind, kind): count for kind, count in kinds.most_common()}


def nearest(memory: Memory, limits: Limits, measure: str, inside: bool) -> list[tuple[Pair, Difference]]:
    """Return the pairs nearest to a threshold on one side: ``area`` of another colour, or ``agreement`` of lines."""
    measures = memory.pairs()[2]
    kinds = judge_all(measures, limits)
    if measure == "area":
        at = np.flatnonzero((measures["agreement"] >= limits.drawing) & ((kinds == SAME) == inside))
    else:
        at = np.flatnonzero(kinds == (VARIANT if inside else DIFFERENT))
    # A copy has little area and a version much agreement: near the threshold is most of the one, least of the other.
    sign = -1.0 if inside == (measure == "area") else 1.0
    order = np.argsort(sign * measures[measure][at], kind="stable")
    return list(memory.differences(at[order[:PAIRS_SHOWN]]))


def _tally(kinds: npt.NDArray[np.str_]) -> dict[str, int]:
    names, counts = np.unique(kinds, return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))
