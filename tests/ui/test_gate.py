"""The gate before the page: what it lets through, what it refuses unread, how guesses are slowed."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from schema.errors import SettingsError
from ui import gate
from ui.gate import Gate

FORM = {"content-type": "application/x-www-form-urlencoded"}


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Page:
    """The application behind the gate: remembers what reached it."""

    def __init__(self) -> None:
        self.seen: list[MutableMapping[str, Any]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.seen.append(scope)
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"page"})
        else:
            await send({"type": "websocket.accept"})


class Answer:
    def __init__(self, messages: list[MutableMapping[str, Any]], reads: int) -> None:
        self.first = messages[0]
        self.status = self.first.get("status")
        self.headers = {k.decode(): v.decode() for k, v in self.first.get("headers", [])}
        self.body = b"".join(m.get("body", b"") for m in messages).decode()
        self.reads = reads

    @property
    def cookie(self) -> str:
        return self.headers["set-cookie"].partition(";")[0]


def ask(
    app: Gate,
    path: str = "/",
    method: str = "GET",
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    client: str = "10.0.0.9",
    kind: str = "http",
    scheme: str = "http",
    query: str = "",
) -> Answer:
    """One request; the answer counts how often the body was asked for."""
    given = {"content-length": str(len(body)), **(headers or {})} if method != "GET" else (headers or {})
    scope = {
        "type": kind,
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "scheme": scheme,
        "client": (client, 4000),
        "server": ("127.0.0.1", 8501),
        "headers": [(k.encode(), v.encode()) for k, v in given.items()],
    }
    sent: list[MutableMapping[str, Any]] = []
    reads = [0]

    async def receive() -> dict[str, Any]:
        reads[0] += 1
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return Answer(sent, reads[0])


def enter(app: Gate, password: str, client: str = "10.0.0.9", **more: Any) -> Answer:
    from urllib.parse import urlencode

    return ask(
        app,
        method="POST",
        body=urlencode({"password": password}).encode(),
        headers=FORM,
        client=client,
        **more,
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def page() -> Page:
    return Page()


@pytest.fixture
def closed(page: Page, clock: Clock) -> Gate:
    return Gate(page, "open sésame", clock=clock)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/search"),
        ("GET", "/static/js/index.js"),
        ("GET", "/media/0123.webp"),
        ("GET", "/_stcore/host-config"),
        ("PUT", "/_stcore/upload_file/session/file"),
        ("POST", "/_stcore/upload_file/session/file"),
        ("DELETE", "/_stcore/upload_file/session/file"),
        ("OPTIONS", "/_stcore/upload_file/session/file"),
        ("POST", "/anything"),
    ],
)
def test_nothing_gets_in_before_the_password_and_nothing_is_read(
    closed: Gate, page: Page, method: str, path: str
) -> None:
    answer = ask(closed, path, method, b"x" * 100_000)
    assert answer.status == 401
    assert answer.reads == 0, "what the request carries is not read"
    assert not page.seen
    assert (
        ask(closed, path, method, headers={"cookie": "likeness_admission_8501=9999999999.00"}).status == 401
    )
    assert not page.seen


def test_no_socket_is_opened_before_the_password(closed: Gate, page: Page) -> None:
    answer = ask(closed, "/_stcore/stream", kind="websocket")
    assert answer.first == {"type": "websocket.close", "code": 1008}
    assert not page.seen
    cookie = enter(closed, "open sésame").cookie
    assert (
        ask(closed, "/_stcore/stream", kind="websocket", headers={"cookie": cookie}).first["type"]
        == "websocket.accept"
    )


def test_the_password_lets_in_for_a_day(closed: Gate, page: Page, clock: Clock) -> None:
    assert "Password" in ask(closed).body
    wrong = enter(closed, "open sesame")
    assert wrong.status == 401 and "not the password" in wrong.body and "set-cookie" not in wrong.headers
    right = enter(closed, "open sésame", path="/item", query="row=3")
    assert right.status == 303
    assert right.headers["location"] == "./item?row=3"
    for word in ("HttpOnly", "SameSite=Lax", "Path=/"):
        assert word in right.headers["set-cookie"]
    assert "Secure" not in right.headers["set-cookie"]
    assert "Secure" in enter(closed, "open sésame", scheme="https").headers["set-cookie"]
    assert ask(closed, headers={"cookie": right.cookie}).body == "page"
    assert ask(closed, headers={"cookie": f"other=1; {right.cookie}"}).body == "page"
    clock.now += gate.ADMITTED_SECONDS + 1
    assert ask(closed, headers={"cookie": right.cookie}).status == 401
    late = f"{right.cookie.split('=')[0]}={int(clock.now) + 10**6}.{right.cookie.rpartition('.')[2]}"
    assert ask(closed, headers={"cookie": late}).status == 401, "the time is signed"
    assert ask(Gate(page, "open sésame"), headers={"cookie": right.cookie}).status == 401, "another process"


@pytest.mark.parametrize("path", ["//evil.example/x", "/x:y", "/a/b", "/"])
def test_the_way_back_leads_nowhere_else(closed: Gate, path: str) -> None:
    location = enter(closed, "open sésame", path=path).headers["location"]
    assert location.startswith("./") and "//" not in location


@pytest.mark.parametrize(
    "body", [b"", b"password", b"\xff\xfe", b"password=%ff%fe", b"a=1&" * 100, b"x" * 5000], ids=range(6)
)
def test_what_is_no_password_is_refused(closed: Gate, page: Page, body: bytes) -> None:
    assert ask(closed, method="POST", body=body, headers=FORM).status == 401
    assert not page.seen


def test_a_form_that_claims_to_be_short_is_not_read_on(closed: Gate) -> None:
    answer = ask(closed, method="POST", body=b"p" * 100_000, headers={**FORM, "content-length": "10"})
    assert answer.status == 401 and answer.reads == 1


def test_guesses_are_slowed_by_address(closed: Gate, clock: Clock) -> None:
    for _ in range(gate.FREE_GUESSES + 1):
        assert enter(closed, "guess").status == 401
    refused = enter(closed, "open sésame")
    assert refused.status == 429 and refused.headers["retry-after"] == "3"
    assert "set-cookie" not in refused.headers, "even the right one has to wait"
    assert enter(closed, "open sésame", client="10.0.0.10").status == 303, "others do not wait"
    waits = []
    for _ in range(12):
        wait = int(enter(closed, "guess").headers["retry-after"])
        waits.append(wait)
        clock.now += wait
        assert enter(closed, "guess").status == 401
    assert waits[:4] == [3, 5, 9, 17]
    assert max(waits) == gate.LONGEST_WAIT + 1
    clock.now += gate.LONGEST_WAIT + 1
    assert enter(closed, "open sésame").status == 303
    assert enter(closed, "guess").status == 401, "who knew it once starts anew"


def test_many_addresses_gain_nothing(closed: Gate, clock: Clock) -> None:
    tried = [enter(closed, "guess", client=f"10.1.{n // 250}.{n % 250}").status for n in range(200)]
    assert tried.count(401) == gate.GUESSES_A_MINUTE
    clock.now += 61
    assert enter(closed, "open sésame", client="10.9.9.9").status == 303
    neighbours = [enter(closed, "guess", client=f"2001:db8::{n:x}").status for n in range(10)]
    assert neighbours.count(401) == gate.FREE_GUESSES + 1, "a /64 is one line"


def test_no_password_is_no_gate(page: Page) -> None:
    assert ask(Gate(page)).body == "page"


def test_the_health_of_the_page_can_be_asked(closed: Gate) -> None:
    assert ask(closed, "/_stcore/health").body == "page"


@pytest.mark.parametrize(
    ("client", "believed"),
    [
        ("10.0.0.5", True),
        ("::ffff:10.0.0.5", True),
        ("10.0.7.200", True),
        ("10.0.0.9", False),
        ("127.0.0.1", False),
        ("2001:db8::1", False),
        ("unix", False),
    ],
)
def test_the_user_header_is_believed_from_a_named_proxy_alone(
    page: Page, client: str, believed: bool
) -> None:
    app = Gate(page, user_header="X-User", proxies=("10.0.0.5", "10.0.7.0/24"))
    for kind in ("http", "websocket"):
        ask(app, kind=kind, client=client, headers={"x-user": "ann", "x-other": "1"})
        names = {name for name, _ in page.seen[-1]["headers"]}
        assert (b"x-user" in names) is believed
        assert b"x-other" in names


def test_a_named_proxy_says_whose_guesses_they_are(page: Page, clock: Clock) -> None:
    app = Gate(page, "open", proxies=("10.0.0.5",), clock=clock)

    def guess(client: str, chain: str) -> int | None:
        body = b"password=guess"
        return ask(
            app, method="POST", body=body, headers={**FORM, "x-forwarded-for": chain}, client=client
        ).status

    for n in range(gate.FREE_GUESSES + 1):
        assert guess("10.0.0.5", f"192.0.2.{n}, 198.51.100.1") == 401, (
            "only the last entry is the proxy's own"
        )
    assert guess("10.0.0.5", "198.51.100.1") == 429
    assert guess("10.0.0.5", "198.51.100.2") == 401
    for n in range(gate.FREE_GUESSES + 1):
        assert guess("10.0.0.6", f"192.0.2.{n}") == 401
    assert guess("10.0.0.6", "192.0.2.77") == 429, "anybody else's header says nothing"


def test_a_session_has_a_total_of_uploads(page: Page) -> None:
    app = Gate(page)

    def upload(size: str | None, session: str = "one") -> Answer:
        headers = {"content-length": size} if size is not None else {"content-length": ""}
        return ask(app, f"/_stcore/upload_file/{session}/f", "PUT", b"", headers)

    half = str(gate.UPLOADED_MOST // 2)
    assert upload(half).status == 200 and upload(half).status == 200
    refused = upload("1")
    assert (refused.status, refused.reads) == (413, 0)
    assert upload("0").status == 200
    assert upload("1", "two").status == 200
    for odd in (None, "-1", "1e3", "9" * 30):
        assert upload(odd, "three").status == 411


def test_proxies_that_are_no_addresses_are_named(page: Page) -> None:
    with pytest.raises(SettingsError, match=r"'proxy\.example'"):
        Gate(page, user_header="X-User", proxies=("proxy.example",))
