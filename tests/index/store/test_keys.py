"""One item is found by its row, its id, or any key that a source gave it, that of a byte-identical copy among them."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest

from index.store import Store
from index.store.keys import row_named, row_of, row_of_bytes, rows_named
from schema import tables
from schema.errors import StoreError
from schema.ids import content_id


@pytest.fixture
def named(store: Store, add_items: Callable[..., None]) -> Store:
    add_items(store, 3)
    add_items(store, 1, first=3, keys=["2"])
    copy = dict.fromkeys(tables.COPIES.names) | {"row": 1, "item_id": "x", "source": 0, "ordinal": 9}
    copy |= {"keys": ["again.png"], "commit": 1}
    store.append("copies", pa.Table.from_pylist([copy], tables.COPIES), tables.COPIES)
    return store


def test_rows_ids_and_keys(named: Store) -> None:
    assert row_of(named, "2") == 2
    assert row_named(named, "2") == 3
    assert row_of(named, f" {content_id(b'1').upper()} ") == 1
    assert row_of(named, "k'1") == 1
    assert row_of(named, "again.png") == 1


@pytest.mark.parametrize("given", ["4", "nobody", "../../etc/passwd", "a\nb", "", "' OR 1=1 --"])
def test_no_such_item(named: Store, given: str) -> None:
    with pytest.raises(StoreError, match="no item"):
        row_of(named, given)


def test_bytes_are_found_by_their_content(named: Store) -> None:
    assert row_of_bytes(named, b"1") == 1
    assert row_of_bytes(named, b"other") is None


def test_many_at_once_keep_their_order(named: Store) -> None:
    assert rows_named(named, [content_id(b"2"), "again.png", content_id(b"0"), content_id(b"2")]) == [
        2,
        1,
        0,
        2,
    ]
    assert rows_named(named, []) == []
    with pytest.raises(StoreError, match="no item"):
        rows_named(named, [content_id(b"0"), content_id(b"nobody")])
