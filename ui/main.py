"""The command line. Commands import what they run when they run it: ``--help`` loads no heavy package.

Exit codes: 0 done, 1 an error that says what to do, 2 wrong usage, 3 done but for what could not be read (pictures of
an export, lines of a replayed log, all that an ingest listed), 130 stopped with Ctrl-C.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from schema.errors import LikenessError, StoreError
from schema.near import did_you_mean
from schema.version import __version__
from ui import flow, look_commands, options, serve_commands

if TYPE_CHECKING:
    from schema.records import Summary
    from schema.settings import Settings

STOPPED = 130
INCOMPLETE = 3
LONGEST = 2000
"""Letters of one line of an error: names may be a megabyte long."""


class Likeness(click.Group):
    """The group of commands; errors made for the user end as one message on stderr and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command and turn its errors into exit codes."""
        from ui.terminal.tables import clean

        try:
            return super().invoke(ctx)
        except LikenessError as error:
            lines = [f"likeness: {error.message}", *(f"  {line}" for line in error.hint.splitlines())]
            shown = [clean(line) for text in lines for line in text.splitlines()]
            click.echo(
                "\n".join(line if len(line) <= LONGEST else f"{line[:LONGEST]} ..." for line in shown),
                err=True,
            )
            ctx.exit(1)
        except OSError as error:
            # A file that nobody expected to fail; without a name it is the output, and main() has the last word.
            if error.filename is None:
                raise
            name = clean(os.fsdecode(error.filename) if not isinstance(error.filename, int) else "")[:LONGEST]
            click.echo(f"likeness: {name}: {error.strerror or type(error).__name__}", err=True)
            ctx.exit(1)
        except (KeyboardInterrupt, click.exceptions.Abort):
            click.echo("\nlikeness: stopped; the same command continues where it was", err=True)
            ctx.exit(STOPPED)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of the flow, not of the alphabet."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; for a mistyped one, name the nearest."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            ctx.fail(f"there is no command {args[0]!r}{did_you_mean(args[0], self.commands)}")
        return super().resolve_command(ctx, args)


@click.group(cls=Likeness, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="likeness")
def cli() -> None:
    """Curate character images: from half-tagged files to a deduplicated, labelled data set."""


def main() -> None:
    """Run the command line; output that cannot be written (a closed pipe, a full disk) ends it quietly with 1."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names may hold what the terminal's encoding does not
            stream.reconfigure(errors="backslashreplace")
    code: int | str | None = 0
    try:
        cli()
    except SystemExit as end:
        code = end.code
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.ENOSPC, errno.EFBIG) or error.filename is not None:
            raise
        code = 1
    try:
        sys.stdout.flush()
    except OSError:
        # What is left in the buffer goes nowhere, or Python would complain about it at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = code or 1
    sys.exit(code)


@cli.command()
@options.store
@click.option(
    "--source", "sources", multiple=True, metavar="PATH", help="Folder, listing or tar of items; repeatable."
)
@click.option("--export", "out", metavar="OUT", help="Export to this folder at the end.")
@options.OPTIONS["refresh"]
@options.OPTIONS["keep_missing"]
@options.OPTIONS["runner"]
@options.verbose
@options.settings
def run(
    uri: str, sources: tuple[str, ...], out: str | None, verbose: bool, settings: Settings, **given: Any
) -> None:
    """Run all stages in order, from ingest to label. Run it again, and it does only what is missing."""
    from index.store import Store
    from ui.terminal.summary import conclusion, show

    if not sources and not _exists(uri):
        raise click.UsageError("a new store needs at least one --source PATH")
    done = flow.run_all(uri, settings, sources, lambda summary: show(summary, verbose), **given)
    with Store.open(uri) as store:
        if out:
            done.append(flow.run_stage("export", store, settings, out=out))
            show(done[-1], verbose)
        click.echo(conclusion(store, uri))
    _exit_incomplete(done)


def _exists(uri: str) -> bool:
    return "://" in uri or (Path(uri).expanduser() / "store.json").exists()


def stage_command(of: flow.Stage) -> click.Command:
    """Return the command of one stage."""

    def command(uri: str, settings: Settings, verbose: bool, **given: Any) -> None:
        from index.store import Store
        from ui.terminal.summary import show

        flow.check(of, settings, given)
        with Store.open(uri, create=of.opens == "new", write=of.opens != "read") as store:
            done = flow.run_stage(of.name, store, settings, **given)
        show(done, verbose)
        _exit_incomplete([done])

    command = options.verbose(options.settings(command))
    for name in reversed(of.options):
        command = options.OPTIONS[name](command)
    return click.command(of.name, help=of.help)(options.store(command))


