"""Filters as people write them, against a plain loop over records; hostile ones end in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.filters import matching_rows, passing
from index.filters.rows import plan_of
from index.store import Store
from schema import tables
from schema.errors import FilterError

HAIR = ("black", "blonde", None)
TAGS = ([], ["smile"], ["smile", "blue_eyes"])
ITEMS = 30


@pytest.fixture
def filled(store: Store, add_items: Callable[..., None]) -> Store:
    """Thirty items: hair, accessories and tags in turns; rows 3, 4 and 5 are a group that keeps 3."""
    for row in range(ITEMS):
        add_items(store, 1, first=row, tags=TAGS[row % 3], text=None if row % 4 else f"a text of {row}")
    schema = tables.labels([("hair_color", "single-label"), ("accessories", "multi-label")])
    records = [
        dict.fromkeys(schema.names)
        | {"row": row, "item_id": str(row), "ambiguous": row % 7 == 0, "hair_color": HAIR[row % 3]}
        | {"hair_color_confidence": None if HAIR[row % 3] is None else row / ITEMS}
        | {"accessories": None if row % 5 == 4 else (["hat", "glasses"] if row % 5 == 0 else [])}
        for row in range(ITEMS)
    ]
    store.replace("labels", pa.Table.from_pylist(records, schema), schema)
    members = [
        {
            "row": row,
            "item_id": str(row),
            "group_id": "g",
            "verdict": verdict,
            "similarity": 1.0,
            "keep": row == 3,
        }
        | {"reason": "r", "family": None}
        for row, verdict in ((3, "kept"), (4, "same artwork"), (5, "variant"))
    ]
    store.replace("groups", pa.Table.from_pylist(members, tables.GROUPS), tables.GROUPS)
    return store


def rows_where(test: Callable[[int], object]) -> list[int]:
    return [row for row in range(ITEMS) if test(row)]


def hat(row: int) -> bool:
    return row % 5 == 0


CASES: list[tuple[str, Callable[[int], object]]] = [
    ("hair_color = 'blonde'", lambda r: r % 3 == 1),
    ("Hair_Color = 'Blonde'", lambda r: r % 3 == 1),
    ('hair_color = "blonde"', lambda r: r % 3 == 1),
    ("hair_color = 'blond'", lambda r: r % 3 == 1),
    ("hair_color != 'blonde'", lambda r: r % 3 == 0),
    ("NOT hair_color = 'blonde'", lambda r: r % 3 == 0),
    ("hair_color IN ('Black', 'blonde')", lambda r: r % 3 < 2),
    ("hair_color NOT IN ('black')", lambda r: r % 3 == 1),
    ("hair_color IS NULL", lambda r: r % 3 == 2),
    ("hair_color LIKE 'bl%'", lambda r: r % 3 < 2),
    ("accessories = 'hat'", hat),
    ("accessories = 'Hat' AND width < 20", lambda r: hat(r) and 10 + r < 20),
    ("accessories != 'hat'", lambda r: not hat(r) and r % 5 != 4),
    ("has(accessories, 'hat')", hat),
    ("array_has(accessories, 'hat')", hat),
    ("accessories IN ('hat', 'eyepatch')", hat),
    ("NOT has(accessories, 'hat')", lambda r: not hat(r) and r % 5 != 4),
    ("tags = 'smile'", lambda r: r % 3 > 0),
    ("tags = 'Blue Eyes'", lambda r: r % 3 == 2),
    ("tags = 'smile' AND NOT tags = 'blue_eyes'", lambda r: r % 3 == 1),
    ("width BETWEEN 15 AND 20", lambda r: 15 <= 10 + r <= 20),
    ("20 < width", lambda r: 10 + r > 20),
    ("width > height", lambda r: r > 0),
    ("hair_color = 'black' OR width > 35", lambda r: r % 3 == 0 or 10 + r > 35),
    ("NOT (hair_color = 'black' OR width > 35)", lambda r: r % 3 == 1 and 10 + r <= 35),
    ("keep", lambda r: r not in (4, 5)),
    ("NOT keep", lambda r: r in (4, 5)),
    ("keep != true", lambda r: r in (4, 5)),
    ("keep OR hair_color = 'blonde'", lambda r: r not in (5,)),
    ("group_id IS NULL", lambda r: r not in (3, 4, 5)),
    ("group_id IS NOT NULL", lambda r: r in (3, 4, 5)),
    ("verdict = 'Same Artwork'", lambda r: r == 4),
    ("groups.verdict = 'variant' OR items.width = 10", lambda r: r in (5, 0)),
    ("ambiguous", lambda r: r % 7 == 0),
    ("text IS NULL AND tags = 'smile'", lambda r: r % 4 and r % 3 > 0),
]


@pytest.mark.parametrize(("where", "test"), CASES, ids=[where for where, _ in CASES])
def test_filters_mean_what_they_say(filled: Store, where: str, test: Callable[[int], object]) -> None:
    expected = rows_where(test)
    assert matching_rows(filled, where).tolist() == expected
    some = np.random.default_rng(1).permutation(ITEMS)[:17]
    np.testing.assert_array_equal(passing(filled, where, some), np.isin(some, expected))


def test_what_a_copy_says_counts_for_its_item(filled: Store) -> None:
    copy: dict[str, Any] = dict.fromkeys(tables.COPIES.names)
    copy |= {"row": 0, "item_id": "0", "source": 0, "ordinal": 99, "commit": 1}
    copy |= {"keys": ["another"], "tags": ["smile"], "text": "b"}
    filled.append("copies", pa.Table.from_pylist([copy | {"row": 1}, copy], tables.COPIES), tables.COPIES)
    for where, expected in (
        ("tags = 'smile'", rows_where(lambda r: r % 3 > 0 or r == 0)),
        ("keys = 'another'", [0, 1]),
        ("NOT tags = 'smile'", rows_where(lambda r: r % 3 == 0 and r != 0)),
        ("text IS NULL", rows_where(lambda r: r % 4 and r != 1)),
        ("text IS NOT NULL", rows_where(lambda r: r % 4 == 0 or r == 1)),
    ):
        assert matching_rows(filled, where).tolist() == expected, where
        np.testing.assert_array_equal(
            passing(filled, where, np.arange(6)), np.isin(np.arange(6), expected), where
        )


def test_a_copy_fills_the_gaps_of_its_item_and_no_more(filled: Store, add_items: Callable[..., None]) -> None:
    add_items(filled, 1, first=ITEMS, source_rating="s", source_score=3.0)
    add_items(filled, 1, first=ITEMS + 1)
    copy: dict[str, Any] = dict.fromkeys(tables.COPIES.names)
    copy |= {"item_id": "0", "source": 0, "ordinal": 99, "commit": 1}
    copy |= {"source_rating": "e", "source_score": 7.0, "artists": ["ann"]}
    copies = [copy | {"row": row} for row in (ITEMS, ITEMS + 1)]
    filled.append("copies", pa.Table.from_pylist(copies, tables.COPIES), tables.COPIES)
    names = ["source_rating", "source_score", "artists"]
    said = filled.take_items([ITEMS, ITEMS + 1], names).to_pylist()
    assert said == [
        {"source_rating": "s", "source_score": 3.0, "artists": ["ann"]},
        {"source_rating": "e", "source_score": 7.0, "artists": ["ann"]},
    ]
    for where, expected in (
        ("source_rating = 'e'", [ITEMS + 1]),
        ("source_rating = 'Explicit'", [ITEMS + 1]),
        ("source_rating != 'e'", [ITEMS]),
        ("source_score BETWEEN 2 AND 8", [ITEMS, ITEMS + 1]),
        ("source_rating IS NOT NULL", [ITEMS, ITEMS + 1]),
        ("source_rating IS NULL AND row > 27", [28, 29]),
        ("artists = 'ann'", [ITEMS, ITEMS + 1]),
    ):
        assert matching_rows(filled, where).tolist() == expected, where
        rows = np.array([ITEMS + 1, 29, 28, ITEMS])
        np.testing.assert_array_equal(passing(filled, where, rows), np.isin(rows, expected), where)


LEAVES: list[tuple[str, Callable[[int], bool | None]]] = [
    ("hair_color = 'black'", lambda r: None if HAIR[r % 3] is None else HAIR[r % 3] == "black"),
    ("accessories = 'hat'", lambda r: None if r % 5 == 4 else hat(r)),
    ("width > 22", lambda r: 10 + r > 22),
    ("keep", lambda r: r not in (4, 5)),
    ("tags = 'smile'", lambda r: r % 3 > 0),
    ("hair_color IS NULL", lambda r: r % 3 == 2),
]
Answer = bool | None


def combine(kind: str, parts: list[Answer]) -> Answer:
    """SQL's three-valued AND and OR."""
    decisive = kind == "OR"
    if any(part is decisive for part in parts):
        return decisive
    return None if any(part is None for part in parts) else not decisive


