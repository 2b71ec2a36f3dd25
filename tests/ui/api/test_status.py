"""Health, counts, metrics, and a description that a client can be made from."""

from __future__ import annotations

from fastapi.testclient import TestClient


def test_stats_count_the_store(client: TestClient) -> None:
    stats = client.get("/v1/stats").json()
    assert stats["counts"]["Pictures"] == 29 and stats["counts"]["Refused files"] == 1
    assert {run["stage"] for run in stats["runs"]} == {"embed", "dedupe", "label"}
    assert stats["jobs"] == dict.fromkeys(("queued", "running", "done", "failed", "cancelled"), 0)


def test_metrics_count_requests_by_route_and_not_by_address(client: TestClient) -> None:
    for row in range(3):
        client.get(f"/v1/items/{row}")
    client.get("/v1/items/99999")
    text = client.get("/metrics").text
    assert 'likeness_requests_total{method="GET",route="/v1/items/{id}",status="200"} 3.0' in text
    assert 'likeness_requests_total{method="GET",route="/v1/items/{id}",status="404"} 1.0' in text
    assert "likeness_items 30.0" in text and 'likeness_jobs{state="queued"} 0.0' in text
    assert "/v1/items/1" not in text


def test_every_route_is_described_with_its_problems_and_examples(client: TestClient) -> None:
    described = client.get("/openapi.json").json()
    operations = {
        f"{method.upper()} {path}": operation
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    }
    wanted = {
        "GET /v1/items", "GET /v1/items/{id}", "GET /v1/items/{id}/image", "GET /v1/items/{id}/thumbnail",
        "GET /v1/similar", "POST /v1/similar", "POST /v1/duplicates", "POST /v1/label", "GET /v1/reviews",
        "POST /v1/reviews", "POST /v1/reviews/{batch}/undo", "POST /v1/jobs", "GET /v1/jobs", "GET /v1/jobs/{id}",
        "GET /v1/jobs/{id}/log", "POST /v1/jobs/{id}/cancel", "POST /v1/jobs/{id}/retry", "GET /v1/stats",
        "GET /metrics", "GET /healthz",
    }  # fmt: skip
    assert wanted == set(operations)
    for name, operation in operations.items():
        assert operation["description"], name
        for code, answer in operation["responses"].items():
            assert code.startswith("2") or list(answer["content"]) == ["application/problem+json"], (
                name,
                code,
            )
    assert "example" in described["components"]["schemas"]["ReviewRequest"]
