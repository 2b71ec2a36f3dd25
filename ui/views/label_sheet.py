"""The labels of one item as a Streamlit element: every attribute is shown, and each can be changed where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from schema.errors import LikenessError
from ui.review import actions, tiles
from ui.review.actions import Action, Preview, Written
from ui.review.items import Item
from ui.review.tiles import LABEL_ACTIONS
from ui.review.workspace import Workspace
from ui.views import gallery, session
from ui.wording import heading

KEY = "sheet"


def show(workspace: Workspace, row: int) -> str:
    """Show the sheet of one item and return the attribute at its cursor."""
    item = workspace.items([row])[0]
    script = session.static("chooser.js") + session.static("sheet.js")
    chosen = _chosen(workspace)
    session.component("sheet", session.static("gallery.css"), script)(
        key=KEY,
        data=_data(workspace, item, chosen),
        on_act_change=_act,
        on_pick_change=lambda: None,
    )
    return chosen


def _chosen(workspace: Workspace) -> str:
    """Return the attribute at the cursor: the one that the browser said last, else that of the address."""
    names = [a.name for a in workspace.attributes]
    pick = gallery.component_state(KEY).get("pick")
    asked = pick.get("attribute") if isinstance(pick, dict) else st.query_params.get("attribute", "")
    return str(asked) if asked in names else "hair_color" if "hair_color" in names else names[0]


def _data(workspace: Workspace, item: Item, chosen: str) -> dict[str, Any]:
    attributes = []
    for attribute in workspace.attributes:
        label = item.labels[attribute.name]
        attributes.append(
            {
                "name": attribute.name,
                "title": heading(attribute),
                "what": label.text,
                "how": tiles.how(label),
                "tone": tiles.tone(label),
                "alt": tiles.description(item, attribute),
                "values": tiles.value_buttons(attribute),
                "words": tiles.words(attribute),
            }
        )
    return {
        "row": item.row,
        "page": f"{KEY}:{item.row}",
        "asOf": workspace.log.position(),
        "chosen": chosen,
        "attributes": attributes,
        "actions": [dict(action) for action in LABEL_ACTIONS],
        "locked": session.locked(),
        "canUndo": bool(gallery.own_batches()),
        "alert": "",
        "preview": _preview(workspace, item),
        "acted": st.session_state.get(f"{KEY}-acted"),
        "ownsKeys": True,
    }


def _named(workspace: Workspace, said: Any) -> str:
    """Return the attribute that the browser named; raises VocabularyError for one that there is not."""
    return workspace.attribute(str(said.get("attribute"))).name


def _preview(workspace: Workspace, item: Item) -> dict[str, Any] | None:
    pick = gallery.component_state(KEY).get("pick")
    action = actions.parse_action(pick.get("armed")) if isinstance(pick, dict) else None
    if action is None or pick.get("page") != f"{KEY}:{item.row}":
        return None
    try:
        attribute = workspace.attribute(_named(workspace, pick))
        found = actions.preview(workspace, [item.row], attribute, action)
    except LikenessError as error:
        found = Preview(error.message, valid=False)
    return {"question": pick.get("question"), "text": found.text, "valid": found.valid}


def _act() -> None:
    said = gallery.component_state(KEY).get("act")
    if not isinstance(said, dict):
        return

    def act(rows: Sequence[int], action: Action, as_of: int) -> Written:
        workspace = session.workspace()
        return gallery.write_labels(workspace, rows, _named(workspace, said), action, as_of)

    gallery.record_action(KEY, said, act)
