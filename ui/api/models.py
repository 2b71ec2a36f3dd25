"""What requests and answers hold, with the examples that /docs shows."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field

MOST_ITEMS = 1000
EXAMPLE_ID = "7d0f6c3b9a1e4f52a3c8d9e0f1b2c3d4"
ItemId = Annotated[
    str,
    Path(
        alias="id",
        pattern="^([0-9a-f]{32}|[0-9]{1,11})$",
        description="Item id, or row number.",
        examples=[EXAMPLE_ID],
    ),
]
Where = Annotated[
    str,
    Field(
        description="Filter over all columns; see `likeness values`.",
        max_length=20_000,
        examples=["hair_color = 'blonde'"],
    ),
]


class Model(BaseModel):
    """Base of what is sent and answered: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class ItemsQuery(Model):
    """A list of items."""

    where: Where = ""
    sort: str = Field(
        "",
        description="A column, or -column for the largest first.",
        max_length=200,
        examples=["-favourites"],
    )
    cursor: str = Field("", description="`next` of the page before.", max_length=400)
    limit: int = Field(100, ge=1, le=MOST_ITEMS, description="Items of a page; streams are whole.")
    columns: str = Field(
        "", description="Columns, separated by commas; empty: ids, sizes, tags and labels.", max_length=20_000,
        examples=["item_id,tags,hair_color"],
    )  # fmt: skip
    everything: bool = Field(False, description="Texts and files that could not be read, too.")
    format: Literal["", "json", "ndjson", "arrow"] = Field(
        "", description="In place of the header Accept; ndjson and arrow stream all items that match."
    )


class ItemsPage(Model):
    """A page of items; ``next`` is the cursor of the one after it, null at the end."""

    total: int = Field(description="Items that match.")
    next: str | None
    items: list[dict[str, Any]]

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "total": 2,
                "next": None,
                "items": [{"item_id": EXAMPLE_ID, "tags": ["1girl", "smile"], "hair_color": "blonde"}],
            }
        }
    )


class LabelModel(Model):
    """One label: several values where the attribute can have them; none where it is unknown."""

    values: list[str]
    confidence: float | None = None
    source: str = ""
    rejected: list[str] = Field(default_factory=list, description="Values that a reviewer has ruled out.")


class Similar(Model):
    """One item of an answer."""

    item_id: str
    row: int
    name: str = Field(description="The first key that a source gave it.")
    similarity: float | None = None
    verdict: str | None = Field(None, description="same file, same artwork or variant.")
    labels: dict[str, list[str]] = Field(default_factory=dict)


class ItemAnswer(Model):
    """All that is known of one item; what was not asked for with ``include`` is null."""

    item_id: str
    row: int
    name: str
    status: str
    reason: str
    facts: dict[str, str] = Field(description="Size, note, text, duplicates.")
    source: dict[str, str] = Field(description="What its source says: rating, score, artist, ...")
    tags: list[str]
    labels: dict[str, LabelModel]
    group: list[Similar] | None = Field(description="Its duplicate group, the kept one first.")
    neighbours: list[Similar] | None
    history: list[dict[str, Any]] | None = Field(description="What reviewers decided, newest first.")
    gates: dict[str, bool] | None = Field(
        description="`protected`: barred from everything that leaves as a data set."
    )
    evidence: dict[str, dict[str, Any]] | None = Field(
        description="By attribute: probabilities, thresholds, and the items that voted with their shares."
    )


Part = Literal["group", "neighbours", "history", "gates", "evidence"]
Include = Annotated[list[Part] | None, Query(description="Parts of the answer; all without it.")]


class SimilarQuery(Model):
    """A search by an item or a text."""

    id: str | None = Field(None, pattern="^([0-9a-f]{32}|[0-9]{1,11})$", description="An item of the store.")
    text: str = Field("", max_length=2000, description="A description.", examples=["a girl with blonde hair"])
    excluded: list[str] = Field(default_factory=list, max_length=8, description="What it should not be.")
    where: Where = ""
    count: int = Field(20, ge=1, le=MOST_ITEMS)


class Predicted(Model):
    """A label that a picture would get or, when not ``accepted``, the likeliest value of what stays unknown."""

    attribute: str
    value: str
    probability: float
    accepted: bool


class SimilarAnswer(Model):
    """Items, most similar first, and how the picture or text itself would be labelled."""

    items: list[Similar]
    labels: list[Predicted] = Field(
        description="What was searched for itself; empty for an item of the store."
    )


class DuplicatesAnswer(Model):
    """Items that show the same picture, best first; ``known`` tells whether there is one of the same artwork."""

    known: bool
    items: list[Similar]


class LabelAnswer(Model):
    """The labels of one picture by title, null where unknown, and how sure each is."""

    labels: dict[str, str | list[str] | None]
    confidences: dict[str, float] = Field(description="Of each label that is given.")
    likely: dict[str, Predicted] = Field(description="The likeliest value of what is left unknown.")

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "labels": {"Age": "Young Adult", "Hair Color": "Blonde", "Eye Color": None},
                "confidences": {"Age": 0.97, "Hair Color": 0.99},
                "likely": {
                    "Eye Color": {
                        "attribute": "eye_color",
                        "value": "blue",
                        "probability": 0.61,
                        "accepted": False,
                    }
                },
            }
        }
    )


class LabelDecision(Model):
    """A decision on one attribute of some items; what the actions mean is what the buttons of the page mean."""

    items: list[str] = Field(min_length=1, max_length=MOST_ITEMS, description="Item ids or rows.")
    attribute: str = Field(max_length=200, examples=["hair_color"])
    action: Literal["set", "remove", "unknown", "accept", "reject", "several", "one"]
    value: str = Field("", max_length=200, description="For set and remove.", examples=["blonde"])


class GroupDecision(Model):
    """A decision on the duplicate groups of some items."""

    items: list[str] = Field(min_length=1, max_length=MOST_ITEMS)
    group: Literal["confirm", "keep", "not_duplicate", "split", "merge", "variant", "same_artwork", "several"]


class ReviewRequest(Model):
    """Decisions that are written as one batch, all or none.

    ``as_of`` is the ``position`` of the log that the reviewer has seen: when one of the labels was decided after it,
    the answer is 409 and nothing is written.
    """

    decisions: list[LabelDecision | GroupDecision] = Field(min_length=1, max_length=100)
    as_of: int | None = Field(None, ge=0, le=2**62)
    reviewer: str = Field(
        "", max_length=80, description="Needed where the service has no tokens; else the token's name."
    )

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "decisions": [
                    {"items": [EXAMPLE_ID], "attribute": "hair_color", "action": "set", "value": "blonde"}
                ],
                "as_of": 0,
                "reviewer": "Ann",
            }
        },
    )


class ReviewAnswer(Model):
    """A batch in the log; ``position`` is the log's end behind it."""

    batch: str
    items: int
    position: int


class UndoRequest(Model):
    """Who takes a batch back."""

    reviewer: str = Field("", max_length=80)


class ReviewsAnswer(Model):
    """Batches of the log, newest first."""

    position: int = Field(description="The log's end: what `as_of` is.")
    batches: list[dict[str, Any]]


class Stats(Model):
    """Counts of the store."""

    counts: dict[str, int]
    attributes: list[dict[str, Any]]
    runs: list[dict[str, Any]]
    jobs: dict[str, int]


class Health(Model):
    """That the service answers, and of which version it is."""

    status: Literal["ok"] = "ok"
    version: str
