"""A folder tree of pictures with everything that lies beside them: captions, posts, metadata files.

Which files are read is up to the table of sidecar formats; what none of them claims is counted. Rows of metadata
files come first, in their order. What files about many pictures say is kept in a temporary SQLite file, and folders
are sorted one at a time, so memory does not follow the number of pictures.
"""

from __future__ import annotations

import os
import re
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

from embed.sources.annotation import Annotation, clean, joined, readable
from embed.sources.base import (
    Known,
    Source,
    SourceOptions,
    SourceRecord,
    annotation_stamp,
    file_stamp,
    stamp_of,
)
from embed.sources.encodings import Encoding
from embed.sources.endings import IMAGE_ENDINGS
from embed.sources.fields.reader import FieldReader
from embed.sources.files import unclaimed_notes
from embed.sources.listing import WEB_ADDRESS, text_record
from embed.sources.sidecars import SidecarFile, load_sidecars, same_name
from embed.sources.sidecars.beside import FolderFiles, texts_of_tree
from embed.sources.sidecars.index import SidecarIndex
from embed.sources.sidecars.kohya import KohyaFile
from embed.sources.sidecars.metadata import MetadataFile
from embed.sources.walk import FolderWalk
from index.images.reader import file_uri
from schema.errors import SourceError
from schema.source_metadata import SourceMetadata

# kohya's folders of a training set: the number of repeats, then the concept. Years are no repeats.
_REPEATS = re.compile(r"(\d{1,3})_(.+)")
_FOLDERS_KEPT = 32
_NO_LEVEL = ("", "-")


