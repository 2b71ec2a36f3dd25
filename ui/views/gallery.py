"""The gallery as a Streamlit element: the component, its answers, and one press from preview to log to page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import streamlit as st

from schema.arrays import Rows
from schema.errors import LikenessError, ReviewError
from ui.review import actions, tiles
from ui.review.audits import AUDIT
from ui.review.items import Item
from ui.review.workspace import Workspace
from ui.views.session import PAGE_ITEMS, can_write, picture_urls, reviewer, show_error, static, workspace

MOST = 5000
"""Items of one press; the log is locked for some 50 ms while they are written."""
Preview = Callable[[Sequence[int], tiles.Press], str]
Act = Callable[[Sequence[int], tiles.Press, int], actions.Written]


@dataclass(frozen=True, slots=True)
class Section:
    """Tiles under one heading."""

    title: str
    note: str
    rows: Rows
    hidden: Rows = field(default_factory=lambda: np.empty(0, np.int64))
    """Members that are not shown: 'select all of it' means them too."""


@dataclass(slots=True)
class View:
    """One gallery on a page: its key, which rows it can show, and what its buttons do."""

    key: str
    rows: Rows
    attribute: str | None
    actions: Sequence[dict[str, Any]] = tiles.LABEL_ACTIONS
    preview: Preview | None = None
    act: Act | None = None
    empty: str = "Nothing to show."
    size: int = PAGE_ITEMS
    by_row: bool = True
    expand: Callable[[Rows], list[Section]] | None = None
    notes: dict[int, str] = field(default_factory=dict)
    audit: bool = False
    live: Callable[[], Rows] | None = None
    suggested: dict[int, str] = field(default_factory=dict)

    @property
    def token(self) -> str:
        """What tells this list from others under the same key; a live one stays itself while items leave it."""
        return f"{self.key}:{self.attribute}:{'live' if self.live else len(self.rows)}"


def show(view: View) -> None:
    """Show one page of a gallery with its pager; only this part of the page is drawn again when it changes."""
    _fragment(view)


@st.fragment
def _fragment(view: View) -> None:
    here = workspace()
    if view.live is not None:
        view.rows = view.live()
    first = _first(view)
    rows = view.rows[first : first + view.size]
    sections = view.expand(rows) if view.expand else None
    if sections is not None:
        rows = np.concatenate([np.empty(0, np.int64), *(s.rows for s in sections)])
    more, less = first + view.size < len(view.rows), first > 0
    page = f"{view.token}:{first if view.live or not len(rows) else int(rows[0])}"
    as_of = here.log.position()
    alert = _news(view, page, rows, as_of)
    attribute = here.attribute(view.attribute) if view.attribute else None
    try:
        items = here.items(rows, None if attribute is None else [attribute.name])
        pictures = picture_urls(rows, view.key)
    except LikenessError as error:
        show_error(error)
        return
    data = tiles.gallery_data(
        items,
        pictures,
        attribute,
        frequent=here.frequent(attribute) if attribute else (),
        page=page,
        as_of=as_of,
        readonly=not can_write(),
        can_undo=bool(_batches()),
        alert=alert,
        preview=_preview(view, page),
        sections=None
        if sections is None
        else [
            {
                "id": str(n),
                "title": s.title,
                "note": s.note,
                "items": s.rows.tolist(),
                "hidden": s.hidden.tolist(),
            }
            for n, s in enumerate(sections)
        ],
        actions=view.actions,
        more=more,
        less=less,
        empty=view.empty,
    )
    for each in data["items"]:
        each["badge"] = view.notes.get(each["row"], each["badge"])
    # Said again with every drawing: a drawing that the next one overtakes never reaches the browser, which knows by the
    # number of its press whether it has heard of it.
    data["acted"] = st.session_state.get(f"{view.key}-acted")
    result = component()(
        key=view.key,
        data=data,
        on_act_change=lambda: _act(view),
        on_turn_change=lambda: _turn(view),
        on_open_change=lambda: None,
        on_pick_change=lambda: None,
    )
    pager(view, first, more, less)
    opened = getattr(result, "open", None)
    if opened is not None:
        open_item(int(opened))


def component() -> Any:
    """Return the gallery component, registered once per process."""
    return _component()


@st.cache_resource(show_spinner=False)
def _component() -> Any:
    return st.components.v2.component("likeness_gallery", css=static("gallery.css"), js=static("gallery.js"))


def open_item(row: int) -> None:
    """Go to the page of one item."""
    st.session_state["item"] = row
    st.switch_page("item_view.py")


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
    middle.markdown(
        f"<div style='text-align:center'>{first + 1:,} to {last:,} of {total:,}</div>", unsafe_allow_html=True
    )
    right.button(
        "Next", key=f"{view.key}-more", disabled=not more, on_click=_step, args=(view, 1), width="stretch",
        icon=":material/chevron_right:", icon_position="right",
    )  # fmt: skip


def _first(view: View) -> int:
    """Return where the page starts: after the last row of the page before, so that changes above shift nothing."""
    stack = _stack(view)
    if not stack:
        return 0
    if not view.by_row:
        return min(stack[-1], max(0, len(view.rows) - 1))
    return int(np.searchsorted(view.rows, stack[-1], side="right"))


def _stack(view: View) -> list[int]:
    stacks: dict[str, list[int]] = st.session_state.setdefault("pages", {})
    return stacks.setdefault(view.token, [])


def _step(view: View, by: int) -> None:
    stack, first = _stack(view), _first(view)
    if by < 0:
        if stack:
            stack.pop()
    elif first + view.size < len(view.rows):
        stack.append(int(view.rows[first + view.size - 1]) if view.by_row else first + view.size)


def _turn(view: View) -> None:
    by = _state(view).get("turn")
    if by in (1, -1):
        _step(view, int(by))


def _state(view: View) -> Any:
    return st.session_state.get(view.key) or {}


def _batches() -> list[str]:
    found: list[str] = st.session_state.setdefault("batches", [])
    return found


def _preview(view: View, page: str) -> dict[str, Any] | None:
    pick = _state(view).get("pick") or {}
    armed = pick.get("armed")
    press = tiles.press_of(armed)
    if press is None or pick.get("page") != page:
        return None
    rows: list[int] = []
    try:
        rows = _rows(pick)
        if not rows:
            return None
        text = (view.preview or label_preview(view))(rows, press)
    except LikenessError as error:
        text = error.message
    return {"question": pick.get("question"), "text": text}


def _rows(told: dict[str, Any]) -> list[int]:
    """Return the rows that the browser named; it is not trusted to name numbers."""
    rows = told.get("rows")
    named = [int(r) for r in rows if isinstance(r, int | float)] if isinstance(rows, list) else []
    if len(named) > MOST:
        raise ReviewError(
            f"{len(named):,} items are more than one press may change", f"Select at most {MOST:,}."
        )
    return named


def _act(view: View) -> None:
    told = _state(view).get("act")
    if not isinstance(told, dict) or not can_write():
        return
    here = workspace()
    message = alert = ""
    try:
        if told.get("id") == "undo":
            done = actions.undo_last(here, reviewer(), _batches())
            message = done.text if done else "there is nothing of yours to undo"
        else:
            press = tiles.press_of(str(told.get("id")))
            rows = _rows(told)
            if press is None or not rows:
                raise ReviewError("nothing was chosen", "Select items and a value, and apply again.")
            as_of = told.get("asOf")
            done = (view.act or label_act(view))(rows, press, int(as_of) if isinstance(as_of, int) else 0)
            _batches().append(done.batch)
            message = f"{done.text} · u takes it back"
    except LikenessError as error:
        alert = f"{error.message}. {error.hint}" if error.hint else error.message
    acted = {"number": told.get("number"), "done": not alert, "message": message, "alert": alert}
    st.session_state[f"{view.key}-acted"] = acted


def _news(view: View, page: str, rows: Rows, position: int) -> str:
    """Return what others decided about the items of this page since it was first drawn, or since the state that the
    reviewer's last choice was made on; empty when nothing."""
    name = f"{view.key}-drawn"
    before = st.session_state.get(name)
    if before is None or before[0] != page:
        st.session_state[name] = (page, position, rows)
        return ""
    told = [_state(view).get(kind) for kind in ("pick", "act")]
    known = [
        int(t["asOf"])
        for t in told
        if isinstance(t, dict) and t.get("page") == page and _is_number(t.get("asOf"))
    ]
    heard = min(position, max([before[1], *known]))
    seen = np.union1d(rows, before[2])
    st.session_state[name] = (page, heard, seen)
    if heard >= position:
        return ""
    mine = set(_batches())
    others: dict[int, str] = {}
    log = workspace().log.changes(heard)
    for review in log:
        fits = review.kind != "label" or view.attribute is None or review.attribute == view.attribute
        if review.batch not in mine and review.other not in mine and fits and review.row in seen:
            others[review.row] = review.reviewer
    if not others:
        return ""
    count = len(others)
    items = "1 item here was" if count == 1 else f"{count} items here were"
    return f"{items} just decided by {', '.join(sorted(set(others.values())))}; the page shows the new state."


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def label_preview(view: View) -> Preview:
    """Return the preview of label buttons."""

    def preview(rows: Sequence[int], press: tiles.Press) -> str:
        here: Workspace = workspace()
        return actions.preview_text(
            here, rows, here.attribute(str(view.attribute)), press.action, press.value, view.suggested
        )

    return preview


def label_act(view: View) -> Act:
    """Return what label buttons do."""

    def act(rows: Sequence[int], press: tiles.Press, as_of: int) -> actions.Written:
        here: Workspace = workspace()
        attribute = here.attribute(str(view.attribute))
        items: list[Item] = here.items(rows, [attribute.name])
        made = actions.label_decisions(items, attribute, press.action, press.value, view.suggested)
        if view.audit:
            made = [replace(d, seen=f"{AUDIT}{d.seen}") for d in made]
        what = {
            "set": f"now {press.value}",
            "take": "now as suggested",
            "remove": f"without {press.value}",
            "unknown": "now unknown",
            "accept": "confirmed",
            "reject": "marked wrong",
            "several": "flagged as several characters",
            "one": "no longer flagged",
        }.get(press.action, press.action)
        before = {row: label.values for row, label in here.revoted(attribute.name).items()}
        done = actions.write(here, made, reviewer(), as_of, what)
        after = here.revoted(attribute.name)
        follow = sum(before.get(row) != label.values for row, label in after.items() if row not in rows)
        return replace(done, text=f"{done.text}, {follow} more follow") if follow else done

    return act
