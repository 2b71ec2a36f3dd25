"""What a run prints: numbers in words, once, that add up; nothing from a file reaches the terminal as it is."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from index.store import Store
from index.store.runs import Runs
from schema.records import Summary
from ui.terminal.summary import Funnel, command, conclusion, funnel, funnel_text, stage_line, summary_text


def test_a_line_has_the_numbers_that_matter() -> None:
    counts = {"items": 1, "copies": 2, "texts": 0, "failed": 1204, "known": 0}
    line = stage_line(Summary("ingest", counts, seconds=3.6))
    assert line == "ingest   1 new picture, 2 exact copies, 1,204 files refused  (3.6 s)"
    assert stage_line(Summary("label", skipped=True)) == "label    up to date"
    assert "nothing new" in stage_line(Summary("ingest", {"items": 0}))


def test_counts_of_attributes_are_added_up() -> None:
    counts = {"hair_color: stated": 3, "dress: stated": 4, "hair_color: predicted": 5, "dress: predicted": 0}
    assert "7 labels from tags, texts and reviews, 5 inferred" in stage_line(Summary("label", counts))


def test_warnings_and_failures_are_always_shown_and_notes_when_asked() -> None:
    failures = {f"reason {n}": n + 1 for n in range(20)}
    summary = Summary("ingest", {"items": 1}, ("a note",), failures, warnings=("3 files were not read",))
    short, long = summary_text(summary), summary_text(summary, verbose=True)
    assert "3 files were not read" in short and "a note" not in short
    assert "reason 19" in short and "and 8 more reasons: --verbose" in short and "reason 0" not in short
    assert "a note" in long and "reason 0" in long and "items 1" in long


def test_escape_codes_of_files_never_reach_the_terminal() -> None:
    evil = "\x1b[31mred\x1b]0;title\x07"
    summary = Summary("ingest", {"items": 1, evil: 2}, (evil,), {evil: 1}, warnings=(evil,))
    text = summary_text(summary, verbose=True)
    assert "red" in text
    assert not {c for c in text if not c.isprintable()} - {"\n"}


def test_the_funnel_adds_up(ui_store: Path) -> None:
    with Store.open(ui_store) as store:
        found = funnel(store)
        assert found == Funnel(30, 29, 0, 0, 1, 2, 1, 0)
        assert found.exported == 26
        text = conclusion(store, "my store")
    assert "30 files: 29 distinct pictures, 1 refused." in text
    assert "26 items are exported as it stands: 2 copies set aside, 1 shows several characters." in text
    assert "likeness status --store 'my store'" in text


def test_a_run_with_the_bundled_encoder_says_so_and_names_a_model(ui_store: Path) -> None:
    with Store.open(ui_store, write=True) as store:
        assert "bundled encoder" not in conclusion(store, "s")
        with Runs(store).start("embed", {"kind": "open_clip", "pretrained": "bundled"}) as run:
            run.facts["key"] = "test_0"
        text = conclusion(store, "s")
    assert "trained on drawn avatars and knows little else" in text
    assert (
        "likeness run --store s --set encoder.model=ViT-B-16-SigLIP2 --set encoder.pretrained=webli" in text
    )


def test_one_of_a_kind_is_singular() -> None:
    assert (
        funnel_text(Funnel(1, 1, 0, 0, 0, 0, 0, 0))
        == "1 file: 1 distinct picture.\n1 item is exported as it stands."
    )


def test_commands_work_where_they_are_printed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "likeness"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(program)])
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.chdir(tmp_path)
    assert command("review", "--store", "a b") == "bin/likeness review --store 'a b'"
    monkeypatch.setenv("PATH", str(program.parent))
    assert command("review") == "likeness review"
