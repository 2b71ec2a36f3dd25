"""What all pages share of Streamlit: the workspace, who reviews, pictures by address, text as text, errors in words."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import streamlit as st

from index.store import Store
from schema.arrays import Rows
from schema.errors import LikenessError
from schema.settings import Settings
from ui.review.workspace import Workspace
from ui.serve import GATED, PASSWORD

PAGE_ITEMS = 60


@st.cache_resource(show_spinner="Opening the store ...")
def _open(uri: str, settings: str, readonly: bool) -> Workspace:
    return Workspace(Store.open(uri), Settings.model_validate_json(settings), readonly)


def workspace() -> Workspace:
    """Return the workspace of this process's store; all sessions share it."""
    uri = os.environ.get("LIKENESS_REVIEW_STORE", "")
    if not uri:
        raise LikenessError("no store is named", "Start the page with: likeness review --store DIR")
    settings = os.environ.get("LIKENESS_REVIEW_SETTINGS") or Settings().model_dump_json()
    return _open(uri, settings, bool(os.environ.get("LIKENESS_REVIEW_READONLY")))


def is_gated() -> bool:
    """Tell whether the password, where one is set, was asked for before anything came this far; say so if not."""
    if not os.environ.get(PASSWORD) or os.environ.get(GATED):
        return True
    st.error("This page asks for a password only when it is started by: likeness review")
    return False


def reviewer() -> str:
    """Return the name that decisions are written under: of the proxy's header if one is set, else as typed."""
    header = workspace().settings.review.user_header
    if header:
        return st.context.headers.get(header, "") or ""
    return str(st.session_state.get("reviewer", "")).strip()


def reviewer_box() -> None:
    """Show who reviews, or ask."""
    header = workspace().settings.review.user_header
    if workspace().readonly:
        st.caption("Read only: nothing can be changed here.")
    elif header:
        name = reviewer()
        st.caption(f"Reviewing as {plain(name)}" if name else "The proxy names no user: read only.")
    else:
        if "reviewer" not in st.session_state:
            st.session_state["reviewer"] = default_name()
        st.text_input("Reviewer", key="reviewer", max_chars=80, help="Stands with every decision you take.")


def default_name() -> str:
    """Return the name to start with: the user of this machine; a fresh one where others can reach the page."""
    fresh = f"reviewer-{secrets.token_hex(2)}"
    if os.environ.get("LIKENESS_REVIEW_SHARED"):
        return fresh
    return os.environ.get("USER") or os.environ.get("LOGNAME") or fresh


def can_write() -> bool:
    """Tell whether this visitor can decide."""
    return not workspace().readonly and bool(reviewer())


@contextmanager
def error_boundary() -> Iterator[None]:
    """Show errors made for the user as words; others pass."""
    try:
        yield
    except LikenessError as error:
        show_error(error)


def show_error(error: LikenessError) -> None:
    """Show an error with its hint, as text."""
    st.error(
        plain(error.message) + (f"\n\n{plain(error.hint)}" if error.hint else ""), icon=":material/error:"
    )


_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")


def plain(text: str) -> str:
    """Return text from outside so that Markdown shows it letter by letter: no links, pictures, colours or formulas."""
    return _PUNCTUATION.sub(r"\\\1", " ".join(text.split()))


def picture_urls(rows: Sequence[int] | Rows, place: str) -> Callable[[int], str | None]:
    """Return a function from row to the address of its thumbnail, which the browser keeps."""
    from streamlit.runtime import Runtime

    found = workspace().thumbnails(rows)
    files = Runtime.instance().media_file_mgr
    urls = {row: files.add(data, "image/webp", f"{place}-{n}") for n, (row, data) in enumerate(found.items())}
    return urls.get


def static(name: str) -> str:
    """Return a file of ui/views/static."""
    return (Path(__file__).with_name("static") / name).read_text(encoding="utf-8")


def heading(title: str, about: str) -> None:
    """Show a page's title and what it is for."""
    st.title(title)
    st.caption(about)


def log_bytes(here: Workspace) -> bytes:
    """Return the whole review log as JSON Lines."""
    import json
    from dataclasses import asdict

    return "".join(json.dumps(asdict(r), ensure_ascii=False) + "\n" for r in here.log.scan()).encode()
