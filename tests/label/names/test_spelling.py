"""Which spellings are one name, and which two names are proposed as one."""

from __future__ import annotations

from pathlib import Path

import pytest

from label.names.spelling import load_aliases, name_key, near_names, shown
from schema.errors import SettingsError


@pytest.mark.parametrize(
    "spelling", ["saber_(fate)", "Saber (Fate)", "Saber \\(fate\\)", " SABER  (fate) ", "ｓａｂｅｒ_(fate)"]
)
def test_spellings_of_one_name(spelling: str) -> None:
    assert name_key(spelling) == "saber (fate)"


def test_the_most_frequent_spelling_is_shown_without_underscores() -> None:
    assert shown({"saber_(fate)": 2, "Saber (Fate)": 3, "saber (fate)": 2}) == "saber (fate)"


def test_near_names_are_proposed_and_versions_are_not() -> None:
    counts = {
        "tohsaka rin": 9, "rin tohsaka": 4, "hatsune miku": 50, "hatsune mikku": 2, "unit 01": 5, "unit 02": 5,
        "saber (fate)": 7, "saber": 3, "anna (frozen)": 4, "anna (idol)": 4, "rei": 2, "rem": 2,
    }  # fmt: skip
    pairs = {(each.name, each.other) for each in near_names(counts)}
    assert pairs == {
        ("rin tohsaka", "tohsaka rin"), ("hatsune mikku", "hatsune miku"), ("saber", "saber (fate)"),
    }  # fmt: skip


def test_aliases(tmp_path: Path) -> None:
    path = tmp_path / "aliases.csv"
    path.write_text("# other names\nartoria_pendragon,saber (fate)\n\n", encoding="utf-8")
    assert load_aliases(str(path)) == {"artoria pendragon": "saber (fate)"}
    path.write_text("alone\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="line 1"):
        load_aliases(str(path))
    with pytest.raises(SettingsError, match="cannot be read"):
        load_aliases(str(tmp_path / "none.csv"))
