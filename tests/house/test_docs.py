"""Docs hold together: decisions are numbered and dated, links lead somewhere, settings and files they name exist."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from schema.settings import Settings


@pytest.fixture(scope="module")
def pages(checkout: Path) -> dict[str, str]:
    """The pages that people read, by their path."""
    paths = [
        checkout / "README.md",
        *sorted((checkout / "docs").rglob("*.md")),
        *sorted((checkout / "benchmarks").glob("*.md")),
    ]
    return {path.relative_to(checkout).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def test_every_decision_has_a_number_a_date_and_a_title(pages: dict[str, str]) -> None:
    sections = re.split(r"^## ", pages["docs/decisions.md"], flags=re.M)[1:]
    assert sections
    for number, section in enumerate(sections, 1):
        title, _, dated, _, *text = section.split("\n")[:5]
        assert re.fullmatch(rf"{number}\. \S.{{8,100}}[^.]", title), f"decision {number}: {title!r}"
        date.fromisoformat(dated.split(",")[0])
        assert "".join(text).strip(), f"decision {number} has no text"


def test_every_decision_is_found_by_topic(pages: dict[str, str]) -> None:
    head, *sections = re.split(r"^## ", pages["docs/decisions.md"], flags=re.M)
    listed = {int(number) for number in re.findall(r"\b\d+\b", head.split("|---|---|")[1])}
    assert listed == set(range(1, len(sections) + 1))


def test_links_lead_to_files(pages: dict[str, str], checkout: Path) -> None:
    for name, text in pages.items():
        for target in re.findall(r"\]\(([^)#\s]+)", text):
            if "://" not in target:
                assert (checkout / name).parent.joinpath(target).exists(), f"{name}: {target}"


def test_files_that_are_named_exist(pages: dict[str, str], checkout: Path) -> None:
    folders = "schema|index|embed|label|dedupe|curate|ui|configs|tests|docs|benchmarks"
    for name, text in pages.items():
        for path in re.findall(rf"`((?:{folders})/[\w./-]+)`", text):
            assert (checkout / path).exists(), f"{name} names {path}"


def test_settings_that_are_named_exist(pages: dict[str, str]) -> None:
    sections = Settings.model_fields
    for name, text in pages.items():
        for section, key in re.findall(r"`(?:--set )?([a-z]+)\.([a-z_]+)(?:=[^`]*)?`", text):
            if section in sections and key not in ("py", "toml"):
                assert key in sections[section].annotation.model_fields, f"{name}: {section}.{key}"  # type: ignore[union-attr]
