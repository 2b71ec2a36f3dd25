"""What stands before the page: the password, slowed guesses, the proxy's user header, a limit on uploads.

An ASGI middleware. It sees every request and every WebSocket before Streamlit does, so that nothing is accepted from a
browser that has not given the password: no upload, no message, no file of the page.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import ipaddress
import re
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any, TypeAlias
from urllib.parse import parse_qs

from schema.errors import SettingsError

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

ADMITTED_SECONDS = 24 * 3600
"""How long a password that was given counts; it ends with the process, too."""
FREE_GUESSES = 3
LONGEST_WAIT = 600.0
"""Seconds. After the free guesses an address waits 2, 4, 8 ... seconds, at most this long."""
REMEMBERED_SECONDS = 3600.0
GUESSES_A_MINUTE = 60
"""Wrong guesses of all addresses together: whoever has many addresses gains nothing by them."""
UPLOADED_MOST = 256 * 2**20
"""Bytes that one session may upload in all."""
FORM_BYTES = 4096
TRACKED = 10_000
"""Addresses and sessions that are remembered; the oldest are forgotten."""

_UPLOADS = re.compile(r"/_stcore/upload_file/(?P<session>[^/]+)/")
_HEALTH = "/_stcore/health"


def networks_of(addresses: Iterable[str]) -> tuple[Network, ...]:
    """Return the networks that addresses (10.0.0.5) and networks (10.1.0.0/16) name; raises SettingsError."""
    found = []
    for address in addresses:
        try:
            found.append(ipaddress.ip_network(address.strip(), strict=False))
        except ValueError as error:
            raise SettingsError(
                f"review.proxies: {address!r} is not an address or a network",
                "Write it as 10.0.0.5 or 10.1.0.0/16.",
            ) from error
    return tuple(found)


@dataclass(slots=True)
class Guesses:
    """Wrong guesses by address, and how long each address has to wait; ``clock`` returns seconds."""

    clock: Callable[[], float] = time.monotonic
    _wrong: OrderedDict[str, tuple[int, float]] = field(default_factory=OrderedDict)
    _all: deque[float] = field(default_factory=deque)

    def wait(self, who: str) -> float:
        """Return the seconds until a guess from this address is looked at; 0 for at once."""
        now = self.clock()
        count, last = self._wrong.get(who, (0, now))
        own = 0.0
        if count > FREE_GUESSES and now - last < REMEMBERED_SECONDS:
            own = last + min(LONGEST_WAIT, 2.0 ** (count - FREE_GUESSES)) - now
        while self._all and now - self._all[0] >= 60:
            self._all.popleft()
        everybody = self._all[0] + 60 - now if len(self._all) >= GUESSES_A_MINUTE else 0.0
        return max(own, everybody, 0.0)

    def count(self, who: str) -> None:
        """Remember a wrong guess."""
        now = self.clock()
        count, last = self._wrong.pop(who, (0, now))
        self._wrong[who] = (1 if now - last >= REMEMBERED_SECONDS else count + 1, now)
        self._all.append(now)
        while len(self._wrong) > TRACKED:
            self._wrong.popitem(last=False)

    def forget(self, who: str) -> None:
        """Forget the wrong guesses of an address that has given the password."""
        self._wrong.pop(who, None)


class Gate:
    """Lets a request through to ``app`` when its browser has given the password, or none is set.

    ``user_header`` is removed from what does not come straight from one of the ``proxies``. Raises SettingsError for
    proxies that are no addresses.
    """

    def __init__(
        self,
        app: App,
        password: str = "",
        user_header: str = "",
        proxies: Iterable[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.app = app
        self._password = hashlib.sha256(password.encode("utf-8", "surrogateescape")).digest()
        self._closed = bool(password)
        self._header = user_header.lower().encode("latin-1", "replace")
        self._proxies = networks_of(proxies)
        self._clock = clock
        self._guesses = Guesses(clock)
        self._key = secrets.token_bytes(32)
        self._uploaded: OrderedDict[str, int] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        if self._header and not self._is_proxy(scope):
            scope["headers"] = [(name, value) for name, value in scope["headers"] if name != self._header]
        if self._closed and not self._is_admitted(scope) and scope["path"] != _HEALTH:
            await self._refuse(scope, receive, send)
            return
        problem = self._upload_problem(scope)
        if problem is not None:
            await _answer(send, *problem)
            return
        await self.app(scope, receive, send)

    # ---- the password

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # before it is accepted: a 403
        elif _is_form(scope):
            await self._take_guess(scope, receive, send)
        else:
            # What the request carries is not read.
            await _answer(send, 401, _form("", scope), html=True)

    async def _take_guess(self, scope: Scope, receive: Receive, send: Send) -> None:
        who = self._who(scope)
        given = await _password_of(receive)
        # Nothing is awaited from here to the count: guesses at once are no way round the wait.
        wait = self._guesses.wait(who)
        if wait > 0:
            seconds = int(wait) + 1
            text = f"Too many wrong guesses. Try again in {seconds} seconds."
            await _answer(send, 429, _form(text, scope), [("retry-after", str(seconds))], html=True)
        elif given is not None and hmac.compare_digest(hashlib.sha256(given).digest(), self._password):
            self._guesses.forget(who)
            await _answer(send, 303, "", [("location", _here(scope)), ("set-cookie", self._cookie(scope))])
        else:
            self._guesses.count(who)
            await _answer(send, 401, _form("That is not the password.", scope), html=True)

    def _cookie(self, scope: Scope) -> str:
        expires = str(int(self._clock()) + ADMITTED_SECONDS)
        words = [
            f"{_cookie_name(scope)}={expires}.{self._sign(expires)}",
            f"Max-Age={ADMITTED_SECONDS}",
            "Path=/",
            "HttpOnly",
            "SameSite=Lax",
        ]
        forwarded = self._is_proxy(scope) and _header(scope, b"x-forwarded-proto") == "https"
        return "; ".join([*words, *(["Secure"] if scope["scheme"] == "https" or forwarded else [])])

    def _is_admitted(self, scope: Scope) -> bool:
        try:
            cookies = SimpleCookie(_header(scope, b"cookie"))
        except CookieError:
            return False
        found = cookies.get(_cookie_name(scope))
        expires, _, signature = (found.value if found else "").partition(".")
        if not expires.isascii() or not expires.isdigit() or len(expires) > 20:
            return False
        return hmac.compare_digest(signature.encode(), self._sign(expires).encode()) and (
            int(expires) > self._clock()
        )

    def _sign(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()

    # ---- addresses

    def _is_proxy(self, scope: Scope) -> bool:
        address = _address(scope)
        return address is not None and any(address in network for network in self._proxies)

    def _who(self, scope: Scope) -> str:
        """Return whom a guess is counted against: the peer, or whom a named proxy forwards for."""
        address = _address(scope)
        if self._is_proxy(scope):
            # The last entry is the one that the proxy itself has added.
            last = _header(scope, b"x-forwarded-for").rpartition(",")[2].strip()
            with contextlib.suppress(ValueError):
                address = ipaddress.ip_address(last)
        if isinstance(address, ipaddress.IPv6Address):
            # One line has 2 ** 64 of them.
            return str(ipaddress.ip_network((address, 64), strict=False))
        return str(address)

    # ---- uploads

    def _upload_problem(self, scope: Scope) -> tuple[int, str] | None:
        """Return what is wrong with an upload, before it is read; None when nothing is, or it is no upload."""
        match = _UPLOADS.match(scope["path"])
        if scope["type"] != "http" or match is None or scope["method"] not in ("PUT", "POST"):
            return None
        length = _header(scope, b"content-length")
        if not length.isascii() or not length.isdigit() or len(length) > 18:
            return 411, "The length of an upload has to be given."
        session = match["session"]
        total = self._uploaded.pop(session, 0) + int(length)
        if total > UPLOADED_MOST:
            self._uploaded[session] = total - int(length)
            return 413, f"A session can upload {UPLOADED_MOST // 2**20} MB in all."
        self._uploaded[session] = total
        while len(self._uploaded) > TRACKED:
            self._uploaded.popitem(last=False)
        return None


def _address(scope: Scope) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    client = scope.get("client")
    try:
        address = ipaddress.ip_address(client[0]) if client else None
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def _cookie_name(scope: Scope) -> str:
    """Return the cookie's name; browsers do not keep the cookies of two ports of one machine apart."""
    server = scope.get("server")
    return f"likeness_admission_{server[1] if server else 0}"


