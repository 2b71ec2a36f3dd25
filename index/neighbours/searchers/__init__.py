"""Ways to find nearest neighbours, by name; a new one is a line here and a class."""

from __future__ import annotations

from index.neighbours.searchers.base import Searcher
from schema.plugins import Seam
from schema.settings import IndexSettings

SEARCHERS = {
    "exact": "index.neighbours.searchers.exact:ExactSearcher",
    "faiss": "index.neighbours.searchers.partition:PartitionSearcher",
    "flat": "index.neighbours.searchers.flat:FlatSearcher",
}

SEAM = Seam(SEARCHERS, "searcher", "index.searcher", "likeness.searchers", Searcher, besides="auto")


def load_searcher(name: str, settings: IndexSettings) -> Searcher:
    """Build a searcher of the table by its name; raises SettingsError that names the known ones."""
    searcher: Searcher = SEAM.load(name)(settings)
    return searcher


__all__ = ["SEARCHERS", "Searcher", "load_searcher"]
