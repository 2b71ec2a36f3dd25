"""The embed stage: items to unit vectors, only those that have none yet under the encoder's key."""

from __future__ import annotations

from embed.encoders import encoder_class, encoder_key
from embed.vectors.encoder_rows import EncoderRows
from embed.vectors.item_texts import write_item_texts
from embed.vectors.prompts import digest, write_prompts, write_texts
from index.stages.local_runner import Runner, run_local
from index.stages.row_stage import RowStage
from index.stages.rowwise import Outcome, RowOptions, RowRun
from index.store import Store
from index.store.runs import Run, Runs
from schema.records import Count, Summary
from schema.sections.relevance import asked_texts, asks_item_texts, texts_digest
from schema.settings import Settings
from schema.vocabulary import load_vocabulary

STAGE = "embed"


def run_embed(store: Store, settings: Settings, runner: Runner = run_local) -> Summary:
    """Embed all items that have no vector yet under this encoder's key; run again, it does only what is missing.

    ``runner`` takes the encoder over the items: on this machine, or ``RayRunner(...).run`` on a cluster.
    Raises EncoderError or DownloadError when the encoder cannot be built.
    """
    key = encoder_key(settings)
    kind = encoder_class(settings.encoder.kind)
    inputs = ["items"] if kind.reads_images else ["items", "copies", "sources"]
    relevant = _relevant(settings, key)
    if kind.has_text:
        relevant["prompts"] = digest(load_vocabulary(settings.tags.vocabulary or None))
        if asked_texts(settings):
            relevant["texts"] = texts_digest(settings)
        if asks_item_texts(settings):
            relevant["item texts"] = "yes"
    runs = Runs(store)
    if not settings.encoder.retry_failed and runs.up_to_date(STAGE, relevant, inputs):
        return Summary(STAGE, {"vectors": store.count(f"vectors_{key}")}, ("up to date",), skipped=True)
    with runs.start(STAGE, relevant, inputs) as run:
        run.outputs.append(f"vectors_{key}")
        run.facts["key"] = key
        prompted = not kind.has_text or (
            _has_prompts(store, settings, key) and _has_texts(store, settings, key)
        )
        outcome = _embed(store, settings, run, runner, prompted)
    counts: dict[str, Count] = dict(run.counts)
    if outcome.done:
        counts["per second"] = round(outcome.done / max(run.seconds, 1e-9), 1)
    return Summary(STAGE, counts, tuple(outcome.notes), dict(outcome.reasons.most_common()), run.seconds)


def embed_stage(settings: Settings) -> RowStage:
    """Return the encoder with its decoding threads as one stage: items in, vectors and reasons out."""
    return RowStage([EncoderRows(settings)], settings, settings.encoder.workers)


def _embed(store: Store, settings: Settings, run: Run, runner: Runner, prompted: bool) -> Outcome:
    chosen = settings.encoder
    options = RowOptions(chosen.workers, chosen.commit_rows, chosen.retry_failed, unit="image")
    plugin = EncoderRows(settings)
    rows = RowRun(store, settings, [plugin], options, runner)
    (outcome,) = rows.run()
    try:
        if not prompted:
            plugin.load()
            vocabulary = load_vocabulary(settings.tags.vocabulary or None)
            run.counts["prompts"] = write_prompts(store, run.facts["key"], plugin.encoder, vocabulary)
            write_texts(store, run.facts["key"], plugin.encoder, asked_texts(settings))
            outcome.facts.update(plugin.facts())
        if asks_item_texts(settings):
            run.counts["texts"] = write_item_texts(store, run.facts["key"], plugin)
    finally:
        plugin.close()
    facts = ", ".join(f"{name} {value}" for name, value in outcome.facts.items())
    outcome.notes[:0] = [f"key {run.facts['key']}", facts or "nothing new to embed"]
    run.counts.update({"embedded": outcome.done, "failed": outcome.failed, "already": outcome.already})
    if outcome.recovered:
        run.counts["recovered"] = outcome.recovered
    if not plugin.takes_texts and (texts := store.count("items", "status = 'text'")):
        run.counts["texts left out"] = texts
    run.facts.update(outcome.facts)
    run.facts.setdefault("dim", store.schema(plugin.table).field("vector").type.list_size)
    return outcome


def _has_prompts(store: Store, settings: Settings, key: str) -> bool:
    """Tell whether the prompts of this vocabulary have their vectors."""
    last = Runs(store).last(STAGE)
    prompts = digest(load_vocabulary(settings.tags.vocabulary or None))
    return last is not None and last["settings"].get("prompts") == prompts and store.has(f"prompts_{key}")


def _has_texts(store: Store, settings: Settings, key: str) -> bool:
    """Tell whether the texts of these settings have their vectors."""
    table = f"texts_{key}"
    asked = set(asked_texts(settings))
    if not asked:
        return True
    return store.has(table) and asked <= set(store.read(table, ["text"]).column(0).to_pylist())


def _relevant(settings: Settings, key: str) -> dict[str, str]:
    chosen = settings.encoder
    named = {"kind": chosen.kind, "model": chosen.model, "pretrained": chosen.pretrained, "path": chosen.path}
    return {"key": key, "fit": chosen.fit, "background": settings.ingest.background, **named}
