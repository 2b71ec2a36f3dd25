"""Sentences for the generator's own classes, which the attribute vocabulary does not name."""

from __future__ import annotations

from embed.avatars import palette, parts


def own_phrases() -> dict[str, dict[str, tuple[str, ...]]]:
    """Attribute to value to sentences, for ``skin``, ``top``, ``clothing``, ``eyewear``, ``beard``, ``face`` ..."""
    return {
        "skin": {name: _about(f"{name} skin") for name in palette.SKIN},
        "top": {name: _about(_spoken(name)) for name in (*parts.TOPS, "witch_hat", "cap")},
        "clothing": {name: _wearing(_spoken(name)) for name in parts.GARMENTS},
        "clothing_color": {name: _wearing(f"{name} clothes") for name in palette.CLOTH},
        "eyewear": {
            name: _wearing(_spoken(name) if name != "none" else "no glasses") for name in parts.EYEWEAR
        },
        "beard": {
            name: _about(_spoken(name) if name != "none" else "no beard") for name in parts.FACIAL_HAIR
        },
        "extra": {name: _about(_spoken(name) if name != "none" else "no ornament") for name in parts.EXTRAS},
        "face": {
            name: (f"a drawing of a character looking {name}", f"a {name} face") for name in parts.EXPRESSIONS
        },
    }


def _spoken(name: str) -> str:
    return name.replace("_", " ")


def _about(thing: str) -> tuple[str, ...]:
    return (f"a drawing of a character with {thing}", thing)


def _wearing(thing: str) -> tuple[str, ...]:
    return (f"a drawing of a character wearing {thing}", thing)
