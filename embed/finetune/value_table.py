"""Training from random weights: the image tower learns beside a plain table of value vectors, then the text tower
learns to say that table.

Two untrained towers that chase each other take hours; a table is a linear classifier per attribute, and a text tower
that only has to reproduce vectors needs minutes. Vectors are whitened while the image tower learns (pooled
activations are all positive, so untrained vectors point one way); the whitening ends up in the projection.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from embed.finetune.phrases import Labels
from embed.finetune.task import SeenValues, Task
from schema.arrays import Bools, Ints
from schema.errors import EncoderError

if TYPE_CHECKING:
    import torch

_SCALE = 12.0
_TEXT_BATCH = 128
_CAPTIONS = 48
_TEXT_RATE = 1e-3


class ValueTable:
    """A vector for every value that pictures show, and the whitening of image vectors."""

    def __init__(self, task: Task, values: SeenValues, labels: Sequence[Labels], seed: int) -> None:
        import torch

        dim = projection_of(task.model).out_features
        generator = torch.Generator().manual_seed(seed)
        self.whitening = torch.nn.BatchNorm1d(dim, affine=False, momentum=0.05).to(task.device)
        self.vectors: dict[str, torch.nn.Parameter] = {}
        self.truth: dict[str, Bools] = {}
        for name, (seen, _) in values.items():
            drawn = torch.randn(len(seen), dim, generator=generator) / math.sqrt(dim)
            self.vectors[name] = torch.nn.Parameter(drawn.to(task.device))
            index = {value: at for at, value in enumerate(seen)}
            truth = np.zeros((len(labels), len(seen)), dtype=bool)
            for row, shown in enumerate(labels):
                truth[row, [index[value] for value in shown.get(name, ()) if value in index]] = True
            self.truth[name] = truth
        self.scale = torch.nn.Parameter(torch.tensor(math.log(_SCALE), device=task.device))

    def parameters(self) -> list[torch.nn.Parameter]:
        """What is trained beside the image tower."""
        return [*self.vectors.values(), self.scale]

    def loss(self, raw: torch.Tensor, picks: Ints, rng: np.random.Generator) -> torch.Tensor:
        """Mean over the attributes of one softmax each; other true values of a picture are no wrong answers."""
        import torch

        images = torch.nn.functional.normalize(self.whitening(raw), dim=-1)
        total, count = images.sum() * 0.0, 0
        for name, table in self.vectors.items():
            truth = self.truth[name][picks]
            known = np.flatnonzero(truth.any(1))
            if not len(known):
                continue
            target = (truth[known] * rng.random(truth[known].shape)).argmax(1)
            barred = truth[known].copy()
            barred[np.arange(len(known)), target] = False
            logits = (
                self.scale.exp().clamp(max=60)
                * images[known]
                @ torch.nn.functional.normalize(table, dim=-1).T
            )
            logits = logits.masked_fill(torch.from_numpy(barred).to(logits.device), float("-inf"))
            total = total + torch.nn.functional.cross_entropy(
                logits, torch.from_numpy(target).to(logits.device)
            )
            count += 1
        return total / max(1, count)

    def accuracy(self, raw: torch.Tensor, picks: Ints) -> dict[str, float]:
        """Share of pictures whose best value is true, by attribute."""
        import torch

        self.whitening.eval()
        with torch.no_grad():
            images = torch.nn.functional.normalize(self.whitening(raw), dim=-1)
            scores = {}
            for name, table in self.vectors.items():
                truth = self.truth[name][picks]
                known = truth.any(1)
                if known.any():
                    best = (images @ torch.nn.functional.normalize(table, dim=-1).T).argmax(1).cpu().numpy()
                    scores[name] = float(truth[np.arange(len(picks)), best][known].mean())
        self.whitening.train()
        return scores

    def state(self) -> dict[str, Any]:
        """All that is learned here."""
        return {
            "vectors": {name: table.detach().clone() for name, table in self.vectors.items()},
            "whitening": {name: value.clone() for name, value in self.whitening.state_dict().items()},
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take back an earlier ``state``."""
        import torch

        with torch.no_grad():
            for name, table in self.vectors.items():
                table.copy_(state["vectors"][name])
        self.whitening.load_state_dict(state["whitening"])

    def fold(self, projection: torch.nn.Linear) -> None:
        """Put the whitening into the projection that makes image vectors: the same vectors, no further layer."""
        import torch

        mean, variance = self.whitening.running_mean, self.whitening.running_var
        assert mean is not None
        assert variance is not None
        with torch.no_grad():
            spread = torch.sqrt(variance + self.whitening.eps)
            projection.weight.div_(spread[:, None])
            projection.bias.sub_(mean).div_(spread)
            self.whitening.reset_running_stats()


