"""The manifest of an export: what it holds, from what it was made, and the checksum of every file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.export.about import ABOUT
from curate.export.columns import Column
from curate.export.exporters.base import Failure
from curate.export.folder import written_files
from curate.export.shards import WrittenFile, written_file
from index.reviews.open import open_log
from index.store import Store
from index.store.runs import Runs
from schema.settings import Settings
from schema.version import __version__
from schema.vocabulary import Vocabulary

NOT_INPUTS = ("export", "review")
NOT_READ = ("runs", "failures", "label_models", "label_state")
"""Tables that no export reads."""
CHECKSUMS = "checksums.sha256"


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for: format, filter, whether copies and several characters are in it, whether a selection is."""

    format: str
    where: str | None = None
    everything: bool = False
    selection: bool = False


def manifest_of(
    store: Store,
    settings: Settings,
    vocabulary: Vocabulary,
    columns: Sequence[Column],
    request: Request,
) -> dict[str, Any]:
    """Return what is known before a row is written: request, schema, settings, and the runs behind the tables."""
    last = {record["stage"]: record for record in Runs(store).all()}
    return {
        "likeness": __version__,
        "format": request.format,
        "filter": request.where,
        "everything": request.everything,
        "selection": request.selection,
        "schema": {column.name: str(column.type) for column in columns},
        "attributes": {each.name: {"title": each.title, "kind": each.kind} for each in vocabulary.attributes},
        "settings": settings.model_dump(mode="json"),
        # By these the same export can be made again, and two exports be compared.
        "tables": {name: store.version(name) for name in store.tables() if name not in NOT_READ},
        "reviews": open_position(store),
        "stages": {
            stage: {name: record[name] for name in ("settings_hash", "code_version", "inputs", "facts")}
            for stage, record in sorted(last.items())
            if stage not in NOT_INPUTS
        },
    }


def open_position(store: Store) -> int:
    """Return the number of the last decision in the review log."""
    log = open_log(store, readonly=True)
    try:
        return log.position()
    finally:
        log.close()


def outcome(
    folder: Path,
    counts: Mapping[str, int],
    failures: Sequence[Failure],
    known: Mapping[str, WrittenFile],
) -> dict[str, Any]:
    """Return what is known when all rows are written: counts, pictures not read and why, and the files.

    ``known`` are files whose checksums need not be taken again.
    """
    return {
        "counts": dict(sorted(counts.items())),
        "failures": [{"item_id": each.item_id, "reason": each.reason} for each in failures],
        "files": [_file(folder, name, path, known) for name, path in written_files(folder)],
    }


def write_checksums(folder: Path, known: Mapping[str, WrittenFile]) -> dict[str, WrittenFile]:
    """Write the checksums of all files in the form that ``sha256sum --check`` reads; return the files by their names.

    ``known`` are files whose checksums need not be taken again.
    """
    files = {
        name: known.get(name) or written_file(folder, path)
        for name, path in written_files(folder)
        if not path.is_symlink()
    }
    lines = [f"{file.sha256}  {name}\n" for name, file in files.items()]
    (folder / ABOUT / CHECKSUMS).write_text("".join(lines), encoding="utf-8")
    return files


def _file(folder: Path, name: str, path: Path, known: Mapping[str, WrittenFile]) -> dict[str, Any]:
    if path.is_symlink():
        return {"name": name, "link": os.readlink(path)}
    found = known.get(name) or written_file(folder, path)
    return {"name": name, "bytes": found.size, "sha256": found.sha256}
