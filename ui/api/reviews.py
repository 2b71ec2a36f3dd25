"""Routes of reviews: decisions with the page's own rules, undo, the log."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from schema.errors import InputError, ReviewError
from schema.records import Decision
from ui.api.errors import documented
from ui.api.models import (
    GroupDecision,
    LabelDecision,
    ReviewAnswer,
    ReviewRequest,
    ReviewsAnswer,
    UndoRequest,
)
from ui.api.state import Service, Serving
from ui.api.tokens import Caller, Needs
from ui.review import actions
from ui.review.actions import Action
from ui.review.duplicates import actions as group_actions
from ui.review.history import batches

router = APIRouter(prefix="/v1", tags=["reviews"])
Reviewer = Annotated[Caller, Depends(Needs("review"))]


@router.get("/reviews", responses=documented(), dependencies=[Depends(Needs("read"))])
def reviews(service: Serving, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> ReviewsAnswer:
    """Return the latest batches of decisions, and the position of the log."""
    made = [asdict(batch) for batch in batches(service.workspace)[:limit]]
    return ReviewsAnswer(position=service.workspace.log.position(), batches=made)


@router.post("/reviews", status_code=201, responses=documented(409))
def decide(service: Serving, caller: Reviewer, request: ReviewRequest) -> ReviewAnswer:
    """Write decisions as one batch; they are on disk when this is answered, and outrank every machine.

    409 when somebody else decided on one of these labels after `as_of`.
    """
    workspace = service.workspace
    made: list[Decision] = []
    for each in request.decisions:
        made += _decisions(service, each)
    written = actions.write(workspace, made, _name(caller, request.reviewer), request.as_of, "")
    return ReviewAnswer(batch=written.batch, items=written.items, position=workspace.log.position())


@router.post("/reviews/{batch}/undo", status_code=201, responses=documented(409))
def undo(
    service: Serving,
    caller: Reviewer,
    batch: Annotated[str, Path(pattern="^[0-9a-f]{32}$")],
    request: UndoRequest,
) -> ReviewAnswer:
    """Take a whole batch back; 409 when it was taken back before."""
    workspace = service.workspace
    count = len({review.row for review in workspace.reviews() if review.batch == batch})
    if not count:
        raise ReviewError(f"there is no batch {batch} to undo")
    made = workspace.log.undo(batch, _name(caller, request.reviewer))
    return ReviewAnswer(batch=made, items=count, position=workspace.log.position())


def _decisions(service: Service, asked: LabelDecision | GroupDecision) -> list[Decision]:
    workspace = service.workspace
    rows = list(dict.fromkeys(service.row(name) for name in asked.items))
    if isinstance(asked, GroupDecision):
        items = workspace.items(rows, [])
        mates = workspace.group_mates(item.group_id for item in items)
        return group_actions.group_decisions(items, asked.group, mates)
    attribute = workspace.attribute(asked.attribute)
    items = workspace.items(rows, [attribute.name])
    return actions.label_decisions(items, attribute, Action(asked.action, asked.value))


def _name(caller: Caller, given: str) -> str:
    """Return under whose name a decision stands: the token's, or the one given where there are no tokens."""
    if caller.name:
        if given and given != caller.name:
            raise InputError(f"decisions of this token stand under {caller.name}", "Leave reviewer out.")
        return caller.name
    if not given.strip():
        raise InputError("a decision needs a reviewer's name", "Send it as reviewer.")
    return given
