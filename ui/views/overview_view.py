"""Overview: what the store holds, how much of it is labelled and how well, what ran, what failed."""

from __future__ import annotations

from typing import Any

import streamlit as st

from ui.review.figures import (
    attribute_table,
    counts,
    group_sizes,
    measured_names,
    precisions,
    reliability,
    run_rows,
    source_shares,
)
from ui.terminal.status import failures
from ui.views import session
from ui.wording import heading

SHADES = {"Reviews": "#3b82f6", "Tags": "#22a06b", "Texts": "#7cc7a2", "Inferred": "#8b5cf6"}
MEASURED, TARGET = "#8b5cf6", "#9aa3b5"
TALL, LOW = 420, 280
FAILURES = 500

workspace = session.workspace()

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
        st.caption("Precision of inferred labels on held-out items, and the target")
        measured = precisions(workspace)
        if measured["Attribute"]:
            st.bar_chart(
                measured, x="Attribute", y=["Measured", "Target"], color=[MEASURED, TARGET], horizontal=True,
                sort=False, stack=False, height=TALL, x_label="", y_label="percent correct",
            )  # fmt: skip
        else:
            st.info(
                "No attribute could be fitted yet: too few items have a label from tags, texts or reviews."
            )
    st.dataframe(
        rows,
        hide_index=True,
        width="stretch",
        height="content",
        placeholder="–",
        column_config={
            "Coverage": st.column_config.ProgressColumn(min_value=0, max_value=100, format="%.0f %%"),
            "Inferred": st.column_config.NumberColumn(help="Labels that no tag, text or reviewer gave."),
            "Target": percent("Target", "The precision that inferred labels have to reach."),
            "Precision": percent("Precision", "Of inferred labels, on held-out items that no threshold was fitted on."),
            "Audited": st.column_config.TextColumn(
                help="True precision of inferred labels by the audit queue, with its 95 % interval."
            ),
        },
    )  # fmt: skip
else:
    st.info("No labels yet. Make them with: likeness label --store DIR")

titles = {a.name: heading(a) for a in workspace.attributes}
left, right = st.columns(2, gap="large")
learned = measured_names(workspace)
if learned:
    with left:
        st.subheader("Does the confidence mean what it says?")
        default = "hair_color" if "hair_color" in learned else learned[0]
        session.follow_address(attribute=default)
        chosen = st.selectbox(
            "Attribute", learned, key="attribute", bind="query-params", format_func=titles.__getitem__,
            label_visibility="collapsed",
            index=learned.index(default),
        )  # fmt: skip
        st.line_chart(
            reliability(workspace, chosen), x="Confidence", y=["Correct", "Ideal"], color=[MEASURED, TARGET],
            height=LOW, x_label="confidence, percent", y_label="percent correct",
        )  # fmt: skip
sizes = group_sizes(workspace)
if sum(sizes["Groups"]):
    with right if learned else left:
        st.subheader("Duplicate groups by size")
        st.caption(f"{sum(sizes['Groups']):,} groups, copies and variants together")
        st.bar_chart(
            sizes, x="Pictures", y="Groups", color=SHADES["Reviews"], sort=False, height=LOW, horizontal=True,
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
