"""The catalogue of all tables: the stage that makes each, fact or derived, what people may filter on, its indexes.

Filters, status, compaction, export and the hints of errors read it, so a new table is described here and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from schema import tables


@dataclass(frozen=True, slots=True)
class Table:
    """What is known of a table, or of a family of tables whose names end in KEY or NAME.

    ``maker`` is the stage that writes it, ``of`` says what a row is. A *fact* cannot be made again; the rest can.
    ``schema`` is None where it depends on settings. People may not filter on the columns in ``internal``;
    ``filtered`` tables can be named in filters, in that order. ``grows``: a source may add columns of its own.
    ``counted`` is how a status calls its number of rows; empty where nobody asks.
    """

    name: str
    maker: str
    of: str
    fact: bool = False
    schema: pa.Schema | None = None
    filtered: bool = False
    internal: frozenset[str] = frozenset()
    indexes: Mapping[str, str] = field(default_factory=dict)
    grows: bool = False
    counted: str = ""

    @property
    def pattern(self) -> re.Pattern[str]:
        """The expression that the names of these tables match; its group is what stands for KEY or NAME."""
        stem, _, end = self.name.rpartition("_")
        varies = end in ("KEY", "NAME")
        return re.compile(f"{re.escape(stem)}_(.+)" if varies else re.escape(self.name))

    def called(self, name: str) -> str:
        """Return how a status calls the rows of this table, or of the one of this family that has that name."""
        match = self.pattern.fullmatch(name)
        return self.counted.replace("NAME", match.group(1)) if match and match.groups() else self.counted

    def wanted_indexes(self, schema: pa.Schema) -> dict[str, str]:
        """Return the kind of scalar index by column that filters on a large table of this schema want."""
        wanted = {name: kind for name, kind in self.indexes.items() if name in schema.names}
        if self.name == "labels":
            wanted |= {
                each.name: "LABEL_LIST" if pa.types.is_list(each.type) else "BITMAP"
                for each in schema
                if f"{each.name}_confidence" in schema.names
            }
        return wanted


_ITEM_INTERNAL = frozenset({"source", "ordinal", "commit"})

CATALOGUE = (
    Table(
        "labels", "label", "an item", filtered=True, indexes={"ambiguous": "BITMAP"}, counted="labelled",
    ),
    Table(
        "items", "ingest", "distinct content", fact=True, schema=tables.ITEMS, filtered=True, internal=_ITEM_INTERNAL,
        indexes={"item_id": "BTREE", "status": "BITMAP"}, grows=True, counted="items",
    ),
    Table(
        "groups", "dedupe", "an item in a group", schema=tables.GROUPS, filtered=True,
        indexes={"group_id": "BTREE", "keep": "BITMAP"}, counted="in duplicate groups",
    ),
    Table(
        "names", "names", "an item", schema=tables.NAMES, filtered=True,
        indexes={"character": "LABEL_LIST", "copyright": "LABEL_LIST", "unknown_character": "BTREE"},
    ),
    Table("measures_NAME", "measure", "a measured item", filtered=True, counted="measured by NAME"),
    Table("captions_NAME", "caption", "a captioned item", filtered=True, counted="captioned by NAME"),
    Table(
        "selection", "select", "an item", schema=tables.SELECTION, filtered=True,
        indexes={"selected": "BITMAP", "left_out": "BITMAP", "split": "BITMAP"}, counted="in the selection's ledger",
    ),
    Table(
        "gates", "gates", "an item on which a gate acts", schema=tables.GATES, counted="acts of gates",
    ),
    Table(
        "copies", "ingest", "a further place of the same content", fact=True, schema=tables.COPIES, grows=True,
        counted="further copies",
    ),
    Table(
        "revised_items", "ingest", "an item whose sources changed", schema=tables.ITEMS, grows=True,
        counted="changed since",
    ),
    Table("source_stamps", "ingest", "a listed entry", schema=tables.SOURCE_STAMPS),
    Table("thumbnails", "ingest", "a picture", fact=True, schema=tables.THUMBNAILS),
    Table("ingests", "ingest", "a commit of items", fact=True, schema=tables.INGESTS),
    Table("sources", "ingest", "a source", fact=True, schema=tables.SOURCES),
    Table("failures", "embed, measure, caption", "an item that a stage could not handle", schema=tables.FAILURES),
    Table("vectors_KEY", "embed", "an embedded item", fact=True),
    Table("prompts_KEY", "embed", "a value of the vocabulary"),
    Table("texts_KEY", "embed", "a text of the settings"),
    Table("text_vectors_KEY", "embed", "a picture with a text"),
    Table("neighbours_KEY", "index", "an embedded item"),
    Table("sketches", "dedupe", "a picture"),
    Table("overlaps", "dedupe", "an item that another set has, too", schema=tables.OVERLAPS),
    Table("pairs", "dedupe", "a compared pair of pictures", schema=tables.PAIRS),
    Table("directions", "dedupe", "a pair of copies", schema=tables.DIRECTIONS),
    Table("label_models", "label", "a model", schema=tables.LABEL_MODELS),
    Table("label_state", "label", "an item"),
    Table("label_noise", "label", "a doubtful or missing tag", schema=tables.LABEL_NOISE),
    Table("reviews", "review", "a decision", fact=True, schema=tables.REVIEWS),
    Table("runs", "every stage", "a finished run", fact=True, schema=tables.RUNS),
    Table("store_format", "every writer", "a store", fact=True, schema=tables.STORE_FORMAT),
)  # fmt: skip
"""Every table that a store can hold; those that filters may name come first, in the order in which names are sought."""


def describe(name: str) -> Table | None:
    """Return what the catalogue says of a table, None for one that it does not know."""
    return next((table for table in CATALOGUE if table.pattern.fullmatch(name)), None)


def filtered_tables(names: Iterable[str]) -> list[tuple[str, Table]]:
    """Return which of these tables filters may name, with their entries, in the order in which a column is sought."""
    entries = [(name, describe(name)) for name in names]
    return [
        (name, entry) for table in CATALOGUE if table.filtered for name, entry in entries if entry is table
    ]


def filterable(names: Iterable[str]) -> list[str]:
    """Return which of these tables the answer of a filter depends on: those that it may name, and copies, which speak
    for the items they are copies of."""
    found = list(names)
    return [*(name for name, _ in filtered_tables(found)), *(name for name in found if name == "copies")]


def column_names(attributes: Iterable[tuple[str, str]]) -> frozenset[str]:
    """Return the names of our columns in filters and exports, which no source's column takes.

    ``attributes`` are (name, kind) of the vocabulary.
    """
    fixed = {
        name
        for table in CATALOGUE
        if table.filtered and table.schema is not None
        for name in table.schema.names
    }
    return frozenset(fixed | set(tables.labels(list(attributes)).names) | _COMPUTED)


# What exports and selections compute, and what holds the fields of a source beyond the limit of columns.
_COMPUTED = frozenset("split rank class selected caption source_other".split())


def made_by(name: str) -> str:
    """Return the command that makes a missing table, as the hint of an error; empty where there is none."""
    table = describe(name)
    stages = ("ingest", "embed", "index", "dedupe", "label", "names", "measure", "gates", "select", "caption")
    return f"Run: likeness {table.maker} --store ..." if table and table.maker in stages else ""
