"""What all pages share of Streamlit: the workspace, who reviews, pictures by address, text as text, errors in words."""

from __future__ import annotations

import logging
import os
import re
import secrets
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import unquote

import streamlit as st

from index.store import Store
from schema.arrays import Rows
from schema.errors import LikenessError
from schema.settings import Settings
from ui.review.workspace import Workspace
from ui.serve import GATED, PASSWORD

COOKIE = "likeness_reviewer"
"""The browser keeps the reviewer's name under it."""
READ_ONLY = "This page is open for reading only."

_log = logging.getLogger("likeness")


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
    if "reviewer" not in st.session_state:
        st.session_state["reviewer"] = _remembered() or default_name()
    return str(st.session_state["reviewer"]).strip()


def _remembered() -> str:
    """Return the name that this browser reviewed under before."""
    return "".join(c for c in unquote(st.context.cookies.get(COOKIE, "")) if c.isprintable())[:80]


def default_name() -> str:
    """Return the name to start with: the user of this machine; a fresh one where others can reach the page."""
    fresh = f"reviewer-{secrets.token_hex(2)}"
    if os.environ.get("LIKENESS_REVIEW_SHARED"):
        return fresh
    return os.environ.get("USER") or os.environ.get("LOGNAME") or fresh


def locked() -> str:
    """Return why this visitor cannot change anything; empty when nothing is in the way."""
    if workspace().readonly:
        return READ_ONLY
    if reviewer():
        return ""
    if workspace().settings.review.user_header:
        return "The proxy names no user, so nothing can be changed."
    return "Enter your name at the top right to make changes."


def shell() -> None:
    """Draw what every page has: the store's name, the reviewer's, and what keeps places and keys."""
    header = workspace().settings.review.user_header
    name = "read only" if workspace().readonly else reviewer() or ("no user" if header else "")
    uri = workspace().store.uri
    data = {
        "store": PurePath(uri).name or uri,
        "name": name,
        "editable": not workspace().readonly and not header,
        "restart": shlex.join(["likeness", "review", "--store", uri]),
    }
    st.html(f"<style>{static('page.css')}</style>")
    component("shell", static("shell.css"), static("shell.js"))(
        key="shell", data=data, on_name_change=_renamed
    )


def _renamed() -> None:
    given = (st.session_state.get("shell") or {}).get("name")
    if isinstance(given, str):
        st.session_state["reviewer"] = given[:80]


@st.cache_resource(show_spinner=False)
def component(name: str, css: str, js: str) -> Any:
    """Return a component, registered once per process."""
    return st.components.v2.component(f"likeness_{name}", css=css, js=js)


@contextmanager
def error_boundary() -> Iterator[None]:
    """Show errors as words: those made for the user with their hint, any other with its kind, and log it whole."""
    try:
        yield
    except LikenessError as error:
        show_error(error)
    except (
        Exception
    ) as error:  # Streamlit would show a line that says nothing; its own signals are no Exceptions
        _log.exception("an error on the page")
        told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        show_error(
            LikenessError(
                f"Something went wrong on this page ({told}).", "The server's output has the details."
            )
        )


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


def follow_address(**defaults: Any) -> None:
    """Give bound widgets, by key, their default where the address no longer names them: after back, or a link.

    Streamlit takes a value from the address when it is there, but leaves the last one when it is gone. It writes each
    change into the address before the page is drawn again, so what is missing was taken away by the browser.
    """
    for key, default in defaults.items():
        if key in st.session_state and key not in st.query_params:
            st.session_state[key] = default


def first_page() -> None:
    """Forget how far a list was turned: another list starts at its beginning."""
    if "after" in st.query_params:
        del st.query_params["after"]


def log_bytes(workspace: Workspace) -> bytes:
    """Return the whole review log as JSON Lines."""
    import json
    from dataclasses import asdict

    lines = (json.dumps(asdict(r), ensure_ascii=False) + "\n" for r in workspace.log.scan())
    return "".join(lines).encode()
