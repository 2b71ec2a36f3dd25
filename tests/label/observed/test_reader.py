"""What reviews, tags, texts and detectors say of one item together: the most trusted wins, and conflicts are values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from index.reviews.effective import ReviewedLabel
from label.observed import OBSERVERS, load_observers, observer_class
from label.observed.base import ItemWords
from label.observed.detector_source import DETECTORS
from label.observed.labels import SOURCES, ObservedLabels
from label.observed.reader import ItemReader, ItemReport
from schema.errors import SettingsError
from schema.settings import Settings, load_settings
from schema.vocabulary import load_vocabulary

VOCABULARY = load_vocabulary()
ITEM = ItemWords("0" * 32, ["a.png"], ["1girl", "solo", "red_hair"], "a girl with red hair")


@pytest.fixture
def counts(tmp_path: Path) -> Settings:
    table = pa.table({"key": ["a.png", "b.png", "c.png"], "count": [1, 2, None]})
    pq.write_table(table, tmp_path / "n.parquet")
    return load_settings(None, ["label.detector=file", f"label.detector_path={tmp_path / 'n.parquet'}"])


def nothing_observed() -> dict[str, ObservedLabels]:
    return {attribute.name: ObservedLabels(attribute) for attribute in VOCABULARY.attributes}


def said(observed: ObservedLabels) -> list[tuple[int, str, str]]:
    """Return (row, value, source) of everything observed."""
    rows, codes, sources = observed.triples()
    triples = zip(rows.tolist(), codes.tolist(), sources.tolist(), strict=True)
    return [(row, observed.values[code], SOURCES[source]) for row, code, source in triples]


def reviewed(*values: str, rejected: tuple[str, ...] = (), exact: bool = True) -> dict[str, ReviewedLabel]:
    label = ReviewedLabel(0, ITEM.item_id, "hair_color", values, rejected, exact, "Ann", "", 1)
    return {"hair_color": label}


@pytest.mark.parametrize("name", OBSERVERS)
def test_an_observer_gives_values_of_the_vocabulary(name: str, counts: Settings) -> None:
    kind = observer_class(name)
    assert kind.source in SOURCES
    observer = kind(VOCABULARY, counts)
    parsed = observer.read(ITEM)
    assert parsed is not None and parsed.values and parsed.ambiguous is None
    for attribute, values in parsed.values.items():
        assert all(VOCABULARY.attribute(attribute).holds(value) for value in values)
    assert observer.read(ItemWords("f" * 32)) is None


def test_observers_come_in_the_order_of_their_rank() -> None:
    loaded = load_observers(("knn", "detector", "tags", "text"), VOCABULARY, Settings())
    ranks = [SOURCES.index(observer.source) for observer in loaded]
    assert ranks == sorted(ranks, reverse=True)
    assert len(ranks) == len(OBSERVERS)


def test_tags_outrank_texts() -> None:
    observed = nothing_observed()
    item = ItemWords("x", [], ["1girl", "solo", "blue_hair"], "a girl with red hair and green eyes")
    assert ItemReader(VOCABULARY, Settings()).read(4, item, observed) == ItemReport()
    assert said(observed["hair_color"]) == [(4, "blue", "tag")]
    assert said(observed["eye_color"]) == [(4, "green", "text")]


@pytest.mark.parametrize(
    ("review", "expected"),
    [
        (reviewed("pink"), [(0, "pink", "review")]),
        (reviewed(), []),
        (reviewed("pink", exact=False), [(0, "pink", "review")]),
        (reviewed(rejected=("red",), exact=False), []),
        (reviewed(rejected=("blue",), exact=False), [(0, "red", "tag")]),
    ],
)
def test_reviews_outrank_tags(review: dict[str, ReviewedLabel], expected: list[Any]) -> None:
    observed = nothing_observed()
    ItemReader(VOCABULARY, Settings()).read(0, ITEM, observed, review)
    assert said(observed["hair_color"]) == expected


def test_contradicting_tags_are_contested_and_listed() -> None:
    observed = nothing_observed()
    reader = ItemReader(VOCABULARY, Settings())
    item = ItemWords("x", [], ["1girl", "solo", "red_hair", "blue_hair", "hat", "no_hat"])
    report = reader.read(3, item, observed)
    assert [(conflict.attribute, conflict.kind) for conflict in report.conflicts] == [
        ("hair_color", "disagree"),
        ("accessories", "denied"),
    ]
    hair = observed["hair_color"]
    assert {hair.values[code] for code in hair.contested[3]} == {"red", "blue"}
    assert not observed["accessories"].contested
    observed = nothing_observed()
    report = reader.read(3, item, observed, reviewed("red"))
    assert [conflict.attribute for conflict in report.conflicts] == ["accessories"], (
        "a reviewer has settled it"
    )
    assert not observed["hair_color"].contested


def test_the_detector_counts_characters(counts: Settings) -> None:
    observed = nothing_observed()
    reader = ItemReader(VOCABULARY, counts)
    assert reader.read(0, ItemWords("x", ["a.png"]), observed) == ItemReport()
    assert "detector counts 2" in reader.read(1, ItemWords("x", ["b.png"]), observed).ambiguous
    report = reader.read(2, ItemWords("x", ["b.png"], ["1girl", "solo"]), observed)
    assert "detector counts 2" in report.ambiguous and "subjects is one" in report.ambiguous
    assert reader.read(3, ItemWords("x", ["c.png"]), observed) == ItemReport()
    assert said(observed["subjects"]) == [(0, "one", "detector"), (1, "two", "detector"), (2, "one", "tag")]


def test_a_text_of_two_people_does_not_make_a_solo_picture_ambiguous() -> None:
    reader = ItemReader(VOCABULARY, Settings())
    item = ItemWords("x", [], ["1girl", "solo"], "a girl and a boy holding hands")
    assert reader.read(0, item, nothing_observed()).ambiguous == ""
    item = ItemWords("x", [], [], "a girl and a boy holding hands")
    assert "two" in reader.read(0, item, nothing_observed()).ambiguous


def test_a_detector_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert set(DETECTORS) == {"file"}
    for given, words in (("file", "cannot read the counts"), ("yolo", "no detector 'yolo'")):
        settings = load_settings(None, [f"label.detector={given}", "label.detector_path=/nowhere.parquet"])
        with pytest.raises(SettingsError, match=words):
            ItemReader(VOCABULARY, settings)
    (tmp_path / "n.csv").write_text("picture,count\na,1\n")
    settings = load_settings(None, ["label.detector=file", f"label.detector_path={tmp_path / 'n.csv'}"])
    with pytest.raises(SettingsError, match="no column of keys"):
        ItemReader(VOCABULARY, settings)
