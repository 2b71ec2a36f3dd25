"""From a character and an outfit to a picture: python-avatars' figure with this project's own parts, then a scene.

resvg rasterises without system fonts or files, so the same values give the same bytes on every machine.
"""

from __future__ import annotations

import io
import re
from typing import Any

from PIL import Image, ImageDraw

from embed.avatars import extras, freehand, parts
from embed.avatars.characters import Character, Outfit, Scene

_BROWS = {
    "default": "DEFAULT",
    "flat": "FLAT",
    "raised": "RAISED_EXCITED",
    "sad": "SAD_CONCERNED",
    "angry": "ANGRY",
    "up_down": "UP_DOWN",
}
_SHOWS_IRIS = frozenset({"default", "surprised", "wink", "side", "squint", "cry"})
_SMALL_MOUTHS = frozenset({"serious", "twinkle"})
_UNSTROKED = re.compile(r'<[^<>]*stroke="none"[^<>]*>')
_WIDTH = re.compile(r'\sstroke-width="[^"]*"')
_CANVAS = (264, 280)
_HEADROOM = 30  # hats and spikes reach above the library's canvas


def draw(character: Character, outfit: Outfit, size: int = 256) -> Image.Image:
    """The picture as an RGB image of ``size`` x ``size`` pixels."""
    if character.grain:
        small = place(figure(character, outfit, character.grain * 4), outfit.scene, character.grain * 4)
        small = small.resize((character.grain, character.grain), Image.Resampling.BOX)
        return small.resize((size, size), Image.Resampling.NEAREST)
    return place(figure(character, outfit, size), outfit.scene, size)


def draw_pair(
    left: tuple[Character, Outfit], right: tuple[Character, Outfit], size: int = 256
) -> Image.Image:
    """Two characters in one RGB picture of ``size`` x ``size`` pixels, in the left one's scene."""
    canvas = backdrop(left[1].scene, size)
    small = round(size * 0.66)
    for (character, outfit), x in ((left, -0.06), (right, 0.40)):
        drawn = figure(character, outfit, small)
        canvas.paste(drawn, (round(x * size), size - drawn.height), drawn)
    return canvas


def figure(character: Character, outfit: Outfit, size: int) -> Image.Image:
    """The figure alone on nothing, RGBA, ``size`` pixels high, with room above the head."""
    import resvg_py

    data = resvg_py.svg_to_bytes(svg_string=svg(character, outfit), height=size, skip_system_fonts=True)
    return Image.open(io.BytesIO(bytes(data))).convert("RGBA")


def svg(character: Character, outfit: Outfit) -> str:
    """The figure as SVG text on a transparent canvas of 264 x 310."""
    if character.hand != "library":
        return freehand.svg(character, outfit)
    import python_avatars as library

    wears = parts.GARMENTS[outfit.garment]
    coloured = character.eyes is not None and outfit.eyes in _SHOWS_IRIS
    top = parts.TOPS[outfit.hat or character.top]
    brows = _BROWS[outfit.brows] + ("_NATURAL" if character.natural_brows and outfit.brows != "flat" else "")
    figure = library.Avatar(
        style=library.AvatarStyle.TRANSPARENT,
        top=_part(library.HatType if top.hat else library.HairType, top.library),
        hat_color=outfit.hat_hex,
        eyebrows=_part(library.EyebrowType, "FLAT_NATURAL" if outfit.brows == "flat" else brows),
        eyes=None if coloured else _part(library.EyeType, outfit.eyes.upper()),
        nose=_part(library.NoseType, character.nose),
        mouth=_part(library.MouthType, outfit.mouth.upper()),
        facial_hair=_part(library.FacialHairType, parts.FACIAL_HAIR[character.facial_hair][0]),
        skin_color=character.skin_hex,
        hair_color=character.hair_hex,
        facial_hair_color=character.hair_hex,
        accessory=_part(library.AccessoryType, parts.EYEWEAR[outfit.eyewear][0]),
        clothing=_part(library.ClothingType, wears.library or "NONE"),
        clothing_color=outfit.colour_hex,
        shirt_graphic=[graphic for graphic in library.ClothingGraphic if graphic.name != "CUSTOM_TEXT"][
            outfit.graphic
        ],
    )
    return _compose(figure.render(), character, outfit, coloured)


