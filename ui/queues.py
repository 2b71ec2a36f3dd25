"""What to review next: each queue is an order of rows for one attribute, made from the tables in one pass.

Decided items leave a queue as soon as they are decided; the order of the rest stays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from index.runs import Runs
from schema.vocabulary import Attribute
from ui.desk import Desk, Rows

LONGEST = 20_000
"""Items a queue holds; nobody reviews more in a sitting, and the next run makes new ones."""


@dataclass(frozen=True, slots=True)
class Column:
    """One attribute of all labelled items: values as codes (-1: none), confidence (nan: none), source by name."""

    rows: Rows
    codes: npt.NDArray[np.int32]
    values: list[str]
    confidence: npt.NDArray[np.float32]
    machine: npt.NDArray[np.bool_]
    tagged: npt.NDArray[np.bool_]


def column_of(desk: Desk, attribute: Attribute) -> Column:
    """Return one attribute as arrays; for a many-of attribute the first value stands for all. 14 bytes an item."""
    return desk.kept(f"column {attribute.name}", ("labels",), lambda: _column(desk, attribute))


def _column(desk: Desk, attribute: Attribute) -> Column:
    name = attribute.name
    rows, codes, confidence, machine, tagged = [], [], [], [], []
    index: dict[str, int] = {}
    for batch in desk.store.scan(
        "labels", ["row", name, f"{name}_confidence", f"{name}_source", "ambiguous"]
    ):
        rows.append(batch.column(0).to_numpy())
        said = batch.column(1).to_pylist()
        firsts = [v[0] if isinstance(v, list) and v else v or None for v in said]
        codes.append(
            np.array([-1 if v is None else index.setdefault(v, len(index)) for v in firsts], np.int32)
        )
        confidence.append(batch.column(2).to_numpy(zero_copy_only=False).astype(np.float32))
        sources = np.array(batch.column(3).to_pylist(), object)
        stated = np.isin(sources, np.array(("tag", "text"), object))
        tagged.append(stated)
        machine.append(~stated & (sources != "review") & (sources != None))  # noqa: E711 - element by element
    if not rows:
        none, off = np.empty(0, np.int64), np.empty(0, bool)
        return Column(none, none.astype(np.int32), [], none.astype(np.float32), off, off)
    return Column(
        np.concatenate(rows), np.concatenate(codes), list(index), np.concatenate(confidence), np.concatenate(machine),
        np.concatenate(tagged),
    )  # fmt: skip


def lowest_margin(desk: Desk, attribute: Attribute) -> Rows:
    """Machine labels, the least sure first."""
    column = column_of(desk, attribute)
    at = np.flatnonzero(column.machine & (column.codes >= 0))
    return column.rows[at[np.argsort(column.confidence[at], kind="stable")]]


def unlabelled(desk: Desk, attribute: Attribute) -> Rows:
    """Items without a label, those that most others have as neighbours first: one answer here moves most votes."""
    column = column_of(desk, attribute)
    at = np.flatnonzero(column.codes < 0)
    popular = _popularity(desk)
    order = np.argsort(-popular[column.rows[at]], kind="stable") if len(popular) else np.arange(len(at))
    return column.rows[at[order]]


def contradicted(desk: Desk, attribute: Attribute) -> Rows:
    """Tagged items whose neighbours say another value, the most contradicted first."""
    if desk.store.has("label_noise"):
        where = f"attribute = '{attribute.name}' AND kind = 'wrong'"
        found = desk.store.read("label_noise", ["row", "rank"], where).sort_by("rank")
        return np.array(list(dict.fromkeys(found["row"].to_pylist())), np.int64)
    column = column_of(desk, attribute)
    share = _agreement(desk, column)
    at = np.flatnonzero(column.tagged & (column.codes >= 0) & (share < 0.5))
    return column.rows[at[np.argsort(share[at], kind="stable")]]


def disagreeing(desk: Desk, attribute: Attribute) -> Rows:
    """Members of groups that hold more than one value, group by group."""
    from ui.clusters import stored_groups

    groups = stored_groups(desk)
    column = column_of(desk, attribute)
    codes = np.full(int(max(column.rows.max(initial=-1), groups.rows.max(initial=-1))) + 1, -1, np.int64)
    codes[column.rows] = column.codes
    got = codes[groups.rows]
    if not groups.count:
        return np.empty(0, np.int64)
    highest = np.maximum.reduceat(got, groups.starts[:-1])
    lowest = np.minimum.reduceat(np.where(got < 0, np.iinfo(np.int64).max, got), groups.starts[:-1])
    sizes = np.diff(groups.starts)
    return groups.rows[np.repeat((highest >= 0) & (lowest < highest), sizes)]


def newest(desk: Desk, attribute: Attribute) -> Rows:
    """Items that came after the label run before the last one, the least sure first."""
    runs = [r for r in Runs(desk.store).all() if r["stage"] == "label"]
    before = int(runs[-2]["counts"].get("items", 0)) if len(runs) > 1 else 0
    column = column_of(desk, attribute)
    at = np.flatnonzero(column.rows >= before)
    fresh = column.rows[at[np.argsort(np.nan_to_num(column.confidence[at], nan=-1.0), kind="stable")]]
    rows = desk.rows()
    return np.concatenate([rows[rows > column.rows.max(initial=-1)], fresh])


def audit(desk: Desk, attribute: Attribute) -> Rows:
    """Accepted machine labels in an order that chance alone made; it stays the same from day to day."""
    column = column_of(desk, attribute)
    at = np.flatnonzero(column.machine & (column.codes >= 0))
    # A hash of the row orders the sample: new items fall between the old ones, those audited stay where they were.
    mixed = (column.rows[at].astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    return column.rows[at[np.argsort(mixed ^ (mixed >> np.uint64(32)), kind="stable")]]


def balanced(desk: Desk, attribute: Attribute) -> Rows:
    """One item of each value in turn, the least sure of each first: rare values are seen as often as common ones."""
    column = column_of(desk, attribute)
    at = np.flatnonzero(column.machine & (column.codes >= 0))
    at = at[np.argsort(column.confidence[at], kind="stable")]
    turn = np.zeros(len(at), np.int64)
    for code in range(len(column.values)):
        mine = column.codes[at] == code
        turn[mine] = np.arange(int(mine.sum()))
    return column.rows[at[np.argsort(turn, kind="stable")]]


QUEUES: dict[str, tuple[str, Callable[[Desk, Attribute], Rows]]] = {
    "Unlabelled, most telling first": ("No label yet; one answer here moves the votes of many.", unlabelled),
    "Least sure": ("Machine labels just above their threshold.", lowest_margin),
    "Contradicted tags": ("The tag says one thing, the neighbours another.", contradicted),
    "Clusters that disagree": ("Copies of one picture with different labels.", disagreeing),
    "New": ("Came since the label run before the last.", newest),
    "Balanced": ("Every value in turn, rare ones too.", balanced),
    "Audit": ("A random sample of accepted machine labels: it measures their true precision.", audit),
}


FILLS = ("Unlabelled, most telling first",)
"""Queues that an item leaves when corrections around it have given it a label."""


def queue(desk: Desk, name: str, attribute: Attribute) -> Rows:
    """Return the rows of a queue that nobody has decided on yet, at most LONGEST."""
    order = desk.kept(
        f"queue {name} {attribute.name}",
        ("labels", "groups", "items"),
        lambda: QUEUES[name][1](desk, attribute),
    )
    effect = desk.effect()
    decided = {row for row, said in effect.labels if said == attribute.name}
    decided |= {row for row, label in desk.ripples(attribute.name).items() if label.values and name in FILLS}
    decided |= {row for row, flag in effect.subjects.items() if flag == "several"}
    if decided:
        order = order[~np.isin(order, np.fromiter(decided, np.int64, len(decided)))]
    rows: Rows = order[:LONGEST].astype(np.int64)
    return rows


def _graph(desk: Desk) -> str:
    table = f"neighbours_{desk.store.encoder_key()}"
    return table if desk.store.has(table) else ""


def _popularity(desk: Desk) -> npt.NDArray[np.int32]:
    """Return by row how many items have it among their neighbours; 4 bytes an item."""
    table = _graph(desk)
    if not table:
        return np.empty(0, np.int32)

    def made() -> npt.NDArray[np.int32]:
        count = np.zeros(desk.store.n_items(), np.int32)
        for batch in desk.store.scan(table, ["ids"], batch_rows=16_384):
            ids = batch.column(0).flatten().to_numpy()
            count += np.bincount(ids[ids >= 0], minlength=len(count)).astype(np.int32)
        return count

    found: npt.NDArray[np.int32] = desk.kept("popularity", (table,), made)
    return found


def _agreement(desk: Desk, column: Column) -> npt.NDArray[np.float32]:
    """Return, in the order of the column, which share of the labelled neighbours' weight agrees with the label."""
    share = np.ones(len(column.rows), np.float32)
    table = _graph(desk)
    if not table or not len(column.rows):
        return share
    codes = np.full(desk.store.n_items(), -1, np.int32)
    codes[column.rows] = column.codes
    place = np.full(len(codes), -1, np.int64)
    place[column.rows] = np.arange(len(column.rows))
    for batch in desk.store.scan(table, ["row", "ids", "similarity"], batch_rows=16_384):
        rows = batch.column(0).to_numpy()
        width = batch.column(1).type.list_size
        ids = batch.column(1).flatten().to_numpy().reshape(-1, width)
        weight = np.maximum(batch.column(2).flatten().to_numpy().reshape(-1, width), 0) ** 4
        theirs = np.where(ids >= 0, codes[np.maximum(ids, 0)], -1)
        weight = np.where(theirs >= 0, weight, 0)
        total = weight.sum(axis=1)
        own = np.where(theirs == codes[rows][:, None], weight, 0).sum(axis=1)
        known = (place[rows] >= 0) & (total > 0) & ((theirs >= 0).sum(axis=1) >= 3)
        share[place[rows[known]]] = own[known] / total[known]
    return share
