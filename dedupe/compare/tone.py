"""Changes of a whole picture that leave it the same artwork: brightness, gamma, contrast, saturation, grey, tinted.

Each is a map of colours with one or two parameters that must hold everywhere. A recoloured region is none of these:
skin, hair or cloth moves and the rest stays. A free map of colours would explain both, so there is none here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dedupe.compare.image import largest
from schema.arrays import Floats32

Colours = Floats32

# Rec. 601, what image programs use for 'greyscale'.
LUMA = np.asarray([0.299, 0.587, 0.114], dtype=np.float32)
# Colours that span this much of a channel, moved by the same map, are witnesses enough of it.
APART = 0.3
MOVED = 0.03
# ... unless they are mostly one colour, with the mixed pixels of its outline. A gain scales all channels alike and so
# is hard to mistake; a curve through one colour always exists.
MOST = {"brightness": 0.75, "saturation": 0.75, "grey": 0.75}
MOST_OF_CURVES = 0.45
CURVES = ("gamma", "grey")
# Share of all places that are of other colours than the commonest one and moved, and of these that land.
FEWEST_OTHERS, OTHERS_LAND = 0.1, 0.92
# A tone leaves less than this share of what differs: pictures that hardly differ come a little nearer under any curve.
EXPLAINS = 0.5
LINE_ROUNDS = 6


@dataclass(frozen=True, slots=True)
class Tone:
    """A named map of colours [..., 3]; ``backwards`` when it takes the other picture to the reference; ``grey`` when
    only the lightness of both is compared."""

    name: str
    apply: Callable[[Colours], Colours]
    backwards: bool = False
    grey: bool = False


def same(colours: Colours) -> Colours:
    """Return colours as they are."""
    return colours


NONE = Tone("none", same)


def luma(colours: Colours) -> Colours:
    """Return the luma of colours [..., 3], as [..., 1]."""
    found: Colours = (colours @ LUMA)[..., None]
    return found


# Kinds of tone (cells.py) that speak for those fitted here: a line through the colours comes near every curve.
FAMILIES = {
    "contrast": ("contrast", "brightness", "offset", "gamma"),
    "brightness": ("brightness",),
    "gamma": ("gamma",),
    "saturation": ("saturation",),
    "grey": ("grey",),
}


def fit_tones(a: Floats32, b: Floats32, kinds: Iterable[str] = tuple(FAMILIES)) -> list[Tone]:
    """Return the maps between colours ``a`` and ``b``, [n, 3] of the same places, that are worth a look, best first.

    Only those of these ``kinds`` are looked at (FAMILIES).
    """
    names = {name for kind in kinds for name in FAMILIES[kind]}
    before = _error(a, b)
    found = []
    for backwards, x, y in ((False, a, b), (True, b, a)):
        for tone in (*_one_parameter(x, y, names), *(_grey(x, y) if "grey" in names else ())):
            error = _error(tone.apply(x), luma(y).repeat(3, axis=1) if tone.grey else y)
            if (
                error < 0.05
                and error < EXPLAINS * before
                and (tone.grey or witnessed(tone.name, tone.apply, x, y))
            ):
                found.append((error, Tone(tone.name, tone.apply, backwards, tone.grey)))
    found.sort(key=lambda pair: pair[0])
    # The better direction of each first: contrast both ways would hide a gain that clips.
    first = {tone.name: tone for _, tone in reversed(found)}
    chosen = [tone for _, tone in found if first[tone.name] is tone]
    return chosen + [tone for _, tone in found if first[tone.name] is not tone]


def witnessed(name: str, apply: Callable[[Colours], Colours], a: Colours, b: Colours) -> bool:
    """Tell whether a map moves colours far apart from each other and nearly all of them land where it says.

    One moved colour with its shades is a recoloured region, not a tone.
    """
    goal = apply(a)
    moved = largest(np.abs(goal - a)) > MOVED
    if float(moved.mean()) < 0.02:
        return False
    landed = largest(np.abs(goal - b))[moved] < 0.06
    if float(landed.mean()) < 0.65:
        return False
    seen = a[moved][landed]
    low, high = np.quantile(seen, (0.04, 0.96), axis=0)
    code = (np.clip(seen, 0, 0.999) * 6).astype(np.int64) @ np.asarray([36, 6, 1])
    commonest = np.median(seen[code == np.bincount(code).argmax()], axis=0)
    near = largest(np.abs(seen - commonest)) < 0.1
    if bool((high - low).max() > APART and float(near.mean()) < MOST.get(name, MOST_OF_CURVES)):
        return True
    # A large plain ground is most of what moved. Then the other colours are asked without it, and more strictly: not
    # for curves, which are bent to fit.
    if name in CURVES:
        return False
    rest = largest(np.abs(a[moved] - commonest)) >= 0.1
    if float(rest.sum()) < FEWEST_OTHERS * len(a) or float(landed[rest].mean()) < OTHERS_LAND:
        return False
    low, high = np.quantile(a[moved][rest], (0.04, 0.96), axis=0)
    return bool((high - low).max() > APART)


def _error(mapped: Colours, goal: Colours) -> float:
    """Mean of the largest channel's difference, the worst twentieth left out."""
    off = largest(np.abs(mapped - goal))
    count = max(1, int(0.95 * len(off)))
    return float(np.partition(off, count - 1)[:count].mean())


