"""Writing labels: items chunk by chunk through the models, and what the summary and the next run need of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from index.stages.parallel import cores, in_order
from label.data.dataset import LabelInputs
from label.learn.fit_all import LabelModels
from label.predict.columns import MODEL_SOURCE, ConflictRecord, conflict_column, label_columns, with_resolved
from label.predict.noise import CONTRADICTED, MISSING, NoiseCandidate, NoiseLists, candidates
from label.predict.predict import ItemBatch, ResolvedConflict, predict
from schema import tables
from schema.arrays import Ints, Rows
from schema.settings import LabelSettings
from schema.vocabulary import Vocabulary

CHUNK = 1 << 17
"""Items that are labelled together."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """The labels of some items, the noise candidates among them, and what each vector asked: ``cells`` int16
    [m, attributes] of the items at ``places`` [m], -1 where an attribute has no reference items."""

    batch: pa.RecordBatch
    noise: list[NoiseCandidate]
    places: Ints
    cells: npt.NDArray[np.int16]


class LabelWriter:
    """Labels items chunk by chunk, and keeps what the summary, the noise lists and the next run need.

    ``cells`` int16 [n, attributes] by row is filled in with the cell that each item asks of each attribute.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        inputs: LabelInputs,
        models: LabelModels,
        settings: LabelSettings,
        cells: npt.NDArray[np.int16],
    ) -> None:
        self.vocabulary = vocabulary
        self.inputs = inputs
        self.models = models
        self.settings = settings
        self.cells = cells
        self.schema = tables.labels([(each.name, each.kind) for each in vocabulary.attributes])
        self.noise = NoiseLists(settings.noise_limit, len(vocabulary.names))
        self.counts = {name: {"stated": 0, "predicted": 0} for name in vocabulary.names}
        self.ambiguous = 0

    def batches(self, done: Callable[[int], None], rows: Rows | None = None) -> Iterator[pa.RecordBatch]:
        """Yield the labels of ``rows`` (ascending), of all items by default, in row order."""
        wanted = self.inputs.dataset.rows if rows is None else rows
        parts = (wanted[start : start + CHUNK] for start in range(0, len(wanted), CHUNK))
        for chunk in in_order(self.label, parts, cores(self.settings.threads)):
            self.noise.add(chunk.noise)
            self.cells[chunk.places] = chunk.cells
            if rows is None:
                self.count(chunk.batch)
            yield chunk.batch
            done(chunk.batch.num_rows)

    def label(self, rows: Rows) -> Chunk:
        """Return the labels of ``rows`` (ascending) and what comes with them."""
        items = ItemBatch.of(self.inputs, rows)
        columns: dict[str, pa.Array] = {}
        noise: list[NoiseCandidate] = []
        resolved: dict[int, dict[str, ResolvedConflict]] = {}
        cells = np.full((len(items.with_vector), len(self.vocabulary.names)), -1, np.int16)
        for prediction in predict(self.models, self.vocabulary, items, check_noise=True):
            name = prediction.column.attribute.name
            columns.update(label_columns(prediction.column))
            for item, value in prediction.column.resolved.items():
                resolved.setdefault(item, {})[name] = value
            if prediction.decided is not None:
                cells[:, self.vocabulary.names.index(name)] = prediction.decided.scores.cells[0]
                floors = (self.noise.floor(name, CONTRADICTED), self.noise.floor(name, MISSING))
                noise += candidates(prediction.decided, rows, *floors)
        columns |= self._item_columns(items, resolved)
        arrays = [columns[field.name].cast(field.type) for field in self.schema]
        batch = pa.RecordBatch.from_arrays(arrays, schema=self.schema)
        return Chunk(batch, noise, items.places[items.with_vector], cells)

    def _item_columns(
        self, items: ItemBatch, resolved: dict[int, dict[str, ResolvedConflict]]
    ) -> dict[str, pa.Array]:
        """Return the columns that concern items as a whole."""
        n, numbers = len(items.rows), items.rows.tolist()
        conflicts: dict[int, list[ConflictRecord]] = {}
        for item, row in enumerate(numbers):
            if row in self.inputs.conflicts or item in resolved:
                found = with_resolved(self.inputs.conflicts.get(row, ()), resolved.get(item, {}))
                conflicts[item] = found
        item_ids = [self.inputs.item_ids[place] for place in items.places.tolist()]
        return {
            "row": pa.array(items.rows),
            "item_id": pa.array(item_ids),
            "ambiguous": pa.array([item in items.ambiguous for item in range(n)]),
            "ambiguous_reason": pa.array([items.ambiguous.get(item) for item in range(n)], pa.string()),
            "conflicts": conflict_column(n, conflicts, self.schema.field("conflicts").type),
        }

    def count(self, batch: pa.RecordBatch) -> None:
        """Count what a part of the table holds: values by who gave them, and ambiguous items."""
        self.ambiguous += int(batch["ambiguous"].true_count)
        for name, counted in self.counts.items():
            source = batch[f"{name}_source"]
            predicted = int(pa.compute.equal(source, MODEL_SOURCE).true_count)
            counted["predicted"] += predicted
            counted["stated"] += len(source) - source.null_count - predicted

    def noise_table(self) -> pa.RecordBatch:
        """Return the noise lists, the highest scores first within attribute and kind."""
        return self.noise.table(self.inputs.item_ids)
