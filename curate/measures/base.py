"""What a measure is: a plug-in over rows whose columns go into a table of its own, ``measures_NAME``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import pyarrow as pa

from index.stages.row_plugin import RowPlugin
from index.store import Store
from schema.ids import settings_hash
from schema.plugins import Options, options_of
from schema.settings import Settings


class Measure(RowPlugin):
    """Numbers or short texts for each item. A subclass names itself and its columns, and writes ``compute``.

    ``Options`` is the pydantic model of its options, which stand in the settings under ``[measure.NAME]``.

    Columns begin with the measure's name, so that a filter can name any column of any table by itself. ``version``
    grows when the same input gives other results: everything is then measured anew. A ``costly`` one runs only where it
    is named.
    """

    name: ClassVar[str]
    gives: ClassVar[Mapping[str, pa.DataType]]
    version: ClassVar[int] = 1
    costly: ClassVar[bool] = False
    Options: ClassVar[type[Options]] = Options

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.options = options_of(type(self), settings.measure.plugins, self.name, "measure")

    @property
    def label(self) -> str:
        """See RowPlugin."""
        return f"measure {self.name}"

    @property
    def table(self) -> str:
        """See RowPlugin."""
        return f"measures_{self.name}"

    @property
    def columns(self) -> tuple[pa.Field, ...]:
        """See RowPlugin."""
        return tuple(pa.field(name, kind) for name, kind in self.gives.items())

    @property
    def key(self) -> str:
        """Return what the results depend on: the version, the columns, and what ``identity`` adds."""
        columns = {name: str(kind) for name, kind in self.gives.items()}
        facts = {"name": self.name, "version": self.version, "columns": columns, **self.identity()}
        return settings_hash(facts | {"options": self.options.model_dump(mode="json")})

    @classmethod
    def missing(cls, settings: Settings) -> str:  # noqa: ARG003 - what others look at
        """Return what it lacks to run with these settings, a model or a package; empty where it lacks nothing.

        ``likeness measure`` without names makes the measures that lack nothing.
        """
        return ""

    def items(self, store: Store, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield the items with what their copies and later readings of their sources say folded in."""
        return store.items(names)

    def bind(self, store: Store) -> None:
        """Take from the store what the measure depends on besides its items; called before its key is asked for.

        Raises StoreError where the store lacks it.
        """
        return

    def finish(self, store: Store) -> list[str]:
        """Bring up to date what follows from all rows of its table together; return notes worth a line each.

        Called at the end of every run that had work to do, also of one that goes on after a kill.
        """
        return []

    def identity(self) -> dict[str, str]:
        """Return what else changes the results, such as the digest of a model's file; without loading it."""
        return {"background": self.settings.ingest.background.lower()} if self.reads == "pixels" else {}
