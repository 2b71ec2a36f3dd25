"""Routes of jobs: work that takes longer than a request, asked for, watched, stopped and tried again."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Response
from pydantic import Field

from index.filters.rows import plan_of
from schema.errors import StoreError
from ui.api.errors import documented
from ui.api.models import Model
from ui.api.state import Service, Serving
from ui.api.tokens import Caller, Needs
from ui.jobs.records import Job, public
from ui.jobs.requests import JobRequest, options_of

router = APIRouter(prefix="/v1", tags=["jobs"])
Writer = Annotated[Caller, Depends(Needs("write"))]
JobId = Annotated[str, Path(alias="id", pattern="^[0-9a-f]{32}$")]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=200,
        pattern="^[!-~]+$",
        description="A name for this request: sent again, the answer is the job that there is.",
    ),
]
_LOCATION = {"Location": {"description": "Where the job is.", "schema": {"type": "string"}}}


class JobAnswer(Model):
    """One job. ``total`` null: how much there is to do is not known. ``counts`` by stage, when it is done."""

    id: str
    kind: str
    options: dict[str, Any]
    asked_by: str
    created: str
    state: str = Field(description="queued, running, done, failed or cancelled.")
    attempt: int
    started: str | None
    finished: str | None
    stage: str
    done: int
    total: int | None
    error: str
    hint: str
    cancelling: bool
    counts: dict[str, dict[str, Any]]


class JobsAnswer(Model):
    """Jobs, newest first."""

    jobs: list[JobAnswer]


class JobLog(Model):
    """What a job has written, oldest line first."""

    lines: list[str]


@router.post("/jobs", status_code=202, responses={**documented(), 202: {"headers": _LOCATION}})
def add(
    service: Serving, caller: Writer, request: JobRequest, response: Response, key: Key = None
) -> JobAnswer:
    """Put work into the line: ingest, embed, measure, index, dedupe, label, run (all of them), export.

    The answer comes at once; `Location` is where the job can be watched. Jobs that write wait for one another.
    """
    workspace = service.workspace
    options = options_of(request, workspace.settings, workspace.settings.serve.roots)
    if options.get("where"):
        plan_of(workspace.store, options["where"])
    job, _ = service.jobs.add(request.kind, options, caller.name, key or "")
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return _answer(job)


@router.get("/jobs", responses=documented(), dependencies=[Depends(Needs("read"))])
def jobs(service: Serving, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> JobsAnswer:
    """List jobs, newest first."""
    return JobsAnswer(jobs=[_answer(job) for job in service.jobs.all()[:limit]])


@router.get("/jobs/{id}", responses=documented(), dependencies=[Depends(Needs("read"))])
def job(service: Serving, name: JobId) -> JobAnswer:
    """Say how a job stands."""
    return _answer(_known(service, name))


@router.get("/jobs/{id}/log", responses=documented(), dependencies=[Depends(Needs("read"))])
def log(service: Serving, name: JobId) -> JobLog:
    """Return what a job has written."""
    return JobLog(lines=service.jobs.log(name))


@router.post(
    "/jobs/{id}/cancel", status_code=202, responses=documented(), dependencies=[Depends(Needs("write"))]
)
def cancel(service: Serving, name: JobId) -> JobAnswer:
    """Ask a job to stop: one that waits is cancelled at once, one that runs at its next step; what it did is kept."""
    return _answer(service.jobs.cancel(name))


@router.post(
    "/jobs/{id}/retry", status_code=202, responses=documented(), dependencies=[Depends(Needs("write"))]
)
def retry(service: Serving, name: JobId) -> JobAnswer:
    """Put a job that failed or was cancelled into the line again; it goes on where it was."""
    return _answer(service.jobs.retry(name))


def _known(service: Service, name: str) -> Job:
    found = service.jobs.find(name)
    if found is None:
        raise StoreError(f"there is no job {name}", "GET /v1/jobs lists them.")
    return found


def _answer(job: Job) -> JobAnswer:
    return JobAnswer(**public(job))