def _one_parameter(a: Floats32, b: Floats32, names: set[str]) -> list[Tone]:
    found = []
    inner = (a > 0.05) & (a < 0.97) & (b > 0.02) & (b < 0.97)
    if names - {"saturation", "grey"} and int(inner.sum()) > 30:
        x, y = a[inner], b[inner]
        if "brightness" in names:
            found.append(_fit("brightness", _gain, float(np.median(y / x)), (0.5, 2.0), 0.06, a, b))
        if "gamma" in names:
            gamma = float(np.median(np.log(y) / np.log(x)))
            found.append(_fit("gamma", _gamma, gamma, (0.4, 2.5), 0.06, a, b))
        if "offset" in names:
            found.append(_fit("offset", _offset, float(np.median(y - x)), (-0.3, 0.3), 0.03, a, b))
        if "contrast" in names:
            found += _line(x, y)
    if "saturation" in names:
        chroma = a - luma(a)
        power = float((chroma**2).sum())
        if power > 1e-3 * len(a):
            rate = float((chroma * (b - luma(b))).sum() / power)
            found.append(_fit("saturation", _saturation, rate, (0.0, 2.0), 0.06, a, b))
    return found


def _line(x: Floats32, y: Floats32) -> list[Tone]:
    """Contrast and brightness together: one line for all channels, of least absolute error over values [n]."""
    own, its = x.astype(np.float64), y.astype(np.float64)
    weight = np.ones(len(own))
    slope, offset = 1.0, 0.0
    for _ in range(LINE_ROUNDS):
        mass = weight.sum()
        mean_x, mean_y = float(weight @ own) / mass, float(weight @ its) / mass
        heavy = weight * (own - mean_x)
        spread = float(heavy @ own)
        if spread < 1e-6 * mass:
            return []
        slope = float(heavy @ its) / spread
        offset = mean_y - slope * mean_x
        weight = 1.0 / np.maximum(np.abs(its - offset - slope * own), 0.01)
    if not (0.5 <= slope <= 2.0 and abs(offset) <= 0.5):
        return []
    factor, shift = np.float32(slope), np.float32(offset)
    return [Tone("contrast", lambda colours: np.clip(colours * factor + shift, 0, 1))]


