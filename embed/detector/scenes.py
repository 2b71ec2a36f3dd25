"""Pictures of none to four figures with the boxes that can be seen in them: what the detector learns and is tried on.

A picture is ``side`` x ``side`` as the detector sees it: drawn in some shape, then padded with grey to a square. Scenes
in which it is a matter of taste whether a head can be seen, for the frame or another figure, are drawn anew.
"""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from embed.avatars import palette
from embed.avatars.characters import random_scene
from embed.avatars.draw import backdrop
from embed.detector.figures import Box, Figure
from schema.arrays import Bytes, Floats32

CLASSES = ("face", "head", "person")
PADDING = 114
_COUNTS, _WEIGHTS = (0, 1, 2, 3, 4), (10, 38, 22, 16, 14)
# Shares of a head that must be seen, and may be seen of one that is left without a box; a face needs its half.
_HEAD_SEEN, _FACE_SEEN = 0.62, 0.55
_SMALLEST_HEAD = 0.043  # of a side: eleven pixels of 256
_TRIES = 60


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture uint8 [side, side, 3], boxes float32 [n, 4] in its pixels, classes [n], and how many characters."""

    pixels: Bytes
    boxes: Floats32
    classes: list[int]
    count: int


def draw_scene(figures: Sequence[Figure], rng: random.Random, side: int = 256) -> Drawn:
    """Return a scene of figures chosen by ``rng``."""
    wide, tall = _shape(rng, side)
    count = rng.choices(_COUNTS, _WEIGHTS)[0]
    for _ in range(_TRIES):
        placed = _place(figures, rng, (wide, tall), count)
        if placed is not None:
            break
    else:
        count, placed = 0, _Placed.empty(wide, tall)
    canvas = _background(rng, wide, tall)
    _litter(canvas, rng)
    canvas.paste(placed.layer, (0, 0), placed.layer)
    canvas = _worn_by_time(canvas, rng)
    boxes = np.array(placed.boxes, np.float32).reshape(-1, 4)
    if rng.random() < 0.5:
        canvas = ImageOps.mirror(canvas)
        boxes[:, [0, 2]] = wide - boxes[:, [2, 0]]
    left, top = (side - wide) // 2, (side - tall) // 2
    boxes += np.array([left, top, left, top], np.float32)
    padded = Image.new("RGB", (side, side), (PADDING,) * 3)
    padded.paste(canvas, (left, top))
    return Drawn(np.asarray(padded), boxes, placed.classes, count)


@dataclass(slots=True)
class _Placed:
    layer: Image.Image
    boxes: list[Box]
    classes: list[int]

    @classmethod
    def empty(cls, wide: int, tall: int) -> _Placed:
        return cls(Image.new("RGBA", (wide, tall)), [], [])


def _shape(rng: random.Random, side: int) -> tuple[int, int]:
    ratio = 1.0 if rng.random() < 0.45 else 2 ** rng.uniform(-0.8, 0.8)
    return (side, max(32, round(side / ratio))) if ratio > 1 else (max(32, round(side * ratio)), side)


_HEIGHTS = {0: (1.0, 1.0), 1: (0.35, 1.9), 2: (0.35, 1.1), 3: (0.3, 0.85), 4: (0.25, 0.8)}


def _place(
    figures: Sequence[Figure], rng: random.Random, size: tuple[int, int], count: int
) -> _Placed | None:
    """Put figures side by side and before each other; None where the outcome is ambiguous."""
    wide, tall = size
    layer = Image.new("RGBA", size)
    owner = np.zeros((tall, wide), np.uint8)
    alone: list[tuple[float, Box, Box | None]] = []
    common = _height(rng, count)
    slots = rng.sample(range(count), count)
    for number in range(1, count + 1):
        figure = rng.choice(figures)
        share = common * rng.uniform(0.8, 1.25) if rng.random() < 0.7 else _height(rng, count)
        scale = share * min(tall, wide * 1.3) / figure.pixels.shape[0]
        drawn = _scaled(figure, scale, rng)
        if count > 1:
            x = (slots[number - 1] + rng.uniform(0.15, 0.85)) / count * wide - drawn.width / 2
        else:
            x = rng.uniform(-0.2, 1.2) * wide - drawn.width / 2
        # Figures stand on the lower edge or float; large ones lose their lower parts before their hair.
        low = tall - drawn.height
        y = low + rng.uniform(-0.05, 0.25) * tall
        if rng.random() >= 0.6:
            y = rng.uniform(low, 0) + rng.uniform(-0.1, 0.1) * tall
        if low < 0:
            y = rng.uniform(-0.18, 0.12) * tall if rng.random() < 0.7 else rng.uniform(low, 0.1 * tall)
        left, top = round(x), round(y)
        layer.paste(drawn, (left, top), drawn)
        opaque = np.asarray(drawn.getchannel("A")) > 127
        _stamp(owner, opaque, left, top, number)
        head = _moved(figure.head, scale, left, top)
        face = None if figure.face is None else _moved(figure.face, scale, left, top)
        alone.append((_opaque_in(opaque, figure.head, scale), head, face))
    return _seen(layer, owner, alone)


def _height(rng: random.Random, count: int) -> float:
    low, high = _HEIGHTS[count]
    return float(low * (high / low) ** rng.random())


def _scaled(figure: Figure, scale: float, rng: random.Random) -> Image.Image:
    tall, wide = figure.pixels.shape[:2]
    size = max(2, round(wide * scale)), max(2, round(tall * scale))
    method = Image.Resampling.NEAREST if rng.random() < 0.05 else Image.Resampling.BILINEAR
    return Image.fromarray(figure.pixels).resize(size, method, reducing_gap=2.0)


def _moved(box: Box, scale: float, left: int, top: int) -> Box:
    return box[0] * scale + left, box[1] * scale + top, box[2] * scale + left, box[3] * scale + top


def _stamp(owner: Bytes, opaque: np.ndarray, left: int, top: int, number: int) -> None:
    tall, wide = owner.shape
    x0, y0, x1, y1 = (
        max(0, left),
        max(0, top),
        min(wide, left + opaque.shape[1]),
        min(tall, top + opaque.shape[0]),
    )
    if x0 < x1 and y0 < y1:
        owner[y0:y1, x0:x1][opaque[y0 - top : y1 - top, x0 - left : x1 - left]] = number


def _opaque_in(opaque: np.ndarray, box: Box, scale: float) -> float:
    x0, y0, x1, y1 = (max(0, round(value * scale)) for value in box)
    return float(opaque[y0:y1, x0:x1].sum())


def _seen(layer: Image.Image, owner: Bytes, alone: Sequence[tuple[float, Box, Box | None]]) -> _Placed | None:
    tall, wide = owner.shape
    placed = _Placed(layer, [], [])
    for number, (whole, head, face) in enumerate(alone, 1):
        mine = owner == number
        seen = float(_inside(mine, head).sum()) / max(whole, 1.0)
        if seen < _HEAD_SEEN or min(head[2] - head[0], head[3] - head[1]) < _SMALLEST_HEAD * max(owner.shape):
            return None
        rows, columns = np.flatnonzero(mine.any(1)), np.flatnonzero(mine.any(0))
        person = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
        for kind, box in enumerate((face, head, person)):
            if box is None:
                continue
            cut = (max(0.0, box[0]), max(0.0, box[1]), min(float(wide), box[2]), min(float(tall), box[3]))
            if kind == 0:
                area = (box[2] - box[0]) * (box[3] - box[1])
                if _inside(mine, box).sum() < _FACE_SEEN * area:
                    continue
            placed.boxes.append(cut)
            placed.classes.append(kind)
    return placed


def _inside(mask: np.ndarray, box: Box) -> np.ndarray:
    x0, y0, x1, y1 = (max(0, round(value)) for value in box)
    return mask[y0:y1, x0:x1]


# ---- what is behind the figures, and what happens to pictures


def _background(rng: random.Random, wide: int, tall: int) -> Image.Image:
    kind = rng.random()
    if kind < 0.55:
        return backdrop(random_scene(rng), max(wide, tall)).crop((0, 0, wide, tall))
    if kind < 0.65:
        return Image.new("RGB", (wide, tall), tuple(rng.randrange(256) for _ in range(3)))
    # Clouds of a few octaves: what a photograph or a painting has behind its figures.
    noise = np.random.default_rng(rng.getrandbits(32))
    total = np.zeros((tall, wide, 3), np.float32)
    for cells in (2, 4, 9, 20, 60)[: rng.randint(1, 5)]:
        coarse = Image.fromarray(noise.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        total += np.asarray(coarse.resize((wide, tall), Image.Resampling.BICUBIC), np.float32) / cells
    low, high = total.min(), total.max()
    return Image.fromarray(((total - low) / max(high - low, 1e-3) * rng.uniform(80, 255)).astype(np.uint8))


def _litter(canvas: Image.Image, rng: random.Random) -> None:
    """Draw things that are no figures: discs of the colour of skin, boxes, strokes, letters."""
    if rng.random() < 0.45:
        return
    pencil = ImageDraw.Draw(canvas)
    wide, tall = canvas.size
    for _ in range(rng.randint(1, 8)):
        x, y = rng.uniform(0, wide), rng.uniform(0, tall)
        w, h = (rng.uniform(0.03, 0.4) * wide for _ in range(2))
        colours = palette.SKIN if rng.random() < 0.35 else palette.CLOTH
        colour = palette.shade(colours, rng.choice(list(colours)), rng)
        line = rng.choice((None, "#1d1a1a", "#ffffff"))
        kind = rng.randrange(6)
        box = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
        if kind == 0:
            pencil.ellipse(box, fill=colour, outline=line)
        elif kind == 1:
            pencil.rectangle(box, fill=colour, outline=line)
        elif kind == 2:
            points = [
                (x + rng.uniform(-w, w) / 2, y + rng.uniform(-h, h) / 2) for _ in range(rng.randint(3, 7))
            ]
            pencil.polygon(points, fill=colour, outline=line)
        elif kind == 3:
            pencil.line((x - w, y, x + w, y + h), fill=colour, width=rng.randint(1, 9))
        elif kind == 4:
            word = "".join(rng.choice("abcdefgh KLMNOP0123") for _ in range(rng.randint(1, 10)))
            pencil.text((x, y), word, fill=colour, font_size=rng.uniform(8, 40))
        else:  # two dots and a line that are no face: fruit, buttons, clouds
            pencil.ellipse(box, outline=colour, width=rng.randint(1, 6))


def _worn_by_time(canvas: Image.Image, rng: random.Random) -> Image.Image:
    """Return the picture after what happens to pictures: grey, toned, enlarged, blurred, noisy, compressed."""
    chance = rng.random()
    if chance < 0.08:
        canvas = canvas.convert("L").convert("RGB")
    elif chance < 0.12:
        canvas = ImageOps.colorize(canvas.convert("L"), "#20140a", "#f4e6cc")
    elif chance < 0.2:
        canvas = canvas.convert("HSV")
        hue, saturation, value = canvas.split()
        turn, fade = rng.randrange(256), rng.uniform(0.3, 1.3)
        hue = hue.point([(level + turn) % 256 for level in range(256)])
        saturation = saturation.point([min(255, round(level * fade)) for level in range(256)])
        canvas = Image.merge("HSV", (hue, saturation, value)).convert("RGB")
    elif chance < 0.24:
        edges = canvas.convert("L").filter(ImageFilter.FIND_EDGES)
        canvas = ImageOps.invert(ImageOps.autocontrast(edges)).convert("RGB")
    if rng.random() < 0.3:
        gain, shift = rng.uniform(0.6, 1.3), rng.uniform(-40, 40)
        canvas = canvas.point([max(0, min(255, round(level * gain + shift))) for level in range(256)] * 3)
    if rng.random() < 0.12:
        share = rng.uniform(0.3, 0.8)
        small = canvas.resize(
            (max(8, round(canvas.width * share)), max(8, round(canvas.height * share))), Image.Resampling.BOX
        )
        method = rng.choice((Image.Resampling.NEAREST, Image.Resampling.BILINEAR))
        canvas = small.resize(canvas.size, method)
    elif rng.random() < 0.1:
        canvas = canvas.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.2)))
    if rng.random() < 0.1:
        noise = np.random.default_rng(rng.getrandbits(32)).normal(
            0, rng.uniform(2, 14), (canvas.height, canvas.width, 3)
        )
        canvas = Image.fromarray(np.clip(np.asarray(canvas) + noise, 0, 255).astype(np.uint8))
    if rng.random() < 0.25:
        buffer = io.BytesIO()
        canvas.save(buffer, "JPEG", quality=rng.randint(25, 92))
        canvas = Image.open(buffer).convert("RGB")
    return canvas
