"""What changed since the last label run, and which items it touches; the rest keep their labels.

A digest of everything that is stated of an item tells whether it changed. An item is touched when the cell in which
it votes asks a donor that changed; the cells of all items are kept from run to run, so nothing is judged to find out.
Models are those of the last full run, so a partial run gives what judging everything with them would give.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from index.store import Store
from label.data.load import Found
from label.learn.fit_all import Learned
from label.learn.serialize import thaw
from label.update.donors import Joined, changed_donors, grow, grown, touched_cells
from schema import tables
from schema.arrays import Bools, Ints, Ints8
from schema.errors import StoreError
from schema.vocabulary import Vocabulary

STATE = "label_state"
Digests = Ints


@dataclass(slots=True)
class State:
    """What a run leaves for the next one, by row: ``fitted`` and ``seen`` digests [n] at the fit and now (0 at the fit
    for an item that came later), ``folds`` int8 [n], ``cells`` int16 [n, attributes]."""

    fitted: Digests
    seen: Digests
    folds: Ints8
    cells: npt.NDArray[np.int16]

    def grow(self, n: int) -> None:
        """Make room for n rows."""
        more = n - len(self.seen)
        self.fitted = np.concatenate([self.fitted, np.zeros(more, np.int64)])
        self.seen = np.concatenate([self.seen, np.zeros(more, np.int64)])
        self.folds = np.concatenate([self.folds, np.full(more, -1, np.int8)])
        self.cells = np.concatenate([self.cells, np.full((more, self.cells.shape[1]), -1, np.int16)])


@dataclass(slots=True)
class Joins:
    """The donors that changed since the fit, by attribute; frozen beside the models."""

    by_name: dict[str, Joined] = field(default_factory=dict)


@dataclass(slots=True)
class Change:
    """The models with the donors of now, the state, the items to judge again, and which share changed since the fit."""

    learned: Learned
    joins: Joins
    state: State
    rows: Ints
    share: float


def digests(found: Found) -> Digests:
    """Return a digest of what is stated of each item and of its fold, int64 [n]; the order of statements is no part."""
    collection = found.collection
    total = _mixed(collection.folds + 1) + _mixed((collection.at >= 0) + np.int64(100))
    total += _mixed((collection.tag_counts > 0) + np.int64(200)) + _mixed(collection.clear + np.int64(300))
    with np.errstate(over="ignore"):
        for name, stated in collection.stated.items():
            rows, codes, sources = stated.triples()
            words = np.array([_word(f"{name}={value}") for value in stated.values] or [0], np.int64)
            np.add.at(total, rows, _mixed(words[codes] + sources))
        for row, text in _remarks(found):
            total[row] += _word(text)
    return total


def _remarks(found: Found) -> Iterator[tuple[int, str]]:
    """Yield what is known of single items beside their statements, as (row, text)."""
    for name, stated in found.collection.stated.items():
        for row, codes in stated.contested.items():
            yield row, f"contested {name}: {sorted(stated.values[code] for code in codes)}"
    for name, rejected in found.rejected.items():
        for row, values in rejected.items():
            yield row, f"rejected {name}: {sorted(values)}"
    for name, rows in found.closed.items():
        for row in rows:
            yield row, f"closed {name}"
    for row, reason in found.ambiguous.items():
        yield row, f"ambiguous: {reason}"
    for row, texts in found.conflicts.items():
        yield row, f"conflicts: {texts}"


def _word(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little", signed=True)


def _mixed(numbers: npt.NDArray[np.integer]) -> Digests:
    with np.errstate(over="ignore"):
        key = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        key ^= key >> np.uint64(29)
        key *= np.uint64(0xBF58476D1CE4E5B9)
        key ^= key >> np.uint64(32)
    return key.view(np.int64)


def load_state(store: Store, attributes: int) -> State | None:
    """Return the state of the last run, or None where it is missing or of another vocabulary."""
    if not store.has(STATE) or store.schema(STATE).field("cells").type.list_size != attributes:
        return None
    table = store.read(STATE)
    cells = table["cells"].combine_chunks().flatten().to_numpy().reshape(-1, attributes)
    columns = [table[name].to_numpy() for name in ("fitted", "seen", "fold")]
    return State(columns[0].copy(), columns[1].copy(), columns[2].copy(), cells.copy())


def save_state(store: Store, state: State) -> None:
    """Write the state of a run."""
    kept = tables.label_state(state.cells.shape[1])
    cells = pa.FixedSizeListArray.from_arrays(pa.array(state.cells.ravel()), state.cells.shape[1])
    columns = [np.arange(len(state.seen)), state.fitted, state.seen, state.folds, cells]
    store.replace(STATE, pa.table(columns, schema=kept), kept)


def load_joins(store: Store) -> Joins:
    """Return the donors that changed since the fit, as the last run saw them."""
    for batch in store.scan("label_models", ["name", "blob"], "name = 'joined'"):
        for record in batch.to_pylist():
            found: Joins = thaw(record["blob"], Joins)
            return found
    return Joins()


def load_fitted(store: Store) -> Learned:
    """Return the models of the last full run; raises StoreError when items were not labelled yet."""
    if store.has("label_models"):
        for batch in store.scan("label_models", ["name", "blob"], "name = 'learned'"):
            for record in batch.to_pylist():
                learned: Learned = thaw(record["blob"], Learned)
                return learned
    raise StoreError("the store holds no label models yet", "Run: likeness label --store ...")


def load_learned(store: Store) -> Learned:
    """Return the models with the donors that the last run judged with; raises StoreError before the first one."""
    learned = load_fitted(store)
    joined = load_joins(store).by_name
    if not joined:
        return learned
    table = f"vectors_{store.encoder_key()}"
    models = dict(learned.models)
    for name, each in joined.items():
        column = store.take(table, each.rows.tolist(), ["vector"])["vector"].combine_chunks()
        vectors = column.flatten().to_numpy().reshape(len(each.rows), -1)
        models[name] = grow(models[name], learned.features, each, vectors)
    return replace(learned, models=models)


def joins_of(vocabulary: Vocabulary, learned: Learned, found: Found, rows: Ints) -> Joins:
    """Return the donors among the items ``rows`` that state something else than at the fit."""
    joins = Joins()
    for name, model in learned.models.items():
        joined = changed_donors(vocabulary.attribute(name), model, found.collection, rows)
        if joined is not None:
            joins.by_name[name] = joined
    return joins


def change_of(
    vocabulary: Vocabulary, learned: Learned, state: State, before: Joins, found: Found, now: Digests
) -> Change:
    """Return what changed since the last run and which items must be judged again; ``state`` is grown to all rows.

    ``learned`` is as fitted; ``now`` are the digests of all items, ``before`` the donors the last run judged with.
    """
    n = len(now)
    state.grow(n)
    changed = state.seen != now
    joins = joins_of(vocabulary, learned, found, np.flatnonzero(state.fitted != now))
    old = grown(learned, before.by_name, found.collection)
    new = grown(learned, joins.by_name, found.collection)
    judged: Bools = changed.copy()
    donors = moved = 0
    for at, name in enumerate(vocabulary.names):
        model = learned.models.get(name)
        if model is None:
            continue
        mine, theirs = joins.by_name.get(name), before.by_name.get(name)
        moved += 0 if mine is None else len(mine.rows)
        donors += max(len(b.which.electorate.rows) if b.which else 0 for b in model.benches)
        if mine is None and theirs is None:
            continue
        rows = (
            mine.differs(theirs) if mine is not None else theirs.differs(None) if theirs else np.empty(0, int)
        )
        for fold in range(len(model.benches)):
            cells = touched_cells(old.models[name], fold, rows) | touched_cells(new.models[name], fold, rows)
            here = (state.folds == fold) & (state.cells[:, at] >= 0)
            judged[here] |= cells[state.cells[here, at]]
    state.seen = now
    # New items count as well: attributes that too few stated at the fit may be learned by now.
    share = max(moved / max(donors, 1), (state.fitted != now).sum() / max((state.fitted != 0).sum(), 1))
    return Change(new, joins, state, np.flatnonzero(judged), float(share))
