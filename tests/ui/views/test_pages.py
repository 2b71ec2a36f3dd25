"""Every page launches on a small store, on an empty one and on a missing one, and shows foreign text as text."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from index.store import Store
from schema.settings import Settings

PAGES = ("overview", "clusters", "queue", "search", "item", "history", "export")


@pytest.fixture
def page_of(root: Path, monkeypatch: pytest.MonkeyPatch):
    """Opens one page of a store under AppTest."""

    def open_page(name: str, store: Path, readonly: bool = False) -> AppTest:
        import streamlit as st

        st.cache_resource.clear()
        monkeypatch.setenv("LIKENESS_REVIEW_STORE", str(store))
        monkeypatch.setenv("LIKENESS_REVIEW_SETTINGS", Settings().model_dump_json())
        monkeypatch.setenv("LIKENESS_REVIEW_READONLY", "1" if readonly else "")
        file = "app.py" if name == "app" else f"{name}_view.py"
        return AppTest.from_file(str(root / "ui" / "views" / file), default_timeout=30)

    return open_page


@pytest.mark.parametrize("name", ["app", *PAGES])
def test_page_launches(name: str, page_of, ui_store: Path) -> None:
    page = page_of(name, ui_store).run()
    assert not page.exception, page.exception
    assert not page.error, [e.value for e in page.error]
    assert page.title


@pytest.mark.parametrize("name", ["app", *PAGES])
def test_page_of_an_empty_store_says_what_to_do(name: str, page_of, tmp_path: Path) -> None:
    with Store.open(tmp_path / "empty", create=True):
        pass
    page = page_of(name, tmp_path / "empty").run()
    assert not page.exception, page.exception
    for error in page.error:
        assert "likeness" in error.value


@pytest.mark.parametrize("name", PAGES)
def test_page_launches_readonly(name: str, page_of, ui_store: Path) -> None:
    page = page_of(name, ui_store, readonly=True).run()
    assert not page.exception, page.exception


def test_missing_store_is_told_in_words(page_of, tmp_path: Path) -> None:
    page = page_of("app", tmp_path / "nothing").run()
    assert not page.exception
    assert "there is no store" in page.error[0].value.replace("\\", "")


def test_item_page_shows_names_as_text(page_of, ui_store: Path) -> None:
    page = page_of("item", ui_store)
    page.session_state["item"] = 1
    page.run()
    assert not page.exception, page.exception
    assert any(t.value.startswith("<img src=x") for t in page.text)
    assert all("<img" not in m.value for m in page.markdown)


def test_the_page_shows_nothing_where_the_password_was_not_asked_for(
    page_of, ui_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIKENESS_REVIEW_PASSWORD", "open sesame")
    page = page_of("app", ui_store).run()
    assert "started by: likeness review" in page.error[0].value
    assert not page.title and not page.text_input
    monkeypatch.setenv("LIKENESS_REVIEW_GATED", "1")
    assert [t.value for t in page_of("app", ui_store).run().title] == ["Overview"]


def test_search_filters(page_of, ui_store: Path) -> None:
    page = page_of("search", ui_store).run()
    page.multiselect(key="search-filters").set_value(["hair_color"]).run()
    page.multiselect(key="search-hair_color").set_value(["blonde"]).run()
    assert not page.exception, page.exception
    found = [c.value for c in page.caption if c.value.endswith("items")]
    assert found and found[0].split()[0] not in ("29", "0")


def test_history_undoes(page_of, ui_store: Path) -> None:
    from index.reviews.effective import effective_reviews
    from index.reviews.open import open_log
    from schema.records import Decision

    with Store.open(ui_store) as store:
        item = store.read("items", ["row", "item_id"]).to_pylist()[3]
        batch = open_log(store).append([Decision(3, item["item_id"], "label", "hair_color", "red")], "Ann")
        page = page_of("history", ui_store)
        page.session_state["reviewer"] = "Bob"
        page.run()
        assert not page.exception, page.exception
        page.button(key=f"undo-{batch}").click().run()
        assert effective_reviews(store).labels == {}
    assert any("undo of" in m.value for m in page.markdown)


def test_export_page_works_decisions_in_and_writes(page_of, ui_store: Path) -> None:
    import pyarrow.parquet as pq

    from index.reviews.open import open_log
    from schema.records import Decision

    with Store.open(ui_store) as store:
        ids = {r["row"]: r["item_id"] for r in store.read("items", ["row", "item_id"]).to_pylist()}
        group = store.take("groups", [3]).to_pylist()[0]["group_id"]
        open_log(store).append(
            [
                Decision(9, ids[9], "label", "hair_color", "purple"),
                Decision(3, ids[3], "group", None, "not_duplicate", "set", group, ids[2]),
            ],
            "Ann",
        )
    page = page_of("export", ui_store)
    page.session_state["reviewer"] = "Ann"
    page.run()
    page.button[0].click().run(timeout=110)
    assert not page.exception, page.exception
    assert not page.error, [e.value for e in page.error]
    assert page.success[0].value.startswith("Written to")
    files = sorted((ui_store / "exports" / "dataset").rglob("*.parquet"))
    found = {r["item_id"]: r for file in files for r in pq.read_table(file).to_pylist()}
    assert (found[ids[9]]["hair_color"], found[ids[9]]["hair_color_source"]) == ("purple", "review")
    assert ids[3] in found
    page.text_input[-1].set_value("../escape").run()
    page.button[0].click().run()
    assert "not a plain name" in page.error[0].value
