"""What an avatar can be made of: tops, clothes, faces and accessories, with the booru tags that say so.

A part name is lower case with underscores; ``library`` is the python-avatars part that draws it, or None where
``extras.py`` does.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Top:
    """Hair, or a hat that hides it: ``style`` and ``length`` are None for a hat."""

    library: str
    style: str | None
    length: str | None
    tags: tuple[str, ...]
    genders: str = "fm"  # who wears it: f, m or both
    hat: bool = False


@dataclass(frozen=True, slots=True)
class Garment:
    """Something to wear: ``library`` part or own drawing, whether it takes a colour, and its tags."""

    library: str | None
    word: str
    tags: tuple[str, ...]
    colours: bool = True
    genders: str = "fm"


@dataclass(frozen=True, slots=True)
class Face:
    """An expression: library eyes, eyebrows, mouths to choose from, its tags, and the vocabulary's word for it."""

    eyes: tuple[str, ...]
    brows: tuple[str, ...]
    mouths: tuple[str, ...]
    tags: tuple[str, ...]
    mood: str
    blush: bool = False


def _hair(library: str, style: str | None, length: str, *tags: str, genders: str = "fm") -> Top:
    return Top(library, style, length, (f"{length}_hair", *tags), genders)


TOPS: dict[str, Top] = {
    "bald": Top("NONE", "bald", None, ("bald",), "m"),
    "big_waves": _hair("BIG_HAIR", "wavy", "long", "wavy_hair", "big_hair", genders="f"),
    "bob": _hair("BOB", "bob", "medium", "bob_cut", genders="f"),
    "bun": _hair("BUN", "bun", "short", "hair_bun", "single_hair_bun"),
    "caesar": _hair("CAESAR", None, "short", genders="m"),
    "curls": _hair("CURLY", "curly", "medium", "curly_hair", "big_hair", genders="f"),
    "long_curls": _hair("CURVY", "curly", "long", "curly_hair", genders="f"),
    "long_locs": _hair("DREADS", "dreadlocks", "long", "dreadlocks"),
    "flower_updo": _hair("FRIDA", "updo", "short", "updo", "hair_flower", genders="f"),
    "frizzle": _hair("FRIZZLE", "undercut", "short", "undercut"),
    "banded_afro": _hair("FRO_BAND", "afro", "medium", "afro", "hairband"),
    "afro": _hair("FRO", "afro", "medium", "afro"),
    "side_swept": _hair("LONG_NOT_TOO_LONG", "straight", "medium", "swept_bangs", genders="f"),
    "blunt_bob": _hair("MIA_WALLACE", "bob", "medium", "bob_cut", "blunt_bangs", genders="f"),
    "mullet": _hair("SHAGGY_MULLET", "mullet", "medium", "mullet", "messy_hair"),
    "shaggy": _hair("SHAGGY", "messy", "short", "messy_hair"),
    "short_curls": _hair("SHORT_CURLY", "curly", "short", "curly_hair", genders="m"),
    "short_twists": _hair("SHORT_DREADS_1", "dreadlocks", "short", "dreadlocks", genders="m"),
    "spiky_locs": _hair("SHORT_DREADS_2", "spiky", "short", "spiked_hair", "dreadlocks"),
    "flat_top": _hair("SHORT_FLAT", None, "short", genders="m"),
    "waved": _hair("SHORT_WAVED", "wavy", "short", "wavy_hair", "quiff", genders="m"),
    "balding": _hair("SIDES", "balding", "short", "receding_hairline", genders="m"),
    "long_straight": _hair("STRAIGHT_1", "straight", "long", "straight_hair", genders="f"),
    "long_bangs": _hair("STRAIGHT_STRAND", "straight", "long", "straight_hair", "bangs", genders="f"),
    "high_ponytail": _hair("BRAIDS", "braid", "medium", "braid", "ponytail", "cornrows"),
    "buzz_cut": _hair("BUZZCUT", "buzz cut", "short", "buzz_cut", genders="m"),
    "cornrows": _hair("CORNROWS", "cornrows", "medium", "cornrows"),
    "one_side_waves": _hair("CURLY_2", "wavy", "long", "wavy_hair", "hair_over_one_eye", genders="f"),
    "low_locs": _hair("DREADLOCKS", "low twintails", "medium", "dreadlocks", "low_twintails", genders="f"),
    "wild_spikes": _hair("EINSTEIN_HAIR", "spiky", "medium", "spiked_hair", "messy_hair"),
    "pompadour_curl": _hair("ELVIS", "pompadour", "short", "pompadour", genders="m"),
    "horn_spikes": _hair("EVIL_SPIKE", "spiky", "short", "spiked_hair", genders="m"),
    "half_shaved": _hair("HALF_SHAVED", "asymmetrical", "medium", "asymmetrical_hair", "undercut"),
    "glamour_waves": _hair("LONG_HAIR_CURLY", "wavy", "long", "wavy_hair", "hair_over_shoulder", genders="f"),
    "loose_waves": _hair("LOOSE_HAIR", "wavy", "long", "wavy_hair", "bangs", genders="f"),
    "mohawk": _hair("MOHAWK", "mohawk", "short", "mohawk"),
    "tousled": _hair("MOWGLI", "messy", "short", "messy_hair", "bangs"),
    "pixie": _hair("PIXIE", "pixie cut", "short", "pixie_cut"),
    "pompadour": _hair("POMPADOUR", "pompadour", "short", "pompadour", genders="m"),
    "quiff": _hair("QUIFF", "pompadour", "short", "quiff", genders="m"),
    "long_twists": _hair("TWIST_LONG_HAIR", "cornrows", "medium", "cornrows", "twists"),
    "wild": _hair("WILD", "messy", "medium", "messy_hair", "bangs"),
    "fedora": Top("HAT", None, None, ("hat", "fedora"), hat=True),
    "hijab": Top("HIJAB", None, None, ("hijab", "headscarf"), "f", hat=True),
    "turban": Top("TURBAN", None, None, ("turban",), "m", hat=True),
    "winter_hat": Top("WINTER_HAT_1", None, None, ("hat", "fur_hat"), hat=True),
    "pompom_hat": Top("WINTER_HAT_2", None, None, ("hat", "ushanka", "pom_pom_(clothes)"), hat=True),
    "beanie": Top("WINTER_HAT_3", None, None, ("beanie",), hat=True),
    "cat_beanie": Top("WINTER_HAT_4", None, None, ("beanie", "animal_hat"), hat=True),
    "chef_hat": Top("CHEF_CAP", None, None, ("chef_hat",), hat=True),
    "hood": Top("JEDI", None, None, ("hood", "hood_up"), hat=True),
    "helmet": Top("GLADIATOR_HELMET", None, None, ("helmet",), hat=True),
}

