"""The API over the small store of the page: a client without tokens, one with three, pictures to send."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("fastapi", reason="the API is an extra: pip install 'likeness-curation[api]'")
pytest.importorskip("huey", reason="the API is an extra: pip install 'likeness-curation[api]'")

from fastapi.testclient import TestClient

from index.store import Store
from schema.settings import Settings
from ui.api.app import make_app
from ui.api.tokens import read_tokens
from ui.jobs.line import JobLine

TOKENS = {role: f"{role}-{'x' * 20}" for role in ("read", "review", "write")}


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., TestClient]]:
    """Starts the API over a store and returns a client."""
    opened: list[TestClient] = []

    def start(folder: Path, tokens: str = "", given: Settings | None = None, **settings: Any) -> TestClient:
        line = JobLine(str(tmp_path / f"jobs{len(opened)}.sqlite"), str(folder))
        made = given or Settings.model_validate({"serve": settings})
        app = make_app(Store.open(folder), made, line, read_tokens((), tokens))
        client = TestClient(app, base_url="http://localhost", raise_server_exceptions=False)
        client.__enter__()
        opened.append(client)
        return client

    yield start
    for client in opened:
        client.__exit__(None, None, None)


@pytest.fixture
def client(serve: Callable[..., TestClient], ui_store: Path) -> TestClient:
    """A client of the small store, without tokens."""
    return serve(ui_store)


@pytest.fixture
def guarded(serve: Callable[..., TestClient], ui_store: Path, tmp_path: Path) -> TestClient:
    """A client of a service with a token for each role, and a root."""
    (tmp_path / "root").mkdir()
    text = " ".join(f"{role}er:{role}:{secret}" for role, secret in TOKENS.items())
    return serve(ui_store, text, roots=(str(tmp_path / "root"),), max_body=2**20)


@pytest.fixture
def bearer() -> Callable[[str], dict[str, str]]:
    """Returns the headers of a role's token."""
    return lambda role: {"Authorization": f"Bearer {TOKENS[role]}"}


@pytest.fixture
def png(picture: Callable[..., Image.Image]) -> Callable[..., dict[str, Any]]:
    """Returns a picture as the files of a form."""

    def make(seed: int = 0, data: bytes | None = None) -> dict[str, Any]:
        if data is None:
            buffer = io.BytesIO()
            picture(seed, 64, 64).save(buffer, "PNG")
            data = buffer.getvalue()
        return {"image": ("a.png", data, "image/png")}

    return make
