"""A box to drop, paste or choose one picture; Streamlit's uploader takes no paste."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import streamlit as st

from ui.views.session import static

LARGEST = 32 * 2**20
"""Bytes of the largest picture taken; the browser is told, and what comes is checked again."""


def picture_box(key: str, label: str) -> bytes:
    """Show the box and return the picture's bytes, b'' before one was given."""
    name = st.session_state.get(f"{key}-name", "")
    _component()(
        key=key, data={"label": label, "name": name, "largest": LARGEST}, on_picture_change=lambda: _take(key)
    )
    found: bytes = st.session_state.get(f"{key}-bytes", b"")
    return found


@st.cache_resource(show_spinner=False)
def _component() -> Any:
    return st.components.v2.component("likeness_picture", css=static("picture.css"), js=static("picture.js"))


def _take(key: str) -> None:
    """Keep what the browser sent; it is not trusted to send a picture, decoding it says what it is."""
    told = (st.session_state.get(key) or {}).get("picture")
    if not isinstance(told, dict):
        return
    try:
        data = base64.b64decode(str(told.get("data", "")), validate=True)
    except binascii.Error:
        return
    if len(data) <= LARGEST:
        st.session_state[f"{key}-bytes"] = data
        st.session_state[f"{key}-name"] = str(told.get("name", ""))[:200] if data else ""
