"""History: every batch of decisions, newest first; any of them can be taken back as a whole."""

from __future__ import annotations

import streamlit as st

from ui.review.history import batches, details
from ui.views import session

SHOWN = 30
workspace = session.workspace()
session.heading(
    "History", "Every decision ever taken. Nothing is erased: an undo is one more line, and can be undone."
)

found = batches(workspace)
if not found:
    st.info("No decision yet. Correct something in Clusters, Queue or Search, and it is listed here.")
    st.stop()
people = sorted({b.reviewer for b in found})
left, right = st.columns([2, 1], vertical_alignment="bottom")
who = left.multiselect("Reviewer", people, placeholder="everyone")
right.download_button(
    "Save the log", data=lambda: session.log_bytes(workspace), file_name="reviews.jsonl", mime="application/jsonl",
    icon=":material/download:", width="stretch",
)  # fmt: skip
shown = [b for b in found if not who or b.reviewer in who]
pages = (len(shown) + SHOWN - 1) // SHOWN
number = st.number_input("Page", 1, pages, 1) if pages > 1 else 1
for batch in shown[(int(number) - 1) * SHOWN : int(number) * SHOWN]:
    with st.container(border=True):
        a, b, c = st.columns([5, 3, 2], vertical_alignment="center")
        a.markdown(f"{'' if batch.counts else '~~'}{session.plain(batch.text)}{'' if batch.counts else '~~'}")
        b.caption(f"{session.plain(batch.reviewer)} · {batch.time[:19].replace('T', ' ')} UTC")
        if batch.counts:
            if c.button("Undo", key=f"undo-{batch.batch}", disabled=not session.can_write(), width="stretch"):
                with session.error_boundary():
                    workspace.log.undo(batch.batch, session.reviewer())
                    st.rerun()
        else:
            c.caption("undone")
        with st.expander("Details"):
            st.dataframe(details(workspace, batch.batch), hide_index=True, width="stretch")
