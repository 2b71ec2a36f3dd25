"""Search: by picture, by text, or by filter alone; what is found is a gallery to correct."""

from __future__ import annotations

import streamlit as st

from ui import gallery_view, session
from ui.lookup import KINDS, UNKNOWN, Wanted, find, own_labels, where_of

PICTURES = ["png", "jpg", "jpeg", "webp", "avif", "gif", "bmp", "tiff"]

here = session.desk()
session.heading(
    "Search",
    "Similar characters by picture or text, narrowed by labels. What is found can be corrected at once.",
)

names = [a.name for a in here.attributes]
titles = {a.name: a.title for a in here.attributes}
left, right = st.columns([2, 3], gap="medium")
upload = left.file_uploader("Picture", type=PICTURES, help="Drop, choose or paste one.")
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
        values = [UNKNOWN, *(v.name for v in here.attribute(each).values)]
        chosen[each] = column.multiselect(titles[each], values, key=f"search-{each}", placeholder="any value")
with st.expander("More", icon=":material/tune:"):
    a, b, c = st.columns(3)
    tag = a.text_input("Has the tag", placeholder="1girl", max_chars=80)
    kind = b.selectbox("Show", list(KINDS))
    expert = c.text_input(
        "Condition", placeholder="width >= 512 AND hair_color_confidence < 0.9", max_chars=500
    )

with session.told():
    wanted = Wanted(
        upload.getvalue() if upload else b"", text.strip(), where_of(here, chosen, tag, kind, expert)
    )
    found = find(here, wanted)
    if wanted.image or wanted.text:
        own = own_labels(here, found)
        if own and wanted.image:
            st.image(wanted.image, width=140)
        if own:
            said = "  ·  ".join(
                f"**{session.plain(titles[n])}** {session.plain(v)} ({share:.0%})" for n, v, share in own
            )
            st.markdown(f"The labels its neighbours would give it: {said}")
    st.caption(f"{len(found.rows):,} items" + (", closest first" if found.ranked else ""))
    gallery_view.show(
        gallery_view.View(
            "search", found.rows, name, by_row=not found.ranked, notes=found.notes(),
            empty="No item matches. Take a filter away, or check the condition.",
        )
    )  # fmt: skip
