"""Avatars: the same seed draws the same picture, truth is what was drawn, every word is in the vocabulary."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import numpy as np
import pytest

from embed.avatars import (
    caption,
    draw,
    draw_pair,
    palette,
    parts,
    random_avatar,
    random_character,
    random_outfit,
    tags,
    truth,
)
from embed.avatars.collection import draw_collection
from embed.avatars.phrases import own_phrases
from schema.tags.parsing import parse_tags
from schema.vocabulary import load_vocabulary

HANDS = ("library", "freehand")


@pytest.mark.parametrize("hand", HANDS)
def test_a_seed_names_a_picture(hand: str) -> None:
    first = draw(*random_avatar(7, hand), size=64)
    again = draw(*random_avatar(7, hand), size=64)
    other = draw(*random_avatar(8, hand), size=64)
    assert first.mode == "RGB"
    assert first.size == (64, 64)
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


@pytest.mark.parametrize("hand", HANDS)
def test_every_part_draws(hand: str) -> None:
    rng = random.Random(1)
    character, outfit = random_avatar(3, hand)
    plain = dataclasses.replace(outfit, hat=None, extra="none", eyewear="none")
    changed = [
        (dataclasses.replace(character, top=top), plain) for top, part in parts.TOPS.items() if not part.hat
    ]
    changed += [
        (character, dataclasses.replace(plain, hat=top)) for top, part in parts.TOPS.items() if part.hat
    ]
    changed += [(character, dataclasses.replace(plain, garment=name)) for name in parts.GARMENTS]
    changed += [(character, dataclasses.replace(plain, extra=name)) for name in parts.EXTRAS]
    changed += [(character, dataclasses.replace(plain, eyewear=name)) for name in parts.EYEWEAR]
    changed += [(dataclasses.replace(character, facial_hair=name), plain) for name in parts.FACIAL_HAIR]
    for name, face in parts.EXPRESSIONS.items():
        for mouth in face.mouths:
            looks = dataclasses.replace(plain, expression=name, eyes=rng.choice(face.eyes), mouth=mouth)
            changed.append((character, looks))
    for who, wears in changed:
        assert np.asarray(draw(who, wears, size=24)).std() > 3


def test_skin_and_hair_have_the_colours_that_truth_says() -> None:
    character, outfit = random_avatar(11)
    still = dataclasses.replace(outfit.scene, scale=1.0, shift=(0.0, 0.0), angle=0.0, mirrored=False)
    outfit = dataclasses.replace(outfit, hat=None, extra="none", eyewear="none", scene=still)
    for name in palette.SKIN:
        colour = palette.SKIN[name][0]
        person = dataclasses.replace(character, skin=name, skin_hex=colour, top="bald", outline=0.0)
        seen = np.asarray(draw(person, outfit, size=128))
        wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
        assert (np.abs(seen.astype(int) - wanted).max(axis=2) <= 3).sum() > 200, name
        assert truth(person, outfit)["skin"] == name


@pytest.mark.parametrize("hand", HANDS)
def test_truth_is_in_the_vocabulary_and_tags_are_canonical(hand: str) -> None:
    vocabulary, own = load_vocabulary(), own_phrases()
    for seed in range(400):
        character, outfit = random_avatar(seed, hand)
        shown = truth(character, outfit)
        for name, value in shown.items():
            for each in [value] if isinstance(value, str) else value or []:
                assert each in own.get(name, {}) or vocabulary.attribute(name).holds(each), (name, each)
        found = tags(character, outfit)
        assert parse_tags(found) == found
        assert caption(character, outfit)


def test_what_cannot_be_seen_is_not_true() -> None:
    character, outfit = random_avatar(5)
    hatted = truth(character, dataclasses.replace(outfit, hat="turban"))
    assert hatted["hair_color"] is None
    assert hatted["hair_length"] is None
    shut = truth(
        dataclasses.replace(character, eyes="blue"),
        dataclasses.replace(outfit, eyes="closed", eyewear="none"),
    )
    assert shut["eye_color"] is None
    bald = truth(
        dataclasses.replace(character, top="bald"), dataclasses.replace(outfit, hat=None, extra="none")
    )
    assert bald["hair_color"] is None
    assert bald["hair_style"] == ["bald"]


def test_a_character_keeps_what_is_its_own() -> None:
    rng = random.Random(2)
    character = random_character(rng)
    for _ in range(20):
        shown = truth(character, random_outfit(rng, character))
        assert shown["skin"] == character.skin
        assert shown["gender"] == character.gender
        assert shown["hair_color"] in (character.hair, None)


def test_two_in_one_picture() -> None:
    pair = draw_pair(random_avatar(1), random_avatar(2), size=64)
    assert pair.size == (64, 64)


def test_a_collection_is_drawn_once(tmp_path: Path) -> None:
    first = draw_collection(tmp_path, range(3), size=32, hand="freehand")
    drawn = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = draw_collection(tmp_path, range(3), size=32, hand="freehand")
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == drawn
    assert first.pixels.shape == (3, 32, 32, 3)
    assert np.array_equal(first.pixels, again.pixels)
    assert first.truth == again.truth == [truth(*random_avatar(seed, "freehand")) for seed in range(3)]
