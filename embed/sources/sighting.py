"""The one value that sources produce, and the protocol they follow."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

# Asked by a source with (key, uri or text) before it opens a caption: what is in the store need not be read again.
Known = Callable[[str, str], bool]


@dataclass(frozen=True, slots=True)
class Sighting:
    """One listed thing: a picture, a text, or a row that can be neither and says why in ``reason``.

    ``key`` names it within its source, ``keys`` holds further original ids. ``uri`` is empty when there is no picture.
    """

    key: str
    uri: str = ""
    keys: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    text: str = ""
    identity: str = ""
    reason: str = ""


class Source(Protocol):
    """A place that lists items; the order is the same every time."""

    @abstractmethod
    def sightings(self, known: Known) -> Iterator[Sighting]:
        """Yield everything in listing order; for what is ``known``, tags and text may be left out."""
        ...

    def notes(self) -> list[str]:
        """Return what is worth telling after the listing, such as what was left alone."""
        return []


def readable(name: str) -> str:
    """Return a file name as valid text: bytes that are no UTF-8 become ``\\xff``, so that tables can hold it."""
    try:
        return os.fsencode(name).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        return clean(name)


def clean(text: str) -> str:
    """Return text that tables can hold: lone surrogates are written out."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")
