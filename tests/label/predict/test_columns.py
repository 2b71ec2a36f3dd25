"""Labels as Arrow columns: nulls for what is open, lists for multi-label attributes, conflicts as records."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from label.observed.labels import REVIEW, SOURCES
from label.predict.columns import ConflictRecord, conflict_column, label_columns, with_resolved
from label.predict.decide import MODEL
from label.predict.predict import LabelColumn, ResolvedConflict
from schema import tables
from schema.tags.conflicts import DENIED, DISAGREE, Conflict
from schema.vocabulary import load_vocabulary

VOCABULARY = load_vocabulary()
TAG = SOURCES.index("tag")
HAIR = Conflict("hair_color", DISAGREE, ("red", "blue"), ("red_hair", "blue_hair"))


def column(name: str, entries: list[tuple[int, int, float, int]], values: list[str], n: int) -> LabelColumn:
    item, code, confidence, source = (np.array(part) for part in zip(*entries, strict=True))
    return LabelColumn(
        VOCABULARY.attribute(name),
        values,
        n,
        item.astype(np.int64),
        code.astype(np.int32),
        confidence.astype(np.float32),
        source.astype(np.int8),
        np.arange(n, dtype=np.int32),
    )


def test_a_single_label_column() -> None:
    made = label_columns(column("hair_color", [(0, 1, 0.5, TAG), (2, 0, 1.0, REVIEW)], ["red", "blue"], 3))
    assert made["hair_color"].to_pylist() == ["blue", None, "red"]
    assert made["hair_color_confidence"].to_pylist() == [0.5, None, 1.0]
    assert made["hair_color_source"].to_pylist() == ["tag", None, "review"]
    assert made["hair_color_support"].to_pylist() == [0, None, 2]


def test_a_multi_label_column_has_the_least_confidence_and_the_least_trusted_source() -> None:
    entries = [(1, 0, 0.5, TAG), (1, 1, 0.75, MODEL), (2, 1, 1.0, REVIEW)]
    made = label_columns(column("dress", entries, ["shirt", "skirt"], 3))
    assert made["dress"].to_pylist() == [None, ["shirt", "skirt"], ["skirt"]]
    assert made["dress_sources"].to_pylist() == [None, ["tag", "model"], ["review"]]
    assert made["dress_source"].to_pylist() == [None, "model", "review"]
    assert made["dress_confidence"].to_pylist() == [None, 0.5, 1.0]
    assert made["dress_confidences"].to_pylist() == [None, [0.5, 0.75], [1.0]]


def test_a_resolved_conflict_says_what_the_model_gives() -> None:
    hat = Conflict("accessories", DENIED, ("hat",), ("hat",))
    resolved = {"hair_color": ResolvedConflict("red", 0.97), "eye_color": ResolvedConflict("green", 0.99)}
    records = with_resolved([HAIR, hat], resolved)
    assert [str(record) for record in records] == [
        "red (red_hair) or blue (blue_hair); the model gives red (0.97)",
        "hat (hat), yet denied",
        "the model gives green (0.99)",
    ]


def test_conflicts_go_into_the_table_and_come_back() -> None:
    kind = tables.labels([]).field("conflicts").type
    records = with_resolved([HAIR], {"hair_color": ResolvedConflict("red", 0.5)})
    stored = conflict_column(3, {1: records}, kind)
    assert stored.type == pa.list_(tables.CONFLICT)
    assert [len(each) for each in stored.to_pylist()] == [0, 1, 0]
    assert [ConflictRecord.read(each) for each in stored.to_pylist()[1]] == records
    assert conflict_column(2, {}, kind).to_pylist() == [[], []]
