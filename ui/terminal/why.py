"""``likeness why``: what decided about one item, a line each."""

from __future__ import annotations

from curate.why import why
from index.store import Store
from index.store.keys import row_of
from schema.settings import Settings
from ui.terminal.tables import clean


def why_text(uri: str, settings: Settings, item: str) -> str:
    """Return the lines; raises StoreError where the store has no such item."""
    with Store.open(uri) as store:
        return "\n".join(clean(line) for line in why(store, settings, row_of(store, item)))