def _exit_incomplete(done: list[Summary]) -> None:
    """Exit with a code of its own where pictures could not be read, for scripts that look at nothing else."""
    if any(_is_incomplete(summary) for summary in done):
        click.get_current_context().exit(INCOMPLETE)


def _is_incomplete(summary: Summary) -> bool:
    """Tell an export that had to leave pictures out, and an ingest of which every row failed."""
    if summary.stage == "ingest":
        read = sum(
            number for name, number in summary.counts.items() if name != "failed" and isinstance(number, int)
        )
        return bool(summary.failures) and not read
    return summary.stage == "export" and bool(summary.failures)


for _stage in flow.STAGES:
    if _stage.command:
        cli.add_command(stage_command(_stage))


@cli.command()
@options.store
@click.option("--host", help="Address to listen on (default: this machine alone).")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on (default: 8501).")
@click.option("--readonly", is_flag=True, help="Look, do not decide.")
@click.option(
    "--page",
    type=click.Choice(["character"]),
    help="Only the public page of one picture, read-only.",
)
@click.option(
    "--replay", type=click.Path(exists=True, dir_okay=False), help="Take in a review log (JSONL) and end."
)
@click.option(
    "--log", "log_out", type=click.Path(dir_okay=False), help="Write the review log (JSONL) and end."
)
@options.settings
def review(uri: str, replay: str | None, log_out: str | None, settings: Settings, **given: Any) -> None:
    """Open the review page in a browser; corrections count at once and in the next run."""
    if replay or log_out:
        from ui.terminal.reviews import carry_log

        if not carry_log(uri, replay, log_out, click.echo):
            click.get_current_context().exit(INCOMPLETE)
        return
    if not _exists(uri):
        raise StoreError(
            f"there is no store at {uri}", "Make one with: likeness run --store ... --source ..."
        )
    from ui.serve import serve

    serve(uri, settings, **given)


for _command in (serve_commands.serve, serve_commands.worker, *look_commands.COMMANDS):
    cli.add_command(_command)


@cli.command()
@click.argument("images", nargs=-1, type=click.Path(), metavar="[IMAGE]...")
@options.store
@click.option("--image", "more", multiple=True, type=click.Path(), help="A picture as well; repeatable.")
@click.option("--text", default="", help="A description, alone or beside pictures.")
@click.option("--not", "excluded", multiple=True, metavar="TEXT", help="What it should not be; repeatable.")
@options.where
@click.option("-n", "count", default=10, show_default=True, type=click.IntRange(1, 1000), help="How many.")
@click.option(
    "--sample",
    default=0,
    type=click.IntRange(0, 1000),
    help="Draw so many at random of what --where matches.",
)
@click.option("--seed", default=0, help="Another number draws another sample.")
@click.option(
    "--sheet", default="", type=click.Path(dir_okay=False), metavar="OUT.png", help="Write a contact sheet."
)
@click.option("--duplicates", is_flag=True, help="Say which stored items show the same picture.")
@options.settings
def query(
    images: tuple[str, ...],
    more: tuple[str, ...],
    uri: str,
    where: str | None,
    settings: Settings,
    **given: Any,
) -> None:
    """Find items: the most similar to pictures, a text or both; or those that a filter matches.

    \b
    likeness query a.png --store DIR                        similar to a picture
    likeness query a.png b.png --text "red dress"           to the mean of all of them
    likeness query --text "a witch" --not "hat"             and away from something
    likeness query a.png --where "gender = 'male'"          among those that a filter matches
    likeness query --where "has(tags, 'smile')" --sample 20 --sheet out.png

    It uses the encoder that made the store's vectors, and none of the settings has to name it. What --where can ask
    for: likeness values.
    """
    from index.store import Store
    from ui.terminal.query import Query, query_text

    asked = Query((*images, *more), where=where or "", **given)
    similar = bool(asked.images or asked.text)
    if not (similar or asked.where or asked.sample):
        raise click.UsageError("name an IMAGE, --text, --where or --sample")
    if asked.excluded and not similar:
        raise click.UsageError("--not goes with an IMAGE or --text")
    if asked.duplicates and not asked.images:
        raise click.UsageError("--duplicates needs an IMAGE")
    if asked.sample and similar:
        raise click.UsageError("--sample goes with --where: the most similar items are no sample")
    with Store.open(uri) as store:
        click.echo(query_text(store, settings, asked))


