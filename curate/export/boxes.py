"""What detectors found on the pictures of an export, for transforms that crop to it or paint it over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from curate.export.pictures import BoxReader
from curate.transforms.base import Box
from curate.transforms.chain import stored_boxes
from index.store import Store
from schema.errors import ExportError


def boxes_of(store: Store, measures: Sequence[str]) -> BoxReader | None:
    """Return what reads the boxes that these measures found on the pictures of rows.

    Raises ExportError where a measure has not run: without its boxes the transforms would do nothing.
    """
    for name in measures:
        if not store.has(f"measures_{name}"):
            raise ExportError(
                f"a transform needs the boxes of the measure {name}, which has not run",
                f"Run: likeness measure {name} --store ...",
            )
    if not measures:
        return None

    def read(rows: Sequence[int]) -> Mapping[int, Sequence[Box]]:
        found: dict[int, list[Box]] = {}
        numbers = ", ".join(map(str, sorted(rows)))
        for name in measures:
            column = f"{name}_boxes"
            for record in store.read(f"measures_{name}", ["row", column], f"row IN ({numbers})").to_pylist():
                found.setdefault(record["row"], []).extend(stored_boxes({name: record[column] or ()}))
        return found

    return read
