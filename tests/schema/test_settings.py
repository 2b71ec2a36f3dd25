"""Settings: names that moved still work, and wrong ones get near ones."""

from __future__ import annotations

import pytest

from schema.errors import SettingsError
from schema.settings import load_settings


def test_a_former_name_works_and_is_told() -> None:
    told: list[str] = []
    settings = load_settings(None, ["label.donors_cap=500"], told.append)
    assert settings.label.max_reference_items == 500
    assert told == ["the setting label.donors_cap is now called label.max_reference_items"]


def test_sources_of_labels_by_their_former_names() -> None:
    settings = load_settings(None, ["label.sources=tags,votes,prompts"])
    assert settings.label.sources == ("tags", "knn", "zero_shot")


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("label.precison=0.9", "unknown setting label.precison; did you mean precision"),
        ("encoder.fit=letterbx", "got 'letterbx'; did you mean letterbox?"),
        ("labels.precision=0.9", "unknown setting labels; did you mean label?; the top level takes: ingest"),
        ("export.rows_per_file=0", "bad value for export.rows_per_file"),
    ],
)
def test_a_wrong_name_or_value_gets_near_ones(override: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(None, [override])
    assert said in caught.value.message
