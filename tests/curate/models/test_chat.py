"""Endpoints: a server on this machine that answers badly in every way; each item ends right or with a reason."""

from __future__ import annotations

import json
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from curate.captions.stage import run_caption
from curate.models.chat_answers import UNKNOWN, parse_answer, vocabulary_schema
from curate.models.chat_client import ChatAnswer, ChatClient, ChatOptions, ChatRequest
from curate.stage import run_measure
from index.store import Store
from schema.errors import ModelError
from schema.settings import Settings
from schema.vocabulary import load_vocabulary

GOOD = {"hair_color": "blonde", "dress": ["kimono"], "gender": "female"}
WRONG = GOOD | {"hair_color": "golden"}
NAMES = tuple(GOOD)
SCHEMA = vocabulary_schema([load_vocabulary().attribute(name) for name in NAMES])


class Served:
    """A server whose answers the test writes: ``answer`` gets the request and how often the same one was asked."""

    def __init__(self, answer: Callable[[dict[str, Any], int], Any]) -> None:
        self.answer = answer
        self.asked: list[dict[str, Any]] = []
        self.times: Counter[str] = Counter()
        self.most = self.now = 0
        self.lock = threading.Lock()
        server = type("Server", (ThreadingHTTPServer,), {"request_queue_size": 256})
        self.server = server(("127.0.0.1", 0), self._handler())
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self.thread.start()
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                asked = json.loads(body)
                with served.lock:
                    served.asked.append(
                        {"path": self.path, "key": self.headers.get("Authorization"), **asked}
                    )
                    seen = served.times[body.decode()]
                    served.times[body.decode()] += 1
                    served.now += 1
                    served.most = max(served.most, served.now)
                try:
                    status, headers, data = served.answer(asked, seen)
                finally:
                    with served.lock:
                        served.now -= 1
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                return

        return Handler


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    started: list[Served] = []

    def start(answer: Callable[[dict[str, Any], int], Any]) -> Served:
        started.append(Served(answer))
        return started[-1]

    yield start
    for served in started:
        served.close()


def said(
    text: Any, finish: str = "stop", status: int = 200, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    text = text if isinstance(text, str) else json.dumps(text)
    body = {
        "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": finish}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5},
    }
    return status, headers, json.dumps(body).encode()


def failed(status: int, message: str = "busy", **headers: str) -> tuple[int, dict[str, str], bytes]:
    return status, headers, json.dumps({"error": {"message": message}}).encode()


def client_of(served: Served, tmp_path: Path, **options: Any) -> ChatClient:
    given = {"address": served.address, "model": "m", "wait": 0.001, "longest_wait": 0.01, "retries": 3}
    return ChatClient(
        ChatOptions(**given | {"cache": str(tmp_path / "answers.sqlite3")} | options), "measure.vlm"
    )


@pytest.mark.parametrize(
    ("text", "finish", "values", "problem"),
    [
        (json.dumps(GOOD), "stop", GOOD, ""),
        (f"Sure!\n```json\n{json.dumps(GOOD)}\n```", "stop", GOOD, ""),
        (f"<think>maybe {{red}}?</think>{json.dumps(GOOD)}", "stop", GOOD, ""),
        (f"Blonde {{it seems}}. {json.dumps(GOOD | {'mood': 1})} Done.", "stop", GOOD, ""),
        (json.dumps(GOOD | {"hair_color": " Blonde "}), "stop", GOOD, ""),
        (json.dumps(WRONG), "stop", GOOD | {"hair_color": None}, "hair_color cannot be 'golden'"),
        (json.dumps(GOOD | {"dress": ["kimono", "sky"]}), "stop", GOOD, "dress cannot be 'sky'"),
        (json.dumps({"hair_color": "red"}), "stop", {"hair_color": "red"}, "dress is missing; gender is missing"),
        (json.dumps(GOOD)[:25], "length", {}, "it was cut off"),
        ("A girl in a kimono.", "stop", {}, "it holds no JSON object"),
        ("I'm sorry, but I can't help with that.", "stop", {}, "it refuses to answer"),
        ("[1, 2]", "stop", {}, "it holds no JSON object"),
    ],
)  # fmt: skip
def test_answers_are_always_checked(text: str, finish: str, values: dict[str, Any], problem: str) -> None:
    parsed = parse_answer(ChatAnswer(text, finish == "length"), SCHEMA)
    assert (dict(parsed.values), parsed.problem) == (values, problem)


