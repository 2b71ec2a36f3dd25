"""Starts the review page: Streamlit in place of this process, for this machine alone unless told otherwise."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from schema.errors import LikenessError, SettingsError
from schema.settings import ReviewSettings, Settings
from ui.gate import networks_of

PASSWORD = "LIKENESS_REVIEW_PASSWORD"  # noqa: S105 - the name of the variable that holds it
PAGE = "LIKENESS_REVIEW_PAGE"
"""The variable that holds 'character' for the public page of one picture; empty for all pages."""
GATED = "LIKENESS_REVIEW_GATED"
"""Set by the server once the gate stands before the page: without it the page shows nothing where a password is set."""

LIGHT = {
    "primaryColor": "#4457c9",
    "backgroundColor": "#ffffff",
    "secondaryBackgroundColor": "#f3f4f8",
    "textColor": "#1c1f2b",
    "borderColor": "#dcdfe8",
}
DARK = {
    "primaryColor": "#8f9dff",
    "backgroundColor": "#12141b",
    "secondaryBackgroundColor": "#1c1f2a",
    "textColor": "#e8eaf2",
    "borderColor": "#333849",
}


def serve(
    uri: str,
    settings: Settings,
    *,
    host: str | None = None,
    port: int | None = None,
    readonly: bool = False,
    page: str | None = None,
) -> None:
    """Serve the pages until Ctrl-C, or with ``page`` 'character' the public one of one picture, for looking alone.

    Raises LikenessError when the port is taken or the address is not ours, SettingsError for a user header without a
    proxy to believe it from.
    """
    address, number = host or settings.review.host, port or settings.review.port
    _check_proxies(settings.review)
    check_free(address, number)
    if not is_loopback(address) and not os.environ.get(PASSWORD) and not page:
        print(
            f"likeness: anyone who reaches {address}:{number} can review; set {PASSWORD} to ask for a password",
            file=sys.stderr,
        )
    shown = "localhost" if is_loopback(address) else address
    print(f"Review page: http://{shown}:{number}  (Ctrl-C ends it)", flush=True)
    sys.stdout.flush()
    # This process becomes the page, so that whoever stops it stops the page and not only its parent.
    words = command(address, number)
    variables = environment(uri, settings, readonly or bool(page), not is_loopback(address))
    os.execve(words[0], words, {**variables, PAGE: page or ""})  # noqa: S606 - a list, without a shell


def command(address: str, port: int) -> list[str]:
    """Return the command line that starts Streamlit: no statistics sent, no file watching, no stack traces shown."""
    options: dict[str, object] = {
        "server.address": address,
        "server.port": port,
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "server.maxUploadSize": 64,
        "server.showEmailPrompt": "false",
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "viewer",
        "client.showErrorDetails": "none",
        "client.showErrorLinks": "false",
        "runner.magicEnabled": "false",
        "theme.baseRadius": "0.5rem",
        "theme.showWidgetBorder": "true",
        "theme.paddingTop": "1rem",
        "theme.baseFontSize": 15,
        "theme.headingFontSizes": '["1.7rem", "1.25rem", "1.1rem"]',
        "theme.headingFontWeights": "[650, 600, 600]",
        "theme.metricValueFontSize": "1.7rem",
        **{f"theme.light.{name}": value for name, value in LIGHT.items()},
        **{f"theme.dark.{name}": value for name, value in DARK.items()},
    }
    app = Path(__file__).with_name("views") / "review_server.py"
    return [sys.executable, "-m", "streamlit", "run", str(app), *(f"--{k}={v}" for k, v in options.items())]


def environment(uri: str, settings: Settings, readonly: bool, shared: bool = False) -> Mapping[str, str]:
    """Return the environment of the page: the store, the settings and the mode travel in variables."""
    local = "://" not in uri
    return {
        **os.environ,
        # The gate has to see who really connects: what a proxy forwards is for it to judge, not for the server below.
        "FORWARDED_ALLOW_IPS": "",
        "LIKENESS_REVIEW_STORE": str(Path(uri).expanduser().resolve()) if local else uri,
        "LIKENESS_REVIEW_SETTINGS": settings.model_dump_json(),
        "LIKENESS_REVIEW_READONLY": "1" if readonly else "",
        "LIKENESS_REVIEW_SHARED": "1" if shared else "",
    }


def is_loopback(address: str) -> bool:
    """Tell whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def _check_proxies(settings: ReviewSettings) -> None:
    networks_of(settings.proxies)
    if settings.user_header and not settings.proxies:
        raise SettingsError(
            "review.user_header is set, and no proxy is named whose header is to be believed",
            "Name its address: --set review.proxies=10.0.0.5, or 127.0.0.1 for a proxy on this machine.",
        )


def check_free(address: str, port: int) -> None:
    """Raise LikenessError where an address is not ours or the port is taken."""
    try:
        found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise LikenessError(
            f"{address!r} is not an address of this machine", "Try --host 127.0.0.1."
        ) from error
    with socket.socket(found[0], socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            raise LikenessError(
                f"port {port} of {address} cannot be used ({error.strerror})", "Choose another with --port."
            ) from error
