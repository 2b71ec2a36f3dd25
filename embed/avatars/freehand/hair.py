"""Hair and beards of the second hand."""

from __future__ import annotations

import math
import random

from embed.avatars import parts
from embed.avatars.characters import Character
from embed.avatars.freehand.build import Build
from embed.avatars.palette import darker

_LONG = {"short": 0.0, "medium": 0.55, "long": 1.25}


def hair(b: Build, c: Character, rng: random.Random) -> tuple[str, str]:
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
    return back, _cap(b, style, rng, fill, dark, w, h)


def _cap(b: Build, style: str, rng: random.Random, fill: str, dark: str, w: float, h: float) -> str:
    """Hair on the skull down to the hairline, with its bangs."""
    if style == "buzz cut":
        w, h = b.rx * 1.02, b.ry * 1.02
    crown = b.y - h
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


def beard(b: Build, c: Character) -> str:
    """A beard, a mustache, a goatee, or nothing."""
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
