"""From measures of a pair to findings: what is wrong with one of the two copies, how much it weighs, and in which
words.

Weights are in octaves of detail: a copy at half the size weighs 1 against it. They add up, so that a copy with one
slight fault beats one with a grave one, and whatever an original has been through only adds to what is against the
copy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from dedupe.direction.additions import COVER, NONE, PIXELS, WRITING
from dedupe.direction.record import Direction
from dedupe.direction.tones import MOVED

# Weights differ by less than this: nobody knows which is the original.
UNDECIDED = 0.04
# What a file says of itself is a hint where nothing else tells.
METADATA = 0.06

# Two sizes are one where they differ by less than this many octaves; of more pixels, half the octaves have to be
# there as detail, or they are an upscale: interpolation makes edges steeper by a third of an octave at most.
ONE_SIZE, REAL = 0.07, 0.5
# See compression.py, explained.
ENLARGED, NOT_EXPLAINED = 0.6, 0.2
# At one size this many octaves are a blur: JPEG at quality 12 softens by 0.6 at most where it softens at all.
BLURRED = 0.7
# Noise, in grey levels, that is more than the other's grain.
NOISE_FACTOR, NOISE_MORE = 1.5, 1.5
# Of a grid of 8 x 8: see compression.py.
GRID = 0.10
# What a copy of more colours cannot have been through: something laid over it, or a tint given to a grey picture.
NOT_DERIVED = ("cover", "writing", "pixelation", "tint")
# Ripples on this share of the area, and three times as many as the other has.
RIPPLES = 0.01
CLIPPED = 0.008
# Borders: see beyond.py. An edge all around is certain, one in places is likely, none is a margin.
CERTAIN_EDGE, LIKELY_EDGE = 0.7, 0.06
# Opposite margins differ by less than this share of the side where a picture was put in the middle of a larger one.
EVEN = 0.02
COLOURLESS, COLOURED, FULL, COLOUR, TINTED = 0.05, 0.08, 0.15, 0.4, 0.06
FUNCTION, FEWER, PALETTE, FEW = 1.01, 0.9, 20.0, 64


@dataclass(frozen=True, slots=True)
class Facts:
    """What the item's row says of a copy: ``lossless`` coding, ``alpha`` kept, ``width`` and ``height``."""

    lossless: bool
    alpha: bool
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Finding:
    """Something against the copy ``of`` (0 the row, 1 the other): its ``criterion``, ``weight``, and the values of this
    copy and of the better one, in the unit that the criterion's sentence names."""

    of: int
    criterion: str
    weight: float
    value: float
    better: float
    x: float = float("nan")
    y: float = float("nan")

    def turned(self) -> Finding:
        """Return the same finding with the copies in the other order."""
        return replace(self, of=1 - self.of)


def findings(direction: Direction, facts: tuple[Facts, Facts]) -> list[Finding]:
    """Return all that speaks against either copy of a pair."""
    own, its = direction.of(False), direction.of(True)
    pair = (own, its)
    found: list[Finding] = []
    for of in (0, 1):
        mine, others = pair[of], pair[1 - of]
        found += _content(of, mine, others, _centred(direction))
        found += _colours(of, mine, others)
        found += _fidelity(of, mine, others, (facts[of], facts[1 - of]), direction.tone)
        found += _function(of, mine, others, direction) if facts[1 - of].lossless else []
    found += _detail(direction, found)
    # A copy whose colours follow from the other's point by point shows all that the other shows.
    derived = {each.of for each in found if each.criterion == "colours"}
    return [each for each in found if each.criterion not in NOT_DERIVED or 1 - each.of not in derived]


def _content(of: int, mine: dict[str, float], others: dict[str, float], centred: bool) -> Iterator[Finding]:
    if others["more"] > 0:
        yield Finding(of, "crop", 0.5 + 8 * others["more"], 1 - others["more"], 1.0)
    if mine["border"] > 0:
        edge = mine["edge"]
        if edge >= (LIKELY_EDGE if centred else CERTAIN_EDGE / 2) or centred:
            weight = 1.0 if edge >= CERTAIN_EDGE else 0.15 if edge >= LIKELY_EDGE else 0.05
            yield Finding(of, "border", weight, mine["border"], others["border"])
        else:
            # A margin that is there on one side only was rather cut off the other copy than added to this one.
            yield Finding(1 - of, "margin", 0.05, 0.0, mine["border"])
    if mine["added"] != NONE:
        name = {COVER: "cover", WRITING: "writing", PIXELS: "pixelation"}[int(mine["added"])]
        weight = min(0.4 + 40 * mine["added_area"], 1.5)
        yield Finding(of, name, weight, mine["added_area"], 0.0, mine["added_x"], mine["added_y"])


