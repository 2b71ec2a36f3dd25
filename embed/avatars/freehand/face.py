"""Heads and faces of the second hand."""

from __future__ import annotations

from embed.avatars import parts
from embed.avatars.characters import Character, Outfit
from embed.avatars.freehand.build import INK, Build
from embed.avatars.palette import darker


def head(b: Build, c: Character) -> str:
    """Ears, the head itself and its shade."""
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


def face(b: Build, c: Character, o: Outfit) -> str:
    """Eyes, brows, nose, mouth, and what age and life have marked."""
    fx = b.x + b.turn * b.rx
    ey = b.y + b.ry * 0.02
    ex = b.rx * b.eye_gap
    size = b.ry * b.eye_size
    ink = f'fill="none" stroke="{INK}" stroke-width="{max(1.6, b.ry * 0.045):.1f}"'
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
                f'<ellipse cx="{x:.1f}" cy="{ey:.1f}" rx="{size * 1.05:.1f}" ry="{tall:.1f}" fill="#fff" stroke="{INK}" stroke-width="1"/>'
                f'<ellipse cx="{x + look:.1f}" cy="{ey:.1f}" rx="{size * 0.66:.1f}" ry="{tall * 0.8:.1f}" fill="{c.eyes_hex}" stroke="none"/>'
                f'<ellipse cx="{x + look:.1f}" cy="{ey:.1f}" rx="{size * 0.3:.1f}" ry="{tall * 0.4:.1f}" fill="#111" stroke="none"/>'
                f'<circle cx="{x + look - size * 0.2:.1f}" cy="{ey - tall * 0.35:.1f}" r="{size * 0.2:.1f}" fill="#fff" stroke="none"/>'
            )
        elif b.eye == "line":
            drawn.append(f'<path d="M{x:.1f},{ey - size:.1f} v{2 * size:.1f}" {ink}/>')
        else:
            tall = 1.6 if b.eye == "oval" or o.eyes == "surprised" else 1.0
            drawn.append(
                f'<ellipse cx="{x:.1f}" cy="{ey:.1f}" rx="{size * 0.8:.1f}" ry="{size * 0.8 * tall:.1f}" fill="{INK}" stroke="none"/>'
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
