"""Splits: near the shares asked for in every class, and hardly moved by growth."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from curate.select.splits import SPLITS, drawn, id_bits, split_units, units
from index.store import Store
from schema import tables
from schema.arrays import Ints, Ints8
from schema.ids import content_id

VAL, TEST = 0.05, 0.1


def made(n: int, classes: int, seed: int) -> tuple[np.ndarray, Ints, Ints]:
    rng = np.random.default_rng(seed)
    share = drawn(rng.integers(0, 2**63, n, dtype=np.int64).astype(np.uint64), 3)
    sizes = np.where(rng.random(n) < 0.1, rng.integers(2, 6, n), 1)
    # Some classes are hundreds of times as large as others.
    return share, sizes, np.floor(classes * rng.random(n) ** 2).astype(np.int64)


def shares(split: Ints8, sizes: Ints, classes: Ints, code: int) -> np.ndarray:
    total = np.bincount(classes, sizes)
    return np.bincount(classes, sizes * (split == code), minlength=len(total)) / np.maximum(total, 1)


@pytest.mark.parametrize("seed", range(3))
def test_every_class_has_the_shares_asked_for_within_two_points(seed: int) -> None:
    share, sizes, classes = made(20_000, 60, seed)
    split = split_units(share, sizes, classes, VAL, TEST)
    total = np.bincount(classes, sizes)
    for code, asked in ((SPLITS.index("val"), VAL), (SPLITS.index("test"), TEST)):
        apart = np.abs(shares(split, sizes, classes, code) - asked)
        assert (total >= 100).sum() > 50
        assert apart[total >= 100].max() <= 0.02 + 1e-9


def test_small_classes_together_have_the_shares_asked_for() -> None:
    share, sizes, classes = made(30_000, 9_000, 5)
    split = split_units(share, sizes, classes, VAL, TEST)
    assert sizes[split == SPLITS.index("test")].sum() / sizes.sum() == pytest.approx(TEST, abs=0.02)
    assert sizes[split == SPLITS.index("val")].sum() / sizes.sum() == pytest.approx(VAL, abs=0.02)


@pytest.mark.parametrize("classes", [1, 50, 150, 1000])
def test_growth_by_a_tenth_moves_less_than_one_in_a_hundred(classes: int) -> None:
    share, sizes, codes = made(22_000, classes, 7)
    before = split_units(share[:20_000], sizes[:20_000], codes[:20_000], VAL, VAL)
    after = split_units(share, sizes, codes, VAL, VAL)[:20_000]
    assert (before == after).mean() >= 0.99


def test_no_share_means_no_split_and_nothing_means_nothing() -> None:
    share, sizes, classes = made(100, 3, 1)
    assert (split_units(share, sizes, classes, 0, 0) == SPLITS.index("train")).all()
    empty = np.empty(0, np.int64)
    assert len(split_units(empty.astype(np.float64), empty, empty, VAL, TEST)) == 0


def test_copies_and_versions_are_one_unit_named_by_its_oldest_item(store: Store, add_items: object) -> None:
    add_items(store, 8)  # type: ignore[operator]
    groups = [(1, "a", None), (4, "a", "f"), (6, "b", "f"), (3, "c", None), (7, "c", None)]
    records = [
        {"row": row, "item_id": str(row), "group_id": group, "verdict": "kept", "keep": True, "reason": "r"}
        | {"family": family}
        for row, group, family in groups
    ]
    store.replace("groups", pa.Table.from_pylist(records, tables.GROUPS), tables.GROUPS)
    assert units(store).tolist() == [0, 1, 2, 3, 1, 5, 1, 3]


def test_ids_are_read_as_numbers() -> None:
    ids = [content_id(str(number).encode()) for number in range(5)]
    expected = [int(each[:16], 16) for each in ids]
    assert id_bits(pa.array(ids)).tolist() == expected
    assert id_bits(pa.array(ids).slice(2, 2)).tolist() == expected[2:4]
    assert len(set(id_bits(pa.array(["1", "2", "33"])).tolist())) == 3
