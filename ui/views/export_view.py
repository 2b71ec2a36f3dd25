"""Export: choose what goes out, see how much it is, write it."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from ui.review.dataset import pending, preview_counts, write_export
from ui.review.search import filter_expression
from ui.views import session

workspace = session.workspace()
session.heading(
    "Export",
    "A data set from this store: labels with confidence and source, splits without leaks, a manifest.",
)
names = [a.name for a in workspace.attributes]
titles = {a.name: a.title for a in workspace.attributes}
left, middle, right = st.columns(3)
kind = left.selectbox("Format", ["parquet", "jsonl", "webdataset"])
needed = middle.multiselect(
    "Only items with a label for", names, format_func=titles.__getitem__, placeholder="any"
)
condition = right.text_input("Condition", placeholder="width >= 256", max_chars=500)
everything = st.checkbox("Also duplicates that were set aside and pictures of several characters")

with session.error_boundary():
    where = filter_expression(workspace, {}, expert=condition)
    parts = [where, *(f"{name} IS NOT NULL" for name in needed)]
    where = " AND ".join(part for part in parts if part)
    numbers = preview_counts(workspace, where, everything)
    for column, (name, value) in zip(st.columns(len(numbers)), numbers.items(), strict=True):
        column.metric(name, f"{value:,}", border=True)
    waiting = pending(workspace)
    if waiting:
        st.caption(
            f"{waiting:,} decisions came after the last label run; they are worked in before the export is written."
        )
    folder = st.text_input(
        "Name", value="dataset", max_chars=60, help="A folder of this name inside the store's exports."
    )
    if st.button("Write it", type="primary", icon=":material/download:", disabled=not session.can_write()):
        with st.spinner("Working decisions in and writing ..."):
            out, summary = write_export(workspace, folder, kind, everything, where)
        st.success(f"Written to {session.plain(str(out))}")
        st.dataframe([{"what": k, "count": str(v)} for k, v in summary.counts.items()], hide_index=True)
        files = sorted(f for f in Path(out).rglob("*") if f.is_file())
        st.dataframe(
            [{"file": str(f.relative_to(out)), "bytes": f.stat().st_size} for f in files], hide_index=True
        )
