"""Plain-text tables for the terminal: aligned, no colours, no box drawing, readable in a log file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ui.wording import number_text

Cell = str | int | float | None


def cell(value: Cell) -> str:
    """Return a value as it stands in a table: 1,204; shares with three digits; a dash for nothing."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number_text(value) if isinstance(value, int | float) else clean(value)


def clean(text: str) -> str:
    """Return text on one line without control characters: names and tags come from files, and could hold any."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in text)


def table(headings: Sequence[str], rows: Iterable[Sequence[Cell]], indent: int = 0) -> str:
    """Return an aligned table; numbers to the right, text to the left."""
    body = [list(row) for row in rows]
    texts = [[cell(value) for value in row] for row in body]
    widths = [max([len(h), *(len(row[i]) for row in texts)]) for i, h in enumerate(headings)]
    right = [
        bool(body) and all(v is None or isinstance(v, int | float) for v in column)
        for column in zip(*body, strict=True)
    ]
    right = right or [False] * len(headings)

    def line(values: Sequence[str]) -> str:
        padded = [v.rjust(w) if r else v.ljust(w) for v, w, r in zip(values, widths, right, strict=True)]
        return (" " * indent + "  ".join(padded)).rstrip()

    rule = " " * indent + "  ".join("-" * w for w in widths)
    return "\n".join([line(list(headings)), rule, *(line(row) for row in texts)])


def seconds(value: float) -> str:
    """Return a duration as people read it: 0.4 s, 12 s, 3 min 05 s, 2 h 07 min."""
    if value < 10:
        return f"{value:.1f} s"
    if value < 60:
        return f"{value:.0f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def counts_line(counts: Mapping[str, Any]) -> str:
    """Return all counts in a row: 'hash pairs 195, groups 60'."""
    return ", ".join(f"{clean(name.replace('_', ' '))} {cell(value)}" for name, value in counts.items())
