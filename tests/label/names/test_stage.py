"""The stage: what is stated stands, names are inferred, reviewers outrank both, strangers are grouped."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from index.neighbours.graph import run_index
from index.reviews.open import open_log
from index.store import Store
from index.store.runs import Runs
from label.names.stage import run_names
from schema import tables
from schema.errors import SettingsError
from schema.ids import content_id
from schema.records import Decision
from schema.settings import Settings, load_settings

STRANGERS = (22, 23)


@pytest.fixture(scope="session")
def named_template(tmp_path_factory: pytest.TempPathFactory, planted_names: Callable[..., Any]) -> Any:
    """A store of pictures of 24 characters; two of them nobody has named, nor a third of the other pictures."""
    planted = planted_names()
    n = len(planted.truth)
    named = (np.random.default_rng(5).random(n) < 0.7) & ~np.isin(planted.truth, STRANGERS)
    names = [
        f"Girl_{name}_(show)" if row % 2 else f"girl {name} (Show)" for row, name in enumerate(planted.stated)
    ]
    records = [
        dict.fromkeys(tables.ITEMS.names)
        | {"row": row, "item_id": content_id(str(row).encode()), "source": 0, "ordinal": row, "commit": 1}
        | {"keys": [str(row)], "status": "ok", "characters": [names[row]] if named[row] else None}
        for row in range(n)
    ]
    folder = tmp_path_factory.mktemp("names") / "store"
    vectors = tables.vectors(planted.vectors.shape[1])
    with Store.open(folder, create=True, write=True) as store:
        store.append("items", pa.Table.from_pylist(records, tables.ITEMS), tables.ITEMS)
        with Runs(store).start("embed", {}, ["items"]) as run:
            data = pa.FixedSizeListArray.from_arrays(
                pa.array(planted.vectors.ravel()), planted.vectors.shape[1]
            )
            ids = pa.array([each["item_id"] for each in records])
            batch = pa.record_batch([pa.array(range(n)), ids, data], schema=vectors)
            store.append("vectors_test", [batch], vectors)
            run.facts["key"] = "test"
        run_index(store, load_settings(None, ["index.k=12"]))
    return folder, planted, named


@pytest.fixture
def named_store(tmp_path: Path, named_template: Any) -> Any:
    """A fresh copy of that store, with the truth, and which pictures are named."""
    folder, planted, named = named_template
    shutil.copytree(folder, tmp_path / "store")
    with Store.open(tmp_path / "store", write=True) as store:
        yield store, planted, named


def test_names_are_stated_inferred_doubted_and_grouped(named_store: Any) -> None:
    store, planted, named = named_store
    summary = run_names(store, Settings())
    assert summary.counts["character: names"] == 22
    table = store.read("names").to_pylist()
    assert [record["row"] for record in table] == list(range(len(planted.truth)))
    wanted = [f"girl {name} (show)" for name in range(24)]
    for row in np.flatnonzero(named).tolist():
        assert table[row]["character"][0].casefold() == wanted[planted.stated[row]]
        assert table[row]["character_source"] == "source"
    inferred = [record for record in table if record["character_source"] == "model"]
    assert len(inferred) > 30
    right = [record["character"][0].casefold() == wanted[planted.truth[record["row"]]] for record in inferred]
    assert np.mean(right) >= 0.95
    doubtful = [record for record in table if (record["character_doubt"] or 0) >= 0.5]
    assert np.mean([planted.wrong[record["row"]] for record in doubtful]) > 0.8
    assert np.mean([bool(record["character_suggested"]) for record in doubtful]) > 0.8
    groups: dict[str, set[int]] = {}
    for record in table:
        if record["unknown_character"]:
            groups.setdefault(record["unknown_character"], set()).add(int(planted.truth[record["row"]]))
    assert {name for names in groups.values() for name in names} >= set(STRANGERS)
    assert all(len(names) == 1 for names in groups.values())
    assert run_names(store, Settings()).skipped


def test_reviewers_outrank_sources_and_models(named_store: Any) -> None:
    store, *_ = named_store
    run_names(store, Settings())
    before = store.read("names").to_pylist()
    inferred = next(record for record in before if record["character_source"] == "model")
    stated = next(record for record in before if record["character_source"] == "source")
    unknown = [record for record in before if record["unknown_character"]]
    group = [record for record in unknown if record["unknown_character"] == unknown[0]["unknown_character"]]
    decisions = [
        Decision(
            inferred["row"], inferred["item_id"], "label", "character", inferred["character"][0], "reject"
        ),
        Decision(stated["row"], stated["item_id"], "label", "character", "somebody else"),
        *(Decision(each["row"], each["item_id"], "label", "character", "Newcomer") for each in group),
    ]
    log = open_log(store)
    log.append(decisions, "ann")
    log.close()
    assert not run_names(store, Settings()).skipped
    after = store.read("names").to_pylist()
    assert after[inferred["row"]]["character"] != inferred["character"]
    assert after[stated["row"]]["character"] == ["somebody else"]
    assert after[stated["row"]]["character_source"] == "review"
    assert {after[each["row"]]["character"][0] for each in group} == {"Newcomer"}


def test_without_names_or_vectors_it_says_why(store: Store, add_items: Callable[..., None]) -> None:
    add_items(store, 3)
    summary = run_names(store, Settings())
    assert "nothing is inferred" in summary.notes[0]
    assert store.read("names")["character"].null_count == 3


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("names.title_rule=(", "no regular expression"),
        ("names.title_rule=by .*", "no group called name"),
        ('names.columns=["nobody"]', "no column 'nobody'"),
    ],
)
def test_wrong_settings_are_told(
    store: Store, add_items: Callable[..., None], setting: str, said: str
) -> None:
    add_items(store, 1)
    with pytest.raises(SettingsError, match=said):
        run_names(store, load_settings(None, [setting]))


def test_columns_that_name_characters_are_those_of_the_setting(
    store: Store, add_items: Callable[..., None]
) -> None:
    add_items(store, 1, characters=["Rin"], collection="Saber")
    for columns, names in (
        ("characters", ["Rin"]),
        ("collection", ["Saber"]),
        ("characters,collection", ["Rin", "Saber"]),
    ):
        run_names(store, load_settings(None, [f"names.columns={columns}"]))
        assert store.read("names")["character"].to_pylist() == [names]


def test_a_title_may_name_the_character(store: Store, add_items: Callable[..., None]) -> None:
    add_items(store, 1, text="Rin, fan art")
    add_items(store, 1, 1, text="a landscape")
    run_names(store, load_settings(None, ["names.title_rule=^(?P<name>[^,]+), fan art"]))
    assert store.read("names")["character"].to_pylist() == [["Rin"], None]