GARMENTS: dict[str, Garment] = {
    "t_shirt": Garment("SHIRT_CREW_NECK", "t-shirt", ("t-shirt", "shirt")),
    "scoop_neck": Garment("SHIRT_SCOOP_NECK", "shirt", ("shirt", "scoop_neck")),
    "v_neck": Garment("SHIRT_V_NECK", "shirt", ("shirt", "v-neck")),
    "graphic_shirt": Garment("GRAPHIC_SHIRT", "t-shirt", ("print_shirt", "t-shirt")),
    "hoodie": Garment("HOODIE", "hoodie", ("hoodie",)),
    "overalls": Garment("OVERALL", "overalls", ("overalls",)),
    "blazer": Garment("BLAZER_SHIRT", "blazer", ("blazer", "jacket"), colours=False),
    "blazer_sweater": Garment("BLAZER_SWEATER", "blazer", ("blazer", "sweater"), colours=False),
    "collar_sweater": Garment("COLLAR_SWEATER", "sweater", ("sweater", "collared_shirt")),
    "spacesuit": Garment("ASTRONAUT_SUIT", "spacesuit", ("spacesuit", "bodysuit"), colours=False),
    "tuxedo": Garment("BOND_SUIT", "tuxedo", ("tuxedo", "suit", "bowtie"), colours=False, genders="m"),
    "suit": Garment("SHIRT_WICK", "suit", ("suit", "necktie", "formal"), colours=False, genders="m"),
    "chef_jacket": Garment("CHEF", "chef uniform", ("chef_uniform", "chef"), colours=False),
    "armor": Garment("GLADIATOR", "armor", ("armor", "breastplate")),
    "robe": Garment("JEDI_ROBE", "robe", ("robe",), colours=False),
    "yukata": Garment(None, "yukata", ("yukata", "japanese_clothes", "kimono")),
    "sailor_uniform": Garment(None, "sailor uniform", ("school_uniform", "serafuku"), genders="f"),
    "turtleneck": Garment(None, "turtleneck", ("turtleneck", "sweater")),
    "dress": Garment(None, "dress", ("dress",), genders="f"),
}

WORN: dict[str, str] = {
    "fedora": "hat",
    "hijab": "headscarf",
    "winter_hat": "hat",
    "pompom_hat": "hat",
    "beanie": "beanie",
    "cat_beanie": "beanie",
    "chef_hat": "hat",
    "hood": "hood",
    "helmet": "helmet",
    "eyepatch": "eyepatch",
    "white_sunglasses": "sunglasses",
    "thin_glasses": "glasses",
    "glasses": "glasses",
    "round_glasses": "glasses",
    "sunglasses": "sunglasses",
    "wayfarers": "sunglasses",
    "banded_afro": "hairband",
    "flower_updo": "hair flower",
    "hair_ribbon": "hair ribbon",
    "cat_ears": "animal ears",
    "crown": "crown",
    "halo": "halo",
    "headphones": "headphones",
    "hair_flower": "hair flower",
    "earrings": "earrings",
    "necklace": "necklace",
    "scarf": "scarf",
    "witch_hat": "witch hat",
    "cap": "cap",
}
"""The vocabulary's accessory for each part that is one."""

