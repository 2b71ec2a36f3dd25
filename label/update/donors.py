"""Frozen models with other donors: reviews and new items join the electorates, what was corrected leaves them.

Subspaces, probes, pools, curves and thresholds stay as the last full run fitted them. The page uses this for the items
round a correction, the label stage for everything that changed since the fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from label.learn.features import FeatureMap
from label.learn.fit_all import Collection, Learned
from label.learn.knn import Electorate
from label.learn.knn_scorer import Electors
from label.learn.model import AttributeModel
from schema.arrays import Bools, Floats32, Ints, Ints32
from schema.vocabulary import Attribute

AWAY = 1e3
"""Coordinate of a donor that has left: so far away that it neither votes nor sets the scale of the others."""


@dataclass(frozen=True, slots=True)
class Joined:
    """Donors of one attribute whose statement changed since the fit: ``rows`` int64 [k] ascending, ``folds`` [k],
    ``targets`` float32 [k, v]; all zeros: the item states nothing any more, and leaves."""

    rows: Ints
    folds: Ints
    targets: Floats32

    def differs(self, other: Joined | None) -> Ints:
        """Return the rows whose statement is another one than in ``other``, int64 [d] ascending."""
        if other is None:
            return self.rows
        mine = {
            r: (f, t.tobytes()) for r, f, t in zip(self.rows.tolist(), self.folds, self.targets, strict=True)
        }
        theirs = {
            r: (f, t.tobytes())
            for r, f, t in zip(other.rows.tolist(), other.folds, other.targets, strict=True)
        }
        rows = [row for row in mine.keys() | theirs.keys() if mine.get(row) != theirs.get(row)]
        return np.array(sorted(rows), np.int64)


def changed_donors(
    attribute: Attribute, model: AttributeModel, collection: Collection, rows: Ints
) -> Joined | None:
    """Return those of the items ``rows`` (ascending) that state something else than they did at the fit, if any."""
    rows = rows[collection.at[rows] >= 0]
    stated = collection.stated[attribute.name]
    many = attribute.kind == "many"
    targets = stated.matrix(rows, model.values, attribute if many else None)
    if not many:
        # Whatever else an item states, two values of one kind make no donor.
        targets[stated.counts(collection.size)[rows] > 1] = 0
    if not attribute.ambiguous:
        targets[~collection.clear[rows]] = 0
    folds = collection.folds[rows]
    fitted: dict[int, tuple[list[int], bytes]] = {}
    for fold, bench in enumerate(model.benches):
        if bench.which is None:
            continue
        old = bench.which.electorate
        for at in np.flatnonzero(np.isin(old.rows, rows)).tolist():
            seats, _ = fitted.setdefault(int(old.rows[at]), ([], old.targets[at].tobytes()))
            seats.append(fold)
    everywhere = [fold for fold, bench in enumerate(model.benches) if bench.which is not None]
    keep = []
    for at, row in enumerate(rows.tolist()):
        seats, target = fitted.get(row, ([], b""))
        same = target == targets[at].tobytes() and seats == [f for f in everywhere if f != folds[at]]
        keep.append(not same if row in fitted else bool(targets[at].any()))
    chosen = np.array(keep, bool)
    return Joined(rows[chosen], folds[chosen], targets[chosen]) if chosen.any() else None


def grow(
    model: AttributeModel, features: FeatureMap, joined: Joined, vectors: npt.NDArray[np.floating]
) -> AttributeModel:
    """Return the model with other donors; ``vectors`` [k, d] are theirs. No item joins the judges of its own fold."""
    plain = features.plain(vectors)
    benches = []
    for fold, bench in enumerate(model.benches):
        which = bench.which
        if which is None:
            benches.append(bench)
            continue
        speaks = joined.targets.any(axis=1) & (joined.folds != fold)
        grown = grow_electors(which, joined.rows, joined.rows[speaks], plain[speaks], joined.targets[speaks])
        judges = tuple(grown if judge is which else judge for judge in bench.judges)
        benches.append(replace(bench, judges=judges))
    return replace(model, benches=tuple(benches))


def grow_electors(judges: Electors, leave: Ints, rows: Ints, plain: Floats32, targets: Floats32) -> Electors:
    """Return electors without the donors ``leave``, and with new ones at plain features [k, p]."""
    old = judges.electorate
    gone = np.isin(old.rows, leave)
    fresh = (plain @ judges.basis).astype(np.float32)
    coordinates = np.concatenate([np.where(gone[:, None], np.float32(AWAY), old.coordinates), fresh])
    grown = replace(
        old,
        rows=np.concatenate([old.rows, rows]),
        coordinates=coordinates,
        targets=np.concatenate([old.targets, targets.astype(old.targets.dtype)]),
        weights=np.concatenate([np.where(gone, 0, old.weights), np.ones(len(fresh))]).astype(np.float32),
        asked=_asked(old, coordinates, gone, len(fresh)),
    )
    return replace(judges, electorate=grown)


def _asked(old: Electorate, coordinates: Floats32, gone: Bools, added: int) -> Ints32:
    """Return the donors that each cell asks: all where there is one cell, else the nearest, as many as before."""
    new = np.arange(len(gone), len(gone) + added, dtype=np.int32)
    if len(old.centres) == 1:
        return np.concatenate([old.asked, new[None]], axis=1)
    asked = old.asked.copy()
    reach = asked.shape[1]
    for cell, centre in enumerate(old.centres):
        now = asked[cell]
        distance = ((coordinates[now] - centre) ** 2).sum(axis=1)
        closer = new[((coordinates[new] - centre) ** 2).sum(axis=1) < distance.max()]
        if len(closer):
            pool = np.concatenate([now, closer])
            distance = ((coordinates[pool] - centre) ** 2).sum(axis=1)
            asked[cell] = np.sort(pool[np.argsort(distance, kind="stable")[:reach]])
    return asked


def touched_cells(model: AttributeModel, fold: int, rows: Ints) -> Bools:
    """Return which cells of the judges of a fold ask any of these donors, bool [c]."""
    which = model.benches[fold].which
    if which is None:
        return np.zeros(0, bool)
    named = np.isin(which.electorate.rows, rows)
    return np.asarray(named[which.electorate.asked].any(axis=1))


def grown(learned: Learned, joined: Mapping[str, Joined], collection: Collection) -> Learned:
    """Return what was learned with other donors of the attributes in ``joined``."""
    models = dict(learned.models)
    for name, each in joined.items():
        vectors = collection.vectors[collection.at[each.rows]]
        models[name] = grow(models[name], learned.features, each, vectors)
    return replace(learned, models=models)
