"""A folder tree of pictures with the captions and metadata files that lie in it.

Found by themselves: same-stem .txt captions, metadata.jsonl and metadata.csv (their rows come first, in their
order), kohya's JSON of path -> tags. Everything else is left alone. What the metadata files say is kept in a
temporary SQLite file, and folders are sorted one at a time, so memory does not follow the number of pictures.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from embed.sources.columns import Columns, Words, find_columns, plain, words_of
from embed.sources.records import records
from embed.sources.sidecars.kohya import KohyaTags, looks_like_kohya
from embed.sources.sighting import Known, Sighting, Source, clean, readable
from index.images.decode import looks_like_image
from index.images.reader import file_uri
from schema.errors import SourceError
from schema.settings import IngestSettings
from schema.tags.parsing import parse_caption

IMAGE_ENDINGS = frozenset(
    ".jpg .jpeg .jpe .jfif .jif .pjpeg .png .apng .webp .avif .avifs .gif .bmp .dib .tif .tiff .jp2 .j2k .jpf .jpx "
    ".ppm .pgm .pbm .pnm .qoi .heic .heif .jxl .svg .ico .cur .tga .psd .dds .pcx .xbm .xpm .sgi .fli .flc .blp .eps "
    ".mpo .icns .hdr .exr .raw .dng .cr2 .nef .arw .im .msp .ras .wmf .emf .spider .ftc .ftu .fits .fpx .gbr .dcx .rgb "
    ".j2c .jpc .tx .pxr .wal .mic .bufr .grib".split()
)
METADATA_NAMES = ("metadata.jsonl", "metadata.csv")
# Files that are known to be no pictures are not opened to look.
_OTHER_ENDINGS = frozenset(
    ".txt .caption .json .jsonl .csv .tsv .md .npy .npz .parquet .toml .yaml .yml .xml .html .htm .py .pkl .pt "
    ".safetensors .zip .tar .gz .7z .rar .mp4 .webm .mkv .mov .avi .mp3 .wav .db .sqlite .log .ini .pdf".split()
)
_SIDECARS = frozenset({".txt", ".caption", ".json", ".jsonl", ".csv"})
_CAPTION_BYTES = 2**20


class FolderSource(Source):
    """Lists the pictures of a folder tree; ``key`` is the path relative to the folder, with forward slashes."""

    def __init__(self, path: Path, settings: IngestSettings) -> None:
        self._root = os.path.abspath(path)
        self._settings = settings
        self._left_alone: Counter[str] = Counter()

    def notes(self) -> list[str]:
        """Return how many files were left alone, by ending; captions and metadata are not among them."""
        found = [
            (count, readable(end) or "no ending")
            for end, count in self._left_alone.items()
            if end not in _SIDECARS
        ]
        if not found:
            return []
        listed = ", ".join(
            f"{count} {end}" for count, end in sorted(found, key=lambda pair: (-pair[0], pair[1]))[:12]
        )
        return [f"{sum(count for count, _ in found)} other files left alone ({listed})"]

    def sightings(self, known: Known) -> Iterator[Sighting]:
        """Yield the rows of metadata files in their order, then all other pictures in sorted order."""
        metadata: list[str] = []
        kohya = KohyaTags(self._root)
        try:
            for folder, names in self._walk():
                for name in names:
                    path = os.path.join(folder, name)
                    if name.lower() in METADATA_NAMES:
                        metadata.append(path)
                    elif name.lower().endswith(".json") and looks_like_kohya(path):
                        yield from kohya.load(path)
            for path in metadata:
                yield from self._metadata(path, kohya, known)
            yield from self._pictures(kohya, known)
            for name in kohya.unused():
                yield Sighting(
                    clean(name), clean(name), reason="named in a kohya JSON, but there is no such file"
                )
        finally:
            kohya.close()

    def _walk(self) -> Iterator[tuple[str, list[str]]]:
        """Yield (folder, sorted names of its files), parents first; linked folders once, and only from outside."""
        inside = os.path.realpath(self._root)
        visited: set[str] = set()
        stack = [self._root]
        while stack:
            folder = stack.pop()
            files: list[str] = []
            folders: list[str] = []
            try:
                with os.scandir(folder) as entries:
                    for entry in entries:
                        if not _is_folder(entry):
                            files.append(entry.name)
                        elif not entry.name.startswith(".") and entry.name not in ("__MACOSX", "@eaDir"):
                            if entry.is_symlink():
                                real = os.path.realpath(entry.path)
                                within = (real + os.sep).startswith(inside + os.sep)
                                if real in visited or within or inside.startswith(real + os.sep):
                                    continue
                                visited.add(real)
                            folders.append(entry.path)
            except OSError as error:
                if folder == self._root:
                    raise SourceError(
                        f"cannot list the folder {folder}: {error.strerror or error}"
                    ) from error
                files, folders = [], []
            yield folder, sorted(files, key=os.fsencode)
            stack.extend(sorted(folders, key=os.fsencode, reverse=True))

    def _metadata(self, path: str, kohya: KohyaTags, known: Known) -> Iterator[Sighting]:
        folder = os.path.dirname(path)
        here = self._relative(path)
        columns: Columns | None = None
        seen: frozenset[str] = frozenset()
        for number, record, reason in records(Path(path)):
            if reason:
                yield Sighting(f"{readable(here)}#{number}", reason=clean(reason))
                continue
            if columns is None or not seen.issuperset(record):
                seen = seen.union(record)
                settings = self._settings
                columns = find_columns(
                    record if columns is None else sorted(seen), _lenient(settings, record), here
                )
            name = str(record.get(columns.image) or "") if columns.image else ""
            words = words_of(record, columns)
            if not name:
                yield _text_row(f"{readable(here)}#{number}", words)
                continue
            yield self._named(folder, name, words, kohya, known)

    def _named(self, folder: str, name: str, words: Words, kohya: KohyaTags, known: Known) -> Sighting:
        full = os.path.normpath(os.path.join(folder, name))
        if "\\" in name and not os.path.lexists(full):
            full = os.path.normpath(os.path.join(folder, name.replace("\\", "/")))
        if not full.startswith(self._root.rstrip(os.sep) + os.sep) or "\0" in name:
            return Sighting(readable(name), clean(name), words.keys, reason="lies outside the source folder")
        relative = self._relative(full)
        kohya.mark(relative)
        return self._sighting(full, relative, words, kohya, known)

    def _pictures(self, kohya: KohyaTags, known: Known) -> Iterator[Sighting]:
        for folder, names in self._walk():
            for name in names:
                path = os.path.join(folder, name)
                if not _is_picture(path):
                    self._left_alone[os.path.splitext(name)[1].lower()] += 1
                    continue
                relative = self._relative(path)
                if kohya.has_listed and kohya.was_listed(relative):
                    continue
                yield self._sighting(path, relative, Words(), kohya, known)

    def _sighting(self, path: str, relative: str, words: Words, kohya: KohyaTags, known: Known) -> Sighting:
        key, uri = readable(relative), file_uri(path)
        extra = kohya.find(relative)
        if known(key, uri):
            return Sighting(key, uri)
        tags = dict.fromkeys(words.tags)
        texts = dict.fromkeys([words.text] if words.text else [])
        stem = os.path.splitext(path)[0]
        for caption in (stem + ".txt", stem + ".caption", path + ".txt"):
            found, text = parse_caption(_read_caption(caption))
            tags.update(dict.fromkeys(found))
            if text:
                texts.setdefault(text)
        for found, text in extra:
            tags.update(dict.fromkeys(found))
            if text:
                texts.setdefault(text)
        keys = tuple(name for name in words.keys if name != key)
        return Sighting(
            key, uri, keys, tuple(clean(tag) for tag in tags), clean("\n".join(texts)), words.identity
        )

    def _relative(self, path: str) -> str:
        return os.path.relpath(path, self._root).replace(os.sep, "/")


def _text_row(key: str, words: Words) -> Sighting:
    text = words.text or ", ".join(tag.replace("_", " ") for tag in words.tags)
    if not text:
        return Sighting(
            words.keys[0] if words.keys else key, "", reason="row has neither a picture nor a text"
        )
    return Sighting(words.keys[0] if words.keys else key, "", (), words.tags, plain(text), words.identity)


def _lenient(settings: IngestSettings, record: dict[str, object]) -> IngestSettings:
    """A metadata file beside others need not have every configured column."""
    names = ("image_column", "tags_column", "text_column", "key_column", "identity_column")
    missing = {name: "" for name in names if getattr(settings, name) not in record}
    return settings.model_copy(update=missing)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_picture(path: str) -> bool:
    """By its ending; a file without a known ending by its first bytes."""
    ending = os.path.splitext(path)[1].lower()
    if ending in IMAGE_ENDINGS:
        return True
    if ending in _OTHER_ENDINGS:
        return False
    return looks_like_image(_read_head(path, 32))


def _read_caption(path: str) -> str:
    data = _read_head(path, _CAPTION_BYTES)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8-sig", "replace") if data else ""


def _read_head(path: str, size: int) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with open(handle, "rb", buffering=0) as file:
            return file.read(size) or b"" if stat.S_ISREG(os.fstat(handle).st_mode) else b""
    except (OSError, ValueError):
        return b""
