"""How well a picture goes with its own text: the similarity of their vectors; the worst are a queue for reviewers."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow as pa

from curate.measures.vectors import VectorMeasure, write_percentiles
from index.stages.row_plugin import Batch, Results
from index.store import Store
from schema.errors import StoreError


class Alignment(VectorMeasure):
    """Alignment of an item and its text; items without a text have no row.

    - ``alignment``: similarity of the picture's vector to that of its text;
    - ``alignment_percentile``: its percentile in the collection, 0 the worst.
    """

    name = "alignment"
    gives: ClassVar = {"alignment": pa.float32(), "alignment_percentile": pa.float32()}

    def bind(self, store: Store) -> None:
        """See VectorMeasure. Raises StoreError where the embed stage has made no vectors of texts."""
        super().bind(store)
        if not store.has(f"text_vectors_{self.encoder}"):
            raise StoreError(
                f"the items' texts have no vectors of {self.encoder}",
                "Put alignment into measure.names and run: likeness embed --store ... The encoder must read texts.",
            )

    def joins(self) -> dict[str, tuple[str, str]]:
        """Return the vectors of pictures and of texts."""
        own = {"text_vector": (f"text_vectors_{self.encoder}", "vector")} if self.encoder else {}
        return super().joins() | own

    def compute(self, batch: Batch) -> Results:
        """See RowPlugin."""
        column = batch.items.column("text_vector").combine_chunks()
        texts = np.asarray(column.flatten(), np.float32).reshape(len(column), -1)
        return Results({"alignment": (batch.vectors.astype(np.float32) * texts).sum(axis=1)})

    def finish(self, store: Store) -> list[str]:
        """Rank the collection."""
        write_percentiles(store, self.table, {"alignment": "alignment_percentile"})
        return []
