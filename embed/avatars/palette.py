"""The colours avatars are drawn in, by the name a tag would give them.

Every name has a few anchors and is jittered around them in hue, saturation and value, so that a colour is a class and
not one hex code. Anchors of different names are kept apart by eye: what lies between brown and blonde is not drawn.
"""

from __future__ import annotations

import colorsys
import random
from collections.abc import Mapping

HAIR: Mapping[str, tuple[str, ...]] = {
    "black": ("#17120f", "#1d1b20", "#15161d", "#241b1a"),
    "brown": ("#724133", "#5c3a21", "#7d4f2a", "#6a4a3a", "#8a5a38"),
    "blonde": ("#d6b370", "#f0d67a", "#e8c04f", "#fae08c", "#dfc27d"),
    "red": ("#b3161b", "#c62828", "#96141f", "#d12e2e"),
    "orange": ("#e8711c", "#f08a24", "#d9601a", "#e9853f"),
    "pink": ("#f59797", "#f48fb1", "#ff69b4", "#f7b3cb"),
    "purple": ("#7b3fa0", "#9b6dd0", "#5e35b1", "#8b5fbf"),
    "blue": ("#3f6fd8", "#4fa9f0", "#22409a", "#5b8def"),
    "green": ("#3f9b4f", "#7bc96f", "#1f7a45", "#5aae61"),
    "grey": ("#8d8f94", "#9a9da3", "#7b7e84", "#85888c"),
    "white": ("#f4f4f2", "#ecebee", "#ffffff", "#efeff4"),
}

SKIN: Mapping[str, tuple[str, ...]] = {
    "pale": ("#ffe6d8", "#fde9dd", "#ffe3cf"),
    "light": ("#f3c19c", "#edb98a", "#f0c09a"),
    "tan": ("#d0955f", "#c98a55", "#d19a66"),
    "dark": ("#96592f", "#8a5030", "#9a5f38"),
    "very dark": ("#553526", "#4c3024", "#5b3a2a"),
    "yellow": ("#fdd035", "#ffcc33", "#fcd94a"),
    "green": ("#7fb85c", "#8dbf6a"),
    "blue": ("#7fa8dc", "#8fb8e8"),
}

EYES: Mapping[str, tuple[str, ...]] = {
    "blue": ("#2f7fe0", "#4aa3f0"),
    "brown": ("#6b3e1f", "#7a4a26"),
    "green": ("#2f9e4f", "#46b35f"),
    "red": ("#d01f2f", "#e03a3a"),
    "purple": ("#8036c0", "#9a55d8"),
    "yellow": ("#f0b400", "#ffcc1f"),
    "grey": ("#85888f", "#969aa3"),
    "pink": ("#f06aa8", "#f487b6"),
    "orange": ("#ee7a1a", "#f0882f"),
    "black": ("#151515", "#1c1a1a"),
}

CLOTH: Mapping[str, tuple[str, ...]] = {
    "black": ("#26282c", "#1d1d20"),
    "white": ("#ffffff", "#f5f5f2"),
    "grey": ("#929598", "#a3a6a9"),
    "red": ("#d93636", "#c22a2a"),
    "blue": ("#2f66c4", "#5199e4"),
    "green": ("#2f9a55", "#4fb06a"),
    "yellow": ("#f7d84a", "#fbe36b"),
    "orange": ("#f0862a", "#f59a45"),
    "pink": ("#ff6fa8", "#f792bb"),
    "purple": ("#7d45b0", "#9666c6"),
    "brown": ("#7a4e2d", "#8a5a36"),
}

BACKGROUND: Mapping[str, tuple[str, ...]] = {
    "white": ("#ffffff", "#fbfbfb"),
    "grey": ("#d9d9d9", "#b8bcc2", "#e6e6e6"),
    "blue": ("#b6e3f4", "#8fc4ec", "#5a8fd0", "#65c9ff"),
    "pink": ("#ffd5dc", "#ffb3c8", "#ff9ab8"),
    "purple": ("#c0aede", "#d1d4f9", "#9a86cf"),
    "green": ("#b9e6c0", "#8fd19a", "#5fae74"),
    "yellow": ("#ffeeb0", "#ffe27a"),
    "orange": ("#ffdfbf", "#ffc58f"),
    "red": ("#e88a8a", "#d05a5a"),
    "brown": ("#c8a887", "#9a7a5c"),
    "black": ("#202225", "#101114"),
}


def shade(colours: Mapping[str, tuple[str, ...]], name: str, rng: random.Random, spread: float = 1.0) -> str:
    """A hex colour of the class ``name``: one of its anchors, moved a little in hue, saturation and value."""
    anchor = rng.choice(colours[name])
    red, green, blue = (int(anchor[i : i + 2], 16) / 255 for i in (1, 3, 5))
    hue, saturation, value = colorsys.rgb_to_hsv(red, green, blue)
    hue = (hue + rng.uniform(-0.012, 0.012) * spread) % 1.0
    if saturation > 0.12:  # a grey that gains saturation gains a hue it must not have
        saturation = min(1.0, max(0.1, saturation + rng.uniform(-0.06, 0.06) * spread))
    value = min(1.0, max(0.0, value + rng.uniform(-0.04, 0.04) * spread))
    return "#" + "".join(
        f"{round(channel * 255):02x}" for channel in colorsys.hsv_to_rgb(hue, saturation, value)
    )


def darker(colour: str, share: float) -> str:
    """``colour`` with every channel multiplied by ``share``."""
    return "#" + "".join(f"{min(255, round(int(colour[i : i + 2], 16) * share)):02x}" for i in (1, 3, 5))
