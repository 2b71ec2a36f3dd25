"""Overview: what the store holds, how much of it is labelled and how well, what ran, what failed."""

from __future__ import annotations

import streamlit as st

from ui import session
from ui.figures import attribute_table, counts, run_rows
from ui.status import failures

here = session.desk()
session.heading("Overview", session.plain(here.store.uri))

numbers = counts(here)
for column, (name, value) in zip(st.columns(len(numbers)), numbers.items(), strict=True):
    column.metric(name, f"{value:,}", border=True)

if not numbers["Pictures"]:
    st.info("There is nothing here yet. Fill the store with: likeness run --store DIR --source PATH")
    st.stop()

st.subheader("Labels")
rows = attribute_table(here)
if rows:
    st.dataframe(
        rows,
        hide_index=True,
        width="stretch",
        height="content",
        column_config={
            "Coverage": st.column_config.ProgressColumn(min_value=0, max_value=1, format="percent"),
            "Asked": st.column_config.NumberColumn(format="percent"),
            "Precision": st.column_config.NumberColumn(
                format="percent", help="On items no threshold was fitted on."
            ),
        },
    )
else:
    st.info("No labels yet. Make them with: likeness label --store DIR")

left, right = st.columns(2, gap="large")
with left:
    st.subheader("Runs")
    st.dataframe(run_rows(here), hide_index=True, width="stretch")
with right:
    st.subheader("Failures")
    failed = [
        {"stage": f.stage, "file": f.key, "reason": f.reason}
        for _, f in zip(range(500), failures(here.store), strict=False)
    ]
    if failed:
        st.dataframe(failed, hide_index=True, width="stretch")
    else:
        st.caption("None: every file became an item.")
