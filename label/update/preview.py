"""What corrections would change, before they are written or before the next label run reads them.

The items are labelled as the next incremental run will label them: by the models of the last full run, with the
corrections among their reference items, and with everything that tags, texts and reviews say of the items. The next
full run learns from the corrections.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from index.reviews.effective import EffectiveReviews
from index.store.encoder_key import known_encoder_key
from label.data.dataset import LabelInputs
from label.data.load import ItemLoader, take_vectors
from label.learn.fit_all import LabelModels
from label.predict.predict import ItemBatch, PredictedLabel, predict
from label.update.reference_items import changed_items, with_changes
from label.update.stored import StoredModels
from schema.arrays import Rows


@dataclass(frozen=True, slots=True)
class Corrections:
    """The reviews as they would be, and the items ``rows`` whose reviews are others than the last label run read."""

    reviews: EffectiveReviews
    rows: Rows


@dataclass(frozen=True, slots=True)
class Preview:
    """The labels that items would have, by attribute and row, and how many items no label run has seen yet: these
    cannot be previewed."""

    labels: dict[str, dict[int, PredictedLabel]]
    unseen: int = 0


def preview(
    loader: ItemLoader, stored: StoredModels, corrections: Corrections, rows: Rows, names: Sequence[str]
) -> Preview:
    """Return the labels of the attributes ``names`` that the items ``rows`` would have."""
    wanted = np.unique(np.asarray(rows, np.int64))
    # What is said of a copy counts for the item that stays in its place.
    corrected = np.union1d(corrections.rows, loader.copies.kept_for(corrections.rows))
    inputs = loader.load_some(np.union1d(wanted, corrected), corrections.reviews)
    seen = inputs.dataset.rows[inputs.dataset.folds >= 0]
    looked_at = np.intersect1d(wanted, seen)
    unseen = len(wanted) - len(looked_at)
    if not len(looked_at):
        return Preview({}, unseen)
    models = _corrected(loader, stored, inputs, np.intersect1d(corrected, seen), names)
    batch = ItemBatch.of(inputs, looked_at)
    labels = {
        prediction.column.attribute.name: dict(
            zip(looked_at.tolist(), prediction.column.labels(), strict=True)
        )
        for prediction in predict(models, loader.vocabulary, batch, names)
    }
    return Preview(labels, unseen)


def _corrected(
    loader: ItemLoader, stored: StoredModels, inputs: LabelInputs, rows: Rows, names: Sequence[str]
) -> LabelModels:
    """Return the models of ``names``, and of the number of characters, with the corrected items ``rows``."""
    fitted, key = stored.fitted, known_encoder_key(loader.store)
    models = {}
    for attribute in loader.vocabulary.attributes:
        name = attribute.name
        if name not in fitted.models or (name not in names and not attribute.ambiguous):
            continue
        model = fitted.models[name]
        changed = changed_items(attribute, model, inputs.dataset, rows)
        before = stored.changes.by_attribute.get(name)
        if before is not None:
            changed = before.replaced(rows, changed)
        if changed is not None:
            _, vectors = take_vectors(loader.store, key, changed.rows)
            model = with_changes(model, fitted.features, changed, vectors)
        models[name] = model
    return replace(fitted, models=models)
