"""The commands of the HTTP API: ``likeness serve`` and ``likeness worker``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from schema.errors import MissingExtra
from ui import options

if TYPE_CHECKING:
    from schema.settings import Settings


@click.command()
@click.option(
    "--store", "uri", metavar="DIR", help="Folder or object-store URI of the store; made where there is none."
)
@click.option("--host", help="Address to listen on (default: this machine alone); others need a token.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on (default: 8600).")
@click.option("--no-worker", is_flag=True, help="Start no worker beside it; likeness worker does the jobs.")
@click.option("--new-token", metavar="NAME:ROLE", help="Make a token (role: read, review, write) and end.")
@options.settings
def serve(
    uri: str | None,
    host: str | None,
    port: int | None,
    no_worker: bool,
    new_token: str | None,
    settings: Settings,
) -> None:
    """Serve the HTTP API: items, search, labels, reviews, jobs; its addresses are described under /docs."""
    _need_api_extra()
    if new_token is not None:
        from ui.api.tokens import new_token as make

        name, _, role = new_token.partition(":")
        token, stored = make(name, role)
        click.echo(f'token: {token}\nsetting: serve.tokens = ["{stored}"]')
        return
    if uri is None:
        raise click.UsageError("serve needs --store DIR")
    from ui.api.server import serve_api

    serve_api(uri, settings, host=host, port=port, worker=not no_worker)


@click.command()
@options.store
@click.option("--drain", is_flag=True, help="End when no job is left.")
@options.settings
def worker(uri: str, drain: bool, settings: Settings) -> None:
    """Do the jobs that the HTTP API has taken, one after the other; several workers wait for one another."""
    _need_api_extra()
    from ui.jobs.worker import run_worker

    done = run_worker(uri, settings, drain=drain)
    if drain:
        click.echo(f"{done} jobs done")


def _need_api_extra() -> None:
    """Raise MissingExtra where the packages of the API are not installed."""
    from importlib.util import find_spec

    missing = [
        name for name in ("fastapi", "uvicorn", "huey", "prometheus_client") if find_spec(name) is None
    ]
    if missing:
        raise MissingExtra(
            f"the HTTP API needs packages that are not installed: {', '.join(missing)}",
            "Run: pip install 'likeness-curation[api]'",
        )
