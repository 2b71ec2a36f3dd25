"""Guessing what a mistyped word was meant to be; every error about an unknown name uses it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MOST = 5


def nearest(word: str, known: Iterable[str], most: int = MOST) -> list[str]:
    """Return at most ``most`` known words that look like ``word``, the most alike first; letter case is ignored."""
    folded: dict[str, str] = {}
    for name in known:
        folded.setdefault(name.casefold(), name)
    return [folded[found] for found in difflib.get_close_matches(word.casefold(), folded, n=most)]


def did_you_mean(word: str, known: Iterable[str], most: int = 3) -> str:
    """Return '; did you mean a or b?' for a mistyped word, empty where nothing known looks like it."""
    found = nearest(word, known, most)
    return f"; did you mean {' or '.join(found)}?" if found else ""
