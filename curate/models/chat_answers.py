"""Answers of models as JSON, always checked: fences, thinking, prose, cut ends, refusals, wrong values, extra keys.

Servers promise to keep to a schema, and some quietly do not. What comes back is a value, another try, or a reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curate.captions.cleaning import refuses, without_thinking
from curate.models.chat_client import ChatAnswer, ChatClient, ChatRequest
from schema.vocabulary import Attribute

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Parsed:
    """The values of an answer by key, what is wrong with it (empty: nothing), and what was put right."""

    values: Mapping[str, Any]
    problem: str = ""
    flags: tuple[str, ...] = ()


def vocabulary_schema(attributes: Sequence[Attribute]) -> dict[str, Any]:
    """Return the strict JSON Schema of labels: every attribute required, its values and 'unknown' allowed.

    Of attributes with several values a list; strict schemas of some servers allow neither defaults nor bounds.
    """
    properties: dict[str, Any] = {}
    for attribute in attributes:
        values = {"type": "string", "enum": [*(value.name for value in attribute.values), UNKNOWN]}
        many = attribute.kind == "multi-label"
        properties[attribute.name] = {"type": "array", "items": values} if many else values
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def parse_answer(answer: ChatAnswer, schema: Mapping[str, Any]) -> Parsed:
    """Return the values in an answer that a schema allows.

    Keys that it does not have are dropped; values that it does not allow are a problem, and so are missing keys.
    """
    text = without_thinking(answer.text).strip()
    found = next(_objects(text), None)
    if found is None:
        if refuses(text):
            return Parsed({}, "it refuses to answer")
        return Parsed({}, "it was cut off" if answer.cut else "it holds no JSON object")
    values: dict[str, Any] = {}
    problems: list[str] = []
    properties: Mapping[str, Any] = schema["properties"]
    for name, form in properties.items():
        if name not in found:
            problems.append(f"{name} is missing")
            continue
        value, wrong = _fitting(found[name], form)
        values[name] = value
        if wrong:
            problems.append(f"{name} cannot be {wrong}")
    flags = ("extra keys",) if set(found) - set(properties) else ()
    return Parsed(values, "; ".join(problems), flags)


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects in a text, in order: in fences, between words, or alone."""
    decoder = json.JSONDecoder()
    place = text.find("{")
    while place >= 0:
        try:
            found, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            place = text.find("{", place + 1)
            continue
        if isinstance(found, dict):
            yield found
        place = text.find("{", end)


def _fitting(value: Any, form: Mapping[str, Any]) -> tuple[Any, str]:
    """Return a value as its form has it and, where it does not fit, how it reads; letter case is forgiven."""
    if form.get("type") == "array":
        given = value if isinstance(value, list) else [value] if isinstance(value, str) else []
        pairs = [_fitting(each, form["items"]) for each in given]
        wrong = [words for _, words in pairs if words] + (
            [repr(value)[:60]] if given is not value and not given else []
        )
        return [each for each, words in pairs if not words], ", ".join(wrong)
    if form.get("type") == "integer":
        if isinstance(value, str) and value.strip().isdecimal():
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        allowed = form.get("enum")
        good = (
            isinstance(value, int) and not isinstance(value, bool) and (allowed is None or value in allowed)
        )
        return (value, "") if good else (None, repr(value)[:60])
    if "enum" in form:
        plain = " ".join(value.strip().lower().replace("_", " ").split()) if isinstance(value, str) else None
        return (plain, "") if plain in form["enum"] else (None, repr(value)[:60])
    return (value, "") if isinstance(value, str) else (None, repr(value)[:60])


def ask_json(client: ChatClient, requests: Sequence[ChatRequest]) -> list[tuple[Parsed, str, str | None]]:
    """Return for each request what was parsed, the raw answer, and why there is nothing, if there is nothing.

    Answers with a problem are asked for again, up to ``tries``; then the values that are allowed are taken.
    """
    found: list[tuple[Parsed, str, str | None]] = [(Parsed({}), "", None)] * len(requests)
    waiting = list(enumerate(requests))
    for attempt in range(client.options.tries):
        again = []
        for (place, request), answer in zip(
            waiting, client.ask_all(each for _, each in waiting), strict=True
        ):
            assert request.schema is not None
            if answer.reason is not None:
                found[place] = (Parsed({}), "", answer.reason)
                continue
            parsed = parse_answer(answer, request.schema)
            if len(parsed.values) >= len(found[place][0].values):
                found[place] = (parsed, answer.text, _reason(parsed))
            if parsed.problem and attempt + 1 < client.options.tries:
                told = f"That answer cannot be used: {parsed.problem}. Answer with the JSON object alone."
                again.append((place, request.after(answer.text[:4000], told)))
        waiting = again
        if not waiting:
            break
    return found


def _reason(parsed: Parsed) -> str | None:
    usable = any(value not in (None, []) for value in parsed.values.values())
    return None if usable or not parsed.problem else f"no usable answer: {parsed.problem}"[:300]
