"""What became of the entries that the store knows: unchanged, edited, replaced, moved, gone, or there again.

``ingest.refresh`` says how it is found out: 'never' looks at nothing, 'fast' compares size and time of change before
it reads, 'full' reads everything again.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass

from embed.ingest.known import FAILED, NEW, PRESENT, SEEN, STAMPED, KnownEntries, place_of, words_stamp
from embed.ingest.reading import ReadResult
from embed.ingest.writer import Writer
from embed.sources.base import Source, SourceRecord
from index.images.reader import is_there
from schema.settings import IngestSettings

PENDING = -2
"""Row of an entry whose content is being read."""


@dataclass(slots=True)
class _Decision:
    """What is to be done with one listed record: ``entry`` is its number, None for one that came before."""

    entry: int | None


class SourceRun:
    """One source compared with what the store has of it: ask ``wants`` of each record, then ``take`` it, in order."""

    def __init__(self, writer: Writer, known: KnownEntries, source: int, settings: IngestSettings) -> None:
        self._writer = writer
        self._known = known
        self._source = source
        self._settings = settings
        self._decided: deque[_Decision] = deque()
        self.counts: Counter[str] = Counter()
        self.listed = 0

    def unchanged(self, key: str, uri: str, content: int, said: int) -> bool:
        """Tell a source that it need not read what is said of a picture: it and its files are as they were."""
        record = SourceRecord(key, uri, None, "", content, said)
        index = self._known.find(self._source, record)
        if index is None or not self._known.flags[index] & PRESENT:
            return False
        if self._settings.refresh == "never":
            return True
        if self._settings.refresh == "full" or (
            self._known.flags[index] & FAILED and self._settings.retry_failed
        ):
            return False
        same = said != 0 and self._known.said[index] == said and self._known.places[index] == place_of(record)
        return same and self._known.has_same_file(index, record)

    def wants(self, record: SourceRecord) -> bool:
        """Tell whether the content of a listed record has to be read; marks it as listed."""
        known, source = self._known, self._source
        index = None if record.repeated else known.find(source, record)
        if index is None and (record.repeated or known.repeats(source, record)):
            self._decided.append(_Decision(None))
            return False
        if index is None:
            index = known.add(source, record.key, PENDING, place_of(record), PRESENT | SEEN | NEW)
            self._decided.append(_Decision(index))
            return True
        known.flags[index] |= SEEN
        self._decided.append(_Decision(index))
        if known.flags[index] & FAILED and self._settings.retry_failed:
            return True
        if self._settings.refresh == "never":
            return False
        if self._settings.refresh == "full" or not record.uri or record.reason:
            return True
        return not known.has_same_file(index, record)

    def take(self, record: SourceRecord, read: ReadResult | None) -> str:
        """Write what is new of a record; returns what became of it, the name of a count."""
        index = self._decided.popleft().entry
        ordinal = -1 if record.aside else self.listed
        self.listed += not record.aside
        if index is None:
            return "known"
        if self._known.flags[index] & NEW:
            assert read is not None
            return self._add(index, ordinal, read)
        if read is None:
            return self._compare_words(index, record)
        if read.unread and not self._known.flags[index] & FAILED:
            return self._unread(index, read)
        if self._known.contents.get(bytes.fromhex(read.item_id)) == self._known.rows[index]:
            return self._compare_words(index, record)
        self._writer.event(index, record.key, record.uri, "replaced")
        self._known.flags[index] &= ~PRESENT
        failed = self._known.flags[index] & FAILED
        self._known.rows[index] = -1
        fresh = self._known.add(self._source, record.key, PENDING, place_of(record), PRESENT | SEEN | NEW)
        outcome = self._add(fresh, ordinal, read)
        if outcome == "failed" or failed:
            return outcome
        self.counts[outcome] += 1
        return "replaced"

    def _add(self, index: int, ordinal: int, read: ReadResult) -> str:
        self._known.flags[index] &= ~NEW
        return self._writer.add(index, self._source, ordinal, read)

    def _unread(self, index: int, read: ReadResult) -> str:
        if read.reason == "no such file":
            self._known.flags[index] &= ~SEEN  # listed, but gone: as good as not listed
            return "listed but gone"
        return "could not be read again"

    def _compare_words(self, index: int, record: SourceRecord) -> str:
        known = self._known
        if record.said is None or self._settings.refresh == "never":
            return self._unchanged(index, record, known.words[index])
        columns = self._writer.columns_of(record.key, record.said)
        words = words_stamp(columns)
        if not known.flags[index] & PRESENT:
            event = "found"
        elif known.flags[index] & FAILED:
            return self._unchanged(index, record, words)
        elif words != known.words[index]:
            event = "edited"
        elif place_of(record) != known.places[index]:
            event = "moved"
        else:
            return self._unchanged(index, record, words)
        known.flags[index] |= PRESENT
        known.places[index] = place_of(record)
        self._writer.event(index, record.key, record.uri, event, columns)
        self._writer.stamp(index, self._source, record, words)
        return event

    def _unchanged(self, index: int, record: SourceRecord, words: int) -> str:
        known = self._known
        stamps = (record.content_stamp, record.said_stamp, words)
        if self._settings.refresh != "never" and (
            not known.flags[index] & STAMPED
            or stamps != (known.content[index], known.said[index], known.words[index])
        ):
            self._writer.stamp(index, self._source, record, words)
        return "known"

    # ---- after the listing

    def finish(self, source: Source) -> Iterator[str]:
        """Mark what was not listed any more as missing, or bring it back; yields what is worth telling."""
        if self._settings.refresh == "never":
            return
        if self._settings.keep_missing:
            self._restore()
            return
        gone = self._known.unseen(self._source)
        if not gone:
            return
        if not self.listed:
            yield f"nothing is listed any more; {len(gone):,} known entries were not marked as missing"
            return
        shut = source.unlisted()
        for index, key, uri in self._names(set(gone)):
            if shut and key.startswith(shut):
                continue
            self._writer.event(index, key, uri, "missing")
            self._known.flags[index] &= ~PRESENT
            failed = self._known.flags[index] & FAILED
            if not failed:
                self.counts["moved" if self._known.rows[index] in self._writer.copied else "missing"] += 1

    def _restore(self) -> None:
        for index, key, uri in self._names(set(self._known.missing(self._source))):
            self._writer.event(index, key, uri, "kept")
            self._known.flags[index] |= PRESENT
            self.counts["found"] += 1

    def _names(self, entries: set[int]) -> Iterator[tuple[int, str, str]]:
        """Yield (entry, key, uri) of entries of this source."""
        yield from self._known.names(self._source, entries) if entries else ()


def mark_moved(writer: Writer, known: KnownEntries, opened: set[int]) -> int:
    """Withdraw places in sources that were not listed in this run, whose file is gone while its content came again.

    Returns how many there were: pictures that moved with their whole folder.
    """
    count = 0
    if not writer.copied:
        return 0
    for source in sorted(known.sources() - opened):
        entries = {index for index in known.present(source) if known.rows[index] in writer.copied}
        for index, key, uri in known.names(source, entries) if entries else ():
            if uri and not is_there(uri):
                writer.event(index, key, uri, "missing")
                known.flags[index] &= ~PRESENT
                count += 1
    return count
