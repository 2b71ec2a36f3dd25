"""What counts of a log of decisions."""

from __future__ import annotations

from pathlib import Path
from tempfile import NamedTemporaryFile

from index.reviews.effective import ReviewState, effect_of
from index.reviews.log import Review
from index.reviews.sqlite import SqliteLog
from schema.attributes import Vocabulary
from schema.records import Decision
from schema.vocabulary import load_vocabulary


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


def vocabulary(text: str) -> Vocabulary:
    with NamedTemporaryFile("w", suffix=".toml", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        return load_vocabulary(file.name)


NEW = """
[renamed]
hair_colour = "hair_color"
[renamed.hair_color]
golden = "blonde"
[hair_color]
kind = "single-label"
[hair_color.values.blonde]
tags = "blonde_hair"
[hair_color.values.red]
tags = "red_hair"
[accessories]
kind = "multi-label"
[accessories.colors]
green = "green"
[accessories.values.hat]
tags = "hat"
colored = true
"""


def test_decisions_go_by_the_names_of_today(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "reviews.sqlite3")
    for decisions in (
        [said(0, "golden")],
        [said(1, "red", "hair_colour")],
        [said(1, "golden", "hair_colour")],
        [said(2, "golden", action="reject")],
        [said(3, "red"), said(3, "mauve")],
        [said(4, "red")],
        [said(4, "mauve")],
        [said(5, "mauve")],
        [said(5, "golden")],
        [said(6, "green hat", "accessories"), said(6, "monocle", "accessories")],
        [said(7, "sad", "mood")],
        [said(8, "monocle", "accessories", "add")],
        [said(8, "monocle", "accessories", "remove")],
    ):
        log.append(decisions, "Ann")
    effect = effect_of(list(log.scan()), vocabulary=vocabulary(NEW))
    found = {key: (label.values, label.rejected, label.exact) for key, label in effect.labels.items()}
    assert found == {
        (0, "hair_color"): (("blonde",), (), True),
        (1, "hair_color"): (("blonde",), (), True),
        (2, "hair_color"): ((), ("blonde",), False),
        (3, "hair_color"): (("red",), (), False),
        # Somebody said that it is not red any more: what it is instead has no name today.
        (5, "hair_color"): (("blonde",), (), True),
        (6, "accessories"): (("green hat",), (), False),
    }
    assert effect.unknown == {
        (3, "hair_color"): ("mauve",),
        (4, "hair_color"): ("mauve",),
        (6, "accessories"): ("monocle",),
        (7, "mood"): ("sad",),
    }
    # Nothing is lost: with a vocabulary that has them they count.
    before = effect_of(list(log.scan()))
    assert before.labels[4, "hair_color"].values == ("mauve",)
    assert not before.unknown


def test_a_state_that_grows_knows_the_names_of_today(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "reviews.sqlite3")
    names = vocabulary(NEW)
    state = ReviewState(names)
    effect = None
    for value in ("golden", "mauve", "red", "mauve", None):
        before = log.position()
        log.append([said(0, value), said(1, value, "hair_colour")], "Ann")
        effect = state.add(log.changes(before), log.position())
        assert effect == effect_of(list(log.scan()), vocabulary=names)
    assert effect is not None and effect.labels[0, "hair_color"].values == ()
