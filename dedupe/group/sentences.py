"""Reasons in words: each a true sentence with the value of the copy and that of the kept one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from dedupe.group.originals import Reason

# Centres beyond these shares of a side are at its edge.
NEAR, FAR = 0.38, 0.62

KINDS = {
    "crop": "cropped",
    "border": "with a border",
    "margin": "without their margin",
    "cover": "with a bar or patch",
    "writing": "with writing or a mark",
    "pixelation": "pixelated or blurred in part",
    "grey": "grey",
    "tint": "in one tint",
    "clipped": "clipped",
    "ground": "on another ground",
    "alpha": "without their transparency",
    "noise": "noisy",
    "compression": "compressed",
    "ripples": "with traces of compression",
    "colours": "of fewer colours",
    "detail": "of less detail",
    "enlarged": "enlarged",
    "mirrored": "mirrored",
    "proportion": "stretched",
    "rotation": "turned",
    "tone": "of another tone",
    "pixels": "smaller",
    "metadata": "edited",
}
"""What a copy is called by the criterion that spoke most against it."""


def sentence(reason: Reason) -> str:
    """Return why a copy was not kept."""
    value, kept = reason.value, reason.kept_value
    match reason.criterion:
        case "crop":
            return f"cropped: it shows {value:.1%} of the drawing, the kept copy {kept:.0%}"
        case "border":
            return f"{value:.0%} of its area is a border around the picture, {kept:.0%} of the kept copy's"
        case "margin":
            return f"a plain margin was cut off that is {kept:.0%} of the kept copy's area, {value:.0%} of its own"
        case "cover":
            return f"a bar or patch lies {place(reason)}, on {value:.1%} of the picture; on the kept copy {_none(kept)}"
        case "writing":
            where = f"{place(reason)}, on {value:.1%} of the picture"
            return f"writing or a mark lies {where}; on the kept copy {_none(kept)}"
        case "pixelation":
            return f"pixelated or blurred {place(reason)}, on {value:.1%} of the picture; the kept copy {_none(kept)}"
        case "grey":
            return f"grey: its channels differ by {value:.0%}, those of the kept copy by {kept:.0%}"
        case "tint":
            return f"in one tint: its channels differ by {value:.0%}, those of the kept copy by {kept:.0%}"
        case "clipped":
            return (
                f"{value:.1%} of its area is clipped where the kept copy has shades, {kept:.1%} the other way"
            )
        case "ground":
            return f"its plain ground was replaced: {value:.2f} of white or halo, {kept:.2f} in the kept copy"
        case "alpha":
            return "it has lost the transparency of the kept copy"
        case "noise":
            return f"noise of {value:.1f} grey levels, {kept:.1f} in the kept copy"
        case "compression":
            return f"compressed {_steps(value)}, the kept copy {_steps(kept)}"
        case "ripples":
            return f"{value:.1%} of its area ripples where the kept copy is flat, {kept:.1%} the other way"
        case "colours":
            return f"{value:.0f} colours where the kept copy has {kept:.0f}"
        case "detail":
            return f"{value:.0%} of the detail of the kept copy ({kept:.0%})"
        case "enlarged":
            return f"enlarged {value:.2f} times with no more detail than the kept copy at {kept:.0f}"
        case "mirrored":
            return f"mirrored against {_most(kept)}"
        case "proportion":
            return f"stretched {np.exp(value):.2f} times against {_most(kept)}"
        case "rotation":
            return f"turned by {value:.1f} degrees against {_most(kept)}"
        case "tone":
            return f"of another tone than {_most(kept)}"
        case "pixels":
            return f"{value:.0f} pixels, {kept:.0f} in the kept copy; the files could not be compared"
        case "metadata":
            return "its file names an editing program or a later day, or the kept copy's a camera"
        case _:
            return _by_criterion(reason)


def _by_criterion(reason: Reason) -> str:
    own, its = reason.words
    if reason.criterion == "first":
        return "nothing tells it from the kept copy, which was seen earlier"
    values = f"{own or 'none'}, {its or 'none'} there"
    return f"nothing in the pixels tells it from the kept copy; {reason.criterion}: {values}"


def kept_sentence(reasons: Iterable[Reason]) -> str:
    """Return why a copy was kept, from the reasons of the others."""
    given = list(reasons)
    kinds = Counter(KINDS.get(each.criterion, "") for each in given if not each.undecided)
    told = [f"{count} {kind}" for kind, count in kinds.most_common() if kind]
    open_ones = sum(each.undecided for each in given)
    if open_ones:
        told.append(f"{open_ones} that the pixels do not tell from it")
    return f"kept of {len(given) + 1}; the others are {', '.join(told)}" if told else "kept"


def place(reason: Reason) -> str:
    """Return where on a copy something lies, in words."""
    if np.isnan(reason.x) or np.isnan(reason.y):
        return "on it"
    down = "upper" if reason.y < NEAR else "lower" if reason.y > FAR else ""
    across = "left" if reason.x < NEAR else "right" if reason.x > FAR else ""
    if down and across:
        return f"at the {down} {across}"
    if down:
        return f"at the {'top' if down == 'upper' else 'bottom'}"
    return f"at the {across}" if across else "in the middle"


def _none(value: float) -> str:
    return "none" if not value > 0 else f"{value:.1%}"


def _steps(value: float) -> str:
    if np.isnan(value):
        return "by a lossy format"
    return f"in steps of {value:.1f} levels" if value > 0 else "not at all"


def _most(count: float) -> str:
    return f"{count:.0f} of the copies"
