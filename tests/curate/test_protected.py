"""The protected gate: what it bars, that nothing goes round it, and that it leaves ordinary pictures alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.export.exporters import EXPORTERS
from curate.export.folder import MANIFEST
from curate.export.manifest import Request
from curate.export.rows import PROTECTED
from curate.export.stage import run_export, write_export
from curate.protected import ProtectedGate
from curate.protected_words import says_minor, says_sexual
from index.reviews.open import open_log
from index.store import Store
from schema import tables
from schema.records import Decision
from schema.settings import Settings, load_settings

Fill = Callable[..., Store]

BARRED: list[dict[str, Any]] = [
    {"source_rating": "e"},
    {"source_rating": "q", "tags": ["1girl", "solo"]},
    {"tags": ["1girl", "nude"]},
    {"tags": ["1girl", "rating:explicit"]},
    {"tags": ["1girl", "Cum_In_Pussy"]},
    {"text": "A naked woman lying on a bed."},
    {"text": "Two people having sex"},
    {"source_rating": "s", "tags": ["loli"]},
    {"source_rating": "s", "tags": ["multiple_shotas"]},
    {"source_rating": "q", "age": "teen"},
    {"source_rating": "s", "age": "child"},
    {"source_rating": "s", "text": "A 15-year-old girl in a swimsuit"},
    {"source_rating": "s", "text": "a schoolgirl at the beach"},
    # A tag outranks an age that was voted or even reviewed: either of them may be wrong.
    {"source_rating": "e", "tags": ["loli"], "age": "young adult"},
    {"source_rating": "e", "age": "ageless"},
]
OPEN: list[dict[str, Any]] = [
    {},
    {"tags": ["1girl", "solo", "smile"]},
    {"source_rating": "g", "tags": ["loli"]},
    {"tags": ["child", "park"], "text": "A child in the park"},
    {"age": "child"},
    {"source_rating": "s"},
    {"source_rating": "s", "tags": ["swimsuit"]},
    {"source_rating": "e", "age": "young adult"},
    {"source_rating": "q", "age": "elderly"},
    {"tags": ["nude"], "age": "middle-aged"},
    {"tags": ["lolita_fashion", "same-sex_relationship"], "source_rating": "s"},
    {"text": "Sex: female, 25 years old"},
]


@pytest.fixture
def fill(store: Store, add_items: Callable[..., None]) -> Fill:
    """Fills a store with items that have these fields; ``age`` goes into the labels."""

    def make(records: list[dict[str, Any]]) -> Store:
        for row, record in enumerate(records):
            add_items(
                store, 1, first=row, **{"tags": ["t"]} | {k: v for k, v in record.items() if k != "age"}
            )
        schema = tables.labels([("age", "single-label")])
        labels = [
            dict.fromkeys(schema.names)
            | {"row": row, "item_id": str(row), "ambiguous": False, "age": record.get("age")}
            for row, record in enumerate(records)
        ]
        store.replace("labels", pa.Table.from_pylist(labels, schema), schema)
        return store

    return make


def barred(store: Store, administrators: tuple[str, ...] = ()) -> list[int]:
    gate = ProtectedGate(store, administrators)
    return [row for row in range(store.n_items()) if gate.barred(pa.array([row]).to_numpy())[0]]


def ids(store: Store) -> list[str]:
    return [str(value) for value in store.read("items", ["item_id"]).column(0).to_pylist()]


def exported(folder: Path) -> str:
    return "".join(file.read_bytes().decode("latin-1") for file in folder.rglob("*") if file.is_file())


def test_what_is_barred_and_what_is_not(fill: Fill) -> None:
    store = fill(BARRED + OPEN)
    assert barred(store) == list(range(len(BARRED)))


@pytest.mark.parametrize("format", sorted(EXPORTERS))
@pytest.mark.parametrize("everything", [False, True])
def test_no_exporter_lets_one_out(fill: Fill, tmp_path: Path, format: str, everything: bool) -> None:
    store = fill(BARRED + OPEN)
    hostile = load_settings(None, ["export.leave_out=['source_rating','tags','text','age']"])
    for number, settings in enumerate((Settings(), hostile)):
        out = tmp_path / f"out{number}"
        summary = write_export(
            store, settings, out, Request(format, "width > 0", everything), read=lambda _: b"x"
        )
        text = exported(out)
        assert not [name for name in ids(store)[: len(BARRED)] if name in text]
        told = pq.read_table(out / "_about" / "left_out.parquet", columns=["item_id"]).column(0).to_pylist()
        told += pq.read_table(out / "_about" / "rows.parquet", columns=["item_id"]).column(0).to_pylist()
        assert not set(told) & set(ids(store)[: len(BARRED)])
        assert summary.counts[PROTECTED] == len(BARRED)
        assert json.loads((out / MANIFEST).read_text())["counts"][PROTECTED] == len(BARRED)


def test_a_filter_that_asks_for_them_gets_none(fill: Fill, tmp_path: Path) -> None:
    store = fill(BARRED + OPEN)
    summary = run_export(
        store, Settings(), tmp_path / "out", format="jsonl", where="source_rating = 'e'", everything=True
    )
    assert summary.counts["exported"] == 1  # the one with an adult


def test_what_a_copy_or_a_version_says_counts_for_all(fill: Fill) -> None:
    store = fill(
        [{"source_rating": "e", "age": "young adult"}, {"tags": ["loli"]}, {}, {"source_rating": "e"}]
    )
    groups = [
        {"row": row, "item_id": str(row), "group_id": group, "verdict": "kept", "similarity": 1.0}
        | {"keep": row in (0, 2), "reason": "r", "family": "f" if row < 2 else None}
        for row, group in ((0, "a"), (1, "b"), (2, "c"), (3, "c"))
    ]
    store.replace("groups", pa.Table.from_pylist(groups, tables.GROUPS), tables.GROUPS)
    assert barred(store) == [0, 1, 2, 3]


def test_a_byte_copy_with_other_tags_counts(fill: Fill) -> None:
    store = fill([{"tags": ["1girl"]}, {}])
    copy: dict[str, Any] = dict.fromkeys(tables.COPIES.names)
    copy |= {"row": 0, "item_id": "0", "source": 0, "ordinal": 9, "commit": 1, "tags": ["sex"]}
    store.append("copies", pa.Table.from_pylist([copy], tables.COPIES), tables.COPIES)
    assert barred(store) == [0]


def test_an_administrator_lets_one_in_and_nobody_else(fill: Fill) -> None:
    store = fill(
        [{"source_rating": "e", "tags": ["teen"]}] * 2 + [{"source_rating": "e"}, {"source_rating": "s"}]
    )
    log = open_log(store)
    names = ids(store)
    log.append([Decision(0, names[0], "label", "age", "young adult")], "Ann")
    log.append([Decision(1, names[1], "label", "age", "young adult")], "Root")
    log.append([Decision(2, names[2], "label", "age", "young adult")], "Ann")
    log.append([Decision(3, names[3], "label", "age", "teen")], "Ann")
    assert barred(store, ("Root",)) == [0, 3]
    assert barred(store) == [0, 1, 3], "nobody is an administrator who is not named"


def test_without_an_age_in_the_vocabulary_nobody_is_an_adult(fill: Fill) -> None:
    store = fill([{"source_rating": "e", "age": "young adult"}])
    schema = tables.labels([("mood", "single-label")])
    label = dict.fromkeys(schema.names) | {
        "row": 0,
        "item_id": "0",
        "ambiguous": False,
        "mood": "young adult",
    }
    store.replace("labels", pa.Table.from_pylist([label], schema), schema)
    assert barred(store) == [0]


def test_a_label_that_is_written_for_several_ages_is_no_way_round(fill: Fill) -> None:
    store = fill([{"source_rating": "e"}, {"source_rating": "s"}])
    schema = tables.labels([("age", "multi-label")])
    labels = [
        dict.fromkeys(schema.names) | {"row": row, "item_id": str(row), "ambiguous": False, "age": ages}
        for row, ages in ((0, ["young adult"]), (1, ["young adult", "child"]))
    ]
    store.replace("labels", pa.Table.from_pylist(labels, schema), schema)
    assert barred(store) == [0, 1]


@given(
    st.sampled_from(["loli", "shota", "nude", "sex", "rating:e"]),
    st.sampled_from([str.upper, str.title, str.strip]),
)
def test_spelling_hides_nothing(word: str, spelled: Callable[[str], str]) -> None:
    for tag in (spelled(word), f" {spelled(word)} ", f"general:{word}", spelled(word).replace("_", " ")):
        assert says_minor(tag) or says_sexual(tag), tag


@pytest.mark.parametrize(
    "tag", ["smile", "lolita_fashion", "gothic_lolita", "childhood_friend_(song)", "sex:female", "cumulus"]
)
def test_other_words_are_left_alone(tag: str) -> None:
    assert not says_sexual(tag)
    assert tag == "childhood_friend_(song)" or not says_minor(tag)


RATED_BY_MODELS: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    ({}, {"rating_score": 0.1, "rating_level": "low", "rating": "g"}, False),
    ({}, {"rating_score": 0.3, "rating_level": "band"}, True),
    ({}, {"rating_score": 0.3, "rating_level": "low", "rating": "g"}, True),  # whatever the settings call low
    ({}, {"rating_score": 0.1, "rating_level": "band"}, True),
    ({}, {"rating": "q", "rating_source": "tagger"}, True),
    ({}, {"rating_score": float("nan")}, True),
    ({"age": "young adult"}, {"rating_score": 0.9, "rating": "e"}, False),
    ({"source_rating": "g"}, {"rating_score": 0.9, "rating_level": "high", "rating": "g"}, False),
    ({"source_rating": "odd"}, {"rating_score": 0.9, "rating": "g", "rating_source": "source"}, True),
    ({"tags": ["child", "park"]}, {"rating_score": 0.1, "rating": "s", "rating_source": "tagger"}, True),
    ({"tags": ["child", "park"]}, {"rating_score": 0.25}, True),
    ({"tags": ["child", "park"]}, {"rating_score": 0.05, "rating": "g"}, False),
]


def test_what_models_rate_is_taken_in(fill: Fill, tmp_path: Path) -> None:
    from curate.measures.rating import Rating

    store = fill([item for item, _, _ in RATED_BY_MODELS])
    schema = Rating(Settings()).schema()
    ids = store.read("items", ["item_id"]).column(0).to_pylist()
    rows = [
        dict.fromkeys(schema.names) | {"row": row, "item_id": ids[row]} | rated
        for row, (_, rated, _) in enumerate(RATED_BY_MODELS)
    ]
    store.replace("measures_rating", pa.Table.from_pylist(rows, schema), schema)
    gate = ProtectedGate(store)
    barred = [bool(gate.barred(np.array([row]))[0]) for row in range(len(rows))]
    assert barred == [wanted for _, _, wanted in RATED_BY_MODELS]


def test_rows_beyond_the_store_and_missing_columns_do_not_stop_the_gate(fill: Fill) -> None:
    store = fill([{}, {"source_rating": "e"}])
    table = pa.table({"row": pa.array([0, 99], pa.int64()), "rating_level": ["high", "high"]})
    store.replace("measures_rating", table, table.schema)
    assert ProtectedGate(store).barred(np.array([0, 1])).tolist() == [True, True]
