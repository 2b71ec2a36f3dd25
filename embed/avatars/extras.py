"""The SVG this project draws itself over a python-avatars figure: eyes with a colour, garments, ornaments, marks.

Coordinates are the figure's own: a canvas of 264 x 280, the head centred on (132, 108), the eyes at (106, 112) and
(158, 112), the shoulders from y = 200 down.
"""

from __future__ import annotations

import math

from embed.avatars.palette import darker

_EYES = ((106.0, 112.0), (158.0, 112.0))
_BODY = (
    "M132,232 C150,232 156,214 158,201 C200,203 232,230 232,271 L232,280 L32,280 L32,271 "
    "C32,230 64,203 106,201 C108,214 114,232 132,232 Z"
)


def coloured_eyes(kind: str, colour: str, size: float, lashes: bool) -> str:
    """Eyes with a white, an iris of ``colour`` and a pupil; ``kind`` is a library eye type that shows the iris.

    ``size`` is the height of the white in canvas units (9 to 17).
    """
    drawn = []
    for side, (x, y) in enumerate(_EYES):
        if kind == "wink" and side == 1:
            drawn.append(
                f'<path d="M{x - 12},{y + 2} q12,-11 24,0" fill="none" stroke="#2b2320" stroke-width="4"/>'
            )
            continue
        tall = size * (1.2 if kind == "surprised" else 0.6 if kind == "squint" else 1.0)
        iris = tall * (0.55 if kind == "surprised" else 0.8)
        look = 3.0 if kind == "side" else 0.0
        wide = size * 0.92
        drawn.append(
            f'<ellipse cx="{x}" cy="{y}" rx="{wide}" ry="{tall}" fill="#fff" stroke="#2b2320" stroke-width="1.2"/>'
            f'<ellipse cx="{x + look}" cy="{y}" rx="{iris * 0.85:.2f}" ry="{iris}" fill="{colour}"/>'
            f'<ellipse cx="{x + look}" cy="{y}" rx="{iris * 0.38:.2f}" ry="{iris * 0.45:.2f}" fill="#111"/>'
            f'<circle cx="{x + look - iris * 0.3:.2f}" cy="{y - iris * 0.38:.2f}" r="{iris * 0.22:.2f}" fill="#fff"/>'
        )
        if kind == "cry":
            drawn.append(f'<path d="M{x},{y + tall} q-7,14 0,18 q7,-4 0,-18" fill="#7cc6f5"/>')
        if lashes:
            drawn.append(
                f'<path d="M{x - wide},{y - tall * 0.35} Q{x},{y - tall * 1.5} {x + wide},{y - tall * 0.35}" '
                'fill="none" stroke="#1c1614" stroke-width="3.6"/>'
            )
    return "".join(drawn)


def lashes() -> str:
    """Lashes at the outer corners of dot eyes."""
    strokes = "".join(
        f'<path d="M{x + out * 6},{y - 5} l{out * 7},-5 M{x + out * 7},{y - 1} l{out * 8},-2"/>'
        for (x, y), out in zip(_EYES, (-1, 1), strict=True)
    )
    return f'<g fill="none" stroke="#241c1a" stroke-width="2.6">{strokes}</g>'


def lips(colour: str) -> str:
    """Painted lips around a small mouth."""
    return f'<path d="M121,151 q6,-6 11,-2 q5,-4 11,2 q-11,10 -22,0 Z" fill="{colour}"/>'


def blush() -> str:
    """Pink cheeks."""
    return '<g fill="#ff5a6e" fill-opacity="0.45"><ellipse cx="92" cy="134" rx="12" ry="7"/><ellipse cx="172" cy="134" rx="12" ry="7"/></g>'


