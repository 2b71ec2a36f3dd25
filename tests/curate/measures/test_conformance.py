"""Every measure of the table that needs no model keeps what measures keep, and so does one from outside.

Those that need one are run through the same checks in their own tests.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from curate.measures import MEASURES, measure_class
from curate.measures.conformance import CHECKS, Check
from schema.settings import Settings, load_settings

# What needs more than items and pictures, or takes a second each, is checked in a test of its own.
OWN_TESTS = {"alignment", "relevance", "text"}
MODEL_FREE = [
    name for name in MEASURES if name not in OWN_TESTS and not measure_class(name).missing(Settings())
]

OUTSIDE = '''
"""A measure of another package."""

import pyarrow as pa

from curate.measures import Measure
from index.stages.row_plugin import Results
from schema.plugins import Options


class BrightnessOptions(Options):
    scale: float = 1.0


class Brightness(Measure):
    name = "brightness"
    gives = {"brightness": pa.float32()}
    Options = BrightnessOptions

    def compute(self, batch):
        return Results({"brightness": [self.options.scale * float(p.mean()) for p in batch.pictures]})
'''


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package of somebody else, on the path for this test."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "somebodys_measures.py").write_text(OUTSIDE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return "somebodys_measures:Brightness"


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", MODEL_FREE)
def test_a_measure_of_the_table(name: str, check: Check, tmp_path: Path) -> None:
    check(name, Settings(), tmp_path)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_measure_from_outside(outside: str, check: Check, tmp_path: Path) -> None:
    check(outside, Settings(), tmp_path)
    check(outside, load_settings(None, ["measure.brightness.scale=2"]), tmp_path / "other")
