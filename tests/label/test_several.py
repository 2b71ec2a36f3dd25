"""Multi-label attributes: what an item's own tags leave out is less probable than the scores say."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from index.reviews.open import open_log
from index.store import Store
from label.data.load import ItemLoader
from label.predict.explain import OMITS, explain
from label.stage import run_label
from label.update.stored import load_models
from schema.records import Decision
from schema.settings import Settings
from schema.vocabulary import load_vocabulary

N = 900
LEFT_OUT = 0.1
"""The share of what they see that these taggers leave out."""
WORN = {"glasses": (0, 1), "cap": (0, 2)}
"""By accessory: the kinds of characters that wear it."""

TAGS = {"glasses": "glasses", "cap": "baseball_cap"}


@pytest.fixture(scope="module")
def worn(
    tmp_path_factory: pytest.TempPathFactory,
    planted_vectors: Callable[..., Any],
    planter: Callable[..., None],
) -> tuple[str, list[dict[str, Any]], list[set[str]], list[set[str]]]:
    """A labelled store; its labels, what each item wears, and what its tags say of that."""
    x, kinds = planted_vectors(N, seed=4)
    rng = np.random.default_rng(5)
    true = [{name for name, who in WORN.items() if kind in who} for kind in kinds.tolist()]
    said = [{name for name in sorted(each) if rng.random() > LEFT_OUT} for each in true]
    tagged = rng.random(N) < 0.7
    uri = str(tmp_path_factory.mktemp("several") / "store")
    with Store.open(uri, create=True, write=True) as store:
        planter(store, np.arange(N), x, kinds, tagged, np.empty(0, np.int64))
        items = store.read("items").to_pylist()
        for row in np.flatnonzero(tagged).tolist():
            items[row]["tags"] += [TAGS[name] for name in sorted(said[row])]
        schema = store.schema("items")
        store.replace("items", pa.Table.from_pylist(items, schema), schema)
        run_label(store, Settings())
        labels = store.read("labels").to_pylist()
    return (
        uri,
        labels,
        true,
        [each if told else set() for each, told in zip(said, tagged.tolist(), strict=True)],
    )


def test_untagged_items_get_all_they_wear(worn: Any) -> None:
    _, labels, true, said = worn
    bare = [
        row for row in range(N) if not said[row] and true[row] and labels[row]["hair_color_source"] != "tag"
    ]
    found = [set(labels[row]["accessories"] or ()) for row in bare]
    assert sum(each == true[row] for each, row in zip(found, bare, strict=True)) > len(bare) / 2
    assert any(len(each) == 2 for each in found)


def test_what_own_tags_leave_out_is_not_added_but_listed(worn: Any) -> None:
    uri, labels, true, said = worn
    partly = [row for row in range(N) if said[row] and true[row] - said[row]]
    assert len(partly) > 20
    added = [row for row in partly if set(labels[row]["accessories"]) - said[row]]
    assert len(added) < 0.2 * len(partly)
    with Store.open(uri) as store:
        noise = store.read("label_noise").to_pylist()
    listed = {
        (r["row"], r["value"]) for r in noise if r["attribute"] == "accessories" and r["kind"] == "missing"
    }
    assert len({row for row, _ in listed} & set(partly)) > len(partly) / 2
    assert not [value for row, value in listed if value in said[row]]
    # A cap is a hat: who says one has said the other.
    assert not [row for row, value in listed if value == "hat" and "cap" in said[row]]
    probabilities = [r["probability"] for r in noise if (r["row"], r["value"]) in listed and said[r["row"]]]
    assert probabilities and max(probabilities) < 0.95


def test_the_evidence_says_so(worn: Any) -> None:
    uri, labels, true, said = worn
    row = next(row for row in range(N) if len(true[row]) == 2 and said[row] == {"glasses"})
    bare = next(row for row in range(N) if len(labels[row]["accessories"] or ()) == 2 and not said[row])
    with Store.open(uri) as store:
        models, loader = load_models(store), ItemLoader(store, load_vocabulary(), Settings())
        told, other = (explain(loader, models, each, "accessories") for each in (row, bare))
    assert told.evidence is not None and other.evidence is not None
    assert told.evidence.omits and told.evidence.stated == ("glasses",)
    cap = {value.value: value for value in told.evidence.values}["cap"]
    assert cap.required is not None and cap.probability < 0.95 <= cap.required and not cap.given
    assert OMITS in told.notes and not other.notes
    assert {value.value: value.probability for value in other.evidence.values}["cap"] > cap.probability


def test_a_confirmed_value_leaves_the_others_standing(worn: Any, tmp_path: Path) -> None:
    uri, labels, _, said = worn
    row = next(row for row in range(N) if len(labels[row]["accessories"] or ()) == 2 and not said[row])
    shutil.copytree(uri, tmp_path / "reviewed")
    log = open_log(str(tmp_path / "reviewed"))
    log.append([Decision(row, f"{row:032x}", "label", "accessories", "cap", action="add")], "tester")
    log.close()
    with Store.open(tmp_path / "reviewed", write=True) as store:
        run_label(store, Settings())
        after = store.read("labels").to_pylist()[row]
    assert dict(zip(after["accessories"], after["accessories_sources"], strict=True)) == {
        "cap": "review",
        "glasses": "model",
    }
