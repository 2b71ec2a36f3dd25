"""Decisions over HTTP: the rules of the page, conflicts, undo."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient


def decide(client: TestClient, *decisions: dict[str, Any], **more: Any) -> Any:
    return client.post("/v1/reviews", json={"decisions": decisions, "reviewer": "Ann", **more})


def hair(client: TestClient, row: int) -> list[str]:
    return list(client.get(f"/v1/items/{row}").json()["labels"]["hair_color"]["values"])


RED = {"items": ["1", "5"], "attribute": "hair_color", "action": "set", "value": "red"}


def test_a_decision_counts_at_once_and_is_undone_as_a_batch(client: TestClient) -> None:
    written = decide(client, RED)
    assert written.status_code == 201 and written.json()["items"] == 2
    assert hair(client, 1) == hair(client, 5) == ["red"]
    batch = written.json()["batch"]
    undone = client.post(f"/v1/reviews/{batch}/undo", json={"reviewer": "Bea"})
    assert undone.status_code == 201 and hair(client, 1) == ["blonde"]
    again = client.post(f"/v1/reviews/{batch}/undo", json={"reviewer": "Bea"})
    assert again.status_code == 409 and "undone already" in again.json()["detail"]
    log = client.get("/v1/reviews").json()
    assert [each["reviewer"] for each in log["batches"]] == ["Bea", "Ann"] and log["position"] == 3
    assert [line["reviewer"] for line in client.get("/v1/items/1").json()["history"]] == ["Ann"]


def test_who_saw_an_older_state_is_told_and_nothing_is_written(client: TestClient) -> None:
    position = client.get("/v1/reviews").json()["position"]
    decide(client, RED)
    late = decide(client, {**RED, "value": "pink"}, as_of=position)
    assert (
        late.status_code == 409 and "by Ann" in late.json()["detail"] and "look again" in late.json()["hint"]
    )
    assert hair(client, 1) == ["red"]
    other = decide(client, {**RED, "items": ["9"], "value": "pink"}, as_of=position)
    assert other.status_code == 201, "another label is no conflict"


def test_groups_are_decided_by_the_rules_of_the_page(client: TestClient) -> None:
    refused = decide(client, {"items": ["9"], "group": "keep"})
    assert refused.status_code == 400 and "without a group" in refused.json()["detail"]
    assert decide(client, {"items": ["1"], "group": "keep"}).status_code == 201
    page = client.get("/v1/items", params={"columns": "row,keep,group_id", "where": "row < 2"}).json()
    assert [item["keep"] for item in page["items"]] == [False, True]


@pytest.mark.parametrize(
    ("decision", "status", "words"),
    [
        ({**RED, "value": "blond"}, 400, "has no value 'blond'"),
        ({**RED, "attribute": "hair"}, 400, "hair"),
        ({**RED, "items": ["77777"]}, 404, "there is no item"),
        ({**RED, "items": []}, 422, "items"),
        ({**RED, "action": "burn"}, 422, "action"),
    ],
    ids=["value", "attribute", "item", "none", "action"],
)
def test_what_cannot_be_decided_is_said(
    client: TestClient, decision: dict[str, Any], status: int, words: str
) -> None:
    answer = decide(client, decision)
    assert answer.status_code == status and words in answer.json()["detail"]
    assert client.get("/v1/reviews").json()["batches"] == []


def test_a_reviewer_has_a_name(client: TestClient) -> None:
    answer = decide(client, RED, reviewer=" ")
    assert answer.status_code == 422 and "name" in answer.json()["detail"]
