"""Avatars cut out for scenes, with the boxes of heads and faces: the renderer's own proportions say where they are.

Boxes are (x0, y0, x1, y1). A face reaches from above the brows to the chin and from ear to ear, whatever is worn on it;
a head adds the skull and the hair on it, but no hat, no horns and no hair that hangs. From behind there is no face.
"""

from __future__ import annotations

import io
import random
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from embed.avatars import parts
from embed.avatars.characters import Character, Outfit, random_avatar
from embed.avatars.draw import figure
from embed.avatars.freehand.build import INK, build_of
from embed.avatars.freehand.clothes import body
from embed.avatars.freehand.face import head
from embed.avatars.freehand.hair import hair
from embed.avatars.freehand.worn import hat
from schema.arrays import Bytes

HEIGHT = 240
"""Pixels of a figure's canvas, which shows y from -30 to 280 of the figure's own coordinates."""

_TOP, _TALL = -30.0, 310.0
# The head of python-avatars: centre and half axes, see embed/avatars/extras.py.
_LIBRARY_HEAD = (132.0, 108.0, 57.0, 73.0)
_FROM_BEHIND, _MASKED = 0.06, 0.08

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Figure:
    """One avatar on nothing, RGBA uint8 [h, w, 4] cut to what is drawn; boxes in its pixels, face None from behind."""

    pixels: Bytes
    head: Box
    face: Box | None


def draw_figure(seed: int) -> Figure:
    """Return the figure that ``seed`` names; the same for ever."""
    rng = random.Random(f"figure {seed}")
    hand = "library" if rng.random() < 0.5 else "freehand"
    character, outfit = random_avatar(seed, hand)
    # A bald head from behind is a disc: nobody could tell it from one.
    hairy = parts.TOPS[character.top].style not in ("bald", "balding")
    behind = hand == "freehand" and rng.random() < _FROM_BEHIND / 0.5 and hairy
    drawn = _from_behind(character, outfit) if behind else figure(character, outfit, HEIGHT)
    x, y, rx, ry = _proportions(character)
    scale = HEIGHT / _TALL
    up = 1.0 if character.top == "bald" and outfit.hat is None else 1.16
    head_box = _scaled((x - rx * 1.1, y - ry * up, x + rx * 1.1, y + ry), scale)
    face_box = _scaled((x - rx, y - ry * 0.55, x + rx, y + ry), scale)
    if not behind and rng.random() < _MASKED:
        _put_on_mask(drawn, face_box, rng)
    left, top, right, bottom = drawn.getbbox(alpha_only=True) or (0, 0, *drawn.size)
    pixels = np.asarray(drawn.crop((left, top, right, bottom)))
    return Figure(pixels, _moved(head_box, -left, -top), None if behind else _moved(face_box, -left, -top))


def _proportions(character: Character) -> tuple[float, float, float, float]:
    if character.hand == "library":
        return _LIBRARY_HEAD
    build = build_of(character)
    return build.x, build.y, build.rx, build.ry


def _scaled(box: Box, scale: float) -> Box:
    x0, y0, x1, y1 = box
    return x0 * scale, (y0 - _TOP) * scale, x1 * scale, (y1 - _TOP) * scale


def _moved(box: Box, dx: float, dy: float) -> Box:
    return box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy


def _from_behind(character: Character, outfit: Outfit) -> Image.Image:
    """The second hand's figure with its hair over where the face would be."""
    import resvg_py

    build = build_of(character)
    back, _ = hair(build, character, random.Random(f"strokes {character.shape}"))
    cover = (
        f'<ellipse cx="{build.x:.1f}" cy="{build.y - build.ry * 0.1:.1f}" rx="{build.rx * build.volume:.1f}" '
        f'ry="{build.ry * 1.06:.1f}" fill="{character.hair_hex}"/>'
    )
    worn = hat(build, outfit) if outfit.hat not in (None, "hijab", "hood") else ""
    pieces = [body(build, character, outfit), head(build, character), cover, back, worn]
    stroke = f'stroke="{INK}" stroke-width="{build.line:.1f}"' if build.line else 'stroke="none"'
    text = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="264px" height="310px" viewBox="0 -30 264 310">'
        f"<g {stroke}>{''.join(pieces)}</g></svg>"
    )
    data = resvg_py.svg_to_bytes(svg_string=text, height=HEIGHT, skip_system_fonts=True)
    return Image.open(io.BytesIO(bytes(data))).convert("RGBA")


def _put_on_mask(drawn: Image.Image, face: Box, rng: random.Random) -> None:
    """Draw a cloth mask over mouth and nose."""
    x0, y0, x1, y1 = face
    wide, tall = x1 - x0, y1 - y0
    colour = rng.choice(("#f4f6f8", "#a9cfe8", "#23262b", "#e8a0b0", "#8fae8a"))
    pencil = ImageDraw.Draw(drawn)
    top, low = y0 + tall * 0.55, y0 + tall * 0.97
    for side in (x0, x1):
        pencil.line(((x0 + x1) / 2, top, side, y0 + tall * 0.4), fill=colour, width=2)
    pencil.polygon(
        [
            (x0 + wide * 0.16, top),
            ((x0 + x1) / 2, top - tall * 0.06),
            (x1 - wide * 0.16, top),
            (x1 - wide * 0.2, low - tall * 0.1),
            ((x0 + x1) / 2, low),
            (x0 + wide * 0.2, low - tall * 0.1),
        ],
        fill=colour,
    )
