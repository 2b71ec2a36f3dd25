"""The line of jobs of one store: Huey's queue and its key-value store, in a file of SQLite or in Redis.

The queue only says that there is something to do. What a job is, how far it is and who works on it are JSON records
beside the queue, each with one writer: who asked writes the request and the wish to stop, who works writes the rest. A
message that is lost with its worker is therefore no loss, and one that comes twice does nothing: an attempt is claimed.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from huey.constants import EmptyData
from huey.registry import Message

from schema.errors import DamagedStore, InputError, LikenessError, StoreBusy, StoreError
from schema.ids import content_id
from ui.jobs.alive import lives, worker_name
from ui.jobs.queue import open_queue, without_password
from ui.jobs.records import CANCELLED, FAILED, OVER, QUEUED, RUNNING, Job, read_job

FILE = "jobs.sqlite"
"""The file of jobs in a store's folder: its own, since SQLite locks a whole file to write."""
WRITER = "writer"
KEPT_LINES = 500
MOST_KEPT = 1000
"""Jobs that are over and remembered; the oldest are forgotten."""


class JobLine:
    """The jobs of one store. ``address`` is a path of a SQLite file or redis://HOST:PORT/N; ``store`` names the line.

    ``do`` is called with a job's id and attempt where messages are executed; a process that only asks never does.
    """

    def __init__(self, address: str, store: str) -> None:
        name = f"likeness{content_id(store.encode())[:16]}"
        try:
            self.huey = open_queue(address, name)
            self.huey.storage.queue_size()
        except LikenessError:
            raise
        except Exception as error:  # the driver's own, of which there are many
            raise StoreError(f"the queue {without_password(address)} cannot be used: {error}") from error
        self._data = self.huey.storage
        self.do: Callable[[str, int], None] = _no_work

        def job(job_id: str, attempt: int) -> None:
            self.do(job_id, attempt)

        self._enqueue = self.huey.task(name="job")(job)

    # ---- who asks

    def add(
        self, kind: str, options: Mapping[str, Any], asked_by: str = "", key: str = ""
    ) -> tuple[Job, bool]:
        """Put a job into the line; return it and whether it is new.

        ``key`` is the caller's name for the request: the same key and request give the job that there is already.
        Raises InputError where a key was used for another request.
        """
        asked = {"kind": kind, "options": dict(options)}
        job = Job(uuid.uuid4().hex, kind, dict(options), asked_by, now())
        if key:
            name = f"key:{asked_by}:{key}"
            if not self._data.put_if_empty(name, _bytes({"id": job.id, "asked": asked})):
                known = self._read(name)
                if known is None or known["asked"] != asked:
                    raise InputError(
                        "this Idempotency-Key was used for another request",
                        "Choose a new key for a new request.",
                    )
                # It may have been cut off between the key and the job.
                found = self.find(known["id"])
                if found is not None:
                    return found, False
                job = replace(job, id=known["id"])
        self._write(f"job:{job.id}", {**asked, "asked_by": asked_by, "created": job.created})
        self._enqueue(job.id, 1)
        self._forget_old()
        return job, True

    def find(self, job_id: str) -> Job | None:
        """Return a job as it stands, None where there is none of this id."""
        return read_job(job_id, self._read)

    def all(self) -> list[Job]:
        """Return all jobs that are remembered, newest first."""
        stored = {_text(name): data for name, data in self._data.result_items().items()}

        def read(name: str) -> dict[str, Any] | None:
            return json.loads(bytes(stored[name])) if name in stored else None

        found = [read_job(name[4:], read) for name in stored if name.startswith("job:")]
        return sorted((job for job in found if job), key=lambda job: (job.created, job.id), reverse=True)

    def cancel(self, job_id: str) -> Job:
        """Ask a job to stop: at once where it waits, else when its stage next counts. One that is over stays so."""
        job = self._known(job_id)
        if job.state not in OVER:
            self._write(f"stop:{job_id}", {"attempt": job.attempt})
        return self._known(job_id)

    def retry(self, job_id: str) -> Job:
        """Put a job that failed or was cancelled into the line again; raises InputError for any other."""
        job = self._known(job_id)
        if job.state not in (FAILED, CANCELLED):
            raise InputError(
                f"this job is {job.state}", "Only one that failed or was cancelled is tried again."
            )
        self._again(job)
        return self._known(job_id)

    def log(self, job_id: str) -> list[str]:
        """Return the lines that a job has written, oldest first."""
        self._known(job_id)
        return list((self._read(f"log:{job_id}") or {}).get("lines", ()))

    # ---- who works

    def claim(self, job_id: str, attempt: int) -> Job | None:
        """Return a job to work on, None where nobody should: it is over, stopped, or somebody else has it."""
        job = self.find(job_id)
        if job is None or job.attempt != attempt or job.state != QUEUED:
            return None
        if not self._data.put_if_empty(f"claim:{job_id}:{attempt}", _bytes({"worker": worker_name()})):
            return None
        self.note(job_id, state=RUNNING, attempt=attempt, started=now(), finished=None, error="", hint="")
        return self.find(job_id)

    def note(self, job_id: str, **values: Any) -> None:
        """Write how a job stands; who works on it alone does."""
        stands = self._read(f"state:{job_id}") or {}
        self._write(f"state:{job_id}", {**stands, **values, "worker": worker_name(), "alive": time.time()})

    def tell_progress(self, job_id: str, stage: str, done: int, total: int | None) -> None:
        """Write how far a stage is, which also says that its worker lives."""
        self._write(
            f"progress:{job_id}", {"stage": stage, "done": done, "total": total, "alive": time.time()}
        )

    def write_log(self, job_id: str, *lines: str) -> None:
        """Add lines to the log of a job; the last KEPT_LINES stay."""
        known = (self._read(f"log:{job_id}") or {}).get("lines", [])
        stamped = [f"{now()[:19]}Z {line}" for text in lines for line in text.splitlines()]
        self._write(f"log:{job_id}", {"lines": [*known, *stamped][-KEPT_LINES:]})

    def is_stopped(self, job: Job) -> bool:
        """Tell whether a job was asked to stop."""
        wish = self._read(f"stop:{job.id}")
        return wish is not None and wish.get("attempt") == job.attempt

    def put_back(self, job: Job) -> None:
        """Put a job whose worker ends back into the line."""
        self._again(job)

    def take_turn(self, job: Job) -> bool:
        """Become the one writer of the store; False while another job of this line is it, whose worker lives."""
        mine = {"job": job.id, "worker": worker_name()}
        if self._data.put_if_empty(WRITER, _bytes(mine)):
            return True
        holder = self._read(WRITER) or {}
        other = self.find(holder.get("job", ""))
        if other is None or other.id == job.id or other.state != RUNNING or not self._is_alive(other):
            self._data.pop_data(WRITER)
            return bool(self._data.put_if_empty(WRITER, _bytes(mine)))
        return False

    def end_turn(self) -> None:
        """Let the next job write."""
        self._data.pop_data(WRITER)

    def recover(self) -> list[Job]:
        """Put jobs back into the line whose worker is gone, and messages that are lost; return them."""
        waiting = {(message.args[0], message.args[1]) for message in self._messages()}
        back = []
        for job in reversed(self.all()):
            if job.state == RUNNING and not self._is_alive(job):
                self.write_log(job.id, "the worker is gone; the job goes on with what it had finished")
                self._again(job)
                back.append(job)
            elif job.state == QUEUED and (job.id, job.attempt) not in waiting and not self._is_claimed(job):
                self._enqueue(job.id, job.attempt)
                back.append(job)
            elif job.state == QUEUED and self._is_claimed(job):
                # The worker went between taking the job and saying so.
                claim = self._read(f"claim:{job.id}:{job.attempt}") or {}
                if not lives(claim.get("worker", ""), 0.0):
                    self._again(job)
                    back.append(job)
        return back

    def close(self) -> None:
        """Let go of the file or the connection."""
        close = getattr(self._data, "close", None) or self._data.conn.close
        close()

    # ---- inside

    def _again(self, job: Job) -> None:
        attempt = job.attempt + 1
        self.note(job.id, state=QUEUED, attempt=attempt, finished=None, error="", hint="")
        self._enqueue(job.id, attempt)

    def _is_claimed(self, job: Job) -> bool:
        return self._read(f"claim:{job.id}:{job.attempt}") is not None

    def _is_alive(self, job: Job) -> bool:
        stands = self._read(f"state:{job.id}") or {}
        told = self._read(f"progress:{job.id}") or {}
        return lives(stands.get("worker", ""), max(stands.get("alive", 0.0), told.get("alive", 0.0)))

    def _messages(self) -> Iterator[Message]:
        for data in self._data.enqueued_items():
            yield self.huey.serializer.deserialize(bytes(data))

    def _known(self, job_id: str) -> Job:
        job = self.find(job_id)
        if job is None:
            raise StoreError(f"there is no job {job_id}", "GET /v1/jobs lists them.")
        return job

    def _forget_old(self) -> None:
        over = [job for job in self.all() if job.state in OVER]
        for job in over[MOST_KEPT:]:
            claims = [f"claim:{job.id}:{number}" for number in range(1, job.attempt + 1)]
            parts = [f"{part}:{job.id}" for part in ("job", "state", "progress", "stop", "log")]
            for name in (*parts, *claims):
                self._data.pop_data(name)

    def _read(self, name: str) -> dict[str, Any] | None:
        data = self._data.peek_data(name)
        if data is EmptyData:
            return None
        found: dict[str, Any] = json.loads(bytes(data))
        return found

    def _write(self, name: str, record: Mapping[str, Any]) -> None:
        self._data.put_data(name, _bytes(record))