EYEWEAR: dict[str, tuple[str, tuple[str, ...]]] = {
    "none": ("NONE", ()),
    "eyepatch": ("EYEPATCH", ("eyepatch",)),
    "white_sunglasses": ("KURT", ("sunglasses", "white-framed_eyewear")),
    "thin_glasses": ("PRESCRIPTION_1", ("glasses", "white-framed_eyewear")),
    "glasses": ("PRESCRIPTION_2", ("glasses", "black-framed_eyewear")),
    "round_glasses": ("ROUND", ("glasses", "round_eyewear")),
    "sunglasses": ("SUNGLASSES", ("sunglasses",)),
    "wayfarers": ("WAYFARERS", ("sunglasses", "black-framed_eyewear")),
}

FACIAL_HAIR: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "none": ("NONE", "none", ()),
    "light_beard": ("BEARD_LIGHT", "beard", ("beard", "facial_hair")),
    "majestic_beard": ("BEARD_MAGESTIC", "beard", ("beard", "long_beard", "facial_hair")),
    "medium_beard": ("BEARD_MEDIUM", "beard", ("beard", "facial_hair", "mustache")),
    "fancy_mustache": ("MOUSTACHE_FANCY", "mustache", ("mustache", "facial_hair")),
    "magnum_mustache": ("MOUSTACHE_MAGNUM", "mustache", ("mustache", "thick_mustache", "facial_hair")),
    "goatee": ("WICK_BEARD", "goatee", ("goatee", "facial_hair")),
}

# Own drawings over the hair, the neck or the face: name -> tags.
EXTRAS: dict[str, tuple[str, ...]] = {
    "none": (),
    "hair_ribbon": ("hair_ribbon", "ribbon"),
    "cat_ears": ("cat_ears", "animal_ears"),
    "crown": ("crown",),
    "halo": ("halo",),
    "headphones": ("headphones",),
    "hair_flower": ("hair_flower", "flower"),
    "earrings": ("earrings", "jewelry"),
    "necklace": ("necklace", "jewelry"),
    "scarf": ("scarf",),
    "horns": ("horns",),
    "witch_hat": ("witch_hat", "hat"),
    "cap": ("baseball_cap", "hat"),
}

MARKS: dict[str, tuple[str, ...]] = {
    "none": (),
    "freckles": ("freckles",),
    "facial scar": ("scar", "scar_on_face"),
    "facial mole": ("mole", "mole_under_eye"),
    "facial tattoo": ("facial_tattoo", "tattoo"),
}

EXPRESSIONS: dict[str, Face] = {
    "neutral": Face(
        ("default",), ("default", "flat"), ("serious",), ("expressionless", "closed_mouth"), "neutral"
    ),
    "smile": Face(("default",), ("default", "raised"), ("twinkle",), ("smile", "closed_mouth"), "smile"),
    "happy": Face(
        ("default", "happy"),
        ("default", "raised"),
        ("smile", "big_smile"),
        ("smile", "open_mouth", ":d"),
        "smile",
    ),
    "sad": Face(("default",), ("sad",), ("sad", "concerned"), ("sad", "frown"), "sad"),
    "angry": Face(
        ("default",), ("angry",), ("grimace", "sad", "serious"), ("angry", "v-shaped_eyebrows"), "angry"
    ),
    "surprised": Face(
        ("surprised",),
        ("raised",),
        ("disbelief", "scream_open"),
        ("surprised", "wide-eyed", "open_mouth"),
        "surprised",
    ),
    "crying": Face(("cry",), ("sad",), ("sad", "scream_open"), ("crying", "tears"), "crying"),
    "winking": Face(
        ("wink",), ("up_down", "default"), ("twinkle", "smile"), ("one_eye_closed", ";)"), "wink"
    ),
    "sleepy": Face(
        ("closed",), ("default", "flat"), ("serious", "twinkle"), ("closed_eyes", "sleepy"), "sleepy"
    ),
    "tongue out": Face(
        ("default", "wink"), ("default", "raised"), ("tongue",), ("tongue_out", "tongue"), "tongue out"
    ),
    "in love": Face(("heart",), ("raised",), ("smile", "twinkle"), ("heart-shaped_pupils", "smile"), "smile"),
    "embarrassed": Face(
        ("side", "squint"), ("sad",), ("concerned",), ("embarrassed", "blush"), "embarrassed", blush=True
    ),
}