def wrinkles() -> str:
    """The lines of an old face."""
    return (
        '<g fill="none" stroke="#000" stroke-opacity="0.32" stroke-width="2">'
        '<path d="M104,84 q28,-7 56,0 M108,77 q24,-6 48,0"/>'
        '<path d="M94,126 q10,6 20,1 M150,127 q10,5 20,-1"/>'
        '<path d="M108,140 q-6,9 -4,17 M156,140 q6,9 4,17"/>'
        '<path d="M86,108 l-8,-4 M86,113 l-8,1 M178,108 l8,-4 M178,113 l8,1"/></g>'
    )


def mark(name: str) -> str:
    """A mark on the face, by its name in ``parts.MARKS``."""
    if name == "freckles":
        spots = "".join(
            f'<circle cx="{x + dx}" cy="{132 + dy}" r="1.9"/>'
            for x in (96, 162)
            for dx, dy in ((-6, 0), (0, 3), (6, -1), (-3, -5), (4, -6), (9, 4))
        )
        return f'<g fill="#8a4b28" fill-opacity="0.75">{spots}</g>'
    if name == "scar":
        return (
            '<g fill="none" stroke="#b0413e" stroke-width="3"><path d="M168,88 q-6,26 4,52"/>'
            '<path d="M163,100 l9,-3 M163,122 l10,-2 M166,133 l9,-3" stroke-width="2.2"/></g>'
        )
    if name == "mole":
        return '<circle cx="170" cy="131" r="2.8" fill="#2a1a14"/>'
    if name == "face tattoo":
        return '<path d="M84,124 l10,10 l-10,10 l22,-10 Z M92,120 l14,0 l-6,6 Z" fill="#24507a" fill-opacity="0.9"/>'
    return ""


def garment(name: str, colour: str, trim: str) -> str:
    """A garment of ``parts.GARMENTS`` that the library lacks, in ``colour`` with details in ``trim``."""
    body = f'<path d="{_BODY}" fill="{colour}"/>'
    shadow = darker(colour, 0.8)
    if name == "yukata":
        return (
            f'<path d="M132,252 L100,199 C62,204 32,232 32,271 L32,280 L232,280 L232,271 C232,232 202,204 164,199 Z" fill="{colour}"/>'
            f'<path d="M164,199 L173,202 L122,280 L104,280 Z" fill="{trim}"/><path d="M100,199 L91,202 L126,256 L134,245 Z" fill="{trim}"/>'
            f'<path d="M58,236 q6,22 4,44 M206,236 q-6,22 -4,44" stroke="{shadow}" stroke-width="3" fill="none"/>'
            f'<rect x="70" y="266" width="124" height="14" fill="{trim}"/>'
        )
    if name == "sailor_uniform":
        return (
            f'<path d="{_BODY}" fill="#fafafa"/><path d="M106,200 L72,212 L84,250 L132,262 L180,250 L192,212 L158,200 L132,244 Z" fill="{colour}"/>'
            '<path d="M78,216 L90,245 L132,256 L174,245 L186,216" fill="none" stroke="#fff" stroke-width="2.5"/>'
            f'<path d="M132,246 l-18,-8 l2,22 Z M132,246 l18,-8 l-2,22 Z M128,248 l-6,30 l20,0 l-6,-30 Z" fill="{trim}"/>'
        )
    if name == "turtleneck":
        return (
            f'{body}<path d="M106,186 q26,12 52,0 l3,26 q-29,20 -58,0 Z" fill="{colour}"/>'
            f'<path d="M106,196 q26,13 52,0 M104,206 q28,15 56,0" fill="none" stroke="{shadow}" stroke-width="2.5"/>'
        )
    if name == "dress":
        return (
            f'<path d="M90,204 L98,202 L104,234 Q132,250 160,234 L166,202 L174,204 L182,238 Q186,262 192,280 L72,280 Q78,262 82,238 Z" fill="{colour}"/>'
            f'<path d="M104,234 Q132,252 160,234" fill="none" stroke="{trim}" stroke-width="5"/>'
        )
    return ""


