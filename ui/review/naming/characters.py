"""What the page Characters shows: look-alikes without a name, doubtful names, pictures unlike the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from label.names.profiles import Unlike, unlike
from schema.arrays import Rows
from schema.columns.names import CHARACTER
from schema.records import Decision
from ui.review import actions
from ui.review.workspace import Workspace
from ui.wording import counted

DOUBTFUL = 0.5
"""A stated name that is more likely wrong than right is shown."""

EXAMPLES = 3
"""Pictures that show what a name looks like."""


@dataclass(frozen=True, slots=True)
class UnknownGroup:
    """Look-alikes whom nobody has named: the rows without a decision, ascending."""

    group: str
    rows: Rows


@dataclass(frozen=True, slots=True)
class DoubtfulName:
    """A picture whose stated name is probably wrong, and the most likely other one (None: a stranger)."""

    row: int
    names: tuple[str, ...]
    suggested: str | None
    probability: float


def unknown_groups(workspace: Workspace) -> list[UnknownGroup]:
    """Return the groups of look-alikes without a name, the biggest first; what reviewers have named is gone."""
    stored = workspace.cached("unknown characters", ("names",), lambda: _unknown(workspace))
    decided = _decided(workspace)
    left = [UnknownGroup(each.group, each.rows[~np.isin(each.rows, decided)]) for each in stored]
    return sorted((each for each in left if len(each.rows)), key=lambda each: (-len(each.rows), each.group))


def doubtful_names(workspace: Workspace) -> list[DoubtfulName]:
    """Return the stated names that are probably wrong, the surest first; what reviewers have judged is gone."""
    stored = workspace.cached("doubtful names", ("names",), lambda: _doubtful(workspace))
    decided = set(_decided(workspace).tolist())
    return [each for each in stored if each.row not in decided]


def unlike_rest(workspace: Workspace) -> list[Unlike]:
    """Return the pictures whose attributes are not the usual ones of their character."""
    found = workspace.cached(
        "unlike the rest", ("names", "labels"), lambda: unlike(workspace.store, workspace.vocabulary)
    )
    reviewed = workspace.reviewed().labels
    return [
        each
        for each in found
        if (each.row, CHARACTER) not in reviewed and (each.row, each.attribute) not in reviewed
    ]


def known_names(workspace: Workspace) -> list[str]:
    """Return the names of all characters, those of reviewers too, the most frequent first."""
    stored: dict[str, int] = workspace.cached("character names", ("names",), lambda: _names(workspace))
    given = [
        value
        for (_, attribute), label in workspace.reviewed().labels.items()
        if attribute == CHARACTER
        for value in label.values
    ]
    counts = dict(stored)
    for name in given:
        counts[name] = counts.get(name, 0) + 1
    return sorted(counts, key=lambda name: (-counts[name], name))


def examples(workspace: Workspace) -> dict[str, list[int]]:
    """Return by name the rows of a few pictures of a single character that are not doubted."""
    return workspace.cached("pictures of names", ("names",), lambda: _examples(workspace))


def give_name(
    workspace: Workspace, rows: Sequence[int], name: str | None, reviewer: str, as_of: int
) -> actions.Written:
    """Write a reviewer's decision that these pictures show ``name``, or somebody without one (None).

    Raises ReviewConflict when somebody has decided on one of them after log position ``as_of``.
    """
    ids = workspace.store.take("items", list(rows), ["row", "item_id"]).to_pylist()
    shown = name.strip() if name else None
    decisions = [Decision(each["row"], each["item_id"], "label", CHARACTER, shown or None) for each in ids]
    text = f"{shown or 'no name'} for {counted(len(ids), 'picture|pictures')}"
    return actions.write(workspace, decisions, reviewer, as_of, text)


def _decided(workspace: Workspace) -> Rows:
    rows = [row for row, attribute in workspace.reviewed().labels if attribute == CHARACTER]
    return np.array(sorted(rows), np.int64)


def _unknown(workspace: Workspace) -> list[UnknownGroup]:
    groups: dict[str, list[int]] = {}
    if workspace.store.has("names"):
        for batch in workspace.store.scan("names", ["row", "unknown_character"]):
            kept = batch.filter(pc.is_valid(batch["unknown_character"]))
            for row, group in zip(*(column.to_pylist() for column in kept.columns), strict=True):
                groups.setdefault(group, []).append(row)
    return [UnknownGroup(group, np.array(rows, np.int64)) for group, rows in groups.items()]


def _doubtful(workspace: Workspace) -> list[DoubtfulName]:
    found: list[DoubtfulName] = []
    if workspace.store.has("names"):
        columns = ["row", CHARACTER, f"{CHARACTER}_suggested", f"{CHARACTER}_doubt"]
        for batch in workspace.store.scan("names", columns):
            kept = batch.filter(pc.greater_equal(batch[f"{CHARACTER}_doubt"], DOUBTFUL))
            for row, names, suggested, doubt in zip(*(c.to_pylist() for c in kept.columns), strict=True):
                found.append(DoubtfulName(row, tuple(names or ()), suggested, doubt))
    return sorted(found, key=lambda each: (-each.probability, each.row))


def _examples(workspace: Workspace) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    if workspace.store.has("names"):
        for batch in workspace.store.scan("names", ["row", CHARACTER, f"{CHARACTER}_doubt"]):
            single = pc.equal(pc.list_value_length(batch[CHARACTER]), 1)
            calm = pc.less(pc.fill_null(batch[f"{CHARACTER}_doubt"], 0.0), DOUBTFUL)
            kept = batch.filter(pc.and_(pc.fill_null(single, False), calm))
            names = pc.list_flatten(kept[CHARACTER]).to_pylist()
            for row, name in zip(kept["row"].to_pylist(), names, strict=True):
                rows = found.setdefault(name, [])
                if len(rows) < EXAMPLES:
                    rows.append(row)
    return found


def _names(workspace: Workspace) -> dict[str, int]:
    counts: dict[str, int] = {}
    if workspace.store.has("names"):
        for batch in workspace.store.scan("names", [CHARACTER]):
            for each in pc.value_counts(pc.list_flatten(batch[CHARACTER])).to_pylist():
                counts[each["values"]] = counts.get(each["values"], 0) + each["counts"]
    return counts
