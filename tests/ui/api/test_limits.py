"""What is refused before it is read: large bodies, bombs, paths outside the roots, foreign names and addresses."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from schema.errors import InputError, SettingsError
from ui.jobs.roots import below_roots, check_roots


def bomb(width: int = 60_000, height: int = 60_000) -> bytes:
    """A PNG of some KB that claims to be of 3.6 thousand million pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(2**20), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("path", ["/v1/similar", "/v1/duplicates", "/v1/label"])
def test_bombs_and_what_is_no_picture_are_refused_in_a_sentence(
    client: TestClient, png: Callable[..., dict[str, Any]], path: str
) -> None:
    tracemalloc.start()
    for data, words in (
        (bomb(), "pixels"),
        (b"hello", "picture"),
        (b"", "empty"),
        (png(1)["image"][1][:90], "picture"),
    ):
        answer = client.post(path, files=png(data=data))
        assert answer.status_code == 422 and words in answer.json()["detail"], answer.text
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50 * 2**20
    huge = io.BytesIO()
    Image.new("1", (9000, 9000)).save(huge, "PNG")
    assert "pixels" in client.post(path, files=png(data=huge.getvalue())).json()["detail"]


def test_a_body_that_is_too_large_is_refused_unread(
    guarded: TestClient, bearer: Callable[[str], dict[str, str]], png: Callable[..., dict[str, Any]]
) -> None:
    headers = bearer("read")
    answer = guarded.post("/v1/label", headers=headers, files=png(data=bytes(2**20 + 1)))
    assert answer.status_code == 413 and "at most 1 MB" in answer.json()["detail"]
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(64):
            sent += 2**18
            yield bytes(2**18)

    chunked = {**headers, "Content-Type": "multipart/form-data; boundary=x"}
    answer = guarded.post("/v1/label", headers=chunked, content=endless())
    assert answer.status_code == 413
    wrong = guarded.post("/v1/label", headers={**headers, "Content-Length": "many"}, content=b"x")
    assert wrong.status_code == 400


def test_without_tokens_the_service_is_called_by_no_foreign_name(
    client: TestClient, guarded: TestClient
) -> None:
    answer = client.get("/v1/items", headers={"Host": "attacker.example"})
    assert answer.status_code == 421 and "attacker.example" in answer.json()["detail"]
    assert client.get("/healthz", headers={"Host": "127.0.0.1:8600"}).status_code == 200
    assert client.get("/healthz", headers={"Host": "[::1]:8600"}).status_code == 200
    assert guarded.get("/healthz", headers={"Host": "likeness.example"}).status_code == 200


@pytest.mark.parametrize(
    "place",
    [
        "../outside", "/etc", "/etc/passwd", "a/../../outside", ".", "", "http://169.254.169.254/latest", "https://x/y",
        "file:///etc/passwd", "s3://other/x", "s3://bucket/prefix/../secret", "s3://bucket/prefix%2f..%2f..", "s3://bucket/prefixed/x",
        "a\nb", "link/secret",
    ],
)  # fmt: skip
def test_no_job_names_a_place_outside_the_roots(
    guarded: TestClient, bearer: Callable[[str], dict[str, str]], place: str, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    (root / "link").symlink_to(tmp_path)
    for job in (
        {"kind": "ingest", "sources": [place]},
        {"kind": "export", "out": place},
        {"kind": "run", "sources": [place]},
    ):
        answer = guarded.post("/v1/jobs", headers=bearer("write"), json=job)
        assert answer.status_code == 422, (job, answer.text)
        assert answer.json()["detail"]
    with pytest.raises(InputError):
        below_roots(place, [str(root), "s3://bucket/prefix"])
    assert guarded.get("/v1/jobs", headers=bearer("read")).json() == {"jobs": []}


def test_places_below_the_roots_are_taken(tmp_path: Path) -> None:
    (tmp_path / "root" / "a").mkdir(parents=True)
    roots = [str(tmp_path / "root"), "s3://bucket/prefix/"]
    assert below_roots("a", roots) == str(tmp_path / "root" / "a")
    assert below_roots(str(tmp_path / "root" / "new"), roots) == str(tmp_path / "root" / "new")
    assert below_roots("s3://bucket/prefix/x", roots) == "s3://bucket/prefix/x"
    check_roots(roots)
    for root in ("relative", "/", "https://example.org/x", "s3://"):
        with pytest.raises(SettingsError):
            check_roots([root])


def test_what_does_not_exist_is_a_problem_too(client: TestClient) -> None:
    for answer in (client.get("/v2"), client.get("/v1/items/../../etc/passwd"), client.put("/v1/items")):
        assert answer.status_code in (404, 405)
        assert answer.headers["content-type"] == "application/problem+json"
