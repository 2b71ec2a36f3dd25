"""Training: it learns, keeps the best, stops early, and what it writes is an open_clip model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embed.finetune.stage import prepare, run_finetune
from embed.finetune.task import Task
from embed.finetune.train import Trainer
from embed.finetune.value_table import projection_of
from schema.errors import EncoderError
from schema.settings import FinetuneSettings, Settings, load_settings

COLOURS = {"red hair": (220, 30, 30), "blue hair": (30, 30, 220), "green hair": (30, 200, 40)}


class Squares:
    """Plain squares whose colour is the label."""

    def __init__(self, count: int) -> None:
        self._names = [list(COLOURS)[at % 3] for at in range(count)]

    def __len__(self) -> int:
        return len(self._names)

    def labels(self, at: int) -> dict[str, tuple[str, ...]]:
        return {"hair_color": (self._names[at].removesuffix(" hair"),)}

    def text(self, at: int) -> str | None:
        return None

    def pixels(self, picks: Sequence[int]) -> np.ndarray:
        return np.stack([np.full((64, 64, 3), COLOURS[self._names[at]], dtype=np.uint8) for at in picks])


@pytest.fixture
def task(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Settings], tuple[str, Task]]:
    def build(settings: Settings) -> tuple[str, Task]:
        from embed.finetune import stage
        from embed.finetune.phrases import phrases_of
        from schema.vocabulary import load_vocabulary

        squares = Squares(48)
        phrases = phrases_of(load_vocabulary(), {"hair_color": ["red", "blue", "green"]})
        monkeypatch.setattr(stage, "sources", lambda *_: (squares, phrases))
        (tmp_path / "model").mkdir(exist_ok=True)
        return prepare(None, settings, tmp_path / "model")

    return build


def quick(**values: Any) -> Settings:
    chosen = {"pretrained": "random", "batch": 12, "warmup": 1, "evaluate_every": 6, "augment": 0.0} | values
    return load_settings().model_copy(update={"finetune": FinetuneSettings(**chosen)})


def test_from_scratch_it_learns_and_the_checkpoint_loads_as_any_other(
    task: Callable[..., tuple[str, Task]], tmp_path: Path
) -> None:
    settings = quick(scratch=True, steps=6, evaluate_every=3, text_steps=4, learning_rate=2e-3, held_out=0.2)
    name, made = task(settings)
    outcome = Trainer(made, settings.finetune, tmp_path / "model", name).run()
    assert outcome.last_loss < outcome.first_loss
    checkpoint = tmp_path / "model" / f"{name}.safetensors"
    assert checkpoint.stat().st_size > 100_000
    log = (tmp_path / "model" / f"{name}.log.jsonl").read_text().splitlines()
    assert len(log) == 3
    from embed.encoders import load_encoder

    chosen = settings.encoder.model_copy(update={"pretrained": str(checkpoint)})
    encoder = load_encoder(settings.model_copy(update={"encoder": chosen}))
    vectors = encoder.encode_texts(["red hair", "blue hair"])
    assert vectors.shape == (2, encoder.dim)
    assert np.allclose(np.linalg.norm(vectors.astype(np.float32), axis=1), 1, atol=1e-2)


def test_folding_the_whitening_in_changes_no_vector(
    task: Callable[..., tuple[str, Task]], tmp_path: Path
) -> None:
    import torch

    settings = quick(scratch=True, steps=3, learning_rate=1e-3)
    name, made = task(settings)
    trainer = Trainer(made, settings.finetune, tmp_path / "model", name)
    assert trainer.table is not None
    for step in range(3):
        trainer._step(np.arange(12), step / 3)
    picks = np.arange(9)
    made.model.eval()
    trainer.table.whitening.eval()
    pixels = trainer._pixels(picks, made.size, 0.0)
    with torch.no_grad():
        before = trainer.table.whitening(made.model.encode_image(pixels))
        trainer.table.fold(projection_of(made.model))
        after = made.model.encode_image(pixels)
    assert torch.allclose(before, after, rtol=1e-2, atol=1e-3)


def test_fine_tuning_stops_early_and_keeps_the_best(
    task: Callable[..., tuple[str, Task]], tmp_path: Path
) -> None:
    settings = quick(steps=50, evaluate_every=1, patience=2, learning_rate=1e-12)
    name, made = task(settings)
    outcome = Trainer(made, settings.finetune, tmp_path / "model", name).run()
    assert outcome.stopped == "early"
    assert outcome.steps <= 5
    assert (tmp_path / "model" / f"{name}.safetensors").exists()


def test_without_a_store_or_pictures_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="no store"):
        run_finetune(None, quick(source="store"), tmp_path / "out")
