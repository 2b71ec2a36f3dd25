"""From the store to a data set: rows joined from items, labels and groups, splits without leaks, a manifest.

The same store and settings give the same bytes: rows in row order, no time stamps, the split from a hash.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa

from curate.audit import audits
from curate.export.about import About
from curate.export.address import export_target
from curate.export.boxes import boxes_of
from curate.export.columns import SPLIT, TRANSFORMS, export_columns, without
from curate.export.exporters import SEAM, load_exporter
from curate.export.exporters.base import Exporter, Failure, Output
from curate.export.folder import MANIFEST
from curate.export.manifest import Request, manifest_of, outcome, write_checksums
from curate.export.rows import PROTECTED, ExportRows, as_numpy
from curate.ledger import funnel, funnel_rows, write_ledger
from curate.protected import ProtectedGate
from curate.select.stored import Selection
from curate.transforms.chain import Chain
from index.filters import matching_rows
from index.images.reader import Reader
from index.stages.progress import progress
from index.store import Store
from index.store.expected import stop_if_anything_is_lost
from schema.errors import ExportError
from schema.ids import settings_hash
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
    counts_only: bool = False,
) -> Summary:
    """Write a data set to the folder ``out``: the selection, and where there is none kept, single-character items.

    With ``where`` those that a filter matches, selected or not; with ``everything`` copies and several characters, too.

    A run that was stopped goes on with the shards that it had finished; ``counts_only`` writes nothing and counts.
    A picture that cannot be read is left out, counted under ``UNREAD``, and named with the
    reason in the manifest. Raises ExportError when ``out`` holds files that are not an earlier export, FilterError
    for a bad ``where``, DamagedStore when the store has lost something.
    """
    return write_export(store, settings, out, Request(format, where, everything), counts_only)


def write_export(
    store: Store,
    settings: Settings,
    out: str | os.PathLike[str],
    request: Request,
    counts_only: bool = False,
    read: Callable[[str], bytes] | None = None,
    present: ProtectedGate | None = None,
) -> Summary:
    """Do what ``run_export`` says. ``read`` returns the source bytes of a uri; without it the files are read again.

    ``present`` is the protected gate as it is now, for an export of the tables as they were.
    """
    begun = time.monotonic()
    stop_if_anything_is_lost(store)
    vocabulary = load_vocabulary(settings.tags.vocabulary or None)
    every = export_columns(vocabulary, store.schema("items") if store.has("items") else None)
    chain = Chain(settings) if settings.transform else None
    every = (*every, TRANSFORMS) if chain else every
    columns = without(every, settings.export.leave_out)
    selection = None if request.where or request.everything else Selection.read(store)
    allowed = matching_rows(store, request.where) if request.where else selection
    request = replace(request, selection=selection is not None)
    manifest = manifest_of(store, settings, vocabulary, columns, request)
    rows = ExportRows(
        store, every, settings.export, allowed, request.everything, settings.review.administrators
    )
    rows.present = present
    manifest["caption"] = rows.captioner
    SEAM.check(settings.export.plugins, [request.format])
    if counts_only:
        counts = _counted(store, rows)
        note = "nothing was written: these are the counts of a dry run"
        return Summary("export", dict(counts), (), {}, time.monotonic() - begun, warnings=(note,))
    reader = Reader(settings.ingest.max_bytes)
    try:
        with export_target(os.fspath(out), settings_hash(manifest)) as target:
            output = Output(
                target.staging,
                columns,
                settings.export,
                vocabulary,
                read or reader.read,
                target.ledger,
                chain,
                boxes_of(store, chain.boxes) if chain else None,
            )
            counts, failures = _written(store, rows, load_exporter(request.format, output), output)
            steps = funnel(store.n_items(), [*rows.left_out.items(), (UNREAD, counts[UNREAD])])
            if selection is not None and settings.export.ledger:
                write_ledger(store, target.staging, rows.gate)
            manifest["funnel"] = steps
            manifest["audits"] = (
                [audit.as_record() for audit in audits(store)] if selection is not None else []
            )
            known = write_checksums(target.staging, target.ledger.files())
            target.publish({**manifest, **outcome(target.staging, counts, failures, known)})
            shown = target.shown
    except OSError as error:
        raise ExportError(f"cannot write the export to {out}: {error.strerror or error}") from error
    finally:
        reader.close()
    notes = [f"written to {shown}"]
    if failures:
        count = len(failures)
        pictures = "1 picture" if count == 1 else f"{count} pictures"
        notes.append(f"{pictures} could not be written; {MANIFEST} names each with the reason")
    grids: tuple[Grid, ...] = ()
    if selection is None and not request.where and not request.everything and store.count("gates"):
        notes.append("gates have been asked, and nothing is selected by them: likeness select")
    if selection is not None:
        table = (*funnel_rows(steps), ("exported", None, counts["exported"]))
        grids = (Grid(("left out", "items", "left"), table),)
        if selection.stale:
            notes.append(
                f"the selection is older than {', '.join(selection.stale)}; likeness select renews it"
            )
    kinds = Counter(failure.kind for failure in failures)
    spent = time.monotonic() - begun
    return Summary("export", dict(counts), (), dict(kinds), spent, warnings=tuple(notes), tables=grids)


def _written(
    store: Store, rows: ExportRows, exporter: Exporter, output: Output
) -> tuple[Counter[str], list[Failure]]:
    """Write all rows and what is said of them; return the counts and the rows that could not be written."""
    counts: Counter[str] = Counter({"exported": 0})
    about = About(output.folder, output.columns, output.vocabulary)
    try:
        with progress(store.n_items(), "export", "row") as bar:
            for batch, total in rows.batches():
                counts["exported"] += exporter.write(batch)
                _count_splits(counts, batch)
                about.add(batch, rows.take_ledger())
                bar.add(total)
        exporter.close()
    except BaseException:
        exporter.abort()
        about.abort()
        raise
    about.finish(store, {failure.item_id for failure in exporter.failures})
    counts[UNREAD] = len(exporter.failures)
    return _with_left_out(counts, rows), exporter.failures


def _counted(store: Store, rows: ExportRows) -> Counter[str]:
    counts: Counter[str] = Counter({"exported": 0})
    with progress(store.n_items(), "export", "row") as bar:
        for batch, total in rows.batches():
            counts["exported"] += batch.num_rows
            _count_splits(counts, batch)
            rows.take_ledger()
            bar.add(total)
    return _with_left_out(counts, rows)


def _count_splits(counts: Counter[str], batch: pa.RecordBatch) -> None:
    splits, sizes = np.unique(as_numpy(batch, SPLIT.name), return_counts=True)
    counts.update(dict(zip(splits.tolist(), sizes.tolist(), strict=True)))


def _with_left_out(counts: Counter[str], rows: ExportRows) -> Counter[str]:
    counts.update(rows.left_out)
    counts = +counts
    # Said even where it is none: that the gate was there is part of what an export states.
    counts[PROTECTED] += 0
    return counts
