"""What stands before every request: a limit on its body, and on a machine's own address the name that it is called by.

ASGI middlewares, so that nothing is read of what is refused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from ui.api.errors import problem

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


class BodyLimit:
    """Answers 413 for a body of more than ``most`` bytes: before reading where the length is given, else on the way."""

    def __init__(self, app: App, most: int) -> None:
        self.app = app
        self.most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        length = header(scope, b"content-length")
        if length and (not length.isascii() or not length.isdigit() or len(length) > 18):
            await problem(400, "the length of the body is no number")(scope, receive, send)
            return
        if int(length or 0) > self.most:
            await self._refuse(scope, receive, send)
            return
        read, begun, over = 0, False, False

        async def counted() -> Message:
            nonlocal read, over
            message = await receive()
            read += len(message.get("body", b""))
            if read > self.most:
                over = True
                return {"type": "http.disconnect"}
            return message

        async def watched(message: Message) -> None:
            nonlocal begun
            # What the app makes of a body that was cut off is not what is wrong with it.
            if over and not begun:
                return
            begun = True
            await send(message)

        try:
            await self.app(scope, counted, watched)
        except Exception:
            if not over or begun:
                raise
        if over and not begun:
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        said = f"a request has at most {self.most // 2**20 or 1} MB"
        hint = "Put the file below a root of the service, and start a job that reads it there."
        await problem(413, said, hint, {"Connection": "close"})(scope, receive, send)


class LocalNames:
    """Answers only requests that call this machine by a name of its own.

    Without tokens nothing but the address guards the service, and a page on the web can have a name of its own lead to
    127.0.0.1 ('DNS rebinding').
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http":
            named = header(scope, b"host").lower()
            name = named[: named.index("]") + 1] if "]" in named else named.partition(":")[0]
            if name not in LOCAL_NAMES:
                answer = problem(
                    421,
                    f"this service is called localhost, not {name[:80]!r}",
                    "Start it with tokens to call it otherwise.",
                )
                await answer(scope, receive, send)
                return
        await self.app(scope, receive, send)


def header(scope: Scope, name: bytes) -> str:
    """Return a header of a request; empty where there is none."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")
