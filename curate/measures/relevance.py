"""How far a picture is what the collection is for: its vector beside those of wanted and unwanted texts.

No picture is read. Cosines of different texts and encoders cannot be compared, so what to filter on is the percentile
within the collection.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow as pa

from curate.measures.vectors import VectorMeasure, write_percentiles
from index.stages.row_plugin import Batch, Results
from index.store import Store
from schema.errors import StoreError
from schema.sections.relevance import RelevanceOptions, texts_of


class Relevance(VectorMeasure):
    """Relevance of an item.

    - ``relevance``: similarity to the nearest wanted text less that to the nearest unwanted one;
    - ``relevance_percentile``: its percentile in the collection, 100 the most relevant;
    - ``relevance_text``: the text, wanted or not, that it is nearest to; ``relevance_similarity``: how near.
    """

    name = "relevance"
    gives: ClassVar = {
        "relevance": pa.float32(),
        "relevance_percentile": pa.float32(),
        "relevance_text": pa.string(),
        "relevance_similarity": pa.float32(),
    }
    Options = RelevanceOptions

    def bind(self, store: Store) -> None:
        """Read the vectors of the texts. Raises StoreError where the embed stage has not made them."""
        super().bind(store)
        table = f"texts_{self.encoder}"
        wanted = texts_of(self.settings)
        known = {}
        if store.has(table):
            known = {row["text"]: row["vector"] for row in store.read(table).to_pylist()}
        lacking = [text for text in wanted if text not in known]
        if lacking:
            raise StoreError(
                f"the texts of measure.relevance have no vectors of {self.encoder}: {lacking[0]!r}",
                "Put relevance into measure.names and run: likeness embed --store ... The encoder must read texts.",
            )
        self.bound["texts"] = {text: known[text] for text in wanted}

    def compute(self, batch: Batch) -> Results:
        """See RowPlugin."""
        texts: dict[str, list[float]] = self.bound["texts"]
        names = list(texts)
        matrix = np.array([texts[name] for name in names], np.float32)
        similar = batch.vectors.astype(np.float32) @ matrix.T
        place = {name: at for at, name in enumerate(names)}
        good = similar[:, [place[name] for name in self.options.wanted]].max(axis=1)
        bad = 0.0
        if self.options.unwanted:
            bad = similar[:, [place[name] for name in self.options.unwanted]].max(axis=1)
        nearest = similar.argmax(axis=1)
        columns = {
            "relevance": good - bad,
            "relevance_text": [names[at] for at in nearest],
            "relevance_similarity": similar.max(axis=1),
        }
        return Results(columns)

    def finish(self, store: Store) -> list[str]:
        """Rank the collection."""
        write_percentiles(store, self.table, {"relevance": "relevance_percentile"})
        return []
