"""The review page: started by ``likeness review``; each page is a file of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st

ROOT = str(Path(__file__).resolve().parents[2])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

from schema.errors import LikenessError  # noqa: E402 - the packages lie beside ui/, which Streamlit puts first
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


def main() -> None:
    """Draw the frame and the page asked for."""
    st.set_page_config(
        page_title="Likeness review",
        page_icon=str(Path(__file__).with_name("static") / "icon.svg"),
        layout="wide",
    )
    if not session.is_gated():
        return
    pages = [
        st.Page(file, title=title, icon=icon, url_path=title.lower(), default=title == "Overview")
        for file, title, icon in PAGES
    ]
    page = st.navigation(pages, position="top")
    try:
        session.workspace()
    except LikenessError as error:
        session.show_error(error)
        return
    session.shell()
    with session.error_boundary():
        page.run()


main()
