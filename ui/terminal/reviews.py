"""What the commands say of reviewers' decisions: what became of a replayed log, and values that no vocabulary has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from index.reviews.replay import Replayed, export_reviews, replay_reviews
from index.store import Store
from ui.terminal.tables import clean, table
from ui.wording import counted

if TYPE_CHECKING:
    from index.reviews.effective import EffectiveReviews

LISTED = 20


def carry_log(uri: str, replay: str | None, out: str | None, say: Callable[[str], None]) -> bool:
    """Take in a review log, write one, or both; return False where lines of the one taken in were not understood."""
    whole = True
    with Store.open(uri) as store:
        if replay:
            replayed = replay_reviews(store, replay)
            whole = not replayed.problems
            say(replayed_text(replayed))
        if out:
            say(f"wrote {export_reviews(store, out)} decisions to {out}")
    return whole


def replayed_text(replayed: Replayed) -> str:
    """Return what became of the lines of a log that was taken in."""
    lines = [f"replayed {counted(replayed.written, 'decision|decisions')}"]
    for number, words in (
        (replayed.known, "was here already|were here already"),
        (replayed.missing, "is about an item that this store does not have|"
         "are about items that this store does not have"),
        (replayed.late, "is older than what stands here, and left out|are older than what stands here, and left out"),
    ):  # fmt: skip
        if number:
            lines.append(f"  {counted(number, words)}")
    if replayed.problems:
        lines.append(f"{counted(len(replayed.problems), 'line cannot be used|lines cannot be used')}")
        lines += [f"  line {number}: {clean(reason)}" for number, reason in replayed.problems[:LISTED]]
        if len(replayed.problems) > LISTED:
            lines.append(f"  and {len(replayed.problems) - LISTED:,} more")
    return "\n".join(lines)


def unknown_text(effect: EffectiveReviews) -> str:
    """Return the reviewed values that the vocabulary does not have, with the number of items; empty without any."""
    counts: Counter[tuple[str, str]] = Counter()
    for (_, attribute), values in effect.unknown.items():
        counts.update((attribute, value) for value in values)
    if not counts:
        return ""
    rows = [(attribute, value, count) for (attribute, value), count in counts.most_common(LISTED)]
    more = f"\n  and {len(counts) - LISTED:,} more" if len(counts) > LISTED else ""
    return (
        "reviewed values that the vocabulary does not have; they are kept, and count once [renamed] in the vocabulary\n"
        "says what they are called now\n" + table(["attribute", "value", "items"], rows, indent=2) + more
    )
