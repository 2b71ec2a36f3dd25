"""Queue: what to review next, in the order that teaches most or measures best."""

from __future__ import annotations

import streamlit as st

from ui.review import tiles
from ui.review.audits import estimate
from ui.review.queues import QUEUES, queue, suggestions
from ui.views import gallery, session

workspace = session.workspace()
session.heading("Queue", "What to review next. Decided items leave the queue; the next ones move up.")
names = [a.name for a in workspace.attributes]
titles = {a.name: a.title for a in workspace.attributes}
left, right = st.columns(2)
which = left.selectbox(
    "Queue", list(QUEUES), key="queue-name", help="\n\n".join(f"**{n}**: {t}" for n, (t, _) in QUEUES.items())
)
name = right.selectbox("Attribute", names, format_func=titles.__getitem__, key="queue-attribute",
                       index=names.index("hair_color") if "hair_color" in names else 0)  # fmt: skip
with session.error_boundary():
    attribute = workspace.attribute(name)
    if not workspace.store.has("labels"):
        st.info("There are no labels yet. Make them with: likeness label --store DIR")
        st.stop()
    rows = queue(workspace, which, attribute)
    st.caption(f"{QUEUES[which][0]} {len(rows):,} item{'' if len(rows) == 1 else 's'}.")
    if which == "Audit":
        found = estimate(workspace, attribute)
        left, right = st.columns([1, 2], vertical_alignment="center")
        left.metric(
            f"True precision, {attribute.title.lower()}",
            f"{found.precision:.1%}" if found.decided else "not known yet",
            border=True,
        )
        right.caption(
            f"{found.right} of {found.decided} audited labels were right: between {found.low:.1%} and {found.high:.1%} "
            "with 95 % confidence. "
            if found.decided
            else "No label was audited yet. "
        )
        right.caption(
            "Take the items in the order they come: y where the label is right, the true value where it is wrong, "
            "0 where it cannot be known (which counts as wrong)."
        )
    view = gallery.View(f"queue-{which}", rows, name, by_row=False, audit=which == "Audit")
    view.live = lambda: queue(workspace, which, attribute)
    view.empty = "Nothing is left to review here. Choose another queue or attribute."
    found_by_votes = suggestions(workspace, which, attribute)
    if found_by_votes:
        view.actions = (tiles.TAKE, *tiles.LABEL_ACTIONS)
        view.suggested = {row: each.value for row, each in found_by_votes.items()}
        view.notes = {row: f"{each.value}? {each.chance:.0%}" for row, each in found_by_votes.items()}
    gallery.show(view)
