"""What an export says of itself, in ``_about/``: ids, rows, the ledger of what was left out, figures, a contact sheet.

Rows are gathered in a file as they come and read once more at the end, when it is known which pictures could not be
read; so memory stays that of a batch.
"""

from __future__ import annotations

import heapq
import io
import json
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from PIL import Image

from curate.export.card import json_schema
from curate.export.columns import SPLIT, Column
from index.store import Store
from schema.vocabulary import Vocabulary

ABOUT = "_about"
IDS, ROWS, LEFT_OUT = "ids.txt", "rows.parquet", "left_out.parquet"
SHEET_PICTURES, SHEET_COLUMNS, SHEET_SIDE = 48, 8, 128
MOST_VALUES = 1000
"""Values of a column of names, such as artists, that the statistics list, the most frequent ones."""
FACTS = ("licence", "artists", "characters", "copyrights", "source_rating", "verdict")
_LEDGER = pa.schema([pa.field("item_id", pa.string()), pa.field("reason", pa.string())])


class About:
    """Gathers what is said of an export while its rows go by, and writes it at the end."""

    def __init__(self, folder: Path, columns: Sequence[Column], vocabulary: Vocabulary) -> None:
        self._folder = folder / ABOUT
        self._folder.mkdir(exist_ok=True)
        self._columns = columns
        named = {column.name: column.type for column in columns}
        self._attributes = [each.name for each in vocabulary.attributes if each.name in named]
        kept = ["item_id", "split", "caption", "group_id"]
        kept += [name for each in self._attributes for name in (each, f"{each}_source") if name in named]
        kept += [name for name in FACTS if name in named]
        # The split and the id are there whatever is left out of the files.
        self._schema = pa.schema(
            [pa.field("row", pa.int64())] + [pa.field(name, named.get(name, pa.string())) for name in kept]
        )
        self._rows_path = self._folder / "gathered.parquet"
        self._rows = pq.ParquetWriter(self._rows_path, self._schema, compression="zstd", compression_level=1)
        self._ledger = pq.ParquetWriter(self._folder / LEFT_OUT, _LEDGER, compression="zstd")

    def add(self, batch: pa.RecordBatch, left_out: Sequence[tuple[str, pa.Array]]) -> None:
        """Take in the rows of a batch, and the ids that were left out of it by reason."""
        present = set(batch.schema.names)
        columns = [
            batch.column(batch.schema.get_field_index(field.name)) if field.name in present
            else pa.nulls(batch.num_rows, field.type)
            for field in self._schema
        ]  # fmt: skip
        if batch.num_rows:
            self._rows.write_batch(pa.RecordBatch.from_arrays(columns, schema=self._schema))
        for reason, ids in left_out:
            if len(ids):
                reasons = pa.array([reason] * len(ids), pa.string())
                self._ledger.write_batch(pa.RecordBatch.from_arrays([ids, reasons], schema=_LEDGER))

    def abort(self) -> None:
        """Let go of the open files."""
        self._rows.close()
        self._ledger.close()

    def finish(self, store: Store, failed: Collection[str]) -> None:
        """Write the files; ``failed`` are the items whose pictures could not be written."""
        self._rows.close()
        self._ledger.close()
        bad = pa.array(sorted(failed), pa.string())
        figures = _Figures(self._attributes)
        shown: list[tuple[str, int]] = []
        kept = self._schema.remove(0)
        with (
            open(self._folder / IDS, "w", encoding="utf-8", newline="\n") as ids,
            pq.ParquetWriter(self._folder / ROWS, kept, compression="zstd", compression_level=1) as rows,
        ):
            for batch in _batches(self._rows_path):
                if failed:
                    batch = batch.filter(pc.invert(pc.is_in(batch.column(1), value_set=bad)))
                ids.writelines(
                    f"{item}\t{split}\n"
                    for item, split in zip(
                        batch.column(1).to_pylist(), batch.column(2).to_pylist(), strict=True
                    )
                )
                numbers = batch.column(0).to_pylist()
                rows.write_batch(batch.select(kept.names))
                figures.add(batch)
                pairs = zip(batch.column(1).to_pylist(), numbers, strict=True)
                shown = heapq.nsmallest(SHEET_PICTURES, [*shown, *pairs])
        self._rows_path.unlink()
        _write(self._folder / "schema.json", json_schema(self._columns))
        _write(self._folder / "statistics.json", figures.result())
        sheet = contact_sheet(store, [row for _, row in shown])
        if sheet:
            (self._folder / "contact_sheet.webp").write_bytes(sheet)


