"""Tables are read when they are asked for, and convert."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pyarrow as pa
import pytest

from likeness.table import Table
from schema.errors import MissingExtra

SCHEMA = pa.schema([("name", pa.string()), ("n", pa.int64())])


@pytest.fixture
def counted() -> tuple[Table, list[int]]:
    """A table of two batches, and how often each was read."""
    reads: list[int] = []

    def read() -> Iterator[pa.RecordBatch]:
        for start in (0, 3):
            reads.append(start)
            rows = [{"name": str(n), "n": n} for n in range(start, start + 3)]
            yield pa.RecordBatch.from_pylist(rows, SCHEMA)

    return Table(SCHEMA, read), reads


def test_nothing_is_read_before_it_is_asked_for(counted: tuple[Table, list[int]]) -> None:
    table, reads = counted
    assert table.columns == ["name", "n"]
    assert reads == []
    assert next(table.batches()).num_rows == 3
    assert reads == [0]


def test_rows_are_read_once_and_kept(counted: tuple[Table, list[int]]) -> None:
    table, reads = counted
    assert len(table) == 6
    assert table["n"] == list(range(6))
    assert table.to_pylist()[5] == {"name": "5", "n": 5}
    assert table.to_arrow().schema == SCHEMA
    assert reads == [0, 3]
    assert [row["n"] for row in table] == list(range(6))


def test_pandas_and_what_is_said_without_it(
    counted: tuple[Table, list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    table, _ = counted
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtra, match="pandas"):
        table.to_pandas()
    monkeypatch.undo()
    pytest.importorskip("pandas")
    assert list(table.to_pandas()["n"]) == list(range(6))


def test_a_column_that_is_not_there(counted: tuple[Table, list[int]]) -> None:
    with pytest.raises(KeyError, match="there are: name, n"):
        counted[0]["nmae"]


def test_what_it_shows(counted: tuple[Table, list[int]]) -> None:
    lines = repr(counted[0]).splitlines()
    assert lines[0] == "6 rows of name, n"
    assert len(lines) == 7
    assert lines[-1] == "  ..."
