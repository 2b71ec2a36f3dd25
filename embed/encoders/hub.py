"""Weights from a hub, or a failure at once: without a network the hub's client tries for minutes and logs all of it."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

SECONDS = 4.0
"""A hub that takes longer to answer a connection is taken for unreachable; what the cache holds is used then."""


@contextmanager
def fetching() -> Iterator[None]:
    """Let what runs inside fetch weights; where the hub cannot be reached, only the local cache is looked at.

    The libraries' own warnings are held back: the error that the caller makes of it says all.
    """
    from huggingface_hub import constants

    offline = constants.HF_HUB_OFFLINE
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    if not offline and not _reachable(constants.ENDPOINT):
        constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = offline
        logging.disable(before)


def _reachable(endpoint: str) -> bool:
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return True  # the proxy knows
    address = urlsplit(endpoint)
    port = address.port or (80 if address.scheme == "http" else 443)
    try:
        socket.create_connection((address.hostname or "", port), timeout=SECONDS).close()
    except OSError:
        return False
    return True
