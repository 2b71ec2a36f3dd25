"""Runs `likeness` commands in forked children, so that many runs and kills pay for one start of Python.

One JSON request per line on stdin, one JSON answer per line on stdout. A request names the command's ``args`` and
may ask to ``kill`` the child after so many seconds, to kill it around its n-th write (``at_write``), to limit the
``file_size`` it may write, to remove or change a source file (``disturb``) once something is committed, or to run in
an ``env``. Children keep chunks small, so that a small collection takes many commits.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

warnings.filterwarnings("ignore", message="lancedb fork support")


def load() -> None:
    """Import what the stages import; nothing here may start threads that a child would miss."""
    import cv2  # noqa: F401
    import faiss  # noqa: F401
    import hdbscan  # noqa: F401
    import lancedb.index  # noqa: F401
    import sklearn.linear_model  # noqa: F401

    import index.stages.rowwise
    import ui.main
    import ui.terminal.quality
    import ui.terminal.summary  # noqa: F401
    from ui.flow import STAGES

    for stage in STAGES:
        stage.load()
    index.stages.rowwise.CHUNK_ROWS = 4


def kill_at_write(number: int, before: bool) -> None:
    """Kill this process right before or after its n-th change of a table, counted from 0."""
    from index.store import Store

    count = [0]

    def wrap(method: Any) -> Any:
        def counted(self: Store, *args: Any) -> Any:
            mine = count[0] == number
            count[0] += 1
            if mine and before:
                os.kill(os.getpid(), signal.SIGKILL)
            result = method(self, *args)
            if mine:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return counted

    for name in ("append", "replace", "delete", "compact", "index_column"):
        setattr(Store, name, wrap(getattr(Store, name)))


def disturb(path: str, contents: str | None) -> None:
    """Change or remove a source file when ingest has written its first commit."""
    from index.store import Store

    append = Store.append

    def then(self: Store, table: str, *args: Any) -> None:
        append(self, table, *args)
        if table == "ingests" and os.path.exists(path):
            if contents is None:
                os.unlink(path)
            else:
                Path(path).write_bytes(Path(contents).read_bytes())

    Store.append = then  # type: ignore[method-assign]


def child(request: dict[str, Any], out: int, err: int) -> None:
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.environ.update(request.get("env", {}))
    if request.get("file_size"):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["file_size"], request["file_size"]))
    if "at_write" in request:
        kill_at_write(request["at_write"], request.get("before", False))
    if "disturb" in request:
        disturb(request["disturb"], request.get("contents"))
    from ui.main import cli

    code = 0
    try:
        cli(args=request["args"], prog_name="likeness")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 70
    with contextlib.suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def answer(request: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.monotonic()
        pid = os.fork()
        if pid == 0:
            try:
                child(request, out.fileno(), err.fileno())
            finally:
                os._exit(71)
        end = started + request["kill"] if request.get("kill") is not None else None
        while True:
            done, status = os.waitpid(pid, 0 if end is None else os.WNOHANG)
            if done:
                break
            if time.monotonic() >= end:
                os.kill(pid, signal.SIGKILL)
                end = None
            time.sleep(0.002)
        found: dict[str, Any] = {
            "seconds": time.monotonic() - started,
            "killed": os.WIFSIGNALED(status),
            "code": os.waitstatus_to_exitcode(status),
        }
        for name, file in (("out", out), ("err", err)):
            file.seek(0)
            found[name] = file.read().decode("utf-8", "replace")
        return found


def main() -> None:
    load()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
