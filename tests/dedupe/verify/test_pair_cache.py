"""Measured pairs: what is saved is read back, and nothing is judged otherwise for having been saved."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dedupe.compare.verdict import Difference, Limits, judge, judge_all
from dedupe.verify.pair_cache import Memory
from index.store import Store
from schema.settings import DedupeSettings

LIMITS = Limits.of(DedupeSettings())


def made(seed: int) -> Difference:
    rng = np.random.default_rng(seed)
    near = seed % 3
    return Difference(
        agreement=float(rng.uniform(0.85 if near else 0.2, 1.0)),
        mirrored=bool(seed % 2),
        tone=("none", "grey", "gamma")[seed % 3],
        area=float(rng.uniform(0, 0.03)),
        tint=float(rng.uniform(0, 0.3)),
        detail=float(rng.integers(0, 60)),
        peak=float(rng.uniform(0, 0.2)),
        usual=float(rng.uniform(0, 0.02)),
        overlay=seed % 3,
        ground=bool(seed % 5 == 0),
        seen=0.9,
        shared=float(rng.uniform(0.8, 1.0)),
    ).rounded()


def test_what_is_saved_is_read_back(tmp_path: Path) -> None:
    pairs = {(a, a + 1 + a % 7): made(a) for a in range(300)}
    with Store.open(tmp_path / "store", create=True, write=True) as store:
        memory = Memory.of(store)
        for at, ((a, b), difference) in enumerate(pairs.items()):
            memory.add(b, a, difference)
            memory.save(store, 100 if at < 250 else 1)
        assert len(memory) == memory.measured == 300
        again = Memory.of(store)
        assert len(again) == 300
        for (a, b), difference in pairs.items():
            assert memory.get(a, b) == again.get(b, a) == difference
        assert again.get(0, 9999) is None
        i, j, measures = again.pairs()
        kinds = judge_all(measures, LIMITS).tolist()
        assert kinds == [judge(pairs[int(a), int(b)], LIMITS) for a, b in zip(i, j, strict=True)]
        assert len(set(kinds)) == 3
        shown = list(again.differences(np.array([5, 0])))
        assert shown == [((int(i[at]), int(j[at])), pairs[int(i[at]), int(j[at])]) for at in (5, 0)]