def _centred(direction: Direction) -> bool:
    """Tell whether margins are equally wide on opposite sides."""
    across = abs(direction.left + direction.right - 1)
    down = abs(direction.top + direction.bottom - 1)
    return across < EVEN and down < EVEN


def _colours(of: int, mine: dict[str, float], others: dict[str, float]) -> Iterator[Finding]:
    stained = mine["paper"] > others["paper"] + TINTED
    if mine["one_tint"] and not others["one_tint"]:
        # Of a drawing that has next to no colours, one tint is no sign of loss.
        if stained:
            yield Finding(of, "tint", 3.0, mine["paper"], others["paper"])
        elif others["paper"] > mine["paper"] + TINTED and mine["most_chroma"] < 2 * COLOURED:
            pass
        elif (
            others["chroma"] > max(FULL, 1.3 * mine["chroma"])
            or mine["most_chroma"] < COLOURLESS < 2 * others["most_chroma"]
        ):
            name = "grey" if mine["most_chroma"] < COLOURED else "tint"
            yield Finding(of, name, 3.0, mine["chroma"], others["chroma"])
    elif mine["one_tint"] and others["one_tint"] and stained and mine["chroma"] < COLOUR:
        yield Finding(of, "tint", 1.0, mine["paper"], others["paper"])
    elif (
        mine["most_chroma"] < COLOURLESS
        and others["most_chroma"] > COLOURED
        and (others["paper"] < TINTED or others["chroma"] > COLOUR)
    ):
        yield Finding(of, "grey", 3.0, mine["most_chroma"], others["most_chroma"])
    if mine["clipped"] > CLIPPED and mine["clipped"] > 2 * others["clipped"]:
        yield Finding(of, "clipped", 0.3 + 2 * mine["clipped"], mine["clipped"], others["clipped"])
    if np.isfinite(mine["ground"]) and not (mine["one_tint"] or others["one_tint"]):
        yield from _ground(of, mine, others)


def _ground(of: int, mine: dict[str, float], others: dict[str, float]) -> Iterator[Finding]:
    if mine["halo"] > others["halo"] + 0.1:
        yield Finding(of, "ground", 0.5, mine["halo"], others["halo"])
    elif others["halo"] <= mine["halo"] + 0.1:
        # White paper, or none, is what a drawing loses; any other ground is what it is given.
        white = [each["ground"] > 0.97 and each["ground_chroma"] < 0.03 for each in (mine, others)]
        if white[1] and not white[0]:
            yield Finding(of, "ground", 0.3, mine["ground"], others["ground"])


def _fidelity(
    of: int, mine: dict[str, float], others: dict[str, float], facts: tuple[Facts, Facts], tone: float
) -> Iterator[Finding]:
    if others_alpha := facts[1].alpha and not facts[0].alpha:
        yield Finding(of, "alpha", 0.35, 0.0, float(others_alpha))
    hint = bool(mine["editor"]) - bool(others["editor"]) + bool(others["camera"]) - bool(mine["camera"])
    # Both name a day: what was made from the other is of a later one.
    hint += mine["taken"] > others["taken"] > 0
    hint -= 0 < mine["taken"] < others["taken"]
    if hint > 0:
        yield Finding(of, "metadata", METADATA * hint, 0.0, 1.0)
    if mine["noise"] > NOISE_FACTOR * others["noise"] + NOISE_MORE:
        yield Finding(of, "noise", 0.5, mine["noise"], others["noise"])
    loss, its_loss = _loss(mine, facts[0]), _loss(others, facts[1])
    if loss - its_loss > 0.1:
        yield Finding(
            of, "compression", min(loss - its_loss, 1.0), _steps(mine, facts[0]), _steps(others, facts[1])
        )
    if _rippled(mine, others) and tone < MOVED and not _palette(others, mine):
        yield Finding(of, "ripples", 0.2, mine["ripples"], others["ripples"])


