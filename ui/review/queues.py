"""What to review next: each queue is an order of rows for one attribute, made from the tables in one pass.

A decided item leaves its queue at once; the order of the rest stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from index.store.runs import Runs
from schema.arrays import Bools, Floats32, Ints, Ints32, Rows
from schema.numbers.hashing import mix64
from schema.vocabulary import Attribute
from ui.review.workspace import Workspace

LONGEST = 20_000
"""Items a queue holds; nobody reviews more in a sitting, and the next run makes new ones."""


OBSERVED = pa.array(["tag", "text"])


@dataclass(frozen=True, slots=True)
class Column:
    """One attribute of all labelled items: values as codes (-1: none), confidence (nan: none), whose label it is.

    ``clear``: a picture of one character; ``refused``: a reviewer said that it cannot be known.
    """

    rows: Rows
    codes: Ints32
    values: list[str]
    confidence: Floats32
    machine: Bools
    tagged: Bools
    clear: Bools
    refused: Bools


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What the neighbours say of one item instead of its tag, or beside it, and with which probability."""

    value: str
    probability: float


def column_of(workspace: Workspace, attribute: Attribute) -> Column:
    """Return one attribute as arrays; for a multi-label attribute the first value stands for all. 20 bytes an item."""
    return workspace.cached(f"column {attribute.name}", ("labels",), lambda: _column(workspace, attribute))


def _column(workspace: Workspace, attribute: Attribute) -> Column:
    name = attribute.name
    index: dict[str, int] = {}
    parts = []
    for batch in workspace.store.scan(
        "labels", ["row", name, f"{name}_confidence", f"{name}_source", "ambiguous"]
    ):
        source = batch.column(3)
        person = _mask(pc.is_in(source, OBSERVED))
        reviewed = _mask(pc.equal(source, "review"))
        codes = _codes(batch.column(1), index)
        parts.append(
            (
                batch.column(0).to_numpy(),
                codes,
                batch.column(2).to_numpy(zero_copy_only=False).astype(np.float32),
                _mask(source.is_valid()) & ~person & ~reviewed,
                person,
                ~_mask(batch.column(4)),
                reviewed & (codes < 0),
            )
        )
    if not parts:
        none, off = np.empty(0, np.int64), np.empty(0, bool)
        return Column(none, none.astype(np.int32), [], none.astype(np.float32), off, off, off, off)
    rows, codes, *rest = (np.concatenate(each) for each in zip(*parts, strict=True))
    return Column(rows, codes, list(index), *rest)


def _mask(column: pa.Array) -> Bools:
    found: Bools = pc.fill_null(column, False).to_numpy(zero_copy_only=False)
    return found.astype(bool)


def _codes(column: pa.Array, index: dict[str, int]) -> Ints32:
    """Return the code of each item's (first) value, -1 for none; ``index`` grows by values not seen before."""
    if pa.types.is_list(column.type):
        empty = pc.fill_null(pc.equal(pc.list_value_length(column), 0), True).to_numpy(zero_copy_only=False)
        starts = column.offsets.to_numpy()[:-1]
        column = column.values.take(pa.array(np.where(empty, 0, starts), mask=empty))
    words = pc.dictionary_encode(column)
    known = [-1 if not w else index.setdefault(w, len(index)) for w in words.dictionary.to_pylist()]
    places = pc.fill_null(words.indices, len(known)).to_numpy(zero_copy_only=False)
    codes: Ints32 = np.array([*known, -1], np.int32)[places]
    return codes


def lowest_confidence(workspace: Workspace, attribute: Attribute) -> Rows:
    """Machine labels, the least confident first."""
    column = column_of(workspace, attribute)
    at = np.flatnonzero(column.machine & (column.codes >= 0))
    return column.rows[at[np.argsort(column.confidence[at], kind="stable")]]


def unlabelled(workspace: Workspace, attribute: Attribute) -> Rows:
    """Items without a label, those first that tell most about others (``usefulness``)."""
    column = column_of(workspace, attribute)
    at = np.flatnonzero((column.codes < 0) & (column.clear | bool(attribute.ambiguous)) & ~column.refused)
    useful = usefulness(workspace, column, column.rows[at])
    return column.rows[at[np.argsort(-useful, kind="stable")]]


def contradicted(workspace: Workspace, attribute: Attribute) -> Rows:
    """Tagged items whose neighbours say another value, the most contradicted first."""
    if workspace.store.has("label_noise"):
        return _noise_candidates(workspace, attribute, "contradicted")
    column = column_of(workspace, attribute)
    share = _agreement(workspace, column)
    at = np.flatnonzero(column.tagged & (column.codes >= 0) & (share < 0.5))
    return column.rows[at[np.argsort(share[at], kind="stable")]]


def missing(workspace: Workspace, attribute: Attribute) -> Rows:
    """Tagged items that lack a tag which their neighbours give them, the most probable first."""
    return _noise_candidates(workspace, attribute, "missing")


