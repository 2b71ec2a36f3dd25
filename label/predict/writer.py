"""Writing labels: items chunk by chunk through the frozen models, and what summary, noise lists and next run need."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from index.stages.parallel import cores, in_order
from label.data.load import Found
from label.learn.fit_all import Learned
from label.predict.decide import MACHINE, Column, Doubt, arrays, decide
from label.sources import learned_names, source_class
from label.update.changes import State
from schema import tables
from schema.arrays import Ints
from schema.settings import LabelSettings
from schema.vocabulary import Vocabulary

CHUNK = 1 << 17
NOISE = tables.LABEL_NOISE


class Writer:
    """Labels items chunk by chunk, and remembers what the summary, the noise lists and the next run need."""

    def __init__(
        self, vocabulary: Vocabulary, found: Found, learned: Learned, settings: LabelSettings, state: State
    ) -> None:
        self.vocabulary = vocabulary
        self.found = found
        self.learned = learned
        self.settings = settings
        self.state = state
        self.schema = tables.labels([(each.name, each.kind) for each in vocabulary.attributes])
        self.doubts: list[Doubt] = []
        self._lowest: dict[tuple[str, str], float] = {}
        self.counted: dict[str, dict[str, int]] = {
            each.name: {"stated": 0, "voted": 0} for each in vocabulary.attributes
        }
        self.ambiguous = 0
        sources = learned_names(settings.sources)
        self.machine = source_class(sources[0]).word if len(sources) == 1 else "fused"

    def batches(self, done: Callable[[int], None], rows: Ints | None = None) -> Iterator[pa.RecordBatch]:
        """Yield the labels of ``rows`` (ascending), of all items by default, in row order."""
        chosen = np.arange(self.found.collection.size) if rows is None else rows
        parts = (chosen[start : start + CHUNK] for start in range(0, len(chosen), CHUNK))
        for batch, doubts in in_order(self.chunk, parts, cores(self.settings.threads)):
            self._keep(doubts)
            if rows is None:
                self.count(batch)
            yield batch
            done(batch.num_rows)

    def chunk(self, rows: Ints) -> tuple[pa.RecordBatch, list[Doubt]]:
        """Return the labels of ``rows`` (ascending) and what is doubted of them."""
        collection = self.found.collection
        n = len(rows)
        places = np.flatnonzero(collection.at[rows] >= 0)
        audited = {
            name: stated.single(rows)[places]
            for name, stated in collection.stated.items()
            if stated.attribute.kind == "one"
        }
        vectors = collection.vectors[collection.at[rows[places]]]
        heard, audit = self.learned.listen(vectors, collection.folds[rows[places]], audited=audited)
        self.state.folds[rows] = collection.folds[rows]
        for at, name in enumerate(self.vocabulary.names):
            if name in heard:
                self.state.cells[rows[places], at] = heard[name].cells[0]
        numbers = rows.tolist()
        ambiguous = {
            at: self.found.ambiguous[row] for at, row in enumerate(numbers) if row in self.found.ambiguous
        }
        columns: dict[str, Any] = {}
        doubts: list[Doubt] = []
        conflicts = {
            at: list(self.found.conflicts[row])
            for at, row in enumerate(numbers)
            if row in self.found.conflicts
        }
        # The number of characters comes first: it says whose other attributes the votes may fill.
        ordered = sorted(self.vocabulary.attributes, key=lambda each: not each.ambiguous)
        for attribute in ordered:
            open_ = np.ones(n, bool)
            if not attribute.ambiguous:
                open_[list(ambiguous)] = False
            shut = self.found.closed.get(attribute.name, set())
            open_[[at for at, row in enumerate(numbers) if row in shut] if shut else []] = False
            column = decide(
                attribute,
                collection.stated[attribute.name],
                rows,
                open_,
                collection.tag_counts[rows] > 0,
                self.learned.models.get(attribute.name),
                heard.get(attribute.name),
                audit.get(attribute.name),
                places,
                self.found.rejected.get(attribute.name, {}),
                self._asked(attribute.name),
                self._floor,
            )
            if attribute.ambiguous:
                ambiguous.update(self._several(column, ambiguous))
            for row, text in column.resolved.items():
                conflicts.setdefault(int(np.searchsorted(rows, row)), []).append(text)
            doubts += column.doubts
            columns.update(arrays(column, self.machine))
        columns["row"] = rows
        columns["item_id"] = [self.found.item_ids[row] for row in numbers]
        columns["ambiguous"] = [at in ambiguous for at in range(n)]
        columns["ambiguous_reason"] = [ambiguous.get(at) for at in range(n)]
        columns["conflicts"] = lists(n, conflicts)
        built = [
            columns[each.name]
            if isinstance(columns[each.name], pa.Array)
            else pa.array(columns[each.name], each.type)
            for each in self.schema
        ]
        arrays_ = [array.cast(each.type) for array, each in zip(built, self.schema, strict=True)]
        return pa.RecordBatch.from_arrays(arrays_, schema=self.schema), doubts

    def _asked(self, name: str) -> float:
        model = self.learned.models.get(name)
        return model.asked if model else self.settings.precision

    def _several(self, column: Column, known: dict[int, str]) -> dict[int, str]:
        flags = [at for at, value in enumerate(column.values) if value in column.attribute.ambiguous]
        pick = np.isin(column.code, flags) & (column.source == MACHINE)
        return {
            int(column.item[at]): f"votes: {column.values[column.code[at]]} ({column.chance[at]:.2f})"
            for at in np.flatnonzero(pick).tolist()
            if int(column.item[at]) not in known
        }

    def count(self, batch: pa.RecordBatch) -> None:
        """Count what stands in a part of the table: by whom, and how many items are ambiguous."""
        self.ambiguous += int(batch["ambiguous"].true_count)
        for name, counted in self.counted.items():
            source = batch[f"{name}_source"]
            machine = int(pa.compute.equal(source, self.machine).true_count)
            counted["voted"] += machine
            counted["stated"] += len(source) - source.null_count - machine

    def _floor(self, kind: str, name: str) -> tuple[float, int]:
        """Return the score that a doubt needs to enter its list, and how many of a chunk can enter at most."""
        return self._lowest.get((name, kind), -np.inf), self.settings.noise_limit

    def _keep(self, doubts: list[Doubt]) -> None:
        self.doubts.extend(doubts)
        if len(self.doubts) > 2 * self.settings.noise_limit * len(self.vocabulary.names):
            ranked = self._ranked()
            self.doubts = [doubt for each in ranked.values() for doubt in each]
            limit = self.settings.noise_limit
            self._lowest = {key: each[-1].score for key, each in ranked.items() if len(each) == limit}

    def _ranked(self) -> dict[tuple[str, str], list[Doubt]]:
        """Return the list of each attribute and kind of doubt, the most doubtful first, no longer than the limit."""
        found: dict[tuple[str, str], list[Doubt]] = {}
        for doubt in self.doubts:
            found.setdefault((doubt.attribute, doubt.kind), []).append(doubt)
        for each in found.values():
            each.sort(key=lambda doubt: (-doubt.score, doubt.row, doubt.value))
            del each[self.settings.noise_limit :]
        return dict(sorted(found.items()))

    def noise(self) -> pa.RecordBatch:
        """Return the noise lists, the most doubtful first within attribute and kind."""
        records = [
            {
                "row": doubt.row,
                "item_id": self.found.item_ids[doubt.row],
                "attribute": doubt.attribute,
                "value": doubt.value,
                "kind": doubt.kind,
                "rank": rank,
                "score": doubt.score,
                "suggestion": doubt.suggestion,
                "chance": doubt.chance,
            }
            for doubts in self._ranked().values()
            for rank, doubt in enumerate(doubts, 1)
        ]
        return pa.RecordBatch.from_pylist(records, NOISE)


def lists(n: int, found: dict[int, list[str]]) -> pa.ListArray:
    """Return an array of n lists of words that are empty but for those ``found`` by place."""
    sizes = np.zeros(n + 1, np.int32)
    for at, words in found.items():
        sizes[at + 1] = len(words)
    flat = [word for at in sorted(found) for word in found[at]]
    return pa.ListArray.from_arrays(pa.array(np.cumsum(sizes, dtype=np.int32)), pa.array(flat, pa.string()))
