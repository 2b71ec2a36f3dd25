"""What ``likeness check`` prints: whether a store is whole, what is wrong with it, what was mended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from index.integrity.check import Checked, check_store
from index.integrity.repair import repair, restore_format
from index.store import Store
from schema.settings import Settings
from ui.flow import run_all
from ui.terminal.tables import cell, clean

Say = Callable[[str], None]


def check(uri: str, settings: Settings, sample: int, mend: bool, say: Say) -> bool:
    """Check a store, mend it when asked, tell ``say`` line by line, and return whether it is whole now.

    Raises StoreError when there is no store, or when items are lost and it is to be mended.
    """
    if mend and "://" not in uri and Path(uri).is_dir() and (sentence := restore_format(Path(uri))):
        say(sentence)
    # Nothing is written but by a repair; a check of a store in use waits for nobody.
    with Store.open(uri, write=mend, verify=False) as store:
        checked = check_store(store, sample, settings.ingest.max_bytes)
        _tell(checked, say)
        if not checked.damages:
            return True
        if not mend:
            say("Mend what can be mended with: likeness check --repair --store " + uri)
            return False
        for sentence in repair(store, checked, settings.ingest):
            say(sentence)
    say("Making again what is derived ...")
    run_all(uri, settings)
    with Store.open(uri, verify=False) as store:
        again = check_store(store, 0)
    for damage in again.damages:
        say(f"still lost: {clean(damage.text)}")
    return not again.damages


def _tell(checked: Checked, say: Say) -> None:
    rows = sum(checked.tables.values())
    say(f"{len(checked.tables)} tables read, {cell(rows)} rows")
    if checked.pictures:
        say(f"{cell(checked.pictures)} pictures of a sample read and compared with the ids that they gave")
    if checked.changed:
        say(f"{cell(checked.changed)} of them are other pictures now: likeness ingest takes up what changed")
    if checked.unreadable:
        say(f"{cell(checked.unreadable)} of them cannot be read where they were")
    for damage in checked.damages:
        say(clean(damage.text) + ("" if damage.fact else " (it can be made again)"))
    if not checked.damages:
        say("The store is whole.")