def extra(name: str, colour: str, hair: str) -> str:
    """An ornament of ``parts.EXTRAS``; ``hair`` colours what grows on the head."""
    dark = darker(colour, 0.75)
    if name == "hair_ribbon":
        return (
            f'<g transform="translate(176,50) rotate(24)" fill="{colour}" stroke="{dark}" stroke-width="2">'
            '<path d="M0,0 L-26,-16 L-26,14 Z M0,0 L26,-16 L26,14 Z"/><circle r="7"/></g>'
        )
    if name == "cat_ears":
        return (
            f'<g stroke="#00000033" stroke-width="1.5"><path d="M74,66 L72,12 L118,40 Z M190,66 L192,12 L146,40 Z" fill="{hair}"/>'
            '<path d="M82,56 L80,26 L106,42 Z M182,56 L184,26 L158,42 Z" fill="#f4a6b4"/></g>'
        )
    if name == "crown":
        return (
            '<path d="M88,46 L84,4 L108,26 L132,-2 L156,26 L180,4 L176,46 Q132,34 88,46 Z" fill="#f6c52e" stroke="#b98a10" stroke-width="2"/>'
            f'<circle cx="132" cy="30" r="6" fill="{colour}"/><circle cx="104" cy="34" r="4" fill="{colour}"/><circle cx="160" cy="34" r="4" fill="{colour}"/>'
        )
    if name == "halo":
        return '<ellipse cx="132" cy="8" rx="48" ry="11" fill="none" stroke="#ffd84a" stroke-width="7"/>'
    if name == "headphones":
        return (
            f'<path d="M64,108 C60,10 204,10 200,108" fill="none" stroke="{dark}" stroke-width="9"/>'
            f'<rect x="50" y="90" width="24" height="42" rx="10" fill="{colour}"/><rect x="190" y="90" width="24" height="42" rx="10" fill="{colour}"/>'
        )
    if name == "hair_flower":
        petals = "".join(
            f'<circle cx="{82 + 12 * math.cos(a):.1f}" cy="{58 + 12 * math.sin(a):.1f}" r="9"/>'
            for a in (2 * math.pi * i / 5 for i in range(5))
        )
        return f'<g fill="{colour}" stroke="{dark}" stroke-width="1">{petals}</g><circle cx="82" cy="58" r="6" fill="#ffd84a"/>'
    if name == "earrings":
        return f'<g fill="{colour}" stroke="{dark}" stroke-width="1.5"><circle cx="70" cy="131" r="7"/><circle cx="194" cy="131" r="7"/></g>'
    if name == "necklace":
        return f'<path d="M104,200 Q132,240 160,200" fill="none" stroke="#e8c34a" stroke-width="3.5"/><circle cx="132" cy="224" r="8" fill="{colour}" stroke="{dark}" stroke-width="1.5"/>'
    if name == "scarf":
        return f'<path d="M96,186 Q132,206 168,186 L176,214 Q132,240 88,214 Z" fill="{colour}"/><path d="M150,214 l22,56 l-26,6 l-12,-54 Z" fill="{dark}"/>'
    if name == "horns":
        return f'<path d="M90,52 C66,44 60,18 70,2 C76,22 90,30 112,40 Z M174,52 C198,44 204,18 194,2 C188,22 174,30 152,40 Z" fill="{dark}" stroke="#00000044" stroke-width="1.5"/>'
    if name == "witch_hat":
        return (
            f'<path d="M40,66 Q132,28 224,66 Q132,84 40,66 Z" fill="{dark}"/><path d="M84,58 Q120,10 150,-22 Q152,20 180,58 Q132,44 84,58 Z" fill="{colour}"/>'
            '<path d="M84,58 Q132,42 180,58 L177,46 Q132,32 90,46 Z" fill="#f0d060"/>'
        )
    if name == "cap":
        return f'<path d="M72,80 C70,20 194,20 192,80 Q132,58 72,80 Z" fill="{colour}"/><path d="M70,80 Q132,50 194,80 Q216,84 222,92 Q132,72 70,80 Z" fill="{dark}"/>'
    return ""