def _fit(
    name: str,
    function: Callable[[Colours, Any], Colours],
    start: float,
    bounds: tuple[float, float],
    width: float,
    a: Colours,
    b: Colours,
) -> Tone:
    """Return the map of a family with the smallest error near a start, clipping included."""
    low, high = bounds
    best = min(max(start, low), high)
    # One number is fitted: a third of the places says it as well.
    a, b = a[::3], b[::3]
    for step in (width, width / 4):
        grid = np.clip(best + step * np.arange(-3, 4), low, high)
        mapped = function(a, grid.astype(np.float32)[:, None, None])
        best = float(grid[int(np.abs(mapped - b).mean(axis=(1, 2)).argmin())])
    chosen = np.float32(best)
    return Tone(name, lambda x: function(x, chosen))


# ``value`` is one number or an array [g, 1, 1] of numbers to be tried on colours [n, 3].


def _gain(x: Colours, value: Any) -> Colours:
    found: Colours = np.clip(x * value, 0, 1)
    return found


def _gamma(x: Colours, value: Any) -> Colours:
    found: Colours = np.power(np.clip(x, 1e-4, 1), value)
    return found


def _offset(x: Colours, value: Any) -> Colours:
    found: Colours = np.clip(x + value, 0, 1)
    return found


def _saturation(x: Colours, value: Any) -> Colours:
    grey = luma(x)
    found: Colours = np.clip(grey + value * (x - grey), 0, 1)
    return found


def on_a_line(colours: Colours, tolerance: float = 0.05) -> bool:
    """Tell whether colours [n, 3] lie on one straight line from a dark to a light tint, clipped at 1.

    So do grey and sepia pictures. The channel that clips last says how far along the line a colour is.
    """
    free = (colours < 0.97).all(axis=1)
    if int(free.sum()) < 20:
        return float(np.quantile(np.ptp(colours, axis=1), 0.98)) < tolerance
    last = int(np.argmin(np.quantile(colours, 0.95, axis=0)))
    along = colours[:, last]
    basis = np.column_stack([np.ones(len(colours)), along])
    line = np.linalg.lstsq(basis[free], colours[free], rcond=None)[0]
    # Shades of one strong colour are no grey: dark ends are nearly black, and all channels rise together.
    if float(np.abs(line[0]).max()) > 0.2 or float(line[1].min()) < 0.4 or float(line[1].max()) > 2.5:
        return False
    off = np.abs(np.clip(basis @ line, 0, 1) - colours).max(axis=1)
    return bool(np.quantile(off, 0.97) < tolerance)


def _grey(a: Colours, b: Colours) -> list[Tone]:
    """The lightness of ``a`` scaled to that of ``b``, when b is a picture in shades of one tint."""
    if not on_a_line(b):
        return []
    x, y = luma(a)[:, 0].astype(np.float64), luma(b)[:, 0].astype(np.float64)
    weight = np.ones(len(x))
    offset, slope = 0.0, 1.0
    for _ in range(8):
        mass = weight.sum()
        mx, my = (weight @ x) / mass, (weight @ y) / mass
        heavy = weight * (x - mx)
        spread = (heavy @ (x - mx)) / mass
        slope = float(heavy @ (y - my) / mass / spread) if spread > 1e-5 else 1.0
        offset = float(my - slope * mx)
        # Weights of the least absolute error: a fifth of the area may be off.
        weight = 1.0 / np.maximum(np.abs(y - offset - slope * x), 0.01)
    if not (0.6 < slope < 1.6 and abs(offset) < 0.25):
        return []
    factor, shift = np.float32(slope), np.float32(offset)

    def apply(colours: Colours) -> Colours:
        found: Colours = np.clip(luma(colours) * factor + shift, 0, 1).repeat(3, axis=-1)
        return found

    # Taking all colours out is a change that no recoloured region makes; the tint lifts blacks and dims whites.
    plain = 0.7 < slope < 1.3 and abs(offset) < 0.17 and not on_a_line(a)
    plain |= abs(slope - 1) < 0.05 and abs(offset) < 0.03
    lightness, goal = luma(a).repeat(3, axis=1), luma(b).repeat(3, axis=1)
    return [Tone("grey", apply, grey=True)] if plain or witnessed("grey", apply, lightness, goal) else []
