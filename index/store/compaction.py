"""The explicit step that keeps a grown store quick: small fragments joined, columns that are filtered on indexed.

Neither changes a row, so no stage has anything to do afterwards: the step records which version became which
(``Runs`` reads that), and done twice it does nothing.
"""

from __future__ import annotations

from index.stages.progress import progress
from index.store import Store
from index.store.runs import MOVED, Runs
from schema.catalogue import describe
from schema.records import Summary
from schema.settings import Settings

# Lance writes a million rows to a fragment; up to twice as many fragments as that takes cost a scan nothing.
FRAGMENT_ROWS = 1_000_000
# Every run adds a row to ``runs`` and with it a fragment.
RUN_FRAGMENTS = 64


def run_compact(store: Store, settings: Settings) -> Summary:
    """Join fragments of every table that has too many, and index what filters ask for in tables of many rows.

    Scalar indexes are made from ``index.search_index_above`` rows on: below, a scan is as quick.
    """
    work = {
        table: (crowded(store, table), missing_indexes(store, table, settings)) for table in store.tables()
    }
    work = {table: what for table, what in work.items() if any(what)}
    if not work:
        return Summary("compact", skipped=True)
    seconds = 0.0
    joined = indexed = 0
    with progress(len(work), "compact", unit="table") as bar:
        for table, (join, columns) in work.items():
            # A run of its own for each table: what a kill leaves undone is done by the next call, and no more.
            with Runs(store).start("compact", {"table": table}) as run:
                before = store.version(table)
                if join:
                    store.compact(table)
                for column, kind in columns.items():
                    store.index_column(table, column, kind)
                if table != "runs":
                    run.facts[MOVED] = {table: [before, store.version(table)]}
                run.counts.update(fragments=store.fragments(table), indexes=len(columns))
                joined, indexed, seconds = joined + join, indexed + len(columns), seconds + run.seconds
            bar.add(1)
    return Summary("compact", {"tables joined": joined, "columns indexed": indexed}, seconds=seconds)


def crowded(store: Store, table: str) -> bool:
    """Tell whether a table has more than twice the fragments that its rows need."""
    most = RUN_FRAGMENTS if table == "runs" else 2 * -(-max(store.count(table), 1) // FRAGMENT_ROWS)
    return store.fragments(table) > most


def missing_indexes(store: Store, table: str, settings: Settings) -> dict[str, str]:
    """Return the kind of index, by column, that filters on a table want and that it does not have."""
    entry = describe(table)
    wanted = entry.wanted_indexes(store.schema(table)) if entry is not None else {}
    if not wanted or store.count(table) < settings.index.search_index_above:
        return {}
    have = store.indexed_columns(table)
    return {name: kind for name, kind in wanted.items() if name not in have}
