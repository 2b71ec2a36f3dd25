"""likeness characters: the list, the file of profiles, and a group that is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
from click.testing import CliRunner

from index.reviews.effective import effective_reviews
from index.store import Store
from schema import tables
from ui.main import cli


def filled(folder: Path, add_items: Callable[..., None]) -> str:
    with Store.open(folder, create=True, write=True) as store:
        add_items(store, 6)
        ids = store.read("items", ["item_id"])["item_id"].to_pylist()
        records = [
            dict.fromkeys(tables.NAMES.names)
            | {"row": row, "item_id": ids[row], "character": ["rin tohsaka"] if row < 2 else ["tohsaka rin"]}
            for row in range(3)
        ]
        records += [
            dict.fromkeys(tables.NAMES.names)
            | {"row": row, "item_id": ids[row], "unknown_character": "unknown \x1b[31mabc"}
            for row in range(3, 6)
        ]
        store.replace("names", [pa.RecordBatch.from_pylist(records, tables.NAMES)], tables.NAMES)
    return str(folder)


def test_characters_are_listed_and_named(tmp_path: Path, add_items: Callable[..., None]) -> None:
    uri = filled(tmp_path / "store", add_items)
    listed = CliRunner().invoke(cli, ["characters", "--store", uri])
    assert listed.exit_code == 0, listed.output
    assert "rin tohsaka (2) and tohsaka rin (1): the same words in another order" in listed.output
    assert "abc: 3 pictures" in listed.output
    assert "\x1b" not in listed.output
    wrong = CliRunner().invoke(cli, ["characters", "--store", uri, "--name", "x' OR '1' = '1", "Saber"])
    assert wrong.exit_code != 0
    words = ["characters", "--store", uri, "--name", "unknown \x1b[31mabc", "Saber", "--reviewer", "ann"]
    named = CliRunner().invoke(cli, words)
    assert named.exit_code == 0, named.output
    with Store.open(uri) as store:
        labels = effective_reviews(store).labels
    assert {(row, label.values) for (row, _), label in labels.items()} == {
        (row, ("Saber",)) for row in (3, 4, 5)
    }
    out = tmp_path / "profiles.json"
    assert CliRunner().invoke(cli, ["characters", "--store", uri, "--profiles", str(out)]).exit_code == 0
    assert json.loads(out.read_text()) == {"rin tohsaka": {}, "tohsaka rin": {}}