def test_the_schema_is_strict_and_has_unknown() -> None:
    assert SCHEMA["additionalProperties"] is False and SCHEMA["required"] == list(NAMES)
    assert UNKNOWN in SCHEMA["properties"]["hair_color"]["enum"]
    assert SCHEMA["properties"]["dress"]["type"] == "array"


def test_busy_and_failing_servers_are_asked_again(serve: Callable[..., Served], tmp_path: Path) -> None:
    def answer(asked: dict[str, Any], seen: int) -> Any:
        word = asked["messages"][0]["content"][0]["text"]
        if word == "limited" and seen < 2:
            return failed(429, "slow down", **{"Retry-After": "0.01"})
        if word == "broken" and seen < 1:
            return failed(500)
        if word == "garbled" and seen < 1:
            return 200, {}, b"<html>"
        if word == "down":
            return failed(503, "overloaded")
        if word == "blind":
            return failed(400, "this model takes no pictures")
        return said(word)

    client = client_of(serve(answer), tmp_path)
    words = ["limited", "broken", "garbled", "down", "blind", "fine"]
    answers = list(client.ask_all(ChatRequest(word, word) for word in words))
    assert [each.text for each in answers] == ["limited", "broken", "garbled", "", "", "fine"]
    assert answers[3].reason == "the server answered 503: overloaded; asked 4 times"
    assert answers[4].reason == "the server answered 400: this model takes no pictures"
    assert client.totals.counts["again"] == 2 + 1 + 1 + 3
    assert "40 tokens sent and 20 answered" in client.told()
    client.close()


def test_a_timeout_is_a_reason(serve: Callable[..., Served], tmp_path: Path) -> None:
    gate = threading.Event()

    def answer(asked: dict[str, Any], seen: int) -> Any:
        gate.wait(5)
        return said("late")

    client = client_of(serve(answer), tmp_path, timeout=0.2, retries=1)
    assert client.ask(ChatRequest("p", "c")).reason == "no answer within 0.2 s; asked 2 times"
    gate.set()
    client.close()


@pytest.mark.parametrize("status", [401, 403, 404])
def test_what_would_fail_for_all_stops_the_run(
    serve: Callable[..., Served], tmp_path: Path, status: int
) -> None:
    client = client_of(serve(lambda *_: failed(status, "no")), tmp_path)
    with pytest.raises(ModelError, match=str(status)):
        client.ask(ChatRequest("p", "c"))
    client.close()


def test_many_in_flight_keep_their_order_and_the_key_comes_from_the_environment(
    serve: Callable[..., Served], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "secret")
    barrier = threading.Barrier(64, timeout=30)

    def answer(asked: dict[str, Any], seen: int) -> Any:
        barrier.wait()
        return said(asked["messages"][0]["content"][0]["text"])

    served = serve(answer)
    client = client_of(served, tmp_path, concurrency=64, key_variable="MY_KEY")
    answers = list(client.ask_all(ChatRequest(str(n), str(n)) for n in range(128)))
    assert [each.text for each in answers] == [str(n) for n in range(128)]
    assert served.most == 64
    assert {each["key"] for each in served.asked} == {"Bearer secret"}
    assert "secret" not in (tmp_path / "answers.sqlite3").read_bytes().decode("latin-1")
    client.close()


def settings_for(served: Served, tmp_path: Path, section: str, name: str, **options: Any) -> Settings:
    given = {
        "address": served.address, "model": "m", "wait": 0.001, "longest_wait": 0.01, "retries": 1, "tries": 2,
        "cache": str(tmp_path / "answers.sqlite3"), "side": 64, **options,
    }  # fmt: skip
    return Settings.model_validate({section: {name: given, "commit_rows": 4}})


