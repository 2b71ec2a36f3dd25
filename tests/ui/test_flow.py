"""The table of stages holds together: what it names exists, and a run is made from it."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from schema.errors import LikenessError
from schema.settings import Settings
from ui import flow, options
from ui.flow import STAGES, Stage


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_a_stage_is_a_function_that_takes_its_options(stage: Stage) -> None:
    parameters = inspect.signature(stage.load()).parameters
    assert list(parameters)[:2] == ["store", "settings"]
    assert set(stage.options) <= set(parameters)
    if stage.command:
        assert set(stage.options) <= set(options.OPTIONS)
    assert stage.help.endswith(".")


def test_what_a_stage_reads_an_earlier_one_writes() -> None:
    written = {"reviews"}
    for stage in STAGES:
        if "*" in stage.reads:
            continue
        assert set(stage.reads) <= written, stage.name
        written |= set(stage.writes)


def test_names_are_unique_and_a_wrong_one_is_told() -> None:
    assert len({stage.name for stage in STAGES}) == len(STAGES)
    with pytest.raises(LikenessError, match="no stage 'lable'"):
        flow.stage("lable")


def test_a_mistyped_source_is_told_before_there_is_a_store(tmp_path: Path) -> None:
    with pytest.raises(LikenessError):
        flow.run_all(str(tmp_path / "store"), Settings(), [str(tmp_path / "nothing")])
    assert not (tmp_path / "store").exists()
