"""Searches, duplicates and labels of a picture, on the finished demo with its encoder."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from embed.avatars.collection import draw_one
from schema.settings import load_settings

# The first test of a worker may make the demo, which takes half a minute on two idle cores.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def demo(serve: Callable[..., TestClient], demo_folder: Path) -> TestClient:
    return serve(demo_folder, given=load_settings(demo_folder / "demo.toml"))


def sent(data: bytes) -> dict[str, Any]:
    return {"image": ("a.png", data, "image/png")}


def drawn(seed: int) -> tuple[bytes, dict[str, Any]]:
    """A picture that is in no store, as PNG, and what is true of it."""
    pixels, facts = draw_one(seed, 256)
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    return data.getvalue(), dict(facts["truth"])


def stored(demo: TestClient, demo_folder: Path) -> tuple[str, bytes]:
    """The id and the file of a picture that is kept."""
    item = demo.get("/v1/items", params={"limit": 1, "columns": "item_id,uri", "where": "keep"}).json()[
        "items"
    ][0]
    return item["item_id"], Path(item["uri"]).read_bytes()


def test_similar_items_come_by_id_text_and_picture(demo: TestClient, demo_folder: Path) -> None:
    item_id, data = stored(demo, demo_folder)
    by_id = demo.get("/v1/similar", params={"id": item_id, "count": 5}).json()["items"]
    assert len(by_id) == 5 and item_id not in {each["item_id"] for each in by_id}
    values = [each["similarity"] for each in by_id]
    assert values == sorted(values, reverse=True)
    many = demo.get("/v1/similar", params={"id": item_id, "count": 60}).json()["items"]
    assert [each["item_id"] for each in many[:5]] == [each["item_id"] for each in by_id], (
        "graph and search agree"
    )
    blonde = demo.get(
        "/v1/similar",
        params={"text": "a girl with blonde hair", "count": 8, "where": "hair_color = 'blonde'"},
    )
    assert {each["labels"]["hair_color"][0] for each in blonde.json()["items"]} == {"blonde"}
    by_picture = demo.post("/v1/similar", files=sent(data), data={"count": "3"}).json()
    assert by_picture["items"][0]["item_id"] == item_id and by_picture["labels"]
    wrong = demo.get("/v1/similar")
    assert wrong.status_code == 422 and "exactly one of id and text" in wrong.json()["detail"]


def test_a_picture_is_recognised_and_a_new_one_is_not(demo: TestClient, demo_folder: Path) -> None:
    item_id, data = stored(demo, demo_folder)
    same = demo.post("/v1/duplicates", files=sent(data)).json()
    assert same["known"] and same["items"][0]["item_id"] == item_id
    assert same["items"][0]["verdict"] == "same file"
    smaller = io.BytesIO()
    Image.open(io.BytesIO(data)).convert("RGB").resize((200, 200)).save(smaller, "JPEG", quality=80)
    copy = demo.post("/v1/duplicates", files=sent(smaller.getvalue())).json()
    assert copy["known"] and copy["items"][0]["verdict"] == "same artwork"
    new, _ = drawn(987_654)
    assert demo.post("/v1/duplicates", files=sent(new)).json()["known"] is False


def test_one_picture_is_labelled_as_the_brief_shows_it(demo: TestClient) -> None:
    right = 0
    for seed in range(5_000, 5_006):
        data, truth = drawn(seed)
        answer = demo.post("/v1/label", files=sent(data)).json()
        assert {"Age", "Gender", "Hair Color", "Hair Length", "Eye Color"} <= set(answer["labels"])
        given = {name: value for name, value in answer["labels"].items() if value is not None}
        assert set(answer["confidences"]) == set(given)
        assert all(0 <= value <= 1 for value in answer["confidences"].values())
        assert not set(given) & set(answer["likely"])
        right += str(answer["labels"]["Hair Color"]).lower() == str(truth.get("hair_color")).lower()
    assert right >= 2, json.dumps(answer)


def test_evidence_names_the_items_that_voted(demo: TestClient, demo_folder: Path) -> None:
    item_id, _ = stored(demo, demo_folder)
    evidence = demo.get(f"/v1/items/{item_id}", params={"include": "evidence"}).json()["evidence"]
    assert evidence and all(
        0 <= value["probability"] <= 1 for one in evidence.values() for value in one["values"]
    )
    assert any(one["references"] for one in evidence.values())
