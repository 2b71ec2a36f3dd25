"""Item: the picture, everything that is known of it and why, its neighbours, its group, its history."""

from __future__ import annotations

import streamlit as st

from ui import gallery_view, session
from ui.dossier import dossier, evidence, large_picture, row_of

here = session.desk()
session.heading(
    "Item", "One picture: its labels with their evidence, its neighbours, its group, its history."
)
given = st.text_input(
    "Row, item id or file name",
    value=str(st.session_state.get("item", st.query_params.get("row", ""))),
    max_chars=500,
)
if not given:
    st.info(
        "Open an item from any gallery (double click, or the key o), or type a row, an item id or a file name."
    )
    st.stop()
with session.told():
    row = row_of(here, given)
    st.query_params["row"] = str(row)
    found = dossier(here, row)
    left, right = st.columns([2, 3], gap="large")
    with left:
        picture = large_picture(here, row)
        if picture:
            st.image(picture, width="stretch")
        st.text(found.name)
        st.dataframe(found.facts, hide_index=True, width="stretch")
        if found.tags:
            st.caption("Tags as given")
            st.text(", ".join(found.tags))
    with right:
        st.subheader("Labels")
        st.dataframe(found.labels, hide_index=True, width="stretch", height="content")
        if found.history:
            st.subheader("History")
            st.dataframe(found.history, hide_index=True, width="stretch")
    names = [a.name for a in here.attributes]
    titles = {a.name: a.title for a in here.attributes}
    chosen = st.selectbox("Look at", names, format_func=titles.__getitem__, key="item-attribute")
    if st.button(f"Why? The evidence for {titles[chosen].lower()}", icon=":material/help:"):
        with st.spinner("Asking the voters ..."):
            st.code(evidence(here, row, chosen), language=None)
    if len(found.group) > 1:
        st.subheader("Its group")
        gallery_view.show(gallery_view.View("item-group", found.group, chosen, by_row=False))
    st.subheader("Neighbours")
    gallery_view.show(
        gallery_view.View("item-neighbours", found.neighbours, chosen, by_row=False, notes=found.similarity, size=24,
                          empty="No neighbours yet. Make the graph with: likeness index --store DIR")
    )  # fmt: skip
