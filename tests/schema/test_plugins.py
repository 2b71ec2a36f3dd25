"""Plug-ins by name, by path and by entry point; their options; what cannot be used is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from curate.measures import MEASURES, SEAM, Measure
from curate.stage import run_measure
from embed.encoders import SEAM as ENCODERS
from index.store import Store
from schema.errors import EncoderError, SettingsError
from schema.settings import load_settings

# The packages lie below likeness/ where the tests run against a wheel.
ABOVE = Measure.__module__.removesuffix("curate.measures.base")
PACKAGE = f"""
import pyarrow as pa
from {ABOVE}curate.measures import Measure
from {ABOVE}index.stages.row_plugin import Results
from {ABOVE}schema.plugins import Options


class Letters(Measure):
    name = "letters"
    reads = "text"
    gives = {{"letters": pa.int32()}}

    class Options(Options):
        at_most: int = 100

    def compute(self, batch):
        return Results({{"letters": [min(len(text), self.options.at_most) for text in batch.texts]}})


class Unfinished(Measure):
    name = "unfinished"
    gives = {{}}


number = 7
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution of somebody else that lists a measure as an entry point."""
    site = tmp_path / "site"
    (site / "others-1.0.dist-info").mkdir(parents=True)
    (site / "others.py").write_text(PACKAGE, encoding="utf-8")
    (site / "others-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: others\nVersion: 1.0\n"
    )
    points = "[likeness.measures]\nletters = others:Letters\n"
    (site / "others-1.0.dist-info" / "entry_points.txt").write_text(points)
    monkeypatch.syspath_prepend(str(site))


@pytest.mark.parametrize("name", ["letters", "others:Letters"])
def test_a_plugin_of_another_package_works_like_ours(
    package: None, name: str, tmp_path: Path, add_items
) -> None:  # type: ignore[no-untyped-def]
    settings = load_settings(None, ["measure.letters.at_most=3"])
    SEAM.check(settings.measure.plugins, [name])
    with Store.open(tmp_path / "store", create=True, write=True) as store:
        add_items(store, 2, text="abcdef", status="text")
        assert run_measure(store, settings, [name]).counts["measured"] == 2
        assert store.read("measures_letters", ["letters"]).column(0).to_pylist() == [3, 3]


def test_an_unknown_name_is_told_with_all_there_are(package: None) -> None:
    with pytest.raises(SettingsError, match="no measure 'leters'; did you mean letters") as told:
        SEAM.load("leters")
    names = ", ".join([*MEASURES, "letters"])
    assert told.value.hint == f"measure.names takes: {names}, or package.module:Class"
    with pytest.raises(EncoderError, match="no encoder 'opencip'"):
        ENCODERS.load("opencip")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere.at_all:Thing", "cannot be imported: No module named 'nowhere'"),
        ("others:Nothing", "has no attribute 'Nothing'"),
        ("others:number", "others:number is not a measure"),
        ("embed.encoders.open_clip:OpenClip", "is not a measure"),
        ("others:Unfinished", "others:Unfinished lacks compute"),
    ],
)
def test_what_cannot_be_used_is_told(package: None, name: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        SEAM.load(name)


def test_a_wrong_option_is_told_with_the_allowed_ones(package: None) -> None:
    loaded = SEAM.load("letters")
    with pytest.raises(
        SettingsError, match=r"unknown setting measure\.letters\.at_mots; did you mean at_most"
    ):
        loaded(load_settings(None, ["measure.letters.at_mots=3"]))
    with pytest.raises(SettingsError, match=r"bad value for measure\.letters\.at_most"):
        SEAM.check(load_settings(None, ["measure.letters.at_most=many"]).measure.plugins)
    with pytest.raises(
        SettingsError, match=r"unknown setting measure\.frame\.x; measure\.frame takes: nothing"
    ):
        SEAM.check(load_settings(None, ["measure.frame.x=1"]).measure.plugins)


def test_a_table_that_no_plugin_takes_is_told(package: None) -> None:
    with pytest.raises(SettingsError, match=r"unknown setting measure\.frmae; did you mean frame"):
        SEAM.check(load_settings(None, ["measure.frmae.x=1"]).measure.plugins)
    with pytest.raises(SettingsError, match=r"unknown setting measure\.frame; did you mean names"):
        load_settings(None, ["measure.frame=1"])


def test_options_change_the_key(package: None) -> None:
    loaded: type[Measure] = SEAM.load("letters")
    keys = {loaded(load_settings(None, [f"measure.letters.at_most={n}"])).key for n in (3, 3, 4)}
    assert len(keys) == 2
