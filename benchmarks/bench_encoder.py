"""What the bundled encoder knows: linear probe, neighbours and prompts on drawings it never saw.

    python -m benchmarks.bench_encoder --out embed/pretrained/likeness-avatar.accuracy.json

Draws avatars from seeds that training never uses, embeds them as `likeness embed` does, and measures each class of
the generator: a linear probe trained on two thirds and tested on the third, the k = 15 nearest of the two thirds, the
prompts alone. No character is in both parts. Every figure stands beside the share of the commonest class.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from embed.avatars.collection import Collection, draw_collection
from embed.avatars.phrases import own_phrases
from embed.encoders import Batch, load_encoder
from embed.encoders.base import Encoder
from embed.encoders.checkpoints import file_digest
from embed.finetune.phrases import phrases_of
from embed.finetune.stage import HELD_OUT_SEED, drawings_folder
from schema.settings import load_settings
from schema.vocabulary import load_vocabulary

NEIGHBOURS = 15
# Inverse strengths of the probe's penalty.
STRENGTHS = (0.01, 0.1, 1.0)
ATTRIBUTES = (
    ("skin", 0.95),
    ("hair_color", 0.95),
    ("clothing", 0.90),
    ("eyewear", 0.90),
    ("beard", 0.90),
    ("top", 0.80),
    ("facial_hair", None),
    ("hair_length", None),
    ("eye_color", None),
    ("expression", None),
    ("face", None),
    ("gender", None),
    ("age", None),
    ("extra", None),
    ("clothing_color", None),
)
"""Attribute and the goal of its linear probe."""


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", default="build/bench_encoder.json")
    parser.add_argument(
        "--drawings", type=int, default=2400, help="drawings of the library hand; half as many freehand"
    )
    parser.add_argument(
        "--skip", type=int, default=0, help="drawings to pass over, for ones nobody looked at"
    )
    parser.add_argument("--set", action="append", default=[], help="section.key=value, as for likeness")
    options = parser.parse_args()
    settings = load_settings(None, options.set)
    encoder = load_encoder(settings)
    result: dict[str, Any] = {
        "machine": f"{platform.machine()}, {platform.system()}",
        "model": settings.encoder.model,
        "weights": _digest(settings.encoder.model, settings.encoder.pretrained),
        "probe": "logistic regression on two thirds of the drawings, tested on the rest",
        "neighbours": NEIGHBOURS,
        "hands": {},
    }
    for hand, count in (("library", options.drawings), ("freehand", options.drawings // 2)):
        first = HELD_OUT_SEED + options.skip
        seeds = range(first, first + count)
        drawings = draw_collection(drawings_folder(), seeds, 128, 1, hand)
        result["hands"][hand] = {"drawings": count, "attributes": measure(encoder, drawings)}
    out = Path(options.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(table(result))


def measure(encoder: Encoder, drawings: Collection) -> dict[str, dict[str, float | int | None]]:
    """Probe, neighbour and prompt accuracy of each attribute that the drawings show."""
    prepared = np.stack([encoder.prepare(Image.fromarray(np.asarray(pixels))) for pixels in drawings.pixels])
    parts = [encoder.encode(Batch(prepared[at : at + 64])) for at in range(0, len(prepared), 64)]
    vectors = np.concatenate(parts).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    train = np.arange(len(vectors)) % 3 != 0
    phrases = phrases_of(load_vocabulary(), {}, own_phrases())
    found = {}
    for name, goal in ATTRIBUTES:
        said = [truth.get(name) for truth in drawings.truth]
        known = np.array([isinstance(value, str) for value in said])
        if len({value for value in said if isinstance(value, str)}) < 2:
            continue
        labels = np.array([value if isinstance(value, str) else "" for value in said])
        one, two = known & train, known & ~train
        classes = sorted(set(labels[known]))
        texts = [sentence for value in classes for sentence in phrases.sentences[name][value][:4]]
        owners = [at for at, value in enumerate(classes) for _ in phrases.sentences[name][value][:4]]
        towers = encoder.encode_texts(texts)
        means = np.stack([towers[np.array(owners) == at].mean(0) for at in range(len(classes))])
        told = np.array(classes)[(vectors[two] @ means.T).argmax(1)]
        found[name] = {
            "probe": accuracy(probe(vectors[one], labels[one], vectors[two]), labels[two]),
            "prompts": accuracy(told, labels[two]),
            "neighbours": accuracy(vote(vectors[one], labels[one], vectors[two]), labels[two]),
            "commonest": round(Counter(labels[two]).most_common(1)[0][1] / int(two.sum()), 4),
            "classes": len(classes),
            "tested": int(two.sum()),
            "goal": goal,
        }
    return found


def probe(train: npt.NDArray[Any], labels: npt.NDArray[Any], test: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """What a linear probe says of ``test``; its strength is chosen on a fifth of ``train``."""
    from sklearn.linear_model import LogisticRegression

    mean, spread = train.mean(0), train.std(0) + 1e-6
    train, test = (train - mean) / spread, (test - mean) / spread

    def fitted(strength: float, places: npt.NDArray[Any]) -> Any:
        return LogisticRegression(C=strength, max_iter=300).fit(train[places], labels[places])

    held = np.arange(len(train)) % 5 == 0
    every = np.ones(len(train), dtype=bool)
    scores = {each: fitted(each, ~held).score(train[held], labels[held]) for each in STRENGTHS}
    guessed: npt.NDArray[Any] = fitted(max(scores, key=lambda each: scores[each]), every).predict(test)
    return guessed


def vote(train: npt.NDArray[Any], labels: npt.NDArray[Any], test: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The majority of the nearest neighbours."""
    nearest = np.argpartition(-(test @ train.T), NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    return np.array([Counter(labels[row]).most_common(1)[0][0] for row in nearest])


def accuracy(guessed: npt.NDArray[Any], true: npt.NDArray[Any]) -> float:
    """Share of right answers."""
    return round(float(np.mean(guessed == true)), 4)


def table(result: dict[str, Any]) -> str:
    """The figures as lines of text."""
    lines = []
    for hand, measured in result["hands"].items():
        lines.append(f"{hand}: {measured['drawings']} drawings never trained on")
        lines.append(
            f"  {'':15}{'goal':>7}{'probe':>8}{'prompts':>9}{'k=15':>8}{'commonest':>11}{'classes':>9}"
        )
        for name, row in measured["attributes"].items():
            goal = f"{row['goal']:.2f}" if row["goal"] else ""
            lines.append(
                f"  {name:15}{goal:>7}{row['probe']:8.3f}{row['prompts']:9.3f}{row['neighbours']:8.3f}"
                f"{row['commonest']:11.3f}{row['classes']:9d}"
            )
    return "\n".join(lines)


def _digest(model: str, pretrained: str) -> str:
    from embed.encoders.checkpoints import find_checkpoint
    from schema.settings import EncoderSettings

    weights = find_checkpoint(EncoderSettings(model=model, pretrained=pretrained)).weights
    return file_digest(weights) if weights else ""


if __name__ == "__main__":
    main()
