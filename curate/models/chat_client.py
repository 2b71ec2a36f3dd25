"""One client for every server that speaks OpenAI's chat completions: vLLM, Ollama, llama.cpp, LM Studio, hosted ones.

Answers are kept in a cache by picture, prompt and model, so a run that was stopped asks nothing twice. Busy and failing
servers are asked again: after what Retry-After says, or else after a wait that doubles.
"""

from __future__ import annotations

import base64
import email.utils
import hashlib
import http.client
import json
import os
import random
import socket
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import Field, field_validator

from curate.models.chat_cache import ChatCache
from schema.errors import ModelError
from schema.plugins import Options

RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})
FATAL = {401: "refuses the key", 403: "refuses the key", 404: "has no such address or model"}
MOST_ANSWER = 4 * 2**20
"""Bytes of an answer; a server that sends more is not believed."""


class ChatOptions(Options):
    """How a server is asked; shared by every plug-in that asks one."""

    address: str = Field("", description="Base address of the server, such as http://127.0.0.1:8000/v1.")
    model: str = Field("", description="Name of the model, as the server calls it.")
    key_variable: str = Field(
        "OPENAI_API_KEY", description="Environment variable that holds the key; without it none is sent."
    )
    side: int = Field(1024, ge=32, le=4096, description="Long side of the picture that is sent, in pixels.")
    max_tokens: int = Field(512, ge=1, description="Most tokens of an answer.")
    temperature: float = Field(0.0, ge=0, le=2, description="0 gives the same answer each time.")
    tries: int = Field(3, ge=1, le=10, description="How often an answer that cannot be used is asked for.")
    concurrency: int = Field(8, ge=1, le=256, description="Requests at once.")
    retries: int = Field(6, ge=0, le=50, description="How often a busy or failing server is asked again.")
    wait: float = Field(
        1.0, gt=0, description="Seconds before the first of these; then twice as long each time."
    )
    longest_wait: float = Field(60.0, gt=0, description="Most seconds between two of them.")
    timeout: float = Field(120.0, gt=0, description="Seconds that an answer may take.")
    cache: str = Field(
        "", description="File of answers; empty keeps them in the user's cache folder, 'none' nowhere."
    )
    price_in: float = Field(
        0.0, ge=0, description="Price of a million tokens sent, for the sum that is told."
    )
    price_out: float = Field(0.0, ge=0, description="Price of a million tokens answered.")

    RUNNING: ClassVar[frozenset[str]] = frozenset(
        "address key_variable concurrency retries wait longest_wait timeout cache price_in price_out".split()
    )
    """Options that change no answer."""

    @field_validator("address")
    @classmethod
    def _http(cls, given: str) -> str:
        if given and not given.startswith(("http://", "https://")):
            raise ValueError("an address begins with http:// or https://")
        return given.rstrip("/").removesuffix("/chat/completions")


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What is asked: a prompt, a JPEG, and the JSON Schema of the answer. ``content`` names the picture in the cache.

    ``earlier`` are answers that could not be used, each with what was wrong with it.
    """

    prompt: str
    content: str
    image: bytes | None = None
    schema: Mapping[str, Any] | None = None
    earlier: tuple[tuple[str, str], ...] = ()

    def after(self, answer: str, problem: str) -> ChatRequest:
        """Return the request for another try."""
        return ChatRequest(
            self.prompt, self.content, self.image, self.schema, (*self.earlier, (answer, problem))
        )


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """What came back: the text, whether it was cut at its length, or why there is none."""

    text: str = ""
    cut: bool = False
    reason: str | None = None


@dataclass(slots=True)
class ChatTotals:
    """What was asked and what it took; written by several threads under a lock."""

    counts: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, **counts: int) -> None:
        """Add to the counts."""
        with self.lock:
            self.counts.update(counts)


class ChatClient:
    """Asks one model; its methods may be called from several threads.

    Raises ModelError when no server or model is named, and while asking when the server refuses the key or knows no
    such model: these would fail for every row.
    """

    def __init__(self, options: ChatOptions, section: str) -> None:
        if not options.address or not options.model:
            raise ModelError(
                "no server or no model is named",
                f"Set {section}.address (http://.../v1) and {section}.model.",
            )
        self.options = options
        self.totals = ChatTotals()
        self._key = os.environ.get(options.key_variable, "") if options.key_variable else ""
        self._cache = ChatCache.open(options.cache)

    def close(self) -> None:
        """Close the cache."""
        self._cache.close()

    def ask_all(self, requests: Iterable[ChatRequest]) -> Iterator[ChatAnswer]:
        """Yield the answers in the order of the requests, with ``concurrency`` of them under way."""
        with ThreadPoolExecutor(self.options.concurrency, thread_name_prefix="chat") as pool:
            yield from pool.map(self.ask, requests)

    def ask(self, request: ChatRequest) -> ChatAnswer:
        """Return the answer to a request, from the cache where it is known."""
        key = self._key_of(request)
        known = self._cache.get(key)
        if known is not None:
            self.totals.add(cached=1)
            return ChatAnswer(known["text"], known["cut"])
        answer, usage = self._asked(request)
        if answer.reason is None:
            self._cache.put(key, {"text": answer.text, "cut": answer.cut, "model": self.options.model})
        self.totals.add(
            asked=1,
            tokens_in=int(usage.get("prompt_tokens") or 0),
            tokens_out=int(usage.get("completion_tokens") or 0),
        )
        return answer

    def told(self) -> str:
        """Return in one line what was asked: requests, answers of the cache, tokens, the price."""
        counts = self.totals.counts
        line = f"{counts['asked']} requests, {counts['cached']} answers from the cache, {counts['again']} asked again, "
        line += f"{counts['tokens_in']:,} tokens sent and {counts['tokens_out']:,} answered"
        price = counts["tokens_in"] * self.options.price_in + counts["tokens_out"] * self.options.price_out
        return line + (f", {price / 1e6:.2f} in all" if price else "")

    # ---- one request

    def _key_of(self, request: ChatRequest) -> str:
        options = self.options.model_dump(mode="json", exclude=set(ChatOptions.RUNNING))
        own = {name: options[name] for name in ("model", "side", "max_tokens", "temperature")}
        facts = [own, request.prompt, request.content, request.schema, request.earlier]
        text = json.dumps(facts, sort_keys=True, ensure_ascii=True)
        return hashlib.blake2b(text.encode(), digest_size=20).hexdigest()

    def _body(self, request: ChatRequest) -> bytes:
        content: list[dict[str, Any]] = [{"type": "text", "text": request.prompt}]
        if request.image is not None:
            data = base64.b64encode(request.image).decode("ascii")
            content.append({"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{data}"}})
        messages: list[dict[str, Any]] = [{"role": "user", "content": content}]
        for answer, problem in request.earlier:
            messages += [{"role": "assistant", "content": answer}, {"role": "user", "content": problem}]
        body: dict[str, Any] = {
            "model": self.options.model,
            "messages": messages,
            "max_tokens": self.options.max_tokens,
            "temperature": self.options.temperature,
        }
        if request.schema is not None:
            form = {"name": "answer", "strict": True, "schema": request.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        return json.dumps(body).encode()

    def _asked(self, request: ChatRequest) -> tuple[ChatAnswer, Mapping[str, Any]]:
        body = self._body(request)
        problem = ""
        for again in range(self.options.retries + 1):
            if again:
                self.totals.add(again=1)
            wait = min(self.options.wait * 2**again, self.options.longest_wait) * random.uniform(0.75, 1.25)
            try:
                return _answer(self._post(body))
            except urllib.error.HTTPError as error:
                text = _said(error)
                if error.code in FATAL:
                    raise ModelError(
                        f"{self.options.address} {FATAL[error.code]} ({error.code}): {text}",
                        f"The key is read from the environment variable {self.options.key_variable}.",
                    ) from error
                problem = f"the server answered {error.code}: {text}"
                if error.code not in RETRIED:
                    return ChatAnswer(reason=problem), {}
                wait = min(_retry_after(error.headers.get("Retry-After"), wait), self.options.longest_wait)
            except (OSError, http.client.HTTPException, ValueError) as error:
                timed_out = isinstance(error, TimeoutError | socket.timeout) or "timed out" in str(error)
                problem = (
                    f"no answer within {self.options.timeout:g} s"
                    if timed_out
                    else f"no usable answer: {error}"
                )
            if again < self.options.retries:
                time.sleep(wait)
        return ChatAnswer(reason=f"{problem}; asked {self.options.retries + 1} times"[:300]), {}

    def _post(self, body: bytes) -> Any:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        asked = urllib.request.Request(f"{self.options.address}/chat/completions", body, headers)  # noqa: S310
        with urllib.request.urlopen(asked, timeout=self.options.timeout) as response:  # noqa: S310 - checked: http
            data = response.read(MOST_ANSWER + 1)
        if len(data) > MOST_ANSWER:
            raise ValueError("the answer is longer than 4 MiB")
        return json.loads(data)


def _answer(given: Any) -> tuple[ChatAnswer, Mapping[str, Any]]:
    """Return the text of a completion; raises ValueError for an object of another form."""
    try:
        choice = given["choices"][0]
        message = choice["message"]
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError(f"it is no chat completion: {str(given)[:120]}") from error
    usage = given.get("usage")
    text = message.get("content")
    if isinstance(text, Sequence) and not isinstance(text, str):
        text = "".join(part.get("text", "") for part in text if isinstance(part, Mapping))
    refused = message.get("refusal")
    answer = ChatAnswer(str(text or refused or ""), choice.get("finish_reason") == "length")
    return answer, usage if isinstance(usage, Mapping) else {}


def _said(error: urllib.error.HTTPError) -> str:
    """Return what a server says of an error, in one short line."""
    try:
        text = error.read(4000).decode("utf-8", "replace")
    except OSError:
        text = ""
    try:
        given = json.loads(text)
        inner = given.get("error", given)
        text = inner.get("message", text) if isinstance(inner, Mapping) else str(inner)
    except (ValueError, AttributeError):
        pass
    return " ".join(str(text).split())[:160] or str(error.reason)


def _retry_after(header: str | None, otherwise: float) -> float:
    """Return the seconds that Retry-After asks for, as a number or a date."""
    if not header:
        return otherwise
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - time.time())
    except (TypeError, ValueError):
        return otherwise