def _compose(text: str, character: Character, outfit: Outfit, coloured: bool) -> str:
    female = character.gender == "female"
    face = [extras.mark(character.mark)]
    if character.age == "elderly":
        face.append(extras.wrinkles())
    if parts.EXPRESSIONS[outfit.expression].blush:
        face.append(extras.blush())
    if coloured:
        face.append(extras.coloured_eyes(outfit.eyes, character.eyes_hex, character.eyes_size, female))
    elif female and outfit.eyes in _SHOWS_IRIS | {"happy", "closed"}:
        face.append(extras.lashes())
    if female and outfit.mouth in _SMALL_MOUTHS:
        face.append(extras.lips("#c2405a"))
    body = extras.garment(outfit.garment, outfit.colour_hex, outfit.trim_hex)
    worn = extras.extra(outfit.extra, outfit.extra_hex, character.hair_hex)
    if character.outline:
        line = f'stroke="#1d1a1a" stroke-width="{character.outline:.2f}"'
        text = _UNSTROKED.sub(lambda tag: _WIDTH.sub("", tag.group(0)).replace('stroke="none"', line), text)
    # The face goes under the hair and its glasses, ornaments over everything, a garment over the bare body.
    head, split, top = text.partition('<g id="transparent_Top"')
    head = re.sub(r'(<g id="transparent_Face")', lambda m: body + m.group(1), head, count=1)
    ornaments = worn + "</svg>"
    text = head + "".join(face) + split + top.rstrip().removesuffix("</svg>") + ornaments
    return text.replace(
        'width="264px" height="280px" viewBox="0 0 264 280"',
        f'width="264px" height="{_CANVAS[1] + _HEADROOM}px" viewBox="0 {-_HEADROOM} 264 {_CANVAS[1] + _HEADROOM}"',
        1,
    )


def _part(kind: Any, name: str) -> Any:
    return kind[name]


def place(drawn: Image.Image, scene: Scene, size: int) -> Image.Image:
    """``drawn`` (RGBA) set before the background of ``scene``: scaled, shifted, tilted, mirrored."""
    canvas = backdrop(scene, size)
    height = max(8, round(size * scene.scale))
    width = max(8, round(drawn.width * height / drawn.height))
    moved = drawn.resize((width, height), Image.Resampling.BILINEAR)
    if abs(scene.angle) > 0.5:
        moved = moved.rotate(scene.angle, Image.Resampling.BILINEAR)
    x = round((size - width) / 2 + scene.shift[0] * size)
    # A small figure stands on the lower edge, a large one loses its shoulders before its hair.
    y = size - height if scene.scale < 1 else round((size - height) * 0.25)
    canvas.paste(moved, (x, y + round(scene.shift[1] * size * (0.3 if scene.scale < 1 else 1))), moved)
    return canvas.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if scene.mirrored else canvas


def backdrop(scene: Scene, size: int) -> Image.Image:
    """The background of ``scene`` alone, RGB."""
    canvas = Image.new("RGB", (size, size), scene.first_hex)
    pencil = ImageDraw.Draw(canvas)
    if scene.pattern == "gradient":
        ramp = Image.linear_gradient("L").resize((size, size))
        canvas.paste(Image.new("RGB", (size, size), scene.second_hex), (0, 0), ramp)
    elif scene.pattern == "circle":
        edge = round(size * 0.06)
        pencil.ellipse((edge, edge, size - edge, size - edge), fill=scene.second_hex)
    elif scene.pattern == "stripes":
        step = max(4, size // 8)
        for x in range(-size, 2 * size, step * 2):
            pencil.line((x, size, x + size // 2, 0), fill=scene.second_hex, width=step)
    elif scene.pattern == "dots":
        step = max(6, size // 7)
        for x in range(0, size + step, step):
            for y in range(0, size + step, step):
                pencil.ellipse(
                    (x - step // 5, y - step // 5, x + step // 5, y + step // 5), fill=scene.second_hex
                )
    return canvas
