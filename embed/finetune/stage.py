"""`likeness finetune`: train or fine-tune an open_clip model on a store's tagged items or on drawn avatars.

Into the folder go NAME.safetensors (the best checkpoint), NAME.json (its open_clip configuration; encoder.pretrained
takes the checkpoint and finds it), NAME.log.jsonl, and NAME.state.pt, from which a killed run goes on.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from embed.finetune.phrases import Phrases, phrases_of
from embed.finetune.pictures import Drawn, Joined, Pictures
from embed.finetune.task import Task
from embed.finetune.train import Trainer
from index.stages.progress import progress
from index.store import Store
from index.store.files import replace_text
from schema.errors import EncoderError
from schema.records import Summary
from schema.settings import Settings
from schema.vocabulary import load_vocabulary

HELD_OUT_SEED = 1_000_000_000
"""Avatars from this seed on are never trained on: they are what an evaluation draws."""


def run_finetune(store: Store | None, settings: Settings, out: str | Path) -> Summary:
    """Train the model of ``settings.finetune`` into the folder ``out``; ``store`` may be None for drawn avatars.

    Raises EncoderError when there is nothing to train on or the model cannot be loaded.
    """
    started = time.monotonic()
    chosen, folder = settings.finetune, Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    name, task = prepare(store, settings, folder)
    trainer = Trainer(task, chosen, folder, name)
    with progress(chosen.steps, "finetune", unit="step") as bar:
        outcome = trainer.run(bar.add)
    counts: dict[str, int | float | str] = {
        "pictures": len(task.train),
        "held out": len(task.held_out),
        "steps": outcome.steps,
        "best step": outcome.best_step,
        "best score": round(outcome.best_score, 4),
    }
    counts |= {f"{attribute} by prompts": round(value, 3) for attribute, value in outcome.accuracy.items()}
    ended = {
        "steps": "all steps done",
        "minutes": "the minutes were used up",
        "early": "the score no longer rose",
    }
    notes = [f"ended: {ended[outcome.stopped]}", f"encoder.pretrained={folder / (name + '.safetensors')}"]
    return Summary("finetune", counts, tuple(notes), seconds=time.monotonic() - started)


def prepare(store: Store | None, settings: Settings, folder: Path) -> tuple[str, Task]:
    """The task that the settings describe, and the name its files get. The configuration is written into ``folder``."""
    from embed.encoders.checkpoints import find_checkpoint
    from embed.encoders.open_clip import load_model, pick_device

    chosen = settings.finetune
    checkpoint = find_checkpoint(
        settings.encoder.model_copy(update={"model": chosen.model, "pretrained": chosen.pretrained})
    )
    device = pick_device(chosen.device)
    model, tokenizer, open_clip = load_model(checkpoint, device)
    model.requires_grad_(True)
    name = checkpoint.name.removesuffix("-random")
    looks = open_clip.get_model_preprocess_cfg(model)
    size = looks["size"] if isinstance(looks["size"], int) else int(looks["size"][0])
    write_config(open_clip, checkpoint, dict(looks), folder / f"{name}.json")
    pictures, phrases = sources(store, settings, size)
    train, held_out = split(len(pictures), chosen.held_out, chosen.held_out_most, chosen.seed)
    task = Task(
        model=model,
        tokenizer=tokenizer,
        mean=tuple(looks["mean"]),
        std=tuple(looks["std"]),
        size=size,
        pictures=pictures,
        train=train,
        held_out=held_out,
        phrases=phrases,
        device=device,
    )
    return name, task


def sources(store: Store | None, settings: Settings, size: int) -> tuple[Pictures, Phrases]:
    """The pictures to train on and the sentences for what they show."""
    vocabulary = load_vocabulary(settings.tags.vocabulary or None)
    if settings.finetune.source == "avatars":
        from embed.avatars.collection import draw_collection
        from embed.avatars.phrases import own_phrases

        drawn = [
            Drawn(
                draw_collection(
                    drawings_folder(), range(count), round(size * 8 / 7), os.cpu_count() or 1, hand
                )
            )
            for hand, count in (
                ("library", settings.finetune.drawings),
                ("freehand", settings.finetune.drawings * 2 // 3),
            )
        ]
        pictures: Pictures = Joined(drawn)
        own: Mapping[str, Mapping[str, tuple[str, ...]]] = own_phrases()
    else:
        from embed.finetune.tagged import tagged_items

        if store is None:
            raise EncoderError("there is no store to train on", "Name one, or set finetune.source=avatars.")
        pictures, own = tagged_items(store, vocabulary, settings, round(size * 8 / 7)), {}
    if len(pictures) < 4:
        raise EncoderError(
            f"only {len(pictures)} tagged pictures to train on",
            "Ingest tagged pictures first, or set finetune.source=avatars.",
        )
    used: dict[str, set[str]] = {}
    for at in range(len(pictures)):
        for attribute, values in pictures.labels(at).items():
            used.setdefault(attribute, set()).update(values)
    return pictures, phrases_of(vocabulary, used, own)


def drawings_folder() -> Path:
    """Where drawn sets are kept between runs: the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "likeness" / "drawings"


def split(
    count: int, share: float, most: int, seed: int
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Training and held-out positions, ascending."""
    order = np.random.default_rng(seed).permutation(count)
    held = min(max(1, round(count * share)), most, count - 2)
    return np.sort(order[held:]).astype(np.int64), np.sort(order[:held]).astype(np.int64)


def write_config(open_clip: Any, checkpoint: Any, looks: dict[str, Any], path: Path) -> None:
    """Write the open_clip configuration of the model beside its checkpoint, with the tokenizer's file if it has one."""
    from embed.encoders.checkpoints import read_config

    if checkpoint.config is not None:
        config = read_config(checkpoint.config)
        own_tokens = config["model_cfg"].get("text_cfg", {}).get("tokenizer_kwargs", {}).get("bpe_path")
        if own_tokens:
            tokens = checkpoint.config.parent / own_tokens
            if tokens.resolve() != (path.parent / tokens.name).resolve():
                shutil.copyfile(tokens, path.parent / tokens.name)
    else:
        config = {"model_cfg": open_clip.get_model_config(checkpoint.model), "preprocess_cfg": looks}
    kept = {key: value for key, value in config["model_cfg"].items() if key != "custom_text" or value}
    text = json.dumps({"model_cfg": kept, "preprocess_cfg": config["preprocess_cfg"] or looks}, indent=2)
    if not path.exists() or path.read_text(encoding="utf-8") != text + "\n":
        replace_text(path, text + "\n")
