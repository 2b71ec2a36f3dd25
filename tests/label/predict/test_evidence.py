"""Evidence and explanations of single items agree with the labels table, and name who votes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from index.store import Store
from label.data.load import ItemLoader
from label.predict.evidence import evidence, evidence_of_vector
from label.predict.explain import explain
from label.stage import run_label
from label.update.stored import load_models
from schema import tables
from schema.errors import VocabularyError
from schema.settings import Settings, load_settings
from schema.vocabulary import load_vocabulary

VOCABULARY = load_vocabulary()
COLORS = ("black", "blonde", "red", "blue")


def labels_of(store: Store) -> list[dict[str, Any]]:
    return store.read("labels").to_pylist()


def test_the_evidence_is_what_the_label_run_went_by(planted: Any) -> None:
    with Store.open(planted.uri) as store:
        models, loader = load_models(store), ItemLoader(store, VOCABULARY, Settings())
        rows = labels_of(store)
        for row in planted.untagged[:40].tolist():
            found = evidence(loader, models, row, "hair_color")
            assert found is not None
            given = [value for value in found.values if value.given]
            assert [value.value for value in given] == [each for each in [rows[row]["hair_color"]] if each]
            if given:
                assert given[0].probability == pytest.approx(rows[row]["hair_color_confidence"], abs=1e-4)
                assert given[0].required is not None and given[0].probability >= given[0].required
            assert not found.omits and found.stated == ()
            probabilities = [value.probability for value in found.values]
            assert probabilities == sorted(probabilities, reverse=True)


def test_reference_items_are_ranked_and_never_the_item_itself_or_an_ambiguous_one(planted: Any) -> None:
    row = int(planted.untagged[0])
    with Store.open(planted.uri) as store:
        found = evidence(ItemLoader(store, VOCABULARY, Settings()), load_models(store), row, "hair_color")
    assert found is not None
    references = found.references
    assert len(references.rows) == len(references.shares) == len(references.values) > 10
    assert np.all(np.diff(references.shares) <= 0)
    assert 0 < references.shares.sum() <= 1
    assert not {row, *planted.several.tolist()} & set(references.rows.tolist())
    few = references.shown(5, 0.0)
    assert few.rows.tolist() == references.rows[:5].tolist() and len(few.values) == 5
    assert len(references.shown(1000, 0.01).rows) == int((references.shares >= 0.01).sum())


def test_a_picture_from_outside_gets_what_its_like_in_the_store_gets(planted: Any) -> None:
    with Store.open(planted.uri) as store:
        models = load_models(store)
        rows = labels_of(store)
        folds = {r["row"]: r["fold"] for r in store.read("label_state", ["row", "fold"]).to_pylist()}
        vectors = store.vectors("test").data
    alike = [row for row in planted.untagged.tolist() if folds[row] == 0]
    assert len(alike) > 20
    for row in alike:
        found = evidence_of_vector(models, VOCABULARY, vectors[row], ["hair_color"])["hair_color"]
        given = [value.value for value in found if value.given]
        assert given == [each for each in [rows[row]["hair_color"]] if each]


def test_an_explanation_names_reference_items_weights_and_thresholds(planted: Any) -> None:
    with Store.open(planted.uri) as store:
        models, loader = load_models(store), ItemLoader(store, VOCABULARY, Settings())
        rows = labels_of(store)
        row = next(r["row"] for r in rows if r["hair_color_source"] == "model")
        found = explain(loader, models, row, "hair_color")
        unknown = explain(loader, models, row, "ethnicity")
        with pytest.raises(VocabularyError, match="hair_colour"):
            explain(loader, models, row, "hair_colour")
    assert found.label == (rows[row]["hair_color"],)
    assert found.evidence is not None
    assert found.confidence == pytest.approx(found.evidence.values[0].probability, abs=1e-4)
    words = str(found)
    assert (
        "reference items" in words and "needs" in words and "weights of the evidence: neighbours x" in words
    )
    assert unknown.evidence is None
    assert "no label" in str(unknown) and "no model" in str(unknown)


def test_contradicting_tags_are_no_omission(planted_copy: Any) -> None:
    """Who tags two hair colours has not left out the hair colour, though facial hair may be absent and is left out."""
    row = int(planted_copy.untagged[0])
    with Store.open(planted_copy.uri, write=True) as store:
        items = store.read("items").to_pylist()
        items[row]["tags"] = ["1girl", "solo", "red_hair", "blue_hair"]
        schema = store.schema("items")
        store.replace("items", pa.Table.from_pylist(items, schema), schema)
        run_label(store, Settings())
        record = labels_of(store)[row]
        loader = ItemLoader(store, VOCABULARY, Settings())
        found = explain(loader, load_models(store), row, "hair_color")
    assert found.evidence is not None and not found.evidence.omits
    (conflict,) = found.conflicts
    assert set(conflict.values) == {"red", "blue"}
    assert found.label == tuple(each for each in [record["hair_color"]] if each)
    assert f"conflict: {conflict}" in str(found)


def test_prompts_of_the_store_are_evidence(planted_copy: Any) -> None:
    schema = tables.prompts(24)
    vectors = np.eye(24, dtype=np.float32)[:4]
    records = [
        {"attribute": "hair_color", "value": value, "vector": vector.tolist()}
        for value, vector in zip(COLORS, vectors, strict=True)
    ]
    with Store.open(planted_copy.uri, write=True) as store:
        store.replace("prompts_test", pa.Table.from_pylist(records, schema), schema)
        # The planted colours lie along the prompts, and yet the louder style hides them: little can be found.
        run_label(store, load_settings(None, ["label.sources=tags,prompts", "label.precision=0.6"]))
        rows = labels_of(store)
        run_label(store, Settings())
        row = int(planted_copy.untagged[0])
        found = evidence(ItemLoader(store, VOCABULARY, Settings()), load_models(store), row, "hair_color")
    assert found is not None
    assert [kind for kind, _ in found.weights] == ["neighbours", "centroids", "probe", "prompts"]
    given = [row for row in rows if row["hair_color_source"] == "model"]
    right = [row for row in given if row["hair_color"] == COLORS[planted_copy.colors[row["row"]]]]
    assert len(given) > 20
    assert len(right) / len(given) > 0.55