class _Figures:
    """Counts by split: items, values of every attribute, and the names and licences of the sources."""

    def __init__(self, attributes: Sequence[str]) -> None:
        self._attributes = attributes
        self._counts: dict[str, dict[str, Counter[Any]]] = {}
        self._items: Counter[str] = Counter()
        self._captions: Counter[str] = Counter()

    def add(self, batch: pa.RecordBatch) -> None:
        splits = batch.column(batch.schema.get_field_index(SPLIT.name))
        for split in sorted(set(splits.to_pylist())):
            part = batch.filter(pc.equal(splits, split))
            self._items[split] += part.num_rows
            caption = part.column(part.schema.get_field_index("caption"))
            self._captions[split] += len(caption) - caption.null_count
            for name in (*self._attributes, *(name for name in FACTS if name in part.schema.names)):
                column = part.column(part.schema.get_field_index(name))
                if pa.types.is_list(column.type):
                    column = column.flatten()
                found = self._counts.setdefault(name, {}).setdefault(split, Counter())
                for each in pc.value_counts(column).to_pylist():
                    found[each["values"]] += each["counts"]

    def result(self) -> dict[str, Any]:
        """Return the figures; 'unknown' counts items without a value, of attributes with one value each."""
        splits = {
            split: {"items": count, "captions": self._captions[split]}
            for split, count in sorted(self._items.items())
        }
        values: dict[str, Any] = {}
        for name, by_split in self._counts.items():
            total: Counter[Any] = Counter()
            for counts in by_split.values():
                total.update(counts)
            order = sorted(total, key=lambda value: (-total[value], str(value)))
            listed = {
                "unknown" if value is None else str(value): {
                    split: counts[value] for split, counts in sorted(by_split.items()) if counts[value]
                }
                for value in order[:MOST_VALUES]
            }
            values[name] = {"values": listed, "not listed": max(0, len(order) - MOST_VALUES)}
        return {"splits": splits, "columns": values}


def contact_sheet(store: Store, rows: Sequence[int]) -> bytes | None:
    """Return the thumbnails of rows on one sheet, WebP; None where there are none."""
    if not rows or not store.has("thumbnails"):
        return None
    found = store.take("thumbnails", sorted(rows), ["row", "thumbnail"]).to_pylist()
    pictures = [record["thumbnail"] for record in found if record["thumbnail"]]
    if not pictures:
        return None
    high = -(-len(pictures) // SHEET_COLUMNS)
    sheet = Image.new("RGB", (SHEET_COLUMNS * SHEET_SIDE, high * SHEET_SIDE), "white")
    for place, data in enumerate(pictures):
        try:
            image = Image.open(io.BytesIO(data)).convert("RGB")
        except (OSError, ValueError):
            continue
        image.thumbnail((SHEET_SIDE - 4, SHEET_SIDE - 4))
        left, top = place % SHEET_COLUMNS * SHEET_SIDE, place // SHEET_COLUMNS * SHEET_SIDE
        sheet.paste(image, (left + (SHEET_SIDE - image.width) // 2, top + (SHEET_SIDE - image.height) // 2))
    buffer = io.BytesIO()
    sheet.save(buffer, "WEBP", quality=85)
    return buffer.getvalue()


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(path) as file:
        yield from file.iter_batches(batch_size=32_768)


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