def projection_of(model: Any) -> torch.nn.Linear:
    """The last layer of an image tower: of open_clip's own residual towers, or of timm's with a linear head.

    Raises EncoderError for towers that end otherwise.
    """
    visual = model.visual
    pool, head = getattr(visual, "attnpool", None), getattr(visual, "head", None)
    projection = pool.c_proj if pool is not None else getattr(head, "proj", None)
    if projection is None or getattr(projection, "bias", None) is None:
        raise EncoderError(
            f"{type(visual).__name__} has no linear projection with a bias at its end",
            "finetune.scratch takes open_clip's residual towers and timm towers with timm_proj = linear.",
        )
    found: torch.nn.Linear = projection
    return found


def teach_text(task: Task, table: ValueTable, values: SeenValues, steps: int, rng: random.Random) -> float:
    """Train the text tower to give every sentence of a value the value's vector; return the last loss.

    Values that no picture shows are kept apart from all others, a caption of several facts lies between them.
    """
    import torch

    model = task.model.train()
    normal = torch.nn.functional.normalize
    shown = [(name, value) for name, (seen, _) in values.items() for value in seen]
    goal = torch.cat([normal(part.detach(), dim=-1) for part in table.vectors.values()])
    unseen = [(name, value) for name, (_, other) in values.items() for value in other]
    weights = [parameter for name, parameter in model.named_parameters() if not name.startswith("visual.")]
    optimizer = torch.optim.AdamW(weights, lr=_TEXT_RATE, betas=(0.9, 0.98))
    value = 0.0
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = _TEXT_RATE * (0.5 + 0.5 * math.cos(math.pi * step / steps))
        picks = rng.sample(range(len(shown)), min(_TEXT_BATCH, len(shown)))
        others = rng.sample(unseen, min(len(unseen), _TEXT_BATCH // 2))
        facts = [min(len(shown), rng.randint(2, 4)) for _ in range(_CAPTIONS)]
        groups = [rng.sample(range(len(shown)), count) for count in facts]
        texts = [task.phrases.draw(*shown[at], rng) for at in picks]
        texts += [
            ", ".join(min(task.phrases.sentences[n][v], key=len) for n, v in map(shown.__getitem__, g))
            for g in groups
        ]
        texts += [task.phrases.draw(*each, rng) for each in others]
        vectors = normal(model.encode_text(task.tokenizer(texts).to(task.device)).float(), dim=-1)
        said, captions, apart = vectors.split([len(picks), len(groups), len(others)])
        target = torch.tensor(picks, device=task.device)
        loss = torch.nn.functional.cross_entropy(20.0 * said @ goal.T, target) * 0.2
        loss = loss + (1 - (said * goal[target]).sum(-1)).mean() * 2
        between = normal(torch.stack([goal[group].mean(0) for group in groups]), dim=-1)
        loss = loss + (1 - (captions * between).sum(-1)).mean()
        if len(others):
            loss = loss + torch.relu(apart @ goal.T - 0.3).square().sum(1).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        value = float(loss.detach())
    with torch.no_grad():
        model.logit_scale.copy_(table.scale.clamp(max=math.log(60)))
    return value
