"""Names of characters on drawn ones: what is inferred, whom strangers are taken for, which wrong names are found.

    python -m benchmarks.bench_names [--characters 40,400] [--seeds 1,2]

Each character is drawn ten times in other clothes, expressions and places; a third of the pictures has no name, a tenth
of the names is wrong, and half as many strangers are drawn three times each. Vectors are of the bundled encoder.
Beside it: nearest centroid and nearest neighbour with the best threshold on the cosine *chosen on the truth*, and
cleanlab's confident-learning score where it is installed.
"""

from __future__ import annotations

import argparse
import random
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.report import write
from embed.avatars import draw, random_character, random_outfit
from embed.encoders import SEAM
from embed.encoders.base import Batch
from label.names.confidence import Wanted
from label.names.learning import FOLDS, NamedPictures, learn_names
from schema.arrays import Bools, Floats16, Floats32, Ints
from schema.settings import Settings

PICTURES, STRANGER_PICTURES = 10, 3
UNNAMED, WRONG = 1 / 3, 0.1


@dataclass(frozen=True, slots=True)
class Drawn:
    """Pictures: ``vectors`` [n, d], ``truth`` [n] (negative for strangers), which are named [n], and what is said."""

    vectors: Floats16
    truth: Ints
    named: Bools
    said: Ints


def main() -> None:
    """Draw, learn, compare; write OUT.json and OUT.md, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--characters", default="40,400")
    parser.add_argument("--seeds", default="1,2")
    parser.add_argument("--out", default="build/bench_names")
    options = parser.parse_args()
    rows = [
        measure(int(count), int(seed))
        for count in options.characters.split(",")
        for seed in options.seeds.split(",")
    ]
    write(options.out, "names of drawn characters", rows, wrong=WRONG, asked=0.95)


def measure(characters: int, seed: int) -> dict[str, Any]:
    """Return the figures of one collection."""
    drawn = draw_all(characters, characters // 2, seed)
    rows = np.flatnonzero(drawn.named)
    folds = np.random.default_rng(seed).integers(0, FOLDS, len(rows))
    pictures = NamedPictures(drawn.vectors[rows], drawn.said[rows], folds, characters)
    wanted = Wanted(0.95, 0.9, 0.3, 0.02)
    began = time.process_time()
    model = learn_names(pictures, drawn.vectors.astype(np.float32).mean(axis=0), wanted)
    seconds = time.process_time() - began
    found: dict[str, Any] = {"characters": characters, "seed": seed, "processor s": round(seconds, 1)}
    asked = np.flatnonzero(~drawn.named & (drawn.truth >= 0))
    strangers = np.flatnonzero(drawn.truth < 0)
    if model is None:
        return found | {"names": "nothing is learned"}
    for what, places in (("asked", asked), ("strangers", strangers)):
        match = model.matcher().match(model.space.coordinates(drawn.vectors[places]))
        given = model.confidence.accepted(model.confidence.probabilities(match.features()), match.count)
        right = match.best == drawn.truth[places]
        if what == "asked":
            found["most likely name right"] = round(float(right.mean()), 3)
            found["coverage"] = round(float(given.mean()), 3)
            found["precision"] = round(float(right[given].mean()), 3) if given.any() else None
        else:
            found["strangers named"] = round(float(given.mean()), 3)
    precision = found["precision"] or 0.95
    reference = drawn.vectors[rows].astype(np.float32), drawn.said[rows]
    found |= rivals(reference, drawn.vectors[asked].astype(np.float32), drawn.truth[asked], precision)
    found["wrong names, area"] = _area(drawn.said[rows] != drawn.truth[rows], model.stated.wrong)
    peer = cleanlab_scores(reference[0], reference[1])
    if peer is not None:
        found["cleanlab, area"] = _area(drawn.said[rows] != drawn.truth[rows], peer)
    print(found, flush=True)
    return found


def draw_all(characters: int, strangers: int, seed: int) -> Drawn:
    """Draw and embed the pictures of one collection."""
    rng, numbers = random.Random(seed), np.random.default_rng(seed)
    encoder = SEAM.load("open_clip")(Settings())
    truth: list[int] = []
    waiting: list[Any] = []
    vectors: list[Floats32] = []
    for number in range(characters + strangers):
        who = random_character(rng, rng.choice(("freehand", "library")))
        for _ in range(PICTURES if number < characters else STRANGER_PICTURES):
            picture = draw(who, random_outfit(rng, who), 256)
            waiting.append(encoder.prepare(picture.convert("RGB")))
            truth.append(number if number < characters else characters - 1 - number)
        if len(waiting) >= 64 or number == characters + strangers - 1:
            vectors.append(encoder.encode(Batch(np.stack(waiting))))
            waiting = []
    data = np.concatenate(vectors)
    data /= np.linalg.norm(data, axis=1, keepdims=True)
    known = np.array(truth)
    named = (known >= 0) & (numbers.random(len(known)) >= UNNAMED)
    wrong = named & (numbers.random(len(known)) < WRONG)
    said = np.where(wrong, (known + numbers.integers(1, characters, len(known))) % characters, known)
    return Drawn(data.astype(np.float16), known, named, said)


def rivals(
    reference: tuple[Floats32, Ints], asked: Floats32, truth: Ints, precision: float
) -> dict[str, float]:
    """Return the coverage of the nearest centroid and of the nearest neighbour at the same precision."""
    vectors, names = reference
    present = np.unique(names)
    centroids = np.stack([vectors[names == name].mean(axis=0) for name in present])
    centroids /= np.linalg.norm(centroids, axis=1, keepdims=True)
    found = {}
    for what, known, of in (("centroid", centroids, present), ("neighbour", vectors, names)):
        cosine = asked @ known.T
        right = of[cosine.argmax(axis=1)] == truth
        order = np.argsort(-cosine.max(axis=1))
        share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
        good = np.flatnonzero(share >= precision)
        found[f"{what}: right"] = round(float(right.mean()), 3)
        found[f"{what}: coverage there"] = round(float((good[-1] + 1) / len(order)) if len(good) else 0.0, 3)
    return found


def cleanlab_scores(vectors: Floats32, names: Ints) -> np.ndarray[Any, Any] | None:
    """Return how likely each name is wrong by cleanlab with held-out logistic regression; None without cleanlab."""
    try:
        from cleanlab.rank import get_label_quality_scores
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import cross_val_predict
    except ImportError:
        return None
    _, labels, counts = np.unique(names, return_inverse=True, return_counts=True)
    enough = counts[labels] >= FOLDS
    scores = np.full(len(names), np.nan)
    kept, again = np.unique(labels[enough], return_inverse=True)
    if len(kept) > 1:
        model = LogisticRegression(C=100.0, max_iter=200)
        likely = cross_val_predict(model, vectors[enough], again, cv=FOLDS, method="predict_proba")
        scores[enough] = 1 - get_label_quality_scores(again, likely)
    return scores


def _area(wrong: Bools, scores: np.ndarray[Any, Any]) -> float:
    """Return the area under the precision-recall curve; a name without a score comes last."""
    from sklearn.metrics import average_precision_score

    return round(float(average_precision_score(wrong, np.nan_to_num(scores, nan=-1.0))), 3)


if __name__ == "__main__":
    main()
