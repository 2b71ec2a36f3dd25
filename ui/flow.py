"""The whole flow on one screen: STAGES, in order.

The commands, ``likeness run``, ``likeness status`` and the tests that kill each stage are made from this table. A new
stage is a function ``(store, settings, **options) -> Summary`` and an entry here.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from schema.errors import LikenessError
from schema.records import Summary

if TYPE_CHECKING:
    from index.store import Store
    from schema.settings import Settings

Options = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the flow.

    ``function`` is an import path, ``module:function``. ``reads`` names tables; KEY stands for the key of the encoder,
    a star for all; what a stage writes, the catalogue of tables says. ``numbers`` are the counts that its line of
    output shows, each with its words, in singular and plural; a name with a star adds up counts of single attributes.
    ``options`` are entries of ``ui.options.OPTIONS`` that the function takes as arguments. ``opens``: 'new' makes the
    store where there is none, 'read' takes no lock.
    """

    name: str
    function: str
    reads: tuple[str, ...]
    help: str
    numbers: tuple[tuple[str, str], ...]
    options: tuple[str, ...] = ()
    opens: Literal["new", "write", "read"] = "write"
    in_run: bool = True
    command: bool = True

    @property
    def writes(self) -> tuple[str, ...]:
        """The tables that this stage makes."""
        from schema.catalogue import CATALOGUE

        return tuple(table.name for table in CATALOGUE if self.name in table.maker.split(", "))

    def load(self) -> Callable[..., Summary]:
        """Import the function; the heavy packages of a stage are loaded when it runs and not before."""
        module, _, name = self.function.partition(":")
        found: Callable[..., Summary] = getattr(importlib.import_module(module), name)
        return found


STAGES = (
    Stage(
        "ingest",
        "embed.ingest.stage:run_ingest",
        (),
        "Read files, tags and texts into items.",
        (
            ("items", "new picture|new pictures"),
            ("texts", "text without a picture|texts without a picture"),
            ("copies", "exact copy|exact copies"),
            ("edited", "changed description|changed descriptions"),
            ("replaced", "picture replaced|pictures replaced"),
            ("missing", "file gone|files gone"),
            ("failed", "file refused|files refused"),
            ("known", "known already"),
        ),
        options=("sources", "refresh", "keep_missing"),
        opens="new",
    ),
    Stage(
        "embed",
        "embed.vectors.stage:run_embed",
        ("items", "copies", "sources"),
        "Turn items into vectors.",
        (
            ("embedded", "item embedded|items embedded"),
            ("already", "embedded before"),
            ("failed", "failed"),
            ("per second", "a second"),
        ),
        options=("runner",),
    ),
    Stage(
        "measure",
        "curate.stage:run_measure",
        ("items", "thumbnails", "vectors_KEY"),
        "Measure items: frame, colour, people, ... NAMEs are measures; without any, measure.names, or the quick ones.",
        (("measured", "item measured|items measured"), ("already", "measured before"), ("failed", "failed")),
        options=("names", "where", "passing", "runner"),
    ),
    Stage(
        "index",
        "index.neighbours.graph:run_index",
        ("vectors_KEY",),
        "Find the nearest neighbours of every vector; build the search index.",
        (("vectors", "vector in the graph|vectors in the graph"), ("added", "new"), ("recall", "recall")),
    ),
    # Duplicates come before labels: calibration bars an item's duplicates from voting on it.
    Stage(
        "dedupe",
        "dedupe.stage:run_dedupe",
        ("items", "copies", "thumbnails", "vectors_KEY", "neighbours_KEY", "reviews"),
        "Group duplicates, and choose the copy that stays.",
        (
            ("groups", "group of duplicates or variants|groups of duplicates or variants"),
            ("dropped", "copy set aside|copies set aside"),
            ("variants", "variant kept|variants kept"),
        ),
        options=("dry_run", "against", "release"),
    ),
    Stage(
        "label",
        "label.stage:run_label",
        ("items", "copies", "groups", "vectors_KEY", "prompts_KEY", "neighbours_KEY", "reviews"),
        "Label every attribute with a confidence, or leave it unknown.",
        (
            ("* stated", "label from tags, texts and reviews|labels from tags, texts and reviews"),
            ("* predicted", "inferred"),
            ("ambiguous", "picture of several characters|pictures of several characters"),
        ),
        options=("full",),
    ),
    Stage(
        "names",
        "label.names.stage:run_names",
        ("items", "copies", "groups", "labels", "vectors_KEY", "neighbours_KEY", "reviews"),
        "Say which character and work each item shows, or nobody known.",
        (
            ("items", "item|items"),
            ("character: names", "character|characters"),
            ("character: inferred", "name inferred|names inferred"),
            ("character: doubtful", "doubtful name|doubtful names"),
        ),
    ),
    Stage(
        "gates",
        "curate.gates.stage:run_gates",
        ("items", "copies", "labels", "names", "groups", "measures_NAME", "reviews"),
        "Ask every [[gate]] of the settings about every item: what each takes out, alone and in order.",
        (
            ("gates", "gate|gates"),
            ("out", "item out|items out"),
            ("held", "held back for a reviewer"),
            ("flagged", "flagged"),
            ("let through", "let through by reviewers"),
        ),
        options=("sheet",),
    ),
    Stage(
        "select",
        "curate.select.stage:run_select",
        ("items", "copies", "labels", "groups", "measures_NAME", "neighbours_KEY", "gates", "reviews"),
        "Choose the data set among what passes the gates: rank, budgets, splits without leaks.",
        (
            ("selected", "item selected|items selected"),
            ("candidates", "candidate|candidates"),
            ("train", "train"),
            ("val", "val"),
            ("test", "test"),
            ("protected", "barred by the protected gate"),
        ),
    ),
    Stage(
        "caption",
        "curate.captions.stage:run_caption",
        ("items", "copies", "groups", "labels", "reviews"),
        "Write captions from labels and tags. NAMEs are captioners; without any, those of caption.names, or all.",
        (
            ("captioned", "caption written|captions written"),
            ("already", "written before"),
            ("failed", "failed"),
        ),
        options=("names", "where", "again", "runner"),
    ),
    Stage(
        "compact",
        "index.store.compaction:run_compact",
        ("*",),
        "Join small fragments and index the columns that filters use; no row changes.",
        (
            ("tables joined", "table joined|tables joined"),
            ("columns indexed", "column indexed|columns indexed"),
        ),
        command=False,
    ),
    Stage(
        "export",
        "curate.export.stage:run_export",
        ("items", "groups", "labels", "names", "gates", "selection", "reviews"),
        "Write the data set, the selection where there is one: Parquet, WebDataset, folders, Hugging Face, ...",
        (
            ("exported", "item written|items written"),
            ("left out: duplicates set aside", "copy left out|copies left out"),
            ("left out: several characters", "left out for several characters"),
            ("pictures not read", "picture that could not be read|pictures that could not be read"),
        ),
        options=("out", "format", "everything", "where", "counts_only"),
        opens="read",
        in_run=False,
    ),
)


