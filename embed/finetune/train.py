"""The training loop: batches, two losses, a score on held-out pictures, the best checkpoint kept.

Progress of the schedule is the larger of steps done and minutes used, so that a slow machine still ends with a small
learning rate. A run that is killed goes on from its last evaluation.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from embed.finetune.augment import augment
from embed.finetune.loss import attribute_loss, contrastive_loss
from embed.finetune.phrases import Labels, Phrases
from embed.finetune.save import save_state, save_weights
from embed.finetune.task import SeenValues, Task
from embed.finetune.value_table import ValueTable, projection_of, teach_text
from schema.arrays import Ints
from schema.settings import FinetuneSettings

if TYPE_CHECKING:
    import torch

# Sentences cost as much as pictures, so a step asks about at most so many values of an attribute, and offers a few
# values that no picture shows as wrong answers.
_VALUES = 64
_UNSEEN = 2
_ATTRIBUTES = 10
# Growing pictures: (share of the training, share of the side). What is learnt on small pictures carries over; at 6/7
# of 112 a residual tower pools as many places as at 112.
_GROWTH = ((0.7, 6 / 7),)


@dataclass(slots=True)
class Outcome:
    """How a training ended: scores are mean held-out prompt accuracies, ``accuracy`` those of the best by attribute."""

    steps: int = 0
    best_step: int = 0
    best_score: float = -1.0
    first_loss: float = 0.0
    last_loss: float = 0.0
    stopped: str = "steps"
    accuracy: dict[str, float] = field(default_factory=dict)


class Trainer:
    """One training of one task; ``run`` does it all."""

    def __init__(self, task: Task, settings: FinetuneSettings, out: Path, name: str) -> None:
        import torch

        self.task, self.settings, self.out, self.name = task, settings, out, name
        self.rng = random.Random(settings.seed)
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.labels: list[Labels] = [task.pictures.labels(at) for at in range(len(task.pictures))]
        self.values = _values_in(self.labels, task.phrases)
        task.model.to(memory_format=torch.channels_last)  # 1.7 times as fast on a CPU
        self.table = ValueTable(task, self.values, self.labels, settings.seed) if settings.scratch else None
        trained = [p for n, p in task.model.named_parameters() if not self.table or n.startswith("visual.")]
        trained += self.table.parameters() if self.table else []
        decayed = [p for p in trained if p.requires_grad and p.ndim > 1]
        plain = [p for p in trained if p.requires_grad and p.ndim <= 1]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": decayed, "weight_decay": settings.weight_decay},
                {"params": plain, "weight_decay": 0.0},
            ],
            lr=settings.learning_rate,
            betas=(0.9, 0.98),
        )
        self.outcome = Outcome()
        self.used_seconds = 0.0
        self.size = task.size
        self._best: tuple[dict[str, Any], dict[str, Any]] | None = None

    def run(self, tick: Callable[[int], None] = lambda _: None) -> Outcome:
        """Train until the steps or minutes are used up or the score no longer rises; ``tick`` is told every step."""
        settings, outcome = self.settings, self.outcome
        self.out.mkdir(parents=True, exist_ok=True)
        self._resume()
        batches = self._batches()
        started, since_best, losses = time.monotonic() - self.used_seconds, 0, []
        while outcome.steps < settings.steps:
            self.used_seconds = time.monotonic() - started
            progress = max(outcome.steps / settings.steps, self.used_seconds / 60 / settings.minutes)
            if progress >= 1:
                outcome.stopped = "minutes"
                break
            loss = self._step(next(batches), progress)
            losses.append(loss)
            outcome.first_loss = outcome.first_loss or loss
            outcome.last_loss = loss
            outcome.steps += 1
            tick(1)
            if outcome.steps % settings.evaluate_every == 0:
                since_best = 0 if self._evaluate(float(np.mean(losses))) else since_best + 1
                losses.clear()
                if since_best >= settings.patience:
                    outcome.stopped = "early"
                    break
        if outcome.steps % settings.evaluate_every or self.size != self.task.size:
            self.size = self.task.size
            self._evaluate(float(np.mean(losses)) if losses else 0.0)
        if self.table is not None:
            self._finish_scratch()
        return outcome

    def _batches(self) -> Iterator[Ints]:
        rng = np.random.default_rng([self.settings.seed, self.outcome.steps])
        size = min(self.settings.batch, len(self.task.train))
        while True:
            order = rng.permutation(self.task.train)
            for start in range(0, len(order) - size + 1, size):
                yield order[start : start + size]

    def _step(self, picks: Ints, progress: float) -> float:
        import torch

        task, settings = self.task, self.settings
        model = task.model.train()
        warm = min(1.0, (self.outcome.steps + 1) / max(1, settings.warmup))
        for group in self.optimizer.param_groups:
            group["lr"] = settings.learning_rate * warm * (0.5 + 0.5 * math.cos(math.pi * progress))
        size = task.size
        if settings.grow:  # what is learnt on small pictures carries over
            size = next((round(task.size * share) for until, share in _GROWTH if progress < until), size)
        if size != self.size:  # scores on pictures of another size are not to be compared
            self.size, self.outcome.best_score = size, -1.0
        pixels = self._pixels(picks, size, settings.augment)
        if self.table is not None:
            with _autocast(task.device):
                raw = model.encode_image(pixels).float()
            rng = np.random.default_rng([settings.seed, self.outcome.steps])
            return self._descend(self.table.loss(raw, picks, rng))
        names, sentences, targets, barred = self._questions(picks)
        captions = [task.phrases.caption(self.labels[at], self.rng) for at in picks]
        told = [at for at, caption in enumerate(captions) if caption][: settings.captions]
        texts = [sentence for group in sentences for sentence in group] + [captions[at] or "" for at in told]
        with _autocast(task.device):
            images = torch.nn.functional.normalize(model.encode_image(pixels).float(), dim=-1)
            vectors = torch.nn.functional.normalize(model.encode_text(self._tokens(texts)).float(), dim=-1)
        scale = model.logit_scale.exp().clamp(max=100)
        loss, at = images.sum() * 0.0, 0
        for number, _ in enumerate(names):
            part = vectors[at : at + len(sentences[number])]
            at += len(part)
            loss = loss + attribute_loss(images, part, targets[number], barred[number], scale) / len(names)
        if len(told) > 1 and settings.contrast:
            said = [captions[i] for i in told]
            same = torch.tensor([[a == b for b in said] for a in said], device=task.device)
            loss = loss + settings.contrast * contrastive_loss(images[told], vectors[at:], scale, same)
        return self._descend(loss)

    def _descend(self, loss: torch.Tensor) -> float:
        import torch

        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        for group in self.optimizer.param_groups:
            torch.nn.utils.clip_grad_norm_(group["params"], 1.0)
        self.optimizer.step()
        with torch.no_grad():
            self.task.model.logit_scale.clamp_(0, math.log(100))
        return float(loss.detach())

    def _finish_scratch(self) -> None:
        """Fold the whitening in, teach the text tower the table, and keep the result as the checkpoint."""
        assert self.table is not None
        if self._best is not None:
            self.task.model.load_state_dict(self._best[0])
            self.table.load(self._best[1])
        self.table.fold(projection_of(self.task.model))
        teach_text(self.task, self.table, self.values, self.settings.text_steps, self.rng)
        outcome = self.outcome
        outcome.accuracy = prompt_accuracy(self)
        outcome.best_score = float(np.mean(list(outcome.accuracy.values())))
        save_weights(self.task.model, self.out / f"{self.name}.safetensors")
        self._log({"stage": "text", "score": outcome.best_score, "accuracy": outcome.accuracy})

    def _questions(
        self, picks: Ints
    ) -> tuple[list[str], list[list[str]], list[torch.Tensor], list[torch.Tensor]]:
        """Per attribute: its sentences of this step, the right answer of each picture, and what else is true of it."""
        import torch

        names, sentences, targets, barred = [], [], [], []
        chosen = self.rng.sample(list(self.values), min(len(self.values), _ATTRIBUTES))
        for name in chosen:
            seen, unseen = self.values[name]
            asked = seen if len(seen) <= _VALUES else self.rng.sample(seen, _VALUES // 2)
            values = asked + self.rng.sample(unseen, min(len(unseen), _UNSEEN))
            index = {value: at for at, value in enumerate(values)}
            target = np.full(len(picks), -1, dtype=np.int64)
            also = np.zeros((len(picks), len(values)), dtype=bool)
            for row, pick in enumerate(picks):
                true = [index[value] for value in self.labels[pick].get(name, ()) if value in index]
                if true:
                    target[row] = self.rng.choice(true)
                    also[row, [each for each in true if each != target[row]]] = True
            if (target < 0).all():
                continue
            names.append(name)
            sentences.append([self.task.phrases.draw(name, value, self.rng) for value in values])
            targets.append(torch.from_numpy(target).to(self.task.device))
            barred.append(torch.from_numpy(also).to(self.task.device))
        return names, sentences, targets, barred

    def _tokens(self, texts: Sequence[str]) -> torch.Tensor:
        return self.task.tokenizer(list(texts)).to(self.task.device)

    def _pixels(self, picks: Ints, size: int, strength: float) -> torch.Tensor:
        import torch

        task = self.task
        pixels = (
            torch.from_numpy(task.pictures.pixels([int(pick) for pick in picks])).permute(0, 3, 1, 2).float()
            / 255
        )
        if strength > 0:
            pixels = augment(pixels, size, self.generator, strength)
        elif pixels.shape[-1] != size:
            pixels = torch.nn.functional.interpolate(
                pixels, size=(size, size), mode="bicubic", antialias=True
            ).clamp(0, 1)
        mean = torch.tensor(task.mean).view(1, 3, 1, 1)
        std = torch.tensor(task.std).view(1, 3, 1, 1)
        prepared = ((pixels - mean) / std).contiguous(memory_format=torch.channels_last)
        return prepared.to(task.device, non_blocking=True)

    def _evaluate(self, loss: float) -> bool:
        """Score the held-out pictures, log a line, keep the checkpoint if it is the best; say whether it was."""
        outcome = self.outcome
        if self.table is not None:
            accuracy = self.table.accuracy(
                raw_vectors(self, self.task.held_out, self.size), self.task.held_out
            )
        else:
            accuracy = prompt_accuracy(self)
        score = float(np.mean(list(accuracy.values()))) if accuracy else 0.0
        best = score > outcome.best_score
        if best:
            outcome.best_score, outcome.best_step, outcome.accuracy = score, outcome.steps, accuracy
            if self.table is None:
                save_weights(self.task.model, self.out / f"{self.name}.safetensors")
            else:
                model = {name: value.clone() for name, value in self.task.model.state_dict().items()}
                self._best = (model, self.table.state())
        line = {
            "size": self.size,
            "step": outcome.steps,
            "seconds": round(self.used_seconds, 1),
            "loss": round(loss, 4),
            "score": round(score, 4),
            "best": best,
            "accuracy": {name: round(value, 4) for name, value in accuracy.items()},
        }
        self._log(line)
        save_state(self._state_file, self._state())
        return best

    def _log(self, line: dict[str, Any]) -> None:
        with (self.out / f"{self.name}.log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    @property
    def _state_file(self) -> Path:
        return self.out / f"{self.name}.state.pt"

    def _state(self) -> dict[str, Any]:
        outcome = self.outcome
        return {
            "settings": self.settings.model_dump_json(),
            "model": self.task.model.state_dict(),
            "table": self.table.state() if self.table else {},
            "optimizer": self.optimizer.state_dict(),
            "steps": outcome.steps,
            "best": (outcome.best_step, outcome.best_score, outcome.accuracy),
            "first_loss": outcome.first_loss,
            "seconds": self.used_seconds,
        }

    def _resume(self) -> bool:
        """Go on from the state of the same settings; any other state is left alone and written over later."""
        import torch

        if not self._state_file.exists():
            return False
        state = torch.load(self._state_file, map_location=self.task.device, weights_only=True)
        if state["settings"] != self.settings.model_dump_json():
            return False
        self.task.model.load_state_dict(state["model"])
        if self.table is not None:
            self.table.load(state["table"])
        self.optimizer.load_state_dict(state["optimizer"])
        outcome = self.outcome
        outcome.steps, outcome.first_loss = int(state["steps"]), float(state["first_loss"])
        outcome.best_step, outcome.best_score, outcome.accuracy = state["best"]
        self.used_seconds = float(state["seconds"])
        self.rng.seed(f"{self.settings.seed}-{outcome.steps}")
        return True


def prompt_accuracy(trainer: Trainer) -> dict[str, float]:
    """Held-out accuracy of each attribute by its prompts alone, each value the mean vector of its sentences."""
    import torch

    task = trainer.task
    model = task.model.eval()
    images = torch.nn.functional.normalize(raw_vectors(trainer, task.held_out, task.size), dim=-1)
    scores = {}
    with torch.inference_mode():
        for name, (seen, _) in trainer.values.items():
            value_vectors = []
            for value in seen:
                said = model.encode_text(trainer._tokens(task.phrases.sentences[name][value][:4])).float()
                value_vectors.append(torch.nn.functional.normalize(said, dim=-1).mean(0))
            best = (images @ torch.stack(value_vectors).T).argmax(1).tolist()
            truths = [trainer.labels[at].get(name, ()) for at in task.held_out]
            hits = [seen[guess] in truth for guess, truth in zip(best, truths, strict=True) if truth]
            if hits:
                scores[name] = float(np.mean(hits))
    return scores


def raw_vectors(trainer: Trainer, picks: Ints, size: int) -> torch.Tensor:
    """What the image tower gives for pictures without augmentation, scaled to ``size``: float32 [n, d]."""
    import torch

    model = trainer.task.model.eval()
    with torch.inference_mode(), _autocast(trainer.task.device):
        parts = [
            model.encode_image(trainer._pixels(picks[at : at + 128], size, 0.0)).float()
            for at in range(0, len(picks), 128)
        ]
    return torch.cat(parts) if parts else torch.empty(0, 1)


def _values_in(labels: Sequence[Labels], phrases: Phrases) -> SeenValues:
    """Attribute to (values that pictures show, other values of it); attributes with one value teach nothing."""
    shown: dict[str, set[str]] = {}
    for each in labels:
        for name, values in each.items():
            shown.setdefault(name, set()).update(value for value in values if phrases.says(name, value))
    return {
        name: (sorted(values), sorted(set(phrases.sentences[name]) - values))
        for name, values in sorted(shown.items())
        if len(values) > 1
    }


def _autocast(device: torch.device) -> AbstractContextManager[Any]:
    import torch

    # bf16 needs no loss scaling. Where a CPU has its instructions a small tower trains at twice the speed; where it has
    # none it is several times slower than fp32.
    able: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # older versions do not tell
    fast = device.type == "cuda" or bool(able.get("avx512_bf16"))
    return torch.autocast(device.type, dtype=torch.bfloat16) if fast else nullcontext()
