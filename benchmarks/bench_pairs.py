"""The pixel check of pairs: what a pair costs, and whether two ways of measuring come to the same verdict.

    python -m benchmarks.bench_pairs --reference STORE                  measure the pairs of STORE again and compare
    python -m benchmarks.bench_pairs --reference STORE --store OTHER    compare the pairs that two stores measured

A reference is a store whose pairs another version of the check measured (``likeness dedupe``). Rows have to be the same
in both stores: copies of one store that was ingested once. Time is of the processor, one thread.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from typing import Any

import numpy as np

from benchmarks.report import write
from dedupe.compare.verdict import DIFFERENT, SAME, VARIANT, Limits, judge, judge_all
from dedupe.verify.pair_cache import Memory
from dedupe.verify.pairs import Pixels, difference_of
from index.store import Store
from schema.arrays import Ints
from schema.settings import DedupeSettings

KINDS = (SAME, VARIANT, DIFFERENT)


def main() -> None:
    """Compare verdicts, write OUT.json and OUT.md, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--reference", required=True, help="a store whose pairs were measured")
    parser.add_argument("--store", default="", help="a store whose pairs were measured otherwise")
    parser.add_argument("--sample", type=int, default=0, help="measure so many of the pairs, drawn at random")
    parser.add_argument("--examples", type=int, default=0, help="print so many pairs whose verdicts differ")
    parser.add_argument("--out", default="build/bench_pairs")
    options = parser.parse_args()
    limits = Limits.of(DedupeSettings())
    with Store.open(options.reference) as store:
        i, j, measures = Memory.of(store).pairs()
        before = judge_all(measures, limits)
        if options.store:
            with Store.open(options.store) as other:
                own, its, found = Memory.of(other).pairs()
            _, first, second = np.intersect1d((i << 32) | j, (own << 32) | its, return_indices=True)
            facts: dict[str, Any] = {"measured in the reference": len(i), "in the other": len(own)}
            i, j, before, after = i[first], j[first], before[first], judge_all(found[second], limits)
        else:
            if options.sample:
                chosen = np.sort(np.random.default_rng(0).permutation(len(i))[: options.sample])
                i, j, before, measures = i[chosen], j[chosen], before[chosen], measures[chosen]
            after, facts = again(store, i, j, limits)
    for place in np.flatnonzero(before != after)[: options.examples].tolist():
        print(int(i[place]), int(j[place]), before[place], "->", after[place], measures[place])
    equal = float((before == after).mean())
    rows = [
        {"reference": was} | {now: int(((before == was) & (after == now)).sum()) for now in KINDS}
        for was in KINDS
    ]
    title = f"verdicts on {len(before):,} pairs: {equal:.3%} equal"
    write(options.out, title, rows, equal=equal, **facts)


def again(store: Store, i: Ints, j: Ints, limits: Limits) -> tuple[Any, dict[str, Any]]:
    """Return the verdicts on pairs measured anew, and what that took by verdict."""
    import cv2

    cv2.setNumThreads(1)
    pixels = Pixels(store)
    spent: Counter[str] = Counter()
    verdicts = []
    begun = time.process_time()
    for a, b in zip(i.tolist(), j.tolist(), strict=True):
        start = time.process_time()
        kind = judge(difference_of(a, b, pixels, limits).rounded(), limits)
        spent[kind] += time.process_time() - start
        verdicts.append(kind)
    total = time.process_time() - begun
    counts = Counter(verdicts)
    each = {f"ms, {kind}": round(1000 * spent[kind] / max(counts[kind], 1), 3) for kind in KINDS}
    facts = {"processor seconds": round(total, 1), "ms a pair": round(1000 * total / max(len(i), 1), 3)}
    return np.asarray(verdicts), facts | each


if __name__ == "__main__":
    main()
