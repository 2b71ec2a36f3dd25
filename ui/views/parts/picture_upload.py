"""A box to drop, paste or choose one picture; Streamlit's uploader takes no paste.

The address names the picture by its content, so that back, reload and a link find it again while the server runs.
"""

from __future__ import annotations

import streamlit as st

from ui.review.uploads import LARGEST, read_upload
from ui.review.workspace import Workspace
from ui.views import session


def picture_upload(workspace: Workspace, key: str, label: str) -> bytes:
    """Show the box and return the picture's bytes, b'' where none was given."""
    given = st.query_params.get(key, "")
    name, data = workspace.upload(given)
    session.component("picture", session.static("picture.css"), session.static("picture.js"))(
        key=f"{key}-box",
        data={"label": label, "name": name, "largest": LARGEST},
        on_picture_change=lambda: _take(workspace, key),
    )
    problem = st.session_state.get(f"{key}-problem")
    if problem:
        st.error(session.plain(problem), icon=":material/error:")
    elif given and not data:
        st.caption("The picture of this address is no longer held: drop or paste it again.")
    return data


def _take(workspace: Workspace, key: str) -> None:
    """Keep what the browser sent, or why it cannot be used."""
    sent = (st.session_state.get(f"{key}-box") or {}).get("picture")
    if not isinstance(sent, dict):
        return
    before = int(st.session_state.get("uploaded-bytes", 0))
    upload = read_upload(sent, before, workspace.settings.ingest.max_pixels)
    st.session_state["uploaded-bytes"] = before + len(str(sent.get("data", ""))) * 3 // 4
    st.session_state[f"{key}-problem"] = upload.problem
    session.first_page()
    if upload.data:
        st.query_params[key] = workspace.keep_upload(upload.name, upload.data)
    else:
        st.query_params.pop(key, None)
