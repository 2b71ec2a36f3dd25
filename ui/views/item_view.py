"""Item: the picture, everything that is known of it and why, its neighbours, its group, its history."""

from __future__ import annotations

import streamlit as st

from index.store.keys import row_of
from label.predict.evidence import evidence
from ui.review.item import item_details, large_picture
from ui.views import gallery, session

VOTERS = 12
"""Voters shown at most, the heaviest."""
LEAST_SHARE = 0.005
"""A voter with less of the whole vote is not shown: it would read 0 %."""

workspace = session.workspace()
session.heading(
    "Item", "One picture: its labels with their evidence, its neighbours, its group, its history."
)
given = st.text_input(
    "Row, item id or file name",
    value=str(st.session_state.get("item", st.query_params.get("row", ""))),
    max_chars=500,
)
if not given:
    st.info(
        "Open an item from any gallery (double click, or the key o), or type a row, an item id or a file name."
    )
    st.stop()
with session.error_boundary():
    row = row_of(workspace.store, given)
    st.query_params["row"] = str(row)
    found = item_details(workspace, row)
    left, right = st.columns([2, 3], gap="large")
    with left:
        picture = large_picture(workspace, row)
        if picture:
            st.image(picture, width="stretch")
        st.text(found.name)
        for name, value in found.facts.items():
            st.caption(f"{name.capitalize()}: {session.plain(value)}")
        if found.tags:
            st.caption("Tags as given")
            st.text(", ".join(found.tags))
        with st.expander("Where it comes from"):
            st.dataframe(
                [{"what": name, "value": value} for name, value in found.source.items()],
                hide_index=True, width="stretch",
            )  # fmt: skip
    with right:
        st.subheader("Labels")
        if found.labels:
            st.dataframe(
                found.labels, hide_index=True, width="stretch", height="content", placeholder="–",
                column_config={"Confidence": st.column_config.ProgressColumn(
                    min_value=0, max_value=1, format="%.2f"
                )},
            )  # fmt: skip
        if found.unknown:
            st.caption(f"Not known: {', '.join(found.unknown)}")
        if found.history:
            st.subheader("History")
            st.dataframe(found.history, hide_index=True, width="stretch")
        st.subheader("Why?")
        names = [a.name for a in workspace.attributes]
        titles = {a.name: a.title for a in workspace.attributes}
        chosen = st.selectbox(
            "Look at and correct", names, format_func=titles.__getitem__, key="item-attribute",
            index=names.index("hair_color") if "hair_color" in names else 0,
        )  # fmt: skip
        models = workspace.models()
        why = None if models is None else evidence(workspace.item_loader(), models, row, chosen)
        if why is None:
            st.caption("No vote: too few items state a value, or this one has no vector.")
        else:
            st.caption(
                f"What the neighbours' votes give each value of {titles[chosen].lower()}, and what it takes to stand"
                + (". Values that its own tags leave out count as less likely" if why.omits else "")
            )
            st.dataframe(
                [
                    {
                        "Value": each.value,
                        "Chance": each.probability,
                        "Needs": f"{each.required:.2f}" if each.required is not None else "abstains",
                        "": "stands" if each.given else "",
                    }
                    for each in why.values[:6]
                ],
                hide_index=True, width="stretch", height="content",
                column_config={"Chance": st.column_config.ProgressColumn(min_value=0, max_value=1, format="%.2f")},
            )  # fmt: skip
    voters = why.voters.shown(VOTERS, LEAST_SHARE) if why is not None else None
    if voters is not None and len(voters.rows):
        st.subheader("Who voted")
        st.caption("The share of the whole vote stands on each picture. Correct a voter, and its votes move.")
        shares = {int(r): f"{share:.0%}" for r, share in zip(voters.rows, voters.shares, strict=True)}
        gallery.show(
            gallery.View("item-voters", voters.rows, chosen, by_row=False, notes=shares, size=VOTERS)
        )
    if len(found.group) > 1:
        st.subheader("Its group")
        gallery.show(gallery.View("item-group", found.group, chosen, by_row=False))
    st.subheader("Neighbours")
    gallery.show(
        gallery.View("item-neighbours", found.neighbours, chosen, by_row=False, notes=found.similarity, size=24,
                          empty="No neighbours yet. Make the graph with: likeness index --store DIR")
    )  # fmt: skip