class FolderSource(Source):
    """Lists the pictures of a folder tree; ``key`` is the path relative to the folder, with forward slashes."""

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self._root = os.path.abspath(path)
        self._options = options
        self._formats = load_sidecars(options)
        self._walk = FolderWalk(self._root)
        self._levels = FieldReader(taken=options.taken)
        self._tree = Encoding(options.encoding, (lambda: texts_of_tree(FolderWalk(self._root)),))
        self._folders: OrderedDict[str, FolderFiles] = OrderedDict()
        self._metadata: list[str] = []
        self._claimed: set[str] = set()
        self._unclaimed: list[str] = []
        self._notes: list[str] = []
        self._repeated = 0

    def notes(self) -> list[str]:
        """Return how files were understood, and how many nobody claimed, by kind."""
        formats = [note for each in self._formats.values() for note in each.notes]
        if self._repeated:
            formats.append(
                f"{self._repeated:,} rows name a picture that an earlier row named, and were left out"
            )
        return formats + self._notes + unclaimed_notes(self._unclaimed)

    def unlisted(self) -> tuple[str, ...]:
        """Return the folders that could not be listed this time, as beginnings of keys."""
        return tuple(readable(folder) + "/" for folder, _ in self._walk.failures)

    def records(self, known: Known) -> Iterator[SourceRecord]:
        """Yield the rows of metadata files in their order, then all other pictures in sorted order."""
        index = SidecarIndex(self._root)
        try:
            yield from self._read_many(index)
            for path in self._metadata:
                yield from self._rows_of(path, index, known)
            for folder, names in self._walk:
                files = self._files(folder, names)
                for name in files.pictures:
                    relative = self._relative(os.path.join(folder, name))
                    if not index.was_listed(relative):
                        yield from self._picture(files, name, Annotation(), index, known)
                paths = (os.path.join(folder, name) for name in files.unclaimed)
                self._unclaimed += [self._relative(path) for path in paths if path not in self._claimed]
            for folder, reason in self._walk.failures:
                reason = f"the folder cannot be listed: {reason}"
                yield SourceRecord(readable(folder) + "/", reason=reason, aside=True)
            yield from self._without_picture(index)
        finally:
            index.close()

    # ---- files about many pictures

    def _read_many(self, index: SidecarIndex) -> Iterator[SourceRecord]:
        """Take the files about many pictures into ``index``; metadata files, whose rows are listed, are only noted."""
        many = [each for each in self._formats.values() if each.many]
        for folder, names in self._walk:
            stems = {same_name(os.path.splitext(name)[0]) for name in names if _is_named_picture(name)}
            for name in names:
                claimants = [each for each in many if each.claims(name)]
                if not claimants or self._beside(name, stems):
                    continue
                path = os.path.join(folder, name)
                if isinstance(claimants[0], MetadataFile):
                    self._metadata.append(path)
                    self._claimed.add(path)
                    continue
                file = SidecarFile(path, self._options)
                entries = next(
                    (found for each in claimants if (found := each.entries(file)) is not None), None
                )
                if entries is None:
                    continue
                self._claimed.add(path)
                index.start(path)
                for entry in entries:
                    if entry.reason:
                        place = "/".join(
                            filter(None, (self._relative(path), entry.subject.partition(":")[2]))
                        )
                        yield SourceRecord(readable(place), "", entry.said, clean(entry.reason), aside=True)
                    else:
                        index.add(entry)
        index.resolve(
            self._relative(os.path.join(folder, name))
            for folder, names in FolderWalk(self._root)
            for name in names
            if _is_named_picture(name)
        )

    @staticmethod
    def _beside(name: str, stems: set[str]) -> bool:
        """Tell whether a file lies beside one picture, so that it is not about many."""
        stem = os.path.splitext(name)[0]
        return (
            same_name(stem) in stems or same_name(os.path.splitext(stem)[0]) in stems or name.startswith(".")
        )

    def _without_picture(self, index: SidecarIndex) -> Iterator[SourceRecord]:
        """Say what files about many pictures name that is not here."""
        for number, count in index.ambiguous.items():
            name = readable(os.path.basename(index.files[number]))
            self._notes.append(
                f"{count:,} entries of {name} fit several pictures, or one picture fits several of them, equally well: "
                "none of these was taken"
            )
        for path, unused, total, first in index.unused():
            name = self._relative(path)
            if KohyaFile.belongs(path) and unused < total:
                for missing in index.unused_names(path):
                    reason = "named in a kohya JSON, but there is no such file"
                    yield SourceRecord(clean(missing), clean(missing), reason=reason)
            else:
                self._notes.append(
                    f"{unused:,} of {total:,} entries of {readable(name)} name no picture here (such as {first})"
                )

    # ---- rows of metadata files

    def _rows_of(self, path: str, index: SidecarIndex, known: Known) -> Iterator[SourceRecord]:
        here = readable(self._relative(path))
        try:
            entries = self._formats["metadata"].entries(SidecarFile(path, self._options))
            for entry in entries or ():
                place = f"{here}#{entry.line}"
                if entry.reason:
                    yield SourceRecord(place, reason=clean(entry.reason))
                elif not entry.subject:
                    yield text_record(place, entry.said)
                else:
                    yield from self._named(os.path.dirname(path), entry.subject, entry.said, index, known)
        except SourceError as error:
            yield SourceRecord(here, reason=clean(error.message))

    def _named(
        self, folder: str, name: str, said: Annotation, index: SidecarIndex, known: Known
    ) -> Iterator[SourceRecord]:
        if "://" in name and not name.startswith("file://"):
            yield SourceRecord(readable(name), clean(name), said, WEB_ADDRESS)
            return
        full = os.path.normpath(os.path.join(folder, name))
        if "\\" in name and not os.path.lexists(full):
            full = os.path.normpath(os.path.join(folder, name.replace("\\", "/")))
        if not full.startswith(self._root.rstrip(os.sep) + os.sep) or "\0" in name:
            yield SourceRecord(readable(name), clean(name), said, "lies outside the source folder")
            return
        full = self._on_disk(full)
        if not index.mark(self._relative(full)):
            self._repeated += 1
            yield SourceRecord(readable(self._relative(full)), file_uri(full), None, repeated=True)
            return
        yield from self._picture(
            self._files(os.path.dirname(full)), os.path.basename(full), said, index, known
        )

    def _on_disk(self, path: str) -> str:
        """Return the path as the disk has it: names in lists may be in another Unicode form or case."""
        if os.path.lexists(path):
            return path
        found = self._root
        for part in os.path.relpath(path, self._root).split(os.sep):
            step = os.path.join(found, part)
            if not os.path.lexists(step):
                try:
                    near = [each for each in os.listdir(found) if same_name(each) == same_name(part)]
                except OSError:
                    return path
                step = os.path.join(found, near[0]) if len(near) == 1 else step
            found = step
        return found if os.path.lexists(found) else path

    # ---- pictures

    def _files(self, folder: str, names: list[str] | None = None) -> FolderFiles:
        """Return the sorted-out files of a folder; those of the folders asked for last are kept."""
        found = self._folders.pop(folder, None)
        if found is None:
            if names is None:
                try:
                    names = sorted(os.listdir(folder), key=os.fsencode)
                except OSError:
                    names = []
            found = FolderFiles(folder, names, self._formats, self._options, self._tree)
        self._folders[folder] = found
        while len(self._folders) > _FOLDERS_KEPT:
            self._folders.popitem(last=False)
        return found

    def _picture(
        self, files: FolderFiles, name: str, row: Annotation, index: SidecarIndex, known: Known
    ) -> Iterator[SourceRecord]:
        path = os.path.join(files.path, name)
        relative = self._relative(path)
        key, uri = readable(relative), file_uri(path)
        found = [row, *index.find(relative, name in files.twins), self._of_folders(relative)]
        stamps = self._options.stamps
        content = file_stamp(path) if stamps else 0
        stamp = stamp_of(*map(annotation_stamp, found), files.stamps(name)) if stamps else 0
        if known(key, uri, content, stamp):
            yield SourceRecord(key, uri, None, "", content, stamp)
            return
        beside, failures, odd = files.read(name)
        said = joined([row, beside, *found[1:]])
        keys = tuple(each for each in said.keys if each != key)
        said = Annotation(keys, said.tags, said.text, said.identity, said.metadata)
        self._unclaimed += [self._relative(os.path.join(files.path, each)) for each in odd]
        # What could not be read has to be told again next time, so it is never taken for unchanged.
        yield SourceRecord(key, uri, said, row.reason, content, 0 if failures or odd else stamp)
        for each, reason in failures:
            place = readable(self._relative(os.path.join(files.path, each)))
            yield SourceRecord(place, reason=clean(reason), aside=True)

    def _of_folders(self, relative: str) -> Annotation:
        """Return what the names of the folders above a picture say: kohya's repeats, the columns of the settings."""
        above = relative.split("/")[:-1]
        near = _REPEATS.fullmatch(above[-1] if above else os.path.basename(self._root))
        facts = SourceMetadata(repeats=int(near.group(1)), collection=clean(near.group(2))) if near else None
        named = {
            column: clean(folder)
            for column, folder in zip(self._options.settings.folder_columns, above, strict=False)
            if column not in _NO_LEVEL
        }
        said = self._levels.annotate(named) if named else Annotation()
        return joined([said, Annotation(metadata=facts)]) if facts else said

    def _relative(self, path: str) -> str:
        return os.path.relpath(path, self._root).replace(os.sep, "/")


def _is_named_picture(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in IMAGE_ENDINGS and not name.startswith("._")
