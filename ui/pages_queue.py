"""Queue: what to review next, in the order that teaches most or measures best."""

from __future__ import annotations

import streamlit as st

from ui import gallery_view, session
from ui.audits import estimate
from ui.queues import QUEUES, queue

here = session.desk()
session.heading("Queue", "What to review next. Decided items leave the queue; the next ones move up.")
names = [a.name for a in here.attributes]
titles = {a.name: a.title for a in here.attributes}
left, right = st.columns(2)
which = left.selectbox(
    "Queue", list(QUEUES), key="queue-name", help="\n\n".join(f"**{n}**: {t}" for n, (t, _) in QUEUES.items())
)
name = right.selectbox("Attribute", names, format_func=titles.__getitem__, key="queue-attribute",
                       index=names.index("hair_color") if "hair_color" in names else 0)  # fmt: skip
with session.told():
    attribute = here.attribute(name)
    if not here.store.has("labels"):
        st.info("There are no labels yet. Make them with: likeness label --store DIR")
        st.stop()
    rows = queue(here, which, attribute)
    st.caption(f"{QUEUES[which][0]}  {len(rows):,} items.")
    if which == "Audit":
        found = estimate(here, attribute)
        if found.decided:
            st.metric(
                f"True precision of accepted {attribute.title.lower()} labels",
                f"{found.precision:.1%}",
                help=f"{found.right} of {found.decided} audited labels were right.",
            )
            st.caption(
                f"Between {found.low:.1%} and {found.high:.1%} with 95 % confidence; {found.decided} audited."
            )
        else:
            st.caption("Press y where the label is right, choose the true value where it is wrong.")
    view = gallery_view.View(f"queue-{which}", rows, name, by_row=False, audit=which == "Audit")
    view.live = lambda: queue(here, which, attribute)
    view.empty = "This queue is empty: nothing is left to review here."
    gallery_view.show(view)
