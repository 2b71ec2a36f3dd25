"""What the second hand puts on heads: glasses, hats, ornaments."""

from __future__ import annotations

from embed.avatars.characters import Character, Outfit
from embed.avatars.extras import extra
from embed.avatars.freehand.build import INK, Build
from embed.avatars.palette import darker


def eyewear(b: Build, o: Outfit) -> str:
    """Glasses or an eyepatch, or nothing."""
    if o.eyewear == "none":
        return ""
    fx, ey, ex = b.x + b.turn * b.rx, b.y + b.ry * 0.03, b.rx * max(0.36, b.eye_gap)
    r = b.rx * 0.3
    frame = "#f2f2f2" if o.eyewear in ("white_sunglasses", "thin_glasses") else "#20242a"
    if o.eyewear == "eyepatch":
        return f'<ellipse cx="{fx + ex:.1f}" cy="{ey:.1f}" rx="{r:.1f}" ry="{r * 0.95:.1f}" fill="{INK}"/><path d="M{b.x - b.rx:.1f},{b.y - b.ry * 0.55:.1f} L{b.x + b.rx:.1f},{b.y + b.ry * 0.1:.1f}" stroke="{INK}" stroke-width="3"/>'
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


def hat(b: Build, o: Outfit) -> str:
    """The hat of an outfit that has one."""
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


def ornament(b: Build, c: Character, o: Outfit) -> str:
    """The library figure's ornaments, moved to this head."""
    if o.extra in ("none", "scarf", "necklace") and b.frame == "head":
        return ""
    drawn = extra(o.extra, o.extra_hex, c.hair_hex)
    if not drawn:
        return ""
    sx, sy = b.rx / 58, b.ry / 72
    return f'<g transform="translate({b.x - 132 * sx:.2f} {b.y - 108 * sy:.2f}) scale({sx:.3f} {sy:.3f})">{drawn}</g>'
