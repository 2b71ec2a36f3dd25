"""Every page launches on a small store, on an empty one and on a missing one, and shows foreign text as text."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from index.reviews.effective import effective_reviews
from index.reviews.open import open_log
from index.store import Store
from schema import tables
from schema.records import Decision
from schema.settings import Settings

PAGES = ("overview", "clusters", "queue", "characters", "search", "gates", "item", "history", "export")


@pytest.fixture
def page_of(root: Path, monkeypatch: pytest.MonkeyPatch):
    """Opens one page of a store under AppTest."""

    def open_page(name: str, store: Path, readonly: bool = False, **address: str) -> AppTest:
        import streamlit as st

        st.cache_resource.clear()
        monkeypatch.setenv("LIKENESS_REVIEW_STORE", str(store))
        monkeypatch.setenv("LIKENESS_REVIEW_SETTINGS", Settings().model_dump_json())
        monkeypatch.setenv("LIKENESS_REVIEW_READONLY", "1" if readonly else "")
        file = "app.py" if name == "app" else f"{name}_view.py"
        page = AppTest.from_file(str(root / "ui" / "views" / file), default_timeout=60)
        for key, value in address.items():
            page.query_params[key] = value
        return page

    return open_page


@pytest.mark.parametrize("name", ["app", *PAGES])
def test_page_launches(name: str, page_of, ui_store: Path) -> None:
    page = page_of(name, ui_store).run()
    assert not page.exception, page.exception
    assert not page.error, [e.value for e in page.error]


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
    page = page_of("item", ui_store, row="1").run()
    assert not page.exception, page.exception
    assert any(t.value.startswith("<img src=x") for t in page.text)
    assert all("<img" not in m.value for m in page.markdown)


def test_the_page_shows_nothing_where_the_password_was_not_asked_for(
    page_of, ui_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIKENESS_REVIEW_PASSWORD", "open sesame")
    page = page_of("app", ui_store).run()
    assert "started by: likeness review" in page.error[0].value
    assert not page.metric and not page.text_input
    monkeypatch.setenv("LIKENESS_REVIEW_GATED", "1")
    assert [m.label for m in page_of("app", ui_store).run().metric][:1] == ["Pictures"]


def gallery_of(page: AppTest, key: str):
    """What a gallery on a page was given."""
    return json.loads(
        next(e for e in page.get("bidi_component") if e.proto.id.endswith(f"-{key}")).proto.json
    )


def test_search_filters(page_of, ui_store: Path) -> None:
    page = page_of("search", ui_store).run()
    # A browser writes each choice into the address before the page is drawn again.
    page.query_params["filters"] = "Hair color"
    page.multiselect(key="filters").set_value(["hair_color"]).run()
    page.query_params["hair_color"] = "blonde"
    page.multiselect(key="hair_color").set_value(["blonde"]).run()
    assert not page.exception, page.exception
    assert gallery_of(page, "search")["status"] == "7 pictures"


def test_a_link_brings_back_what_it_was_taken_from(page_of, ui_store: Path) -> None:
    page = page_of("queue", ui_store, queue="Audit", attribute="Dress").run()
    assert not page.exception, page.exception
    assert page.selectbox(key="queue").value == "Audit"
    assert page.selectbox(key="attribute").value == "dress"
    page = page_of("search", ui_store, filters="Hair color", hair_color="red", where="width >= 64").run()
    assert not page.exception, page.exception
    assert page.multiselect(key="hair_color").value == ["red"]
    assert page.text_input(key="where").value == "width >= 64"
    page = page_of("clusters", ui_store, cluster="Look-alikes", similarity="0.7").run()
    assert not page.exception, page.exception
    assert page.slider(key="similarity").value == 0.7


def test_a_wrong_condition_names_near_columns(page_of, ui_store: Path) -> None:
    page = page_of("search", ui_store, where="hair_colour = 'red'").run()
    assert not page.exception
    told = page.error[0].value.replace("\\", "")
    assert "hair_color" in told and len(told) < 400


def test_any_error_is_told_in_words(page_of, ui_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ui.review import history

    monkeypatch.setattr(history, "live_batches", lambda _: 1 / 0)
    with Store.open(ui_store) as store:
        item = store.read("items", ["row", "item_id"]).to_pylist()[3]
        open_log(store).append([Decision(3, item["item_id"], "label", "hair_color", "red")], "Ann")
    page = page_of("history", ui_store).run()
    assert not page.exception
    assert "ZeroDivisionError" in page.error[0].value.replace("\\", "")


def test_an_emptied_name_says_why_nothing_can_be_changed(page_of, ui_store: Path) -> None:
    page = page_of("export", ui_store)
    page.session_state["reviewer"] = " "
    page.run()
    (button,) = [b for b in page.button if b.label == "Export"]
    assert button.disabled
    assert "Enter your name" in button.help


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
                Decision(3, ids[3], "group", None, "not_duplicate", "set", group, (ids[2],)),
            ],
            "Ann",
        )
    page = page_of("export", ui_store)
    page.session_state["reviewer"] = "Ann"
    page.run()
    (button,) = [b for b in page.button if b.label == "Export"]
    button.click().run(timeout=110)
    assert not page.exception, page.exception
    assert not page.error, [e.value for e in page.error]
    assert page.success[0].value.startswith("Written to")
    files = sorted((ui_store / "exports" / "dataset").rglob("*.parquet"))
    found = {r["item_id"]: r for file in files for r in pq.read_table(file).to_pylist()}
    assert (found[ids[9]]["hair_color"], found[ids[9]]["hair_color_source"]) == ("purple", "review")
    assert ids[3] in found
    page.query_params["name"] = "../escape"
    page.text_input(key="name").set_value("../escape").run()
    (button,) = [b for b in page.button if b.label == "Export"]
    button.click().run()
    assert "not a plain name" in page.error[0].value


def test_the_item_page_edits_captions(page_of, ui_store: Path) -> None:
    from curate.captions.stage import run_caption
    from index.reviews.effective import effective_reviews
    from schema.settings import Settings

    with Store.open(ui_store, write=True) as store:
        run_caption(store, Settings(), ["tags"])
    page = page_of("item", ui_store, row="3")
    page.session_state["reviewer"] = "Bob"
    page.run()
    assert not page.exception, page.exception
    page.text_area(key="caption-3-tags").set_value("a knight, at night").run()
    page.button(key="caption-3-tags-save").click().run()
    assert not page.exception, page.exception
    with Store.open(ui_store) as store:
        assert effective_reviews(store).captions == {(3, "tags"): "a knight, at night"}
    page.button(key="caption-3-tags-back").click().run()
    assert "a knight" not in page.text_area(key="caption-3-tags").value


def test_the_gates_page_lets_ticked_pictures_through_and_audits(
    page_of, ui_store: Path, tmp_path: Path
) -> None:
    from curate.select.stage import run_select
    from schema.settings import load_settings

    file = tmp_path / "gates.toml"
    file.write_text("[[gate]]\nname = 'early'\nwhere = 'row < 10'\n", encoding="utf-8")
    with Store.open(ui_store, write=True) as store:
        run_select(store, load_settings(file))
    page = page_of("gates", ui_store)
    page.session_state["reviewer"] = "Ann"
    page.run()
    assert not page.exception, page.exception
    page.checkbox(key="below-9").check().run()
    page.button(key="decide-pass").click().run()
    answers = [button for button in page.button if button.key.startswith("audit-selection-")]
    answers[0].click().run()
    assert not page.exception, page.exception
    assert not page.error, [e.value for e in page.error]
    with Store.open(ui_store) as store:
        said = [(r.kind, r.attribute, r.value) for r in open_log(store).scan()]
    assert said == [("gate", "early", "pass"), ("audit", "selection", "good")]


def test_look_alikes_are_named_on_the_page(page_of, ui_store: Path) -> None:
    with Store.open(ui_store, write=True) as store:
        ids = store.read("items", ["item_id"])["item_id"].to_pylist()
        records = [
            dict.fromkeys(tables.NAMES.names) | {"row": row, "item_id": name} for row, name in enumerate(ids)
        ]
        records[0] |= {"character": ["*Rin* :red[x]"], "character_doubt": 0.8, "character_suggested": "Saber"}
        for row in (2, 3, 4):
            records[row]["unknown_character"] = "unknown a"
        store.replace("names", [pa.RecordBatch.from_pylist(records, tables.NAMES)], tables.NAMES)
    page = page_of("characters", ui_store).run()
    assert "3 pictures" in page.markdown[0].value
    page.selectbox[0].set_value("*Rin* :red[x]").run()
    page.button[0].click().run()
    assert not page.exception, page.exception
    assert not page.error, [each.value for each in page.error]
    with Store.open(ui_store) as store:
        named = effective_reviews(store).labels
    assert {(row, label.values) for (row, _), label in named.items()} == {
        (row, ("*Rin* :red[x]",)) for row in (2, 3, 4)
    }
    page = page_of("characters", ui_store, what="Doubtful names").run()
    assert any(r"\*Rin\*" in each.value for each in page.caption)
