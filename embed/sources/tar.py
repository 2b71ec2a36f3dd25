"""WebDataset tars: members that share a name up to its first dot are one sample.

Only headers and the small text members are read here; pictures are read later, by their place in the tar.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from embed.sources.columns import Words, find_columns, words_of
from embed.sources.folder import IMAGE_ENDINGS
from embed.sources.listing import text_row
from embed.sources.sighting import Known, Sighting, Source, clean, readable
from index.images.decode import looks_like_image
from index.images.reader import file_uri, tar_uri
from schema.errors import SourceError
from schema.settings import IngestSettings
from schema.tags.parsing import parse_caption, parse_tags

_TEXT_BYTES = 2**20
_TEXTS = frozenset({"txt", "text", "caption", "tags", "json", "id"})


@dataclass(slots=True)
class _Sample:
    prefix: str
    pictures: list[tuple[str, int, int]] = field(default_factory=list)
    texts: dict[str, bytes] = field(default_factory=dict)


class TarSource(Source):
    """Lists the samples of one tar, or of all those in a folder in sorted order."""

    def __init__(self, path: Path, settings: IngestSettings) -> None:
        self._path = path
        self._settings = settings

    def sightings(self, known: Known) -> Iterator[Sighting]:
        """Yield one sighting per picture, or per sample that has only a text; a torn tar ends in a failed row."""
        paths = sorted(self._path.rglob("*.tar")) if self._path.is_dir() else [self._path]
        for path in paths:
            name = readable(path.relative_to(self._path).as_posix() if self._path.is_dir() else path.name)
            try:
                for sample in _samples(path):
                    yield from self._sample(path, name, sample)
            except (tarfile.TarError, OSError, EOFError, ValueError) as error:
                reason = f"damaged tar, read up to the damage: {' '.join(str(error).split())[:160]}"
                if not self._path.is_dir() and isinstance(error, OSError):
                    raise SourceError(f"cannot read {path}: {error.strerror or error}") from error
                yield Sighting(name, file_uri(path), reason=clean(reason))

    def _sample(self, path: Path, name: str, sample: _Sample) -> Iterator[Sighting]:
        words = self._words(sample)
        prefix = readable(sample.prefix)
        keys = tuple(dict.fromkeys((prefix, *words.keys)))
        if not sample.pictures:
            if sample.texts.keys() & {"txt", "text", "caption", "json", "tags"}:
                row = text_row(f"{name}/{prefix}", Words((), words.tags, words.text, words.identity))
                yield Sighting(row.key, "", keys, row.tags, row.text, row.identity, row.reason)
            return
        for ending, offset, size in sample.pictures:
            yield Sighting(
                f"{name}/{prefix}.{readable(ending)}" if ending else f"{name}/{prefix}",
                tar_uri(path, offset, size), keys, words.tags, words.text, words.identity,
            )  # fmt: skip

    def _words(self, sample: _Sample) -> Words:
        tags: dict[str, None] = {}
        texts: dict[str, None] = {}
        keys: tuple[str, ...] = ()
        identity = ""
        for ending, data in sample.texts.items():
            said = data.decode("utf-8-sig", "replace")
            if ending == "json":
                try:
                    record = json.loads(said)
                except (ValueError, RecursionError):
                    continue
                if isinstance(record, dict):
                    names = ("image_column", "tags_column", "text_column", "key_column", "identity_column")
                    lenient = {n: "" for n in names if getattr(self._settings, n) not in record}
                    columns = find_columns(record, self._settings.model_copy(update=lenient), "json")
                    words = words_of(record, columns)
                    tags.update(dict.fromkeys(words.tags))
                    keys, identity = words.keys, words.identity
                    if words.text:
                        texts.setdefault(words.text)
            elif ending == "tags":
                tags.update(dict.fromkeys(parse_tags(said)))
            elif ending == "id":
                keys = (clean(said.strip()),)
            else:
                found, text = parse_caption(said)
                tags.update(dict.fromkeys(found))
                if text:
                    texts.setdefault(text)
        return Words(keys, tuple(clean(tag) for tag in tags), clean("\n".join(texts)), identity)


def _samples(path: Path) -> Iterator[_Sample]:
    sample: _Sample | None = None
    torn = False
    with tarfile.open(path, "r:", errors="surrogateescape") as tar:
        while True:
            try:
                member = tar.next()
            except (tarfile.TarError, OSError, ValueError):
                if sample is not None:
                    yield sample  # what came before the damage is whole
                raise
            if member is None:
                # tarfile takes a torn or wrong header for the end, unless it is the very first one.
                torn = _torn(path, tar.offset)
                break
            # tarfile remembers every header; a shard of a million members is not worth a gigabyte.
            tar.members = []  # type: ignore[attr-defined]
            if not member.isreg():
                continue
            folder, slash, base = member.name.rpartition("/")
            stem, _, ending = base.partition(".")
            prefix = f"{folder}{slash}{stem}"
            if base.startswith("._") or not base:
                continue
            if sample is not None and sample.prefix != prefix:
                yield sample
                sample = None
            sample = sample or _Sample(prefix)
            last = ending.rpartition(".")[2].lower()
            if last in _TEXTS:
                if member.size <= _TEXT_BYTES:
                    file = tar.extractfile(member)
                    sample.texts[last] = file.read() if file else b""
            elif f".{last}" in IMAGE_ENDINGS or _sniff(tar, member):
                sample.pictures.append((ending, member.offset_data, member.size))
    if sample is not None:
        yield sample
    if torn:
        raise tarfile.ReadError(f"no valid header at byte {tar.offset:,}")


def _torn(path: Path, offset: int) -> bool:
    size = path.stat().st_size
    with open(path, "rb") as file:
        file.seek(min(offset, size))
        return offset > size or any(file.read(512))


def _sniff(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bool:
    if member.sparse is not None:
        return False
    file = tar.extractfile(member)
    return file is not None and looks_like_image(file.read(32))
