"""What a notebook imports: the names listed here, each loaded when it is first asked for.

Importing this module loads none of the libraries below it, so that a script that only asks for the version, or a shell
that completes names, does not wait for torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the same names, for editors and type checkers
    from curate.export.exporters.base import Exporter
    from embed.encoders.base import Encoder
    from index.neighbours.searchers.base import Searcher
    from likeness.collection import Collection, open  # noqa: A004 - likeness.open, as gzip.open
    from likeness.duplicates import Duplicates, find_duplicates
    from likeness.graph import KnnGraph, knn_graph
    from likeness.propagation import Propagation, Report, propagate
    from likeness.table import Table
    from schema.errors import LikenessError
    from schema.version import __version__

__all__ = [
    "Collection",
    "Duplicates",
    "Encoder",
    "Exporter",
    "KnnGraph",
    "LikenessError",
    "Propagation",
    "Report",
    "Searcher",
    "Table",
    "__version__",
    "find_duplicates",
    "knn_graph",
    "open",
    "propagate",
]

# Name -> where it is defined. The build of the wheel rewrites these paths like those of the plug-in tables.
_NAMES = {
    # Collections, and what their methods return.
    "Collection": "likeness.collection:Collection",
    "LikenessError": "schema.errors:LikenessError",
    "Table": "likeness.table:Table",
    "open": "likeness.collection:open",
    # Algorithms without a store.
    "Duplicates": "likeness.duplicates:Duplicates",
    "find_duplicates": "likeness.duplicates:find_duplicates",
    "KnnGraph": "likeness.graph:KnnGraph",
    "Propagation": "likeness.propagation:Propagation",
    "Report": "likeness.propagation:Report",
    "knn_graph": "likeness.graph:knn_graph",
    "propagate": "likeness.propagation:propagate",
    # What a plug-in from outside extends: by these names it finds its base class in a checkout and in a wheel.
    "Encoder": "embed.encoders.base:Encoder",
    "Exporter": "curate.export.exporters.base:Exporter",
    "Searcher": "index.neighbours.searchers.base:Searcher",
    "__version__": "schema.version:__version__",
}


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, entry = _NAMES[name].partition(":")
    found = globals()[name] = getattr(importlib.import_module(module), entry)
    return found


def __dir__() -> list[str]:
    return __all__
