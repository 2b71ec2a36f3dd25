"""What a caption may say of an item: accepted labels as reviewers left them, its own tags, and facts of its source.

Everything comes from the tables at the time of the run. A label that was rejected, that is below its threshold or in
conflict is not among them, and no captioner sees it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from curate.aligned import Aligned
from curate.export.duplicate_groups import DuplicateGroups
from index.reviews.effective import EffectiveReviews, ReviewedLabel, effective_reviews
from index.store import Store
from index.store.runs import Runs
from schema.ids import settings_hash
from schema.settings import Settings
from schema.vocabulary import Attribute, load_vocabulary

SOURCE = ("artists", "copyrights", "characters", "meta_tags", "source_rating", "source_score", "posted")
TABLES = ("items", "copies", "groups", "labels")
SAYABLE = "sayable"
"""The column with what may be said, a struct of the fields of ``Sayable`` beside those of the source."""

_LABEL = pa.struct([pa.field("attribute", pa.string()), pa.field("values", pa.list_(pa.string()))])
_SAYABLE = pa.struct(
    [
        pa.field("labels", pa.list_(_LABEL)),
        pa.field("rejected", pa.list_(_LABEL)),
        pa.field("judged", pa.bool_()),
        pa.field("several", pa.bool_()),
        pa.field("sentences", pa.list_(_LABEL)),
        pa.field("edited", pa.list_(pa.string())),
    ]
)


@dataclass(frozen=True, slots=True)
class Sayable:
    """One item: accepted values by attribute, rejected ones, tags, and what its source states.

    ``judged``: the label stage has looked at it; else nothing but its tags is known. ``several``: it shows several
    characters, so no label says whose it is. ``sentences`` are captions that other captioners wrote, by their name;
    ``edited`` names those that reviewers wrote.
    """

    item_id: str
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rejected: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    judged: bool = False
    several: bool = False
    tags: tuple[str, ...] = ()
    source: Mapping[str, Any] = field(default_factory=dict)
    sentences: Mapping[str, str] = field(default_factory=dict)
    edited: frozenset[str] = frozenset()

    def names(self, column: str) -> tuple[str, ...]:
        """Return a list that the source states, such as ``artists``."""
        return tuple(self.source.get(column) or ())

    @property
    def seed(self) -> int:
        """A number that is this item's own, the same on every machine."""
        return int.from_bytes(hashlib.blake2b(self.item_id.encode(), digest_size=8).digest(), "big")


class SayableItems:
    """The items of a store with what may be said of them."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._vocabulary = load_vocabulary(settings.tags.vocabulary or None)
        self._reviews = effective_reviews(store, vocabulary=self._vocabulary)

    def state(self, sentence: str = "") -> str:
        """Return what changes with anything that may be said, as 16 hexadecimal digits.

        ``sentence`` names a captioner whose captions are read, too.
        """
        # Sentences of labels are made anew where they are needed: of these only the edited ones are read.
        others = (f"captions_{sentence}",) if sentence not in ("", "from_labels") else ()
        named = [name for name in (*TABLES, "revised_items", *others) if self._store.has(name)]
        decided = [
            (key, label.values, label.rejected, label.exact)
            for key, label in sorted(self._reviews.labels.items())
        ]
        facts = {
            "tables": Runs(self._store).known_versions(named),
            "labels": decided,
            "subjects": sorted(self._reviews.subjects.items()),
            "captions": sorted(pair for pair in self._reviews.captions.items() if pair[0][1] == sentence),
        }
        return settings_hash(facts)

    def batches(self, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield items in row order with these columns, tags and facts of set-aside copies merged, and SAYABLE."""
        store, groups = self._store, DuplicateGroups(self._store)
        written = [name for name in store.tables() if name.startswith("captions_")]
        columns = ["ambiguous", *(attribute.name for attribute in self._vocabulary.attributes)]
        asked = sorted({*names, "row", "item_id", "keys", "tags", *SOURCE})
        for items in store.items(asked):
            rows = items.column(items.schema.get_field_index("row")).to_numpy().astype(np.int64)
            merged, _ = groups.merge_copies(items, rows)
            labels = Aligned(store, "labels", rows, columns)
            captions = {
                name.removeprefix("captions_"): Aligned(
                    store, name, rows, [f"caption_{name.removeprefix('captions_')}"]
                )
                for name in written
            }
            values = self._values(rows.tolist(), labels, captions)
            yield merged.append_column(SAYABLE, pa.array(values, _SAYABLE))

    def _values(
        self, rows: Sequence[int], labels: Aligned, captions: Mapping[str, Aligned]
    ) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = [
            {
                "labels": [],
                "rejected": [],
                "judged": judged,
                "several": several,
                "sentences": [],
                "edited": [],
            }
            for judged, several in zip(
                labels.present.tolist(), labels.flag("ambiguous").tolist(), strict=True
            )
        ]
        for attribute in self._vocabulary.attributes:
            column = labels.column(attribute.name)
            stored = column.to_pylist() if column is not None else [None] * len(rows)
            for row, value, each in zip(rows, stored, found, strict=True):
                said = self._reviews.labels.get((row, attribute.name))
                accepted = accepted_values(attribute, value, said)
                if accepted:
                    each["labels"].append({"attribute": attribute.name, "values": accepted})
                if said is not None and said.rejected:
                    each["rejected"].append({"attribute": attribute.name, "values": list(said.rejected)})
        for name, aligned in captions.items():
            column = aligned.column(f"caption_{name}")
            texts = column.to_pylist() if column is not None else [None] * len(rows)
            for row, text, each in zip(rows, texts, found, strict=True):
                edited = self._reviews.captions.get((row, name))
                text = edited or text
                if edited:
                    each["edited"].append(name)
                if text:
                    each["sentences"].append({"attribute": name, "values": [text]})
        _take_subjects(self._reviews, rows, found)
        return found


def accepted_values(attribute: Attribute, stored: Any, said: ReviewedLabel | None) -> list[str]:
    """Return the values that hold: those of the labels table, and what reviewers have said of them since."""
    values = list(stored) if isinstance(stored, list) else [stored] if stored else []
    if said is None:
        return values
    if said.exact:
        return list(said.values)
    refused = set(said.rejected)
    kept = [value for value in values if refused.isdisjoint((value, *attribute.ancestors(value)))]
    added = [value for value in said.values if value not in kept]
    return (added or kept) if attribute.kind == "single-label" else [*kept, *added]


def sayable_of(items: pa.Table) -> list[Sayable]:
    """Return what may be said of each row of a batch that ``SayableItems`` made."""
    found = []
    for record in items.to_pylist():
        held = record[SAYABLE]
        found.append(
            Sayable(
                record["item_id"],
                _by_name(held["labels"]),
                _by_name(held["rejected"]),
                bool(held["judged"]),
                bool(held["several"]),
                tuple(record["tags"] or ()),
                {name: record[name] for name in SOURCE},
                {each["attribute"]: each["values"][0] for each in held["sentences"]},
                frozenset(held["edited"]),
            )
        )
    return found


def _by_name(labels: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    return {each["attribute"]: tuple(each["values"]) for each in labels}


def _take_subjects(reviews: EffectiveReviews, rows: Sequence[int], found: Sequence[dict[str, Any]]) -> None:
    for row, each in zip(rows, found, strict=True):
        said = reviews.subjects.get(row)
        if said is not None:
            each["several"] = said == "several"
