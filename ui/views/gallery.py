"""The gallery as a Streamlit element: the component, its answers, and one action from preview to log to page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import streamlit as st

from index.reviews.records import AUDIT
from schema.arrays import Rows
from schema.errors import LikenessError, ReviewError
from ui.review import actions, tiles
from ui.review.actions import Action, Preview, Written
from ui.review.tiles import GalleryState, Section, gallery_data
from ui.review.workspace import Workspace
from ui.views import session
from ui.wording import counted, pictures

MOST = 5000
"""Items of one action; the log is locked for some 50 ms while they are written."""
PLACE = "after"
"""The part of the address that says how far the main gallery of a page is turned."""


@dataclass(slots=True)
class View:
    """One gallery on a page: its key, which rows it can show, and what its buttons do.

    ``main``: the gallery that the page is about; keys go to it when the page opens, and how far it is turned stands in
    the address. ``by_row``: its rows ascend, so a page starts after a row and not at a number. ``live`` makes the rows
    anew at each drawing, ``status`` the line of numbers. ``expand`` turns a page of rows into sections. ``size`` is
    the number of rows on a page; 0: as the settings say.
    """

    key: str
    rows: Rows
    attribute: str | None
    actions: Sequence[Mapping[str, Any]] = tiles.LABEL_ACTIONS
    preview: Callable[[Sequence[int], Action], Preview] | None = None
    act: Callable[[Sequence[int], Action, int], Written] | None = None
    empty: str = "Nothing to show."
    size: int = 0
    by_row: bool = True
    main: bool = True
    expand: Callable[[Rows], list[Section]] | None = None
    notes: Mapping[int, str] = field(default_factory=dict)
    audit: bool = False
    live: Callable[[], Rows] | None = None
    status: Callable[[], str] | None = None
    suggested: Mapping[int, str] = field(default_factory=dict)


def show(view: View) -> None:
    """Show one page of a gallery with its pager; only this part of the page is drawn again when it changes."""
    _fragment(view)


@st.fragment
def _fragment(view: View) -> None:
    with session.error_boundary():
        _draw(view)


def _draw(view: View) -> None:
    workspace = session.workspace()
    view.size = view.size or workspace.settings.review.page_items
    if view.live is not None:
        view.rows = view.live()
    first = first_of(view)
    rows = view.rows[first : first + view.size]
    sections = view.expand(rows) if view.expand else None
    if sections is not None:
        rows = np.array([row for section in sections for row in section.rows], np.int64)
    page = f"{view.key}:{view.attribute}:{'live' if view.live else len(view.rows)}:{place_of(view)}"
    attribute = workspace.attribute(view.attribute) if view.attribute else None
    as_of = workspace.log.position()
    more, less = first + view.size < len(view.rows), first > 0
    state = GalleryState(
        page=page,
        as_of=as_of,
        attribute=attribute,
        actions=view.actions,
        sections=sections,
        notes=view.notes,
        locked=session.locked(),
        can_undo=bool(own_batches()),
        alert=_news(view, page, rows, as_of),
        preview=_preview(view, page),
        acted=st.session_state.get(f"{view.key}-acted"),
        status=view.status() if view.status else "",
        empty=view.empty,
        more=more,
        less=less,
        owns_keys=view.main,
    )
    items = workspace.items(rows, None if attribute is None else [attribute.name])
    script = session.static("chooser.js") + session.static("gallery.js")
    session.component("gallery", session.static("gallery.css"), script)(
        key=view.key,
        data=gallery_data(items, session.picture_urls(rows, view.key), state),
        on_act_change=lambda: _act(view),
        on_turn_change=lambda: _turn(view),
        on_pick_change=lambda: None,
    )
    pager(view, first, more, less)


def pager(view: View, first: int, more: bool, less: bool) -> None:
    """Show where in the rows this page is, and buttons to turn it."""
    total = len(view.rows)
    if total <= view.size and not first:
        return
    left, middle, right = st.columns([1, 3, 1], vertical_alignment="center")
    left.button(
        "Previous", key=f"{view.key}-less", disabled=not less, on_click=_step, args=(view, -1), width="stretch",
        icon=":material/chevron_left:",
    )  # fmt: skip
    last = min(first + view.size, total)
    what = "groups" if view.expand else "pictures"
    middle.markdown(f"{what} {first + 1:,} to {last:,} of {total:,}", text_alignment="center")
    right.button(
        "Next", key=f"{view.key}-more", disabled=not more, on_click=_step, args=(view, 1), width="stretch",
        icon=":material/chevron_right:", icon_position="right",
    )  # fmt: skip


# ---- how far a gallery is turned


def place_of(view: View) -> int:
    """Return what the page starts after: a row, or where rows have an order of their own a count; -1: nothing."""
    text = st.query_params.get(PLACE, "") if view.main else str(st.session_state.get(f"{view.key}-place", ""))
    return int(text) if text.isdigit() and len(text) < 12 else -1


def first_of(view: View) -> int:
    """Return the index of the first row of the page: after a row, so that what changes above it shifts nothing."""
    place = place_of(view)
    if place < 0 or not len(view.rows):
        return 0
    first = int(np.searchsorted(view.rows, place, side="right")) if view.by_row else place
    # The last page stays a page when items leave the list.
    return first if first < len(view.rows) else max(0, (len(view.rows) - 1) // view.size * view.size)


def _step(view: View, by: int) -> None:
    first = first_of(view) + by * view.size
    if first >= len(view.rows):
        return
    place = max(0, first) and (int(view.rows[first - 1]) if view.by_row else first)
    if not view.main:
        st.session_state[f"{view.key}-place"] = place if first > 0 else ""
    elif first > 0:
        st.query_params[PLACE] = str(place)
    else:
        session.first_page()


def _turn(view: View) -> None:
    by = component_state(view.key).get("turn")
    if by in (1, -1):
        _step(view, int(by))


# ---- what the browser says


def component_state(key: str) -> Any:
    """Return what a component has sent; nothing of it is trusted."""
    return st.session_state.get(key) or {}


def own_batches() -> list[str]:
    """Return the batches that this session wrote, which it can undo."""
    found: list[str] = st.session_state.setdefault("batches", [])
    return found


def _preview(view: View, page: str) -> dict[str, Any] | None:
    pick = component_state(view.key).get("pick")
    if not isinstance(pick, dict) or pick.get("page") != page:
        return None
    action = actions.parse_action(pick.get("armed"))
    if action is None:
        return None
    try:
        rows = rows_of(pick)
        if not rows:
            return None
        found = (view.preview or label_preview(view))(rows, action)
    except LikenessError as error:
        found = Preview(f"{error.message}. {error.hint}" if error.hint else error.message, valid=False)
    return {"question": pick.get("question"), "text": found.text, "valid": found.valid}


def rows_of(said: Mapping[str, Any]) -> list[int]:
    """Return the rows that the browser named; it is not trusted to name numbers."""
    rows = said.get("rows")
    named = [int(r) for r in rows if is_number(r)] if isinstance(rows, list) else []
    if len(named) > MOST:
        raise ReviewError(
            f"{len(named):,} pictures are more than one action may change", f"Select at most {MOST:,}."
        )
    return named


def is_number(value: Any) -> bool:
    """Tell whether a value from the browser is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _act(view: View) -> None:
    said = component_state(view.key).get("act")
    if isinstance(said, dict):
        record_action(view.key, said, view.act or label_act(view))