def stage(name: str) -> Stage:
    """Return the stage of this name."""
    for found in STAGES:
        if found.name == name:
            return found
    raise LikenessError(f"there is no stage {name!r}", f"Stages: {', '.join(s.name for s in STAGES)}")


def run_stage(name: str, store: Store, settings: Settings, **options: Any) -> Summary:
    """Run one stage on an open store; it does nothing when it is up to date."""
    if "runner" in options:
        options |= _runner(options.pop("runner"), settings)
    return stage(name).load()(store, settings, **options)


def run_all(
    uri: str,
    settings: Settings,
    sources: Sequence[str] = (),
    told: Callable[[Summary], None] = lambda _: None,
    runner: str = "local",
    refresh: str | None = None,
    keep_missing: bool = False,
) -> list[Summary]:
    """Run the stages in order on one store, and tell ``told`` of each as it ends.

    The runner 'ray' runs the stages that can use it on a cluster; ``refresh`` and ``keep_missing`` are for ingest.
    """
    from index.store import Store

    given: dict[str, Any] = {"sources": tuple(sources), "runner": runner}
    given |= {"refresh": refresh, "keep_missing": keep_missing}
    # Nothing is ingested without a source, and nothing measured or captioned that the settings do not name.
    asked = {
        "ingest": bool(sources),
        "measure": bool(settings.measure.names),
        "gates": bool(settings.gate),
        "caption": bool(settings.caption.names),
    }
    asked["select"] = asked["gates"] or settings.select != type(settings.select)()
    in_run = [each for each in STAGES if each.in_run]
    for each in in_run:
        if asked.get(each.name, True):
            check(each, settings, given)
    done: list[Summary] = []
    with Store.open(uri, create=bool(sources), write=True) as store:
        # Gates that the settings no longer have must not go on deciding.
        asked["gates"] |= store.has("gates")
        asked["select"] |= store.has("selection")
        for each in in_run:
            if not asked.get(each.name, True):
                continue
            options = {name: given[name] for name in each.options if name in given}
            done.append(run_stage(each.name, store, settings, **options))
            told(done[-1])
    return done


def check(of: Stage, settings: Settings, options: Options) -> None:
    """Raise the error of a mistyped path, model or vocabulary: before hours of reading, and before there is a store."""
    if "sources" in of.options:
        from embed.ingest.stage import check_sources

        check_sources(settings, options.get("sources", ()))
    if of.name == "embed":
        from embed.encoders import SEAM, encoder_key

        SEAM.check(settings.encoder.plugins, [settings.encoder.kind])
        encoder_key(settings)
    if of.name == "measure":
        from curate.measures import SEAM as MEASURES

        MEASURES.check(settings.measure.plugins, [*options.get("names", ()), *settings.measure.names])
    if of.name == "select":
        from curate.select.rank import parse_rank

        if settings.select.rank:
            parse_rank(settings.select.rank)
    if of.name in ("gates", "select") or options.get("passing"):
        from index.filters.language import parse_filter

        for gate in settings.gate:
            parse_filter(gate.where)
    if of.name == "caption":
        from curate.captions import SEAM as CAPTIONERS

        CAPTIONERS.check(settings.caption.plugins, [*options.get("names", ()), *settings.caption.names])
    if of.name in ("label", "export"):
        from curate.export.columns import export_columns
        from schema.vocabulary import load_vocabulary

        export_columns(load_vocabulary(settings.tags.vocabulary or None))


def _runner(runner: str, settings: Settings) -> dict[str, Any]:
    if runner != "ray":
        return {}
    from index.stages.ray_runner import RayRunner

    return {"runner": RayRunner(settings.encoder.replicas).run}
