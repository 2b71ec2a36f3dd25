"""What runs over rows: a plug-in says what it reads of each item, which columns it gives, and how it computes a batch.

``index/stages/rowwise.py`` does the rest for any number of them: which rows are missing, reading ahead, failures with
their reasons, commits, resuming. A picture is read and decoded once for all plug-ins that run together.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

import numpy as np
import pyarrow as pa

from index.images.decode import Picture
from index.images.facts import WORKING_SIDE, fit
from index.store import Store
from schema import tables
from schema.arrays import Floats16
from schema.settings import Settings

if TYPE_CHECKING:
    from typing import Self

Input: TypeAlias = Literal["pixels", "thumbnail", "vector", "text"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows, with what a plug-in reads of them.

    ``items`` has row, item_id, uri, status, text and what any of the plug-ins names in ``needs``, and the column
    ``vector`` for plug-ins that read vectors.
    ``pictures`` holds what ``RowPlugin.prepare`` made of each row's picture, or the buffer that it was written to;
    None for plug-ins that read none. A row of a buffer that stayed empty has its reason in ``reasons``.
    """

    items: pa.Table
    pictures: Any = None
    reasons: Sequence[str | None] = ()

    def __len__(self) -> int:
        return int(self.items.num_rows)

    @property
    def texts(self) -> list[str]:
        """The text of each row, empty where it has none."""
        return [text or "" for text in self.items.column("text").to_pylist()]

    @property
    def vectors(self) -> Floats16:
        """The vector of each row, float16 [n, dim], unit length."""
        column = self.items.column("vector").combine_chunks()
        return np.asarray(column.flatten()).reshape(len(column), -1)


@dataclass(frozen=True, slots=True)
class Results:
    """What was computed of a batch: for each column a value per row, and why a row has none.

    ``reasons`` is empty where every row has its values; else None marks the rows that have.
    """

    columns: Mapping[str, Any]
    reasons: Sequence[str | None] = field(default=())


class RowPlugin(ABC):
    """One computation over rows.

    Making one is cheap, since only the settings travel to where it runs; what is heavy is made in ``load``.
    ``reads`` says what it reads of each item. Pictures are decoded such that their long side (with ``cover`` the short
    one) has at least ``side`` pixels, 0: whole. ``parallel``: ``compute`` is called by several threads at once, each
    with some rows; good where it is plain numpy work, wrong where a model holds state. ``needs`` names further columns
    of the items that ``compute`` looks at.
    """

    reads: Input = "pixels"
    parallel: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def __reduce__(self) -> tuple[type[Self], tuple[Settings]]:
        return type(self), (self.settings,)

    @property
    @abstractmethod
    def label(self) -> str:
        """Return the name under which its failures are kept; it names the key as well, if keys have own tables."""

    @property
    @abstractmethod
    def table(self) -> str:
        """Return the table that its results go to."""

    @property
    @abstractmethod
    def columns(self) -> tuple[pa.Field, ...]:
        """Return the columns that it gives, ``row`` and ``item_id`` aside; asked after ``load``."""

    @property
    def key(self) -> str:
        """Return what changes when the results would; empty where the name of the table says it."""
        return ""

    @property
    def where(self) -> str:
        """Return which items it takes, as SQL over the items' own columns."""
        return "status IN ('ok', 'text')" if self.reads in ("vector", "text") else "status = 'ok'"

    @property
    def vectors_table(self) -> str:
        """Return the table whose vectors it reads; empty for none."""
        return ""

    def joins(self) -> dict[str, tuple[str, str]]:
        """Return what is added to the items from other tables: name of the column, (table, its column there).

        It takes only items that have a row in all of these tables.
        """
        if self.reads == "thumbnail":
            return {"thumbnail": ("thumbnails", "thumbnail")}
        return {"vector": (self.vectors_table, "vector")} if self.vectors_table else {}

    @property
    def side(self) -> int:
        """Return how many pixels the long side of a decoded picture has at least; 0 for the whole picture."""
        return WORKING_SIDE

    @property
    def cover(self) -> bool:
        """Tell whether ``side`` is meant for the short side."""
        return False

    @property
    def batch_size(self) -> int:
        """Return how many rows to compute at once; 0 leaves it to the others."""
        return 0

    @property
    def fixed_shape(self) -> bool:
        """Tell whether a buffer must have room for a full batch even when there are fewer rows."""
        return False

    @abstractmethod
    def compute(self, batch: Batch) -> Results:
        """Return the results of a batch: rows that could be read, or all rows for plug-ins with a buffer."""

    def schema(self) -> pa.Schema:
        """Return the schema of its table; asked after ``load``."""
        return tables.measures(self.columns, self.key)

    def load(self) -> None:
        """Make what is heavy, in the process that runs it, before anything else is asked."""
        return

    def close(self) -> None:
        """Let go of what ``load`` made."""
        return

    def check(self, store: Store) -> list[str]:
        """Raise LikenessError when it does not fit this store; return notes worth a line each."""
        return []

    def facts(self) -> dict[str, Any]:
        """Return what a run should record of how it computed, such as device and precision."""
        return {}

    def items(self, store: Store, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield the items in row order with these columns; a plug-in may add columns of its own."""
        return store.scan("items", names)

    def prepare(self, picture: Picture) -> Any:
        """Return what ``compute`` needs of a decoded picture: RGB uint8 [h, w, 3], at most ``side`` long.

        Called from many threads. Raises BadImage where a picture cannot be used; its text becomes the reason.
        """
        image = fit(picture.image, self.side) if self.side else picture.image
        return np.asarray(image)

    def buffer(self, count: int) -> Any:
        """Return room for the pictures of ``count`` rows, indexed by row; None gathers them in a list."""
        return None

    def release(self, pictures: Any) -> None:
        """Take back a buffer whose results were fetched."""
        return

    def from_files(self) -> Callable[[Sequence[bytes]], Sequence[Any]] | None:
        """Return a way from the bytes of several files at once to what ``prepare`` makes, None for those it leaves.

        It is taken where this plug-in alone needs the picture; None where there is no such way.
        """
        return None

    def submit(self, batch: Batch) -> Callable[[], Results]:
        """Start on a batch and return a call that waits for its results; on a device the two overlap."""
        results = self.compute(batch)
        return lambda: results
