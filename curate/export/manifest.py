"""The manifest of an export: what it holds, from what it was made, and the checksum of every file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.export.columns import Column
from curate.export.exporters.base import Failure
from curate.export.folder import written_files
from index.store import Store
from index.store.runs import Runs
from schema.settings import Settings
from schema.version import __version__
from schema.vocabulary import Vocabulary

NOT_INPUTS = ("export", "review")


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for: format, filter, whether copies and several characters are in it, whether a selection is."""

    format: str
    where: str | None
    everything: bool
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
        "stages": {
            stage: {name: record[name] for name in ("settings_hash", "code_version", "inputs", "facts")}
            for stage, record in sorted(last.items())
            if stage not in NOT_INPUTS
        },
    }


def outcome(folder: Path, counts: Mapping[str, int], failures: Sequence[Failure]) -> dict[str, Any]:
    """Return what is known when all rows are written: counts, pictures not read and why, and the files."""
    return {
        "counts": dict(sorted(counts.items())),
        "failures": [{"item_id": each.item_id, "reason": each.reason} for each in failures],
        "files": [
            {"name": name, "bytes": path.stat().st_size, "sha256": _sha256(path)}
            for name, path in written_files(folder)
        ],
    }


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
