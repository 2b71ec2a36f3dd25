"""Ways to find nearest neighbours, by name; a new one is a line here and a class."""

from __future__ import annotations

from importlib import import_module

from index.searchers.base import Searcher
from schema.errors import SettingsError
from schema.settings import IndexSettings

SEARCHERS = {
    "exact": "index.searchers.exact:ExactSearcher",
    "faiss": "index.searchers.partition:PartitionSearcher",
    "flat": "index.searchers.flat:FlatSearcher",
}


def load_searcher(name: str, settings: IndexSettings) -> Searcher:
    """Build a searcher of the table by its name; raises SettingsError that names the known ones."""
    try:
        module, _, attribute = SEARCHERS[name].partition(":")
    except KeyError:
        raise SettingsError(f"unknown index.searcher {name!r}; known: auto, {', '.join(SEARCHERS)}") from None
    searcher: Searcher = getattr(import_module(module), attribute)(settings)
    return searcher


__all__ = ["SEARCHERS", "Searcher", "load_searcher"]
