"""What the page Characters shows: look-alikes without a name, doubtful names, pictures unlike the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from index.store import Store
from label.names.profiles import Unlike, profiles
from schema.arrays import Rows
from schema.columns.names import CHARACTER, DOUBTFUL
from schema.records import Decision
from ui.review import actions
from ui.review.workspace import Workspace
from ui.wording import counted

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
    stored = workspace.cached("unknown characters", ("names",), lambda: unknown_rows(workspace.store))
    decided = _decided(workspace)
    left = [UnknownGroup(group, rows[~np.isin(rows, decided)]) for group, rows in stored.items()]
    return sorted((each for each in left if len(each.rows)), key=lambda each: (-len(each.rows), each.group))


def doubtful_names(workspace: Workspace) -> list[DoubtfulName]:
    """Return the stated names that are probably wrong, the surest first; what reviewers have judged is gone."""
    stored = workspace.cached("doubtful names", ("names",), lambda: _doubtful(workspace))
    decided = set(_decided(workspace).tolist())
    return [each for each in stored if each.row not in decided]


def unlike_rest(workspace: Workspace) -> list[Unlike]:
    """Return the pictures whose attributes are not the usual ones of their character."""
    found = workspace.cached(
        "unlike the rest", ("names", "labels"), lambda: profiles(workspace.store, workspace.vocabulary)[1]
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
    shown = name.strip() if name else None
    decisions = name_decisions(workspace.store, rows, shown or None)
    text = f"{shown or 'no name'} for {counted(len(decisions), 'picture|pictures')}"
    return actions.write(workspace, decisions, reviewer, as_of, text)


def name_decisions(store: Store, rows: Sequence[int] | Rows, name: str | None) -> list[Decision]:
    """Return the decisions that the pictures in these rows show ``name``, or somebody without one (None)."""
    records = store.take("items", rows, ["row", "item_id"]).to_pylist()
    return [Decision(each["row"], each["item_id"], "label", CHARACTER, name) for each in records]


def unknown_rows(store: Store) -> dict[str, Rows]:
    """Return the groups of look-alikes without a name, each with its rows ascending."""
    groups: dict[str, list[int]] = {}
    if store.has("names"):
        for batch in store.scan("names", ["row", "unknown_character"]):
            kept = batch.filter(pc.is_valid(batch["unknown_character"]))
            for row, group in zip(*(column.to_pylist() for column in kept.columns), strict=True):
                groups.setdefault(group, []).append(row)
    return {group: np.array(rows, np.int64) for group, rows in groups.items()}


def _decided(workspace: Workspace) -> Rows:
    rows = [row for row, attribute in workspace.reviewed().labels if attribute == CHARACTER]
    return np.array(sorted(rows), np.int64)


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
