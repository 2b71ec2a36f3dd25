"""The review page: started by ``likeness review``; each page is a file of its own."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from schema.errors import LikenessError
from ui.views import session

PAGES = (
    ("overview_view.py", "Overview", ":material/monitoring:"),
    ("clusters_view.py", "Clusters", ":material/workspaces:"),
    ("queue_view.py", "Queue", ":material/checklist:"),
    ("search_view.py", "Search", ":material/image_search:"),
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
    page = st.navigation(pages)
    try:
        session.workspace()
    except LikenessError as error:
        session.show_error(error)
        return
    with st.sidebar:
        session.reviewer_box()
    with session.error_boundary():
        page.run()


main()
