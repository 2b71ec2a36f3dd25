"""Doing one job: its turn on the store, its stages, and what is told of them while they run."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from index.stages.progress import watched
from schema.errors import Cancelled, LikenessError, StoreBusy
from schema.records import Summary
from schema.settings import Settings
from ui import flow
from ui.jobs.line import JobLine, now
from ui.jobs.records import CANCELLED, DONE, FAILED, Job
from ui.terminal.summary import summary_text

TOLD_SECONDS = 1.0
"""How often progress is written, and the wish to stop read."""
WAIT_SECONDS = 0.5
READING = ("export",)
"""Kinds of job that write nothing into the store, and wait for nobody."""
log = logging.getLogger("likeness.jobs")


class Worker:
    """Does the jobs of a line, one at a time. ``stop`` ends the job that runs; it goes on with the next worker."""

    def __init__(self, line: JobLine, uri: str, settings: Settings) -> None:
        self.line = line
        self.uri = uri
        self.settings = settings
        self.stopping = threading.Event()

    def stop(self) -> None:
        """Ask the job that runs, and the worker, to end."""
        self.stopping.set()

    def do(self, job_id: str, attempt: int) -> None:
        """Do one job, unless somebody else has it; whatever goes wrong is written into it."""
        job = self.line.claim(job_id, attempt)
        if job is None:
            return
        self.line.write_log(job.id, f"{job.kind} begins, attempt {job.attempt}")
        with _Reporter(self.line, job, self.stopping) as reporter:
            try:
                done = self._done(job, reporter)
                counts = {summary.stage: dict(summary.counts) for summary in done}
                end: dict[str, Any] = {"state": DONE, "counts": counts}
            except Cancelled:
                end = {"state": CANCELLED}
            except LikenessError as error:
                end = {"state": FAILED, "error": error.message, "hint": error.hint}
            except Exception as error:  # a fault of ours: the job says so, and the worker goes on
                log.exception("job %s failed", job.id)
                end = {"state": FAILED, "error": f"{type(error).__name__}: {error}"[:2000]}
        if end["state"] == CANCELLED and not self.line.is_stopped(job):
            self.line.write_log(job.id, "the worker was stopped; the job goes on when one starts again")
            self.line.put_back(job)
            return
        told = end.get("error") or end["state"]
        self.line.write_log(job.id, *([f"{told}", end["hint"]] if end.get("hint") else [told]))
        self.line.note(job.id, finished=now(), **end)

    def _done(self, job: Job, reporter: _Reporter) -> list[Summary]:
        options = dict(job.options)
        if "sources" in options:
            options["sources"] = tuple(options["sources"])
        if "names" in options:
            options["names"] = tuple(options["names"])

        def told(summary: Summary) -> None:
            self.line.write_log(job.id, summary_text(summary))

        with watched(reporter.watch), self._turn(job, reporter):
            if job.kind == "run":
                return self._when_free(
                    job, reporter, lambda: flow.run_all(self.uri, self.settings, told=told, **options)
                )
            return self._when_free(job, reporter, lambda: self._stage(job.kind, options, told))

    def _stage(self, kind: str, options: dict[str, Any], told: Callable[[Summary], None]) -> list[Summary]:
        from index.store import Store

        stage = flow.stage(kind)
        with Store.open(self.uri, create=stage.opens == "new", write=stage.opens != "read") as store:
            summary = flow.run_stage(kind, store, self.settings, **options)
        told(summary)
        return [summary]

    @contextmanager
    def _turn(self, job: Job, reporter: _Reporter) -> Iterator[None]:
        """Hold the place of the one writer among the jobs of this line."""
        if job.kind in READING:
            yield
            return
        waited = False
        while not self.line.take_turn(job):
            if not waited:
                self.line.write_log(job.id, "waits for another job that writes to this store")
                waited = True
            reporter.check()
            time.sleep(WAIT_SECONDS)
        try:
            yield
        finally:
            self.line.end_turn()

    def _when_free(self, job: Job, reporter: _Reporter, work: Callable[[], list[Summary]]) -> list[Summary]:
        """Do the work when no run that is no job holds the store."""
        waited = False
        while True:
            reporter.check()
            try:
                return work()
            except StoreBusy as error:
                if not waited:
                    self.line.write_log(job.id, f"waits: {error.message}")
                    waited = True
                time.sleep(WAIT_SECONDS)


class _Reporter:
    """Tells the line how far a job is, from a thread of its own, and hears there whether it is to stop."""

    def __init__(self, line: JobLine, job: Job, stopping: threading.Event) -> None:
        self._line = line
        self._job = job
        self._stopping = stopping
        self._told: tuple[str, int, int | None] = ("", 0, None)
        self._stop = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tell, name=f"job {job.id}", daemon=True)

    def __enter__(self) -> _Reporter:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def watch(self, stage: str, done: int, total: int | None) -> None:
        """See index.stages.progress.Watch."""
        self._told = (stage, done, total)
        self.check()

    def check(self) -> None:
        """Raise Cancelled when the job or the worker is to stop."""
        if self._stop.is_set() or self._stopping.is_set():
            raise Cancelled("this job was asked to stop", "Try it again, and it goes on where it was.")

    def _tell(self) -> None:
        while not self._over.wait(TOLD_SECONDS):
            self._once()
        self._once()

    def _once(self) -> None:
        try:
            self._line.tell_progress(self._job.id, *self._told)
            if self._line.is_stopped(self._job):
                self._stop.set()
        except Exception:  # a queue that is away for a moment ends no job
            log.warning("job %s: the queue cannot be reached", self._job.id, exc_info=True)
