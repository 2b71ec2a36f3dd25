"""Charts as SVG inside the page, with axes, ticks and the counts behind each point.

Written here and not by a plotting library: a page of thirty charts stays below 300 KB, needs no script, opens without
a network, and reads in dark and light. Everything that comes from outside is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from markupsafe import Markup, escape

from schema.numbers.statistics import interval

LEFT, RIGHT, TOP, BOTTOM = 52, 14, 14, 42
WIDTH, HEIGHT, FOOT = 400, 300, 66
"""Of a plot of measurements, whose foot holds the axis and a line of words."""
LONGEST = 34
"""Letters of the name of a bar; longer ones are cut."""
COLOURS = ("#2a6fdb", "#1d9a6c", "#c77700", "#8a8f98")


@dataclass(frozen=True, slots=True)
class Scale:
    """Data from ``low`` to ``high`` to pixels from ``first`` to ``last``."""

    low: float
    high: float
    first: float
    last: float

    def __call__(self, value: float) -> float:
        """Return where a value is drawn."""
        share = (value - self.low) / ((self.high - self.low) or 1)
        return self.first + share * (self.last - self.first)


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return round numbers between two, at most ``most`` of them: steps of 1, 2 or 5 times a power of ten."""
    span = (high - low) or 1
    step = 10 ** floor(log10(span / most))
    step = next(step * factor for factor in (1, 2, 5, 10) if span / (step * factor) <= most - 1)
    first = ceil(low / step - 1e-9)
    return [round(place * step, 10) for place in range(first, floor(high / step + 1e-9) + 1)]


def reliability(bins: Sequence[dict[str, float]]) -> Markup:
    """Return the reliability diagram: fraction correct over predicted probability, with 95 % intervals, and how many
    held-out predictions each point stands for.

    ``bins`` hold about as many predictions each; those within a tenth of probability are drawn as one point.
    """
    x, y = Scale(0, 1, LEFT, WIDTH - RIGHT), Scale(0, 1, HEIGHT - FOOT, TOP)
    parts = _axes(x, y, "Predicted probability", "Fraction correct")
    parts.append(_line([(x(0), y(0)), (x(1), y(1))], COLOURS[3], dashed=True))
    for probability, precision, count in _tenths(bins):
        low, high = interval(min(round(precision * count), count), count)
        at, middle = x(probability), y(precision)
        words = (
            f"probability {probability:.3f}: {precision:.1%} of {count:,} correct "
            f"(95 % interval {low:.1%} to {high:.1%})"
        )
        parts.append(
            Markup("<g><title>{}</title>{}<circle cx='{:.1f}' cy='{:.1f}' r='4.5' fill='{}'/></g>").format(
                words, _line([(at, y(low)), (at, y(high))], COLOURS[0]), at, middle, COLOURS[0]
            )
        )
        below = y(low) + 12 < HEIGHT - FOOT - 2
        parts.append(_text(at, y(low) + 12 if below else middle - 8, f"{count:,}", "middle", "faint small"))
    total = sum(round(each["items"]) for each in bins)
    words = f"{total:,} held-out predictions; numbers: those of a point"
    parts.append(_text(LEFT - 20, HEIGHT - 6, words, "start", "faint"))
    return _svg(WIDTH, HEIGHT, parts, "Reliability diagram")


def _tenths(bins: Sequence[dict[str, float]]) -> list[tuple[float, float, int]]:
    """Return (mean probability, precision, predictions) of the bins in each tenth of probability."""
    tenths: dict[int, list[dict[str, float]]] = {}
    for each in bins:
        tenths.setdefault(min(int(each["probability"] * 10), 9), []).append(each)
    points = []
    for _, own in sorted(tenths.items()):
        count = sum(each["items"] for each in own)
        probability = sum(each["probability"] * each["items"] for each in own) / count
        precision = sum(each["precision"] * each["items"] for each in own) / count
        points.append((probability, precision, round(count)))
    return points


def precision_coverage(
    points: Sequence[Sequence[float]],
    items: int,
    target: float,
    accepted: tuple[int, float] | None,
) -> Markup:
    """Return the precision-coverage curve of ``items`` held-out predictions, with the target and where the labels are:
    how many are ``accepted``, each value by its own threshold, and their precision."""
    given = [] if accepted is None else [accepted[1]]
    lowest = min([target, *given, *(precision for _, precision in points)])
    floor_at = max(0.0, floor((lowest - 0.02) * 20) / 20)
    x, y = Scale(0, 1, LEFT, WIDTH - RIGHT), Scale(floor_at, 1, HEIGHT - FOOT, TOP)
    parts = _axes(x, y, "Coverage: share of predictions given", "Precision")
    parts.append(_line([(x(0), y(target)), (x(1), y(target))], COLOURS[2], dashed=True))
    parts.append(_text(x(0) + 4, y(target) + 13, f"target {target:g}", "start", "faint"))
    drawn = [(x(share), y(precision)) for share, precision in points]
    parts.append(_line(drawn, COLOURS[0], width=2))
    for (share, precision), (left, top) in zip(points, drawn, strict=True):
        words = f"the {round(share * items):,} most certain of {items:,}: {precision:.1%} correct"
        parts.append(
            Markup(
                "<circle cx='{:.1f}' cy='{:.1f}' r='4' fill-opacity='0'><title>{}</title></circle>"
            ).format(left, top, words)
        )
    words = f"{items:,} held-out predictions"
    if accepted is not None and items:
        count, precision = accepted
        left, top = x(count / items), y(precision)
        parts.append(
            Markup(
                "<circle cx='{:.1f}' cy='{:.1f}' r='6' fill='none' stroke='{}' stroke-width='2.5'>"
                "<title>{}</title></circle>"
            ).format(left, top, COLOURS[1], f"accepted: {count:,} of {items:,}, {precision:.1%} correct")
        )
        words += f"; ring: {count:,} given, {precision:.1%} correct"
    parts.append(_text(LEFT - 20, HEIGHT - 6, words, "start", "faint"))
    return _svg(WIDTH, HEIGHT, parts, "Precision-coverage curve")