def _noise_candidates(workspace: Workspace, attribute: Attribute, kind: str) -> Rows:
    where = f"attribute = '{attribute.name}' AND kind = '{kind}'"
    if not workspace.store.has("label_noise"):
        return np.empty(0, np.int64)
    found = workspace.store.read("label_noise", ["row", "rank"], where).sort_by("rank")
    return np.array(list(dict.fromkeys(found["row"].to_pylist())), np.int64)


def suggestions(workspace: Workspace, name: str, attribute: Attribute) -> dict[int, Suggestion]:
    """Return what the votes suggest for the items of a queue of doubtful tags, by row; {} for the other queues."""
    kind = QUEUES[name].doubts
    if not kind or not workspace.store.has("label_noise"):
        return {}

    def made() -> dict[int, Suggestion]:
        where = f"attribute = '{attribute.name}' AND kind = '{kind}' AND suggestion IS NOT NULL"
        found = workspace.store.read(
            "label_noise", ["row", "rank", "suggestion", "probability"], where
        ).sort_by("rank")
        first: dict[int, Suggestion] = {}
        for record in found.to_pylist():
            first.setdefault(
                record["row"], Suggestion(record["suggestion"], float(record["probability"] or 0))
            )
        return first

    return workspace.cached(f"suggestions {kind} {attribute.name}", ("label_noise",), made)


def disagreeing(workspace: Workspace, attribute: Attribute) -> Rows:
    """Copies of one artwork that have different labels, group by group; variants may well differ."""
    from ui.review.duplicates.groups import duplicate_groups

    groups = duplicate_groups(workspace)
    if not groups.count:
        return np.empty(0, np.int64)
    column = column_of(workspace, attribute)
    codes = np.full(int(max(column.rows.max(initial=-1), groups.rows.max(initial=-1))) + 1, -1, np.int64)
    codes[column.rows] = column.codes
    compared = np.where(groups.variant, -1, codes[groups.rows])
    highest = np.maximum.reduceat(compared, groups.starts[:-1])
    lowest = np.minimum.reduceat(np.where(compared < 0, np.iinfo(np.int64).max, compared), groups.starts[:-1])
    apart = np.repeat((highest >= 0) & (lowest < highest), np.diff(groups.starts))
    rows: Rows = groups.rows[apart & ~groups.variant]
    return rows


def newest(workspace: Workspace, attribute: Attribute) -> Rows:
    """Items that came after the label run before the last one, the least confident first."""
    runs = Runs(workspace.store).of("label")
    before = int(runs[-2]["counts"].get("items", 0)) if len(runs) > 1 else 0
    column = column_of(workspace, attribute)
    at = np.flatnonzero(column.rows >= before)
    fresh = column.rows[at[np.argsort(np.nan_to_num(column.confidence[at], nan=-1.0), kind="stable")]]
    rows = workspace.rows()
    return np.concatenate([rows[rows > column.rows.max(initial=-1)], fresh])


def audit(workspace: Workspace, attribute: Attribute) -> Rows:
    """Accepted machine labels in an order that chance alone made; it stays the same from day to day."""
    column = column_of(workspace, attribute)
    at = np.flatnonzero(column.machine & (column.codes >= 0))
    # A hash of the row orders the sample: new items fall between the old ones, those audited stay where they were.
    return column.rows[at[np.argsort(mix64(column.rows[at] + 1), kind="stable")]]


