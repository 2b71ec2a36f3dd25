"""The selection: the first reason of every item, ranks, budgets, splits; the protected gate before everything."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from curate.gates.stage import run_gates
from curate.select import candidates
from curate.select.stage import run_select
from index.reviews.open import open_log
from index.store import Store
from schema import tables
from schema.errors import FilterError, SettingsError
from schema.ids import content_id
from schema.records import Decision
from schema.settings import Settings

Make = Callable[..., Settings]

GATES = (
    "[[gate]]\nname = 'border'\nwhere = 'frame_border >= 0.8'\n"
    "[[gate]]\nname = 'red'\nwhere = \"hair_color = 'red'\"\naction = 'review'\n"
    "[[gate]]\nname = 'wide'\nwhere = 'width > 14'\naction = 'flag'\n"
)


def table(store: Store) -> list[dict[str, Any]]:
    return store.read("selection").to_pylist()


def selected(store: Store) -> list[int]:
    return [record["row"] for record in table(store) if record["selected"]]


@pytest.fixture
def ranked(store: Store, add_items: Callable[..., None]) -> Store:
    """Forty items with scores of 0 to 39 and characters a (20), b (12), c (6) and none (2)."""
    for row in range(40):
        character = "a" if row < 20 else "b" if row < 32 else "c" if row < 38 else None
        add_items(store, 1, first=row, source_score=row, characters=[character] if character else None)
    return store


def test_every_item_has_its_first_reason(screened: Store, settings_of: Make) -> None:
    run_select(screened, settings_of(GATES))
    found = {record["row"]: record["left_out"] for record in table(screened)}
    assert found[11] == candidates.UNREADABLE
    assert found[2] == candidates.SEVERAL
    assert {found[row] for row in (8, 9, 10)} == {"gate: border"}
    assert {found[row] for row in (1, 4, 7)} == {"held back: red"}
    assert selected(screened) == [0, 3, 5, 6]
    assert {record["row"]: record["flags"] for record in table(screened)}[6] == ["wide"]
    assert all((record["split"] is not None) == record["selected"] for record in table(screened))


def test_a_reviewer_lets_one_through(screened: Store, settings_of: Make) -> None:
    settings = settings_of(GATES)
    run_select(screened, settings)
    log = open_log(screened)
    log.append([Decision(1, content_id(b"1"), "gate", "red", "pass")], "Ann")
    log.close()
    run_select(screened, settings)
    assert selected(screened) == [0, 1, 3, 5, 6]


def test_best_first_and_no_more_than_asked_for(ranked: Store, settings_of: Make) -> None:
    run_select(ranked, settings_of("[select]\nrank = 'percentile(source_score)'\ntop = 3\n"))
    assert selected(ranked) == [37, 38, 39]
    ranks = {record["row"]: record["rank"] for record in table(ranked)}
    assert [ranks[39], ranks[38], ranks[0]] == [1, 2, 40]
    assert {r["left_out"] for r in table(ranked) if not r["selected"]} == {candidates.OVER_TOP}


def test_budgets_by_class(ranked: Store, settings_of: Make, tmp_path: Path) -> None:
    equal = (
        "[select]\nrank = 'source_score'\nby = 'characters'\nbudget = 'equal'\ntop = 20\nunknown = 'drop'\n"
    )
    summary = run_select(ranked, settings_of(equal))
    counts = {name: sum(r["selected"] for r in table(ranked) if r["class"] == name) for name in "abc"}
    assert counts == {"a": 7, "b": 7, "c": 6}
    assert [r["row"] for r in table(ranked) if r["class"] == "a" and r["selected"]] == list(range(13, 20))
    assert ("c", 7, 6) in summary.tables[2].rows
    file = tmp_path / "popularity.csv"
    file.write_text("a,100\nb,300\n", encoding="utf-8")
    text = equal.replace("'equal'", "'proportional'") + f"popularity = '{file}'\nfloor = 1\n"
    summary = run_select(ranked, settings_of(text))
    counts = {name: sum(r["selected"] for r in table(ranked) if r["class"] == name) for name in "abc"}
    assert counts == {"a": 7, "b": 12, "c": 1}
    assert "1 classes have no popularity in" in summary.warnings[0]


def test_unknown_ranks_come_last_or_go(ranked: Store, settings_of: Make) -> None:
    text = "[select]\nrank = 'source_score / (source_score - 39)'\ntop = 39\n"
    assert "1 candidates have no rank" in run_select(ranked, settings_of(text)).warnings[0]
    assert 39 not in selected(ranked)
    run_select(ranked, settings_of(text + "unranked = 'drop'\n"))
    assert {r["row"]: r["left_out"] for r in table(ranked)}[39] == candidates.NO_RANK


def test_the_same_settings_select_the_same_and_another_seed_does_not(
    ranked: Store, settings_of: Make
) -> None:
    text = "[select]\ntop = 10\n"
    run_select(ranked, settings_of(text))
    first = table(ranked)
    assert run_select(ranked, settings_of(text)).skipped
    ranked.drop("selection")
    run_select(ranked, settings_of(text))
    assert table(ranked) == first
    run_select(ranked, settings_of(text + "seed = 1\n"))
    assert selected(ranked) != [record["row"] for record in first if record["selected"]]


def test_copies_are_out_and_versions_share_a_split(ranked: Store, settings_of: Make) -> None:
    records = []
    for number in range(12):
        for row, verdict in (
            (number * 3, "kept"),
            (number * 3 + 1, "variant"),
            (number * 3 + 2, "same artwork"),
        ):
            records.append(
                {"row": row, "item_id": str(row), "group_id": f"g{number}", "verdict": verdict, "reason": "r"}
                | {"keep": verdict != "same artwork", "family": f"f{number // 2}"}
            )
    ranked.replace("groups", pa.Table.from_pylist(records, tables.GROUPS), tables.GROUPS)
    run_select(
        ranked, settings_of("[select]\nby = 'characters'\n[export]\nval = 0.4\ntest = 0.3\nseed = 1\n")
    )
    found = {record["row"]: record for record in table(ranked)}
    assert all(found[row]["left_out"] == candidates.SET_ASIDE for row in range(2, 36, 3))
    for family in range(6):
        splits = {found[row]["split"] for row in range(family * 6, family * 6 + 6)} - {None}
        assert len(splits) == 1
    assert len({record["split"] for record in found.values()}) > 2


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("rank = 'percentile(source_scor)'", FilterError, "near ones: source_score"),
        ("rank = 'uri'", FilterError, "uri is no number"),
        ("rank = '3'", SettingsError, "names no column"),
        ("where = 'selected'", SettingsError, "cannot go by the selection before it"),
        ("by = 'charcters'", FilterError, "near ones: characters"),
    ],
)
def test_mistakes_are_told(
    ranked: Store, settings_of: Make, text: str, error: type[Exception], words: str
) -> None:
    run_select(ranked, settings_of(""))
    with pytest.raises(error, match=words):
        run_select(ranked, settings_of(f"[select]\n{text}\n"))


def test_a_gate_cannot_go_by_the_selection(ranked: Store, settings_of: Make) -> None:
    run_select(ranked, settings_of(""))
    with pytest.raises(FilterError, match="comes after the gates"):
        run_gates(ranked, settings_of("[[gate]]\nname = 'x'\nwhere = 'selected'\n"))


HOSTILE = {
    "rank": ["''", "'-width'"],
    "order": ["'rank'", "'diverse'"],
    "where": ["''", "\"source_rating = 'e'\""],
    "budget": ["'equal'"],
    "several": ["true"],
}


def test_nothing_goes_round_the_protected_gate(
    store: Store,
    add_items: Callable[..., None],
    add_vectors: Callable[..., None],
    unit: Callable[..., np.ndarray],
    settings_of: Make,
) -> None:
    add_items(store, 6, source_rating="e", tags=["loli"])
    add_items(store, 6, first=6)
    add_vectors(store, np.arange(12), unit(12))
    near = np.array([[(row + 1) % 12, (row + 2) % 12] for row in range(12)], np.int32)
    schema = tables.neighbours(2)
    graph = {"row": pa.array(range(12)), "ids": pa.array(near.tolist(), schema.field("ids").type)}
    graph["similarity"] = pa.array([[0.9, 0.8]] * 12, schema.field("similarity").type)
    store.replace("neighbours_test", pa.table(graph, schema=schema), schema)
    log = open_log(store)
    ids = [content_id(str(row).encode()) for row in range(6)]
    log.append([Decision(row, ids[row], "gate", "all", "pass") for row in range(6)], "Ann")
    log.append([Decision(row, ids[row], "audit", "selection", "good") for row in range(6)], "Ann")
    log.close()
    gate = "[[gate]]\nname = 'all'\nwhere = 'width < 0'\naction = 'flag'\n"
    for values in itertools.product(*HOSTILE.values()):
        lines = [f"{name} = {value}" for name, value in zip(HOSTILE, values, strict=True)]
        text = gate + "[select]\n" + "\n".join(lines) + "\nby = 'tags'\ncap = 50\nfloor = 2\n"
        run_select(store, settings_of(text))
        found = table(store)
        assert not [record["row"] for record in found if record["selected"] and record["row"] < 6]
        assert {record["left_out"] for record in found[:6]} == {candidates.PROTECTED}
