"""What a selection says of itself: the funnel, splits, what classes lack, and what each gate costs by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from curate.select.candidates import Reasons
from schema.arrays import Ints32
from schema.records import Grid

LISTED = 12
COSTLIEST = 20
"""Classes that are kept for each gate in what it costs by class."""


def funnel_grid(funnel: Sequence[Sequence[Any]]) -> Grid:
    """Return the way from everything to the data set; steps that take nothing out are left out."""
    rows = [(name, -count if count else None, left) for name, count, left in funnel]
    shown = [row for place, row in enumerate(rows) if row[1] or not place]
    return Grid(("left out", "items", "left"), (*shown, ("selected", None, funnel[-1][2])))


def split_grid(facts: Mapping[str, Any]) -> Grid | None:
    """Return the sizes and shares of the splits."""
    total = sum(facts["splits"].values())
    if not total:
        return None
    asked = {"train": 1 - sum(facts["asked"].values()), **facts["asked"]}
    rows = tuple(
        (name, number, f"{number / total:.1%}", f"{asked[name]:.1%}")
        for name, number in facts["splits"].items()
    )
    return Grid(("split", "items", "share", "asked"), rows)


def shortfall_grid(facts: Mapping[str, Any]) -> Grid | None:
    """Return the classes that have fewer candidates than they should have had items."""
    short = facts.get("shortfalls")
    if not short:
        return None
    rows = tuple((name, wanted, has) for name, wanted, has in short[:LISTED])
    title = f"{facts['short']:,} of {facts['classes']:,} classes lack {facts['lacking']:,} items"
    return Grid((facts["by"], "should have", "has"), rows, title)


def cost_by_class(reasons: Reasons, classes: Ints32, names: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return for each gate the classes it takes most items of, as the first reason, with how many."""
    found = {}
    for code, name in enumerate(reasons.names):
        if not name.startswith(("gate: ", "held back: ")):
            continue
        counts = np.bincount(classes[reasons.code == code].astype(np.int64) + 1, minlength=len(names) + 1)
        most = np.argsort(-counts, kind="stable")[:COSTLIEST]
        labelled = ("", *names)
        found[name] = {labelled[at]: int(counts[at]) for at in most.tolist() if counts[at]}
    return found
