"""The sidecar seam: a format says which files beside pictures are its own, and what they say of which picture."""

from __future__ import annotations

import os
import stat
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

from embed.sources.annotation import Annotation
from embed.sources.base import SourceOptions
from embed.sources.encodings import Decoded, Encoding

NAME, STEM = "{name}", "{stem}"


MOST_BYTES = 16 * 2**20
"""A sidecar of one picture that is larger is none."""


def read_small(path: str, size: int = MOST_BYTES) -> bytes:
    """Return the first bytes of a regular file, b'' for anything else; never waits on a pipe or a device."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with open(handle, "rb", buffering=0) as file:
            return file.read(size) or b"" if stat.S_ISREG(os.fstat(handle).st_mode) else b""
    except (OSError, ValueError):
        return b""


class Entry(NamedTuple):
    """What a file says of one picture.

    ``subject`` is '' for the picture that the file lies beside, else a path below the file's folder or from another
    machine, or 'name:', 'stem:' or 'id:' and a name, a stem or an id; ``also`` are further ones, any of which will do.
    ``reason`` says why the entry, or the picture, could not be read; ``line`` is where in its file it stands.
    """

    subject: str
    said: Annotation
    reason: str = ""
    also: tuple[str, ...] = ()
    line: int = 0


@dataclass(slots=True)
class SidecarFile:
    """One file beside pictures: read whole on demand, decoded with the encoding of its folder."""

    path: str
    options: SourceOptions
    encoding: Encoding = field(default_factory=Encoding)
    read: Callable[[str], bytes] = field(default=read_small, repr=False)

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return os.path.basename(self.path)

    def data(self) -> bytes:
        """Return the bytes of the file; of one that is larger than a sidecar may be, its beginning."""
        return self.read(self.path)

    def text(self) -> Decoded:
        """Return the text of the file."""
        return self.encoding.decode(self.data())


class Sidecar(ABC):
    """One format. ``patterns`` are the names that its files have: ``{stem}.txt`` or ``{name}.json`` beside one picture
    (a.txt or a.png.json of a.png), a plain name, or ``*.json`` for files about many pictures."""

    patterns: ClassVar[tuple[str, ...]]
    many: ClassVar[bool] = False
    """Whether a file is about many pictures, and is read before any of them is listed."""

    def __init__(self, options: SourceOptions) -> None:
        self.options = options
        self.notes: list[str] = []

    @abstractmethod
    def entries(self, file: SidecarFile) -> Iterator[Entry] | None:
        """Return what a file says, or None where it is not of this format, whatever its name."""

    def claims(self, name: str) -> bool:
        """Tell whether a file of many pictures has a name of this format."""
        lower = name.lower()
        return any(
            lower.endswith(pattern[1:]) if pattern.startswith("*") else lower == pattern
            for pattern in self.patterns
            if NAME not in pattern and STEM not in pattern
        )

    def subjects(self, name: str) -> Iterator[tuple[str, str]]:
        """Yield (NAME or STEM, the picture's name or stem) that a file of that name would lie beside."""
        lower = name.lower()
        for pattern in self.patterns:
            for hole in (NAME, STEM):
                start, found, end = pattern.partition(hole)
                if found and lower.startswith(start) and lower.endswith(end):
                    middle = name[len(start) : len(name) - len(end)]
                    if middle and len(start) + len(end) < len(name):
                        yield hole, middle


def same_name(name: str) -> str:
    """Return a file name in the form in which names of lists, sidecars and disks are compared: NFC, small letters."""
    return unicodedata.normalize("NFC", name).casefold()