def job_line(uri: str, queue: str = "") -> JobLine:
    """Return the line of jobs of a store; ``queue`` as in the settings, empty for a file in the store's folder.

    A store that is not there is made, empty, for jobs to fill.
    Raises StoreError for a store behind an address without a queue that is named.
    """
    if not queue and "://" in uri:
        raise StoreError(
            f"the jobs of {uri} have no place",
            "Name one with --set serve.queue=FILE or serve.queue=redis://HOST:PORT/0.",
        )
    place = uri if "://" in uri else str(Path(uri).expanduser().resolve())
    make_store(uri)
    return JobLine(queue or str(Path(place) / FILE), place)


def make_store(uri: str) -> None:
    """Make an empty store where there is none; a service and its worker may both want to at once."""
    from index.store import Store

    for _ in range(20):
        try:
            Store.open(uri).close()
            return
        except StoreError as missing:
            if isinstance(missing, DamagedStore):
                raise
        try:
            Store.open(uri, create=True, write=True).close()
            return
        except StoreBusy:
            time.sleep(0.25)
    Store.open(uri).close()


def _no_work(job_id: str, attempt: int) -> None:
    """Stand for the work in a process that only asks for it."""
    raise NotImplementedError(f"job {job_id}, attempt {attempt}: this process is no worker")


def _bytes(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, default=str).encode()


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name


def now() -> str:
    """Return the present time as ISO 8601 in UTC with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
