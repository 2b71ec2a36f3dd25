"""From the store to a data set: rows joined from items, labels and groups, splits without leaks, a manifest.

The same store and settings give the same bytes: rows in row order, no time stamps, the split from a hash.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.export.exporters import load_exporter
from curate.export.exporters.base import INTERNAL, Exporter
from index.filters import matching_rows
from index.stages.progress import progress
from index.store import Store
from index.store.runs import Runs
from schema.arrays import Bools, Ints
from schema.errors import ExportError
from schema.records import Summary
from schema.settings import ExportSettings, Settings
from schema.version import __version__
from schema.vocabulary import Vocabulary, load_vocabulary

# The underscore hides it from readers that take a whole folder for Parquet.
MANIFEST = "_manifest.json"
PARTIAL = ".partial"
ITEM_COLUMNS = ("item_id", "keys", "uri", "width", "height", "tags", "text")
BATCH_ROWS = 32_768


def export_schema(vocabulary: Vocabulary) -> pa.Schema:
    """Return the Arrow schema of an export; attributes of many values are lists."""
    fields = [
        pa.field("item_id", pa.string()),
        pa.field("keys", pa.list_(pa.string())),
        pa.field("uri", pa.string()),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("tags", pa.list_(pa.string())),
        pa.field("text", pa.string()),
    ]
    for attribute in vocabulary.attributes:
        many = attribute.kind == "many"
        fields.append(pa.field(attribute.name, pa.list_(pa.string()) if many else pa.string()))
        fields.append(pa.field(f"{attribute.name}_confidence", pa.float32()))
        fields.append(pa.field(f"{attribute.name}_source", pa.string()))
    fields += [
        pa.field("group_id", pa.string()),
        pa.field("verdict", pa.string()),
        pa.field("keep", pa.bool_()),
        pa.field("split", pa.string()),
    ]
    return pa.schema(fields)


def run_export(
    store: Store,
    settings: Settings,
    out: str | os.PathLike[str],
    *,
    format: str = "parquet",
    everything: bool = False,
    where: str | None = None,
    read: Callable[[str], bytes] | None = None,
) -> Summary:
    """Write a data set to the folder ``out``: kept, single-character items, or with ``everything`` all of them.

    ``read`` returns the source bytes of a uri, for formats that carry images. Raises ExportError when ``out``
    holds files that are not an earlier export, FilterError for a bad ``where``.
    """
    begun = time.monotonic()
    target = Path(out)
    vocabulary = load_vocabulary(settings.tags.vocabulary or None)
    partial = _prepare(target)
    joined = ExportRows(store, vocabulary, settings.export)
    allowed = matching_rows(store, where) if where else None
    exporter = load_exporter(format, partial, settings.export, vocabulary, read)
    counts: Counter[str] = Counter()
    try:
        with progress(store.n_items(), "export", "row") as bar:
            for batch, total in joined.batches(allowed, everything):
                counts["exported"] += exporter.write(batch)
                for split, number in zip(
                    *np.unique(_column(batch, "split"), return_counts=True), strict=True
                ):
                    counts[f"{split}"] += int(number)
                bar.add(total)
        exporter.close()
        counts["left out"] = joined.left_out
        _write_manifest(store, settings, vocabulary, partial, format, everything, where, counts, exporter)
        _publish(partial, target)
    except OSError as error:
        raise ExportError(f"cannot write the export to {target}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    failures = Counter(reason.split(":")[0] for _, reason in exporter.failures)
    return Summary(
        "export", dict(counts), (f"written to {target}",), dict(failures), time.monotonic() - begun
    )


class ExportRows:
    """Joins items, labels, groups and splits, batch by batch in row order."""

    def __init__(self, store: Store, vocabulary: Vocabulary, settings: ExportSettings) -> None:
        self.store = store
        self.vocabulary = vocabulary
        self.settings = settings
        self.schema = export_schema(vocabulary)
        self.left_out = 0
        self._groups = _Groups(store)

    def batches(self, allowed: Ints | None, everything: bool) -> Iterator[tuple[pa.RecordBatch, int]]:
        """Yield (rows in the export schema with row and format, number of items looked at)."""
        columns = ["row", "status", "format", *ITEM_COLUMNS]
        for items in self.store.items(columns, batch_rows=BATCH_ROWS):
            rows = _column(items, "row").astype(np.int64)
            labels = _Aligned(self.store, "labels", rows, self._label_columns())
            keep = np.isin(rows, self._groups.dropped, invert=True, assume_unique=True)
            chosen = _column(items, "status") != "failed"
            if allowed is not None:
                chosen &= np.isin(rows, allowed, assume_unique=True)
            if not everything:
                chosen &= keep & ~labels.flag("ambiguous")
            self.left_out += int((~chosen).sum())
            at = pa.array(np.flatnonzero(chosen))
            yield self._join(items.take(at), labels.take(at), rows[chosen], keep[chosen]), len(rows)

    def _label_columns(self) -> list[str]:
        names = ["ambiguous"]
        for attribute in self.vocabulary.attributes:
            names += [attribute.name, f"{attribute.name}_confidence", f"{attribute.name}_source"]
        return names

    def _join(
        self,
        items: pa.RecordBatch,
        labels: dict[str, pa.Array],
        rows: Ints,
        keep: Bools,
    ) -> pa.RecordBatch:
        items = self._groups.merge_copies(items, rows)
        group, verdict = self._groups.of(rows)
        own = items.column(items.schema.get_field_index("item_id")).to_pylist()
        leak = [name or item for name, item in zip(self._groups.families(rows), own, strict=True)]
        values: dict[str, Any] = {
            name: items.column(items.schema.get_field_index(name)) for name in ITEM_COLUMNS
        }
        values |= labels
        values |= {
            "group_id": pa.array(group, pa.string()),
            "verdict": pa.array(verdict, pa.string()),
            "keep": pa.array(keep),
            "split": pa.array([split_of(name, self.settings) for name in leak], pa.string()),
        }
        fields = list(self.schema)
        arrays = []
        for field in fields:
            value = values.get(field.name)
            arrays.append(pa.nulls(len(rows), field.type) if value is None else value.cast(field.type))
        fields += [pa.field("row", pa.int64()), pa.field("format", pa.string())]
        arrays += [pa.array(rows), items.column(items.schema.get_field_index("format"))]
        return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


class _Aligned:
    """Columns of a table brought into the order of given rows, null where the table has no such row."""

    def __init__(self, store: Store, table: str, rows: Ints, columns: list[str]) -> None:
        self._columns: dict[str, pa.Array] = {}
        self._size = len(rows)
        if not store.has(table) or not len(rows):
            return
        present = set(store.schema(table).names)
        names = [name for name in columns if name in present]
        where = f"row >= {int(rows[0])} AND row <= {int(rows[-1])}"
        found = store.read(table, ["row", *names], where).combine_chunks()
        have = found.column("row").to_numpy()
        at = np.searchsorted(have, rows)
        missing = (
            (at >= len(have)) | (have[np.minimum(at, max(len(have) - 1, 0))] != rows)
            if len(have)
            else np.ones(len(rows), bool)
        )
        index = pa.array(at, mask=missing)
        for name in names:
            self._columns[name] = found.column(name).take(index).combine_chunks()

    def flag(self, name: str) -> Bools:
        """Return a boolean column, False where unknown."""
        column = self._columns.get(name)
        if column is None:
            return np.zeros(self._size, dtype=bool)
        filled: Bools = column.fill_null(False).to_numpy(zero_copy_only=False)
        return filled

    def take(self, at: pa.Array) -> dict[str, pa.Array]:
        """Return the columns at these places."""
        return {name: column.take(at) for name, column in self._columns.items()}


class _Groups:
    """Duplicate groups by row: who is dropped, and whose keys and tags the kept one takes over."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._family: pa.Array | None = None
        columns = ["row", "group_id", "verdict", "keep"]
        if store.has("groups") and "family" in store.schema("groups").names:
            columns.append("family")
        found = store.read("groups", columns) if store.has("groups") else None
        if found is None or not found.num_rows:
            self.rows = np.empty(0, dtype=np.int64)
            self._group = self._verdict = pa.array([], pa.string())
            keep = np.empty(0, dtype=bool)
        else:
            found = found.sort_by("row").combine_chunks()
            self.rows = found.column("row").to_numpy()
            self._group = found.column("group_id").combine_chunks()
            self._verdict = found.column("verdict").combine_chunks()
            keep = found.column("keep").to_numpy()
            if "family" in columns:
                self._family = found.column("family").combine_chunks()
        self.dropped: Ints = self.rows[~keep]
        codes = (
            np.asarray(self._group.dictionary_encode().indices)
            if len(self._group)
            else np.empty(0, dtype=np.int64)
        )
        kept_of: dict[int, int] = {}
        verdicts = self._verdict.to_pylist()
        for index in np.flatnonzero(keep):
            if verdicts[index] == "kept":
                kept_of[int(codes[index])] = int(self.rows[index])
        self._losers: dict[int, list[int]] = {}
        for index in np.flatnonzero(~keep):
            kept = kept_of.get(int(codes[index]))
            if kept is not None:
                self._losers.setdefault(kept, []).append(int(self.rows[index]))

    def of(self, rows: Ints) -> tuple[list[str | None], list[str | None]]:
        """Return group ids and verdicts of rows, None where an item is in no group."""
        if not len(self.rows):
            return [None] * len(rows), [None] * len(rows)
        at = np.searchsorted(self.rows, rows)
        missing = self.rows[np.minimum(at, len(self.rows) - 1)] != rows
        index = pa.array(np.minimum(at, len(self.rows) - 1), mask=missing)
        return self._group.take(index).to_pylist(), self._verdict.take(index).to_pylist()

    def families(self, rows: Ints) -> list[str | None]:
        """Return what must not straddle two splits: all versions of one drawing, or the group, or None."""
        if self._family is None:
            return self.of(rows)[0]
        if not len(self.rows):
            return [None] * len(rows)
        at = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1)
        index = pa.array(at, mask=self.rows[at] != rows)
        found: list[str | None] = self._family.take(index).to_pylist()
        return [name or group for name, group in zip(found, self.of(rows)[0], strict=True)]

    def merge_copies(self, items: pa.RecordBatch, rows: Ints) -> pa.RecordBatch:
        """Give kept items the keys and tags of the copies that are dropped for them."""
        mine = {index: self._losers[int(row)] for index, row in enumerate(rows) if int(row) in self._losers}
        if not mine:
            return items
        wanted = np.array(sorted({row for losers in mine.values() for row in losers}), dtype=np.int64)
        records = {
            record["row"]: record
            for record in self._store.take_items(wanted, ["row", "keys", "tags"]).to_pylist()
        }
        for name in ("keys", "tags"):
            at = items.schema.get_field_index(name)
            values = items.column(at).to_pylist()
            for index, losers in mine.items():
                lists = [values[index] or [], *(records[row][name] or [] for row in losers if row in records)]
                values[index] = list(dict.fromkeys(value for part in lists for value in part))
            field = items.schema.field(at)
            items = items.set_column(at, field, pa.array(values, field.type))
        return items


