"""The whole flow on one screen: each stage in order, each does nothing when it is up to date."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from schema.records import Summary
from schema.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from index.store import Store

Told = Callable[[Summary], None]


def run_all(
    uri: str,
    settings: Settings,
    sources: Sequence[str] = (),
    told: Told = lambda _: None,
    runner: str = "local",
) -> list[Summary]:
    """Run all stages from ingest to label on one store, compact it, and tell ``told`` of each stage as it ends.

    The runner 'ray' embeds on a cluster. Groups come before labels because calibration bars an item's
    duplicates from voting on it.
    """
    from curate.export.columns import export_columns
    from embed.encoders import encoder_key
    from index.store import Store
    from schema.vocabulary import load_vocabulary

    # A mistyped path, model or vocabulary is told before hours of reading, and before there is a store.
    check_sources(settings, sources)
    encoder_key(settings)
    export_columns(load_vocabulary(settings.tags.vocabulary or None))
    done: list[Summary] = []

    def then(summary: Summary) -> None:
        done.append(summary)
        told(summary)

    with Store.open(uri, create=bool(sources), write=True) as store:
        if sources:
            then(ingest(store, settings, sources))
        then(embed(store, settings, runner))
        then(index(store, settings))
        then(dedupe(store, settings))
        then(label(store, settings))
        then(compact(store, settings))
    return done


def check_sources(settings: Settings, sources: Sequence[str]) -> None:
    """Raise SourceError for a source that cannot be opened."""
    from embed.sources import open_source

    for path in sources:
        open_source(path, settings.ingest)


def ingest(store: Store, settings: Settings, sources: Sequence[str]) -> Summary:
    """Files, tags and texts become items."""
    from embed.ingest.stage import run_ingest

    return run_ingest(store, settings, sources)


def embed(store: Store, settings: Settings, runner: str = "local") -> Summary:
    """Items become vectors, on this machine or ('ray') on a cluster."""
    from embed.vectors.stage import run_embed

    if runner == "ray":
        from index.stages.ray_walk import Fleet

        return run_embed(store, settings, Fleet(settings.encoder.replicas).walk)
    return run_embed(store, settings)


def index(store: Store, settings: Settings) -> Summary:
    """Vectors become the kNN graph and the search index."""
    from index.neighbours.graph import run_index

    return run_index(store, settings)


def dedupe(store: Store, settings: Settings, plan: Path | None = None) -> Summary:
    """Neighbours and hashes become groups, one kept in each; with ``plan`` only a CSV of what would be kept."""
    from dedupe.stage import run_dedupe

    return run_dedupe(store, settings, plan)


def label(store: Store, settings: Settings, full: bool = False) -> Summary:
    """Tags, reviews and neighbours become labels, or silence; ``full`` learns anew what was learned before."""
    from label.stage import run_label

    return run_label(store, settings, full)


def compact(store: Store, settings: Settings) -> Summary:
    """Small fragments are joined and columns that are filtered on get an index; no row changes."""
    from index.store.compaction import run_compact

    return run_compact(store, settings)


def export(
    store: Store, settings: Settings, out: str, kind: str, everything: bool = False, where: str | None = None
) -> Summary:
    """The store becomes Parquet, JSON Lines or WebDataset with a manifest; tars read the pictures once more."""
    from curate.export.stage import run_export
    from index.images.reader import Reader

    reader = Reader(settings.ingest.max_bytes)
    try:
        return run_export(
            store, settings, out, format=kind, everything=everything, where=where, read=reader.read
        )
    finally:
        reader.close()
