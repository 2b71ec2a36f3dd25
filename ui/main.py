"""The command line. Commands import what they run when they run it: ``--help`` loads no heavy package.

Exit codes: 0 done, 1 an error that says what to do, 2 wrong usage, 3 an export without the pictures that could not be
read, 130 stopped with Ctrl-C.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from schema.errors import LikenessError, StoreError
from schema.version import __version__

if TYPE_CHECKING:
    from schema.records import Summary
    from schema.settings import Settings

STOPPED = 130
INCOMPLETE = 3


class Likeness(click.Group):
    """The group of commands; errors made for the user end as one message on stderr and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command and turn its errors into exit codes."""
        try:
            return super().invoke(ctx)
        except LikenessError as error:
            click.echo(f"likeness: {error.message}", err=True)
            if error.hint:
                click.echo(f"  {error.hint}", err=True)
            ctx.exit(1)
        except (KeyboardInterrupt, click.exceptions.Abort):
            click.echo("\nlikeness: stopped; the same command goes on where it was", err=True)
            ctx.exit(STOPPED)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of the flow, not of the alphabet."""
        return list(self.commands)


@click.group(cls=Likeness, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="likeness")
def cli() -> None:
    """An embedding store for character images: from half-tagged files to a deduplicated, labelled Parquet."""


def main() -> None:
    """Run the command line."""
    cli()


Command = Callable[..., None]


def store_option(command: Command) -> Command:
    """Add --store."""
    return click.option(
        "--store", "uri", required=True, metavar="DIR", help="Folder or object-store URI of the store."
    )(command)


def settings_options(command: Command) -> Command:
    """Add --config and --set; the command gets one Settings."""
    from functools import wraps

    @wraps(command)
    def with_settings(*args: Any, config: str | None, overrides: tuple[str, ...], **kwargs: Any) -> None:
        from schema.settings import load_settings

        command(*args, settings=load_settings(config, overrides), **kwargs)

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


source_option = click.option(
    "--source", "sources", multiple=True, metavar="PATH", help="Folder, listing or tar of items; repeatable."
)


runner_option = click.option(
    "--runner",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Where pictures are embedded: here, or on the Ray cluster of RAY_ADDRESS.",
)


def show(summary: Summary) -> None:
    """Print what one stage did, with its notes and failures."""
    from ui.terminal.tables import summary_table

    click.echo(summary_table([summary]))


@cli.command()
@store_option
@source_option
@click.option("--export", "out", metavar="OUT", help="Export to this folder at the end.")
@runner_option
@settings_options
def run(uri: str, sources: tuple[str, ...], out: str | None, runner: str, settings: Settings) -> None:
    """The whole flow: ingest, embed, index, dedupe, label. Run again, it does only what is missing."""
    from ui.flow import run_all
    from ui.terminal.tables import stage_line

    if not sources and not _exists(uri):
        raise click.UsageError("a new store needs at least one --source PATH")
    done = run_all(uri, settings, sources, lambda s: click.echo(stage_line(s), err=True), runner)
    if out:
        done.append(_export(uri, out, "parquet", settings))
    _conclude(uri, done)
    _exit_incomplete(done)


def _exists(uri: str) -> bool:
    return "://" in uri or (Path(uri).expanduser() / "store.json").exists()


def _conclude(uri: str, done: list[Summary]) -> None:
    from index.store import Store
    from ui.terminal.quality import quality_text
    from ui.terminal.tables import summary_table

    click.echo("\n" + summary_table(done))
    with Store.open(uri) as store:
        text = quality_text(store)
    if text:
        click.echo("\n" + text)


def _stage(name: str, uri: str, settings: Settings) -> None:
    from index.store import Store
    from ui import flow

    with Store.open(uri, write=True) as store:
        show(getattr(flow, name)(store, settings))


@cli.command()
@store_option
@source_option
@settings_options
def ingest(uri: str, sources: tuple[str, ...], settings: Settings) -> None:
    """Files, tags, texts -> items."""
    from index.store import Store
    from ui import flow

    if not sources:
        raise click.UsageError("ingest needs at least one --source PATH")
    flow.check_sources(settings, sources)
    with Store.open(uri, create=True, write=True) as store:
        show(flow.ingest(store, settings, sources))


