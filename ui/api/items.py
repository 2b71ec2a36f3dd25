"""Routes of items: lists in three forms, one item with all that is known of it, its picture."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import pyarrow as pa
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from label.predict.evidence import evidence
from schema.arrays import Rows
from schema.errors import StoreError
from ui.api import listing
from ui.api.errors import documented
from ui.api.listing import Listing
from ui.api.models import Include, ItemAnswer, ItemId, ItemsPage, ItemsQuery, LabelModel, Similar
from ui.api.state import Service, Serving
from ui.api.tokens import Needs
from ui.review.history import of_item
from ui.review.item import item_details, large_picture
from ui.review.items import Item

NDJSON, ARROW = "application/x-ndjson", "application/vnd.apache.arrow.stream"
REFERENCES, LEAST_SHARE = 12, 0.005
NEIGHBOURS = 24
EVERY_PART = ("group", "neighbours", "history", "gates", "evidence")
KEPT_SECONDS = 3600

router = APIRouter(prefix="/v1", tags=["items"], dependencies=[Depends(Needs("read"))])


@router.get(
    "/items",
    response_model=ItemsPage,
    responses={
        **documented(),
        200: {
            "description": "A page of items, or a stream of all that match.",
            "content": {
                NDJSON: {"schema": {"type": "string"}},
                ARROW: {"schema": {"type": "string", "format": "binary"}},
            },
        },
    },
)
def items(request: Request, service: Serving, query: Annotated[ItemsQuery, Query()]) -> Response:
    """List items by a filter, in an order, with chosen columns.

    JSON comes in pages. With `Accept: application/x-ndjson` or `application/vnd.apache.arrow.stream` all items that
    match come in one stream: that is a data set, so the protected gate applies, and the header `Left-Out` counts what
    it bars.
    """
    workspace = service.workspace
    names = tuple(name.strip() for name in query.columns.split(",") if name.strip())
    asked = Listing(query.where, query.sort, query.cursor, names, query.everything)
    columns = listing.columns_of(workspace, names)
    page = listing.page_of(workspace, asked)
    form = query.format or _accepted(request.headers.get("accept", ""))
    if form in ("ndjson", "arrow"):
        barred = service.gate().barred(page.rows)
        rows = page.rows[~barred]
        headers = {"Left-Out": f"protected={int(barred.sum())}", "Total": str(page.total)}
        tables = listing.batches(workspace, rows, columns)
        if form == "ndjson":
            return StreamingResponse(_lines(tables), media_type=NDJSON, headers=headers)
        return StreamingResponse(_arrow(tables), media_type=ARROW, headers=headers)
    rows = page.rows[: query.limit]
    end = page.begun + len(rows)
    more = len(page.rows) > len(rows)
    return JSONResponse(
        {
            "total": page.total,
            "next": listing.cursor_after(asked, int(rows[-1]), end) if more else None,
            "items": listing.records(listing.read(workspace, rows, columns)),
        }
    )


@router.get("/items/{id}", responses=documented())
def item(service: Serving, name: ItemId, include: Include = None) -> ItemAnswer:
    """Return all that is known of one item: labels, evidence, group, gates, history."""
    workspace = service.workspace
    row = service.row(name)
    found = item_details(workspace, row)
    parts = frozenset(include or EVERY_PART)
    shown = found.neighbours[:NEIGHBOURS]
    similarity = {int(r): float(found.similarity[int(r)]) for r in shown if int(r) in found.similarity}
    return ItemAnswer(
        item_id=found.item.item_id,
        row=row,
        name=found.item.name,
        status=found.item.status,
        reason=found.item.reason or "",
        facts={name: value for name, value in found.facts.items() if value},
        source=found.source,
        tags=found.tags,
        labels={
            name: LabelModel(
                values=list(label.values),
                confidence=label.confidence,
                source=label.source,
                rejected=list(label.rejected),
            )
            for name, label in found.item.labels.items()
        },
        group=shown_items(service, found.group) if "group" in parts else None,
        neighbours=shown_items(service, shown, similarity) if "neighbours" in parts else None,
        history=[asdict(line) for line in of_item(workspace, row)] if "history" in parts else None,
        gates={"protected": service.is_barred(row)} if "gates" in parts else None,
        evidence=_evidence(service, row) if "evidence" in parts else None,
    )


@router.get(
    "/items/{id}/image",
    response_class=Response,
    responses={
        **documented(),
        200: {"content": {"image/webp": {"schema": {"type": "string", "format": "binary"}}}},
    },
)
def image(service: Serving, name: ItemId) -> Response:
    """Return the picture, decoded anew from its source and drawn at most 900 px; else its thumbnail."""
    row = service.row(name)
    with service.picture_slot():
        return _picture(large_picture(service.workspace, row))


@router.get(
    "/items/{id}/thumbnail",
    response_class=Response,
    responses={
        **documented(),
        200: {"content": {"image/webp": {"schema": {"type": "string", "format": "binary"}}}},
    },
)
def thumbnail(service: Serving, name: ItemId) -> Response:
    """Return the stored thumbnail."""
    row = service.row(name)
    return _picture(service.workspace.thumbnails([row]).get(row))


def shown_items(
    service: Service,
    rows: Rows | Sequence[int],
    similarity: dict[int, float] | None = None,
    verdicts: dict[int, str] | None = None,
) -> list[Similar]:
    """Return items as answers show them, in the order of their rows."""
    found = service.workspace.items(rows)
    return [_shown(item, (similarity or {}).get(item.row), (verdicts or {}).get(item.row)) for item in found]


def _shown(item: Item, similarity: float | None, verdict: str | None) -> Similar:
    labels = {name: list(label.values) for name, label in item.labels.items() if label.values}
    own = item.similarity if similarity is None else similarity
    return Similar(
        item_id=item.item_id,
        row=item.row,
        name=item.name,
        similarity=own,
        verdict=verdict or item.verdict or None,
        labels=labels,
    )


def _evidence(service: Service, row: int) -> dict[str, dict[str, Any]]:
    workspace = service.workspace
    models = workspace.models()
    told = {}
    for attribute in workspace.attributes if models is not None else ():
        assert models is not None
        found = evidence(workspace.item_loader(), models, row, attribute.name)
        if found is None:
            continue
        voters = found.references.shown(REFERENCES, LEAST_SHARE)
        told[attribute.name] = {
            "stated": list(found.stated),
            "target_precision": found.target_precision,
            "values": [listing.plain(asdict(value)) for value in found.values[:6]],
            "references": [
                {"row": int(r), "share": float(share), "values": list(values)}
                for r, share, values in zip(voters.rows, voters.shares, voters.values, strict=True)
            ],
            "effective_references": listing.plain(float(voters.support)),
        }
    return told


def _picture(data: bytes | None) -> Response:
    if data is None:
        raise StoreError("this item has no picture")
    # Ids come from content, but what a source holds under an address can be replaced: an hour, and for this reader.
    return Response(
        data, media_type="image/webp", headers={"Cache-Control": f"private, max-age={KEPT_SECONDS}"}
    )


def _accepted(header: str) -> str:
    """Return the form that a header Accept names first of the three; JSON where it names none."""
    known = {NDJSON: "ndjson", "application/ndjson": "ndjson", ARROW: "arrow", "application/json": "json"}
    for part in header.lower().split(","):
        kind = part.split(";")[0].strip()
        if kind in known:
            return known[kind]
    return "json"


def _lines(tables: Iterator[pa.Table]) -> Iterator[bytes]:
    for table in tables:
        lines = [json.dumps(record, ensure_ascii=False) for record in listing.records(table)]
        if lines:
            yield ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace")


def _arrow(tables: Iterator[pa.Table]) -> Iterator[bytes]:
    sink = _Sink()
    writer = None
    for table in tables:
        if writer is None:
            writer = pa.ipc.new_stream(pa.PythonFile(sink, "w"), table.schema)
        writer.write_table(table)
        yield sink.taken()
    if writer is not None:
        writer.close()
    yield sink.taken()


class _Sink:
    """A file that keeps what was written until it is taken."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: there is no disk."""

    def close(self) -> None:
        self.closed = True

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)
