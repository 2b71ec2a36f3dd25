"""Commands that look things up in a store: what filters can ask for, who is in it, why an item has its labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ui import options

if TYPE_CHECKING:
    from schema.settings import Settings


@click.command()
@click.argument("column", required=False)
@options.store
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1), help="Values to list.")
def values(column: str | None, uri: str, limit: int) -> None:
    """List what --where can ask for: all columns, or the values of COLUMN with their counts."""
    from index.store import Store
    from ui.terminal.values import columns_text, values_text

    with Store.open(uri) as store:
        click.echo(values_text(store, column, limit) if column else columns_text(store))


@click.command()
@options.store
@click.option(
    "--profiles", "out", type=click.Path(dir_okay=False), help="Write all usual values as JSON to a file."
)
@click.option("--name", "named", nargs=2, metavar="GROUP NAME", help="Name a group of look-alikes.")
@click.option("--reviewer", default="", help="Whose decision the name is.")
@options.settings
def characters(
    uri: str, out: str | None, named: tuple[str, str] | None, reviewer: str, settings: Settings
) -> None:
    """List the characters: pictures, usual values, names that may be one, and look-alikes without a name."""
    from index.store import Store
    from schema.vocabulary import load_vocabulary
    from ui.terminal import characters as text

    vocabulary = load_vocabulary(settings.tags.vocabulary or None)
    with Store.open(uri) as store:
        if named:
            count = text.name_group(store, *named, reviewer)
            click.echo(f"{named[1]}: {count} pictures; likeness names --store {uri} learns from it")
        if out:
            click.echo(f"wrote {text.write_profiles(store, vocabulary, out)} characters to {out}")
        if not named and not out:
            click.echo(text.characters_text(store, vocabulary))


@click.command()
@click.argument("item")
@options.store
@click.option("--attribute", help="Only this attribute.")
@options.settings
def explain(item: str, uri: str, attribute: str | None, settings: Settings) -> None:
    """Say why ITEM (row, item id or key) has its labels: which items voted, with which weight."""
    from index.store import Store
    from ui.terminal.query import explain_text

    with Store.open(uri) as store:
        click.echo(explain_text(store, settings, item, attribute))


@click.command()
@click.argument("item")
@options.store
@options.settings
def why(item: str, uri: str, settings: Settings) -> None:
    """Say what decided whether ITEM (row, id, key or path) is in the data set: gates, duplicates, rank, split."""
    from ui.terminal.why import why_text

    click.echo(why_text(uri, settings, item))


COMMANDS = (values, characters, explain, why)
