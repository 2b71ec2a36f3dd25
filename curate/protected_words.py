"""The words by which the protected gate knows: what is sexual, who may be a minor, who is an adult.

They stand in code and not in the vocabulary or the settings, so that no file of a run can shorten them. Tags are those
of Danbooru, Gelbooru and e621; a name with a qualifier (``nude_(character)``) is not one of them. Both lists lean to
more: an item that is barred by a mistake costs one picture, and an administrator can let it in.
"""

from __future__ import annotations

import re

from schema.source_metadata import rating_letter

ADULT_AGES = frozenset({"young adult", "adult", "middle-aged", "mature", "elderly"})
"""Values of the attribute ``age`` that say an adult is shown; every other value, and none, does not."""

MINOR_AGES = frozenset({"child", "teen", "teenager", "toddler", "baby", "infant", "preteen", "kid", "minor"})
"""Values of the attribute ``age`` that say a minor is shown."""

MINOR_TAGS = frozenset(
    """child children kid kids toddler baby infant newborn preteen underage minor young_child female_child
    male_child little_girl little_boy young_girl young_boy teenage teenager teenage_girl teenage_boy teen teens
    adolescent aged_down cub human_child elementary_school_student middle_school_student
    junior_high_school_student high_school_student kindergartener kindergarten_uniform grade_schooler
    schoolchild schoolgirl schoolboy randoseru ロリ ショタ 幼女 少女 萝莉 正太""".split()
)
MINOR_PARTS = frozenset(
    """loli lolis lolicon shota shotas shotacon toddlercon babycon child children toddler underage preteen
    oppai_loli""".split()
)
"""Words that say it wherever they stand in a tag: ``oppai_loli``, ``multiple_shotas``."""

SEXUAL_TAGS = frozenset(
    """sex nude naked completely_nude topless bottomless nipples nipple areolae areola_slip penis vagina pussy
    clitoris anus testicles balls erection cum semen ejaculation fellatio blowjob irrumatio deepthroat
    cunnilingus handjob footjob paizuri anal vaginal oral masturbation orgasm ahegao fingering penetration
    insertion intercourse missionary doggystyle cowgirl_position mating_press gangbang threesome orgy group_sex
    rape molestation bondage bdsm dildo vibrator sex_toy condom pubic_hair cameltoe genitals genital_fluids
    breasts_out exposed_breasts pussy_juice spread_legs spread_pussy spread_anus bukkake creampie gokkun
    facial_cum lactation futanari incest bestiality tentacle_sex hentai porn pornography nsfw explicit
    questionable lewd erotic r-18 r18 18+ uncensored mosaic_censoring bar_censor censored panties_aside
    clothed_sex after_sex imminent_sex prostitution undressing presenting fellatio_gesture sexually_suggestive
    see-through_nipples no_bra_nipples nude_filter nudity convenient_censoring underboob_nipples
    upskirt 裸 性交""".split()
)
SEXUAL_PARTS = frozenset(
    """sex nude naked nipples penis pussy cum anal fellatio masturbation hentai porn nsfw ahegao paizuri
    cunnilingus rape penises vaginal handjob footjob creampie bukkake""".split()
)
NOT_SEXUAL = frozenset(
    {"same-sex_relationship", "opposite_sex", "sex_symbol", "naked_mole-rat", "nude_color"}
)

MINOR_TEXT = (
    r"\b(loli|lolicon|shota|shotacon|child|children|childlike|kid|kids|toddlers?|infants?|preteens?|pre-teens?|underage"
    r"|little girls?|little boys?|young girls?|young boys?|teens?|teenagers?|teenaged?|adolescents?|schoolgirls?"
    r"|schoolboys?|(high|middle|elementary|grade) ?school(er|ers)?|(1[0-7]|[1-9]) ?-? ?(years?|yrs?)[ -]?(old|of age)"
    r"|(1[0-7]|[1-9]) ?y\.?o\.?)\b"
)
SEXUAL_TEXT = (
    r"\b(nsfw|nudes?|nudity|naked|topless|nipples?|genitals?|penis|vagina|pussy|having sex|sex scene|sex acts?|sexual"
    r"|sexually|intercourse|masturbat\w*|porn\w*|hentai|erotic\w*|explicit content|fellatio|orgasm\w*|lewd)\b"
)

_PARTS = re.compile(r"[_\s:()\-]+")


def says_minor(tag: str) -> bool:
    """Tell whether a tag in any spelling says that a child or teen is shown."""
    plain = _plain(tag)
    return plain in MINOR_TAGS or not MINOR_PARTS.isdisjoint(_PARTS.split(plain))


def says_sexual(tag: str) -> bool:
    """Tell whether a tag in any spelling says that something sexual is shown, a rating written as a tag included."""
    plain = _plain(tag)
    if plain in NOT_SEXUAL or plain.startswith("sex:"):  # as in "sex: female"
        return False
    rating = plain.removeprefix("rating:").removeprefix("rating_") if plain.startswith("rating") else ""
    return (
        plain in SEXUAL_TAGS
        or rating_letter(rating) in ("e", "q")
        or not SEXUAL_PARTS.isdisjoint(_PARTS.split(plain))
    )


def _plain(tag: str) -> str:
    return "_".join(tag.strip().lower().split()).removeprefix("general:").strip("_")
