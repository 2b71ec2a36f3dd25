"""The proportions of one person, which the second hand varies from character to character."""

from __future__ import annotations

import random
from dataclasses import dataclass

from embed.avatars.characters import Character

INK = "#1d1a1a"


@dataclass(frozen=True, slots=True)
class Build:
    """The proportions of one person."""

    x: float
    y: float
    rx: float
    ry: float
    jaw: float  # 0 round to 1 pointed
    square: bool
    frame: str  # head, bust or body
    line: float
    eye: str
    eye_size: float
    eye_gap: float
    nose: str
    bangs: str
    volume: float
    shadow: bool
    turn: float  # sideways shift of the face


def build_of(character: Character) -> Build:
    """The proportions that belong to a character, always the same."""
    rng = random.Random(f"build {character.shape}")
    frame = rng.choices(("head", "bust", "body"), (2, 5, 3))[0]
    grown = 1.0 if character.age != "child" else 1.1
    rx = {"head": rng.uniform(58, 82), "bust": rng.uniform(44, 66), "body": rng.uniform(28, 50)}[
        frame
    ] * grown
    eye = (
        ("iris" if rng.random() < 0.75 else "tall")
        if character.eyes
        else rng.choice(("dot", "dot", "oval", "line"))
    )
    return Build(
        x=132 + rng.uniform(-8, 8),
        y={"head": 128.0, "bust": rng.uniform(98, 120), "body": rng.uniform(52, 78)}[frame],
        rx=rx,
        ry=rx * rng.uniform(0.92, 1.3),
        jaw=rng.random() ** 2,
        square=rng.random() < 0.2,
        frame=frame,
        line=rng.choice((0.0, 0.0, rng.uniform(1.2, 2.5), rng.uniform(2.5, 5.0))),
        eye=eye,
        eye_size=rng.uniform(0.09, 0.2) if eye in ("iris", "tall") else rng.uniform(0.06, 0.11),
        eye_gap=rng.uniform(0.32, 0.48),
        nose=rng.choice(("none", "dot", "line", "hook", "shade")),
        bangs=rng.choice(("none", "straight", "side", "spikes", "parted")),
        volume=rng.uniform(1.06, 1.28),
        shadow=rng.random() < 0.4,
        turn=rng.choice((0.0, 0.0, rng.uniform(-0.16, 0.16))),
    )