trees = st.recursive(
    st.sampled_from(range(len(LEAVES))),
    lambda inner: st.one_of(
        st.tuples(st.just("NOT"), inner),
        st.tuples(st.sampled_from(["AND", "OR"]), st.lists(inner, min_size=2, max_size=3)),
    ),
    max_leaves=6,
)


def written(tree: Any) -> str:
    if isinstance(tree, int):
        return LEAVES[tree][0]
    kind, inner = tree
    return f"NOT ({written(inner)})" if kind == "NOT" else f"({f' {kind} '.join(map(written, inner))})"


def answer(tree: Any, row: int) -> Answer:
    if isinstance(tree, int):
        return LEAVES[tree][1](row)
    kind, inner = tree
    if kind == "NOT":
        said = answer(inner, row)
        return None if said is None else not said
    return combine(kind, [answer(part, row) for part in inner])


def test_any_mix_of_tables_follows_sql(filled: Store) -> None:
    @given(trees)
    def holds(tree: Any) -> None:
        where = written(tree)
        assert matching_rows(filled, where).tolist() == rows_where(lambda r: answer(tree, r) is True), where

    holds()


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("hair_colour = 'red'", "near ones: hair_color"),
        ("nothing = 1", "no column 'nothing'"),
        ("hair_color = 'blod'", "near ones: "),
        ("hair_color = 'octarine'", "no value 'octarine'"),
        ("verdict = 'copy'", "no value 'copy'"),
        ("width = 'wide'", "is a number"),
        ("width LIKE '1%'", "LIKE does not apply"),
        ("tags LIKE 'smi%'", "has(tags, 'value')"),
        ("accessories > 'a'", "several values"),
        ("has(width, 3)", "one value an item"),
        ("hair_color = NULL", "IS NULL"),
        ("width", "no condition"),
        ("width > hair_color", "different tables"),
        ("lpad(text, 2000000000) = 'a'", "cannot hold"),
        ("width + 1 = 3", "cannot hold"),
        ("width = (SELECT 1)", "cannot hold"),
        ("width IN (SELECT 1)", "cannot hold"),
        ("text ~ '(a+)+$'", "cannot hold"),
        ("CASE WHEN true THEN true END", "cannot hold"),
        ("width = 1e999", "cannot be compared"),
        ("width = 1; DROP TABLE items", "';'"),
        ("text = 'open", "not closed"),
        ("(width = 1", ""),
        ("", "empty"),
        ("   ", "empty"),
    ],
)
def test_what_is_not_taken_is_said(filled: Store, where: str, says: str) -> None:
    for ask in (lambda: matching_rows(filled, where), lambda: passing(filled, where, np.arange(9))):
        with pytest.raises(FilterError) as refused:
            ask()
        assert says in str(refused.value)
        assert "\x1b" not in str(refused.value)
        assert len(str(refused.value)) < 600


