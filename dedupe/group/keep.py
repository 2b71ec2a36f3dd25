"""Which copy of an artwork stays, by an ordered list of criteria from the settings, with the reason in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from schema.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Copy:
    """What the choice looks at: ``width``, ``height`` in pixels, ``border`` a share of the area, ``sharpness`` in grey
    levels squared, ``tags`` a count, ``source`` its number, ``overlay`` whether a watermark was seen on it."""

    row: int
    width: int
    height: int
    lossless: bool
    border: float
    sharpness: float
    tags: int
    source: int
    overlay: bool = False

    @property
    def content(self) -> float:
        """Pixels inside the uniform border."""
        return self.width * self.height * (1.0 - min(self.border, 0.99))


# Steps below which two copies count as equal, so that the next criterion is asked: a re-encoded border moves the
# measured content by a few percent, JPEG moves sharpness by about a tenth.
CONTENT_STEP = 1.10
SHARPNESS_STEP = 1.15


def _resolution(a: Copy, b: Copy) -> float:
    larger, smaller = max(a.content, b.content, 1.0), max(min(a.content, b.content), 1.0)
    return 0.0 if larger < smaller * CONTENT_STEP else a.content - b.content


def _sharpness(a: Copy, b: Copy) -> float:
    larger, smaller = max(a.sharpness, b.sharpness), max(min(a.sharpness, b.sharpness), 1e-6)
    return 0.0 if larger < smaller * SHARPNESS_STEP else a.sharpness - b.sharpness


Compare = Callable[[Copy, Copy], float]


def criteria(names: Sequence[str], sources: Sequence[int] = ()) -> list[tuple[str, Compare]]:
    """Return the named criteria as functions of two copies: above zero where the first is better.

    Raises SettingsError that lists the known names.
    """
    rank = {source: place for place, source in enumerate(sources)}
    known: dict[str, Compare] = {
        "resolution": _resolution,
        "lossless": lambda a, b: float(a.lossless) - float(b.lossless),
        "border": lambda a, b: 0.0 if abs(a.border - b.border) < 0.02 else b.border - a.border,
        "watermark": lambda a, b: float(b.overlay) - float(a.overlay),
        "sharpness": _sharpness,
        "tags": lambda a, b: float(a.tags - b.tags),
        "source": lambda a, b: float(rank.get(b.source, len(rank)) - rank.get(a.source, len(rank))),
        "first": lambda a, b: float(b.row - a.row),
    }
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SettingsError(
            f"dedupe.keep names the unknown criterion {unknown[0]!r}", f"Known criteria: {', '.join(known)}"
        )
    return [(name, known[name]) for name in dict.fromkeys([*names, "first"])]


def choose(copies: Sequence[Copy], policy: Sequence[tuple[str, Compare]]) -> tuple[Copy, dict[int, str]]:
    """Return the copy that stays and, for every row, why: the first criterion that tells it from the kept one.

    Criteria filter one after the other, so the choice does not depend on the order of the copies.
    """
    left = list(copies)
    for _, compare in policy:
        best = left[0]
        for copy in left[1:]:
            if compare(copy, best) > 0:
                best = copy
        left = [copy for copy in left if compare(best, copy) <= 0]
        if len(left) == 1:
            break
    kept = left[0]
    reasons = {}
    for copy in copies:
        if copy.row != kept.row:
            name = next((name for name, compare in policy if compare(kept, copy) > 0), "first")
            reasons[copy.row] = _lost(name, copy, kept)
    decisive = sorted({text.split(":")[0] for text in reasons.values()})
    reasons[kept.row] = f"kept of {len(copies)}: {', '.join(decisive)}" if decisive else "kept"
    return kept, reasons


def _lost(name: str, copy: Copy, kept: Copy) -> str:
    match name:
        case "resolution":
            return f"resolution: {copy.width}x{copy.height} < {kept.width}x{kept.height}"
        case "lossless":
            return "lossless: a lossy copy of a lossless one"
        case "border":
            return f"border: {copy.border:.0%} of the area is border, {kept.border:.0%} in the kept one"
        case "watermark":
            return "watermark: an overlay that the kept one does not have"
        case "sharpness":
            return f"sharpness: {copy.sharpness:.0f} < {kept.sharpness:.0f}"
        case "tags":
            return f"tags: {copy.tags} < {kept.tags}"
        case "source":
            return f"source: {copy.source} ranks behind {kept.source}"
        case _:
            return "first: seen later"
