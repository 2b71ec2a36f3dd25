"""The cheap measures: milliseconds a picture beside decoding, and tones told apart on pictures turned grey and sepia.

    python -m benchmarks.bench_measures [--pictures FOLDER] [--count 2000] [--side 1024]

Pictures are read from a folder; half of them, by a digest of their names, may be looked at when limits are chosen, the
others are reported. Without a folder avatars are drawn. The clock covers ``prepare`` and ``compute``, processor time of
one thread, the best of three; a picture is decoded beforehand.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import random
import time
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from curate.measures import measure_class
from embed.avatars import draw, random_avatar
from index.images.decode import BadImage, Picture, decode
from index.stages.row_plugin import Batch
from schema.settings import Settings

MEASURES = ("frame", "colour")
_SEPIA = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])


def main() -> None:
    """Print a table and a line of JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--side", type=int, default=1024, help="long side of the pictures that are timed")
    chosen = parser.parse_args()
    pictures = _pictures(chosen.pictures, chosen.count)
    result = {"pictures": len(pictures), "tones": _tones(pictures), "ms": _times(pictures[:60], chosen.side)}
    for half, table in result["tones"].items():
        print(f"{half}: {table}")
    print({name: f"{ms:.2f} ms" for name, ms in result["ms"].items()})
    print(json.dumps(result))


def _pictures(folder: Path | None, count: int) -> list[tuple[str, Image.Image]]:
    if folder is None:
        return [
            (str(seed), draw(*random_avatar(seed, ("library", "freehand")[seed % 2])))
            for seed in range(count)
        ]
    paths = sorted(
        path for path in folder.rglob("*") if path.suffix.lower() in (".png", ".webp", ".jpg", ".jpeg")
    )
    random.Random(0).shuffle(paths)
    found = []
    for path in paths[:count]:
        try:
            found.append((path.name, decode(path.read_bytes()).image))
        except BadImage:
            continue
    return found


def _tones(pictures: list[tuple[str, Image.Image]]) -> dict[str, dict[str, float]]:
    colour = measure_class("colour")(Settings())
    right: dict[str, Counter[str]] = {"fit": Counter(), "report": Counter()}
    number: Counter[str] = Counter()
    for name, image in pictures:
        half = "report" if hashlib.sha256(name.encode()).digest()[0] % 2 else "fit"
        number[half] += 1
        rng = random.Random(name)
        for kind, turned, wanted in (
            ("grey", image.convert("L").convert("RGB"), "grey"),
            ("grey jpeg", _jpeg(image.convert("L").convert("RGB"), rng), "grey"),
            ("sepia", _toned(image, rng), "one hue"),
            ("sepia jpeg", _jpeg(_toned(image, rng), rng), "one hue"),
            ("as it is", image, "coloured"),
        ):
            prepared = colour.prepare(Picture(turned, turned.width, turned.height, "png", 1, True, False, ""))
            (found,) = colour.compute(Batch(None, [prepared])).columns["colour_tones"]
            # A picture whose pixels are all grey is grey as it is.
            truly_grey = kind == "as it is" and not np.ptp(np.asarray(image).astype(int), axis=2).any()
            right[half][kind] += found == ("grey" if truly_grey else wanted)
    return {
        half: {kind: round(count / max(number[half], 1), 4) for kind, count in counts.items()}
        for half, counts in right.items()
    }


def _toned(image: Image.Image, rng: random.Random) -> Image.Image:
    kind = rng.randrange(4)
    if kind == 0:
        return Image.fromarray(np.clip(np.asarray(image) @ _SEPIA.T, 0, 255).astype(np.uint8))
    ends = (("#20140a", "#f4e6cc"), ("#281a0d", "#fff0c0"), ("#0a1a33", "#e6f0ff"))[kind - 1]
    return ImageOps.colorize(image.convert("L"), *ends)


def _jpeg(image: Image.Image, rng: random.Random) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=rng.randint(60, 92))
    return Image.open(buffer).convert("RGB")


def _times(pictures: list[tuple[str, Image.Image]], side: int) -> dict[str, float]:
    found = {}
    for name in MEASURES:
        measure = measure_class(name)(Settings())
        spent = []
        for _, image in pictures:
            large = image.resize((side, max(1, round(side * image.height / image.width))))
            picture = Picture(large, *large.size, "png", 1, True, False, "")
            tries = []
            for _ in range(3):  # the best, since others work on the same cores
                began = time.thread_time()
                measure.compute(Batch(None, [measure.prepare(picture)]))
                tries.append(time.thread_time() - began)
            spent.append(min(tries))
        found[name] = 1000 * float(np.median(spent))
    return found | {"together": sum(found.values())}


if __name__ == "__main__":
    main()
