"""Lines of jobs in a file and in Redis, whose server is started here."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("huey", reason="jobs are an extra: pip install 'likeness-curation[api]'")

from schema.settings import Settings
from ui.jobs.line import JobLine
from ui.jobs.records import Job
from ui.jobs.work import Worker


@pytest.fixture(scope="session")
def redis_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis server on this machine; the test is skipped where there is none."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no redis-server on this machine (apt-get install redis-server)")
    pytest.importorskip("redis", reason="pip install redis")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("redis")
    process = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""],
        stdout=subprocess.DEVNULL,
    )
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(params=["sqlite", "redis"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where jobs wait: a file, then Redis."""
    if request.param == "redis":
        return str(request.getfixturevalue("redis_address"))
    return str(tmp_path / "jobs.sqlite")


@pytest.fixture
def lines(address: str, tmp_path: Path) -> Iterator[Callable[[], JobLine]]:
    """Opens the line of one store, as often as processes would."""
    opened: list[JobLine] = []

    def make() -> JobLine:
        opened.append(JobLine(address, str(tmp_path / "store")))
        return opened[-1]

    yield make
    for line in opened:
        line.close()


@pytest.fixture
def work() -> Callable[[JobLine, Path], Job]:
    """Does the next message of a line as a worker does, and returns its job."""

    def do(line: JobLine, store: Path) -> Job:
        line.do = Worker(line, str(store), Settings()).do
        message = line.huey.dequeue()
        assert message is not None, "no message waits"
        line.huey.execute(message)
        job = line.find(message.args[0])
        assert job is not None
        return job

    return do
