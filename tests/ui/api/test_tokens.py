"""Who may do what, and what tokens look like where they are kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient

from schema.errors import SettingsError
from schema.settings import Settings
from ui.api.server import serve_api
from ui.api.tokens import caller_of, new_token, read_tokens
from ui.main import cli

DECISION = {"decisions": [{"items": ["1"], "attribute": "hair_color", "action": "accept"}]}
JOB = {"kind": "label"}


@pytest.mark.parametrize(
    ("role", "statuses"),
    [
        ("", (401, 401, 401)),
        ("read", (200, 403, 403)),
        ("review", (200, 201, 403)),
        ("write", (200, 201, 202)),
    ],
)
def test_each_role_may_do_what_those_below_it_may(
    guarded: TestClient, bearer: Callable[[str], dict[str, str]], role: str, statuses: tuple[int, int, int]
) -> None:
    headers = bearer(role) if role else {}
    answers = (
        guarded.get("/v1/items", headers=headers),
        guarded.post("/v1/reviews", headers=headers, json=DECISION),
        guarded.post("/v1/jobs", headers=headers, json=JOB),
    )
    assert tuple(answer.status_code for answer in answers) == statuses
    for answer in answers:
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert "token" in answer.json()["detail"]
    if statuses[1] == 201:
        assert (
            guarded.get("/v1/reviews", headers=headers).json()["batches"][0]["reviewer"] == "reviewer" or role
        )


def test_a_wrong_token_opens_nothing_but_health_and_the_description(guarded: TestClient) -> None:
    wrong = {"Authorization": "Bearer " + "y" * 40}
    for path in (
        "/v1/items",
        "/v1/items/1",
        "/v1/items/1/image",
        "/v1/stats",
        "/metrics",
        "/v1/jobs",
        "/v1/reviews",
    ):
        answer = guarded.get(path, headers=wrong)
        assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["detail"] == "this token is not known"
    assert guarded.get("/healthz").json()["status"] == "ok"
    assert guarded.get("/openapi.json").status_code == 200


def test_decisions_stand_under_the_name_of_the_token(
    guarded: TestClient, bearer: Callable[[str], dict[str, str]]
) -> None:
    refused = guarded.post("/v1/reviews", headers=bearer("review"), json={**DECISION, "reviewer": "Ann"})
    assert refused.status_code == 422 and "stand under reviewer" in refused.json()["detail"]
    guarded.post("/v1/reviews", headers=bearer("review"), json=DECISION)
    (batch,) = guarded.get("/v1/reviews", headers=bearer("read")).json()["batches"]
    assert batch["reviewer"] == "reviewer"


def test_settings_hold_the_hash_of_a_token_and_the_environment_either() -> None:
    token, stored = new_token("Ann", "review")
    assert token not in stored and stored == f"Ann:review:{hashlib.sha256(token.encode()).hexdigest()}"
    found = read_tokens([stored], f"bot:read:{'t' * 20} other:write:sha256={'0' * 64}")
    assert [(each.name, each.role) for each in found] == [
        ("Ann", "review"),
        ("bot", "read"),
        ("other", "write"),
    ]
    assert caller_of(found, token).name == "Ann"
    assert caller_of(found, "t" * 20).role == "read"
    assert caller_of(found, "") is None and caller_of(found, "0" * 64) is None


@pytest.mark.parametrize(
    ("stored", "given", "words"),
    [
        (["Ann"], "", "NAME:ROLE:SHA256"),
        (["Ann:reed:" + "0" * 64], "", "did you mean read"),
        (["Ann:read:secret"], "", "no SHA-256"),
        ([], "Ann:read:short", "shorter than 16"),
        (["Ann:read:" + "0" * 64], f"Ann:write:{'t' * 20}", "two tokens have one name"),
    ],
    ids=["form", "role", "hash", "length", "name"],
)
def test_a_token_that_cannot_be_is_named_and_never_shown(stored: list[str], given: str, words: str) -> None:
    with pytest.raises(SettingsError) as error:
        read_tokens(stored, given)
    assert words in str(error.value) and "secret" not in str(error.value) and "short," not in str(error.value)


def test_without_a_token_only_this_machine_is_listened_to(
    ui_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LIKENESS_TOKENS", raising=False)
    ran = CliRunner().invoke(cli, ["serve", "--store", str(ui_store), "--host", "0.0.0.0"])
    assert ran.exit_code == 1 and "a token is needed" in ran.stderr
    with pytest.raises(SettingsError, match="can be no root"):
        serve_api(str(ui_store), Settings.model_validate({"serve": {"roots": ["http://example.org/x"]}}))


def test_a_new_token_is_printed_with_its_setting() -> None:
    ran = CliRunner().invoke(cli, ["serve", "--new-token", "Ann:review"])
    token, setting = ran.output.splitlines()
    digest = hashlib.sha256(token.removeprefix("token: ").encode()).hexdigest()
    assert setting == f'setting: serve.tokens = ["Ann:review:{digest}"]'
    assert "Roles: read, review, write" in CliRunner().invoke(cli, ["serve", "--new-token", "Ann:all"]).stderr
