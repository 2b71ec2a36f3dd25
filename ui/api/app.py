"""The app: routes, what stands before them, and one store behind them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from index.store import Store
from schema.settings import Settings
from schema.version import __version__
from ui.api import items, jobs, reviews, search, status
from ui.api.errors import Problem, handle_errors
from ui.api.limits import BodyLimit, LocalNames
from ui.api.metrics import Measured, Metrics
from ui.api.state import Service
from ui.api.tokens import Token
from ui.jobs.line import JobLine
from ui.review.workspace import Workspace

ABOUT = """
A store of character images over HTTP: lists by filters, similar pictures, duplicates, the labels of one picture,
reviews, and jobs for all that takes longer. Errors are `application/problem+json` with a sentence and a hint.
"""


def make_app(
    store: Store, settings: Settings, line: JobLine, tokens: Sequence[Token] = (), *, local: bool = True
) -> FastAPI:
    """Return the app over an open store; ``local`` and without tokens, it answers to names of this machine alone."""

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        yield
        line.close()
        store.close()

    app = FastAPI(title="Likeness", version=__version__, description=ABOUT, lifespan=life)
    app.state.tokens = tuple(tokens)
    app.state.service = Service(Workspace(store, settings), line)
    app.state.metrics = Metrics()
    app.state.metrics.watch(app.state.service)
    handle_errors(app)
    for each in (items, search, reviews, jobs, status):
        app.include_router(each.router)
    _describe_problems(app)
    # The last one added stands first.
    app.add_middleware(BodyLimit, most=settings.serve.max_body)
    if local and not tokens:
        app.add_middleware(LocalNames)
    app.add_middleware(Measured, metrics=app.state.metrics)
    return app


def _describe_problems(app: FastAPI) -> None:
    """Have OpenAPI call a request that cannot be read what it is answered with: a problem, as every other error."""
    plain_openapi = app.openapi

    def described() -> dict[str, object]:
        schema: dict[str, Any] = plain_openapi()
        schemas = schema.setdefault("components", {}).setdefault("schemas", {})
        schemas.setdefault("Problem", Problem.model_json_schema())
        for path in schema["paths"].values():
            for operation in path.values():
                for code, answer in operation.get("responses", {}).items():
                    if code.startswith(("4", "5")):
                        answer["content"] = {
                            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
                        }
        return schema

    app.openapi = described
