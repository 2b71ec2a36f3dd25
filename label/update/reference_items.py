"""Fitted models with other reference items: reviews and new items join them, what was corrected leaves them.

Subspaces, probes, pools, calibrators and thresholds stay as the last full run fitted them. An incremental run and the
preview of a correction both get their models here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from label.data.dataset import Dataset
from label.learn.features import FeatureMap
from label.learn.fit_all import LabelModels
from label.learn.knn import LabelledPoints, ReferenceSet
from label.learn.knn_scorer import FAR, KnnScorer
from label.learn.model import AttributeModel
from schema.arrays import Bools, Floats32, Ints, Ints32, Rows
from schema.vocabulary import Attribute


@dataclass(frozen=True, slots=True)
class ChangedItems:
    """Items of one attribute whose observed labels changed since the fit: ``rows`` int64 [k] ascending, ``folds`` [k],
    ``targets`` float32 [k, v]; all zero for an item that has no value any more and is no reference item."""

    rows: Rows
    folds: Ints
    targets: Floats32

    def differs(self, other: ChangedItems | None) -> Rows:
        """Return the rows whose labels are others than in ``other``, int64 [d] ascending."""
        if other is None:
            return self.rows
        own, theirs = self._by_row(), other._by_row()
        rows = [row for row in own.keys() | theirs.keys() if own.get(row) != theirs.get(row)]
        return np.array(sorted(rows), np.int64)

    def _by_row(self) -> dict[int, tuple[int, bytes]]:
        numbered = zip(self.rows.tolist(), self.folds.tolist(), self.targets, strict=True)
        return {row: (fold, target.tobytes()) for row, fold, target in numbered}

    def replaced(self, rows: Rows, fresh: ChangedItems | None) -> ChangedItems | None:
        """Return these changes with what is said of ``rows`` replaced by ``fresh``; None if nothing is left."""
        kept = ~np.isin(self.rows, rows)
        parts = [ChangedItems(self.rows[kept], self.folds[kept], self.targets[kept])]
        parts += [fresh] if fresh is not None else []
        all_rows = np.concatenate([part.rows for part in parts])
        if not len(all_rows):
            return None
        order = np.argsort(all_rows)
        folds = np.concatenate([part.folds for part in parts])[order]
        return ChangedItems(all_rows[order], folds, np.concatenate([part.targets for part in parts])[order])


@dataclass(slots=True)
class ReferenceChanges:
    """The items whose observed labels changed since the fit, by attribute; stored beside the models."""

    by_attribute: dict[str, ChangedItems] = field(default_factory=dict)


def changed_items(
    attribute: Attribute, model: AttributeModel, dataset: Dataset, rows: Rows
) -> ChangedItems | None:
    """Return those of the items ``rows`` (ascending) whose labels are not those of the fit; None if there are none."""
    places = dataset.places(rows)
    with_vector = dataset.vector_place[places] >= 0
    rows, places = rows[with_vector], places[with_vector]
    observed = dataset.observed[attribute.name]
    targets = observed.matrix(rows, model.values, expand=model.multi_label)
    if not model.multi_label:
        # Two values of a single-label attribute make no reference item, whatever else is known.
        targets[observed.counts(rows) > 1] = 0
    if not attribute.ambiguous:
        targets[~dataset.single[places]] = 0
    folds = dataset.folds[places]
    fitted = _fitted_items(model, rows)
    with_knn = [fold for fold, scorers in enumerate(model.folds) if scorers.knn is not None]
    changed = np.zeros(len(rows), bool)
    for item, row in enumerate(rows.tolist()):
        if row not in fitted:
            changed[item] = bool(targets[item].any())
            continue
        seen_in, target = fitted[row]
        expected = [fold for fold in with_knn if fold != folds[item]]
        changed[item] = target != targets[item].tobytes() or seen_in != expected
    return ChangedItems(rows[changed], folds[changed], targets[changed]) if changed.any() else None


def _fitted_items(model: AttributeModel, rows: Rows) -> dict[int, tuple[list[int], bytes]]:
    """Return which of ``rows`` are reference items of the model: the folds whose scorers they are in, their targets."""
    fitted: dict[int, tuple[list[int], bytes]] = {}
    for fold, scorers in enumerate(model.folds):
        if scorers.knn is None:
            continue
        reference = scorers.knn.reference
        for member in np.flatnonzero(np.isin(reference.rows, rows)).tolist():
            row = int(reference.rows[member])
            folds, _ = fitted.setdefault(row, ([], reference.targets[member].tobytes()))
            folds.append(fold)
    return fitted


def with_changes(
    model: AttributeModel, features: FeatureMap, changed: ChangedItems, vectors: npt.NDArray[np.floating]
) -> AttributeModel:
    """Return the model with other reference items; ``vectors`` [k, d] are those of the changed ones.

    No item joins the scorers of its own fold.
    """
    plain = features.plain(vectors)
    folds = []
    for fold, scorers in enumerate(model.folds):
        if scorers.knn is None:
            folds.append(scorers)
            continue
        joins = changed.targets.any(axis=1) & (changed.folds != fold)
        updated = _updated(scorers.knn, changed, joins, plain)
        others = tuple(updated if scorer is scorers.knn else scorer for scorer in scorers.scorers)
        folds.append(replace(scorers, scorers=others))
    return replace(model, folds=tuple(folds))


def _updated(scorer: KnnScorer, changed: ChangedItems, joins: Bools, plain: Floats32) -> KnnScorer:
    """Return a scorer without the changed reference items, and with those that join, each with the full weight."""
    coordinates = (plain[joins] @ scorer.basis).astype(np.float32)
    points = LabelledPoints(
        changed.rows[joins], coordinates, changed.targets[joins], np.ones(len(coordinates), np.float32)
    )
    return replace(scorer, reference=update_reference_set(scorer.reference, changed.rows, points))


def update_reference_set(old: ReferenceSet, leave: Rows, join: LabelledPoints) -> ReferenceSet:
    """Return a reference set without the items ``leave`` and with those that ``join``."""
    gone = np.isin(old.rows, leave)
    # Moved so far away that they neither vote nor set the scale of the others.
    kept = np.where(gone[:, None], np.float32(FAR), old.coordinates)
    coordinates = np.concatenate([kept, join.coordinates])
    weights = np.concatenate([np.where(gone, 0, old.weights), join.weights])
    return replace(
        old,
        rows=np.concatenate([old.rows, join.rows]),
        coordinates=coordinates,
        targets=np.concatenate([old.targets, join.targets.astype(old.targets.dtype)]),
        weights=weights.astype(np.float32),
        members=_members(old, coordinates, len(join.rows)),
    )


def _members(old: ReferenceSet, coordinates: Floats32, added: int) -> Ints32:
    """Return the items that each cell asks: all where there is one cell, else the nearest, as many as before."""
    new = np.arange(len(old.rows), len(old.rows) + added, dtype=np.int32)
    if len(old.centres) == 1:
        return np.concatenate([old.members, new[None]], axis=1)
    members = old.members.copy()
    reach = members.shape[1]
    for cell, centre in enumerate(old.centres):
        present = members[cell]
        distance = ((coordinates[present] - centre) ** 2).sum(axis=1)
        closer = new[((coordinates[new] - centre) ** 2).sum(axis=1) < distance.max()]
        if len(closer):
            nearest = np.concatenate([present, closer])
            distance = ((coordinates[nearest] - centre) ** 2).sum(axis=1)
            members[cell] = np.sort(nearest[np.argsort(distance, kind="stable")[:reach]])
    return members


def affected_cells(model: AttributeModel, fold: int, rows: Rows) -> Bools:
    """Return which cells of the scorers of a fold ask any of these items, bool [c]."""
    scorer = model.folds[fold].knn
    if scorer is None:
        return np.zeros(0, bool)
    named = np.isin(scorer.reference.rows, rows)
    return np.asarray(named[scorer.reference.members].any(axis=1))


def models_with_changes(
    models: LabelModels, changes: Mapping[str, ChangedItems], dataset: Dataset
) -> LabelModels:
    """Return the models with other reference items of the attributes in ``changes``."""
    updated = dict(models.models)
    for name, changed in changes.items():
        vectors = dataset.vectors_of(dataset.places(changed.rows))
        updated[name] = with_changes(updated[name], models.features, changed, vectors)
    return replace(models, models=updated)
