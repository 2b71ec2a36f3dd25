"""History: every batch of decisions, newest first; any of them can be taken back as a whole."""

from __future__ import annotations

import streamlit as st

from ui.review.history import Batch, batches, details
from ui.review.workspace import Workspace
from ui.views import session

SHOWN = 30
workspace = session.workspace()


def card(workspace: Workspace, batch: Batch) -> None:
    """Show one batch with its undo and its decisions."""
    with st.container(border=True):
        text, who, action = st.columns([5, 3, 2], vertical_alignment="center")
        said = session.plain(batch.text)
        text.markdown(said if batch.counts else f"~~{said}~~")
        who.caption(f"{session.plain(batch.reviewer)} · {batch.time[:19].replace('T', ' ')} UTC")
        if not batch.counts:
            action.caption("undone")
        elif action.button(
            "Undo", key=f"undo-{batch.batch}", disabled=bool(session.locked()), width="stretch",
            help=session.locked() or None,
        ):  # fmt: skip
            with session.error_boundary():
                workspace.log.undo(batch.batch, session.reviewer())
                st.rerun()
        with st.expander("Details"):
            lines, total = details(workspace, batch.batch)
            names = {
                item.row: item.name for item in workspace.items(sorted({line.row for line in lines}), [])
            }
            st.dataframe(
                [
                    {
                        "Picture": names.get(line.row, str(line.row)),
                        "Decision": line.decision,
                        "Shown before": line.seen,
                    }
                    for line in lines
                ],
                hide_index=True, width="stretch",
            )  # fmt: skip
            if total > len(lines):
                st.caption(f"The first {len(lines):,} of {total:,} decisions; the log has them all.")


with session.error_boundary():
    found = batches(workspace)
    if not found:
        st.info("No decision yet. Correct something in Clusters, Queue or Search, and it is listed here.")
        st.stop()
    session.follow_address(reviewers=[], page=1)
    people = sorted({b.reviewer for b in found})
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    who = left.multiselect("Reviewer", people, placeholder="everyone", key="reviewers", bind="query-params")
    right.download_button(
        "Save the log", data=lambda: session.log_bytes(workspace), file_name="reviews.jsonl",
        mime="application/jsonl", icon=":material/download:", width="stretch",
    )  # fmt: skip
    shown = [b for b in found if not who or b.reviewer in who]
    pages = max(1, (len(shown) + SHOWN - 1) // SHOWN)
    number = 1
    if pages > 1:
        number = int(st.number_input("Page", 1, pages, 1, key="page", bind="query-params"))
    for batch in shown[(number - 1) * SHOWN : number * SHOWN]:
        card(workspace, batch)
    st.caption("Nothing is erased: an undo is one more line, and can be undone.")
