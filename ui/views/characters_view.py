"""Characters: name look-alikes in one gesture, judge names that look wrong, see who is unlike the rest."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from label.names.profiles import Unlike
from schema.arrays import Rows
from ui.review.naming.characters import (
    DoubtfulName,
    UnknownGroup,
    doubtful_names,
    examples,
    give_name,
    known_names,
    unknown_groups,
    unlike_rest,
)
from ui.views import session
from ui.wording import counted, heading

UNKNOWN, DOUBTFUL, UNLIKE = "Without a name", "Doubtful names", "Unlike the rest"
SHOWN, PICTURES = 8, 12

workspace = session.workspace()
position = workspace.reviewed().position


def decide(rows: Sequence[int] | Rows, name: str | None) -> None:
    """Write a decision and say what was done."""
    with session.error_boundary():
        written = give_name(workspace, [int(row) for row in rows], name, session.reviewer(), position)
        st.session_state["named"] = f"{written.text} · undo it in History"
        st.rerun()


def pictures(rows: Sequence[int] | Rows, captions: Sequence[str] = ()) -> None:
    """Show thumbnails side by side."""
    shown = [int(row) for row in rows[:PICTURES]]
    found = workspace.thumbnails(shown)
    with st.container(horizontal=True, gap="small"):
        for place, row in enumerate(shown):
            if row in found:
                said = captions[place] if captions else ""
                st.image(found[row], width=96, caption=session.plain(said) if said else None)
    if len(rows) > PICTURES:
        st.caption(f"and {counted(len(rows) - PICTURES, 'more picture|more pictures')}")


def name_box(key: str, names: Sequence[str], suggested: str | None = None) -> str | None:
    """Return the name that was chosen or typed."""
    place = names.index(suggested) if suggested in names else None
    return st.selectbox(
        "Name", names, index=place, key=f"name-{key}", accept_new_options=True,
        placeholder="choose, or type a new one", label_visibility="collapsed",
    )  # fmt: skip


def unknown_card(group: UnknownGroup, names: Sequence[str]) -> None:
    """Show a group of look-alikes with a box for its name."""
    with st.container(border=True):
        st.markdown(f"**{counted(len(group.rows), 'picture|pictures')}** that look alike")
        pictures(group.rows)
        box, give, none = st.columns([4, 1, 1.6], vertical_alignment="bottom")
        with box:
            name = name_box(group.group, names)
        if give.button(
            "Name all",
            key=f"give-{group.group}",
            type="primary",
            disabled=locked or not name,
            width="stretch",
        ):
            decide(group.rows, name)
        if none.button("Nobody with a name", key=f"none-{group.group}", disabled=locked, width="stretch"):
            decide(group.rows, None)


def doubtful_card(each: DoubtfulName, names: Sequence[str], looks: dict[str, list[int]]) -> None:
    """Show a picture whose name is probably wrong, beside pictures of that name and of the more likely one."""
    stated = ", ".join(each.names)
    with st.container(border=True):
        picture, said, other = st.columns([1, 2, 2], vertical_alignment="top")
        with picture:
            st.caption(f"{min(each.probability, 0.99):.0%} likely to be wrong")
            pictures([each.row])
        with said:
            st.caption(f"stated: **{session.plain(stated)}**")
            pictures(looks.get(stated, []))
        with other:
            if each.suggested:
                st.caption(f"more likely: **{session.plain(each.suggested)}**")
                pictures(looks.get(each.suggested, []))
            else:
                st.caption("more likely nobody who is known")
        keep, use, box, give = st.columns([1, 1, 2.2, 0.8], vertical_alignment="bottom")
        if keep.button("Keep the name", key=f"keep-{each.row}", disabled=locked, width="stretch"):
            decide([each.row], stated)
        if use.button(
            "Take the other", key=f"use-{each.row}", type="primary", disabled=locked or not each.suggested,
            width="stretch",
        ):  # fmt: skip
            decide([each.row], each.suggested)
        with box:
            name = name_box(str(each.row), names)
        if give.button("Set", key=f"set-{each.row}", disabled=locked or not name, width="stretch"):
            decide([each.row], name)


def page_of(count: int) -> range:
    """Return which of ``count`` entries to show, with a choice of the page where there are several."""
    pages = max(1, -(-count // SHOWN))
    number = 1
    if pages > 1:
        narrow, _ = st.columns([1, 5])
        number = int(narrow.number_input(f"Page of {pages}", 1, pages, 1, key="page", bind="query-params"))
    return range((number - 1) * SHOWN, min(number * SHOWN, count))


def show_unlike(found: Sequence[Unlike]) -> None:
    """List the pictures that are unlike the rest of their character."""
    if not found:
        st.info("No picture is unlike the rest of its character.")
    titles = {each.name: heading(each) for each in workspace.attributes}
    for place in page_of(len(found)):
        each = found[place]
        with st.container(border=True):
            left, right = st.columns([1, 5], vertical_alignment="center")
            with left:
                pictures([each.row])
            usual = each.usual
            right.markdown(
                f"**{session.plain(each.name)}**, {titles[each.attribute].lower()} "
                f"**{session.plain(each.value)}**: "
                f"{usual.agree} of {usual.known} pictures have {session.plain(usual.value)}"
            )
            right.markdown(f"[Open the picture](item?row={each.row}) to correct its name or its label.")


with session.error_boundary():
    session.follow_address(what=UNKNOWN, page=1)
    if not workspace.store.has("names"):
        st.info("Names have not been looked at yet. Do it with: likeness names --store DIR")
        st.stop()
    locked = bool(session.locked())
    groups, doubtful, odd = unknown_groups(workspace), doubtful_names(workspace), unlike_rest(workspace)
    what = st.segmented_control(
        "Show", [UNKNOWN, DOUBTFUL, UNLIKE], default=UNKNOWN, required=True, key="what", bind="query-params",
        label_visibility="collapsed",
    )  # fmt: skip
    st.caption(
        f"{counted(len(groups), 'group|groups')} without a name · "
        f"{counted(len(doubtful), 'doubtful name|doubtful names')} · "
        f"{counted(len(odd), 'value|values')} unlike the rest"
    )
    if told := st.session_state.pop("named", ""):
        st.success(session.plain(told))
    if session.locked():
        st.caption(session.locked())
    known = known_names(workspace)
    if what == UNKNOWN:
        if not groups:
            st.info("There are no groups of look-alikes without a name.")
        for place in page_of(len(groups)):
            unknown_card(groups[place], known)
    elif what == DOUBTFUL:
        if not doubtful:
            st.info("No stated name looks wrong.")
        looks = examples(workspace)
        for place in page_of(len(doubtful)):
            doubtful_card(doubtful[place], known, looks)
    else:
        show_unlike(odd)
    st.caption("likeness names learns from what was decided here.")
