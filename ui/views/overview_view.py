"""Overview: what the store holds, how much of it is labelled and how well, what ran, what failed."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

import streamlit as st

from ui.review.figures import (
    attribute_table,
    counts,
    group_sizes,
    learned_names,
    precisions,
    reliability,
    run_rows,
    source_shares,
)
from ui.terminal.status import failures
from ui.views import session

SHADES = {"Reviews": "#3b82f6", "Tags": "#22a06b", "Texts": "#7cc7a2", "Votes": "#8b5cf6"}
MEASURED, ASKED = "#8b5cf6", "#9aa3b5"
TALL, LOW = 420, 280
FAILURES = 500

workspace = session.workspace()
session.heading(
    "Overview", f"The store {session.plain(PurePath(workspace.store.uri).name or workspace.store.uri)}"
)

numbers = counts(workspace)
for column, (name, value) in zip(st.columns(len(numbers)), numbers.items(), strict=True):
    column.metric(name, f"{value:,}", border=True)

if not numbers["Pictures"]:
    st.info("There is nothing here yet. Fill the store with: likeness run --store DIR --source PATH")
    st.stop()


def percent(title: str, about: str) -> Any:
    """A column of percentages without decimals."""
    return st.column_config.NumberColumn(title, format="%.0f %%", help=about)


st.subheader("Labels")
rows = attribute_table(workspace)
if rows:
    left, right = st.columns(2, gap="large")
    with left:
        st.caption("Coverage: percent of pictures with a label, by where it comes from")
        st.bar_chart(
            source_shares(workspace), x="Attribute", y=list(SHADES), color=list(SHADES.values()), horizontal=True,
            sort=False, height=TALL, x_label="", y_label="percent of pictures",
        )  # fmt: skip
    with right:
        st.caption("Precision of accepted votes on held-out items, and what was asked")
        measured = precisions(workspace)
        if measured["Attribute"]:
            st.bar_chart(
                measured, x="Attribute", y=["Measured", "Asked"], color=[MEASURED, ASKED], horizontal=True,
                sort=False, stack=False, height=TALL, x_label="", y_label="percent right",
            )  # fmt: skip
        else:
            st.info(
                "No attribute could be learned yet: too few items state a value. Tag or review some more."
            )
    st.dataframe(
        rows,
        hide_index=True,
        width="stretch",
        height="content",
        placeholder="–",
        column_config={
            "Coverage": st.column_config.ProgressColumn(min_value=0, max_value=100, format="%.0f %%"),
            "By votes": st.column_config.NumberColumn(help="Labels that nobody stated: neighbours voted for them."),
            "Asked": percent("Asked", "The precision that was asked of accepted votes."),
            "Precision": percent("Precision", "Of accepted votes, on held-out items that no threshold was fitted on."),
            "Audited": st.column_config.TextColumn(
                help="True precision of accepted votes by the audit queue, with its 95 % interval."
            ),
        },
    )  # fmt: skip
else:
    st.info("No labels yet. Make them with: likeness label --store DIR")

titles = {a.name: a.title for a in workspace.attributes}
left, right = st.columns(2, gap="large")
learned = learned_names(workspace)
if learned:
    with left:
        st.subheader("Does the confidence mean what it says?")
        chosen = st.selectbox(
            "Attribute", learned, format_func=titles.__getitem__, label_visibility="collapsed",
            index=learned.index("hair_color") if "hair_color" in learned else 0,
        )  # fmt: skip
        st.line_chart(
            reliability(workspace, chosen), x="Confidence", y=["Right", "Ideal"], color=[MEASURED, ASKED],
            height=LOW, x_label="confidence of the votes, percent", y_label="percent right",
        )  # fmt: skip
sizes = group_sizes(workspace)
if sum(sizes["Groups"]):
    with right if learned else left:
        st.subheader("Duplicate groups by size")
        st.caption(f"{sum(sizes['Groups']):,} groups, copies and variants together")
        st.bar_chart(
            sizes, x="Members", y="Groups", color=SHADES["Reviews"], sort=False, height=LOW, horizontal=True,
            x_label="pictures in a group", y_label="groups",
        )  # fmt: skip

st.subheader("Runs")
st.dataframe(
    run_rows(workspace),
    hide_index=True,
    width="stretch",
    column_config={"What it did": st.column_config.TextColumn(width="large")},
)
st.subheader("Failures")
failed = [
    {"Stage": f.stage, "File": f.key, "Reason": f.reason}
    for _, f in zip(range(FAILURES), failures(workspace.store), strict=False)
]
if failed:
    if len(failed) == FAILURES:
        st.caption(f"The first {FAILURES}; all of them: likeness status --store DIR --limit N")
    st.dataframe(failed, hide_index=True, width="stretch")
else:
    st.caption("None: every file became an item.")
