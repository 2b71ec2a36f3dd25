"""Character: one picture from a visitor, its attributes, why, similar characters, JSON to copy; nothing can be changed.

The one page of ``likeness review --page character``, for visitors whom nobody knows: it has no way to other pages,
shows nothing that the protected gate bars, and says nothing of where pictures lie.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import streamlit as st

from label.predict.evidence import evidence_of_vector
from ui.review.item import drawn
from ui.review.items import Item
from ui.review.search import Hits, SearchRequest, label_row, predicted_labels, protected_gate, search
from ui.review.workspace import Workspace
from ui.views import session
from ui.views.parts.picture_upload import picture_upload
from ui.wording import heading, pictures

SHOWN = (12, 24, 48)
"""Similar characters that a visitor can ask for."""
VALUES = 5
COLUMNS = 6


def look(workspace: Workspace, image: bytes, count: int) -> Hits:
    """Return the most similar pictures that may be shown: kept ones that the protected gate lets through."""
    where = "keep" if workspace.store.has("groups") else ""
    found = search(workspace, SearchRequest((image,), where=where), 4 * count)
    rows = found.rows[~protected_gate(workspace).barred(found.rows)][:count]
    return Hits(rows, {int(row): found.similarity[int(row)] for row in rows}, found.ranked, found.vector)


def attributes(workspace: Workspace, hits: Hits) -> dict[str, Any]:
    """Show the attributes with their confidence, and return the JSON of the picture."""
    predicted = predicted_labels(workspace, hits)
    labels, confidences = label_row(workspace, predicted)
    st.subheader("Attributes")
    known = [each for each in predicted if each.accepted]
    if not known:
        st.caption("None is certain enough to be given.")
    rows = [
        {
            "Attribute": heading(workspace.attribute(each.attribute)),
            "Value": each.value if each.accepted else f"{each.value}?",
            "Confidence": each.probability,
            "Given": "yes" if each.accepted else "not certain enough",
        }
        for each in [*known, *(each for each in predicted if not each.accepted)]
    ]
    bar = st.column_config.ProgressColumn(min_value=0, max_value=1, format="%.2f")
    if rows:
        st.dataframe(
            rows, hide_index=True, width="stretch", height="content", column_config={"Confidence": bar}
        )
    return {"labels": labels, "confidences": {name: round(value, 4) for name, value in confidences.items()}}


def why(workspace: Workspace, hits: Hits) -> None:
    """Show the probabilities of one attribute, and which of the similar pictures say what of it."""
    models = workspace.models()
    if models is None or hits.vector is None:
        return
    names = [each.name for each in workspace.attributes if each.name in models.models]
    if not names:
        return
    titles = {name: heading(workspace.attribute(name)) for name in names}
    name = st.selectbox("Why?", names, format_func=titles.__getitem__, key="why", bind="query-params")
    found = evidence_of_vector(models, workspace.vocabulary, hits.vector, [name]).get(name, ())
    bar = st.column_config.ProgressColumn(min_value=0, max_value=1, format="%.2f")
    st.dataframe(
        [
            {
                "Value": each.value,
                "Probability": each.probability,
                "Needed": "too little data" if each.required is None else f"{each.required:.2f}",
            }
            for each in found[:VALUES]
        ],
        hide_index=True, width="stretch", height="content", column_config={"Probability": bar},
    )  # fmt: skip
    items = workspace.items(hits.rows, [name])
    voters = [item for item in items if item.labels[name].values][:COLUMNS]
    if voters:
        st.caption(f"What the most similar pictures with a known {titles[name].lower()} say of it")
        tiles(voters, {v.row: f"{v.labels[name].text} \u00b7 {hits.similarity[v.row]:.2f}" for v in voters})


def tiles(items: list[Item], captions: dict[int, str]) -> None:
    """Show pictures in rows, each with a line below it."""
    thumbnails = session.workspace().thumbnails([item.row for item in items])
    for start in range(0, len(items), COLUMNS):
        columns = st.columns(COLUMNS)
        for column, item in zip(columns, items[start : start + COLUMNS], strict=False):
            if item.row in thumbnails:
                column.image(thumbnails[item.row], width="stretch", alt=captions[item.row])
            column.caption(session.plain(captions[item.row]))


def main() -> None:
    """Draw the page."""
    workspace = session.workspace()
    st.title("Who is that character?")
    st.caption(
        f"Drop a picture of one character. It is compared with {pictures(len(workspace.rows()))}; nothing is kept."
    )
    image = picture_upload(workspace, "picture", "Picture")
    if not image:
        return
    count = st.segmented_control("Similar characters", SHOWN, default=SHOWN[0], key="count") or SHOWN[0]
    with st.spinner("Looking ..."):
        hits = look(workspace, image, int(count))
    left, right = st.columns([1, 2])
    left.image(drawn(workspace, image, 512), width="stretch", alt="Your picture")
    with right:
        answer = attributes(workspace, hits)
    why(workspace, hits)
    st.subheader("Similar characters")
    items = workspace.items(np.asarray(hits.rows))
    tiles(items, {item.row: f"{hits.similarity[item.row]:.2f}" for item in items})
    with st.expander("JSON"):
        st.code(json.dumps(answer, indent=1, ensure_ascii=False), language="json")


with session.error_boundary():
    main()
