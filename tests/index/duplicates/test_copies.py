"""Which copies are set aside for whom."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from index.duplicates.copies import COLUMNS, Copies
from index.store import Store

VERDICTS = ("kept", "same artwork", "variant")


def groups(records: list[tuple[int, str, str]]) -> Copies:
    """Return the copies of (row, group, verdict) records."""
    table = pa.Table.from_pylist(
        [
            {"row": row, "group_id": group, "verdict": verdict, "keep": verdict != "same artwork"}
            for row, group, verdict in records
        ],
        pa.schema(
            [("row", pa.int64()), ("group_id", pa.string()), ("verdict", pa.string()), ("keep", pa.bool_())]
        ),
    )
    return Copies.from_groups(table.select(COLUMNS))


def test_copies_by_kept_item_and_back() -> None:
    found = groups(
        [
            (7, "a", "same artwork"),
            (2, "a", "kept"),
            (3, "a", "same artwork"),
            (4, "a", "variant"),
            (9, "b", "kept"),
        ]
    )
    rows = np.array([2, 4, 9])
    assert found.by_kept(rows) == {2: [3, 7]}
    assert found.members(rows).tolist() == [3, 7]
    assert found.kept_for(np.array([3, 4, 7, 8])).tolist() == [2]
    assert found.set_aside(np.array([2, 3, 4, 7, 9])).tolist() == [False, True, False, True, False]


def test_a_group_that_keeps_none_has_copies_of_nobody() -> None:
    found = groups([(0, "a", "same artwork"), (1, "a", "same artwork")])
    assert found.by_kept(np.arange(2)) == {} and not len(found.kept_for(np.arange(2)))
    assert found.set_aside(np.arange(2)).all()


def test_before_the_first_dedupe_there_are_none(tmp_path: Path) -> None:
    with Store.open(str(tmp_path / "s"), create=True, write=True) as store:
        found = Copies.of(store)
    assert found.by_kept(np.arange(3)) == {} and not found.set_aside(np.arange(3)).any()
    assert not len(found.kept_for(np.arange(3))) and not len(found.members(np.arange(3)))


@given(
    st.lists(st.tuples(st.integers(0, 30), st.sampled_from("abc"), st.sampled_from(VERDICTS)), max_size=20)
)
def test_every_copy_is_found_from_its_kept_item(records: list[tuple[int, str, str]]) -> None:
    once = {row: (row, group, verdict) for row, group, verdict in records}
    found = groups(list(once.values()))
    rows = np.array(sorted(once), np.int64)
    for kept, copies in found.by_kept(rows).items():
        assert once[kept][2] == "kept"
        for row in copies:
            assert once[row][1:] == (once[kept][1], "same artwork")
            assert found.kept_for(np.array([row])).tolist() == [kept]
