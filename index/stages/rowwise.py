"""Running plug-ins over the rows of a store: only what is missing, committed as it comes, the same after any kill.

For each plug-in its failures are written before the rows of their commit, so failures past its last row belong to a
commit that a kill cut in two, and are worked on again with it. Tables stay in row order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from index.stages.local_runner import Runner, chunks_of, run_local
from index.stages.progress import progress
from index.stages.row_plugin import RowPlugin
from index.stages.row_stage import REASON, WANTED, RowStage
from index.store import Store
from index.store.merge import merge_rows
from schema import tables
from schema.arrays import Bools, Rows
from schema.settings import Settings

# A chunk is what travels to a worker and what a kill can cost: large beside a batch, small beside a commit.
CHUNK_ROWS = 2048


@dataclass(slots=True)
class Outcome:
    """What a run did for one plug-in: counts, failures by reason, notes worth a line each, facts for the record."""

    done: int = 0
    failed: int = 0
    already: int = 0
    recovered: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    facts: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RowOptions:
    """How rows are worked on: decoding threads (0: one per core), rows per commit, whether failures are tried again.

    ``only``, ascending, leaves all other rows for later.
    """

    workers: int = 0
    commit_rows: int = 50_000
    retry_failed: bool = False
    only: Rows | None = None
    unit: str = "item"


class RowRun:
    """Plug-ins over one store. Make it, look at ``missing`` if need be, then ``run``."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        plugins: Sequence[RowPlugin],
        options: RowOptions,
        runner: Runner = run_local,
    ) -> None:
        self._store = store
        self._options = options
        self._runner = runner
        self.stage = RowStage(plugins, settings, options.workers)
        self.plugins = self.stage.plugins
        self.outcomes = [Outcome() for _ in self.plugins]

    def run(self) -> list[Outcome]:
        """Work on all rows that have neither result nor failure, and return what was done for each plug-in.

        Plug-ins are loaded only when there is something to do. Raises Cancelled when the run was asked to stop; what
        was finished is kept.
        """
        try:
            if self._options.retry_failed:
                self._retry()
            wanted = self._wanted()
            # A table that is missing is made even where no row goes into it.
            made = all(
                self._store.has(plugin.table) and not self._is_stale(plugin) for plugin in self.plugins
            )
            if not made or any(rows.any() for rows in wanted):
                self._work(wanted)
        finally:
            self.stage.close()
        return self.outcomes

    def _work(self, wanted: Sequence[Bools]) -> None:
        self.stage.load()
        for plugin, outcome in zip(self.plugins, self.outcomes, strict=True):
            outcome.notes += plugin.check(self._store)
            outcome.facts.update(plugin.facts())
            if self._is_stale(plugin):
                self._store.replace(plugin.table, plugin.schema().empty_table(), plugin.schema())
        label = self.plugins[0].label.split(" ", 1)[0]
        total = int(np.logical_or.reduce(wanted).sum())
        with progress(total, label, self._options.unit) as bar:
            self._runner(
                self._chunks(wanted), self.stage, self._commit, commit_rows=self._options.commit_rows, bar=bar
            )
        for plugin in self.plugins:
            if not self._store.has(plugin.table):
                self._store.append(plugin.table, plugin.schema().empty_table(), plugin.schema())

    # ---- which rows

    def _is_stale(self, plugin: RowPlugin) -> bool:
        """Tell whether a table was made under another key: results of two keys never stand in one table."""
        if not plugin.key or not self._store.has(plugin.table):
            return False
        metadata = self._store.schema(plugin.table).metadata or {}
        return bool(metadata.get(tables.KEY_OF_ROWS, b"").decode() != plugin.key)

    def _wanted(self) -> list[Bools]:
        """Return for each plug-in which items it has to work on, bool [n] by row."""
        wanted = []
        for plugin, outcome in zip(self.plugins, self.outcomes, strict=True):
            rows = self._taken(plugin)
            done = self._done(plugin)
            rows[done] = False
            outcome.already = len(done) - outcome.recovered
            self._settle_failures(plugin, int(done[-1]) if len(done) else -1)
            for batch in self._store.scan("failures", ["row"], _failures_of(plugin)):
                rows[batch.column(0).to_numpy()] = False
            wanted.append(rows)
        return wanted

    def _taken(self, plugin: RowPlugin) -> Bools:
        """Return which items a plug-in takes at all, bool [n] by row."""
        rows = np.zeros(self._store.n_items(), dtype=bool)
        for batch in self._store.scan("items", ["row"], plugin.where):
            rows[batch.column(0).to_numpy()] = True
        joined = [self._rows(table) for table, _ in plugin.joins().values()]
        for those in [*joined, self._options.only]:
            if those is not None:
                chosen = np.zeros(len(rows), dtype=bool)
                chosen[those] = True
                rows &= chosen
        return rows

    def _done(self, plugin: RowPlugin) -> Rows:
        return self._rows("") if self._is_stale(plugin) else self._rows(plugin.table)

    def _rows(self, table: str) -> Rows:
        return self._store.rows(table) if table and self._store.has(table) else np.empty(0, dtype=np.int64)

    def _settle_failures(self, plugin: RowPlugin, last: int) -> None:
        self._store.delete("failures", f"{_failures_of(plugin)} AND row > {last}")

    def _chunks(self, wanted: Sequence[Bools]) -> Iterator[pa.Table]:
        batch = self.stage.batch_size
        return chunks_of(self._items(wanted), -(-CHUNK_ROWS // batch) * batch)

    def _items(self, wanted: Sequence[Bools]) -> Iterator[pa.RecordBatch]:
        """Yield the items that any plug-in wants, with what they read of them."""
        some = np.logical_or.reduce(wanted)
        names = ["row", "item_id", "uri", "status", "text"]
        names += sorted({name for plugin in self.plugins for name in plugin.needs} - {*names})
        for batch in self.plugins[0].items(self._store, names):
            rows = batch.column(batch.schema.get_field_index("row")).to_numpy()
            if not some[rows].any():
                continue
            chosen = batch.filter(pa.array(some[rows]))
            rows = rows[some[rows]]
            for number, mine in enumerate(wanted):
                chosen = chosen.append_column(self.stage.column(number, WANTED), pa.array(mine[rows]))
            yield self._joined(chosen, rows)

    def _joined(self, batch: pa.RecordBatch, rows: Rows) -> pa.RecordBatch:
        """Add the thumbnails and vectors that plug-ins read, null where an item has none."""
        joins = {name: source for plugin in self.plugins for name, source in plugin.joins().items()}
        for name, (source, column) in sorted(joins.items()):
            taken = self._store.take(source, rows, ["row", column])
            position = pc.index_in(pa.array(rows), taken.column("row").combine_chunks())
            batch = batch.append_column(name, taken.column(column).combine_chunks().take(position))
        return batch

    # ---- results

    def _commit(self, result: pa.Table) -> None:
        for number, (plugin, outcome) in enumerate(zip(self.plugins, self.outcomes, strict=True)):
            mine = self._results_of(number, result)
            good = pc.is_null(mine.column(REASON))
            failed = mine.filter(pc.invert(good))
            if failed.num_rows:
                self._write_failures(plugin, failed)
                outcome.reasons.update(failed.column(REASON).to_pylist())
            rows = mine.filter(good).drop_columns([REASON])
            if rows.num_rows:
                self._write(plugin, rows.cast(plugin.schema()))
            outcome.done += rows.num_rows
            outcome.failed += failed.num_rows

    def _write(self, plugin: RowPlugin, rows: pa.Table) -> None:
        """Append rows; where the table has later ones already, put them in their places in one atomic commit."""
        done = self._rows(plugin.table)
        if not len(done) or rows.column("row")[0].as_py() > done[-1]:
            self._store.append(plugin.table, rows, plugin.schema())
        else:
            merged = merge_rows(self._store.scan(plugin.table), rows)
            self._store.replace(plugin.table, merged, plugin.schema())

    def _results_of(self, number: int, result: pa.Table) -> pa.Table:
        """Return what one plug-in gave for the rows that it was asked for: row, item_id, its columns, reason."""
        names = [field.name for field in self.plugins[number].schema()]
        own = {"row": "row", "item_id": "item_id"}
        columns = {
            name: result.column(own.get(name) or self.stage.column(number, name)) for name in [*names, REASON]
        }
        return pa.table(columns).filter(result.column(self.stage.column(number, WANTED)))

    def _write_failures(self, plugin: RowPlugin, failed: pa.Table) -> None:
        rows = failed.column("row").to_numpy()
        keys = self._store.take_items(rows, ["keys"]).column("keys").to_pylist()
        records = pa.table(
            {
                "row": failed.column("row"),
                "item_id": failed.column("item_id"),
                "key": pa.array([names[0] if names else None for names in keys], pa.string()),
                "stage": pa.array([plugin.label] * failed.num_rows),
                "reason": failed.column(REASON),
            }
        )
        self._store.append("failures", records.cast(tables.FAILURES), tables.FAILURES)

    # ---- trying again

    def _retry(self) -> None:
        """Work on earlier failures again; what succeeds now is put in its place in one atomic commit a table."""
        wanted = [self._failed(plugin) for plugin in self.plugins]
        if any(rows.any() for rows in wanted):
            self.stage.load()
            results = list(self.stage.stream(chunks_of(self._items(wanted), CHUNK_ROWS)))
            for number, (plugin, outcome) in enumerate(zip(self.plugins, self.outcomes, strict=True)):
                if not wanted[number].any():
                    continue
                mine = self._results_of(number, pa.concat_tables(results))
                rows = mine.filter(pc.is_null(mine.column(REASON))).drop_columns([REASON])
                if rows.num_rows:
                    self._write(plugin, rows.cast(plugin.schema()))
                outcome.recovered = rows.num_rows
        for plugin in self.plugins:
            self._drop_settled(plugin)

    def _failed(self, plugin: RowPlugin) -> Bools:
        """Return which rows failed before, bool [n]. Where there is no table yet, they are simply missing again."""
        failed = np.zeros(self._store.n_items(), dtype=bool)
        if not self._store.has(plugin.table) or self._is_stale(plugin):
            self._store.delete("failures", _failures_of(plugin))
            return failed
        for batch in self._store.scan("failures", ["row"], _failures_of(plugin)):
            failed[batch.column(0).to_numpy()] = True
        failed[self._rows(plugin.table)] = False
        return failed

    def _drop_settled(self, plugin: RowPlugin) -> None:
        """Remove failures of rows that have results, also of a retry that was killed before it could."""
        kept = self._rows(plugin.table)
        for batch in self._store.scan("failures", ["row"], _failures_of(plugin), batch_rows=1000):
            rows = np.intersect1d(batch.column(0).to_numpy(), kept)
            if len(rows):
                numbers = ", ".join(map(str, rows.tolist()))
                self._store.delete("failures", f"{_failures_of(plugin)} AND row IN ({numbers})")


def _failures_of(plugin: RowPlugin) -> str:
    label = plugin.label.replace("'", "''")
    return f"stage = '{label}'"
