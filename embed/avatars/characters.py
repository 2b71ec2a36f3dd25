"""Who is drawn and in what: a character (what stays the same) and an outfit (what changes from picture to picture).

Both are plain values made from a random generator, so that a seed names a picture for ever.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from embed.avatars import palette, parts


@dataclass(frozen=True, slots=True)
class Character:
    """What stays the same from picture to picture; colours are a name and the hex value drawn."""

    gender: str
    age: str
    skin: str
    skin_hex: str
    top: str
    hair: str
    hair_hex: str
    eyes: str | None  # None: black dots, which have no colour of their own
    eyes_hex: str
    eyes_size: float
    facial_hair: str
    mark: str
    nose: str
    natural_brows: bool
    outline: float  # width of the contour lines, 0 for none
    hand: str = "library"  # who draws it: python-avatars, or freehand.py
    shape: int = 0  # seed of what freehand.py varies from person to person
    grain: int = 0  # pictures are drawn on so many pixels and enlarged; 0 draws them smoothly


@dataclass(frozen=True, slots=True)
class Scene:
    """Where the figure stands in the picture: background, scale about the middle, shift in canvas shares, tilt."""

    background: str
    pattern: str
    first_hex: str
    second_hex: str
    scale: float
    shift: tuple[float, float]
    angle: float
    mirrored: bool


@dataclass(frozen=True, slots=True)
class Outfit:
    """What changes from picture to picture: garment, hat, eyewear, ornament, expression, scene."""

    garment: str
    colour: str
    colour_hex: str
    trim_hex: str
    hat: str | None
    hat_hex: str
    eyewear: str
    extra: str
    extra_hex: str
    expression: str
    eyes: str
    brows: str
    mouth: str
    graphic: int
    scene: Scene


def random_character(rng: random.Random, hand: str = "library") -> Character:
    """A character drawn from ``rng``: classes evenly, with what belongs together kept together.

    ``hand`` is who draws it: 'library' (python-avatars with own parts) or 'freehand' (own shapes in many proportions).
    """
    gender = rng.choice(("female", "male"))
    age = "elderly" if rng.random() < 0.12 else "young adult"
    skin = rng.choices(list(palette.SKIN), (4, 5, 5, 5, 4, 1.5, 0.8, 0.8))[0]
    letter = gender[0]
    tops = [name for name, top in parts.TOPS.items() if not top.hat and letter in top.genders]
    hair = rng.choice(("grey", "white")) if age == "elderly" else rng.choice(list(palette.HAIR))
    bearded = gender == "male" and rng.random() < 0.45
    coloured = rng.random() < 0.6
    eyes = rng.choice(list(palette.EYES))
    character = Character(
        gender=gender,
        age=age,
        skin=skin,
        skin_hex=palette.shade(palette.SKIN, skin, rng),
        top=rng.choice(tops),
        hair=hair,
        hair_hex=palette.shade(palette.HAIR, hair, rng),
        eyes=eyes if coloured else None,
        eyes_hex=palette.shade(palette.EYES, eyes, rng),
        eyes_size=rng.uniform(9.5, 16.0),
        facial_hair=rng.choice(list(parts.FACIAL_HAIR)[1:]) if bearded else "none",
        mark=rng.choice(list(parts.MARKS)[1:]) if rng.random() < 0.15 else "none",
        nose=rng.choice(("DEFAULT", "SMALL", "WIDE")),
        natural_brows=rng.random() < 0.5,
        outline=rng.uniform(1.0, 3.0) if rng.random() < 0.25 else 0.0,
    )
    if hand == "library":
        return character
    return replace(
        character,
        hand=hand,
        shape=rng.getrandbits(32),
        grain=rng.randint(24, 48) if rng.random() < 0.15 else 0,
        age="child"
        if character.age == "young adult" and not bearded and rng.random() < 0.1
        else character.age,
    )


def random_scene(rng: random.Random, steady: bool = False) -> Scene:
    """A place for the figure; ``steady`` leaves out tilts and cuts, as in a portrait gallery."""
    background = "white" if rng.random() < 0.25 else rng.choice(list(palette.BACKGROUND))
    second = background if rng.random() < 0.5 else rng.choice(list(palette.BACKGROUND))
    pattern = rng.choices(("plain", "gradient", "circle", "stripes", "dots"), (5, 2, 1, 1, 1))[0]
    loose = 0.35 if steady else 1.0
    return Scene(
        background=background,
        pattern=pattern,
        first_hex=palette.shade(palette.BACKGROUND, background, rng),
        second_hex=palette.shade(palette.BACKGROUND, second, rng, spread=2.0),
        scale=rng.uniform(1 - 0.3 * loose, 1 + 0.35 * loose),
        shift=(rng.uniform(-0.12, 0.12) * loose, rng.uniform(-0.1, 0.1) * loose),
        angle=rng.gauss(0, 4.0) * loose,
        mirrored=rng.random() < 0.5,
    )


def random_outfit(rng: random.Random, character: Character, steady: bool = False) -> Outfit:
    """Clothes, an expression and a scene that fit ``character``, drawn from ``rng``."""
    letter = character.gender[0]
    garment = rng.choice([name for name, item in parts.GARMENTS.items() if letter in item.genders])
    colour = rng.choice(list(palette.CLOTH))
    hats = [name for name, top in parts.TOPS.items() if top.hat and letter in top.genders]
    hat = rng.choice(hats) if rng.random() < 0.15 else None
    eyewear = rng.choice(list(parts.EYEWEAR)[1:]) if rng.random() < 0.4 else "none"
    extras = [name for name in list(parts.EXTRAS)[1:] if _fits(name, hat, letter)]
    extra = rng.choice(extras) if rng.random() < 0.35 else "none"
    expression = rng.choice(list(parts.EXPRESSIONS))
    face = parts.EXPRESSIONS[expression]
    return Outfit(
        garment=garment,
        colour=colour,
        colour_hex=palette.shade(palette.CLOTH, colour, rng),
        trim_hex=palette.shade(
            palette.CLOTH, rng.choice([name for name in palette.CLOTH if name != colour]), rng
        ),
        hat=hat,
        hat_hex=palette.shade(palette.CLOTH, rng.choice(list(palette.CLOTH)), rng),
        eyewear=eyewear,
        extra=extra,
        extra_hex=palette.shade(palette.CLOTH, rng.choice(list(palette.CLOTH)), rng),
        expression=expression,
        eyes=rng.choice(face.eyes),
        brows=rng.choice(face.brows),
        mouth=rng.choice(face.mouths),
        graphic=rng.randrange(10),
        scene=random_scene(rng, steady),
    )


def _fits(extra: str, hat: str | None, letter: str) -> bool:
    if hat is not None and extra not in ("necklace", "scarf", "earrings"):
        return False
    return letter == "f" or extra not in ("hair_ribbon", "hair_flower")


def random_avatar(seed: int, hand: str = "library") -> tuple[Character, Outfit]:
    """The character and the outfit that ``seed`` names, for one of the two hands."""
    rng = random.Random(seed)
    character = random_character(rng, hand)
    return character, random_outfit(rng, character)
