"""Clusters: duplicate groups and look-alikes as galleries; one gesture corrects a whole one."""

from __future__ import annotations

import streamlit as st

from schema.arrays import Ints
from ui.review.duplicates.groups import Groups, chosen_groups, duplicate_groups, look_alikes
from ui.views import group_sections, session
from ui.wording import heading

workspace = session.workspace()
names = [a.name for a in workspace.attributes]
titles = {a.name: heading(a) for a in workspace.attributes}
default = "hair_color" if "hair_color" in names else names[0]
session.follow_address(
    cluster="Duplicates", attribute=default, similarity=0.9, show="all", size=2, done=False
)
bar = st.columns([2, 2, 2, 1.4], vertical_alignment="bottom")
kind = bar[0].segmented_control(
    "Clusters", ["Duplicates", "Look-alikes"], default="Duplicates", required=True, key="cluster",
    bind="query-params", on_change=session.first_page,
)  # fmt: skip
with session.error_boundary():
    if kind == "Look-alikes":
        name = bar[1].selectbox(
            "Attribute", names, format_func=titles.__getitem__, key="attribute", bind="query-params",
            index=names.index(default),
        )  # fmt: skip
        threshold = bar[2].slider(
            "Minimum similarity", 0.5, 0.99, 0.9, 0.01, key="similarity", bind="query-params",
            on_change=session.first_page,
        )  # fmt: skip

        def shown() -> tuple[Groups, Ints]:
            """Return the look-alikes and which of them to show."""
            groups = look_alikes(workspace, threshold)
            return groups, chosen_groups(groups, "all", 3)

        def numbers_line() -> str:
            """Return how many there are."""
            return f"{len(shown()[1]):,} clusters of three or more"

        group_sections.show("look-alikes", shown, name, numbers_line)
    else:
        which = bar[1].selectbox(
            "Show", ["all", "copies", "variants only"], key="show", bind="query-params",
            on_change=session.first_page,
        )  # fmt: skip
        least = bar[2].slider(
            "Minimum group size", 2, 20, 2, key="size", bind="query-params", on_change=session.first_page
        )
        done = bar[3].checkbox(
            "Show done", key="done", bind="query-params", on_change=session.first_page,
            help="Groups in which a reviewer has judged every picture.",
        )  # fmt: skip

        def shown() -> tuple[Groups, Ints]:
            """Return the duplicate groups and which of them to show."""
            groups = duplicate_groups(workspace)
            return groups, chosen_groups(groups, which, least, done)

        def numbers_line() -> str:
            """Return how many groups there are, and how many are done."""
            groups = duplicate_groups(workspace)
            return f"{groups.count:,} groups, {int(groups.done.sum()):,} done"

        group_sections.show("duplicates", shown, None, numbers_line)