def bars(rows: Sequence[tuple[str, float]], axis: str, width: int = 340) -> Markup:
    """Return a bar chart of counts by name, with the count at the end of each bar."""
    side = max((min(len(name), LONGEST) for name, _ in rows), default=1) * 6.6 + 14
    high = max((count for _, count in rows), default=1) or 1
    height = len(rows) * 22 + TOP + BOTTOM
    x = Scale(0, high, side, width - 60)
    parts = _x_axis(x, height - BOTTOM, "", whole=True)
    parts.append(_text(width / 2, height - BOTTOM + 32, axis, "middle", "axis"))
    for place, (name, count) in enumerate(rows):
        top = TOP + place * 22
        shown = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
        parts.append(_text(side - 6, top + 13, shown, "end"))
        parts.append(_bar(x(0), top + 2, x(count) - x(0), 16, COLOURS[0], f"{name}: {count:,.0f}"))
        parts.append(_text(x(count) + 4, top + 14, f"{count:,.0f}", "start", "faint"))
    return _svg(width, height, parts, axis)


def shares(rows: Sequence[tuple[str, Sequence[float]]], kinds: Sequence[str], total: int) -> Markup:
    """Return stacked bars: per name, the share of ``total`` that each kind has; what is left is unknown."""
    side, width = 150, 760
    height = len(rows) * 24 + TOP + BOTTOM + 18
    x = Scale(0, 1, side, width - 70)
    parts = _x_axis(x, height - BOTTOM - 18, f"Share of {total:,} pictures", percent=True)
    for place, (name, counts) in enumerate(rows):
        top, start = TOP + place * 24, 0.0
        parts.append(_text(side - 8, top + 14, name if len(name) <= 22 else f"{name[:21]}…", "end"))
        for kind, count, colour in zip(kinds, counts, COLOURS, strict=False):
            end = start + count / max(total, 1)
            words = f"{name}, {kind}: {count:,.0f} ({count / max(total, 1):.1%})"
            parts.append(_bar(x(start), top + 2, x(end) - x(start), 18, colour, words))
            start = end
        parts.append(_text(x(1) + 6, top + 14, f"{start:.0%}", "start", "faint"))
    left = float(side)
    for kind, colour in zip(kinds, COLOURS, strict=False):
        parts.append(_bar(left, height - 18, 11, 11, colour, kind))
        parts.append(_text(left + 15, height - 8, kind, "start"))
        left += 15 + 6.6 * len(kind) + 18
    return _svg(width, height, parts, "Labels by source")


def _axes(x: Scale, y: Scale, x_title: str, y_title: str) -> list[Markup]:
    parts = _x_axis(x, y.first, x_title)
    for value in ticks(y.low, y.high):
        parts.append(_line([(x.first, y(value)), (x.last, y(value))], "currentColor", faint=True))
        parts.append(_text(x.first - 6, y(value) + 4, f"{value:g}", "end"))
    middle = (y.first + y.last) / 2
    parts.append(
        Markup(
            "<text class='axis' text-anchor='middle' transform='translate(12 {:.1f}) rotate(-90)'>{}</text>"
        ).format(middle, y_title)
    )
    return parts


def _x_axis(x: Scale, bottom: float, title: str, whole: bool = False, percent: bool = False) -> list[Markup]:
    parts = [_line([(x.first, bottom), (x.last, bottom)], "currentColor")]
    for value in ticks(x.low, x.high):
        if whole and value != int(value):
            continue
        words = f"{value:.0%}" if percent else f"{value:,.0f}" if whole else f"{value:g}"
        parts.append(_line([(x(value), bottom), (x(value), bottom + 4)], "currentColor"))
        parts.append(_text(x(value), bottom + 16, words, "middle"))
    parts.append(_text((x.first + x.last) / 2, bottom + 32, title, "middle", "axis"))
    return parts


def _text(x: float, y: float, words: str, anchor: str, kind: str = "") -> Markup:
    return Markup("<text class='{}' x='{:.1f}' y='{:.1f}' text-anchor='{}'>{}</text>").format(
        kind, x, y, anchor, words
    )


def _bar(x: float, y: float, width: float, height: float, colour: str, words: str) -> Markup:
    return Markup(
        "<rect x='{:.1f}' y='{:.1f}' width='{:.1f}' height='{}' fill='{}'><title>{}</title></rect>"
    ).format(x, y, max(width, 0), height, colour, words)


def _line(
    points: Iterable[tuple[float, float]],
    colour: str,
    width: float = 1,
    dashed: bool = False,
    faint: bool = False,
) -> Markup:
    drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return Markup("<polyline points='{}' fill='none' stroke='{}' stroke-width='{}'{}{}/>").format(
        drawn,
        colour,
        width,
        Markup(" stroke-dasharray='5 4'") if dashed else "",
        Markup(" stroke-opacity='.13'") if faint else "",
    )


def _svg(width: int, height: int, parts: Iterable[Markup], title: str) -> Markup:
    return Markup(
        "<svg viewBox='0 0 {} {}' width='{}' height='{}' role='img' aria-label='{}'>{}</svg>"
    ).format(width, height, width, height, title, Markup("").join(escape(part) for part in parts))