def record_action(
    key: str, said: Mapping[str, Any], act: Callable[[Sequence[int], Action, int], Written]
) -> None:
    """Do what the browser asked for, and keep what came of it under the component's key.

    It is said again with every drawing: a drawing that the next one overtakes never reaches the browser, which knows
    by the number of its action whether it has heard of it.
    """
    message = alert = ""
    try:
        reason = session.locked()
        if reason:
            raise ReviewError(reason)
        if said.get("id") == "undo":
            undone = actions.undo_last(session.workspace(), session.reviewer(), own_batches())
            message = undone.text if undone else "there is nothing of yours to undo"
        else:
            action, rows = actions.parse_action(str(said.get("id"))), rows_of(said)
            if action is None or not rows:
                raise ReviewError("nothing was chosen", "Select pictures and a value, and apply again.")
            as_of = said.get("asOf")
            done = act(rows, action, int(as_of) if is_number(as_of) and as_of is not None else 0)
            own_batches().append(done.batch)
            message = f"{done.text} · u takes it back"
    except LikenessError as error:
        alert = f"{error.message}. {error.hint}" if error.hint else error.message
    st.session_state[f"{key}-acted"] = {
        "number": said.get("number"), "done": not alert, "message": message, "alert": alert
    }  # fmt: skip


