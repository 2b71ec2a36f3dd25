"""What to do next: what would bring more coverage, from the figures of the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ui.report.arrivals import Arrivals
from ui.terminal.summary import AVATARS_ALONE, REAL_MODEL, command
from ui.wording import counted

LISTED = 6


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do: what, why it helps, and the command for it, if there is one."""

    title: str
    why: str
    command: str = ""


def next_steps(
    given: str,
    came: Arrivals,
    labels: Mapping[str, Any],
    duplicates: Mapping[str, Any],
    avatars_alone: bool,
) -> list[Step]:
    """Return the steps, those that give most first; ``given`` is how the store was named.

    ``avatars_alone``: the vectors come from the bundled encoder.
    """
    review = command("review", "--store", given)
    steps = []
    attributes = labels.get("attributes", {})
    if avatars_alone:
        why = f"{AVATARS_ALONE} that of the command.".replace("\n", " ")
        steps.append(
            Step("Take an encoder for your pictures", why, command("run", "--store", given, *REAL_MODEL))
        )
    if not labels:
        steps.append(Step("Label the items", "No item has a label yet.", command("run", "--store", given)))
    steps += _unlearned(attributes, review) + _abstaining(attributes, review) + _coverage(attributes, review)
    if count := labels.get("counts", {}).get("noise"):
        why = f"{counted(count, 'tag looks|tags look')} wrong or missing; each that is put right counts for others."
        steps.append(
            Step("Review doubtful tags (queues 'Contradicted tags' and 'Missing tags')", why, review)
        )
    if undecided := duplicates.get("copies that the pixels do not tell from the kept one"):
        why = f"Of {counted(undecided, 'copy|copies')} the pixels do not say which one is the original."
        steps.append(Step("Look at groups without a clear original", why, review))
    if came.refusals:
        first = came.refusals[0]
        why = f"The most frequent reason, {counted(first.count, 'file|files')}: {first.reason}."
        steps.append(Step("Mend or leave refused files", why, command("status", "--store", given)))
    steps.append(
        Step(
            "Measure the true precision (queue 'Audit')",
            "A random sample of inferred labels, decided by hand, gives an interval that no tag can bias.",
            review,
        )
    )
    steps.append(Step("Write the data set", "As it is now.", command("export", "OUT", "--store", given)))
    return steps


def _unlearned(attributes: Mapping[str, Any], review: str) -> list[Step]:
    lacking = {
        each["title"]: each["held_out"]["items_needed"]
        for each in attributes.values()
        if each["held_out"].get("reason") and each["held_out"].get("items_needed")
    }
    if not lacking:
        return []
    said = ", ".join(
        f"{title} ({items:,} more)" for title, items in sorted(lacking.items(), key=lambda p: p[1])
    )
    why = f"Nothing can be inferred yet, because too few items have a label: {said}."
    return [Step("Label a few items of attributes that have almost none", why, review)]


def _abstaining(attributes: Mapping[str, Any], review: str) -> list[Step]:
    """Return the values that would be given if they had some more labelled items, the cheapest first."""
    values = [
        (value["items_needed"], f"{each['title']}: {value['value']} ({value['items_needed']:,} more)")
        for each in attributes.values()
        for value in each["held_out"].get("values", ())
        if value.get("items_needed")
    ]
    if not values:
        return []
    shown = ", ".join(text for _, text in sorted(values)[:LISTED])
    more = f", and {len(values) - LISTED:,} other values" if len(values) > LISTED else ""
    why = f"{counted(len(values), 'value is|values are')} never inferred for want of examples: {shown}{more}."
    return [Step("Label examples of rare values (queue 'Balanced')", why, review)]


def _coverage(attributes: Mapping[str, Any], review: str) -> list[Step]:
    """Return the attributes that answer least, with the threshold that keeps them from answering more."""
    weak = sorted(
        (each["held_out"]["coverage"], each["title"], each["held_out"]["target_precision"])
        for each in attributes.values()
        if each["held_out"].get("coverage") is not None and each["held_out"]["coverage"] < 0.7
    )
    if not weak:
        return []
    shown = ", ".join(f"{title} ({coverage:.0%})" for coverage, title, _ in weak[:LISTED])
    why = f"Attributes that answer for few of the held-out items at the precision asked for: {shown}."
    return [
        Step("Review unlabelled items, most useful first, of the attributes that answer least", why, review)
    ]
