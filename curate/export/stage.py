"""From the store to a data set: rows joined from items, labels and groups, splits without leaks, a manifest.

The same store and settings give the same bytes: rows in row order, no time stamps, the split from a hash.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable

import numpy as np

from curate.audit import audits
from curate.export.address import export_target
from curate.export.columns import SPLIT, export_columns, without
from curate.export.exporters import load_exporter
from curate.export.exporters.base import Output
from curate.export.folder import MANIFEST
from curate.export.manifest import Request, manifest_of, outcome
from curate.export.rows import PROTECTED, ExportRows, as_numpy
from curate.ledger import funnel, funnel_rows, write_ledger
from curate.select.stored import Selection
from index.filters import matching_rows
from index.images.reader import Reader
from index.stages.progress import progress
from index.store import Store
from index.store.expected import stop_if_anything_is_lost
from schema.errors import ExportError
from schema.records import Grid, Summary
from schema.settings import Settings
from schema.vocabulary import load_vocabulary

UNREAD = "pictures not read"


def run_export(
    store: Store,
    settings: Settings,
    out: str | os.PathLike[str],
    *,
    format: str = "parquet",
    everything: bool = False,
    where: str | None = None,
    read: Callable[[str], bytes] | None = None,
) -> Summary:
    """Write a data set to the folder ``out``: the selection, and where there is none kept, single-character items.

    With ``where`` those that a filter matches, selected or not; with ``everything`` copies and several characters, too.

    ``read`` returns the source bytes of a uri, for formats that carry images; without it, the bytes that the store
    names are read again. A picture that cannot be read is left out, counted under ``UNREAD``, and named with the
    reason in the manifest. Raises ExportError when ``out`` holds files that are not an earlier export, FilterError
    for a bad ``where``, DamagedStore when the store has lost something.
    """
    begun = time.monotonic()
    stop_if_anything_is_lost(store)
    reader = Reader(settings.ingest.max_bytes)
    vocabulary = load_vocabulary(settings.tags.vocabulary or None)
    items = store.schema("items") if store.has("items") else None
    every = export_columns(vocabulary, items)
    columns = without(every, settings.export.leave_out)
    selection = None if where or everything else Selection.read(store)
    allowed = matching_rows(store, where) if where else selection
    manifest = manifest_of(
        store, settings, vocabulary, columns, Request(format, where, everything, selection is not None)
    )
    rows = ExportRows(store, every, settings.export, allowed, everything, settings.review.administrators)
    counts: Counter[str] = Counter()
    with export_target(os.fspath(out)) as target:
        exporter = load_exporter(
            format, Output(target.staging, columns, settings.export, vocabulary, read or reader.read)
        )
        try:
            with progress(store.n_items(), "export", "row") as bar:
                for batch, total in rows.batches():
                    counts["exported"] += exporter.write(batch)
                    splits, sizes = np.unique(as_numpy(batch, SPLIT.name), return_counts=True)
                    counts.update(dict(zip(splits.tolist(), sizes.tolist(), strict=True)))
                    bar.add(total)
            exporter.close()
            counts.update(rows.left_out)
            counts[UNREAD] = len(exporter.failures)
            counts = +counts
            # Said even where it is none: that the gate was there is part of what an export states.
            counts[PROTECTED] += 0
            steps = funnel(store.n_items(), [*rows.left_out.items(), (UNREAD, counts[UNREAD])])
            if selection is not None and settings.export.ledger:
                write_ledger(store, target.staging, rows.gate)
            audited = [audit.as_record() for audit in audits(store)] if selection is not None else []
            target.publish(
                {
                    **manifest,
                    "funnel": steps,
                    "audits": audited,
                    **outcome(target.staging, counts, exporter.failures),
                }
            )
        except OSError as error:
            raise ExportError(
                f"cannot write the export to {target.shown}: {error.strerror or error}"
            ) from error
        finally:
            reader.close()
    failures = Counter(failure.kind for failure in exporter.failures)
    notes = [f"written to {target.shown}"]
    if exporter.failures:
        count = len(exporter.failures)
        pictures = "1 picture" if count == 1 else f"{count} pictures"
        notes.append(f"{pictures} could not be read; {MANIFEST} names each with the reason")
    grids: tuple[Grid, ...] = ()
    if selection is None and not where and not everything and store.count("gates"):
        notes.append("gates have been asked, and nothing is selected by them: likeness select")
    if selection is not None:
        grids = (
            Grid(
                ("left out", "items", "left"), (*funnel_rows(steps), ("exported", None, counts["exported"]))
            ),
        )
        if selection.stale:
            notes.append(
                f"the selection is older than {', '.join(selection.stale)}; likeness select renews it"
            )
    spent = time.monotonic() - begun
    return Summary("export", dict(counts), (), dict(failures), spent, warnings=tuple(notes), tables=grids)
