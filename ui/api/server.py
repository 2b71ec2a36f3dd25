"""``likeness serve``: the API on one address, with a worker beside it unless told otherwise."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from index.store import Store
from schema.errors import LikenessError
from schema.settings import Settings
from ui.api.app import make_app
from ui.api.tokens import VARIABLE, read_tokens
from ui.jobs.line import job_line
from ui.jobs.roots import check_roots
from ui.jobs.worker import PARENT, SETTINGS
from ui.serve import check_free, is_loopback

CONNECTIONS = 200
"""Connections at once; further ones are answered 503."""


def serve_api(
    uri: str, settings: Settings, *, host: str | None = None, port: int | None = None, worker: bool = True
) -> None:
    """Serve until SIGTERM or Ctrl-C. A store that is not there is made, empty, for jobs to fill.

    Raises LikenessError where others could reach a service without tokens, where the port is taken, and for settings
    that do not hold together.
    """
    address, number = host or settings.serve.host, port or settings.serve.port
    tokens = read_tokens(settings.serve.tokens)
    if not is_loopback(address) and not tokens:
        raise LikenessError(
            f"whoever reaches {address}:{number} could read and write the store: a token is needed",
            f"Make one with: likeness serve --new-token NAME:ROLE, and set {VARIABLE} or serve.tokens.",
        )
    check_roots(settings.serve.roots)
    check_free(address, number)
    line = job_line(uri, settings.serve.queue)
    app = make_app(Store.open(uri), settings, line, tokens, local=is_loopback(address))
    shown = "localhost" if is_loopback(address) else address
    print(
        f"API: http://{shown}:{number}/v1  (http://{shown}:{number}/docs describes it; Ctrl-C ends it)",
        flush=True,
    )
    logging.basicConfig(format="%(asctime)s %(name)s %(levelname)s %(message)s", level=logging.WARNING)
    with _worker(uri, settings) if worker else _nobody():
        uvicorn.run(
            app, host=address, port=number, log_level="warning", access_log=False, server_header=False,
            limit_concurrency=CONNECTIONS, timeout_keep_alive=30, timeout_graceful_shutdown=10, ws="none",
        )  # fmt: skip


@contextmanager
def _worker(uri: str, settings: Settings) -> Iterator[None]:
    """Have a worker beside the service, as a process of its own: a stage would keep every answer waiting."""
    environment = {**os.environ, SETTINGS: settings.model_dump_json(), PARENT: str(os.getpid())}
    environment.pop(VARIABLE, None)
    process = subprocess.Popen(
        [sys.executable, "-m", "likeness", "worker", "--store", uri],
        env=environment,
        stdin=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def _nobody() -> Iterator[None]:
    yield
