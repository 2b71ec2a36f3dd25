"""The whole story with real parts: an S3 server, the service, a worker, Redis; both killed on the way."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from PIL import Image

pytest.importorskip("obstore", reason="pip install 'likeness-curation[objects]'")

from embed.avatars.collection import draw_one
from index.images.objects import Objects

TOKEN = "t" * 24
PICTURES = 60


@pytest.fixture
def environment(object_store: dict[str, str], redis_address: str, root: Path) -> dict[str, str]:
    return {
        **os.environ,
        **object_store,
        "PYTHONPATH": str(root),
        "LIKENESS_TOKENS": f"me:write:{TOKEN}",
        "LIKENESS_SERVE__QUEUE": redis_address,
        "LIKENESS_SERVE__ROOTS": "s3://likeness",
    }


@pytest.fixture
def start(tmp_path: Path, environment: dict[str, str]) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts a command of Likeness beside the test."""
    started: list[subprocess.Popen[bytes]] = []

    def run(*words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "likeness", *words]
        with (tmp_path / f"{words[0]}{len(started)}.log").open("wb") as log:
            started.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.wait()


class Service:
    """The service over HTTP, as another program sees it."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"

    def ask(self, path: str, body: Any = None, key: str = "") -> Any:
        request = urllib.request.Request(f"{self.address}{path}")
        request.add_header("Authorization", f"Bearer {TOKEN}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        if key:
            request.add_header("Idempotency-Key", key)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def wait_up(self) -> None:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{self.address}/healthz", timeout=5).close()
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        pytest.fail("the service did not start")

    def until(self, job: str, reached: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        for _ in range(1500):
            stands: dict[str, Any] = self.ask(f"/v1/jobs/{job}")
            if reached(stands):
                return stands
            time.sleep(0.2)
        pytest.fail(f"{what}: {stands} {self.ask(f'/v1/jobs/{job}/log')}")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_pictures_in_s3_become_a_data_set_in_s3_whatever_is_killed(
    start: Callable[..., subprocess.Popen[bytes]], environment: dict[str, str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for name in (
        "AWS_ENDPOINT",
        "AWS_ALLOW_HTTP",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_REGION",
    ):
        monkeypatch.setenv(name, environment[name])
    bucket = Objects("s3")
    for seed in range(PICTURES):
        pixels, facts = draw_one(seed, 128)
        data = io.BytesIO()
        Image.fromarray(pixels).save(data, "PNG")
        bucket.write(f"likeness/in/{seed:03}.png", data.getvalue())
        bucket.write(f"likeness/in/{seed:03}.txt", ", ".join(facts["tags"]).encode())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    store = str(tmp_path / "store")
    serve = ("serve", "--store", store, "--port", str(port), "--no-worker")
    service = Service(port)
    process, worker = start(*serve), start("worker", "--store", store)
    service.wait_up()
    asked = {"kind": "run", "sources": ["s3://likeness/in"]}
    job = service.ask("/v1/jobs", asked, key="run")["id"]
    for _ in range(2):  # the worker and the service are killed twice while it runs
        service.until(job, lambda stands: stands["state"] == "running" and stands["done"] > 0, "runs")
        os.kill(worker.pid, signal.SIGKILL)
        os.kill(process.pid, signal.SIGKILL)
        worker.wait()
        process.wait()
        process = start(*serve)
        service.wait_up()
        assert service.ask("/v1/jobs", asked, key="run")["id"] == job, "sent again, it is the same job"
        worker = start("worker", "--store", store)
    stands = service.until(job, lambda stands: stands["state"] in ("done", "failed"), "ends")
    assert stands["state"] == "done" and stands["attempt"] >= 2, stands
    items = service.ask("/v1/items?limit=1000&columns=keys,hair_color,group_id")["items"]
    assert sorted(key for item in items for key in item["keys"]) == [
        f"{seed:03}.png" for seed in range(PICTURES)
    ]
    assert service.ask("/v1/items?where=hair_color%20IS%20NOT%20NULL")["total"] > PICTURES // 2
    assert service.ask("/v1/similar?text=a%20girl%20with%20red%20hair&count=5")["items"]
    assert len(service.ask("/v1/similar?id=3&count=7")["items"]) == 7
    out = {"kind": "export", "out": "s3://likeness/out/first", "where": "hair_color IS NOT NULL"}
    export = service.ask("/v1/jobs", out)["id"]
    done = service.until(export, lambda stands: stands["state"] in ("done", "failed"), "exports")
    assert done["state"] == "done", done
    names = [each.path for each in bucket.listed("likeness/out/first")]
    (part,) = [name for name in names if "/part-" in name]
    table = pq.read_table(io.BytesIO(bucket.read(part)))
    assert table.num_rows == done["counts"]["export"]["exported"] > 0
    assert all(uri.startswith("s3://likeness/in/") for uri in table["uri"].to_pylist())
    assert len(service.ask("/v1/jobs")["jobs"]) == 2, "nothing was done twice"
