"""The review page: started by ``likeness review``; each page is a file of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import streamlit as st

ROOT = str(Path(__file__).resolve().parents[2])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

from schema.errors import LikenessError  # noqa: E402 - the packages lie beside ui/, which Streamlit puts first
from ui.serve import PAGE  # noqa: E402
from ui.views import session  # noqa: E402

PAGES = (
    ("overview_view.py", "Overview", ":material/monitoring:"),
    ("queue_view.py", "Queue", ":material/checklist:"),
    ("clusters_view.py", "Clusters", ":material/workspaces:"),
    ("characters_view.py", "Characters", ":material/face:"),
    ("search_view.py", "Search", ":material/image_search:"),
    ("gates_view.py", "Gates", ":material/filter_alt:"),
    ("item_view.py", "Item", ":material/portrait:"),
    ("history_view.py", "History", ":material/history:"),
    ("export_view.py", "Export", ":material/download:"),
)


CHARACTER = ("public/character_view.py", "Character", ":material/face:")
"""The one page of the public mode."""


def main() -> None:
    """Draw the frame and the page asked for."""
    only = os.environ.get(PAGE) == "character"
    st.set_page_config(
        page_title="Likeness" if only else "Likeness review",
        page_icon=str(Path(__file__).with_name("static") / "icon.svg"),
        layout="wide",
    )
    if not session.is_gated():
        return
    pages = [
        st.Page(
            file, title=title, icon=icon, url_path=title.lower(), default=title in ("Overview", "Character")
        )
        for file, title, icon in ((CHARACTER,) if only else PAGES)
    ]
    page = st.navigation(pages, position="hidden" if only else "top")
    try:
        session.workspace()
    except LikenessError as error:
        session.show_error(error)
        return
    if not only:  # it shows the store's path, and keeps names and keys that nobody needs here
        session.shell()
    with session.error_boundary():
        page.run()


main()
