"""From sources to items: listed in order, read and decoded in threads, written in commits whose marker comes last.

A key that is in the store is not read again; bytes that are in the store become a copy of their item.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

from embed.ingest.reading import ReadAhead
from embed.ingest.writer import OVERFLOW, Writer, place_of
from embed.sources import SourceOptions, open_source, source_path
from embed.sources.base import SourceRecord
from embed.sources.encodings import known_encoding
from index.images.decode import to_rgb
from index.stages.progress import progress
from index.store import Store
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


def run_ingest(store: Store, settings: Settings, sources: Sequence[str]) -> Summary:
    """Bring everything that the sources list into the store, and return counts and failures by reason.

    Raises SourceError when a source as a whole cannot be read, before anything of it is written.
    """
    started = time.monotonic()
    ingest = settings.ingest
    try:
        background = to_rgb(ingest.background)
    except ValueError as error:
        raise SettingsError(f"ingest.background: {error}") from error
    options = source_options(settings)
    opened = [(str(source_path(path)), *open_source(path, options)) for path in sources]
    writer = Writer(store, ingest)
    counts: Counter[str] = Counter(dict.fromkeys(("items", "copies", "texts", "failed", "known"), 0))
    failures: Counter[str] = Counter()
    asked = {"ingest": ingest.model_dump(), "sources": [path for path, _, _ in opened]}
    notes: list[str] = []
    with Runs(store).start("ingest", asked) as run:
        with ReadAhead(ingest, background) as ahead, progress(None, "ingest", unit="item") as bar:
            for path, kind, source in opened:
                number = writer.source(path, kind)
                listed = 0
                met = _Met(writer, number)
                for record, read in ahead.run(source.records(met.unchanged), met.is_new):
                    bar.add()
                    if read is None:
                        counts["known"] += 1
                    else:
                        outcome = writer.add(number, -1 if record.aside else listed, read)
                        counts[outcome] += 1
                        if outcome == "failed":
                            failures[read.reason] += 1
                    listed += not record.aside
                writer.commit(number)
                writer.listed(number, listed)
                notes += [f"{path}: {note}" for note in source.notes()]
        if writer.overflow:
            notes.append(
                f"{len(writer.overflow):,} columns of the sources beyond ingest.extra_columns are kept together, "
                f"as JSON, in {OVERFLOW}"
            )
        run.counts.update(counts)
        run.facts["failures"] = dict(failures.most_common(50))
        run.outputs = [name for name in ("items", "copies") if store.has(name)]
    spent = time.monotonic() - started
    return Summary("ingest", dict(counts), (), dict(failures), spent, warnings=tuple(notes))


class _Met:
    """Tells which records of one source are new: neither in the store nor listed before."""

    def __init__(self, writer: Writer, source: int) -> None:
        self._writer = writer
        self._source = source
        self._pending: set[tuple[str, str]] = set()

    def unchanged(self, key: str, place: str, _stamp: int) -> bool:
        """Tell whether the store has a record, so that what is said of it need not be read."""
        return self._writer.knows(self._source, key, place)

    def is_new(self, record: SourceRecord) -> bool:
        """Tell whether a record is to be read, and remember it."""
        name = (record.key, place_of(record))
        if record.repeated or name in self._pending or self._writer.knows(self._source, *name):
            return False
        if len(self._pending) > 4096:
            # What the writer has taken meanwhile, it knows by itself.
            self._pending = {name for name in self._pending if not self._writer.knows(self._source, *name)}
        self._pending.add(name)
        return True
