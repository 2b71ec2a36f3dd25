"""Search: by picture, by text, or by filter alone; what is found is a gallery to correct."""

from __future__ import annotations

import streamlit as st

from index.store.keys import row_of_bytes
from ui.review.item import drawn
from ui.review.search import KINDS, UNKNOWN, SearchRequest, filter_expression, find, predicted_labels
from ui.views import gallery, session
from ui.views.picture_upload import picture_box

workspace = session.workspace()
session.heading(
    "Search",
    "Similar characters by picture or text, narrowed by labels. What is found can be corrected at once.",
)

names = [a.name for a in workspace.attributes]
titles = {a.name: a.title for a in workspace.attributes}
left, right = st.columns([2, 3], gap="medium")
with left:
    picture = picture_box("search-picture", "Picture")
text = right.text_input(
    "Description", placeholder="a girl with long blonde hair and a red kimono", max_chars=500
)

left, right = st.columns([2, 3], gap="medium")
name = left.selectbox(
    "Label to look at and correct", names, format_func=titles.__getitem__, key="search-attribute",
    index=names.index("hair_color") if "hair_color" in names else 0,
)  # fmt: skip
filters = right.multiselect(
    "Filter by", names, format_func=titles.__getitem__, placeholder="attributes", key="search-filters"
)
chosen: dict[str, list[str]] = {}
if filters:
    for column, each in zip(st.columns(max(2, len(filters))), filters, strict=False):
        values = [UNKNOWN, *(v.name for v in workspace.attribute(each).values)]
        chosen[each] = column.multiselect(titles[each], values, key=f"search-{each}", placeholder="any value")
with st.expander("More", icon=":material/tune:"):
    a, b, c = st.columns(3)
    tag = a.text_input("Has the tag", placeholder="1girl", max_chars=80)
    kind = b.selectbox("Show", list(KINDS))
    expert = c.text_input(
        "Condition", placeholder="width >= 512 AND hair_color_confidence < 0.9", max_chars=500
    )

with session.error_boundary():
    wanted = SearchRequest(
        (picture,) if picture else (), text.strip(), filter_expression(workspace, chosen, tag, kind, expert)
    )
    found = find(workspace, wanted)
    if picture:
        left, right = st.columns([1, 5], vertical_alignment="center")
        left.image(drawn(workspace, picture, 256), width="stretch")
        with right:
            st.markdown("**The labels this picture would get**")
            own = predicted_labels(workspace, found)
            sure = [
                f"{titles[o.attribute]} **{session.plain(o.value)}** {o.chance:.2f}" for o in own if o.sure
            ]
            open_ = [
                f"{titles[o.attribute]} {session.plain(o.value)} {o.chance:.2f}" for o in own if not o.sure
            ]
            st.markdown("  ·  ".join(sure) if sure else "None: no attribute is sure enough.")
            if open_:
                st.caption(
                    "Left open (not sure enough, or too few examples to say how sure): " + "  ·  ".join(open_)
                )
            row = row_of_bytes(workspace.store, picture)
            if row is not None and st.button("It is in the store: open it", icon=":material/portrait:"):
                gallery.open_item(row)
    st.caption(f"{len(found.rows):,} items" + (", closest first" if found.ranked else ""))
    gallery.show(
        gallery.View(
            "search", found.rows, name, by_row=not found.ranked, notes=found.notes(),
            empty="No item matches. Take a filter away, or check the condition.",
        )
    )  # fmt: skip