def _function(
    of: int, mine: dict[str, float], others: dict[str, float], direction: Direction
) -> Iterator[Finding]:
    """A palette or a change of tone: the copy's colours follow from the source's, which has more of them."""
    if (
        not mine["colours"]
        or others["grid"] > GRID
        or (_rippled(others, mine) and not _palette(mine, others))
    ):
        return
    # Something laid over a part is no palette: that differs a little in many places, a tone everywhere.
    everywhere = direction.differ > 0.3 or (
        direction.spread > 0.5 and (direction.change < PALETTE or _palette(mine, others))
    )
    follows = direction.colours_both <= FUNCTION * others["colours"]
    dithered = mine["colours"] <= 256 and others["colours"] > 1.5 * mine["colours"]
    if everywhere and (follows or dithered) and mine["colours"] < FEWER * others["colours"]:
        yield Finding(of, "colours", 0.3, mine["colours"], others["colours"])


def _steps(mine: dict[str, float], facts: Facts) -> float:
    """Mean step of the quantisation that the file states; 0 for none at all, NaN where it is lossy and states none."""
    if facts.lossless and not mine["grid"] > GRID:
        return 0.0
    return mine["coarse"] if mine["coarse"] > 0 else float("nan")


def _rippled(mine: dict[str, float], others: dict[str, float]) -> bool:
    return mine["ripples"] > RIPPLES and mine["ripples"] > 3 * others["ripples"]


def _palette(mine: dict[str, float], others: dict[str, float]) -> bool:
    """Tell whether so few colours must be a palette: the soft edges of the flattest drawing have more."""
    return 0 < mine["colours"] <= FEW and others["colours"] > 4 * mine["colours"]


def _loss(mine: dict[str, float], facts: Facts) -> float:
    """What compression took, in octaves: nothing of a clean file, 0.3 of a JPEG at quality 95, 1 at quality 40."""
    if facts.lossless:
        return 0.3 if mine["grid"] > GRID else 0.0
    coarse = mine["coarse"]
    return 0.3 if not coarse > 0 else 0.3 + 0.2 * float(np.log2(max(coarse, 2.0) / 2.0))


def _detail(direction: Direction, found: list[Finding]) -> Iterator[Finding]:
    """Octaves of detail that one has more, and pixels without detail of the one that was enlarged."""
    more, enlarged = [], [0.0, 0.0]
    # Outlines against another ground are steeper or flatter than the drawing is sharp.
    blurred = BLURRED if np.isnan(direction.ground_row) else 2 * BLURRED
    for octaves, scale in ((direction.detail_x, direction.scale_x), (direction.detail_y, direction.scale_y)):
        if not np.isfinite(octaves):
            continue
        # Octaves of pixels that the row has more.
        pixels = -float(np.log2(max(scale, 1e-6)))
        if abs(pixels) < ONE_SIZE:
            more.append(octaves if abs(octaves) > blurred else 0.0)
        elif _real(octaves * float(np.sign(pixels)), abs(pixels), direction.explained):
            more.append(octaves)
        else:
            larger = 0 if pixels > 0 else 1
            enlarged[larger] = max(enlarged[larger], abs(pixels))
            # Softer than a mere upscale: blurred as well.
            less = -octaves * np.sign(pixels)
            more.append(octaves if less > blurred else 0.0)
    if not np.isnan(direction.ground_row) and len(more) == 2 and min(abs(octaves) for octaves in more) == 0:
        more.clear()
    noisy = {each.of for each in found if each.criterion == "noise"}
    if more and abs(gain := float(np.mean(more))) > 0.05:
        of = 1 if gain > 0 else 0
        # Noise is steep, too.
        if 1 - of not in noisy or enlarged != [0.0, 0.0] or abs(gain) > 2:
            yield Finding(of, "detail", abs(gain), 2.0 ** -abs(gain), 1.0)
    for of in (0, 1):
        if enlarged[of] > 0:
            yield Finding(of, "enlarged", 0.6, 2.0 ** enlarged[of], 1.0)


def _real(octaves: float, pixels: float, explained: float) -> bool:
    """Tell whether a picture with octaves of more pixels has detail of its own in them."""
    if explained < ENLARGED:
        return False
    # What an enlargement does not explain at all may have been sampled without care: that keeps edges steep.
    share = NOT_EXPLAINED if explained > 0.95 and pixels > 0.5 else REAL
    return octaves > share * min(pixels, 1.0)
