"""What a captioner is: a plug-in over rows whose captions go into a table of its own, ``captions_NAME``."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import pyarrow as pa

from curate.captions.sayable import Sayable, SayableItems, sayable_of
from index.stages.row_plugin import Batch, Input, Results, RowPlugin
from index.store import Store
from schema.ids import settings_hash
from schema.plugins import Options, options_of
from schema.settings import Settings


def caption_table(name: str) -> str:
    """Return the table of a captioner."""
    return f"captions_{name}"


def caption_column(name: str) -> str:
    """Return the column of its captions."""
    return f"caption_{name}"


@dataclass(frozen=True, slots=True)
class Caption:
    """One caption: the finished text, the raw answer where it was cleaned, and what was noticed about it.

    ``reason`` says why there is no caption; the item is then a failure.
    """

    text: str = ""
    raw: str | None = None
    flags: Sequence[str] = ()
    reason: str | None = None


class Captioner(RowPlugin):
    """Writes captions. A subclass names itself and writes ``captions``; ``Options`` are those in ``[caption.NAME]``.

    One that ``reads_labels`` is bound to the labels, tags and decisions of a store before it runs: another state of
    these is another key, and all its captions are written again. One that ``needs_model`` runs only where it is named;
    ``flags_recurring``: a caption that many pictures share is suspicious.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    reads: Input = "text"
    reads_labels: ClassVar[bool] = True
    needs_model: ClassVar[bool] = False
    flags_recurring: ClassVar[bool] = False
    Options: ClassVar[type[Options]] = Options

    def __init__(self, settings: Settings, state: str = "") -> None:
        super().__init__(settings)
        self.state = state
        self.options = options_of(type(self), settings.caption.plugins, self.name, "caption")

    def __reduce__(self) -> Any:
        return type(self), (self.settings, self.state)

    def bound(self, store: Store) -> Self:
        """Return this captioner for the present state of a store's labels and decisions."""
        state = SayableItems(store, self.settings).state(self.sentence) if self.reads_labels else ""
        return type(self)(self.settings, state)

    @property
    def sentence(self) -> str:
        """Return the captioner whose captions this one reads besides labels and tags; empty for none."""
        return ""

    @property
    def label(self) -> str:
        """See RowPlugin."""
        return f"caption {self.name}"

    @property
    def table(self) -> str:
        """See RowPlugin."""
        return caption_table(self.name)

    @property
    def where(self) -> str:
        """See RowPlugin. Captions are of pictures."""
        return "status = 'ok'"

    @property
    def columns(self) -> tuple[pa.Field, ...]:
        """See RowPlugin."""
        column = caption_column(self.name)
        return (
            pa.field(column, pa.string()),
            pa.field(f"{column}_raw", pa.string()),
            pa.field(f"{column}_flags", pa.list_(pa.string())),
        )

    @property
    def key(self) -> str:
        """Return what the captions depend on: version, options, and the state of what they are made from."""
        facts = {"name": self.name, "version": self.version, "state": self.state, **self.identity()}
        return settings_hash(
            facts | {"options": self.options.model_dump(mode="json", exclude=set(self.running))}
        )

    @property
    def running(self) -> frozenset[str]:
        """Return the names of options that change no caption."""
        return frozenset()

    def finish(self, store: Store) -> list[str]:
        """Return notes worth a line each; called when a run has ended."""
        return []

    def identity(self) -> dict[str, str]:
        """Return what else changes the captions, such as a model and its prompt; without loading anything."""
        return {}

    def items(self, store: Store, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """See RowPlugin. Items come with what may be said of them, for all captioners of the run."""
        return SayableItems(store, self.settings).batches(names)

    def compute(self, batch: Batch) -> Results:
        """See RowPlugin."""
        captions = self.captions(batch)
        column = caption_column(self.name)
        return Results(
            {
                column: [caption.text for caption in captions],
                f"{column}_raw": [caption.raw for caption in captions],
                f"{column}_flags": [list(caption.flags) for caption in captions],
            },
            [caption.reason for caption in captions],
        )

    @abstractmethod
    def captions(self, batch: Batch) -> list[Caption]:
        """Return the caption of every row of a batch."""


class LabelCaptioner(Captioner):
    """A captioner that writes about one item at a time, from what may be said of it."""

    def captions(self, batch: Batch) -> list[Caption]:
        """See Captioner."""
        return [self.caption(item) for item in sayable_of(batch.items)]

    @abstractmethod
    def caption(self, item: Sayable) -> Caption:
        """Return the caption of one item."""
