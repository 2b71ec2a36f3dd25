"""The page as ``likeness review`` starts it: over HTTP, without a browser."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from schema.errors import SettingsError
from schema.settings import Settings
from ui.serve import serve

pytestmark = pytest.mark.timeout(600)

WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def served(ui_store: Path, root: Path, tmp_path: Path) -> Iterator[Callable[..., int]]:
    """Starts the page with a password and returns its port."""
    started: list[subprocess.Popen[bytes]] = []

    def start(password: str) -> int:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = int(free.getsockname()[1])
        words = [sys.executable, "-m", "ui.main", "review", "--store", str(ui_store), "--port", str(port)]
        environment = os.environ | {"LIKENESS_REVIEW_PASSWORD": password}
        with (tmp_path / "page.log").open("wb") as log:
            started.append(subprocess.Popen(words, cwd=root, env=environment, stdout=log, stderr=log))
        until = time.monotonic() + 240
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return port
            assert started[-1].poll() is None, (tmp_path / "page.log").read_text()
            time.sleep(0.1)
        pytest.fail("the page did not start: " + (tmp_path / "page.log").read_text())

    yield start
    for process in started:
        process.terminate()
        process.wait(30)


def ask(
    port: int, method: str, path: str, body: bytes = b"", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): v for name, v in headers.items()})
        answer = connection.getresponse()
        # A socket that was opened has no end.
        return (
            answer.status,
            {k.lower(): v for k, v in answer.getheaders()},
            b"" if answer.status == 101 else answer.read(),
        )
    finally:
        connection.close()


def test_the_page_opens_by_the_password_and_by_nothing_else(served: Callable[..., int]) -> None:
    port = served("open sesame")
    assert ask(port, "GET", "/_stcore/health")[0] == 200
    for path in ("/", "/search", "/_stcore/host-config", "/static/index.js"):
        status, _, body = ask(port, "GET", path)
        assert status == 401, path
        assert b"Password" in body and b"streamlit" not in body.lower()
    assert ask(port, "PUT", "/_stcore/upload_file/s/f", b"x" * 1000)[0] == 401
    assert ask(port, "GET", "/_stcore/stream", **WEBSOCKET)[0] == 403
    assert ask(port, "POST", "/", urlencode({"password": "wrong"}).encode(), **FORM)[0] == 401
    status, headers, _ = ask(port, "POST", "/search", urlencode({"password": "open sesame"}).encode(), **FORM)
    assert status == 303 and headers["location"] == "./search"
    cookie = headers["set-cookie"].partition(";")[0]
    status, _, body = ask(port, "GET", "/search", Cookie=cookie)
    assert status == 200 and b"<script" in body
    assert ask(port, "GET", "/_stcore/stream", Cookie=cookie, **WEBSOCKET)[0] == 101
    # Who connects is asked of the connection, whatever it says of itself.
    for number in range(4):
        words = urlencode({"password": "guess"}).encode()
        status = ask(port, "POST", "/", words, X_Forwarded_For=f"192.0.2.{number}", **FORM)[0]
    assert status in (401, 429)
    assert ask(port, "POST", "/", words, X_Forwarded_For="192.0.2.99", **FORM)[0] == 429


def test_a_user_header_needs_a_named_proxy(ui_store: Path) -> None:
    settings = Settings.model_validate({"review": {"user_header": "X-User"}})
    with pytest.raises(SettingsError, match="no proxy is named"):
        serve(str(ui_store), settings)
    settings = Settings.model_validate({"review": {"user_header": "X-User", "proxies": ["a b"]}})
    with pytest.raises(SettingsError, match="'a b'"):
        serve(str(ui_store), settings)