def test_every_picture_gets_values_or_a_reason_and_nothing_is_asked_twice(
    serve: Callable[..., Served], tmp_path: Path, picture_store: Callable[..., tuple[Store, list[Path]]]
) -> None:
    numbers: dict[str, int] = {}
    lock = threading.Lock()
    turns: dict[int, int] = defaultdict(int)
    kinds = ("good", "prose", "fenced", "wrong then good", "refusal", "wrong", "cut then good", "unknown")

    def answer(asked: dict[str, Any], seen: int) -> Any:
        content = asked["messages"][0]["content"]
        assert asked["response_format"]["json_schema"]["strict"] is True
        assert not [name for name in asked if name.startswith("guided")]
        url = content[1]["image_url"]["url"]
        assert url.startswith("data:image/jpeg;base64,")
        with lock:
            number = numbers.setdefault(url, len(numbers))
            turns[number] += 1
            turn = turns[number]
        kind = kinds[number % len(kinds)]
        wrong = GOOD | {"hair_color": "golden"}
        return {
            "good": said(GOOD),
            "prose": said("A girl."),
            "fenced": said(f"```json\n{json.dumps(GOOD)}\n```"),
            "wrong then good": said(GOOD if turn > 1 else wrong),
            "refusal": said("I'm sorry, I can't help with that."),
            "wrong": said(wrong),
            "cut then good": said(GOOD) if turn > 1 else said(json.dumps(GOOD)[:20], "length"),
            "unknown": said({"hair_color": "unknown", "dress": ["unknown"], "gender": "unknown"}),
        }[kind]

    served = serve(answer)
    store, _ = picture_store(8)
    settings = settings_for(served, tmp_path, "measure", "vlm", attributes=NAMES, concurrency=1)
    summary = run_measure(store, settings, ["vlm"])
    assert summary.counts["measured"] == 6
    assert summary.failures == {
        "no usable answer: it holds no JSON object": 1, "no usable answer: it refuses to answer": 1,
    }  # fmt: skip
    rows = store.read("measures_vlm").to_pylist()
    assert [row["vlm_hair_color"] for row in rows] == ["blonde", "blonde", "blonde", None, "blonde", None]
    assert [row["vlm_dress"] for row in rows] == [["kimono"]] * 5 + [None]
    assert rows[3]["vlm_flags"] == ["wrong values"] and "golden" in rows[3]["vlm_raw"]
    asked = len(served.asked)
    assert asked == 8 + 5  # five of them once more
    assert run_measure(store, settings, ["vlm"]).skipped
    store.drop("measures_vlm")
    store.delete("failures", "stage = 'measure vlm'")
    assert run_measure(store, settings, ["vlm"]).counts["measured"] == 6
    assert len(served.asked) == asked


def test_captions_are_cleaned_and_a_refusal_is_asked_again(
    serve: Callable[..., Served], tmp_path: Path, picture_store: Callable[..., tuple[Store, list[Path]]]
) -> None:
    def answer(asked: dict[str, Any], seen: int) -> Any:
        if len(asked["messages"]) == 1:
            return said("I'm sorry, but I cannot describe people.")
        return said("**The image shows** a girl in a park. She smiles. She is hol", "length")

    served = serve(answer)
    store, _ = picture_store(3)
    settings = settings_for(served, tmp_path, "caption", "vlm")
    summary = run_caption(store, settings, ["vlm"])
    assert summary.counts["captioned"] == 3
    assert "vlm: 6 requests" in summary.notes[0]
    rows = store.read("captions_vlm").to_pylist()
    assert {row["caption_vlm"] for row in rows} == {"A girl in a park. She smiles."}
    assert rows[0]["caption_vlm_flags"] == ["cut"]
    assert rows[0]["caption_vlm_raw"].startswith("**The image shows**")
    assert run_caption(store, settings, ["vlm"]).skipped


def test_the_judge_keeps_to_its_scale(
    serve: Callable[..., Served], tmp_path: Path, picture_store: Callable[..., tuple[Store, list[Path]]]
) -> None:
    served = serve(lambda asked, seen: said({"score": "4", "reason": "clean"} if seen == 0 else {"score": 9}))
    store, _ = picture_store(2)
    assert (
        run_measure(store, settings_for(served, tmp_path, "measure", "judge"), ["judge"]).counts["measured"]
        == 2
    )
    assert [row["judge_score"] for row in store.read("measures_judge").to_pylist()] == [4, 4]


def test_without_a_server_named_it_says_so() -> None:
    with pytest.raises(ModelError, match="no server or no model is named"):
        ChatClient(ChatOptions(), "measure.vlm")