@cli.command()
@options.store
@click.option("--limit", default=50, show_default=True, type=click.IntRange(0), help="Failures to list.")
def status(uri: str, limit: int) -> None:
    """Say what the store holds, which stages ran, and why which file failed."""
    from index.store import Store
    from ui.terminal.quality import quality_text
    from ui.terminal.status import status_text

    with Store.open(uri) as store:
        click.echo(status_text(store, limit))
        text = quality_text(store)
    if text:
        click.echo("\n" + text)


@cli.command()
@options.store
@click.option("--repair", is_flag=True, help="Make again what can be made again; say what is lost.")
@click.option(
    "--sample", default=200, show_default=True, type=click.IntRange(0), help="Pictures to read again."
)
@options.settings
def check(uri: str, repair: bool, sample: int, settings: Settings) -> None:
    """Read every table of the store and a sample of its pictures; exit code 1 when something is damaged or lost."""
    from ui.terminal.check import check as check_store

    if not check_store(uri, settings, sample, repair, click.echo):
        raise click.exceptions.Exit(1)


@cli.command()
@click.argument("earlier", type=click.Path(exists=True, file_okay=False))
@options.OUT
@options.store
@options.verbose
@options.settings
def remake(earlier: str, out: str, uri: str, verbose: bool, settings: Settings) -> None:
    """Make the export EARLIER again in OUT: its settings, and the store's tables as they were then."""
    from curate.export.earlier.remake import remake_export
    from index.store import Store
    from ui.terminal.summary import show

    with Store.open(uri) as store:
        done = remake_export(store, settings, out, earlier)
    show(done, verbose)
    _exit_incomplete([done])


@cli.command()
@click.argument("before", type=click.Path(exists=True, file_okay=False))
@click.argument("after", type=click.Path(exists=True, file_okay=False))
@click.option(
    "--json",
    "out",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write the difference as JSON as well.",
)
def diff(before: str, after: str, out: str | None) -> None:
    """Say what changed from the export BEFORE to AFTER: items, labels, captions, splits, and why."""
    import json

    from curate.export.earlier.diff import compare_exports
    from ui.terminal.exports import difference_text

    found = compare_exports(before, after)
    click.echo(difference_text(found))
    if out:
        Path(out).write_text(json.dumps(found.as_record(), indent=1) + "\n", encoding="utf-8")


@cli.command()
@options.OUT
@options.store
@options.settings
def report(out: str, uri: str, settings: Settings) -> None:
    """Write one page to show to others, report.html, and its figures as report.json, into OUT.

    What came in and what did not; duplicates before and after; labels with their measured precision, coverage and
    reliability; what to do next for more coverage.
    """
    from index.store import Store
    from ui.report.write import write_report

    with Store.open(uri) as store:
        for path in write_report(store, settings, out, uri):
            click.echo(f"wrote {path} ({path.stat().st_size / 1000:,.0f} KB)")


@cli.command()
@click.option("--store", "uri", metavar="DIR", help="Store whose tagged items the model is trained on.")
@click.option("--out", type=click.Path(), required=True, metavar="DIR", help="Where the trained model goes.")
@options.verbose
@options.settings
def finetune(uri: str | None, out: str, verbose: bool, settings: Settings) -> None:
    """Train or fine-tune an open_clip model on the tagged items of the store, or on drawn avatars."""
    from embed.finetune import run_finetune
    from index.store import Store
    from ui.terminal.summary import show

    if settings.finetune.source == "avatars":  # drawn, not read: there need be no store
        show(run_finetune(None, settings, out), verbose)
        return
    if uri is None:
        raise click.UsageError("finetune needs --store DIR, or --set finetune.source=avatars")
    with Store.open(uri) as store:
        show(run_finetune(store, settings, out), verbose)


@cli.command()
@click.option(
    "--store", "uri", default="likeness-demo", show_default=True, metavar="DIR", help="Folder of the demo."
)
@click.option(
    "--items", "count", default=300, show_default=True, type=click.IntRange(40, 20_000), help="Pictures."
)
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the review page.")
@click.option("--no-review", is_flag=True, help="Do not open the review page at the end.")
@options.verbose
@options.settings
def demo(uri: str, count: int, port: int | None, no_review: bool, verbose: bool, settings: Settings) -> None:
    """Draw a small tagged collection, run all of it, compare with the truth, open the review page."""
    from ui.demo.run import run_demo

    run_demo(uri, settings, count=count, port=port, review=not no_review, verbose=verbose)


if __name__ == "__main__":
    main()
