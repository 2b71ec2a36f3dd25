"""Routes that take a picture or a text: similar items, duplicates, the labels of one picture."""

from __future__ import annotations

import contextlib
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Depends, File, Form, Query, UploadFile

from dedupe.lookup import duplicates_of
from index.neighbours.search import search as nearest
from schema.errors import InputError, StoreError
from schema.records import VARIANT
from ui.api.errors import documented
from ui.api.items import shown_items
from ui.api.models import (
    MOST_ITEMS,
    DuplicatesAnswer,
    LabelAnswer,
    Predicted,
    SimilarAnswer,
    SimilarQuery,
    Where,
)
from ui.api.state import Service, Serving
from ui.api.tokens import Needs
from ui.review.item import neighbours
from ui.review.search import Hits, PredictedLabel, SearchRequest, label_row, predicted_labels, search

NEAR = 40
"""Similar items among which duplicates are sought, beside those that hashes find."""

router = APIRouter(prefix="/v1", tags=["search"], dependencies=[Depends(Needs("read"))])
Picture = Annotated[UploadFile, File(description="An image file; no address is ever fetched.")]


@router.get("/similar", responses=documented())
def similar(service: Serving, query: Annotated[SimilarQuery, Query()]) -> SimilarAnswer:
    """Return the items most similar to an item of the store or to a text, with their labels."""
    if (query.id is None) == (not query.text.strip()):
        raise InputError("give exactly one of id and text", "A picture is sent with POST.")
    if query.id is None:
        request = SearchRequest(text=query.text, where=query.where, excluded=tuple(query.excluded))
        return _answer(service, search(service.workspace, request, query.count))
    if query.excluded:
        raise InputError("excluded goes with a text or a picture")
    return _answer(service, _around(service, service.row(query.id), query.where, query.count))


@router.post("/similar", responses=documented())
def similar_to_picture(
    service: Serving,
    image: Picture,
    text: Annotated[str, Form(max_length=2000, description="A description beside the picture.")] = "",
    where: Annotated[Where, Form()] = "",
    count: Annotated[int, Form(ge=1, le=MOST_ITEMS)] = 20,
) -> SimilarAnswer:
    """Return the items most similar to a picture, and the labels that the picture itself would get."""
    data = image.file.read()
    with service.picture_slot():
        service.check_picture(data)
        hits = search(service.workspace, SearchRequest((data,), text, where), count)
        return _answer(service, hits)


@router.post("/duplicates", responses=documented())
def duplicates(service: Serving, image: Picture) -> DuplicatesAnswer:
    """Say whether this picture is in the store: the items with the same bytes, the same artwork, or a variant of it."""
    data = image.file.read()
    workspace = service.workspace
    with service.picture_slot():
        service.check_picture(data)
        near: list[int] = []
        with contextlib.suppress(StoreError):  # no vectors yet: hashes alone find them
            near = search(workspace, SearchRequest((data,)), NEAR).rows.tolist()
        found = duplicates_of(workspace.store, workspace.settings, data, near)
    similarity = {each.row: each.similarity for each in found}
    verdicts = {each.row: each.verdict for each in found}
    items = shown_items(service, [each.row for each in found], similarity, verdicts)
    return DuplicatesAnswer(known=any(each.verdict != VARIANT for each in found), items=items)


@router.post("/label", responses=documented())
def label(service: Serving, image: Picture) -> LabelAnswer:
    """Label one picture as a label run would, without keeping it."""
    data = image.file.read()
    workspace = service.workspace
    with service.picture_slot():
        service.check_picture(data)
        predicted = predicted_labels(workspace, search(workspace, SearchRequest((data,)), NEAR))
    labels, confidences = label_row(workspace, predicted)
    titles = {attribute.name: attribute.title for attribute in workspace.attributes}
    likely = {titles[each.attribute]: _predicted(each) for each in predicted if not each.accepted}
    return LabelAnswer(labels=labels, confidences=confidences, likely=likely)


def _around(service: Service, row: int, where: str, count: int) -> Hits:
    """Return the items around one of the store: from the graph where it reaches, else by a search."""
    store = service.workspace.store
    if not where.strip():
        rows, similarity = neighbours(service.workspace, row)
        if len(rows) >= count:
            pairs = zip(rows[:count].tolist(), similarity[:count].tolist(), strict=True)
            return Hits(rows[:count], dict(pairs))
    key = store.encoder_key()
    stored = store.take(f"vectors_{key}", [row], ["vector"])
    if not stored.num_rows:
        raise StoreError("this item has no vector", "Its status says why.")
    vector = np.array(stored["vector"].to_pylist()[0], np.float32)
    rows, similarity = nearest(store, key, vector, count + 1, where.strip() or None)
    others = rows != row
    rows, similarity = rows[others][:count].astype(np.int64), similarity[others][:count]
    return Hits(rows, dict(zip(rows.tolist(), similarity.tolist(), strict=True)))


def _answer(service: Service, hits: Hits) -> SimilarAnswer:
    labels = [_predicted(each) for each in predicted_labels(service.workspace, hits)]
    return SimilarAnswer(items=shown_items(service, hits.rows, hits.similarity), labels=labels)


def _predicted(label: PredictedLabel) -> Predicted:
    return Predicted(
        attribute=label.attribute, value=label.value, probability=label.probability, accepted=label.accepted
    )
