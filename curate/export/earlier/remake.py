"""An export made again from the tables as they were, by what the manifest of the earlier one says."""

from __future__ import annotations

import json
import os
from pathlib import Path

from pydantic import ValidationError

from curate.export.earlier.pinned import PinnedStore
from curate.export.folder import MANIFEST
from curate.export.manifest import Request
from curate.export.stage import write_export
from curate.protected import ProtectedGate
from index.store import Store
from schema.errors import ExportError
from schema.records import Summary
from schema.settings import Settings


def remake_export(
    store: Store, settings: Settings, out: str | os.PathLike[str], earlier: str | os.PathLike[str]
) -> Summary:
    """Write to ``out`` what the export ``earlier`` held: its format, filter, settings, and the tables as they were.

    What the protected gate bars by now stays out all the same. Raises ExportError for what is no export, or one
    of an older release; StoreError where compaction has dropped a version.
    """
    path = Path(earlier) / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        versions = {str(name): int(version) for name, version in manifest["tables"].items()}
        request = Request(manifest["format"], manifest["filter"], bool(manifest["everything"]))
        made = Settings.model_validate(manifest["settings"])
        position = int(manifest["reviews"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ValidationError) as error:
        raise ExportError(
            f"{earlier} does not say how it was made: {error}",
            "It takes the folder of an export of this release, with its _manifest.json.",
        ) from error
    if missing := sorted(name for name in versions if not store.has(name)):
        raise ExportError(f"the store has no table {missing[0]}", f"{earlier} was made from another store.")
    pinned = PinnedStore(store.uri, versions, position)
    present = ProtectedGate(store, settings.review.administrators)
    return write_export(pinned, made, out, request, present=present)
