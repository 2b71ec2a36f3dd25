"""The training loop of the detector: scenes drawn by another process, a moving average of the weights, checkpoints.

A run that is killed goes on from its last checkpoint. Most steps see small pictures, which cost half as much, and every
scene is seen twice, the second time mirrored, because drawing one costs as much as learning from it. Progress of the
schedule is the larger of steps done and minutes used, so that a slow machine still ends with a small learning rate.
"""

from __future__ import annotations

import itertools
import json
import math
import multiprocessing
import pickle
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from embed.detector.figures import Figure, draw_figure
from embed.detector.network import STRIDE, Detector, loss, targets
from embed.detector.scenes import draw_scene
from index.store.files import replace_file, replace_text
from schema.arrays import Bytes

HELD_OUT_FIGURES = 5_000_000
"""Figures from this number on are never learned from; benchmarks/bench_people.py tries the detector on them."""

_KEPT = 0.998
# Pixels of a side, and up to which share of the steps.
_SIDES = ((0.6, 192), (1.0, 256))


@dataclass(frozen=True, slots=True)
class Plan:
    """What to train: figures drawn once, most steps of so many pictures, most minutes, peak of the learning rate."""

    figures: int = 1500
    batch: int = 16
    steps: int = 5000
    minutes: float = 600.0
    learning_rate: float = 2e-3
    threads: int = 1
    seed: int = 0


def train(folder: Path, plan: Plan) -> None:
    """Train a detector in ``folder``; ``weights.pt`` there holds the averaged weights of the last checkpoint."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(plan.threads)
    torch.manual_seed(plan.seed)
    model = Detector()
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    averaged = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=plan.learning_rate, weight_decay=0.01)
    checkpoint, first, used = folder / "checkpoint.pt", 0, 0.0
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        averaged, first, used = saved["averaged"], saved["step"], saved["seconds"]
    clock, total = _Clock(plan, first, used), 0.0
    for step, (pixels, peaks, boxes) in enumerate(_batches(folder, plan, clock), first):
        clock.step = step
        progress = clock.progress()
        for group in optimizer.param_groups:
            group["lr"] = plan.learning_rate * _schedule(step, progress)
        with torch.autocast("cpu", torch.bfloat16):
            answers = model(pixels)
        found = loss(answers[0].float(), answers[1].float(), peaks, boxes)
        optimizer.zero_grad(set_to_none=True)
        found.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
        kept = min(_KEPT, (1 + step) / (10 + step))
        for name, value in model.state_dict().items():
            averaged[name] = (
                value.clone() if not value.is_floating_point() else averaged[name].lerp(value, 1 - kept)
            )
        total += found.item()
        ended = progress >= 1
        if (step + 1) % 100 == 0 or ended:
            state = {
                "model": model.state_dict(),
                "averaged": averaged,
                "step": step + 1,
                "seconds": clock.seconds(),
                "optimizer": optimizer.state_dict(),
            }
            _save(checkpoint, state)
            _save(folder / "weights.pt", averaged)
            line = {
                "step": step + 1,
                "loss": round(total / 100, 4),
                "seconds": round(clock.seconds()),
            }
            replace_text(folder / "progress.json", json.dumps(line), folder / "progress.unfinished")
            print(line, flush=True)  # noqa: T201 - the command's own progress
            total = 0.0
        if ended:
            break


def _save(path: Path, state: dict[str, object]) -> None:
    replace_file(path, lambda place: torch.save(state, place), path.with_suffix(".unfinished"))


class _Clock:
    """How far a training is, 0..1."""

    def __init__(self, plan: Plan, step: int, used: float) -> None:
        self.step = step
        self._plan, self._began = plan, time.monotonic() - used

    def seconds(self) -> float:
        return time.monotonic() - self._began

    def progress(self) -> float:
        return min(1.0, max((self.step + 1) / self._plan.steps, self.seconds() / 60 / self._plan.minutes))


def _schedule(step: int, progress: float) -> float:
    return min((step + 1) / 150, 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))


def _batches(folder: Path, plan: Plan, clock: _Clock) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield pictures [b, 3, side, side] in 0..1 with what is wanted of them, drawn ahead by another process."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1, _prepare, (folder, plan.figures)) as pool:
        waiting, again = [], []
        for step in itertools.count(clock.step, 2):
            side = next(pixels for share, pixels in _SIDES if clock.progress() <= share)
            waiting.append(pool.apply_async(_draw_batch, ((plan.seed, step, plan.batch, side),)))
            if len(waiting) <= 4:
                continue
            batch = _targets(*waiting.pop(0).get())
            yield batch
            again.append(batch)
            yield _mirrored(*again.pop(0 if len(again) > 12 else -1))


_figures: list[Figure] = []


def _prepare(folder: Path, count: int) -> None:
    torch.set_num_threads(1)
    kept = folder / f"figures-{count}.pickle"
    if not kept.exists():
        drawn = [draw_figure(seed) for seed in range(count)]
        replace_file(kept, lambda place: place.write_bytes(pickle.dumps(drawn)))
    _figures.extend(pickle.loads(kept.read_bytes()))  # noqa: S301 - what was pickled above


def _draw_batch(job: tuple[int, int, int, int]) -> tuple[Bytes, list[tuple[np.ndarray, list[int]]]]:
    seed, step, batch, side = job
    scenes = [
        draw_scene(_figures, random.Random(f"scene {seed} {step} {number}"), side) for number in range(batch)
    ]
    return np.stack([scene.pixels for scene in scenes]), [(scene.boxes, scene.classes) for scene in scenes]


def _mirrored(pixels: Tensor, peaks: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    side, turned = pixels.shape[3], boxes.flip(4)
    turned = torch.stack(
        [side - turned[:, :, 2], turned[:, :, 1], side - turned[:, :, 0], turned[:, :, 3]], 2
    )
    return pixels.flip(3).contiguous(memory_format=torch.channels_last), peaks.flip(3), turned


def _targets(pixels: Bytes, truths: list[tuple[np.ndarray, list[int]]]) -> tuple[Tensor, Tensor, Tensor]:
    side = pixels.shape[1]
    made = [
        targets(torch.from_numpy(boxes), torch.tensor(classes), side // STRIDE) for boxes, classes in truths
    ]
    pictures = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    pictures = pictures.contiguous(memory_format=torch.channels_last)
    return pictures, torch.stack([peaks for peaks, _ in made]), torch.stack([boxes for _, boxes in made])
