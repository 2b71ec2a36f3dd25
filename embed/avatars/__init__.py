"""Avatars of the project's own drawing, with known attributes: what the demo shows and the bundled encoder
learns from.
"""

from embed.avatars.characters import (
    Character,
    Outfit,
    Scene,
    random_avatar,
    random_character,
    random_outfit,
    random_scene,
)
from embed.avatars.describe import caption, tags, truth
from embed.avatars.draw import draw, draw_pair

__all__ = [
    "Character",
    "Outfit",
    "Scene",
    "caption",
    "draw",
    "draw_pair",
    "random_avatar",
    "random_character",
    "random_outfit",
    "random_scene",
    "tags",
    "truth",
]
