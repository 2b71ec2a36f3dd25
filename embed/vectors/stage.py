"""The embed stage: items to unit vectors, decoding ahead of the encoder, committed in row order, resumed where killed.

``EmbedStage`` is called with an Arrow table and returns one; ``run_embed`` drives it over a store on this machine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from embed.encoders import Encoder, encoder_class, encoder_key, load_encoder
from embed.vectors.pipeline import Pipeline
from embed.vectors.prompts import digest, write_prompts
from index.stages.progress import progress
from index.stages.walk import Walk, slabs_of, walk
from index.store import Store
from index.store.merge import merge_rows
from index.store.runs import Run, Runs
from schema import tables
from schema.arrays import Bools
from schema.records import Summary
from schema.settings import Settings
from schema.vocabulary import load_vocabulary

STAGE = "embed"
# A slab is what travels to a worker and what a kill can cost: large beside a batch, small beside a commit.
SLAB_ROWS = 2048


class EmbedStage:
    """Embeds tables of items (row, item_id, uri, status, text; keys and places for precomputed vectors).

    Returns row, item_id, vector (null on failure), reason (null on success), in the same order. Only the settings
    travel: the encoder is built at the first call, in the process that runs it.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._pipeline: Pipeline | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"settings": self.settings, "_pipeline": None}

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the vectors of a table of items."""
        results = list(self.stream([table]))
        return results[0]

    def stream(self, slabs: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """Yield the vectors of each table, decoding the next ones meanwhile."""
        return self.pipeline.run(slabs)

    @property
    def pipeline(self) -> Pipeline:
        """Return the encoder with its decoding threads, built at first use."""
        if self._pipeline is None:
            self._pipeline = Pipeline(load_encoder(self.settings))
        return self._pipeline

    @property
    def encoder(self) -> Encoder:
        """Return the encoder, built at first use."""
        return self.pipeline.encoder

    def close(self) -> None:
        """Stop the decoding threads."""
        if self._pipeline is not None:
            self._pipeline.close()
            self._pipeline = None


def run_embed(store: Store, settings: Settings, drive: Walk = walk) -> Summary:
    """Embed all items that have no vector yet under this encoder's key; run again, it does only what is missing.

    ``drive`` takes the stage over the slabs: on this machine, or ``Fleet().walk`` on a cluster.
    Raises EncoderError or DownloadError when the encoder cannot be built.
    """
    key = encoder_key(settings)
    kind = encoder_class(settings.encoder.kind)
    inputs = ["items"] if kind.reads_images else ["items", "copies", "sources"]
    relevant = _relevant(settings, key)
    if kind.has_text:
        relevant["prompts"] = digest(load_vocabulary(settings.tags.vocabulary or None))
    runs = Runs(store)
    if not settings.encoder.retry_failed and runs.up_to_date(STAGE, relevant, inputs):
        return Summary(STAGE, {"vectors": store.count(f"vectors_{key}")}, ("up to date",), skipped=True)
    with runs.start(STAGE, relevant, inputs) as run:
        run.outputs.append(f"vectors_{key}")
        run.facts["key"] = key
        reasons, notes = _Embedding(store, settings, key, run, drive).embed()
    counts: dict[str, int | float | str] = dict(run.counts)
    if run.counts["embedded"]:
        counts["per second"] = round(run.counts["embedded"] / max(run.seconds, 1e-9), 1)
    return Summary(STAGE, counts, tuple(notes), dict(reasons.most_common()), run.seconds)


class _Embedding:
    """One run over one store: which rows are left, and where their results go."""

    def __init__(self, store: Store, settings: Settings, key: str, run: Run, drive: Walk) -> None:
        self.store = store
        self.drive = drive
        self.settings = settings
        self.run = run
        self.key = key
        self.table = f"vectors_{key}"
        self.label = f"{STAGE} {key}"
        self.kind = encoder_class(settings.encoder.kind)
        self.reasons: Counter[str] = Counter()
        self.dim = 0

    def embed(self) -> tuple[Counter[str], list[str]]:
        if self.settings.encoder.retry_failed:
            self._retry()
        left = self._left()
        done = self.store.count(self.table)
        self.run.counts.update({"embedded": 0, "failed": 0, "already": done - self.run.counts["recovered"]})
        prompted = not self.kind.has_text or self._prompted()
        if not left.any() and self.store.has(self.table) and prompted:
            self.run.facts["dim"] = self.store.schema(self.table).field("vector").type.list_size
            return self.reasons, [f"key {self.key}", "nothing new to embed"]
        stage = EmbedStage(self.settings)
        try:
            encoder = stage.encoder
            notes = [f"key {self.key}", *self._describe(encoder), *encoder.check(self.store)]
            with progress(int(left.sum()), STAGE, "image") as bar:
                self.drive(
                    self._slabs(left, encoder.batch_size),
                    stage,
                    self._commit,
                    commit_rows=self.settings.encoder.commit_rows,
                    bar=bar,
                )
            if not self.store.has(self.table):
                self.store.append(self.table, self._schema().empty_table(), self._schema())
            if not prompted:
                vocabulary = load_vocabulary(self.settings.tags.vocabulary or None)
                self.run.counts["prompts"] = write_prompts(self.store, self.key, encoder, vocabulary)
        finally:
            stage.close()
        return self.reasons, notes

    def _prompted(self) -> bool:
        """Tell whether the prompts of this vocabulary have their vectors."""
        last = Runs(self.store).last(STAGE)
        said = digest(load_vocabulary(self.settings.tags.vocabulary or None))
        return (
            last is not None
            and last["settings"].get("prompts") == said
            and self.store.has(f"prompts_{self.key}")
        )

    def _retry(self) -> None:
        """Embed earlier failures again; what succeeds now is sorted into the table in one atomic commit."""
        left = np.zeros(self.store.n_items(), dtype=bool)
        for batch in self.store.scan("failures", ["row"], f"stage = '{self.label}'"):
            left[batch.column(0).to_numpy()] = True
        if not left.any() or not self.store.has(self.table):
            return
        left[self.store.rows(self.table)] = False
        stage = EmbedStage(self.settings)
        try:
            self.dim = stage.encoder.dim
            results = [
                result.filter(result.column("reason").is_null())
                for result in stage.stream(self._slabs(left, 1))
            ]
        finally:
            stage.close()
        found = pa.concat_tables(results).select(["row", "item_id", "vector"]).cast(self._schema())
        if found.num_rows:
            self.store.replace(self.table, merge_rows(self.store.scan(self.table), found), self._schema())
            self.run.counts["recovered"] = found.num_rows
        # Also what an earlier retry recovered before a kill kept it from saying so.
        kept = self.store.rows(self.table)
        for batch in self.store.scan("failures", ["row"], f"stage = '{self.label}'", batch_rows=1000):
            rows = np.intersect1d(batch.column(0).to_numpy(), kept)
            if len(rows):
                numbers = ", ".join(map(str, rows.tolist()))
                self.store.delete("failures", f"stage = '{self.label}' AND row IN ({numbers})")

    def _slabs(self, left: Bools, batch: int) -> Iterator[pa.Table]:
        return slabs_of(self._items(left), -(-SLAB_ROWS // batch) * batch)

    def _describe(self, encoder: Encoder) -> list[str]:
        self.dim = encoder.dim
        facts = {"dim": encoder.dim, "preprocessing": encoder.preprocessing, **encoder.facts()}
        self.run.facts.update(facts)
        return [", ".join(f"{name} {value}" for name, value in facts.items())]

    def _left(self) -> Bools:
        """Return by row which items this run has to embed, bool [n]."""
        left = np.zeros(self.store.n_items(), dtype=bool)
        texts = self.kind.has_text or not self.kind.reads_images
        takes = "status IN ('ok', 'text')" if texts else "status = 'ok'"
        for batch in self.store.scan("items", ["row"], takes):
            left[batch.column(0).to_numpy()] = True
        if not texts and (skipped := self.store.count("items", "status = 'text'")):
            self.run.counts["texts left out"] = skipped
        done = self.store.rows(self.table) if self.store.has(self.table) else np.empty(0, dtype=np.int64)
        left[done] = False
        self._settle_failures(int(done[-1]) if len(done) else -1)
        for batch in self.store.scan("failures", ["row"], f"stage = '{self.label}'"):
            left[batch.column(0).to_numpy()] = False
        return left

    def _settle_failures(self, last: int) -> None:
        """Failures are written before the vectors of their commit: those past the last vector belong to a commit that
        a kill cut in two, and come again with it."""
        self.store.delete("failures", f"stage = '{self.label}' AND row > {last}")

    def _items(self, left: Bools) -> Iterator[pa.RecordBatch]:
        names = ["row", "item_id", "uri", "status", "text"]
        if self.kind.reads_images:
            source = self.store.scan("items", names)
        else:
            source = _placed(self.store, [*names, "keys", "source", "ordinal"])
        for batch in source:
            wanted = left[batch.column(0).to_numpy()]
            if wanted.any():
                yield batch.filter(pa.array(wanted))

    def _commit(self, result: pa.Table) -> None:
        good = result.column("reason").is_null()
        failed = result.filter(pa.compute.invert(good))
        if failed.num_rows:
            self._write_failures(failed)
        vectors = result.filter(good).select(["row", "item_id", "vector"])
        if vectors.num_rows:
            self.store.append(self.table, vectors.cast(self._schema()), self._schema())
        self.run.counts["embedded"] += vectors.num_rows
        self.run.counts["failed"] += failed.num_rows

    def _write_failures(self, failed: pa.Table) -> None:
        reasons = failed.column("reason").to_pylist()
        self.reasons.update(reasons)
        rows = failed.column("row").to_numpy()
        keys = self.store.take_items(rows, ["keys"]).column("keys").to_pylist()
        records = pa.table(
            {
                "row": failed.column("row"),
                "item_id": failed.column("item_id"),
                "key": pa.array([names[0] if names else None for names in keys], pa.string()),
                "stage": pa.array([self.label] * failed.num_rows),
                "reason": failed.column("reason"),
            }
        )
        self.store.append("failures", records.cast(tables.FAILURES), tables.FAILURES)

    def _schema(self) -> pa.Schema:
        return tables.vectors(self.dim)


def _relevant(settings: Settings, key: str) -> dict[str, str]:
    chosen = settings.encoder
    named = {"kind": chosen.kind, "model": chosen.model, "pretrained": chosen.pretrained, "path": chosen.path}
    return {"key": key, "fit": chosen.fit, "background": settings.ingest.background, **named}


def _placed(store: Store, names: list[str]) -> Iterator[pa.RecordBatch]:
    """Items with ``places``: where they and their copies stand when all listings are laid end to end by source."""
    starts: dict[int, int] = {}
    total = 0
    listed = [record for batch in store.scan("sources", ["source", "listed"]) for record in batch.to_pylist()]
    for record in sorted(listed, key=lambda record: int(record["source"])):
        starts[int(record["source"])] = total
        total += int(record["listed"])
    copies: dict[int, list[int]] = {}
    for batch in store.scan("copies", ["row", "source", "ordinal"]):
        for row, source, ordinal in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            if ordinal >= 0:  # -1 is no entry of a listing
                copies.setdefault(row, []).append(starts.get(source, 0) + ordinal)
    for batch in store.items(names):
        columns = {name: batch.column(batch.schema.get_field_index(name)) for name in names}
        sources, ordinals = columns.pop("source").to_pylist(), columns.pop("ordinal").to_pylist()
        places = [
            [starts.get(source, 0) + ordinal, *copies.get(row, [])]
            for row, source, ordinal in zip(columns["row"].to_pylist(), sources, ordinals, strict=True)
        ]
        columns["places"] = pa.array(places, pa.list_(pa.int64()))
        yield pa.RecordBatch.from_pydict(columns)