@cli.command()
@store_option
@runner_option
@settings_options
def embed(uri: str, runner: str, settings: Settings) -> None:
    """Items -> vectors."""
    from index.store import Store
    from ui import flow

    with Store.open(uri, write=True) as store:
        show(flow.embed(store, settings, runner))


@cli.command()
@store_option
@settings_options
def index(uri: str, settings: Settings) -> None:
    """Vectors -> the kNN graph and the search index."""
    _stage("index", uri, settings)


@cli.command()
@store_option
@click.option(
    "--dry-run",
    "plan",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="CSV",
    help="Write what would be kept, and why, to this file; change no groups.",
)
@settings_options
def dedupe(uri: str, plan: Path | None, settings: Settings) -> None:
    """Neighbours and hashes -> duplicate groups."""
    from index.store import Store
    from ui import flow

    with Store.open(uri, write=True) as store:
        show(flow.dedupe(store, settings, plan))


@cli.command()
@store_option
@settings_options
@click.option("--full", is_flag=True, help="Learn everything anew, not only judge again what changed.")
def label(uri: str, settings: Settings, full: bool) -> None:
    """Tags, reviews, neighbours -> labels with a confidence, or null."""
    from index.store import Store
    from ui import flow

    with Store.open(uri, write=True) as store:
        show(flow.label(store, settings, full))


@cli.command()
@store_option
@click.option("--host", help="Address to listen on (default: this machine alone).")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on (default: 8501).")
@click.option("--readonly", is_flag=True, help="Look, do not decide.")
@click.option(
    "--replay", type=click.Path(exists=True, dir_okay=False), help="Take in a review log (JSONL) and end."
)
@click.option(
    "--log", "log_out", type=click.Path(dir_okay=False), help="Write the review log (JSONL) and end."
)
@settings_options
def review(
    uri: str,
    host: str | None,
    port: int | None,
    readonly: bool,
    replay: str | None,
    log_out: str | None,
    settings: Settings,
) -> None:
    """Open the review page in a browser; corrections feed the next vote."""
    if replay or log_out:
        _carry_log(uri, replay, log_out)
        return
    if not _exists(uri):
        raise StoreError(
            f"there is no store at {uri}", "Make one with: likeness run --store ... --source ..."
        )
    from ui.serve import serve

    serve(uri, settings, host=host, port=port, readonly=readonly)


def _carry_log(uri: str, replay: str | None, out: str | None) -> None:
    from index.reviews.effective import export_reviews, replay_reviews
    from index.store import Store

    with Store.open(uri) as store:
        if replay:
            written, missing = replay_reviews(store, replay)
            click.echo(
                f"replayed {written} decisions; {missing} are about items that this store does not have"
            )
        if out:
            click.echo(f"wrote {export_reviews(store, out)} decisions to {out}")


@cli.command()
@click.argument("image", required=False, type=click.Path())
@store_option
@click.option("--text", help="Search by a description instead of an image.")
@click.option("--where", help="Filter over the items' and labels' columns, e.g. \"hair_color = 'blonde'\".")
@click.option("-n", "count", default=10, show_default=True, type=click.IntRange(1, 1000), help="How many.")
@click.option("--sheet", type=click.Path(dir_okay=False), metavar="OUT.png", help="Write a contact sheet.")
@click.option("--duplicates", is_flag=True, help="Say which stored items show the same picture.")
@settings_options
def query(
    image: str | None,
    uri: str,
    text: str | None,
    where: str | None,
    count: int,
    sheet: str | None,
    duplicates: bool,
    settings: Settings,
) -> None:
    """An image or a text -> similar items, with labels."""
    from index.store import Store
    from ui.terminal.query import ask

    if (image is None) == (text is None):
        raise click.UsageError("give either an IMAGE or --text")
    if duplicates and image is None:
        raise click.UsageError("--duplicates needs an IMAGE")
    with Store.open(uri) as store:
        click.echo(ask(store, settings, image, text, where, count, sheet, duplicates))


