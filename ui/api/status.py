"""Routes about the service: whether it answers, what the store holds, numbers for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response

from index.store.runs import Runs
from schema.version import __version__
from ui.api.errors import documented
from ui.api.listing import plain
from ui.api.metrics import Metrics, job_counts
from ui.api.models import Health, Stats
from ui.api.state import Serving
from ui.api.tokens import Needs
from ui.review.figures import attribute_table, counts

RUNS = 20
router = APIRouter(tags=["status"])


@router.get("/healthz")
def healthz() -> Health:
    """Say that the service answers; needs no token and reads no table."""
    return Health(version=__version__)


@router.get("/v1/stats", responses=documented(), dependencies=[Depends(Needs("read"))])
def stats(service: Serving) -> Stats:
    """Return counts of the store, coverage and precision by attribute, the last runs, jobs by state."""
    workspace = service.workspace
    runs = [
        {name: plain(run[name]) for name in ("stage", "finished", "seconds", "counts") if name in run}
        for run in Runs(workspace.store).all()[-RUNS:]
    ]
    empty = not workspace.store.has("items")
    return Stats(
        counts={} if empty else counts(workspace),
        attributes=[] if empty else [plain(row) for row in attribute_table(workspace)],
        runs=runs[::-1],
        jobs=job_counts(service),
    )


@router.get(
    "/metrics",
    dependencies=[Depends(Needs("read"))],
    response_class=Response,
    responses={**documented(), 200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def metrics(request: Request) -> Response:
    """Return the numbers of this process in the text format of Prometheus."""
    found: Metrics = request.app.state.metrics
    return Response(found.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
