"""What a store shares with a folder or another store is set aside, named, and let back in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from dedupe.stage import run_dedupe
from embed.ingest.stage import run_ingest
from index.duplicates.overlaps import overlapping_rows
from index.store import Store
from schema.errors import SettingsError, StoreError
from schema.settings import load_settings

SETTINGS = load_settings(None, ["dedupe.hamming=16", "dedupe.threads=2"])


@pytest.fixture
def store(tmp_path: Path, collection: Path) -> Any:
    with Store.open(tmp_path / "store", create=True, write=True) as opened:
        run_ingest(opened, SETTINGS, [str(collection)])
        yield opened


@pytest.fixture
def held_out(tmp_path: Path, collection: Path, face: Callable[..., Image.Image]) -> Path:
    """A folder: a crop of drawing 0, drawing 1 byte by byte, a stranger, a broken file and a text."""
    folder = tmp_path / "held_out" / "below"
    folder.mkdir(parents=True)
    face(0).crop((10, 12, 310, 314)).save(folder / "crop.png")
    (folder / "same.png").write_bytes((collection / "1.png").read_bytes())
    face(9).save(folder / "stranger.png")
    (folder / "broken.png").write_bytes((collection / "2.png").read_bytes()[:200])
    (folder / "note.txt").write_text("no picture", encoding="utf-8")
    return folder.parent


COPIES = {"0", "0_jpeg", "0_small", "0_grey", "0_mirror", "1"}


def overlaps(store: Store) -> dict[str, tuple[str, str]]:
    """Return key there and verdict by the name of the item here."""
    names = {r["row"]: Path(r["keys"][0]).stem for r in store.read("items", ["row", "keys"]).to_pylist()}
    return {names[r["row"]]: (r["key"], r["verdict"]) for r in store.read("overlaps").to_pylist()}


def test_a_folder_is_set_aside_against_and_released(store: Store, held_out: Path) -> None:
    summary = run_dedupe(store, SETTINGS, against=str(held_out))
    found = overlaps(store)
    # All copies of drawing 0 go, not its version in another skin, and not the stranger.
    assert set(found) == COPIES
    assert found["1"] == ("below/same.png", "same file")
    assert found["0"] == ("below/crop.png", "same artwork")
    assert summary.counts["in_both"] == 6 and summary.counts["pictures_there"] == 3
    assert sum(summary.failures.values()) == 1
    assert any("set aside" in warning for warning in summary.warnings)
    assert len(overlapping_rows(store)) == 6
    # Again: nothing is marked twice.
    run_dedupe(store, SETTINGS, against=str(held_out))
    assert len(overlaps(store)) == store.count("overlaps") == 6
    with pytest.raises(SettingsError, match="did you mean"):
        run_dedupe(store, SETTINGS, release=str(held_out)[:-1])
    summary = run_dedupe(store, SETTINGS, release=str(held_out))
    assert summary.counts["released"] == 6
    assert not len(overlapping_rows(store))


def test_another_store(store: Store, tmp_path: Path, held_out: Path) -> None:
    with Store.open(tmp_path / "other", create=True, write=True) as other:
        run_ingest(other, SETTINGS, [str(held_out)])
    run_dedupe(store, SETTINGS, against=str(tmp_path / "other"))
    assert set(overlaps(store)) == COPIES


def test_what_is_neither_is_an_error(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="neither a store nor a folder"):
        run_dedupe(store, SETTINGS, against=str(tmp_path / "nothing"))
    with pytest.raises(SettingsError, match="--dry-run"):
        run_dedupe(store, SETTINGS, dry_run=tmp_path / "plan.csv", against=str(tmp_path))
