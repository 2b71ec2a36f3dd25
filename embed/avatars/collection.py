"""Many drawings at once: pixels as one npy file, truth, tags and captions as JSON lines beside it.

Rasterising is the slow part (some 50 drawings a second and core), so a set is drawn once and read as a memory map.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from embed.avatars.characters import random_avatar
from embed.avatars.describe import caption, tags, truth
from embed.avatars.draw import draw
from index.store.files import replace_file, replace_text
from schema.arrays import Bytes


@dataclass(frozen=True, slots=True)
class Collection:
    """Drawn pictures uint8 [n, size, size, 3] with what each shows."""

    pixels: Bytes
    truth: list[dict[str, str | list[str] | None]]
    tags: list[list[str]]
    captions: list[str]

    def __len__(self) -> int:
        return len(self.truth)


def draw_one(seed: int, size: int, hand: str = "library") -> tuple[Bytes, dict[str, object]]:
    """The drawing that ``seed`` names, uint8 [size, size, 3], and its facts."""
    character, outfit = random_avatar(seed, hand)
    facts: dict[str, object] = {
        "seed": seed,
        "truth": truth(character, outfit),
        "tags": tags(character, outfit),
        "caption": caption(character, outfit),
    }
    return np.asarray(draw(character, outfit, size)), facts


def draw_collection(
    folder: Path, seeds: range, size: int = 128, workers: int = 1, hand: str = "library"
) -> Collection:
    """Draw ``seeds`` into ``folder`` unless it holds them already, and open it."""
    name = f"{hand}-{seeds.start}-{seeds.stop}-{size}"
    pixels, facts = folder / f"{name}.npy", folder / f"{name}.jsonl"
    if not facts.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = folder / f"{name}.unfinished.npy"
        lines = []

        def write(place: Path) -> None:
            shape = (len(seeds), size, size, 3)
            target = np.lib.format.open_memmap(place, mode="w+", dtype=np.uint8, shape=shape)
            for index, (drawn, fact) in enumerate(_drawings(seeds, size, workers, hand)):
                target[index] = drawn
                lines.append(json.dumps(fact))
            target.flush()

        replace_file(pixels, write, unfinished)
        # Written last: the set is whole where this file is.
        replace_text(facts, "\n".join(lines) + "\n", facts.with_suffix(".unfinished"))
    return open_collection(pixels, facts)


def open_collection(pixels: Path, facts: Path) -> Collection:
    """A drawn set from its two files; the pixels stay on disk."""
    rows = [json.loads(line) for line in facts.read_text(encoding="utf-8").splitlines()]
    return Collection(
        pixels=np.load(pixels, mmap_mode="r"),
        truth=[row["truth"] for row in rows],
        tags=[row["tags"] for row in rows],
        captions=[row["caption"] for row in rows],
    )


def _drawings(seeds: range, size: int, workers: int, hand: str) -> Iterator[tuple[Bytes, dict[str, object]]]:
    if workers < 2:
        yield from (draw_one(seed, size, hand) for seed in seeds)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(_draw_job, ((seed, size, hand) for seed in seeds), chunksize=32)


def _draw_job(job: tuple[int, int, str]) -> tuple[Bytes, dict[str, object]]:
    return draw_one(*job)
