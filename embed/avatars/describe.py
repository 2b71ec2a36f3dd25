"""What a drawn picture shows, in the words of the vocabulary: truth, booru tags, a caption.

Only what can be seen is true: no hair colour under a hat, no eye colour in closed eyes or behind dark glasses.
"""

from __future__ import annotations

from embed.avatars import parts
from embed.avatars.characters import Character, Outfit
from embed.avatars.freehand import build_of

_IRIS = frozenset({"default", "surprised", "wink", "side", "squint", "cry"})
_DARK = frozenset({"white_sunglasses", "sunglasses", "wayfarers"})
_SKIN_TAGS = {
    "pale": ("pale_skin",),
    "light": (),
    "tan": ("tan",),
    "dark": ("dark_skin",),
    "very dark": ("very_dark_skin", "dark_skin"),
    "yellow": ("colored_skin", "yellow_skin"),
    "green": ("colored_skin", "green_skin"),
    "blue": ("colored_skin", "blue_skin"),
}


def truth(character: Character, outfit: Outfit) -> dict[str, str | list[str] | None]:
    """What the picture shows, by attribute; None where it cannot be seen.

    ``skin``, ``beard``, ``face``, ``top``, ``clothing``, ``clothing_color``, ``eyewear`` and ``extra`` are the
    generator's own classes; the others are attributes of the vocabulary, lists where it takes many values.
    """
    top = parts.TOPS[outfit.hat or character.top]
    wears = parts.GARMENTS[outfit.garment]
    hidden = outfit.extra in ("witch_hat", "cap")
    hair_seen = (
        not top.hat and character.top != "bald" and not (hidden and top.length in ("short", "very short"))
    )
    eyes_seen = outfit.eyes in _IRIS and outfit.eyewear not in _DARK and outfit.hat != "hood"
    library = character.hand == "library"
    seen: dict[str, str | list[str] | None] = {
        "age": character.age,
        "gender": character.gender,
        "skin": character.skin,
        "hair_color": character.hair if hair_seen else None,
        "hair_style": [] if top.hat or hidden or top.style is None else [top.style],
        "hair_length": None if top.hat else top.length,
        "eye_color": character.eyes if eyes_seen else None,
        "facial_hair": parts.FACIAL_HAIR[character.facial_hair][1],
        "beard": character.facial_hair,
        "expression": parts.EXPRESSIONS[outfit.expression].mood,
        "dress": [f"{outfit.colour} {wears.word}" if wears.colours else wears.word],
        "accessories": _accessories(character, outfit),
        "face": outfit.expression,
        "clothing": outfit.garment,
        "clothing_color": outfit.colour if wears.colours else None,
        "top": (outfit.hat or character.top) if not hidden else outfit.extra,
        "eyewear": outfit.eyewear,
        "extra": outfit.extra,
        "marks": [] if character.mark == "none" else [character.mark],
        "subjects": "one",
    }
    if not library:
        build = build_of(character)
        seen |= {"top": None, "beard": None, "clothing": None if build.frame == "head" else seen["clothing"]}
        if build.frame == "head":
            seen |= {"clothing_color": None, "dress": []}
        if build.frame == "body" or character.grain:
            seen |= {"eye_color": None, "marks": []}
    return seen


def _accessories(character: Character, outfit: Outfit) -> list[str]:
    worn = (outfit.hat or character.top, outfit.eyewear, outfit.extra)
    return [parts.WORN[name] for name in worn if name in parts.WORN]


def tags(character: Character, outfit: Outfit) -> list[str]:
    """Booru tags of the picture: canonical (lower case, underscores), in a fixed order."""
    seen = truth(character, outfit)
    top = parts.TOPS[outfit.hat or character.top]
    wears = parts.GARMENTS[outfit.garment]
    shows_clothes = character.hand == "library" or build_of(character).frame != "head"
    found = ["1girl" if character.gender == "female" else "1boy", "solo"]
    if character.gender == "male":
        found.append("male_focus")
    found += _SKIN_TAGS[character.skin]
    if seen["hair_color"]:
        found.append(f"{seen['hair_color']}_hair")
    found += top.tags
    if seen["eye_color"]:
        found.append(f"{seen['eye_color']}_eyes")
    found += parts.FACIAL_HAIR[character.facial_hair][2]
    found += parts.EXPRESSIONS[outfit.expression].tags
    if shows_clothes:
        found += wears.tags
    if shows_clothes and wears.colours:
        found.append(f"{outfit.colour}_{wears.tags[0]}")
    found += parts.EYEWEAR[outfit.eyewear][1]
    found += parts.EXTRAS[outfit.extra]
    found += parts.MARKS[character.mark] if seen["marks"] else ()
    if character.age == "child":
        found.append("female_child" if character.gender == "female" else "male_child")
    if character.age == "elderly":
        found.append("old_woman" if character.gender == "female" else "old_man")
    if outfit.scene.pattern == "plain":
        found += ["simple_background", f"{outfit.scene.background}_background"]
    return list(dict.fromkeys(found))


def caption(character: Character, outfit: Outfit) -> str:
    """One sentence that says what the picture shows."""
    seen = truth(character, outfit)
    wears = parts.GARMENTS[outfit.garment]
    person = "woman" if character.gender == "female" else "man"
    person = f"an old {person}" if character.age == "elderly" else f"a {person}"
    parts_seen = []
    if seen["hair_color"]:
        length = f"{seen['hair_length']} " if seen["hair_length"] else ""
        parts_seen.append(f"{length}{seen['hair_color']} hair")
    if seen["eye_color"]:
        parts_seen.append(f"{seen['eye_color']} eyes")
    if character.facial_hair != "none":
        parts_seen.append(f"a {seen['facial_hair']}")
    with_ = " with " + " and ".join(parts_seen) if parts_seen else ""
    return f"{person}{with_}, wearing a {outfit.colour + ' ' if wears.colours else ''}{wears.word}, {outfit.expression}"
