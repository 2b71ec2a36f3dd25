"""Records of the log: values in columns of their own, and logs of earlier releases read as if they had them."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from index.reviews.group_overrides import read_overrides
from index.reviews.records import AUDIT, read_record
from index.reviews.sqlite import SqliteLog
from schema.records import Decision

ONE, TWO, THREE = ("1" * 32, "2" * 32, "3" * 32)
BEFORE = """CREATE TABLE reviews (
    decision INTEGER PRIMARY KEY AUTOINCREMENT, batch TEXT NOT NULL, time TEXT NOT NULL, reviewer TEXT NOT NULL,
    row INTEGER NOT NULL, item_id TEXT NOT NULL, kind TEXT NOT NULL, attribute TEXT, value TEXT,
    action TEXT NOT NULL, group_id TEXT, other TEXT, seen TEXT) STRICT"""
ROWS = (
    ("a", "label", "hair_color", "red", "set", None, None, "audit: brown, red (model 0.97)"),
    ("b", "group", None, "not_duplicate", "set", "g", f"{TWO} {THREE}", "kept"),
)


def older_log(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(BEFORE)
        connection.executemany(
            "INSERT INTO reviews (batch, time, reviewer, row, item_id, kind, attribute, value, action, group_id, other,"
            " seen) VALUES (?, '2026-01-01T00:00:00+00:00', 'Ann', 0, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(row[0], ONE, *row[1:]) for row in ROWS],
        )
    connection.close()


def test_a_log_of_an_earlier_release_is_read_and_grows(tmp_path: Path) -> None:
    path = tmp_path / "reviews.sqlite3"
    older_log(path)
    before = path.read_bytes()
    reading = SqliteLog(path, readonly=True)
    label, group = list(reading.scan())
    reading.close()
    assert path.read_bytes() == before, "a reader changes nothing"
    assert (label.queue, label.shown, label.seen) == (AUDIT, ("brown", "red"), "brown, red (model 0.97)")
    assert (group.others, group.other) == ((TWO, THREE), None)
    log = SqliteLog(path)
    log.append([Decision(1, TWO, "group", value="merge", others=(ONE,))], "Ann")
    log.append([Decision(1, TWO, "label", "hair_color", None, shown=("a, b", "c"), queue=AUDIT)], "Ann")
    old, merged, audited = list(log.scan())[1:]
    log.close()
    assert old == group
    assert merged.others == (ONE,)
    assert (audited.shown, audited.queue) == (("a, b", "c"), AUDIT), "a value may hold a comma"
    found = read_overrides([old, merged], {ONE: 0, TWO: 1, THREE: 2})
    assert (found.apart, found.together) == ({(0, 2)}, {(0, 1)})


def test_lists_are_read_in_every_form_that_they_are_stored_in() -> None:
    empty = {"decision": 1, "batch": "b", "kind": "group", "value": "merge", "other": None, "seen": None}
    for stored in ([ONE, TWO], json.dumps([ONE, TWO]), (ONE, TWO)):
        assert read_record({**empty, "others": stored}).others == (ONE, TWO)
    assert read_record(empty).others == ()