def balanced(workspace: Workspace, attribute: Attribute) -> Rows:
    """One item of each value in turn, the least confident first: rare values are seen as often as common ones."""
    column = column_of(workspace, attribute)
    at = np.flatnonzero(column.machine & (column.codes >= 0))
    at = at[np.argsort(column.confidence[at], kind="stable")]
    turn = np.zeros(len(at), np.int64)
    for code in range(len(column.values)):
        mine = column.codes[at] == code
        turn[mine] = np.arange(int(mine.sum()))
    return column.rows[at[np.argsort(turn, kind="stable")]]


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue: what it is about, and its order of rows for an attribute.

    ``doubts``: the kind of doubtful tags that its items come from, which come with a suggestion. ``fills``: an item
    leaves it when corrections around it have given it a label. ``audits``: decisions in it measure the precision.
    """

    title: str
    about: str
    order: Callable[[Workspace, Attribute], Rows]
    doubts: str = ""
    fills: bool = False
    audits: bool = False


_ALL = (
    Queue(
        "Unlabelled, most useful first",
        "No label yet; one answer here tells most about others.",
        unlabelled,
        fills=True,
    ),
    Queue("Lowest confidence", "Machine labels just above their threshold.", lowest_confidence),
    Queue(
        "Contradicted tags",
        "The tag says one thing, the neighbours another.",
        contradicted,
        doubts="contradicted",
    ),
    Queue(
        "Missing tags",
        "Tagged pictures without a tag that their neighbours give them.",
        missing,
        doubts="missing",
    ),
    Queue("Duplicates that disagree", "Copies of one artwork with different labels.", disagreeing),
    Queue("New", "Pictures that came since the label run before the last.", newest),
    Queue("Balanced", "Every value in turn, rare ones too.", balanced),
    Queue(
        "Audit", "A random sample of machine labels: it measures their true precision.", audit, audits=True
    ),
)
QUEUES = {queue.title: queue for queue in _ALL}


def queue(workspace: Workspace, name: str, attribute: Attribute) -> Rows:
    """Return the rows of a queue that nobody has decided on yet, at most LONGEST."""
    chosen = QUEUES[name]
    order = workspace.cached(
        f"queue {name} {attribute.name}",
        ("labels", "label_noise", "groups", "items"),
        lambda: _pictures(workspace, chosen.order(workspace, attribute)),
    )
    reviewed = workspace.reviewed()
    decided = {row for row, of in reviewed.labels if of == attribute.name}
    if chosen.fills:
        decided |= {row for row, label in workspace.revoted(attribute.name).items() if label.values}
    decided |= {row for row, flag in reviewed.subjects.items() if flag == "several"}
    if decided:
        order = order[~np.isin(order, np.fromiter(decided, np.int64, len(decided)))]
    rows: Rows = order[:LONGEST].astype(np.int64)
    return rows


def _graph(workspace: Workspace) -> str:
    table = f"neighbours_{workspace.store.encoder_key()}"
    return table if workspace.store.has(table) else ""


def _pictures(workspace: Workspace, rows: Rows) -> Rows:
    """Return the rows that are pictures: there is nothing to see of a refused file or a text."""
    shown = np.zeros(workspace.store.n_items(), bool)
    shown[workspace.rows()] = True
    return rows[shown[rows]]


def usefulness(workspace: Workspace, column: Column, rows: Rows) -> Floats32:
    """Return how much an answer on each of these unlabelled items would tell, float32 [n]; three passes over the graph.

    An item counts by its *applicability*, the share of its neighbours that are labelled (neighbours known to be
    unknowable count three times against it), and by its *reach*, the unlabelled items that have it as a neighbour,
    each with its own applicability, as a share of the graph's width. The reach is halved for each neighbour that has
    a larger one, so that the first page is spread out.
    """
    table = _graph(workspace)
    if not table or not len(rows):
        return np.zeros(len(rows), np.float32)
    n = workspace.store.n_items()
    state = np.full(n, -1, np.int8)
    state[column.rows] = np.where(column.codes >= 0, 1, np.where(column.refused, 2, 0))
    wanted = np.zeros(n, bool)
    wanted[rows] = True
    applicability, reach = np.zeros(n, np.float32), np.zeros(n, np.float32)
    rivals = np.zeros(n, np.int16)
    width = 1
    for row, ids in _lists(workspace, table, wanted):
        near = np.where(ids >= 0, state[np.maximum(ids, 0)], -1)
        labelled, refused = (near == 1).sum(axis=1), (near == 2).sum(axis=1)
        applicability[row] = (labelled + 1) / ((near >= 0).sum(axis=1) + 2 * refused + 2)
        width = ids.shape[1]
    for row, ids in _lists(workspace, table, wanted):
        weights = np.broadcast_to(applicability[row][:, None], ids.shape)[ids >= 0]
        reach += np.bincount(ids[ids >= 0], weights, minlength=n).astype(np.float32)
    for row, ids in _lists(workspace, table, wanted):
        theirs = np.where((ids >= 0) & wanted[np.maximum(ids, 0)], reach[np.maximum(ids, 0)], 0)
        rivals[row] = (theirs > reach[row][:, None]).sum(axis=1)
    halved = 0.5 ** rivals[rows].astype(np.float32)
    useful: Floats32 = applicability[rows] + reach[rows] / width * halved
    return useful


def _lists(workspace: Workspace, table: str, wanted: Bools) -> Iterator[tuple[Rows, Ints]]:
    """Yield rows [b] and their neighbours [b, k] of the wanted items."""
    for batch in workspace.store.scan(table, ["row", "ids"], batch_rows=16_384):
        row = batch.column(0).to_numpy()
        ids = batch.column(1).flatten().to_numpy().reshape(len(row), -1)
        pick = wanted[row]
        yield row[pick], ids[pick]


def _agreement(workspace: Workspace, column: Column) -> Floats32:
    """Return, in the order of the column, which share of the labelled neighbours' weight agrees with the label."""
    share = np.ones(len(column.rows), np.float32)
    table = _graph(workspace)
    if not table or not len(column.rows):
        return share
    codes = np.full(workspace.store.n_items(), -1, np.int32)
    codes[column.rows] = column.codes
    place = np.full(len(codes), -1, np.int64)
    place[column.rows] = np.arange(len(column.rows))
    for batch in workspace.store.scan(table, ["row", "ids", "similarity"], batch_rows=16_384):
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
