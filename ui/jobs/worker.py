"""``likeness worker``: takes jobs from the line until it is stopped."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time

from schema.settings import Settings
from ui.jobs.line import JobLine, job_line
from ui.jobs.work import Worker

SETTINGS = "LIKENESS_WORKER_SETTINGS"
PARENT = "LIKENESS_WORKER_PARENT"
"""Set by ``likeness serve`` for the worker that it starts: the settings, and the process that it ends with."""
IDLE_SECONDS = 0.5
RECOVER_SECONDS = 10.0
log = logging.getLogger("likeness.jobs")


def run_worker(uri: str, settings: Settings, *, drain: bool = False) -> int:
    """Do the jobs of a store until SIGTERM or Ctrl-C, or with ``drain`` until none is left; return how many.

    The job that runs then stops at its next step and is put back. Jobs whose worker is gone are put back as well.
    """
    given = os.environ.get(SETTINGS)
    if given:
        settings = Settings.model_validate_json(given)
    line = job_line(uri, settings.serve.queue)
    worker = Worker(line, uri, settings)
    parent = int(os.environ.get(PARENT) or 0)
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: worker.stop())
    if parent:
        threading.Thread(target=_end_with, args=(parent, worker), daemon=True).start()
    try:
        return _work(line, worker, drain)
    finally:
        line.close()


def _work(line: JobLine, worker: Worker, drain: bool) -> int:
    done, recovered = 0, -RECOVER_SECONDS
    line.do = worker.do
    while not worker.stopping.is_set():
        try:
            if time.monotonic() - recovered >= RECOVER_SECONDS:
                line.recover()
                recovered = time.monotonic()
            message = line.huey.dequeue()
            if message is not None:
                line.huey.execute(message)
                done += 1
                continue
        except Exception:  # the driver's own; a queue that is away comes back
            log.warning("the queue cannot be reached", exc_info=True)
            worker.stopping.wait(5)
            continue
        if drain:
            break
        worker.stopping.wait(IDLE_SECONDS)
    return done


def _end_with(parent: int, worker: Worker) -> None:
    """Stop the worker when the process that started it is gone, however it went."""
    while os.getppid() == parent:
        if worker.stopping.wait(1.0):
            return
    worker.stop()
