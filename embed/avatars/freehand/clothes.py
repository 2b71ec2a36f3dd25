"""Bodies and clothes of the second hand."""

from __future__ import annotations

import random

from embed.avatars.characters import Character, Outfit
from embed.avatars.freehand.build import Build
from embed.avatars.palette import darker


def body(b: Build, c: Character, o: Outfit) -> str:
    """Neck, clothes, and for a whole figure arms and legs; nothing for a head alone."""
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
