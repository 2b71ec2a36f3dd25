"""What a job is: what was asked, by whom, and how it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"
STATES = (QUEUED, RUNNING, DONE, FAILED, CANCELLED)
OVER = (DONE, FAILED, CANCELLED)


@dataclass(frozen=True, slots=True)
class Job:
    """One job: what was asked, by whom, and how it stands.

    ``options`` are those of its ``kind``; ``attempt`` counts from 1. ``stage``, ``done`` and ``total`` are the progress
    of the stage that runs (total None: not known). ``error`` is the sentence and the hint of what went wrong.
    """

    id: str
    kind: str
    options: dict[str, Any]
    asked_by: str
    created: str
    state: str = QUEUED
    attempt: int = 1
    started: str | None = None
    finished: str | None = None
    stage: str = ""
    done: int = 0
    total: int | None = None
    error: str = ""
    hint: str = ""
    cancelling: bool = False
    counts: dict[str, dict[str, Any]] = field(default_factory=dict)


def read_job(job_id: str, read: Callable[[str], dict[str, Any] | None]) -> Job | None:
    """Return a job from its records."""
    asked = read(f"job:{job_id}")
    if asked is None:
        return None
    stands, told = read(f"state:{job_id}") or {}, read(f"progress:{job_id}") or {}
    wish = read(f"stop:{job_id}")
    attempt, state = int(stands.get("attempt", 1)), stands.get("state", QUEUED)
    stop = wish is not None and wish.get("attempt") == attempt
    return Job(
        job_id,
        asked["kind"],
        asked["options"],
        asked["asked_by"],
        asked["created"],
        CANCELLED if stop and state == QUEUED else state,
        attempt,
        stage=told.get("stage", ""),
        done=told.get("done", 0),
        total=told.get("total"),
        cancelling=stop and state == RUNNING,
        **{name: stands[name] for name in _STANDS if name in stands},
    )


_STANDS = ("started", "finished", "error", "hint", "counts")


def public(job: Job) -> dict[str, Any]:
    """Return a job as answers hold it."""
    return asdict(job)