def split_of(name: str, settings: ExportSettings) -> str:
    """Return train, val or test for a group or item: a hash decides, so that new items never move old ones."""
    digest = hashlib.blake2b(f"{settings.seed}:{name}".encode(), digest_size=8).digest()
    share = int.from_bytes(digest, "big") / 2**64
    if share < settings.test:
        return "test"
    return "val" if share < settings.test + settings.val else "train"


def _column(batch: pa.RecordBatch, name: str) -> npt.NDArray[Any]:
    found: npt.NDArray[Any] = batch.column(batch.schema.get_field_index(name)).to_numpy(zero_copy_only=False)
    return found


def _prepare(target: Path) -> Path:
    """Return an empty folder beside the target; refuse a target that holds anything but an earlier export."""
    if target.exists() and not target.is_dir():
        raise ExportError(f"{target} is a file", "Name a folder.")
    if target.is_dir() and any(target.iterdir()) and not _is_export(target):
        raise ExportError(
            f"{target} holds files that are not an export of Likeness", "Name an empty or new folder."
        )
    partial = target.with_name(target.name + PARTIAL)
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
    except OSError as error:
        raise ExportError(f"cannot write to {partial}: {error.strerror or error}") from error
    return partial


def _is_export(target: Path) -> bool:
    try:
        return "likeness" in json.loads((target / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False


def _publish(partial: Path, target: Path) -> None:
    old = target.with_name(target.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        os.replace(target, old)
    os.replace(partial, target)
    shutil.rmtree(old, ignore_errors=True)


def _write_manifest(
    store: Store,
    settings: Settings,
    vocabulary: Vocabulary,
    folder: Path,
    format: str,
    everything: bool,
    where: str | None,
    counts: Counter[str],
    exporter: Exporter,
) -> None:
    files = []
    for path in sorted(folder.iterdir()):
        files.append({"name": path.name, "bytes": path.stat().st_size, "sha256": _sha256(path)})
    runs = {record["stage"]: record for record in Runs(store).all()}
    manifest = {
        "likeness": __version__,
        "format": format,
        "filter": where,
        "everything": everything,
        "schema": {
            field.name: str(field.type) for field in export_schema(vocabulary) if field.name not in INTERNAL
        },
        "attributes": {each.name: {"title": each.title, "kind": each.kind} for each in vocabulary.attributes},
        "counts": dict(sorted(counts.items())),
        "settings": settings.model_dump(mode="json"),
        "stages": {
            stage: {name: record[name] for name in ("settings_hash", "code_version", "inputs", "facts")}
            for stage, record in sorted(runs.items())
            if stage not in ("export", "review")
        },
        "failures": [{"item_id": item, "reason": reason} for item, reason in exporter.failures],
        "files": files,
    }
    path = folder / MANIFEST
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
        json.dump(manifest, file, indent=1, sort_keys=True, default=str)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
