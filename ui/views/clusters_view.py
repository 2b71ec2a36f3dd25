"""Clusters: duplicate groups and look-alikes as galleries; one gesture corrects a whole one."""

from __future__ import annotations

import streamlit as st

from ui.review.groups import chosen_groups, look_alikes, stored_groups
from ui.views import group_sections, session

workspace = session.workspace()
session.heading(
    "Clusters", "Pictures that belong together. Correct a label for a whole cluster, or the cluster itself."
)

names = [a.name for a in workspace.attributes]
titles = {a.name: a.title for a in workspace.attributes}
kind = st.segmented_control(
    "Clusters", ["Duplicates", "Look-alikes"], default="Duplicates", label_visibility="collapsed"
)
with session.error_boundary():
    if kind == "Look-alikes":
        left, right = st.columns(2)
        name = left.selectbox("Label to look at and correct", names, format_func=titles.__getitem__,
                              index=names.index("hair_color") if "hair_color" in names else 0)  # fmt: skip
        threshold = right.slider("Similarity at least", 0.5, 0.99, 0.9, 0.01)
        groups = look_alikes(workspace, threshold)
        numbers = chosen_groups(groups, "all", 3)
        st.caption(f"{len(numbers):,} clusters of three or more")
        group_sections.show("look-alikes", groups, numbers, name)
    else:
        left, right = st.columns(2)
        which = left.selectbox("Show", ["all", "copies", "variants only"])
        least = right.slider("Members at least", 2, 20, 2)
        groups = stored_groups(workspace)
        numbers = chosen_groups(groups, which, least)
        st.caption(f"{len(numbers):,} groups")
        group_sections.show("duplicates", groups, numbers, None)
