"""What ``likeness diff`` prints: what changed between two exports, and what differs in what they were made from."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ui.terminal.tables import clean, table
from ui.wording import counted

if TYPE_CHECKING:
    from curate.export.earlier.diff import Difference

LISTED = 30


def difference_text(found: Difference) -> str:
    """Return the difference in words and tables."""
    before, after = found.items
    lines = [f"{counted(before, 'item|items')} before, {after:,} after"]
    if found.is_empty:
        lines.append("the same items with the same labels, captions and splits")
    for title, reasons in (("gone", found.gone), ("new", found.new)):
        if reasons:
            lines += [
                f"{title}: {sum(reasons.values()):,}{_examples(found, title)}",
                _reasons(title, reasons),
            ]
    if found.moved:
        rows = [(f"{a} -> {b}", count) for (a, b), count in found.moved.most_common()]
        lines += [f"other split: {sum(found.moved.values()):,}", table(["split", "items"], rows, indent=2)]
    if found.captions:
        lines.append(
            f"{counted(found.captions, 'other caption|other captions')}{_examples(found, 'caption')}"
        )
    changed = [(name, each) for name, each in found.labels.items() if each.total]
    if changed:
        rows_of = [
            (
                name, each.gained, each.lost, each.other,
                ", ".join(f"{source} {count:,}" for source, count in each.sources.most_common(4)),
            )
            for name, each in changed
        ]  # fmt: skip
        lines += [
            "labels",
            table(["attribute", "gained", "lost", "other value", "said now by"], rows_of, indent=2),
        ]
    if found.why:
        rows_why = [(clean(what), clean(old), clean(new)) for what, old, new in found.why[:LISTED]]
        lines += ["made from", table(["what", "before", "after"], rows_why, indent=2)]
        if len(found.why) > LISTED:
            lines.append(f"  and {len(found.why) - LISTED:,} more")
    return "\n".join(lines)


def _reasons(title: str, reasons: Counter[str]) -> str:
    head = "why it is not in the second" if title == "gone" else "why it was not in the first"
    return table(
        [head, "items"], [(clean(reason), count) for reason, count in reasons.most_common()], indent=2
    )


def _examples(found: Difference, kind: str) -> str:
    kept = found.examples.get(kind, [])
    return f", such as {kept[0]}" if kept else ""
