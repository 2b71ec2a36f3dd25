"""Every file of configs/ loads: a run as settings, the vocabulary as a vocabulary."""

from __future__ import annotations

from pathlib import Path

import pytest

from curate.select.rank import parse_rank
from index.filters.language import parse_filter
from schema.settings import load_settings
from schema.vocabulary import load_vocabulary

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
VOCABULARY = "attributes.toml"


def test_there_are_configs() -> None:
    assert (CONFIGS / VOCABULARY).is_file()


@pytest.mark.parametrize(
    "path", sorted(CONFIGS.rglob("*.toml")), ids=lambda path: path.relative_to(CONFIGS).as_posix()
)
def test_config_loads(path: Path) -> None:
    if path.name == VOCABULARY:
        assert load_vocabulary(path).attributes
    else:
        settings = load_settings(path)
        for gate in settings.gate:
            parse_filter(gate.where)
        if settings.select.rank:
            parse_rank(settings.select.rank)
