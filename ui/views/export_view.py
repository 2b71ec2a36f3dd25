"""Export: choose what goes out, see how much it is, write it."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from ui.review.dataset import ExportForm, pending, preview_counts, write_export
from ui.views import session
from ui.wording import heading

workspace = session.workspace()
names = [a.name for a in workspace.attributes]
titles = {a.name: heading(a) for a in workspace.attributes}
session.follow_address(format="parquet", only=[], where="", all=False, name="dataset")
st.caption("A data set from this store: labels with confidence and source, splits without leaks, a manifest.")
left, middle, right = st.columns(3)
kind = left.selectbox("Format", ["parquet", "jsonl", "webdataset"], key="format", bind="query-params")
needed = middle.multiselect(
    "Only pictures with a label for", names, format_func=titles.__getitem__, placeholder="any", key="only",
    bind="query-params",
)  # fmt: skip
condition = right.text_input(
    "Condition", placeholder="width >= 256", max_chars=500, key="where", bind="query-params"
)
everything = st.checkbox(
    "Also copies that were set aside and pictures of several characters", key="all", bind="query-params"
)
name = st.text_input(
    "Name", value="dataset", max_chars=60, key="name", bind="query-params",
    help="A folder of this name inside the store's exports.",
)  # fmt: skip

with session.error_boundary():
    form = ExportForm(name, kind, everything, tuple(needed), condition)
    counts = preview_counts(workspace, form)
    for column, (title, value) in zip(st.columns(len(counts)), counts.items(), strict=True):
        column.metric(title, f"{value:,}", border=True)
    waiting = pending(workspace)
    if waiting:
        st.caption(
            f"{waiting:,} decisions came after the last label run; they are worked in before the export is written."
        )
    reason = session.locked()
    if st.button(
        "Export", type="primary", icon=":material/download:", disabled=bool(reason), help=reason or None
    ):
        with st.spinner("Working decisions in and writing ..."):
            out, summary = write_export(workspace, form)
        st.success(f"Written to {session.plain(str(out))}")
        for warning in summary.warnings[1:]:
            st.warning(session.plain(warning))
        st.dataframe([{"What": k, "Count": str(v)} for k, v in summary.counts.items()], hide_index=True)
        files = sorted(f for f in Path(out).rglob("*") if f.is_file())
        st.dataframe(
            [{"File": str(f.relative_to(out)), "Bytes": f.stat().st_size} for f in files], hide_index=True
        )
