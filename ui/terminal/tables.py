"""Plain-text tables for the terminal: aligned, no colours, no box drawing, readable in a log file."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from schema.records import Summary

Cell = str | int | float | None
NOTES = 6
NOTE = 170


def cell(value: Cell) -> str:
    """Return a value as it stands in a table: thousands apart, shares with three digits, a dash for nothing."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace(",", " ")
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}".replace(",", " ")
    return clean(value)


def clean(text: str) -> str:
    """Return text on one line without control characters: file names and tags go to the terminal as they are."""
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


def stage_line(summary: Summary) -> str:
    """Return one line that says what a stage did."""
    if summary.skipped:
        return f"{summary.stage:<8} up to date"
    return f"{summary.stage:<8} {counts_line(summary.counts)}  ({seconds(summary.seconds)})"


def summary_table(summaries: Sequence[Summary]) -> str:
    """Return the table that ends a run: stage, what it did, time; then notes and failures by reason."""
    width = min(shutil.get_terminal_size((110, 24)).columns, 110) - 22
    lines = [f"{'stage':<9} {'what':<{width}} {'time':>8}", f"{'-' * 9} {'-' * width} {'-' * 8}"]
    for s in summaries:
        what = "up to date" if s.skipped else counts_line(s.counts)
        wrapped = textwrap.wrap(what, width) or [""]
        lines.append(f"{s.stage:<9} {wrapped[0]:<{width}} {seconds(s.seconds):>8}")
        lines.extend(" " * 10 + more for more in wrapped[1:])
        for note in (*(_cut(note) for note in s.notes[:NOTES]), *_more(s.notes)):
            lines.extend(
                " " * 10 + part for part in textwrap.wrap(f"- {clean(note)}", width, subsequent_indent="  ")
            )
    lines.append(f"{'total':<9} {'':<{width}} {seconds(sum(s.seconds for s in summaries)):>8}")
    failures = failure_table(summaries)
    return "\n".join(lines) + (f"\n\n{failures}" if failures else "")


def failure_table(summaries: Sequence[Summary]) -> str:
    """Return failures by stage and reason, the most frequent first; empty when there are none."""
    rows = [(s.stage, reason, count) for s in summaries for reason, count in s.failures.items()]
    if not rows:
        return ""
    rows.sort(key=lambda row: -row[2])
    return "failures (see: likeness status)\n" + table(["stage", "reason", "count"], rows, indent=2)


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


def _cut(note: str) -> str:
    return note if len(note) <= NOTE else note[: NOTE - 4].rsplit(" ", 1)[0] + " ..."


def _more(notes: Sequence[str]) -> list[str]:
    return [f"and {len(notes) - NOTES} more notes: likeness report"] if len(notes) > NOTES else []


def counts_line(counts: Mapping[str, Any]) -> str:
    """Return counts in a row; those of single attributes ('hair_color voted 12') are summed to one."""
    summed: dict[str, Any] = {}
    for name, value in counts.items():
        attribute, _, what = name.replace(":", "").rpartition(" ")
        if attribute and what in ("stated", "voted") and isinstance(value, int):
            summed[f"labels {what}"] = summed.get(f"labels {what}", 0) + value
        else:
            summed[name.replace("_", " ")] = value
    return ", ".join(f"{name} {cell(value)}" for name, value in summed.items()) or "nothing to do"
