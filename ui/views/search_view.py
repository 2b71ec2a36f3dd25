"""Search: by picture, by text, or by filter alone; what is found is a gallery to correct."""

from __future__ import annotations

import streamlit as st

from schema.errors import LikenessError
from ui.review.item import drawn
from ui.review.search import KINDS, UNKNOWN, Hits, SearchRequest, filter_expression, predicted_labels, search
from ui.review.workspace import Workspace
from ui.views import gallery, session
from ui.views.parts.picture_upload import picture_upload
from ui.wording import heading, pictures

workspace = session.workspace()
names = [a.name for a in workspace.attributes]
titles = {a.name: heading(a) for a in workspace.attributes}
FIRST_SEARCH = "Loading the model for the first search; it takes some seconds, the next ones do not ..."


def found_for(workspace: Workspace, request: SearchRequest) -> Hits:
    """Search, and say what takes so long where a model has to be loaded first."""
    if not request.queries or workspace.searched:
        return search(workspace, request)
    with st.spinner(FIRST_SEARCH):
        found = search(workspace, request)
    workspace.searched = True
    return found


def predictions(workspace: Workspace, image: bytes, found: Hits) -> None:
    """Show the picture that was searched for, and the labels it would get."""
    left, right = st.columns([1, 8], vertical_alignment="center")
    left.image(drawn(workspace, image, 192), width="stretch", alt="The picture searched for")
    with right:
        predicted = predicted_labels(workspace, found)
        accepted = [
            f"{titles[p.attribute]}: **{session.plain(p.value)}** {p.probability:.2f}"
            for p in predicted
            if p.accepted
        ]
        others = [
            f"{titles[p.attribute]}: {session.plain(p.value)} {p.probability:.2f}"
            for p in predicted
            if not p.accepted
        ]
        st.markdown(
            "**The labels this picture would get:** " + (" · ".join(accepted) or "none is certain enough")
        )
        if others:
            st.caption("Left unknown (not certain enough, or too few examples to say): " + " · ".join(others))
        duplicates(workspace, image, found)


def duplicates(workspace: Workspace, image: bytes, found: Hits) -> None:
    """Say which stored pictures show the same artwork, with a link to each."""
    from dedupe.lookup import duplicates_of

    copies = duplicates_of(workspace.store, workspace.settings, image, found.rows.tolist())
    if not copies:
        st.caption("No stored picture shows the same artwork.")
        return
    items = {item.row: item for item in workspace.items([copy.row for copy in copies], [])}
    links = [
        f"[{session.plain(items[copy.row].name)}](item?row={copy.row}) ({copy.verdict})"
        for copy in copies[:8]
    ]
    more = f" and {len(copies) - 8} more" if len(copies) > 8 else ""
    st.markdown(f"**It is in the store:** {', '.join(links)}{more}")


default = "hair_color" if "hair_color" in names else names[0]
session.follow_address(q="", attribute=default, tag="", show=next(iter(KINDS)), where="")
session.follow_address(filters=[], **{name: [] for name in names})
left, middle, right = st.columns([3, 3, 2], vertical_alignment="bottom")
with left:
    image = picture_upload(workspace, "picture", "Picture")
text = middle.text_input(
    "Description", placeholder="a girl with long blonde hair and a red kimono", max_chars=500, key="q",
    bind="query-params", on_change=session.first_page,
)  # fmt: skip
name = right.selectbox(
    "Attribute", names, format_func=titles.__getitem__, key="attribute", bind="query-params",
    index=names.index(default),
)  # fmt: skip
row = st.columns([5, 1])
filters = row[0].multiselect(
    "Filter by", names, format_func=titles.__getitem__, placeholder="Filter by attributes", key="filters",
    bind="query-params", on_change=session.first_page, label_visibility="collapsed",
)  # fmt: skip
with row[1].popover("More", icon=":material/tune:", width="stretch"):
    tag = st.text_input(
        "Has the tag", placeholder="1girl", max_chars=80, key="tag", bind="query-params",
        on_change=session.first_page,
    )  # fmt: skip
    kind = st.selectbox("Show", list(KINDS), key="show", bind="query-params", on_change=session.first_page)
    expert = st.text_input(
        "Condition", placeholder="width >= 512 and hair_color_confidence < 0.9", max_chars=500, key="where",
        bind="query-params", on_change=session.first_page,
    )  # fmt: skip
    st.caption("Conditions over all columns: likeness values --store DIR lists them.")
chosen: dict[str, list[str]] = {}
if filters:
    for column, each in zip(st.columns(max(3, len(filters))), filters, strict=False):
        values = [UNKNOWN, *(v.name for v in workspace.attribute(each).values)]
        chosen[each] = column.multiselect(
            titles[each], values, key=each, bind="query-params", placeholder="any value",
            on_change=session.first_page,
        )  # fmt: skip

with session.error_boundary():
    where = filter_expression(workspace, chosen, tag, kind, expert)
    request = SearchRequest((image,) if image else (), text.strip(), where)
    hits = found_for(workspace, request)
    if image:
        try:
            predictions(workspace, image, hits)
        except LikenessError as error:
            session.show_error(error)
    further = [part for part in (tag and f"tag {tag}", KINDS[kind] and kind, expert) if part]
    if further:
        st.caption("Also filtered by: " + session.plain(", ".join(further)))
    order = ", the most similar first" if hits.ranked else ""
    view = gallery.View(
        "search", hits.rows, name, by_row=not hits.ranked, notes=hits.notes(),
        status=lambda: f"{pictures(len(hits.rows))}{order}",
        empty="No picture matches. Take a filter away, or check the condition.",
    )  # fmt: skip
    gallery.show(view)