def _news(view: View, page: str, rows: Rows, position: int) -> str:
    """Return what others decided about the items of this page since it was first drawn, or since the state that the
    reviewer's last choice was made on; empty when nothing."""
    name = f"{view.key}-drawn"
    before = st.session_state.get(name)
    if before is None or before[0] != page:
        st.session_state[name] = (page, position, rows)
        return ""
    messages = [component_state(view.key).get(kind) for kind in ("pick", "act")]
    known = [
        int(message["asOf"])
        for message in messages
        if isinstance(message, dict) and message.get("page") == page and is_number(message.get("asOf"))
    ]
    heard = min(position, max([before[1], *known]))
    seen = np.union1d(rows, before[2])
    st.session_state[name] = (page, heard, seen)
    if heard >= position:
        return ""
    mine = set(own_batches())
    others: dict[int, str] = {}
    for review in session.workspace().log.changes(heard):
        fits = review.kind != "label" or view.attribute is None or review.attribute == view.attribute
        if review.batch not in mine and review.other not in mine and fits and review.row in seen:
            others[review.row] = review.reviewer
    if not others:
        return ""
    some = counted(len(others), "picture here was|pictures here were")
    return f"{some} just decided by {', '.join(sorted(set(others.values())))}; the page shows the new state."


# ---- labels


def label_preview(view: View) -> Callable[[Sequence[int], Action], Preview]:
    """Return the preview of label buttons."""

    def preview(rows: Sequence[int], action: Action) -> Preview:
        workspace = session.workspace()
        attribute = workspace.attribute(str(view.attribute))
        return actions.preview(workspace, rows, attribute, action, view.suggested)

    return preview


def label_act(view: View) -> Callable[[Sequence[int], Action, int], Written]:
    """Return what label buttons do."""

    def act(rows: Sequence[int], action: Action, as_of: int) -> Written:
        return write_labels(session.workspace(), rows, str(view.attribute), action, as_of, view)

    return act


def write_labels(
    workspace: Workspace,
    rows: Sequence[int],
    name: str,
    action: Action,
    as_of: int,
    view: View | None = None,
) -> Written:
    """Write the decisions of one action on one attribute, and say how many labels of other items changed with it."""
    attribute = workspace.attribute(name)
    items = workspace.items(rows, [name])
    suggested = view.suggested if view else {}
    made = actions.label_decisions(items, attribute, action, suggested)
    if view is not None and view.audit:
        made = [replace(decision, queue=AUDIT) for decision in made]
    own = set(rows)
    before = {row: label.values for row, label in workspace.revoted(name).items()}
    text = actions.outcome(len({d.row for d in made}), attribute, action)
    done = actions.write(workspace, made, session.reviewer(), as_of, text)
    after = workspace.revoted(name)
    follow = sum(before.get(row) != label.values for row, label in after.items() if row not in own)
    others = counted(follow, "other label changed|other labels changed")
    return replace(done, text=f"{done.text}; {others}") if follow else done


def pictures_status(count: int) -> str:
    """Return the line of numbers of a list: '412 pictures left'."""
    return f"{pictures(count)} left"
