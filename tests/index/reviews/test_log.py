"""The review log: durable, append-only, several writers, undo of a batch, conflicts told, replay elsewhere."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import lancedb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.reviews.effective import effect_of
from index.reviews.lance import LanceLog
from index.reviews.log import Review, ReviewLog, live_batches
from index.reviews.sqlite import SqliteLog
from schema.errors import ReviewConflict, ReviewError
from schema.records import Decision


def said(row: int, value: str | None, attribute: str = "hair_color", action: str = "set") -> Decision:
    return Decision(row, f"{row:032x}", "label", attribute, value, action)


@pytest.fixture(params=["sqlite", "lance"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> ReviewLog:
    if request.param == "sqlite":
        return SqliteLog(tmp_path / "reviews.sqlite3")
    return LanceLog(lancedb.connect(str(tmp_path / "lance")))


def test_a_batch_is_read_back_in_order(log: ReviewLog) -> None:
    assert log.position() == 0
    batch = log.append([said(0, "red"), said(1, None), said(2, "blue", action="reject")], "Ann")
    found = list(log.scan())
    assert [(r.row, r.value, r.action, r.reviewer, r.batch) for r in found] == [
        (0, "red", "set", "Ann", batch), (1, None, "set", "Ann", batch), (2, "blue", "reject", "Ann", batch),
    ]  # fmt: skip
    assert log.position() == found[-1].decision
    assert [r.row for r in log.scan(row=1)] == [1]
    assert log.changes(found[0].decision) == found[1:]


def test_undo_takes_back_a_whole_batch_and_can_be_undone(log: ReviewLog) -> None:
    first = log.append([said(0, "red"), said(1, "red")], "Ann")
    second = log.append([said(0, "blue")], "Bob")
    undo = log.undo(first, "Bob")
    labels = effect_of(list(log.scan())).labels
    assert {key: label.values for key, label in labels.items()} == {(0, "hair_color"): ("blue",)}
    log.undo(second, "Ann")
    assert not effect_of(list(log.scan())).labels
    log.undo(undo, "Ann")
    assert {k[0]: v.values for k, v in effect_of(list(log.scan())).labels.items()} == {
        0: ("red",),
        1: ("red",),
    }


def test_undo_twice_is_a_conflict(log: ReviewLog) -> None:
    batch = log.append([said(0, "red")], "Ann")
    log.undo(batch, "Ann")
    with pytest.raises(ReviewConflict, match="undone already"):
        log.undo(batch, "Bob")
    with pytest.raises(ReviewError, match="no batch"):
        log.undo("nothing", "Bob")


def test_the_second_reviewer_sees_that_it_changed(log: ReviewLog) -> None:
    drawn_at = log.position()
    log.append([said(0, "red"), said(1, "red")], "Ann", as_of=drawn_at)
    with pytest.raises(ReviewConflict, match=r"1 of these .*by Ann"):
        log.append([said(1, "blue"), said(2, "blue")], "Bob", as_of=drawn_at)
    assert {r.reviewer for r in log.scan()} == {"Ann"}, "nothing of the second one was written"
    log.append([said(2, "blue")], "Bob", as_of=drawn_at)  # another item: no conflict
    log.append([said(1, "blue", "eye_color")], "Bob", as_of=drawn_at)  # another attribute: none either
    log.append([said(1, "blue")], "Bob", as_of=log.position())


def test_an_undo_in_between_is_a_conflict_too(log: ReviewLog) -> None:
    batch = log.append([said(0, "red")], "Ann")
    drawn_at = log.position()
    log.undo(batch, "Ann")
    with pytest.raises(ReviewConflict):
        log.append([said(0, "blue")], "Bob", as_of=drawn_at)


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        (Decision(0, "a", "colour", "hair_color", "red"), "kind"),
        (Decision(0, "a", "label", None, "red"), "attribute"),
        (Decision(0, "a", "label", "hair_color", "red", "guess"), "action"),
        (Decision(0, "a", "group", None, "burn"), "group decision"),
        (Decision(-1, "a", "label", "hair_color", "red"), "item"),
    ],
    ids=["kind", "attribute", "action", "group", "item"],
)
def test_nonsense_is_refused(log: ReviewLog, decision: Decision, words: str) -> None:
    with pytest.raises(ReviewError, match=words):
        log.append([decision], "Ann")
    assert log.position() == 0


def test_names_are_cleaned_and_needed(log: ReviewLog) -> None:
    log.append([said(0, "red")], "  A\x00n\nn " + "x" * 200)
    assert next(log.scan()).reviewer == ("Ann " + "x" * 200)[:80].strip()
    with pytest.raises(ReviewError, match="name"):
        log.append([said(0, "red")], " \n")


def test_readonly_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(ReviewError, match="reading only"):
        SqliteLog(tmp_path / "reviews.sqlite3", readonly=True).append([said(0, "red")], "Ann")


@given(st.lists(st.integers(0, 30), max_size=12))
def test_undoing_all_undos_restores_everything(targets: list[int]) -> None:
    log: list[Review] = [
        Review(n + 1, f"b{n}", "t", "Ann", n, "a", "label", "x", "v", "set", None, None, None)
        for n in range(3)
    ]
    for n, target in enumerate(targets):
        live = [batch for batch, counts in live_batches(log).items() if counts]
        if live:
            of = live[target % len(live)]
            log.append(
                Review(n + 10, f"u{n}", "t", "Ann", -1, "", "undo", None, None, "undo", None, of, None)
            )
    state = live_batches(log)
    for review in log:
        if review.kind == "undo" and state[review.batch]:
            assert not state[str(review.other)]
    for n in range(3):
        covering = [r for r in log if r.other == f"b{n}" and state[r.batch]]
        assert state[f"b{n}"] == (not covering)


REVIEWER = """
import sys
from index.reviews.sqlite import SqliteLog
from schema.records import Decision
log = SqliteLog(sys.argv[1])
for n in range(25):
    log.append([Decision(n, "a", "label", name, "red") for name in ("hair_color", "eye_color")], sys.argv[2])
"""


def test_four_processes_lose_nothing(tmp_path: Path, root: Path) -> None:
    path = tmp_path / "reviews.sqlite3"
    people = [
        subprocess.Popen([sys.executable, "-c", REVIEWER, str(path), f"r{n}"], cwd=root) for n in range(4)
    ]
    assert [each.wait(60) for each in people] == [0] * 4
    found = list(SqliteLog(path).scan())
    assert len(found) == 4 * 25 * 2
    for n in range(4):
        assert [r.row for r in found if r.reviewer == f"r{n}" and r.attribute == "hair_color"] == list(
            range(25)
        )
    for batch in {r.batch for r in found}:
        assert sum(r.batch == batch for r in found) == 2


WRITER = """
import sys
from index.reviews.sqlite import SqliteLog
from schema.records import Decision
log = SqliteLog(sys.argv[1])
n = 0
while True:
    log.append([Decision(n, "a", "label", "hair_color", "red"), Decision(n, "a", "label", "eye_color", "red")], "Ann")
    print(n, flush=True)
    n += 1
"""


def test_sigkill_loses_no_confirmed_decision(tmp_path: Path, root: Path) -> None:
    path = tmp_path / "reviews.sqlite3"
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], cwd=root, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    confirmed = [int(process.stdout.readline()) for _ in range(20)]
    time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    confirmed += [int(line) for line in process.stdout.read().split()]
    process.stdout.close()
    process.wait()
    found = list(SqliteLog(path).scan())
    assert {r.row for r in found} >= set(confirmed)
    assert len(found) % 2 == 0, "a batch is there as a whole or not at all"
