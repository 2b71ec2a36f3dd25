"""A second hand: figures drawn from this project's own shapes, every proportion of them varied from person to person.

python-avatars draws one face in one style; an encoder that saw only that one knows little of other art. Here heads are
round, square or pointed, eyes are dots or irises, figures are heads, busts or whole bodies, lines are thick or absent.
Coordinates: 264 wide, from y = -30 to 280.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from embed.avatars import parts
from embed.avatars.characters import Character, Outfit
from embed.avatars.palette import darker

_DARK = "#1d1a1a"
_LONG = {"short": 0.0, "medium": 0.55, "long": 1.25}


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


def svg(character: Character, outfit: Outfit) -> str:
    """The figure as SVG text on a transparent canvas of 264 x 310."""
    build = build_of(character)
    rng = random.Random(f"strokes {character.shape}")  # the same strokes in every picture of the character
    hatted = outfit.hat is not None
    back, front = ("", "") if character.top == "bald" else _hair(build, character, rng)
    if hatted and outfit.hat in ("hijab", "hood", "helmet", "turban"):
        back, front = "", ""
    pieces = [
        back,
        _body(build, character, outfit),
        _head(build, character),
        _beard(build, character),
        _face(build, character, outfit),
        front if not hatted else "",
        _hat(build, outfit) if hatted else "",
        _eyewear(build, outfit),
        _extra(build, character, outfit),
    ]
    stroke = f'stroke="{_DARK}" stroke-width="{build.line:.1f}"' if build.line else 'stroke="none"'
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="264px" height="310px" viewBox="0 -30 264 310">'
        f'<g {stroke} stroke-linejoin="round" stroke-linecap="round">{"".join(pieces)}</g></svg>'
    )


def _head(b: Build, c: Character) -> str:
    ears = "".join(
        f'<ellipse cx="{b.x + s * b.rx:.1f}" cy="{b.y + b.ry * 0.12:.1f}" rx="{b.rx * 0.15:.1f}" ry="{b.ry * 0.2:.1f}" fill="{c.skin_hex}"/>'
        for s in (-1, 1)
    )
    if b.square:
        r = b.rx * 0.35
        shape = f'<rect x="{b.x - b.rx:.1f}" y="{b.y - b.ry:.1f}" width="{2 * b.rx:.1f}" height="{2 * b.ry:.1f}" rx="{r:.1f}" fill="{c.skin_hex}"/>'
    else:
        k = 0.55 * (1 - 0.75 * b.jaw)
        shape = (
            f'<path d="M{b.x - b.rx:.1f},{b.y:.1f} C{b.x - b.rx:.1f},{b.y - b.ry * 1.33:.1f} {b.x + b.rx:.1f},{b.y - b.ry * 1.33:.1f} {b.x + b.rx:.1f},{b.y:.1f} '
            f"C{b.x + b.rx:.1f},{b.y + b.ry * 0.6:.1f} {b.x + b.rx * k:.1f},{b.y + b.ry:.1f} {b.x:.1f},{b.y + b.ry:.1f} "
            f'C{b.x - b.rx * k:.1f},{b.y + b.ry:.1f} {b.x - b.rx:.1f},{b.y + b.ry * 0.6:.1f} {b.x - b.rx:.1f},{b.y:.1f} Z" fill="{c.skin_hex}"/>'
        )
    shade = ""
    if b.shadow:
        shade = f'<path d="M{b.x + b.rx * 0.3:.1f},{b.y + b.ry * 0.95:.1f} Q{b.x + b.rx * 0.98:.1f},{b.y + b.ry * 0.6:.1f} {b.x + b.rx * 0.97:.1f},{b.y - b.ry * 0.2:.1f} Q{b.x + b.rx * 0.7:.1f},{b.y + b.ry * 0.5:.1f} {b.x + b.rx * 0.3:.1f},{b.y + b.ry * 0.95:.1f} Z" fill="#000" fill-opacity="0.13" stroke="none"/>'
    return ears + shape + shade


def _face(b: Build, c: Character, o: Outfit) -> str:
    fx = b.x + b.turn * b.rx
    ey = b.y + b.ry * 0.02
    ex = b.rx * b.eye_gap
    size = b.ry * b.eye_size
    ink = f'fill="none" stroke="{_DARK}" stroke-width="{max(1.6, b.ry * 0.045):.1f}"'
    female = c.gender == "female"
    drawn = []
    for s in (-1, 1):
        x = fx + s * ex
        if o.eyes in ("happy", "closed") or (o.eyes == "wink" and s == 1):
            bend = -1 if o.eyes == "happy" else 1
            drawn.append(
                f'<path d="M{x - size:.1f},{ey:.1f} q{size:.1f},{bend * size:.1f} {2 * size:.1f},0" {ink}/>'
            )
        elif o.eyes == "heart":
            drawn.append(
                f'<path d="M{x:.1f},{ey + size * 1.2:.1f} l{-size * 1.3:.1f},{-size * 1.4:.1f} a{size * 0.7:.1f},{size * 0.7:.1f} 0 0 1 {size * 1.3:.1f},{-size * 0.4:.1f} a{size * 0.7:.1f},{size * 0.7:.1f} 0 0 1 {size * 1.3:.1f},{size * 0.4:.1f} Z" fill="#f0405a"/>'
            )
        elif b.eye in ("iris", "tall"):
            tall = (
                size
                * (1.5 if b.eye == "tall" else 1.0)
                * (1.25 if o.eyes == "surprised" else 0.65 if o.eyes == "squint" else 1)
            )
            look = size * 0.3 if o.eyes == "side" else 0.0
            drawn.append(
                f'<ellipse cx="{x:.1f}" cy="{ey:.1f}" rx="{size * 1.05:.1f}" ry="{tall:.1f}" fill="#fff" stroke="{_DARK}" stroke-width="1"/>'
                f'<ellipse cx="{x + look:.1f}" cy="{ey:.1f}" rx="{size * 0.66:.1f}" ry="{tall * 0.8:.1f}" fill="{c.eyes_hex}" stroke="none"/>'
                f'<ellipse cx="{x + look:.1f}" cy="{ey:.1f}" rx="{size * 0.3:.1f}" ry="{tall * 0.4:.1f}" fill="#111" stroke="none"/>'
                f'<circle cx="{x + look - size * 0.2:.1f}" cy="{ey - tall * 0.35:.1f}" r="{size * 0.2:.1f}" fill="#fff" stroke="none"/>'
            )
        elif b.eye == "line":
            drawn.append(f'<path d="M{x:.1f},{ey - size:.1f} v{2 * size:.1f}" {ink}/>')
        else:
            tall = 1.6 if b.eye == "oval" or o.eyes == "surprised" else 1.0
            drawn.append(
                f'<ellipse cx="{x:.1f}" cy="{ey:.1f}" rx="{size * 0.8:.1f}" ry="{size * 0.8 * tall:.1f}" fill="{_DARK}" stroke="none"/>'
            )
        if o.eyes == "cry":
            drawn.append(
                f'<path d="M{x:.1f},{ey + size:.1f} q{-size * 0.7:.1f},{size * 1.4:.1f} 0,{size * 2:.1f} q{size * 0.7:.1f},{-size * 0.6:.1f} 0,{-size * 2:.1f}" fill="#7cc6f5" stroke="none"/>'
            )
        if female:
            drawn.append(
                f'<path d="M{x - size * 1.1:.1f},{ey - size * 0.7:.1f} Q{x:.1f},{ey - size * 1.8:.1f} {x + size * 1.1:.1f},{ey - size * 0.7:.1f} l{s * size * 0.5:.1f},{-size * 0.5:.1f}" {ink}/>'
            )
        tilt = {"angry": 1.0, "sad": -1.0}.get(o.brows, 0.0) * size * 0.7
        lift = size * (2.7 if o.brows == "raised" else 2.1)
        if not (c.age == "child" and o.brows == "default"):
            drawn.append(
                f'<path d="M{x - s * size * 1.1:.1f},{ey - lift + tilt:.1f} Q{x:.1f},{ey - lift - size * (0.1 if tilt else 0.5):.1f} {x + s * size * 1.2:.1f},{ey - lift - tilt:.1f}" fill="none" stroke="{darker(c.hair_hex, 0.6)}" stroke-width="{max(1.8, b.ry * 0.05):.1f}"/>'
            )
    ny = b.y + b.ry * 0.28
    drawn.append(
        {
            "none": "",
            "dot": f'<circle cx="{fx:.1f}" cy="{ny:.1f}" r="{b.ry * 0.03:.1f}" fill="{darker(c.skin_hex, 0.6)}" stroke="none"/>',
            "line": f'<path d="M{fx:.1f},{ny - b.ry * 0.14:.1f} l{b.rx * 0.08:.1f},{b.ry * 0.16:.1f} l{-b.rx * 0.1:.1f},0" fill="none" stroke="{darker(c.skin_hex, 0.55)}" stroke-width="2"/>',
            "hook": f'<path d="M{fx - b.rx * 0.1:.1f},{ny:.1f} q{b.rx * 0.1:.1f},{b.ry * 0.08:.1f} {b.rx * 0.2:.1f},0" fill="none" stroke="{darker(c.skin_hex, 0.55)}" stroke-width="2.4"/>',
            "shade": f'<path d="M{fx:.1f},{ny - b.ry * 0.12:.1f} l{b.rx * 0.12:.1f},{b.ry * 0.17:.1f} l{-b.rx * 0.22:.1f},0 Z" fill="#000" fill-opacity="0.14" stroke="none"/>',
        }[b.nose]
    )
    my, w = b.y + b.ry * 0.56, b.rx * 0.3
    lip = "#b5384f" if female else darker(c.skin_hex, 0.4)
    mouth = f'fill="none" stroke="{lip}" stroke-width="{max(1.8, b.ry * 0.05):.1f}"'
    opened = f'fill="#5a1420" stroke="{lip}" stroke-width="{max(1.2, b.ry * 0.03):.1f}"'
    drawn.append(
        {
            "serious": f'<path d="M{fx - w:.1f},{my:.1f} h{2 * w:.1f}" {mouth}/>',
            "twinkle": f'<path d="M{fx - w:.1f},{my - w * 0.2:.1f} q{w:.1f},{w * 0.9:.1f} {2 * w:.1f},0" {mouth}/>',
            "smile": f'<path d="M{fx - w * 1.1:.1f},{my - w * 0.3:.1f} q{w * 1.1:.1f},{w * 1.9:.1f} {2.2 * w:.1f},0 Z" {opened}/>',
            "big_smile": f'<path d="M{fx - w * 1.3:.1f},{my - w * 0.4:.1f} q{w * 1.3:.1f},{w * 2.2:.1f} {2.6 * w:.1f},0 Z" {opened}/>',
            "sad": f'<path d="M{fx - w:.1f},{my + w * 0.4:.1f} q{w:.1f},{-w * 1.0:.1f} {2 * w:.1f},0" {mouth}/>',
            "concerned": f'<path d="M{fx - w:.1f},{my + w * 0.3:.1f} q{w * 0.5:.1f},{-w * 0.8:.1f} {w:.1f},{-w * 0.2:.1f} t{w:.1f},{-w * 0.2:.1f}" {mouth}/>',
            "grimace": f'<rect x="{fx - w:.1f}" y="{my - w * 0.3:.1f}" width="{2 * w:.1f}" height="{w * 0.7:.1f}" fill="#fff" stroke="{lip}" stroke-width="2"/><path d="M{fx - w:.1f},{my:.1f} h{2 * w:.1f} M{fx:.1f},{my - w * 0.3:.1f} v{w * 0.7:.1f}" stroke="{lip}" stroke-width="1.4"/>',
            "disbelief": f'<ellipse cx="{fx:.1f}" cy="{my:.1f}" rx="{w * 0.5:.1f}" ry="{w * 0.6:.1f}" {opened}/>',
            "scream_open": f'<ellipse cx="{fx:.1f}" cy="{my:.1f}" rx="{w * 0.7:.1f}" ry="{w * 0.95:.1f}" {opened}/>',
            "tongue": f'<path d="M{fx - w:.1f},{my - w * 0.2:.1f} q{w:.1f},{w * 0.8:.1f} {2 * w:.1f},0" {mouth}/><path d="M{fx - w * 0.3:.1f},{my + w * 0.2:.1f} v{w * 0.6:.1f} a{w * 0.35:.1f},{w * 0.35:.1f} 0 0 0 {w * 0.7:.1f},0 v{-w * 0.6:.1f} Z" fill="#f06a80" stroke="none"/>',
        }[o.mouth]
    )
    if parts.EXPRESSIONS[o.expression].blush:
        drawn += [
            f'<ellipse cx="{fx + s * b.rx * 0.58:.1f}" cy="{b.y + b.ry * 0.32:.1f}" rx="{b.rx * 0.18:.1f}" ry="{b.ry * 0.1:.1f}" fill="#ff5a6e" fill-opacity="0.5" stroke="none"/>'
            for s in (-1, 1)
        ]
    if c.age == "elderly":
        lines = f'fill="none" stroke="#000" stroke-opacity="0.35" stroke-width="{max(1.2, b.ry * 0.025):.1f}"'
        drawn.append(
            f'<path d="M{fx - ex:.1f},{b.y - b.ry * 0.5:.1f} q{ex:.1f},{-b.ry * 0.08:.1f} {2 * ex:.1f},0 M{fx - ex * 0.8:.1f},{b.y - b.ry * 0.6:.1f} q{ex * 0.8:.1f},{-b.ry * 0.06:.1f} {1.6 * ex:.1f},0 '
            f"M{fx - ex - size:.1f},{ey + size * 1.8:.1f} q{size:.1f},{size * 0.6:.1f} {2 * size:.1f},0 M{fx + ex - size:.1f},{ey + size * 1.8:.1f} q{size:.1f},{size * 0.6:.1f} {2 * size:.1f},0 "
            f'M{fx - w * 1.2:.1f},{my - w:.1f} q{-w * 0.4:.1f},{w * 0.6:.1f} {-w * 0.2:.1f},{w:.1f} M{fx + w * 1.2:.1f},{my - w:.1f} q{w * 0.4:.1f},{w * 0.6:.1f} {w * 0.2:.1f},{w:.1f}" {lines}/>'
        )
    if c.mark == "freckles":
        drawn += [
            f'<circle cx="{fx + s * b.rx * (0.45 + dx):.1f}" cy="{b.y + b.ry * (0.28 + dy):.1f}" r="{max(1.2, b.ry * 0.022):.1f}" fill="#8a4b28" stroke="none"/>'
            for s in (-1, 1)
            for dx, dy in ((0, 0), (0.1, 0.05), (-0.1, 0.05), (0.05, -0.06))
        ]
    elif c.mark == "facial scar":
        drawn.append(
            f'<path d="M{fx + ex:.1f},{b.y - b.ry * 0.3:.1f} q{-b.rx * 0.06:.1f},{b.ry * 0.35:.1f} {b.rx * 0.06:.1f},{b.ry * 0.65:.1f}" fill="none" stroke="#b0413e" stroke-width="{b.ry * 0.045:.1f}"/>'
        )
    elif c.mark == "facial mole":
        drawn.append(
            f'<circle cx="{fx + ex * 1.2:.1f}" cy="{b.y + b.ry * 0.3:.1f}" r="{b.ry * 0.04:.1f}" fill="#2a1a14" stroke="none"/>'
        )
    elif c.mark == "facial tattoo":
        drawn.append(
            f'<path d="M{fx - ex * 1.5:.1f},{b.y + b.ry * 0.2:.1f} l{b.rx * 0.3:.1f},{b.ry * 0.12:.1f} l{-b.rx * 0.3:.1f},{b.ry * 0.12:.1f} Z" fill="#24507a" stroke="none"/>'
        )
    return "".join(drawn)


def _hair(b: Build, c: Character, rng: random.Random) -> tuple[str, str]:
    """Hair behind and before the head."""
    top = parts.TOPS[c.top]
    style, length = top.style or "", _LONG.get(top.length or "short", 0.0)
    fill, dark = f'fill="{c.hair_hex}"', f'fill="{darker(c.hair_hex, 0.82)}"'
    v = b.volume
    w, h = b.rx * v, b.ry * v
    crown, back = b.y - h, ""
    if style == "afro":
        back = _puffs(b.x, b.y - b.ry * 0.25, b.rx * (1.35 + 0.3 * v), b.ry * 1.35, fill, rng, 14)
    elif style in ("curly", "dreadlocks") or (style == "wavy" and length):
        reach = b.y + b.ry * (0.15 + length * 1.1)
        step = b.rx * (0.3 if style == "curly" else 0.22)
        y = b.y - b.ry * 0.5
        while y < reach:
            out = b.rx * (0.98 + 0.18 * rng.random())
            back += "".join(
                f'<circle cx="{b.x + s * out:.1f}" cy="{y:.1f}" r="{step * (1 + rng.random() * 0.3):.1f}" {fill}/>'
                for s in (-1, 1)
            )
            y += step * 1.1
        back += f'<rect x="{b.x - b.rx:.1f}" y="{crown + h * 0.4:.1f}" width="{2 * b.rx:.1f}" height="{max(8.0, reach - crown - h * 0.4):.1f}" rx="{b.rx * 0.4:.1f}" {fill} stroke="none"/>'
    elif length:
        reach = b.y + b.ry * (0.35 + length * 1.15)
        flare = rng.uniform(0.0, 0.3)
        back = (
            f'<path d="M{b.x - w:.1f},{b.y - b.ry * 0.3:.1f} C{b.x - w * (1 + flare):.1f},{b.y + b.ry * 0.4:.1f} {b.x - w * (1 + flare):.1f},{reach - 10:.1f} {b.x - w * 0.92:.1f},{reach:.1f} '
            f"Q{b.x:.1f},{reach + 8:.1f} {b.x + w * 0.92:.1f},{reach:.1f} C{b.x + w * (1 + flare):.1f},{reach - 10:.1f} {b.x + w * (1 + flare):.1f},{b.y + b.ry * 0.4:.1f} {b.x + w:.1f},{b.y - b.ry * 0.3:.1f} "
            f'Q{b.x:.1f},{crown - h * 0.15:.1f} {b.x - w:.1f},{b.y - b.ry * 0.3:.1f} Z" {fill}/>'
        )
    if style in ("bun", "updo"):
        back += f'<circle cx="{b.x:.1f}" cy="{crown - b.ry * 0.12:.1f}" r="{b.rx * rng.uniform(0.28, 0.42):.1f}" {fill}/>'
    elif style == "low twintails":
        for s in (-1, 1):
            back += f'<path d="M{b.x + s * w * 0.9:.1f},{b.y:.1f} q{s * b.rx * 0.9:.1f},{b.ry * 0.5:.1f} {s * b.rx * 0.4:.1f},{b.ry * 1.5:.1f} q{-s * b.rx * 0.6:.1f},{-b.ry * 0.5:.1f} {-s * b.rx * 0.4:.1f},{-b.ry * 1.5:.1f} Z" {fill}/>'
    elif style == "braid":
        s = rng.choice((-1, 1))
        back += "".join(
            f'<ellipse cx="{b.x + s * b.rx * 1.1:.1f}" cy="{b.y + b.ry * (0.1 + 0.26 * i):.1f}" rx="{b.rx * 0.2:.1f}" ry="{b.ry * 0.17:.1f}" {fill}/>'
            for i in range(6)
        )
    if style == "mohawk":
        front = f'<path d="M{b.x - b.rx * 0.2:.1f},{b.y - b.ry * 0.75:.1f} L{b.x - b.rx * 0.22:.1f},{b.y - b.ry * 1.45:.1f} L{b.x:.1f},{b.y - b.ry * 1.3:.1f} L{b.x + b.rx * 0.22:.1f},{b.y - b.ry * 1.45:.1f} L{b.x + b.rx * 0.2:.1f},{b.y - b.ry * 0.75:.1f} Z" {fill}/>'
        return "", front
    if style == "balding":
        return "", "".join(
            f'<ellipse cx="{b.x + s * b.rx * 0.97:.1f}" cy="{b.y - b.ry * 0.15:.1f}" rx="{b.rx * 0.17:.1f}" ry="{b.ry * 0.34:.1f}" {fill}/>'
            for s in (-1, 1)
        )
    return back, _cap(b, style, rng, fill, dark, crown, w, h)


def _cap(
    b: Build, style: str, rng: random.Random, fill: str, dark: str, crown: float, w: float, h: float
) -> str:
    """Hair on the skull down to the hairline, with its bangs."""
    if style == "buzz cut":
        w, h, crown = b.rx * 1.02, b.ry * 1.02, b.y - b.ry * 1.02
    side = b.y - b.ry * (0.02 if style not in ("buzz cut", "undercut") else 0.2)
    line = b.y - b.ry * rng.uniform(0.42, 0.6)
    left, right = b.x - w, b.x + w
    edge = {
        "none": f"Q{b.x:.1f},{line - b.ry * 0.2:.1f} {left + w * 0.2:.1f},{side:.1f}",
        "straight": f"L{right - w * 0.22:.1f},{line + b.ry * 0.22:.1f} L{left + w * 0.22:.1f},{line + b.ry * 0.22:.1f} L{left + w * 0.2:.1f},{side:.1f}",
        "side": f"Q{b.x + w * 0.5:.1f},{line - b.ry * 0.1:.1f} {b.x + w * 0.35:.1f},{line - b.ry * 0.15:.1f} Q{b.x - w * 0.3:.1f},{line + b.ry * 0.35:.1f} {left + w * 0.2:.1f},{side:.1f}",
        "parted": f"Q{b.x + w * 0.6:.1f},{line + b.ry * 0.1:.1f} {b.x:.1f},{line - b.ry * 0.3:.1f} Q{b.x - w * 0.6:.1f},{line + b.ry * 0.1:.1f} {left + w * 0.2:.1f},{side:.1f}",
        "spikes": "".join(
            f"L{b.x + w * (0.7 - 0.35 * i):.1f},{line + b.ry * (0.28 if i % 2 == 0 else -0.05):.1f} "
            for i in range(5)
        )
        + f"L{left + w * 0.2:.1f},{side:.1f}",
    }[b.bangs if style not in ("buzz cut", "pompadour", "cornrows") else "none"]
    outline = f"M{left:.1f},{side:.1f} C{left:.1f},{crown - h * 0.32:.1f} {right:.1f},{crown - h * 0.32:.1f} {right:.1f},{side:.1f} L{right - w * 0.2:.1f},{side:.1f} {edge} Z"
    front = f'<path d="{outline}" {fill}/>'
    if style in ("spiky", "messy"):
        count = rng.randint(5, 9)
        points = []
        for i in range(count * 2 + 1):
            angle = math.pi * (1 - i / (count * 2))
            far = (1.5 if style == "spiky" else 1.22) if i % 2 else 1.0
            points.append(
                f"{b.x + w * far * math.cos(angle):.1f},{b.y - b.ry * 0.35 - h * 0.75 * far * math.sin(angle):.1f}"
            )
        front = f'<polygon points="{" ".join(points)}" {fill}/>' + front
    elif style == "pompadour":
        front += f'<ellipse cx="{b.x + b.rx * 0.15:.1f}" cy="{crown + h * 0.02:.1f}" rx="{w * 0.75:.1f}" ry="{h * 0.3:.1f}" {fill}/>'
    elif style in ("curly", "afro"):
        front = _puffs(b.x, crown + h * 0.42, w * 0.85, h * 0.36, fill, rng, 9) + front
    elif style == "cornrows":
        front += "".join(
            f'<path d="M{b.x + w * k:.1f},{line:.1f} Q{b.x + w * k * 0.9:.1f},{crown + h * 0.1:.1f} {b.x + w * k * 0.5:.1f},{crown:.1f}" fill="none" stroke="#000" stroke-opacity="0.3" stroke-width="2"/>'
            for k in (-0.6, -0.3, 0.0, 0.3, 0.6)
        )
    if rng.random() < 0.4:
        front += f'<path d="M{b.x - w * 0.55:.1f},{crown + h * 0.42:.1f} Q{b.x - w * 0.2:.1f},{crown + h * 0.12:.1f} {b.x + w * 0.3:.1f},{crown + h * 0.2:.1f} Q{b.x - w * 0.2:.1f},{crown + h * 0.22:.1f} {b.x - w * 0.55:.1f},{crown + h * 0.42:.1f} Z" {dark} stroke="none"/>'
    return front


def _puffs(x: float, y: float, rx: float, ry: float, fill: str, rng: random.Random, count: int) -> str:
    size = min(rx, ry) * 0.42
    drawn = [f'<ellipse cx="{x:.1f}" cy="{y:.1f}" rx="{rx * 0.85:.1f}" ry="{ry * 0.85:.1f}" {fill}/>']
    for i in range(count):
        angle = 2 * math.pi * i / count
        drawn.append(
            f'<circle cx="{x + rx * 0.78 * math.cos(angle):.1f}" cy="{y + ry * 0.78 * math.sin(angle):.1f}" r="{size * rng.uniform(0.8, 1.15):.1f}" {fill}/>'
        )
    return "".join(drawn)


def _beard(b: Build, c: Character) -> str:
    kind = parts.FACIAL_HAIR[c.facial_hair][1]
    if kind == "none":
        return ""
    fill = f'fill="{darker(c.hair_hex, 0.95)}"'
    fx, my, w = b.x + b.turn * b.rx, b.y + b.ry * 0.56, b.rx * 0.34
    mustache = f'<path d="M{fx:.1f},{my - w * 0.75:.1f} q{w * 1.1:.1f},{-w * 0.2:.1f} {w * 1.4:.1f},{w * 0.6:.1f} q{-w * 0.8:.1f},{w * 0.1:.1f} {-w * 1.4:.1f},{-w * 0.2:.1f} q{-w * 0.6:.1f},{w * 0.3:.1f} {-w * 1.4:.1f},{w * 0.2:.1f} q{w * 0.3:.1f},{-w * 0.8:.1f} {w * 1.4:.1f},{-w * 0.6:.1f} Z" {fill}/>'
    if kind == "mustache":
        return mustache
    if kind == "goatee":
        return (
            mustache
            + f'<ellipse cx="{fx:.1f}" cy="{b.y + b.ry * 0.95:.1f}" rx="{w * 0.8:.1f}" ry="{b.ry * 0.2:.1f}" {fill}/>'
        )
    drop = b.ry * (1.45 if c.facial_hair == "majestic_beard" else 1.12)
    return (
        f'<path d="M{b.x - b.rx * 1.0:.1f},{b.y + b.ry * 0.1:.1f} Q{b.x - b.rx * 0.75:.1f},{b.y + b.ry * 0.45:.1f} {fx - w:.1f},{b.y + b.ry * 0.36:.1f} L{fx + w:.1f},{b.y + b.ry * 0.36:.1f} '
        f"Q{b.x + b.rx * 0.75:.1f},{b.y + b.ry * 0.45:.1f} {b.x + b.rx * 1.0:.1f},{b.y + b.ry * 0.1:.1f} Q{b.x + b.rx * 1.0:.1f},{b.y + drop:.1f} {b.x:.1f},{b.y + drop:.1f} "
        f'Q{b.x - b.rx * 1.0:.1f},{b.y + drop:.1f} {b.x - b.rx * 1.0:.1f},{b.y + b.ry * 0.1:.1f} Z" {fill}/>'
        f'<ellipse cx="{fx:.1f}" cy="{my:.1f}" rx="{w * 1.05:.1f}" ry="{w * 0.5:.1f}" fill="{c.skin_hex}" stroke="none"/>'
    )


def _body(b: Build, c: Character, o: Outfit) -> str:
    if b.frame == "head":
        return ""
    rng = random.Random(f"body {c.shape}")
    skin, cloth, dark = c.skin_hex, o.colour_hex, darker(o.colour_hex, 0.75)
    if o.garment in ("tuxedo", "suit", "blazer", "blazer_sweater", "robe"):
        cloth = "#2a2c33" if o.garment != "robe" else "#4a3a30"
        dark = darker(cloth, 0.7)
    if o.garment == "spacesuit":
        cloth = "#e9eef2"
    chin = b.y + b.ry
    neck = b.rx * rng.uniform(0.3, 0.45)
    wide = b.rx * (rng.uniform(1.25, 1.7) if b.frame == "bust" else rng.uniform(0.8, 1.1))
    top = chin + b.ry * rng.uniform(0.02, 0.2)
    bottom = 284.0 if b.frame == "bust" else top + (270 - top) * 0.55
    drawn = [
        f'<rect x="{b.x - neck:.1f}" y="{chin - b.ry * 0.25:.1f}" width="{2 * neck:.1f}" height="{top - chin + b.ry * 0.45:.1f}" fill="{darker(skin, 0.92)}"/>'
    ]
    if b.frame == "body":
        leg = wide * 0.38
        trousers = rng.choice(("#34495e", "#2b2b30", "#6b5a48", "#7a8793", dark))
        if o.garment in ("dress", "robe", "yukata"):
            drawn.append(
                f'<path d="M{b.x - wide:.1f},{bottom - 6:.1f} L{b.x - wide * 1.35:.1f},256 L{b.x + wide * 1.35:.1f},256 L{b.x + wide:.1f},{bottom - 6:.1f} Z" fill="{cloth}"/>'
            )
            trousers = skin
        for s in (-1, 1):
            low = 250.0 if o.garment not in ("dress", "robe", "yukata") else 258.0
            drawn.append(
                f'<rect x="{b.x + s * wide * 0.5 - leg:.1f}" y="{bottom - 8 if trousers != skin else 250:.1f}" width="{2 * leg:.1f}" height="{max(10.0, 270 - bottom) if trousers != skin else 22:.1f}" rx="4" fill="{trousers}"/>'
            )
            drawn.append(
                f'<ellipse cx="{b.x + s * wide * 0.5:.1f}" cy="{low + 20:.1f}" rx="{leg * 1.5:.1f}" ry="8" fill="#3a2a20"/>'
            )
            arm = wide * rng.uniform(0.24, 0.34)
            sleeve = cloth if o.garment not in ("overalls", "dress") else skin
            lean = rng.uniform(-4, 14)
            drawn.append(
                f'<rect x="{b.x + s * wide * 1.08 - arm:.1f}" y="{top + 4:.1f}" width="{2 * arm:.1f}" height="{(bottom - top) * 0.8:.1f}" rx="{arm:.1f}" fill="{sleeve}" transform="rotate({-s * lean:.1f} {b.x + s * wide:.1f} {top:.1f})"/>'
            )
            drawn.append(
                f'<circle cx="{b.x + s * (wide * 1.08 + lean * 0.9):.1f}" cy="{top + (bottom - top) * 0.86:.1f}" r="{arm * 0.95:.1f}" fill="{skin}"/>'
            )
    slope = rng.uniform(0.1, 0.4) * b.ry
    torso = f"M{b.x - neck * 1.1:.1f},{top:.1f} Q{b.x - wide:.1f},{top + slope * 0.3:.1f} {b.x - wide:.1f},{top + slope + 14:.1f} L{b.x - wide * 1.02:.1f},{bottom:.1f} L{b.x + wide * 1.02:.1f},{bottom:.1f} L{b.x + wide:.1f},{top + slope + 14:.1f} Q{b.x + wide:.1f},{top + slope * 0.3:.1f} {b.x + neck * 1.1:.1f},{top:.1f} "
    deep = {"v_neck": 1.3, "scoop_neck": 0.9, "dress": 1.1, "turtleneck": 0.05, "hoodie": 0.5}.get(
        o.garment, 0.4
    ) * neck
    if o.garment == "overalls":
        drawn.append(
            f'<path d="{torso}Z" fill="{skin}"/><path d="M{b.x - wide * 0.55:.1f},{top + b.ry * 0.4:.1f} h{wide * 1.1:.1f} L{b.x + wide:.1f},{bottom:.1f} L{b.x - wide:.1f},{bottom:.1f} Z" fill="{cloth}"/>'
        )
        drawn += [
            f'<path d="M{b.x + s * wide * 0.5:.1f},{top + 2:.1f} v{b.ry * 0.5:.1f}" stroke="{cloth}" stroke-width="{max(3.0, wide * 0.14):.1f}"/>'
            for s in (-1, 1)
        ]
        return "".join(drawn)
    drawn.append(
        f'<path d="{torso}Q{b.x:.1f},{top + deep * 2:.1f} {b.x - neck * 1.1:.1f},{top:.1f} Z" fill="{cloth}"/>'
    )
    tall = bottom - top
    if o.garment in ("tuxedo", "suit", "blazer", "blazer_sweater"):
        shirt = "#f7f7f7" if o.garment in ("tuxedo", "suit") else o.colour_hex
        drawn.append(
            f'<path d="M{b.x - neck:.1f},{top:.1f} L{b.x:.1f},{top + tall * 0.55:.1f} L{b.x + neck:.1f},{top:.1f} Z" fill="{shirt}"/>'
        )
        if o.garment == "suit":
            drawn.append(
                f'<path d="M{b.x - 5:.1f},{top + 4:.1f} h10 l-3,8 l5,{tall * 0.3:.1f} l-7,8 l-7,-8 l5,{-tall * 0.3:.1f} Z" fill="{o.trim_hex}"/>'
            )
        if o.garment == "tuxedo":
            drawn.append(
                f'<path d="M{b.x:.1f},{top + 8:.1f} l-14,-8 v16 Z M{b.x:.1f},{top + 8:.1f} l14,-8 v16 Z" fill="#151515"/>'
            )
    elif o.garment in ("yukata", "robe"):
        edge = o.trim_hex if o.garment == "yukata" else dark
        drawn.append(
            f'<path d="M{b.x + neck:.1f},{top:.1f} L{b.x - neck * 0.9:.1f},{top + tall * 0.75:.1f}" fill="none" stroke="{edge}" stroke-width="{max(4.0, neck * 0.4):.1f}"/><path d="M{b.x - neck:.1f},{top:.1f} L{b.x + neck * 0.1:.1f},{top + tall * 0.38:.1f}" fill="none" stroke="{edge}" stroke-width="{max(4.0, neck * 0.4):.1f}"/>'
        )
        drawn.append(
            f'<rect x="{b.x - wide:.1f}" y="{bottom - tall * 0.22:.1f}" width="{2 * wide:.1f}" height="{tall * 0.16:.1f}" fill="{edge}"/>'
        )
    elif o.garment == "hoodie":
        drawn.append(
            f'<path d="M{b.x - neck * 1.5:.1f},{top - 2:.1f} Q{b.x:.1f},{top + neck * 2.4:.1f} {b.x + neck * 1.5:.1f},{top - 2:.1f}" fill="none" stroke="{dark}" stroke-width="{max(5.0, neck * 0.45):.1f}"/>'
        )
        drawn += [
            f'<path d="M{b.x + s * neck * 0.5:.1f},{top + neck:.1f} v{tall * 0.3:.1f}" stroke="#f2f2f2" stroke-width="3"/>'
            for s in (-1, 1)
        ]
    elif o.garment == "sailor_uniform":
        drawn.append(
            f'<path d="M{b.x - neck * 1.6:.1f},{top:.1f} L{b.x:.1f},{top + tall * 0.42:.1f} L{b.x + neck * 1.6:.1f},{top:.1f} L{b.x + neck:.1f},{top - 2:.1f} L{b.x:.1f},{top + tall * 0.24:.1f} L{b.x - neck:.1f},{top - 2:.1f} Z" fill="{dark}"/><path d="M{b.x:.1f},{top + tall * 0.4:.1f} l-14,-8 v16 Z M{b.x:.1f},{top + tall * 0.4:.1f} l14,-8 v16 Z" fill="{o.trim_hex}"/>'
        )
    elif o.garment == "turtleneck":
        drawn.append(
            f'<rect x="{b.x - neck * 1.15:.1f}" y="{top - b.ry * 0.16:.1f}" width="{neck * 2.3:.1f}" height="{b.ry * 0.26:.1f}" rx="4" fill="{darker(cloth, 0.93)}"/>'
        )
    elif o.garment == "armor":
        drawn += [
            f'<ellipse cx="{b.x + s * wide * 0.92:.1f}" cy="{top + slope + 12:.1f}" rx="{wide * 0.32:.1f}" ry="{wide * 0.26:.1f}" fill="#9aa2ab"/>'
            for s in (-1, 1)
        ]
        drawn.append(
            f'<path d="M{b.x - wide * 0.7:.1f},{top + tall * 0.3:.1f} Q{b.x:.1f},{top + tall * 0.5:.1f} {b.x + wide * 0.7:.1f},{top + tall * 0.3:.1f} M{b.x:.1f},{top + tall * 0.2:.1f} V{bottom:.1f}" fill="none" stroke="#000" stroke-opacity="0.35" stroke-width="3"/>'
        )
    elif o.garment in ("chef_jacket", "spacesuit"):
        drawn += [
            f'<circle cx="{b.x + s * neck * 0.6:.1f}" cy="{top + tall * k:.1f}" r="3.5" fill="{dark}"/>'
            for s in (-1, 1)
            for k in (0.3, 0.5, 0.7)
        ]
    elif o.garment == "collar_sweater":
        drawn.append(
            f'<path d="M{b.x:.1f},{top + neck:.1f} L{b.x - neck * 1.3:.1f},{top - 3:.1f} L{b.x - neck * 1.1:.1f},{top + neck * 1.2:.1f} Z M{b.x:.1f},{top + neck:.1f} L{b.x + neck * 1.3:.1f},{top - 3:.1f} L{b.x + neck * 1.1:.1f},{top + neck * 1.2:.1f} Z" fill="#f7f7f7"/>'
        )
    elif o.garment == "graphic_shirt":
        drawn.append(
            f'<circle cx="{b.x:.1f}" cy="{top + tall * 0.5:.1f}" r="{wide * 0.28:.1f}" fill="{o.trim_hex}"/>'
        )
    elif o.garment == "dress":
        drawn += [
            f'<path d="M{b.x + s * neck * 1.1:.1f},{top:.1f} Q{b.x + s * wide:.1f},{top + slope * 0.3:.1f} {b.x + s * wide:.1f},{top + slope + 14:.1f} V{min(bottom, top + slope + 60):.1f} L{b.x + s * wide * 0.72:.1f},{top + slope + 20:.1f} Z" fill="{skin}"/>'
            for s in (-1, 1)
        ]
    return "".join(drawn)


def _eyewear(b: Build, o: Outfit) -> str:
    if o.eyewear == "none":
        return ""
    fx, ey, ex = b.x + b.turn * b.rx, b.y + b.ry * 0.03, b.rx * max(0.36, b.eye_gap)
    r = b.rx * 0.3
    frame = "#f2f2f2" if o.eyewear in ("white_sunglasses", "thin_glasses") else "#20242a"
    if o.eyewear == "eyepatch":
        return f'<ellipse cx="{fx + ex:.1f}" cy="{ey:.1f}" rx="{r:.1f}" ry="{r * 0.95:.1f}" fill="{_DARK}"/><path d="M{b.x - b.rx:.1f},{b.y - b.ry * 0.55:.1f} L{b.x + b.rx:.1f},{b.y + b.ry * 0.1:.1f}" stroke="{_DARK}" stroke-width="3"/>'
    inside = (
        'fill="#22242c"'
        if o.eyewear in ("white_sunglasses", "sunglasses", "wayfarers")
        else 'fill="#fff" fill-opacity="0.12"'
    )
    thick = max(1.8, b.rx * 0.05)
    drawn = []
    for s in (-1, 1):
        x = fx + s * ex
        if o.eyewear in ("round_glasses", "thin_glasses", "white_sunglasses"):
            drawn.append(
                f'<circle cx="{x:.1f}" cy="{ey:.1f}" r="{r:.1f}" {inside} stroke="{frame}" stroke-width="{thick:.1f}"/>'
            )
        else:
            drawn.append(
                f'<rect x="{x - r:.1f}" y="{ey - r * 0.75:.1f}" width="{2 * r:.1f}" height="{r * 1.5:.1f}" rx="{r * 0.3:.1f}" {inside} stroke="{frame}" stroke-width="{thick:.1f}"/>'
            )
        drawn.append(
            f'<path d="M{x + s * r:.1f},{ey:.1f} L{b.x + s * b.rx:.1f},{ey - 2:.1f}" stroke="{frame}" stroke-width="{thick:.1f}"/>'
        )
    drawn.append(
        f'<path d="M{fx - ex + r:.1f},{ey:.1f} H{fx + ex - r:.1f}" stroke="{frame}" stroke-width="{thick:.1f}"/>'
    )
    return "".join(drawn)


def _hat(b: Build, o: Outfit) -> str:
    w, top, brow = b.rx * 1.12, b.y - b.ry * 1.25, b.y - b.ry * 0.5
    fill, dark = f'fill="{o.hat_hex}"', f'fill="{darker(o.hat_hex, 0.75)}"'
    dome = f"M{b.x - w:.1f},{brow:.1f} C{b.x - w:.1f},{top - b.ry * 0.35:.1f} {b.x + w:.1f},{top - b.ry * 0.35:.1f} {b.x + w:.1f},{brow:.1f} Z"
    if o.hat in ("hijab", "hood"):
        low = b.y + b.ry * 1.25
        return (
            f'<path fill-rule="evenodd" d="M{b.x - w:.1f},{b.y:.1f} C{b.x - w * 1.1:.1f},{top - b.ry * 0.4:.1f} {b.x + w * 1.1:.1f},{top - b.ry * 0.4:.1f} {b.x + w:.1f},{b.y:.1f} '
            f"L{b.x + w * 1.05:.1f},{low:.1f} Q{b.x:.1f},{low + b.ry * 0.25:.1f} {b.x - w * 1.05:.1f},{low:.1f} Z "
            f'M{b.x - b.rx * 0.82:.1f},{b.y:.1f} C{b.x - b.rx * 0.82:.1f},{b.y + b.ry * 1.15:.1f} {b.x + b.rx * 0.82:.1f},{b.y + b.ry * 1.15:.1f} {b.x + b.rx * 0.82:.1f},{b.y:.1f} C{b.x + b.rx * 0.8:.1f},{b.y - b.ry * 0.95:.1f} {b.x - b.rx * 0.8:.1f},{b.y - b.ry * 0.95:.1f} {b.x - b.rx * 0.82:.1f},{b.y:.1f} Z" {fill}/>'
        )
    if o.hat == "turban":
        return f'<ellipse cx="{b.x:.1f}" cy="{b.y - b.ry * 0.82:.1f}" rx="{w * 1.08:.1f}" ry="{b.ry * 0.55:.1f}" {fill}/><path d="M{b.x - w:.1f},{b.y - b.ry * 0.6:.1f} Q{b.x + w * 0.3:.1f},{b.y - b.ry * 1.25:.1f} {b.x + w * 0.9:.1f},{b.y - b.ry * 1.1:.1f} M{b.x + w:.1f},{b.y - b.ry * 0.6:.1f} Q{b.x - w * 0.2:.1f},{b.y - b.ry * 1.15:.1f} {b.x - w * 0.7:.1f},{b.y - b.ry * 1.15:.1f}" fill="none" stroke="#000" stroke-opacity="0.3" stroke-width="3"/>'
    if o.hat == "helmet":
        return (
            f'<path d="{dome}" fill="#9aa2ab"/>'
            + "".join(
                f'<rect x="{b.x + s * w - b.rx * 0.14:.1f}" y="{brow - 2:.1f}" width="{b.rx * 0.28:.1f}" height="{b.ry * 0.9:.1f}" fill="#8a929b"/>'
                for s in (-1, 1)
            )
            + f'<path d="M{b.x - 6:.1f},{top:.1f} h12 v-14 h-12 Z" {fill}/>'
        )
    if o.hat == "fedora":
        return f'<path d="M{b.x - w * 0.8:.1f},{brow:.1f} L{b.x - w * 0.7:.1f},{top - b.ry * 0.1:.1f} Q{b.x:.1f},{top - b.ry * 0.3:.1f} {b.x + w * 0.7:.1f},{top - b.ry * 0.1:.1f} L{b.x + w * 0.8:.1f},{brow:.1f} Z" {fill}/><ellipse cx="{b.x:.1f}" cy="{brow:.1f}" rx="{w * 1.6:.1f}" ry="{b.ry * 0.17:.1f}" {dark}/>'
    if o.hat == "chef_hat":
        return (
            f'<rect x="{b.x - w * 0.8:.1f}" y="{brow - b.ry * 0.35:.1f}" width="{w * 1.6:.1f}" height="{b.ry * 0.4:.1f}" fill="#f4f4f4"/>'
            + "".join(
                f'<circle cx="{b.x + w * k:.1f}" cy="{brow - b.ry * 0.65:.1f}" r="{w * 0.45:.1f}" fill="#fcfcfc"/>'
                for k in (-0.6, 0.0, 0.6)
            )
        )
    drawn = f'<path d="{dome}" {fill}/>'
    if o.hat in ("beanie", "cat_beanie", "winter_hat", "pompom_hat"):
        drawn += f'<rect x="{b.x - w:.1f}" y="{brow - b.ry * 0.22:.1f}" width="{2 * w:.1f}" height="{b.ry * 0.26:.1f}" rx="5" {dark}/>'
    if o.hat == "pompom_hat":
        drawn += f'<circle cx="{b.x:.1f}" cy="{top - b.ry * 0.02:.1f}" r="{b.rx * 0.2:.1f}" fill="#fff"/>'
    if o.hat == "cat_beanie":
        drawn = (
            "".join(
                f'<path d="M{b.x + s * w * 0.85:.1f},{top + b.ry * 0.3:.1f} L{b.x + s * w * 0.75:.1f},{top - b.ry * 0.25:.1f} L{b.x + s * w * 0.25:.1f},{top:.1f} Z" {fill}/>'
                for s in (-1, 1)
            )
            + drawn
        )
    if o.hat == "winter_hat":
        drawn += "".join(
            f'<rect x="{b.x + s * w - b.rx * 0.16:.1f}" y="{brow - 4:.1f}" width="{b.rx * 0.32:.1f}" height="{b.ry * 0.95:.1f}" rx="6" {fill}/>'
            for s in (-1, 1)
        )
    return drawn


def _extra(b: Build, c: Character, o: Outfit) -> str:
    """The library figure's ornaments, moved to this head."""
    from embed.avatars.extras import extra

    if o.extra in ("none", "scarf", "necklace") and b.frame == "head":
        return ""
    drawn = extra(o.extra, o.extra_hex, c.hair_hex)
    if not drawn:
        return ""
    sx, sy = b.rx / 58, b.ry / 72
    return f'<g transform="translate({b.x - 132 * sx:.2f} {b.y - 108 * sy:.2f}) scale({sx:.3f} {sy:.3f})">{drawn}</g>'
