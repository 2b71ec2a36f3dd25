"""Settings as people write them: from the text of an override to a value, from what pydantic refuses to a sentence."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from schema.near import did_you_mean

Model = type[BaseModel]

VARIABLES = "LIKENESS_"
"""How variables of the environment begin that hold a setting: LIKENESS_SECTION__KEY."""


def environment_overrides() -> list[str]:
    """Return the settings that variables of the environment hold, as overrides, sorted by name."""
    found = []
    for name, value in sorted(os.environ.items()):
        section, separator, key = name.removeprefix(VARIABLES).partition("__")
        if name.startswith(VARIABLES) and separator and section and key:
            found.append(f"{section}.{key.replace('__', '.')}".lower() + f"={value}")
    return found


def parse(text: str, kind: object) -> Any:
    """Return a TOML value where the text is one, else the plain text: paths and names need no quotes.

    Text stays text where the setting is text: ``encoder.path=2024`` names a file.
    """
    if kind is str:
        if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
            return text[1:-1]
        return text
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    if isinstance(value, str) and getattr(kind, "__origin__", None) is tuple:
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def field_type(model: Model, place: Sequence[str]) -> object:
    """Return the type of the setting at ``place``, such as (section, key), or None where there is none."""
    inner = _model_at(model, place[:-1])
    field = inner.model_fields.get(place[-1]) if inner else None
    return field.annotation if field else None


def explain(error: ValidationError, model: Model, section: str = "") -> str:
    """Return what is wrong with the values of ``model``, each by its name, unknown ones with what is allowed.

    ``section`` is where in the settings the model itself is.
    """
    lines = []
    for problem in error.errors():
        place = [str(part) for part in problem["loc"]]
        name = ".".join([section] * bool(section) + place)
        if problem["type"] == "extra_forbidden":
            allowed = _allowed(model, place)
            guess = did_you_mean(place[-1], allowed)
            where = name.rpartition(".")[0] or "the top level"
            lines.append(f"unknown setting {name}{guess}; {where} takes: {', '.join(allowed) or 'nothing'}")
        else:
            given = problem.get("input")
            guess = ""
            if problem["type"] == "literal_error":
                guess = did_you_mean(
                    str(given), [str(choice) for choice in get_args(field_type(model, place))]
                )
            message = problem["msg"].removeprefix("Value error, ")
            said = message[:1].lower() + message[1:]
            lines.append(f"bad value for {name}: {said}, got {given!r}{guess}")
    return "; ".join(lines)


def _allowed(model: Model, place: Sequence[str]) -> list[str]:
    inner = _model_at(model, place[:-1])
    return [name for name in inner.model_fields if name != "plugins"] if inner else []


def _model_at(model: Model, place: Sequence[str]) -> Model | None:
    """Return the model of a section within another, or None where that place is no section."""
    inner: object = model
    for name in place:
        if name.isdigit():  # a place in a list of sections, such as gate.0
            continue
        field = (
            inner.model_fields.get(name) if isinstance(inner, type) and issubclass(inner, BaseModel) else None
        )
        inner = field.annotation if field else None
        if get_origin(inner) is tuple:
            inner = get_args(inner)[0]
    return inner if isinstance(inner, type) and issubclass(inner, BaseModel) else None
