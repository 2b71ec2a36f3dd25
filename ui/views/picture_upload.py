"""A box to drop, paste or choose one picture; Streamlit's uploader takes no paste."""

from __future__ import annotations

from typing import Any

import streamlit as st

from ui.review.uploads import LARGEST, read_upload
from ui.views.session import plain, static, workspace


def picture_box(key: str, label: str) -> bytes:
    """Show the box and return the picture's bytes, b'' before one was given."""
    name = st.session_state.get(f"{key}-name", "")
    _component()(
        key=key, data={"label": label, "name": name, "largest": LARGEST}, on_picture_change=lambda: _take(key)
    )
    if problem := st.session_state.get(f"{key}-problem"):
        st.error(plain(problem), icon=":material/error:")
    found: bytes = st.session_state.get(f"{key}-bytes", b"")
    return found


@st.cache_resource(show_spinner=False)
def _component() -> Any:
    return st.components.v2.component("likeness_picture", css=static("picture.css"), js=static("picture.js"))


def _take(key: str) -> None:
    """Keep what the browser sent, or why it cannot be used."""
    told = (st.session_state.get(key) or {}).get("picture")
    if not isinstance(told, dict):
        return
    sent = int(st.session_state.get("uploaded-bytes", 0))
    upload = read_upload(told, sent, workspace().settings.ingest.max_pixels)
    st.session_state["uploaded-bytes"] = sent + len(str(told.get("data", ""))) * 3 // 4
    st.session_state[f"{key}-bytes"] = upload.data
    st.session_state[f"{key}-name"] = upload.name
    st.session_state[f"{key}-problem"] = upload.problem
