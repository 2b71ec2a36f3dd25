"""From sources to items: listed in order, read and decoded in threads, written in commits whose marker comes last.

A key that is in the store is not read again; bytes that are in the store become a copy of their item.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

from embed.ingest.reading import ReadAhead
from embed.ingest.refresh import SourceRun, mark_moved
from embed.ingest.writer import OVERFLOW, Writer
from embed.sources import SourceOptions, open_source, source_name
from embed.sources.encodings import known_encoding
from index.images.decode import to_rgb
from index.stages.progress import progress
from index.store import Store
from index.store.items import revisions
from index.store.runs import Runs
from schema.catalogue import column_names
from schema.errors import SettingsError
from schema.records import Summary
from schema.settings import Settings
from schema.vocabulary import load_vocabulary


def source_options(settings: Settings) -> SourceOptions:
    """Return what sources are told. Raises SettingsError for an encoding that there is not."""
    if settings.tags.encoding and not known_encoding(settings.tags.encoding):
        raise SettingsError(
            f"tags.encoding: there is no encoding {settings.tags.encoding!r}",
            "Usual ones: utf-8, cp932 (Shift-JIS), gb18030 (GBK), big5, cp949, cp1252, cp1251.",
        )
    vocabulary = load_vocabulary(settings.tags.vocabulary or None)
    taken = column_names((each.name, each.kind) for each in vocabulary.attributes)
    return SourceOptions(settings.ingest, settings.tags.encoding, taken)


def check_sources(settings: Settings, sources: Sequence[str]) -> None:
    """Raise SourceError for a source that cannot be opened."""
    options = source_options(settings)
    for path in sources:
        open_source(path, options)


def run_ingest(
    store: Store,
    settings: Settings,
    sources: Sequence[str],
    refresh: str | None = None,
    keep_missing: bool = False,
) -> Summary:
    """Bring everything that the sources list into the store, and return counts and failures by reason.

    ``refresh`` and ``keep_missing`` stand for the settings of the same names, as options of the command line.
    Raises SourceError when a source as a whole cannot be read, before anything of it is written.
    """
    started = time.monotonic()
    changed: dict[str, object] = {"refresh": refresh} if refresh else {}
    changed |= {"keep_missing": True} if keep_missing else {}
    settings = settings.model_copy(update={"ingest": settings.ingest.model_copy(update=changed)})
    ingest = settings.ingest
    try:
        background = to_rgb(ingest.background)
    except ValueError as error:
        raise SettingsError(f"ingest.background: {error}") from error
    options = source_options(settings)
    opened = [(source_name(path), *open_source(path, options)) for path in sources]
    writer = Writer(store, ingest)
    counts: Counter[str] = Counter(dict.fromkeys(("items", "copies", "texts", "failed", "known"), 0))
    failures: Counter[str] = Counter()
    asked = {"ingest": ingest.model_dump(), "sources": [path for path, _, _ in opened]}
    notes: list[str] = []
    with Runs(store).start("ingest", asked) as run:
        numbers: set[int] = set()
        with ReadAhead(ingest, background) as ahead, progress(None, "ingest", unit="item") as bar:
            for path, kind, source in opened:
                number = writer.source(path, kind)
                numbers.add(number)
                compared = SourceRun(writer, writer.known, number, ingest)
                for record, read in ahead.run(source.records(compared.unchanged), compared.wants):
                    bar.add()
                    outcome = compared.take(record, read)
                    counts[outcome] += 1
                    if outcome == "failed" and read is not None:
                        failures[read.reason] += 1
                notes += [f"{path}: {note}" for note in compared.finish(source)]
                writer.commit(number)
                writer.listed(number, compared.listed)
                counts.update(compared.counts)
                notes += [f"{path}: {note}" for note in source.notes()]
        counts["moved"] += mark_moved(writer, writer.known, numbers)
        if numbers:
            writer.commit(max(numbers))
        revisions.rebuild(store, writer.commits)
        notes += _told(counts, writer)
        run.counts.update(counts)
        run.facts["failures"] = dict(failures.most_common(50))
        run.facts["notes"] = notes
        run.outputs = [name for name in ("items", "copies", revisions.TABLE) if store.has(name)]
    spent = time.monotonic() - started
    return Summary("ingest", dict(counts), (), dict(failures), spent, warnings=tuple(notes))


def _told(counts: Counter[str], writer: Writer) -> list[str]:
    """Say what changed since the last run; counts that are zero go, but for those that always stand in a summary."""
    counts["known"] += counts.pop("listed but gone", 0)
    words = {
        "edited": "{} entries say something else now: their words were taken in",
        "replaced": "{} pictures or texts were replaced: the old ones leave exports",
        "moved": "{} pictures are found at a new place",
        "missing": "{} files are gone and leave exports (--keep-missing keeps them)",
        "found": "{} files are there again",
        "could not be read again": "{} known files could not be read again; what is known of them stays",
    }
    notes = [text.format(f"{counts[name]:,}") for name, text in words.items() if counts[name]]
    for name in words:
        if not counts[name]:
            del counts[name]
    if writer.overflow:
        notes.append(
            f"{len(writer.overflow):,} columns of the sources beyond ingest.extra_columns are kept together, "
            f"as JSON, in {OVERFLOW}"
        )
    return notes
