"""Audits: samples that stay, answers on what is there now, and the interval of what they say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from curate.audit import audits, rows_in, sample, strata
from curate.export.folder import MANIFEST
from curate.export.stage import run_export
from curate.select.stage import run_select
from index.reviews.open import open_log
from index.store import Store
from schema.ids import content_id
from schema.numbers.statistics import interval
from schema.records import Decision
from schema.settings import Settings
from ui.report.write import curation
from ui.terminal.quality import quality_text

GATES = "[[gate]]\nname = 'wide'\nwhere = 'width > 44'\n[[gate]]\nname = 'none'\nwhere = 'width > 999'\n"


def answer(store: Store, of: str, rows: list[int], value: str | None) -> None:
    log = open_log(store)
    log.append([Decision(row, content_id(str(row).encode()), "audit", of, value) for row in rows], "Ann")
    log.close()


def test_samples_are_random_and_longer_ones_begin_with_shorter_ones() -> None:
    rows = np.arange(0, 5000, 3)
    few, many = sample(rows, 20, 1), sample(rows, 500, 1)
    assert many[:20].tolist() == few.tolist()
    assert sample(rows, 20, 2).tolist() != few.tolist()
    assert abs(many.mean() - rows.mean()) < 200
    grown = sample(np.arange(0, 5500, 3), 500, 1)
    assert np.isin(many, grown).mean() > 0.85


def test_shares_and_intervals_of_what_is_there_now(
    filled: Store, settings_of: Callable[..., Settings], tmp_path: Path
) -> None:
    settings = settings_of(GATES)
    assert audits(filled) == [] and strata(filled) == []
    run_select(filled, settings)
    assert strata(filled) == ["selection", "wide"]
    assert rows_in(filled, "wide").tolist() == [35, 36, 37, 38, 39]
    answer(filled, "selection", list(range(10, 28)), "good")
    answer(filled, "selection", [28, 29], "bad")
    answer(filled, "selection", [29], "doubtful")
    answer(filled, "selection", [30], "bad")
    answer(filled, "selection", [30], None)
    answer(filled, "selection", [39], "bad")  # not in the selection
    answer(filled, "wide", [35, 36], "good")
    chosen, wide = audits(filled)
    assert chosen.answers == {"good": 18, "doubtful": 1, "bad": 1}
    assert (chosen.share, chosen.low, chosen.high) == (pytest.approx(0.05), *interval(1, 20))
    assert wide.share == 1.0 and (wide.low, wide.high) == interval(2, 2)
    assert "5.0% is bad" in quality_text(filled) and "gate wide puts out" in quality_text(filled)
    run_export(filled, settings, tmp_path / "out")
    records = json.loads((tmp_path / "out" / MANIFEST).read_text())["audits"]
    assert [(record["of"], record["share"]) for record in records] == [("selection", 0.05), ("wide", 1.0)]
    assert curation(filled)["audits"][0]["of"] == "selection"
