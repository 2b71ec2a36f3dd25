"""What counts of a log of decisions."""

from __future__ import annotations

from pathlib import Path

from index.reviews.effective import ReviewState, effect_of
from index.reviews.log import Review
from index.reviews.sqlite import SqliteLog
from schema.records import Decision


def said(row: int, value: str | None, attribute: str = "hair_color", action: str = "set") -> Decision:
    return Decision(row, f"{row:032x}", "label", attribute, value, action)


def test_effect_of_many_valued_attributes() -> None:
    def record(n: int, batch: str, value: str | None, action: str) -> Review:
        return Review(n, batch, "t", "Ann", 0, "a", "label", "dress", value, action, None, None, None)

    only = effect_of([record(1, "a", "hat", "add"), record(2, "b", "scarf", "remove")]).labels[0, "dress"]
    assert (only.values, only.rejected, only.exact) == (("hat",), ("scarf",), False)
    exact = effect_of(
        [record(1, "a", "hat", "add"), record(2, "b", "coat", "set"), record(3, "b", "boots", "set")]
    )
    assert exact.labels[0, "dress"].values == ("coat", "boots")
    assert exact.labels[0, "dress"].exact
    unknown = effect_of([record(1, "a", "hat", "add"), record(2, "b", None, "set")]).labels[0, "dress"]
    assert (unknown.values, unknown.exact) == ((), True)


def test_a_state_that_grows_equals_one_made_at_once(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "reviews.sqlite3")
    state = ReviewState()
    effects = []
    for value in ("red", "blue", None):
        before = log.position()
        log.append([said(0, value), said(1, "hat", "accessories", "add")], "Ann")
        effects.append(state.add(log.changes(before), log.position()))
    assert effects[-1] == effect_of(list(log.scan()))
    assert [effect.labels[0, "hair_color"].values for effect in effects] == [("red",), ("blue",), ()]
    log.close()
