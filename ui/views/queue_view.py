"""Queue: what to review next, in the order that tells most or measures best."""

from __future__ import annotations

import streamlit as st

from schema.arrays import Rows
from ui.review import tiles
from ui.review.audits import estimate
from ui.review.queues import QUEUES, queue, suggestions
from ui.views import gallery, session
from ui.wording import heading

workspace = session.workspace()
names = [a.name for a in workspace.attributes]
titles = {a.name: heading(a) for a in workspace.attributes}
default = "hair_color" if "hair_color" in names else names[0]
session.follow_address(queue=next(iter(QUEUES)), attribute=default)
left, middle, right = st.columns([2, 2, 4], vertical_alignment="bottom")
which = left.selectbox(
    "Queue", list(QUEUES), key="queue", bind="query-params", on_change=session.first_page,
    help="\n\n".join(f"**{q.title}**: {q.about}" for q in QUEUES.values()),
)  # fmt: skip
name = middle.selectbox(
    "Attribute", names, format_func=titles.__getitem__, key="attribute", bind="query-params",
    on_change=session.first_page, index=names.index(default),
)  # fmt: skip
chosen = QUEUES[which]
right.caption(
    chosen.about
    + (
        " Take the pictures in the order they come: y where the label is correct, the true value where it is not, "
        "0 where it cannot be known (which counts as incorrect)."
        if chosen.audits
        else ""
    )
)


def rows_left() -> Rows:
    """Return what is left in the queue."""
    return queue(workspace, which, workspace.attribute(name))


def numbers_line() -> str:
    """Return how many pictures are left and, of an audit, what it has found so far."""
    count = gallery.pictures_status(len(rows_left()))
    if not chosen.audits:
        return count
    found = estimate(workspace, workspace.attribute(name))
    if not found.decided:
        return f"none audited yet · {count}"
    return (
        f"{found.correct} of {found.decided} correct: {found.precision:.1%}, between {found.low:.1%} and "
        f"{found.high:.1%} with 95 % confidence · {count}"
    )


with session.error_boundary():
    if not workspace.store.has("labels"):
        st.info("There are no labels yet. Make them with: likeness label --store DIR")
        st.stop()
    view = gallery.View("queue-gallery", rows_left(), name, by_row=False, audit=chosen.audits)
    view.live = rows_left
    view.status = numbers_line
    view.empty = "Nothing is left to review here. Choose another queue or attribute."
    suggested = suggestions(workspace, which, workspace.attribute(name))
    if suggested:
        view.actions = (tiles.ACCEPT_SUGGESTION, *tiles.LABEL_ACTIONS)
        view.suggested = {row: each.value for row, each in suggested.items()}
        view.notes = {row: f"{each.value}? {each.probability:.0%}" for row, each in suggested.items()}
    gallery.show(view)
