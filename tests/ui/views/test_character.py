"""The public page of one picture: what a visitor sees of the demo, and what nobody sees."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image
from streamlit.testing.v1 import AppTest

from embed.avatars.collection import draw_one
from schema.settings import load_settings
from ui.main import cli

pytestmark = pytest.mark.timeout(600)


def test_a_picture_gets_attributes_reasons_similar_ones_and_json(
    demo_folder: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import streamlit as st

    from ui.views import session

    st.cache_resource.clear()
    monkeypatch.setenv("LIKENESS_REVIEW_STORE", str(demo_folder))
    monkeypatch.setenv("LIKENESS_REVIEW_SETTINGS", load_settings(demo_folder / "demo.toml").model_dump_json())
    monkeypatch.setenv("LIKENESS_REVIEW_READONLY", "1")
    monkeypatch.setenv("LIKENESS_REVIEW_PAGE", "character")
    page = AppTest.from_file(str(root / "ui" / "views" / "public" / "character_view.py"), default_timeout=120)
    page.run()
    assert not page.exception and not page.error and page.title[0].value == "Who is that character?"
    pixels, _ = draw_one(7_001, 256)
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    workspace = session.workspace()
    page.query_params["picture"] = workspace.keep_upload("a.png", data.getvalue())
    page.run()
    assert not page.exception and not page.error, [each.value for each in page.error]
    answer = json.loads(page.code[0].value)
    given = {name for name, value in answer["labels"].items() if value is not None}
    assert set(answer["confidences"]) == given and "Hair Color" in answer["labels"]
    assert {"Attributes", "Similar characters"} <= {each.value for each in page.subheader}
    shown = json.dumps([str(each.value) for each in (*page.caption, *page.code)])
    assert str(demo_folder) not in shown and ".png" not in shown, "nothing says where pictures lie"
    page.selectbox(key="why").select_index(1)
    page.run()
    assert not page.exception


def test_the_option_names_the_page() -> None:
    ran = CliRunner().invoke(cli, ["review", "--store", "x", "--page", "items"])
    assert ran.exit_code == 2 and "character" in ran.output
