"""The report: one page with everything in it, small, and safe whatever names, tags and texts hold."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from index.store import Store
from schema.errors import StoreError
from schema.settings import Settings
from ui.report.advice import Step
from ui.report.arrivals import Source
from ui.report.pictures import Pictures
from ui.report.write import gather, page, write_report


class Page(HTMLParser):
    """Collects what a page loads, its anchors and links, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        found = {name: value or "" for name, value in attrs}
        assert not any(name.startswith("on") for name in found)
        self.loads += [found[name] for name in ("src", "data") if name in found]
        self.ids |= {found["id"]} if "id" in found else set()
        self.links += [found["href"]] if "href" in found else []

    def handle_data(self, data: str) -> None:
        self.text += data


def read(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def test_one_page_holds_everything(ui_store: Path, tmp_path: Path) -> None:
    with Store.open(ui_store) as store:
        html, data = write_report(store, Settings(), tmp_path / "out", str(ui_store))
    page = read(html)
    assert page.tags & {"script", "link", "iframe"} == set()
    assert all(address.startswith("data:image/webp;base64,") for address in page.loads)
    assert len(page.loads) >= 4, "the pictures of two groups, before and after"
    assert {link[1:] for link in page.links if link.startswith("#")} <= page.ids
    words = re.sub(r"\\s+", " ", page.text)
    for said in ("truncated file", "set aside", "What to do next", "Hair Color", "29 distinct pictures"):
        assert said in words.replace("29distinct", "29 distinct"), said
    assert "<img src=x" not in html.read_text(encoding="utf-8")
    figures = json.loads(data.read_text(encoding="utf-8"))
    assert figures["arrivals"]["funnel"]["refused"] == 1
    assert figures["arrivals"]["refusals"][0]["examples"] == ["29.png"]
    assert figures["duplicates"]["groups"] == 2
    assert figures["labels"]["attributes"]["hair_color"]["sources"]["tag"] > 10
    assert html.stat().st_size < 5_000_000
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"report.html", "report.json"}


def test_a_store_that_was_only_read_in_has_a_report(tmp_path: Path, ui_store: Path) -> None:
    with Store.open(ui_store, write=True) as store:
        for table in ("groups", "labels"):
            store.drop(table)
        html, _ = write_report(store, Settings(), tmp_path, "store")
    text = read(html).text
    assert "Duplicates were not looked for yet." in text
    assert "The items were not labelled yet." in text


HOSTILE = '<script>alert(1)</script>\' onload="x" \x1b[31m{{ 7 * 7 }} &amp;'


def spoiled(value: Any) -> Any:
    """Return figures with something hostile behind every text that could come from a file, a tag or a vocabulary."""
    if isinstance(value, dict):
        return {
            key: each if key in ("held_out", "sources", "kind", "bytes saved") else spoiled(each)
            for key, each in value.items()
        }
    if isinstance(value, list | tuple):
        return type(value)(spoiled(each) for each in value)
    return value + HOSTILE if isinstance(value, str) else value


def test_hostile_names_titles_tags_and_texts_stay_text(ui_store: Path, tmp_path: Path) -> None:
    with Store.open(ui_store) as store:
        figures = gather(store, Settings(), HOSTILE)
        came = replace(
            figures.arrivals,
            notes=(HOSTILE,),
            refusals=tuple(
                replace(each, reason=HOSTILE, examples=(HOSTILE,)) for each in figures.arrivals.refusals
            ),
            sources=(Source(HOSTILE, HOSTILE, 1),),
            formats={HOSTILE: 3},
        )
        word = {"tag": HOSTILE, "items": 9, "fits": [HOSTILE], "decision": HOSTILE}
        spoilt = replace(
            figures, arrivals=came, labels=spoiled(figures.labels), unknown_words=[word],
            steps=[Step(HOSTILE, HOSTILE, HOSTILE)],
        )  # fmt: skip
        made = tmp_path / "page.html"
        made.write_text(page(store, Settings(), spoilt), encoding="utf-8")
    found = read(made)
    assert "script" not in found.tags
    assert found.text.count("<script>alert(1)</script>") > 20
    assert "{{ 7 * 7 }}" in found.text
    assert all(address.startswith("data:image/webp;base64,") for address in found.loads)


def test_an_empty_store_says_what_to_do(tmp_path: Path) -> None:
    with Store.open(tmp_path / "store", create=True, write=True) as store, pytest.raises(StoreError):
        write_report(store, Settings(), tmp_path / "out", "store")


def test_pictures_beyond_the_limit_are_counted(ui_store: Path) -> None:
    with Store.open(ui_store) as store:
        pictures = Pictures(store, most=3000)
        pictures.fetch(range(20))
    shown = [row for row in range(20) if pictures.get(row)]
    assert sum(len(pictures.get(row)) for row in shown) <= 3000
    assert shown and pictures.left_out == 20 - len(shown)