@cli.command()
@click.argument("out", type=click.Path())
@store_option
@click.option("--format", "kind", default="parquet", show_default=True, help="parquet, jsonl or webdataset.")
@click.option("--all", "everything", is_flag=True, help="Removed duplicates and ambiguous items too.")
@click.option("--where", help="Filter over the exported columns.")
@settings_options
def export(out: str, uri: str, kind: str, everything: bool, where: str | None, settings: Settings) -> None:
    """The store -> Parquet, JSONL or WebDataset, with a manifest."""
    summary = _export(uri, out, kind, settings, everything, where)
    show(summary)
    _exit_incomplete([summary])


def _exit_incomplete(done: list[Summary]) -> None:
    """Exit with a code of its own where an export had to leave pictures out, for scripts that look at nothing else."""
    if any(summary.stage == "export" and summary.failures for summary in done):
        click.get_current_context().exit(INCOMPLETE)


def _export(
    uri: str, out: str, kind: str, settings: Settings, everything: bool = False, where: str | None = None
) -> Summary:
    from index.store import Store
    from ui.flow import export

    with Store.open(uri) as store:
        return export(store, settings, out, kind, everything, where)


@cli.command()
@store_option
@click.option("--limit", default=50, show_default=True, type=click.IntRange(0), help="Failures to list.")
def status(uri: str, limit: int) -> None:
    """What the store holds; every failure with its key and reason."""
    from index.store import Store
    from ui.terminal.quality import quality_text
    from ui.terminal.status import status_text

    with Store.open(uri) as store:
        click.echo(status_text(store, limit))
        text = quality_text(store)
    if text:
        click.echo("\n" + text)


@cli.command()
@click.argument("column", required=False)
@store_option
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1), help="Values to list.")
def values(column: str | None, uri: str, limit: int) -> None:
    """What --where can ask for: all columns, or the values of COLUMN with their counts."""
    from index.store import Store
    from ui.terminal.values import columns_text, values_text

    with Store.open(uri) as store:
        click.echo(values_text(store, column, limit) if column else columns_text(store))


@cli.command()
@click.argument("item")
@store_option
@click.option("--attribute", help="Only this attribute.")
@settings_options
def explain(item: str, uri: str, attribute: str | None, settings: Settings) -> None:
    """Why ITEM (row, item id or key) has its labels: who voted, with which weight."""
    from index.store import Store
    from ui.terminal.query import explain_text

    with Store.open(uri) as store:
        click.echo(explain_text(store, settings, item, attribute))


@cli.command()
@click.argument("out", type=click.Path())
@store_option
@settings_options
def report(out: str, uri: str, settings: Settings) -> None:
    """Precision, coverage, calibration and noise of the labels, duplicates found: HTML and JSON into OUT."""
    from index.store import Store
    from ui.terminal.query import write_reports

    with Store.open(uri) as store:
        click.echo(write_reports(store, settings, out))


@cli.command()
@click.option("--store", "uri", metavar="DIR", help="Store whose tagged items are learnt from.")
@click.option("--out", type=click.Path(), required=True, metavar="DIR", help="Where the trained model goes.")
@settings_options
def finetune(uri: str | None, out: str, settings: Settings) -> None:
    """Train or fine-tune an open_clip model on the tagged items of the store, or on drawn avatars."""
    from embed.finetune import run_finetune
    from index.store import Store

    if settings.finetune.source == "avatars":  # drawn, not read: there need be no store
        show(run_finetune(None, settings, out))
        return
    if uri is None:
        raise click.UsageError("finetune needs --store DIR, or --set finetune.source=avatars")
    with Store.open(uri) as store:
        show(run_finetune(store, settings, out))


@cli.command()
@click.option(
    "--store", "uri", default="likeness-demo", show_default=True, metavar="DIR", help="Folder of the demo."
)
@click.option(
    "--items", "count", default=300, show_default=True, type=click.IntRange(40, 20_000), help="Pictures."
)
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the review page.")
@click.option("--no-review", is_flag=True, help="Do not open the review page at the end.")
@settings_options
def demo(uri: str, count: int, port: int | None, no_review: bool, settings: Settings) -> None:
    """Draw a small tagged collection, run all of it, compare with the truth, open the review page."""
    from ui.demo.run import run_demo

    run_demo(uri, settings, count=count, port=port, review=not no_review)


if __name__ == "__main__":
    main()