@pytest.mark.parametrize(
    "where",
    [
        " OR ".join(["width = 1"] * 100_000),
        " AND ".join(f"width != {n}" for n in range(20_000)),
        "(" * 20_000 + "width = 1" + ")" * 20_000,
        "NOT " * 20_000 + "width = 1",
        f"text = '{'x' * 10_000_000}'",
        f"width IN ({', '.join(map(str, range(200_000)))})",
        "-" * 10_000 + "1 = width",
        "[" * 5_000 + "]" * 5_000,
    ],
    ids=["ors", "terms", "brackets", "nots", "long", "in", "signs", "lists"],
)
def test_an_enormous_filter_is_one_sentence(filled: Store, where: str) -> None:
    with pytest.raises(FilterError) as refused:
        matching_rows(filled, where)
    assert len(str(refused.value)) < 600


def test_a_long_list_of_values_is_taken(filled: Store) -> None:
    assert matching_rows(filled, f"width IN ({', '.join(map(str, range(5_000)))})").tolist() == list(
        range(ITEMS)
    )
    assert len(matching_rows(filled, " OR ".join(f"width = {n}" for n in range(400)))) == ITEMS


def test_values_are_data_and_never_sql(filled: Store) -> None:
    for text in ("x' OR 1=1 --", "'; DROP TABLE items", "\\' OR true", "a`b", "/*", "\u2028"):
        quoted = text.replace("'", "''")
        assert matching_rows(filled, f"uri = '{quoted}' OR keys = '{quoted}'").tolist() == []
    assert filled.count("items") == ITEMS


def test_conditions_of_one_table_go_to_it_together(filled: Store) -> None:
    plan = plan_of(filled, "hair_color = 'black' AND hair_color_confidence > 0.5 AND accessories = 'hat'")
    assert plan.table == "labels"
    assert plan.columns == ("accessories", "hair_color", "hair_color_confidence")
