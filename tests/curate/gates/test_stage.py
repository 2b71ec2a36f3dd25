"""Gates: what they take out, what is not known, what reviewers let through, and the table and sheet they leave."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from curate.gates.evaluate import evaluate
from curate.gates.stage import run_gates
from curate.stage import run_measure
from index.reviews.open import open_log
from index.store import Store
from index.store.runs import Runs
from schema.errors import FilterError, ReviewError, SettingsError
from schema.ids import content_id
from schema.records import Decision
from schema.settings import Settings

Make = Callable[..., Settings]

BORDER = "[[gate]]\nname = 'border'\nwhere = 'frame_border >= 0.5'\nreason = 'more frame than picture'\n"


def table(store: Store) -> list[dict[str, Any]]:
    return store.read("gates").to_pylist()


def decide(store: Store, *decisions: Decision) -> str:
    log = open_log(store)
    try:
        return log.append(decisions, "Ann")
    finally:
        log.close()


def on_gate(row: int, value: str | None, gate: str = "border") -> Decision:
    return Decision(row, content_id(str(row).encode()), "gate", gate, value)


def test_a_gate_acts_where_its_condition_is_true_and_says_on_what(screened: Store, settings_of: Make) -> None:
    summary = run_gates(screened, settings_of(BORDER))
    found = table(screened)
    assert [record["row"] for record in found] == [5, 6, 8, 9, 10]
    assert found[0]["outcome"] == "drop" and found[0]["decided_by"] == "condition"
    assert found[0]["values"] == [{"column": "frame_border", "number": 0.5, "text": None}]
    assert (found[0]["limit"], found[0]["reason"]) == ("frame_border >= 0.5", "more frame than picture")
    assert found[0]["item_id"] == content_id(b"5")
    (grid,) = summary.tables
    assert grid.rows == (("border", "drop", 5, 5, 5, 0, "2 pass", 0),)


@pytest.mark.parametrize(
    ("unknown", "outcomes"),
    [("pass", {}), ("drop", {3: "drop", 7: "drop"}), ("review", {3: "review", 7: "review"})],
)
def test_what_is_not_known_goes_as_the_gate_says(
    screened: Store, settings_of: Make, unknown: str, outcomes: dict[int, str]
) -> None:
    summary = run_gates(screened, settings_of(BORDER + f"unknown = '{unknown}'\n"))
    found = {r["row"]: r["outcome"] for r in table(screened) if r["decided_by"] == "unknown"}
    assert found == outcomes
    assert summary.tables[0].rows[0][6].startswith("2 ")  # the item that could not be read is none of them


def test_alone_and_in_order(screened: Store, settings_of: Make) -> None:
    text = (
        BORDER
        + "[[gate]]\nname = 'blue'\nwhere = \"hair_color = 'blue'\"\n"
        + "[[gate]]\nname = 'wide'\nwhere = 'width > 12'\naction = 'flag'\n"
        + "[[gate]]\nname = 'both'\nwhere = \"width < 12 or has(tags, 't1')\"\naction = 'review'\n"
    )
    facts = run_gates(screened, settings_of(text)) and Runs(screened).last("gates")["facts"]["gates"]
    assert [(f["gate"], f["out"], f["in_order"], f["flagged"], f["held"]) for f in facts] == [
        ("border", 5, 5, 0, 0),
        ("blue", 4, 2, 0, 0),
        ("wide", 0, 0, 8, 0),
        ("both", 5, 3, 0, 5),
    ]
    assert {r["outcome"] for r in table(screened) if r["gate"] == "wide"} == {"flag"}


def test_a_review_lets_through_or_puts_out_and_survives_measuring_anew(
    screened: Store, settings_of: Make
) -> None:
    settings = settings_of(BORDER)
    batch = decide(screened, on_gate(5, "pass"), on_gate(0, "drop"))
    run_gates(screened, settings)
    (act,) = evaluate(screened, settings.gate)
    assert act.out.tolist() == [0, 6, 8, 9, 10]
    by = {r["row"]: (r["outcome"], r["decided_by"]) for r in table(screened)}
    assert by[5] == ("pass", "review") and by[0] == ("drop", "review")
    # Another limit, and other values: the decision stands by the gate's name.
    other = settings_of(BORDER.replace("0.5", "0.2"))
    run_gates(screened, other)
    assert 5 not in evaluate(screened, other.gate)[0].out
    log = open_log(screened)
    log.undo(batch, "Ann")
    log.close()
    assert not run_gates(screened, settings).skipped
    assert evaluate(screened, settings.gate)[0].out.tolist() == [5, 6, 8, 9, 10]


def test_taking_a_decision_back_needs_no_undo(screened: Store, settings_of: Make) -> None:
    settings = settings_of(BORDER)
    decide(screened, on_gate(5, "pass"))
    decide(screened, on_gate(5, None))
    assert evaluate(screened, settings.gate)[0].out.tolist() == [5, 6, 8, 9, 10]


@pytest.mark.parametrize("name", ["protected", "Protected", " protected "])
def test_the_protected_gate_takes_no_review_and_no_name(
    screened: Store, settings_of: Make, name: str
) -> None:
    with pytest.raises(ReviewError, match="protected gate"):
        decide(screened, on_gate(5, "pass", name))
    with pytest.raises(SettingsError):
        settings_of(BORDER.replace("'border'", f"'{name}'"))


def test_run_again_it_does_nothing_until_something_changes(screened: Store, settings_of: Make) -> None:
    settings = settings_of(BORDER)
    run_gates(screened, settings)
    version = screened.version("gates")
    again = run_gates(screened, settings)
    assert again.skipped and again.tables[0].rows[0][0] == "border"
    assert screened.version("gates") == version
    without = run_gates(screened, settings_of(""))
    assert not without.skipped and "the last run had 1 gates" in without.warnings[0]
    assert table(screened) == []


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("frame_bordr > 0.5", "gate 'border': there is no column 'frame_bordr'; near ones: frame_border"),
        ("frame_border >", "gate 'border': .* is not valid"),
        ("hair_color = 'bleu'", "gate 'border': hair_color has no value 'bleu'; near ones: blue"),
    ],
)
def test_a_bad_condition_names_the_gate(screened: Store, settings_of: Make, where: str, words: str) -> None:
    with pytest.raises(FilterError, match=words):
        run_gates(screened, settings_of(f'[[gate]]\nname = "border"\nwhere = "{where}"\n'))


@pytest.mark.parametrize(
    ("where", "stage"), [("expression = 'smile'", "label"), ("colour_tones = 'grey'", "measure")]
)
def test_what_no_stage_has_made_yet_is_not_known(
    screened: Store, settings_of: Make, tmp_path: Path, where: str, stage: str
) -> None:
    settings = settings_of(f'[[gate]]\nname = "late"\nwhere = "{where}"\nunknown = "review"\n')
    summary = run_gates(screened, settings, sheet=tmp_path / "sheet.html")
    assert summary.counts["held"] == 11
    assert f"yet; likeness {stage}" in summary.warnings[0]


def test_two_gates_of_one_name_and_unknown_keys_are_refused(settings_of: Make) -> None:
    with pytest.raises(SettingsError, match="two gates have the name 'border'"):
        settings_of(BORDER + BORDER)
    with pytest.raises(SettingsError, match="did you mean action"):
        settings_of(BORDER + "acton = 'drop'\n")
    with pytest.raises(SettingsError, match="did you mean drop"):
        settings_of(BORDER + "action = 'dorp'\n")


def test_a_costly_measure_runs_on_what_passes_so_far(
    picture_store: Callable[..., tuple[Store, list[Path]]], settings_of: Make
) -> None:
    store, _ = picture_store(6)
    text = "[[gate]]\nname = 'some'\nwhere = 'row >= 2'\n[[gate]]\nname = 'b'\nwhere = 'frame_border > 2'\n"
    summary = run_measure(store, settings_of(text), ["frame"], passing=True)
    assert store.rows("measures_frame").tolist() == [0, 1]
    assert summary.warnings == ("the gate 'b' was not asked: there is no frame_border yet",)
    run_measure(store, settings_of(text), ["frame"])
    assert store.count("measures_frame") == 6


def test_the_sheet_shows_both_sides_nearest_the_limit_and_escapes(
    picture_store: Callable[..., tuple[Store, list[Path]]], settings_of: Make, tmp_path: Path
) -> None:
    store, _ = picture_store(8)
    text = "[[gate]]\nname = '<b>late</b>'\nwhere = 'row >= 5'\nreason = 'a <script>'\n"
    out = tmp_path / "new" / "sheet.html"
    run_gates(store, settings_of(text), sheet=out)
    page = out.read_text()
    assert "<script>" not in page and "&lt;b&gt;late" in page
    assert page.index("row 5") < page.index("row 6") < page.index("row 4") < page.index("row 0")
    assert page.count("<figure>") == 8
