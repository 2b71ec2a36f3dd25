"""Fetching from a hub fails at once where there is no network, and says so once."""

from __future__ import annotations

import logging
import socket
from typing import Any

import pytest
from huggingface_hub import constants

from embed.encoders import hub
from embed.encoders.checkpoints import Checkpoint
from embed.encoders.open_clip import load_model, pick_device
from schema.errors import DownloadError


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Every connection is refused; returns where to."""
    asked: list[tuple[str, int]] = []

    def refuse(address: tuple[str, int], *_: Any, **__: Any) -> socket.socket:
        asked.append(address)
        raise OSError("no network")

    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "https://hub.example")
    return asked


def test_an_unreachable_hub_is_asked_once(no_network: list[tuple[str, int]]) -> None:
    with hub.fetching():
        assert constants.HF_HUB_OFFLINE
        assert not logging.getLogger("huggingface_hub").isEnabledFor(logging.WARNING)
    assert not constants.HF_HUB_OFFLINE
    assert logging.getLogger("huggingface_hub").isEnabledFor(logging.ERROR)
    assert no_network == [("hub.example", 443)]


def test_a_proxy_is_believed(no_network: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    with hub.fetching():
        assert not constants.HF_HUB_OFFLINE
    assert not no_network


def test_a_missing_model_is_one_error(
    no_network: list[tuple[str, int]], caplog: pytest.LogCaptureFixture
) -> None:
    wanted = Checkpoint("tag", "ViT-B-16-SigLIP2", "ViT-B-16-SigLIP2", "webli")
    with pytest.raises(DownloadError, match="could not be fetched") as caught:
        load_model(wanted, pick_device("cpu"))
    assert "local checkpoint file" in caught.value.hint
    assert len(no_network) == 1
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
