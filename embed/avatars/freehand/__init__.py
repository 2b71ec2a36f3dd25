"""A second hand: figures drawn from this project's own shapes, every proportion of them varied from person to person.

python-avatars draws one face in one style; an encoder that saw only that one knows little of other art. Here heads are
round, square or pointed, eyes are dots or irises, figures are heads, busts or whole bodies, lines are thick or absent.
Coordinates: 264 wide, from y = -30 to 280.
"""

from __future__ import annotations

import random

from embed.avatars.characters import Character, Outfit
from embed.avatars.freehand.build import INK, Build, build_of
from embed.avatars.freehand.clothes import body
from embed.avatars.freehand.face import face, head
from embed.avatars.freehand.hair import beard, hair
from embed.avatars.freehand.worn import eyewear, hat, ornament

__all__ = ["Build", "build_of", "svg"]


def svg(character: Character, outfit: Outfit) -> str:
    """The figure as SVG text on a transparent canvas of 264 x 310."""
    build = build_of(character)
    rng = random.Random(f"strokes {character.shape}")  # the same strokes in every picture of the character
    hatted = outfit.hat is not None
    back, front = ("", "") if character.top == "bald" else hair(build, character, rng)
    if hatted and outfit.hat in ("hijab", "hood", "helmet", "turban"):
        back, front = "", ""
    pieces = [
        back,
        body(build, character, outfit),
        head(build, character),
        beard(build, character),
        face(build, character, outfit),
        front if not hatted else "",
        hat(build, outfit) if hatted else "",
        eyewear(build, outfit),
        ornament(build, character, outfit),
    ]
    stroke = f'stroke="{INK}" stroke-width="{build.line:.1f}"' if build.line else 'stroke="none"'
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="264px" height="310px" viewBox="0 -30 264 310">'
        f'<g {stroke} stroke-linejoin="round" stroke-linecap="round">{"".join(pieces)}</g></svg>'
    )
