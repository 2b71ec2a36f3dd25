"""Errors as problem+json (RFC 9457): the sentence and the hint of the command line, and a status for machines."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.responses import Response

from schema.errors import (
    DamagedStore,
    EncoderError,
    FilterError,
    InputError,
    LikenessError,
    MissingExtra,
    ReviewConflict,
    StoreBusy,
    StoreError,
)

KIND = "application/problem+json"
log = logging.getLogger("likeness.api")

# The first class that an error is an instance of decides.
_STATUS: tuple[tuple[type[LikenessError], int], ...] = (
    (ReviewConflict, 409),
    (StoreBusy, 503),
    (DamagedStore, 503),
    (StoreError, 404),
    (MissingExtra, 501),
    (EncoderError, 422),
    (FilterError, 422),
    (InputError, 422),
    (LikenessError, 400),
)


class Refused(LikenessError):
    """Raised by the API itself, with the status that it answers: no token, a role too low, a body too large."""

    def __init__(
        self, status: int, message: str, hint: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message, hint)
        self.status = status
        self.headers = dict(headers or {})


class Problem(BaseModel):
    """What an answer says that is not what was asked for: ``detail`` is a sentence, ``hint`` what to do."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    hint: str = ""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "about:blank",
                "title": "Unprocessable Content",
                "status": 422,
                "detail": "there is no column 'hair'; near ones: hair_color",
                "hint": "All of them: likeness values",
            }
        }
    )


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the entries of OpenAPI for the problems that a route answers, those that all routes can among them."""
    every = (400, 401, 403, 404, 413, 422, 503, *statuses)
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "model": Problem,
            "content": {KIND: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted(set(every))
    }


def problem(status: int, detail: str, hint: str = "", headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer of this status with a sentence."""
    title = HTTPStatus(status).phrase
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, "hint": hint}
    text = json.dumps(body, ensure_ascii=False).encode("utf-8", "backslashreplace")
    return Response(text, status, headers, KIND)


def status_of(error: LikenessError) -> int:
    """Return the HTTP status of an error."""
    if isinstance(error, Refused):
        return error.status
    return next(status for kind, status in _STATUS if isinstance(error, kind))


def handle_errors(app: FastAPI) -> None:
    """Have every error of an app answered as problem+json; what nobody expected is logged, and not shown."""

    async def told(_: Request, error: Exception) -> Response:
        assert isinstance(error, LikenessError)
        headers = error.headers if isinstance(error, Refused) else {}
        return problem(status_of(error), error.message, error.hint, headers)

    async def malformed(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        said = "; ".join(_sentence(each) for each in error.errors())
        return problem(422, said[:2000], "/docs says what this address takes.")

    async def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return problem(error.status_code, str(error.detail), headers=error.headers)

    async def unexpected(request: Request, error: Exception) -> Response:
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return problem(500, "this is a fault of the service, which its log describes")

    app.add_exception_handler(LikenessError, told)
    app.add_exception_handler(RequestValidationError, malformed)
    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(Exception, unexpected)


def _sentence(error: Mapping[str, Any]) -> str:
    place = ".".join(str(part) for part in error["loc"] if part not in ("body", "query", "path"))
    said = str(error["msg"])
    return f"{place}: {said[:1].lower()}{said[1:]}" if place else said