def _is_form(scope: Scope) -> bool:
    """Tell whether a request is a password sent by the form: small, and nothing else."""
    kind, length = _header(scope, b"content-type"), _header(scope, b"content-length")
    return (
        scope["method"] == "POST"
        and not scope["path"].startswith("/_stcore")
        and kind.split(";")[0].strip() == "application/x-www-form-urlencoded"
        and length.isascii()
        and length.isdigit()
        and int(length[:18]) <= FORM_BYTES
    )


async def _password_of(receive: Receive) -> bytes | None:
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if len(body) > FORM_BYTES:
            return None
        if not message.get("more_body"):
            break
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=4, encoding="utf-8", errors="surrogateescape")
    except ValueError:
        return None
    return fields["password"][0].encode("utf-8", "surrogateescape") if "password" in fields else None


def _here(scope: Scope) -> str:
    """Return the address that was asked for, relative to itself: no other site, and right behind any prefix."""
    raw = scope.get("raw_path") or scope["path"].encode("utf-8")
    last = raw.decode("latin-1").rpartition("/")[2]
    query = scope.get("query_string", b"").decode("latin-1")
    return f"./{last}" + (f"?{query}" if query else "")


async def _answer(
    send: Send, status: int, text: str, headers: Iterable[tuple[str, str]] = (), html: bool = False
) -> None:
    body = text.encode()
    common = {
        "content-type": "text/html; charset=utf-8" if html else "text/plain; charset=utf-8",
        "content-length": str(len(body)),
        "cache-control": "no-store",
        "connection": "close",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
        "frame-ancestors 'none'",
    }
    pairs = [*common.items(), *headers]
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in pairs],
        }
    )
    await send({"type": "http.response.body", "body": b"" if status == 303 else body})


def _form(problem: str, scope: Scope) -> str:
    """Return the page that asks for the password; it posts to its own address."""
    if scope["method"] not in ("GET", "HEAD", "POST"):
        return "The password is needed first."
    told = f"<p role=alert>{problem}</p>" if problem else ""
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        "<title>Likeness</title><style>:root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;"
        "max-width:22rem;margin:20vh auto;padding:0 1rem}input,button{font:inherit;padding:.4rem .7rem;width:100%;"
        "box-sizing:border-box;margin:.3rem 0}p{color:#c0392b}</style><h1>Likeness</h1><form method=post>"
        "<label for=password>Password</label><input id=password name=password type=password autofocus required "
        f"autocomplete=current-password maxlength=1000><button>Enter</button></form>{told}"
    )
