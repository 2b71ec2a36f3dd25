"""Item: the picture, its labels to edit, why each is as it is, its neighbours, its group, its history."""

from __future__ import annotations

import streamlit as st

from index.reviews.log import MAX_CAPTION
from index.store.keys import row_of
from label.predict.evidence import Evidence, evidence
from schema.errors import LikenessError
from ui.review.captions import item_captions, write_caption
from ui.review.curation.gates import item_lines
from ui.review.history import of_item
from ui.review.item import ItemDetails, item_details, large_picture
from ui.review.workspace import Workspace
from ui.views import gallery, label_sheet, session
from ui.wording import heading

REFERENCES = 12
"""Reference items shown at most, the heaviest."""
LEAST_SHARE = 0.005
"""A picture with less of the whole vote is not shown: it would read 0 %."""

workspace = session.workspace()


def find() -> None:
    """Go to the item that was typed."""
    typed = str(st.session_state.get("find", "")).strip()
    if not typed:
        return
    try:
        st.query_params["row"] = str(row_of(workspace.store, typed))
        st.session_state["find"] = ""
    except LikenessError as error:
        st.session_state["find-error"] = error


def facts(workspace: Workspace, found: ItemDetails) -> None:
    """Show the picture and what is known of the file."""
    picture = large_picture(workspace, found.item.row)
    if picture:
        st.image(picture, width="stretch", alt=f"The picture {found.item.name}")
    st.text(found.item.name)
    for name, value in found.facts.items():
        st.caption(f"{name.capitalize()}: {session.plain(value)}")
    if found.tags:
        st.caption("Tags as given")
        st.text(", ".join(found.tags))
    with st.expander("Where it comes from"):
        st.dataframe(
            [{"What": name, "Value": value} for name, value in found.source.items()],
            hide_index=True, width="stretch",
        )  # fmt: skip


def show_evidence(workspace: Workspace, row: int, name: str) -> None:
    """Show why an attribute has its label: the probabilities of its values, and the items that voted."""
    title = heading(workspace.attribute(name))
    models = workspace.models()
    found = None if models is None else evidence(workspace.item_loader(), models, row, name)
    st.subheader(f"Why? {title}")
    if found is None:
        st.caption("No votes: too few items have a label for it, or this one has no vector.")
        return
    st.caption(
        "The probability of each value, and the threshold it has to reach"
        + (". Values that the item's own tags leave out count as less likely." if found.omits else ".")
    )
    st.dataframe(
        value_rows(found),
        hide_index=True, width="stretch", height="content",
        column_config={
            "Probability": st.column_config.ProgressColumn(min_value=0, max_value=1, format="%.2f")
        },
    )  # fmt: skip
    references = found.references.shown(REFERENCES, LEAST_SHARE)
    if len(references.rows):
        st.subheader("Who voted")
        st.caption("Each picture's share of the whole vote. Correct one, and its vote counts differently.")
        shares = {int(r): f"{share:.0%}" for r, share in zip(references.rows, references.shares, strict=True)}
        view = gallery.View(
            "item-references", references.rows, name, by_row=False, main=False, notes=shares, size=REFERENCES
        )
        gallery.show(view)


def value_rows(found: Evidence) -> list[dict[str, object]]:
    """Return the likeliest values as rows of a table."""
    return [
        {
            "Value": value.value,
            "Probability": value.probability,
            "Threshold": "too little data" if value.required is None else f"{value.required:.2f}",
            "Outcome": "accepted" if value.given else "",
        }
        for value in found.values[:6]
    ]


@st.fragment
def labels(workspace: Workspace, row: int) -> None:
    """Show the labels to edit with the evidence for the attribute at the cursor."""
    with session.error_boundary():
        show_evidence(workspace, row, label_sheet.show(workspace, row))


@st.fragment
def captions(workspace: Workspace, row: int, item_id: str) -> None:
    """Show the captions to edit; an edit stands however often captions are written again."""
    with session.error_boundary():
        found = item_captions(workspace, row)
        if not found:
            return
        st.subheader("Captions")
        for caption in found:
            key = f"caption-{row}-{caption.captioner}"
            by = f" · edited by {session.plain(caption.reviewer)}" if caption.edited else ""
            flags = f" · {', '.join(caption.flags)}" if caption.flags else ""
            st.text_area(
                f"{caption.captioner}{by}{flags}", caption.text, key=key, disabled=bool(session.locked()),
                max_chars=MAX_CAPTION,
            )  # fmt: skip
            save, back = st.columns(2)
            given = (workspace, row, item_id, caption.captioner)
            save.button(
                "Save caption", key=f"{key}-save", on_click=_save_caption, args=(*given, key),
                disabled=bool(session.locked()),
            )  # fmt: skip
            if caption.edited:
                back.button(
                    "Take the edit back", key=f"{key}-back", on_click=_save_caption, args=(*given, None),
                    disabled=bool(session.locked()),
                )  # fmt: skip
        wrong = st.session_state.pop("caption-error", None)
        if wrong is not None:
            session.show_error(wrong)


def _save_caption(workspace: Workspace, row: int, item_id: str, captioner: str, key: str | None) -> None:
    text = st.session_state.get(key) if key is not None else None
    try:
        write_caption(workspace, row, item_id, captioner, text, session.reviewer())
    except LikenessError as error:
        st.session_state["caption-error"] = error
    if key is None:
        st.session_state.pop(f"caption-{row}-{captioner}", None)


def around(found: ItemDetails, name: str) -> None:
    """Show the item's group and its neighbours."""
    if len(found.group) > 1:
        st.subheader("Its group")
        gallery.show(gallery.View("item-group", found.group, name, by_row=False, main=False))
    st.subheader("Neighbours")
    gallery.show(
        gallery.View(
            "item-neighbours", found.neighbours, name, by_row=False, main=False, notes=found.similarity,
            size=24, empty="No neighbours yet. Make the graph with: likeness index --store DIR",
        )
    )  # fmt: skip


with session.error_boundary():
    given = st.query_params.get("row", "")
    st.text_input(
        "Another item", key="find", placeholder="row, item id or file name", max_chars=500, on_change=find,
        label_visibility="collapsed" if given else "visible",
    )  # fmt: skip
    wrong = st.session_state.pop("find-error", None)
    if wrong is not None:
        session.show_error(wrong)
    if not given:
        st.info(
            "Open an item from any gallery (double click, or the key o), or type a row, an item id or a file name."
        )
        st.stop()
    row = row_of(workspace.store, given)
    details = item_details(workspace, row)
    left, right = st.columns([2, 3], gap="large")
    with left:
        facts(workspace, details)
    with right:
        labels(workspace, row)
        captions(workspace, row, details.item.item_id)
        said = item_lines(workspace, row)
        if said:
            st.subheader("Gates and selection")
            for line in said:
                st.text(line)
        past = of_item(workspace, row)
        if past:
            st.subheader("History")
            st.dataframe(
                [
                    {"When (UTC)": line.when, "Reviewer": line.reviewer, "Decision": line.decision,
                     "Shown before": line.seen, "State": "counts" if line.counts else "undone"}
                    for line in past
                ],
                hide_index=True, width="stretch",
            )  # fmt: skip
    around(details, str(st.query_params.get("attribute", "hair_color")))
