"""The options of the command line, by name; a stage in ``ui.flow.STAGES`` names those that it takes."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

Command = Callable[..., None]

store = click.option(
    "--store", "uri", required=True, metavar="DIR", help="Folder or object-store URI of the store."
)
verbose = click.option("-v", "--verbose", is_flag=True, help="All counts and notes of each stage.")
where = click.option(
    "--where", help="Filter over the columns of items and labels, e.g. \"hair_color = 'blonde'\"."
)
OUT = click.argument("out", type=click.Path())
OPTIONS: dict[str, Callable[[Command], Command]] = {
    "sources": click.option(
        "--source", "sources", multiple=True, required=True, metavar="PATH",
        help="Folder, listing or tar of items; repeatable.",
    ),
    "refresh": click.option(
        "--refresh", type=click.Choice(["never", "fast", "full"]), default=None,
        help="Known files: never look again, compare size and time (fast, the default), or read again (full).",
    ),
    "keep_missing": click.option(
        "--keep-missing", is_flag=True, help="Files that are gone stay in the data set."
    ),
    "runner": click.option(
        "--runner", type=click.Choice(["local", "ray"]), default="local", show_default=True,
        help="Where the work is done: here, or on the Ray cluster of RAY_ADDRESS.",
    ),
    "dry_run": click.option(
        "--dry-run", "dry_run", type=click.Path(dir_okay=False, path_type=Path), metavar="CSV",
        help="Write what would be kept, and why, to this file; change no groups.",
    ),
    "against": click.option(
        "--against", metavar="PATH",
        help="Also set aside what another store or a folder has, such as a held-out test set.",
    ),
    "release": click.option("--release", metavar="PATH", help="Take back what was set aside against PATH."),
    "names": click.argument("names", nargs=-1, metavar="[NAME]..."),
    "again": click.option(
        "--again", is_flag=True, help="Write the captions that --where matches anew, such as flagged ones."
    ),
    "full": click.option("--full", is_flag=True, help="Fit everything anew, not only what changed."),
    "out": OUT,
    "format": click.option(
        "--format", default="parquet", show_default=True,
        help="parquet, jsonl, csv, sqlite, webdataset, folder or huggingface."
    ),
    "counts_only": click.option(
        "--dry-run", "counts_only", is_flag=True, help="Count what would be written, and write nothing."
    ),
    "everything": click.option(
        "--all", "everything", is_flag=True,
        help="All, not the selection: also copies that were set aside and pictures of several characters.",
    ),
    "where": where,
    "passing": click.option(
        "--passing", is_flag=True, help="Only items that the gates of the settings let pass so far."
    ),
    "sheet": click.option(
        "--sheet", type=click.Path(dir_okay=False, path_type=Path), metavar="OUT.html",
        help="Write samples on both sides of each gate as one page.",
    ),
}  # fmt: skip


def settings(command: Command) -> Command:
    """Add --config and --set; the command gets one Settings as ``settings``."""

    @wraps(command)
    def with_settings(*args: Any, config: str | None, overrides: tuple[str, ...], **kwargs: Any) -> None:
        from schema.settings import load_settings

        def note(text: str) -> None:
            click.echo(f"likeness: {text}", err=True)

        command(*args, settings=load_settings(config, overrides, note), **kwargs)

    override = click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="SECTION.KEY=VALUE",
        help="Override one setting; repeatable.",
    )
    file = click.option(
        "--config", type=click.Path(dir_okay=False), metavar="FILE", help="Settings, one TOML file."
    )
    return file(override(with_settings))
